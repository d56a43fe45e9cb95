"""Standard output and standard error in any locale, behind any pipe; folders and files that the system refuses."""

import builtins
import errno
import io
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from glimpsecli.commands import console

NAMES = ["\u732b.png".encode(), b"x\xff.png"]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A fresh folder with a photo."""
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (60, 40)).save("photo.png")
    return tmp_path


@pytest.fixture(params=["ascii", "latin-1"])
def locale(request, tmp_path):
    """The environment of a locale that is not UTF-8."""
    bare = {name: value for name, value in os.environ.items() if not name.startswith(("LC_", "LANG", "PYTHON"))}
    bare |= {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "LC_ALL": "C"}
    if request.param == "latin-1":
        made = tmp_path / "en_US.ISO-8859-1"
        if shutil.which("localedef") is None:
            pytest.skip("there is no localedef to make the locale")
        subprocess.run(["localedef", "-i", "en_US", "-f", "ISO-8859-1", made], check=False, capture_output=True)
        if not made.exists():
            pytest.skip("the locale cannot be made here")
        bare |= {"LOCPATH": str(tmp_path), "LC_ALL": made.name}
    return bare


def run(arguments, env=None):
    done = subprocess.run([sys.executable, "-m", "glimpsecli", *arguments], capture_output=True, env=env, check=False)
    assert b"Traceback" not in done.stderr
    return done


def test_names_that_the_locale_does_not_have(locale):
    """They are opened, written and printed byte for byte."""
    for name in NAMES:
        shutil.copy("photo.png", name)
    done = run([b"extract", *NAMES, b"--box", b"0,0,5,5", b"-o", b"out/"], locale)
    assert done.returncode == 0, done.stderr
    assert sorted(os.listdir(b"out")) == sorted(name[:-4] + b"_000.png" for name in NAMES)
    done = run([b"extract", *NAMES, b"--box", b"0,0,5,5", b"-o", b"new/", b"--dry-run"], locale)
    assert done.returncode == 0
    assert all(name + b" -> new/" + name[:-4] + b"_000.png" in done.stdout for name in NAMES)
    done = run([b"extract", b"no-" + NAMES[0], b"-o", b"x.png"], locale)
    assert (done.returncode, done.stderr.count(b"\n")) == (2, 1)


def test_a_label_that_the_locale_does_not_have_is_no_file_name(locale):
    Path("windows.csv").write_text("x,y,width,height,label\n1,1,5,5,\u72d7\n", encoding="utf-8")
    line = "extract photo.png --windows windows.csv -o out/"
    done = run([*line.split(), "--name", "{label}"], locale)
    assert (done.returncode, done.stderr.count(b"\n")) == (2, 1)
    assert b"'\\u72d7.png' cannot be a file name in this locale" in done.stderr
    assert run([*line.split(), "--json"], locale).returncode == 0


def test_any_text_can_be_printed(monkeypatch):
    stream = io.TextIOWrapper(io.BytesIO(), encoding="latin-1", errors="strict")
    monkeypatch.setattr(sys, "stdout", stream)
    monkeypatch.setattr(sys, "stderr", sys.stderr)
    console.prepare()
    stream.write("\u03c3 \u00d7 \udcff")
    stream.flush()
    assert stream.buffer.getvalue() == b"\\u03c3 \xd7 \\udcff"


@pytest.mark.parametrize(
    "line",
    [
        "--help",
        "extract --help",
        "--version",
        "info",
        "bench --list",
        "batch . --dry-run -o out",
        "extract photo.png --json -o x.png",
    ],
)
def test_a_reader_that_leaves_early_is_no_failure(line):
    command = f"{sys.executable} -m glimpsecli {line} | true"
    done = subprocess.run(["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True, check=False)
    assert (done.returncode, "rror" in done.stderr) == (0, False)


def test_a_reader_of_the_messages_that_leaves_does_not_stop_the_work():
    for number in range(3):
        shutil.copy("photo.png", f"photo{number}.png")
    command = f"{sys.executable} -m glimpsecli batch . -o out 2>&1 | true; exit ${{PIPESTATUS[0]}}"
    Path("text.png").write_text("no image")
    done = subprocess.run(["bash", "-c", command], capture_output=True, check=False)
    assert done.returncode == 1
    assert len(list(Path("out").glob("photo*.png"))) == 4


@pytest.mark.parametrize(
    "line",
    ["extract {} -o x.png", "batch {} -o out", "mask {} --box 0,0,5,5 -o x.png", "overlay {} --box 0,0,5,5 -o x.png"],
)
def test_a_current_folder_that_is_gone_is_named(glimpse, folder, line):
    Path("gone").mkdir()
    os.chdir("gone")
    os.rmdir("../gone")
    code, _, err = glimpse(line.format(folder / "photo.png"))
    assert (code, err) == (
        2,
        "glimpse: error: the current folder is gone: No such file or directory; change to another\n",
    )


def test_a_refusal_of_the_system_is_not_blamed_on_standard_output(glimpse, monkeypatch):
    def refuse(*_, **__):
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr("glimpsecli.jobs.sources.Sources", refuse)
    code, _, err = glimpse("batch . -o out")
    assert (code, err) == (1, "glimpse: error: the system refused: Too many open files; --traceback shows where\n")


@pytest.mark.parametrize(
    "line",
    [
        "extract shut.png photo.png --box 0,0,5,5 -o out/",
        "mask shut.png photo.png --box 0,0,5,5 -o out/",
        "overlay shut.png photo.png --box 0,0,5,5 -o out/",
        "batch shut.png photo.png --box 0,0,5,5 -o out",
    ],
)
def test_a_file_that_may_not_be_read_fails_alone(glimpse, monkeypatch, line):
    shutil.copy("photo.png", "shut.png")
    opening, allowed = builtins.open, os.access

    def refuse(path, *arguments, **keywords):
        if str(path).endswith("shut.png"):
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return opening(path, *arguments, **keywords)

    monkeypatch.setattr(builtins, "open", refuse)
    monkeypatch.setattr(os, "access", lambda path, mode: not str(path).endswith("shut.png") and allowed(path, mode))
    code, _, err = glimpse(line)
    assert code == 1
    assert "glimpse: error: shut.png may not be read: permission denied; check its permissions\n" in err
    assert [name for name in os.listdir("out") if name.startswith("photo")]


@pytest.mark.parametrize("line", ["extract in/a.png photo.png -o out/", "batch in/a.png photo.png -o out"])
def test_a_file_in_a_folder_that_may_not_be_searched_fails_alone(glimpse, monkeypatch, line):
    def shut(real):
        def call(path, *arguments, **keywords):
            if path == "in/a.png":
                raise PermissionError(errno.EACCES, "Permission denied", path)
            return real(path, *arguments, **keywords)

        return call

    monkeypatch.setattr(os, "stat", shut(os.stat))
    monkeypatch.setattr(builtins, "open", shut(open))
    code, _, err = glimpse(line)
    assert (code, "in/a.png may not be read" in err) == (1, True)
    assert [name for name in os.listdir("out") if name.startswith("photo")]
