"""The GPU's way of reducing: one pass for the softmax of every row, and a second that sums its columns.

The second pass keeps a tile of keys and walks over the queries of its sequence. It computes every score again, which
is cheaper than storing it, and knows each row's softmax from the first pass. So a column belongs to one program and
nothing is added atomically: the same bits come out every time, and a sequence's do not depend on its company. A third,
small kernel looks at the band around the diagonal, a fourth puts the sums together. Nothing waits for the GPU.

Axis letters as in `attention`; `K` tokens that a program keeps, `W` tokens it takes at a time as it walks.
"""
# mypy: disable-error-code="no-untyped-def, untyped-decorator"
# Kernels are not Python: what they take are pointers and registers, which Python's types do not describe.

import math
from functools import lru_cache
from typing import NamedTuple

import torch
import triton
import triton.language as tl
from torch import Tensor
from torch.nn.attention.varlen import AuxRequest, varlen_attn

from attlas.pipeline.attention import STATISTICS, Pack, PackAttention


class Blocks(NamedTuple):
    """How the work of a program is cut: tokens kept, tokens walked at a time, and what the compiler is told.

    `kept` is a multiple of `walked` and of BAND. No number depends on it but in its last bits.
    """

    kept: int
    walked: int
    n_warps: int
    n_stages: int
    n_registers: int


# Chosen, for want of a GPU, by registers, spills and instructions of the compiled inner loop; to be tuned on one.
# 128 keys, because with 64 the queries would have to come from L2 faster than it gives them. 4 warps, because 64
# weights per thread halve what a loop costs beside them: 10.6 instructions per weight against 12.1 with 8 warps, where
# exp2 alone takes the time of 8. 168 registers let three programs of 4 warps share a multiprocessor, 128 two of 8.
HOPPER = {64: Blocks(128, 64, 4, 3, 168), 128: Blocks(128, 64, 8, 2, 128)}
"""Blocks of half precision, by the largest head dimension they are for, from compute capability 9 on."""

AMPERE = {64: Blocks(128, 32, 4, 3, 168), 128: Blocks(128, 32, 8, 2, 168)}
"""The same before it: with 32 queries at a time all warps stand along the keys, and sums stay inside a thread."""

FLOAT32 = {64: Blocks(64, 32, 8, 2, 255), 128: Blocks(32, 16, 4, 2, 255)}
"""The same for float32, which tensor cores do not multiply exactly: plain multiplications, many registers."""

DTYPES = {torch.float32: "float32", torch.bfloat16: "bfloat16", torch.float16: "float16"}

BAND = tl.constexpr(16)
"""Keys of a tile of the band: the fewest a product takes, so that little is computed beside the band."""

LANE = tl.constexpr(8)
"""Sums over queries are kept apart for every eighth query: those whose scores one thread of a tensor core's result
holds. So the loop adds inside threads, and threads meet once, at its end."""

NO_QUERY = tl.constexpr(-1e30)
"""Exponent of rows that no statistic counts, so that they weigh 0. Not infinite: 0 * infinity is no number."""

LN_2 = tl.constexpr(math.log(2))


