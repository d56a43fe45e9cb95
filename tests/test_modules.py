"""The modules of networks that look: against the definitions, against finite differences, and one by the other."""

import copy
import pickle
import sys

import numpy as np
import pytest

from glimpsecli import GaussianParams, GlimpseError, Window, extract_batch
from glimpsecli.attention import score
from glimpsecli.errors import FileProblemError, InvalidInputError, UnavailableError

pytestmark = pytest.mark.extras

torch = pytest.importorskip("torch", reason="torch is not installed")
from torch import nn  # noqa: E402
from torch.nn import functional  # noqa: E402

from glimpsecli.torch import gaussian_glimpse  # noqa: E402
from glimpsecli.torch.modules import (  # noqa: E402
    DRAW,
    RAM,
    AffineGlimpse,
    AttentionClassifier,
    GaussianGlimpse,
    HardGlimpse,
    LocationPolicy,
    Retina,
    WindowHead,
    draw_params,
    load,
    ram_loss,
    reinforce_loss,
    save,
)

SIZE = (4, 3)
ROWS = [[5.2, 6.1, 7.3, 8.4, 0.0], [2.03, 9.01, 4.2, 6.1, 20.0]]
SAMPLERS = {"gaussian": GaussianGlimpse, "bilinear": AffineGlimpse, "hard": HardGlimpse}


@pytest.fixture(autouse=True)
def _one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # for such small ones more only wait for each other
    yield
    torch.set_num_threads(threads)


def scene(shape=(2, 2, 13, 11), dtype=torch.float32, seed=0):
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def windows(dtype=torch.float32):
    return torch.tensor(ROWS, dtype=dtype, requires_grad=True)


