"""From queries and keys to statistics and output, a few query rows at a time: the compiled inner loop of a build.

A group of rows goes from its scores to weights, sums and output while it is in the processor's nearest cache.

numba compiles these functions with LLVM for the current processor at the first call, and caches them on disk; no
C++ compiler has to be installed. LLVM's own vectors are given to numba as a type, `Lanes`: what it makes of plain
loops takes twice as long (docs/log.md). The cache knows only of changes in this file, so that all stands here.

Scores are in bits, that is multiplied by log2(e), so that a weight is a power of two. Axis letters as in
`definitions`.
"""
# mypy: disable-error-code="no-untyped-def, no-untyped-call, untyped-decorator, misc"
# numba compiles operations on arrays and registers, which Python's types do not describe.

import operator

import numpy as np
from llvmlite import binding, ir
from numba import njit, prange, types
from numba.core import cgutils
from numba.extending import intrinsic, models, overload, register_model

from attlas.pipeline.compiling import compile_cached

REACH = 23
"""Largest offset |j - i| that is summed by itself; from 24 on attention counts as long-range."""

N_SUMS = 4
"""Sums over rows that the loop keeps per head: entropy in bits, distance, largest inner weight, edges."""

N_LANES = 16 if binding.get_host_cpu_features().get("avx512f") else 8
"""Numbers in a vector."""

N_ROWS = 6
"""Query rows of a group: with two vectors of keys, as many sums as a processor has registers for."""

_PANEL = 2 * N_LANES
"""Keys, or columns of values, that are multiplied at once."""

_MARGIN = 32
"""Numbers before and after the weights of a row, 0, so that offsets up to REACH reach beyond its ends."""

_DIAGONALS = 48
"""Offsets around the diagonal that are summed, from -REACH on, the last one for nothing: whole vectors."""

_FLOAT32_GROUPS = 21
"""Groups whose sums are added up in float32, before they are added to sums in float64."""

_FEWEST_BITS = np.float32(-100)
"""Weights below 2 ** -100 of the row's largest count as 0."""

_NOTHING = np.float32(-1e30)
"""Score of what is no key: its weight is 0."""

_NEARLY_ALL = np.float32(0.99)
"""Share of theta above which the largest weight of a row, which is rounded, may be an edge."""

# exp2 on [-1/2, 1/2] to the last bit of a float32: degree 5, error 2e-7 at the Chebyshev nodes' worst.
_POLYNOMIAL = np.polynomial.chebyshev.Chebyshev.interpolate(np.exp2, 5, [-0.5, 0.5]).convert(
    kind=np.polynomial.Polynomial
)

_ROUNDING = 1.5 * 2**23
"""A float32 of this size has no fraction: added to a number, it leaves its whole part in the last bits."""

_FLOAT = ir.FloatType()
_VECTOR = ir.VectorType(_FLOAT, N_LANES)
_INTEGERS = ir.VectorType(ir.IntType(32), N_LANES)


class LanesType(types.Type):
    """The type of a vector of N_LANES float32, one register of the processor or two."""


lanes = LanesType(name="Lanes")


@register_model(LanesType)
class _LanesModel(models.PrimitiveModel):
    def __init__(self, manager, kind):
        super().__init__(manager, kind, _VECTOR)


def _constant(number):
    return ir.Constant(_VECTOR, [float(np.float32(number))] * N_LANES)


def _call(builder, name, result, *arguments, fastmath=()):
    """Call one of LLVM's functions of vectors."""
    kind = ir.FunctionType(result, [argument.type for argument in arguments])
    function = cgutils.get_or_insert_function(builder.module, kind, f"llvm.{name}.v{N_LANES}f32")
    return builder.call(function, arguments, fastmath=fastmath)


def _point(context, builder, kind, array, at):
    """Return the address of a number of a flat array."""
    return builder.gep(context.make_array(kind)(context, builder, array).data, [at])


def _load(builder, address):
    return builder.load(builder.bitcast(address, _VECTOR.as_pointer()), align=4)


def _store(builder, vector, address):
    builder.store(vector, builder.bitcast(address, _VECTOR.as_pointer()), align=4)


def _fill(builder, number):
    nothing = ir.Constant(_VECTOR, ir.Undefined)
    lane = builder.insert_element(nothing, number, ir.Constant(ir.IntType(32), 0))
    return builder.shuffle_vector(lane, nothing, ir.Constant(_INTEGERS, [0] * N_LANES))


@intrinsic
def load(_, array, at):
    """Return the numbers of a flat float32 array from a place on."""

    def generate(context, builder, signature, arguments):
        return _load(builder, _point(context, builder, signature.args[0], *arguments))

    return lanes(array, types.intp), generate


