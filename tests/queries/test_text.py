"""Tables of text and the float rule of the formats."""

import io
import json

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attlas.queries.cards.tracks import BARS
from attlas.queries.formats import dump_json, json_rows, write_text
from attlas.queries.text import IN_ASCII, MOST_FOLDS, Layout, counted, fitting, printable


def reader(table: pa.Table) -> pa.RecordBatchReader:
    return pa.RecordBatchReader.from_batches(table.schema, table.to_batches(max_chunksize=7))


def test_texts_wider_than_the_terminal_are_folded_between_words_and_numbers_are_not() -> None:
    rows = [(1_234_567, "P1", "a long description of one protein, in words"), (2, "P2", None)]
    lines = list(Layout.of(("n", "id", "description"), rows).lines(rows, 36))
    assert lines == [
        "      n  id  description",
        "───────  ──  ───────────────────────",
        "1234567  P1  a long description of",
        "             one protein, in words",
        "      2  P2",
    ]
    assert list(Layout.of(("n", "id", "description"), rows).lines(rows, 200)) == list(
        Layout.of(("n", "id", "description"), rows).lines(rows)
    )


def test_a_folded_cell_takes_few_lines_and_shows_that_it_is_cut() -> None:
    rows = [("id", "M" * 500)]
    lines = list(Layout.of(("a", "sequence"), rows).lines(rows, 40))
    assert max(map(len, lines)) <= 40
    assert lines[-1].endswith("…")
    assert len(lines) == 2 + MOST_FOLDS


@pytest.mark.thorough
@pytest.mark.slow
@given(st.lists(st.tuples(st.integers(), st.text(max_size=90), st.text(max_size=90)), min_size=1), st.integers(50, 140))
def test_whatever_is_folded_fits_and_no_text_is_lost(rows: list[tuple[int, str, str]], width: int) -> None:
    layout = Layout.of(("n", "a", "b"), rows)
    folded = layout.folded(width)
    if folded is not None:
        lines = list(layout.lines(rows, width))
        assert max(map(len, lines)) <= width
        if "…" not in "".join(lines):
            letters = sorted("".join(printable(value) for row in rows for value in row).replace(" ", ""))
            assert sorted("".join(lines[2:]).replace(" ", "")) == letters


def test_a_table_too_narrow_to_fold_becomes_blocks() -> None:
    sink = io.BytesIO()
    write_text(reader(pa.table({"name": ["a" * 30], "sequence": ["M" * 99]})), sink, width=40, limit=5)
    lines = sink.getvalue().decode().splitlines()
    assert lines[1:] == [f"name      {'a' * 30}", f"sequence  {'M' * 29}…"]


@pytest.mark.parametrize(("n", "is_cut"), [(4, False), (5, False), (6, True), (50, True)])
def test_a_cut_table_says_so(n: int, is_cut: bool) -> None:
    sink = io.BytesIO()
    assert write_text(reader(pa.table({"i": list(range(n))})), sink, width=80, limit=5) is is_cut
    assert len(sink.getvalue().splitlines()) == 2 + min(n, 5)


def test_two_columns_of_one_name_are_both_shown() -> None:
    sink = io.BytesIO()
    table = pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"])
    write_text(reader(table), sink)
    assert sink.getvalue().decode().split() == ["a", "a", "─", "─", "1", "2"]


def test_numbers_stand_right_and_texts_left() -> None:
    layout = Layout.of(("n", "text"), [(1, "a"), (1000, None)])
    assert list(layout.lines([(1, "a"), (1000, None)])) == ["   n  text", "────  ────", "   1  a", "1000"]


def test_a_text_is_printed_without_control_characters() -> None:
    assert printable("a\tb\x1b[31m\nΩ") == r"a\tb\x1b[31m\nΩ"


def test_float32_is_written_as_short_as_it_is_however_deep() -> None:
    kind = pa.struct([("share", pa.float32()), ("list", pa.list_(pa.float32()))])
    table = pa.table({
        "f": pa.array([0.1, None], pa.float32()),
        "fixed": pa.array([[0.1, 0.2]] * 2, pa.list_(pa.float32(), 2)),
        "deep": pa.array([[{"share": 0.3, "list": [0.7]}], None], pa.list_(kind)),
        "d": [1 / 3, 2.0],
    })  # fmt: skip
    assert list(json_rows(table.to_reader())) == [
        {"f": 0.1, "fixed": [0.1, 0.2], "deep": [{"share": 0.3, "list": [0.7]}], "d": 1 / 3},
        {"f": None, "fixed": [0.1, 0.2], "deep": None, "d": 2.0},
    ]


def test_json_has_no_nan() -> None:
    assert json.loads(dump_json({"a": [float("nan"), 1.0], "b": float("inf")})) == {"a": [None, 1.0], "b": None}


@pytest.mark.parametrize(
    ("n", "nouns", "text"),
    [
        (0, ("site",), "0 sites"),
        (1, ("site",), "1 site"),
        (1_204, ("site",), "1,204 sites"),
        (2, ("entry", "entries"), "2 entries"),
        (1, ("entry", "entries"), "1 entry"),
    ],
)
def test_a_number_has_its_noun_in_the_right_form(n: int, nouns: tuple[str, ...], text: str) -> None:
    assert counted(n, *nouns) == text


@pytest.mark.parametrize(("encoding", "text"), [("utf-8", "▁█ ─ · …"), (None, "▁█ ─ · …"), ("ascii", "_# - , ~")])
def test_our_own_signs_become_such_as_the_encoding_has(encoding: str | None, text: str) -> None:
    assert fitting("▁█ ─ · …", encoding) == text


def test_eight_heights_stay_eight_in_ascii_and_every_sign_one_character() -> None:
    assert len(set(BARS.translate(IN_ASCII))) == len(BARS) == 8
    assert all(sign < 128 for sign in IN_ASCII.values())
