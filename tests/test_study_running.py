"""Runs of ``glimpse study training``: whole ones of synthetic samplers, files to go on with, and processes that end."""

import json
import multiprocessing
import os
import signal
import sys
import time

import pytest
import synthetic
from PIL import Image

from glimpsecli import GlimpseError, cli
from glimpsecli.study import design as designs
from glimpsecli.study import report, running, scenes, trials_file, working
from glimpsecli.study.design import Design, chunks, tuning_chunks
from glimpsecli.study.mechanisms import MECHANISMS
from glimpsecli.study.summary import summarise

pytestmark = pytest.mark.slow

ON_LINUX = pytest.mark.skipif(sys.platform != "linux", reason="the processes are found in /proc")
FEW = tuple(mechanism for mechanism in MECHANISMS if mechanism.name in ("hard", "bilinear", "gaussian 0.5"))


REPORTS = [
    "report.json", "cells.csv", "areas.csv", "pairs.csv", "settings.csv", "report.md", "success_translation.png",
    "sigmas.png",
]  # fmt: skip


@pytest.fixture
def small(samples):
    """Give a design of nine chunks that is over in seconds."""
    photos = tuple(scenes.find_photos(str(samples)))[:3]
    return Design(
        photos, strides=(2.0,), offsets=(0.1,), conditions=("translation",), images=1, places=1, other_places=1,
        tuning_places=1, rates=(0.25,), adam_looks=8, lm_looks=6,
    )  # fmt: skip


@pytest.fixture
def at_once(monkeypatch):
    """Do the chunks at once, as if they had been done, and count them."""
    asked = []

    def tune(design, chunk, mechanisms):
        asked.append(chunk)
        row = [[0] * len(design.offsets), design.tuning_places]
        part = [one for one in mechanisms if working.methods(one, chunk)]
        tried = {one.name: [[*setting, *row] for setting in working.settings_for(one, design)] for one in part}
        return {"chunk": list(chunk), "tried": tried}

    def work(design, chunk, settings, mechanisms):
        asked.append(chunk)
        count = design.count(chunk) * len(design.offsets)
        run = {"centre": [0.5] * count, "extent": [0.0] * count, "arrived": [-1] * count, "looks": [8] * count}
        who = [(one.name, method) for one in mechanisms for method in working.methods(one, chunk)]
        runs = [{"sampler": mechanism, "method": method, **run, "seconds": 0.1} for mechanism, method in who]
        return {"chunk": list(chunk), "runs": runs}

    class Done:
        def __init__(self, result):
            self.result = lambda: result

    class Pool:
        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        def submit(self, do, *task):
            return Done(do(*task))

    monkeypatch.setattr(working, "tune", tune)
    monkeypatch.setattr(working, "work", work)
    monkeypatch.setattr(running, "processes", lambda jobs, hint: Pool())
    monkeypatch.setattr(running, "as_completed", lambda futures: futures)
    return asked


@pytest.fixture
def finished(small, tmp_path, at_once):
    """Give the file of a finished run."""
    path = tmp_path / report.TRIALS
    running.run(small, str(path), jobs=1, mechanisms=FEW)
    at_once.clear()
    return path


def clockless(data):
    if isinstance(data, dict):
        return {name: clockless(value) for name, value in data.items() if "seconds" not in name}
    return [clockless(value) for value in data] if isinstance(data, list) else data


# What must come out, from the run to the files


def reported(design, mechanisms, folder):
    done = running.run(design, str(folder / report.TRIALS), jobs=2, mechanisms=mechanisms)
    report.export_training(done, summarise(done), str(folder))
    return json.loads((folder / "report.json").read_text()), (folder / "report.md").read_text()


def test_samplers_whose_gradient_is_zero_recover_nothing(small, tmp_path):
    written, text = reported(small, synthetic.BLIND, tmp_path)
    assert {cell["sampler"] for cell in written["cells"]} == {mechanism.name for mechanism in synthetic.BLIND}
    assert all(cell["successes"] == 0 and cell["share"] == 0 for cell in written["cells"])
    assert all(cell["median_error"] is None for cell in written["cells"])
    assert all(area["value"] == 0 for area in written["areas"])
    assert "easier (" not in text


