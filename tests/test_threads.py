"""How work is shared among threads, and what becomes of it when somebody ends it."""

import os
import subprocess
import sys
import textwrap
import threading
import time

import pytest

from glimpsecli.backends.cpu import threads

UNITS = 80


@pytest.fixture(autouse=True)
def two_processors(monkeypatch):
    monkeypatch.setattr(threads, "processors", lambda: 2)


def run(kernel, **options):
    return threads.run(kernel, (), threads.Scratch(tuple), **{"units": UNITS, "work": 1e9, "threads": None, **options})


@pytest.mark.parametrize("limit", [1, 2, None])
def test_every_unit_is_done_once_and_what_the_calls_say_comes_back(limit):
    done = []

    def kernel(first, last):
        done.extend(range(first, last))
        return last - first

    assert sum(run(kernel, threads=limit)) == UNITS
    assert sorted(done) == list(range(UNITS))


def test_who_is_interrupted_ends_the_work_and_waits_for_what_is_running():
    caller, helper_began, begun, ended = threading.current_thread(), threading.Event(), [], []

    def kernel(first, last):
        if threading.current_thread() is caller:
            assert helper_began.wait(10)
            raise KeyboardInterrupt
        begun.append(first)
        helper_began.set()
        time.sleep(0.1)
        ended.append(first)

    with pytest.raises(KeyboardInterrupt):
        run(kernel)
    assert begun == ended == begun[:1]
    time.sleep(0.15)
    assert len(begun) == 1


def test_an_error_in_a_helper_is_the_callers():
    caller, helper_began = threading.current_thread(), threading.Event()

    def kernel(first, last):
        if threading.current_thread() is caller:
            assert helper_began.wait(10)
            return
        helper_began.set()
        raise MemoryError("no room")

    with pytest.raises(MemoryError, match="no room"):
        run(kernel)


def test_at_the_end_of_python_one_thread_does_it_all():
    script = """
    import atexit
    import numpy as np
    from glimpsecli import Window, extract

    image = np.random.default_rng(0).integers(0, 256, (900, 900, 3), dtype=np.uint8)

    def look():
        return extract(image, Window(450, 450, 800, 800), (300, 300), backend="cpu", threads=2)

    expected = look()
    atexit.register(lambda: print(np.array_equal(look(), expected)))
    """
    env = {**os.environ, "NUMBA_NUM_THREADS": "2"}
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], env=env, capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("True\n", "")


def test_who_gets_no_thread_is_reported(monkeypatch):
    class Full:
        def submit(self, job):
            raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threads, "_pool", lambda *_: Full())
    with pytest.raises(RuntimeError, match="can't start"):
        run(lambda first, last: None)
