"""The cache of compiled kernels never stops anybody's work, and neither do processes and threads."""

import json
import os
import shutil
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
from test_cli import glimpse

import glimpsecli
from glimpsecli.backends.cpu import jit_folder

pytestmark = pytest.mark.slow

KERNEL = textwrap.dedent(
    """
    from glimpsecli.backends.cpu.jit import cache_folder, jit

    @jit()
    def double(x):
        return 2 * x

    if __name__ == "__main__":
        import sys
        print(double(*map(eval, sys.argv[1:] or ["21"])), *cache_folder(double), sum(double.stats.cache_hits.values()))
    """
)


def run(folder, *arguments, **environment):
    script = Path(folder) / "kernel.py"
    if not script.exists():
        script.write_text(KERNEL)
    env = {**os.environ, "NUMBA_CACHE_DIR": "", **environment}
    command = [sys.executable, script, *arguments]
    result = subprocess.run(command, capture_output=True, text=True, env=env, check=False)
    assert (result.returncode, result.stderr) == (0, "")
    return result.stdout.split()


def kernels(folder):
    return [path for path in folder.rglob("*") if path.is_file()]


def test_the_second_process_finds_the_code_of_the_first(tmp_path):
    cache = tmp_path / "cache"
    assert run(tmp_path, NUMBA_CACHE_DIR=str(cache))[-1] == "0"
    value, folder, writable, hits = run(tmp_path, NUMBA_CACHE_DIR=str(cache))
    assert (value, writable, hits) == ("42", "True", "1")
    assert folder.startswith(str(cache))


def test_code_in_the_cache_is_loaded_without_what_only_a_compiler_needs(tmp_path):
    script = KERNEL + "    print([name for name in sys.modules if name.startswith('numba.typed.')])\n"
    (tmp_path / "kernel.py").write_text(script)
    cache = str(tmp_path / "cache")
    assert run(tmp_path, NUMBA_CACHE_DIR=cache)[-1] != "[]"
    assert run(tmp_path, NUMBA_CACHE_DIR=cache)[-2:] == ["1", "[]"]


def test_kernels_lie_in_the_cache_folder_of_the_user_and_not_beside_their_source(tmp_path):
    source, home = tmp_path / "source", tmp_path / "home"
    source.mkdir()
    xdg = tmp_path / "xdg"
    for given, base in (("", home / ".cache"), ("relative", home / ".cache"), (str(xdg), xdg)):
        folder = run(source, HOME=str(home), XDG_CACHE_HOME=given)[1]
        assert Path(folder).parent == base / "glimpse"
        assert len(kernels(Path(folder))) == 1
    assert [path.name for path in source.iterdir()] == ["kernel.py"]


@pytest.mark.parametrize(
    ("platform", "folder"), [("darwin", "Library/Caches/glimpse"), ("win32", "Local/glimpse/Cache"), ("linux", None)]
)
def test_each_platform_has_its_cache_folder(platform, folder, monkeypatch, tmp_path):
    monkeypatch.setattr("numba.core.config.CACHE_DIR", "")
    monkeypatch.setattr("sys.platform", platform)
    monkeypatch.setenv("HOME", str(tmp_path) if folder else "no/absolute/path")
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "Local"))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert jit_folder.base_folder() == (folder and tmp_path / folder)


MEANWHILE = """
import os, subprocess, sys
from numba.core import caching
dump, other = caching.IndexDataCacheFile._dump, os.environ.pop("OTHER", None)

def dump_after_another(*arguments):
    caching.IndexDataCacheFile._dump = dump
    subprocess.run([sys.executable, other, "21.0"], stdout=subprocess.DEVNULL, check=True)
    return dump(*arguments)

if other:
    caching.IndexDataCacheFile._dump = dump_after_another
"""


