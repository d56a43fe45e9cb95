import json
import re
import sys

import pytest

from glimpsecli import GlimpseError, Window
from glimpsecli.annotations.annotated import Annotated
from glimpsecli.annotations.matching import check_size, match_all
from glimpsecli.annotations.names import key_of
from glimpsecli.annotations.reading import read_annotations
from glimpsecli.annotations.yolo_names import yaml_names
from glimpsecli.errors import FileProblemError, InvalidInputError


def match(annotations, path):
    return match_all(annotations, [path])[0].get(path)


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return str(path)


def windows(image, size):
    return [(box.to_window(size), box.label) for box in image.boxes]


def close(window):
    return pytest.approx([window.cx, window.cy, window.width, window.height])


def coco(*annotations, images=None, **more):
    images = [{"id": 1, "file_name": "a.jpg", "width": 200, "height": 100}] if images is None else images
    return json.dumps({"images": images, "annotations": list(annotations), **more})


def voc(objects, filename="a.jpg", size="<size><width>200</width><height>100</height></size>"):
    return f"<annotation><filename>{filename}</filename>{size}{objects}</annotation>"


def voc_object(xmin, ymin, xmax, ymax, name="dog"):
    corners = zip(("xmin", "ymin", "xmax", "ymax"), (xmin, ymin, xmax, ymax), strict=True)
    bounds = "".join(f"<{tag}>{value}</{tag}>" for tag, value in corners)
    return f"<object><name>{name}</name><difficult>1</difficult><bndbox>{bounds}</bndbox></object>"


# One hand-made file for each format: the same box, the pixels [20, 60) x [10, 40) of an image of 200x100.
BOX = Window(40, 25, 40, 30)


def test_coco_is_continuous_from_the_top_left(tmp_path):
    text = coco(
        {"id": 5, "image_id": 1, "category_id": 3, "bbox": [20, 10, 40, 30]},
        {"id": 6, "image_id": 1, "category_id": 9, "bbox": [0.5, 0, 1.25, 2], "iscrowd": 1},
        images=[
            {"id": 1, "file_name": "train\\a.jpg", "width": 200, "height": 100},
            {"id": "two", "file_name": "b.jpg"},
        ],
        categories=[{"id": 3, "name": "dog"}],
    )
    found = read_annotations(write(tmp_path / "instances.json", b"\xef\xbb\xbf" + text.encode()))
    assert (found.file_format, found.problems) == ("coco", [])
    assert list(found.images) == ["train/a.jpg", "b.jpg"]
    image, empty = found.images.values()
    assert windows(image, (100, 200)) == [(BOX, "dog"), (Window(1.125, 1, 1.25, 2), "9")]
    assert (image.image, image.size) == ("train/a.jpg", (100, 200))
    assert image.where.endswith("instances.json, image id 1")
    assert (empty.boxes, empty.size) == ((), None)


def test_voc_counts_from_1_and_includes_the_last_pixel(tmp_path):
    part = "<object><name>man</name><part><bndbox><xmin>1</xmin></bndbox></part></object>"
    write(tmp_path / "train" / "x.xml", voc(voc_object(21, 11, 60, 40) + voc_object("1", 1.5, 1, 2.0) + part))
    write(tmp_path / "y.xml", voc("", filename="", size=""))
    found = read_annotations(str(tmp_path))
    assert found.file_format == "voc"
    assert [line.rpartition(", ")[2] for line in found.problems] == ["object 3: no bndbox"]
    image = found.images["train/a.jpg"]
    assert windows(image, (100, 200)) == [(BOX, "dog"), (Window(0.5, 1.25, 1, 1.5), "dog")]
    assert image.size == (100, 200)
    assert found.images["y.*"].boxes == ()


