"""`glimpse path`: the window of every frame is where it should be, and the film shows what lies there."""

import csv
from fractions import Fraction

import av
import numpy as np
import pytest
from PIL import Image

from glimpsecli import cli, open_clip, write_film
from glimpsecli.motion.path import Path

HEIGHT, WIDTH = 48, 64
UNEVEN = [0, 1, 2, 3, 4, 10, 11, 12, 13, 14, 20, 21, 22, 23, 24, 30, 31, 32, 33, 34]  # in units of 1/50 s


def ramp(number=0):
    """A picture whose red is 3 x, whose green is 4 y, and whose blue is 8 times its number."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    return np.stack([3 * x, 4 * y, np.full_like(x, 8 * number)], axis=2).astype(np.uint8)


@pytest.fixture(scope="session")
def video(tmp_path_factory):
    """A film of 20 ramps at uneven times, without loss."""
    path = tmp_path_factory.mktemp("video") / "uneven.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=50, width=WIDTH, height=HEIGHT, pix_fmt="bgr0")
        stream.codec_context.time_base = Fraction(1, 50)
        for number, pts in enumerate(UNEVEN):
            frame = av.VideoFrame.from_ndarray(ramp(number), format="rgb24").reformat(format="bgr0")
            frame.pts, frame.time_base = pts, Fraction(1, 50)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return str(path)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A fresh folder with a photo, where every test works."""
    monkeypatch.chdir(tmp_path)
    Image.fromarray(ramp()).save("ramp.png")
    return tmp_path


@pytest.fixture
def glimpse(capsys):
    """Run `glimpse path`; give its exit code and what it said."""

    def run(line, *more):
        code = cli.run(["path", *line.split(), *map(str, more)])
        return code, capsys.readouterr().err

    return run


@pytest.fixture
def done(glimpse):
    """Run `glimpse path`, which must succeed, and give what it said."""

    def run(line, *more):
        code, err = glimpse(line, *more)
        assert code == 0, err
        return err

    return run


def write(name, text):
    with open(name, "w") as file:
        file.write(text)
    return name


def rows(name):
    with open(name, newline="") as file:
        found = list(csv.DictReader(file))
    return {column: np.array([float(row[column]) for row in found]) for column in found[0]}


def windows(name):
    table = rows(name)
    return np.stack([table[column] for column in ("cx", "cy", "width", "height", "angle")], axis=1)


def windows_of(line, done):
    """The windows of a path."""
    done(f"{line} -o windows.csv --overwrite")
    return windows("windows.csv")


def film(name):
    """The frames of a film and their times."""
    with av.open(name) as container:
        frames = list(container.decode(video=0))
    return [frame.to_ndarray(format="rgb24") for frame in frames], [frame.time for frame in frames]


def test_the_glimpses_of_a_photo_lie_where_their_windows_are(done):
    done("ramp.png --from 10,10,20,12 --to 30.5,20.25,10,6 --duration 1 --fps 8 --ease linear --depth float -o out.npz")
    with np.load("out.npz") as found:
        expected = Path([0, 7 / 8], [(20, 16, 20, 12, 0), (35.5, 23.25, 10, 6, 0)], "linear")(np.arange(8) / 8)
        assert found["windows"] == pytest.approx(expected)
        assert found["times"] == pytest.approx(np.arange(8) / 8)
        assert found["frames"].tolist() == list(range(8))
        assert found["glimpses"].shape == (8, 12, 20, 3)
        seen = found["glimpses"].mean(axis=(1, 2)) * 255
    assert seen[:, 0] == pytest.approx(3 * (expected[:, 0] - 0.5), abs=0.05)
    assert seen[:, 1] == pytest.approx(4 * (expected[:, 1] - 0.5), abs=0.05)


def test_a_slow_pan_does_not_shake(done):
    y, x = np.mgrid[:HEIGHT, :WIDTH] + 0.5
    blob = np.exp(-((x - 32) ** 2 + (y - 24) ** 2) / (2 * 3**2))
    Image.fromarray(np.rint(65535 * blob).astype(np.uint16)).save("blob.png")
    done("blob.png --from 8,6,40,36 --to 11.9,9.9,40,36 --ease linear --fps 30 --duration 1 --depth float -o out.npz")
    with np.load("out.npz") as found:
        glimpses = found["glimpses"][..., 0].astype(float)
    weights = glimpses / glimpses.sum(axis=(1, 2), keepdims=True)
    for axis, extent in ((2, 40), (1, 36)):
        places = weights.sum(axis=3 - axis) @ (np.arange(extent) + 0.5)  # the blob's centre of mass
        steps = np.diff(places)
        assert steps == pytest.approx(-3.9 / 29, abs=4e-3)
        assert np.abs(np.diff(steps)).max() < 3e-3  # whole pixels would give 1, a blur of 0.5 pixels 0.015


