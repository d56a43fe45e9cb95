"""The samplers as functions of torch: against torch's own, against finite differences, and in a training loop."""

import os
import re
import subprocess
import sys

import numpy as np
import pytest
from conftest import ROOT, examples
from hypothesis import assume, given
from hypothesis import strategies as st

from glimpsecli import Affine, GlimpseError, Window, extract, extract_batch

pytestmark = pytest.mark.extras

torch = pytest.importorskip("torch", reason="torch is not installed")
from torch.nn import functional  # noqa: E402

from glimpsecli.torch import (  # noqa: E402
    affine_glimpse,
    gaussian_glimpse,
    gaussian_write,
    matrix_glimpse,
    window_glimpse,
)

SIZE = (5, 4)
BACKENDS = ["numpy", "cpu"]


def scene(seed=0, shape=(2, 3, 13, 11), dtype=torch.float32):
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def gaussians(rows=2, dtype=torch.float32):
    some = [[3.1, 1.2, 1.3, 2.2, 0.9, 1.7, 1.4], [7.5, 2.1, -1.1, -2.0, 1.5, 2.2, -0.6]]
    return torch.tensor(some[:rows], dtype=dtype, requires_grad=True)


def thetas(dtype=torch.float32):
    some = [[[0.71, 0.13, 0.051], [-0.22, 0.83, 0.107]], [[-1.31, 0.11, 0.153], [0.21, 0.94, 0.208]]]
    return torch.tensor(some, dtype=dtype, requires_grad=True)


def dense_gaussian(images, params, size):
    """Look by products of dense filterbanks, whose gradients torch knows."""

    def filterbank(first, sigma, stride, taps, pixels):
        centres = first[:, None] + stride[:, None] * torch.arange(taps)
        z = (torch.arange(pixels) - centres[:, :, None]) / sigma[:, None, None]
        weights = torch.exp(-0.5 * z * z)
        return weights / (weights.sum(-1, keepdim=True) + 1e-8)

    u_y, s_y, d_y, u_x, s_x, d_x, gain = params.T
    rows = filterbank(u_y, s_y, d_y, size[0], images.shape[2])
    columns = filterbank(u_x, s_x, d_x, size[1], images.shape[3])
    return gain[:, None, None, None] * (rows[:, None] @ images @ columns[:, None].mT)


def grid_sample(images, theta, size, align_corners, border="zeros"):
    grid = functional.affine_grid(theta, (len(theta), images.shape[1], *size), align_corners=align_corners)
    return functional.grid_sample(images, grid, padding_mode=border, align_corners=align_corners)


def pixels_of(theta, image_size, size, align_corners):
    matrices = [Affine.from_theta(one, image_size, size, align_corners).matrix for one in theta.detach().numpy()]
    y, x = np.mgrid[: size[0], : size[1]]
    return np.einsum("nij,jhw->nihw", matrices, np.stack([x, y, np.ones_like(x)]))


def gradients(glimpses, inputs, seed=1):
    weights = torch.randn(glimpses.shape, generator=torch.Generator().manual_seed(seed)).to(glimpses.dtype)
    return torch.autograd.grad((glimpses * weights).sum(), inputs)


def close(found, expected, tolerance=1e-5):
    scale = max(float(expected.detach().abs().max()), 1.0)
    assert found.shape == expected.shape
    assert float((found.detach().double() - expected.detach().double()).abs().max()) <= tolerance * scale


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("channels_last", [False, True])
def test_gaussian_attention_is_that_of_dense_filterbanks(backend, channels_last):
    layout = torch.channels_last if channels_last else torch.contiguous_format
    images = scene().contiguous(memory_format=layout).requires_grad_()
    params = gaussians()
    found = gaussian_glimpse(images, params, SIZE, backend=backend)
    expected = dense_gaussian(images.double(), params.double(), SIZE)
    assert found.dtype == torch.float32
    close(found, expected, 2e-6)
    for mine, theirs in zip(gradients(found, (images, params)), gradients(expected, (images, params)), strict=True):
        assert mine.dtype == torch.float32
        close(mine, theirs)


def test_six_numbers_are_seven_with_a_gain_of_one():
    params = gaussians()
    six, seven = params[:, :6], torch.cat([params[:, :6], torch.ones(2, 1)], dim=1)
    found, expected = (gaussian_glimpse(scene(), rows, SIZE) for rows in (six, seven))
    assert torch.equal(found, expected)
    close(gradients(found, params)[0], gradients(expected, params)[0])


scales, shears, shifts = st.floats(-1.5, 1.5), st.floats(-0.5, 0.5), st.floats(-0.7, 0.7)


