"""Vectors pooled while a build runs: those of the pass; the other tables are the same, however it is stopped."""

import json
import pickle
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from helpers.architectures import load
from helpers.building import assert_whole, build_here, digests, random_proteins, write_fasta
from helpers.default_cases import each_nth_by_default
from helpers.known_protein import KNOWN_PROTEIN
from helpers.passes_here import add_vectors_here, refuse_to_compute
from helpers.sealed_atlas import read_manifest
from helpers.vector_builds import build_with_vectors, make_vector_task

from attlas.pipeline.encoder.encoder import Encoder
from attlas.pipeline.encoder.reductions import find_kernels
from attlas.pipeline.part_limits import PartLimits
from attlas.pipeline.shard import encode_shard
from attlas.pipeline.vectors.pooling import PoolHidden
from attlas.pipeline.workers.runners import EncodeTask
from attlas.schema import AtlasPaths, InputError

pytestmark = pytest.mark.slow

VECTORS = "cls,mean,eos,segments"
PROTEINS = random_proteins([300] * 12 + [36, 9, 1]) | {"C1": "MK*LV"}


def pool_and_build(source: Path, out: Path, model: Path) -> None:
    build_with_vectors(source, out, model, vectors=VECTORS)


def embed(out: Path, *, progress: Callable = refuse_to_compute):
    return add_vectors_here(out, vectors=VECTORS, progress=progress)


def embed_by_pass(out: Path) -> list[int]:
    """Add vectors, and return the shards that the pass computed."""
    computed: list[int] = []
    embed(out, progress=lambda plan, shards: computed.extend(s.index for s in shards) or (lambda event: None))
    return computed


def select(files: dict[str, str], *, of_vectors: bool) -> dict[str, str]:
    return {path: digest for path, digest in files.items() if path.startswith("vectors/") == of_vectors}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_fasta(tmp_path_factory.mktemp("source") / "p.fasta", PROTEINS)


