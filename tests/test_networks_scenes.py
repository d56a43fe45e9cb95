"""The images that networks learn from: scenes of digits, digits of one's own, and folders of images."""

import dataclasses
import json
import subprocess
import sys

import make_glyphs
import numpy as np
import pytest
from conftest import ROOT

from glimpsecli.errors import FileProblemError, InvalidInputError
from glimpsecli.images import Picture, write
from glimpsecli.networks.digits import read_digits
from glimpsecli.networks.folders import read_folder
from glimpsecli.networks.glyphs import Glyphs, atlas
from glimpsecli.networks.letterbox import letterbox
from glimpsecli.networks.scenes import PRESETS, Scenes
from glimpsecli.networks.tiles import render

BARE = {"clutter": 0, "noise": 0}


def ink_box(image):
    """Give the box (left, top, right, bottom) of the grey values of 100 or more."""
    y, x = np.nonzero(image >= 100)
    return np.array([x.min(), y.min(), x.max() + 1, y.max() + 1])


@pytest.mark.parametrize("canvas", PRESETS)
def test_an_image_depends_on_the_seed_and_its_number_alone(canvas):
    scenes = PRESETS[canvas]
    whole = scenes.batch(3, 0, 150)
    assert whole.images.shape == (150, canvas, canvas)
    pieces = [scenes.batch(3, first, count) for first, count in ((0, 1), (1, 40), (41, 0), (41, 90), (131, 19))]
    for k, name in enumerate(whole._fields):
        np.testing.assert_array_equal(np.concatenate([piece[k] for piece in pieces]), whole[k], err_msg=name)
    other = scenes.batch(4, 0, 150)
    assert not (other.images == whole.images).all(axis=(1, 2)).any()
    assert len(np.unique(whole.images.reshape(150, -1), axis=0)) == 150


@pytest.mark.parametrize("canvas", PRESETS)
def test_windows_enclose_the_ink(canvas):
    for name, scenes in {"train": PRESETS[canvas], **PRESETS[canvas].held_out()}.items():
        images, _, windows = dataclasses.replace(scenes, **BARE).batch(0, 0, 192)
        cx, cy, width, height, angle = windows.T
        corners = np.stack([cx - width / 2, cy - height / 2, cx + width / 2, cy + height / 2], axis=1)
        assert corners.min() >= -1e-9, name
        assert corners.max() <= canvas + 1e-9
        assert not angle.any()
        longer = np.maximum(width, height)
        assert longer.min() >= scenes.sizes[0] - 1e-9
        assert longer.max() <= scenes.sizes[1] + 1e-9
        assert longer.max() - longer.min() > 0.9 * (scenes.sizes[1] - scenes.sizes[0])
        off = np.stack([ink_box(image) for image in images]) - corners
        assert np.abs(off).max() < 2, name  # hairlines at the very edge are fainter than 100
        assert np.abs(off).mean() < 0.5
        assert np.abs(off.mean(axis=0)).max() < 0.25 + 0.02 * canvas / 40  # no shift by half a pixel


def test_digits_are_everywhere_and_of_every_kind():
    _, labels, windows = Scenes().batch(0, 0, 4000)
    assert np.bincount(labels, minlength=10).min() > 300
    room = 40 - windows[:, 2:4]
    where = (windows[:, :2] - windows[:, 2:4] / 2) / room
    for quantile in (0.1, 0.5, 0.9):
        np.testing.assert_allclose(np.quantile(where, quantile, axis=0), quantile, atol=0.03)
    shapes = windows[:, 2] / windows[:, 3]
    assert np.quantile(shapes, 0.95) / np.quantile(shapes, 0.05) > 1.5


