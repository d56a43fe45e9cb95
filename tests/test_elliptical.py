"""Elliptical Gaussians: the definition against closed forms, the backends against the definition."""

import os

import numpy as np
import pytest
from conftest import examples
from hypothesis import assume, given
from hypothesis import strategies as st

from glimpsecli import Affine, Projective, Sampler, Sampling, Window, extract, extract_batch, vjp, vjp_batch
from glimpsecli.attention import ellipses, elliptical, gaussian
from glimpsecli.window import stack_matrices

TOLERANCE = 2e-6  # of full scale
FULL = {"uint8": 255, "uint16": 65535, "float32": 1}
BACKENDS = ["numpy", "cpu"]

seeds = st.integers(0, 2**32 - 1)
sizes = st.tuples(st.integers(1, 6), st.integers(1, 7))


@st.composite
def images(draw):
    noise = np.random.default_rng(draw(seeds))
    height, width, channels = draw(st.integers(1, 40)), draw(st.integers(1, 50)), draw(st.integers(1, 4))
    dtype = draw(st.sampled_from(list(FULL)))
    if dtype == "float32":
        return noise.random((height, width, channels), dtype=np.float32)
    return noise.integers(0, FULL[dtype] + 1, (height, width, channels), dtype=dtype)


@st.composite
def turned(draw):
    """A place that turns, shears, flips or is projective, in or around an image of 50x40, and the size of a glimpse."""
    (h, w), sigma = draw(sizes), st.floats(0.2, 100)  # strides, at a blur of 0.5
    x, y = draw(st.floats(-30, 80)), draw(st.floats(-30, 70))
    kind = draw(st.sampled_from(["window", "affine", "projective"]))
    if kind == "window":
        return Window(x, y, w * draw(sigma), h * draw(sigma), draw(st.floats(-180, 180))), (h, w)
    strides = [draw(st.floats(-20, 20)) for _ in range(4)]
    linear = [[strides[0], strides[1]], [strides[2], strides[3]]]
    shift = np.array([x, y]) - linear @ np.array([w - 1, h - 1]) / 2
    rows = [[*linear[0], shift[0]], [*linear[1], shift[1]]]
    if kind == "affine":
        return Affine(rows), (h, w)
    return Projective([*rows, [draw(st.floats(-0.45, 0.45)) / w, draw(st.floats(-0.45, 0.45)) / h, 1]]), (h, w)


def matrix_of(place, size):
    return stack_matrices(place, size)[0]


def axes(matrix, size, blur):
    """The covariances of all taps, (n, 2, 2)."""
    taps = ellipses.of_taps(matrix, size, blur)
    return np.array([[taps.s_xx, taps.s_xy], [taps.s_xy, taps.s_yy]]).transpose(2, 0, 1)


# --- the definition


@given(turned(), st.floats(0.05, 2))
def test_the_covariance_is_that_of_the_jacobian_with_a_floor_along_its_axes(where, blur):
    place, size = where
    matrix = matrix_of(place, size)
    found, taps = axes(matrix, size, blur), ellipses.of_taps(matrix, size, blur)
    step = 1e-4
    for n, (row, column) in enumerate(np.ndindex(size)):
        ahead, behind = (
            np.array([point(matrix, column + sign * step, row), point(matrix, column, row + sign * step)]).T
            for sign in (1, -1)
        )
        jacobian = (ahead - behind) / (2 * step)
        values, vectors = np.linalg.eigh(jacobian @ jacobian.T)
        expected = blur**2 * vectors @ np.diag(np.maximum(values, 1)) @ vectors.T
        np.testing.assert_allclose(found[n], expected, atol=1e-6 * max(1, np.abs(expected).max()))
        assert taps.determinant[n] == pytest.approx(np.linalg.det(expected), rel=1e-4)


def point(matrix, column, row):
    x, y, *w = matrix @ [column, row, 1]
    return np.array([x, y]) / (w or [1])


@given(images(), turned())
def test_constant_images_stay(image, where):
    place, size = where
    height, width = image.shape[:2]
    taps = ellipses.of_taps(matrix_of(place, size), size, 0.5)
    inside = (taps.x >= 0) & (taps.x <= width - 1) & (taps.y >= 0) & (taps.y <= height - 1)
    seen = elliptical.glimpse(np.full((height, width), 7.0), matrix_of(place, size), size, 0.5).ravel()
    np.testing.assert_allclose(seen[inside], 7, rtol=1e-12)
    assert np.all((seen >= 0) & (seen < 7 + 1e-9))


MIDDLE = [
    Window(60, 62, 20, 12, 30),
    Affine([[2, 1, 50], [-0.5, 3, 55]]),
    Projective([[2, 1, 50], [0, 3, 55], [0.02, 0.01, 1]]),
]


