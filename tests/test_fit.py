"""Windows found again: the search, its verdicts and uncertainties."""

import math

import numpy as np
import pytest
from conftest import examples
from hypothesis import given
from hypothesis import strategies as st
from test_gradients import assert_close, differences

from glimpsecli import GlimpseError, Sampling, Window, extract, fit
from glimpsecli.attention import elliptical, gaussian, spatial
from glimpsecli.images import read
from glimpsecli.learning.fitting import LEAST_ENERGY, gradient_energy
from glimpsecli.learning.jacobian import elliptical_jacobian, gaussian_jacobian
from glimpsecli.learning.model import Level, Scene
from glimpsecli.learning.places import Range, to_window
from glimpsecli.learning.search import candidates

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def photos():
    from conftest import ROOT

    names = ("astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg")
    return {name: read(ROOT / "sample_images" / name).pixels for name in names}


def cut(photo, window, size, seed=0, noise=5.0, **how):
    """Look through a window and add noise, as a camera would."""
    seen = extract(photo, window, size, **how)
    noisy = seen + np.random.default_rng(seed).normal(0, noise, seen.shape)
    return np.clip(np.rint(noisy), 0, 255).astype(np.uint8)


def busy_window(photo, size, stride, seed, angle=0.0, aspect=1.0):
    """Draw a window inside a photo with enough to hold on to."""
    random = np.random.default_rng(seed)
    width, height = size[1] * stride, size[0] * stride * aspect
    reach = np.hypot(width, height) / 2 if angle else None
    while True:
        x, y = ((reach or extent / 2) for extent in (width, height))
        window = Window(
            random.uniform(x, photo.shape[1] - x), random.uniform(y, photo.shape[0] - y), width, height, angle
        )
        if gradient_energy(extract(photo, window, size, sampler="bilinear") / np.float32(255)) > 2:
            return window


def distance(found, window):
    return math.hypot(found.window.cx - window.cx, found.window.cy - window.cy)


@examples(30)
@given(
    st.integers(0, 99), st.floats(-2, 10), st.floats(-2, 10), st.floats(0.4, 3), st.floats(0.4, 3), st.floats(-3, 3),
    st.floats(-3, 3), st.floats(0.5, 2),
)  # fmt: skip
def test_the_jacobian_of_a_gaussian_glimpse_contracts_to_its_gradient(seed, u_y, u_x, s_y, s_x, d_y, d_x, gain):
    random = np.random.default_rng(seed)
    image, params = random.random((9, 11, 2)), np.array([u_y, s_y, d_y, u_x, s_x, d_x, gain])
    glimpse, by_params = gaussian_jacobian(image, params, (4, 3))
    assert np.allclose(glimpse, gaussian.glimpse(image, params, (4, 3)), atol=1e-8)
    loss = random.standard_normal(glimpse.shape)
    found = np.tensordot(by_params, loss, axes=3)
    assert_close(found, gaussian.glimpse_vjp(image, params, (4, 3), loss)[1], tolerance=1e-6)


@examples(30)
@given(
    st.integers(0, 99), st.floats(-1.5, 1.5), st.floats(-2, 8), st.floats(-2, 8), st.floats(0, 360), st.floats(0.3, 3),
    st.sampled_from([1.0, 1.3, -2.0]), st.floats(0.4, 1.5),
)  # fmt: skip
def test_the_jacobian_of_an_elliptical_glimpse_contracts_to_its_gradient(seed, shear, x, y, angle, stride, ratio, blur):
    random = np.random.default_rng(seed)
    image, turn = random.random((9, 11, 2)), np.deg2rad(angle)
    linear = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]) @ np.diag([stride, ratio * stride])
    for skew in (0.0, shear):
        matrix = np.column_stack([linear @ [[1, skew], [0, 1]], [x, y]])
        glimpse, by_matrix = elliptical_jacobian(image, matrix, (4, 3), blur)
        assert np.allclose(glimpse, elliptical.glimpse(image, matrix, (4, 3), blur), atol=1e-8)
        loss = random.standard_normal(glimpse.shape)
        expected = elliptical.glimpse_vjp(image, matrix, (4, 3), blur, loss)[1].ravel()
        assert_close(np.tensordot(by_matrix, loss, axes=3), expected, tolerance=1e-6)


