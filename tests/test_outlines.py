"""The outlines of objects, from all formats that have them, against oracles."""

import base64
import io
import json
import zlib

import numpy as np
import pytest
from conftest import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from glimpsecli.annotations.outlines import coco_outline, coverage
from glimpsecli.annotations.reading import read_annotations
from glimpsecli.errors import FileProblemError

HEIGHT, WIDTH = 20, 30
OUTER, INNER = [(4, 3), (24, 3), (24, 15), (4, 15)], [(10, 6), (16, 6), (16, 10), (10, 10)]
BLOCK = np.zeros((HEIGHT, WIDTH), bool)
BLOCK[3:15, 4:24] = True
FRAME = BLOCK.copy()
FRAME[6:10, 10:16] = False


def flat(points):
    return [value for point in points for value in point]


def compressed(lengths):
    """Write run lengths as COCO's text, number by number."""
    text = ""
    for n, length in enumerate(lengths):
        rest = length - (lengths[n - 2] if n > 2 else 0)
        more = True
        while more:
            digit, rest = rest & 31, rest >> 5
            more = rest != (-1 if digit & 16 else 0)
            text += chr(48 + digit + 32 * more)
    return text


def lengths_of(mask):
    """Count the runs of a mask down its columns."""
    lengths, state = [0], False
    for value in mask.T.ravel().tolist():
        if value != state:
            lengths, state = [*lengths, 0], value
        lengths[-1] += 1
    return lengths


def seen(outline, part=None, size=(HEIGHT, WIDTH)):
    return coverage(outline, part or (0, size[0], 0, size[1]), size)


def fine_grid(polygons, height, width, down=16, across=64):
    """Sample the union of polygons, each filled where a ray crosses its sides an odd number of times."""
    y, x = np.mgrid[: height * down, : width * across] + 0.5
    y, x = y / down, x / across
    union = np.zeros(y.shape, bool)
    for numbers in polygons:
        points = np.reshape(numbers, (-1, 2))
        odd = np.zeros(y.shape, bool)
        for (x0, y0), (x1, y1) in zip(points, np.roll(points, -1, axis=0), strict=True):
            if y0 != y1:
                odd ^= ((y0 <= y) != (y1 <= y)) & (x0 + (y - y0) * (x1 - x0) / (y1 - y0) < x)
        union |= odd
    return union.reshape(height, down, width, across).mean(axis=(1, 3))


