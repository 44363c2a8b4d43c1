"""The SQL functions as whoever asks an atlas calls them: made when they are first called, listed by the shell."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from attlas.queries import Atlas
from attlas.queries.engine.functions import functions
from attlas.queries.engine.shell import completions, functions_lines
from attlas.schema import QuestionError

pytestmark = pytest.mark.slow


def test_a_layer_is_counted_from_0_and_one_that_is_not_there_is_an_error(atlas: Atlas) -> None:
    rows = atlas.sql(
        "SELECT received, at_layer(received, 0) AS first, at_layer(received, 3) AS last, "
        "at_layer(received, NULL) AS none FROM residues"
    ).to_pylist()
    assert [(row["first"], row["last"]) for row in rows] == [(row["received"][0], row["received"][3]) for row in rows]
    assert {row["none"] for row in rows} == {None}
    assert atlas.sql("SELECT at_layer(NULL::FLOAT[4], 9) AS x")["x"].to_pylist() == [None]
    for layer in ("4", "-1", "1.5"):
        with pytest.raises(QuestionError, match="cannot be answered") as caught:
            atlas.sql(f"SELECT at_layer(received, {layer}) FROM residues")
        assert f"there is no layer {layer}, layers are 0 to 3" in (caught.value.found or "")


def test_a_profile_has_a_row_per_residue_and_layer(atlas: Atlas) -> None:
    query = "SELECT position, layer, received FROM profile() WHERE accession = 'P04637' ORDER BY position, layer"
    rows = [tuple(row.values()) for row in atlas.sql(query).to_pylist()]
    residues = atlas.residues("P04637").to_pylist()
    assert rows == [(r["position"], layer, x) for r in residues for layer, x in enumerate(r["received"])]


def test_whoever_asks_an_atlas_may_call_them(atlas: Atlas) -> None:
    results = atlas.sql("SELECT student_t_quantile(0.025, 4) AS t, wilson_low(0.5, 10, 1.96) AS low").to_pylist()
    assert results[0] == {"t": pytest.approx(2.776, abs=1e-3), "low": pytest.approx(0.2366, abs=1e-4)}


@pytest.mark.thorough
def test_a_function_is_made_by_the_first_query_that_calls_it(atlas_dir: Path) -> None:
    def functions_made() -> list[str]:
        query = "SELECT function_name FROM duckdb_functions() WHERE NOT internal ORDER BY 1"
        return [name for (name,) in atlas._database.connection.execute(query).fetchall()]

    with Atlas.open(atlas_dir) as atlas:
        atlas.sql("SELECT count(*) FROM sites")
        assert functions_made() == []
        low = atlas.sql("SELECT Wilson_Low (0.5, 10, 1.96) AS low")["low"].to_pylist()
        assert low == [pytest.approx(0.2366, abs=1e-4)]
        assert functions_made() == ["clamped", "wilson_low"]
        atlas.sql("SELECT wilson_high /* of a share */ (0.5, 10, 1.96)")  # not plain to see: all are made
        assert functions_made() == [function.name for function in functions()]


@pytest.mark.thorough
def test_functions_are_found_however_a_query_names_them(atlas: Atlas) -> None:
    for query in ('SELECT "wilson_low"(0.5, 10, 1.96)', "EXPLAIN SELECT wilson_low(0.5, 10, 1.96)", 'FROM "profile"()'):
        with Atlas.open(atlas.root) as just_opened:
            assert just_opened.sql(query).num_rows > 0
    with Atlas.open(atlas.root) as just_opened, pytest.raises(QuestionError, match="cannot be answered") as caught:
        just_opened.sql("SELECT wilson_lo(0.5, 10, 1.96)")
    assert 'Did you mean "wilson_low"?' in (caught.value.found or "")


def test_many_threads_may_call_a_function_first(atlas_dir: Path) -> None:
    queries = ["SELECT wilson_low(0.5, 10, 1.96) AS x", "SELECT clamped(7, 0, 1) AS x", "SELECT normal_95() AS x"] * 4
    with Atlas.open(atlas_dir) as atlas, ThreadPoolExecutor(len(queries)) as threads:
        atlas.sql("SELECT 1")
        answers = [answer["x"].to_pylist()[0] for answer in threads.map(atlas.sql, queries)]
    assert [float(answer) for answer in answers] == pytest.approx([0.23659, 1, 1.95996] * 4, abs=1e-5)


def test_the_shell_lists_and_completes_them() -> None:
    lines = list(functions_lines())
    assert any(line.startswith("student_t_quantile(p, df)") for line in lines)
    assert max(map(len, functions_lines(120))) <= 120
    assert "student_t_quantile" in completions("student_t", "SELECT student_t")
