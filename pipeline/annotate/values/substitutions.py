"""Substitutions of one residue as people write them: `A123V`, `p.A123V`, `p.(Ala123Val)`."""

import re
from typing import NamedTuple

_PATTERN = re.compile(r"(?:p\.)?(\()?([A-Za-z]{3}|[A-Za-z])([0-9]{1,9})([A-Za-z]{3}|[A-Za-z])(?(1)\))")
_LETTERS = {
    "ala": "A", "arg": "R", "asn": "N", "asp": "D", "cys": "C", "gln": "Q", "glu": "E", "gly": "G", "his": "H",
    "ile": "I", "leu": "L", "lys": "K", "met": "M", "phe": "F", "pro": "P", "ser": "S", "thr": "T", "trp": "W",
    "tyr": "Y", "val": "V", "sec": "U", "pyl": "O",
}  # fmt: skip
"""One-letter codes by three-letter codes."""

AMINO_ACIDS = frozenset(_LETTERS.values())
"""Letters that may stand in place of a residue."""


class Substitution(NamedTuple):
    """A residue of a protein and the letter in its place."""

    residue: str
    position: int
    substitute: str


def read_substitution(text: str) -> Substitution | None:
    """Return the substitution that a text names; None if it is none of one residue: a stop, a deletion, two at once.

    A residue in its own place (`A123A`, `p.Ala123=`) is none either. The position may be 0 or beyond the protein, and
    the letter of the residue any letter: both are checked against the protein.
    """
    match = _PATTERN.fullmatch(text.strip())
    if match is None:
        return None

    residue, substitute = one_letter(match[2]), one_letter(match[4])
    if residue is None or substitute not in AMINO_ACIDS or residue == substitute:
        return None
    return Substitution(residue, int(match[3]), substitute)


def one_letter(code: str) -> str | None:
    """Return the letter of a residue by a code of one or three letters; None where there is no such code."""
    return code.upper() if len(code) == 1 else _LETTERS.get(code.lower())
