"""`glimpse batch` from and into buckets: the files and lines of a local batch, and nothing of a credential."""

import hashlib
import json
import random
import shutil
import subprocess
import sys
import tarfile
import time
import uuid
from collections import Counter
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT
from PIL import Image
from stores import BUCKET, MARK

from glimpsecli import cli
from glimpsecli.jobs import engine
from glimpsecli.storage import storage_of

pytestmark = pytest.mark.extras


@pytest.fixture
def bucket(s3, tmp_path, monkeypatch):
    """A folder in the bucket, with photos that lie in the local folder `in` as well, where the test works."""
    monkeypatch.chdir(tmp_path)
    noise, folder = np.random.default_rng(0), uuid.uuid4().hex
    store = storage_of(f"s3://{BUCKET}")
    for name in ("b10.png", "b2.png", "sub/a.jpg", "sub/deep/c.png", "z.png"):
        path = Path("in", name)
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(noise.integers(0, 256, (20, 24, 3), dtype=np.uint8)).save(path)
        store.put(f"{folder}/in/{name}", path.read_bytes())
    s3.requests.clear()
    return f"s3://{BUCKET}/{folder}"


@pytest.fixture
def glimpse(capsys):
    def run(line):
        code = cli.run(["batch", *line.split()])
        out, err = capsys.readouterr()
        assert MARK not in out + err
        return code, err

    return run


def objects(address):
    """The content of all objects below an address, by their relative paths."""
    store, folder = storage_of(address), address.removeprefix(f"s3://{BUCKET}/")
    return {entry.path[len(folder) + 1 :]: store.read(entry.path) for entry in store.list(folder)}


def files(root="out"):
    return {str(path.relative_to(root)): path.read_bytes() for path in Path(root).rglob("*") if path.is_file()}


def test_from_bucket_to_bucket_is_as_from_folder_to_folder(glimpse, bucket, s3):
    assert glimpse("in -o out --tiles 2x1 --size 5")[0] == 0
    assert glimpse(f"{bucket}/in -o {bucket}/out --tiles 2x1 --size 5")[0] == 0
    counts = Counter((method, path.rpartition(".")[2]) for method, path in s3.counted() if "/in/" in path)
    assert counts == {("GET", "png"): 4, ("GET", "jpg"): 1}  # each image is read once, and nothing asks for it
    found, expected = objects(f"{bucket}/out"), files()
    assert found.keys() == expected.keys()
    assert {n: d for n, d in found.items() if n.endswith("png")} == {
        n: d for n, d in expected.items() if n.endswith("png")
    }
    local = expected["metadata.jsonl"].decode()
    assert found["metadata.jsonl"].decode() == local.replace('"source": "in/', f'"source": "{bucket}/in/')
    run = json.loads(found["run.json"])
    assert (run["lines"], run["parameters"]["sources"]) == (10, [f"{bucket}/in"])


def test_a_glimpse_is_put_once_and_never_asked_for(glimpse, bucket, s3):
    assert glimpse(f"in -o {bucket}/out --size 5")[0] == 0
    asked = Counter(method for method, path in s3.counted() if path.endswith(".png"))
    assert asked == {"PUT": 5}


def test_what_is_there_is_not_replaced_unasked(glimpse, bucket):
    store = storage_of(bucket)
    path = f"{bucket.removeprefix(f's3://{BUCKET}/')}/out/z_000.png"
    store.put(path, b"mine")
    code, err = glimpse(f"in -o {bucket}/out --size 5")
    assert (code, "z_000.png exists already; use `--overwrite`" in err) == (1, True)
    assert store.read(path) == b"mine"
    code, err = glimpse(f"in -o {bucket}/out --size 5")
    assert (code, "holds a run already" in err) == (2, True)
    assert glimpse(f"in -o {bucket}/out --size 5 --overwrite")[0] == 0
    assert store.read(path) != b"mine"


@pytest.mark.parametrize("how", ["--resume", "--resume=quick"])
def test_a_run_goes_on_with_what_is_missing(glimpse, bucket, how):
    assert glimpse(f"{bucket}/in -o {bucket}/out --size 5")[0] == 0
    before, store = objects(f"{bucket}/out"), storage_of(bucket)
    store.delete(f"{bucket.removeprefix(f's3://{BUCKET}/')}/out/sub/a_000.png")
    code, err = glimpse(f"{bucket}/in -o {bucket}/out --size 5 {how}")
    assert (code, "1 glimpse of 1 image written" in err and "4 images skipped" in err) == (0, True), err
    assert objects(f"{bucket}/out") == before


