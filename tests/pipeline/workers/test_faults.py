"""Whose fault it is when something fails: of a protein, a shard, a worker or the build; workers that come and go."""

from collections import deque
from pathlib import Path

import pytest
from helpers.fake_workers import (
    DIES,
    IS_REPLACED,
    TASK_S,
    FakeWorkers,
    IndivisibleTask,
    make_receipt,
    run_fake,
    shards_of,
)
from helpers.worker_events import find_given_up, find_left_out, list_finished, list_taken_apart

from attlas.pipeline.workers import assignments, faults
from attlas.pipeline.workers.runners import WorkersCounted
from attlas.schema import AtlasPaths, BrokenAtlasError, DeviceFault, EnvironmentFault

BAD_HOST = "tcp://10.0.0.99"
FULL = EnvironmentFault("The disk is full.", found="no space left in /tmp", hint="free some space")


@pytest.mark.parametrize("error", [FULL, BrokenAtlasError("The plan is damaged."), ValueError("a bug of one host")])
def test_a_worker_that_fails_what_another_has_done_is_left_out_and_the_build_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    workers = FakeWorkers(
        lambda worker, index: error if worker == "bad" else make_receipt(index), {"bad": 1, "good": 1}
    )
    events = run_fake(workers, shards_of(6), tmp_path, monkeypatch)
    assert list_finished(events) == [1, 2, 3, 4, 5, 6]
    assert find_left_out(events) == {"bad": error}
    assert find_given_up(events) == {}
    # It got no second shard before it was judged, and somebody else's worker is not ended.
    assert [worker for worker, _ in workers.sent].count("bad") == 1
    assert workers.ended == []
    assert events[-1] != WorkersCounted(2, 2)


def test_workers_that_were_started_here_are_ended_when_they_are_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workers = FakeWorkers(lambda worker, index: FULL if worker == "bad" else make_receipt(index), {"bad": 1, "good": 1})
    run_fake(workers, shards_of(3), tmp_path, monkeypatch, scheduler=None)
    assert workers.ended == ["bad"]


def test_a_fault_that_all_workers_meet_at_different_shards_ends_the_build_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workers = FakeWorkers(lambda worker, index: FULL, dict.fromkeys("abcdefgh", 1))
    with pytest.raises(EnvironmentFault, match="disk is full"):
        run_fake(workers, shards_of(50), tmp_path, monkeypatch)
    assert len(workers.sent) < 20


def test_a_shard_that_three_workers_fail_ends_the_build_for_a_fault_and_is_given_up_for_another_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(error: Exception) -> FakeWorkers:
        threads = dict.fromkeys("abcdef", 1)
        return FakeWorkers(lambda worker, index: error if index == 2 else make_receipt(index), threads)

    with pytest.raises(BrokenAtlasError, match="does not hold the sequences"):
        run_fake(fail(BrokenAtlasError("It does not hold the sequences.")), shards_of(9), tmp_path, monkeypatch)

    error = ValueError("a bug")
    workers = fail(error)
    events = run_fake(workers, shards_of(9), tmp_path, monkeypatch)
    assert find_given_up(events) == {2: error}
    assert list_finished(events) == [1, 3, 4, 5, 6, 7, 8, 9]
    assert find_left_out(events) == {}
    assert len({worker for worker, index in workers.sent if index == 2}) == faults.N_TRIES


class HastyHost(FakeWorkers):
    """Workers of which those of a bad host end their tasks before all others."""

    def wait(self, seconds: float) -> tuple[str, object] | None:
        self._queue = deque(sorted(self._queue, key=lambda task: not task[1].startswith(BAD_HOST)))
        return super().wait(seconds)


@pytest.mark.parametrize("n_good", [1, 12])
@pytest.mark.parametrize("n_before", [0, 6])
def test_all_workers_of_a_bad_host_are_left_out_however_fast_they_fail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, n_good: int, n_before: int
) -> None:
    # Its disk fills after it has computed some shards, or is full from the beginning.
    def behave(worker: str, index: int) -> object:
        is_full = worker.startswith(BAD_HOST) and index > n_before
        return FULL if is_full else make_receipt(index)

    bad_workers = [f"{BAD_HOST}:{k}" for k in range(4)]
    workers = HastyHost(behave, dict.fromkeys([*bad_workers, *(f"tcp://10.0.0.{k}:1" for k in range(n_good))], 1))
    events = run_fake(workers, shards_of(40), tmp_path, monkeypatch)
    assert list_finished(events) == list(range(1, 41))
    assert find_left_out(events) == dict.fromkeys(bad_workers, FULL)
    assert find_given_up(events) == {}


