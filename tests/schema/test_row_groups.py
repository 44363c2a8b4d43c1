"""Row groups are filled exactly, and the bytes of a file do not depend on the batches in which its rows arrive."""

import random
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from attlas.schema import HEADS, RESIDUES, SITES, Table
from attlas.schema.parquet_file import write_batches, write_table
from attlas.schema.publish import file_sha256
from attlas.schema.row_groups import fill_row_groups

N_LAYERS = 3


@pytest.mark.parametrize("sizes", [[], [0], [7], [10], [3, 7, 10], [25], [1] * 31, [9, 0, 2, 40]])
def test_every_group_but_the_last_is_full(sizes: list[int]) -> None:
    starts = np.cumsum([0, *sizes])
    batches = [
        pa.RecordBatch.from_pydict({"x": np.arange(begin, begin + n)}) for begin, n in zip(starts, sizes, strict=False)
    ]
    groups = list(fill_row_groups(batches, 10))
    assert [value for group in groups for value in group["x"].to_pylist()] == list(range(sum(sizes)))
    assert all(group.num_rows == 10 for group in groups[:-1])
    assert all(0 < group.num_rows <= 10 for group in groups)
    assert all(group["x"].num_chunks == 1 for group in groups)


def draw_rows(table: Table, n_rows: int) -> pa.Table:
    """Return rows of a table with random values of every type."""
    draw = np.random.default_rng(1)

    def column(kind: pa.DataType) -> pa.Array:
        if pa.types.is_fixed_size_list(kind):
            values = draw.random(n_rows * kind.list_size).astype(np.float16).astype(kind.value_type.to_pandas_dtype())
            return pa.FixedSizeListArray.from_arrays(pa.array(values), type=kind)
        if pa.types.is_string(kind):
            return pa.array(["ACDEFGHIKLMNPQRSTVWY"[i] for i in draw.integers(20, size=n_rows)])
        if pa.types.is_boolean(kind):
            return pa.array(draw.integers(2, size=n_rows).astype(bool))
        return pa.array(draw.integers(100, size=n_rows)).cast(kind)

    schema = table.schema(N_LAYERS)
    return pa.table([column(field.type) for field in schema], schema=schema)


@pytest.mark.parametrize("table", [SITES, RESIDUES, HEADS], ids=lambda table: table.name)
def test_the_bytes_do_not_depend_on_the_batches(table: Table, tmp_path: Path) -> None:
    n_rows = int(2.3 * table.row_group_rows)
    rows = draw_rows(table, n_rows)
    write_table(tmp_path / "whole.parquet", table=table, rows=rows, metadata={b"a": b"b"})

    cuts = sorted(random.Random(1).sample(range(n_rows), 9))
    pieces = [rows.slice(begin, end - begin) for begin, end in zip([0, *cuts], [*cuts, n_rows], strict=True)]
    batches = [batch for piece in pieces for batch in piece.combine_chunks().to_batches()]
    write_batches(tmp_path / "pieces.parquet", table=table, schema=rows.schema, batches=batches, metadata={b"a": b"b"})
    assert file_sha256(tmp_path / "pieces.parquet") == file_sha256(tmp_path / "whole.parquet")

    metadata = pq.read_metadata(tmp_path / "whole.parquet")
    sizes = [metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)]
    assert sizes[:-1] == [table.row_group_rows] * 2
    assert pq.read_table(tmp_path / "whole.parquet").equals(rows)