def reduce_triton(q: Tensor, k: Tensor, v: Tensor | None, *, pack: Pack, scaling: float, theta: float) -> PackAttention:
    """Reduce one layer's attention on the GPU, with products of the inputs' precision and sums in float32.

    Takes and gives the same as `attention.reduce_plain`; `q`, `k` and `v` are float32, bfloat16 or float16, of a head
    dimension up to 128, and stand on one CUDA device (or, under TRITON_INTERPRET=1, on the CPU). Never synchronises.

    Where rows do not sum to 1, the statistics of that sequence and head are no numbers: a release of torch gave a
    log-sum-exp that was off by ln 2, and everything computed from it looked plausible.

    Raises:
        ValueError: the kernels do not take this dtype or head dimension.
    """
    n_heads, n_tokens, dim = q.shape
    blocks = _blocks(q)
    q, k, v = _widened(q), _widened(k), None if v is None else _widened(v)
    schedule = _schedule(pack, blocks.kept)
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
        _columns_kernel[(n_tiles * n_heads,)](
            q, k, shifts, *places, columns, sums, *common, n_tokens, theta, q.shape[2], blocks.kept, blocks.walked,
            num_warps=blocks.n_warps, num_stages=blocks.n_stages, maxnreg=blocks.n_registers,
        )  # fmt: skip
        # One warp holds a whole tile of the band: it adds by itself. In float32 the operands alone need the registers.
        n_warps, n_stages = (8, 1) if q.dtype == torch.float32 else (1, 2)
        _band_kernel[(n_tiles * n_heads,)](
            q, k, shifts, *places, sums, *common, q.shape[2], blocks.kept, num_warps=n_warps, num_stages=n_stages
        )
        _finish_kernel[(len(pack.n_tokens) * n_heads,)](
            columns, sums, heads, *places[1:], n_heads, n_tiles, n_tokens, blocks.kept
        )
    received = columns.mean(0).index_select(0, pack.residues)
    return PackAttention(None if output is None else output[..., :dim], received, heads)


def _softmax(q: Tensor, k: Tensor, v: Tensor | None, *, pack: Pack, scaling: float) -> tuple[Tensor | None, Tensor]:
    """Return softmax(q k) v, (H, sum of T, D), and every row's natural log-sum-exp, (H, sum of T), float32.

    By torch's flash attention where there is one; but not without `v`, when our own does half of its work.
    """
    is_half = q.is_cuda and q.dtype != torch.float32
    if v is None or not is_half or torch.cuda.get_device_capability(q.device) < (8, 0):
        return _own_softmax(q, k, v, pack=pack, scaling=scaling)
    longest = max(pack.n_tokens)
    # It splits no row unless keys come in pages or are shared by heads: a sequence's bits do not depend on its company.
    output, lse = varlen_attn(
        q.transpose(0, 1), k.transpose(0, 1), v.transpose(0, 1), pack.offsets, pack.offsets, longest, longest,
        return_aux=AuxRequest(lse=True), scale=scaling,
    )  # fmt: skip
    # torch documents (sum of T, H) for what is (H, sum of T).
    return output.transpose(0, 1), lse if lse.shape == q.shape[:2] else lse.transpose(0, 1)


def _own_softmax(q: Tensor, k: Tensor, v: Tensor | None, *, pack: Pack, scaling: float) -> tuple[Tensor | None, Tensor]:
    """Do what `_softmax` does for any dtype."""
    n_heads, n_tokens, dim = q.shape
    blocks = _blocks(q)
    tiles = _schedule(pack, blocks.kept).tiles
    lse = q.new_empty((n_heads, n_tokens), dtype=torch.float32)
    output = q.new_empty((n_tokens, n_heads, dim)) if v is not None else None
    values = k if v is None else v  # a pointer has to be given
    _softmax_kernel[(len(tiles) * n_heads,)](
        q, k, values, lse if output is None else output, lse, tiles, pack.offsets,
        *q.stride()[:2], *k.stride()[:2], *values.stride()[:2], n_heads, n_tokens, scaling / LN_2.value,
        dim, blocks.kept, blocks.walked, v is not None, num_warps=blocks.n_warps, num_stages=blocks.n_stages,
    )  # fmt: skip
    return None if output is None else output.transpose(0, 1), lse


def _widened(values: Tensor) -> Tensor:
    """Return (H, T, D) with zeros up to a power of two of at least 16: the widths of tiles, and all rows aligned."""
    dim = values.shape[2]
    width = max(16, triton.next_power_of_2(dim))
    if width > dim:
        return torch.nn.functional.pad(values, (0, width - dim))
    return values if values.stride(2) == 1 else values.contiguous()


