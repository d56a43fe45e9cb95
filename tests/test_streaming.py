"""Batches whose images are planned while they come: in natural order, in bounded memory, checked in time."""

import json
import os
import threading
import tracemalloc
from itertools import chain
from pathlib import Path

import numpy as np
import pytest
from conftest import examples
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from glimpsecli import cli
from glimpsecli.commands import running
from glimpsecli.errors import FileProblemError, InvalidInputError
from glimpsecli.images.ordering import natural_key
from glimpsecli.jobs import batch as batches
from glimpsecli.jobs import manifest, spool
from glimpsecli.jobs.batching import make_batch
from glimpsecli.jobs.clips import Clips
from glimpsecli.jobs.frames import FrameChoice
from glimpsecli.jobs.groups import Group, Source
from glimpsecli.jobs.plan import How, Output
from glimpsecli.jobs.requests import BoxRequest
from glimpsecli.jobs.sources import Sources
from glimpsecli.jobs.spool import Hashes, Spool
from glimpsecli.storage import atomic

PARTS = st.text(st.sampled_from("ab19-0_ .é"), min_size=1, max_size=3).filter(lambda text: not text.startswith("."))


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def run(capsys):
    def run(line):
        code = cli.run(["batch", *line.split()])
        return code, capsys.readouterr().err

    return run


def photos(*names):
    for number, name in enumerate(names):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((6, 8, 3), number, np.uint8)).save(name)


def snapshot(root="out"):
    return {str(path.relative_to(root)): path.read_bytes() for path in Path(root).rglob("*") if path.is_file()}


