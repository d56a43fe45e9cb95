from pathlib import Path

import numpy as np
import pytest

from glimpsecli import Window, extract
from glimpsecli.errors import InvalidInputError
from glimpsecli.study.layers import Layer, render, visible_shares
from glimpsecli.study.sequences import GAINS, KINDS, TURNS, sequence
from glimpsecli.study.stage import LENGTHS

PHOTOS = str(Path(__file__).parent.parent / "sample_images")


@pytest.mark.parametrize("kind", KINDS)
def test_sequences_come_again_and_hold_their_truth(kind):
    one, again = sequence(kind, 3, PHOTOS), sequence(kind, 3, PHOTOS)
    assert LENGTHS[0] <= len(one.windows) == len(one.visible) <= LENGTHS[1]
    assert np.array_equal(one.windows, again.windows)
    first, second = next(one.frames()), next(again.frames())
    assert first.dtype == np.uint8
    assert np.array_equal(first, second)
    assert np.array_equal(first, next(one.frames()))
    assert one.visible[0] > 0.9  # a start box shows its object
    assert np.all((one.visible >= 0) & (one.visible <= 1))
    other = sequence(kind, 4, PHOTOS)
    assert other.windows.shape != one.windows.shape or not np.array_equal(other.windows, one.windows)


@pytest.mark.parametrize("seed", range(5))
def test_kinds_do_as_they_are_called(seed):
    drawn = {kind: sequence(kind, seed, PHOTOS) for kind in KINDS}
    for kind in ("still hider", "moving hider", "leaving"):
        assert drawn[kind].visible.min() == 0
        assert drawn[kind].visible[-1] > 0.5  # it is seen again
    assert 0.3 < drawn["partial"].visible.min() < 0.7
    for kind in ("translation", "scale", "turn", "light", "blur"):
        assert drawn[kind].visible.min() == 1
    widths = drawn["scale"].windows[:, 2]
    assert widths.max() / widths.min() > 1.4
    assert TURNS[0] <= np.abs(drawn["turn"].windows[:, 4]).max() <= TURNS[1]


def test_the_light_changes():
    brightness = [frame.mean() for frame in sequence("light", 1, PHOTOS).frames()]
    assert max(brightness) / min(brightness) > 1.5
    assert max(brightness) / min(brightness) < 2 * GAINS[1] / GAINS[0]


def test_a_blurred_object_loses_its_edges():
    drawn = sequence("blur", 1, PHOTOS)
    frames = list(drawn.frames())
    edges = []
    for frame, window in zip(frames, drawn.windows, strict=True):
        seen = extract(frame, Window(*window), (32, 32))
        edges.append(np.abs(np.diff(seen, axis=0)).max())
    assert min(edges) < 0.7 * edges[0]
    assert np.argmin(edges) in range(15, len(frames) - 10)


def test_the_truth_is_exact():
    # A chequered picture on grey, moved by fractions of a pixel: its centre of mass is where the window says.
    picture = np.zeros((80, 80, 3), np.uint8)
    background = np.full((64, 96, 3), 200, np.uint8)
    windows = np.array([(30 + 1.37 * t, 25 + 0.61 * t, 20 + t, 24 - t, 0) for t in range(8)])
    camera = np.tile([48.0, 32.0, 96.0, 64.0, 0.0], (8, 1))
    y, x = np.mgrid[:64, :96] + 0.5
    for shape in ("box", "ellipse"):
        frames = render(background, camera, [Layer(picture, shape, windows)], (64, 96), 0.0, 0)
        for frame, window in zip(frames, windows, strict=True):
            dark = 200.0 - frame[..., 0]
            assert np.sum(dark * x) / dark.sum() == pytest.approx(window[0], abs=0.03)
            assert np.sum(dark * y) / dark.sum() == pytest.approx(window[1], abs=0.03)


def test_a_turn_is_clockwise():
    picture = np.zeros((16, 160, 3), np.uint8)
    background = np.full((100, 100, 3), 200, np.uint8)
    camera = np.array([[50.0, 50.0, 100.0, 100.0, 0.0]])
    (frame,) = render(background, camera, [Layer(picture, "box", np.array([[50, 50, 80, 8, 30]]))], (100, 100), 0.0, 0)
    assert frame[50 + 15, 50 + 26, 0] < 60  # right of the middle it has gone down


def test_shares_of_what_is_hidden():
    windows = np.array([[50, 50, 20, 20, 0], [0, 50, 20, 20, 0], [50, 50, 20, 20, 0]], float)
    hider = np.array([[45, 50, 10, 40, 0], [90, 90, 10, 40, 0], [50, 50, 10, 10, 45]], float)
    picture = np.zeros((4, 4, 3), np.uint8)
    shares = visible_shares(Layer(picture, "box", windows), [Layer(picture, "box", hider)], (100, 100))
    assert shares == pytest.approx([0.5, 0.5, 0.75], abs=0.01)
    shares = visible_shares(Layer(picture, "box", windows[:1]), [Layer(picture, "ellipse", windows[:1])], (100, 100))
    assert shares == pytest.approx([1 - np.pi / 4], abs=0.01)


def test_what_cannot_be_drawn():
    with pytest.raises(InvalidInputError, match="'rolling' is no kind of sequence"):
        sequence("rolling", 0, PHOTOS)
    with pytest.raises(InvalidInputError, match=r"nowhere does not hold"):
        sequence("scale", 0, "nowhere")
