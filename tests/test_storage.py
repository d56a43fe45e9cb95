"""The protocol of storage over local files, objects in memory and a store of S3: one promise, three keepers."""

import os
import pickle
import re
import signal
import subprocess
import sys
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import pytest
from conftest import examples
from hypothesis import given
from hypothesis import strategies as st
from stores import BUCKET

from glimpsecli.errors import FileProblemError, GlimpseError, InvalidInputError
from glimpsecli.storage import Storage, storage_of
from glimpsecli.storage.ahead import AT_ONCE, ahead
from glimpsecli.storage.local import LocalStorage

LINES = ["{}", '{"label": "Ärger ?#%"}', "", "x" * 70_000]


class Place(NamedTuple):
    """A folder of a storage."""

    storage: Storage
    folder: str

    def at(self, name):
        return f"{self.folder}/{name}"


@pytest.fixture(
    params=["local", pytest.param("memory", marks=pytest.mark.extras), pytest.param("s3", marks=pytest.mark.extras)]
)
def place(request, tmp_path):
    if request.param == "local":
        return Place(LocalStorage(), str(tmp_path))
    if request.param == "memory":
        return in_memory()
    return in_bucket(request.getfixturevalue("s3"))


def in_memory():
    stores = pytest.importorskip("obstore.store", reason="obstore is not installed")
    from glimpsecli.storage.objects import ObjectStorage

    return Place(ObjectStorage("memory://test", stores.MemoryStore()), "folder")


def in_bucket(server):
    folder = uuid.uuid4().hex
    return Place(storage_of(f"s3://{BUCKET}"), folder)


def names(place, folder="", **how):
    found = place.storage.list(place.at(folder).rstrip("/"), **how)
    return sorted(entry.path.removeprefix(place.folder + "/") + "/" * entry.is_folder for entry in found)


def test_what_is_put_is_read_and_found(place):
    content = bytes(range(256)) * 4
    place.storage.put(place.at("a/b.png"), memoryview(content))
    assert place.storage.read(place.at("a/b.png")) == content
    entry = place.storage.stat(place.at("a/b.png"))
    assert (entry.path, entry.size, entry.is_folder) == (place.at("a/b.png"), 1024, False)
    assert abs(entry.modified - time.time()) < 60


@pytest.mark.parametrize("name", ["a b.png", "ü%20#+~.png", "[1]*&=@:;,'!().png", "日本.png", '"<>|{}^`\\.png'])
def test_any_name_of_a_file_is_kept(place, name):
    place.storage.put(place.at(name), b"1")
    assert names(place) == [name]
    assert place.storage.read(place.at(name)) == b"1"
    assert place.storage.stat(place.at(name)).size == 1


@pytest.mark.parametrize(("start", "stop"), [(0, 3), (2, 2), (3, 1), (4, 100), (6, 8), (100, 200)])
def test_a_part_is_a_slice(place, start, stop):
    place.storage.put(place.at("x"), b"012345")
    assert place.storage.read_part(place.at("x"), start, stop) == b"012345"[start:stop]


def test_an_existing_file_is_replaced_only_on_request(place):
    place.storage.put(place.at("x"), b"old")
    with pytest.raises(InvalidInputError, match=r"x exists already; use `--overwrite`"):
        place.storage.put(place.at("x"), b"new")
    assert place.storage.read(place.at("x")) == b"old"
    place.storage.put(place.at("x"), b"new", overwrite=True)
    assert place.storage.read(place.at("x")) == b"new"


def test_of_many_that_put_one_file_one_wins(place):
    def put(number):
        try:
            place.storage.put(place.at("x"), b"%d" % number)
        except InvalidInputError:
            return None
        return number

    with ThreadPoolExecutor(8) as pool:
        winners = [number for number in pool.map(put, range(24)) if number is not None]
    assert len(winners) == 1
    assert place.storage.read(place.at("x")) == b"%d" % winners[0]


