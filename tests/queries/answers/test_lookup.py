"""Many ids at once: every id answered, every site there, the reader of the table told every kind of nothing."""

import io
import random
import time
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest
from helpers.reading_case import PROTEINS, random_sequence
from helpers.synthetic import SyntheticProtein, write_atlas

from attlas.queries import Atlas
from attlas.queries.answers.many_ids import ANSWER_COLUMNS, PROTEIN_COLUMNS, SITE_COLUMNS, list_unmatched
from attlas.queries.formats import write_parquet

COMPUTED = [protein.accession for protein in PROTEINS if protein.status == "ok"]


def by_sql(atlas: Atlas, accession: str) -> list[dict]:
    """Return the sites of a protein as DuckDB finds them: another reader, another way to them."""
    query = f"SELECT {', '.join(SITE_COLUMNS)} FROM sites WHERE accession = ? ORDER BY rank"
    return atlas.sql(query, [accession]).to_pylist()


def test_every_site_of_every_protein_is_what_sql_says(atlas: Atlas) -> None:
    table = atlas.lookup(COMPUTED)
    assert table["asked"].unique().to_pylist() == COMPUTED
    for accession in COMPUTED:
        rows = [row for row in table.to_pylist() if row["asked"] == accession]
        expected = by_sql(atlas, accession) or [dict.fromkeys(SITE_COLUMNS)]
        assert [{name: row[name] for name in SITE_COLUMNS} for row in rows] == expected
        assert {row["accession"] for row in rows} == {accession}


def test_each_row_carries_its_protein(atlas: Atlas) -> None:
    (row, *_) = atlas.lookup(["CALM1"]).to_pylist()
    protein = atlas.protein("P0DP23").to_pylist()[0]
    assert {name: row[name] for name in PROTEIN_COLUMNS} == {name: protein[name] for name in PROTEIN_COLUMNS}


@pytest.mark.parametrize(
    ("id", "outcome", "reason", "n_rows"),
    [
        ("P0DP23", "sites found", None, 3),
        ("Q00005", "sites found", "40 or more", 45),
        ("Q00001", "computed, no sites found", "none above the elbow", 1),
        ("Q00002", "computed, no sites found", "too short", 1),
        ("Q00003", "skipped", "inner `*`", 1),
        ("Q00004", "failed", "out of memory", 1),
        ("nope", "not in this atlas", None, 1),
        ("p0dp23", "sites found", "p0dp23 is taken for P0DP23 (fit: letter case)", 3),
        ("CALM1_HUMAM", "not in this atlas", "similar ids here: CALM1_HUMAN", 1),
        (
            "P04637-9",
            "not in this atlas",
            "P04637 is here, but an isoform may be another sequence; similar ids",
            1,
        ),
        ("TP53", "names several proteins", "one of P04637, P04637-2", 1),
    ],
)
def test_each_kind_of_answer_is_told_apart(
    atlas: Atlas, id: str, outcome: str, reason: str | None, n_rows: int
) -> None:
    rows = atlas.lookup(["P04637", id]).to_pylist()[3:]
    assert [(row["asked"], row["outcome"]) for row in rows] == [(id, outcome)] * n_rows
    assert (rows[0]["reason"] or "").startswith(reason or "")
    assert (rows[0]["reason"] is None) == (reason is None)
    assert (rows[0]["accession"] is None) == (outcome in ("not in this atlas", "names several proteins"))
    assert (rows[0]["position"] is None) == (outcome != "sites found")


def test_a_layer_is_reported_where_there_is_one_but_no_site(atlas: Atlas) -> None:
    (row,) = atlas.lookup(["Q00001"]).to_pylist()
    assert row["layer"] == atlas.protein("Q00001")["layer"][0].as_py() is not None


def test_a_digest_of_two_accessions_answers_for_both(atlas: Atlas) -> None:
    md5 = atlas.protein("P0DP23")["md5"][0].as_py()
    rows = atlas.lookup([md5]).to_pylist()
    assert [row["accession"] for row in rows] == ["P0DP23"] * 3 + ["P0DP24"] * 3
    assert [row["position"] for row in rows[:3]] == [row["position"] for row in rows[3:]]


def test_an_id_asked_twice_is_answered_once_and_two_ids_of_one_protein_both(atlas: Atlas) -> None:
    rows = atlas.lookup(["P0DP23", "CALM1", "nope", "P0DP23", "nope"]).to_pylist()
    assert [row["asked"] for row in rows] == ["P0DP23"] * 3 + ["CALM1"] * 3 + ["nope"]


