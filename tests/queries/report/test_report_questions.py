"""Questions that the report brought, against counts in Python: lengths, sites, types, labels, databases."""

import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import pytest
from helpers.annotated import Span, annotate, probe, sequence_ids
from helpers.table_files import add_rows

from attlas.queries import Atlas
from attlas.queries.asking.answering import ask
from attlas.queries.report.choosing import choose
from attlas.queries.report.commands import command
from attlas.schema import FAMILIES


def distinct(atlas: Atlas) -> list[dict]:
    return atlas.sql("FROM sequences WHERE status = 'ok' ORDER BY sequence_id").to_pylist()


@pytest.mark.parametrize(("width", "last"), [(50, 1500), (100, 250), (1, 5), (7, 1)])
def test_lengths_are_those_of_the_distinct_sequences(atlas: Atlas, width: int, last: int) -> None:
    lengths = [row["length"] for row in distinct(atlas)]
    rows = atlas.ask("lengths", width=width, last=last).to_pylist()
    assert sum(row["n_sequences"] for row in rows) == len(lengths) == rows[0]["n_all"]
    assert rows[0]["median_length"] == median(lengths)
    for row in rows:
        end = row["to_length"] or float("inf")
        bin_lengths = [n for n in lengths if row["from_length"] <= n <= end]
        assert (row["n_sequences"], row["n_residues"]) == (len(bin_lengths), sum(bin_lengths))
    assert [row["to_length"] is None for row in rows[:-1]] == [False] * (len(rows) - 1)


def test_sites_of_a_protein_are_counted_once_for_each_sequence(atlas: Atlas) -> None:
    counts = Counter(row["n_sites"] for row in distinct(atlas) if row["layer"] is not None)
    rows = atlas.ask("sites_per_protein").to_pylist()
    assert {row["n_sites"]: row["n_sequences"] for row in rows} == counts
    every = list(counts.elements())
    assert rows[0]["median_sites"] == median(every)
    assert rows[0]["mean_sites"] == pytest.approx(sum(every) / len(every), abs=0.005)
    for row in rows:
        assert row["share_up_to"] == pytest.approx(sum(n <= row["n_sites"] for n in every) / len(every), abs=5e-5)


SPANS: list[Span] = [
    ("P0DP23", "Active site", 3, 5),
    ("P0DP24", "Active site", 100, 149),  # the same sequence: the first accession counts
    ("P04637", "Active site", 5, 9),
    ("P04637", "Active site", 8, 12),
    ("P04637", "Disulfide bond", 20, 40),
]


@pytest.fixture(scope="module")
def by_hand(atlas_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Atlas]:
    root = tmp_path_factory.mktemp("by_hand") / "atlas"
    shutil.copytree(atlas_dir, root)
    annotate(root, SPANS)
    annotate(root, [("P04637", "Active site", 5, 9)], source="other")
    sums = {(0, 0): (1, 0.5, 0.5)}
    probe(root, [("P0DP23", "x", 3, 149, sums), ("P0DP24", "x", 9, 149, sums), ("P04637", "x", 4, 393, sums)])
    with Atlas.open(root) as opened:
        yield opened


def test_types_of_features_count_sequences_and_residues_once(by_hand: Atlas) -> None:
    rows = {row.pop("type"): row for row in by_hand.ask("feature_types").to_pylist()}
    assert rows == {
        "Active site": {
            "n_features": 4,
            "n_proteins": 2,
            "n_labelled": 3 + 8,
            "n_residues": 149 + 393,
            "background": round(11 / 542, 4),
            "n_sources": 2,
            "sources": "hand, other",
        },
        "Disulfide bond": {
            "n_features": 1,
            "n_proteins": 1,
            "n_labelled": 2,
            "n_residues": 393,
            "background": round(2 / 393, 4),
            "n_sources": 1,
            "sources": "hand",
        },
    }
    (only,) = by_hand.ask("feature_types", proteins="P0DP24").to_pylist()
    assert (only["n_labelled"], only["n_residues"]) == (50, 149)


def test_labels_of_the_probe_count_each_sequence_once(by_hand: Atlas) -> None:
    assert sequence_ids_alike(by_hand)
    (row,) = by_hand.ask("probed_labels").to_pylist()
    assert row == {"label": "x", "n_proteins": 2, "n_labelled": 7, "n_residues": 542, "background": round(7 / 542, 4)}
    (only,) = by_hand.ask("probed_labels", proteins="P0DP24").to_pylist()
    assert only["n_labelled"] == 9


def test_databases_of_families_count_sequences_once(atlas_dir: Path, tmp_path: Path) -> None:
    root = tmp_path / "atlas"
    shutil.copytree(atlas_dir, root)
    ids = sequence_ids(root)
    members = {"F1": ["P0DP23", "P0DP24", "X00001"], "F2": [f"X{i:05d}" for i in range(1, 6)]}
    rows = [("Pfam", family, accession) for family, accessions in members.items() for accession in accessions]
    rows += [("mine", "G", "P04637"), ("mine", "G", "P04637-2")]
    named = [
        {"accession": a, "sequence_id": ids[a], "database": d, "family": f, "name": None, "source": f"{d}.tsv"}
        for d, f, a in rows
    ]
    add_rows(root, FAMILIES, named, "families")
    with Atlas.open(root) as opened:
        databases = opened.ask("family_databases").to_pylist()
        assert choose(opened, None, {}).database == "Pfam"
        (database,) = opened.ask("family_databases", proteins="P0DP24").to_pylist()
    columns = ("database", "n_families", "n_proteins", "n_sequences", "n_pairs", "n_of_five", "n_sources", "sources")
    assert [tuple(row.values()) for row in databases] == [
        ("Pfam", 2, 7, 6, 2 + 5, 1, 1, "Pfam.tsv"),
        ("mine", 1, 2, 2, 2, 0, 1, "mine.tsv"),
    ]
    assert tuple(databases[0]) == columns
    assert (database["database"], database["n_families"], database["n_sequences"]) == ("Pfam", 1, 1)


def sequence_ids_alike(atlas: Atlas) -> bool:
    ids = sequence_ids(Path(str(atlas.root)))
    return ids["P0DP23"] == ids["P0DP24"]


def test_a_list_that_cannot_be_typed_has_no_command_but_its_sql(by_hand: Atlas) -> None:
    assert command(ask(by_hand, "sites_on_residues", {"residues": ["a,b"]})) is None
    assert command(ask(by_hand, "sites_on_residues", {"residues": ["@a"]})) is None
    expected = "attlas ask DIR sites_at_features 'types=Active site'"
    assert command(ask(by_hand, "sites_at_features", {"types": ["Active site"]})) == expected
    assert command(ask(by_hand, "heads_by_entropy", {})) == "attlas ask DIR heads_by_entropy"
