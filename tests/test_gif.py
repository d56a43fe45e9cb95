"""GIF films: their frames, times and colours."""

import io

import numpy as np
import pytest
from PIL import Image

from glimpsecli.images.gif import encode_gif

GREY, RED, GREEN = (106, 106, 106), (180, 40, 40), (20, 120, 60)


def frames_of(content):
    with Image.open(io.BytesIO(content)) as gif:
        for number in range(gif.n_frames):
            gif.seek(number)
            yield np.asarray(gif.convert("RGB")), gif.info


def mottled():
    """Give a frame of more greys and blues than a palette holds."""
    random = np.random.default_rng(0)
    grey = random.integers(60, 200, (120, 160, 1))
    blue = np.minimum(grey + random.integers(0, 50, grey.shape), 255)
    return np.concatenate([grey, grey, blue], axis=2).astype(np.uint8)


def test_a_gif_holds_its_frames_and_their_times():
    random = np.random.default_rng(0)
    first = np.repeat(np.repeat(random.choice(np.array([0, 80, 255], np.uint8), (4, 5, 3)), 8, 0), 8, 1)
    second = first.copy()
    second[8:16, 8:16] = (255, 0, 80)
    frames, times = [first, second, first], [100, 250, 50]
    for (found, info), frame, time in zip(frames_of(encode_gif(frames, times)), frames, times, strict=True):
        assert np.array_equal(found, frame)
        assert (info["duration"], info["loop"]) == (time, 0)


@pytest.mark.parametrize("back", [mottled(), np.full((120, 160, 3), 255, np.uint8)], ids=["mottled", "white"])
def test_a_colour_that_comes_late_on_a_few_pixels_is_itself(back):
    """Words of a film turn from red to green: a palette that suits the rest of the frame has no green."""
    frames = [back.copy() for _ in range(4)]
    for number, frame in enumerate(frames):
        frame[5:12, 10:30] = GREY
        frame[50:54, 10:16] = GREEN if number > 1 else RED
        frame[60:64, 10:16] = RED
        if number:
            frame[80:83, 80:83] = GREEN  # too few to matter before others come
    found = [frame for frame, _ in frames_of(encode_gif(frames, [100] * 4))]
    for number, frame in enumerate(found):
        for box, colour in (((slice(50, 54), slice(10, 16)), GREEN if number > 1 else RED), ((slice(60, 64), 12), RED)):
            assert np.abs(frame[box] - np.array(colour)).max() <= 12
        if number > 1:
            assert np.abs(frame[80:83, 80:83] - np.array(GREEN)).max() <= 12


def test_a_colour_that_comes_late_costs_little():
    """What has not changed is not drawn anew, and the colours for green serve the red of the frames before, too."""
    frames = [mottled() for _ in range(9)]
    for number, frame in enumerate(frames):
        frame[50:54, 10:16] = (RED, GREEN)[number % 2]
    first, all_nine = (len(encode_gif(some, [100] * len(some))) for some in (frames[:1], frames))
    assert all_nine - first < 8 * 1000 < first / 3  # a palette of 768 bytes goes with each
