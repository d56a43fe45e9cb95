"""What `glimpse bench` refuses before it works, what it leaves out, and what it leaves behind when it is stopped."""

import copy
import csv
import json
import math
import os
import signal
import sys
import tempfile

import numpy as np
import pytest
from fake_contenders import QUICK, bench, digits, fake, measured, parameters, results, start
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from glimpsecli.annotations.boxes import WHOLE
from glimpsecli.bench import baseline, cases, exporters, isolated, jsonable, machine, report, stages
from glimpsecli.bench.cases import Recipe
from glimpsecli.bench.contenders.base import Scene
from glimpsecli.bench.contenders.opencv_peers import Area, Resize
from glimpsecli.bench.contenders.pillow_peers import Bicubic, Transform
from glimpsecli.bench.contenders.vips_peers import Cubic
from glimpsecli.bench.measuring import Measured, measure
from glimpsecli.bench.results import Results
from glimpsecli.bench.stages import Job
from glimpsecli.errors import FileProblemError, InvalidInputError
from glimpsecli.window import Window

pytestmark = pytest.mark.slow


@pytest.fixture
def idle(monkeypatch):
    """Whoever starts to measure fails."""
    monkeypatch.setattr(isolated, "call", lambda *_: pytest.fail("it ran"))


def refusal(capsys, *words):
    assert bench(*words) == 2, words
    printed = capsys.readouterr()
    assert printed.err.count("\n") == 1, printed.err
    assert printed.out == ""
    return printed.err


# --- baselines


BASELINE = results(measured(fake("glimpse cpu", 0.01), runs=3), runs=3)


@pytest.fixture
def old(tmp_path):
    """The path of a baseline of glimpse cpu on three digits."""
    path = tmp_path / "old.json"
    path.write_text(BASELINE.to_json())
    return path


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("--backend", "numpy"), "it timed glimpse cpu with gaussian"),
        (("--sampler", "bilinear"), "it timed glimpse cpu with gaussian"),
        (("--seed", 1), "its case 5 digits has the seed 0, not 1"),
        (("--count", 4), "another count: 3 float32 images"),
        (("--case", 1), "it holds 5 digits"),
    ],
)
def test_a_baseline_with_which_nothing_would_be_compared_is_refused(idle, old, words, reason, capsys):
    case = () if "--case" in words else ("--case", 5) if "--count" in words else ("--case", 5, "--count", 3)
    assert reason in refusal(capsys, *case, *words, "--baseline", old)


def test_another_size_than_the_baselines_is_reported(samples, tmp_path, idle, capsys):
    words = ("--image", samples / "chelsea.png", "--backend", "cpu", "--sampler", "gaussian")
    recipe = cases.own(str(samples / "chelsea.png"), (300, 451), stub_window(), (5, 6), seed=0)
    path = tmp_path / "old.json"
    path.write_text(results(measured(fake("glimpse cpu", 0.01), recipe=recipe)).to_json())
    assert "its case own has another size" in refusal(capsys, *words, "--size", 9, "--baseline", path)
    assert "its case own has another windows" in refusal(capsys, *words, "--size", "6x5", "--baseline", path)


def stub_window(*numbers):
    return Window(*(numbers or (100, 100, 60, 50)))


def test_who_is_in_one_run_only_is_reported(measure_fakes, old, capsys):
    measure_fakes(fake("glimpse cpu", 0.01), fake("newcomer", 0.02))
    words = ("--case", "5", "--count", 3, "--baseline", old, *QUICK)
    assert bench(*words) == 0
    printed = capsys.readouterr().err
    assert "the baseline lacks newcomer: gaussian of case 5 digits, bilinear of case 5 digits" in printed
    assert "the baseline lacks glimpse cpu: bilinear of case 5 digits" in printed
    measure_fakes(fake("glimpse cpu", 9.0), fake("newcomer", 0.02))  # too slow to be timed now
    assert bench(*words, "--fail-above", "10%") == 1
    printed = capsys.readouterr().err
    assert "this run lacks glimpse cpu: gaussian of case 5 digits" in printed
    assert "nothing that this run timed is in" in printed