def test_a_film_of_a_photo(done):
    err = done("ramp.png --from 10,10,21,13 --to 30,20,10,6 --duration 0.5 --fps 20 -o out.mkv --lossless")
    frames, times = film("out.mkv")
    assert "1 film written to out.mkv" in err
    assert len(frames) == 10
    assert frames[0].shape == (12, 20, 3)  # even, and the aspect of the first window within a pixel
    assert times == pytest.approx(np.arange(10) / 20, abs=1e-3)
    assert frames[0].mean(axis=(0, 1)) == pytest.approx([3 * 20, 4 * 16, 0], abs=0.6)


def test_a_gif_needs_no_extra(done):
    done("ramp.png --from 10,10,20,12 --to 30,20,10,6 --duration 0.5 --fps 10 -o out.gif")
    with Image.open("out.gif") as image:
        assert (image.n_frames, image.size) == (5, (20, 12))


def test_keyframes_of_a_video_keep_its_uneven_times(done, video):
    write("keys.csv", "frame,cx,cy,width,height,ease\n0,10,10,8,8,linear\n5,30,10,8,8,\n19,30,30,8,8,\n")
    done(f"{video} --keyframes keys.csv -o way.csv")
    done(f"{video} --keyframes keys.csv -o out.mkv --lossless")
    seconds = np.array(UNEVEN) / 50
    expected = Path(
        seconds[[0, 5, 19]], [(10, 10, 8, 8, 0), (30, 10, 8, 8, 0), (30, 30, 8, 8, 0)], ["linear", "smooth"]
    )
    assert rows("way.csv")["time"] == pytest.approx(seconds, abs=1e-6)
    assert windows("way.csv") == pytest.approx(expected(seconds), abs=1e-6)
    frames, times = film("out.mkv")
    assert times == pytest.approx(seconds, abs=1e-3)
    means = np.array([frame.mean(axis=(0, 1)) for frame in frames])
    assert means[:, 2] == pytest.approx(8 * np.arange(20), abs=0.01)
    assert means[:, 0] == pytest.approx(3 * (expected(seconds)[:, 0] - 0.5), abs=0.6)


def test_chosen_frames_and_speed(done, video):
    done(f"{video} --from 0,0,8,8 --to 40,0,8,8 --ease linear --frames 5:10 --speed 2 -o way.csv")
    table = rows("way.csv")
    assert table["frame"].tolist() == [5, 6, 7, 8, 9]
    assert table["time"] == pytest.approx(np.array([10, 11, 12, 13, 14]) / 50)  # of the video
    assert table["cx"] == pytest.approx([4, 14, 24, 34, 44])
    done(f"{video} --from 0,0,8,8 --to 40,0,8,8 --frames 5:10 --speed 2 -o out.mkv --lossless")
    frames, times = film("out.mkv")
    assert times == pytest.approx(np.arange(5) / 100, abs=1e-3)
    assert [frame[0, 0, 2] for frame in frames] == [40, 48, 56, 64, 72]


def test_a_track_is_followed_over_its_own_frames_and_gaps_are_filled(done, glimpse, video):
    write(
        "mot.txt",
        "4,1,11,11,8,8,1,-1,-1,-1\n5,1,13,11,8,8,1,-1,-1,-1\n7,1,23,11,8,8,1,-1,-1,-1\n9,2,1,1,4,4,1,-1,-1,-1\n",
    )
    done(f"{video} --windows mot.txt --id 1 --context 1.5 -o way.csv")
    table = rows("way.csv")
    assert table["frame"].tolist() == [3, 4, 5, 6]
    # Frame 5 is 6 of 7 fiftieths of a second after frame 4.
    assert table["cx"] == pytest.approx([14, 16, 16 + 10 * 6 / 7, 26], abs=1e-5)
    assert table["width"].tolist() == [12] * 4
    code, err = glimpse(f"{video} --windows mot.txt --id 1 --max-gap 100ms -o no.csv")
    assert (code, err.count("\n")) == (2, 1)
    assert "id 1 has no window at frame 5;" in err
    code, err = glimpse(f"{video} --windows mot.txt -o no.csv")
    assert (code, "choose with --id" in err) == (2, True)