def test_what_is_missing_is_named(place):
    assert place.storage.stat(place.at("none")) is None
    assert [*place.storage.log(place.at("none"))] == []
    place.storage.delete(place.at("none"), place.at("none-either"))
    place.storage.join(place.at("none"))
    for read in (place.storage.read, lambda path: place.storage.read_part(path, 0, 1)):
        with pytest.raises(InvalidInputError, match="none does not exist; check the"):
            read(place.at("none"))


def test_what_has_gone_is_not_remembered(place):
    place.storage.put(place.at("x"), b"1")
    assert names(place) == ["x"]
    place.storage.delete(place.at("x"))
    assert place.storage.stat(place.at("x")) is None
    assert names(place) == []
    place.storage.put(place.at("x"), b"2")
    assert place.storage.stat(place.at("x")).size == 1


def test_a_listing_is_deep_or_of_one_folder(place):
    for name in ("a/1.png", "a/b/2.png", "a/b/c/3.png", "ab/4.png", "a.png"):
        place.storage.put(place.at(name), b"")
    assert names(place, "a") == ["a/1.png", "a/b/2.png", "a/b/c/3.png"]
    assert names(place, "a", deep=False) == ["a/1.png", "a/b/"]
    assert names(place, deep=False) == ["a.png", "a/", "ab/"]


def test_a_folder_is_no_file(place):
    place.storage.put(place.at("a/x"), b"")
    with pytest.raises(GlimpseError, match="is a folder"):
        place.storage.put(place.at("a/") if place.storage.root else place.at("a"), b"", overwrite=True)


def test_a_log_keeps_the_order_of_twelve_parts(place):
    path = place.at("out/metadata.jsonl")
    for number in range(12):
        place.storage.append(path, [f"{number}.{line}" for line in range(number % 3)])
        place.storage.append(path, LINES)
    expected = [line for number in range(12) for line in [*(f"{number}.{at}" for at in range(number % 3)), *LINES]]
    assert [*place.storage.log(path)] == expected
    place.storage.join(path)
    assert [*place.storage.log(path)] == expected
    assert place.storage.read(path).decode() == "".join(f"{line}\n" for line in expected)
    assert names(place) == ["out/metadata.jsonl"]
    place.storage.append(path, ["one more"])
    place.storage.join(path)
    assert [*place.storage.log(path)] == [*expected, "one more"]
    place.storage.discard(path)
    assert (names(place), [*place.storage.log(path)]) == ([], [])


def test_another_process_goes_on_with_a_log(place):
    path = place.at("metadata.jsonl")
    place.storage.append(path, ["1"])
    again = type(place.storage)(*((place.storage.root, place.storage._store) if place.storage.root else ()))
    again.append(path, ["2"])
    assert [*place.storage.log(path)] == ["1", "2"]


def test_the_piece_of_a_line_at_the_end_of_a_local_log_is_left_out_and_removed(tmp_path):
    path, storage = str(tmp_path / "log"), LocalStorage()
    storage.append(path, ["whole"])
    with open(path, "ab") as file:
        file.write(b"torn " * 30_000)
    assert [*storage.log(path)] == ["whole"]
    storage.append(path, ["next"])
    assert (tmp_path / "log").read_bytes() == b"whole\nnext\n"


def test_local_problems_are_one_line(tmp_path):
    storage = LocalStorage()
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(InvalidInputError, match="none is not a folder; check the path"):
        [*storage.list(str(tmp_path / "none"))]
    with pytest.raises(FileProblemError, match="its folder cannot be made"):
        storage.append(str(tmp_path / "file" / "log"), ["1"])
    with pytest.raises(InvalidInputError, match="is a folder; name the images in it"):
        storage.read(str(tmp_path))
    with pytest.raises(FileProblemError, match="could not be deleted"):
        storage.delete(str(tmp_path))
    assert storage.stat(str(tmp_path)).is_folder


