"""Tracks as lines below a sequence: a panel for each, with gaps where residues have no value."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from attlas.queries.plots.sequence_rows import SequenceRow
from attlas.queries.report.pictures import FAINT, GREEN, shorten

TRACK_INCHES = 0.55
"""Height of a panel."""
_NAME_LETTERS = 14


@dataclass(frozen=True)
class DrawnTrack:
    """A track of a protein."""

    name: str
    unit: str
    values: Mapping[int, float]
    """By position; the mean where several files give a residue a value."""

    @property
    def label(self) -> str:
        """Its name, with the unit below where there is one."""
        unit = f"\n({shorten(self.unit, _NAME_LETTERS)})" if self.unit else ""
        return f"{shorten(self.name, _NAME_LETTERS)}{unit}"


def tracks_of_rows(rows: Iterable[Mapping[str, Any]], names: Sequence[str]) -> tuple[DrawnTrack, ...]:
    """Return the rows of a protein in `tracks` as tracks, in the order of these names; all of them have rows."""
    values: dict[str, dict[int, list[float]]] = {}
    units: dict[str, str] = {}
    for row in rows:
        values.setdefault(row["name"], {}).setdefault(row["position"], []).append(row["value"])
        units.setdefault(row["name"], row["unit"])
    return tuple(
        DrawnTrack(name, units[name], {position: fmean(numbers) for position, numbers in values[name].items()})
        for name in dict.fromkeys(names)
    )


def draw_track(axis: Any, track: DrawnTrack, row: SequenceRow) -> None:
    """Draw a track along a row of the sequence; every row has the same scale of values."""
    positions = range(row.begin, row.end + 1)
    values = [track.values.get(position, float("nan")) for position in positions]
    is_alone = [
        position in track.values and not {position - 1, position + 1} & track.values.keys() for position in positions
    ]
    axis.grid(axis="y", color=FAINT, alpha=0.3, linewidth=0.5)
    axis.set_axisbelow(True)
    axis.plot(positions, values, color=GREEN, linewidth=0.8)
    # A line through one point is not seen.
    points = [(at, value) for at, value, alone in zip(positions, values, is_alone, strict=True) if alone]
    if points:
        axis.plot(*zip(*points, strict=True), ".", color=GREEN, markersize=2)

    smallest, largest = min(track.values.values()), max(track.values.values())
    margin = 0.06 * (largest - smallest) or 1.0
    axis.set_ylim(smallest - margin, largest + margin)
    axis.set_xlim(row.begin - 0.5, row.begin + row.width - 0.5)
    axis.locator_params(axis="y", nbins=3)
    axis.set_ylabel(track.label, fontsize=6.5)
