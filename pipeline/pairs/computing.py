"""The pass over pairs: two proteins run through the model as one input, in every form and order of the settings."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path

from attlas.pipeline.contacts.contact_head import ContactHead, find_contact_head
from attlas.pipeline.contacts.fused_heads import make_mean
from attlas.pipeline.contacts.head_choice import Head, spell_heads
from attlas.pipeline.contacts.pairs import DEFAULT_FLOOR, KEPT_PER_RESIDUE
from attlas.pipeline.encoder.device_check import make_pack_runner
from attlas.pipeline.encoder.encoder import Encoder
from attlas.pipeline.links.choosing import HUB_LINKS
from attlas.pipeline.pairs.combining import TurnedAttention, combine_orders, turn_attention
from attlas.pipeline.pairs.gathering import JoinedAttention, PairReduction, ReduceToPairs
from attlas.pipeline.pairs.joining import LINKER, Form, JoinedInput, Order, join_sequences
from attlas.pipeline.pairs.memory import count_head_rows, cut_input_packs, limit_parts
from attlas.pipeline.pairs.plan_file import find_plan_file, read_pair_shards, read_shard_pairs
from attlas.pipeline.pairs.planning import PairOfSequences
from attlas.pipeline.pairs.rows import PairAttention, list_tables
from attlas.pipeline.pairs.segmenting import N_PAIR_SEGMENTS
from attlas.pipeline.pairs.supported_forms import refuse_unsupported_forms
from attlas.pipeline.pass_task import PassTask, ShardRows, compute_shard
from attlas.pipeline.plan import Plan, Shard
from attlas.schema import AtlasPaths, Manifest, Receipt
from attlas.schema.json_file import digest


@dataclass(frozen=True)
class PairInput:
    """One input of a pair."""

    pair_index: int
    """Place of the pair among those that are computed together."""
    form: Form
    order: Order
    joined: JoinedInput
    is_mirrored: bool
    """Whether both proteins have the same sequence."""


@dataclass(frozen=True)
class ComputePairs(PassTask[list[PairOfSequences], list[PairAttention | None]]):
    """Compute pairs of proteins.

    A pair on which the attention is not finite, in any form or order, has no rows and counts as failed.
    """

    plan_digest: str
    """Digest of the plan of the pairs, which its file has in its name."""
    forms: tuple[Form, ...]
    orders: tuple[Order, ...]
    gap: int
    """Positions without letters, in the form `gap`."""
    floor: float
    """Attention from which on a weight across may become a link."""
    per_residue: int
    """Links across for each residue of both proteins."""
    heads: tuple[Head, ...] | None
    """Heads that are fused to a score of contacts, in order of rank."""
    max_length: int | None
    """Most residues of both; longer pairs were left out when the pass was planned."""
    has_segments: bool = False
    """Whether `pair_segments` is filled."""

    @property
    def name(self) -> str:
        """The beginning of its files' names: the same pairs and settings on the same atlas give the same tables."""
        rule = [HUB_LINKS, LINKER, DEFAULT_FLOOR, KEPT_PER_RESIDUE]
        values = [self.atlas_id, self.inputs, self.plan_digest, dict(self.settings), rule]
        if self.has_segments:
            values.append([N_PAIR_SEGMENTS])
        return f"pairs-{digest(values)}"

    @property
    def settings(self) -> Mapping[str, object]:
        """The settings that the tables of pairs declare."""
        return {
            "forms": " ".join(self.forms),
            "orders": " ".join(self.orders),
            "gap": self.gap if "gap" in self.forms else None,
            "max_length": self.max_length,
            "floor": self.floor,
            "per_residue": self.per_residue,
            "heads": None if self.heads is None else spell_heads(self.heads),
        }

    def __call__(self, root: str, index: int, n_threads: int) -> Receipt:
        """Compute shard `index` in this process, publish its files and its receipt, and return the receipt."""
        from attlas.pipeline.directory import read_plan

        run = read_plan(AtlasPaths(Path(root))).run
        n_rows = count_head_rows(run.n_layers, run.n_heads, n_forms=len(self.forms), n_orders=len(self.orders))
        if self.has_segments:
            n_rows += len(self.forms) * run.n_layers * N_PAIR_SEGMENTS**2
        limits = limit_parts(n_rows, len(self.forms) * len(self.orders))
        return compute_shard(self, root, index, n_threads, limits=limits)

    def find_shard(self, paths: AtlasPaths, plan: Plan, index: int) -> Shard:
        """Return shard `index` of the plan of pairs."""
        return read_pair_shards(find_plan_file(paths, self.plan_digest))[index - 1]

    def read_lengths(self, paths: AtlasPaths, shard: Shard) -> list[int]:
        """Return the residues of each pair of a shard."""
        return [pair.length for pair in self._read_pairs(paths, shard)]

    def select_sequences(self, paths: AtlasPaths, manifest: Manifest, shard: Shard) -> list[PairOfSequences]:
        """Return the pairs of a part of a shard."""
        begin, end = shard.first_sequence_id, shard.end_sequence_id
        return [pair for pair in self._read_pairs(paths, shard) if begin <= pair.pair.pair_id < end]

    def compute(self, encoder: Encoder, plan: Plan, sequences: list[PairOfSequences]) -> list[PairAttention | None]:
        """Return the kept attention of each pair, None if it is not finite. Raises as `PassTask.compute`."""
        refuse_unsupported_forms(encoder, self.forms)
        settings = self.choose_reduction(encoder, plan)
        inputs = self._make_inputs(encoder, sequences)

        def begin(pack: Sequence[PairInput]) -> Callable[[], list[JoinedAttention | None]]:
            reduction = ReduceToPairs(
                [pair_input.joined for pair_input in pack],
                [pair_input.is_mirrored for pair_input in pack],
                settings,
                n_layers=encoder.n_layers,
            )
            encoder.start_inputs([pair_input.joined.tokens for pair_input in pack], reduce=reduction)
            return reduction.results

        runner = make_pack_runner(encoder, begin=begin, is_finite=lambda attention: attention is not None)
        packs = cut_input_packs(
            [len(pair_input.joined) for pair_input in inputs],
            [prod(pair_input.joined.lengths) for pair_input in inputs],
            encoder.limit_pack(plan.pack_tokens),
        )
        results = runner.run_all(inputs[pack] for pack in packs)

        # The inputs of a pair follow one another: its maps are kept no longer than until its last one.
        n_inputs = len(self.forms) * len(self.orders)
        kept: list[PairAttention | None] = []
        for n in range(len(sequences)):
            pair_inputs = inputs[n * n_inputs : (n + 1) * n_inputs]
            kept.append(self._keep([(pair_input, next(results)) for pair_input in pair_inputs]))
        return kept

    def make_rows(self, plan: Plan, sequences: list[PairOfSequences], results: list[PairAttention | None]) -> ShardRows:
        """Return the rows of the tables."""
        n_inputs = len(self.forms) * len(self.orders)
        return ShardRows(
            tables=list_tables(
                sequences,
                results,
                n_layers=plan.run.n_layers,
                n_heads=plan.run.n_heads,
                has_segments=self.has_segments,
            ),
            lengths=[pair.length * n_inputs for pair in sequences],
            n_failed=sum(attention is None for attention in results),
        )

    def choose_reduction(self, encoder: Encoder, plan: Plan) -> PairReduction:
        """Return the reduction of the attention on every input."""
        has_contact_head = getattr(encoder.model, "contact_head", None) is not None
        contact_head: ContactHead | None = find_contact_head(encoder) if has_contact_head else None
        fused_heads = None if self.heads is None else make_mean(encoder, self.heads)
        return PairReduction(
            plan.run.edge_theta, self.floor, self.per_residue, contact_head, fused_heads, self.has_segments
        )

    def _make_inputs(self, encoder: Encoder, pairs: Sequence[PairOfSequences]) -> list[PairInput]:
        """Return the inputs of every pair, in each form and order."""
        return [
            PairInput(
                pair_index=n,
                form=form,
                order=order,
                joined=join_sequences(
                    pair.sequences if order == "forward" else (pair.sequences[1], pair.sequences[0]),
                    form,
                    vocabulary=encoder.vocabulary,
                    filler=encoder.filler,
                    gap=self.gap,
                ),
                is_mirrored=pair.sequences[0] == pair.sequences[1],
            )
            for n, pair in enumerate(pairs)
            for form in self.forms
            for order in self.orders
        ]

    def _keep(self, results: Sequence[tuple[PairInput, JoinedAttention | None]]) -> PairAttention | None:
        """Return the kept attention of one pair, from that on each of its inputs."""
        turned: dict[Form, dict[Order, TurnedAttention]] = {form: {} for form in self.forms}
        for pair_input, attention in results:
            if attention is not None:
                turned[pair_input.form][pair_input.order] = turn_attention(
                    attention, pair_input.joined, pair_input.order
                )
        if any(attention is None for _, attention in results):
            return None
        return {form: combine_orders(by_order) for form, by_order in turned.items()}

    def _read_pairs(self, paths: AtlasPaths, shard: Shard) -> list[PairOfSequences]:
        return read_shard_pairs(find_plan_file(paths, self.plan_digest), shard.index)
