"""The definitions against closed forms, published figures and slow loops."""

import math

import numpy as np
import oracles
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glimpsecli import GlimpseError
from glimpsecli.attention import gaussian, hard, soft, spatial

rng = np.random.default_rng(20171014)


def test_the_articles_example():
    # A 10x10 image with ones at [3:6, 3:6]; 5x5 Gaussians from u = 2, s = 0.5, d = 1.
    image = np.zeros((10, 10))
    image[3:6, 3:6] = 1
    glimpse = gaussian.glimpse(image, (2, 0.5, 1, 2, 0.5, 1, 1), (5, 5))
    # For s = 1/2 the weights at 0, 1, 2, 3, ... pixels are 1, e^-2, e^-8, e^-18, ...; each row is divided by its sum.
    e = [math.exp(-2 * n * n) for n in range(9)]
    sums = [sum(e[abs(k - c)] for k in range(10)) for c in range(2, 7)]
    seen = [sum(e[abs(k - c)] for k in (3, 4, 5)) / total for c, total in zip(range(2, 7), sums, strict=True)]
    np.testing.assert_allclose(glimpse, np.outer(seen, seen), rtol=1e-7)
    assert glimpse[2, 2] == pytest.approx(0.999, abs=2e-3)
    assert glimpse[0, 0] == pytest.approx((0.13567 / 1.27134) ** 2, rel=1e-4)


def test_the_articles_gaussian_mask():
    # The article's function, as it stands there but for TensorFlow: columns of the mask are pixels after a transpose.
    u, s, d, taps, pixels = 3.3, 1.7, 2.1, 6, 23
    centres = u + np.arange(taps) * d
    mask = np.exp(-0.5 * np.square((np.arange(pixels)[:, None] - centres[None, :]) / s))
    mask = mask / (mask.sum(0, keepdims=True) + 1e-8)
    np.testing.assert_allclose(gaussian.filterbank(u, s, d, taps, pixels), mask.T, rtol=1e-12)


@given(st.floats(-60, 90), st.floats(0.05, 100), st.floats(-9, 9), st.integers(1, 7), st.integers(1, 30))
def test_filterbank_equals_the_loop(first, sigma, stride, taps, pixels):
    weights = gaussian.filterbank(first, sigma, stride, taps, pixels)
    loop = [oracles.normalised_gaussian(first + r * stride, sigma, pixels) for r in range(taps)]
    np.testing.assert_allclose(weights, loop, rtol=1e-9, atol=1e-15)


def test_far_outside_the_edge_is_repeated_and_then_all_is_black():
    sigma = 3.0
    for distance, share in ((0, 1), (4, 1), (5, 0.997), (math.sqrt(2 * math.log(1e8)), 0.5), (7, 0.00229)):
        # An image of one pixel: a / (a + 1e-8) in closed form.
        row = gaussian.filterbank(-distance * sigma, sigma, 1, 1, 1)
        assert row[0, 0] == pytest.approx(share, abs=1e-3)


def test_a_wide_gaussian_sees_the_mean_and_a_narrow_one_a_pixel():
    image = rng.random((7, 9, 3))
    wide = gaussian.glimpse(image, (3, 1e6, 0, 4, 1e6, 0, 1), (1, 1))
    np.testing.assert_allclose(wide[0, 0], image.mean((0, 1)), rtol=1e-6)
    narrow = gaussian.glimpse(image, (1, 1e-3, 2, 0, 1e-3, 3, 1), (3, 3))
    np.testing.assert_allclose(narrow, image[1:6:2, 0:7:3], rtol=1e-6)


def test_a_negative_stride_flips_and_gain_multiplies():
    image = rng.random((12, 15))
    forth = gaussian.glimpse(image, (2, 0.7, 1.5, 3, 0.9, 2, 1), (5, 4))
    back = gaussian.glimpse(image, (2 + 4 * 1.5, 0.7, -1.5, 3 + 3 * 2, 0.9, -2, 2.5), (5, 4))
    np.testing.assert_allclose(back, 2.5 * forth[::-1, ::-1], rtol=1e-12)


