"""The numbers of the topic `study` are those of the full runs of the studies, whose tables are in ``full_run``.

Turned windows had a smaller run of their own, whose rows were added.
"""

import csv
import re

import pytest
from conftest import ROOT

from glimpsecli.study import mechanisms
from glimpsecli.study.network_design import RATES, TRIED

TOPIC = (ROOT / "glimpsecli/commands/topics/study.md").read_text(encoding="utf-8")
MAIN = "translation"
ROWS = {
    "hard, score function": "hard", "the same, 10 times the evaluations": "hard, 10 times the looks",
    "bilinear": "bilinear",
    "bilinear, image blurred by 0.5": "bilinear, blurred 0.5", "bilinear, blurred by 1": "bilinear, blurred 1",
    "bilinear, blurred by 2": "bilinear, blurred 2", "bilinear, blur annealed": "bilinear, blur annealed",
    "Gaussian, sigma 0.35": "gaussian 0.35", "Gaussian, sigma 0.5": "gaussian 0.5", "Gaussian, sigma 1": "gaussian 1",
    "Gaussian, sigma 2": "gaussian 2", "Gaussian, annealed": "gaussian annealed",
}  # fmt: skip
TURNED = {
    "angle known, Adam": ("translation, turned windows", "adam"), "LM": ("translation, turned windows", "lm"),
    "angle searched, Adam": ("translation and angle", "adam"), "LM, angle searched": ("translation and angle", "lm"),
}  # fmt: skip
"""Columns of the table of turned windows, with condition and method."""
COLUMNS = {
    "stride 1": (MAIN, "1.0"), "stride 2": (MAIN, "2.0"), "stride 4": (MAIN, "4.0"), "stride 8": (MAIN, "8.0"),
    "all": (MAIN, "all"), "fractional strides": ("translation, fractional strides", "all"),
    "noise": ("translation, noise", "all"), "scale too": ("translation and scale", "all"),
    "own target": ("translation, own target", "all"), "LM, all": (MAIN, "all"),
    "LM, fractional": ("translation, fractional strides", "all"),
}  # fmt: skip


