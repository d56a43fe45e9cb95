"""Where a map lies on an image, against a walk of single points through every step of the preprocessing."""

import math
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glimpsecli import GlimpseError
from glimpsecli.maps import Preprocess, Rect, lay
from glimpsecli.names import UPSAMPLINGS

rng = np.random.default_rng(7)


def walk(text, point, size):
    """Bring a point (x, y) of an image of size (width, height) to the input: the libraries' rules, step by step."""
    (x, y), (w, h) = point, size
    for step in text.split(","):
        name, _, argument = step.partition(":")
        if name == "patch":
            break
        if argument == "square":
            side = max(w, h)
            x, y = x + (side - w) // 2, y + (side - h) // 2
            w = h = side
            continue
        a, _, b = argument.partition("x")
        a, b = int(a), int(b or a)
        if name in ("resize", "stretch"):
            new = (a, b)
            if name == "resize" and "x" not in argument:
                short, long = (w, h) if w <= h else (h, w)
                new_short, new_long = a, int(a * long / short)
                new = (new_short, new_long) if w <= h else (new_long, new_short)
            x, y = x * new[0] / w, y * new[1] / h
            w, h = new
        elif name == "crop":
            left = (a - w) // 2 if a > w else 0
            top = (b - h) // 2 if b > h else 0
            w, h, x, y = max(w, a), max(h, b), x + left, y + top
            x, y = x - round((w - a) / 2.0), y - round((h - b) / 2.0)
            w, h = a, b
        elif name == "letterbox":
            r = min(b / h, a / w)
            new = round(w * r), round(h * r)
            x, y = x * new[0] / w + round((a - new[0]) / 2 - 0.1), y * new[1] / h + round((b - new[1]) / 2 - 0.1)
            w, h = a, b
    return (x, y), (w, h)


@pytest.mark.parametrize(
    ("text", "size", "expected"),
    [
        # 500x375 -> int(256 * 500 / 375) = 341 x 256; left = round(58.5) = 58, top = 16
        ("resize:256,crop:224", (375, 500), (58 * 500 / 341, 16 * 375 / 256, 224 * 500 / 341, 224 * 375 / 256)),
        # left = round(59.5) = 60, half to even
        ("crop:224", (300, 343), (60, 38, 224, 224)),
        # 100x51 padded to 224: 62 on the left and 86 on the top, the odd pixel below
        ("crop:224", (51, 100), (-62, -86, 224, 224)),
        # 810x1080 -> r = 640/1080, 480 x 640, 80 on the left
        ("letterbox:640", (1080, 810), (-80 * 810 / 480, 0, 640 * 810 / 480, 1080)),
        # 1000x667 -> 640 x 427, 213 rows over: round(106.5 - 0.1) = 106 above
        ("letterbox:640", (667, 1000), (0, -106 * 667 / 427, 1000, 640 * 667 / 427)),
        ("stretch:224", (51, 100), (0, 0, 100, 51)),
        ("resize:30x70", (51, 100), (0, 0, 100, 51)),
        ("pad:square", (51, 100), (0, -24, 100, 100)),
    ],
)
def test_by_hand(text, size, expected):
    assert Preprocess.parse(text).covered(size, (7, 7)) == pytest.approx(expected)


def test_the_whole_image_without_steps_and_the_size_of_the_input():
    assert Preprocess().covered((30, 40), (3, 5)) == Rect(0, 0, 40, 30)
    assert Preprocess.parse("resize:256").input_size((375, 500)) == (256, 341)
    assert Preprocess.parse("resize:256").input_size((500, 375)) == (341, 256)
    assert Preprocess.parse("RESIZE:20x10, crop:6x4 ").input_size((500, 375)) == (4, 6)


def test_patches_leave_out_what_does_not_fill_one():
    preprocess = Preprocess.parse("resize:100x60,patch:16")
    assert preprocess.covered((600, 1000), (3, 6)) == pytest.approx((0, 0, 960, 480))
    assert Preprocess.parse("patch:20x10").covered((25, 45), (2, 2)) == Rect(0, 0, 40, 20)
    with pytest.raises(GlimpseError, match=r"grid of 7x7, but patches of 16x16 on an input of 100x60 make 6x3"):
        preprocess.covered((600, 1000), (7, 7))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "write resize:S, stretch:S, crop:S"),
        ("resize", "resize:S or resize:WxH"),
        ("crop:0", "'crop:0' is no step"),
        ("crop:12x", "crop:S or crop:WxH"),
        ("crop:1_0", "crop"),
        ("crop:-3", "crop"),
        ("resize:٣", "resize"),
        ("crop:9999999", "crop"),
        ("pad:3", "write pad:square"),
        ("zoom:3", "'zoom:3'"),
        ("patch:16,crop:224", "'patch:16x16' is not the last step"),
        ("patch:16,patch:16", "not the last"),
    ],
)
def test_steps_that_are_none(text, words):
    with pytest.raises(GlimpseError, match=words):
        Preprocess.parse(text)


