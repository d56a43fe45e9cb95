"""Videos in the commands that look at images: the choice of frames, films, and videos that break off."""

import json
import subprocess
import sys
from fractions import Fraction

import films
import numpy as np
import pytest
from PIL import Image

from glimpsecli import Window, cli, extract, open_clip, write_film
from glimpsecli.errors import FileProblemError
from glimpsecli.video.clip import Clip
from glimpsecli.video.film import FilmOptions

COUNT, RATE = 24, 12
SHAPE = (48, 64, 3)


@pytest.fixture(scope="session")
def pictures():
    """Frames without two that are alike."""
    rng = np.random.default_rng(5)
    base = np.kron(rng.integers(0, 200, (6, 8, 3)), np.ones((8, 8, 1)))
    return [np.roll(base, (k, 2 * k), (0, 1)).astype(np.uint8) + np.uint8(k) for k in range(COUNT)]


@pytest.fixture(scope="session")
def clips(pictures, tmp_path_factory):
    """One video without loss, as Matroska and as an animated PNG, and with loss as MP4."""
    folder = tmp_path_factory.mktemp("clips")
    for name, lossless in (("clip.mkv", True), ("clip.png", False), ("clip.mp4", False)):
        write_film(folder / name, pictures, rate=RATE, options=FilmOptions(lossless=lossless))
    return folder


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A fresh folder, where every test works."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def glimpse(capsys):
    """Run the command in this process; give its exit code, and what it printed."""

    def run(line, *more):
        code = cli.run([*line.split(), *more])
        out, err = capsys.readouterr()
        return code, out, err

    return run


def pixels(path):
    with Image.open(path) as image:
        return np.asarray(image)


@pytest.mark.parametrize("name", ["clip.mkv", "clip.png"])
def test_chosen_frames_are_files_with_the_pixels_of_the_frames(glimpse, clips, pictures, name):
    code, out, err = glimpse(f"extract {clips / name} --frames 3:20:8,-1 --box 8,4,32,24 -o seen/")
    assert (code, out, err) == (0, "", "glimpse: 4 glimpses written to seen/\n")
    for k in (3, 11, 19, 23):
        np.testing.assert_array_equal(pixels(f"seen/clip_{k:06d}_000.png"), pictures[k][4:28, 8:40])


def test_times_choose_the_frames_that_are_shown_then(glimpse, clips, pictures):
    code, _, _ = glimpse(f"extract {clips / 'clip.mkv'} --times 0.5..1..0.25 --json -o seen/ --name {{frame}}")
    assert code == 0
    for k in (6, 9):
        np.testing.assert_array_equal(pixels(f"seen/{k}.png"), pictures[k])
    assert not (clips.parent / "seen").exists()


def test_without_a_choice_the_first_frame_is_taken_and_said_so(glimpse, clips, pictures):
    code, _, err = glimpse(f"extract {clips / 'clip.mkv'} -o first.png")
    assert (code, err.count("\n")) == (0, 2)
    assert "has 24 frames: the first is taken; choose with --frames" in err
    np.testing.assert_array_equal(pixels("first.png"), pictures[0])
    assert glimpse(f"extract {clips / 'clip.mkv'} --frame 7 -o seventh.png")[0] == 0
    np.testing.assert_array_equal(pixels("seventh.png"), pictures[7])


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_film_shows_all_frames_through_the_window(glimpse, clips, pictures, jobs):
    window = "--at 30,20 --extent 40x24 --size 32x20"
    code, _, err = glimpse(f"extract {clips / 'clip.mkv'} {window} -o film.mkv --lossless -j {jobs}")
    assert (code, err) == (0, "glimpse: 1 film written to film.mkv\n")
    with open_clip("film.mkv") as film:
        assert (len(film), film.size, film.end) == (COUNT, (20, 32), Fraction(2))
        for k, picture in enumerate(pictures):
            expected = np.clip(np.rint(extract(picture, Window(30, 20, 40, 24), (20, 32))), 0, 255)
            np.testing.assert_array_equal(film.frame(k).picture.pixels, expected)


