"""Samplers of which the outcome is known, importable by the processes of a run; runs to be stopped; and results."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np

from glimpsecli.study.design import Design
from glimpsecli.study.mechanisms import MECHANISMS, Mechanism, View
from glimpsecli.study.running import Done
from glimpsecli.study.summary import Who, summarise

OFFSETS = (0.1, 0.2, 0.5, 1.0)
GAUSSIAN, BILINEAR = Who("gaussian 0.5", "lm"), Who("bilinear", "lm")


class Still(View):
    """A view that says of every change that it changes nothing."""

    def gradients(self, places, targets):
        return np.zeros((len(places), 3))

    def jacobians(self, places):
        seen, slopes = super().jacobians(places)
        return seen, np.zeros_like(slopes)


class Blind(Mechanism):
    """A sampler without a gradient."""

    def views(self, image, stride):
        return [Still(*view) for view in super().views(image, stride)]


LEARNERS = tuple(mechanism for mechanism in MECHANISMS if not mechanism.sampled)
BLIND = tuple(Blind(*mechanism) for mechanism in LEARNERS)


class Deadly(Mechanism):
    """A sampler whose process is ended as if there were no memory left."""

    def views(self, image, stride):
        os.kill(os.getpid(), signal.SIGKILL)


DEADLY = (Deadly("bilinear", "bilinear"),)


def start(folder, done, *words):
    """Start a run of training in a process group of its own, and wait until so many chunks are done."""
    short = ("--strides", "1", "--offsets", "0.1", "--trials", "1")
    command = [sys.executable, "-m", "glimpsecli", "study", "training", "--quick", *short, "-j", "2", "-v"]
    process = subprocess.Popen(
        [*command, "-o", str(folder), *map(str, words)], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        start_new_session=True, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    for line in process.stderr:
        if f"chunk {done} of" in line:
            return process
    raise AssertionError("the run ended")


def children(number):
    """Name the processes that a process has started, on Linux."""
    with open(f"/proc/{number}/task/{number}/children", encoding="ascii") as stream:
        return [int(word) for word in stream.read().split()]


def gone(numbers, seconds=10.0):
    """Tell whether processes end within a time."""
    until = time.monotonic() + seconds
    while any(os.path.exists(f"/proc/{number}") for number in numbers):
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True


def lines_of(path):
    """Give the lines of a file of trials as data, the head first."""
    return [json.loads(line) for line in path.read_text().splitlines()]


def chunk_of(condition, stride, image, who):
    """What a chunk with two places gives: `who` names for each the successes, place by place and offset by offset."""
    runs = []
    for name, (success, evaluations) in who.items():
        won = np.array(success).ravel()
        runs.append(
            {
                "sampler": name.sampler, "method": name.method, "centre": np.where(won, 0.2, 9.0).tolist(),
                "extent": np.where(won, -0.01, 0.5).tolist(), "arrived": np.where(won, evaluations, -1).tolist(),
                "looks": [40] * won.size, "seconds": 0.08 * won.size,
            }
        )  # fmt: skip
    return {"chunk": [condition, stride, *image], "runs": runs}


def done(worked, **changed):
    """What a run that did these chunks holds."""
    conditions = tuple(dict.fromkeys(one["chunk"][0] for one in worked))
    design = Design((), (2.0, 4.0), OFFSETS, conditions, places=2, **changed)
    return Done(design, [], worked)


def synthetic_summary(gaussian, bilinear, conditions=("translation",), images=6):
    """Six images, two places in each, two strides; how many of the nearest offsets each recovers, image by image."""

    def won(counts, n):
        return [[offset < counts[n % len(counts)] for offset in range(4)]] * 2

    return summarise(
        done(
            [
                chunk_of(
                    condition, stride, ("photos", n), {GAUSSIAN: (won(gaussian, n), 6), BILINEAR: (won(bilinear, n), 9)}
                )
                for condition in conditions
                for stride in (2.0, 4.0)
                for n in range(images)
            ]
        )
    )
