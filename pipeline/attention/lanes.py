"""LLVM's vectors as a type of numba, `Lanes`, with what the compiled inner loop of a build does with them.

What LLVM makes of plain loops takes twice as long (docs/log.md). No C++ compiler has to be installed: LLVM comes with
numba. numba's cache on disk looks at the file of the loop, `row_groups`, alone: whoever changes this file or `powers`
saves that one, too.
"""
# mypy: disable-error-code="no-untyped-def, no-untyped-call, untyped-decorator, misc"
# numba compiles operations on arrays and registers, which Python's types do not describe.

import operator

import numpy as np
from llvmlite import binding, ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, models, overload, register_model

from attlas.pipeline.attention.powers import FEWEST_BITS, POWER_COEFFICIENTS

N_LANES = 16 if binding.get_host_cpu_features().get("avx512f") else 8
"""Numbers in a vector."""

N_ROWS = 6
"""Query rows of a group: with two vectors of keys, as many sums as a processor has registers for."""

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


def _emit_load(builder, address):
    return builder.load(builder.bitcast(address, _VECTOR.as_pointer()), align=4)


def _emit_store(builder, vector, address):
    builder.store(vector, builder.bitcast(address, _VECTOR.as_pointer()), align=4)


def _emit_fill(builder, number):
    nothing = ir.Constant(_VECTOR, ir.Undefined)
    lane = builder.insert_element(nothing, number, ir.Constant(ir.IntType(32), 0))
    return builder.shuffle_vector(lane, nothing, ir.Constant(_INTEGERS, [0] * N_LANES))


@intrinsic
def load(_, array, at):
    """Return the numbers of a flat float32 array from a place on."""

    def generate(context, builder, signature, arguments):
        return _emit_load(builder, _point(context, builder, signature.args[0], *arguments))

    return lanes(array, types.intp), generate


@intrinsic
def store(_, array, at, vector):
    """Write the numbers of a vector into a flat float32 array from a place on."""

    def generate(context, builder, signature, arguments):
        array, at, vector = arguments
        _emit_store(builder, vector, _point(context, builder, signature.args[0], array, at))
        return context.get_dummy_value()

    return types.none(array, types.intp, lanes), generate


@intrinsic
def fill(_, number):
    """Return a vector that holds one number throughout."""
    return lanes(types.float32), lambda _, builder, __, arguments: _emit_fill(builder, *arguments)


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
        *others, last = POWER_COEFFICIENTS
        power = _constant(last)
        for coefficient in reversed(others):
            power = _call(builder, "fma", _VECTOR, power, fraction, _constant(coefficient))

        exponent = builder.shl(builder.bitcast(shifted, _INTEGERS), ir.Constant(_INTEGERS, [23] * N_LANES))
        power = builder.bitcast(builder.add(builder.bitcast(power, _INTEGERS), exponent), _VECTOR)
        return builder.select(builder.fcmp_ordered(">", bits, _constant(FEWEST_BITS)), power, _constant(0))

    return lanes(lanes), generate


def make_multiply(n_vectors):
    """Return a function that multiplies N_ROWS rows by a panel of `n_vectors` vectors, all sums in registers."""

    @intrinsic
    def multiply(_, a, a_at, a_row, a_step, b, b_at, b_step, n, c, c_at, c_row):
        """Set c[r, :] to the sum of a[r, i] * b[i, :] over `n` steps i; arrays are flat, `_at` their first place."""

        def generate(context, builder, signature, arguments):
            _, a_at, a_row, a_step, _, _, b_step, n, _, _, c_row = arguments
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
                vectors = [_emit_load(builder, builder.gep(b_row, [number(v * N_LANES)])) for v in range(n_vectors)]
                factors = [_emit_fill(builder, builder.load(move(row, a_step, loop.index))) for row in a_rows]
                for r, v in places:
                    total = _call(builder, "fma", _VECTOR, factors[r], vectors[v], builder.load(sums[r, v]))
                    builder.store(total, sums[r, v])

            for r, v in places:
                address = builder.gep(move(starts[2], c_row, number(r)), [number(v * N_LANES)])
                _emit_store(builder, builder.load(sums[r, v]), address)
            return context.get_dummy_value()

        place = types.intp
        return types.none(a, place, place, place, b, place, place, place, c, place, place), generate

    return multiply
