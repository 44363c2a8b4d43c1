"""The index of words: which proteins have a word in their names, the likeliest of them first.

A protein has nine words or so, most of them shared with very many others: words are compared as numbers, not as
texts, and of ASCII text the words are told apart for all proteins of a batch at once.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from attlas.pipeline.indexes.sorted_index import BATCH_PROTEINS, SortedIndex, write_index
from attlas.schema import WORDS, AtlasPaths, TableFile
from attlas.schema.index_tables import WORD_RANKS
from attlas.schema.letter_case import fold_case
from attlas.schema.words import WORD_KEY_LETTERS, split_words, word_keys

FILE_ROWS = 1 << 22
"""Rows of a file, about: 64 row groups."""
ID_COLUMNS = ("accession", "entry_name", "gene")
"""Columns of names that are identifiers: who asks for one of their words, and no more, means it."""
READ_COLUMNS = (*ID_COLUMNS, "description", "organism")
_SCHEMA = WORDS.schema(0)
_OPTIONS = {
    "compression": "zstd",
    "use_dictionary": False,
    "column_encoding": {"key": "DELTA_BYTE_ARRAY", "rank": "DELTA_BINARY_PACKED", "row": "DELTA_BINARY_PACKED"},
    "write_statistics": ["key"],
    "write_page_index": False,
}
"""Neighbours have nearly the same values in every column."""
_RANK_BITS = 18
"""Bits of a rank: three kinds of place, `WORD_RANKS` in each."""
_ROW_BITS = BATCH_PROTEINS.bit_length() - 1
"""Bits of the number of a protein in its batch."""


def _lower_letters() -> np.ndarray:
    """Return, for each byte, the ASCII letter in lower case or the digit that it is; 0 for all others."""
    table = np.zeros(256, np.uint8)
    for byte in range(128):
        if chr(byte).isalnum():
            table[byte] = ord(chr(byte).lower())
    return table


_LOWER = _lower_letters()


def write_word_index(
    paths: AtlasPaths, protein_files: Sequence[Path], *, metadata: dict[bytes, bytes], file_rows: int = FILE_ROWS
) -> list[TableFile]:
    """Write the index of the words of the files of `proteins`, and return the manifest's entries, as `write_index`.

    `file_rows` are the rows of a file, about. The proteins of a word may be cut apart.
    """
    index = SortedIndex(
        table=WORDS,
        protein_columns=READ_COLUMNS,
        list_rows=list_words,
        sort_rows=sort_words,
        cut_by=WORDS.sort,
        file_rows=file_rows,
        options=_OPTIONS,
    )
    return write_index(paths, protein_files, index, metadata=metadata)


def list_words(proteins: pa.Table, first_row: int) -> pa.Table:
    """Return the words of a batch of proteins, sorted, each once a protein at its best rank.

    Args:
        proteins: `BATCH_PROTEINS` at most, with the columns READ_COLUMNS.
        first_row: the number of the first of them.
    """
    letters = pc.fill_null(pc.utf8_length(proteins["description"]), 0).to_numpy()
    letters = np.minimum(letters, WORD_RANKS - 1).astype(np.int64)

    words, owners, ranks = [], [], []
    for name in READ_COLUMNS:
        column_words, column_owners, is_whole = _split_column(proteins[name])
        kinds = np.full(len(column_owners), 1 if name == "description" else 2)
        if name in ID_COLUMNS:
            kinds[is_whole] = 0
        words.append(column_words)
        owners.append(column_owners)
        ranks.append(kinds * WORD_RANKS + letters[column_owners])

    codes, keys = _encode(pa.concat_arrays(words))
    owner, rank = np.concatenate(owners), np.concatenate(ranks)

    # A protein has a word once, where it ranks best.
    packed = np.sort(codes << (_ROW_BITS + _RANK_BITS) | owner << _RANK_BITS | rank)
    packed = packed[np.diff(packed >> _RANK_BITS, prepend=-1) != 0]
    rank, owner = packed & ((1 << _RANK_BITS) - 1), packed >> _RANK_BITS & (BATCH_PROTEINS - 1)
    codes = packed >> (_ROW_BITS + _RANK_BITS)

    packed = np.sort(codes << (_ROW_BITS + _RANK_BITS) | rank << _ROW_BITS | owner)
    columns = [
        keys.take(pa.array(packed >> (_ROW_BITS + _RANK_BITS))),
        pa.array((packed >> _ROW_BITS & ((1 << _RANK_BITS) - 1)).astype(np.int32)),
        pa.array((packed & (BATCH_PROTEINS - 1)) + first_row),
    ]
    return pa.table(columns, schema=_SCHEMA)


def sort_words(rows: pa.Table) -> pa.Table:
    """Return rows of batches, given in order of protein, sorted by word, rank and protein."""
    codes, keys = _encode(rows["key"].combine_chunks())
    packed = codes << _RANK_BITS | rows["rank"].to_numpy()
    # The batches are sorted: a stable sort merges them, and leaves equal ranks in order of protein.
    order = np.argsort(packed, kind="stable")
    columns = [
        keys.take(pa.array(codes[order])),
        pa.array(rows["rank"].to_numpy()[order]),
        pa.array(rows["row"].to_numpy()[order]),
    ]
    return pa.table(columns, schema=_SCHEMA)


def _encode(words: pa.Array) -> tuple[np.ndarray, pa.Array]:
    """Return the place of each word among the distinct words, (n,), and these in order."""
    encoded = words.dictionary_encode()
    order = pc.sort_indices(encoded.dictionary)
    places = np.empty(len(order), np.int64)
    places[order.to_numpy()] = np.arange(len(order))
    return places[encoded.indices.to_numpy(zero_copy_only=False)], encoded.dictionary.take(order)


def _split_column(column: pa.ChunkedArray) -> tuple[pa.Array, np.ndarray, np.ndarray]:
    """Return the words of texts, of which protein each is, and whether it is the whole text; (n,) each."""
    texts = pc.fill_null(column, "").combine_chunks()
    if len(texts) == 0:
        return pa.array([], pa.string()), np.zeros(0, np.int64), np.zeros(0, bool)

    ends = np.frombuffer(texts.buffers()[1], np.int32)[texts.offset : texts.offset + len(texts) + 1]
    data = np.frombuffer(texts.buffers()[2] or b"", np.uint8)[ends[0] : ends[-1]]
    ends = (ends - ends[0]).astype(np.int64)
    letters = _LOWER[data]

    # Other letters than ASCII, and words beyond a key, are for Python: few texts have them.
    others = _owners(ends, np.flatnonzero(data >= 128))
    starts, lengths = _find_words(letters, ends)
    others = np.union1d(others, _owners(ends, starts[lengths > WORD_KEY_LETTERS]))
    if len(others):
        for i in others:
            letters[ends[i] : ends[i + 1]] = 0
        starts, lengths = _find_words(letters, ends)

    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    words = pa.StringArray.from_buffers(len(starts), pa.py_buffer(offsets), pa.py_buffer(letters[letters > 0]))
    owners = np.searchsorted(ends, starts, side="right") - 1
    is_whole = lengths == np.diff(ends)[owners]

    python_words = []
    for i in others.tolist():
        text = texts[i].as_py()
        for word in split_words(text):
            python_words += [(key, i, word == fold_case(text)) for key in word_keys(word)]
    if not python_words:
        return words, owners, is_whole
    more_words, more_owners, more_whole = zip(*python_words, strict=True)
    return (
        pa.concat_arrays([words, pa.array(more_words, pa.string())]),
        np.concatenate([owners, np.array(more_owners, np.int64)]),
        np.concatenate([is_whole, np.array(more_whole, bool)]),
    )


def _find_words(letters: np.ndarray, ends: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return where words begin in texts joined end to end, and their lengths; `letters` is 0 between words."""
    is_letter = letters > 0
    is_begin = is_letter.copy()
    is_begin[1:] &= ~is_letter[:-1]
    text_begins = ends[:-1][ends[:-1] < len(letters)]
    is_begin[text_begins] = is_letter[text_begins]

    starts = np.flatnonzero(is_begin)
    n_letters = np.concatenate([[0], np.cumsum(is_letter)])
    return starts, np.diff(np.append(n_letters[starts], n_letters[-1]))


def _owners(ends: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Return the texts, each once and in order, in which places lie."""
    return np.unique(np.searchsorted(ends, places, side="right") - 1)
