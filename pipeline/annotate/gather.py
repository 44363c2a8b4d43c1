"""Checked records → the rows of one source; what a source says twice is stored once."""

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any, NamedTuple

import pyarrow as pa

from attlas.pipeline.annotate.check import REPEATED, FamilyRow, Known, Rejected, Row, checked
from attlas.pipeline.annotate.records import Entry, eco_codes
from attlas.pipeline.annotate.rejects import Rejects
from attlas.pipeline.annotate.rows import Rows, stored
from attlas.schema import FAMILIES, FEATURES

CHUNK_ROWS = 65_536
"""Rows held as Python objects at a time; the rest lies in Arrow columns."""

_FEATURE_ORDER = ("sequence_id", "accession", "begin", "end", "type", "description")
"""Order of the features of one source, and what makes two of them the same."""
_FAMILY_ORDER = ("sequence_id", "accession", "database", "family")
"""The same of families."""
_TYPES = {
    "sequence_id": pa.int32(),
    "begin": pa.int32(),
    "end": pa.int32(),
    "line": pa.int64(),
    "is_of_match": pa.bool_(),
}


class Gathered(NamedTuple):
    """What became of the entries of a source."""

    rows: Rows
    n_records: int
    """Records of the entries: features, and families that are not said by one of these."""


def gathered(entries: Iterable[Entry], known: Known, *, source: str, rejects: Rejects) -> Gathered:
    """Return the rows that the sequences of the atlas bear out, in stored order; the others go to `rejects`."""
    drafts = _Drafts()
    n_records = 0
    for entry in entries:
        n_records += entry.n_records
        for found in checked(entry, known):
            if isinstance(found, Rejected):
                rejects.add(found)
            else:
                drafts.add(found)
    features = _merged_features(drafts.sorted(Row, _FEATURE_ORDER), rejects)
    families = _merged_families(drafts.sorted(FamilyRow, _FAMILY_ORDER), rejects)
    rows = Rows(stored(FEATURES, features, source=source), stored(FAMILIES, families, source=source))
    return Gathered(rows, n_records)


class _Drafts:
    """Rows as they come, the earlier ones in Arrow columns."""

    def __init__(self) -> None:
        self._rows: dict[type, list[Any]] = {Row: [], FamilyRow: []}
        self._tables: dict[type, list[pa.Table]] = {Row: [], FamilyRow: []}

    def add(self, row: Row | FamilyRow) -> None:
        rows = self._rows[type(row)]
        rows.append(row)
        if len(rows) >= CHUNK_ROWS:
            self._pack(type(row))

    def sorted(self, kind: type, order: tuple[str, ...]) -> pa.Table:
        """Return the rows of a kind in order, what was said first before its repeats."""
        self._pack(kind)
        return pa.concat_tables(self._tables[kind]).sort_by([(name, "ascending") for name in (*order, "line")])

    def _pack(self, kind: type) -> None:
        rows, names = self._rows[kind], kind._fields  # type: ignore[attr-defined]  # both are named tuples
        columns = zip(*rows, strict=True) if rows else [()] * len(names)
        table = {
            name: pa.array(values, _TYPES.get(name, pa.string())) for name, values in zip(names, columns, strict=True)
        }
        self._tables[kind].append(pa.table(table))
        self._rows[kind] = []


def _merged_features(draft: pa.Table, rejects: Rejects) -> pa.Table:
    """Return sorted rows without repeats; the evidence of what is said twice is joined."""
    kept: list[int] = []
    evidence: list[str | None] = []
    for _, group in groupby(enumerate(_rows(draft)), key=lambda item: item[1][:-2]):
        (first, row), *repeats = group
        kept.append(first)
        evidence.append(eco_codes(row[-2], *(again[-2] for _, again in repeats)) if repeats else row[-2])
        for _, again in repeats:
            rejects.add(_repeat(Row(*again)))
    rows = draft.take(pa.array(kept, pa.int64()))
    return rows.set_column(rows.schema.get_field_index("evidence"), "evidence", pa.array(evidence, pa.string()))


def _merged_families(draft: pa.Table, rejects: Rejects) -> pa.Table:
    """Return sorted rows without repeats, with the first name that is given; matches may repeat a family."""
    kept: list[int] = []
    names: list[str | None] = []
    for _, group in groupby(enumerate(_rows(draft)), key=lambda item: item[1][:4]):
        members = [(at, FamilyRow(*values)) for at, values in group]
        kept.append(members[0][0])
        names.append(next((row.name for _, row in members if row.name), None))
        for _, again in members[1:]:
            if not again.is_of_match:
                detail = "same protein, database and family"
                place = (again.accession, again.database)
                rejects.add(Rejected(REPEATED, detail, *place, description=again.family, line=again.line))
    rows = draft.take(pa.array(kept, pa.int64()))
    return rows.set_column(rows.schema.get_field_index("name"), "name", pa.array(names, pa.string()))


def _rows(table: pa.Table) -> Iterator[tuple[Any, ...]]:
    for batch in table.to_batches(max_chunksize=CHUNK_ROWS):
        yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)


def _repeat(row: Row) -> Rejected:
    detail = "same protein, type, positions and description; its evidence is kept with the first"
    return Rejected(REPEATED, detail, row.accession, row.type, str(row.begin), str(row.end), row.description, row.line)