def test_the_looks_of_a_model_are_held(done):
    write("looks.csv", "time,cx,cy,width,height\n0.5,10,10,8,8\n0.9,40,10,8,8\n1.1,40,30,8,8\n")
    done("ramp.png --windows looks.csv --hold --fps 10 -o way.csv")
    # The first look lasts 0.4 s, the second 0.2 s, and the last as long as the longer of these two.
    assert windows("way.csv")[:, 0].tolist() == [10] * 4 + [40] * 6
    assert windows("way.csv")[:, 1].tolist() == [10] * 6 + [30] * 4
    write("looks.csv", "cx,cy,width,height\n10,10,8,8\n40,10,8,8\n40,30,8,8\n")
    done("ramp.png --windows looks.csv --hold --fps 2 -o way.csv --overwrite")
    assert rows("way.csv")["time"].tolist() == [0, 0.5, 1]
    assert windows("way.csv")[:, 0].tolist() == [10, 40, 40]


def test_a_written_path_can_be_read_again(done, video):
    done(f"{video} --from 0,0,8,8 --to 40,30,20,10 --stretch -o way.csv")
    done(f"{video} --keyframes way.csv --ease linear --stretch -o keys.csv")
    done(f"{video} --windows way.csv --stretch -o track.csv")
    assert windows("keys.csv") == pytest.approx(windows("way.csv"), abs=1e-5)
    assert windows("track.csv") == pytest.approx(windows("way.csv"), abs=1e-5)


def test_a_held_path_of_a_video_whose_times_are_no_round_numbers_can_be_read_again(done):
    write_film("ntsc.mp4", [ramp(k) for k in range(12)], rate=30000 / 1001)
    write("rows.csv", "time,cx,cy,width,height\n" + "".join(f"{k / 29.97:.3f},{9 + k},9,8,8\n" for k in range(2, 9)))
    done("ntsc.mp4 --windows rows.csv --hold --frames 2:9 -o held.csv")
    assert rows("held.csv")["frame"].tolist() == list(range(2, 9))
    assert rows("held.csv")["cx"].tolist() == list(range(11, 18))
    done("ntsc.mp4 --keyframes held.csv --ease hold --frames 2:9 -o again.csv")
    assert windows("again.csv").tolist() == windows("held.csv").tolist()


def test_keyframes_are_cropped_to_the_aspect_and_boxes_of_a_track_grown(done):
    ends = "ramp.png --from 0,0,40,40 --to 10,10,20,10 --duration 0.08 -o way.csv --overwrite"
    done(f"{ends} --size 32x16")
    assert windows("way.csv")[[0, -1], 2:4].tolist() == [[40, 20], [20, 10]]
    done(ends)  # the aspect of the first
    assert windows("way.csv")[[0, -1], 2:4].tolist() == [[40, 40], [10, 10]]
    done(f"{ends} --stretch --size 32x16")
    assert windows("way.csv")[[0, -1], 2:4].tolist() == [[40, 40], [20, 10]]
    write("track.csv", "frame,cx,cy,width,height\n0,20,20,10,20\n1,20,20,10,5\n")
    done("ramp.png --windows track.csv --aspect 2:1 -o way.csv --overwrite")
    assert windows("way.csv")[:, 2:4].tolist() == [[40, 20], [10, 5]]


def test_the_camera_is_steady_smooth_and_inside(done):
    x = 20 + np.where(np.arange(60) % 2, 0.2, -0.2) + 40 * (np.arange(60) > 40)
    write("track.csv", "frame,cx,cy,width,height\n" + "".join(f"{k},{v},24,16,12\n" for k, v in enumerate(x)))
    done("ramp.png --windows track.csv --deadzone 4% -o way.csv")
    assert np.ptp(windows("way.csv")[:40, 0]) == 0
    done("ramp.png --windows track.csv --deadzone 4% --smooth 0.1s --keep-inside -o way.csv --overwrite")
    found = windows("way.csv")
    assert np.abs(np.diff(found[:, 0], 2)).max() < 4
    assert found[:, 0].max() <= WIDTH - 8
    assert found[-1, 0] > WIDTH - 10