@examples(25)
@given(
    st.lists(st.tuples(scales, shears, shifts, shears, scales, shifts), min_size=2, max_size=2),
    st.booleans(),
    st.sampled_from(["zeros", "edge", "reflect"]),
    st.tuples(st.integers(1, 6), st.integers(1, 5)),
)
@pytest.mark.filterwarnings("ignore:Since version 1.3.0")  # what a single tap with align_corners means, as here
@pytest.mark.parametrize("backend", BACKENDS)
def test_theta_means_what_it_means_to_torch(backend, rows, align_corners, border, size):
    assume(not (align_corners and border == "reflect"))  # grid_sample then mirrors about the outermost pixels
    images = scene(dtype=torch.float32).requires_grad_()
    theta = torch.tensor(rows).reshape(2, 2, 3).requires_grad_()
    pixels = pixels_of(theta, (13, 11), size, align_corners)
    # Next to a kink rounding chooses between two derivatives: on pixels, and where torch clips at their edge.
    assume(np.abs(2 * pixels - np.rint(2 * pixels)).min() > 1e-3)
    found = affine_glimpse(images, theta, size, align_corners=align_corners, border=border, backend=backend)
    theirs = {"zeros": "zeros", "edge": "border", "reflect": "reflection"}[border]
    expected = grid_sample(images.double(), theta.double(), size, align_corners, theirs)
    close(found, expected, 2e-6)
    for mine, other in zip(gradients(found, (images, theta)), gradients(expected, (images, theta)), strict=True):
        close(mine, other)


def test_one_bad_pixel_of_float64_spoils_what_reads_it():
    images = scene(shape=(1, 1, 60, 50), dtype=torch.float64)
    params = torch.tensor([[5.0, 1, 12, 5, 1, 12, 1]], dtype=torch.float64, requires_grad=True)
    clean = gaussian_glimpse(images, params, (4, 4))
    images[0, 0, 41, 41], images[0, 0, 30, 5] = torch.nan, torch.inf
    found = gaussian_glimpse(images, params, (4, 4))
    assert [tuple(place) for place in found[0, 0].isfinite().logical_not().nonzero().tolist()] == [(2, 0), (3, 3)]
    assert found[0, 0, 2, 0] == torch.inf
    close(found[0, 0, :2], clean[0, 0, :2], 1e-15)
    close(found[0, 0, 3, :3], clean[0, 0, 3, :3], 1e-15)
    found[0, 0, :2, :2].sum().backward()


def test_float64_needs_no_more_than_what_it_reads():
    images = scene(shape=(1, 3, 40, 50), dtype=torch.float64)
    wide = torch.nn.functional.pad(images, (900, 900, 900, 900), value=torch.nan)
    params = gaussians(1, torch.float64) + torch.tensor([10.0, 0, 0, 15, 0, 0, 0])
    moved = params + torch.tensor([900.0, 0, 0, 900, 0, 0, 0])
    close(gaussian_glimpse(wide, moved, SIZE), gaussian_glimpse(images, params, SIZE), 1e-13)
    close(*(gradients(gaussian_glimpse(*one, SIZE), one[1])[0] for one in ((wide, moved), (images, params))), 1e-12)


SMALL = {"shape": (2, 2, 5, 4), "dtype": torch.float64}


def test_float64_runs_the_definitions_whose_gradients_are_the_differences():
    images, params = scene(**SMALL).requires_grad_(), gaussians(dtype=torch.float64)
    for inputs in ((images, params), (images, params[:1]), (images[:1], params)):
        assert torch.autograd.gradcheck(lambda *given: gaussian_glimpse(*given, (3, 2)), inputs)
    close(gaussian_glimpse(images, params, SIZE), dense_gaussian(images, params, SIZE), 1e-14)


@pytest.mark.parametrize("border", ["zeros", "constant", "edge", "reflect"])
def test_float64_theta(border):
    images, theta = scene(**SMALL).requires_grad_(), thetas(torch.float64)
    options = {"border": border, "fill": [0.1, 0.2] if border == "constant" else None}
    for inputs, corners in (((images, theta), False), ((images, theta[:1]), True), ((images[:1], theta), True)):
        assert torch.autograd.gradcheck(
            lambda *given, corners=corners: affine_glimpse(*given, (3, 2), align_corners=corners, **options), inputs
        )
    beyond = torch.tensor([[[1, 0, 50], [0, 1, 0]]], dtype=torch.float64)
    if border == "constant":
        assert affine_glimpse(images, beyond, (1, 1), **options)[0, :, 0, 0].tolist() == [0.1, 0.2]


@pytest.mark.parametrize(
    ("sampler", "windows"),
    [
        ("gaussian", [[5.2, 6.1, 7.3, 8.4, 0], [1.0, 12.0, 2.2, 30.1, 0]]),
        ("gaussian", [[5.2, 6.1, 7.3, 8.4, 20], [1.0, 12.0, 2.2, 30.1, 0]]),
        ("bilinear", [[5.2, 6.1, 7.3, 8.4, 20], [1.03, 12.01, 2.2, 30.1, -70]]),
    ],
)
def test_windows(sampler, windows):
    images = scene(dtype=torch.float64).requires_grad_()
    rows = torch.tensor(windows, dtype=torch.float64, requires_grad=True)
    places = [Window(*row) for row in windows]
    found = window_glimpse(images.float(), rows, SIZE, sampler=sampler, backend="numpy")
    expected = extract_batch(images.detach().float(), places, SIZE, sampler=sampler, layout="NCHW", backend="numpy")
    np.testing.assert_array_equal(found.detach(), expected)

    pixels = images.detach()
    assert torch.autograd.gradcheck(lambda given: window_glimpse(pixels, given, SIZE, sampler=sampler), rows)
    if not rows[:, 4].any():
        assert torch.autograd.gradcheck(lambda four: window_glimpse(pixels, four, SIZE, sampler=sampler), rows[:, :4])
    blurred = window_glimpse(images, rows * torch.tensor([1, 1, 1, 1, 0.0]), SIZE, blur=0.9)
    expected = extract_batch(
        images.detach().float(), np.array(windows) * [1, 1, 1, 1, 0], SIZE, layout="NCHW", blur=0.9
    )
    close(blurred, torch.from_numpy(expected), 1e-6)


