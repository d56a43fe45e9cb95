"""How work is shared among threads, and what becomes of it when somebody ends it."""

import threading
import time

import pytest

from glimpsecli.backends import threads

UNITS = 80


@pytest.fixture(autouse=True)
def two_processors(monkeypatch):
    monkeypatch.setattr(threads, "processors", lambda: 2)


def run(kernel, **options):
    return threads.run(kernel, (), tuple, **{"units": UNITS, "work": 1e9, "threads": None, **options})


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
