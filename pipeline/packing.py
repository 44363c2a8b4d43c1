"""Packs of sequences: cut within budgets, run one after the other, and halved where they fail.

Opens no file and loads no model.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from itertools import chain
from typing import Generic, TypeVar

from attlas.schema import Fault

Item = TypeVar("Item")
Result = TypeVar("Result")
Value = TypeVar("Value")


@dataclass(frozen=True)
class Budget:
    """The cost of every item, and the largest sum of costs within one run of items."""

    costs: Sequence[float]
    limit: float


def cut_runs(*budgets: Budget) -> Iterator[slice]:
    """Yield slices of consecutive items that keep within every budget; an item beyond a budget stands alone."""
    limits = [budget.limit for budget in budgets]
    totals: list[float] = [0] * len(budgets)
    begin, end = 0, 0

    for end, costs in enumerate(zip(*(budget.costs for budget in budgets), strict=True)):
        sums = [total + cost for total, cost in zip(totals, costs, strict=True)]
        is_over = any(total > limit for total, limit in zip(sums, limits, strict=True))
        if end > begin and is_over:
            yield slice(begin, end)
            begin, sums = end, [0 + cost for cost in costs]
        totals = sums

    if budgets and budgets[0].costs:
        yield slice(begin, end + 1)


@dataclass(frozen=True)
class PackRunner(Generic[Item, Result]):
    """Runs packs through a model on a device, and tells a fault of the device from one of a sequence."""

    begin: Callable[[Sequence[Item]], Callable[[], Sequence[Result]]]
    """Begins to compute a pack, and returns a function that waits for the results, one for each item."""
    is_finite: Callable[[Result], bool]
    """Returns whether every number of a result is finite."""
    free_memory: Callable[[], None]
    """Gives cached memory back to the device."""
    check_device: Callable[[Exception | None], None]
    """Raises `DeviceFault` unless the device computes a known protein right; its argument is the error that raised
    doubts, None for numbers that are not finite."""
    lock: AbstractContextManager[object] = field(default_factory=nullcontext)
    """Held by the thread whose packs begin; a thread may take it twice (`threading.RLock`)."""

    def run(self, packs: Iterable[Sequence[Item]]) -> Iterator[Result | Exception]:
        """Yield the result of every item in order, or the error with which it fails, alone, on a device that works.

        A pack begins before the results of the pack before it are waited for, which keeps a GPU busy. A pack that
        fails is run again in halves, and so on down to single items, so that a pack too large for the memory goes on
        in pieces that fit. A single item that fails, or whose numbers are not finite, is run once more alone, after
        the device has passed the known protein.

        The lock is given back before the last pack is waited for, so that the packs of another thread follow at once.

        Raises:
            DeviceFault: the device does not compute the known protein right, so that no item is to blame.
        """
        waiting: Iterator[Result | Exception] = iter(())
        with self.lock:
            for pack in packs:
                following = self._finish(pack, self._begin(pack))
                yield from waiting
                waiting = following
        yield from waiting

    def run_all(self, packs: Iterable[Sequence[Item]]) -> Iterator[Result]:
        """Yield the result of every item in order, as `run` does; an item that fails alone ends it.

        Raises:
            DeviceFault: as `run`.
            Exception: the error with which an item fails.
        """
        for outcome in self.run(packs):
            if isinstance(outcome, Exception):
                raise outcome
            yield outcome

    def _begin(self, pack: Sequence[Item]) -> Callable[[], Sequence[Result]] | Exception:
        with self.lock:
            return _attempt(lambda: self.begin(pack))

    def _finish(
        self, pack: Sequence[Item], wait: Callable[[], Sequence[Result]] | Exception
    ) -> Iterator[Result | Exception]:
        """Wait for the results of a pack; where it failed, run its halves."""
        results = wait if isinstance(wait, Exception) else _attempt(wait)

        if not isinstance(results, Exception):
            for item, result in zip(pack, results, strict=True):
                yield result if self.is_finite(result) else self._run_again(item, None)
        elif len(pack) == 1:
            yield self._run_again(pack[0], results)
        else:
            _attempt(self.free_memory)  # fails on a device that is gone, as the halves then do
            middle = len(pack) // 2
            halves = pack[:middle], pack[middle:]
            yield from chain.from_iterable(self._finish(half, self._begin(half)) for half in halves)

    def _run_again(self, item: Item, error: Exception | None) -> Result | Exception:
        """Run an item that failed once more alone, on a device that passes the known protein before and after."""
        with self.lock:
            self.check_device(error)
            results = _attempt(lambda: self.begin([item])())
            if isinstance(results, Exception):
                self.check_device(results)  # the device may have failed only now
                return results

            if not self.is_finite(results[0]):
                self.check_device(None)
            return results[0]


def _attempt(step: Callable[[], Value]) -> Value | Exception:
    """Return the result of a step, or its error.

    Raises:
        Fault: the model or the machine is to blame, whatever the sequence.
    """
    try:
        return step()
    except Fault:
        raise
    except Exception as error:
        return error.with_traceback(None)  # its frames hold the memory that was too little
