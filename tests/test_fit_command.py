"""``glimpse fit``: files in, a window, a table and a film out."""

import json
import sys

import numpy as np
import pytest
from conftest import ROOT
from PIL import Image

from glimpsecli import Window, cli, extract
from glimpsecli.annotations.tables import read_windows
from glimpsecli.errors import InvalidInputError
from glimpsecli.images import read
from glimpsecli.storage.atomic import place_together

pytestmark = pytest.mark.slow

CAT, CUP = (str(ROOT / "sample_images" / name) for name in ("chelsea.png", "coffee.png"))
EYES = ("--target-box", "120,60,200,140", "--size", "50x35", "--stride", "3.5")


@pytest.fixture
def eyes(tmp_path):
    """A glimpse of the cat, in a file of its own."""
    path = tmp_path / "eyes.png"
    assert cli.run(["extract", CAT, "--box", "120,60,200,140", "--size", "50x35", "-q", "-o", str(path)]) == 0
    return str(path)


def test_a_window_is_found_again_and_looked_through(tmp_path, capsys, eyes):
    table, again = str(tmp_path / "found.csv"), tmp_path / "again.png"
    assert cli.run(["fit", eyes, CAT, "-o", table]) == 0
    printed = capsys.readouterr()
    assert printed.out.startswith("found: ")
    assert "±" in printed.out
    assert "found.csv is written" in printed.err
    box = read_windows(table)[0]
    assert box.image == CAT
    assert (box.x.value, box.y.value) == pytest.approx((220, 130), abs=0.02)
    assert (box.width.value, box.height.value) == pytest.approx((200, 140), abs=0.05)
    assert cli.run(["extract", CAT, "--windows", table, "--size", "50x35", "-o", str(again)]) == 0
    assert np.abs(np.asarray(read(again).pixels, int) - read(eyes).pixels).max() <= 2


