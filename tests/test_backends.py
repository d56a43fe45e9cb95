"""Every backend against the definitions, over everything that may come."""

import os
import tracemalloc

import numpy as np
import pytest
from conftest import examples
from hypothesis import example, given
from hypothesis import strategies as st

from glimpsecli import Affine, GaussianParams, GlimpseError, Projective, Window, extract, extract_batch, vjp, vjp_batch
from glimpsecli.attention import gaussian, spatial
from glimpsecli.backends import footprint, numpy_backend
from glimpsecli.backends.cpu.kernels import filterbank
from glimpsecli.backends.cpu.kernels import gaussian as cpu_gaussian
from glimpsecli.sampling import Sampling, Taps, choose_backend

TOLERANCE = 2e-6  # of full scale
BACKENDS = ["numpy", "cpu"]
FULL = {"uint8": 255, "uint16": 65535}


def full_scale(image):
    return FULL.get(image.dtype.name) or float(np.abs(image).max()) or 1.0


@st.composite
def images(draw):
    height, width, channels = draw(st.integers(1, 40)), draw(st.integers(1, 50)), draw(st.integers(1, 4))
    noise = np.random.default_rng(draw(st.integers(0, 1000)))
    kind = draw(st.sampled_from(["uint8", "uint16", "float32"]))
    if kind == "float32":
        return (noise.standard_normal((height, width, channels)) * draw(st.sampled_from([1, 1e-3, 300]))).astype(kind)
    return noise.integers(0, FULL[kind] + 1, (height, width, channels), dtype=kind)


sizes = st.tuples(st.integers(1, 12), st.integers(1, 13))
places = st.one_of(st.floats(-10, 60), st.floats(-2e3, 2e3), st.integers(-5, 60).map(float))
sigmas = st.one_of(st.floats(0.3, 5), st.floats(0.01, 0.3), st.floats(5, 1e4))
strides = st.one_of(st.floats(-4, 4), st.floats(-60, 60), st.just(0.0), st.sampled_from([-1.0, 1.0, 2.0]))
gaussians = st.builds(GaussianParams, places, sigmas, strides, places, sigmas, strides)
affines = st.builds(
    lambda *m: Affine(np.reshape(m, (2, 3))), strides, strides, places, strides, strides, places
) | st.builds(lambda a, x, d, y: Affine([[a, 0, x], [0, d, y]]), strides, places, strides, places)
leans = st.tuples(*[st.floats(-0.45, 0.45) | st.sampled_from([0.0, 0.25])] * 2)
turned = st.builds(Window, places, places, st.floats(0.1, 80), st.floats(0.1, 80), st.floats(-180, 180))


def leaning(matrix, lean, size):
    """Give a projective place whose w goes from 1 at the first tap towards 1 plus `lean` at the last."""
    return Projective([*matrix, [lean[0] / size[1], lean[1] / size[0], 1]])


@pytest.mark.parametrize("backend", BACKENDS)
@examples(250)
@given(images(), gaussians, sizes)
@example(np.full((3, 4000, 1), 255, np.uint8), GaussianParams(1, 1e3, 0, 2000, 900.0, 4), (2, 3))  # long sums
@example(np.full((1, 1, 1), 255, np.uint8), GaussianParams(-6.07, 1, 1, 0, 1, 1), (2, 1))  # half black
@example(np.arange(9, dtype=np.uint8).reshape(9, 1, 1), GaussianParams(0, 0.1, 1, 0, 1, 1), (5, 1))  # taps far apart
def test_gaussian_equals_the_definition(backend, image, params, size):
    found = extract(image, params, size, backend=backend)
    expected = gaussian.glimpse(image, params, size)
    assert np.abs(found - expected).max() <= TOLERANCE * full_scale(image)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("sampler", ["bilinear", "hard"])
@examples(250)
@given(images(), affines | turned, sizes, st.sampled_from(["zeros", "constant", "edge", "reflect"]))
@example(
    np.arange(40, dtype=np.uint8).reshape(1, 40, 1), Affine([[1, 0, 1.4999999999999998], [0, 1, 0]]), (1, 12), "zeros"
)  # a tie that rounds otherwise when the offset is added later
def test_affine_equals_the_definition(backend, sampler, image, where, size, border):
    fill = full_scale(image) * 0.7 if border == "constant" else None
    found = extract(image, where, size, sampler=sampler, border=border, fill=fill, backend=backend)
    matrix = where.to_affine(size) if isinstance(where, Window) else where
    order = 0 if sampler == "hard" else 1
    grid = spatial.matrix_grid(matrix, size)
    expected = spatial.sample(image, grid, border, order, np.float32(fill or 0))
    assert np.abs(found - expected).max() <= TOLERANCE * full_scale(image)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("sampler", ["bilinear", "hard"])
