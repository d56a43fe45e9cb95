"""LabelMe, MOTChallenge, MegaDetector, Open Images, CVAT and Supervisely: one box in each, and whatever has no box."""

import base64
import io
import json
import math
import random
import zlib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from glimpsecli import Window, cli
from glimpsecli.annotations.matching import match_all
from glimpsecli.annotations.reading import read_annotations
from glimpsecli.errors import InvalidInputError

# The pixels [20, 60) x [10, 40) of an image of 200x100, upright and turned by 30 degrees, clockwise.
BOX, TURNED = Window(40, 25, 40, 30), Window(40, 25, 40, 30, 30)


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return str(path)


def windows(image, size=(100, 200)):
    return [box.to_window(size) for box in image.boxes]


def only(found):
    (image,) = found.images.values()
    return image


def close(window):
    return pytest.approx([window.cx, window.cy, window.width, window.height, window.angle], abs=1e-4)


def numbers(window):
    return [window.cx, window.cy, window.width, window.height, window.angle]


def corners(cx, cy, width, height, degrees):
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    steps = [(-width / 2, -height / 2), (width / 2, -height / 2), (width / 2, height / 2), (-width / 2, height / 2)]
    return [[cx + cos * x - sin * y, cy + sin * x + cos * y] for x, y in steps]


def png(width, height):
    buffer = io.BytesIO()
    Image.new("L", (width, height)).save(buffer, "PNG")
    return base64.b64encode(zlib.compress(buffer.getvalue())).decode()


def labelme(*shapes, **more):
    return {"version": "5.5.0", "flags": {}, "shapes": list(shapes), "imagePath": "a.jpg", "imageData": None,
            "imageHeight": 100, "imageWidth": 200, **more}  # fmt: skip


def shape(kind, points, **more):
    return {"label": "dog", "points": points, "group_id": None, "shape_type": kind, "flags": {}, **more}


def test_labelme_rectangles_and_the_boxes_around_other_shapes(tmp_path):
    whole = labelme(
        shape("rectangle", [[60, 40], [20, 10]], flags={"occluded": True, "mine": True}),
        shape("polygon", [[20, 25], [40, 10], [60, 25], [40, 40]]),
        shape(None, [[20, 25], [40, 10], [60, 40]]),
        shape("circle", [[40, 25], [40, 40]]),
        shape("mask", [[20, 10], [59, 39]], mask="..."),
        shape("oriented_rectangle", corners(*numbers(TURNED)), score=0.5, difficult=True),
        shape("rotation", [[0, 0], [10, 1], [30, 30], [1, 20]]),
    )
    image = only(found := read_annotations(write(tmp_path / "a.json", whole)))
    assert (found.file_format, found.problems, image.image, image.size) == ("labelme", [], "a.jpg", (100, 200))
    places = windows(image)
    assert places[:3] == [BOX, BOX, BOX]
    assert numbers(places[3]) == close(Window(40, 25, 30, 30))
    assert numbers(places[4]) == close(BOX)
    assert numbers(places[5]) == close(TURNED)
    assert numbers(places[6]) == close(Window(15, 15, 30, 30))
    assert [box.flags for box in image.boxes[:2]] == [("occluded",), ()]
    assert (image.boxes[5].score, image.boxes[5].flags) == (0.5, ("difficult",))
    assert found.notes == [
        "shapes 'polygon' taken as the boxes around them: 2",
        "shapes 'circle' taken as the boxes around them: 1",
        "shapes 'mask' taken as the boxes around them: 1",
        "shapes 'rotation' taken as the boxes around them: 1",
    ]


