from __future__ import annotations

import io
import os
import random
import subprocess
import sys
import zlib
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from types import SimpleNamespace

import av
import numpy as np
import pytest
from films import HEIGHT, WIDTH, make, number_in, numbered, remuxed
from PIL import Image

from glimpsecli.errors import FileProblemError, GlimpseError, InvalidInputError, UnavailableError
from glimpsecli.images.reading import read
from glimpsecli.video import clip as video_clip
from glimpsecli.video.clock import parse_time
from glimpsecli.video.opening import is_video, open_clip
from glimpsecli.video.selection import Selection
from glimpsecli.video.streams import StreamClip

COUNT = 40
FRAMES = [numbered(number) for number in range(COUNT)]

# name: encoder, format where the suffix does not tell it, options
FORMATS = {
    "b.mp4": ("libx264", None, {"bf": 3, "g": 12}),
    "b.ts": ("libx264", None, {"bf": 3, "g": 12}),
    "b.mkv": ("libx264", None, {"bf": 3, "g": 12}),
    "b.flv": ("libx264", None, {"bf": 2, "g": 12}),
    "b264.avi": ("libx264", None, {"bf": 2, "g": 12}),
    "b.avi": ("mpeg4", None, {"bf": 2, "g": 12}),
    "b.mpg": ("mpeg2video", "mpeg", {"bf": 2, "g": 12}),
    "mpeg2.ts": ("mpeg2video", None, {"bf": 2, "g": 12}),
    "open.mkv": ("libx264", None, {"bf": 3, "x264-params": "open-gop=1:keyint=12"}),
    "refresh.mkv": ("libx264", None, {"x264-params": "intra-refresh=1:keyint=12"}),
    "hevc.mp4": ("libx265", None, {"x265-params": "log-level=none:keyint=12:open-gop=1"}),
    "vp8.webm": ("libvpx", None, {"g": 12, "auto-alt-ref": 1, "lag-in-frames": 10, "cpu-used": 8}),
    "vp9.webm": ("libvpx-vp9", None, {"g": 12, "cpu-used": 8, "deadline": "realtime"}),
    "av1.mp4": ("libsvtav1", None, {"g": 12, "preset": 13, "svtav1-params": "lp=1"}),
    "mjpeg.avi": ("mjpeg", None, {}),
    "ffv1.mkv": ("ffv1", None, {"g": 12}),
    "mpeg4.mkv": ("mpeg4", None, {"bf": 0, "g": 12}),
}


@pytest.fixture(scope="session")
def films(tmp_path_factory):
    """A function that gives the path of a video of 40 frames, made once."""
    folder = tmp_path_factory.mktemp("films")

    def film(name):
        path = folder / name
        if not path.exists():
            codec, container, options = FORMATS[name]
            pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
            make(path, FRAMES, codec, pix_fmt=pix_fmt, container=container, **options)
        return path

    return film


def numbers(path, indices=None, **options):
    """Open a clip, and read the numbers that its frames spell."""
    with open_clip(str(path), **options) as clip:
        return [number_in(clip.frame(index).picture.pixels) for index in indices or range(len(clip))]


@pytest.mark.parametrize("name", FORMATS)
def test_any_frame_is_the_one_that_was_asked_for(films, name):
    path = films(name)
    chosen = random.Random(name)
    indices = [chosen.randrange(COUNT) for _ in range(25)]
    with open_clip(str(path)) as clip:
        assert len(clip) == COUNT
        assert clip.size == (HEIGHT, WIDTH)
        assert (clip.problem, clip.notes, clip.alpha, clip.sound) == (None, (), False, False)
        in_order = [clip.frame(index).picture.pixels for index in range(COUNT)]
        assert [number_in(pixels) for pixels in in_order] == list(range(COUNT))
        assert in_order[0].dtype == np.uint8
        assert in_order[0].shape == (HEIGHT, WIDTH, 3)
        for index in indices:
            assert np.array_equal(clip.frame(index).picture.pixels, in_order[index])
        assert float(clip.rate) == 25
        for index, time in enumerate(clip.times):
            assert abs(time - Fraction(index, 25)) <= Fraction(1, 1000)
        assert clip.frame(7).time == clip.times[7]
        assert abs(clip.end - Fraction(COUNT, 25)) <= Fraction(1, 1000)
    assert numbers(path, indices) == indices  # without having read it in order


def test_frames_equal_those_of_the_decoder(films):
    with av.open(str(films("b.mp4"))) as container:
        expected = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    with open_clip(str(films("b.mp4"))) as clip:
        assert all(np.array_equal(clip.frame(i).picture.pixels, frame) for i, frame in enumerate(expected))


