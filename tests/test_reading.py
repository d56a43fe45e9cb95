from __future__ import annotations

import io
import os
import struct
import subprocess
import sys
import threading
import types
import zlib
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import pyvips
import tifffile
from PIL import Image, ImageCms, ImageFile, PngImagePlugin, TiffImagePlugin

from glimpsecli.errors import FileProblemError, GlimpseError, InvalidInputError, UnavailableError
from glimpsecli.images.partial import read_window
from glimpsecli.images.reading import Picture, read, upright_size

rng = np.random.default_rng(7)


def noise(*shape: int, dtype: type = np.uint8) -> np.ndarray:
    if dtype is np.float32:
        return rng.random(shape, np.float32) * 3 - 1
    return rng.integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)


def encoded(array: np.ndarray | Image.Image, kind: str, **options) -> bytes:
    """Encode with Pillow."""
    file = io.BytesIO()
    image = array if isinstance(array, Image.Image) else Image.fromarray(array)
    image.save(file, kind, **options)
    return file.getvalue()


def tiff(array: np.ndarray, **options) -> bytes:
    """Encode with tifffile."""
    file = io.BytesIO()
    tifffile.imwrite(file, array, metadata=None, **options)
    return file.getvalue()


def png(array: np.ndarray, colour_type: int, bits: int, chunks: dict[bytes, bytes] | None = None) -> bytes:
    """Encode a PNG by hand: (H, W, C) of uint8 or uint16, or rows that are packed already."""
    height, width = array.shape[:2]
    rows = b"".join(b"\0" + row.astype(array.dtype.newbyteorder(">")).tobytes() for row in array)
    if bits < 8:
        width = width * 8 // bits

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    header = struct.pack(">IIBBBBB", width, height, bits, colour_type, 0, 0, 0)
    extra = b"".join(chunk(*item) for item in (chunks or {}).items())
    body = chunk(b"IHDR", header) + extra + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def exif(orientation: int) -> bytes:
    block = Image.Exif()
    block[0x0112] = orientation
    block.get_ifd(0x8825)[1] = "N"  # GPS
    return block.tobytes()


def read_bytes(content: bytes, **options) -> Picture:
    """Read from memory, after checking that the header alone gives the same size."""
    picture = read(io.BytesIO(content), **options)
    assert upright_size(io.BytesIO(content), **options) == picture.pixels.shape[:2]
    assert picture.pixels.flags.c_contiguous
    assert picture.pixels.flags.writeable
    assert picture.pixels.dtype.isnative
    return picture


@pytest.fixture(scope="module")
def cmyk_profile() -> bytes:
    return bytes(pyvips.Operation.call("profile_load", "cmyk"))


@pytest.fixture(scope="module")
def rgb_profile() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


@pytest.fixture
def no_vips(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "pyvips", None)


@pytest.fixture
def bare_tifffile(monkeypatch: pytest.MonkeyPatch):
    """Make tifffile work as it does where imagecodecs is not installed."""
    from tifffile import _imagecodecs

    monkeypatch.setattr(tifffile.tifffile, "imagecodecs", _imagecodecs)
    monkeypatch.setattr(tifffile.TIFF.DECOMPRESSORS, "_codecs", {1: tifffile.TIFF.DECOMPRESSORS[1]})
    monkeypatch.setattr(tifffile.TIFF.UNPREDICTORS, "_codecs", {1: tifffile.TIFF.UNPREDICTORS[1]})


# Depths and channels, from encoders that are not ours


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_png_keeps_depth_and_channels(channels: int, dtype: type):
    pixels = noise(5, 7, channels, dtype=dtype)
    picture = read_bytes(png(pixels, {1: 0, 2: 4, 3: 2, 4: 6}[channels], 8 * pixels.itemsize))
    assert picture.pixels.dtype == dtype
    assert np.array_equal(picture.pixels, pixels)
    assert picture.alpha == (channels in (2, 4))


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("order", ["<", ">"])
def test_tiff_keeps_depth_and_channels(channels: int, dtype: type, planar: str, order: str):
    pixels = noise(5, 7, channels, dtype=dtype)
    stored = pixels if planar == "contig" else np.moveaxis(pixels, -1, 0)
    alpha = channels in (2, 4)
    content = tiff(
        pixels[..., 0] if channels == 1 else stored,
        photometric="rgb" if channels in (3, 4) else "minisblack",
        planarconfig=None if channels == 1 else planar,
        extrasamples=["unassalpha"] if alpha else None,
        byteorder=order,
    )
    picture = read_bytes(content)
    assert picture.pixels.dtype == dtype
    assert np.array_equal(picture.pixels, pixels)
    assert picture.alpha == alpha


