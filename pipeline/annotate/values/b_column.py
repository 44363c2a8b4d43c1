"""The B column of structures → a track: pLDDT in computed models, B factors in crystals, by the protein's letters."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from attlas.intake.rejects import Reason, Record, Rejected, Remark
from attlas.pipeline.annotate.gather import DraftTable
from attlas.pipeline.annotate.imports import AnnotationSource, Series
from attlas.pipeline.annotate.rows import AnnotationRows
from attlas.pipeline.annotate.structures.assign import AssignedChain, Assignment
from attlas.pipeline.annotate.structures.files import read_files
from attlas.pipeline.annotate.structures.read import (
    OTHER_LETTERS,
    assign_chains,
    chain_remarks,
    nonprotein_chains,
)
from attlas.pipeline.annotate.values.gather import series_rows, without_repeats
from attlas.pipeline.annotate.values.records import ValueRow
from attlas.pipeline.annotate.values.spill import KEY
from attlas.structures.atoms import PolymerResidues


class StructureTrack(NamedTuple):
    """The values of one structure file."""

    rows: AnnotationRows
    format: str
    n_values: int


def read_b_columns(
    source: AnnotationSource, series: Series, assignment: Assignment
) -> Iterator[StructureTrack | Rejected | Remark]:
    """Yield the values of each structure of a file or folder, chains that give none, residues without, and remarks.

    The value of a residue is that of its C-alpha atom. A residue of another letter than the protein's gives none.

    Raises:
        InputError: as `read_files`; or the only file is not what the caller says it is.
        EnvironmentFault: gemmi is not installed.
    """
    for file in read_files(source.path, format=source.format):
        if isinstance(file, Rejected):
            yield file
            continue

        chains: list[AssignedChain] = []
        for outcome in assign_chains(file, assignment, is_in_folder=source.path.is_dir()):
            if isinstance(outcome, Rejected):
                yield outcome
            else:
                chains.append(outcome)
        yield from nonprotein_chains(file)

        residues = PolymerResidues.of(file)
        draft = DraftTable(ValueRow._fields)
        n_values = 0
        for item in _chain_values(chains, residues, file.path.name, series.name):
            if isinstance(item, ValueRow):
                draft.add(item)
                n_values += 1
            else:
                yield item
        for chain in chains:
            # Residues of other letters are rejected, not kept as among the coordinates.
            yield from (remark for remark in chain_remarks(file, chain) if remark.kind != OTHER_LETTERS)
        rows, _ = without_repeats(draft.sorted(KEY), series)
        yield StructureTrack(
            AnnotationRows(tracks=series_rows(rows, series, source=file.path.name)), file.format, n_values
        )


def _chain_values(
    chains: Sequence[AssignedChain], residues: PolymerResidues, file_name: str, name: str
) -> Iterator[ValueRow | Rejected]:
    """Yield the values of chains, of a protein those of its first chain: copies of it differ in their B columns."""
    positions_by_protein: dict[str, set[int]] = {}
    for chain in chains:
        record = Record(chain.accession, file=file_name, chain=chain.match.chain)
        positions = {residue.position for residue in chain.match.same}
        earlier = positions_by_protein.setdefault(chain.accession, set())
        if positions & earlier:
            detail = f"--chain {chain.match.chain} reads it instead"
            yield Rejected(Reason.OTHER_CHAIN, record, detail)
            continue

        earlier |= positions
        yield from _values(chain, residues, name)


def _values(chain: AssignedChain, residues: PolymerResidues, name: str) -> Iterator[ValueRow | Rejected]:
    for aligned in chain.match.placed:
        value = residues.b_factor(aligned.residue, "CA")
        position = str(aligned.position)
        record = Record(chain.accession, name, position, position)

        if not aligned.is_same:
            detail = (
                f"{aligned.structure_letter} in the structure, {aligned.letter} at {aligned.position:,} in the atlas"
            )
            yield Rejected(Reason.OTHER_RESIDUE, record, detail)
        elif value is None:
            yield Rejected(Reason.NO_VALUE, record, "the residue has no C-alpha atom with a finite number")
        else:
            yield ValueRow(
                accession=chain.accession,
                sequence_id=chain.sequence_id,
                position=aligned.position,
                residue=aligned.letter,
                substitute="",
                value=value,
                line=None,
            )
