"""Words looked up in the index of an atlas (the table `words`): which proteins have them, the likeliest first.

In a small atlas a part of a word is found wherever it stands in a word, since the keys of the whole index are looked
through. In a large one, words count whole or by their beginnings; and of a word that very many proteins share, such as
`protein`, only their number is told and the likeliest of them are read.

Proteins of a rare word are listed at once; those of others are read if they are needed, as Arrow tables.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import pyarrow as pa

from attlas.queries.lookup.empty_table import make_empty_table
from attlas.queries.lookup.keyed_files import HIGHEST_LETTER, KeyedFiles, Place, range_of_keys
from attlas.queries.lookup.parquet_rows import take_rows
from attlas.queries.lookup.remote import RemoteRoot
from attlas.queries.lookup.storage import Root
from attlas.schema import WORDS
from attlas.schema.file_list import FileList
from attlas.schema.words import SEARCHED_LETTERS

MOST_SCANNED = 128
"""Row groups of the index of a small atlas in a directory, of 65,536 rows each: all are looked through."""
MOST_READ = 32
"""Row groups that are read for a word of a large atlas, in a directory; their proteins take 25 MB of memory."""
MOST_READ_REMOTELY = 4
"""Either of these behind a URL, where a row group costs a request and 0.2 MB."""
FEW_ROWS = 1 << 14
"""Rows of the index up to which the proteins of a word are listed at once."""
KEY, NUMBERS = ("key",), ("row", "rank")
"""The columns of the index that are read together."""


@dataclass(frozen=True)
class IndexRows:
    """Rows of a row group of the index."""

    place: Place
    at: Sequence[int] | None
    """Their numbers in the row group; None: those whose keys hold the word, which are many."""
    n: int
    """How many they are; of those without numbers, at most."""


@dataclass
class WordProteins:
    """The proteins that have a word."""

    word: str
    index: "WordIndex"
    rows: list[IndexRows] = field(default_factory=list)
    """Where they stand in the index; the likeliest of a word that is too frequent."""
    n_proteins: int | None = None
    """Proteins that have the word, where they are too many to be read; None: all are read."""

    @property
    def is_frequent(self) -> bool:
        """Too many proteins have the word for all to be read."""
        return self.n_proteins is not None

    @cached_property
    def n_rows(self) -> int:
        """Rows of the index that are to be read for it, at most."""
        return sum(rows.n for rows in self.rows)

    @property
    def is_rare(self) -> bool:
        """It stands in few rows of the index."""
        return self.n_rows <= FEW_ROWS

    @cached_property
    def rank_of_row(self) -> dict[int, int]:
        """The rows of `proteins` of a rare word, with the rank of each; of two ranks of a protein the better one."""
        ranks: dict[int, int] = {}
        for rows in self.rows:
            for row, rank in zip(*self.index.read_numbers(rows), strict=True):
                if rank < ranks.get(row, rank + 1):
                    ranks[row] = rank
        return ranks

    @cached_property
    def table(self) -> pa.Table:
        """The rows of `proteins` with their ranks: columns `row` and `rank`; a protein may stand there twice."""
        parts = [self.index.read_table(rows, self.word) for rows in self.rows]
        return pa.concat_tables(parts) if parts else make_empty_table(WORDS.schema(0)).select(list(NUMBERS))


class WordIndex:
    """The words of an atlas."""

    def __init__(self, root: Root, files: FileList) -> None:
        self._files = KeyedFiles(root, files, "key")
        self._is_remote = isinstance(root, RemoteRoot)
        self._most_read = MOST_READ_REMOTELY if self._is_remote else MOST_READ
        most_scanned = MOST_READ_REMOTELY if self._is_remote else MOST_SCANNED
        self.has_parts = files.n_rows <= most_scanned * WORDS.row_group_rows
        """Parts of words are found wherever they stand in a word."""

    def look_up(self, words: Sequence[str]) -> list[WordProteins]:
        """Return the proteins of each of some words, whole or as parts of longer words."""
        # A key holds so many letters of a word at least; who has them is looked at letter by letter later.
        parts = [word[:SEARCHED_LETTERS] for word in words]
        return [self._find_part(part) if self.has_parts else self._find_beginning(part) for part in parts]

    def read_numbers(self, rows: IndexRows) -> tuple[list[int], list[int]]:
        """Return the proteins and the ranks that stand in some rows of a row group."""
        table = self._read(rows.place, NUMBERS)
        proteins, ranks = _numbers(table.column("row"), "q"), _numbers(table.column("rank"), "i")
        if isinstance(rows.at, range):
            return proteins[rows.at.start : rows.at.stop].tolist(), ranks[rows.at.start : rows.at.stop].tolist()
        return [proteins[i] for i in rows.at or ()], [ranks[i] for i in rows.at or ()]

    def read_table(self, rows: IndexRows, word: str) -> pa.Table:
        """Return the proteins and the ranks of some rows of a row group, or of those with a word, as a table."""
        table = self._read(rows.place, NUMBERS).select(list(NUMBERS))
        if isinstance(rows.at, range):
            return table.slice(rows.at.start, len(rows.at))
        if rows.at is not None:
            return take_rows(table, rows.at)

        from pyarrow import compute

        keys = self._read(rows.place, KEY).column("key")
        return table.filter(compute.match_substring(keys, word))

    def list_words(self, word: str) -> list[str]:
        """Return words that are to be compared with one that is misspelt, in order.

        All words of a small atlas; of a large one those with the same beginning, of two letters or of as many more as
        keep them few.
        """
        if self.has_parts:
            return self._distinct(self._places())
        for n in range(2, len(word) + 1):
            places = self._mixed_places(word[:n])
            if len(places) <= self._most_read:
                start = word[:n]
                return [text for text in self._distinct(places) if text.startswith(start)]
        return []

    def metadata(self) -> dict[bytes, bytes]:
        """Return the metadata of the index. Raises BrokenAtlasError."""
        return self._files.metadata()

    def close(self) -> None:
        """Close the files kept open."""
        self._files.close()

    def _read(self, place: Place, columns: tuple[str, ...]) -> pa.Table:
        """Return a row group with some columns; behind a URL with all, which are small, in one request."""
        return self._files.read(*place, None if self._is_remote else columns)

    def _places(self) -> list[Place]:
        return self._files.places("", HIGHEST_LETTER)

    def _find_part(self, part: str) -> WordProteins:
        """Return the proteins with a word that has such a part. Of many rows it is only counted where they are."""
        proteins, n_left = WordProteins(part, self), FEW_ROWS
        for file, group in self._places():
            lowest, highest = self._files.ranges(file)[group]
            if lowest == highest:
                n = self._files.n_rows(file, group) if part in lowest else 0
                rows = IndexRows((file, group), range(n), n)
            else:
                rows = _rows_of_part((file, group), self._read((file, group), KEY).column("key"), part, n_left)

            if rows.n:
                proteins.rows.append(rows)
                n_left -= rows.n
        return proteins

    def _find_beginning(self, word: str) -> WordProteins:
        """Return the proteins with a word that begins so; of very many, those with the very word."""
        most = self._most_read
        proteins, last = WordProteins(word, self), word + HIGHEST_LETTER
        places = self._files.places(word, last, most=most + 1)
        if len(places) > most:
            last = word
            places = self._files.places(word, last, most=most + 1)
        if len(places) > most:
            proteins.n_proteins = self._files.count(word)
        for place in places[:most]:
            rows = self._range_of_keys(place, word, last)
            proteins.rows.append(IndexRows(place, rows, len(rows)))
        return proteins

    def _range_of_keys(self, place: Place, first_key: str, last_key: str) -> range:
        """Return the rows of a row group with keys from `first_key` to `last_key`; where all have, no key is read."""
        file, group = place
        lowest, highest = self._files.ranges(file)[group]
        if first_key <= lowest and highest <= last_key:
            return range(self._files.n_rows(file, group))
        return range_of_keys(self._read(place, KEY).column("key"), first_key, last_key)

    def _mixed_places(self, start: str) -> list[Place]:
        """Return the row groups of several words that may hold words with a beginning; a frequent word fills others."""
        places = self._files.places(start, start + HIGHEST_LETTER)
        ranges = [self._files.ranges(file)[group] for file, group in places]
        return [place for place, (lowest, highest) in zip(places, ranges, strict=True) if lowest != highest]

    def _distinct(self, places: Sequence[Place]) -> list[str]:
        """Return the words of some row groups, each once."""
        words: dict[str, None] = {}
        for file, group in places:
            words |= dict.fromkeys(self._read((file, group), KEY).column("key").to_pylist())
        return list(words)


def _numbers(column: pa.ChunkedArray, kind: Literal["i", "q"]) -> "memoryview[int]":
    chunk = column.chunk(0)
    numbers: memoryview[int] = memoryview(chunk.buffers()[1]).cast("B").cast(kind)
    return numbers[chunk.offset : chunk.offset + len(chunk)]


def _rows_of_part(place: Place, column: pa.ChunkedArray, part: str, n_listed: int) -> IndexRows:
    """Return the rows of a row group whose key holds a text; of more than `n_listed` about how many they are."""
    chunk, part_bytes = column.chunk(0), part.encode()
    ends = memoryview(chunk.buffers()[1]).cast("B").cast("i")[chunk.offset : chunk.offset + len(chunk) + 1]
    data = chunk.buffers()[2]
    text = data.to_pybytes() if data is not None else b""

    n = text.count(part_bytes, ends[0], ends[-1])
    if n > n_listed:
        return IndexRows(place, None, n)
    at = list(_find_in_keys(text, ends, part_bytes))
    return IndexRows(place, at, len(at))


def _find_in_keys(text: bytes, ends: "memoryview[int]", part: bytes) -> Iterator[int]:
    """Yield the keys that hold a text, of keys that stand end to end."""
    row = 0
    at = text.find(part, ends[0], ends[-1])
    while at >= 0:
        row = bisect_right(ends, at, lo=row) - 1
        is_within = at + len(part) <= ends[row + 1]  # and not across two keys
        if is_within:
            yield row
        at = text.find(part, ends[row + 1] if is_within else at + 1, ends[-1])
