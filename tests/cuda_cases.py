"""The cuda backend against the definitions: on Numba's simulator (see test_cuda.py), or with `make test-gpu` on a GPU.

pytest collects this file only where it is named: the simulator has to be chosen before Numba is imported.
"""

import os
import re
import sys

import numpy as np
import pytest
from conftest import examples
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from glimpsecli import Affine, GaussianParams, GlimpseError, Projective, Window, extract, extract_batch, vjp, vjp_batch
from glimpsecli.attention import elliptical, gaussian, spatial
from glimpsecli.backends import load
from glimpsecli.window import stack_matrices

ON_GPU = os.environ.get("GLIMPSE_TEST_GPU") == "1"
TOLERANCE = 2e-6  # of full scale
FULL = {"uint8": 255, "uint16": 65535}

cuda_backend = load("cuda")  # an error here and no skipped test: who asked for the GPU wants to know
from glimpsecli.backends.cuda import device as cuda_device  # noqa: E402
from glimpsecli.backends.cuda.kernels import elliptical as elliptical_kernels  # noqa: E402
from glimpsecli.backends.cuda.kernels import forward as cuda_kernels  # noqa: E402

assert cuda_device.SIMULATED != ON_GPU

if not ON_GPU:
    from contextlib import ExitStack, contextmanager
    from queue import SimpleQueue
    from types import SimpleNamespace

    from numba.cuda.simulator import kernel as simulator
    from numba.cuda.simulator.kernel import BlockManager, BlockThread
    from numba.cuda.simulator.kernelapi import FakeCUDAShared

    run_thread = BlockThread.run

    def run_thread_as_a_gpu_does(self):
        with np.errstate(invalid="ignore"):  # where an infinity becomes a NaN, NumPy's scalars warn
            run_thread(self)
        self._manager.stopped.put(self)

    def wait_for_the_block(self):
        self.syncthreads_blocked = True
        self._manager.stopped.put(self)
        self.syncthreads_event.wait()
        self.syncthreads_event.clear()
        if self.abort:
            raise RuntimeError("another thread of the block failed")

    def run_block(self, place, *args):
        self.stopped = SimpleQueue()
        points = np.ndindex(*self._block_dim)
        threads = [BlockThread(lambda: self._f(*args), self, place, point, self._debug) for point in points]
        for thread in threads:
            thread.start()
        while threads:
            stopped = [self.stopped.get() for _ in threads]  # each of them at a barrier or at its end
            failed = [thread.exception for thread in stopped if thread.exception]
            threads = [thread for thread in stopped if thread.syncthreads_blocked]
            for thread in threads:
                thread.syncthreads_blocked, thread.abort = False, bool(failed)
                thread.syncthreads_event.set()
            for error, traceback in failed:
                raise error.with_traceback(traceback)

    # The simulator's own block asks its threads again and again whether they have stopped, and has no time for them.
    BlockThread.run, BlockThread.syncthreads, BlockManager.run = run_thread_as_a_gpu_does, wait_for_the_block, run_block

    def shared_array(self, shape, dtype):
        return self._allocations.setdefault(sys._getframe(1).f_lineno, np.empty(shape, dtype))

    # The simulator's own looks for the array of a line and then makes one: two threads at once get one each.
    FakeCUDAShared.array = shared_array

    swapped, call = simulator.swapped_cuda_module, simulator.FakeCUDAKernel.__call__

    @contextmanager
    def swapped_in_all_kernels(function, fake):
        with ExitStack() as stack:
            for name in [name for name in sys.modules if name.startswith("glimpsecli.backends.cuda.kernels.")]:
                stack.enter_context(swapped(SimpleNamespace(__globals__=vars(sys.modules[name])), fake))
            yield

    def call_without_swapping(self, *args):
        return self.fn(*args) if self._device else call(self, *args)

    # The simulator puts itself in the place of `cuda` in a device function's module while the function runs. The first
    # thread that leaves would take it away from the others, where the kernel is of another module; and to swap takes
    # longer than most functions do. So it is there, in all modules, while a kernel runs.
    simulator.swapped_cuda_module = swapped_in_all_kernels
    simulator.FakeCUDAKernel.__call__ = call_without_swapping
    sys.setswitchinterval(1e-5)  # threads come between each other's steps, as on a GPU: a missing barrier is seen


def few(simulated):
    """Try some examples in the simulator, and more on a GPU."""
    slow = {"suppress_health_check": [HealthCheck.too_slow]}
    return settings(max_examples=200, **slow) if ON_GPU else examples(simulated, **slow)