def test_failures_are_an_object_beside_the_lines(glimpse, bucket):
    store, folder = storage_of(bucket), bucket.removeprefix(f"s3://{BUCKET}/")
    store.put(f"{folder}/in/bad.png", b"\x89PNG\r\n\x1a\nno")
    code, _ = glimpse(f"{bucket}/in -o {bucket}/out --size 5")
    assert code == 1
    found = objects(f"{bucket}/out")
    assert json.loads(found["failures.jsonl"])["source"] == f"{bucket}/in/bad.png"
    assert len(found["metadata.jsonl"].splitlines()) == 5
    store.delete(f"{folder}/in/bad.png")
    assert glimpse(f"{bucket}/in -o {bucket}/out --size 5 --resume")[0] == 0
    assert "failures.jsonl" not in objects(f"{bucket}/out")


def test_shards_in_a_bucket_are_those_of_a_folder(glimpse, bucket, s3):
    options = "--per-shard 2 --tiles 2x1 --size 5"
    assert glimpse("in -o out/x-{shard:03d}.tar " + options)[0] == 0
    assert glimpse(f"in -o {bucket}/out/x-{{shard:03d}}.tar {options}")[0] == 0
    assert Counter(method for method, path in s3.counted() if path.endswith(".tar"))["PUT"] == 3
    assert objects(f"{bucket}/out") == files()
    store = storage_of(bucket)
    store.delete(f"{bucket.removeprefix(f's3://{BUCKET}/')}/out/x-001.jsonl")
    code, err = glimpse(f"in -o {bucket}/out/x-{{shard:03d}}.tar {options} --resume")
    assert (code, "3 images skipped" in err) == (0, True), err
    assert objects(f"{bucket}/out") == files()


def test_annotations_and_lists_have_addresses_too(glimpse, bucket):
    store, folder = storage_of(bucket), bucket.removeprefix(f"s3://{BUCKET}/")
    store.put(f"{folder}/boxes.csv", b"image,x,y,width,height,label\nsub/a.jpg,1,1,9,9,cat\n")
    assert glimpse(f"{bucket}/in -o out --annotations {bucket}/boxes.csv")[0] == 0
    assert [json.loads(line)["label"] for line in Path("out/metadata.jsonl").read_text().splitlines()] == ["cat"]
    digest = json.loads(Path("out/run.json").read_text())["parameters"]["inputs"][f"{bucket}/boxes.csv"]
    store.put(f"{folder}/boxes.csv", b"image,x,y,width,height,label\nsub/a.jpg,1,1,9,9,dog\n", overwrite=True)
    code, err = glimpse(f"{bucket}/in -o out --annotations {bucket}/boxes.csv --resume")
    assert (code, "boxes.csv has changed" in err, len(digest)) == (2, True, 64)
    store.put(f"{folder}/list.txt", f"{bucket}/in/z.png\n{bucket}/in/none.png\n".encode())
    code, err = glimpse(f"--from-file {bucket}/list.txt -o listed")
    assert (code, "none.png does not exist" in err) == (1, True)
    code, err = glimpse(f"{bucket}/in -o out2 --annotations {bucket}/in --annotations-format voc")
    assert (code, "is an address, and voc has many files" in err) == (2, True)
    code, err = glimpse(f"{bucket}/nothing -o out2")
    assert (code, "holds no image" in err) == (2, True)


def test_a_signed_query_is_sent_and_nowhere_stored(glimpse, tmp_path, monkeypatch, web):
    monkeypatch.chdir(tmp_path)
    picture = Path("a.png")
    Image.fromarray(np.zeros((6, 8, 3), np.uint8)).save(picture)
    web.files["/a.png"] = picture.read_bytes()
    address = f"{web.url}/a.png?X-Amz-Signature={MARK}"
    Path("list.txt").write_text(f"{address}\n{web.url}/404.png?X-Amz-Signature={MARK}\n")
    code, err = glimpse("--from-file list.txt -o out --size 4")
    assert (code, "404.png" in err) == (1, True)
    assert any(MARK in path for _, path, _ in web.requests)
    assert not any(MARK.encode() in content for content in files().values())
    assert [json.loads(line)["source"] for line in Path("out/metadata.jsonl").read_text().splitlines()] == [
        f"{web.url}/a.png"
    ]
    assert glimpse(f"{address} -o given --size 4")[0] == 0
    assert not any(MARK.encode() in content for content in files("given").values())
    code, err = glimpse("--from-file list.txt -o out --size 4 --resume")
    assert "1 image skipped" in err