def test_angles_orbits_and_splines_reach_the_path(done):
    write("keys.csv", "time,cx,cy,width,height,angle\n0,10,10,4,4,350\n1,50,40,4,4,10\n2,10,40,8,8,0\n")
    done("ramp.png --keyframes keys.csv --zoom orbit --ease linear -o orbit.csv")
    found = windows("orbit.csv")
    assert found[:25, 2].max() > 20
    assert found[12, 4] == pytest.approx(350 + 20 * 12 / 25)
    done("ramp.png --keyframes keys.csv --turns --ease spline -o spline.csv")
    expected = Path([0, 1, 2], [(10, 10, 4, 4, 350), (50, 40, 4, 4, 10), (10, 40, 8, 8, 0)], "spline", turns=True)
    assert windows("spline.csv") == pytest.approx(expected(np.arange(51) / 25), abs=1e-5)
    done("ramp.png --keyframes keys.csv -o out.npz")
    assert np.load("out.npz")["glimpses"].shape == (51, 4, 4, 3)


def test_quadrilaterals_move_corner_by_corner(done, glimpse):
    write("keys.csv", "time,x1,y1,x2,y2,x3,y3,x4,y4\n0,0,0,20,0,20,10,0,10\n0.2,10,5,40,10,40,30,10,20\n")
    done("ramp.png --keyframes keys.csv --ease linear --fps 10 --depth float -o out.npz")
    with np.load("out.npz") as found:
        assert found["quads"][1] == pytest.approx(np.array([(5, 2.5), (30, 5), (30, 20), (5, 15)]), abs=1e-5)
        assert found["glimpses"].shape == (3, 10, 20, 3)
    done("ramp.png --keyframes keys.csv --ease linear --fps 10 -o way.csv")
    done("ramp.png --keyframes way.csv --ease linear --fps 10 -o again.csv")
    assert rows("way.csv")["x3"].tolist() == [20, 30, 40]
    assert {name: column.tolist() for name, column in rows("way.csv").items()} == {
        name: column.tolist() for name, column in rows("again.csv").items()
    }
    done("ramp.png --keyframes keys.csv --overlay --trail 3 -o out.gif")
    for more in ("--smooth 1", "--keep-inside", "--zoom orbit", "--context 2"):
        code, err = glimpse(f"ramp.png --keyframes keys.csv {more} -o no.csv")
        assert (code, err.count("\n")) == (2, 1)
        assert "the keyframes are quadrilaterals" in err


def test_an_overlay_draws_the_window_and_its_trail_on_the_frames(done, video):
    done(
        f"{video} --from 8,8,8,8 --to 40,30,8,8 --ease linear --overlay --colour white --trail 30 -o out.mkv --lossless"
    )
    frames, _ = film("out.mkv")
    last = frames[-1]
    assert last.shape == (HEIGHT, WIDTH, 3)
    assert last[30, 44].min() > 200  # the upper edge of the window
    assert last[34, 44].min() > 200  # the end of the trail
    assert last[33, 42].max() > 150
    untouched = ramp(19)
    assert np.array_equal(last[:, :6], untouched[:, :6])
    assert np.array_equal(last[44:], untouched[44:])
    assert np.array_equal(frames[0][20:], ramp(0)[20:])


def test_a_trail_ends_at_a_cut_and_cuts_of_other_frames_do_no_harm(done, video):
    write(
        "keys.csv",
        "frame,cx,cy,width,height,cut\n0,30,40,4,4,\n2,30,40,4,4,1\n6,10,24,4,4,\n7,50,24,4,4,1\n9,54,24,4,4,\n"
        "15,9,9,4,4,1\n",
    )
    done(f"{video} --keyframes keys.csv --ease linear --frames 4:12 --overlay --trail 9 -o out.mkv --lossless")
    frames, _ = film("out.mkv")
    assert len(frames) == 8
    for shown, number in ((frames[2], 6), (frames[4], 8)):
        assert np.array_equal(shown[20:28, 20:40], ramp(number)[20:28, 20:40])  # nothing from one place to the other
        assert not np.array_equal(shown, ramp(number))
    assert windows_of(f"{video} --keyframes keys.csv --ease linear --frames 4:12", done)[:, 0][3] == 50