def test_cases_that_the_baseline_lacks_are_reported():
    (case,) = BASELINE.cases
    other = case._replace(recipe=case.recipe._replace(name="1 photo"))
    run = BASELINE._replace(cases=(case, other))
    assert baseline.differences(BASELINE, run) == ["the baseline has no case 1 photo"]
    assert len(baseline.changes(BASELINE, run)) == 1
    run = BASELINE._replace(cases=(case, case._replace(recipe=digits(2))))
    assert "has another count" in baseline.differences(BASELINE, run)[0]


def damages():
    """Give ways to spoil a file of results, each with what an error says of it."""
    rounds = ("cases", 0, "entries", 0, "samples", "rounds")
    return [
        (("machine",), None, "machine is None, not an object"),
        (("machine",), {"cpu": []}, "machine.cpu is [], not a single value"),
        (("versions",), {"numpy": 2}, "versions.numpy is 2, not a text"),
        (("load",), "low", "load is 'low', not a finite number"),
        (("parameters", "threads"), True, "parameters.threads is True, not a whole number"),
        (("parameters", "views"), "gaussian", "parameters.views is 'gaussian', not a list"),
        (("cases",), {}, "cases is {}, not a list"),
        (("cases", 0), [], "cases[0] is [], not an object"),
        (("cases", 0, "recipe", "size"), [1], "cases[0].recipe.size is [1], not a list of 2"),
        (("cases", 0, "entries", 0, "error"), math.nan, "error is nan, not a finite number"),
        (rounds, [], "has no samples"),
        (rounds, [[], []], "has no samples"),
        (rounds, "abc", "rounds is 'abc', not a list"),
        (rounds, [[0, 0.0]], "some without a time"),
        (rounds, [[0.1, -0.1]], "some without a time"),
        (rounds, [[math.nan]], "rounds[0][0] is nan, not a finite number"),
        (rounds, [[10**400]], "not a finite number"),
        (rounds, [["0.1"]], "rounds[0][0] is '0.1', not a finite number"),
        ((*rounds[:-1], "calls"), 0, "some without a time"),
    ]


@pytest.mark.parametrize(("place", "value", "reason"), damages())
def test_a_spoilt_baseline_is_one_line_before_the_run(idle, old, place, value, reason, capsys):
    data = json.loads(old.read_text())
    inner = data
    for step in place[:-1]:
        inner = inner[step]
    inner[place[-1]] = value
    old.write_text(json.dumps(data))
    said = refusal(capsys, "--case", 5, "--count", 3, "--baseline", old)
    assert f"{old} is damaged: " in said
    assert reason in said
    assert "Error" not in said


@pytest.mark.parametrize("text", ["[" * 100_000, "1" * 5000, "\0", '"x"'])
def test_what_is_no_json_is_one_line(idle, old, text, capsys):
    old.write_text(text)
    assert str(old) in refusal(capsys, "--case", 5, "--baseline", old)


SOUND = json.loads(results(measured(fake("glimpse cpu", 0.01), fake("other", 0.02, filter="box"), runs=2)).to_json())


def leaves(data, path=()):
    yield path
    for key in data if isinstance(data, dict) else range(len(data)) if isinstance(data, list) else ():
        yield from leaves(data[key], (*path, key))


LEAVES = [path for path in leaves(SOUND) if path]


@given(
    st.sampled_from(LEAVES),
    st.sampled_from([None, True, 0, -1, 1e308, math.inf, math.nan, "", "x", [], [[]], {}, {"a": 1}, [1, 2]]),
)
def test_whatever_stands_in_a_baseline_it_is_read_or_refused(path, value):
    data = copy.deepcopy(SOUND)
    inner = data
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = value
    try:
        found = Results.from_json(json.dumps(data), "x")
    except InvalidInputError:
        return
    for one, entry in found.entries():
        report.row_of(one, entry)
        assert entry.seconds is None or entry.seconds.median > 0
    found.to_json()


