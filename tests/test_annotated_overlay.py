"""`glimpse overlay` of data sets: annotated boxes with labels and scores, colours of classes, manifests of batches."""

import itertools
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from glimpsecli.pictures.colour import DISTINCT
from glimpsecli.pictures.labelling import places_of

LINEAR_TO_LMS = [
    [0.4122214708, 0.5363325363, 0.0514459929],
    [0.2119034982, 0.6806995451, 0.1073969566],
    [0.0883024619, 0.2817188376, 0.6299787005],
]
LMS_TO_OKLAB = [
    [0.2104542553, 0.7936177850, -0.0040720468],
    [1.9779984951, -2.4285922050, 0.4505937099],
    [0.0259040371, 0.7827717662, -0.8086757660],
]
EYES = {
    "all cones": np.eye(3),
    "no red": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "no green": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
}
"""What eyes see of linear RGB: Machado, Oliveira and Fernandes 2009, severity 1."""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A fresh folder with two grey images of 200x120."""
    monkeypatch.chdir(tmp_path)
    for name in ("a", "b"):
        Image.new("RGB", (200, 120), (90, 90, 90)).save(f"{name}.png")
    return tmp_path


def pixels(path):
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def coco(boxes, names):
    """Write annotations: each box is (image, label, x, y, width, height, more fields)."""
    images = [{"id": k, "file_name": f"{name}.png", "width": 200, "height": 120} for k, name in enumerate("ab")]
    annotations = [
        {"id": k, "image_id": "ab".index(image), "category_id": names.index(label), "bbox": numbers, **more}
        for k, (image, label, numbers, more) in enumerate(boxes)
    ]
    categories = [{"id": k, "name": name} for k, name in enumerate(names)]
    with open("coco.json", "w") as file:
        json.dump({"images": images, "annotations": annotations, "categories": categories}, file)


def colours_in(picture, columns):
    """Give the colours in some columns that are those of labels, by their numbers."""
    found = {tuple(colour) for colour in picture[:, columns].reshape(-1, 3)}
    return {k for k, colour in enumerate(DISTINCT) if tuple(np.rint(255 * np.array(colour)).astype(int)) in found}


def test_a_label_has_one_colour_whatever_images_and_labels_are_chosen(glimpse):
    boxes = [
        ("a", "cat", [20, 50, 60, 60], {}),
        ("a", "ant", [110, 50, 60, 60], {}),
        ("b", "cat", [20, 50, 60, 60], {}),
    ]
    coco(boxes, ["ant", "bee", "cat"])
    code, _, err = glimpse("overlay a.png b.png --annotations coco.json -o all/")
    assert (code, err) == (0, "glimpse: coco.json: coco\nglimpse: 2 pictures written to all/\n")
    assert colours_in(pixels("all/a.png"), slice(0, 100)) == {1}
    assert colours_in(pixels("all/a.png"), slice(100, 200)) == {0}
    np.testing.assert_array_equal(pixels("all/a.png")[:, :90], pixels("all/b.png")[:, :90])
    assert glimpse("overlay b.png --annotations coco.json -o b_alone.png")[0] == 0
    np.testing.assert_array_equal(pixels("b_alone.png"), pixels("all/b.png"))
    assert glimpse("overlay a.png --annotations coco.json --label c* -o cats.png")[0] == 0
    np.testing.assert_array_equal(pixels("cats.png"), pixels("all/b.png"))
    assert glimpse("overlay a.png --annotations coco.json --label cat --colour red --no-labels -o red.png")[0] == 0
    red, green, _ = np.moveaxis(pixels("red.png").astype(int), 2, 0)
    assert np.argwhere(red - green > 90).min(axis=0).tolist() == [49, 19]


def test_windows_with_several_labels_have_colours_too(glimpse):
    with open("w.csv", "w") as file:
        file.write("label,x,y,width,height\nten,20,50,60,60\ntwo,110,50,60,60\n")
    assert glimpse("overlay a.png --windows w.csv --no-mask --labels -o w.png")[0] == 0
    assert colours_in(pixels("w.png"), slice(0, 100)) == {0}
    assert colours_in(pixels("w.png"), slice(100, 200)) == {1}


def test_crowds_are_dashed_and_scores_are_written(glimpse):
    coco([("a", "cat", [20, 50, 160, 60], {"score": 0.5}), ("b", "cat", [20, 50, 160, 60], {"iscrowd": 1})], ["cat"])
    assert glimpse("overlay a.png b.png --annotations coco.json -o out/")[0] == 0
    whole, dashed = ((pixels(f"out/{name}.png")[109, 30:170, 0] > 120).mean() for name in "ab")
    assert whole == 1
    assert 0.3 < dashed < 0.7
    strips = [(pixels(f"out/{name}.png")[:46] != 90).any(axis=(0, 2)).sum() for name in "ab"]
    assert strips[0] > strips[1] + 15


def test_images_without_a_box_are_counted_and_a_wrong_size_fails(glimpse):
    coco([("a", "cat", [20, 50, 60, 60], {})], ["cat"])
    code, _, err = glimpse("overlay a.png b.png --annotations coco.json -o out/")
    assert code == 0
    assert "glimpse: 1 image has no box, and no picture is made\n" in err
    Image.new("RGB", (120, 200)).save("a.png")
    code, _, err = glimpse("overlay a.png --annotations coco.json -o turned.png")
    assert code == 1
    assert "without its EXIF orientation" in err


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("overlay b.png --annotations coco.json -o x.png", "has no box that is wanted in any of the images"),
        ("overlay a.png --annotations coco.json --label dog -o x.png", "no annotation has this label"),
        ("overlay a.png --annotations coco.json --box 1,1,9,9 -o x.png", "both say where to look"),
        ("overlay a.png --label cat --box 1,1,9,9 -o x.png", "--label belongs to --annotations"),
        ("overlay a.png --annotations coco.json --map m.npy -o x.png", "is for windows, without --map"),
    ],
)
def test_contradictions_are_refused(glimpse, line, says):
    coco([("a", "cat", [20, 50, 60, 60], {})], ["cat"])
    code, _, err = glimpse(line)
    assert (code, says in err) == (2, True), err


def test_a_manifest_shows_the_windows_that_the_batch_took(glimpse):
    coco([("a", "cat", [20, 50, 40, 20], {"score": 0.25}), ("b", "dog", [120, 30, 30, 30], {})], ["cat", "dog"])
    assert glimpse("batch a.png b.png --annotations coco.json --square --size 16 -o out -q")[0] == 0
    assert glimpse("overlay a.png b.png --windows out/metadata.jsonl -o seen/")[0] == 0
    assert glimpse("overlay a.png b.png --annotations coco.json --square -o asked/")[0] == 0
    for name in "ab":
        np.testing.assert_array_equal(pixels(f"seen/{name}.png"), pixels(f"asked/{name}.png"))
    line = "batch a.png b.png --annotations coco.json --square --size 16 --per-shard 2 -o s/s-{shard:03d}.tar -q"
    assert glimpse(line)[0] == 0
    assert glimpse("overlay a.png --windows s/s-000.jsonl -o shard.png")[0] == 0
    np.testing.assert_array_equal(pixels("shard.png"), pixels("seen/a.png"))
    code, _, err = glimpse("overlay a.png --windows out/metadata.jsonl --context 2 -o x.png")
    assert (code, "--context has no effect" in err) == (2, True)
    frames = [Image.new("RGB", (64, 48), (k, k, k)) for k in (0, 80, 160)]
    frames[0].save("clip.webp", save_all=True, append_images=frames[1:], lossless=True)
    assert glimpse("batch clip.webp --frames 1,2 --box 10,10,20,20 -o cut -q")[0] == 0
    assert glimpse("overlay clip.webp --windows cut/metadata.jsonl -o drawn/ -q")[0] == 0
    assert [int(pixels(f"drawn/clip_00000{k}.png")[40, 50, 0]) for k in (1, 2)] == [80, 160]


def seen(colours, eye):
    linear = np.where(colours <= 0.04045, colours / 12.92, ((colours + 0.055) / 1.055) ** 2.4)
    return np.cbrt(np.clip(linear @ np.transpose(EYES[eye]), 0, 1) @ np.transpose(LINEAR_TO_LMS)) @ np.transpose(
        LMS_TO_OKLAB
    )


@pytest.mark.parametrize("eye", EYES)
@pytest.mark.parametrize(("count", "least"), [(3, 0.23), (5, 0.14), (10, 0.12)])
def test_colours_of_labels_differ_to_all_eyes(eye, count, least):
    places = seen(np.array(DISTINCT[:count]), eye)
    assert min(np.linalg.norm(one - other) for one, other in itertools.combinations(places, 2)) >= least


corner = st.floats(-300, 500)
window = st.tuples(corner, corner, st.floats(0, 400), st.floats(0, 400), st.floats(-90, 90))


def corners_of(x, y, width, height, degrees):
    turn = np.exp(1j * np.radians(degrees))
    ends = np.array([-width - height * 1j, width - height * 1j, width + height * 1j, -width + height * 1j]) / 2 * turn
    return np.stack([x + ends.real, y + ends.imag], axis=1)


@given(st.lists(st.tuples(window, st.integers(1, 40), st.integers(1, 120)), max_size=12))
def test_labels_never_leave_the_picture(given_windows):
    windows = [corners_of(*numbers) for numbers, _, _ in given_windows]
    sizes = [(height, width) for _, height, width in given_windows]
    for (top, left), (height, width) in zip(places_of(sizes, windows, (100, 200), 2.0), sizes, strict=True):
        assert top >= 0 <= left
        assert top + height <= 100
        assert left + width <= 200


@given(st.permutations(range(12)), st.integers(0, 8))
def test_labels_of_windows_on_one_place_do_not_cover_each_other(order, shift):
    windows = [corners_of(100 + shift * k / 4, 100 + k, 60, 40, 0) for k in order][:6]
    found = places_of([(10, 50)] * len(windows), windows, (200, 200), 2.0)
    for (top, left), (other_top, other_left) in itertools.combinations(found, 2):
        assert abs(top - other_top) >= 10 or abs(left - other_left) >= 50
