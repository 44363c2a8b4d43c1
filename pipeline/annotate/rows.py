"""The rows that one source gives, of each table of annotation, in its columns and its order."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from attlas.schema import (
    COORDINATES,
    FAMILIES,
    FEATURES,
    MEMBERS,
    PARTNER_CONTACTS,
    TRACKS,
    VARIANTS,
    Table,
    tables_added_by,
)

TABLES = tuple(table for table in tables_added_by("annotate") if table is not MEMBERS)
"""The tables that annotation adds to; members of clusters are no rows of proteins (`members/`)."""


def _make_empty(table: Table) -> pa.Table:
    return table.schema(0).empty_table()


@dataclass(frozen=True)
class AnnotationRows:
    """Rows of each of TABLES, in a field of its name, sorted as they are stored."""

    features: pa.Table = field(default_factory=lambda: _make_empty(FEATURES))
    families: pa.Table = field(default_factory=lambda: _make_empty(FAMILIES))
    coordinates: pa.Table = field(default_factory=lambda: _make_empty(COORDINATES))
    partner_contacts: pa.Table = field(default_factory=lambda: _make_empty(PARTNER_CONTACTS))
    tracks: pa.Table = field(default_factory=lambda: _make_empty(TRACKS))
    variants: pa.Table = field(default_factory=lambda: _make_empty(VARIANTS))

    def filled(self) -> Iterator[tuple[Table, pa.Table]]:
        """Yield the tables that have a row, with their rows."""
        for table in TABLES:
            rows: pa.Table = getattr(self, table.name)
            if rows.num_rows:
                yield table, rows

    def n_proteins(self) -> int:
        """Return the number of accessions that have a row."""
        columns = [rows["accession"] for _, rows in self.filled()]
        chunks = [chunk for column in columns for chunk in column.chunks]
        return int(pc.count_distinct(pa.chunked_array(chunks, pa.string())).as_py())

    def sources(self) -> set[str]:
        """Return the names of the files that the rows are of."""
        return {name for _, rows in self.filled() for name in pc.unique(rows["source"]).to_pylist()}


def concatenate(parts: Iterable[AnnotationRows]) -> AnnotationRows:
    """Return the rows of several files as those of one source."""
    parts = list(parts)
    return AnnotationRows(
        features=_sort(FEATURES, [part.features for part in parts]),
        families=_sort(FAMILIES, [part.families for part in parts]),
        coordinates=_sort(COORDINATES, [part.coordinates for part in parts]),
        partner_contacts=_sort(PARTNER_CONTACTS, [part.partner_contacts for part in parts]),
        tracks=_sort(TRACKS, [part.tracks for part in parts]),
        variants=_sort(VARIANTS, [part.variants for part in parts]),
    )


def as_stored(table: Table, rows: pa.Table, *, source: str) -> pa.Table:
    """Return rows that lack their source in the columns and the order of the table."""
    schema = table.schema(0)
    with_source = rows.append_column("source", pa.repeat(source, rows.num_rows))
    return _sort(table, [with_source.select(schema.names).cast(schema)])


def counts_of(rows: pa.Table, column: str) -> dict[str, int]:
    """Return how many rows have each value of a column, most first."""
    counts = [(row["values"], row["counts"]) for row in pc.value_counts(rows[column]).to_pylist()]
    return dict(sorted(counts, key=lambda pair: (-pair[1], pair[0])))


def _sort(table: Table, parts: list[pa.Table]) -> pa.Table:
    rows = pa.concat_tables([_make_empty(table), *parts])
    return rows.sort_by([(name, "ascending") for name in table.sort])