def full_scale(image):
    return FULL.get(image.dtype.name) or float(np.abs(image).max()) or 1.0


@st.composite
def images(draw):
    height, width, channels = draw(st.integers(1, 14)), draw(st.integers(1, 18)), draw(st.integers(1, 5))
    noise = np.random.default_rng(draw(st.integers(0, 1000)))
    kind = draw(st.sampled_from(["uint8", "uint16", "float32"]))
    if kind == "float32":
        return (noise.standard_normal((height, width, channels)) * draw(st.sampled_from([1, 1e-3, 300]))).astype(kind)
    return noise.integers(0, FULL[kind] + 1, (height, width, channels), dtype=kind)


sizes = st.tuples(st.integers(1, 7), st.integers(1, 10))
places = st.one_of(st.floats(-5, 20), st.floats(-2e3, 2e3), st.integers(-5, 20).map(float))
sigmas = st.one_of(st.floats(0.3, 5), st.floats(0.01, 0.3), st.floats(5, 1e4))
strides = st.one_of(st.floats(-4, 4), st.floats(-60, 60), st.just(0.0), st.sampled_from([-1.0, 1.0, 2.0]))
gaussians = st.builds(GaussianParams, places, sigmas, strides, places, sigmas, strides, st.sampled_from([1.0, -0.3]))
affines = st.builds(lambda *m: Affine(np.reshape(m, (2, 3))), strides, strides, places, strides, strides, places)
turned = st.builds(Window, places, places, st.floats(0.1, 30), st.floats(0.1, 30), st.floats(-180, 180))
near, shears = st.floats(-6, 20), st.floats(-3, 3)
sheared = st.builds(
    lambda x, y, a, b, c, d: Affine([[a, b, x], [c, d, y]]), near, near, shears, *[shears | st.just(0)] * 2, shears
)
leaning = st.builds(
    lambda affine, lean: Projective([*affine.matrix, [*lean, 1]]), sheared, st.tuples(*[st.floats(-0.05, 0.1)] * 2)
)
borders = st.sampled_from(["zeros", "constant", "edge", "reflect"])

TIE = np.arange(40, dtype=np.uint8).reshape(1, 40, 1), Affine([[1, 0, 1.4999999999999998], [0, 1, 0]]), (1, 12)


@few(40)
@given(images(), gaussians, sizes)
@example(np.full((3, 300, 1), 255, np.uint8), GaussianParams(1, 1e3, 0, 150, 90.0, 4), (2, 3))  # long sums
@example(np.full((300, 2, 1), 65535, np.uint16), GaussianParams(100, 99, 9, 0, 1, 1), (5, 1))
@example(np.full((1, 1, 1), 255, np.uint8), GaussianParams(-6.07, 1, 1, 0, 1, 1), (2, 1))  # half black
@example(np.arange(90, dtype=np.uint8).reshape(3, 3, 10), GaussianParams(0, 1, 1, 2, 0.7, -0.5), (2, 9))  # channels
def test_gaussian_equals_the_definition(image, params, size):
    found = extract(image, params, size, backend="cuda")
    expected = gaussian.glimpse(image, params, size)
    assert np.abs(found - expected).max() <= TOLERANCE * full_scale(image)


@few(40)
@given(images(), affines | turned, sizes, borders, st.sampled_from(["bilinear", "hard"]))
@example(*TIE, "zeros", "hard")  # a tie that rounds otherwise when a product and a sum are rounded at once
def test_affine_equals_the_definition(image, where, size, border, sampler):
    fill = full_scale(image) * 0.7 if border == "constant" else None
    found = extract(image, where, size, sampler=sampler, border=border, fill=fill, backend="cuda")
    matrix = where.to_affine(size) if isinstance(where, Window) else where
    order = 0 if sampler == "hard" else 1
    expected = spatial.sample(image, spatial.matrix_grid(matrix, size), border, order, np.float32(fill or 0))
    assert np.abs(found - expected).max() <= TOLERANCE * full_scale(image)


@few(30)
@given(
    images(), affines, st.tuples(*[st.floats(-0.45, 0.45)] * 2), sizes, borders, st.sampled_from(["bilinear", "hard"])
)
def test_projective_equals_the_definition(image, where, lean, size, border, sampler):
    fill = full_scale(image) * 0.7 if border == "constant" else None
    place = Projective([*where.matrix, [lean[0] / size[1], lean[1] / size[0], 1]])
    found = extract(image, place, size, sampler=sampler, border=border, fill=fill, backend="cuda")
    order = 0 if sampler == "hard" else 1
    expected = spatial.sample(image, spatial.matrix_grid(place.matrix, size), border, order, np.float32(fill or 0))
    assert np.abs(found - expected).max() <= TOLERANCE * full_scale(image)


