"""A source of structures → rows, with all that was left out and all that a reader should know."""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from attlas.pipeline.annotate.check import Rejected
from attlas.pipeline.annotate.rejects import Rejects
from attlas.pipeline.annotate.rows import Rows, joined
from attlas.pipeline.annotate.structures.assign import Assigned, Assignment, chain_word
from attlas.pipeline.annotate.structures.draw import STRUCTURE_EVIDENCE, Known3D, rows_of
from attlas.pipeline.annotate.structures.files import structures
from attlas.schema import InputError
from attlas.structures.atoms import Residues
from attlas.structures.chains import StructureFile, polymers
from attlas.structures.interfaces import interfaces
from attlas.structures.secondary import Element, elements

NOT_PROTEIN = "no protein chain"
NOT_AS_ASKED = "no chain as asked for"
_KINDS = {"Dna": "DNA", "Rna": "RNA", "DnaRnaHybrid": "DNA and RNA", "Unknown": "unknown kind"}

NO_SECONDARY = "no secondary structure in the file"
OTHER_SECONDARY = "secondary structure of other kinds, not stored"
SEVERAL_MODELS = "several models, the first is read"
OTHER_LETTERS = "another residue than the protein's, kept as observed"
NOT_OF_PROTEIN = "residues not of the protein, left out"
BY_SEQUENCE = "protein found by the chain's sequence"
FEWER_INTERFACES = "structure too large for its assembly"
"""What a reader should know of a file that is stored, beside the reasons why something is left out."""


class Structures(NamedTuple):
    """What became of a source of structures."""

    rows: Rows
    formats: tuple[str, ...]
    n_chains: int
    """Chains laid onto a protein; one of several proteins counts for each."""
    remarks: Rejects
    """What is stored, but not as one might think."""


def read_structures(source: Path, assignment: Assignment, rejects: Rejects, *, format: str | None) -> Structures:
    """Read the structures of a file or folder; chains without a protein of the atlas go to `rejects`.

    Raises:
        InputError: as `structures`; or the only file is not what the caller says it is.
        EnvironmentFault: gemmi is not installed.
    """
    remarks = Rejects()
    parts: list[Rows] = []
    formats: Counter[str] = Counter()
    n_chains = 0
    for file in structures(source, format=format):
        if isinstance(file, Rejected):
            rejects.add(file)
            continue
        formats[file.format] += 1
        chains = _assigned(file, assignment, rejects, is_folder=source.is_dir())
        if chains:
            n_chains += len(chains)
            parts.append(_rows(file, chains, remarks))
    return Structures(joined(parts), tuple(sorted(formats)), n_chains, remarks)


def _assigned(file: StructureFile, assignment: Assignment, rejects: Rejects, *, is_folder: bool) -> list[Assigned]:
    chains: list[Assigned] = []
    try:
        for found in assignment.of(file):
            if isinstance(found, Rejected):
                rejects.add(found)
            else:
                chains.append(found)
    except InputError as error:
        if not is_folder:
            raise
        rejects.add(Rejected(NOT_AS_ASKED, error.what.rstrip("."), "", "", file=file.path.name))
    for rejected in _others(file):
        rejects.add(rejected)
    return chains


def _others(file: StructureFile) -> Iterator[Rejected]:
    """Yield the polymers that are no proteins, such as DNA."""
    proteins = {(chain.name, chain.part) for chain in file.chains}
    for chain in file.structure[0]:
        for polymer in polymers(chain):
            if (chain.name, polymer.subchain_id()) not in proteins:
                kind = polymer.check_polymer_type()
                said = f"{_KINDS.get(kind.name, kind.name)}, {len(polymer):,} residues"
                yield Rejected(NOT_PROTEIN, said, "", chain_word(chain.name), file=file.path.name)


def _rows(file: StructureFile, chains: Sequence[Assigned], remarks: Rejects) -> Rows:
    found, others = elements(file)
    touching = interfaces(file)
    for remark in _remarks(file, chains, found, others, touching.notes):
        remarks.add(remark)
    return rows_of(file, chains, Known3D(Residues.of(file), found, touching, _evidence(file)))


def _remarks(
    file: StructureFile,
    chains: Sequence[Assigned],
    found: Sequence[Element],
    others: dict[str, int],
    notes: Sequence[str],
) -> Iterator[Rejected]:
    name = file.path.name
    if not found:
        yield Rejected(NO_SECONDARY, "", "", "", file=name)
    for kind, n in others.items():
        yield Rejected(OTHER_SECONDARY, f"{n:,} of {kind}", "", "", file=name)
    if len(file.structure) > 1:
        yield Rejected(SEVERAL_MODELS, f"{len(file.structure):,} models", "", "", file=name)
    for note in notes:
        yield Rejected(FEWER_INTERFACES, note, "", "", file=name)
    for chain in chains:
        place = (chain.accession, chain_word(chain.match.chain))
        if chain.is_by_sequence:
            yield Rejected(BY_SEQUENCE, "", *place, file=name)
        if n := chain.match.n_letters - chain.match.n_aligned:
            yield Rejected(NOT_OF_PROTEIN, f"{n:,} of the chain's {chain.match.n_letters:,}", *place, file=name)
        if wrong := chain.match.mismatches:
            texts = [f"{p.letter}{p.position} is {p.residue.names[0]} {p.residue.numbered}" for p in wrong]
            more = f" and {len(texts) - 5:,} more" if len(texts) > 5 else ""
            yield Rejected(OTHER_LETTERS, ", ".join(texts[:5]) + more, *place, file=name)


def _evidence(file: StructureFile) -> str | None:
    """Return the evidence code of a structure by experiment; a computed model states no experiment."""
    methods = str(file.structure.info["_exptl.method"]) if "_exptl.method" in file.structure.info else ""
    return STRUCTURE_EVIDENCE if methods and "THEORETICAL" not in methods.upper() else None
