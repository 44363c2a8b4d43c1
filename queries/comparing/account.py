"""The account of the rows of a published table that are not compared as they are: as a table, and as lines."""

from collections.abc import Iterable, Iterator, Sequence

import pyarrow as pa

from attlas.intake.rejects import Account, Reason, Rejected, Remark
from attlas.queries.text import counted

COLUMN_DOCS = {
    "reason": "Why the record was not compared, or what is remarkable about it.",
    "detail": "What was found, in a few words.",
    "id": "The protein as the source names it.",
    "position": "The position as it stands in the source; empty for what concerns the whole protein.",
    "line": "Line, or row from 1, of the source.",
}
"""The columns of the account, and what they say."""
ONLY_COUNTED = frozenset((Reason.SITE_OF_REJECTED.value,))
"""Kinds whose records are not listed: their protein is named with what is wrong with it."""


def account_table(items: Sequence[Rejected | Remark]) -> pa.Table:
    """Return the account as a table, in the order of the items."""
    types = {name: pa.int64() if name == "line" else pa.string() for name in COLUMN_DOCS}
    schema = pa.schema([pa.field(name, types[name], metadata={"doc": doc}) for name, doc in COLUMN_DOCS.items()])
    columns = {
        "reason": [item.kind for item in items],
        "detail": [item.detail for item in items],
        "id": [item.record.id for item in items],
        "position": [item.record.begin for item in items],
        "line": [item.record.line for item in items],
    }
    return pa.Table.from_arrays([pa.array(columns[name], types[name]) for name in COLUMN_DOCS], schema=schema)


def account_lines(rejected: Iterable[Rejected], remarks: Iterable[Remark]) -> Iterator[str]:
    """Yield for each reason the number of records and proteins, and the first ten records."""
    yield from _account(rejected).lines(prefix="left out, ", only_counted=ONLY_COUNTED)
    yield from _account(remarks).lines(prefix="noted, ")


def reason_lines(rejected: Iterable[Rejected]) -> Iterator[str]:
    """Yield a line for each reason, with its first record."""
    account = _account(rejected)
    for kind, n in account.counts.most_common():
        yield f"{kind}: {counted(n, 'record')}, such as {account.first_record(kind)}"


def _account(items: Iterable[Rejected | Remark]) -> Account:
    account = Account()
    for item in items:
        account.add(item)
    return account
