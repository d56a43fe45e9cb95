"""Glimpses of objects that are cut out along their outlines."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from test_outlines import BLOCK, FRAME, HEIGHT, OUTER, WIDTH, flat, lengths_of

import glimpsecli


def coco(*segmentations, name="a.png", boxes=None):
    annotations = [
        {"id": n, "image_id": 1, "category_id": 1, "bbox": box, "segmentation": one}
        for n, (one, box) in enumerate(zip(segmentations, boxes or [[2, 1, 24, 16]] * len(segmentations), strict=True))
    ]
    images = [{"id": 1, "file_name": name, "width": WIDTH, "height": HEIGHT}]
    return {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "frame"}]}


def run_batch(glimpse, content, line="", size=(HEIGHT, WIDTH), mode="RGB", name="a.png", **save):
    """Make a picture of noise and a file of annotations, and cut out; give the pixels, the output and the pictures."""
    channels = {"L": (), "RGB": (3,), "RGBA": (4,)}[mode]
    pixels = np.random.default_rng(1).integers(1, 255, (*size, *channels), np.uint8)
    Path("in").mkdir(exist_ok=True)
    Image.fromarray(pixels, mode).save(Path("in", name), **save)
    Path("boxes.json").write_text(json.dumps(content))
    code, _, err = glimpse(f"batch in -o out --annotations boxes.json --cut-out {line}")
    return pixels, code, err, [np.asarray(Image.open(path)) for path in sorted(Path("out").glob("*_*.*"))]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


RUNS = {"counts": lengths_of(FRAME), "size": [HEIGHT, WIDTH]}


def test_a_crop_has_the_outline_as_alpha_and_no_colours_beyond(glimpse):
    pixels, code, err, (crop, part) = run_batch(glimpse, coco(RUNS, [], [flat(OUTER)]))
    assert code == 0
    assert "dropped: 1 without an outline" in err
    inside = FRAME[1:17, 2:26]
    np.testing.assert_array_equal(crop[..., 3], inside * 255)
    np.testing.assert_array_equal(crop[..., :3], pixels[1:17, 2:26] * inside[..., None])
    np.testing.assert_array_equal(part[..., 3], BLOCK[1:17, 2:26] * 255)
    rows = [json.loads(line) for line in Path("out/metadata.jsonl").read_text().splitlines()]
    assert [row["cut_out"] for row in rows] == [True, True]
    assert json.loads(Path("out/run.json").read_text())["parameters"]["cut_out"] is True


@pytest.mark.parametrize("sampler", ["gaussian", "bilinear", "hard"])
@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
def test_a_glimpse_is_that_of_an_image_with_this_alpha(glimpse, sampler, mode):
    line = f"--size 9 --context 1.3 --square --sampler {sampler}"
    pixels, code, _, (found,) = run_batch(glimpse, coco(RUNS), line, mode=mode)
    assert code == 0
    pixels = pixels.reshape(HEIGHT, WIDTH, -1)
    own = pixels[..., 3:] if mode == "RGBA" else 255
    pixels = np.concatenate([pixels[..., :3] * FRAME[..., None], own * FRAME[..., None]], axis=2).astype(np.uint8)
    window = glimpsecli.Window(14, 9, 31.2, 31.2)
    expected = glimpsecli.extract(pixels, window, (9, 9), sampler=sampler, backend="cpu", alpha=True)
    np.testing.assert_array_equal(found, np.rint(expected).astype(np.uint8))


def test_formats_without_alpha_have_the_fill_below(glimpse):
    _, code, err, _ = run_batch(glimpse, coco(RUNS), "--format jpg")
    assert code == 2
    assert "--fill" in err
    _, code, _, (found,) = run_batch(glimpse, coco(RUNS), "--format jpg --fill #ff0000 --quality 100")
    assert code == 0
    assert np.abs(found[0, 0].astype(int) - [255, 0, 0]).max() < 12


def test_a_large_jpeg_is_decoded_in_part_and_gives_the_same(glimpse):
    block = [[500, 300, 620, 300, 620, 420, 500, 420]]
    content = coco(block, boxes=[[480, 280, 160, 160]], name="a.jpg")
    content["images"][0] |= {"width": 1400, "height": 900}
    _, code, _, (found,) = run_batch(glimpse, content, "--size 80", size=(900, 1400), name="a.jpg")
    assert code == 0
    assert json.loads(Path("out/metadata.jsonl").read_text())["decoded"] == "window"
    whole = np.asarray(Image.open("in/a.jpg"))
    alpha = np.zeros((900, 1400, 1), np.uint8)
    alpha[300:420, 500:620] = 255
    window = glimpsecli.Window(560, 360, 160, 160)
    expected = glimpsecli.extract(np.concatenate([whole, alpha], axis=2), window, (80, 80), backend="cpu", alpha=True)
    np.testing.assert_array_equal(found, np.rint(expected).astype(np.uint8))


def test_outlines_are_on_the_upright_image(glimpse):
    turned = Image.Exif()
    turned[0x0112] = 6
    content = coco(RUNS)
    _, code, _, (found,) = run_batch(glimpse, content, size=(WIDTH, HEIGHT), exif=turned)
    assert code == 0
    np.testing.assert_array_equal(found[..., 3] > 0, FRAME[1:17, 2:26])


def test_it_goes_on_and_replay_says_that_it_cannot(glimpse):
    run_batch(glimpse, coco(RUNS, [flat(OUTER)]))
    before = {path.name: path.read_bytes() for path in Path("out").iterdir()}
    Path("out/a_001.png").unlink()
    assert run_batch(glimpse, coco(RUNS, [flat(OUTER)]), "--resume")[1] == 0
    assert {path.name: path.read_bytes() for path in Path("out").iterdir()} == before
    code, _, err = glimpse("replay out -o again")
    assert code == 2
    assert "cut out" in err
    assert run_batch(glimpse, coco([flat(OUTER)]), "--resume")[1] == 2  # the file has changed


@pytest.mark.parametrize(
    ("segmentation", "words"),
    [
        ([[1, 2, 3, 4]], "a polygon of 4 numbers"),
        ([[1, 2, 3, 4, 5, "6"]], "is not a list of numbers"),
        ([[1, 2, 3, 4, 5, float("nan")]], "out of all bounds"),
        ([[1, 2, 3, 4, 5, 1e300]], "out of all bounds"),
        ("POLYGON", "neither polygons nor runs"),
        ({"counts": [3], "size": [20]}, "a mask of the size [20]"),
        ({"counts": [3, "a"], "size": [20, 30]}, "the counts of a mask"),
    ],
)
def test_a_bad_outline_is_a_line_and_the_others_are_made(glimpse, segmentation, words):
    _, code, err, found = run_batch(glimpse, coco(segmentation, RUNS))
    assert code == 1
    assert len(found) == 1
    assert "annotation id 0" in err
    assert words in err


@pytest.mark.parametrize(
    ("runs", "words"),
    [
        ({"counts": [100, 100], "size": [HEIGHT, WIDTH]}, "have 200 pixels"),
        ({"counts": [-1, 601], "size": [HEIGHT, WIDTH]}, "a run of -1"),
        ({"counts": "?52ö", "size": [HEIGHT, WIDTH]}, "not COCO's compressed text"),
        ({"counts": "?5o", "size": [HEIGHT, WIDTH]}, "not COCO's compressed text"),
        ({"counts": "o" * 20 + "0", "size": [HEIGHT, WIDTH]}, "too long"),
        ({"counts": [600], "size": [WIDTH, HEIGHT]}, "a mask of 20x30 pixels in an image of 30x20"),
    ],
)
def test_runs_that_do_not_fill_the_image_fail_with_it(glimpse, runs, words):
    _, code, err, found = run_batch(glimpse, coco(runs))
    assert code == 1
    assert not found
    assert words in err
    assert "in/a.png" in err


def test_what_makes_no_sense_is_refused(glimpse):
    Path("boxes.csv").write_text("image,label,x,y,width,height\na.png,b,1,1,5,5\n")
    run_batch(glimpse, coco(RUNS))
    for line, words in (
        ("--cut-out", "belongs to --annotations"),
        ("--annotations boxes.csv --cut-out", "is read as csv, which has boxes alone"),
        ("--annotations boxes.json --cut-out --fast-decode", "leave one out"),
    ):
        code, _, err = glimpse(f"batch in -o other {line}")
        assert code == 2
        assert words in err
    Path("boxes.json").write_text(json.dumps(coco([])))
    code, _, err = glimpse("batch in -o other --annotations boxes.json --cut-out")
    assert code == 2
    assert "no object has an outline" in err