def test_ids_come_as_a_list_a_generator_a_column_of_a_data_frame_or_a_lone_text(atlas: Atlas) -> None:
    expected = atlas.lookup(["P0DP23", "nan"])
    assert atlas.lookup(id for id in ("P0DP23", "nan")) == expected
    assert atlas.lookup(pd.Series(["P0DP23", None, "P0DP23", float("nan")])[[0, 3]]) == expected
    assert atlas.lookup("P0DP23") == atlas.lookup(["P0DP23"])


def test_ids_come_in_the_order_asked(atlas: Atlas) -> None:
    ids = random.Random(0).sample([p.accession for p in PROTEINS] + ["nope", "TP53"], len(PROTEINS) + 2)
    assert atlas.lookup(ids)["asked"].unique().to_pylist() == ids


def test_no_ids_give_no_rows_and_the_same_columns(atlas: Atlas) -> None:
    of_no_id, of_one_id = atlas.lookup([]), atlas.lookup(["P0DP23"])
    assert of_no_id.num_rows == 0
    assert of_no_id.schema == of_one_id.schema
    assert of_no_id.column_names == [*ANSWER_COLUMNS, *PROTEIN_COLUMNS, *SITE_COLUMNS]


def test_only_unknown_ids_give_a_row_each(atlas: Atlas) -> None:
    ids = [f"unknown {i}" for i in range(200)]
    table = atlas.lookup(ids)
    assert table["asked"].to_pylist() == ids
    assert set(table["outcome"].to_pylist()) == {"not in this atlas"}


def test_the_unmatched_are_those_without_a_protein(atlas: Atlas) -> None:
    missing = list_unmatched(atlas.lookup(["P0DP23", "nope", "Q00003", "TP53", "Q00001"]))
    assert missing == {
        "nope": "not in this atlas",
        "TP53": "names several proteins: one of P04637, P04637-2",
    }


def test_a_taxon_applies_to_every_gene(atlas: Atlas) -> None:
    assert atlas.lookup(["CALM1"], taxon=9606)["accession"].unique().to_pylist() == ["P0DP23"]
    (row,) = atlas.lookup(["CALM1"], taxon=10090).to_pylist()
    assert row["reason"] == "gene CALM1 is here of taxon 9606, not of 10090"


def test_an_atlas_without_any_computed_protein_still_answers(tmp_path: Path) -> None:
    proteins = [
        SyntheticProtein("A1", "MK*LV", status="skipped", reason="inner `*`"),
        SyntheticProtein("A2", random_sequence(30, 1), status="failed", reason="out of memory"),
    ]
    write_atlas(tmp_path / "atlas", proteins)
    with Atlas.open(tmp_path / "atlas") as atlas:
        rows = atlas.lookup(["A1", "A2", "A3"]).to_pylist()
    assert [row["outcome"] for row in rows] == ["skipped", "failed", "not in this atlas"]
    assert [row["position"] for row in rows] == [None] * 3


def test_every_column_has_its_doc_and_the_table_its_provenance(atlas: Atlas, tmp_path: Path) -> None:
    sink = io.BytesIO()
    write_parquet(atlas.lookup(["P0DP23"]).to_reader(), sink)
    schema = pq.read_schema(io.BytesIO(sink.getvalue()))
    assert all(field.metadata[b"doc"] for field in schema)
    assert b"nayar-2025-05" in schema.metadata[b"attlas"]


@pytest.mark.thorough
def test_ten_thousand_ids_take_seconds_at_most(tmp_path: Path) -> None:
    proteins = [
        SyntheticProtein(f"S{i:05}", random_sequence(12, i), f"S{i:05}_X", f"g{i}", taxon_id=1) for i in range(6_000)
    ]
    write_atlas(tmp_path / "atlas", proteins, n_layers=1, n_heads=1, n_shards=20)
    forms = ["S{:05}", "S{:05}_X", "g{}", "g{}@1", "s{:05}", "AF-S{:05}-F1-model_v4", "nope{}"]
    ids = [forms[i % len(forms)].format(i % 5_999) for i in range(10_000)]
    with Atlas.open(tmp_path / "atlas") as atlas:
        start = time.perf_counter()
        table = atlas.lookup(ids)
        took = time.perf_counter() - start
    assert set(table["asked"].to_pylist()) == set(ids)
    assert took < 10  # a third of a second on an idle machine; one search per id would take minutes
