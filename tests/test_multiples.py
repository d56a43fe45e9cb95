import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glimpsecli import GlimpseError
from glimpsecli.pictures.charts import Line
from glimpsecli.pictures.multiples import Panel, Row, Scale, panel_grid, round_ticks
from glimpsecli.pictures.text import width_of

COLOURS = [(200, 0, 0), (0, 0, 200), (0, 140, 0), (160, 0, 160), (0, 150, 150), (180, 120, 0), (90, 60, 30)]
PANELS = 500
"""So many pixels from the bottom hold the only row of panels, and nothing of the legend."""


def line(number, x, y, *, dashed=False):
    return Line(f"line {number}", x, y, y, y, COLOURS[number], dashed=dashed)


def draw(lines, columns=1, title="A title", **more):
    legend = [(one.name, one.colour, one.dashed) for one in lines]
    rows = [Row("a row", [Panel("a panel", lines)] * columns)]
    return panel_grid(rows, title=title, note="", legend=legend, x_axis="x", y_axis="y", **more)


def dots(figure, number):
    """Middles of the discs of a line without whiskers: runs of columns where its colour stands tall in the panels."""
    tall = np.all(figure[-PANELS:] == COLOURS[number], axis=2).sum(axis=0) >= 7
    edges = np.flatnonzero(np.diff(np.concatenate([[0], tall, [0]])))
    return (edges[::2] + edges[1::2]) / 2


@pytest.mark.parametrize("columns", [1, 4])
def test_a_chart_has_room_for_its_title_however_few_panels_it_has(columns):
    title = "A title that is longer than one panel is wide"
    figure = draw([line(0, [0.1, 1.0], [0.5, 0.2])], columns, title)
    assert np.all(figure[:, -16:] == 255)
    assert np.any(np.all(figure == COLOURS[0], axis=2))
    assert figure.shape[1] > width_of(title, 38, bold=True)


def test_the_axis_is_linear_and_begins_at_0():
    x = [0.0, 0.1, 0.4, 0.8, 1.0]
    places = dots(draw([line(0, x, [0.5] * 5)]), 0)
    assert len(places) == 5
    np.testing.assert_allclose((places - places[0]) / (places[-1] - places[0]), x, atol=0.004)
    # Without a point at 0 the others stay where they are.
    np.testing.assert_allclose(dots(draw([line(0, x[1:], [0.5] * 4)]), 0), places[1:], atol=0.5)


@pytest.mark.parametrize(("x", "least"), [([0.1, 0.35, 1.0], 4), ([0.05, 0.1, 1.0], 1.5)])
def test_each_line_is_shifted_alike_everywhere_and_in_the_order_of_the_legend(x, least):
    lines = [line(k, x, [0.9 - 0.1 * k] * 3) for k in range(7)]
    together = np.array([dots(draw(lines), k) for k in range(7)])
    steps = np.diff(together, axis=0)
    assert steps.min() > least
    assert np.ptp(steps) <= 1
    assert np.all(together[-1, :-1] < together[0, 1:])  # the points of one x are together
    # A panel that lacks a line leaves its place free.
    legend = [(one.name, one.colour, False) for one in lines]
    rows = [Row("", [Panel("", lines[4:])])]
    some = panel_grid(rows, title="A title", note="", legend=legend, x_axis="x", y_axis="y")
    np.testing.assert_array_equal(dots(some, 5), together[5])


@pytest.mark.parametrize("x", [0.0, 0.05, 2.0])
def test_lines_of_one_point_stand_side_by_side(x):
    figure = draw([line(k, [x], [0.5]) for k in range(7)])
    places = np.array([dots(figure, k) for k in range(7)])
    assert places.shape == (7, 1)
    assert np.diff(places[:, 0]).min() > 40


def test_a_dashed_line_has_hollow_points():
    solid, hollow = (draw([line(0, [0.5, 1.0], [0.5, 0.5], dashed=dashed)]) for dashed in (False, True))
    at = round(dots(solid, 0)[0])
    row = round(np.flatnonzero(np.all(solid[-PANELS:, at] == COLOURS[0], axis=1)).mean()) - PANELS
    assert tuple(solid[row, at]) == COLOURS[0]
    assert tuple(hollow[row, at]) == (255, 255, 255)


