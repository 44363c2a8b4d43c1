"""The memory that pairs take of a process: that of inputs as long as both, the maps across, and the rows of a part.

Axis letters: `N` residues of both chains, `L` layers, `H` heads.
"""

from collections.abc import Sequence

from attlas.pipeline.links.memory import predict_link_bytes
from attlas.pipeline.model.files import ModelShape
from attlas.pipeline.packing import Budget, cut_runs
from attlas.pipeline.pairs.joining import Form, list_joined_lengths
from attlas.pipeline.part_limits import PartLimits, cut_parts
from attlas.pipeline.plan import N_SPECIAL_TOKENS, RESULT_COPIES, predict_shard_bytes

MAPS_PER_PACK = 1 << 26
"""Most pairs of residues in the maps across of one pack (256 MB each); an input with more stands alone."""

MAP_BYTES = 40
"""Bytes of a pair of residues across: two maps that layers are added to, their products, and the ranking."""

SUM_BYTES = 32
"""Bytes of a token in a head: what it receives within and across and what it gives, in float64, and a copy."""

HEAD_ROW_BYTES = 120
"""Bytes of a row of `pair_heads` until it is written."""

PART_ROWS = 1 << 19
"""Rows of `pair_heads` in a part, about."""


def limit_parts(n_rows_per_pair: int, n_inputs: int) -> PartLimits:
    """Return the limits of a part, of pairs with so many rows of heads and so many inputs each."""
    return PartLimits(n_residues=max(1, (1 << 18) // n_inputs), n_sequences=max(1, PART_ROWS // n_rows_per_pair))


def count_head_rows(n_layers: int, n_heads: int, *, n_forms: int, n_orders: int) -> int:
    """Return the rows of `pair_heads` of one pair: both directions, and the mean of two orders besides."""
    return 2 * n_forms * (3 if n_orders == 2 else 1) * n_layers * n_heads


def cut_input_packs(n_tokens: Sequence[int], n_across: Sequence[int], pack_tokens: int) -> list[slice]:
    """Return slices of consecutive inputs that fit a pack, in tokens and in pairs of residues across."""
    return list(cut_runs(Budget(n_tokens, pack_tokens), Budget(n_across, MAPS_PER_PACK)))


def predict_pair_bytes(
    lengths: Sequence[int],
    *,
    shape: ModelShape,
    forms: Sequence[Form],
    n_orders: int,
    pack_tokens: int,
    per_residue: int,
) -> int:
    """Return a bound on the memory of a process that computes pairs of these lengths, residues of both, bytes."""
    joined = list_joined_lengths(lengths, forms)
    model = predict_shard_bytes(joined, shape=shape, pack_tokens=pack_tokens)
    links = predict_link_bytes(
        joined, pack_tokens=pack_tokens, n_layers=shape.n_layers, n_heads=shape.n_heads, per_residue=per_residue
    )

    # Of a pair's maps across, a quarter of all pairs of its residues at most.
    longest = max(lengths)
    maps = MAP_BYTES * max(longest * longest // 4, min(MAPS_PER_PACK, longest * pack_tokens // 4))
    sums = SUM_BYTES * shape.n_heads * max(pack_tokens, max(joined) + N_SPECIAL_TOKENS)

    n_inputs = len(forms) * n_orders
    n_rows = count_head_rows(shape.n_layers, shape.n_heads, n_forms=len(forms), n_orders=n_orders)
    parts = list(cut_parts(lengths, limit_parts(n_rows, n_inputs)))
    n_pairs = max(part.stop - part.start for part in parts)
    n_residues = max(sum(lengths[part]) for part in parts)
    rows = n_pairs * n_rows * HEAD_ROW_BYTES + n_residues * len(forms) * (8 * shape.n_layers + 60)
    return int(model + links + maps + sums + RESULT_COPIES * rows)