def test_yolo_is_fractions_about_the_centre(tmp_path):
    write(tmp_path / "data.yaml", "nc: 2\nnames: ['cat', dog]\n")
    write(tmp_path / "labels" / "train" / "a.b.txt", "1 0.2 0.25 0.2 0.3\r\n0 0.2 0.25 0.2 0.3 0.87\r\n\r\n")
    write(tmp_path / "labels" / "train" / "c.txt", "")
    write(tmp_path / "train.txt", "./images/train/a.b.jpg\n")
    found = read_annotations(str(tmp_path))
    assert (found.file_format, found.problems) == ("yolo", [])
    assert list(found.images) == ["images/train/a.b.*", "images/train/c.*"]
    image = match(found, "images/train/a.b.jpg")
    assert windows(image, (100, 200)) == [(BOX, "dog"), (BOX, "cat")]
    assert match(read_annotations(str(tmp_path / "labels")), "train/a.b.png").boxes == image.boxes


def test_yolo_polygons_oriented_boxes_and_keypoints(tmp_path):
    rows = "7 0.1 0.4 0.3 0.1 0.2 0.2\n7.0 0.2 0.1 0.3 0.25 0.2 0.4 0.1 0.25\n"
    found = read_annotations(write(tmp_path / "a.txt", rows))
    assert [box.label for box in found.images["a.*"].boxes] == ["7", "7"]
    for window, _ in windows(found.images["a.*"], (100, 200)):
        assert close(window) == [40, 25, 40, 30]
    write(tmp_path / "data.yaml", "kpt_shape: [3, 2]\nnames:\n  7: man\n")
    found = read_annotations(write(tmp_path / "a.txt", "7 0.2 0.25 0.2 0.3 0 0 1 1 .5 .5\n"))
    assert windows(found.images["a.*"], (100, 200)) == [(BOX, "man")]


@pytest.mark.parametrize(
    ("header", "row", "box_format", "unit"),
    [
        ("image,x,y,width,height,label", "a.jpg,20,10,40,30,dog", "xywh", "pixels"),
        (" File_Name , class , x , y , w , h ", "a.jpg, dog, .1, .1, .2, .3", "xywh", "fractions"),
        ("filename,width,height,class,xmin,ymin,xmax,ymax", "a.jpg,200,100,dog,20,10,60,40", "xyxy", "pixels"),
        ("image_path,x1,y1,x2,y2,category", "a.jpg,.1,.1,.3,.4,dog", "xyxy", "fractions"),
        ("path,cx,cy,width,height,class_name", "a.jpg,40,25,40,30,dog", "cxcywh", "pixels"),
        ("image,cx,cy,w,h,label,score", "a.jpg,.2,.25,.2,.3,dog,1", "cxcywh", "fractions"),
    ],
)
def test_csv_is_what_the_user_says(tmp_path, header, row, box_format, unit):
    path = write(tmp_path / "boxes.csv", f"\ufeff{header}\r\n{row}\r\n")
    found = read_annotations(path, box_format=box_format, unit=unit)
    ((window, label),) = windows(found.images["a.jpg"], (100, 200))
    assert (close(window), label) == ([40, 25, 40, 30], "dog")
    assert found.images["a.jpg"].size == ((100, 200) if "filename" in header else None)
    assert found.problems == []


def test_csv_sizes_merging_and_images_without_boxes(tmp_path):
    rows = "a.jpg,1,1,2,2,cat,200,100\nb.jpg,,,,,,,\n./a.jpg,3,3,4,4,dog,200,100\na.jpg,5,5,6,6,,100,200\n"
    path = write(tmp_path / "boxes.csv", f"image,x1,y1,x2,y2,label,image_width,image_height\n{rows}")
    found = read_annotations(path, box_format="xyxy")
    assert [box.label for box in found.images["a.jpg"].boxes] == ["cat", "dog", None]
    assert found.images["a.jpg"].where == f"{path}, line 2"
    assert found.images["a.jpg"].size == (100, 200)
    assert found.images["b.jpg"].boxes == ()
    assert found.problems == [f"{path}, line 5: 'a.jpg' has another size in {path}, line 2, which is taken"]


