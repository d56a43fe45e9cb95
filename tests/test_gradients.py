"""Gradients of the definitions, against central differences."""

import numpy as np
import pytest
from conftest import examples
from hypothesis import assume, given
from hypothesis import strategies as st

from glimpsecli.attention import gaussian, spatial
from glimpsecli.errors import InvalidInputError
from glimpsecli.window import Projective, conversions, pullbacks

STEP = 1e-6


def differences(function, at, step=STEP):
    """Differentiate a scalar function by each element of `at`, centrally, with Richardson's correction."""
    at = np.asarray(at, dtype=np.float64)
    found = np.zeros(at.shape)
    for index in np.ndindex(at.shape):
        slopes = []
        for h in (step, 2 * step):
            ahead, behind = at.copy(), at.copy()
            ahead[index] += h
            behind[index] -= h
            slopes.append((function(ahead) - function(behind)) / (2 * h))
        found[index] = (4 * slopes[0] - slopes[1]) / 3
    return found


def assert_close(found, expected, scale=1.0, tolerance=1e-6):
    assert np.abs(found - expected).max() <= tolerance * max(np.abs(expected).max(), scale)


def scene(seed, channels=2, shape=(9, 11), size=(4, 3)):
    random = np.random.default_rng(seed)
    return random.random((*shape, channels)), random.standard_normal((*size, channels))


@examples(60)
@given(
    st.integers(0, 99), st.floats(-8, 16), st.floats(-8, 16), st.floats(0.4, 4), st.floats(0.4, 4),
    st.floats(-4, 4), st.floats(-4, 4), st.floats(-2, 2),
)  # fmt: skip
def test_gaussian_gradients_are_the_differences(seed, u_y, u_x, s_y, s_x, d_y, d_x, gain):
    image, loss = scene(seed)
    params = np.array([u_y, s_y, d_y, u_x, s_x, d_x, gain])
    by_image, by_params = gaussian.glimpse_vjp(image, params, (4, 3), loss)
    assert_close(by_params, differences(lambda p: np.sum(loss * gaussian.glimpse(image, p, (4, 3))), params, 1e-5))
    # The read is linear in the image, so its gradient is the adjoint.
    other = np.random.default_rng(seed + 1).random(image.shape)
    assert np.sum(by_image * other) == pytest.approx(np.sum(loss * gaussian.glimpse(other, params, (4, 3))), abs=1e-9)


@examples(60)
@given(
    st.integers(0, 99), st.floats(-4, 12), st.floats(-4, 12), st.floats(-3, 3), st.floats(-3, 3), st.floats(-1, 1),
    st.sampled_from(["zeros", "constant", "edge", "reflect"]),
)  # fmt: skip
def test_bilinear_gradients_are_the_differences(seed, u_x, u_y, d_x, d_y, shear, border):
    image, loss = scene(seed)
    matrix = np.array([[d_x, shear, u_x], [-shear, d_y, u_y]])
    grid = spatial.matrix_grid(matrix, (4, 3))
    assume(np.abs((grid + 0.5) % 1 - 0.5).min() > 1e-3)

    def value(m, pixels=image):
        return np.sum(loss * spatial.sample(pixels, spatial.matrix_grid(m, (4, 3)), border, 1, 0.3))

    by_image, by_grid = spatial.sample_vjp(image, grid, loss, border, 1, 0.3)
    assert_close(spatial.matrix_grid_vjp(matrix, by_grid), differences(value, matrix))
    other = np.random.default_rng(seed + 1).random(image.shape)
    assert np.sum(by_image * other) == pytest.approx(value(matrix, image + other) - value(matrix), abs=1e-9)


@given(st.integers(0, 99))
def test_projective_gradients_are_the_differences(seed):
    image, loss = scene(seed)
    quad = np.array([(1, 1), (8, 2), (9, 7), (2, 6)]) + np.random.default_rng(seed).uniform(-0.8, 0.8, (4, 2))
    matrix = Projective.from_quad(quad, (4, 3)).matrix
    grid = spatial.matrix_grid(matrix, (4, 3))
    assume(np.abs((grid + 0.5) % 1 - 0.5).min() > 1e-3)
    by_grid = spatial.sample_vjp(image, grid, loss)[1]
    expected = differences(lambda m: np.sum(loss * spatial.sample(image, spatial.matrix_grid(m, (4, 3)))), matrix)
    assert_close(spatial.matrix_grid_vjp(matrix, by_grid), expected)


def test_on_a_kink_the_derivative_is_that_to_the_right():
    image = np.array([[0.0, 1, 5, 6]])
    by_grid = spatial.sample_vjp(image, np.array([[1.0, 0.0]]), np.ones(1), "edge")[1]
    np.testing.assert_array_equal(by_grid, [[4, 0]])
    beyond = spatial.sample_vjp(image, np.array([[-3.0, 0.0], [7.5, 0.0]]), np.ones(2), "edge")[1]
    np.testing.assert_array_equal(beyond, np.zeros((2, 2)))
    assert not spatial.sample_vjp(image, np.array([[1.3, 0.0]]), np.ones(1), "zeros", 0)[1].any()


@given(st.floats(-9, 9), st.floats(-9, 9), st.floats(0.5, 9), st.floats(0.5, 9), st.floats(-180, 180))
def test_the_chain_rule_through_windows(cx, cy, width, height, angle):
    window, by_matrix = np.array([[cx, cy, width, height, angle]]), np.random.default_rng(1).random((1, 2, 3))
    expected = differences(lambda one: np.sum(by_matrix * conversions.windows_to_matrices(one, (4, 3))), window, 1e-4)
    assert_close(pullbacks.windows_to_matrices_vjp(window, (4, 3), by_matrix), expected, tolerance=1e-8)


@given(st.floats(-5, 5), st.floats(-5, 5), st.floats(0.2, 2))
def test_the_chain_rule_through_gaussians(d_x, d_y, blur):
    assume(min(abs(abs(d_x) - 1), abs(abs(d_y) - 1)) > 1e-3)
    matrix, by_gaussian = np.array([[[d_x, 0, 3], [0, d_y, 4.0]]]), np.random.default_rng(1).random((1, 7))

    def value(four):
        moved = np.array([[[four[0], 0, four[1]], [0, four[2], four[3]]]])
        return np.sum(by_gaussian * conversions.matrices_to_gaussians(moved, blur))

    expected = differences(value, np.array([d_x, 3, d_y, 4.0]), 1e-4)
    found = pullbacks.matrices_to_gaussians_vjp(matrix, blur, by_gaussian)[0]
    assert_close(found[[0, 0, 1, 1], [0, 2, 1, 2]], expected, tolerance=1e-8)


@pytest.mark.parametrize("vjp", [gaussian.glimpse_vjp, spatial.sample_vjp])
def test_a_cotangent_of_another_shape_is_refused(vjp):
    where = ((1, 1, 1, 1, 1, 1, 1), (2, 2)) if vjp is gaussian.glimpse_vjp else (np.zeros((2, 2, 2)),)
    with pytest.raises(InvalidInputError, match="cotangent"):
        vjp(np.zeros((5, 5, 3)), *where, np.zeros((2, 3, 3)))