@examples(250)
@given(images(), affines, sizes, st.sampled_from(["zeros", "constant", "edge", "reflect"]), leans, st.booleans())
@example(
    np.arange(40, dtype=np.uint8).reshape(1, 40, 1),
    Affine([[1.1484375, 0, 0], [0, 1, 0]]), (1, 2), "zeros", (-0.46875, 0), False,
)  # fmt: skip  # a tie that rounds otherwise when it is multiplied by 1 / w
def test_projective_equals_the_definition(backend, sampler, image, where, size, border, lean, foreign):
    if image.dtype == np.float32:
        image[np.random.default_rng(image.size).random(image.shape) < 0.1] = np.nan
    view = np.asfortranarray(image) if foreign else image
    place = leaning(where.matrix.round(7), lean, size)  # no weight of a NaN is below those of float32
    fill = 3 if border == "constant" else None
    found = extract(view, place, size, sampler=sampler, border=border, fill=fill, backend=backend)
    grid = spatial.matrix_grid(place.matrix, size)
    expected = spatial.sample(image, grid, border, 0 if sampler == "hard" else 1, fill or 0)
    scale = max(3, full_scale(np.nan_to_num(image)))
    np.testing.assert_allclose(found, expected, rtol=0, atol=TOLERANCE * scale)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("sampler", ["bilinear", "hard"])
@given(images(), st.integers(-20, 60), st.integers(-20, 60), sizes)
def test_a_whole_pixel_window_is_the_crop_bit_for_bit(backend, sampler, image, x, y, size):
    if image.dtype == np.float32:
        image[0, 0], image[-1, -1] = np.nan, np.inf
    window = Window.from_box(x, y, size[1], size[0])
    found = extract(image, window, size, sampler=sampler, backend=backend)
    padded = np.pad(image, ((99, 99), (99, 99), (0, 0)))
    expected = padded[y + 99 : y + 99 + size[0], x + 99 : x + 99 + size[1]]
    assert np.array_equal(found, expected, equal_nan=True)


@pytest.mark.parametrize("backend", BACKENDS)
def test_nan_and_infinity_stay_where_they_have_no_weight(backend):
    image = np.ones((4, 6, 1), np.float32)
    image[:, 3], image[2] = np.nan, np.inf
    # Taps on whole pixels in x and y, two apart: no neighbour counts but the pixel itself.
    where = Affine([[2, 0, 0], [0, 2, 0]])
    np.testing.assert_array_equal(
        extract(image, where, (2, 3), sampler="bilinear", backend=backend)[..., 0], [[1, 1, 1], [np.inf] * 3]
    )
    # Between column 2 and the NaN in column 3.
    half = Affine([[1, 0, 2.5], [0, 1, 0]])
    assert np.isnan(extract(image, half, (1, 1), sampler="bilinear", backend=backend)).all()
    # Wholly outside, where the clamped pixel is a NaN.
    image[:, 0] = np.nan
    far = Affine([[1, 0, -7.5], [0, 1, 0]])
    assert (extract(image, far, (1, 3), sampler="bilinear", backend=backend) == 0).all()


def test_backends_agree_where_a_nan_spoils_a_gaussian():
    noise = np.random.default_rng(2)
    image = noise.random((60, 70, 2), dtype=np.float32)
    image[20, 30, 0], image[50, 10, 1], image[5, 5, 0] = np.nan, np.inf, -np.inf
    for size in ((8, 8), (20, 30)):
        one, two = (extract(image, Window.from_box(0, 0, 70, 60), size, backend=backend) for backend in BACKENDS)
        np.testing.assert_array_equal(np.isfinite(one), np.isfinite(two))
        assert 0.02 < np.isfinite(one).mean() < 1
        seen = np.isfinite(one)
        np.testing.assert_allclose(one[seen], two[seen], atol=TOLERANCE)


@given(images(), gaussians, sizes, st.integers(0, 999), st.sampled_from([1.0, -2.0, 0.0]))
@example(np.ones((9, 9, 1), np.float32), GaussianParams(-24, 1, 1, 4, 1, 1), (12, 2), 3, 1.0)  # float32 has no weights
def test_backends_agree_on_which_infinity_or_nan_a_gaussian_gives(image, params, size, seed, gain):
    noise = np.random.default_rng(seed)
    image = image.astype(np.float32)
    for value in (np.inf, -np.inf, np.nan):
        image[noise.random(image.shape) < noise.choice([0, 0.02, 0.3])] = value
    where = GaussianParams(*[getattr(params, name) for name in ("u_y", "s_y", "d_y", "u_x", "s_x", "d_x")], gain)
    one, two = (extract(image, where, size, backend=backend) for backend in BACKENDS)
    odd = ~np.isfinite(two)
    np.testing.assert_array_equal(one[odd], two[odd])
    assert np.isfinite(one[~odd]).all()