@pytest.mark.parametrize("border", ["zeros", "constant", "edge", "reflect"])
def test_gaussians_with_a_border(border):
    images = scene(**SMALL).requires_grad_()
    options = {"border": border, "fill": [0.1, 0.2] if border == "constant" else None}
    for angle in (0.0, 20.0):
        rows = torch.tensor([[1.2, 2.1, 4.3, 3.4, angle], [4.0, 9.1, 7.2, 8.1, angle]], dtype=torch.float64)
        found = window_glimpse(images, rows.requires_grad_(), (3, 2), **options)
        places = rows.detach().numpy()
        expected = extract_batch(images.detach().numpy(), places, (3, 2), layout="NCHW", backend="numpy", **options)
        np.testing.assert_allclose(found.detach(), expected, atol=1e-6)
        assert torch.autograd.gradcheck(lambda *given: window_glimpse(*given, (3, 2), **options), (images, rows))


@pytest.mark.parametrize("shear", [0.0, 0.3])
def test_gaussians_of_a_theta(shear):
    images = scene(dtype=torch.float64).requires_grad_()
    theta = torch.tensor([[[0.5, shear, 0.1], [-shear, 0.4, -0.2]]], dtype=torch.float64, requires_grad=True)
    found = affine_glimpse(images, theta, SIZE, sampler="gaussian", blur=0.7)
    place = Affine.from_theta(theta[0].detach().numpy(), images.shape[2:], SIZE)
    expected = extract_batch(images.detach().numpy(), place, SIZE, blur=0.7, layout="NCHW", backend="numpy")
    np.testing.assert_allclose(found.detach(), expected, atol=1e-6)
    assert torch.autograd.gradcheck(lambda *given: affine_glimpse(*given, (3, 2), sampler="gaussian"), (images, theta))


def test_matrices_are_in_pixels():
    images = torch.arange(20.0).reshape(1, 1, 4, 5)
    found = matrix_glimpse(images, torch.tensor([[[1.0, 0, 1], [0, 1, 2]]]), (2, 3))
    assert found.tolist() == [[[[11, 12, 13], [16, 17, 18]]]]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("channels", [1, 3])
def test_one_image_serves_many_places_and_one_place_many_images(backend, channels):
    images = scene(shape=(4, channels, 13, 11)).requires_grad_()
    params = torch.cat([gaussians(), gaussians() + 0.5]).detach().requires_grad_()
    for some, rows in ((images[:1], params), (images, params[:1])):
        both = some.detach().requires_grad_(), rows.detach().requires_grad_()
        spread = some.detach().expand(4, -1, -1, -1).clone().requires_grad_(), rows.detach().repeat(4 // len(rows), 1)
        spread[1].requires_grad_()
        found = gaussian_glimpse(*both, SIZE, backend=backend)
        expected = gaussian_glimpse(*spread, SIZE, backend=backend)
        close(found, expected, 1e-6)
        mine, theirs = gradients(found, both), gradients(expected, spread)
        close(mine[0], theirs[0].sum(0, keepdim=True) if len(some) == 1 else theirs[0])
        close(mine[1], theirs[1].sum(0, keepdim=True) if len(rows) == 1 else theirs[1])


@pytest.mark.parametrize("backend", BACKENDS)
def test_only_what_wants_a_gradient_gets_one(backend, monkeypatch):
    from glimpsecli.torch import job

    asked = []
    way_back = job.call_vjp

    def watched(images, taps, cotangents, by_images, by_places, *rest):
        asked.append((by_images is not None, by_places is not None))
        way_back(images, taps, cotangents, by_images, by_places, *rest)

    monkeypatch.setattr(job, "call_vjp", watched)
    for wanted in ((True, False), (False, True), (True, True)):
        images, params = scene().requires_grad_(wanted[0]), gaussians().detach().requires_grad_(wanted[1])
        gaussian_glimpse(images, params, SIZE, backend=backend).sum().backward()
        assert (images.grad is not None, params.grad is not None) == wanted == asked.pop()
    images, params = scene().requires_grad_(), gaussians()
    with torch.no_grad():
        assert not gaussian_glimpse(images, params, SIZE, backend=backend).requires_grad
    assert not gaussian_glimpse(images.detach(), params.detach(), SIZE, backend=backend).requires_grad
    assert not asked


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("backend", BACKENDS)
def test_whole_numbers_are_looked_at_as_they_are(backend, dtype):
    numbers = np.random.default_rng(3).integers(0, np.iinfo(dtype).max + 1, (2, 3, 13, 11)).astype(dtype)
    params = gaussians()
    found = gaussian_glimpse(torch.from_numpy(numbers), params, SIZE, backend=backend)
    expected = dense_gaussian(torch.from_numpy(numbers.astype(np.float64)), params.double(), SIZE)
    assert found.dtype == torch.float32
    close(found, expected, 2e-6)
    close(gradients(found, params)[0], gradients(expected, params)[0])


@pytest.mark.parametrize("dtype", ["bool", "int8", "int16", "int32", "int64", "float16", "bfloat16"])
def test_other_types_are_looked_at_in_their_own_numbers(dtype):
    images = (scene() * 100 - 40).to(getattr(torch, dtype))
    half = images.requires_grad_() if images.is_floating_point() else None
    found = gaussian_glimpse(images, gaussians(), SIZE)
    expected = gaussian_glimpse(images.detach().float(), gaussians(), SIZE)
    assert found.dtype == (torch.float32 if half is None else half.dtype)
    assert torch.equal(found, expected.to(found.dtype))
    if half is not None:
        found.sum().backward()
        assert half.grad.dtype == half.dtype
        assert half.grad.abs().sum() > 0


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32, torch.float64])
@pytest.mark.parametrize(("images", "places"), [(0, 0), (0, 1), (1, 0)])
@pytest.mark.parametrize("channels_last", [False, True])
def test_none_give_none_and_gradients_of_zero(images, places, dtype, channels_last):
    pixels = torch.zeros(images, 3, 6, 7, dtype=dtype)
    if channels_last:
        pixels = pixels.contiguous(memory_format=torch.channels_last)
    if dtype != torch.uint8:
        pixels.requires_grad_()
    for look, row in (
        (gaussian_glimpse, [1.0] * 7),
        (window_glimpse, [3.0, 3, 2, 2, 0]),
        (window_glimpse, [3.0, 3, 2, 2]),
    ):
        where = torch.tensor([row])[:places].requires_grad_()
        found = look(pixels, where, SIZE)
        assert found.shape == (0, 3, *SIZE)
        found.sum().backward()
        assert where.grad.shape == where.shape
        assert not where.grad.any()
    assert matrix_glimpse(pixels, torch.eye(2, 3)[None][:places], SIZE).shape == (0, 3, *SIZE)


