"""`glimpse study network` without training: the plan, its file, the intervals and words, the reports, the command."""

import csv
import itertools
import json
import math

import numpy as np
import pytest
from synthetic_networks import line_of, small

from glimpsecli import GlimpseError, cli
from glimpsecli.study import network_charts, network_report, network_running, report
from glimpsecli.study.network_design import (
    ACCURACY,
    CONDITIONS,
    ERROR,
    FEWEST,
    FLOOR,
    FOUND,
    GAUSSIAN,
    LEARNT,
    MAIN,
    PACE,
    RATES,
    SAMPLERS,
    SPARE,
    TRIED,
    VARIED,
)
from glimpsecli.study.network_plan import CHOICE, QUICK, Design, Task, fingerprint
from glimpsecli.study.network_summary import compare, learnt, runs_of, word
from glimpsecli.study.network_tables import rate_rows, rows
from glimpsecli.study.network_verdict import sentence, sentence_of_learnt, short, warning
from glimpsecli.study.statistics import Interval

ALL = small(conditions=tuple(CONDITIONS), samplers=tuple(SAMPLERS), seeds=8, other_seeds=4)
AHEAD = {FLOOR: 0.05, "hard": 0.3, "bilinear": 0.4, "bilinear, blurred": 0.6, GAUSSIAN: 0.6, "gaussian annealed": 0.6}


def lines(design, lost=(), ahead=AHEAD):
    """Give a line for each run; seeds differ by much more than samplers do."""
    random = np.random.default_rng(1)
    levels = {seed: random.uniform(-0.2, 0.2) for seed in range(200)}
    found = []
    for task in design.tasks:
        gone = (task.sampler, task.seed) in lost
        own = ahead.get(task.sampler, 0.9) + (levels[task.seed] if task.sampler in LEARNT else 0)
        share = 0.0 if gone else min(1, max(0, own + random.normal(0, 0.01)))
        figures = {"error": 2.0 if gone else 1 - share, "accuracy": 0.1 if gone else share}
        found.append(line_of(design, task, found=share, lost=gone, **figures))
    return found


@pytest.fixture
def versions(monkeypatch):
    """Have a version of torch, whether it is installed or not."""
    monkeypatch.setattr(report.importlib.metadata, "version", lambda name: "1.2.3")


# The plan


def test_the_plan_is_what_was_fixed_before_the_run():
    design = Design(conditions=tuple(CONDITIONS))
    assert (design.steps, design.scenes.canvas, design.seeds, design.other_seeds) == (2500, 40, 8, 4)
    assert {task.seed for task in design.tasks if task.condition == MAIN} == set(range(100, 108))
    assert {task.seed for task in design.tasks if task.condition != MAIN} == set(range(100, 104))
    assert {task.sampler for task in design.tasks if task.condition == MAIN} == set(SAMPLERS)
    for name in CONDITIONS:
        assert set(VARIED) <= {task.sampler for task in design.tasks if task.condition == name}
    longer = next(task for task in design.tasks if task.condition == "longer")
    assert design.schedule_of(longer).steps == 8000
    assert all(
        task.rate == RATES.get(task.condition, RATES[MAIN])[task.sampler]
        for task in design.tasks
        if task.sampler in LEARNT
    )


def test_each_condition_changes_one_thing_of_the_main_one_or_of_the_one_it_is_like():
    design = Design()
    for name, one in CONDITIONS.items():
        like = one.like or MAIN
        mine, other = (
            {
                **design.specification_of(Task(GAUSSIAN, where, 100, 0.3)).as_dict(),
                "steps": design.schedule_of(Task(GAUSSIAN, where, 100, 0.3)).steps,
            }
            for where in (name, like)
        )
        assert len([key for key in mine if mine[key] != other[key]]) == (name != MAIN), name


def test_the_rates_are_chosen_on_seeds_of_their_own():
    chosen, study = Design(**CHOICE), Design(conditions=tuple(CONDITIONS))
    assert {task.seed for task in chosen.tasks} <= set(range(SPARE))
    assert not {task.seed for task in chosen.tasks} & {task.seed for task in study.tasks}
    for condition, samplers in ((MAIN, LEARNT), ("three glimpses", VARIED)):
        mine = {(task.sampler, task.rate) for task in chosen.tasks if task.condition == condition}
        assert mine == set(itertools.product(samplers, TRIED))
        assert RATES[condition].keys() == set(samplers)
        assert set(RATES[condition].values()) <= set(TRIED)


