"""How large a tile of the tiled path is: pure arithmetic, so that a plan can tell memory without loading torch."""

import math

TILE_ELEMENTS = 1 << 20
"""Attention weights in a tile: a float32 buffer of this size (4 MB) is kept per thread."""

MAX_TILE_ROWS = 128
"""Most query rows in a tile: more gain nothing in the products."""

FEWEST_TILE_ROWS = 8
"""Rows below which the products lose their speed; for a long sequence a tile takes fewer heads instead. With 8, even
titin keeps three heads to a tile: a tile of one head leaves nothing to share between threads."""


def choose_tile_shape(n_heads: int, n_tokens: int) -> tuple[int, int]:
    """Return heads and query rows of a tile over all `n_tokens` keys."""
    most = max(1, min(n_heads, TILE_ELEMENTS // (FEWEST_TILE_ROWS * n_tokens)))
    group = math.ceil(n_heads / math.ceil(n_heads / most))
    return group, max(1, min(MAX_TILE_ROWS, TILE_ELEMENTS // (group * n_tokens)))


def count_buffer_elements(n_heads: int, n_tokens: int) -> int:
    """Return the size of the buffer that holds a tile."""
    group, n_rows = choose_tile_shape(n_heads, n_tokens)
    return max(TILE_ELEMENTS, group * n_rows * n_tokens)


def predict_tile_bytes(n_heads: int, n_tokens: int) -> int:
    """Return the bytes that the tiled path holds beside its inputs and output, for a sequence of `n_tokens`."""
    buffer = 4 * count_buffer_elements(n_heads, n_tokens)
    sums = 4 * 8 * n_heads * n_tokens  # column sums in float64, and copies of them while they are finished
    return buffer + sums
