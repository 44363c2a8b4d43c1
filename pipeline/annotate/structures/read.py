"""A source of structures → the rows of each file, what was left out, and what a reader should know."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from attlas.intake.rejects import Reason, Record, Rejected, Remark, name_chains
from attlas.pipeline.annotate.rows import AnnotationRows
from attlas.pipeline.annotate.structures.assign import AssignedChain, Assignment
from attlas.pipeline.annotate.structures.draw import STRUCTURE_EVIDENCE, StructureContent, rows_of
from attlas.pipeline.annotate.structures.files import read_files
from attlas.pipeline.annotate.structures.partners import list_parts
from attlas.schema import InputError
from attlas.structures.atoms import PolymerResidues
from attlas.structures.chains import StructureFile, polymers
from attlas.structures.interfaces import find_interfaces
from attlas.structures.secondary import read_elements

_POLYMER_WORDS = {"Dna": "DNA", "Rna": "RNA", "DnaRnaHybrid": "DNA and RNA", "Unknown": "unknown kind"}
"""Kinds of polymers as gemmi calls them, in words."""

NO_SECONDARY = "no secondary structure in the file"
OTHER_SECONDARY = "secondary structure of other kinds, not stored"
SEVERAL_MODELS = "several models, the first is read"
OTHER_LETTERS = "another residue than the protein's, kept as observed"
NOT_OF_PROTEIN = "residues not of the protein, left out"
BY_SEQUENCE = "protein found by the chain's sequence"
NOT_READ = "a part of the file is not read"
PARTS_OF_PROTEIN = "parts of one protein, contacts between them not stored"
FEWER_INTERFACES = "structure too large for its assembly"
"""Kinds of remarks on files and chains that are stored."""

_N_MISMATCHES_SHOWN = 5


class StructureRows(NamedTuple):
    """What a structure file gives."""

    rows: AnnotationRows
    format: str
    n_chains: int
    """Chains laid onto a protein; one of several proteins counts for each. May be 0."""


def read_structures(
    source: Path, assignment: Assignment, *, format: str | None
) -> Iterator[StructureRows | Rejected | Remark]:
    """Yield the rows of each structure of a file or folder, chains without a protein of the atlas, and remarks.

    Raises:
        InputError: as `read_files`; or the only file is not what the caller says it is.
        EnvironmentFault: gemmi is not installed.
    """
    for file in read_files(source, format=format):
        if isinstance(file, Rejected):
            yield file
            continue

        chains: list[AssignedChain] = []
        for outcome in assign_chains(file, assignment, is_in_folder=source.is_dir()):
            if isinstance(outcome, Rejected):
                yield outcome
            else:
                chains.append(outcome)
        yield from nonprotein_chains(file)
        yield from _content(file, chains)


def assign_chains(
    file: StructureFile, assignment: Assignment, *, is_in_folder: bool
) -> Iterator[AssignedChain | Rejected]:
    """Yield the chains of a structure with their proteins, or why they have none.

    Raises:
        InputError: a file of its own is not what the caller says it is; in a folder it is rejected.
    """
    try:
        yield from assignment.assign(file)
    except InputError as error:
        if not is_in_folder:
            raise
        yield Rejected(Reason.NOT_AS_ASKED, Record(file=file.path.name), error.what.rstrip("."))


def nonprotein_chains(file: StructureFile) -> Iterator[Rejected]:
    """Yield the polymers that are no proteins, such as DNA."""
    proteins = {(chain.name, chain.part) for chain in file.chains}
    for chain in file.structure[0]:
        for polymer in polymers(chain):
            if (chain.name, polymer.subchain_id()) not in proteins:
                kind = polymer.check_polymer_type().name
                detail = f"{_POLYMER_WORDS.get(kind, kind)}, {len(polymer):,} residues"
                yield Rejected(Reason.NO_PROTEIN_CHAIN, Record(file=file.path.name, chain=chain.name), detail)


def _content(file: StructureFile, chains: Sequence[AssignedChain]) -> Iterator[StructureRows | Remark]:
    """Yield the remarks on a file, then its rows."""
    if not chains:
        yield StructureRows(AnnotationRows(), file.format, 0)
        return
    secondary, n_others = read_elements(file)
    contacts = find_interfaces(file)
    yield from _file_remarks(file, has_secondary=bool(secondary), n_others=n_others, notes=contacts.notes)
    for chain in chains:
        yield from chain_remarks(file, chain)
    for chain, others in list_parts(chains):
        record = Record(chain.accession, file=file.path.name, chain=chain.match.chain)
        yield Remark(PARTS_OF_PROTEIN, record, f"other residues than {name_chains(others)}")

    content = StructureContent(PolymerResidues.of(file), secondary, contacts, _evidence(file))
    yield StructureRows(rows_of(file, chains, content), file.format, len(chains))


def _file_remarks(
    file: StructureFile, *, has_secondary: bool, n_others: dict[str, int], notes: Sequence[str]
) -> Iterator[Remark]:
    record = Record(file=file.path.name)
    if not has_secondary:
        yield Remark(NO_SECONDARY, record)
    for kind, n in n_others.items():
        yield Remark(OTHER_SECONDARY, record, f"{n:,} of {kind}")
    if len(file.structure) > 1:
        yield Remark(SEVERAL_MODELS, record, f"{len(file.structure):,} models")
    for note in file.notes:
        yield Remark(NOT_READ, record, note)
    for note in notes:
        yield Remark(FEWER_INTERFACES, record, note)


def chain_remarks(file: StructureFile, chain: AssignedChain) -> Iterator[Remark]:
    """Yield the remarks that a reader should see on a chain that is laid onto a protein."""
    match = chain.match
    record = Record(chain.accession, file=file.path.name, chain=match.chain)
    if chain.is_by_sequence:
        yield Remark(BY_SEQUENCE, record)
    if n_foreign := match.n_letters - match.n_aligned:
        yield Remark(NOT_OF_PROTEIN, record, f"{n_foreign:,} of the chain's {match.n_letters:,}")

    if mismatches := match.mismatches:
        words = [
            f"{mismatch.letter}{mismatch.position} is {mismatch.residue.names[0]} {mismatch.residue.numbered}"
            for mismatch in mismatches
        ]
        n_more = len(words) - _N_MISMATCHES_SHOWN
        more = f" and {n_more:,} more" if n_more > 0 else ""
        yield Remark(OTHER_LETTERS, record, ", ".join(words[:_N_MISMATCHES_SHOWN]) + more)


def _evidence(file: StructureFile) -> str | None:
    """Return the evidence code of a structure by experiment; a computed model states no experiment."""
    methods = str(file.structure.info["_exptl.method"]) if "_exptl.method" in file.structure.info else ""
    return STRUCTURE_EVIDENCE if methods and "THEORETICAL" not in methods.upper() else None
