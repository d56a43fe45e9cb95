"""The bench: its clock with a clock of our own, its refusals, its reports, and one real run of each kind."""

import csv
import importlib
import io
import json
import os
import signal
import subprocess
import sys
import tracemalloc

import numpy as np
import pytest
from conftest import ROOT
from fake_contenders import QUICK, bench, clock, digits, fake, measured, miniature, parameters, results, start
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from glimpsecli import GlimpseError
from glimpsecli.bench import baseline, cases, checking, exporters, isolated, machine, report, timing
from glimpsecli.bench.contenders import OURS, PEERS, chosen
from glimpsecli.bench.contenders.base import FORWARD, VIEWS, Contender, Scene
from glimpsecli.bench.contenders.ours import Cpu, Numpy
from glimpsecli.bench.results import Results
from glimpsecli.bench.timing import Samples
from glimpsecli.errors import InvalidInputError

pytestmark = pytest.mark.slow

# --- the clock


@given(st.lists(st.floats(1e-9, 1e3), min_size=1, max_size=40))
def test_quartiles_are_numpys(numbers):
    got = timing.quartiles(numbers)
    np.testing.assert_allclose(got, np.quantile(numbers, [0.5, 0.25, 0.75]), rtol=1e-12)
    assert got.low <= got.median * (1 + 1e-12)
    assert got.spread >= -1e-12


def test_the_ratio_is_made_round_by_round():
    slow = Samples(1, [[2.0], [20.0, 20.0], [6.0]])
    fast = Samples(4, [[1.0], [10.0], [2.0]])
    assert timing.ratio(slow, fast) == timing.Quartiles(2.0, 2.0, 2.5)


def run_that_takes(seconds, log=None, name=None):
    def run():
        clock.now += seconds
        if log is not None:
            log.append(name)

    return run


def test_quick_calls_are_timed_many_at_a_time():
    found = timing.time_all(
        {"quick": run_that_takes(3e-6), "slow": run_that_takes(0.25)}, rounds=4, min_time=0.0, seed=0, clock=clock
    )
    assert found["quick"].calls * 3e-6 >= timing.SAMPLE * (1 - 1e-6)
    assert found["quick"].calls * 3e-6 < 10 * timing.SAMPLE
    assert found["slow"].calls == 1
    for samples, seconds in ((found["quick"], 3e-6), (found["slow"], 0.25)):
        np.testing.assert_allclose(samples.all, seconds, rtol=1e-6)
        assert len(samples.rounds) == 4


def test_the_least_time_is_kept_by_each():
    runs = {"a": run_that_takes(0.01), "b": run_that_takes(0.3)}
    found = timing.time_all(runs, rounds=5, min_time=1.0, seed=0, clock=clock)
    for samples in found.values():
        assert sum(samples.all) * samples.calls >= 1.0 - 1e-6
    assert len(found["a"].all) in range(100, 107)
    assert len(found["b"].all) == 5


def test_contenders_take_turns_in_an_order_that_the_seed_decides():
    def order(seed):
        log = []
        runs = {name: run_that_takes(1.0, log, name) for name in "abcd"}
        timing.time_all(runs, rounds=8, min_time=0.0, seed=seed, clock=clock)
        return [tuple(log[k : k + 4]) for k in range(4, len(log), 4)]  # the first four find the number of calls

    turns = order(1)
    assert len(turns) == 8
    assert all(sorted(turn) == list("abcd") for turn in turns)
    assert len(set(turns)) > 3
    assert order(1) == turns
    assert order(2) != turns


@pytest.mark.parametrize(
    ("rounds", "first", "expected"),
    [
        ([[1.0, 1.01], [1.0], [1.02], [1.0]], 1.0, {}),
        ([[1.0, 1.5], [1.0], [1.6], [0.8]], 1.0, {"noisy": "50%"}),
        ([[1.0, 1.5]], 1.0, {}),  # too few to tell
        ([[1.0] * 9, [1.0] * 9, [5.0, 6.0]], 1.0, {"outliers": "2 of 20"}),
        ([[2.5], [1.0], [1.0], [1.0], [1.01], [1.0]], 1.0, {"slow start": "2.5 times"}),
        ([[0.01]] * 4, 2.9, {"slow first call": "2.9 s"}),
        ([[0.9]] * 4, 2.9, {}),
        ([[0.01]] * 4, 0.0, {}),
    ],
)
def test_doubts(rounds, first, expected):
    assert timing.doubts(Samples(1, rounds), first) == expected