@few(20)
@given(images(), leaning | sheared | turned, sizes, st.sampled_from([0.2, 0.5, 1.0]))
@example(np.full((9, 9, 1), 3e38, np.float32), Window(4, 4, 9, 9, 30), (2, 2), 0.5)  # sums beyond float32
@example(np.full((9, 9, 9), 255, np.uint8), Window(-4, 12, 9, 9, 30), (2, 2), 0.5)  # many channels
def test_elliptical_equals_the_definition(image, where, size, blur):
    found = extract(image, where, size, sampler="gaussian", blur=blur, backend="cuda")
    expected = elliptical.glimpse(image, stack_matrices(where, size)[0], size, blur)
    assert np.abs(found - expected).max() <= TOLERANCE * full_scale(image)


@few(20)
@given(images(), st.integers(-9, 20), st.integers(-9, 20), sizes, st.sampled_from(["bilinear", "hard"]))
def test_a_whole_pixel_window_is_the_crop_bit_for_bit(image, x, y, size, sampler):
    if image.dtype == np.float32:
        image[0, 0], image[-1, -1] = np.nan, np.inf
    found = extract(image, Window.from_box(x, y, size[1], size[0]), size, sampler=sampler, backend="cuda")
    padded = np.pad(image, ((40, 40), (40, 40), (0, 0)))
    expected = padded[y + 40 : y + 40 + size[0], x + 40 : x + 40 + size[1]]
    assert np.array_equal(found, expected, equal_nan=True)


def test_a_nan_spoils_the_taps_that_read_it_and_no_others():
    image = np.random.default_rng(2).random((30, 33, 2), dtype=np.float32)
    image[10, 15, 0], image[25, 5, 1], image[5, 5, 0] = np.nan, np.inf, -np.inf
    for sampler, angle in (("gaussian", 0), ("gaussian", 20), ("bilinear", 0)):
        window = Window(16.5, 15, 33, 30, angle)
        found, expected = (
            extract(image, window, (10, 13), sampler=sampler, backend=name) for name in ("cuda", "numpy")
        )
        np.testing.assert_array_equal(np.isfinite(found), np.isfinite(expected))
        assert 0.02 < np.isfinite(found).mean() < 1
        np.testing.assert_allclose(found[np.isfinite(found)], expected[np.isfinite(found)], atol=TOLERANCE)


@pytest.mark.parametrize(
    ("sampler", "border", "angle"),
    [("gaussian", None, 0), ("gaussian", None, 25), ("bilinear", "reflect", 0), ("hard", "edge", 0)],
)
def test_a_batch_is_each_image_on_its_own(sampler, border, angle):
    noise = np.random.default_rng(3)
    batch = noise.random((4, 15, 20, 3), dtype=np.float32)
    windows = noise.uniform([3, 3, 4, 4, 0], [15, 12, 20, 20, 0], (4, 5))
    windows[1:3, 4] = angle  # upright ones are among them
    options = {"sampler": sampler, "border": border, "backend": "cuda"}
    alone = np.stack([extract(i, Window(*w), (5, 6), **options) for i, w in zip(batch, windows, strict=True)])
    np.testing.assert_array_equal(extract_batch(batch, windows, (5, 6), **options), alone)
    shared = extract(batch[1], windows, (5, 6), **options)  # N windows of one image
    np.testing.assert_array_equal(shared[1], alone[1])
    first = np.ascontiguousarray(np.moveaxis(batch, 3, 1))
    out = np.empty((4, 3, 5, 6), np.float32)
    assert extract_batch(first, windows, (5, 6), layout="NCHW", out=out, **options) is out
    np.testing.assert_allclose(np.moveaxis(out, 1, 3), alone, atol=TOLERANCE)


def test_windows_that_need_many_weights_are_computed_group_by_group(monkeypatch):
    monkeypatch.setattr(cuda_backend, "MOST_WEIGHTS", 300)
    noise = np.random.default_rng(6)
    image = noise.integers(0, 256, (20, 30, 1), dtype=np.uint8)
    windows = noise.uniform([5, 5, 4, 4, 0], [25, 15, 30, 30, 0], (7, 5))
    found = extract(image, windows, (4, 5), backend="cuda")
    np.testing.assert_allclose(found, extract(image, windows, (4, 5), backend="numpy"), atol=TOLERANCE * 255)
    batch = np.stack([image] * 7)
    np.testing.assert_array_equal(extract_batch(batch, windows, (4, 5), backend="cuda"), found)