def test_infinities_add_up_as_they_do_elsewhere():
    image = np.ones((5, 30, 1), np.float32)
    image[2, [3, 13, 14, 23], 0] = np.inf, np.inf, -np.inf, -np.inf
    where = GaussianParams(2, 0.5, 0, 3.5, 0.5, 5)
    for backend in BACKENDS:
        seen = extract(image, where, (1, 5), backend=backend)[0, :, 0]
        np.testing.assert_array_equal(seen[[0, 2, 4]], [np.inf, np.nan, -np.inf])
        np.testing.assert_allclose(seen[[1, 3]], 1, atol=TOLERANCE)


@pytest.mark.parametrize("alpha", [False, True])
@pytest.mark.parametrize("backend", BACKENDS)
def test_what_float32_cannot_hold_is_infinite_without_a_warning(backend, alpha):
    image = np.full((9, 9, 2), 3e38, np.float32)
    image[..., 1] = 1
    seen = extract(image, GaussianParams(4, 1, 1, 4, 1, 1, 1e9), (2, 2), backend=backend, alpha=alpha)
    assert (seen[..., 0] == np.inf).all()


@pytest.mark.parametrize("sampler", ["gaussian", "bilinear", "hard"])
@pytest.mark.parametrize("count", [1, 3, 40])
def test_the_result_does_not_depend_on_the_threads(sampler, count):
    noise = np.random.default_rng(count)
    image = noise.integers(0, 256, (700, 900, 3), dtype=np.uint8)
    rows = noise.uniform([100, 100, 60, 60, 0], [800, 600, 700, 500, 0], (count, 5))
    if sampler != "gaussian":
        rows[:, 4] = noise.uniform(0, 360, count)
    size = (180, 170)  # enough work for several threads
    one, two = (extract(image, rows, size, sampler=sampler, backend="cpu", threads=n) for n in (1, 2))
    np.testing.assert_array_equal(one, two)


def test_a_nan_next_to_what_a_gaussian_keeps_stays_outside():
    # Two rows at a time read what either keeps, and vectors of a fixed length read beyond it.
    image = np.ones((40, 40, 1), np.float32)
    params = GaussianParams(10, 0.3, 4, 10, 0.3, 4)
    rows = np.zeros((40, 40), bool)
    kept = [np.abs(np.arange(40) - centre) <= np.hypot(0, 5.5 * 0.3) for centre in (10, 14, 18)]
    for y in kept:
        for x in kept:
            rows |= np.outer(y, x)
    image[~rows] = np.nan
    for backend in BACKENDS:
        np.testing.assert_allclose(extract(image, params, (3, 3), backend=backend), 1, atol=1e-6)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("sampler", ["hard", "bilinear", "gaussian"])
def test_a_view_whose_values_lie_one_step_apart_is_read_like_its_copy(backend, sampler):
    noise = np.random.default_rng(3).integers(0, 256, (20, 30, 6), dtype=np.uint8)
    turned = noise[..., :3].copy()[::-1, ::-1, ::-1]
    for view in (turned, noise[..., ::2], np.broadcast_to(np.uint8(7), (20, 30, 3)), turned[..., 0], turned[5:9]):
        where = Window(view.shape[1] / 2, view.shape[0] / 2, view.shape[1], view.shape[0])
        found, expected = (
            extract(one, where, (7, 9), sampler=sampler, backend=backend) for one in (view, np.array(view, order="C"))
        )
        np.testing.assert_array_equal(found, expected)


@pytest.mark.skipif(os.name != "posix", reason="guards pages by mprotect")
@pytest.mark.parametrize("sampler", ["hard", "bilinear", "gaussian"])
def test_no_byte_beside_an_image_or_a_part_of_it_is_read(guarded, sampler):
    noise = np.random.default_rng(1).integers(0, 256, (60, 80, 3), dtype=np.uint8)
    places = [Window(30, 20, 30, 20), Window(30, 20, 60, 41), Window(78, 58, 4, 4)]
    places += [Window(30, 20, 20, 20, 30), Projective([[1, 0, 9], [0, 1, 4], [0, 1e-3, 1]])]
    if sampler == "gaussian":
        places.append([Window(20, 30, 8, 8), Window(60, 30, 8, 8)])
    places += [Window(80, 60, 9, 7), Window(0, 30, 9, 7), Window(90, 70, 5, 5), Window(-9, -9, 5, 5)]
    for image in (noise[:2, :2], noise[:2], noise[:, :2], noise[5:45, 5:65], noise[:, ::-1], noise[::-1], noise):
        for last in (True, False):
            for where in (*places, Window(image.shape[1] / 2, image.shape[0] / 2, image.shape[1], image.shape[0])):
                seen = guarded(image, last) if image.flags.c_contiguous else image
                found, expected = (extract(seen, where, (20, 30), sampler=sampler, backend=b) for b in ("cpu", "numpy"))
                np.testing.assert_allclose(found, expected, atol=255 * TOLERANCE)


