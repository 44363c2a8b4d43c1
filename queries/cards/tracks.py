"""Tracks along a sequence in text: profile, site ranks, ruler, and the sequence itself in blocks of ten.

A `Track` is a label and a text of one character per column; whatever else is known along a sequence (features, say)
is one more of them.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from attlas.queries.text import counted

BARS = "▁▂▃▄▅▆▇█"
BLOCK = 10
"""Residues of a block of the sequence."""
BLOCKS_A_LINE = (10, 8, 6, 5, 4, 3, 2, 1)
"""Blocks a line may have: numbers of residues that are easy to count with."""
RULER_GAP = 12
"""Columns from one number of the ruler to the next, at least."""
TEN_OR_MORE = "+"
"""Sign for a rank of 10 or above, which does not fit in one column."""


@dataclass(frozen=True)
class Style:
    """The escape codes of a terminal for emphasis; empty texts where there is none (a pipe, a file)."""

    bold: str = ""
    dim: str = ""
    mark: str = ""
    reset: str = ""

    def marked(self, text: str, columns: Collection[int]) -> str:
        """Return a text with the characters at some columns, from 0, marked."""
        if not self.mark:
            return text
        return "".join(f"{self.mark}{c}{self.reset}" if i in columns else c for i, c in enumerate(text))


PLAIN = Style()
COLOURED = Style(bold="\x1b[1m", dim="\x1b[2m", mark="\x1b[1;33m", reset="\x1b[0m")


@dataclass(frozen=True)
class Track:
    """One line along a sequence."""

    label: str
    text: str
    """One character per column."""


def residues_per_column(n_residues: int, width: int) -> int:
    """Return the number of residues that share a column, so that all fit into `width`."""
    return -(-n_residues // max(width, 1))


def site_columns(ranks: Mapping[int, int], bin_size: int) -> dict[int, int]:
    """Return the columns, from 0, that hold sites, each with its best rank. `ranks` are those of positions from 1."""
    best: dict[int, int] = {}
    for position, rank in ranks.items():
        column = (position - 1) // bin_size
        best[column] = min(rank, best.get(column, rank))
    return best


def profile_bars(profile: Sequence[float], bin_size: int) -> str:
    """Return a profile, (N,), as bars up to its peak.

    A column is the maximum of its residues: a site is one high residue among low ones, and a mean would hide it.
    """
    bins = [max(profile[i : i + bin_size]) for i in range(0, len(profile), bin_size)]
    top = max(bins)
    return "".join(BARS[min(int(value / top * len(BARS)), len(BARS) - 1)] if top > 0 else BARS[0] for value in bins)


def rank_marks(columns: Mapping[int, int]) -> str:
    """Return a line with the rank of the best site of each column."""
    n_last = max(columns, default=-1)
    return "".join(_mark(columns.get(column)) for column in range(n_last + 1))


def ruler(n_residues: int, bin_size: int) -> str:
    """Return position numbers, each beginning at the column of its residue; the last position ends the line."""
    last_number = str(n_residues)
    last_column = -(-n_residues // bin_size) - len(last_number)
    if last_column < 2:
        return last_number

    step = _round_step(RULER_GAP * bin_size)
    line = ""
    for position in (1, *range(step, n_residues, step)):
        column = (position - 1) // bin_size
        if column >= len(line) and column + len(str(position)) < last_column:
            line = line.ljust(column) + str(position)

    return line.ljust(last_column) + last_number


def sequence_lines(
    sequence: str, ranks: Mapping[int, int], *, width: int, style: Style, positions: Collection[int] | None = None
) -> Iterator[str]:
    """Yield a sequence in blocks of ten, numbered on the left: sites in upper case, their ranks below.

    `ranks` are those of positions from 1. `positions` are those whose lines are printed, None for all; the residues
    that are left out in between are counted.
    """
    digits = len(str(len(sequence)))
    n_line = BLOCK * next((n for n in BLOCKS_A_LINE if digits + n * (BLOCK + 1) <= width), 1)
    line_starts = None if positions is None else _line_starts(positions, n_line, len(sequence))

    n_left_out = 0
    for start in range(0, len(sequence), n_line):
        residues = sequence[start : start + n_line]
        if line_starts is not None and start not in line_starts:
            n_left_out += len(residues)
            continue
        if n_left_out:
            yield f"{'':{digits}} {style.dim}{_ellipsis(n_left_out)}{style.reset}"

        n_left_out = 0
        # Ranks by the index within the line.
        line_ranks = {
            position - 1 - start: rank for position, rank in ranks.items() if 0 <= position - 1 - start < n_line
        }
        yield from _sequence_line(residues, line_ranks, f"{start + 1:>{digits}}", style)

    if n_left_out:
        yield f"{'':{digits}} {style.dim}{_ellipsis(n_left_out)}{style.reset}"


def _line_starts(positions: Collection[int], n_line: int, n_residues: int) -> set[int]:
    """Return the starts, from 0, of the lines that hold the positions, and of a single line between two of these."""
    starts = {(position - 1) // n_line * n_line for position in positions}
    return {
        start for start in range(0, n_residues, n_line) if start in starts or {start - n_line, start + n_line} <= starts
    }


def _sequence_line(residues: str, ranks: Mapping[int, int], number: str, style: Style) -> Iterator[str]:
    letters = "".join(c.upper() if i in ranks else c.lower() for i, c in enumerate(residues))
    columns = {i + i // BLOCK: rank for i, rank in ranks.items()}
    yield f"{style.dim}{number}{style.reset} {style.marked(_in_blocks(letters), columns)}"
    if ranks:
        yield f"{'':{len(number)}} {style.mark}{rank_marks(columns)}{style.reset}"


def _in_blocks(letters: str) -> str:
    return " ".join(letters[i : i + BLOCK] for i in range(0, len(letters), BLOCK))


def _ellipsis(n: int) -> str:
    return f"… {counted(n, 'residue')} …"


def _mark(rank: int | None) -> str:
    return " " if rank is None else str(rank) if rank < 10 else TEN_OR_MORE


def _round_step(at_least: int) -> int:
    """Return the smallest of 10, 20, 25, 50, 100, 200, ... that is at least `at_least`."""
    scale = 10
    while True:
        for factor in (1, 2, 2.5, 5):
            if scale * factor >= at_least:
                return int(scale * factor)
        scale *= 10
