"""A figure as the bytes of a file: SVG, PNG or PDF, the same figure the same bytes."""

import io
from functools import partial
from pathlib import Path
from typing import Any

from attlas.queries.report.pictures import Picture, png, style, svg
from attlas.schema import QuestionError

SUFFIXES = (".svg", ".png", ".pdf")
"""Endings of the files that a figure is written to."""


def format_of(path: Path) -> str:
    """Return the format of a file by its ending, such as `svg`.

    Raises:
        QuestionError: it has another ending.
    """
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise QuestionError(
            f"{path} is no picture that can be written.", expected=f"a name that ends with {', '.join(SUFFIXES)}"
        )
    return suffix[1:]


def figure_bytes(figure: Any, format: str) -> bytes:
    """Return a figure as a file of a format, `svg`, `png` or `pdf`."""
    with style():
        if format == "svg":
            return svg(Picture(figure)).encode()
        return png(Picture(figure)) if format == "png" else _pdf(figure)


def show_in_notebooks(figure: Any) -> Any:
    """Return a figure that a notebook shows where it is the value of a cell, also without matplotlib's own magic."""
    figure._repr_png_ = partial(figure_bytes, figure, "png")
    return figure


def _pdf(figure: Any) -> bytes:
    data = io.BytesIO()
    no_metadata = dict.fromkeys(("CreationDate", "Creator", "Producer"))
    figure.savefig(data, format="pdf", metadata=no_metadata)
    return data.getvalue()