def stirred(module, seed=0, scale=0.5):
    """Give a module with other parameters than those that it starts with."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(scale * torch.randn(parameter.shape, generator=generator))
    return module


def gradcheck_all(module, *inputs):
    """Check the gradients with respect to the inputs and to every parameter, in float64."""
    names = [name for name, _ in module.named_parameters()]
    inputs = [one.detach().double().requires_grad_() for one in inputs]
    values = [parameter.detach().double().requires_grad_() for parameter in module.parameters()]
    module = module.double()

    def call(*given):
        parameters = dict(zip(names, given[len(inputs) :], strict=True))
        return torch.func.functional_call(module, parameters, given[: len(inputs)])

    assert torch.autograd.gradcheck(call, (*inputs, *values))


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_module_sees_what_the_library_sees(sampler):
    images = scene(shape=(2, 3, 13, 11))
    found = SAMPLERS[sampler](SIZE)(images, windows())
    expected = extract_batch(images.numpy(), [Window(*row) for row in ROWS], SIZE, sampler=sampler, layout="NCHW")
    assert found.dtype == torch.float32
    np.testing.assert_allclose(found.detach(), expected, atol=2e-6)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_gradients_of_the_samplers_are_the_differences(sampler):
    # Hard attention is constant between its steps, none of which is near here: its differences are its zeros.
    gradcheck_all(SAMPLERS[sampler](SIZE), scene(), windows())


def test_hard_attention_gives_windows_zeros_and_pixels_their_gradient():
    images, where = scene().requires_grad_(), windows()
    glimpses = HardGlimpse(SIZE)(images, where)
    glimpses.sum().backward()
    assert where.grad.shape == where.shape
    assert not where.grad.any()
    assert images.grad.sum() == (glimpses != 0).sum() == 46  # a tap reads one pixel, or, one of 24, beyond the edge


def test_a_gaussian_glimpse_takes_gaussians_too_and_another_blur_at_any_time():
    params = torch.tensor([[3.1, 1.2, 1.3, 2.2, 0.9, 1.7]] * 2)
    glimpse = GaussianGlimpse(SIZE)
    assert torch.equal(glimpse(scene(), params), gaussian_glimpse(scene(), params, SIZE))
    sharp = glimpse(scene(), windows())
    glimpse.blur = 2.0
    assert glimpse(scene(), windows()).std() < sharp.std()


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("border", ["zeros", "edge", "reflect"])
def test_an_affine_glimpse_is_grid_sample(dtype, border):
    images = scene((3, 2, 100, 100), dtype)
    random = torch.Generator().manual_seed(1)
    theta = (torch.eye(2, 3) * 0.6 + 0.3 * torch.randn(3, 2, 3, generator=random)).to(dtype).requires_grad_()
    grid = functional.affine_grid(theta, (3, 2, 16, 16), align_corners=False)
    mode = {"edge": "border", "reflect": "reflection"}.get(border, border)
    expected = functional.grid_sample(images, grid, padding_mode=mode, align_corners=False)
    found = AffineGlimpse((16, 16), border)(images, theta)
    assert found.dtype == dtype
    assert (found - expected).abs().max() < 1e-5


def test_a_retina_is_the_window_and_larger_ones():
    glimpse = AffineGlimpse(SIZE)
    found = Retina(glimpse, scales=3, factor=1.5)(scene(), windows())
    for scale in range(3):
        larger = windows() * torch.tensor([1, 1, 1.5**scale, 1.5**scale, 1])
        torch.testing.assert_close(found[:, 2 * scale : 2 * scale + 2], glimpse(scene(), larger))
    sequence = Retina(glimpse)(scene(), windows()[:, None].expand(-1, 4, -1))
    assert sequence.shape == (2, 4, 6, *SIZE)
    gradcheck_all(Retina(GaussianGlimpse((2, 2)), scales=2), scene(), windows())


START = Window(13.7, 20.3, 17, 9, 30)
ALL = ("position", "scale", "aspect", "angle")


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize(("start", "free"), [(START, ALL), (START, ["position"]), (None, ["position", "scale"])])
def test_a_new_head_gives_exactly_the_start(dtype, start, free):
    head = WindowHead(8, (40, 60), start, free).to(dtype)
    whole = start or Window(30, 20, 60, 40)
    expected = [[whole.cx, whole.cy, whole.width, whole.height, whole.angle]] * 3
    found = head(100 * scene((3, 8), dtype))
    assert found.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
    assert torch.equal(found, torch.tensor(expected, dtype=found.dtype))
    found.square().sum().backward()
    assert head.linear.bias.grad.abs().min() > 0


def test_a_head_keeps_its_windows_within_bounds():
    head = stirred(WindowHead(8, (40, 60), START, ALL, scales=(0.25, 3)), scale=30.0)
    nn.init.zeros_(head.linear.bias)
    cx, cy, width, height, angle = head(scene((1000, 8)) - 0.5).T
    for values, low, high in ((cx, 0, 60), (cy, 0, 40), ((width * height / 153).sqrt(), 0.25, 3)):
        assert low - 1e-3 <= values.min() < low + 0.01 * high
        assert high * 0.99 < values.max() <= high * (1 + 1e-5)
    assert 0.99 * np.e**2 < (height / width * 17 / 9).max() <= np.e**2 * (1 + 1e-5)
    assert angle.std() > 90
    only = stirred(WindowHead(8, (40, 60), START, ["position"]))(scene((9, 8)))
    assert torch.equal(only[:, 2:], torch.tensor([[17.0, 9, 30]] * 9))
    assert (only[:, :2].std(dim=0) > 0.1).all()


def test_the_numbers_of_a_head_mean_what_they_say():
    head = WindowHead(4, (40, 60), START, ALL)
    slight = head.windows(torch.eye(5) * 1e-3) - head.windows(torch.zeros(1, 5))
    start = torch.tensor([13.7, 20.3])
    slope = 2 * start * (torch.tensor([60, 40]) - start) / torch.tensor([60, 40])  # side / 2 (1 - tanh(o)^2)
    torch.testing.assert_close(slight[:2, :2], torch.diag(slope * 1e-3), rtol=2e-3, atol=1e-5)
    assert (slight[2, 2:4] > 0).all()
    assert slight[3, 2] < 0 < slight[3, 3]
    assert slight[4, 4].item() == pytest.approx(np.rad2deg(1e-3), rel=1e-3)


def test_gradients_of_a_head_are_the_differences():
    gradcheck_all(stirred(WindowHead(3, (40, 60), START, ALL)), scene((2, 3)))


def hard_scores():
    random = np.random.default_rng(4)
    mean = torch.tensor([[5.1, 6.2], [7.4, 3.3]], dtype=torch.float64, requires_grad=True)
    reward, baseline = (torch.from_numpy(random.normal(size=shape)) for shape in ((50, 2), (2,)))
    return mean, reward, baseline


@pytest.mark.parametrize("sigma", [0.7, 3.0])
def test_the_gradient_of_reinforce_is_that_of_the_definition(sigma):
    mean, reward, baseline = hard_scores()
    policy = LocationPolicy(1.0)
    policy.sigma = sigma
    drawn, log_prob = policy(mean.expand(50, 2, 2), torch.Generator().manual_seed(3))
    reinforce_loss(log_prob, reward, baseline).backward()
    twin = score.GaussianPolicy(mean.detach(), sigma)
    by_mean, _ = twin.score(drawn.numpy())
    np.testing.assert_allclose(log_prob.detach(), twin.log_prob(drawn), rtol=1e-12)
    for image in range(2):  # the loss is the mean over all draws, those of the other image included
        one = score.score_gradient(-reward[:, image], -baseline[image].item(), by_mean[:, image]) / 2
        np.testing.assert_allclose(mean.grad[image], one, atol=1e-6)


def test_hard_attention_with_a_policy_is_the_definition_on_the_same_draws():
    image = scene((1, 1, 13, 11), torch.float64)
    mean = torch.tensor([[5.1, 6.2]], dtype=torch.float64, requires_grad=True)
    drawn, log_prob = LocationPolicy(2.0)(mean.expand(64, 2), torch.Generator().manual_seed(3))
    where = torch.cat([drawn, torch.tensor([[4.0, 4, 0]], dtype=torch.float64).expand(64, 3)], dim=1)
    losses = HardGlimpse(SIZE)(image, where).square().mean(dim=(1, 2, 3))
    reinforce_loss(log_prob, -losses, -losses.mean()).backward()
    rows = [Window(x, y, 4, 4) for x, y in drawn.tolist()]
    seen = extract_batch(np.repeat(image.numpy(), 64, axis=0), rows, SIZE, sampler="hard", layout="NCHW")
    worth = np.square(seen.astype(np.float64)).mean(axis=(1, 2, 3))
    expected = score.score_gradient(worth, worth.mean(), score.GaussianPolicy([5.1, 6.2], 2.0).score(drawn)[0])
    np.testing.assert_allclose(mean.grad[0], expected, atol=1e-6)


def test_draws_have_no_gradient_and_the_spread_that_was_asked_for():
    mean = torch.tensor([5.0, 6.0], requires_grad=True)
    drawn, log_prob = LocationPolicy(3.0)(mean.expand(20000, 2), torch.Generator().manual_seed(0))
    assert not drawn.requires_grad
    assert log_prob.requires_grad
    np.testing.assert_allclose(drawn.mean(dim=0), [5, 6], atol=0.1)
    np.testing.assert_allclose(drawn.std(dim=0), 3, atol=0.1)


def test_gradients_of_a_policy_are_the_differences():
    policy, drawn = LocationPolicy(1.5), scene((3, 2), torch.float64)
    assert torch.autograd.gradcheck(
        lambda mean: policy.log_prob(drawn, mean), scene((3, 2), torch.float64, 1).requires_grad_()
    )


def classifier(start=None, features=6):
    seen = nn.Sequential(nn.AvgPool2d(4), nn.Flatten(), nn.Linear(9, features), nn.Tanh())
    where = nn.Sequential(seen, WindowHead(features, (12, 12), start, ["position"]))
    return AttentionClassifier(where, GaussianGlimpse((3, 3)), nn.Sequential(nn.Flatten(), nn.Linear(9, 3)))


def test_a_classifier_says_what_it_sees_where_it_looks():
    model = stirred(classifier())
    images = scene((4, 1, 12, 12))
    where = model.windows(images)
    assert where.shape == (4, 5)
    assert torch.equal(model(images), model.what(model.glimpse(images, where)))
    other = torch.tensor([[3.0, 3, 2, 2, 0]]).expand(4, 5)
    assert torch.equal(model.classify(images, other), model.what(model.glimpse(images, other)))
    assert not torch.equal(model(images), model.classify(images, other))


def test_gradients_of_a_classifier_are_the_differences():
    gradcheck_all(stirred(classifier(features=2), scale=0.2), scene((2, 1, 12, 12)))


@pytest.mark.parametrize("cut", [False, True])
def test_a_classifier_learns_where_to_look_unless_its_gradient_is_cut(cut):
    """A spot in one of four corners, whose brightness is its class."""
    random = torch.Generator().manual_seed(0)
    torch.manual_seed(3)
    model = classifier(start=Window(6, 6, 7, 7), features=8)
    optimiser = torch.optim.Adam(model.parameters(), 2e-2)
    losses, distances = [], []
    for _ in range(300):
        labels, row, column = torch.randint(0, 2, (3, 32), generator=random)
        images = torch.zeros(32, 1, 12, 12)
        images[torch.arange(32), 0, 2 + 7 * row, 2 + 7 * column] = 4.0 + 4 * labels
        where = model.windows(images)
        loss = functional.cross_entropy(model.classify(images, where.detach() if cut else where), labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
        spots = torch.stack([2.5 + 7 * column, 2.5 + 7 * row], dim=1)
        distances.append((where[:, :2] - spots).norm(dim=1).mean().item())
    if cut:
        assert distances[-1] == pytest.approx(3.5 * 2**0.5)
    else:
        assert np.mean(distances[-20:]) < 0.75 * distances[0]
        assert np.mean(losses[-20:]) < 0.2 * np.mean(losses[:5])


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_models_are_copied_pickled_and_mapped(sampler):
    models = [stirred(classifier(), seed) for seed in range(3)]
    for model in models:
        model.glimpse = SAMPLERS[sampler]((3, 3))
    images, labels = scene((4, 1, 12, 12)), torch.arange(4) % 3
    copied = pickle.loads(pickle.dumps(copy.deepcopy(models[0])))
    assert torch.equal(copied(images), models[0](images))

    def loss(parameters, pixels, labels):
        return functional.cross_entropy(torch.func.functional_call(copied, parameters, (pixels,)), labels)

    stacked, _ = torch.func.stack_module_state(models)
    by_seed = torch.func.vmap(torch.func.grad(loss), in_dims=(0, None, None))(stacked, images, labels)
    for n, model in enumerate(models):
        functional.cross_entropy(model(images), labels).backward()
        for name, parameter in model.named_parameters():
            torch.testing.assert_close(by_seed[name][n], parameter.grad, atol=1e-5, rtol=1e-4)
    one = dict(models[0].named_parameters())
    by_image = torch.func.vmap(torch.func.grad(loss), in_dims=(None, 0, 0))(one, images[:, None], labels[:, None])
    for name, parameter in one.items():
        torch.testing.assert_close(by_image[name].mean(dim=0), parameter.grad, atol=1e-5, rtol=1e-4)


def network(features=5, pixels=9):
    return nn.Sequential(nn.Flatten(), nn.Linear(pixels, features), nn.Tanh())


def ram(sampler=GaussianGlimpse, **options):
    options = {"glimpses": 3, "hidden": 6, "core": "gru", **options}
    return stirred(RAM(sampler((3, 3)), network(), 5, (13, 11), 4, **options), scale=0.3)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("core", ["gru", "relu"])
def test_a_recurrent_model_runs_in_every_precision(dtype, core):
    model = ram(core=core).to(dtype)
    result = model(scene((2, 1, 13, 11)).to(dtype))
    assert result.classes.dtype == dtype
    assert result.windows.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
    assert torch.isfinite(result.classes).all()


def test_a_recurrent_model_looks_first_at_all_and_then_where_it_says():
    model = ram(start=Window(5, 6, 4, 4), free=("position", "scale"))
    result = model(scene((2, 1, 13, 11)))
    assert result.classes.shape == (2, 3, 4)
    assert result.windows.shape == (2, 3, 5)
    assert torch.equal(result.windows[:, 0], torch.tensor([[5.5, 6.5, 11, 13, 0]] * 2))
    assert (result.windows[:, 1:, :4].std(dim=0) > 0).all()
    still = ram(glimpses=2).head(torch.zeros(1, 6))
    assert still[0, 2:4].tolist() == [5.5, 6.5]  # without a start, half of all
    assert result.log_prob is None
    labels = torch.tensor([0, 3])
    loss = ram_loss(result, labels)
    assert torch.equal(loss, functional.cross_entropy(result.classes[:, -1], labels))
    loss.backward()
    assert model.head.linear.weight.grad.abs().max() > 0
    assert model.baseline.weight.grad is None


def test_a_recurrent_model_is_that_of_the_paper():
    """Two glimpses by hand: the glimpse network, the rectified core, classes, location and baseline."""
    model, images = ram(core="relu", glimpses=2), scene((2, 1, 13, 11))
    result = model(images)
    state = torch.zeros(2, 6)
    for step in range(2):
        cx, cy, width, height, angle = result.windows[:, step].T
        place = torch.stack([2 * cx / 11 - 1, 2 * cy / 13 - 1, (width / 11).log(), (height / 13).log(), angle], dim=1)
        what = model.what(model.glimpse(images, result.windows[:, step]))
        seen = functional.relu(model.seen(what) + model.at(functional.relu(model.place(place))))
        if step:
            torch.testing.assert_close(result.windows[:, 1], model.head(state))
            torch.testing.assert_close(result.baseline[:, 0], model.baseline(state)[:, 0])
        weights = model.core.weight_ih, model.core.weight_hh, model.core.bias_ih + model.core.bias_hh
        state = functional.relu(seen @ weights[0].T + state @ weights[1].T + weights[2])
        torch.testing.assert_close(result.classes[:, step], model.classes(state))


def test_hard_glimpses_are_drawn_in_training_only():
    model = ram(HardGlimpse, policy=LocationPolicy(4.0), start=Window(5, 6, 3, 3))
    images = scene((8, 1, 13, 11))
    result = model(images, torch.Generator().manual_seed(1))
    again = model(images, torch.Generator().manual_seed(1))
    assert torch.equal(result.windows, again.windows)
    assert not torch.equal(result.windows, model(images, torch.Generator().manual_seed(2)).windows)
    centres = result.windows[:, 1:, :2]
    assert ((centres >= 0) & (centres <= torch.tensor([11, 13]))).all()
    assert ((centres == 0) | (centres == torch.tensor([11, 13]))).any()  # some were drawn outside, and moved
    model.eval()
    calm = model(images)
    assert calm.log_prob is None
    assert torch.equal(calm.windows, model(images).windows)


def test_the_loss_of_drawn_glimpses_is_that_of_the_paper_and_the_baseline_learns_nothing_else():
    """A course of two draws has the score of both; the advantage is a constant, and the baseline's loss its own."""
    model = ram(HardGlimpse, policy=LocationPolicy(4.0), start=Window(5, 6, 3, 3))
    names, parameters = zip(*model.named_parameters(), strict=True)
    images, labels = scene((8, 1, 13, 11)), torch.arange(8) % 4
    result = model(images, torch.Generator().manual_seed(1))
    last = result.classes[:, -1]
    reward = (last.argmax(dim=1) == labels).float()
    assert 0 < reward.mean() < 1
    advantage = reward[:, None] - result.baseline.detach()
    parts = (
        functional.cross_entropy(last, labels),
        -(advantage[:, 0] * result.log_prob[:, 0] + advantage[:, 1] * result.log_prob[:, 1]).mean(),
        (result.baseline - reward[:, None]).square().mean(),
    )
    found, *by_part = (
        torch.autograd.grad(one, parameters, retain_graph=True, materialize_grads=True)
        for one in (ram_loss(result, labels), *parts)
    )
    torch.testing.assert_close(found, tuple(map(sum, zip(*by_part, strict=True))))
    moved = [{name for name, one in zip(names, part, strict=True) if one.any()} for part in by_part]
    assert moved[2] == {"baseline.weight", "baseline.bias"}
    assert not moved[2] & (moved[0] | moved[1])
    assert "head.linear.weight" in moved[1]
    assert "head.linear.weight" not in moved[0]


