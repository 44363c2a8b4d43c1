"""What labelled residues receive from each head: attention against annotation, pushed into the pass.

A property of residues needs no list of edges: what every residue receives from a head, summed over the labelled ones,
is all that the shares of Vig et al. (ICLR 2021) are made of. One layer at a time is held, then only the sums are kept.

Axis letters: `H` heads, `T` tokens, `N` residues, `P` sequences in a pack, `F` labels.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from attlas.pipeline.attention import Pack, PackAttention
from attlas.pipeline.kernels.rows import receive_rows
from attlas.pipeline.kernels.tiled import Tile, attend_in_tiles

MEASURES = ("edges", "edge_mass", "mass")
"""What is summed over labelled keys: edges into them, the attention of these edges, all attention."""

Labels = NDArray[np.bool_]
"""Which residues carry which label, shape (F, N)."""


@dataclass(frozen=True)
class ReduceToLabels:
    """A `Reduction` that sums what labelled residues receive, for the sequences of one pack.

    In the `PackAttention` it returns, `heads` is (1, H, sum of F x 3): of each label of each sequence, one after the
    other, the measures in the order of MEASURES.
    """

    labels: tuple[Labels, ...]
    """Of each sequence of the pack, (F, N)."""

    def __call__(
        self, q: Tensor, k: Tensor, v: Tensor | None, *, pack: Pack, scaling: float, theta: float
    ) -> PackAttention:
        """Reduce one layer: q, k and v of shape (H, sum of T, D)."""
        if q.is_cuda:
            output, received = received_plain(q, k, v, pack=pack, scaling=scaling, theta=theta)
        else:
            output, received = received_tiled(q, k, v, pack=pack, scaling=scaling, theta=theta)
        inner = [received[:, :, tokens.start + 1 : tokens.stop - 1] for tokens in pack.slices]  # (3, H, N) each
        mean = np.concatenate([part[MEASURES.index("mass")].mean(0) for part in inner]).astype(np.float32)
        sums = np.concatenate(
            [
                np.einsum("mhn,fn->hfm", part, labels.astype(np.float64)).reshape(part.shape[1], -1)
                for part, labels in zip(inner, self.labels, strict=True)
            ],
            axis=1,
        ).astype(np.float32)
        return PackAttention(output, torch.from_numpy(mean), torch.from_numpy(sums[None]))


def received_plain(
    q: Tensor, k: Tensor, v: Tensor | None, *, pack: Pack, scaling: float, theta: float
) -> tuple[Tensor | None, NDArray[np.float64]]:
    """Return a layer's output, and what every token receives from residues, (3, H, sum of T), by the definitions."""
    outputs, parts = [], []
    for tokens in pack.slices:
        attention = torch.softmax((q[:, tokens].float() @ k[:, tokens].float().transpose(1, 2)) * scaling, dim=-1)
        rows = attention[:, 1:-1]
        is_edge = rows >= theta
        measures = {"edges": is_edge.sum(1), "edge_mass": (rows * is_edge).sum(1), "mass": rows.sum(1)}
        parts.append(torch.stack([measures[name].double() for name in MEASURES]))
        if v is not None:
            outputs.append((attention @ v[:, tokens].float()).to(v.dtype))
    return (torch.cat(outputs, dim=1) if outputs else None), torch.cat(parts, dim=2).cpu().numpy()


def received_tiled(
    q: Tensor, k: Tensor, v: Tensor | None, *, pack: Pack, scaling: float, theta: float
) -> tuple[Tensor | None, NDArray[np.float64]]:
    """Return the same as `received_plain`, tile by tile, on a CPU."""
    received = np.zeros((len(MEASURES), q.shape[0], q.shape[1]))
    edges, edge_mass, mass = received

    def add(tile: Tensor, at: Tile) -> None:
        where = at.heads, at.tokens
        receive_rows(tile.numpy(), at.first, np.float32(theta), mass[where], edges[where], edge_mass[where])

    output = attend_in_tiles(q, k, v, pack=pack, scaling=scaling, soften=add)
    return output, received