@intrinsic
def store(_, array, at, vector):
    """Write the numbers of a vector into a flat float32 array from a place on."""

    def generate(context, builder, signature, arguments):
        array, at, vector = arguments
        _store(builder, vector, _point(context, builder, signature.args[0], array, at))
        return context.get_dummy_value()

    return types.none(array, types.intp, lanes), generate


@intrinsic
def fill(_, number):
    """Return a vector that holds one number throughout."""
    return lanes(types.float32), lambda _, builder, __, arguments: _fill(builder, *arguments)


@intrinsic
def _add(_, a, b):
    return lanes(lanes, lanes), lambda _, builder, __, arguments: builder.fadd(*arguments)


@intrinsic
def _subtract(_, a, b):
    return lanes(lanes, lanes), lambda _, builder, __, arguments: builder.fsub(*arguments)


@overload(operator.add)
def _overload_add(a, b):
    return (lambda a, b: _add(a, b)) if a == lanes and b == lanes else None


@overload(operator.sub)
def _overload_subtract(a, b):
    return (lambda a, b: _subtract(a, b)) if a == lanes and b == lanes else None


@intrinsic
def multiply_add(_, a, b, c):
    """Return a * b + c, rounded once."""
    return lanes(lanes, lanes, lanes), lambda _, builder, __, arguments: _call(builder, "fma", _VECTOR, *arguments)


@intrinsic
def larger(_, a, b):
    """Return the larger numbers of two vectors; those of `b` where those of `a` are no numbers."""

    def generate(_, builder, __, arguments):
        return builder.select(builder.fcmp_ordered(">", *arguments), *arguments)

    return lanes(lanes, lanes), generate


@intrinsic
def at_least(_, a, b):
    """Return 1 where a number of `a` is at least that of `b`, else 0."""

    def generate(_, builder, __, arguments):
        return builder.select(builder.fcmp_ordered(">=", *arguments), _constant(1), _constant(0))

    return lanes(lanes, lanes), generate


@intrinsic
def find_largest_lane(_, a):
    """Return the largest number of a vector."""

    def generate(_, builder, __, arguments):
        return _call(builder, "vector.reduce.fmax", _FLOAT, *arguments, fastmath=("nnan",))

    return types.float32(lanes), generate


@intrinsic
def sum_lanes(_, a):
    """Return the sum of the numbers of a vector, in the order that is fastest."""

    def generate(_, builder, __, arguments):
        return _call(builder, "vector.reduce.fadd", _FLOAT, ir.Constant(_FLOAT, 0.0), *arguments, fastmath=("reassoc",))

    return types.float32(lanes), generate


@intrinsic
def power_of_two(_, bits):
    """Return 2 ** bits for bits <= 0: a polynomial of the fraction, its exponent raised by the whole part."""

    def generate(_, builder, __, arguments):
        (bits,) = arguments
        shifted = builder.fadd(bits, _constant(_ROUNDING))
        fraction = builder.fsub(bits, builder.fsub(shifted, _constant(_ROUNDING)))
        *others, last = _POLYNOMIAL.coef
        power = _constant(last)
        for coefficient in reversed(others):
            power = _call(builder, "fma", _VECTOR, power, fraction, _constant(coefficient))

        exponent = builder.shl(builder.bitcast(shifted, _INTEGERS), ir.Constant(_INTEGERS, [23] * N_LANES))
        power = builder.bitcast(builder.add(builder.bitcast(power, _INTEGERS), exponent), _VECTOR)
        return builder.select(builder.fcmp_ordered(">", bits, _constant(_FEWEST_BITS)), power, _constant(0))

    return lanes(lanes), generate


