"""Pasting glimpses back: held against loops over single pixels, and `glimpse paste` from end to end."""

import io
import json
import math
import shutil
import sys
import tracemalloc

import numpy as np
import oracles
import pytest
from conftest import examples
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from glimpsecli import Affine, GaussianParams, Projective, Window, attention, cli, extract, mask, paste
from glimpsecli.attention import pasting
from glimpsecli.errors import InvalidInputError


def pixel_by_pixel(image, glimpse, matrix, order):
    """Paste over by solving for the point of the glimpse that each pixel shows."""
    out = np.array(image, dtype=float)
    h, w = glimpse.shape[:2]
    full = np.vstack([matrix, [0, 0, 1]]) if len(matrix) == 2 else np.asarray(matrix)
    for row, column in np.ndindex(*out.shape[:2]):
        x, y, depth = np.linalg.solve(full, [column, row, 1])
        x, y = x / depth, y / depth
        if depth <= 0 or not (-0.5 <= x < w - 0.5 and -0.5 <= y < h - 0.5):
            continue
        if order == 0:
            out[row, column] = glimpse[math.floor(y + 0.5), math.floor(x + 0.5)]
            continue
        x, y = min(max(x, 0), w - 1), min(max(y, 0), h - 1)
        x0, y0 = min(math.floor(x), w - 2) if w > 1 else 0, min(math.floor(y), h - 2) if h > 1 else 0
        x1, y1 = min(x0 + 1, w - 1), min(y0 + 1, h - 1)
        above = (1 - (x - x0)) * glimpse[y0, x0] + (x - x0) * glimpse[y0, x1]
        below = (1 - (x - x0)) * glimpse[y1, x0] + (x - x0) * glimpse[y1, x1]
        out[row, column] = (1 - (y - y0)) * above + (y - y0) * below
    return out


def written(glimpse, params, image_size):
    """Spread each pixel of the glimpse over its Gaussian, in loops."""
    u_y, s_y, d_y, u_x, s_x, d_x, gain = params
    total = np.zeros((*image_size, glimpse.shape[2]))
    for i, j in np.ndindex(*glimpse.shape[:2]):
        rows = oracles.normalised_gaussian(u_y + i * d_y, s_y, image_size[0])
        columns = oracles.normalised_gaussian(u_x + j * d_x, s_x, image_size[1])
        total += np.outer(rows, columns)[..., None] * glimpse[i, j] / gain
    return total


def noise(*shape, seed=0, dtype=np.uint8):
    return np.random.default_rng(seed).integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)


PHOTO = noise(9, 11, 3)
INEXACT = 255 * 2e-6


@given(
    st.integers(-12, 14), st.integers(-12, 14), st.integers(1, 12), st.integers(1, 12),
    st.sampled_from(["bilinear", "hard"]), st.sampled_from([np.uint8, np.uint16, np.float32]),
)  # fmt: skip
def test_a_crop_comes_back_bit_for_bit(x, y, w, h, sampler, dtype):
    image = noise(9, 11, 3, dtype=np.uint16).astype(dtype)
    window = Window.from_box(x, y, w, h)
    seen = extract(image, window, (h, w), sampler=sampler)
    again = paste(image, seen, window, sampler=sampler)
    assert again.dtype == np.float32
    np.testing.assert_array_equal(again, image)
    blank = paste(np.zeros_like(image), seen, window, sampler=sampler)
    expected = np.zeros(image.shape)
    part = slice(max(y, 0), max(y + h, 0)), slice(max(x, 0), max(x + w, 0))
    expected[part] = image[part]
    np.testing.assert_array_equal(blank, expected)