def test_warnings_carry_advice_and_a_line_for_each_kind():
    def uneven(call):
        return 0.1 * (1 + call % 3)

    fakes = [fake(f"p{k}", uneven) for k in range(7)]
    lines = report.remarks(measured(*fakes))
    assert len(lines) == 1
    assert "case 5 digits, noisy: p0 gaussian (" in lines[0]
    assert "p4 gaussian" in lines[0]
    assert " and 2 more; " in lines[0]
    assert "--min-time" in lines[0]
    assert report.remarks(measured(fake("steady", 0.1))) == []


def test_a_busy_machine_is_reported(monkeypatch):
    monkeypatch.setattr(machine, "processors", lambda: 4)
    assert machine.load_warning(0.8) is None
    assert machine.load_warning(None) is None
    assert "load average was 3.20 on 4 processors" in machine.load_warning(3.2)


# --- the definition and who is wrong


@pytest.mark.parametrize("number", cases.CASES)
@pytest.mark.parametrize("view", ["gaussian", "bilinear", "rotated", "ellipses", "hard"])
def test_our_backends_pass_in_every_case_in_miniature(number, view, monkeypatch):
    scene = miniature(number, monkeypatch)
    assert scene.case.image_size == {None: (40, 50), "NCHW": (30, 40), "NHWC": (28, 28)}[scene.case.layout]
    expected = checking.truth(scene, view, 0)
    for contender in (Numpy(), Cpu()):
        contender.prepare(scene, view)
        result = contender.glimpses(contender.run())
        assert checking.error(result, expected, contender) < 1e-6
        assert checking.error(result + 1e-5 * expected.scale, expected, contender) > 9e-6


def test_a_large_case_is_checked_in_part(monkeypatch):
    scene = Scene(cases.build(digits(20)), 1)
    whole = checking.truth(scene, "gaussian", 0)
    assert whole.values.shape == (20, 12, 12, 1)
    assert whole.checked == "all glimpses"
    row = 28 * (28 + 12)  # multiply-adds of a row of a glimpse: A_y I, and that times A_x^T
    monkeypatch.setattr(checking, "AFFORDABLE", row * 12 * 5)
    part = checking.truth(scene, "gaussian", 0)
    assert part.checked == "5 of 20 glimpses"
    np.testing.assert_array_equal(part.values, whole.values[part.windows])
    monkeypatch.setattr(checking, "AFFORDABLE", row * 4)
    part = checking.truth(scene, "gaussian", 0)
    assert part.checked == "1 of 20 glimpses, 4 of 12 rows"
    np.testing.assert_allclose(part.values, whole.values[part.windows][:, part.rows], atol=1e-12)


def test_a_check_of_a_huge_glimpse_needs_little_memory(monkeypatch):
    monkeypatch.setattr(checking, "AFFORDABLE", 3e8)
    recipe = cases.own(str(ROOT / "sample_images/rocket.jpg"), (427, 640), window(), (8192, 8192))
    scene = Scene(cases.build(recipe), 1)
    for view in ("gaussian", "bilinear"):
        tracemalloc.start()
        expected = checking.truth(scene, view, 0)
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert most < 600e6  # either filterbank alone, or a grid, takes gigabytes
        assert expected.values.shape[:3] == (1, len(expected.rows), 8192)
        assert len(expected.rows) > 9


def test_a_filterbank_in_parts_is_the_same(monkeypatch):
    scene = Scene(cases.build(digits(4)), 1)
    whole = checking.truth(scene, "gaussian", 0)
    monkeypatch.setattr(checking, "HELD", 12 * 12 * 4)
    part = checking.truth(scene, "gaussian", 0)  # a filterbank of 12 x 28 is more than that
    assert part.checked == "all glimpses"
    monkeypatch.setattr(checking, "HELD", 12 * 5)
    part = checking.truth(scene, "gaussian", 0)
    assert part.checked == "1 of 4 glimpses, 5 of 12 rows"
    np.testing.assert_allclose(part.values, whole.values[part.windows][:, part.rows], atol=1e-12)


