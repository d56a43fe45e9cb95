"""What `glimpse batch --resume` and `glimpse replay` make of damage: the same bytes, or a line that names it."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT, examples
from hypothesis import HealthCheck, given
from hypothesis import strategies as st
from PIL import Image

from glimpsecli import cli
from glimpsecli.jobs import resuming

BATCH = ["batch", "in", "-o", "out", "--windows", "table.csv", "--size", "5", "--backend", "numpy", "-q"]
PICTURES = 6


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A folder with photos in `in` and the finished batch of them in `out`."""
    folder = tmp_path_factory.mktemp("finished")
    before = os.getcwd()
    os.chdir(folder)
    noise = np.random.default_rng(0)
    Path("in").mkdir()
    for name in ("a.png", "b.jpg", "c.bmp"):
        Image.fromarray(noise.integers(0, 256, (20, 24, 3), dtype=np.uint8)).save(f"in/{name}")
    Path("table.csv").write_text("x,y,width,height,label\n1,2,10,9,cat\n3,1,12,14,dog\n")
    assert cli.run(BATCH) == 0
    os.chdir(before)
    return folder


@pytest.fixture
def copied(finished, tmp_path, monkeypatch):
    """A copy of that folder, where the test works."""
    shutil.copytree(finished, tmp_path / "copy")
    monkeypatch.chdir(tmp_path / "copy")


def snapshot(root="out"):
    return {str(path.relative_to(root)): path.read_bytes() for path in Path(root).rglob("*") if path.is_file()}


def pictures(root="out"):
    return {name: data for name, data in snapshot(root).items() if not name.endswith(("json", "jsonl"))}


def settled(root="out"):
    """All files, but for the folder in which the batch was run."""
    files = snapshot(root)
    files["run.json"] = json.loads(files["run.json"]) | {"folder": None}
    return files


def edit_line(number, **fields):
    lines = Path("out/metadata.jsonl").read_text().splitlines()
    row = json.loads(lines[number]) | fields
    lines[number] = json.dumps({name: value for name, value in row.items() if value != "REMOVED"})
    Path("out/metadata.jsonl").write_text("\n".join(lines) + "\n")


def edit_lines(change):
    lines = Path("out/metadata.jsonl").read_text().splitlines(keepends=True)
    Path("out/metadata.jsonl").write_text("".join(change(lines)))


def edit_run(*path, value):
    run = inner = json.loads(Path("out/run.json").read_text())
    for name in path[:-1]:
        inner = inner[name]
    if value == "REMOVED":
        del inner[path[-1]]
    else:
        inner[path[-1]] = value
    Path("out/run.json").write_text(json.dumps(run))


def overwrite(path, content):
    Path("out", path).write_bytes(content)


def swap():
    os.rename("out/a_000.png", "out/x")
    os.rename("out/a_001.png", "out/a_000.png")
    os.rename("out/x", "out/a_001.png")


def into_folder(path):
    Path(path).unlink()
    Path(path).mkdir()


SAME = "same"
"""The end is the same bytes as an undisturbed run; anything else is words of the line with which it ends."""

