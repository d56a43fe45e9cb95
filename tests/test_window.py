import copy
import math
import pickle

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from glimpsecli import Affine, GaussianParams, GlimpseError, Window
from glimpsecli.attention import spatial
from glimpsecli.window import corners, share_outside, stack_gaussians, stack_matrices

coordinates = st.floats(-1e4, 1e4)
extents = st.floats(1e-2, 1e4)
sizes = st.tuples(st.integers(1, 40), st.integers(1, 50))
angles = st.floats(-720, 720)
windows = st.builds(Window, coordinates, coordinates, extents, extents, angles)
upright = st.builds(Window, coordinates, coordinates, extents, extents)


def taps(matrix, size):
    """Where the glimpse looks: (h, w, 2) of (x, y), index coordinates."""
    j, i = np.meshgrid(np.arange(size[1]), np.arange(size[0]))
    return np.stack([j, i, np.ones(size)], -1) @ np.asarray(matrix).T


@given(windows)
def test_the_row_of_a_window_makes_it_again(window):
    assert Window(*window.row) == window


def test_a_whole_pixel_window_reads_whole_pixels_exactly():
    for width in range(1, 60):
        for height in (1, 2, 3, 7, 31):
            matrix = Window.from_box(11, 5, width, height).to_affine((height, width)).matrix
            assert matrix.tolist() == [[1, 0, 11], [0, 1, 5]]


@pytest.mark.parametrize(
    ("angle", "turn"),
    [(0, [[1, 0], [0, 1]]), (90, [[0, -1], [1, 0]]), (180, [[-1, 0], [0, -1]]), (270, [[0, 1], [-1, 0]]),
     (-90, [[0, 1], [-1, 0]]), (450, [[0, -1], [1, 0]])],
)  # fmt: skip
def test_quarter_turns_are_exact(angle, turn):
    assert Window(10, 10, 4, 4, angle).to_affine((4, 4)).matrix[:, :2].tolist() == turn


def test_a_positive_angle_turns_clockwise_on_the_screen():
    # The glimpse's rightward direction points right and down on the image, y being down.
    (x0, y0), (x1, y1) = taps(Window(50, 50, 10, 10, 30).to_affine((10, 10)).matrix, (10, 10))[0, [0, 1]]
    assert math.degrees(math.atan2(y1 - y0, x1 - x0)) == pytest.approx(30)


@given(windows, sizes)
def test_a_window_survives_the_way_through_its_matrix(window, size):
    back = Window.from_affine(window.to_affine(size), size)
    assert (back.cx, back.cy) == pytest.approx((window.cx, window.cy), abs=1e-7)
    assert (back.width, back.height) == pytest.approx((window.width, window.height), rel=1e-9)
    turn = math.remainder(back.angle - window.angle, 360)
    assert turn == pytest.approx(0, abs=1e-7)


@given(windows, sizes)
def test_the_corners_of_the_cells_are_the_corners_of_the_window(window, size):
    outline = corners(window.to_affine(size), size)
    cos, sin = math.cos(math.radians(window.angle)), math.sin(math.radians(window.angle))
    for (x, y), (u, v) in zip(outline, [(-1, -1), (1, -1), (1, 1), (-1, 1)], strict=True):
        a, b = u * window.width / 2, v * window.height / 2
        expected = (window.cx + cos * a - sin * b, window.cy + sin * a + cos * b)
        assert (x, y) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("convention", "first", "stride"),
    [("cells", 10 + 12 / 8 - 0.5, 12 / 4), ("corners", 10, 11 / 3), ("hart", 10, 12 / 3)],
)
def test_each_convention_puts_its_taps_where_its_authors_do(convention, first, stride):
    matrix = Affine.from_box(10, 20, 12, 9, (3, 4), convention).matrix
    assert matrix[0].tolist() == pytest.approx([stride, 0, first])


def test_corner_aligned_taps_run_from_the_first_to_the_last_pixel_of_the_box():
    x = taps(Affine.from_box(10, 20, 12, 9, (3, 4), "corners").matrix, (3, 4))
    assert x[0, 0].tolist() == pytest.approx([10, 20])
    assert x[-1, -1].tolist() == pytest.approx([21, 28])