def test_draws_write_is_the_adjoint_of_its_read():
    params = (2.2, 1.1, 1.7, 3.1, 0.8, 2.3, 1.6)
    image, patch = rng.random((11, 14, 2)), rng.random((4, 5, 2))
    read = gaussian.glimpse(image, params, (4, 5)) / params[-1]
    written = gaussian.write(patch, params, (11, 14)) * params[-1]
    assert np.vdot(read, patch) == pytest.approx(np.vdot(image, written))


def test_what_has_no_meaning_is_refused():
    with pytest.raises(GlimpseError, match="gain"):
        gaussian.write(np.ones((2, 2)), (0, 1, 1, 0, 1, 1, 0), (4, 4))
    with pytest.raises(GlimpseError, match="order 3"):
        spatial.sample(np.ones((3, 3)), [[1, 1]], order=3)


def test_draws_write_in_its_own_words():
    # Equation 28: (1 / gamma) F_Y^T w F_X.
    params = (2.2, 1.1, 1.7, 3.1, 0.8, 2.3, 1.6)
    f_y, f_x = gaussian.filterbank(2.2, 1.1, 1.7, 4, 11), gaussian.filterbank(3.1, 0.8, 2.3, 5, 14)
    patch = rng.random((4, 5))
    np.testing.assert_allclose(gaussian.write(patch, params, (11, 14)), f_y.T @ patch @ f_x / 1.6)


def test_grey_and_colour_are_read_alike():
    image = rng.random((8, 9, 3))
    params, grid = (1, 0.6, 1.3, 2, 0.8, 1.1, 1), spatial.matrix_grid([[1.1, 0.2, 1], [-0.1, 1, 2]], (4, 5))
    for c in range(3):
        grey = gaussian.glimpse(image[..., c], params, (4, 5))
        np.testing.assert_allclose(gaussian.glimpse(image, params, (4, 5))[..., c], grey)
        np.testing.assert_allclose(spatial.sample(image, grid)[..., c], spatial.sample(image[..., c], grid))


numbers = st.floats(-3, 3)
matrices = st.tuples(st.tuples(numbers, numbers, st.floats(-30, 30)), st.tuples(numbers, numbers, st.floats(-30, 30)))
borders = st.sampled_from(["zeros", "constant", "edge", "reflect"])


@given(matrices, borders, st.sampled_from([0, 1]), st.tuples(st.integers(1, 9), st.integers(1, 8)))
def test_sample_equals_the_loop(matrix, border, order, image_size):
    image = np.random.default_rng(5).random((*image_size, 2))
    fill = [0.3, 0.9]
    found = spatial.sample(image, spatial.matrix_grid(matrix, (4, 5)), border, order, fill)
    loop = (oracles.hard, oracles.bilinear)[order](image, matrix, (4, 5), border, fill)
    np.testing.assert_allclose(found, loop, atol=1e-12)


def test_sample_continues_the_image_as_numpys_padding_does():
    image = rng.random((4, 5))
    grid = np.stack(np.meshgrid(np.arange(-13, 18), np.arange(-12, 16)), -1)
    for border, mode in (("edge", "edge"), ("reflect", "symmetric"), ("zeros", "constant")):
        padded = np.pad(image, ((12, 12), (13, 13)), mode=mode)
        for order in (0, 1):
            np.testing.assert_allclose(spatial.sample(image, grid, border, order), padded)


def test_bilinear_of_a_plane_is_the_plane():
    y, x = np.mgrid[:9, :11]
    points = rng.uniform(0, 8, (40, 2))
    found = spatial.sample(2 * x - 3 * y + 1.0, points)
    np.testing.assert_allclose(found, 2 * points[:, 0] - 3 * points[:, 1] + 1)


def test_the_edge_blends_into_the_fill():
    image = np.full((3, 3), 10.0)
    assert spatial.sample(image, [[-0.25, 1]], "zeros")[0] == pytest.approx(7.5)
    assert spatial.sample(image, [[-0.25, 1]], "constant", fill=2)[0] == pytest.approx(8)
    assert spatial.sample(image, [[-0.25, 1]], "edge")[0] == pytest.approx(10)


