"""The facts for contributors in the README: files, names and numbers."""

import importlib
import re

import pytest
from conftest import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
WORKING = README[README.index("## Working on it") :]
NUMBERS = re.findall(r"^\| [^|]+ \| ([\w.,^#-]+) \| (`.+) \|$", WORKING, re.MULTILINE)


def test_every_file_and_folder_that_is_named_is_there():
    package = ROOT / "glimpsecli"
    (table,) = re.findall(r"\| package \|.*?\n\n", WORKING, re.DOTALL)
    rows = [line.split("|")[1:3] for line in table.splitlines()[2:] if line]
    listed = [name for names, _ in rows for name in re.findall(r"`([^`]+)`", names)]
    packages = {f"{path.parent.name}/" for path in package.glob("*/__init__.py")}
    assert sorted(listed) == sorted(packages | {path.name for path in package.glob("[!_]*.py")})
    for names, content in rows:
        folders = [package / name for name in re.findall(r"`([^`]+)`", names)]
        for name in re.findall(r"`([\w/]+(?:\.py|/))`", content):
            assert any((folder / name).exists() for folder in folders), name
    recipes = WORKING[WORKING.index("- **A sampler**") :]
    paths = re.findall(r"`((?:\w+/)*\w[\w-]*(?:\.py|\.md|/))`", recipes)
    assert len(paths) > 20
    for path in paths:
        place = ROOT if path.startswith(("tests/", "sample_images/")) else package
        assert (place / path).exists(), path


@pytest.mark.parametrize(("value", "places"), NUMBERS)
def test_every_number_is_the_one_in_the_code(value, places):
    expected = value if value.startswith("#") else float(eval(value.replace(",", "").replace("^", "**")))
    files = re.findall(r"`(\w+/[\w/]*\w+|\w+)\.py`", places)
    name = re.match(r"`([\w.]+)`", places)[1]
    assert files
    for file in files:
        found = importlib.import_module(f"glimpsecli.{file.replace('/', '.')}")
        for part in name.split("."):
            found = getattr(found, part)
        assert found == expected


def test_the_numbers_are_found():
    assert len(NUMBERS) == 12
