"""That what is written of the trials is what came of them."""

import csv
import json
import math

import numpy as np
import pytest
from planted import BILINEAR, GAUSSIAN, chunk_of, done, planted_summary

from glimpsecli.study import exporters, report, tables
from glimpsecli.study.lookers import LOOKERS
from glimpsecli.study.running import Done
from glimpsecli.study.statistics import wilson
from glimpsecli.study.summary import Who, summarise
from glimpsecli.study.verdict import CLAIMS, compared, verdicts, word

WEIGHTS = np.array([0.05, 0.2, 0.4, 0.25]) / 0.9  # the trapezia under four points of a curve
HARD = Who("hard", "score function")


def test_areas_and_pairs_of_trials_that_are_known():
    yes, no = True, False
    worked = [
        chunk_of(
            "translation",
            2.0,
            ("photos", n),
            {
                GAUSSIAN: ([[yes, yes, yes, no], [yes, no, no, no]], 6),
                BILINEAR: ([[yes, no, no, no], [no, no, no, yes]], 9),
            },
        )
        for n in range(6)
    ]
    summary = summarise(done(worked))
    area = summary.area("translation", 2.0, GAUSSIAN)
    assert area.value == pytest.approx((WEIGHTS[:3].sum() + WEIGHTS[0]) / 2)
    one = summary.compare("translation", None, GAUSSIAN, BILINEAR)
    assert one.area.value == pytest.approx((WEIGHTS[:3].sum() + WEIGHTS[0] - WEIGHTS[0] - WEIGHTS[3]) / 2)
    assert one.area.low == pytest.approx(one.area.high)  # all images agree
    assert one.pairs[:2] == (18, 6)
    assert one.pairs.p == pytest.approx(2 * sum(math.comb(24, k) for k in range(7)) / 2**24)
    assert one.looks == (6, 9)
    (cell,) = [c for c in summary.cells if c[:6] == ("translation", "photos", 2.0, 0.2, *GAUSSIAN)]
    assert (cell.trials, cell.successes, cell.median_error, cell.median_extent_error) == (12, 6, 0.2, 0.01)
    assert (cell.share, cell.low, cell.high) == wilson(6, 12)
    assert cell.median_looks == 6
    assert cell.median_seconds == pytest.approx(6 * 0.002)  # 0.08 s a trial of 40 looks
    (never,) = [c for c in summary.cells if c[:6] == ("translation", "all", 2.0, 1.0, *GAUSSIAN)]
    assert never.successes == 0
    assert math.isnan(never.median_error)


@pytest.mark.parametrize(
    ("gaussian", "bilinear", "said", "answer"),
    [
        ([4, 3, 4], [1, 2, 1], "easier", "yes"),
        ([1, 2, 1], [4, 3, 4], "harder", "no"),
        ([2, 1, 2, 2, 2, 2], [1, 1, 1, 1, 1, 1], "easier", "yes"),
        ([1], [0], "easier", "yes"),
        ([2, 3], [2, 3], "equal within 0.05", "no"),
        ([2, 3], [3, 2], "undecided", "undecided"),
    ],
)
def test_the_words_follow_from_the_intervals(gaussian, bilinear, said, answer):
    summary = planted_summary(gaussian, bilinear)
    (one,) = compared(summary, "translation", [2.0])
    assert word(one) == said
    (verdict,) = verdicts(summary)
    assert verdict.claim.startswith("Gaussian attention is easier")
    assert verdict.answer == f"{answer} ({said} in 1 of 1)"
    assert verdict.lines[0].startswith(f"gaussian 0.5 against bilinear, Levenberg-Marquardt: {said}; area ")


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (0.01, 0.2, "easier"), (0.01, 0.04, "easier, by less than 0.05"), (-0.2, -0.01, "harder"),
        (-0.04, -0.01, "harder, by less than 0.05"), (-0.04, 0.04, "equal within 0.05"), (-0.06, 0.01, "undecided"),
        (-0.01, 0.06, "undecided"), (0.0, 0.0, "equal within 0.05"), (-math.inf, math.inf, "undecided"),
    ],
)  # fmt: skip
def test_what_intervals_show(low, high, said):
    (one,) = compared(planted_summary([1], [0]), "translation", [None])
    assert word(one._replace(area=one.area._replace(low=low, high=high))) == said


EASIER, HARDER, EQUAL, UNDECIDED = ([4], [1]), ([1], [4]), ([2, 3], [2, 3]), ([2, 3], [3, 2])


