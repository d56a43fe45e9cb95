import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from glimpsecli import GlimpseError
from glimpsecli.study import optimisers, scenes, statistics, working
from glimpsecli.study.design import CONDITIONS, OFF, Chunk, Design, chunks, condition_named, tuning_chunks
from glimpsecli.study.mechanisms import ANNEALED, MECHANISMS, TAPS, TURNED
from glimpsecli.study.trials import draw

BY_NAME = {mechanism.name: mechanism for mechanism in MECHANISMS}
GRADIENTS = [mechanism for mechanism in MECHANISMS if not mechanism.sampled]


@pytest.fixture(scope="module")
def texture():
    return scenes.scene("textures", 0, 0, ())


@pytest.fixture
def small(samples):
    """Give a design that is over in seconds."""
    return Design(
        tuple(scenes.find_photos(str(samples))), strides=(2.0,), offsets=(0.05, 0.2),
        conditions=("translation", "translation, own target"), images=1, places=2, other_places=1, tuning_places=1,
        rates=(0.125, 0.25), adam_looks=16, lm_looks=12,
    )  # fmt: skip


def settings(design, rate=0.25):
    return {
        (mechanism.name, stride, searched): working.Setting(rate, 1.0)
        for mechanism in MECHANISMS
        for stride in design.strides
        for searched in ("", "scale", "angle")
    }


def work(design, chunk, mechanisms=MECHANISMS):
    return working.work(design, chunk, settings(design), mechanisms)


# What must come out


def test_a_start_that_is_close_enough_is_no_success_if_it_is_left(texture):
    truth = np.array([[200.0, 200.0, 0.0, 0.0]])
    watch = optimisers.Watch(truth, 2.0)
    for evaluations, off in enumerate((0.1, 0.1, 3.0, 0.49, 0.51, 0.2, 0.1)):
        watch.see(truth + np.array([off, 0, 0, 0]), evaluations)
    assert watch.since.tolist() == [5]
    watch.see(truth + np.array([0, 9.0, 0, 0]), 7)
    assert watch.since.tolist() == [-1]


def test_what_counts_as_close():
    truth = np.zeros((1, 4))
    near = [[0.99, 0, 0, 0], [0, 0, TAPS / 2 * math.log(1.0199), 0], [0, 0, 0, -TAPS / 2 * 0.0199]]
    far = [[0.8, 0.8, 0, 0], [0, 0, 0.17, 0], [0, 0, 0, -0.17]]
    assert optimisers.close(np.array(near + far), truth, 4.0).tolist() == [True] * 3 + [False] * 3


# Samplers


@pytest.mark.parametrize(
    ("mechanism", "turn"),
    [*((one, 0.0) for one in GRADIENTS), *((BY_NAME[name], 3.0) for name in TURNED)],
    ids=lambda value: getattr(value, "name", value),
)
def test_gradients_are_those_of_what_is_seen(texture, mechanism, turn):
    view = mechanism.views(texture, 3.0)[0]
    random = np.random.default_rng(1)
    places = np.column_stack([random.uniform(200, 300, (5, 2)), random.normal(0, 1, (5, 2)) * [1, turn]])
    targets = random.random((5, TAPS, TAPS))
    seen, slopes = view.jacobians(places)
    np.testing.assert_allclose(seen, view.glimpses(places).reshape(5, -1), atol=2e-6)
    step = 1e-5
    free = [0, 1, 2, 3] if turn else [0, 1, 2]  # upright Gaussians have no derivative with respect to the angle
    for number in free:
        scale, moved = (3.0, 3.0, 1.0, 1.0)[number], np.zeros(4)
        moved[number] = step * scale
        numeric = (view.jacobians(places + moved)[0] - view.jacobians(places - moved)[0]) / (2 * step)
        np.testing.assert_allclose(slopes[:, :, number], numeric, atol=1e-6)
    residual = seen - targets.reshape(5, -1)
    by_loss = 2 / TAPS**2 * np.einsum("nt,ntp->np", residual, slopes)
    found = view.gradients(places, targets)
    np.testing.assert_allclose(found[:, free], by_loss[:, free], atol=1e-5 * np.abs(by_loss).max())
    np.testing.assert_allclose(view.losses(places, targets), np.mean(residual**2, axis=1), rtol=1e-5)


def test_a_blurred_image_read_on_its_pixels_is_the_gaussian_glimpse(texture):
    # Taps on pixel centres: bilinear interpolation has nothing to add.
    places = np.array([[200.5, 232.5, 0.0, 0.0]])
    names = "bilinear, blurred 0.5", "gaussian 0.5"
    seen = [BY_NAME[name].views(texture, 4.0)[0].glimpses(places) for name in names]
    np.testing.assert_allclose(*seen, atol=1e-5)


