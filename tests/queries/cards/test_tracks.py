"""What is drawn along a sequence: bars, ranks and ruler line up, and so do the blocks of the sequence."""

import pytest
from helpers.reading_case import random_sequence
from hypothesis import given
from hypothesis import strategies as st

from attlas.queries.cards.tracks import (
    COLOURED,
    PLAIN,
    profile_bars,
    rank_marks,
    residues_per_column,
    ruler,
    sequence_lines,
    site_columns,
)


def test_a_profile_reads_as_bars_ranks_and_ruler() -> None:
    assert profile_bars([0.0, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0], 1) == "▁▂▃▄▅▆▇██▁▁▁"
    assert rank_marks(site_columns({9: 1, 8: 2, 7: 12}, 1)) == "      +21"
    assert ruler(12, 1) == "1         12"


def test_a_column_of_several_residues_is_their_highest() -> None:
    assert profile_bars([0.0, 0, 8, 0, 0, 4], 2) == "▁█▅"
    assert rank_marks(site_columns({3: 2, 4: 1}, 2)) == " 1"
    assert ruler(6, 2) == "1 6"


def test_a_profile_of_zeros_is_flat() -> None:
    assert profile_bars([0.0] * 5, 1) == "▁" * 5


@given(n=st.integers(1, 40_000), width=st.integers(1, 200))
def test_a_profile_fits_its_width_and_ends_with_its_last_position(n: int, width: int) -> None:
    bin_size = residues_per_column(n, width)
    bars, numbers = profile_bars([1.0] * n, bin_size), ruler(n, bin_size)
    assert len(bars) == -(-n // bin_size) <= width
    assert len(rank_marks(site_columns({n: 1, 1: 2}, bin_size))) == len(bars)
    assert len(numbers) <= max(len(bars), len(str(n)))
    if len(bars) > 20:
        assert numbers.endswith(str(n))
        assert numbers.startswith("1 ")


@given(n=st.integers(30, 40_000), width=st.integers(30, 200))
def test_every_number_of_the_ruler_begins_at_the_column_of_its_residue(n: int, width: int) -> None:
    bin_size = residues_per_column(n, width)
    line = ruler(n, bin_size)
    at = 0
    for number in line.split()[:-1]:
        at = line.index(number, at)
        assert at == (int(number) - 1) // bin_size
        at += len(number)


def drawn(sequence: str, ranks: dict[int, int], width: int, shown: list[int] | None = None) -> list[str]:
    return list(sequence_lines(sequence, ranks, width=width, style=PLAIN, positions=shown))


def test_a_sequence_stands_in_numbered_blocks_of_ten_with_its_sites_marked() -> None:
    assert drawn("ACDEFGHIKLMNPQRSTVWYACDEF", {3: 1, 12: 10, 21: 2}, 26) == [
        " 1 acDefghikl mNpqrstvwy",
        "     1         +",
        "21 Acdef",
        "   2",
    ]


def test_lines_left_out_are_counted_and_a_single_one_between_is_not_left_out() -> None:
    sequence = random_sequence(105, 1)
    lines = drawn(sequence, {15: 1, 35: 2}, 15, shown=[15, 35])
    assert [line.split()[0] for line in lines] == ["…", "11", "1", "21", "31", "2", "…"]
    assert (lines[0].strip(), lines[-1].strip()) == ("… 10 residues …", "… 65 residues …")
    assert drawn("A" * 11, {1: 1}, 14, shown=[1])[-1].strip() == "… 1 residue …"


@given(n=st.integers(1, 1_500), width=st.integers(16, 130), data=st.data())
def test_every_residue_is_drawn_once_and_every_rank_below_its_residue(n: int, width: int, data: st.DataObject) -> None:
    sequence = random_sequence(n, n)
    positions = data.draw(st.lists(st.integers(1, n), unique=True, max_size=9))
    ranks = {position: rank for rank, position in enumerate(positions, start=1)}
    lines = drawn(sequence, ranks, width)
    digits = len(str(n))
    assert max(map(len, lines)) <= width
    letters, drawn_ranks, above = "", {}, ""
    for line in lines:
        if line[:digits].strip():
            assert int(line[:digits]) == len(letters) + 1
            above, start = line, len(letters)
            letters += line[digits:].replace(" ", "")
        else:
            for at, mark in enumerate(line):
                if mark != " ":
                    drawn_ranks[start + len(above[digits:at].replace(" ", "")) + 1] = int(mark)
    assert letters.upper() == sequence
    assert drawn_ranks == ranks
    assert {i for i, letter in enumerate(letters, start=1) if letter.isupper()} == set(positions)


@pytest.mark.parametrize("shown", [None, [7, 30]])
def test_colour_adds_nothing_but_colour(shown: list[int] | None) -> None:
    sequence, ranks = random_sequence(75, 3), {7: 1, 30: 11}
    coloured = "\n".join(sequence_lines(sequence, ranks, width=30, style=COLOURED, positions=shown))
    for code in (COLOURED.bold, COLOURED.dim, COLOURED.mark, COLOURED.reset):
        coloured = coloured.replace(code, "")
    assert coloured.splitlines() == drawn(sequence, ranks, 30, shown)
    assert COLOURED.marked("abc", {1}) == f"a{COLOURED.mark}b{COLOURED.reset}c"