@pytest.mark.parametrize("sizes", [(4, 7), (10, 16), (16, 30)])
def test_digits_are_averaged_as_they_shrink(sizes):
    glyphs, random = atlas().train, np.random.default_rng(0)
    picks, side, fine = random.integers(0, 180, 40), sizes[1] + 4, 16
    angle, scale = random.uniform(-0.35, 0.35, 40), random.uniform(*sizes, 40) / 50
    matrices = (np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) * scale).transpose(2, 0, 1)
    offsets = side / 2 - matrices @ [28, 28] + random.uniform(-1, 1, (40, 2))
    tiles = render(glyphs, picks, matrices, offsets, side)
    # The oracle: each pixel is the mean of many points, each of which has the value of the pixel that it lies in.
    points = (np.stack(np.meshgrid(*[np.arange(side * fine)] * 2), axis=-1) + 0.5) / fine
    off = []
    for k, tile in enumerate(tiles):
        x, y = np.moveaxis((points - offsets[k]) @ np.linalg.inv(matrices[k]).T, -1, 0)
        inside = (x >= 0) & (x < 56) & (y >= 0) & (y < 56)
        values = np.where(
            inside, glyphs.levels[0][picks[k], np.clip(y, 0, 55).astype(int), np.clip(x, 0, 55).astype(int)], 0
        )
        exact = values.reshape(side, fine, side, fine).mean(axis=(1, 3))
        off.append(tile - exact)
    error = np.array(off)
    assert np.abs(error).max() < 50
    assert np.sqrt((error**2).mean()) < 4
    assert np.abs(error.mean(axis=(1, 2))).max() < 0.8


def test_scraps_and_noise_are_what_they_are_said_to_be():
    bare, cluttered, noisy = (
        dataclasses.replace(Scenes(), **{**BARE, **more}).batch(1, 0, 256).images.astype(int)
        for more in ({}, {"clutter": 5}, {"noise": 8.0})
    )
    added = cluttered - bare
    assert added.min() == 0
    inked = (added > 100).sum(axis=(1, 2))
    assert inked.max() <= 5 * 5 * 5
    assert np.median(inked) > 15
    middle = (bare > 60) & (bare < 190)
    noise = (noisy - bare)[middle]
    assert noise.std() == pytest.approx(8, rel=0.05)
    assert abs(noise.mean()) < 0.5
    black = (bare[:, :, 1:] == 0) & (bare[:, :, :-1] == 0)
    here, beside = noisy[:, :, 1:][black], noisy[:, :, :-1][black]
    assert (here > 0).mean() == pytest.approx(0.475, abs=0.01)  # of normal noise of 8, above a half
    assert abs(np.corrcoef(here, beside)[0, 1]) < 0.02


def test_held_out_faces_are_no_others():
    train, held_out, classes = atlas()
    assert classes == tuple("0123456789")
    assert (len(train.labels), len(held_out.labels)) == (180, 40)
    pictures = np.concatenate([train.levels[2], held_out.levels[2]]).reshape(220, -1).astype(np.int32)
    distance = np.abs(pictures[:, None] - pictures).mean(axis=2) + 255 * np.eye(220)
    assert distance.min() > 4  # no digit of a face is another's
    scenes = Scenes(noise=0).held_out()["faces"]
    assert not (scenes.batch(0, 0, 64).images == Scenes(noise=0).batch(0, 0, 64).images).all()


def test_the_atlas_is_small_and_its_faces_are_credited():
    file = ROOT / "glimpsecli" / "networks" / "glyphs.npz"
    assert file.stat().st_size < 70_000
    with np.load(file) as stored:
        assert stored["faces"].tolist() == [face.file[:-4].replace(" ", "") for face in make_glyphs.FACES]
        assert stored["held_out"].tolist() == [face.held_out for face in make_glyphs.FACES]
        held = set(stored["kinds"][stored["held_out"]])
    assert held == {"sans", "serif", "mono", "hand"}
    credited = (ROOT / "glimpsecli" / "networks" / "CREDITS").read_text(encoding="utf-8")
    assert {face.package for face in make_glyphs.FACES} == {word for word in credited.split() if word[:6] == "fonts-"}


