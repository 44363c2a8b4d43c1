"""What every token receives from the residues in each head, for passes that need no other statistic, on any device.

Axis letters: `H` heads, `T` tokens, `D` head dimension, `R` query rows of a tile.
"""

from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from attlas.pipeline.attention.attending import AddTile, attend_in_rows
from attlas.pipeline.attention.definitions import LayerInputs
from attlas.pipeline.attention.rows import receive_rows
from attlas.pipeline.attention.tiled import attend_in_tiles
from attlas.pipeline.attention.tiles import Tile

SUMS = ("edges", "edge_mass", "mass")
"""Sums over what a token receives from a head: edges into it, the attention of these edges, all attention."""

MASS = SUMS.index("mass")


class Receive(Protocol):
    """A function that sums what every token receives from the residues in each head."""

    def __call__(
        self, inputs: LayerInputs, *, theta: float, add_tile: AddTile | None = None
    ) -> tuple[Tensor | None, Tensor]:
        """Return a layer's output, as of `definitions.reduce_plain`, and the SUMS, (3, H, sum of T), on its device.

        Attention of `theta` or more counts as an edge; those into `<cls>` and `<eos>` may be left out. `add_tile` is
        called with each tile of weights.
        """
        ...


def receive_by_device(
    inputs: LayerInputs, *, theta: float, add_tile: AddTile | None = None
) -> tuple[Tensor | None, Tensor]:
    """Return the sums as `Receive` does, in float64, by tiles of weights."""
    receive = receive_in_rows if inputs.q.is_cuda else receive_in_cache
    with torch.autocast(inputs.q.device.type, enabled=False):  # of mixed models: sums need float32
        return receive(inputs, theta=theta, add_tile=add_tile)


def receive_in_rows(
    inputs: LayerInputs, *, theta: float, add_tile: AddTile | None = None
) -> tuple[Tensor | None, Tensor]:
    """Return the sums on any device. Memory holds a few query rows of the maps at a time."""
    q = inputs.q
    received = torch.zeros(len(SUMS), q.shape[0], q.shape[1], dtype=torch.float64, device=q.device)

    def add(tile: Tensor, at: Tile) -> None:
        n_tokens = at.tokens.stop - at.tokens.start
        rows = tile[:, max(1 - at.first_row, 0) : n_tokens - 1 - at.first_row]  # `<cls>` and `<eos>` are no queries

        edges = torch.where(rows >= theta, rows, 0)
        sums = {"edges": edges.count_nonzero(1), "edge_mass": edges.sum(1), "mass": rows.sum(1)}
        received[:, at.heads, at.tokens] += torch.stack([sums[name].double() for name in SUMS])
        if add_tile is not None:
            add_tile(tile, at)

    output = attend_in_rows(inputs, add=add)
    return output, received


def receive_in_cache(
    inputs: LayerInputs, *, theta: float, add_tile: AddTile | None = None
) -> tuple[Tensor | None, Tensor]:
    """Return the sums on a CPU, in the build's tiles, which stay in cache."""
    received = np.zeros((len(SUMS), *inputs.q.shape[:2]))
    edges, edge_mass, mass = received

    def add(tile: Tensor, at: Tile) -> None:
        place = at.heads, at.tokens
        receive_rows(tile.numpy(), at.first_row, np.float32(theta), mass[place], edges[place], edge_mass[place])
        if add_tile is not None:
            add_tile(tile, at)

    output = attend_in_tiles(inputs, soften=add)
    return output, torch.from_numpy(received)
