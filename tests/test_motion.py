import math

import numpy as np
import pytest

from glimpsecli.errors import InvalidInputError
from glimpsecli.motion.camera import kept_inside, smoothed, steadied
from glimpsecli.motion.easing import ease
from glimpsecli.motion.path import Path
from glimpsecli.names import EASINGS

U = np.linspace(0, 1, 2001)
START, END = (600.0, 400.0, 1200.0, 800.0, 0.0), (540.0, 360.0, 480.0, 320.0, 0.0)


@pytest.mark.parametrize("name", EASINGS)
def test_easings_begin_and_end_and_never_go_back(name):
    eased = ease(name, U)
    assert eased[[0, -1]].tolist() == [0, 1]
    assert np.all(np.diff(eased) >= 0)


def test_easings_meet_at_rest_and_at_speed_without_a_jerk():
    speed = {name: np.gradient(ease(name, U), U) for name in EASINGS}
    for name, (start, end) in {"smooth": (0, 0), "in": (0, 2), "out": (2, 0), "linear": (1, 1)}.items():
        assert speed[name][[0, -1]] == pytest.approx([start, end], abs=2e-3)
        assert np.gradient(speed[name], U)[[0, -1]] == pytest.approx([0, 0], abs=0.05)
    middle = np.array([0.3])
    assert ease("smooth", middle) == pytest.approx(10 * 0.3**3 - 15 * 0.3**4 + 6 * 0.3**5)
    assert ease("out", middle) == pytest.approx(1 - ease("in", 1 - middle))


def test_a_path_rests_before_its_first_keyframe_and_after_its_last():
    path = Path([1, 3], [START, END])
    assert path([0, 1, 3, 7]).tolist() == [[*START], [*START], [*END], [*END]]
    assert Path([5], [START])([0, 9]).tolist() == [[*START]] * 2


def test_log_zoom_magnifies_at_a_constant_rate_about_a_fixed_point():
    windows = Path([0, 2], [START, END], "linear")(np.linspace(0, 2, 9))
    extents = windows[:, 2]
    assert extents[1:] / extents[:-1] == pytest.approx((480 / 1200) ** (1 / 8))
    # The point that both windows show at the same place, (500, 1000/3), stays there.
    for axis, point in ((0, 500), (1, 1000 / 3)):
        shares = (point - windows[:, axis]) / windows[:, 2 + axis]
        assert np.ptp(shares) < 1e-12
    # Every other point runs along a straight line on the screen.
    on_screen = (np.array([700, 350]) - windows[:, :2]) / windows[:, 2:4]
    way = on_screen - on_screen[0]
    assert np.abs(way[:, 0] * way[-1, 1] - way[:, 1] * way[-1, 0]).max() < 1e-12


def test_a_pan_without_zoom_and_a_nearly_equal_extent_are_straight():
    for width in (100.0, 100.0 + 1e-11, 100.0 + 1e-6):
        windows = Path([0, 1], [(0, 0, 100, 50, 0), (300, -60, width, 50, 0)], "linear")([0.25, 0.5])
        assert windows[:, :2] == pytest.approx(np.array([(75, -15), (150, -30)]), abs=1e-5)


def test_linear_zoom():
    windows = Path([0, 1], [START, END], "linear", zoom="linear")([0.5])
    assert windows[0].tolist() == [570, 380, 840, 560, 0]


@pytest.mark.parametrize(
    ("angles", "turns", "middle"),
    [
        ((350, 10), False, 360),
        ((10, 350), False, 0),
        ((0, 180), False, 90),
        ((0, -540), False, 90),
        ((0, 540), True, 270),
    ],
)
def test_angles_take_the_shorter_way(angles, turns, middle):
    places = [(0, 0, 10, 10, angle) for angle in angles]
    assert Path([0, 1], places, "linear", turns=turns)([0.5])[0, 4] == middle


