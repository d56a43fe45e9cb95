"""The cuda backend where there is no GPU: on Numba's simulator, and what is said without either."""

import ast
import contextlib
import io
import json
import os
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import bench_gpu
import numpy as np
import pytest

from glimpsecli import backends
from glimpsecli.bench.cases import Case
from glimpsecli.bench.contenders.base import Scene

pytestmark = pytest.mark.slow

FILE = Path(__file__).resolve().with_name("cuda_cases.py")
TREE = ast.parse(FILE.read_text(encoding="utf-8"))
CASES = [node.name for node in TREE.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")]
# Whatever this machine has, here it has no GPU.
WITHOUT = {
    **os.environ,
    "NUMBA_ENABLE_CUDASIM": "0",
    "CUDA_VISIBLE_DEVICES": "",
    "NUMBA_CUDA_DRIVER": "/nowhere/libcuda",
}


def run(*arguments, env):
    return subprocess.run([sys.executable, *map(str, arguments)], capture_output=True, text=True, env=env, check=False)


@pytest.fixture(scope="module")
def simulator():
    """A process in which Numba was imported with the simulator switched on, and which runs case after case."""
    with pytest.MonkeyPatch.context() as patch, ProcessPoolExecutor(1, get_context("spawn")) as pool:
        patch.setenv("NUMBA_ENABLE_CUDASIM", "1")
        patch.setenv("GLIMPSE_TEST_GPU", "")
        pool.submit(int).result()  # it has started, with these
        patch.undo()
        yield pool


def run_case(name):
    with contextlib.redirect_stdout(io.StringIO()) as out:
        code = pytest.main(["-q", "-p", "no:cacheprovider", f"{FILE}::{name}"])
    return code, out.getvalue()


@pytest.mark.parametrize("name", CASES)
def test_the_case_holds_on_the_simulator(simulator, name):
    code, out = simulator.submit(run_case, name).result()
    assert code == 0, out
    assert " passed" in out
    assert "skipped" not in out


def test_without_a_gpu_the_command_says_why_in_one_line_and_exits_3(samples, tmp_path):
    done = run(
        "-m", "glimpsecli", "extract", samples / "chelsea.png", "--size", "9", "--backend", "cuda",
        "-o", tmp_path / "cat.png", env=WITHOUT,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (3, "", 1)
    assert "the cuda backend cannot run: " in done.stderr
    assert "glimpsecli[cuda]" in done.stderr
    assert not list(tmp_path.iterdir())


def test_without_a_gpu_its_bench_says_so_in_one_line():
    done = run(FILE.with_name("bench_gpu.py"), env=WITHOUT)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (3, "", 1)
    assert "glimpse: error: the cuda backend cannot run: " in done.stderr


def test_the_bytes_that_a_call_must_move():
    # A window of 8x8 pixels and 4x4 taps, whose neighbours are all of them, on an image of 40x50.
    scene = Scene(Case(np.zeros((40, 50, 3), np.uint8), None, np.array([[20, 20, 8, 8, 0.0]]), (4, 4)), 1)
    forward = 3 * 64 + 4 * 3 * 16
    assert bench_gpu.least_bytes(scene, "bilinear") == forward
    assert bench_gpu.least_bytes(scene, "bilinear vjp(where)") == 2 * forward
    assert bench_gpu.least_bytes(scene, "ellipses") == 3 * 18 * 18 + 4 * 3 * 16  # from 11 to 28: sigma is 1
    assert bench_gpu.least_bytes(scene, "bilinear vjp(image, where)") == 2 * forward + 4 * 3 * 40 * 50
    scene = Scene(Case(np.zeros((2, 3, 40, 50), np.float32), "NCHW", np.array([[20, 20, 40, 40, 0.0]] * 2), (4, 4)), 1)
    taps = 4 * 3 * 4 * 16 + 4 * 3 * 16  # no more than four neighbours of each
    assert bench_gpu.least_bytes(scene, "bilinear") == 2 * taps
    assert bench_gpu.least_bytes(scene, "gaussian") == 2 * (4 * 3 * 40 * 50 + 4 * 3 * 16)  # sigma is 5: all pixels


def test_info_gives_the_reason():
    printed = json.loads(run("-m", "glimpsecli", "info", "--json", env=WITHOUT).stdout)["backends"]["cuda"]
    assert printed["available"] is False
    assert "the cuda backend cannot run: " in printed["reason"]
    assert "\n" not in printed["reason"]


def test_info_names_the_device():
    env = {**os.environ, "NUMBA_ENABLE_CUDASIM": "1"}
    printed = json.loads(run("-m", "glimpsecli", "info", "--json", env=env).stdout)["backends"]["cuda"]
    assert printed["available"] is True
    assert "simulator" in printed["device"]
    assert "simulator" in run("-m", "glimpsecli", "info", env=env).stdout


@pytest.mark.parametrize(
    "error", [ImportError("No module named 'numba_cuda'"), OSError("libcuda\nis\nbroken"), OSError()]
)
def test_whatever_keeps_a_backend_from_running_is_the_reason(monkeypatch, error):
    def fail(name):
        raise error

    monkeypatch.setattr(backends.importlib, "import_module", fail)
    with pytest.raises(backends.UnavailableError, match=r"the cuda backend cannot run: .+; .+cpu backend") as caught:
        backends.load("cuda")
    assert "\n" not in str(caught.value)


def test_nothing_but_the_cuda_backend_loads_the_cuda_target():
    script = """
import sys
import numpy as np
from glimpsecli import Window, backends, extract
for backend in ("auto", "numpy"):
    extract(np.zeros((9, 9), np.uint8), Window(4, 4, 3, 3), (2, 2), backend=backend)
backends.load("cpu")
assert not [name for name in sys.modules if name.startswith(("numba.cuda.", "numba_cuda", "glimpsecli.backends.cuda"))]
"""
    done = run("-c", script, env=WITHOUT)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("target", ["test-gpu", "bench-gpu"])
def test_without_a_driver_nothing_is_installed(target, tmp_path):
    command = ["make", "-C", str(FILE.parents[1]), f"VENV={tmp_path / 'venv'}", f"PYTHON={sys.executable}", target]
    done = subprocess.run(command, capture_output=True, text=True, env=WITHOUT, check=False)
    assert done.returncode != 0
    said = [line for line in done.stderr.splitlines() if not line.startswith("make")]
    assert said == [f"glimpse: error: no NVIDIA GPU with its driver was found; run make {target} on a machine with one"]
    assert not (tmp_path / "venv").exists()