@pytest.mark.slow
@pytest.mark.parametrize("target", ["out", "out/x-{shard:03d}.tar"])
def test_killed_runs_go_on_to_the_same_bytes(glimpse, bucket, target):
    for number in range(30):
        shutil.copy("in/sub/a.jpg", f"in/more{number}.jpg")
    options = ["--tiles", "2x2", "--size", "16", *(["--per-shard", "4"] if "tar" in target else [])]
    assert cli.run(["batch", "in", "-o", target, "-q", *options]) == 0
    command = [sys.executable, "-m", "glimpsecli", "batch", "in", "-o", f"{bucket}/{target}", "-q", *options]
    began = time.perf_counter()
    subprocess.run([*command, "--overwrite"], check=True, cwd=".", env=_environment())
    whole, chance = time.perf_counter() - began, random.Random(1)
    for _ in range(3):
        store = storage_of(bucket)
        store.delete(*(entry.path for entry in store.list(f"{bucket.removeprefix(f's3://{BUCKET}/')}/out")))
        process = subprocess.Popen(command, env=_environment())
        time.sleep(whole * chance.uniform(0.3, 0.95))
        process.kill()
        process.wait()
        again = subprocess.run([*command, "--resume"], env=_environment(), capture_output=True, text=True)
        assert (again.returncode, again.stderr) == (0, "")
        assert objects(f"{bucket}/out") == files()


def _environment():
    import os

    return {**os.environ, "PYTHONPATH": str(ROOT)}


def test_each_thread_of_a_cluster_works_on_sixteen_images_of_a_store(glimpse, bucket, monkeypatch):
    """However many processors the client has."""
    seen = []

    class Cluster:
        lost = False

        def checked(self, items, plan):
            return items

        def run(self, plan, items, stop, *, workers, **_):
            seen.append(workers)
            return engine.run(plan, items)

    monkeypatch.setattr("glimpsecli.jobs.connecting.cluster_at", lambda *_, **__: nullcontext(Cluster()))
    monkeypatch.setattr("glimpsecli.jobs.pool.processors", lambda: 64)
    assert glimpse(f"{bucket}/in -o out --size 5 --scheduler tcp://here:1") == (
        0,
        "glimpse: 5 glimpses written to out/\n",
    )
    assert seen == [16]


def test_members_of_a_shard_in_a_bucket_are_read_back(glimpse, bucket):
    assert glimpse(f"{bucket}/in -o {bucket}/out/x-{{shard}}.tar --size 5")[0] == 0
    found = objects(f"{bucket}/out")
    Path("x.tar").write_bytes(found["x-0.tar"])
    with tarfile.open("x.tar") as tar:
        names = tar.getnames()
    assert len(names) == 10
    mark = json.loads(found["x-0.jsonl"].splitlines()[-1])
    assert mark["sha256"] == hashlib.sha256(found["x-0.tar"]).hexdigest()


@pytest.mark.parametrize("out", ["out/", "shards/s-{shard:02d}.tar"])
def test_sheets_and_overlays_read_the_manifest_of_a_bucket(bucket, glimpse, capsys, out):
    folder = out.partition("/")[0]
    rows = []
    for base in (".", bucket):
        assert glimpse(f"{base}/in/ -o {base}/{out} --tiles 2x1 -q")[0] == 0
        assert cli.run(f"sheet {base}/{folder}/ --each 3 -o {len(rows)}.png --json".split()) == 0
        rows.append([json.loads(line) for line in capsys.readouterr().out.splitlines()])
        manifest = f"{base}/{folder}/{'metadata' if folder == 'out' else 's-00'}.jsonl"
        assert cli.run(f"overlay in/b2.png --windows {manifest} -o over{len(rows)}.png".split()) == 0
    local, remote = ([{**row, "shown": [Path(path).name for path in row["shown"]]} for row in one] for one in rows)
    assert local == remote
    assert sum(row["count"] for row in local) == 10
    assert Path("over1.png").read_bytes() == Path("over2.png").read_bytes()
