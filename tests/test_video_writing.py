from __future__ import annotations

import errno
import gc
import hashlib
import io
import itertools
import json
import signal
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from glimpsecli.errors import ExitCode, FileProblemError, GlimpseError, InvalidInputError, UnavailableError
from glimpsecli.storage.atomic import placing
from glimpsecli.video.film import FilmOptions, Sound
from glimpsecli.video.films import FILMS, check_film, film_format, open_film, sound_problem
from glimpsecli.video.opening import open_clip

av = pytest.importorskip("av")
Interpolation = pytest.importorskip("av.video.reformatter").Interpolation

RATE = Fraction(30)
PATCHES = np.array(
    [
        [[0, 0, 0], [255, 255, 255], [255, 0, 0], [0, 255, 0]],
        [[0, 0, 255], [128, 128, 128], [200, 50, 120], [20, 90, 220]],
        [[255, 255, 0], [0, 255, 255], [255, 0, 255], [64, 32, 16]],
    ],
    np.uint8,
)
ANIMATIONS = ("gif", "webp", "png")
VARIABLE = [Fraction(n, 1000) for n in (0, 40, 50, 300, 301, 1200)]


def numbered(k: int, channels: int = 3, dtype: type = np.uint8) -> np.ndarray:
    """A frame of 48 x 64 with an ascending background and a square whose place says its number."""
    y, x = np.mgrid[0:48, 0:64]
    pixels = np.stack([x * 4, y * 5, (x + y) * 2, np.where((x - 30) ** 2 + (y - 24) ** 2 < 300, 255, x)], -1)
    pixels[8:16, 2 * k : 2 * k + 8, :3] = 230, 20, 40
    scale = 257 if dtype is np.uint16 else 1
    return (pixels[..., [0, 3] if channels == 2 else slice(channels)] * scale + (scale > 1) * k).astype(dtype)


def filmed(name: str, frames, times=None, end=None, alpha: bool = False, **options) -> io.BytesIO:
    file = io.BytesIO()
    film = open_film(file, name, FilmOptions(**{"rate": RATE, **options}))
    times = [k / RATE for k in range(len(frames))] if times is None else times
    for pixels, time in zip(frames, times, strict=True):
        film.add(pixels, time, alpha=alpha)
    film.finish(times[-1] + 1 / RATE if end is None else end)
    file.seek(0)
    return file


def shown(film, layout: str = "rgb24", decoder: str | None = None) -> list[np.ndarray]:
    """Decode a film with PyAV, with the reading that its tags ask for."""
    given = {"format": layout}
    if hasattr(Interpolation, "ACCURATE_RND"):
        given["interpolation"] = Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT
    with av.open(film) as container:
        stream = container.streams.video[0]
        if decoder is None:
            return [frame.to_ndarray(**given) for frame in container.decode(stream)]
        context = av.CodecContext.create(decoder, "r")
        frames = itertools.chain.from_iterable(context.decode(packet) for packet in container.demux(stream))
        return [frame.to_ndarray(**given) for frame in frames]


def times_of(film) -> tuple[list[Fraction], Fraction]:
    """The time of each frame, and the end of the last."""
    with av.open(film) as container:
        frames = list(container.decode(video=0))
        return [f.pts * f.time_base for f in frames], (frames[-1].pts + frames[-1].duration) * frames[-1].time_base


def paged(film, mode: str) -> tuple[list[np.ndarray], list[float]]:
    """Decode an animation with Pillow: the frames, and the milliseconds of each."""
    with Image.open(film) as image:
        frames, milliseconds = [], []
        for k in range(image.n_frames):
            image.seek(k)
            frames.append(np.asarray(image.convert(mode)))
            milliseconds.append(image.info["duration"])
        assert image.info["loop"] == 0
    return frames, milliseconds


# Colours, alpha, depth


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("mp4", {}),
        ("mp4", {"codec": "h265", "crf": 10}),
        ("mp4", {"pix_fmt": "yuv444p"}),
        ("mp4", {"pix_fmt": "yuv420p10le"}),
        ("mkv", {}),
        ("mkv", {"codec": "vp9"}),
        ("webm", {}),
        ("mov", {}),
    ],
)
def test_colours_come_back_within_2_levels(name, options):
    flat = PATCHES.repeat(32, 0).repeat(32, 1)
    seen = shown(filmed(name, [flat] * 3, **options))
    assert len(seen) == 3
    middles = np.median(seen[1].reshape(3, 32, 4, 32, 3)[:, 8:24, :, 8:24], axis=(1, 3))
    assert np.abs(middles - PATCHES).max() <= 2