@pytest.mark.parametrize(
    "row",
    [
        {"objects": {"bbox": [[20, 10, 40, 30]], "categories": ["dog"]}},
        {"objects": {"bbox": [[20, 10, 40, 30]], "category": ["dog"], "id": [1]}},
        {"objects": [{"bbox": [20, 10, 40, 30], "label": "dog"}]},
        {"bbox": [20, 10, 40, 30], "label": "dog", "width": 200, "height": 100},
        {"bbox": [[20, 10, 40, 30]], "label": "dog"},
    ],
)
def test_hugging_face_metadata_has_coco_boxes(tmp_path, row):
    rows = [{"file_name": "a.jpg", **row}, {"file_name": "b.jpg", "text": "line\u2028separator"}]
    write(tmp_path / "metadata.jsonl", "\r\n".join(json.dumps(row, ensure_ascii=False) for row in rows))
    found = read_annotations(str(tmp_path))
    assert (found.file_format, found.problems) == ("jsonl", [])
    assert windows(found.images["a.jpg"], (100, 200)) == [(BOX, "dog")]
    assert found.images["a.jpg"].size == ((100, 200) if "width" in row else None)
    assert found.images["b.jpg"].boxes == ()


def test_a_bad_entry_is_a_line_and_the_rest_goes_on(tmp_path):
    good = {"id": 9, "image_id": 1, "bbox": [1, 1, 2, 2]}
    bad = {
        "a box of 0x5": [1, 1, 0, 5],
        "is not a finite number": [1, float("nan"), 2, 2],
        "out of all bounds": [1, 1, 1e300, 2],
        "huge|finite": [1, 10**400, 2, 2],
        "'wide' is not a number": [1, 1, "wide", 2],
        "a number is missing": [1, 1, None, 2],
        "True is not a number": [1, 1, True, 2],
        "not .x, y, width, height.": [1, 1, 2],
        "no bbox": None,
    }
    entries = [{"id": 7, "image_id": 1, "bbox": bbox} for bbox in bad.values()]
    odd = ["text", {"id": 8, "image_id": 2, "bbox": [1, 1, 2, 2]}, {"id": 8, "image_id": [], "bbox": []}]
    images = [
        {"id": 1, "file_name": "a.jpg", "width": -1, "height": 5},
        {"id": 2},
        {"id": 1, "file_name": "again.jpg"},
    ]
    path = write(tmp_path / "c.json", coco(*entries, *odd, good, images=images))
    found = read_annotations(path)
    assert windows(found.images["a.jpg"], (9, 9)) == [(Window(2, 2, 2, 2), None)]
    assert found.images["a.jpg"].size is None
    assert all(line.startswith(path) and "\n" not in line for line in found.problems)
    for words in (*bad, "id 1: an image of -1x5", "id 2: no image is named", "given before", "'text'", "not among"):
        assert any(re.search(words, line) for line in found.problems), words
    assert len(found.problems) == len(bad) + 6


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("0 0.5 0.5 0.2", "3 numbers"),
        ("0 .1 .1 .2 .2 .3 .3 .9", "7 numbers"),
        ("cat 0.5 0.5 0.2 0.2", "'cat' is not a number"),
        ("0.5 0.5 0.5 0.2 0.2", "the class is '0.5'"),
        ("0 320 240 20 20", "'320' is not a fraction"),
        ("0 0.5 0.5 0 0.2", "0%x20%"),
        ("0 inf 0.5 0.1 0.2", "finite"),
        ("0 0_1 0.5 0.1 0.2", "'0_1' is not a number"),
        ("0 .1 .1 .2 .1 .3 .1", "a box of 20%x0%"),
    ],
)
def test_a_bad_row_of_yolo(tmp_path, row, words):
    path = write(tmp_path / "a.txt", f"0 0.5 0.5 0.2 0.2\n{row}\n0 0.5 0.5 0.2 0.2\n")
    found = read_annotations(path)
    assert len(found.images["a.*"].boxes) == 2
    assert len(found.problems) == 1
    assert found.problems[0].startswith(f"{path}, line 2: ")
    assert words in found.problems[0]


