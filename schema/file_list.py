"""The files of an atlas, in `manifest.json` itself or in list parts that are read when files of theirs are asked for.

Up to `MOST_LISTED` files stand in `manifest.json`, as ever. Of a larger atlas, the tables with more than `FEW_LISTED`
files are listed in parts (`list_parts.py`), of at least `PART_FILES` files and as many as there are parts, so that
neither the manifest nor a part grows faster than the root of the number of files.
"""

import threading
from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from math import isqrt
from typing import overload

from attlas.schema.json_file import digest
from attlas.schema.list_parts import ListPart, parse_part, write_part
from attlas.schema.table_file import TableFile

MOST_LISTED = 256
"""Files up to which `manifest.json` lists all."""
FEW_LISTED = 32
"""Files of a table up to which `manifest.json` lists them, of a larger atlas."""
PART_FILES = 64
"""Files of a list part, at least."""
PARTS_IN_MEMORY = 128
"""List parts kept in memory, of 0.1 MB or more."""
PARTS_AT_ONCE = 8
"""List parts that are read side by side where all are asked for."""

ReadPart = Callable[[ListPart], bytes]
"""Returns the bytes of a list part as they are, unchecked."""


class PartReader:
    """Reads the list parts of an atlas when they are asked for, checks them, and keeps those asked for last."""

    def __init__(self, read: ReadPart, source: str) -> None:
        """Remember how parts are read; `source` is the atlas, for errors."""
        self._read = read
        self._source = source
        self._files: OrderedDict[str, tuple[TableFile, ...]] = OrderedDict()
        self._lock = threading.Lock()

    def files_of(self, part: ListPart) -> tuple[TableFile, ...]:
        """Return the files that a part lists. Raises as `parse_part` and as the function that reads it."""
        with self._lock:
            if part.path in self._files:
                self._files.move_to_end(part.path)
                return self._files[part.path]

        files = parse_part(part, self._read(part), source=self._source)
        with self._lock:
            self._files[part.path] = files
            while len(self._files) > PARTS_IN_MEMORY:
                self._files.popitem(last=False)
        return files

    def in_memory(self, parts: Iterable[ListPart]) -> Iterator[TableFile]:
        """Yield the files of those of some parts that are kept."""
        with self._lock:
            kept = [self._files[part.path] for part in parts if part.path in self._files]
        for files in kept:
            yield from files