@pytest.mark.parametrize("name", ["mp4", "mkv", "webm", "mov"])
def test_yuv_is_tagged_as_it_is_written(name):
    with av.open(filmed(name, [numbered(0)])) as container:
        frame = next(container.decode(video=0))
        context = container.streams.video[0].codec_context
        tags = frame.colorspace, frame.color_range, context.color_primaries, context.color_trc
    assert tags == (1, 1, 1, 1)  # BT.709 three times, limited range


@pytest.mark.parametrize("name", ["mkv", "mov", "avi", "webm"])
def test_lossless_films_are_exact(name):
    frames = [np.random.default_rng(k).integers(0, 256, (48, 64, 3), np.uint8) for k in range(5)]
    assert all(map(np.array_equal, shown(filmed(name, frames, lossless=True)), frames))


@pytest.mark.parametrize("name", ["mkv", "mov"])
@pytest.mark.parametrize(
    ("channels", "dtype", "layout"),
    [
        (1, np.uint8, "gray"),
        (4, np.uint8, "rgba"),
        (1, np.uint16, "gray16le"),
        (3, np.uint16, "rgb48le"),
        (4, np.uint16, "rgba64le"),
    ],
)
def test_lossless_films_keep_depth_and_alpha(name, channels, dtype, layout):
    frames = [np.random.default_rng(k).integers(0, np.iinfo(dtype).max, (21, 33, channels), dtype) for k in range(3)]
    seen = shown(filmed(name, frames, lossless=True, alpha=channels == 4), layout)
    assert all(np.array_equal(one.reshape(21, 33, channels), frame) for one, frame in zip(seen, frames, strict=True))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("pix_fmt", ["yuv420p10le", "yuv422p10le", "yuv444p10le"])
def test_ten_bits_keep_white_white_and_black_black(pix_fmt, dtype):
    flat = (
        PATCHES.repeat(32, 0).repeat(32, 1)
        if dtype is np.uint8
        else PATCHES.repeat(32, 0).repeat(32, 1) * np.uint16(257)
    )
    seen = shown(filmed("mp4", [flat] * 2, pix_fmt=pix_fmt, crf=4), "rgb48le")[1]
    middles = np.median(seen.reshape(3, 32, 4, 32, 3)[:, 8:24, :, 8:24], axis=(1, 3)) / 257
    assert np.abs(middles - PATCHES).max() <= 1


def test_ten_bit_films_hold_1024_levels_at_most_4_of_1024_off():
    ramp = np.linspace(0, 65535, 1024).round().astype(np.uint16)[None, :, None].repeat(16, 0).repeat(3, 2)
    seen = shown(filmed("mp4", [ramp], pix_fmt="yuv444p10le", crf=0), "rgb48le")[0]
    assert np.unique(seen).size > 500
    assert np.abs(seen.astype(int) - ramp).max() < 4 * 64


@pytest.mark.parametrize(("name", "decoder", "worst"), [("webm", "libvpx-vp9", 40), ("mkv", None, 0), ("mov", None, 2)])
def test_alpha_is_kept(name, decoder, worst):
    frames = [numbered(k, 4) for k in range(4)]
    seen = shown(filmed(name, frames, alpha=True, lossless=name == "mkv"), "rgba", decoder)
    assert len(seen) == 4
    error = np.abs(seen[2][..., 3].astype(int) - frames[2][..., 3])
    assert error.max() <= worst
    assert error.mean() <= 2


def test_grey_with_alpha_becomes_colour_with_alpha():
    frame = numbered(3, 2)
    seen = shown(filmed("mkv", [frame], alpha=True, lossless=True), "rgba")[0]
    assert np.array_equal(seen, frame[..., [0, 0, 0, 1]])


@pytest.mark.parametrize(
    ("name", "pix_fmt"), [("mp4", None), ("webm", None), ("avi", None), ("mp4", "gray"), ("mkv", "gray10le")]
)
def test_grey_films_look_grey(name, pix_fmt):
    frame = np.full((32, 32, 1), 77, np.uint8)
    assert np.abs(shown(filmed(name, [frame] * 2, pix_fmt=pix_fmt))[1].astype(int) - 77).max() <= 1


# Times


@pytest.mark.parametrize("name", ["mp4", "mov", "mkv", "webm"])
def test_variable_times_are_kept(name):
    times, end = times_of(filmed(name, [numbered(k) for k in range(6)], VARIABLE, Fraction(5, 2)))
    assert times == VARIABLE
    assert end == Fraction(5, 2)


