"""The declared tables: documented, keyed, and their docs travel into Arrow, Parquet and TABLES.md."""

import re
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from attlas.schema import (
    ADDED_TABLES,
    HEADS,
    PAIR_HEAD_CONTACTS,
    PROTEINS,
    RESIDUES,
    SEQUENCES,
    SHARD_TABLES,
    SITES,
    TABLES,
    Table,
    tables_added_by,
)
from attlas.schema.document import TABLES_MD, describe_tables, main
from attlas.schema.parquet_file import write_table

WIDTH = 5
N_LAYERS = 6

every_table = pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)


def test_tables_md_is_current() -> None:
    assert TABLES_MD.read_text() == describe_tables(), "run `python -m attlas.schema.document --write`"


def test_tables_md_is_printed_without_arguments(capsys: pytest.CaptureFixture[str]) -> None:
    main([])
    assert capsys.readouterr().out == describe_tables()


@every_table
def test_tables_md_names_every_column_with_its_doc(table: Table) -> None:
    section = describe_tables().split(f"\n## {table.name}\n")[1].split("\n## ")[0]
    for column in table.columns:
        line = next(line for line in section.splitlines() if line.startswith(f"| `{column.name}` |"))
        assert column.doc in line.replace("\\|", "|")
        assert f"| {column.unit} |" in line


@every_table
def test_a_doc_is_one_sentence_with_a_full_stop(table: Table) -> None:
    for doc in (table.doc, *(column.doc for column in table.columns)):
        assert doc.endswith(".")
        assert doc[0].isupper() or doc[0] in "`|"
        assert doc == doc.strip()
        assert "\n" not in doc


@every_table
def test_key_and_sort_are_columns_of_the_table(table: Table) -> None:
    names = [column.name for column in table.columns]
    assert len(names) == len(set(names))
    assert table.key
    assert set(table.key) <= set(names)
    assert table.sort
    assert set(table.sort) <= {column.name for column in table.stored()}
    nullable = [column.name for column in table.columns if column.name in table.key and column.is_nullable]
    assert nullable == (["head"] if table is PAIR_HEAD_CONTACTS else [])  # null there: the mean over the heads


@every_table
def test_a_column_of_attention_or_counts_has_a_unit(table: Table) -> None:
    for column in table.columns:
        if pa.types.is_floating(column.type) or column.name.startswith("n_"):
            assert column.unit, column.name


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
def test_no_table_has_a_type_that_some_engine_does_not_read(table: Table) -> None:
    """Half floats are refused by Spark, Trino and DuckLake."""
    types = {pa.string(), pa.bool_(), pa.int16(), pa.int32(), pa.int64(), pa.float32(), pa.float64()}
    assert {column.type for column in table.stored()} <= types


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


def test_received_is_one_list_of_a_value_per_layer() -> None:
    kind = RESIDUES.schema(N_LAYERS).field("received").type
    assert kind.list_size == N_LAYERS
    assert kind.value_type == pa.float32()


def test_a_user_sees_the_accession_in_every_view_but_sequences() -> None:
    for table in (PROTEINS, SITES, RESIDUES, HEADS):
        assert table.key[0] == "accession"
    assert "accession" not in [column.name for column in SEQUENCES.columns]


def test_a_table_is_computed_from_tables_that_are_declared_before_it() -> None:
    for at, table in enumerate(TABLES):
        assert set(table.computed_from) <= set(TABLES[:at]), table.name


def test_the_tables_of_a_command_are_found_by_its_verb() -> None:
    assert [table.name for table in tables_added_by("probe")] == [
        "labels",
        "head_features",
        "head_max_sites",
        "head_periods",
    ]
    assert {
        table
        for verb in (
            "annotate",
            "probe",
            "contacts",
            "links",
            "embed",
            "pairs",
            "interfaces",
            "binders",
            "evaluate",
            "fit",
        )
        for table in tables_added_by(verb)
    } == {*ADDED_TABLES}


def test_a_doc_that_says_which_command_adds_a_table_says_it_as_declared() -> None:
    for table in TABLES:
        verbs = re.findall(r"added by `attlas (\w+)`", table.doc)
        assert verbs in ([], [table.added_by.verb] if table.added_by else []), table.name


def test_shards_write_every_table_but_proteins() -> None:
    assert {PROTEINS, *SHARD_TABLES, *ADDED_TABLES} == set(TABLES)
    for table in SHARD_TABLES:
        assert table.sort[0] == "sequence_id"
