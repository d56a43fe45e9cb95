"""Gaussians with a border: the image is continued by its rule, and the weights are normalised over all of it."""

import dataclasses
import json

import numpy as np
import pytest
from conftest import examples
from hypothesis import assume, example, given
from hypothesis import strategies as st
from PIL import Image
from test_gradients import assert_close, differences

from glimpsecli import (
    Affine,
    GaussianParams,
    GlimpseError,
    Projective,
    Window,
    extract,
    extract_batch,
    mask,
    vjp,
    vjp_batch,
)
from glimpsecli.attention import elliptical, gaussian
from glimpsecli.window import stack_gaussians

BORDERS = ["zeros", "constant", "edge", "reflect"]
BACKENDS = ["numpy", "cpu"]
MARGIN = 90
COLOUR = (310.0, 0.25, -20.0)


def padded(image, border, fill=COLOUR):
    """The slow way: continue the image by MARGIN pixels on each side."""
    around = ((MARGIN, MARGIN), (MARGIN, MARGIN), (0, 0))
    if border in ("edge", "reflect"):
        return np.pad(image, around, "edge" if border == "edge" else "symmetric")
    pixels = np.pad(image.astype(np.float64), around)
    if border == "constant":
        beyond = np.pad(np.zeros(image.shape, bool), around, constant_values=True)
        pixels = np.where(beyond, np.asarray(fill)[: image.shape[2]], pixels)
    return pixels


def moved(where):
    """The same place in the padded image."""
    if isinstance(where, Window):
        return Window(where.cx + MARGIN, where.cy + MARGIN, where.width, where.height, where.angle)
    if isinstance(where, GaussianParams):
        u_y, s_y, d_y, u_x, *rest = (
            getattr(where, name) for name in ("u_y", "s_y", "d_y", "u_x", "s_x", "d_x", "gain")
        )
        return GaussianParams(u_y + MARGIN, s_y, d_y, u_x + MARGIN, *rest)
    shift = np.eye(3)
    shift[:2, 2] = MARGIN
    matrix = np.vstack([where.matrix, [0, 0, 1]])[:3] if isinstance(where, Affine) else where.matrix
    return type(where)((shift @ matrix)[: len(where.matrix)])


def definition(image, where, size, border, blur=0.5):
    """Look at the padded image by the float64 definitions."""
    pixels, place = padded(image, border).astype(np.float64), stack_gaussians(moved(where), size, blur)[0]
    if place.ndim == 1:
        return gaussian.glimpse(pixels, place, size)
    return elliptical.glimpse(pixels, place, size, blur)


def options_of(border, channels):
    return {"border": border, "fill": COLOUR[:channels] if border == "constant" else None}


@st.composite
def images(draw):
    shape = draw(st.integers(1, 9)), draw(st.integers(1, 9)), draw(st.integers(1, 3))
    noise = np.random.default_rng(draw(st.integers(0, 99)))
    if draw(st.booleans()):
        return noise.integers(0, 256, shape, dtype=np.uint8)
    return (255 * noise.random(shape)).astype(np.float32)


near, extents, strides = st.floats(-12, 20), st.floats(0.2, 25), st.floats(-4, 4)
sizes = st.tuples(st.integers(2, 6), st.integers(3, 7))
upright = st.builds(Window, near, near, extents, extents)
turned = st.builds(Window, near, near, extents, extents, st.floats(-180, 180))
grids = st.builds(
    GaussianParams, near, st.floats(0.2, 4), strides, near, st.floats(0.2, 4), strides, st.sampled_from([1.0, -0.4])
)
sheared = st.builds(
    lambda x, y, a, b, c, d: Affine([[a, b, x], [c, d, y]]), near, near, strides, strides, strides, strides
)
quads = st.builds(
    lambda x, y, s: Projective.from_quad([(x, y), (x + 8 + s, y - 2), (x + 9, y + 11), (x - s, y + 7)], (3, 4)),
    near, near, st.floats(0, 4),
)  # fmt: skip


@pytest.mark.parametrize("backend", BACKENDS)
@examples(60)
@given(
    images(), upright | turned | grids | sheared | quads, sizes, st.sampled_from(BORDERS), st.sampled_from([0.3, 0.7])
)
@example(np.full((1, 1, 1), 200, np.uint8), Window(0.5, 0.5, 30, 30), (3, 3), "reflect", 0.7)
def test_a_glimpse_is_that_of_the_image_padded_far_enough(backend, image, where, size, border, blur):
    size = (3, 4) if isinstance(where, Projective) else size
    found = extract(image, where, size, blur=blur, backend=backend, **options_of(border, image.shape[2]))
    assert np.abs(found - definition(image, where, size, border, blur)).max() <= 310 * 2e-6


