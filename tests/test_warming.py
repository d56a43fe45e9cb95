"""Kernels that are compiled ahead: `glimpse info --warm`."""

import json
import os
import subprocess
import sys
import textwrap

import pytest

from glimpsecli.backends.cpu import jit_folder
from glimpsecli.backends.cpu.kernels import gaussian
from glimpsecli.commands import report
from glimpsecli.sampling import warming

pytestmark = pytest.mark.slow

# All kinds of images, layouts, windows and gradients for which kernels are compiled.
USES = textwrap.dedent(
    """
    import numpy as np
    from glimpsecli import GaussianParams, Projective, Sampler, Sampling, Window, extract, extract_batch, paste, vjp
    from glimpsecli import vjp_batch

    rng = np.random.default_rng(0)
    window, windows = Window(50, 40, 30, 20), rng.uniform(20, 60, (3, 4))
    quad = Projective.from_quad([(1, 1), (52, 12), (45, 61), (2, 75)], (6, 7))
    for dtype in ("uint8", "uint16", "float32", "float64"):
        images = (rng.random((3, 90, 110, 3)) * 99).astype(dtype)
        for image in (images[0], images[0, :, :, 0], np.asfortranarray(images[1]), images[2, ::-2, ::2, :2]):
            loss = rng.standard_normal((6, 7, *image.shape[2:]))
            extract(image, GaussianParams(9, 2, 1, 5, 3, -2, gain=-0.3), (6, 7), backend="cpu")
            vjp(image, GaussianParams(9, 2, 1, 5, 3, -2, gain=-0.3), (6, 7), loss, backend="cpu")
            for where in (window, Window(40, 30, 20, 20, 33), Window.from_box(3, 4, 7, 6), quad):
                for sampler, border in (
                    ("bilinear", "reflect"), ("hard", "edge"), ("bilinear", None), ("gaussian", None)
                ):
                    extract(image, where, (6, 7), sampler=sampler, border=border, backend="cpu")
                    vjp(image, where, (6, 7), loss, sampler=sampler, border=border, backend="cpu")
        for sampler in ("gaussian", "bilinear"):
            options = {"sampler": sampler, "backend": "cpu"}
            extract(images[0], windows, (40, 50), threads=2, **options)
            Sampler(window, (6, 7), images[0].shape, Sampling(**options))(images[1])
            for layout, batch in (("NHWC", images), ("NCHW", np.moveaxis(images, 3, 1).copy())):
                glimpses = extract_batch(batch, windows, (6, 7), layout=layout, **options)
                vjp_batch(batch, windows, (6, 7), glimpses, layout=layout, by="image", **options)
    canvas = np.zeros((1600, 1600, 3), np.uint8)
    paste(canvas, canvas[:1500, :1500] + 9, Window(800, 800, 1400, 1400, 10), sampler="bilinear")
    for where, sampler in ((windows[0], "gaussian"), (Window(800, 800, 900, 900, 20), "bilinear")):
        glimpse = extract(canvas, where, (300, 400), sampler=sampler, backend="cpu")
        vjp(canvas, where, (300, 400), glimpse, sampler=sampler, backend="cpu")
    images[0, 5] = np.nan
    extract(images[0].astype(np.float32), window, (6, 7), backend="cpu")
    extract(images[0].astype(np.float32), Window(9, 9, 30, 30), (6, 7), backend="cpu")
    """
)

# Uses of hard attention, of images of one type.
HARD = textwrap.dedent(
    """
    import numpy as np
    from glimpsecli import Window, extract, vjp

    image = np.ones((90, 110, 3), np.uint8)
    for where in (Window(50, 40, 30, 20), Window(40, 30, 20, 20, 33), Window.from_box(3, 4, 7, 6)):
        glimpse = extract(image, where, (6, 7), sampler="hard", backend="cpu")
        vjp(image, where, (6, 7), glimpse, sampler="hard", backend="cpu")
    """
)

# Each kernel is looked for in the cache before it is compiled.
ASKED = textwrap.dedent(
    """
    from glimpsecli.backends.cpu import jit_cache

    asked = set()

    def load(self, key, load=jit_cache._Files.load):
        asked.add(self._name(key))
        return load(self, key)

    jit_cache._Files.load = load
    """
)

