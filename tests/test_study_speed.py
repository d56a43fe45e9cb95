import csv
import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from glimpsecli import GaussianParams, GlimpseError, Window, cli, extract
from glimpsecli.bench.timing import Quartiles
from glimpsecli.pictures.axes import log_scale
from glimpsecli.pictures.charts import Line, line_chart
from glimpsecli.study import report, speed
from glimpsecli.study.aliasing import alias_share, equal_blur
from glimpsecli.study.speed import BILINEAR, BLURRED, CUT, DENSE, Step, Sweep, blurred_glimpse

pytestmark = pytest.mark.slow

# Alias


def slow_share(stride, sigma, taps, bilinear):
    """All waves of a quadrant, on a linear grid, with what a tap passes averaged over where it falls."""
    f = (np.arange(1800) + 0.5) / 3600
    gaussian = np.exp(-2 * (np.pi * sigma * f) ** 2)  # the Fourier transform of the weights
    places = (np.arange(500) + 0.5) / 500
    linear = [np.mean(np.abs(1 - places + places * np.exp(2j * np.pi * one)) ** 2) for one in f]
    power = gaussian**2 * (linear if bilinear else 1)
    radius = np.hypot(f, f[:, None])
    energy = np.where(radius * taps * stride >= 1, np.outer(power, power) / radius**2, 0)
    beyond = np.maximum(f, f[:, None]) > 0.5 / stride
    return energy[beyond].sum() / energy.sum()


@pytest.mark.parametrize(
    ("stride", "sigma", "taps", "bilinear"),
    [(1.5, 0.75, 16, False), (2, 1, 8, False), (2, 0, 8, True), (4, 0, 16, True), (4, 1, 16, True), (4, 2, 16, False)],
)
def test_the_share_of_alias_is_that_of_a_sum_over_all_waves(stride, sigma, taps, bilinear):
    slow = slow_share(stride, sigma, taps, bilinear)
    assert 0.001 < slow < 0.5
    assert alias_share(stride, sigma, taps, bilinear=bilinear) == pytest.approx(slow, rel=1e-3)


@pytest.mark.parametrize("sampler", ["bilinear", "gaussian"])
def test_the_share_of_alias_is_what_the_samplers_let_through(sampler):
    """On waves of random phase whose power is 1 / f^2, with those that taps can show kept from the others."""
    stride, taps, extent = 4, 16, 768
    random = np.random.default_rng(0)
    f = np.fft.fftfreq(extent)
    radius = np.hypot(f, f[:, None])
    waves = np.fft.fft2(random.normal(size=(extent, extent))) / np.maximum(radius, 1 / extent)
    waves[radius * taps * stride < 1] = 0
    beyond = np.maximum(np.abs(f), np.abs(f[:, None])) > 0.5 / stride
    parts = [np.fft.ifft2(np.where(part, waves, 0)).real.astype(np.float32) for part in (beyond, ~beyond)]
    side = taps * stride
    centres = random.uniform(side, extent - side, (400, 2))
    windows = np.column_stack([centres, np.full((400, 2), side), np.zeros(400)])
    alias, shown = (np.sum(extract(part, windows, (taps, taps), sampler=sampler).astype(float) ** 2) for part in parts)
    sigma = 0.5 * stride if sampler == "gaussian" else 0.0
    found = alias_share(stride, sigma, taps, bilinear=sampler == "bilinear")
    assert found == pytest.approx(alias / (alias + shown), rel=0.05)


@given(st.floats(0.1, 40), st.integers(1, 100), st.booleans())
def test_alias_is_a_share_and_blur_takes_some_of_it(stride, taps, bilinear):
    shares = [alias_share(stride, sigma, taps, bilinear=bilinear) for sigma in (0.0, stride / 4, stride)]
    assert 0 <= shares[2] <= shares[1] + 1e-12 <= shares[0] + 2e-12 <= 1 + 3e-12
    if stride <= 1:
        assert shares[0] == 0
    elif taps > 2:
        assert shares[2] < shares[0]