@pytest.mark.parametrize("view", ["gaussian", "bilinear"])
def test_another_filter_must_look_at_the_same_place(view):
    class Elsewhere(Contender):
        """The definition of a window that lies `beside` the one that was asked for."""

        name, views, filter, beside = "elsewhere", ("gaussian", "bilinear"), "beside", 0.0

        def prepare(self, scene, view):
            moved = scene.case._replace(windows=scene.case.windows + np.eye(5)[0] * self.beside)
            self.honest = Numpy()
            self.honest.prepare(Scene(moved, 1), view)

        def run(self):
            clock.now += 0.1
            return self.honest.run()

        def glimpses(self, result):
            return self.honest.glimpses(result)

    recipe = cases.own(str(ROOT / "sample_images/rocket.jpg"), (427, 640), window(), (32, 32))
    for beside, wrong in ((0.0, False), (0.5, False), (120.0, True)):
        contender = type("Beside", (Elsewhere,), {"beside": beside})()
        (entry,) = measured(contender, recipe=recipe, views=(view,), runs=1).entries
        assert (entry.wrong is not None) == wrong
        assert (entry.samples is None) == wrong
    assert "of full scale on average" in entry.wrong


def test_whoever_rounds_may_be_off_by_so_much_in_uint8_only():
    small = cases.own(str(ROOT / "sample_images/rocket.jpg"), (427, 640), window(), (9, 9))
    for recipe, white, wrong in ((small, 255, False), (digits(), 1, True)):
        (entry,) = measured(fake("rounds", 0.1, off=4e-3 * white, rounds=True), recipe=recipe, runs=1).entries
        assert (entry.wrong is not None) == wrong
        (entry,) = measured(fake("exact", 0.1, off=4e-3 * white), recipe=recipe, runs=1).entries
        assert entry.wrong is not None
    assert Contender.tolerance == 1e-4


def test_a_peer_is_not_judged_at_the_border_and_we_are():
    scene = Scene(cases.build(digits(200)), 1)
    expected = checking.truth(scene, "bilinear", 0)
    assert not expected.inner.all()
    assert expected.inner.any()
    spoilt = expected.values + ~expected.inner[..., None]
    assert checking.error(spoilt, expected, fake("peer", 1.0)) == 0
    assert checking.error(spoilt, expected, Cpu()) == 1.0


def test_who_is_wrong_is_not_timed():
    class Broken(Contender):
        name, views = "broken", ("gaussian",)

        def prepare(self, scene, view):
            raise ZeroDivisionError("of\nours")

        run = glimpses = None

    found = measured(
        fake("glimpse cpu", 0.1), fake("off", 0.1, off=1e-3), fake("other", 0.1, off=0.05, filter="box"),
        fake("nan", 0.1, off=np.nan), fake("shape", 0.1, off=np.zeros((2, 3, 12, 12, 1))), fake("slow", 7.0), Broken(),
    )  # fmt: skip
    outcomes = {entry.contender: (entry.samples is not None, entry.wrong or entry.skipped) for entry in found.entries}
    assert outcomes["glimpse cpu"] == (True, None)
    assert outcomes["off"] == (False, "it is off by 1.0e-03 of full scale, 2e-06 is allowed")
    assert outcomes["other"] == (True, None)
    assert (
        outcomes["nan"] == outcomes["shape"] == (False, "its result has another shape, or values that are no numbers")
    )
    assert outcomes["slow"] == (False, "one call took 7.0 s, more than 5")
    assert outcomes["broken"] == (False, "it failed with ZeroDivisionError: of ours")
    assert found.reference == "glimpse cpu"
    assert found.ratio(found.find("gaussian", "slow")) is None


def test_only_what_compiles_is_said_to_have_been_compiled():
    for compiles in (True, False):
        slow = fake("x", lambda call: 3.0 if call == 0 else 0.01, compiles=compiles)
        lines = report.remarks(measured(slow))
        assert [line for line in lines if "compiled" in line] == lines
        assert bool(lines) == compiles


def test_the_first_call_is_kept_separately():
    compiling = fake("glimpse cpu", lambda call: 3.0 if call == 0 else 0.01)
    entry = measured(compiling).entries[0]
    assert entry.first == pytest.approx(3.0)
    np.testing.assert_allclose(entry.samples.all, 0.01)


