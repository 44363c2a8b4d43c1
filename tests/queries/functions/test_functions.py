"""The SQL functions that questions share, against scipy."""

from typing import Any

import duckdb
import numpy as np
import pytest
from helpers.jackknife_oracle import estimate
from scipy.special import comb
from scipy.stats import binom, hypergeom, norm, t, ttest_1samp
from statsmodels.stats.proportion import proportion_confint, proportions_ztest

from attlas.queries import Atlas
from attlas.queries.comparing.pooling import wilson_estimate
from attlas.schema.student_t import t_quantile

pytestmark = pytest.mark.slow

DF = [1, 2, 3, 4, 5, 8, 12, 30, 100, 1_000, 100_000]


def calculated(connection: duckdb.DuckDBPyConnection, expression: str, **columns: object) -> np.ndarray:
    """Return an expression of columns, row by row."""
    names = ", ".join(f"unnest(${name}) AS {name}" for name in columns)
    given = {name: np.asarray(values, dtype=float).tolist() for name, values in columns.items()}
    return connection.execute(f"SELECT {expression} AS y FROM (SELECT {names})", given).fetchnumpy()["y"]


def only(connection: duckdb.DuckDBPyConnection, expression: str) -> Any:
    return connection.execute(f"SELECT {expression}").fetchall()[0][0]


def test_the_normal_tail_is_that_of_scipy_however_small(connection: duckdb.DuckDBPyConnection) -> None:
    z = np.linspace(-37, 37, 1001)
    results = calculated(connection, "normal_log10_tail(z)", z=z) * np.log(10)
    assert results == pytest.approx(norm.logsf(abs(z)) + np.log(2), abs=1.3e-7)


def test_the_normal_quantile_is_that_of_scipy(connection: duckdb.DuckDBPyConnection) -> None:
    p = np.concatenate([np.geomspace(1e-300, 0.5, 1000), [0.0749999, 0.075, 0.0750001, np.exp(-25)]])
    assert calculated(connection, "normal_quantile(p)", p=p) == pytest.approx(norm.isf(p), rel=2e-7, abs=1e-9)


@pytest.mark.parametrize("df", DF)
def test_the_tail_of_t_is_that_of_scipy(connection: duckdb.DuckDBPyConnection, df: int) -> None:
    at = np.geomspace(1e-3, 300, 300)
    references = (t.logsf(at, df) + np.log(2)) / np.log(10)
    results = calculated(connection, "student_t_log10_tail(t, df)", t=at, df=np.full(len(at), df))
    is_finite = np.isfinite(references)  # scipy's is -inf where the chance is no float any more
    is_small = is_finite & (references < -1)
    assert results[is_small] == pytest.approx(references[is_small], abs=3.1e-4, rel=1e-6)
    assert results[is_finite] == pytest.approx(references[is_finite], abs=2.1e-3, rel=1e-6)
    assert np.all(np.diff(results) < 0)
    assert np.array_equal(
        results, calculated(connection, "student_t_log10_tail(t, df)", t=-at, df=np.full(len(at), df))
    )


@pytest.mark.parametrize("df", DF)
def test_the_quantile_of_t_is_that_of_scipy(connection: duckdb.DuckDBPyConnection, df: int) -> None:
    p = np.geomspace(1e-12, 0.025, 100)
    results = calculated(connection, "student_t_quantile(p, df)", p=p, df=np.full(len(p), df))
    assert results == pytest.approx(t.isf(p, df), rel=3e-4)


def test_a_correlation_is_that_of_numpy_and_none_where_nothing_varies(connection: duckdb.DuckDBPyConnection) -> None:
    x, y = np.random.default_rng(0).normal(size=(2, 50))
    constant = np.full(50, 0.1)
    assert calculated(connection, "correlation(x, y)", x=x, y=y)[0] == pytest.approx(np.corrcoef(x, y)[0, 1])
    for columns in ({"x": x, "y": constant}, {"x": constant, "y": x}):
        assert np.ma.is_masked(calculated(connection, "correlation(x, y)", **columns))


