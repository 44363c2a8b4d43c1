"""A plan of one shard: computed whole, or in parts that are interrupted."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from attlas.pipeline.build import make_plan
from attlas.pipeline.drafting import Options, draft_plan
from attlas.pipeline.encoder.encoder import Encoder
from attlas.pipeline.part_limits import PartLimits
from attlas.pipeline.plan import Plan
from attlas.pipeline.shard import encode_shard
from attlas.schema import AtlasPaths, Receipt
from helpers.building import digests, leftovers


def plan_one_shard(source: Path, out: Path, model: Path) -> Plan:
    """Plan an atlas of so few proteins that they are one shard."""
    plan = make_plan(draft_plan(str(source), Options(str(model), device="cpu")), AtlasPaths(out))
    assert len(plan.shards) == 1
    return plan


@dataclass(frozen=True)
class ShardCase:
    """A plan of one shard and of several packs, and the files that an uninterrupted process makes of it."""

    planned: Path
    plan: Plan
    expected: dict[str, str]

    def copy(self, folder: Path) -> AtlasPaths:
        """Return a copy of the planned atlas, of which nothing is computed yet."""
        return AtlasPaths(shutil.copytree(self.planned, folder))

    def encode(self, paths: AtlasPaths, encoder: Encoder, *, n_residues: int = 1, n_sequences: int = 1) -> Receipt:
        """Compute the shard, in parts of so many residues or sequences: a pack is a part, unless more are allowed."""
        limits = PartLimits(n_residues=n_residues, n_sequences=n_sequences)
        return encode_shard(paths, self.plan, self.plan.shards[0], encoder, limits=limits)

    def assert_finished(self, paths: AtlasPaths) -> None:
        """Compare the files with those of an uninterrupted process; nothing else is left."""
        assert digests(paths.root) == self.expected
        assert not paths.parts.exists()
        assert leftovers(paths.root) == []
        receipt = Receipt.read(paths.receipt(1))
        shard = self.plan.shards[0]
        assert (receipt.n_sequences, receipt.n_failed, receipt.n_residues) == (shard.n_sequences, 0, shard.n_residues)


def list_parts(paths: AtlasPaths) -> list[Path]:
    """Return the records of the closed parts."""
    return sorted(paths.parts.rglob("*.json"))