@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 1), (5, 7, 2), (5, 7, 4)])
@pytest.mark.parametrize("dtype", ["|u1", "<u2", ">u2", "<f4", ">f4"])
def test_npy(shape: tuple[int, ...], dtype: str):
    array = np.asfortranarray(noise(*shape).astype(dtype))
    file = io.BytesIO()
    np.save(file, array)
    picture = read_bytes(file.getvalue())
    assert np.array_equal(picture.pixels.reshape(shape), array)
    assert not picture.alpha


@pytest.mark.parametrize("dtype", ["<f8", ">f8", "<f2", ">f2"])
def test_npy_of_other_floats_becomes_float32(dtype: str):
    array = np.where(noise(5, 7, 3) > 250, np.inf, noise(5, 7, 3) / 3).astype(dtype)
    file, refused = io.BytesIO(), io.BytesIO()
    np.save(file, array)
    picture = read_bytes(file.getvalue())
    assert picture.pixels.dtype == np.float32
    assert np.array_equal(picture.pixels, array.astype(np.float32), equal_nan=True)
    if dtype[1:] == "f8":
        np.save(refused, np.full((4, 4), -1e39, dtype))
        with pytest.raises(FileProblemError, match="holds numbers that float32 does not hold; scale them first"):
            read_bytes(refused.getvalue())


@pytest.mark.parametrize("dtype", ["bool", "int8", "int64", "uint32", "complex64"])
def test_npy_without_a_white_is_refused(dtype: str):
    file = io.BytesIO()
    np.save(file, np.ones((4, 4), dtype))
    with pytest.raises(
        FileProblemError, match=f"holds {dtype} values; glimpse takes uint8, uint16 and float32, and of"
    ):
        read_bytes(file.getvalue())


@pytest.mark.parametrize(("kind", "channels"), [("P5", 1), ("P6", 3)])
def test_deep_netpbm_is_read_whole(kind: str, channels: int):
    pixels = noise(5, 7, channels, dtype=np.uint16)
    header = f"{kind}\n# a comment\n7 5\n65535\n".encode()
    assert np.array_equal(read_bytes(header + pixels.astype(">u2").tobytes()).pixels, pixels)
    twelve = pixels >> 4
    scaled = read_bytes(f"{kind} 7 5 4095\n".encode() + twelve.astype(">u2").tobytes()).pixels
    assert np.array_equal(scaled, np.rint(twelve * (65535 / 4095)))
    with pytest.raises(FileProblemError, match="truncated"):
        read_bytes(header + bytes(10))


# Modes


def test_palettes_become_rgb_and_transparency_alpha():
    image = Image.fromarray(noise(6, 6, 3)).quantize(8)
    rgb = np.asarray(image.convert("RGB"))
    for kind in ("PNG", "GIF", "BMP", "TIFF"):
        picture = read_bytes(encoded(image, kind))
        assert np.array_equal(picture.pixels, rgb), kind
        assert not picture.alpha
    for kind, transparency in (("PNG", 3), ("GIF", 3), ("PNG", bytes(range(0, 80, 10)))):
        picture = read_bytes(encoded(image, kind, transparency=transparency))
        assert picture.alpha
        assert np.array_equal(picture.pixels[..., :3], rgb)
        table = np.full(8, 255)
        table[: 4 if transparency == 3 else 8] = [255, 255, 255, 0] if transparency == 3 else np.arange(0, 80, 10)
        assert np.array_equal(picture.pixels[..., 3], table[np.asarray(image)])


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_transparent_colour_becomes_alpha(dtype: type, channels: int):
    pixels = noise(5, 7, channels, dtype=dtype)
    key = pixels[2, 3]
    chunks = {b"tRNS": key.astype(">u2").tobytes()}
    picture = read_bytes(png(pixels, 0 if channels == 1 else 2, 8 * pixels.itemsize, chunks))
    assert picture.alpha
    assert np.array_equal(picture.pixels[..., :channels], pixels)
    full = np.iinfo(dtype).max
    assert np.array_equal(picture.pixels[..., -1], np.where((pixels == key).all(-1), 0, full))


@pytest.mark.parametrize(("bits", "levels"), [(1, [0, 255]), (2, [0, 85, 170, 255]), (4, list(range(0, 256, 17)))])
def test_few_bits_fill_the_range(bits: int, levels: list[int]):
    packed = np.array([[0b00011011, 0xA7]], np.uint8)[..., None]
    indices = [byte >> shift & (2**bits - 1) for byte in packed.ravel() for shift in range(8 - bits, -1, -bits)]
    content = png(packed, 0, bits, {b"tRNS": struct.pack(">H", 1)})
    picture = read_bytes(content)
    assert picture.pixels[0, :, 0].tolist() == [levels[int(index)] for index in indices]
    assert picture.pixels[0, :, 1].tolist() == [0 if index == 1 else 255 for index in indices]


