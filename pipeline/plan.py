"""The plan of a build: proteins and a run are cut into shards by cost and memory. Opens no file, loads no model.

Axis letters: `L` layers, `H` heads, `N` residues, `T = N + 2` tokens of a sequence.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from attlas.pipeline.attention.tiles import predict_tile_bytes
from attlas.pipeline.model.architectures import HOOKED, choose_attention, predict_map_bytes
from attlas.pipeline.model.files import ModelShape
from attlas.pipeline.packing import Budget, cut_runs
from attlas.pipeline.part_limits import PART_LIMITS
from attlas.pipeline.proteins.proteome import Protein
from attlas.schema.json_file import digest, from_json
from attlas.schema.run import Run

N_SPECIAL_TOKENS = 2

PACK_TOKENS = {"cpu": 1024, "cuda": 32_768}
"""Tokens run through the model at once, several sequences packed end to end; a longer sequence runs alone.
On a CPU the feed-forward activations of one pack should stay in the last-level cache."""

SHARD_RESIDUES = {"cpu": 32_768, "cuda": 16_777_216}
"""Largest cost of a shard, in residues of typical length: seconds of work on a CPU, and minutes on a GPU, so that the
largest inputs have about a thousand shards there. A kill costs the part that was being computed (`part_limits`)."""

FEWEST_SHARDS = 64
"""A small proteome is cut into about this many shards, so that all workers have work and progress is visible."""

SMALLEST_SHARD_RESIDUES = {device: 2 * tokens for device, tokens in PACK_TOKENS.items()}
"""Smallest cost of a shard, in residues of typical length: two packs, so that the device is not half empty."""

TYPICAL_LENGTH = 400
"""Residues; a cost in residues is the cost of proteins of this length."""


@dataclass(frozen=True)
class Shard:
    """Consecutive sequences that are computed and published together."""

    index: int
    """From 1, in order of `sequence_id`."""
    first_sequence_id: int
    end_sequence_id: int
    """One past the last."""
    n_residues: int
    cost: float
    """Predicted work, floating-point operations."""
    predicted_bytes: int
    """Bound on the memory of a process that computes it."""

    @property
    def n_sequences(self) -> int:
        """Return the number of distinct sequences."""
        return self.end_sequence_id - self.first_sequence_id


@dataclass(frozen=True)
class ShardTotals:
    """The shards of a plan in sum: what a task has to know of the others."""

    n_shards: int
    n_sequences: int
    n_residues: int
    cost: float
    """Predicted work, floating-point operations."""
    digest: str
    """Digest over every number of every shard."""


def sum_shards(shards: Sequence[Shard]) -> ShardTotals:
    """Return the sums of all shards, and their digest."""
    columns = list_shard_columns(shards)
    values = hashlib.sha256()
    for name, column in columns.items():
        values.update(name.encode() + column.astype("<f8" if column.dtype.kind == "f" else "<i8").tobytes())
    return ShardTotals(
        n_shards=len(shards),
        n_sequences=shards[-1].end_sequence_id if shards else 0,
        n_residues=int(columns["n_residues"].sum()),
        cost=float(columns["cost"].sum()),
        digest=values.hexdigest()[:16],
    )


def list_shard_columns(shards: Sequence[Shard]) -> dict[str, NDArray[Any]]:
    """Return the numbers of shards, an array for each field of Shard."""
    kinds = {"cost": np.float64}
    names = Shard.__dataclass_fields__
    return {name: np.array([getattr(shard, name) for shard in shards], kinds.get(name, np.int64)) for name in names}


@dataclass(frozen=True)
class Plan:
    """The run, the input and the shards of a build: equal plans give equal tables."""

    run: Run
    source: str
    """Names of the input files."""
    source_sha256: str
    n_records: int
    proteins_digest: str
    """Digest over accession, header and sequence of every protein, in order of accession."""
    model_directory: str
    """Directory of the model's files; not part of the plan's identity."""
    pack_tokens: int
    totals: ShardTotals
    shards: Sequence[Shard] = field(default=(), compare=False)
    """All shards; of a plan that was read from a directory, one is read when it is asked for."""

    @cached_property
    def plan_id(self) -> str:
        """Return the identity of the plan, which becomes the atlas id: input, run, pack size and shards."""
        return digest([self.run.run_id, self.proteins_digest, self.pack_tokens, asdict(self.totals)])

    def describe_changes(self, plan: Self) -> list[str]:
        """Return a line for each difference of `plan` from this plan, in the words of the command line."""
        lines = self.run.describe_changes(plan.run)
        if self.proteins_digest != plan.proteins_digest:
            lines.append(
                f"input: {self.source} (sha256 {self.source_sha256[:12]}) -> "
                f"{plan.source} (sha256 {plan.source_sha256[:12]})"
            )
        if not lines and self.plan_id != plan.plan_id:
            lines.append("shards: cut differently by another version of attlas")
        return lines

    def to_json(self) -> dict[str, Any]:
        """Return the plan without its single shards as plain JSON values."""
        values = {name: getattr(self, name) for name in self.__dataclass_fields__ if name != "shards"}
        return {"plan_id": self.plan_id, **values, "run": self.run.to_json(), "totals": asdict(self.totals)}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Self:
        """Return the plan that `to_json` wrote, without its shards. Raises IllTypedError for values of other types."""
        return from_json(cls, {name: value for name, value in values.items() if name != "plan_id"})


def order_sequences(proteins: Sequence[Protein]) -> list[str]:
    """Return the distinct sequences to compute, by length, then MD5; the place of a sequence is its `sequence_id`.

    The order does not depend on the order of the input.
    """
    distinct = {protein.md5: protein.sequence for protein in proteins if protein.reason is None}
    return [distinct[md5] for md5 in sorted(distinct, key=lambda md5: (len(distinct[md5]), md5))]


def cut_shards(
    lengths: Sequence[int] | NDArray[np.integer[Any]], *, shape: ModelShape, device: str, attention: str | None = None
) -> tuple[Shard, ...]:
    """Cut sequences, given by their ascending lengths in residues, into shards of about equal predicted cost.

    `attention` is the reduction of the run; None: that of the architecture.
    """
    all_lengths = np.asarray(lengths, np.int64)
    distinct_lengths, places = np.unique(all_lengths, return_inverse=True)
    costs = np.array([predict_cost(length, shape) for length in distinct_lengths.tolist()], np.float64)[places]

    largest = predict_cost(TYPICAL_LENGTH, shape) * SHARD_RESIDUES[device] / TYPICAL_LENGTH
    smallest = predict_cost(TYPICAL_LENGTH, shape) * SMALLEST_SHARD_RESIDUES[device] / TYPICAL_LENGTH
    target = min(largest, max(smallest, float(costs.sum()) / FEWEST_SHARDS))
    attention = attention or choose_attention(shape.architecture, device)
    pack_tokens = choose_pack_tokens(attention, device)

    shards: list[Shard] = []
    for part in _cut_by_cost(costs, target):
        shards.append(
            Shard(
                index=len(shards) + 1,
                first_sequence_id=part.start,
                end_sequence_id=part.stop,
                n_residues=int(all_lengths[part].sum()),
                cost=float(costs[part].sum()),
                predicted_bytes=predict_shard_bytes(
                    all_lengths[part], shape=shape, pack_tokens=pack_tokens, attention=attention
                ),
            )
        )
    return tuple(shards)


def _cut_by_cost(costs: NDArray[np.float64], largest: float) -> Iterator[slice]:
    """Yield slices of consecutive sequences that cost at most `largest`; one that costs more stands alone."""
    sums = np.concatenate([[0.0], np.cumsum(costs)])
    begin = 0
    while begin < len(costs):
        end = int(np.searchsorted(sums, sums[begin] + largest, side="right")) - 1
        end = max(end, begin + 1)
        yield slice(begin, end)
        begin = end


def choose_pack_tokens(attention: str, device: str) -> int:
    """Return the most tokens of a pack: 1, so that every sequence runs alone, where a model's own maps are read."""
    return 1 if attention == HOOKED else PACK_TOKENS[device]