def _make_multiply(n_vectors):
    """Return a function that multiplies N_ROWS rows by a panel of `n_vectors` vectors, all sums in registers."""

    @intrinsic
    def multiply(_, a, a_at, a_row, a_step, b, b_at, b_step, n, c, c_at, c_row):
        """Set c[r, :] to the sum of a[r, i] * b[i, :] over `n` steps i; arrays are flat, `_at` their first place."""

        def generate(context, builder, signature, arguments):
            a, a_at, a_row, a_step, b, b_at, b_step, n, c, c_at, c_row = arguments
            kinds = signature.args
            starts = [_point(context, builder, kinds[i], arguments[i], arguments[i + 1]) for i in (0, 4, 8)]
            move = lambda address, step, count: builder.gep(address, [builder.mul(step, count)])  # noqa: E731
            number = lambda value: ir.Constant(a_at.type, value)  # noqa: E731

            a_rows = [move(starts[0], a_row, number(r)) for r in range(N_ROWS)]
            places = [(r, v) for r in range(N_ROWS) for v in range(n_vectors)]
            sums = {place: cgutils.alloca_once_value(builder, _constant(0)) for place in places}
            for place in places:
                builder.store(_constant(0), sums[place])

            with cgutils.for_range(builder, n, intp=a_at.type) as loop:
                b_row = move(starts[1], b_step, loop.index)
                vectors = [_load(builder, builder.gep(b_row, [number(v * N_LANES)])) for v in range(n_vectors)]
                factors = [_fill(builder, builder.load(move(row, a_step, loop.index))) for row in a_rows]
                for r, v in places:
                    total = _call(builder, "fma", _VECTOR, factors[r], vectors[v], builder.load(sums[r, v]))
                    builder.store(total, sums[r, v])

            for r, v in places:
                address = builder.gep(move(starts[2], c_row, number(r)), [number(v * N_LANES)])
                _store(builder, builder.load(sums[r, v]), address)
            return context.get_dummy_value()

        place = types.intp
        return types.none(a, place, place, place, b, place, place, place, c, place, place), generate

    return multiply


_multiply_panel = _make_multiply(2)
_multiply_vector = _make_multiply(1)


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
    first = second = fill(_NOTHING)
    for j in range(begin, end, _PANEL):
        first = larger(load(row, j), first)
        second = larger(load(row, j + N_LANES), second)
    return find_largest_lane(larger(first, second))


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
        if best >= _NEARLY_ALL * theta:  # most rows have no edge, and need no second look
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
def _reduce_head(q, k, v, output, added, h, tokens, first_row, n_rows, scaling, bits, theta, columns, sums, diagonals):
    first, end = tokens
    n_tokens, width, out_width = end - first, k.shape[2], _round_up(v.shape[2], N_LANES)
    padded = _round_up(n_tokens, _PANEL)
    stride = padded + 2 * _MARGIN

    panels = np.zeros(padded * width, np.float32)
    _pack_keys(k[first:end], h, panels)
    values = np.zeros(n_tokens * out_width, np.float32)
    _pack_values(v[first:end], h, values, out_width)
    distances = np.abs(np.arange(-n_tokens, padded).astype(np.float32))

    queries = np.empty(width * N_ROWS, np.float32)
    rows = np.zeros(N_ROWS * stride, np.float32)
    scales, inner_scales = np.zeros(N_ROWS, np.float32), np.zeros(N_ROWS, np.float32)
    mixed = np.empty(N_ROWS * out_width, np.float32)
    column, near = np.zeros(padded, np.float32), np.zeros(_DIAGONALS, np.float32)

    end_row = first_row + n_rows
    for number, begin in enumerate(range(first_row, end_row, N_ROWS)):
        group_end = min(begin + N_ROWS, end_row)
        _scale_queries(q, h, first + begin, first + group_end, scaling, queries)
        _multiply_keys(queries, panels, width, n_tokens, rows, stride)

        inner_scales[:] = 0
        for i in range(begin, group_end):
            r = i - begin
            row = rows[r * stride : (r + 1) * stride]
            if len(added):
                _add_scores(row, added[h % len(added), i - first_row], bits)
            scales[r] = _soften(row, n_tokens, i, theta, distances, sums, near)
            if 0 < i < n_tokens - 1:
                inner_scales[r] = scales[r]
        _add_columns(rows, stride, padded, inner_scales, column)

        if out_width:
            _multiply_values(rows, stride, values, n_tokens, out_width, mixed)
            for i in range(begin, group_end):
                for d in range(v.shape[2]):
                    output[first + i, h, d] = mixed[(i - begin) * out_width + d] * scales[i - begin]

        if number % _FLOAT32_GROUPS == _FLOAT32_GROUPS - 1 or group_end == end_row:
            for j in range(n_tokens):
                columns[first + j] += column[j]
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
        added: added to the scaled scores, (heads or 1, rows, T), heads from the first of all; empty for nothing.
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
        _reduce_head(
            q, k, v, output, added, h, tokens, rows[0], rows[1], scaling, bits, theta, columns[h], sums[h], diagonals[h]
        )


@compile_cached(parallel=True)
def reduce_heads_shared(q, k, v, output, added, heads, tokens, rows, scaling, bits, theta, columns, sums, diagonals):
    """Do the same as `reduce_heads`, with the heads shared between threads; the sums are the same to the bit.

    numba lets other threads have the interpreter meanwhile, as `nogil` does above (docs/log.md).
    """
    for h in prange(heads[0], heads[1]):
        _reduce_head(
            q, k, v, output, added, h, tokens, rows[0], rows[1], scaling, bits, theta, columns[h], sums[h], diagonals[h]
        )
