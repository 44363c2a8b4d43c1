"""A sequence laid out on a figure: in one row or, a long one, in several; labels that keep apart."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from attlas.queries.report.pictures import INK, WIDE

ROW_RESIDUES = 700
"""Residues of a row up to which each is drawn by itself."""
MAX_ROWS = 5
"""Rows of a figure: a page of a paper holds no more."""
AXIS_INCHES = WIDE - 1.5
"""Width of the part of a row that residues are drawn on."""
LANE_INCHES = 0.13
"""Height of a line of labels."""
LETTER_INCHES = 0.062
"""Width of a letter of a label."""


@dataclass(frozen=True)
class SequenceRow:
    """The part of a sequence that stands in one row of a figure."""

    begin: int
    """First residue, 1-based."""
    end: int
    """Last residue, inclusive."""
    width: int
    """Residues that the row has room for: that of the longest row, so that all have one scale."""

    def inches(self, residues: float) -> float:
        """Return the length of so many residues on paper."""
        return residues / self.width * AXIS_INCHES


def split_sequence(length: int) -> tuple[SequenceRow, ...]:
    """Return the rows of a sequence, of nearly equal length."""
    n_rows = min(math.ceil(length / ROW_RESIDUES), MAX_ROWS)
    width = math.ceil(length / n_rows)
    return tuple(SequenceRow(begin, min(begin + width - 1, length), width) for begin in range(1, length + 1, width))


@dataclass(frozen=True)
class TextAtPosition:
    """A text at a position."""

    position: int
    text: str
    short_text: str = ""
    """Written where the text has no room; empty for none."""


@dataclass(frozen=True)
class PlacedLabel:
    """A text that has room."""

    position: int
    text: str
    lane: int
    """Line of labels, from 0, the nearest to the row."""


def place_labels(labels: Sequence[TextAtPosition], row: SequenceRow, *, max_lanes: int) -> tuple[PlacedLabel, ...]:
    """Return the labels of a row that have room, so that no two of a lane overlap.

    Labels that come earlier in the order given are served before others.
    """
    spans: list[list[tuple[float, float]]] = [[] for _ in range(max_lanes)]
    placed = []
    for label in (label for label in labels if row.begin <= label.position <= row.end):
        for text in filter(None, (label.text, label.short_text)):
            begin, end = _span(label.position, text, row)
            free = [lane for lane in range(max_lanes) if all(end <= b or e <= begin for b, e in spans[lane])]
            if free:
                spans[free[0]].append((begin, end))
                placed.append(PlacedLabel(label.position, text, free[0]))
                break
    return tuple(placed)


def _span(position: int, text: str, row: SequenceRow) -> tuple[float, float]:
    """Return begin and end of a label in inches, with the room of a letter around it."""
    centre = row.inches(position - row.begin)
    half = (len(text) + 1) * LETTER_INCHES / 2
    return centre - half, centre + half


def residues_per_bar(row: SequenceRow, *, max_bars: int) -> int:
    """Return the residues that share a bar, where a row has room for so many bars."""
    return math.ceil(row.width / max_bars)


def largest_of_bins(values: Sequence[float], row: SequenceRow, *, size: int) -> Iterator[tuple[int, float]]:
    """Yield position and value of each bar of a row: the largest of each `size` residues of the sequence."""
    for begin in range(row.begin, row.end + 1, size):
        part = values[begin - 1 : min(begin + size - 1, row.end)]
        largest = max(part)
        yield begin + part.index(largest), largest


def write_label(axis: Any, label: PlacedLabel, height: float) -> None:
    """Write a label with its lower edge at a height of the axis; lines behind it are hidden."""
    axis.text(
        label.position,
        height,
        label.text,
        ha="center",
        va="bottom",
        fontsize=6.5,
        color=INK,
        zorder=5,
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.4},
    )
