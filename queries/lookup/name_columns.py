"""The names of very many proteins compared with a text, column by column, as `find.py` compares them one by one.

Only names of ASCII letters are compared so: what a letter is, and which is its lower case, is then the same to all.
"""

from array import array
from collections.abc import Iterable, Mapping, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from attlas.queries.lookup.hits import FITS, NAME_COLUMNS, Hit
from attlas.queries.lookup.text_arrays import repeated_text, text_array
from attlas.schema.letter_case import fold_case
from attlas.schema.words import split_words

COLUMN_OF_FIT = dict(zip(("accession", "entry name", "gene", "whole name"), NAME_COLUMNS, strict=False))
"""The column that the whole text is, by the fit."""
_WORD_BEGIN, _BETWEEN_WORDS, _WORD_END = "(?:^|[^a-z0-9])", "[^a-z0-9]+", "(?:[^a-z0-9]|$)"
# Made by `pa.scalar`, they would import pandas where it is installed.
_EMPTY, _SPACE, _NULL = text_array(["", " ", None])


def split_ascii(names: pa.Table) -> tuple[pa.Table, list[int]]:
    """Return the names that are all of ASCII letters, and the rows of `proteins` of those that are not.

    `names` has the columns `row` and NAME_COLUMNS; of what is returned, none is null but `row` is as it was.
    """
    filled = [names["row"], *(pc.coalesce(names[column], _EMPTY) for column in NAME_COLUMNS)]
    names = pa.Table.from_arrays(filled, names=["row", *NAME_COLUMNS])
    is_ascii = pc.string_is_ascii(_join(names))
    return names.filter(is_ascii), names["row"].filter(pc.invert(is_ascii)).to_pylist()


def compare_columns(names: pa.Table, text: str) -> dict[str, pa.Table]:
    """Return the rows of names that fit a text, by the surest way in which they fit."""
    words, whole_text = split_words(text), text_array([fold_case(text.strip())])[0]
    names = names.append_column("folded", pc.ascii_lower(_join(names)))
    for word in words:
        names = names.filter(pc.match_substring(names["folded"], word))

    def fits(fit: str) -> pa.ChunkedArray:
        if fit in COLUMN_OF_FIT:
            return pc.equal(pc.ascii_lower(names[COLUMN_OF_FIT[fit]]), whole_text)
        if fit == "words of the name in order":
            return _has_phrase(pc.ascii_lower(names["description"]), words)
        return _has_words(names["folded"], words)

    rows_of_fit = {}
    for fit in (*COLUMN_OF_FIT, "words of the name in order", "words"):
        is_fit = fits(fit)
        rows_of_fit[fit] = names.filter(is_fit)
        names = names.filter(pc.invert(is_fit))
    rows_of_fit[FITS[-1]] = names
    return rows_of_fit


def sort_hits(rows_of_fit: Mapping[str, pa.Table], others: Sequence[Hit]) -> pa.Table:
    """Return hits as a table, with those that were compared one by one, the likeliest first; null for no name."""
    tables = []
    for fit in FITS:
        parts = [rows_of_fit[fit].select(["row", *NAME_COLUMNS])] if fit in rows_of_fit else []
        if others_that_fit := [hit for hit in others if hit.fit == fit]:
            parts.append(_table_of(others_that_fit))
        if parts:
            rows = pa.concat_tables(parts).combine_chunks()
            rows = rows.append_column("fit", repeated_text(fit, rows.num_rows))
            keys = pa.Table.from_arrays([pc.utf8_length(rows["description"]), rows["accession"]], names=["n", "name"])
            tables.append(rows.take(pc.sort_indices(keys, [("n", "ascending"), ("name", "ascending")])))
    hits = pa.concat_tables(tables)

    columns = [hits["row"]]
    columns += [pc.if_else(pc.equal(hits[column], _EMPTY), _NULL, hits[column]) for column in NAME_COLUMNS]
    return pa.Table.from_arrays([*columns, hits["fit"]], names=hits.column_names)


def _join(names: pa.Table) -> pa.ChunkedArray:
    """Return all names of each protein in one text."""
    return pc.binary_join_element_wise(*(names[column] for column in NAME_COLUMNS), _SPACE)


def _has_phrase(texts: pa.ChunkedArray, words: Iterable[str]) -> pa.ChunkedArray:
    return pc.match_substring_regex(texts, f"{_WORD_BEGIN}{_BETWEEN_WORDS.join(words)}{_WORD_END}")


def _has_words(texts: pa.ChunkedArray, words: Iterable[str]) -> pa.ChunkedArray:
    has_all, *has_each = [_has_phrase(texts, [word]) for word in words]
    for has_word in has_each:
        has_all = pc.and_(has_all, has_word)
    return has_all


def _table_of(hits: Sequence[Hit]) -> pa.Table:
    rows = pa.Array.from_buffers(pa.int64(), len(hits), [None, pa.py_buffer(array("q", [hit.row for hit in hits]))])
    texts = [text_array([getattr(hit, column) for hit in hits]) for column in NAME_COLUMNS]
    return pa.Table.from_arrays([rows, *texts], names=["row", *NAME_COLUMNS])
