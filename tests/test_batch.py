"""`glimpse batch` and `glimpse replay`: folders in, data sets out, whatever happens in between."""

import io
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT
from PIL import Image

from glimpsecli import Window, cli, extract
from glimpsecli.annotations.boxes import Box, Length
from glimpsecli.errors import InvalidInputError
from glimpsecli.jobs.batching import check_part
from glimpsecli.jobs.pool import Budget, in_order
from glimpsecli.jobs.requests import BoxRequest
from glimpsecli.jobs.shaping import Limits, Shaping
from glimpsecli.jobs.sources import find_sources


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A fresh folder with a tree of photos in `in`, where every test works."""
    monkeypatch.chdir(tmp_path)
    noise = np.random.default_rng(0)
    for name, size in {
        "b10.png": (40, 50),
        "b2.png": (30, 60),
        "sub/a.jpg": (64, 48),
        "sub/deep/c.png": (25, 25),
    }.items():
        path = Path("in", name)
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(noise.integers(0, 256, (*size, 3), dtype=np.uint8)).save(path)
    return tmp_path


@pytest.fixture
def glimpse(capsys):
    def run(line, command="batch"):
        code = cli.run([command, *line.split()])
        out, err = capsys.readouterr()
        return code, out, err

    return run


def rows(path="out/metadata.jsonl"):
    return [json.loads(line) for line in Path(path).read_text().splitlines()]


def snapshot(root="out"):
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(Path(root).rglob("*")) if path.is_file()}


def test_the_tree_is_mirrored_and_each_glimpse_reported(glimpse):
    code, out, err = glimpse("in -o out --at 50%,50% --extent 50%x50% --size 8x6")
    assert (code, out) == (0, "")
    assert err.startswith("glimpse: 4 glimpses written to out/")
    listed = rows()
    assert [row["file_name"] for row in listed] == ["b2_000.png", "b10_000.png", "sub/a_000.png", "sub/deep/c_000.png"]
    for row in listed:
        source = np.asarray(Image.open(row["source"]))
        window = Window(**row["window"])
        expected = extract(source, window, (6, 8), backend="cpu")
        assert np.abs(np.asarray(Image.open(Path("out", row["file_name"]))) - expected).max() <= 0.501
        assert row["source_hash"].startswith("sha256:")
        assert row["backend"] == "cpu"
    run = json.loads(Path("out/run.json").read_text())
    assert run["how"]["sampler"] == "gaussian"
    assert not Path("out/failures.jsonl").exists()


def test_the_bytes_do_not_depend_on_the_workers_and_parts_join(glimpse):
    options = "in --random 3 --random-size 20%-80% --seed 5 --size 7"
    for name, more in {"one": "-j 1", "four": "-j 4"}.items():
        assert glimpse(f"{options} -o {name} {more}")[0] == 0
    assert snapshot("one") == snapshot("four")
    for part in ("1/3", "2/3", "3/3"):
        assert glimpse(f"{options} -o parts --part {part}")[0] == 0
    joined = b"".join(path.read_bytes() for path in sorted(Path("parts").glob("metadata-*.jsonl")))
    assert joined == Path("one/metadata.jsonl").read_bytes()
    pictures = {name: data for name, data in snapshot("parts").items() if name.endswith("png")}
    assert pictures == {name: data for name, data in snapshot("one").items() if name.endswith("png")}


def test_random_windows_depend_on_the_seed_and_the_path_alone(glimpse):
    for name, more in {"all": "--seed 1", "some": "--seed 1 --exclude b*", "other": "--seed 2"}.items():
        assert glimpse(f"in -o {name} --random 5 --size 4 {more}")[0] == 0
    windows = {
        name: {(r["source"], r["index"]): r["window"] for r in rows(f"{name}/metadata.jsonl")}
        for name in ("all", "some", "other")
    }
    assert all(windows["all"][key] == window for key, window in windows["some"].items())
    assert all(windows["all"][key] != window for key, window in windows["other"].items())
    for row in rows("all/metadata.jsonl"):
        window, size = row["window"], row["image_size"]
        assert row["outside"] == 0
        assert window["width"] == window["height"]
        assert 0.1 <= window["width"] / min(size.values()) <= 0.5


def test_tiles_cover_the_image(glimpse):
    assert glimpse("in/b10.png -o out --tiles 5x2 --sampler hard")[0] == 0
    tiles = [np.asarray(Image.open(Path("out", row["file_name"]))) for row in rows()]
    whole = np.block([[[tiles[5 * y + x]] for x in range(5)] for y in range(2)])
    np.testing.assert_array_equal(whole, np.asarray(Image.open("in/b10.png")))


def coco(annotations, images):
    Path("boxes.json").write_text(
        json.dumps(
            {
                "images": [
                    {"id": n, "file_name": name, "height": h, "width": w} for n, (name, h, w) in enumerate(images)
                ],
                "annotations": [
                    {"id": n, "image_id": image, "bbox": box, "category_id": category}
                    for n, (image, box, category) in enumerate(annotations)
                ],
                "categories": [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}],
            }
        )
    )


def test_annotated_boxes_are_cut_out_filtered_and_named(glimpse):
    boxes = [(0, [10, 5, 20, 15], 1), (0, [0, 0, 3, 30], 1), (1, [1, 2, 8, 8], 2), (0, [60, 0, 9, 9], 1)]
    coco(boxes, [("b10.png", 40, 50), ("sub/a.jpg", 64, 48)])
    code, _, err = glimpse("in -o out --annotations boxes.json --name {stem}/{label}_{index} --min-size 5")
    assert code == 0, err
    assert [row["file_name"] for row in rows()] == ["b10/cat_0.png", "b10/cat_2.png", "sub/a/dog_0.png"]
    assert "dropped: 1 below --min-size" in err
    assert "lies outside the image" in err
    np.testing.assert_array_equal(
        np.asarray(Image.open("out/b10/cat_0.png")), np.asarray(Image.open("in/b10.png"))[5:20, 10:30]
    )
    assert glimpse("in -o dogs --annotations boxes.json --label dog")[0] == 0
    assert [row["label"] for row in rows("dogs/metadata.jsonl")] == ["dog"]


def test_small_boxes_are_recognised_by_their_shorter_side_in_the_image_and_before_the_context():
    shaping = Shaping(limits=Limits(min_size=20), context=3)
    for width, height, percent, small in ((10, 30, False, True), (20, 20, False, False), (10, 30, True, False)):
        box = Box(Length(0), Length(0), Length(width, percent), Length(height, percent))
        (placement,) = BoxRequest(box).placements((100, 200), shaping)
        assert (placement.dropped is not None) == small


def test_problems_of_annotations_are_failures_and_the_rest_goes_on(glimpse):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(np.zeros((30, 20, 3), np.uint8)).save("in/turned.jpg", exif=exif)
    boxes = [
        (0, [1, 1, 5, 5], 1),
        (1, [1, 1, 5, 5], 1),
        (2, [1, 1, 5, 5], 1),
        (3, [1, 1, 0, 5], 1),
        (3, [1, 1, 5, 5], 1),
    ]
    coco(boxes, [("turned.jpg", 30, 20), ("../../etc/passwd", 9, 9), ("nowhere.png", 9, 9), ("b2.png", 30, 60)])
    assert glimpse("in -o out --annotations boxes.json")[0] == 1
    assert [row["source"] for row in rows()] == ["in/b2.png"]
    failures = [row["error"] for row in rows("out/failures.jsonl")]
    assert len(failures) == 4
    assert sum("EXIF" in one for one in failures) == 1
    assert sum("among the sources" in one for one in failures) == 2
    assert all("\n" not in one for one in failures)


def test_bad_files_are_failures_and_the_rest_goes_on(glimpse):
    whole = Path("in/b10.png").read_bytes()
    Path("in/torn.png").write_bytes(whole[:3000])
    Path("in/empty.png").touch()
    Path("in/text.jpg").write_text("no image")
    shutil.copy("in/b2.png", "in/really_a_png.jpg")
    Image.fromarray(np.zeros((4, 4, 4), np.uint8)).save("in/rgba.png")
    odd = os.fsdecode(b"in/ne\nw \xff.png")
    shutil.copy("in/b2.png", odd)
    code, _, err = glimpse("in -o out --size 5 --format jpg")
    assert code == 1
    failed = {row["source"] for row in rows("out/failures.jsonl")}
    assert failed == {"in/torn.png", "in/empty.png", "in/text.jpg", "in/rgba.png"}
    assert err.count("glimpse: error: ") == 4
    assert "6 glimpses written to out/, 4 failed" in err
    assert odd in [row["source"] for row in rows()]
    assert all(Path("out", row["file_name"]).is_file() for row in rows())


def test_resume_tries_again_what_failed_and_ends_as_an_undisturbed_run(glimpse):
    options = "--size 6 --at 50%,50% --zoom 2"
    assert glimpse(f"in -o clean {options}")[0] == 0
    good = Path("in/b10.png").read_bytes()
    Path("in/b10.png").write_bytes(good[:100])
    assert glimpse(f"in -o out {options}")[0] == 1
    Path("in/b10.png").write_bytes(good)
    Path("out/sub/.a_000.png.0123456789ab.glimpse-tmp").write_bytes(b"half")
    Path("out/sub/deep/c_000.png").unlink()
    with open("out/metadata.jsonl", "a") as file:
        file.write('{"file_name": "torn')
    code, _, err = glimpse(f"in -o out {options} --resume")
    assert code == 0, err
    assert "2 glimpses of 2 images written to out/, 2 images skipped" in err
    assert {name: data for name, data in snapshot().items() if name != "run.json"} == {
        name: data for name, data in snapshot("clean").items() if name != "run.json"
    }
    code, _, err = glimpse(f"in -o out {options} --resume")
    assert (code, "0 glimpses written to out/, 4 images skipped" in err) == (0, True)


def test_a_run_is_not_mixed_with_another(glimpse):
    assert glimpse("in -o out --size 6")[0] == 0
    before = snapshot()
    for more, words in {
        "--size 6": "holds a run already",
        "--size 7 --resume": "size",
        "--size 6 --sampler hard --resume": "sampler None and not 'hard'",
        "--size 6 --resume --overwrite": "--resume and --overwrite",
    }.items():
        code, _, err = glimpse(f"in -o out {more}")
        assert (code, words in err) == (2, True), err
        assert snapshot() == before
    assert glimpse("in -o out --size 7 --overwrite")[0] == 0
    assert rows()[0]["size"]["width"] == 7


@pytest.mark.slow
def test_killed_runs_go_on_to_the_same_bytes(glimpse, folder):
    for number in range(30):
        shutil.copy("in/sub/a.jpg", f"in/more{number}.jpg")
    options = ["--tiles", "3x3", "--size", "64"]
    command = [sys.executable, "-m", "glimpsecli", "batch", "in", "-o", "out", "-q", *options]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    assert cli.run(["batch", "in", "-o", "clean", *options]) == 0
    began = time.perf_counter()
    subprocess.run([*command[:4], "in", "-o", "timed", "-q", *options], env=environment, check=True)
    whole = time.perf_counter() - began
    chance = random.Random(1)
    for _ in range(3):
        shutil.rmtree("out", ignore_errors=True)
        process = subprocess.Popen(command, env=environment)
        time.sleep(whole * chance.uniform(0.3, 0.95))
        process.kill()
        process.wait()
        again = subprocess.run([*command, "--resume"], env=environment, capture_output=True)
        assert (again.returncode, again.stderr) == (0, b"")
        assert snapshot() == snapshot("clean")


def test_ctrl_c_finishes_what_runs_and_says_so():
    for number in range(200):
        shutil.copy("in/sub/a.jpg", f"in/more{number}.jpg")
    command = [sys.executable, "-m", "glimpsecli", "batch", "in", "-o", "out", "--tiles", "4x4", "--size", "200"]
    process = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(ROOT)}, stderr=subprocess.PIPE, text=True)
    for _ in range(600):
        if Path("out/metadata.jsonl").exists() and Path("out/metadata.jsonl").stat().st_size:
            break
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    err = process.communicate(timeout=60)[1]
    assert process.returncode == 130
    assert "finishing the running images" in err
    assert "written" in err
    assert err.endswith("glimpse: give --resume to go on\n")
    listed = rows()
    assert 0 < len(listed) < 204 * 16
    assert not [name for name in snapshot() if "glimpse-tmp" in name]
    assert {row["file_name"] for row in listed} == {name for name in snapshot() if name.endswith("png")}


def test_replay_makes_the_same_bytes_and_names_what_changed(glimpse):
    assert (
        glimpse("in -o out --at 40%,60% --extent 30%x20% --angle 20 --sampler bilinear --border constant --fill red")[0]
        == 0
    )
    assert glimpse("in -o out2 --random 2 --size 9 --format jpg --quality 80")[0] == 0
    for name in ("out", "out2"):
        code, _, err = glimpse(f"{name} -o again", "replay")
        assert code == 0, err
        pictures = {file: data for file, data in snapshot(name).items() if "json" not in file}
        assert snapshot("again") == pictures
        shutil.rmtree("again")
    Image.fromarray(np.zeros((30, 60, 3), np.uint8)).save("in/b2.png")
    Path("out/sub/a_000.png").unlink()
    before = Path("out/b2_000.png").read_bytes()
    code, _, err = glimpse("out", "replay")
    assert code == 1
    assert "in/b2.png has changed since" in err
    assert Path("out/b2_000.png").read_bytes() == before
    assert Path("out/sub/a_000.png").is_file()


def test_replay_writes_nothing_outside(glimpse):
    assert glimpse("in -o out --size 5")[0] == 0
    text = Path("out/metadata.jsonl").read_text()
    Path("out/metadata.jsonl").write_text(text.replace('"b2_000.png"', '"../b2_000.png"'))
    code, _, err = glimpse("out", "replay")
    assert (code, "outside" in err) == (2, True)
    assert glimpse("in", "replay")[0] == 2
    Path("out/metadata.jsonl").write_text("rubbish\n")
    assert glimpse("out", "replay")[0] == 2


def test_nothing_is_written_through_a_link_out_of_the_folder(glimpse):
    Path("out").mkdir()
    Path("elsewhere").mkdir()
    os.symlink("../elsewhere", "out/sub")
    code, _, err = glimpse("in -o out --size 5")
    assert code == 1
    assert "leads out of" in err
    assert list(Path("elsewhere").rglob("*.png")) == []
    assert [row["source"] for row in rows()] == ["in/b2.png", "in/b10.png"]


def test_the_manifest_follows_no_link_and_overwrites_no_input(glimpse):
    Path("victim.txt").write_text("precious")
    Path("out").mkdir()
    os.symlink("../victim.txt", "out/metadata.jsonl")
    code, _, err = glimpse("in -o out --size 5 --overwrite")
    assert (code, "no regular file" in err) == (2, True)
    assert Path("victim.txt").read_text() == "precious"
    boxes = '{"file_name": "b2.png", "bbox": [1, 2, 3, 4], "label": "cat"}\n'
    Path("in/metadata.jsonl").write_text(boxes)
    for line in ("in -o in --annotations in/metadata.jsonl", "in/b2.png -o in --annotations in/metadata.jsonl"):
        code, _, err = glimpse(f"{line} --overwrite")
        assert code == 2, err
        assert Path("in/metadata.jsonl").read_text() == boxes


def test_resume_of_what_never_ran_overwrites_nothing(glimpse):
    Path("out").mkdir()
    Path("out/b2_000.png").write_text("precious")
    code, _, err = glimpse("in -o out --size 5 --resume")
    assert (code, "exists" in err) == (2, True)
    assert Path("out/b2_000.png").read_text() == "precious"


def test_resume_notices_annotations_and_images_that_changed(glimpse):
    coco([(0, [1, 1, 5, 5], 1)], [("b2.png", 30, 60)])
    assert glimpse("in -o out --annotations boxes.json")[0] == 0
    coco([(0, [1, 1, 6, 6], 1)], [("b2.png", 30, 60)])
    code, _, err = glimpse("in -o out --annotations boxes.json --resume")
    assert (code, "boxes.json has changed since out/run.json was written" in err) == (2, True)
    assert glimpse("in -o plain --size 5")[0] == 0
    Image.fromarray(np.zeros((40, 50, 3), np.uint8)).save("in/b10.png")
    code, _, err = glimpse("in -o plain --size 5 --resume")
    assert (code, "1 glimpse of 1 image written to plain/, 3 images skipped" in err) == (0, True)


@pytest.mark.parametrize("target", ["out", "in/out"])
def test_resume_goes_on_where_annotations_lie_beside_their_images(glimpse, target):
    for label in ("in/b2.txt", "in/b10.txt"):
        Path(label).write_text("0 .5 .5 .2 .2\n")
    line = f"in -o {target} --annotations in --annotations-format yolo --resume"
    assert glimpse(line)[0] == 0
    assert f"0 glimpses written to {target}/, 2 images skipped" in glimpse(line)[2]
    Image.fromarray(np.zeros((40, 50, 3), np.uint8)).save("in/b10.png")
    assert f"1 glimpse of 1 image written to {target}/, 1 image skipped" in glimpse(line)[2]
    Path("in/b2.txt").write_text("0 .5 .5 .3 .3\n")
    code, _, err = glimpse(line)
    assert (code, f"in has changed since {target}/run.json was written" in err) == (2, True)


def test_a_broken_link_and_a_file_that_vanishes_fail_alone(glimpse, monkeypatch):
    os.symlink("gone.png", "in/broken.png")
    from glimpsecli.jobs import engine

    work = engine._work

    def vanishing(item, plan, budget):
        Path("in/b10.png").unlink(missing_ok=True)
        return work(item, plan, budget)

    monkeypatch.setattr(engine, "_work", vanishing)
    assert glimpse("in -o out --size 5 -j 1")[0] == 1
    assert {row["source"] for row in rows("out/failures.jsonl")} == {"in/broken.png", "in/b10.png"}
    assert len(rows()) == 3


def test_a_pipe_among_the_images_fails_alone(glimpse):
    os.mkfifo("in/pipe.png")
    code, _, err = glimpse("in -o out --size 5")
    assert code == 1
    assert "in/pipe.png is no regular file" in err
    assert len(rows()) == 4


def test_replay_replaces_no_source_and_nothing_unasked(glimpse):
    assert glimpse("in -o out --size 5 --name {stem}")[0] == 0
    before = snapshot("in")
    for more in ("", "--overwrite"):
        code, _, err = glimpse(f"out -o in {more}", "replay")
        assert code == 2, err
        assert snapshot("in") == before
    assert glimpse("out -o again", "replay")[0] == 0
    code, _, err = glimpse("out -o again", "replay")
    assert (code, "--overwrite" in err) == (2, True)
    assert glimpse("out -o again --overwrite", "replay")[0] == 0


def test_replay_finds_its_sources_from_elsewhere(glimpse, monkeypatch):
    assert glimpse("in -o out --size 5")[0] == 0
    Path("elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")
    assert glimpse("../out -o again", "replay")[0] == 0
    assert len(list(Path("again").rglob("*.png"))) == 4


def test_the_definition_may_do_a_batch_too(glimpse):
    assert glimpse("in -o out --size 5 --backend numpy")[0] == 0
    assert {row["backend"] for row in rows()} == {"numpy"}


def test_a_reduced_decode_keeps_the_borders_of_the_glimpse():
    plain = np.full((1503, 2001, 3), 200, np.uint8)
    Image.fromarray(plain).save("in/plain.jpg", quality=95)
    for sampler in ("bilinear", "hard", "gaussian"):
        line = [
            "in/plain.jpg",
            "-o",
            "out",
            "--at",
            "800,700",
            "--extent",
            "640x480",
            "--size",
            "32",
            "--sampler",
            sampler,
        ]
        assert cli.run(["batch", *line, "--fast-decode", "--overwrite", "-q"]) == 0
        assert rows()[0]["decoded"] == "reduced:8"
        assert np.abs(np.asarray(Image.open("out/plain_000.png")).astype(int) - 200).max() <= 2


def test_an_output_folder_among_the_sources_is_no_source(glimpse):
    assert glimpse("in -o in/out --size 5")[0] == 0
    assert len(rows("in/out/metadata.jsonl")) == 4
    assert glimpse("in -o in/out --size 5 --overwrite")[0] == 0
    assert len(rows("in/out/metadata.jsonl")) == 4


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("-o out", "SOURCE"),
        ("nowhere -o out", "nowhere does not exist"),
        ("in/*.gif -o out", "fits no file"),
        ("in --ext gif -o out", "holds no image"),
        ("in in/b2.png -o out", "in/b2.png is given twice"),
        ("in --exclude * -o out", "no image is left"),
        ("in -o out --part 3/2", "3/2"),
        ("in -o out --part ²/3", "²/3"),
        (f"in -o out --part 1/{'9' * 5000}", "is not a part"),
        ("in -o out --tiles 3", "CxR"),
        ("in -o out --random 2 --tiles 2x2", "--tiles and --random"),
        ("in -o out --seed 2", "--seed belongs to --random"),
        ("in -o out --random 2 --random-size 50-10", "range"),
        ("in -o out --label cat", "--label belongs to --annotations"),
        ("in -o out --annotations none.json", "none.json"),
        ("in -o out --format npz", "npz"),
        ("in -o out --threads 2", "-j"),
        ("in -o out --tiles 2x2 --min-size nan", "--min-size nan"),
        ("in -o out --windows table.csv", "'dog.png' is not among"),
        ("in -o out --name fixed", "both"),
        ("in -o in/b2.png", "in/b2.png"),
        ("in -o out --from-file none.txt", "none.txt"),
        ("in -o out --backend cuda", ""),
    ],
)
def test_mistakes_are_found_before_anything_is_written(glimpse, line, words):
    Path("table.csv").write_text("x,y,width,height,image\n1,2,3,4,b2.png\n1,2,3,4,dog.png\n")
    before = snapshot(".")
    code, out, err = glimpse(line)
    assert code == (3 if "cuda" in line else 2), err
    assert words in err
    assert (out, err.count("\n")) == ("", 1)
    assert snapshot(".") == before


def test_sources_of_one_stem_beside_each_other_need_the_suffix_in_the_name(glimpse):
    Image.open("in/b2.png").save("in/b2.jpg")
    code, _, err = glimpse("in -o out")
    assert code == 2
    assert "in/b2.jpg and in/b2.png" in err or "in/b2.png and in/b2.jpg" in err
    assert not Path("out").exists()
    assert glimpse("in -o out --name {stem}_{ext}")[0] == 0


@pytest.mark.extras
def test_hugging_face_loads_the_folder_as_it_is(glimpse, monkeypatch):
    datasets = pytest.importorskip("datasets", reason="Hugging Face datasets is not installed")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert glimpse("in -o out --size 8x6")[0] == 0
    loaded = datasets.load_dataset("imagefolder", data_dir="out", cache_dir="cache", split="train")
    assert [row["image"].size for row in loaded] == [(8, 6)] * 4
    assert sorted(loaded["source"]) == sorted(row["source"] for row in rows())


def test_lists_patterns_and_excludes(folder):
    Path("list.txt").write_text("in/b2.png\nin/sub/a.jpg\r\n\n")
    assert [source.relative for source in find_sources([], lists=["list.txt"], output="out")] == [
        "in/b2.png",
        "in/sub/a.jpg",
    ]
    shutil.copy("in/b2.png", "in/1²2.png")
    assert "1²2.png" in [source.relative for source in find_sources(["in"], output="out")]
    Path("in/1²2.png").unlink()
    assert all(".." not in source.relative for source in find_sources(["in/sub/../*.png"], output="out"))
    found = find_sources(["in/**/*.png"], exclude=["deep/*", "sub/deep/*"], output="out")
    assert [source.relative for source in found] == ["b2.png", "b10.png"]
    assert [source.relative for source in find_sources(["in/sub"], output="out")] == ["a.jpg", "deep/c.png"]


def test_a_table_may_name_the_image_of_each_window(glimpse):
    table = "x,y,width,height,image\n1,2,3,4,b2.png\n0,0,10%,10%,\n1,2,5,6,sub/a.jpg\n"
    Path("table.csv").write_text(table)
    assert glimpse("in -o out --windows table.csv")[0] == 0
    found = [(row["source"], row["size"]["width"]) for row in rows()]
    assert found == [
        ("in/b2.png", 3), ("in/b2.png", 6), ("in/b10.png", 5), ("in/sub/a.jpg", 5), ("in/sub/a.jpg", 5),
        ("in/sub/deep/c.png", 2),
    ]  # fmt: skip


def test_dry_run_writes_nothing(glimpse):
    code, out, _ = glimpse("in -o out --tiles 2x1 --dry-run")
    assert code == 0
    assert len(out.splitlines()) == 8
    assert not Path("out").exists()


def test_only_the_window_of_a_large_jpeg_is_decoded_to_the_same_pixels(glimpse):
    noise = np.random.default_rng(4).integers(0, 256, (150, 200, 3), dtype=np.uint8)
    Image.fromarray(noise).resize((2000, 1500), Image.Resampling.BICUBIC).save("in/large.jpg", quality=90)
    for where, size in (
        ("--box 800,550,400,400", "--size 100"),
        ("--box 1900,1400,300,300 --sampler bilinear", "--size 90"),
    ):
        assert glimpse(f"in/large.jpg -o out {where} {size} --format npy --depth float --overwrite")[0] == 0
        assert rows()[0]["decoded"] == "window"
        row = rows()[0]
        whole = np.asarray(Image.open("in/large.jpg"))
        expected = extract(
            whole, Window(**row["window"]), (row["size"]["height"],) * 2, sampler=row["sampler"], backend="cpu"
        )
        np.testing.assert_allclose(np.load("out/large_000.npy") * 255, expected, atol=5e-4)
    assert (
        glimpse("in/large.jpg -o fast --box 800,550,400,400 --size 100 --fast-decode --format npy --depth float")[0]
        == 0
    )
    assert rows("fast/metadata.jsonl")[0]["decoded"] == "reduced:2"
    slow = extract(whole, Window.from_box(800, 550, 400, 400), (100, 100), backend="cpu")
    difference = np.load("fast/large_000.npy") * 255 - slow
    assert np.abs(difference).mean() < 1.5  # other pixels, but in the same place
    assert np.abs(difference.mean()) < 0.1
    code = cli.run(
        ["extract", "in/large.jpg", "--box", "800,550,400,400", "--size", "100", "-o", "x.png", "--fast-decode"]
    )
    assert code == 0


def test_results_come_in_order_and_a_stop_lets_what_runs_finish():
    assert list(in_order(lambda n: (time.sleep(0.01 * (n % 3)), n)[1], range(30), 4)) == list(range(30))
    stop = threading.Event()
    seen = []
    for result in in_order(lambda n: n, range(1000), 3, stop):
        seen.append(result)
        if result == 10:
            stop.set()
    assert seen == list(range(len(seen)))
    assert 11 <= len(seen) < 40


def test_the_budget_lets_a_giant_work_alone():
    budget, inside, most = Budget(100), [], []

    def work(amount):
        with budget.hold(amount):
            inside.append(min(amount, 100))
            most.append(sum(inside))
            time.sleep(0.002)
            inside.remove(min(amount, 100))

    threads = [threading.Thread(target=work, args=(amount,)) for amount in (60, 1000, 30, 30, 50, 20) * 4]
    [thread.start() for thread in threads]
    [thread.join(timeout=10) for thread in threads]
    assert not any(thread.is_alive() for thread in threads)
    assert max(most) <= 100


def test_memory_does_not_grow_with_the_number_of_images():
    picture = io.BytesIO()
    Image.fromarray(np.zeros((1500, 2000, 3), np.uint8)).save(picture, "PNG")
    for number in range(40):
        Path(f"in/big{number}.png").write_bytes(picture.getvalue())
    code = """
