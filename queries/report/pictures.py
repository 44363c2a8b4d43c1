"""matplotlib for every figure: one size of text, one set of colours, and what a drawing is saved as.

Colours are those of the pages (`colours.css`), of Okabe and Ito (2008), and the map `cividis` (Nunez, Anderton and
Renslow 2018), which people with any colour vision tell apart; no figure says a thing by colour alone. Nothing is
imported before a figure is drawn.
"""

import io
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from attlas.queries.colours import read_light_colours
from attlas.queries.text import cut, printable
from attlas.schema import EnvironmentFault

WIDE, HALF = 8.2, 3.95
"""Width in inches of a figure as wide as the page, and of one that shares it with another."""
_COLOURS = read_light_colours()
INK = _COLOURS["ink"]
"""Text and lines; on the page they take the colour of its text, light or dark."""
FAINT = "#8a8f98"
"""Grids and reference lines: seen on white and on black."""
BLUE, ORANGE, GREEN = _COLOURS["attention"], _COLOURS["pointed"], _COLOURS["annotated"]
PURPLE, VERMILION = _COLOURS["links"], _COLOURS["site"]
MAP = "cividis"
"""The map of every matrix: dark is little, light is much."""
MISSING = "#b9bdc4"
"""A cell without a value; it is hatched as well."""
CELLS = "cells"
"""Name of the group of a matrix's cells in the SVG."""

_SETTINGS = {
    "font.family": ["DejaVu Sans", "sans-serif"],
    "font.size": 8.0,
    "axes.titlesize": 8.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 8.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.7,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.labelsize": 7.5,
    "ytick.labelsize": 7.5,
    "hatch.linewidth": 0.6,
    "hatch.color": FAINT,
    "lines.linewidth": 1.4,
    "legend.frameon": False,
    "legend.fontsize": 7.5,
    "text.parse_math": False,  # a dollar in a name is a dollar
    "svg.fonttype": "none",  # text stays text: to be searched, read aloud, and drawn in the fonts at hand
    "svg.hashsalt": "attlas",  # the same drawing, the same bytes
    "savefig.dpi": 200,
}
_NO_METADATA = {"Date": None, "Creator": None, "Format": None, "Type": None}


@dataclass(frozen=True)
class Picture:
    """A drawing."""

    figure: Any
    """The figure of matplotlib."""
    cells: tuple[str, ...] = ()
    """What each cell of its matrix says, row by row: shown where the pointer rests."""

    @property
    def is_half(self) -> bool:
        """Whether it shares the width of the page with another."""
        return bool(self.figure.get_figwidth() <= HALF)


@contextmanager
def style() -> Iterator[None]:
    """Draw in the style of the report.

    Raises:
        EnvironmentFault: matplotlib is not installed.
    """
    try:
        import matplotlib
    except ImportError as error:
        raise EnvironmentFault(
            "Figures are drawn by matplotlib, which is not installed.", hint="pip install 'attlas[report]'"
        ) from error
    with matplotlib.rc_context(_SETTINGS), warnings.catch_warnings():
        # A letter that matplotlib's own font lacks: it only takes the measure, the page is set in the reader's fonts.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        yield


def make_axes(width: float, height: float, *, rows: int = 1, columns: int = 1, **shared: Any) -> tuple[Any, list[Any]]:
    """Make a figure of this size in inches; return it with its axes, row by row."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False, **shared)
    return figure, [subplot for line in grid for subplot in line]


def shorten(text: str, width: int) -> str:
    """Return a name from an atlas as it is drawn: on one line, without control characters, cut at `width` letters."""
    return cut(printable(text), width)


def svg(picture: Picture) -> str:
    """Return a drawing as an SVG file without a background, its text as text."""
    text = io.StringIO()
    picture.figure.savefig(text, format="svg", transparent=True, metadata=_NO_METADATA)
    return _add_cell_titles(text.getvalue(), picture.cells)


def png(picture: Picture) -> bytes:
    """Return a drawing as a PNG file on white."""
    data = io.BytesIO()
    picture.figure.savefig(data, format="png", facecolor="white", metadata={"Software": None})
    return data.getvalue()


def _add_cell_titles(text: str, cells: tuple[str, ...]) -> str:
    """Return the SVG with a title for each cell, which viewers show without a script."""
    from html import escape

    start = text.find(f'<g id="{CELLS}">')
    if not cells or start < 0:
        return text
    end = text.index("</g>", start)
    titles = iter(cells)
    body = re.sub(r"/>", lambda _: f"><title>{escape(next(titles, ''))}</title></path>", text[start:end])
    return text[:start] + body + text[end:]