@examples(60)
@given(
    st.floats(-3, 13), st.floats(-3, 12), st.floats(0.5, 20), st.floats(0.5, 20),
    st.sampled_from([0.0, 90.0, 180.0, 17.5, -130.0]), st.integers(1, 5), st.integers(1, 5), st.booleans(),
)  # fmt: skip
def test_windows_are_filled_as_pixel_by_pixel(cx, cy, width, height, angle, h, w, hard):
    window = Window(cx, cy, width, height, angle)
    glimpse = noise(h, w, 3, seed=1)
    matrix = window.to_affine((h, w)).matrix
    got = paste(PHOTO, glimpse, window, sampler="hard" if hard else "bilinear")
    expected = pixel_by_pixel(PHOTO, glimpse, matrix, 0 if hard else 1)
    wrong = np.abs(got - expected).max(axis=2) > INEXACT
    y, x = np.mgrid[:9, :11]
    points = np.linalg.solve(np.vstack([matrix, [0, 0, 1]]), np.stack([x.ravel(), y.ravel(), np.ones(99)]))[:2] + 0.5
    # A pixel's centre on the edge of a cell belongs to either, by the last bit.
    ties = (np.abs(points - np.rint(points)).min(axis=0) < 1e-9).reshape(wrong.shape)
    assert not np.any(wrong & ~ties)


@pytest.mark.parametrize("order", [0, 1])
@pytest.mark.parametrize(
    "place",
    [
        Projective.from_quad([(1.1, 0.7), (9.3, 2.2), (7.9, 8.1), (0.4, 6.6)], (4, 5)),
        Projective.from_quad([(-6.3, -2), (4.2, 3.1), (5.1, 3.9), (2.3, 30)], (4, 5)),  # its horizon crosses the image
        Affine([[1.31, 0.42, 1.1], [-0.23, -0.71, 5.3]]),  # sheared and mirrored
        Affine([[-2.3, 0, 9.1], [0, 2.9, 0.4]]),
    ],
)
def test_matrices_are_inverted_as_pixel_by_pixel(place, order):
    glimpse = noise(4, 5, 3, seed=2)
    expected = pixel_by_pixel(PHOTO, glimpse, place.matrix, order)
    assert np.any(expected != PHOTO)
    got = paste(PHOTO, glimpse, place, sampler=("hard", "bilinear")[order])
    assert np.abs(got - expected).max() < INEXACT
    opaque = np.dstack([glimpse, np.ones((4, 5))])
    layer = pasting.spatial_layer(opaque, place.matrix, PHOTO.shape[:2], order)
    assert np.abs(pasting.over(PHOTO, layer) - expected).max() < 1e-9


@examples(20)
@given(st.floats(-4, 12), st.floats(-4, 14), st.floats(0.4, 3), st.floats(-2, 2.5), st.floats(0.3, 3))
def test_the_write_is_the_transpose_of_the_read(u_y, u_x, sigma, stride, gamma):
    params = GaussianParams(u_y, sigma, stride, u_x, sigma * 1.2, -stride, gamma)
    image, weights = np.random.default_rng(3).random((9, 11, 2)), np.random.default_rng(4).random((3, 4, 2))
    added = paste(np.zeros((9, 11, 2), np.float32), weights, params, blend="add")
    np.testing.assert_allclose(added, written(weights, params, (9, 11)), atol=3e-6 / gamma)
    seen = extract(image.astype(np.float32), params, (3, 4))
    assert np.sum(seen / gamma * weights) == pytest.approx(np.sum(image * added * gamma), abs=1e-4)


@examples(20)
@given(st.floats(-3, 12), st.floats(-3, 14), st.floats(1, 12), st.floats(1, 12), st.floats(0.3, 1.5))
def test_over_lays_the_mean_of_what_reaches_a_pixel_as_opaque_as_the_mask(cx, cy, width, height, blur):
    window, glimpse = Window(cx, cy, width, height), noise(3, 4, 3, seed=5)
    params = window.to_gaussian((3, 4), blur)
    total, ones = (written(one, params, (9, 11)) for one in (glimpse.astype(float), np.ones((3, 4, 1))))
    opacity = mask((9, 11), window, (3, 4), blur=blur)[..., None].astype(float)
    expected = PHOTO * (1 - opacity) + opacity * total / np.maximum(ones, 1e-300)
    got = paste(PHOTO, glimpse, window, blur=blur)
    assert np.abs(got - expected).max() < 255 * 1e-5


