"""The account of what a source says that is not compared: every record with its reason."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import pyarrow as pa

from attlas.queries.text import counted, cut, printable
from attlas.schema.errors import N_OFFENDERS_SHOWN

UNKNOWN = "id not in the atlas"
AMBIGUOUS = "id names several proteins"
NOT_COMPUTED_HERE = "protein not computed here"
OTHER_SEQUENCE = "another sequence"
BEFORE_START = "position before the first"
PAST_END = "position past the end"
OTHER_RESIDUE = "another residue"
GIVEN_TWICE = "protein given twice, with different sites"
REST = "other site of a protein left out"
REPEATED = "site said before"
LAYERS_DIFFER = "protein with several layers"
LAYER_ALONE = "layer of a protein that the table lacks"
LAYER_UNREADABLE = "layer is no number"
"""Reasons; those of `claims` join them."""
KEPT = frozenset((REPEATED, LAYERS_DIFFER, LAYER_ALONE, LAYER_UNREADABLE))
"""Reasons that leave the protein in the comparison."""

DOCS = {
    "reason": "Why the record was not compared.",
    "detail": "What was found, in a few words.",
    "id": "The protein as the source names it.",
    "position": "The position as it stands in the source; empty for what concerns the whole protein.",
    "line": "Line, or row from 1, of the source.",
}
"""What the columns of the account say."""
ID_WIDTH = 60


class Rejected(NamedTuple):
    """A record that was not compared."""

    reason: str
    detail: str
    id: str
    position: str
    line: int | None


def as_table(rejected: Sequence[Rejected]) -> pa.Table:
    """Return the account as a table, in order of the source within each reason."""
    kinds = {name: pa.int64() if name == "line" else pa.string() for name in DOCS}
    schema = pa.schema([pa.field(name, kinds[name], metadata={"doc": doc}) for name, doc in DOCS.items()])
    columns = zip(*rejected, strict=True) if rejected else ([] for _ in DOCS)
    arrays = [pa.array(list(values), kinds[name]) for name, values in zip(DOCS, columns, strict=True)]
    return pa.Table.from_arrays(arrays, schema=schema)


def lines(rejected: Sequence[Rejected]) -> Iterator[str]:
    """Yield for each reason how many records of how many proteins, and the first ten."""
    counts = Counter(one.reason for one in rejected)
    for reason, n in counts.most_common():
        some = [one for one in rejected if one.reason == reason]
        what = "noted" if reason in KEPT else "left out"
        yield f"{what}, {reason}: {counted(n, 'record')} of {counted(len({one.id for one in some}), 'protein')}"
        if reason == REST:
            continue  # their protein is named with what is wrong with it
        for one in some[:N_OFFENDERS_SHOWN]:
            yield f"  - {_shown(one)}"
        if n > N_OFFENDERS_SHOWN:
            yield f"  ... and {n - N_OFFENDERS_SHOWN:,} more"


def reasons(rejected: Sequence[Rejected]) -> Iterator[str]:
    """Yield a line for each reason, with the first record of it."""
    for reason, n in Counter(one.reason for one in rejected).most_common():
        first = next(one for one in rejected if one.reason == reason)
        yield f"{reason}: {counted(n, 'record')}, such as {_shown(first)}"


def _shown(one: Rejected) -> str:
    where = "" if one.line is None else f"(line {one.line:,})"
    words = [cut(one.id, ID_WIDTH) or "no id", cut(one.position, ID_WIDTH), where]
    return printable(" ".join(word for word in words if word) + (f": {one.detail}" if one.detail else ""))
