"""The reduction on a CPU: a few query rows at a time, which stay in cache; each is whole, so that its softmax is final.

A build's statistics and output are one compiled loop (`row_groups`). Passes that read the weights themselves get them
in tiles: torch does two matrix products, and between them they do what they need.
"""

import math
import threading
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import numba
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from attlas.pipeline.attention.definitions import STATISTICS, LayerInputs, Pack, PackAttention
from attlas.pipeline.attention.row_groups import N_SUMS, REACH, reduce_heads, reduce_heads_shared
from attlas.pipeline.attention.tiles import Tile, choose_tile_shape, count_buffer_elements

Sums = NDArray[np.float64]

Range = tuple[int, int]
"""The first and the end, or the first and the number, of heads or rows."""

BITS = math.log2(math.e)
"""Bits in a natural unit of scores."""

CALL_ELEMENTS = 1 << 27
"""Attention weights of one call of the compiled loop, a quarter of a second: it cannot be interrupted."""

_NOTHING_ADDED = np.zeros((0, 0, 0), np.float32)


def reduce_tiled(inputs: LayerInputs, *, theta: float) -> PackAttention:
    """Reduce one layer's attention in tiles, in float32 with sums in float64.

    Result as of `definitions.reduce_plain`; the inputs are on the CPU. Holds the keys, the values and a group of rows
    of one head per thread.
    """
    output, columns, sums, diagonals = _reduce_pack(inputs, theta=theta)
    received, statistics = _derive_statistics(columns, sums, diagonals, inputs.pack)
    return PackAttention(output, torch.from_numpy(received), torch.from_numpy(statistics))


def receive_by_head(inputs: LayerInputs) -> tuple[Tensor | None, Tensor]:
    """Return a layer's output and what every token receives from the residues in each head, (H, sum of T) float64.

    Output as of `definitions.reduce_plain`; the inputs are on the CPU.
    """
    output, columns, _, _ = _reduce_pack(inputs, theta=math.inf)
    return output, torch.from_numpy(columns)


def _reduce_pack(inputs: LayerInputs, *, theta: float) -> tuple[Tensor | None, Sums, Sums, Sums]:
    """Return a layer's output, and the sums over residue rows as of `_derive_statistics`."""
    q, k, v, pack, added = inputs.q, inputs.k, inputs.v, inputs.pack, inputs.added
    n_heads, n_tokens, _ = q.shape
    columns = np.zeros((n_heads, n_tokens))
    sums = np.zeros((len(pack.n_tokens), n_heads, N_SUMS))
    diagonals = np.zeros((len(pack.n_tokens), n_heads, 2 * REACH + 1))

    # (sum of T, H, D), as most models make them.
    queries, keys, values = (_lay_out(part) for part in (q, k, k[:, :, :0] if v is None else v))
    output = np.empty_like(values)
    factors = np.float32(inputs.scaling * BITS), np.float32(BITS), np.float32(theta)

    for sequence, tokens in enumerate(pack.slices):
        length = tokens.stop - tokens.start
        for heads, rows in _cut_work(n_heads, length, is_cut_by_rows=added is not None):
            at = Tile(sequence, slice(*heads), tokens, rows[0])
            extra = _NOTHING_ADDED if added is None else added.select(at, rows[1]).contiguous().numpy()
            places = heads, (tokens.start, tokens.stop), rows
            _reduce(
                queries, keys, values, output, extra, *places, *factors, columns, sums[sequence], diagonals[sequence]
            )

    result = None if v is None else torch.from_numpy(output).transpose(0, 1).to(v.dtype)
    return result, columns, sums, diagonals


def _lay_out(part: Tensor) -> NDArray[np.float32]:
    """Return queries, keys or values (H, sum of T, D) as an array (sum of T, H, D), float32 and contiguous."""
    return part.transpose(0, 1).float().contiguous().numpy()


