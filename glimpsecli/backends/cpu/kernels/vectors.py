"""Vectors of float32, with which the kernels compute as with numbers: ``a + f * (b - a)`` means the same for both.

::

    load(pixels, k, 8)      pixels[k], ..., pixels[k + 7], whatever their dtype, as float32
    part(v, 3, 4)           v[3], ..., v[6]
    store(out, k, v)        out[k], ... = v

The operators +, - and * take two vectors, or a vector and a number, which then counts in every lane. Nothing checks
that an array has all the elements that are loaded or stored. A vector may have more lanes than the processor's: the
compiler then uses several.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba.core import types
from numba.core.datamodel import models
from numba.core.imputils import lower_builtin
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import intrinsic, register_model

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


def _give_operator(function: Callable[[Any, Any], Any], instruction: str) -> None:
    """Let Numba compile an operator of vectors, or of a vector and a number, as an instruction of LLVM."""

    class Operator(AbstractTemplate):
        def generic(self, arguments: Any, _keywords: Any) -> Any:
            vectors = [argument for argument in arguments if isinstance(argument, Vector)]
            return signature(vectors[0], *arguments) if vectors else None

    def lower(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        wide = context.get_value_type(signature.return_type)
        both = []
        for value, given in zip(values, signature.args, strict=True):
            if not isinstance(given, Vector):
                number = context.cast(builder, value, given, types.float32)
                first = builder.insert_element(ir.Constant(wide, ir.Undefined), number, ir.Constant(_INT32, 0))
                value = _shuffled(builder, first, [0] * wide.count)
            both.append(value)
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


load: Any = intrinsic(prefer_literal=True)(_load)
part: Any = intrinsic(prefer_literal=True)(_part)
store: Any = intrinsic(_store)
