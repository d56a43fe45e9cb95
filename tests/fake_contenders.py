"""Contenders that take a given time, on a clock of their own, and runs of bench to be stopped."""

import os
import signal
import subprocess
import sys

from glimpsecli import cli
from glimpsecli.bench import cases
from glimpsecli.bench.contenders.base import Contender, Scene
from glimpsecli.bench.contenders.ours import Numpy
from glimpsecli.bench.measuring import Parameters, measure
from glimpsecli.bench.results import Results

QUICK = ("--runs", "3", "--min-time", "0")


class FakeClock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


clock = FakeClock()


def miniature(number, monkeypatch):
    """Make the scene of a case of the bench with small images, small glimpses and a few windows."""
    small = cases.CASES[number]
    shape = {None: (40, 50, 3), "NCHW": (3, 30, 40), "NHWC": (28, 28, 1)}[small.layout]
    extents = (30, 30) if small.many == 1 else (8, 20)
    many = min(small.many, 4)
    monkeypatch.setitem(cases.CASES, number, small._replace(image=shape, size=(7, 6), extents=extents, many=many))
    return Scene(cases.build(cases.builtin(number, 3)), 1)


def fake(name, cost, *, off=0.0, **attributes):
    """Make a class of contenders that give the definition plus an error, and take a given time."""

    class Fake(Contender):
        tolerance = 2e-6
        views = ("gaussian", "bilinear")

        def prepare(self, scene, view):
            self.honest = Numpy()
            self.honest.prepare(scene, view)
            self.result = self.honest.glimpses(self.honest.run()) + off
            self.calls = 0

        def run(self):
            seconds = cost(self.calls) if callable(cost) else cost
            self.calls += 1
            clock.now += seconds
            return self.result

        def glimpses(self, result):
            return result

    for key, value in {"name": name, **attributes}.items():
        setattr(Fake, key, value)
    return Fake()


def parameters(**changed):
    given = {"views": ("gaussian",), "backends": ("cpu",), "peers": False, "runs": 5, "min_time": 0.0, "threads": 1}
    return Parameters(**{**given, "seed": 0, **changed})


def digits(many=3):
    return cases.builtin("5", 0, many)


def measured(*contenders, recipe=None, **changed):
    return measure(recipe or digits(), parameters(**changed), contenders=contenders, clock=clock)


def bench(*arguments):
    return cli.run(["bench", *map(str, arguments)])


def results(*found, **changed):
    return Results(
        {"cpu": "Imaginary 1", "gpu": None, "cores": 2, "processors": 2, "memory": 2**33, "python": "3.12"},
        {"glimpse": "0"}, parameters(**changed), 0.1, "2026-01-01T00:00:00+00:00", found,
    )  # fmt: skip


def start(*words, folder=None):
    """Start a long run of bench in a process group of its own."""
    command = [sys.executable, "-m", "glimpsecli", "bench", *map(str, words), "--runs", "500", "--min-time", "20", "-v"]
    environment = os.environ | ({"TMPDIR": str(folder)} if folder else {})

    def as_in_a_terminal():  # tests may run under nohup, or in the background of a script
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        signal.signal(signal.SIGHUP, signal.SIG_DFL)

    return subprocess.Popen(
        command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True, env=environment,
        preexec_fn=as_in_a_terminal,
    )  # fmt: skip