def test_an_orbit_rises_and_its_picture_flows_at_a_constant_rate():
    start, end = (0, 0, 10, 10, 0), (1000, 0, 40, 40, 0)
    windows = Path([0, 1], [start, end], "linear", zoom="orbit")(U)
    u, w = windows[:, 0], windows[:, 2]
    assert windows[[0, -1]] == pytest.approx(np.array([start, end]), abs=1e-9)
    assert w.max() > 1000
    assert np.all(np.diff(u) > 0)
    du, dw, middle = np.diff(u), np.diff(w), (w[1:] + w[:-1]) / 2
    rates = np.sqrt(2 * (du / middle) ** 2 + (dw / middle) ** 2 / 2)  # the paper's metric, rho^2 = 2
    assert np.ptp(rates) / rates.mean() < 1e-3
    # It is the shortest: the paper's S, by its own formula in numbers of high precision
    assert rates.sum() == pytest.approx(_length(10, 40, 1000, math.sqrt(2)), rel=1e-4)


def _length(w0, w1, u1, rho):
    b0 = (w1**2 - w0**2 + rho**4 * u1**2) / (2 * w0 * rho**2 * u1)
    b1 = (w1**2 - w0**2 - rho**4 * u1**2) / (2 * w1 * rho**2 * u1)
    r0, r1 = (math.log(math.sqrt(b**2 + 1) - b) if b < 0 else -math.log(math.sqrt(b**2 + 1) + b) for b in (b0, b1))
    return (r1 - r0) / rho


@pytest.mark.parametrize("zoom", ["log", "linear", "orbit"])
def test_extremes_are_numbers(zoom):
    places = [(0, 0, 1e-6, 1e9, 0), (1e9, -1e9, 1e9, 1e-6, 1e9), (1e9, -1e9, 1e-6, 1e-6, 0), (1e9, 0, 1e-6, 1e-6, 0)]
    for easing in EASINGS:
        windows = Path([0, 1, 2, 3], places, easing, zoom)(np.linspace(0, 3, 31))
        assert np.isfinite(windows).all()
        assert np.all(windows[:, 2:4] > 0)


@pytest.mark.parametrize("distance", [0.0, 1e-12, 1e-7, 1e-3])
def test_an_orbit_without_a_distance_only_zooms(distance):
    places = [(5, 5, 10, 20, 0), (5 + distance, 5, 90, 45, 0)]
    windows = Path([0, 1], places, "linear", zoom="orbit")(np.linspace(0, 1, 5))
    assert windows[2] == pytest.approx([5, 5, 30, 30, 0], abs=2 * distance + 1e-9)
    assert np.all(np.diff(windows[:, 0]) >= 0)


def test_a_spline_goes_through_its_keyframes_without_stops_and_never_beyond_them():
    times = [0, 1, 2.5, 3]
    places = np.array([(0, 50, 10, 10, 0), (10, 50, 20, 20, 30), (40, 60, 80, 80, 40), (45, 10, 60, 60, 40)], float)
    path = Path(times, places, "spline")
    assert path(times) == pytest.approx(places, abs=1e-9)
    windows = path(np.linspace(0, 3, 3001))
    assert np.all(np.diff(windows[:, 0]) > 0)
    assert windows[:, 2].max() == pytest.approx(80, abs=1e-4)
    speed = np.diff(windows[:, 0]) / 1e-3
    assert np.abs(np.diff(speed)).max() < 0.1  # no corner: a linear path jumps by 10 px/s
    assert speed[990:1010].min() > 9


def test_a_spline_beside_another_easing_runs_through_its_own_keyframes_alone():
    places = [(x, 0, 10, 10, 0) for x in (0, 10, 30, 60)]
    path = Path([0, 1, 2, 3], places, ["linear", "spline", "spline"])
    assert path([0.5]) == pytest.approx(np.array([[5, 0, 10, 10, 0]]))
    alone = Path([1, 2, 3], places[1:], "spline")
    assert np.array_equal(path([1.3, 2.9]), alone([1.3, 2.9]))


def test_a_cut_holds_and_jumps():
    path = Path([0, 1, 2], [(x, 0, 10, 10, 0) for x in (0, 10, 90)], ["linear", "hold"])
    assert path([0.5, 1, 1.999, 2, 3])[:, 0].tolist() == [5, 10, 10, 90, 90]
    assert path.cuts.tolist() == [2]