def test_data_comes_back_from_json():
    recipe = Recipe("own", "t", 3, (4, 5), [[1.0, 2.0, 3.0, 4.0, 0.5]], None, "a.png", 2.0)
    job = Job("x.png", runs=4)
    found = measured(fake("glimpse cpu", 0.01), fake("slow", 9.0))
    for kind, value in ((Recipe, recipe), (Job, job), (Measured, found)):
        assert jsonable.from_jsonable(kind, json.loads(json.dumps(jsonable.to_jsonable(value)))) == value
    for identity in (None, 7, "7"):
        job = Job("x.png", WHOLE._replace(id=identity, flags=("crowd", "occluded")))
        assert jsonable.from_jsonable(Job, json.loads(json.dumps(jsonable.to_jsonable(job)))) == job
    with pytest.raises(InvalidInputError, match=r"box.id is 0.5"):
        jsonable.from_jsonable(Job, {"source": "x.png", "box": jsonable.to_jsonable(WHOLE._replace(id=0.5))})
    with pytest.raises(InvalidInputError, match="title is missing"):
        jsonable.from_jsonable(Recipe, {"name": "a"})


# --- what is asked for


def test_options_that_cannot_be_meant_are_refused(idle, capsys, samples, tmp_path):
    photo, here = samples / "chelsea.png", tmp_path / "x"
    (tmp_path / "text.png").write_text("no image")
    np.save(tmp_path / "nan.npy", np.full((9, 9, 3), np.nan, np.float32))
    (tmp_path / "empty.png").write_text("")
    (tmp_path / "torn.png").write_bytes(photo.read_bytes()[:5000])
    many = machine.processors() + 1
    for words, reason in (
        (("--min-time", "nan"), "'nan' is no number of seconds from 0 to 3600"),
        (("--min-time", "inf"), "seconds"),
        (("--min-time", "-1"), "seconds"),
        (("--stride", "1,"), "'1,' is no list of numbers; write strides such as"),
        (("--stride", ""), "'' is no list of numbers"),
        (("--stride", "1,nan"), "no list of numbers"),
        (("--stride", ",".join(["1"] * 101)), "101 strides; give at most 100"),
        (("--baseline", "x", "--fail-above", "abc"), "'abc' is no percentage from 0; write 10%"),
        (("--baseline", "x", "--fail-above", "10"), "'10' is no percentage"),
        (("--baseline", ""), "'': No such file"),
        (("--threads", many), f"--threads {many} on {many - 1} processors; give at most {many - 1}"),
        (("--export-json", ""), "--export-json '' is no name"),
        (("--export-json", "-"), "--export-json - is standard output, where the tables go; name a file"),
        (("--export-png", f"{here}.jpg"), ".jpg has the suffix .jpg; end it in .png"),
        (("--export-json", f"{here}.png"), "the suffix .png; use --export-png, or a name in .json"),
        (("--export-markdown", here), "x has no suffix; end it in .md"),
        (("--case", 5, "--count", 10**9), "1000000000 glimpses of 12x12 take about"),
        (("--case", 3, "--count", 10**9), "lower --count"),
        (("--image", photo, "--box", "0,0,9,9", "--count", 10**9), "GiB of memory, more than the"),
        (("--stride", "1", "--count", 10**9), "1000000000 glimpses of 64x64"),
        (("--image", photo, "--size", 10**6), "lower --size"),
        (("--image", "-"), "name a file"),
        (("--image", ""), "'': No such file"),
        (("--image", tmp_path), "is a folder; name an image in it"),
        (("--stages", "-"), "name a file"),
        (("--stages", tmp_path), "name an image in it"),
        (("--stages", photo, "--threads", many), f"give at most {many - 1}"),
        (("--stages", photo, "--export-csv", f"{here}.csv"), "--export-csv; --export-json FILE takes its times"),
        (("--stages", photo, "--export-json", f"{here}.png"), "--export-png"),
        (("--stages", photo, "--baseline", ""), "--stages with --baseline"),
        (("--stages", photo, "--seed", 0), "--stages with --seed, which is for timing contenders; leave it out"),
        (("--stages", photo, "--overwrite"), "--overwrite belongs to --export-json"),
        (("--case", 5, "--overwrite"), "--overwrite belongs to --export-json"),
        (("--image", tmp_path / "text.png"), "text.png"),
        (("--image", tmp_path / "empty.png"), "empty.png"),
        (("--image", tmp_path / "torn.png"), "torn.png"),
        (("--stages", tmp_path / "torn.png"), "torn.png"),
        (("--image", tmp_path / "nan.npy"), "nan.npy holds NaN or infinities, so no result can be checked; replace"),
        (("--image", tmp_path / "nan.npy", "--gradients"), "nan.npy holds NaN or infinities"),
    ):
        said = refusal(capsys, *words)
        assert reason in said, words
        assert "percentage as" not in said
        assert "glimpse batch" not in said
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty.png", "nan.npy", "text.png", "torn.png"]