def test_a_film_of_some_frames_keeps_their_times(glimpse, clips):
    code, out, _ = glimpse(f"extract {clips / 'clip.mkv'} --frames 6:18:3 -o film.webp --quality 100 --json")
    assert code == 0
    assert json.loads(out) == {"file": "film.webp", "frames": 4, "width": 64, "height": 48, "duration": 1.0}
    with open_clip("film.webp") as film:
        assert list(film.times) == [0, Fraction(1, 4), Fraction(1, 2), Fraction(3, 4)]


def test_an_npz_names_frames_and_times(glimpse, clips, pictures):
    assert glimpse(f"extract {clips / 'clip.mkv'} --frames 2,5 --box 0,0,8,8 -o all.npz")[0] == 0
    with np.load("all.npz") as arrays:
        assert arrays["frames"].tolist() == [2, 5]
        np.testing.assert_allclose(arrays["times"], [2 / RATE, 5 / RATE], atol=5e-4)  # Matroska counts milliseconds
        np.testing.assert_array_equal(arrays["glimpses"][1], pictures[5][:8, :8])


TABLE = "frame,id,x,y,width,height\n3,a,0,0,16,12\n3,b,8,8,16,12\n9,a,4,0,16,12\n"


def test_a_table_of_frames_cuts_a_box_for_each_row(glimpse, clips, pictures, tmp_path):
    (tmp_path / "tracks.csv").write_text(TABLE)
    line = f"extract {clips / 'clip.mkv'} --windows tracks.csv -o cut/ --name {{label}}/{{frame:03d}}"
    code, _, err = glimpse(line)
    assert (code, err) == (0, "glimpse: 3 glimpses written to cut/\n")
    np.testing.assert_array_equal(pixels("cut/a/003.png"), pictures[3][:12, :16])
    np.testing.assert_array_equal(pixels("cut/b/003.png"), pictures[3][8:20, 8:24])
    np.testing.assert_array_equal(pixels("cut/a/009.png"), pictures[9][:12, 4:20])


def test_a_table_of_frames_over_a_photo_is_refused(glimpse, tmp_path, samples):
    (tmp_path / "tracks.csv").write_text(TABLE)
    code, _, err = glimpse(f"extract {samples / 'camera.png'} --windows tracks.csv -o cut/")
    assert code == 2
    assert "camera.png has no frame 3; it holds 1 frame" in err
    assert err.count("\n") == 1


def test_a_batch_records_frames_and_replay_and_resume_find_them_again(glimpse, clips, tmp_path):
    line = f"batch {clips / 'clip.mkv'} {clips / 'clip.mp4'} --frames 1:24:7 --box 4,4,24,16 --size 12x8 -o set"
    name = "--name {stem}_{ext}_{frame:03d}"
    assert glimpse(f"{line} {name}")[0] == 0
    rows = [json.loads(row) for row in (tmp_path / "set/metadata.jsonl").read_text().splitlines()]
    assert [row["frame"] for row in rows] == [1, 8, 15, 22] * 2
    assert all(abs(row["time"] - row["frame"] / RATE) < 5e-4 for row in rows)
    assert len({row["source_hash"] for row in rows}) == 2
    whole = {path.name: path.read_bytes() for path in (tmp_path / "set").iterdir()}
    assert glimpse("replay set -o again")[0] == 0
    for path in (tmp_path / "again").iterdir():
        assert path.read_bytes() == whole[path.name]
    (tmp_path / "set/clip_mp4_008.png").unlink()
    code, _, err = glimpse(f"{line} {name} --resume")
    assert (code, err) == (0, "glimpse: 1 glimpse of 1 image written to set/, 7 images skipped\n")
    assert {path.name: path.read_bytes() for path in (tmp_path / "set").iterdir()} == whole