def test_the_slopes_of_samples_are_their_differences():
    random = np.random.default_rng(3)
    image, grid = random.random((7, 8, 2)), random.uniform(-2, 9, (5, 4, 2))
    by_x, by_y = spatial.sample_slopes(image, grid, "edge")
    for axis, slopes in enumerate((by_x, by_y)):
        step = np.eye(2)[axis] * 1e-7
        ahead, behind = (spatial.sample(image, grid + sign * step, "edge") for sign in (1, -1))
        assert np.allclose(slopes, (ahead - behind) / 2e-7, atol=1e-6)


@pytest.mark.parametrize(
    ("sampler", "angle", "turns"),
    [("gaussian", 0.0, False), ("gaussian", 0.0, True), ("gaussian", 12.0, False), ("bilinear", 12.0, True)],
)
@pytest.mark.parametrize("level", [Level(1, 0.0), Level(1, 0.6), Level(2, 1.0)])
def test_a_scene_changes_with_its_place_as_it_says(photos, sampler, angle, turns, level):
    image = photos["chelsea.png"].astype(np.float32) / 255
    place = np.array([201.3, 150.2, math.log(4.3), 0.05, angle])
    size = (10, 12)
    seen = tuple(-(-n // level.reduction) for n in size)
    scene = Scene.around(image, place, size, level, Sampling(sampler=sampler), turns)
    _, slopes = scene.look(place, size, seen)
    weights = np.random.default_rng(0).standard_normal((*seen, 3))
    free = slice(0, 5 if turns or angle else 4)

    def loss(part):
        full = place.copy()
        full[free] = part
        return np.sum(weights * scene.look(full, size, seen)[0])

    expected = differences(loss, place[free], 1e-6)
    assert_close(np.tensordot(slopes, weights, axes=3)[free], expected, tolerance=1e-4)


def test_a_soft_scene_shows_what_the_softened_target_is(photos):
    """A glimpse of the target is what wider Gaussians see in the image, away from the target's edge."""
    image = photos["coffee.png"].astype(np.float32) / 255
    place, size = np.array([300.0, 200.0, math.log(4), 0.0, 0.0]), (40, 48)
    target = extract(image, Window(*to_window(place, size)), size)
    for sampler, level in (("gaussian", Level(2, 0.8)), ("gaussian", Level(1, 1.0)), ("bilinear", Level(4, 1.0))):
        soft = level.soften(target)
        seen, _ = Scene.around(image, place, size, level, Sampling(sampler=sampler)).look(place, size, soft.shape[:2])
        inner = (slice(3, -3), slice(3, -3))
        assert np.abs(seen - soft)[inner].max() < (0.02 if sampler == "gaussian" else 0.08)


def naive_zncc(template, image):
    h, w = template.shape[:2]
    scores = np.zeros((image.shape[0] - h + 1, image.shape[1] - w + 1))
    t = template - template.mean(axis=(0, 1))
    for y, x in np.ndindex(scores.shape):
        part = image[y : y + h, x : x + w]
        part = part - part.mean(axis=(0, 1))
        scores[y, x] = np.sum(t * part) / math.sqrt(np.sum(t**2) * np.sum(part**2))
    return scores


def test_the_coarse_search_is_that_of_the_definition():
    image = np.random.default_rng(5).random((40, 50, 2)).astype(np.float32)
    target = np.ascontiguousarray(image[11:21, 23:35])
    found = candidates(target, image, Range(1.0, 1.0), frozenset(["position"]), most=3)
    seen = extract(image, Window(25, 20, 50, 40), (40, 50))  # the coarse search looks at both a little blurred
    scores = naive_zncc(extract(target, Window(6, 5, 12, 10), (10, 12)), seen)
    y, x = np.unravel_index(scores.argmax(), scores.shape)
    assert (y, x) == (11, 23)
    assert found[0].place[:2].tolist() == [29.0, 16.0]
    assert found[0].zncc == pytest.approx(scores.max(), abs=1e-4)
    assert all(one.zncc <= scores.max() + 1e-4 for one in found)


@pytest.mark.parametrize(("name", "size", "stride", "wrong"), [
    ("astronaut.png", (48, 40), 2, 0.8), ("chelsea.png", (44, 64), 2, 1.2), ("coffee.png", (56, 40), 2, 0.9),
    ("astronaut.png", (32, 32), 6, 1.2), ("chelsea.png", (28, 40), 6, 0.8), ("rocket.jpg", (40, 36), 6, 1.1),
])  # fmt: skip
def test_windows_are_found_through_noise_and_a_wrong_scale(photos, name, size, stride, wrong):
    window = busy_window(photos[name], size, stride, seed=size[0])
    found = fit(cut(photos[name], window, size), photos[name], stride=stride * wrong)
    assert found.verdict == "found", found.reason
    assert distance(found, window) < (0.1 if stride == 2 else 0.6)
    assert found.window.width == pytest.approx(window.width, rel=0.005)
    assert found.noise == pytest.approx(5 / 255, rel=0.15)
    assert found.path[-1].window == (found.window.cx, found.window.cy, found.window.width, found.window.height, 0.0)


@pytest.mark.parametrize(("other", "size", "stride"), [
    ("chelsea.png", (40, 40), 2), ("coffee.png", (32, 44), 2), ("rocket.jpg", (48, 40), 3), ("coffee.png", (36, 32), 6),
])  # fmt: skip
def test_targets_from_other_photos_are_not_found(photos, other, size, stride):
    target = cut(photos[other], busy_window(photos[other], size, stride, seed=1), size)
    found = fit(target, photos["astronaut.png"], stride=stride)
    assert found.verdict == "lost"
    assert "ZNCC" in found.reason


def test_flipped_and_random_targets_are_not_found(photos):
    photo = photos["coffee.png"]
    target = cut(photo, busy_window(photo, (40, 40), 3, seed=4), (40, 40))
    noise = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    for wrong in (target[:, ::-1], target[::-1], 255 - target, noise):
        assert fit(wrong, photo, stride=3).verdict != "found"


def test_a_periodic_pattern_and_two_equal_places_are_doubtful(photos):
    y, x = np.mgrid[:200, :240]
    waves = np.rint(127 + 60 * np.sin(x * 0.4) * np.sin(y * 0.3)).astype(np.uint8)
    target = cut(waves, Window(120, 100, 64, 64), (32, 32))
    found = fit(target, waves, stride=2)
    assert found.verdict == "doubtful"
    assert "another place fits as well" in found.reason
    rivals = np.concatenate([photos["chelsea.png"][:, :220]] * 2, axis=1)
    found = fit(cut(rivals, Window(110, 150, 80, 80), (40, 40)), rivals, stride=2)
    assert found.verdict == "doubtful"
    assert found.next_best == pytest.approx(found.zncc, abs=0.01)


def checker(period, size=256):
    y, x = np.mgrid[:size, :size]
    return ((x // period + y // period) % 2 * 255).astype(np.uint8)


def grid_of_lines(period, size=256):
    y, x = np.mgrid[:size, :size]
    return np.where((x % period < 2) | (y % period < 2), 255, 0).astype(np.uint8)


@pytest.mark.parametrize(("image", "window", "size", "noise"), [
    (checker(16), Window(78, 78, 60, 60), (30, 30), 0),
    (checker(16), Window(137.5, 155.5, 105, 105), (35, 35), 0),
    (checker(8), Window(121.44, 146.0, 84, 72), (24, 28), 0),
    (checker(23), Window(166.0, 207.0, 66, 42), (21, 33), 0),
    (checker(14), Window(218.0, 194.0, 60, 72), (24, 20), 5),
    (grid_of_lines(11), Window(56.92, 124.1, 111, 111), (37, 37), 5),
    (checker(4), Window(120.0, 131.0, 90, 96), (32, 30), 5),  # its period is less than two strides
])  # fmt: skip
def test_a_place_with_rivals_is_never_called_found(image, window, size, noise):
    """The coarse search sees little of such patterns, and gives up most of the places that are equal."""
    found = fit(cut(image, window, size, noise=noise), image, stride=window.width / size[1])
    assert found.verdict == "doubtful"
    assert "another place fits as well" in found.reason


def test_a_turned_rival_is_one_too(photos):
    """One quarter of the image is another one, turned by a right angle."""
    photo = photos["astronaut.png"][40:200, 140:300]
    both = np.concatenate([photo, np.rot90(photo)], axis=1)
    target = cut(both, Window(80, 80, 100, 90), (36, 40), sampler="bilinear")
    how = {"sampler": "bilinear", "stride": (2.5, 2.5), "free": ["position", "angle"]}
    assert fit(target, photo, **how).verdict == "found"
    assert fit(target, both, **how).verdict == "doubtful"


def test_what_goes_on_is_reported(photos):
    counted = []
    target = cut(photos["chelsea.png"], Window(220, 130, 160, 120), (30, 40))
    assert fit(target, photos["chelsea.png"], stride=4, watch=lambda *counts: counted.append(counts)).verdict == "found"
    done, total = zip(*counted, strict=True)
    assert done == tuple(range(1, len(done) + 1))
    assert total == tuple(sorted(total))
    assert all(some <= most for some, most in counted)


def test_the_aspect_is_found(photos):
    window = busy_window(photos["coffee.png"], (40, 40), 3, seed=6, aspect=1.12)
    target = cut(photos["coffee.png"], window, (40, 40))
    found = fit(target, photos["coffee.png"], stride=3, free=["position", "scale", "aspect"])
    assert found.verdict == "found"
    assert found.window.height / found.window.width == pytest.approx(1.12, rel=0.005)


@pytest.mark.parametrize(("sampler", "name", "stride", "angle", "aspect"), [
    ("bilinear", "astronaut.png", 2, 33.0, 1.0), ("gaussian", "astronaut.png", 2, 33.0, 1.0),
    ("gaussian", "coffee.png", 4, -14.0, 1.0), ("gaussian", "chelsea.png", 3, 6.0, 1.08),
])  # fmt: skip
def test_the_angle_is_found(photos, sampler, name, stride, angle, aspect):
    window = busy_window(photos[name], (40, 36), stride, seed=8, angle=angle, aspect=aspect)
    target = cut(photos[name], window, (40, 36), sampler=sampler)
    free = ["position", "scale", "angle", *(["aspect"] if aspect != 1 else [])]
    found = fit(target, photos[name], sampler=sampler, stride=stride, free=free)
    assert found.verdict == "found", found.reason
    assert found.window.angle == pytest.approx(angle, abs=0.2)
    assert distance(found, window) < 0.05 * stride


def test_a_window_that_is_upright_is_found_where_the_angle_is_free(photos):
    photo = np.ascontiguousarray(photos["coffee.png"][100:300, 150:400])
    target = cut(photo, busy_window(photo, (24, 30), 3, seed=2), (24, 30))
    found = fit(target, photo, stride=(3, 3), free=["position", "angle"])
    assert found.verdict == "found"
    assert abs(found.window.angle) < 4 * found.spread.angle < 1


def test_the_stride_need_not_be_given(photos):
    window = busy_window(photos["chelsea.png"], (32, 40), 3.7, seed=9)
    found = fit(cut(photos["chelsea.png"], window, (32, 40)), photos["chelsea.png"])
    assert found.verdict == "found"
    assert distance(found, window) < 0.3


def test_brightness_and_contrast_do_not_matter(photos):
    window = busy_window(photos["coffee.png"], (40, 40), 3, seed=2)
    target = cut(photos["coffee.png"], window, (40, 40)).astype(np.float32) / 255 * 0.6 + 0.3
    found = fit(target, photos["coffee.png"], stride=3)
    assert found.verdict == "found"
    assert found.gain == pytest.approx(0.6, rel=0.03)


def test_the_uncertainty_is_what_it_says(photos):
    """Over many noises the error, in standard deviations, is about one."""
    photo, size = np.ascontiguousarray(photos["chelsea.png"][60:200, 120:300]), (28, 28)
    window = busy_window(photo, size, 3, seed=12)
    errors = []
    for seed in range(20):
        found = fit(cut(photo, window, size, seed=seed), photo, stride=(3, 3), free=["position"])
        assert found.window.width == pytest.approx(84)
        assert found.spread.width == found.spread.angle == 0
        errors += [(found.window.cx - window.cx) / found.spread.cx, (found.window.cy - window.cy) / found.spread.cy]
    assert 0.75 < math.sqrt(np.mean(np.square(errors))) < 1.3


def test_gradient_energy_tells_how_much_there_is_to_hold_on_to():
    flat, edge = np.full((32, 32, 1), 0.5, np.float32), np.zeros((32, 32, 1), np.float32)
    edge[:, 16:] = 1
    corner = edge * edge.swapaxes(0, 1)
    assert gradient_energy(flat) < 1e-9
    assert gradient_energy(edge) < LEAST_ENERGY < 1 < gradient_energy(corner)


def test_a_place_that_shows_nothing_is_no_match():
    blank = np.full((60, 80, 3), 77, np.uint8)
    target = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    with pytest.raises(GlimpseError, match="no place in the image is anything but constant"):
        fit(target, blank)
    blank[20:23, 30:33] = 90
    assert fit(target, blank).verdict == "lost"


NAN = np.full((16, 16, 3), np.nan, np.float32)
RANDOM = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)
EDGE = np.repeat(np.where(np.arange(16) < 8, 0, 255).astype(np.uint8)[None, :, None], 16, axis=0).repeat(3, axis=2)


@pytest.mark.parametrize(("target", "how", "words"), [
    (np.zeros((600, 400, 3), np.uint8), {}, "a target of 400x600 pixels at a stride of 1 is larger than an image"),
    (RANDOM, {"stride": 40}, "at a stride of 32 is larger"),
    (np.full((16, 16, 3), 90, np.uint8), {}, "almost constant in some direction"),
    (EDGE, {}, "nothing to hold on to"),
    (NAN, {}, "the target holds NaN or infinity"),
    (RANDOM[:, :, 0], {}, "make the one in colour grey, for example with `magick"),
    (RANDOM[:4], {}, "8x8 at least"),
    (RANDOM.astype(complex), {}, "the target of complex128"),
    (RANDOM[0, 0], {}, "the target of shape (3,)"),
    (RANDOM, {"sampler": "hard"}, "has no gradient"),
    (RANDOM, {"sampler": "cubic"}, "unknown sampler"),
    (RANDOM, {"free": ["scale"]}, "the position is not free"),
    (RANDOM, {"free": ["position", "colour"]}, "'colour' cannot be free"),
    (RANDOM, {"free": ["position"]}, "no stride is given"),
    (RANDOM, {"free": ["position"], "stride": (2, 3)}, "give one stride"),
    (RANDOM, {"stride": -1}, "give positive numbers"),
    (RANDOM, {"stride": 0.001}, "at a stride of 0.0008 covers 0.0128x0.0128 pixels of the image"),
    (RANDOM, {"stride": (3, 2)}, "the lesser first"),
    (RANDOM, {"blur": 0}, "blur is 0"),
])  # fmt: skip
def test_bad_input_is_refused_in_one_line(photos, target, how, words):
    with pytest.raises(GlimpseError) as caught:
        fit(target, photos["chelsea.png"], **how)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