@pytest.mark.parametrize(
    "changes", [{"seed": 11}, {"steps": 5}, {"checked": 51}, {"specification": {"size": 9, "extent": 14.0}}, QUICK]
)
def test_another_plan_has_another_fingerprint(changes):
    assert fingerprint(small()) == fingerprint(small())
    assert fingerprint(small(**changes)) != fingerprint(small())


# Words


@pytest.mark.parametrize(
    ("measure", "low", "high", "said"),
    [
        (FOUND, 0.06, 0.2, "places better"),
        (FOUND, 0.01, 0.04, "places better, by less than 0.05"),
        (FOUND, -0.2, -0.01, "places worse"),
        (FOUND, -0.04, 0.04, "no difference of more than 0.05"),
        (FOUND, -0.04, 0.06, "undecided"),
        (FOUND, -math.inf, math.inf, "undecided"),
        (ERROR, -0.2, -0.01, "smaller"),
        (ERROR, 0.01, 0.2, "larger"),
        (ERROR, 0.001, 0.02, "larger, by less than 0.03"),
        (ACCURACY, 0.04, 0.2, "is right more often"),
    ],
)
def test_words_follow_from_interval_and_margin(measure, low, high, said):
    assert word(Interval((low + high) / 2 if math.isfinite(low) else 0.5, low, high), measure) == said


def test_differences_are_paired_over_seeds():
    (one,) = (one for one in compare(runs_of(lines(small(seeds=8, samplers=tuple(SAMPLERS)))))
              if (one.contrast.first, one.contrast.second) == (GAUSSIAN, "bilinear"))  # fmt: skip
    value, low, high = one.differences["found"]
    assert value == pytest.approx(0.2, abs=0.02)
    assert high - low < 0.04  # levels of seeds differ by 0.4, and cancel
    assert one.verdict == "places better"
    assert sentence(one).startswith("gaussian against bilinear: places better; share found +0.2")


def test_the_pace_is_the_mean_over_all_checks_also_of_a_run_that_ended_early():
    design = small(seeds=1, steps=4, checks=4, samplers=(FLOOR, GAUSSIAN))
    line = lines(design)[1]
    line["curve"] = [line["curve"][0] | {"found": found} for found in (0.1, 0.2, 0.6)]
    (run,) = runs_of([line])
    assert (run.value(FOUND), run.value(PACE)) == (0.6, pytest.approx((0.1 + 0.2 + 3 * 0.6) / 5))


def test_more_glimpses_are_told():
    said = [sentence(one) for one in compare(runs_of(lines(small(seeds=4, steps=1000, samplers=tuple(SAMPLERS)))))]
    assert sum("glimpses of a training: 64 k and 256 k" in one for one in said) == 2
    assert not any("glimpses" in one for one in said if "against hard" not in one)


def test_every_condition_is_compared_with_its_own_interval():
    found = compare(runs_of(lines(ALL)))
    assert {one.condition for one in found} == set(CONDITIONS)
    assert {one.seeds for one in found if one.condition != MAIN} == {4}
    assert all(math.isfinite(one.differences["found"].low) for one in found)


def test_lost_seeds_count_and_are_told():
    lost = {(GAUSSIAN, 100), (GAUSSIAN, 103)}
    design = small(seed=100, seeds=8, samplers=tuple(SAMPLERS))
    runs = runs_of(lines(design, lost))
    (one,) = (one for one in compare(runs) if (one.contrast.first, one.contrast.second) == (GAUSSIAN, "bilinear"))
    assert one.lost == (2, 0)
    assert one.verdict == "undecided"
    assert one.kept["found"].value == pytest.approx(0.2, abs=0.02)
    assert "lost in a corner: 2 and 0 of 8 seeds, without which share found +0." in sentence(one)
    (mine,) = (one for one in learnt(runs) if one.sampler == GAUSSIAN)
    assert "2 of 8 seeds lost in a corner" in sentence_of_learnt(mine)
    (row,) = (row for row in rows(runs) if row["sampler"] == GAUSSIAN)
    assert row["lost"] == 2


