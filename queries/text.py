"""Plain text for a terminal: columns that line up, and texts of an input made safe to print."""

import shutil
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import Self

from attlas.intake.text import counted as counted

CUT_SIGN = "…"
GAP = "  "
NARROWEST = 20
"""Characters to which a column of text is folded at the least; a table that needs less is shown row by row."""
MOST_FOLDS = 6
"""Lines that a folded cell takes at most."""
IN_ASCII = str.maketrans("▁▂▃▄▅▆▇█─·…", "_.:-=+*#-,~")
"""Letters in place of our own signs, for a terminal or a file that cannot show these."""


def printable(value: object) -> str:
    """Return a value as one line without control characters: a header may hold escape codes of a terminal."""
    text = _words(value)
    return text if text.isprintable() else "".join(c if c.isprintable() else _escape(c) for c in text)


def printable_lines(text: str) -> str:
    """Return a text of one or more lines without control characters but its line ends and tabs."""
    return text if text.isprintable() else "".join(c if c.isprintable() or c in "\n\t" else _escape(c) for c in text)


@dataclass(frozen=True)
class Layout:
    """The widths of the columns of a table, and which of them are numbers."""

    names: tuple[str, ...]
    widths: tuple[int, ...]
    is_right: tuple[bool, ...]
    """Numbers stand to the right, texts to the left."""

    @classmethod
    def of(cls, names: Sequence[str], rows: Sequence[Sequence[object]]) -> Self:
        """Return the layout in which these rows line up."""
        names = [printable(name) for name in names]
        widths = [max(len(name), *(len(printable(row[i])) for row in rows), 0) for i, name in enumerate(names)]
        is_right = [bool(rows) and all(_is_number(row[i]) for row in rows) for i in range(len(names))]
        return cls(tuple(names), tuple(widths), tuple(is_right))

    @property
    def width(self) -> int:
        """Characters of a line."""
        return sum(self.widths) + len(GAP) * (len(self.widths) - 1)

    def folded(self, width: int) -> Self | None:
        """Return the layout with its widest columns of text folded into lines of `width`; None if that is too narrow.

        Columns of numbers keep their width, because a number that is cut in two is read wrong.
        """
        if self.width <= width:
            return self

        n_text = self.is_right.count(False)
        for widest in range(width, NARROWEST - 1, -1) if n_text else ():
            widths = [
                n if is_number else min(n, widest) for n, is_number in zip(self.widths, self.is_right, strict=True)
            ]
            narrower = replace(self, widths=tuple(widths))
            if narrower.width <= width:
                return narrower

        return None

    def lines(self, rows: Iterable[Sequence[object]], width: int | None = None) -> Iterator[str]:
        """Yield the names, a rule, and a line per row; with a `width`, cells that are too long are folded if possible.

        Without one, a cell longer than its column stands out.
        """
        layout = self if width is None else self.folded(width) or self
        fold = width is not None
        yield from layout._folded_line(layout.names) if fold else [layout.line(layout.names)]
        yield GAP.join("─" * n for n in layout.widths)
        for row in rows:
            yield from layout._folded_line(row) if fold else [layout.line(row)]

    def line(self, row: Sequence[object]) -> str:
        """Return a row as a line."""
        cells = zip(map(printable, row), self.widths, self.is_right, strict=True)
        return GAP.join(cell.rjust(n) if is_number else cell.ljust(n) for cell, n, is_number in cells).rstrip()

    def blocks(self, rows: Iterable[Sequence[object]], width: int) -> Iterator[str]:
        """Yield a line `name  value` per column of each row: for a table that cannot be folded into the terminal."""
        label = max(map(len, self.names))
        for number, row in enumerate(rows, start=1):
            yield f"── row {number} ".ljust(min(width, 40), "─")
            for name, value in zip(self.names, row, strict=True):
                yield f"{name:<{label}}{GAP}{cut(printable(value), max(width - label - len(GAP), 8))}".rstrip()

    def _folded_line(self, row: Sequence[object]) -> Iterator[str]:
        """Yield a row as the lines that its longest cell takes."""
        cells = [_folds(printable(value), n) for value, n in zip(row, self.widths, strict=True)]
        for pieces in zip_longest(*cells, fillvalue=""):
            yield self.line(pieces)


def fitting(text: str, encoding: str | None) -> str:
    """Return a text whose bars, rules and dots are replaced by ASCII where `encoding` cannot write them."""
    try:
        text.encode(encoding or "utf-8")
    except UnicodeEncodeError:
        return text.translate(IN_ASCII)
    return text


def terminal_width() -> int:
    """Return the columns of the terminal; 80 when there is none."""
    return shutil.get_terminal_size().columns


def cut(text: str, width: int) -> str:
    """Return `text` in at most `width` characters, a cut shown by `…`."""
    return text if len(text) <= width else text[: width - 1] + CUT_SIGN


def _folds(text: str, width: int) -> list[str]:
    """Return a text in lines of at most `width` characters, broken between words, cut after the last allowed line."""
    if len(text) <= width:
        return [text]

    lines = textwrap.wrap(text, width) or [""]
    if len(lines) <= MOST_FOLDS:
        return lines

    last_line = lines[MOST_FOLDS - 1][: width - 1] + CUT_SIGN
    return [*lines[: MOST_FOLDS - 1], last_line]


def _is_number(value: object) -> bool:
    return value is None or (isinstance(value, (int, float)) and not isinstance(value, bool))


def _words(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.6g}" if abs(value) < 1e5 else f"{value:.12g}"  # a large sum must not look like a round one
    if isinstance(value, list):
        return "[" + ", ".join(map(_words, value)) + "]"
    return str(value)


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode()
