"""The sums of a tile of a joined input, row by row: the compiled inner loop on a CPU, and the same in torch.

Every row of weights is divided into what goes to the query's own chain, to the other chain, to the linker and to
special tokens. Rows of the linker and of special tokens are not counted.

Axis letters: `H` heads, `R` query rows of a tile, `T` tokens of an input, `S` sums, `K` candidates.
"""
# mypy: disable-error-code="no-untyped-def, untyped-decorator"
# numba compiles operations on arrays and registers, which Python's types do not describe.

from typing import Any

import numpy as np
import torch
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic
from torch import Tensor

from attlas.pipeline.attention.rows import float_of_bits, larger
from attlas.pipeline.compiling import compile_cached
from attlas.pipeline.links.gathering import insert_weight

SUMS = (
    "within",
    "across",
    "special",
    "linker",
    "entropy_within",
    "entropy_across",
    "max_across",
    "n_edges_across",
    "within_squares",
    "across_squares",
    "products",
)
"""Order of the sums over the query rows of a chain along `S`; `max_across` is not a sum but the largest weight. The
last three are for the correlation, and 0 where the chains differ."""

_WITHIN, _ACROSS, _SPECIAL, _LINKER, _ENTROPY_WITHIN, _ENTROPY_ACROSS, _MAX, _EDGES, _XX, _YY, _XY = range(len(SUMS))

_FREE_ORDER = {"reassoc", "contract", "nsz", "arcp"}
"""Freedom of LLVM in the arithmetic: it may sum in any order. It may not assume that there are no NaNs."""

# log2 on [1, 2] to nearly the last bit of a float32: degree 8.
_POLYNOMIAL = np.polynomial.chebyshev.Chebyshev.interpolate(np.log2, 8, [1, 2]).convert(kind=np.polynomial.Polynomial)
_C0, _C1, _C2, _C3, _C4, _C5, _C6, _C7, _C8 = _POLYNOMIAL.coef.astype(np.float32)
_LOG_2 = np.log(2.0)