def test_where_there_is_no_t_there_is_no_number(connection: duckdb.DuckDBPyConnection) -> None:
    for expression in ("student_t_quantile(0.025, NULL)", "student_t_log10_tail(NULL, 0)", "bonferroni(NULL, 5)"):
        assert only(connection, expression) is None
    assert only(connection, "clamped(NULL, 0, 1)") is None
    assert only(connection, "two_proportion_z(0, 0, 1, 4)") is None
    assert only(connection, "wilson_low(NULL, NULL, 1.96)") is None
    assert only(connection, "wilson_low(0.0 / 0, 0, 1.96)") is None
    assert only(connection, "wilson_high(0.5, 0, 1.96)") is None
    assert only(connection, "bonferroni(-3, NULL)") is None
    assert only(connection, "positions_within(NULL, 2, 10)") is None
    assert only(connection, "log_choose(5, 6)") is None
    assert only(connection, "hypergeometric_variance(60000, 70000, 100000)") == pytest.approx(5040.05, abs=0.1)


@pytest.mark.parametrize("p", [-1, 0, 0.7, 1])
def test_a_quantile_of_no_tail_is_empty(connection: duckdb.DuckDBPyConnection, p: float) -> None:
    assert only(connection, f"normal_quantile({p})") is None
    assert only(connection, f"student_t_quantile({p}, 5)") is None


@pytest.mark.parametrize(
    "call", ["in_form('Count', 1, 2, 3)", "in_form(NULL, 1, 2, 3)", "of_atom('CA', 1, 2)", "of_atom('x', 1, 2)"]
)
def test_a_choice_there_is_not_is_refused(connection: duckdb.DuckDBPyConnection, call: str) -> None:
    with pytest.raises(duckdb.InvalidInputException, match=r"The (form of attention|atom) is"):
        only(connection, call)


def test_a_table_of_the_callers_takes_no_place_inside_a_function(atlas: Atlas) -> None:
    query = "SELECT count(*) AS n FROM featured_sequences(['Active site'], NULL)"
    before = atlas.sql(query).to_pylist()
    names = ("proteins", "features", "labels", "head_features", "coordinates", "contacts", "fused_contacts")
    none = ", ".join(f"{name} AS (SELECT 1 AS accession)" for name in names)
    assert atlas.sql(f"WITH {none} {query}").to_pylist() == before
    for call in ("label_heads(NULL, NULL, 'count')", "chain_contacts('cb', 'one', NULL, 'contact_head')"):
        atlas.sql(f"WITH {none} SELECT count(*) FROM {call}")


@pytest.mark.parametrize(("k", "n"), [(0, 5), (1, 5), (5, 5), (37, 120), (1, 100_000)])
def test_the_interval_of_a_share_is_wilsons(connection: duckdb.DuckDBPyConnection, k: int, n: int) -> None:
    references = proportion_confint(k, n, alpha=0.05, method="wilson")
    z = norm.isf(0.025)
    results = [only(connection, f"wilson_{end}({k} / {n}, {n}, {z})") for end in ("low", "high")]
    assert results == pytest.approx(references, abs=1e-12)


@pytest.mark.parametrize(("k", "n"), [(0, 5), (1, 5), (5, 5), (37, 120), (1, 100_000)])
def test_a_comparison_has_the_interval_of_a_share_that_questions_have(
    connection: duckdb.DuckDBPyConnection, k: int, n: int
) -> None:
    estimate = wilson_estimate(k, n)
    ends = [only(connection, f"wilson_{end}({k} / {n}, {n}, normal_95())") for end in ("low", "high")]
    assert [estimate.low, estimate.high] == pytest.approx(ends, abs=1e-8)