@pytest.mark.parametrize("backend", BACKENDS)
@examples(30)
@given(images(), upright | turned, sizes)
def test_a_colour_has_the_share_that_the_image_has_not(backend, image, window, size):
    def look(pixels, border, fill=None):
        return extract(pixels, window, size, border=border, fill=fill, backend=backend)

    share = look(np.ones(image.shape, np.float32), "zeros")
    fill = COLOUR[: image.shape[2]]
    np.testing.assert_allclose(look(image, "constant", fill), look(image, "zeros") + (1 - share) * fill, atol=2e-3)
    np.testing.assert_allclose(look(np.full(image.shape, 7, np.uint8), "edge"), 7, atol=1e-4)


def test_a_window_well_inside_has_the_bits_that_it_has_without_a_border():
    image = np.random.default_rng(1).integers(0, 256, (60, 70, 3), dtype=np.uint8)
    for where in (Window(33.3, 30.1, 20, 25), Window(33.3, 30.1, 20, 25, 20)):
        for backend in BACKENDS:
            expected = extract(image, where, (9, 8), backend=backend)
            for border in BORDERS:
                found = extract(image, where, (9, 8), backend=backend, **options_of(border, 3))
                np.testing.assert_array_equal(found, expected)


def numbers_of(kind, where):
    """Give the numbers of a place of this kind, or of its gradient."""
    if kind is Projective:
        return np.asarray(where.matrix)
    return np.array([getattr(where, field.name) for field in dataclasses.fields(kind)])


@pytest.mark.parametrize("backend", BACKENDS)
@examples(8)
@given(upright | turned | grids | quads, st.sampled_from(BORDERS), st.integers(0, 99))
def test_gradients_are_the_differences_of_the_padded_image(backend, where, border, seed):
    noise, size, kind = np.random.default_rng(seed), (3, 4), type(where)
    if kind is Window:  # at a stride of one pixel sigma has a kink
        assume(min(abs(where.width / size[1] - 1), abs(where.height / size[0] - 1)) > 1e-3)
    image, loss = noise.random((8, 7, 2), dtype=np.float32), noise.standard_normal((*size, 2)).astype(np.float32)
    options = {"border": border, "fill": (0.7, -0.2) if border == "constant" else None, "backend": backend}
    found = vjp(image, where, size, loss, **options)

    def value(numbers):
        place = kind(numbers) if kind is Projective else kind(*numbers)
        pixels = padded(image, border, (0.7, -0.2)).astype(np.float64)
        row = stack_gaussians(moved(place), size, 0.5)[0]
        seen = gaussian.glimpse(pixels, row, size) if row.ndim == 1 else elliptical.glimpse(pixels, row, size, 0.5)
        return float(np.sum(loss * seen))

    expected = differences(value, numbers_of(kind, where), 1e-6 if kind is Projective else 1e-5)
    some = slice(4) if kind is Window and where.angle == 0 else slice(None)  # the upright ones turn into ellipses
    assert_close(numbers_of(kind, found.where)[some], expected[some], 1.0, 2e-4)
    # With respect to the pixels the glimpse is linear, but for the colour.
    change = noise.random(image.shape, dtype=np.float32)
    black = options | {"fill": 0 if border == "constant" else None}
    assert_close(np.sum(found.image * change), np.sum(loss * extract(change, where, size, **black)), 1.0, 1e-4)


def test_batches_alpha_other_types_and_views_are_read_as_a_padded_image_is():
    noise = np.random.default_rng(4)
    batch = noise.integers(0, 256, (3, 9, 8, 4), dtype=np.uint8)
    windows = np.array([[-2, 3, 9, 8, 0], [7, 9, 6, 12, 0], [4, 4, 30, 30, 0.0]])
    for angle in (0, 25):
        windows[1:, 4] = angle
        for border, backend in zip(BORDERS, [*BACKENDS, *BACKENDS], strict=True):
            fill = 90 if border == "constant" else None
            options = {"border": border, "fill": fill, "backend": backend}
            there = np.stack([padded(image, border, [90.0] * 4) for image in batch]).astype(np.uint8)
            far = windows + np.array([MARGIN, MARGIN, 0, 0, 0])
            for alpha in (False, True):
                expected = extract_batch(there, far, (5, 4), backend=backend, alpha=alpha)
                for pixels in (batch, batch.astype(np.int32), np.asfortranarray(batch)):
                    if alpha and pixels.dtype != np.uint8:
                        continue
                    found = extract_batch(pixels, windows, (5, 4), alpha=alpha, **options)
                    np.testing.assert_allclose(found, expected, atol=2e-3)
            planes = np.ascontiguousarray(batch.transpose(0, 3, 1, 2))
            expected = extract_batch(there, far, (5, 4), backend=backend)
            first = extract_batch(planes, windows, (5, 4), layout="NCHW", **options)
            np.testing.assert_allclose(first.transpose(0, 2, 3, 1), expected, atol=1e-3)
            loss = noise.standard_normal(first.shape).astype(np.float32)
            one = vjp_batch(planes, windows, (5, 4), loss, layout="NCHW", **options)
            two = vjp_batch(batch, windows, (5, 4), loss.transpose(0, 2, 3, 1), **options)
            np.testing.assert_allclose(one.image.transpose(0, 2, 3, 1), two.image, atol=1e-5)
            np.testing.assert_allclose(one.where, two.where, atol=1e-2)