# A disk that is full after the first kernel. These kernels are kept as all are, and compiled in no time.
FULL = textwrap.dedent(
    """
    import errno, os, sys
    from glimpsecli import cli
    from glimpsecli.backends.cpu import jit_cache
    from glimpsecli.backends.cpu.jit import jit
    from glimpsecli.sampling import warming

    @jit()
    def double(x):
        return 2 * x

    kept = []

    def save(self, key, data, save=jit_cache._Files.save):
        kept.append(key)
        if len(kept) > 1:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        save(self, key, data)

    jit_cache._Files.save = save
    warming.warm = lambda progress: [double(number) for number in (1, 1.0, 1j, True)]
    code = cli.run(["info", "--warm"])
    print(len(kept) - 1)
    sys.exit(code)
    """
)


def glimpse(*arguments, **options):
    command = [sys.executable, "-m", "glimpsecli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)


def hard(*options, env):
    """Run the command for one type of images and one sampler: to compile all kernels takes most of a minute."""
    code = "import sys; from glimpsecli import cli; from glimpsecli.sampling import warming; "
    code += (
        f"warming.DTYPES, warming.SAMPLERS = ('uint8',), ('hard',); sys.exit(cli.run(['info', '--warm', *{options!r}]))"
    )
    return subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True)


def asked_for(code):
    """Run code in a process of its own; give the files in which it looks for kernels before it compiles them."""
    done = subprocess.run([sys.executable, "-c", ASKED + code + "print(*asked)"], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    return set(done.stdout.split())


def kernels(folder):
    return {path.name for path in folder.rglob("*") if path.is_file()}


def test_a_process_after_it_compiles_nothing(tmp_path):
    given = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    done = hard("--json", env=given)
    assert (done.returncode, done.stderr) == (0, "")
    found, there = json.loads(done.stdout), kernels(tmp_path / "cache")
    assert found["compiled"] == len(there) > 0
    assert found["there"] == 0
    assert found["cache"].startswith(str(tmp_path / "cache"))
    subprocess.run([sys.executable, "-c", HARD], env=given, check=True)
    assert kernels(tmp_path / "cache") == there
    done = hard(env=given)
    assert done.returncode == 0
    assert done.stderr.startswith("glimpse: 0 kernels compiled in ")
    assert f", {len(there)} there before; {found['cache']} holds " in done.stderr
    assert done.stdout == ""


def test_no_use_asks_for_a_kernel_that_it_does_not_compile():
    """Both look into the cache of all tests, and what they ask for does not depend on what is there."""
    warmed = asked_for("from glimpsecli.sampling import warming\nwarming.warm()\n")
    used = asked_for(USES)
    assert len(used) > 20
    assert used <= warmed


def test_without_a_place_for_kernels_it_ends_with_2(tmp_path):
    (tmp_path / "file").write_text("")
    home = {"HOME": "no/absolute/path", "XDG_CACHE_HOME": ""}
    for given, reason in (
        ({"NUMBA_CACHE_DIR": str(tmp_path / "file")}, f"{tmp_path / 'file'}"),
        ({"NUMBA_CACHE_DIR": "", **home}, "there is no cache folder here"),
    ):
        done = glimpse("info", "--warm", env={**os.environ, **given})
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
        assert reason in done.stderr
        assert "so kernels cannot be kept; set NUMBA_CACHE_DIR" in done.stderr


def test_kernels_that_cannot_be_kept_are_counted(tmp_path):
    script = tmp_path / "full.py"
    script.write_text(FULL)
    given = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    done = subprocess.run([sys.executable, script], env=given, capture_output=True, text=True, check=False)
    assert done.stdout == "3\n"
    assert len(list((tmp_path / "cache").rglob("*.nbc"))) == 1
    folder = tmp_path / "cache" / jit_folder.folder_of(gaussian.__file__).name
    assert (done.returncode, done.stderr) == (
        1,
        f"glimpse: error: 3 kernels could not be kept in {folder}: No space left on device; "
        "make space, or set NUMBA_CACHE_DIR to another folder\n",
    )


def test_warm_and_clear_are_one_after_the_other():
    done = glimpse("info", "--warm", "--clear-cache")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)


def test_its_progress_reaches_the_end(monkeypatch, capsys):
    monkeypatch.setattr(warming, "DTYPES", ("uint8",))
    monkeypatch.setattr(warming, "SAMPLERS", ("hard",))
    with report.progress("step", quiet=False, verbose=True) as callback:
        warming.warm(callback)
    assert capsys.readouterr().err.splitlines() == [f"glimpse: step {done} of 2 done" for done in range(3)]