WAYS = {
    # name: (damage, end of --resume, end of replay)
    "an emptied output": (lambda: overwrite("a_000.png", b""), SAME, SAME),
    "garbage of the same size": (
        lambda: overwrite("a_000.png", bytes(Path("out/a_000.png").stat().st_size)), SAME, SAME,
    ),
    "garbage of another size": (lambda: overwrite("b_001.png", b"garbage"), SAME, SAME),
    "a lost output": (lambda: Path("out/c_001.png").unlink(), SAME, SAME),
    "two outputs swapped": (swap, SAME, SAME),
    "a folder for an output": (lambda: into_folder("out/a_000.png"), "a_000.png is a folder", "a_000.png is a folder"),
    "a half file of a killed run": (lambda: overwrite(".a_000.png.0123456789ab.glimpse-tmp", b"half"), SAME, None),
    "an edited window": (
        lambda: edit_line(0, window={"cx": 6.0, "cy": 6.5, "width": 9.0, "height": 9.0, "angle": 0.0}), SAME, "changed",
    ),
    "an edited share": (lambda: edit_line(0, outside=0.25), SAME, "changed"),
    "an edited label": (lambda: edit_line(1, label="bird"), SAME, "changed"),
    "an edited file name": (lambda: edit_line(1, file_name="z.png"), SAME, "changed"),
    "a file name outside": (lambda: edit_line(1, file_name="../z.png"), SAME, "outside its folder"),
    "the file name of another": (lambda: edit_line(1, file_name="a_000.png"), SAME, "changed"),
    "a wrong index": (lambda: edit_line(2, index=7), SAME, "changed"),
    "a wrong count": (lambda: edit_line(2, of=1), SAME, "lines of in/b.jpg"),
    "another size of the image": (lambda: edit_line(2, image_size={"width": 99, "height": 20}), SAME, "changed"),
    "another way of decoding": (lambda: edit_line(2, decoded="window"), SAME, "changed"),
    "another source hash": (lambda: edit_line(3, source_hash=f"sha256:{64 * '0'}"), SAME, "changed"),
    "another file hash": (lambda: edit_line(3, file_hash=f"sha256:{64 * '0'}"), SAME, "changed"),
    "another source": (lambda: edit_line(0, source="in/b.jpg"), SAME, "lines of in/"),
    "a missing key": (lambda: edit_line(4, gaussian="REMOVED"), SAME, "line 5 is damaged: it has no 'gaussian'"),
    "a missing hash": (lambda: edit_line(4, file_hash="REMOVED"), SAME, "changed"),
    "an added key": (lambda: edit_line(4, text="a caption"), SAME, SAME),
    "a list for a name": (lambda: edit_line(4, source=["in/a.png"]), SAME, "line 5 is damaged: source cannot be"),
    "an integer beyond float": (lambda: edit_line(0, outside=10**400), SAME, "outside cannot be 1000"),
    "a name with a null": (lambda: edit_line(0, source="in/a\0.png"), SAME, "source cannot be"),
    "a duplicate": (lambda: edit_lines(lambda lines: [*lines, lines[-1]]), SAME, "3 of the 2 lines of in/c.bmp"),
    "a lost line": (lambda: edit_lines(lambda lines: lines[:-1]), SAME, "1 of the 2 lines of in/c.bmp"),
    "the lost lines of an image": (lambda: edit_lines(lambda lines: lines[2:]), SAME, "has 4 lines of the 6"),
    "a torn last line": (lambda: edit_lines(lambda lines: [*lines[:-1], lines[-1][:50]]), SAME, "line 6 is damaged"),
    "a lost end of line": (lambda: edit_lines(lambda lines: [*lines[:-1], lines[-1][:-1]]), SAME, "end is missing"),
    "another order": (lambda: edit_lines(lambda lines: lines[::-1]), SAME, "changed"),
    "blank lines": (lambda: edit_lines(lambda lines: ["\n", *lines]), SAME, "line 1 is damaged"),
    "a line of a stranger": (
        lambda: edit_lines(lambda lines: [*lines, lines[-1].replace("in/c", "in/d")]), SAME, "lines of in/",
    ),
    "nested too deep": (lambda: edit_lines(lambda lines: [100_000 * "[" + "\n", *lines[1:]]), SAME, "line 1"),
    "zeros for lines": (lambda: overwrite("metadata.jsonl", bytes(3000)), SAME, "line 1 is damaged"),
    "bytes that are no text": (lambda: overwrite("metadata.jsonl", b"\xff\xfe\n" * 6), SAME, "line 1 is damaged"),
    "emptied lines": (lambda: overwrite("metadata.jsonl", b""), SAME, "has 0 lines of the 6"),
    "no lines": (lambda: Path("out/metadata.jsonl").unlink(), SAME, "metadata.jsonl cannot be read: No such file"),
    "a folder for the lines": (lambda: into_folder("out/metadata.jsonl"), "no regular file", "cannot be read"),
    "a stray list of failures": (lambda: overwrite("failures.jsonl", b"{}\n"), SAME, None),
    "no run.json": (lambda: Path("out/run.json").unlink(), "exists", "holds no run.json"),
    "a cut run.json": (lambda: overwrite("run.json", b'{"checksum": '), "cannot be read", "cannot be read"),
    "a list for run.json": (lambda: overwrite("run.json", b"[]"), "is no object", "is no object"),
    "an edited parameter": (lambda: edit_run("parameters", "size", value="6"), "was made with size", SAME),
    "a list for the packages": (lambda: edit_run("packages", value=[1]), "packages cannot be [1]", "packages cannot"),
    "an edited blur": (lambda: edit_run("how", "blur", value=0.7), SAME, "changed"),
    "an edited depth": (lambda: edit_run("output", "depth", value="16"), SAME, "changed"),
    "a sampler beyond names": (lambda: edit_run("how", "sampler", value=["hard"]), "how cannot be", "how cannot be"),
    "an integer for a blur": (lambda: edit_run("how", "blur", value=10**400), "how cannot be", "how cannot be"),
    "a wrong count of lines": (lambda: edit_run("lines", value=5), SAME, "has 6 lines of the 5"),
    "no count of lines": (lambda: edit_run("lines", value="REMOVED"), SAME, "not finished"),
    "a run that was not finished": (lambda: edit_run("lines", value=None), SAME, "finish it with --resume"),
    "another version": (lambda: edit_run("glimpse", value="0.0.1"), "made by glimpse 0.0.1", SAME),
}  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
def test_resume_mends_damage_or_names_it(copied, finished, capsys, way):
    damage, end, _ = WAYS[way]
    damage()
    before = snapshot()
    shown = cli.run([*BATCH, "--resume", "--dry-run"]), *capsys.readouterr()
    assert snapshot() == before
    code = cli.run([word for word in BATCH if word != "-q"] + ["--resume"])
    err = capsys.readouterr().err
    if end == SAME:
        named = [line.split()[2] for line in shown[1].splitlines()]
        assert (code, err.count("\n")) == (0, 1)
        assert f"glimpse: {len(named)} glimpses " in err
        assert {name for name, content in snapshot().items() if content != before.get(name) and "json" not in name} <= {
            name.removeprefix("out/") for name in named
        }
        assert settled() == settled(finished / "out")
    else:
        assert (code, err.count("\n")) == (2, 1)
        assert end in err
        assert shown == (code, "", err)