@pytest.mark.parametrize("rate", [Fraction(30000, 1001), Fraction(25), Fraction(60000, 1001), Fraction(7, 3)])
def test_constant_times_are_exact_in_mp4(rate):
    times, end = times_of(filmed("mp4", [numbered(k) for k in range(25)], [k / rate for k in range(25)], rate=rate))
    assert times == [k / rate for k in range(25)]
    assert abs(end - 25 / rate) <= abs(1 / rate - 1 / RATE)


@pytest.mark.parametrize("name", ["mp4", "mkv", "webm", "avi"])
def test_no_frame_is_lost_or_changes_its_place(name):
    frames = [numbered(k) for k in range(28)]
    seen = shown(filmed(name, frames))
    assert len(seen) == 28
    for k, one in enumerate(seen):
        assert [abs(int(x) - 2 * k) <= 1 for x in [np.flatnonzero(one[12, :, 0].astype(int) - one[12, :, 1] > 100)[0]]]


def test_avi_refuses_times_that_it_would_lose():
    with pytest.raises(InvalidInputError, match="AVI keeps only times of 30 frames"):
        filmed("avi", [numbered(k) for k in range(6)], VARIABLE)


@pytest.mark.parametrize("name", [*ANIMATIONS, "mp4"])
def test_times_ascend(name):
    film = open_film(io.BytesIO(), name)
    film.add(numbered(0), Fraction(0))
    film.add(numbered(1), Fraction(1))
    with pytest.raises(InvalidInputError, match="ascend"):
        film.add(numbered(2), Fraction(1))


# Animations


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("name", ["webp", "png"])
def test_animations_are_exact(name, channels):
    frames = [numbered(k, channels) for k in range(12)]
    film = filmed(name, frames, lossless=True, alpha=channels in (2, 4))
    seen, _ = paged(film, "RGBA" if channels in (2, 4) else "RGB")
    wanted = {1: [0, 0, 0], 2: [0, 0, 0, 1], 3: [0, 1, 2], 4: [0, 1, 2, 3]}[channels]
    assert len(seen) == 12
    for one, frame in zip(seen, frames, strict=True):
        assert np.array_equal(one, frame[..., wanted])


def test_webp_is_as_close_as_its_quality_says():
    frames = [numbered(k) for k in range(5)]
    errors = []
    for quality in (10, None, 100):
        seen, _ = paged(filmed("webp", frames, quality=quality), "RGB")
        errors.append(np.abs(seen[4].astype(int) - frames[4]).mean())
    assert errors[0] > errors[1] > errors[2] == 0
    assert errors[1] < 4


def test_gif_shows_each_frame_in_colours_that_suit_it():
    y, x = np.mgrid[0:48, 0:64]
    red, blue = (np.zeros((48, 64, 3), np.uint8) for _ in range(2))
    red[..., 0], blue[..., 2] = x * 4, y * 5
    frames = [red] * 5 + [blue] * 5
    film = filmed("gif", frames)
    seen, milliseconds = paged(film, "RGB")
    for one, frame in zip([seen[0], seen[-1]], [red, blue], strict=True):
        assert np.abs(one.astype(int) - frame).max() <= 8
    assert sum(milliseconds) == 330 or sum(milliseconds) == 340


def test_gif_does_not_flicker_where_nothing_moves():
    frames = [numbered(k) for k in range(20)]
    seen, _ = paged(filmed("gif", frames), "RGB")
    still = np.s_[20:]
    assert all(np.array_equal(one[still], seen[0][still]) for one in seen)


def test_gif_keeps_transparency_frame_by_frame():
    frames = [numbered(0, 4) for _ in range(3)]
    for k, frame in enumerate(frames):
        frame[..., 3] = 0
        frame[10 * k : 10 * k + 10, :, 3] = 255
    seen, _ = paged(filmed("gif", frames, alpha=True), "RGBA")
    for one, frame in zip(seen, frames, strict=True):
        assert np.array_equal(one[..., 3], frame[..., 3])


@pytest.mark.parametrize(("name", "step"), [("gif", 10), ("webp", 1), ("png", 1)])
def test_durations_do_not_drift(name, step):
    frames = [numbered(k % 28) for k in range(60)]
    _, milliseconds = paged(filmed(name, frames, rate=Fraction(24000, 1001), end=Fraction(2)), "RGB")
    ends = np.cumsum(milliseconds)
    assert len(milliseconds) == 60
    assert np.abs(ends[:-1] - 1000 / 30 * np.arange(1, 60)).max() <= step / 2
    assert ends[-1] == 2000