def test_any_strides_byte_order_and_protection_will_do():
    image = np.random.default_rng(9).integers(0, 65536, (20, 23, 3), dtype=np.uint16)
    window = Window(10, 9, 12, 11)
    locked = image.copy()
    locked.flags.writeable = False
    for sampler in ("gaussian", "bilinear"):
        expected = extract(image, window, (4, 5), sampler=sampler, backend="cuda")
        for view in (np.asfortranarray(image), image.astype(">u2"), locked, image[::-1].copy()[::-1]):
            found = extract(view, window, (4, 5), sampler=sampler, backend="cuda")
            np.testing.assert_array_equal(found, expected)


def test_alpha_is_weighed_on_the_host():
    image = np.random.default_rng(4).integers(0, 256, (12, 14, 4), dtype=np.uint8)
    found, expected = (
        extract(image, Window(6, 6, 9, 8), (4, 5), alpha=True, backend=name) for name in ("cuda", "numpy")
    )
    np.testing.assert_allclose(found, expected, atol=1e-3)


SAMPLERS = [("gaussian", 0), ("gaussian", 25), ("bilinear", 0)]


class Foreign:
    """What another library's array shows of itself."""

    def __init__(self, array, **changes):
        self.array = array
        self.shape = array.shape
        given = getattr(array, "__cuda_array_interface__", {"data": (0, False)})
        self.__cuda_array_interface__ = {**given, **changes}


@pytest.fixture
def foreign(monkeypatch):
    """Let the simulator, which knows no interface, look into foreign arrays."""
    if not ON_GPU:
        monkeypatch.setattr(cuda_device.cuda, "as_cuda_array", lambda array: array.array, raising=False)
    return lambda array, **changes: Foreign(cuda_device.cuda.to_device(array), **changes)


@pytest.mark.parametrize("sampler", ["gaussian", "bilinear"])
@pytest.mark.parametrize("backend", ["auto", "cuda"])
def test_images_on_the_device_stay_there(foreign, sampler, backend):
    image = np.random.default_rng(5).integers(0, 256, (14, 16, 3), dtype=np.uint8)
    window = Window(8, 7, 12, 10)
    for pixels in (image, image[..., 0].copy()):
        for where in (window, [window] * 2):
            expected = extract(pixels, where, (4, 5), sampler=sampler, backend="cuda")
            for there in (foreign(pixels), cuda_device.cuda.to_device(pixels)):
                found = extract(there, where, (4, 5), sampler=sampler, backend=backend)
                assert cuda_backend.is_device_array(found)
                np.testing.assert_array_equal(found.copy_to_host(), expected)


@pytest.mark.parametrize(("sampler", "angle"), SAMPLERS)
@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
def test_batches_on_the_device_stay_there(foreign, sampler, angle, layout):
    noise = np.random.default_rng(5)
    batch = noise.random((3, 14, 16, 2) if layout == "NHWC" else (3, 2, 14, 16), dtype=np.float32)
    windows = noise.uniform([3, 3, 4, 4, 0], [15, 12, 20, 20, 0], (3, 5))
    windows[1:, 4] = angle
    options = {"sampler": sampler, "layout": layout}
    expected = extract_batch(batch, windows, (4, 5), backend="cuda", **options)
    there = foreign(batch)
    np.testing.assert_array_equal(extract_batch(there, windows, (4, 5), **options).copy_to_host(), expected)
    out = foreign(np.zeros(expected.shape, np.float32))
    assert extract_batch(there, windows, (4, 5), out=out, **options) is out
    np.testing.assert_array_equal(out.array.copy_to_host(), expected)


def test_each_image_may_have_its_own_projective_place(foreign):
    noise = np.random.default_rng(6)
    batch = noise.integers(0, 256, (3, 14, 16, 3), dtype=np.uint8)
    places = [Projective([[1, 0.1, 3 + shift], [0.2, 1, 2], [0.02, 0.03, 1]]) for shift in range(3)]
    expected = extract_batch(batch, places, (6, 7), sampler="bilinear", backend="numpy")
    there = extract_batch(foreign(batch), places, (6, 7), sampler="bilinear")
    np.testing.assert_allclose(there.copy_to_host(), expected, atol=TOLERANCE * 255)


WINDOW = Window(3, 3, 2, 2)


