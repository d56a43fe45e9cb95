"""Scores, ids and flags of boxes, in the formats that have them."""

import json

import pytest

from glimpsecli.annotations.reading import read_annotations


def write(path, content):
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return str(path)


def only(found):
    (image,) = found.images.values()
    return image


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.json", {"images": [{"id": 1, "file_name": "a.jpg"}], "annotations": [
            {"id": 7, "image_id": 1, "bbox": [1, 1, 2, 2], "iscrowd": 1, "score": 0.5}]}),
        ("a.json", {"images": [{"id": 1, "file_name": "a.jpg"}], "annotations": [
            {"id": "7", "image_id": 1, "bbox": [1, 1, 2, 2], "score": 0.5, "iscrowd": 0,
             "attributes": {"Crowd": True, "occluded": False, "id": 3}}]}),
        ("a.csv", "image,x,y,w,h,id,score,iscrowd,truncated\na.jpg,1,1,2,2,7,0.5,1,0\n"),
        ("a.jsonl", {"file_name": "a.jpg", "objects": {
            "bbox": [[1, 1, 2, 2]], "id": [7], "score": [0.5], "iscrowd": [1]}}),
        ("a.jsonl", {"file_name": "a.jpg", "objects": [
            {"bbox": [1, 1, 2, 2], "id": 7, "score": 0.5, "iscrowd": True}]}),
    ],
)  # fmt: skip
def test_scores_ids_and_flags_of_the_other_formats(tmp_path, name, content):
    (box,) = only(read_annotations(write(tmp_path / name, content))).boxes
    assert (str(box.id), box.score, box.flags) == ("7", 0.5, ("crowd",))


def test_flags_of_voc_scores_of_yolo_and_what_is_none(tmp_path):
    bounds = "<bndbox><xmin>1</xmin><ymin>1</ymin><xmax>2</xmax><ymax>2</ymax></bndbox>"
    marks = "<truncated>1</truncated><difficult>0</difficult><occluded>1</occluded>"
    found = read_annotations(write(tmp_path / "a.xml", f"<annotation><object>{marks}{bounds}</object></annotation>"))
    assert only(found).boxes[0].flags == ("truncated", "occluded")
    assert only(read_annotations(write(tmp_path / "a.txt", "0 .5 .5 .1 .1 .75"))).boxes[0].score == 0.75
    marks = {"image_id": 1, "bbox": [1, 1, 2, 2], "truncated": 1, "iscrowd": True, "occluded": -1, "id": True}
    whole = {"images": [{"id": 1, "file_name": "a.jpg"}], "annotations": [marks | {"category_id": 10**50}]}
    (box,) = only(read_annotations(write(tmp_path / "a.json", whole))).boxes
    assert (box.flags, box.id, box.category) == (("crowd", "truncated"), None, str(10**50))
    row = {"file_name": "a.jpg", "id": 3, "score": 0.5, "bbox": [[1, 1, 2, 2], [1, 1, 2, 2]]}
    boxes = only(read_annotations(write(tmp_path / "a.jsonl", row))).boxes
    assert [(box.id, box.score) for box in boxes] == [(None, None)] * 2
