"""Files that are no regular files: each is read once, or refused before work, and never waited for without an end."""

import os
import subprocess
import sys
import threading
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from glimpsecli import images
from glimpsecli.errors import InvalidInputError
from glimpsecli.images import streams

pytestmark = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no FIFOs")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A fresh folder with a photo, a table of two windows and a map."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(streams, "WRITER_AWAITED", 0.2)
    noise = np.random.default_rng(0)
    Image.fromarray(noise.integers(0, 256, (40, 60, 3), dtype=np.uint8)).save("photo.png")
    Image.new("RGB", (60, 40)).save("other.png")
    Path("windows.csv").write_text("x,y,width,height\n1,2,9,9\n5,5,20,20\n")
    np.save("map.npy", noise.random((7, 7), np.float32))
    Path("captions.txt").write_text("hello\n")
    Path("list.txt").write_text("photo.png\n")
    return tmp_path


@pytest.fixture
def piped():
    """Give the name of a pipe that holds what a file does, as a shell's ``<(cat FILE)``."""
    with ExitStack() as stack:

        def pipe(path):
            reading, writing = os.pipe()
            stack.callback(os.close, reading)
            with os.fdopen(writing, "wb") as stream:
                stream.write(Path(path).read_bytes())
            return f"/dev/fd/{reading}"

        yield pipe


@pytest.mark.parametrize(
    "line",
    [
        "extract {photo.png} --box 1,1,9,9 -o out.png",
        "extract {photo.png} --windows {windows.csv} -o out/",
        "extract photo.png --windows {windows.csv} -o out/",
        "extract {photo.png} --dry-run -o out.png",
        "mask {photo.png} --box 1,1,9,9 -o out.png",
        "overlay {photo.png} --box 1,1,9,9 -o out.png",
        "overlay {photo.png} other.png --box 1,1,9,9 -o out/",
        "overlay {photo.png} --map {map.npy} --captions {captions.txt} -o out.png",
        "paste {photo.png} --onto {photo.png} --box 1,1,9,9 -o out.png",
        "compare {photo.png} --box 1,1,20,20 -o out.png",
        "gradient {photo.png} --box 9,9,20,20 --steps 3 --sampler hard --size 4 --reach 2 -o out.png",
        "fit {photo.png} {photo.png}",
        "batch --from-file {list.txt} --windows {windows.csv} -o out",
    ],
)
def test_a_pipe_by_name_does_as_its_file_does(glimpse, piped, line):
    words = line.split()
    assert glimpse(line.replace("{", "").replace("}", ""))[0] == 0
    files = {path: path.read_bytes() for path in Path("out").glob("*.png")} if Path("out").is_dir() else None
    expected = Path("out.png").read_bytes() if Path("out.png").exists() else None
    words = [piped(word[1:-1]) if word.startswith("{") else word for word in words]
    code, _, err = glimpse(" ".join(words) + (" --overwrite" if " -o " in line else ""))
    assert code == 0, err
    assert expected is None or Path("out.png").read_bytes() == expected
    assert files is None or {path.read_bytes() for path in Path("out").glob("*.png")} == set(files.values())


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("batch {photo.png} -o out", "is no regular file"),
        ("batch photo.png --annotations {windows.csv} -o out", "is no regular file"),
        ("bench --image {photo.png}", "is no regular file"),
        ("bench --stages {photo.png}", "is no regular file"),
        ("overlay photo.png --map map.npy --captions captions.txt --font {photo.png} -o out.png", "is no regular file"),
        ("extract /dev/zero -o out.png", "/dev/zero is a device"),
        ("extract /dev/fd/987 -o out.png", "/dev/fd/987"),
        ("mask /dev/zero -o out.png", "/dev/zero is a device"),
        ("paste photo.png --onto /dev/zero -o out.png", "/dev/zero is a device"),
        ("fit /dev/zero photo.png", "/dev/zero is a device"),
        ("extract photo.png --windows /dev/zero -o out/", "/dev/zero is a device"),
        ("overlay photo.png --map /dev/zero -o out.png", "/dev/zero is a device"),
        ("batch --from-file /dev/zero -o out", "/dev/zero is a device"),
    ],
)
def test_what_cannot_be_read_once_is_refused(glimpse, piped, line, words):
    given = [piped(word[1:-1]) if word.startswith("{") else word for word in line.split()]
    code, out, err = glimpse(" ".join(given))
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert words in err
    assert not Path("out.png").exists()