def test_labelme_counts_what_has_no_box_and_names_what_is_wrong(tmp_path):
    wrong = [shape("polygon", [[1, 1], [2, 2]]), shape("star", [[1, 1], [2, 2]]), shape("rectangle", [[1, 1, 1]]), 7,
             shape("rectangle", [[1, 1], [1, 5]]), shape("polygon", None)]  # fmt: skip
    rest = [shape("point", [[1, 1]]), shape("linestrip", [[1, 1], [2, 2]]), shape("point", [[3, 1]])]
    write(tmp_path / "deep" / "a.json", labelme(*wrong, *rest, imagePath="..\\images\\a.jpg"))
    write(tmp_path / "b.json", labelme(imagePath=None))
    write(tmp_path / "c.json", '{"shapes": 5}')
    found = read_annotations(str(tmp_path))
    assert list(found.images) == ["b.*", "images/a.jpg"]
    assert found.notes == [
        "shapes 'point', which have no box, passed over: 2", "shapes 'linestrip', which have no box, passed over: 1",
    ]  # fmt: skip
    words = ["c.json is no LabelMe", "shapes[0]: 2 points where 3", "shapes[1]: a shape 'star'",
             "shapes[2]: [[1, 1, 1]]", "shapes[3]: 7 is not",
             "shapes[4]: a box of 0x4", "shapes[5]: no points"]  # fmt: skip
    assert len(found.problems) == len(words)
    assert all(word in line for word, line in zip(words, found.problems, strict=True))


def test_mot_names_the_images_of_a_sequence(tmp_path):
    sequence = tmp_path / "MOT17-02"
    truth = "1,3,21,11,40,30,1,1,0.86\n2,3,21,11,40,30,0,12,0.1\n1,4,1,1,2,2,1,3,1\n2,x,1,1,2,2,1,1,1\n"
    path = write(sequence / "gt" / "gt.txt", truth)
    found = read_annotations(path)
    assert (found.file_format, list(found.images)) == ("mot", [f"MOT17-02/img1/00000{n}.*" for n in (1, 2)])
    first, second = found.images.values()
    assert windows(first) == [BOX, Window(1, 1, 2, 2)]
    assert [(box.label, box.category, box.id, box.frame) for box in first.boxes] == [
        ("pedestrian", "1", 3, None), ("car", "3", 4, None),
    ]  # fmt: skip
    assert [(box.label, box.flags) for box in second.boxes] == [("reflection", ("ignored",))]
    assert found.problems == [f"{path}, line 4: id: 'x' is not a whole number"]
    # The file of detections is read where there is no truth; folder, suffix and digits are those on the disk.
    write(tmp_path / "S2" / "det" / "det.txt", "7,-1,21,11,40,30,0.25,-1,-1,-1\n")
    write(tmp_path / "S2" / "seqinfo.ini", "[Sequence]\nname=S2\nimDir=frames\nimExt=.png\n")
    write(tmp_path / "S2" / "frames" / "00000001.png", "")
    write(sequence / "det" / "det.txt", "1,-1,1,1,2,2,0.5,-1,-1,-1\n")
    found = read_annotations(str(tmp_path))
    assert (found.file_format, len(found.images)) == ("mot", 3)
    (box,) = found.images["S2/frames/00000007.png"].boxes
    assert (box.label, box.id, box.score, box.flags) == (None, None, 0.25, ())
    matched, unmatched = match_all(found, ["S2/frames/00000007.png", "MOT17-02/img1/000001.jpg", "x/000009.jpg"])
    assert {*matched} == {"S2/frames/00000007.png", "MOT17-02/img1/000001.jpg"}
    assert [image.image for image in unmatched] == ["MOT17-02/img1/000002.*"]
    info = write(tmp_path / "S2" / "seqinfo.ini", "imDir=frames\n")
    (problem,) = read_annotations(str(tmp_path / "S2")).problems
    assert problem.startswith(f"{info}: no seqinfo.ini: ")
    assert "'seqinfo.ini', line: 1" in problem


def test_mot_classes_of_labels_txt_and_places_in_space(tmp_path):
    path = write(tmp_path / "gt" / "gt.txt", "1,1,21,11,40,30,1,2,0.9,-1\n1,2,20,10,40,30,1,9,0.9\n")
    image = only(read_annotations(path))
    assert [box.label for box in image.boxes] == [None, "occluder"]
    assert windows(image) == [BOX, Window(39, 24, 40, 30)]
    # CVAT writes the names of the classes, and counts pixels from 0.
    write(tmp_path / "gt" / "labels.txt", "cat\ndog\n")
    image = only(read_annotations(path))
    assert [(box.label, box.category) for box in image.boxes] == [("dog", "2"), ("9", "9")]
    assert windows(image) == [Window(41, 26, 40, 30), BOX]


