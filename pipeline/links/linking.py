"""The pass that writes `links`: the strongest attention weights between two residues, chosen by a rule (`choosing`).

Axis letters: `K` links of all sequences of a shard.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from attlas.pipeline.encoder.device_check import make_pack_runner
from attlas.pipeline.encoder.encoder import Encoder
from attlas.pipeline.encoder.guard import find_known_sequence
from attlas.pipeline.links.choosing import HUB_LINKS, Links, choose_links, join_links
from attlas.pipeline.links.gathering import GatherLinks
from attlas.pipeline.pass_task import (
    Columns,
    PassTask,
    SequencesById,
    ShardRows,
    TableRows,
    select_short_sequences,
)
from attlas.pipeline.plan import Plan, Shard, cut_packs
from attlas.schema import LINKS, AtlasPaths, Manifest
from attlas.schema.columns import LONG_RANGE
from attlas.schema.json_file import digest


@dataclass(frozen=True)
class LinkResidues(PassTask[SequencesById, list[Links | None]]):
    """Choose the links of every sequence.

    A sequence on which the attention is not finite has no rows and counts as failed.
    """

    floor: float
    """Attention from which on a weight may become a link."""
    per_residue: int
    """Links for each residue of a protein."""
    max_length: int | None
    """Longest sequence, residues; longer ones are left out."""

    @property
    def name(self) -> str:
        """The beginning of its files' names: the same settings on the same atlas give the same table."""
        rule = [HUB_LINKS, LONG_RANGE]
        return f"links-{digest([self.atlas_id, self.floor, self.per_residue, rule, self.max_length, self.inputs])}"

    @property
    def settings(self) -> Mapping[str, object]:
        """The settings that `links` declares."""
        return {"floor": self.floor, "per_residue": self.per_residue, "max_length": self.max_length}

    def select_sequences(self, paths: AtlasPaths, manifest: Manifest, shard: Shard) -> SequencesById:
        """Return the computed sequences of a shard that are not too long."""
        return select_short_sequences(paths, shard, self.max_length)

    def compute(self, encoder: Encoder, plan: Plan, sequences: SequencesById) -> list[Links | None]:
        """Return the links of each sequence, None where its attention is not finite. Raises as `PassTask.compute`."""

        def begin(pack: Sequence[str]) -> Callable[[], list[Links | None]]:
            return self._begin_pack(encoder, pack, plan.run.edge_theta)

        runner = make_pack_runner(
            encoder, begin=begin, is_finite=lambda links: links is not None, known_item=find_known_sequence(encoder)
        )
        letters = list(sequences.values())
        packs = cut_packs([len(sequence) for sequence in letters], encoder.limit_pack(plan.pack_tokens))
        return list(runner.run_all(letters[pack] for pack in packs))

    def make_rows(self, plan: Plan, sequences: SequencesById, results: list[Links | None]) -> ShardRows:
        """Return the rows of `links`."""
        return ShardRows(
            tables=[TableRows(LINKS, make_link_rows(list(sequences), results, n_heads=plan.run.n_heads))],
            lengths=[len(sequence) for sequence in sequences.values()],
            n_failed=sum(links is None for links in results),
        )

    def _begin_pack(self, encoder: Encoder, pack: Sequence[str], theta: float) -> Callable[[], list[Links | None]]:
        """Run a pack, and return a function that chooses its links."""
        gather = GatherLinks(floor=self.floor, per_residue=self.per_residue, n_layers=encoder.n_layers)
        encoder.start(pack, reduce=gather, theta=theta)

        def choose(candidates: Links | None, n_residues: int) -> Links | None:
            if candidates is None:
                return None
            return choose_links(candidates, n_residues=n_residues, per_residue=self.per_residue, theta=theta)

        def results() -> list[Links | None]:
            return [choose(*pair) for pair in zip(gather.candidates(), map(len, pack), strict=True)]

        return results


def make_link_rows(sequence_ids: Sequence[int], results: Sequence[Links | None], *, n_heads: int) -> Columns:
    """Return the links of all sequences as columns, each (K,); sequences without any have no rows."""
    computed = [(sequence_id, links) for sequence_id, links in zip(sequence_ids, results, strict=True) if links]
    links = join_links([links for _, links in computed])
    ids = np.array([sequence_id for sequence_id, _ in computed], np.int32)
    layer, head = np.divmod(links.head_index, n_heads)
    return {
        "sequence_id": np.repeat(ids, [len(links) for _, links in computed]),
        "layer": layer.astype(np.int16),
        "head": head.astype(np.int16),
        "i": links.i,
        "j": links.j,
        "weight": links.weight,
    }
