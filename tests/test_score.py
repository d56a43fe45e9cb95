"""The score function against closed forms, differences, and the gradients of expectations that are known."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_gradients import differences

from glimpsecli import GlimpseError
from glimpsecli.attention.score import CategoricalPolicy, GaussianPolicy, MovingMean, clip_to_image, score_gradient

COUNT = 100_000
TARGET, MEAN, SIGMA = np.array([7.0, 3.0]), np.array([5.0, 4.5]), 1.5


def quadratic(locations):
    return np.sum((locations - TARGET) ** 2, axis=-1)


def drawn(seed=0):
    policy = GaussianPolicy(np.tile(MEAN, (COUNT, 1)), SIGMA)
    return policy, policy.sample(np.random.default_rng(seed))


def off(samples, expected):
    """How many standard errors the mean of the samples is from what is expected."""
    return np.abs(samples.mean(axis=0) - expected) / (samples.std(axis=0) / math.sqrt(len(samples)))


positions, sigmas = st.floats(-20, 20), st.floats(0.2, 9)


@given(positions, positions, sigmas, positions, positions)
def test_the_density_and_its_derivatives(x, y, sigma, at_x, at_y):
    sample = [x + sigma * at_x / 10, y + sigma * at_y / 10]
    policy = GaussianPolicy([x, y], sigma)
    closed = [
        math.exp(-(((a - m) / sigma) ** 2) / 2) / (sigma * math.sqrt(2 * math.pi))
        for a, m in zip(sample, (x, y), strict=True)
    ]
    assert math.exp(policy.log_prob(sample)) == pytest.approx(closed[0] * closed[1])
    by_mean, by_sigma = policy.score(sample)

    def log_prob(three):
        return GaussianPolicy(three[:2], three[2]).log_prob(sample)

    expected = differences(log_prob, np.array([x, y, sigma]), 1e-4 * sigma)
    np.testing.assert_allclose([*by_mean, by_sigma], expected, rtol=1e-6, atol=1e-6 / sigma)


def test_samples_are_spread_as_said():
    _, samples = drawn()
    assert off(samples, MEAN).max() < 4
    assert off((samples - MEAN) ** 2, SIGMA**2).max() < 4
    many = GaussianPolicy(np.zeros((3, 2)), [1e-9, 1, 5])
    assert np.abs(many.sample(np.random.default_rng(0))[0]).max() < 1e-6
    again = [many.sample(np.random.default_rng(4)) for _ in range(2)]
    np.testing.assert_array_equal(*again)


def test_the_estimate_is_the_gradient_of_the_expected_loss():
    # E|l - target|^2 = |mean - target|^2 + 2 sigma^2
    policy, samples = drawn()
    by_mean, by_sigma = policy.score(samples)
    losses = quadratic(samples)
    for baseline in (0.0, 11.0):
        terms = (losses - baseline)[:, None] * np.column_stack([by_mean, by_sigma])
        expected = [*2 * (MEAN - TARGET), 4 * SIGMA]
        assert off(terms, expected).max() < 4
        np.testing.assert_allclose(score_gradient(losses, baseline, by_mean), terms.mean(axis=0)[:2])
        np.testing.assert_allclose(score_gradient(losses, np.full(COUNT, baseline), by_sigma), terms.mean(axis=0)[2])


def test_a_baseline_lowers_the_variance():
    policy, samples = drawn()
    scores, losses = policy.score(samples)[0], quadratic(samples)
    raw, based = (((losses - b)[:, None] * scores).var(axis=0) for b in (0, losses.mean()))
    assert (based < 0.7 * raw).all()


def test_the_score_of_a_clipped_sample_would_be_biased():
    policy = GaussianPolicy(np.tile([1.0, 4.5], (COUNT, 1)), SIGMA)  # near the left edge
    samples = policy.sample(np.random.default_rng(1))
    clipped = clip_to_image(samples, (9, 12))
    assert off(policy.score(samples)[0], 0).max() < 4
    assert off(policy.score(clipped)[0], 0)[0] > 50
    assert policy.score(clipped)[0].mean(axis=0)[0] > 0
    inside = (samples >= 0).all(axis=1) & (samples <= [12, 9]).all(axis=1)
    np.testing.assert_array_equal(clipped[inside], samples[inside])
    assert clipped.min() == 0
    assert clip_to_image([[-3, 20], [30, -1]], (9, 12)).tolist() == [[0, 9], [12, 0]]


LOGITS = np.array([[0.3, -1.0, 2.0], [0.1, -np.inf, 0.7]])


def test_a_grid_is_a_softmax():
    policy = CategoricalPolicy(LOGITS + 1000)  # no overflow
    expected = np.exp(LOGITS) / np.exp(LOGITS).sum()
    np.testing.assert_allclose(policy.probabilities, expected)
    for cell in np.ndindex(2, 3):
        assert math.exp(policy.log_prob(cell)) == pytest.approx(expected[cell])
    finite = np.where(np.isfinite(LOGITS), LOGITS, -3)
    slopes = differences(lambda logits: CategoricalPolicy(logits).log_prob((1, 2)), finite, 1e-4)
    np.testing.assert_allclose(CategoricalPolicy(finite).score((1, 2)), slopes, atol=1e-8)


def test_cells_are_drawn_as_often_as_said_and_teach_the_logits():
    policy = CategoricalPolicy(np.broadcast_to(LOGITS, (COUNT, 2, 3)))
    cells = policy.sample(np.random.default_rng(2))
    single = CategoricalPolicy(LOGITS)
    p = single.probabilities
    counts = np.zeros((2, 3))
    np.add.at(counts, tuple(cells.T), 1)
    assert counts[1, 1] == 0
    assert (np.abs(counts / COUNT - p) <= 4 * np.sqrt(p * (1 - p) / COUNT)).all()
    worth = np.arange(6.0).reshape(2, 3)
    losses = worth[tuple(cells.T)]
    terms = (losses - 2)[:, None, None] * policy.score(cells)
    truth = p * (worth - np.sum(p * worth))  # the derivative of sum p worth by the logits
    possible = p > 0
    assert off(terms[:, possible], truth[possible]).max() < 4
    np.testing.assert_allclose(score_gradient(losses, 2, policy.score(cells)), terms.mean(axis=0), atol=1e-12)


def test_cells_have_their_centres_on_the_image_plane():
    policy = CategoricalPolicy(np.zeros((2, 4)))
    assert policy.locations([[0, 0], [1, 3]], (10, 40)).tolist() == [[5, 2.5], [35, 7.5]]


@given(st.lists(st.floats(-9, 9), min_size=1, max_size=8), st.floats(0, 0.99))
def test_the_moving_mean_has_weights_that_add_up_to_one(losses, decay):
    mean, before = MovingMean(decay), 0.0
    for t, loss in enumerate(losses, 1):
        baseline, mean = mean.update([loss - 1, loss + 1])
        assert baseline == before
        weights = decay ** np.arange(t - 1, -1, -1.0)
        before = mean.value
        assert before == pytest.approx(np.dot(weights, losses[:t]) / weights.sum(), abs=1e-9)
    assert MovingMean(0.9).value == 0


def test_a_policy_learns_where_to_look():
    random, mean, baseline = np.random.default_rng(3), np.array([2.0, 9.0]), MovingMean(0.9)
    for _ in range(400):
        policy = GaussianPolicy(np.tile(mean, (32, 1)), 0.5)
        samples = policy.sample(random)
        losses = quadratic(samples)
        before, baseline = baseline.update(losses)
        mean = mean - 0.02 * score_gradient(losses, before, policy.score(samples)[0])
    np.testing.assert_allclose(mean, TARGET, atol=0.3)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: GaussianPolicy([1, 2, 3], 1), r"the mean of a policy of shape \(3,\)"),
        (lambda: GaussianPolicy([1, np.nan], 1), "finite"),
        (lambda: GaussianPolicy([1, 2], 0), "sigma 0;"),
        (lambda: GaussianPolicy(np.zeros((3, 2)), [1, 2]), r"sigma of shape \(2,\)"),
        (lambda: GaussianPolicy(np.zeros((3, 2)), 1).log_prob(np.zeros(2)), r"a sample of shape \(2,\)"),
        (lambda: CategoricalPolicy([1, 2]), r"logits of shape \(2,\)"),
        (lambda: CategoricalPolicy([[-np.inf, -np.inf]]), "finite highest"),
        (lambda: CategoricalPolicy([[0, np.nan]]), "NaN"),
        (lambda: CategoricalPolicy(LOGITS).score((2, 0)), r"holds no cells of a grid of \(2, 3\)"),
        (lambda: CategoricalPolicy(LOGITS).score((0.5, 0)), "no cells"),
        (lambda: CategoricalPolicy(np.zeros((4, 2, 3))).score((1, 0)), "a cell for each grid"),
        (lambda: MovingMean(1.0).update([1]), "decay is 1.0"),
        (lambda: MovingMean(0.5).update([]), "no losses"),
        (lambda: score_gradient([1, 2], 0, [[1]]), r"losses of shape \(2,\)"),
        (lambda: score_gradient([1, np.inf], 0, [1, 1]), "finite"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(call, words):
    with pytest.raises(GlimpseError, match=words) as caught:
        call()
    assert "\n" not in str(caught.value)