@pytest.fixture(scope="module")
def plain(source: Path, tiny_esm: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An atlas whose vectors are those of a pass."""
    out = tmp_path_factory.mktemp("plain") / "atlas"
    build_here(source, out, tiny_esm)
    assert len(embed_by_pass(out)) > 1
    return out


@pytest.fixture(scope="module")
def whole(source: Path, tiny_esm: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An atlas whose vectors were pooled while it was built."""
    out = tmp_path_factory.mktemp("whole") / "atlas"
    pool_and_build(source, out, tiny_esm)
    embed(out)
    return out


def test_a_build_with_vectors_leaves_nothing_to_the_pass_and_its_other_tables_are_the_same(
    plain: Path, whole: Path
) -> None:
    assert_whole(whole)
    assert select(digests(whole), of_vectors=False) == select(digests(plain), of_vectors=False)
    assert read_manifest(whole).atlas_id == read_manifest(plain).atlas_id
    assert not AtlasPaths(whole).parts.exists()

    before = digests(whole)
    embed(whole)
    assert digests(whole) == before


def test_names_metadata_and_receipts_are_those_of_the_pass(plain: Path, whole: Path) -> None:
    files, same_files = (read_manifest(out).files.of_tables(["vectors"]) for out in (plain, whole))
    assert [(file.path, file.n_rows) for file in files] == [(file.path, file.n_rows) for file in same_files]
    for file in files:
        assert pq.read_schema(plain / file.path).metadata == pq.read_schema(whole / file.path).metadata

    for path in sorted((plain / "receipts").glob("vectors-*.json")):
        receipt, same = (json.loads(file.read_text()) for file in (path, whole / "receipts" / path.name))
        for name in ("index", "plan_id", "n_sequences", "n_failed", "n_residues", "predicted_bytes"):
            assert receipt[name] == same[name], name


def test_vectors_are_those_of_the_pass_to_the_last_digits_of_float32(plain: Path, whole: Path) -> None:
    for file in read_manifest(plain).files.of_tables(["vectors"]):
        rows, same = pq.read_table(plain / file.path), pq.read_table(whole / file.path)
        assert rows.drop_columns("vector").equals(same.drop_columns("vector"))
        vectors, same_vectors = (pc.list_flatten(table["vector"]).to_numpy() for table in (rows, same))
        assert np.abs(vectors).max() > 0.1
        np.testing.assert_allclose(same_vectors, vectors, rtol=0, atol=1e-5)


@pytest.mark.thorough
def test_a_pass_that_attends_as_the_build_does_has_its_vectors_to_the_last_bit(
    source: Path, whole: Path, tiny_esm: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reduce = find_kernels("tiled").reduce
    monkeypatch.setattr("attlas.pipeline.vectors.embedding.reduce_nothing", lambda _: reduce)
    build_here(source, tmp_path / "atlas", tiny_esm)
    embed_by_pass(tmp_path / "atlas")
    assert select(digests(tmp_path / "atlas"), of_vectors=True) == select(digests(whole), of_vectors=True)


@pytest.mark.parametrize("n_packs", [1, 3])
def test_a_build_that_was_stopped_goes_on_to_the_same_bytes(
    source: Path, whole: Path, tiny_esm: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, n_packs: int
) -> None:
    started: list[int] = []
    start = Encoder.start

    def stop(self: Encoder, pack: list[str], **options: object) -> object:
        if KNOWN_PROTEIN not in pack and "add_hidden" in options:
            started.append(len(pack))
            if len(started) > n_packs:
                raise KeyboardInterrupt
        return start(self, pack, **options)

    out = tmp_path / "atlas"
    with monkeypatch.context() as patched:
        patched.setattr(Encoder, "start", stop)
        with pytest.raises(KeyboardInterrupt):
            pool_and_build(source, out, tiny_esm)
    pool_and_build(source, out, tiny_esm)
    embed(out)
    assert digests(out) == digests(whole)


@pytest.mark.thorough
def test_a_shard_built_without_vectors_is_computed_by_the_pass_and_no_other(
    source: Path, whole: Path, tiny_esm: Path, tmp_path: Path
) -> None:
    out = tmp_path / "atlas"
    build_here(source, out, tiny_esm)
    paths = AtlasPaths(out)
    paths.manifest.unlink()
    paths.receipt(1).unlink()
    pool_and_build(source, out, tiny_esm)
    computed = embed_by_pass(out)
    assert computed == list(range(2, len(computed) + 2))
    assert computed != []
    assert_whole(out)
    assert select(digests(out), of_vectors=True).keys() == select(digests(whole), of_vectors=True).keys()


@pytest.mark.parametrize("damage", ["record", "rows"])
def test_rows_that_a_build_kept_and_that_are_damaged_are_computed_by_the_pass(
    source: Path, tiny_esm: Path, tmp_path: Path, damage: str
) -> None:
    out = tmp_path / "atlas"
    pool_and_build(source, out, tiny_esm)
    folders = sorted(AtlasPaths(out).parts.glob("vectors-*"))
    assert len(folders) > 1
    (damaged,) = folders[0].glob("*.json" if damage == "record" else "*.arrow")
    data = damaged.read_bytes()
    damaged.write_bytes(data[:-9] + bytes([data[-9] ^ 1]) + data[-8:] if damage == "rows" else data[:-9])
    assert embed_by_pass(out) == [1]
    assert_whole(out)
    assert not AtlasPaths(out).parts.exists()


def test_other_settings_take_nothing_of_what_a_build_kept_and_remove_it(
    source: Path, tiny_esm: Path, tmp_path: Path
) -> None:
    out = tmp_path / "atlas"
    pool_and_build(source, out, tiny_esm)
    added = add_vectors_here(out, vectors="mean")
    assert added.n_vectors == len(PROTEINS) - 1
    assert not AtlasPaths(out).parts.exists()


def test_vectors_that_are_not_finite_are_looked_at_again_by_the_pass(
    source: Path, tiny_esm: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stacked = PoolHidden.stack_vectors

    def spoil(self: PoolHidden) -> np.ndarray:
        vectors = stacked(self)
        vectors[[len(places) == 38 for places in self.places]] = np.nan
        return vectors

    out = tmp_path / "atlas"
    with monkeypatch.context() as patched:
        patched.setattr(PoolHidden, "stack_vectors", spoil)
        pool_and_build(source, out, tiny_esm)
    assert read_manifest(out).counts.n_failed == 0
    assert len(embed_by_pass(out)) == 1
    assert embed(out).failed == ()


@pytest.mark.thorough
def test_beside_the_kernels_of_a_gpu_vectors_leave_the_attention_as_it_is(
    tiny_esm: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In Triton's interpreter, with a stand-in for flash attention: where there are values, other last digits."""
    triton_pass = pytest.importorskip("attlas.pipeline.attention.triton_pass")
    for setting in ("N_KNOWN_RESIDUES", "N_NEIGHBOUR_RESIDUES"):
        monkeypatch.setattr(f"attlas.pipeline.encoder.guard.{setting}", 20)  # the interpreter is slow
    softmax = triton_pass._compute_softmax

    def attend_by_flash(inputs, **options: object) -> object:
        result = softmax(inputs, **options)
        return result if inputs.v is None else result._replace(mass=result.mass + 1e-5)

    monkeypatch.setattr(triton_pass, "_compute_softmax", attend_by_flash)
    by_device, by_host = (load(tiny_esm, attention=attention) for attention in ("triton", "tiled"))
    task = make_vector_task(("mean", "cls"), (0, 1), width=32)
    pack = ["MKWVTFISLLFLFSSAYS", "MK"]
    plain, vector_answers, expected = (
        by_device.encode(pack),
        task.begin_with_attention(by_device, pack)(),
        task.begin_with_attention(by_host, pack)(),
    )
    for attention, same, of_host in zip(plain, vector_answers, expected, strict=True):
        np.testing.assert_array_equal(same.heads, attention.heads)
        np.testing.assert_array_equal(same.received, attention.received)
        np.testing.assert_allclose(same.vectors, of_host.vectors, rtol=0, atol=1e-4)


def test_a_build_is_refused_vectors_that_there_are_none_of_before_it_begins(
    source: Path, tiny_esm: Path, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="no such kind of vector"):
        build_with_vectors(source, tmp_path / "atlas", tiny_esm, vectors="max", progress=refuse_to_compute)
    assert not (tmp_path / "atlas").exists()


def test_the_memory_of_vectors_is_foretold() -> None:
    task = make_vector_task(("mean",), (5,), width=320)
    assert task.predict_bytes(10) == 3 * 10 * 4 * 320
    assert task.predict_bytes(100_000) == 3 * 4_096 * 4 * 320


@pytest.mark.parametrize("is_begun_with_vectors", each_nth_by_default([True, False], 2))
def test_a_shard_stopped_between_its_parts_keeps_their_vectors_if_all_have_them(
    source: Path,
    whole: Path,
    tiny_esm: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    is_begun_with_vectors: bool,
) -> None:
    monkeypatch.setattr("attlas.pipeline.shard.encode_shard", partial(encode_shard, limits=PartLimits(1, 1)))
    start, started = Encoder.start, []

    def stop(self: Encoder, pack: list[str], **options: object) -> object:
        if KNOWN_PROTEIN not in pack:
            started.append(pack)
            if len(started) == 2:  # of the cheapest shard, which has two
                raise KeyboardInterrupt
        return start(self, pack, **options)

    out = tmp_path / "atlas"
    with monkeypatch.context() as patched:
        patched.setattr(Encoder, "start", stop)
        with pytest.raises(KeyboardInterrupt):
            (pool_and_build if is_begun_with_vectors else build_here)(source, out, tiny_esm)
    (closed,) = AtlasPaths(out).parts.glob("shard-*/*.json")

    pool_and_build(source, out, tiny_esm)
    stopped_shard = int(closed.parent.name.removeprefix("shard-"))
    assert embed_by_pass(out) == ([] if is_begun_with_vectors else [stopped_shard])
    assert_whole(out)
    if is_begun_with_vectors:
        assert digests(out) == digests(whole)


def test_the_settings_of_vectors_reach_workers() -> None:
    task = EncodeTask(vectors=make_vector_task(("mean",), (5,), width=320))
    without_one = pickle.loads(pickle.dumps(task)).without({3: "it ends its process"})
    assert without_one == EncodeTask(vectors=task.vectors, failed={3: "it ends its process"})