def test_a_shard_that_all_hosts_fail_is_given_up_although_they_have_many_workers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = ValueError("a bug")
    addresses = [f"tcp://10.0.0.{host}:{k}" for host in range(2) for k in range(4)]
    workers = FakeWorkers(
        lambda worker, index: error if index == 2 else make_receipt(index), dict.fromkeys(addresses, 1)
    )
    events = run_fake(workers, shards_of(30), tmp_path, monkeypatch)
    assert find_given_up(events) == {2: error}
    assert list_finished(events) == [1, *range(3, 31)]
    tried = [worker for worker, index in workers.sent if index == 2]
    assert len(tried) == faults.N_TRIES
    assert len({assignments.find_host(worker) for worker in tried}) == 2


def test_two_workers_that_failed_different_shards_try_each_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # `a` has a bad mount; shard 2 is bad itself.
    def behave(worker: str, index: int) -> object:
        if worker == "a":
            return FULL
        return ValueError("a bug") if index == 2 else make_receipt(index)

    events = run_fake(FakeWorkers(behave, {"a": 1, "b": 1}), shards_of(5), tmp_path, monkeypatch)
    assert find_left_out(events) == {"a": FULL}
    assert list_finished(events) == [1, 3, 4, 5]
    assert list(find_given_up(events)) == [2]


def test_a_device_that_fails_is_left_out_at_once_and_no_receipt_of_it_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sick = DeviceFault("The device does not work.")
    paths = AtlasPaths(tmp_path)

    def behave(worker: str, index: int) -> object:
        if worker == "sick":
            make_receipt(index).write(paths)  # of before it failed, or of another thread
            return sick
        if worker == "dies" and index == 2:
            make_receipt(index).write(paths)
            return DIES
        return make_receipt(index)

    workers = FakeWorkers(behave, {"sick": 3, "dies": 1, "well": 1})
    events = run_fake(workers, shards_of(8), tmp_path, monkeypatch)
    assert find_left_out(events) == {"sick": sick}
    assert list_finished(events) == list(range(1, 9))
    assert list(tmp_path.glob("receipts/*.json")) == []  # the workers that finished write none here
    others = {index for worker, index in workers.sent if worker != "sick"}
    assert {index for worker, index in workers.sent if worker == "sick"} <= others


def test_a_shard_at_which_four_devices_fail_is_given_up_and_not_the_fifth_worker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sick = DeviceFault("The device does not work.")
    workers = FakeWorkers(lambda worker, index: sick if index == 1 else make_receipt(index), {"a": 1}, appear={})
    workers.threads = dict.fromkeys("abcdef", 1)
    events = run_fake(workers, shards_of(3), tmp_path, monkeypatch)
    assert find_given_up(events) == {1: sick}
    assert list_finished(events) == [2, 3]
    assert len(find_left_out(events)) == faults.WORKER_DEATHS + 1


# --- processes that end ---


def test_a_worker_that_ends_after_it_published_has_finished_its_shard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def behave(worker: str, index: int) -> object:
        if worker == "a":
            make_receipt(index).write(AtlasPaths(tmp_path))
            return DIES
        return make_receipt(index)

    workers = FakeWorkers(behave, {"a": 1, "b": 1})
    events = run_fake(workers, shards_of(4), tmp_path, monkeypatch)
    assert list_finished(events) == [1, 2, 3, 4]
    assert len(workers.sent) == 4


def test_a_shard_that_ends_two_workers_is_taken_apart_and_computed_without_the_culprit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reason = "its computation ended the process of two workers, probably out of memory"
    workers = FakeWorkers(lambda worker, index: make_receipt(index), dict.fromkeys("abc", 1))
    deaths: list[str] = []

    def behave(worker: str, index: int) -> object:
        if index == 2 and not workers.tasks[-1].failed and len(deaths) < 2:
            deaths.append(worker)
            return DIES
        return make_receipt(index)

    workers.behave = behave
    workers.search = lambda worker, index: {1: reason}
    events = run_fake(workers, shards_of(3), tmp_path, monkeypatch)
    assert list_taken_apart(events) == [2]
    assert len(deaths) == faults.DEATHS_BEFORE_SEARCH
    assert list_finished(events) == [1, 2, 3]
    assert workers.tasks[-1].failed == {1: reason}


def test_a_shard_without_a_culprit_that_goes_on_ending_workers_is_given_up_at_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    n_workers = faults.DEATHS_BEFORE_SEARCH * (faults.MOST_SEARCHES + 1) + 1
    workers = FakeWorkers(
        lambda worker, index: DIES if index == 1 else make_receipt(index), {f"w{i}": 1 for i in range(n_workers)}
    )
    events = run_fake(workers, shards_of(2), tmp_path, monkeypatch)
    assert len(list_taken_apart(events)) == faults.MOST_SEARCHES
    assert str(find_given_up(events)[1]).startswith(f"{n_workers - 1} workers died while they computed it")
    assert list_finished(events) == [2]


