import functools
import math
from pathlib import Path

import numpy as np
import pytest

from glimpsecli import Window, extract, paste
from glimpsecli.errors import InvalidInputError
from glimpsecli.images import read
from glimpsecli.learning.grid import Grid
from glimpsecli.learning.nearby import Prior, nearby, zncc_map
from glimpsecli.learning.past import Past
from glimpsecli.learning.template import Template
from glimpsecli.learning.tracking import Tracker, Tracking, track
from glimpsecli.study.sequences import sequence

FOLDER = Path(__file__).parent.parent / "sample_images"
PHOTOS = str(FOLDER)
EVERYTHING = frozenset({"position", "scale", "angle"})


@functools.cache
def rendered(kind, seed):
    drawn = sequence(kind, seed, PHOTOS)
    return drawn, list(drawn.frames())


class Followed:
    """A sequence and what a tracker says of it, the start left out."""

    def __init__(self, kind, seed, **options):
        drawn, frames = rendered(kind, seed)
        self.tracked = list(track(frames, Window(*drawn.windows[0]), Tracking(**options)))[1:]
        self.truth, self.visible = drawn.windows[1:], drawn.visible[1:]
        windows = [one.window for one in self.tracked]
        self.windows = np.array([(w.cx, w.cy, w.width, w.height, w.angle) for w in windows])
        self.found = np.array([one.state == "found" for one in self.tracked])
        self.off = np.hypot(*(self.windows - self.truth)[:, :2].T)
        self.wrong = np.any(np.abs(self.windows - self.truth)[:, :2] > self.truth[:, 2:4] / 2, axis=1)


@pytest.mark.parametrize(("kind", "seed"), [("scale", 9), ("light", 3)])
def test_what_is_seen_is_found_to_tenths_of_a_pixel(kind, seed):
    followed = Followed(kind, seed)
    assert followed.found.all()
    assert np.median(followed.off) < 0.12
    assert np.percentile(followed.off, 95) < 0.4
    assert np.median(np.abs(np.log(followed.windows[:, 2] / followed.truth[:, 2]))) < 0.02


def test_a_turn_is_followed_where_the_angle_is_free():
    followed = Followed("turn", 1, free=EVERYTHING, sampler="bilinear")
    assert followed.found.all()
    assert np.median(followed.off) < 0.15
    assert np.median(np.abs(followed.windows[:, 4] - followed.truth[:, 4])) < 0.5


@pytest.mark.parametrize(("kind", "seed"), [("still hider", 4), ("moving hider", 1), ("leaving", 7)])
def test_what_is_hidden_is_not_found_and_comes_back(kind, seed):
    followed = Followed(kind, seed)
    assert not followed.found[followed.visible < 0.1].any()
    assert not (followed.found & followed.wrong).any()
    assert followed.found[-5:].all()
    assert followed.off[-5:].max() < 1
    reasons = {one.reason for one in followed.tracked if one.state != "found"}
    assert "" not in reasons
    assert "lost" in {one.state for one in followed.tracked}


def test_half_of_it_is_enough():
    followed = Followed("partial", 10)
    assert followed.visible.min() < 0.7
    assert followed.off.max() < 3
    assert followed.found.mean() > 0.9


def test_a_lookalike_is_not_taken_without_a_doubt():
    followed = Followed("lookalike", 14)
    assert followed.wrong.any()  # it hides the object as a whole
    assert not (followed.found & followed.wrong).any()
    assert followed.off[-5:].max() < 1  # and is left when the object is seen again


def test_without_verdict_everything_is_found():
    followed = Followed("leaving", 7, verdict=False)
    assert followed.found.all()
    assert followed.wrong.any()


@pytest.mark.parametrize("motion", ["near", "none"])
def test_other_motions(motion):
    followed = Followed("translation", 0, motion=motion)
    assert followed.found.all()
    assert followed.off.max() < 1


def coffee(height=120, width=160):
    photo = read(FOLDER / "coffee.png").pixels
    return extract(photo, Window(300, 200, 480, 360), (height, width), backend="cpu", threads=1)


