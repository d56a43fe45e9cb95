"""`glimpse export`: a finished batch as COCO, YOLO and Hugging Face read it."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from glimpsecli import cli
from glimpsecli.annotations.reading import read_annotations

BOXES = [(2, 3, [0, 0, 10, 8], 0), (7, 4, [6, 4, 10, 8], 0), (9, 3, [1, 1, 20, 10], 1), (12, 4, [2, 2, 4, 4], 0)]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A fresh folder with three images, two of them annotated, where every test works."""
    monkeypatch.chdir(tmp_path)
    for number, name in enumerate(("in/a.png", "in/sub/b.png", "in/sub/c.png")):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((16, 24, 3), number, np.uint8)).save(name)
    annotations = [
        {"id": number, "image_id": 1 + number % 2, "category_id": category, "bbox": box, "iscrowd": crowd}
        for number, category, box, crowd in BOXES
    ]
    names = [{"id": 3, "name": 'cat "A"'}, {"id": 4, "name": "dog: é"}]
    images = [{"id": 1, "file_name": "a.png"}, {"id": 2, "file_name": "sub/b.png"}]
    Path("boxes.json").write_text(json.dumps({"images": images, "annotations": annotations, "categories": names}))
    return tmp_path


@pytest.fixture
def glimpse(capsys):
    def run(line):
        code = cli.run(line.split())
        return code, capsys.readouterr().err

    return run


BATCH = "batch in --annotations boxes.json --context 2 --size 20x10 --objects 0.1"


def rows():
    return [json.loads(line) for line in Path("out/metadata.jsonl").read_text().splitlines()]


def test_a_coco_file_has_the_boxes_of_the_lines_and_the_numbers_of_the_categories(glimpse):
    assert glimpse(f"{BATCH} -o out")[0] == 0
    assert glimpse("export out --to coco") == (0, "glimpse: out/annotations.json written\n")
    content = json.loads(Path("out/annotations.json").read_text())
    assert content["categories"] == [{"id": 3, "name": 'cat "A"'}, {"id": 4, "name": "dog: é"}]
    assert [image["file_name"] for image in content["images"]] == [row["file_name"] for row in rows()]
    for number, row in enumerate(rows(), 1):
        mine = [one for one in content["annotations"] if one["image_id"] == number]
        for name, key in (("bbox", "bbox"), ("share", "share"), ("source_id", "annotation_id"), ("category_id",) * 2):
            assert [one[name] for one in mine] == row["objects"][key]
        assert all(one["area"] == pytest.approx(one["bbox"][2] * one["bbox"][3], abs=1e-3) for one in mine)
    assert len({one["id"] for one in content["annotations"]}) == len(content["annotations"])


@pytest.mark.parametrize("kind", ["coco", "yolo"])
def test_what_is_written_is_read_back_as_the_same_boxes(glimpse, kind):
    assert glimpse(f"{BATCH} -o out")[0] == 0
    assert glimpse(f"export out --to {kind}")[0] == 0
    found = read_annotations("out/annotations.json" if kind == "coco" else "out", kind)
    for row in rows():
        name = row["file_name"] if kind == "coco" else row["file_name"].replace(".png", ".*")
        lists = (row["objects"][key] for key in ("categories", "bbox", "iscrowd"))
        every = zip(*lists, strict=True)
        kept = [(label, box) for label, box, crowd in every if kind == "coco" or not crowd]
        boxes = found.images[name].boxes
        assert [box.label for box in boxes] == [label for label, _ in kept]
        for box, (_, expected) in zip(boxes, kept, strict=True):
            left, top, width, height = box.to_window((10, 20)).box
            np.testing.assert_allclose([left, top, width, height], expected, atol=1e-4)


