"""Files that end well but have lost data: each fails alone with one line, and gives no wrong pixel."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import pyvips
import tifffile
from PIL import Image

from glimpsecli import cli
from glimpsecli.errors import FileProblemError, UnavailableError
from glimpsecli.images.partial import read_reduced, read_window
from glimpsecli.images.reading import read

END = b"\xff\xd9"

JPEGS = {
    "baseline": {},
    "444": {"subsampling": 0},
    "optimised": {"optimize": True, "quality": 50},
    "grey": {"mode": "L"},
    "cmyk": {"mode": "CMYK"},
    "restarts": {"restart_marker_blocks": 3},
    "restarts by row": {"restart_marker_rows": 1, "mode": "L"},
    "progressive": {"progressive": True},
    "progressive 444": {"progressive": True, "subsampling": 0},
    "progressive grey": {"progressive": True, "mode": "L"},
    "progressive restarts": {"progressive": True, "restart_marker_rows": 1},
    "tiny": {"size": (3, 2)},
    "large": {"size": (300, 400), "subsampling": 0, "quality": 90},
    "large progressive": {"size": (300, 400), "progressive": True, "quality": 90},
}


def photo(height: int, width: int, seed: int = 0) -> np.ndarray:
    y, x, channel = np.mgrid[:height, :width, :3]
    waves = 128 + 90 * np.sin(y / 15 + x / 17 + channel)
    return np.clip(waves + np.random.default_rng(seed).normal(0, 10, waves.shape), 1, 255).astype(np.uint8)


def jpeg(*, size: tuple[int, int] = (61, 83), mode: str = "RGB", **options) -> bytes:
    file = io.BytesIO()
    Image.fromarray(photo(*size)).convert(mode).save(file, "JPEG", **options)
    return file.getvalue()


def cuts(content: bytes, count: int) -> Iterator[int]:
    """Give places in the scans of a JPEG, most of them near the end."""
    start = content.index(b"\xff\xda") + 14
    chance = np.random.default_rng(len(content))
    for number in range(count):
        first = start if number % 2 else max(start, len(content) - 60)
        yield int(chance.integers(first, len(content) - 2))


def pixels_or_message(content: bytes) -> np.ndarray | str:
    try:
        return read(io.BytesIO(content), name="photo").pixels
    except FileProblemError as error:
        return str(error)


@pytest.mark.parametrize("kind", JPEGS)
def test_a_cut_jpeg_with_an_end_marker_is_refused_or_has_lost_nothing(kind: str):
    content = jpeg(**JPEGS[kind])
    whole = read(io.BytesIO(content)).pixels
    # In a longer file the last codes may be missing, a block or two: the padding that stands in for them is no longer.
    bearable = 64 * 4 if len(content) > 5000 else 0
    refused = 0
    for place in cuts(content, 60):
        found = pixels_or_message(content[:place] + END)
        if isinstance(found, str):
            refused += 1
        else:
            assert np.count_nonzero((found != whole).any(axis=-1)) <= bearable
    assert refused > 25


@pytest.mark.parametrize("kind", [kind for kind in JPEGS if kind != "tiny"])
def test_a_jpeg_with_zeros_in_place_of_its_last_half_is_refused(kind: str):
    content = jpeg(**JPEGS[kind])
    start = content.index(b"\xff\xda") + 14
    for share in (0.2, 0.5, 0.7):
        place = start + int(share * (len(content) - start))
        for end in (END, bytes(2)):
            found = pixels_or_message(content[:place] + bytes(len(content) - 2 - place) + end)
            assert isinstance(found, str), (share, end)


@pytest.mark.parametrize("kind", [kind for kind in JPEGS if "progressive" in kind])
def test_a_jpeg_without_its_last_scans_is_refused(kind: str):
    content = jpeg(**JPEGS[kind])
    place = content.rindex(b"\xff\xda")
    assert pixels_or_message(content[:place] + END).startswith("photo has lost data: its last scans are missing")


@pytest.mark.parametrize("kind", [kind for kind in JPEGS if "progressive" in kind])
def test_a_jpeg_without_one_of_its_scans_is_refused(kind: str):
    content = jpeg(**JPEGS[kind])
    starts = [start for start in range(len(content)) if content.startswith(b"\xff\xda", start)]
    ends = [
        content.index(b"\xff\xc4", start) if number + 1 < len(starts) else len(content) - 2
        for number, start in enumerate(starts)
    ]
    assert len(starts) > 5
    for start, end in zip(starts, ends, strict=True):
        found = pixels_or_message(content[:start] + content[end:])
        assert isinstance(found, str)


@pytest.mark.parametrize("kind", ["restarts", "restarts by row", "progressive restarts"])
def test_a_jpeg_without_what_lies_between_two_restarts_is_refused(kind: str):
    content = jpeg(**JPEGS[kind])
    first, second = content.index(b"\xff\xd1"), content.index(b"\xff\xd3")
    assert isinstance(pixels_or_message(content[:first] + content[second:]), str)


@pytest.mark.parametrize("kind", JPEGS)
def test_bytes_that_do_no_harm_are_passed_over(kind: str):
    content = jpeg(**JPEGS[kind])
    whole = read(io.BytesIO(content)).pixels
    body = content[:-2]
    for harmless in (
        body + b"\xff\xff\xff" + END,
        body + bytes(range(1, 40)) + END,
        body + bytes(300) + END,
        content + bytes(1000),
        content + content,
        content + b"SEFT" + bytes(60) + content[: len(content) // 2],
    ):
        assert np.array_equal(read(io.BytesIO(harmless)).pixels, whole)


def test_blank_parts_of_a_jpeg_that_are_coded_as_zeros_are_read():
    paper = np.full((200, 200), 255, np.uint8)
    paper[:20] = photo(20, 200)[..., 0]
    file = io.BytesIO()
    Image.fromarray(paper).save(file, "JPEG", optimize=True)
    assert file.getvalue()[-12:-4] == bytes(8)  # or this test shows nothing
    assert np.all(read(io.BytesIO(file.getvalue())).pixels[32:] == 255)


@pytest.mark.parametrize("kind", ["large", "large progressive"])
def test_partial_decoding_finds_loss_in_the_rows_that_it_reads(tmp_path: Path, kind: str):
    content = jpeg(**JPEGS[kind])
    path = tmp_path / "a.jpg"
    path.write_bytes(content)
    top = read_window(str(path), (0, 60, 10, 90))
    path.write_bytes(content[: len(content) // 2] + END)
    for attempt in (
        lambda: read_window(str(path), (200, 260, 10, 90)),
        lambda: read_reduced(str(path), 8),
        lambda: read_reduced(str(path), 2, box=(200, 260, 10, 90)),
    ):
        with pytest.raises(FileProblemError, match="has lost data"):
            attempt()
    if kind == "large":
        assert np.array_equal(read_window(str(path), (0, 60, 10, 90)).pixels, top.pixels)


@pytest.mark.parametrize("count", [4000, 12000, 60000])
def test_partial_decoding_finds_zeros_in_the_rows_that_it_reads(tmp_path: Path, count: int):
    content = jpeg(size=(300, 400), subsampling=0, quality=90)
    path = tmp_path / "a.jpg"
    # The data give 30 rows, and zeros what is read below them, but not always all rows of the image.
    path.write_bytes(content[: len(content) // 10] + bytes(count) + END)
    for attempt in (
        lambda: read_window(str(path), (40, 44, 10, 90)),
        lambda: read_reduced(str(path), 2, box=(40, 44, 10, 90)),
    ):
        with pytest.raises(FileProblemError, match="zeros stand in place of its image data"):
            attempt()


def test_partial_decoding_reads_blank_rows_that_are_coded_as_zeros(tmp_path: Path):
    paper = np.full((900, 200), 255, np.uint8)
    paper[:20] = photo(20, 200)[..., 0]
    path = tmp_path / "a.jpg"
    Image.fromarray(paper).save(path, "JPEG", optimize=True)
    assert path.read_bytes()[-12:-4] == bytes(8)
    assert np.all(read_window(str(path), (100, 160, 0, 200)).pixels == 255)


# PNG


def chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    position = 8
    while position < len(content):
        length, kind = struct.unpack_from(">I4s", content, position)
        yield kind, content[position + 8 : position + 8 + length]
        position += 12 + length


def with_data(content: bytes, change: Callable[[bytes], bytes], kind: bytes = b"IDAT") -> bytes:
    """Change the first chunk of compressed data, whose checksum stays right."""
    result, changed = b"\x89PNG\r\n\x1a\n", False
    for name, body in chunks(content):
        prefix = body[:4] if name == b"fdAT" else b""
        new = body
        if name == kind and not changed:
            new, changed = prefix + change(body[len(prefix) :]), True
        result += struct.pack(">I", len(new)) + name + new + struct.pack(">I", zlib.crc32(name + new))
    return result


def without(count: int) -> Callable[[bytes], bytes]:
    """Give a function that shortens a deflate stream to a valid one without its last bytes."""
    return lambda data: zlib.compress(zlib.decompress(data)[:-count])


def pngs() -> dict[str, bytes]:
    rgb = photo(21, 30)
    images = {
        "rgb": Image.fromarray(rgb),
        "grey": Image.fromarray(rgb[..., 0]),
        "palette": Image.fromarray(rgb).quantize(50),
        "one bit": Image.fromarray(rgb[..., 0] > 128),
        "alpha": Image.fromarray(np.dstack([rgb, rgb[..., 0]])),
        "16 bit": Image.fromarray(rgb[..., 0].astype(np.uint16) * 251),
    }
    files = {}
    for name, image in images.items():
        file = io.BytesIO()
        image.save(file, "PNG")
        files[name] = file.getvalue()
    files["interlaced"] = pyvips.Image.new_from_array(rgb).pngsave_buffer(interlace=True)
    deep = pyvips.Image.new_from_array(rgb.astype(np.uint16) * 251).copy(interpretation="rgb16")
    files["deep"] = deep.pngsave_buffer()
    return files


@pytest.mark.parametrize("kind", pngs())
def test_a_png_whose_data_end_early_is_refused(kind: str):
    content = pngs()[kind]
    assert isinstance(pixels_or_message(content), np.ndarray)
    rows = zlib.decompress(dict(chunks(content))[b"IDAT"])
    row = 31 if kind == "interlaced" else len(rows) // 21
    for count in (1, row, 3 * row, len(rows) - row):
        assert isinstance(pixels_or_message(with_data(content, without(count))), str), count
    zeroed = with_data(content, lambda data: data[: len(data) // 2] + bytes(len(data) - len(data) // 2))
    assert isinstance(pixels_or_message(zeroed), str)
    middle = content.index(b"IDAT") + 40
    assert isinstance(pixels_or_message(content[:middle] + bytes(60) + content[middle + 60 :]), str)


def test_a_png_with_black_rows_or_a_wrong_checksum_alone_is_read():
    rgb = photo(21, 30)
    for colour in (0, 0x5B, 255):
        rgb[-2:] = colour
        file = io.BytesIO()
        Image.fromarray(rgb).save(file, "PNG")
        content = bytearray(file.getvalue())
        assert np.array_equal(read(io.BytesIO(content)).pixels, rgb)
        content[-13] ^= 1
        assert np.array_equal(read(io.BytesIO(content)).pixels, rgb)


@pytest.mark.parametrize("kind", pngs())
def test_a_png_with_a_damaged_note_is_read(kind: str):
    content = pngs()[kind]
    whole = read(io.BytesIO(content)).pixels
    for name in (b"tEXt", b"tIME", b"gAMA"):
        note = struct.pack(">I", 7) + name + b"a\0bcdef" + b"none"  # the checksum is wrong
        assert np.array_equal(read(io.BytesIO(content[:33] + note + content[33:])).pixels, whole)
    if kind != "deep":  # libvips reads it
        meaning = struct.pack(">I", 6) + b"tRNS" + bytes(6) + b"none"
        start = content.index(b"IDAT") - 4
        assert isinstance(pixels_or_message(content[:start] + meaning + content[start:]), str)


def test_a_frame_of_an_animated_png_that_ends_early_is_refused():
    file = io.BytesIO()
    first, *others = (Image.fromarray(photo(21, 30, seed)) for seed in range(3))
    first.save(file, "PNG", save_all=True, append_images=others)
    content = file.getvalue()
    damaged = with_data(content, without(91), b"fdAT")
    assert np.array_equal(read(io.BytesIO(damaged)).pixels, read(io.BytesIO(content)).pixels)
    for frame in (1, 2):  # the last shows what the one before it has left
        with pytest.raises(FileProblemError, match="has lost data"):
            read(io.BytesIO(damaged), frame=frame)


# TIFF


def tiff_with_bytes(content: bytes, change: Callable[[bytes], bytes], *, start: int | None = None) -> bytes:
    """Change the bytes of the last strip or tile, and the number of them in the directory."""
    page = tifffile.TiffFile(io.BytesIO(content)).pages[0]
    offset, count = page.dataoffsets[-1], page.databytecounts[-1]
    new = change(content[offset : offset + count])
    result = bytearray(content)
    result[offset : offset + count] = new.ljust(count, b"\xaa")
    changes = {"StripByteCounts": len(new), "TileByteCounts": len(new)}
    if start is not None:
        changes |= {"StripOffsets": start, "TileOffsets": start}
    for tag in page.tags:
        if tag.name in changes:
            code = page.parent.byteorder + {3: "H", 4: "I"}[int(tag.dtype)]
            at = tag.valueoffset + struct.calcsize(code) * (tag.count - 1)
            struct.pack_into(code, result, at, changes[tag.name])
    return bytes(result)


def tiffs() -> dict[str, bytes]:
    rgb = photo(64, 64)
    files = {}
    for compression in (None, "zlib"):
        for layout in ({"rowsperstrip": 16}, {"tile": (32, 32)}, {}):
            file = io.BytesIO()
            tifffile.imwrite(file, rgb, photometric="rgb", compression=compression, metadata=None, **layout)
            files[f"{compression} {' '.join(layout)}"] = file.getvalue()
    for layout in ({}, {"tile": True, "tile_width": 32, "tile_height": 32}):
        image = pyvips.Image.new_from_array(rgb)
        files[f"jpeg {' '.join(layout)}"] = image.tiffsave_buffer(compression="jpeg", **layout)
        files[f"lzw {' '.join(layout)}"] = image.tiffsave_buffer(compression="lzw", **layout)
    return files


@pytest.mark.parametrize("kind", tiffs())
def test_a_tiff_with_a_strip_or_tile_that_is_short_or_empty_is_refused(kind: str):
    content = tiffs()[kind]
    assert isinstance(pixels_or_message(content), np.ndarray)
    damages = [tiff_with_bytes(content, lambda data: b"", start=0)]
    if kind != "None ":  # the only strip of an uncompressed file needs no count
        damages.append(tiff_with_bytes(content, lambda data: data[: len(data) // 2]))
    if "jpeg" in kind:
        damages.append(tiff_with_bytes(content, lambda data: data[: len(data) // 2] + END))
        damages.append(tiff_with_bytes(content, lambda data: data[: len(data) // 2].ljust(len(data), b"\0")))
    if "zlib" in kind:
        damages.append(tiff_with_bytes(content, without(500)))
    for damaged in damages:
        assert isinstance(pixels_or_message(damaged), str)


def test_the_only_strip_of_an_old_tiff_needs_no_count():
    content = tiffs()["None "]
    start = tifffile.TiffFile(io.BytesIO(content)).pages[0].dataoffsets[0]
    uncounted = tiff_with_bytes(content, lambda data: b"")[:start] + content[start:]
    assert np.array_equal(read(io.BytesIO(uncounted)).pixels, read(io.BytesIO(content)).pixels)


def test_a_tiff_that_ends_inside_its_tags_is_refused_or_has_lost_nothing():
    file = io.BytesIO()
    Image.fromarray(photo(20, 30)).save(file, "TIFF", compression="packbits")  # the tags come last
    content = file.getvalue()
    whole = read(io.BytesIO(content)).pixels
    for lost in range(1, 60):
        found = pixels_or_message(content[:-lost])
        assert isinstance(found, str) or np.array_equal(found, whole)
    assert pixels_or_message(content[:-1]).startswith("photo is truncated or damaged: some of its tags are missing")


@pytest.mark.parametrize("low_first", [False, True])
def test_a_strip_of_group_4_that_ends_in_zeros_before_its_end_is_refused(low_first: bool):
    file = io.BytesIO()
    Image.fromarray(photo(64, 64)[..., 0] > 128).save(file, "TIFF", compression="group4")
    page = tifffile.TiffFile(io.BytesIO(file.getvalue())).pages[0]
    strip = file.getvalue()[page.dataoffsets[0] :][: page.databytecounts[0]]

    def tiff_of(data: bytes) -> bytes:
        if low_first:
            data = bytes(int(f"{byte:08b}"[::-1], 2) for byte in data)
        tags = ((256, 64), (257, 64), (258, 1), (259, 4), (262, 1), (266, 1 + low_first), (273, 134), (279, len(data)))
        entries = b"".join(struct.pack("<HHII", code, 4, 1, value) for code, value in tags)
        return b"II*\0\x08\0\0\0" + struct.pack("<H", len(tags)) + entries + bytes(134 - 10 - len(entries)) + data

    whole = read(io.BytesIO(tiff_of(strip))).pixels
    assert np.array_equal(read(io.BytesIO(tiff_of(strip + bytes(100)))).pixels, whole)
    half = len(strip) // 2
    found = pixels_or_message(tiff_of(strip[:half] + bytes(len(strip) - half)))
    assert "zeros stand in place of its image data" in found


def test_a_whole_tiff_of_a_compression_that_takes_imagecodecs_is_not_called_damaged(monkeypatch: pytest.MonkeyPatch):
    from tifffile import _imagecodecs

    monkeypatch.setattr(tifffile.tifffile, "imagecodecs", _imagecodecs)
    file = io.BytesIO()
    tifffile.imwrite(file, photo(64, 64), photometric="rgb", compression="zlib", metadata=None)
    content = bytearray(file.getvalue())
    (tag,) = (tag for tag in tifffile.TiffFile(io.BytesIO(content)).pages[0].tags if tag.name == "Compression")
    for compression in (34712, 34887, 50001):  # JPEG 2000, LERC, WebP
        struct.pack_into("<H", content, tag.valueoffset, compression)
        with pytest.raises(UnavailableError, match="pip install imagecodecs"):
            read(io.BytesIO(content))


def test_a_tiff_of_zstandard_is_read_with_what_there_is(monkeypatch: pytest.MonkeyPatch):
    from tifffile import _imagecodecs

    monkeypatch.setattr(tifffile.tifffile, "imagecodecs", _imagecodecs)
    rgb = photo(64, 64)
    file = io.BytesIO()
    try:
        Image.fromarray(rgb).save(file, "TIFF", compression="zstd")
    except OSError:
        pytest.skip("Pillow knows no Zstandard")
    assert np.array_equal(read(io.BytesIO(file.getvalue())).pixels, rgb)


# WebP

WEBPS = {
    "lossy": {"quality": 80},
    "lossless": {"lossless": True},
    "alpha": {"quality": 80, "mode": "RGBA"},
    "with a profile": {"quality": 80, "icc_profile": b"none", "exif": b"Exif\0\0MM\0*\0\0\0\x08\0\0\0\0\0\0"},
}


def webp(pixels: np.ndarray, *, mode: str = "RGB", **options) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(file, "WEBP", **options)
    return file.getvalue()


@pytest.mark.parametrize("kind", WEBPS)
def test_a_webp_with_zeros_in_place_of_its_end_is_refused(kind: str):
    content = webp(photo(61, 83), **WEBPS[kind])
    start = max(content.find(b"VP8 "), content.find(b"VP8L"))
    end = start + 8 + struct.unpack_from("<I", content, start + 4)[0]
    assert isinstance(pixels_or_message(content), np.ndarray)
    for share in (0.3, 0.6, 0.9):
        place = round(start + share * (end - start))
        found = pixels_or_message(content[:place] + bytes(end - place) + content[end:])
        assert isinstance(found, str), share


@pytest.mark.parametrize("options", [{}, {"lossless": True, "method": 0}], ids=["lossy", "lossless"])
def test_blank_parts_of_a_webp_that_are_coded_as_zeros_are_read(options: dict[str, object]):
    paper = np.zeros((1800, 600, 3), np.uint8)
    paper[:20] = photo(20, 600)
    content = webp(paper, **options)
    assert content.endswith(bytes(8))  # or this test shows nothing
    assert np.all(read(io.BytesIO(content)).pixels[40:] == 0)
    behind = content + bytes(1000)
    assert np.all(read(io.BytesIO(behind)).pixels[40:] == 0)


# All formats


def test_extract_refuses_cut_files_of_every_format_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    image = Image.fromarray(photo(40, 50))
    formats = ("JPEG", "PNG", "GIF", "WEBP", "BMP", "PPM", "TIFF", "JPEG2000", "AVIF")
    for name in formats:
        image.save(tmp_path / f"{name}.img", name, **({"compression": "tiff_lzw"} if name == "TIFF" else {}))
        content = (tmp_path / f"{name}.img").read_bytes()
        end = {"JPEG": END, "JPEG2000": END, "GIF": b";"}.get(name, b"")
        (tmp_path / f"{name}-half.img").write_bytes(content[: len(content) // 2] + end)
    files = sorted(map(str, tmp_path.glob("*.img")))
    code = cli.run(["extract", *files, "--box", "5,5,30,30", "-o", f"{tmp_path}/out/", "--format", "npy"])
    errors = capsys.readouterr().err
    assert code == 1, errors
    assert len(list((tmp_path / "out").glob("*.npy"))) == len(formats)
    for name in formats:
        assert errors.count(f"{name}-half.img") == 1
