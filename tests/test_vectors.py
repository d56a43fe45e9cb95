"""The vectors of the kernels, lane by lane against NumPy, and in the compiled code."""

import platform
import re

import numpy as np
import pytest
from numba import types
from numba.core.codegen import get_host_cpu_features

from glimpsecli import Window, extract
from glimpsecli.backends.cpu.jit import helper, jit
from glimpsecli.backends.cpu.kernels import bilinear, gaussian
from glimpsecli.backends.cpu.kernels.vectors import (
    clip,
    full,
    load,
    multiply_add,
    part,
    prefetch,
    store,
    total,
    transpose,
)


@jit()
def compute(array, k, factor, out):
    wide, one, other = load(array, k, 8), load(array, k, 4), load(array, k + np.uintp(3), 4)
    store(out, np.uintp(0), wide)
    store(out, np.uintp(8), part(wide, 3, 4) + factor * (other - one))
    store(out, np.uintp(12), part(wide, 3, 2) * 2 - part(other, 2, 2))
    store(out, np.uintp(14), clip(part(wide, 0, 2), 2, np.float32(100)))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("k", [0, 1, 5])
def test_vectors_compute_as_numbers_do(dtype, k):
    array = np.random.default_rng(k).integers(0, 256, 13).astype(dtype)
    array[k] = np.iinfo(dtype).max if array.dtype.kind == "u" else 2.5
    out = np.full(17, -1, np.float32)
    compute(array, np.uintp(k), np.float32(0.5), out)
    v = array[k : k + 8].astype(np.float32)
    np.testing.assert_array_equal(out[:8], v)
    np.testing.assert_array_equal(out[8:12], v[3:7] + np.float32(0.5) * (v[3:7] - v[:4]))
    np.testing.assert_array_equal(out[12:14], v[3:5] * 2 - v[5:7])
    np.testing.assert_array_equal(out[14:16], np.clip(v[:2], 2, 100))
    assert out[16] == -1


def assembly(kernel):
    """Compile a kernel once more, since code from the cache cannot be inspected, for one image of each of two types."""
    fresh = helper()(kernel.py_func)
    of_type = {signature[0].dtype: signature for signature in kernel.signatures}  # others used it for more layouts
    for dtype in (types.uint8, types.float32):
        fresh.compile(of_type[dtype])
        yield fresh.inspect_asm(of_type[dtype])


def test_the_loops_that_interpolate_are_compiled_to_vectors():
    """A test in each loop of `bilinear`, or a conversion to int64, would leave it scalar and three times slower."""
    if platform.machine() not in ("x86_64", "AMD64"):
        pytest.skip("knows the names of the vector instructions of x86-64 only")
    for dtype in (np.uint8, np.float32):
        extract(np.zeros((9, 9, 3), dtype), Window(4, 4, 5, 5, 9), (6, 6), sampler="bilinear", backend="cpu")
    for code in assembly(bilinear.interpolating_kernel):
        assert re.search(r"\sv?(rndscale|round)pd\s", code), "the floor of _locate"
        assert re.search(r"\sv?cvtt?pd2dq\s", code), "its conversion to whole pixels"
        assert re.search(r"\sv?mulps\s|\svfn?m(add|sub)\d+ps\s", code), "the products of _mix"


def test_the_products_of_gaussians_are_compiled_to_fused_vectors():
    """A number in place of a vector, or a product rounded by itself, would be several times slower."""
    if "+fma" not in get_host_cpu_features():
        pytest.skip("knows the names of the vector instructions of x86-64 with FMA only")
    kernel = gaussian.gaussian_kernel
    for dtype in (np.uint8, np.float32):
        extract(np.zeros((9, 9, 3), dtype), Window(4, 4, 5, 5), (6, 6), sampler="gaussian", backend="cpu")
    for code in assembly(kernel):
        fused = re.findall(r"\svfmadd\d+ps\s.*%[yz]mm", code)
        assert len(fused) > 10, "the products of _two_rows and _dots"
        assert re.search(r"\sprefetcht0\s", code), "the next tile of _fill_strip"


@jit()
def compute_more(array, k, number, out):
    prefetch(array, np.uintp(10**9), 8)
    one, other = load(array, k, 8), load(array, np.uintp(0), 8)
    store(out, np.uintp(0), full(number, 8))
    store(out, np.uintp(8), multiply_add(number, one, other))
    store(out, np.uintp(16), multiply_add(one, other, full(1, 8)))
    out[24] = total(one)


def test_sums_of_products_are_those_of_numpy():
    array, out = np.arange(20, dtype=np.float32) ** 2, np.empty(25, np.float32)
    compute_more(array, np.uintp(3), 2.5, out)
    one, other = array[3:11], array[:8]
    np.testing.assert_array_equal(
        out, np.concatenate([np.full(8, 2.5), 2.5 * one + other, one * other + 1, [one.sum()]])
    )


@jit()
def turn(array, out):
    transpose(array, np.uintp(2), np.uintp(9), out, np.uintp(1), np.uintp(10), 8)


def test_a_block_is_transposed_and_nothing_beside_it_written():
    array, out = np.arange(80, dtype=np.float32), np.full(85, -1, np.float32)
    turn(array, out)
    rows = np.full((9, 10), -1, np.float32)
    rows[:8, :8] = array[2:74].reshape(8, 9)[:, :8].T
    np.testing.assert_array_equal(out, np.concatenate([[-1], rows.reshape(-1)])[:85])