@pytest.mark.parametrize("taps", [8, 64])
def test_equal_blur_makes_both_alias_alike(taps):
    assert equal_blur(1.0, 0.5, taps) is None
    for stride in (2.0, 4.0, 8.0, 16.0):
        sigma = equal_blur(stride, stride / 2, taps)
        alias = alias_share(stride, stride / 2, taps, bilinear=False)
        assert alias_share(stride, sigma, taps, bilinear=True) == pytest.approx(alias, rel=1e-6)
        assert alias_share(stride, 0.0, taps, bilinear=True) > 10 * alias
        assert 0.4 < sigma / stride < 0.5  # interpolation blurs by itself, the less the wider the stride


# The blurred glimpse


@given(
    cx=st.floats(5, 85), cy=st.floats(5, 65), width=st.floats(4, 90), height=st.floats(4, 70), sigma=st.floats(0.5, 4)
)
def test_the_blurred_glimpse_is_that_of_the_whole_image_blurred(cx, cy, width, height, sigma):
    image = np.random.default_rng(0).integers(0, 256, (70, 90, 3), np.uint8)
    window = Window(cx, cy, width, height)
    soft = extract(image, GaussianParams(0, sigma, 1, 0, sigma, 1), (70, 90), backend="cpu")
    slow = extract(soft, window, (8, 12), sampler="bilinear", border="edge", backend="cpu")
    np.testing.assert_allclose(blurred_glimpse(image, window, (8, 12), sigma), slow, atol=1e-3)


# What is reported


def quartiles(median):
    return Quartiles(median, median * 0.9, median * 1.2)


def synthetic(stride=8.0, bilinear=0.001, cut=0.004, whole=0.1):
    """A step whose numbers are all different."""
    return Step(
        stride,
        {
            BILINEAR: quartiles(bilinear), CUT: quartiles(cut), DENSE: quartiles(0.8), BLURRED: quartiles(0.06),
        },
        {CUT: quartiles(4.25), DENSE: quartiles(750), BLURRED: quartiles(62)},
        {BILINEAR: quartiles(0.245), DENSE: quartiles(190), BLURRED: quartiles(15.5)},
        0.002, 0.28, 0.49, whole,
    )  # fmt: skip


def unblurred():
    step = synthetic(1.0)
    kept = ({who: found for who, found in one.items() if who != BLURRED} for one in step[1:4])
    return Step(1.0, *kept, 0.0, 0.0, None, None)


@given(st.integers(1, 10_000), st.integers(1, 1000), st.integers(1, 1000))
def test_a_shared_blur_pays_from_the_first_number_of_glimpses_for_which_it_is_not_dearer(whole, bilinear, cut):
    count = synthetic(bilinear=bilinear, cut=cut, whole=whole).glimpses
    if cut <= bilinear:
        assert count is None
    else:
        assert whole + count * bilinear <= count * cut
        assert count == 1 or whole + (count - 1) * bilinear > (count - 1) * cut
    assert unblurred().glimpses is None


