"""The words around a picture of a protein: its names above, and below what is drawn and where it is from."""

import textwrap
from typing import Any

from attlas.queries.answers.stored_rows import ProteinRow
from attlas.queries.report.pictures import INK, shorten

_LETTERS_PER_INCH = 13
"""Letters of a title in an inch of its width."""
_SMALL_LETTERS_PER_INCH = 18
_NAME_LETTERS = 120


def add_title(figure: Any, protein: ProteinRow, what: str) -> None:
    """Write above a figure which protein it shows, and what of it."""
    names = [protein.entry_name, protein.accession, protein.description]
    name = shorten(" ".join(text for text in names if text), _NAME_LETTERS)
    width = int(figure.get_figwidth() * _LETTERS_PER_INCH)
    lines = [*textwrap.wrap(name, width), *textwrap.wrap(what, width)]
    figure.suptitle("\n".join(lines), x=0.01, ha="left", fontsize=8.5, fontweight="bold", color=INK)


def add_origin(figure: Any, what: str, origin: str) -> None:
    """Write below a figure what is drawn, then where its numbers are from."""
    width = int(figure.get_figwidth() * _SMALL_LETTERS_PER_INCH)
    lines = [*textwrap.wrap(what, width), *textwrap.wrap(shorten(origin, 400), width)]
    figure.supxlabel("\n".join(lines), x=0.01, ha="left", fontsize=6.5, color=INK)