def test_replay_refuses_a_video_that_has_changed(glimpse, clips, tmp_path):
    (tmp_path / "own.mkv").write_bytes((clips / "clip.mkv").read_bytes())
    assert glimpse("batch own.mkv --frames 1,2 -o set")[0] == 0
    (tmp_path / "own.mkv").write_bytes((clips / "clip.mkv").read_bytes() + b"\0")
    code, _, err = glimpse("replay set -o again")
    assert code == 1
    assert "own.mkv has changed since" in err


def test_a_folder_of_videos_is_searched_where_frames_are_asked_for(glimpse, clips, samples):
    code, _, err = glimpse(f"batch {clips} -o set --frames 0 --name {{stem}}_{{ext}} --dry-run")
    assert code == 0
    code, _, err = glimpse(f"batch {clips} -o set --dry-run")
    assert code == 0
    assert "left out: 1 .mkv, 1 .mp4" in err


def test_random_windows_differ_from_frame_to_frame(glimpse, clips, tmp_path):
    assert glimpse(f"batch {clips / 'clip.mkv'} --frames 0:4 --random 1 --size 8 -o set")[0] == 0
    rows = [json.loads(row) for row in (tmp_path / "set/metadata.jsonl").read_text().splitlines()]
    assert len({row["window"]["cx"] for row in rows}) == 4


