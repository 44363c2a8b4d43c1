"""Queries about a few proteins open the files that can hold them, and answer as if they had opened all."""

from collections.abc import Iterator

import pytest
from helpers.reading_case import random_sequence
from helpers.synthetic import SyntheticProtein, write_atlas

from attlas.queries import Atlas
from attlas.queries.engine.comparisons import TREE
from attlas.queries.engine.functions import functions
from attlas.queries.engine.narrowing import find_narrowing, read_statements

N_SHARDS = 12
PROTEINS = [SyntheticProtein(f"P{i:02}", random_sequence(30 + i, i), f"E{i}_X", f"g{i}") for i in range(36)]
TWIN = SyntheticProtein("TWIN", PROTEINS[5].sequence)


@pytest.fixture(scope="module")
def atlas(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Atlas]:
    root = tmp_path_factory.mktemp("narrow")
    write_atlas(root, [*PROTEINS, TWIN], n_shards=N_SHARDS)
    with Atlas.open(root) as opened:
        yield opened


NARROW = [
    ("SELECT * FROM sites WHERE accession = 'P05'", None),
    ("SELECT * FROM sites AS s WHERE 'P05' = s.accession AND rank < 3", None),
    ("SELECT count(*) AS n FROM sites WHERE accession IN ('P05', 'P30', 'TWIN', 'nobody')", None),
    ("SELECT * FROM residues WHERE accession = $id", {"id": "TWIN"}),
    ("SELECT * FROM heads WHERE sequence_id = ?", [7]),
    ("SELECT * FROM sites WHERE sequence_id IN (3, 30)", None),
    ("SELECT count(*) AS n FROM sites WHERE accession = 'nobody'", None),
]
WIDE = [
    ("SELECT * FROM sites WHERE accession = 'P05' OR rank = 1", None),
    ("SELECT * FROM sites WHERE NOT accession = 'P05'", None),
    ("SELECT *, (SELECT count(*) FROM sites) AS n FROM sites WHERE accession = 'P05'", None),
    ("SELECT * FROM sites WHERE accession IN ('P05', lower('P06'))", None),
    ("SELECT * FROM sites WHERE accession IN (SELECT accession FROM proteins WHERE gene = 'g5')", None),
    ("SELECT s.* FROM sites s JOIN sites t USING (accession) WHERE s.accession = 'P05'", None),
    ("SELECT * FROM sites WHERE accession = 'P05' UNION ALL SELECT * FROM sites", None),
    ("WITH a AS (SELECT * FROM sites) SELECT * FROM a WHERE accession = 'P05'", None),
    ("SELECT * FROM sites WHERE 'P05' IN (accession, 'P05')", None),
    ("SELECT * FROM sites WHERE ? IN (sequence_id, ?)", [3, 3]),
    ("SELECT * FROM residues AS r(a, b, sequence_id) WHERE sequence_id = 3", None),
    ("SELECT * FROM residues AS r(a, b, c, accession) WHERE accession = 'L'", None),
    ("SELECT * FROM sites WHERE accession = entry_name", None),
    ("SELECT * FROM sites WHERE sequence_id = '7'", None),
]


@pytest.mark.slow
@pytest.mark.parametrize(("query", "parameters"), [*NARROW, *WIDE[:-2], WIDE[-1]])
def test_the_answer_is_that_over_all_files(atlas: Atlas, query: str, parameters: object) -> None:
    # With NOT NOT around the WHERE nothing of it is recognised, and all files are read.
    parts = query.partition(" UNION ")
    all_files = parts[0].replace("WHERE", "WHERE 1 = 1 AND NOT NOT (", 1) + ")" + "".join(parts[1:])
    rows = sorted(map(str, atlas.sql(query, parameters).to_pylist()))  # type: ignore[arg-type]
    assert rows == sorted(map(str, atlas.sql(all_files, parameters).to_pylist()))  # type: ignore[arg-type]


@pytest.mark.parametrize(("query", "parameters"), NARROW)
def test_few_files_are_opened_for_few_proteins(atlas: Atlas, query: str, parameters: object) -> None:
    view = _view(atlas, query, parameters)
    assert view is not None
    assert view.count(".parquet") <= 3


@pytest.mark.parametrize(("query", "parameters"), WIDE)
def test_what_may_need_other_rows_reads_all_files(atlas: Atlas, query: str, parameters: object) -> None:
    assert _view(atlas, query, parameters) is None


@pytest.mark.thorough
def test_a_function_of_the_atlas_may_read_the_table_again(atlas: Atlas) -> None:
    for function in functions():
        query = f"SELECT {function.name}(1) FROM sites WHERE accession = 'P05'"
        assert find_narrowing(read_statements(_tree(atlas, query)), None) is None
    plain = _tree(atlas, "SELECT lower('x') FROM sites WHERE accession = 'P05'")
    assert find_narrowing(read_statements(plain), None) is not None


def _tree(atlas: Atlas, query: str) -> str:
    atlas.sql("SELECT 1")
    (tree,) = atlas._database.connection.cursor().execute(TREE, {"query": query}).fetchall()[0]
    return tree


def _view(atlas: Atlas, query: str, parameters: object) -> str | None:
    """Return the view that stands for a table in a query; None where it has all files."""
    tree = _tree(atlas, query)
    views = atlas._database.views_for(query, tree, parameters)  # type: ignore[arg-type]
    return next(iter(views.values()), None)