def test_a_still_stretch_costs_next_to_nothing():
    moving = [np.random.default_rng(k).integers(0, 256, (48, 64, 3), np.uint8) for k in range(2)]
    for name in ANIMATIONS:
        short = filmed(name, moving).getbuffer().nbytes
        long = filmed(name, moving + moving[1:] * 50).getbuffer().nbytes
        assert long - short < 50 * 120


def test_frames_of_gif_stay_as_long_as_browsers_show_them():
    _, milliseconds = paged(
        filmed("gif", [numbered(k) for k in range(20)], [Fraction(k, 1000) for k in range(20)]), "RGB"
    )
    assert min(milliseconds) == 20


# Refusals


@pytest.mark.parametrize(
    ("name", "options", "frame", "words"),
    [
        ("mp4", {"codec": "nope"}, {}, "there is no encoder 'nope'; use libx264"),
        ("mp4", {"codec": "aac"}, {}, "encoder of audio"),
        ("webm", {"codec": "h264"}, {}, "WebM cannot hold H.264"),
        ("mp4", {"pix_fmt": "yuv42"}, {}, "no pixel format 'yuv42'; use yuv420p"),
        ("mp4", {"pix_fmt": "bgr0"}, {}, "H.264 has no pixel format bgr0"),
        ("mp4", {"pix_fmt": "gray"}, {}, "gray is grey, and the frames have colours"),
        ("mov", {"codec": "png", "pix_fmt": "pal8"}, {}, "pal8 has fewer colours"),
        ("mkv", {"codec": "raw", "pix_fmt": "rgb24"}, {}, "raw video has no pixel format rgb24; use bgr24"),
        ("mp4", {"crf": 52}, {}, "crf 52 is out of range; use 0 to 51"),
        ("mp4", {"crf": float("nan")}, {}, "crf nan is out of range"),
        ("mkv", {"codec": "ffv1", "crf": 3}, {}, "FFV1 has no `--crf`"),
        ("mkv", {"lossless": True, "crf": 3}, {}, "`--crf 3` with `--lossless`"),
        ("mkv", {"lossless": True, "pix_fmt": "yuv420p"}, {}, "`--pix-fmt yuv420p` with `--lossless`"),
        ("mkv", {"lossless": True, "codec": "h264"}, {}, "H.264 in Matroska cannot hold rgb24 without loss; use .mkv"),
        ("mp4", {"lossless": True}, {}, "no film in MP4 is lossless; use .mkv"),
        ("gif", {"lossless": True}, {}, "256 colours; use .webp"),
        ("gif", {"codec": "h264"}, {}, "GIF has no `--codec`"),
        ("webp", {"crf": 3}, {}, "WebP has no `--crf`"),
        ("png", {"pix_fmt": "rgb24"}, {}, "no `--pix-fmt`"),
        ("mp4", {"quality": 50}, {}, "MP4 has no quality, and 50 was given; use `--crf`"),
        ("gif", {"rate": Fraction(60)}, {}, "GIF shows at most 50 frames a second, not 60"),
        ("gif", {"sound": Sound("x.mp4", Fraction(0), Fraction(1))}, {}, "no sound is copied into GIF"),
        ("mp4", {"rate": Fraction(0)}, {}, "0 frames per second"),
        ("mp4", {"rate": Fraction(2000)}, {}, "2000 frames per second; a rate is positive, and at most 1000"),
        ("mp4", {}, {"alpha": True, "channels": 4}, "H.264 cannot hold alpha; use .webm"),
        ("mp4", {"codec": "vp9"}, {"alpha": True, "channels": 4}, "VP9 in MP4 cannot hold alpha"),
        ("webm", {"pix_fmt": "yuv420p"}, {"alpha": True, "channels": 4}, "VP9 in yuv420p cannot hold alpha"),
        ("mp4", {}, {"dtype": "uint16"}, "H.264 in yuv420p cannot hold 16 bit; use `--depth 8`"),
        ("mkv", {"lossless": True}, {"dtype": "float32"}, "cannot hold float32"),
        ("webp", {}, {"dtype": "uint16"}, "WebP cannot hold uint16"),
        ("mp4", {}, {"channels": 5}, "MP4 cannot hold 5 channels"),
        ("png", {}, {"channels": 5}, "cannot hold 5 channels"),
        ("mp4", {}, {"size": (48, 63)}, "takes even sides, and these frames are 63 x 48; use `--size 64x48`"),
        ("mp4", {}, {"size": (47, 63)}, "use `--size 64x48`"),
        ("mp4", {"pix_fmt": "yuv422p"}, {"size": (47, 63)}, "use `--size 64x47`, or `--pix-fmt yuv444p`"),
        ("mov", {"codec": "prores"}, {"size": (47, 63)}, "use `--size 64x47`, or `--pix-fmt yuv444p10le`"),
        ("webp", {}, {"size": (16384, 2)}, "WebP cannot hold 2 x 16384 pixels"),
    ],
)
def test_what_cannot_be_is_refused_before_work_and_at_the_first_frame(name, options, frame, words):
    options = FilmOptions(**{"rate": RATE, **options})
    with pytest.raises(InvalidInputError) as early:
        check_film(name, options, **frame)
    assert words in str(early.value)
    height, width = frame.get("size", (48, 64))
    pixels = np.zeros((height, width, frame.get("channels", 3)), frame.get("dtype", "uint8"))
    with pytest.raises(InvalidInputError) as late:
        open_film(io.BytesIO(), name, options).add(pixels, Fraction(0), alpha=frame.get("alpha", False))
    assert str(late.value) == str(early.value)


