"""FASTA files → their proteins in order of accession and their distinct sequences in order of a plan, out of core.

Memory holds a few blocks of text, and some 10 bytes for each protein; all else of an input of more than one block is in
a temporary folder, about three times the size of its text.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from heapq import nsmallest

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from attlas.pipeline.proteins.external_sort import STEP_BATCHES, SortedRun, merge_runs
from attlas.pipeline.proteins.fasta import BLOCK_BYTES, FastaInput
from attlas.pipeline.proteins.merging import PLANNED, Merger, ProteinsDigest, ReasonToSkip
from attlas.pipeline.proteins.ordering import RUN_BYTES, SequenceOrder
from attlas.pipeline.proteins.parsing import parse_blocks
from attlas.pipeline.proteins.records import MOST_LISTED, LetterCounts, refuse_blank_accessions, refuse_nucleotides
from attlas.pipeline.proteins.spool import Spool
from attlas.pipeline.proteins.workspace import Workspace
from attlas.schema import InputError

MOST_SKIPPED_LISTED = 100
"""Skipped proteins that are kept in memory, to be printed."""

NUMBERED = PLANNED.append(pa.field("sequence_id", pa.int32()))
"""A protein of the input with the number of its sequence; null where it is not computed."""


@dataclass(frozen=True)
class Sizes:
    """How much of an input is held in memory at once."""

    block_bytes: int = BLOCK_BYTES
    """Text that is parsed at once."""
    run_bytes: int = RUN_BYTES
    """Text of sequences that are sorted at once."""
    step_batches: int = STEP_BATCHES
    """Batches of runs that are merged at once."""
    n_parsers: int | None = None
    """Processes that parse; None: by the number of cores."""


@dataclass(frozen=True)
class ParsedInput:
    """The records of an input, parsed and sorted in runs."""

    input: FastaInput
    """Read to its end."""
    runs: tuple[SortedRun, ...]
    workspace: Workspace
    sizes: Sizes


@dataclass(frozen=True)
class SkippedProtein:
    """A protein that is not computed."""

    accession: str
    place: str
    """Its line in the input, in words."""
    reason: str


@dataclass(frozen=True)
class ArrangedProteins:
    """The proteins of an input, unique by accession, and the order of their distinct sequences."""

    name: str
    """Names of the files, or `-` for standard input."""
    sha256: str
    """SHA-256 of the files as they are, joined end to end: of compressed files, of the compressed bytes."""
    n_records: int
    n_proteins: int
    n_skipped: int
    skipped: tuple[SkippedProtein, ...]
    """The skipped proteins that come first in the input."""
    digest: str
    """Digest over accession, header and sequence of every protein, in order of accession."""
    lengths: NDArray[np.int32]
    """Residues of every distinct sequence, in their order."""
    sequence_ids: NDArray[np.int32]
    """Number of the sequence of every protein, in order of accession; -1 where it is not computed."""
    workspace: Workspace
    rows: Spool
    order: SequenceOrder

    def proteins(self) -> Iterator[pa.Table]:
        """Yield the proteins with the columns of NUMBERED, in order of accession."""
        begin = 0
        for rows in self.rows:
            ids = self.sequence_ids[begin : begin + rows.num_rows]
            begin += rows.num_rows
            yield rows.append_column(NUMBERED.field("sequence_id"), pa.array(ids, mask=ids < 0))

    def sequences(self) -> Iterator[pa.Table]:
        """Yield the distinct sequences to compute, with the columns of `ordering.PLANNED_SEQUENCES`."""
        return self.order.sequences()


def parse_input(sources: Sequence[str], *, max_length: int | None = None, sizes: Sizes | None = None) -> ParsedInput:
    """Parse FASTA files: paths, plain or compressed, or `-` for standard input. Several are one input, joined.

    A record that cannot be computed has a reason.

    Args:
        sources: paths, or `-`.
        max_length: longest sequence to compute, residues; longer ones get a reason. None: MAX_RESIDUES.
        sizes: how much is held in memory.

    Raises:
        InputError: a file cannot be read or is no FASTA (see `fasta`), an accession is white space alone, or a whole
            file looks like nucleotides.
        EnvironmentFault: the temporary folder cannot be written.
    """
    if max_length is not None and max_length < 1:
        raise InputError("--max-length must be at least 1.", expected="a number of residues", found=str(max_length))

    sizes = sizes or Sizes()
    fasta = FastaInput(sources, block_bytes=sizes.block_bytes)
    workspace = Workspace()
    runs: list[SortedRun] = []
    blank_accessions: list[str] = []
    n_blank_accessions = 0
    letters = [LetterCounts() for _ in sources]
    with ExitStack() as on_error:
        on_error.callback(workspace.close)
        blocks = fasta.blocks()
        for parsed in parse_blocks(blocks, max_length=max_length, workspace=workspace, n_parsers=sizes.n_parsers):
            runs.append(parsed.run)
            letters[parsed.file] += parsed.letters
            blank_accessions += parsed.blank_accessions[: MOST_LISTED - len(blank_accessions)]
            n_blank_accessions += parsed.n_blank_accessions

        refuse_blank_accessions(blank_accessions, n_blank_accessions, fasta.name)
        for name, file_letters in zip(fasta.names, letters, strict=True):
            refuse_nucleotides(file_letters, name)
        on_error.pop_all()
    return ParsedInput(fasta, tuple(runs), workspace, sizes)


def arrange_proteins(parsed: ParsedInput, reason_to_skip: ReasonToSkip | None = None) -> ArrangedProteins:
    """Return the proteins of an input: repeats of an accession are merged and counted, the first header is kept.

    Args:
        parsed: the input; its runs are used up.
        reason_to_skip: what the model cannot read; None: it reads all.

    Raises:
        InputError: an accession stands for two different sequences.
        EnvironmentFault: the temporary folder cannot be written.
    """
    workspace, sizes, fasta = parsed.workspace, parsed.sizes, parsed.input
    is_on_disk = workspace.is_used
    rows = Spool(PLANNED, workspace.folder / "proteins.arrow" if is_on_disk else None)
    order = SequenceOrder(workspace.folder if is_on_disk else None, run_bytes=sizes.run_bytes)
    merger = Merger(name=fasta.name, describe_line=fasta.describe_line, reason_to_skip=reason_to_skip)
    digest = ProteinsDigest()
    n_proteins, n_skipped = 0, 0
    skipped: list[tuple[int, str, str]] = []

    with ExitStack() as on_error, rows.filling() as filler:
        on_error.callback(workspace.close)
        records = merge_runs(parsed.runs, key="accession", step_batches=sizes.step_batches)
        for proteins in merger.merge(records):
            filler.add(proteins)
            order.add(proteins)
            digest.add(proteins)
            table_skipped = _list_skipped(proteins)
            n_proteins += proteins.num_rows
            n_skipped += len(table_skipped)
            skipped = nsmallest(MOST_SKIPPED_LISTED, skipped + table_skipped)
        on_error.pop_all()

    for run in parsed.runs:
        if run.path is not None:
            run.path.unlink(missing_ok=True)
    sequence_ids, lengths = order.number()
    return ArrangedProteins(
        name=fasta.name,
        sha256=fasta.sha256,
        n_records=fasta.n_records,
        n_proteins=n_proteins,
        n_skipped=n_skipped,
        skipped=tuple(SkippedProtein(name, fasta.describe_line(line), reason) for line, name, reason in skipped),
        digest=str(digest),
        lengths=lengths,
        sequence_ids=sequence_ids,
        workspace=workspace,
        rows=rows,
        order=order,
    )


def _list_skipped(proteins: pa.Table) -> list[tuple[int, str, str]]:
    """Return line, accession and reason of the proteins that are skipped."""
    columns = proteins.select(["line", "accession", "reason"]).filter(pc.is_valid(proteins["reason"])).to_pydict()
    return list(zip(*columns.values(), strict=True))
