"""That each condition of the study asks what its name says, and each sampler gets what is its due."""

import json

import numpy as np
import pytest
from PIL import Image

from glimpsecli import GlimpseError, Sampling, Window
from glimpsecli.study import design, optimisers, scenes, working
from glimpsecli.study.design import CONDITIONS, FRACTION, NOISE, Chunk, Design, fingerprint
from glimpsecli.study.mechanisms import MECHANISMS, TAPS, View, blur
from glimpsecli.study.trials import check, draw
from glimpsecli.window import corners

BY_NAME = {mechanism.name: mechanism for mechanism in MECHANISMS}
SETTINGS = {
    (mechanism.name, 2.0, searched): working.Setting(0.1 + n + 50 * kind, 0.01 + n)
    for n, mechanism in enumerate(MECHANISMS) for kind, searched in enumerate(("", "scale", "angle"))
}  # fmt: skip


@pytest.fixture
def plan(samples):
    return Design(tuple(scenes.find_photos(str(samples)))[:6], strides=(2.0,), offsets=(0.1, 0.3), places=2,
                  other_places=2, adam_looks=20, lm_looks=14)  # fmt: skip


@pytest.fixture
def asked(monkeypatch):
    """Record what the optimisers are asked, and let them find nothing."""
    found = []

    def spy(name):
        def search(views, start, targets, truth, **options):
            views = [views] if isinstance(views, View) else views
            if len(start) > 1:  # not the warming up
                found.append((name, views, start, targets, truth, options))
            return optimisers.Outcome(start, np.full(len(start), -1), np.full(len(start), 1))

        return search

    for name in ("adam", "levenberg_marquardt", "score_function"):
        monkeypatch.setattr(optimisers, name, spy(name))
    return found


