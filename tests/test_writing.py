from __future__ import annotations

import errno
import io
import os
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageCms

from glimpsecli.errors import ExitCode, FileProblemError, GlimpseError, InvalidInputError, UnavailableError
from glimpsecli.images.alpha import flatten
from glimpsecli.images.formats import FORMATS, check, format_named, format_of
from glimpsecli.images.reading import read
from glimpsecli.images.writing import write, write_npz

rng = np.random.default_rng(11)
DTYPES = {"8": np.uint8, "16": np.uint16, "float": np.float32}


def noise(*shape: int, dtype: type = np.uint8) -> np.ndarray:
    if dtype is np.float32:
        return rng.random(shape, np.float32) * 3 - 1
    return rng.integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)


def encoded(pixels: np.ndarray, name: str, **options) -> bytes:
    file = io.BytesIO()
    write(file, pixels, format=name, **options)
    return file.getvalue()


@pytest.fixture(scope="module")
def rgb_profile() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def holds(name: str, depth: str, channels: int, alpha: bool) -> bool:
    try:
        check(FORMATS[name], depth=depth, channels=channels, alpha=alpha)
    except InvalidInputError:
        return False
    return True


@pytest.mark.parametrize("name", ["png", "jpg", "webp", "tiff", "npy"])
def test_what_a_format_says_it_holds_comes_back_and_the_rest_is_refused(name: str, tmp_path: Path):
    for depth, dtype in DTYPES.items():
        for channels, alpha in [(1, False), (2, True), (3, False), (4, True), (2, False), (4, False), (5, False)]:
            for shape in ((5, 7), (1, 1)):
                pixels = noise(*shape, channels, dtype=dtype)
                path = tmp_path / f"{depth}{channels}{alpha}{shape[0]}.{name}"
                if not holds(name, depth, channels, alpha):
                    with pytest.raises(InvalidInputError, match="can"):
                        write(path, pixels, alpha=alpha)
                    assert not path.exists()
                    continue
                write(path, pixels, alpha=alpha, quality=100)
                if name == "npy":  # says nothing of alpha
                    assert np.array_equal(np.load(path), pixels)
                    continue
                back = read(path)
                if name == "webp":  # has no grey: it comes back as RGB
                    pixels = np.concatenate([pixels[..., :1]] * 3 + [pixels[..., 1:]], -1) if channels < 3 else pixels
                if name == "jpg":
                    assert back.pixels.shape == pixels.shape
                    assert np.abs(back.pixels.astype(int) - pixels).max() <= 4
                    continue
                assert back.pixels.dtype == dtype
                assert np.array_equal(back.pixels, pixels), (depth, channels, alpha)
                assert back.alpha == alpha


def test_the_table_of_what_formats_hold():
    able = {
        (name, depth, channels, alpha)
        for name in FORMATS
        for depth in DTYPES
        for channels, alpha in ((1, False), (2, True), (3, False), (4, True), (7, False))
        if holds(name, depth, channels, alpha)
    }
    for name, depths, alpha, many in (
        ("png", ("8", "16"), True, False),
        ("jpg", ("8",), False, False),
        ("webp", ("8",), True, False),
        ("tiff", ("8", "16", "float"), True, True),
        ("npy", ("8", "16", "float"), True, True),
        ("npz", ("8", "16", "float"), True, True),
    ):
        found = {entry[1:] for entry in able if entry[0] == name}
        expected = {(depth, channels, False) for depth in depths for channels in ((1, 3, 7) if many else (1, 3))}
        expected |= {(depth, channels, True) for depth in depths for channels in (2, 4) if alpha}
        assert found == expected


@pytest.mark.parametrize(
    ("name", "depth", "channels", "alpha", "message"),
    [
        ("jpg", "16", 3, False, "JPEG cannot hold 16 bit; png, tiff, npy and npz can"),
        ("png", "float", 3, False, "PNG cannot hold float; tiff, npy and npz can"),
        ("webp", "16", 1, False, "WebP cannot hold 16 bit; png, tiff, npy and npz can"),
        ("jpg", "8", 4, True, "JPEG cannot hold an alpha channel; png, webp, tiff, npy and npz can, or .*--fill"),
        ("png", "8", 4, False, "PNG cannot hold 4 channels of which none is alpha; tiff, npy and npz can"),
        ("png", "8", 5, False, "PNG cannot hold 5 channels; tiff, npy and npz can"),
    ],
)
def test_a_refusal_names_the_formats_that_can(name: str, depth: str, channels: int, alpha: bool, message: str):
    with pytest.raises(InvalidInputError, match=message) as caught:
        check(FORMATS[name], depth=depth, channels=channels, alpha=alpha)
    assert caught.value.exit_code == ExitCode.USAGE