def test_a_video_that_breaks_off_gives_its_good_frames_and_one_line(glimpse, clips, tmp_path):
    content = (clips / "clip.mkv").read_bytes()
    (tmp_path / "cut.mkv").write_bytes(content[: len(content) * 2 // 3])
    code, _, err = glimpse("extract cut.mkv --frames : -o seen/")
    assert (code, len(err.splitlines())) == (1, 2)
    assert err.startswith("glimpse: error: cut.mkv")
    good = sorted((tmp_path / "seen").iterdir())
    assert 4 < len(good) < COUNT
    code, _, err = glimpse("extract cut.mkv --frames 0,2 -o few/")  # these are whole
    assert (code, len(err.splitlines())) == (0, 2)
    code, _, err = glimpse("extract cut.mkv -o film.mkv --lossless")
    assert (code, len(err.splitlines())) == (1, 2)
    with open_clip("film.mkv") as film:
        assert len(film) == len(good)


@pytest.mark.parametrize(
    ("line", "code", "words"),
    [
        ("extract text.mp4 -o x.png", 1, "text.mp4"),
        ("extract empty.mp4 -o x.png", 1, "empty"),
        ("extract text.mp4 -o x.mp4", 1, "text.mp4"),
        ("extract {clip} --frames 99 -o x.png", 2, "no frame 99"),
        ("extract {clip} --frames 5:5 -o x/", 2, "chooses no frame"),
        ("extract {clip} --frames a -o x/", 2, "--frames"),
        ("extract {clip} --frames 1 --times 1 -o x/", 2, "--times"),
        ("extract {clip} --frames 0:3 -o x.jpg", 2, "do not fit into one JPEG"),
        ("extract {clip} --box 0,0,9,9 --box 1,1,9,9 -o x.mkv", 2, "a film shows one"),
        ("extract {clip} --windows tracks.csv -o x.mkv", 2, "give all one --size"),
        ("extract {clip} {clip2} -o x.mkv", 2, "film of 2 files"),
        ("extract {clip} --box 0,0,9,9 -o x.mp4", 2, "even"),
        ("extract {photo} -o x.mp4 --frame 3", 2, "no frame 3"),
        ("overlay {clip} --box 1,1,9,9 --trail 3 -o x.mkv", 2, "--trail"),
        ("extract {clip} -o x.mkv --depth float", 2, "--depth float"),
    ],
)
def test_mistakes_are_one_line_and_leave_nothing(glimpse, clips, samples, tmp_path, line, code, words):
    (tmp_path / "text.mp4").write_text("no video at all")
    (tmp_path / "empty.mp4").write_bytes(b"")
    (tmp_path / "tracks.csv").write_text("frame,x,y,width,height\n0,0,0,8,8\n1,0,0,10,8\n")
    names = {"clip": clips / "clip.mkv", "clip2": clips / "clip.mp4", "photo": samples / "camera.png"}
    found, out, err = glimpse(line.format(**names))
    assert (found, out) == (code, "")
    assert words in err
    assert err.count("\n") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty.mp4", "text.mp4", "tracks.csv"]


@pytest.mark.parametrize("name", ["clip.mkv", "clip.png"])
def test_rows_with_times_belong_to_the_frames_shown_then(glimpse, clips, pictures, tmp_path, name):
    (tmp_path / "looks.csv").write_text("time,x,y,width,height\n0.5,0,0,16,12\n0.55,8,8,16,12\n1.25,4,0,16,12\n")
    line = f"extract {clips / name} --windows looks.csv -o cut/ --name {{frame}}_{{index}}"
    assert glimpse(line)[0] == 0
    np.testing.assert_array_equal(pixels("cut/6_0.png"), pictures[6][:12, :16])
    np.testing.assert_array_equal(pixels("cut/6_1.png"), pictures[6][8:20, 8:24])
    np.testing.assert_array_equal(pixels("cut/15_0.png"), pictures[15][:12, 4:20])
    (tmp_path / "looks.csv").write_text("time,x,y,width,height\n9,0,0,16,12\n")
    code, _, err = glimpse(line)
    assert (code, err.count("\n")) == (2, 1)
    assert "shows nothing at 9 s" in err


@pytest.fixture
def frames(pictures, tmp_path):
    """A folder of frames."""
    (tmp_path / "frames").mkdir()
    for k in range(4):
        Image.fromarray(pictures[k]).save(tmp_path / f"frames/{k:02d}.png")
    return tmp_path / "frames"


def test_a_folder_or_a_pattern_of_frames_becomes_a_film(glimpse, frames, pictures):
    for source in ("frames", "frames/*.png"):
        for line in (f"extract {source}", f"overlay {source} --box 99,99,9,9 --no-mask"):
            code, _, err = glimpse(f"{line} --fps 8 --lossless --overwrite -o film.mkv")
            assert (code, err) == (0, "glimpse: 1 film written to film.mkv\n")
            with open_clip("film.mkv") as film:
                assert film.end == Fraction(1, 2)
                np.testing.assert_array_equal(film.frame(3).picture.pixels, pictures[3])


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("extract frames --frames : -o frames/ --name {frame:02d}", "frames is the output folder itself"),
        ("extract frames --frames 0 -o frames/02.png", "02.png is the input"),
        ("path frames --from 0,0,9,9 --to 1,1,9,9 -o frames/", "frames is the output folder itself"),
        ("path frames/*.png --from 0,0,9,9 --to 1,1,9,9 -o frames/ --name {frame:02d}", "00.png is the input"),
        ("overlay frames --frames : --box 0,0,9,9 -o frames/", "frames is the output folder itself"),
    ],
)
def test_the_frames_of_a_folder_are_inputs_that_nothing_replaces(glimpse, frames, line, words):
    before = {path.name: path.read_bytes() for path in frames.iterdir()}
    code, _, err = glimpse(f"{line} --overwrite")
    assert (code, err.count("\n")) == (2, 1)
    assert words in err
    assert {path.name: path.read_bytes() for path in frames.iterdir()} == before


def test_drawn_frames_of_odd_sides_repeat_their_last_row_and_column(glimpse, pictures):
    write_film("odd.mkv", [picture[:45, :61] for picture in pictures[:3]], options=FilmOptions(lossless=True))
    assert glimpse("overlay odd.mkv --box 8,8,20,20 --no-mask -o film.mp4")[0] == 0
    with open_clip("film.mp4") as film:
        assert film.size == (46, 62)
    code, _, err = glimpse("extract odd.mkv -o film2.mp4")
    assert (code, err.count("\n")) == (2, 1)
    assert "--size 62x46" in err