def _cut_work(n_heads: int, n_tokens: int, *, is_cut_by_rows: bool) -> Iterator[tuple[Range, Range]]:
    """Yield heads, first and end, and query rows, first and number, of calls that do not last for long."""
    if is_cut_by_rows:
        group, n_rows = choose_tile_shape(n_heads, n_tokens)
    else:
        group, n_rows = max(1, CALL_ELEMENTS // n_tokens**2), n_tokens

    for heads in _cut(0, n_heads, group):
        for rows in _cut(0, n_tokens, n_rows):
            yield (heads.start, heads.stop), (rows.start, rows.stop - rows.start)


def attend_in_tiles(inputs: LayerInputs, *, soften: Callable[[Tensor, Tile], None]) -> Tensor | None:
    """Return a layer's output, (H, sum of T, D), dtype of `v`; None without `v`.

    `soften` replaces the scores of a tile, (heads, rows, T) float32 in bits, by attention weights. Holds one buffer of
    about TILE_ELEMENTS weights per thread.
    """
    v, pack, added = inputs.v, inputs.pack, inputs.added
    q, k = inputs.q.float() * (inputs.scaling * BITS), inputs.k.float().contiguous()  # scores in bits: see `rows`
    values = None if v is None else v.float().contiguous()
    output = None if values is None else torch.empty_like(values)

    for sequence, tokens in enumerate(pack.slices):
        length = tokens.stop - tokens.start
        group, n_rows = choose_tile_shape(len(q), length)
        buffer = _get_buffer(count_buffer_elements(len(q), length))

        for heads in _cut(0, len(q), group):
            keys = k[heads, tokens].transpose(1, 2)
            for rows in _cut(tokens.start, tokens.stop, n_rows):
                shape = (heads.stop - heads.start, rows.stop - rows.start, length)
                tile = buffer[: math.prod(shape)].view(shape)
                torch.bmm(q[heads, rows], keys, out=tile)
                at = Tile(sequence, heads, tokens, rows.start - tokens.start)
                if added is not None:
                    tile.add_(added.select(at, tile.shape[1]), alpha=BITS)
                soften(tile, at)
                if values is not None and output is not None:
                    output[heads, rows] = torch.bmm(tile, values[heads, tokens])

    return output.to(v.dtype) if output is not None and v is not None else None


def _derive_statistics(
    columns: Sums, sums: Sums, diagonals: Sums, pack: Pack
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return attention received (sum of N,) and head statistics (P, H, S), from sums over rows.

    The sums are `columns` (H, sum of T), `sums` (P, H, N_SUMS) and `diagonals` (P, H, 2 * REACH + 1).
    """
    n = np.array(pack.n_residues)[:, None]  # (P, 1)
    inner = columns[:, pack.residues.numpy()]  # (H, sum of N)

    # Of each sequence and head the sum and the largest of the columns.
    begins = np.concatenate([[0], np.cumsum(n)[:-1]])
    total = np.add.reduceat(inner, begins, axis=1).T  # (P, H)
    largest = np.maximum.reduceat(inner, begins, axis=1).T
    ends = pack.offsets.numpy()
    offset = np.abs(np.arange(-REACH, REACH + 1))

    def sum_at(is_counted: NDArray[np.bool_]) -> Sums:
        return np.asarray(diagonals[..., is_counted].sum(-1))  # (P, H)

    statistics = {
        "entropy": np.maximum(sums[..., 0], 0) * math.log(2) / n,  # a difference: one key only may give -1e-8
        "distance": sums[..., 1] / n,
        "cls_share": columns[:, ends[:-1]].T / n,
        "eos_share": columns[:, ends[1:] - 1].T / n,
        "self_share": sum_at(offset == 0) / n,
        "adjacent_share": sum_at(offset == 1) / n,
        "helix_share": sum_at((offset == 3) | (offset == 4)) / n,
        "beyond6_share": np.maximum(total - sum_at(offset < 6), 0) / n,
        "beyond24_share": np.maximum(total - sum_at(offset <= REACH), 0) / n,
        "max_attention": sums[..., 2],
        "n_edges": sums[..., 3],
        "received_max_share": largest / np.maximum(total, np.finfo(np.float32).tiny),
    }
    ordered = np.stack([statistics[name] for name in STATISTICS], axis=-1)
    return inner.mean(0).astype(np.float32), ordered.astype(np.float32)


def _reduce(*arguments: Any) -> None:
    """Call `row_groups.reduce_heads`, with as many threads as torch takes."""
    n_threads = min(torch.get_num_threads(), numba.config.NUMBA_NUM_THREADS)
    if n_threads == 1:
        reduce_heads(*arguments)
        return

    with _numba_lock:
        numba.set_num_threads(n_threads)
        reduce_heads_shared(*arguments)


def _cut(begin: int, end: int, size: int) -> list[slice]:
    return [slice(a, b) for a, b in pairwise([*range(begin, end, size), end])]


_memory = threading.local()

_numba_lock = threading.Lock()
"""numba's thread pool without OpenMP ends the process when two threads use it at once."""


def _get_buffer(size: int) -> Tensor:
    """Return a flat float32 buffer, kept per thread: fresh pages for each tile cost a third of the time."""
    buffer: Tensor | None = getattr(_memory, "buffer", None)
    if buffer is None or buffer.numel() < size:
        with torch.inference_mode(False):  # a buffer made in inference mode could not be used outside of it
            buffer = torch.empty(size)
        _memory.buffer = buffer
    return buffer
