"""The loss about a window, its gradient, and from where descent leads back."""

from dataclasses import replace

import numpy as np
import pytest
from conftest import examples
from hypothesis import given
from hypothesis import strategies as st

from glimpsecli import GlimpseError, Sampling, Window, extract
from glimpsecli.learning.landscape import (
    FEW_TURNS,
    TURN,
    TURNS,
    Landscape,
    capture,
    descents,
    landscape,
    losses,
    turned,
)
from glimpsecli.pictures.landscape import Column, landscape_figure
from glimpsecli.pictures.surfaces import ARRIVES, LOST, descent_panel, surface_panel

WINDOW = Window(60, 60, 48, 48)
SIZE = 8, 8
ALL = [
    Sampling(sampler="bilinear", backend="numpy"),
    Sampling(blur=1.0, backend="numpy"),
    Sampling(sampler="hard", backend="numpy"),
]


def blob(sigma=14.0):
    y, x = np.mgrid[:120, :120] + 0.5
    return np.exp(-((x - 60) ** 2 + (y - 60) ** 2) / (2 * sigma**2)).astype(np.float32)


def noise(dtype=np.uint8):
    return np.random.default_rng(3).integers(0, 255, (120, 120, 3)).astype(dtype)


@pytest.mark.parametrize("sampling", ALL, ids=lambda one: one.sampler)
def test_the_loss_is_half_the_mean_squared_difference_on_a_scale_whose_white_is_1(sampling):
    image = noise()
    found = landscape(image, WINDOW, SIZE, sampling, reach=6, steps=5)
    np.testing.assert_allclose(found.offsets, [-6, -3, 0, 3, 6])
    look = {"sampler": sampling.sampler, "blur": sampling.blur, "backend": "numpy"}
    truth = extract(image, WINDOW, SIZE, **look) / 255.0
    for row, dy in enumerate(found.offsets):
        for column, dx in enumerate(found.offsets):
            seen = extract(image, Window(60 + dx, 60 + dy, 48, 48), SIZE, **look) / 255.0
            assert found.loss[row, column] == pytest.approx(np.mean((seen - truth) ** 2) / 2, rel=1e-4, abs=1e-12)
    assert found.loss[2, 2] == 0 == np.abs(found.gradient[2, 2]).max()
    moves = np.array([[3.0, -6.0], [-3.0, 0.0]])
    np.testing.assert_allclose(
        losses(image, WINDOW, SIZE, sampling, moves), [found.loss[0, 3], found.loss[2, 1]], rtol=1e-5
    )


@pytest.mark.parametrize("angle", [0, 20])
@pytest.mark.parametrize("sampling", ALL[:2], ids=lambda one: one.sampler)
def test_the_gradient_is_that_of_the_loss(sampling, angle):
    image, sampling = np.rint(255 * blob()).astype(np.uint8)[..., None], replace(sampling, backend="cpu")
    window = replace(WINDOW, angle=angle)
    found = landscape(image, window, SIZE, sampling, reach=20.3, steps=7)
    moves = np.stack(np.meshgrid(found.offsets, found.offsets), axis=-1).reshape(-1, 2)
    small = 1e-2
    for axis, step in enumerate(np.eye(2) * small):
        slope = (
            losses(image, window, SIZE, sampling, moves + step) - losses(image, window, SIZE, sampling, moves - step)
        ) / (2 * small)
        np.testing.assert_allclose(found.gradient[..., axis].ravel(), slope, atol=2e-3 * np.abs(found.gradient).max())


def test_every_descent_on_a_smooth_blob_reaches_the_truth_and_none_through_the_hard_sampler():
    soft, sharp, hard = (
        capture(landscape(blob(), WINDOW, SIZE, sampling, reach=10, steps=7)) for sampling in (*ALL[1::-1], ALL[2])
    )
    assert soft.reached.all()
    assert (soft.share, soft.radius) == (1, 10)
    assert sharp.share == 1
    assert hard.reached.sum() == 1
    assert hard.reached[3, 3]
    assert (hard.share, hard.radius) == (0, 0)
    assert not np.any(landscape(noise(), WINDOW, SIZE, ALL[2], reach=20, steps=3).gradient)


