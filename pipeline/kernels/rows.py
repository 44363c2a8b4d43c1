"""Scores to weights and sums, row by row while a tile is in cache: the compiled inner loop of the tiled path.

numba compiles these functions with LLVM for the processor at hand at the first call, and keeps them on disk; there
is no C++ compiler to install. The loops are written so that LLVM turns them into vector instructions: one row, no
branches, sums whose order is free.

Scores are in bits, that is times log2(e), so that a weight is a power of two. Axis letters as in `attention`, with
`R` query rows of a tile.
"""
# mypy: disable-error-code="no-untyped-def, untyped-decorator"
# What numba compiles are arrays and registers, which Python's types do not describe.

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, prange, types
from numba.extending import intrinsic

REACH = 23
"""Largest offset |j - i| that is summed by itself; from 24 on attention counts as long-range."""

N_SUMS = 4
"""Sums over rows that the loop keeps per head: entropy in bits, distance, largest inner weight, edges."""

_FREE_ORDER = {"reassoc", "contract", "nsz", "arcp"}
"""What LLVM may do with the arithmetic: sum in any order. Not that there are no NaNs: they have to come out."""

_FEWEST_BITS = np.float32(-100)
"""Weights below 2 ** -100 of the row's largest are nothing: far from the slow, denormal numbers also once divided."""

_HALF = np.float32(0.5)

# exp2 on [-1/2, 1/2] to the last bit of a float32: degree 5, error 2e-7 at the Chebyshev nodes' worst.
_EXP2 = np.polynomial.chebyshev.Chebyshev.interpolate(np.exp2, 5, [-0.5, 0.5]).convert(kind=np.polynomial.Polynomial)
_C0, _C1, _C2, _C3, _C4, _C5 = _EXP2.coef.astype(np.float32)


@intrinsic
def _float_of_bits(_: Any, bits: Any) -> Any:
    """Read the bits of an int32 as a float32."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], ir.FloatType())

    return types.float32(types.int32), generate


@intrinsic
def _larger(_: Any, a: Any, b: Any) -> Any:
    """Return the larger of two float32: unlike `max`, an instruction that LLVM makes a vector of."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kind = ir.FloatType()
        larger = builder.module.declare_intrinsic("llvm.maxnum", (kind,), ir.FunctionType(kind, (kind, kind)))
        return builder.call(larger, arguments, fastmath=("fast",))

    return types.float32(types.float32, types.float32), generate


@njit(fastmath=_FREE_ORDER, inline="always")
def _exp2(bits):
    """Return 2 ** bits for bits <= 0: the polynomial of the fraction, its exponent raised by the whole part."""
    some = bits if bits > _FEWEST_BITS else _FEWEST_BITS
    whole = np.floor(some + _HALF)
    part = some - whole
    power = _C0 + part * (_C1 + part * (_C2 + part * (_C3 + part * (_C4 + part * _C5))))
    power *= _float_of_bits((np.int32(whole) + np.int32(127)) << np.int32(23))
    return power if bits > _FEWEST_BITS else np.float32(0)


@njit
def _largest(row):
    largest = row[0]
    for j in range(row.shape[0]):
        largest = _larger(largest, row[j])
    return largest


@njit(fastmath=_FREE_ORDER)
def _weigh(row, largest, i):
    """Replace scores by weights before division; return the sums of weights, of weight * bits, of weight * |i - j|."""
    total = expected = apart = np.float32(0)
    for j in range(np.int32(row.shape[0])):
        bits = row[j] - largest
        weight = _exp2(bits)
        row[j] = weight
        total += weight
        # `bits`, not what _exp2 makes of them: a score that is no number has to show.
        expected += weight * bits
        apart += weight * abs(np.float32(np.int32(j) - i))
    return total, expected, apart


@njit(fastmath=_FREE_ORDER)
def _settle(row, scale, column):
    """Divide a row of weights, and add it to the column sums."""
    for j in range(row.shape[0]):
        weight = row[j] * scale
        row[j] = weight
        column[j] += weight


@njit(fastmath=_FREE_ORDER)
def _count(weights, theta):
    n = 0
    for j in range(weights.shape[0]):
        n += weights[j] >= theta
    return n


