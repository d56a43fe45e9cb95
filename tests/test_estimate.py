"""`glimpse batch --estimate`: what a batch takes is what it then writes, and nothing is written for it."""

import io
import re
import tarfile
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from stores import BUCKET

from glimpsecli import cli
from glimpsecli.jobs import engine


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A fresh folder with 30 photos in `in`, where every test works."""
    monkeypatch.chdir(tmp_path)
    noise = np.random.default_rng(0).integers(0, 256, (30, 24, 32, 3), dtype=np.uint8)
    for number, pixels in enumerate(noise):
        path = Path("in", f"d{number % 3}", f"{number}.png")
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)
    return tmp_path


@pytest.fixture
def estimate(capsys):
    def run(line):
        code = cli.run(["batch", *line.split()])
        out, err = capsys.readouterr()
        rows = dict(re.split("  +", row, maxsplit=1) for row in out.splitlines())
        return code, rows, err

    return run


def test_a_sample_of_all_images_is_exact(estimate):
    line = "in -o out --random 3 --size 9"
    code, rows, err = estimate(f"{line} --estimate")
    assert (code, err) == (0, "glimpse: 30 of 30 images were made in memory; nothing is written\n")
    assert not Path("out").exists()
    assert cli.run(["batch", *line.split(), "-q"]) == 0
    sizes = [path.stat().st_size for path in Path("out").rglob("*.png")]
    lines = Path("out/metadata.jsonl").read_bytes()
    assert rows["images"] == "30"
    assert rows["glimpses"] == f"90, of {sum(sizes) / 90:.0f} bytes each"
    assert rows["manifest"] == f"{len(lines) / 1000:.3g} kB, {len(lines) / 90:.0f} bytes a line"
    assert rows["files"] == f"92, {(sum(sizes) + len(lines)) / 1000:.0f} kB"
    assert re.fullmatch(r"[\d.]+ ms an image; median [\d.]+, nine of ten below [\d.]+", rows["a core takes"])
    assert estimate(f"{line} --estimate")[1]["files"] == rows["files"]  # that the folder has a run is no matter


def test_an_estimate_for_a_number_of_images(estimate):
    code, rows, _ = estimate("in -o out --tiles 2x1 --size 4 --estimate=1e8")
    assert code == 0
    assert rows["images"] == "100,000,000, as you say"
    assert rows["glimpses"].startswith("200,000,000, of ")
    assert rows["files"].startswith("200,000,002, ")
    chunks, size = re.match(r"([\d,]+) chunks of ([\d,]+) images; 256 workers finish ", rows["with Dask"]).groups()
    assert int(chunks.replace(",", "")) == -(-100_000_000 // int(size.replace(",", "")))
    assert estimate("in -o out --estimate=20_000")[1]["images"] == "20,000, as you say"


def test_shards_are_estimated_as_they_are_written(estimate):
    line = "in -o out/x-{shard:02d}.tar --per-shard 10 --size 9"
    code, rows, _ = estimate(f"{line} --estimate")
    assert cli.run(["batch", *line.split(), "-q"]) == 0
    written = sum(path.stat().st_size for path in Path("out").glob("x-*")) / 1000
    count, size = re.fullmatch(r"(\d+), of [\d.]+ kB with their receipts; ([\d.]+) kB", rows["shards"]).groups()
    assert (code, int(count)) == (0, 3)
    assert float(size) == pytest.approx(written, rel=0.1)


def test_damaged_images_are_a_share(estimate):
    for number in range(0, 30, 3):
        Path("in/d0", f"{number}.png").write_bytes(b"no image")
    code, rows, _ = estimate("in -o out --size 4 --estimate=3000")
    said = "10 of 30 images of the sample fail; the first: in/d0/0.png is not an image"
    assert (code, rows["damaged"][: len(said)]) == (0, said)
    assert rows["glimpses"].startswith("2,000, ")
    for path in Path("in").rglob("*.png"):
        path.write_bytes(b"no image")
    code, _, err = estimate("in -o out --size 4 --estimate")
    assert code == 2
    assert err.startswith("glimpse: error: none of 30 images can be made; the first: in/d0/0.png ")


def test_of_what_there_is_no_image_there_is_no_estimate(estimate):
    code, _, err = estimate("in/d0/0.png in/d0/3.png -o out --part 1/8 --estimate")
    assert (code, err) == (2, "glimpse: error: part 1 of 8 has no images to estimate; leave --part out\n")
    Path("boxes.csv").write_text("image,x,y,width,height\nd0/none.png,1,1,4,4\n")
    code, _, err = estimate("in -o out --annotations boxes.csv --estimate -q")
    assert (code, "no image has a window, and so there is nothing to estimate" in err) == (2, True)


def test_compilation_is_no_part_of_the_time(estimate, monkeypatch):
    """Images that take a while where they come for the first time take none in the estimate."""
    seen, real = set(), engine.run

    def run(plan, items):
        began = time.process_time()
        while items[0].source not in seen and "d1" in items[0].source and time.process_time() - began < 0.05:
            pass
        seen.add(items[0].source)
        return real(plan, items)

    monkeypatch.setattr(engine, "run", run)
    _, rows, _ = estimate("in -o out --size 4 --estimate")
    mean = float(rows["a core takes"].partition(" ")[0])
    assert len(seen) == 30
    assert mean < 10  # ms; ten images of 50 ms would make it 17
    monkeypatch.setattr("glimpsecli.jobs.estimating.AGAIN", -1)  # no time for a second one
    seen.clear()
    assert float(estimate("in -o out --size 4 --estimate")[1]["a core takes"].partition(" ")[0]) > 15


def test_many_images_are_counted_beyond_those_that_are_planned(estimate, monkeypatch):
    for module in ("batch", "estimating"):
        monkeypatch.setattr(f"glimpsecli.jobs.{module}.AHEAD", 7)
    _, rows, err = estimate("in -o out --size 4 --estimate")
    assert (rows["images"], err) == ("30", "glimpse: 7 of 7 images were made in memory; nothing is written\n")
    assert estimate("in -o out --size 4 --part 1/3 --estimate")[1]["images"] == "10"


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("--estimate=0", "'0' is no number of images; write --estimate=20000 or --estimate=1e8, or --estimate alone"),
        ("--estimate=", "'' is no number of images; write --estimate=20000 or --estimate=1e8, or --estimate alone"),
        ("--estimate=1.5", "'1.5' is no number of images"),
        ("--estimate 100", "--estimate 100: a value goes after an equals sign; write --estimate=100"),
        ("--estimate 1e8 --size 4", "write --estimate=1e8"),
        ("--resume quick", "--resume quick: a value goes after an equals sign; write --resume=quick"),
        ("--estimate --resume", "leave --resume and --dry-run out"),
        ("--estimate --dry-run", "leave --resume and --dry-run out"),
    ],
)
def test_bad_estimates_are_refused(estimate, option, said):
    code, _, err = estimate(f"in -o out {option}")
    assert (code, said in err) == (2, True)


def test_a_folder_that_has_a_number_for_a_name_is_a_source(estimate):
    Path("in/d1").rename("100")
    code, rows, _ = estimate("-o out --size 4 --estimate 100")
    assert (code, rows["images"]) == (0, "10")


@pytest.mark.parametrize("option", ["--estimate", "--dry-run"])
def test_where_nothing_is_made_no_scheduler_is_asked(estimate, capsys, option):
    code = cli.run(f"batch in -o out --size 4 --scheduler tcp://nobody:1 {option}".split())
    err = capsys.readouterr().err
    assert code == 0
    assert f"glimpse: {option} needs no worker: the scheduler tcp://nobody:1 is not asked\n" in err
    assert cli.run(f"batch in -o out --size 4 --scheduler nobody {option}".split()) == 2


@pytest.mark.extras
def test_requests_to_a_store_are_counted(estimate, s3):
    from glimpsecli.storage import storage_of

    store = storage_of(f"s3://{BUCKET}")
    for path in Path("in").rglob("*.png"):
        store.put(f"estimate/{path}", path.read_bytes())
    bucket = f"s3://{BUCKET}/estimate"
    s3.requests.clear()
    rows = estimate(f"{bucket}/in -o {bucket}/out --tiles 2x1 --estimate")[1]
    assert rows["requests"] == "30 GET, 60 PUT, 4 LIST"  # the folder, and three in it
    assert not [path for method, path in s3.counted() if method == "PUT"]
    assert estimate(f"{bucket}/in -o out --estimate=1e6")[1]["requests"] == "1,000,000 GET, 0 PUT, 200,002 LIST"
    assert estimate(f"{bucket}/in -o out --part 2/3 --estimate")[1]["requests"] == "10 GET, 0 PUT, 7 LIST"
    rows = estimate(f"in -o {bucket}/x-{{shard}}.tar --per-shard 10 --estimate=5000")[1]
    assert rows["requests"] == "0 GET, 1,000 PUT, 0 LIST"
    Path("list.txt").write_text("".join(f"{bucket}/{path}\n" for path in Path("in").rglob("*.png")))
    assert estimate("--from-file list.txt -o out --estimate")[1]["requests"] == "30 GET, 0 PUT, 0 LIST"


@pytest.mark.extras
def test_a_tar_of_a_store_is_one_request(estimate, s3, monkeypatch):
    from glimpsecli.storage import storage_of

    for number in range(3):
        stream = io.BytesIO()
        with tarfile.open(fileobj=stream, mode="w") as tar:
            for path in Path(f"in/d{number}").iterdir():
                tar.add(path, path.name)
        storage_of(f"s3://{BUCKET}").put(f"estimated/t-{number}.tar", stream.getvalue())
    line = f"s3://{BUCKET}/estimated/t-{{0..2}}.tar -o out --size 4"
    s3.requests.clear()
    rows = estimate(f"{line} --estimate")[1]
    assert sum(method == "GET" for method, _ in s3.counted()) == 3
    assert (rows["images"], rows["requests"]) == ("30", "3 GET, 0 PUT, 0 LIST")
    assert rows["tars"] == "3, each of them fetched whole, and anew by each worker of a cluster"
    assert estimate(f"{line} --estimate=3e6")[1]["requests"] == "300,000 GET, 0 PUT, 0 LIST"
    assert estimate(f"{line} --part 1/3 --estimate")[1]["requests"] == "3 GET, 0 PUT, 0 LIST"
    for module in ("batch", "estimating"):
        monkeypatch.setattr(f"glimpsecli.jobs.{module}.AHEAD", 15)
    code, _, err = estimate(f"{line} --estimate")
    assert code == 2
    assert "3 tars of a store are not fetched to count their images; 1 of them hold 15; give the number of all" in err
    assert "such as --estimate=45" in err


@pytest.mark.extras
def test_a_web_server_is_asked_for_no_list(estimate, web):
    for path in Path("in/d0").iterdir():
        web.files[f"/{path.name}"] = path.read_bytes()
    Path("list.txt").write_text("".join(f"{web.url}{name}\n" for name in web.files))
    assert estimate("--from-file list.txt -o out --estimate")[1]["requests"] == "10 GET, 0 PUT, 0 LIST"