@pytest.mark.parametrize("way", [way for way, (_, _, end) in WAYS.items() if end])
def test_replay_mends_damage_or_names_it(copied, finished, capsys, way):
    damage, _, end = WAYS[way]
    damage()
    code = cli.run(["replay", "out", "-q"])
    err = capsys.readouterr().err
    if end == SAME:
        assert (code, err) == (0, "")
        assert pictures() == pictures(finished / "out")
    else:
        assert (code, err.count("\n")) == (2, 1)
        assert end in err


def test_a_source_replaced_by_one_of_the_same_size_is_noticed(copied, capsys):
    pixels = np.random.default_rng(9).integers(0, 256, (20, 24, 3), dtype=np.uint8)
    size = Path("in/c.bmp").stat().st_size
    Image.fromarray(pixels).save("in/c.bmp")
    assert Path("in/c.bmp").stat().st_size == size
    assert cli.run(["replay", "out", "-q"]) == 1
    assert "in/c.bmp has changed since" in capsys.readouterr().err
    assert cli.run([word for word in BATCH if word != "-q"] + ["--resume"]) == 0
    assert "2 glimpses of 1 image written to out/, 2 images skipped" in capsys.readouterr().err
    assert cli.run([*BATCH[:3], "anew", *BATCH[4:]]) == 0
    assert settled() == settled("anew")