def test_windows_without_an_angle_are_upright():
    four = torch.tensor([[5.0, 6, 4, 7], [3, 4, 6, 2]], requires_grad=True)
    five = torch.nn.functional.pad(four.detach(), (0, 1)).requires_grad_()
    found, expected = window_glimpse(scene(), four, SIZE), window_glimpse(scene(), five, SIZE)
    close(found, expected, 0)
    close(gradients(found, four)[0], gradients(expected, five)[0][:, :4], 0)


def test_tensors_are_places_and_images_of_numpy():
    image, rows = scene()[0].movedim(0, 2), torch.tensor([[5.0, 6, 4, 7], [3, 4, 6, 2]])
    expected = extract(image.numpy(), rows.numpy(), SIZE)
    for where in (rows, list(rows), rows.double(), rows.tolist()):
        np.testing.assert_array_equal(extract(image, where, SIZE), expected)
    np.testing.assert_array_equal(extract(image, rows[0], SIZE), expected[0])
    with pytest.raises(GlimpseError, match=r"Tensor holds no windows: .*requires grad"):
        extract(image, rows.requires_grad_(), SIZE)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("count", [1, 2])
def test_odd_strides(backend, count):
    wide = scene(shape=(count, 6, 26, 11)).requires_grad_()
    params = gaussians()
    odd = wide[:, ::2, ::2].transpose(2, 3)
    found = gaussian_glimpse(odd, params, SIZE, backend=backend)
    expected = gaussian_glimpse(wide[:, ::2, ::2].transpose(2, 3).contiguous(), params, SIZE, backend=backend)
    close(found, expected, 1e-6)
    for one, other in zip(gradients(found, (wide, params)), gradients(expected, (wide, params)), strict=True):
        close(one, other)
    by_sum, by_product = (  # the cotangent of a sum has strides of 0
        torch.autograd.grad(reduce(gaussian_glimpse(odd.detach(), params, SIZE, backend=backend)), params)[0]
        for reduce in (torch.sum, lambda glimpses: (glimpses * torch.ones(glimpses.shape)).sum())
    )
    close(by_sum, by_product)


def test_glimpses_may_be_changed_in_place():
    for images in (scene(), scene().contiguous(memory_format=torch.channels_last), scene(shape=(1, 3, 13, 11))):
        params = gaussians()
        found = functional.relu_(gaussian_glimpse(images, params, SIZE) - 0.3)
        in_place = functional.relu_(gaussian_glimpse(images, params, SIZE).sub_(0.3))
        assert torch.equal(gradients(found, params)[0], gradients(in_place, params)[0])


def test_what_was_looked_at_may_not_be_changed_before_the_way_back():
    for images, params in ((scene(), gaussians(dtype=torch.float64)), (scene().requires_grad_(), gaussians().detach())):
        loss = gaussian_glimpse(images, params, SIZE).sum()
        with torch.no_grad():
            images += 1
        with pytest.raises(RuntimeError, match="modified by an inplace operation"):
            loss.backward()