def test_ratios_are_to_our_cpu_backend_in_the_same_view():
    found = measured(fake("glimpse cpu", 0.01), fake("peer", 0.03), views=("gaussian", "bilinear"))
    assert [entry.view for entry in found.entries] == ["gaussian"] * 2 + ["bilinear"] * 2
    for entry in found.entries:
        assert found.ratio(entry).median == pytest.approx(3.0 if entry.contender == "peer" else 1.0)
    assert measured(fake("a", 0.01), fake("b", 0.03)).reference == "a"


def test_every_contender_in_the_tables_says_what_it_is():
    contenders = chosen(tuple(OURS), peers=True)
    assert len(contenders) == len(PEERS) + 4
    assert len({one.name for one in contenders}) == len(contenders)
    for one in contenders:
        assert set(one.views) <= set(VIEWS)
        assert one.views
        assert one.__doc__
        assert one.available() is None or isinstance(one.available(), str)
        if one.name.startswith("glimpse"):
            assert (one.tolerance, one.everywhere, one.filter) == (2e-6, True, None)


@pytest.mark.extras
@pytest.mark.parametrize("path", [path for path in PEERS if "Cuda" not in path])
def test_the_peers_that_are_here_compute_what_they_say(path):
    module, _, name = path.partition(":")
    peer = getattr(importlib.import_module(module), name)()
    if peer.available() is not None:
        pytest.skip(peer.available())
    for recipe in (
        digits(3),
        cases.own(str(ROOT / "sample_images/rocket.jpg"), (427, 640), window(), (12, 16), count=2),
    ):
        scene = Scene(cases.build(recipe), 1)
        for view in [name for name in peer.views if name in FORWARD]:
            if peer.obstacle(scene):
                continue
            expected = checking.truth(scene, view, 0, filters=True)
            peer.prepare(scene, view)
            glimpses = peer.glimpses(peer.run())
            error = checking.error(glimpses, expected, peer)
            assert error is not None
            if peer.filter:
                assert error < 0.6
                assert checking.distance(glimpses, expected) < expected.slack < 0.2
            else:
                assert error < peer.allowed(scene)


# --- cases


def window():
    from glimpsecli.window import Window

    return Window.from_box(100, 80, 240, 180)


def test_cases_have_names_and_are_made_from_their_seed():
    assert [cases.case_named(kind.word) for kind in cases.CASES.values()] == list(cases.CASES)
    with pytest.raises(InvalidInputError, match="no case 'big'"):
        cases.case_named("big")
    with pytest.raises(InvalidInputError, match="case 4"):
        cases.builtin("4", 0, 3)
    case, again, other = (cases.build(cases.builtin("5", seed, 7)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(case.images, again.images)
    np.testing.assert_array_equal(case.windows, again.windows)
    assert not np.array_equal(case.images, other.images)
    assert case.images.shape == (7, 28, 28, 1)
    assert case.images.dtype == np.float32
    assert 0 <= case.images.min() < case.images.max() <= 1
    assert case.images.std(axis=(1, 2)).min() > 0.1


def test_a_sweep_leaves_out_what_does_not_fit():
    recipes, notes = cases.sweep([16, 2, 4], (64, 32), image_size=(300, 200), source="x.png")
    assert [recipe.stride for recipe in recipes] == [2, 4]
    assert recipes[1].windows[0][:4] == [100, 150, 128, 256]
    assert len(notes) == 1
    assert "stride 16" in notes[0]
    assert "512x1024" in notes[0]
    with pytest.raises(InvalidInputError, match="no stride fits"):
        cases.sweep([16], (64, 32), image_size=(300, 200))


def test_random_windows_of_a_users_image_lie_inside():
    recipe = cases.own("x.png", (427, 640), window(), (8, 8), count=50, seed=3)
    rows = np.array(recipe.windows)
    assert (rows[:, 2:4] == [240, 180]).all()
    assert (rows[:, :2] >= [120, 90]).all()
    assert (rows[:, :2] <= [520, 337]).all()
    assert len(np.unique(rows[:, 0])) == 50


# --- reports


def test_json_comes_back_whole():
    before = results(
        measured(fake("glimpse cpu", 0.01), fake("off", 0.1, off=np.nan), fake("peer", 0.02, filter="box"))
    )
    text = before.to_json()
    assert Results.from_json(text, "x") == before
    data = json.loads(text, parse_constant=pytest.fail)
    row = data["cases"][0]["entries"][2]
    assert row["summary"]["ratio"]["median"] == pytest.approx(2.0)
    assert len(row["samples"]["rounds"]) == 5


def test_durations_have_three_digits_and_a_unit():
    texts = [report.duration(one) for one in (1e-7, 9.9996e-7, 1.234e-5, 9.996e-4, 0.0123456, 0.99999, 59.96, 1234.5)]
    assert texts == ["0.10 µs", "1.00 µs", "12.3 µs", "1.00 ms", "12.3 ms", "1.00 s", "60.0 s", "1230 s"]
    assert report.duration(1.2e-3, bare=0.9e-3) == "1200"


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"format": "glimpse bench 1"}', '{"format": "glimpse bench 1", "cases": [3]}']
)
def test_a_damaged_baseline_is_one_line(text):
    with pytest.raises(InvalidInputError, match=r"old\.json"):
        Results.from_json(text, "old.json")