def test_megadetector(tmp_path):
    bbox = [0.1, 0.1, 0.2, 0.3]
    whole = {
        "images": [
            {"file": "in\\a.jpg", "max_detection_conf": 0.9, "detections": [
                {"category": "1", "conf": 0.9, "bbox": bbox, "classifications": [["0", 0.8]]},
                {"category": "9", "conf": 0.9, "bbox": bbox},
                {"category": "2", "conf": "high", "bbox": bbox},
                {"category": "2", "conf": 0.1, "bbox": bbox[:3]},
            ]},
            {"file": "b.jpg", "detections": [], "failure": None},
            {"file": "c.jpg", "detections": None, "failure": "Failure image access"},
            {"file": "d.mp4", "detections": [{"category": "1", "conf": 1, "bbox": bbox, "frame_number": 3}]},
            {"file": "e.jpg"},
        ],
        "detection_categories": {"1": "animal", "2": "person"},
        "info": {"format_version": "1.6"},
    }  # fmt: skip
    found = read_annotations(write(tmp_path / "md.json", whole))
    assert (found.file_format, list(found.images)) == ("megadetector", ["in/a.jpg", "b.jpg", "d.mp4"])
    boxes = found.images["in/a.jpg"].boxes
    assert [(box.label, box.category, box.score) for box in boxes] == [("animal", "1", 0.9), ("person", "2", None)]
    assert numbers(windows(found.images["in/a.jpg"])[0]) == close(BOX)
    assert [line.partition("md.json, ")[2] for line in found.problems] == [
        "images[0], detections[3]: bbox [0.1, 0.1, 0.2] is not [x, y, width, height]",
        "images[2]: MegaDetector failed at 'c.jpg': 'Failure image access'",
        "images[4]: the detections are None",
    ]
    assert [note.rpartition(": ")[2] for note in found.notes] == ["1", "1", "1", "1"]
    assert {"classifications", "does not list", "not a number", "videos"} == {
        word for word in ("classifications", "does not list", "not a number", "videos") if word in str(found.notes)
    }


HEADER = "ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax,IsOccluded,IsTruncated,IsGroupOf,IsDepiction,IsInside"


def test_open_images(tmp_path):
    rows = [
        "00ab,xclick,/m/0bt9lr,1,0.1,0.3,0.1,0.4,0,1,1,0,-1",
        "00ab,xclick,/m/other,0.5,0.1,0.3,0.1,0.4,1,0,0,1,1",
        "00ac,xclick,/m/0bt9lr,1,0.3,0.1,0.1,0.4,0,0,0,0,0",
        "00ad,x",
    ]
    path = write(tmp_path / "boxes" / "train-annotations-bbox.csv", "\n".join([HEADER, *rows]))
    assert read_annotations(path).images["00ab"].boxes[0].label == "/m/0bt9lr"
    write(tmp_path / "class-descriptions-boxable.csv", 'LabelName,DisplayName\n/m/0bt9lr,"Dog, small"\n')
    found = read_annotations(path)
    first, second = found.images["00ab"].boxes
    assert found.file_format == "openimages"
    assert numbers(first.to_window((100, 200))) == close(BOX)
    assert (first.label, first.category, first.score) == ("Dog, small", "/m/0bt9lr", 1)
    assert (first.flags, second.flags) == (("crowd", "truncated"), ("occluded", "depiction", "inside"))
    assert [line.partition("bbox.csv, ")[2] for line in found.problems] == [
        "line 4: a box of -20%x30%", "line 5: 2 cells under 13 columns",
    ]  # fmt: skip
    assert "names it: 1" in found.notes[0]
    assert list(match_all(found, ["train/00ab.jpg"])[0]) == ["train/00ab.jpg"]


def cvat(inside, meta=""):
    return f'<?xml version="1.0" encoding="utf-8"?>\n<!-- <annotation> -->\n<annotations>{meta}{inside}</annotations>'


