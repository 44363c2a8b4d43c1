"""The reductions: from the attention of one layer on a pack of sequences to the numbers that an atlas stores.

There are several, with one signature and one result, a `PackAttention`. The plain one below follows the definitions
and holds a whole map; those beside it hold a tile at a time. Tests compare each with float64 NumPy.

Axis letters: `H` heads, `T` tokens of a sequence (`<cls>` first, `<eos>` last), `N = T - 2` residues, `D` head
dimension, `P` sequences in a pack, `S` statistics. "Inner" means residue rows and columns only: the
others are dropped after the softmax, without renormalising.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, pairwise
from typing import Protocol

import torch
from torch import Tensor

from attlas.pipeline.attention.added_scores import AddedScores
from attlas.pipeline.attention.device_copy import copy_to_device
from attlas.pipeline.attention.tiles import Tile

STATISTICS = (
    "entropy",
    "distance",
    "cls_share",
    "eos_share",
    "self_share",
    "adjacent_share",
    "helix_share",
    "beyond6_share",
    "beyond24_share",
    "max_attention",
    "n_edges",
    "received_max_share",
)
"""Order of the head statistics along `S`; the names are the columns of the table `heads`."""


@dataclass(frozen=True)
class Pack:
    """Sequences end to end along one token axis, without padding."""

    n_tokens: tuple[int, ...]
    """Tokens of each sequence, 3 or more: `<cls>`, its residues, `<eos>`."""
    device: torch.device

    @property
    def slices(self) -> Iterator[slice]:
        """Yield the tokens of each sequence, as slices of the token axis."""
        return (slice(begin, end) for begin, end in pairwise([0, *accumulate(self.n_tokens)]))

    @property
    def n_residues(self) -> list[int]:
        """Return the number of residues of each sequence."""
        return [n - 2 for n in self.n_tokens]

    @cached_property
    def offsets(self) -> Tensor:
        """Return the first token of each sequence, and the end of the last, shape (P + 1,), int32, on the device."""
        ends = torch.tensor([0, *accumulate(self.n_tokens)], dtype=torch.int32)
        return copy_to_device(ends, self.device)

    @cached_property
    def residues(self) -> Tensor:
        """Return the places of the residues along the token axis, shape (sum of N,), on the device."""
        places = torch.cat([torch.arange(part.start + 1, part.stop - 1) for part in self.slices])
        return copy_to_device(places, self.device)


@dataclass(frozen=True)
class LayerInputs:
    """The inputs of the attention of one layer on a pack."""

    q: Tensor
    """The queries of all tokens, shape (H, sum of T, D), after positions are applied."""
    k: Tensor
    """The keys, of the same shape."""
    v: Tensor | None
    """The values, of the same shape; None in the last layer, whose output nothing reads: no output is computed."""
    pack: Pack
    scaling: float
    """Factor of the products q k."""
    added: AddedScores | None = None
    """Bias that the architecture adds to the scaled scores before the softmax; None without one."""


@dataclass(frozen=True)
class PackAttention:
    """The attention of a layer on a pack, reduced."""

    output: Tensor | None
    """The output of the layer: softmax(q k) v, shape (H, sum of T, D), dtype of `v`; None without `v`."""
    received: Tensor
    """Attention received by each residue: mean over heads of the inner column sums, shape (sum of N,), float32."""
    heads: Tensor
    """The head statistics of each sequence, shape (P, H, S), float32, in the order of STATISTICS."""


class Reduction(Protocol):
    """A function that computes a `PackAttention`."""

    def __call__(self, inputs: LayerInputs, *, theta: float) -> PackAttention:
        """Reduce one layer; attention of `theta` or more counts as an edge."""
        ...


def reduce_plain(inputs: LayerInputs, *, theta: float) -> PackAttention:
    """Reduce one layer's attention by its definitions, holding a sequence's whole (H, T, T) map.

    Takes any float dtype; the sums of float64 are in float64.
    Source of the statistics: Vig et al. (ICLR 2021) for edges and distance, Nayar et al. (2025) for `received`.
    """
    q, k, v = inputs.q, inputs.k, inputs.v
    outputs, received, heads = [], [], []

    for sequence, tokens in enumerate(inputs.pack.slices):
        scores = _widen(q[:, tokens]) @ _widen(k[:, tokens]).transpose(1, 2) * inputs.scaling
        if inputs.added is not None:
            tile = Tile(sequence, slice(0, len(q)), tokens, 0)
            scores += inputs.added.select(tile, scores.shape[1]).to(scores.device)
        attention = torch.softmax(scores, dim=-1)
        columns, statistics = reduce_map(attention, theta=theta)
        received.append(columns)
        heads.append(statistics)
        if v is not None:
            outputs.append((attention @ _widen(v[:, tokens])).to(v.dtype))

    output = torch.cat(outputs, dim=1) if outputs else None
    return PackAttention(output, torch.cat(received), torch.stack(heads))


def reduce_map(attention: Tensor, *, theta: float) -> tuple[Tensor, Tensor]:
    """Return attention received (N,) and head statistics (H, S) of a whole map (H, T, T), by their definitions."""
    rows = attention[:, 1:-1]  # (H, N, T) residues as queries
    inner = rows[:, :, 1:-1]  # (H, N, N)
    n = inner.shape[1]
    position = torch.arange(n, device=attention.device)
    separation = (position[:, None] - position[None, :]).abs()  # (N, N)

    def average(weights: Tensor) -> Tensor:
        return (inner * weights).sum((1, 2)) / n  # (H,)

    columns = inner.sum(1)  # (H, N)
    statistics = {
        "entropy": -torch.xlogy(rows, rows).sum((1, 2)) / n,
        "distance": average(separation),
        "cls_share": rows[:, :, 0].mean(1),
        "eos_share": rows[:, :, -1].mean(1),
        "self_share": average(separation == 0),
        "adjacent_share": average(separation == 1),
        "helix_share": average((separation == 3) | (separation == 4)),
        "beyond6_share": average(separation >= 6),
        "beyond24_share": average(separation >= 24),
        "max_attention": inner.amax((1, 2)),
        "n_edges": (inner >= theta).sum((1, 2)).to(inner.dtype),
        "received_max_share": compute_max_share(columns),
    }
    return columns.mean(0), torch.stack([statistics[name] for name in STATISTICS], dim=1)


def repeat_heads(values: Tensor, n_heads: int) -> Tensor:
    """Return keys or values (H_k, T, D) with a head for every query head, (H, T, D), where query heads share them."""
    return values if len(values) == n_heads else values.repeat_interleave(n_heads // len(values), 0)


def compute_max_share(columns: Tensor) -> Tensor:
    """Return the largest of the last axis over its sum; 0 where a head gives residues no attention at all."""
    return columns.amax(-1) / columns.sum(-1).clamp(min=torch.finfo(columns.dtype).tiny)


def _widen(values: Tensor) -> Tensor:
    """Convert narrower floats to float32, and leave float64 as it is: sums over a sequence need the digits."""
    return values if values.dtype == torch.float64 else values.float()