@pytest.mark.parametrize("sampler", ["gaussian", "bilinear"])
def test_a_second_derivative_is_refused_and_never_left_out(sampler):
    windows = torch.tensor([[5.2, 6.1, 7.3, 8.4, 0]], requires_grad=True)
    glimpses = window_glimpse(scene(), windows, SIZE, sampler=sampler, backend="numpy")
    (slope,) = torch.autograd.grad(glimpses.sum(), windows, create_graph=True)
    loss = windows.square().sum() + slope.square().sum()
    with pytest.raises(GlimpseError, match="no second derivatives"):
        loss.backward()


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")  # torch's own, as it loads its forward mode
def test_forward_mode_is_refused():
    images, windows = scene(), torch.tensor([[5.2, 6.1, 7.3, 8.4, 0]])
    for transform in (torch.func.jacfwd, torch.func.hessian):
        with pytest.raises(GlimpseError, match="no derivatives in forward mode here; use backward"):
            transform(lambda rows: window_glimpse(images, rows, SIZE).sum())(windows)
    jacobian = torch.func.jacrev(lambda rows: window_glimpse(images, rows, SIZE))(windows)
    assert jacobian.shape == (2, 3, *SIZE, 1, 5)


def test_half_precision_places_and_their_gradients():
    params = gaussians().detach().half().requires_grad_()
    gaussian_glimpse(scene(), params, SIZE).sum().backward()
    assert params.grad.dtype == torch.float16
    exact = params.detach().double().requires_grad_()
    dense_gaussian(scene().double(), exact, SIZE).sum().backward()
    close(params.grad, exact.grad, 1e-3)


WINDOWS = torch.tensor([[5.2, 6.1, 7.3, 8.4, 0], [1.0, 12.0, 2.2, 9.1, 20], [4.0, 3.0, 5.0, 6.0, -10]])
KINDS = {
    "six": (gaussian_glimpse, gaussians().detach()[:, :6]),
    "seven": (gaussian_glimpse, gaussians().detach()),
    "windows": (window_glimpse, WINDOWS),
    "upright": (window_glimpse, WINDOWS[:, :4]),
    "theta": (affine_glimpse, thetas().detach()),
    "matrices": (matrix_glimpse, thetas().detach() * torch.tensor([1, 1, 9.0])),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("images", "rows", "steps"), [(3, 3, 2), (2, 2, 5), (1, 2, 3), (3, 1, 2), (2, 2, 0), (0, 0, 2)]
)
def test_several_glimpses_of_each_image(kind, images, rows, steps):
    look, some = KINDS[kind]
    where = some[torch.arange(rows * steps) % len(some)].reshape(rows, steps, *some.shape[1:])
    where = (where + torch.arange(float(steps)).reshape(steps, *[1] * (some.ndim - 1)) / 9).requires_grad_()
    pixels = scene(shape=(images, 3, 13, 11)).requires_grad_()
    found = look(pixels, where, SIZE)
    count = max(rows, images) if rows and images else 0
    assert found.shape == (count, steps, 3, *SIZE)
    if found.numel():
        expected = torch.stack([look(pixels, where[:, step], SIZE) for step in range(steps)], dim=1)
        close(found, expected, 1e-6)
        for mine, theirs in zip(gradients(found, (pixels, where)), gradients(expected, (pixels, where)), strict=True):
            close(mine, theirs)
    else:
        assert not torch.autograd.grad(found.sum(), where)[0].any()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_halves_are_computed_in_float32_and_stay_halves(dtype, layout):
    images = (scene() * 2 - 1).to(dtype).contiguous(memory_format=layout).requires_grad_()
    params = gaussians().detach().to(dtype).requires_grad_()
    found = gaussian_glimpse(images, params, SIZE)
    wide = images.detach().float().requires_grad_(), params.detach().float().requires_grad_()
    expected = gaussian_glimpse(*wide, SIZE)
    assert found.dtype == dtype
    assert found.is_contiguous(memory_format=layout)
    assert torch.equal(found, expected.to(dtype))
    found.sum().backward()
    for mine, theirs in zip((images, params), gradients_of_sum(expected, wide), strict=True):
        assert mine.grad.dtype == dtype
        assert torch.equal(mine.grad, theirs.to(dtype))
    assert images.grad.is_contiguous(memory_format=layout)
    found = affine_glimpse(images, thetas().to(dtype), SIZE)
    assert torch.equal(found, affine_glimpse(images.float(), thetas().to(dtype), SIZE).to(dtype))


def gradients_of_sum(glimpses, inputs):
    return torch.autograd.grad(glimpses.sum(), inputs)


def test_a_model_trains_under_autocast():
    head, images = torch.nn.Linear(3, 5), scene()
    with torch.no_grad():
        head.bias += torch.tensor([5.0, 6, 4, 4, 0])
    with torch.autocast("cpu", torch.bfloat16):
        found = window_glimpse(images, head(torch.ones(2, 3)), SIZE)
    assert found.dtype == torch.float32
    found.sum().backward()
    assert head.weight.grad.abs().sum() > 0


def test_an_image_may_be_a_subclass_of_tensor():
    class Image(torch.Tensor):  # as torchvision has it
        pass

    image = (scene(shape=(1, 3, 13, 11)) * 255).byte().as_subclass(Image)
    found = gaussian_glimpse(image, gaussians(), SIZE)
    assert type(found) is torch.Tensor
    assert torch.equal(found, gaussian_glimpse(image.as_subclass(torch.Tensor), gaussians(), SIZE))


