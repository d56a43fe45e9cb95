"""Commands that read and write addresses, as they do files."""

import io
import json
import re
import uuid

import numpy as np
import pytest
from conftest import ROOT
from stores import BUCKET, MARK

from glimpsecli import cli
from glimpsecli.storage import storage_of

pytestmark = pytest.mark.extras

RATE = r" in [0-9.]+ s, [0-9.]+ images/s"  # of a run that took its time
PHOTOS = ("chelsea.png", "rocket.jpg", "postcard.webp")
COMMANDS = {
    "extract": ("extract {in}/chelsea.png --box 10,20,50,40 -o {out}/a.png", ["a.png"]),
    "json": ("extract {in}/rocket.jpg --at 300,100 --extent 64x64 --size 16 --json -o {out}/a.jpg", ["a.jpg"]),
    "npz": ("extract {in}/chelsea.png {in}/rocket.jpg --box 10,20,50,40 -o {out}/a.npz", ["a.npz"]),
    "folder": ("extract {in}/chelsea.png {in}/rocket.jpg -o {out}/", ["chelsea_000.png", "rocket_000.png"]),
    "frames": (
        "extract {in}/postcard.webp --box 8,126,45,34 --frames :2 -o {out}/",
        ["postcard_000000_000.png", "postcard_000001_000.png"],
    ),
    "film": ("extract {in}/postcard.webp --box 8,126,45,34 --frames :3 -o {out}/a.gif", ["a.gif"]),
    "mask": ("mask {in}/chelsea.png --box 10,20,50,40 --size 8 -o {out}/a.png", ["a.png"]),
    "overlay": ("overlay {in}/chelsea.png --box 10,20,50,40 --inset -o {out}/a.png", ["a.png"]),
    "map": (f"overlay {{in}}/chelsea.png --map {ROOT}/sample_images/chelsea_contrast.npy -o {{out}}/a.png", ["a.png"]),
    "boxes": (
        f"overlay {{in}}/chelsea.png --map {ROOT}/sample_images/chelsea_contrast.npy --to-boxes otsu -o {{out}}/a.csv",
        ["a.csv"],
    ),
    "compare": ("compare {in}/chelsea.png --box 150,20,160,160 --size 20 -o {out}/a.png", ["a.png"]),
    "gradient": ("gradient {in}/chelsea.png --box 175,50,96,96 --size 12 --steps 5 -o {out}/a.png", ["a.png"]),
    "paste": ("paste {in}/chelsea.png --onto {in}/rocket.jpg --box 20,200,240,160 -o {out}/a.png", ["a.png"]),
    "path": (
        "path {in}/rocket.jpg --from 0,0,640,360 --to 240,120,160,90 --duration 0.2 --size 32 -o {out}/a.gif", ["a.gif"]
    ),
    "track": (
        "track {in}/postcard.webp --box 8,126,45,34 --frames :3 -o {out}/a.csv -o {out}/a.gif", ["a.csv", "a.gif"]
    ),
    "fit": ("fit {in}/chelsea.png {in}/chelsea.png --target-box 120,60,200,140 --size 20x14 --json", []),
}  # fmt: skip


@pytest.fixture
def bucket(s3):
    """The address of a folder of a bucket with photos in ``in``."""
    folder, storage = uuid.uuid4().hex, storage_of(f"s3://{BUCKET}")
    for name in PHOTOS:
        storage.put(f"{folder}/in/{name}", (ROOT / "sample_images" / name).read_bytes())
    s3.counted()
    return f"s3://{BUCKET}/{folder}"