@pytest.mark.parametrize(
    ("name", "size", "options"),
    [
        ("mp4", (48, 64), {}),
        ("mp4", (1, 1), {"pix_fmt": "yuv444p"}),
        ("mp4", (47, 63), {"pix_fmt": "yuv444p"}),
        ("webm", (47, 63), {}),
        ("webm", (1, 1), {}),
        ("mkv", (1, 1), {"lossless": True}),
        ("gif", (1, 1), {}),
        ("webp", (1, 1), {}),
        ("png", (1, 1), {}),
    ],
)
def test_what_can_be_passes_the_check(name, size, options):
    check_film(name, FilmOptions(**options), size=size)
    film = filmed(name, [np.full((*size, 3), 50 * k, np.uint8) for k in range(3)], **options)
    frames = paged(film, "RGB")[0] if name in ANIMATIONS else shown(film)
    assert [frame.shape for frame in frames] == [(*size, 3)] * 3
    assert abs(int(frames[2].mean()) - 100) <= 2


@pytest.mark.parametrize("codec", ["h264", "h265", "vp9", "av1", "ffv1"])
@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_short_films_are_whole(codec, count):
    frames = [numbered(k) for k in range(count)]
    for _ in range(3):
        times, end = times_of(
            filmed(
                "mkv",
                frames,
                codec=codec,
                rate=Fraction(25),
                end=count * Fraction(1, 25),
                times=[Fraction(k, 25) for k in range(count)],
            )
        )
        assert times == [Fraction(k, 25) for k in range(count)]
        assert end == Fraction(count, 25)


@pytest.mark.parametrize("name", FILMS)
def test_a_film_of_no_frames_is_an_error(name):
    with pytest.raises(InvalidInputError, match="no frames"):
        open_film(io.BytesIO(), name).finish(Fraction(1))


@pytest.mark.parametrize("name", ["mp4", "gif"])
def test_a_frame_of_another_size_is_an_error(name):
    film = open_film(io.BytesIO(), name)
    film.add(numbered(0), Fraction(0))
    with pytest.raises(InvalidInputError, match=r"\(40, 64, 3\) in a film of the shape \(48, 64, 3\)"):
        film.add(numbered(1)[:40], Fraction(1))


def test_an_encoder_that_is_not_there_is_unavailable(monkeypatch):
    from glimpsecli.video import codecs

    monkeypatch.setitem(codecs.ENCODERS, "libnothere", codecs.Encoder("Nothing"))
    with pytest.raises(UnavailableError, match="has no encoder libnothere; use libx264") as caught:
        check_film("mp4", FilmOptions(codec="libnothere"))
    assert caught.value.exit_code == ExitCode.UNAVAILABLE


def test_the_encoders_own_reason_is_told():
    with pytest.raises(InvalidInputError, match=r"libsvtav1 refuses frames of 2 x 2 in yuv420p"):
        filmed("mp4", [np.zeros((2, 2, 3), np.uint8)], codec="av1")


@pytest.mark.parametrize(
    ("path", "name"),
    [("a.MP4", "mp4"), ("x/y.apng", "png"), ("webm", "webm"), (Path("b.mkv"), "mkv"), (".gif", "gif"), ("m4v", "mp4")],
)
def test_suffixes_name_formats(path, name):
    assert film_format(path).name == name