def test_two_processes_that_save_at_the_same_moment_both_keep_their_code(tmp_path):
    script = tmp_path / "kernel.py"
    script.write_text(MEANWHILE + KERNEL)
    given = {"NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    assert run(tmp_path, **given, OTHER=str(script))[-1] == "0"
    assert [run(tmp_path, number, **given)[-1] for number in ("21", "21.0")] == ["1", "1"]


def test_an_installation_that_compiles_first_removes_what_is_long_unused(tmp_path):
    cache = tmp_path / "cache"
    for name, days in (("glimpse_old", 91), ("glimpse_recent", 89), ("another_package", 1000)):
        (cache / name).mkdir(parents=True)
        (cache / name / "kernel.nbc").write_bytes(b"code")
        then = time.time() - days * 24 * 3600
        os.utime(cache / name, (then, then))
    run(tmp_path, NUMBA_CACHE_DIR=str(cache))
    assert not (cache / "glimpse_old").exists()
    assert len(kernels(cache / "glimpse_recent")) == len(kernels(cache / "another_package")) == 1


def test_the_cache_is_cleared_of_kernels_and_of_nothing_else(tmp_path):
    given = {**os.environ, "HOME": str(tmp_path), "XDG_CACHE_HOME": "", "NUMBA_CACHE_DIR": ""}
    cache = tmp_path / ".cache" / "glimpse"
    run(tmp_path, **given)
    (cache / "notes.txt").write_text("not a kernel")
    done = glimpse("info", "--clear-cache", env=given)
    assert done.returncode == 0
    assert done.stderr.decode().startswith(f"glimpse: 1 compiled kernel removed from {cache}, ")
    assert list(cache.iterdir()) == [cache / "notes.txt"]
    done = glimpse("info", "--clear-cache", env=given)
    assert (done.returncode, done.stdout) == (0, b"")
    assert done.stderr.decode() == f"glimpse: {cache} holds no compiled kernels\n"
    done = glimpse("info", "--clear-cache", "--json", env=given)
    assert json.loads(done.stdout) == {"cache": str(cache), "files": 0, "bytes": 0}


@pytest.mark.parametrize(
    "changed", ["footprint.py", "cpu/jit.py", "cpu/kernels/bilinear.py", "cuda/kernels/forward.py"]
)
def test_a_change_beside_a_kernel_compiles_it_again(tmp_path, changed):
    package = Path(glimpsecli.__file__).parent
    shutil.copytree(package, tmp_path / "glimpsecli", ignore=shutil.ignore_patterns("__pycache__", "*.ttf"))
    given = {"NUMBA_CACHE_DIR": str(tmp_path / "cache"), "PYTHONPATH": str(tmp_path)}
    assert [run(tmp_path, **given)[-1] for _ in range(2)] == ["0", "1"]
    helper = tmp_path / "glimpsecli" / "backends" / changed
    status = helper.stat()
    helper.write_bytes(helper.read_bytes()[:-1] + b" ")
    os.utime(helper, ns=(status.st_atime_ns, status.st_mtime_ns))  # as installers do that set all times alike
    assert run(tmp_path, **given)[-1] == "0"
    assert len(kernels(tmp_path / "cache")) == 1  # the code of the old source is gone


@pytest.mark.parametrize("damage", [b"", b"rubbish", b"\x80\x05N."])
def test_a_damaged_cache_only_costs_time(tmp_path, damage):
    cache = tmp_path / "cache"
    run(tmp_path, NUMBA_CACHE_DIR=str(cache))
    assert kernels(cache)
    for path in kernels(cache):
        path.write_bytes(damage)
    assert run(tmp_path, NUMBA_CACHE_DIR=str(cache))[0] == "42"


@pytest.mark.parametrize("change", ["del caching.IndexDataCacheFile", "caching.FunctionCache.__init__ = None"])
def test_a_numba_that_has_changed_within_only_costs_the_cache(tmp_path, change):
    script = tmp_path / "kernel.py"
    script.write_text(f"from numba.core import caching\n{change}\n{KERNEL}")
    value, folder, writable, hits = run(tmp_path, NUMBA_CACHE_DIR=str(tmp_path / "cache"))
    assert (value, folder, writable, hits) == ("42", "None", "False", "0")


def test_a_cache_that_cannot_be_written_only_costs_time(tmp_path):
    cache = tmp_path / "cache"
    cache.write_text("a file where a folder should be")
    (tmp_path / "__pycache__").write_text("another")
    home = tmp_path / "home"
    home.write_text("and a third")
    paths = {"HOME": str(home), "XDG_CACHE_HOME": str(home / "cache"), "NUMBA_CACHE_DIR": str(cache / "below")}
    assert run(tmp_path, **paths)[0] == "42"


@pytest.mark.parametrize("first", ["threads=2", "threads=1"])
def test_a_forked_child_and_two_threads_at_once_are_safe(first):
    script = """
    import os, threading
    import numpy as np
    from glimpsecli import Window, extract

    image = np.random.default_rng(0).integers(0, 256, (900, 900, 3), dtype=np.uint8)
    def look():
        return extract(image, Window(450, 450, 800, 800), (300, 300), backend="cpu", threads=2)
    extract(image[:50, :50], Window(25, 25, 9, 9), (8, 8), backend="cpu", FIRST)
    if "1" in "FIRST" and os.fork() == 0:
        look()
        os._exit(0)
    if "1" in "FIRST":
        assert os.wait()[1] == 0
    expected = look()
    seen = []
    workers = [threading.Thread(target=lambda: seen.append(look())) for _ in range(4)]
    [worker.start() for worker in workers]
    [worker.join() for worker in workers]
    assert len(seen) == 4 and all(np.array_equal(glimpse, expected) for glimpse in seen)
    child = os.fork()
    if child == 0:
        os._exit(0 if np.array_equal(look(), expected) else 7)
    assert os.waitpid(child, 0)[1] == 0
    """
    for layer in ("workqueue", "default"):
        env = {**os.environ, "NUMBA_THREADING_LAYER": layer, "NUMBA_NUM_THREADS": "2", "PYTHONWARNINGS": "ignore"}
        done = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(script).replace("FIRST", first)],
            env=env,
            capture_output=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr.decode()
