"""Which boxes of annotations a batch takes: by label, marks, score and size, and at most some of each class."""

import hashlib
import json
import random
import re
from collections import Counter
from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from glimpsecli import cli

LABELS = {1: "cat", 2: "dog", 4: "traffic light", 7: "traffic sign"}
SIZES = {"a.png": (20, 30), "sub/b.png": (40, 24), "sub/c.png": (16, 16), "turned.jpg": (18, 28)}  # height, width


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A fresh folder with four images, of which one is turned by its EXIF, where every test works."""
    monkeypatch.chdir(tmp_path)
    exif = Image.Exif()
    exif[0x0112] = 6
    for name, (height, width) in SIZES.items():
        path = Path("in", name)
        path.parent.mkdir(parents=True, exist_ok=True)
        more = {"exif": exif} if name == "turned.jpg" else {}
        stored = (width, height) if more else (height, width)
        Image.fromarray(np.zeros((*stored, 3), np.uint8)).save(path, **more)
    return tmp_path


@pytest.fixture
def glimpse(capsys):
    def run(line):
        code = cli.run(["batch", "in", *line])
        return code, capsys.readouterr().err

    return run


def coco_file(chance):
    """Make a COCO file at random: gaps in ids, crowds, empty boxes, the same box twice, images that are not there."""
    names = [*SIZES, "missing.png"]
    numbers = chance.sample(range(1, 90), len(names))
    images = [
        {"id": number, "file_name": name, "height": SIZES.get(name, (9, 9))[0], "width": SIZES.get(name, (9, 9))[1]}
        for number, name in zip(numbers, names, strict=True)
    ]
    annotations = []
    for number in chance.sample(range(500), chance.randrange(1, 40)):
        box = [chance.randrange(12), chance.randrange(9), chance.randrange(12), chance.randrange(1, 12)]
        annotations.append({"id": number, "image_id": chance.choice([*numbers, 99]), "bbox": box})
        annotations[-1] |= {"category_id": chance.choice([*LABELS]), "iscrowd": int(chance.random() < 0.2)}
        annotations[-1]["score"] = round(chance.random(), 2)
        if chance.random() < 0.1:
            annotations.append({**annotations[-1], "id": number + 1000})
    categories = [{"id": number, "name": name} for number, name in LABELS.items()]
    return {"images": images, "annotations": annotations, "categories": categories}


def expected(content, wanted, unwanted, crowd, min_score, limits, most):
    """Give the files that are made, and the counts of boxes that are dropped, by the reason."""
    names = {image["id"]: image["file_name"] for image in content["images"]}
    dropped, left = Counter(), []
    for name in SIZES:
        mine = [one for one in content["annotations"] if names.get(one["image_id"]) == name and one["bbox"][2] > 0]
        for place, one in enumerate(mine):
            label, (_, _, width, height) = LABELS[one["category_id"]], one["bbox"]
            too = (
                "below --min-size" if min(width, height) < limits[0]
                else "above --max-size" if max(width, height) > limits[1]
                else "below --min-area" if width * height < limits[2] else None
            )  # fmt: skip
            if (wanted and not any(fnmatchcase(label, one) for one in wanted)) or label in unwanted:
                dropped["of another label"] += 1
            elif crowd and one["iscrowd"]:
                dropped["marked as crowd"] += 1
            elif min_score is not None and one["score"] < min_score:
                dropped["below --min-score"] += 1
            else:
                digest = hashlib.sha256(f"0/{place}/{name}".encode()).digest()
                left.append((label, digest, name, place, too))
    if most is not None:
        for label in LABELS.values():
            fitting = sorted(one for one in left if one[0] == label and one[4] is None)
            dropped["above --max-per-class"] += len(fitting[most:])
            left = [one for one in left if one not in fitting[most:]]
    dropped.update(too for *_, too in left if too)
    return Counter((name, label) for label, _, name, _, too in left if too is None), +dropped


@pytest.mark.parametrize("seed", range(100))
def test_filters_are_those_of_a_few_lines(glimpse, seed):
    chance = random.Random(seed)
    content = coco_file(chance)
    Path("boxes.json").write_text(json.dumps(content))
    wanted = chance.choice([(), ("cat",), ("traffic*", "dog"), ("*",)])
    unwanted = chance.choice([(), ("dog",)])
    crowd, min_score = chance.random() < 0.5, chance.choice([None, 0.3])
    limits = (chance.choice([0, 4]), chance.choice([999, 9]), chance.choice([0, 30]))
    most = chance.choice([None, 1, 3])
    there = {image["id"] for image in content["images"]}
    labels = {
        LABELS[one["category_id"]] for one in content["annotations"] if one["bbox"][2] and one["image_id"] in there
    }
    if any(not any(fnmatchcase(label, one) for label in labels) for one in (*wanted, *unwanted)):
        wanted = unwanted = ()
    min_score = min_score if labels else None
    line = ["-o", "out", "--annotations", "boxes.json", "--size", "2", "--name", "{stem}_{index}"]
    for label in wanted:
        line += ["--label", label]
    for label in unwanted:
        line += ["--exclude-label", label]
    line += ["--skip-crowd"] * crowd
    line += ["--min-score", str(min_score)] if min_score is not None else []
    line += ["--max-per-class", str(most)] if most is not None else []
    for option, value in zip(("--min-size", "--max-size", "--min-area"), limits, strict=True):
        line += [option, str(value)]
    code, errors = glimpse(line)
    made, dropped = expected(content, wanted, unwanted, crowd, min_score, limits, most)
    path = Path("out/metadata.jsonl")
    found = Counter(
        (row["source"].removeprefix("in/"), row["label"])
        for row in map(json.loads, path.read_text().splitlines() if path.exists() else [])
    )
    assert found == made, errors
    said = re.search("dropped: (.*)", errors)
    parts = [one.partition(" ") for one in said[1].split(", ")] if said else []
    assert {reason: int(count) for count, _, reason in parts} == dropped, errors
    assert code == (1 if "error: boxes.json" in errors else 0), errors


TABLE = ["-o", "out", "--annotations", "boxes.csv", "--size", "2"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--label", "bird*"], "--label 'bird*': no annotation fits this pattern; they have 'cat', 'do[g]'"),
        (["--exclude-label", "bird"], "--exclude-label 'bird': no annotation has this label"),
        (["--min-score", "0.5"], "--min-score 0.5: no box has a score"),
        (["--size-of", "window"], "--size-of belongs to --min-size, --max-size and --min-area"),
        (["--max-size", "-1"], "--max-size -1 is not a number of pixels"),
        (["--max-per-class", "0"], "0 is not in the range x>=1"),
    ],
)
def test_filters_that_cannot_be_are_refused(glimpse, options, said):
    Path("boxes.csv").write_text("image,label,x,y,w,h\na.png,cat,0,0,4,4\na.png,do[g],1,1,4,4\n")
    code, errors = glimpse([*TABLE, *options])
    assert (code, said in errors, Path("out").exists()) == (2, True, False), errors


@pytest.mark.parametrize("option", ["--label", "--min-score", "--max-per-class", "--skip-crowd", "--exclude-label"])
def test_filters_of_annotations_want_some(glimpse, option):
    code, errors = glimpse(["-o", "out", option, *(["1"] if option != "--skip-crowd" else [])])
    assert (code, f"{option} belongs to --annotations" in errors) == (2, True), errors


def test_a_label_that_is_spelled_like_a_pattern_is_found_first(glimpse):
    Path("boxes.csv").write_text("image,label,x,y,w,h\na.png,dog,0,0,4,4\na.png,do[g],1,1,4,4\n")
    assert glimpse([*TABLE, "--label", "do[g]"])[0] == 0
    assert [json.loads(line)["label"] for line in Path("out/metadata.jsonl").read_text().splitlines()] == ["do[g]"]


def test_a_dry_run_counts_what_sizes_drop(glimpse):
    Path("boxes.csv").write_text("image,label,x,y,w,h\na.png,a,0,0,4,6\na.png,b,1,1,6,6\n")
    assert "dropped: 1 below --min-size" in glimpse([*TABLE, "--min-size", "5", "--dry-run"])[1]


@pytest.mark.parametrize(("measured", "made"), [("box", ["b"]), ("window", ["a", "b"])])
def test_sizes_are_those_of_boxes_or_of_windows(glimpse, measured, made):
    Path("boxes.csv").write_text("image,label,x,y,w,h\na.png,a,0,0,4,6\na.png,b,1,1,6,6\na.png,c,1,1,1,2\n")
    assert glimpse([*TABLE, "--square", "--min-size", "5", "--size-of", measured])[0] == 0
    assert [json.loads(line)["label"] for line in Path("out/metadata.jsonl").read_text().splitlines()] == made


def test_the_boxes_of_a_class_are_the_same_in_parts_and_do_not_hang_on_small_ones(glimpse):
    boxes = [f"{name},cat,{x / 10},0.1,{w},0.2" for name in SIZES for x, w in ((1, 0.3), (2, 0.01), (3, 0.3))]
    Path("boxes.csv").write_text("image,label,x,y,w,h\n" + "\n".join(boxes) + "\n")
    line = [
        "--annotations",
        "boxes.csv",
        "--box-unit",
        "fractions",
        "--min-size",
        "3",
        "--max-per-class",
        "4",
        "--seed",
        "5",
    ]
    code, errors = glimpse(["-o", "out", *line])
    assert (code, "4 glimpses" in errors, "4 above --max-per-class" in errors) == (0, True, True), errors
    for part in ("1/3", "2/3", "3/3"):
        assert glimpse(["-o", "parts", *line, "--part", part])[0] == 0
    found = {path.relative_to("out") for path in Path("out").rglob("*.png")}
    assert found == {path.relative_to("parts") for path in Path("parts").rglob("*.png")}