@pytest.mark.parametrize("compression", ["raw", "packbits", "group4"])
@pytest.mark.parametrize("photometric", [0, 1])
def test_one_bit_tiff(compression: str, photometric: int):
    bits = noise(9, 13) > 127
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[262] = photometric
    image = Image.fromarray(bits)
    content = encoded(image, "TIFF", compression=compression, tiffinfo=tags)
    assert np.array_equal(read_bytes(content).pixels[..., 0], bits * np.uint8(255))


def test_ordinary_files_agree_with_pillow():
    grey, rgb, rgba, la = noise(9, 11), noise(9, 11, 3), noise(9, 11, 4), noise(9, 11, 2)
    files = [
        encoded(grey, "JPEG"),
        encoded(rgb, "JPEG"),
        encoded(rgb, "WEBP"),
        encoded(rgba, "WEBP"),
        encoded(rgb, "BMP"),
        encoded(rgb, "PPM"),
        encoded(grey, "PPM"),
        encoded(rgba, "PNG"),
        encoded(la, "PNG"),
        encoded(Image.fromarray(grey > 99), "PNG"),
        encoded(rgb, "JPEG2000"),
        encoded(rgb, "TIFF", compression="tiff_lzw"),
        encoded(la, "TIFF", compression="tiff_lzw"),
        encoded(Image.fromarray(rgb).convert("YCbCr"), "TIFF", compression="tiff_lzw"),
        encoded(rgb, "TIFF", compression="jpeg"),
    ]
    for content in files:
        with Image.open(io.BytesIO(content)) as image:
            mode = {"1": "L", "YCbCr": "RGB"}.get(image.mode, image.mode)
            expected = np.asarray(image.convert(mode))
        picture = read_bytes(content)
        assert np.array_equal(picture.pixels, expected.reshape(9, 11, -1)), content[:12]
        assert picture.alpha == mode.endswith("A")


def test_cmyk_goes_through_its_profile(cmyk_profile: bytes):
    inks = np.kron(noise(2, 2, 4), np.ones((8, 8, 1), np.uint8))
    image = Image.frombytes("CMYK", (16, 16), inks.tobytes())
    through = ImageCms.profileToProfile(
        image, io.BytesIO(cmyk_profile), ImageCms.createProfile("sRGB"), outputMode="RGB"
    )
    unconverted = np.asarray(image.convert("RGB"))
    assert np.abs(np.asarray(through).astype(int) - unconverted).max() > 20  # so the two ways differ
    for with_profile in (True, False):
        icc = cmyk_profile if with_profile else None
        expected = np.asarray(through) if with_profile else unconverted
        exact = read_bytes(tiff(inks, photometric="separated", planarconfig="contig", iccprofile=icc))
        assert np.array_equal(exact.pixels, expected)
        assert exact.icc is None
        jpeg = read_bytes(encoded(image, "JPEG", quality=100, subsampling=0, icc_profile=icc))
        assert np.abs(jpeg.pixels.astype(int) - expected).max() <= 6
        assert jpeg.icc is None
    damaged = cmyk_profile[:200] + bytes(100)
    assert np.array_equal(read_bytes(encoded(image, "TIFF", icc_profile=damaged)).pixels, unconverted)


def test_lab_goes_to_srgb():
    # Its own noise: the darkest and most saturated colours lose more in Lab of 8 bit.
    rgb = np.kron(np.random.default_rng(0).integers(20, 236, (2, 2, 3), np.uint8), np.ones((4, 4, 1), np.uint8))
    lab = ImageCms.profileToProfile(
        Image.fromarray(rgb), ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), outputMode="LAB"
    )
    picture = read_bytes(encoded(lab, "TIFF"))
    assert np.abs(picture.pixels.astype(int) - rgb).max() <= 8


def test_a_profile_is_kept_only_where_it_fits(rgb_profile: bytes):
    rgb, grey = noise(4, 4, 3), noise(4, 4)
    for kind in ("PNG", "JPEG", "WEBP", "TIFF"):
        assert read_bytes(encoded(rgb, kind, icc_profile=rgb_profile)).icc == rgb_profile
    compressed = b"icc\0\0" + zlib.compress(rgb_profile)
    assert read_bytes(png(noise(4, 4, 3, dtype=np.uint16), 2, 16, {b"iCCP": compressed})).icc == rgb_profile
    assert read_bytes(encoded(Image.fromarray(rgb).quantize(4), "PNG", icc_profile=rgb_profile)).icc == rgb_profile
    assert read_bytes(encoded(grey, "PNG", icc_profile=rgb_profile)).icc is None


