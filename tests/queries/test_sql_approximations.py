"""Formulas that stand in many questions, for SQL has no functions of ours: every copy is the same, and near scipy."""

import re
from collections.abc import Iterator
from pathlib import Path

import duckdb
import numpy as np
import pytest
from scipy.stats import norm, t

from attlas.queries.asking import questions

SQL = Path(questions.__file__).parents[1] / "sql"
TAIL_BEGIN = re.compile(r"ln\((\w)\) - (\w) \^ 2 ")
QUANTILE = re.compile(r"\br - \([^()]*\) / \([^()]*\)")
QUANTILE_BEGIN = re.compile(r"sqrt\(-2 \* ln\(0\.05 / \(2 \* ")
FACTOR = re.compile(r"\(\d+ \* (\w*)df \+ \d+\) / \(\d+ \* \1df \+ \d+\) AS \1wallace")
DEVIATE = re.compile(r"(\w*)wallace \* sqrt\(\1df \* ln\(\d+ \+ t \^ 2 / nullif\(\1df, 0\)\)\)")
REACH = re.compile(r"sqrt\((\w*)df \* \(exp\((?:least\()?\([\w.]+ / \1wallace\) \^ 2 / (?:nullif\(\1df, 0\)|\1df)")
WALLACE = re.compile(r"\b\w*wallace\b")


def statements() -> dict[str, str]:
    """Return the SQL of each question on one line, without its comments."""
    lines = {path.stem: re.sub(r"--.*", "", path.read_text()) for path in sorted(SQL.glob("*.sql"))}
    return {name: " ".join(text.split()) for name, text in lines.items()}


def tails(sql: str) -> Iterator[str]:
    """Yield each logarithm of a normal tail, of `u` and `x`: up to the bracket that closes what it stands in."""
    for begin in TAIL_BEGIN.finditer(sql):
        depth = end = 0
        for end in range(begin.start(), len(sql)):
            depth += {"(": 1, ")": -1}.get(sql[end], 0)
            if depth < 0:
                break
        u, x = begin.groups()
        yield re.sub(rf"\b{u}\b", "u", re.sub(rf"\b{x}\b", "x", sql[begin.start() : end]))


def only(found: list[str], *, at_least: int) -> str:
    """Return what all copies are."""
    assert len(found) >= at_least
    assert set(found) == {found[0]}
    return found[0]


def calculated(expression: str, **columns: np.ndarray) -> np.ndarray:
    names = ", ".join(f"unnest(${name}) AS {name}" for name in columns)
    with duckdb.connect() as connection:
        given = {name: list(map(float, values)) for name, values in columns.items()}
        return connection.execute(f"SELECT {expression} AS y FROM (SELECT {names})", given).fetchnumpy()["y"]


def test_every_copy_of_the_normal_tail_is_the_same_and_near_scipy() -> None:
    tail = only([one for sql in statements().values() for one in tails(sql)], at_least=10)
    z = np.linspace(0, 37, 500)
    found = calculated(tail, x=z / np.sqrt(2), u=1 / (1 + z / np.sqrt(8)))
    assert found == pytest.approx(norm.logsf(z) + np.log(2), abs=1.3e-7)  # Press et al.: relative error below 1.2e-7


def test_every_tail_is_of_the_variables_it_is_made_for() -> None:
    for name, sql in statements().items():
        for begin in TAIL_BEGIN.finditer(sql):
            u, x = begin.groups()
            pair = rf"([\w()]+) / sqrt\(2\) AS {x}, 1 / \(1 \+ \1 / sqrt\(8\)\) AS {u}\b"
            assert re.search(pair, sql), name


def test_every_copy_of_the_normal_quantile_is_the_same_and_near_scipy() -> None:
    for name, sql in statements().items():
        assert len(QUANTILE.findall(sql)) == len(QUANTILE_BEGIN.findall(sql)), name
    quantile = only([one for sql in statements().values() for one in QUANTILE.findall(sql)], at_least=8)
    p = np.geomspace(1e-12, 0.025, 200)
    found = calculated(quantile, r=np.sqrt(-2 * np.log(p)))
    assert found == pytest.approx(norm.isf(p), abs=4.5e-4)  # Abramowitz and Stegun 26.2.23


def test_every_copy_of_wallaces_formulas_is_the_same_and_near_scipy() -> None:
    bodies = statements()
    factor, deviate, reach = (
        [re.sub(r"\btop_", "", found.group()) for sql in bodies.values() for found in pattern.finditer(sql)]
        for pattern in (FACTOR, DEVIATE, REACH)
    )
    for name, sql in bodies.items():
        rest = sql
        for pattern in (FACTOR, DEVIATE, REACH):
            rest = pattern.sub("", rest)
        assert WALLACE.findall(rest) == [], name
    factor_of, deviate_of = only(factor, at_least=9).removesuffix(" AS wallace"), only(deviate, at_least=8)
    df, at = (grid.ravel() for grid in np.meshgrid([2.0, 4, 9, 30, 500], [0.5, 1.0, 2.5, 6.0]))
    wallace = calculated(factor_of, df=df)
    z = calculated(deviate_of, df=df, t=at, wallace=wallace)
    assert z == pytest.approx(norm.isf(t.sf(at, df)), rel=0.025)
    assert len(reach) >= 9
    for one in set(reach):
        quantile = re.search(r"\((?P<q>[\w.]+) / wallace", one)
        assert quantile is not None
        whole = one + (", 700)" if "least(" in one else "") + ") - 1))"
        given = {} if quantile["q"][0].isdigit() else {quantile["q"]: np.full(len(df), 1.96)}
        found = calculated(whole, df=df, wallace=wallace, **given)
        assert found == pytest.approx(t.isf(norm.sf(1.96), df), rel=0.05)  # 4 % too wide of two degrees of freedom
