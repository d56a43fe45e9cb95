"""`glimpse track`: what it writes, what it says, and what it leaves when something goes wrong.

The tracker itself is tested in test_tracking.py; here one stands in that finds the pixels that are blue.
"""

import csv
import json
import math
import os
import re
import signal
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from glimpsecli import cli
from glimpsecli.annotations.tracks import read_tracks
from glimpsecli.errors import InvalidInputError
from glimpsecli.jobs import tracking
from glimpsecli.learning.tracking import Tracked
from glimpsecli.video.opening import open_clip
from glimpsecli.window import Window

HEIGHT, WIDTH, FRAMES = 60, 80, 16
BOX = "4,20,16,12"


def drawn(number, hidden=(), second=False):
    """A frame: a blue box that goes 2 pixels to the right, and if wanted another one that goes up by 1."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    frame = np.stack([x * 2, y * 3, 0 * x], axis=2).astype(np.uint8)
    if number not in hidden:
        frame[20:32, 4 + 2 * number : 20 + 2 * number, 2] = 255
    if second:
        frame[45 - number : 55 - number, 60:70, 2] = 200
    return frame


def film(path, frames, codec="ffv1", pix_fmt="bgr0", rate=25):
    with av.open(str(path), "w") as container:
        height, width = frames[0].shape[:2]
        stream = container.add_stream(codec, rate=rate, width=width, height=height, pix_fmt=pix_fmt)
        for number, array in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(array, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, rate)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return str(path)


@pytest.fixture(scope="session")
def videos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("videos")
    return {
        "plain": film(folder / "plain.mkv", [drawn(k) for k in range(FRAMES)]),
        "hidden": film(folder / "hidden.mkv", [drawn(k, {6, 7, 8}) for k in range(FRAMES)]),
        "gone": film(folder / "gone.mkv", [drawn(k, range(12, FRAMES)) for k in range(FRAMES)]),
        "late": film(folder / "late.mkv", [drawn(k, range(4)) for k in range(FRAMES)]),
        "two": film(folder / "two.mkv", [drawn(k, second=True) for k in range(FRAMES)]),
    }


class Fake:
    """Finds the pixels whose blue is that of the middle of the first window."""

    def __init__(self, image, window, options=None):
        self.blue = int(image[int(window.cy), int(window.cx), 2])
        if self.blue < 100:
            raise InvalidInputError("there is nothing in the window", "give another one")
        self.last = window

    def __call__(self, image):
        rows, columns = np.nonzero(image[..., 2] == self.blue)
        if not len(rows):
            return Tracked(self.last, "lost", "it is nowhere", 0.1, math.nan, (math.nan, math.nan))
        x, y = columns.min(), rows.min()
        self.last = Window.from_box(x, y, columns.max() + 1 - x, rows.max() + 1 - y)
        return Tracked(self.last, "found", "it is blue", 0.9, 0.2, (0.01, 0.02))


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A fresh folder in which every test works, with the stand-in."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tracking, "Tracker", Fake)
    return tmp_path


@pytest.fixture
def track(capsysbinary):
    """Run `glimpse track`; give its exit code, its output, and what it said."""

    def run(video, line, *more):
        code = cli.run(["track", video, *line.split(), *map(str, more)])
        out, err = capsysbinary.readouterr()
        return code, out.decode(), err.decode()

    return run


@pytest.fixture
def done(track):
    """Run `glimpse track`, which must succeed."""

    def run(video, line, *more):
        code, out, err = track(video, line, *more)
        assert code == 0, err
        return out, err

    return run


def rows(name="t.csv"):
    with open(name, newline="") as file:
        return list(csv.DictReader(file))


def column(name, path="t.csv"):
    return [float(row[name]) for row in rows(path)]


class TestTables:
    def test_a_row_for_each_frame_from_the_start_on(self, done, videos):
        done(videos["plain"], f"--box {BOX} -o t.csv")
        assert ",".join(rows()[0]) == (
            "frame,time,id,x,y,width,height,angle,zncc,second,spread_x,spread_y,state,reason"
        )
        assert column("frame") == list(range(FRAMES))
        assert column("x") == [4 + 2 * k for k in range(FRAMES)]
        assert column("time") == [round(k / 25, 6) for k in range(FRAMES)]
        assert rows()[0]["second"] == ""
        assert rows()[1]["second"] == "0.2"

    def test_a_start_in_the_middle(self, done, videos):
        done(videos["plain"], "--at 22,26 --extent 16x12 --start 5 -o t.csv")
        assert column("frame") == list(range(5, FRAMES))
        done(videos["plain"], "--box 34,20,16,12 --start -1 --backward -o u.csv")
        assert column("frame", "u.csv") == list(range(FRAMES))
        assert column("x", "u.csv") == [4 + 2 * k for k in range(FRAMES)]

    def test_chosen_frames(self, done, videos):
        done(videos["plain"], f"--box {BOX} --frames 0:12:3 -o t.csv")
        assert column("frame") == [0, 3, 6, 9]
        done(videos["plain"], "--box 8,20,16,12 --times 0.08..0.2 -o u.csv")
        assert column("frame", "u.csv") == [2, 3, 4]

    def test_lost_frames_have_their_windows_or_are_left_out(self, done, videos):
        done(videos["hidden"], f"--box {BOX} -o t.csv")
        assert [row["state"] for row in rows()].count("lost") == 3
        assert read_tracks("t.csv")["1"].frames == (0, 1, 2, 3, 4, 5, *range(9, FRAMES))
        done(videos["hidden"], f"--box {BOX} --only-found -o u.csv")
        assert len(rows("u.csv")) == FRAMES - 3

    def test_mot_counts_from_one_and_reads_back(self, done, videos):
        done(videos["hidden"], f"--box {BOX} --id 7 -o t.txt -o u.csv")
        lines = Path("t.txt").read_text().splitlines()
        assert lines[0] == "1,7,5.0000,21.0000,16.0,12.0,1.0000,-1,-1,-1"
        assert len(lines) == FRAMES - 3
        mot, own = read_tracks("t.txt")["7"], read_tracks("u.csv")["7"]
        assert mot.frames == own.frames
        assert np.allclose(mot.windows((HEIGHT, WIDTH)), own.windows((HEIGHT, WIDTH)))

    def test_json_lines(self, done, videos):
        done(videos["plain"], f"--box {BOX} -o t.jsonl")
        lines = [json.loads(line) for line in Path("t.jsonl").read_text().splitlines()]
        assert lines[0]["second"] is None
        assert lines[3]["x"] == 10
        assert read_tracks("t.jsonl")["1"].frames == tuple(range(FRAMES))

    def test_standard_output(self, done, videos):
        out, _ = done(videos["plain"], f"--box {BOX} -o - --format csv")
        assert len(out.splitlines()) == FRAMES + 1
        out, err = done(videos["plain"], f"--box {BOX} --json")
        assert [json.loads(line)["frame"] for line in out.splitlines()] == list(range(FRAMES))
        assert err == ""

    def test_several_objects_in_one_run(self, done, videos):
        with open("in.csv", "w") as file:
            file.write("id,frame,x,y,width,height\n3,0,4,20,16,12\n9,4,60,41,10,10\n9,6,0,0,9,9\n")
        done(videos["two"], "--windows in.csv -o t.csv -o t.txt")
        tracks = read_tracks("t.csv")
        assert tracks["3"].frames == tuple(range(FRAMES))
        assert tracks["9"].frames == tuple(range(4, FRAMES))
        assert tracks["9"].windows((HEIGHT, WIDTH))[-1].tolist() == [65, 35, 10, 10, 0]
        done(videos["two"], "--windows in.csv --id 9 -o u.csv")
        assert list(read_tracks("u.csv")) == ["9"]
        done(videos["two"], "--box 4,20,16,12 --box 60,45,10,10 -o v.csv")
        assert list(read_tracks("v.csv")) == ["1", "2"]

    def test_rows_without_frames_are_objects(self, done, videos):
        with open("in.csv", "w") as file:
            file.write("x,y,width,height\n4,20,16,12\n60,45,10,10\n")
        done(videos["two"], "--windows in.csv -o t.csv")
        assert list(read_tracks("t.csv")) == ["1", "2"]

    def test_rows_with_times_are_one_object(self, done, track, videos):
        with open("in.csv", "w") as file:
            file.write("time,x,y,width,height\n0.08,8,20,16,12\n00:00:00.2,14,20,16,12\n")
        done(videos["plain"], "--windows in.csv -o t.csv")
        assert list(read_tracks("t.csv")) == ["1"]
        assert column("frame") == list(range(2, FRAMES))
        done(videos["plain"], "--windows in.csv --backward -o u.csv")
        assert column("frame", "u.csv") == list(range(6))
        with open("in.csv", "a") as file:
            file.write("9,8,20,16,12\n")
        code, _, err = track(videos["plain"], "--windows in.csv -o v.csv")
        assert code == 2
        assert "in.csv, line 4: plain.mkv shows nothing at 9 s" in err.replace(
            os.path.dirname(videos["plain"]) + "/", ""
        )

    def test_the_options_reach_the_tracker(self, done, videos, monkeypatch):
        given = []

        class Watched(Fake):
            def __init__(self, image, window, options):
                given.append(options)
                super().__init__(image, window, options)

        monkeypatch.setattr(tracking, "Tracker", Watched)
        line = "--free position,angle --side 24 --context 1.2 --update 0 --motion near --search 1.5 --no-verdict"
        done(videos["plain"], f"--box {BOX} {line} --no-redetect -o t.csv")
        (options,) = given
        assert options.free == {"position", "angle"}
        assert options.sampler == "bilinear"
        assert (options.side, options.context, options.update, options.motion) == (24, 1.2, 0, "near")
        assert (options.search, options.verdict, options.redetect) == (1.5, False, False)


class TestVerdicts:
    def test_lost_at_the_end(self, track, videos):
        code, _, err = track(videos["gone"], f"--box {BOX} -o t.csv -o t.gif")
        assert code == 1
        assert "1 is lost from frame 12 on, and was not found again up to frame 15" in err
        assert len(rows()) == FRAMES
        assert os.path.exists("t.gif")

    def test_changes_are_told(self, done, videos):
        _, err = done(videos["hidden"], f"--box {BOX} -o t.csv -v")
        assert "glimpse: frame 6: 1 is lost: it is nowhere\nglimpse: frame 9: 1 is found: it is blue\n" in err
        assert done(videos["hidden"], f"--box {BOX} -o u.csv -q")[1] == ""

    def test_two_objects_in_one_place_are_doubted(self, track, videos):
        class Taken(Fake):
            """The second object is taken for the first from frame 6 on, and both are followed as one."""

            frames = 0

            def __call__(self, image):
                self.frames += 1
                if self.blue == 200 and self.frames >= 6:
                    self.blue = 255
                return super().__call__(image)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(tracking, "Tracker", Taken)
            track(videos["two"], "--box 4,20,16,12 --box 60,45,10,10 -o t.csv")
            track(videos["two"], "--box 4,20,16,12 --box 60,45,10,10 -o u.csv --no-verdict")
            track(videos["plain"], "--box 4,20,16,12 --box 5,20,16,12 -o v.csv")
        told = {(row["id"], row["state"], row["reason"]) for row in rows() if int(row["frame"]) >= 6}
        assert told == {("1", "doubtful", "2 is found here, too"), ("2", "doubtful", "1 is found here, too")}
        assert {row["state"] for row in rows() if int(row["frame"]) < 6} == {"found"}
        assert {row["state"] for row in rows("u.csv")} == {"found"}  # every frame is to be believed
        assert {row["state"] for row in rows("v.csv")} == {"found"}  # they never were two places

    def test_objects_without_a_row_in_these_frames_are_told(self, done, videos):
        Path("w.csv").write_text(
            "frame,id,x,y,width,height\n0,a,4,20,16,12\n0,b,60,45,10,10\n12,b,60,33,10,10\n40,c,1,2,9,9\n"
        )
        _, err = done(videos["two"], "--windows w.csv -o t.csv")
        assert "left out, without a window in these frames of w.csv: 'c'\n" in err
        _, err = done(videos["two"], "--windows w.csv --frames 12: -o u.csv")
        assert "of w.csv: 'a' and 'c'\n" in err or "of w.csv: 'a', 'c'\n" in err

    def test_giving_up(self, track, videos):
        code, _, err = track(videos["gone"], f"--box {BOX} --stop-when-lost 2 -o t.csv")
        assert code == 1
        assert column("frame")[-1] == 13
        assert "1 is lost from frame 12 on, and was not found again up to frame 13" in err
        done_code, _, _ = track(videos["hidden"], f"--box {BOX} --stop-when-lost 4 -o u.csv")
        assert done_code == 0

    def test_both_ways(self, done, track, videos, monkeypatch):
        done(videos["plain"], f"--box {BOX} --both-ways -o t.csv")
        assert {row["state"] for row in rows()} == {"found"}

        class Settles(Fake):
            """From frame 8 on it stays where it is, and so it does on the way back."""

            def __init__(self, image, window, options=None):
                self.blue, self.last = 255, window
                self.left = 8 if window.cx < 20 else 0

            def __call__(self, image):
                self.left -= 1
                seen = super().__call__(image) if self.left >= 0 else self.stayed
                self.stayed = seen
                return seen

            stayed = Tracked(Window(28, 26, 16, 12), "found", "it stays", 0.9, 0.2, (0.0, 0.0))

        monkeypatch.setattr(tracking, "Tracker", Settles)
        done(videos["plain"], f"--box {BOX} --both-ways -o u.csv")
        states = [row["state"] for row in rows("u.csv")]
        assert states == ["found"] * 4 + ["doubtful"] * (FRAMES - 4)  # over the next 4 the two still overlap
        assert {row["reason"] for row in rows("u.csv")[4:]} == {"its way back leads elsewhere"}

        class Detours(Fake):
            """On the way back it is elsewhere for 3 frames."""

            def __init__(self, image, window, options=None):
                super().__init__(image, window)
                self.frame = FRAMES - 1 if window.cx > 30 else -99

            def __call__(self, image):
                self.frame -= 1
                seen = super().__call__(image)
                return seen._replace(window=Window(60, 50, 16, 12)) if self.frame in (6, 7, 8) else seen

        monkeypatch.setattr(tracking, "Tracker", Detours)
        done(videos["plain"], f"--box {BOX} --both-ways -o v.csv")
        assert [k for k, row in enumerate(rows("v.csv")) if row["state"] == "doubtful"] == [6, 7, 8]

    def test_a_way_back_that_is_lost_confirms_nothing(self, done, videos, monkeypatch):
        class Vanishes(Fake):
            """On the way back it is lost before frame 10."""

            def __init__(self, image, window, options=None):
                super().__init__(image, window)
                self.frame = FRAMES - 1 if window.cx > 30 else 99

            def __call__(self, image):
                self.frame -= 1
                seen = super().__call__(image)
                return seen._replace(state="lost") if self.frame < 10 else seen

        monkeypatch.setattr(tracking, "Tracker", Vanishes)
        done(videos["plain"], f"--box {BOX} --both-ways -o t.csv")
        assert [row["state"] for row in rows()] == ["found"] * 10 + ["doubtful"] * 6
        done(videos["plain"], f"--box {BOX} --both-ways --stop-when-lost 3 -o u.csv")
        assert [row["state"] for row in rows("u.csv")] == ["found"] * 10 + ["doubtful"] * 6

    def test_both_ways_of_a_video_that_breaks_off(self, track, videos):
        os.mkdir("in")
        for k in range(FRAMES):
            Image.fromarray(drawn(k) if k < 12 else drawn(k)[:-8]).save(f"in/{k:02}.png")
        code, _, err = track("in", "--box 14,20,16,12 --start 5 --both-ways -o t.csv -o t.gif")
        assert code == 1
        assert err.count("error") == 1
        assert column("frame") == list(range(12))
        assert {row["state"] for row in rows()} == {"found"}
        assert column("x") == [4 + 2 * k for k in range(12)]

    def test_both_ways_refuses_an_object_once(self, track, videos):
        code, _, err = track(videos["two"], "--box 34,20,16,12 --box 40,2,16,12 --start 15 --both-ways -o t.csv")
        assert code == 1
        assert err.count("error") == 1
        assert "16 frames: 16 found; written: t.csv" in err
        assert {row["id"] for row in rows()} == {"1"}

    def test_both_ways_from_the_middle(self, done, videos):
        done(videos["hidden"], "--box 28,20,16,12 --start 12 --both-ways -o t.csv -o t.mkv --lossless")
        assert column("frame") == list(range(FRAMES))
        known = [k for k, row in enumerate(rows()) if row["state"] == "found"]
        assert known == [k for k in range(FRAMES) if k not in (6, 7, 8)]
        assert [column("x")[k] for k in known] == [4 + 2 * k for k in known]
        with open_clip("t.mkv") as clip:
            assert len(clip) == FRAMES

    def test_lost_at_the_beginning(self, track, videos):
        code, _, err = track(videos["late"], "--box 34,20,16,12 --start -1 --backward -o t.csv")
        assert code == 1
        assert "1 is lost from frame 3 back, and was not found again up to frame 0" in err

    def test_scores(self, done, videos):
        done(videos["plain"], f"--box {BOX} -o truth.csv")
        out, _ = done(videos["hidden"], f"--box {BOX} --truth truth.csv --json")
        scores = json.loads(out.splitlines()[-1])
        assert scores["frames"] == FRAMES
        assert scores["lost_at"] is None
        assert scores["right"] + scores["wrong"] == FRAMES
        assert scores["wrong_warned"] == scores["wrong"]
        # The window rests at frame 5: 2, 4 and 6 pixels behind of 16.
        expected = (FRAMES - 3 + sum((16 - d) / (16 + d) for d in (2, 4, 6))) / FRAMES
        assert scores["iou"] == pytest.approx(expected, abs=1e-4)
        out, _ = done(videos["plain"], f"--box {BOX} --truth truth.csv")
        assert out == (
            "1: IoU 1.000, AUC 0.952, P20 1.000; doubtful or lost in 0 of 0 wrong frames and in 0 of 16 right ones\n"
        )

    def test_giving_up_does_not_raise_the_scores(self, done, track, videos):
        done(videos["plain"], f"--box {BOX} -o truth.csv")
        _, out, _ = track(
            videos["gone"], f"--box {BOX} --frames 2: --truth truth.csv --json --stop-when-lost 1 --start 4"
        )
        scores = json.loads(out.splitlines()[-1])
        assert scores["frames"] == FRAMES - 4
        assert scores["wrong"] == scores["wrong_warned"] == 3
        _, out, _ = track(videos["late"], "--box 34,20,16,12 --start -1 --backward --truth truth.csv --json")
        late = json.loads(out.splitlines()[-1])
        more = "--start -1 --backward --truth truth.csv --json --stop-when-lost 1"
        _, out, _ = track(videos["late"], f"--box 34,20,16,12 {more}")
        scores = json.loads(out.splitlines()[-1])
        assert scores["frames"] == late["frames"] == FRAMES
        assert scores["iou"] < late["iou"]
        assert scores["wrong_warned"] == 3


class TestPictures:
    def test_glimpses_in_a_folder(self, done, videos):
        done(videos["plain"], f"--box {BOX} --id cat -o seen/ --frames :4")
        assert sorted(os.listdir("seen")) == [f"cat_{k:06d}.png" for k in range(4)]
        with Image.open("seen/cat_000003.png") as image:
            pixels = np.asarray(image)
        assert pixels.shape == (12, 16, 3)
        assert (pixels[2:-2, 2:-2, 2] == 255).all()
        done(
            videos["plain"], f"--box {BOX} -o other/ --frames :2 --size 8 --name {{stem}}-{{id}}-{{frame}} --format jpg"
        )
        assert sorted(os.listdir("other")) == ["plain-1-0.jpg", "plain-1-1.jpg"]

    def test_glimpses_in_one_file(self, done, videos):
        done(videos["hidden"], f"--box {BOX} -o t.npz --size 20x10")
        with np.load("t.npz") as arrays:
            assert arrays["glimpses"].shape == (FRAMES, 10, 20, 3)
            assert arrays["windows"][4].tolist() == [20, 26, 16, 12, 0]
            assert arrays["frames"].tolist() == list(range(FRAMES))
            assert arrays["states"].tolist().count("lost") == 3
            assert set(arrays["ids"]) == {"1"}

    def test_the_film_shows_box_and_verdict(self, done, videos):
        done(videos["hidden"], f"--box {BOX} -o t.mkv --lossless --trail 3")
        with open_clip("t.mkv") as clip:
            assert len(clip) == FRAMES
            assert clip.size == (HEIGHT, WIDTH)
            found, lost = (clip.frame(k).picture.pixels.astype(int) for k in (4, 7))
        edge = found[20, 13:27]  # the upper edge of the box
        assert (edge[:, 1] > 1.6 * edge.max(axis=1, where=[True, False, True], initial=0)).all()
        edge = lost[20, 15:29]  # where it was last, dashed
        red = edge[:, 0] > 1.6 * edge[:, 1:].max(axis=1)
        assert 4 < red.sum() < 13
        assert np.array_equal(found[:, 60:], drawn(4)[:, 60:])

    def test_the_way_is_broken_where_the_object_is_lost(self, done, videos):
        done(videos["hidden"], f"--box {BOX} -o t.mkv --lossless")
        done(videos["plain"], f"--box {BOX} -o u.mkv --lossless")
        with open_clip("t.mkv") as broken, open_clip("u.mkv") as whole:
            assert not np.array_equal(broken.frame(5).picture.pixels[26, :22], drawn(5)[26, :22])
            before = slice(26, 27), slice(8, 22)  # the way to frame 5
            assert np.array_equal(broken.frame(12).picture.pixels[before], drawn(12)[before])
            assert not np.array_equal(whole.frame(12).picture.pixels[before], drawn(12)[before])

    def test_the_glimpse_beside_the_frame(self, done, videos):
        done(videos["plain"], f"--box {BOX} -o t.mkv --lossless --inset")
        with open_clip("t.mkv") as clip:
            pixels = clip.frame(3).picture.pixels
        assert pixels.shape == (HEIGHT, WIDTH + 2 + 80, 3)
        assert (pixels[5:-5, WIDTH + 10 : -10, 2] > 250).all()

    def test_a_folder_of_frames(self, done, videos):
        done(videos["two"], "--box 4,20,16,12 --box 60,45,10,10 -o seen/ --overlay --frames :2")
        assert sorted(os.listdir("seen")) == ["two_000000.png", "two_000001.png"]

    def test_a_frame_of_one_object_is_called_by_it(self, done, videos):
        done(videos["plain"], f"--box {BOX} --id cat -o seen/ --overlay --frames :2 --name {{id}}_{{frame}}")
        assert sorted(os.listdir("seen")) == ["cat_0.png", "cat_1.png"]

    @pytest.mark.parametrize(("height", "box", "size"), [(59, BOX, (58, 160)), (60, "4,20,17,14", (60, 154))])
    def test_a_film_of_odd_sides_beside_the_glimpse(self, done, height, box, size):
        clip = film("odd.mkv", [drawn(k)[:height] for k in range(4)])
        done(clip, f"--box {box} -o t.mp4 --inset")
        with open_clip("t.mp4") as made:
            assert made.size == size
            assert len(made) == 4

    def test_a_film_for_every_player(self, done, videos):
        odd = film("odd.mkv", [drawn(k)[:-1, :-1] for k in range(4)])
        done(odd, f"--box {BOX} -o t.mp4")
        with open_clip("t.mp4") as clip:
            assert clip.size == (HEIGHT - 2, WIDTH - 2)
            assert len(clip) == 4

    def test_backward_films_go_forward(self, done, videos):
        done(videos["plain"], "--box 34,20,16,12 --start 15 --backward -o t.mkv --lossless --trail 0")
        with open_clip("t.mkv") as clip:
            assert np.array_equal(clip.frame(2).picture.pixels[:, 60:], drawn(2)[:, 60:])


class TestMistakes:
    @pytest.mark.parametrize(
        ("line", "said"),
        [
            ("-o t.csv", "say what to follow"),
            (f"--box {BOX}", "nothing would be written"),
            (f"--box {BOX} --at 3,3 -o t.csv", "--at X,Y and --extent WxH go together"),
            ("--box 90,20,16,12 -o t.csv", "the box 90,20,16,12 lies outside of the 80x60 frame"),
            ("--box 4,-20,16,12 -o t.csv", "lies outside"),
            ("--box 4,20,1,1 -o t.csv", "too small to be followed"),
            ("--box 60,2,16,12 -o t.csv", "1, frame 0: there is nothing in the window"),
            (f"--box {BOX} --start 99 -o t.csv", "--start 99 is not among the frames"),
            (f"--box {BOX} --frames 0:8:2 --start 1 -o t.csv", "they are some of 0 to 6"),
            (f"--box {BOX} -o t.xml", "is no name for a track"),
            (f"--box {BOX} -o t.jpg", "is no name for a track"),
            (f"--box {BOX} -o -", "give --format"),
            (f"--box {BOX} --both-ways --backward -o t.csv", "--backward does not go with --both-ways"),
            (f"--box {BOX} -o - --format csv --json", "standard output"),
            (f"--box {BOX} -o t.csv -o t.csv", "would hold two outputs"),
            (f"--box {BOX} -o t.csv --inset", "--inset has no use here"),
            (f"--box {BOX} -o t.csv --format mot", "--format mot with no output of it"),
            (f"--box {BOX} -o t.csv --size 8", "--size has no use here"),
            (f"--box {BOX} --id cat -o t.txt", "the id cat in a table of MOT"),
            (f"--box {BOX} --free position,angle -o t.txt", "a table of MOT has no angles"),
            (f"--box {BOX} --box 60,45,10,10 --inset -o t.gif", "--inset with 2 objects"),
            (f"--box {BOX} --box 60,45,10,10 -o t/ --overlay --name {{id}}_{{frame}}", "frames that show 2 objects"),
            (f"--box {BOX} --free scale -o t.csv", "leaves out the position"),
            (f"--box {BOX} -o t.csv --sampler bilinear --blur 1", "it is for gaussian"),
            (f"--box {BOX} -o t.csv --truth none.csv", "none.csv"),
            ("--windows none.csv -o t.csv", "none.csv"),
        ],
    )
    def test_one_line_and_no_file(self, track, videos, line, said):
        code, out, err = track(videos["two"], line)
        assert code == 2
        assert out == ""
        assert said in err
        assert len([one for one in err.splitlines() if "error" in one]) == 1
        assert os.listdir() == []

    def test_existing_files_stay(self, track, videos):
        with open("t.csv", "w") as file:
            file.write("mine")
        code, _, err = track(videos["plain"], f"--box {BOX} -o t.csv")
        assert code == 2
        assert "exists" in err
        assert Path("t.csv").read_text() == "mine"
        assert track(videos["plain"], f"--box {BOX} -o t.csv --overwrite")[0] == 0
        assert len(rows()) == FRAMES

    def test_a_photo_is_no_video(self, track):
        Image.fromarray(drawn(0)).save("one.png")
        code, _, err = track("one.png", f"--box {BOX} -o t.csv")
        assert code == 2
        assert "has one frame" in err

    def test_a_box_at_the_edge_is_told(self, done, videos):
        left = film("left.mkv", [np.roll(drawn(k), -5, axis=1) for k in range(4)])
        _, err = done(left, "--box -1,20,16,12 -o t.csv")
        assert "the box -1,20,16,12 of 1 reaches the left edge: the rest of it may be outside" in err

    def test_a_box_without_edges(self, track):
        os.mkdir("in")
        stripes = np.broadcast_to(np.arange(WIDTH)[:, None] // 4 % 2 * 200, (HEIGHT, WIDTH, 3))
        for k in range(3):
            Image.fromarray(stripes.astype(np.uint8)).save(f"in/{k}.png")
        code, _, err = track("in", f"--box {BOX} -o t.csv")
        assert code == 2
        assert "1, frame 0: the box 4,20,16,12 shows nothing that fixes its place" in err
        assert not os.path.exists("t.csv")

    def test_an_object_that_cannot_be_followed_leaves_the_others(self, track, videos):
        code, _, err = track(videos["two"], "--box 4,20,16,12 --box 40,2,16,12 -o t.csv")
        assert code == 1
        assert "2, frame 0: there is nothing in the window" in err
        assert {row["id"] for row in rows()} == {"1"}
        assert len(rows()) == FRAMES

    def test_objects_of_which_none_can_be_followed(self, track, videos):
        code, _, err = track(videos["two"], "--box 4,2,16,12 --box 40,2,16,12 -o t.csv -o t.gif -o seen/ --overlay")
        assert code == 2
        assert err.count("there is nothing in the window") == 2
        assert len(err.splitlines()) == 2
        assert os.listdir() == []
        with open("in.csv", "w") as file:
            file.write("id,frame,x,y,width,height\n1,0,4,2,16,12\n2,4,40,2,16,12\n")
        code, _, err = track(videos["two"], "--windows in.csv -o t.csv -o seen/ --overlay")
        assert code == 2
        assert os.listdir() == ["in.csv"]

    def test_glimpses_without_alpha_lie_on_white(self, done):
        os.mkdir("in")
        for k in range(3):
            frame = np.dstack([drawn(k), np.full((HEIGHT, WIDTH), 255, np.uint8)])
            frame[:4, :4, 3] = 0
            Image.fromarray(frame).save(f"in/{k}.png")
        done("in", f"--box {BOX} -o seen/ --format jpg")
        with Image.open("seen/1_000001.jpg") as image:
            assert image.mode == "RGB"

    def test_frames_of_two_sizes(self, track):
        os.mkdir("in")
        for k in range(6):
            Image.fromarray(drawn(k) if k < 4 else drawn(k)[:-8]).save(f"in/{k}.png")
        code, _, err = track("in", f"--box {BOX} -o t.csv -o t.gif")
        assert code == 1
        assert "80 x 52 pixels" in err
        assert err.count("error") == 1
        assert column("frame") == [0, 1, 2, 3]
        with Image.open("t.gif") as image:
            assert image.n_frames == 4

    def test_a_video_that_ends_early(self, track, videos):
        content = Path(videos["plain"]).read_bytes()
        with open("cut.mkv", "wb") as file:
            file.write(content[: len(content) // 2])
        code, _, err = track("cut.mkv", f"--box {BOX} -o t.csv")
        assert code == 1
        assert "error" in err
        assert 4 < len(rows()) < FRAMES

    def test_an_output_that_fails_leaves_the_others(self, track, videos, monkeypatch):
        from glimpsecli.errors import FileProblemError
        from glimpsecli.jobs import tracked_pictures

        def full(*args, **kwargs):
            raise FileProblemError("t.npz could not be written: no space left on device")

        monkeypatch.setattr(tracked_pictures.images, "write_npz", full)
        code, _, err = track(videos["plain"], f"--box {BOX} -o t.npz -o t.csv")
        assert code == 1
        assert "no space left" in err
        assert len(rows()) == FRAMES
        assert not os.path.exists("t.npz")

    def test_a_full_disk_under_a_film_leaves_the_tables(self, track, videos, monkeypatch):
        from glimpsecli.jobs import tracked_pictures

        def full(*args):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(tracked_pictures.DrawnFilm, "add", full)
        code, _, err = track(videos["plain"], f"--box {BOX} -o t.csv -o t.mkv -o t.jsonl")
        assert code == 1
        assert "error: t.mkv could not be written: no space left on device" in err
        assert len(rows()) == FRAMES
        assert os.path.exists("t.jsonl")
        assert not os.path.exists("t.mkv")

    def test_without_outputs_there_is_no_more_to_do(self, track, videos):
        code, _, err = track(videos["plain"], f"--box {BOX} -o t.mp4 --codec no")
        assert code != 0
        assert len(os.listdir()) == 0
        assert err.count("error") == 1


SCRIPT = """
import sys, time
sys.path.insert(0, {tests!r})
import test_track_command
from glimpsecli import cli
from glimpsecli.errors import InvalidInputError
from glimpsecli.jobs import tracking
class Slow(test_track_command.Fake):
    def __call__(self, image):
        if image[25, 30, 2]:
            print("there", flush=True)
            time.sleep({pause})
        return super().__call__(image)