def test_a_film_ends_before_the_first_frame_that_is_missing(glimpse, clips, tmp_path, monkeypatch):
    def broken(clip, index):
        if index == 9:
            raise FileProblemError("frame 9 is missing")
        return whole(clip, index)

    whole = Clip.frame
    monkeypatch.setattr(Clip, "frame", broken)
    code, _, err = glimpse(f"extract {clips / 'clip.mkv'} -o film.mkv --lossless")
    assert (code, err) == (1, "glimpse: error: frame 9 is missing\nglimpse: 1 film written to film.mkv, 1 failed\n")
    monkeypatch.undo()
    with open_clip(str(tmp_path / "film.mkv")) as film:
        assert len(film) == 9


def test_each_missing_frame_counts_and_the_first_is_shown(glimpse, clips, tmp_path, monkeypatch):
    def broken(clip, index):
        if index in (3, 4, 11):
            raise FileProblemError(f"frame {index} is missing")
        return whole(clip, index)

    whole = Clip.frame
    monkeypatch.setattr(Clip, "frame", broken)
    code, _, err = glimpse(f"batch {clips / 'clip.mkv'} --frames : -o set -j 4")
    assert code == 1
    first, more, summary = err.splitlines()
    assert first == "glimpse: error: frame 3 is missing"
    assert more.endswith("clip.mkv: 2 more frames could not be read")
    assert summary == "glimpse: 21 glimpses written to set/, 3 failed"
    assert len((tmp_path / "set/failures.jsonl").read_text().splitlines()) == 3


def test_no_clip_is_closed_while_a_thread_reads_it(glimpse, clips, monkeypatch, tmp_path):
    monkeypatch.setattr("glimpsecli.jobs.clips.HELD", 1)
    for k in range(6):
        (tmp_path / f"c{k}.mkv").write_bytes((clips / "clip.mkv").read_bytes())
    code, _, err = glimpse("batch . --ext mkv --frames 0,5,9 --size 8 -o set -j 8")
    assert (code, err) == (0, "glimpse: 18 glimpses written to set/\n")


def test_standard_input_stays_open_among_many_videos(clips, tmp_path):
    for k in range(20):
        (tmp_path / f"c{k}.gif").write_bytes(
            b"GIF89a" + b"\1\0\1\0\x80\0\0\0\0\0\xff\xff\xff,\0\0\0\0\1\0\1\0\0\2\2D\1\0;"
        )
    names = [f"c{k}.gif" for k in range(20)]
    line = [sys.executable, "-m", "glimpsecli", "extract", "-", *names, "--frames", "0", "-o", "out/", "-q"]
    done = subprocess.run(line, input=(clips / "clip.mkv").read_bytes(), capture_output=True, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, b"")
    assert (tmp_path / "out/stdin_000000_000.png").exists()


@pytest.mark.parametrize("options", ["--codec libx264", "--crf 20", "--lossless", "--pix-fmt gray", "--audio none"])
def test_options_of_films_are_refused_without_one(glimpse, clips, options):
    code, _, err = glimpse(f"extract {clips / 'clip.mkv'} --frame 1 {options} -o x.png")
    assert (code, err.count("\n")) == (2, 1)
    assert f"{options} with PNG; it is for films" in err


def test_audio_that_is_not_there_cannot_be_copied(glimpse, clips):
    code, _, err = glimpse(f"extract {clips / 'clip.mkv'} --audio copy -o x.mkv")
    assert (code, err.count("\n")) == (2, 1)
    assert "no sound that can be copied" in err


