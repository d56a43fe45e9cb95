"""The ranges, numbers and regions of maps."""

import json
import math
import time
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from glimpsecli.errors import InvalidInputError
from glimpsecli.maps import Limits, Range, Rect, Threshold, check_finite, measure, regions, scaled

rng = np.random.default_rng(11)

# --- ranges


def limits(text, *maps):
    found = Limits(Range.parse(text))
    for grid_map in maps:
        found.feed(grid_map)
    return [found.of(grid_map) for grid_map in maps]


def test_ranges():
    low, high = np.array([[0.2, 0.4]]), np.array([[-1.0, np.nan, 3.0]])
    assert limits("shared", low) == [(0, 0.4)]
    assert limits("shared", low, high) == [(-1, 3)] * 2
    assert limits("each", low, high) == [(0, 0.4), (-1, 3)]
    assert limits("0.5,2", low, high) == [(0.5, 2)] * 2
    assert limits("min,max", low) == [(0.2, 0.4)]
    assert limits("MIN, 9", low, high) == [(-1, 9)] * 2
    assert limits("percentile:25,75", np.arange(3.0), np.arange(3.0, 5)) == [(1, 3)] * 2
    assert limits("shared", np.zeros((2, 2)), np.full(3, np.nan)) == [(0, 0)] * 2
    assert limits("percentile:0,100", np.full(3, np.nan)) == [(0, 0)]
    assert limits("percentile:0,100", np.array([-1.7e308, 1.7e308])) == [(-1.7e308, 1.7e308)]
    with pytest.raises(InvalidInputError, match=r"from 5 to 0.4 is empty: the values run from 0.2"):
        limits("5,max", low)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "all",
        "1",
        "1,2,3",
        "2,1",
        "1,1",
        "max,min",
        "nan,1",
        "0,inf",
        "1_0,20",
        "percentile:5",
        "percentile:-1,9",
        "percentile:0,101",
        "percentile:min,max",
    ],
)
def test_ranges_that_are_none(text):
    with pytest.raises(InvalidInputError, match="range"):
        Range.parse(text)


def test_too_many_values_for_percentiles(monkeypatch):
    monkeypatch.setattr("glimpsecli.maps.ranges.MAX_VALUES", 10)
    with pytest.raises(InvalidInputError, match="more than 10 values"):
        limits("percentile:1,99", np.ones(6), np.ones(6))


finite = st.floats(allow_nan=False, allow_infinity=False)


@given(hnp.arrays(np.float64, 5, elements=finite), finite, finite)
def test_scaled_is_the_fraction_of_the_range(values, one, other):
    lo, hi = sorted((one, other))
    found = scaled(values, lo, hi)
    assert found.dtype == np.float32
    if lo == hi:
        assert not found.any()
        return
    exact = [(Fraction(v) - Fraction(lo)) / (Fraction(hi) - Fraction(lo)) for v in values.tolist()]
    np.testing.assert_allclose(found, [float(min(max(v, 0), 1)) for v in exact], atol=1e-6)


def test_scaled_float32_keeps_its_type_and_nan_stays():
    found = scaled(np.array([0, 1, 2, 5, np.nan], np.float32), 1, 3)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, [0, 0, 0.5, 1, np.nan])
    np.testing.assert_array_equal(scaled(np.array([1, np.nan]), 1, 1), [0, np.nan])


def test_values_that_are_not_finite():
    grid_map = np.array([[1, np.nan, np.inf], [-np.inf, 2, 3]], np.float32)
    with pytest.raises(
        InvalidInputError, match="a: 3 of the 6 values of the 3x2 map are NaN or infinite; `--nan skip`"
    ):
        check_finite(grid_map, "a", skip=False)
    found = check_finite(grid_map, "a", skip=True)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, [[1, np.nan, np.nan], [np.nan, 2, 3]])
    whole = np.ones((2, 2))
    assert check_finite(whole, "a", skip=False) is whole


# --- numbers


