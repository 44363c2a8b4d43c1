"""The state of a build, from the names of its receipts; the receipts are read only where that is soon done."""

from dataclasses import dataclass

from attlas.pipeline.directory import read_plan
from attlas.pipeline.plan import Plan, Shard
from attlas.pipeline.receipts import list_finished, read_intact_receipts
from attlas.pipeline.shard_parts import count_closed_sequences
from attlas.schema import AtlasPaths

MOST_RECEIPTS_READ = 2_000
"""Most receipts that `status` reads without `--verify`; it takes about a tenth of a second."""


@dataclass(frozen=True)
class BuildStatus:
    """The state of a build: its plan, the finished shards, and whether the atlas is sealed."""

    plan: Plan
    finished: frozenset[int]
    """Indexes of the shards that have a receipt; where receipts were read, of those whose files are there, too."""
    n_failed: int | None
    """Sequences that failed; None where the receipts were not read."""
    is_sealed: bool
    n_sequences_in_parts: int
    """Sequences of unfinished shards that are in closed parts: the shards go on after them."""

    @property
    def missing(self) -> list[Shard]:
        """Return the shards that are not finished."""
        return [shard for shard in self.plan.shards if shard.index not in self.finished]

    @property
    def n_sequences_done(self) -> int:
        """Return the number of sequences of the finished shards, those that failed included."""
        return sum(shard.n_sequences for shard in self.plan.shards if shard.index in self.finished)


def read_status(paths: AtlasPaths, *, is_verifying: bool = False) -> BuildStatus:
    """Read the state of the build in a directory.

    The names of the receipts tell which shards are finished. Receipts are read, and the sizes of the files that they
    name compared, if there are few of them or `is_verifying`.
    """
    plan = read_plan(paths)
    finished = list_finished(paths) & {shard.index for shard in plan.shards}
    n_failed = None
    if is_verifying or len(finished) <= MOST_RECEIPTS_READ:
        receipts = read_intact_receipts(paths, plan, plan.shards, by_digest=False)
        finished = set(receipts)
        n_failed = sum(receipt.n_failed for receipt in receipts.values())

    is_sealed = paths.manifest.is_file() and len(finished) == len(plan.shards)
    return BuildStatus(plan, frozenset(finished), n_failed, is_sealed, count_closed_sequences(paths))
