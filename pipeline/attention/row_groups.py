"""From queries and keys to statistics and output, a few query rows at a time: the compiled inner loop of a build.

A group of rows goes from its scores to weights, sums and output while it is in the processor's nearest cache.

numba compiles these functions with LLVM for the current processor at the first call, and caches them on disk. They are
written with its vectors (`lanes`).

Scores are in bits, that is multiplied by log2(e), so that a weight is a power of two. Axis letters as in
`definitions`.
"""
# mypy: disable-error-code="no-untyped-def, no-untyped-call, untyped-decorator, misc"
# numba compiles operations on arrays and registers, which Python's types do not describe.

import numpy as np
from numba import njit, prange

from attlas.pipeline.attention.lanes import (
    N_LANES,
    N_ROWS,
    at_least,
    fill,
    find_largest_lane,
    larger,
    load,
    make_multiply,
    multiply_add,
    power_of_two,
    store,
    sum_lanes,
)
from attlas.pipeline.attention.powers import NEARLY_ALL
from attlas.pipeline.compiling import compile_cached

REACH = 23
"""Largest offset |j - i| that is summed by itself; from 24 on attention counts as long-range."""

N_SUMS = 4
"""Sums over rows that the loop keeps per head: entropy in bits, distance, largest inner weight, edges."""

_PANEL = 2 * N_LANES
"""Keys, or columns of values, that are multiplied at once."""

_MARGIN = 32
"""Numbers before and after the weights of a row, 0, so that offsets up to REACH reach beyond its ends."""

_DIAGONALS = 48
"""Offsets around the diagonal that are summed, from -REACH on, the last one for nothing: whole vectors."""

_FLOAT32_GROUPS = 21
"""Groups whose sums are added up in float32, before they are added to sums in float64."""

_NOTHING = np.float32(-1e30)
"""Score of what is no key: its weight is 0."""

_multiply_panel = make_multiply(2)
_multiply_vector = make_multiply(1)


@njit
def _round_up(n, size):
    return (n + size - 1) // size * size


@njit
def _pack_keys(keys, h, panels):
    """Copy the keys of a head, (T, H, D), into panels: of each, D times the numbers of _PANEL keys."""
    n_tokens, _, width = keys.shape
    for j in range(n_tokens):
        begin = j // _PANEL * _PANEL * width + j % _PANEL
        for d in range(width):
            panels[begin + d * _PANEL] = keys[j, h, d]


@njit
def _pack_values(values, h, packed, stride):
    for j in range(values.shape[0]):
        for d in range(values.shape[2]):
            packed[j * stride + d] = values[j, h, d]


@njit
def _multiply_keys(queries, panels, width, n_tokens, scores, stride):
    for j in range(0, n_tokens, _PANEL):
        _multiply_panel(queries, 0, 1, N_ROWS, panels, j * width, _PANEL, width, scores, _MARGIN + j, stride)


@njit
def _multiply_values(weights, stride, values, n_tokens, width, output):
    for d in range(0, width, _PANEL):
        if d + N_LANES < width:
            _multiply_panel(weights, _MARGIN, stride, 1, values, d, width, n_tokens, output, d, width)
        else:
            _multiply_vector(weights, _MARGIN, stride, 1, values, d, width, n_tokens, output, d, width)


@njit
def _find_largest(row, begin, end):
    even_lanes = odd_lanes = fill(_NOTHING)
    for j in range(begin, end, _PANEL):
        even_lanes = larger(load(row, j), even_lanes)
        odd_lanes = larger(load(row, j + N_LANES), odd_lanes)
    return find_largest_lane(larger(even_lanes, odd_lanes))


@njit
def _weigh(row, begin, end, largest, distances):
    """Replace scores by undivided weights; return the sums of weights, of weight * bits and of weight * |i - j|.

    `distances` are those of the keys from `begin` on.
    """
    largest_lanes = fill(largest)
    total = expected = apart = fill(np.float32(0))
    for j in range(begin, end, N_LANES):
        bits = load(row, j) - largest_lanes
        weight = power_of_two(bits)
        store(row, j, weight)
        total = total + weight
        # `bits` themselves, so that a score that is no number shows.
        expected = multiply_add(weight, bits, expected)
        apart = multiply_add(weight, load(distances, j - begin), apart)
    return sum_lanes(total), sum_lanes(expected), sum_lanes(apart)


