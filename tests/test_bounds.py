"""Limits: how many pixels an image may have, and how much memory its decoding is taken to need."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import pyvips
import tifffile
from PIL import Image

from glimpsecli.images.memory import memory_of
from glimpsecli.jobs.pool import Budget

KINDS = {
    "L.png": ("L", "PNG"),
    "RGB.png": ("RGB", "PNG"),
    "RGBA.png": ("RGBA", "PNG"),
    "P.png": ("P", "PNG"),
    "deep.png": ("I;16", "PNG"),
    "RGB.jpg": ("RGB", "JPEG"),
    "CMYK.jpg": ("CMYK", "JPEG"),
    "RGB.webp": ("RGB", "WEBP"),
    "RGB.bmp": ("RGB", "BMP"),
    "RGB.ppm": ("RGB", "PPM"),
    "P.gif": ("P", "GIF"),
    "RGB.jp2": ("RGB", "JPEG2000"),
    "RGB.tif": ("RGB", "TIFF"),
    "CMYK.tif": ("CMYK", "TIFF"),
    "F.tif": ("F", "TIFF"),
}
ARRAYS = {
    "double.npy": lambda path, ramp: np.save(path, ramp.astype(np.float64)),
    "half.npy": lambda path, ramp: np.save(path, ramp.astype(np.float16)),
    "columns.npy": lambda path, ramp: np.save(path, np.asfortranarray(ramp)),
    "deep RGBA.png": lambda path, ramp: path.write_bytes(
        pyvips.Image.new_from_array(np.dstack([ramp] * 4)).copy(interpretation="rgb16").pngsave_buffer()
    ),
    "ten bit.ppm": lambda path, ramp: path.write_bytes(
        b"P6 %d %d 1023 " % ramp.shape + np.dstack([ramp % 1024] * 3).astype(">u2").tobytes()
    ),
    "premultiplied.tif": lambda path, ramp: tifffile.imwrite(
        path, np.dstack([ramp] * 4), photometric="rgb", extrasamples=["assocalpha"]
    ),
    "half.tif": lambda path, ramp: tifffile.imwrite(path, ramp.astype(np.float16)),
    "inverted.tif": lambda path, ramp: tifffile.imwrite(path, ramp, photometric="miniswhite"),
}

PEAK = """
import io, json, os, sys
from glimpsecli import images
def status(field):
    with open("/proc/self/status") as lines:
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(field))
for name in sys.argv[1:]:
    if os.fork() == 0:  # freed memory of another image would be taken again, unseen
        images.read("small_" + name)  # so that all modules are there
        content = open(name, "rb").read()
        open("/proc/self/clear_refs", "w").write("5")
        before = status("VmRSS")
        images.read(io.BytesIO(content))
        print(json.dumps([name, status("VmHWM") - before]), flush=True)
        os._exit(0)
    os.wait()
"""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A fresh folder with a photo of 60 x 40."""
    monkeypatch.chdir(tmp_path)
    noise = np.random.default_rng(0)
    Image.fromarray(noise.integers(0, 256, (40, 60, 3), dtype=np.uint8)).save("photo.png")
    return tmp_path


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="the peak of the memory cannot be reset")
def test_the_estimate_covers_the_peak_of_decoding():
    side = 1500
    for name, (mode, kind) in KINDS.items():
        for path, size in ((name, side), (f"small_{name}", 9)):
            ramp = np.add.outer(np.arange(size), np.arange(size)).astype(np.uint16)
            if mode in ("I;16", "F"):
                image = Image.fromarray(ramp.astype({"I;16": np.uint16, "F": np.float32}[mode]))
            else:
                image = Image.fromarray(ramp.astype(np.uint8)).convert("RGB").convert(mode)
            image.save(path, kind)
    for name, write in ARRAYS.items():
        for path, size in ((name, side), (f"small_{name}", 9)):
            write(Path(path), np.add.outer(np.arange(size), np.arange(size)).astype(np.uint16))
    done = subprocess.run([sys.executable, "-c", PEAK, *KINDS, *ARRAYS], capture_output=True, check=True)
    peaks = [json.loads(line) for line in done.stdout.splitlines()]
    assert [name for name, _ in peaks] == [*KINDS, *ARRAYS]
    for name, peak in peaks:
        found = memory_of(name)
        assert (found.height, found.width) == (side, side)
        slack = 1 << 21  # strips, codecs, the allocator
        assert peak <= found.decoding + slack, name
        assert found.decoding <= 4 * peak + slack, name


