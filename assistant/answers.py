"""Answers of bounded size: a page of rows, what made them, and their SHA-256."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import pyarrow as pa

from attlas.assistant.canonical import rows_sha256
from attlas.queries.formats import dump_json, json_rows, refuse_same_names
from attlas.queries.text import cut, printable_lines
from attlas.schema import Manifest, QuestionError

MOST_ROW_BYTES = 48_000
"""Most bytes of JSON that the rows of one answer take."""
MOST_NAME_BYTES = 16_000
"""Most bytes of JSON that the names of the columns of one answer take."""
MOST_NOTES, NOTE_WIDTH = 10, 500
"""Most notes of an answer, and most characters of each."""


@dataclass(frozen=True)
class Page:
    """Rows of an answer, from `offset` on: as many as are asked for and fit."""

    columns: tuple[str, ...]
    rows: tuple[list[Any], ...]
    """Plain JSON values, in the order of the columns."""
    offset: int
    """Rows passed over."""
    next_offset: int | None
    """Where the next page begins; None where this is the last."""
    n_total: int | None
    """Rows of all pages; None where that is not known without computing them all."""


@dataclass(frozen=True)
class Reply:
    """What a tool answers with."""

    page: Page
    sql: str | None = None
    """The SELECT that made the rows, where there is one that is not too long."""
    command: str | None = None
    """The command line that gives the same rows; DIR stands for the atlas. None for SQL, which says it all."""
    notes: tuple[str, ...] = ()
    """What was left out, and why."""


def cut_page(columns: Sequence[str], rows: Iterable[Sequence[Any]], *, offset: int, limit: int) -> Page:
    """Return the rows from `offset` on, at most `limit`, and at most MOST_ROW_BYTES of JSON.

    Raises:
        QuestionError: the row at `offset` is too large for an answer.
    """
    stream = iter(rows)
    n_before = sum(1 for _ in islice(stream, offset))

    page_rows: list[list[Any]] = []
    n_bytes, is_last = 0, True
    for row in stream:
        text = dump_json(list(row))
        n_bytes += len(text)
        if len(page_rows) == limit or (page_rows and n_bytes > MOST_ROW_BYTES):
            is_last = False
            break
        if n_bytes > MOST_ROW_BYTES:
            raise _row_too_large(offset, len(text))
        page_rows.append(json.loads(text))

    n_total = n_before + len(page_rows) if is_last else None
    next_offset = None if is_last else offset + len(page_rows)
    return Page(tuple(columns), tuple(page_rows), offset, next_offset, n_total)


def page_of_reader(reader: pa.RecordBatchReader, *, offset: int, limit: int) -> Page:
    """Return a page of the rows of a query, which stops when the page is full.

    Raises:
        QuestionError: a row is too large, there are too many columns, two of them have one name, or the query fails
            while its rows are read.
    """
    refuse_same_names(reader.schema)
    n_bytes = len(dump_json(reader.schema.names))
    if n_bytes > MOST_NAME_BYTES:
        raise QuestionError(
            f"This answer has too many columns to be returned: {len(reader.schema.names):,}.",
            expected=f"names of at most {MOST_NAME_BYTES:,} bytes of JSON",
            found=f"{n_bytes:,} bytes",
            hint="select fewer columns, or turn them into rows with UNPIVOT",
        )

    rows = (list(row.values()) for row in json_rows(reader))
    return cut_page(reader.schema.names, rows, offset=offset, limit=limit)


def page_of_list(columns: Sequence[str], rows: Sequence[Sequence[Any]], *, offset: int, limit: int) -> Page:
    """Return a page of rows that are all at hand, whose number is known."""
    return replace(cut_page(columns, rows, offset=offset, limit=limit), n_total=len(rows))


def answer_json(tool: str, arguments: dict[str, Any], reply: Reply, manifest: Manifest) -> dict[str, Any]:
    """Return an answer as plain JSON values: rows, what made them, where to go on, and their SHA-256."""
    from importlib.metadata import version

    page = reply.page
    made_by = {"sql": reply.sql, "command": reply.command}
    return {
        "tool": tool,
        "arguments": {name: value for name, value in arguments.items() if value is not None},
        "atlas_id": manifest.atlas_id,
        "manifest_version": manifest.version,
        "attlas_version": version("attlas"),
        "made_by": {name: text for name, text in made_by.items() if text is not None},
        "columns": list(page.columns),
        "rows": list(page.rows),
        "n_rows": len(page.rows),
        "offset": page.offset,
        "next_offset": page.next_offset,
        "n_total": page.n_total,
        "rows_sha256": rows_sha256(page.columns, page.rows),
        "notes": list(_cut_notes(reply.notes)),
    }


def _cut_notes(notes: Sequence[str]) -> Iterator[str]:
    yield from (cut(printable_lines(note), NOTE_WIDTH) for note in notes[:MOST_NOTES])
    if len(notes) > MOST_NOTES:
        yield f"and {len(notes) - MOST_NOTES:,} more notes"


def _row_too_large(number: int, n_bytes: int) -> QuestionError:
    return QuestionError(
        f"Row {number} of this answer, counted from 0, is too large to be returned.",
        expected=f"at most {MOST_ROW_BYTES:,} bytes of JSON",
        found=f"{n_bytes:,} bytes",
        hint="select fewer columns, or a part: substr(sequence, 1, 2000), list_slice(values, 1, 100), unnest(list)",
    )