TURNED = [
    Window(4, 5, 7, 6, 25),
    Affine([[1.31, 0.42, 1.1], [-0.23, -0.71, 5.3]]),  # sheared and mirrored
    Projective.from_quad([(1.1, 0.7), (9.3, 2.2), (7.9, 8.1), (0.4, 6.6)], (4, 5)),
    Projective.from_quad([(-6.3, -2), (4.2, 3.1), (5.1, 3.9), (2.3, 30)], (4, 5)),  # its horizon crosses the image
]


def of_a_turned(place, image, glimpse, blur):
    """Give the write of a glimpse and its layer over an image, by the definitions."""
    matrix = place.to_affine((4, 5)).matrix if isinstance(place, Window) else place.matrix
    total, ones = (
        attention.elliptical.write(one, matrix, image.shape[:2], blur) for one in (glimpse, np.ones((4, 5, 1)))
    )
    opacity = attention.masks.elliptical_mask(matrix, (4, 5), image.shape[:2], blur)[..., None]
    opaque = np.dstack([glimpse, np.ones((4, 5))])
    layer = pasting.over(image, pasting.elliptical_layer(opaque, matrix, image.shape[:2], blur))
    np.testing.assert_allclose(layer, image * (1 - opacity) + opacity * total / np.maximum(ones, 1e-300), atol=1e-9)
    return total, layer


@pytest.mark.parametrize("blur", [0.3, 1.0])
@pytest.mark.parametrize("place", TURNED)
def test_gaussians_of_turned_windows_are_pasted_as_the_definition_says(place, blur):
    glimpse = noise(4, 5, 3, seed=5)
    total, layer = of_a_turned(place, PHOTO, glimpse.astype(float), blur)
    assert np.abs(paste(PHOTO, glimpse, place, blur=blur) - layer).max() < INEXACT
    added = paste(PHOTO, glimpse, place, blur=blur, blend="add", gain=-0.5)
    assert np.abs(added - (PHOTO - 0.5 * total)).max() < INEXACT
    seen, blank = extract(PHOTO, place, (4, 5), blur=blur), np.zeros(PHOTO.shape, np.float32)
    wanted = np.sum(PHOTO * paste(blank, glimpse, place, blur=blur, blend="add"), dtype=float)
    assert np.sum(seen * glimpse, dtype=float) == pytest.approx(wanted, rel=1e-6)  # the transpose of the read


def test_an_upright_window_is_pasted_alike_among_turned_ones():
    glimpse, windows = noise(4, 5, 3, seed=5), [Window(4, 5, 7, 6), Window(6, 3, 6, 5, 70)]
    both = paste(PHOTO, glimpse, windows)
    np.testing.assert_array_equal(both, paste(paste(PHOTO, glimpse, windows[0]), glimpse, windows[1]))


def test_brightness_is_kept_whatever_stride_and_gain():
    image = np.full((40, 50), 130, np.uint8)
    turned = Window(20, 22, 30, 24, 50), Window(10, 9, 30, 26, 20)
    for place in (Window(20, 22, 30, 24), GaussianParams(5, 3, 4, 5, 3, 4, 2.5), Window(6, 6, 30, 30), *turned):
        again = paste(np.full((40, 50), 130, np.uint8), extract(image, place, (8, 7)), place)
        np.testing.assert_allclose(again, 130, atol=0.01)


def test_gaussians_on_one_spot_show_their_mean():
    glimpse = noise(3, 4, 3, seed=5)
    spot = GaussianParams(4, 1.2, 0, 5, 1.5, 0)
    whole = paste(np.zeros((9, 11, 3), np.uint8), glimpse, spot)
    np.testing.assert_allclose(whole[4, 5], glimpse.mean(axis=(0, 1)), rtol=1e-4)
    added = paste(np.zeros((9, 11, 3), np.uint8), glimpse, spot, blend="add")
    np.testing.assert_allclose(added, written(glimpse, spot, (9, 11)), atol=1e-3)


def test_add_adds_and_the_gain_takes_away():
    window = Window.from_box(2, 3, 4, 2)
    glimpse = noise(2, 4, 3, seed=6)
    expected = PHOTO.astype(float)
    expected[3:5, 2:6] -= 0.5 * glimpse
    got = paste(PHOTO, glimpse, window, sampler="bilinear", blend="add", gain=-0.5)
    np.testing.assert_array_equal(got, expected)
    assert got.min() < 0