corners = st.floats(-4, 16, width=32) | st.integers(-4, 16)
polygons = st.lists(st.lists(corners, min_size=6, max_size=14).map(lambda one: one[: len(one) // 2 * 2]), min_size=1,
                    max_size=3)  # fmt: skip


@given(polygons)
@settings(examples(60))
def test_polygons_against_a_fine_grid(parts):
    outline = coco_outline(parts)
    whole = seen(outline, size=(9, 12))
    assert np.abs(whole - fine_grid(parts, 9, 12)).max() < 0.06  # a few ends of cuts in a pixel, 1/128 each
    np.testing.assert_array_equal(seen(outline, (2, 7, 3, 11), (9, 12)), whole[2:7, 3:11])


def test_soft_edges_unions_holes_and_parts_that_meet():
    (row,) = seen(coco_outline([[1.25, 0, 3.5, 0, 3.5, 1, 1.25, 1]]), size=(1, 5))
    assert row.tolist() == [0, 0.75, 1, 0.5, 0]
    halves = [[0, 0, 2.5, 0, 2.5, 1, 0, 1], [2.5, 0, 5, 0, 5, 1, 2.5, 1], [1, 0, 4, 0, 4, 1, 1, 1]]
    assert seen(coco_outline(halves), size=(1, 5)).tolist() == [[1] * 5]  # no seam, and nothing twice
    bow = [0, 0, 4, 4, 4, 0, 0, 4]
    assert seen(coco_outline([bow]), size=(4, 4)).sum() == 8


@given(st.integers(1, 12), st.integers(1, 12), st.data())
def test_runs_of_any_mask(height, width, data):
    mask = np.array(data.draw(st.lists(st.booleans(), min_size=height * width, max_size=height * width)))
    mask = mask.reshape(height, width)
    top, left = data.draw(st.integers(0, height)), data.draw(st.integers(0, width))
    part = (top, data.draw(st.integers(top, height)), left, data.draw(st.integers(left, width)))
    for counts in (lengths_of(mask), compressed(lengths_of(mask))):
        outline = coco_outline({"counts": counts, "size": [height, width]})
        np.testing.assert_array_equal(seen(outline, part, (height, width)), mask[part[0] : part[1], part[2] : part[3]])


def test_a_text_that_pycocotools_has_written():
    y, x = np.mgrid[:7, :9]
    disc = coco_outline({"counts": "?520000000=", "size": [7, 9]})
    np.testing.assert_array_equal(seen(disc, size=(7, 9)), (x - 4) ** 2 + (y - 3) ** 2 < 9)


@pytest.mark.extras
@pytest.mark.filterwarnings("ignore:__array__ implementation")  # its own, with NumPy 2
def test_masks_as_pycocotools_makes_them():
    masks = pytest.importorskip("pycocotools.mask")
    chance, height, width, differ = np.random.default_rng(5), 60, 80, 0
    for _ in range(200):
        corners = [chance.uniform(0, (width, height), (chance.integers(3, 9), 2)) for _ in range(chance.integers(1, 4))]
        parts = [one.ravel().round(2).tolist() for one in corners]
        runs = masks.merge(masks.frPyObjects(parts, height, width))
        theirs, ours = masks.decode(runs) > 0, seen(coco_outline(parts), size=(height, width))
        differ += np.count_nonzero(theirs != (ours >= 0.5))
        assert np.all((theirs == (ours >= 0.5)) | ((ours > 0) & (ours < 1)))  # on edges alone
        text = {"counts": runs["counts"].decode(), "size": runs["size"]}
        np.testing.assert_array_equal(seen(coco_outline(text), size=(height, width)), theirs)
    assert differ < 0.02 * 200 * height * width


def picture(mask, mode="1"):
    stream = io.BytesIO()
    Image.fromarray(mask.astype(np.uint8) * 255).convert(mode).save(stream, "PNG")
    return stream.getvalue()


def labelme(shape_type, points, **more):
    shape = {"label": "x", "shape_type": shape_type, "points": points, **more}
    return {"imagePath": "a.png", "shapes": [shape], "imageWidth": WIDTH, "imageHeight": HEIGHT}


def supervisely(kind, **more):
    return {"size": {"height": HEIGHT, "width": WIDTH}, "objects": [{"geometryType": kind, "classTitle": "x", **more}]}


CVAT = f'<annotations><image id="0" name="a.png" width="{WIDTH}" height="{HEIGHT}">{{}}</image></annotations>'
CROP = FRAME[3:15, 4:24]
OUTLINES = {
    "a.json, a polygon of LabelMe": (labelme("polygon", OUTER), BLOCK),
    "a.json, a mask of LabelMe": (
        labelme("mask", [[4, 3], [23, 14]], mask=base64.b64encode(picture(CROP)).decode()), FRAME),
    "a.xml, a polygon of CVAT": (
        CVAT.format(f'<polygon label="x" points="{";".join(f"{x},{y}" for x, y in OUTER)}"/>'), BLOCK),
    "a.xml, a mask of CVAT": (CVAT.format(
        f'<mask label="x" left="4" top="3" width="20" height="12" rle="{str(lengths_of(CROP.T))[1:-1]}"/>'), FRAME),
    "a.png.json, a polygon of Supervisely": (
        supervisely("polygon", points={"exterior": [[x + 0.0, y + 0.5] for x, y in OUTER],
                                       "interior": [[[x, y + 0.5] for x, y in INNER]]}), None),
    "a.png.json, a bitmap of Supervisely": (supervisely("bitmap", bitmap={
        "origin": [4, 3], "data": base64.b64encode(zlib.compress(picture(CROP))).decode()}), FRAME),
    "a.txt, a polygon of YOLO": (
        "0 " + " ".join(f"{x / WIDTH:.8f} {y / HEIGHT:.8f}" for x, y in OUTER), BLOCK),
}  # fmt: skip


@pytest.mark.parametrize("name", OUTLINES)
def test_outlines_of_the_other_formats(tmp_path, name):
    content, mask = OUTLINES[name]
    path = tmp_path / name.split(",")[0]
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    (image,) = read_annotations(str(path), outlines=True).images.values()
    found = seen(image.boxes[0].outline)
    if mask is None:  # half a pixel lower: the edges above and below are half inside
        mask = (FRAME + np.roll(FRAME, 1, axis=0).astype(float)) / 2
    np.testing.assert_allclose(found, mask, atol=1e-3)
    (image,) = read_annotations(str(path)).images.values()
    assert image.boxes[0].outline is None


def test_a_circle_and_an_ellipse(tmp_path):
    path = tmp_path / "a.json"
    path.write_text(json.dumps(labelme("circle", [[14, 10], [20, 10]])))
    (image,) = read_annotations(str(path), outlines=True).images.values()
    assert abs(seen(image.boxes[0].outline).sum() - np.pi * 36) < 0.2
    path = tmp_path / "a.xml"
    path.write_text(CVAT.format('<ellipse label="x" cx="14" cy="10" rx="8" ry="3" rotation="90"/>'))
    (image,) = read_annotations(str(path), outlines=True).images.values()
    turned = seen(image.boxes[0].outline)
    assert abs(turned.sum() - np.pi * 24) < 0.2
    assert (turned > 0).any(axis=1).sum() == 16


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.json", labelme("mask", [[4, 3], [23, 14]], mask="bm8gcGljdHVyZQ==")),
        ("a.xml", CVAT.format('<mask label="x" left="4" top="3" width="20" height="12" rle="3, 4"/>')),
    ],
)
def test_a_damaged_mask_is_known_when_it_is_read(tmp_path, name, content):
    path = tmp_path / name
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    (image,) = read_annotations(str(path), outlines=True).images.values()
    with pytest.raises(FileProblemError, match="mask"):
        seen(image.boxes[0].outline)