def test_cvat_for_images(tmp_path):
    edges = 'xtl="20" ytl="10" xbr="60" ybr="40"'
    shapes = [
        f'<box label="dog" occluded="1" {edges}><attribute name="truncated">true</attribute></box>',
        f'<box label="dog" occluded="0" {edges} rotation="30"/>',
        '<polygon label="cat" points="20,25;40,10;60,25;40,40"/>',
        '<ellipse label="cat" cx="40" cy="25" rx="15" ry="20" rotation="90"/>',
        '<mask label="cat" rle="1,2" left="20" top="10" width="40" height="30"/>',
        '<cuboid label="car" xtl1="20" ytl1="15" xbl1="20" ybl1="40" xtr1="50" ytr1="15" xbr1="50" ybr1="40" '
        'xtl2="30" ytl2="10" xbl2="30" ybl2="30" xtr2="60" ytr2="10" xbr2="60" ybr2="30"/>',
        '<points label="cat" points="1,1"/>', '<polyline points="1,1;2,2"/>', '<tag label="good"/>', "<skeleton/>",
        '<polygon points="1,1;2,2"/>', '<box label="dog" xtl="1"/>', "<star/>",
    ]  # fmt: skip
    text = cvat(f'<image id="0" name="in/a.jpg" width="200" height="100">{"".join(shapes)}</image>'
                '<image id="1" name="b.jpg" width="9" height="9"/><image id="2"/>')  # fmt: skip
    found = read_annotations(path := write(tmp_path / "annotations.xml", text))
    assert (found.file_format, list(found.images)) == ("cvat", ["in/a.jpg", "b.jpg"])
    image = found.images["in/a.jpg"]
    assert (image.size, len(image.boxes)) == ((100, 200), 6)
    for window, wanted in zip(windows(image), [BOX, TURNED, BOX, BOX, BOX, BOX], strict=True):
        assert numbers(window) == close(wanted)
    assert [box.flags for box in image.boxes[:2]] == [("truncated", "occluded"), ()]
    assert len(found.notes) == 8
    words = [
        "shape 11: the points are",
        "shape 12: a number is missing",
        "shape 13: a shape 'star'",
        "no image is named",
    ]
    assert all(word in line for word, line in zip(words, found.problems, strict=True))
    assert read_annotations(str(tmp_path)).images == found.images
    assert read_annotations(path, "cvat").images == found.images


def test_cvat_for_video_leaves_out_frames_in_which_the_object_is_outside(tmp_path):
    def box(frame, *, outside=0, occluded=0):
        return f'<box frame="{frame}" outside="{outside}" occluded="{occluded}" keyframe="1" ' + (
            'xtl="20" ytl="10" xbr="60" ybr="40"/>'
        )

    tracks = f'<track id="0" label="car">{box(0)}{box(2, occluded=1)}{box(3, outside=1)}{box("x")}</track>'
    tracks += f'<track id="1" label="dog">{box(2)}</track>'
    meta = "<meta><task><original_size><width>200</width><height>100</height></original_size></task></meta>"
    found = read_annotations(write(tmp_path / "a.xml", cvat(tracks, meta)))
    assert list(found.images) == [f"frame_00000{n}.*" for n in (0, 2, 3)]
    two = found.images["frame_000002.*"]
    assert [(box.label, box.id, box.flags) for box in two.boxes] == [("car", 0, ("occluded",)), ("dog", 1, ())]
    assert (windows(two), two.size) == ([BOX, BOX], (100, 200))
    assert found.images["frame_000003.*"].boxes == ()
    assert "track '0', frame 'x': 'x' is not a number" in found.problems[0]
    tracks = f'<track id="0" task_id="1">{box(0)}</track><track id="0" task_id="2">{box(0)}</track>'
    with pytest.raises(InvalidInputError, match="several tasks"):
        read_annotations(write(tmp_path / "project.xml", cvat(tracks)))


def supervisely(*objects):
    return {"description": "", "tags": [], "size": {"height": 100, "width": 200}, "objects": list(objects)}


def figure(kind, exterior=None, **more):
    points = {} if exterior is None else {"points": {"exterior": exterior, "interior": []}}
    return {"id": 5, "classId": 8, "geometryType": kind, "classTitle": "dog", "tags": [], **points, **more}


