"""One runner: the same failure gives the same exit code and the same kind of summary in every command."""

import itertools
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from glimpsecli import cli
from glimpsecli.images import pillow
from glimpsecli.jobs import engine

WINDOW = "--box 2,2,20,16"
COMMANDS = {
    "extract": f"{WINDOW} -o out/",
    "mask": f"{WINDOW} -o out/",
    "overlay": f"{WINDOW} -o out/",
    "compare": f"{WINDOW} -o out/",
    "gradient": "--box 10,10,12,12 --size 4 --steps 5 -o out/",
    "batch": f"{WINDOW} -o out",
}
SUMMARY = r"glimpse: \d+ (glimpse|mask|picture)s? written to out/(, \d+ failed)?( in .* images/s)?"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(pillow._PLUGINS, "HEIF", ("no_such_package", "Nothing"))
    y, x = np.mgrid[:40, :60]
    photo = np.stack([x * 4, y * 6, (x * 7 + y * 13) % 256], -1).astype(np.uint8)
    for name in "ab":
        Image.fromarray(photo).save(f"good_{name}.png")
        Path(f"cut_{name}.png").write_bytes(Path(f"good_{name}.png").read_bytes()[:200])
        Path(f"frames_{name}.png").write_bytes(Path(f"good_{name}.png").read_bytes())
        Path(f"phone_{name}.heic").write_bytes(b"\0\0\0\x18ftypheic" + bytes(64))


@pytest.fixture
def glimpse(capsys):
    def run(line):
        shutil.rmtree("out", ignore_errors=True)
        code = cli.run(line.split())
        return code, *capsys.readouterr()

    return run


def lines_of(err):
    """Give the lines but those of progress, which come where compiling takes longer than ten seconds."""
    return [line for line in err.splitlines() if not re.fullmatch(r"glimpse: \d+ of \d+ images", line)]


FAILURES = {
    "damaged": ("cut_{}.png", "", 1),
    "no such frame": ("frames_{}.png", "--frame 5", 2),
    "no decoder": ("phone_{}.heic", "", 3),
    "not there": ("nowhere_{}.png", "", 2),
}


@pytest.mark.parametrize(("command", "failure"), list(itertools.product(COMMANDS, FAILURES)))
def test_a_failure_has_one_exit_code_and_one_kind_of_summary(glimpse, command, failure):
    name, option, expected = FAILURES[failure]
    one, two = name.format("a"), name.format("b")
    before = failure == "not there"
    for images, failures in ((one, 1), (f"{one} {two}", 2)):
        code, out, err = glimpse(f"{command} {images} {COMMANDS[command]} {option}")
        *lines, last = lines_of(err)
        assert (code, out) == (expected, "")
        if before or failures == 1:
            lines.append(last)
        else:
            assert re.fullmatch(SUMMARY, last)
        assert "0 " in last or len(lines) == 1
        assert [line.startswith("glimpse: error: ") for line in lines] == [True] * (1 if before else failures)
    if before or failure == "no such frame":
        return
    code, out, err = glimpse(f"{command} good_a.png {one} {COMMANDS[command]}")
    assert (code, out) == (1, "")
    error, summary = lines_of(err)
    assert error.startswith("glimpse: error: ")
    assert re.fullmatch(SUMMARY, summary)
    assert "1 " in summary
    assert summary.partition(" in ")[0].endswith(", 1 failed")


@pytest.mark.parametrize(("failure", "expected"), [("damaged", 1), ("no decoder", 3), ("not there", 2)])
def test_paste_fails_alike_for_the_image_and_for_each_glimpse(glimpse, failure, expected):
    one, two = (FAILURES[failure][0].format(letter) for letter in "ab")
    for line in (
        f"paste good_a.png --onto {one} -o out/",
        f"paste {one} --onto good_a.png -o out/",
        f"paste {one} {two} --onto good_a.png --box 1,1,9,9 --box 5,5,9,9 -o out/",
    ):
        code, out, err = glimpse(line)
        assert (code, out, len(lines_of(err))) == (expected, "", 1)
        assert not os.path.exists("out") or not os.listdir("out")


@pytest.mark.parametrize("command", COMMANDS)
def test_one_image_and_two_are_summed_up_alike(glimpse, command):
    summaries = [
        glimpse(f"{command} {images} {COMMANDS[command]}") for images in ("good_a.png", "good_a.png good_b.png")
    ]
    for number, (code, out, err) in enumerate(summaries, 1):
        assert (code, out) == (0, "")
        (summary,) = lines_of(err)
        assert re.fullmatch(SUMMARY, summary)
        assert summary.startswith(f"glimpse: {number} ")
    if command == "batch":
        return
    for images in ("good_a.png", "good_a.png good_b.png"):
        code, out, err = glimpse(f"{command} {images} {COMMANDS[command]} --json")
        assert (code, err) == (0, "")
        assert [json.loads(line)["source"] for line in out.splitlines()] == images.split()


def test_the_bytes_do_not_depend_on_how_many_images_are_worked_on_at_once(glimpse):
    found = []
    for jobs in ("-j 1", "-j 4", "", "--threads 2"):
        images = "good_a.png frames_a.png good_b.png frames_b.png"
        assert glimpse(f"extract {images} {WINDOW} --size 9x7 -o all.npz --overwrite {jobs}")[0] == 0
        found.append(Path("all.npz").read_bytes())
    assert found.count(found[0]) == len(found)
    for dry in ("", "--dry-run"):
        code, _, err = glimpse(f"extract good_a.png good_b.png {WINDOW} -o all.npz --overwrite -j 2 --threads 2 {dry}")
        assert (code, "-j 2 with --threads 2" in err) == (2, True)


