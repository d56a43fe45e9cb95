"""Every example of the README, of the topics and of the help pages runs as it stands, in a fresh folder."""

import glob
import importlib
import os
import re
import shlex
import shutil
import subprocess
import sys

import click
import pytest
from conftest import ROOT
from test_gallery import MADE

from glimpsecli import cli
from glimpsecli.bench import isolated
from glimpsecli.bench.measuring import measure
from glimpsecli.cli import COMMANDS, EPILOG
from glimpsecli.study import design

pytestmark = pytest.mark.slow

README = (ROOT / "README.md").read_text(encoding="utf-8")
TOPICS = {
    path.stem: path.read_text(encoding="utf-8") for path in sorted((ROOT / "glimpsecli/commands/topics").iterdir())
}
PAGES = {"README": README, **TOPICS}

INSTALLS = ("make ", "pip ")
NETWORKS = re.compile(r"glimpse (learn|look) (?!-h)")
"""Commands that need torch and safetensors."""

LONG = {f"glimpse study {name}" for name in ("training", "speed", "consistency", "network")}
"""Commands that take an hour; the examples of their help pages are smaller studies."""

TRUE = {
    "README": ["assert turned.shape == (64, 96, 3)"],
    "python": [
        "assert many.shape == (1000, 32, 32, 3) and by_pixel.shape == image.shape",
        "np.testing.assert_allclose(place, [[250, 130, 160, 120, 0]], atol=0.01)",
        "np.testing.assert_allclose(mean, [250, 130], atol=0.5)",
    ],
}
"""Claims of the comments in the Python of each page."""


def blocks(page, language):
    return re.findall(rf"```{language}\n(.*?)```", PAGES[page], re.DOTALL)


def commands_of(page):
    lines = [line for block in blocks(page, "sh") for line in block.splitlines()]
    return [line for line in lines if not line.startswith(INSTALLS) and line not in LONG]


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


@pytest.fixture
def run_line(shell, tmp_path, monkeypatch, capsys):
    """Run a line in that folder: in this process, or in a shell where it needs one; a quick study is quicker still.

    What is measured is measured in this process, too.
    """
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(isolated, "measure_isolated", lambda recipe, asked, tick: measure(recipe, asked, progress=tick))
    monkeypatch.setattr(design, "QUICK", design.QUICK | {"adam_looks": 8, "lm_looks": 6, "rates": (0.25,)})

    def run(line):
        if not line.startswith("glimpse ") or re.search(r"[|&;<>$`]", line):
            done = shell(line)
            return done.returncode, done.stderr
        words = [found for word in shlex.split(line)[1:] for found in sorted(glob.glob(word)) or [word]]
        return cli.run(words), capsys.readouterr().err

    return run


def of_networks(lines):
    """Give the lines that need torch: those of networks, and those that take what these have made."""
    found = []
    for line in lines:
        if NETWORKS.match(line) or any(is_taken(other, [line]) for other in found):
            found.append(line)
    return found


def each_once(pages):
    """Leave out the commands of the gallery's test and of earlier pages, unless a later line takes their output."""
    before = {line for lines in MADE.values() for line in lines}
    for name, lines in pages:
        lines = [line.strip() for line in lines if line.strip()]
        kept = [line for number, line in enumerate(lines) if line not in before or is_taken(line, lines[number + 1 :])]
        before |= set(lines)
        networks = of_networks(kept)
        usual = [line for line in kept if line not in networks]
        if usual:
            yield pytest.param(name, usual, id=name)
        if networks:
            yield pytest.param(name, networks, id=f"{name}, networks", marks=pytest.mark.extras)


def is_taken(line, later):
    made = re.search(r" (?:-o|>) (\S+)", line)
    return made is not None and any(made[1].rstrip("/") in one for one in later)


@pytest.mark.parametrize(
    ("name", "lines"),
    list(each_once([*((page, commands_of(page)) for page in PAGES), *help_examples()])),
)
def test_the_commands_of_each_page_run(run_line, request, name, lines):
    if request.node.get_closest_marker("extras"):
        pytest.importorskip("torch", reason="torch is not installed")
    for line in lines:
        code, err = run_line(line)
        assert code == 0, (line, err)
        assert ("error" in err) == (name == "exit-codes"), (line, err)


def test_each_example_of_a_help_page_is_a_command():
    for _, lines in help_examples():
        commands = [line.strip() for line in lines if line.strip()]
        assert commands
        assert all(command.startswith("glimpse ") for command in commands)


def test_every_block_of_a_page_is_run():
    for page, text in PAGES.items():
        languages = re.findall(r"^```(.*)\n", text, re.MULTILINE)[::2]
        assert set(languages) <= {"sh", "python", "py"}  # py: tests/test_torch.py
        assert "python" not in languages or page in TRUE
        assert "py" not in languages or page == "python"
    assert len(commands_of("README")) > 8


def test_every_help_page_ends_in_its_examples():
    for name, (module, line) in COMMANDS.items():
        command = getattr(importlib.import_module(module), name)
        text = command.get_help(click.Context(command, info_name=name))
        assert text.rstrip().endswith(command.epilog.rstrip().split("\n")[-1].strip())
        assert line.endswith(".")


@pytest.mark.parametrize("page", TRUE)
def test_the_python_of_a_page_runs(shell, page):
    done = shell("\n".join([f"{sys.executable} - <<'EOF'", *blocks(page, "python"), *TRUE[page], "EOF"]))
    assert done.returncode == 0, done.stderr


def test_the_readme_names_every_target_and_command():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in ("demo", "test", "test-fast", "lint"):
        assert f"make {target}" in README
        assert f"\n{target}: " in makefile
    for command in COMMANDS:
        assert f"glimpse {command}" in README
