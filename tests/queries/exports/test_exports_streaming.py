"""Exports are streamed: a chunk of proteins at a time, in bytes that do not depend on its size, in bounded memory."""

import io
import tracemalloc
from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
import pytest
from helpers.default_cases import each_nth_by_default
from helpers.export_readers import READERS, SEQUENCES, exported
from helpers.reading_case import random_sequence
from helpers.synthetic import SyntheticProtein, write_atlas

from attlas.queries import Atlas
from attlas.queries.exports import EVERY_PROTEIN, EXPORTS, Request, rows

pytestmark = pytest.mark.slow


class Ear(io.RawIOBase):
    """A sink that forgets what it is given, and notes that it was."""

    def __init__(self, heard: list[str]) -> None:
        self.heard = heard

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]
        self.heard.append("write")
        return len(data)


@pytest.mark.parametrize("format", each_nth_by_default([*READERS, "coverage"], 3))
def test_a_chunk_is_written_before_the_next_is_asked_for(
    atlas: Atlas, format: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[str] = []
    stream = atlas.stream

    def listening(
        query: str, params: Mapping[str, object] | None = None, **options: float | None
    ) -> pa.RecordBatchReader:
        heard.append("ask" if params and "located" in query else "other")
        return stream(query, params, **options)

    monkeypatch.setattr(rows, "CHUNK_PROTEINS", 4)
    monkeypatch.setattr(atlas, "stream", listening)
    EXPORTS[format].write(atlas, EVERY_PROTEIN, Ear(heard))
    assert heard.count("ask") >= 5
    begin, end = heard.index("ask"), len(heard) - 1 - heard[::-1].index("ask")
    assert "write" in heard[begin:end]


@pytest.fixture(scope="module")
def crowds(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two atlases that differ in nothing but their number of proteins, ten times as many."""
    roots = tmp_path_factory.mktemp("few") / "atlas", tmp_path_factory.mktemp("many") / "atlas"
    for root, n in zip(roots, (100, 1_000), strict=True):
        proteins = [SyntheticProtein(f"M{i:05d}", random_sequence(30, i), description="x" * 200) for i in range(n)]
        write_atlas(root, proteins, n_layers=1, n_heads=1)
    return roots


@pytest.mark.thorough
@pytest.mark.parametrize("format", ["gff3", "fasta", "csv", "jsonl"])
def test_memory_does_not_grow_with_the_number_of_proteins(
    crowds: tuple[Path, Path], format: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows, "CHUNK_PROTEINS", 50)
    peaks = []
    for root in crowds:
        with Atlas.open(root) as atlas:
            EXPORTS[format].write(atlas, Request(("M00001",)), Ear([]))  # imports and connects
            tracemalloc.start()
            EXPORTS[format].write(atlas, EVERY_PROTEIN, Ear([]))
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
    assert peaks[1] < 1.3 * peaks[0] + 100_000, f"{peaks[0]:,} bytes for 100 proteins, {peaks[1]:,} for 1,000"


# One of each kind of rows.
@pytest.mark.parametrize("format", ["jsonl", "csv"])
@pytest.mark.thorough
def test_chunks_of_any_size_give_the_same_bytes(atlas: Atlas, format: str, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, selection = exported(atlas, format), exported(atlas, format, sorted(SEQUENCES)[3:11])
    for size in (1, 5, len(SEQUENCES), len(SEQUENCES) + 1):
        monkeypatch.setattr(rows, "CHUNK_PROTEINS", size)
        assert exported(atlas, format) == whole
        assert exported(atlas, format, sorted(SEQUENCES)[3:11]) == selection
