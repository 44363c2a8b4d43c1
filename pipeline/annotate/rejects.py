"""The account of what was left out: counted by reason, the first ten of each kept, all written to a file if asked."""

import csv
from collections import Counter
from dataclasses import dataclass, field
from typing import IO

from attlas.pipeline.annotate.check import Rejected
from attlas.schema.errors import N_OFFENDERS_SHOWN

_WIDTH = 120
"""Characters of each word of a record in a message; a table may hold any text."""


@dataclass
class Rejects:
    """What was left out of one source."""

    counts: Counter[str] = field(default_factory=Counter)
    """Records by reason."""
    proteins: dict[str, set[str]] = field(default_factory=dict)
    """Accessions concerned, by reason."""
    first: dict[str, list[Rejected]] = field(default_factory=dict)
    """The first ten by reason; chains of a structure of which the same is said are one of them."""
    n_shown: Counter[str] = field(default_factory=Counter)
    """Records that these ten stand for, by reason."""
    out: IO[str] | None = None
    """Where all of them are written, as TSV."""

    def __post_init__(self) -> None:
        """Write the header."""
        self._write(Rejected._fields)

    def add(self, rejected: Rejected) -> None:
        """Count a record, and write it."""
        reason = rejected.reason
        self.counts[reason] += 1
        self.proteins.setdefault(reason, set()).update({rejected.accession} - {""})
        shown = self.first.setdefault(reason, [])
        if shown and (both := _alike(shown[-1], rejected)):
            shown[-1] = both
            self.n_shown[reason] += 1
        elif len(shown) < N_OFFENDERS_SHOWN:
            shown.append(rejected)
            self.n_shown[reason] += 1
        self._write(rejected)

    def noun(self, reason: str) -> str:
        """Return what is counted: records of a table, or files and chains of structures."""
        first = self.first[reason][0]
        if not first.file:
            return "record"
        return "chain" if first.type else "file"

    def _write(self, values: tuple[object, ...]) -> None:
        if self.out is not None:
            # No quotes: a table of tabs is cut at tabs, so none may stand within.
            texts = [" ".join(str("" if value is None else value).split()) for value in values]
            csv.writer(self.out, delimiter="\t", quoting=csv.QUOTE_NONE, quotechar=None, lineterminator="\n").writerow(
                texts
            )


def _alike(one: Rejected, other: Rejected) -> Rejected | None:
    """Return two chains of a structure of which the same is said as one; None if they are not."""
    first, _, names = one.type.partition(" ")
    noun, _, name = other.type.partition(" ")
    if not name or noun != "chain" or not other.file or one._replace(type="") != other._replace(type=""):
        return None
    return one._replace(type=f"chains {names}, {name}") if first in ("chain", "chains") else None


def shown(rejected: Rejected) -> str:
    """Return one line about a record left out, fit for a terminal."""
    text = " ".join(map(_cut, rejected.place)) + (f": {rejected.detail}" if rejected.detail else "")
    return "".join(c if c.isprintable() else "?" for c in text)


def _cut(text: str) -> str:
    return text if len(text) <= _WIDTH else f"{text[: _WIDTH - 3]}..."
