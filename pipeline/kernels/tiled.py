"""The CPU's way of reducing: tiles of query rows that stay in cache, every row whole, so that its softmax is final.

Two matrix products by torch, and between them one compiled pass over the tile (`rows`), which does the softmax and
every sum at once.
"""

import math
import threading
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numba
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from attlas.pipeline.attention import STATISTICS, Pack, PackAttention
from attlas.pipeline.kernels.rows import N_SUMS, REACH, reduce_rows, reduce_rows_shared
from attlas.pipeline.kernels.tiles import choose_tile_shape, count_buffer_elements

Sums = NDArray[np.float64]


def reduce_tiled(q: Tensor, k: Tensor, v: Tensor | None, *, pack: Pack, scaling: float, theta: float) -> PackAttention:
    """Reduce one layer's attention in tiles, in float32 with sums in float64.

    Takes and gives the same as `attention.reduce_plain`; `q`, `k` and `v` stand on the CPU. Holds one buffer of about
    TILE_ELEMENTS weights per thread.
    """
    n_heads, n_tokens, _ = q.shape
    columns = np.zeros((n_heads, n_tokens))
    sums = np.zeros((len(pack.n_tokens), n_heads, N_SUMS))
    diagonals = np.zeros((len(pack.n_tokens), n_heads, 2 * REACH + 1))

    def add(tile: Tensor, at: Tile) -> None:
        tile_sums = sums[at.sequence, at.heads], diagonals[at.sequence, at.heads]
        _reduce(tile, at.first_row, theta, columns[at.heads, at.tokens], *tile_sums)

    output = attend_in_tiles(q, k, v, pack=pack, scaling=scaling, soften=add)
    received, statistics = _finish(columns, sums, diagonals, pack)
    return PackAttention(output, torch.from_numpy(received), torch.from_numpy(statistics))


@dataclass(frozen=True)
class Tile:
    """Where a tile stands: some heads and query rows of one sequence, over all its keys."""

    sequence: int
    heads: slice
    tokens: slice
    """The sequence's tokens along the pack."""
    first_row: int
    """The first query row, counted in the sequence."""


def attend_in_tiles(
    q: Tensor, k: Tensor, v: Tensor | None, *, pack: Pack, scaling: float, soften: Callable[[Tensor, Tile], None]
) -> Tensor | None:
    """Return a layer's output, (H, sum of T, D), dtype of `v`; None without `v`.

    `soften` is given every tile's scores, (heads, rows, T) float32 in bits, and replaces them by attention weights.
    """
    q, k = q.float() * (scaling * math.log2(math.e)), k.float().contiguous()  # scores in bits: see `rows`
    values = None if v is None else v.float().contiguous()
    output = None if values is None else torch.empty_like(values)
    for sequence, tokens in enumerate(pack.slices):
        length = tokens.stop - tokens.start
        group, n_rows = choose_tile_shape(len(q), length)
        buffer = _buffer(count_buffer_elements(len(q), length))
        for heads in _parts(0, len(q), group):
            keys = k[heads, tokens].transpose(1, 2)
            for rows in _parts(tokens.start, tokens.stop, n_rows):
                shape = (heads.stop - heads.start, rows.stop - rows.start, length)
                tile = buffer[: math.prod(shape)].view(shape)
                torch.bmm(q[heads, rows], keys, out=tile)
                soften(tile, Tile(sequence, heads, tokens, rows.start - tokens.start))
                if values is not None and output is not None:
                    output[heads, rows] = torch.bmm(tile, values[heads, tokens])
    return output.to(v.dtype) if output is not None and v is not None else None


def _finish(columns: Sums, sums: Sums, diagonals: Sums, pack: Pack) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Turn sums over rows into attention received (sum of N,) and statistics (P, H, S), read off columns and diagonals.

    Takes `columns` (H, sum of T), `sums` (P, H, N_SUMS), `diagonals` (P, H, 2 * REACH + 1).
    """
    n = np.array(pack.n_residues)[:, None]  # (P, 1)
    inner = columns[:, pack.residues.numpy()]  # (H, sum of N)
    begins = np.concatenate([[0], np.cumsum(n)[:-1]])
    total = np.add.reduceat(inner, begins, axis=1).T  # (P, H)
    largest = np.maximum.reduceat(inner, begins, axis=1).T
    ends = pack.offsets.numpy()
    offset = np.abs(np.arange(-REACH, REACH + 1))

    def near(where: NDArray[np.bool_]) -> Sums:
        return np.asarray(diagonals[..., where].sum(-1))  # (P, H)

    statistics = {
        "entropy": np.maximum(sums[..., 0], 0) * math.log(2) / n,  # a difference: one key only may give -1e-8
        "distance": sums[..., 1] / n,
        "cls_share": columns[:, ends[:-1]].T / n,
        "eos_share": columns[:, ends[1:] - 1].T / n,
        "self_share": near(offset == 0) / n,
        "adjacent_share": near(offset == 1) / n,
        "helix_share": near((offset == 3) | (offset == 4)) / n,
        "beyond6_share": np.maximum(total - near(offset < 6), 0) / n,
        "beyond24_share": np.maximum(total - near(offset <= REACH), 0) / n,
        "max_attention": sums[..., 2],
        "n_edges": sums[..., 3],
        "received_max_share": largest / np.maximum(total, np.finfo(np.float32).tiny),
    }
    ordered = np.stack([statistics[name] for name in STATISTICS], axis=-1)
    return inner.mean(0).astype(np.float32), ordered.astype(np.float32)


def _reduce(tile: Tensor, first: int, theta: float, columns: Sums, sums: Sums, diagonals: Sums) -> None:
    n_threads = min(torch.get_num_threads(), numba.config.NUMBA_NUM_THREADS)
    if n_threads == 1:
        reduce_rows(tile.numpy(), first, np.float32(theta), columns, sums, diagonals)
        return
    with _one_at_a_time:
        numba.set_num_threads(n_threads)
        reduce_rows_shared(tile.numpy(), first, np.float32(theta), columns, sums, diagonals)


def _parts(first: int, end: int, size: int) -> list[slice]:
    return [slice(a, b) for a, b in pairwise([*range(first, end, size), end])]


_memory = threading.local()

_one_at_a_time = threading.Lock()
"""numba's simplest thread pool, which it takes where there is no OpenMP, ends the process when two threads use it."""


def _buffer(size: int) -> Tensor:
    """Return a flat float32 buffer, kept per thread: fresh pages for each tile cost a third of the time."""
    kept: Tensor | None = getattr(_memory, "buffer", None)
    if kept is None or kept.numel() < size:
        with torch.inference_mode(False):  # a buffer made in inference mode could not be used outside of it
            kept = torch.empty(size)
        _memory.buffer = kept
    return kept
