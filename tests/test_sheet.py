"""`glimpse sheet`: rows of a data set with their numbers, chosen by seed, as pictures and as HTML."""

import hashlib
import json
import os
import shutil
from collections import Counter
from html.parser import HTMLParser
from urllib.parse import unquote, urlsplit

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from glimpsecli.jobs.sheet_html import page_of
from glimpsecli.jobs.sheet_rows import Shown
from glimpsecli.pictures.sheet import LOST, Strip, sheet_page

LABELS = ["cat", "dog", "<b>bird</b>", "кошка", ""]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A fresh folder with twenty images, of which every fifth has the same label."""
    monkeypatch.chdir(tmp_path)
    os.mkdir("photos")
    rows = ["image,label,x,y,width,height"]
    for k in range(20):
        Image.new("RGB", (40, 30), (10 * k, 90, 200 - 10 * k)).save(f"photos/p{k:02d}.png")
        rows.append(f"p{k:02d}.png,{LABELS[k % 5]},2,2,{10 + k},12")
    with open("boxes.csv", "w", encoding="utf-8") as file:
        file.write("\n".join(rows) + "\n")
    return tmp_path


@pytest.fixture
def batched(glimpse):
    """Make the batch of the boxes in OUT."""

    def run(out, more=""):
        assert glimpse(f"batch photos --annotations boxes.csv -o {out} -q {more}")[0] == 0
        return out

    return run


def lines_of(out):
    with open(f"{out}/metadata.jsonl") as file:
        return [json.loads(line) for line in file]


def rows_of(glimpse, line):
    code, out, err = glimpse(f"sheet {line} --json")
    assert code == 0, err
    return [json.loads(one) for one in out.splitlines()]


class Page(HTMLParser):
    """The links, images, texts and tags of a page."""

    def __init__(self, path):
        super().__init__()
        self.links, self.images, self.texts, self.tags = [], [], [], Counter()
        with open(path, encoding="utf-8") as file:
            self.feed(file.read())

    def handle_starttag(self, tag, attrs):
        self.tags[tag] += 1
        found = dict(attrs)
        if tag == "a":
            self.links.append(found["href"])
        if tag == "img":
            self.images.append(found["src"])

    def handle_data(self, data):
        self.texts.append(data.strip())


def test_rows_are_labels_with_their_numbers_and_sizes(glimpse, batched):
    rows = rows_of(glimpse, f"{batched('out')} --each 3 -o sheet.png")
    assert [row["label"] for row in rows] == ["<b>bird</b>", "cat", "dog", "кошка", None]
    assert [row["count"] for row in rows] == [4] * 5
    assert [len(row["shown"]) for row in rows] == [3] * 5
    assert (rows[1]["least"], rows[1]["largest"]) == ({"width": 10, "height": 12}, {"width": 25, "height": 12})
    lines = lines_of("out")
    labels = {os.path.join("out", line["file_name"]): line["label"] for line in lines}
    assert all(labels[path] == row["label"] for row in rows for path in row["shown"])
    with Image.open("sheet.png") as page:
        assert page.mode == "RGB"


def test_a_seed_chooses_and_more_begin_with_fewer(glimpse, batched):
    batched("out")
    few, many, other = (
        [row["shown"] for row in rows_of(glimpse, f"out {more} -o {name}.png")]
        for name, more in (("a", "--each 2"), ("b", "--each 4"), ("c", "--each 2 --seed 5"))
    )
    assert [row[:2] for row in many] == few
    hashes = {
        f"out/{row['file_name']}": hashlib.sha256(f"0/{row['file_name']}".encode()).digest() for row in lines_of("out")
    }
    assert [sorted(row, key=hashes.get) for row in many] == many
    assert other != few


def test_only_what_is_shown_is_opened(glimpse, batched, monkeypatch):
    batched("out")
    shown = {path for row in rows_of(glimpse, "out --each 1 -o a.png") for path in row["shown"]}
    for folder, _, names in os.walk("out"):
        for name in names:
            if name.endswith(".png") and os.path.join(folder, name) not in shown:
                os.unlink(os.path.join(folder, name))
    code, _, err = glimpse("sheet out --each 1 -o b.png")
    assert (code, err) == (0, "glimpse: 5 of 20 glimpses in 5 rows, written to b.png\n")


def test_parts_shards_and_a_whole_batch_make_one_sheet(glimpse, batched):
    batched("whole")
    for part in (1, 2):
        batched("parts", f"--part {part}/2")
    batched("shards/s-{shard:03d}.tar", "--per-shard 7")
    pages = []
    for out in ("whole", "parts", "shards"):
        shutil.rmtree("now", ignore_errors=True)
        os.rename(out, "now")
        rows = rows_of(glimpse, f"now --each 2 -o {out}.png")
        assert [row["count"] for row in rows] == [4] * 5
        with Image.open(f"{out}.png") as page:
            pages.append(np.asarray(page))
    np.testing.assert_array_equal(pages[0], pages[1])
    np.testing.assert_array_equal(pages[0], pages[2])


def test_splits_and_folders_are_rows_too(glimpse, batched):
    batched("out", "--split train=0.5,val=0.5")
    rows = rows_of(glimpse, "out --by split -o split.png")
    assert {row["split"]: row["count"] for row in rows} == Counter(line["split"] for line in lines_of("out"))
    by_label = rows_of(glimpse, "out -o label.png")
    assert sum(row["splits"].get("train", 0) for row in by_label) == rows[0]["count"]
    os.makedirs("photos/deep/er")
    shutil.copy("photos/p03.png", "photos/deep/er/x.png")
    assert [(row["folder"], row["count"]) for row in rows_of(glimpse, "photos -o f.png")] == [
        ("deep/er", 1),
        (None, 20),
    ]
    code, _, err = glimpse("sheet photos --by label -o g.png")
    assert (code, "--by label: photos tells of no label" in err) == (2, True)


def test_files_that_cannot_be_read_are_grey_and_counted(glimpse, batched):
    batched("out")
    names = sorted(os.listdir("out"))
    glimpses = [name for name in names if name.endswith(".png")]
    os.unlink(f"out/{glimpses[0]}")
    open(f"out/{glimpses[1]}", "w").close()
    with open(f"out/{glimpses[2]}", "r+b") as file:
        file.truncate(60)
    with open("out/metadata.jsonl", "a") as file:
        file.write('{"file_name": "../photos/p00.png", "label": "cat"}\n{"half\n')
    code, _, err = glimpse("sheet out -o sheet.html")
    assert code == 1
    assert "out/metadata.jsonl: 2 lines damaged, and left out" in err
    assert "20 of 20 glimpses in 5 rows, 3 of them grey, written to sheet.html" in err
    page = Page("sheet.html")
    assert {"missing", "empty", "damaged"} <= set(page.texts)
    assert len(page.images) == 17


def test_an_html_sheet_holds_its_images_and_links_to_its_files(glimpse, batched):
    os.rename("photos/p00.png", "photos/a #1?%20'ü.png")
    with open("boxes.csv", encoding="utf-8") as file:
        text = file.read().replace("p00.png", "a #1?%20'ü.png")
    with open("boxes.csv", "w", encoding="utf-8") as file:
        file.write(text)
    batched("out")
    os.mkdir("pages")
    assert glimpse("sheet out -o pages/sheet.html")[0] == 0
    page = Page("pages/sheet.html")
    targets = [os.path.join("pages", unquote(urlsplit(link).path)) for link in page.links]
    assert len(targets) == 20
    assert all(map(os.path.isfile, targets))
    assert all(source.startswith("data:image/") for source in page.images)
    assert "<b>bird</b>" in page.texts
    assert page.tags["b"] == page.tags["script"] == page.tags["link"] == 0


def test_many_rows_go_on_over_several_pages(glimpse, batched):
    batched("out")
    code, _, err = glimpse("sheet out --rows 2 -o sheet.png")
    assert (code, "3 pages, sheet-1.png to sheet-3.png" in err) == (0, True)
    assert all(os.path.isfile(f"sheet-{k}.png") for k in (1, 2, 3))
    code, _, err = glimpse("sheet out --rows 2 -o sheet.png")
    assert (code, "sheet-1.png" in err) == (2, True)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("sheet photos -o x.txt", "x.txt"),
        ("sheet photos -o photos", "names no file"),
        ("sheet photos -o x.npy", ".png, .jpg, .webp or .html"),
        ("sheet nowhere -o x.png", "does not exist"),
        ("sheet photos photos/p03.png photos/p04.png -o x.png", "given"),
        ("sheet photos -o photos/p03.png --overwrite", "p03.png"),
    ],
)
def test_what_can_be_no_sheet_is_refused(glimpse, line, says):
    code, _, err = glimpse(line)
    assert (code, says in err) == (2, True), err
    with Image.open("photos/p03.png") as image:
        assert image.size == (40, 30)


words = st.text(st.characters(exclude_categories=[]), max_size=90)
cells = st.lists(st.one_of(st.just("missing"), st.tuples(st.integers(1, 24), st.integers(1, 24))), max_size=4)


@given(words, words, st.lists(st.tuples(words, st.lists(words, max_size=2), cells), min_size=1, max_size=3))
def test_any_words_fit_a_page(title, subtitle, rows):
    strips = [
        Strip(name, notes, 0.5, (200, 30, 40), [c if isinstance(c, str) else np.zeros((*c, 3), np.uint8) for c in some])
        for name, notes, some in rows
    ]
    page = sheet_page(title, subtitle, strips, side=24, columns=4)
    lost = sum(cell == "missing" for _, _, some in rows for cell in some if isinstance(cell, str))
    assert (page[:4] == 255).all()
    assert (page[:, :4] == 255).all()
    assert (page[:, -4:] == 255).all()
    assert ((page == LOST).all(axis=2).sum() > 200 * lost) or not lost
    files = [[Shown(f"f{k}", str(name)) for k, _ in enumerate(some)] for name, _, some in rows]
    html = page_of(title, subtitle, strips, files, side=24, folder="").decode()
    assert html.count("<section>") == len(rows)
    assert html.count("<a ") + html.count('class="lost"') == sum(len(some) for _, _, some in rows)