def change(old, new):
    return baseline.Change("5", "gaussian", "x", *(Samples(1, [[one] for one in rounds]) for rounds in (old, new)))


def test_what_fails_against_a_baseline():
    assert change([1.0, 1.01, 1.0], [1.2, 1.21, 1.2]).fails(0.1)
    assert not change([1.0, 1.01, 1.0], [1.2, 1.21, 1.2]).fails(0.5)
    assert not change([1.2, 1.21, 1.2], [1.0, 1.01, 1.0]).fails(0.1)
    assert not change([0.5, 1.0, 1.9], [0.6, 1.2, 2.0]).fails(0.1)  # within the spread


def test_too_few_rounds_say_nothing_for_certain():
    for old, new in (([1.0], [2.0]), ([1.0, 1.0], [2.0] * 9), ([1.0] * 9, [2.0, 2.0])):
        assert not change(old, new).certain
        assert not change(old, new).fails(0.1)
        assert "too few rounds to tell" in report.change_lines([change(old, new)], 0.1)[0]


def test_the_samples_of_one_slow_round_are_one_round():
    # Of the newer samples most are slow, yet of the rounds one.
    slow = Samples(1, [[1.0], [3.0] * 20, [1.0], [1.01], [1.0]])
    found = baseline.Change("5", "gaussian", "x", Samples(1, [[1.0], [1.01], [1.0]]), slow)
    assert found.relative == 0
    assert not found.fails(0.1)


def test_baseline_exit_codes(measure_fakes, tmp_path, capsys):
    old = tmp_path / "old.json"
    measure_fakes(fake("glimpse cpu", 0.01), fake("peer", 0.05))
    assert bench("--case", 5, "--count", 3, "--sampler", "gaussian", *QUICK, "--export-json", old) == 0
    assert bench("--case", 5, "--count", 3, *QUICK, "--baseline", old, "--fail-above", "10%") == 0
    assert "+0.0%" in capsys.readouterr().out
    measure_fakes(fake("glimpse cpu", 0.012), fake("peer", 0.05))
    assert bench("--case", 5, "--count", 3, *QUICK, "--baseline", old, "--fail-above", "10%") == 1
    printed = capsys.readouterr()
    assert "SLOWER by more than 10%" in printed.out
    assert "glimpse cpu, gaussian, case 5 digits takes 20% longer" in printed.err
    assert bench("--case", 5, "--count", 3, *QUICK, "--baseline", old, "--fail-above", "30%") == 0
    assert bench("--case", 5, "--count", 3, *QUICK, "--baseline", old) == 0
    assert bench("--case", 5, "--count", 4, *QUICK, "--baseline", old) == 2
    assert "no case of this run" in capsys.readouterr().err


def test_a_wrong_contender_ends_with_1_and_the_others_are_shown(measure_fakes, capsys):
    measure_fakes(fake("glimpse cpu", 0.01), fake("liar", 0.001, off=0.5))
    assert bench("--case", "digits", "--count", 2, *QUICK) == 1
    printed = capsys.readouterr()
    assert "glimpse: error: liar, gaussian, case 5 digits: it is off by 5.0e-01" in printed.err
    assert "WRONG" in printed.out
    assert "10.0 ms" in printed.out


