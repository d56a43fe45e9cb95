"""That what is written of the trials is what came of them."""

import csv
import json
import math

import numpy as np
import pytest
from synthetic import BILINEAR, GAUSSIAN, chunk_of, done, synthetic_summary

from glimpsecli.study import report
from glimpsecli.study.mechanisms import MECHANISMS
from glimpsecli.study.running import Done
from glimpsecli.study.statistics import wilson
from glimpsecli.study.summary import Who, cells, summarise
from glimpsecli.study.verdict import CLAIMS, compared, short, verdicts, word

WEIGHTS = np.array([0.05, 0.2, 0.4, 0.25]) / 0.9  # the trapezia under four points of a curve
HARD = Who("hard", "score function")


def row_of(rows, **keys):
    """The one row of a table with these values."""
    (found,) = (row for row in rows if row.items() >= keys.items())
    return found


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
    assert one.evaluations == (6, 9)
    cell = row_of(cells(summary), condition="translation", kind="photos", offset=0.2, **GAUSSIAN._asdict())
    numbers = [cell[name] for name in ("stride", "trials", "successes", "median_error", "median_extent_error")]
    assert numbers == [2, 12, 6, 0.2, 0.01]
    assert (cell["share"], cell["low"], cell["high"]) == wilson(6, 12)
    assert cell["median_looks"] == 6
    assert cell["median_seconds"] == pytest.approx(6 * 0.002)  # 0.08 s a trial of 40 evaluations
    never = row_of(cells(summary), condition="translation", kind="all", offset=1.0, **GAUSSIAN._asdict())
    assert (never["stride"], never["successes"]) == (2, 0)
    assert math.isnan(never["median_error"])


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
    summary = synthetic_summary(gaussian, bilinear)
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
    (one,) = compared(synthetic_summary([1], [0]), "translation", [None])
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
        runs = synthetic_summary(*pair).runs
        by_method.append(
            {(name, stride, who._replace(method=method)): one for (name, stride, who), one in runs.items()}
        )
    summary = synthetic_summary([1], [1])._replace(runs=by_method[0] | by_method[1])
    assert verdicts(summary)[0].answer == answer