@pytest.mark.parametrize("held", [1, 5, 15, 100])
@pytest.mark.parametrize("name", ["b.mp4", "open.mkv", "vp9.webm", "b.avi", "ffv1.mkv"])
def test_the_way_back_gives_the_same_frames(films, monkeypatch, name, held):
    decoded = []
    monkeypatch.setattr(StreamClip, "_remember", lambda self, one: decoded.append(one.mark))
    with open_clip(str(films(name))) as clip:
        monkeypatch.setattr(video_clip, "TURNED_BYTES", held * clip.weight)
        del decoded[:]
        indices = range(1, COUNT, 2)
        frames = [*clip.backward(indices)]
        assert [number_in(frame.picture.pixels) for frame in frames] == [*reversed(indices)]
        assert [frame.time for frame in frames] == [clip.times[index] for index in reversed(indices)]
        if name == "b.mp4" and held == 15:  # from key frame to key frame, each once
            assert len(decoded) <= COUNT


def test_the_way_back_gives_the_frames_behind_one_that_cannot_be_read(films, monkeypatch):
    read_one = StreamClip._decoded

    def damaged(self, index):
        if index == 20:
            raise FileProblemError("frame 20 is damaged")
        return read_one(self, index)

    seen = []
    with open_clip(str(films("b.mp4"))) as clip:
        monkeypatch.setattr(StreamClip, "_decoded", damaged)
        monkeypatch.setattr(StreamClip, "_remember", lambda self, one: None)
        with pytest.raises(FileProblemError, match="frame 20 is damaged"):
            seen.extend(frame.index for frame in clip.backward(range(COUNT)))
    assert seen == [*range(COUNT - 1, 20, -1)]


def test_threads_share_a_clip(films):
    with open_clip(str(films("b.ts"))) as clip, ThreadPoolExecutor(4) as pool:
        indices = [random.Random(3).randrange(COUNT) for _ in range(60)]
        found = pool.map(lambda index: number_in(clip.frame(index).picture.pixels), indices)
        assert list(found) == indices


def test_an_edit_list_cuts_frames_off_the_start(films, tmp_path):
    with av.open(str(films("b.mp4"))) as container:
        base = container.streams.video[0].time_base
    path = remuxed(films("b.mp4"), tmp_path / "cut.mp4", -round(17 / 25 / base), movflags="+faststart")
    with av.open(str(path)) as container:
        assert container.streams.video[0].frames > 23  # as the file says, frames that no player shows included
    with open_clip(str(path)) as clip:
        assert (clip.problem, clip.notes) == (None, ())
    assert numbers(path) == list(range(17, COUNT))
    assert numbers(path, [20, 3, 11, 0]) == [37, 20, 28, 17]


def test_a_film_that_was_cut_between_key_frames_is_whole(films, tmp_path):
    """Its last frames depend on none that is missing, but there is a gap before them."""
    with av.open(str(films("b.mp4"))) as given, av.open(str(tmp_path / "cut.mkv"), "w") as output:
        stream = output.add_stream_from_template(given.streams.video[0])
        for packet, _ in zip(given.demux(given.streams.video[0]), range(14), strict=False):
            packet.stream = stream
            output.mux(packet)
    with open_clip(str(tmp_path / "cut.mkv")) as clip:
        assert (len(clip), clip.problem, clip.notes) == (14, None, ())
        shown = [number_in(clip.frame(index).picture.pixels) for index in range(14)]
        assert shown == [round(25 * time) for time in clip.times]


def test_empty_packets_of_an_avi_count_as_time(tmp_path):
    path = make(tmp_path / "empty.avi", FRAMES[:8], times=range(0, 320, 40), bf=1)
    with open_clip(str(path)) as clip:
        assert [number_in(clip.frame(index).picture.pixels) for index in range(8)] == list(range(8))
        assert list(clip.times) == [Fraction(index, 25) for index in range(8)]
        assert (clip.rate, clip.end, clip.notes) == (25, Fraction(8, 25), ())


@pytest.mark.parametrize("name", ["mpeg4.mkv", "b.avi", "b.flv"])
def test_a_recording_that_does_not_know_its_length_is_whole(films, tmp_path, name):
    stream = io.BytesIO()
    pipe = SimpleNamespace(write=stream.write, name=name)  # what it has written it cannot fill in
    remuxed(films(name), pipe, container={".mkv": "matroska"}.get(name[-4:], name[-3:]))
    (tmp_path / name).write_bytes(stream.getvalue())
    with open_clip(str(tmp_path / name)) as clip:
        assert (len(clip), clip.problem) == (COUNT, None)


def test_variable_times_are_kept(tmp_path):
    times = [0, 40, 80, 500, 520, 1333, 2000]
    path = make(tmp_path / "vfr.mkv", FRAMES[:7], times=times, bf=2)
    with open_clip(str(path)) as clip:
        assert list(clip.times) == [Fraction(time, 1000) for time in times]
        assert clip.end > 2
    assert numbers(path, [6, 2, 5]) == [6, 2, 5]


