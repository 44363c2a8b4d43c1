"""Answers that meet a terminal, a spreadsheet or another program's reader: no text in them does harm or is lost."""

import io
import os
import pty
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from helpers.default_cases import each_nth_by_default
from hypothesis import given
from hypothesis import strategies as st

from attlas.cli.terminal import TerminalText
from attlas.queries import Atlas
from attlas.queries.formats import WRITERS, write_text, write_tsv
from attlas.queries.spreadsheets import defuse_formulas
from attlas.schema import QuestionError

pytestmark = pytest.mark.slow

ESCAPE = "\x1b[31m"
TSV_TEXTS = st.text(st.sampled_from("ab\"'\t\n\r\\,=Ω 1"), min_size=1)


def reader(columns: Mapping[str, list[object]]) -> pa.RecordBatchReader:
    return pa.table(dict(columns)).to_reader()


def on_a_terminal(*words: object) -> bytes:
    """Return the bytes that a command prints to a terminal of its own, stdout and stderr together."""
    reading_end, writing_end = pty.openpty()
    command = [sys.executable, "-m", "attlas.cli.main", *map(str, words)]
    with subprocess.Popen(command, stdout=writing_end, stderr=writing_end, stdin=subprocess.DEVNULL) as process:
        os.close(writing_end)
        printed = b""
        while part := _read(reading_end):
            printed += part
        process.wait(timeout=60)
    os.close(reading_end)
    return printed


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 1 << 16)
    except OSError:  # the other end is closed
        return b""


@pytest.mark.parametrize("format", each_nth_by_default(["csv", "tsv", "table", "json"], 4))
def test_a_terminal_gets_no_escape_code_of_a_value_or_a_label(atlas_dir: Path, format: str) -> None:
    query = f"SELECT description AS \"{ESCAPE}label\" FROM proteins WHERE description LIKE '%red%'"
    printed = on_a_terminal("sql", atlas_dir, query, "--format", format)
    assert b"\x1b" not in printed
    assert b"[31mred" in printed
    assert b"[31mlabel" in printed


@pytest.mark.thorough
def test_a_pipe_gets_every_byte_as_it_is(atlas_dir: Path) -> None:
    words = ["sql", str(atlas_dir), f"SELECT '{ESCAPE}red' AS x", "--format", "csv"]
    done = subprocess.run([sys.executable, "-m", "attlas.cli.main", *words], capture_output=True, check=True)
    assert done.stdout == f"x\n{ESCAPE}red\n".encode()


def test_names_of_columns_in_a_table_of_text_are_printable_and_line_up() -> None:
    sink = io.BytesIO()
    write_text(reader({f"{ESCAPE}a": ["x"], "b": ["y"]}), sink)
    assert sink.getvalue().decode().splitlines() == [r"\x1b[31ma  b", "─────────  ─", "x          y"]


@given(st.text(), st.integers(1, 7))
def test_text_for_a_terminal_may_come_in_pieces_that_divide_a_character(text: str, size: int) -> None:
    whole, parts, data = io.BytesIO(), io.BytesIO(), text.encode("utf-8", "replace")
    TerminalText(whole).write(data)
    piecewise = TerminalText(parts)
    for start in range(0, len(data), size):
        piecewise.write(data[start : start + size])
    assert parts.getvalue() == whole.getvalue()
    assert all(c.isprintable() or c in "\n\t" for c in whole.getvalue().decode())


@pytest.mark.thorough
@given(st.lists(st.tuples(TSV_TEXTS, TSV_TEXTS), min_size=1, max_size=5))
def test_pandas_and_polars_read_back_every_text_of_a_tsv(texts: list[tuple[str, str]]) -> None:
    sink = io.BytesIO()
    write_tsv(reader({"a\tname": [a for a, _ in texts], "b": [b for _, b in texts]}), sink)
    by_polars = pl.read_csv(sink.getvalue(), separator="\t", infer_schema=False)
    by_pandas = pd.read_csv(io.BytesIO(sink.getvalue()), sep="\t", dtype=str, keep_default_na=False)
    assert by_polars.rows() == texts
    assert list(by_pandas.itertuples(index=False, name=None)) == texts
    assert by_polars.columns == list(by_pandas.columns) == ["a\tname", "b"]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "='x'!A1"])
