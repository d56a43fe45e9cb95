"""The wheel, installed where no clone can be imported, runs its own examples."""

import os
import re
import subprocess
import sys

import pytest
from conftest import ROOT
from test_examples import help_examples

pytestmark = pytest.mark.slow

QUICK = ("extract", "replay", "help")
"""Commands whose examples run from the wheel; those of all commands run from the clone elsewhere."""


def pip(*arguments):
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """Build and install the wheel; give its folder and a function that runs shell lines with it in an empty folder."""
    folder = tmp_path_factory.mktemp("wheel")
    builder, site, binaries, work = (folder / name for name in ("builder", "site", "bin", "work"))
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    requirement = re.search(r'requires = \["(hatchling.*?)"\]', project)[1]
    found = pip("install", "--quiet", "--retries", 0, "--timeout", 5, "--target", builder, requirement)
    if found.returncode:
        pytest.skip(f"{requirement}, which builds the wheel, cannot be had: {found.stderr.strip().splitlines()[-1]}")
    built = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(builder)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert built.returncode == 0, built.stderr
    done = pip("install", "--quiet", "--no-deps", "--no-index", "--target", site, *folder.glob("*.whl"))
    assert done.returncode == 0, done.stderr
    work.mkdir()
    binaries.mkdir()
    # Without the module `site`, lines of .pth files, by which an editable installation finds the clone, do not count.
    (binaries / "glimpse").write_text(f'#!/bin/sh\nexec "{sys.executable}" -S -m glimpsecli "$@"\n')
    (binaries / "glimpse").chmod(0o755)
    clone = {str(ROOT), str(ROOT / "tests")}
    dependencies = [path for path in sys.path if path and os.path.realpath(path) not in clone]
    environment = {
        **os.environ,
        "PATH": f"{binaries}:{os.environ['PATH']}",
        "PYTHONPATH": os.pathsep.join([str(site), *dependencies]),
        "HOME": str(folder / "home"),
        "XDG_CACHE_HOME": "",
        "NUMBA_CACHE_DIR": "",
    }

    def run(script):
        return subprocess.run(
            ["bash", "-e", "-c", script], cwd=work, env=environment, capture_output=True, text=True, check=False
        )

    return site, work, run


def test_the_examples_run_from_the_wheel_once_the_samples_are_there(installed):
    site, work, run = installed
    asked = run(f"{sys.executable} -S -c 'import glimpsecli, sys; print(glimpsecli.__file__, *sys.path, sep=chr(10))'")
    where = asked.stdout.splitlines()
    assert where[0] == str(site / "glimpsecli" / "__init__.py")
    assert str(ROOT) not in where
    assert list(work.iterdir()) == []
    assert run("glimpse samples").returncode == 0
    pages = dict(help_examples())
    for name, lines in pages.items():
        for path in re.findall(r"sample_images[\w/.*]*", "\n".join(lines)):
            assert list(work.glob(path)), f"{path} of {name}"
    done = run("\n".join(line for name in QUICK for line in pages[name]))
    assert done.returncode == 0, done.stderr


def test_the_wheel_holds_the_digits_of_scenes_and_their_credits(installed):
    site, _, run = installed
    script = "from glimpsecli.networks.scenes import Scenes; print(Scenes().batch(0, 0, 2).images.max() > 200)"
    done = run(f"{sys.executable} -S -c '{script}'")
    assert (done.returncode, done.stdout) == (0, "True\n"), done.stderr
    assert (site / "glimpsecli" / "networks" / "CREDITS").is_file()


def test_kernels_leave_nothing_behind_when_the_wheel_is_uninstalled(installed):
    site, work, run = installed
    before = {path for path in site.rglob("*") if path.suffix != ".pyc"}
    done = run("glimpse samples && glimpse extract sample_images/coffee.png --size 9 --backend cpu -o kernel.png")
    assert done.returncode == 0, done.stderr
    home = work.parent / "home"
    assert any(path.suffix == ".nbc" for path in home.rglob("*"))
    assert {path for path in site.rglob("*") if path.suffix != ".pyc"} == before  # pip removes Python's own .pyc
