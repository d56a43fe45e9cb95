"""The attention mask is the adjoint: what a unit impulse at each pixel sends through the sampler."""

import math

import numpy as np
import oracles
import pytest
from conftest import examples
from hypothesis import assume, example, given
from hypothesis import strategies as st

from glimpsecli import Affine, GaussianParams, Window, attention, extract, mask
from glimpsecli.errors import InvalidInputError

MARGIN = 24
PLANE = (9 + 2 * MARGIN, 9 + 2 * MARGIN)
"""An image that no taps of these tests reach the end of."""


def adjoint(read, shape):
    """Sum what each pixel alone gives to a glimpse."""
    total = np.zeros(shape)
    for y, x in np.ndindex(*shape):
        impulse = np.zeros((*shape, 1))
        impulse[y, x] = 1
        total[y, x] = read(impulse).sum()
    return total


def spread(matrix, size, order):
    """Sum the weights of all taps on a large plane, tap by tap."""
    total = np.zeros(PLANE)
    for i, j in np.ndindex(*size):
        x, y = matrix @ [j, i, 1]
        if order == 0:
            total[math.floor(y + 0.5), math.floor(x + 0.5)] += 1
            continue
        x0, y0 = math.floor(x), math.floor(y)
        for row, weight in ((y0, 1 - (y - y0)), (y0 + 1, y - y0)):
            total[row, x0] += weight * (1 - (x - x0))
            total[row, x0 + 1] += weight * (x - x0)
    return total


finite = st.floats(-6, 14)


@examples(12)
@example(8.0, -3.5, 2.0, 0.0, 1, 1)  # outside, where weights are large
@given(finite, finite, st.floats(0.4, 2), st.floats(-2, 2), st.integers(1, 3), st.integers(1, 3))
def test_a_gaussian_mask_is_the_adjoint(u_y, u_x, sigma, stride, h, w):
    params = (u_y, sigma, stride, u_x, sigma * 0.8, -stride, 1.0)
    far = (u_y + MARGIN, sigma, stride, u_x + MARGIN, sigma * 0.8, -stride, 1.0)
    peak = attention.gaussian.write(np.ones((h, w)), far, PLANE).max()
    uncut = adjoint(lambda image: oracles.gaussian(image, params, (h, w)), (7, 9)) / peak
    got = mask((7, 9), GaussianParams(*params), (h, w))
    assert got.dtype == np.float32
    # The tails that the kernel cuts are at most 2.7e-7 of the weight of the nearest pixel, which outside is above 1.
    assert np.abs(got - np.minimum(uncut, 1)).max() < 5e-7 * max(uncut.max(), 1)


@examples(25)
@given(
    st.floats(-3, 12), st.floats(-3, 12), st.floats(0.5, 9), st.floats(0.5, 9), st.sampled_from([0, 90, 17.5, -130]),
    st.sampled_from(["zeros", "edge", "reflect"]), st.sampled_from(["bilinear", "hard"]),
    st.integers(1, 6), st.integers(1, 6),
)  # fmt: skip
def test_a_bilinear_and_a_hard_mask_are_the_adjoint(cx, cy, width, height, angle, border, sampler, h, w):
    window = Window(cx, cy, width, height, angle)
    matrix = window.to_affine((h, w)).matrix
    edges = attention.spatial.matrix_grid(matrix, (h, w)) + 0.5
    assume(sampler == "bilinear" or np.abs(edges - np.rint(edges)).min() > 1e-9)  # MARGIN would round to another pixel
    far = np.add(matrix, [[0, 0, MARGIN], [0, 0, MARGIN]])
    oracle = getattr(oracles, sampler)
    peak = spread(far, (h, w), 1 if sampler == "bilinear" else 0).max()
    wanted = np.minimum(adjoint(lambda image: oracle(image, matrix, (h, w), border), (8, 9)) / peak, 1)
    got = mask((8, 9), window, (h, w), sampler=sampler, border=border)
    assert np.abs(got - wanted).max() < 2e-6


@examples(12)
@example(8.0, -3.5, 30.0, 3.0, 3.0, 1, 1)  # outside, where weights are large
@given(finite, finite, st.floats(-180, 180), st.floats(0.5, 6), st.floats(0.5, 6), st.integers(1, 3), st.integers(1, 3))
def test_the_mask_of_elliptical_gaussians_is_the_adjoint(cx, cy, angle, width, height, h, w):
    window = Window(cx, cy, width, height, angle)
    matrix = window.to_affine((h, w)).matrix
    ones = np.ones((h, w))
    peak = attention.elliptical.write(ones, np.add(matrix, [[0, 0, MARGIN], [0, 0, MARGIN]]), PLANE, 0.5).max()
    uncut = adjoint(lambda image: attention.elliptical.glimpse(image, matrix, (h, w), 0.5), (7, 9)) / peak
    got = mask((7, 9), window, (h, w))
    assert np.abs(got - np.minimum(uncut, 1)).max() < 2e-6 * max(uncut.max(), 1)
    np.testing.assert_allclose(
        attention.masks.elliptical_mask(matrix, (h, w), (7, 9), 0.5), np.minimum(uncut, 1), rtol=0, atol=1e-9
    )