def kept(name):
    with open(ROOT / "tests/full_run" / name, encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def table(first):
    """The rows of the tables whose first column has this title, joined: a dictionary for each."""
    joined = {}
    for found in re.findall(rf"^\| {first} +\|[^\n]*\n\|-.*?(?:\n\n|\Z)", TOPIC, re.MULTILINE | re.DOTALL):
        head, _, *rows = ([cell.strip() for cell in line.strip("|").split("|")] for line in found.strip().splitlines())
        for row in rows:
            joined.setdefault(row[0], {}).update(zip(head, row, strict=True))
    return list(joined.values())


def areas_of():
    return {(one["condition"], one["stride"], one["sampler"], one["method"]): one for one in kept("areas.csv")}


def with_interval(area):
    return f"{float(area['value']):.2f} ± {(float(area['high']) - float(area['low'])) / 2:.2f}"


def network_difference(one):
    ends = [float(one[f"difference{end}"] or "nan") for end in ("", "_low", "_high")]
    return "{:+.3f} [{:+.3f}, {:+.3f}]".format(*ends)


def test_the_table_of_turned_windows():
    rows, areas = table("turned windows"), areas_of()
    assert [ROWS[row["turned windows"]] for row in rows] == [
        name for name in ROWS.values() if name in mechanisms.TURNED
    ]
    for row in rows:
        for column, (condition, method) in TURNED.items():
            assert row[column] == with_interval(areas[condition, "all", ROWS[row["turned windows"]], method])


def test_the_table_of_areas():
    areas = areas_of()
    rows = table("sampler")
    assert [row["sampler"] for row in rows] == list(ROWS)
    for row in rows:
        for column, (condition, stride) in COLUMNS.items():
            lm = column in ("LM, all", "LM, fractional")
            method = "score function" if row["sampler"] in list(ROWS)[:2] else "lm" if lm else "adam"
            area = areas.get((condition, stride, ROWS[row["sampler"]], method))
            if area is None or (lm and method != "lm"):
                assert row[column] == ""
                continue
            said = with_interval(area) if condition == MAIN and stride == "all" else f"{float(area['value']):.2f}"
            assert row[column] == said, (row["sampler"], column)


def test_every_difference_in_the_text_is_one_of_the_run():
    known = {
        f"{float(one['difference']):+.3f} [{float(one['low']):+.3f}, {float(one['high']):+.3f}]"
        for one in [*kept("pairs.csv"), *kept("differences.csv")]
    } | {network_difference(one) for one in kept("network_differences.csv")}
    said = re.findall(r"[+-]\d\.\d{3}\s\[[^\]]+\]", TOPIC)
    assert len(said) >= 12
    assert {re.sub(r"\s+", " ", one) for one in said} <= known


@pytest.mark.parametrize(
    ("title", "who", "column"),
    [
        ("Gaussian, tails cut, over bilinear", "gaussian, tails cut", "ratio_to_bilinear"),
        ("Gaussian, dense in NumPy, over bilinear", "gaussian, dense", "ratio_to_bilinear"),
        ("blurred so and then bilinear, over Gaussian", "blurred, then bilinear", "ratio_to_gaussian"),
        ("glimpses from which one blur of all the photo pays", "bilinear", "whole_image_blur_pays_from_glimpses"),
    ],
)
def test_the_table_of_times(title, who, column):
    (row,) = (row for row in table("pixels from tap to tap") if row["pixels from tap to tap"] == title)
    found = {float(one["stride"]): one[column] for one in kept("speed.csv") if one["who"] == who}
    for stride, said in row.items():
        if stride != "pixels from tap to tap":
            value = found.get(float(stride), "")
            assert said == (value if value == "" or "pays" in column else f"{float(f'{float(value):.2g}'):g}")


def test_the_tables_of_consistency():
    cells = {}
    for one in kept("consistency.csv"):
        name = one["motion"] + ("" if one["verdict"] == "True" else ", no verdict")
        cells[name, one["kind"]] = one
    rows = table("sequences")
    assert {row["sequences"] for row in rows} == {kind for _, kind in cells}
    for row in rows:
        for name in {name for name, _ in cells}:
            one = cells[name, row["sequences"]]
            half = (float(one["high"]) - float(one["low"])) / 2
            assert row[name] == f"{float(one['success']):.2f} ± {half:.2f}"
    pairs = [one for one in kept("differences.csv") if one["kind"] == "all"]
    found = re.findall(r"^\| expected +\|.*?(?:\n\n|\Z)", TOPIC, re.MULTILINE | re.DOTALL)[0].strip().splitlines()[2:]
    assert len(found) == len(pairs)
    for line, one in zip(found, pairs, strict=True):
        first, second, said = (cell.strip() for cell in line.strip("|").split("|"))
        assert (first, second) == (one["first"], one["second"])
        assert said == f"{float(one['difference']):+.3f} [{float(one['low']):+.3f}, {float(one['high']):+.3f}]"


def test_the_tables_of_networks():
    found = {(one["condition"], one["sampler"]): one for one in kept("network.csv")}

    def interval(one, name):
        if one[name] == "":
            return ""
        return f"{float(one[name]):.2f} ± {(float(one[f'{name}_high']) - float(one[f'{name}_low'])) / 2:.2f}"

    rows = table("network")
    assert [row["network"] for row in rows] == [sampler for condition, sampler in found if condition == "main"]
    for row in rows:
        one = found["main", row["network"]]
        for column, name in (("found", "found"), ("place error", "error"), ("accuracy", "accuracy")):
            assert row[column] == interval(one, name), (row["network"], column)
        assert row["lost"] == f"{one['lost']} of {one['seeds']}"
    rows = table("share found")
    assert [row["share found"] for row in rows] == list(dict.fromkeys(condition for condition, _ in found))
    for row in rows:
        for sampler in ("bilinear", "bilinear, blurred", "gaussian"):
            one = found[row["share found"], sampler]
            lost = f", {one['lost']} lost" if one["lost"] != "0" else ""
            assert row[sampler] == interval(one, "found") + lost


def test_the_differences_of_networks():
    found = {
        (one["condition"], one["first"], one["second"], one["measure"]): one for one in kept("network_differences.csv")
    }
    rows = table("difference, found")
    assert [row["difference, found"] for row in rows] == list(dict.fromkeys(condition for condition, *_ in found))
    for row in rows:
        (_, condition), *pairs = row.items()
        for pair, said in pairs:
            assert said == network_difference(found[(condition, *pair.split(" − "), "found")])


def test_the_rates_of_networks():
    found = {(one["condition"], one["sampler"], float(one["rate"])): one for one in kept("rates.csv")}
    for condition, rates in RATES.items():
        for sampler, rate in rates.items():
            assert found[condition, sampler, rate]["chosen"] == "True"
    rows = table("rate")
    assert [row["rate"] for row in rows] == [*RATES["main"]]
    for row in rows:
        for rate in TRIED:
            one = found["main", row["rate"], rate]
            lost = f", {one['lost']} lost" if one["lost"] != "0" else ""
            assert row[f"{rate:g}"] == f"{float(one['found']):.2f}{lost}"
