"""Packs: cut within budgets as they always were; a device's fault is told from a sequence's."""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attlas.pipeline.contacts.memory import cut_map_packs
from attlas.pipeline.packing import Budget, PackRunner, cut_runs
from attlas.pipeline.plan import cut_packs
from attlas.schema import DeviceFault, EnvironmentFault

# --- cutting ---

LENGTHS = st.lists(st.integers(1, 12_000), max_size=120)


def runs_one_by_one(items: Sequence[float], fits: Callable[[Sequence[float]], bool]) -> Iterator[slice]:
    """Grow each run as long as all of it fits, judged anew with every item."""
    begin = 0
    for end in range(1, len(items) + 1):
        if end == len(items) or not fits(items[begin : end + 1]):
            yield slice(begin, end)
            begin = end


@given(lengths=LENGTHS, pack_tokens=st.integers(1, 40_000))
def test_packs_are_the_longest_runs_whose_tokens_fit(lengths: list[int], pack_tokens: int) -> None:
    expected = runs_one_by_one(lengths, lambda run: sum(length + 2 for length in run) <= pack_tokens)
    assert list(cut_packs(lengths, pack_tokens)) == list(expected)


@given(lengths=LENGTHS, pack_tokens=st.integers(1, 40_000))
def test_packs_of_maps_are_the_longest_runs_whose_tokens_and_pairs_fit(lengths: list[int], pack_tokens: int) -> None:
    def fits(run: Sequence[float]) -> bool:
        return sum(n + 2 for n in run) <= pack_tokens and sum(n**2 for n in run) <= 1 << 26

    assert list(cut_map_packs(lengths, pack_tokens)) == list(runs_one_by_one(lengths, fits))


@given(costs=st.lists(st.floats(0, 1e15), max_size=120), limit=st.floats(0, 1e16))
def test_runs_of_costs_are_the_longest_that_keep_the_limit(costs: list[float], limit: float) -> None:
    assert list(cut_runs(Budget(costs, limit))) == list(runs_one_by_one(costs, lambda run: sum(run) <= limit))


# --- running ---


class Device:
    """A device that computes the square of a number, and fails as it is told to."""

    def __init__(self, *, fails: Callable[[Sequence[int]], bool], knows: Callable[[], bool] = lambda: True) -> None:
        self.fails, self.knows = fails, knows
        self.packs: list[list[int]] = []
        self.doubts: list[Exception | None] = []
        self.is_late = False
        """Fails when the results are waited for, as a GPU does."""

    def begin(self, pack: Sequence[int]) -> Callable[[], list[float]]:
        self.packs.append(list(pack))
        if self.fails(pack) and not self.is_late:
            raise RuntimeError(f"cannot {list(pack)}")

        def results() -> list[float]:
            if self.fails(pack):
                raise RuntimeError(f"cannot {list(pack)}")
            return [float("nan") if number < 0 else number**2 for number in pack]

        return results

    def check(self, doubt: Exception | None) -> None:
        self.doubts.append(doubt)
        if not self.knows():
            raise DeviceFault("sick")

    def run(self, cut_packs: Sequence[Sequence[int]]) -> list[float | Exception]:
        runner = PackRunner(
            begin=self.begin,
            is_finite=lambda square: square == square,
            free_memory=lambda: None,
            check_device=self.check,
        )
        return list(runner.run(cut_packs))


def texts(results: Sequence[object]) -> list[str]:
    return [str(result) for result in results]


def test_a_device_that_works_is_never_asked_for_the_known_protein() -> None:
    device = Device(fails=lambda pack: False)
    assert device.run([[1, 2], [3]]) == [1, 4, 9]
    assert device.doubts == []


@pytest.mark.parametrize("is_late", [False, True])
def test_what_fails_twice_alone_on_a_device_that_works_is_the_only_one_that_fails(is_late: bool) -> None:
    device = Device(fails=lambda pack: 3 in pack)
    device.is_late = is_late
    assert texts(device.run([[1, 2, 3, 4], [5]])) == ["1", "4", "cannot [3]", "16", "25"]
    assert device.packs.count([3]) == 2
    assert texts(device.doubts) == ["cannot [3]", "cannot [3]"]  # before it is tried again, and after


def test_what_fails_in_company_but_not_alone_does_not_fail() -> None:
    device = Device(fails=lambda pack: len(pack) > 1)
    assert device.run([[1, 2, 3, 4]]) == [1, 4, 9, 16]
    assert device.doubts == []


