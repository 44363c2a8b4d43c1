"""A sequence laid into rows: every residue once, bars of several residues, labels that do not overlap."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attlas.queries.plots.sequence_rows import (
    LETTER_INCHES,
    ROW_RESIDUES,
    TextAtPosition,
    largest_of_bins,
    place_labels,
    residues_per_bar,
    split_sequence,
)

pytestmark = pytest.mark.slow


@settings(max_examples=50, deadline=None)
@given(length=st.integers(1, 40_000))
def test_rows_hold_every_residue_once_at_one_scale(length: int) -> None:
    rows = split_sequence(length)
    assert [residue for row in rows for residue in (row.begin, row.end)][1:-1:2] == [row.begin - 1 for row in rows[1:]]
    assert (rows[0].begin, rows[-1].end, len({row.width for row in rows})) == (1, length, 1)
    assert len(rows) <= 5
    assert length > 5 * ROW_RESIDUES or rows[0].width <= ROW_RESIDUES


@settings(max_examples=50, deadline=None)
@given(values=st.lists(st.floats(0, 50), min_size=1, max_size=300), max_bars=st.integers(1, 400))
def test_a_bar_is_the_largest_of_its_residues(values: list[float], max_bars: int) -> None:
    (row,) = split_sequence(len(values))
    size = residues_per_bar(row, max_bars=max_bars)
    points = list(largest_of_bins(values, row, size=size))
    assert len(points) <= max_bars
    assert [value for _, value in points] == [max(values[at : at + size]) for at in range(0, len(values), size)]
    assert all(values[position - 1] == value for position, value in points)


@settings(max_examples=50, deadline=None)
@given(positions=st.lists(st.integers(1, 600), unique=True, max_size=40))
def test_labels_of_a_lane_do_not_overlap(positions: list[int]) -> None:
    (row,) = split_sequence(600)
    placed = place_labels([TextAtPosition(at, f"{at} R{at}", "9") for at in positions], row, max_lanes=3)
    for lane in range(3):
        labels = sorted((label for label in placed if label.lane == lane), key=lambda label: label.position)
        for a, b in pairwise(labels):
            distance = row.inches(b.position - a.position)
            assert distance >= (len(a.text) + len(b.text)) / 2 * LETTER_INCHES
    assert {label.position for label in placed} <= set(positions)
    assert not positions or placed[0].position == positions[0]