tracking.Tracker = Slow
cli.main()
"""


@pytest.mark.parametrize("kind", ["csv", "gif", "npz"])
def test_a_reader_that_leaves_does_not_end_the_other_outputs(videos, kind):
    code = SCRIPT.format(tests=os.path.dirname(__file__), pause=0).replace('print("there", flush=True)', "pass")
    line = ["track", videos["plain"], "--box", BOX, "-o", "-", "--format", kind, "-o", "t.csv"]
    run = subprocess.Popen([sys.executable, "-c", code, *line], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    run.stdout.close()
    err = run.stderr.read()
    run.stderr.close()
    assert run.wait(60) == 0
    assert b"error" not in err.lower()
    assert b"written: t.csv" in err
    assert len(rows()) == FRAMES


class TestInterrupted:
    def begun(self, videos, pause, *more, box=BOX):
        code = SCRIPT.format(tests=os.path.dirname(__file__), pause=pause)
        line = ["track", videos["plain"], "--box", box, "-o", "t.csv", "-o", "t.mkv", "-o", "seen/", *more]
        run = subprocess.Popen([sys.executable, "-c", code, *line], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert run.stdout.readline() == b"there\n"
        return run

    def test_ctrl_c_keeps_what_was_followed(self, videos):
        run = self.begun(videos, 0.5)
        run.send_signal(signal.SIGINT)
        _, err = run.communicate(timeout=60)
        assert run.returncode == 130
        assert re.search(rb"interrupted at frame [0-9]+; not written: t.mkv\n", err)
        assert 2 < len(rows()) < FRAMES
        assert not os.path.exists("t.mkv")
        assert not [name for name in os.listdir() if name.endswith("tmp")]
        assert 2 < len(os.listdir("seen")) < FRAMES

    @pytest.mark.parametrize(
        ("box", "more"), [(BOX, ["--both-ways"]), ("34,20,16,12", ["--backward", "--start", "-1"])]
    )
    def test_ctrl_c_on_the_way_there(self, videos, box, more):
        run = self.begun(videos, 0.5, *more, box=box)
        run.send_signal(signal.SIGINT)
        _, err = run.communicate(timeout=60)
        assert run.returncode == 130, err
        assert b"interrupted at frame" in err
        assert 1 < len(rows()) < FRAMES
        assert not os.path.exists("t.mkv")
        assert not os.path.exists("seen")
        assert err.splitlines()[-2].endswith(b"; written: t.csv")
        assert not [name for name in os.listdir() if name.endswith("tmp")]

    def test_the_end_of_the_session_leaves_no_half_film(self, videos):
        run = self.begun(videos, 60)
        run.send_signal(signal.SIGTERM)
        run.communicate(timeout=60)
        assert run.returncode == 143
        assert not os.path.exists("t.mkv")
        assert not [name for name in os.listdir() if name.endswith("tmp")]

    def test_kill_leaves_no_half_file(self, videos):
        run = self.begun(videos, 60)
        time.sleep(0.1)
        run.kill()
        run.communicate(timeout=60)
        assert not os.path.exists("t.mkv")
        assert not os.path.exists("t.csv")
        for name in os.listdir("seen"):
            with Image.open(f"seen/{name}") as image:
                image.load()


class TestReally:
    """With the real tracker, on the sample clip, whose truth is known."""

    def follow(self, done, samples, line):
        from glimpsecli.learning.tracking import Tracker

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(tracking, "Tracker", Tracker)
            truth = samples / "postcard.csv"
            out, _ = done(str(samples / "postcard.webp"), f"--windows {truth} --start 0 --json {line} --truth {truth}")
        return json.loads(out.splitlines()[-1])

    def test_a_card_that_turns(self, done, samples):
        scores = self.follow(done, samples, "--free position,scale,angle -o t.csv")
        assert scores["iou"] > 0.95
        assert scores["right_warned"] == 0
        angles = column("angle")
        assert max(angles) - min(angles) > 10

    def test_a_card_that_turns_in_upright_windows(self, done, samples):
        scores = self.follow(done, samples, "-o t.csv --both-ways")
        assert scores["iou"] > 0.7
        assert scores["lost_at"] is None