# Orientation


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_in_every_format(orientation: int):
    deep = noise(3, 5, 3, dtype=np.uint16)
    rgb = np.kron(noise(3, 5, 3), np.ones((16, 16, 1), np.uint8))
    steps = {
        1: [],
        2: [np.fliplr],
        3: [np.rot90, np.rot90],
        4: [np.flipud],
        5: [np.rot90, np.flipud],
        6: [np.rot90] * 3,
        7: [np.rot90, np.fliplr],
        8: [np.rot90],
    }[orientation]

    def seen(array: np.ndarray) -> np.ndarray:
        for step in steps:
            array = step(array)
        return array

    block = exif(orientation)
    for content in (
        encoded(rgb, "PNG", exif=block),
        encoded(rgb, "WEBP", exif=block, lossless=True),
        tiff(rgb, photometric="rgb", extratags=[(274, 3, 1, orientation, True)]),
        encoded(rgb, "TIFF", compression="tiff_lzw", tiffinfo={274: orientation}),
    ):
        assert np.array_equal(read_bytes(content).pixels, seen(rgb)), content[:12]
    jpeg = encoded(rgb, "JPEG", exif=block)
    assert np.array_equal(read_bytes(jpeg).pixels, seen(np.asarray(Image.open(io.BytesIO(jpeg)))))
    chunks = {b"eXIf": block.removeprefix(b"Exif\0\0")}
    assert np.array_equal(read_bytes(png(deep, 2, 16, chunks)).pixels, seen(deep))
    assert np.array_equal(read_bytes(png(deep[..., :1], 0, 16, chunks)).pixels, seen(deep[..., :1]))


@pytest.mark.parametrize("block", [b"", b"II*\0", b"XX*\0\x08\0\0\0", b"II*\0\x08\0\0\0\xff\xff", exif(9), exif(0)])
def test_damaged_exif_is_no_orientation(block: bytes):
    rgb = noise(3, 5, 3)
    assert read_bytes(encoded(rgb, "JPEG", exif=block)).pixels.shape == (3, 5, 3)
    assert np.array_equal(read_bytes(encoded(rgb, "WEBP", exif=block, lossless=True)).pixels, rgb)


def exif_block(order: str, kind: int, count: int, value: bytes, *, second: bool = False) -> bytes:
    """Make EXIF by hand that holds the orientation alone, in the first directory or in that of the thumbnail."""
    entry = struct.pack(order + "HHI", 0x0112, kind, count) + value.ljust(4, b"\0")
    directory = struct.pack(order + "H", 1) + entry + bytes(4)
    empty = struct.pack(order + "HI", 0, 14) if second else b""
    return {"<": b"II*\0", ">": b"MM\0*"}[order] + struct.pack(order + "I", 8) + empty + directory


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("code", ["1B", "3H", "4I", "6b", "8h", "9i"])
def test_an_orientation_of_any_integer_type_is_applied(tmp_path: Path, order: str, code: str):
    rgb = np.kron(noise(4, 6, 3), np.ones((8, 8, 1), np.uint8))
    block = exif_block(order, int(code[0]), 1, struct.pack(order + code[1], 6))
    for content in (
        encoded(rgb, "PNG", exif=block),
        encoded(rgb, "WEBP", exif=block, lossless=True),
        png(rgb, 2, 8, {b"eXIf": block}),
        tiff(rgb, photometric="rgb", byteorder=order, extratags=[(274, int(code[0]), 1, 6, True)]),
    ):
        assert np.array_equal(read_bytes(content).pixels, np.rot90(rgb, -1)), content[:12]
    jpeg = encoded(rgb, "JPEG", exif=b"Exif\0\0" + block)
    whole = read_bytes(jpeg).pixels
    assert np.array_equal(whole, np.rot90(np.asarray(Image.open(io.BytesIO(jpeg))), -1))
    (tmp_path / "a.jpg").write_bytes(jpeg)
    assert np.array_equal(read_window(str(tmp_path / "a.jpg"), (10, 30, 3, 9)).pixels, whole[10:30, 3:9])


@pytest.mark.parametrize(
    "block",
    [
        exif_block("<", 4, 1, struct.pack("<I", 9)),
        exif_block("<", 4, 1, struct.pack("<I", 0)),
        exif_block("<", 4, 1, struct.pack("<I", 65536 + 6)),
        exif_block("<", 4, 2, struct.pack("<I", 6)),  # two values lie elsewhere: this is where
        exif_block("<", 3, 3, struct.pack("<H", 6)),
        exif_block("<", 2, 1, b"6"),
        exif_block(">", 9, 1, struct.pack(">i", -6)),
        exif_block("<", 3, 1, struct.pack("<H", 6), second=True),
    ],
)
def test_a_value_that_is_no_orientation_is_not_applied(block: bytes):
    rgb = noise(3, 5, 3)
    assert np.array_equal(read_bytes(png(rgb, 2, 8, {b"eXIf": block})).pixels, rgb)