def scene(centres, size=20.0, dtype=np.uint8):
    """Frames with a piece of a cat on coffee; none where the centre is None."""
    photo = read(FOLDER / "chelsea.png").pixels
    piece = extract(photo, Window(160, 110, 60, 60), (40, 40), backend="cpu", threads=1)
    background = coffee()
    for centre in centres:
        if centre is None:
            frame = background
        else:
            frame = paste(background, piece, Window(*centre, size, size), sampler="bilinear")
        scale = {np.uint8: 1, np.uint16: 257, np.float32: 1 / 255}[dtype]
        frame = frame * scale
        yield frame.astype(dtype) if dtype is np.float32 else np.round(frame).astype(dtype)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_every_depth_is_followed_alike(dtype):
    centres = [(40 + 2.3 * k, 50 + 0.7 * k) for k in range(15)]
    *_, last = track(scene(centres, dtype=dtype), Window(40, 50, 20, 20))
    assert last.state == "found"
    assert (last.window.cx, last.window.cy) == pytest.approx(centres[-1], abs=0.5)


def test_grey_frames():
    frames = (frame[..., 1:2] for frame in scene([(40 + k, 50) for k in range(10)]))
    *_, last = track(frames, Window(40, 50, 20, 20))
    assert last.state == "found"
    assert last.window.cx == pytest.approx(49, abs=0.5)


def test_a_still_thing_that_was_there_before_is_not_the_object():
    """An object passes over a still copy of itself, and is gone."""
    photo = read(FOLDER / "chelsea.png").pixels
    piece = extract(photo, Window(160, 110, 60, 60), (40, 40), backend="cpu", threads=1)
    centres = [(30 + 3 * k, 60) for k in range(21)] + [None] * 20
    frames = [
        paste(frame, piece, Window(92, 60, 20, 20), sampler="bilinear").astype(np.uint8) for frame in scene(centres)
    ]
    tracked = list(track(frames, Window(30, 60, 20, 20)))
    assert all(one.state == "found" for one in tracked[:15])
    assert not any(one.state == "found" for one in tracked[24:])
    assert "it was here before" in {one.reason for one in tracked}


def test_the_start_comes_first_and_as_it_was_given():
    window = Window(40, 50, 20, 22)
    first, second = track(scene([(40, 50), (41, 50)]), window)
    assert first.window is window
    assert (first.state, first.zncc, first.reason) == ("found", 1, "the box that was given")
    assert second.spread[0] > 0
    assert second.window.height / second.window.width == pytest.approx(1.1)


def test_the_context_is_not_part_of_the_window():
    *_, last = track(scene([(40 + k, 50) for k in range(8)]), Window(40, 50, 20, 20), Tracking(context=1.5))
    assert last.window.width == pytest.approx(20, rel=0.05)


def test_a_start_that_cannot_be():
    frame = next(scene([(40, 50)]))
    with pytest.raises(InvalidInputError, match=r"centre \(170, 50\) lies outside the frame of 160 x 120"):
        Tracker(frame, Window(170, 50, 20, 20))
    with pytest.raises(InvalidInputError, match="nothing but one colour"):
        Tracker(np.full((60, 80, 3), 7, np.uint8), Window(40, 30, 20, 20))
    with pytest.raises(InvalidInputError, match=r"a frame of shape \(60, 80\)"):
        Tracker(np.zeros((60, 80), np.uint8), Window(40, 30, 20, 20))
    with pytest.raises(InvalidInputError, match="a frame of float64"):
        Tracker(frame.astype(np.float64), Window(40, 50, 20, 20))
    with pytest.raises(InvalidInputError, match="shows NaN or infinity"):
        Tracker(np.full((60, 80, 3), np.nan, np.float32), Window(40, 30, 20, 20))


def test_frames_of_another_size():
    tracker = Tracker(next(scene([(40, 50)])), Window(40, 50, 20, 20))
    with pytest.raises(InvalidInputError, match=r"\(60, 80, 3\), uint8, after frames of \(120, 160, 3\), uint8"):
        tracker(np.zeros((60, 80, 3), np.uint8))
    with pytest.raises(InvalidInputError, match=r"float32, after frames of \(120, 160, 3\), uint8"):
        tracker(np.zeros((120, 160, 3), np.float32))


def test_a_window_over_the_edge_and_one_of_a_pixel():
    frames = list(scene([(8, 50)] * 4))
    *_, last = track(frames, Window(8, 50, 30, 30))
    assert last.state == "found"
    assert abs(last.window.cx - 8) < 1
    assert next(track(frames, Window(10, 50, 1, 1))).state == "found"