@pytest.mark.skipif(os.name != "posix", reason="guards pages by mprotect")
def test_no_byte_beside_a_batch_is_read(guarded):
    images = np.random.default_rng(4).integers(0, 256, (3, 5, 4, 3), dtype=np.uint8)
    where = np.array([[2, 2.5, 4, 5, angle] for angle in (0, 11, 0)])
    options = {"sampler": "bilinear", "border": "edge", "layout": "NHWC"}
    for batch in (images, images[:, ::-1], images[:, :2]):
        found, expected = (extract_batch(batch, where, (9, 8), backend=b, **options) for b in ("cpu", "numpy"))
        np.testing.assert_allclose(found, expected, atol=255 * TOLERANCE)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_batch_is_each_image_on_its_own(backend):
    noise = np.random.default_rng(3)
    batch = noise.random((4, 30, 40, 3), dtype=np.float32)
    windows = [Window(*row) for row in noise.uniform([5, 5, 4, 4], [35, 25, 30, 30], (4, 4))]
    for sampler, border in (("gaussian", None), ("bilinear", "reflect"), ("hard", "edge")):
        options = {"sampler": sampler, "border": border, "backend": backend}
        alone = np.stack([extract(i, w, (5, 6), **options) for i, w in zip(batch, windows, strict=True)])
        np.testing.assert_array_equal(extract_batch(batch, windows, (5, 6), **options), alone)
        first = np.ascontiguousarray(np.moveaxis(batch, 3, 1))
        out = np.empty((4, 3, 5, 6), np.float32)
        assert extract_batch(first, windows, (5, 6), layout="NCHW", out=out, **options) is out
        np.testing.assert_allclose(np.moveaxis(out, 1, 3), alone, atol=1e-6)
    everywhere = extract_batch(batch, windows[0], (5, 6), backend=backend)
    np.testing.assert_array_equal(everywhere[2], extract(batch[2], windows[0], (5, 6), backend=backend))


@pytest.mark.parametrize("sampler", ["gaussian", "bilinear", "hard"])
@pytest.mark.parametrize("channels", [1, 3, 5])
def test_a_glimpse_of_long_rows_is_as_right_as_one_of_short_ones(sampler, channels):
    image = np.random.default_rng(channels).random((40, 60, channels), dtype=np.float32)
    loss = np.random.default_rng(9).standard_normal((5, 2500, channels)).astype(np.float32)
    for window in (Window(30, 20, 50, 30), Window(28, 18, 70, 30, 0 if sampler == "gaussian" else 25)):
        one, two = (extract(image, window, (5, 2500), sampler=sampler, backend=b) for b in ("cpu", "numpy"))
        np.testing.assert_allclose(one, two, atol=TOLERANCE)
        one, two = (vjp(image, window, (5, 2500), loss, sampler=sampler, backend=b) for b in ("cpu", "numpy"))
        np.testing.assert_allclose(one.image, two.image, atol=1e-5 * np.abs(two.image).max())
        found, expected = (np.array([getattr(x.where, name) for name in ("cx", "cy", "width")]) for x in (one, two))
        np.testing.assert_allclose(found, expected, atol=1e-5 * max(np.abs(expected).max(), 1))


@pytest.mark.parametrize("backward", [False, True])
def test_a_window_beyond_the_end_of_a_view_reads_nothing_before_it(backward):
    view = np.zeros((30000, 20000), np.uint8)[::-1]
    for window in (Window(15000, 30000, 800, 8), Window(20000, 29000, 8, 800, 10), Window(30000, 40000, 9, 9)):
        options = {"sampler": "bilinear", "backend": "cpu"}
        if backward:
            vjp(view, window, (4, 4), np.ones((4, 4)), by="where", **options)
        else:
            assert not extract(view, window, (4, 4), **options).any()


def test_projective_glimpses_of_planes_are_those_of_images():
    images = np.random.default_rng(0).random((2, 3, 50, 60), dtype=np.float32)
    place = Projective([[0.5, 0, 3], [0, 0.5, 2], [1e-4, 1e-4, 1]])
    loss = np.random.default_rng(1).standard_normal((2, 3, 40, 30)).astype(np.float32)
    options = {"sampler": "bilinear", "layout": "NCHW"}
    one, two = (extract_batch(images, [place] * 2, (40, 30), backend=b, **options) for b in ("cpu", "numpy"))
    np.testing.assert_allclose(one, two, atol=TOLERANCE)
    one, two = (vjp_batch(images, [place] * 2, (40, 30), loss, backend=b, **options) for b in ("cpu", "numpy"))
    np.testing.assert_allclose(one.image, two.image, atol=1e-5)
    for found, expected in zip(one.where, two.where, strict=True):
        np.testing.assert_allclose(found.matrix, expected.matrix, rtol=1e-4)


