"""Arrays that people have: images of any type, windows as rows and matrices, none of them, masks and misplaced axes."""

import tracemalloc

import numpy as np
import oracles
import pytest
from conftest import examples
from hypothesis import given
from hypothesis import strategies as st

from glimpsecli import (
    Affine,
    GlimpseError,
    Projective,
    Window,
    extract,
    extract_batch,
    fit,
    mask,
    paste,
    vjp,
    vjp_batch,
)

SIZE = (3, 2)
WINDOW = Window(3.5, 3, 4, 3)
TYPES = [
    "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float16", "float32", "float64",
    "longdouble", ">i4", ">f8", ">f2",
]  # fmt: skip
NOISE = np.random.default_rng(3)


def numbers(dtype, shape=(7, 8, 3), seed=0):
    """Give an image of a type, over as much of its range as a glimpse can hold."""
    noise, dtype = np.random.default_rng(seed), np.dtype(dtype)
    if dtype.kind == "f":
        return (noise.standard_normal(shape) * 300).astype(dtype)
    low, high = (0, 1) if dtype.kind == "b" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
    return noise.integers(max(low, -(2**24)), min(high, 2**24), shape, endpoint=True).astype(dtype)


positions, extents = st.floats(-3, 12), st.floats(0.3, 9)
uprights = st.builds(Window, positions, positions, extents, extents)
turned = st.builds(Window, positions, positions, extents, extents, st.floats(-180, 180))


@examples(150)
@given(
    st.sampled_from(TYPES), st.sampled_from(["hard", "bilinear"]),
    st.sampled_from(["zeros", "constant", "edge", "reflect"]), turned, st.sampled_from(["numpy", "cpu"]),
)  # fmt: skip
def test_any_type_equals_the_definition(dtype, sampler, border, window, backend):
    image, fill = numbers(dtype), 0.5 if border == "constant" else None
    matrix = window.to_affine(SIZE).matrix
    found = extract(image, window, SIZE, sampler=sampler, border=border, fill=fill, backend=backend)
    expected = getattr(oracles, sampler)(image, matrix, SIZE, border, fill or 0.0)
    assert found.dtype == np.float32
    assert np.abs(found - expected).max() <= 2e-6 * np.abs(image.astype(float)).max()


@examples(60)
@given(st.sampled_from(TYPES), uprights, st.sampled_from(["numpy", "cpu"]))
def test_any_type_equals_the_definition_of_gaussian_attention(dtype, window, backend):
    image, params = numbers(dtype), window.to_gaussian(SIZE)
    expected = oracles.gaussian(image, list(params), SIZE)
    assert (
        np.abs(extract(image, params, SIZE, backend=backend) - expected).max()
        <= 2e-6 * np.abs(image.astype(float)).max()
    )


@pytest.mark.parametrize("dtype", TYPES)
def test_every_function_takes_every_type_in_its_own_numbers(dtype):
    image = numbers(dtype, (40, 44, 3))
    same = image.astype(np.float32)
    batch, same_batch = np.stack([image, image[::-1]]), np.stack([same, same[::-1]])
    first, same_first = np.moveaxis(batch, 3, 1), np.moveaxis(same_batch, 3, 1)
    glimpse, loss = image[:4, :5], NOISE.standard_normal((4, 5, 3))
    losses = np.stack([np.moveaxis(loss, 2, 0)] * 2)
    for sampler in ("gaussian", "bilinear", "hard"):
        how = {"sampler": sampler, "backend": "numpy"}
        for one, other in (
            (extract(image, WINDOW, SIZE, **how), extract(same, WINDOW, SIZE, **how)),
            (extract_batch(batch, WINDOW, SIZE, **how), extract_batch(same_batch, WINDOW, SIZE, **how)),
            (
                extract_batch(first, WINDOW, SIZE, layout="NCHW", **how),
                extract_batch(same_first, WINDOW, SIZE, layout="NCHW", **how),
            ),
            (paste(image, glimpse, WINDOW, sampler=sampler), paste(same, same[:4, :5], WINDOW, sampler=sampler)),
            (vjp(image, WINDOW, (4, 5), loss, **how).image, vjp(same, WINDOW, (4, 5), loss, **how).image),
            (
                vjp_batch(first, WINDOW, (4, 5), losses, layout="NCHW", **how).image,
                vjp_batch(same_first, WINDOW, (4, 5), losses, layout="NCHW", **how).image,
            ),
        ):
            assert one.dtype == np.float32
            np.testing.assert_allclose(one, other, rtol=0, atol=2e-6 * max(1, np.abs(other).max()))
        moved, expected = (vjp(of, WINDOW, (4, 5), loss, by="where", **how).where for of in (image, same))
        assert [moved.cx, moved.width] == pytest.approx([expected.cx, expected.width], rel=1e-5)