def test_several_windows_and_several_glimpses_are_pasted_in_order():
    first, second = Window.from_box(0, 0, 4, 4), Window.from_box(2, 2, 4, 4)
    black, white = np.zeros((2, 2), np.uint8), np.full((2, 2), 255, np.uint8)
    image = np.full((8, 8), 99, np.uint8)
    both = paste(image, np.stack([black, white]), [first, second], sampler="hard")
    step = paste(paste(image, black, first, sampler="hard").astype(np.uint8), white, second, sampler="hard")
    np.testing.assert_array_equal(both, step)
    assert (both[3, 3], both[1, 1], both[7, 7]) == (255, 0, 99)
    rows = np.array([[2, 2, 4, 4, 0], [4, 4, 4, 4, 0]])
    np.testing.assert_array_equal(paste(image, white, rows, sampler="hard") == 255, both != 99)


@pytest.mark.parametrize("sampler", ["gaussian", "bilinear", "hard"])
def test_alpha_is_opacity(sampler):
    window = Window.from_box(1, 1, 8, 6)
    clear = noise(6, 8, 4, seed=7)
    clear[..., 3] = 0
    kwargs = {"sampler": sampler, "glimpse_alpha": True}
    np.testing.assert_array_equal(paste(PHOTO, clear, window, **kwargs), PHOTO)
    np.testing.assert_array_equal(paste(PHOTO, clear, window, blend="add", **kwargs), PHOTO)
    half = clear.copy()
    half[..., 3] = 51
    opaque = paste(PHOTO, half[..., :3], window, sampler=sampler)
    got = paste(PHOTO, half, window, **kwargs)
    np.testing.assert_allclose(got, PHOTO + (opaque - PHOTO) * 0.2, atol=1e-3)
    # An image that is transparent takes the glimpse as it is, hidden colours and all the rest stay.
    below = noise(9, 11, 4, seed=8)
    below[..., 3] = 0
    whole = paste(below, half, Window.from_box(0, 0, 8, 6), alpha=True, **kwargs)
    if sampler != "gaussian":
        np.testing.assert_allclose(whole[:6, :8], half, atol=1e-3)
        np.testing.assert_array_equal(whole[6:], below[6:])
    below[..., 3] = 255
    assert np.abs(paste(below, half, window, alpha=True, **kwargs)[..., 3] - 255).max() < 1e-3


def test_compositing_is_that_of_porter_and_duff():
    below, glimpse = noise(5, 6, 4, seed=9), noise(5, 6, 4, seed=10)
    got = paste(below, glimpse, Window(3, 2.5, 6, 5), sampler="hard", alpha=True, glimpse_alpha=True)
    for y, x in np.ndindex(5, 6):
        a, b = glimpse[y, x, 3] / 255, below[y, x, 3] / 255
        opacity = a + b * (1 - a)
        colour = (a * glimpse[y, x, :3] + (1 - a) * b * below[y, x, :3]) / opacity
        np.testing.assert_allclose(got[y, x], [*colour, opacity * 255], atol=1e-3)


def test_what_the_image_holds_outside_the_window_stays():
    image = np.full((6, 6), np.nan, np.float32)
    image[0] = np.inf
    got = paste(image, np.ones((2, 2)), Window.from_box(2, 2, 2, 2), sampler="bilinear")
    np.testing.assert_array_equal(got[2:4, 2:4], 1)
    got[2:4, 2:4] = np.nan
    np.testing.assert_array_equal(got, image)
    np.testing.assert_array_equal(paste(PHOTO, PHOTO[:2, :2], Window(-50, 4, 20, 20), sampler="bilinear"), PHOTO)


def test_a_large_window_is_pasted_in_parts_to_the_same_pixels(monkeypatch):
    image, glimpse = noise(90, 70, 3), noise(8, 9, 3, seed=1)
    window = Window(33, 41, 80, 60, 25)
    whole = paste(image, glimpse, window, sampler="bilinear")
    monkeypatch.setattr("glimpsecli.sampling.pasting.POINTS", 500)
    np.testing.assert_array_equal(paste(image, glimpse, window, sampler="bilinear"), whole)