@pytest.mark.parametrize("place", MIDDLE, ids=lambda place: type(place).__name__)
def test_a_linear_image_is_read_exactly_away_from_the_edges(place):
    y, x = np.mgrid[:120, :130].astype(float)
    taps = ellipses.of_taps(matrix_of(place, (4, 5)), (4, 5), 1)
    seen = elliptical.glimpse(2 * x - 3 * y + 5, matrix_of(place, (4, 5)), (4, 5), 1)
    np.testing.assert_allclose(seen.ravel(), 2 * taps.x - 3 * taps.y + 5, atol=1e-9)


@pytest.mark.parametrize("place", MIDDLE, ids=lambda place: type(place).__name__)
@pytest.mark.parametrize("frequency", [(0.5, 0.2), (-0.6, 0.8), (0, 1)])
def test_a_plane_wave_is_attenuated_by_its_covariance(place, frequency):
    y, x = np.mgrid[:120, :130]
    size, f = (4, 5), np.array(frequency)
    phase = f[0] * x + f[1] * y
    matrix, blur = matrix_of(place, size), 1.0
    taps, covariances = ellipses.of_taps(matrix, size, blur), axes(matrix, size, blur)
    wave = np.exp(1j * (f[0] * taps.x + f[1] * taps.y)) * np.exp(-0.5 * np.einsum("i,nij,j->n", f, covariances, f))
    for part, expected in ((np.cos(phase), wave.real), (np.sin(phase), wave.imag)):
        np.testing.assert_allclose(elliptical.glimpse(part, matrix, size, blur).ravel(), expected, atol=1e-6)
        for backend in BACKENDS:
            seen = extract(part.astype(np.float32), place, size, blur=blur, backend=backend)
            np.testing.assert_allclose(seen.ravel(), expected, atol=TOLERANCE)


@pytest.mark.parametrize("backend", BACKENDS)
@given(st.integers(0, 3), st.floats(-20, 70), st.floats(-20, 60), st.floats(2, 90), st.floats(2, 90), seeds)
def test_a_quarter_turn_is_the_separable_one_turned(backend, quarters, cx, cy, width, height, seed):
    image = np.random.default_rng(seed).random((40, 50, 2), dtype=np.float32)
    seen = extract(image, Window(cx, cy, width, height, 90 * quarters + 1e-9), (4, 6), backend=backend)
    size, extent = ((4, 6), (width, height)) if quarters % 2 == 0 else ((6, 4), (height, width))
    upright = gaussian.glimpse(image, Window(cx, cy, *extent).to_gaussian(size), size)
    np.testing.assert_allclose(seen, np.rot90(upright, quarters), atol=TOLERANCE)


def test_a_turned_window_is_the_blurred_and_enlarged_image_sampled():
    image = np.random.default_rng(0).random((40, 44))
    times, size, place = 8, (5, 6), Window(21, 19, 18, 15, 33)  # strides of 3 pixels: round Gaussians of 1.5
    large = np.kron(image, np.ones((times, times)))
    sigma = 1.5 * times
    blurred = gaussian.glimpse(large, (0, sigma, 1, 0, sigma, 1, 1), large.shape)
    matrix = matrix_of(Window(*(times * n for n in (21, 19, 18, 15)), 33), size)
    x, y = (np.rint(n).astype(int) for n in ellipses.of_taps(matrix, size, 1)[:2])
    # The cells of the enlargement are averages over a pixel, and points are rounded to an eighth of one.
    np.testing.assert_allclose(
        elliptical.glimpse(image, matrix_of(place, size), size, 0.5).ravel(), blurred[y, x], atol=0.02
    )


@given(turned(), st.floats(0.1, 1), seeds)
def test_the_write_is_the_adjoint_of_the_read(where, blur, seed):
    place, size = where
    noise = np.random.default_rng(seed)
    image, patch, matrix = noise.random((20, 30, 2)), noise.random((*size, 2)), matrix_of(place, size)
    seen, written = elliptical.glimpse(image, matrix, size, blur), elliptical.write(patch, matrix, (20, 30), blur)
    assert np.sum(seen * patch) == pytest.approx(np.sum(image * written), rel=1e-9, abs=1e-12)


def differences(function, at, step=1e-6):
    slopes = np.zeros(at.shape)
    for index in np.ndindex(at.shape):
        ahead, behind = at.copy(), at.copy()
        ahead[index] += step
        behind[index] -= step
        slopes[index] = (function(ahead) - function(behind)) / (2 * step)
    return slopes


def smooth(matrix, size, image_size):
    """Whether no stride is close to the floor, and no tap to the edge, where the fade begins with a step of 1e-8."""
    _, jacobians, _ = ellipses.linearised(matrix, size)
    strides = np.linalg.svd(jacobians, compute_uv=False)
    taps = ellipses.of_taps(matrix, size, 1)
    edges = [taps.x, taps.y, taps.x - (image_size[1] - 1), taps.y - (image_size[0] - 1)]
    return np.abs(strides - 1).min() > 1e-3 and np.abs(edges).min() > 1e-4


