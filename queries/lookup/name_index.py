"""Names looked up in the index of an atlas (the table `names`), by whole name or by how they begin.

The manifest has the first and the last key of each file, its footer those of each row group: a name is found by two
bisections and the reading of one row group, whatever the number of proteins.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import pyarrow as pa

from attlas.queries.lookup.keyed_files import HIGHEST_LETTER, KeyedFiles, range_of_keys
from attlas.queries.lookup.member_index import MemberIndex
from attlas.queries.lookup.protein_rows import ProteinRows
from attlas.queries.lookup.storage import Root
from attlas.schema import BrokenAtlasError
from attlas.schema.file_list import FileList
from attlas.schema.index_tables import name_key

MOST_SCANNED = 2
"""Row groups of names that are read for names that begin alike; beyond, a longer beginning is taken."""
N_AROUND = 1_000
"""Names on each side of one that is not there, among which a misspelt one is looked for."""
CHECKSUMS = ("md5", "crc64")


class Name(NamedTuple):
    """A row of the index: its columns, in their order."""

    key: str
    kind: str
    """Column of `proteins` that holds the name."""
    name: str | None
    """None for a checksum, which its key holds."""
    accession: str
    taxon_id: int | None
    sequence_id: int | None
    status: str
    row: int
    """Row of `proteins`."""


class NameIndex:
    """The names of an atlas. What else `resolve_id` asks of a protein comes from `proteins`, opened only then."""

    def __init__(self, root: Root, files: FileList) -> None:
        if not files:
            hint = "the same `attlas build` again writes it; a release is to be published anew"
            raise BrokenAtlasError(f"The manifest of {root} names no file of the index `names`.", hint=hint)
        self._files = KeyedFiles(root, files, "key")
        self._names: dict[str, tuple[Name, ...]] = {}

    def named(self, key: str) -> tuple[Name, ...]:
        """Return the names that have a key, by kind and row."""
        if key in self._names:
            return self._names[key]
        return tuple(name for group in self._read_between(key, key) for name in _select(group, key, key))

    @contextmanager
    def remembering(self, keys: Iterable[str]) -> Iterator[None]:
        """Look up many keys, in order, so that each row group is read once, and keep their names for the while."""
        before = self._names
        self._names = dict(before)
        try:
            for key in sorted(set(keys)):
                self._names[key] = self.named(key)
            yield
        finally:
            self._names = before

    def beginning_with(self, start: str) -> list[Name]:
        """Return the names whose keys begin so, in order; of many, only those in the first few row groups."""
        end = start + HIGHEST_LETTER
        groups = self._read_between(start, end, most=MOST_SCANNED)
        return [name for group in groups for name in _select(group, start, end)]

    def around(self, key: str) -> list[Name]:
        """Return the names on both sides of where a key stands or would stand, of one row group."""
        places = self._files.places(key, HIGHEST_LETTER, most=1)
        if not places:
            return []
        group = self._files.read(*places[0])
        keys = group.column("key").chunk(0)
        at = bisect_left(range(len(keys)), key, key=lambda i: keys[i].as_py())
        return _names(group.slice(max(at - N_AROUND, 0), 2 * N_AROUND))

    def are_few(self, start: str) -> bool:
        """Return whether the names whose keys begin so lie in few row groups."""
        return len(self._files.places(start, start + HIGHEST_LETTER, most=MOST_SCANNED + 1)) <= MOST_SCANNED

    def metadata(self) -> dict[bytes, bytes]:
        """Return the metadata of the index. Raises BrokenAtlasError."""
        return self._files.metadata()

    def close(self) -> None:
        """Close the files kept open."""
        self._files.close()

    def _read_between(self, first_key: str, last_key: str, most: int | None = None) -> Iterator[pa.Table]:
        """Yield the row groups that may hold keys from `first_key` to `last_key`."""
        for file, group in self._files.places(first_key, last_key, most=most):
            yield self._files.read(file, group)


class ProteinNames:
    """The names of the proteins of an atlas, as `resolve_id` asks for them (`Names`)."""

    def __init__(self, index: NameIndex, members: MemberIndex, proteins: Callable[[], ProteinRows]) -> None:
        """Look into indexes; `proteins` opens the table where more is asked of a protein than its names say."""
        self.index = index
        self.members = members
        self._proteins = proteins
        self._known: dict[int, Name] = {}

    def row_of(self, accession: str) -> int | None:
        """Return the row of an accession, from 0; None if there is none."""
        rows = self.where("accession", accession)
        return rows[0] if rows else None

    def where(self, column: str, value: str) -> list[int]:
        """Return the rows whose `column` equals `value`."""
        names = [name for name in self.index.named(name_key(value)) if name.kind == column]
        # Letter case counts, and a key is only the beginning of a long name.
        names = [name for name in names if name.name == value or (name.name is None and column in CHECKSUMS)]
        self._known |= {name.row: name for name in names}
        return [name.row for name in names]

    def value(self, row: int, column: str) -> Any:
        """Return one value of a protein, from its name where that was looked up and says it."""
        name = self._known.get(row)
        if name is not None and column in ("accession", "taxon_id", "sequence_id", "status"):
            return getattr(name, column)
        return self._proteins().value(row, column)


def _select(group: pa.Table, first_key: str, last_key: str) -> list[Name]:
    """Return the names of a row group whose keys lie from `first_key` to `last_key`."""
    rows = range_of_keys(group.column("key"), first_key, last_key)
    return _names(group.slice(rows.start, len(rows)))


def _names(rows: pa.Table) -> list[Name]:
    columns = [column.to_pylist() for column in rows.columns]
    return [Name(*values) for values in zip(*columns, strict=True)]