@pytest.mark.parametrize("shift", [-700, 5000])
def test_times_count_from_the_first_frame_wherever_the_clock_stands(films, tmp_path, shift):
    path = remuxed(films("mpeg4.mkv"), tmp_path / "shifted.mkv", shift, avoid_negative_ts="disabled")
    with open_clip(str(path)) as clip:
        assert clip.start == Fraction(shift, 1000)
        assert clip.times[:2] == [0, Fraction(1, 25)]
        assert number_in(clip.frame(30).picture.pixels) == 30


def test_a_stream_that_begins_between_key_frames_begins_at_the_first_whole_frame(films, tmp_path):
    content = films("b.ts").read_bytes()
    (tmp_path / "mid.ts").write_bytes(content[188 * (len(content) // 188 // 4) :])
    with open_clip(str(tmp_path / "mid.ts")) as clip:
        assert "depend on others that it lacks, and are left out" in clip.notes[0]
    found = numbers(tmp_path / "mid.ts")
    assert 0 < found[0] < 24
    assert found == list(range(found[0], COUNT))


def test_times_that_go_back_lose_no_frame(films, tmp_path):
    (tmp_path / "twice.ts").write_bytes(films("b.ts").read_bytes() * 2)
    assert numbers(tmp_path / "twice.ts") == [*range(COUNT), *range(COUNT)]
    assert numbers(tmp_path / "twice.ts", [50, 10]) == [10, 10]
    with open_clip(str(tmp_path / "twice.ts")) as clip:
        assert "times are not in order" in clip.notes[0]
        assert clip.end == Fraction(2 * COUNT, 25)


# The matrix of a track header, a b c d, and what it does to a picture.
MATRICES = {
    (0, 1, -1, 0): lambda picture: np.rot90(picture, -1),  # as a phone that is held upright writes it
    (0, -1, 1, 0): np.rot90,
    (-1, 0, 0, -1): lambda picture: np.rot90(picture, 2),
    (-1, 0, 0, 1): np.fliplr,
    (0, 1, 1, 0): lambda picture: picture.swapaxes(0, 1),
}


@pytest.mark.parametrize("matrix", MATRICES)
def test_frames_are_turned_upright(films, tmp_path, matrix):
    content = bytearray(films("b.mp4").read_bytes())
    at = content.index(b"tkhd") + 44
    a, b, c, d = (part * (1 << 16) for part in matrix)
    content[at : at + 36] = np.array([a, b, 0, c, d, 0, 0, 0, 1 << 30], ">i4").tobytes()
    (tmp_path / "turned.mp4").write_bytes(content)
    with open_clip(str(films("b.mp4"))) as stored, open_clip(str(tmp_path / "turned.mp4")) as turned:
        expected = MATRICES[matrix](stored.frame(5).picture.pixels)
        assert turned.size == expected.shape[:2]
        assert np.array_equal(turned.frame(5).picture.pixels, expected)
        assert turned.frame(5).picture.pixels.flags.c_contiguous


COLOURS = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255], [0, 0, 0], [128, 128, 128], [200, 100, 50]])


@pytest.mark.parametrize("full", [False, True], ids=["limited", "full"])
@pytest.mark.parametrize(("matrix", "red", "blue"), [(1, 0.2126, 0.0722), (6, 0.299, 0.114), (2, 0.299, 0.114)])
def test_colours_are_those_of_the_tags(tmp_path, matrix, red, blue, full):
    r, g, b = COLOURS.T / 255
    luma = red * r + (1 - red - blue) * g + blue * b
    chroma = (b - luma) / (2 - 2 * blue), (r - luma) / (2 - 2 * red)
    scale = (0, 255, 255) if full else (16, 219, 224)
    planes = [scale[0] + scale[1] * luma, *(128 + scale[2] * part for part in chroma)]
    frame = av.VideoFrame(16 * len(COLOURS), 16, "yuv444p")
    for plane, values in zip(frame.planes, planes, strict=True):
        row = np.zeros(plane.line_size, np.uint8)
        row[: 16 * len(COLOURS)] = np.repeat(np.clip(np.round(values), 0, 255), 16)
        plane.update(np.tile(row, (16, 1)).tobytes())
    tagged = {"colorspace": matrix, "color_range": 2 if full else 1}
    path = make(tmp_path / "colours.mkv", [frame], pix_fmt="yuv444p", tagged=tagged, qp=0)
    with open_clip(str(path)) as clip:
        assert np.abs(clip.frame(0).picture.pixels[8, 8::16].astype(int) - COLOURS).max() <= 2


def test_ten_bits_keep_all_their_levels(tmp_path):
    ramp = np.arange(1024, dtype=np.uint16).reshape(16, 64)
    path = make(tmp_path / "ramp.mkv", [ramp[..., None]], "ffv1", pix_fmt="gray10le", layout="gray10le")
    with open_clip(str(path)) as clip:
        pixels = clip.frame(0).picture.pixels
    assert pixels.dtype == np.uint16
    assert len(np.unique(pixels)) == 1024
    assert np.abs(pixels[..., 0] / 65535 - ramp / 1023).max() < 1 / 1023