@pytest.mark.parametrize(
    ("pairs", "answer"),
    [
        ((EASIER, EASIER), "yes (easier in 2 of 2)"),
        ((EASIER, HARDER), "in part (easier in 1 of 2, harder in 1 of 2)"),
        ((EASIER, UNDECIDED), "in part (easier in 1 of 2, undecided in 1 of 2)"),
        ((HARDER, UNDECIDED), "no (harder in 1 of 2, undecided in 1 of 2)"),
        ((EQUAL, UNDECIDED), "undecided (equal within 0.05 in 1 of 2, undecided in 1 of 2)"),
        ((EQUAL, EQUAL), "no (equal within 0.05 in 2 of 2)"),
    ],
)
def test_the_answer_follows_from_the_words(pairs, answer):
    by_method = []
    for method, pair in zip(("lm", "adam"), pairs, strict=True):
        runs = planted_summary(*pair).runs
        by_method.append(
            {(name, stride, who._replace(method=method)): one for (name, stride, who), one in runs.items()}
        )
    summary = planted_summary([1], [1])._replace(runs=by_method[0] | by_method[1])
    assert verdicts(summary)[0].answer == answer


def test_other_conditions_are_counted_and_decide_nothing():
    parts = [
        planted_summary(*pair, conditions=(name,))
        for name, pair in (
            ("translation", EASIER),
            ("translation, noise", UNDECIDED),
            ("translation and scale", HARDER),
        )
    ]
    summary = parts[0]._replace(runs={key: runs for part in parts for key, runs in part.runs.items()})
    (verdict,) = verdicts(summary)
    assert verdict.answer == "yes (easier in 1 of 1; in other conditions undecided in 1 of 2, harder in 1 of 2)"


def test_of_few_images_nothing_is_said():
    summary = planted_summary([4], [1], images=4)
    assert verdicts(summary)[0].answer == "undecided, for intervals need 5 images or more"
    assert all("[" not in text for text in report.short(summary))
    assert verdicts(planted_summary([4], [1], images=5))[0].answer.startswith("yes")


def test_the_claims_are_about_samplers_that_are_tried():
    names = {looker.name for looker in LOOKERS}
    assert {name for claim in CLAIMS for pair in claim.pairs for name in pair} <= names


def test_the_score_function_stands_beside_adam():
    worked = [
        chunk_of("translation", 2.0, ("photos", n), {
            Who("bilinear", "adam"): ([[True] * 4] * 2, 5), BILINEAR: ([[False] * 4] * 2, 5),
            HARD: ([[False] * 4] * 2, 5),
        })
        for n in range(6)
    ]  # fmt: skip
    (one,) = compared(summarise(done(worked)), "translation", [None])
    assert (one.first, one.second) == (Who("bilinear", "adam"), HARD)
    assert one.area.value == 1