def test_bad_rows_of_csv_and_json_lines(tmp_path):
    path = write(tmp_path / "b.csv", "image,x,y,w,h\na.jpg,1,2\na.jpg,1,2,,4\n,1,2,3,4\n..,1,2,3,4\na.jpg,1,2,3,4\n")
    found = read_annotations(path)
    assert len(found.images["a.jpg"].boxes) == 1
    wanted = ["line 2: 3 cells under 5", "line 3: a number is missing", "line 4: '' names no", "line 5: '..' names no"]
    for line, words in zip(found.problems, wanted, strict=True):
        assert line.startswith(f"{path}, {words}")
    rows = [
        '{"file_name": "a.jpg", "bbox": [1, 1, 2, 2]}',
        "{",
        "[1]",
        '{"file_name": "b.jpg", "objects": {"bbox": [[1, 1, 2, 2]], "categories": []}}',
        '{"file_name": "c.jpg", "objects": 5}',
        "[" * 100_000,
    ]
    found = read_annotations(write(tmp_path / "m.jsonl", "\n".join(rows)))
    assert list(found.images) == ["a.jpg"]
    assert ["line 2" in found.problems[0], len(found.problems)] == [True, 5]
    assert "1 boxes and 0 labels" in found.problems[2]
    assert "nested too deeply" in found.problems[4]


def test_a_bad_file_among_many(tmp_path):
    write(tmp_path / "v" / "a.xml", voc(voc_object(1, 1, 2, 2)))
    write(tmp_path / "v" / "b.xml", "<annotation><filename>")
    write(tmp_path / "v" / "c.xml", "<html/>")
    found = read_annotations(str(tmp_path / "v"))
    assert list(found.images) == ["a.jpg"]
    assert ["b.xml" in found.problems[0], "c.xml is no VOC" in found.problems[1]] == [True, True]
    write(tmp_path / "y" / "a.txt", "0 .5 .5 .1 .1")
    write(tmp_path / "y" / "b.txt", b"\xff\xfe0")
    found = read_annotations(str(tmp_path / "y"))
    assert list(found.images) == ["a.*"]
    assert "b.txt is not UTF-8" in found.problems[0]


LAUGHS = '<!DOCTYPE a [<!ENTITY a "ha">' + "".join(
    f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.json", "[" * 100_000, "clear"),
        ("a.json", '{"images": ' + "[" * 100_000, "nested too deeply|not JSON"),
        ("a.json", "{", "not JSON"),
        ("a.json", '{"images": ' + "9" * 5000 + "}", "not JSON|no COCO"),
        ("a.json", "{}", "no COCO file"),
        ("a.json", coco(images=[]), "no annotations that could be read as coco"),
        ("a.json", coco({"image_id": 1, "caption": "a dog"}), "no annotation has a bbox"),
        ("a.json", '{"images": [], "annotations": 5}', "annotations is not a list"),
        ("a.json", b'{"images": "\xff"}', "not UTF-8"),
        ("a.xml", LAUGHS + "]><annotation>&i;</annotation>", "declares a document type"),
        ("a.xml", "<!DOCTYPE annotation SYSTEM 'file:///etc/passwd'><annotation/>", "declares a document type"),
        ("a.xml", "<annotation>", "not XML"),
        ("a.xml", "<?xml version='1.0' encoding='klingon'?><annotation/>", "not XML|encoding"),
        ("a.csv", "", "columns are none"),
        ("a.csv", "image,x,y\n", "a table of xywh has image, x, y, width, height"),
        ("a.csv", "image,x,y,w,h\n", "no annotations"),
        ("a.jsonl", '{"file_name": "a.jpg"}', "no line has objects"),
        ("a.jsonl", "", "no line has objects"),
        ("a.dat", "what?", "not clear"),
    ],
)
def test_a_file_of_no_use_is_refused_in_one_line(tmp_path, name, content, words):
    path = write(tmp_path / name, content)
    with pytest.raises(InvalidInputError, match=words) as caught:
        read_annotations(path)
    assert path in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