@pytest.mark.parametrize("blend", ["over", "add"])
def test_a_large_gaussian_window_is_pasted_in_parts_to_the_same_pixels(blend, monkeypatch):
    image, glimpse = noise(90, 70, 3), noise(8, 9, 3, seed=1)
    params = GaussianParams(-2, 4, 11, 5, 3, 7, 0.8)
    places = params, Window(33, 41, 80, 60, 25)
    whole = [paste(image, glimpse, place, blend=blend) for place in places]
    monkeypatch.setattr("glimpsecli.sampling.pasting.POINTS", 500)
    np.testing.assert_allclose([paste(image, glimpse, place, blend=blend) for place in places], whole, rtol=1e-6)


def test_a_large_gaussian_window_needs_little_memory():
    image, glimpse = np.zeros((3000, 1500, 1), np.float32), np.ones((5, 5, 1))
    tracemalloc.start()
    pasted = paste(image, glimpse, Window(750, 1500, 1500, 3000))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < pasted.nbytes + 60e6  # as a whole, its layer alone is 72 MB


@pytest.mark.parametrize(
    ("arguments", "options", "words"),
    [
        ((PHOTO, PHOTO, Affine([[0, 0, 1], [0, 1, 1]])), {"sampler": "bilinear"}, "no area"),
        ((PHOTO, PHOTO, Affine([[1, 2, 1], [2, 4, 1]])), {"sampler": "hard"}, "no area"),
        ((PHOTO, PHOTO, Affine([[0, 0, 3], [0, 0, 4]])), {"sampler": "hard"}, "no area"),
        ((PHOTO, PHOTO, Affine([[0, 0, 3.5], [0, 0, 4.5]])), {"sampler": "bilinear"}, "no area"),
        ((PHOTO, PHOTO, Affine([[0, 0, -30], [0, 0, 4]])), {"sampler": "bilinear"}, "no area"),
        ((PHOTO, PHOTO, Affine([[1e-12, 0, 3], [0, 1e-12, 4]])), {"sampler": "bilinear"}, "no area"),
        ((PHOTO, PHOTO, Window(4, 4, 9, 1e-8)), {"sampler": "bilinear"}, "no area"),
        ((PHOTO, PHOTO, GaussianParams(1, 1, 1, 1, 1, 1, 0)), {}, "gain"),
        ((PHOTO, PHOTO, GaussianParams(1, 1, 1, 1, 1, 1, 0)), {"blend": "add"}, "gain"),
        ((PHOTO, PHOTO, Window(4, 4, 4, 4)), {"blend": "under"}, "'under'"),
        ((PHOTO, PHOTO, Window(4, 4, 4, 4)), {"gain": 2}, "gain of 2"),
        ((PHOTO, PHOTO, Window(4, 4, 4, 4)), {"gain": math.nan, "blend": "add"}, "gain of nan"),
        ((PHOTO, PHOTO[..., 0], Window(4, 4, 4, 4)), {}, r"shape \(9, 11\)"),
        ((PHOTO, PHOTO[..., :2], Window(4, 4, 4, 4)), {}, "2 colour channels on an image of 3"),
        ((PHOTO, PHOTO[None].repeat(2, axis=0), [Window(4, 4, 4, 4)] * 3), {}, "2 glimpses for 3 windows"),
        ((PHOTO, np.full((2, 2, 3), np.nan), Window(4, 4, 4, 4)), {}, "NaN"),
        ((PHOTO, np.full((2, 2, 3), "a"), Window(4, 4, 4, 4)), {}, "real numbers"),
        ((PHOTO, PHOTO, Window(4, 4, 4, 4)), {"glimpse_alpha": True}, "the glimpse has alpha and 3"),
        ((PHOTO, PHOTO, Window(4, 4, 4, 4)), {"alpha": True}, "the image has alpha and 3"),
        ((PHOTO, np.full((2, 2, 4), 300), Window(4, 4, 4, 4)), {"glimpse_alpha": True}, "within 0 to 255"),
        ((PHOTO, np.full((2, 2, 3), -1e39), Window(4, 4, 4, 4)), {}, r"the glimpse holds 1e\+39"),
        ((PHOTO, [[[1, 2, 3]], [[4]]], Window(4, 4, 4, 4)), {}, "list is no array"),
        ((PHOTO, PHOTO, Window(4, 4, 4, 4)), {"gain": "a", "blend": "add"}, "the gain is 'a', not a number"),
    ],
)
def test_what_cannot_be_pasted_is_refused(arguments, options, words):
    with pytest.raises(InvalidInputError, match=words) as caught:
        paste(*arguments, **options)
    assert "\n" not in str(caught.value)


