"""Windows that lead over the border of the image, shifted back into it."""

import json
from pathlib import Path

import numpy as np
import pytest
from conftest import examples
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image

from glimpsecli.annotations.boxes import Box, Length
from glimpsecli.jobs.requests import BoxRequest
from glimpsecli.jobs.shaping import Shaping
from glimpsecli.window import corners

SIZE = HEIGHT, WIDTH = 30, 40


@pytest.fixture
def photo(tmp_path, monkeypatch):
    """A photo of 40 x 30 in this folder, each pixel with a value of its own."""
    monkeypatch.chdir(tmp_path)
    pixels = np.stack([*np.indices(SIZE), np.full(SIZE, 200)], axis=-1).astype(np.uint8)
    Image.fromarray(pixels).save("photo.png")
    return pixels


def pixels(path):
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def placed(x, y, width, height, angle=0.0, **shaping):
    """Give the placements of a clamped box."""
    box = Box(*map(Length, (x, y, width, height)), angle=angle)
    return BoxRequest(box).placements(SIZE, Shaping(clamp=True, **shaping))


@examples(60)
@given(st.integers(-70, 70), st.integers(-70, 70), st.integers(1, 60), st.integers(1, 60))
@example(-3, 28, 40, 30)
@example(-3, -3, 41, 31)
def test_a_crop_is_shifted_no_further_than_needed_and_keeps_its_size(x, y, width, height):
    (found,) = placed(x, y, width, height)
    left, top, *extent = found.place.box
    assert (extent, found.size) == ([width, height], (height, width))
    for start, asked, length, image in ((left, x, width, WIDTH), (top, y, height, HEIGHT)):
        allowed = range(image - length + 1) if length <= image else range(image - length, 1)
        assert start == min(allowed, key=lambda place, asked=asked: abs(place - asked))
    assert found.shift == (left - x, top - y)


@examples(60)
@given(
    st.floats(-200, 200), st.floats(-200, 200), st.floats(0.5, 90), st.floats(0.5, 90), st.floats(-360, 360),
    st.booleans(), st.sampled_from([0.5, 1.0, 1.7]), st.integers(1, 3),
)  # fmt: skip
def test_the_bounding_box_decides_for_turned_windows_and_each_scale_of_a_retina(
    x, y, width, height, angle, square, context, retina
):
    free = BoxRequest(Box(*map(Length, (x, y, width, height)), angle=angle))
    wanted = free.placements(SIZE, Shaping(square=square, context=context, retina=retina))
    found = placed(x, y, width, height, angle, square=square, context=context, retina=retina)
    assert len(found) == len(wanted) == retina
    for one, other in zip(found, wanted, strict=True):
        assert one.place.row[2:] == other.place.row[2:]
        assert one.size == other.size
        points = corners(one.place.to_affine((1, 1)), (1, 1))
        before = corners(other.place.to_affine((1, 1)), (1, 1))
        for axis, extent in enumerate((WIDTH, HEIGHT)):
            low, high = points[:, axis].min(), points[:, axis].max()
            first, last = (0, extent) if high - low <= extent else (low, high)
            assert min(0, extent - (high - low)) - 1e-9 <= low <= max(0, extent - (high - low)) + 1e-9
            assert first - 1e-9 <= low
            assert high <= last + 1e-9
            start = before[:, axis].min()
            if min(0, extent - (high - low)) + 1e-9 < start < max(0, extent - (high - low)) - 1e-9:
                assert one.place.row[axis] == other.place.row[axis]  # to the last bit