@pytest.mark.parametrize("condition", CONDITIONS, ids=lambda condition: condition.name)
def test_each_condition_asks_what_its_name_says(plan, asked, condition):
    chunk = Chunk(condition.name, 2.0, "textures", 2)
    stride = 2 + FRACTION if "fractional" in condition.name else 2.0
    working.work(plan, chunk, SETTINGS)
    clean = scenes.scene("textures", 2, 0, ())
    scaled, noisy, own, turned, turning = (
        any(word in condition.name for word in words)
        for words in (["scale"], ["noise"], ["own"], ["turned", "angle"], ["angle"])
    )
    unguided = set() if scaled or turned else {"score_function"}
    assert {name for name, *_ in asked} == {"adam", "levenberg_marquardt"} | unguided
    for name, views, start, targets, truth, options in asked:
        assert all(view.stride == stride for view in views)
        if name != "score_function":
            assert options["free"] == [0, 1] + [2] * scaled + [3] * turning
        if name == "adam":
            assert np.all(options["rate"] // 50 == scaled + 2 * turning)
        assert np.any(start[:, 2] != 0) == scaled
        assert np.any(start[:, 3] != truth[:, 3]) == turning
        assert np.all((truth[:, 3] != 0) == turned)
        extent = TAPS * stride
        away = np.tile(plan.offsets, 1 if turned else 2) * extent
        np.testing.assert_allclose(np.hypot(*(start - truth)[:, :2].T), away, rtol=1e-9)
        angles = np.rad2deg(2 / TAPS * truth[:, 3])
        windows = np.column_stack([truth[:, :2], np.full((len(truth), 2), extent), angles])
        average = scenes.area_average(clean, windows, TAPS)
        if own:
            assert np.abs(targets - average).max() > 1e-3
            np.testing.assert_array_equal(targets, views[-1].glimpses(truth))
        else:
            # Points of turned windows may be rounded into other pixels.
            np.testing.assert_allclose(targets, average, rtol=0, atol=0.01 * turned)
    seen = next(
        views[0].pixels for _, views, *_ in asked if views[0].sampling.sampler == "bilinear"
    )  # the unblurred one
    difference = seen.astype(np.float64) - clean
    assert difference.std() == pytest.approx(NOISE if noisy else 0, rel=0.01)


def test_noise_is_the_same_for_all_samplers_and_at_all_strides(plan, asked):
    seen = []
    for stride in (2.0, 4.0):
        asked.clear()
        settings = {(name, stride, searched): setting for (name, _, searched), setting in SETTINGS.items()}
        chunk = Chunk("translation, noise", stride, "glyphs", 3)
        working.work(plan, chunk, settings, [BY_NAME["bilinear"], BY_NAME["gaussian 1"], BY_NAME["hard"]])
        seen += [views[0].pixels for _, views, *_ in asked]
    for pixels in seen[1:]:
        np.testing.assert_array_equal(pixels, seen[0])


def test_each_sampler_has_the_setting_that_was_chosen_for_it_and_its_evaluations(plan, asked):
    working.work(plan, Chunk("translation", 2.0, "textures", 2), SETTINGS)
    expected = []
    for n, mechanism in enumerate(MECHANISMS):
        if mechanism.sampled:
            expected.append(("score_function", 20 * mechanism.evaluations, 0.1 + n, 0.01 + n))
        else:
            expected += [("levenberg_marquardt", 14, None, None), ("adam", 20, 0.1 + n, None)]
    found = []
    for name, _, start, _, _, options in asked:
        rate, sigma = (options.get(one) for one in ("rate", "sigma"))
        assert all(one is None or (len(one) == len(start) and np.ptp(one) == 0) for one in (rate, sigma))
        found.append((name, options["evaluations"], *(None if one is None else one[0] for one in (rate, sigma))))
    assert found == expected
    assert BY_NAME["hard, 10 times the looks"].evaluations == 10


def test_the_spatial_transformer_looks_at_an_image_blurred_as_the_gaussians_would():
    image = scenes.scene("textures", 2, 0, ())
    for name, sigma in (("bilinear, blurred 0.5", 0.5), ("bilinear, blurred 1", 1.0), ("bilinear, blurred 2", 2.0)):
        for stride, pixels in ((4.0, 4 * sigma), (0.5, sigma)):  # below a stride of one Gaussians stay as wide
            (view,) = BY_NAME[name].views(image, stride)
            np.testing.assert_array_equal(view.pixels, blur(image, pixels))
    annealed = BY_NAME["bilinear, blur annealed"], BY_NAME["gaussian annealed"]
    assert annealed[0].sigmas == annealed[1].sigmas
    np.testing.assert_array_equal(annealed[0].views(image, 2.0)[0].pixels, blur(image, 8.0))


def test_tuning_tries_each_rate_and_each_policy(plan):
    some = plan._replace(rates=(0.2, 0.4), policies=(0.3, 0.6, 0.9))
    assert working.settings_for(BY_NAME["bilinear"], some) == [(0.2, 0), (0.4, 0)]
    assert len(working.settings_for(BY_NAME["hard"], some)) == 6


# The searches


def small_view():
    return View(scenes.scene("textures", 0, 0, ()), 2.0, Sampling(backend="cpu", threads=1))


def test_turned_windows_stay_inside_the_image_and_within_half_a_turn():
    view, random = small_view(), np.random.default_rng(0)
    places = random.normal(0, 1, (200, 4)) * [1000, 1000, 20, 60]
    view.keep(places)
    size = (TAPS, TAPS)
    for window in view.windows(places):
        nominal = Window(*window[:2], TAPS * view.stride, TAPS * view.stride, window[4])
        ends = corners(nominal.to_affine(size), size)
        assert ends.min() >= -1e-9
        assert ends.max() <= scenes.SIDE + 1e-9
        assert abs(window[4]) <= 180 + 1e-9
        assert 0.5 - 1e-9 <= window[2] / nominal.width <= 2 + 1e-9
    assert np.ptp(places[:, 3]) > TAPS * 3


def test_no_search_leaves_the_image(monkeypatch):
    view = small_view()
    edge = np.array([[16.0, 496.0, 0.0, 0.0]])
    outwards = np.array([[30.0, -30.0, 0.0, 0.0]])
    monkeypatch.setattr(View, "gradients", lambda self, places, targets: outwards)
    found = optimisers.adam([view], edge, np.zeros((1, 16, 16)), edge, free=[0, 1, 2], rate=np.ones(1), evaluations=5)
    assert found.places.tolist() == edge.tolist()
    random = np.random.default_rng(0)
    some = np.tile(edge, (50, 1))
    found = optimisers.score_function(
        view,
        some,
        random.random((50, 16, 16)),
        some,
        rate=np.ones(50),
        sigma=np.ones(50),
        evaluations=20,
        random=random,
    )
    assert np.all((found.places[:, 0] >= 16) & (found.places[:, 1] <= 496))
    assert np.any(found.places != some)


def test_levenberg_marquardt_takes_no_step_that_leads_up(monkeypatch):
    """The zero of an arctangent, from where Gauss and Newton's steps lead ever farther away."""

    def jacobians(self, places):
        x = (places[:, 0] - 256) / 10
        slopes = np.zeros((len(places), TAPS * TAPS, 4))
        slopes[:, :, 0] = (self.stride / 10 / (1 + x * x))[:, None]
        return np.tile(np.arctan(x)[:, None], (1, TAPS * TAPS)), slopes

    monkeypatch.setattr(View, "jacobians", jacobians)
    start, truth = np.array([[296.0, 256.0, 0.0, 0.0]]), np.array([[256.0, 256.0, 0.0, 0.0]])
    targets = np.zeros((1, 16, 16))
    found = optimisers.levenberg_marquardt([small_view()], start, targets, truth, free=[0, 1], evaluations=60)
    np.testing.assert_allclose(found.places, truth, atol=1e-3)
    assert 0 < found.arrived[0] <= found.evaluations[0] < 60


def test_a_loss_that_is_the_same_everywhere_moves_no_policy_for_long(monkeypatch):
    """From the second step on the baseline is that loss, and nothing is left that would say where to go."""
    monkeypatch.setattr(View, "losses", lambda self, places, targets: np.full(len(places), 7.0))
    start = np.tile([256.0, 256.0, 0.0, 0.0], (64, 1))
    found = optimisers.score_function(
        small_view(), start, np.zeros((64, 16, 16)), start, rate=np.full(64, 0.5), sigma=np.ones(64), evaluations=4000,
        random=np.random.default_rng(0),
    )  # fmt: skip
    assert np.abs(found.places - start).max() < 8 * 0.5 * 2  # 8 steps of the first rate, in pixels


# The plan


def test_an_unknown_condition_is_named(plan):
    with pytest.raises(GlimpseError, match="'transaltion' is no condition"):
        draw(plan, Chunk("transaltion", 2.0, "textures", 2), scenes.scene("textures", 2, 0, ()))


def test_what_cannot_be_drawn_is_known_before_anything_is_tried(plan, tmp_path):
    check(plan)
    paths = []
    for number, side in enumerate((300, 300, 300, 40)):
        noise = np.random.default_rng(number).integers(0, 256, (side, side), np.uint8)
        paths.append(str(tmp_path / f"{number}.png"))
        Image.fromarray(noise).save(paths[-1])
    check(plan._replace(photos=tuple(paths[:3])))
    with pytest.raises(GlimpseError, match=r"image 3 of photos, 40x40, has no place for a window of 37\.92 pixels"):
        check(plan._replace(photos=tuple(paths)))


def test_designs_that_would_give_other_numbers_have_other_fingerprints(plan, tmp_path, monkeypatch):
    one = fingerprint(plan)
    assert fingerprint(plan) == one
    assert fingerprint(plan._replace(lm_looks=15)) != one
    copies = []
    for path in plan.photos:
        copies.append(str(tmp_path / path.rpartition("/")[2]))
        with open(path, "rb") as source, open(copies[-1], "wb") as copy:
            copy.write(source.read())
    moved = plan._replace(photos=tuple(copies))
    assert fingerprint(moved) == one
    assert json.dumps(moved.as_dict()) == json.dumps(plan.as_dict())
    with open(copies[0], "ab") as copy:
        copy.write(b"\0")
    assert fingerprint(moved) != one
    monkeypatch.setattr(optimisers, "CLOSE", 0.5)
    assert fingerprint(plan) != one
    monkeypatch.undo()
    for name in ("NOISE", "FRACTION", "ALIKE"):
        monkeypatch.setattr(design, name, 0.5)
        assert fingerprint(plan) != one
        monkeypatch.undo()
