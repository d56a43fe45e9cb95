"""The way back through the public functions: every backend against differences of the definitions, and the others."""

import copy
import dataclasses
import pickle
import tracemalloc

import numpy as np
import pytest
from conftest import examples
from hypothesis import assume, example, given
from hypothesis import strategies as st
from test_gradients import assert_close, differences

from glimpsecli import Affine, GaussianParams, GlimpseError, Projective, Window, vjp, vjp_batch
from glimpsecli.attention import elliptical, gaussian, spatial
from glimpsecli.window import stack_gaussians, stack_matrices
from glimpsecli.window.pullbacks import GaussianGradient, MatrixGradient, WindowGradient

BORDERS = ["zeros", "constant", "edge", "reflect"]
SIZE = (5, 4)


def definition(image, where, size, sampler, border="zeros", fill=0.0, blur=0.5):
    """Look by the float64 definitions."""
    pixels = np.asarray(image, dtype=np.float64)
    if sampler == "gaussian":
        return gaussian.glimpse(pixels, stack_gaussians(where, size, blur)[0], size)
    grid = spatial.matrix_grid(stack_matrices(where, size)[0], size)
    return spatial.sample(pixels, grid, border, 0 if sampler == "hard" else 1, fill)


def scene(seed, shape=(14, 17, 3), size=SIZE, dtype="float32"):
    random = np.random.default_rng(seed)
    image = random.random(shape) if dtype == "float32" else random.integers(0, np.iinfo(dtype).max + 1, shape)
    return image.astype(dtype), random.standard_normal((*size, shape[2])).astype(np.float32)


def of_sums(terms):
    """Give the scale for sums of float32 terms that may cancel: 2e-6 of what they come to without their signs."""
    return max(1e-2, 0.2 * np.abs(terms).max())


positions, extents = st.floats(-4, 22), st.floats(0.3, 30)
upright = st.builds(Window, positions, positions, extents, extents)
turned = st.builds(Window, positions, positions, extents, extents, st.floats(-180, 180))
seeds = st.integers(0, 99)


def numbers(place):
    return np.array([place.cx, place.cy, place.width, place.height, place.angle])


def away_from_kinks(where, size):
    grid = spatial.matrix_grid(stack_matrices(where, size)[0], size)
    return np.abs((grid + 0.5) % 1 - 0.5).min() > 1e-3


@examples(40)
@given(seeds, turned, st.sampled_from(BORDERS))
@pytest.mark.parametrize("backend", ["numpy", "cpu"])
def test_by_a_window_bilinear(backend, seed, window, border):
    assume(away_from_kinks(window, SIZE))
    image, loss = scene(seed)
    fill = 0.3 if border == "constant" else None
    found = vjp(image, window, SIZE, loss, sampler="bilinear", border=border, fill=fill, backend=backend, by="where")

    def value(five):
        return np.sum(loss * definition(image, Window(*five), SIZE, "bilinear", border, fill or 0))

    assert found.image is None
    assert_close(numbers(found.where), differences(value, numbers(window)), 1.0, 1e-5)


@examples(40)
@given(seeds, upright)
@pytest.mark.parametrize("backend", ["numpy", "cpu"])
def test_by_a_window_gaussian(backend, seed, window):
    assume(min(abs(window.width / SIZE[1] - 1), abs(window.height / SIZE[0] - 1)) > 1e-3)
    image, loss = scene(seed)
    found = vjp(image, window, SIZE, loss, backend=backend, by="where").where

    def value(four):
        return np.sum(loss * definition(image, Window(*four), SIZE, "gaussian"))

    def turned_value(angle):
        matrix = Window(*numbers(window)[:4], *angle).to_affine(SIZE).matrix
        return np.sum(loss * elliptical.glimpse(image, matrix, SIZE, 0.5))

    assert_close(numbers(found)[:4], differences(value, numbers(window)[:4], 1e-5), 1.0, 1e-5)
    assert_close(found.angle, differences(turned_value, np.zeros(1), 1e-2)[0], 1.0, 1e-5)
    rows = vjp(image, np.array([numbers(window)[:4]]), SIZE, loss[None], backend=backend, by="where").where
    assert_close(rows[0], numbers(found)[:4], 1.0, 1e-5)


gaussians = st.builds(
    GaussianParams, positions, st.floats(0.3, 6), st.floats(-4, 4), positions, st.floats(0.3, 6), st.floats(-4, 4),
    st.sampled_from([1.0, -0.4]),
)  # fmt: skip
SEVEN = ("u_y", "s_y", "d_y", "u_x", "s_x", "d_x", "gain")