def test_quadrilaterals_move_corner_by_corner():
    quads = np.array([[(0, 0), (10, 0), (10, 10), (0, 10)], [(10, 0), (30, 10), (30, 30), (0, 20)]], float)
    for easing in ("linear", "smooth"):
        assert np.array_equal(Path([0, 1], quads, easing)([0.5])[0], quads.mean(axis=0))
    assert Path([0, 1], quads, "spline")([0.0, 1.0]) == pytest.approx(quads)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (([0, 0], [START, END]), "do not ascend"),
        (([], np.empty((0, 5))), "do not ascend"),
        (([0, math.nan], [START, END]), "do not ascend"),
        (([0, 1], [START]), "1.* places"),
        (([0, 1], [START, END], "slow"), "'slow' is no easing"),
        (([0], [START], "slow"), "'slow' is no easing"),
        (([0, 1], [START, END], ["linear", "linear"]), "2 easings for 1 pieces"),
        (([0, 1], [START, END], "linear", "sideways"), "'sideways' is no zoom"),
        (([0, 1], [START, (0, 0, -1, 1, 0)]), "positive"),
        (([0, 1], [START, (0, 0, 1, 1e-9, 0)]), "an extent of 1e-09 pixels"),
        (([0, 1], np.zeros((2, 4, 2)), "linear", "orbit"), "leave orbit out"),
        (([0, 1], np.full((2, 4, 2), np.nan)), "not finite"),
    ],
)
def test_paths_that_are_none_are_refused(arguments, words):
    with pytest.raises(InvalidInputError, match=words):
        Path(*arguments)


def track(frames=200, rate=25.0):
    times = np.arange(frames) / rate
    windows = np.stack([300 + 90 * times, 200 - 30 * times, 80 + 5 * times, 60 + 3 * times, 2 * times], axis=1)
    return times, windows


def test_smoothing_keeps_a_steady_motion_also_at_the_ends_and_at_uneven_times():
    times, windows = track()
    kept = np.random.default_rng(1).random(len(times)) < 0.6
    for own in (slice(None), kept):
        places = smoothed(times[own], windows[own], 0.5)[:, [0, 1, 4]]
        assert places == pytest.approx(windows[own][:, [0, 1, 4]])


def test_smoothing_takes_the_trembling_away_and_extents_more_than_places():
    times, windows = track(4000)
    windows[:] = (300, 200, 80, 60, 0)
    noise = np.random.default_rng(2).normal(0, 1, windows.shape)
    found = smoothed(times, windows + noise, 0.2)
    left = found - windows
    # A Gaussian of 5 frames leaves 1 / sqrt(2 sqrt(pi) 5) = 0.237 of white noise, one of 10 frames 0.168.
    assert left[:, 0].std() == pytest.approx(0.237, rel=0.1)
    assert left[:, 2].std() == pytest.approx(0.168, rel=0.2)
    assert np.abs(np.diff(found[:, 0], 2)).max() < 0.1


def test_smoothing_is_the_gaussian_in_the_middle():
    times, windows = track(81)
    impulse = windows.copy()
    impulse[:] = (0, 0, 10, 10, 0)
    impulse[40, 0] = 1
    found = smoothed(times, impulse, 0.12)[:, 0]
    expected = np.exp(-(((np.arange(81) - 40) / 3) ** 2) / 2)
    assert found[15:66] == pytest.approx(expected[15:66] / expected.sum(), abs=1e-3)


def test_nothing_is_smoothed_over_a_cut():
    times, windows = track()
    windows[100:, 0] += 5000
    assert smoothed(times, windows, 0.5, [100])[:, 0] == pytest.approx(windows[:, 0])
    assert abs(smoothed(times, windows, 0.5)[99, 0] - windows[99, 0]) > 1000