def test_local_links_to_folders_and_pipes_are_not_listed(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x").write_bytes(b"12")
    (tmp_path / "link").symlink_to(tmp_path / "a")
    (tmp_path / "again").symlink_to(tmp_path / "a" / "x")
    os.mkfifo(tmp_path / "pipe")
    found = [(os.path.relpath(entry.path, tmp_path), entry.size) for entry in LocalStorage().list(str(tmp_path))]
    assert sorted(found) == [("a/x", 2), ("again", 2)]


APPENDER = """
import sys
from glimpsecli.storage import path_of, storage_of
storage, path = storage_of(sys.argv[1]), path_of(sys.argv[1])
for number in range(100_000):
    storage.append(path, [f"{number}.{at}" for at in range(3)])
    print(number, flush=True)
"""


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["local", pytest.param("s3", marks=pytest.mark.extras)])
def test_a_killed_writer_leaves_whole_lines_in_order(kind, tmp_path, request):
    place = Place(LocalStorage(), str(tmp_path)) if kind == "local" else in_bucket(request.getfixturevalue("s3"))
    path = place.at("out/metadata.jsonl")
    address = f"{place.storage.root}/{path}" if place.storage.root else path
    for run in range(3):
        writer = subprocess.Popen([sys.executable, "-c", APPENDER, address], stdout=subprocess.PIPE, text=True)
        safe = [int(writer.stdout.readline()) for _ in range(3 + 4 * run)][-1]
        time.sleep(0.003 * run)
        writer.send_signal(signal.SIGKILL)
        safe = max([safe, *map(int, writer.communicate()[0].split())])
        found = [*place.storage.log(path)]
        assert found[: 3 * (safe + 1)] == [f"{number}.{at}" for number in range(safe + 1) for at in range(3)]
        assert len(found) <= 3 * (safe + 2)
        place.storage.discard(path)


def test_what_is_read_ahead_is_bounded_and_in_order():
    asked = []

    def read(path):
        asked.append(path)
        time.sleep(0.002 * (len(path) % 3))
        return path.encode()

    paths = [str(number) for number in range(100)]
    found = ahead(read, iter(paths))
    for number, path in enumerate(paths):
        assert next(found) == path.encode()
        assert len(asked) <= number + 1 + AT_ONCE
    assert next(found, None) is None
    assert [*ahead(read, [])] == []