def test_a_pass_cannot_be_taken_apart_and_its_shard_is_given_up_after_four_workers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workers = FakeWorkers(lambda worker, index: DIES if index == 1 else make_receipt(index), dict.fromkeys("abcdef", 1))
    events = run_fake(workers, shards_of(2), tmp_path, monkeypatch, task=IndivisibleTask())
    assert str(find_given_up(events)[1]).startswith("4 workers died while they computed it")
    assert list_finished(events) == [2]


def test_another_process_at_the_same_address_is_checked_anew_and_counts_as_a_death(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replaced: list[int] = []

    def behave(worker: str, index: int) -> object:
        if not replaced:
            replaced.append(index)
            return IS_REPLACED
        return make_receipt(index)

    workers = FakeWorkers(behave, {"a": 2})
    events = run_fake(workers, shards_of(4), tmp_path, monkeypatch)
    assert list_finished(events) == [1, 2, 3, 4]
    assert workers.n_joined["a"] == 2


def test_a_search_that_cannot_be_made_gives_up_its_shard_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workers = FakeWorkers(lambda worker, index: DIES if index == 1 else make_receipt(index), dict.fromkeys("abcd", 1))
    error = EnvironmentFault("The process that tries sequences one by one cannot be used.")
    workers.search = lambda worker, index: error
    events = run_fake(workers, shards_of(3), tmp_path, monkeypatch)
    assert find_given_up(events) == {1: error}
    assert list_finished(events) == [2, 3]


@pytest.mark.parametrize(
    "error",
    [
        DeviceFault("The model cannot be run in another process of this worker."),
        EnvironmentFault("The process that tries sequences one by one cannot be used."),
    ],
)
def test_a_search_that_fails_by_a_fault_of_its_worker_is_made_by_another_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    reason = "its computation ended the process of two workers, probably out of memory"
    searchers: list[str] = []

    def search(worker: str, index: int) -> Exception | dict[int, str]:
        searchers.append(worker)
        return error if len(searchers) == 1 else {0: reason}

    workers = FakeWorkers(lambda worker, index: make_receipt(index), dict.fromkeys("abcd", 1))
    workers.behave = lambda worker, index: DIES if index == 1 and not workers.tasks[-1].failed else make_receipt(index)
    workers.search = search
    events = run_fake(workers, shards_of(30), tmp_path, monkeypatch)
    assert len(set(searchers)) == len(searchers) == 2
    assert find_given_up(events) == {}
    assert list_finished(events) == list(range(1, 31))

    # The worker that could not search goes on computing.
    assert find_left_out(events) == {}
    assert [worker for worker, _ in workers.sent].count(searchers[0]) > 5


def test_a_search_that_fails_by_another_error_gives_up_its_shard_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workers = FakeWorkers(lambda worker, index: DIES if index == 1 else make_receipt(index), dict.fromkeys("abcd", 1))
    error, searchers = ValueError("a bug"), []

    def search(worker: str, index: int) -> Exception:
        searchers.append(worker)
        return error

    workers.search = search
    assert find_given_up(run_fake(workers, shards_of(3), tmp_path, monkeypatch)) == {1: error}
    assert len(searchers) == 1


# --- workers that join ---


def test_workers_that_come_late_get_shards_and_the_events_count_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workers = FakeWorkers(lambda worker, index: make_receipt(index), {"a": 1}, appear={3: "b", 4: "c"})
    events = run_fake(workers, shards_of(20), tmp_path, monkeypatch)
    assert list_finished(events) == list(range(1, 21))
    shares = {name: [worker for worker, _ in workers.sent].count(name) for name in "abc"}
    assert min(shares.values()) >= 5
    assert [event for event in events if isinstance(event, WorkersCounted)] == [
        WorkersCounted(1, 1),
        WorkersCounted(2, 2),
        WorkersCounted(3, 3),
    ]
    assert workers.shown[0] == 20  # what a cluster that adapts itself to its tasks sees


def test_workers_that_lack_something_are_left_out_before_their_first_shard_and_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lacks = EnvironmentFault("It has no GPU, for which this atlas is planned.", hint="start workers where there are")
    workers = FakeWorkers(
        lambda worker, index: make_receipt(index),
        {"good": 1, "no gpu": 1, "no attlas": 1},
        faults={"no gpu": lacks, "no attlas": ModuleNotFoundError("No module named 'attlas'")},
    )
    events = run_fake(workers, shards_of(4), tmp_path, monkeypatch)
    assert {worker for worker, _ in workers.sent} == {"good"}
    assert find_left_out(events)["no gpu"] is lacks
    other = find_left_out(events)["no attlas"]
    assert isinstance(other, EnvironmentFault)
    assert "No module named 'attlas'" in str(other)


@pytest.mark.parametrize("scheduler", [None, "tcp://scheduler"])
def test_where_no_worker_will_do_each_is_named_with_what_it_lacks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scheduler: str | None
) -> None:
    lacks = {name: EnvironmentFault(f"It lacks {name}.", hint=f"give it {name}") for name in ("a disk", "a GPU")}
    workers = FakeWorkers(lambda worker, index: make_receipt(index), dict.fromkeys(lacks, 1), faults=dict(lacks))
    what = "no worker of the Dask scheduler" if scheduler else "No worker is left"
    with pytest.raises(EnvironmentFault, match=rf"(?s){what}.*a GPU: It lacks a GPU; to do: give it a GPU"):
        run_fake(workers, shards_of(4), tmp_path, monkeypatch, scheduler=scheduler)
    assert workers.sent == []


