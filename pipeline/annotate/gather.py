"""Rows as they come from a source → its tables as they are stored; what a source says twice is stored once."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any

import pyarrow as pa

from attlas.intake.rejects import Reason, Record, Rejected
from attlas.pipeline.annotate.check import SourceFamily, SourceFeature
from attlas.pipeline.annotate.records import eco_codes
from attlas.pipeline.annotate.rows import AnnotationRows, as_stored
from attlas.schema import FAMILIES, FEATURES

CHUNK_ROWS = 65_536
"""Rows held as Python objects at a time; the others lie in Arrow columns."""

_FEATURE_KEY = ("sequence_id", "accession", "begin", "end", "type", "description")
"""Order of the features of one source, and what makes two of them the same."""
_FAMILY_KEY = ("sequence_id", "accession", "database", "family")
"""The same for families."""
_TYPES = {
    "sequence_id": pa.int32(),
    "begin": pa.int32(),
    "end": pa.int32(),
    "position": pa.int32(),
    "i": pa.int32(),
    "j": pa.int32(),
    "distance": pa.float32(),
    "value": pa.float32(),
    "line": pa.int64(),
    "is_of_match": pa.bool_(),
}
"""Arrow types of the columns that are no texts."""


class DraftRows:
    """Features and families in the order in which they come."""

    def __init__(self) -> None:
        self._features = DraftTable(SourceFeature._fields)
        self._families = DraftTable(SourceFamily._fields)

    def add(self, row: SourceFeature | SourceFamily) -> None:
        """Take a row."""
        (self._features if isinstance(row, SourceFeature) else self._families).add(row)

    def finish(self, *, source: str) -> tuple[AnnotationRows, list[Rejected]]:
        """Return the rows as they are stored, each once, and the repeats that were left out."""
        features, feature_repeats = _merge_features(self._features.sorted(_FEATURE_KEY))
        families, family_repeats = _merge_families(self._families.sorted(_FAMILY_KEY))
        rows = AnnotationRows(
            as_stored(FEATURES, features, source=source), as_stored(FAMILIES, families, source=source)
        )
        return rows, [*feature_repeats, *family_repeats]


class DraftTable:
    """Rows of one kind, the earlier ones in Arrow columns."""

    def __init__(self, names: Sequence[str]) -> None:
        """Take the names of the columns."""
        self._names = names
        self._rows: list[tuple[Any, ...]] = []
        self._tables: list[pa.Table] = []

    def add(self, row: tuple[Any, ...]) -> None:
        """Take a row, its values in the order of the names."""
        self._rows.append(row)
        if len(self._rows) >= CHUNK_ROWS:
            self._pack()

    def add_table(self, rows: pa.Table) -> None:
        """Take many rows."""
        types = pa.schema([(name, _TYPES.get(name, pa.string())) for name in self._names])
        self._tables.append(rows.select(self._names).cast(types))

    def sorted(self, key: Iterable[str]) -> pa.Table:
        """Return the rows in order; equal rows keep the order of the source."""
        self._pack()
        return pa.concat_tables(self._tables).sort_by([(name, "ascending") for name in (*key, "line")])

    def _pack(self) -> None:
        columns = zip(*self._rows, strict=True) if self._rows else [()] * len(self._names)
        arrays = {
            name: pa.array(values, _TYPES.get(name, pa.string()))
            for name, values in zip(self._names, columns, strict=True)
        }
        self._tables.append(pa.table(arrays))
        self._rows = []


def _merge_features(draft: pa.Table) -> tuple[pa.Table, list[Rejected]]:
    """Return sorted features without repeats, and the repeats; the evidence of what is said twice is joined."""
    places: list[int] = []
    evidence: list[str | None] = []
    repeats: list[Rejected] = []
    rows = (SourceFeature(*values) for values in _table_rows(draft))
    for _, group in groupby(enumerate(rows), key=lambda item: item[1][: len(_FEATURE_KEY)]):
        same = list(group)
        place, row = same[0]
        places.append(place)
        codes = [again.evidence for _, again in same]
        evidence.append(eco_codes(*codes) if len(same) > 1 else row.evidence)
        repeats += [_repeated_feature(again) for _, again in same[1:]]
    return _replace_column(draft.take(pa.array(places, pa.int64())), "evidence", evidence), repeats


def _merge_families(draft: pa.Table) -> tuple[pa.Table, list[Rejected]]:
    """Return sorted families without repeats, with the first name that is given, and the repeats.

    Matches may repeat a family: it occurs several times along the protein.
    """
    places: list[int] = []
    names: list[str | None] = []
    repeats: list[Rejected] = []
    rows = (SourceFamily(*values) for values in _table_rows(draft))
    for _, group in groupby(enumerate(rows), key=lambda item: item[1][: len(_FAMILY_KEY)]):
        same = list(group)
        places.append(same[0][0])
        names.append(next((row.name for _, row in same if row.name), None))
        repeats += [_repeated_family(again) for _, again in same[1:] if not again.is_of_match]
    return _replace_column(draft.take(pa.array(places, pa.int64())), "name", names), repeats


def _table_rows(table: pa.Table) -> Iterator[tuple[Any, ...]]:
    for batch in table.to_batches(max_chunksize=CHUNK_ROWS):
        yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)


def _replace_column(table: pa.Table, name: str, texts: Sequence[str | None]) -> pa.Table:
    return table.set_column(table.schema.get_field_index(name), name, pa.array(texts, pa.string()))


def _repeated_feature(row: SourceFeature) -> Rejected:
    record = Record(row.accession, row.type, str(row.begin), str(row.end), row.description, row.line)
    detail = "same protein, type, positions and description; its evidence is kept with the first"
    return Rejected(Reason.REPEATED, record, detail)


def _repeated_family(row: SourceFamily) -> Rejected:
    record = Record(row.accession, row.database, description=row.family, line=row.line)
    return Rejected(Reason.REPEATED, record, "same protein, database and family")