def test_arrays_take_what_they_hold():
    np.save("a.npy", np.zeros((30, 40, 3), np.float32))
    assert memory_of("a.npy").decoding == Path("a.npy").stat().st_size


@pytest.mark.parametrize("name", ["photo.png", "photo.jpg", "photo.tif", "photo.npy"])
@pytest.mark.parametrize(
    "line",
    [
        "extract {} --box 1,1,9,9 -o out.png",
        "extract {} --box 1,1,9,9 -o out.png --dry-run",
        "batch {} --box 1,1,9,9 -o out",
        "mask {} --box 1,1,9,9 -o out.png",
        "overlay {} --box 1,1,9,9 -o out.png",
        "overlay {} --map map.npy -o out.png",
        "compare {} --box 1,1,20,20 -o out.png",
        "paste {} --onto {} -o out.png",
    ],
)
def test_the_limit_on_pixels_is_an_option(glimpse, name, line):
    photo = Image.open("photo.png")
    if name.endswith("npy"):
        np.save(name, np.asarray(photo))
    else:
        photo.save(name)
    np.save("map.npy", np.ones((4, 6), np.float32))
    line = line.format(name, name)
    code, _, err = glimpse(f"{line} --max-pixels 2399")
    assert code == 1
    assert f"{name} claims 60 x 40 pixels, over the limit of 2399 pixels" in err
    assert "raise the limit with --max-pixels" in err
    again = line.replace("-o out", "-o new")
    assert glimpse(f"{again} --max-pixels 2400")[0] == 0


def test_the_limit_can_be_raised_beyond_the_default(glimpse):
    Image.new("1", (20000, 9000)).save("scan.png")
    code, _, err = glimpse("extract scan.png --box 5,5,9,9 -o out.png --dry-run")
    assert (code, "over the limit of 178956970 pixels" in err) == (1, True)
    assert glimpse("extract scan.png --box 5,5,9,9 -o out.png --dry-run --max-pixels 180000000")[0] == 0


def test_a_part_and_a_reduced_jpeg_keep_to_it_too(glimpse):
    Image.new("RGB", (1500, 1000)).save("large.jpg")
    for more in ("--box 5,5,9,9", "--at 50%,50% --zoom 1 --size 16 --fast-decode"):
        assert glimpse(f"extract large.jpg {more} -o out.png --overwrite --max-pixels 1499999")[0] == 1
        assert glimpse(f"extract large.jpg {more} -o out.png --overwrite --max-pixels 1500000")[0] == 0


def test_a_batch_that_needed_it_is_replayed_and_resumed_with_any(glimpse):
    Image.new("1", (20000, 9000)).save("scan.png")
    line = "batch scan.png --box 5,5,9,9 -o out"
    assert glimpse(f"{line} --max-pixels 180000000")[0] == 0
    assert glimpse("replay out -o again")[0] == 0
    assert glimpse(f"{line} --max-pixels 190000000 --resume")[0] == 0
    assert "max_pixels" not in json.loads(Path("out/run.json").read_text())["parameters"]


def test_a_batch_waits_for_the_memory_that_decoding_takes(glimpse, monkeypatch):
    held, hold = [], Budget.hold
    monkeypatch.setattr(Budget, "hold", lambda self, amount: held.append(amount) or hold(self, amount))
    shutil.copy("photo.png", "photo2.png")
    assert glimpse("batch photo.png photo2.png --box 1,1,9,9 -o out -j 2")[0] == 0
    assert held == [memory_of("photo.png").decoding + Path("photo.png").stat().st_size] * 2
    assert held[0] >= 7 * 60 * 40