@njit
def _count_edges(row, begin, end, scale, theta):
    n = fill(np.float32(0))
    for j in range(begin, end, N_LANES):
        n = n + at_least(multiply_add(load(row, j), fill(scale), fill(np.float32(0))), fill(theta))
    return sum_lanes(n)


@njit
def _weigh_one(bits):
    return find_largest_lane(power_of_two(fill(bits)))


@njit(error_model="numpy")
def _soften(row, n_tokens, i, theta, distances, sums, diagonals):
    """Turn the scores of token i's row into undivided weights, and add those of a residue to the sums.

    Returns 1 over their total.
    """
    begin, cls, eos = _MARGIN, _MARGIN, _MARGIN + n_tokens - 1
    end = begin + _round_up(n_tokens, _PANEL)
    # In the softmax <cls> and <eos> are keys like any other, but of the statistics only entropy counts them: their
    # weights are computed apart, and are 0 in the loop over the row.
    cls_score, eos_score = row[cls], row[eos]
    row[cls] = _NOTHING
    row[eos:end] = _NOTHING
    inner = _find_largest(row, begin, end)
    largest = max(inner, cls_score, eos_score)
    total, expected, apart = _weigh(row, begin, end, largest, distances[n_tokens - i :])

    cls_weight, eos_weight = _weigh_one(cls_score - largest), _weigh_one(eos_score - largest)
    total += cls_weight + eos_weight
    expected += cls_weight * (cls_score - largest) + eos_weight * (eos_score - largest)
    scale = np.float32(1) / total

    if 0 < i < n_tokens - 1:
        best = _weigh_one(inner - largest) * scale
        sums[0] += np.log2(total) - expected * scale
        sums[1] += apart * scale
        sums[2] = max(sums[2], best)
        if best >= NEARLY_ALL * theta:  # most rows have no edge, and need no second look
            sums[3] += _count_edges(row, begin, end, scale, theta)
        for j in range(0, _DIAGONALS, N_LANES):
            near = load(row, begin + i - REACH + j)
            store(diagonals, j, multiply_add(near, fill(scale), load(diagonals, j)))

    row[cls], row[eos] = cls_weight, eos_weight
    return scale


@njit
def _add_columns(rows, stride, end, scales, column):
    """Add the weights of a group's rows, divided, to the column sums."""
    a, b, c = fill(scales[0]), fill(scales[1]), fill(scales[2])
    d, e, f = fill(scales[3]), fill(scales[4]), fill(scales[5])
    for j in range(0, end, N_LANES):
        at = _MARGIN + j
        total = multiply_add(load(rows, at), a, load(column, j))
        total = multiply_add(load(rows, at + stride), b, total)
        total = multiply_add(load(rows, at + 2 * stride), c, total)
        total = multiply_add(load(rows, at + 3 * stride), d, total)
        total = multiply_add(load(rows, at + 4 * stride), e, total)
        total = multiply_add(load(rows, at + 5 * stride), f, total)
        store(column, j, total)


@njit
def _scale_queries(q, h, begin, end, scaling, queries):
    """Copy the queries of a group's rows, of which there may be fewer than N_ROWS: D times those of all rows."""
    for d in range(q.shape[2]):
        for r in range(N_ROWS):
            queries[d * N_ROWS + r] = q[begin + r, h, d] * scaling if begin + r < end else np.float32(0)


@njit
def _add_scores(row, added, bits):
    for j in range(len(added)):
        row[_MARGIN + j] += added[j] * bits


