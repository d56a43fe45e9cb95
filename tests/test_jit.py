"""The cache of compiled kernels never stops anybody's work, and neither do processes and threads."""

import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import glimpsecli

KERNEL = textwrap.dedent(
    """
    from glimpsecli.backends.jit import cache_folder, jit

    @jit()
    def double(x):
        return 2 * x

    if __name__ == "__main__":
        print(double(21), *cache_folder(double), sum(double.stats.cache_hits.values()))
    """
)


def run(folder, **environment):
    script = Path(folder) / "kernel.py"
    if not script.exists():
        script.write_text(KERNEL)
    env = {**os.environ, "NUMBA_CACHE_DIR": "", **environment}
    result = subprocess.run([sys.executable, script], capture_output=True, text=True, env=env, check=False)
    assert (result.returncode, result.stderr) == (0, "")
    return result.stdout.split()


def test_the_second_process_finds_the_code_of_the_first(tmp_path):
    cache = tmp_path / "cache"
    assert run(tmp_path, NUMBA_CACHE_DIR=str(cache))[-1] == "0"
    value, folder, writable, hits = run(tmp_path, NUMBA_CACHE_DIR=str(cache))
    assert (value, writable, hits) == ("42", "True", "1")
    assert folder.startswith(str(cache))


def test_a_change_beside_a_kernel_compiles_it_again(tmp_path):
    package = Path(glimpsecli.__file__).parent
    shutil.copytree(package, tmp_path / "glimpsecli", ignore=shutil.ignore_patterns("__pycache__", "*.ttf"))
    given = {"NUMBA_CACHE_DIR": str(tmp_path / "cache"), "PYTHONPATH": str(tmp_path)}
    assert [run(tmp_path, **given)[-1] for _ in range(2)] == ["0", "1"]
    with (tmp_path / "glimpsecli" / "backends" / "support.py").open("a") as file:
        file.write("# another line\n")
    assert run(tmp_path, **given)[-1] == "0"


@pytest.mark.parametrize("damage", [b"", b"rubbish", b"\x80\x05N."])
def test_a_damaged_cache_only_costs_time(tmp_path, damage):
    cache = tmp_path / "cache"
    run(tmp_path, NUMBA_CACHE_DIR=str(cache))
    files = [path for path in cache.rglob("*") if path.is_file()]
    assert files
    for path in files:
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
