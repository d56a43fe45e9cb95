"""Plans of many glimpses: nothing is asked of the system once a file, and long ones say that they go on."""

import os
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from PIL import Image

from glimpsecli.commands import planning
from glimpsecli.errors import InvalidInputError
from glimpsecli.jobs.sources import Sources


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A fresh folder with two photos in `in`, and a table of many windows."""
    monkeypatch.chdir(tmp_path)
    Path("in/sub").mkdir(parents=True)
    for name in ("in/a.png", "in/sub/b.png"):
        Image.new("RGB", (64, 48)).save(name)
    rows = "".join(f"{k % 40},{k % 30},8,8\n" for k in range(2000))
    Path("windows.csv").write_text("x,y,width,height\n" + rows)
    return tmp_path


@pytest.mark.parametrize(
    "command", ["batch in --windows windows.csv -o out", "extract in/a.png --windows windows.csv -o out/"]
)
def test_the_system_is_not_asked_for_each_target(glimpse, monkeypatch, command):
    asked = []

    def counted(real):
        def call(*arguments, **keywords):
            asked.append(arguments)
            return real(*arguments, **keywords)

        return call

    monkeypatch.setattr(os, "stat", counted(os.stat))
    monkeypatch.setattr(os, "lstat", counted(os.lstat))
    monkeypatch.setattr("glimpsecli.jobs.engine.preview", lambda plan, items, *_: iter(tuple(items)[:0]))
    assert glimpse(f"{command} --dry-run")[0] == 0
    assert len(asked) < 400


def test_links_to_one_file_collide(glimpse, folder):
    """Also where a link is the only thing that makes two names one."""
    Path("out").mkdir()
    Path("out/a_000.png").symlink_to(folder / "out/a_001.png")
    code, _, err = glimpse("extract in/a.png --box 0,0,5,5 --box 1,1,5,5 -o out/ --overwrite")
    assert (code, "out/a_001.png would hold two glimpses of in/a.png" in err) == (2, True)


def test_an_input_is_found_through_links(glimpse, folder):
    Path("link").symlink_to("in")
    code, _, err = glimpse("extract in/a.png -o link/ --name {stem} --overwrite")
    assert (code, "link/a.png is the input in/a.png" in err) == (2, True)


def test_images_that_links_make_one_are_refused(glimpse):
    Path("in/z.png").symlink_to("a.png")
    code, _, err = glimpse("batch in -o out")
    assert (code, "is given also as in/a.png" in err) == (2, True)


def test_parts_may_not_collide_with_each_other(glimpse):
    code, _, err = glimpse("batch in --part 1/2 -o out --name same --exclude x")
    assert code == 0  # the folders are mirrored
    Image.new("RGB", (9, 9)).save("in/c.png")
    code, _, err = glimpse("batch in --part 1/3 -o out2 --name same")
    assert (code, "would hold glimpses of both" in err) == (2, True)


def test_a_folder_that_takes_no_files_is_found_before_work(glimpse, monkeypatch):
    Path("out/sub").mkdir(parents=True)
    opening = os.open

    def refuse(path, flags, *arguments, **keywords):
        if flags & os.O_CREAT and Path(path).is_relative_to(Path("out/sub").resolve()):
            raise PermissionError(13, "Permission denied")
        return opening(path, flags, *arguments, **keywords)

    monkeypatch.setattr("os.open", refuse)
    code, _, err = glimpse("batch in -o out")
    assert (code, err.count("\n")) == (2, 1)
    assert "out/sub/b_000.png cannot be written" in err
    assert "Permission denied" in err
    assert not list(Path("out").rglob("*.png"))


def test_a_long_plan_says_so(glimpse, monkeypatch):
    groups = Sources.groups

    def slow(*arguments, **keywords):
        time.sleep(0.2)
        return groups(*arguments, **keywords)

    monkeypatch.setattr(Sources, "groups", slow)
    monkeypatch.setattr(planning, "SAID_EVERY", 0.05)
    assert "still planning, for" in glimpse("batch in -o out")[2]
    assert "still planning" not in glimpse("batch in -o out --overwrite -q")[2]
    assert "still planning" not in glimpse("extract in/a.png -o a.png")[2]


def test_connecting_is_no_planning(glimpse, monkeypatch):
    @contextmanager
    def cluster_at(*_, **keywords):
        time.sleep(0.2)
        raise InvalidInputError("no scheduler answers")
        yield

    monkeypatch.setattr("glimpsecli.jobs.connecting.cluster_at", cluster_at)
    monkeypatch.setattr(planning, "SAID_EVERY", 0.05)
    code, _, err = glimpse("batch in -o out --scheduler tcp://nobody:1")
    assert (code, "still connecting to tcp://nobody:1, for" in err) == (2, True)
