"""The reductions: attention of one layer on one sequence to what an atlas stores, by a plain and by a tiled path.

Both paths have one signature and one result, a `LayerAttention`. The plain path writes the definitions down and
holds a whole map; the tiled path never holds more than a tile of query rows. Tests hold one against the other.

Axis letters: `H` heads, `T` tokens (`<cls>` first, `<eos>` last), `N = T - 2` residues, `D` head dimension,
`R` query rows of a tile, `S` statistics. "Inner" means residue rows and columns only, dropped after the softmax
and not renormalised.
"""

import math
import threading
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import torch
from torch import Tensor

from attlas.pipeline.tiles import BAND, MAX_TILE_ROWS, buffer_elements, tile_shape

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
class LayerAttention:
    """One layer's attention on one sequence, reduced."""

    output: Tensor
    """What the layer goes on with: softmax(q k) v, shape (H, T, D), dtype of `v`."""
    received: Tensor
    """Attention received by each residue: mean over heads of the inner column sums, shape (N,), float32."""
    heads: Tensor
    """The head statistics, shape (H, S), float32, in the order of STATISTICS."""


class Reduction(Protocol):
    """A way of computing a `LayerAttention`."""

    def __call__(self, q: Tensor, k: Tensor, v: Tensor, *, scaling: float, theta: float) -> LayerAttention:
        """Reduce one layer on one sequence; `q`, `k`, `v` of shape (H, T, D), after positions are applied."""
        ...


def reduce_plain(q: Tensor, k: Tensor, v: Tensor, *, scaling: float, theta: float) -> LayerAttention:
    """Reduce one layer's attention by its definitions, holding the whole (H, T, T) map.

    Takes `q`, `k`, `v` of shape (H, T, D); any float dtype, float64 included, in which the sums are then done.
    Source of the statistics: Vig et al. (ICLR 2021) for edges and distance, Nayar et al. (2025) for `received`.
    """
    attention = torch.softmax(_wide(q) @ _wide(k).transpose(1, 2) * scaling, dim=-1)  # (H, T, T)
    received, heads = reduce_map(attention, theta=theta)
    return LayerAttention((attention @ _wide(v)).to(v.dtype), received, heads)


def reduce_map(attention: Tensor, *, theta: float) -> tuple[Tensor, Tensor]:
    """Return attention received (N,) and head statistics (H, S) of a whole map (H, T, T), by their definitions."""
    rows = attention[:, 1:-1]  # (H, N, T) residues as queries
    inner = rows[:, :, 1:-1]  # (H, N, N)
    n = inner.shape[1]
    position = torch.arange(n, device=attention.device)
    separation = (position[:, None] - position[None, :]).abs()  # (N, N)

    def share(where: Tensor) -> Tensor:
        return (inner * where).sum((1, 2)) / n  # (H,)

    columns = inner.sum(1)  # (H, N)
    statistics = {
        "entropy": -torch.xlogy(rows, rows).sum((1, 2)) / n,
        "distance": share(separation),
        "cls_share": rows[:, :, 0].mean(1),
        "eos_share": rows[:, :, -1].mean(1),
        "self_share": share(separation == 0),
        "adjacent_share": share(separation == 1),
        "helix_share": share((separation == 3) | (separation == 4)),
        "beyond6_share": share(separation >= 6),
        "beyond24_share": share(separation >= BAND),
        "max_attention": inner.amax((1, 2)),
        "n_edges": (inner >= theta).sum((1, 2)).to(inner.dtype),
        "received_max_share": _max_share(columns),
    }
    return columns.mean(0), torch.stack([statistics[name] for name in STATISTICS], dim=1)


