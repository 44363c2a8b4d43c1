"""The memory that links take besides what the build's bound counts: the gathered candidates, and the rows of a part.

Axis letters: `N` residues, `H` heads.
"""

from collections.abc import Sequence

from attlas.pipeline.links.choosing import HUB_LINKS, THIN_FACTOR
from attlas.pipeline.part_limits import PASS_PART_LIMITS, cut_parts
from attlas.pipeline.plan import RESULT_COPIES, cut_packs

STRONGEST_BYTES = 24
"""Bytes of a strongest weight of a layer: the weight, its query, and the indices by which it becomes a link."""

CANDIDATE_BYTES = 16
"""Bytes of a gathered candidate: head, i, j and weight."""

SORTING_BYTES = 80
"""Bytes of a candidate while those of one sequence are sorted: two copies, the order and its buffers."""

ROW_BYTES = 24
"""Bytes of a row of `links` until it is written."""


def predict_link_bytes(
    lengths: Sequence[int], *, pack_tokens: int, n_layers: int, n_heads: int, per_residue: int
) -> int:
    """Return the bytes that a process needs for the links of sequences of these lengths, besides the build's."""
    budgets = [max(per_residue * length, n_layers * n_heads) for length in lengths]
    strongest = [HUB_LINKS * n_heads * length for length in lengths]

    # Before they are thinned, the candidates of a layer are in memory with those gathered.
    gathered = [THIN_FACTOR * budget + new for budget, new in zip(budgets, strongest, strict=True)]
    packs = list(cut_packs(lengths, pack_tokens))
    largest_pack = max(
        (CANDIDATE_BYTES * sum(gathered[pack]) + STRONGEST_BYTES * sum(strongest[pack]) for pack in packs), default=0
    )
    sorting = SORTING_BYTES * max(gathered, default=0)
    n_rows = max((sum(budgets[part]) for part in cut_parts(lengths, PASS_PART_LIMITS)), default=0)
    return largest_pack + sorting + RESULT_COPIES * ROW_BYTES * n_rows