@pytest.mark.parametrize("when", ["it joins", "it computes"])
def test_a_bad_first_worker_of_a_scheduler_does_not_end_the_build_that_others_are_about_to_join(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    workers = FakeWorkers(
        lambda worker, index: FULL if worker == "bad" else make_receipt(index),
        {"bad": 1},
        faults={"bad": FULL} if when == "it joins" else {},
        appear={1 if when == "it joins" else 2: "good"},
    )
    events = run_fake(workers, shards_of(4), tmp_path, monkeypatch)
    assert list_finished(events) == [1, 2, 3, 4]
    assert find_left_out(events) == {"bad": FULL}


def test_a_bad_worker_of_a_scheduler_that_stays_alone_ends_the_build_after_the_patience_and_its_own_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(scheduler: str | None) -> float:
        workers = FakeWorkers(lambda worker, index: FULL, {"bad": 1})
        with pytest.raises(EnvironmentFault, match="disk is full"):
            run_fake(workers, shards_of(4), tmp_path, monkeypatch, scheduler=scheduler)
        return workers.clock_s

    assert run("tcp://scheduler") > faults.PATIENCE_S
    assert run(None) < faults.PATIENCE_S / 10


def test_of_two_workers_on_one_gpu_the_second_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gpus = {"a": "GPU-1", "b": "GPU-1", "c": "GPU-2"}
    workers = FakeWorkers(lambda worker, index: make_receipt(index), dict.fromkeys(gpus, 3), gpus=gpus)
    events = run_fake(workers, shards_of(4), tmp_path, monkeypatch)
    (error,) = find_left_out(events).values()
    assert list(find_left_out(events)) == ["b"]
    assert "the same GPU as a" in str(error)
    assert "dask cuda worker" in str(error)

    # Workers that are started here share a GPU where the user asks for more of them.
    workers = FakeWorkers(lambda worker, index: make_receipt(index), dict.fromkeys(gpus, 3), gpus=gpus)
    assert find_left_out(run_fake(workers, shards_of(4), tmp_path, monkeypatch, scheduler=None)) == {}


def test_workers_that_end_again_and_again_while_they_are_checked_end_the_build(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workers = FakeWorkers(lambda worker, index: make_receipt(index), {"a": 1}, endless=True)
    with pytest.raises(EnvironmentFault, match=r"(?s)end while they are checked.*4 of them"):
        run_fake(workers, shards_of(5), tmp_path, monkeypatch, scheduler=None)

    # Others may join those of a scheduler.
    workers = FakeWorkers(lambda worker, index: make_receipt(index), {"a": 1}, endless=True)
    with pytest.raises(EnvironmentFault, match=rf"(?s)end while they are checked.*{faults.PATIENCE_S + 1:.0f} of them"):
        run_fake(workers, shards_of(5), tmp_path, monkeypatch)


def test_a_worker_that_computes_shards_of_no_time_is_never_taken_for_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(faults, "PATIENCE_S", 5 * TASK_S)
    workers = FakeWorkers(lambda worker, index: make_receipt(index), {"a": 1})
    events = run_fake(workers, shards_of(20), tmp_path, monkeypatch)
    assert len(list_finished(events)) == 20
    assert workers.clock_s > faults.PATIENCE_S


def test_without_a_worker_the_build_stops_after_its_patience(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workers = FakeWorkers(lambda worker, index: DIES if index == 3 else make_receipt(index), {"a": 1})
    with pytest.raises(EnvironmentFault, match=r"(?s)no worker of the Dask scheduler tcp://scheduler for 120 s"):
        run_fake(workers, shards_of(5), tmp_path, monkeypatch)
    assert [index for _, index in workers.sent] == [1, 2, 3]
