"""The text of a cell → positions: `99`, `99.0`, `G99`, `Gly99`, `99;26;62`, `[99, 26]` as Python and NumPy write it."""

import math
import re
from collections.abc import Sequence

from attlas.queries.comparing.published import PublishedSite

NOTHING = frozenset(("", "-", "none", "nan", "na", "n/a", "null", "nil", "<na>"))
"""Cells that hold no position, in lower case; an empty list is one after its brackets are gone."""
THREE_LETTERS = {
    "ALA": "A", "ARG": "R", "ASN": "N", "ASP": "D", "CYS": "C", "GLN": "Q", "GLU": "E", "GLY": "G", "HIS": "H",
    "ILE": "I", "LEU": "L", "LYS": "K", "MET": "M", "PHE": "F", "PRO": "P", "SER": "S", "THR": "T", "TRP": "W",
    "TYR": "Y", "VAL": "V", "SEC": "U", "PYL": "O",
}  # fmt: skip
"""One-letter codes of the three-letter ones."""
MAX_PLAIN_CELL = 12
"""Characters below which a cell of letters and digits is one position."""

_WRITTEN_BY_PYTHON = re.compile(
    r"\b(?:(?:np|numpy)\.u?int\d*|(?:(?:np|numpy)\.)?array|tensor|set|frozenset|list)(?=\()"
)
_TYPE = re.compile(r",\s*dtype=[\w.]+")
_BETWEEN = re.compile(r"[\s,;|\[\](){}'\"]+")
_WHOLE = re.compile(r"([0-9]{1,9})(?:\.0*)?")
_POSITION = re.compile(r"([A-Za-z]|[A-Za-z]{3})?([0-9]{1,9})(?:\.0*)?")


def read_sites(cell: str, *, letters: str | None = None, rank: str | None = None) -> tuple[PublishedSite, ...]:
    """Return the positions of a cell in their order, with their letters.

    `letters` is the cell that says the residues: one letter, a three-letter code, or as many of them as positions.
    `rank` is used where there is one position.

    Raises:
        ValueError: the numbers of letters and positions differ.
    """
    tokens = _tokens(cell)
    site_letters: Sequence[str | None] = [None] * len(tokens)
    if letters and _tokens(letters):
        site_letters = _letters(letters, len(tokens))
    site_rank = _number(rank) if len(tokens) == 1 else None
    return tuple(_site(token, letter, site_rank) for token, letter in zip(tokens, site_letters, strict=True))


def is_position(cell: str) -> bool:
    """Return True if a cell holds nothing but positions, or a sign for none."""
    return all(_POSITION.fullmatch(token) for token in _tokens(cell))


def whole_number(text: str | None) -> int | None:
    """Return a number of 0 or more as tables have it, `10` or `10.0`; None for all else."""
    match = _WHOLE.fullmatch((text or "").strip())
    return int(match[1]) if match else None


def is_nothing(cell: str | None) -> bool:
    """Return True if a cell holds a sign for a missing value."""
    return cell is None or cell.strip().lower() in NOTHING


def _tokens(cell: str) -> list[str]:
    if cell.isalnum() and len(cell) < MAX_PLAIN_CELL:  # nearly all of them: one number, or one letter
        return [] if cell.lower() in NOTHING else [cell]
    if cell.strip().lower() in NOTHING:
        return []
    bare = _TYPE.sub("", _WRITTEN_BY_PYTHON.sub("", cell)) if "(" in cell else cell
    tokens = [token for token in _BETWEEN.split(bare) if token]
    return [] if len(tokens) == 1 and tokens[0].lower() in NOTHING else tokens


def _letters(cell: str, n: int) -> list[str | None]:
    words = _tokens(cell)
    if len(words) == 1 and n > 1 and len(words[0]) == n:
        words = list(words[0])
    if len(words) != n:
        raise ValueError(f"{len(words):,} letters for {n:,} positions")
    return [_one_letter(word) for word in words]


def _site(token: str, letter: str | None, rank: float | None) -> PublishedSite:
    """Return a site; a letter in the token itself (`G99`) counts before that of another cell."""
    match = _POSITION.fullmatch(token)
    if match is None:
        return PublishedSite(token, None, letter, rank)
    token_letter = _one_letter(match[1]) if match[1] else None
    if match[1] and token_letter is None:
        return PublishedSite(token, None, letter, rank)
    return PublishedSite(token, int(match[2]), token_letter or letter, rank)


def _one_letter(word: str) -> str | None:
    upper = word.upper()
    return upper if len(upper) == 1 and upper.isalpha() and upper.isascii() else THREE_LETTERS.get(upper)


def _number(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return None if math.isnan(value) else value