@examples(60)
@given(seeds, gaussians, st.sampled_from(["uint8", "uint16", "float32"]), st.integers(1, 5), st.tuples(
    st.integers(1, 19), st.integers(1, 7)
))  # fmt: skip
@example(0, GaussianParams(1.75, 0.3125, 0, 0, 1, 0, 1), "uint8", 3, (12, 4))
@example(69, GaussianParams(-0.9375, 0.5, 0, 20.375, 0.9375, 0, 1), "float32", 3, (10, 7))
@pytest.mark.parametrize("backend", ["numpy", "cpu"])
def test_by_gaussians(backend, seed, params, dtype, channels, size):
    image, loss = scene(seed, (23, 19, channels), size, dtype)
    found = vjp(image, params, size, loss, backend=backend)
    row = np.array([getattr(params, name) for name in SEVEN])
    by_image, by_row = gaussian.glimpse_vjp(image, row, size, loss)
    by_record = np.array([getattr(found.where, name) for name in SEVEN])
    full = 1.0 if dtype == "float32" else np.iinfo(dtype).max
    assert_close(by_record / full, by_row / full, 1.0, 1e-5)
    assert_close(found.image, by_image, of_sums(gaussian.glimpse_vjp(image, row, size, np.abs(loss))[0]), 1e-5)


matrices = st.builds(
    lambda *m: Affine(np.reshape(m, (2, 3))),
    *[st.floats(-4, 4), st.floats(-2, 2), st.floats(-6, 24), st.floats(-2, 2), st.floats(-4, 4), st.floats(-6, 24)],
)


projectives = st.builds(
    lambda affine, across, down: Projective([*affine.matrix, [across / 7, down / 40, 1]]),
    matrices,
    *[st.floats(-0.45, 0.45)] * 2,
)


@examples(60)
@given(
    seeds, matrices | projectives, st.sampled_from(BORDERS), st.sampled_from(["uint8", "float32"]), st.integers(1, 5),
    st.tuples(st.integers(1, 40), st.integers(1, 7)), st.sampled_from(["bilinear", "hard"]),
)  # fmt: skip
@pytest.mark.parametrize("backend", ["numpy", "cpu"])
def test_by_a_matrix(backend, seed, where, border, dtype, channels, size, sampler):
    order = int(sampler == "bilinear")
    image, loss = scene(seed, (23, 19, channels), size, dtype)
    fill = 0.25 if border == "constant" else None
    grid = spatial.matrix_grid(where.matrix, size)
    found = vjp(image, where, size, loss, sampler=sampler, border=border, fill=fill, backend=backend)
    by_image, by_grid = spatial.sample_vjp(image, grid, loss, border, order, fill or 0)
    full = 1.0 if dtype == "float32" else 255
    assert_close(found.where.matrix / full, spatial.matrix_grid_vjp(where.matrix, by_grid) / full, 1.0, 1e-5)
    assert_close(found.image, by_image, of_sums(spatial.sample_vjp(image, grid, np.abs(loss), border, order)[0]), 1e-5)
    if sampler == "hard":
        assert not found.where.matrix.any()


@examples(25)
@given(seeds, st.sampled_from(BORDERS))
@pytest.mark.parametrize("backend", ["numpy", "cpu"])
def test_by_a_quadrilateral(backend, seed, border):
    image, loss = scene(seed)
    corners = np.array([(1, 1), (12, 2), (15, 11), (2, 15)]) + np.random.default_rng(seed).uniform(-0.8, 0.8, (4, 2))
    quad, fill = Projective.from_quad(corners, SIZE), 0.3 if border == "constant" else None
    assume(away_from_kinks(quad, SIZE))
    found = vjp(image, quad, SIZE, loss, sampler="bilinear", border=border, fill=fill, backend=backend)
    grid = spatial.matrix_grid(quad.matrix, SIZE)
    by_image, by_grid = spatial.sample_vjp(image, grid, loss, border, 1, fill or 0)
    assert_close(found.where.matrix, spatial.matrix_grid_vjp(quad.matrix, by_grid), 1.0, 1e-5)
    assert_close(found.image, by_image, of_sums(spatial.sample_vjp(image, grid, np.abs(loss), border, 1)[0]), 1e-5)


