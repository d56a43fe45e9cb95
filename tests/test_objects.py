"""The annotated objects in each glimpse, in its own pixels, and the ids by which their files know them."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from glimpsecli import cli
from glimpsecli.annotations.boxes import Box, Length
from glimpsecli.jobs.objects import Objects, objects_in
from glimpsecli.jobs.requests import Placement
from glimpsecli.window import Window

IMAGE = (100, 120)
sides, places, angles = st.integers(2, 40), st.integers(0, 90), st.sampled_from([0, 0, 30, -75, 90])


def box(x, y, width, height, angle=0, **more):
    return Box(*(Length(value) for value in (x, y, width, height)), angle=angle, **more)


@given(
    window=st.builds(Window, places, places, sides, sides, angles),
    boxes=st.lists(st.builds(box, places, places, sides, sides, angles), max_size=4),
    size=st.tuples(sides, sides), least=st.sampled_from([0, 0.3, 1]),
)  # fmt: skip
def test_objects_are_those_that_a_grid_of_points_finds(window, boxes, size, least):
    found = objects_in(Placement(window, size), Objects(tuple(boxes), least), IMAGE)
    numbered = [one._replace(id=number) for number, one in enumerate(boxes)]
    assert objects_in(Placement(window, size), Objects(tuple(numbered), least), IMAGE)["bbox"] == found["bbox"]
    found = objects_in(Placement(window, size), Objects(tuple(numbered), least), IMAGE)
    found.setdefault("annotation_id", [])
    shares = dict(zip(found["annotation_id"], found["share"], strict=True))
    extents = dict(zip(found["annotation_id"], found["bbox"], strict=True))
    back = np.linalg.inv(np.vstack([window.to_affine(size).matrix, [0, 0, 1]]))
    for number, one in enumerate(boxes):
        points = grid_of(one.to_window(IMAGE)) - 0.5
        points = np.column_stack([points, np.ones(len(points))]) @ back[:2].T + 0.5
        inside = points[np.all((points >= -1e-9) & (points <= np.array(size)[::-1] + 1e-9), axis=1)]
        share = len(inside) / len(points)
        if number not in shares:
            assert share < least + 0.05
            continue
        assert abs(shares[number] - share) < 0.05
        assert shares[number] >= least
        x, y, width, height = extents[number]
        assert np.all(inside >= [x - 1e-3, y - 1e-3])
        assert np.all(inside <= [x + width + 1e-3, y + height + 1e-3])
        if share > 0.05:
            slack = np.ptp(points, axis=0) / 25 + 1e-3
            assert np.all(inside.min(axis=0) <= np.add([x, y], slack))
            assert np.all(inside.max(axis=0) >= np.subtract([x + width, y + height], slack))


def grid_of(window, count=101):
    """Give points that lie in a window in rows and columns."""
    steps = (np.arange(count) + 0.5) / count - 0.5
    across, down = (side.ravel() for side in np.meshgrid(steps * window.width, steps * window.height))
    turn = np.deg2rad(window.angle)
    x = window.cx + across * np.cos(turn) - down * np.sin(turn)
    return np.column_stack([x, window.cy + across * np.sin(turn) + down * np.cos(turn)])


def test_boxes_of_an_upright_window_are_moved_scaled_and_clipped():
    boxes = (box(10, 20, 10, 10, label="cat", id=7), box(0, 0, 200, 200, flags=("crowd",)), box(90, 90, 5, 5))
    found = objects_in(Placement(Window.from_box(15, 20, 20, 10), (20, 40)), Objects(boxes, 0), IMAGE)
    assert found == {
        "bbox": [[0, 0, 10, 20], [0, 0, 40, 20]], "categories": ["cat", None], "share": [0.5, 0.005],
        "annotation_id": [7, None], "iscrowd": [0, 1],
    }  # fmt: skip
    assert objects_in(Placement(Window.from_box(15, 20, 20, 10), (20, 40)), Objects(boxes, 0.2), IMAGE)["share"] == [
        0.5
    ]


@pytest.fixture
def glimpse(capsys, tmp_path, monkeypatch):
    """Run a batch in a fresh folder with a photo and its annotations."""
    monkeypatch.chdir(tmp_path)
    Path("in").mkdir()
    Image.fromarray(np.zeros((*IMAGE, 3), np.uint8)).save("in/a.png")
    boxes = [(11, 5, [10, 20, 20, 10]), (3, 6, [20, 20, 40, 10]), (40, 5, [80, 80, 10, 10])]
    content = {
        "images": [{"id": 1, "file_name": "a.png"}],
        "annotations": [
            {"id": number, "image_id": 1, "category_id": category, "bbox": one} for number, category, one in boxes
        ],
        "categories": [{"id": 5, "name": "cat"}, {"id": 6, "name": "dog"}],
    }
    Path("boxes.json").write_text(json.dumps(content))

    def run(line):
        code = cli.run(["batch", "in", *line.split()])
        return code, capsys.readouterr().err

    return run


def rows():
    return [json.loads(line) for line in Path("out/metadata.jsonl").read_text().splitlines()]


def test_lines_and_names_hold_the_ids_of_annotations(glimpse):
    line = "-o out --annotations boxes.json --name {category}_{id}_{label}"
    assert glimpse(line)[0] == 0
    assert [(row["file_name"], row["annotation_id"], row["category_id"]) for row in rows()] == [
        ("5_11_cat.png", 11, 5), ("6_3_dog.png", 3, 6), ("5_40_cat.png", 40, 5),
    ]  # fmt: skip
    assert "0 glimpses written to out/, 1 image skipped" in glimpse(f"{line} --resume")[1]


def test_lines_list_the_objects_of_other_glimpses_and_of_those_that_are_dropped(glimpse):
    line = "-o out --annotations boxes.json --objects 0.2 --label cat --max-per-class 1 --context 2"
    assert glimpse(line)[0] == 0
    assert [row["objects"]["annotation_id"] for row in rows()] in ([[11]], [[40]])
    assert glimpse("-o out --overwrite --annotations boxes.json --objects 0.2 --context 2")[0] == 0
    assert [row["objects"]["annotation_id"] for row in rows()] == [[11, 3], [11, 3], [40]]
    assert [row["objects"]["share"] for row in rows()] == [[1, 0.5], [1, 1], [1]]
    assert "0 glimpses" in glimpse("-o out --resume --annotations boxes.json --objects 0.2 --context 2")[1]


def test_the_crops_are_annotated_by_their_own_manifest(glimpse):
    assert glimpse("-o out --annotations boxes.json --objects 0.2 --context 2")[0] == 0
    assert cli.run(["batch", "out", "--annotations", "out/metadata.jsonl", "-o", "again", "--label", "dog"]) == 0
    made = [json.loads(line) for line in Path("again/metadata.jsonl").read_text().splitlines()]
    assert [(row["label"], row["window"]["width"]) for row in made] == [("dog", 20), ("dog", 40)]


def test_objects_want_annotations(glimpse):
    code, errors = glimpse("-o out --objects 0.2")
    assert (code, "--objects belongs to --annotations" in errors) == (2, True)