@pytest.mark.parametrize("blur", [0.35, 0.9, 2.0])
@pytest.mark.parametrize("size", [(1, 2), (4, 5), (18, 17)])
def test_the_peak_of_wide_gaussians_is_that_of_a_plane(size, blur):
    matrix = np.array([[7, -2.1, 0.3], [1.8, 6.1, 0.2]])
    top, bottom, left, right = attention.masks.elliptical_bounds(matrix, size, blur)
    plane = attention.elliptical.write(
        np.ones(size), matrix - [[0, 0, left], [0, 0, top]], (bottom - top, right - left), blur
    )
    assert attention.masks.wide_peak(matrix, size, blur) == pytest.approx(plane.max(), rel=1e-9)
    assert attention.masks.wide_peak(matrix / 9, size, blur / 2) is None


def test_a_large_turned_window_has_a_mask():
    seen = mask((300, 451), Window(200, 100, 8000, 8000, 20), (32, 32))
    upright = mask((300, 451), Window(200, 100, 8000, 8000), (32, 32))
    assert seen.max() == pytest.approx(upright.max(), abs=0.02)


def test_the_mask_of_a_window_that_hardly_turns_is_that_of_an_upright_one():
    for angle in (0, 90, -180):
        upright, turned = (mask((60, 50), Window(3, 40, 30, 24, one), (6, 5)) for one in (angle, angle + 1e-7))
        np.testing.assert_allclose(turned, upright, atol=2e-6)
    both = mask((60, 50), [Window(20, 30, 24, 16), Window(30, 20, 24, 16, 30)], (4, 6))
    first, second = mask((60, 50), Window(20, 30, 24, 16), (4, 6)), mask((60, 50), Window(30, 20, 24, 16, 30), (4, 6))
    np.testing.assert_array_equal(both, np.maximum(first, second))


def test_one_gaussian_tap_is_the_articles_mask():
    got = mask((80, 99), GaussianParams(37.0, 4, 0, 50.0, 6, 0), (1, 1))
    a_y, a_x = attention.gaussian.vector(37, 4, 80), attention.gaussian.vector(50, 6, 99)
    assert np.abs(got - attention.soft.separable_mask(a_y, a_x)).max() < 1e-6


def test_a_crop_is_zeros_and_ones_and_windows_join_by_their_maximum():
    first, second = Window.from_box(1, 2, 3, 4), Window.from_box(3, 3, 40, 2)
    wanted = np.zeros((9, 12))
    wanted[2:6, 1:4] = 1
    wanted[3:5, 3:] = 1
    for sampler in ("hard", "bilinear"):
        one = mask((9, 12), first, (4, 3), sampler=sampler)
        np.testing.assert_array_equal(np.maximum(one, mask((9, 12), second, (2, 40), sampler=sampler)), wanted)
    both = mask((9, 12), [first, Window.from_box(5, 1, 3, 4)], (4, 3), sampler="hard")
    assert both.sum() == 24
    assert set(np.unique(both)) == {0, 1}


def test_the_border_row_does_not_darken_the_rest():
    inside, over = (mask((60, 60), Window(30, cy, 40, 40), (10, 10)) for cy in (30, 5))
    assert abs(over[:20].max() - 1) < 1e-6
    assert abs(np.median(over[3:20, 20:40]) - np.median(inside[20:40, 20:40])) < 0.05


def test_a_mask_of_a_large_image_costs_little_and_says_the_same():
    small = mask((300, 400), Window(200, 150, 90, 60), (12, 18))
    large = mask((3000, 4000), Window(200, 150, 90, 60), (12, 18))
    np.testing.assert_allclose(large[:300, :400], small, atol=3e-7)
    assert large[300:].max() < 1e-6


def test_soft_attention_through_the_mask_of_a_crop_is_the_crop():
    image = np.random.default_rng(0).random((9, 12, 3), np.float32)
    window = Window.from_box(1, 2, 3, 4)
    seen = attention.soft.attend(image, mask((9, 12), window, (4, 3), sampler="hard"))
    np.testing.assert_allclose(seen[2:6, 1:4], extract(image, window, (4, 3), sampler="hard"))
    assert np.abs(seen).sum() == pytest.approx(np.abs(seen[2:6, 1:4]).sum())


def test_taps_that_see_nothing_give_an_empty_mask():
    assert mask((9, 9), Window(400, 400, 2, 2), (4, 4), sampler="bilinear").max() == 0
    assert mask((9, 9), GaussianParams(4.5, 1e-4, 1, 4.5, 1e-4, 1), (2, 2)).max() == 0
    assert mask((9, 9), Affine([[1e8, 0, 3], [0, 1e8, 3]]), (3, 3), sampler="bilinear")[3, 3] == 1
    assert mask((9, 9), Affine([[1e8, 3, 3], [0, 1e8, 3]]), (3, 3), sampler="bilinear")[3, 3] == 1


@pytest.mark.parametrize(
    ("place", "size", "words"),
    [
        (Affine([[1e5, 0.2, 4], [1e4, 1, 4]]), (3, 3), "too wide for a mask"),
        (GaussianParams(1, 1e8, 1, 1, 1e8, 1), (30, 30), "too wide for a mask"),
    ],
)
def test_what_has_no_mask_is_refused(place, size, words):
    with pytest.raises(InvalidInputError, match=words):
        mask((9, 9), place, size)