def test_from_the_exact_answer_all_recover_it(small, tmp_path):
    design = small._replace(offsets=(0.0,), conditions=("translation, own target",), adam_looks=64, lm_looks=30)
    written, _ = reported(design, synthetic.LEARNERS, tmp_path)
    assert {cell["sampler"] for cell in written["cells"]} == {mechanism.name for mechanism in synthetic.LEARNERS}
    assert [cell for cell in written["cells"] if not cell["successes"] == cell["trials"] > 0] == []


# Going on


class EnoughError(Exception):
    pass


def test_an_interrupted_run_goes_on_and_ends_like_one_that_was_not(small, tmp_path):
    paths = [tmp_path / name / report.TRIALS for name in ("whole", "cut")]
    for path in paths:
        path.parent.mkdir()
    seen = []
    whole = running.run(
        small, str(paths[0]), jobs=2, mechanisms=FEW, progress=lambda done, count: seen.append((done, count))
    )  # fmt: skip
    assert seen == [(done, 9) for done in range(10)]

    def stop(done, count):
        if done == 7:
            raise EnoughError

    with pytest.raises(EnoughError):
        running.run(small, str(paths[1]), jobs=2, mechanisms=FEW, progress=stop)
    with open(paths[1], "ab") as stream:
        stream.write(b'{"chunk": ["transl')  # as a kill leaves it
    before = paths[1].read_bytes()
    with pytest.raises(GlimpseError, match="exists; give --resume"):
        running.run(small, str(paths[1]), jobs=1, mechanisms=FEW)
    with pytest.raises(GlimpseError, match="another experiment"):
        running.run(small._replace(seed=1), str(paths[1]), jobs=1, mechanisms=FEW, resume=True)
    assert paths[1].read_bytes() == before
    resumed = running.run(small, str(paths[1]), jobs=2, mechanisms=FEW, resume=True)
    assert clockless(resumed.worked) == clockless(whole.worked)
    assert len(synthetic.lines_of(paths[1])) == 10
    reports = []
    for done, path in ((whole, paths[0]), (resumed, paths[1])):
        written = report.export_training(done, summarise(done), str(path.parent))
        reports.append(json.loads((path.parent / "report.json").read_text()))
        assert written == report.training_files(small)
        assert written == REPORTS
    assert clockless(reports[0]) == clockless(reports[1])
    assert len(reports[0]["cells"]) == len((paths[0].parent / "cells.csv").read_text().splitlines()) - 1
    text = (paths[0].parent / "report.md").read_text()
    assert "arxiv.org/abs/1901.07124" in text
    assert "nan" not in text.lower()
    with Image.open(paths[0].parent / "success_translation.png") as picture:
        assert min(picture.size) > 500


@pytest.mark.parametrize("kept", range(11))
def test_only_what_is_left_is_done(kept, small, finished, at_once):
    lines = finished.read_bytes().splitlines(keepends=True)
    finished.write_bytes(b"".join(lines[:kept]))
    done = running.run(small, str(finished), jobs=1, mechanisms=FEW, resume=True)
    planned = [*tuning_chunks(small), *chunks(small)]
    assert at_once == planned[max(kept - 1, 0) :]
    assert finished.read_bytes() == b"".join(lines)
    assert (len(done.tuned), len(done.worked)) == (6, 3)


def test_lines_may_come_in_any_order(small, finished, at_once):
    head, *rest = finished.read_bytes().splitlines(keepends=True)
    finished.write_bytes(head + b"".join(rest[:4:-1]))
    running.run(small, str(finished), jobs=1, mechanisms=FEW, resume=True)
    assert at_once == tuning_chunks(small)[:5]