@pytest.mark.parametrize(
    ("name", "codec", "pix_fmt", "tolerance"),
    [
        ("a.webm", "libvpx-vp9", "yuva420p", 3),
        ("a8.webm", "libvpx", "yuva420p", 3),
        ("a.mov", "prores_ks", "yuva444p10le", 3),
        ("a.mkv", "ffv1", "bgra", 0),
    ],
)
def test_alpha_is_kept(tmp_path, name, codec, pix_fmt, tolerance):
    frame = np.empty((HEIGHT, WIDTH, 4), np.uint8)
    frame[:] = 90, 90, 90, 127
    frame[:, WIDTH // 2 :, 3] = 255
    options = {"auto-alt-ref": 0} if codec == "libvpx" else {}
    path = make(tmp_path / name, [frame] * 20, codec, pix_fmt=pix_fmt, **options)
    with open_clip(str(path)) as clip:
        assert clip.alpha
        for index in (0, 19, 8):
            pixels, alpha, _ = clip.frame(index).picture
            assert alpha
            shown = pixels / np.iinfo(pixels.dtype).max * 255
            assert np.abs(shown[10, [10, 50]] - frame[10, [10, 50]]).max() <= tolerance


@pytest.mark.parametrize(
    ("pix_fmt", "layout", "dtype", "channels"),
    [("gray", "gray", np.uint8, 1), ("gray16le", "gray16le", np.uint16, 1), ("bgr0", "rgb24", np.uint8, 3)],
)
@pytest.mark.parametrize("shape", [(1, 1), (47, 63)])
def test_lossless_frames_of_any_size_are_exact(tmp_path, pix_fmt, layout, dtype, channels, shape):
    frame = np.random.default_rng(1).integers(0, np.iinfo(dtype).max, (*shape, channels), dtype, endpoint=True)
    path = make(tmp_path / "exact.mkv", [frame], "ffv1", pix_fmt=pix_fmt, layout=layout)
    with open_clip(str(path)) as clip:
        assert clip.size == shape
        assert np.array_equal(clip.frame(0).picture.pixels, frame)


def test_sound_is_noticed(tmp_path):
    path = make(tmp_path / "sound.mkv", FRAMES[:5], sound=True)
    with open_clip(str(path)) as clip:
        assert clip.sound
        assert len(clip) == 5


NOTES = {
    "pixels are not square (4:3): frames of 64 x 48 pixels are shown as 85 x 48": {"sar": Fraction(4, 3)},
    "interlaced": {"flags": "+ildct+ilme", "x264-params": "tff=1"},
    "BT.2020": {"tagged": {"color_primaries": 9}},
}


@pytest.mark.parametrize("note", NOTES)
def test_what_the_user_should_know_is_noted(tmp_path, note):
    path = make(tmp_path / "noted.mp4", FRAMES[:5], **NOTES[note])
    with open_clip(str(path)) as clip:
        assert note in clip.notes[0]


@pytest.mark.parametrize(("transfer", "name"), [(16, "PQ"), (18, "HLG")])
def test_hdr_is_refused(tmp_path, transfer, name):
    path = make(tmp_path / "hdr.mp4", FRAMES[:2], tagged={"color_trc": transfer})
    with pytest.raises(FileProblemError, match=rf"hdr.mp4 is HDR video \({name}\)"):
        open_clip(str(path))


def test_a_size_that_changes_is_an_error_at_that_frame(films, tmp_path):
    small = make(tmp_path / "small.ts", [numbered(number, 32, 32) for number in range(10)], bf=0)
    (tmp_path / "both.ts").write_bytes(films("b.ts").read_bytes() + small.read_bytes())
    with open_clip(str(tmp_path / "both.ts")) as clip:
        assert [number_in(clip.frame(index).picture.pixels) for index in range(COUNT)] == list(range(COUNT))
        with pytest.raises(FileProblemError, match=f"frame {COUNT} of .*both.ts is 32 x 32 pixels, and the first 64 x"):
            clip.frame(COUNT)
        assert number_in(clip.frame(3).picture.pixels) == 3


def test_a_size_that_grows_over_the_limit_is_not_decoded(tmp_path):
    small = make(tmp_path / "small.ts", [numbered(number, 16, 16) for number in range(10)], bf=0)
    large = make(tmp_path / "large.ts", [np.zeros((1200, 1600, 3), np.uint8)] * 3, bf=0)
    (tmp_path / "grows.ts").write_bytes(small.read_bytes() + large.read_bytes())
    with open_clip(str(tmp_path / "grows.ts"), max_pixels=300) as clip:
        assert [number_in(clip.frame(index).picture.pixels) for index in range(10)] == list(range(10))
        assert len(clip) == 10
        assert "3 of its packets give no frame" in clip.problem


@pytest.mark.parametrize("share", [0.7, 0.8, 0.95])
@pytest.mark.parametrize("name", ["b.mp4", "b.mkv", "ffv1.mkv", "b.avi", "mjpeg.avi", "b.flv", "b.ts"])
def test_a_video_that_breaks_off_gives_its_good_frames(films, tmp_path, name, share):
    path = films(name)
    if name == "b.mp4":
        path = remuxed(path, tmp_path / "first.mp4", movflags="+faststart")  # the index lies before the frames
    content = path.read_bytes()
    broken = tmp_path / f"broken_{name}"
    broken.write_bytes(content[: int(share * len(content))])
    with open_clip(str(path)) as whole, open_clip(str(broken)) as clip:
        good, failed = [], []
        for index in range(len(clip)):
            try:
                frame = clip.frame(index)
                same = whole.frame(whole.times.index(frame.time))  # frames before the last may be lost
                good.append(np.array_equal(frame.picture.pixels, same.picture.pixels))
            except FileProblemError as error:
                failed.append((index, str(error)))
        assert all(good)
        assert len(good) >= len(clip) - 4 > 0
        assert all(index >= len(clip) - 4 for index, _ in failed)
        assert all(f"frame {index} of {broken}" in line for index, line in failed)
        # A transport stream does not know its length.
        if name != "b.ts" and share < 0.9:
            assert clip.problem.startswith("it breaks off: ")


@pytest.mark.parametrize("name", ["b.mkv", "b.mp4", "refresh.mkv"])
@pytest.mark.parametrize("packet", [1, 14])
def test_damage_spoils_the_frames_that_depend_on_it_and_no_number(films, tmp_path, name, packet):
    path, content = films(name), bytearray(films(name).read_bytes())
    with av.open(str(path)) as container:
        part = [bytes(one) for one in container.demux(container.streams.video[0])][packet]
    at = content.index(part)
    content[at : at + len(part)] = bytes(len(part))
    (tmp_path / name).write_bytes(content)
    with open_clip(str(path)) as whole, open_clip(str(tmp_path / name)) as clip:
        assert len(clip) == COUNT
        failed = []
        for index in [*range(COUNT), 39, 3, 15]:
            try:
                pixels = clip.frame(index).picture.pixels
            except FileProblemError:
                failed.append(index)
            else:
                assert np.array_equal(pixels, whole.frame(index).picture.pixels)
        assert failed
        assert failed == sorted(failed[: len(set(failed))]) + [index for index in (39, 3, 15) if index in failed]


def test_frames_that_are_lost_where_frames_have_no_times_are_reported(films, tmp_path):
    content = bytearray(films("b264.avi").read_bytes())
    with av.open(str(films("b264.avi"))) as container:
        part = [bytes(one) for one in container.demux(container.streams.video[0])][14]
    at = content.index(part)
    content[at : at + len(part)] = bytes(len(part))
    (tmp_path / "lost.avi").write_bytes(content)
    with open_clip(str(tmp_path / "lost.avi")) as clip:
        assert clip.problem == f"{COUNT - len(clip)} of its packets give no frame, and frames are numbered without them"


def test_a_codec_without_a_decoder_is_unavailable(films, tmp_path):
    content = films("mjpeg.avi").read_bytes().replace(b"MJPG", b"ZQZQ")
    (tmp_path / "unknown.avi").write_bytes(content)
    with pytest.raises(UnavailableError, match=r"unknown.avi holds video that FFmpeg cannot decode here"):
        open_clip(str(tmp_path / "unknown.avi"))


def test_a_closed_clip_is_one_line(films):
    with open_clip(str(films("b.mp4"))) as clip:
        clip.frame(3)
    with pytest.raises(GlimpseError, match="closed"):
        clip.frame(4)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "is empty"),
        (b"WEBVTT\n\n", "is neither a video nor an image that glimpse reads"),
        (b"\0\0\0\x18ftypisom\0\0\0\0isommp42", "could not be read as MP4"),
        (b"\x1a\x45\xdf\xa3" + bytes(3000), "could not be read as Matroska"),
        ((b"G" + bytes(187)) * 5, "could not be read as MPEG transport stream"),
        (b"RIFF\0\0\0\0AVI LIST", "could not be read as AVI"),
    ],
)
def test_a_file_without_frames_is_one_line(tmp_path, content, problem):
    (tmp_path / "bad.mp4").write_bytes(content)
    with pytest.raises(FileProblemError, match=f"bad.mp4 {problem}"):
        open_clip(str(tmp_path / "bad.mp4"))