@pytest.mark.parametrize("key", ["exif", "APP1"])
def test_exif_in_the_text_of_a_png_is_applied(key: str):
    block = exif(6)
    info = PngImagePlugin.PngInfo()
    info.add_text(f"Raw profile type {key}", f"\n{key}\n{len(block):8d}\n{block.hex()}\n", zip=True)
    rgb = noise(3, 5, 3)
    assert np.array_equal(read_bytes(encoded(rgb, "PNG", pnginfo=info)).pixels, np.rot90(rgb, -1))


# Frames


def one_directory(stack: np.ndarray, axes: str, order: str) -> bytes:
    """Write a stack as ImageJ does beyond 4 GB: one directory, and the slices one behind the other."""
    file = io.BytesIO()
    tifffile.imwrite(file, stack, imagej=True, metadata={"axes": axes}, byteorder=order)
    content = bytearray(file.getvalue())
    (start,) = struct.unpack_from(order + "I", content, 4)
    (entries,) = struct.unpack_from(order + "H", content, start)
    struct.pack_into(order + "I", content, start + 2 + 12 * entries, 0)
    return bytes(content)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_slices_of_an_imagej_stack_with_one_directory_are_frames(dtype: type, order: str):
    stack = noise(2, 3, 4, 5, 7, dtype=dtype)  # times, slices, channels
    slices = stack.reshape(24, 5, 7)
    content = one_directory(stack, "TZCYX", order)
    for frame in (0, 1, 4, 23):
        assert np.array_equal(read_bytes(content, frame=frame).pixels[..., 0], slices[frame])
    for frame in (24, -1):
        for reader in (read, upright_size):
            with pytest.raises(InvalidInputError, match=f"no frame {frame}; it holds 24 frames, numbers 0 to 23"):
                reader(io.BytesIO(content), frame=frame)
    (start,) = tifffile.TiffFile(io.BytesIO(content)).pages[0].dataoffsets
    cut = content[: start + 14 * slices[0].nbytes]
    assert np.array_equal(read_bytes(cut, frame=3).pixels[..., 0], slices[3])
    with pytest.raises(FileProblemError, match="is truncated"):
        read(io.BytesIO(cut), frame=23)


def test_slices_of_an_imagej_stack_may_have_colours():
    stack = noise(3, 5, 7, 3)
    content = one_directory(stack, "ZYXS", "<")
    assert np.array_equal(read_bytes(content, frame=2).pixels, stack[2])


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "TIFF"])
def test_frames_are_picked_by_number(kind: str):
    colours = [(255, 0, 0), (0, 255, 0), (0, 0, 255)]
    first, *rest = (Image.new("RGB", (8, 6), colour) for colour in colours)
    options = {"lossless": True} if kind == "WEBP" else {}
    content = encoded(first, kind, save_all=True, append_images=rest, **options)
    assert tuple(read_bytes(content).pixels[3, 3, :3]) == colours[0]
    assert tuple(read_bytes(content, frame=2).pixels[3, 3, :3]) == colours[2]
    for frame in (3, -1):
        for reader in (read, upright_size):
            with pytest.raises(InvalidInputError, match=f"no frame {frame}; it holds 3 frames, numbers 0 to 2"):
                reader(io.BytesIO(content), frame=frame)


@pytest.mark.parametrize("blend", [0, 1])
@pytest.mark.parametrize("disposal", [0, 1, 2])
def test_a_frame_of_an_animated_png_that_changes_a_part_keeps_the_rest(disposal: int, blend: int):
    frames = [noise(20, 30, 3)]
    for number in range(3):
        frames.append(frames[-1].copy())
        frames[-1][5 + number : 9 + number, 4:8] = noise(4, 4, 3)
    first, *rest = map(Image.fromarray, frames)
    content = encoded(first, "PNG", save_all=True, append_images=rest, disposal=disposal, blend=blend)
    for number in range(4):
        image = Image.open(io.BytesIO(content))
        image.seek(number)
        assert np.array_equal(read_bytes(content, frame=number).pixels, np.asarray(image)), number


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "PPM"])
def test_a_still_has_one_frame(kind: str):
    with pytest.raises(InvalidInputError, match="1 frame, number 0"):
        read(io.BytesIO(encoded(noise(4, 4, 3), kind)), frame=1)