def test_a_path_of_one_frame_has_a_trail_of_one_dot(done):
    done("ramp.png --from 8,8,8,8 --to 40,30,8,8 --duration 0.04 --overlay --trail 5 -o out/")
    with Image.open("out/ramp_000000.png") as image:
        assert np.asarray(image)[12, 12].tolist() == [255, 217, 0]


def test_an_overlay_of_odd_sides_is_made_even_for_a_film_and_scaled_on_demand(done):
    Image.fromarray(ramp()[:47, :63]).save("odd.png")
    done("odd.png --from 8,8,8,8 --to 40,30,8,8 --duration 0.2 --overlay -o out.mp4")
    assert film("out.mp4")[0][0].shape == (48, 64, 3)
    done("odd.png --from 8,8,8,8 --to 40,30,8,8 --duration 0.2 --overlay --size 126 -o out.gif")
    with Image.open("out.gif") as image:
        assert image.size == (126, 94)


def test_an_inset_puts_the_glimpse_beside_the_frame(done, video):
    done(f"{video} --from 8,8,16,16 --to 40,30,16,16 --inset --size 48x48 -o out.mkv --lossless")
    frames, _ = film("out.mkv")
    done(f"{video} --from 8,8,16,16 --to 40,30,16,16 --size 48x48 -o glimpses.mkv --lossless")
    glimpses, _ = film("glimpses.mkv")
    for number in (0, 10, 19):
        figure = frames[number]
        assert figure.shape == (48, WIDTH + 2 + 48, 3)
        assert np.all(figure[:, WIDTH : WIDTH + 2] == 255)
        assert np.array_equal(figure[:, WIDTH + 2 :], glimpses[number])
        assert figure[0, 0].tolist() == ramp(number)[0, 0].tolist()
    red, green, blue = frames[0][8, 16].tolist()  # the upper edge of the window, in green
    assert green > 150 > 3 * max(red, blue)


def test_a_folder_of_frames_goes_in_and_out(done, glimpse):
    import os

    os.mkdir("frames")
    for number in range(12):
        Image.fromarray(ramp(number)).save(f"frames/{number}.png")
    done("frames --from 8,8,16,16 --to 40,30,16,16 --fps 10 -o out/")
    assert sorted(os.listdir("out"))[:2] == ["frames_000000.png", "frames_000001.png"]
    with Image.open("out/frames_000011.png") as image:
        assert np.asarray(image)[..., 2].tolist() == [[88] * 16] * 16
    done("frames/*.png --from 8,8,16,16 --to 40,30,16,16 --fps 10 -o way.csv")
    assert rows("way.csv")["time"][-1] == pytest.approx(1.1)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("ramp.png -o out.gif", "say where to move by one of"),
        ("ramp.png --from 0,0,8,8 -o out.gif", "--from and --to go together"),
        ("ramp.png --from 0,0,8,8 --to 0,0,8,8 --keyframes k.csv -o out.gif", "say where to move by one of"),
        ("ramp.png --from 0,0,8,8 --to 0,0,8,8 --hold -o out.gif", "--hold belongs to --windows"),
        ("ramp.png --windows w.csv --ease in -o out.gif", "--ease is for --keyframes"),
        ("ramp.png --windows w.csv --hold --smooth 1 -o out.gif", "--smooth does not go with --hold"),
        ("ramp.png --from 0,0,8,8 --to 0,0,8,8 --trail 4 -o out.gif", "--trail belongs to --overlay"),
        ("ramp.png --from 0,0,8,8 --to 0,0,8,8 --overlay --inset -o out.gif", "--overlay does not go with --inset"),
        ("ramp.png --from 0,0,8,8 --to 0,0,8,8 --speed 2 -o out.gif", "give --duration"),
        ("ramp.png --from 0,0,8,8 --to 0,0,8,8 --frames 3 -o out.gif", "has one frame"),
        ("ramp.png --from 0,0,8,8 --to 0,0,8,8 --duration 0 -o out.gif", "has 0 frames"),
        ("ramp.png --from 0,0,8,8 --to 0,0,8,8 --duration 99:00:00 --fps 100 -o out.gif", "it may have 1 to"),
        ("ramp.png --from 0,0,8,8 --to 0,0,8,8 --fps 0 -o out.gif", "no positive number"),
        ("ramp.png --from 0,0,8,8 --to 0,0,8 -o out.gif", "3 numbers"),
        ("ramp.png --from 0,0@0 --to 0,0,8,8 -o out.gif", "'0' is no zoom"),
        ("ramp.png --from 0,0,8,8 --to 0,0,8,8 --deadzone 4 -o out.gif", "write it as 4%"),
        ("ramp.png --from 0,0,8,8 --to 0,0,8,8 --aspect 16/9 -o out.gif", "write it as 16:9"),
        ("ramp.png --from 0,0,8,8 --to 0,0,8,8 --context 0 -o out.gif", "--context 0"),
        ("ramp.png --from 0,0,8,8 --to 0,0,8,8 -o ramp.png", "ramp.png"),
        ("none.png --from 0,0,8,8 --to 0,0,8,8 -o out.gif", "none.png"),
        ("ramp.png --from 0,0,8,8 --to 0,0,8,8 --size 9x9 --duration 0.1 -o out.mp4", "even"),
        ("ramp.png --from 0,0,8,8 --to 0,0,8,8 --overlay -o out.npz", "holds glimpses, and no pictures"),
        ("- --keyframes - -o out.gif", "both want standard input"),
    ],
)
def test_mistakes_are_told_in_one_line_and_nothing_is_written(glimpse, folder, line, words):
    before = {path: path.read_bytes() for path in folder.iterdir()}
    code, err = glimpse(line)
    assert code == 2
    assert words in err
    assert err.startswith("glimpse: ")
    assert err.count("\n") == 1
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


