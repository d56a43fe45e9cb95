"""Samplers of which the outcome is known, importable by the processes of a run; and runs to be stopped."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np

from glimpsecli.learning.study.lookers import LOOKERS, Looker, View


class Still(View):
    """A view that says of every change that it changes nothing."""

    def gradients(self, places, targets):
        return np.zeros((len(places), 3))

    def jacobians(self, places):
        seen, slopes = super().jacobians(places)
        return seen, np.zeros_like(slopes)


class Blind(Looker):
    """A sampler without a gradient."""

    def views(self, image, stride):
        return [Still(*view) for view in super().views(image, stride)]


LEARNERS = tuple(looker for looker in LOOKERS if not looker.sampled)
BLIND = tuple(Blind(*looker) for looker in LEARNERS)


class Deadly(Looker):
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
