"""From scores to weights and sums, row by row while a tile is in cache: the compiled loop of passes that read weights.

A build, which needs its own statistics alone, takes `row_groups` instead, and is faster.

numba compiles these functions with LLVM for the current processor at the first call, and caches them on disk; no
C++ compiler has to be installed. The loops are written so that LLVM turns them into vector instructions: one row, no
branches, sums whose order is free.

Scores are in bits, that is multiplied by log2(e), so that a weight is a power of two. Axis letters as in `attention`,
with `R` query rows of a tile.
"""
# mypy: disable-error-code="no-untyped-def, untyped-decorator"
# numba compiles operations on arrays and registers, which Python's types do not describe.

from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

from attlas.pipeline.attention.powers import FEWEST_BITS, NEARLY_ALL, POWER_COEFFICIENTS
from attlas.pipeline.compiling import compile_cached

_FREE_ORDER = {"reassoc", "contract", "nsz", "arcp"}
"""Freedom of LLVM in the arithmetic: it may sum in any order. It may not assume that there are no NaNs."""

_HALF = np.float32(0.5)

_C0, _C1, _C2, _C3, _C4, _C5 = np.array(POWER_COEFFICIENTS, np.float32)


@intrinsic
def float_of_bits(_: Any, bits: Any) -> Any:
    """Read the bits of an int32 as a float32."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], ir.FloatType())

    return types.float32(types.int32), generate


@intrinsic
def larger(_: Any, a: Any, b: Any) -> Any:
    """Return the larger of two float32 by an instruction that LLVM can vectorise, unlike `max`."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kind = ir.FloatType()
        larger = builder.module.declare_intrinsic("llvm.maxnum", (kind,), ir.FunctionType(kind, (kind, kind)))
        return builder.call(larger, arguments, fastmath=("fast",))

    return types.float32(types.float32, types.float32), generate


@njit(fastmath=_FREE_ORDER, inline="always")
def _power_of_two(bits):
    """Return 2 ** bits for bits <= 0: a polynomial of the fraction, with its exponent raised by the whole part."""
    clipped = bits if bits > FEWEST_BITS else FEWEST_BITS
    whole = np.floor(clipped + _HALF)
    fraction = clipped - whole
    power = _C0 + fraction * (_C1 + fraction * (_C2 + fraction * (_C3 + fraction * (_C4 + fraction * _C5))))
    power *= float_of_bits((np.int32(whole) + np.int32(127)) << np.int32(23))
    return power if bits > FEWEST_BITS else np.float32(0)


@njit
def _largest(row):
    largest = row[0]
    for j in range(row.shape[0]):
        largest = larger(largest, row[j])
    return largest


@njit(fastmath=_FREE_ORDER)
def _weigh(row, largest):
    """Replace scores by undivided weights, and return their sum."""
    total = np.float32(0)
    for j in range(row.shape[0]):
        weight = _power_of_two(row[j] - largest)
        row[j] = weight
        total += weight
    return total


@njit(fastmath=_FREE_ORDER)
def _divide(row, scale, column):
    """Divide the weights of a row, and add them to the column sums."""
    for j in range(row.shape[0]):
        weight = row[j] * scale
        row[j] = weight
        column[j] += weight


@njit(error_model="numpy", inline="always")
def _soften(row):
    """Turn the scores of a token's row into undivided weights; return 1 over their total, and the largest inner weight.

    The inner weight is divided.
    """
    end = row.shape[0] - 1
    # In the softmax <cls> and <eos> are keys like any other, but none is the largest inner weight: their weights are
    # computed apart, and are 0 in the loop over the row.
    cls_score, eos_score = row[0], row[end]
    row[0] = row[end] = row[1]
    inner = _largest(row)
    largest = max(inner, cls_score, eos_score)

    row[0] = row[end] = largest + np.float32(2) * FEWEST_BITS
    total = _weigh(row, largest)

    row[0], row[end] = _power_of_two(cls_score - largest), _power_of_two(eos_score - largest)
    total += row[0] + row[end]
    scale = np.float32(1) / total
    return scale, _power_of_two(inner - largest) * scale


@njit(error_model="numpy")
def _receive_row(row, i, theta, mass, edges, edge_mass):
    """Turn the scores of token i's row into weights, and add those of a residue to the sums of the keys."""
    end = row.shape[0] - 1
    scale, best = _soften(row)
    if i == 0 or i == end:
        for j in range(row.shape[0]):
            row[j] *= scale
        return

    _divide(row, scale, mass)
    if best >= NEARLY_ALL * theta:
        for j in range(1, end):
            if row[j] >= theta:
                edges[j] += 1
                edge_mass[j] += row[j]


@compile_cached(nogil=True)
def receive_rows(scores, first_row, theta, mass, edges, edge_mass):
    """Replace a tile's scores, (H, R, T) float32 in bits, by attention weights, and sum what every key receives.

    The rows begin with token `first_row`; those of `<cls>` and `<eos>` become weights and are added to nothing. Adds
    to `mass`, `edges` and `edge_mass`, each (H, T) float64, the sums over residue rows of the weights, of the edges
    (weights of at least `theta`, float32) and of the edges' weights.
    """
    for h in range(scores.shape[0]):
        column = np.zeros(scores.shape[2], np.float32)
        for r in range(scores.shape[1]):
            _receive_row(scores[h, r], first_row + r, theta, column, edges[h], edge_mass[h])
        for j in range(scores.shape[2]):
            mass[h, j] += column[j]
