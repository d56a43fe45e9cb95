"""`glimpse study consistency`: conditions, success and its intervals, and the report."""

import csv
import json
import math

import numpy as np
import pytest

from glimpsecli import cli
from glimpsecli.learning.tracking import Tracked
from glimpsecli.study import consistency, consistency_report, statistics
from glimpsecli.study.consistency import ALL, CONDITIONS, Condition, Plan, Run
from glimpsecli.window import Window

SURE, BLIND = Condition("velocity", True), Condition("none", False)


def record(kind, seed, condition, success):
    curve = tuple(float(success > threshold) for threshold in np.linspace(0, 1, 21))
    return Run(kind, seed, condition, curve, success, 0.1, 1.0, 0.05, 4, 2, 20, 1, 3.0)


@pytest.fixture
def plan():
    return Plan(kinds=("translation", "leaving"), sequences=20)


@pytest.fixture
def runs(plan):
    """Success that grows by 0.1 with each part, but falls where objects leave and are believed to be near."""
    random = np.random.default_rng(1)
    found = []
    for kind, seed in plan.all:
        own = random.uniform(0.3, 0.5)
        for one in CONDITIONS:
            gain = 0.1 * (2 - consistency.MOTIONS.index(one.motion)) + 0.1 * one.verdict
            if kind == "leaving" and one.motion != "none":
                gain -= 0.3
            found.append(record(kind, seed, one, own + gain + random.normal(0, 0.02)))
    return found


class TestJudging:
    def follow(self, monkeypatch, tracker, visible=None):
        frames = [np.zeros((40, 60, 3), np.uint8)] * 21
        truth = np.array([(10 + k, 20, 10, 10, 0) for k in range(21)], float)
        monkeypatch.setattr(consistency, "Tracker", tracker)
        visible = np.ones(21) if visible is None else visible
        return consistency.judge("turn", 3, SURE, frames, truth, visible)

    def test_the_condition_reaches_the_tracker(self, monkeypatch):
        given = []

        class Knows:
            def __init__(self, image, window, options):
                given.append(options)
                self.cx = window.cx

            def __call__(self, image):
                self.cx += 1
                return Tracked(Window(self.cx, 20, 10, 10), "found", "", 1.0, 0.0, (0.0, 0.0))

        run = self.follow(monkeypatch, Knows)
        assert (given[0].motion, given[0].verdict) == ("velocity", True)
        assert "angle" in given[0].free
        assert run.success == pytest.approx(20 / 21)
        assert run.error == 0
        assert run.kept == 1
        assert math.isnan(run.hidden)
        assert (run.wrong, run.right) == (0, 20)

    def test_hidden_frames_count_apart(self, monkeypatch):
        class Rests:
            def __init__(self, image, window, options):
                self.window, self.frame = window, 0

            def __call__(self, image):
                self.frame += 1
                state = "found" if self.frame < 3 else "lost"
                return Tracked(self.window, state, "", 1.0, 0.0, (0.0, 0.0))

        visible = np.ones(21)
        visible[11:] = 0.2
        run = self.follow(monkeypatch, Rests, visible)
        shares = [max(10 - k, 0) / (10 + k) for k in range(1, 11)]
        assert run.success == pytest.approx(np.mean([sum(s > t for t in consistency.THRESHOLDS) for s in shares]) / 21)
        assert run.hidden == 0
        assert run.kept == pytest.approx(8 / 20)  # the overlap is under 0.1 from the ninth frame on
        assert run.error == 1.5
        assert (run.wrong, run.warned, run.false_alarms) == (15, 15, 3)