@given(turned(), st.sampled_from([0.4, 0.5, 0.8]), seeds)
def test_gradients_of_the_definition_are_differences(where, blur, seed):
    place, size = where
    matrix = matrix_of(place, size)
    assume(smooth(matrix, size, (20, 30)))
    noise = np.random.default_rng(seed)
    image, loss = noise.random((20, 30, 2)), noise.standard_normal((*size, 2))
    by_image, by_matrix = elliptical.glimpse_vjp(image, matrix, size, blur, loss)
    expected = differences(lambda m: np.sum(loss * elliptical.glimpse(image, m, size, blur)), matrix)
    np.testing.assert_allclose(by_matrix, expected, atol=1e-5 * max(1, np.abs(expected).max()))
    np.testing.assert_allclose(by_image, elliptical.write(loss, matrix, (20, 30), blur), atol=1e-12)


# --- the backends


@pytest.mark.parametrize("backend", BACKENDS)
@examples(500)
@given(images(), turned(), st.sampled_from([0.1, 0.5, 1.0]))
def test_backends_equal_the_definition(backend, image, where, blur):
    place, size = where
    seen = extract(image, place, size, blur=blur, backend=backend)
    expected = elliptical.glimpse(image, matrix_of(place, size), size, blur)
    upright = isinstance(place, Window) and place.angle == 0
    if upright:
        expected = gaussian.glimpse(image, place.to_gaussian(size, blur), size)
    assert np.abs(seen - expected).max() <= TOLERANCE * FULL[image.dtype.name]


@pytest.mark.parametrize("backend", BACKENDS)
@given(images(), turned(), seeds)
def test_gradients_equal_the_definition(backend, image, where, seed):
    place, size = where
    assume(not (isinstance(place, Window) and place.angle == 0))
    loss = np.random.default_rng(seed).standard_normal((*size, image.shape[2])).astype(np.float32)
    found, full = vjp(image, place, size, loss, backend=backend), FULL[image.dtype.name]
    matrix = matrix_of(place, size) if isinstance(place, Window) else place.matrix
    by_image, by_matrix = elliptical.glimpse_vjp(image, matrix, size, 0.5, loss)
    np.testing.assert_allclose(found.image, by_image, atol=2e-5)
    if not isinstance(place, Window):
        scale = full * max(1, np.abs(by_matrix).max() / full)
        np.testing.assert_allclose(found.where.matrix / scale, by_matrix / scale, atol=2e-5)


@pytest.mark.parametrize("backend", BACKENDS)
def test_pixels_that_are_no_numbers_spoil_the_taps_that_read_them(backend):
    image = np.random.default_rng(0).random((40, 50, 3), dtype=np.float32)
    place, size = Window(25, 20, 40, 32, 30), (12, 15)
    clean = extract(image, place, size, backend=backend)
    image[20, 25] = np.nan
    seen, spoilt = extract(image, place, size, backend=backend), np.isnan(extract(image, place, size, backend="numpy"))
    assert 0 < spoilt.mean() < 0.8
    np.testing.assert_array_equal(np.isnan(seen), spoilt)
    np.testing.assert_allclose(seen[~spoilt], clean[~spoilt], atol=TOLERANCE)


@pytest.mark.parametrize("backend", BACKENDS)
def test_upright_windows_of_a_batch_keep_their_bits(backend):
    noise = np.random.default_rng(1)
    batch = noise.integers(0, 256, (6, 30, 33, 3), dtype=np.uint8)
    windows = noise.uniform([5, 5, 4, 4, 0], [28, 25, 30, 30, 0], (6, 5))
    windows[[1, 2, 5], 4] = 20
    planes = np.ascontiguousarray(batch.transpose(0, 3, 1, 2))
    seen = extract_batch(batch, windows, (7, 8), backend=backend)
    by_planes = extract_batch(planes, windows, (7, 8), backend=backend, layout="NCHW").transpose(0, 2, 3, 1)
    for n, window in enumerate(windows):
        one = extract(batch[n], Window(*window), (7, 8), backend=backend)
        np.testing.assert_array_equal(seen[n], one)
        np.testing.assert_allclose(by_planes[n], one, atol=0 if window[4] == 0 else 255 * TOLERANCE)
    np.testing.assert_array_equal(
        extract(batch[0], windows, (7, 8), backend=backend)[0],
        extract(batch[0], Window(*windows[0]), (7, 8), backend=backend),
    )


