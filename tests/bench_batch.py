"""Times `glimpse batch` beside what a user would write with Pillow. Not a test: run it by hand.

    python tests/bench_batch.py FOLDER [IMAGES] [ROUNDS]

makes JPEGs of 2000x1500 from the sample photos with noise in FOLDER, then looks through one window of 400 px in each
for a glimpse of 128x128, in PNG, with two workers; contenders take turns. The steady state is from the 50th output to
the last.
"""

import multiprocessing
import os
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
BOX = (800, 550, 1200, 950)


def make_images(folder, count):
    """Make the JPEGs, quality 90, that are not there yet."""
    folder.mkdir(parents=True, exist_ok=True)
    photos = [Image.open(path).convert("RGB") for path in sorted((ROOT / "sample_images").glob("*.*g"))]
    large = [np.asarray(photo.resize((2000, 1500), Image.Resampling.BICUBIC), np.int16) for photo in photos]
    noise = np.random.default_rng(0)
    for number in range(count):
        path = folder / f"image{number:03d}.jpg"
        if not path.exists():
            grain = noise.integers(-12, 13, (1500, 2000, 3), dtype=np.int16)
            pixels = np.clip(np.roll(large[number % len(large)], number * 7, 1) + grain, 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(path, quality=90)


def pillow_one(job):
    """What a user writes for one image."""
    source, target, options = job
    with Image.open(source) as image:
        image.convert("RGB").resize((128, 128), Image.Resampling.LANCZOS, box=BOX).save(target, **options)


def pillow(sources, out, **options):
    """Map it over a pool of two."""
    jobs = [(source, out / f"{source.stem}.png", options) for source in sources]
    with multiprocessing.Pool(2) as pool:
        pool.map(pillow_one, jobs, chunksize=4)


def glimpse(sources, out, *options):
    """Run the command."""
    command = [sys.executable, "-m", "glimpsecli", "batch", str(sources[0].parent), "-o", str(out), "-q", "-j", "2"]
    command += ["--box", "800,550,400,400", "--size", "128x128", *options]
    subprocess.run(command, check=True, env={**os.environ, "PYTHONPATH": str(ROOT)})


def steady(run, sources, out, *arguments, **options):
    """Give images per second from the 50th output to the last."""
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    run(sources, out, *arguments, **options)
    times = sorted(path.stat().st_mtime for path in out.glob("*.png"))
    assert len(times) == len(sources)
    return (len(times) - 50) / (times[-1] - times[49])


def main(folder, count=500, rounds=3):
    """Print the rates and the ratios."""
    make_images(folder / "in", count)
    sources = sorted((folder / "in").glob("*.jpg"))[:count]
    contenders = {
        "Pillow, default PNG": lambda: steady(pillow, sources, folder / "out"),
        "Pillow, compress level 1": lambda: steady(pillow, sources, folder / "out", compress_level=1),
        "glimpse batch": lambda: steady(glimpse, sources, folder / "out"),
        "glimpse batch --fast-decode": lambda: steady(glimpse, sources, folder / "out", "--fast-decode"),
    }
    rates = {name: [] for name in contenders}
    for turn in range(rounds):
        for name, contender in contenders.items():
            rates[name].append(contender())
            print(f"round {turn + 1}: {name}: {rates[name][-1]:.1f} images/s", flush=True)
            time.sleep(1)
    for name, mine in rates.items():
        ratios = [
            statistics.median(one / other for one, other in zip(mine, rates[peer], strict=True))
            for peer in list(contenders)[:2]
        ]
        print(f"{name:28} {statistics.median(mine):6.1f} images/s, {ratios[0]:.2f} and {ratios[1]:.2f} times Pillow's")


if __name__ == "__main__":
    main(Path(sys.argv[1]), *map(int, sys.argv[2:]))