def test_16_bit_colour_png_without_pyvips_names_the_extra(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setitem(sys.modules, "pyvips", None)
    with pytest.raises(UnavailableError, match=r"pip install 'glimpsecli\[vips\]'") as caught:
        write(tmp_path / "a.png", noise(3, 3, 3, dtype=np.uint16))
    assert caught.value.exit_code == ExitCode.UNAVAILABLE
    assert list(tmp_path.iterdir()) == []
    check(FORMATS["png"], depth="16", channels=1, alpha=False)  # grey needs no help


def test_deep_png_is_what_an_independent_reader_sees():
    grey = noise(5, 7, 1, dtype=np.uint16)
    with Image.open(io.BytesIO(encoded(grey, "png"))) as image:
        assert np.array_equal(np.asarray(image), grey[..., 0])
    header = encoded(noise(5, 7, 4, dtype=np.uint16), "png", alpha=True)[:33]
    assert header[24:26] == b"\x10\x06"  # 16 bit, RGBA


def test_tiff_tags_say_what_the_samples_are():
    for channels, alpha, photometric, extras in (
        (1, False, "MINISBLACK", []),
        (2, True, "MINISBLACK", ["UNASSALPHA"]),
        (3, False, "RGB", []),
        (4, True, "RGB", ["UNASSALPHA"]),
        (5, False, "MINISBLACK", ["UNSPECIFIED"] * 4),
    ):
        content = encoded(noise(5, 7, channels, dtype=np.uint16), "tiff", alpha=alpha)
        with tifffile.TiffFile(io.BytesIO(content)) as file:
            page = file.pages[0]
            assert page.photometric.name == photometric
            assert [extra.name for extra in page.extrasamples] == extras
            assert not {"Software", "DateTime", "ImageDescription"} & {tag.name for tag in page.tags}


@pytest.mark.parametrize("name", ["png", "jpg", "webp", "tiff"])
def test_profiles_travel_where_they_fit_and_no_exif_is_made(name: str, rgb_profile: bytes):
    content = encoded(noise(8, 8, 3), name, icc=rgb_profile)
    assert read(io.BytesIO(content)).icc == rgb_profile
    with Image.open(io.BytesIO(content)) as image:
        assert "exif" not in image.info
    grey_profile = rgb_profile[:16] + b"GRAY" + rgb_profile[20:]
    for pixels, misfit in ((noise(8, 8, 1), rgb_profile), (noise(8, 8, 3), grey_profile)):
        assert encoded(pixels, name, icc=misfit) == encoded(pixels, name)
    if name == "png":
        deep = encoded(noise(8, 8, 3, dtype=np.uint16), name, icc=rgb_profile)
        assert read(io.BytesIO(deep)).icc == rgb_profile
        assert b"eXIf" not in deep


def test_quality_and_compression():
    smooth = np.add.outer(np.arange(64), np.arange(64)).astype(np.uint8)[..., None].repeat(3, -1)
    smooth[::3, ::5, 0] += 40
    for name in ("jpg", "webp"):
        assert len(encoded(smooth, name, quality=20)) < len(encoded(smooth, name))
        assert encoded(smooth, name, quality=90) == encoded(smooth, name)
        for quality in (0, 101):
            with pytest.raises(InvalidInputError, match=f"quality {quality} is out of range; use 1 to 100"):
                encoded(smooth, name, quality=quality)
    with Image.open(io.BytesIO(encoded(smooth, "jpg"))) as image:
        assert [layer[1:3] for layer in image.layer] == [(1, 1)] * 3  # 4:4:4
    with Image.open(io.BytesIO(encoded(smooth, "jpg", quality=89))) as image:
        assert image.layer[0][1:3] == (2, 2)
    for name, dtype in (("png", np.uint8), ("png", np.uint16), ("tiff", np.uint8)):
        least, most = (encoded(smooth.astype(dtype), name, compress=level) for level in (0, 9))
        assert len(most) < len(least) / 2
        assert np.array_equal(read(io.BytesIO(most)).pixels, smooth)
    with pytest.raises(InvalidInputError, match="compress 10"):
        encoded(smooth, "png", compress=10)


def test_lossless_webp_keeps_the_colours_under_full_transparency():
    pixels = noise(8, 8, 4)
    pixels[..., 3] = 0
    assert np.array_equal(read(io.BytesIO(encoded(pixels, "webp", alpha=True, quality=100))).pixels, pixels)


@pytest.mark.parametrize(("name", "side"), [("webp", 16384), ("jpg", 65501)])
def test_sides_that_are_too_long(name: str, side: int, capfd: pytest.CaptureFixture[str]):
    with pytest.raises(InvalidInputError, match=f"cannot hold {side} x 1 pixels: .* at most {side - 1}; png.* can"):
        encoded(np.zeros((1, side, 1), np.uint8), name)
    encoded(np.zeros((1, side - 1, 1), np.uint8), name)
    assert capfd.readouterr().err == ""


def test_what_is_no_image_is_refused():
    for shape in ((0, 5, 3), (5,), (2, 5, 5, 3)):
        with pytest.raises(InvalidInputError):
            encoded(np.zeros(shape, np.uint8), "tiff")
    with pytest.raises(InvalidInputError, match="float64"):
        encoded(np.zeros((4, 4, 3)), "tiff")


def test_formats_are_found_by_suffix_and_by_name():
    assert [format_of(f"x.{suffix}").name for suffix in ("JPG", "jpeg", "tif", "TIFF", "npz")] == [
        "jpg",
        "jpg",
        "tiff",
        "tiff",
        "npz",
    ]
    assert format_named("jpeg") is format_of(Path("a.b/c.jpg")) is FORMATS["jpg"]
    for bad, message in (("a.bmp", "unknown suffix .bmp"), ("folder.png/a", "no suffix"), ("a.", "no suffix")):
        with pytest.raises(InvalidInputError, match=message + r".*; use \.png, \.jpg.* or \.npz"):
            format_of(bad)
    with pytest.raises(InvalidInputError, match=r"no format 'gif'.*png"):
        format_named("gif")


@pytest.mark.parametrize("name", ["png", "jpg", "webp", "tiff", "npy"])
def test_the_same_pixels_give_the_same_bytes_to_files_and_pipes(name: str, tmp_path: Path):
    pixels = noise(20, 30, 3)
    write(tmp_path / f"a.{name}", pixels)
    content = (tmp_path / f"a.{name}").read_bytes()
    assert encoded(np.asfortranarray(pixels), name) == content or name == "npy"
    ours, theirs = os.pipe()
    with os.fdopen(ours, "rb") as reader, os.fdopen(theirs, "wb") as writer:
        write(writer, pixels, format=name)
        assert not writer.closed
        writer.close()
        assert reader.read() == content


def test_npz_holds_many_and_is_the_same_every_day(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    arrays = {"glimpses": noise(2, 3, 4, 3), "windows": np.ones((2, 5)), "labels": np.array(["a", "b"])}
    write_npz(tmp_path / "a.npz", arrays)
    with np.load(tmp_path / "a.npz") as back:
        assert set(back) == set(arrays)
        assert all(np.array_equal(back[name], array) for name, array in arrays.items())
    monkeypatch.setattr("time.time", lambda: 2e9)
    file = io.BytesIO()
    write_npz(file, arrays)
    assert file.getvalue() == (tmp_path / "a.npz").read_bytes()
    with pytest.raises(InvalidInputError, match="write_npz"):
        write(tmp_path / "b.npz", noise(3, 3))


def test_existing_files_and_full_disks(tmp_path: Path):
    pixels = noise(20, 30, 3)
    write(tmp_path / "a.png", pixels)
    with pytest.raises(InvalidInputError, match="exists already; use `--overwrite`"):
        write(tmp_path / "a.png", pixels)
    write(tmp_path / "a.png", pixels[:5], overwrite=True)
    assert read(tmp_path / "a.png").pixels.shape == (5, 30, 3)
    with Path("/dev/full").open("wb", buffering=0) as full, pytest.raises(FileProblemError, match="no space left"):
        write(full, pixels, format="png")
    for name in ("png", "jpg", "tiff", "npy"):
        with pytest.raises(FileProblemError, match="/dev/full could not be written: no space left"):
            write("/dev/full", pixels, format=name)

    class Closed(io.BytesIO):
        def write(self, *_args: object) -> int:
            raise BrokenPipeError(errno.EPIPE, "Broken pipe")

    with pytest.raises(BrokenPipeError):
        write(Closed(), pixels, format="png")
    with pytest.raises(GlimpseError, match="--format"):
        write(io.BytesIO(), pixels)


@given(st.sampled_from([np.uint8, np.uint16]), st.data())
def test_flatten_rounds_exactly(dtype: type, data: st.DataObject):
    top = np.iinfo(dtype).max
    colour, alpha, fill = (data.draw(st.integers(0, top)) for _ in range(3))
    pixels = np.array([[[colour, alpha]]], dtype)
    assert flatten(pixels, fill).item() == round((colour * alpha + fill * (top - alpha)) / top)


def test_flatten_takes_colours_of_any_depth():
    pixels = noise(5, 7, 4)
    pixels[0, 0, 3], pixels[0, 1, 3] = 0, 255
    flat = flatten(pixels, (1, 2, 3))
    assert flat.shape == (5, 7, 3)
    assert flat[0, 0].tolist() == [1, 2, 3]
    assert flat[0, 1].tolist() == pixels[0, 1, :3].tolist()
    half = np.array([[[1.0, 0.5]]], np.float32)
    assert flatten(half, 0.5).item() == 0.75
    with pytest.raises(InvalidInputError, match="does not suit"):
        flatten(pixels, (1, 2))
    with pytest.raises(InvalidInputError, match="use 0 to 255"):
        flatten(pixels, 256)