def test_an_affine_quadrilateral_moves_in_all_its_numbers():
    image, loss = scene(3)
    quad = Projective([[1.317, 0.233, 2.171], [0.117, 1.431, 1.733], [0, 0, 1]])
    found = vjp(image, quad, SIZE, loss, sampler="bilinear").where.matrix

    def value(nine):
        return np.sum(loss * spatial.sample(image, spatial.matrix_grid(nine, SIZE)))

    assert_close(found, differences(value, quad.matrix), 1.0, 1e-5)


@pytest.mark.parametrize("backend", ["numpy", "cpu"])
@pytest.mark.parametrize("sampler", ["gaussian", "bilinear", "hard"])
def test_windows_of_one_image_add_up(backend, sampler):
    image, _ = scene(1, (150, 90, 3))
    random = np.random.default_rng(2)
    windows = np.column_stack([random.uniform(0, 90, (20, 2)), random.uniform(5, 160, (20, 2)), np.zeros(20)])
    losses = random.standard_normal((20, *SIZE, 3)).astype(np.float32)
    together = vjp(image, windows, SIZE, losses, sampler=sampler, backend=backend)
    singly = [
        vjp(image, Window(*row), SIZE, loss, sampler=sampler, backend=backend)
        for row, loss in zip(windows, losses, strict=True)
    ]
    assert_close(together.image, np.sum([one.image for one in singly], axis=0), 1e-2, 1e-5)
    assert_close(together.where, np.array([numbers(one.where) for one in singly]), 1e-2, 1e-6)


@pytest.mark.parametrize("backend", ["numpy", "cpu"])
@pytest.mark.parametrize("sampler", ["gaussian", "bilinear"])
@pytest.mark.parametrize("one", [False, True])
def test_a_batch_is_its_images(backend, sampler, one):
    random = np.random.default_rng(5)
    images = random.integers(0, 256, (4, 30, 20, 3), dtype=np.uint8)
    windows = np.column_stack([random.uniform(5, 15, (4, 2)), random.uniform(5, 25, (4, 2)), np.zeros(4)])
    where = windows[:1] if one else windows
    losses = random.standard_normal((4, *SIZE, 3)).astype(np.float32)
    last = vjp_batch(images, where, SIZE, losses, sampler=sampler, backend=backend)
    planes, plane_losses = np.moveaxis(images, 3, 1), np.moveaxis(losses, 3, 1)
    for contiguous in (False, True):
        if contiguous:
            planes = np.ascontiguousarray(planes)
        first = vjp_batch(planes, where, SIZE, plane_losses, sampler=sampler, backend=backend, layout="NCHW")
        assert_close(first.image, np.moveaxis(last.image, 3, 1), 1e-2, 1e-6)
        assert_close(first.where, last.where, 1.0, 1e-5)
    alone = [
        vjp(image, Window(*where[0 if one else k]), SIZE, losses[k], sampler=sampler, backend=backend)
        for k, image in enumerate(images)
    ]
    assert_close(last.image, np.array([each.image for each in alone]), 1e-2, 1e-6)
    expected = np.array([numbers(each.where) for each in alone])
    assert_close(last.where, expected.sum(axis=0, keepdims=True) if one else expected, 1.0, 1e-5)


@pytest.mark.parametrize("sampler", ["gaussian", "bilinear"])
def test_threads_change_nothing(sampler):
    random = np.random.default_rng(7)
    image = random.integers(0, 256, (700, 500, 3), dtype=np.uint8)
    windows = np.column_stack([random.uniform(100, 400, (9, 2)), random.uniform(200, 600, (9, 2)), np.zeros(9)])
    losses = random.standard_normal((9, 64, 64, 3)).astype(np.float32)
    one, two = (vjp(image, windows, (64, 64), losses, sampler=sampler, backend="cpu", threads=t) for t in (1, 2))
    np.testing.assert_array_equal(one.image, two.image)
    np.testing.assert_array_equal(one.where, two.where)


@pytest.mark.parametrize("backend", ["numpy", "cpu"])
@pytest.mark.parametrize("sampler", ["gaussian", "bilinear"])
def test_odd_arrays(backend, sampler):
    random = np.random.default_rng(9)
    image = random.random((30, 40, 3)).astype(np.float32)
    window, loss = Window(14, 16, 18, 22), random.standard_normal((*SIZE, 3))
    expected = vjp(image, window, SIZE, loss, sampler=sampler, backend=backend)
    wide = np.zeros((30, 80, 6), np.float32)
    wide[:, ::2, ::2] = image
    read_only = image.copy()
    read_only.flags.writeable = False
    for odd in (wide[:, ::2, ::2], np.asfortranarray(image), image.astype(">f4"), read_only):
        found = vjp(odd, window, SIZE, np.asfortranarray(loss), sampler=sampler, backend=backend)
        assert found.image.dtype == np.float32
        np.testing.assert_allclose(found.image, expected.image, atol=1e-6)
        np.testing.assert_allclose(numbers(found.where), numbers(expected.where), rtol=1e-6)
    grey = vjp(image[..., 0], window, SIZE, loss[..., 0], sampler=sampler, backend=backend)
    assert grey.image.shape == (30, 40)