class WantsGradients:
    @property
    def __cuda_array_interface__(self):
        raise RuntimeError("Can't get __cuda_array_interface__\non Variable that requires grad.")


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda on: extract(on(np.zeros((5, 5), np.uint8)), WINDOW, (2, 2), backend="cpu"), "the cpu backend"),
        (lambda on: extract(on(np.zeros((5, 5, 2), np.uint8)), WINDOW, (2, 2), alpha=True), "alpha"),
        (lambda on: extract(on(np.zeros((5, 5))), WINDOW, (2, 2)), "float64"),
        (lambda on: extract(on(np.zeros((5, 5, 2), np.uint8, order="F")), WINDOW, (2, 2)), "contiguous"),
        (lambda on: extract(on(np.zeros(5, np.uint8)), WINDOW, (2, 2)), r"\(5,\)"),
        (lambda on: extract(WantsGradients(), WINDOW, (2, 2)), "requires grad"),
        (lambda on: extract(on(np.zeros((5, 5), np.uint8), mask=np.ones((5, 5), bool)), WINDOW, (2, 2)), "masked"),
        (lambda on: extract_batch([on(np.zeros((5, 5, 1), np.uint8))], WINDOW, (2, 2)), "stack them"),
        (lambda on: extract_batch(on(np.zeros((5, 5, 1), np.uint8)), WINDOW, (2, 2)), r"\(5, 5, 1\)"),
        (lambda on: batch_into(on, np.zeros((1, 2, 2, 1), np.float32), host=True), "give both there"),
        (lambda on: batch_into(on, np.zeros((1, 2, 3, 1), np.float32)), r"\(1, 2, 3, 1\)"),
        (lambda on: batch_into(on, np.zeros((1, 2, 2, 1))), "float64"),
        (lambda on: batch_into(on, np.zeros((1, 2, 2, 1), np.float32), data=(0, True)), "read-only"),
        (
            lambda on: extract_batch(
                np.zeros((1, 5, 5, 1), np.uint8), WINDOW, (2, 2), out=on(np.zeros((1, 2, 2, 1), np.float32))
            ),
            "both there, or neither",
        ),
    ],
)
def test_what_cannot_be_done_on_the_device_is_named_in_one_line(foreign, call, words):
    with pytest.raises(GlimpseError, match=words) as caught:
        call(foreign)
    assert "\n" not in str(caught.value)


def batch_into(on, out, host=False, **changes):
    return extract_batch(on(np.zeros((1, 5, 5, 1), np.uint8)), WINDOW, (2, 2), out=out if host else on(out, **changes))


def numbers(where):
    """Give the numbers of a gradient."""
    return np.hstack([np.ravel(number) for number in where])


def assert_same_gradients(found, expected, scale):
    """Compare with another backend's, which sums in another order."""
    for one, other in ((found.image, expected.image), (numbers(found.where), numbers(expected.where))):
        limit = 1e-5 * max(np.abs(other).max(), scale)
        assert np.abs(one - other).max() <= limit


gradual = st.builds(
    GaussianParams, st.floats(-5, 20), st.floats(0.3, 5), st.floats(-4, 4), st.floats(-5, 20), st.floats(0.3, 5),
    st.floats(-4, 4), st.sampled_from([1.0, -0.3]),
)  # fmt: skip


@few(25)
@given(images(), gradual | affines | turned, sizes, borders, st.sampled_from(["bilinear", "hard"]), st.integers(0, 99))
def test_gradients_equal_the_definitions(image, where, size, border, sampler, seed):
    options = {"sampler": sampler, "border": border, "fill": 0.7 if border == "constant" else None}
    if isinstance(where, GaussianParams):
        options = {"sampler": "gaussian"}
    loss = np.random.default_rng(seed).standard_normal((*size, image.shape[2]))
    found, expected = (vjp(image, where, size, loss, backend=name, **options) for name in ("cuda", "numpy"))
    assert_same_gradients(found, expected, 10 * full_scale(image))


@few(12)
@given(images(), leaning | sheared | turned, sizes, st.integers(0, 99))
def test_elliptical_gradients_equal_those_of_the_numpy_backend(image, where, size, seed):
    loss = np.random.default_rng(seed).standard_normal((*size, image.shape[2]))
    found, expected = (vjp(image, where, size, loss, sampler="gaussian", backend=name) for name in ("cuda", "numpy"))
    assert_same_gradients(found, expected, 10 * full_scale(image))