@pytest.mark.parametrize("df", DF)
def test_a_comparison_has_the_quantile_of_t_and_questions_have_it_to_their_accuracy(
    connection: duckdb.DuckDBPyConnection, df: int
) -> None:
    assert t_quantile(df) == pytest.approx(t.isf(0.025, df), rel=1e-9)
    assert only(connection, f"student_t_quantile(0.025, {df})") == pytest.approx(t_quantile(df), rel=3e-4)


def over_proteins(connection: duckdb.DuckDBPyConnection, k: np.ndarray, n: np.ndarray, by_chance: float) -> dict:
    """Return the results of the functions for a ratio of sums over proteins, against 0, as one of three tests."""
    query = """
        WITH parts AS (SELECT unnest($k) AS k, unnest($n) AS n),
        changes AS (
            SELECT sum(change_without(k, n, (SELECT sum(k) FROM parts), (SELECT sum(n) FROM parts)) ^ 2) AS squares,
                   count(*) FILTER (n > 0) AS m, sum(k) AS k, sum(n) AS n, sum(n ^ 2) AS nn
            FROM parts
        ),
        errors AS (
            SELECT *, error_over_proteins(m, squares, $by_chance / n ^ 2) AS error, effective_df(m, n, nn) AS df
            FROM changes
        )
        SELECT error, df, unnest(ratio_test(k / n, error, df, 3)), why_untested(m, df, error) AS note FROM errors
    """
    rows = connection.execute(query, {"k": k.tolist(), "n": n.tolist(), "by_chance": by_chance})
    names = [column[0] for column in rows.description]
    return dict(zip(names, rows.fetchall()[0], strict=True))


@pytest.mark.parametrize("by_chance", [0.0, 1e4])
@pytest.mark.parametrize("n_proteins", [5, 6, 30, 400])
def test_a_ratio_over_proteins_is_that_of_leaving_them_out_one_by_one(
    connection: duckdb.DuckDBPyConnection, n_proteins: int, by_chance: float
) -> None:
    rng = np.random.default_rng(n_proteins)
    n = rng.integers(0, 50, n_proteins).astype(float)
    k = n * rng.normal(0.3, 1, n_proteins)
    of, row = estimate(k, n, by_chance), over_proteins(connection, k, n, by_chance)
    assert (row["error"], row["df"], row["t"]) == pytest.approx((of.error, of.df, of.t))
    assert row["reach"] == pytest.approx(of.reach(3), rel=3e-4)
    assert row["log10_p"] == pytest.approx(of.log10_p(3), abs=2.1e-3)
    assert (row["confidence"], row["note"]) == (pytest.approx(1 - 0.05 / 3), None)


def test_of_equal_weights_it_is_students_t(connection: duckdb.DuckDBPyConnection) -> None:
    x = np.random.default_rng(3).normal(0.2, 1, 12)
    row, test = over_proteins(connection, x, np.ones(12), 0.0), ttest_1samp(x, 0)
    assert (row["t"], row["df"]) == pytest.approx((test.statistic, 11))
    low, high = test.confidence_interval(1 - 0.05 / 3)
    assert row["reach"] == pytest.approx((high - low) / 2, rel=3e-4)


@pytest.mark.parametrize(
    ("k", "n", "note"),
    [
        ([1, 2, 3, 5], [9, 9, 9, 9], "fewer than 5 proteins"),
        ([1, 2, 3, 5, 0], [9, 9, 9, 9, 0], "fewer than 5 proteins"),
        ([1, 2, 3, 5, 50], [9, 9, 9, 9, 900], "nearly all is of one protein"),
        ([2, 2, 2, 2, 4], [8, 8, 8, 8, 16], "all proteins agree"),
    ],
)
def test_what_cannot_be_tested_says_why(connection: duckdb.DuckDBPyConnection, k: list, n: list, note: str) -> None:
    row = over_proteins(connection, np.array(k, float), np.array(n, float), 0.0)
    assert (row["note"], row["t"], row["reach"], row["log10_p"], row["confidence"]) == (note, None, None, None, None)