import resource, sys
from glimpsecli.jobs import manifest
from glimpsecli import cli
peaks = []
add = manifest.Manifest.add
def watched(self, done):
    add(self, done)
    peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
manifest.Manifest.add = watched
assert cli.run(["batch", "in", "-o", "out", "-q", "-j", "2", "--size", "100"]) == 0
print(peaks[14], peaks[-1])"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    early, late = map(int, done.stdout.split())
    assert late - early < 40_000  # kilobytes; one picture is 9 MB


@pytest.mark.parametrize(
    ("environment", "part"),
    [
        ({"ID": "1", "MIN": "1", "MAX": "4", "STEP": "1"}, (1, 4)),
        ({"ID": "0", "MIN": "0", "MAX": "3"}, (1, 4)),
        ({"ID": "15", "MIN": "5", "MAX": "20", "STEP": "5"}, (3, 4)),
        ({"ID": "20", "MIN": "5", "MAX": "22", "STEP": "5"}, (4, 4)),
        ({"MIN": "1", "MAX": "4"}, "SLURM_ARRAY_TASK_ID is not set; run it as a task of `sbatch --array`"),
        ({"ID": "x", "MIN": "1", "MAX": "4"}, "SLURM_ARRAY_TASK_ID is 'x'"),
        ({"ID": "7", "MIN": "1", "MAX": "4"}, "task 7 is not one of 1-4:1"),
        ({"ID": "3", "MIN": "1", "MAX": "5", "STEP": "3"}, "task 3 is not one of 1-5:3"),
        ({"ID": "3", "MIN": "1", "MAX": "5", "STEP": "0"}, "task 3 is not one of 1-5:0"),
        ({"ID": "7", "MIN": "3", "MAX": "7", "COUNT": "2"}, "the array has 2 of 5 tasks, and so not all parts"),
    ],
)
def test_the_part_of_a_slurm_task(environment, part, monkeypatch):
    for name, value in environment.items():
        monkeypatch.setenv(f"SLURM_ARRAY_TASK_{name}", value)
    if isinstance(part, tuple):
        assert check_part("slurm") == part
    else:
        with pytest.raises(InvalidInputError) as caught:
            check_part("slurm")
        assert part in str(caught.value)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--scheduler", ""], "--scheduler '' is no address; write tcp://HOST:8786, tls://HOST:8786 or local:4"),
        (["--scheduler", "there"], "there is no address; write tcp://HOST:8786, tls://HOST:8786 or local:4, or give a"),
        (["--scheduler", "127.0.0.1:8786"], "127.0.0.1:8786 is no address; write tcp://HOST:8786"),
        (["--scheduler", "http://here:1"], "--scheduler http://here:1 is no address; write tcp://HOST:8786"),
        (["--scheduler", "local:0"], "--scheduler local:0 is no number of workers; write local:4"),
        (
            ["--scheduler-file", ""],
            "'' is no scheduler file; give the one that `dask scheduler --scheduler-file` writes",
        ),
        (["--scheduler-file", "none"], "none is no scheduler file"),
        (["--scheduler-file", "odd.json"], "odd.json is no scheduler file"),
        (["--scheduler", "", "--scheduler-file", ""], "both name a cluster"),
        (["--scheduler", "local:2", "-j", "2"], "-j 2 with --scheduler: leave -j out"),
    ],
)
def test_values_that_name_no_scheduler_are_refused(glimpse, capsys, options, said):
    Path("odd.json").write_text('{"address": "local:x"}')
    code = cli.run(["batch", "in", "-o", "out", *options])
    err = capsys.readouterr().err
    assert (code, err.count("\n"), Path("out").exists()) == (2, 1, False)
    assert said in err


