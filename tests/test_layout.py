"""Where a batch puts its glimpses: the folders of layouts, and splits that hold each image in one place."""

import json
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from test_shards import snapshot

from glimpsecli import cli
from glimpsecli.annotations.columns import Named
from glimpsecli.errors import InvalidInputError
from glimpsecli.jobs.groups import Source
from glimpsecli.jobs.splitting import Shares, Split

NAMES = ("a/one.png", "a/two.png", "b/one.png", "b/deep/four.png", "five.png")
TABLE = (
    "image,label,x,y,w,h,part,camera\n"
    "a/one.png,cat,0,0,4,4,train,left\na/one.png,dog,1,1,4,4,train,left\na/two.png,cat,2,2,4,4,test,left\n"
    "b/one.png,cat,0,0,3,3,train,right\nb/deep/four.png,a/b,0,0,4,4,,right\nfive.png,dog,0,0,4,4,test,\n"
)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A fresh folder with five photos in `in` and a table of boxes, where every test works."""
    monkeypatch.chdir(tmp_path)
    for number, name in enumerate(NAMES):
        path = Path("in", name)
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((6, 8, 3), number, np.uint8)).save(path)
    Path("boxes.csv").write_text(TABLE)
    return tmp_path


@pytest.fixture
def glimpse(capsys):
    def run(line):
        code = cli.run(["batch", "in", *line.split()])
        return code, capsys.readouterr().err

    return run


def pictures(folder="out"):
    return {path.relative_to(folder).as_posix() for path in Path(folder).rglob("*.png")}


def rows(folder="out"):
    return [json.loads(line) for line in Path(folder, "metadata.jsonl").read_text().splitlines()]


NAMED = "--name {folder}_{stem}_{index} --size 2 --annotations boxes.csv"


@pytest.mark.parametrize(
    ("layout", "made"),
    [
        ("flat", {"a_one_0.png", "a_one_1.png", "a_two_0.png", "b_one_0.png", "b_deep_four_0.png", "_five_0.png"}),
        (
            "class",
            {
                "cat/a_one_0.png", "dog/a_one_1.png", "cat/a_two_0.png", "cat/b_one_0.png", "a_b/b_deep_four_0.png",
                "dog/_five_0.png",
            },
        ),
    ],
)  # fmt: skip
def test_glimpses_lie_flat_or_by_class_and_are_resumed_there(glimpse, layout, made):
    line = f"-o out --layout {layout} {NAMED}"
    assert glimpse(line)[0] == 0
    assert pictures() == made
    assert [row["relative"] for row in rows()] == ["a/one.png"] * 2 + [
        "a/two.png",
        "b/deep/four.png",
        "b/one.png",
        "five.png",
    ]
    whole = snapshot()
    assert "0 glimpses written to out/, 5 images skipped" in glimpse(f"{line} --resume")[1]
    Path("out", sorted(made)[2]).unlink()
    assert glimpse(f"{line} --resume")[0] == 0
    assert snapshot() == whole
    Path("in/b/one.png").unlink()
    code, errors = glimpse(f"{line} --resume")
    assert (code, "was made of in/b/one.png, which is not among the images any more" in errors) == (2, True), errors


def test_names_that_meet_in_one_folder_are_refused_before_anything_is_written(glimpse):
    code, errors = glimpse("-o out --layout flat --size 2 -j 1")
    assert code == 2
    assert "out/one_000.png would hold glimpses of both in/a/one.png and in/b/one.png" in errors
    assert not Path("out").exists()


@pytest.mark.parametrize("part", ["1/2", "2/2"])
def test_names_that_meet_in_another_part_are_refused_in_both(glimpse, part):
    code, errors = glimpse(f"-o out --layout flat --size 2 --part {part}")
    assert (code, "would hold glimpses of both" in errors) == (2, True)


def test_a_class_that_is_a_link_to_another_one_is_refused(glimpse):
    Path("out/cat").mkdir(parents=True)
    Path("out/dog").symlink_to("cat")
    code, errors = glimpse(f"-o out --layout class {NAMED}")
    assert (code, "out/dog leads through a link to" in errors) == (2, True), errors


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("--layout class --tiles 2x2", "--layout class: a window has no label"),
        ("--layout class --annotations shared.csv", "the labels 'a/b' and 'a:b' would share the folder a_b"),
        ("--split train=0.5,val=0.6", "the shares add up to 1.1"),
        ("--split train=0,val=1", "--split train=0 is no share"),
        ("--split a=0.5,a=0.5", "names a split twice"),
        ("--split a/b=0.5,c=0.5", "'a/b', which is no split"),
        ("--split part", "--split part is a column of the file of --annotations or --windows"),
        ("--split nothing --annotations boxes.csv", "boxes.csv has no column 'nothing'; it has"),
        ("--split label --annotations boxes.csv", "'a/one.png' is in 'cat' and in 'dog'"),
        ("--group-by folder", "--group-by belongs to --split"),
        ("--split part --annotations boxes.csv --group-by folder", "--group-by folder is for shares"),
        ("--split train=0.5,val=0.5 --only test", "--only test is no split; there are train, val"),
        ("--split a=one.txt,b=two.txt", "'one' is in 'a' and in 'b'"),
        ("--split a=none.txt", "none.txt"),
        ("--split run.json=0.5,b=0.5", "the split 'run.json' can be no folder in the output folder"),
        ("--layout class --annotations long.csv", "is too long for a file name; shorten --name, or the label"),
        ("--seed 3", "--seed belongs to --random, --split and --max-per-class"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_written(glimpse, options, said):
    Path("shared.csv").write_text("image,label,x,y,w,h\na/one.png,a/b,0,0,4,4\na/two.png,a:b,0,0,4,4\n")
    Path("long.csv").write_text(f"image,label,x,y,w,h\na/one.png,{'x' * 300},0,0,4,4\n")
    Path("one.txt").write_text("one\n")
    Path("two.txt").write_text("one\ntwo\n")
    code, errors = glimpse(f"-o out {options}")
    assert (code, said in errors, Path("out").exists()) == (2, True, False), errors


def test_shards_hold_one_split(glimpse):
    shards = "-o out/{}/x-{{shard:02d}}.tar --per-shard 2 --split part --annotations boxes.csv --size 2"
    code, errors = glimpse(shards.format("x"))
    assert (code, "make them one split at a time, each with --only" in errors) == (2, True), errors
    for name, lines in (("train", 3), ("test", 2)):
        assert glimpse(f"{shards.format(name)} --only {name}")[0] == 0
        receipts = "".join(path.read_text() for path in Path("out", name).glob("*.jsonl"))
        found = [json.loads(line).get("split") for line in receipts.splitlines()]
        assert [split for split in found if split] == [name] * lines


@pytest.mark.parametrize(
    ("options", "made"),
    [
        (
            "--split part --annotations boxes.csv",
            {
                "train/a/one_000.png",
                "train/a/one_001.png",
                "test/a/two_000.png",
                "train/b/one_000.png",
                "test/five_000.png",
            },
        ),
        ("--split train=some.txt,val=coco.json --layout flat", {"train/two_000.png", "val/four_000.png"}),
    ],
)
def test_a_split_that_is_given_is_kept(glimpse, options, made):
    Path("some.txt").write_text("a/two.png\n/elsewhere/none.png\n")
    Path("coco.json").write_text(
        json.dumps({"images": [{"id": 1, "file_name": "four.png"}], "annotations": [], "categories": []})
    )
    code, errors = glimpse(f"-o out {options} --size 2")
    assert (code, pictures()) == (0, made), errors
    assert f"(others) {5 - len({row['source'] for row in rows()})} image" in errors
    assert all(row["file_name"].startswith(f"{row['split']}/") for row in rows())
    assert "0 glimpses written" in glimpse(f"-o out {options} --size 2 --resume")[1]


def test_groups_stay_together(glimpse):
    line = "-o out --split a=0.5,b=0.5 --group-by {} --annotations boxes.csv --size 2 --overwrite --seed {}"
    for seed in range(8):
        for group in ("folder", "camera"):
            assert glimpse(line.format(group, seed))[0] == 0
            split = {row["relative"]: row["split"] for row in rows()}
            assert split["a/one.png"] == split["a/two.png"]
            assert group == "folder" or split["b/one.png"] == split["b/deep/four.png"]


names = st.lists(st.text(st.characters(codec="utf-8"), min_size=1, max_size=12), unique=True, max_size=40)


@given(names=names, seed=st.integers(0, 9), weights=st.lists(st.integers(1, 9), min_size=1, max_size=4))
def test_only_makes_one_of_the_splits(names, seed, weights):
    shares = tuple(weight / sum(weights) for weight in weights)
    splits = tuple("abcd"[: len(shares)])
    sources = [Source(name, name) for name in names]
    made = [Split(Shares(splits, shares, seed))(source) for source in sources]
    for split in splits:
        only = Split(Shares(splits, shares, seed), only=split)
        assert [only(source) == split for source in sources] == [one == split for one in made]


def test_old_images_stay_in_their_split_when_new_ones_come(glimpse):
    line = "-o {} --split train=0.6,val=0.2,test=0.2 --size 2"
    for number in range(30):
        shutil.copy("in/five.png", f"in/more{number}.png")
    assert glimpse(line.format("out"))[0] == 0
    before = {row["relative"]: row["split"] for row in rows()}
    for number in range(4):
        shutil.copy("in/five.png", f"in/a/0new{number}.png")
    assert glimpse(line.format("out") + " --resume")[0] == 0
    splits = {}
    for row in rows():
        splits.setdefault(row["relative"], set()).add(row["split"])
    assert all(len(mine) == 1 for mine in splits.values())
    assert len(splits) == len(before) + 4
    assert {name: splits[name].pop() for name in before} == before
    assert glimpse(line.format("clean"))[0] == 0
    assert snapshot("clean") == snapshot()


def test_images_that_are_named_by_themselves_are_grouped_by_the_folder_that_they_lie_in(glimpse):
    Path("list").write_text("".join(f"{Path('in', name).resolve()}\n" for name in NAMES if name != "b/one.png"))
    made = set()
    for seed in range(6):
        line = f"batch --from-file list -o out --overwrite --split a=0.5,b=0.5 --group-by folder --seed {seed} --size 2"
        assert cli.run(line.split()) == 0
        split = {Path(row["source"]).parent.name: row["split"] for row in rows()}
        assert len({row["split"] for row in rows() if "/a/" in row["source"]}) == 1
        made.add(tuple(split.values()))
    assert len(made) > 2


def test_boxes_of_images_in_no_split_count_for_no_class(glimpse):
    Path("some.txt").write_text("a/two.png\nfive.png\n")
    line = "-o out --annotations boxes.csv --split train=some.txt --max-per-class 1 --seed {} --size 2 --overwrite"
    for seed in range(4):
        assert glimpse(line.format(seed))[0] == 0
        assert sorted(row["label"] for row in rows()) == ["cat", "dog"]


def test_a_link_from_one_split_to_another_is_refused(glimpse):
    Path("out/val/b").mkdir(parents=True)
    Path("out/train").mkdir()
    Path("out/train/a").symlink_to("../val/b")
    Path("some.txt").write_text("a/one.png\na/two.png\n")
    code, errors = glimpse("-o out --split train=some.txt --size 2")
    assert (code, "out/train/a leads through a link to" in errors) == (2, True), errors


def test_shares_are_met_and_seeds_differ():
    counts = [
        Counter(map(Shares(("a", "b", "c"), (0.8, 0.15, 0.05), seed), map(str, range(20_000)))) for seed in (0, 1)
    ]
    for count in counts:
        for name, share in (("a", 0.8), ("b", 0.15), ("c", 0.05)):
            assert abs(count[name] - 20_000 * share) < 4 * (20_000 * share * (1 - share)) ** 0.5
    assert counts[0] != counts[1]


def test_a_name_is_not_that_of_another_folder():
    named = Named([("a/one.png", "train"), ("two", "val")], "list")
    assert [named(path) for path in ("a/one.png", "b/one.png", "x/a/one.png", "c/two.jpg")] == [
        "train",
        None,
        "train",
        "val",
    ]
    with pytest.raises(InvalidInputError, match=r"fit 'one\.png'"):
        Named([("a/one.png", "train"), ("b/one.png", "val")], "list")("one.png")


def test_glimpses_of_a_run_that_is_overwritten_are_removed_and_files_of_others_stay(glimpse):
    assert glimpse(f"-o out --split a=0.5,b=0.5 --seed 1 {NAMED}")[0] == 0
    edited = sorted(pictures())[0]
    Path("out", edited).write_text("mine")
    Path("out/b").mkdir(exist_ok=True)
    Path("out/b/other.png").write_text("theirs")
    code, errors = glimpse(f"-o out --split train=0.5,val=0.5 {NAMED} --overwrite")
    assert (code, "5 glimpses of the run before were removed" in errors) == (0, True), errors
    made = {row["file_name"] for row in rows()}
    assert pictures() == made | {edited, "b/other.png"}
    assert not Path("out/.metadata-replaced.jsonl").exists()


def test_a_batch_in_parts_and_a_whole_one_do_not_share_a_folder(glimpse):
    assert glimpse("-o out --size 2 --part 1/2")[0] == 0
    for line in ("-o out --size 2", "-o out --size 2 --part 1/3 --resume", "-o out/x-{shard}.tar --size 2 --overwrite"):
        code, errors = glimpse(line)
        assert (code, "out holds run-00001-of-00002.json of a batch with other parts" in errors) == (2, True), errors
    assert glimpse("-o out --size 2 --part 2/2")[0] == 0