def test_options_of_time_that_a_video_has_no_use_for_are_refused(glimpse, video):
    for more, words in (("--fps 10", "has times of its own"), ("--duration 3", "has 20 frames")):
        code, err = glimpse(f"{video} --from 0,0,8,8 --to 0,0,8,8 {more} -o out.csv")
        assert (code, err.count("\n")) == (2, 1)
        assert words in err


def test_alpha_that_a_film_cannot_hold_is_told_once(done, glimpse):
    alpha = np.where(np.mgrid[:HEIGHT, :WIDTH][1] < 32, 255, 0).astype(np.uint8)
    Image.fromarray(np.dstack([ramp(), alpha])).save("rgba.png")
    line = "rgba.png --from 0,0,8,8 --to 40,0,8,8 --duration 0.2"
    code, err = glimpse(f"{line} -o out.mp4")
    assert (code, err.count("\n")) == (2, 1)
    assert "MP4 cannot hold the alpha channel of rgba.png" in err
    done(f"{line} -o out.mp4 --fill white")
    assert film("out.mp4")[0][-1].min() > 250
    done(f"{line} -o out.mkv --lossless")
    with open_clip("out.mkv") as clip:
        assert clip.frame(len(clip) - 1).picture.pixels[:, :, 3].max() == 0
    done(f"{line} -o out.gif")
    done(f"{line} -o drawn.mp4 --overlay")


def test_rows_beyond_the_video_are_refused(glimpse, video):
    write("keys.csv", "frame,cx,cy,zoom\n0,1,1,2\n20,1,1,2\n")
    code, err = glimpse(f"{video} --keyframes keys.csv -o out.csv")
    assert (code, err.count("\n")) == (2, 1)
    assert "line 3: frame 20" in err
    write("track.csv", "time,cx,cy,width,height\n5,1,1,2,2\n6,1,1,2,2\n")
    code, err = glimpse(f"{video} --windows track.csv -o out.csv")
    assert (code, err.count("\n")) == (2, 1)
    assert "lies from 5 to 6 s" in err


def test_tables_are_not_replaced(done, glimpse):
    write("keys.csv", "time,cx,cy,zoom\n0,1,1,2\n1,9,9,2\n")
    code, err = glimpse("ramp.png --keyframes keys.csv -o keys.csv --overwrite")
    assert (code, "keys.csv is the input" in err) == (2, True)
    done("ramp.png --keyframes keys.csv -o way.csv")
    code, err = glimpse("ramp.png --keyframes keys.csv -o way.csv")
    assert (code, "way.csv exists" in err) == (2, True)