# ---- the command ----


@pytest.fixture
def folder(tmp_path, monkeypatch, samples):
    monkeypatch.chdir(tmp_path)
    shutil.copy(samples / "chelsea.png", "cat.png")
    shutil.copy(samples / "camera.png", "grey.png")
    return tmp_path


@pytest.fixture
def glimpse(folder, capfd):
    def run(line):
        code = cli.run(line.split())
        out, err = capfd.readouterr()
        return code, out, err

    return run


def pixels(path):
    with Image.open(path) as image:
        return np.asarray(image)


@pytest.mark.parametrize("where", ["--box 120,40,200,140", "--box -30,250,100,100", "--box 45,30,451,300"])
def test_extract_and_paste_give_the_same_file(glimpse, where):
    assert glimpse(f"extract cat.png {where} -o seen.png")[0] == 0
    assert glimpse(f"paste seen.png --onto cat.png {where} -o again.png")[0] == 0
    np.testing.assert_array_equal(pixels("again.png"), pixels("cat.png"))
    assert glimpse(f"paste seen.png --onto cat.png {where} --blend add --gain -1 -o hole.png")[0] == 0
    hole = pixels("hole.png") != pixels("cat.png")
    assert pixels("hole.png")[hole].max() == 0


@pytest.mark.parametrize(
    ("where", "sampler"),
    [
        ("--at 200,150 --extent 120x90 --angle 30", "bilinear"),
        ("--quad 100,40,300,60,280,220,90,200", "bilinear"),
        ("--theta 0.5,0.1,0.5,-0.1", "bilinear"),
        ("--gaussian 20,4,8,30,4,8", "gaussian"),
        ("--draw 0,0,2,-1,0.5", "gaussian"),
    ],
)
def test_every_window_goes_back_through_its_sampler(glimpse, where, sampler):
    assert glimpse(f"extract cat.png {where} --size 24x18 --sampler {sampler} --json -o seen.npy")[0] == 0
    code, out, err = glimpse(f"paste seen.npy --onto cat.png {where} --json -o again.npy --depth float")
    assert code == 0, err
    row = json.loads(out)
    written = row["windows"][0]
    assert (written["sampler"], written["size"], written["glimpse"]) == (
        sampler,
        {"width": 24, "height": 18},
        "seen.npy",
    )
    assert (row["file"], row["source"], row["blend"], row["gain"]) == ("again.npy", "cat.png", "over", 1)
    place = Affine(written["matrix"]) if len(written["matrix"]) == 2 else Projective(written["matrix"])
    if sampler == "gaussian":
        place = GaussianParams(**written["gaussian"])
    expected = paste(pixels("cat.png"), np.load("seen.npy"), place, sampler=sampler) / 255
    np.testing.assert_allclose(np.load("again.npy"), expected, atol=1e-6)


def test_a_retina_is_pasted_with_the_finest_on_top(glimpse):
    where = "--at 200,150 --extent 20x20 --retina 3"
    assert glimpse(f"extract cat.png {where} --size 20 -o r/")[0] == 0
    paths = " ".join(f"r/cat_00{number}.png" for number in range(3))
    assert glimpse(f"paste {paths} --onto cat.png {where} -o fovea.png")[0] == 0
    made = pixels("fovea.png")
    np.testing.assert_array_equal(made[140:160, 190:210], pixels("r/cat_000.png"))
    expected = pixels("cat.png")
    for number, extent in ((2, 80), (1, 40), (0, 20)):
        window = Window(200, 150, extent, extent)
        expected = np.rint(paste(expected, pixels(paths.split()[number]), window, sampler="bilinear")).astype(np.uint8)
    assert np.abs(made.astype(int) - expected).max() <= 1


