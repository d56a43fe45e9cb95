from __future__ import annotations

import errno
import os
import resource
import stat
import threading
from pathlib import Path

import pytest

from glimpsecli.errors import FileProblemError, InvalidInputError
from glimpsecli.storage.atomic import place, placing, temporary_of


def writes(content: bytes):
    return lambda stream: stream.write(content)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def umask_027():
    before = os.umask(0o027)
    yield
    os.umask(before)


@pytest.fixture
def no_hard_links(monkeypatch: pytest.MonkeyPatch):
    def refuse(*_args: object, **_options: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)


def test_the_file_appears_alone_and_with_the_mode_of_the_umask(tmp_path: Path, umask_027: None):
    place(tmp_path / "a.bin", writes(b"whole"))
    assert (tmp_path / "a.bin").read_bytes() == b"whole"
    assert names(tmp_path) == ["a.bin"]
    assert stat.S_IMODE((tmp_path / "a.bin").stat().st_mode) == 0o640


def test_nothing_is_seen_under_the_name_before_it_is_whole(tmp_path: Path):
    def write(stream):
        stream.write(b"half")
        stream.flush()
        (temporary,) = names(tmp_path)
        assert temporary_of(temporary, ["a.bin"])
        assert not temporary_of(temporary, ["b.bin"])
        assert temporary.startswith(".a.bin.")

    place(tmp_path / "a.bin", write)
    assert not temporary_of("a.bin", ["a.bin"])


@pytest.mark.parametrize("links", ["hard links", "no hard links"])
def test_an_existing_file_stays_unless_overwrite(tmp_path: Path, links: str, request: pytest.FixtureRequest):
    if links == "no hard links":
        request.getfixturevalue("no_hard_links")
    target = tmp_path / "a.bin"
    place(target, writes(b"old"))
    target.chmod(0o604)
    with pytest.raises(InvalidInputError, match=r"a\.bin exists already; use `--overwrite`"):
        place(target, writes(b"new"))
    assert target.read_bytes() == b"old"
    place(target, writes(b"new"), overwrite=True)
    assert target.read_bytes() == b"new"
    assert stat.S_IMODE(target.stat().st_mode) == 0o604
    assert names(tmp_path) == ["a.bin"]


@pytest.mark.parametrize("links", ["hard links", "no hard links"])
def test_a_file_that_appears_meanwhile_is_not_clobbered(tmp_path: Path, links: str, request: pytest.FixtureRequest):
    if links == "no hard links":
        request.getfixturevalue("no_hard_links")
    target = tmp_path / "a.bin"
    with pytest.raises(InvalidInputError, match="exists already"):
        place(target, lambda stream: target.write_bytes(b"theirs"))
    assert target.read_bytes() == b"theirs"
    assert names(tmp_path) == ["a.bin"]


def test_a_failed_replacement_takes_its_reservation_back(
    tmp_path: Path, no_hard_links: None, monkeypatch: pytest.MonkeyPatch
):
    def interrupt(*_args: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        place(tmp_path / "a.bin", writes(b"new"))
    assert names(tmp_path) == []


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError, MemoryError])
@pytest.mark.parametrize("overwrite", [False, True])
def test_an_exception_leaves_no_trace(tmp_path: Path, error: type[BaseException], overwrite: bool):
    target = tmp_path / "a.bin"
    if overwrite:
        target.write_bytes(b"old")

    def write(stream):
        stream.write(b"half")
        raise error

    with pytest.raises(error):
        place(target, write, overwrite=overwrite)
    assert names(tmp_path) == (["a.bin"] if overwrite else [])
    assert not overwrite or target.read_bytes() == b"old"


def test_links_stay_and_what_they_name_is_written(tmp_path: Path):
    inner = tmp_path / "inner"
    inner.mkdir()
    link = tmp_path / "link.bin"
    link.symlink_to("inner/real.bin")
    place(link, writes(b"first"))  # dangling: the target is created
    with pytest.raises(InvalidInputError, match=r"link\.bin exists"):
        place(link, writes(b"second"))
    place(link, writes(b"second"), overwrite=True)
    assert link.is_symlink()
    assert (inner / "real.bin").read_bytes() == b"second"
    assert names(tmp_path) == ["inner", "link.bin"]


