"""Words looked up in the index of an atlas (the table `words`): which proteins have them, the likeliest first.

In a small atlas a part of a word is found wherever it stands in a word, since the whole index is looked through. In a
large one, words count whole or by their beginnings; and of a word that very many proteins share, such as `protein`,
only their number is told and the likeliest of them are read.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

import pyarrow as pa

from attlas.queries.lookup.keyed_files import HIGHEST_LETTER, KeyedFiles, Place, range_of_keys
from attlas.queries.lookup.remote import RemoteRoot
from attlas.queries.lookup.storage import Root
from attlas.schema import WORDS
from attlas.schema.file_list import FileList
from attlas.schema.words import SEARCHED_LETTERS

MOST_SCANNED = 128
"""Row groups of the index of a small atlas in a directory, of 65,536 rows each: all are looked through, in a second."""
MOST_READ = 32
"""Row groups that are read for a word of a large atlas, in a directory; their proteins take 200 MB of memory."""
MOST_READ_REMOTELY = 4
"""Either of these behind a URL, where a row group costs a request and 0.2 MB."""


@dataclass
class WordProteins:
    """The proteins that have a word."""

    word: str
    rank_of_row: dict[int, int] = field(default_factory=dict)
    """Rows of `proteins`, with the rank of each; not all of them if the word is too frequent."""
    n_proteins: int | None = None
    """Proteins that have the word, where they are too many to be read; None: all are read."""

    @property
    def is_frequent(self) -> bool:
        """Too many proteins have the word for all to be read."""
        return self.n_proteins is not None

    def add(self, rows: Sequence[int], ranks: Sequence[int]) -> None:
        """Add proteins with their ranks; of two ranks of a protein the better one counts."""
        known = self.rank_of_row
        for row, rank in zip(rows, ranks, strict=True):
            if rank < known.get(row, rank + 1):
                known[row] = rank


class WordIndex:
    """The words of an atlas."""

    def __init__(self, root: Root, files: FileList) -> None:
        self._files = KeyedFiles(root, files, "key")
        is_remote = isinstance(root, RemoteRoot)
        self._most_read = MOST_READ_REMOTELY if is_remote else MOST_READ
        most_scanned = MOST_READ_REMOTELY if is_remote else MOST_SCANNED
        self.has_parts = files.n_rows <= most_scanned * WORDS.row_group_rows
        """Parts of words are found wherever they stand in a word."""

    def look_up(self, words: Sequence[str]) -> list[WordProteins]:
        """Return the proteins of each of some words, whole or as parts of longer words."""
        # A key holds so many letters of a word at least; who has them is looked at letter by letter later.
        parts = [word[:SEARCHED_LETTERS] for word in words]
        if not self.has_parts:
            return [self._look_up_beginning(part) for part in parts]

        proteins = [WordProteins(part) for part in parts]
        for file, group in self._places():
            rows = self._files.read(file, group)
            for word_proteins in proteins:
                word_proteins.add(*_of_rows(rows, list(_find_part(rows.column("key"), word_proteins.word))))
        return proteins

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

    def _places(self) -> list[Place]:
        return self._files.places("", HIGHEST_LETTER)

    def _look_up_beginning(self, word: str) -> WordProteins:
        """Return the proteins with a word that begins so; of very many, those with the very word."""
        most = self._most_read
        proteins, last = WordProteins(word), word + HIGHEST_LETTER
        places = self._files.places(word, last, most=most + 1)
        if len(places) > most:
            last = word
            places = self._files.places(word, last, most=most + 1)
        if len(places) > most:
            proteins.n_proteins = self._files.count(word)

        for file, group in places[:most]:
            rows = self._files.read(file, group)
            proteins.add(*_of_rows(rows, range_of_keys(rows.column("key"), word, last)))
        return proteins

    def _mixed_places(self, start: str) -> list[Place]:
        """Return the row groups of several words that may hold words with a beginning; a frequent word fills others."""
        places = self._files.places(start, start + HIGHEST_LETTER)
        ranges = [self._files.ranges(file)[group] for file, group in places]
        return [place for place, (lowest, highest) in zip(places, ranges, strict=True) if lowest != highest]

    def _distinct(self, places: Sequence[Place]) -> list[str]:
        """Return the words of some row groups, each once."""
        words: dict[str, None] = {}
        for file, group in places:
            words |= dict.fromkeys(self._files.read(file, group).column("key").to_pylist())
        return list(words)


def _of_rows(rows: pa.Table, at: Sequence[int]) -> tuple[list[int], list[int]]:
    """Return the proteins and the ranks that stand in some rows of a row group."""
    proteins, ranks = _numbers(rows.column("row"), "q"), _numbers(rows.column("rank"), "i")
    if isinstance(at, range):
        return proteins[at.start : at.stop].tolist(), ranks[at.start : at.stop].tolist()
    return [proteins[i] for i in at], [ranks[i] for i in at]


def _numbers(column: pa.ChunkedArray, kind: Literal["i", "q"]) -> "memoryview[int]":
    chunk = column.chunk(0)
    numbers: memoryview[int] = memoryview(chunk.buffers()[1]).cast("B").cast(kind)
    return numbers[chunk.offset : chunk.offset + len(chunk)]


def _find_part(column: pa.ChunkedArray, part: str) -> Iterator[int]:
    """Yield the rows whose key holds a text, looked for in the bytes of all keys at once."""
    chunk, searched = column.chunk(0), part.encode()
    ends = memoryview(chunk.buffers()[1]).cast("B").cast("i")[chunk.offset : chunk.offset + len(chunk) + 1]
    data = chunk.buffers()[2]
    text = data.to_pybytes() if data is not None else b""

    row = 0
    at = text.find(searched, ends[0], ends[-1])
    while at >= 0:
        row = bisect_right(ends, at, lo=row) - 1
        is_within = at + len(searched) <= ends[row + 1]  # and not across two keys
        if is_within:
            yield row
        at = text.find(searched, ends[row + 1] if is_within else at + 1, ends[-1])