def test_what_learned_nothing_is_said_to_and_does_not_win():
    blind = dict.fromkeys((*AHEAD, "oracle"), 0.05)
    design = small(seeds=5, samplers=tuple(SAMPLERS))
    results = [line | {"curve": [*line["curve"][:-1], line["curve"][-1] | {"found": 0.05, "accuracy": 0.33}]}
               for line in lines(design, ahead=blind)]  # fmt: skip
    said = short(runs_of(results))
    assert said[0] == (
        "hard: learns nothing of where to look; it finds 5% of the digits, a window that stays in the middle 5%, and "
        "guesses: right in 33%"
    )
    assert any("gaussian against bilinear: neither learns where to look" in one for one in said)


@pytest.mark.parametrize("seeds", [1, 3, 4])
def test_few_seeds_decide_nothing_and_that_is_said(seeds):
    runs = runs_of(lines(small(seeds=seeds, samplers=tuple(SAMPLERS))))
    found = compare(runs)
    if seeds < FEWEST:
        assert {one.verdict for one in found} == {"undecided"}
        assert "decide" in warning(runs)
        assert short(runs)[-1].lower() == warning(runs).lower()
    else:
        assert "places better" in {one.verdict for one in found}
        assert not warning(runs)


def test_the_share_of_the_way_is_between_the_references_of_the_condition():
    by = {(row["condition"], row["sampler"]): row for row in rows(runs_of(lines(ALL)))}
    main = by[MAIN, GAUSSIAN]
    assert main["share_of_the_way"] == pytest.approx((main["accuracy"] - 0.05) / 0.85, abs=0.03)
    assert by["wide start", GAUSSIAN]["share_of_the_way"] is not None
    assert ("wide start", "oracle") not in by
    assert math.isnan(by[MAIN, "whole image"]["found"])


def test_the_smallest_rate_that_is_as_good_and_loses_fewest_is_chosen():
    design = small(**CHOICE | {"conditions": (MAIN,), "seeds": 4, "samplers": (GAUSSIAN,), "tried": (1.0, 0.3, 0.1)})
    share = {1.0: 0.8, 0.3: 0.605, 0.1: 0.6}
    results = [
        line_of(design, task, found=share[task.rate], lost=task.rate == 1.0 and task.seed == 2) for task in design.tasks
    ]
    found = rate_rows(runs_of(results))
    assert [(row["rate"], row["lost"], row["chosen"]) for row in found] == [
        (0.1, 0, True), (0.3, 0, False), (1.0, 1, False),
    ]  # fmt: skip


# The file


@pytest.fixture
def at_once(monkeypatch):
    """Train nothing, and count what would have been."""
    asked = []

    class Pool:
        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        def submit(self, do, *given):
            return type("Done", (), {"result": lambda self: do(*given)})()

    def work(design, task):
        asked.append(task)
        return line_of(design, task)

    monkeypatch.setattr(network_running, "work", work)
    monkeypatch.setattr(network_running, "expected_seconds", lambda design, task: 30.0)
    monkeypatch.setattr(network_running, "processes", lambda jobs, hint: Pool())
    monkeypatch.setattr(network_running, "as_completed", lambda futures: futures[::-1])
    return asked


def test_lines_end_in_the_order_of_the_plan_whatever_ends_first(tmp_path, at_once):
    design, path = small(), tmp_path / "runs.jsonl"
    network_running.run(design, str(path), jobs=2)
    head, *rest = map(json.loads, path.read_text().splitlines())
    assert head["format"] == network_running.FORMAT
    assert [Task(*(one[name] for name in Task._fields)) for one in rest] == design.tasks
    assert at_once == design.tasks[::-1]