@pytest.mark.parametrize("convention", ["cells", "corners", "hart"])
def test_a_single_tap_looks_at_the_middle(convention):
    matrix = Affine.from_box(10, 20, 12, 9, (1, 1), convention).matrix
    middle = {"cells": (15.5, 24.0), "corners": (15.5, 24.0), "hart": (16.0, 24.5)}[convention]
    assert matrix[:, 2].tolist() == pytest.approx(middle)
    assert matrix[0, 0] == 12
    assert matrix[1, 1] == 9


@given(upright, sizes, st.sampled_from(["cells", "corners", "hart"]))
def test_a_box_survives_each_convention(window, size, convention):
    assume(convention != "corners" or min(window.width, window.height) >= 1)
    box = window.box
    back = Affine.from_box(*box, size, convention).to_box(size, convention)
    assert back == pytest.approx(box, rel=1e-9, abs=1e-7)


@pytest.mark.parametrize("align_corners", [False, True])
@given(windows, sizes, st.tuples(st.integers(2, 500), st.integers(2, 400)))
def test_a_window_survives_the_way_through_theta(align_corners, window, size, image_size):
    one_tap = [extent for extent, taps in ((window.width, size[1]), (window.height, size[0])) if taps == 1]
    assume(not align_corners or all(extent > 1.001 for extent in one_tap))
    matrix = window.to_affine(size)
    theta = window.to_theta(image_size, align_corners, size)
    back = Affine.from_theta(theta, image_size, size, align_corners)
    np.testing.assert_allclose(back.matrix, matrix.matrix, rtol=1e-9, atol=1e-7)
    # The definition's grid generator reads the same theta at the same places.
    np.testing.assert_allclose(
        spatial.affine_grid(theta, size, image_size, align_corners), taps(matrix.matrix, size), rtol=1e-9, atol=1e-6
    )


def test_theta_follows_the_published_formulas():
    # STN, scale s and shift t. align_corners=False: S = s H, y = ((t + 1) H - S) / 2.
    (height, width), (s_x, t_x, s_y, t_y) = (30, 50), (0.4, 0.1, 0.5, -0.2)
    size = (6, 10)
    box = Affine.from_theta([s_x, t_x, s_y, t_y], (height, width), size).to_box(size)
    extent = (s_x * width, s_y * height)
    expected = (((t_x + 1) * width - extent[0]) / 2, ((t_y + 1) * height - extent[1]) / 2, *extent)
    assert box == pytest.approx(expected)
    # align_corners=True: S - 1 = s (H - 1), y = ((t + 1) (H - 1) - (S - 1)) / 2.
    box = Affine.from_theta([s_x, t_x, s_y, t_y], (height, width), size, True).to_box(size, "corners")
    reach = (s_x * (width - 1), s_y * (height - 1))
    expected = (((t_x + 1) * (width - 1) - reach[0]) / 2, ((t_y + 1) * (height - 1) - reach[1]) / 2)
    assert box == pytest.approx((*expected, reach[0] + 1, reach[1] + 1))


def test_the_identity_theta_is_the_identity():
    for align_corners in (False, True):
        for n in (2, 3, 7, 100, 333):
            matrix = Affine.from_theta([1, 0, 1, 0], (n, n + 1), (n, n + 1), align_corners).matrix
            np.testing.assert_allclose(matrix, [[1, 0, 0], [0, 1, 0]], atol=1e-12)


def test_draw_counts_from_one():
    # Equations 19 to 24 of DRAW for a 28x20 image (A = 20 wide, B = 28 high) and N = 12.
    a, b, n = 20, 28, 12
    gx, gy, log_variance, log_stride, log_gain = 0.3, -0.25, 0.5, -0.7, 0.2
    params = GaussianParams.from_draw(gx, gy, log_variance, log_stride, log_gain, (n, n), (b, a))
    centre_x, centre_y = (a + 1) / 2 * (gx + 1), (b + 1) / 2 * (gy + 1)
    stride = (max(a, b) - 1) / (n - 1) * math.exp(log_stride)
    for i in range(1, n + 1):
        assert params.u_x + (i - 1) * params.d_x == pytest.approx(centre_x + (i - n / 2 - 0.5) * stride - 1)
        assert params.u_y + (i - 1) * params.d_y == pytest.approx(centre_y + (i - n / 2 - 0.5) * stride - 1)
    assert params.s_x**2 == pytest.approx(math.exp(log_variance))
    assert params.gain == pytest.approx(math.exp(log_gain))