def test_a_kill_at_any_byte_leaves_a_file_to_go_on_with(small, finished):
    whole = finished.read_bytes()
    head = whole.index(b"\n") + 1
    for cut in (0, 1, head // 2, head - 1, head, head + 1, head + 40, len(whole) - 1):
        finished.write_bytes(whole[:cut])
        running.run(small, str(finished), jobs=1, mechanisms=FEW, resume=True)
        assert finished.read_bytes() == whole


def test_a_run_begins_anew_if_asked_to(small, finished, at_once):
    running.run(small._replace(seed=1), str(finished), jobs=1, mechanisms=FEW, overwrite=True)
    assert len(at_once) == 9
    running.run(small._replace(seed=1), str(finished), jobs=1, mechanisms=FEW, resume=True)
    assert len(at_once) == 9


@pytest.mark.parametrize("changed", [{"seed": 1}, {"rates": (0.5,)}, {"places": 2}, {"strides": (2.0, 4.0)}])
def test_another_design_is_refused(changed, small, finished):
    before = finished.read_bytes()
    with pytest.raises(GlimpseError, match="is of another experiment; give the options that it was begun with"):
        running.run(small._replace(**changed), str(finished), jobs=1, mechanisms=FEW, resume=True)
    assert finished.read_bytes() == before


@pytest.mark.parametrize(
    "content",
    [b"a diary", b"{}\n", b"[1]\n", b"\n", b"[" * 10**5 + b"\n", b"\x89PNG\r\n\x1a\n", b'{"format": "x'],
    ids=len,
)
def test_what_is_not_ours_is_left_as_it_is(content, small, tmp_path):
    path = tmp_path / report.TRIALS
    path.write_bytes(content)
    with pytest.raises(GlimpseError, match=r"does not hold results of this version; give another folder") as caught:
        running.run(small, str(path), jobs=1, resume=True)
    assert "\n" not in str(caught.value)
    assert path.read_bytes() == content


def changed(path, *keys, to):
    """Put something else into the last line."""
    *lines, last = path.read_text().splitlines()
    data = json.loads(last)
    inner = data
    for key in keys[:-1]:
        inner = inner[key]
    if to is None:
        del inner[keys[-1]]
    else:
        inner[keys[-1]] = to
    path.write_text("\n".join([*lines, json.dumps(data)]) + "\n")


@pytest.mark.parametrize(
    ("keys", "to", "said"),
    [
        (["chunk"], None, "its chunk is not of this experiment"),
        (["chunk"], 3, "its chunk is not"),
        (["chunk"], [[], {}], "its chunk is not"),
        (["chunk", 1], 16.0, "its chunk is not"),
        (["chunk"], ["tuning", 2.0, "glyphs", 0], "line 10 is damaged: what was tried is not there"),
        (["runs"], None, "its runs are not there"),
        (["runs"], [1], "its runs are not there"),
        (["runs", 0], None, "not one for each sampler"),
        (["runs", 0, "sampler"], "cubic", "not one for each sampler"),
        (["runs", 0, "method"], ["lm"], "not one for each sampler"),
        (["runs", 1, "centre"], None, "centre of bilinear is not 1 finite numbers"),
        (["runs", 1, "centre"], [0.1, 0.2], "centre of bilinear is not 1"),
        (["runs", 1, "centre"], ["0.1"], "centre of bilinear is not 1"),
        (["runs", 1, "centre"], [float("nan")], "centre of bilinear is not 1"),
        (["runs", 1, "extent"], [float("-inf")], "extent of bilinear is not 1"),
        (["runs", 1, "extent"], [10**400], "extent of bilinear is not 1"),
        (["runs", 1, "looks"], [8.5], "looks of bilinear is not 1"),
        (["runs", 1, "arrived"], [True], "arrived of bilinear is not 1"),
        (["runs", 1, "seconds"], "1", "seconds of bilinear"),
        (["runs", 1, "arrived"], [9], "bilinear arrived after more looks than it had"),
        (["runs", 1, "arrived"], [-2], "bilinear arrived after more looks than it had"),
    ],
)
def test_a_damaged_line_is_named(keys, to, said, small, finished):
    changed(finished, *keys, to=to)
    refused(small, finished, said)


@pytest.mark.parametrize(
    ("keys", "to", "said"),
    [
        (["tried"], [], "what was tried is not there"),
        (["tried", "bilinear"], None, "what was tried is not there"),
        (["tried", "bilinear"], [], "bilinear has not 1 settings"),
        (["tried", "bilinear", 0], [0.25], "successes of each setting"),
        (["tried", "bilinear", 0], [0.25, 0.0, [2], 1], "successes of each setting at each offset"),
        (["tried", "bilinear", 0], [0.25, 0.0, [1, 0], 1], "successes of each setting"),
        (["tried", "bilinear", 0], [0.25, 0.0, 1, 1], "successes of each setting"),
        (["tried", "bilinear", 0], [0.5, 0.0, [1], 1], "successes of each setting"),
        (["tried", "bilinear", 0], [0.25, 0.0, [float("nan")], 1], "successes of each setting"),
    ],
)
def test_damaged_counts_are_named(keys, to, said, small, finished):
    finished.write_bytes(b"".join(finished.read_bytes().splitlines(keepends=True)[:7]))
    changed(finished, *keys, to=to)
    refused(small, finished, said)


@pytest.mark.parametrize("line", [b"", b"\xff", b"{", b"7", b"\0" * 50, b"[" * 10**5])
def test_a_line_that_is_no_object_is_named(line, small, finished):
    lines = finished.read_bytes().splitlines()
    lines[4] = line
    finished.write_bytes(b"\n".join(lines) + b"\n")
    refused(small, finished, "line 5 is damaged")


def test_a_line_that_is_there_twice_is_named(small, finished):
    lines = finished.read_bytes().splitlines(keepends=True)
    finished.write_bytes(b"".join([*lines, lines[3]]))
    refused(small, finished, "line 11 is damaged: it is there twice")


def refused(design, path, said):
    before = path.read_bytes()
    with pytest.raises(GlimpseError, match="delete that line to have its part done again, or begin") as caught:
        running.run(design, str(path), jobs=1, mechanisms=FEW, resume=True)
    assert f"{path}: line " in str(caught.value)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert path.read_bytes() == before


def test_a_line_that_was_deleted_is_done_again(small, finished, at_once):
    lines = finished.read_bytes().splitlines(keepends=True)
    finished.write_bytes(b"".join(lines[:3] + lines[4:]))
    running.run(small, str(finished), jobs=1, mechanisms=FEW, resume=True)
    assert at_once == [tuning_chunks(small)[2]]


@pytest.mark.parametrize("make", [os.mkdir, getattr(os, "mkfifo", os.mkdir)])
def test_what_is_no_file_is_one_line(make, small, tmp_path):
    path = tmp_path / report.TRIALS
    make(path)
    for resume in (False, True):
        with pytest.raises(GlimpseError, match="is no regular file; remove it, or give another folder"):
            running.run(small, str(path), jobs=1, resume=resume)


def test_two_runs_do_not_add_to_one_file(small, finished):
    pytest.importorskip("fcntl")
    with trials_file.TrialsFile(str(finished), small, FEW, resume=True):
        with pytest.raises(GlimpseError, match="another run is adding to"):
            running.run(small, str(finished), jobs=1, mechanisms=FEW, resume=True)
        with pytest.raises(GlimpseError, match="another run is adding to"):
            running.run(small, str(finished), jobs=1, mechanisms=FEW, overwrite=True)
    running.run(small, str(finished), jobs=1, mechanisms=FEW, resume=True)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no disk that is full")
def test_a_full_disk_is_reported_of_the_file(small, finished):
    lines = finished.read_bytes().splitlines(keepends=True)
    finished.write_bytes(b"".join(lines[:4]))
    with trials_file.TrialsFile(str(finished), small, FEW, resume=True) as file:
        file._stream.close()
        file._stream = open("/dev/full", "r+b", buffering=0)  # noqa: SIM115 - the file closes it
        with pytest.raises(GlimpseError, match=r"trials.jsonl could not be written: no space left on device; free"):
            file.add(json.loads(lines[4]))
        assert len(file.known) == 3


# Processes


def test_a_process_that_is_ended_is_one_line(small, tmp_path):
    pytest.importorskip("fcntl")
    with pytest.raises(GlimpseError, match="a process was ended, perhaps for want of memory; give fewer") as caught:
        running.run(small, str(tmp_path / report.TRIALS), jobs=1, mechanisms=synthetic.DEADLY)
    assert caught.value.exit_code == 1
    assert len(synthetic.lines_of(tmp_path / report.TRIALS)) == 1


@ON_LINUX
def test_what_a_process_raises_comes_back_and_all_is_as_it_was(monkeypatch):
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    with running.processes(1) as pool:
        assert pool.submit(os.getenv, "OMP_NUM_THREADS").result() == "1"
    with pytest.raises(ZeroDivisionError), running.processes(1) as pool:
        pool.submit(divmod, 1, 0).result()
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == before
    assert os.environ["OMP_NUM_THREADS"] == "7"
    assert not multiprocessing.active_children()


@ON_LINUX
@pytest.mark.parametrize(("done", "pause"), [(0, 0.01), (1, 0.0)])
def test_ctrl_c_twice_ends_all_without_a_traceback(done, pause, tmp_path, samples):
    process = synthetic.start(tmp_path / "out", done, "--images", samples)
    others = synthetic.children(process.pid)
    for _ in range(2):
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does, to all in the foreground
        time.sleep(pause)
    out, printed = process.communicate(timeout=20)
    assert process.returncode == 130
    assert out == ""
    *before, last = printed.splitlines()
    assert last.startswith("glimpse: error: interrupted; what is done is in ")
    assert last.endswith("trials.jsonl, and --resume goes on")
    assert all(line.startswith("glimpse: chunk") for line in before)
    assert synthetic.gone(others)


@ON_LINUX
def test_the_processes_end_when_the_first_is_killed(tmp_path, samples):
    process = synthetic.start(tmp_path / "out", 1, "--images", samples)
    others = synthetic.children(process.pid)
    assert len(others) >= 2
    process.kill()
    _, printed = process.communicate(timeout=20)  # ends when all have let go of standard error
    assert synthetic.gone(others)
    assert "Traceback" not in printed


# The command


@pytest.fixture
def words(tmp_path, samples, monkeypatch):
    """Give the command line of a run that is over in seconds."""
    less = {"adam_looks": 8, "lm_looks": 6, "rates": (0.25,), "conditions": designs.QUICK["conditions"][:2]}
    monkeypatch.setattr(designs, "QUICK", designs.QUICK | less)
    return ["study", "training", "--images", str(samples), "--quick", "--strides", "2", "--offsets", "0.1",
            "--trials", "1", "-j", "1", "-o", str(tmp_path / "out")]  # fmt: skip


def test_the_command_line_of_training(words, tmp_path, capsys, samples):
    folder = tmp_path / "out"
    assert cli.run(words) == 0
    printed = capsys.readouterr()
    assert printed.out.startswith("Gaussian attention is easier to train than the spatial transformer")
    assert f"3 of the {len(scenes.find_photos(str(samples)))} photos in {samples} are used" in printed.err
    assert "success_translation.png" in printed.err
    assert cli.run(words) == 2
    assert "exists; give --resume to go on with it" in capsys.readouterr().err
    assert cli.run([*words, "--resume", "--overwrite"]) == 2
    assert "go on, or start anew" in capsys.readouterr().err
    (folder / "report.md").write_text("old")
    assert cli.run([*words, "--resume", "-q"]) == 0
    again = capsys.readouterr()
    assert (again.out, again.err) == (printed.out, "")
    assert (folder / "report.md").read_text().startswith("# Is Gaussian")


@pytest.mark.parametrize("name", REPORTS)
@pytest.mark.parametrize("more", [[], ["--resume"]])
def test_files_of_others_are_not_replaced(name, more, words, tmp_path, capsys):
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / name).write_text("mine")
    assert cli.run([*words, *more]) == 2
    printed = capsys.readouterr().err
    assert f"{folder / name} exists; give --overwrite" in printed
    assert printed.count("\n") == 1
    assert [path.name for path in folder.iterdir()] == [name]
    assert (folder / name).read_text() == "mine"


