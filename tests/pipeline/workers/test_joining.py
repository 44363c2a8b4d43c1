"""What a worker must have before its first shard: the software, the directory, the device, the memory."""

from dataclasses import replace
from pathlib import Path

import pytest
from helpers.fake_workers import IndivisibleTask, shards_of

from attlas.pipeline.remote_build import StoreTask
from attlas.pipeline.workers import joining
from attlas.pipeline.workers.joining import WorkerNeeds, describe_needs, join, read_versions
from attlas.schema import EnvironmentFault

LARGEST = shards_of(1)[0]


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """No network file system shows the files of these tests late; and there is no Dask around them."""
    monkeypatch.setattr(joining, "DIRECTORY_PATIENCE_S", 0)
    monkeypatch.setattr(joining, "_limit_memory", lambda: 0)


def find_fault(needs: WorkerNeeds) -> str:
    """Return the fault that a worker reports."""
    return str(join(needs, IndivisibleTask(), 1, "tcp://worker").fault)


def test_a_worker_like_this_process_joins_and_nothing_is_left_in_the_directory(tmp_path: Path) -> None:
    with describe_needs(tmp_path, device="cpu", largest=LARGEST, task=IndivisibleTask()) as needs:
        report = join(needs, IndivisibleTask(), 1, "tcp://worker")
    assert report.fault is None
    assert report.process == joining.name_process()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("package", ["torch", "attlas", "transformers", "python"])
def test_other_software_is_refused_with_both_versions(tmp_path: Path, package: str) -> None:
    with describe_needs(tmp_path, device="cpu", largest=LARGEST, task=IndivisibleTask()) as needs:
        fault = find_fault(replace(needs, versions={**needs.versions, package: "0.0.1"}))
    assert f"expected: {package} 0.0.1" in fault
    assert f"found:    {package} {read_versions()[package]}" in fault
    assert "install the same versions" in fault


def test_builds_of_torch_for_other_devices_are_the_same_version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(joining, "version", lambda package: "2.13.0+cu130")
    assert read_versions()["torch"] == "2.13.0"


def test_a_directory_that_is_not_there_or_another_one_is_refused(tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "elsewhere").mkdir()
    with describe_needs(tmp_path / "here", device="cpu", largest=LARGEST, task=IndivisibleTask()) as needs:
        other = find_fault(replace(needs, root=str(tmp_path / "elsewhere")))
        missing = find_fault(replace(needs, root=str(tmp_path / "nowhere")))
    assert f"does not see the atlas in {tmp_path / 'elsewhere'}" in other
    assert "another directory of that name" in other
    assert "no such directory on" in missing
    assert "every worker mounts under the same path" in missing


def test_a_task_that_stores_its_shards_elsewhere_needs_no_directory_here(tmp_path: Path) -> None:
    task = StoreTask(store=None, plan_id="")  # type: ignore[arg-type]
    with describe_needs(tmp_path / "of the build", device="cpu", largest=LARGEST, task=task) as needs:
        assert not (tmp_path / "of the build").exists()
        assert join(needs, IndivisibleTask(), 1, "tcp://worker").fault is None


def test_a_directory_that_may_only_be_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(joining.os, "access", lambda path, mode: False)  # root may write everywhere
    with describe_needs(tmp_path, device="cpu", largest=LARGEST, task=IndivisibleTask()) as needs:
        assert f"may not write to {tmp_path}" in find_fault(needs)


def test_a_worker_without_a_gpu_is_refused_for_a_plan_for_gpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(joining, "count_gpus", lambda: 0)
    with describe_needs(tmp_path, device="cuda", largest=LARGEST, task=IndivisibleTask()) as needs:
        fault = find_fault(needs)
    assert "has no GPU, for which this atlas is planned" in fault
    assert "plan with --device cpu" in fault


def test_a_worker_with_too_little_memory_for_the_largest_shard_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(joining, "_limit_memory", lambda: LARGEST.predicted_bytes - 1)
    with describe_needs(tmp_path, device="cpu", largest=LARGEST, task=IndivisibleTask()) as needs:
        assert "Shard 1 does not fit the memory" in find_fault(needs)


def test_a_part_of_a_gpu_is_told_from_another_part_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "MIG-7f")
    assert joining._name_gpu() == "MIG-7f"


def test_what_a_task_finds_when_it_prepares_is_the_workers_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def prepare(self: IndivisibleTask, root: str, n_threads: int) -> None:
        raise EnvironmentFault("The model is not on this machine.")

    monkeypatch.setattr(IndivisibleTask, "prepare", prepare)
    with describe_needs(tmp_path, device="cpu", largest=LARGEST, task=IndivisibleTask()) as needs:
        assert "The model is not on this machine" in find_fault(needs)