def test_other_conditions_are_counted_and_decide_nothing():
    parts = [
        synthetic_summary(*pair, conditions=(name,))
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
    summary = synthetic_summary([4], [1], images=4)
    assert verdicts(summary)[0].answer == "undecided, for intervals need 5 images or more"
    assert all("[" not in text for text in short(summary))
    assert verdicts(synthetic_summary([4], [1], images=5))[0].answer.startswith("yes")


def test_the_claims_are_about_samplers_that_are_tried():
    names = {mechanism.name for mechanism in MECHANISMS}
    assert {name for pairs in CLAIMS.values() for pair in pairs for name in pair} <= names


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


def test_the_tables_say_what_the_trials_do():
    conditions = "translation", "translation, fractional strides", "translation and scale", "translation, own target"
    summary = synthetic_summary([2, 3], [1, 1], conditions)
    run = done([chunk_of("translation", 2.0, ("photos", n), {}) for n in range(6)])
    found = report.tables(run, summary)
    first = row_of(found["areas"], condition="translation", stride=4.0, **GAUSSIAN._asdict())
    assert (first["value"], first["low"], first["high"]) == summary.area("translation", 4.0, GAUSSIAN)
    second = row_of(found["areas"], condition="translation", stride="all", **BILINEAR._asdict())
    assert [second[name] for name in ("value", "low", "high")] == pytest.approx([WEIGHTS[0]] * 3)
    pair = row_of(found["pairs"], condition="translation and scale", stride="all")
    assert (pair["first"], pair["first_is"]) == ("gaussian 0.5", "easier")
    by_stride = [row for row in found["pairs"] if row["condition"] == "translation"]
    assert [row["stride"] for row in by_stride] == ["all", 2, 4]
    assert (by_stride[0]["only_first"], by_stride[0]["only_second"]) == (36, 0)
    assert (by_stride[0]["first_looks"], by_stride[0]["second_looks"]) == (6, 9)
    at = {"condition": "translation", "kind": "all", "stride": 2.0}
    cell = row_of(found["cells"], **at, offset=0.5, **GAUSSIAN._asdict())
    assert (cell["share"], cell["low"], cell["high"]) == wilson(6, 12)
    assert row_of(found["cells"], **at, offset=0.2, **BILINEAR._asdict())["successes"] == 0
    photos = [row for row in found["cells"] if row["kind"] == "photos" and row["condition"] == "translation"]
    mine = [row for row in photos if row["sampler"] == GAUSSIAN.sampler]
    assert sum(row["successes"] for row in mine) / sum(row["trials"] for row in mine) == 0.625
    cost = row_of(found["areas"], condition="translation", stride=2.0, **GAUSSIAN._asdict())
    assert (cost["median_error"], cost["median_looks"]) == (0.2, 6)
    assert cost["median_seconds"] == pytest.approx(0.012)
    assert first["median_looks_of_failures"] == 40
    scaled = row_of(found["areas"], condition="translation and scale", stride="all", **GAUSSIAN._asdict())
    assert scaled["median_extent_error"] == 0.01
    text = report.markdown(run, summary, ABOUT)
    for name in conditions:
        assert f"- {name}: " in text


ABOUT = {"machine": {"cpu": "one"}, "versions": {"glimpse": "1", "numpy": "2", "numba": "3"}}


def test_json_and_csv_hold_the_same_tables(tmp_path):
    conditions = "translation", "translation, own target"
    summary = synthetic_summary([2, 3], [1, 1], conditions)
    run = done([chunk_of(condition, 2.0, ("photos", 2), {}) for condition in conditions])
    report.export_training(run, summary, str(tmp_path))
    written = json.loads((tmp_path / "report.json").read_text())
    assert written["settings"] == []
    for name in ("cells", "areas", "pairs", "bias"):
        with open(tmp_path / f"{name}.csv", encoding="utf-8", newline="") as stream:
            rows = list(csv.DictReader(stream))
        assert rows == [{key: "" if one is None else str(one) for key, one in row.items()} for row in written[name]]
    area = summary.area("translation", 2.0, GAUSSIAN)
    where = {"condition": "translation", "stride": 2, **GAUSSIAN._asdict()}
    (found,) = (one for one in written["areas"] if one.items() >= where.items())
    assert (found["value"], found["low"], found["high"]) == pytest.approx(area, rel=1e-5)
    (found,) = (
        one for one in written["pairs"] if (one["condition"], one["stride"]) == ("translation, own target", "all")
    )
    assert (found["first"], found["second"], found["first_is"]) == ("gaussian 0.5", "bilinear", "easier")
    one = summary.compare("translation, own target", None, GAUSSIAN, BILINEAR)
    assert (found["difference"], found["low"], found["high"]) == pytest.approx(one.area, rel=1e-5)
    assert (found["only_first"], found["only_second"]) == (36, 0)
    assert (found["first_looks"], found["second_looks"]) == (6, 9)
    assert len(written["pairs"]) == 2 * 3


def test_the_bias_check_compares_two_targets_in_the_same_windows():
    average, own = synthetic_summary([0], [1]), synthetic_summary([1], [3], ("translation, own target",))
    fewer = {
        key: type(runs)(*(part[::2] for part in runs))  # the first of two windows of each image
        for key, runs in own.runs.items()
    }
    both = {
        key: runs._replace(success=np.array([row ^ (n % 2 == 1) for n, row in enumerate(runs.success)]))
        for key, runs in average.runs.items()
    }  # the second windows had the contrary outcome
    summary = average._replace(runs=both | fewer)
    (gaussian, bilinear) = report.bias(summary, "translation, own target")
    assert (gaussian["average_recovered"], gaussian["own_recovered"]) == (0, 1)
    assert (bilinear["average_recovered"], bilinear["own_recovered"]) == (1, 1)
    assert math.isnan(gaussian["average_median_error"])
    assert gaussian["own_median_error"] == bilinear["average_median_error"] == 0.2


def test_rates_with_scale_are_kept_separately():
    rows = [[0.1, 0, [9, 9, 9, 9], 9], [0.2, 0, [0, 0, 0, 0], 9]]
    tuned = [
        {"chunk": ["tuning", 2.0, "photos", 0], "tried": {"bilinear": rows}},
        {"chunk": ["tuning with scale", 2.0, "photos", 0], "tried": {"bilinear": rows[::-1][:1]}},
    ]
    design = done([chunk_of("translation", 2.0, ("photos", 2), {})]).design._replace(strides=(2.0,), rates=(0.1, 0.2))
    run = Done(design, tuned, [])
    settings = report.tables(run, synthetic_summary([1], [1]))["settings"]
    here = {"sampler": "bilinear", "stride": 2.0}
    assert settings == [
        here | {"searched": "", "rate": 0.1, "sigma": 0}, here | {"searched": "scale", "rate": 0.2, "sigma": 0},
    ]  # fmt: skip
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
    settings = report.tables(run, synthetic_summary([1], [1]))["settings"]
    chosen = {row["sampler"]: (row["rate"], row["sigma"]) for row in settings}
    assert chosen == {"hard": (0.2, 3), "bilinear": (0.1, 0), "gaussian 1": (0.2, 0)}