def test_the_numbers_of_a_map():
    grid_map = np.array([[0, 1], [0, 3]], np.float32)
    boxes = [Rect(0, 0, 40, 10), Rect(30, -5, 100, 15), Rect(-50, 0, 10, 10), Rect(25, 5, 10, 10)]
    found = measure(grid_map, Rect(0, 0, 40, 20), (20, 40), 0, 3, boxes)
    entropy = -(0.25 * math.log(0.25) + 0.75 * math.log(0.75))
    assert found == {
        "lo": 0,
        "hi": 3,
        "smallest": 0,
        "largest": 3,
        "mean": 1,
        "entropy": pytest.approx(entropy),
        "relative_entropy": pytest.approx(entropy / math.log(4)),
        "peak": {"x": 30, "y": 15, "value": 3, "row": 1, "column": 1},
        "outside": 0,
        "mass": pytest.approx([0.25, 0.125, 0, 0.25 * (0.25 + 0.75)]),
    }
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_mass_that_hangs_over_the_image():
    found = measure(np.ones((4, 4)), Rect(-10, 0, 40, 40), (40, 20), 0, 1, [Rect(0, 0, 5, 40)])
    assert found["outside"] == pytest.approx(0.5)
    assert found["mass"] == pytest.approx([0.125])
    assert (found["peak"]["x"], found["entropy"]) == (-5, pytest.approx(math.log(16)))


def test_numbers_without_meaning_are_none():
    box = [Rect(0, 0, 1, 1)]
    negative = measure(np.array([[-1.0, 2.0]]), Rect(0, 0, 4, 4), (4, 4), 0, 1, box)
    assert [negative[name] for name in ("entropy", "relative_entropy", "outside", "mass")] == [None, None, None, [None]]
    assert negative["peak"]["value"] == 2
    assert measure(np.zeros((2, 2)), Rect(0, 0, 4, 4), (4, 4), 0, 0, box)["mass"] == [None]
    nothing = measure(np.full((2, 2), np.nan), Rect(0, 0, 4, 4), (4, 4), 0, 0, box)
    assert nothing["peak"] is None
    assert nothing["mean"] is None
    assert measure(np.ones((1, 1)), Rect(0, 0, 4, 4), (4, 4), 0, 0)["relative_entropy"] is None


def test_holes_and_huge_values_are_measured():
    found = measure(np.array([[np.nan, 1e308], [1e308, 1e308]]), Rect(0, 0, 4, 4), (4, 4), 0, 1, [Rect(0, 0, 4, 2)])
    assert found["mean"] == pytest.approx(1e308)
    assert found["relative_entropy"] == pytest.approx(1)
    assert found["mass"] == pytest.approx([1 / 3])
    json.dumps(found, allow_nan=False)


@given(
    hnp.arrays(np.float64, st.tuples(st.integers(1, 6), st.integers(1, 6)), elements=st.floats(0, 1)),
    st.tuples(st.floats(-20, 40), st.floats(-20, 40), st.floats(1, 80), st.floats(1, 80)).map(lambda r: Rect(*r)),
    st.floats(0, 1),
)
def test_mass_is_conserved(grid_map, rect, cut):
    """Two boxes that part the plane hold all of it, and the image the rest of what is outside."""
    image = Rect(0, 0, 30, 20)
    x = rect.x + cut * rect.width
    found = measure(grid_map, rect, (20, 30), 0, 1, [Rect(-100, -100, x + 100, 300), Rect(x, -100, 400, 300), image])
    if grid_map.max() == 0:
        assert found["mass"] == [None] * 3
    else:
        left, right, inside = found["mass"]
        assert left + right == pytest.approx(1, abs=1e-6)
        assert inside + found["outside"] == pytest.approx(1, abs=1e-6)


# --- regions


def slow_regions(grid_map, hot):
    """Flood from each cell that is hot to its eight neighbours."""
    left, found = {(int(y), int(x)) for y, x in zip(*np.nonzero(hot), strict=True)}, []
    while left:
        front, region = [left.pop()], []
        while front:
            y, x = front.pop()
            region.append((y, x))
            near = {(y + dy, x + dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)} & left
            left -= near
            front += near
        ys, xs = zip(*region, strict=True)
        values = [float(grid_map[cell]) for cell in region]
        box = min(xs), min(ys), max(xs) + 1 - min(xs), max(ys) + 1 - min(ys)
        found.append((*box, sum(values) / float(np.nansum(grid_map)), max(values)))
    return found


