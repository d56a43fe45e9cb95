"""Vectors of float32, with which the kernels compute as with numbers: ``a + f * (b - a)`` means the same for both.

::

    load(pixels, k, 8)      pixels[k], ..., pixels[k + 7], whatever their dtype, as float32
    part(v, 3, 4)           v[3], ..., v[6]
    store(out, k, v)        out[k], ... = v
    full(x, 8)              x in every lane
    multiply_add(a, b, c)   a * b + c, rounded once where the processor can; a may be a number
    clip(v, low, high)      min(max(v[0], low), high), ...
    total(v)                v[0] + v[1] + ...
    prefetch(pixels, k, 64) asks for the memory where pixels[k], ..., pixels[k + 63] are or would be
    transpose(x, k, m, out, i, n, 8)
                            out[i + n * b + a] = x[k + m * a + b] for a, b from 0 to 7, both arrays float32

The operators +, - and * take two vectors, or a vector and a number, which then counts in every lane. Nothing checks
that an array has all the elements that are loaded or stored. A vector may have more lanes than the processor's: the
compiler then uses several.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba.core import cgutils, config, types
from numba.core.codegen import get_host_cpu_features
from numba.core.datamodel import models
from numba.core.imputils import lower_builtin
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import intrinsic, register_model

_FEATURES = getattr(config, "CPU_FEATURES", None) or get_host_cpu_features()
LANES = 16 if "+avx512f" in _FEATURES else 8  # of a register, or of two where they are small
LINE = 64  # bytes of the cache that are loaded together
_INT32, _FLOAT32 = ir.IntType(32), ir.FloatType()


class Vector(types.Type):
    """The type of a vector with some lanes of float32."""

    def __init__(self, lanes: int) -> None:
        self.lanes = lanes
        super().__init__(f"Vector({lanes})")


@register_model(Vector)
class _Model(models.PrimitiveModel):
    """A vector as LLVM has it."""

    def __init__(self, manager: Any, vector: Vector) -> None:
        super().__init__(manager, vector, ir.VectorType(_FLOAT32, vector.lanes))


def _shuffled(builder: Any, vector: Any, lanes: list[int]) -> Any:
    return builder.shuffle_vector(vector, vector, ir.Constant(ir.VectorType(_INT32, len(lanes)), lanes))


def _spread(context: Any, builder: Any, value: Any, given: Any, wide: Any) -> Any:
    """Give a vector as it is, and a number in every lane."""
    if isinstance(given, Vector):
        return value
    number = context.cast(builder, value, given, types.float32)
    first = builder.insert_element(ir.Constant(wide, ir.Undefined), number, ir.Constant(_INT32, 0))
    return _shuffled(builder, first, [0] * wide.count)


def _give_operator(function: Callable[[Any, Any], Any], instruction: str) -> None:
    """Let Numba compile an operator of vectors, or of a vector and a number, as an instruction of LLVM."""

    class Operator(AbstractTemplate):
        def generic(self, arguments: Any, _keywords: Any) -> Any:
            vectors = [argument for argument in arguments if isinstance(argument, Vector)]
            return signature(vectors[0], *arguments) if vectors else None

    def lower(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        wide = context.get_value_type(signature.return_type)
        pairs = zip(values, signature.args, strict=True)
        both = [_spread(context, builder, value, given, wide) for value, given in pairs]
        return getattr(builder, instruction)(*both)

    infer_global(function)(Operator)
    for pair in ((Vector, Vector), (Vector, types.Number), (types.Number, Vector)):
        lower_builtin(function, *pair)(lower)


_give_operator(operator.add, "fadd")
_give_operator(operator.sub, "fsub")
_give_operator(operator.mul, "fmul")


def _position(context: Any, builder: Any, array_type: Any, array: Any, index: Any, vector_type: Any) -> Any:
    """Give the address of an element of a contiguous array as that of a vector."""
    element = builder.gep(context.make_array(array_type)(context, builder, array).data, [index])
    return builder.bitcast(element, vector_type.as_pointer())


def _load(_context: Any, array: Any, index: Any, lanes: Any) -> Any:
    """Load `lanes`, a literal, elements of a flat array, aligned or not, and convert them to float32."""

    def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        element = context.get_data_type(array.dtype)
        place = _position(context, builder, array, values[0], values[1], ir.VectorType(element, lanes.literal_value))
        loaded = builder.load(place, align=context.get_abi_sizeof(element))
        if array.dtype == types.float32:
            return loaded
        # Numbers below 2^31 are the same with a sign, and every processor converts those.
        whole = builder.zext(loaded, ir.VectorType(_INT32, lanes.literal_value))
        return builder.sitofp(whole, context.get_value_type(signature.return_type))

    return Vector(lanes.literal_value)(array, types.uintp, lanes), code


def _part(_context: Any, vector: Any, first: Any, lanes: Any) -> Any:
    """Give `lanes` lanes of a vector from lane `first` on; both are literals."""

    def code(_context: Any, builder: Any, _signature: Any, values: Any) -> Any:
        return _shuffled(builder, values[0], [first.literal_value + lane for lane in range(lanes.literal_value)])

    return Vector(lanes.literal_value)(vector, first, lanes), code


def _store(_context: Any, array: Any, index: Any, vector: Any) -> Any:
    """Store a vector in a flat float32 array, aligned or not."""

    def code(context: Any, builder: Any, _signature: Any, values: Any) -> Any:
        place = _position(context, builder, array, values[0], values[1], values[2].type)
        builder.store(values[2], place, align=4)
        return context.get_dummy_value()

    return types.none(array, types.uintp, vector), code


def _full(_context: Any, number: Any, lanes: Any) -> Any:
    """Give a vector with `number` in each of `lanes`, a literal, lanes."""

    def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return _spread(context, builder, values[0], number, context.get_value_type(signature.return_type))

    return Vector(lanes.literal_value)(number, lanes), code


def _multiply_add(_context: Any, a: Any, b: Any, c: Any) -> Any:
    """Give ``a * b + c``; `a` is a vector or a number."""

    def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        wide = context.get_value_type(signature.return_type)
        kind = ir.FunctionType(wide, [wide] * 3)
        fused = cgutils.get_or_insert_function(builder.module, kind, f"llvm.fmuladd.v{wide.count}f32")
        return builder.call(fused, [_spread(context, builder, values[0], a, wide), *values[1:]])

    return c(a, b, c), code


def _clip(_context: Any, vector: Any, low: Any, high: Any) -> Any:
    """Give each lane, or the bound that it is beyond."""

    def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        wide = context.get_value_type(signature.return_type)
        kind, bounded = ir.FunctionType(wide, [wide] * 2), values[0]
        for name, bound, given in (("maxnum", values[1], low), ("minnum", values[2], high)):
            function = cgutils.get_or_insert_function(builder.module, kind, f"llvm.{name}.v{wide.count}f32")
            bounded = builder.call(function, [bounded, _spread(context, builder, bound, given, wide)])
        return bounded

    return vector(vector, low, high), code


def _total(_context: Any, vector: Any) -> Any:
    """Give the sum of the lanes of a vector, in any order."""

    def code(context: Any, builder: Any, _signature: Any, values: Any) -> Any:
        kind = ir.FunctionType(_FLOAT32, [_FLOAT32, values[0].type])
        name = f"llvm.vector.reduce.fadd.v{values[0].type.count}f32"
        add = cgutils.get_or_insert_function(builder.module, kind, name)
        return builder.call(add, [_FLOAT32(-0.0), values[0]], fastmath=("reassoc",))

    return types.float32(vector), code


def _prefetch(_context: Any, array: Any, index: Any, lanes: Any) -> Any:
    """Ask for the lines of the cache with `lanes`, a literal, elements of a flat array, which need not exist."""

    def code(context: Any, builder: Any, _signature: Any, values: Any) -> Any:
        size = context.get_abi_sizeof(context.get_data_type(array.dtype))
        for last in range(lanes.literal_value - 1, -1, -LINE // size):
            there = builder.add(values[1], ir.Constant(values[1].type, last))
            place = _position(context, builder, array, values[0], there, ir.IntType(8))
            kind = ir.FunctionType(ir.VoidType(), [place.type, _INT32, _INT32, _INT32])
            ask = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
            builder.call(ask, [place, _INT32(0), _INT32(3), _INT32(1)])  # to read it, soon, as data
        return context.get_dummy_value()

    return types.none(array, types.uintp, lanes), code


def _transpose(_context: Any, array: Any, index: Any, pitch: Any, out: Any, to: Any, out_pitch: Any, lanes: Any) -> Any:
    """Store the transpose of a square block of a float32 array, `lanes`, a literal, to a side."""

    def code(context: Any, builder: Any, _signature: Any, values: Any) -> Any:
        side = lanes.literal_value

        def places(which: Any, array: Any, index: Any, pitch: Any) -> list[Any]:
            indices = [builder.add(index, builder.mul(pitch, ir.Constant(pitch.type, row))) for row in range(side)]
            return [_position(context, builder, which, array, at, ir.VectorType(_FLOAT32, side)) for at in indices]

        rows = [builder.load(place, align=4) for place in places(array, *values[:3])]
        halves = [[lane + side * row for lane in range(at, at + side // 2) for row in (0, 1)] for at in (0, side // 2)]
        masks = [ir.Constant(ir.VectorType(_INT32, side), half) for half in halves]
        for _ in range(side.bit_length() - 1):  # perfect shuffles of the rows and of what they hold
            pairs = list(zip(rows[: side // 2], rows[side // 2 :], strict=True))
            rows = [builder.shuffle_vector(*pair, mask) for pair in pairs for mask in masks]
        for row, place in zip(rows, places(out, *values[3:6]), strict=True):
            builder.store(row, place, align=4)
        return context.get_dummy_value()

    return types.none(array, types.uintp, types.uintp, out, types.uintp, types.uintp, lanes), code


load: Any = intrinsic(prefer_literal=True)(_load)
part: Any = intrinsic(prefer_literal=True)(_part)
store: Any = intrinsic(_store)
full: Any = intrinsic(prefer_literal=True)(_full)
multiply_add: Any = intrinsic(_multiply_add)
transpose: Any = intrinsic(prefer_literal=True)(_transpose)
prefetch: Any = intrinsic(prefer_literal=True)(_prefetch)
clip: Any = intrinsic(_clip)
total: Any = intrinsic(_total)