def test_a_run_goes_on_and_does_nothing_twice(tmp_path, at_once):
    design, path = small(), tmp_path / "runs.jsonl"
    network_running.run(design, str(path), jobs=1)
    whole = path.read_bytes()
    kept = whole.splitlines(keepends=True)[:3]
    path.write_bytes(b"".join(kept) + b'{"sampler": "gau')  # as a kill leaves it
    at_once.clear()
    told = []
    network_running.run(design, str(path), jobs=2, resume=True, announce=lambda *given: told.append(given))
    assert len(at_once) == len(design.tasks) - 2
    assert told == [(4, 60.0)]
    assert path.read_bytes() == whole


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"sampler": "magic"}, "its run is not of this experiment"),
        ({"seed": 99}, "its run is not of this experiment"),
        ({"seed": [1]}, "its run is not of this experiment"),
        ({"rate": 7.0}, "its run is not of this experiment"),
        ({"schedule": {}}, "its schedule is not that of this experiment"),
        ({"curve": []}, "its curve is not figures"),
        ({"evaluations": 3}, "its evaluations are not those of its steps"),
        ({"seconds": -1}, "seconds is no time"),
        ({"windows": [[0, 0, 1, 1]]}, "windows is not 12 windows"),
        ({"held_out": {"faces": {"accuracy": 2}}}, "held_out is not figures"),
    ],
)
def test_a_damaged_line_is_named(change, said, tmp_path, at_once):
    design, path = small(), tmp_path / "runs.jsonl"
    network_running.run(design, str(path), jobs=1)
    head, first, *rest = path.read_text().splitlines()
    changed = "\n".join([head, json.dumps(json.loads(first) | change), *rest]) + "\n"
    path.write_text(changed)
    with pytest.raises(GlimpseError, match=f"line 2 is damaged: {said}; delete that line"):
        network_running.run(design, str(path), jobs=1, resume=True)
    assert path.read_text() == changed


@pytest.mark.parametrize("figure", ["accuracy", "found", "error", "step", "lost", "window"])
def test_a_damaged_curve_is_named(figure, tmp_path, at_once):
    design, path = small(), tmp_path / "runs.jsonl"
    network_running.run(design, str(path), jobs=1)
    head, first, *rest = path.read_text().splitlines()
    line = json.loads(first)
    line["curve"][1][figure] = "many"
    path.write_text("\n".join([head, json.dumps(line), *rest]) + "\n")
    with pytest.raises(GlimpseError, match="line 2 is damaged: its "):
        network_running.run(design, str(path), jobs=1, resume=True)


def test_glimpses_of_a_training_are_counted_with_looks_and_draws():
    design = Design(conditions=tuple(CONDITIONS))
    one = network_running.evaluations(design, Task(GAUSSIAN, MAIN, 100, 0.3), 10)
    assert network_running.evaluations(design, Task(GAUSSIAN, "three glimpses", 100, 0.3), 10) == 3 * one
    assert network_running.evaluations(design, Task("hard", MAIN, 100, 0.3), 10) == 4 * one == 2560


# Reports


def test_the_reports_hold_every_figure(tmp_path, versions):
    results = lines(ALL, {("bilinear", 100)})
    written, said = network_report.export_network(results, ALL, str(tmp_path), overwrite=False)
    assert sorted(written) == sorted(path.name for path in tmp_path.iterdir())
    data = json.loads((tmp_path / "network.json").read_text())
    assert data["versions"]["torch"] == "1.2.3"
    assert data["machine"]["cpu"]
    assert data["design"]["scenes"]["canvas"] == 24
    with open(tmp_path / "network.csv", newline="") as file:
        table = list(csv.DictReader(file))
    assert {(row["condition"], row["sampler"]) for row in table} == {task[1::-1] for task in ALL.tasks}
    with open(tmp_path / "network_differences.csv", newline="") as file:
        differences = list(csv.DictReader(file))
    assert {row["measure"] for row in differences} == {"found", "error", "accuracy", "pace"}
    text = (tmp_path / "network.md").read_text()
    for one in said:
        assert one.strip(" :") in text
    assert "| gaussian | 0.3 |" in text
    assert "1 of 8" in text
    for name in CONDITIONS:
        assert f"**{name[:1].upper()}{name[1:]}: " in text
    assert "nan" not in text.lower()


def test_a_report_of_one_seed_says_that_it_decides_nothing(tmp_path, versions):
    design = small(seeds=1)
    _, said = network_report.export_network(lines(design), design, str(tmp_path), overwrite=False)
    assert said[-1].startswith("One seed decides nothing")
    assert "One seed decides nothing" in (tmp_path / "network.md").read_text()
    assert not (tmp_path / "conditions.png").exists()