def test_settings_come_back_from_json():
    scenes = Scenes(60, (14, 26), 6, 8, noise=0).held_out()["faces"]
    again = Scenes.from_dict(json.loads(json.dumps(scenes.as_dict())))
    assert again == scenes
    np.testing.assert_array_equal(again.batch(0, 0, 3).images, scenes.batch(0, 0, 3).images)


def test_held_out_sizes_fit_onto_the_canvas():
    assert list(Scenes(24, (5, 18)).held_out()) == ["faces"]
    assert list(Scenes(24, (8, 17)).held_out()) == ["faces", "smaller", "larger"]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"canvas": 4}, "a canvas of 4 pixels"),
        ({"sizes": (10, 50)}, "digits of 10 to 50 pixels on a canvas of 40"),
        ({"sizes": (16, 10)}, "digits of 16 to 10 pixels"),
        ({"clutter": -1}, "-1 scraps"),
        ({"patch": 41}, "5 scraps of 41 pixels"),
        ({"noise": float("nan")}, "noise nan"),
        ({"aspect": (0, 1)}, "an aspect of 0 to 1"),
        ({"faces": "all"}, "faces 'all'"),
    ],
)
def test_settings_that_mean_nothing_are_refused(settings, said):
    with pytest.raises(InvalidInputError, match=said):
        Scenes(**settings)


def test_scenes_need_no_torch():
    script = "import sys, glimpsecli.networks.scenes as s; s.Scenes().batch(0, 0, 1); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=False).returncode == 0


def keras(**changes):
    """Give the arrays of a file of digits: the atlas at half its size, under Keras' keys."""
    train, test, _ = atlas()
    arrays = {
        "x_train": train.levels[1], "y_train": train.labels.astype(np.uint8),
        "x_test": test.levels[1], "y_test": test.labels.astype(np.uint8),
    }  # fmt: skip
    return {key: value for key, value in {**arrays, **changes}.items() if value is not None}


def test_digits_of_a_file_take_the_place_of_the_atlas(tmp_path):
    np.savez_compressed(tmp_path / "digits.npz", **keras())
    digits = read_digits(tmp_path / "digits.npz")
    assert digits.classes == tuple("0123456789")
    ours, theirs = Scenes(**BARE), Scenes(**BARE, glyphs=digits)
    for name in ("train", "held-out"):
        a, b = (dataclasses.replace(one, faces=name).batch(0, 0, 64) for one in (ours, theirs))
        np.testing.assert_array_equal(a.labels, b.labels)
        assert np.abs(a.windows - b.windows).max() < 1.2
        assert np.abs(a.images.astype(float) - b.images).mean() < 8
    with_scale = keras(x_train=(keras()["x_train"] / 255)[..., None])
    np.savez(tmp_path / "scaled.npz", **with_scale)
    again = read_digits(tmp_path / "scaled.npz")
    np.testing.assert_array_equal(again.train.levels[0], digits.train.levels[0])