def test_each_window_of_a_table_takes_its_glimpse_of_its_size(glimpse, folder):
    (folder / "eyes.csv").write_text("label,x,y,width,height\nleft,137,91,70,50\nright,284,111,71,52\n")
    assert glimpse("extract cat.png --windows eyes.csv -o eyes/ --name {label}")[0] == 0
    line = "paste eyes/left.png eyes/right.png --onto cat.png --windows eyes.csv"
    assert glimpse(f"{line} -o out/ --name {{stem}}_again")[0] == 0
    np.testing.assert_array_equal(pixels("out/cat_again.png"), pixels("cat.png"))
    code, out, _ = glimpse(f"{line} -o new.png --dry-run")
    assert (code, out) == (0, "cat.png -> new.png\n")
    assert not (folder / "new.png").exists()
    # One glimpse goes through both.
    assert glimpse("paste grey.png --onto cat.png --windows eyes.csv --sampler hard -q -o both.png")[0] == 0
    assert np.ptp(pixels("both.png")[91:141, 137:207].astype(int), axis=2).max() == 0


def test_a_glimpse_is_brought_to_the_depth_of_the_image(glimpse):
    np.save("light.npy", np.full((4, 4), 0.6, np.float32))
    np.save("deep.npy", np.full((10, 10), 1000, np.uint16))
    code, _, err = glimpse("paste light.npy --onto deep.npy --box 2,2,4,4 -v -o out.npy")
    assert code == 0
    assert "brought to the depth of the image, 16 bit" in err
    out = np.load("out.npy")
    assert out.dtype == np.uint16
    assert (out[3, 3, 0], out[0, 0, 0]) == (round(0.6 * 65535), 1000)
    assert glimpse("paste light.npy --onto cat.png --box 2,2,4,4 -o out.png")[0] == 0
    assert pixels("out.png")[3, 3].tolist() == [153] * 3
    code, _, err = glimpse("paste light.npy --onto cat.png --blend add --gain 2 -o added.png")
    assert code == 0
    clipped = np.count_nonzero(pixels("cat.png").astype(int) + 306 > 255)
    assert f"{clipped} of {pixels('cat.png').size} values were clipped" in err


def test_alpha_goes_through_files_and_streams(glimpse, folder, monkeypatch):
    clear = np.zeros((30, 40, 4), np.uint8)
    clear[10:20, 10:20] = [255, 0, 0, 255]
    Image.fromarray(clear).save("dot.png")
    assert glimpse("paste dot.png --onto cat.png --box 0,0,40,30 -o dotted.png")[0] == 0
    expected = pixels("cat.png").copy()
    expected[10:20, 10:20] = [255, 0, 0]
    np.testing.assert_array_equal(pixels("dotted.png"), expected)
    assert glimpse("paste cat.png --onto dot.png --box 0,0,451,300 --fill white -o flat.jpg")[0] == 0
    code, _, err = glimpse("paste cat.png --onto dot.png -o no.jpg")
    assert (code, err.count("\n")) == (2, 1)
    for line in ("paste - --onto cat.png", "paste dot.png --onto -"):
        data = (folder / ("dot.png" if " - " in line else "cat.png")).read_bytes()
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
        code, _, err = glimpse(f"{line} --box 0,0,40,30 --overwrite -o dotted.png")
        assert code == 0, err
        np.testing.assert_array_equal(pixels("dotted.png"), expected)


def test_what_a_person_should_know_is_reported(glimpse):
    code, _, err = glimpse("paste cat.png --onto grey.png --box 900,10,20,20 -o x.png")
    assert code == 2
    assert "3 colour channels on an image of 1" in err
    code, _, err = glimpse("paste grey.png --onto cat.png --box 900,10,520,520 -o x.png")
    assert code == 0
    assert "lies outside the image: nothing was pasted" in err
    np.testing.assert_array_equal(pixels("x.png"), pixels("cat.png"))
    code, _, err = glimpse("paste grey.png --onto cat.png --box 10,10,60,60 -o y.png")
    assert code == 0
    assert "skipped" in err
    # Between the centres of four pixels; the larger window of a retina has one of them.
    code, _, err = glimpse("paste grey.png grey.png --onto cat.png --box 9.8,9.8,0.5,0.5 --retina 2 -o w.png")
    assert code == 0
    assert err.count("covers the centre of no pixel: nothing was pasted") == 1
    assert err.count("skipped") == 1
    assert np.argwhere(np.any(pixels("w.png") != pixels("cat.png"), axis=2)).tolist() == [[10, 10]]
    code, _, err = glimpse("paste grey.png --onto cat.png --box 10,10,60,60 --sampler gaussian -o z.png")
    assert (code, "skipped" in err) == (0, False)


