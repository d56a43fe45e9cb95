"""`glimpse study network` with training: planted faults, the same figures again, and runs that are killed."""

import dataclasses
import json
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from conftest import ROOT
from synthetic_networks import small

from glimpsecli.networks.scenes import Scenes
from glimpsecli.study import network_running
from glimpsecli.study.network_design import CEILING, FLOOR, GAUSSIAN, MAIN, RATES, VARIED
from glimpsecli.study.network_plan import Task
from glimpsecli.study.network_summary import learnt, runs_of
from glimpsecli.study.network_verdict import sentence_of_learnt, short

pytestmark = [pytest.mark.extras, pytest.mark.slow]

torch = pytest.importorskip("torch", reason="torch is not installed")


@pytest.fixture(autouse=True)
def threads():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


class Shuffled(Scenes):
    """Scenes whose labels have nothing to do with them."""

    def batch(self, seed, first, count):
        random = np.random.default_rng([7, seed, first])
        return super().batch(seed, first, count)._replace(labels=random.integers(0, 3, count))


def trained(design):
    return runs_of([json.loads(json.dumps(network_running.work(design, task))) for task in design.tasks])


def clockless(path):
    return [{**json.loads(line), "seconds": 0} for line in path.read_text().splitlines()]


LONG = {"samplers": (FLOOR, GAUSSIAN), "seeds": 4, "steps": 120, "checks": 1, "checked": 1000}


def test_with_its_gradient_a_network_learns_where_to_look_and_the_study_says_so(monkeypatch):
    monkeypatch.setitem(RATES[MAIN], GAUSSIAN, 0.3)  # the rate of the study is for 20 times the steps
    said = short(trained(small(**LONG)))
    assert said[0].startswith("gaussian: learns where to look; it finds ")
    assert "guesses" not in said[0]


def test_a_network_whose_gradient_is_cut_learns_nothing_and_the_study_says_so(monkeypatch):
    monkeypatch.setitem(RATES[MAIN], GAUSSIAN, 0.0)
    runs = trained(small(**LONG | {"steps": 10}))
    (one,) = learnt(runs)
    assert one.found == one.floor
    assert sentence_of_learnt(one).startswith("gaussian: learns nothing of where to look; it finds ")
    last = runs[-1].curve[-1]
    assert (last["spread"], last["window"][:2], last["lost"]) == (0, [12, 12], False)


def test_of_shuffled_labels_nothing_is_learned_and_the_study_says_so():
    design = small(**LONG | {"steps": 30, "checked": 3000})
    design = design._replace(scenes=Shuffled(**{f.name: getattr(design.scenes, f.name)
                                                for f in dataclasses.fields(Scenes)}))  # fmt: skip
    runs = trained(design)
    (one,) = learnt(runs)
    assert one.accuracy == pytest.approx(1 / 3, abs=0.03)
    assert ", and guesses: right in 3" in sentence_of_learnt(one)
    assert "learns where to look" not in sentence_of_learnt(one)


def test_an_oracle_is_right_and_at_the_truth():
    design = small(samplers=(CEILING,), seeds=1, steps=100, checks=1, checked=500)
    (one,) = trained(design)
    assert one.curve[-1]["accuracy"] > 0.8
    assert one.curve[-1]["error"] < 1e-6
    assert set(one.held_out) == {"faces", "smaller", "larger"}


@pytest.mark.parametrize("condition", ["wide start", "three glimpses", "other classifier", "turned windows"])
def test_every_condition_trains_each_sampler_from_the_same_weights_and_scenes(condition):
    design = small(conditions=(condition,), samplers=VARIED, steps=2, checks=1)
    first = [one.curve[0] for one in trained(design)]
    assert len(first) == 3
    assert len({tuple(one["window"]) for one in first}) == 1
    assert first[0]["accuracy"] == pytest.approx(first[2]["accuracy"], abs=0.3)


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
def test_a_run_that_is_killed_goes_on_in_more_processes_and_ends_the_same(tmp_path):
    cut, whole = tmp_path / "cut.jsonl", tmp_path / "whole.jsonl"
    script = (
        f"import sys; sys.path[:0] = [{str(ROOT)!r}, {str(ROOT / 'tests')!r}]\n"
        "from synthetic_networks import small\nfrom glimpsecli.study import network_running\n"
        f"if __name__ == '__main__':\n    network_running.run(small(), {str(cut)!r}, jobs=1)\n"
    )
    path = tmp_path / "run.py"
    path.write_text(script)
    process = subprocess.Popen([sys.executable, str(path)])
    while process.poll() is None and (not cut.exists() or cut.read_bytes().count(b"\n") < 3):
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert cut.read_bytes().count(b"\n") >= 3
    network_running.run(small(), str(cut), jobs=2, resume=True)
    network_running.run(small(), str(whole), jobs=1)
    assert clockless(cut) == clockless(whole)
    assert all(json.loads(line)["seconds"] > 0 for line in whole.read_text().splitlines()[1:])


def test_an_estimate_is_of_the_steps_to_come():
    design = small(samplers=(GAUSSIAN,), steps=2000, checks=10)
    task = Task(GAUSSIAN, MAIN, design.seed, 0.3)
    once, twice = (network_running.expected_seconds(design._replace(steps=steps), task) for steps in (1000, 4000))
    assert 0 < once < twice