def test_exports_parse_back(measure_fakes, tmp_path):
    measure_fakes(fake("glimpse cpu", 0.01), fake("a|b", 0.03), fake("lost", 9.0))
    files = {kind: tmp_path / f"x.{kind}" for kind in exporters.EXPORTERS}
    options = [word for kind, path in files.items() for word in (f"--export-{kind}", path)]
    assert bench("--case", 5, "--count", 2, "--sampler", "gaussian", *QUICK, *options) == 0
    data = json.loads(files["json"].read_text())
    assert data["parameters"]["runs"] == 3
    assert data["machine"]["processors"] >= 1
    assert {"glimpse", "numpy", "numba"} <= set(data["versions"])
    rows = list(csv.DictReader(io.StringIO(files["csv"].read_text())))
    assert [row["contender"] for row in rows] == ["glimpse cpu", "a|b", "lost"]
    assert float(rows[1]["median_s"]) == pytest.approx(0.03)
    assert float(rows[1]["ratio"]) == pytest.approx(3.0)
    assert rows[2]["median_s"] == ""
    assert "9.0 s" in rows[2]["note"]
    table = [line for line in files["markdown"].read_text().splitlines() if line.startswith("| gaussian")]
    assert len(table) == 3
    assert r"a\|b" in table[1]
    with Image.open(files["png"]) as chart:
        assert chart.format == "PNG"
        assert chart.width > 800