def reduce_tiled(q: Tensor, k: Tensor, v: Tensor, *, scaling: float, theta: float) -> LayerAttention:
    """Reduce one layer's attention in tiles of query rows, the statistics folded into each tile while it is in cache.

    Takes and gives the same as `reduce_plain`, in float32, and holds three buffers of about TILE_ELEMENTS
    weights. Every row of a tile is whole, so that its softmax is final.
    """
    n_heads, n_tokens, _ = v.shape
    q, k, values = q.float() * scaling, k.float(), v.float()
    output = torch.empty_like(values)
    columns = values.new_zeros(n_heads, n_tokens)  # (H, T) inner rows summed
    sums = values.new_zeros(n_heads, len(STATISTICS))
    group, n_rows = tile_shape(n_heads, n_tokens)
    for first_head in range(0, n_heads, group):
        some = slice(first_head, first_head + group)
        tiles = _HeadTiles(q[some], k[some], values[some], output[some], columns[some], sums[some], theta)
        tiles.specials()
        for row in range(1, n_tokens - 1, n_rows):
            tiles.rows(row, min(row + n_rows, n_tokens - 1))
        tiles.finish()
    return LayerAttention(output.to(v.dtype), columns[:, 1:-1].mean(0), sums)


class _HeadTiles:
    """Tiles of some heads of one layer: adds what each tile says to `columns` and `sums`, writes `output`."""

    def __init__(
        self, q: Tensor, k: Tensor, v: Tensor, output: Tensor, columns: Tensor, sums: Tensor, theta: float
    ) -> None:
        self.q, self.keys, self.v = q, k.transpose(1, 2), v  # (H, T, D), (H, D, T), (H, T, D)
        self.output, self.columns, self.theta = output, columns, theta
        self.sums = dict(zip(STATISTICS, sums.unbind(1), strict=True))  # name -> view (H,)
        self.n_tokens = q.shape[1]
        self.diagonals = sums.new_zeros(len(sums), 2 * BAND - 1)
        self.positions = torch.arange(self.n_tokens, device=q.device, dtype=q.dtype)

    def specials(self) -> None:
        """Compute the rows of <cls> and <eos>: they are part of the output and of no statistic."""
        for end in (slice(0, 1), slice(self.n_tokens - 1, self.n_tokens)):
            weights = torch.softmax(self.q[:, end] @ self.keys, dim=-1)
            self.output[:, end] = weights @ self.v

    def rows(self, first: int, last: int) -> None:
        """Compute the residue rows of tokens `first` to `last - 1`."""
        shape = (len(self.q), last - first, self.n_tokens)
        flat = _tiles(self.q)
        scores, weights, scratch = (part[: math.prod(shape)].view(shape) for part in flat)  # (H, R, T)
        torch.bmm(self.q[:, first:last], self.keys, out=scores)
        torch.softmax(scores, dim=-1, out=weights)
        self.output[:, first:last] = torch.bmm(weights, self.v)
        self._sharpness(scores, weights, scratch)
        self._distance(weights, first, last)
        self._near(weights, first, last, flat[2])

    def finish(self) -> None:
        """Turn sums over rows into means, and read the shares off the column and diagonal sums."""
        inner = self.columns[:, 1:-1]
        total = inner.sum(1)
        offset = torch.arange(1 - BAND, BAND, device=inner.device).abs()  # (2 * BAND - 1,)

        def near(where: Tensor) -> Tensor:
            return self.diagonals[:, where].sum(1)

        self.sums["cls_share"] += self.columns[:, 0]
        self.sums["eos_share"] += self.columns[:, -1]
        self.sums["self_share"] += near(offset == 0)
        self.sums["adjacent_share"] += near(offset == 1)
        self.sums["helix_share"] += near((offset == 3) | (offset == 4))
        # A total minus what is near: a head that looks nowhere else may come out at -1e-8.
        self.sums["beyond6_share"] += (total - near(offset < 6)).clamp(min=0)
        self.sums["beyond24_share"] += (total - near(offset < BAND)).clamp(min=0)
        for name in STATISTICS:
            if name not in ("max_attention", "n_edges", "received_max_share"):
                self.sums[name] /= self.n_tokens - 2
        self.sums["entropy"].clamp_(min=0)  # a difference, too: rows that see one key only come out at -1e-7
        self.sums["received_max_share"] += _max_share(inner)

    def _sharpness(self, scores: Tensor, weights: Tensor, scratch: Tensor) -> None:
        """Add entropy and edges, and keep the largest weight."""
        row_max = weights[:, :, 1:-1].amax(-1)  # (H, R)
        best = self.sums["max_attention"]
        torch.maximum(best, row_max.amax(1), out=best)
        # -sum p log p = lse - sum p s, and lse = s - log p at any key; the largest weight is the safe one.
        largest = torch.maximum(row_max, torch.maximum(weights[:, :, 0], weights[:, :, -1]))
        lse = scores.amax(-1) - largest.log()  # (H, R)
        expected = torch.mul(weights, scores, out=scratch).flatten(1).sum(1)  # (H,)
        self.sums["entropy"] += lse.sum(1) - expected
        # Compared into floats: a boolean result costs four times as much here.
        torch.ge(weights, self.theta, out=scratch)
        self.sums["n_edges"] += scratch[:, :, 1:-1].sum((1, 2))

    def _distance(self, weights: Tensor, first: int, last: int) -> None:
        """Add the column sums, and with them the distance."""
        # Two products in one pass: sum_i p_ij and sum_i (i - first) p_ij.
        moments = _moments(last - first, weights.device).expand(len(weights), -1, -1)  # (H, 2, R)
        column, moment = torch.bmm(moments, weights).unbind(1)  # (H, T) each
        self.columns += column
        # Left of the tile's own columns every j < i, right of them j > i: sum_i p_ij |i - j| needs no pair there.
        left, own, right = slice(1, first), slice(first, last), slice(last, self.n_tokens - 1)
        apart = self.positions - first  # (T,)
        beside = (moment[:, left] - column[:, left] * apart[left]).sum(1)
        beside += (column[:, right] * apart[right] - moment[:, right]).sum(1)
        within = (weights[:, :, own] * _separation(last - first, weights.device)).sum((1, 2))
        self.sums["distance"] += beside + within

    def _near(self, weights: Tensor, first: int, last: int, scratch: Tensor) -> None:
        """Add the shares of what is near the diagonal: one sum per offset j - i, from -BAND + 1 to BAND - 1."""
        n_heads, n_rows, reach = len(weights), last - first, BAND - 1
        width = n_rows + 2 * reach
        band = scratch[: n_heads * n_rows * width].view(n_heads, n_rows, width)
        low, high = max(1, first - reach), min(self.n_tokens - 1, last + reach)
        band[:, :, : low - first + reach] = 0
        band[:, :, high - first + reach :] = 0
        band[:, :, low - first + reach : high - first + reach] = weights[:, :, low:high]
        # Row r of the band begins r columns further left of its own residue: a step of one row and one column
        # (a stride of width + 1) keeps to the diagonal.
        diagonals = band.as_strided((n_heads, n_rows, 2 * reach + 1), (n_rows * width, width + 1, 1)).sum(1)
        self.diagonals += diagonals  # (H, 2 * BAND - 1)


