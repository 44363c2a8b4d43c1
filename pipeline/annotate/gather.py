"""Checked records → the sorted rows of `features` of one source; what a source says twice is stored once."""

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any

import pyarrow as pa

from attlas.pipeline.annotate.check import REPEATED, Known, Rejected, Row, checked
from attlas.pipeline.annotate.records import Entry, eco_codes
from attlas.pipeline.annotate.rejects import Rejects
from attlas.schema import FEATURES

CHUNK_ROWS = 65_536
"""Rows held as Python objects at a time; the rest lies in Arrow columns."""

_ORDER = ("sequence_id", "accession", "begin", "end", "type", "description")
"""Order of the rows of one source, and what makes two of them the same."""


def gathered(entries: Iterable[Entry], known: Known, *, source: str, rejects: Rejects) -> pa.Table:
    """Return the rows that the sequences of the atlas bear out, in stored order; the others go to `rejects`."""
    drafts = list(_drafts(entries, known, rejects))
    if not drafts:
        return FEATURES.schema(0).empty_table()
    draft = pa.concat_tables(drafts)
    draft = draft.sort_by([(name, "ascending") for name in (*_ORDER, "line")])
    rows = _merged(draft, rejects)
    return (
        rows.append_column("source", pa.repeat(source, rows.num_rows))
        .select(FEATURES.schema(0).names)
        .cast(FEATURES.schema(0))
    )


def _drafts(entries: Iterable[Entry], known: Known, rejects: Rejects) -> Iterator[pa.Table]:
    rows: list[Row] = []
    for entry in entries:
        for found in checked(entry, known):
            if isinstance(found, Rejected):
                rejects.add(found)
            else:
                rows.append(found)
        if len(rows) >= CHUNK_ROWS:
            yield _table(rows)
            rows = []
    if rows:
        yield _table(rows)


def _table(rows: list[Row]) -> pa.Table:
    kinds = {"sequence_id": pa.int32(), "begin": pa.int32(), "end": pa.int32(), "line": pa.int64()}
    columns = zip(Row._fields, zip(*rows, strict=True), strict=True)
    return pa.table({name: pa.array(values, kinds.get(name, pa.string())) for name, values in columns})


def _merged(draft: pa.Table, rejects: Rejects) -> pa.Table:
    """Return sorted rows without repeats; the evidence of what is said twice is joined."""
    kept: list[int] = []
    evidence: list[str | None] = []
    numbered = enumerate(_rows(draft))
    for _, group in groupby(numbered, key=lambda item: item[1][:-2]):
        (first, row), *repeats = group
        kept.append(first)
        evidence.append(eco_codes(row[-2], *(again[-2] for _, again in repeats)) if repeats else row[-2])
        for _, again in repeats:
            rejects.add(_repeat(again))
    rows = draft.take(pa.array(kept, pa.int64()))
    return rows.set_column(rows.schema.get_field_index("evidence"), "evidence", pa.array(evidence, pa.string()))


def _rows(table: pa.Table) -> Iterator[tuple[Any, ...]]:
    for batch in table.to_batches(max_chunksize=CHUNK_ROWS):
        yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)


def _repeat(values: tuple[Any, ...]) -> Rejected:
    row = Row(*values)
    detail = "same protein, type, positions and description; its evidence is kept with the first"
    place = (row.accession, row.type, str(row.begin), str(row.end))
    return Rejected(REPEATED, detail, *place, row.description, row.line)