def test_sound_alone_is_no_video(tmp_path):
    with av.open(str(tmp_path / "sound.mkv"), "w") as output:
        stream = output.add_stream("pcm_s16le", rate=8000)
        samples = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.int16), format="s16", layout="mono")
        samples.sample_rate = 8000
        output.mux(stream.encode(samples))
    with pytest.raises(FileProblemError, match=r"sound.mkv holds no video: only sound"):
        open_clip(str(tmp_path / "sound.mkv"))


def test_the_content_decides_and_not_the_suffix(films, tmp_path):
    (tmp_path / "video.png").write_bytes(films("b.mkv").read_bytes())
    assert numbers(tmp_path / "video.png", [3]) == [3]
    Image.fromarray(FRAMES[5]).save(tmp_path / "still.mp4", format="PNG")
    assert numbers(tmp_path / "still.mp4") == [5]
    assert is_video(str(tmp_path / "video.png"))
    assert not is_video(str(tmp_path / "still.mp4"))
    assert not is_video(str(tmp_path))
    assert not is_video(str(tmp_path / "none"))


def test_large_frames_are_refused_before_they_are_decoded(films):
    with pytest.raises(FileProblemError, match="claims 64 x 48 pixels, over the limit of 1000"):
        open_clip(str(films("b.mp4")), max_pixels=1000)


