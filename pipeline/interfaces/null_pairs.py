"""The pass over the nulls of labelled pairs: the numbers of heads with the partner swapped, and with letters shuffled.

The inputs are made, run and reduced as in `attlas pairs`; only the numbers of heads are kept.

Axis letters: `L` layers, `H` heads, `K` rows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property, partial

import numpy as np
from numpy.typing import NDArray

from attlas.pipeline.encoder.encoder import Encoder
from attlas.pipeline.interfaces.judged_pairs import JudgedPair, read_letters
from attlas.pipeline.interfaces.judging import SHUFFLED, SWAPPED
from attlas.pipeline.interfaces.nulls import shuffle_letters
from attlas.pipeline.pairs.combining import FormAttention
from attlas.pipeline.pairs.computing import ComputePairs
from attlas.pipeline.pairs.gathering import HEAD_NUMBERS, PairReduction
from attlas.pipeline.pairs.joining import ORDERS
from attlas.pipeline.pairs.planning import PairOfSequences, PlannedPair
from attlas.pipeline.pairs.rows import PairAttention
from attlas.pipeline.pass_task import ShardRows, TableRows
from attlas.pipeline.plan import Plan, Shard
from attlas.schema import PAIR_NULLS, AtlasPaths, Manifest
from attlas.schema.json_file import digest

STATISTICS = ("across_share", "entropy_across", "max_across", "n_edges_across")
"""The numbers of heads that are kept, columns of `pair_heads`."""

NO_LINKS = 2.0
"""A floor that no attention reaches: links are not kept."""

RULE = 1
"""Version of how nulls are made; a new version means new numbers."""


@dataclass(frozen=True)
class NullPair:
    """A labelled pair with its partner swapped, or with the letters of both shuffled."""

    pair: JudgedPair
    kind: str
    partner: str
    """Accession of the partner; for the kind `swapped`, the partner of another pair."""


@dataclass(frozen=True)
class NullOfSequences(PairOfSequences):
    """A null with its sequences, which is computed like a pair."""

    null: NullPair


@dataclass(frozen=True, kw_only=True)
class ComputeNulls(ComputePairs):
    """Compute the nulls of labelled pairs; one whose attention is not finite has no rows and counts as failed."""

    labelled: tuple[JudgedPair, ...]
    """The labelled pairs in order of `pair_id`; a shard is a range of places in this order."""
    shards: tuple[Shard, ...]
    seed: int
    groups: str
    """The source of the homology groups, in words."""

    @property
    def name(self) -> str:
        """The beginning of its files' names: the same pairs and settings on the same atlas give the same rows."""
        return f"binders-{self.identity}"

    @cached_property
    def identity(self) -> str:
        """The digest of pairs, settings and tables."""
        cuts = [[shard.first_sequence_id, shard.end_sequence_id] for shard in self.shards]
        pairs = [list(asdict(pair).values()) for pair in self.labelled]
        return digest([RULE, self.atlas_id, self.inputs, pairs, cuts, dict(self.settings)])

    @cached_property
    def partners(self) -> Mapping[int, str]:
        """The partner of each labelled pair, by `pair_id`."""
        return {pair.pair_id: pair.partner for pair in self.labelled}

    @property
    def settings(self) -> Mapping[str, object]:
        """The settings that `pair_nulls` declares."""
        return {
            "forms": " ".join(self.forms),
            "orders": " ".join(self.orders),
            "gap": self.gap if "gap" in self.forms else None,
            "seed": self.seed,
            "groups": self.groups,
        }

    def find_shard(self, paths: AtlasPaths, plan: Plan, index: int) -> Shard:
        """Return shard `index` (from 1) of the labelled pairs."""
        return self.shards[index - 1]

    def read_lengths(self, paths: AtlasPaths, shard: Shard) -> list[int]:
        """Return the residues of each pair of a shard."""
        return [pair.n_residues for pair in self.labelled[shard.first_sequence_id : shard.end_sequence_id]]

    def select_sequences(self, paths: AtlasPaths, manifest: Manifest, shard: Shard) -> list[PairOfSequences]:
        """Return the nulls of the pairs of a part of a shard, in order of pair and kind."""
        pairs = self.labelled[shard.first_sequence_id : shard.end_sequence_id]
        nulls = [null for pair in pairs for null in self._list_nulls(pair)]
        letters = read_letters(paths, {name for null in nulls for name in (null.pair.accession, null.partner)})

        shuffle = partial(shuffle_letters, seed=self.seed)
        selected: list[PairOfSequences] = []
        for null in nulls:
            accession, partner = null.pair.accession, null.partner
            sequences = letters[accession].letters, letters[partner].letters
            if null.kind == SHUFFLED:
                sequences = (
                    shuffle(sequences[0], name=f"{accession} of {accession} {partner}"),
                    shuffle(sequences[1], name=f"partner of {accession} {partner}"),
                )
            selected.append(NullOfSequences(_plan_null(null, sequences), sequences, null))
        return selected

    def _list_nulls(self, pair: JudgedPair) -> list[NullPair]:
        """Return the nulls of a pair; if all pairs are in one homology group, no partner is swapped."""
        nulls = [NullPair(pair, SHUFFLED, pair.partner)]
        if pair.swapped is not None:
            nulls.append(NullPair(pair, SWAPPED, self.partners[pair.swapped]))
        return nulls

    def choose_reduction(self, encoder: Encoder, plan: Plan) -> PairReduction:
        """Return the reduction of the attention on every input: the numbers of heads, no links and no contacts."""
        return PairReduction(plan.run.edge_theta, NO_LINKS, self.per_residue, contact_head=None, fused_heads=None)

    def make_rows(self, plan: Plan, sequences: list[PairOfSequences], results: list[PairAttention | None]) -> ShardRows:
        """Return the rows of `pair_nulls`, in its order."""
        computed = [
            (pair.null, forms)
            for pair, forms in zip(sequences, results, strict=True)
            if forms is not None and isinstance(pair, NullOfSequences)
        ]
        rows = sorted(
            ((null, form, forms[form]) for null, forms in computed for form in forms),
            key=lambda row: (row[0].pair.pair_id, row[1], row[0].kind),
        )

        n_inputs = len(self.forms) * len(self.orders)
        return ShardRows(
            tables=[TableRows(PAIR_NULLS, _list_columns(rows, plan.run.n_layers, plan.run.n_heads))],
            lengths=[pair.length * n_inputs for pair in sequences],
            n_failed=sum(attention is None for attention in results),
        )


