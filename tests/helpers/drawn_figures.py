"""What the pictures of the report show, read back from matplotlib: points, intervals, curves and colours."""

import io
from typing import Any

import numpy as np

from attlas.queries.report.pictures import BLUE, FAINT, GREEN, INK, ORANGE, PURPLE, VERMILION, png, style, svg
from attlas.queries.report.report import ShownFigure

Axes = Any
"""Axes of matplotlib."""


def read_points(axes: Axes) -> list[float]:
    """Return where the points stand."""
    return [line.get_xdata()[0] for line in axes.lines if line.get_marker() == "o"]


def read_intervals(axes: Axes) -> list[tuple[float, float]]:
    """Return the ends of the intervals."""
    lines = [line for line in axes.lines if line.get_color() == BLUE]
    return [tuple(line.get_xdata()) for line in lines if len(line.get_xdata()) == 2]


def read_reference_lines(axes: Axes) -> list[Any]:
    """Return the faint lines."""
    return [line for line in axes.lines if line.get_color() == FAINT]


def read_probe_curves(axes: Axes, n_layers: int) -> dict[str, list[float]]:
    """Return the value at each layer, by the input of the probe."""
    lines = {line.get_color(): list(line.get_ydata()) for line in axes.lines if len(line.get_ydata()) == n_layers}
    return {source: lines[colour] for source, colour in (("embedding", BLUE), ("both", ORANGE))}


def list_colours() -> set[str]:
    """Return the colours in which figures are drawn, matrices aside."""
    colours = (BLUE, ORANGE, GREEN, PURPLE, FAINT, INK, VERMILION, "#ffffff", "#b9bdc4")
    return {colour.lower() for colour in colours}


def draw_again(shown: ShownFigure) -> str:
    """Draw a figure from its rows and return it as SVG."""
    with style():
        return svg(shown.figure.draw(shown.rows.to_pylist()))


def draw_pixels(shown: ShownFigure) -> np.ndarray:
    """Return a figure as a PNG file has it."""
    from matplotlib.image import imread

    with style():
        return imread(io.BytesIO(png(shown.picture)))
