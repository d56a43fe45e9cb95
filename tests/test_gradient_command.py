"""`glimpse gradient` from end to end."""

import json

import numpy as np
import pytest
from PIL import Image

from glimpsecli import Sampling, Window
from glimpsecli.learning.landscape import capture, landscape, turned

WHERE = "--at 50%,50% --extent 60x40 --size 6x4 --backend cpu"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch, samples):
    monkeypatch.chdir(tmp_path)
    with Image.open(samples / "chelsea.png") as image:
        image.crop((160, 60, 360, 180)).save("cat.png")
    return tmp_path


def test_the_numbers_are_those_of_the_library(glimpse, folder):
    line = f"gradient cat.png {WHERE} --sampler bilinear,gaussian --blur 1 --reach 4 --steps 5 --json -o"
    code, out, err = glimpse(f"{line} surfaces.npy")
    assert (code, err) == (0, "")
    printed = json.loads(out)
    assert (printed["reach"], printed["steps"], printed["planes"]) == (4, 5, ["loss", "by_cx", "by_cy", "reached"])
    assert printed["windows"][0]["window"] == {"cx": 100, "cy": 60, "width": 60, "height": 40, "angle": 0}
    image = np.asarray(Image.open("cat.png"))
    stored = np.load("surfaces.npy")
    assert stored.shape == (5, 5, 8)
    for k, (sampler, blur) in enumerate([("bilinear", None), ("gaussian", 1.0)]):
        sampling = Sampling(sampler=sampler, blur=1.0, backend="cpu")
        surface = landscape(image, Window(100, 60, 60, 40), (4, 6), sampling, reach=4, steps=5)
        found = capture(surface)
        expected = np.dstack([surface.loss, surface.gradient, found.reached]).astype(np.float32)
        np.testing.assert_array_equal(stored[..., 4 * k : 4 * k + 4], expected)
        row = printed["samplers"][k]
        assert (row["sampler"], row["blur"]) == (sampler, blur)
        assert (row["captured"], row["radius"]) == (found.share, found.radius)
        assert row["largest_loss"] == surface.loss.max()
        assert row["captured_angle"] == turned(image, Window(100, 60, 60, 40), (4, 6), sampling).captured
    code, out, _ = glimpse(f"{line} picture.png")
    assert code == 0
    assert json.loads(out)["samplers"] == printed["samplers"]


def test_there_is_a_column_for_each_sampler_and_each_blur(glimpse):
    widths = []
    for samplers in ("--sampler hard", "", "--sampler gaussian --blur 2,0.5,1"):
        line = f"gradient cat.png {WHERE} {samplers} --reach 2 --steps 3 --panel 100 -o a.png --overwrite --json"
        code, out, err = glimpse(line)
        assert (code, err) == (0, "")
        with Image.open("a.png") as made:
            widths.append((made.size[0], len(json.loads(out)["samplers"])))
        if "2,0.5,1" in samplers:
            assert [row["blur"] for row in json.loads(out)["samplers"]] == [2, 0.5, 1]
    (one, first), (four, second), (three, third) = widths
    assert (first, second, third) == (1, 4, 3)
    assert four - one == 3 * (three - one) // 2


def test_the_reach_may_be_a_percentage_and_is_half_the_window_without_one(glimpse):
    line = f"gradient cat.png {WHERE} --sampler hard --steps 3 --panel 100 -o - --format png --dry-run"
    assert glimpse(line)[0] == 0
    reaches = []
    for option in ("", "--reach 10%", "--reach 7.5"):
        _, out, _ = glimpse(f"gradient cat.png {WHERE} --sampler hard --steps 3 {option} -o a.npy --overwrite --json")
        reaches.append(json.loads(out)["reach"])
    assert reaches == [20, 12, 7.5]


def test_the_reach_may_go_as_far_as_some_of_the_window_is_seen(glimpse):
    line = "gradient cat.png --box 9,9,9,9 --size 3 --backend numpy --sampler hard --steps 3 --reach 189 -o a.npy"
    assert glimpse(line)[0] == 0
    assert len(np.unique(np.load("a.npy")[..., 0])) > 2