def test_no_report_is_replaced_if_one_cannot_be(small, finished, tmp_path):
    done = running.run(small, str(finished), jobs=1, mechanisms=FEW, resume=True)
    (tmp_path / "sigmas.png").mkdir()
    (tmp_path / "cells.csv").write_text("old")
    with pytest.raises(GlimpseError, match=r"sigmas\.png is a folder"):
        report.export_training(done, summarise(done), str(tmp_path), overwrite=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cells.csv", "sigmas.png", report.TRIALS]
    assert (tmp_path / "cells.csv").read_text() == "old"


def test_a_photo_that_is_too_small_is_named_before_anything_is_made(tmp_path, monkeypatch, samples, capsys):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "photos"
    folder.mkdir()
    for number, path in enumerate(scenes.find_photos(str(samples))[:3]):
        (folder / f"{number}.png").symlink_to(path)
    Image.new("L", (30, 30)).save(folder / "3.png")
    assert cli.run(["study", "training", "--images", "photos", "--strides", "2", "-o", "out"]) == 2
    assert "image 3 of photos, 30x30, has no place for a window of 3" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_photo_that_is_not_used_is_no_part_of_the_experiment(words, tmp_path, samples, at_once, capsys):
    folder = tmp_path / "photos"
    folder.mkdir()
    for number, path in enumerate(scenes.find_photos(str(samples))[:3]):
        (folder / f"{number}.png").symlink_to(path)
    words[words.index(str(samples))] = str(folder)
    assert cli.run([*words, "-q"]) == 0
    count = len(at_once)
    Image.new("L", (9, 9)).save(folder / "z.png")
    assert cli.run([*words, "--resume"]) == 0
    assert "3 of the 4 photos" in capsys.readouterr().err
    assert len(at_once) == count


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--images", "nowhere"], "--images FOLDER"),
        (["--strides", "0"], "not positive"),
        (["--offsets", "3"], "'3' has an offset that is not from 0 to 2; write offsets such as"),
        (["--offsets", "-1,1"], "not from 0 to 2"),
        (["--offsets", "nan"], "'nan' is no list of numbers; write offsets"),
        (["--offsets", "0.1,"], "is no list of numbers"),
        (["--offsets", "0.015,1"], "--offsets 0.015: a start within 0.25 strides counts as found"),
        (["--offsets", ",".join(map(str, range(101)))], "101 offsets; give at most 100"),
        (["--trials", "0"], "--trials"),
        (["-o", ""], "'' names no folder"),
        (["-o", "file"], "file is a file and no folder"),
    ],
)
def test_a_bad_option_is_one_line(words, said, monkeypatch, samples, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("")
    assert cli.run(["study", "training", "--images", str(samples), *words]) == 2
    printed = capsys.readouterr().err
    assert said in printed
    assert printed.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_the_default_photos_are_those_of_glimpse_samples(monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    assert cli.run(["study", "training"]) == 2
    assert capsys.readouterr().err == (
        "glimpse: error: there is no folder sample_images here; make it with `glimpse samples`, or name a folder of "
        "photos with --images FOLDER\n"
    )


def test_offsets_are_each_once_and_in_order():
    from glimpsecli.commands.study_values import OffsetsValue

    assert OffsetsValue().parse(" 2,0.5,-0,0.5") == (0.0, 0.5, 2.0)
