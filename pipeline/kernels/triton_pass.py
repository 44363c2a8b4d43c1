"""The reduction on a GPU: a pass for the softmax of every row, and one that sums the columns (`triton_kernels`).

The second pass keeps a tile of keys and walks over the queries of its sequence. It computes every score again, which
is cheaper than to store it, with each row's softmax from the first pass. So a column belongs to one program and nothing
is added atomically: the bits are the same every time, and do not depend on the other sequences of a pack. A third,
small kernel sums the band around the diagonal, and a fourth puts the sums together. Nothing waits for the GPU.

Axis letters as in `attention`; `K` tokens that a program keeps, `W` tokens that it walks over at a time.
"""

from functools import lru_cache
from typing import NamedTuple

import torch
import triton
from torch import Tensor
from torch.nn.attention.varlen import AuxRequest, varlen_attn

from attlas.pipeline.attention import STATISTICS, Pack, PackAttention
from attlas.pipeline.kernels.added_scores import AddedScores
from attlas.pipeline.kernels.triton_kernels import (
    LN_2,
    NO_QUERY,
    band_kernel,
    columns_kernel,
    finish_kernel,
    softmax_kernel,
)


class Blocks(NamedTuple):
    """The sizes of a program's work: tokens kept, tokens walked over at a time, and options of the compiler.

    `kept` is a multiple of `walked` and of BAND. Only the last bits of the results depend on these.
    """

    kept: int
    walked: int
    n_warps: int
    n_stages: int
    n_registers: int


# Selected, for lack of a GPU, by registers, spills and instructions of the compiled inner loop; to be tuned on one.
# 128 keys, because with 64 the queries would have to come from L2 faster than it gives them. 4 warps, because 64
# weights per thread halve what a loop costs beside them: 10.6 instructions per weight against 12.1 with 8 warps, where
# exp2 alone takes the time of 8. 168 registers let three programs of 4 warps share a multiprocessor, 128 two of 8.
HOPPER = {64: Blocks(128, 64, 4, 3, 168), 128: Blocks(128, 64, 8, 2, 128)}
"""Blocks for half precision, by the largest head dimension, from compute capability 9 on."""

AMPERE = {64: Blocks(128, 32, 4, 3, 168), 128: Blocks(128, 32, 8, 2, 168)}
"""The same before it: with 32 queries at a time all warps stand along the keys, and sums stay inside a thread."""

FLOAT32 = {64: Blocks(64, 32, 8, 2, 255), 128: Blocks(32, 16, 4, 2, 255)}
"""The same for float32, which tensor cores do not multiply exactly: plain multiplications, many registers."""

DTYPES = {torch.float32: "float32", torch.bfloat16: "bfloat16", torch.float16: "float16"}


def reduce_triton(
    q: Tensor,
    k: Tensor,
    v: Tensor | None,
    *,
    pack: Pack,
    scaling: float,
    theta: float,
    added: AddedScores | None = None,
) -> PackAttention:
    """Reduce one layer's attention on the GPU, with products of the inputs' precision and sums in float32.

    Arguments and result as of `attention.reduce_plain`; `q`, `k` and `v` are float32, bfloat16 or float16, of a head
    dimension up to 128, on one CUDA device (or, under TRITON_INTERPRET=1, on the CPU). Never synchronises.

    Where rows do not sum to 1, the statistics of that sequence and head are NaN: a release of torch returned a
    log-sum-exp that was wrong by ln 2, and all results looked plausible.

    Raises:
        ValueError: the kernels do not take this dtype or head dimension, or numbers added to the scores.
    """
    if added is not None:
        raise ValueError("The GPU's reduction adds nothing to scores; reduce with 'plain', which does.")

    n_heads, n_tokens, dim = q.shape
    blocks = _choose_blocks(q)
    q, k, v = _widen(q), _widen(k), None if v is None else _widen(v)
    schedule = _make_schedule(pack, blocks.kept)
    n_tiles = len(schedule.tiles)

    with torch.cuda.device_of(q):  # Triton launches on the current device
        output, lse = _softmax(q, k, v, pack=pack, scaling=scaling)
        # The shift of every exponent, with sequences at whole tiles: the inner loop then needs no mask for rows.
        shifts = lse.index_select(1, schedule.sources).mul_(-1 / LN_2.value)
        shifts.masked_fill_(schedule.is_no_query, NO_QUERY.value)

        columns = q.new_empty((n_heads, n_tokens), dtype=torch.float32)
        sums = q.new_empty((9, n_heads, n_tiles), dtype=torch.float32)
        heads = q.new_empty((len(pack.n_tokens), n_heads, len(STATISTICS)), dtype=torch.float32)
        places = (schedule.tiles, pack.offsets, schedule.first_tiles)
        common = (*q.stride()[:2], *k.stride()[:2], n_heads, n_tiles, scaling / LN_2.value)
        columns_kernel[(n_tiles * n_heads,)](
            q, k, shifts, *places, columns, sums, *common, n_tokens, theta, q.shape[2], blocks.kept, blocks.walked,
            num_warps=blocks.n_warps, num_stages=blocks.n_stages, maxnreg=blocks.n_registers,
        )  # fmt: skip

        # One warp holds a whole tile of the band: it adds by itself. In float32 the operands alone need the registers.
        n_warps, n_stages = (8, 1) if q.dtype == torch.float32 else (1, 2)
        band_kernel[(n_tiles * n_heads,)](
            q, k, shifts, *places, sums, *common, q.shape[2], blocks.kept, num_warps=n_warps, num_stages=n_stages
        )
        finish_kernel[(len(pack.n_tokens) * n_heads,)](
            columns, sums, heads, *places[1:], n_heads, n_tiles, n_tokens, blocks.kept
        )

    received = columns.mean(0).index_select(0, pack.residues)
    return PackAttention(None if output is None else output[..., :dim], received, heads)