def test_other_refusals(tmp_path):
    path = write(tmp_path / "a.csv", "image,x,y,w,h\na,1,2,3,4\n")
    for arguments, options, words in (
        ((path, "dicom"), {}, "choose coco, yolo"),
        ((path,), {"box_format": "yxyx"}, "choose xywh"),
        ((path,), {"unit": "feet"}, "choose pixels"),
        ((path, "coco"), {"unit": "fractions"}, "for CSV"),
        ((str(tmp_path / "none"),), {}, "No such file"),
        ((str(tmp_path / "none"), "yolo"), {}, "No such file"),
        ((str(tmp_path / "none"), "voc"), {}, "No such file"),
        ((str(tmp_path),), {}, "holds no annotations"),
        ((str(tmp_path), "coco"), {}, "Is a directory"),
        ((str(tmp_path), "yolo"), {}, "no annotations"),
        (("a\0b", "coco"), {}, "null|NUL"),
    ):
        with pytest.raises(InvalidInputError, match=words):
            read_annotations(*arguments, **options)
    write(tmp_path / "b.xml", voc(""))
    write(tmp_path / "c.txt", "")
    with pytest.raises(InvalidInputError, match="voc and yolo"):
        read_annotations(str(tmp_path))


def test_the_format_is_guessed_by_content_where_the_suffix_does_not_tell(tmp_path):
    row = '{"file_name": "a.jpg", "bbox": [1, 1, 2, 2]}\n'
    for name, content, expected in (
        ("one.json", row, "jsonl"),
        ("two.json", coco(), "coco"),
        ("three", f"\ufeff\n{voc('')}", "voc"),
    ):
        content = content.lstrip("\ufeff\n") if expected == "voc" else content
        assert read_annotations(write(tmp_path / name, content)).file_format == expected


@pytest.mark.skipif(sys.platform == "win32", reason="memory of deep trees")
def test_deep_xml_does_no_harm(tmp_path):
    deep = "<p>" * 200_000 + "</p>" * 200_000
    found = read_annotations(write(tmp_path / "a.xml", voc(deep + voc_object(1, 1, 2, 2))))
    assert len(found.images["a.jpg"].boxes) == 1


@pytest.mark.parametrize(
    "text",
    [
        "names: [cat, 'guide dog', \"it's\"]  # three\n",
        "nc: 3\nnames: [\n  cat,  # first\n  guide dog,\n  'it''s',\n]\ntrain: x\n",
        "names:\n- cat # C#\n- guide dog\n- it's\ntrain: x\n",
        "train: x\r\nnames:\r\n  # animals\r\n  0: cat\r\n\r\n  1: 'guide dog'\r\n  2: it's\r\nval: y\r\n",
        "names: {0: cat, 1: guide dog, 2: it's}\n",
        "path: a\nnames:\n  '0': cat\n  \"1\": guide dog\n  2: it's",
    ],
)
def test_names_of_data_yaml(text):
    assert yaml_names(text) == {0: "cat", 1: "guide dog", 2: "it's"}


@pytest.mark.parametrize(
    "text",
    [
        "names: names.txt",
        "names: *anchor",
        "names: [cat, dog",
        "names: [[cat]]",
        "names: {cat: 0}",
        "names:\n  - &a cat\n",
        "names:\n  cat: 0\n",
        "names:\n  - {a: b}\n",
        "names:\n  - a: b\n",
        'names: ["\\u0041"]',
        "names:\n  - |\n    cat\n",
        "names:\n  - cat\n  1: dog\n",
    ],
)
def test_names_beyond_the_reader_are_said_to_be(tmp_path, text):
    with pytest.raises(InvalidInputError):
        yaml_names(text)
    write(tmp_path / "data.yaml", text)
    found = read_annotations(write(tmp_path / "labels" / "a.txt", "3 .5 .5 .1 .1"), "yolo")
    assert found.images["a.*"].boxes[0].label == "3"
    assert "data.yaml gives no class names" in found.problems[0]