@njit(error_model="numpy")
def _reduce_head(q, k, v, output, added, h, place, tokens, rows_of_call, scaling, bits, theta, totals):
    """Reduce the rows of head `h`; arguments as of `reduce_heads`, `place` is that of the head in `added`."""
    (first_row, n_rows), (columns, sums, diagonals) = rows_of_call, totals
    first_token, end_token = tokens
    n_tokens, width, out_width = end_token - first_token, k.shape[2], _round_up(v.shape[2], N_LANES)
    padded = _round_up(n_tokens, _PANEL)
    stride = padded + 2 * _MARGIN

    # Keys and values of the head, as the loops over them read them.
    panels = np.zeros(padded * width, np.float32)
    _pack_keys(k[first_token:end_token], h, panels)
    values = np.zeros(n_tokens * out_width, np.float32)
    _pack_values(v[first_token:end_token], h, values, out_width)
    distances = np.abs(np.arange(-n_tokens, padded).astype(np.float32))

    # What a group of rows needs; all groups use the same memory.
    queries = np.empty(width * N_ROWS, np.float32)
    rows = np.zeros(N_ROWS * stride, np.float32)
    scales, inner_scales = np.zeros(N_ROWS, np.float32), np.zeros(N_ROWS, np.float32)
    mixed = np.empty(N_ROWS * out_width, np.float32)
    column, near = np.zeros(padded, np.float32), np.zeros(_DIAGONALS, np.float32)

    end_row = first_row + n_rows
    for number, begin in enumerate(range(first_row, end_row, N_ROWS)):
        group_end = min(begin + N_ROWS, end_row)
        _scale_queries(q, h, first_token + begin, first_token + group_end, scaling, queries)
        _multiply_keys(queries, panels, width, n_tokens, rows, stride)

        # Scores become weights, undivided; those of special tokens count in no column.
        inner_scales[:] = 0
        for i in range(begin, group_end):
            r = i - begin
            row = rows[r * stride : (r + 1) * stride]
            if len(added):
                _add_scores(row, added[min(place, len(added) - 1), i - first_row], bits)
            scales[r] = _soften(row, n_tokens, i, theta, distances, sums, near)
            if 0 < i < n_tokens - 1:
                inner_scales[r] = scales[r]
        _add_columns(rows, stride, padded, inner_scales, column)

        if out_width:
            _multiply_values(rows, stride, values, n_tokens, out_width, mixed)
            for i in range(begin, group_end):
                for d in range(v.shape[2]):
                    output[first_token + i, h, d] = mixed[(i - begin) * out_width + d] * scales[i - begin]

        # A float32 holds the sums of a few groups only.
        if number % _FLOAT32_GROUPS == _FLOAT32_GROUPS - 1 or group_end == end_row:
            for j in range(n_tokens):
                columns[first_token + j] += column[j]
            for j in range(2 * REACH + 1):
                diagonals[j] += near[j]
            column[:] = 0
            near[:] = 0


@compile_cached(nogil=True)
def reduce_heads(q, k, v, output, added, heads, tokens, rows, scaling, bits, theta, columns, sums, diagonals):
    """Reduce the attention of a sequence's query rows, of some heads.

    Args:
        q: the queries of a pack, (sum of T, H, D) float32, contiguous, as are the arrays that follow.
        k: the keys, of the same shape.
        v: the values; of width 0 where no output is asked for.
        output: the output is written here, the shape of `v`.
        added: added to the scaled scores, (heads or 1, rows, T), those of this call; empty for nothing.
        heads: the heads, first and end.
        tokens: the sequence's tokens, first and end.
        rows: its query rows, first and number, the first counted in the sequence.
        scaling: factor of the products that makes them scores in bits, float32.
        bits: factor of `added`, float32.
        theta: attention from which on a pair counts as an edge, float32.
        columns: sums over residue rows are added here, (H, sum of T) float64.
        sums: sums over residue rows, (H, N_SUMS) float64.
        diagonals: sums of inner weights by j - i, (H, 2 * REACH + 1) float64.
    """
    for h in range(heads[0], heads[1]):
        totals = columns[h], sums[h], diagonals[h]
        _reduce_head(q, k, v, output, added, h, h - heads[0], tokens, rows, scaling, bits, theta, totals)


@compile_cached(parallel=True)
def reduce_heads_shared(q, k, v, output, added, heads, tokens, rows, scaling, bits, theta, columns, sums, diagonals):
    """Do the same as `reduce_heads`, with the heads shared between threads; the sums are the same to the bit.

    numba lets other threads have the interpreter meanwhile, as `nogil` does above (docs/log.md).
    """
    for h in prange(heads[0], heads[1]):
        totals = columns[h], sums[h], diagonals[h]
        _reduce_head(q, k, v, output, added, h, h - heads[0], tokens, rows, scaling, bits, theta, totals)