def test_annealing_ends_at_the_sampler_itself_and_takes_its_share_of_the_evaluations():
    assert ANNEALED[0] == 4
    assert ANNEALED[-1] == 0.5
    assert np.allclose(np.diff(np.log(ANNEALED)), -math.log(2) / 2)
    stages = [optimisers.stage(step, 200, len(ANNEALED)) for step in range(200)]
    assert stages == sorted(stages)
    assert [stages.count(number) for number in range(7)] == [20] * 6 + [80]
    assert {optimisers.stage(step, 200, 1) for step in range(200)} == {0}


# Optimisers, on a loss that is known


@pytest.mark.parametrize("method", ["adam", "lm", "score"])
def test_every_optimiser_finds_a_window_that_is_near(texture, method):
    truth = np.array([[200.0, 210.0, 0.0, 0.0], [310.0, 300.0, 0.0, 0.0]])
    start = truth + np.array([[3.0, -2.0, 0.0, 0.0], [-2.0, -2.0, 0.0, 0.0]])
    mechanism = BY_NAME["hard" if method == "score" else "gaussian 1"]
    views = mechanism.views(texture, 4.0)
    targets = views[0].glimpses(truth)
    rate = np.full(2, 0.25)
    if method == "adam":
        found = optimisers.adam(views, start, targets, truth, free=[0, 1, 2], rate=rate, evaluations=150)
        assert found.evaluations.tolist() == [150, 150]
    elif method == "lm":
        found = optimisers.levenberg_marquardt(views, start, targets, truth, free=[0, 1, 2], evaluations=60)
        assert found.evaluations.max() < 30
        np.testing.assert_allclose(found.places, truth, atol=1e-3)
    else:
        found = optimisers.score_function(
            views[0],
            start,
            targets,
            truth,
            rate=rate,
            sigma=np.ones(2),
            evaluations=1200,
            random=np.random.default_rng(0),
        )
    assert np.all(found.arrived > 0)
    assert np.all(found.arrived <= found.evaluations)


def test_each_trial_goes_its_own_way(texture):
    """A trial ends alike, whoever is searched for beside it."""
    views = BY_NAME["gaussian annealed"].views(texture, 2.0)
    random = np.random.default_rng(3)
    truth = np.column_stack([random.uniform(150, 350, (4, 2)), np.zeros((4, 2))])
    start = truth + random.normal(0, 4, (4, 4)) * [1, 1, 0.2, 0]
    targets = views[-1].glimpses(truth)
    rates = np.array([0.1, 0.2, 0.3, 0.4])
    together = [
        optimisers.adam(views, start, targets, truth, free=[0, 1, 2], rate=rates, evaluations=20),
        optimisers.levenberg_marquardt(views, start, targets, truth, free=[0, 1, 2], evaluations=20),
    ]
    one = slice(2, 3)
    alone = [
        optimisers.adam(views, start[one], targets[one], truth[one], free=[0, 1, 2], rate=rates[one], evaluations=20),
        optimisers.levenberg_marquardt(views, start[one], targets[one], truth[one], free=[0, 1, 2], evaluations=20),
    ]
    for many, single in zip(together, alone, strict=True):
        np.testing.assert_allclose(many.places[one], single.places, atol=1e-6)
        assert many.evaluations[2] == single.evaluations[0]
        assert np.all(many.evaluations <= 20)


# The plan