@given(
    hnp.arrays(np.float64, st.tuples(st.integers(1, 12), st.integers(1, 12)), elements=st.integers(0, 9)),
    st.integers(0, 100),
)
def test_regions_equal_the_flood(grid_map, percentile):
    h, w = grid_map.shape
    found = regions(grid_map, Rect(0, 0, w, h), (h, w), Threshold.parse(f"percentile:{percentile}"))
    if grid_map.min() == grid_map.max():
        assert found == []
        return
    expected = slow_regions(grid_map, grid_map >= np.percentile(grid_map, percentile))
    np.testing.assert_allclose(sorted(found), sorted(expected))
    masses = [region.mass for region in found]
    assert masses == sorted(masses, reverse=True)


@given(hnp.arrays(np.float64, st.tuples(st.integers(1, 8), st.integers(1, 8)), elements=st.integers(0, 20)))
def test_otsu_equals_the_loop(grid_map):
    levels = sorted(set(grid_map.ravel().tolist()))
    h, w = grid_map.shape
    found = regions(grid_map, Rect(0, 0, w, h), (h, w), Threshold.parse("otsu"))
    if len(levels) == 1:
        assert found == []
        return
    scores = {}
    for level in levels[:-1]:
        low, high = grid_map[grid_map <= level], grid_map[grid_map > level]
        scores[level] = low.size * high.size * (low.mean() - high.mean()) ** 2
    # Several thresholds may be equally good.
    good = [level for level in scores if scores[level] == pytest.approx(max(scores.values()))]
    expected = [sorted(slow_regions(grid_map, grid_map > level)) for level in good]
    assert any(len(found) == len(e) and np.allclose(sorted(found), e) for e in expected)


def test_boxes_lie_on_the_image_and_are_clipped_to_it():
    grid_map = np.zeros((4, 4))
    grid_map[0, 0], grid_map[1:3, 2], grid_map[3, 0] = 1, 3, 2
    grid_map[3, 3] = np.nan
    found = regions(grid_map, Rect(-10, 5, 40, 80), (60, 28), Threshold.parse("otsu"))
    assert [tuple(region) for region in found] == [(10, 25, 10, 35, pytest.approx(6 / 9), 3)]
    found = regions(grid_map, Rect(-5, 5, 40, 80), (80, 28), Threshold.parse("percentile:75"))
    assert [tuple(region[:4]) for region in found] == [(15, 25, 10, 40), (0, 65, 5, 15), (0, 5, 5, 20)]


def test_regions_whatever_the_sign_and_the_scale():
    grid_map = np.array([[0.0, 5, 0, 9, 9]])
    one = regions(grid_map, Rect(0, 0, 5, 1), (1, 5), Threshold.parse("percentile:50"))
    assert [region.x for region in one] == [3, 1]
    for scale, shift in ((1e307, 0), (1e-310, 0), (1, -9)):
        other = regions(grid_map * scale + shift, Rect(0, 0, 5, 1), (1, 5), Threshold.parse("percentile:50"))
        np.testing.assert_allclose([r[:5] for r in other], [r[:5] for r in one])
        assert other[0].peak == 9 * scale + shift
    assert regions(np.full((2, 2), np.nan), Rect(0, 0, 5, 1), (1, 5), Threshold()) == []


@pytest.mark.parametrize("text", ["", "otsu:3", "percentile", "percentile:", "percentile:101", "percentile:nan", "9"])
def test_thresholds_that_are_none(text):
    with pytest.raises(InvalidInputError, match="no threshold; write otsu or percentile:Q"):
        Threshold.parse(text)


def test_a_snake_through_a_large_map_is_one_region():
    snake = np.zeros((1001, 1500), np.float32)
    snake[::2] = 1
    snake[1::4, -1] = snake[3::4, 0] = 1
    start = time.perf_counter()
    found = regions(snake, Rect(0, 0, 1500, 1001), (1001, 1500), Threshold.parse("otsu"))
    assert [tuple(region) for region in found] == [(0, 0, 1500, 1001, 1, 1)]
    assert time.perf_counter() - start < 5
