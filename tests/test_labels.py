"""Labels: the names that numbers have, and the boxes that they choose."""

import json

import pytest
from PIL import Image

from glimpsecli import cli
from glimpsecli.annotations.labels import choose
from glimpsecli.annotations.reading import read_annotations
from glimpsecli.errors import InvalidInputError


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def coco(folder):
    """Write a COCO file with a box for each category, whose number is the box's width."""

    def write(names):
        categories = [{"id": number, "name": name} for number, name in names.items()]
        boxes = [
            {"id": number, "image_id": 1, "category_id": number, "bbox": [0, 0, number, number]} for number in names
        ]
        whole = {"images": [{"id": 1, "file_name": "a.png"}], "categories": categories, "annotations": boxes}
        (folder / "a.json").write_text(json.dumps(whole))
        return list(read_annotations("a.json").images.values())

    return write


def widths(images, *wanted):
    choice = choose(images, wanted)
    return [box.width.value for image in images for box in image.boxes if choice.takes(box)]


def test_labels_are_chosen_by_name_and_number_one_or_several(coco):
    images = coco({1: "dog", 2: "cat", 7: "bird", 8: "guide, dog", 9: "7"})
    assert widths(images, "dog") == [1]
    assert widths(images, "dog", "cat") == widths(images, "dog,cat") == widths(images, "1, cat") == [1, 2]
    assert widths(images, "2") == [2]
    assert widths(images, "guide, dog") == [8]
    assert widths(images, "7") == [9]  # the label comes before the number
    assert widths(images, "8,dog") == [1, 8]
    assert widths(coco({3: "same", 4: "same"}), "4") == [4]


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ("dgo", "--label 'dgo': no annotation has this label; the nearest are 'dog'"),
        ("DOG", "the nearest are 'dog'"),
        ("dog,unicorn", "--label 'unicorn': no annotation has this label; they have 'dog', 'cat', 'bird' and 1 more"),
        ("3", "--label '3'"),
        ("", "--label ''"),
    ],
)
def test_an_unknown_label_is_refused_with_the_nearest(coco, wanted, words):
    with pytest.raises(InvalidInputError) as caught:
        choose(coco({1: "dog", 2: "cat", 7: "bird", 8: "horse"}), [wanted])
    assert words in str(caught.value)


def test_annotations_without_labels():
    with pytest.raises(InvalidInputError, match="the annotations have no labels"):
        choose([], ["dog"])


def test_label_and_least_size_of_a_batch(coco, folder, capsys):
    coco({4: "dog", 12: "cat"})
    Image.new("RGB", (60, 40)).save("a.png")
    line = ["batch", "a.png", "--annotations", "a.json", "-o"]
    assert cli.run([*line, "none", "--label", "dgo"]) == 2
    assert "the nearest are 'dog'" in capsys.readouterr().err
    assert not (folder / "none").exists()
    assert cli.run([*line, "out", "--label", "dog,12"]) == 0
    assert len(list((folder / "out").glob("*.png"))) == 2
    # A box of 4 pixels is below 5 with any context; one of 12 is not below 12 where the window is smaller.
    assert cli.run([*line, "large", "--min-size", "5", "--context", "3", "--square"]) == 0
    assert len(list((folder / "large").glob("*.png"))) == 1
    assert cli.run([*line, "small", "--min-size", "12", "--context", "0.5"]) == 0
    assert len(list((folder / "small").glob("*.png"))) == 1


def yolo(folder, files, rows="0 .5 .5 .2 .2\n1 .5 .5 .3 .3\n"):
    for name, text in {"set/labels/train/a.txt": rows, **files}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return read_annotations("set/labels/train")


def labels(found):
    return [box.label for image in found.images.values() for box in image.boxes]


@pytest.mark.parametrize("name", ["data.yaml", "data.yml", "set.yaml", "pets.yml", "labels/pets.yaml"])
def test_yaml_files_of_any_name_give_names(folder, name):
    found = yolo(folder, {f"set/{name}": "names: [dog, cat]\n"})
    assert (labels(found), found.notes, found.problems) == (["dog", "cat"], [], [])
    assert [box.category for box in found.images["a.*"].boxes] == ["0", "1"]


def test_yaml_files_that_have_no_names_or_are_of_another_data_set(folder):
    others = {"set/compose.yml": "services:\n  a: 1\n", "set/voc.yaml": "names: [x, y]\n", "set/voc/readme": ""}
    found = yolo(
        folder, {**others, "set/pets.yaml": "names: {0: dog, 1: cat}\n", "set/pose.yaml": "kpt_shape: [3, 2]\n"}
    )
    assert (labels(found), found.problems) == (["dog", "cat"], [])
    found = yolo(folder, {}, "0 .1 .1 .2 .1 .3 .3 .4 .4\n")
    assert found.images["a.*"].boxes[0].width.value == pytest.approx(30)  # a polygon, whatever pose.yaml says


@pytest.mark.parametrize("other", ["pets.yaml", "data.yml", "classes.txt"])
def test_files_that_disagree_are_refused(folder, other):
    text = "names: [dog, bird]\n" if other != "classes.txt" else "dog\nbird\n"
    with pytest.raises(
        InvalidInputError, match=r"class 1 is 'cat' in .*data.yaml and 'bird' in .*; remove one"
    ) as caught:
        yolo(folder, {"set/data.yaml": "names: [dog, cat]\n", f"set/{other}": text})
    assert str(folder / "set" / other) in str(caught.value)


def test_files_that_agree_are_read_together_and_the_nearest_folder_counts(folder):
    found = yolo(folder, {"set/data.yaml": "names: [dog]\n", "set/classes.txt": "dog\ncat\n"})
    assert labels(found) == ["dog", "cat"]
    found = yolo(folder, {"set/labels/classes.txt": "horse\nowl\n"})
    assert labels(found) == ["horse", "owl"]


def test_names_beside_the_labels_of_a_data_set_are_found(folder):
    yolo(folder, {"set/labels/classes.txt": "horse\nowl\n"})
    for name in ("data.yaml", "data.yml", "pets.yaml"):
        (folder / "set" / name).unlink(missing_ok=True)
    assert labels(read_annotations(folder / "set", "yolo")) == ["horse", "owl"]


def test_numbers_for_labels_are_said(folder, coco):
    found = yolo(folder, {})
    assert labels(found) == ["0", "1"]
    (note,) = found.notes
    assert note.startswith("boxes whose label is the number of their class, because no data.yaml")
    assert note.endswith("was found: 2")
    (note,) = yolo(folder, {"set/data.yaml": "names: [dog]\n"}).notes
    assert note.endswith(f"because {folder / 'set' / 'data.yaml'} does not name it: 1")
    coco({1: "dog", 2: None})
    (note,) = read_annotations("a.json").notes
    assert note == "boxes whose label is the number of their category, because the categories do not name it: 1"
