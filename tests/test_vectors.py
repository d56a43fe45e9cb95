"""The vectors of the kernels, lane by lane against NumPy."""

import numpy as np
import pytest

from glimpsecli.backends.cpu.jit import jit
from glimpsecli.backends.cpu.kernels.vectors import load, part, store


@jit()
def compute(array, k, factor, out):
    wide, one, other = load(array, k, 8), load(array, k, 4), load(array, k + np.uintp(3), 4)
    store(out, np.uintp(0), wide)
    store(out, np.uintp(8), part(wide, 3, 4) + factor * (other - one))
    store(out, np.uintp(12), part(wide, 3, 2) * 2 - part(other, 2, 2))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("k", [0, 1, 5])
def test_vectors_compute_as_numbers_do(dtype, k):
    array = np.random.default_rng(k).integers(0, 256, 13).astype(dtype)
    array[k] = np.iinfo(dtype).max if array.dtype.kind == "u" else 2.5
    out = np.full(16, -1, np.float32)
    compute(array, np.uintp(k), np.float32(0.5), out)
    v = array[k : k + 8].astype(np.float32)
    np.testing.assert_array_equal(out[:8], v)
    np.testing.assert_array_equal(out[8:12], v[3:7] + np.float32(0.5) * (v[3:7] - v[:4]))
    np.testing.assert_array_equal(out[12:14], v[3:5] * 2 - v[5:7])
    assert (out[14:] == -1).all()
