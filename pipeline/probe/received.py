"""What labelled residues receive from each head: attention against annotation, pushed into the pass.

A property of residues needs no list of edges: what every residue receives from a head, summed over the labelled ones,
is all that the shares of Vig et al. (ICLR 2021) are made of, and ranked, all that an AUC is. One layer at a time is
held, then only what is said of the labels is kept, and the profile of the largest head.

Axis letters: `H` heads, `T` tokens, `N` residues, `P` sequences in a pack, `F` labels, `M` measures.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from attlas.pipeline.attention import Pack, PackAttention
from attlas.pipeline.contacts.attending import attend_in_rows
from attlas.pipeline.kernels.rows import receive_rows
from attlas.pipeline.kernels.tiled import Tile, attend_in_tiles
from attlas.pipeline.probe.auc import auc

SUMS = ("edges", "edge_mass", "mass")
"""What a residue receives from a head: edges into it, the attention of these edges, all attention."""

MEASURES = (*SUMS, "auc")
"""What is said of a label: these sums over its residues, and how well `mass` tells them from the others."""

Labels = NDArray[np.bool_]
"""Which residues carry which label, shape (F, N)."""


@dataclass(frozen=True)
class ReduceToLabels:
    """A `Reduction` to what labelled residues receive, for the sequences of one pack.

    In the `PackAttention` it returns, `heads` is (1, H, sum of F x M): of each label of each sequence, one after the
    other, the measures in the order of MEASURES; and `received` is what a residue receives from the head that gives
    it most, not the mean over heads.
    """

    labels: tuple[Labels, ...]
    """Of each sequence of the pack, (F, N)."""

    def __call__(
        self, q: Tensor, k: Tensor, v: Tensor | None, *, pack: Pack, scaling: float, theta: float
    ) -> PackAttention:
        """Reduce one layer: q, k and v of shape (H, sum of T, D)."""
        way = received_in_rows if q.is_cuda else received_tiled
        output, received = way(q, k, v, pack=pack, scaling=scaling, theta=theta)
        inner = [received[:, :, tokens.start + 1 : tokens.stop - 1] for tokens in pack.slices]  # (3, H, N) each
        largest = np.concatenate([part[SUMS.index("mass")].max(0) for part in inner]).astype(np.float32)
        said = [of_labels(part, labels) for part, labels in zip(inner, self.labels, strict=True)]
        measures = np.concatenate([own.reshape(len(own), -1) for own in said], axis=1).astype(np.float32)
        return PackAttention(output, torch.from_numpy(largest), torch.from_numpy(measures[None]))


def of_labels(received: NDArray[np.float64], labels: Labels) -> NDArray[np.float64]:
    """Return the measures of each label, (H, F, M), from what every residue receives, (3, H, N) by SUMS."""
    sums = received @ labels.T.astype(np.float64)  # (3, H, F)
    # Ranked as they would be stored: what differs by less than a float32 can tell is the same.
    areas = auc(received[SUMS.index("mass")].astype(np.float32), labels)  # (H, F)
    return np.moveaxis(np.concatenate([sums, areas[None]]), 0, 2)


def received_in_rows(
    q: Tensor, k: Tensor, v: Tensor | None, *, pack: Pack, scaling: float, theta: float
) -> tuple[Tensor | None, NDArray[np.float64]]:
    """Return a layer's output, and what every token receives from residues, (3, H, sum of T): on any device.

    The numbers are on the host. Of the maps only some query rows are held.
    """
    received = torch.zeros(len(SUMS), q.shape[0], q.shape[1], dtype=torch.float64, device=q.device)

    def add(tile: Tensor, at: Tile) -> None:
        n_tokens = at.tokens.stop - at.tokens.start
        rows = tile[:, max(1 - at.first, 0) : n_tokens - 1 - at.first]  # `<cls>` and `<eos>` are no queries
        edges = torch.where(rows >= theta, rows, 0)
        measures = {"edges": edges.count_nonzero(1), "edge_mass": edges.sum(1), "mass": rows.sum(1)}
        received[:, at.heads, at.tokens] += torch.stack([measures[name].double() for name in SUMS])

    with torch.autocast(q.device.type, enabled=False):  # of mixed models: sums need float32
        output = attend_in_rows(q, k, v, pack=pack, scaling=scaling, add=add)
    return output, received.cpu().numpy()


def received_tiled(
    q: Tensor, k: Tensor, v: Tensor | None, *, pack: Pack, scaling: float, theta: float
) -> tuple[Tensor | None, NDArray[np.float64]]:
    """Return the same as `received_in_rows`, in the build's tiles, on a CPU."""
    received = np.zeros((len(SUMS), q.shape[0], q.shape[1]))
    edges, edge_mass, mass = received

    def add(tile: Tensor, at: Tile) -> None:
        where = at.heads, at.tokens
        receive_rows(tile.numpy(), at.first, np.float32(theta), mass[where], edges[where], edge_mass[where])

    output = attend_in_tiles(q, k, v, pack=pack, scaling=scaling, soften=add)
    return output, received
