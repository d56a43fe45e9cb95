"""Names of images in tables, lists and folders: one matcher, whoever asks."""

import unicodedata

import numpy as np
import pytest
from PIL import Image

from glimpsecli import cli
from glimpsecli.annotations.names import Index
from glimpsecli.jobs.sources import find_sources

NFC, NFD = (unicodedata.normalize(form, "café") for form in ("NFC", "NFD"))


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def glimpse(capsys):
    def run(line):
        code = cli.run(line.split())
        return code, capsys.readouterr().err

    return run


def image(path, folder):
    path = folder / path
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (60, 40)).save(path, "PNG")


def table(folder, *names):
    rows = "".join(f"{name},5,5,10,10\n" for name in names)
    (folder / "w.csv").write_text(f"image,x,y,width,height\n{rows}", encoding="utf-8")


@pytest.mark.parametrize(
    ("names", "asked", "best"),
    [
        (["plate.v2", "plate"], "plate.v2.png", [0]),
        (["plate.v2", "plate"], "plate.png", [1]),
        (["plate.v2"], "plate.png", []),
        (["clip.f001", "clip.f002"], "clip.f002.png", [1]),
        (["plate.v2.png"], "plate.v2", [0]),
        (["a.left", "a.right"], "a.png", []),
        (["a.jpg", "a"], "a.png", [1]),
        (["a.jpg", "a.*"], "a.png", [1]),
        (["a.JPG"], "a.jpeg", [0]),
        (["A.jpg"], "a.jpg", []),
        (["a.npy"], "a.*", [0]),
        (["a.png.npy", "a.png"], "a.png", [1]),
        (["x/a.png", "y/a.png"], "z/a.png", [0, 1]),
        (["x/a.png", "y/a.png"], "q\\y\\a.png", [1]),
        ([NFD + ".png"], NFC, [0]),
        ([NFD + ".png", NFC + ".png"], NFC + ".png", [1]),
        (["a.png", "a.png"], "a.png", [0, 1]),
    ],
)
def test_the_names_that_fit_best(names, asked, best):
    assert Index(names).best(asked)[1] == best


def test_names_in_the_same_folder_only():
    index = Index(["x/a.png", "a"])
    assert index.best("y/a.png", same_folders=True)[1] == []
    assert index.best("a.png", same_folders=True)[1] == [1]


@pytest.mark.parametrize("option", ["--windows", "--annotations"])
@pytest.mark.parametrize(
    "names", [(NFC, "clip.f001", "plate.v2"), (NFC + ".png", "img\\clip.f001.png", "/x/plate.v2.jpg")]
)
def test_tables_name_images_in_any_form(folder, glimpse, option, names):
    for name in (NFD, "clip.f001", "plate.v2", "clip", "plate"):
        image(f"img/{name}.png", folder)
    table(folder, *names)
    code, err = glimpse(f"batch img {option} w.csv -o out")
    assert code == 0, err
    expected = {f"{name}_000.png" for name in (NFD, "clip.f001", "plate.v2")}
    assert {path.name for path in (folder / "out").glob("*.png")} == expected


def test_voc_names_without_a_suffix(folder, glimpse):
    image("img/plate.v2.png", folder)
    bounds = "<bndbox><xmin>1</xmin><ymin>1</ymin><xmax>9</xmax><ymax>9</ymax></bndbox>"
    text = f"<annotation><filename>plate.v2</filename><object><name>c</name>{bounds}</object></annotation>"
    (folder / "plate.v2.xml").write_text(text)
    assert glimpse("batch img --annotations plate.v2.xml -o out")[0] == 0
    assert (folder / "out" / "plate.v2_000.png").exists()


def test_a_name_that_fits_two_images_is_refused_with_both(folder, glimpse):
    for name in ("x/a.png", "y/a.png"):
        image(f"img/{name}", folder)
    table(folder, "a.png")
    for line in ("batch img --windows w.csv -o out", "extract img/x/a.png img/y/a.png --windows w.csv -o out/"):
        code, err = glimpse(line)
        assert code == 2
        assert "x/a.png" in err
        assert "y/a.png" in err
    table(folder, "b.png")
    code, err = glimpse("batch img --windows w.csv -o out")
    assert (code, "'b.png' is not among the images" in err) == (2, True)


@pytest.mark.parametrize(
    ("picture", "its_map"),
    [
        (NFD + ".png", NFC + ".npy"),
        ("plate.v2.png", "plate.v2.npy"),
        ("plate.v2.png", "plate.v2.png.npy"),
        ("clip.f001", "clip.f001.npy"),
    ],
)
def test_maps_of_a_folder(folder, glimpse, picture, its_map):
    image(f"img/{picture}", folder)
    (folder / "maps").mkdir()
    np.save(folder / "maps" / its_map, np.eye(4, dtype=np.float32))
    code, err = glimpse(f"overlay img/{picture} --map maps -o out/")
    assert code == 0, err
    assert len(list((folder / "out").iterdir())) == 1


def test_maps_that_fit_twice_or_in_another_folder_are_refused(folder, glimpse):
    image(f"img/{NFC}.png", folder)
    (folder / "maps").mkdir()
    form = [f"{NFC}.npy", f"{NFC}.npz"]
    np.save(folder / "maps" / form[0], np.eye(4))
    np.savez(folder / "maps" / form[1], np.eye(4))
    code, err = glimpse("overlay img --map maps -o out/")
    assert code == 2
    assert all(f"maps/{name}" in err for name in form)
    (folder / "maps" / form[0]).unlink()
    (folder / "maps" / "x").mkdir()
    (folder / "maps" / form[1]).rename(folder / "maps" / "x" / form[1])
    code, err = glimpse("overlay img --map maps -o out/")
    assert (code, "has no map of its name" in err) == (2, True)


@pytest.mark.parametrize("line", [f"img/{NFC}.png", f"img\\{NFC}.png", f"./img//{NFC}.png"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_lists_name_files_in_any_form(folder, line, encoding):
    image(f"img/{NFD}.png", folder)
    image("img/other.png", folder)
    (folder / "list.txt").write_bytes(f"{line}\r\nimg/other.png\r\n".encode(encoding))
    found = {(folder / source.path).resolve() for source in find_sources([], lists=["list.txt"], output="out")}
    assert found == {folder / "img" / f"{NFD}.png", folder / "img" / "other.png"}


def test_a_list_may_say_exactly_which_of_two_forms(folder, glimpse):
    image(f"img/{NFD}.png", folder)
    image(f"img/{NFC}.png", folder)
    (folder / "list.txt").write_text(f"img/{NFC}.png\n", encoding="utf-8")
    assert [source.path for source in find_sources([], lists=["list.txt"], output="out")] == [f"img/{NFC}.png"]
    (folder / "list.txt").write_text(f"img\\{NFC}.png\nimg\\none.png\n", encoding="utf-8")
    code, err = glimpse("batch --from-file list.txt -o out")
    assert (code, "img\\none.png does not exist" in err) == (2, True)
    third = unicodedata.normalize("NFC", "ấ")  # composed half, and not at all
    for form in ("a\u0302\u0301", "\u00e2\u0301"):
        image(f"img/{form}.png", folder)
    (folder / "list.txt").write_text(f"img/{third}.png\n", encoding="utf-8")
    code, err = glimpse("batch --from-file list.txt -o out")
    assert code == 2
    assert err.count(".png") == 3  # the name, and both that it fits