@given(
    st.tuples(*[st.floats(-2, 2)] * 5),
    st.tuples(st.integers(2, 20), st.integers(2, 20)),
    st.tuples(st.integers(2, 90), st.integers(2, 70)),
)
def test_draw_round_trips(numbers, size, image_size):
    params = GaussianParams.from_draw(*numbers, size, image_size)
    assert params.to_draw(size, image_size) == pytest.approx(numbers, abs=1e-9)


def test_draws_single_tap_has_no_stride():
    params = GaussianParams.from_draw(0, 0, 0, 0, 0, (1, 1), (10, 20))
    assert (params.d_y, params.d_x) == (0, 0)
    assert (params.u_y, params.u_x) == (4.5, 9.5)


def test_gaussians_sit_on_the_cells_with_sigma_of_half_a_stride():
    params = Window.from_box(10, 20, 40, 30).to_gaussian((10, 8), blur=0.5)
    assert tuple(params) == (20 + 1.5 - 0.5, 1.5, 3, 10 + 2.5 - 0.5, 2.5, 5, 1)
    enlarged = Window.from_box(10, 20, 4, 3).to_gaussian((10, 8), blur=0.5)
    assert (enlarged.s_y, enlarged.s_x) == (0.5, 0.5)


def test_a_half_turn_is_a_flip_of_both_axes_and_gaussians_can_do_it():
    params = Window(10, 20, 8, 6, 180).to_gaussian((3, 4))
    assert (params.d_y, params.d_x) == (-2, -2)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Window(1, 2, 0, 3), "0x3"),
        (lambda: Window(1, 2, 3, -4), "-4"),
        (lambda: Window(math.nan, 2, 3, 4), "nan"),
        (lambda: Window(1, 2, math.inf, 4), "inf"),
        (lambda: Window(1e10, 2, 3, 4), "1e\\+09"),
        (lambda: Window("a", 2, 3, 4), "'a'"),
        (lambda: Affine([[1, 0], [0, 1]]), "shape"),
        (lambda: Affine([[1, 0, math.nan], [0, 1, 0]]), "nan"),
        (lambda: GaussianParams(0, 0, 1, 0, 1, 1), "sigma"),
        (lambda: GaussianParams(0, 1, 1, 0, -1, 1), "sigma is -1"),
        (lambda: Window(5, 5, 4, 4, 30).to_gaussian((2, 2)), "rotated"),
        (lambda: Window(5, 5, 4, 4).to_gaussian((2, 2), blur=0), "blur"),
        (lambda: Window(5, 5, 4, 4).to_theta((10, 10), align_corners=True), "size"),
        (lambda: Window(5, 5, 4, 4).to_theta((1, 10), True, (2, 2)), "10x1"),
        (lambda: Window(5, 5, 1, 4, 30).to_theta((9, 9), True, (2, 1)), "single tap"),
        (lambda: Window(5, 5, 0.5, 4).to_theta((9, 9), True, (2, 1)), "single tap"),
        (lambda: Window.from_affine(Affine([[1, 0.2, 0], [0, 1, 0]]), (3, 3)), "shears"),
        (lambda: Window.from_affine(Affine([[-1, 0, 5], [0, 1, 0]]), (3, 3)), "flips"),
        (lambda: Window.from_affine(Affine([[1, 0, 5], [0, 0, 0]]), (3, 3)), "no extent"),
        (lambda: Affine.from_theta([1, 2, 3], (4, 4), (2, 2)), "4 or 6"),
        (lambda: Affine.from_box(0, 0, 4, 4, (2, 2), "sonnet"), "sonnet"),
        (lambda: Affine([[1, 1, 0], [0, 1, 0]]).to_box((2, 2)), "box cannot"),
        (lambda: Affine([[-1, 0, 0], [0, 1, 0]]).to_box((2, 2)), "box cannot"),
        (lambda: Affine.from_box(0, 0, 0.5, 4, (2, 2), "corners"), "0.5 has no two corners"),
        (lambda: Affine("abc"), "'abc'"),
        (lambda: Affine.from_theta("abc", (4, 4), (2, 2)), "'abc'"),
        (lambda: Window.from_box("1", 2, 3, "x"), "'x'"),
        (lambda: GaussianParams.from_draw("a", 0, 0, 0, 0, (3, 3), (9, 9)), "gx is 'a'"),
        (lambda: GaussianParams.from_draw(0, 0, 0, 0, 30, (3, 3), (9, 9)), "gain 1.06"),
        (lambda: Window(5, 5, 4, 4).to_gaussian((2, 2), blur="wide"), "blur is 'wide'"),
        (lambda: GaussianParams(0, 1, 1, 0, 2, 1).to_draw((3, 3), (9, 9)), "one sigma"),
        (lambda: GaussianParams(0, 1, -1, 0, 1, -1).to_draw((3, 3), (9, 9)), "stride"),
        (lambda: GaussianParams.from_draw(0, 0, 1e4, 0, 0, (3, 3), (9, 9)), "log_variance"),
        (lambda: Window(1, 2, 3, 4).to_affine((0, 3)), "size"),
        (lambda: Window(1, 2, 3, 4).to_affine((2.5, 3)), "size"),
        (lambda: stack_matrices([Window(1, 2, 3, 4), Affine(np.eye(2, 3))], (2, 2)), "Affine and Window"),
        (lambda: stack_matrices(np.ones((3, 6)), (2, 2)), "3, 6"),
        (lambda: stack_matrices(np.array([[1, 1, 1, 1, 0], [1, 1, -1, 1, 0]]), (2, 2)), "window 1"),
        (lambda: stack_gaussians("window", (2, 2)), "'window'"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_in_one_line_that_names_it(make, words):
    with pytest.raises(GlimpseError, match=words) as caught:
        make()
    assert "\n" not in str(caught.value)


@given(st.lists(windows, min_size=1, max_size=5), sizes)
def test_an_array_serves_as_many_windows(many, size):
    rows = np.array([[w.cx, w.cy, w.width, w.height, w.angle] for w in many])
    np.testing.assert_array_equal(stack_matrices(rows, size), stack_matrices(many, size))


def test_places_compare_hash_and_print_by_value():
    assert Window(1, 2, 3, 4) == Window(1.0, 2.0, np.float32(3), 4, 0)
    first, second = Affine([[1, 0, -0.0], [0, 1, 2]]), Affine([[1, 0, 0.0], [0, 1, 2]])
    assert first == second
    assert len({first, second}) == 1
    assert repr(first) == "Affine([[1.0, 0.0, 0.0], [0.0, 1.0, 2.0]])"
    for affine in (first, copy.deepcopy(first), pickle.loads(pickle.dumps(first))):
        assert affine == first
        with pytest.raises(ValueError, match="read-only"):
            affine.matrix[0, 0] = 3


@pytest.mark.parametrize(
    ("window", "share"),
    [
        (Window.from_box(0, 0, 20, 10), 0),
        (Window.from_box(-10, 0, 20, 10), 0.5),
        (Window.from_box(15, 5, 10, 10), 0.75),
        (Window(100, 100, 3, 4), 1),
        (Window(0, 5, 2, 2, 45), 0.5),
        (Window(10, 5, 40, 20), 0.75),
    ],
)
def test_the_share_of_a_window_outside_the_image(window, share):
    assert share_outside(window.to_affine((7, 5)), (7, 5), (10, 20)) == pytest.approx(share)


@given(windows)
def test_the_share_outside_agrees_with_counting_cells(window):
    window = Window(window.cx % 30, window.cy % 20, 1 + window.width % 40, 1 + window.height % 40, window.angle)
    points = taps(window.to_affine((60, 60)).matrix, (60, 60)) + 0.5
    inside = (points[..., 0] >= 0) & (points[..., 0] <= 30) & (points[..., 1] >= 0) & (points[..., 1] <= 20)
    assert share_outside(window.to_affine((3, 4)), (3, 4), (20, 30)) == pytest.approx(1 - inside.mean(), abs=0.04)


def test_a_window_without_area_is_where_its_centre_is():
    point = GaussianParams(5, 1, 0, 5, 1, 0).to_affine()
    assert share_outside(point, (3, 3), (10, 20)) == 0
    assert share_outside(point, (3, 3), (4, 20)) == 1


@given(st.lists(windows, min_size=2, max_size=9), st.lists(upright, min_size=2, max_size=9), sizes)
def test_a_window_has_the_same_bits_alone_and_among_others(many, straight, size):
    for stack, places in ((stack_matrices, many), (stack_gaussians, straight)):
        for place, row in zip(places, stack(places, size), strict=True):
            np.testing.assert_array_equal(stack(place, size)[0], row)
