"""Proteins of a large atlas, read by parts of the footer: the same rows, and of the footer nothing."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from helpers.footer_case import cutting_proteins, reading_by_parts
from helpers.range_server import Server, serving
from helpers.reading_case import random_sequence
from helpers.synthetic import SyntheticProtein, write_atlas

from attlas.queries import Atlas
from attlas.queries.answers.one_id import Answer, answer_id
from attlas.queries.lookup import protein_groups
from attlas.schema import PROTEINS, AtlasPaths, BrokenAtlasError, Manifest
from attlas.schema.verify import find_problems

N_PROTEINS = 170
ACCESSIONS = [f"A{i:04d}" for i in range(N_PROTEINS)]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An atlas whose `proteins` has 57 row groups, and a footer in parts."""
    root = tmp_path_factory.mktemp("parts") / "atlas"
    proteins = [
        SyntheticProtein(accession, "MKV" + "ACDEFGHIKL"[i % 10] * (i + 1), gene=f"gen{i}", description="kinase")
        for i, accession in enumerate(ACCESSIONS)
    ]
    with cutting_proteins(3):
        write_atlas(root, proteins, n_layers=1, n_heads=1, n_shards=1)
    assert not find_problems(AtlasPaths(root), Manifest.read(AtlasPaths(root)))
    return root


@pytest.fixture
def with_parts(root: Path) -> Iterator[Path]:
    """The same to a reader that takes no footer for a small one."""
    with reading_by_parts():
        yield root


@pytest.fixture
def server(with_parts: Path) -> Iterator[Server]:
    with serving(with_parts) as server:
        yield server


def _read(place: str | Path) -> list[object]:
    """Return the answers of an atlas by everything that reads `proteins`."""
    with Atlas.open(place) as atlas:
        rows = atlas.protein_rows([4, 169, 0, 4])
        proteins = [atlas.protein(accession).to_pylist() for accession in ("A0000", "A0085", "A0169")]
        return [rows.to_pylist(), rows.schema.names, proteins, atlas.find("gen7 kinase").to_pylist(),
                atlas.protein_rows([]).num_rows, atlas.match("A0170").close]  # fmt: skip


def test_lookups_by_parts_answer_as_by_the_footer(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    by_footer = _read(root)
    monkeypatch.setattr(protein_groups, "SMALL_TAIL_BYTES", 0)
    monkeypatch.setattr(protein_groups.FooterGroups, "__init__", None)  # the footer is not read
    assert _read(root) == by_footer


def test_a_lookup_behind_a_url_reads_neither_the_footer_nor_other_row_groups(server: Server, with_parts: Path) -> None:
    (file,) = Manifest.read(AtlasPaths(with_parts)).of_table(PROTEINS)
    with Atlas.open(with_parts) as near, Atlas.open(server.url) as far:
        for accession in ("A0003", "A0168"):
            assert far.protein(accession).equals(near.protein(accession))
    n_bytes = sum(n for path, n in server.requests if path == file.path)
    assert file.n_bytes > file.tail_bytes > n_bytes


def test_a_bit_flipped_in_what_is_read_is_noticed(server: Server) -> None:
    with Atlas.open(server.url) as far:
        far.protein("A0085")
    paths = [path for path, _ in server.requests]
    assert "proteins/proteins.parquet" in paths

    for number, path in enumerate(paths):
        server.behave()
        server.flip = (number, 0.5)
        with pytest.raises(BrokenAtlasError, match=path), Atlas.open(server.url) as far:
            far.protein("A0085")


@pytest.mark.parametrize("name", [b"\xeerganism", b"irganism"])
def test_a_damaged_name_of_a_column_is_a_damaged_file(with_parts: Path, tmp_path: Path, name: bytes) -> None:
    copy = tmp_path / "atlas"
    shutil.copytree(with_parts, copy)
    path = AtlasPaths(copy).proteins
    path.write_bytes(path.read_bytes().replace(b"organism", name))
    with pytest.raises(BrokenAtlasError, match="cannot be read"), Atlas.open(copy) as atlas:
        answer_id(atlas, "A0085")


def test_an_index_that_tells_of_another_file_is_not_believed(root: Path, tmp_path: Path) -> None:
    """As if `proteins` was written anew and the indexes were not: rows are read by the footer."""
    copy = tmp_path / "atlas"
    shutil.copytree(root, copy)
    paths, manifest = AtlasPaths(copy), Manifest.read(AtlasPaths(root))
    (file,) = manifest.of_table(PROTEINS)
    others = [other for other in manifest.files if other.table != PROTEINS.name]
    replace(manifest, files=(replace(file, tail_sha256="0" * 64), *others)).write(paths)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(protein_groups, "SMALL_TAIL_BYTES", 0)
        by_parts = _read(root)
        patch.setattr(protein_groups.PartGroups, "__init__", None)  # the parts are not read
        assert _read(copy) == by_parts


def test_an_answer_behind_a_url_reads_no_sequences_of_other_proteins(tmp_path: Path) -> None:
    """The sequences of a row group, of 4,096 proteins, are a megabyte; the letters of one stand in `residues`."""
    computed = [SyntheticProtein(f"B{i:02}", random_sequence(2_000, i)) for i in range(40)]
    other = [
        SyntheticProtein("C1", random_sequence(30, 41), status="failed", reason="out of memory"),
        SyntheticProtein("C2", "MK*LV", status="skipped", reason="inner `*`"),
    ]
    write_atlas(tmp_path, [*computed, *other], n_layers=1, n_heads=1)
    with serving(tmp_path) as server, Atlas.open(server.url) as far:
        (answer,) = answer_id(far, "B07")
        assert isinstance(answer, Answer)
        assert answer.protein.sequence == computed[7].sequence
        (file,) = far.manifest.of_table(PROTEINS)
        assert sum(n for path, n in server.requests if path == file.path) < file.n_bytes / 2
        texts = [a.protein.sequence for name in ("C1", "C2") for a in answer_id(far, name) if isinstance(a, Answer)]
        assert texts == [protein.sequence for protein in other]