@pytest.mark.parametrize("dtype", ["float64", "float16", "int32", "bool"])
def test_fit_takes_other_types(dtype):
    photo = (np.kron(np.random.default_rng(5).random((9, 11)), np.ones((8, 8))) * 200).astype(np.float32)
    if dtype == "bool":
        photo = photo > 100
    window = Window(40.3, 30.6, 32, 24)
    target = extract(photo, window, (24, 32))
    kept = target if dtype == "bool" else target.astype(dtype)
    found = fit(kept, photo.astype(dtype), stride=1.0).window
    assert [found.cx, found.cy, found.width] == pytest.approx([window.cx, window.cy, window.width], abs=0.1)


def test_a_tap_on_a_tie_sees_the_same_pixel_in_every_type():
    image = numbers("float64", (1, 40))
    place = Affine([[1, 0, 21.499999999999996], [0, 1, 0]])  # a tap that moved with a cut would round the other way
    for sampler in ("hard", "bilinear"):
        found = extract(image, place, (1, 12), sampler=sampler, backend="numpy")
        np.testing.assert_array_equal(
            found, extract(image.astype(np.float32), place, (1, 12), sampler=sampler, backend="numpy")
        )


@pytest.mark.parametrize("sampler", ["gaussian", "bilinear"])
def test_only_what_a_window_reads_is_converted(sampler):
    image = np.zeros((1500, 1500))
    image[0, 0] = 1e300  # not read, so not refused
    tracemalloc.start()
    extract(image, Window(40, 40, 20, 20), (8, 8), sampler=sampler, backend="numpy")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2e6


def test_what_float32_cannot_hold_is_refused_and_not_rounded_away():
    top = Window.from_box(0, 0, 4, 4)
    for dtype in ("int32", "uint32", "int64", "uint64"):
        image = np.full((4, 4), 2**24, dtype)
        assert extract(image, top, (4, 4), sampler="bilinear").max() == 2**24
        image[1, 2] += 1
        for call in (
            lambda image=image: extract(image, top, (4, 4), sampler="bilinear"),
            lambda image=image: extract_batch(image[None, :, :, None], top, (4, 4), sampler="bilinear"),
            lambda image=image: vjp(image, top, (4, 4), np.ones((4, 4)), sampler="bilinear"),
            lambda image=image: paste(image, np.ones((2, 2)), top),
            lambda image=image: paste(np.ones((4, 4)), image, top),
            lambda image=image: fit(np.tile(image, (2, 2)), np.ones((20, 20))),
        ):
            with pytest.raises(GlimpseError, match="integer 16777217"):
                call()
    with pytest.raises(GlimpseError, match="integer -16777217"):
        extract(np.full((4, 4), -(2**24) - 1), top, (4, 4))
    for dtype in ("float64", "longdouble"):
        image = np.array([[1, np.inf], [np.nan, 3e38]], dtype)
        np.testing.assert_array_equal(
            extract(image, Window(1, 1, 2, 2), (2, 2), sampler="hard"), image.astype(np.float32)
        )
        image[0, 0] = -1e39
        for call in (
            lambda image=image: extract(image, Window(1, 1, 2, 2), (2, 2)),
            lambda image=image: paste(image, np.ones((2, 2)), WINDOW),
        ):
            with pytest.raises(GlimpseError, match=r"holds 1e\+39; give numbers that float32 holds"):
                call()


def test_alpha_is_in_the_scale_of_the_type():
    image = NOISE.integers(0, 256, (6, 7, 4)).astype(np.uint8)
    expected = extract(image, WINDOW, SIZE, alpha=True)
    for dtype in ("float64", "float16"):
        found = extract((image / 255).astype(dtype), WINDOW, SIZE, alpha=True)
        np.testing.assert_allclose(found * 255, expected, atol=0.2 if dtype == "float16" else 1e-3)
    shown = np.dstack([image[..., 0] > 99, image[..., 1] > 99])
    np.testing.assert_array_equal(
        extract(shown, WINDOW, SIZE, alpha=True), extract(shown.astype(np.float32), WINDOW, SIZE, alpha=True)
    )
    for call in (
        lambda: extract(image.astype(np.int32), WINDOW, SIZE, alpha=True),
        lambda: paste(image.astype(np.int32), image[:2, :2], WINDOW, alpha=True),
        lambda: paste(image[..., :3].astype(np.int32), image[:2, :2], WINDOW, glimpse_alpha=True),
    ):
        with pytest.raises(GlimpseError, match="alpha in the scale of int32, which has no value for opaque; convert"):
            call()
    assert paste(image.astype(np.int32), image[:2, :2], WINDOW).shape == image.shape  # without alpha no scale is needed