@few(4)
@given(images(), turned | leaning | gradual, sizes, borders, st.integers(0, 99))
def test_gaussians_with_a_border_equal_those_of_the_numpy_backend(image, where, size, border, seed):
    options = {"border": border, "fill": 0.7 if border == "constant" else None}
    found, expected = (extract(image, where, size, backend=name, **options) for name in ("cuda", "numpy"))
    assert np.abs(found - expected).max() <= 2 * TOLERANCE * full_scale(image)
    loss = np.random.default_rng(seed).standard_normal((*size, image.shape[2]))
    found, expected = (vjp(image, where, size, loss, backend=name, **options) for name in ("cuda", "numpy"))
    assert_same_gradients(found, expected, 10 * full_scale(image))


@pytest.mark.parametrize(
    ("border", "layout", "kind"),
    [
        ("zeros", "NHWC", "uint8"),
        ("constant", "NCHW", "uint16"),
        ("edge", "NHWC", "float32"),
        ("reflect", "NCHW", "uint8"),
    ],
)
def test_images_on_the_device_are_continued_there(foreign, border, layout, kind):
    noise = np.random.default_rng(5)
    images = noise.integers(0, 256, (2, 3, 4, 2) if layout == "NHWC" else (2, 2, 3, 4)).astype(kind)
    windows = np.array([[1, 3.2, 3, 4, 0], [4.5, -1, 3, 3, 25 if layout == "NHWC" else 0]])
    options = {"border": border, "fill": 0.25 if border == "constant" else None, "layout": layout, "blur": 0.2}
    expected = extract_batch(images, windows, (2, 3), backend="numpy", **options)
    found = extract_batch(foreign(images), windows, (2, 3), **options)
    assert cuda_backend.is_device_array(found)
    np.testing.assert_allclose(found.copy_to_host(), expected, atol=2 * TOLERANCE * 256)
    loss = noise.standard_normal(expected.shape).astype(np.float32)
    expected = vjp_batch(images, windows, (2, 3), loss, backend="numpy", **options)
    found = vjp_batch(foreign(images), windows, (2, 3), loss, **options)
    np.testing.assert_allclose(found.image.copy_to_host(), expected.image, atol=1e-4)
    np.testing.assert_allclose(found.where, expected.where, atol=1e-5 * max(256, np.abs(expected.where).max()))


def test_gradients_through_a_quadrilateral():
    noise = np.random.default_rng(8)
    image, loss = noise.random((20, 22, 2), dtype=np.float32), noise.standard_normal((5, 6, 2))
    quad = Projective.from_quad([(2, 3), (18, 1), (20, 17), (4, 15)], (5, 6))
    for sampler in ("gaussian", "bilinear"):
        found, expected = (vjp(image, quad, (5, 6), loss, sampler=sampler, backend=n) for n in ("cuda", "numpy"))
        assert_same_gradients(found, expected, 1)


@pytest.mark.parametrize(
    ("sampler", "angle", "layout"),
    [(*one, layout) for one in SAMPLERS for layout in ("NHWC", "NCHW") if one != ("gaussian", 25) or layout == "NCHW"],
)
def test_gradients_of_batches_on_either_side(foreign, sampler, angle, layout, monkeypatch):
    monkeypatch.setattr("glimpsecli.backends.cuda.vjp.MOST_VALUES", 300)
    noise = np.random.default_rng(5)
    batch = noise.random((3, 14, 16, 2) if layout == "NHWC" else (3, 2, 14, 16), dtype=np.float32)
    windows = noise.uniform([3, 3, 4, 4, 0], [15, 12, 20, 20, 0], (3, 5))
    windows[1:, 4] = angle
    shape = (3, 4, 5, 2) if layout == "NHWC" else (3, 2, 4, 5)
    losses, options = noise.standard_normal(shape).astype(np.float32), {"sampler": sampler, "layout": layout}
    expected = vjp_batch(batch, windows, (4, 5), losses, backend="numpy", **options)
    host = vjp_batch(batch, windows, (4, 5), losses, backend="cuda", **options)
    there = vjp_batch(foreign(batch), windows, (4, 5), foreign(losses), **options)
    assert cuda_backend.is_device_array(there.image)
    for image, where in ((host.image, host.where), (there.image.copy_to_host(), there.where)):
        np.testing.assert_allclose(image, expected.image, atol=1e-5)
        np.testing.assert_allclose(where, expected.where, atol=1e-4)
    alone = vjp_batch(foreign(batch), windows, (4, 5), losses, by="image", **options)
    assert alone.where is None
    np.testing.assert_allclose(alone.image.copy_to_host(), expected.image, atol=1e-5)