def test_without_the_one_protein_there_is_nothing_to_compare(connection: duckdb.DuckDBPyConnection) -> None:
    assert only(connection, "change_without(3, 10, 3, 10)") == float("inf")
    assert only(connection, "change_without(3, 10, 5, 20)") == pytest.approx(5 / 20 - 2 / 10)


def test_the_variance_by_chance_is_that_of_a_binomial(connection: duckdb.DuckDBPyConnection) -> None:
    assert only(connection, "chance_variance(30, 0.2, 30)") == pytest.approx(binom(30, 0.2).var())
    assert only(connection, "chance_variance(3.0, 0.2, 30)") == pytest.approx(binom(30, 0.2).var() / 100)
    assert only(connection, "chance_variance(0, 0.2, 0)") == 0
    assert [only(connection, f"attention_draws('{x}', 7, 50)") for x in ("count", "weighted", "mass")] == [7, 7, 50]


def test_levels_and_distances_have_names(connection: duckdb.DuckDBPyConnection) -> None:
    assert only(connection, "tail_chance(4)") == pytest.approx(0.025 / 4)
    assert float(only(connection, "normal_95()")) == pytest.approx(norm.isf(0.025), abs=1e-6)
    assert [only(connection, f"is_near({x}, 0, 0)") for x in ("8.01::DOUBLE", "-7.99::DOUBLE", "NULL")] == [
        False,
        True,
        None,
    ]
    assert only(connection, "is_near(5::DOUBLE, 5::DOUBLE, 5::DOUBLE)") is False


def test_z_of_two_proportions_is_that_of_statsmodels(connection: duckdb.DuckDBPyConnection) -> None:
    references, _ = proportions_ztest([30, 200], [100, 1_500])
    assert only(connection, "two_proportion_z(30, 100, 200, 1500)") == pytest.approx(references)


def test_choices_and_drawing_are_those_of_scipy(connection: duckdb.DuckDBPyConnection) -> None:
    assert only(connection, "exp(log_choose(20, 7))") == pytest.approx(comb(20, 7))
    assert only(connection, "log_choose(9, 0)") == pytest.approx(0)
    for n, marked, n_all in ((3, 10, 50), (0, 4, 9), (9, 4, 9), (1, 1, 1)):
        results = only(connection, f"hypergeometric_variance({n}, {marked}, {n_all})")
        assert results == pytest.approx(hypergeom(n_all, marked, n).var() if 0 < n < n_all else 0)


def test_positions_keep_to_the_sequence_and_the_kind_of_feature(connection: duckdb.DuckDBPyConnection) -> None:
    assert only(connection, "positions_within(2, 3, 4)") == [1, 2, 3, 4]
    assert only(connection, "positions_within(7, 0, 9)") == [7]
    assert only(connection, "feature_positions('Helix', 3, 5)") == [3, 4, 5]
    assert only(connection, "feature_positions('Disulfide bond', 3, 50)") == [3, 50]
    assert only(connection, "feature_positions('Cross-link', 3, 50)") == [3, 50]


def test_forms_and_atoms_are_chosen_by_name(connection: duckdb.DuckDBPyConnection) -> None:
    assert [only(connection, f"in_form('{form}', 1, 2, 3)") for form in ("count", "weighted", "mass")] == [
        1.0,
        2.0,
        3.0,
    ]
    assert [only(connection, f"of_atom('{atom}', 1, 2)") for atom in ("ca", "cb")] == [1.0, 2.0]


def test_bounds_and_corrections_stop_where_they_should(connection: duckdb.DuckDBPyConnection) -> None:
    assert [only(connection, f"clamped({x}, 0, 1)") for x in (-1, 0.25, 7)] == pytest.approx([0, 0.25, 1])
    assert only(connection, "bonferroni(-3, 10)") == pytest.approx(-2)
    assert only(connection, "bonferroni(-1, 1000)") == 0
