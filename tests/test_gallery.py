"""The pictures that the README shows are those that its commands make."""

import glob
import re

import numpy as np
import pytest
from conftest import ROOT
from PIL import Image

from glimpsecli import cli

pytestmark = pytest.mark.slow

README = (ROOT / "README.md").read_text(encoding="utf-8")
SHOWN = re.findall(r"\]\((sample_images/gallery/[^)]+)\)", README)
MEASURED = {f"sample_images/gallery/{name}.png" for name in ("consistency", "networks", "speed", "training")}
"""Charts of the studies: of times, which no run draws twice, and of a quarter and half an hour's work."""


def test_all_pictures_of_the_gallery_are_shown():
    assert sorted(SHOWN) == sorted(
        f"sample_images/gallery/{path.name}" for path in (ROOT / "sample_images/gallery").iterdir()
    )
    assert sum(path.stat().st_size for path in (ROOT / "sample_images").rglob("*") if path.is_file()) < 4_000_000


def lines_for(shown):
    """The lines of the README that make a picture, and those before them in their block, which may make its input."""
    name = shown.rpartition("/")[2]
    ends = f" -o {name}\n", f" --animate {name}\n"
    block = next(one for one in re.findall(r"```sh\n(.*?)```", README, re.DOTALL) if any(end in one for end in ends))
    return block[: max(block.find(end) + len(end) for end in ends if end in block)].splitlines()


MADE = {shown: lines_for(shown) for shown in SHOWN if shown not in MEASURED}


@pytest.mark.parametrize("shown", MADE)
def test_a_command_of_the_readme_makes_the_picture(shown, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sample_images").symlink_to(ROOT / "sample_images")
    for line in MADE[shown]:
        words = [found for word in line.split()[1:] for found in sorted(glob.glob(word)) or [word]]
        assert cli.run(words) == 0
    with Image.open(tmp_path / shown.rpartition("/")[2]) as made, Image.open(ROOT / shown) as kept:
        assert made.size == kept.size
        one, other = (np.asarray(picture.convert("RGB"), np.float64) for picture in (made, kept))
        difference = np.abs(one - other)
    assert difference.mean() < 0.5  # of 255: other libraries round letters and JPEGs otherwise