def test_a_run_that_ended_early_is_drawn_to_the_end():
    design = small(seed=100, samplers=(FLOOR, GAUSSIAN))
    results = lines(design, {(GAUSSIAN, 100)})
    for line in results:
        if line["curve"][-1]["lost"]:
            del line["curve"][-1]
    runs = runs_of(results)
    chart = network_charts.curves(runs)
    assert chart.shape[2] == 3
    rows = network_charts.measure_rows(runs, [GAUSSIAN])
    thin = [line for line in rows[2].panels[1].lines if line.thin]
    assert [list(line.x) for line in thin] == [[0, 2, 4]] * 2
    assert thin[0].y[1] == thin[0].y[2] == 0.1


def test_colours_differ():
    assert len(set(network_charts.COLOURS.values())) == len(SAMPLERS)


# The command


def test_the_command_asks_for_the_plan_and_writes_the_report(tmp_path, at_once, versions, monkeypatch, capsys):
    monkeypatch.setattr("glimpsecli.networks.needs.check_installed", lambda use: None)
    folder = tmp_path / "s"
    line = f"study network --quick --seed 50 -j 2 -o {folder}"
    assert cli.run(line.split()) == 0
    out, err = capsys.readouterr()
    assert "One seed decides nothing" in out
    assert "curves.png" in err
    assert {task.seed for task in at_once} == {50}
    assert {one.name for one in folder.iterdir()} == {
        "runs.jsonl", "network.json", "network.csv", "network_differences.csv", "network.md", "curves.png",
        "places.png",
    }  # fmt: skip
    assert cli.run(line.split()) == 2
    assert "exists; give --resume" in capsys.readouterr().err
    assert cli.run([*line.split(), "--resume"]) == 0
    assert len(at_once) == 5
    assert cli.run(f"study network --quick --seed 51 -o {folder} --resume".split()) == 2
    assert "is of another experiment" in capsys.readouterr().err


def test_a_long_run_tells_its_estimate_first(tmp_path, at_once, versions, monkeypatch, capsys):
    monkeypatch.setattr("glimpsecli.networks.needs.check_installed", lambda use: None)
    assert cli.run(f"study network --all -j 2 -o {tmp_path}/s".split()) == 0
    tasks = len(Design(conditions=tuple(CONDITIONS)).tasks)
    assert f"{tasks} networks in 2 processes: about" in capsys.readouterr().err
    assert len(at_once) == tasks


def test_rates_are_printed_and_the_chosen_marked(tmp_path, at_once, monkeypatch, capsys):
    monkeypatch.setattr("glimpsecli.networks.needs.check_installed", lambda use: None)
    assert cli.run(f"study network --rates -j 2 -o {tmp_path}/s".split()) == 0
    out = capsys.readouterr().out
    assert out.count("chosen") == len(LEARNT) + len(VARIED)
    assert (tmp_path / "s/rates.csv").exists()


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("--quick --all", "give one of them"),
        ("--rates --seed 20", "seeds of its own"),
        ("--seed 9", "9"),
        ("--resume --overwrite", "go on, or start anew"),
    ],
)
def test_mistakes(line, said, tmp_path, capsys):
    assert cli.run(f"study network {line} -o {tmp_path}/s".split()) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "s").exists()


def test_ctrl_c_keeps_what_is_done(tmp_path, at_once, monkeypatch, capsys):
    monkeypatch.setattr("glimpsecli.networks.needs.check_installed", lambda use: None)
    work = network_running.work

    def stopped(design, task):
        if len(at_once) == 2:
            raise KeyboardInterrupt
        return work(design, task)

    monkeypatch.setattr(network_running, "work", stopped)
    assert cli.run(f"study network --quick -j 1 -o {tmp_path}/s".split()) == 130
    err = capsys.readouterr().err
    assert "--resume goes on" in err
    assert len((tmp_path / "s/runs.jsonl").read_bytes().splitlines()) == 3


def test_without_torch_it_is_one_line(tmp_path, monkeypatch, capsys):
    import sys

    monkeypatch.setitem(sys.modules, "torch", None)
    assert cli.run(f"study network --quick -o {tmp_path}/s".split()) == 3
    err = capsys.readouterr().err
    assert "glimpsecli[learn]" in err
    assert err.strip().count("\n") == 0
    assert not (tmp_path / "s").exists()