def test_a_text_that_a_spreadsheet_would_run_begins_with_an_apostrophe(text: str) -> None:
    rows = defuse_formulas(reader({text: [text, "a" + text, None], "n": [-1.5, 2.0, None]})).read_all()
    assert rows.column_names == [f"'{text}", "n"]
    assert rows.column(0).to_pylist() == [f"'{text}", "a" + text, None]
    assert rows["n"].to_pylist() == [-1.5, 2.0, None]


def test_an_enum_is_made_safe_too(atlas: Atlas) -> None:
    rows = defuse_formulas(atlas.stream("SELECT '=1'::ENUM('=1', 'b') AS x"))
    assert rows.read_all()["x"].to_pylist() == ["'=1"]


@pytest.mark.parametrize("format", ["csv", "tsv"])
def test_sql_and_export_write_files_that_are_safe_for_spreadsheets(
    tmp_path: Path, atlas_dir: Path, attlas: Callable, format: str
) -> None:
    words = ["sql", atlas_dir, "SELECT '=1' AS x", "--format", format]
    assert attlas(*words).out.splitlines() == ["x", "=1"]
    assert attlas(*words, "--safe-for-spreadsheets").out.splitlines() == ["x", "'=1"]
    run = attlas("export", atlas_dir, format, "-o", tmp_path / "sites", "--safe-for-spreadsheets")
    assert run.code == 0, run.err
    assert (tmp_path / "sites").read_bytes().count(b"P04637") > 0


@pytest.mark.parametrize("words", [["sql", "SELECT 1"], ["export", "gff3"], ["show", "P04637", "--format", "json"]])
def test_a_format_that_no_spreadsheet_runs_is_refused_with_the_option(
    atlas_dir: Path, attlas: Callable, words: list[str]
) -> None:
    run = attlas(words[0], atlas_dir, *words[1:], "--safe-for-spreadsheets")
    assert run.code == 1
    assert "csv, tsv" in run.err


@pytest.mark.thorough
def test_values_of_every_type_are_written_or_refused_in_a_sentence(atlas: Atlas) -> None:
    columns = [row[0] for row in duckdb.sql("DESCRIBE FROM test_all_types()").fetchall()]
    refusals = {}
    for column in ["*", *(f'"{column}"' for column in columns)]:
        rows = atlas.sql(f"SELECT {column} FROM test_all_types()")
        for name, write in {**WRITERS, "table": write_text}.items():
            if refusal := _refusal(write, rows.to_reader()):
                refusals[column, name] = refusal
    assert len(columns) > 50
    assert len(refusals) < len(columns)  # of six times as many
    assert all("cannot be written as" in str(error) and "CAST(" in str(error.hint) for error in refusals.values())
    assert ("date_array", "csv") in refusals or ('"date_array"', "csv") in refusals


def _refusal(write: Callable, rows: pa.RecordBatchReader) -> QuestionError | None:
    try:
        write(rows, io.BytesIO())
    except QuestionError as error:
        return error
    return None


def test_a_statement_that_duckdb_has_no_name_for_is_refused_in_a_sentence(atlas: Atlas) -> None:
    with pytest.raises(QuestionError, match="asked with one SELECT") as caught:
        atlas.sql("UPDATE EXTENSIONS")
    assert caught.value.found == "a statement that is no SELECT"


def test_a_variable_of_the_caller_is_no_table(atlas: Atlas) -> None:
    shapes = pa.table({"x": [1]})
    assert shapes.num_rows == 1
    with pytest.raises(QuestionError, match="cannot be answered"):
        atlas.sql("FROM shapes")
    (setting,) = atlas.sql("SELECT current_setting('python_enable_replacements') AS setting").to_pylist()
    assert str(setting["setting"]).lower() == "false"