def test_supervisely(tmp_path):
    tags = [{"name": "Difficult", "value": None}, {"name": "id"}, 3]
    objects = [
        figure("rectangle", [[20, 10], [59, 39]], tags=tags),
        figure("rectangle", [[20.5, 10], [60, 40]]),
        figure("polygon", [[20, 25], [40, 10], [59, 39]]),
        figure("bitmap", bitmap={"origin": [20, 10], "data": png(40, 30)}),
        {**figure("oriented_bbox"), "points": [[20, 10], [59, 39]], "angle": math.pi / 6},
        figure("point", [[1, 1]]), figure("graph"), figure("bitmap", bitmap={"origin": [20, 10], "data": "eJw="}),
        figure("star"), figure("rectangle", [[1, 1]]), "text",
    ]  # fmt: skip
    write(tmp_path / "p" / "meta.json", {"classes": [], "objects": []})
    write(tmp_path / "p" / "ds" / "ann" / "a.jpg.json", supervisely(*objects))
    write(tmp_path / "p" / "ds" / "ann" / "b.json", supervisely())
    for root, name in (
        ("p", "ds/img/a.jpg"),
        ("p/ds", "img/a.jpg"),
        ("p/ds/ann", "a.jpg"),
        ("p/ds/ann/a.jpg.json", "a.jpg"),
    ):
        found = read_annotations(str(tmp_path / root))
        assert (found.file_format, next(iter(found.images))) == ("supervisely", name)
        image = found.images[name]
        assert image.size == (100, 200)
        wanted = [BOX, Window(40.25, 25, 39.5, 30), BOX, BOX, TURNED]
        for window, place in zip(windows(image), wanted, strict=True):
            assert numbers(window) == close(place)
        first = image.boxes[0]
        assert (first.label, first.category, first.id, first.flags) == ("dog", "8", 5, ("difficult",))
        assert len(found.notes) == 4
        words = [
            "objects[7]: the data of the bitmap",
            "objects[8]: a shape 'star'",
            "objects[9]: 1 points",
            "objects[10]",
        ]
        assert all(word in line for word, line in zip(words, found.problems, strict=True))
    assert match_all(read_annotations(str(tmp_path / "p")), ["ds/img/b.png"])[0]["ds/img/b.png"].boxes == ()


