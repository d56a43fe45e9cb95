"""Every example of the README and of the help pages runs as it stands, in a fresh folder."""

import importlib
import os
import re
import shutil
import subprocess
import sys

import click
import pytest
from conftest import ROOT

from glimpsecli.cli import COMMANDS, EPILOG

pytestmark = pytest.mark.slow

README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def help_examples():
    pages = {name: getattr(importlib.import_module(module), name).epilog for name, (module, _) in COMMANDS.items()}
    for name, page in {"glimpse": EPILOG, **pages}.items():
        yield name, re.split(r"Examples.*:\n", page)[1].split("\n")


@pytest.fixture
def shell(tmp_path):
    """Run shell lines in a fresh folder where `glimpse` is this package and the sample photos lie."""
    shutil.copytree(ROOT / "sample_images", tmp_path / "sample_images")
    binaries = tmp_path / "bin"
    binaries.mkdir()
    (binaries / "glimpse").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m glimpsecli "$@"\n')
    (binaries / "glimpse").chmod(0o755)
    environment = {**os.environ, "PATH": f"{binaries}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}

    def run(script):
        return subprocess.run(
            ["bash", "-e", "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )

    return run


@pytest.mark.parametrize(
    ("name", "lines"), list(help_examples()), ids=lambda value: value if isinstance(value, str) else ""
)
def test_the_examples_of_each_help_page_run(shell, name, lines):
    commands = [line.strip() for line in lines if line.strip()]
    assert commands
    assert all(command.startswith("glimpse ") for command in commands)
    done = shell("\n".join(commands))
    assert done.returncode == 0, done.stderr
    assert "error" not in done.stderr


def test_every_help_page_ends_in_its_examples():
    for name, (module, line) in COMMANDS.items():
        command = getattr(importlib.import_module(module), name)
        text = command.get_help(click.Context(command, info_name=name))
        assert text.rstrip().endswith(command.epilog.rstrip().split("\n")[-1].strip())
        assert line.endswith(".")


def test_the_shell_commands_of_the_readme_run(shell):
    commands = [line for block in blocks("sh") for line in block.splitlines() if not line.startswith("make ")]
    assert len(commands) > 8
    done = shell("\n".join(commands))
    assert done.returncode == 0, done.stderr


def test_the_python_of_the_readme_runs(shell):
    code = "\n".join(blocks("python"))
    assert code
    true = [
        "assert many.shape == (1000, 32, 32, 3) and by_pixel.shape == image.shape",
        "np.testing.assert_allclose(place, [[250, 130, 160, 120, 0]], atol=0.01)",
        "np.testing.assert_allclose(mean, [250, 130], atol=0.5)",
    ]
    done = shell(f"{sys.executable} - <<'EOF'\n" + "\n".join([code, *true, "EOF"]))
    assert done.returncode == 0, done.stderr


def test_the_readme_names_every_target_and_command():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in ("demo", "test", "lint"):
        assert f"make {target}" in README
        assert f"\n{target}: " in makefile
    for command in COMMANDS:
        assert f"glimpse {command}" in README