@pytest.mark.parametrize("sampler", ["hard", "bilinear", "gaussian"])
@pytest.mark.parametrize("shared", [(False, False), (True, False), (False, True)])
@pytest.mark.parametrize("count", [1, 2])
def test_vmap_is_a_loop(sampler, shared, count):
    images = scene(shape=(4, count, 3, 13, 11))
    where = (WINDOWS[:2] + torch.rand(4, 1, 1, generator=torch.Generator().manual_seed(2))).requires_grad_()
    images, where = images[0] if shared[0] else images, where[0] if shared[1] else where

    def loss(pixels, rows):
        return window_glimpse(pixels, rows, SIZE, sampler=sampler).square().sum()

    def one(pixels, rows):
        return window_glimpse(pixels, rows, SIZE, sampler=sampler), torch.func.grad(loss, argnums=(0, 1))(pixels, rows)

    dims = tuple(None if one_is else 0 for one_is in shared)
    found, by = torch.func.vmap(one, in_dims=dims)(images, where)
    for n in range(4):
        glimpses, slopes = one(images if shared[0] else images[n], where if shared[1] else where[n])
        close(found[n], glimpses, 0)
        for mine, theirs in zip(by, slopes, strict=True):
            close(mine[n], theirs)


def test_vmap_takes_single_images_whole_numbers_and_odd_axes():
    images, rows = (scene(shape=(3, 2, 13, 11)) * 255).int(), WINDOWS
    found = torch.func.vmap(lambda image, row: window_glimpse(image[None], row[None], SIZE)[0])(images, rows)
    assert torch.equal(found, window_glimpse(images, rows, SIZE))
    turned = torch.func.vmap(lambda row: window_glimpse(images[:1], row[None], SIZE)[0], in_dims=1, out_dims=-1)(rows.T)
    close(turned.movedim(-1, 0), window_glimpse(images[:1], rows, SIZE), 1e-6)
    patches = scene(shape=(3, 2, 4, 5))
    params = gaussians(1).expand(3, 7) + torch.arange(3.0)[:, None] / 9
    found = torch.func.vmap(lambda patch, row: gaussian_write(patch[None], row[None], (13, 11))[0])(patches, params)
    close(found, gaussian_write(patches, params, (13, 11)), 1e-6)


def test_an_ensemble_is_mapped_over_its_parameters():
    heads = [torch.nn.Linear(3, 4) for _ in range(3)]
    images, features = scene(), scene(shape=(2, 3), seed=1)
    parameters, buffers = torch.func.stack_module_state(heads)
    start = torch.tensor([5.0, 6, 4, 4])

    def loss(parameters, buffers):
        windows = start + torch.func.functional_call(heads[0], (parameters, buffers), features)
        return window_glimpse(images, windows, SIZE, sampler="bilinear").square().sum()

    found = torch.func.vmap(torch.func.grad(loss))(parameters, buffers)
    for n, head in enumerate(heads):
        window_glimpse(images, start + head(features), SIZE, sampler="bilinear").square().sum().backward()
        close(found["weight"][n], head.weight.grad)


@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor")  # the compiler looks at it between two graphs
def test_compiling_goes_around():
    images, windows = scene(), WINDOWS[:2].clone().requires_grad_()

    def loss(windows):
        return window_glimpse(images, windows * 1.01, SIZE).square().sum() * 2

    compiled = torch.compile(loss, backend="eager")
    for _ in range(2):
        assert torch.equal(compiled(windows), loss(windows))
        close(*(torch.autograd.grad(one(windows), windows)[0] for one in (compiled, loss)), 0)


def dense_write(patches, params, image_size):
    """Write by products of dense filterbanks: the transpose, and a division by the gain."""
    ones = torch.eye(image_size[0] * image_size[1], dtype=patches.dtype).reshape(-1, 1, *image_size)
    unit = torch.cat([params[:, :6], torch.ones_like(params[:, 6:])], dim=1)
    reads = torch.stack([dense_gaussian(ones, row.expand(len(ones), 7), patches.shape[2:])[:, 0] for row in unit])
    written = torch.einsum("nphw,nchw->ncp", reads, patches) / params[:, 6, None, None]
    return written.reshape(*patches.shape[:2], *image_size)


@pytest.mark.parametrize("backend", BACKENDS)
def test_writing_is_the_transpose_of_reading(backend):
    patches, params = scene(shape=(2, 3, 4, 5)).requires_grad_(), gaussians()
    found = gaussian_write(patches, params, (13, 11), backend=backend)
    expected = dense_write(patches.double(), params.double(), (13, 11))
    assert found.dtype == torch.float32
    close(found, expected, 2e-6)
    for mine, theirs in zip(gradients(found, (patches, params)), gradients(expected, (patches, params)), strict=True):
        assert mine.dtype == torch.float32
        close(mine, theirs)
    six = params.detach()[:, :6].requires_grad_()
    unit = torch.cat([six, torch.ones(2, 1)], dim=1)
    close(gaussian_write(patches, six, (13, 11)), gaussian_write(patches, unit, (13, 11)), 1e-6)
    slopes = (gradients(gaussian_write(patches, rows, (13, 11)), six)[0] for rows in (six, unit))
    close(*slopes)