EVERYWHERE = {
    "extract": lambda image, where: extract(image, where, (2, 2)),
    "extract_batch": lambda image, where: extract_batch([image], where, (2, 2)),
    "vjp": lambda image, where: vjp(image, where, (2, 2), np.ones((2, 2, 3))),
    "vjp_batch": lambda image, where: vjp_batch([image], where, (2, 2), np.ones((1, 2, 2, 3))),
    "paste": lambda image, where: paste(image, np.ones((2, 2, 3)), where),
    "fit": lambda image, where: fit(image[:8, :8], image),
    "fit target": lambda image, where: fit(image, np.ones((30, 30, 3))),
    "paste glimpse": lambda image, where: paste(np.ones((9, 9, 3)), image, where),
    "vjp cotangent": lambda image, where: vjp(np.ones((9, 9, 3)), where, image.shape[:2], image),
}


@pytest.mark.parametrize("function", EVERYWHERE)
@pytest.mark.parametrize("dtype", ["complex64", "object", "U3", "S3", "M8[s]", "m8[s]", [("r", "u1")]])
def test_what_are_no_real_numbers_is_refused_in_one_line(function, dtype):
    with pytest.raises(GlimpseError, match=r"; give .*numbers") as caught:
        EVERYWHERE[function](np.zeros((10, 10, 3), dtype), WINDOW)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("function", EVERYWHERE)
def test_a_mask_is_not_dropped(function):
    hidden = np.ma.masked_equal(numbers("uint8", (10, 10, 3)), 7)
    hidden[2, 2, 1] = np.ma.masked
    with pytest.raises(GlimpseError, match=r"has masked values; give them a value first: .filled\(value\)"):
        EVERYWHERE[function](hidden, WINDOW)
    if "fit" not in function:
        with pytest.raises(GlimpseError, match="array of windows has masked values"):
            EVERYWHERE[function](numbers("uint8", (10, 10, 3)), np.ma.masked_less([3.0, 3, 4, -1], 0))


def test_a_masked_array_with_nothing_masked_is_an_array():
    image = numbers("uint8")
    np.testing.assert_array_equal(extract(np.ma.array(image), WINDOW, SIZE), extract(image, WINDOW, SIZE))
    rows = np.ma.array([[3.5, 3, 4, 3]])
    np.testing.assert_array_equal(extract(image, rows, SIZE)[0], extract(image, WINDOW, SIZE))


@pytest.mark.parametrize("shape", [(3, 30, 40), (1, 28, 28), (4, 72, 24), (3, 480, 640), (3, 32, 32)])
def test_channels_that_come_first_are_refused_with_the_cure(shape):
    image = np.zeros(shape, np.uint8)
    for call in (
        lambda: extract(image, WINDOW, SIZE),
        lambda: vjp(image, WINDOW, SIZE, np.zeros((*SIZE, shape[2]))),
        lambda: paste(image, np.zeros((2, 2, shape[2])), WINDOW),
        lambda: fit(np.zeros((8, 8, shape[2]), np.uint8) + 1, image),
    ):
        with pytest.raises(GlimpseError, match=r"has its channels first.*; put them last: np.moveaxis\(image, 0, -1\)"):
            call()
    for call in (
        lambda: extract_batch([image], WINDOW, SIZE),
        lambda: vjp_batch(image[None], WINDOW, SIZE, np.zeros((1, *SIZE, shape[2]))),
    ):
        with pytest.raises(GlimpseError, match=r'channels first.*; give layout="NCHW", or "NHWC" if it is so'):
            call()
    assert extract(np.moveaxis(image, 0, -1), WINDOW, SIZE).shape == (*SIZE, shape[0])
    assert extract_batch(image[None], WINDOW, SIZE, layout="NHWC").shape == (1, *SIZE, shape[2])
    assert extract_batch(image[None], WINDOW, SIZE, layout="NCHW").shape == (1, shape[0], *SIZE)


@pytest.mark.parametrize(
    "shape",
    [(3, 5, 3), (3, 480, 4), (4, 640, 3), (1, 1000, 1), (3, 3, 512), (1, 26, 512), (1, 1000, 200), (30, 40, 224),
     (2, 64, 64), (5, 64, 64), (3, 23, 40), (3, 64), (4, 24, 73), (7, 7, 2048)],
)  # fmt: skip
def test_strips_and_many_channels_are_images(shape):
    assert extract(np.zeros(shape, np.uint8), WINDOW, SIZE, sampler="bilinear").shape == (*SIZE, *shape[2:])