def run(glimpse, command, **places):
    line = command
    for name, place in places.items():
        line = line.replace(f"{{{name}}}", str(place))
    code, out, err = glimpse(line)
    assert MARK not in out + err
    return code, out, err


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_gives_the_same_bytes_from_bucket_to_bucket(name, glimpse, bucket, tmp_path):
    command, files = COMMANDS[name]
    (tmp_path / "out").mkdir()
    local = run(glimpse, command, **{"in": ROOT / "sample_images", "out": tmp_path / "out"})
    remote = run(glimpse, command, **{"in": f"{bucket}/in", "out": f"{bucket}/out"})
    assert local[0] == remote[0] == 0
    for here, there in zip(local[1:], remote[1:], strict=True):
        renamed = there.replace(f"{bucket}/in", f"{ROOT}/sample_images").replace(f"{bucket}/out", f"{tmp_path}/out")
        assert re.sub(RATE, "", renamed) == re.sub(RATE, "", here)
    storage, folder = storage_of(bucket), bucket.partition(f"{BUCKET}/")[2]
    assert [entry.path for entry in storage.list(f"{folder}/out")] == [f"{folder}/out/{file}" for file in files]
    for file in files:
        there, here = storage.read(f"{folder}/out/{file}"), (tmp_path / "out" / file).read_bytes()
        if file.endswith(".npz"):  # it holds the names of its sources
            there, here = (np.load(io.BytesIO(content))["glimpses"].tobytes() for content in (there, here))
        assert there.replace(f"{bucket}/in".encode(), f"{ROOT}/sample_images".encode()) == here


def test_an_image_goes_to_standard_output_in_two_requests(bucket, s3, capfdbinary, tmp_path):
    command = ["extract", f"{bucket}/in/chelsea.png", "--box", "10,20,50,40", "-o"]
    assert cli.run([*command, str(tmp_path / "a.png")]) == 0
    folder = bucket.removeprefix("s3:/")
    assert s3.counted() == [("HEAD", f"{folder}/in/chelsea.png"), ("GET", f"{folder}/in/chelsea.png")]
    capfdbinary.readouterr()
    assert cli.run([*command, "-", "--format", "png"]) == 0
    assert capfdbinary.readouterr().out == (tmp_path / "a.png").read_bytes()


def test_a_table_of_windows_may_have_an_address(glimpse, bucket, tmp_path):
    storage, folder = storage_of(bucket), bucket.partition(f"{BUCKET}/")[2]
    storage.put(f"{folder}/in/boxes.csv", b"x,y,width,height,label\n10,20,50,40,eye\n")
    line = f"extract {bucket}/in/chelsea.png --windows {bucket}/in/boxes.csv --name {{label}} -o {tmp_path}/"
    assert glimpse(line)[0] == 0
    assert [path.name for path in tmp_path.iterdir()] == ["eye.png"]
    code, _, err = run(glimpse, f"extract {bucket}/in/chelsea.png --windows {bucket}/in/none.csv -o {tmp_path}/")
    assert (code, err) == (2, f"glimpse: error: {bucket}/in/none.csv does not exist; check the address\n")
    line = f"extract {bucket}/in/chelsea.png --windows https://host/a.csv?sig={MARK} -o {tmp_path}/"
    assert run(glimpse, line)[2].endswith("https://host/a.csv is given with a query; save it as a file first\n")