def _softmax(q: Tensor, k: Tensor, v: Tensor | None, *, pack: Pack, scaling: float) -> tuple[Tensor | None, Tensor]:
    """Return softmax(q k) v, (H, sum of T, D), and every row's natural log-sum-exp, (H, sum of T), float32.

    By torch's flash attention where it exists; not without `v`, when our own does half of its work.
    """
    is_half = q.is_cuda and q.dtype != torch.float32
    if v is None or not is_half or torch.cuda.get_device_capability(q.device) < (8, 0):
        return _softmax_by_kernel(q, k, v, pack=pack, scaling=scaling)

    longest = max(pack.n_tokens)
    # It splits no row unless keys come in pages or are shared by heads: a sequence's bits do not depend on its company.
    output, lse = varlen_attn(
        q.transpose(0, 1), k.transpose(0, 1), v.transpose(0, 1), pack.offsets, pack.offsets, longest, longest,
        return_aux=AuxRequest(lse=True), scale=scaling,
    )  # fmt: skip
    # torch documents (sum of T, H) for what is (H, sum of T).
    return output.transpose(0, 1), lse if lse.shape == q.shape[:2] else lse.transpose(0, 1)


def _softmax_by_kernel(
    q: Tensor, k: Tensor, v: Tensor | None, *, pack: Pack, scaling: float
) -> tuple[Tensor | None, Tensor]:
    """Do the same as `_softmax` by our own kernel, for any dtype."""
    n_heads, n_tokens, dim = q.shape
    blocks = _choose_blocks(q)
    tiles = _make_schedule(pack, blocks.kept).tiles
    lse = q.new_empty((n_heads, n_tokens), dtype=torch.float32)
    output = q.new_empty((n_tokens, n_heads, dim)) if v is not None else None
    values = k if v is None else v  # the kernel needs a pointer

    softmax_kernel[(len(tiles) * n_heads,)](
        q, k, values, lse if output is None else output, lse, tiles, pack.offsets,
        *q.stride()[:2], *k.stride()[:2], *values.stride()[:2], n_heads, n_tokens, scaling / LN_2.value,
        dim, blocks.kept, blocks.walked, v is not None, num_warps=blocks.n_warps, num_stages=blocks.n_stages,
    )  # fmt: skip
    return None if output is None else output.transpose(0, 1), lse


def _widen(values: Tensor) -> Tensor:
    """Pad (H, T, D) with zeros to a width D of tiles, a power of two of at least 16; all rows are aligned then."""
    dim = values.shape[2]
    width = max(16, triton.next_power_of_2(dim))
    if width > dim:
        return torch.nn.functional.pad(values, (0, width - dim))
    return values if values.stride(2) == 1 else values.contiguous()


def _choose_blocks(q: Tensor) -> Blocks:
    """Return the blocks for these queries. Raises ValueError for a dtype or head dimension that no kernel takes."""
    if q.dtype not in DTYPES or q.shape[2] > max(FLOAT32):
        raise ValueError(
            f"The GPU's reduction takes {', '.join(DTYPES.values())} and head dimensions up to {max(FLOAT32)}, "
            f"found {q.dtype} and {q.shape[2]}; reduce with 'plain', which takes all."
        )

    table = FLOAT32
    if q.dtype != torch.float32:
        table = AMPERE if q.is_cuda and torch.cuda.get_device_capability(q.device) < (9, 0) else HOPPER
    return next(blocks for largest, blocks in table.items() if q.shape[2] <= largest)


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
def _make_schedule(pack: Pack, kept: int) -> Schedule:
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

    parts: tuple[Tensor, ...] = (tiles, first_tiles.int(), sources, (place == 0) | (place >= last))
    if pack.device.type == "cuda":  # only from pinned memory does a GPU copy without being waited for
        parts = tuple(part.pin_memory().to(pack.device, non_blocking=True) for part in parts)
    return Schedule(*parts)