def test_without_dask_a_scheduler_ends_with_one_line_and_code_3(glimpse, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    code, _, err = glimpse("in -o out --scheduler local:2")
    assert (code, err) == (
        3,
        "glimpse: error: --scheduler local:2 needs Dask; `pip install 'glimpsecli[dask]'`, or in a clone `pip install "
        "'.[dask]'`\n",
    )
    assert not Path("out").exists()


def test_lines_of_json_are_those_of_the_manifest(capsys):
    assert cli.run(["batch", "in", "-o", "out", "--tiles", "2x1", "--json"]) == 0
    printed = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    written = rows()
    assert [Path(one.pop("file")).relative_to("out").as_posix() for one in printed] == [
        row.pop("file_name") for row in written
    ]
    assert printed == written


def test_what_is_missing_is_left_out_where_that_is_asked_for(glimpse):
    Path("list").write_text("in/b2.png\nin/none.png\n")
    coco([(0, [0, 0, 5, 5], 1), (1, [0, 0, 5, 5], 1)], [("b2.png", 30, 60), ("gone.png", 30, 40)])
    line = "gone in/none*.png nowhere/x.png --from-file list -o out --annotations boxes.json"
    code, _, err = glimpse(line)
    assert (code, "gone does not exist" in err) == (2, True), err
    code, _, err = glimpse(line.replace("in/none*.png ", "") + " --skip-missing")
    assert (code, "left out: 3 missing" in err, "dropped: 1 of missing images" in err) == (0, True, True), err
    code, _, err = glimpse(line + " --skip-missing")
    assert (code, "in/none*.png fits no file" in err) == (2, True), err
    code, _, err = glimpse("gone -o alone --skip-missing")
    assert (code, "no image is left to work on" in err) == (2, True), err