def test_what_failed_once_alone_is_computed_when_it_is_tried_again() -> None:
    device = Device(fails=lambda pack: list(pack) == [3] and device.packs.count([3]) == 1)
    assert device.run([[1], [3], [2]]) == [1, 9, 4]
    assert texts(device.doubts) == ["cannot [3]"]


@pytest.mark.parametrize("is_late", [False, True])
def test_on_a_device_that_fails_the_known_protein_nothing_is_blamed(is_late: bool) -> None:
    device = Device(fails=lambda pack: 3 in pack, knows=lambda: False)
    device.is_late = is_late
    with pytest.raises(DeviceFault, match="sick"):
        device.run([[1, 2, 3, 4], [5]])
    assert device.packs.count([3]) == 1


def test_a_device_that_dies_at_the_second_try_is_noticed() -> None:
    device = Device(fails=lambda pack: 3 in pack, knows=lambda: device.packs.count([3]) < 2)
    with pytest.raises(DeviceFault, match="sick"):
        device.run([[1, 2], [3]])


def test_numbers_that_are_not_finite_are_the_sequences_only_if_the_device_works() -> None:
    device = Device(fails=lambda pack: False)
    assert texts(device.run([[1, -2, 3]])) == ["1", "nan", "9"]
    assert device.packs == [[1, -2, 3], [-2]]
    assert device.doubts == [None, None]
    with pytest.raises(DeviceFault, match="sick"):
        Device(fails=lambda pack: False, knows=lambda: False).run([[1, -2, 3]])


def test_a_fault_of_the_model_or_the_machine_is_not_tried_again() -> None:
    def refuse(pack: Sequence[int]) -> bool:
        raise EnvironmentFault("no attention interface")

    device = Device(fails=refuse)
    with pytest.raises(EnvironmentFault, match="no attention interface"):
        device.run([[1, 2]])
    assert device.packs == [[1, 2]]


def test_memory_that_cannot_be_freed_on_a_device_that_is_gone_is_no_error_of_its_own() -> None:
    def gone() -> None:
        raise RuntimeError("CUDA error: device lost")

    device = Device(fails=lambda pack: True, knows=lambda: False)
    runner = PackRunner(begin=device.begin, is_finite=lambda square: True, free_memory=gone, check_device=device.check)
    with pytest.raises(DeviceFault, match="sick"):
        list(runner.run([[1, 2]]))


# --- several threads ---


class CountedLock:
    """A lock that may be taken twice by a thread, and knows how often it is held."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.depth = 0

    def __enter__(self) -> None:
        self.lock.acquire()
        self.depth += 1

    def __exit__(self, *_: object) -> None:
        self.depth -= 1
        self.lock.release()


def make_runner(begin: Callable[[Sequence[int]], Callable[[], list[int]]], lock: CountedLock) -> PackRunner[int, int]:
    return PackRunner(
        begin=begin,
        is_finite=lambda number: True,
        free_memory=lambda: None,
        check_device=lambda doubt: None,
        lock=lock,
    )


def test_the_packs_of_another_thread_begin_before_the_last_pack_of_this_one_is_waited_for() -> None:
    lock, has_followed, followers = CountedLock(), threading.Event(), []

    def follow(pack: Sequence[int]) -> Callable[[], list[int]]:
        has_followed.set()
        return lambda: list(pack)

    def begin(pack: Sequence[int]) -> Callable[[], list[int]]:
        if not followers:  # it has to wait, because this thread's packs begin
            followers.append(threads.submit(list, make_runner(follow, lock).run([[7]])))
        is_last = 3 in pack
        assert not has_followed.is_set()
        return lambda: [int(has_followed.wait(timeout=60)) if is_last else 0] * len(pack)

    with ThreadPoolExecutor(2) as threads:
        results = threads.submit(list, make_runner(begin, lock).run([[1], [2, 3]])).result()
        assert results == [0, 1, 1]
        assert followers[0].result() == [7]


def test_what_is_run_again_is_run_by_the_thread_that_holds_the_lock() -> None:
    lock = CountedLock()
    packs = []

    def begin(pack: Sequence[int]) -> Callable[[], list[int]]:
        assert lock.depth > 0
        packs.append(list(pack))

        def wait() -> list[int]:
            if 3 in pack:
                raise RuntimeError("cannot 3")
            return list(pack)

        return wait

    *others, last = make_runner(begin, lock).run([[1], [2, 3]])
    assert others == [1, 2]
    assert isinstance(last, RuntimeError)
    assert packs == [[1], [2, 3], [2], [3], [3]]
    assert lock.depth == 0