def test_a_frame_that_is_not_there(films):
    with (
        open_clip(str(films("b.mp4"))) as clip,
        pytest.raises(InvalidInputError, match="no frame 40; it holds 40 frames"),
    ):
        clip.frame(40)


def test_a_reader_of_images_names_the_way(films):
    with pytest.raises(FileProblemError, match=r"is a video \(MP4\), not an image; .*--frames"):
        read(str(films("b.mp4")))


def test_without_pyav_a_video_is_unavailable_and_the_rest_is_not(films, tmp_path, monkeypatch):
    path = films("b.mp4")
    Image.fromarray(FRAMES[5]).save(tmp_path / "still.png")
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(UnavailableError, match=r"b.mp4 needs PyAV.*glimpsecli\[video\]"):
        open_clip(str(path))
    assert is_video(str(path))
    assert numbers(tmp_path / "still.png") == [5]


@pytest.mark.parametrize("name", ["a.gif", "a.webp", "a.png", "a.avif"])
def test_pyav_is_not_loaded_for_images(tmp_path, name):
    path = animation(tmp_path / name, [40, 40])
    code = (
        "import sys; from glimpsecli.video.opening import open_clip, is_video; "
        f"assert len(open_clip({path!r})) == 2; assert not is_video({path!r}); assert 'av' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("name", ["b.mp4", "b.mkv", "still.png", "moving.gif"])
def test_standard_input_is_copied_so_that_it_can_be_sought(films, tmp_path, monkeypatch, name):
    if name in FORMATS:
        content, expected = films(name).read_bytes(), 21
    else:
        images = [Image.fromarray(frame) for frame in (FRAMES[:1] if name == "still.png" else FRAMES[:30])]
        images[0].save(tmp_path / name, save_all=name == "moving.gif", append_images=images[1:])
        content, expected = (tmp_path / name).read_bytes(), 0 if name == "still.png" else 21
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(content)))
    with open_clip("-") as clip:
        assert clip.label == "standard input"
        assert not clip.sound
        assert number_in(clip.frame(expected).picture.pixels) == expected


def animation(path, durations, **options):
    images = [Image.fromarray(frame) for frame in FRAMES[: len(durations)]]
    images[0].save(path, save_all=True, append_images=images[1:], duration=durations, **options)
    return str(path)


@pytest.mark.parametrize(
    ("name", "options"), [("a.gif", {}), ("a.webp", {"lossless": True}), ("a.png", {}), ("a.avif", {"quality": 90})]
)
def test_animations_are_clips(tmp_path, name, options):
    path = animation(tmp_path / name, [40, 80, 200, 40, 40], **options)
    assert numbers(path) == [0, 1, 2, 3, 4]
    assert numbers(path, [4, 0, 3, 1]) == [4, 0, 3, 1]
    with open_clip(path) as clip:
        assert list(clip.times) == [Fraction(time, 1000) for time in (0, 40, 120, 320, 360)]
        assert clip.end == Fraction(2, 5)
        assert clip.rate == Fraction(25, 2)
        assert (clip.size, clip.alpha) == ((HEIGHT, WIDTH), False)


def test_a_frame_without_a_duration_is_shown_as_browsers_show_it(tmp_path):
    with open_clip(animation(tmp_path / "a.gif", [0, 0])) as clip:
        assert clip.end == Fraction(1, 5)


