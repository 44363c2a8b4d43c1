"""Bars of categories in a fixed order, each with its number, and an interval where there is one."""

from collections.abc import Sequence
from dataclasses import dataclass

from attlas.queries.report.pictures import BLUE, FAINT, INK, WIDE, Picture, make_axes

NUMBERED = 16
"""Bars up to which each carries its number."""


@dataclass(frozen=True)
class Bar:
    """A category with its value."""

    label: str
    value: float
    low: float | None = None
    high: float | None = None
    note: str = ""
    """Written above the bar, such as the number it is of."""


def draw_bars(bars: Sequence[Bar], *, x_name: str, y_name: str) -> Picture:
    """Draw upright bars in the order given."""
    figure, (axis,) = make_axes(WIDE, 2.5)
    places = list(range(len(bars)))
    axis.grid(axis="y", color=FAINT, alpha=0.35, linewidth=0.5)
    axis.set_axisbelow(True)
    axis.bar(places, [bar.value for bar in bars], width=0.78, color=BLUE)

    for place, bar in zip(places, bars, strict=True):
        if bar.low is not None and bar.high is not None:
            axis.plot([place, place], [bar.low, bar.high], color=INK, linewidth=1.1)
        if len(bars) <= NUMBERED and bar.note:
            top = bar.value if bar.high is None else bar.high
            axis.annotate(bar.note, (place, top), (0, 2), textcoords="offset points", ha="center", fontsize=6.5)

    step = 1 if len(bars) <= 24 else 5
    axis.set_xticks(places[::step], labels=[bar.label for bar in bars][::step])
    axis.margins(x=0.02, y=0.12)
    axis.set_ylim(bottom=0)
    axis.set_xlabel(x_name)
    axis.set_ylabel(y_name)
    return Picture(figure)