def test_a_glimpse_whose_image_is_gone_is_named(copied, capsys):
    Path("in/c.bmp").unlink()
    for option in ("--resume", "--resume=quick"):
        assert cli.run([*BATCH, option]) == 2
        assert "c_000.png was made of in/c.bmp, which is not among the images any more; put" in capsys.readouterr().err
    Path("in/a.png").unlink()
    for option in ("--resume", "--resume=quick", "--resume --dry-run"):
        assert cli.run([*BATCH, *option.split()]) == 2
        err = capsys.readouterr().err
        assert "a_000.png was made of in/a.png, which is not among the images any more; glimpses of 1 more such " in err
    for path in [*Path("out").glob("c_*.png"), *Path("out").glob("a_*.png")]:
        path.unlink()
    assert cli.run([*BATCH, "--resume"]) == 0
    assert len(pictures()) == PICTURES - 4


def test_images_that_are_gone_are_counted_for_a_while_only(copied, capsys, monkeypatch):
    monkeypatch.setattr(resuming, "COUNTED", 1)
    for name in ("a.png", "b.jpg"):
        Path("in", name).unlink()
    for name in ("d.png", "e.png"):
        Image.new("RGB", (20, 24)).save(f"in/{name}")
    assert cli.run([*BATCH, "--resume"]) == 2
    err = capsys.readouterr().err
    assert "in/a.png, which is not among the images any more; glimpses of at least 1 more such image are left" in err


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no FIFOs")
@pytest.mark.parametrize("name", ["c_000.png", "metadata.jsonl", "run.json"])
def test_a_fifo_in_place_of_a_file_is_not_waited_for(copied, capsys, name):
    os.unlink(f"out/{name}")
    os.mkfifo(f"out/{name}")
    commands = [[*BATCH, "--resume"], [*BATCH, "--resume=quick"], [*BATCH, "--overwrite"]]
    for command in commands if name.endswith(".png") else [*commands, ["replay", "out", "-o", "again"]]:
        assert cli.run(command) == 2
        assert f"out/{name} is no regular file" in capsys.readouterr().err


def test_a_quick_resume_compares_lines_and_sizes_and_opens_nothing(copied, finished, monkeypatch):
    clean = settled(finished / "out")
    edit_line(0, label="bird")
    overwrite("b_000.png", b"short")
    Path("out/c_001.png").unlink()
    assert cli.run([*BATCH, "--resume=quick"]) == 0
    assert settled() == clean
    overwrite("a_000.png", bytes(Path("out/a_000.png").stat().st_size))
    assert cli.run([*BATCH, "--resume=quick"]) == 0
    assert not any(snapshot()["a_000.png"])  # that is what is quick about it
    assert cli.run([*BATCH[:1], "--resume", *BATCH[1:]]) == 0  # which takes no word behind it for its value
    assert settled() == clean
    assert cli.run([*BATCH, "--resume=slow"]) == 2


def test_parts_are_replayed_when_all_of_them_are_there(copied, finished, capsys):
    shutil.rmtree("out")
    for part in ("1/3", "3/3"):
        assert cli.run([*BATCH, "--part", part]) == 0
    assert cli.run(["replay", "out", "-q"]) == 2
    assert "lacks the run.json of part 2 of 3" in capsys.readouterr().err
    assert cli.run([*BATCH, "--part", "2/3"]) == 0
    assert cli.run(["replay", "out", "-o", "again", "-q"]) == 0
    joined = b"".join(path.read_bytes() for path in sorted(Path("out").glob("metadata-*.jsonl")))
    overwrite("metadata.jsonl", joined)
    assert cli.run(["replay", "out", "-o", "joined", "-q"]) == 0
    assert pictures("again") == pictures("joined") == pictures(finished / "out")
    lines = joined.splitlines(keepends=True)
    overwrite("metadata.jsonl", b"".join(lines[2:4]))
    assert cli.run(["replay", "out", "-q"]) == 2
    assert "has 2 lines of the 6 that the batch wrote" in capsys.readouterr().err
    overwrite("metadata.jsonl", b"".join(lines[2:] + lines[:2]))
    assert cli.run(["replay", "out", "-q"]) == 2
    assert "was changed" in capsys.readouterr().err


