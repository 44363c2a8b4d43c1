"""Answers about long proteins: a few at a time, for each takes seconds of a processor and much memory."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from attlas.serve.limits import Limits
from attlas.serve.worker_pool import BusyError


class LongProteins:
    """The turns of those who ask for all of a long protein; all others need not wait."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._turns = threading.BoundedSemaphore(limits.n_long_proteins)

    @contextmanager
    def turn(self, length: int) -> Iterator[None]:
        """Wait for a turn, if a protein of this length, in residues, needs one.

        Raises:
            BusyError: none came in `Limits.long_protein_s`.
        """
        if length < self._limits.long_protein_residues:
            yield
            return

        if not self._turns.acquire(timeout=self._limits.long_protein_s):
            raise BusyError
        try:
            yield
        finally:
            self._turns.release()
