"""Networks that learn where to look: their specification, their training, their figures."""

import json
import math

import numpy as np
import pytest

from glimpsecli.errors import InvalidInputError
from glimpsecli.names import LEARNT
from glimpsecli.networks.scenes import Batch
from glimpsecli.networks.schedule import Schedule, usual_rates
from glimpsecli.networks.specification import SAMPLERS, Specification

pytestmark = pytest.mark.extras

torch = pytest.importorskip("torch", reason="torch is not installed")
from torch.nn import functional  # noqa: E402

from glimpsecli.networks.answering import answer, pixels  # noqa: E402
from glimpsecli.networks.checking import Check, check  # noqa: E402
from glimpsecli.networks.judging import References, judge  # noqa: E402
from glimpsecli.networks.model import BlurredGlimpse, build  # noqa: E402
from glimpsecli.networks.training import Training, train  # noqa: E402
from glimpsecli.torch.modules import AffineGlimpse, GaussianGlimpse  # noqa: E402


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


class Marks:
    """White marks of three forms on black: easy enough to be learned in seconds."""

    canvas, channels, classes = 16, 1, ("bar", "pole", "block")

    def batch(self, seed, first, count):
        images, labels, windows = [], [], []
        for index in range(first, first + count):
            random = np.random.default_rng([seed, index])
            label, x, y = random.integers(3), random.integers(1, 10), random.integers(1, 10)
            height, width = ((2, 6), (6, 2), (5, 5))[label]
            image = random.integers(0, 20, (16, 16)).astype(np.uint8)
            image[y : y + height, x : x + width] = 250
            images.append(image)
            labels.append(label)
            windows.append((x + width / 2, y + height / 2, width, height, 0))
        return Batch(np.array(images), np.array(labels), np.array(windows, float))

    def held_out(self):
        return {}


SMALL = Specification(canvas=16, classes=3, size=6, extent=8.0)


def small(**changes):
    return Specification.from_dict(SMALL.as_dict() | changes)


def figures(accuracy):
    return Check(9, 1.0, accuracy, 0.2, 0.7, (8.0, 8.0, 8.0, 8.0, 0.0), 3.0, False, (accuracy,), (0.2,))


def test_a_specification_survives_a_file():
    one = Specification(canvas=60, scale_free=True, start="wide", glimpses=3)
    assert Specification.from_dict(json.loads(json.dumps(one.as_dict()))) == one
    assert (one.size, one.extent) == (16, 32)


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"sampler": "magic"}, "magic"),
        ({"canvas": 100_000}, "100000"),
        ({"classes": "10"}, "classes"),
        ({"blur": math.nan}, "blur"),
        ({"blur": True}, "blur"),
        ({"start": "wide"}, "wide"),
        ({"angle_free": True, "sampler": "hard"}, "angle"),
        ({"annealing": 2.0, "sampler": "bilinear"}, "annealing"),
        ({"glimpses": 3, "sampler": "oracle"}, "oracle"),
        ({"extent": 17.0}, "17"),
        ({"new": 1}, "new"),
    ],
)
def test_a_specification_of_a_stranger_is_refused_in_one_line(changes, word):
    with pytest.raises(InvalidInputError, match=word) as caught:
        small(**changes)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("glimpses", [1, 3])
def test_samplers_begin_with_the_same_weights_and_where_the_window_is_said_to_start(glimpses):
    states = [build(small(sampler=sampler, glimpses=glimpses), 3).state_dict() for sampler in LEARNT]
    for state in states[1:]:
        assert list(state) == list(states[0])
        assert all(torch.equal(state[name], states[0][name]) for name in state)
    seen = build(small(glimpses=glimpses), 3)(torch.rand(2, 1, 16, 16))
    assert seen.windows[:, -1].tolist() == [[8, 8, 8, 8, 0]] * 2
    if glimpses > 1:
        assert seen.windows[:, 0].tolist() == [[8, 8, 16, 16, 0]] * 2


def test_weights_leave_torchs_own_chance_alone():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    build(SMALL, 0)
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_an_untrained_model_guesses_and_is_not_called_lost(sampler):
    found = train(small(sampler=sampler), Marks(), Schedule(steps=0, checked=300), 0).checks
    assert len(found) == 1
    assert 0.2 < found[0].accuracy < 0.5 or sampler == "oracle"  # which tells classes apart, under wrong names
    assert not found[0].lost
    assert (found[0].error == 0) == (sampler == "oracle")