def test_a_camera_rests_while_its_track_trembles_and_follows_when_it_walks_off():
    times = np.arange(300) / 25
    windows = np.tile((300.0, 200.0, 100.0, 100.0, 0.0), (300, 1))
    windows[:, 0] += np.sin(40 * times)  # 1 % of the window
    windows[100:200, 0] += np.arange(100)  # walks 1 % a frame
    windows[200:, 0] += 100
    found = steadied(times, windows, 0.04, 0.02)
    assert np.ptp(found[:100, 0]) == 0
    assert np.abs(found[130:200, 0] - windows[130:200, 0]).max() < 2
    assert np.ptp(found[225:, 0]) == 0
    assert abs(found[-1, 0] - 400) < 4
    assert np.abs(np.diff(found[:, 0])).max() < 4  # no jump when it begins to move
    assert np.ptp(found[:, 2]) == 0


def test_extents_rest_on_their_own():
    times, windows = track(100)
    windows[:, 3] = 60
    windows[:, 2] = 100 + np.where(np.arange(100) % 2, 1, -1)
    found = steadied(times, windows, 0.04, 0.02)
    assert np.ptp(found[:, 2]) == 0
    assert np.ptp(found[:, 0]) > 100


def test_a_camera_is_kept_inside_without_a_corner_in_its_velocity():
    times = np.linspace(0, 4, 401)
    windows = np.stack([200 + 100 * times, 150 + 0 * times, 100 + 0 * times, 80 + 0 * times, 0 * times], axis=1)
    found = kept_inside(windows, (300, 500))
    assert np.max(found[:, 0] + found[:, 2] / 2) <= 500 + 1e-9
    assert np.array_equal(found[:200], windows[:200])
    bends = np.abs(np.diff(found[:, 0], 2)) / 0.01**2
    assert bends.max() < 600  # a hard stop has 100 px/s / 0.01 s = 10000 px/s^2


def test_a_shot_that_is_inside_is_not_changed_and_the_other_is():
    windows = np.array([(50, 40, 100, 80, 0), (450, 260, 100, 80, 0), (480, 290, 100, 80, 0)], float)
    found = kept_inside(windows, (300, 500), [2])
    assert np.array_equal(found[:2], windows[:2])
    assert found[2].tolist() == [450, 260, 100, 80, 0]


def test_windows_that_touch_the_border_are_inside():
    extents = np.array([0.1, 1.1, 33.3, 250 / 7, 300.0])
    windows = np.stack([500 - extents / 2, extents / 2, extents, extents, 0 * extents], axis=1)
    windows[:, 0] += 1e-13
    assert np.array_equal(kept_inside(windows, (300, 500)), windows)


@pytest.mark.parametrize("angle", [0.0, 30.0, 90.0, 200.0])
def test_turned_and_large_windows_are_kept_inside_too(angle):
    rng = np.random.default_rng(3)
    windows = np.stack(
        [
            rng.uniform(-100, 600, 50),
            rng.uniform(-100, 400, 50),
            rng.uniform(10, 900, 50),
            rng.uniform(10, 700, 50),
            np.full(50, angle),
        ],
        axis=1,
    )
    found = kept_inside(windows, (300, 500))
    turn = math.radians(angle)
    across, down = abs(math.cos(turn)), abs(math.sin(turn))
    bounds = np.stack([across * found[:, 2] + down * found[:, 3], down * found[:, 2] + across * found[:, 3]], axis=1)
    assert np.all(found[:, :2] - bounds / 2 >= -1e-9)
    assert np.all(found[:, :2] + bounds / 2 <= np.array([500, 300]) + 1e-9)
    assert found[:, 2] / found[:, 3] == pytest.approx(windows[:, 2] / windows[:, 3])


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda t, w: smoothed(t, w, -1), "smoothing over -1 s"),
        (lambda t, w: smoothed(t, w, math.inf), "smoothing over inf s"),
        (lambda t, w: steadied(t, w, 0.02, 0.04), "dead zone from 0.04 to 0.02"),
        (lambda t, w: steadied(t, w, math.nan, 0), "dead zone"),
    ],
)
def test_filters_refuse_what_they_cannot_do(call, words):
    with pytest.raises(InvalidInputError, match=words):
        call(*track(5))


def test_filters_of_nothing_change_nothing():
    times, windows = track(7)
    assert np.array_equal(smoothed(times, windows, 0), windows)
    assert np.array_equal(steadied(times, windows, 0, 0), windows)
    assert np.array_equal(smoothed(times[:1], windows[:1], 1)[:, :2], windows[:1, :2])
