"""Words and layers that an atlas has not: SQL is answered with a note beside it, a question of one's own is refused."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pytest
from helpers.annotated import annotate
from hypothesis import given, settings
from hypothesis import strategies as st

from attlas.queries import Atlas
from attlas.queries.asking.never_matching import never_matching_notes
from attlas.queries.engine.comparisons import TREE, LiteralComparison, comparisons_in
from attlas.schema import QuestionError


@pytest.fixture(scope="module")
def annotated_dir(atlas_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("annotated") / "atlas"
    shutil.copytree(atlas_dir, root)
    annotate(root, [("P04637", "Binding site", 3, 3), ("P04637", "DNA binding", 5, 9)])
    return root


@pytest.fixture(scope="module")
def atlas(annotated_dir: Path) -> Iterator[Atlas]:
    """One connection for every test of the file: nothing here changes it."""
    with Atlas.open(annotated_dir) as opened:
        yield opened


@pytest.mark.parametrize(
    ("query", "note"),
    [
        ("FROM sites WHERE layer = 4", "no row has layer = 4: layers are 0 to 3"),
        ("FROM sites AS s WHERE 7 = s.layer", "no row has layer = 7: layers are 0 to 3"),
        ("FROM heads WHERE layer IN (1, 4)", "no row has layer = 4: layers are 0 to 3"),
        ("FROM heads WHERE head = 2", "no row has head = 2: heads are 0 to 1"),
        (
            "SELECT received[0] FROM residues LIMIT 1",
            "received[0] is empty: lists count from 1, and there are 4 layers; at_layer(received, 0) is the first "
            "layer",
        ),
        (
            "SELECT received[5] FROM residues LIMIT 1",
            "received[5] is empty: lists count from 1, and there are 4 layers",
        ),
        (
            "FROM proteins WHERE organism = 'homo sapiens'",
            "no row of proteins has organism = 'homo sapiens': it has 'Homo sapiens'",
        ),
        (
            "FROM features AS f JOIN sites USING (accession) WHERE f.type = 'binding site'",
            "no row of features has type = 'binding site': it has 'Binding site'",
        ),
        ("FROM sites WHERE layer > 3", "no row has layer > 3: layers are 0 to 3"),
        ("FROM sites WHERE 4 <= layer", "no row has layer >= 4: layers are 0 to 3"),
        ("FROM sites WHERE layer BETWEEN 4 AND 9", "no row has layer >= 4: layers are 0 to 3"),
        ("FROM heads WHERE head < 0", "no row has head < 0: heads are 0 to 1"),
        ("FROM sites WHERE residue = 'r'", "no row has residue = 'r': residues are letters in upper case, 'R'"),
        ("FROM sites WHERE residue = 'Cys'", "no row has residue = 'Cys': a residue is one letter, such as 'C'"),
        (
            "FROM proteins WHERE organism LIKE 'homo%'",
            "no row of proteins has organism LIKE 'homo%': it has 'Homo sapiens'",
        ),
        ("FROM proteins WHERE organism LIKE '%xyz%'", "no row of proteins has organism LIKE '%xyz%'"),
        ("FROM sites WHERE accession = 'p53_human'", "no row has accession = 'p53_human': it names 'P04637'"),
        ("FROM features WHERE type = 'Bindng'", "no row of features has type = 'Bindng'"),
        ("FROM sites WHERE accession = 'P53_HUMAN'", "no row has accession = 'P53_HUMAN': it names 'P04637'"),
        ("FROM sites WHERE accession = 'p04637'", "no row has accession = 'p04637'; there is 'P04637', 'P04637-2'"),
        ("WITH a AS (FROM sites) SELECT * FROM a, heads AS h WHERE h.layer = 9",
         "no row has layer = 9: layers are 0 to 3"),
    ],
)  # fmt: skip
def test_a_comparison_that_matches_nothing_is_named(atlas: Atlas, query: str, note: str) -> None:
    assert never_matching_notes(atlas, query) == [note]


@pytest.mark.parametrize(
    "query",
    [
        "FROM sites WHERE layer = 3 AND accession = 'P04637'",
        "FROM proteins WHERE organism = 'Homo sapiens' AND lower(gene) = 'tp53'",
        "FROM features WHERE type IN ('Binding site', 'DNA binding')",
        "SELECT received[1], received[4] FROM residues LIMIT 1",
        "WITH a AS (SELECT 99 AS layer, 'x' AS organism) FROM a WHERE layer = 99 AND organism = 'x'",
        "SELECT * FROM (SELECT 99 AS layer) AS a, sites WHERE a.layer = 99",
        "FROM sites WHERE layer > 2 AND layer >= 3 AND layer < 1 AND layer <= 0 AND layer BETWEEN 3 AND 9",
        "FROM sites WHERE layer > 99.5",
        "FROM fits WHERE layer = -1",
        "FROM proteins WHERE organism LIKE 'Homo%' OR organism ILIKE 'homo%' OR 'x' LIKE organism",
        "FROM sites WHERE residue = 'R' OR residue LIKE 'r' OR lower(residue) = 'r'",
        "SELECT * FROM (SELECT layer + 10 AS layer FROM sites) WHERE layer > 9",
        "WITH a(layer) AS (SELECT 99 FROM sites) FROM a WHERE layer > 9",
        "SELECT * FROM (SELECT 99 FROM sites) AS a(layer) WHERE layer > 9",
        "FROM (SELECT layer FROM sites UNION ALL SELECT 99) WHERE layer > 9",
        "FROM (SELECT * REPLACE (layer + 10 AS layer) FROM sites) WHERE layer > 9",
        "FROM sites WHERE position = 99999",
        "SELECT 1",
        "SELECT FROM WHERE",
        "",
    ],
)
def test_a_query_that_may_match_has_no_note(atlas: Atlas, query: str) -> None:
    assert never_matching_notes(atlas, query) == []


@pytest.mark.thorough
@settings(max_examples=40, deadline=None)  # trees of hundreds of nodes, slow to draw
@given(st.recursive(st.none() | st.integers() | st.text(), lambda x: st.lists(x) | st.dictionaries(
    st.sampled_from(["type", "left", "right", "children", "column_names", "literal", "alias", "table_name"]), x
)))  # fmt: skip
def test_whatever_a_tree_is_no_query_fails_because_of_it(tree: object) -> None:
    class Odd:
        def sql(self, *_: object, **__: object) -> object:
            return {"tree": [type("Text", (), {"as_py": lambda self: json.dumps(tree)})()]}

    assert never_matching_notes(Odd(), "SELECT 1") == []  # type: ignore[arg-type]


def test_the_tree_of_an_older_duckdb_is_read_too() -> None:
    column = {"class": "COLUMN_REF", "type": "COLUMN_REF", "column_names": ["layer"]}
    constant = {"class": "CONSTANT", "type": "VALUE_CONSTANT", "value": {"type": {"id": "INTEGER"}, "value": 7}}
    tree = {"from_table": {"type": "BASE_TABLE", "alias": "", "table_name": "sites"},
            "where_clause": {"type": "COMPARE_EQUAL", "left": column, "right": constant}}  # fmt: skip
    assert comparisons_in(json.dumps(tree)) == [LiteralComparison("layer", ("sites",), 7)]


def test_comparisons_are_those_of_the_text_in_its_order() -> None:
    query = "FROM heads h WHERE h.layer = 1 AND head IN (2, 3) AND NOT (label = 'a') AND layer = head AND 9 > layer"
    ((tree,),) = duckdb.execute(TREE, {"query": query}).fetchall()  # to its end: the connection is everybody's
    comparisons = [(c.column, c.tables, c.operator, c.value) for c in comparisons_in(tree)]
    assert comparisons == [
        ("layer", ("heads",), "=", 1),
        ("head", ("heads",), "=", 2),
        ("head", ("heads",), "=", 3),
        ("label", ("heads",), "=", "a"),
        ("layer", ("heads",), "<", 9),
    ]


def test_sql_and_the_shell_note_it_on_stderr_and_answer(annotated_dir: Path, attlas: Callable) -> None:
    run = attlas("sql", annotated_dir, "SELECT count(*) AS n FROM sites WHERE layer = 4", "--format", "csv")
    assert (run.code, run.out, run.err) == (0, "n\n0\n", "attlas: no row has layer = 4: layers are 0 to 3\n")


@pytest.fixture
def question(tmp_path: Path) -> Callable[[str, str], Path]:
    def write(parameter: str, condition: str) -> Path:
        path = tmp_path / "mine.sql"
        path.write_text(
            f"-- title: Mine\n-- topic: Sites\n-- answers: Something.\n-- parameters:\n--   {parameter}: It.\n"
            f"-- grain: n\n-- source: Mine.\nSELECT count(*) AS n FROM {condition}\n"
        )
        return path

    return write


@pytest.mark.parametrize(
    ("parameter", "condition", "given", "expected"),
    [
        ("layer int", "sites WHERE layer = $layer", 4, "a whole number, 0 to 3"),
        ("layers ints", "sites WHERE list_contains($layers, layer)", [1, 7], "whole numbers, .* 0 to 3"),
        ("types texts", "features WHERE list_contains($types, type)", "Bindng", "Binding site, DNA binding"),
        ("organism text", "proteins WHERE organism = $organism", "Mus", "Homo sapiens"),
    ],
)
def test_a_parameter_with_a_value_that_the_atlas_has_not_is_refused(
    atlas: Atlas, question: Callable, parameter: str, condition: str, given: object, expected: str
) -> None:
    with pytest.raises(QuestionError, match=f"expected: {expected}"):
        atlas.ask(question(parameter, condition), **{parameter.split()[0]: given})


def test_the_letter_case_of_a_word_is_that_of_the_atlas(atlas: Atlas, question: Callable) -> None:
    path = question("organism text", "proteins WHERE organism = $organism")
    n = atlas.sql("SELECT count(*) AS n FROM proteins WHERE organism = 'Homo sapiens'")
    assert atlas.ask(path, organism="homo sapiens")["n"].to_pylist() == n["n"].to_pylist()