def test_batch_cuts_the_boxes(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Image.linear_gradient("L").resize((200, 100)).save("a.png")
    write(
        tmp_path / "a.json",
        labelme(shape("rectangle", [[20, 10], [60, 40]]), shape("point", [[1, 1]]), imagePath="a.png"),
    )
    assert cli.run(["batch", "a.png", "-o", "out", "--annotations", "a.json", "--sampler", "hard"]) == 0
    printed = capsys.readouterr().err
    assert "a.json: labelme, boxes of 1 image\n" in printed
    assert "a.json: shapes 'point', which have no box, passed over: 1\n" in printed
    (glimpse,) = (tmp_path / "out").rglob("*.png")
    cut = Image.open("a.png").crop((20, 10, 60, 40))
    assert Image.open(glimpse).convert("L").tobytes() == cut.tobytes()
    assert (
        cli.run(["batch", "a.png", "-o", "two", "--annotations", "s3://b/a.json", "--annotations-format", "labelme"])
        == 2
    )
    assert "is an address, and labelme has many files" in capsys.readouterr().err


def test_resume_notices_a_json_file_that_changed_in_a_folder_of_annotations(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Image.linear_gradient("L").resize((200, 100)).save("a.png")
    line = ["batch", "a.png", "-o", "out", "--annotations", "in", "--sampler", "hard", "--resume"]
    for width, code in ((60, 0), (60, 0), (61, 2)):
        write(tmp_path / "in" / "a.json", labelme(shape("rectangle", [[20, 10], [width, 40]]), imagePath="../a.png"))
        assert cli.run(line) == code
    assert "in has changed since out/run.json was written" in capsys.readouterr().err


EXAMPLES = {
    "labelme": ("a.json", json.dumps(labelme(
        shape("polygon", [[2, 1], [4, 1], [6, 4]]), shape("circle", [[4, 2], [4, 4]])))),
    "mot": ("gt.txt", "1,3,21,11,40,30,1,1,0.86\n2,3,21,11,40,30,0,12,0.1\n"),
    "megadetector": ("a.json", json.dumps({"images": [{"file": "a.jpg", "detections": [
        {"category": "1", "conf": 0.9, "bbox": [0.1, 0.1, 0.2, 0.3]}]}], "detection_categories": {"1": "animal"}})),
    "openimages": ("a.csv", f"{HEADER}\n00ab,xclick,/m/0bt9lr,1,0.1,0.3,0.1,0.4,0,1,1,0,-1\n"),
    "cvat": ("a.xml", cvat('<image name="a.jpg" width="9" height="9"><box label="x" xtl="2" ytl="1" xbr="6" ybr="4"/>'
                           '</image>'
                           '<track id="0" label="c"><polygon frame="1" outside="0" points="1,2;3,4;5,1"/></track>')),
    "supervisely": ("a.json", json.dumps(supervisely(figure("rectangle", [[2, 1], [5, 3]]), figure(
        "bitmap", bitmap={"origin": [2, 1], "data": png(4, 3)})))),
}  # fmt: skip


def damaged(text, seed):
    """Give a text with a few values or characters changed."""
    chance = random.Random(seed)
    values = ["null", "-1", "1e999", "NaN", "[]", "{}", '""', "\x00", "9" * 400, "True", "é", '"', "<", ",", "\n"]
    for _ in range(chance.randint(1, 3)):
        start = chance.randrange(len(text) + 1)
        end = min(len(text), start + chance.choice([0, 1, 2, 8, 40]))
        text = text[:start] + chance.choice(["", *values]) + text[end:]
    return text


def misplaced(value, chance):
    """Give JSON in which some value is one of another type."""
    odd = [None, -1, True, 1.5, "text", [], {}, [[1, 2]], [None], {"a": 1}, 10**400, float("nan")]
    if chance.random() < 0.08:
        return chance.choice(odd)
    if isinstance(value, dict):
        return {name: misplaced(one, chance) for name, one in value.items() if chance.random() > 0.03}
    return [misplaced(one, chance) for one in value] if isinstance(value, list) else value


@pytest.mark.parametrize("file_format", EXAMPLES)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32))
def test_damaged_files_are_refused_in_a_line_or_read(tmp_path, file_format, seed):
    name, text = EXAMPLES[file_format]
    texts = [damaged(text, seed)]
    if name.endswith(".json"):
        texts.append(json.dumps(misplaced(json.loads(text), random.Random(seed))))
    for one in texts:
        (tmp_path / name).write_text(one)
        for chosen in (file_format, None):
            try:
                found = read_annotations(str(tmp_path / name), chosen)
            except InvalidInputError as error:
                lines = [str(error)]
                images = []
            else:
                lines = [*found.problems, *found.notes]
                images = [*found.images.values()]
            assert all("\n" not in line for line in lines)
            for image in images:
                assert all(window.width > 0 and window.height > 0 for window in windows(image))


def test_a_guess_goes_by_content(tmp_path):
    for file_format, (name, text) in EXAMPLES.items():
        assert read_annotations(write(tmp_path / name, text)).file_format == file_format
    late = {"imageData": "x" * 100_000, "shapes": [shape("rectangle", [[2, 1], [4, 4]])]}
    assert read_annotations(write(tmp_path / "late.json", late)).file_format == "labelme"
    entries = [{"id": k, "image_id": 1, "bbox": [1, 1, 2, 2], "attributes": {"objects": k}} for k in range(2000)]
    late = {"annotations": entries, "categories": [], "images": [{"id": 1, "file_name": "a.jpg"}]}
    assert read_annotations(write(tmp_path / "late.json", late)).file_format == "coco"
    both = tmp_path / "both"
    write(both / "a.json", labelme())
    write(both / "a.txt", "0 .5 .5 .1 .1")
    with pytest.raises(InvalidInputError, match="yolo and labelme"):
        read_annotations(str(both))
