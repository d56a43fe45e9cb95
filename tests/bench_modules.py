"""Times a training step through the modules beside the same network over torch's own operations. Not a test:

    python tests/bench_modules.py [SIDE] [TAPS] [ROUNDS]

trains an attention classifier, batches of 64 grey images of 100x100 and glimpses of 16x16 by default, on one thread:
Gaussian attention beside two products of dense filterbanks, the bilinear sampler beside affine_grid and grid_sample.
Contenders take turns within one process; times are of the processor.
"""

import statistics
import sys
import time

import torch
from torch import nn
from torch.nn import functional

from glimpsecli import Window
from glimpsecli.torch.modules import AffineGlimpse, AttentionClassifier, GaussianGlimpse, WindowHead

BATCH = 64


class DenseGaussian(nn.Module):
    """The glimpse of upright windows by two products."""

    def __init__(self, taps):
        super().__init__()
        self.taps = taps

    def filterbank(self, centre, extent, pixels):
        stride = extent / self.taps
        centres = (centre - extent / 2 + stride / 2 - 0.5)[:, None] + stride[:, None] * torch.arange(self.taps)
        z = (torch.arange(pixels) - centres[:, :, None]) / (0.5 * stride.clamp(min=1))[:, None, None]
        weights = torch.exp(-0.5 * z * z)
        return weights / (weights.sum(dim=-1, keepdim=True) + 1e-8)

    def forward(self, images, windows):
        cx, cy, width, height, _ = windows.T
        rows, columns = self.filterbank(cy, height, images.shape[2]), self.filterbank(cx, width, images.shape[3])
        return rows[:, None] @ images @ columns[:, None].mT


class GridSample(nn.Module):
    """The glimpse of upright windows by torch's spatial transformer."""

    def __init__(self, taps):
        super().__init__()
        self.taps = taps

    def forward(self, images, windows):
        cx, cy, width, height, _ = windows.T
        side, none = images.shape[2], torch.zeros_like(cx)
        x_row = torch.stack([width / side, none, 2 * cx / side - 1], dim=1)
        y_row = torch.stack([none, height / side, 2 * cy / side - 1], dim=1)
        theta, size = torch.stack([x_row, y_row], dim=1), (len(windows), images.shape[1], self.taps, self.taps)
        return functional.grid_sample(
            images, functional.affine_grid(theta, size, align_corners=False), align_corners=False
        )


def network(glimpse, side, taps):
    """Give a classifier whose parameters are the same for each glimpse."""
    torch.manual_seed(0)
    start = Window(side / 2, side / 2, 0.4 * side, 0.4 * side)
    where = nn.Sequential(
        *[nn.AvgPool2d(side // 25), nn.Conv2d(1, 8, 3, 2), nn.ReLU(), nn.Conv2d(8, 16, 3, 2), nn.ReLU(), nn.Flatten()],
        *[nn.LazyLinear(32), nn.Tanh(), WindowHead(32, (side, side), start)],
    )
    what = nn.Sequential(
        *[nn.Conv2d(1, 16, 3, 2, 1), nn.ReLU(), nn.Conv2d(16, 32, 3, 2, 1), nn.ReLU(), nn.Flatten()],
        *[nn.LazyLinear(64), nn.ReLU(), nn.Linear(64, 10)],
    )
    model = AttentionClassifier(where, glimpse, what)
    model(torch.rand(2, 1, side, side))
    return model


def main(side=100, taps=16, rounds=60):
    torch.set_num_threads(1)
    size = (taps, taps)
    glimpses = {
        "gaussian, glimpsecli": GaussianGlimpse(size, threads=1),
        "gaussian, two products": DenseGaussian(taps),
        "bilinear, glimpsecli": AffineGlimpse(size, threads=1),
        "bilinear, grid_sample": GridSample(taps),
    }
    models = {name: network(glimpse, side, taps) for name, glimpse in glimpses.items()}
    optimisers = {name: torch.optim.Adam(model.parameters(), fused=True) for name, model in models.items()}
    images, labels = torch.rand(BATCH, 1, side, side), torch.randint(0, 10, (BATCH,))

    def step(name):
        optimisers[name].zero_grad()
        functional.cross_entropy(models[name](images), labels).backward()
        optimisers[name].step()

    times = {name: [] for name in models}
    for turn in range(-5, rounds):
        for name, own in times.items():
            begun = time.process_time()
            step(name)
            step(name)
            if turn >= 0:
                own.append((time.process_time() - begun) / 2 * 1e3)
    for name, own in times.items():
        print(f"{name:24} {min(own):6.2f} ms at least, {statistics.median(own):6.2f} ms in the median")
    for mine, theirs in zip(*[iter(times)] * 2, strict=True):
        ratio = statistics.median(one / other for one, other in zip(times[mine], times[theirs], strict=True))
        print(f"{mine} / {theirs.split(', ')[1]}: {ratio:.2f}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