def rows_of(lines):
    """Take a table in Markdown apart."""
    head, _, *rows = ([cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|"))
    assert all(len(row) == len(head) for row in rows)
    return [dict(zip(head, row, strict=True)) for row in rows]


def test_the_tables_say_what_the_trials_do():
    conditions = "translation", "translation, fractional strides", "translation and scale", "translation, own target"
    summary = planted_summary([2, 3], [1, 1], conditions)
    (first, second) = rows_of(tables.areas(summary, "translation"))
    area = summary.area("translation", 4.0, GAUSSIAN)
    assert first["stride 4"] == f"{area.value:.2f} [{area.low:.2f}, {area.high:.2f}]"
    assert second["all strides"] == f"{WEIGHTS[0]:.2f} [{WEIGHTS[0]:.2f}, {WEIGHTS[0]:.2f}]"
    (pair,) = rows_of(tables.pairs_by_condition(summary))
    assert pair["first"] == "gaussian 0.5"
    assert pair["translation and scale"].endswith(": easier")
    by_stride = rows_of(tables.pairs(summary, "translation"))
    assert [row["stride"] for row in by_stride] == ["all", "2", "4"]
    assert (by_stride[0]["only first"], by_stride[0]["only second"]) == ("36", "0")
    assert (by_stride[0]["looks of the first"], by_stride[0]["of the second"]) == ("6", "9")
    shares = rows_of(tables.success(summary, "translation", 2.0))
    low, high = (100 * one for one in wilson(6, 12)[1:])
    assert shares[0]["0.5"] == f"50 [{low:.0f}, {high:.0f}]"
    assert shares[1]["0.2"].startswith("0 [")
    assert rows_of(tables.kinds(summary, "translation"))[0]["photos"] == "62"
    cost = rows_of(tables.costs(summary, "translation"))[0]
    assert (cost["error, 2"], cost["looks, 2"], cost["ms, 2"]) == ("0.200", "6", "12")
    assert rows_of(tables.failures(summary, ["translation"]))[0]["translation, 4"] == "40"
    assert rows_of(tables.extents(summary, ["translation and scale"]))[0]["translation and scale"] == "1.00"
    text = report.markdown(done([chunk_of("translation", 2.0, ("photos", n), {}) for n in range(6)]), summary, ABOUT)
    for name in conditions:
        assert f"- {name}: " in text


ABOUT = {"machine": {"cpu": "one"}, "versions": {"glimpse": "1", "numpy": "2", "numba": "3"}}


def test_json_and_csv_hold_the_same_tables(tmp_path):
    conditions = "translation", "translation, own target"
    summary = planted_summary([2, 3], [1, 1], conditions)
    run = done([chunk_of(condition, 2.0, ("photos", 2), {}) for condition in conditions])
    exporters.export(run, summary, str(tmp_path))
    told = json.loads((tmp_path / "report.json").read_text())
    for name in ("cells", "areas", "pairs"):
        with open(tmp_path / f"{name}.csv", encoding="utf-8", newline="") as stream:
            rows = list(csv.DictReader(stream))
        assert rows == [{key: "" if one is None else str(one) for key, one in row.items()} for row in told[name]]
    area = summary.area("translation", 2.0, GAUSSIAN)
    where = {"condition": "translation", "stride": 2, **GAUSSIAN._asdict()}
    (found,) = (one for one in told["areas"] if one.items() >= where.items())
    assert (found["value"], found["low"], found["high"]) == pytest.approx(area, rel=1e-5)
    (found,) = (one for one in told["pairs"] if (one["condition"], one["stride"]) == ("translation, own target", "all"))
    assert (found["first"], found["second"], found["first_is"]) == ("gaussian 0.5", "bilinear", "easier")
    one = summary.compare("translation, own target", None, GAUSSIAN, BILINEAR)
    assert (found["difference"], found["low"], found["high"]) == pytest.approx(one.area, rel=1e-5)
    assert (found["only_first"], found["only_second"]) == (36, 0)
    assert (found["first_looks"], found["second_looks"]) == (6, 9)
    assert len(told["pairs"]) == 2 * 3


def test_the_bias_check_compares_two_targets_in_the_same_windows():
    average, own = planted_summary([0], [1]), planted_summary([1], [3], ("translation, own target",))
    fewer = {
        key: type(runs)(*(part[::2] for part in runs))  # the first of two windows of each image
        for key, runs in own.runs.items()
    }
    both = {
        key: runs._replace(success=np.array([row ^ (n % 2 == 1) for n, row in enumerate(runs.success)]))
        for key, runs in average.runs.items()
    }  # the second windows had the contrary outcome
    summary = average._replace(runs=both | fewer)
    (gaussian, bilinear) = rows_of(tables.bias(summary, "translation", "translation, own target"))
    assert (gaussian["average: recovered"], gaussian["own: recovered"]) == ("0", "100")
    assert (bilinear["average: recovered"], bilinear["own: recovered"]) == ("100", "100")


def test_rates_with_scale_stand_apart():
    rows = [[0.1, 0, [9, 9, 9, 9], 9], [0.2, 0, [0, 0, 0, 0], 9]]
    tuned = [
        {"chunk": ["tuning", 2.0, "photos", 0], "tried": {"bilinear": rows}},
        {"chunk": ["tuning with scale", 2.0, "photos", 0], "tried": {"bilinear": rows[::-1][:1]}},
    ]
    design = done([chunk_of("translation", 2.0, ("photos", 2), {})]).design._replace(strides=(2.0,), rates=(0.1, 0.2))
    run = Done(design, tuned, [])
    assert rows_of(tables.rates(run, scaled=False)) == [{"sampler": "bilinear", "stride 2": "0.1"}]
    assert rows_of(tables.rates(run, scaled=True)) == [{"sampler": "bilinear", "stride 2": "0.2"}]
    assert report.edge_settings(run)[1] == "bilinear at stride 2 with scale, rate 0.2"


def test_settings_at_the_end_of_what_was_tried_are_named():
    def tried(best, sigmas):
        return [
            [rate, sigma, [9 if (rate, sigma) == best else 0] * 4, 9] for rate in (0.1, 0.2, 0.4) for sigma in sigmas
        ]

    found = {
        "hard": tried((0.2, 3.0), (1.0, 2.0, 3.0)),
        "bilinear": tried((0.1, 0), (0,)),
        "gaussian 1": tried((0.2, 0), (0,)),
    }
    design = done([chunk_of("translation", 2.0, ("photos", 2), {})]).design
    design = design._replace(strides=(2.0,), rates=(0.1, 0.2, 0.4), policies=(1.0, 2.0, 3.0))
    run = Done(design, [{"chunk": ["tuning", 2.0, "photos", 0], "tried": found}], [])
    assert report.edge_settings(run) == ["hard at stride 2, sigma 3", "bilinear at stride 2, rate 0.1"]
    chosen = {row["sampler"]: row["stride 2"] for row in rows_of(tables.rates(run, scaled=False))}
    assert chosen == {"hard": "0.2, sigma 3", "bilinear": "0.1", "gaussian 1": "0.2"}