def test_a_device_may_be_called_as_it_likes():
    exporters.check({"json": os.devnull}, [], overwrite=False)


def test_the_list_is_of_the_cases_that_are_named(capsys):
    assert bench("--list", "--case", "5,photo", "--case", 5) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == ["5", "1"]
    assert bench("--list", "--case", "6") == 2


def test_the_help_explains_the_brackets(capsys):
    assert bench("--help") == 0
    assert "An error in brackets is of another filter" in " ".join(capsys.readouterr().out.split())


def test_one_round_is_no_rounds(measure_fakes, capsys):
    measure_fakes(fake("glimpse cpu", 0.01))
    assert bench("--case", 5, "--count", 2, "--runs", 1, "--min-time", 0) == 0
    assert "1 round in random order" in capsys.readouterr().out


def test_a_load_of_half_the_processors_is_no_reason_to_warn(monkeypatch):
    monkeypatch.setattr(machine, "processors", lambda: 2)
    assert machine.load_warning(0.61) is None
    assert machine.load_warning(1.0) is None
    assert machine.load_warning(1.2) is not None


def test_markdown_holds_the_doubts_too(tmp_path, measure_fakes, monkeypatch):
    measure_fakes(fake("glimpse cpu", lambda call: 0.1 * (1 + call % 3)), fake("box", 0.1, off=0.05, filter="box"))
    monkeypatch.setattr(machine, "load", lambda: 99.0)
    path = tmp_path / "x.md"
    assert bench("--case", 5, "--count", 2, *QUICK, "--export-markdown", path) == 0
    text = path.read_text()
    assert "Note: the load average was 99.00" in text
    assert "Note: case 5 digits, noisy: glimpse cpu gaussian (" in text
    assert "Note: an error in brackets is of another filter" in text
    assert "(5e-02)" in text


# --- what is left out


def test_alpha_keeps_pillow_out_and_is_no_failure(tmp_path):
    rgba = np.random.default_rng(0).integers(0, 256, (40, 50, 4), dtype=np.uint8)
    Image.fromarray(rgba).save(tmp_path / "a.png")
    recipe = cases.own(str(tmp_path / "a.png"), (40, 50), stub_window(20, 20, 30, 30), (8, 8))
    found = run(recipe, Transform(), Bicubic())
    assert [entry.skipped for entry in found.entries] == ["Pillow weighs colours by alpha"] * 2
    lines = report.table_of(found)
    assert sum("the same; not timed: Pillow weighs colours by alpha" in line for line in lines) == 1
    assert json.loads(results(found).to_json())["cases"][0]["entries"][0]["first"] is None


def run(recipe, *contenders):
    return measure(recipe, parameters(views=("gaussian", "bilinear"), runs=1), contenders=contenders)


CUTTERS = [Bicubic, Area, Resize, Cubic]


@pytest.mark.parametrize("kind", CUTTERS)
@pytest.mark.parametrize("place", [(1000, 1000), (-200, 20), (20, -200), (451, 0), (440, 290), (-40, -40), (-1, 5)])
def test_a_window_over_the_border_keeps_out_who_would_stretch_what_is_left(kind, place, samples):
    recipe = cases.own(
        str(samples / "chelsea.png"), (300, 451), stub_window(place[0] + 25, place[1] + 25, 50, 50), (8, 8)
    )
    reason = kind().obstacle(Scene(cases.build(recipe), 1))
    assert reason is not None
    assert reason.endswith(("may not leave the image", "cuts nothing outside the image"))
    if kind().available() is None:
        (entry,) = run(recipe, kind()).entries
        assert (entry.skipped, entry.wrong) == (reason, None)