def test_nearest_reads_the_pixel_that_the_point_falls_in():
    image = np.arange(5.0)[None, :]
    points = [[-0.5, 0], [0.49, 0], [0.5, 0], [2.499, 0], [2.5, 0], [4.49, 0]]
    assert spatial.sample(image, points, order=0).tolist() == [0, 0, 1, 2, 3, 4]


def test_quarter_turns_and_flips_are_numpys():
    image = rng.random((6, 6, 3))
    for matrix, expected in (
        ([[1, 0, 0], [0, 1, 0]], image),
        ([[-1, 0, 5], [0, 1, 0]], image[:, ::-1]),
        ([[1, 0, 0], [0, -1, 5]], image[::-1]),
        ([[0, -1, 5], [1, 0, 0]], np.rot90(image)),
        ([[0, 1, 0], [-1, 0, 5]], np.rot90(image, -1)),
    ):
        np.testing.assert_array_equal(spatial.sample(image, spatial.matrix_grid(matrix, (6, 6))), expected)


def test_a_pixel_without_weight_is_not_looked_at():
    image = np.ones((3, 4))
    image[:, 3] = np.nan
    image[2] = np.inf
    assert spatial.sample(image, spatial.matrix_grid(np.eye(2, 3), (2, 3))).tolist() == [[1, 1, 1], [1, 1, 1]]


def test_crop_is_a_slice_and_knows_its_borders():
    image = rng.integers(0, 255, (5, 7, 3), dtype=np.uint8)
    np.testing.assert_array_equal(hard.crop(image, 1, 2, (3, 4)), image[1:4, 2:6])
    assert hard.crop(image, 1, 2, (3, 4)).dtype == np.uint8
    beyond = hard.crop(image, -2, 5, (3, 4), "constant", [1, 2, 3])
    assert beyond[0].tolist() == [[1, 2, 3]] * 4
    np.testing.assert_array_equal(beyond[2, :2], image[0, 5:])
    np.testing.assert_array_equal(hard.crop(image, -2, 0, (7, 7), "edge")[:2], image[[0, 0]])
    with pytest.raises(GlimpseError, match="'wrap'"):
        hard.crop(image, 0, 0, (2, 2), "wrap")
    for fill in (300, 0.5):
        with pytest.raises(GlimpseError, match="does not fit uint8"):
            hard.crop(image, 0, 0, (9, 9), "constant", fill)


def test_hard_attention_selects_and_soft_attention_weighs():
    features = np.arange(12).reshape(4, 3)
    assert hard.index(features, [0, 1, 0, 1]).tolist() == [[3, 4, 5], [9, 10, 11]]
    with pytest.raises(GlimpseError, match="zeros and ones"):
        hard.index(features, [0, 0.5, 0, 1])
    with pytest.raises(GlimpseError, match="does not fit"):
        hard.index(features, [0, 1])
    image, mask = rng.random((3, 4, 2)), rng.random((3, 4))
    np.testing.assert_allclose(soft.attend(image, mask), image * mask[:, :, None])
    np.testing.assert_allclose(soft.attend(image[..., 0], mask), image[..., 0] * mask)
    with pytest.raises(GlimpseError, match="runs from"):
        soft.attend(image, mask * 2)
    with pytest.raises(GlimpseError, match="does not fit"):
        soft.attend(image, mask.T)


def test_the_mask_of_two_vectors_is_their_outer_product():
    a_y, a_x = gaussian.vector(2, 1.5, 6), gaussian.vector(4.5, 2, 8)
    mask = soft.separable_mask(a_y, a_x)
    assert mask.shape == (6, 8)
    assert mask[2].max() == pytest.approx(math.exp(-0.5 * (0.5 / 2) ** 2))
    assert mask[3, 2] == pytest.approx(math.exp(-0.5 * (1 / 1.5) ** 2 - 0.5 * (2.5 / 2) ** 2))