_memory = threading.local()


def _tiles(like: Tensor) -> tuple[Tensor, ...]:
    """Return three flat buffers for a tile, kept per thread: fresh pages for each tile cost a third of the time."""
    size = buffer_elements(like.shape[0], like.shape[1])
    kept: tuple[Tensor, ...] | None = getattr(_memory, "tiles", None)
    if kept is None or kept[0].device != like.device or kept[0].dtype != like.dtype or kept[0].numel() < size:
        with torch.inference_mode(False):  # a buffer made in inference mode could not be used outside of it
            kept = tuple(torch.empty(size, dtype=like.dtype, device=like.device) for _ in range(3))
        _memory.tiles = kept
    return kept


@lru_cache(maxsize=MAX_TILE_ROWS)
def _moments(n_rows: int, device: torch.device) -> Tensor:
    """Return the weights of rows for a column sum and its first moment, shape (2, R)."""
    return torch.stack([torch.ones(n_rows, device=device), torch.arange(n_rows, device=device).float()])


@lru_cache(maxsize=MAX_TILE_ROWS)
def _separation(n_rows: int, device: torch.device) -> Tensor:
    """Return |i - j| for the rows of a tile and their own columns, shape (R, R)."""
    position = torch.arange(n_rows, device=device).float()
    return (position[:, None] - position[None, :]).abs()


def _max_share(columns: Tensor) -> Tensor:
    """Return the largest of the last axis over its sum; 0 where a head gives residues no attention at all."""
    return columns.amax(-1) / columns.sum(-1).clamp(min=torch.finfo(columns.dtype).tiny)


def _wide(values: Tensor) -> Tensor:
    """Return float32 for narrower floats, float64 as it is: sums over a sequence need the digits."""
    return values if values.dtype == torch.float64 else values.float()
