"""Boxes that somebody turned: each reader turns the window, or says how many it did not."""

import json
import math
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image

from glimpsecli import Window, cli, extract
from glimpsecli.annotations.reading import read_annotations


@pytest.fixture
def read(tmp_path):
    def read(name, content, **options):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return read_annotations(str(path), **options)

    return read


def windows(found, size=(100, 200)):
    return [box.to_window(size) for image in found.images.values() for box in image.boxes]


def numbers(window):
    return pytest.approx([window.cx, window.cy, window.width, window.height, window.angle % 360], abs=1e-4)


def coco(*annotations):
    return {
        "images": [{"id": 1, "file_name": "a.jpg"}],
        "categories": [{"id": 3, "name": "dog"}],
        "annotations": [{"id": n, "image_id": 1, "category_id": 3, **one} for n, one in enumerate(annotations)],
    }


def corners(cx, cy, width, height, degrees):
    """Corners of a box that is turned clockwise on the screen, where y goes down."""
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    steps = [(-width / 2, -height / 2), (width / 2, -height / 2), (width / 2, height / 2), (-width / 2, height / 2)]
    return [(cx + cos * x - sin * y, cy + sin * x + cos * y) for x, y in steps]


# The box [20, 60) x [10, 40), turned by 30 degrees, clockwise, about its centre.
TURNED = Window(40, 25, 40, 30, 30)


@pytest.mark.parametrize(
    ("header", "row", "box_format", "unit"),
    [
        ("image,x,y,width,height,angle", "a.jpg,20,10,40,30,30", "xywh", "pixels"),
        ("image,x1,y1,x2,y2,Angle", "a.jpg,20,10,60,40,30", "xyxy", "pixels"),
        ("image,cx,cy,w,h,angle", "a.jpg,.2,.25,.2,.3,30", "cxcywh", "fractions"),
    ],
)
def test_the_angle_column_of_csv(read, header, row, box_format, unit):
    found = read("a.csv", f"{header}\n{row}\n{row.rpartition(',')[0]},\n", box_format=box_format, unit=unit)
    turned, upright = windows(found)
    assert [turned.cx, turned.cy, turned.width, turned.height, turned.angle] == pytest.approx([40, 25, 40, 30, 30])
    assert (upright.angle, found.notes, found.problems) == (0, [], [])


def test_a_bad_angle_is_a_problem(read):
    found = read("a.csv", "image,x,y,w,h,angle\na.jpg,1,1,2,2,north\na.jpg,1,1,2,2,1e300\na.jpg,1,1,2,2,1\n")
    assert len(windows(found)) == 1
    assert "'north' is not a number" in found.problems[0]
    assert "turned by 1e+300 is out of all bounds" in found.problems[1]


def test_cvat_turns_coco_boxes_clockwise_about_their_centre(read):
    found = read(
        "a.json",
        coco(
            {"bbox": [20, 10, 40, 30], "attributes": {"occluded": False, "rotation": 30.0}},
            {"bbox": [20, 10, 40, 30], "attributes": {"rotation": 0.0}},
            {"bbox": [20, 10, 40, 30], "attributes": {"rotation": "left"}},
        ),
    )
    assert windows(found) == [TURNED, Window(40, 25, 40, 30), Window(40, 25, 40, 30)]
    assert found.notes == ["boxes that were not turned, because the unit and direction of 'rotation' are not known: 1"]


def test_cvat_turns_voc_boxes_clockwise_about_their_centre(read):
    bounds = "<bndbox><xmin>21</xmin><ymin>11</ymin><xmax>60</xmax><ymax>40</ymax></bndbox>"
    rotation = "<attributes><attribute><name>{}</name><value>{}</value></attribute></attributes>"
    texts = [rotation.format("rotation", "30.0"), rotation.format("colour", "30"), rotation.format("rotation", "up")]
    objects = "".join(f"<object><name>dog</name>{bounds}{text}</object>" for text in texts)
    found = read("a.xml", f"<annotation><filename>a.jpg</filename>{objects}</annotation>")
    assert windows(found) == [TURNED, Window(40, 25, 40, 30), Window(40, 25, 40, 30)]
    assert found.notes == ["boxes that were not turned, because the unit and direction of 'rotation' are not known: 1"]


def test_rolabelimg_turns_clockwise_in_radians(read):
    place = "<cx>40</cx><cy>25</cy><w>40</w><h>30</h>"
    box = f"<object><type>robndbox</type><name>dog</name><robndbox>{place}{{}}</robndbox></object>"
    objects = box.format("<angle>0.523599</angle>") + box.format("<angle>90</angle>") + box.format("")
    found = read("a.xml", f"<annotation><filename>a.jpg</filename>{objects}</annotation>")
    (window,) = windows(found)
    assert numbers(window) == [40, 25, 40, 30, 30]
    assert "object 2: the angle of robndbox is 90.0" in found.problems[0]
    assert "object 3: a number is missing" in found.problems[1]


@pytest.mark.parametrize("shape", ["flat", "pairs", "dense"])
@pytest.mark.parametrize(
    "bbox",
    [
        [40, 25, 40, 30, -30],  # Detectron2, torchvision
        [40, 25, 40, 30, math.radians(30)],  # MMRotate
        [20, 10, 40, 30, math.radians(-30)],  # ODTK by its documentation
        [20, 10, 40, 30, math.radians(30)],  # ODTK by its code
    ],
)
def test_the_segmentation_tells_the_meaning_of_five_numbers(read, bbox, shape):
    points = corners(40, 25, 40, 30, 30)
    if shape == "dense":
        points += [((a + c) / 2, (b + d) / 2) for (a, b), (c, d) in pairwise(points)]
    outline = (
        [list(point) for point in points] if shape == "pairs" else [[value for point in points for value in point]]
    )
    found = read("a.json", coco({"bbox": bbox, "segmentation": outline}))
    (window,) = windows(found)
    assert numbers(window) == [40, 25, 40, 30, 30]
    assert (found.notes, found.problems) == ([], [])