def test_an_image_without_coordinates_is_refused():
    endless = np.broadcast_to(np.uint8(7), (2, 2_500_000_000, 1))
    with pytest.raises(GlimpseError, match="2500000000x2 pixels"):
        extract(endless, Affine([[1e9, 0, 1e9], [0, 1, 0]]), (1, 3), sampler="bilinear", border="edge", backend="cpu")


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5, 9])
def test_the_end_of_an_array_has_the_bits_of_its_middle(dtype, channels):
    image = (np.random.default_rng(channels).random((7, 6, channels)) * 255).astype(dtype)
    batch, views = np.stack([image] * 3), np.stack([image[::-1]] * 3)[:, ::-1]
    for window in (Window(3, 3.5, 5, 6), Window(3.1, 3.4, 6.5, 7.5, 20), Window(2.9, 3.3, 30, 20, 3)):
        for border in ("zeros", "edge", "reflect"):
            options = {"sampler": "bilinear", "border": border, "backend": "cpu"}
            first, second, last = extract_batch(batch, window, (9, 8), layout="NHWC", **options)
            np.testing.assert_array_equal(first, last)
            np.testing.assert_array_equal(first, second)
            np.testing.assert_array_equal(first, extract(image, window, (9, 8), **options))
            np.testing.assert_array_equal(first, extract_batch(views, window, (9, 8), layout="NHWC", **options)[2])


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("sampler", ["gaussian", "bilinear"])
def test_any_strides_byte_order_and_protection_will_do(backend, sampler):
    noise = np.random.default_rng(9)
    image = noise.integers(0, 65536, (50, 60, 3), dtype=np.uint16)
    window = Window(30, 20, 25, 21)
    expected = extract(image, window, (7, 8), sampler=sampler, backend=backend)
    wide = np.zeros((100, 120, 3), np.uint16)
    wide[::2, ::2] = image
    locked = image.copy()
    locked.flags.writeable = False
    for view in (wide[::2, ::2], np.asfortranarray(image), image.astype(">u2"), locked, image[::-1][::-1]):
        found = extract(view, window, (7, 8), sampler=sampler, backend=backend)
        np.testing.assert_allclose(found, expected, atol=TOLERANCE * 65535)


@pytest.mark.parametrize("backend", BACKENDS)
@given(
    st.integers(-40, 80), st.integers(-40, 80), st.integers(1, 24), st.integers(1, 24), sizes,
    st.sampled_from(["zeros", "edge", "reflect"]), st.sampled_from([0, 90, 30]),
)  # fmt: skip
@example(5, 5, 6, 5, (5, 5), "zeros", 0)
def test_the_byte_order_never_counts(backend, x, y, width, height, size, border, angle):
    # Windows like these have many taps on ties.
    image = np.random.default_rng(0).integers(0, 65536, (40, 40), dtype=np.uint16)
    window = Window(x / 2, y / 2, width / 2, height / 2, angle)
    for sampler in ("hard", "bilinear"):
        options = {"sampler": sampler, "border": border, "backend": backend}
        expected = extract(image, window, size, **options)
        np.testing.assert_array_equal(
            extract(image.astype(image.dtype.newbyteorder()), window, size, **options), expected
        )
        batch = np.broadcast_to(image.astype(image.dtype.newbyteorder()), (2, 1, 40, 40))
        found = extract_batch(batch, window, size, layout="NCHW", **options)
        np.testing.assert_array_equal(found, np.broadcast_to(expected, found.shape))


@pytest.mark.parametrize("backend", BACKENDS)
def test_shapes_follow_the_image_and_the_windows(backend):
    grey, colour = np.ones((9, 8), np.uint8), np.ones((9, 8, 2), np.uint8)
    one, many = Window(4, 4, 3, 3), [Window(4, 4, 3, 3)] * 2
    for image, where, shape in (
        (grey, one, (3, 5)), (grey, many, (2, 3, 5)), (colour, one, (3, 5, 2)), (colour, many, (2, 3, 5, 2)),
        (grey, many[:1], (1, 3, 5)),
    ):  # fmt: skip
        result = extract(image, where, (3, 5), backend=backend)
        assert result.shape == shape
        assert result.dtype == np.float32


def test_hidden_colours_do_not_bleed():
    # Left half opaque red, right half fully transparent green.
    image = np.zeros((8, 8, 4), np.uint8)
    image[:, :4] = [200, 0, 0, 255]
    image[:, 4:] = [0, 200, 0, 0]
    for sampler in ("gaussian", "bilinear"):
        glimpse = extract(image, Window.from_box(2, 2, 4, 4), (3, 3), sampler=sampler, alpha=True)
        seen = glimpse[..., 3] > 0.01
        np.testing.assert_allclose(glimpse[seen][:, :2], [[200, 0]] * int(seen.sum()), atol=1e-2)
        assert 0 < glimpse[1, 1, 3] < 255