def test_one_patch_is_written_in_many_places_and_many_in_one():
    patches = scene(shape=(2, 3, 4, 5), dtype=torch.float64).requires_grad_()
    params = gaussians(dtype=torch.float64)
    for some, rows in ((patches, params), (patches[:1], params), (patches, params[:1])):
        assert torch.autograd.gradcheck(lambda *given: gaussian_write(*given, (6, 5)), (some, rows))
    half = gaussian_write(patches.bfloat16(), params, (6, 5))
    assert half.dtype == torch.bfloat16
    slope = torch.autograd.grad(gaussian_write(patches, params, (6, 5)).sum(), params, create_graph=True)[0]
    with pytest.raises(GlimpseError, match="no second derivatives"):
        slope.sum().backward()


@pytest.mark.parametrize("kind", [torch.bool, torch.uint8, torch.int16, torch.int64])
def test_patches_of_integers_are_written_as_those_of_float32(kind):
    patches, params = (9 * scene(shape=(2, 3, 4, 5))).to(kind), gaussians()
    found, expected = (gaussian_write(one, params, (6, 5)) for one in (patches, patches.float()))
    assert torch.equal(found, expected)
    assert torch.equal(gradients(found, params)[0], gradients(expected, params)[0])


def test_training_finds_a_shift():
    y, x = np.mgrid[:24, :24]
    blob = torch.from_numpy(np.exp(-((y - 10.0) ** 2 + (x - 14.0) ** 2) / 40).astype(np.float32))[None, None]
    target = window_glimpse(blob, torch.tensor([[14.5, 10.5, 12, 12, 0]]), (8, 8))
    centre = torch.nn.Parameter(torch.tensor([[11.0, 13.0]]))
    optimiser = torch.optim.SGD([centre], lr=40.0)
    for _ in range(100):
        optimiser.zero_grad()
        windows = torch.cat([centre, torch.tensor([[12.0, 12, 0]])], dim=1)
        loss = (window_glimpse(blob, windows, (8, 8)) - target).square().mean()
        loss.backward()
        optimiser.step()
    np.testing.assert_allclose(centre.detach(), [[14.5, 10.5]], atol=1e-3)