@pytest.mark.parametrize("backend", ["numpy", "cpu"])
@pytest.mark.parametrize("sampler", ["gaussian", "bilinear"])
def test_a_bad_pixel_that_is_not_read_spoils_nothing(backend, sampler):
    image, loss = scene(4, (60, 60, 3))
    window = Window(20.3, 20.2, 10, 10)
    image[45:], image[:, 45:] = np.nan, np.inf
    found = vjp(image, window, SIZE, loss, sampler=sampler, backend=backend)
    assert np.isfinite(numbers(found.where)).all()
    assert np.isfinite(found.image).all()


@pytest.mark.parametrize("places", [[Window(5, 5, 4, 4)], [Affine(np.eye(2, 3))] * 2, [GaussianParams(*[2.0] * 6)] * 3])
def test_the_kind_of_where_comes_back(places):
    image, _ = scene(0)
    found = vjp(image, places, (2, 2), np.ones((len(places), 2, 2, 3))).where
    names = {Window: WindowGradient, Affine: MatrixGradient, GaussianParams: GaussianGradient}
    assert [type(gradient) for gradient in found] == [names[type(place)] for place in places]
    for gradient, place in zip(found, places, strict=True):
        assert list(gradient._fields) == [field.name for field in dataclasses.fields(place)]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"cotangent": np.ones((2, 3, 3))}, r"cotangent of shape \(2, 3, 3\) for glimpses of shape \(2, 2, 3\)"),
        ({"cotangent": "much"}, "cotangent of str"),
        ({"by": ()}, r"by is \(\); name image or where"),
        ({"by": "window"}, "by is 'window'"),
        ({"by": None}, "by is None; name image or where"),
        ({"by": 5}, "by is 5"),
        ({"by": [["image"]]}, r"by is \[\['image'\]\]"),
        ({"cotangent": np.full((2, 2, 3), 1j)}, "cotangent of complex128"),
        ({"cotangent": np.ma.masked_all((2, 2, 3))}, "cotangent has masked values"),
        ({"cotangent": np.full((2, 2, 3), -1e300)}, r"cotangent holds 1e\+300; give numbers that float32 holds"),
        ({"cotangent": [[1, 2], [3]]}, "cotangent of list"),
        ({"threads": 0}, "threads is 0"),
        ({"sampler": "cubic"}, "unknown sampler"),
        ({"image": np.ones((4, 4), complex)}, "an image of complex128"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(change, message):
    given_ = {"image": np.ones((4, 4, 3), np.float32), "where": Window(2, 2, 2, 2), "size": (2, 2)}
    given_ |= {"cotangent": np.ones((2, 2, 3))} | change
    with pytest.raises(GlimpseError, match=message) as caught:
        vjp(given_.pop("image"), given_.pop("where"), given_.pop("size"), given_.pop("cotangent"), **given_)
    assert "\n" not in str(caught.value)


SPOTS = [Affine([[1.5, 0, 0.5], [0, 2, 0.5]]), Projective([[1.5, 0, 0.5], [0, 2, 0.5], [0.01, 0, 1]])]


@pytest.mark.parametrize("sampler", ["bilinear", "hard"])
@pytest.mark.parametrize("place", SPOTS)
@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))])
def test_a_copied_gradient_is_the_gradient(place, again, sampler):
    image, loss = scene(3)
    found = vjp(image, [place, place], SIZE, np.stack([loss * 1e10, -loss]), sampler=sampler).where
    for one in found:
        other = again(one)
        assert type(other) is type(one)
        np.testing.assert_array_equal(other.matrix, one.matrix)


@pytest.mark.parametrize("place", SPOTS)
@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))])
def test_a_copied_place_is_the_place(place, again):
    other = again(place)
    assert type(other) is type(place)
    assert other == place
    assert hash(other) == hash(place)
    assert not other.matrix.flags.writeable
    assert place.matrix.base is None  # nobody can write to what it shares


