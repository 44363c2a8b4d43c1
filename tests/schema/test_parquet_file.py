"""What a Parquet file of an atlas carries: its range, where it comes from, docs and units, and statistics."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers.smallest_atlas import ATLAS_ID, FIRST_ID, LAST_ID
from helpers.written_run import RUN

from attlas.schema import SHARD_TABLES, TABLES, AtlasPaths, Manifest, Table
from attlas.schema.parquet_file import PROVENANCE_KEY, write_table


def test_a_file_is_described_by_its_rows_bytes_and_range(paths: AtlasPaths, manifest: Manifest) -> None:
    proteins, _, sites = manifest.files
    assert (proteins.n_rows, proteins.first_sequence_id, proteins.last_sequence_id) == (2, None, None)
    assert (sites.n_rows, sites.first_sequence_id, sites.last_sequence_id) == (2, FIRST_ID, LAST_ID)
    assert sites.n_bytes == (paths.root / sites.path).stat().st_size


def test_provenance_is_in_every_file_and_holds_no_time(paths: AtlasPaths, manifest: Manifest) -> None:
    for file in manifest.files:
        values = json.loads(pq.read_schema(paths.root / file.path).metadata[PROVENANCE_KEY])
        assert values["atlas_id"] == ATLAS_ID
        assert values["run_id"] == RUN.run_id
        assert {name: values[name] for name in RUN.to_json()} == RUN.to_json()
        assert set(values) == {"atlas_id", "run_id", "determinism", *RUN.to_json()}


WIDTH = 5


N_LAYERS = 6


every_table = pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)


@every_table
def test_docs_and_units_survive_into_arrow_and_parquet(table: Table, tmp_path: Path) -> None:
    path = tmp_path / f"{table.name}.parquet"
    write_table(path, table=table, rows=table.schema(N_LAYERS).empty_table(), metadata={b"attlas": b"{}"})
    read = pq.read_schema(path)
    assert read.names == [column.name for column in table.stored()]
    assert read.metadata[b"doc"].decode() == table.doc
    assert read.metadata[b"attlas"] == b"{}"
    for column in table.stored():
        field = read.field(column.name)
        assert field.metadata[b"doc"].decode() == column.doc
        assert field.metadata[b"unit"].decode() == column.unit
        assert field.type == column.field(N_LAYERS).type
        assert field.nullable == column.is_nullable


@pytest.mark.parametrize("table", SHARD_TABLES, ids=lambda table: table.name)
def test_files_have_statistics_of_the_columns_by_which_rows_are_found_and_none_of_floats(
    table: Table, tmp_path: Path
) -> None:
    schema = table.schema(N_LAYERS)
    rows = pa.table([pa.array([_example(field.type)] * 3, field.type) for field in schema], schema=schema)
    write_table(tmp_path / "x.parquet", table=table, rows=rows, metadata={})

    group = pq.read_metadata(tmp_path / "x.parquet").row_group(0)
    columns = [group.column(i) for i in range(group.num_columns)]
    statistics = {column.path_in_schema.split(".")[0]: column.statistics for column in columns}
    assert (statistics["sequence_id"].min, statistics["sequence_id"].max) == (1, 1)
    for column in table.stored():
        assert (statistics[column.name] is None) == pa.types.is_floating(column.type), column.name


@every_table
def test_numbers_are_stored_byte_by_byte_side_by_side(table: Table, tmp_path: Path) -> None:
    schema = table.schema(N_LAYERS)
    rows = pa.table([pa.array([_example(field.type)] * 3, field.type) for field in schema], schema=schema)
    write_table(tmp_path / "x.parquet", table=table, rows=rows, metadata={})

    group = pq.read_metadata(tmp_path / "x.parquet").row_group(0)
    for column in [group.column(i) for i in range(group.num_columns)]:
        is_split = "BYTE_STREAM_SPLIT" in column.encodings
        assert is_split == (column.physical_type in ("FLOAT", "DOUBLE")), column.path_in_schema


def _example(kind: pa.DataType) -> object:
    if pa.types.is_fixed_size_list(kind):
        return [1.0] * N_LAYERS
    if pa.types.is_list(kind):
        return [1.0] * WIDTH
    return "ok" if pa.types.is_string(kind) else pa.scalar(1).cast(kind).as_py()