@pytest.mark.parametrize("sampler", ["gaussian", "hard"])
def test_windows_move_to_the_truth_and_the_loss_falls(sampler):
    schedule = Schedule(steps=120, every=120, batch=32, rate=5e-3, checked=200)
    first, last = train(small(sampler=sampler), Marks(), schedule, 0).checks
    assert last.loss < 0.8 * first.loss
    assert last.error < first.error - 0.03
    assert last.spread > 0.3


def test_a_recurrent_model_learns_to_look_again():
    schedule = Schedule(steps=40, every=40, batch=32, rate=3e-3, checked=200)
    first, last = train(small(glimpses=3), Marks(), schedule, 0).checks
    assert last.loss < first.loss
    assert len(last.accuracies) == len(last.errors) == 3
    assert last.spread > 0
    assert last.accuracy == last.accuracies[2]


def test_rates_fall_along_a_cosine_to_a_twentieth_and_the_policy_narrows_to_a_fifth():
    schedule = Schedule(steps=100, rate=2e-3, where_rate=0.5)
    assert schedule.rates(0) == pytest.approx((1e-3, 2e-3))
    assert schedule.rates(25)[1] == pytest.approx(2e-3 * (0.05 + 0.95 * (1 + 0.5**0.5) / 2))
    assert schedule.rates(50)[1] == pytest.approx(2e-3 * 0.525)
    assert schedule.rates(100) == pytest.approx((0.5e-4, 1e-4))
    assert [schedule.policy(step) for step in (0, 50, 100)] == pytest.approx([0.4, (0.4 * 0.08) ** 0.5, 0.08])
    assert usual_rates(SMALL) == {"rate": 2e-3, "where_rate": 0.3}
    assert usual_rates(small(sampler="hard", glimpses=3)) == {"rate": 1e-3, "where_rate": 0.15}


def gradients_by_hand(model, step, sigma):
    """Give the gradients of a step of hard attention: 8 images, 3 courses for each, places around those it says."""
    batch = Marks().batch(2, 8 * step, 8)
    model.policy.sigma = sigma
    seen = model.train()(pixels(batch.images), generator=torch.Generator().manual_seed((2 << 32) + step), draws=3)
    chances = functional.log_softmax(seen.classes, dim=2)
    loss = 0
    for course in range(24):
        image, label = course // 3, batch.labels[course // 3]
        rewards = [chances[other, -1, label].item() for other in range(3 * image, 3 * image + 3) if other != course]
        advantage = chances[course, -1, label].item() - np.mean(rewards)
        loss = loss - chances[course, :, label].mean() / 24
        for draw in seen.log_prob[course]:
            loss = loss - advantage * draw / 24
    parameters = dict(model.named_parameters())
    found = torch.autograd.grad(loss, parameters.values(), allow_unused=True)
    return {name: one for name, one in zip(parameters, found, strict=True) if one is not None}


@pytest.mark.parametrize("glimpses", [1, 3])
def test_a_step_of_hard_attention_is_its_definition(glimpses):
    """Three steps by hand, their policies and Adam's rates; the baseline of a reward is the mean of the others."""
    specification = small(sampler="hard", glimpses=glimpses)
    schedule = Schedule(steps=3, every=3, batch=8, draws=3, rate=4e-3, where_rate=0.25, checked=10)
    training, twin = Training(specification, Marks(), schedule, 2), build(specification, 0)
    with torch.no_grad():  # a new head says the same of all images, whatever it sees
        for one in training.model.where():
            one += 0.1 * torch.randn(one.shape, generator=torch.Generator().manual_seed(1))
    names = {id(one): name for name, one in training.model.named_parameters()}
    where = {names[id(one)] for one in training.model.where()}
    before = {name: one.clone() for name, one in training.model.state_dict().items()}
    moments = dict.fromkeys(before, (0, 0))

    def compare(done):
        share = (done - 1) / 3
        twin.load_state_dict(before)
        gradients = gradients_by_hand(twin, done - 1, 8 * 0.4 * 0.2**share)
        rate = 4e-3 * (0.05 + 0.95 * (1 + math.cos(math.pi * share)) / 2)
        for name, one in training.model.named_parameters():
            if name not in gradients:  # the baseline of the recurrent model, of which this training makes no use
                assert one.grad is None
                continue
            torch.testing.assert_close(one.grad, gradients[name], atol=2e-6, rtol=1e-4)
            first, second = moments[name]
            first, second = 0.9 * first + 0.1 * one.grad, 0.999 * second + 0.001 * one.grad.square()
            moments[name] = first, second
            way = first / (1 - 0.9**done) / ((second / (1 - 0.999**done)).sqrt() + 1e-8)
            expected = before[name] - rate * (0.25 if name in where else 1) * way
            torch.testing.assert_close(one.detach(), expected, atol=2e-7, rtol=1e-5)
            before[name] = one.detach().clone()
        compared.append(done)

    compared = []
    assert [one.step for one in training.run(compare)] == [0, 3]
    assert compared == [1, 2, 3]