def test_alpha_is_filtered_premultiplied():
    noise = np.random.default_rng(4)
    image = noise.integers(0, 256, (20, 22, 2), dtype=np.uint8)
    params = GaussianParams(3, 1.3, 2, 4, 1.1, 1.7, 1.5)
    glimpse = extract(image, params, (5, 6), alpha=True)
    unit = GaussianParams(3, 1.3, 2, 4, 1.1, 1.7)
    weights = gaussian.glimpse(image[..., 1], unit, (5, 6))
    colour = gaussian.glimpse(image[..., 0] * (image[..., 1] / 255), unit, (5, 6)) / (weights / 255)
    np.testing.assert_allclose(glimpse[..., 1], weights, atol=1e-3)
    np.testing.assert_allclose(glimpse[..., 0], 1.5 * colour, atol=1e-3)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_whole_pixel_window_keeps_the_colours_that_alpha_hides_whatever_stands_beside_it(backend):
    image = np.random.default_rng(1).integers(0, 256, (6, 6, 4), dtype=np.uint8)
    image[..., 3] //= 120  # many zeros
    windows = [Window.from_box(1, 2, 3, 3), Window.from_box(1.5, 2, 3, 3), Window.from_box(-1, 2, 3, 3)]
    alone, mixed = (
        extract(image, where, (3, 3), sampler="bilinear", alpha=True, backend=backend)
        for where in (windows[:1], windows)
    )
    np.testing.assert_array_equal(alone[0], image[2:5, 1:4])
    np.testing.assert_array_equal(mixed[0], image[2:5, 1:4])
    np.testing.assert_array_equal(mixed[2, :, 1:], image[2:5, :2])


@pytest.mark.parametrize("backend", BACKENDS)
@given(images(), affines | turned, sizes, st.sampled_from(["edge", "reflect"]))
def test_an_opaque_image_looks_the_same_with_alpha(backend, image, where, size, border):
    scale = FULL.get(image.dtype.name, 1)
    image = np.concatenate([image[..., :1], np.full_like(image[..., :1], scale)], axis=2)
    for sampler, tolerance in (("hard", 0), ("bilinear", 2 * TOLERANCE)):
        options = {"sampler": sampler, "border": border, "backend": backend}
        found, expected = (extract(image, where, size, alpha=alpha, **options) for alpha in (True, False))
        np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance * full_scale(image))


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("hidden", [np.nan, np.inf])
def test_alpha_hides_numbers_that_are_none(backend, hidden):
    image = np.ones((12, 12, 4), np.float32)
    image[:, 6:] = [hidden, hidden, hidden, 0]
    for sampler in ("gaussian", "bilinear"):
        options = {"sampler": sampler, "backend": backend, "alpha": True}
        seen = extract(image, Window(6, 6, 7, 7), (5, 5), **options)
        assert np.isfinite(seen).all()
        np.testing.assert_allclose(seen[..., :3][seen[..., 3] > 0], 1, atol=1e-5)
        assert seen[..., 3].max() > 0.9 > 0.1 > seen[..., 3].min()


@pytest.mark.parametrize("backend", BACKENDS)
@examples(60)
@given(images(), affines | turned, sizes, st.sampled_from(["zeros", "edge", "reflect"]))
def test_alpha_over_any_window_is_the_weighted_mean(backend, image, where, size, border):
    if image.dtype == np.float32:
        image = np.abs(image) / full_scale(image)
    image = np.concatenate([image[..., :1], image[::-1, ::-1, :1]], axis=2)
    scale = FULL.get(image.dtype.name, 1)
    found = extract(image, where, size, sampler="bilinear", border=border, alpha=True, backend=backend)
    matrix = where.to_affine(size) if isinstance(where, Window) else where
    grid = spatial.matrix_grid(matrix, size)
    weights = spatial.sample(image[..., 1], grid, border)
    weighted = spatial.sample(image[..., 0] * (image[..., 1] / scale), grid, border)
    assert np.abs(found[..., 1] - weights).max() <= TOLERANCE * scale
    assert np.abs(found[..., 0] * (found[..., 1] / scale) - weighted).max() <= 2 * TOLERANCE * scale


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("dtype", ["uint8", ">u2", "float64"])
def test_an_out_with_gaps_is_filled_whatever_the_images_are(backend, dtype):
    images = np.random.default_rng(8).integers(0, 256, (2, 3, 9, 11)).astype(dtype)
    where, out = np.array([[4, 5, 6, 5], [5, 4, 5, 6]]), np.full((2, 3, 5, 8), np.nan, np.float32)
    options = {"layout": "NCHW", "backend": backend}
    assert extract_batch(images, where, (5, 4), out=out[..., ::2], **options).base is not None
    np.testing.assert_array_equal(out[..., ::2], extract_batch(images, where, (5, 4), **options))
    assert np.isnan(out[..., 1::2]).all()


