"""Builds in an object store that several machines and long-lived workers share; the store is a folder here."""

import json
import shutil
import sys
from pathlib import Path

import pytest
from helpers import folder_store
from helpers.building import build_here, digests, random_proteins, write_fasta
from helpers.folder_store import FolderStore

from attlas.pipeline import mirror, remote_build
from attlas.pipeline.drafting import Options
from attlas.pipeline.object_store import ObjectStore
from attlas.pipeline.plan import Plan
from attlas.pipeline.remote_build import StoreTask
from attlas.schema import AtlasPaths, EnvironmentFault, PlanError, Receipt

UNSEEN = "/nowhere"
"""The working copy of a build on another machine."""


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FolderStore:
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    monkeypatch.setattr(mirror, "ObjectStore", FolderStore)
    return FolderStore(str(tmp_path / "store"))


def plan_in(store: FolderStore, fasta: Path, model: Path) -> Plan:
    return remote_build.plan(str(fasta), store.url, Options(str(model), device="cpu"))


def compute(store: FolderStore, plan_id: str) -> Receipt:
    """Compute the first shard as a worker does that does not see the working copy of the build."""
    task = StoreTask(store, plan_id)  # type: ignore[arg-type]
    return task(UNSEEN, 1, 1)


def test_without_the_packages_of_object_stores_the_error_names_them_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("s3fs", "botocore", "botocore.exceptions"):
        monkeypatch.setitem(sys.modules, name, None)
    store = ObjectStore("s3://bucket/atlas")
    for ask in (store.describe, store.get, store.list_sizes):
        with pytest.raises(EnvironmentFault, match="A package that writes") as error:
            ask("plan.json")
        assert "attlas[s3]" in str(error.value)


def test_a_worker_that_lives_long_computes_the_plan_that_is_asked_for(
    store: FolderStore, tiny_esm: Path, tmp_path: Path
) -> None:
    earlier = plan_in(store, write_fasta(tmp_path / "a.fasta", random_proteins([40])), tiny_esm)
    assert compute(store, earlier.plan_id).plan_id == earlier.plan_id

    shutil.rmtree(store.url)
    later = plan_in(store, write_fasta(tmp_path / "b.fasta", random_proteins([50], seed=2)), tiny_esm)
    receipt = compute(store, later.plan_id)
    assert receipt.plan_id == later.plan_id != earlier.plan_id
    assert Receipt.read(AtlasPaths(Path(store.url)).receipt(1)) == receipt


def test_a_worker_refuses_another_plan_than_that_of_its_task_until_the_store_holds_it(
    store: FolderStore, tiny_esm: Path, tmp_path: Path
) -> None:
    fasta = write_fasta(tmp_path / "a.fasta", random_proteins([40]))
    planned = plan_in(store, fasta, tiny_esm)
    shutil.rmtree(store.url)
    other = plan_in(store, write_fasta(tmp_path / "b.fasta", random_proteins([50], seed=2)), tiny_esm)
    with pytest.raises(PlanError, match=rf"expected: plan {planned.plan_id}\n.*found: .*plan {other.plan_id}"):
        compute(store, planned.plan_id)
    assert not AtlasPaths(Path(store.url)).receipt(1).exists()

    shutil.rmtree(store.url)
    plan_in(store, fasta, tiny_esm)
    assert compute(store, planned.plan_id).plan_id == planned.plan_id


@pytest.mark.slow
def test_another_machine_goes_on_with_a_plan_whose_planner_was_killed(
    store: FolderStore, tiny_esm: Path, tmp_path: Path
) -> None:
    fasta = write_fasta(tmp_path / "in.fasta", random_proteins([300 + i for i in range(6)]))
    planned = plan_in(store, fasta, tiny_esm)
    paths = AtlasPaths(Path(store.url))
    shutil.rmtree(paths.shards.parent)  # only plan.json was stored

    other = write_fasta(tmp_path / "other.fasta", random_proteins([50], seed=2))
    with pytest.raises(PlanError, match=rf"The build in {store.url} has another input(.|\n)*input: in\.fasta"):
        plan_in(store, other, tiny_esm)

    elsewhere = Path(shutil.copytree(tiny_esm, tmp_path / "elsewhere" / tiny_esm.name))
    options = Options(str(elsewhere), device="cpu")
    remote_build.build(str(fasta), store.url, options, progress=lambda plan, shards: lambda event: None, n_workers=0)
    stored = json.loads(paths.plan.read_text())
    assert (stored["plan_id"], stored["model_directory"]) == (planned.plan_id, str(elsewhere))
    build_here(fasta, tmp_path / "local", tiny_esm)
    assert digests(Path(store.url)) == digests(tmp_path / "local")


def test_a_job_fetches_the_receipts_of_its_own_shards_alone(store: FolderStore, tiny_esm: Path, tmp_path: Path) -> None:
    plan = plan_in(store, write_fasta(tmp_path / "in.fasta", random_proteins([900 + i for i in range(8)])), tiny_esm)
    assert len(plan.shards) > 2

    def encode(begin: int, end: int) -> int:
        return remote_build.encode_missing(
            store.url,
            lambda plan: plan.shards[begin - 1 : end],
            progress=lambda plan, shards: lambda event: None,
            n_workers=0,
        )

    assert encode(1, 2) == 2
    folder_store.DOWNLOADS.clear()
    assert encode(2, 3) == 1
    assert [name for name in folder_store.DOWNLOADS if name.startswith("receipts/")] == ["receipts/shard-00002.json"]