def test_five_numbers_that_nothing_explains(read):
    wrong = [[value + 50 for point in corners(40, 25, 40, 30, 30) for value in point]]
    found = read(
        "a.json",
        coco(
            {"bbox": [40, 25, 40, 30, -30]},
            {"bbox": [40, 25, 40, 30, -30], "segmentation": {"counts": "x", "size": [1, 1]}},
            {"bbox": [40, 25, 40, 30, -30], "segmentation": wrong},
            {"bbox": [40, 25, 40, 30, 1e308], "segmentation": wrong},
        ),
    )
    assert windows(found) == [TURNED, TURNED]
    (note,) = found.notes
    assert "degrees counter-clockwise" in note
    assert note.endswith("no segmentation confirms it: 2")
    assert ["do not fit its segmentation" in found.problems[0], "out of all bounds" in found.problems[1]] == [True] * 2


def test_an_angle_under_an_unknown_name_is_counted(read):
    rows = [{"bbox": [1, 1, 2, 2], "angle": 5}, {"bbox": [1, 1, 2, 2], "theta": 0}, {"bbox": [1, 1, 2, 2]}]
    assert read("a.json", coco(*rows)).notes == read("b.json", coco(rows[0])).notes
    assert "'angle' are not known: 1" in read("a.json", coco(*rows)).notes[0]
    lines = [
        {"file_name": "a.jpg", "objects": {"bbox": [[1, 1, 2, 2], [1, 1, 3, 3]], "rotation": [5, 0]}},
        {"file_name": "b.jpg", "objects": [{"bbox": [1, 1, 2, 2], "rotation": 7}]},
        {"file_name": "c.jpg", "bbox": [1, 1, 2, 2], "rotation": 1},
        {"file_name": "d.jpg", "bbox": [[1, 1, 2, 2]]},
    ]
    assert "'rotation' are not known: 3" in read("a.jsonl", "\n".join(map(json.dumps, lines))).notes[0]
    assert "'theta' are not known: 1" in read("a.csv", "image,x,y,w,h,theta\na,1,1,2,2,.5\na,1,1,2,2,0\n").notes[0]
    bounds = "<bndbox><xmin>1</xmin><ymin>1</ymin><xmax>2</xmax><ymax>2</ymax><rotation>15</rotation></bndbox>"
    found = read("a.xml", f"<annotation><filename>a.jpg</filename><object>{bounds}</object></annotation>")
    assert "'rotation' are not known: 1" in found.notes[0]


def test_yolo_says_how_many_polygons_and_fifth_numbers_there_were(read, tmp_path):
    (tmp_path / "data.yaml").write_text("names: [dog]")
    rows = ["0 .1 .1 .3 .1 .3 .3 .1 .3", "0 .1 .1 .3 .1 .2 .3", "0 .5 .5 .2 .2 45", "0 .5 .5 .2 .2 .9", "0 .5 .5 .2 .2"]
    found = read("labels/a.txt", "\n".join(rows))
    assert len(windows(found)) == 5
    assert found.notes == [
        "polygons of four corners, or turned boxes, taken as their upright bounding boxes: 1",
        "polygons taken as their bounding boxes: 1",
        "boxes with a fifth number that is no confidence, and is passed over: 1",
        "boxes with a fifth number, taken for a confidence: 1",
    ]


def test_batch_cuts_turned_boxes_and_tells_what_it_did_not_turn(read, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    pixels = np.random.default_rng(0).integers(0, 256, (50, 60, 3), dtype=np.uint8)
    Image.fromarray(pixels).save("a.png")
    quarter = {"bbox": [20, 10, 20, 30], "attributes": {"rotation": 90}}
    (tmp_path / "a.json").write_text(json.dumps(coco(quarter, {"bbox": [1, 1, 2, 2], "theta": 3})))
    line = ["batch", "a.png", "--annotations", "a.json"]
    assert cli.run([*line, "-o", "out"]) == 0
    assert "a.json: boxes that were not turned, because the unit and direction of 'theta'" in capsys.readouterr().err
    seen = np.array(Image.open("out/a_000.png"))
    assert np.array_equal(seen, np.rot90(pixels[15:35, 15:45]))  # the right of the glimpse is further down in the image
    assert cli.run([*line, "-o", "gone", "--dry-run", "-q"]) == 0
    assert capsys.readouterr().err == ""
    assert cli.run([*line, "-o", "small", "--size", "8"]) == 0
    small = extract(pixels, Window(30, 25, 20, 30, 90), (8, 5), backend="cpu")  # turned boxes are averaged, too
    assert np.abs(np.array(Image.open("small/a_000.png")) - small).max() < 0.51


def test_a_box_of_another_length_is_refused(read):
    found = read("a.json", coco({"bbox": [1, 2, 3]}, {"bbox": [1, 2, 3, 4, 5, 6]}, {"bbox": [1, 2, 3, 4]}))
    assert len(found.problems) == 2
    assert all("is not [x, y, width, height]" in line for line in found.problems)