def test_yolo_leaves_crowds_out_and_names_splits(glimpse):
    Path("some.txt").write_text("a.png\n")
    Path("more.txt").write_text("sub/b.png\n")
    assert glimpse(f"{BATCH} -o out --split train=some.txt,test=more.txt --layout class")[0] == 0
    code, errors = glimpse("export out --to yolo --to coco")
    assert (code, "left out: " in errors and " crowd" in errors) == (0, True)
    assert Path("out/data.yaml").read_text().splitlines() == [
        "'train': 'train'", "'test': 'test'", "'val': 'test'", "names:", "  0: 'cat \"A\"'", "  1: 'dog: é'",
    ]  # fmt: skip
    assert {path.with_suffix("") for path in Path("out").rglob("*.txt")} == {
        path.with_suffix("") for path in Path("out").rglob("*.png")
    }
    for split in ("train", "test"):
        images = json.loads(Path(f"out/annotations-{split}.json").read_text())["images"]
        assert [image["file_name"] for image in images] == [row["file_name"] for row in rows() if row["split"] == split]


def test_parts_and_shards_are_exported_like_a_whole(glimpse):
    assert glimpse(f"{BATCH} -o out")[0] == 0
    assert glimpse("export out --to coco")[0] == 0
    for part in ("1/2", "2/2"):
        assert glimpse(f"{BATCH} -o parts --part {part}")[0] == 0
    assert glimpse("export parts --to coco")[0] == 0
    assert Path("parts/annotations.json").read_bytes() == Path("out/annotations.json").read_bytes()
    assert glimpse(f"{BATCH} -o shards/x-{{shard:02d}}.tar --per-shard 1")[0] == 0
    assert glimpse("export shards --to coco")[0] == 0
    whole, sharded = (json.loads(Path(name, "annotations.json").read_text()) for name in ("out", "shards"))
    assert sharded["annotations"] == whole["annotations"]
    assert [one["file_name"].split(".tar/")[1] for one in sharded["images"]] == [
        one["file_name"] for one in whole["images"]
    ]
    assert glimpse(f"extract shards/{sharded['images'][0]['file_name']} -o again.png")[0] == 0
    code, errors = glimpse("export shards --to yolo")
    assert (code, "shards holds shards, and YOLO reads folders" in errors) == (2, True)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("export none --to coco", "none: No such file or directory; name the output folder of a batch"),
        ("export in --to coco", "in holds no run.json; name the output folder of a batch"),
        ("export out --to coco", "out/annotations.json exists; give --overwrite to replace it"),
        ("export out --to yolo", "out/sub/b_000.txt exists"),
        ("export bare --to coco", "the lines list no objects, and a COCO file is made of them; run batch with"),
        ("export bare --to yolo", "the lines list no objects, and a YOLO data set is made of them"),
        ("export half --to huggingface", "the batch in half has not ended; go on with batch --resume"),
        ("export short --to coco", "short has 3 lines of the 4 that the batch wrote; run batch with --resume"),
        ("export out2 --to coco --to yolo", "out2/data.yaml exists"),
        ("export away --to yolo", "away/metadata.jsonl, line 1 is damaged"),
        ("export odd --to coco", "odd/metadata.jsonl, line 1 is damaged"),
        ("export images/out --to yolo", "images/out lies below a folder images"),
        ("export parts --to huggingface", "parts has those of parts; join them"),
        ("export cut --to coco", "cut/metadata.jsonl, line 4 is damaged"),
        ("export out", "Missing option '--to'"),
    ],
)
def test_what_cannot_be_exported_is_named(glimpse, line, said):
    name = line.split()[1]
    if name == "parts":
        for part in ("1/2", "2/2"):
            assert glimpse(f"{BATCH} -o parts --part {part}")[0] == 0
    elif name not in ("in", "none"):
        assert glimpse("batch in -o bare --size 2" if name == "bare" else f"{BATCH} -o {name}")[0] == 0
        spoil(Path(name))
    code, errors = glimpse(line)
    assert (code, said in errors) == (2, True), errors
    assert not Path("out2/annotations.json").exists()


