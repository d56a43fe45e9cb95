"""`glimpse overlay`: maps land where the model looked, colours say what they stand for, and nothing is lost."""

import csv
import json
import os
import shutil

import numpy as np
import pytest
from PIL import Image

from glimpsecli import cli

BLACK = "--cmap gray --alpha 1 --upsample nearest --range 0,1"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch, samples):
    """A fresh folder with a photo of 451x300, where every test works."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(samples / "chelsea.png", "cat.png")
    return tmp_path


@pytest.fixture
def glimpse(capsys):
    """Run a command in this process; give its exit code, and what it printed."""

    def run(line, *more):
        code = cli.run([*line.split(), *map(str, more)])
        out, err = capsys.readouterr()
        return code, out, err

    return run


def pixels(path):
    with Image.open(path) as image:
        return np.asarray(image)


def save(name, values):
    np.save(name, np.asarray(values, np.float32))
    return name


def hot(rows, columns, row, column):
    grid = np.zeros((rows, columns), np.float32)
    grid[row, column] = 1
    return grid


def seen_cell(height, width, steps, rows, columns, row, column):
    """Follow the corners of a cell back through each step: left, top, right, bottom on the image plane."""
    size_y, size_x = height, width
    undo = []
    for step in filter(None, steps.split(",")):
        name, argument = step.split(":")
        if name == "resize":
            target = int(argument)
            if size_y < size_x:
                new_y, new_x = target, int(target * size_x / size_y)
            else:
                new_y, new_x = int(target * size_y / size_x), target
            undo.append((new_y / size_y, new_x / size_x, 0.0, 0.0))
            size_y, size_x = new_y, new_x
        elif name == "stretch":
            undo.append((int(argument) / size_y, int(argument) / size_x, 0.0, 0.0))
            size_y = size_x = int(argument)
        elif name == "crop":
            side = int(argument)
            undo.append((1.0, 1.0, round((size_y - side) / 2), round((size_x - side) / 2)))
            size_y = size_x = side
        elif name == "letterbox":
            side = int(argument)
            ratio = min(side / size_y, side / size_x)
            new_y, new_x = round(size_y * ratio), round(size_x * ratio)
            undo.append((new_y / size_y, new_x / size_x, 0.0, 0.0))
            undo.append((1.0, 1.0, -round((side - new_y) / 2 - 0.1), -round((side - new_x) / 2 - 0.1)))
            size_y = size_x = side
    corners = []
    for i, j in ((row, column), (row + 1, column + 1)):
        y, x = i * size_y / rows, j * size_x / columns
        for scale_y, scale_x, from_y, from_x in reversed(undo):
            y, x = (y + from_y) / scale_y, (x + from_x) / scale_x
        corners += [x, y]
    return corners


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(
    "steps", ["", "resize:256,crop:224", "stretch:224", "letterbox:640", "resize:97", "letterbox:120"]
)
@pytest.mark.parametrize("grid", [(14, 14, 6, 8), (7, 10, 3, 4)])
def test_a_hot_cell_lands_on_its_pixels(glimpse, orientation, steps, grid):
    upright = (230, 340) if orientation < 5 else (340, 230)
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.new("RGB", (340, 230)).save("black.png", exif=exif)
    save("map.npy", hot(*grid))
    option = ["--preprocess", steps] if steps else []
    code, _, err = glimpse(f"overlay black.png --map map.npy {BLACK} -o out.png", *option)
    assert code == 0, err
    weight = pixels("out.png")[..., 0] / 255.0
    assert weight.shape == upright
    left, top, right, bottom = seen_cell(*upright, steps, *grid)
    x, y = np.arange(upright[1]) + 0.5, np.arange(upright[0]) + 0.5
    # With a = v and the colour v, the picture is v^2: 1 inside, and the square of the covered share on the rim.
    across, down = np.sqrt(weight.max(axis=0)), np.sqrt(weight.max(axis=1))
    assert abs((across * x).sum() / across.sum() - (left + right) / 2) < 0.1
    assert abs((down * y).sum() / down.sum() - (top + bottom) / 2) < 0.1
    assert abs(across.sum() - (right - left)) < 0.1
    assert abs(down.sum() - (bottom - top)) < 0.1


@pytest.mark.parametrize("name", ["camera.png", "chelsea.png", "retina.jpg"])
def test_the_low_end_leaves_the_photo_bit_exact(glimpse, samples, name):
    grid = np.zeros((6, 8))
    grid[2:4, 3:5] = 0.7
    save("map.npy", grid)
    assert glimpse(f"overlay {samples / name} --map map.npy --upsample nearest -o out.png")[0] == 0
    photo, made = pixels(samples / name), pixels("out.png")
    photo = photo[..., None].repeat(3, axis=2) if photo.ndim == 2 else photo
    height, width = photo.shape[:2]
    touched = np.any(made != photo, axis=2)
    assert touched[height * 2 // 6 + 1 : height * 4 // 6, width * 3 // 8 + 1 : width * 5 // 8].mean() > 0.95
    touched[height * 2 // 6 : -(-height * 4 // 6), width * 3 // 8 : -(-width * 5 // 8)] = False
    assert not touched.any()
    assert (
        glimpse(f"overlay {samples / name} --map {save('low.npy', np.full((6, 8), 0.2))} --range 0.2,0.8 -o low.png")[0]
        == 0
    )
    np.testing.assert_array_equal(pixels("low.png"), photo)


def test_values_outside_the_range_clip(glimpse):
    save("map.npy", [[-5, 0, 0.5, 1, 9]])
    save("cut.npy", [[0, 0, 0.5, 1, 1]])
    for name in ("map", "cut"):
        assert glimpse(f"overlay cat.png --map {name}.npy --range 0,1 --upsample nearest -o {name}.png")[0] == 0
    np.testing.assert_array_equal(pixels("map.png"), pixels("cut.png"))


def test_two_maps_at_the_shared_range_keep_their_ratio(glimpse):
    Image.new("RGB", (30, 20)).save("a.png")
    Image.new("RGB", (30, 20)).save("b.png")
    full = np.random.default_rng(0).uniform(0.5, 1, (4, 6))
    save("a.npy", full)
    save("b.npy", full / 2)
    code, out, err = glimpse(
        "overlay a.png b.png --map a.npy --map b.npy --alpha 1 --cmap gray -o o/ --json --upsample nearest"
    )
    assert code == 0, err
    rows = [json.loads(line) for line in out.splitlines()]
    assert [(row["lo"], row["hi"]) for row in rows] == [(0, np.float32(full.max()))] * 2
    # The picture of a value is its square.
    ratio = np.sqrt(pixels("o/a.png")[..., 0] / 255.0) / np.sqrt(pixels("o/b.png")[..., 0] / 255.0)
    assert abs(ratio - 2).max() < 0.05  # half a step of 255 in the darkest square is 0.03
    code, out, _ = glimpse(
        "overlay a.png b.png --map a.npy --map b.npy --range each --alpha 1 -o e/ --json --upsample nearest"
    )
    np.testing.assert_array_equal(pixels("e/a.png"), pixels("e/b.png"))
    his = [json.loads(line)["hi"] for line in out.splitlines()]
    assert his[0] == pytest.approx(2 * his[1])


def test_the_numbers_are_reported_as_json(glimpse):
    grid = np.full((4, 8), 0.5)
    grid[1, 6] = 3
    save("map.npy", grid)
    code, out, err = glimpse("overlay cat.png --map map.npy --json --mass-box 50%,0,50%,50% --mass-box 0,0,451,300")
    assert code == 0
    assert "read as hw" in err
    row = json.loads(out)
    assert (row["lo"], row["hi"], row["file"]) == (0, 3, None)
    share = grid / grid.sum()
    assert row["entropy"] == pytest.approx(-np.sum(share * np.log(share)))
    assert (row["peak"]["x"], row["peak"]["y"]) == pytest.approx((6.5 * 451 / 8, 1.5 * 300 / 4))
    assert row["mass"] == pytest.approx([share[:2, 4:].sum(), 1])
    assert row["geometry"]["covers"] == {"x": 0, "y": 0, "width": 451, "height": 300}


def test_hot_regions_become_windows_that_extract_reads(glimpse):
    grid = np.zeros((10, 15))
    grid[2:4, 3:6] = 1
    grid[7, 12] = 0.9
    save("map.npy", grid)
    assert glimpse("overlay cat.png --map map.npy --to-boxes otsu -o boxes.csv")[0] == 0
    with open("boxes.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [float(rows[0][name]) for name in ("x", "y", "width", "height")] == pytest.approx(
        [3 * 451 / 15, 2 * 30, 3 * 451 / 15, 60]
    )
    code, out, err = glimpse("extract cat.png --windows boxes.csv --size 16x16 -o g/ --json")
    assert (code, len(out.splitlines())) == (0, 2), err
    assert json.loads(out.splitlines()[1])["window"]["cy"] == pytest.approx(7.5 * 30)
    code, _, err = glimpse("overlay cat.png --map map.npy --to-boxes otsu -o boxes.csv")
    assert code == 2
    assert "boxes.csv exists" in err


def test_self_attention_becomes_a_map_for_each_head(glimpse):
    tokens = np.random.default_rng(0).random((3, 50, 50))
    tokens /= tokens.sum(axis=2, keepdims=True)
    np.savez("attention.npz", a=tokens.astype(np.float32), other=np.zeros(3))
    code, out, err = glimpse("overlay cat.png --map attention.npz --key a --json")
    assert code == 0
    assert "hnn: 3 heads, 50 tokens, 1 prefix token, grid 7x7" in err
    rows = [json.loads(line) for line in out.splitlines()]
    assert [row["label"] for row in rows] == ["head 0", "head 1", "head 2"]
    assert rows[1]["largest"] == pytest.approx(tokens[1, 0, 1:].max())
    code, out, _ = glimpse("overlay cat.png --map attention.npz --key a --json --head mean --query 7")
    assert json.loads(out)["largest"] == pytest.approx(tokens[:, 7, 1:].mean(axis=0).max())
    assert glimpse("overlay cat.png --map attention.npz --key a -o heads/ --name {stem}_{label}")[0] == 0
    assert pixels("heads/cat_head_2.png").shape == (300, 451, 3)
    assert glimpse("overlay cat.png --map attention.npz --key a --montage --colorbar -o montage.png")[0] == 0


def test_folders_are_matched_by_stem_and_mirrored(glimpse):
    os.makedirs("in/sub")
    os.makedirs("maps/sub")
    for name in ("one.png", "sub/two.png"):
        shutil.copy("cat.png", f"in/{name}")
    save("maps/one.npy", hot(3, 3, 0, 0))
    np.savetxt("maps/sub/two.csv", hot(3, 3, 2, 2), delimiter=",")
    code, _, err = glimpse("overlay in --map maps -o out -j 2")
    assert code == 0, err
    assert pixels("out/sub/two.png").shape == (300, 451, 3)
    one = np.any(pixels("out/one.png") != pixels("cat.png"), axis=2)
    assert one[:50, :75].mean() > 0.9
    assert not one[150:].any()
    shutil.copy("cat.png", "in/three.png")
    code, _, err = glimpse("overlay in --map maps -o again")
    assert (code, err.count("\n")) == (2, 1)
    assert "in/three.png has no map of its name" in err


def test_captions_stand_above_their_maps(glimpse):
    save("map.npy", np.random.default_rng(0).random((3, 5, 7)))
    for name, encoding in (("words.txt", "utf-8"), ("words16.txt", "utf-16")):
        with open(name, "w", encoding=encoding) as file:
            file.write("un chat\ntrès\nbeau \u4e2d\n")
    code, _, err = glimpse("overlay cat.png --map map.npy --captions words.txt --panel 200 -o out.png")
    assert code == 0
    assert "no glyph for \u4e2d" in err
    assert "è" not in err
    assert glimpse("overlay cat.png --map map.npy --captions words16.txt --panel 200 -o out16.png")[0] == 0
    with open("out16.png", "rb") as again, open("out.png", "rb") as first:
        assert again.read() == first.read()
    code, _, err = glimpse("overlay cat.png --map map.npy --captions words.txt --font words.txt -o two.png")
    assert (code, err.splitlines()[-1].startswith("glimpse: error: words.txt")) == (2, True)


def test_deep_and_transparent_photos_keep_what_they_are(glimpse):
    deep = np.arange(60 * 80, dtype=np.uint16).reshape(60, 80) * 13
    Image.fromarray(deep).save("deep.png")
    save("map.npy", hot(3, 4, 1, 1))
    assert glimpse("overlay deep.png --map map.npy --upsample nearest --depth 16 -o deep.tiff")[0] == 0
    import tifffile

    made = tifffile.imread("deep.tiff")
    assert made.dtype == np.uint16
    np.testing.assert_array_equal(made[:20], deep[:20, :, None].repeat(3, axis=2))
    clear = np.random.default_rng(0).integers(0, 255, (60, 80, 4), np.uint8)
    Image.fromarray(clear).save("clear.png")
    assert glimpse("overlay clear.png --map map.npy --upsample nearest -o laid.png")[0] == 0
    np.testing.assert_array_equal(pixels("laid.png")[:20], clear[:20])
    assert (pixels("laid.png")[22:38, 22:38, 3] >= clear[22:38, 22:38, 3]).all()
    code, _, err = glimpse("overlay clear.png --map map.npy -o laid.jpg")
    assert (code, "--fill" in err) == (2, True)


def test_what_of_a_float_photo_is_clipped_is_reported(glimpse):
    save("photo.npy", np.linspace(-0.5, 1, 12).reshape(3, 4))
    save("map.npy", np.zeros((1, 1)))
    code, _, err = glimpse("overlay photo.npy --map map.npy --range 0,1 -o out.png")
    assert (code, "of the image's 12 values were clipped" in err) == (0, True)


def test_a_window_is_outlined_and_its_mask_laid_on(glimpse):
    assert glimpse("overlay cat.png --box 100,50,200,120 --no-mask -o box.png")[0] == 0
    drawn = np.any(pixels("box.png") != pixels("cat.png"), axis=2)
    assert drawn[50, 100:300].all()
    assert not drawn[60:160, 110:290].any()
    assert glimpse("overlay cat.png --box 100,50,200,120 --size 8 --inset -o mask.png")[0] == 0
    drawn = np.any(pixels("mask.png") != pixels("cat.png"), axis=2)
    assert drawn[60:160, 110:290].mean() > 0.9


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("--map five.npy -o o.png", "has the shape (2, 3, 4, 5, 6), which is no map"),
        ("--map prime.npy -o o.png", "23 tokens"),
        ("--map nan.npy -o o.png", "1 of the 6 values of the 3x2 map are NaN or infinite"),
        ("--map two.npz -o o.png", "holds 2 arrays; choose one by its key: a, b"),
        ("--map two.npz --key c -o o.png", "c"),
        ("--map objects.npy -o o.png", "pickle"),
        ("--map grid.npy --layout hnn -o o.png", "hnn is (heads, N, N)"),
        ("--map grid.npy --query 3 -o o.png", "query"),
        ("--map grid.npy --preprocess shrink:3 -o o.png", "shrink:3"),
        ("--map grid.npy --range 1,0 -o o.png", "1,0"),
        ("--map stack.npy -o o.png", "3 pictures do not fit into one PNG file"),
        ("dog.png --map stack.npy -o o/", "holds 3 maps (thw) for 2 images"),
        ("dog.png --map grid.npy --map grid.npy --map grid.npy -o o/", "more maps than images"),
        ("--map none.npy -o o.png", "none.npy does not exist"),
        ("--map grid.npy", "--output"),
        ("--range each -o o.png", "--range belongs to --map"),
        ("--map grid.npy --inset -o o.png", "--inset"),
        ("--map grid.npy -o cat.png --overwrite", "cat.png is the input"),
        ("--map grid.npy -o grid.npy --overwrite", "grid.npy is the input"),
        ("--map grid.npy -o o.npz", "not a picture"),
        ("--map stack.npy --captions two.txt -o o.png", "two.txt has 2 lines for 3 maps"),
        ("cat.png --map grid.npy --json", "cat.png is given twice"),
        ("-o o.png", "give a window, such as --box, or --map"),
        ("--prefix-tokens 0 --box 0,0,9,9 -o o.png", "--prefix-tokens belongs to --map"),
        ("--map grid.npy --size 9 -o o.png", "--size is for windows"),
        ("--map grid.npy --to-boxes otsu -o o.png", "o.png is no name for a table"),
        ("--map grid.npy --to-boxes otsu --json -o o.csv", "--json does not go with --to-boxes"),
        ("--map stack.npy --montage --colorbar --range each -o o.png", "--range each gives each map its own"),
        ("--map grid.npy --colorbar --depth 16 -o o.png", "--depth 16 with a figure"),
        ("--map grid.npy --alpha nan -o o.png", "nan"),
        ("--map number.npy -o o.png", "without spatial axes"),
    ],
)
def test_bad_maps_are_refused_in_one_line(glimpse, folder, line, words):
    grid = np.arange(6.0).reshape(2, 3)
    shutil.copy("cat.png", "dog.png")
    save("grid.npy", grid)
    save("five.npy", np.zeros((2, 3, 4, 5, 6)))
    save("prime.npy", np.zeros(23))
    save("nan.npy", np.where(grid == 2, np.nan, grid))
    save("stack.npy", np.zeros((3, 4, 5)))
    np.savez("two.npz", a=grid, b=grid)
    np.save("number.npy", np.float32(3))
    np.save("objects.npy", np.array([{}], object), allow_pickle=True)
    (folder / "two.txt").write_text("one\ntwo\n")
    before = sorted(path.name for path in folder.iterdir())
    code, out, err = glimpse(f"overlay cat.png {line} -q")
    assert (code, out, err.count("\n")) == (2, "", 1), err
    assert words in err
    assert sorted(path.name for path in folder.iterdir()) == before


def test_constant_and_skipped_cells_are_reported_and_untouched(glimpse):
    save("flat.npy", np.zeros((3, 4)))
    code, _, err = glimpse("overlay cat.png --map flat.npy --colorbar -o flat.png")
    assert code == 0
    assert "nothing is coloured" in err
    np.testing.assert_array_equal(pixels("flat.png"), pixels("cat.png"))
    grid = np.ones((3, 4))
    grid[0, 0] = np.nan
    save("nan.npy", grid)
    assert glimpse("overlay cat.png --map nan.npy --nan skip -o nan.png")[0] == 0
    np.testing.assert_array_equal(pixels("nan.png")[:100, :112], pixels("cat.png")[:100, :112])
    assert np.any(pixels("nan.png")[101:] != pixels("cat.png")[101:], axis=2).mean() > 0.95


def test_an_input_is_never_replaced(glimpse, folder):
    save("map.npy", np.zeros((2, 3)))
    (folder / "words").write_text("one\n")
    code, _, err = glimpse("overlay cat.png --map map.npy --captions words -o words --format png --overwrite")
    assert (code, "words is the input words" in err) == (2, True)
    assert (folder / "words").read_text() == "one\n"


def test_a_bad_map_in_a_folder_fails_alone(glimpse, folder):
    (folder / "in").mkdir()
    (folder / "maps").mkdir()
    for name in ("a", "b", "c"):
        shutil.copy("cat.png", f"in/{name}.png")
        save(f"maps/{name}.npy", [[0, 1]])
    (folder / "maps/b.npy").write_bytes((folder / "maps/b.npy").read_bytes()[:-3])
    code, _, err = glimpse("overlay in --map maps -o out")
    assert code == 1
    assert "b.npy" in err
    assert sorted(path.name for path in (folder / "out").iterdir()) == ["a.png", "c.png"]


def test_the_outlines_of_a_montage_keep_both_scales(glimpse):
    Image.new("RGB", (4000, 30)).save("wide.png")
    save("map.npy", np.zeros((2, 1, 4)))
    assert glimpse("overlay wide.png --map map.npy --range 0,1 --box 1000,0,2000,30 --montage -o out.png")[0] == 0
    made = pixels("out.png")
    yellow = np.argwhere((made[..., 0] > 200) & (made[..., 2] < 90))
    left = np.argwhere((made < 60).all(axis=2))[:, 1].min()  # the black image begins here
    assert abs(yellow[:, 1].min() - left - 80) <= 2


def test_the_inset_has_the_border_that_is_asked_for(glimpse):
    line = "overlay cat.png --box -100,50,200,200 --sampler bilinear --size 20 --no-mask --inset --border constant"
    assert glimpse(f"{line} --fill red -o out.png")[0] == 0
    assert ((pixels("out.png") == [255, 0, 0]).all(axis=2)).sum() > 500


def test_numbers_need_no_pixels(glimpse, folder, samples):
    """The header is enough: what follows it may be missing."""
    save("map.npy", hot(3, 4, 1, 1))
    (folder / "cut.jpg").write_bytes((samples / "retina.jpg").read_bytes()[:20000])
    code, out, _ = glimpse("overlay cut.jpg --map map.npy --json")
    assert (code, json.loads(out)["image_size"]) == (0, {"width": 1411, "height": 1411})
    assert glimpse("overlay cut.jpg --map map.npy -o out.png")[0] == 1
