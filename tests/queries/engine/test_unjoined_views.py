"""Queries that ask for no accession do not read `proteins`, where that changes no row."""

from collections.abc import Iterator

import pytest
from helpers.reading_case import random_sequence
from helpers.synthetic import SyntheticProtein, write_atlas

from attlas.queries import Atlas
from attlas.queries.engine.views import asks_for_accession

UNIQUE = [SyntheticProtein(f"P{i}", random_sequence(40 + i, i), f"E{i}_X", f"g{i}") for i in range(6)]
SKIPPED = SyntheticProtein("S1", "MKV", status="skipped", reason="by rule")


@pytest.fixture(scope="module")
def unique(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Atlas]:
    root = tmp_path_factory.mktemp("unique")
    write_atlas(root, [*UNIQUE, SKIPPED])
    with Atlas.open(root) as opened:
        yield opened


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Atlas]:
    """Two accessions have one sequence: its rows count twice in the views."""
    root = tmp_path_factory.mktemp("shared")
    write_atlas(root, [*UNIQUE, SyntheticProtein("TWIN", UNIQUE[0].sequence)])
    with Atlas.open(root) as opened:
        yield opened


def _reads_proteins(atlas: Atlas, query: str) -> bool:
    plan = str(atlas.sql(f"EXPLAIN {query}").to_pylist())
    return "JOIN" in plan.upper()


NO_ACCESSION = [
    "SELECT count(*) FROM sites",
    "SELECT residue, count(*) AS n FROM Sites GROUP BY ALL ORDER BY ALL",
    "SELECT layer, head, avg(entropy) AS e FROM heads GROUP BY ALL ORDER BY ALL",
    "SELECT max(received[1]) AS highest, count( * ) AS n FROM residues",
]


@pytest.mark.parametrize("query", [query for query in NO_ACCESSION if "( * )" not in query])
def test_what_asks_for_no_accession_is_answered_without_the_table_of_proteins(unique: Atlas, query: str) -> None:
    assert not _reads_proteins(unique, query)
    assert _reads_proteins(unique, query.replace("SELECT", "SELECT min(accession) AS first,", 1))


@pytest.mark.parametrize("query", [*NO_ACCESSION, "SELECT sites FROM sites ORDER BY ALL", "FROM sites ORDER BY ALL"])
def test_the_answer_is_that_of_the_joined_views(unique: Atlas, shared: Atlas, query: str) -> None:
    for atlas in (unique, shared):
        joined = f"{query} -- accession"  # the word alone takes the joined views
        assert atlas.sql(query).to_pylist() == atlas.sql(joined).to_pylist()


@pytest.mark.slow
@pytest.mark.parametrize(
    "query",
    [
        "SELECT column_name FROM information_schema.columns WHERE table_name = 'sites'",
        "SELECT comment FROM duckdb_views() WHERE view_name = 'sites'",
        "SELECT name FROM (SHOW TABLES) WHERE name = 'sites'",
        "SELECT memory.main.sites.position FROM sites ORDER BY ALL",
    ],
)
def test_the_catalogue_knows_each_view_once(unique: Atlas, shared: Atlas, query: str) -> None:
    rows = unique.sql(query).to_pylist()
    assert rows
    if "position" not in query:
        assert rows == shared.sql(query).to_pylist()


def test_rows_of_a_sequence_that_two_accessions_share_still_count_twice(shared: Atlas) -> None:
    twice = shared.sql("SELECT count(*) AS n FROM residues")["n"][0].as_py()
    once = sum(file.n_rows for file in shared.manifest.files if file.table == "residues")
    assert twice == once + len(UNIQUE[0].sequence)
    assert _reads_proteins(shared, NO_ACCESSION[0])


@pytest.mark.parametrize(
    ("query", "asks"),
    [
        ("SELECT count(*) FROM sites", False),
        ("SELECT * FROM sites", True),
        ("FROM sites SELECT t.*", True),
        ("SELECT Accession FROM sites", True),
        ("SELECT 2 * share FROM sites", True),
        ("SELECT (t.*) FROM sites t", True),
        ("SELECT residue FROM sites", False),
    ],
)
def test_a_star_or_the_word_asks_for_the_accession(query: str, asks: bool) -> None:
    assert asks_for_accession(query) == asks


def test_a_table_of_the_callers_stands_before_a_view(unique: Atlas) -> None:
    tables = {"tracks": unique.sql("SELECT 1 AS a")}
    assert unique.sql("SELECT count(*) AS n FROM tracks", tables=tables)["n"][0].as_py() == 1