@njit(error_model="numpy", inline="always")
def _soften(row, i):
    """Turn the scores of token i's row into weights before division; return what the sums need.

    These are 1 over the row's total, the row's entropy in bits, its distance before division, and its largest inner
    weight.
    """
    end = row.shape[0] - 1
    # <cls> and <eos> are keys like any other to the softmax, but no statistic but entropy knows them: they are
    # weighed apart, and are nothing while the row is.
    first, last = row[0], row[end]
    row[0] = row[end] = row[1]
    inner = _largest(row)
    largest = max(inner, first, last)
    row[0] = row[end] = largest + np.float32(2) * _FEWEST_BITS
    total, expected, apart = _weigh(row, largest, np.int32(i))
    row[0], row[end] = _exp2(first - largest), _exp2(last - largest)
    total += row[0] + row[end]
    expected += row[0] * (first - largest) + row[end] * (last - largest)
    scale = np.float32(1) / total
    return scale, np.log2(total) - expected * scale, apart, _exp2(inner - largest) * scale


@njit(error_model="numpy")
def _reduce_row(row, i, theta, column, sums, diagonals):
    """Turn the scores of token i's row into weights; a residue's are added to column, row and diagonal sums."""
    end = row.shape[0] - 1
    scale, entropy, apart, best = _soften(row, i)
    if i == 0 or i == end:
        for j in range(row.shape[0]):
            row[j] *= scale
        return
    _settle(row, scale, column)
    sums[0] += entropy
    sums[1] += apart * scale
    sums[2] = max(sums[2], best)
    if best >= np.float32(0.99) * theta:  # most rows have no edge, and need no second look
        sums[3] += _count(row[1:end], theta)
    for j in range(max(1, i - REACH), min(end, i + REACH + 1)):
        diagonals[j - i + REACH] += row[j]


@njit(error_model="numpy")
def _reduce_head(scores, first, theta, columns, sums, diagonals):
    column = np.zeros(scores.shape[1], np.float32)  # of these rows only: few enough for float32
    for r in range(scores.shape[0]):
        _reduce_row(scores[r], first + r, theta, column, sums, diagonals)
    for j in range(scores.shape[1]):
        columns[j] += column[j]


def _kept(**options: Any) -> Callable[[Any], Any]:
    """Compile a function and keep it on disk; where there is no place to keep it, in every process anew."""

    def compiled(function: Any) -> Any:
        try:
            return njit(cache=True, error_model="numpy", **options)(function)
        except RuntimeError:  # neither beside the source nor in the user's cache may anything be written
            return njit(error_model="numpy", **options)(function)

    return compiled


@_kept(nogil=True)
def reduce_rows(scores, first, theta, columns, sums, diagonals):
    """Replace a tile's scores, (H, R, T) float32 in bits, by attention weights, and add up what they say.

    The rows are those of tokens `first` on; those of `<cls>` and `<eos>` become weights and are added to nothing.
    Adds to `columns` (H, T), the sums over residue rows; `sums` (H, N_SUMS); and `diagonals` (H, 2 * REACH + 1), the
    sums of inner weights by j - i; all float64. `theta` is float32.
    """
    for h in range(scores.shape[0]):
        _reduce_head(scores[h], first, theta, columns[h], sums[h], diagonals[h])


@_kept(parallel=True)
def reduce_rows_shared(scores, first, theta, columns, sums, diagonals):
    """Do what `reduce_rows` does, the heads shared between threads; the sums are the same to the bit."""
    for h in prange(scores.shape[0]):
        _reduce_head(scores[h], first, theta, columns[h], sums[h], diagonals[h])


@njit(error_model="numpy")
def _receive_row(row, i, theta, mass, edges, edge_mass):
    """Turn the scores of token i's row into weights, and add a residue's to what the keys receive."""
    end = row.shape[0] - 1
    scale, _, _, best = _soften(row, i)
    if i == 0 or i == end:
        for j in range(row.shape[0]):
            row[j] *= scale
        return
    _settle(row, scale, mass)
    if best >= np.float32(0.99) * theta:
        for j in range(1, end):
            if row[j] >= theta:
                edges[j] += 1
                edge_mass[j] += row[j]


@_kept(nogil=True)
def receive_rows(scores, first, theta, mass, edges, edge_mass):
    """Replace a tile's scores, (H, R, T) float32 in bits, by attention weights, and add up what every key receives.

    As `reduce_rows`, but per head: adds to `mass`, `edges` and `edge_mass`, each (H, T) float64, the sums over
    residue rows of the weights, of the edges (weights of at least `theta`) and of the edges' weights.
    """
    for h in range(scores.shape[0]):
        column = np.zeros(scores.shape[2], np.float32)
        for r in range(scores.shape[1]):
            _receive_row(scores[h, r], first + r, theta, column, edges[h], edge_mass[h])
        for j in range(scores.shape[2]):
            mass[h, j] += column[j]