def test_a_grey_video_becomes_a_grey_film(glimpse, pictures):
    write_film("grey.mkv", [picture[..., :1] for picture in pictures[:4]], options=FilmOptions(lossless=True))
    assert glimpse("extract grey.mkv --box 8,8,24,24 --pix-fmt gray --codec ffv1 -o film.mkv")[0] == 0
    with open_clip("film.mkv") as film:
        np.testing.assert_array_equal(film.frame(2).picture.pixels, pictures[2][8:32, 8:32, :1])


def test_the_sound_of_a_file_with_a_colon_in_its_name_is_read_from_the_file(glimpse, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    clip = films.make(tmp_path / "20:30.mkv", [films.numbered(k) for k in range(9)], sound=True)
    code, _, err = glimpse(f"extract {clip.name} -o film.mkv")
    assert (code, err) == (0, "glimpse: 1 film written to film.mkv\n")
    with open_clip("film.mkv") as film:
        assert film.sound == 1


def test_an_overlay_of_a_track_marks_only_its_frames(glimpse, clips, pictures, tmp_path):
    (tmp_path / "tracks.csv").write_text(TABLE)
    line = f"overlay {clips / 'clip.mkv'} --windows tracks.csv --no-mask --trail 6 -o film.mkv --lossless"
    assert glimpse(line)[0] == 0
    with open_clip("film.mkv") as film:
        changed = [k for k, picture in enumerate(pictures) if not np.array_equal(film.frame(k).picture.pixels, picture)]
    assert changed == [3, 9]


def test_the_maps_of_a_video_share_one_range(glimpse, clips, pictures, tmp_path):
    maps = np.zeros((COUNT, 6, 8), np.float32)
    maps[:, 2, 3] = np.linspace(0.1, 1, COUNT)
    np.save("maps.npy", maps)
    code, out, _ = glimpse(f"overlay {clips / 'clip.mkv'} --map maps.npy --frames : --json")
    assert code == 0
    rows = [json.loads(line) for line in out.splitlines()]
    assert {(row["lo"], row["hi"]) for row in rows} == {(0.0, 1.0)}
    assert [row["frame"] for row in rows] == list(range(COUNT))
    assert glimpse(f"overlay {clips / 'clip.mkv'} --map maps.npy -o film.mkv --lossless")[0] == 0
    with open_clip("film.mkv") as film:
        pale, strong = (
            np.abs(film.frame(k).picture.pixels[20, 28].astype(int) - pictures[k][20, 28]).sum() for k in (0, 23)
        )
    assert strong > 3 * pale


def test_fit_finds_a_window_in_a_frame(glimpse, samples):
    clip = samples / "postcard.webp"
    line = f"fit {clip} {clip} --target-frame 30 --target-box 84,94,46,30 --frame 32 --free position --stride 1 --json"
    _, out, _ = glimpse(line)
    found = json.loads(out)
    rows = [line.split(",") for line in (samples / "postcard.csv").read_text().splitlines()[1:]]
    moved = [float(rows[32][k]) - float(rows[30][k]) for k in (3, 4)]
    assert abs(found["window"]["cx"] - 107 - moved[0]) < 1.5
    assert abs(found["window"]["cy"] - 109 - moved[1]) < 1.5


def test_other_commands_take_a_frame(glimpse, clips, pictures):
    Image.fromarray(pictures[3]).save("third.png")
    lines = {
        "mask": "mask {} --box 8,8,24,24 --size 8x8 --apply -o {}",
        "compare": "compare {} --box 8,8,24,24 --size 8x8 -o {}",
        "gradient": "gradient {} --box 8,8,24,24 --size 4 --steps 5 -o {}",
        "paste": "paste third.png --onto {} --box 8,8,24,18 --sampler gaussian -o {}",
    }
    for command, line in lines.items():
        for source, name in ((f"{clips / 'clip.mkv'} --frame 3", "frame.png"), ("third.png", "photo.png")):
            code, _, err = glimpse(f"{line.format(source, name)} --overwrite")
            assert (code, err.count("\n")) == (0, 1), err
        np.testing.assert_array_equal(pixels("frame.png"), pixels("photo.png"), command)