def test_a_landscape_does_not_depend_on_the_depth_of_the_image():
    small, large = (landscape(noise(dtype), WINDOW, SIZE, ALL[0], reach=5, steps=3) for dtype in (np.uint8, np.float32))
    np.testing.assert_allclose(small.loss * 255**2, large.loss, rtol=1e-4)
    np.testing.assert_allclose(small.gradient * 255**2, large.gradient, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("angle", [0, 20])
@pytest.mark.parametrize("sampling", ALL, ids=lambda one: one.sampler)
def test_the_loss_over_the_angle_and_its_slope(sampling, angle):
    sampling = replace(sampling, backend="cpu")
    image = np.rint(255 * blob()).astype(np.uint8)[..., None]
    window = Window(74, 66, 48, 40, angle)
    found = turned(image, window, SIZE, sampling)
    count = len(found.angles)
    assert count == (FEW_TURNS if sampling.sampler == "gaussian" else TURNS)
    assert (found.angles[0], found.angles[count // 2], found.angles[-1]) == (-TURN, 0, TURN)
    look = {"sampler": sampling.sampler, "blur": sampling.blur, "backend": "cpu"}

    def loss(turn):
        seen = extract(image, Window(74, 66, 48, 40, angle + turn), SIZE, **look)
        return np.mean(((seen - extract(image, window, SIZE, **look)) / 255.0) ** 2) / 2

    for k in (0, count // 3, count // 2, count // 2 + 1, count - 1):
        assert found.loss[k] == pytest.approx(loss(found.angles[k]), rel=1e-4, abs=1e-12)
        if sampling.sampler != "hard":
            slope = (loss(found.angles[k] + 0.1) - loss(found.angles[k] - 0.1)) / 0.2
            assert found.slope[k] == pytest.approx(slope, abs=0.02 * np.abs(found.slope).max())
    assert np.any(found.slope) == (sampling.sampler != "hard")
    assert found.captured == (0 if sampling.sampler == "hard" else TURN)


def test_descent_along_the_angle_is_captured_up_to_the_next_dent():
    """A wheel of eight spokes looks the same after 45 degrees, so descent leads back from less than half of that."""
    y, x = np.mgrid[:120, :120] - 59.5
    wheel = np.rint(127 + 120 * np.cos(8 * np.arctan2(y, x))).astype(np.uint8)
    found = turned(wheel, Window(60, 60, 64, 64), (16, 16), Sampling(blur=0.5, backend="cpu"))
    assert found.captured == pytest.approx(22.5, abs=1.5)


def bowls(offsets, places):
    """A landscape that is the lower of bowls about some places, whose gradient is known everywhere."""
    places = np.asarray(places, np.float64)

    def slope(moves):
        away = moves[:, None] - places
        nearest = np.argmin((away**2).sum(axis=2), axis=1)
        return away[np.arange(len(moves)), nearest]

    grid = np.stack(np.meshgrid(offsets, offsets), axis=-1)
    loss = ((grid[:, :, None] - places) ** 2).sum(axis=3).min(axis=2) / 2
    return Landscape(offsets, loss, slope(grid.reshape(-1, 2)).reshape(grid.shape), slope, 0.2)


@examples(12)
@given(st.floats(3.0, 9.0), st.floats(0, 2 * np.pi))
def test_of_two_bowls_each_catches_what_is_nearer_to_it(far, turn):
    offsets = np.linspace(-10, 10, 21)
    other = far * np.array([np.cos(turn), np.sin(turn)])
    found = capture(bowls(offsets, [(0, 0), other]))
    grid = np.stack(np.meshgrid(offsets, offsets), axis=-1)
    beyond = grid @ other / far - far / 2  # of the line between the two
    clear = np.abs(beyond) > 0.3
    np.testing.assert_array_equal(found.reached[clear], (beyond < 0)[clear])
    assert abs(found.radius - far / 2) < 1.5
    assert found.share == (found.reached.sum() - 1) / (21**2 - 1)


def test_paths_end_where_they_arrive_get_stuck_or_leave():
    surface = bowls(np.linspace(-10, 10, 21), [(0, 0), (7, 0), (-30, 0)])
    paths = descents(surface, np.array([[2.0, 2], [8, 3], [-20, 0], [0, 0]]))
    assert paths.shape[1:] == (4, 2)
    np.testing.assert_array_equal(paths[0], [[2, 2], [8, 3], [-20, 0], [0, 0]])
    np.testing.assert_array_equal(paths[-1, [0, 3]], 0)
    assert np.hypot(*(paths[-1, 1] - [7, 0])) < 0.3
    assert paths[-1, 2, 0] < -20
    assert np.hypot(*np.diff(paths, axis=0)[:-1].T).max() < 0.2 * 3.01  # the last one snaps to the truth


@pytest.mark.parametrize(
    ("how", "words"),
    [({"reach": 0}, "reach of 0"), ({"reach": np.nan}, "nan"), ({"steps": 4}, "4 steps"), ({"steps": 1}, "1 steps")],
)
def test_mistakes_are_named(how, words):
    with pytest.raises(GlimpseError, match=words):
        landscape(blob(), WINDOW, SIZE, ALL[0], **({"reach": 5, "steps": 3} | how))


def test_values_that_are_not_finite_are_refused():
    image = blob()
    image[60, 60] = np.nan
    with pytest.raises(GlimpseError, match="not finite"):
        landscape(image, WINDOW, SIZE, ALL[1], reach=5, steps=3)


def test_a_surface_has_the_colours_of_its_values_and_its_ends_on_the_edges():
    ramp = np.tile(np.linspace(0, 1, 5), (5, 1))
    table = np.stack([np.linspace(0, 1, 256)] * 3, axis=1)
    panel = surface_panel(ramp, table, 50)
    np.testing.assert_allclose(panel[:, :, 0], np.tile((np.arange(50) + 0.5) / 50 * 255, (50, 1)), atol=1)
    lined = surface_panel(ramp, table, 200, contours=True)[7, :, 0].astype(int)
    unlined = surface_panel(ramp, table, 200)[7, :, 0].astype(int)
    assert (lined >= unlined).all()
    raised = {round(k / 20) for k in np.flatnonzero(lined > unlined)}
    assert raised - {10} == set(range(1, 10))  # a line at each tenth, but none at 0
    with pytest.raises(GlimpseError, match="surface of shape"):
        surface_panel(np.zeros((3, 4)), table, 50)


def test_paths_are_blue_where_they_arrive():
    paths = np.zeros((3, 2, 2))
    paths[:, 0] = [[-0.8, -0.8], [-0.4, -0.4], [0, 0]]
    paths[:, 1] = [[0.8, 0.8], [0.8, 0.6], [0.8, 0.5]]
    panel = descent_panel(np.zeros((3, 3), bool), paths, 150)
    assert tuple(panel[30, 30]) == ARRIVES
    assert tuple(panel[112, 135]) == LOST
    tinted = descent_panel(np.eye(3, dtype=bool), paths[:, :0], 90)
    assert (tinted[:20, :20] == tinted[45, 45]).all()
    assert (tinted[:20, 70:] != tinted[45, 45]).any()


def test_the_figure_takes_flat_surfaces_and_small_panels():
    flat = np.zeros((3, 3))
    column = Column(
        "Hard",
        "1×1",
        "hard",
        np.zeros((1, 1, 1), np.uint8),
        flat,
        flat,
        flat > 0,
        np.zeros((1, 0, 2)),
        flat[0],
        flat[0],
        ("", ""),
    )
    figure = landscape_figure(np.zeros((9, 30, 3), np.uint8), "", [column] * 2, reach=4, turn=45, panel=100)
    assert figure.dtype == np.uint8
    assert 3 * 100 < figure.shape[1] < 400
    with pytest.raises(GlimpseError, match="without samplers"):
        landscape_figure(np.zeros((9, 30, 3), np.uint8), "", [], reach=4, turn=45)


@pytest.mark.parametrize("sampling", ALL, ids=lambda one: one.sampler)
def test_an_even_image_is_flat_to_the_bit(sampling):
    found = landscape(np.full((120, 120, 3), 77, np.uint8), WINDOW, SIZE, sampling, reach=9, steps=5)
    assert not found.loss.any()
    assert not found.gradient.any()
    assert capture(found).share == 0