@pytest.mark.parametrize("changes", [{}, {"sampler": "hard"}, {"glimpses": 2}, {"annealing": 2.0}])
def test_a_training_that_goes_on_gives_the_same_bits(changes):
    schedule = Schedule(steps=8, every=4, batch=8, checked=20)
    whole = Training(small(**changes), Marks(), schedule, 7)
    expected = [*whole.run()]
    first = Training(small(**changes), Marks(), schedule, 7)
    for found in first.run():
        if found.step == 4:
            break
    state = {name: tensor.clone() for name, tensor in first.state().items()}
    second = Training(small(**changes), Marks(), schedule, 7)
    second.restore(state, 4)
    assert [*second.run()] == expected[1:]
    assert whole.state().keys() == second.state().keys()
    assert all(torch.equal(tensor, second.state()[name]) for name, tensor in whole.state().items())


def test_all_windows_in_a_corner_are_lost_and_the_training_ends():
    training = Training(SMALL, Marks(), Schedule(steps=40, every=10, batch=8, checked=100, where_rate=0.0), 0)
    with torch.no_grad():
        training.model.network.where[-1].linear.bias += 9.0
    found = [*training.run()]
    assert [one.step for one in found] == [0, 10, 20]
    assert all(one.lost and one.spread < 0.1 for one in found)
    assert found[-1].window[:2] == pytest.approx((16, 16), abs=0.1)
    verdict = judge(found[-1], References(0.3, 0.9))
    assert verdict.word == "lost"
    assert "16, 16" in verdict.reason


@pytest.mark.parametrize(
    ("accuracy", "word"), [(0.2, "lost"), (0.4, "lost"), (0.45, "partly"), (0.69, "partly"), (0.71, "learned")]
)
def test_the_verdict_is_the_share_of_the_way_from_floor_to_ceiling(accuracy, word):
    assert judge(figures(accuracy), References(0.3, 0.9)).word == word


def test_a_model_that_finds_nothing_has_not_learned_whatever_its_accuracy():
    assert judge(figures(0.9)._replace(found=0.05), References(0.3, 0.9)).word == "lost"
    assert judge(figures(0.9)._replace(found=None), References(0.3, 0.9)).word == "learned"
    for ceiling in (0.35, 0.2):  # nothing was there to be learned
        assert judge(figures(0.9), References(0.3, ceiling)).word == "lost"


def test_windows_in_one_place_are_right_where_it_is_not_known_where_things_are():
    """All objects are in a corner, where the windows are as well, and the classifier is right."""
    model = build(SMALL, 0)
    with torch.no_grad():
        model.network.where[-1].linear.bias += 9.0
        model.network.what[-1].weight.zero_()
        model.network.what[-1].bias.copy_(torch.tensor([9.0, 0, 0]))

    class Corner(Marks):
        def batch(self, seed, first, count):
            batch = super().batch(seed, first, count)
            labels = np.where(np.arange(first, first + count) % 3, self.others, 0)
            return batch._replace(windows=np.full((count, 5), np.nan), labels=labels)

    Corner.others = 1
    assert check(model, Corner(), count=90).lost  # right in a third, which the commonest class is not
    Corner.others = 0
    assert check(model, Corner(), count=90).lost  # one class alone: there is nothing beyond the commonest


def test_references_look_as_they_are_called():
    batch = Marks().batch(0, 0, 5)
    fixed = answer(build(small(sampler="fixed"), 0), batch).windows
    assert (fixed == [8, 8, 16, 16, 0]).all()
    wide = answer(build(small(sampler="oracle", scale_free=True), 0), batch).windows[:, 0]
    longer = batch.windows[:, 2:4].max(axis=1)
    np.testing.assert_allclose(wide[:, 2] / longer, 1.25, rtol=1e-6)


