"""Eight bytes loaded at once, from wherever they begin."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from glimpsecli.backends.cpu.jit import helper

LOWEST_FIRST = sys.byteorder == "little"
"""Whether the first byte of a word is its lowest, as the kernels that load words take for granted."""


def _load_word(context, array, index):
    """Load the word that begins at ``array[index]``, aligned or not, as uint64."""

    def load(context, builder, signature, arguments):
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        start = builder.gep(data, [arguments[1]])
        return builder.load(builder.bitcast(start, ir.IntType(64).as_pointer()), align=1)

    return types.uint64(array, types.uintp), load


load_word: Any = intrinsic(_load_word)  # the compiler gives the context


@helper()
def byte(number, v):
    """Give byte v of a number of four as float32."""
    return np.float32(np.int32(np.int32(number) >> np.int32(np.uintp(8) * v)) & np.int32(255))
