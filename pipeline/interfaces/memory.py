"""The memory of trials beyond the bound of a build: whole maps, and the block across of every head.

Axis letters: `T` tokens, `N` residues of a protein, `M` of its partner, `H` heads, `C` choices of heads.
"""

from collections.abc import Sequence

MAP_COPIES = 5
"""Whole maps of a head in memory at once: scores, softmax, and sums of parts in float64."""
BLOCK_COPIES = 3
"""Blocks across of a head in memory at once while it is measured, in addition to the block that is kept: scores, sorted
scores, and those of the other order."""
MAP_BYTES = 4
ROW_BYTES = 200
"""Bytes of a row of measures until it is written."""


def predict_trial_bytes(lengths: Sequence[int], *, n_heads: int, n_choices: int, n_rows: int) -> int:
    """Return a bound on the bytes of trials of pairs of these lengths, in residues of both.

    Args:
        lengths: residues of both proteins of each pair.
        n_heads: heads of a layer.
        n_choices: choices of fused heads that are measured at once; 0 if single heads are measured.
        n_rows: rows of a pair.
    """
    longest = max(lengths, default=0)
    largest_map = MAP_BYTES * (longest + 50) ** 2  # special tokens and a linker
    largest_block = MAP_BYTES * (longest // 2 + 1) ** 2
    return (
        MAP_COPIES * largest_map
        + (n_heads + BLOCK_COPIES + n_choices) * largest_block
        + ROW_BYTES * n_rows * len(lengths)
    )