def test_a_manifest_of_an_earlier_version_is_replayed_and_made_anew(copied, finished):
    for number in range(PICTURES):
        edit_line(number, file_hash="REMOVED", file_bytes="REMOVED")
    for name in ("lines", "checksum"):
        edit_run(name, value="REMOVED")
    Path("out/b_000.png").unlink()
    assert cli.run(["replay", "out", "-q"]) == 0
    assert pictures() == pictures(finished / "out")
    assert cli.run([*BATCH, "--resume"]) == 0
    assert settled() == settled(finished / "out")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.just(10**400) | st.floats() | st.text(max_size=5)
    | st.sampled_from(["", ".", "a\0", "\ud800", "sha256:", "in/a.png", "/", "reduced:2", "gaussian", "hard", "tiff"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)  # fmt: skip


@examples(30, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(data=st.data())
def test_no_value_in_a_manifest_gives_a_traceback(copied, finished, capsys, data):
    shutil.rmtree("out")
    shutil.copytree(finished / "out", "out")
    for name in ("lines", "checksum"):  # which would find any change
        edit_run(name, value="REMOVED")
    for number in range(PICTURES):
        edit_line(number, file_hash="REMOVED", file_bytes="REMOVED")
    row = json.loads(Path("out/metadata.jsonl").read_text().splitlines()[0])
    run = json.loads(Path("out/run.json").read_text())
    paths = [(name,) for name in run] + [(name, inner) for name in ("how", "output") for inner in run[name]]
    value = data.draw(JSON)
    if data.draw(st.booleans()):
        edit_line(0, **{data.draw(st.sampled_from(sorted(row))): value})
    else:
        edit_run(*data.draw(st.sampled_from(paths)), value=value)
    for line in (["replay", "out", "-o", "again", "--overwrite", "-q"], [*BATCH, "--resume"]):
        code = cli.run(line)
        err = capsys.readouterr().err
        assert code in (0, 1, 2)
        assert err.count("\n") == (1 if code == 2 else err.count("glimpse: error: ")), err
        assert code == 0 or err
    assert code == 2 or settled() == settled(finished / "out")


def test_a_second_run_in_the_same_folder_is_refused_and_parts_are_not(copied, finished, monkeypatch, capsys):
    from glimpsecli.jobs.manifest import Manifest

    add, seen = Manifest.add, []

    def meanwhile(self, done):
        if threading.current_thread() is threading.main_thread() and not seen:
            seen.append([])
            line = [sys.executable, "-m", "glimpsecli", *BATCH]
            for more in (["--resume"], ["--overwrite"], ["--resume", "--part", "1/2"]):
                environment = {**os.environ, "PYTHONPATH": str(ROOT)}
                seen.append(subprocess.run([*line, *more], capture_output=True, text=True, env=environment))
        add(self, done)

    monkeypatch.setattr(Manifest, "add", meanwhile)
    overwrite("a_000.png", b"")
    assert cli.run([*BATCH, "--resume"]) == 0
    resumed, anew, part = seen[1:]
    for refused in (resumed, anew):
        assert (refused.returncode, refused.stderr.count("\n")) == (2, 1)
        assert "another run is writing to out" in refused.stderr
    assert "another run" not in part.stderr
    assert settled() == settled(finished / "out")


def test_a_file_system_without_locks_does_not_stop_the_work(copied, monkeypatch):
    import fcntl

    def refuse(*_):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(fcntl, "flock", refuse)
    assert cli.run([*BATCH, "--overwrite"]) == 0
    assert not [name for name in snapshot() if name.endswith("lock")]


@pytest.mark.parametrize("lost", ["out", "out/metadata.jsonl", "out/a_000.png", "replaced", "at the end"])
def test_what_is_removed_while_a_batch_runs_is_noticed(copied, monkeypatch, capsys, lost):
    from glimpsecli.jobs import manifest

    add, checksum = manifest.Manifest.add, manifest.checksum

    def removing(self, done):
        if done.source.endswith("c.bmp"):
            if lost == "out":
                shutil.rmtree("out")
            elif lost == "replaced":
                shutil.copy("out/metadata.jsonl", "new")
                os.replace("new", "out/metadata.jsonl")
            elif lost != "at the end":
                Path(lost).unlink()
        add(self, done)

    def late(run, rows):
        if lost == "at the end":
            Path("out/a_001.png").unlink()
        return checksum(run, rows)

    monkeypatch.setattr(manifest.Manifest, "add", removing)
    monkeypatch.setattr(manifest, "checksum", late)
    assert cli.run([*BATCH, "--overwrite", "-j", "1"]) == 1
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "was removed or replaced while the batch ran" in err


def test_files_are_on_the_disk_before_their_lines(copied, monkeypatch):
    from glimpsecli.jobs import manifest

    sync, synced = manifest.sync_files, []

    def watched(paths):
        listed = {
            f"out/{json.loads(line)['file_name']}" for line in Path("out/metadata.jsonl").read_text().splitlines()
        }
        assert listed == set(synced)
        sync(paths)
        synced.extend(paths)

    monkeypatch.setattr(manifest, "sync_files", watched)
    monkeypatch.setattr(manifest, "GROUP", 1)
    assert cli.run([*BATCH, "--overwrite"]) == 0
    assert set(synced) == {f"out/{name}" for name in pictures()}


def test_each_file_is_synced_where_the_system_cannot_sync_a_disk(copied, monkeypatch):
    from glimpsecli.jobs import syncing

    synced = []
    monkeypatch.setattr(syncing, "_syncfs", lambda: None)
    monkeypatch.setattr(os, "fsync", lambda file: synced.append(os.readlink(f"/proc/self/fd/{file}")))
    syncing.sync_files(["out/a_000.png", "out/b_001.png"])
    assert synced == [os.path.abspath(path) for path in ("out/a_000.png", "out/b_001.png", "out")]


def test_an_end_in_between_notes_what_is_done(copied, finished, monkeypatch):
    from glimpsecli.jobs import engine

    def ending(*arguments, **options):
        for number, done in enumerate(run(*arguments, **options)):
            yield done
            if number == 1:
                raise SystemExit(143)

    run = engine.run
    shutil.rmtree("out")
    with monkeypatch.context() as patch:
        patch.setattr(engine, "run", ending)
        with pytest.raises(SystemExit):
            cli.run(BATCH)
    assert len(Path("out/metadata.jsonl").read_text().splitlines()) == 4
    assert cli.run(["replay", "out", "-q"]) == 2
    assert cli.run([*BATCH, "--resume"]) == 0
    assert settled() == settled(finished / "out")


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="timers of POSIX")
def test_an_end_while_the_disk_is_waited_for_keeps_the_order_of_the_lines(copied, finished, monkeypatch):
    from glimpsecli.jobs import manifest

    sync = manifest.sync_files

    def slow(paths):
        if any(path.endswith("a_000.png") for path in paths):
            signal.setitimer(signal.ITIMER_REAL, 0.1)
            time.sleep(0.3)
        sync(paths)

    def end(number, frame):
        raise SystemExit(128 + number)

    monkeypatch.setattr(manifest, "sync_files", slow)
    monkeypatch.setattr(manifest, "GROUP", 1)
    monkeypatch.setattr(manifest, "LARGEST_GROUP", 1)
    before = signal.signal(signal.SIGALRM, end)
    try:
        with pytest.raises(SystemExit):
            cli.run([*BATCH, "--overwrite", "-j", "1"])
    finally:
        signal.signal(signal.SIGALRM, before)
    lines = Path("out/metadata.jsonl").read_bytes()
    assert lines.count(b"\n") == 4
    assert (finished / "out/metadata.jsonl").read_bytes().startswith(lines)