class Tensor:
    """A stand-in for what is no NumPy array but gives one."""

    def __init__(self, values):
        self.values = np.asarray(values)

    def __array__(self, dtype=None, copy=None):
        return self.values

    def __float__(self):
        return float(self.values)


ROWS = [[3.5, 3, 4, 3, 0], [2, 5, 3, 2.5, 0]]
PLACES = [Window(*row) for row in ROWS]
MATRICES = [place.to_affine(SIZE).matrix for place in PLACES]
HOMOGRAPHIES = [np.vstack([one, [0.01, 0.02, 1]]) for one in MATRICES]


@pytest.mark.parametrize("as_given", [np.array, list, Tensor, lambda rows: [Tensor(row) for row in rows], tuple])
@pytest.mark.parametrize(
    ("rows", "places"),
    [
        (ROWS, PLACES),
        ([row[:4] for row in ROWS], PLACES),
        ((ROWS * 3)[:5], (PLACES * 3)[:5]),
        ((ROWS * 3)[:4], (PLACES * 3)[:4]),
        (MATRICES, [Affine(one) for one in MATRICES]),
        (MATRICES[:1], [Affine(MATRICES[0])]),
        (HOMOGRAPHIES, [Projective(one) for one in HOMOGRAPHIES]),
        ([-3 * one for one in HOMOGRAPHIES], [Projective(one) for one in HOMOGRAPHIES]),
    ],
)
def test_numbers_are_places_and_their_gradients_numbers(rows, places, as_given):
    image = numbers("uint8")
    count, shape = len(rows), np.shape(rows)
    loss = NOISE.standard_normal((count, *SIZE, 3))
    projective = shape[1:] == (3, 3)
    how = {"sampler": "bilinear"}
    for given_, where, lead in ((as_given(rows), places, (count,)), (as_given(rows[0]), places[0], ())):
        expected = extract(image, where, SIZE, **how)
        np.testing.assert_allclose(extract(image, given_, SIZE, **how), expected, atol=1e-4)
        assert expected.shape == (*lead, *SIZE, 3)
        of = (image, given_, SIZE, loss if lead else loss[0])
        found = vjp(*of, by="where", **how).where
        assert isinstance(found, np.ndarray)
        assert found.shape == shape[1 - len(lead) :]
        slopes = vjp(image, where, SIZE, of[3], by="where", **how).where
        expected = np.array([numbers_of(one) for one in (slopes if lead else [slopes])]).reshape(
            -1, *np.shape(numbers_of(places[0]))
        )
        if shape[1:] == (4,):
            expected = expected[:, :4]
        if projective:
            expected = expected / np.reshape(rows if lead else rows[0], (-1, 3, 3))[:, 2:, 2:]
        np.testing.assert_allclose(found.reshape(expected.shape), expected, rtol=1e-4, atol=1e-3)
        np.testing.assert_allclose(mask((7, 8), given_, SIZE, **how), mask((7, 8), where, SIZE, **how), atol=1e-6)
        np.testing.assert_allclose(
            paste(image, np.ones((*SIZE, 3)), given_, **how), paste(image, np.ones((*SIZE, 3)), where, **how), atol=1e-3
        )
        if not projective:
            np.testing.assert_array_equal(extract(image, given_, SIZE), extract(image, where, SIZE))
        stack = np.stack([image] * (count if lead else 2))
        np.testing.assert_allclose(
            extract_batch(stack, given_, SIZE, **how), extract_batch(stack, where, SIZE, **how), atol=1e-4
        )


def numbers_of(place):
    return place.matrix if hasattr(place, "matrix") else [place.cx, place.cy, place.width, place.height, place.angle]


def test_a_factor_of_a_homography_moves_nothing():
    image, matrix = NOISE.random((9, 10)), 2 * HOMOGRAPHIES[0]
    found = vjp(image, matrix, SIZE, NOISE.standard_normal(SIZE), sampler="bilinear").where
    assert np.abs(found * matrix).max() > 0.1
    assert np.sum(found * matrix) == pytest.approx(0, abs=1e-5)  # Euler, of a function that is homogeneous of degree 0


