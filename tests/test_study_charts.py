"""That the study's charts draw what was found."""

import itertools

import numpy as np
import pytest
from synthetic import OFFSETS, chunk_of, done, synthetic_summary

from glimpsecli.study import charts
from glimpsecli.study.mechanisms import MECHANISMS
from glimpsecli.study.summary import Who, summarise

BY_NAME = {mechanism.name: mechanism for mechanism in MECHANISMS}


def test_lines_stand_in_the_row_of_their_optimiser_and_the_panel_of_their_stride():
    won = {
        (2.0, Who("bilinear", "lm")): 1, (2.0, Who("bilinear", "adam")): 2, (4.0, Who("gaussian 0.5", "lm")): 3,
        (4.0, Who("gaussian 0.5", "adam")): 4, (2.0, Who("hard", "score function")): 0,
    }  # fmt: skip
    worked = [
        chunk_of("translation", stride, ("photos", n), {
            who: ([[offset < count for offset in range(4)]] * 2, 5) for (at, who), count in won.items() if at == stride
        })
        for stride in (2.0, 4.0) for n in range(5)
    ]  # fmt: skip
    rows = charts.rows(summarise(done(worked)), "translation", charts.SUCCESS)
    assert [row.title for row in rows] == ["Levenberg-Marquardt", "Adam; hard attention: Adam on the score function"]
    assert [[panel.title for panel in row.panels] for row in rows] == [["stride 2", "stride 4"]] * 2
    found = {
        (number, panel.title, line.name): (list(line.x), list(line.y))
        for number, row in enumerate(rows) for panel in row.panels for line in panel.lines
    }  # fmt: skip
    assert found == {
        (0 if who.method == "lm" else 1, f"stride {stride:g}", who.sampler): (
            list(OFFSETS), [1.0] * count + [0.0] * (4 - count)
        )
        for (stride, who), count in won.items()
    }  # fmt: skip


def test_a_row_without_hard_attention_says_nothing_of_it():
    rows = charts.rows(synthetic_summary([1], [2]), "translation", charts.SUCCESS)
    assert [row.title for row in rows] == ["Levenberg-Marquardt", "Adam"]


@pytest.mark.parametrize("choice", [charts.SUCCESS, charts.SIGMAS], ids=["success", "sigmas"])
def test_what_a_chart_names_is_a_sampler_with_a_colour_of_its_own(choice):
    assert set(choice.names) <= set(BY_NAME)
    assert len({charts.COLOURS[name] for name in choice.names}) == len(choice.names)


@pytest.mark.parametrize("choice", [charts.SUCCESS, charts.SIGMAS], ids=["success", "sigmas"])
def test_the_colours_of_solid_lines_differ_for_the_colour_blind_too(choice):
    solid = [name for name in choice.names if not (BY_NAME[name].sampler == "bilinear" and BY_NAME[name].sigmas)]
    assert len(solid) >= 4
    for seen in SEEN.values():
        places = [lab(seen @ linear(charts.COLOURS[name])) for name in solid]
        assert min(np.linalg.norm(one - other) for one, other in itertools.combinations(places, 2)) > 18


# How linear RGB looks without cones of one kind: Machado, Oliveira and Fernandes 2009.
SEEN = {
    "all": np.eye(3),
    "no long": np.array([[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]]),
    "no middle": np.array([[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]]),
    "no short": np.array([[1.256, -0.077, -0.179], [-0.078, 0.931, 0.148], [0.005, 0.691, 0.304]]),
}


def linear(colour):
    share = np.array(colour) / 255
    return np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)


def lab(light):
    """CIE L*a*b* of linear sRGB; what no screen shows is cut off."""
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    share = to_xyz @ np.clip(light, 0, 1) / to_xyz.sum(axis=1)
    x, y, z = np.where(share > 0.008856, np.cbrt(share), 7.787 * share + 16 / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("offsets", [(0.0, 0.1, 0.2, 2.0), (0.0,), (0.3,)])
def test_a_chart_of_any_offsets_is_drawn(offsets):
    who = {Who(name, "adam"): ([[True] * len(offsets)] * 2, 5) for name in charts.STRONG}
    run = done([chunk_of("translation", 2.0, ("photos", n), who) for n in range(5)])
    summary = summarise(run._replace(design=run.design._replace(offsets=offsets)))
    figure = charts.draw(summary, "translation", charts.SUCCESS)
    for name in charts.STRONG:
        assert np.any(np.all(figure == charts.COLOURS[name], axis=2))
