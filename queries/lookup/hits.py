"""The proteins that fit a text, and how they fit."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import overload

import pyarrow as pa

from attlas.queries.lookup.parquet_rows import take_rows

FITS = (
    "accession",
    "entry name",
    "gene",
    "structure",
    "whole name",
    "words of the name in order",
    "words",
    "parts of words",
)
"""How a protein fits a text, the surest first; the last fits a beginning such as `polym`."""
MEMBER_FIT = "member of the cluster"
"""Fit of a protein that stands for its cluster, to an accession that is not in the atlas itself."""
SURE_FITS = FITS[: FITS.index("structure")]
"""Fits of a whole identifier: such a hit is what the user meant, even if other proteins mention the word."""
NAME_COLUMNS = ("accession", "entry_name", "gene", "description", "organism")
"""The columns that are looked through."""


@dataclass(frozen=True)
class Hit:
    """A protein that fits a text."""

    row: int
    """Row of `proteins`."""
    accession: str
    entry_name: str
    gene: str
    description: str
    organism: str
    fit: str
    """One of `FITS`, or `MEMBER_FIT`."""

    @property
    def is_sure(self) -> bool:
        """The text is an identifier of the protein, but for letter case."""
        return self.fit in SURE_FITS

    @property
    def is_of_whole_words(self) -> bool:
        """The text consists of whole words of the protein's names."""
        return self.fit != FITS[-1]


class HitTable(Sequence[Hit]):
    """Very many hits, kept as a table; a hit is made of its row when it is looked at."""

    def __init__(self, table: pa.Table) -> None:
        """Take a table with the fields of a hit as columns, null for no name."""
        self.table = table

    def __len__(self) -> int:
        return int(self.table.num_rows)

    @overload
    def __getitem__(self, index: int) -> Hit: ...

    @overload
    def __getitem__(self, index: slice) -> "HitTable": ...

    def __getitem__(self, index: int | slice) -> "Hit | HitTable":
        if isinstance(index, slice):
            start, stop, step = index.indices(len(self))
            return HitTable(take_rows(self.table, range(start, stop, step)))
        return next(iter(HitTable(self.table.slice(range(len(self))[index], 1))))

    def __iter__(self) -> Iterator[Hit]:
        rows, *texts = [self.table.column(field.name).to_pylist() for field in fields(Hit)]
        for row, *values in zip(rows, *texts, strict=True):
            yield Hit(row, *(value or "" for value in values))


@dataclass(frozen=True)
class Search:
    """The answer to a text: the proteins that fit it."""

    hits: Sequence[Hit]
    """The likeliest first: by how they fit, then short names first."""
    notes: tuple[str, ...] = ()
    """How words were looked for in a large atlas and what was not looked at, in sentences."""
    is_complete: bool = True
    """The hits are all that fit."""


def choose_protein(search: Search) -> Hit | None:
    """Return the protein that a text means: the only one it is an identifier of, else its only hit of whole words.

    None where others fit that were not looked at; and for a member of a cluster, which is another protein.
    """
    if not search.is_complete:
        return None
    hits = [hit for hit in search.hits if hit.fit != MEMBER_FIT]
    sure = [hit for hit in hits if hit.is_sure]
    if sure:
        return sure[0] if len(sure) == 1 else None
    of_whole_words = [hit for hit in hits if hit.is_of_whole_words]
    return of_whole_words[0] if len(of_whole_words) == 1 else None