@pytest.mark.parametrize("backend", BACKENDS)
def test_channels_first_with_a_fill_and_an_out_of_any_strides(backend):
    noise = np.random.default_rng(8)
    batch = noise.integers(0, 256, (3, 2, 20, 30), dtype=np.uint8)
    windows = noise.uniform([-5, -5, 4, 4, 0], [35, 25, 30, 30, 90], (3, 5))
    options = {"sampler": "bilinear", "border": "constant", "fill": [10, 200], "backend": backend}
    expected = extract_batch(np.moveaxis(batch, 1, 3), windows, (5, 6), **options)
    strided = np.empty((3, 2, 5, 12), np.float32)[..., ::2]
    for images_, out in ((batch, None), (batch[:, :, ::-1][:, :, ::-1], None), (batch, strided)):
        found = extract_batch(images_, windows, (5, 6), layout="NCHW", out=out, **options)
        np.testing.assert_allclose(np.moveaxis(found, 1, 3), expected, atol=TOLERANCE * 255)


def test_only_what_is_read_of_a_foreign_array_is_copied():
    foreign = np.zeros((2000, 2000, 3), ">u2")
    tracemalloc.start()
    extract(foreign, Window(900, 900, 20, 20), (8, 8), backend="numpy")
    extract_batch(foreign.transpose(2, 0, 1)[None], Window(900, 900, 20, 20), (8, 8), layout="NCHW", backend="numpy")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < foreign.nbytes / 20


LARGE = {
    "affine": Window(300, 310, 400, 380, 20),
    "projective": Projective([[0.5, 0.1, 3], [0.1, 0.5, 4], [1e-4, 2e-4, 1]]),
}


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("where", LARGE.values(), ids=LARGE)
@pytest.mark.parametrize("sampler", ["bilinear", "hard"])
def test_a_large_glimpse_needs_little_more_memory_than_it_has(backend, where, sampler):
    image = np.zeros((600, 600, 3), np.uint8)
    options = {"sampler": sampler, "backend": backend}
    extract(image, where, (4, 4), **options)  # compile
    tracemalloc.start()
    found = extract(image, where, (1300, 1200), **options)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < found.nbytes + 60e6  # as a whole, its points and their neighbours take 110 MB and more


@pytest.mark.parametrize("where", LARGE.values(), ids=LARGE)
@given(points=st.integers(1, 1400))
def test_each_pixel_is_the_same_however_a_glimpse_is_cut(where, points):
    image = np.random.default_rng(1).integers(0, 256, (60, 70, 2), dtype=np.uint8)
    options = {"sampler": "bilinear", "border": "reflect", "backend": "numpy"}
    expected = extract(image, where, (23, 29), **options)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(numpy_backend, "POINTS", points)
        np.testing.assert_array_equal(extract(image, where, (23, 29), **options), expected)


@pytest.mark.parametrize("points", [1, 100, 300])
def test_gradients_add_up_however_a_glimpse_is_cut(points, monkeypatch):
    noise = np.random.default_rng(2)
    image, loss = noise.random((60, 70, 2), dtype=np.float32), noise.standard_normal((3, 12, 29, 2))
    places = [LARGE["projective"]] * 3
    options = {"sampler": "bilinear", "border": "edge", "backend": "numpy"}
    expected = vjp(image, places, (12, 29), loss, **options)
    monkeypatch.setattr(numpy_backend, "POINTS", points)
    found = vjp(image, places, (12, 29), loss, **options)
    np.testing.assert_allclose(found.image, expected.image, atol=1e-5)
    for one, other in zip(found.where, expected.where, strict=True):
        np.testing.assert_allclose(one.matrix, other.matrix, rtol=1e-6, atol=1e-6 * np.abs(other.matrix).max())


def chosen(where, size, channels=3, backward=False, **options):
    taps = Taps.make(where, size, (2000, 2000), Sampling(**{"sampler": "bilinear", **options}))
    return choose_backend(taps, channels, backward=backward)[0]


def test_a_crop_needs_no_compiler_and_a_large_turned_window_does():
    crop, turned_window = Window.from_box(10, 20, 1500, 1500), Window(800, 800, 1500, 1500, 3)
    for sampler in ("bilinear", "hard"):
        assert chosen(crop, (1500, 1500), sampler=sampler) == "numpy"
        assert chosen(turned_window, (3000, 3000), sampler=sampler) == "cpu"
    assert chosen([crop, turned_window], (1500, 1500)) == "cpu"
    assert (
        chosen(crop, (1500, 1500), border="constant", fill=0) == "cpu"
    )  # it is sampled: a fill need not fit the dtype
    assert chosen(crop, (1500, 1500), backward=True) == "cpu"  # where there are derivatives there is work


def test_threads_may_be_any_whole_number():
    expected = extract(IMAGE, WINDOW, (2, 2), backend="cpu")
    for threads in (2, np.int64(2), np.uint8(1)):
        np.testing.assert_array_equal(extract(IMAGE, WINDOW, (2, 2), backend="cpu", threads=threads), expected)


