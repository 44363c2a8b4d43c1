"""What is believed of a worker whose device fails: nothing that it reports afterwards, and no receipt that it left."""

import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pytest

from attlas.pipeline.encoder import device_check
from attlas.pipeline.encoder.device_check import refuse_failing_device, while_device_works
from attlas.pipeline.plan import Shard
from attlas.pipeline.workers.submitted import FaultyWorkers, GivenBack, Published, Result, read_result
from attlas.schema import AtlasPaths, DeviceFault, EnvironmentFault, Receipt

SHARD = Shard(1, 0, 1, 100, 1.0, 0)
SICK = DeviceFault("sick")


@dataclass(frozen=True)
class FakeFuture:
    """A task of Dask that has ended."""

    outcome: Result | None

    def cancelled(self) -> bool:
        return self.outcome is None

    def exception(self) -> Exception | None:
        return self.outcome if isinstance(self.outcome, Exception) else None

    def result(self) -> Result | None:
        return self.outcome


@pytest.fixture
def receipt(tmp_path: Path) -> Receipt:
    """Return the receipt of a shard, published in an atlas."""
    values = {"n_sequences": 1, "n_failed": 0, "n_residues": 9, "wall_s": 1.0, "model_s": 1.0, "host": "here"}
    receipt = Receipt(index=1, plan_id="plan", files=(), peak_bytes=1, predicted_bytes=1, **values)
    receipt.write(AtlasPaths(tmp_path))
    return receipt


def _path(root: Path) -> Path:
    return AtlasPaths(root).receipt(1)


def _after_failure_of(*workers: str) -> FaultyWorkers:
    faulty_workers = FaultyWorkers(n_at_start=2)
    for worker in workers:
        faulty_workers.add(SHARD, GivenBack(worker, SICK))
    return faulty_workers


def test_a_worker_that_died_after_it_published_has_finished_its_shard(tmp_path: Path, receipt: Receipt) -> None:
    assert read_result(FakeFuture(RuntimeError("died")), _path(tmp_path), _after_failure_of()) == receipt
    assert _path(tmp_path).is_file()


@pytest.mark.parametrize("outcome", [GivenBack("tcp://a", SICK), RuntimeError("died")])
def test_a_receipt_beside_a_device_that_has_failed_does_not_count_and_is_removed(
    tmp_path: Path, receipt: Receipt, outcome: Result
) -> None:
    faulty_workers = _after_failure_of() if isinstance(outcome, GivenBack) else _after_failure_of("tcp://a")
    assert read_result(FakeFuture(outcome), _path(tmp_path), faulty_workers) is outcome
    assert not _path(tmp_path).exists()


def test_what_a_worker_reports_after_its_device_has_failed_is_given_back(tmp_path: Path, receipt: Receipt) -> None:
    report = FakeFuture(Published("tcp://a", receipt))
    assert read_result(report, _path(tmp_path), _after_failure_of("tcp://a")) == GivenBack("tcp://a", SICK)
    assert not _path(tmp_path).exists()


def test_what_another_worker_reports_counts(tmp_path: Path, receipt: Receipt) -> None:
    report = FakeFuture(Published("tcp://b", receipt))
    assert read_result(report, _path(tmp_path), _after_failure_of("tcp://a")) == receipt
    assert _path(tmp_path).is_file()


def test_without_a_scheduler_a_receipt_counts_but_not_beside_a_device_that_failed(
    tmp_path: Path, receipt: Receipt
) -> None:
    assert read_result(FakeFuture(None), _path(tmp_path), _after_failure_of()) == receipt
    with pytest.raises(EnvironmentFault, match="scheduler went away"):
        read_result(FakeFuture(None), _path(tmp_path), _after_failure_of("tcp://a"))
    assert not _path(tmp_path).exists()


def test_a_device_does_not_fail_while_a_receipt_is_published(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(encoder: object) -> None:
        raise RuntimeError("an illegal memory access")

    monkeypatch.setattr(device_check, "check_known_protein", fail)
    encoder = SimpleNamespace(device="cuda", fault=None, fault_lock=threading.Lock(), free_memory=lambda: None)

    def notice_failure() -> None:
        with suppress(DeviceFault):
            refuse_failing_device(encoder, None)

    failing = threading.Thread(target=notice_failure)

    with while_device_works(encoder):
        failing.start()
        failing.join(0.2)
        assert failing.is_alive()
        assert encoder.fault is None

    failing.join(5)
    with pytest.raises(DeviceFault, match="does not work as it did"), while_device_works(encoder):
        pytest.fail("a shard was published on a device that has failed")