@pytest.mark.parametrize("sampler", ["bilinear", "hard", "gaussian"])
def test_numpy_reads_no_more_of_an_image_than_the_window_and_computes_what_is_asked_for(sampler):
    image, loss = np.zeros((1500, 2000, 3), np.uint8), np.ones((8, 8, 3))
    peaks = {}
    for by in ("where", "image"):
        tracemalloc.start()
        vjp(image, Window(800, 700, 30, 20), (8, 8), loss, sampler=sampler, backend="numpy", by=by)
        peaks[by] = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peaks["where"] < 5e6
    assert peaks["image"] < 4 * image.size + 5e6  # the gradient itself


def test_the_hard_sampler_looks_at_no_pixel_on_the_way_back():
    image, loss = scene(2)
    found = vjp(image, SPOTS[1], SIZE, loss, sampler="hard", backend="numpy")
    empty = vjp(np.full_like(image, np.nan), SPOTS[1], SIZE, loss, sampler="hard", backend="numpy")
    np.testing.assert_array_equal(found.image, empty.image)
    assert not empty.where.matrix.any()


@pytest.mark.parametrize("points", [1, 7, 2**15])
@pytest.mark.parametrize("sampler", ["bilinear", "hard"])
def test_numpy_adds_up_its_parts(points, sampler, monkeypatch):
    image, loss = scene(6)
    expected = vjp(image, Window(8, 7, 9, 11, 20), SIZE, loss, sampler=sampler, backend="cpu")
    monkeypatch.setattr("glimpsecli.backends.numpy_backend.POINTS", points)
    found = vjp(image, Window(8, 7, 9, 11, 20), SIZE, loss, sampler=sampler, backend="numpy")
    assert_close(found.image, expected.image, 1e-2, 1e-6)
    assert_close(numbers(found.where), numbers(expected.where), 1.0, 1e-6)


@pytest.mark.parametrize("backend", ["numpy", "cpu"])
@pytest.mark.parametrize("where", [Window(7, 7, 6, 6), Window(7, 7, 6, 6.5), SPOTS[1]])
def test_infinite_pixels_are_no_surprise(backend, where):
    image, loss = scene(2)
    image[4:9, 5], image[6] = np.inf, -np.inf
    for sampler in ("bilinear", "hard", *(("gaussian",) if isinstance(where, Window) else ())):
        found = vjp(image, where, SIZE, loss, sampler=sampler, backend=backend)
        assert np.isfinite(found.image).all()
        vjp_batch([image, -image], where, SIZE, np.stack([loss, loss * np.inf]), sampler=sampler, backend=backend)


@pytest.mark.parametrize("place", [(4, 1, 1, 4, 1, 1, 1), None])
def test_the_definitions_take_infinite_pixels(place):
    image, loss = scene(2)
    image[4:9, 5], image[6] = np.inf, -np.inf
    if place:
        by_image, by_place = gaussian.glimpse_vjp(image, place, SIZE, loss)
    else:
        by_image, by_place = spatial.sample_vjp(image, spatial.matrix_grid([[1.1, 0, 3], [0, 1.1, 4]], SIZE), loss)
    assert np.isfinite(by_image).all()
    assert not np.isfinite(by_place).all()


by_turns = st.builds(Window, st.floats(-20, 200), st.floats(-20, 300), st.floats(1, 300), st.floats(1, 400),
                     st.floats(-180, 180) | st.sampled_from([0.0, 90.0, 180.0, -90.0]))  # fmt: skip


@examples(60)
@given(by_turns | matrices, st.sampled_from(BORDERS), st.sampled_from(["bilinear", "hard"]))
def test_bands_of_an_image_get_all_of_a_turned_window(where, border, sampler):
    image, loss = scene(0, (290, 170, 1), (31, 40), "uint8")
    fill = 3.0 if border == "constant" else None
    found = vjp(image, where, (31, 40), loss, sampler=sampler, border=border, fill=fill, backend="cpu", by="image")
    by_image = np.zeros(image.shape)
    grid = spatial.matrix_grid(stack_matrices(where, (31, 40))[0], (31, 40))
    spatial.add_samples(by_image, grid, loss, border, int(sampler == "bilinear"))
    terms = np.zeros(image.shape)
    spatial.add_samples(terms, grid, np.abs(loss), border, int(sampler == "bilinear"))
    assert_close(found.image, by_image, of_sums(terms), 1e-5)