@given(st.floats(1e-9, 1e9), st.integers(1, 5))
def test_ticks_are_round_few_and_as_many_as_there_is_room_for(highest, most):
    ticks = round_ticks(highest, lambda step: math.floor(highest / step + 1e-9) <= most)
    assert ticks[0] == 0
    assert 1 <= len(ticks) - 1 <= most
    step = ticks[1]
    np.testing.assert_allclose(np.diff(ticks), step)
    assert ticks[-1] <= highest * (1 + 1e-8) < ticks[-1] + 1.000001 * step
    assert any(math.isclose(step / 10 ** math.floor(math.log10(step * 1.001)), one) for one in (1, 2, 2.5, 5))
    assert highest / step >= min(most + 1, 5) / 2 - 1e-6


@pytest.mark.parametrize(
    ("highest", "ticks"),
    [(1.0, [0, 0.2, 0.4, 0.6, 0.8, 1]), (2.0, [0, 0.5, 1, 1.5, 2]), (0.05, [0, 0.01, 0.02, 0.03, 0.04, 0.05])],
)
def test_ticks_of_some_axes(highest, ticks):
    np.testing.assert_allclose(round_ticks(highest, lambda step: True), ticks)


def test_a_long_legend_is_wrapped():
    lines = [Line(f"a sampler with a long name, {k}", [0, 1], [0, 1], [0, 1], [0, 1], COLOURS[k]) for k in range(7)]
    one, all_of_them = (draw(some, 2) for some in (lines[:1], lines))
    assert len(all_of_them) > len(one) + 100
    assert all_of_them.shape[1] == one.shape[1]
    assert np.all(all_of_them[:, -16:] == 255)


@pytest.mark.parametrize(
    ("lines", "said"),
    [([], "a chart without lines"), ([line(0, [], [])], "a chart without lines"),
     ([line(0, [-0.5, 1.0], [0, 1])], r"x = -0\.5; the axis begins at 0")],
)  # fmt: skip
def test_what_cannot_be_drawn_is_named(lines, said):
    with pytest.raises(GlimpseError, match=said):
        draw(lines)
    with pytest.raises(GlimpseError, match="a legend without line 1"):
        panel_grid(
            [Row("", [Panel("", [line(1, [0, 1], [0, 1])])])], title="", note="", legend=[], x_axis="", y_axis=""
        )


def test_a_row_may_have_a_scale_of_its_own_at_whose_end_lines_are_cut():
    scale = Scale((0.0, 1.0, 2.0), lambda value: f"{value:g} px")

    def drawn(y):
        line = Line("a", [0, 1], [y, y], [y, y], [y, y], (255, 0, 0), thin=True)
        return panel_grid([Row("", [Panel("", [line])], "error", scale)], title="t", note="n", x_axis="x", y_axis="",
                          legend=[("a", (0, 0, 0), False)], separate=False)  # fmt: skip

    def height(figure):
        red = (figure[..., 0].astype(int) - figure[..., 1] > 60).any(axis=1)
        return float(np.flatnonzero(red).mean())

    low, middle, top, beyond = (height(drawn(y)) for y in (0, 1, 2, 7))
    assert top == beyond < middle < low
    assert middle == pytest.approx((low + top) / 2, abs=1)


def test_lines_that_need_not_be_apart_share_their_points():
    def columns(separate):
        lines = [Line(name, [0, 1], [y] * 2, [y] * 2, [y] * 2, colour)
                 for name, y, colour in (("a", 0.2, (255, 0, 0)), ("b", 0.8, (0, 0, 255)))]  # fmt: skip
        figure = panel_grid([Row("", [Panel("", lines)])], title="t", note="n", x_axis="x", y_axis="",
                            legend=[("a", (0, 0, 0), False), ("b", (0, 0, 0), False)], separate=separate)  # fmt: skip
        return [np.flatnonzero((abs(figure.astype(int) - colour).sum(axis=2) < 30).any(axis=0)).min()
                for colour in ((255, 0, 0), (0, 0, 255))]  # fmt: skip

    first, second = columns(separate=True)
    assert first < second
    first, second = columns(separate=False)
    assert first == second
