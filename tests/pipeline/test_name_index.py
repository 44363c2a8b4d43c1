"""The index of names: sorted whatever the number of files, and as cheap to look into however many proteins."""

import json
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers.range_server import serving
from helpers.synthetic import SyntheticProtein, write_atlas

from attlas.pipeline.indexes.names import list_names, write_name_index
from attlas.queries import Atlas
from attlas.schema import NAMES, AtlasPaths, BrokenAtlasError, Manifest
from attlas.schema.index_tables import name_key
from attlas.schema.verify import find_problems

KINDS = ("accession", "entry_name", "gene", "md5", "crc64")


def _protein(i: int) -> SyntheticProtein:
    letters = "ACDEFGHIKL"
    sequence = "M" + "".join(letters[int(digit)] for digit in f"{i:07d}")
    return SyntheticProtein(f"A{i:06d}", sequence, f"GEN{i % 97}_{i}", f"gen{i % 97}", taxon_id=i % 3)


def _expected(proteins: list[dict[str, object]]) -> list[tuple[str, str, int]]:
    """Return (key, kind, row) of every name, by brute force."""
    names = [(name_key(str(p[kind])), kind, row) for row, p in enumerate(proteins) for kind in KINDS if p[kind]]
    return sorted(names)


@pytest.mark.parametrize("file_rows", [7, 100, 1 << 20])
def test_every_name_stands_in_the_index_once_in_order_in_whichever_number_of_files(
    tmp_path: Path, file_rows: int
) -> None:
    proteins = [
        *(_protein(i) for i in range(60)),
        SyntheticProtein("É1", "MKV", "ÉTÉ_X", "straße"),
        SyntheticProtein("W", "MKL"),
    ]
    write_atlas(tmp_path, proteins)
    paths = AtlasPaths(tmp_path)
    files = write_name_index(paths, [paths.proteins], metadata={}, file_rows=file_rows)

    rows = pa.concat_tables(pq.read_table(tmp_path / file.path) for file in files)
    stored = pq.read_table(paths.proteins).to_pylist()
    assert list(zip(*(rows[name].to_pylist() for name in NAMES.sort), strict=True)) == _expected(stored)
    assert rows["accession"].to_pylist() == [stored[row]["accession"] for row in rows["row"].to_pylist()]
    assert (len(files) > 1) == (file_rows < 300)

    # The manifest's ranges are those of the keys, and files that are no longer named are gone.
    keys = [pq.read_table(tmp_path / file.path)["key"].to_pylist() for file in files]
    assert [(file.first_key, file.last_key) for file in files] == [(part[0], part[-1]) for part in keys]
    assert {path.name for path in (tmp_path / "names").iterdir()} == {Path(file.path).name for file in files}
    assert not list(tmp_path.glob(".tmp*"))


def test_names_of_ascii_and_of_other_letters_have_the_key_that_a_lookup_makes() -> None:
    texts = ["TP53", "straße", "ÉTÉ", "x" * 100, "É" * 100, "İ", ""]
    nulls = pa.nulls(len(texts), pa.string())
    for part in (texts, texts[:1], texts[3:4]):
        columns = {"accession": pa.array(part), "gene": nulls[: len(part)], "entry_name": nulls[: len(part)]}
        columns |= {"md5": nulls[: len(part)], "crc64": nulls[: len(part)], "status": pa.array(["ok"] * len(part))}
        columns |= {name: pa.nulls(len(part), pa.int32()) for name in ("taxon_id", "sequence_id")}
        rows = list_names(pa.table(columns), 5)
        assert rows["key"].to_pylist() == [name_key(text) for text in part if text]
        assert rows["row"].to_pylist() == [5 + i for i, text in enumerate(part) if text]


def test_an_index_of_many_files_answers_as_one_of_one_file(tmp_path: Path) -> None:
    proteins = [_protein(i) for i in range(120)]
    write_atlas(tmp_path, proteins)
    with Atlas.open(tmp_path) as atlas:
        ids = ["A000050", "a000050", "GEN50_50", "gen50", "gen96", "GEN5", "A00005", "nobody", "zz", "0"]
        ids += [atlas.protein("A000007")["md5"][0].as_py(), "A000007.1", "A000007-2"]
        expected = [atlas.match(id) for id in ids]
        assert expected == atlas.matches(ids)

    # The same names, cut into files of some fifty.
    paths, manifest = AtlasPaths(tmp_path), Manifest.read(AtlasPaths(tmp_path))
    files = write_name_index(paths, [paths.proteins], metadata={}, file_rows=50)
    assert len(files) > 8
    _rewrite(paths, manifest, files)
    with Atlas.open(tmp_path) as atlas:
        assert atlas.match("gen 7").close == ("gen17",)  # of very many names, the neighbours are compared
        assert [atlas.match(id) for id in ids] == expected
        assert atlas.matches(ids) == expected
        assert not find_problems(paths, atlas.manifest)


def _rewrite(paths: AtlasPaths, manifest: Manifest, names: list) -> None:
    others = [file for file in manifest.files if file.table != NAMES.name]
    replace(manifest, files=(*others, *names)).write(paths)


@pytest.mark.thorough
def test_the_cost_of_a_lookup_behind_a_url_does_not_grow_with_the_proteins(tmp_path: Path) -> None:
    """Five requests at most find the sequence of an id of any kind; twenty times the proteins cost no more."""
    costs = {}
    for n in (500, 10_000):
        root = tmp_path / str(n)
        write_atlas(root, [_protein(i) for i in range(n)], n_layers=1, n_heads=1, n_shards=1)
        paths = AtlasPaths(root)
        _rewrite(paths, Manifest.read(paths), write_name_index(paths, [paths.proteins], metadata={}, file_rows=2_500))
        md5 = pq.read_table(paths.proteins)["md5"][300].as_py()
        with serving(root) as server:
            for id in ("A000300", "GEN9_300", md5, "nobody-like-this"):
                server.forget()
                with Atlas.open(server.url) as atlas:
                    assert bool(atlas.match(id).rows) == (id != "nobody-like-this")
                by_path = [(path, size) for path, size in server.requests if path.startswith("names/")]
                costs[n, id] = len(server.requests), sum(size for _, size in by_path)
                assert not [path for path, _ in server.requests if path.startswith("proteins/")]
    for (n, id), (n_requests, n_bytes) in costs.items():
        assert n_requests <= 5, (n, id)
        assert n_bytes < 1.5 * costs[500, id][1] + 100_000, costs


def test_an_atlas_without_the_index_is_refused_with_what_to_do(tmp_path: Path) -> None:
    write_atlas(tmp_path, [_protein(1)])
    values = json.loads((tmp_path / "manifest.json").read_text())
    assert [file["table"] for file in values["files"]].count(NAMES.name) == 1
    _rewrite(AtlasPaths(tmp_path), Manifest.read(AtlasPaths(tmp_path)), [])
    with Atlas.open(tmp_path) as atlas, pytest.raises(BrokenAtlasError, match="names no file of the index `names`"):
        atlas.sites("A000001")