@examples(30)
@given(upright | turned, st.sampled_from(BORDERS))
def test_a_mask_counts_the_pixels_that_stand_beyond_the_image(window, border):
    size, ones = (4, 5), np.ones((4, 5, 1), np.float32)
    image = np.zeros((8, 7, 1), np.float32)
    options = options_of(border, 1) | {"backend": "numpy"}
    found = mask(image.shape[:2], window, size, border=border)
    weights = vjp(image, window, size, ones, by="image", **options).image[..., 0]
    there = padded(image, "zeros").astype(np.float32)
    peak = vjp(there, moved(window), size, ones, by="image", backend="numpy").image.max()
    np.testing.assert_allclose(found, np.minimum(weights / peak, 1), atol=2e-5)


def test_commands_take_a_border_for_every_sampler(tmp_path, monkeypatch, glimpse):
    monkeypatch.chdir(tmp_path)
    noise = np.random.default_rng(6)
    image = noise.integers(0, 256, (30, 40, 3), dtype=np.uint8)
    Image.fromarray(image).save("photo.png")
    line = "photo.png --box -12,-10,36,30 --size 12"
    for border in BORDERS:
        fill, colour = ("--fill 20,200,90", (20.0, 200.0, 90.0)) if border == "constant" else ("", None)
        assert glimpse(f"extract {line} --border {border} {fill} -o {border}.npy --depth float -q")[0] == 0
        expected = extract(image, Window(6, 5, 36, 30), (10, 12), border=border, fill=colour) / 255
        np.testing.assert_allclose(np.load(f"{border}.npy"), expected, atol=1e-6)
    assert glimpse(f"batch {line} --border reflect --backend numpy -o out -q")[0] == 0
    assert json.loads((tmp_path / "out/run.json").read_text())["how"]["border"] == "reflect"
    assert glimpse("replay out -o again -q")[0] == 0
    assert (tmp_path / "out/photo_000.png").read_bytes() == (tmp_path / "again/photo_000.png").read_bytes()
    for command in ("compare", "mask"):
        assert glimpse(f"{command} {line} --border edge -o {command}.png -q")[0] == 0
        assert glimpse(f"{command} {line} -o free.png --overwrite -q")[0] == 0
        assert (tmp_path / f"{command}.png").read_bytes() != (tmp_path / "free.png").read_bytes()


def test_a_part_of_a_large_jpeg_is_continued_where_the_image_ends(tmp_path, monkeypatch, glimpse):
    monkeypatch.chdir(tmp_path)
    ramp = np.add.outer(np.arange(1000), np.arange(1200)) * 255 // 2200
    Image.fromarray(ramp.astype(np.uint8)).save("ramp.jpg", quality=95)
    with Image.open("ramp.jpg") as photo:
        photo.save("ramp.png")
        pixels = np.asarray(photo)
    for box in ("-90,60,300,200", "-300,60,330,220", "1100,900,160,160 --angle 20", "400,300,100,100"):
        for border in ("edge", "reflect"):
            for kind in ("jpg", "png"):
                done = glimpse(
                    f"extract ramp.{kind} --box {box} --size 9 --border {border} -o {kind}.npy --overwrite -q"
                )
                assert done[0] == 0
            np.testing.assert_array_equal(np.load("jpg.npy"), np.load("png.npy"))
        fast = f"extract ramp.jpg --box {box} --size 9 --border edge --fast-decode -o fast.npy --overwrite --json"
        assert json.loads(glimpse(fast)[1])["decoded"].startswith("reduced")
        edge = extract(pixels, *place_of(box), border="edge")
        assert np.abs(np.load("fast.npy")[..., 0] - edge).max() <= 2


def place_of(box):
    numbers, _, angle = box.partition(" --angle ")
    x, y, width, height = map(float, numbers.split(","))
    return Window.from_box(x, y, width, height, float(angle or 0)), (9 * int(height) // int(width), 9)


def test_a_continued_image_that_would_not_fit_is_refused_in_one_line():
    for window in (Window(5, 5, 1e6, 1e6), Window(1e8, 5, 9, 9, 30)):
        with pytest.raises(GlimpseError, match="border 'reflect' reach over") as caught:
            extract(np.zeros((9, 9), np.uint8), [window, Window(4, 4, 3, 3, 10)], (4, 4), border="reflect")
        assert "\n" not in str(caught.value)
