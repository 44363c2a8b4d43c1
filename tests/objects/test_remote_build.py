"""A build in an object store: the objects are those of a local build, whatever fails on the way."""

import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers.building import build_here, digests, random_proteins, write_fasta
from helpers.command_line import Run
from helpers.dask_workers import open_scheduler
from helpers.faulty_proxy import Failure, FaultyProxy

from attlas.pipeline import remote_build
from attlas.pipeline.drafting import Options
from attlas.pipeline.mirror import KIND
from attlas.pipeline.object_store import ObjectStore
from attlas.schema import EnvironmentFault, Manifest, PlanError

Build = Callable[..., Manifest]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return proteins of which a build makes a few shards."""
    path = tmp_path_factory.mktemp("input") / "in.fasta"
    return write_fasta(path, random_proteins([300 + 20 * (i % 16) for i in range(24)]))


@pytest.fixture(scope="module")
def local(source: Path, tiny_esm: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the atlas of a build in a directory."""
    out = tmp_path_factory.mktemp("local") / "atlas"
    build_here(source, out, tiny_esm)
    return out


@pytest.fixture
def build(store: ObjectStore, source: Path, tiny_esm: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Build:
    """Return a function that builds into the store, in this process."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr("attlas.pipeline.object_store.FIRST_WAIT_S", 0.01)

    def run(fasta: Path = source, **options: object) -> Manifest:
        settings = Options(str(tiny_esm), device="cpu")
        defaults = {"progress": lambda plan, shards: lambda event: None, "n_workers": 0}
        return remote_build.build(str(fasta), store.url, settings, **{**defaults, **options})

    return run


def assert_same_objects(store: ObjectStore, local: Path) -> None:
    """Compare every object with the file of a local build: tables byte for byte, the others by name."""
    names = {path.relative_to(local).as_posix() for path in local.rglob("*") if path.is_file()}
    assert set(store.list_sizes("")) == names - {".lock"}
    for name, sha256 in digests(local).items():
        stored = store.describe(name)
        assert stored is not None
        assert stored.sha256 == sha256, name


def test_the_objects_of_a_build_are_the_files_of_a_local_one(
    store: ObjectStore, build: Build, local: Path, tmp_path: Path
) -> None:
    manifest = build()
    assert_same_objects(store, local)
    assert Manifest.parse(store.get("manifest.json") or b"", source="the store") == manifest
    assert list(tmp_path.glob(f"{KIND}*")) == []
    assert build() == manifest


def test_a_build_goes_on_where_the_store_failed(
    store: ObjectStore, build: Build, proxy: FaultyProxy, local: Path
) -> None:
    puts = [0]

    def down_after_some_puts(method: str, path: str) -> Failure | None:
        puts[0] += method == "PUT"
        return Failure("busy") if puts[0] > 9 else None

    proxy.choose = down_after_some_puts
    with pytest.raises(EnvironmentFault, match="The object store does not answer"):
        build()
    proxy.choose = lambda method, path: None
    finished = set(store.list_sizes("receipts/"))
    assert finished
    computed: list[int] = []
    build(progress=lambda plan, shards: computed.extend(s.index for s in shards) or (lambda event: None))
    assert finished.isdisjoint(f"receipts/shard-{index:05d}.json" for index in computed)
    assert_same_objects(store, local)


@pytest.mark.parametrize("seed", range(3))
def test_a_build_ends_well_where_a_fifth_of_all_answers_fails(
    store: ObjectStore, build: Build, proxy: FaultyProxy, local: Path, seed: int
) -> None:
    choose = random.Random(seed)
    failures = [Failure("busy"), Failure("lost"), Failure("slow", 0.1)]
    proxy.choose = lambda method, path: choose.choice(failures) if choose.random() < 0.2 else None
    build()
    proxy.choose = lambda method, path: None
    assert sum(request[2] is not None for request in proxy.requests) > 10
    assert_same_objects(store, local)


def test_another_input_is_refused_and_changes_nothing(
    store: ObjectStore, build: Build, local: Path, tmp_path: Path
) -> None:
    build()
    other = write_fasta(tmp_path / "other.fasta", random_proteins([50], seed=5))
    with pytest.raises(PlanError, match="has another input, model or rule"):
        build(other)
    assert_same_objects(store, local)


def test_a_plan_that_another_process_stored_meanwhile_is_not_replaced(
    store: ObjectStore, build: Build, tiny_esm: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other" / "plan.json"
    build_here(write_fasta(tmp_path / "other.fasta", random_proteins([50], seed=5)), other.parent, tiny_esm)
    make_plan = remote_build.make_plan

    def while_another_plans(*arguments: object, **options: object) -> object:
        store.put("plan.json", other)
        return make_plan(*arguments, **options)

    monkeypatch.setattr(remote_build, "make_plan", while_another_plans)
    with pytest.raises(PlanError, match=rf"The build in {store.url} has another input(.|\n)*input: other\.fasta"):
        build()
    assert store.list_sizes("") == {"plan.json": other.stat().st_size}


def test_a_plan_that_was_not_stored_to_its_end_is_stored_again(
    store: ObjectStore, build: Build, proxy: FaultyProxy, local: Path
) -> None:
    proxy.choose = lambda method, path: Failure("busy") if method == "PUT" and "plan/shards" in path else None
    with pytest.raises(EnvironmentFault, match=r"plan/shards\.parquet"):
        build()
    proxy.choose = lambda method, path: None
    with pytest.raises(PlanError, match="holds no complete plan"):
        remote_build.seal_store(store.url)
    build()
    assert_same_objects(store, local)


def test_damaged_objects_of_a_sealed_atlas_are_computed_again(
    store: ObjectStore, build: Build, local: Path, tmp_path: Path
) -> None:
    manifest = build()
    damaged = tmp_path / "damaged"
    size = store.list_sizes("")["sites/shard-00002.parquet"]
    damaged.write_bytes(b"x" * size)
    store.put("sites/shard-00002.parquet", damaged)
    computed: list[int] = []
    again = build(progress=lambda plan, shards: computed.extend(s.index for s in shards) or (lambda event: None))
    assert computed == [2]
    assert again.version == manifest.version + 1
    assert_same_objects(store, local)


def test_the_verbs_take_a_store_in_place_of_a_directory(
    store: ObjectStore, source: Path, tiny_esm: Path, local: Path, attlas: Run, tmp_path: Path
) -> None:
    url = store.url
    assert attlas("encode", url).code == 1
    planned = attlas("plan", source, "--out", url, "--model", tiny_esm, "--device", "cpu")
    assert planned.code == 0, planned.err
    assert f"next: attlas encode {url}" in planned.err
    assert '"state": "unfinished"' in attlas("status", url, "--json").out
    assert attlas("encode", url, "--part", "0/2", "--workers", 0).code == 0
    unfinished = attlas("seal", url)
    assert unfinished.code == 1
    assert "shards are not done" in unfinished.err
    assert attlas("encode", url, "--workers", 0).code == 0
    assert "ready to seal" in attlas("status", url).out
    sealed = attlas("seal", url)
    assert sealed.code == 0, sealed.err
    assert "24 ok" in sealed.out
    assert_same_objects(store, local)
    assert "whole" in attlas("verify", url).out
    assert attlas("show", url, "P00003").code == 0
    assert not Path("s3:").exists()


def test_workers_that_do_not_see_the_working_copy_make_their_own(
    store: ObjectStore, build: Build, local: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_scheduler(1) as address:
        monkeypatch.setattr(remote_build.Path, "is_file", os.path.isfile)
        build(scheduler=address, n_workers=None)
    assert_same_objects(store, local)


def test_other_urls_and_links_are_refused(attlas: Run, source: Path, tiny_esm: Path) -> None:
    other = attlas("build", source, "--out", "gs://bucket/x", "--model", tiny_esm)
    assert other.code == 1
    assert "expected: a directory, or s3://BUCKET/PREFIX" in other.err
    links = attlas("build", source, "--out", "s3://bucket/x", "--model", tiny_esm, "--links")
    assert links.code == 2
    assert not Path("gs:").exists()
