"""The distinct sequences of a plan on disk: a shard's are read without the others, from where their numbers say."""

from collections.abc import Iterable, Iterator
from itertools import islice

import pyarrow as pa
import pyarrow.parquet as pq

from attlas.pipeline.plan import Shard
from attlas.pipeline.proteins.ordering import SEQUENCES
from attlas.schema import AtlasPaths, BrokenAtlasError
from attlas.schema.publish import publishing
from attlas.schema.row_groups import fill_row_groups

GROUP_SEQUENCES = 512
"""Sequences of a row group: sequence `i` stands in row group `i // GROUP_SEQUENCES`, counted through all files."""
FILE_GROUPS = 512
"""Row groups of a file, so that its footer is soon read."""


def write_sequences(paths: AtlasPaths, tables: Iterable[pa.Table]) -> None:
    """Publish the distinct sequences, which come with the columns of SEQUENCES in order of `sequence_id`."""
    batches = (batch for table in tables for batch in table.to_batches())
    groups = fill_row_groups(batches, GROUP_SEQUENCES)
    for index, first_group in enumerate(groups, start=1):
        with (
            publishing(paths.planned_sequences(index)) as beside,
            pq.ParquetWriter(beside, SEQUENCES, compression="zstd", write_statistics=False) as writer,
        ):
            writer.write_table(first_group)
            for group in islice(groups, FILE_GROUPS - 1):
                writer.write_table(group)


def read_sequences(paths: AtlasPaths, shard: Shard, columns: tuple[str, ...] = ("sequence",)) -> pa.Table:
    """Return columns of the shard's distinct sequences, in order of `sequence_id`.

    Raises:
        BrokenAtlasError: the plan does not hold the sequences of the shard.
    """
    begin, end = shard.first_sequence_id, shard.end_sequence_id
    names = ["sequence_id", *columns]
    groups = _list_groups(shard)
    try:
        rows = pa.concat_tables(_read_groups(paths, groups, names))
    except (OSError, pa.ArrowException, ValueError, KeyError) as error:
        raise _broken(paths, shard, str(error).splitlines()[0]) from error

    rows = rows.slice(begin - groups.start * GROUP_SEQUENCES, end - begin)
    if rows["sequence_id"].to_pylist() != list(range(begin, end)):
        raise _broken(paths, shard, f"{rows.num_rows} sequences, of others among them")
    return rows.select(list(columns))


def list_sequence_files(shard: Shard) -> range:
    """Return the indexes of the files that hold the sequences of a shard."""
    groups = _list_groups(shard)
    return range(groups.start // FILE_GROUPS + 1, (groups.stop - 1) // FILE_GROUPS + 2)


def _list_groups(shard: Shard) -> range:
    """Return the row groups with the sequences of a shard, counted through all files."""
    return range(shard.first_sequence_id // GROUP_SEQUENCES, (shard.end_sequence_id - 1) // GROUP_SEQUENCES + 1)


def _read_groups(paths: AtlasPaths, groups: range, names: list[str]) -> Iterator[pa.Table]:
    """Yield the rows of row groups, counted through all files."""
    for index in range(groups.start // FILE_GROUPS, (groups.stop - 1) // FILE_GROUPS + 1):
        first = index * FILE_GROUPS
        with pq.ParquetFile(paths.planned_sequences(index + 1)) as file:
            in_file = range(max(groups.start - first, 0), min(groups.stop - first, file.num_row_groups))
            yield file.read_row_groups(in_file, columns=names, use_threads=False)


def _broken(paths: AtlasPaths, shard: Shard, found: str) -> BrokenAtlasError:
    return BrokenAtlasError(
        f"{paths.planned_sequences(1).parent} does not hold the sequences of shard {shard.index}.",
        expected=f"sequence_id {shard.first_sequence_id} to {shard.end_sequence_id - 1}",
        found=found,
        hint="start again in a new directory",
    )
