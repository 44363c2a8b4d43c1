"""The tiles of a pack that programs of a GPU work on, the most work first.

Axis letters: `P` sequences of a pack, `K` tokens of a tile.
"""

from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor

from attlas.pipeline.attention.definitions import Pack
from attlas.pipeline.attention.device_copy import copy_to_device


class Schedule(NamedTuple):
    """The tiles of a pack, one for each program."""

    tiles: Tensor
    """Sequence, and first token within it, of each tile: (tiles, 2), int32, the longest sequence first."""
    first_tiles: Tensor
    """Tiles before those of each sequence, in the order of the pack: (P,), int32."""
    sources: Tensor
    """Token of the pack at each place of the tiles, with every sequence in tiles of its own: (tiles * K,), int64."""
    is_no_query: Tensor
    """True at places of `<cls>` and `<eos>`, and past the end: (tiles * K,), bool."""


@lru_cache(maxsize=8)
def make_schedule(pack: Pack, kept: int) -> Schedule:
    """Cut a pack into tiles, once for all its layers; every tile has work."""
    lengths = torch.tensor(pack.n_tokens)
    n_tiles = (lengths + kept - 1) // kept  # (P,)
    first_tiles = n_tiles.cumsum(0) - n_tiles
    sequence = torch.arange(len(lengths)).repeat_interleave(n_tiles)  # (tiles,)
    first_token = (torch.arange(len(sequence)) - first_tiles[sequence]) * kept

    # The work of a program grows with the length of its sequence; the last program to start should be short.
    order = lengths[sequence].argsort(descending=True, stable=True)

    place = (first_token[:, None] + torch.arange(kept)).flatten()  # (tiles * K,) within its sequence
    last = (lengths - 1)[sequence].repeat_interleave(kept)
    sources = (lengths.cumsum(0) - lengths)[sequence].repeat_interleave(kept) + place.minimum(last)
    tiles = torch.stack([sequence, first_token], 1)[order].int()

    parts = (tiles, first_tiles.int(), sources, (place == 0) | (place >= last))
    return Schedule(*(copy_to_device(part, pack.device) for part in parts))