@given(
    paths=st.lists(st.tuples(st.sampled_from(["one", "two"]), st.lists(PARTS, min_size=1, max_size=3)), min_size=1),
    held=st.sampled_from([1, 3, 50]),
)
@settings(parent=examples(60), suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_images_come_in_the_natural_order_of_all_of_them(paths, held, tmp_path_factory, monkeypatch):
    monkeypatch.setattr(spool, "HELD", held)
    monkeypatch.setattr(spool, "BLOCK", 2)
    os.chdir(tmp_path_factory.mktemp("tree"))
    there = set()
    for root, parts in paths:
        path = Path(root, *parts[:-1], f"{parts[-1]}.png")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch(exist_ok=True)
        except OSError:  # a folder has this name, or a file that of a folder
            continue
        there.add((str(path), str(path.relative_to(root))))
    roots = sorted({path.split("/")[0] for path, _ in there})
    found = [(source.path, source.relative) for source in Sources(roots, output="out")]
    assert [one[1] for one in found] == sorted((one[1] for one in there), key=natural_key)
    assert set(found) == there
    Path("list.txt").write_text("\n".join(path for path, _ in there))
    listed = Sources([], lists=["list.txt"], output="out")
    assert [source.path for source in listed] == sorted((path for path, _ in there), key=natural_key)
    for sources in (Sources(roots, output="out"), listed):
        assert [*sources.count(threading.Event())][-1] == len(there)
        assert [source for group in sources.groups() for source in sources.group(group.folder).sources] == [
            source for group in sources.groups() for source in group.sources
        ]


@given(st.lists(st.integers(-5, 5)), st.sampled_from([1, 2, 7]))
def test_a_spool_is_a_stable_sort(numbers, held):
    before, spool.HELD = spool.HELD, held
    try:
        pairs = list(enumerate(numbers))
        found = Spool(lambda pair: pair[1], pairs)
        assert [*found] == [*found] == sorted(pairs, key=lambda pair: pair[1])
        assert [*Spool(None, pairs)] == pairs
        assert len(found) == len(pairs)
    finally:
        spool.HELD = before


def test_hashes_find_what_came_twice():
    found = Hashes()
    for text in "abcbd":
        found.add(text)
    assert "d" in found
    assert "e" not in found
    assert [text for text in "abcd" if text in found.repeated()] == ["b"]
    found.add("a")
    assert "a" in found
    assert [text for text in "abcd" if text in found.repeated()] == ["a", "b"]
    assert len(Hashes().repeated()) == 0
    assert "a" not in Hashes()


def test_hashes_are_compared_in_their_place():
    found, many = Hashes(), 100_000
    for number in range(many):
        found.add(str(number))
    tracemalloc.start()
    assert len(found.repeated()) == 0
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4 * many


class Generated:
    """Images that nobody has, in as many folders as wanted."""

    failures = {}  # noqa: RUF012

    def __init__(self, folders, each):
        self.folders, self.each = folders, each

    def groups(self, left_out=None):
        for number in range(self.folders):
            names = (f"{number}/{index}.jpg" for index in range(self.each))
            yield Group(str(number), Spool(None, (Source(f"in/{name}", name) for name in names)))

    def __iter__(self):
        return (source for group in self.groups() for source in group.sources)

    def finds(self, real):
        return None

    def count(self, stop):
        return iter([self.folders * self.each])


def planned(sources, **more):
    return make_batch(sources, [BoxRequest()], How(), Output("out/"), FrameChoice(Clips()), **more)


def test_memory_holds_a_few_images_of_many(monkeypatch):
    monkeypatch.setattr(batches, "AHEAD", 100)
    peaks = []
    for folders in (10, 60):
        batch = planned(Generated(folders, 100))
        tracemalloc.start()
        assert sum(1 for _ in batch.items()) == folders * 100
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 100_000  # 5,000 more items are ten times as much


def test_the_total_is_known_before_the_last_image_is_planned(monkeypatch):
    monkeypatch.setattr(batches, "AHEAD", 10)
    batch = planned(Generated(30, 4))
    items = batch.items()
    next(items)
    for thread in threading.enumerate():
        if thread.name == "glimpse-count":
            thread.join()
    assert batch.total == 120
    assert sum(1 for _ in items) == 119
    assert batch.total == 120


def test_a_part_of_the_plan_is_a_part_of_the_images(monkeypatch):
    monkeypatch.setattr(batches, "AHEAD", 3)
    whole = [item.source for item in planned(Generated(5, 5)).items()]
    parts = [[item.source for item in planned(Generated(5, 5), part=(n, 3)).items()] for n in (1, 2, 3)]
    assert [*chain(*parts)] == whole
    assert [len(one) for one in parts] == [8, 8, 9]


def test_a_folder_far_ahead_is_refused_when_its_turn_comes_and_what_was_made_is_kept(run, monkeypatch):
    monkeypatch.setattr(batches, "AHEAD", 1)
    photos(*(f"in/{folder}/{name}" for folder in "abc" for name in ("1.png", "2.png")), "in/c/1.jpg")
    code, err = run("in -o out -j 1")
    assert (code, "would hold glimpses of both" in err) == (2, True)
    made = Path("out/metadata.jsonl").read_text().splitlines()
    assert [json.loads(line)["source"] for line in made] == ["in/a/1.png", "in/a/2.png", "in/b/1.png", "in/b/2.png"][
        : len(made)
    ]
    assert len(made) >= 3
    Path("in/c/1.jpg").unlink()
    assert run("in -o out --resume")[0] == 0
    assert run("in -o clean")[0] == 0
    assert {k: v for k, v in snapshot().items() if k != "run.json"} == {
        k: v for k, v in snapshot("clean").items() if k != "run.json"
    }


def test_folders_within_each_other_and_links_are_refused(run):
    photos("in/a/1.png", "in/b/2.png", "else/3.png")
    for line in ("in in/a", "in/a in", "in in", "in in/b/2.png", "in in/*/1.png"):
        code, err = run(f"{line} -o out")
        assert (code, "is given" in err) == (2, True), line
    Path("in/a/far.png").symlink_to(Path("else/3.png").resolve())
    Path("in/b/far.png").symlink_to(Path("else/3.png").resolve())
    code, err = run("in -o out")
    assert (code, "in/b/far.png is given also as in/a/far.png" in err) == (2, True)
    Path("in/b/far.png").unlink()
    assert run("in -o out")[0] == 0
    assert run("in else -o out2")[0] == 2


def test_a_source_below_the_output_is_not_replaced(run):
    photos("data/images/a.png", "data/images/images/b.png")
    photos("data/images/b.png")
    before = snapshot("data")
    for more in ("", " --overwrite"):
        code, err = run(f"data/images -o data --name {{stem}}{more}")
        assert (code, "data/images/b.png is the input data/images/b.png" in err) == (2, True)
        assert snapshot("data") == before


def test_a_run_that_is_killed_while_it_resumes_loses_no_line(run, monkeypatch):
    photos(*(f"in/{number}.png" for number in range(9)))
    assert run("in -o out -j 1")[0] == 0
    assert run("in -o clean -j 1")[0] == 0
    for name in ("2", "6"):
        Path(f"out/{name}_000.png").unlink()
    settled = manifest.Manifest._settle_lines

    class Killed(BaseException):
        pass

    def add(self, done):
        adding(self, done)
        if done.source == "in/4.png":
            self._write_rest()
            monkeypatch.setattr(manifest.Manifest, "_settle_lines", lambda self, complete=False: None)
            raise Killed

    adding = manifest.Manifest.add
    monkeypatch.setattr(manifest.Manifest, "add", add)
    with pytest.raises(Killed):
        cli.run(["batch", "in", "-o", "out", "-j", "1", "--resume"])
    monkeypatch.setattr(manifest.Manifest, "add", adding)
    monkeypatch.setattr(manifest.Manifest, "_settle_lines", settled)
    lines = Path("out/metadata.jsonl").read_text().splitlines()
    assert len(lines) == 9  # those before, until the run ends
    code, err = run("in -o out -j 1 --resume")
    assert (code, "1 glimpse of 1 image written to out/, 8 images skipped" in err) == (0, True), err
    assert {k: v for k, v in snapshot().items() if k != "run.json"} == {
        k: v for k, v in snapshot("clean").items() if k != "run.json"
    }


def test_progress_goes_on_while_the_files_are_checked_at_the_end(run, monkeypatch):
    photos("in/a.png", "in/b.png", "in/c.png")
    monkeypatch.setattr(running, "LOG_EVERY", -1.0)
    code, err = run("in -o out --tiles 2x1")
    assert code == 0
    shown = [line for line in err.splitlines() if " of " in line]
    assert shown == [f"glimpse: {n} of 3 images" for n in (1, 2, 3)] + [f"glimpse: {n} of 6 lines" for n in range(1, 7)]


def test_an_image_of_another_suffix_takes_the_place_of_one_that_is_gone(run):
    photos("in/a.png", "in/b.png", "in/c/d.png")
    assert run("in -o out")[0] == 0
    Image.open("in/b.png").save("in/b.bmp")
    Path("in/b.png").unlink()
    code, err = run("in -o out --resume")
    assert (code, "1 glimpse of 1 image written to out/, 2 images skipped" in err) == (0, True), err
    assert run("in -o clean")[0] == 0
    assert (Path("out/metadata.jsonl").read_text()) == Path("clean/metadata.jsonl").read_text()


@pytest.mark.parametrize("name", ["{stem}", "x/{stem}", "./{label}/./{stem}"])
def test_names_in_folders_are_found_again(run, name):
    photos("in/a.png", "in/b.png", "in/c/d.png", "in/c/10.png", "in/c/9.png")
    assert run(f"in -o out --name {name}")[0] == 0
    lines = Path("out/metadata.jsonl").read_bytes()
    code, err = run(f"in -o out --name {name} --resume")
    assert (code, "0 glimpses written to out/, 5 images skipped" in err) == (0, True)
    assert Path("out/metadata.jsonl").read_bytes() == lines


def test_a_long_list_is_read_line_by_line_and_its_lines_are_numbered(run, monkeypatch):
    monkeypatch.setattr(spool, "HELD", 4)
    photos(*(f"in/{number}.png" for number in range(12)))
    names = [f"in/{number}.png" for number in (11, 3, 5, 0, 1, 2, 4, 6, 7, 8, 9, 10)]
    Path("list.txt").write_text("\r\n".join(names) + "\r\n\r\n")
    assert run("--from-file list.txt -o out")[0] == 0
    made = [json.loads(line)["source"] for line in Path("out/metadata.jsonl").read_text().splitlines()]
    assert made == sorted(names, key=natural_key)
    Path("list.txt").write_text("\n".join([*names, "", "in/none.png"]))
    code, err = run("--from-file list.txt -o out2")
    assert (code, "list.txt, line 14: in/none.png does not exist" in err) == (2, True)
    Path("list.txt").write_text("\n".join([*names, names[4]]))
    code, err = run("--from-file list.txt -o out2")
    assert (code, "in/1.png is given twice" in err) == (2, True)
    with pytest.raises(InvalidInputError, match="no image is left"):
        Sources([], lists=["list.txt"], exclude=["*"], output="out")


def test_a_file_that_no_line_tells_of_is_not_replaced_by_a_run_that_goes_on(run, monkeypatch):
    monkeypatch.setattr(batches, "AHEAD", 2)
    photos(*(f"in/{number}.png" for number in range(9)))
    Path("out").mkdir()
    Path("out/7_000.png").write_bytes(b"mine")
    assert run("in -o out -j 1")[0] == 2
    code, err = run("in -o out -j 1 --resume")
    assert (code, "7_000.png exists already" in err) == (1, True)
    assert Path("out/7_000.png").read_bytes() == b"mine"
    Path("out/7_000.png").unlink()
    assert run("in -o out -j 1 --resume")[0] == 0
    assert len(Path("out/metadata.jsonl").read_text().splitlines()) == 9


def test_a_part_that_goes_on_leaves_the_temporary_files_of_others(run):
    photos(*(f"in/{number}.png" for number in range(6)))
    assert run("in -o out --part 2/2")[0] == 0
    mine, other = (Path(f"out/.{number}_000.png.0123456789ab.glimpse-tmp") for number in (5, 0))
    mine.write_bytes(b"half")
    other.write_bytes(b"half")
    assert run("in -o out --part 2/2 --resume")[0] == 0
    assert (mine.exists(), other.exists()) == (False, True)


def test_two_empty_manifests_do_not_stop_a_run_that_goes_on(run):
    photos("in/a.png")
    assert run("in -o out")[0] == 0
    Path("out/a_000.png").unlink()
    Path("out/metadata.jsonl").write_bytes(b"")
    Path(f"out/{manifest.RESUMED}").write_bytes(b"")
    assert run("in -o out --resume")[0] == 0
    assert len(Path("out/metadata.jsonl").read_text().splitlines()) == 1


def test_a_second_writer_of_a_manifest_is_noticed(run, monkeypatch):
    photos("in/a.png", "in/b.png")
    rest = manifest.Manifest._write_rest

    def doubled(self):
        rest(self)
        lines = Path("out/metadata.jsonl").read_text()
        with open("out/metadata.jsonl", "a") as file:
            file.write(lines)

    monkeypatch.setattr(manifest.Manifest, "_write_rest", doubled)
    code, err = run("in -o out")
    assert (code, "has 4 lines of the 2 that were written" in err) == (1, True)


def test_the_total_of_a_part_is_its_own(monkeypatch):
    monkeypatch.setattr(batches, "AHEAD", 3)
    batch = planned(Generated(5, 8), part=(2, 4))
    items = batch.items()
    next(items)
    assert batch.total == 10


@pytest.mark.parametrize("workers", ["1", "3"])
def test_a_full_disk_ends_the_run_with_one_line(run, monkeypatch, workers):
    photos(*(f"in/{number}.png" for number in range(9)))
    placed = []

    def place(target, write, *, overwrite):
        placed.append(target)
        if len(placed) > 2:
            raise atomic.explained(target, OSError(28, "No space left on device"))
        atomic.place(target, write, overwrite=overwrite)

    with monkeypatch.context() as full:
        full.setattr("glimpsecli.jobs.engine.place", place)
        code, err = run(f"in -o out -j {workers}")
    assert (code, err.count("no space left"), err.count("\n")) == (1, 1, 1), err
    assert run("in -o out --resume")[0] == 0
    assert len([*Path("out").rglob("*.png")]) == 9


def test_a_full_temporary_disk_is_named(monkeypatch):
    monkeypatch.setattr(spool, "HELD", 2)

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tempfile.TemporaryFile", full)
    with pytest.raises(FileProblemError, match=r"cannot hold the sorted names: No space.*TMPDIR"):
        Spool(None, range(5))