@pytest.mark.parametrize("kind", CUTTERS)
@pytest.mark.parametrize("box", [(0, 0, 451, 300), (401, 250, 50, 50), (450.7, 100, 0.2, 40), (100.4, 80.6, 0.1, 0.1)])
def test_a_window_that_fills_the_image_or_is_a_sliver_keeps_nobody_out(kind, box, samples):
    recipe = cases.own(str(samples / "chelsea.png"), (300, 451), Window.from_box(*box), (8, 8))
    assert kind().obstacle(Scene(cases.build(recipe), 1)) is None
    if kind().available() is None:
        (entry,) = run(recipe, kind()).entries
        assert entry.samples is not None, entry


def test_whole_pixels_are_those_that_are_nearest(samples):
    recipe = cases.own(str(samples / "chelsea.png"), (300, 451), Window.from_box(-0.4, 10.6, 20.2, 289.7), (8, 8))
    assert Scene(cases.build(recipe), 1).whole_pixels.tolist() == [[11, 300, 0, 20]]


def test_the_package_is_imported_and_its_words_looked_up_before_the_clock_runs(samples, monkeypatch):
    recipe = cases.own(str(samples / "chelsea.png"), (300, 451), stub_window(), (8, 8))
    scene = Scene(cases.build(recipe), 1)
    for contender, view in ((Transform(), "bilinear"), (Bicubic(), "gaussian")):
        contender.prepare(scene, view)
        with monkeypatch.context() as patch:
            patch.setitem(sys.modules, "PIL", None)
            contender.pillow = None
            assert len(contender.run()) == 1


# --- what fails on the way


def dying(monkeypatch, *cases_that_die):
    """Let the processes of some cases die."""
    measured_before = isolated.measure_isolated

    def measure_isolated(recipe, asked, progress):
        if recipe.name in cases_that_die:
            raise FileProblemError("the process that measured died with code -9", "try fewer contenders")
        return measured_before(recipe, asked, progress)

    monkeypatch.setattr(isolated, "measure_isolated", measure_isolated)


def test_a_case_that_dies_takes_no_other_along(measure_fakes, monkeypatch, tmp_path, samples, capsys):
    measure_fakes(fake("glimpse cpu", 0.01))
    dying(monkeypatch, "stride 2", "stride 1")
    files = {kind: tmp_path / f"x.{kind}" for kind in exporters.EXPORTERS}
    options = [word for kind, path in files.items() for word in (f"--export-{kind}", path)]
    words = ("--image", samples / "chelsea.png", "--size", 8, *QUICK)
    assert bench(*words, "--stride", "1,2,3,4", *options) == 1
    printed = capsys.readouterr()
    assert "glimpse: error: case stride 2: the process that measured died with code -9; try fewer" in printed.err
    assert "not measured: the process that measured died" in printed.out
    assert printed.out.count("1 thread for everyone") == 1
    assert printed.out.count("10.0 ms") >= 4
    found = Results.from_json(files["json"].read_text(), "x")
    assert [one.failed is None for one in found.cases] == [False, False, True, True]
    assert len(list(found.entries())) == 4
    rows = list(csv.DictReader(files["csv"].read_text().splitlines()))
    assert [row["case"] for row in rows if "died with code -9" in row["note"]] == ["stride 1", "stride 2"]
    assert len(rows) == 6
    text = files["markdown"].read_text()
    assert "### stride 2" in text
    assert text.count("not measured: the process that measured died with code -9") == 2
    assert files["png"].stat().st_size > 1000
    # Such a file is a baseline too, of what it has.
    assert bench(*words, "--stride", "2,3", "--baseline", files["json"], "--fail-above", "10%") == 1  # 2 dies again
    printed = capsys.readouterr()
    assert "stride 3, gaussian, glimpse cpu" in printed.out
    assert "+0.0%" in printed.out