def test_an_export_that_cannot_be_written_fails_before_the_run(measure_fakes, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(isolated, "measure_isolated", lambda *_: pytest.fail("it ran"))
    there = tmp_path / "there.json"
    there.write_text("{}")
    for words, reason in (
        (("--export-json", there), "exists"),
        (("--export-png", tmp_path), "is a folder"),
        (("--export-csv", tmp_path / "none" / "x.csv"), "could not be written"),
        (("--export-csv", tmp_path / "x", "--export-json", tmp_path / "x"), "the file of --export-json"),
        (("--baseline", there, "--export-json", there, "--overwrite"), "is the input"),
        (("--baseline", there), "not of the format"),
        (("--baseline", tmp_path / "no.json"), "No such file"),
        (("--fail-above", "10%"), "--baseline"),
        (("--image", tmp_path / "no.png"), "No such file"),
        (("--box", "1,1,2,2"), "--image"),
        (("--case", "9"), "no case '9'"),
        (("--case", "1", "--stride", "1,2"), "--stride"),
        (("--stride", "1,0"), "not positive"),
        (("--sampler", "cubic"), "'cubic'"),
    ):
        case = [] if words[0] in ("--image", "--box", "--case", "--stride") else ["--case", 5]
        assert bench(*case, *words) == 2, words
        printed = capsys.readouterr().err
        assert printed.count("\n") == 1
        assert reason in printed
    assert there.read_text() == "{}"
    assert sorted(tmp_path.iterdir()) == [there]


def test_an_unavailable_backend_ends_with_3(monkeypatch, capsys):
    from glimpsecli import backends
    from glimpsecli.errors import UnavailableError

    def load(name):
        raise UnavailableError(f"the {name} backend cannot run: no driver", "use the cpu backend")

    monkeypatch.setattr(backends, "load", load)
    assert bench("--case", 5, "--backend", "cpu,cuda") == 3
    assert "no driver" in capsys.readouterr().err


def test_the_list_and_a_sweep(measure_fakes, capsys, tmp_path, samples):
    assert bench("--list") == 0
    assert [line.split()[:2] for line in capsys.readouterr().out.splitlines()] == [
        [number, kind.word] for number, kind in cases.CASES.items()
    ]
    measure_fakes(fake("glimpse cpu", 0.02), fake("glimpse numpy", 0.05))
    photo, chart = samples / "chelsea.png", tmp_path / "sweep.png"
    assert bench("--image", photo, "--stride", "1,2,64", "--size", 32, *QUICK, "--export-png", chart, "-q") == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    assert "gaussian / bilinear" in printed.out
    assert [line.split()[0] for line in printed.out.splitlines()[-2:]] == ["1", "2"]
    assert chart.stat().st_size > 10_000
    assert bench("--image", photo, "--stride", "1,64", "--size", 32, *QUICK) == 0
    assert "stride 64 is left out" in capsys.readouterr().err


# --- real runs, in processes of their own


def glimpse(*arguments, **options):
    command = [sys.executable, "-m", "glimpsecli", "bench", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)


def test_a_real_run_with_fixed_threads(tmp_path):
    target = tmp_path / "x.json"
    done = glimpse("--case", 5, "--count", 4, "--backend", "cpu", *QUICK, "--export-json", target, "-v")
    assert done.returncode == 0, done.stderr
    assert "1 thread for everyone" in done.stdout
    assert "checking glimpse cpu, gaussian" in done.stderr
    found = Results.from_json(target.read_text(), "x")
    assert [entry.error < 2e-6 for entry in found.cases[0].entries] == [True, True]


def test_the_number_of_threads_is_in_the_environment_before_any_library_starts(monkeypatch, tmp_path):
    program = tmp_path / "python"
    program.write_text(
        f"#!{sys.executable}\nimport json, os, sys\nsys.stdin.read()\nprint(json.dumps({{'answer': dict(os.environ)}}))"
    )
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    monkeypatch.setenv("OMP_NUM_THREADS", "64")
    answer = isolated.call({}, 3, print)
    assert {answer[name] for name in machine.THREADS} == {"3"}
    assert {"OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS", "NUMBA_NUM_THREADS"} <= set(machine.THREADS)
    assert os.environ["OMP_NUM_THREADS"] == "64"


def test_the_other_process_finds_our_modules_whatever_lies_about(monkeypatch, tmp_path):
    for name in ("json", "signal", "os", "glimpsecli"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit(9)")
    monkeypatch.chdir(tmp_path)
    assert isolated.measure_isolated(digits(1), parameters(runs=1), lambda text: None).reference == "glimpse cpu"


@pytest.mark.parametrize("line", ["welcome", "[1]", "{}", "3", "\udcff".encode("utf-8", "surrogateescape")])
def test_what_the_other_process_does_not_say_itself_is_one_line(line, monkeypatch, tmp_path):
    program = tmp_path / "python"
    said = line if isinstance(line, bytes) else line.encode()
    program.write_text(f"#!{sys.executable}\nimport sys\nsys.stdin.read()\nsys.stdout.buffer.write({said!r} + b'\\n')")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    with pytest.raises(GlimpseError, match="which is not its own; look for what prints when Python starts"):
        isolated.call({}, 1, print)


def test_ctrl_c_ends_both_processes_without_a_traceback():
    process = start("--case", 5, "--backend", "cpu")
    for line in process.stderr:
        if "round 1" in line:
            os.killpg(process.pid, signal.SIGINT)  # as a terminal does, to all in the foreground
            break
    _, printed = process.communicate(timeout=20)
    assert process.returncode == 130
    assert printed.splitlines()[-1] == "glimpse: error: interrupted"
    assert "Traceback" not in printed
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)


def test_failures_in_the_other_process_come_back(tmp_path):
    recipe = digits()._replace(source=str(tmp_path / "gone.png"))
    with pytest.raises(GlimpseError, match=r"gone\.png"):
        isolated.measure_isolated(recipe, parameters(), lambda text: None)
    with pytest.raises(GlimpseError, match="died with code 1"):
        isolated.call({"do": "measure"}, 1, lambda text: None)


def test_the_stages_of_an_extract(samples):
    done = glimpse("--stages", samples / "chelsea.png", "--size", "64x48", "--box", "10%,10%,50%,50%", *QUICK)
    assert done.returncode == 0, done.stderr
    heading, _, table = done.stdout.partition("\n\n")
    assert f"{machine.describe()['cpu']}, " in heading
    assert "one glimpse of 64x48, gaussian on " in heading
    assert ", 1 thread, written as png; 3 runs" in heading
    names = [line.split()[0] for line in table.splitlines()[1:]]
    assert names == ["read", "decode", "sample", "encode", "write", "together"]
    shares = [int(word[:-1]) for line in table.splitlines()[1:-1] for word in line.split() if word[-1] == "%"]
    assert sum(shares) in range(97, 104)
    done = glimpse("--stages", samples / "chelsea.png", "--peers")
    assert done.returncode == 2
    assert "--peers" in done.stderr
