"""Rows of tables know the line they begin on, and columns are found by their names."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attlas.intake.rows import column_key, find_columns, read_quoted_rows, read_tab_rows
from attlas.intake.text import numbered_lines
from attlas.schema import InputError


def test_rows_know_the_line_they_begin_on() -> None:
    text = '# a comment\na,"b\nstill b",c\n\nd, "e",f\n'
    assert list(read_quoted_rows(numbered_lines(text), ",", name="t")) == [
        (2, ["a", "b\nstill b", "c"]),
        (5, ["d", "e", "f"]),
    ]
    assert list(read_tab_rows(numbered_lines('5"-end\t"x ""y"""\n#\n\n"open\tz\n'))) == [
        (1, ['5"-end', 'x "y"']),
        (4, ['"open', "z"]),
    ]


def test_a_quote_that_is_not_closed_is_named_with_its_line() -> None:
    with pytest.raises(InputError, match=r"t is no such table(.|\n)*line 2: "):
        list(read_quoted_rows(numbered_lines('a,b\nc,"d\ne,f\n'), ",", name="t"))


@pytest.mark.thorough
@given(st.lists(st.lists(st.text(st.characters(exclude_characters="\0\r\n", exclude_categories=["Cs"])), min_size=2)))
def test_what_a_csv_writer_writes_is_read_back(rows: list[list[str]]) -> None:
    out = io.StringIO()
    csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(rows)
    assert [row for _, row in read_quoted_rows(numbered_lines(out.getvalue()), ",", name="t")] == rows


def test_columns_are_found_by_the_first_of_their_names_whatever_the_letter_case() -> None:
    synonyms = {"accession": ("accession", "protein_id"), "position": ("position", "pos")}
    assert column_key(" Protein-ID ") == "protein_id"
    assert find_columns(["Pos", "x", "Protein ID", "POSITION"], synonyms) == {"accession": 2, "position": 3}