def _blocks(q: Tensor) -> Blocks:
    """Return how to cut the work for these queries."""
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
    """Who works on what."""

    tiles: Tensor
    """Sequence, and first token within it, of each tile: (tiles, 2), int32, those of the longest sequence first."""
    first_tiles: Tensor
    """Tiles before those of each sequence, in the order of the pack: (P,), int32."""
    sources: Tensor
    """Token of the pack at each place, where every sequence begins at a whole tile: (tiles * K,), int64."""
    is_no_query: Tensor
    """Whether that place is `<cls>`, `<eos>`, or past the end: (tiles * K,), bool."""


@lru_cache(maxsize=8)
def _schedule(pack: Pack, kept: int) -> Schedule:
    """Cut a pack into tiles, once for all its layers: as many programs as tiles, none of which starts in vain."""
    lengths = torch.tensor(pack.n_tokens)
    n_tiles = (lengths + kept - 1) // kept  # (P,)
    first_tiles = n_tiles.cumsum(0) - n_tiles
    owner = torch.arange(len(lengths)).repeat_interleave(n_tiles)  # (tiles,)
    first = (torch.arange(len(owner)) - first_tiles[owner]) * kept
    # A program's work is the length of its sequence, and the last one to start should be short.
    order = lengths[owner].argsort(descending=True, stable=True)
    place = (first[:, None] + torch.arange(kept)).flatten()  # (tiles * K,) within its sequence
    last = (lengths - 1)[owner].repeat_interleave(kept)
    sources = (lengths.cumsum(0) - lengths)[owner].repeat_interleave(kept) + place.minimum(last)
    tiles = torch.stack([owner, first], 1)[order].int()
    parts: tuple[Tensor, ...] = (tiles, first_tiles.int(), sources, (place == 0) | (place >= last))
    if pack.device.type == "cuda":  # only from pinned memory does a GPU copy without being waited for
        parts = tuple(part.pin_memory().to(pack.device, non_blocking=True) for part in parts)
    return Schedule(*parts)