def test_every_report_has_the_numbers(tmp_path):
    sweep = Sweep((1.0, 8.0), (32, 48), runs=7, min_time=0.5, seed=3)
    report.export_speed([unblurred(), synthetic()], sweep, str(tmp_path), overwrite=False)
    written = json.loads((tmp_path / "speed.json").read_text())
    assert written["how"] == {"strides": [1, 8], "size": [32, 48], "runs": 7, "min_time": 0.5, "seed": 3}
    by_name = {(row["stride"], row["who"]): row for row in written["rows"]}
    assert len(by_name) == 7
    row = by_name[8, BLURRED]
    expected = {
        "stride": 8, "who": BLURRED, "median_seconds": 0.06, "quartile1_seconds": 0.054, "quartile3_seconds": 0.072,
        "ratio_to_bilinear": 62, "ratio_to_bilinear_quartile1": 55.8, "ratio_to_bilinear_quartile3": 74.4,
        "ratio_to_gaussian": 15.5, "ratio_to_gaussian_quartile1": 13.95, "ratio_to_gaussian_quartile3": 18.6,
        "alias_gaussian": 0.002, "alias_bilinear": 0.28, "equal_blur_strides": 0.49, "whole_image_blur_seconds": 0.1,
        "whole_image_blur_pays_from_glimpses": 34,
    }  # fmt: skip
    assert list(row) == list(expected)
    assert row == pytest.approx(expected)
    assert by_name[8, BILINEAR]["ratio_to_bilinear"] is None
    assert by_name[8, BILINEAR]["ratio_to_gaussian"] == 0.245
    for name in ("equal_blur_strides", "whole_image_blur_seconds", "whole_image_blur_pays_from_glimpses"):
        assert by_name[1, CUT][name] is None

    with open(tmp_path / "speed.csv", newline="") as file:
        table = list(csv.DictReader(file))
    assert [row["who"] for row in table] == [row["who"] for row in written["rows"]]
    for row, same in zip(table, written["rows"], strict=True):
        assert row == {name: "" if value is None else str(value) for name, value in same.items()}

    lines = speed.lines([unblurred(), synthetic()])
    head, rule, first, second = (line.strip("| ").split("|") for line in lines)
    assert len(head) == len(rule) == len(second) == 13
    cells = dict(zip((f"{k} {name.strip()}" for k, name in enumerate(head)), map(str.strip, second), strict=True))
    assert cells == {
        "0 stride": "8", "1 bilinear": "1.00 ms", "2 gaussian, tails cut": "4.00 ms", "3 × bilinear": "4.25",
        "4 gaussian, dense": "800 ms", "5 × bilinear": "750", "6 alias, gaussian": "0.2%",
        "7 alias, bilinear": "28.0%", "8 equal blur, strides": "0.49", "9 blurred, then bilinear": "60.0 ms",
        "10 × gaussian, tails cut": "15.5", "11 whole image blurred": "100 ms", "12 pays from so many glimpses": "34",
    }  # fmt: skip
    assert "".join(first).split()[-2:] == ["none", "needed"]
    with Image.open(tmp_path / "speed.png") as picture:
        assert min(picture.size) > 500


def test_no_report_is_written_where_one_cannot_be(tmp_path):
    (tmp_path / "speed.csv").write_text("mine")
    with pytest.raises(GlimpseError, match=r"speed\.csv exists"):
        report.export_speed([synthetic()], Sweep(), str(tmp_path), overwrite=False)
    assert [path.name for path in tmp_path.iterdir()] == ["speed.csv"]
    with pytest.raises(ValueError, match="not JSON compliant"):
        report.export_speed([synthetic()._replace(blur=math.nan)], Sweep(), str(tmp_path), overwrite=True)
    assert (tmp_path / "speed.csv").read_text() == "mine"


# The ticks of the chart


def ticks_below_the_axis(chart):
    """The columns of what crosses a row under the axis; numbers on the y axis would, too."""
    ink = (chart != 255).any(axis=2)
    axis = max(np.flatnonzero(ink.sum(axis=1) > chart.shape[1] / 2))
    columns = np.flatnonzero(ink[axis + 4])
    return [run.mean() for run in np.split(columns, np.flatnonzero(np.diff(columns) > 1) + 1)]


@pytest.mark.parametrize(
    ("strides", "kept"),
    [([4, 4.5, 30], [4, 4.5, 30]), ([4, 4.01, 30], [4, 30]), ([1, 2, 3, 30], [1, 2, 3, 30]), ([5], [5])],
)
def test_the_chart_has_its_ticks_at_what_was_measured_where_there_is_room(strides, kept):
    line = Line("one", strides, [1e-3] * len(strides), [1e-3] * len(strides), [1e-3] * len(strides), (0, 0, 255))
    chart = line_chart([line], title="", x_axis="", y_axis="", x_label=str, y_label=lambda y: "", x_ticks=strides)
    found = ticks_below_the_axis(chart)
    assert len(found) == len(kept)
    blue = np.flatnonzero((chart == line.colour).all(axis=2).any(axis=0))
    drawn = np.split(blue, np.flatnonzero(np.diff(blue) > 20) + 1)[0]  # its name follows
    assert (drawn[0], drawn[-1]) == pytest.approx((found[0], found[-1]), abs=6)
    if len(kept) > 1:
        across = log_scale(kept[0], kept[-1], found[0], found[-1])
        assert found == pytest.approx([across(stride) for stride in kept], abs=1.5)


