"""The scores of tracks: overlap, success, precision, loss, and how honest verdicts are."""

import math

import numpy as np
import pytest

from glimpsecli.learning.scores import is_wrong, overlaps, score, success


def windows(*rows):
    return np.array([(*row, 0.0) if len(row) == 4 else row for row in rows], np.float64)


@pytest.mark.parametrize(
    ("first", "second", "share"),
    [
        ((10, 10, 4, 4), (10, 10, 4, 4), 1),
        ((10, 10, 4, 4), (12, 10, 4, 4), 1 / 3),
        ((10, 10, 4, 4), (14, 10, 4, 4), 0),
        ((10, 10, 8, 8), (10, 10, 4, 4), 1 / 4),
        ((10, 10, 4, 2, 90), (10, 10, 2, 4), 1),
        ((10, 10, 4, 4, 30), (10, 10, 4, 4, 120), 1),
        ((10, 10, 2, 2, 45), (10, 10, 2, 2), 1 / math.sqrt(2)),  # an octagon of 8 sqrt 2 - 8
        ((10, 10, 4, 4, 45), (90, 10, 4, 4), 0),
        ((0, 0, 100, 1, 45), (0, 0, 1, 100, 45), 1 / 199),
    ],
)
def test_overlap(first, second, share):
    assert overlaps(windows(first), windows(second)) == pytest.approx(share)
    assert overlaps(windows(second), windows(first)) == pytest.approx(share)


def test_turned_overlaps_agree_with_counted_pixels():
    random = np.random.default_rng(0)
    y, x = (np.mgrid[:800, :800] + 0.5) / 8

    def inside(window):
        cx, cy, width, height, angle = window
        c, s = math.cos(math.radians(angle)), math.sin(math.radians(angle))
        across, down = c * (x - cx) + s * (y - cy), -s * (x - cx) + c * (y - cy)
        return (abs(across) <= width / 2) & (abs(down) <= height / 2)

    for _ in range(12):
        a, b = (
            np.array([*random.uniform(40, 60, 2), *random.uniform(10, 40, 2), random.uniform(0, 360)]) for _ in "ab"
        )
        counted = (inside(a) & inside(b)).sum() / (inside(a) | inside(b)).sum()
        assert overlaps(a[None], b[None])[0] == pytest.approx(counted, abs=0.005)


def test_success_is_the_mean_over_21_thresholds():
    assert success(np.array([1.0])) == pytest.approx(20 / 21)  # an overlap of 1 does not exceed 1
    assert success(np.array([0.0])) == 0
    assert success(np.array([0.52, 0.0])) == pytest.approx(11 / 42)


def test_a_window_is_wrong_with_little_overlap_or_far_off():
    truth = windows(*[(50, 50, 10, 20)] * 5)
    there = windows((50, 50, 10, 20), (56, 50, 30, 30), (50, 59, 10, 20), (50, 61, 10, 40), (50, 50, 5, 9))
    assert is_wrong(there, truth).tolist() == [False, True, False, True, True]


def test_frames_without_truth_are_left_out():
    truth = windows(*[(50, 50, 10, 10)] * 4)
    truth[1] = np.nan
    found = windows((50, 50, 10, 10), (0, 0, 1, 1), (80, 50, 10, 10), (61, 50, 10, 10))
    scores = score(found, truth, [True, True, False, True])
    assert scores.frames == 3
    assert scores.overlap == pytest.approx(1 / 3)
    assert scores.precision == pytest.approx(2 / 3)
    assert (scores.wrong, scores.warned, scores.right, scores.false_alarms) == (2, 1, 1, 0)
    assert score(found, np.full((4, 5), np.nan), [True] * 4).frames == 0


def test_lost_is_ten_frames_running_away():
    truth = windows(*[(50, 50, 10, 10)] * 40)
    found = truth.copy()
    found[5:14, 0] = 90
    assert score(found, truth, [True] * 40).lost_at is None
    found[20:31, 0] = 90
    assert score(found, truth, [True] * 40).lost_at == 20
    truth[22:26] = np.nan  # frames without truth do not count
    assert score(found, truth, [True] * 40).lost_at is None
