"""The distinct sequences of a plan on disk: a shard's are read without the others, from where their numbers say.

Every page has a checksum, and the sequences of every shard have a digest, which is stored with the shards.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from attlas.pipeline.plan import Shard
from attlas.pipeline.proteins.ordering import PLANNED_SEQUENCES
from attlas.pipeline.stored_shards import read_sequences_digest
from attlas.schema import AtlasPaths, BrokenAtlasError
from attlas.schema.publish import publishing
from attlas.schema.row_groups import fill_row_groups

GROUP_SEQUENCES = 512
"""Sequences of a row group: sequence `i` is in row group `i // GROUP_SEQUENCES`, counted through all files."""
FILE_GROUPS = 512
"""Row groups of a file, so that its footer is soon read."""
_OPTIONS = {"compression": "zstd", "write_statistics": False, "write_page_checksum": True}
"""How the files are written."""


class SequencesDigest:
    """The digest over the sequences of a shard, which are added in their order: SHA-256, a line for each sequence."""

    def __init__(self) -> None:
        self._lines = hashlib.sha256()

    def add(self, sequences: pa.ChunkedArray) -> None:
        """Add sequences; it does not matter in how many pieces they come."""
        for piece in sequences.chunks:
            if len(piece):
                all_of_piece = pa.ListArray.from_arrays(pa.array([0, len(piece)], pa.int32()), piece)
                self._lines.update(pc.binary_join(all_of_piece, "\n")[0].as_buffer())
                self._lines.update(b"\n")

    def __str__(self) -> str:
        """Return the digest, 64 hexadecimal digits."""
        return self._lines.hexdigest()


def write_sequences(paths: AtlasPaths, tables: Iterable[pa.Table], shards: Sequence[Shard]) -> list[str]:
    """Publish the distinct sequences, which come with the columns of PLANNED_SEQUENCES in order of `sequence_id`.

    Returns:
        The digest of the sequences of each shard.
    """
    digests = [SequencesDigest() for _ in shards]
    batches = _digest_shards(tables, shards, digests)
    groups = fill_row_groups(batches, GROUP_SEQUENCES)
    for index, first_group in enumerate(groups, start=1):
        with (
            publishing(paths.planned_sequences(index)) as beside,
            pq.ParquetWriter(beside, PLANNED_SEQUENCES, **_OPTIONS) as writer,
        ):
            writer.write_table(first_group)
            for group in islice(groups, FILE_GROUPS - 1):
                writer.write_table(group)
    return [str(digest) for digest in digests]


def read_sequences(paths: AtlasPaths, shard: Shard, columns: tuple[str, ...] = ("sequence",)) -> pa.Table:
    """Return columns of the shard's distinct sequences, in order of `sequence_id`.

    Raises:
        BrokenAtlasError: the plan does not hold the sequences of the shard, or they differ from their digest.
    """
    begin, end = shard.first_sequence_id, shard.end_sequence_id
    names = ["sequence_id", *columns]
    groups = _list_groups(shard)
    rows = pa.concat_tables(_read_groups(paths, shard, groups, names))

    rows = rows.slice(begin - groups.start * GROUP_SEQUENCES, end - begin)
    if rows["sequence_id"].to_pylist() != list(range(begin, end)):
        raise _broken_error(paths, shard, f"{rows.num_rows} sequences, of others among them")
    if "sequence" in columns:
        _compare_digest(paths, shard, rows["sequence"])
    return rows.select(list(columns))


def list_sequence_files(shard: Shard) -> range:
    """Return the indexes of the files that hold the sequences of a shard."""
    groups = _list_groups(shard)
    return range(groups.start // FILE_GROUPS + 1, (groups.stop - 1) // FILE_GROUPS + 2)


def _list_groups(shard: Shard) -> range:
    """Return the row groups with the sequences of a shard, counted through all files."""
    return range(shard.first_sequence_id // GROUP_SEQUENCES, (shard.end_sequence_id - 1) // GROUP_SEQUENCES + 1)


def _read_groups(paths: AtlasPaths, shard: Shard, groups: range, names: list[str]) -> Iterator[pa.Table]:
    """Yield the rows of row groups, counted through all files. Raises BrokenAtlasError."""
    for index in range(groups.start // FILE_GROUPS, (groups.stop - 1) // FILE_GROUPS + 1):
        begin_group = index * FILE_GROUPS
        path = paths.planned_sequences(index + 1)
        try:
            with pq.ParquetFile(path, page_checksum_verification=True) as file:
                in_file = range(max(groups.start - begin_group, 0), min(groups.stop - begin_group, file.num_row_groups))
                rows = file.read_row_groups(in_file, columns=names, use_threads=False)
            rows = rows.select(names).cast(pa.schema([PLANNED_SEQUENCES.field(name) for name in names]))
        except (OSError, pa.ArrowException, ValueError, KeyError) as error:
            raise _broken_error(paths, shard, f"{path.name} cannot be read: {str(error).splitlines()[0]}") from error
        yield rows


def _digest_shards(
    tables: Iterable[pa.Table], shards: Sequence[Shard], digests: Sequence[SequencesDigest]
) -> Iterator[pa.RecordBatch]:
    """Yield the batches of all tables, and add their sequences to the digests of their shards on the way."""
    begin, place = 0, 0
    for table in tables:
        end = begin + table.num_rows
        while place < len(shards) and shards[place].first_sequence_id < end:
            shard_begin, shard_end = shards[place].first_sequence_id, shards[place].end_sequence_id
            begin_row, end_row = max(begin, shard_begin) - begin, min(end, shard_end) - begin
            digests[place].add(table["sequence"].slice(begin_row, end_row - begin_row))
            if shard_end > end:
                break
            place += 1

        yield from table.to_batches()
        begin = end


def _compare_digest(paths: AtlasPaths, shard: Shard, sequences: pa.ChunkedArray) -> None:
    """Refuse sequences that are not those of a whole shard. Raises BrokenAtlasError."""
    expected = read_sequences_digest(paths.shards, shard)
    digest = SequencesDigest()
    digest.add(sequences)
    if expected is not None and str(digest) != expected:
        names = ", ".join(paths.planned_sequences(index).name for index in list_sequence_files(shard))
        raise _broken_error(paths, shard, f"other sequences in {names} than {paths.shards.name} was written with")


def _broken_error(paths: AtlasPaths, shard: Shard, found: str) -> BrokenAtlasError:
    return BrokenAtlasError(
        f"{paths.planned_sequences(1).parent} does not hold the sequences of shard {shard.index}.",
        expected=f"sequence_id {shard.first_sequence_id} to {shard.end_sequence_id - 1}",
        found=found,
        hint="start again in a new directory",
    )