def test_overviews_of_a_tiff_are_no_frames():
    file = io.BytesIO()
    with tifffile.TiffWriter(file) as writer:
        writer.write(np.full((8, 8), 1, np.uint8), metadata=None)
        writer.write(np.full((4, 4), 2, np.uint8), subfiletype=1, metadata=None)
        writer.write(np.full((6, 9), 3, np.uint16), metadata=None)
    picture = read_bytes(file.getvalue(), frame=1)
    assert picture.pixels.shape == (6, 9, 1)
    assert picture.pixels[0, 0, 0] == 3


# More of TIFF


def test_inverted_grey():
    for dtype in (np.uint8, np.uint16):
        grey = noise(5, 7, dtype=dtype)
        assert np.array_equal(
            read_bytes(tiff(grey, photometric="miniswhite")).pixels[..., 0], np.iinfo(dtype).max - grey
        )


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("channels", [2, 4])
def test_premultiplied_alpha_is_divided_out(dtype: type, channels: int):
    full = 1 if dtype is np.float32 else np.iinfo(dtype).max
    straight = rng.random((9, 9, channels))
    straight[0, 0, -1] = 0
    stored = straight * full
    stored[..., :-1] *= straight[..., -1:]
    stored = stored.astype(dtype) if dtype is np.float32 else np.rint(stored).astype(dtype)
    content = tiff(
        stored,
        photometric="rgb" if channels == 4 else "minisblack",
        planarconfig="contig",
        extrasamples=["assocalpha"],
    )
    picture = read_bytes(content)
    assert picture.alpha
    alpha = stored[..., -1:].astype(float)
    expected = np.divide(
        stored[..., :-1].astype(float) * full, alpha, out=np.zeros((9, 9, channels - 1)), where=alpha > 0
    )
    error = np.abs(picture.pixels[..., :-1] - np.minimum(expected, full))
    assert error.max() <= (1e-6 if dtype is np.float32 else 0.5)
    assert np.array_equal(picture.pixels[..., -1], stored[..., -1])


def test_palettes_of_16_bit_keep_it():
    indices = noise(5, 7)
    fine, coarse = noise(3, 256, dtype=np.uint16), noise(3, 256)
    for colormap, expected in ((fine, fine), (coarse * np.uint16(257), coarse), (coarse * np.uint16(256), coarse)):
        picture = read_bytes(tiff(indices, photometric="palette", colormap=colormap))
        assert picture.pixels.dtype == expected.dtype
        assert np.array_equal(picture.pixels, np.moveaxis(expected[:, indices], 0, -1))


def test_half_floats_are_widened():
    half = rng.random((5, 7)).astype(np.float16)
    picture = read_bytes(tiff(half))
    assert picture.pixels.dtype == np.float32
    assert np.array_equal(picture.pixels[..., 0], half)


@pytest.mark.parametrize("dtype", ["int8", "int16", "int32", "uint32", "float64", "complex64"])
def test_types_that_would_lose_depth_are_refused(dtype: str):
    array = np.ones((4, 4), dtype)
    file = io.BytesIO()
    np.save(file, array)
    for content in (tiff(array), file.getvalue()):
        for reader in (read, upright_size):
            if dtype == "float64" and content == file.getvalue():
                continue  # NumPy's usual floats, read as float32
            with pytest.raises(FileProblemError, match=f"holds {dtype} .*uint8, uint16"):
                reader(io.BytesIO(content))


def test_a_codec_that_is_not_there(bare_tifffile: None):
    rgb, grey = noise(40, 30, 3), noise(40, 30, dtype=np.uint16)
    assert np.array_equal(read_bytes(encoded(rgb, "TIFF", compression="tiff_lzw")).pixels, rgb)
    assert np.array_equal(read_bytes(encoded(grey, "TIFF", compression="tiff_lzw")).pixels[..., 0], grey)
    deep = pyvips.Image.new_from_array(noise(4, 4, 3, dtype=np.uint16)).copy(interpretation="rgb16")
    with pytest.raises(UnavailableError, match="pip install imagecodecs"):
        read(io.BytesIO(deep.tiffsave_buffer(compression="lzw")))


def test_a_chain_of_pages_that_bites_its_tail():
    content = bytearray(tiff(noise(4, 4)))
    (start,) = struct.unpack_from("<I", content, 4)
    (entries,) = struct.unpack_from("<H", content, start)
    struct.pack_into("<I", content, start + 2 + 12 * entries, start)
    assert read_bytes(bytes(content)).pixels.shape == (4, 4, 1)
    with pytest.raises(InvalidInputError, match="holds 1 frame"):
        read(io.BytesIO(bytes(content)), frame=1)


# Packages that may be missing