def test_digits_of_odd_sides_are_padded(tmp_path):
    train = np.zeros((2, 9, 6), np.uint8)
    train[:, 1:8, 2:5] = 255
    np.savez(tmp_path / "odd.npz", x_train=train, y_train=[0, 1], x_test=train, y_test=[1, 0])
    glyphs = read_digits(tmp_path / "odd.npz").train
    assert [level.shape for level in glyphs.levels] == [(2, 12, 12), (2, 6, 6), (2, 3, 3)]
    assert glyphs.levels[0].sum() == train.sum()
    np.testing.assert_array_equal(glyphs.extents, 7)
    _, _, windows = Scenes(glyphs=read_digits(tmp_path / "odd.npz"), rotation=0, shear=0, aspect=(1, 1)).batch(0, 0, 9)
    np.testing.assert_allclose(windows[:, 2] / windows[:, 3], 3 / 7)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"y_test": None}, "has no array 'y_test'; give an .npz with x_train"),
        ({"x_train": np.zeros((180, 784))}, r"x_train has the shape \(180, 784\); give an .npz"),
        ({"x_train": np.full((180, 28, 28), 300)}, "values from 300 to 300"),
        ({"x_train": np.full((180, 28, 28), np.nan)}, "values from nan"),
        ({"x_train": np.zeros((180, 200, 28), np.uint8)}, "28x200 pixels"),
        ({"x_train": np.full((180, 28, 28), 3)}, "picture 0 has no value of 128 or more"),
        ({"x_test": 255 - keras()["x_test"]}, "x_test is dark on white"),
        ({"x_test": np.full((40, 8, 8), np.eye(8))}, "different sizes"),
        ({"y_train": np.eye(180)}, r"y_train has the shape \(180, 180\) for 180"),
        ({"y_train": np.arange(180) / 2}, "other values than whole numbers"),
        ({"y_train": np.zeros(180)}, "all of y_train is 0"),
        ({"y_test": np.full(40, 11)}, "y_test has 11, which y_train lacks"),
        ({"x_test": np.array([{}])}, "pickled"),
    ],
)
def test_files_of_digits_are_checked(tmp_path, changes, said):
    np.savez(tmp_path / "digits.npz", **keras(**changes))
    with pytest.raises(InvalidInputError, match=said) as raised:
        read_digits(tmp_path / "digits.npz")
    assert str(tmp_path / "digits.npz") in str(raised.value)


def test_files_that_are_not_of_digits_are_refused(tmp_path):
    np.save(tmp_path / "one.npy", np.zeros(3))
    (tmp_path / "cut.npz").write_bytes(b"PK\x03\x04 and no more")
    with pytest.raises(InvalidInputError, match=r"one\.npy has no arrays with names.*; give an \.npz"):
        read_digits(tmp_path / "one.npy")
    with pytest.raises(InvalidInputError, match=r"none\.npz"):
        read_digits(tmp_path / "none.npz")
    with pytest.raises(FileProblemError, match=r"cut\.npz"):
        read_digits(tmp_path / "cut.npz")


@pytest.fixture
def folder(tmp_path):
    """A folder of two classes: 25 images wider than high of bright dots, and 20 of dark ones, higher than wide."""
    random = np.random.default_rng(0)
    for name, count, shape, grey in (("bright", 25, (12, 24, 3), 200), ("dark", 20, (24, 12, 3), 50)):
        for k in range(count):
            path = tmp_path / "data" / name / ("more" if k % 2 else ".") / f"{k}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            write(path, random.integers(grey - 20, grey + 20, shape).astype(np.uint8))
    (tmp_path / "data" / "bright" / "notes.txt").write_text("no image")
    (tmp_path / "data" / ".cache").mkdir()
    return tmp_path / "data"


def test_a_folder_is_split_by_class_and_each_epoch_holds_each_image_once(folder):
    told = []
    images = read_folder(folder, 24, progress=lambda *done: told.append(done))
    held = images.held_out()["images"]
    assert (images.classes, images.channels, len(images), len(held)) == (("bright", "dark"), 1, 36, 9)
    assert told[-1] == (45, 45)
    seen = images.batch(0, 0, 72)
    assert np.isnan(seen.windows).all()
    for epoch in (seen.images[:36], seen.images[36:]):
        assert len(np.unique(epoch.reshape(36, -1), axis=0)) == 36
    assert not (seen.images[:36] == seen.images[36:]).all()
    bright = seen.images.max(axis=(1, 2)) > 120
    np.testing.assert_array_equal(seen.labels, np.where(bright, 0, 1))
    tested = held.batch(0, 0, 9)
    assert np.bincount(tested.labels).tolist() == [5, 4]
    both = np.concatenate([seen.images[:36], tested.images]).reshape(45, -1)
    assert len(np.unique(both, axis=0)) == 45
    for first, count in ((0, 5), (5, 50), (55, 17), (55, 0)):
        some = images.batch(0, first, count)
        np.testing.assert_array_equal(some.images, seen.images[first : first + count])
    moved = folder.rename(folder.parent / "elsewhere")
    np.testing.assert_array_equal(read_folder(moved, 24).held_out()["images"].batch(0, 0, 9).images, tested.images)
    assert read_folder(moved, 24, colour=True).batch(0, 0, 2).images.shape == (2, 24, 24, 3)