@pytest.mark.parametrize(
    ("line", "code", "message"),
    [
        ("extract {in}/none.png -o {out}/a.png", 2, "{in}/none.png does not exist; check the address"),
        ("extract {in}/ -o {out}/a.png", 2, "{in}/ is a folder; name a file in it"),
        ("extract {in}/chelsea.png -o {in}/rocket.jpg", 2, "{in}/rocket.jpg exists; give --overwrite to replace it"),
        (
            "extract {in}/chelsea.png -o {in}/chelsea.png --overwrite", 2,
            "{in}/chelsea.png is the input {in}/chelsea.png; choose another output",
        ),
        (
            "extract {in}/chelsea.png --box 1,1,9,9 --box 2,2,9,9 --name x -o {out}/", 2,
            "{out}/x.png would hold two glimpses of {in}/chelsea.png;",
        ),
        ("extract {in}/chelsea.png -o https://host/a.png", 2, "https://host/a.png is read-only; write to a folder or"),
        ("extract ftp://host/a.png -o {out}/a.png", 2, "ftp://host/a.png has a scheme that is not known; use s3://"),
        ("extract s3://no-such-bucket/a.png -o a.png", 2, "s3://no-such-bucket/a.png does not exist; check the"),
        ("fit {in}/chelsea.png {in}/chelsea.png -o {out}/a.csv", 2, "-o {out}/a.csv is not a local file; give the"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_before_work_begins(line, code, message, glimpse, bucket):
    found, out, err = run(glimpse, line, **{"in": f"{bucket}/in", "out": f"{bucket}/out"})
    assert (found, out) == (code, "")
    assert message.replace("{in}", f"{bucket}/in").replace("{out}", f"{bucket}/out") in err
    assert err.count("\n") == 1


def test_what_is_forbidden_fails_alone(glimpse, bucket, s3, tmp_path):
    with s3.refusing():
        line = f"extract {bucket}/in/chelsea.png {ROOT}/sample_images/rocket.jpg -o {tmp_path}/"
        code, _, err = run(glimpse, line)
        assert (code, [path.name for path in tmp_path.iterdir()]) == (1, ["rocket_000.png"])
        assert f"{bucket}/in/chelsea.png could not be read: 403 Forbidden" in err
        code, _, err = run(glimpse, f"extract {ROOT}/sample_images/rocket.jpg -o {bucket}/out/a.png")
        assert code == 1
        assert f"{bucket}/out/a.png could not be written: 403 Forbidden" in err


def test_a_damaged_image_leaves_no_object(glimpse, bucket):
    storage, folder = storage_of(bucket), bucket.partition(f"{BUCKET}/")[2]
    storage.put(f"{folder}/in/torn.png", (ROOT / "sample_images" / "chelsea.png").read_bytes()[:20_000])
    code, _, err = run(glimpse, f"extract {bucket}/in/torn.png -o {bucket}/out/a.png")
    assert (code, [*storage.list(f"{folder}/out")]) == (1, [])
    assert f"{bucket}/in/torn.png" in err


def test_an_object_that_appears_meanwhile_is_kept(glimpse, bucket, monkeypatch):
    storage, folder = storage_of(bucket), bucket.partition(f"{BUCKET}/")[2]
    from glimpsecli.jobs import engine

    made = engine.decode

    def slow(*arguments, **options):
        storage.put(f"{folder}/out/a.png", b"another's", overwrite=True)
        return made(*arguments, **options)

    monkeypatch.setattr(engine, "decode", slow)
    code, _, err = run(glimpse, f"extract {bucket}/in/chelsea.png -o {bucket}/out/a.png")
    assert code == 2
    assert f"{bucket}/out/a.png exists already; use `--overwrite` to replace it" in err
    assert storage.read(f"{folder}/out/a.png") == b"another's"


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("options", ["", " --traceback -v"])
def test_no_command_shows_a_signature(name, options, glimpse, web, tmp_path):
    for photo in PHOTOS:
        web.files[f"/{photo}"] = (ROOT / "sample_images" / photo).read_bytes()
    command, files = COMMANDS[name]
    (tmp_path / "out").mkdir()
    for photo in PHOTOS:
        command = command.replace(f"{{in}}/{photo}", f"{web.url}/{photo}?X-Amz-Signature={MARK}")
    code, out, _ = run(glimpse, command + options * (name not in ("track", "path", "fit")), out=tmp_path / "out")
    assert code == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == files
    for path in (tmp_path / "out").iterdir():
        assert MARK.encode() not in path.read_bytes()
    for line in out.splitlines():
        json.loads(line)
    web.files.clear()
    code, _, err = run(glimpse, command + " --overwrite" + options, out=tmp_path / "out")
    assert code == 2
    assert "does not exist; check the address" in err