@dataclass(frozen=True)
class FileList(Sequence[TableFile]):
    """Files of an atlas, or of one of its tables. What a sum or a range says is known without reading a part."""

    listed: tuple[TableFile, ...] = ()
    """The files that `manifest.json` lists."""
    parts: tuple[ListPart, ...] = ()
    """The parts that list all other files; those of a table lie in order of `sequence_id` or key."""
    digests: dict[str, str] = field(default_factory=dict)
    """Digest of each table that is listed in parts, by name (`digest_of`)."""
    reader: PartReader | None = field(default=None, compare=False, repr=False)

    def __len__(self) -> int:
        return len(self.listed) + sum(part.n_files for part in self.parts)

    def __iter__(self) -> Iterator[TableFile]:
        yield from self.listed
        yield from self._read(self.parts)

    @overload
    def __getitem__(self, index: int) -> TableFile: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[TableFile, ...]: ...
    def __getitem__(self, index: int | slice) -> TableFile | tuple[TableFile, ...]:
        if isinstance(index, slice) or index < 0:
            return tuple(self)[index]

        begin = len(self.listed)
        if index < begin:
            return self.listed[index]
        for part in self.parts:
            if index < begin + part.n_files:
                return self.files_of(part)[index - begin]
            begin += part.n_files
        raise IndexError(index)

    @property
    def tables(self) -> tuple[str, ...]:
        """The names of the tables that have files."""
        return tuple(dict.fromkeys(entry.table for entry in self._entries))

    @property
    def n_rows(self) -> int:
        """Rows of all files."""
        return sum(entry.n_rows for entry in self._entries)

    @property
    def n_bytes(self) -> int:
        """Bytes of all files."""
        return sum(file.n_bytes for file in self.listed) + sum(part.n_table_bytes for part in self.parts)

    def of_tables(self, names: Iterable[str]) -> "FileList":
        """Return the files of some tables, in the same order."""
        names = set(names)
        return FileList(
            tuple(file for file in self.listed if file.table in names),
            tuple(part for part in self.parts if part.table in names),
            {table: text for table, text in self.digests.items() if table in names},
            self.reader,
        )

    def digest_of(self, table: str) -> str:
        """Return the digest of a table as it is now, over the digests of its files, however they are listed."""
        return self.digests.get(table) or _digest(file for file in self.listed if file.table == table)

    def holding(self, first_sequence_id: int | None, last_sequence_id: int | None) -> Iterator[TableFile]:
        """Yield the files that may hold sequences from the first id to the last, both included; None: no limit."""

        def may_hold(entry: TableFile | ListPart) -> bool:
            if entry.first_sequence_id is None or entry.last_sequence_id is None:
                return True
            is_before = first_sequence_id is not None and entry.last_sequence_id < first_sequence_id
            is_behind = last_sequence_id is not None and entry.first_sequence_id > last_sequence_id
            return not (is_before or is_behind)

        yield from filter(may_hold, self.listed)
        yield from filter(may_hold, self._read([part for part in self.parts if may_hold(part)]))

    def holding_any(self, sequence_ids: Iterable[int]) -> Iterator[TableFile]:
        """Yield the files that may hold one of some sequences."""
        ids = sorted(sequence_ids)

        def may_hold(entry: TableFile | ListPart) -> bool:
            if entry.first_sequence_id is None or entry.last_sequence_id is None:
                return True
            at = bisect_left(ids, entry.first_sequence_id)
            return at < len(ids) and ids[at] <= entry.last_sequence_id

        yield from filter(may_hold, self.listed)
        yield from filter(may_hold, self._read([part for part in self.parts if may_hold(part)]))

    def between_keys(self, first_key: str, last_key: str) -> Iterator[TableFile]:
        """Yield the files of an index that may hold keys from the first to the last, both included, in order of key.

        A part is read when the files before it have been taken: who stops early reads no more.
        """

        def may_hold(entry: TableFile | ListPart) -> bool:
            return (entry.first_key or "") <= last_key and first_key <= (entry.last_key or "")

        yield from sorted(filter(may_hold, self.listed), key=_order)
        for part in filter(may_hold, self.parts):
            yield from filter(may_hold, self.files_of(part))

    def in_memory(self) -> Iterator[TableFile]:
        """Yield the files that are known without reading a part."""
        yield from self.listed
        if self.reader is not None:
            yield from self.reader.in_memory(self.parts)

    def files_of(self, part: ListPart) -> tuple[TableFile, ...]:
        """Return the files that a part lists.

        Raises:
            BrokenAtlasError: the part is missing, or not as its entry says.
            EnvironmentFault: it is behind a URL that cannot be reached.
        """
        if self.reader is None:
            raise ValueError(f"{part.path} cannot be read: these files are of a manifest without its atlas")
        return self.reader.files_of(part)

    @property
    def _entries(self) -> tuple[TableFile | ListPart, ...]:
        """What the manifest says of its files."""
        return (*self.listed, *self.parts)

    def _read(self, parts: Sequence[ListPart]) -> Iterator[TableFile]:
        """Yield the files of some parts, in order; a few parts are read at once."""
        if len(parts) < 2:
            for part in parts:
                yield from self.files_of(part)
            return

        from concurrent.futures import ThreadPoolExecutor  # which a lookup never needs

        with ThreadPoolExecutor(PARTS_AT_ONCE) as threads:
            for start in range(0, len(parts), PARTS_AT_ONCE):
                for files in threads.map(self.files_of, parts[start : start + PARTS_AT_ONCE]):
                    yield from files


def divide(files: Iterable[TableFile]) -> tuple[FileList, dict[str, bytes]]:
    """Return files as a manifest lists them, and the bytes of the list parts by path; none for few files."""
    all_files = tuple(files)
    by_table: dict[str, list[TableFile]] = {}
    for file in all_files:
        by_table.setdefault(file.table, []).append(file)
    is_long = len(all_files) > MOST_LISTED
    in_parts = {table: by_table[table] for table in sorted(by_table) if is_long and len(by_table[table]) > FEW_LISTED}

    n_of_part = max(PART_FILES, isqrt(len(all_files)))
    parts: list[ListPart] = []
    data_by_path: dict[str, bytes] = {}
    for table, table_files in in_parts.items():
        ordered = sorted(table_files, key=_order)
        for start in range(0, len(ordered), n_of_part):
            part, data = write_part(table, ordered[start : start + n_of_part])
            parts.append(part)
            data_by_path[part.path] = data

    listed = tuple(file for file in all_files if file.table not in in_parts)
    return FileList(listed, tuple(parts), {table: _digest(files) for table, files in in_parts.items()}), data_by_path


def _order(file: TableFile) -> tuple[int, str, str]:
    """Return the key by which files of a table are sorted, so that the ranges of parts overlap as little as can be."""
    return -1 if file.first_sequence_id is None else file.first_sequence_id, file.first_key or "", file.path


def _digest(files: Iterable[TableFile]) -> str:
    return digest(sorted(file.sha256 for file in files))