def test_an_upright_image_takes_the_glimpse(glimpse, folder):
    photo = Image.fromarray(noise(20, 30, 3))
    exif = Image.Exif()
    exif[0x0112] = 6
    photo.save("turned.png", exif=exif)
    assert glimpse("extract turned.png --box 3,4,10,8 -o part.png")[0] == 0
    assert glimpse("paste part.png --onto turned.png --box 3,4,10,8 -o again.png")[0] == 0
    np.testing.assert_array_equal(pixels("again.png"), np.rot90(noise(20, 30, 3), -1))


@pytest.mark.parametrize(
    ("line", "code", "words"),
    [
        ("paste none.png --onto cat.png -o x.png", 2, "none.png"),
        ("paste cat.png --onto none.png -o x.png", 2, "none.png"),
        ("paste cat.png -o x.png", 2, "--onto"),
        ("paste cat.png --onto grey.png -o cat.png --overwrite", 2, "is the input cat.png"),
        ("paste cat.png --onto grey.png -o grey.png --overwrite", 2, "is the input grey.png"),
        ("paste grey.png --onto cat.png -o cat.png", 2, "is the input"),
        ("paste grey.png grey.png --onto cat.png -o x.png", 2, "2 glimpses for 1 window;"),
        ("paste grey.png --onto cat.png --gain 2 -o x.png", 2, "--gain 2 with --blend over"),
        ("paste grey.png --onto cat.png --gain nan --blend add -o x.png", 2, "--gain nan is not a finite number"),
        ("paste grey.png --onto cat.png --blur 1 -o x.png", 2, "--blur 1"),
        ("paste grey.png --onto cat.png --theta 0,0,1,0 -o x.png", 2, "no area"),
        ("paste grey.png --onto cat.png --theta 0,0,0,0 -o x.png", 2, "no area"),
        ("paste grey.png --onto cat.png --theta 1e-12,0,1e-12,0 --sampler hard -o x.png", 2, "no area"),
        ("paste grey.png --onto cat.png --theta 1,1,0,1,1,0 -o x.png", 2, "no area"),
        (
            "paste grey.png --onto cat.png --gaussian 9,0,1,9,1,1 -o x.png",
            2,
            "'--gaussian': '9,0,1,9,1,1' has the sigma 0",
        ),
        (
            "extract cat.png --gaussian 9,1,1,9,-5%,1 --size 4 -o x.png",
            2,
            "'--gaussian': '9,1,1,9,-5%,1' has the sigma -5%",
        ),
        ("paste - --onto - -o x.png", 2, "standard input"),
        ("paste grey.png --onto cat.png -o x.npz", 2, "not a picture"),
        ("paste nan.npy --onto cat.png -o x.png", 1, "NaN"),
        ("paste empty.png --onto cat.png -o x.png", 1, "empty"),
        ("paste grey.png --onto empty.png -o x.png", 1, "empty"),
        ("paste pickled.npy --onto cat.png -o x.png", 1, "pickled.npy"),
        ("paste grey.png --onto cat.png --frame 3 -o x.png", 2, "frame 3"),
    ],
)
def test_mistakes_are_one_line(glimpse, folder, line, code, words):
    np.save("nan.npy", np.full((3, 3), np.nan, np.float32))
    (folder / "empty.png").touch()
    np.save("pickled.npy", np.array([[{}]], dtype=object), allow_pickle=True)
    done, out, err = glimpse(line)
    assert (done, out, err.count("\n")) == (code, "", 1), err
    assert words in err
    assert not list(folder.glob("x.*"))


def test_the_definitions_are_listed():
    assert attention.pasting is pasting