def cut_packs(lengths: Sequence[int], pack_tokens: int) -> Iterator[slice]:
    """Yield slices of consecutive sequences whose tokens fit a pack; a sequence longer than a pack stands alone."""
    return cut_runs(make_token_budget(lengths, pack_tokens))


def make_token_budget(lengths: Sequence[int], pack_tokens: int) -> Budget:
    """Return the budget of tokens that sequences of these lengths, in residues, share in a pack."""
    return Budget([length + N_SPECIAL_TOKENS for length in lengths], pack_tokens)


def predict_cost(length: int, shape: ModelShape) -> float:
    """Return the floating-point operations of one sequence: its linear layers, and its attention with statistics."""
    tokens = length + N_SPECIAL_TOKENS
    linear = 2 * (4 * shape.width * shape.heads_width + 2 * shape.width * shape.feed_forward)

    # q k and p v are 4 T per unit of width, at two thirds of the rate of the linear layers where heads are narrow; the
    # compiled pass between them takes as long as 50 operations per weight of a head (docs/log.md).
    attention = 6 * tokens * shape.heads_width + 50 * tokens * shape.n_heads
    return float(tokens * shape.n_layers * (linear + attention))


def predict_shard_bytes(
    lengths: Sequence[int] | NDArray[np.integer[Any]],
    *,
    shape: ModelShape,
    pack_tokens: int,
    attention: str = "tiled",
) -> int:
    """Return a bound on the memory of a process that computes sequences of these lengths, bytes.

    Its terms: the interpreter with its libraries, the weights while they load, the activations of the largest pack,
    the tiles of the longest sequence, its map where `attention` holds a whole one, and the results of a part of the
    shard until they are written.
    """
    total_residues = int(np.sum(lengths, dtype=np.int64))
    longest = int(np.max(lengths)) + N_SPECIAL_TOKENS
    largest_pack = min(total_residues + N_SPECIAL_TOKENS * len(lengths), max(pack_tokens, longest))
    activations = largest_pack * predict_activation_bytes(shape, n_bytes=4)
    tiles = predict_tile_bytes(shape.n_heads, longest) + predict_map_bytes(attention, shape.n_heads, longest)

    # A part keeps within its limits, unless a pack alone is beyond them.
    most_of_pack = max(1, pack_tokens // (int(np.min(lengths)) + N_SPECIAL_TOKENS))
    n_residues = min(total_residues, max(PART_LIMITS.n_residues, largest_pack))
    n_sequences = min(len(lengths), max(PART_LIMITS.n_sequences, most_of_pack))
    per_residue = RESULT_COPIES * (4 * shape.n_layers + 20)
    per_head = RESULT_COPIES * 64
    results = n_residues * per_residue + n_sequences * shape.n_layers * shape.n_heads * per_head
    return _predict_shared_bytes(shape) + activations + tiles + results


def predict_process_bytes(shards: Sequence[Shard], *, shape: ModelShape, n_at_once: int) -> int:
    """Return a bound on the memory of a process that computes `n_at_once` shards side by side; 0 without shards.

    They share the libraries and the weights; for the rest the largest shards may meet.
    """
    shared = _predict_shared_bytes(shape)
    largest = sorted((shard.predicted_bytes - shared for shard in shards), reverse=True)[:n_at_once]
    return shared + sum(largest) if largest else 0


def _predict_shared_bytes(shape: ModelShape) -> int:
    """Return the memory of a process before its first sequence: libraries, and the weights while they load, bytes."""
    return PROCESS_BYTES + 2 * shape.weight_bytes


def predict_activation_bytes(shape: ModelShape, *, n_bytes: int) -> int:
    """Return the most bytes of a token while it passes a layer, with values of `n_bytes` each."""
    return n_bytes * (6 * shape.width + 4 * shape.heads_width + 4 * shape.feed_forward)


def count_fitting_tokens(free_bytes: int, shape: ModelShape, *, n_bytes: int) -> int:
    """Return the number of tokens that fit the free memory of a device at once, after the weights were loaded.

    Half of the memory is used: the cache of an allocator is in pieces, and other programs may need memory.
    """
    return max(1, free_bytes // 2 // predict_activation_bytes(shape, n_bytes=n_bytes))


PROCESS_BYTES = 1200 << 20
"""Resident memory of a worker besides the terms above: Python, torch with its compiler, transformers, numba,
distributed, pyarrow. Measured on the 66 shards of *B. subtilis*: at most 1,137 MiB above those terms."""

RESULT_COPIES = 3
"""The results of a part exist as arrays, as an Arrow table and as the buffers of a file at once."""


def predict_disk_bytes(n_residues: int, n_sequences: int, n_layers: int, n_heads: int) -> int:
    """Return the expected size on disk of the tables, from what atlases of real proteomes took (docs/log.md)."""
    per_residue = 1.8 * n_layers + 2
    per_sequence = 42 * n_layers * n_heads + 600
    return int(n_residues * per_residue + n_sequences * per_sequence)
