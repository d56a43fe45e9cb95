"""`glimpse batch -o out-{shard:05d}.tar`: shards known from the plan, whole or not there, and the same again."""

import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT
from PIL import Image

from glimpsecli import cli
from glimpsecli.jobs import shards

SHARDS = "out/x-{shard:03d}.tar"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A fresh folder with a tree of photos in `in`, where every test works."""
    monkeypatch.chdir(tmp_path)
    noise = np.random.default_rng(0)
    for name in ("b1.png", "b2.png", "b10.png", "sub/a.jpg", "sub/deep/c.png", "sub/z.png", "z.png"):
        path = Path("in", name)
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(noise.integers(0, 256, (20, 24, 3), dtype=np.uint8)).save(path)
    return tmp_path


@pytest.fixture
def glimpse(capsys):
    def run(line):
        code = cli.run(["batch", *line.split()])
        out, err = capsys.readouterr()
        return code, out, err

    return run


def snapshot(root="out"):
    return {str(path.relative_to(root)): path.read_bytes() for path in Path(root).rglob("*") if path.is_file()}


def members(path):
    with tarfile.open(path) as tar:
        return {member.name: tar.extractfile(member).read() for member in tar}


def receipt(path):
    *lines, mark = Path(path).read_text().splitlines(keepends=True)
    return lines, json.loads(mark)


def test_shards_hold_the_files_and_lines_of_the_folder_that_a_batch_writes(glimpse):
    assert glimpse("in -o files --tiles 2x1 --size 5")[0] == 0
    assert glimpse(f"in -o {SHARDS} --per-shard 3 --tiles 2x1 --size 5")[0] == 0
    found, joined = {}, []
    for number in range(3):
        mine = members(f"out/x-{number:03d}.tar")
        found |= mine
        lines, mark = receipt(f"out/x-{number:03d}.jsonl")
        content = Path(f"out/x-{number:03d}.tar").read_bytes()
        assert mark | {"plan": ""} == {
            "shard": number, "glimpses": len(lines), "failed": 0, "bytes": len(content),
            "sha256": hashlib.sha256(content).hexdigest(), "plan": "",
            "lines": hashlib.sha256("".join(lines).encode()).hexdigest(),
        }  # fmt: skip
        assert len(mine) == 2 * len(lines)
        joined += lines
    assert "".join(joined) == Path("files/metadata.jsonl").read_text()
    pictures = {name: data for name, data in snapshot("files").items() if name.endswith(".png")}
    assert {name: data for name, data in found.items() if name.endswith(".png")} == pictures
    for line in joined:
        name = json.loads(line)["file_name"]
        assert found[name.removesuffix(".png") + ".json"].decode() == line
    assert sorted(snapshot()) == ["run.json", *(f"x-00{n}.{end}" for n in range(3) for end in ("jsonl", "tar"))]
    assert json.loads(Path("out/run.json").read_text())["lines"] == 14


def test_members_have_no_time_and_no_owner(glimpse):
    assert glimpse(f"in -o {SHARDS}")[0] == 0
    with tarfile.open("out/x-000.tar") as tar:
        for member in tar:
            assert (member.mtime, member.uid, member.gid, member.uname, member.gname) == (0, 0, 0, "", "")
            assert (member.mode, member.isfile()) == (0o644, True)


def test_the_bytes_do_not_depend_on_the_workers_and_parts_are_cut_between_shards(glimpse):
    assert glimpse(f"in -o {SHARDS} --per-shard 2 -j 1")[0] == 0
    assert glimpse(f"in -o {SHARDS.replace('out', 'other')} --per-shard 2 -j 3")[0] == 0
    assert {k: v for k, v in snapshot().items() if k != "run.json"} == {
        k: v for k, v in snapshot("other").items() if k != "run.json"
    }
    for part in (1, 2, 3):
        assert glimpse(f"in -o {SHARDS.replace('out', 'parts')} --per-shard 2 --part {part}/3")[0] == 0
    whole = {name: data for name, data in snapshot().items() if name != "run.json"}
    assert {name: data for name, data in snapshot("parts").items() if not name.startswith("run")} == whole


def test_a_stem_with_dots_is_one_key_and_collides_as_one(glimpse):
    shutil.copy("in/b1.png", "in/v1.b.png")
    shutil.copy("in/b1.png", "in/v1.c.png")
    assert glimpse(f"in -o {SHARDS}")[0] == 0
    assert {"v1_b_000.png", "v1_c_000.png", "v1_c_000.json"} <= members("out/x-000.tar").keys()
    shutil.copy("in/b1.png", "in/v1_b.png")
    code, _, err = glimpse("in -o other/x-{shard}.tar")
    assert (code, "v1_b_000.png would hold glimpses of both" in err) == (2, True)
    assert "in a shard a dot in the name of an image becomes _; rename an image, or " in err
    assert not Path("other").exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("--size 50", "a shard may have 0.0 GB, and is held in memory while it is made; --per-shard 2 makes"),
        ("--size 50 --format jpg --random 9", "a shard has 0.0 GB, and is held"),
        ("--format npy", "a shard has 0.0 GB, and is held"),
        ("--size 5", ""),
        ("--size 50 -q", ""),
    ],
)
def test_a_large_shard_is_noted_before_it_is_made_where_its_size_is_known(glimpse, monkeypatch, options, words):
    monkeypatch.setattr(shards, "LARGE", 9_000 if "npy" in options else 20_000)
    code, _, err = glimpse(f"in -o {SHARDS} --per-shard 3 {options}")
    assert (code, err.count("is held in memory")) == (0, bool(words))
    assert words in err


def test_names_of_any_length_and_letters_are_members(glimpse):
    long = "sub/" + "/".join(["f" * 60] * 4)
    Path("in", long).mkdir(parents=True)
    for name in (f"{long}/{'g' * 90}.png", "sub/été 日本.png"):
        shutil.copy("in/b1.png", Path("in", name))
    assert glimpse(f"in -o {SHARDS}")[0] == 0
    assert {f"{long}/{'g' * 90}_000.png", "sub/été 日本_000.json"} <= members("out/x-000.tar").keys()


def test_a_shard_with_a_failure_is_made_again_and_one_that_is_done_is_not(glimpse):
    good = Path("in/b10.png").read_bytes()
    Path("in/b10.png").write_bytes(good[:100])
    code, _, err = glimpse(f"in -o {SHARDS} --per-shard 2 -j 1")
    assert (code, "b10.png" in err) == (1, True)
    assert receipt("out/x-001.jsonl")[1]["failed"] == 1
    assert json.loads(Path("out/failures.jsonl").read_text())["source"] == "in/b10.png"
    Path("in/b10.png").write_bytes(good)
    Path("out/x-003.tar").write_bytes(Path("out/x-003.tar").read_bytes().replace(b"\x00", b"\x01", 1))
    code, _, err = glimpse(f"in -o {SHARDS} --per-shard 2 --resume")
    assert (code, "3 glimpses of 3 images written to out/, 4 images skipped" in err) == (0, True), err
    assert glimpse("in -o clean/x-{shard:03d}.tar --per-shard 2")[0] == 0
    assert snapshot() == snapshot("clean")
    code, _, err = glimpse(f"in -o {SHARDS} --per-shard 2 --resume=quick")
    assert (code, "0 glimpses written to out/, 7 images skipped" in err) == (0, True), err
    assert snapshot() == snapshot("clean")


def test_an_image_more_makes_the_shards_from_its_own_on_again(glimpse):
    assert glimpse(f"in -o {SHARDS} --per-shard 2")[0] == 0
    shutil.copy("in/b1.png", "in/b5.png")
    code, _, err = glimpse(f"in -o {SHARDS} --per-shard 2 --resume")
    assert (code, "6 glimpses of 6 images written to out/, 2 images skipped" in err) == (0, True), err
    assert glimpse("in -o clean/x-{shard:03d}.tar --per-shard 2")[0] == 0
    assert snapshot() == snapshot("clean")


def test_images_without_glimpses_leave_no_gap_in_the_numbers(glimpse):
    rows = "".join(f"in/{name},1,1,9,9\n" for name in ("b1.png", "z.png"))
    Path("boxes.csv").write_text("image,x,y,width,height\n" + rows)
    assert glimpse(f"in -o {SHARDS} --per-shard 2 --annotations boxes.csv")[0] == 0
    assert [receipt(f"out/x-{number:03d}.jsonl")[1]["glimpses"] for number in range(4)] == [1, 0, 0, 1]
    assert members("out/x-001.tar") == {}
    before = snapshot()
    assert glimpse(f"in -o {SHARDS} --per-shard 2 --annotations boxes.csv --resume")[0] == 0
    assert snapshot() == before


def test_what_is_there_is_not_replaced_unasked(glimpse):
    Path("out").mkdir()
    Path("out/x-001.tar").write_bytes(b"mine")
    code, _, err = glimpse(f"in -o {SHARDS} --per-shard 2")
    assert (code, "out/x-001.tar exists; give --overwrite" in err) == (2, True)
    assert snapshot() == {"x-001.tar": b"mine"}
    assert glimpse(f"in -o {SHARDS} --per-shard 2 --overwrite")[0] == 0
    assert len(members("out/x-001.tar")) == 4
    code, _, err = glimpse(f"in -o {SHARDS} --per-shard 3")
    assert (code, "holds a run already" in err) == (2, True)
    code, _, err = glimpse(f"in -o {SHARDS} --per-shard 3 --resume")
    assert (code, "per_shard 2 and not 3" in err) == (2, True)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("in -o out/x.tar", "has no one number; name shards like out-{shard:05d}.tar"),
        ("in -o out/{shard}-{shard}.tar", "has no one number"),
        ("in -o {shard}/x.tar", "has no one number"),
        ("in -o out/x-{shard:x}.tar", "has no one number"),
        ("in -o out/x-{shard:5d}.tar", "has no one number"),
        ("in -o out/x-{shard}.tar.gz", "end the name in .tar"),
        ("in -o out/{stem}-{shard}.tar", "has no one number"),
        ("in -o out --per-shard 3", "--per-shard 3 is for shards"),
        ("in -o out/x-{shard}.tar --per-shard 0", "--per-shard"),
        ("in -o out/x-{shard}.tar --format npz", "npz"),
    ],
)
def test_mistakes_are_found_before_anything_is_written(glimpse, line, words):
    code, _, err = glimpse(line)
    assert (code, words in err) == (2, True), err
    assert not Path("out").exists()


def test_a_dry_run_names_the_members(glimpse):
    code, out, _ = glimpse(f"in -o {SHARDS} --dry-run")
    assert (code, len(out.splitlines())) == (0, 7)
    assert "in/sub/deep/c.png -> out/x-000.tar/sub/deep/c_000.png" in out
    assert not Path("out").exists()


def test_shards_are_not_replayed(glimpse, capsys):
    assert glimpse(f"in -o {SHARDS}")[0] == 0
    for folder, words in {"out": "out holds shards", "s3://bucket/out": "is an address"}.items():
        assert cli.run(["replay", folder]) == 2
        assert words in capsys.readouterr().err


def test_a_changed_image_and_edited_lines_make_a_shard_again(glimpse):
    options = "--per-shard 2 --size 5"
    assert glimpse(f"in -o {SHARDS} {options}")[0] == 0
    shutil.copy("in/b1.png", "in/b10.png")
    path = Path("out/x-003.jsonl")
    path.write_bytes(path.read_bytes().replace(b'"index": 0', b'"index": 1'))
    Path("out/x-000.jsonl").write_text("[" * 100_000)
    before = snapshot()
    _, out, _ = glimpse(f"in -o {SHARDS} {options} --resume --dry-run")
    assert [line.split("-> out/")[1].split("/")[0] for line in out.splitlines()] == [
        f"x-00{number}.tar" for number in (0, 0, 1, 1, 3)
    ]
    assert snapshot() == before
    code, _, err = glimpse(f"in -o {SHARDS} {options} --resume")
    assert (code, "5 glimpses of 5 images written to out/, 2 images skipped" in err) == (0, True), err
    assert glimpse("in -o clean/x-{shard:03d}.tar " + options)[0] == 0
    assert snapshot() == snapshot("clean")


def test_a_tar_without_a_receipt_is_not_taken_for_a_shard(glimpse):
    assert glimpse(f"in -o {SHARDS} --per-shard 2")[0] == 0
    Path("out/x-077.tar").write_text("theirs")
    code, _, err = glimpse(f"in -o {SHARDS} --per-shard 4 --overwrite")
    assert (code, "out/x-077.tar has no receipt and stays; remove it" in err) == (0, True), err
    assert Path("out/x-077.tar").read_text() == "theirs"
    assert not Path("out/x-003.tar").exists()


@pytest.mark.parametrize("again", ["--resume", "--overwrite"])
def test_shards_that_are_too_many_now_are_removed_and_strangers_stay(glimpse, again):
    assert glimpse(f"in -o {SHARDS} --per-shard 2")[0] == 0
    Path("out/x-003.txt").write_text("mine")
    Path("out/.x-009.tar.0123456789ab.glimpse-tmp").write_text("half")
    Path("in/b1.png").unlink()
    Path("in/z.png").unlink()
    assert glimpse(f"in -o {SHARDS} --per-shard 2 {again}")[0] == 0
    Path("out/x-003.txt").unlink()
    assert glimpse("in -o clean/x-{shard:03d}.tar --per-shard 2")[0] == 0
    if again == "--overwrite":
        Path("out/.x-009.tar.0123456789ab.glimpse-tmp").unlink()
    assert snapshot() == snapshot("clean")


def test_a_folder_with_the_shards_in_it_is_a_source(glimpse):
    assert glimpse("in/*.png -o x-{shard}.tar")[0] == 0
    assert len(members("x-0.tar")) == 8
    assert glimpse(". -o y-{shard}.tar --overwrite")[0] == 0


@pytest.mark.slow
def test_killed_runs_go_on_to_the_same_bytes(glimpse):
    for number in range(30):
        shutil.copy("in/sub/a.jpg", f"in/more{number}.jpg")
    options = ["--tiles", "3x3", "--size", "64", "--per-shard", "4"]
    command = [sys.executable, "-m", "glimpsecli", "batch", "in", "-o", SHARDS, "-q", *options]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    began = time.perf_counter()
    clean = [*command[:5], "-o", "clean/x-{shard:03d}.tar", "-q", *options]
    subprocess.run(clean, env=environment, check=True)
    whole, chance = time.perf_counter() - began, random.Random(1)
    for _ in range(3):
        shutil.rmtree("out", ignore_errors=True)
        process = subprocess.Popen(command, env=environment)
        time.sleep(whole * chance.uniform(0.3, 0.95))
        process.kill()
        process.wait()
        again = subprocess.run([*command, "--resume"], env=environment, capture_output=True)
        assert (again.returncode, again.stderr) == (0, b"")
        assert snapshot() == snapshot("clean")


@pytest.mark.extras
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # webdataset closes no file
def test_webdataset_reads_each_sample_with_its_one_image_and_its_line(glimpse):
    webdataset = pytest.importorskip("webdataset", reason="webdataset is not installed")
    shutil.copy("in/b1.png", "in/v1.b.png")
    shutil.copy("in/b1.png", "in/v1.c.png")
    assert glimpse(f"in -o {SHARDS} --per-shard 4 --tiles 2x1 --size 6")[0] == 0
    found = webdataset.WebDataset("out/x-{000..002}.tar", shardshuffle=False).decode("rgb8")
    samples = list(found)
    assert len({sample["__key__"] for sample in samples}) == len(samples) == 18
    for sample in samples:
        assert {name for name in sample if not name.startswith("_")} == {"png", "json"}
        assert sample["png"].shape[2] == 3
        assert sample["json"]["file_name"] == f"{sample['__key__']}.png"


@pytest.mark.extras
def test_hugging_face_streams_the_shards(glimpse, monkeypatch):
    datasets = pytest.importorskip("datasets", reason="Hugging Face datasets is not installed")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert glimpse(f"in -o {SHARDS} --per-shard 4 --size 6")[0] == 0
    files = sorted(map(str, Path("out").glob("*.tar")))
    found = list(datasets.load_dataset("webdataset", data_files={"train": files}, split="train", streaming=True))
    assert [one["__key__"] for one in found] == ["b1_000", "b2_000", "b10_000", "sub/a_000", "sub/deep/c_000",
                                                "sub/z_000", "z_000"]  # fmt: skip
    assert all(one["json"]["file_name"] == f"{one['__key__']}.png" for one in found)