def test_black_frames_after_a_good_one_are_lost():
    frames = [*scene([(40, 50)] * 3), *[np.zeros((120, 160, 3), np.uint8)] * 12]
    *_, last = track(frames, Window(40, 50, 20, 20))
    assert last.state == "lost"
    assert last.reason


def test_what_was_not_measured_has_no_spread():
    tracked = list(track(scene([(40, 50)] * 3 + [None] * 4), Window(40, 50, 20, 20)))
    assert all(math.isfinite(one.spread[0]) for one in tracked[:3])
    assert all(math.isnan(one.spread[0]) and math.isnan(one.spread[1]) for one in tracked[3:])


def test_the_correlation_is_that_of_the_window():
    """A copy of the object, far from where it vanished, is no reason to call an empty window likely."""
    frames = list(scene([(40, 50)] * 12 + [None] * 12))
    photo = read(FOLDER / "chelsea.png").pixels
    piece = extract(photo, Window(160, 110, 60, 60), (40, 40), backend="cpu", threads=1)
    frames = [paste(one, piece, Window(130, 90, 20, 20), sampler="bilinear").astype(np.uint8) for one in frames]
    gone = list(track(frames, Window(40, 50, 20, 20)))[12:]
    assert not any(one.state == "found" for one in gone)  # the copy was there before
    assert max(one.zncc for one in gone) < 0.6
    assert max(one.second for one in gone) > 0.9


def test_a_cut_is_not_the_way_of_an_object():
    """After a cut the object is elsewhere; in its old place is something of which half looks like it."""
    before = list(scene([(40 + k, 50) for k in range(10)]))
    after = [frame[::-1, ::-1] for frame in scene([(40, 50)] * 8)]  # at (120, 70), upside down
    tracked = list(track([*before, *after], Window(40, 50, 20, 20)))
    assert all(one.state == "found" for one in tracked[:10])
    assert not any(one.state == "found" for one in tracked[10:])
    there = list(scene([(115, 80)] * 8))
    brighter = [np.roll(255 - one, 40, axis=1) for one in there]  # another scene
    piece = [paste(b, before[9][49 - 9 : 59, 39:59], Window(115, 80, 20, 20), sampler="bilinear") for b in brighter]
    tracked = list(track([*before, *[np.round(one).astype(np.uint8) for one in piece]], Window(40, 50, 20, 20)))
    assert tracked[10].state == "found"  # at once, by a search of the whole frame
    assert (tracked[10].window.cx, tracked[10].window.cy) == pytest.approx((115, 80), abs=2)


def test_what_comes_back_far_away_is_found_by_a_search_of_the_whole_frame():
    centres = [(30 + k, 40) for k in range(6)] + [None] * 10 + [(130, 90)] * 4
    *_, last = track(scene(centres), Window(30, 40, 20, 20))
    assert last.state == "found"
    assert (last.window.cx, last.window.cy) == pytest.approx((130, 90), abs=0.5)
    *_, last = track(scene(centres), Window(30, 40, 20, 20), Tracking(redetect=False))
    assert last.state != "found"


def test_the_start_keeps_the_window_from_drifting():
    """A template that takes up half of each glimpse, of an object that moves by fractions of a pixel."""
    centres = [(60 + 20 * math.sin(k / 5), 60 + 20 * math.cos(k / 7)) for k in range(80)]
    tracked = list(track(scene(centres), Window(*centres[0], 20, 20), Tracking(update=0.5)))
    off = [math.hypot(one.window.cx - x, one.window.cy - y) for one, (x, y) in zip(tracked, centres, strict=True)]
    assert np.median(off[60:]) < 0.02


def test_a_frame_of_the_past_is_seen_at_the_same_place():
    """A ramp of more pixels than are kept: a glimpse of it shows the abscissa."""
    ramp = np.broadcast_to(np.arange(2048, dtype=np.float32)[None, :, None], (1024, 2048, 1))
    past = Past()
    past.keep(ramp, np.array([100.0, 100.0, 0.0, 0.0]))
    now, before = past.there(ramp, np.array([1500.0, 500.0, 64.0, 64.0, 0.0]), (8, 8), Tracking().sampling)
    for glimpse in (now, *before):
        assert glimpse.mean() == pytest.approx(1499.5, abs=0.01)
    assert len(before) == 1


