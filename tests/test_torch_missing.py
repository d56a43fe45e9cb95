"""What is said where torch is not installed; these run with it, too."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize("line", ["import glimpsecli.torch", "from glimpsecli import torch", "glimpsecli.torch"])
def test_without_torch_the_way_to_it_is_named(line):
    script = f"""
import sys
sys.modules["torch"] = None  # as if it were not installed
import glimpsecli
from glimpsecli import *
try:
    {line}
except glimpsecli.GlimpseError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "glimpsecli.torch cannot be imported: " in done.stdout
    assert "`pip install 'glimpsecli[torch]'`, or in a clone `pip install '.[torch]'`" in done.stdout
    assert done.stdout.count("\n") == 1


@pytest.mark.parametrize("line", ["learn -o model.safetensors", "look model.safetensors scene.png"])
def test_without_torch_models_end_in_one_line(line):
    script = f"""
import sys
sys.modules["torch"] = None
from glimpsecli import cli
sys.exit(cli.run({line.split()!r}))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 3, done.stderr
    assert done.stderr.count("\n") == 1
    assert "`pip install 'glimpsecli[learn]'`, or in a clone `pip install '.[learn]'`" in done.stderr