@intrinsic
def _bits_of_float(_: Any, value: Any) -> Any:
    """Read the bits of a float32 as an int32."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], ir.IntType(32))

    return types.int32(types.float32), generate


@njit(fastmath=_FREE_ORDER, inline="always")
def _log2(weight):
    """Return the logarithm of a weight to base 2; a finite number for 0: a polynomial of the mantissa, and exponent."""
    bits = _bits_of_float(weight)
    exponent = np.float32((bits >> np.int32(23)) - np.int32(127))
    m = float_of_bits((bits & np.int32(0x7FFFFF)) | np.int32(0x3F800000))
    high = _C4 + m * (_C5 + m * (_C6 + m * (_C7 + m * _C8)))
    return exponent + (_C0 + m * (_C1 + m * (_C2 + m * (_C3 + m * high))))


@njit(fastmath=_FREE_ORDER)
def _sum_block(row, column):
    """Add a row of weights to a column; return their sum, the sum of weight * log2(weight), and the largest."""
    total = logs = largest = np.float32(0)
    for j in range(row.shape[0]):
        weight = row[j]
        column[j] += weight
        total += weight
        logs += weight * _log2(weight)
        largest = larger(largest, weight)
    return total, logs, largest


@njit(fastmath=_FREE_ORDER)
def _sum_products(x, y):
    """Return the sums of x * x, y * y and x * y."""
    xx = yy = xy = np.float32(0)
    for j in range(x.shape[0]):
        xx += x[j] * x[j]
        yy += y[j] * y[j]
        xy += x[j] * y[j]
    return xx, yy, xy


@njit
def _entropy(total, logs):
    """Return the entropy, in nats, of weights that are scaled to sum to 1; 0 for weights that are all 0."""
    return _LOG_2 * max(np.log2(total) - logs / total, 0.0) if total > 0 else 0.0 * total


@compile_cached(nogil=True)
def sum_rows(
    tile, first_row, chains, linker, specials, theta, floor, is_mirrored, sums, columns, masses, best, queries
):
    """Add the rows of a tile, (H, R, T) float32, to the sums of an input; the rows begin with token `first_row`.

    Args:
        chains: first token of each chain and the one after its last, (2, 2).
        linker: the same of the linker, (2,).
        specials: places of the special tokens.
        theta: attention from which on a weight across is an edge, float32.
        floor: attention from which on a weight across is a candidate for a link, float32.
        is_mirrored: whether the chains are the same, so that attention across and within is compared.
        sums: of each head and chain, (H, 2, S) float64, in the order of SUMS.
        columns: attention that a token receives from its own chain and from the other, (2, H, T) float64.
        masses: attention that a token gives to both chains, (H, T) float64.
        best: strongest weights across into each token, (H, T, HUB_LINKS), with their queries.
        queries: see `best`.
    """
    for h in range(tile.shape[0]):
        for r in range(tile.shape[1]):
            i = first_row + r
            if chains[0, 0] <= i < chains[0, 1]:
                chain = 0
            elif chains[1, 0] <= i < chains[1, 1]:
                chain = 1
            else:
                continue

            row, numbers = tile[h, r], sums[h, chain]
            within_begin, within_end = chains[chain, 0], chains[chain, 1]
            begin, end = chains[1 - chain, 0], chains[1 - chain, 1]
            within_row, across_row = row[within_begin:within_end], row[begin:end]

            within, within_logs, _ = _sum_block(within_row, columns[0, h, within_begin:within_end])
            across, across_logs, largest = _sum_block(across_row, columns[1, h, begin:end])
            masses[h, i] = np.float64(within) + across
            numbers[_WITHIN] += within
            numbers[_ACROSS] += across
            for j in specials:
                numbers[_SPECIAL] += row[j]
            for j in range(linker[0], linker[1]):
                numbers[_LINKER] += row[j]
            numbers[_ENTROPY_WITHIN] += _entropy(within, within_logs)
            numbers[_ENTROPY_ACROSS] += _entropy(across, across_logs)

            numbers[_MAX] = max(numbers[_MAX], largest)
            if largest >= min(floor, theta):  # most rows have no candidate, and need no second look
                for j in range(begin, end):
                    numbers[_EDGES] += row[j] >= theta
                    if row[j] >= floor:
                        insert_weight(row[j], i, best[h, j], queries[h, j])

            if is_mirrored:
                xx, yy, xy = _sum_products(within_row, across_row)
                numbers[_XX] += xx
                numbers[_YY] += yy
                numbers[_XY] += xy


def sum_rows_plainly(
    tile: Tensor,
    first_row: int,
    *,
    chains: tuple[slice, slice],
    linker: slice,
    theta: float,
    is_mirrored: bool,
    sums: Tensor,
    columns: Tensor,
    masses: Tensor,
) -> None:
    """Do the same as `sum_rows` in torch, on any device and with tensors, but leave the candidates out."""
    for chain in range(2):
        query_chain, partner_chain = chains[chain], chains[1 - chain]
        rows = cut_rows(query_chain, first_row, tile.shape[1])
        if rows is None:
            continue

        weights = tile[:, rows]  # (H, rows, T)
        within, across = weights[:, :, query_chain], weights[:, :, partner_chain]
        within_sum, across_sum, linker_sum = (part.sum(2) for part in (within, across, weights[:, :, linker]))
        special_sum = weights[:, :, mark_specials(chains, linker, weights.shape[2], tile.device)].sum(2)
        columns[0, :, query_chain] += within.sum(1)
        columns[1, :, partner_chain] += across.sum(1)
        masses[:, first_row + rows.start : first_row + rows.stop] = within_sum + across_sum

        numbers = sums[:, chain]  # (H, S)
        for place, values in (
            (_WITHIN, within_sum),
            (_ACROSS, across_sum),
            (_SPECIAL, special_sum),
            (_LINKER, linker_sum),
            (_ENTROPY_WITHIN, _find_entropy(within, within_sum)),
            (_ENTROPY_ACROSS, _find_entropy(across, across_sum)),
            (_EDGES, (across >= theta).sum(2)),
        ):
            numbers[:, place] += values.sum(1)
        numbers[:, _MAX] = torch.maximum(numbers[:, _MAX], across.amax((1, 2)).to(numbers.dtype))
        if is_mirrored:
            numbers[:, _XX] += (within**2).sum((1, 2))
            numbers[:, _YY] += (across**2).sum((1, 2))
            numbers[:, _XY] += (within * across).sum((1, 2))


def cut_rows(chain: slice, first_row: int, n_rows: int) -> slice | None:
    """Return the rows of a tile that are queries of a chain, counted in the tile; None where there are none."""
    begin, end = max(chain.start, first_row), min(chain.stop, first_row + n_rows)
    return slice(begin - first_row, end - first_row) if begin < end else None


def mark_specials(
    chains: tuple[slice, slice], linker: slice, n_tokens: int, device: torch.device | str = "cpu"
) -> Tensor:
    """Return an array, (T,), that is True at tokens outside of the chains and the linker."""
    is_special = torch.ones(n_tokens, dtype=torch.bool, device=device)
    for part in (*chains, linker):
        is_special[part] = False
    return is_special


def _find_entropy(weights: Tensor, total: Tensor) -> Tensor:
    """Return the entropy of each row, in nats, scaled to sum to 1, (H, rows); 0 for rows that are all 0."""
    logs = torch.xlogy(weights, weights).sum(2)
    entropy = (total.log() - logs / total).clamp(min=0)
    return torch.where(total == 0, total, entropy)
