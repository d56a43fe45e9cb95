import ctypes
import gc
import mmap
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

from glimpsecli import cli

IN_CI = "CI" in os.environ


def examples(count=100, **more):
    """Try this many examples in CI, the same each time, and elsewhere a quarter of them, new ones each time."""
    return settings(max_examples=count if IN_CI else min(count, max(10, count // 4)), **more)


# Without a deadline: the first example of a test may compile a kernel.
settings.register_profile("glimpse", examples(), deadline=None, derandomize=IN_CI)
settings.load_profile("glimpse")


def pytest_addoption(parser):
    parser.addoption("--no-skips", action="store_true", help="fail if a test is skipped")


def pytest_sessionfinish(session):
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if session.config.getoption("no_skips") and reporter and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def samples():
    """The folder of sample photographs."""
    return ROOT / "sample_images"


@pytest.fixture
def glimpse(capsys):
    """A function that runs a command line in this process, and gives its exit code and what it printed."""

    def run(line):
        code = cli.run(line.split())
        out, err = capsys.readouterr()
        return code, out, err

    return run


@pytest.fixture
def measure_fakes(monkeypatch):
    """Let `glimpse bench` measure fakes in this process."""
    from fake_contenders import clock

    from glimpsecli.bench import isolated, machine
    from glimpsecli.bench.measuring import measure

    def install(*contenders):
        monkeypatch.setattr(
            isolated, "measure_isolated",
            lambda recipe, asked, tick: measure(recipe, asked, contenders=contenders, clock=clock, progress=tick),
        )  # fmt: skip
        monkeypatch.setattr(machine, "load", lambda: 0.0)

    return install


@pytest.fixture
def guarded(monkeypatch):
    """A function that copies an array to where the byte before it, or that after it, cannot be read."""
    from glimpsecli.backends.cpu import backend as cpu  # Numba takes its time to start

    libc, page = ctypes.CDLL(None), mmap.PAGESIZE
    libc.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]

    def copy(array, last=True):
        whole, guard = -(-array.nbytes // page) * page, 1 << 26  # wide enough for rows of an image that are not there
        memory = mmap.mmap(-1, whole + 2 * guard)
        start = ctypes.addressof(ctypes.c_char.from_buffer(memory))
        for away in (start, start + guard + whole):  # who reads there ends with a segmentation fault
            assert libc.mprotect(away, guard, 0) == 0
        first = guard + whole - array.nbytes if last else guard
        placed = np.frombuffer(memory, array.dtype, array.size, first).reshape(array.shape)
        placed[...] = array
        return placed

    monkeypatch.setattr(
        cpu, "_flat", lambda images, flat=cpu._flat: flat(copy(images)) if images.ndim == 4 else flat(images)
    )
    return copy


@pytest.fixture(scope="session")
def s3_server():
    """A store of S3 for the session."""
    pytest.importorskip("obstore", reason="obstore is not installed")
    pytest.importorskip("moto.server", reason="moto is not installed")
    from stores import S3Server

    server = S3Server()
    yield server
    server.stop()


@pytest.fixture
def s3(s3_server, monkeypatch):
    """The store of S3, found through the environment."""
    from stores import without_clouds

    from glimpsecli.storage import opening

    without_clouds(monkeypatch)
    for name, value in s3_server.environment().items():
        monkeypatch.setenv(name, value)
    opening._opened.cache_clear()
    s3_server.requests.clear()
    yield s3_server
    opening._opened.cache_clear()


@pytest.fixture
def web():
    """A web server of files."""
    pytest.importorskip("obstore", reason="obstore is not installed")
    from stores import WebServer

    server = WebServer()
    yield server
    server.stop()


def pytest_collection_finish():
    """Keep all that was collected out of the garbage collection, which the bench forces before each of its times."""
    gc.freeze()