def test_no_names_or_names_line_by_line(tmp_path):
    assert yaml_names("names:\n  - C#\n  - a-b, c\n") == {0: "C#", 1: "a-b, c"}
    assert yaml_names("names: [C#, x y]") == {0: "C#", 1: "x y"}
    assert yaml_names("nc: 3\n  names: [nested]\n") == {}
    write(tmp_path / "obj.names", "cat\nguide dog\n")
    write(tmp_path / "obj_train_data" / "a.txt", "1 .5 .5 .1 .1\n2 .5 .5 .1 .1")
    found = read_annotations(str(tmp_path / "obj_train_data"))
    assert [box.label for box in found.images["a.*"].boxes] == ["guide dog", "2"]


def annotations(tmp_path, *names):
    rows = "".join(f"{name},1,2,3,4,{name}\n" for name in names)
    return read_annotations(write(tmp_path / "boxes.csv", f"image,x,y,w,h,label\n{rows}"))


@pytest.mark.parametrize(
    ("names", "path", "chosen"),
    [
        (["a.jpg", "train/a.jpg"], "train/a.jpg", "train/a.jpg"),
        (["a.jpg", "train/a.jpg"], "a.jpg", "a.jpg"),
        (["a.jpg", "train/a.jpg"], "images/train/a.jpg", "train/a.jpg"),
        (["x/train/a.jpg", "x/val/a.jpg"], "val/a.jpg", "x/val/a.jpg"),
        (["/home/bob/train/a.jpg", "/home/bob/val/a.jpg"], "data/val/a.jpg", "/home/bob/val/a.jpg"),
        (["C:\\data\\a.jpg"], "a.jpg", "C:\\data\\a.jpg"),
        (["../../etc/a.jpg"], "images/a.jpg", "../../etc/a.jpg"),
        (["a.png", "a.jpg"], "a.jpg", "a.jpg"),
        (["b/a.png", "c/a.png"], "b/a.jpg", "b/a.png"),
        (["a"], "train/a.jpg", "a"),
        (["A.jpg"], "A.JPG", "A.jpg"),
        (["scan.001"], "scan.002", None),
        (["ba.jpg"], "a.jpg", None),
        (["cafe\u0301.jpg"], "caf\u00e9.jpg", "cafe\u0301.jpg"),
    ],
)
def test_matching_from_the_strongest_rule_to_the_weakest(tmp_path, names, path, chosen):
    found = match(annotations(tmp_path, *names), path)
    assert (found.boxes[0].label if found else None) == chosen


def test_nobody_guesses_between_equals(tmp_path):
    with pytest.raises(InvalidInputError, match=r"'a.jpg' fits the annotations of 'train/a.jpg', 'val/a.jpg'"):
        match(annotations(tmp_path, "train/a.jpg", "val/a.jpg"), "a.jpg")
    with pytest.raises(InvalidInputError, match=r"'a.jpg' fits 'train/a.jpg', 'val/a.jpg'"):
        match_all(annotations(tmp_path, "a.jpg"), ["train/a.jpg", "val/a.jpg"])


def test_an_annotation_goes_to_the_image_that_it_fits_best(tmp_path):
    found = annotations(tmp_path, "train/a.jpg", "gone.jpg")
    matched, unmatched = match_all(found, ["val/a.jpg", "train/a.jpg", "b.jpg"])
    assert list(matched) == ["train/a.jpg"]
    assert [image.image for image in unmatched] == ["gone.jpg"]


def test_names_are_only_compared():
    assert key_of("C:\\a\\.\\b.jpg") == key_of("/a//b.jpg") == "a/b.jpg"
    assert key_of("../b.jpg") == "../b.jpg"


def test_the_claimed_size_must_be_that_of_the_upright_image():
    image = Annotated("a.jpg", (100, 200), (), "boxes.csv, line 2")
    check_size(image, (100, 200))
    check_size(image._replace(size=None), (7, 7))
    with pytest.raises(FileProblemError, match=r"200x100 in the annotations and 100x200 upright.*unrotated.*EXIF"):
        check_size(image, (200, 100))
    with pytest.raises(GlimpseError, match=r"line 2: .*200x100.*300x100 upright; .*another version") as caught:
        check_size(image, (100, 300))
    assert "EXIF" not in str(caught.value)