@pytest.mark.parametrize("backend", BACKENDS)
def test_gradients_of_planes_are_those_of_channels(backend):
    noise = np.random.default_rng(1)
    batch, loss = noise.random((3, 20, 24, 3), dtype=np.float32), noise.standard_normal((3, 4, 5, 3)).astype(np.float32)
    places = [Window(12, 10, 9, 8, 10 + 30 * n) for n in range(3)]
    one = vjp_batch(batch, places, (4, 5), loss, backend=backend)
    planes, losses = (np.ascontiguousarray(array.transpose(0, 3, 1, 2)) for array in (batch, loss))
    two = vjp_batch(planes, places, (4, 5), losses, layout="NCHW", backend=backend)
    np.testing.assert_allclose(one.image, two.image.transpose(0, 2, 3, 1), atol=1e-6)
    np.testing.assert_allclose(one.where, two.where, atol=1e-5)


def test_the_number_of_threads_never_counts():
    photo = np.random.default_rng(2).integers(0, 256, (700, 800, 3), dtype=np.uint8)
    place = Window(400, 350, 500, 420, 25)
    one, two = (extract(photo, place, (60, 80), backend="cpu", threads=threads) for threads in (1, 2))
    np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize("backend", BACKENDS)
def test_an_image_that_is_a_view_has_the_same_bits(backend):
    photo = np.random.default_rng(3).integers(0, 256, (90, 120, 3), dtype=np.uint8)
    for place in (Window(60, 45, 40, 30, 25), Window(3, 88, 40, 20, 70), Window(118, 3, 9, 9, 45)):
        view = np.asfortranarray(photo)
        np.testing.assert_array_equal(
            extract(view, place, (6, 8), backend=backend), extract(photo, place, (6, 8), backend=backend)
        )


@pytest.mark.parametrize("backend", BACKENDS)
def test_nothing_jumps_where_a_window_turns_through_0(backend):
    y, x = np.mgrid[:80, :90]
    image = (127 + 60 * np.sin(x / 3) + 60 * np.cos(y / 4)).astype(np.float32)
    for cx, cy in ((45, 40), (1, 40)):  # inside, and over the edge
        seen = [extract(image, Window(cx, cy, 30, 24, 0.01 * n), (6, 8), backend=backend) for n in range(-20, 21)]
        steps = np.abs(np.diff(seen, axis=0)).max(axis=(1, 2))
        assert steps.max() < 3 * np.median(steps) + 1e-3


@pytest.mark.skipif(os.name != "posix", reason="guards pages by mprotect")
@pytest.mark.parametrize(("width", "channels"), [(1, 1), (3, 1), (5, 3), (13, 3), (21, 3), (40, 1), (70, 1)])
def test_no_vector_reads_beyond_the_images(guarded, width, channels):
    batch = np.random.default_rng(width).integers(0, 256, (40, 16, width, channels), dtype=np.uint8)
    places = [Window(width / 2, 13, 3, height, 30) for height in (5, 3)] * 20
    for images in (guarded(batch), guarded(batch[:1])):
        some = places[: len(images)]
        seen = extract_batch(images, some, (4, 4), blur=1.0, backend="cpu")
        expected = extract_batch(np.array(images), some, (4, 4), blur=1.0, backend="numpy")
        np.testing.assert_allclose(seen, expected, atol=255 * TOLERANCE)
        vjp_batch(images, some, (4, 4), np.ones(seen.shape, np.float32), blur=1.0, backend="cpu")


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("blur", [1e-300, 1e-10, 1e-4, 1e3])
def test_any_blur_gives_numbers(backend, blur):
    image = np.random.default_rng(5).random((20, 25, 2), dtype=np.float32)
    place, loss = Window(12, 9, 14, 11, 33), np.ones((4, 5, 2), np.float32)
    seen, gradients = (
        extract(image, place, (4, 5), blur=blur, backend=backend),
        vjp(image, place, (4, 5), loss, blur=blur),
    )
    np.testing.assert_allclose(np.clip(seen, image.min(), image.max()), seen, atol=TOLERANCE)
    assert np.isfinite([*gradients.where, *gradients.image.ravel()]).all()


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_thinnest_ellipse_is_no_error(backend):
    image = np.random.default_rng(6).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    thin, loss = Affine([[1e9, 1e9, 10], [1e9, 1e9 * (1 - 1e-9), 10]]), np.ones((3, 3, 3))
    for view in (image, np.asfortranarray(image)):
        assert np.isfinite(extract(view, thin, (3, 3), backend=backend)).all()
        assert np.isfinite(vjp(view, thin, (3, 3), loss, backend=backend).image).all()


def test_a_sampler_forgets_the_last_image():
    image = np.random.default_rng(7).random((70, 80, 1), dtype=np.float32)
    look = Sampler(Window(71.8, 66, 4.07, 7.85, 47.4), (5, 5), image.shape, Sampling(backend="cpu"))
    first = look(image)
    look(np.full_like(image, np.nan))
    np.testing.assert_array_equal(look(image), first)