def test_gradients_of_a_recurrent_model_are_the_differences():
    model = stirred(RAM(GaussianGlimpse((2, 2)), network(3, 4), 3, (13, 11), 2, glimpses=2, hidden=4, core="gru"))

    class Both(nn.Module):
        def __init__(self):
            super().__init__()
            self.model = model

        def forward(self, images):
            result = self.model(images)
            return result.classes, result.windows[:, 1:]  # the baseline is cut off from the rest

    gradcheck_all(Both(), scene((1, 1, 13, 11)))


def draw(**options):
    return stirred(DRAW((9, 7), 2, **{"read_size": (3, 2), "write_size": (2, 3), "hidden": 4, "latent": 3, **options}))


def by_hand(model, images, state, noise):
    """Give the canvas, mean and log sigma after a step of DRAW, from the paper's equations, in float64."""
    height, width = model.image_size

    def attention(numbers, size):
        gx, gy, log_variance, log_stride, log_gain = numbers.T
        banks = []
        for g, extent, taps in ((gy, height, size[0]), (gx, width, size[1])):
            centre = (extent + 1) / 2 * (g + 1)
            stride = (max(height, width) - 1) / (taps - 1) * log_stride.exp()
            steps = torch.arange(1, taps + 1) - taps / 2 - 0.5
            mu = centre[:, None] + steps * stride[:, None]
            distance = torch.arange(1, extent + 1) - mu[:, :, None]  # the paper counts from 1
            bank = torch.exp(-distance.square() / (2 * log_variance.exp()[:, None, None]))
            banks.append((bank / (bank.sum(dim=2, keepdim=True) + 1e-8))[:, None])
        return *banks, log_gain.exp()[:, None, None, None]

    def lstm(cell, given, hidden, memory):
        gates = given @ cell.weight_ih.T + cell.bias_ih + hidden @ cell.weight_hh.T + cell.bias_hh
        enter, forget, new, out = gates.chunk(4, dim=1)
        memory = forget.sigmoid() * memory + enter.sigmoid() * new.tanh()
        return out.sigmoid() * memory.tanh(), memory

    canvas, encoder, decoder = state
    rows, columns, gain = attention(model.where_read(decoder[0]), model.read_size)
    error = images - 1 / (1 + torch.exp(-canvas))
    seen = torch.cat([gain * (rows @ one @ columns.mT) for one in (images, error)], dim=1).flatten(1)
    encoder = lstm(model.encoder, torch.cat([seen, decoder[0]], dim=1), *encoder)
    mean, log_sigma = model.posterior(encoder[0]).chunk(2, dim=1)
    decoder = lstm(model.decoder, mean + log_sigma.exp() * noise, *decoder)
    rows, columns, gain = attention(model.where_write(decoder[0]), model.write_size)
    patch = model.patch(decoder[0]).reshape(len(images), model.channels, *model.write_size)
    return (canvas + rows.mT @ patch @ columns / gain, encoder, decoder), mean, log_sigma


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 1e-4)])
def test_a_cell_of_draw_is_the_equations_of_the_paper(dtype, tolerance):
    model, images = draw().to(dtype), scene((3, 2, 9, 7), dtype)
    state = theirs = model.start(3)
    random = torch.Generator().manual_seed(5)
    for _ in range(2):
        noise = torch.randn(3, 3, generator=random.clone_state(), dtype=dtype)
        step = model(images, state, random)
        theirs, mean, log_sigma = by_hand(model, images, theirs, noise)
        state = step.state
        for found, expected in ((state.canvas, theirs[0]), (step.mean, mean), (step.log_sigma, log_sigma)):
            torch.testing.assert_close(found, expected, rtol=tolerance, atol=tolerance)
    mine, other = (torch.autograd.grad(one.square().sum(), model.parameters()) for one in (state.canvas, theirs[0]))
    for found, expected in zip(mine, other, strict=True):
        torch.testing.assert_close(found, expected, rtol=100 * tolerance, atol=10 * tolerance)
    posterior = torch.distributions.Normal(step.mean, step.log_sigma.exp())
    expected = torch.distributions.kl_divergence(posterior, torch.distributions.Normal(0, 1)).sum(dim=1)
    torch.testing.assert_close(step.divergence, expected)