@pytest.mark.parametrize(
    "line",
    [
        "extract fifo -o out.png",
        "extract fifo --dry-run -o out.png",
        "paste fifo --onto photo.png -o out.png",
        "extract photo.png --windows fifo -o out/",
        "overlay photo.png --map fifo -o out.png",
        "batch --from-file fifo -o out",
    ],
)
def test_a_fifo_that_nobody_writes_into_is_not_waited_for(glimpse, line):
    os.mkfifo("fifo")
    code, _, err = glimpse(line)
    assert (code, err.count("\n")) == (2, 1)
    assert "fifo is a FIFO that nothing was written into for 0.2 s; start the program" in err


def test_a_fifo_fails_alone(glimpse):
    os.mkfifo("fifo")
    code, _, err = glimpse("extract fifo photo.png -o out/")
    assert (code, "nothing was written" in err, os.listdir("out")) == (1, True, ["photo_000.png"])


def test_a_fifo_among_annotations_is_not_waited_for(glimpse):
    Path("labels").mkdir()
    Path("labels/photo.txt").write_text("0 .5 .5 .2 .2\n")
    os.mkfifo("labels/other.txt")
    code, _, err = glimpse("batch photo.png --annotations labels -o out")
    assert (code, "labels/other.txt is a FIFO" in err) == (1, True)
    assert Path("out/photo_000.png").exists()


def test_a_fifo_with_a_writer_is_read_to_its_end(glimpse, monkeypatch):
    monkeypatch.setattr(streams, "WRITER_AWAITED", 5.0)
    os.mkfifo("fifo")
    content = Path("photo.png").read_bytes()

    def write():
        with open("fifo", "wb", buffering=0) as stream:
            for start in range(0, len(content), 1000):
                stream.write(content[start : start + 1000])

    writer = threading.Thread(target=write)
    writer.start()
    assert glimpse("extract fifo -o out.png")[0] == 0
    writer.join()
    assert np.array_equal(np.asarray(Image.open("out.png")), np.asarray(Image.open("photo.png")))


def test_one_stream_under_two_names(glimpse, piped):
    name = piped("photo.png")
    code, _, err = glimpse(f"extract {name} {name} -o out/")
    assert (code, f"{name} is named twice; it can be read once" in err) == (2, True)
    os.mkfifo("fifo")
    Path("link").symlink_to("fifo")
    for line in ("extract fifo link -o out/", "fit fifo link", "extract fifo --windows link -o out/"):
        code, _, err = glimpse(line)
        assert (code, "fifo and link are one stream" in err) == (2, True)


def test_standard_input_by_its_other_name(folder):
    photo = Path("photo.png").read_bytes()

    def run(*arguments):
        command = [sys.executable, "-m", "glimpsecli", "extract", *arguments]
        return subprocess.run(command, input=photo, capture_output=True)

    assert run("/dev/stdin", "-o", "out.png").returncode == 0
    done = run("-", "/dev/stdin", "-o", "out/")
    assert (done.returncode, b"standard input and /dev/stdin are one stream" in done.stderr) == (2, True)


def test_the_library_reads_pipes_too(piped):
    assert np.array_equal(images.read(piped("photo.png")).pixels, images.read("photo.png").pixels)
    os.mkfifo("fifo")
    with pytest.raises(InvalidInputError, match="nothing was written"):
        images.read("fifo")