def test_trials_are_the_same_in_all_conditions_and_lie_inside(samples):
    design = Design(tuple(scenes.find_photos(str(samples))), places=3, other_places=2)
    image = scenes.scene("photos", 2, 0, design.photos)
    height, width = image.shape
    drawn = {one.name: draw(design, Chunk(one.name, 8.0, "photos", 2), image) for one in CONDITIONS}
    main = drawn["translation"]
    assert main.truth.shape == (3 * 7, 4)
    for name, some in drawn.items():
        condition = condition_named(name)
        count, extent = len(some.truth), TAPS * condition.stride(8.0)
        away = np.hypot(*(some.start - some.truth)[:, :2].T) / extent
        np.testing.assert_allclose(away.reshape(-1, 7), np.tile(design.offsets, (count // 7, 1)))
        assert count == (21 if name == "translation" else 7 if condition.turned else 14)
        if not (condition.fractional or condition.turned):
            np.testing.assert_array_equal(some.truth, main.truth[:count])
            np.testing.assert_array_equal(some.start[:, :2], main.start[:count, :2])
            np.testing.assert_array_equal(some.targets, main.targets[:count])
        factor = np.exp(2 / TAPS * some.start[:, 2])
        assert (np.ptp(factor) > 0.1) == condition.scaled
        assert np.all((factor <= 1.25 + 1e-9) & (factor >= 0.8 - 1e-9))
        turns = 2 / TAPS * some.start[:, 3]
        half = extent * factor / 2 * (np.abs(np.cos(turns)) + np.abs(np.sin(turns)))
        off = np.rad2deg(turns - 2 / TAPS * some.truth[:, 3])
        assert np.all((some.truth[:, 3] != 0) == condition.turned)
        assert (np.ptp(off) > 1) == condition.turning
        assert np.abs(off).max() <= OFF
        assert np.all((some.start[:, 0] >= half) & (some.start[:, 0] <= width - half))
        assert np.all((some.start[:, 1] >= half) & (some.start[:, 1] <= height - half))


def test_rates_are_chosen_on_other_images(small):
    tuned, tested = ({(one.kind, one.image) for one in some} for some in (tuning_chunks(small), chunks(small)))
    assert len(tuned) == 6
    assert not tuned & tested


def test_the_rate_with_the_greatest_area_is_chosen_and_of_near_equals_the_smallest():
    near, far, wide = [9, 9, 0, 0], [0, 0, 9, 9], [0, 0, 8, 9]
    tuned = [
        {
            "chunk": ["tuning", 2.0, "glyphs", 0],
            "tried": {"bilinear": [[0.1, 0, near, 9], [0.2, 0, far, 9], [0.4, 0, far, 9]]},
        },
        {
            "chunk": ["tuning", 2.0, "photos", 0],
            "tried": {"bilinear": [[0.1, 0, near, 9], [0.2, 0, wide, 9], [0.4, 0, far, 9]]},
        },
        {"chunk": ["tuning", 4.0, "photos", 0], "tried": {"bilinear": [[0.1, 0, near, 900], [0.2, 0, far, 900]]}},
    ]
    # At stride 2 the last has 0.033 more than the second; at 4 all are nearly nothing.
    chosen = working.choose(tuned, (0.1, 0.2, 0.5, 1.0))
    assert chosen == {("bilinear", 2.0, ""): working.Setting(0.4), ("bilinear", 4.0, ""): working.Setting(0.1)}


def test_tuning_counts_what_a_single_search_finds(small):
    chunk = Chunk("tuning", 2.0, "textures", 0)
    tried = working.tune(small, chunk, [BY_NAME["gaussian 1"]])["tried"]["gaussian 1"]
    image = scenes.scene("textures", 0, 0, ())
    some = draw(small, chunk, image)
    views = BY_NAME["gaussian 1"].views(image, 2.0)
    for rate, _, successes, places in tried:
        alone = optimisers.adam(
            views,
            some.start,
            some.targets,
            some.truth,
            free=[0, 1],
            rate=np.full(len(some.start), rate),
            evaluations=small.adam_looks,
        )
        assert successes == np.count_nonzero(alone.arrived.reshape(places, -1) >= 0, axis=0).tolist()


# Scenes


def test_scenes_are_the_same_for_a_seed_and_differ_between_seeds():
    for kind in ("textures", "glyphs"):
        one, again, other = (scenes.scene(kind, 1, seed, ()) for seed in (3, 3, 4))
        np.testing.assert_array_equal(one, again)
        assert np.abs(one - other).max() > 0.1
        assert one.dtype == np.float32
        assert one.min() >= 0
        assert one.max() <= 1
    assert np.mean(scenes.scene("glyphs", 0, 0, ()) == 0) > 0.7


@given(
    x=st.floats(0, 6), y=st.floats(0, 3), width=st.floats(0.5, 10), height=st.floats(0.5, 8),
    taps=st.integers(1, 4),
)  # fmt: skip
def test_the_area_average_is_the_difference_of_integrals(x, y, width, height, taps):
    """The integral of pixels that are squares of one value is linear between their edges."""
    image = np.random.default_rng(0).random((11, 16)).astype(np.float32)
    integral = np.pad(image.astype(np.float64), ((1, 0), (1, 0))).cumsum(axis=0).cumsum(axis=1)
    down, across = (begin + extent / taps * np.arange(taps + 1) for begin, extent in ((y, height), (x, width)))
    rows = np.stack([np.interp(down, np.arange(12), column) for column in integral.T], axis=1)
    corners = np.stack([np.interp(across, np.arange(17), row) for row in rows])
    means = np.diff(np.diff(corners, axis=0), axis=1) / (width * height / taps**2)
    exact = scenes.area_average(image, np.array([[x + width / 2, y + height / 2, width, height, 0]]), taps)[0]
    np.testing.assert_allclose(exact, means, atol=1e-9)


@pytest.mark.parametrize("turns", [1, 3])
def test_the_average_over_turned_cells_is_that_of_points(texture, turns):
    window = np.array([[200.3, 210.8, 150.0, 150.0, 0.0]])
    exact = scenes.area_average(texture, window, TAPS)
    turned = scenes.area_average(texture, window + 90 * turns * np.eye(5)[4:], TAPS)
    np.testing.assert_allclose(turned, np.rot90(exact, turns, (1, 2)), atol=0.01)
    assert np.abs(turned - exact).max() > 0.3


def test_a_folder_without_photos_or_with_flat_ones_is_named(tmp_path):
    with pytest.raises(GlimpseError, match=r"none.*--images FOLDER"):
        scenes.find_photos(str(tmp_path / "none"))
    with pytest.raises(GlimpseError, match="holds 0 photos"):
        scenes.find_photos(str(tmp_path))
    for number in range(3):
        Image.new("L", (90, 90), 128).save(tmp_path / f"{number}.png")
    design = Design(tuple(scenes.find_photos(str(tmp_path))))
    flat = scenes.scene("photos", 0, 0, design.photos)
    with pytest.raises(GlimpseError, match=r"image 0 of photos, 90x90, has no place for a window of 32 pixels"):
        draw(design, Chunk("translation", 2.0, "photos", 0), flat)


# Statistics, against what is published


@pytest.mark.parametrize(
    ("successes", "count", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilsons_interval_as_in_newcombe_1998(successes, count, low, high):
    found = statistics.wilson(successes, count)
    assert (found.low, found.high) == (pytest.approx(low, abs=6e-5), pytest.approx(high, abs=6e-5))
    mirrored = statistics.wilson(count - successes, count)
    assert mirrored.low == pytest.approx(1 - found.high)


@pytest.mark.parametrize(
    ("freedom", "quantile"),
    [(4, 2.776), (5, 2.571), (9, 2.262), (11, 2.201), (30, 2.042), (120, 1.980)],
)
def test_students_quantiles_as_in_the_tables(freedom, quantile):
    assert statistics.student(freedom) == pytest.approx(quantile, abs=1.1e-3)


@given(st.integers(0, 40), st.integers(0, 40), st.integers(0, 5))
def test_mcnemars_exact_test(only_first, only_second, both):
    first = np.array([True] * only_first + [False] * only_second + [True] * both + [False], bool)
    second = np.array([False] * only_first + [True] * only_second + [True] * both + [False], bool)
    n, fewer = only_first + only_second, min(only_first, only_second)
    slow = 2 * sum(Fraction(math.comb(n, k), 2**n) for k in range(fewer + 1))
    found = statistics.mcnemar(first, second)
    assert found[:2] == (only_first, only_second)
    assert found.p == pytest.approx(min(1.0, float(slow)))


def test_mcnemar_on_thousands_of_trials():
    first = np.arange(6000) < 3100
    found = statistics.mcnemar(first, ~first)
    z = (200 - 1) / math.sqrt(6000)
    assert found.p == pytest.approx(math.erfc(z / math.sqrt(2)), rel=0.01)


def test_the_area_under_a_curve():
    won = np.array([[True, True, True], [True, False, False], [False, False, True], [False, False, False]])
    np.testing.assert_allclose(statistics.areas(won, (0.0, 0.5, 2.0)), [1, 0.125, 0.375, 0])
    np.testing.assert_allclose(statistics.areas(won[:, :1], (0.3,)), [1, 1, 0, 0])


def test_the_interval_of_a_mean_takes_images_for_what_is_drawn():
    random = np.random.default_rng(0)
    covered = 0
    for _ in range(400):
        level = random.normal(0, 1, 12)
        values = np.repeat(level, 5) + random.normal(0, 0.1, 60)
        found = statistics.mean_over_images(values, np.repeat(np.arange(12), 5).tolist())
        covered += found.low <= 0 <= found.high
    assert 0.92 < covered / 400 < 0.98
    assert statistics.mean_over_images(np.ones(3), ["one"] * 3) == (1, -math.inf, math.inf)


# Running


def clockless(data):
    if isinstance(data, dict):
        return {name: clockless(value) for name, value in data.items() if "seconds" not in name}
    return [clockless(value) for value in data] if isinstance(data, list) else data


def test_a_chunk_gives_the_same_numbers_twice(small):
    chunk = Chunk("translation, own target", 2.0, "glyphs", 2)
    assert clockless(work(small, chunk)) == clockless(work(small, chunk))