def test_windows_of_one_image_add_up():
    noise = np.random.default_rng(6)
    image, places = noise.random((20, 30, 1), dtype=np.float32), noise.uniform([5, 5, 4, 4], [25, 15, 30, 30], (5, 4))
    losses = noise.standard_normal((5, 4, 5, 1))
    for sampler, angle in SAMPLERS:
        windows = np.column_stack([places, np.full(5, angle)])
        found, expected = (
            vjp(image, windows, (4, 5), losses, sampler=sampler, backend=name) for name in ("cuda", "numpy")
        )
        np.testing.assert_allclose(found.image, expected.image, atol=1e-5)
        np.testing.assert_allclose(found.where, expected.where, atol=1e-4)


def test_cotangents_on_the_device_must_be_as_they_are(foreign):
    image = foreign(np.zeros((5, 5, 1), np.uint8))
    with pytest.raises(GlimpseError, match="cotangents of float64"):
        vjp(image, WINDOW, (2, 2), foreign(np.zeros((2, 2, 1))))
    with pytest.raises(GlimpseError, match="and the image is not"):
        vjp(np.zeros((5, 5, 1), np.uint8), WINDOW, (2, 2), foreign(np.zeros((2, 2, 1), np.float32)))


def test_the_device_is_described():
    found = cuda_backend.describe()
    assert found["device"]
    assert (found["memory"] is None) == (not ON_GPU)


def test_the_shapes_of_blocks_fit_each_other():
    for launch in (cuda_kernels.Launch(), cuda_kernels.SMALL):
        assert launch.threads % launch.tap_lanes == launch.rows % launch.share == launch.depth % launch.ahead == 0
        held = launch.rows * launch.threads * launch.columns + launch.depth * launch.rows
        assert held * 4 <= 48 * 1024  # what every device has for a block
    for threads, down, across, taps, _ in elliptical_kernels.SHAPES:
        assert threads % (down * across) == taps * down * across % threads == 0


def test_the_bench_of_the_gpu_gives_times_and_shares_of_the_bandwidth(monkeypatch, capsys):
    import bench_gpu

    monkeypatch.setattr(bench_gpu, "COPIED", 1000)
    views = ("gaussian", "rotated", "gaussian vjp(image, where)", "rotated vjp(image, where)")
    assert bench_gpu.figures("5:2", views, runs=1, min_time=0.0)
    printed = capsys.readouterr().out
    for view in views:
        assert f"  {view}, all glimpses checked\n    glimpse cuda, on the device  " in printed
        assert re.search(rf"\n  {re.escape(view)}: \S+ GB/s, \S+% of a copy's \S+ GB/s\n", printed)
    assert printed.count("the same\n") >= len(views)


