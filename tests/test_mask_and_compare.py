"""`glimpse mask` and `glimpse compare` from end to end."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from glimpsecli import GaussianParams, Projective, Window, extract, mask


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch, samples):
    monkeypatch.chdir(tmp_path)
    shutil.copy(samples / "chelsea.png", "cat.png")
    shutil.copy(samples / "article.npy", "article.npy")
    return tmp_path


def pixels(path):
    with Image.open(path) as image:
        return np.asarray(image)


WINDOW = Window(240, 120, 200, 140)
QUAD = [(100, 40), (300, 60), (280, 220), (90, 200)]


def test_masks_are_written_at_every_depth(glimpse):
    wanted = mask((300, 451), WINDOW, (7, 10))
    line = "mask cat.png --at 240,120 --extent 200x140 --size 10x7"
    for name in ("mask.png", "mask.npy", "mask.tiff"):
        assert glimpse(f"{line} -o {name}")[0] == 0
    np.testing.assert_array_equal(np.load("mask.npy")[..., 0], wanted)
    np.testing.assert_array_equal(pixels("mask.png"), np.rint(wanted * 255))
    assert pixels("mask.tiff").dtype == np.float32
    assert glimpse(f"{line} --depth 16 -o deep.png")[0] == 0
    np.testing.assert_array_equal(pixels("deep.png"), np.rint(wanted.astype(float) * 65535))


def test_several_windows_give_their_maximum(glimpse):
    assert glimpse("mask cat.png --box 10,20,50,40 --box 100,30,60.5,50 -o two.npy")[0] == 0
    assert glimpse("mask cat.png --box 10,20,50,40 -o a.npy")[0] == 0
    assert glimpse("mask cat.png --box 100,30,60.5,50 -o b.npy")[0] == 0
    np.testing.assert_array_equal(np.load("two.npy"), np.maximum(np.load("a.npy"), np.load("b.npy")))
    assert set(np.unique(np.load("a.npy"))) == {0, 1}


def test_apply_is_the_mask_times_the_image(glimpse):
    assert glimpse("mask cat.png --at 240,120 --extent 200x140 --size 10x7 --apply -o seen.png")[0] == 0
    wanted = np.rint(pixels("cat.png") * mask((300, 451), WINDOW, (7, 10))[..., None])
    assert np.abs(pixels("seen.png") - wanted).max() <= 1
    clear = np.random.default_rng(0).integers(0, 255, (40, 50, 4), np.uint8)
    Image.fromarray(clear).save("clear.png")
    assert glimpse("mask clear.png --box 10,10,20,20 --apply -o clear_seen.png")[0] == 0
    np.testing.assert_array_equal(pixels("clear_seen.png")[..., 3], clear[..., 3])
    np.testing.assert_array_equal(pixels("clear_seen.png")[10:30, 10:30], clear[10:30, 10:30])
    assert pixels("clear_seen.png")[:10, :, :3].max() == 0


def test_the_figure_of_a_hard_window_is_black_and_white(glimpse):
    code, out, _ = glimpse("mask article.npy --box 3,2,4,5 --sampler hard --figure -o figure.png --json")
    assert code == 0
    assert json.loads(out)["windows"][0]["sampler"] == "hard"
    made = pixels("figure.png")
    middle = (made == 255).all(axis=2) | (made == 0).all(axis=2)
    assert middle.mean() > 0.5


def test_compare_reproduces_the_articles_example(glimpse):
    """The panels are those of the definitions: 5x5 squares of what each sampler sees."""
    assert glimpse("compare article.npy --gaussian 2,0.5,1,2,0.5,1 --size 5 --magnify -o out.png")[0] == 0
    made = pixels("out.png")
    image = np.load("article.npy")
    assert (image[3:6, 3:6] == 1).all()
    place = GaussianParams(2, 0.5, 1, 2, 0.5, 1)
    for sampler in ("hard", "gaussian", "bilinear"):
        wanted = np.rint(extract(image, place, (5, 5), sampler=sampler) * 255)
        if sampler != "gaussian":
            np.testing.assert_array_equal(wanted, np.rint(image[2:7, 2:7] * 255))
        squares = wanted.astype(np.uint8).repeat(64, axis=0).repeat(64, axis=1)
        places = np.argwhere(made[: -320 + 1, : -320 + 1, 0] == squares[0, 0])
        assert any(np.array_equal(made[y : y + 320, x : x + 320, 0], squares) for y, x in places), sampler


def test_the_mask_of_a_turned_window_is_that_of_the_library(glimpse):
    for where, place in (
        ("--at 240,120 --extent 200x140 --angle 25", Window(240, 120, 200, 140, 25)),
        ("--quad 100,40,300,60,280,220,90,200", Projective.from_quad(QUAD, (7, 10))),
    ):
        code, out, _ = glimpse(f"mask cat.png {where} --size 10x7 -o turned.npy --json --overwrite")
        row = json.loads(out)["windows"][0]
        assert (code, row["sampler"], row["gaussian"], row["size"]) == (0, "gaussian", None, {"width": 10, "height": 7})
        np.testing.assert_allclose(np.load("turned.npy")[..., 0], mask((300, 451), place, (7, 10)), atol=1e-6)


def test_compare_takes_one_window(glimpse):
    code, _, err = glimpse("compare cat.png --box 0,0,9,9 --box 1,1,9,9 -o two.png")
    assert code == 2
    assert "2 windows to compare" in err
    assert glimpse("compare cat.png --box 10,10,400,1 --size 4096x1 -o flat.png")[0] == 0
    assert max(pixels("flat.png").shape) < 5000
    assert glimpse("compare cat.png --at 50%,50% --zoom 2 --border edge --blur 1 --size 20 -o edge.png")[0] == 0


def test_a_wide_glimpse_keeps_its_aspect_in_the_panels_of_compare(glimpse):
    np.save("black.npy", np.zeros((100, 600), np.uint8))
    assert glimpse("compare black.npy --at 50%,50% --extent 600x60 --size 600x60 -o wide.png")[0] == 0
    made = pixels("wide.png").max(axis=2) == 0
    last = made[:, -made.shape[1] // 4 :]  # the last of four columns, or a part of it
    wide, high = last.any(axis=0).sum(), (last.mean(axis=1) > 0.5).sum()
    assert high == pytest.approx(wide / 10, rel=0.1)


@pytest.mark.parametrize(
    ("line", "code", "words"),
    [
        ("mask cat.png --apply --figure -o x.png", 2, "--apply and --figure"),
        ("mask cat.png article.npy -o x.png", 2, "2 masks do not fit into one PNG"),
        ("mask cat.png -o x.npz", 2, "not a mask"),
        ("mask none.png -o x.png", 2, "none.png"),
        ("compare cat.png -o x.png --border constant", 2, "--fill"),
        ("compare cat.png --sampler hard -o x.png", 2, "--sampler"),
    ],
)
def test_mistakes_are_one_line(glimpse, folder, line, code, words):
    done, out, err = glimpse(line)
    assert (done, out, err.count("\n")) == (code, "", 1)
    assert words in err
    assert not list(folder.glob("x.*"))