def test_pixels_of_all_commands_come_from_the_window_that_was_shifted(photo, glimpse):
    cases = {
        "--box -7,-9,12,10": photo[:10, :12], "--box 35,25,12,10": photo[20:, 28:],
        "--box 35,10,8,6 --square": photo[9:17, 32:], "--box 38,8,4,4 --context 3": photo[4:16, 28:],
        "--at 100%,100% --extent 25%x50%": photo[15:, 30:],
    }  # fmt: skip
    for option, expected in cases.items():
        code, out, _ = glimpse(f"extract photo.png {option} --clamp -o crop.png --overwrite --json")
        assert code == 0
        np.testing.assert_array_equal(pixels("crop.png"), expected)
        row = json.loads(out)
        assert row["outside"] == 0
        assert set(row["shift"]) == {"x", "y"}
    larger = "extract photo.png --box 5,-4,50,10 --clamp --border edge -o larger.png"
    assert glimpse(larger)[0] == 0
    np.testing.assert_array_equal(pixels("larger.png"), np.pad(photo[:10], ((0, 0), (0, 10), (0, 0)), "edge"))
    assert "shift" not in json.loads(glimpse("extract photo.png --box -7,-9,12,10 -o free.png --json")[1])
    for command in ("compare", "overlay"):
        code, out, err = glimpse(f"{command} photo.png --box 35,25,12,10 --clamp -o {command}.png --json")
        assert code == 0, err
        row = json.loads(out)
        window = row["windows"][0]["window"] if "windows" in row else row["window"]
        assert (window["cx"], window["cy"]) == (34, 25)
    assert glimpse("paste crop.png --onto photo.png --box 30,15,10,15 --clamp --sampler hard -o same.png")[0] == 0


def test_a_batch_keeps_the_windows_that_were_read_and_is_resumed_and_replayed_with_them(photo, glimpse):
    Path("boxes.csv").write_text("image,label,x,y,width,height\nphoto,a,-4,3,9,9\nphoto,b,36,26,6,8\n")
    line = "batch photo.png --annotations boxes.csv --square --clamp -o out -q"
    assert glimpse(line)[0] == 0
    rows = [json.loads(row) for row in Path("out/metadata.jsonl").read_text().splitlines()]
    assert [(row["shift"]["x"], row["shift"]["y"]) for row in rows] == [(4, 0), (-3, -4)]
    np.testing.assert_array_equal(pixels(f"out/{rows[0]['file_name']}"), photo[3:12, :9])
    np.testing.assert_array_equal(pixels(f"out/{rows[1]['file_name']}"), photo[22:, 32:])
    assert json.loads(Path("out/run.json").read_text())["parameters"]["clamp"] is True
    assert glimpse(f"{line} --resume")[0] == 0
    assert glimpse("replay out -o again -q")[0] == 0
    np.testing.assert_array_equal(pixels(f"again/{rows[1]['file_name']}"), photo[22:, 32:])
    code, _, err = glimpse("batch photo.png --annotations boxes.csv --square -o out --resume")
    assert (code, "clamp" in err) == (2, True)
    assert glimpse("batch photo.png --annotations boxes.csv --square -o free -q")[0] == 0
    assert "clamp" not in json.loads(Path("free/run.json").read_text())["parameters"]


def test_windows_of_tables_follow_frames_and_places_without_a_window_are_refused(photo, glimpse):
    frames = [Image.fromarray(np.roll(photo, 3 * n, axis=1)) for n in range(3)]
    frames[0].save("clip.png", save_all=True, append_images=frames[1:], duration=40)
    Path("boxes.csv").write_text("frame,x,y,width,height\n0,-2,0,10,10\n2,38,28,10,10\n")
    assert glimpse("extract clip.png --windows boxes.csv --frames 0,2 --clamp -o seen/ -q")[0] == 0
    np.testing.assert_array_equal(pixels("seen/clip_000000_000.png"), photo[:10, :10])
    last = np.roll(photo, 6, axis=1)[20:, 30:]
    np.testing.assert_array_equal(pixels("seen/clip_000002_000.png"), last)
    for place in ("--quad 1,1,9,2,8,8,2,9", "--theta 1,0,1,0", "--gaussian 1,1,1,1,1,1 --size 3"):
        code, _, err = glimpse(f"extract photo.png {place} --clamp -o no.png")
        assert (code, err.count("\n")) == (2, 1)
        assert "--clamp" in err