def average_statistics(attention: FormAttention) -> NDArray[np.float32]:
    """Return the STATISTICS of each head, (L, H, 4): the means of both directions, and of all orders that ran."""
    by_order = np.stack([attention.heads[order] for order in ORDERS if order in attention.heads])
    means = by_order.mean((0, 1), dtype=np.float64)  # (L, H, 9)
    places = [HEAD_NUMBERS.index(name) for name in STATISTICS]
    return np.asarray(means[..., places], np.float32)


def _list_columns(
    rows: Sequence[tuple[NullPair, str, FormAttention]], n_layers: int, n_heads: int
) -> dict[str, object]:
    """Return the columns of `pair_nulls` of nulls in a form."""
    n_maps = n_layers * n_heads
    layer, head = np.divmod(np.arange(n_maps), n_heads)

    # Values of a null, which are repeated for each of its heads.
    names: dict[str, Sequence[object]] = {
        "pair_id": [null.pair.pair_id for null, _, _ in rows],
        "sequence_id": [null.pair.sequence_id for null, _, _ in rows],
        "accession": [null.pair.accession for null, _, _ in rows],
        "partner": [null.partner for null, _, _ in rows],
        "homology_group": [null.pair.group for null, _, _ in rows],
        "form": [form for _, form, _ in rows],
        "kind": [null.kind for null, _, _ in rows],
    }

    empty = np.empty((0, len(STATISTICS)), np.float32)
    numbers = np.concatenate([empty, *(average_statistics(attention).reshape(n_maps, -1) for _, _, attention in rows)])
    return {
        **{name: [value for value in values for _ in range(n_maps)] for name, values in names.items()},
        "layer": np.tile(layer, len(rows)),
        "head": np.tile(head, len(rows)),
        **dict(zip(STATISTICS, numbers.T, strict=True)),
    }


def _plan_null(null: NullPair, sequences: tuple[str, str]) -> PlannedPair:
    """Return a null as a planned pair that comes from no line of a file."""
    return PlannedPair(
        pair_id=null.pair.pair_id,
        accession=null.pair.accession,
        partner=null.partner,
        sequence_id=null.pair.sequence_id,
        partner_sequence_id=None,
        n_residues=sum(map(len, sequences)),
        label=None,
        score=None,
        reason=None,
        source="",
        line=0,
    )