@pytest.mark.parametrize(
    ("where", "words"),
    [
        (np.ones((3, 6)), r"shape \(3, 6\), float64, holds no windows; give"),
        (np.ones((2, 4, 5)), "holds no windows"),
        (np.ones(3), "holds no windows"),
        (np.ones((2, 3, 2)), "holds no windows"),
        (np.ones((2, 5), complex), "complex128, holds no windows"),
        (np.ones(5, bool), "bool, holds no windows"),
        ([[1, 2, 3, 4], [1, 2]], "list holds no windows"),
        ([Window(1, 1, 1, 1), [1, 2, 3, 4]], "sequence of Window and list"),
        ({1, 2}, "no place to look"),
        ([1, 2, 3, -4], "extent 3x-4"),
        ([[1, 2, 3, 4], [1, np.nan, 3, 4]], "window 1 has the cy nan"),
        (np.full((2, 2, 3), np.inf), "affine matrix 0 has numbers that are not finite"),
        (np.zeros((2, 3, 3)), "last element of a projective matrix is 0"),
        (np.full((3, 3), np.nan), "the projective matrix has numbers that are not finite"),
        ("window", "no place to look"),
    ],
)
def test_numbers_that_are_no_places_are_refused_in_one_line(where, words):
    for call in (
        lambda: extract(numbers("uint8"), where, SIZE),
        lambda: vjp(numbers("uint8"), where, SIZE, np.zeros((*SIZE, 3))),
        lambda: mask((7, 8), where, SIZE),
        lambda: paste(numbers("uint8"), np.ones((2, 2, 3)), where),
    ):
        with pytest.raises(GlimpseError, match=words) as caught:
            call()
        assert "\n" not in str(caught.value)


NONE = [np.zeros((0, 5)), np.zeros((0, 4)), np.zeros((0, 2, 3)), np.zeros((0, 3, 3)), [], np.zeros(0)]


@pytest.mark.parametrize("backend", ["auto", "numpy", "cpu"])
@pytest.mark.parametrize("dtype", ["uint8", "float64"])
@pytest.mark.parametrize("sampler", ["gaussian", "bilinear", "hard"])
@pytest.mark.parametrize("where", NONE, ids=lambda where: str(np.shape(where)))
def test_no_windows_give_no_glimpses(where, sampler, dtype, backend):
    image, how = numbers(dtype), {"sampler": sampler, "backend": backend}
    for pixels, shape in ((image, (0, *SIZE, 3)), (image[..., 0], (0, *SIZE))):
        found = extract(pixels, where, SIZE, **how)
        assert (found.shape, found.dtype) == (shape, np.float32)
        gradients = vjp(pixels, where, SIZE, found, **how)
        assert gradients.image.shape == pixels.shape
        assert not gradients.image.any()
        assert (gradients.where.shape, gradients.where.dtype) == (np.shape(where), np.float64)
    assert extract(image[..., :2].astype(np.float32), where, SIZE, alpha=True, **how).shape == (0, *SIZE, 2)
    assert not mask((7, 8), where, SIZE, sampler=sampler).any()
    for glimpses in (np.ones((0, *SIZE, 3)), np.ones((*SIZE, 3))):
        np.testing.assert_array_equal(paste(image, glimpses, where, sampler=sampler), image.astype(np.float32))


@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
@pytest.mark.parametrize("where", [*NONE, WINDOW, [WINDOW]], ids=str)
@pytest.mark.parametrize("sampler", ["gaussian", "bilinear"])
def test_no_images_give_no_glimpses(where, layout, sampler):
    shape, seen = ((0, 7, 8, 3), (0, *SIZE, 3)) if layout == "NHWC" else ((0, 3, 7, 8), (0, 3, *SIZE))
    for dtype in ("uint8", "float64"):
        images, how = np.zeros(shape, dtype), {"layout": layout, "sampler": sampler}
        assert extract_batch(images, where, SIZE, **how).shape == seen
        gradients = vjp_batch(images, where, SIZE, np.zeros(seen), **how)
        assert gradients.image.shape == shape
        found = gradients.where[0] if isinstance(gradients.where, list) else gradients.where
        assert np.all(np.asarray(getattr(found, "cx", found)) == 0)


def test_no_windows_are_not_one_for_each_image():
    with pytest.raises(GlimpseError, match="0 windows for 2 images"):
        extract_batch(np.zeros((2, 7, 8, 3)), [], SIZE)
    with pytest.raises(GlimpseError, match="0 glimpses for 1 windows"):
        paste(numbers("uint8"), np.zeros((0, *SIZE, 3)), WINDOW)
    with pytest.raises(GlimpseError, match="threads is 0"):
        extract(numbers("uint8"), [], SIZE, threads=0)