class TestSummary:
    def test_differences_are_paired(self, runs, plan):
        found = {(one.claim, one.first, one.second, one.kind): one for one in consistency.differences(runs, plan.kinds)}
        near = found["It is near where it was", Condition("near", True), Condition("none", True), "translation"]
        assert near.success.value == pytest.approx(0.1, abs=0.02)
        assert near.success.high - near.success.low < 0.04  # own levels differ by 0.2, and cancel
        assert near.word == "helps"
        gone = found["It is near where it was", Condition("near", True), Condition("none", True), "leaving"]
        assert gone.word == "harms"
        whole = found["All of it", SURE, BLIND, ALL]
        assert whole.success.value == pytest.approx(0.15, abs=0.02)

    @pytest.mark.parametrize(
        ("low", "high", "word"),
        [
            (0.02, 0.1, "helps"),
            (-0.1, -0.001, "harms"),
            (-0.1, 0.001, "undecided"),
            (0.001, 0.009, "equal within 0.01"),
            (-math.inf, math.inf, "undecided"),
        ],
    )
    def test_words_follow_from_intervals(self, low, high, word):
        interval = statistics.Interval((low + high) / 2, low, high)
        assert consistency.Difference("", SURE, BLIND, ALL, interval).word == word

    def test_rows_hold_every_condition_and_kind(self, runs, plan):
        found = consistency.rows(runs, plan.kinds)
        assert len(found) == 6 * 3
        assert found[0]["sequences"] == 40
        assert found[0]["wrong_warned"] == 0.5

    def test_a_bootstrap_needs_ten_values(self):
        few = statistics.bootstrap(np.arange(9.0), ["a"] * 9)
        assert few.value == 4
        assert few.low == -math.inf
        many = statistics.bootstrap(np.arange(100.0), ["a"] * 100)
        spread = np.arange(100.0).std() / 10
        assert (many.high - many.low) / 2 == pytest.approx(1.96 * spread, rel=0.1)

    def test_a_bootstrap_keeps_the_shares_of_groups(self):
        values, groups = np.repeat([0.0, 100.0], 20), ["a"] * 20 + ["b"] * 20
        assert statistics.bootstrap(values, groups) == (50, 50, 50)


class TestReport:
    def test_files(self, runs, plan, tmp_path):
        written = consistency_report.export(runs, plan, str(tmp_path), overwrite=False)
        assert sorted(written) == sorted(path.name for path in tmp_path.iterdir())
        data = json.loads((tmp_path / "consistency.json").read_text())
        assert data["plan"]["sequences"] == 20
        assert len(data["conditions"]) == 18
        with open(tmp_path / "sequences.csv", newline="") as file:
            rows = list(csv.DictReader(file))
        assert len(rows) == 40 * 6
        assert rows[0]["motion"] == "none"
        text = (tmp_path / "consistency.md").read_text()
        assert "near against none: undecided" in text or "near against none: harms" in text
        assert "it harms in leaving -0.2" in text
        assert "| translation |" in text

    def test_lines_for_the_terminal(self, runs, plan):
        lines = consistency_report.lines(runs, plan)
        assert lines[0] == "It is near where it was:"
        assert any("velocity against none, no verdict: helps" in line for line in lines)

    def test_a_chart_of_one_kind(self, runs):
        plan = Plan(kinds=("leaving",), sequences=20)
        some = [one for one in runs if one.kind == "leaving"]
        assert consistency_report.draw(some, plan).shape[2] == 3


class TestCommand:
    def test_it_runs_and_says_what_it_found(self, runs, plan, samples, tmp_path, monkeypatch, capsys):
        asked = []

        def run(plan, *, jobs, progress):
            asked.append((plan, jobs))
            return runs

        monkeypatch.setattr(consistency, "run", run)
        line = f"study consistency --images {samples} --kinds leaving,translation --sequences 20 -j 2 -o {tmp_path}/s"
        assert cli.run(line.split()) == 0
        out, err = capsys.readouterr()
        assert asked == [(plan._replace(photos=str(samples)), 2)]
        assert out.startswith("It is near where it was:")
        assert "consistency.png written to" in err
        assert cli.run(line.split()) == 2
        assert "exists" in capsys.readouterr().err

    @pytest.mark.parametrize(
        ("line", "said"),
        [
            ("--kinds flying", "'flying' is no kind of sequence"),
            ("--images tests", "tests"),
            ("--sequences 0", "0"),
        ],
    )
    def test_mistakes(self, line, said, tmp_path, monkeypatch, capsys, samples):
        monkeypatch.chdir(samples.parent)
        assert cli.run(f"study consistency {line} -o {tmp_path}/s".split()) == 2
        assert said in capsys.readouterr().err
        assert not (tmp_path / "s").exists()