def test_a_window_that_nobody_judges_does_not_grow_without_bound():
    random = np.random.default_rng(0)
    frames = random.integers(0, 255, (60, 60, 80, 1), np.uint8)
    *_, last = track(frames, Window(40, 30, 20, 20), Tracking(verdict=False, free=EVERYTHING, sampler="bilinear"))
    assert 20 / 8 <= last.window.width <= 20 * 8


@pytest.mark.parametrize("extent", [(4.0, 4.0), (20.0, 12.0)])
def test_the_search_of_a_large_frame_is_bounded(extent):
    seen = []

    def look(window, size):
        seen.append((window, size))
        return np.random.default_rng(0).random((*size, 1), np.float32)

    middle = np.array([1800.0, 40.0, *extent, 0.0])
    template = look(middle, (32, 32))
    nearby(
        look, template, np.ones((32, 32), np.float32), middle, 1920.0, Prior(1800, 40, 960, 0.075), (1080, 1920), 3, 80
    )
    window, (rows, columns) = seen[-1]
    assert rows * columns < 1_100_000
    assert window[0] + window[2] / 2 < 1920 + 2 * extent[0]
    assert window[1] - window[3] / 2 > -2 * extent[1]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"free": frozenset({"aspect"})}, "free 'aspect'"),
        ({"motion": "fast"}, "unknown motion 'fast'"),
        ({"sampler": "hard"}, "'hard' cannot be followed"),
        ({"side": 4}, "side is 4"),
        ({"side": 32.5}, "side is 32.5"),
        ({"update": 1.5}, "update is 1.5"),
        ({"context": 0}, "context is 0"),
        ({"search": math.nan}, "search is nan"),
        ({"blur": -1.0}, "blur"),
        ({"threads": 0}, "threads is 0"),
    ],
)
def test_options_are_checked_where_they_are_made(options, message):
    with pytest.raises(InvalidInputError, match=message):
        Tracking(**options)


def test_a_step_undoes_a_displacement():
    image = coffee(240, 320)
    start = Window(150, 120, 60, 40)
    grid = Grid.over(start, 32, 1.0, EVERYTHING)
    place = np.array([150, 120, 0.0, 0.0])

    def look(place):
        return extract(image, grid.window(place)[None], grid.size, sampler="bilinear", backend="cpu", threads=1)[0]

    template = Template(look(place), np.ones(grid.size, np.float32), EVERYTHING, grid.aspect)
    for change in ((0.8, 0, 0, 0), (0, -0.8, 0, 0), (0, 0, 0.02, 0), (0, 0, 0, 1.5), (0.5, 0.4, -0.02, -1)):
        there = place + change
        for _ in range(8):
            there, _ = grid.stepped(there, template.fit(look(there)).step)
        assert there == pytest.approx(place, abs=0.03)


def test_the_map_of_likeness_is_that_of_its_definition():
    random = np.random.default_rng(0)
    template, part, weights = random.random((6, 5, 2)), random.random((14, 12, 2)), random.random((6, 5)) + 0.1
    share = (weights / weights.sum())[..., None]
    naive = np.empty((9, 8))
    for y in range(9):
        for x in range(8):
            seen = part[y : y + 6, x : x + 5]
            t, s = (one - np.sum(one * share, axis=(0, 1)) for one in (template, seen))
            naive[y, x] = np.sum(share * t * s) / math.sqrt(np.sum(share * t * t) * np.sum(share * s * s))
    assert zncc_map(template, weights, part) == pytest.approx(naive, abs=1e-5)


@pytest.mark.parametrize("angle", [0.0, 30.0])
def test_the_search_finds_a_place_between_the_taps(angle):
    image = coffee(240, 320).astype(np.float32)

    def look(window, size):
        return extract(image, window[None], size, sampler="bilinear", backend="cpu", threads=1)[0]

    there = np.array([170.0, 110.0, 64.0, 48.0, angle])
    template = look(there, (24, 32))
    middle = there + np.array([9, -7, 0, 0, 0])
    prior = Prior(middle[0], middle[1], 100.0, 0.075)
    best, *_ = nearby(look, template, np.ones((24, 32), np.float32), middle, 20.0, prior, (240, 320), 3, 80)
    assert (best.x, best.y) == pytest.approx((170, 110), abs=2)  # a tap
    assert best.zncc > 0.95
    assert best.score < best.zncc