# The command


def words(folder, *more):
    return ["study", "speed", "--strides", "1,3", "--size", "8", "--runs", "1", "--min-time", "0", "-o", str(folder),
            *more]  # fmt: skip


def test_the_command_line_of_speed(tmp_path, capsys):
    folder = tmp_path / "out"
    assert cli.run(words(folder, "--seed", "2")) == 0
    printed = capsys.readouterr()
    assert "none needed" in printed.out
    assert f"written to {folder}" in printed.err
    assert sorted(path.name for path in folder.iterdir()) == ["speed.csv", "speed.json", "speed.png"]
    found = json.loads((folder / "speed.json").read_text())
    assert found["how"] == {"strides": [1, 3], "size": [8, 8], "runs": 1, "min_time": 0, "seed": 2}
    rows = {(row["stride"], row["who"]): row for row in found["rows"]}
    assert rows.keys() == {(1, BILINEAR), (1, CUT), (1, DENSE), (3, BILINEAR), (3, CUT), (3, DENSE), (3, BLURRED)}
    for (stride, who), row in rows.items():
        for reference, name in ((BILINEAR, "ratio_to_bilinear"), (CUT, "ratio_to_gaussian")):
            # Of a single round there is a single ratio, that of the medians.
            ratio = row["median_seconds"] / rows[stride, reference]["median_seconds"]
            assert row[name] == (None if who == reference else pytest.approx(ratio))
    assert rows[3, DENSE]["ratio_to_bilinear"] > 10
    assert rows[3, DENSE]["ratio_to_gaussian"] > 10
    row = rows[3, CUT]
    assert row["equal_blur_strides"] == pytest.approx(equal_blur(3.0, 1.5, 8) / 3)
    assert row["alias_gaussian"] == pytest.approx(alias_share(3.0, 1.5, 8, bilinear=False))
    assert row["alias_bilinear"] == pytest.approx(alias_share(3.0, 0.0, 8, bilinear=True))
    assert row["whole_image_blur_seconds"] > rows[3, BLURRED]["median_seconds"]
    assert cli.run(words(folder)) == 2
    assert "give --overwrite" in capsys.readouterr().err


def test_what_is_timed_for_whom(tmp_path, monkeypatch):
    """Defaults, those of --quick, and what is asked for beside it."""
    seen = []
    monkeypatch.setattr(speed, "measure_all", lambda recipes, sweep, progress: seen.append(sweep) or [synthetic()])
    for more in ((), ("--quick",), ("--quick", "--size", "16x8", "--runs", "5", "--min-time", "0", "--strides", "2")):
        assert cli.run(["study", "speed", "-q", "--overwrite", "-o", str(tmp_path), *more]) == 0
    assert seen == [
        ((1, 2, 4, 8, 16, 32), (64, 64), 10, 1, 0), ((1, 4, 16), (64, 64), 3, 0.1, 0), ((2,), (8, 16), 5, 0, 0),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--strides", "2,x"], "'2,x' is no list of numbers"),
        (["--strides", "900"], "no stride fits"),
        (["--min-time", "nan"], "'nan' is no number of seconds from 0 to 3600"),
        (["--min-time", "-1"], "'-1' is no number of seconds"),
        (["--runs", "0"], "--runs"),
        (["-o", ""], "'' names no folder"),
        (["-o", "a file"], "a file is a file and no folder"),
    ],
)
def test_a_bad_option_is_one_line_and_leaves_nothing(more, said, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a file").touch()
    assert cli.run(["study", "speed", *more]) == 2
    printed = capsys.readouterr().err
    assert said in printed
    assert printed.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["a file"]