def test_fifos_and_devices_are_written_to(tmp_path: Path):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    got: list[bytes] = []
    reader = threading.Thread(target=lambda: got.append(fifo.read_bytes()))
    reader.start()
    content = bytes(range(256)) * 1000  # more than a pipe holds at once
    place(fifo, writes(content))
    reader.join()
    assert got == [content]
    assert stat.S_ISFIFO(fifo.stat().st_mode)
    place("/dev/null", writes(b"gone"))
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)


def test_a_full_disk_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(FileProblemError, match="no space left on device; free some space"):
        place("/dev/full", writes(b"x"))

    def write(stream):
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(FileProblemError, match=r"a\.bin could not be written: no space left"):
        place(tmp_path / "a.bin", write)
    assert names(tmp_path) == []


def test_a_limit_on_file_sizes_leaves_nothing(tmp_path: Path):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
    try:
        with pytest.raises(FileProblemError, match=r"a\.bin could not be written: file too large"):
            place(tmp_path / "a.bin", writes(bytes(100_000)))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert names(tmp_path) == []


def test_refusals_name_the_target_and_the_way_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(FileProblemError, match="is a folder; name a file"):
        place(tmp_path, writes(b""))
    with pytest.raises(FileProblemError, match=r"none/a\.bin could not be written.*create its folder"):
        place(tmp_path / "none" / "a.bin", writes(b""))
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(FileProblemError, match="not a directory"):
        place(tmp_path / "file" / "a.bin", writes(b""))
    with pytest.raises(InvalidInputError, match="null"):
        place("a\0b", writes(b""))

    def deny(*_args: object) -> int:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "open", deny)  # a mode would not stop root
    with pytest.raises(FileProblemError, match="permission denied; check the permissions of its folder"):
        place(tmp_path / "a.bin", writes(b""))


@pytest.mark.parametrize("name", ["n" * 251 + ".bin", "é" * 125 + ".bin"])
def test_the_longest_names_have_room_for_a_temporary(tmp_path: Path, name: str):
    place(tmp_path / name, writes(b"x"))
    assert names(tmp_path) == [name]


def test_a_file_is_placed_at_the_end_of_its_block(tmp_path: Path):
    with placing(tmp_path / "a.bin") as stream:
        stream.write(b"who")
        assert temporary_of(*names(tmp_path), ["a.bin"])
        stream.seek(0)
        assert stream.read() == b"who"
        stream.write(b"le")
    assert names(tmp_path) == ["a.bin"]
    assert (tmp_path / "a.bin").read_bytes() == b"whole"


def test_a_block_is_not_entered_for_a_file_that_exists(tmp_path: Path):
    (tmp_path / "a.bin").write_bytes(b"before")
    with pytest.raises(InvalidInputError, match="exists already"), placing(tmp_path / "a.bin"):
        pytest.fail("entered")
    assert names(tmp_path) == ["a.bin"]


@pytest.mark.parametrize("failure", [KeyboardInterrupt, GeneratorExit, ValueError, InvalidInputError("no")])
def test_a_block_that_fails_leaves_what_was_there(tmp_path: Path, failure):
    (tmp_path / "a.bin").write_bytes(b"before")

    def fail():
        with placing(tmp_path / "a.bin", overwrite=True) as stream:
            stream.write(b"half")
            raise failure

    with pytest.raises(failure if isinstance(failure, type) else type(failure)):
        fail()
    assert names(tmp_path) == ["a.bin"]
    assert (tmp_path / "a.bin").read_bytes() == b"before"


def test_a_refusal_of_the_system_in_a_block_is_explained(tmp_path: Path):
    def fail():
        with placing(tmp_path / "a.bin"):
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(FileProblemError, match=r"a\.bin could not be written: no space left on device; free some"):
        fail()
    assert names(tmp_path) == []