def test_a_letterbox_that_leaves_nothing():
    with pytest.raises(GlimpseError, match="nothing of 5000x1"):
        Preprocess.parse("letterbox:64").covered((1, 5000), (4, 4))


numbers = st.integers(20, 90)
pairs = st.tuples(numbers, numbers).map(lambda pair: f"{pair[0]}x{pair[1]}")
steps = st.one_of(
    st.tuples(st.just("resize"), numbers | pairs),
    st.tuples(st.sampled_from(["stretch", "crop", "letterbox"]), numbers | pairs),
    st.just(("pad", "square")),
).map(lambda step: f"{step[0]}:{step[1]}")
preprocesses = st.lists(steps, min_size=1, max_size=3).map(",".join)
sizes = st.tuples(st.integers(20, 80), st.integers(20, 80))


@given(preprocesses, sizes, st.none() | st.integers(1, 15))
def test_every_step_moves_points_as_its_library_does(text, size, patch):
    h, w = size
    (x0, y0), seen = walk(text, (0, 0), (w, h))
    (x1, y1), _ = walk(text, (w, h), (w, h))
    grid = (seen[1] // patch, seen[0] // patch) if patch else (5, 6)
    preprocess = Preprocess.parse(f"{text},patch:{patch}" if patch else text)
    assert preprocess.input_size(size) == seen[::-1]
    rect = preprocess.covered(size, grid)
    # The corners of the image, in the input, and the corners of the grid, on the image, are one and the same map.
    width, height = (grid[1] * patch, grid[0] * patch) if patch else seen
    scale_x, scale_y = w / (x1 - x0), h / (y1 - y0)
    expected = (-x0 * scale_x, -y0 * scale_y, width * scale_x, height * scale_y)
    assert rect == pytest.approx(expected, rel=1e-9, abs=1e-9)


@given(preprocesses, sizes, st.tuples(st.integers(2, 9), st.integers(2, 9)), st.data())
def test_a_hot_cell_lands_on_its_pixels(text, size, grid, data):
    row, column = data.draw(st.integers(0, grid[0] - 1)), data.draw(st.integers(0, grid[1] - 1))
    hot = np.zeros(grid, np.float32)
    hot[row, column] = 1
    rect = Preprocess.parse(text).covered(size, grid)
    laid = lay(hot, rect, size, "nearest")
    weight = laid.values * laid.coverage_y[:, None] * laid.coverage_x
    ends = []
    for start, extent, cells, index, length in (
        (rect.y, rect.height, grid[0], row, size[0]),
        (rect.x, rect.width, grid[1], column, size[1]),
    ):
        ends.append((max(0, start + index * extent / cells), min(length, start + (index + 1) * extent / cells)))
    (y0, y1), (x0, x1) = ends
    area = max(0, y1 - y0) * max(0, x1 - x0)
    assert weight.sum() == pytest.approx(area, abs=1e-3)
    if area > 0.5:
        y = weight.sum(1) @ (laid.top + np.arange(len(weight)) + 0.5) / weight.sum()
        x = weight.sum(0) @ (laid.left + np.arange(weight.shape[1]) + 0.5) / weight.sum()
        # Within a pixel that the cell shares with others, the mass counts at the pixel's centre.
        assert y == pytest.approx((y0 + y1) / 2, abs=0.1 if y1 - y0 > 5 else 0.5)
        assert x == pytest.approx((x0 + x1) / 2, abs=0.1 if x1 - x0 > 5 else 0.5)


places = st.floats(-30, 60)
extents = st.floats(0.5, 90)


@given(places, places, extents, extents, st.tuples(st.integers(1, 9), st.integers(1, 9)), st.sampled_from(UPSAMPLINGS))
def test_laying_equals_the_loop(x, y, width, height, grid, method):
    grid_map, size = np.random.default_rng(3).random(grid), (25, 31)
    laid = lay(grid_map, Rect(x, y, width, height), size, method)
    hh, ww = laid.values.shape
    assert laid.values.dtype == np.float32
    assert (len(laid.coverage_y), len(laid.coverage_x)) == (hh, ww)
    loop = np.zeros((hh, ww))
    rows = [row_weights(laid.top + i, y, height, grid[0], method) for i in range(hh)]
    columns = [row_weights(laid.left + j, x, width, grid[1], method) for j in range(ww)]
    for i in range(hh):
        for j in range(ww):
            loop[i, j] = sum(
                rows[i][a] * columns[j][b] * grid_map[a, b] for a in range(grid[0]) for b in range(grid[1])
            )
    np.testing.assert_allclose(laid.values, loop, atol=1e-5)
    for first, cover, start, extent, length in (
        (laid.top, laid.coverage_y, y, height, size[0]),
        (laid.left, laid.coverage_x, x, width, size[1]),
    ):
        inside = [max(0, min(k + 1, start + extent) - max(k, start)) for k in range(length)]
        np.testing.assert_allclose(cover, inside[first : first + len(cover)], atol=1e-6)
        assert sum(cover) == pytest.approx(sum(inside), abs=1e-4)


def row_weights(pixel, start, extent, cells, method):
    cell = extent / cells
    centre = min(max(pixel + 0.5, start), start + extent)
    u = (centre - start) / cell - 0.5
    weights = []
    for c in range(cells):
        if method == "nearest":
            low = max(pixel, start, start + c * cell)
            weights.append(max(0, min(pixel + 1, start + extent, start + (c + 1) * cell) - low))
        elif method == "bilinear":
            weights.append(max(0, 1 - abs(u - c) / max(1, 1 / cell)))
        else:
            weights.append(math.exp(-(((u - c) / max(0.5, 0.5 / cell)) ** 2) / 2))
    return [weight / sum(weights) for weight in weights]


def test_bilinear_is_the_half_pixel_convention():
    laid = lay(np.array([[0.0, 1.0]]), Rect(0, 0, 8, 1), (1, 8))
    assert laid.values[0].tolist() == [0, 0, 0.125, 0.375, 0.625, 0.875, 1, 1]


def test_a_map_of_the_images_size_is_itself():
    grid_map = rng.random((20, 30)).astype(np.float32)
    for method in ("nearest", "bilinear"):
        np.testing.assert_array_equal(lay(grid_map, Rect(0, 0, 30, 20), (20, 30), method).values, grid_map)
    cut = lay(grid_map, Rect(-4, 3, 30, 20), (15, 50))
    assert (cut.top, cut.left) == (3, 0)
    np.testing.assert_array_equal(cut.values, grid_map[:12, 4:])


@pytest.mark.parametrize("method", UPSAMPLINGS)
def test_a_hole_stays_a_hole_and_its_neighbours_know_nothing_of_it(method):
    grid_map = np.full((3, 4), 0.25)
    grid_map[1, 2] = np.nan
    laid = lay(grid_map, Rect(0, 0, 40, 30), (30, 40), method)
    hole = np.zeros((30, 40), bool)
    hole[10:20, 20:30] = True
    np.testing.assert_array_equal(np.isnan(laid.values), hole)
    np.testing.assert_allclose(laid.values[~hole], 0.25, rtol=1e-5)
    assert np.isnan(lay(np.full((2, 2), np.nan), Rect(0, 0, 4, 4), (4, 4), method).values).all()


@pytest.mark.parametrize("rect", [Rect(50, 0, 10, 10), Rect(-20, 0, 20, 10), Rect(0, -9, 9, 3), Rect(0, 90, 30, 20)])
def test_a_map_beside_the_image_touches_no_pixel(rect):
    laid = lay(np.ones((20, 30)), rect, (30, 40))
    assert laid.values.size == 0
    assert laid.values.shape == (len(laid.coverage_y), len(laid.coverage_x))


@pytest.mark.parametrize("scale", [1e300, 1e-300])
def test_values_that_float32_does_not_hold(scale):
    grid_map = np.array([[1.0, 2.0]]) * scale
    np.testing.assert_allclose(lay(grid_map, Rect(0, 0, 4, 1), (1, 4)).values / scale, [[1, 1.25, 1.75, 2]])


def test_small_differences_of_large_values_survive():
    laid = lay(np.array([[1e9, 1e9 + 1]]), Rect(0, 0, 4, 1), (1, 4))
    assert (laid.values[0] - 1e9).tolist() == [0, 0.25, 0.75, 1]


def test_an_unknown_method():
    with pytest.raises(GlimpseError, match="'cubic'"):
        lay(np.ones((2, 2)), Rect(0, 0, 4, 4), (4, 4), "cubic")


def test_a_large_image_takes_no_time():
    grid_map = rng.random((14, 14), dtype=np.float32)
    times = []
    for _ in range(3):
        start = time.perf_counter()
        lay(grid_map, Rect(0.3, 0, 3999.5, 3000), (3000, 4000))
        times.append(time.perf_counter() - start)
    assert min(times) < 0.5  # a tenth of it on a quiet machine
