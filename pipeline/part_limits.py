"""The parts of a shard: how much of it is computed before its rows are closed, in files of their own, on the disk.

A part bounds the memory that a shard takes however large it is, and the work that is lost when its process is killed.
Opens no file and loads no model.
"""

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import inf

from attlas.pipeline.packing import Budget, cut_runs


@dataclass(frozen=True)
class PartLimits:
    """The limits of a part; a pack that is beyond them by itself is a part alone."""

    n_residues: int
    n_sequences: int
    seconds: float = inf
    """No pack begins in a part that has been computed for longer."""


PART_LIMITS = PartLimits(n_residues=1 << 20, n_sequences=4_096, seconds=45)
"""The parts of a build. On a GPU the residues are reached within seconds, and the rows of a part take about 1 GB while
they are made with ESM-2 650M; on a CPU the seconds are reached before, and most shards are one part."""

PASS_PART_LIMITS = PartLimits(n_residues=1 << 18, n_sequences=1_024)
"""The parts of a pass. Its rows are many more for each residue: a probe has one for each label, layer and head."""


def fill_part(packs: Iterable[slice], lengths: Sequence[int], limits: PartLimits) -> Iterator[slice]:
    """Yield the packs of one part: those at the beginning of `packs` that keep within the limits, and always one.

    Args:
        packs: slices of consecutive sequences; they are taken one by one, as they are asked for.
        lengths: residues of each sequence.
        limits: the limits of the part; the seconds count from the first pack.
    """
    begin_s = time.perf_counter()
    n_residues, n_sequences = 0, 0

    for pack in packs:
        n_residues += sum(lengths[pack])
        n_sequences += pack.stop - pack.start
        is_beyond = n_residues > limits.n_residues or n_sequences > limits.n_sequences
        is_first = n_sequences == pack.stop - pack.start
        if not is_first and (is_beyond or time.perf_counter() - begin_s > limits.seconds):
            return
        yield pack


def cut_parts(lengths: Sequence[int], limits: PartLimits) -> Iterator[slice]:
    """Yield slices of consecutive sequences that are parts, whatever the time that each takes."""
    return cut_runs(Budget(lengths, limits.n_residues), Budget([1] * len(lengths), limits.n_sequences))
