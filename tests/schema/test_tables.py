"""The declared tables: documented, keyed, of types that every engine reads, and computed from declared ones."""

import re

import pyarrow as pa
import pytest

from attlas.schema import (
    ADDED_TABLES,
    HEADS,
    PROTEINS,
    RESIDUES,
    SEQUENCES,
    SHARD_TABLES,
    SITES,
    TABLES,
    Table,
    tables_added_by,
)

N_LAYERS = 6

every_table = pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)


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
    assert nullable == (["head"] if table.name == "pair_head_contacts" else [])  # null there: the mean over the heads


@every_table
def test_a_column_of_attention_or_counts_has_a_unit(table: Table) -> None:
    for column in table.columns:
        if pa.types.is_floating(column.type) or column.name.startswith("n_"):
            assert column.unit, column.name


@every_table
def test_no_table_has_a_type_that_some_engine_does_not_read(table: Table) -> None:
    """Half floats are refused by Spark, Trino and DuckLake."""
    types = {pa.string(), pa.bool_(), pa.int16(), pa.int32(), pa.int64(), pa.float32(), pa.float64()}
    assert {column.type for column in table.stored()} <= types


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
