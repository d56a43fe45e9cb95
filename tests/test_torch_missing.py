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