class WantsGradients:
    def __array__(self, dtype=None, copy=None):
        raise RuntimeError("Can't call numpy()\non Tensor that requires grad.")


def overlapping():
    images = np.zeros((2, 6, 7, 3), np.float32)
    return extract_batch(images, WINDOW, (6, 7), out=images)


IMAGE = np.zeros((6, 7, 3), np.uint8)
WINDOW = Window(3, 3, 2, 2)
LOCKED = np.empty((1, 2, 2, 3), np.float32)
LOCKED.flags.writeable = False


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: extract(np.zeros((4, 4), complex), WINDOW, (2, 2)), "complex128"),
        (lambda: extract(np.zeros((4, 4, 1, 1), np.uint8), WINDOW, (2, 2)), "4, 4, 1, 1"),
        (lambda: extract(np.zeros((0, 4), np.uint8), WINDOW, (2, 2)), "0, 4"),
        (lambda: extract(IMAGE, WINDOW, (2, -2)), "size"),
        (lambda: extract(IMAGE, WINDOW, (20000, 20000)), "megapixels"),
        (lambda: extract(IMAGE, WINDOW, (2, 2), sampler="cubic"), "'cubic'"),
        (lambda: extract(IMAGE, WINDOW, (2, 2), sampler="hard", border="wrap"), "'wrap'"),
        (lambda: extract(IMAGE, WINDOW, (2, 2), sampler="hard", border="constant"), "colour"),
        (lambda: extract(IMAGE, WINDOW, (2, 2), sampler="hard", fill=3), "zeros"),
        (lambda: extract(IMAGE, WINDOW, (2, 2), sampler="hard", border="constant", fill=[1, 2]), "3 channels"),
        (lambda: extract(IMAGE, WINDOW, (2, 2), alpha=True), "alpha"),
        (lambda: extract(IMAGE, WINDOW, (2, 2), backend="tpu"), "'tpu'"),
        (lambda: extract(IMAGE, WINDOW, (2, 2), backend="cuda"), "CUDA"),
        (lambda: extract(IMAGE, WINDOW, (2, 2), backend="cpu", threads=0), "threads is 0"),
        (lambda: extract(IMAGE, WINDOW, (2, 2), backend="numpy", threads=1.5), "threads is 1.5"),
        (lambda: extract(IMAGE, WINDOW, (2, 2), threads=True), "threads is True"),
        (lambda: extract(IMAGE, WINDOW, (2, 2), threads=np.bool_(True)), "threads is"),
        (lambda: extract([[1, 2], [3]], WINDOW, (2, 2)), "list is no array"),
        (lambda: extract(WantsGradients(), WINDOW, (2, 2)), "requires grad"),
        (lambda: extract_batch([[[1, 2], [3]]], WINDOW, (2, 2)), "list is no array"),
        (lambda: extract_batch([WantsGradients()], WINDOW, (2, 2)), "requires grad"),
        (lambda: extract_batch(WantsGradients(), WINDOW, (2, 2)), "requires grad"),
        (overlapping, "overlaps"),
        (lambda: extract(IMAGE, WINDOW, (2, 2), sampler="hard", border="constant", fill="red"), "'red'"),
        (lambda: extract(IMAGE, WINDOW, (2, 2), sampler="hard", border="constant", fill=1e300), "1e\\+300"),
        (lambda: extract(IMAGE, WINDOW, (2, 2), sampler="hard", border="constant", fill=10**400), "no colour"),
        (lambda: extract(IMAGE, WINDOW, (2, 2), sampler="hard", border="constant", fill=WantsGradients()), "no colour"),
        (lambda: extract_batch([IMAGE], WINDOW, (2, 2), layout="CHWN"), "CHWN"),
        (lambda: extract_batch(IMAGE, WINDOW, (2, 2)), "6, 7, 3"),
        (lambda: extract_batch([IMAGE, IMAGE[1:]], WINDOW, (2, 2)), "one size"),
        (lambda: extract_batch([IMAGE, IMAGE.astype(np.uint16)], WINDOW, (2, 2)), "one type"),
        (lambda: extract_batch([], WINDOW, (2, 2)), "shape"),
        (lambda: extract_batch([IMAGE] * 3, [WINDOW] * 2, (2, 2)), "2 windows for 3 images"),
        (lambda: extract_batch([IMAGE], WINDOW, (2, 2), out=np.empty((1, 2, 2, 3))), "float64"),
        (lambda: extract_batch([IMAGE], WINDOW, (2, 2), out=[1]), "out is"),
        (lambda: extract_batch([IMAGE], WINDOW, (2, 2), out=LOCKED), "read-only"),
    ],
)
def test_bad_arguments_are_named_in_one_line(call, words):
    with pytest.raises(GlimpseError, match=words) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_the_constants_that_kernels_hold_again_are_the_same():
    assert (filterbank.EPSILON, cpu_gaussian.CUT) == (gaussian.EPSILON, footprint.CUT)
