"""Charts: ticks, labels that make room, strokes against supersampling, and where the ink lies."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glimpsecli import GlimpseError
from glimpsecli.pictures.axes import log_scale, log_ticks, nice_range, spread
from glimpsecli.pictures.charts import Dot, Group, Line, dot_chart, line_chart
from glimpsecli.pictures.strokes import disc, fill, stroke

BLUE, RED, GREEN = (0, 0, 255), (255, 0, 0), (0, 255, 0)


def is_nice(value):
    return round(value / 10 ** math.floor(math.log10(value * (1 + 1e-9))), 6) in (1, 2, 5)


@given(st.floats(1e-9, 1e6), st.floats(1.01, 1e9), st.floats(50, 3000), st.floats(5, 200))
def test_ticks_are_nice_inside_and_spaced(low, factor, length, gap):
    high = low * factor
    ticks = log_ticks(low, high, length, gap)
    assert all(is_nice(tick) and low * 0.999999 <= tick <= high * 1.000001 for tick in ticks)
    across = log_scale(low, high, 0, length)
    assert all(across(b) - across(a) >= gap * 0.99 for a, b in itertools.pairwise(ticks))


def test_ticks_by_hand():
    assert log_ticks(1e-3, 1e-1, 600, 50) == [1e-3, 2e-3, 5e-3, 1e-2, 2e-2, 5e-2, 1e-1]
    assert log_ticks(1e-3, 1e-1, 600, 150) == [1e-3, 1e-2, 1e-1]
    assert log_ticks(1e-3, 1e-1, 600, 400) == [1e-2]
    with pytest.raises(GlimpseError, match="from 2 to 1"):
        log_ticks(2, 1, 100, 10)


@given(st.lists(st.floats(1e-9, 1e9), min_size=1, max_size=10))
def test_the_range_lies_tightly_around(values):
    low, high = nice_range(values)
    assert is_nice(low)
    assert is_nice(high)
    assert low < min(values) <= 2.6 * low
    assert high / 2.6 <= max(values) < high


def test_no_range_for_zero():
    with pytest.raises(GlimpseError, match="from 0 to 1"):
        nice_range([1, 0])


@given(st.lists(st.floats(-50, 450), min_size=1, max_size=25), st.floats(1, 60))
def test_labels_make_room_and_keep_their_order(places, gap):
    moved = spread(places, gap, 0, 400)
    fair = min(gap, 400 / max(len(places) - 1, 1))
    ordered = [moved[k] for k in sorted(range(len(places)), key=lambda k: places[k])]
    assert all(b - a >= fair - 1e-6 for a, b in itertools.pairwise(ordered))
    assert min(moved) >= -1e-6
    assert max(moved) <= 400 + 1e-6


def test_labels_that_have_room_stay():
    assert spread([10, 300, 100], 20, 0, 400) == [10, 300, 100]
    assert spread([100, 100], 20, 0, 400) == [90, 110]
    assert spread([0, 0], 20, 0, 400) == [0, 20]


def supersampled(inside, size, times=16):
    y, x = (np.mgrid[: size[0] * times, : size[1] * times] + 0.5) / times
    return inside(x, y).reshape(size[0], times, size[1], times).mean(axis=(1, 3))


def coverage(picture):
    assert (picture[..., 2] == 255).all()  # blue on white
    return 1 - picture[..., 0] / 255


@pytest.mark.parametrize("box", [(2.25, 3.5, 8.75, 9.1), (-4, 2, 30, 2.3), (5, 5, 5, 9), (0, -9, 4, -3)])
def test_rectangles(box):
    top, left, bottom, right = box
    picture = np.full((12, 16, 3), 255, np.uint8)
    fill(picture, *box, BLUE)
    expected = supersampled(lambda x, y: (x >= left) & (x < right) & (y >= top) & (y < bottom), (12, 16), 20)
    np.testing.assert_allclose(coverage(picture), expected, atol=0.03)


@pytest.mark.parametrize("points", [[(3, 4), (30, 17.5)], [(5, 20), (5, 2), (28, 2)], [(-10, 5), (50, 12)]])
def test_lines_have_their_weight(points):
    picture = np.full((24, 36, 3), 255, np.uint8)
    stroke(picture, points, 3.0, BLUE)

    def inside(x, y):
        near = np.full(x.shape, np.inf)
        for (x0, y0), (x1, y1) in itertools.pairwise(points):
            t = np.clip(((x - x0) * (x1 - x0) + (y - y0) * (y1 - y0)) / ((x1 - x0) ** 2 + (y1 - y0) ** 2), 0, 1)
            near = np.minimum(near, np.hypot(x - x0 - t * (x1 - x0), y - y0 - t * (y1 - y0)))
        return near <= 1.5

    expected = supersampled(inside, (24, 36))
    assert np.abs(coverage(picture) - expected).max() < 0.26  # the most at the inner side of a corner
    assert coverage(picture).sum() == pytest.approx(expected.sum(), rel=0.03)


def test_discs_and_dashes():
    picture = np.full((40, 40, 3), 255, np.uint8)
    disc(picture, 20, 18, 9, BLUE)
    assert coverage(picture).sum() == pytest.approx(math.pi * 81, rel=0.02)
    picture = np.full((9, 90, 3), 255, np.uint8)
    stroke(picture, [(5, 4.5), (45, 4.5), (85, 4.5)], 1.0, BLUE, dash=10)
    row = coverage(picture)[4]
    assert [round(row[k]) for k in (10, 20, 30, 40, 50, 60, 70, 80)] == [1, 0, 1, 0, 1, 0, 1, 0]


def ink(picture, colour):
    return np.argwhere((picture == colour).all(axis=2))


def test_dots_lie_where_their_value_is():
    dots = [
        Dot("a", 0.01, 0.01, 0.01, BLUE), Dot("b, whose name is longer", 0.1, 0.1, 0.1, RED, "100 ms"),
        Dot("c", 0.05, 0.02, 0.1, GREEN),
    ]  # fmt: skip
    chart = dot_chart(
        [Group("case", "note " * 60, dots)], title="Time", axis="s", label=str, legend=[("other", (0, 99, 0))]
    )
    assert chart.dtype == np.uint8
    blue, red, green = (ink(chart, colour) for colour in (BLUE, RED, GREEN))
    low, high = nice_range([0.01, 0.1])
    x = [ends[:, 1].mean() for ends in (blue, red)]
    share = math.log(0.05 / 0.01) / math.log(0.1 / 0.01)
    dot = green[abs(green[:, 0] - green[:, 0].mean()) > 4]  # above and below the whisker
    assert (dot[:, 1].mean() - x[0]) / (x[1] - x[0]) == pytest.approx(share, abs=0.01)
    ends = [(end - x[0]) / (x[1] - x[0]) for end in (green[:, 1].min(), green[:, 1].max())]
    assert ends == pytest.approx([math.log10(2), 1], abs=0.01)
    assert np.ptp(blue[:, 1]) == np.ptp(red[:, 1])  # no bars
    assert blue[:, 0].max() < red[:, 0].min() < red[:, 0].max() < green[:, 0].min()
    assert len(ink(chart, (0, 99, 0))) > 100
    assert (chart[:, -20:] == 255).all()
    assert (low, high) == (0.005, 0.2)


def test_lines_go_through_their_points():
    lines = [
        Line("ours", [1, 2, 4], [1e-3, 2e-3, 4e-3], [1e-3, 2e-3, 4e-3], [1e-3, 2e-3, 4e-3], BLUE, strong=True),
        Line("theirs", [1, 4], [5e-3, 5e-3], [5e-3, 5e-3], [5e-3, 5e-3], RED, dashed=True),
    ]
    chart = line_chart(lines, title="Time", x_axis="stride", y_axis="s", x_label=str, y_label=str)
    blue = ink(chart, BLUE)
    wide = blue[:, 1].max()
    slope = np.polyfit(*blue[(blue[:, 1] < 0.6 * wide)][:, ::-1].T, 1)[0]
    assert slope < -0.2  # upwards
    red = ink(chart, RED)
    assert np.ptp(red[red[:, 1] < 0.6 * chart.shape[1]][:, 0]) < 20  # level
    one = line_chart([lines[0]._replace(x=[3], y=[1.0], low=[1.0], high=[1.0])], title="", x_axis="", y_axis="",
                     x_label=str, y_label=str)  # fmt: skip
    assert len(ink(one, BLUE)) > 20


def test_an_empty_chart_is_refused():
    with pytest.raises(GlimpseError, match="without dots"):
        dot_chart([Group("a", "", [])], title="", axis="", label=str)
    with pytest.raises(GlimpseError, match="without lines"):
        line_chart([], title="", x_axis="", y_axis="", x_label=str, y_label=str)
