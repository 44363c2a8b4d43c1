"""Distributions: how many fall in each class of a number, with the median marked."""

from collections.abc import Sequence
from dataclasses import dataclass

from attlas.queries.report.pictures import BLUE, FAINT, HALF, VERMILION, Picture, make_axes


@dataclass(frozen=True)
class Class:
    """A class of values."""

    begin: float
    end: float
    n: int


def draw_distribution(
    classes: Sequence[Class], *, x_name: str, y_name: str, median: float | None = None, last: str = ""
) -> Picture:
    """Draw a histogram; `last` names the last class where it is open, such as `2,000 or more`."""
    figure, (axis,) = make_axes(HALF, 2.4)
    axis.grid(axis="y", color=FAINT, alpha=0.35, linewidth=0.5)
    axis.set_axisbelow(True)
    begins, widths = [c.begin for c in classes], [c.end - c.begin for c in classes]
    axis.bar(begins, [c.n for c in classes], width=widths, align="edge", color=BLUE, edgecolor="white", linewidth=0.3)

    if last and classes:
        end = classes[-1]
        axis.annotate(last, (end.end, end.n), (0, 3), textcoords="offset points", ha="right", fontsize=6.5)
    if median is not None:
        axis.axvline(median, color=VERMILION, linewidth=1.3, linestyle=(0, (4, 2)))
        words = {"ha": "center", "va": "bottom", "fontsize": 7}
        axis.annotate(f"median {median:,g}", (median, 1.0), (0, 2), ("data", "axes fraction"), "offset points", **words)

    axis.set_xlim(min(begins, default=0), max((c.end for c in classes), default=1))
    axis.set_ylim(bottom=0)
    axis.margins(y=0.12)
    axis.set_xlabel(x_name)
    axis.set_ylabel(y_name)
    return Picture(figure)