def test_a_chart_of_nothing_does_not_keep_the_baseline_from_being_compared(measure_fakes, old, tmp_path, capsys):
    measure_fakes(fake("glimpse cpu", 9.0))  # too slow to be timed
    words = ("--case", "5", "--count", 3, "--baseline", old, *QUICK)
    data = tmp_path / "x.json"
    assert bench(*words, "--export-png", tmp_path / "x.png", "--export-json", data) == 1
    printed = capsys.readouterr().err
    assert "glimpse: error: nothing was timed, so there is no chart" in printed
    assert "this run lacks glimpse cpu: gaussian of case 5 digits" in printed
    assert "nothing that this run timed is in" in printed
    assert data.exists()
    measure_fakes(fake("glimpse cpu", 0.01))
    assert bench(*words) == 0


def test_a_limit_needs_rounds_in_both_runs(idle, old, tmp_path, capsys):
    words = ("--case", 5, "--count", 3, "--fail-above", "10%")
    printed = refusal(capsys, *words, "--baseline", old, "--runs", 2)
    assert "--fail-above with 2 rounds in this run, too few to tell a change from chance; time with --runs 3" in printed
    path = tmp_path / "few.json"
    path.write_text(results(measured(fake("glimpse cpu", 0.01), runs=1), runs=1).to_json())
    assert f"--fail-above with 1 round in {path}, too few" in refusal(capsys, *words, "--baseline", path)


def test_a_window_outside_is_reported(samples, measure_fakes, capsys):
    measure_fakes(fake("glimpse cpu", 0.01))
    words = ("--image", samples / "chelsea.png", "--size", 8, *QUICK)
    assert bench(*words, "--box", "1000,1000,50,50") == 0
    assert "glimpse: its window lies outside the image" in capsys.readouterr().err
    assert bench(*words, "--box", "400,200,90,90") == 0
    assert "outside" not in capsys.readouterr().err


# --- stages


def test_stages_go_to_json_and_a_float_image_has_stages_too(tmp_path, samples, capsys):
    image, target = tmp_path / "x.npy", tmp_path / "t.json"
    np.save(image, np.random.default_rng(0).random((40, 50, 3), np.float32))
    words = ("--stages", image, "--sampler", "bilinear", "--backend", "numpy", "--runs", 2, "--min-time", 0)
    assert bench(*words, "--size", 9, "--export-json", target) == 0
    out = capsys.readouterr().out
    assert "one glimpse of 9x7, bilinear on numpy, 1 thread, written as npy; 2 runs" in out
    printed = json.loads(target.read_text())
    assert set(printed["stages"]) == set(stages.STAGES)
    assert len(printed["stages"]["read"]) == 2
    assert (printed["glimpse"]["sampler"], printed["job"]["runs"], printed["format"]) == ("bilinear", 2, stages.FORMAT)
    assert printed["machine"]["processors"] >= 1
    assert "numpy" in printed["versions"]
    assert bench(*words, "--export-json", target) == 2
    assert bench("--case", 5, "--baseline", target) == 2


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_stages_that_are_stopped_leave_nothing(number, code, tmp_path, samples):
    process = start("--stages", samples / "chelsea.png", "--backend", "numpy", folder=tmp_path)
    for line in process.stderr:
        if "run 2" in line:
            assert list(tmp_path.glob("glimpse-bench-*"))
            os.killpg(process.pid, number)
            break
    _, printed = process.communicate(timeout=20)
    assert process.returncode == code
    assert list(tmp_path.iterdir()) == []
    assert "Traceback" not in printed
    if number == signal.SIGINT:
        assert "\n\n" not in printed
        assert printed.splitlines()[-1] == "glimpse: error: interrupted"


def test_the_other_process_says_nothing_when_we_are_killed():
    process = start("--case", "5", "--count", 9, "--backend", "numpy", "--sampler", "hard")
    for line in process.stderr:
        if "round 1 " in line:
            process.kill()  # it cannot take the other one along
            break
    _, printed = process.communicate(timeout=20)  # ends when both have
    assert "Traceback" not in printed
    assert "BrokenPipe" not in printed


def test_nothing_is_left_in_the_temporary_folder_of_a_failure(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(InvalidInputError, match="No such file"):
        isolated.split_isolated(Job(str(tmp_path / "gone.png")), lambda text: None)
    assert list(tmp_path.iterdir()) == []