def test_a_container_says_that_it_is_not_written(glimpse):
    code, _, err = glimpse(f"extract good_a.png cut_a.png {WINDOW} -o all.npz")
    assert code == 1
    assert "all.npz is not written: it holds the glimpses of all images or none" in err
    assert not os.path.exists("all.npz")


@pytest.mark.parametrize("option", ["extract --windows", "batch --windows", "batch --annotations", "batch --from-file"])
def test_an_empty_name_is_no_file_and_not_none(capsys, option):
    """A shell gives one for a variable that is not set."""
    command, flag = option.split()
    code = cli.run([command, "good_a.png", flag, "", "-o", "out/"])
    err = capsys.readouterr().err
    assert (code, err.count("\n"), "''" in err) == (2, 1, True)


@pytest.mark.parametrize(("failure", "expected"), [("damaged", 1), ("no decoder", 3)])
def test_a_table_of_hot_regions_fails_as_a_picture_does(glimpse, failure, expected):
    np.save("map.npy", np.eye(3, dtype=np.float32))
    image = FAILURES[failure][0].format("a")
    code, _, err = glimpse(f"overlay {image} --map map.npy --to-boxes otsu -o boxes.csv")
    assert (code, err.count("error: ")) == (expected, 1)
    assert not os.path.exists("boxes.csv")


def test_a_table_on_a_standard_output_that_is_closed_is_refused(monkeypatch, capsys):
    np.save("map.npy", np.eye(3, dtype=np.float32))
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", None)
        code = cli.run(["overlay", "good_a.png", "--map", "map.npy", "--to-boxes", "otsu", "-o", "-"])
    assert (code, "standard output is closed; name a file" in capsys.readouterr().err) == (2, True)


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_a_container_is_not_written_when_a_run_is_interrupted(glimpse, monkeypatch):
    run = engine.run

    def interrupted(*arguments, **options):
        for done in run(*arguments, **options):
            yield done
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(engine, "run", interrupted)
    code, _, err = glimpse(f"extract good_a.png good_b.png frames_a.png {WINDOW} -o all.npz -j 1")
    assert (code, os.path.exists("all.npz")) == (130, False)
    assert "all.npz is not written" in err


def test_a_dry_run_tells_the_problems_that_a_real_run_would(glimpse):
    Path("boxes.csv").write_text(
        "image,x,y,width,height\ngood_a.png,5,5,10,10\nstranger.png,1,1,5,5\ngood_b.png,5,5,-1,10\n"
    )
    options = "batch good_a.png good_b.png --annotations boxes.csv -o out"
    code, _, err = glimpse(options)
    problems = [line for line in err.splitlines() if "error" in line]
    assert (code, len(problems)) == (1, 2)
    code, out, dry = glimpse(f"{options} --dry-run")
    assert code == 1
    assert [line for line in dry.splitlines() if "error" in line] == problems
    assert out.count("good_a.png") == 1
    assert not os.path.exists("out")


def test_a_dry_run_refuses_the_folder_that_a_real_run_would(glimpse, capsys):
    line = f"batch good_a.png good_b.png {WINDOW} -o out"
    assert glimpse(line)[0] == 0
    for option in ("", " --overwrite", " --resume", " --resume --size 5"):
        dry = cli.run(f"{line}{option} --dry-run".split()), capsys.readouterr().err
        real = cli.run(f"{line}{option}".split()), capsys.readouterr().err
        assert dry[0] == real[0] == (0 if option in (" --overwrite", " --resume") else 2)
        if dry[0]:
            assert dry[1] == real[1]


def test_a_dry_run_warns_of_a_window_that_sees_nothing(glimpse):
    line = "extract good_a.png --box 100,100,5,5 -o out/"
    warnings = [lines_of(glimpse(f"{line}{option}")[2])[0] for option in ("", " --dry-run")]
    assert warnings == ["glimpse: out/good_a_000.png: its window lies outside the image"] * 2


def test_a_batch_is_not_written_to_standard_output(glimpse):
    code, _, err = glimpse("batch good_a.png -o -")
    assert (code, "-o -" in err, os.path.exists("-")) == (2, True, False)


def test_a_dry_run_tells_the_maps_that_cannot_be_read(glimpse):
    os.mkdir("maps")
    np.save("maps/good_a.npy", np.eye(3, dtype=np.float32))
    Path("maps/good_b.npy").write_text("no array")
    real = glimpse("overlay good_a.png good_b.png --map maps -o out/")
    dry = glimpse("overlay good_a.png good_b.png --map maps -o out/ --dry-run")
    assert (real[0], dry[0]) == (1, 1)
    errors = [[line for line in err.splitlines() if "error" in line] for _, _, err in (real, dry)]
    assert errors[0] == errors[1] != []


def test_a_reader_of_json_that_leaves_early_does_not_stop_the_work():
    images = []
    for number in range(60):
        shutil.copy("good_a.png", f"many_{number}.png")
        images.append(f"many_{number}.png")
    command = [sys.executable, "-m", "glimpsecli", "extract", *images, *WINDOW.split(), "-o", "out/", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0
    assert len(os.listdir("out")) == len(images)
