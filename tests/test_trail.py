import numpy as np
import pytest

from glimpsecli.errors import InvalidInputError
from glimpsecli.pictures.pair import gap_of, pair
from glimpsecli.pictures.sequence import sequence_colours, sequence_picture
from glimpsecli.pictures.strokes import stroke
from glimpsecli.pictures.trail import trail


def grey(height=60, width=100, channels=3, dtype=np.uint8):
    return np.full((height, width, channels), 128 if dtype == np.uint8 else 128 * 257, dtype)


def test_a_trail_fades_with_age_and_ends_in_a_dot():
    picture = grey()
    trail(picture, [(x, 30.5) for x in range(5, 96)], colour=(1, 0, 0), weight=2)
    red = picture[30, :, 0].astype(int) - picture[30, :, 2]
    assert np.all(np.diff(red[8:92]) >= 0)
    assert red[10] < 40
    assert red[94] == 255
    assert picture[28, 94, 0] > 200  # the dot is wider than the line
    assert picture[28, 60, 0] <= 128
    assert np.all(picture[40:] == 128)


def test_a_trail_is_in_the_middle_of_its_points_and_keeps_alpha_and_depth():
    deep = grey(channels=4, dtype=np.uint16)
    trail(deep, [(20, 30), (80, 30)], colour=(0, 1, 0), weight=2)
    assert deep[29:31, 50, 1].tolist() == [65535, 65535]
    assert np.array_equal(deep[28, 50], deep[31, 50])
    assert np.all(deep[..., 3] == 128 * 257)
    assert np.all(deep[25, :70] == 128 * 257)


def test_points_outside_and_points_that_stay_do_no_harm():
    picture, other = grey(), grey()
    trail(picture, [(-500, 30), (20, 30), (20, 30), (20, 30), (50, 200)])
    trail(other, [(-500, 30), (20, 30), (50, 200)])
    assert np.array_equal(picture, other)
    trail(other, [])
    assert np.array_equal(picture, other)
    still = grey()
    trail(still, [(50, 30), (50, 30)], colour=(1, 1, 1), weight=2)
    assert still[30, 50].tolist() == [255, 255, 255]


def test_each_look_can_be_a_dot():
    line, dots = grey(), grey()
    for picture, each in ((line, False), (dots, True)):
        trail(picture, [(20, 30), (50, 30), (80, 30)], weight=3, dots=each)
    for x in (20, 50, 80):
        assert not np.array_equal(line[23:27, x], dots[23:27, x])
    assert np.array_equal(line[:, 30:40], dots[:, 30:40])


def test_a_piece_of_a_stroke_has_its_own_opacity():
    picture = np.zeros((9, 30, 3), np.uint8)
    stroke(picture, [(0, 4.5), (15, 4.5), (30, 4.5)], 1, (200, 200, 200), opacities=[0.25, 1])
    assert picture[4, 5].tolist() == [50] * 3
    assert picture[4, 25].tolist() == [200] * 3


def test_a_pair_has_the_frame_on_the_left():
    frame, glimpse = np.full((25, 40, 3), 10, np.uint8), np.full((25, 11, 3), 20, np.uint8)
    figure = pair(frame, glimpse)
    assert figure.shape == (25, 53, 3)
    assert np.all(figure[:, :40] == 10)
    assert np.all(figure[:, 40 : 40 + gap_of(25)] == 255)
    assert np.all(figure[:, 40 + gap_of(25) :] == 20)
    with pytest.raises(InvalidInputError, match="of height 24 beside a frame of 25"):
        pair(frame, glimpse[:24])


def test_a_trail_wants_a_colour_picture_of_whole_numbers():
    for picture in (grey(channels=1), np.zeros((5, 5, 3), np.float32)):
        with pytest.raises(InvalidInputError, match=r"use \(H, W, 3\) or"):
            trail(picture, [(1, 1)])


def test_a_sequence_is_drawn_in_colours_that_grow_lighter_and_a_small_picture_is_enlarged():
    square = np.array([[2.0, 2], [12, 2], [12, 12], [2, 12]])
    figure = sequence_picture(np.zeros((40, 30), np.uint8), [square, square + 15])
    assert figure.shape == (320, 240, 3)
    first, last = sequence_colours(2)
    assert sum(first) < sum(last) == sum(sequence_colours(1)[0])
    edges = figure[8 * 2, 8 * 7], figure[8 * 17, 8 * 22]  # the middles of upper edges
    for pixel, colour in zip(edges, (first, last), strict=True):
        np.testing.assert_allclose(pixel / pixel.sum(), np.array(colour) / sum(colour), atol=0.01)
    way = figure[8 * 14 + 4, 8 * 14 + 4]  # from centre to centre
    np.testing.assert_allclose(way / 255, last, atol=0.02)