def test_a_blurred_look_is_a_gaussian_one_on_the_centres_of_pixels():
    images = torch.rand(3, 1, 20, 20, dtype=torch.float64)
    windows = torch.tensor([[10.0, 9, 12, 12, 0], [8, 11, 18, 6, 0], [9, 9, 6, 6, 0]], dtype=torch.float64)
    windows.requires_grad_()
    blurred, gaussian = BlurredGlimpse(6, 0.5), GaussianGlimpse((6, 6), 0.5)
    windows = windows + torch.tensor([0.0, 0, 0, 0, 0])
    for row in (0, 2):  # strides of 2 and 1: a stride of 2 has its taps between pixels
        shifted = windows[row : row + 1] + torch.tensor([[0.5 * (row == 0), 0.5 * (row == 0), 0, 0, 0]])
        one, other = blurred(images[row : row + 1], shifted), gaussian(images[row : row + 1], shifted)
        torch.testing.assert_close(one, other, atol=1e-6, rtol=0)
    plain = AffineGlimpse((6, 6))(images[:1], windows[:1])
    assert (blurred(images[:1], windows[:1]) - plain).abs().max() > 0.05


def test_answers_leave_the_mode_of_a_model():
    model = build(SMALL, 0).eval()
    answer(model, Marks().batch(0, 0, 2))
    assert not model.training


def test_a_training_that_diverges_says_at_which_step():
    training = Training(SMALL, Marks(), Schedule(steps=30, every=30, batch=8, checked=10), 0)
    run = training.run()
    next(run)
    with torch.no_grad():
        training.model.network.what[-1].bias += math.inf
    with pytest.raises(InvalidInputError, match=r"diverged at step 0; take a smaller rate"):
        next(run)


def test_an_oracle_looks_at_the_truth_and_a_policy_draws_only_in_training():
    batch = Marks().batch(0, 0, 6)
    windows = answer(build(small(sampler="oracle"), 0), batch).windows
    np.testing.assert_allclose(windows[:, 0, :2], batch.windows[:, :2], atol=1e-5)
    model = build(small(sampler="hard"), 0)
    assert (answer(model, batch).windows == [8, 8, 8, 8, 0]).all()
    images = torch.rand(6, 1, 16, 16)
    seen = model.train()(images, generator=torch.Generator().manual_seed(1), draws=2)
    assert seen.windows.shape == (12, 1, 5)
    assert len(seen.windows.unique(dim=0)) == 12
    assert seen.log_prob.shape == (12, 1)


def test_a_place_that_is_drawn_outside_is_moved_into_the_image_and_counts_as_drawn():
    model = build(small(sampler="hard"), 0).train()
    model.policy.sigma = 9.0
    seen = model(torch.rand(50, 1, 16, 16), generator=torch.Generator().manual_seed(1))
    drawn = 8 + 9 * torch.randn(50, 2, generator=torch.Generator().manual_seed(1))
    assert (drawn < 0).any()
    assert (drawn > 16).any()
    torch.testing.assert_close(seen.windows[:, 0, :2], drawn.clamp(0, 16))
    density = torch.distributions.Normal(8.0, 9.0).log_prob(drawn).sum(dim=1)
    torch.testing.assert_close(seen.log_prob[:, 0], density)


def test_a_digit_within_a_quarter_of_its_longer_side_is_found():
    class Beside(Marks):
        def batch(self, seed, first, count):
            """All windows of a new model are in the middle; the longer side is 6."""
            away = np.tile([1.4, 1.6, 2.8, 3.2], count)[first : first + count]
            windows = np.column_stack([8 + away, np.tile([8, 3, 6, 0], (count, 1))])
            return super().batch(seed, first, count)._replace(windows=windows)

    found = check(build(SMALL, 0), Beside(), count=40)
    assert found.found == 0.25
    assert found.error == pytest.approx(2.2 / 6)


def test_a_pooled_classifier_takes_the_maximum_of_four():
    what = build(small(classifier="pooled"), 0).network.what
    glimpses = torch.rand(5, 1, 6, 6, generator=torch.Generator().manual_seed(0))
    features, head = what
    seen = glimpses
    for number, one in enumerate(one for one in features if isinstance(one, torch.nn.Conv2d)):
        seen = functional.relu(functional.conv2d(seen, one.weight, one.bias, padding=1))
        if number:
            seen = functional.max_pool2d(seen, 2, ceil_mode=True)
    torch.testing.assert_close(head(features[-4:](seen)), what(glimpses))


def test_places_that_are_not_known_have_no_figures():
    class Unknown(Marks):
        def batch(self, seed, first, count):
            return super().batch(seed, first, count)._replace(windows=np.full((count, 5), np.nan))

    found = check(build(SMALL, 0), Unknown(), count=30)
    assert found.error is found.found is found.errors is None
    assert not found.lost
