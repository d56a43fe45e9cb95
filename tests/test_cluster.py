"""`glimpse batch --scheduler`: the bytes of one process, whoever dies meanwhile; and what is refused before work."""

import importlib
import json
import os
import random
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT
from PIL import Image
from stores import BUCKET
from test_batch_stores import objects
from test_shards import snapshot

from glimpsecli import cli
from glimpsecli.jobs.chunks import Chunk, Terms, packed, unpacked, work

pytestmark = [
    pytest.mark.extras,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # sockets of workers that were killed
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
BATCH = [sys.executable, "-m", "glimpsecli", "batch"]
KILLER = """
import os
from glimpsecli.jobs import engine
from glimpsecli.storage.atomic import temporary_name

def work(item, plan, budget, before=engine._work):
    if item.failure is None and item.source.endswith("img_7.jpg"):
        folder, name = os.path.split(item.targets[0] if plan.sharding is None else plan.sharding.path(item.shard))
        os.makedirs(folder, exist_ok=True)
        open(os.path.join(folder, temporary_name(name)), "w").close()  # as if it were writing
        os._exit(1)
    return before(item, plan, budget)

if engine._work.__defaults__ is None:  # a preload is run twice
    engine._work = work
"""
RIVAL = """
from pathlib import Path
from glimpsecli.jobs import chunks

def write_shard(sharding, number, *how, before=chunks.write_shard, **more):
    if number == 1:
        Path(sharding.path(number)).write_text("theirs")
    return before(sharding, number, *how, **more)

if chunks.write_shard.__defaults__ is None:
    chunks.write_shard = write_shard
"""


@pytest.fixture(scope="session")
def workers():
    """Two workers that stay, and the client of a test."""
    distributed = pytest.importorskip("distributed")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with (
            distributed.LocalCluster(
                n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address="127.0.0.1:0", silence_logs=50
            ) as cluster,
            distributed.Client(cluster, set_as_default=False) as client,
        ):
            yield client


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A fresh folder with 60 photos in `in`, where every test works."""
    pytest.importorskip("distributed")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    noise = np.random.default_rng(0).integers(0, 256, (60, 24, 32, 3), dtype=np.uint8)
    for number, pixels in enumerate(noise):
        path = Path("in", f"d{number % 3}", f"img_{number}.jpg")
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)
    return tmp_path


@pytest.fixture
def glimpse(capsys):
    def run(line):
        code = cli.run(["batch", *line.split()])
        return code, capsys.readouterr().err

    return run


class Started(subprocess.Popen):
    """A command that is ended with all its workers where a test fails before it has."""

    def __exit__(self, *reason):
        if self.poll() is None:
            os.killpg(self.pid, signal.SIGKILL)
        super().__exit__(*reason)


def started(line, **environment):
    return Started(
        [*BATCH, *line.split()], env={**os.environ, **environment}, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip


def workers_of(process):
    psutil = importlib.import_module("psutil")
    found = psutil.Process(process.pid).children(recursive=True)
    return [one for one in found if "spawn_main" in " ".join(one.cmdline())]


def wait_until(there, seconds=60):
    end = time.monotonic() + seconds
    while not there():
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.mark.parametrize(
    "line",
    [
        "--random 2 --size 8 --seed 3",
        "--annotations boxes.csv --format jpg",
        "--part 2/3 --tiles 2x1",
        "--size 4 --chunk 1",
    ],
)
def test_the_bytes_are_those_of_one_process(glimpse, folder, workers, line):
    Path("boxes.csv").write_text(
        "image,label,x,y,w,h\n" + "".join(f"d{n % 3}/img_{n}.jpg,cat,{n % 9},3,7,9\n" for n in range(0, 60, 2))
    )
    line, chunk, size = line.partition(" --chunk")
    assert glimpse(f"{folder}/in -o {folder}/one -j 1 {line}")[0] == 0
    address = workers.scheduler.address
    assert glimpse(f"{folder}/in -o {folder}/two --scheduler {address} {line}{chunk}{size}")[0] == 0
    assert snapshot("two") == snapshot("one")


def test_damaged_images_fail_as_they_do_in_one_process(glimpse, folder, workers):
    Path("in/d1/img_4.jpg").write_bytes(b"no image")
    code, errors = glimpse(f"{folder}/in -o {folder}/one -j 1 --size 4")
    address = workers.scheduler.address
    assert glimpse(f"{folder}/in -o {folder}/two --scheduler {address} --size 4") == (
        code, errors.replace("one/", "two/"),
    )  # fmt: skip
    assert snapshot("two") == snapshot("one")
    assert len(Path("two/failures.jsonl").read_text().splitlines()) == 1


def test_shards_are_written_by_the_workers(glimpse, folder, workers):
    shards = "x-{shard:03d}.tar --per-shard 7 --random 2 --size 8"
    Path("in/d1/img_4.jpg").write_bytes(b"no image")
    assert glimpse(f"{folder}/in -o {folder}/one/{shards} -j 1")[0] == 1
    address = workers.scheduler.address
    assert glimpse(f"{folder}/in -o {folder}/two/{shards} --scheduler {address}")[0] == 1
    assert snapshot("two") == snapshot("one")
    Path("two/x-002.tar").unlink()
    code, errors = glimpse(f"{folder}/in -o {folder}/two/{shards} --scheduler {address} --resume")
    assert (code, "46 images skipped" in errors) == (1, True)  # two of nine shards: one is gone, and one has a failure
    assert snapshot("two") == snapshot("one")


def test_frames_of_videos_are_read_by_the_workers(glimpse, folder, workers):
    av = pytest.importorskip("av")
    with av.open("in/clip.mp4", "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for level in range(0, 250, 10):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), level, np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    line = f"{folder}/in/clip.mp4 --frames 0:20:3 --random 1 --size 8"
    assert glimpse(f"{line} -o {folder}/one")[0] == 0
    assert glimpse(f"{line} -o {folder}/two --scheduler {workers.scheduler.address}")[0] == 0
    assert snapshot("two") == snapshot("one")
    assert len(Path("one/metadata.jsonl").read_text().splitlines()) == 7


def test_workers_read_and_write_buckets(glimpse, s3):
    from glimpsecli.storage import storage_of

    store, folder = storage_of(f"s3://{BUCKET}"), f"cluster-{os.urandom(4).hex()}"
    for path in Path("in/d0").iterdir():
        store.put(f"{folder}/in/{path.name}", path.read_bytes())
    bucket = f"s3://{BUCKET}/{folder}"
    assert glimpse(f"{bucket}/in -o {bucket}/one --size 4 -j 2")[0] == 0
    assert glimpse(f"{bucket}/in -o {bucket}/two --size 4 --scheduler local:2")[0] == 0
    assert objects(f"{bucket}/two") == objects(f"{bucket}/one")
    shards = "x-{shard:03d}.tar --per-shard 7 --size 4"
    assert glimpse(f"{bucket}/in -o {bucket}/three/{shards} -j 2")[0] == 0
    assert glimpse(f"{bucket}/in -o {bucket}/four/{shards} --scheduler local:2")[0] == 0
    assert objects(f"{bucket}/four") == objects(f"{bucket}/three")


@pytest.mark.parametrize("output", ["two", "two/x-{shard:03d}.tar --per-shard 5"])
def test_workers_that_are_killed_lose_and_double_nothing(glimpse, output):
    moments = random.Random(output)
    assert glimpse(f"in -o {output.replace('two', 'one')} --random 40 --size 16 -j 1")[0] == 0
    process = started(f"in -o {output} --random 40 --size 16 --scheduler local:2")
    with process:
        wait_until(lambda: [*Path("two").rglob("*.tar" if "shard" in output else "*.png")])
        for _ in range(3):
            time.sleep(moments.uniform(0.1, 0.8))
            for worker in workers_of(process) if process.poll() is None else ():
                worker.kill()
        assert process.wait(120) == 0, process.stderr.read()
    assert snapshot("two") == snapshot("one")


@pytest.mark.parametrize("output", ["two", "two/x-{shard:03d}.tar --per-shard 20"])
def test_an_image_that_ends_its_workers_fails_alone(glimpse, output):
    Path("killer.py").write_text(KILLER)
    process = started(
        f"in -o {output} --size 4 --scheduler local:2 {'' if 'shard' in output else '--chunk 20'}",
        DASK_DISTRIBUTED__WORKER__PRELOAD=json.dumps([str(Path("killer.py").resolve())]),
        DASK_DISTRIBUTED__DEPLOY__LOST_WORKER_TIMEOUT="0.1s",  # a worker that dies again is started again all the same
    )
    with process:
        assert process.wait(120) == 1
        errors = process.stderr.read()
    assert "in/d1/img_7.jpg ended its worker several times; give workers more memory" in errors
    assert "59 glimpses written to two/, 1 failed" in errors
    assert [json.loads(line)["source"] for line in Path("two/failures.jsonl").read_text().splitlines()] == [
        "in/d1/img_7.jpg"
    ]
    assert not [*Path("two").rglob("*.glimpse-tmp")]
    assert glimpse(f"in -o {output} --size 4 --resume")[0] == 0  # it does no harm here
    assert glimpse(f"in -o {output.replace('two', 'one')} --size 4")[0] == 0
    assert snapshot("two") == snapshot("one")


@pytest.mark.parametrize("output", ["two", "two/x-{shard:03d}.tar --per-shard 5"])
def test_a_client_that_is_killed_goes_on_with_resume(glimpse, output):
    assert glimpse(f"in -o {output.replace('two', 'one')} --random 40 --size 16 -j 1")[0] == 0
    sharded = "shard" in output
    with started(
        f"in -o {output} --random 40 --size 16 --scheduler local:2 {'' if sharded else '--chunk 3'}"
    ) as process:
        wait_until(lambda: [*Path("two").rglob("*.tar" if sharded else "*.png")])
        process.kill()
    more = "" if sharded else "--chunk 11"
    with started(f"in -o {output} --random 40 --size 16 --resume --scheduler local:2 {more}") as process:
        assert process.wait(120) == 0, process.stderr.read()
    assert snapshot("two") == snapshot("one")


@pytest.mark.parametrize("resume", ["", "--resume"])
def test_a_file_of_somebody_else_is_kept(glimpse, workers, folder, resume):
    line = f"{folder}/in -o {folder}/two --size 4 --scheduler {workers.scheduler.address}"
    if resume:
        assert glimpse(line)[0] == 0
        Path("in/d0/new.jpg").write_bytes(Path("in/d0/img_0.jpg").read_bytes())
    theirs = Path("two/d0/new_000.png" if resume else "two/d0/img_0_000.png")
    theirs.parent.mkdir(parents=True, exist_ok=True)
    theirs.write_text("theirs")
    code, errors = glimpse(f"{line} {resume}")
    assert (code, f"{theirs} exists" in errors) == (1 if resume else 2, True)
    assert theirs.read_text() == "theirs"


def test_a_shard_of_somebody_else_that_comes_meanwhile_is_kept():
    Path("rival.py").write_text(RIVAL)
    preload = json.dumps([str(Path("rival.py").resolve())])
    line = "in -o two/x-{shard:03d}.tar --per-shard 20 --size 4 --scheduler local:2"
    with started(line, DASK_DISTRIBUTED__WORKER__PRELOAD=preload) as process:
        assert process.wait(120) == 1
        assert "error: two/x-001.tar has come meanwhile; move it away" in process.stderr.read()
    assert Path("two/x-001.tar").read_text() == "theirs"


def test_workers_that_are_killed_in_a_resumed_run(glimpse):
    assert glimpse("in -o one --random 40 --size 16 -j 1")[0] == 0
    assert glimpse("in -o two --random 40 --size 16 -j 1")[0] == 0
    for path in [*Path("two").rglob("*.png")][::2]:
        path.unlink()
    with started("in -o two --random 40 --size 16 --scheduler local:2 --resume --chunk 3") as process:
        wait_until(lambda: len([*Path("two").rglob("*.png")]) > 1300)
        for worker in workers_of(process):
            worker.kill()
        assert process.wait(120) == 0, process.stderr.read()
    assert snapshot("two") == snapshot("one")


def test_ctrl_c_ends_what_is_running_and_no_more(glimpse):
    assert glimpse("in -o one --random 60 --size 16 -j 1")[0] == 0
    with started("in -o two --random 60 --size 16 --scheduler local:2 --chunk 4") as process:
        wait_until(lambda: [*Path("two").rglob("*.png")])
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(60) == 130
        errors = process.stderr.read()
    assert "finishing the running images" in errors
    assert "give --resume to go on" in errors
    assert "Traceback" not in errors
    lines = Path("two/metadata.jsonl").read_text().splitlines()
    assert 0 < len(lines) < 3600
    assert len(lines) % 60 == 0
    assert glimpse("in -o two --random 60 --size 16 --resume")[0] == 0
    assert snapshot("two") == snapshot("one")


def test_a_scheduler_that_is_lost_ends_the_run_with_one_line(glimpse, folder):
    command = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0"]
    silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    scheduler = subprocess.Popen(
        [*command, "--no-dashboard", "--scheduler-file", "scheduler.json"], start_new_session=True, **silent
    )
    worker = subprocess.Popen(
        [sys.executable, "-m", "distributed.cli.dask_worker", "--scheduler-file", "scheduler.json", "--no-dashboard",
         "--nthreads", "1", "--death-timeout", "60"], start_new_session=True, **silent,
    )  # fmt: skip
    try:
        wait_until(Path("scheduler.json").exists)
        with started(f"{folder}/in -o {folder}/two --random 60 --size 16 --scheduler-file scheduler.json") as process:
            wait_until(lambda: [*Path("two").rglob("*.png")])
            os.killpg(scheduler.pid, signal.SIGKILL)
            assert process.wait(120) == 1
            errors = process.stderr.read()
    finally:
        for one in (scheduler, worker):
            os.killpg(one.pid, signal.SIGKILL)
            one.wait()
    assert "Traceback" not in errors
    assert "the scheduler at scheduler.json is gone; start it, and go on with --resume" in errors
    assert glimpse(f"{folder}/in -o {folder}/two --random 60 --size 16 --resume")[0] == 0
    assert glimpse(f"{folder}/in -o {folder}/one --random 60 --size 16")[0] == 0
    assert snapshot("two") == snapshot("one")


def test_a_worker_that_comes_later_is_checked_with_its_first_chunk():
    terms = Terms((("glimpse", "0.1"),), "token", b"", "", None)
    assert "has glimpse" in unpacked(work(packed(Chunk(None, (), terms)))).error.message


def test_workers_are_checked_before_anything_is_written(glimpse, folder, workers):
    address = workers.scheduler.address
    before = workers.run(os.getcwd)
    elsewhere = folder / "elsewhere"
    elsewhere.mkdir()
    workers.run(os.chdir, str(elsewhere))
    try:
        code, errors = glimpse(f"in -o two --size 4 --scheduler {address}")
        assert code == 2
        assert "worker tcp://127.0.0.1:" in errors
        assert "in/d0/img_0.jpg is not on " in errors
        assert "give absolute paths" in errors
        code, errors = glimpse(f"{folder}/in -o two --size 4 --scheduler {address}")
        assert (code, "is another one; give the absolute path of a folder" in errors) == (2, True)
        one = next(iter(before))
        workers.run(_set_version, "0.0.1", workers=[one])
        try:
            code, errors = glimpse(f"{folder}/in -o {folder}/two --size 4 --scheduler {address}")
            assert (code, f"worker {one}: " in errors, "has glimpse 0.0.1 and not " in errors) == (2, True, True)
        finally:
            workers.run(_set_version, None, workers=[one])
    finally:
        for worker, path in before.items():
            workers.run(os.chdir, path, workers=[worker])
    assert not [path for path in Path("two").rglob("*") if path.is_file()]
    assert glimpse(f"{folder}/in -o {folder}/two --size 4 --scheduler {address}")[0] == 0


def _set_version(version):
    from glimpsecli import __version__
    from glimpsecli.jobs import description

    description.__version__ = version or __version__


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("--scheduler tcp://127.0.0.1:9", "no scheduler answers at tcp://127.0.0.1:9; start one with `dask scheduler`"),
        ("--scheduler-file boxes", "boxes is no scheduler file"),
        ("--chunk 3", "--chunk belongs to --scheduler"),
        ("--scheduler local:2 --chunk 0", "'0' is no number of images; write 256, or auto"),
    ],
)  # fmt: skip
def test_bad_clusters_are_refused_before_work(glimpse, monkeypatch, options, said):
    connecting = importlib.import_module("glimpsecli.jobs.connecting")
    monkeypatch.setattr(connecting, "ANSWER", "0.5s")
    Path("boxes").write_text("[]")
    code, errors = glimpse(f"in -o two --size 4 {options}")
    assert (code, errors.count("Traceback"), Path("two").exists()) == (2, 0, False)
    assert said in errors


def test_a_shard_is_a_chunk(glimpse):
    code, errors = glimpse("in -o two/x-{shard}.tar --scheduler local:2 --chunk 3")
    assert (code, "use --per-shard" in errors) == (2, True)