def test_a_turned_window_is_found_again(tmp_path, capsys):
    target, film = str(tmp_path / "turned.npy"), tmp_path / "film.gif"
    window = Window(220, 130, 180, 140, -9)
    np.save(target, extract(read(CAT).pixels, window, (35, 45)) / np.float32(255))
    asked = ["--free", "position,angle", "--stride", "4", "--animate", str(film), "--json", "-q"]
    assert cli.run(["fit", target, CAT, *asked]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["sampler"] == "gaussian"
    assert [*printed["window"].values()] == pytest.approx([*vars(window).values()], abs=0.02)
    assert film.stat().st_size > 0


def test_the_record_and_the_json_table_say_the_same(tmp_path, capsys):
    table = str(tmp_path / "found.json")
    assert cli.run(["fit", CAT, CAT, *EYES, "--json", "-o", table, "-q"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["verdict"] == "found"
    assert printed["size"] == {"width": 50, "height": 35}
    assert printed["stride"]["x"] == pytest.approx(4, abs=1e-3)
    assert 0 < printed["deviation"]["cx"] < 0.01
    assert printed["deviation"]["angle"] == 0
    row = json.loads((tmp_path / "found.json").read_text())
    assert {name: row[name] for name in printed["window"]} == printed["window"]
    assert read_windows(table)[0].to_window((300, 451)).cx == printed["window"]["cx"]


def test_what_is_lost_is_reported_and_no_table_written(tmp_path, capsys, eyes):
    table = tmp_path / "found.csv"
    assert cli.run(["fit", eyes, CUP, "--stride", "3-5", "-o", str(table)]) == 1
    printed = capsys.readouterr()
    assert printed.out.startswith("lost: ")
    assert "there is no window that could be trusted" in printed.err
    assert not table.exists()


def test_the_film_shows_the_way(tmp_path, eyes):
    film = tmp_path / "way.gif"
    assert cli.run(["fit", eyes, CAT, "--stride", "4", "--animate", str(film), "-q"]) == 0
    with Image.open(film) as animation:
        assert animation.n_frames > 5
        frames = []
        for index in range(animation.n_frames):
            animation.seek(index)
            frames.append(np.asarray(animation.convert("RGB"), int))
        assert animation.info["duration"] == 3000
    assert film.stat().st_size < 1_500_000
    photo = np.s_[18:300, 18:400]
    assert any((frame[photo] != frames[-1][photo]).any() for frame in frames)  # the box travels
    assert sum((frame != frames[-1]).any() for frame in frames) >= len(frames) - 2


def test_an_interrupted_fit_leaves_nothing(tmp_path, monkeypatch, eyes):
    """Nor is the same command refused afterwards."""
    table, film = tmp_path / "o.csv", tmp_path / "o.gif"
    words = ["fit", eyes, CAT, "--stride", "4", "-o", str(table), "--animate", str(film), "-q"]
    with monkeypatch.context() as patch:

        def interrupt(*args, **how):
            raise KeyboardInterrupt

        patch.setattr("glimpsecli.jobs.animating.film", interrupt)
        assert cli.run(words) == 130
    assert sorted(path.name for path in tmp_path.iterdir()) == ["eyes.png"]
    assert cli.run(words) == 0
    assert table.stat().st_size > 0
    assert film.stat().st_size > 0


def test_files_are_put_in_place_together(tmp_path):
    first, second, third = (tmp_path / name for name in "abc")
    third.write_bytes(b"kept")
    with pytest.raises(InvalidInputError, match="c exists already"):
        place_together({str(first): b"1", str(second): b"2", str(third): b"3"})
    assert [path.name for path in tmp_path.iterdir()] == ["c"]
    place_together({str(first): b"1", str(second): b"2", str(third): b"3"}, overwrite=True)
    assert [path.read_bytes() for path in (first, second, third)] == [b"1", b"2", b"3"]
    place_together({})


def test_transparency_is_refused_where_it_hides_something(tmp_path, capsys, eyes):
    pixels = read(eyes).pixels
    opaque, border = (np.full(pixels.shape[:2], 255, np.uint8) for _ in range(2))
    border[:4] = border[:, :4] = 0
    clear, hidden = str(tmp_path / "clear.png"), str(tmp_path / "hidden.png")
    for path, alpha in ((clear, opaque), (hidden, border)):
        Image.fromarray(np.dstack([pixels, alpha])).save(path)
    assert cli.run(["fit", clear, CAT, "--stride", "4"]) == 0
    assert capsys.readouterr().out.startswith("found")
    for words in ([hidden, CAT], [eyes, hidden], [hidden, CAT, "--target-box", "0,0,40,30"]):
        assert cli.run(["fit", *words, "--stride", "4"]) == 2
        printed = capsys.readouterr().err
        assert "hidden.png is transparent in" in printed
        assert "lay it over a colour with `glimpse extract" in printed
        assert printed.count("\n") == 1
    assert cli.run(["fit", hidden, CAT, "--stride", "4", "--target-box", "8,8,40,26"]) == 0


def test_a_terminal_shows_how_far_it_is(monkeypatch, capsys, eyes):
    shown = []
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setattr("tqdm.tqdm.update", lambda bar, more: shown.append((more, bar.total)))
    assert cli.run(["fit", eyes, CAT, "--stride", "4"]) == 0
    assert len(shown) > 1
    shown.clear()
    assert cli.run(["fit", eyes, CAT, "--stride", "4", "-q"]) == 0
    assert not shown


@pytest.mark.parametrize(("words", "code", "reason"), [
    (("--size", "20"), 2, "--size without --target-box"),
    (("-o", "x.txt"), 2, "x.txt is no name for a table of windows; end it in .csv or .json or .jsonl"),
    (("--animate", "x.png"), 2, "end it in .gif"),
    (("-o", "none/x.csv"), 2, "could not be written"),
    (("-o", "there.csv"), 2, "there.csv exists; give --overwrite"),
    (("-o", "there.csv", "--overwrite", "--stride", "0"), 2, "'0' is no stride"),
    (("--stride", "-1"), 2, "'-1' is no stride; write how many pixels"),
    (("--stride", "10%"), 2, "'10%' is no stride"),
    (("--stride", "3-2"), 2, "'3-2' is no stride"),
    (("--stride", "0.001"), 2, "a target of 50x35 pixels at a stride of 0.0008 covers 0.04x0.028 pixels"),
    (("--blur", "0"), 2, "--blur 0; give a positive number"),
    (("--blur", "nan"), 2, "--blur nan; give a positive number"),
    (("--target-box", "1000,0,50,50"), 2, "--target-box 1000,0,50,50 lies outside"),
    (("--target-box", "30,0,40,30"), 2, "reaches beyond"),
    (("--free", "scale"), 2, "leaves out the position"),
    (("--free", "position,colour"), 2, "'colour' cannot be free"),
    (("--blur", "1", "--sampler", "bilinear"), 2, "it is for gaussian"),
    (("--sampler", "hard"), 2, "'hard'"),
    (("--stride", "14"), 2, "is larger than an image of 451x300"),
])  # fmt: skip
def test_a_mistake_is_reported_in_one_line_before_any_work(tmp_path, monkeypatch, capsys, eyes, words, code, reason):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there.csv").write_text("kept")
    assert cli.run(["fit", eyes, CAT, *words]) == code
    printed = capsys.readouterr()
    assert reason in printed.err
    assert printed.err.count("\n") == 1
    assert printed.out == ""
    assert (tmp_path / "there.csv").read_text() == "kept"


def test_targets_that_hold_nothing_are_refused(tmp_path, capsys):
    files = {
        "flat": np.full((20, 20, 3), 99, np.uint8),
        "hole": np.where(np.arange(1200).reshape(20, 20, 3) == 7, np.nan, 0.5).astype(np.float32),
        "grey": np.random.default_rng(0).integers(0, 255, (20, 20, 1), dtype=np.uint8),
        "large": np.random.default_rng(0).integers(0, 255, (400, 460, 3), dtype=np.uint8),
    }
    for name, reason in (("flat", "almost constant"), ("hole", "NaN"), ("grey", "1 channel "), ("large", "is larger")):
        path = tmp_path / f"{name}.npy"
        np.save(path, files[name])
        assert cli.run(["fit", str(path), CAT]) == 2
        printed = capsys.readouterr().err
        assert reason in printed
        assert printed.count("\n") == 1
    assert cli.run(["fit", str(tmp_path / "none.png"), CAT]) == 2
    assert cli.run(["fit", CAT, CAT, *EYES, "--animate", CAT]) == 2
