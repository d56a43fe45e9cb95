"""The cuda backend on a GPU, in under eight minutes: its tests, and then its speed. `make bench-gpu` runs it.

    python tests/bench_gpu.py [NUMBER[:COUNT] ...]

times cases of `glimpse bench`, glimpses and gradients, on images that are on the device, beside torch if it is there.
Each time comes with the share of the device's bandwidth: the bytes that the call must move at least, against a copy on
the device.
"""

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from glimpsecli import GlimpseError, backends
from glimpsecli.backends.footprint import elliptical_support, gaussian_support, matrix_support, union
from glimpsecli.bench import cases, report, timing
from glimpsecli.bench.contenders.base import VIEWS
from glimpsecli.bench.contenders.ours import CudaResident
from glimpsecli.bench.contenders.torch_peers import GridSampleCuda, MatmulCuda
from glimpsecli.bench.measuring import Parameters, measure
from glimpsecli.names import BLUR

CASES = ("2", "3", "3:4096", "5")
TIMED = tuple(name for name in VIEWS if name != "hard")
TESTED = 240.0
"""Seconds after which the tests are stopped."""
ENOUGH = 400.0
"""Seconds after which no further case is begun."""
COPIED = 1 << 28
"""Bytes of the copy: more than the caches of a device hold."""
MOVED = {}


class Counted(CudaResident):
    """The cuda backend on the device, which notes the bytes that each view must move."""

    def prepare(self, scene, view):
        super().prepare(scene, view)
        MOVED[view] = least_bytes(scene, view)


def least_bytes(scene, view):
    """Count the bytes that a call reads and writes at least: the pixels of the windows, the numbers of the results."""
    case, (h, w), (height, width) = scene.case, scene.size, scene.case.image_size
    if VIEWS[view].sampler == "gaussian" and VIEWS[view].turned:
        boxes, taps = elliptical_support(scene.matrices(view), BLUR, scene.size, case.image_size), np.inf
    elif VIEWS[view].sampler == "gaussian":
        boxes, taps = gaussian_support(scene.gaussians, scene.size, case.image_size), np.inf
    else:
        boxes = matrix_support(scene.matrices(view), scene.size, case.image_size, "zeros")
        taps = 4 * h * w  # as many pixels are read, where the taps are far from each other
    top, bottom, left, right = boxes.T if case.layout else union(boxes)
    channels = scene.image(0).shape[2]
    pixels = np.sum(np.minimum((bottom - top) * (right - left), taps if case.layout else taps * scene.windows))
    read, glimpses = int(pixels) * channels * case.images.itemsize, 4 * scene.cotangents.size
    if not VIEWS[view].by:
        return read + glimpses
    images = 4 * channels * height * width * (scene.windows if case.layout else 1)
    return 2 * (read + glimpses) + ("image" in VIEWS[view].by) * images


def copies(runs, min_time):
    """Give the bytes a second that a copy on the device moves: read and written."""
    cuda = backends.load("cuda").cuda
    source, target = (cuda.to_device(np.zeros(COPIED, np.uint8)) for _ in range(2))

    def copy():
        target.copy_to_device(source)
        cuda.synchronize()

    copy()
    (samples,) = timing.time_all({"copy": copy}, rounds=runs, min_time=min_time, seed=0).values()
    return 2 * COPIED / timing.quartiles(samples.all).median


def figures(case, views=TIMED, runs=5, min_time=0.2):
    """Check and time a case, NUMBER or NUMBER:COUNT, print it, and return whether all results were right."""
    number, _, count = case.partition(":")
    recipe = cases.builtin(cases.case_named(number), 0, int(count) if count else None)
    parameters = Parameters(views, ("cuda",), True, runs, min_time, 1, 0)
    show = sys.stderr.isatty()
    contenders = (Counted(), GridSampleCuda(), MatmulCuda())
    found = measure(
        recipe, parameters, contenders=contenders, progress=lambda text: show and print(text, file=sys.stderr)
    )
    limit = copies(runs, min_time)
    print(
        "\n".join(report.table_of(found)),
        *(f"    without {name}: {why}" for name, why in found.missing.items()),
        sep="\n",
    )
    for entry in found.entries:
        if entry.samples is not None and entry.contender == Counted.name:
            rate = MOVED[entry.view] / entry.seconds.median
            print(f"  {entry.view}: {rate / 1e9:.4g} GB/s, {rate / limit:.1%} of a copy's {limit / 1e9:.4g} GB/s")
    print(flush=True)
    return all(entry.wrong is None for entry in found.entries)


def main(wanted):
    """Test, time, and return the exit code."""
    began = time.monotonic()
    try:
        backends.load("cuda")
    except GlimpseError as error:
        print(f"glimpse: error: {error}", file=sys.stderr)
        return error.exit_code
    command = [sys.executable, "-m", "pytest", "-q", Path(__file__).with_name("cuda_cases.py")]
    try:
        tested = subprocess.run(command, env={**os.environ, "GLIMPSE_TEST_GPU": "1"}, timeout=TESTED, check=False)
        right = tested.returncode == 0
    except subprocess.TimeoutExpired:
        print(f"the tests took more than {TESTED:.0f} s", file=sys.stderr)
        right = False
    for case in wanted:
        if time.monotonic() - began > ENOUGH:
            print(f"case {case} is left out: {ENOUGH:.0f} s are over", file=sys.stderr)
            continue
        right &= figures(case)
    return int(not right)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or CASES))