@pytest.mark.parametrize("angle", [20, 180])
def test_every_sampler_turns(glimpse, angle):
    line = f"gradient cat.png {WHERE} --angle {angle} --reach 2 --steps 3 -o turned.npy --json --overwrite"
    code, out, err = glimpse(line)
    assert (code, err) == (0, "")
    assert [row["sampler"] for row in json.loads(out)["samplers"]] == ["hard", "bilinear", "gaussian", "gaussian"]
    sampling, image = Sampling(blur=0.5, backend="numpy"), np.asarray(Image.open("cat.png"))
    surface = landscape(image, Window(100, 60, 60, 40, angle), (4, 6), sampling, reach=2, steps=3)
    np.testing.assert_allclose(np.load("turned.npy")[..., 8], surface.loss, rtol=1e-3, atol=1e-9)


def test_an_even_image_says_that_there_is_nothing_to_descend(glimpse):
    Image.new("RGB", (50, 40), (200, 100, 30)).save("even.png")
    code, _, err = glimpse("gradient even.png --box 15,15,12,10 --size 4 --steps 5 --backend numpy -o a.png")
    assert code == 0
    assert "nothing to descend" in err


@pytest.mark.parametrize("mode", ["L", "RGBA", "I;16"])
def test_pictures_are_made_of_any_image(glimpse, mode):
    grey = np.random.default_rng(0).integers(0, 255, (40, 50), np.uint8)
    Image.fromarray(grey).convert(mode).save("any.png") if mode != "I;16" else Image.fromarray(
        grey.astype(np.uint16) * 257
    ).save("any.png")
    assert glimpse("gradient any.png --box 12,10,20,16 --size 4 --reach 2 --steps 3 --backend numpy -o a.png")[0] == 0
    with Image.open("a.png") as made:
        assert made.mode == "RGB"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("gradient cat.png --box 0,0,9,9 --box 1,1,9,9 -o x.png", "2 windows to move"),
        ("gradient cat.png --box 9,9,9,9 --steps 6 -o x.png", "--steps 6 is even"),
        ("gradient cat.png --box 9,9,9,9 --steps 2 -o x.png", "2 is not in the range"),
        ("gradient cat.png --box 9,9,9,9 --reach 0 -o x.png", "reaches nowhere"),
        ("gradient cat.png --box 9,9,9,9 --reach -3% -o x.png", "reaches nowhere"),
        ("gradient cat.png --box 9,9,9,9 --reach 1e9 -o x.png", "--reach 1e+09 moves the window off the image"),
        ("gradient cat.png --box 9,9,9,9 --reach 191 -o x.png", "give less than 191 pixels"),
        ("gradient cat.png --box 150,9,90,9 --reach 200% -o x.png", "--reach 200% moves"),
        ("gradient cat.png --box 9,9,9,9 --blur 0,1 -o x.png", "'0,1' is not one to 4 positive numbers"),
        ("gradient cat.png --box 9,9,9,9 --blur x -o x.png", "write sigmas in strides"),
        ("gradient cat.png --box 9,9,9,9 --blur 50% -o x.png", "write sigmas in strides"),
        ("gradient cat.png --box 9,9,9,9 --blur inf -o x.png", "not one to 4"),
        ("gradient cat.png --box 9,9,9,9 --blur 1,2,3,4,5 -o x.png", "not one to 4"),
        ("gradient cat.png --box 9,9,9,9 --blur 1 --sampler hard -o x.png", "--blur without gaussian"),
        ("gradient cat.png --box 900,9,9,9 -o x.png", "lies outside the image"),
        ("gradient cat.png --gaussian 9,1,1,9,1,1 --size 4 -o x.png", "no window"),
        ("gradient cat.png --quad 9,9,30,9,40,40,9,30 -o x.png", "no window"),
        ("gradient cat.png --box 9,9,9,9 -o x.npz", "not a picture"),
        ("gradient cat.png --box 9,9,9,9 --depth 8 -o x.npy", "--depth 8 with surfaces"),
        ("gradient cat.png --box 9,9,9,9 --depth 16 -o x.png", "--depth 16"),
        ("gradient cat.png --box 9,9,9,9 --sampler lanczos -o x.png", "lanczos"),
    ],
)
def test_mistakes_are_one_line(glimpse, folder, line, words):
    code, out, err = glimpse(line)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert words in err
    assert not list(folder.glob("x.*"))
