"""Which files a folder gives as images, and how the others are counted."""

import importlib
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from glimpsecli.errors import InvalidInputError
from glimpsecli.images import pillow
from glimpsecli.images.suffixes import SUFFIXES
from glimpsecli.jobs.sources import counted, find_sources

STORED = {
    "a.jfif": "JPEG",
    "b.heif": "JPEG",
    "c.jpg": "JPEG",
    "d.JPEG": "JPEG",
    "e.pnm": "PPM",
    "f.j2k": "JPEG2000",
    "g.apng": "PNG",
    "i.dib": "BMP",
    "k.hif": "JPEG",
    "l.png": "PNG",
}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A fresh folder with photos of many suffixes in `in`, and files beside them."""
    monkeypatch.chdir(tmp_path)
    ramp = np.tile(np.arange(60, dtype=np.uint8)[None, :, None] * 4, (40, 1, 3))
    Path("in/.hidden").mkdir(parents=True)
    for name, kind in STORED.items():
        Image.fromarray(ramp).save(Path("in", name), kind)
    for name in (
        "h.jpg_large",
        "notes.txt",
        "more.TXT",
        "README",
        ".DS_Store",
        "Thumbs.db",
        "metadata.jsonl",
        ".hidden/x",
    ):
        Path("in", name).touch()


def test_every_kind_that_pillow_reads_has_the_suffixes_that_pillow_knows():
    assert set(SUFFIXES) == {*pillow._PLUGINS, "NumPy"}
    for kind, (module, plugin) in pillow._PLUGINS.items():
        if kind == "HEIF":
            continue
        importlib.import_module(module)
        name = getattr(importlib.import_module(module), plugin).format
        known = {suffix[1:] for suffix, other in Image.EXTENSION.items() if other == name}
        assert known <= set(SUFFIXES[kind]), kind


@pytest.mark.parametrize("command", ["batch", "overlay"])
@pytest.mark.parametrize("more", ["", " --dry-run"])
def test_a_folder_gives_all_its_images_and_the_rest_is_counted(glimpse, command, more):
    code, out, err = glimpse(f"{command} in -o out --box 1,1,9,9{more}")
    assert code == 0
    found = out.splitlines() if more else [path for path in Path("out").iterdir() if path.suffix == ".png"]
    assert len(found) == len(STORED)
    assert "glimpse: left out: 2 .txt, 1 .jpg_large, 1 without suffix\n" in err


def test_quiet_and_later_parts_do_not_count(glimpse):
    assert "left out" not in glimpse("batch in -o out -q")[2]
    assert "left out" in glimpse("batch in -o one --part 1/2")[2]
    assert "left out" not in glimpse("batch in -o two --part 2/2")[2]


def test_suffixes_that_were_asked_for_are_counted_alike(glimpse):
    assert (
        "left out: 2 .txt, 1 .apng, 1 .dib, 1 .heif, 1 .hif, 1 .j2k, 1 .jfif, 1 .jpeg, 4 others"
        in glimpse("batch in --ext jpg -o out")[2]
    )
    code, _, err = glimpse("batch in --ext gif -o out2")
    assert (code, "holds no image; it was searched for .gif, and holds 2 .txt" in err) == (2, True)


def test_a_folder_that_no_search_enters_is_counted():
    Path("in/deep").mkdir()
    Path("in/link").symlink_to("deep")
    left_out = Counter()
    find_sources(["in/*"], output="out", left_out=left_out)
    assert counted(left_out) == "2 folders"
    left_out.clear()
    find_sources(["in"], output="out", suffixes=["png"], left_out=left_out)
    assert left_out["linked folder"] == 1


def test_arrays_are_taken_from_folders_only_where_they_are_asked_for():
    np.save("in/map.npy", np.zeros((7, 7), np.float32))
    left_out = Counter()
    assert "in/map.npy" not in [source.path for source in find_sources(["in"], output="out", left_out=left_out)]
    assert left_out[".npy"] == 1
    assert [source.path for source in find_sources(["in"], suffixes=["npy"], output="out")] == ["in/map.npy"]


def test_a_folder_with_nothing_at_all(tmp_path):
    Path("empty").mkdir()
    with pytest.raises(InvalidInputError, match=r"searched for [^;]*dib[^;]*hif$"):
        find_sources(["empty"], output="out")