def spoil(out):
    """Damage a batch in the way that its name stands for."""
    path = out / "metadata.jsonl"
    first, *others = path.read_text().splitlines(keepends=True)
    name, crowd = '"file_name": "', '"iscrowd": ['
    spoilt = {
        "short": others, "cut": [first, *others[:-1], others[-1][:-9]],
        "away": [first.replace(name, f"{name}../"), *others], "odd": [first.replace(crowd, f"{crowd}7, "), *others],
    }  # fmt: skip
    path.write_text("".join(spoilt.get(str(out), [first, *others])))
    if str(out) == "half":
        run = json.loads((out / "run.json").read_text())
        (out / "run.json").write_text(json.dumps({**run, "lines": None}))
    elif str(out) == "out":
        (out / "annotations.json").write_text("{}")
        (out / "sub/b_000.txt").write_text("")
    elif str(out) == "out2":
        (out / "data.yaml").write_text("")


@pytest.mark.extras
@pytest.mark.parametrize("layout", ["mirror", "class", "shards"])
def test_hugging_face_reads_labels_as_classes(glimpse, monkeypatch, layout):
    monkeypatch.setenv("HF_DATASETS_OFFLINE", "1")
    datasets = pytest.importorskip("datasets", reason="Hugging Face datasets is not installed")
    shards = layout == "shards"
    target = "out/x-{shard:02d}.tar --per-shard 1" if shards else f"out --layout {layout} --split a=one.txt,b=two.txt"
    Path("one.txt").write_text("a.png\n")
    Path("two.txt").write_text("sub/b.png\n")
    assert glimpse(f"{BATCH} -o {target}")[0] == 0
    kinds = "--to huggingface --to coco" + " --to yolo" * (not shards)  # their files are not taken for the data
    assert glimpse(f"export out {kinds}")[0] == 0
    found = datasets.load_dataset(str(Path("out").resolve()), cache_dir="cache")
    assert {name: len(found[name]) for name in found} == ({"train": 4} if shards else {"a": 2, "b": 2})
    for split in found.values():
        for sample in split:
            image, row = (sample["png"], sample["json"]) if shards else (sample["image"], sample)
            features = split.features["json"] if shards else split.features
            assert features["label"].names == ['cat "A"', "dog: é"]
            assert image.size == (20, 10)
            place = row["objects"]["share"].index(1.0)
            assert 0 <= row["label"] <= 1
            assert len(row["objects"]["bbox"][place]) == 4


@pytest.mark.extras
def test_pycocotools_reads_what_is_written(glimpse):
    tools = pytest.importorskip("pycocotools.coco", reason="pycocotools is not installed")
    assert glimpse(f"{BATCH} -o out --layout class")[0] == 0
    assert glimpse("export out --to coco")[0] == 0
    content = tools.COCO("out/annotations.json")
    assert len(content.getImgIds()) == len(rows())
    assert content.getCatIds(catNms=["dog: é"]) == [4]
    assert len(content.getAnnIds(iscrowd=True)) == sum(sum(row["objects"]["iscrowd"]) for row in rows())


def test_the_texts_of_yolo_lie_where_ultralytics_searches_them(glimpse):
    Path("tree/images/s").mkdir(parents=True)
    shutil.copy("in/a.png", "tree/images/s/a.png")
    assert glimpse(f"{BATCH.replace('in ', 'tree ')} -o out")[0] in (0, 1)
    assert glimpse("export out --to yolo")[0] == 0
    image = str(next(Path("out").rglob("*.png")).resolve())
    above, _, below = image.rpartition("/images/")
    assert Path(f"{above}/labels/{below}").with_suffix(".txt").is_file()


def test_an_export_of_other_glimpses_is_said_to_be_outdated(glimpse):
    assert glimpse(f"{BATCH} -o out")[0] == 0
    assert glimpse("export out --to coco")[0] == 0
    assert "exports" not in glimpse(f"{BATCH} -o out --resume")[1]
    code, errors = glimpse(f"{BATCH} -o out --overwrite --min-area 50")
    assert (code, "exports in out are of other glimpses; run `glimpse export out --overwrite`" in errors) == (0, True)