def test_thirds_of_a_second_stay_exact(tmp_path):
    path = animation(tmp_path / "a.png", [40, 40, 40])
    content = bytearray((tmp_path / "a.png").read_bytes())
    at = -1
    while (at := content.find(b"fcTL", at + 1)) >= 0:
        content[at + 24 : at + 28] = b"\0\x01\0\x1e"  # 1/30
        content[at + 30 : at + 34] = np.array(
            [np.uint32(__import__("zlib").crc32(content[at : at + 30]))], ">u4"
        ).tobytes()
    (tmp_path / "a.png").write_bytes(content)
    with open_clip(path) as clip:
        assert list(clip.times) == [Fraction(index, 30) for index in range(3)]


def test_the_picture_for_old_readers_is_no_frame(tmp_path):
    path = animation(tmp_path / "a.png", [40, 40, 40], default_image=True)
    assert numbers(path) == [1, 2]


def test_alpha_of_an_animation_is_kept_in_all_frames(tmp_path):
    clear = np.dstack([FRAMES[1], np.full((HEIGHT, WIDTH), 77, np.uint8)])
    first = Image.fromarray(np.dstack([FRAMES[0], np.full((HEIGHT, WIDTH), 255, np.uint8)]))
    first.save(tmp_path / "a.webp", save_all=True, append_images=[Image.fromarray(clear)], lossless=True, exact=True)
    with open_clip(str(tmp_path / "a.webp")) as clip:
        assert clip.alpha
        assert [clip.frame(index).picture.pixels[0, 0, 3] for index in (0, 1)] == [255, 77]
        assert [clip.frame(index).picture.alpha for index in (0, 1)] == [True, True]


def test_an_animation_that_breaks_off_gives_its_good_frames(tmp_path):
    path = animation(tmp_path / "a.gif", [40] * 6)
    content = (tmp_path / "a.gif").read_bytes()
    (tmp_path / "a.gif").write_bytes(content[: len(content) * 2 // 3])
    with open_clip(path) as clip:
        assert 2 <= len(clip) < 6
        assert clip.problem.startswith(f"it breaks off at frame {len(clip)}: ")
        assert [number_in(clip.frame(i).picture.pixels) for i in range(len(clip))] == list(range(len(clip)))


def test_deep_animations_are_refused(tmp_path):
    path = animation(tmp_path / "a.png", [40, 40])
    content = bytearray((tmp_path / "a.png").read_bytes())
    content[24] = 16
    content[29:33] = zlib.crc32(content[12:29]).to_bytes(4, "big")
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(FileProblemError, match="is an animated PNG of 16 bit"):
        open_clip(path)


def test_deep_avif_is_refused_as_an_image_is(tmp_path):
    path = animation(tmp_path / "a.avif", [40, 40])
    content = bytearray((tmp_path / "a.avif").read_bytes())
    content[content.index(b"av1C") + 6] |= 0x40
    (tmp_path / "a.avif").write_bytes(content)
    with pytest.raises(FileProblemError, match="is a AVIF image of 10 bit"):
        open_clip(path)


@pytest.fixture
def folder(tmp_path):
    for number in (0, 1, 2, 10):
        Image.fromarray(FRAMES[number]).save(tmp_path / f"img{number}.png")
    (tmp_path / "notes.txt").write_text("not a frame")
    return tmp_path


def test_a_folder_is_a_clip_in_natural_order(folder):
    assert numbers(folder) == [0, 1, 2, 10]
    assert numbers(folder / "img*.png", [3, 0]) == [10, 0]
    with open_clip(str(folder), rate=Fraction(30000, 1001), name="frames") as clip:
        assert clip.label == "frames"
        assert clip.times[3] == Fraction(3003, 30000)
        assert clip.end == Fraction(4004, 30000)
    with open_clip(str(folder)) as clip:
        assert clip.times[1] == Fraction(1, 25)


def test_frames_of_a_folder_are_brought_to_the_kind_of_the_first(folder):
    Image.fromarray(FRAMES[1][..., 0]).save(folder / "img1.png")
    Image.fromarray(np.dstack([FRAMES[2], np.full((HEIGHT, WIDTH), 255, np.uint8)])).save(folder / "img2.png")
    with open_clip(str(folder)) as clip:
        assert {clip.frame(index).picture.pixels.shape for index in range(4)} == {(HEIGHT, WIDTH, 3)}
    assert numbers(folder) == [0, 1, 2, 10]


@pytest.mark.parametrize(
    ("frame", "problem"),
    [
        (FRAMES[2][:40], "img2.png is 64 x 40 pixels, and the first frame 64 x 48"),
        (FRAMES[2][..., 0].astype(np.uint16), "img2.png is uint16, and the first frame uint8"),
        (np.dstack([FRAMES[2], FRAMES[2][..., 0]]), "img2.png has transparent pixels"),
    ],
)
def test_a_frame_of_another_kind_is_an_error_at_that_frame(folder, frame, problem):
    Image.fromarray(frame).save(folder / "img2.png")
    with open_clip(str(folder)) as clip:
        assert number_in(clip.frame(1).picture.pixels) == 1
        with pytest.raises(FileProblemError, match=problem):
            clip.frame(2)


@pytest.mark.parametrize(
    ("source", "problem"),
    [("none.mp4", "none.mp4 does not exist"), ("*.jpg", "holds no image; check the pattern"), ("", "holds no image")],
)
def test_a_source_without_frames_is_a_mistake(tmp_path, source, problem):
    with pytest.raises(InvalidInputError, match=problem):
        open_clip(os.path.join(tmp_path, source))


def test_a_still_is_a_clip_of_one_frame(samples):
    with open_clip(str(samples / "chelsea.png"), rate=Fraction(2)) as clip:
        assert (len(clip), clip.end, clip.times) == (1, Fraction(1, 2), [0])
        assert np.array_equal(clip.frame(0).picture.pixels, read(samples / "chelsea.png").pixels)


class Times(SimpleNamespace):
    """A clip of which only the times are asked for."""

    label = "clip.mp4"

    def __len__(self):
        return len(self.times)


TEN = Times(times=[Fraction(index, 4) for index in range(10)], end=Fraction(5, 2), rate=Fraction(4))
THIRDS = Times(times=[Fraction(index, 30) for index in range(90)], end=Fraction(3), rate=Fraction(30))


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (":", range(10)), ("3", [3]), ("-1", [9]), ("7,9,-1", [7, 9]), ("0:100:5", [0, 5]), ("::-1", range(9, -1, -1)),
        (" 2 : 4 , 0", [2, 3, 0]), ("-3:", [7, 8, 9]),
    ],
)  # fmt: skip
def test_frames_are_chosen_by_number(words, expected):
    assert Selection.parse(frames=words).indices(TEN) == list(expected)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("0", [0]), ("1.5", [6]), ("1.6", [6]), ("00:00:01.5", [6]), ("00:01", [4]), ("-0.25", [9]),
        ("0.3,2.4", [1, 9]),
        ("..", range(10)), ("1..1.5", [4, 5]), ("1..", range(4, 10)), ("..0.5", [0, 1]),
        ("0..10..0.5", [0, 2, 4, 6, 8]),
        ("....1", [0, 4, 8]), ("-1..", range(6, 10)), ("0..2.5..0.0001", range(10)),
        ("00:00:01..00:00:01.6", [4, 5, 6]),
        ("0.1..1..0.3", [0, 1, 2]),
    ],
)  # fmt: skip
def test_frames_are_chosen_by_time(words, expected):
    assert Selection.parse(times=words).indices(TEN) == list(expected)