def test_a_folder_that_cannot_teach_is_refused(folder, tmp_path):
    with pytest.raises(InvalidInputError, match=r"none: .*; give a folder with a subfolder"):
        read_folder(tmp_path / "none")
    with pytest.raises(InvalidInputError, match="bright has 1 subfolder; give"):
        read_folder(folder / "bright")
    with pytest.raises(InvalidInputError, match="a canvas of 8 pixels"):
        read_folder(folder, 8)
    write(folder / "dark" / "large.png", np.zeros((30, 200, 3), np.uint8))
    with pytest.raises(InvalidInputError, match=r"large\.png has 200x30 pixels, more than 8 times the canvas of 24"):
        read_folder(folder, 24)
    (folder / "dark" / "large.png").write_bytes(b"\x89PNG\r\n\x1a\n and no more")
    with pytest.raises(FileProblemError, match=r"large\.png"):
        read_folder(folder, 24)
    (folder / "dark" / "large.png").unlink()
    (folder / "dark" / "0.png").unlink()
    with pytest.raises(InvalidInputError, match=r"class 'dark' of .* has 19 images; give each class 20"):
        read_folder(folder, 24)


def test_letterboxes_keep_shapes_and_say_where_things_went():
    pixels = np.zeros((50, 100, 4), np.uint8)
    pixels[10:30, 60:80] = (255, 255, 255, 255)
    pixels[30:40, :, :3] = 255  # transparent
    fitted = letterbox(Picture(pixels, alpha=True), 50)
    assert (fitted.image.shape, fitted.scale, fitted.corner) == ((50, 50), (0.5, 0.5), (0, 12))
    np.testing.assert_array_equal(ink_box(fitted.image), [30, 17, 40, 27])
    window = np.array([[70.0, 20.0, 20.0, 20.0, 5.0]])
    np.testing.assert_allclose(fitted.to_canvas(window), [[35, 22, 10, 10, 5]])
    np.testing.assert_allclose(fitted.to_picture(fitted.to_canvas(window)), window)
    grey = np.random.default_rng(0).integers(0, 256, (40, 40, 1)).astype(np.uint8)
    same = letterbox(Picture(grey), 40)
    assert same.unchanged
    np.testing.assert_array_equal(same.image, grey[..., 0])
    np.testing.assert_array_equal(letterbox(Picture(grey), 40, colour=True).image, np.repeat(grey, 3, axis=2))
    assert letterbox(Picture(np.full((1, 300, 1), 65535, np.uint16)), 60).image.max() == 255
    with pytest.raises(InvalidInputError, match="a picture has 2 channels"):
        letterbox(Picture(np.zeros((4, 4, 2), np.uint8)), 40, label="a picture")
    with pytest.raises(FileProblemError, match="a picture has pixels that are NaN; give an image"):
        letterbox(Picture(np.full((4, 4, 1), np.nan, np.float32)), 40, label="a picture")


def test_outlines_hold_all_ink():
    random = np.random.default_rng(0)
    images = np.where(random.random((30, 12, 12)) < 0.04, 255, 60).astype(np.uint8)
    images[:, 5, 7] = 255
    glyphs = Glyphs.of(images, np.zeros(30, np.int64))
    angle = random.uniform(-3, 3, 30)
    matrices = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]).transpose(2, 0, 1)
    boxes = glyphs.boxes(np.arange(30), matrices)
    for k in range(30):
        y, x = np.nonzero(images[k] >= 128)
        corners = np.concatenate([np.stack([x + i, y + j]) for i in (0, 1) for j in (0, 1)], axis=1)
        moved = matrices[k] @ corners
        np.testing.assert_allclose(boxes[k], [moved.min(axis=1), moved.max(axis=1)])
        assert (images[k][tuple(glyphs.ink[k].T[::-1])] == 255).all()