@triton.jit
def _program(tiles, offsets, n_heads, index):
    """Return sequence, head, first token within the sequence, the sequence's first of the pack, and its length."""
    sequence = tl.load(tiles + index // n_heads * 2)
    first = tl.load(tiles + index // n_heads * 2 + 1)
    begin = tl.load(offsets + sequence)
    n = tl.load(offsets + sequence + 1) - begin
    # In 64 bits, for heads * tokens * dimension of a large pack pass 2 ** 31.
    return sequence, (index % n_heads).to(tl.int64), first, begin.to(tl.int64), n


@triton.jit(do_not_specialize=["n_heads", "n_tokens"])
def _softmax_kernel(
    q, k, v, output, lse, tiles, offsets, q_head, q_token, k_head, k_token, v_head, v_token, n_heads, n_tokens, scale,
    dim: tl.constexpr, kept: tl.constexpr, walked: tl.constexpr, has_values: tl.constexpr,
):  # fmt: skip
    """Softmax of a tile of rows, online (Dao et al. 2022): `lse` (H, sum of T) and, with values, (sum of T, H, D)."""
    _, head, first, begin, n = _program(tiles, offsets, n_heads, tl.program_id(0))
    i = first + tl.arange(0, kept)
    j = tl.arange(0, walked)
    d = tl.arange(0, dim)
    q += head * q_head + begin * q_token
    k += head * k_head + begin * k_token
    v += head * v_head + begin * v_token
    queries = tl.load(q + i[:, None] * q_token + d[None, :], mask=i[:, None] < n, other=0.0)
    largest = tl.full([kept], float("-inf"), tl.float32)
    mass = tl.zeros([kept], tl.float32)
    result = tl.zeros([kept, dim], tl.float32)
    for passed in range(0, n, walked):
        is_key = j < n - passed
        keys = tl.load(k + j[None, :] * k_token + d[:, None], mask=is_key[None, :], other=0.0)
        bits = tl.dot(queries, keys, input_precision="ieee") * scale
        bits = tl.where(is_key[None, :], bits, float("-inf"))
        larger = tl.maximum(largest, tl.max(bits, 1))
        shrink = tl.exp2(largest - larger)
        weights = tl.exp2(bits - larger[:, None])
        mass = mass * shrink + tl.sum(weights, 1)
        largest = larger
        if has_values:
            values = tl.load(v + j[:, None] * v_token + d[None, :], mask=is_key[:, None], other=0.0)
            result = tl.dot(weights.to(values.dtype), values, result * shrink[:, None], input_precision="ieee")
        k += walked * k_token
        v += walked * v_token
    tl.store(lse + head * n_tokens + begin + i, (largest + tl.log2(mass)) * LN_2, mask=i < n)
    if has_values:
        place = output + ((begin + i[:, None]) * n_heads + head) * dim + d[None, :]
        tl.store(place, (result / mass[:, None]).to(output.dtype.element_ty), mask=i[:, None] < n)


@triton.jit
def _add_tile(
    sums, keys, q, shifts, i, first, n, scale, theta, q_token,
    dim: tl.constexpr, kept: tl.constexpr, walked: tl.constexpr, is_diagonal: tl.constexpr,
):  # fmt: skip
    """Add what queries `i` to `i + W` give to each key's running sums, all (K, LANE)."""
    columns, plogps, distances, largest, edges = sums
    step = tl.arange(0, walked)
    q += i.to(tl.int64) * q_token
    # Rows past the end weigh nothing, but another sequence's overflow would: 0 * inf. So they are not read.
    queries = tl.load(q + step[None, :] * q_token + tl.arange(0, dim)[:, None], mask=step[None, :] < n - i, other=0.0)
    shift = tl.load(shifts + i + step)
    logs = tl.dot(keys, queries, input_precision="ieee") * scale + shift[None, :]  # (K, W), of weights, base 2
    weights = tl.exp2(logs)
    lanes = tl.reshape(weights, [kept, walked // LANE, LANE])
    column = tl.sum(lanes, 1)  # (K, LANE)
    columns += column
    plogps += tl.sum(tl.reshape(weights * logs, [kept, walked // LANE, LANE]), 1)
    largest = tl.maximum(largest, tl.max(lanes, 1))
    edges += tl.sum((lanes >= theta).to(tl.float32), 1)  # as floats: one instruction compares and sets 1.0
    apart = (i - first).to(tl.float32)
    j = tl.arange(0, kept).to(tl.float32)
    if is_diagonal:
        distance = tl.abs(step.to(tl.float32)[None, :] + apart - j[:, None])
        distances += tl.sum(tl.reshape(weights * distance, [kept, walked // LANE, LANE]), 1)
    else:
        # i - j = 8 * group + rest: a group is a register, its factor a constant of the instruction, and what is left
        # is the same for a whole column. All terms are as large as the distance itself, so no digits are lost.
        groups = (tl.arange(0, walked // LANE) * LANE).to(tl.float32)
        rest = tl.arange(0, LANE).to(tl.float32)[None, :] - j[:, None] + apart
        signed = tl.sum(lanes * groups[None, :, None], 1) + column * rest
        distances += tl.where(apart < 0, -1.0, 1.0) * signed
    return columns, plogps, distances, largest, edges


@triton.jit(do_not_specialize=["n_heads", "n_tiles", "n_tokens"])
def _columns_kernel(
    q, k, shifts, tiles, offsets, first_tiles, columns, sums, q_head, q_token, k_head, k_token, n_heads, n_tiles, scale,
    n_tokens, theta, dim: tl.constexpr, kept: tl.constexpr, walked: tl.constexpr,
):  # fmt: skip
    """Sum the columns of a tile of keys over the residues of their sequence.

    Writes `columns` (H, sum of T), and of each tile the first of `sums` (9, H, tiles): p log2 p over all keys; over
    inner ones distance, largest weight, edges.
    """
    sequence, head, first, begin, n = _program(tiles, offsets, n_heads, tl.program_id(0))
    first_tile = tl.load(first_tiles + sequence)
    j = first + tl.arange(0, kept)
    k += head * k_head + begin * k_token
    keys = tl.load(k + j[:, None] * k_token + tl.arange(0, dim)[None, :], mask=j[:, None] < n, other=0.0)
    q += head * q_head + begin * q_token
    shifts += (head * n_tiles + first_tile) * kept
    zeros = tl.zeros([kept, LANE], tl.float32)
    state = (zeros, zeros, zeros, zeros, zeros)
    # Two loops: only on the diagonal is |i - j| no plain difference, and the long loop goes without.
    n_walks = tl.cdiv(n, walked)
    diagonal = first // walked
    n_diagonal = tl.minimum(kept // walked, n_walks - diagonal)
    for walk in range(n_walks - n_diagonal):
        i = (walk + tl.where(walk < diagonal, 0, n_diagonal)) * walked
        state = _add_tile(state, keys, q, shifts, i, first, n, scale, theta, q_token, dim, kept, walked, False)
    for walk in range(n_diagonal):
        i = first + walk * walked
        state = _add_tile(state, keys, q, shifts, i, first, n, scale, theta, q_token, dim, kept, walked, True)
    column, plogp, distance, largest, edges = state
    # Keys past the end have sums as well, of scores 0; here they are left out.
    tl.store(columns + head * n_tokens + begin + j, tl.sum(column, 1), mask=j < n)
    is_inner = (j > 0) & (j < n - 1)
    sums += head * n_tiles + first_tile + first // kept
    each = n_heads * n_tiles
    tl.store(sums, tl.sum(tl.where(j < n, tl.sum(plogp, 1), 0.0)))
    tl.store(sums + each, tl.sum(tl.where(is_inner, tl.sum(distance, 1), 0.0)))
    tl.store(sums + 2 * each, tl.max(tl.where(is_inner, tl.max(largest, 1), 0.0)))
    tl.store(sums + 3 * each, tl.sum(tl.where(is_inner, tl.sum(edges, 1), 0.0)))


@triton.jit
def _add_where(where, sums, lanes):
    """Add to sums, (BAND, LANE), those weights that are where they should be, (BAND, 64 / LANE, LANE)."""
    return sums + tl.sum(tl.where(where, lanes, 0.0), 1)


@triton.jit(do_not_specialize=["n_heads", "n_tiles"])
def _band_kernel(
    q, k, shifts, tiles, offsets, first_tiles, sums, q_head, q_token, k_head, k_token, n_heads, n_tiles, scale,
    dim: tl.constexpr, kept: tl.constexpr,
):  # fmt: skip
    """Sum the weights near the diagonal, of a tile of keys: the last of `sums`, by offset.

    Apart from the long loop, because five masks would cost more than all else in it. Here, where a tile lies along the
    diagonal and always the same way, the compiler knows for most weights which sums they can be in.
    """
    sequence, head, first, begin, n = _program(tiles, offsets, n_heads, tl.program_id(0))
    first_tile = tl.load(first_tiles + sequence)
    d = tl.arange(0, dim)
    key = tl.arange(0, BAND)
    query = tl.arange(0, 64) - 24  # BAND keys, and 24 tokens to either side
    apart = tl.reshape(tl.abs(query[None, :] - key[:, None]), [BAND, 64 // LANE, LANE])
    k += head * k_head + begin * k_token
    q += head * q_head + begin * q_token
    shifts += (head * n_tiles + first_tile) * kept
    itself = tl.zeros([BAND, LANE], tl.float32)
    adjacent, helix, below6, below24 = itself, itself, itself, itself
    for band in range(first, tl.minimum(first + kept, n), BAND):
        j = band + key
        i = band + query
        is_token = (i >= 0) & (i < n)
        keys = tl.load(k + j[:, None] * k_token + d[None, :], mask=j[:, None] < n, other=0.0)
        queries = tl.load(q + i[None, :] * q_token + d[:, None], mask=is_token[None, :], other=0.0)
        shift = tl.load(shifts + i, mask=is_token, other=NO_QUERY)
        weights = tl.exp2(tl.dot(keys, queries, input_precision="ieee") * scale + shift[None, :])
        weights = tl.where(((j > 0) & (j < n - 1))[:, None], weights, 0.0)
        lanes = tl.reshape(weights, [BAND, 64 // LANE, LANE])
        itself = _add_where(apart == 0, itself, lanes)
        adjacent = _add_where(apart == 1, adjacent, lanes)
        helix = _add_where((apart == 3) | (apart == 4), helix, lanes)
        below6 = _add_where(apart < 6, below6, lanes)
        below24 = _add_where(apart < 24, below24, lanes)
    each = n_heads * n_tiles
    sums += 4 * each + head * n_tiles + first_tile + first // kept
    tl.store(sums, tl.sum(itself))
    tl.store(sums + each, tl.sum(adjacent))
    tl.store(sums + 2 * each, tl.sum(helix))
    tl.store(sums + 3 * each, tl.sum(below6))
    tl.store(sums + 4 * each, tl.sum(below24))


@triton.jit
def _total(values, n, is_largest: tl.constexpr = False):
    """Return the sum of `n` numbers, or the largest if all are 0 or more, in an order that depends on `n` alone."""
    total = tl.zeros([256], tl.float32)
    for first in range(0, n, 256):
        place = first + tl.arange(0, 256)
        more = tl.load(values + place, mask=place < n, other=0.0)
        total = tl.maximum(total, more) if is_largest else total + more
    return tl.max(total) if is_largest else tl.sum(total)


@triton.jit(do_not_specialize=["n_heads", "n_tiles", "n_tokens"])
def _finish_kernel(columns, sums, heads, offsets, first_tiles, n_heads, n_tiles, n_tokens, kept: tl.constexpr):
    """Put the sums of one sequence and head together: `heads` (P, H, S), in the order of STATISTICS."""
    sequence, head = tl.program_id(0) // n_heads, tl.program_id(0) % n_heads
    begin = tl.load(offsets + sequence)
    n = tl.load(offsets + sequence + 1) - begin
    first_tile = tl.load(first_tiles + sequence)
    columns += head.to(tl.int64) * n_tokens + begin
    sums += head * n_tiles + first_tile
    each, n_sums = n_heads * n_tiles, tl.cdiv(n, kept)
    to_cls, to_eos, inner = tl.load(columns), tl.load(columns + n - 1), _total(columns + 1, n - 2)
    rows = (n - 2).to(tl.float32)
    # The weights of all rows sum to their number. Where not, all becomes NaN, which callers look for anyway: so the
    # check costs nothing and nobody waits for it. NaN itself compares false.
    is_whole = tl.abs(inner + to_cls + to_eos - rows) <= 0.01 * rows
    whole = tl.where(is_whole, 1.0, float("nan"))
    share = whole / rows
    heads += tl.program_id(0) * 12
    # Limits, because differences and exponents are rounded.
    tl.store(heads, tl.maximum(_total(sums, n_sums) * -LN_2, 0.0) * share)
    tl.store(heads + 1, _total(sums + each, n_sums) * share)
    tl.store(heads + 2, to_cls * share)
    tl.store(heads + 3, to_eos * share)
    tl.store(heads + 4, _total(sums + 4 * each, n_sums) * share)
    tl.store(heads + 5, _total(sums + 5 * each, n_sums) * share)
    tl.store(heads + 6, _total(sums + 6 * each, n_sums) * share)
    tl.store(heads + 7, tl.maximum(inner - _total(sums + 7 * each, n_sums), 0.0) * share)
    tl.store(heads + 8, tl.maximum(inner - _total(sums + 8 * each, n_sums), 0.0) * share)
    tl.store(heads + 9, tl.minimum(_total(sums + 2 * each, n_sums, True), 1.0) * whole)
    tl.store(heads + 10, _total(sums + 3 * each, n_sums) * whole)
    tl.store(heads + 11, _total(columns + 1, n - 2, True) / tl.maximum(inner, 1.1754944e-38) * whole)