def test_a_time_as_it_is_printed_names_its_frame():
    for index, time in enumerate(THIRDS.times):
        assert Selection.parse(times=f"{float(time):.3f}").indices(THIRDS) == [index]
    assert Selection.parse(times="0.333..0.433").indices(THIRDS) == [10, 11, 12]


def test_without_words_all_frames_are_chosen():
    assert Selection.parse().indices(TEN) == list(range(10))


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"frames": "10"}, "clip.mp4 has no frame 10; it holds 10 frames, numbers 0 to 9, and ends at 2.5 s"),
        ({"frames": "-11"}, "has no frame -11"),
        ({"frames": "20:30"}, "--frames chooses no frame of clip.mp4"),
        ({"frames": "1.5"}, "--frames holds '1.5', which is no frame"),
        ({"frames": ""}, "--frames holds '', which is no frame"),
        ({"frames": "0:1:2:3"}, "is no slice"),
        ({"frames": "0:9:0"}, "a step of 0"),
        ({"times": "2.5"}, "shows nothing at 2.5 s"),
        ({"times": "-3"}, "shows nothing at -3 s"),
        ({"times": "2..1"}, "--times chooses no frame"),
        ({"times": "0:10:0.5"}, "--times holds '0:10:0.5', which is no time; .*0..10..0.5"),
        ({"times": "1..2..0"}, "whose step is not above 0"),
        ({"times": "1..2..3..4"}, "is no span"),
        ({"times": "nan"}, "is no time"),
        ({"frames": "1", "times": "1"}, "both choose frames"),
    ],
)
def test_a_choice_that_means_nothing_is_a_mistake(options, problem):
    with pytest.raises(InvalidInputError, match=problem):
        Selection.parse(**options).indices(TEN)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("1.5", 1.5), (" .25 ", 0.25), ("01:30", 90), ("1:02:03.25", 3723.25), ("-00:00:01", -1), ("120:00:00", 432000)],
)
def test_times_are_seconds_or_clocks(text, seconds):
    assert parse_time(text, "time") == Fraction(seconds)


@pytest.mark.parametrize("text", ["", "1e3", "1:2:3:4", "00:61", "01:99:00", "x", "1:5", "inf"])
def test_other_words_are_no_times(text):
    with pytest.raises(GlimpseError, match="column time holds"):
        parse_time(text, "column time")
