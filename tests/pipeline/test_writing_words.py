"""The index of words as it is written: every word of every protein once, at its best rank, in whichever files."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers.synthetic import SyntheticProtein, write_atlas
from hypothesis import given, settings
from hypothesis import strategies as st

from attlas.pipeline.indexes.words import READ_COLUMNS, list_words, sort_words, write_word_index
from attlas.schema import WORDS, AtlasPaths
from attlas.schema.index_tables import WORD_RANKS
from attlas.schema.words import split_words, word_keys

NAMES = (None, "", "kinase", "DNA-kinase I", "Kinase", "_a_B", "ÉTÉ straße", "x" * 70, "1.2", "İ", "kinase kinase")


def _expected(proteins: list[dict[str, str | None]]) -> list[tuple[str, int, int]]:
    """Return (key, rank, row) of every word, by brute force."""
    best: dict[tuple[str, int], int] = {}
    for row, names in enumerate(proteins):
        letters = len(names["description"] or "")
        for column in READ_COLUMNS:
            name = names[column] or ""
            for word in split_words(name):
                is_id = column in ("accession", "entry_name", "gene") and word == name.casefold()
                kind = 0 if is_id else 1 if column == "description" else 2
                for key in word_keys(word):
                    rank = kind * WORD_RANKS + letters
                    best[key, row] = min(rank, best.get((key, row), rank))
    return sorted((key, rank, row) for (key, row), rank in best.items())


def _rows(table: pa.Table) -> list[tuple[str, int, int]]:
    return list(zip(*(table[name].to_pylist() for name in WORDS.sort), strict=True))


@pytest.mark.thorough
@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(*[st.sampled_from(NAMES) | st.text(max_size=8)] * len(READ_COLUMNS)), max_size=12))
def test_every_word_of_a_batch_stands_once_at_its_best_rank(values: list[tuple[str | None, ...]]) -> None:
    rows = [dict(zip(READ_COLUMNS, names, strict=True)) for names in values]
    proteins = pa.table({name: pa.array([row[name] for row in rows], pa.string()) for name in READ_COLUMNS})
    words = list_words(proteins, 0)
    assert _rows(words) == _expected(rows)
    later = list_words(proteins, len(rows))
    merged = [*_expected(rows), *((key, rank, row + len(rows)) for key, rank, row in _expected(rows))]
    assert _rows(sort_words(pa.concat_tables([words, later]))) == sorted(merged)


@pytest.mark.parametrize("file_rows", [20, 1 << 20])
def test_the_words_are_the_same_in_whichever_number_of_files(tmp_path: Path, file_rows: int) -> None:
    proteins = [
        SyntheticProtein(
            f"A{i:03d}", "MKV", f"GEN_{i}", NAMES[i % 11], organism="Homo sapiens", description=NAMES[i % 7]
        )
        for i in range(60)
    ]
    write_atlas(tmp_path, proteins, n_layers=1, n_heads=1, n_shards=1)
    paths = AtlasPaths(tmp_path)
    files = write_word_index(paths, [paths.proteins], metadata={}, file_rows=file_rows)
    stored = pq.read_table(paths.proteins, columns=list(READ_COLUMNS)).to_pylist()
    rows = pa.concat_tables(pq.read_table(tmp_path / file.path) for file in files)
    assert _rows(rows) == _expected(stored)
    assert (len(files) > 1) == (file_rows < 300)
    assert not list(tmp_path.glob(".tmp*"))