def test_gradients_of_draw_are_the_differences():
    model = stirred(DRAW((4, 4), read_size=(2, 2), write_size=(2, 2), hidden=2, latent=1))

    class Canvas(nn.Module):
        def __init__(self):
            super().__init__()
            self.model = model

        def forward(self, images):
            step = self.model(images, None, torch.Generator().manual_seed(0))
            return step.state.canvas, step.divergence

    gradcheck_all(Canvas(), scene((1, 1, 4, 4)))


def test_the_numbers_of_draw_are_those_of_the_library():
    numbers = torch.randn(20, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    for size in ((3, 5), (1, 4), (1, 1)):
        expected = [tuple(GaussianParams.from_draw(*row, size, (40, 60))) for row in numbers.tolist()]
        np.testing.assert_allclose(draw_params(numbers, size, (40, 60)), expected, rtol=1e-12, atol=1e-12)


def test_draw_learns_to_paint_a_picture():
    torch.manual_seed(0)
    model = DRAW((8, 8), hidden=32, latent=4, read_size=(4, 4), write_size=(4, 4))
    optimiser = torch.optim.Adam(model.parameters(), 1e-2)
    images = torch.zeros(8, 1, 8, 8)
    images[:, :, 2:6, 3:5] = 1
    losses = []
    for step in range(60):
        random, state, divergence = torch.Generator().manual_seed(step), None, 0
        for _ in range(3):
            done = model(images, state, random)
            state, divergence = done.state, divergence + done.divergence.mean()
        loss = functional.binary_cross_entropy_with_logits(state.canvas, images, reduction="sum") / 8 + divergence
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert np.mean(losses[-5:]) < 0.4 * losses[0]
    painted = model.generate(2, 3, torch.Generator().manual_seed(0))
    assert painted.shape == (2, 1, 8, 8)
    assert painted[:, :, 2:6, 3:5].mean() > painted.mean() + 0.2


def saved(tmp_path, model, configuration=None, name="model.safetensors"):
    save(tmp_path / name, model, configuration or {"sampler": "gaussian", "size": [3, 3]})
    return tmp_path / name


def test_a_model_comes_back_with_its_configuration(tmp_path):
    model, images = ram(), scene((2, 1, 13, 11))
    path = saved(tmp_path, model)
    found = load(path)
    assert found.configuration == {"sampler": "gaussian", "size": [3, 3]}
    other = ram()
    for parameter in other.parameters():
        nn.init.ones_(parameter)
    found.into(other)
    assert torch.equal(other(images).classes, model(images).classes)
    assert saved(tmp_path, other, name="again.safetensors").read_bytes() == path.read_bytes()
    with pytest.raises(GlimpseError, match="exists already"):
        saved(tmp_path, model)
    save(path, model.half(), {"half": True}, overwrite=True)  # half the bytes, for a model of float32 again
    load(path).into(other)
    assert other.place.weight.dtype == torch.float32
    torch.testing.assert_close(other(images).classes, ram()(images).classes, atol=1e-2, rtol=1e-2)


def test_tensors_that_share_memory_or_lie_odd_are_saved_too(tmp_path):
    rows = torch.arange(6.0).reshape(2, 3)
    found = load(saved(tmp_path, {"rows": rows, "columns": rows.T, "part": rows[:, ::2], "step": torch.tensor(7)}))
    assert torch.equal(found.tensors["columns"], rows.T)
    assert torch.equal(found.tensors["part"], rows[:, ::2])
    assert found.tensors["step"] == 7


def test_without_safetensors_the_way_to_it_is_named(tmp_path, monkeypatch):
    path = saved(tmp_path, ram())
    monkeypatch.setitem(sys.modules, "safetensors.torch", None)  # as if it were not installed
    for call in (lambda: load(path), lambda: saved(tmp_path, ram(), name="another")):
        with pytest.raises(UnavailableError, match=r"needs safetensors; `pip install 'glimpsecli\[learn\]'`"):
            call()


def foreign(tensors, metadata):
    from safetensors.torch import save as save_tensors

    return save_tensors(tensors, metadata)


@pytest.mark.parametrize(
    ("content", "error", "words"),
    [
        (lambda whole: b"", InvalidInputError, "no model of glimpse"),
        (lambda whole: b"\x80\x02}q\x00.", InvalidInputError, "no model of glimpse"),
        (lambda whole: b"PK\x03\x04 and more than eight bytes", InvalidInputError, "no model of glimpse"),
        (lambda whole: foreign({"a": torch.ones(2)}, None), InvalidInputError, "no model of glimpse"),
        (lambda whole: foreign({"a": torch.ones(2)}, {"format": "pt"}), InvalidInputError, "no model of glimpse"),
        (lambda whole: foreign({}, {"glimpsecli.model": "["}), FileProblemError, "configuration is not JSON"),
        (lambda whole: foreign({}, {"glimpsecli.model": "[1]"}), FileProblemError, "configuration is not JSON"),
        (lambda whole: whole[:100], FileProblemError, "ends within its header"),
        (lambda whole: whole[:-1], FileProblemError, "is damaged"),
        (lambda whole: whole + b"x", FileProblemError, "is damaged"),
        (lambda whole: whole.replace(b'"F32"', b'"F99"'), FileProblemError, "is damaged"),
        (lambda whole: whole.replace(b'[0,', b'[9,'), FileProblemError, "is damaged"),
    ],
)  # fmt: skip
def test_files_of_something_else_and_damaged_ones_are_refused_in_one_line(tmp_path, content, error, words):
    path = saved(tmp_path, ram())
    whole = path.read_bytes()
    path.write_bytes(content(whole))
    with pytest.raises(error, match=words) as caught:
        load(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_parameters_of_another_model_are_refused(tmp_path):
    found = load(saved(tmp_path, ram(hidden=7)))
    with pytest.raises(GlimpseError, match=r"has the shape .*; it is not a file of this model"):
        found.into(ram())
    with pytest.raises(GlimpseError, match="has no parameter 'canvas'"):
        found.into(draw())
    with pytest.raises(GlimpseError, match="does not exist"):
        load(tmp_path / "nothing")
    with pytest.raises(GlimpseError, match="is a folder; name the file of the model"):
        load(tmp_path)
    with pytest.raises(GlimpseError, match="JSON cannot hold"):
        save(tmp_path / "other", ram(), {"where": torch.ones(2)})
    for odd, name in ((["gaussian"], "list"), ("gaussian", "str"), (None, "NoneType")):  # `load` would call it damaged
        with pytest.raises(GlimpseError, match=f"a configuration that is a {name}; give a dict"):
            save(tmp_path / "other", ram(), odd)
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: GaussianGlimpse((0, 3)), r"\(0, 3\) is not a size"),
        (lambda: GaussianGlimpse(SIZE, blur=-1), "blur"),
        (lambda: AffineGlimpse(SIZE, "wrap"), "unknown border 'wrap'"),
        (lambda: HardGlimpse(SIZE, backend="fpga"), "unknown backend 'fpga'"),
        (lambda: HardGlimpse(SIZE)(scene(), torch.ones(2, 7)), r"windows of shape \(2, 7\)"),
        (lambda: Retina(HardGlimpse(SIZE), 0), "a retina of 0 scales"),
        (lambda: Retina(HardGlimpse(SIZE), 2, 1.0), "windows grow by 1"),
        (lambda: Retina(HardGlimpse(SIZE))(scene(), torch.ones(2, 7)), "a retina takes"),
        (lambda: WindowHead(3, (40, 60), Window(-1, 3, 4, 4)), "a start around -1,3, not inside an image of 60x40"),
        (lambda: WindowHead(3, (40, 60), free=["colour"]), "'colour' cannot be free; choose from position"),
        (lambda: WindowHead(3, (40, 60), free=[]), "'nothing' cannot be free"),
        (lambda: WindowHead(3, (40, 60), scales=(1, 2)), "scales from 1 to 2"),
        (lambda: ram(glimpses=0), "a model of 0 glimpses"),
        (lambda: ram(core="lstm"), "unknown core 'lstm'"),
        (lambda: ram(policy=LocationPolicy(1.0), free=("position", "scale")), "a policy and position, scale free"),
        (lambda: LocationPolicy(0), "a policy with sigma 0"),
        (lambda: LocationPolicy("wide"), "sigma is 'wide'"),
        (lambda: LocationPolicy(float("nan")), "a policy with sigma nan"),
        (
            lambda: reinforce_loss(torch.ones(3), torch.ones(3, 1)),
            r"rewards of shape \(3, 1\) for draws of shape \(3,\)",
        ),
    ],
)
def test_settings_that_mean_nothing_are_refused_in_one_line(call, words):
    with pytest.raises(GlimpseError, match=words) as caught:
        call()
    assert "\n" not in str(caught.value)
