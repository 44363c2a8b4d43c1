"""The attention that labelled residues receive from each head, summed while the model runs.

A property of residues needs no list of edges: the attention that every residue receives from a head, summed over the
labelled residues, gives the shares of Vig et al. (ICLR 2021); its ranks give an AUC. One layer at a time is held; of it
the measures of the labels are kept, and the profile of the head that gives a residue most.

Axis letters: `H` heads, `T` tokens, `N` residues, `P` sequences in a pack, `F` labels, `M` measures, `D` directions.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from attlas.pipeline.attention.attending import AddTile, attend_in_rows
from attlas.pipeline.attention.definitions import LayerInputs, PackAttention
from attlas.pipeline.attention.rows import receive_rows
from attlas.pipeline.attention.tiled import attend_in_tiles
from attlas.pipeline.attention.tiles import Tile
from attlas.pipeline.probe.auc import compute_auc
from attlas.pipeline.probe.periods import PeriodSums

SUMS = ("edges", "edge_mass", "mass")
"""Sums over what a residue receives from a head: edges into it, the attention of these edges, all attention."""

MEASURES = (*SUMS, "auc")
"""The measures of a label: these sums over its residues, and how well `mass` tells its residues from the others."""

Labels = NDArray[np.bool_]
"""True where a residue carries a label, shape (F, N)."""


@dataclass(frozen=True)
class ReduceToLabels:
    """A `Reduction` to the attention that labelled residues receive, for the sequences of one pack.

    In the `PackAttention` that it returns, `heads` is (1, H, sum of F x M + P x periods x D): the measures of each
    label of each sequence, one label after the other, in the order of MEASURES; then the sums at each period of each
    sequence, before and after. `received` is what a residue receives from the head that gives it most, not the mean
    over heads.
    """

    labels: tuple[Labels, ...]
    """The labels of each sequence of the pack, (F, N)."""
    periods: tuple[int, ...] = ()
    """Distances along the sequence, residues, at which attention is summed."""

    def __call__(self, inputs: LayerInputs, *, theta: float) -> PackAttention:
        """Reduce one layer."""
        sum_received = sum_received_in_rows if inputs.q.is_cuda else sum_received_in_tiles
        at_periods = PeriodSums(self.periods, inputs.pack, n_heads=len(inputs.q))
        output, received = sum_received(inputs, theta=theta, add_tile=at_periods.add if self.periods else None)

        # Of each sequence what its residues receive, (3, H, N).
        residues = [received[:, :, tokens.start + 1 : tokens.stop - 1] for tokens in inputs.pack.slices]
        largest = np.concatenate([part[SUMS.index("mass")].max(0) for part in residues]).astype(np.float32)

        measures = [measure_labels(part, labels) for part, labels in zip(residues, self.labels, strict=True)]
        columns = [part.reshape(len(part), -1) for part in measures] + at_periods.by_sequence()
        joined = np.concatenate(columns, axis=1).astype(np.float32)
        return PackAttention(output, torch.from_numpy(largest), torch.from_numpy(joined[None]))


def measure_labels(received: NDArray[np.float64], labels: Labels) -> NDArray[np.float64]:
    """Return the measures of each label, (H, F, M), from the attention every residue receives, (3, H, N) by SUMS."""
    sums = received @ labels.T.astype(np.float64)  # (3, H, F)
    # Ranked as stored, in float32: values that differ by less are ties.
    areas = compute_auc(received[SUMS.index("mass")].astype(np.float32), labels)  # (H, F)
    return np.moveaxis(np.concatenate([sums, areas[None]]), 0, 2)


def sum_received_in_rows(
    inputs: LayerInputs, *, theta: float, add_tile: AddTile | None = None
) -> tuple[Tensor | None, NDArray[np.float64]]:
    """Return a layer's output, and what every token receives from residues, (3, H, sum of T), on any device.

    The sums are returned on the host. Memory holds a few query rows of the maps at a time. `add_tile` is called with
    each tile of weights.
    """
    q = inputs.q
    received = torch.zeros(len(SUMS), q.shape[0], q.shape[1], dtype=torch.float64, device=q.device)

    def add(tile: Tensor, at: Tile) -> None:
        n_tokens = at.tokens.stop - at.tokens.start
        rows = tile[:, max(1 - at.first_row, 0) : n_tokens - 1 - at.first_row]  # `<cls>` and `<eos>` are no queries

        edges = torch.where(rows >= theta, rows, 0)
        measures = {"edges": edges.count_nonzero(1), "edge_mass": edges.sum(1), "mass": rows.sum(1)}
        received[:, at.heads, at.tokens] += torch.stack([measures[name].double() for name in SUMS])
        if add_tile is not None:
            add_tile(tile, at)

    with torch.autocast(q.device.type, enabled=False):  # of mixed models: sums need float32
        output = attend_in_rows(inputs, add=add)
    return output, received.cpu().numpy()


def sum_received_in_tiles(
    inputs: LayerInputs, *, theta: float, add_tile: AddTile | None = None
) -> tuple[Tensor | None, NDArray[np.float64]]:
    """Return the same as `sum_received_in_rows`, in the build's tiles, on a CPU."""
    received = np.zeros((len(SUMS), *inputs.q.shape[:2]))
    edges, edge_mass, mass = received

    def add(tile: Tensor, at: Tile) -> None:
        place = at.heads, at.tokens
        receive_rows(tile.numpy(), at.first_row, np.float32(theta), mass[place], edges[place], edge_mass[place])
        if add_tile is not None:
            add_tile(tile, at)

    output = attend_in_tiles(inputs, soften=add)
    return output, received
