"""The tiles of the tiled path and their size: arithmetic alone, so that a plan predicts memory without torch."""

import math
from dataclasses import dataclass

TILE_ELEMENTS = 1 << 20
"""Attention weights in a tile: a float32 buffer of this size (4 MB) is kept per thread."""

MAX_TILE_ROWS = 128
"""Largest number of query rows in a tile: more do not make the products faster."""

FEWEST_TILE_ROWS = 8
"""Rows below which the products are slow; for a long sequence a tile has fewer heads instead. With 8 rows even titin
has three heads in a tile: a tile of one head leaves nothing to share between threads."""


@dataclass(frozen=True)
class Tile:
    """The place of a tile: heads and query rows of one sequence, over all its keys."""

    sequence: int
    heads: slice
    tokens: slice
    """The sequence's tokens along the pack."""
    first_row: int
    """The first query row, counted in the sequence."""


def choose_tile_shape(n_heads: int, n_tokens: int) -> tuple[int, int]:
    """Return the numbers of heads and query rows of a tile over all `n_tokens` keys."""
    max_group = max(1, min(n_heads, TILE_ELEMENTS // (FEWEST_TILE_ROWS * n_tokens)))
    group = math.ceil(n_heads / math.ceil(n_heads / max_group))
    return group, max(1, min(MAX_TILE_ROWS, TILE_ELEMENTS // (group * n_tokens)))


def count_buffer_elements(n_heads: int, n_tokens: int) -> int:
    """Return the number of elements of the buffer that holds a tile."""
    group, n_rows = choose_tile_shape(n_heads, n_tokens)
    return max(TILE_ELEMENTS, group * n_rows * n_tokens)


def predict_tile_bytes(n_heads: int, n_tokens: int) -> int:
    """Return the bytes that the tiled path needs besides its inputs and output, for a sequence of `n_tokens`."""
    buffer = 4 * count_buffer_elements(n_heads, n_tokens)
    sums = 4 * 8 * n_heads * n_tokens  # column sums in float64, and copies of them while they are finished
    return buffer + sums
