"""The last kernel of the reduction on a GPU: the sums of a sequence's tiles, put together to its statistics."""
# mypy: disable-error-code="no-untyped-def, untyped-decorator"
# Kernels are not Python: their arguments are pointers and registers, which Python's types do not describe.

import triton
import triton.language as tl

from attlas.pipeline.attention.definitions import STATISTICS
from attlas.pipeline.attention.triton_kernels import LN_2

N_STATISTICS = tl.constexpr(len(STATISTICS))

LOADED = tl.constexpr(256)
"""Numbers that a program loads at a time."""

ROUNDING = tl.constexpr(0.01)
"""Largest difference of the sum of a row of weights from 1 by rounding, also in half precision."""

SMALLEST_NORMAL = tl.constexpr(1.1754944e-38)
"""The smallest float32 with all digits: a divisor where there is nothing to divide."""


@triton.jit
def _total(values, n, is_largest: tl.constexpr = False):
    """Return the sum of `n` numbers, or the largest if all are 0 or more, in an order that depends on `n` alone."""
    total = tl.zeros([LOADED], tl.float32)
    for start in range(0, n, LOADED):
        place = start + tl.arange(0, LOADED)
        more = tl.load(values + place, mask=place < n, other=0.0)
        total = tl.maximum(total, more) if is_largest else total + more
    return tl.max(total) if is_largest else tl.sum(total)


@triton.jit(do_not_specialize=["n_heads", "n_tiles", "n_tokens"])
def finish_kernel(columns, sums, heads, offsets, first_tiles, n_heads, n_tiles, n_tokens, kept: tl.constexpr):
    """Put the sums of one sequence and head together: `heads` (P, H, S), in the order of STATISTICS."""
    sequence, head = tl.program_id(0) // n_heads, tl.program_id(0) % n_heads
    begin = tl.load(offsets + sequence)
    n = tl.load(offsets + sequence + 1) - begin
    first_tile = tl.load(first_tiles + sequence)
    columns += head.to(tl.int64) * n_tokens + begin
    sums += head * n_tiles + first_tile
    stride, n_sums = n_heads * n_tiles, tl.cdiv(n, kept)

    to_cls, to_eos, inner = tl.load(columns), tl.load(columns + n - 1), _total(columns + 1, n - 2)
    rows = (n - 2).to(tl.float32)
    # The weights of all rows sum to the number of rows. If not, everything becomes NaN, which callers look for anyway:
    # so the check costs nothing and nothing waits for it. NaN itself compares false.
    is_whole = tl.abs(inner + to_cls + to_eos - rows) <= rows * ROUNDING
    whole = tl.where(is_whole, 1.0, float("nan"))
    share = whole / rows

    heads += tl.program_id(0) * N_STATISTICS
    # Limits, because differences and exponents are rounded.
    tl.store(heads, tl.maximum(_total(sums, n_sums) * -LN_2, 0.0) * share)
    tl.store(heads + 1, _total(sums + stride, n_sums) * share)
    tl.store(heads + 2, to_cls * share)
    tl.store(heads + 3, to_eos * share)
    tl.store(heads + 4, _total(sums + 4 * stride, n_sums) * share)
    tl.store(heads + 5, _total(sums + 5 * stride, n_sums) * share)
    tl.store(heads + 6, _total(sums + 6 * stride, n_sums) * share)
    tl.store(heads + 7, tl.maximum(inner - _total(sums + 7 * stride, n_sums), 0.0) * share)
    tl.store(heads + 8, tl.maximum(inner - _total(sums + 8 * stride, n_sums), 0.0) * share)
    tl.store(heads + 9, tl.minimum(_total(sums + 2 * stride, n_sums, True), 1.0) * whole)
    tl.store(heads + 10, _total(sums + 3 * stride, n_sums) * whole)
    tl.store(heads + 11, _total(columns + 1, n - 2, True) / tl.maximum(inner, SMALLEST_NORMAL) * whole)