@pytest.mark.parametrize(("colour_type", "channels"), [(2, 3), (4, 2), (6, 4)])
def test_16_bit_colour_png_names_the_extra(no_vips: None, colour_type: int, channels: int):
    content = png(noise(3, 3, channels, dtype=np.uint16), colour_type, 16)
    with pytest.raises(UnavailableError, match=r"a\.png.*pip install 'glimpsecli\[vips\]'"):
        read(io.BytesIO(content), name="a.png")
    assert upright_size(io.BytesIO(content)) == (3, 3)


def test_heic_names_its_package(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    content = struct.pack(">I4s4sI4s4s", 24, b"ftyp", b"heic", 0, b"mif1", b"heic") + bytes(100)
    for reader in (read, upright_size):
        with pytest.raises(UnavailableError, match=r"photo\.jpg is HEIF.*pip install pillow-heif"):
            reader(io.BytesIO(content), name="photo.jpg")


def test_heic_is_read_where_its_package_is(monkeypatch: pytest.MonkeyPatch):
    class Stand(ImageFile.ImageFile):
        bits = 8

        def _open(self) -> None:
            self._mode, self._size, self.info = "RGB", (7, 5), {"bit_depth": self.bits}
            self.im, self.tile = Image.new("RGB", (7, 5), "red").im, []

    package = types.ModuleType("pillow_heif")
    package.HeifImageFile = Stand
    monkeypatch.setitem(sys.modules, "pillow_heif", package)
    content = struct.pack(">I4s4sI4s4s", 24, b"ftyp", b"mif1", 0, b"heic", b"mif1")
    assert read_bytes(content).pixels[4, 6].tolist() == [255, 0, 0]
    monkeypatch.setattr(Stand, "bits", 10)
    with pytest.raises(FileProblemError, match="HEIF image of 10 bit"):
        read(io.BytesIO(content))


def test_deep_jpeg_2000_is_refused_in_colour_and_whole_in_grey():
    colour = bytearray(encoded(noise(32, 32, 3), "JPEG2000"))
    depths = colour.index(b"\xff\x4f\xff\x51") + 42
    assert colour[depths : depths + 9 : 3] == b"\x07\x07\x07"
    colour[depths : depths + 9 : 3] = b"\x0f\x0f\x0f"
    for reader in (read, upright_size):
        with pytest.raises(FileProblemError, match="16 bit, which would be cut to 8"):
            reader(io.BytesIO(bytes(colour)))
    grey = noise(32, 32, dtype=np.uint16)
    assert np.array_equal(read_bytes(encoded(grey, "JPEG2000")).pixels[..., 0], grey)


# Bad input


def test_what_is_no_readable_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "empty.png").touch()
    (tmp_path / "text.png").write_text("This is not an image.")
    cases = {
        "none.png": (InvalidInputError, "none.png does not exist"),
        "empty.png/x.png": (InvalidInputError, "does not exist"),
        ".": (InvalidInputError, "is a folder; name the images"),
        "empty.png": (FileProblemError, "empty.png is empty"),
        "text.png": (FileProblemError, "text.png is not an image that glimpse reads"),
        "n" * 300: (FileProblemError, "could not be opened: File name too long"),
    }
    for name, (error, message) in cases.items():
        for reader in (read, upright_size):
            with pytest.raises(error, match=message) as caught:
                reader(tmp_path / name)
            assert "\n" not in str(caught.value)

    def deny(*_args: object) -> None:
        raise PermissionError

    monkeypatch.setattr("builtins.open", deny)  # a mode would not stop root
    with pytest.raises(FileProblemError, match="permission denied; check its permissions"):
        read(tmp_path / "text.png")


def whole_files() -> dict[str, bytes]:
    rgb = noise(40, 50, 3)
    npy = io.BytesIO()
    np.save(npy, rgb)
    return {
        "png": encoded(rgb, "PNG"),
        "deep png": png(noise(40, 50, 3, dtype=np.uint16), 2, 16),
        "jpeg": encoded(rgb, "JPEG"),
        "progressive": encoded(rgb, "JPEG", progressive=True),
        "gif": encoded(rgb, "GIF"),
        "webp": encoded(rgb, "WEBP"),
        "bmp": encoded(rgb, "BMP"),
        "ppm": encoded(rgb, "PPM"),
        "tiff": tiff(rgb, photometric="rgb"),
        "zlib tiff": tiff(rgb, photometric="rgb", compression="zlib"),
        "lzw tiff": encoded(rgb, "TIFF", compression="tiff_lzw"),
        "jpeg 2000": encoded(rgb, "JPEG2000"),
        "npy": npy.getvalue(),
    }