if ON_GPU:
    # The cases of the benchmark that are sensible on a GPU, against another backend.

    @pytest.mark.parametrize(
        ("sampler", "angle", "other"),
        [("gaussian", 0, "numpy"), ("gaussian", 0.5, "cpu"), ("bilinear", 0, "numpy"), ("bilinear", 0.5, "numpy")],
    )
    @pytest.mark.parametrize(
        ("shape", "kind", "count", "size", "extents"),
        [
            ((1080, 1920, 3), "uint8", 1000, (32, 32), (50, 400)),
            ((64, 3, 256, 256), "float32", 64, (64, 64), (96, 224)),
            ((1000, 1, 28, 28), "float32", 1000, (12, 12), (8, 30)),
            ((3000, 4000, 3), "uint8", 1, (1024, 1024), (3000, 3000.1)),
            ((3000, 4000, 3), "uint16", 2, (64, 64), (800, 800.1)),
        ],
    )
    def test_large_cases_equal_another_backend(sampler, angle, other, shape, kind, count, size, extents):
        noise = np.random.default_rng(7)
        height, width = shape[2:] if len(shape) == 4 else shape[:2]
        pixels = noise.random(shape, dtype=np.float32)
        if kind != "float32":
            pixels = (pixels * FULL[kind]).astype(kind)
        extent = noise.uniform(*extents, count)
        centres = noise.uniform(0.3, 0.7, (count, 2)) * [width, height]
        windows = np.column_stack([centres, extent, extent, np.full(count, np.degrees(angle))])
        options = {"sampler": sampler}
        if len(shape) == 4:
            options["layout"] = "NCHW"
        look = extract_batch if len(shape) == 4 else extract
        found, expected = (look(pixels, windows, size, backend=name, **options) for name in ("cuda", other))
        assert np.abs(found - expected).max() <= TOLERANCE * FULL.get(kind, 1)
        there = look(cuda_device.cuda.to_device(pixels), windows, size, **options)
        np.testing.assert_allclose(there.copy_to_host(), found, atol=TOLERANCE * FULL.get(kind, 1))

    def test_tensors_of_torch_go_in_and_out_without_a_copy():
        torch = pytest.importorskip("torch")
        batch = torch.rand(3, 2, 20, 30, device="cuda")
        out = torch.zeros(3, 2, 5, 6, device="cuda")
        options = {"layout": "NCHW", "sampler": "bilinear"}
        expected = extract_batch(batch.cpu().numpy(), Window(9, 9, 8, 7), (5, 6), backend="cuda", **options)
        assert extract_batch(batch, Window(9, 9, 8, 7), (5, 6), out=out, **options) is out
        np.testing.assert_array_equal(out.cpu().numpy(), expected)
        found = torch.as_tensor(extract_batch(batch, Window(9, 9, 8, 7), (5, 6), **options), device="cuda")
        assert torch.equal(found, out)
        for refused in (batch.permute(0, 1, 3, 2), batch.clone().requires_grad_()):
            with pytest.raises(GlimpseError):
                extract_batch(refused, Window(9, 9, 8, 7), (5, 6), **options)

    @pytest.mark.parametrize("layout", ["contiguous_format", "channels_last"])
    @pytest.mark.parametrize("sampler", ["gaussian", "bilinear", "hard"])
    @pytest.mark.parametrize("count", [1, 3])
    @pytest.mark.parametrize("other_stream", [False, True])
    def test_torch_trains_through_the_device(sampler, layout, count, other_stream):
        torch = pytest.importorskip("torch")
        from glimpsecli.torch import window_glimpse

        images = torch.rand(count, 3, 40, 50).contiguous(memory_format=getattr(torch, layout))
        windows = torch.tensor([[20.3, 15.2, 17.1, 13.4, 0], [31.7, 22.9, 41.3, 12.8, 9], [9.1, 30.3, 8.7, 31.2, 0]])
        found = []
        stream = torch.cuda.Stream() if other_stream else torch.cuda.default_stream()
        for device in ("cpu", "cuda"):
            with torch.cuda.stream(stream):
                seen, where = images.to(device).requires_grad_(), windows.to(device).requires_grad_()
                glimpses = window_glimpse(seen, where, (8, 9), sampler=sampler)
                assert glimpses.device.type == device
                glimpses.square().sum().backward()
                assert (seen.grad.device, where.grad.device) == (seen.device, where.device)
                found.append([one.detach().cpu() for one in (glimpses, seen.grad, where.grad)])
        torch.cuda.synchronize()
        for mine, theirs in zip(*found, strict=True):
            torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-4)

    def test_torch_writes_and_looks_in_halves_and_sequences_on_the_device():
        torch = pytest.importorskip("torch")
        from glimpsecli.torch import gaussian_write, window_glimpse

        patches, images = torch.rand(2, 3, 4, 5), torch.rand(2, 3, 40, 50).half()
        params = torch.tensor([[3.1, 1.2, 1.3, 2.2, 0.9, 1.7, 1.4], [7.5, 2.1, 1.1, 2.0, 1.5, 2.2, -0.6]])
        windows = torch.tensor([[[20.3, 15.2, 17.1, 13.4, 0], [31.7, 22.9, 41.3, 12.8, 9]]] * 2)
        found = []
        for device in ("cpu", "cuda"):
            given = [one.to(device).requires_grad_() for one in (patches, params, images, windows)]
            made = gaussian_write(*given[:2], (20, 30)), window_glimpse(*given[2:], (8, 9))
            assert [one.device.type for one in made] == [device] * 2
            (made[0].square().sum() + made[1].float().square().sum()).backward()
            found.append([one.detach().float().cpu() for one in (*made, *(one.grad for one in given))])
        for mine, theirs in zip(*found, strict=True):
            torch.testing.assert_close(mine, theirs, rtol=2e-3, atol=2e-3)

    def test_torch_keeps_float64_and_other_backends_off_the_device():
        torch = pytest.importorskip("torch")
        from glimpsecli.torch import window_glimpse

        images, windows = torch.rand(1, 1, 9, 9, device="cuda"), torch.tensor([[4.0, 4, 3, 3, 0]])
        with pytest.raises(GlimpseError, match="float64 images on cuda"):
            window_glimpse(images.double(), windows, (2, 2))
        with pytest.raises(GlimpseError, match="the cpu backend"):
            window_glimpse(images, windows, (2, 2), backend="cpu")
