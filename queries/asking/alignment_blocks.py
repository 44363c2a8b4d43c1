"""Alignments written in blocks, Stockholm and Clustal: text in, rows out.

Pfam and HMMER write the one, Clustal and MUSCLE the other; in both a row goes on from block to block under its id.
"""

import re
from collections.abc import Iterator

STOCKHOLM = re.compile(r"# *STOCKHOLM", re.IGNORECASE)
CLUSTAL = re.compile(r"(CLUSTAL|MUSCLE|PROBCONS|MSAPROBS|KALIGN)\b", re.IGNORECASE)
"""How the first line of a Clustal file begins: programs write their own name."""


def is_blocks(text: str) -> bool:
    """Return True if a text is Stockholm or Clustal, judged by its first line."""
    beginning = text.lstrip()
    return bool(STOCKHOLM.match(beginning) or CLUSTAL.match(beginning))


def read_blocks(text: str) -> dict[str, str]:
    """Return the aligned letters of each row by its id, in order; of several alignments in a file the first."""
    rows: dict[str, list[str]] = {}
    for id, letters in _row_lines(text.lstrip().splitlines()[1:]):
        rows.setdefault(id, []).append(letters)
    return {id: "".join(parts) for id, parts in rows.items()}


def _row_lines(lines: list[str]) -> Iterator[tuple[str, str]]:
    for line in lines:
        if line.startswith("//"):
            return

        words = line.split()
        # Clustal's line of conservation begins with a blank; a third word is its count of residues.
        if line[:1] not in ("", " ", "\t", "#") and len(words) > 1:
            yield words[0], words[1]