IMAGES, PARAMS, EYE = torch.zeros(2, 3, 6, 7), torch.ones(2, 7), torch.eye(2, 3).expand(2, 2, 3)
TURN = torch.tensor([0.0, 0, 0, 0, 1])
FIVE = torch.tensor([[3.0, 3, 4, 4, 0]])


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: gaussian_glimpse(np.zeros((2, 3, 6, 7)), PARAMS, (2, 2)), "images are ndarray"),
        (lambda: gaussian_glimpse(IMAGES[0], PARAMS, (2, 2)), r"images of shape \(3, 6, 7\)"),
        (lambda: gaussian_glimpse(IMAGES[:, :0], PARAMS, (2, 2)), r"images of shape \(2, 0, 6, 7\)"),
        (lambda: gaussian_glimpse(IMAGES.to(torch.complex64), PARAMS, (2, 2)), "images of complex64; give bool"),
        (lambda: gaussian_glimpse(IMAGES.int() + 2**24 + 1, PARAMS, (2, 2)), "an integer beyond 16777216"),
        (lambda: gaussian_glimpse(IMAGES.long() - 2**24 - 1, PARAMS, (2, 2)), "an integer beyond 16777216"),
        (lambda: gaussian_glimpse(IMAGES.to("meta"), PARAMS, (2, 2)), "images on meta"),
        (lambda: gaussian_glimpse(IMAGES.to_sparse(), PARAMS, (2, 2)), "images in the layout sparse_coo"),
        (lambda: gaussian_glimpse(IMAGES, PARAMS.to("meta"), (2, 2)), "params on meta"),
        (lambda: gaussian_glimpse(IMAGES, PARAMS.to_sparse(), (2, 2)), "params in the layout sparse_coo"),
        (lambda: gaussian_glimpse(IMAGES.double(), PARAMS, (2, 2), backend="cpu"), "float64 images and the cpu"),
        (lambda: gaussian_glimpse(IMAGES.double(), PARAMS, (2, 2), threads=0), "threads is 0"),
        (lambda: gaussian_glimpse(IMAGES, [1.0] * 7, (2, 2)), "params are list"),
        (lambda: gaussian_glimpse(IMAGES, PARAMS[0], (2, 2)), r"params of shape \(7,\); give \(N, 7\) or \(N, 6\)"),
        (lambda: gaussian_glimpse(IMAGES, PARAMS[:0], (2, 2)), "0 places for 2 images"),
        (lambda: gaussian_glimpse(IMAGES, torch.tensor(1.0), (2, 2)), r"params of shape \(\)"),
        (lambda: gaussian_glimpse(IMAGES, PARAMS.int(), (2, 2)), "params of int32"),
        (lambda: gaussian_glimpse(IMAGES, torch.ones(3, 7), (2, 2)), "3 places for 2 images"),
        (lambda: gaussian_glimpse(IMAGES, -PARAMS, (2, 2)), "sigma of Gaussian attention 0 is -1"),
        (lambda: gaussian_glimpse(IMAGES, PARAMS.clone().fill_(torch.nan), (2, 2)), "attention 0 with u_y nan"),
        (lambda: gaussian_glimpse(IMAGES, PARAMS, (2, 0)), r"\(2, 0\) is not a size"),
        (lambda: gaussian_glimpse(IMAGES, PARAMS, (2, 2), threads=0), "threads is 0"),
        (lambda: gaussian_glimpse(IMAGES, PARAMS, (2, 2), backend="fpga"), "unknown backend 'fpga'"),
        (lambda: affine_glimpse(IMAGES, EYE[:, 0], (2, 2)), r"theta of shape \(2, 3\); give \(N, 2, 3\)"),
        (lambda: affine_glimpse(IMAGES, EYE, (2, 2), border="wrap"), "unknown border 'wrap'"),
        (lambda: affine_glimpse(IMAGES, EYE, (2, 2), border="constant"), "needs a colour"),
        (lambda: affine_glimpse(IMAGES, EYE, 2), "2 is not a size"),
        (
            lambda: affine_glimpse(IMAGES, EYE, (2, 2), border="constant", fill=torch.ones(3, requires_grad=True)),
            "fill requires gradients",
        ),
        (lambda: gaussian_glimpse(IMAGES, PARAMS.expand(1, 1, 2, 7), (2, 2)), r"params of shape \(1, 1, 2, 7\)"),
        (lambda: gaussian_write(IMAGES[0], PARAMS, (9, 9)), r"patches of shape \(3, 6, 7\)"),
        (lambda: gaussian_write(IMAGES, PARAMS[:, None], (9, 9)), r"params of shape \(2, 1, 7\) to write"),
        (lambda: gaussian_write(IMAGES, PARAMS, 9), "9 is not a size"),
        (lambda: gaussian_write(IMAGES.int() + 2**24 + 1, PARAMS, (9, 9)), "patches hold an integer beyond 16777216"),
        (lambda: gaussian_write(IMAGES, torch.ones(3, 7), (9, 9)), "3 places for 2 patches"),
        (lambda: gaussian_write(IMAGES, PARAMS - torch.eye(7)[6], (9, 9)), "the gain of write 0 is 0"),
        (lambda: matrix_glimpse(IMAGES, EYE * torch.inf, (2, 2)), "affine matrix 0 has numbers that are not finite"),
        (lambda: window_glimpse(IMAGES, FIVE, (2, 2), sampler="harder"), "unknown sampler 'harder'"),
        (
            lambda: window_glimpse(IMAGES, FIVE, (2, 2), blur=torch.tensor(0.5, requires_grad=True)),
            "blur requires grad",
        ),
        (lambda: window_glimpse(IMAGES, FIVE, (2, 2), blur=torch.ones(2)), r"a blur of shape \(2,\)"),
        (lambda: window_glimpse(IMAGES, FIVE, (2, 2), blur="much"), "blur is 'much'"),
        (lambda: window_glimpse(IMAGES, FIVE, (2, 2), blur=torch.tensor(0.5, device="meta")), "blur is a tensor"),
        (lambda: window_glimpse(IMAGES, -torch.ones(2, 5), (2, 2)), "window 0 at -1,-1"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(call, words):
    with pytest.raises(GlimpseError, match=words) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_a_blur_may_be_a_tensor():
    found, expected = (window_glimpse(IMAGES + 1, FIVE, (2, 2), blur=blur) for blur in (torch.tensor([0.75]), 0.75))
    assert torch.equal(found, expected)


def test_a_fill_may_be_a_tensor():
    fill = torch.tensor([1.0, 2, 3])
    found = matrix_glimpse(IMAGES, EYE + torch.tensor([0, 0, 90.0]), (1, 1), border="constant", fill=fill)
    assert found[:, :, 0, 0].tolist() == [[1, 2, 3]] * 2


def test_places_need_not_be_whole_to_be_differentiated():
    # A whole-pixel crop looks nearest, and yet has the bilinear sampler's slope: to the right.
    ramp = torch.arange(5.0).square().expand(1, 1, 5, 5)
    theta = torch.tensor([[[1.0, 0, 2], [0, 1, 1]]], requires_grad=True)
    found = matrix_glimpse(ramp, theta, (1, 1), backend="numpy")
    assert found.item() == 4
    assert torch.autograd.grad(found.sum(), theta)[0].tolist() == [[[0, 0, 5], [0, 0, 0]]]


def test_torch_is_loaded_by_nobody_but_who_asks():
    script = "import sys, glimpsecli; glimpsecli.extract; glimpsecli.vjp; assert 'torch' not in sys.modules"
    script += "; glimpsecli.torch.gaussian_glimpse; assert 'torch' in sys.modules"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_examples_of_the_topic_run():
    topic = (ROOT / "glimpsecli/commands/topics/python.md").read_text(encoding="utf-8")
    code = "".join(re.findall(r"```py\n(.*?)```", topic, re.DOTALL))
    code += "\nassert model.windows(scenes)[0].tolist() == [20, 20, 40, 40, 0]"
    code += "\nassert (centre - torch.tensor([[190.0, 110]])).abs().max() < 0.1"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