@pytest.mark.parametrize("kind", whole_files())
def test_truncated_files_are_errors(kind: str, capfd: pytest.CaptureFixture[str]):
    content = whole_files()[kind]
    read_bytes(content)
    for length in (len(content) // 50, len(content) // 2, len(content) - 30):
        with pytest.raises(FileProblemError, match=r"photo") as caught:
            read(io.BytesIO(content[:length]), name="photo")
        assert "\n" not in str(caught.value)
    assert capfd.readouterr() == ("", "")


def test_a_setting_that_hides_truncation_is_not_obeyed(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    with pytest.raises(GlimpseError, match="LOAD_TRUNCATED_IMAGES"):
        read(io.BytesIO(encoded(noise(40, 50, 3), "JPEG")[:-50]))


def test_flipped_bytes_never_bring_a_traceback(capfd: pytest.CaptureFixture[str]):
    for content in whole_files().values():
        for _ in range(15):
            damaged = bytearray(content)
            for at in rng.integers(8, min(len(damaged), 400), 6):
                damaged[at] = rng.integers(256)
            for reader in (read, upright_size):
                with suppress(GlimpseError):
                    reader(io.BytesIO(bytes(damaged)), max_pixels=10**6)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("kind", whole_files())
def test_sizes_over_the_limit_are_refused_before_decoding(kind: str):
    content = whole_files()[kind]
    for reader in (read, upright_size):
        with pytest.raises(FileProblemError, match="50 x 40 pixels, over the limit of 1999 pixels"):
            reader(io.BytesIO(content), max_pixels=1999)
    assert read(io.BytesIO(content), max_pixels=2000).pixels.shape == (40, 50, 3)


def test_a_bomb_is_refused_and_a_large_image_brings_no_warning():
    bomb = png(np.zeros((1, 1, 3), np.uint8), 2, 8).replace(struct.pack(">II", 1, 1), struct.pack(">II", 50000, 50000))
    for reader in (read, upright_size):
        with pytest.raises(FileProblemError, match="50000 x 50000 pixels, over the limit of 178956970"):
            reader(io.BytesIO(bomb))
    large = bytearray(encoded(np.zeros((1, 1, 3), np.uint8), "BMP"))
    large[18:26] = struct.pack("<ii", 12000, 10000)  # between once and twice Pillow's limit
    assert upright_size(io.BytesIO(bytes(large))) == (10000, 12000)


def test_nothing_is_unpickled():
    file = io.BytesIO()
    np.save(file, np.array([[print]], object), allow_pickle=True)
    with pytest.raises(FileProblemError, match="object"):
        read(io.BytesIO(file.getvalue()))
    file = io.BytesIO()
    np.save(file, noise(5, 4, 4, 3))
    with pytest.raises(FileProblemError, match=r"shape \(5, 4, 4, 3\)"):
        read(io.BytesIO(file.getvalue()))


# Sources


def test_the_content_decides_and_not_the_name(tmp_path: Path):
    rgb = noise(4, 5, 3)
    (tmp_path / "photo.jpg").write_bytes(encoded(rgb, "PNG"))
    assert np.array_equal(read(tmp_path / "photo.jpg").pixels, rgb)
    assert upright_size(str(tmp_path / "photo.jpg")) == (4, 5)


def test_a_pipe_is_read_and_named(tmp_path: Path):
    rgb = noise(4, 5, 3)
    for content in (tiff(rgb, photometric="rgb"), b"no image"):
        ours, theirs = os.pipe()
        with os.fdopen(ours, "rb") as reader, os.fdopen(theirs, "wb") as writer:
            writer.write(content)
            writer.close()
            if content == b"no image":
                with pytest.raises(FileProblemError, match="standard input is not an image"):
                    read(reader, name="standard input")
            else:
                assert np.array_equal(read(reader).pixels, rgb)


def test_several_threads_leave_no_warnings_filter(tmp_path: Path):
    import warnings

    (tmp_path / "a.jpg").write_bytes(encoded(noise(40, 50, 3), "JPEG", exif=b"II*\0\x08\0\0\0\xff\xff"))
    before = list(warnings.filters)
    shapes = []
    threads = [
        threading.Thread(target=lambda: shapes.extend(read(tmp_path / "a.jpg").pixels.shape for _ in range(20)))
        for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert shapes == [(40, 50, 3)] * 120
    assert warnings.filters == before


def test_an_ordinary_photo_imports_only_what_it_needs(tmp_path: Path):
    (tmp_path / "a.jpg").write_bytes(encoded(noise(40, 50, 3), "JPEG"))
    code = (
        "import sys; from glimpsecli.images.reading import read; read(sys.argv[1]);"
        "heavy = {'imageio', 'tifffile', 'pyvips', 'PIL.ImageCms', 'PIL.TiffImagePlugin', 'PIL.PngImagePlugin'};"
        "print(*heavy.intersection(sys.modules))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "a.jpg")], capture_output=True, text=True, check=True
    )
    assert run.stdout.split() == []