@pytest.mark.parametrize("path", ["a.flv", "noend", "dir.mp4/noend"])
def test_other_suffixes_are_refused(path):
    with pytest.raises(InvalidInputError, match=r"for a film use \.mp4, "):
        film_format(path)


# Files


@pytest.mark.parametrize("name", FILMS)
def test_a_film_appears_whole(tmp_path, name):
    path = tmp_path / f"film.{name}"
    with placing(path) as file:
        film = open_film(file, path)
        for k in range(8):
            film.add(numbered(k), k / RATE)
        film.finish(8 / RATE)
        assert not path.exists()
    frames = paged(path, "RGB")[0] if name in ANIMATIONS else shown(str(path))
    assert len(frames) == 8
    assert [one.name for one in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("failure", [KeyboardInterrupt, FileProblemError("no"), MemoryError])
@pytest.mark.parametrize("name", ["mp4", "mkv", "webp"])
def test_a_film_that_fails_leaves_nothing_and_no_noise(tmp_path, name, failure, capfd):
    def attempt():
        with placing(tmp_path / f"film.{name}") as file:
            film = open_film(file, name)
            for k in range(20):
                film.add(numbered(k), k / RATE)
            raise failure

    with pytest.raises(failure if isinstance(failure, type) else type(failure)):
        attempt()
    assert not list(tmp_path.iterdir())
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("name", FILMS)
def test_a_film_in_a_cycle_of_garbage_is_freed_quietly(tmp_path, name, capfd):
    with open(tmp_path / "file", "w+b") as file:
        film = open_film(file, name)
        for k in range(8):
            film.add(numbered(k), k / RATE)
        cycle = [film, file]
        cycle.append(cycle)
    del film, file, cycle
    gc.collect()
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("name", FILMS)
def test_a_film_can_be_given_up_and_closed_again(name, capfd):
    film = open_film(io.BytesIO(), name)
    film.add(numbered(0), Fraction(0))
    film.close()
    film.close()
    assert capfd.readouterr() == ("", "")


class Full(io.BytesIO):
    """A disk that holds 10 kB."""

    def write(self, content):
        if self.tell() + len(content) > 10_000:
            raise OSError(errno.ENOSPC, "No space left on device")
        return super().write(content)


@pytest.mark.parametrize("name", ["mp4", "mkv", "webm", *ANIMATIONS])
def test_a_full_disk_is_told(name, capfd):
    frames = [np.random.default_rng(k).integers(0, 256, (96, 128, 3), np.uint8) for k in range(30)]

    def make():
        film = open_film(Full(), name)
        for k, frame in enumerate(frames):
            film.add(frame, k / RATE)
        film.finish(1 / RATE)

    with pytest.raises(OSError, match="No space left") as caught:
        make()
    assert caught.value.errno == errno.ENOSPC
    assert capfd.readouterr() == ("", "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_a_full_device_is_one_line():
    def make():
        with placing("/dev/full") as file:
            film = open_film(file, "mp4")
            film.add(numbered(0), Fraction(0))
            film.finish(Fraction(1))

    with pytest.raises(FileProblemError, match="could not be written: no space left"):
        make()


def test_the_index_of_mp4_comes_first():
    content = filmed("mp4", [numbered(k) for k in range(5)]).getvalue()
    assert 0 < content.find(b"moov") < content.find(b"mdat")


@pytest.mark.parametrize("codec", ["h264", "h265", "vp9", "av1", "prores", "ffv1"])
def test_encoders_write_nothing_to_the_terminal(codec):
    code = (
        "import io, numpy as np; from fractions import Fraction as F;"
        "from glimpsecli.video.films import FilmOptions, open_film;"
        f"f = open_film(io.BytesIO(), 'mkv', FilmOptions(codec={codec!r}));"
        "[f.add(np.full((64, 64, 3), k, np.uint8), F(k, 30)) for k in range(3)]; f.finish(F(1, 10))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_without_pyav_a_film_is_unavailable_and_a_gif_is_not(monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(UnavailableError, match=r"a film in MP4 needs PyAV.*glimpsecli\[video\]") as caught:
        open_film(io.BytesIO(), "mp4")
    assert caught.value.exit_code == ExitCode.UNAVAILABLE
    with pytest.raises(UnavailableError, match="needs PyAV"):
        check_film("mp4", FilmOptions())
    for name in ANIMATIONS:
        check_film(name, FilmOptions())
        filmed(name, [numbered(0)])


def test_info_lists_the_encoders_of_films_and_what_is_under_the_gpl(glimpse):
    code, out, _ = glimpse("info --json")
    films = json.loads(out)["films"]
    assert code == 0
    assert list(films["formats"]) == list(FILMS)
    assert films["formats"]["webm"]["encoders"]["libvpx-vp9"] == "VP9"
    assert "libx264" not in films["formats"]["webm"]["encoders"]
    assert next(iter(films["formats"]["mp4"]["encoders"])) == "libx264"
    _, out, _ = glimpse("info")
    assert "H.264 (libx264)" in out
    assert "This PyAV holds libx264 and libx265, under the GPL" in out


def test_info_says_how_to_get_films(glimpse, monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    code, out, _ = glimpse("info")
    assert code == 0
    assert "  mp4   needs PyAV: `pip install 'glimpsecli[video]'`" in out
    assert "  gif   available" in out
    assert "GPL" not in out


# Sound


def with_sound(path: Path, codec: str, *, delay: int = 0, seconds: int = 2, rate: int = 48000) -> Path:
    """A film with sound of the same length, which begins `delay` frames late."""
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264" if path.suffix != ".webm" else "libvpx-vp9", rate=30)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        audio = container.add_stream(codec, rate=rate)
        audio.layout = "stereo"
        noise = np.random.default_rng(0).standard_normal((2, seconds * rate)).astype(np.float32) / 8
        resampler = av.AudioResampler(audio.format or "fltp", "stereo", rate)
        sound = av.AudioFrame.from_ndarray(noise, "fltp", "stereo")
        sound.sample_rate, sound.pts = rate, 0
        for k in range(seconds * 30):
            frame = av.VideoFrame.from_ndarray(numbered(k % 28)).reformat(format="yuv420p")
            frame.pts, frame.time_base = k + delay, Fraction(1, 30)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        fifo = av.AudioFifo()
        for one in resampler.resample(sound):
            fifo.write(one)
        size = audio.codec_context.frame_size or 1024
        for one in fifo.read_many(size, partial=True):
            container.mux(audio.encode(one))
        container.mux(audio.encode(None))
    return path


def packets(film) -> list[tuple[Fraction, str]]:
    """The time and a digest of each packet of sound."""
    with av.open(film) as container:
        stream = container.streams.audio[0]
        return [(p.pts * p.time_base, hashlib.md5(bytes(p)).hexdigest()) for p in container.demux(stream) if p.size]


def film_with(sound: Sound, name: str, count: int = 60) -> io.BytesIO:
    return filmed(name, [numbered(k % 28) for k in range(count)], end=count / RATE, sound=sound)


@pytest.fixture(scope="module")
def clips(tmp_path_factory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("sound")
    return {
        "aac": with_sound(folder / "aac.mp4", "aac"),
        "opus": with_sound(folder / "opus.webm", "libopus"),
        "mp3": with_sound(folder / "mp3.mkv", "libmp3lame"),
        "late": with_sound(folder / "late.mkv", "aac", delay=15),
    }


@pytest.mark.parametrize(
    ("codec", "name"),
    [("aac", "mp4"), ("aac", "mkv"), ("aac", "mov"), ("opus", "webm"), ("mp3", "mkv"), ("mp3", "mp4")],
)
def test_sound_is_copied_bit_for_bit(clips, codec, name):
    source = packets(str(clips[codec]))
    copied = packets(film_with(Sound(str(clips[codec]), Fraction(0), Fraction(2)), name))
    kept = [digest for time, digest in source if time < 2]
    assert [digest for _, digest in copied] == kept
    with av.open(str(clips[codec])) as one:
        first = next(one.decode(video=0))
        shift = source[0][0] - first.pts * first.time_base
    assert abs(copied[0][0] - shift) < Fraction(30, 1000)


def test_a_part_has_its_own_sound(clips):
    source = packets(str(clips["aac"]))
    copied = packets(film_with(Sound(str(clips["aac"]), Fraction(1, 2), Fraction(3, 2)), "mp4", 30))
    assert [digest for _, digest in copied] == [d for time, d in source if Fraction(1, 2) <= time < Fraction(3, 2)]
    wanted = [time - Fraction(1, 2) for time, _ in source if Fraction(1, 2) <= time < Fraction(3, 2)]
    assert max(abs(time - want) for (time, _), want in zip(copied, wanted, strict=True)) < Fraction(1, 40000)


def test_sound_keeps_its_distance_to_the_first_frame(clips):
    source = packets(str(clips["late"]))
    origin = Fraction(1, 2)
    copied = packets(film_with(Sound(str(clips["late"]), Fraction(0), Fraction(1), origin), "mp4", 30))
    wanted = [(time - origin, digest) for time, digest in source if time - origin >= Fraction(-1, 10)]
    assert [digest for _, digest in copied] == [digest for time, digest in wanted if time < 1]
    assert abs(copied[-1][0] - [time for time, _ in wanted if time < 1][-1]) < Fraction(1, 500)


def test_sound_that_a_format_cannot_hold_is_refused(clips):
    sound = Sound(str(clips["aac"]), Fraction(0), Fraction(2))
    words = "WebM cannot hold the sound of .*, which is aac"
    with pytest.raises(InvalidInputError, match=words):
        check_film("webm", FilmOptions(sound=sound))
    with pytest.raises(InvalidInputError, match=words):
        open_film(io.BytesIO(), "webm", FilmOptions(sound=sound))
    assert "which is aac" in (sound_problem(str(clips["aac"]), "webm") or "")
    assert sound_problem(str(clips["aac"]), "mp4") is None
    assert sound_problem(str(clips["aac"]), "gif") == "no sound is copied into GIF"


def test_the_container_itself_is_asked_about_sound(tmp_path):
    path = str(with_sound(tmp_path / "flac.mkv", "flac", seconds=1))
    assert sound_problem(path, "mkv") is None
    assert "QuickTime cannot hold" in (sound_problem(path, "mov") or "")  # it lists FLAC, and refuses it


def test_a_video_without_sound_is_an_error(tmp_path):
    path = tmp_path / "silent.mp4"
    path.write_bytes(filmed("mp4", [numbered(0)]).getvalue())
    assert sound_problem(str(path), "mp4") == f"{path} has no sound"
    with pytest.raises(GlimpseError, match=r"silent\.mp4 has no sound"):
        open_film(io.BytesIO(), "mp4", FilmOptions(sound=Sound(str(path), Fraction(0), Fraction(1))))


def test_sound_of_no_video_is_one_line(tmp_path):
    path = tmp_path / "text.mp4"
    path.write_text("hello")
    with pytest.raises(FileProblemError, match=r"the sound of .*text\.mp4 cannot be read"):
        sound_problem(str(path), "mp4")


# Read back


@pytest.mark.parametrize("name", FILMS)
def test_films_are_read_back(tmp_path, name):
    path, exact = tmp_path / f"film.{name}", name not in ("mp4", "gif")
    times = [k / RATE for k in range(6)] if name == "avi" else [Fraction(n, 100) for n in (0, 4, 9, 30, 120, 125)]
    end = times[-1] + 1 / RATE if name == "avi" else Fraction(3, 2)
    frames = [numbered(k) for k in range(6)]
    path.write_bytes(filmed(name, frames, times, end, lossless=exact).getvalue())
    with open_clip(str(path)) as clip:
        assert list(clip.times) == times
        assert clip.end == end
        for k in (4, 1, 5, 0):
            pixels = clip.frame(k).picture.pixels
            assert np.array_equal(pixels, frames[k]) if exact else np.abs(pixels.astype(int) - frames[k]).mean() < 5


def test_an_interrupt_leaves_no_file(tmp_path):
    code = (
        "import sys, numpy as np; from fractions import Fraction as F;"
        "from glimpsecli.storage.atomic import placing; from glimpsecli.video.films import open_film\n"
        f"with placing({str(tmp_path / 'film.mp4')!r}) as file:\n"
        "    film = open_film(file, 'mp4')\n"
        "    for k in range(10**6):\n"
        "        film.add(np.full((64, 64, 3), k % 256, np.uint8), F(k, 30))\n"
        "        if k == 100: print('going', flush=True)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"going\n"
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=30)
    assert told.decode().rstrip().endswith("KeyboardInterrupt")
    assert b"ignored" not in told
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["mp4", "mkv", "avi", "webm"])
def test_a_full_disk_is_one_error(name, tmp_path, capfd):
    class Full(io.BytesIO):
        def write(self, content):
            if self.tell() + len(content) > 3000:
                raise OSError(errno.ENOSPC, "No space left on device")
            return super().write(content)

    def fill():
        rng, film = np.random.default_rng(0), open_film(Full(), name)
        try:
            for k in range(60):
                film.add(rng.integers(0, 256, (48, 64, 3), np.uint8), Fraction(k, 30))
            film.finish(Fraction(2))
        finally:
            film.close()

    with pytest.raises(OSError, match="No space left"):
        fill()
    assert capfd.readouterr().err == ""