def test_reading_ahead_ends_with_whoever_reads():
    asked = []
    found = ahead(lambda path: asked.append(path) or b"", map(str, range(1000)))
    next(found)
    found.close()
    assert len(asked) <= AT_ONCE + 1
    with pytest.raises(ZeroDivisionError):
        [*ahead(lambda path: 1 // int(path), ["1", "0", "2"])]


class Dies(BaseException):
    """The end of the process."""


class Dying:
    """A store whose process ends before a request, or in the middle of a deletion."""

    def __init__(self, store, requests):
        self._store, self._left = store, requests

    def __getattr__(self, name):
        method = getattr(self._store, name)

        def call(*arguments, **options):
            if self._left == 0:
                if name == "delete":
                    method(arguments[0][::2])
                raise Dies
            self._left -= 1
            return method(*arguments, **options)

        return call


@pytest.mark.extras
@pytest.mark.parametrize("joined_before", [False, True])
def test_a_join_that_is_cut_off_anywhere_loses_and_doubles_no_line(joined_before):
    from_store = pytest.importorskip("obstore.store", reason="obstore is not installed")
    from glimpsecli.storage.objects import ObjectStorage

    path, ended, requests = "out/metadata.jsonl", False, 0
    while not ended:
        store = from_store.MemoryStore()
        expected = [f"line {number}" for number in range(12)]
        first = ObjectStorage("memory://test", store)
        for number, line in enumerate(expected):
            first.append(path, [line])
            if joined_before and number == 4:
                first.join(path)
        try:
            ObjectStorage("memory://test", Dying(store, requests)).join(path)
            ended = True
        except Dies:
            requests += 1
        again = ObjectStorage("memory://test", store)
        assert [*again.log(path)] == expected
        again.append(path, ["later"])
        assert [*again.log(path)] == [*expected, "later"]
        again.join(path)
        again.join(path)
        assert [*again.log(path)] == [*expected, "later"]
        assert [entry.path for entry in again.list()] == [path]
    assert requests > 12


@pytest.mark.extras
def test_parts_that_are_missing_at_the_end_are_no_problem():
    place = in_memory()
    for number in range(12):
        place.storage.append("x/log", [str(number)])
    place.storage.delete("x/.glimpse/log/00000011", "x/.glimpse/log/00000010")
    assert [*place.storage.log("x/log")] == [str(number) for number in range(10)]


@pytest.mark.extras
def test_a_second_writer_is_refused_unless_it_writes_the_same():
    place = in_memory()
    from glimpsecli.storage.objects import ObjectStorage

    other = ObjectStorage(place.storage.root, place.storage._store)
    place.storage.append("out/log", ["1"])
    other.append("out/log", ["2"])
    place.storage.append("out/log", ["2"])  # as if the answer of the store had been lost
    with pytest.raises(InvalidInputError, match="another run is writing to memory://test/out/log; wait until"):
        other.append("out/log", ["3"]) or place.storage.append("out/log", ["4"])
    assert [*place.storage.log("out/log")] == ["1", "2", "3"]


class Unconditional:
    """A store that cannot refuse to replace an object."""

    def __init__(self, store):
        self._store, self.asked = store, 0

    def __getattr__(self, name):
        return getattr(self._store, name)

    def put(self, path, content, *, mode, **how):
        if mode == "create":
            self.asked += 1
            raise type("NotImplementedError", (Exception,), {})("`put_opts` with PutMode::Create by a key DONOTPRINT")
        return self._store.put(path, content, mode=mode, **how)


@pytest.mark.extras
def test_a_store_that_cannot_refuse_to_overwrite_says_so_and_is_asked_once():
    from glimpsecli.storage.objects import ObjectStorage

    store = Unconditional(in_memory().storage._store)
    storage = ObjectStorage("s3://old", store)
    for _ in range(3):
        with pytest.raises(InvalidInputError, match=r"^s3://old cannot refuse to overwrite; give --overwrite$"):
            storage.put("x", b"1")
    assert store.asked == 1
    storage.put("x", b"1", overwrite=True)
    storage.append("log", ["1"])
    storage.append("log", ["2"])
    assert [*storage.log("log")] == ["1", "2"]


@pytest.mark.extras
def test_requests_are_counted(s3):
    place = in_bucket(s3)
    path, at = place.at("a.png"), f"/{BUCKET}/{place.folder}"
    s3.counted()
    place.storage.put(path, b"x" * 100_000)
    place.storage.put(path, b"x" * 6_000_000, overwrite=True)
    assert s3.counted() == [("PUT", f"{at}/a.png")] * 2
    place.storage.read(path)
    place.storage.read_part(path, 5, 10)
    assert s3.counted() == [("GET", f"{at}/a.png")] * 2
    place.storage.append(place.at("log"), ["1"])
    place.storage.append(place.at("log"), ["2"])
    parts = f"{at}/.glimpse/log"
    assert s3.counted() == [("GET", f"/{BUCKET}"), ("PUT", f"{parts}/00000000"), ("PUT", f"{parts}/00000001")]


@pytest.mark.extras
def test_a_listing_takes_one_request_for_a_thousand_objects(s3):
    place = in_bucket(s3)
    with ThreadPoolExecutor(8) as pool:
        expected = [place.at(f"{number % 7}/{number:04d}.png") for number in range(2300)]
        [*pool.map(lambda path: place.storage.put(path, b"1"), expected)]
    s3.counted()
    found = [entry.path for entry in place.storage.list(place.folder)]
    assert found == sorted(expected)
    assert s3.counted() == [("GET", f"/{BUCKET}")] * 3
    place.storage.delete(*expected)
    assert [method for method, _ in s3.counted()] == ["POST"] * 3
    assert [*place.storage.list(place.folder)] == []


@pytest.mark.extras
def test_a_large_object_is_put_in_pieces_or_not_at_all(s3, monkeypatch):
    from glimpsecli.storage import objects

    place = in_bucket(s3)
    monkeypatch.setattr(objects, "IN_ONE_PIECE", 1 << 20)
    content = os.urandom(20 << 20)
    place.storage.put(place.at("large"), content, overwrite=True)
    assert place.storage.read(place.at("large")) == content
    assert len([1 for method, _ in s3.counted() if method == "PUT"]) == 3

    def failing():
        yield b"x" * (9 << 20)
        raise FileProblemError("the encoder failed")

    with pytest.raises(FileProblemError, match="the encoder failed"):
        place.storage._put(place.at("torn"), failing(), mode="overwrite", use_multipart=True, chunk_size=8 << 20)
    assert place.storage.stat(place.at("torn")) is None
    import boto3

    client = boto3.client("s3", endpoint_url=s3.url)
    assert "Uploads" not in client.list_multipart_uploads(Bucket=BUCKET)


JOINER = r"""
import re, sys
from pathlib import Path
from glimpsecli.storage import path_of, storage_of
storage, path = storage_of(sys.argv[1]), path_of(sys.argv[1])
storage.append(path, ["x" * 400_000])
peak = lambda: int(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1])  # not its parent's
before = peak()
storage.join(path)
print(peak() - before)
"""


@pytest.mark.extras
@pytest.mark.slow
def test_a_join_holds_few_parts_in_memory(s3):
    place = in_bucket(s3)
    path, many = place.at("out/metadata.jsonl"), 500
    with ThreadPoolExecutor(4) as pool:
        from glimpsecli.storage.parts import path_of_part

        content = b"x" * 400_000 + b"\n"
        [*pool.map(lambda number: place.storage.put(path_of_part(path, number), content), range(many))]
    done = subprocess.run(
        [sys.executable, "-c", JOINER, f"s3://{BUCKET}/{path}"], capture_output=True, text=True, check=True
    )
    assert place.storage.stat(path).size == (many + 1) * 400_001  # 200 MB
    assert int(done.stdout) < 100_000  # kB
    place.storage.delete(path)


@pytest.mark.extras
def test_several_threads_share_a_bucket(s3):
    place = in_bucket(s3)
    barrier = threading.Barrier(8)

    def work(number):
        barrier.wait()
        storage = storage_of(f"s3://{BUCKET}")
        storage.put(place.at(f"{number}"), b"%d" % number)
        storage.append(place.at("log"), [str(number)])
        return storage, storage.read(place.at(f"{number}"))

    with ThreadPoolExecutor(8) as pool:
        done = [*pool.map(work, range(8))]
    assert [content for _, content in done] == [b"%d" % number for number in range(8)]
    assert sorted(place.storage.log(place.at("log"))) == [str(number) for number in range(8)]
    place.storage.join(place.at("log"))
    assert len(place.storage.read(place.at("log")).split()) == 8


@pytest.mark.extras
@given(sizes=st.lists(st.integers(0, 3), max_size=14), joins=st.sets(st.integers(0, 13), max_size=4))
@examples(40)
def test_a_log_gives_what_was_appended_whenever_it_is_joined(sizes, joins):
    place, expected = in_memory(), []
    for number, size in enumerate(sizes):
        lines = [f"{number}.{at}" for at in range(size)]
        place.storage.append("log", lines)
        expected += lines
        if number in joins:
            place.storage.join("log")
        assert [*place.storage.log("log")] == expected


@pytest.mark.extras
def test_a_store_is_not_pickled():
    with pytest.raises(TypeError, match=re.escape("ObjectStorage('memory://test') holds credentials")):
        pickle.dumps(in_memory().storage)
