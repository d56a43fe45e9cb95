"""Tar files as sources: the glimpses of the folder that they unpack to, read as a stream, however they are damaged."""

import io
import json
import os
import shutil
import tarfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from stores import BUCKET
from test_batch_stores import objects
from test_shards import snapshot

from glimpsecli import cli
from glimpsecli.errors import GlimpseError
from glimpsecli.jobs.tars import find_tars
from glimpsecli.storage import inside_tar, path_of, storage_of
from glimpsecli.storage.members import TarStorage


def picture(seed):
    stream = io.BytesIO()
    pixels = np.random.default_rng(seed).integers(0, 256, (12, 16, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(stream, "png")
    return stream.getvalue()


def write_tar(path, members, form=tarfile.USTAR_FORMAT):
    with tarfile.open(path, "w", format=form) as tar:
        for name, content in members:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))


MEMBERS = [("b10.png", 1), ("b2.png", 2), ("sub/a.png", 3), ("sub/deep/c.png", 4), ("z.png", 5)]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A fresh folder with two tars, and the folders that they unpack to in `in`, where every test works."""
    monkeypatch.chdir(tmp_path)
    for number, start in (("08", 0), ("09", 10)):
        members = [(name, picture(start + seed)) for name, seed in MEMBERS]
        write_tar(f"x-{number}.tar", [*members, ("b2.json", b"{}"), ("b2.cls", b"1")])
        for name, content in members:
            path = Path("in", f"x-{number}", name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    return tmp_path


@pytest.fixture
def glimpse(capsys):
    def run(line):
        code = cli.run(line.split())
        return code, capsys.readouterr().err

    return run


@pytest.mark.parametrize(
    "options", ["--random 2 --size 5", "--part 2/3 --size 4", "--annotations boxes.csv", "-j 3 --tiles 2x1"]
)
def test_a_tar_is_the_folder_that_it_unpacks_to(glimpse, options):
    Path("boxes.csv").write_text("image,label,x,y,w,h\nx-08/b2.png,cat,1,2,6,7\nx-09/sub/a.png,dog,0,0,5,5\n")
    code, errors = glimpse(f"batch x-{{08..09}}.tar -o out {options}")
    assert (code, "left out: 2 .cls, 2 .json" in errors) == (0, "part" not in options)
    assert glimpse(f"batch in -o expected {options}")[0] == 0
    found, expected = snapshot(), snapshot("expected")
    assert found.keys() == expected.keys()
    assert all(found[name] == expected[name] for name in found if name.endswith("png"))
    for name in found:
        if name.startswith("metadata"):
            lines = expected[name].decode().replace('"source": "in/x-08/', '"source": "x-08.tar/')
            assert found[name].decode() == lines.replace('"source": "in/x-09/', '"source": "x-09.tar/')


@pytest.mark.parametrize("how", ["--resume", "--resume=quick"])
def test_a_tar_that_has_changed_is_made_again(glimpse, how):
    line = "batch x-08.tar x-09.tar -o out --size 4"
    assert glimpse(line)[0] == 0
    before = snapshot()
    assert glimpse(f"{line} {how}") == (
        0,
        "glimpse: 0 glimpses written to out/, 10 images skipped\nglimpse: left out: 2 .cls, 2 .json\n",
    )
    assert snapshot() == before
    changed = [(name, picture(seed) if name != "sub/a.png" else picture(77) + b"more") for name, seed in MEMBERS]
    write_tar("x-08.tar", changed)
    code, errors = glimpse(f"{line} {how}")
    assert (code, errors.splitlines()[0]) == (0, "glimpse: 1 glimpse of 1 image written to out/, 9 images skipped")
    assert {name for name, content in snapshot().items() if before[name] != content} == {
        "metadata.jsonl", "run.json", "x-08/sub/a_000.png",
    }  # fmt: skip


def test_shards_are_read_back_and_cut_anew(glimpse):
    assert glimpse("batch in -o shards/s-{shard:02d}.tar --per-shard 4 --size 6")[0] == 0
    assert glimpse("batch shards/s-*.tar -o cut/t-{shard}.tar --per-shard 7 --sampler hard")[0] == 0
    with tarfile.open("cut/t-1.tar") as tar:
        assert tar.getnames()[:2] == ["s-01/x-09/sub/a_000_000.png", "s-01/x-09/sub/a_000_000.json"]
        image = np.asarray(Image.open(tar.extractfile("s-01/x-09/sub/a_000_000.png")))
    with tarfile.open("shards/s-01.tar") as tar:
        assert np.array_equal(image, np.asarray(Image.open(tar.extractfile("x-09/sub/a_000.png"))))


@pytest.mark.parametrize("target", ["x-{shard:02d}.tar", "./x-{shard}.tar"])
def test_shards_are_not_written_beside_the_tars_that_are_read(glimpse, target):
    before = Path("x-08.tar").read_bytes(), Path("x-09.tar").read_bytes()
    code, errors = glimpse(f"batch x-{{08..09}}.tar -o {target} --overwrite")
    assert (code, "x-08.tar lies where shards are written; choose another name or folder" in errors) == (2, True)
    assert (Path("x-08.tar").read_bytes(), Path("x-09.tar").read_bytes()) == before


def test_a_member_is_read_by_its_path(glimpse):
    assert glimpse("extract x-08.tar/sub/a.png -o one.png --at 50%,50% --extent 4x4")[0] == 0
    assert glimpse("extract in/x-08/sub/a.png -o two.png --at 50%,50% --extent 4x4")[0] == 0
    assert Path("one.png").read_bytes() == Path("two.png").read_bytes()
    code, errors = glimpse("extract x-08.tar/no.png -o three.png")
    assert (code, "x-08.tar/no.png does not exist" in errors) == (2, True)
    Path("folder.tar").mkdir()
    Path("folder.tar/a.png").write_bytes(picture(1))
    assert glimpse("extract folder.tar/a.png -o four.png")[0] == 0


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("x-{08..10}.tar", "x-10.tar does not exist; check the path"),
        ("x-{9..8}.tar", "x-{9..8}.tar: {9..8} goes down, and ranges go up; write {8..9}"),
        (
            "x-{1..9999999}.tar",
            "x-{1..9999999}.tar stands for 9,999,999 tars, and 1,000,000 may be given at a time; give",
        ),
        ("x-{0..99999999999}.tar", "stands for 100,000,000,000 tars"),
        ("x-{0..999}-{0..9999}.tar", "stands for 10,000,000 tars"),
        (f"x-{{0..{'9' * 5000}}}.tar", ": a range has a number of more than 15 digits; write {000..099}"),
        ("x-{a..c}.tar", "x-{a..c}.tar: {a..c} is no range of numbers; write {000..099}, or give each tar by its name"),
        ("x-{08,09}.tar", "{08,09} is no range of numbers; write {000..099}, or give each tar by its name"),
        ("x-{0..9..2}.tar", "{0..9..2} is no range of numbers"),
        ("y-*.tar", "no file fits y-*.tar; check the pattern"),
        ("x-{08..09}-*.tar", "no file fits x-08-*.tar; check the pattern"),
        ("x-08.tar ./x-08.tar", "./x-08.tar is given twice"),
        ("x.tar.gz", "x.tar.gz is compressed, and cannot be searched; unpack it to a .tar"),
        ("empty.tar", "empty.tar is empty; leave it out"),
    ],
)
def test_tars_that_cannot_be_are_refused_before_work(glimpse, line, said):
    Path("empty.tar").touch()
    code, errors = glimpse(f"batch {line} -o out")
    assert (code, errors.count("\n"), Path("out").exists()) == (2, 1, False)
    assert said in errors


def test_what_is_no_tar_is_named(glimpse):
    Path("text.tar").write_text("text" * 1000)
    code, errors = glimpse("batch text.tar -o out")
    said = "text.tar/ cannot be searched: text.tar is no tar file, or a compressed one; unpack it, or leave it out"
    assert (code, errors) == (1, f"glimpse: error: {said}\n")


def test_tars_without_images_are_named(glimpse):
    write_tar("none.tar", [])
    write_tar("words.tar", [("a.txt", b"a"), ("b.txt", b"b")])
    code, errors = glimpse("batch x-08.tar none.tar words.tar -o out --size 4")
    assert (code, "left out: 2 .txt, 1 .cls, 1 .json, 1 empty tar none.tar\n" in errors) == (0, True)
    assert glimpse("batch none.tar -o two") == (2, "glimpse: error: none.tar is an empty tar; leave it out\n")
    code, errors = glimpse("batch words.tar none.tar -o two")
    assert (code, errors.endswith(", and hold 2 .txt, 1 empty tar none.tar\n")) == (2, True)
    assert errors.startswith("glimpse: error: words.tar and 1 more hold no image; they were searched for .png, ")
    code, errors = glimpse("batch x-08.tar -o two --exclude *.png")
    assert (code, "no image is left to work on; check the sources and --exclude" in errors) == (2, True)


def test_ranges_are_those_of_a_shell():
    write_tar("r-9.tar", [("a.png", picture(0))])
    write_tar("r-10.tar", [("a.png", picture(0))])
    assert find_tars(["r-{9..10}.tar", "in"]) == (["r-9.tar", "r-10.tar"], ["in"])
    assert find_tars(["x-{08..09}.tar"])[0] == ["x-08.tar", "x-09.tar"]
    write_tar("r-0.tar", [("a.png", picture(0))])
    for number in range(1, 9):
        write_tar(f"r-{number}.tar", [("a.png", picture(0))])
    assert find_tars(["r-{0..10}.tar"])[0] == [f"r-{number}.tar" for number in range(11)]


@given(st.lists(st.sampled_from([*"{},.*0819a", "..", "{0..", "08", "9" * 5000]), max_size=12).map("".join))
def test_braces_of_any_kind_are_read_or_refused(braces):
    try:
        found, others = find_tars([f"x-{braces}.tar"])
    except GlimpseError:
        return
    assert (others, all(map(os.path.exists, found))) == ([], True)


def test_the_tar_in_a_path():
    Path("folder.tar").mkdir()
    write_tar("folder.tar/x.tar", [("a.png", picture(0))])
    assert inside_tar("folder.tar/x.tar/a.png") == ("folder.tar/x.tar", "a.png")
    assert inside_tar("s3://data.tar/a.png") is None
    assert inside_tar("s3://data.tar/x.TAR/b/a.png") == ("s3://data.tar/x.TAR", "b/a.png")
    assert inside_tar("https://h.org/get?f=x.tar/a.jpg") is None


def test_of_a_damaged_tar_the_whole_members_are_read(glimpse):
    content = Path("x-08.tar").read_bytes()
    with tarfile.open("x-08.tar") as tar:
        cut = tar.getmember("sub/deep/c.png").offset_data + 20
    Path("x-08.tar").write_bytes(content[:cut])
    code, errors = glimpse("batch x-08.tar x-09.tar -o out --size 4")
    assert code == 1
    assert "cannot be searched: it is truncated: 'sub/deep/c.png' ends early; copy the tar again" in errors
    assert "8 glimpses written to out/, 1 failed" in errors


def test_names_that_lead_out_of_a_tar_are_not_read(glimpse):
    link = tarfile.TarInfo("link.png")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    write_tar(
        "x-08.tar",
        [("../out.png", picture(0)), ("/abs.png", picture(1)), ("./ok.png", picture(2)), ("a/../b.png", picture(3))],
    )
    with tarfile.open("x-08.tar", "a") as tar:
        tar.addfile(link)
    code, errors = glimpse("batch x-08.tar -o out --size 4")
    assert code == 1
    assert "2 members are not read; the first: '../out.png' leads out of the tar; rename the" in errors
    assert {name for name in snapshot() if name.endswith("png")} == {"x-08/ok_000.png", "x-08/b_000.png"}
    assert not Path("out.png").exists()


def test_a_tar_that_is_cut_between_members_is_not_taken_for_whole(glimpse):
    with tarfile.open("x-08.tar") as tar:
        cut = tar.getmember("z.png").offset
    Path("x-08.tar").write_bytes(Path("x-08.tar").read_bytes()[:cut])
    code, errors = glimpse("batch x-08.tar -o out --size 4")
    assert (code, "it is truncated: its end is missing" in errors) == (1, True), errors


def test_a_hard_link_is_its_member():
    write_tar("h.tar", [("a.png", b"content")])
    with tarfile.open("h.tar", "a") as tar:
        link = tarfile.TarInfo("./sub/b.png")
        link.type, link.linkname = tarfile.LNKTYPE, "./a.png"
        tar.addfile(link)
    with open("h.tar", "rb") as file:
        assert TarStorage("h.tar", file).read("sub/b.png") == b"content"


@pytest.mark.parametrize(
    ("line", "made"),
    [
        ("batch x-08.tar/sub/a.png", {"a_000.png"}),
        ("batch x-08.tar/sub", {"a_000.png", "deep/c_000.png"}),
        ("batch x-08.tar/", {f"x-08/{name[:-4]}_000.png" for name, _ in MEMBERS}),
        ("batch --from-file list", {"x-08/b2_000.png", "x-09/sub/a_000.png"}),
    ],
)
def test_members_and_folders_of_a_tar_are_named_like_files(glimpse, line, made):
    Path("list").write_text("x-08.tar/b2.png\nx-09.tar/sub/a.png\n")
    code, errors = glimpse(f"{line} -o out --size 4")
    assert (code, {name for name in snapshot() if name.endswith("png")}) == (0, made), errors


def test_members_are_drawn_on(glimpse):
    assert glimpse("overlay x-08.tar/sub/a.png --box 1,1,5,5 -o a.png")[0] == 0
    assert glimpse("overlay in/x-08/sub/a.png --box 1,1,5,5 -o b.png")[0] == 0
    assert Path("a.png").read_bytes() == Path("b.png").read_bytes()


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("x-08.tar/none.png", "x-08.tar/none.png does not exist"),
        ("--from-file none", "none, line 1: x-08.tar/none.png does not exist; give members of the tar"),
        ("--from-file tars", "tars, line 1: x-08.tar is a tar; give it as a source, or its members, x.tar/NAME"),
        ("tars_only", "and holds 1 .tar; name tars, tars_only/*.tar"),
    ],
)
def test_what_is_not_in_a_tar_is_named_with_the_way_out(glimpse, source, said):
    Path("none").write_text("x-08.tar/none.png\n")
    Path("tars").write_text("x-08.tar\n")
    Path("tars_only").mkdir()
    shutil.copy("x-08.tar", "tars_only")
    code, errors = glimpse(f"batch {source} -o out")
    assert (code, said in errors) == (2, True), errors


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("a\\b.png", r"'a\\b.png' holds a backslash"),
        ("a\nb.png", r"'a\nb.png' holds a character that is not printable"),
        ("C:b.png", "'C:b.png' begins with a drive"),
        ("a/../../b.png", "'a/../../b.png' leads out of the tar"),
    ],
)
def test_the_fault_of_a_name_is_named(glimpse, name, said):
    write_tar("x-08.tar", [(name, picture(0)), ("ok.png", picture(1))])
    code, errors = glimpse("batch x-08.tar -o out --size 4")
    assert (code, f"cannot be searched: 1 member is not read; the first: {said}; rename" in errors) == (1, True)
    assert {name for name in snapshot() if name.endswith("png")} == {"x-08/ok_000.png"}


def test_of_members_with_one_name_the_last_is_read(glimpse):
    write_tar("x-08.tar", [("a.png", picture(0)), ("b.png", picture(1)), ("a.png", picture(2))])
    assert glimpse("batch x-08.tar -o out --sampler hard")[0] == 0
    assert np.array_equal(np.asarray(Image.open("out/x-08/a_000.png")), np.asarray(Image.open(io.BytesIO(picture(2)))))
    assert len(Path("out/metadata.jsonl").read_text().splitlines()) == 2


names = st.lists(st.sampled_from(["a", "b.png", "ü", "x" * 120, "c d"]), min_size=1, max_size=3).map("/".join)


@given(
    members=st.lists(st.tuples(names, st.binary(max_size=2000)), max_size=8),
    form=st.sampled_from([tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]),
    cut=st.integers(0, 20_000),
    change=st.tuples(st.integers(0, 20_000), st.integers(0, 255)),
)  # fmt: skip
def test_members_are_those_of_tarfile_and_damage_is_no_traceback(members, form, cut, change):
    stream = io.BytesIO()
    try:
        write_tar("h.tar", members, form)
    except ValueError:  # a name that the old form does not take
        return
    content = Path("h.tar").read_bytes()
    whole = TarStorage("h.tar", io.BytesIO(content))
    with tarfile.open("h.tar") as tar:
        expected = {one.name: tar.extractfile(one).read() for one in tar}
    assert {entry.path: whole.read(entry.path) for entry in whole.list() if not entry.is_folder} == expected or any(
        f"{name}/" in other for name in expected for other in expected
    )  # a name that is a file and a folder
    damaged = bytearray(content[: max(1, len(content) - cut)])
    damaged[change[0] % len(damaged)] = change[1]
    stream = io.BytesIO(bytes(damaged))
    try:
        found = TarStorage("h.tar", stream)
        for entry in found.list():
            assert len(found.read(entry.path)) == entry.size
    except GlimpseError:
        pass


@pytest.mark.extras
def test_a_tar_of_a_bucket_is_fetched_once(glimpse, s3):
    folder = f"tars-{os.urandom(4).hex()}"
    bucket, store = f"s3://{BUCKET}/{folder}", storage_of(f"s3://{BUCKET}")
    for number in ("08", "09"):
        store.put(f"{folder}/x-{number}.tar", Path(f"x-{number}.tar").read_bytes())
    s3.requests.clear()
    assert glimpse(f"batch {bucket}/x-{{08..09}}.tar -o out --size 4 -j 4")[0] == 0
    asked = [(method, path.rpartition("/")[2]) for method, path in s3.counted()]
    assert sorted(one for one in asked if one[0] == "GET") == [("GET", "x-08.tar"), ("GET", "x-09.tar")]
    assert glimpse("batch x-{08..09}.tar -o expected --size 4")[0] == 0
    found, expected = snapshot(), snapshot("expected")
    assert {n: c for n, c in found.items() if n.endswith("png")} == {
        n: c for n, c in expected.items() if n.endswith("png")
    }
    assert json.loads(found["metadata.jsonl"].splitlines()[0])["source"] == f"{bucket}/x-08.tar/b2.png"
    assert glimpse(f"batch {bucket}/x-{{08..09}}.tar -o {bucket}/y-{{shard}}.tar --per-shard 3 --size 4")[0] == 0
    assert {f"y-{number}.tar" for number in range(4)} <= objects(bucket).keys()
    code, errors = glimpse(f"batch {bucket}/x-{{08..10}}.tar -o out2")
    assert (code, f"{bucket}/x-10.tar does not exist" in errors) == (2, True)
    assert path_of(f"{bucket}/x-08.tar/b2.png") == "b2.png"
