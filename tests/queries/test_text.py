"""Tables of text and the float rule of the formats."""

import io
import json

import pyarrow as pa
import pytest

from attlas.queries.cards.tracks import BARS
from attlas.queries.formats import dump_json, shortest_floats, write_text
from attlas.queries.text import IN_ASCII, Layout, counted, fitting, printable


def reader(table: pa.Table) -> pa.RecordBatchReader:
    return pa.RecordBatchReader.from_batches(table.schema, table.to_batches(max_chunksize=7))


def test_a_table_wider_than_the_terminal_becomes_blocks() -> None:
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
    assert shortest_floats(table.to_batches()[0]).to_pylist() == [
        {"f": 0.1, "fixed": [0.1, 0.2], "deep": [{"share": 0.3, "list": [0.7]}], "d": 1 / 3},
        {"f": None, "fixed": [0.1, 0.2], "deep": None, "d": 2.0},
    ]


def test_json_has_no_nan() -> None:
    assert json.loads(dump_json({"a": [float("nan"), 1.0], "b": float("inf")})) == {"a": [None, 1.0], "b": None}


@pytest.mark.parametrize(
    ("n", "nouns", "said"),
    [
        (0, ("site",), "0 sites"),
        (1, ("site",), "1 site"),
        (1_204, ("site",), "1,204 sites"),
        (2, ("entry", "entries"), "2 entries"),
        (1, ("entry", "entries"), "1 entry"),
    ],
)
def test_a_number_has_its_noun_in_the_right_form(n: int, nouns: tuple[str, ...], said: str) -> None:
    assert counted(n, *nouns) == said


@pytest.mark.parametrize(("encoding", "said"), [("utf-8", "▁█ ─ · …"), (None, "▁█ ─ · …"), ("ascii", "_# - , ~")])
def test_our_own_signs_become_such_as_the_encoding_has(encoding: str | None, said: str) -> None:
    assert fitting("▁█ ─ · …", encoding) == said


def test_eight_heights_stay_eight_in_ascii_and_every_sign_one_character() -> None:
    assert len(set(BARS.translate(IN_ASCII))) == len(BARS) == 8
    assert all(sign < 128 for sign in IN_ASCII.values())
