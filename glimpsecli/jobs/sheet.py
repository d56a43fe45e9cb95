"""Contact sheets: some images of each label of a data set, on pages or in an HTML file."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from glimpsecli import images
from glimpsecli.errors import GlimpseError, InvalidInputError
from glimpsecli.images.formats import format_of
from glimpsecli.jobs.label_colours import label_colours
from glimpsecli.jobs.outputs import check_outputs, make_folder, opened
from glimpsecli.jobs.pool import in_order, processors
from glimpsecli.names import MAX_PIXELS
from glimpsecli.pictures.scale import as_rgb, fitted, magnify
from glimpsecli.pictures.sheet import Strip
from glimpsecli.storage import folder_of, place

if TYPE_CHECKING:
    from glimpsecli.arrays import Figure
    from glimpsecli.jobs.sheet_rows import Contents, Row, Shown

HTML = (".html", ".htm")
FORMATS = ("png", "jpg", "webp")
_FINE = 2
"""Pixels of an image in an HTML file per CSS pixel, for screens that have so many."""
_REASONS = {
    "is empty": "empty", "does not exist": "missing", "No such file": "missing", "pixels": "too large",
    "Permission denied": "no access",
}  # fmt: skip
"""The word for each error, by a part of its message."""
_GREY = (0.55, 0.55, 0.55)


class Sheet(NamedTuple):
    """The options of a sheet.

    Attributes
    ----------
    target : str
    title : str
    side : int
        Height and width of a cell, in pixels.
    each : int
        The most cells of a row.
    rows : int
        The most rows of a page.
    seed : int
    font : str, optional
    max_pixels : int
    overwrite : bool
    """

    target: str
    title: str
    side: int = 96
    each: int = 12
    rows: int = 24
    seed: int = 0
    font: str | None = None
    max_pixels: int = MAX_PIXELS
    overwrite: bool = False

    @property
    def is_html(self) -> bool:
        """Whether it is an HTML file."""
        return self.target.lower().endswith(HTML)


def check_target(target: str) -> None:
    """Refuse a file that can be no sheet."""
    if target.lower().endswith(HTML):
        return
    if target.endswith("/") or os.path.isdir(target) or target == "-":
        raise InvalidInputError(f"-o {target} names no file", "name one, such as sheet.png or sheet.html")
    if format_of(target).name not in FORMATS:
        raise InvalidInputError(f"{target}: a sheet is a picture or a page", "use .png, .jpg, .webp or .html")


def pages_of(sheet: Sheet, contents: Contents) -> list[str]:
    """Give the files of a sheet: one, or as many as its rows need, numbered before the suffix.

    Raises
    ------
    InvalidInputError
        One exists, is an image of the sheet, or could not be written; or a page would be too large.
    """
    columns = max(len(row.shown) for row in contents.rows.values())
    width, height = columns * sheet.side, min(len(contents.rows), sheet.rows) * sheet.side
    if not sheet.is_html and width * height > MAX_PIXELS:
        raise InvalidInputError(
            f"cells of {width}x{height} pixels are too large for a page", "give less --each, --rows or --panel"
        )
    count = 1 if sheet.is_html else -(-len(contents.rows) // sheet.rows)
    stem, suffix = os.path.splitext(sheet.target)
    digits = len(str(count))
    targets = [f"{stem}-{k:0{digits}d}{suffix}" for k in range(1, count + 1)] if count > 1 else [sheet.target]
    check_outputs([(sheet.title, one) for one in targets], contents.endangered, overwrite=sheet.overwrite, noun="page")
    return targets


def write_pages(
    sheet: Sheet, contents: Contents, targets: Sequence[str], done: Callable[[GlimpseError | None], object]
) -> None:
    """Read the images that are shown, and write the pages.

    Parameters
    ----------
    sheet : Sheet
    contents : Contents
    targets : sequence of str
        The files, of :func:`pages_of`.
    done : callable
        Called after each image; takes the error of one that cannot be read, in whose place stands a grey cell.
    """
    files = [row.shown for row in contents.rows.values()]
    strips = _strips(sheet, contents, files, done)
    subtitle = f"{subtitle_of(contents)}; {sheet.each} or fewer of each, chosen by the seed {sheet.seed}"
    make_folder(sheet.target)
    if sheet.is_html:
        from glimpsecli.jobs.sheet_html import page_of

        page = page_of(sheet.title, subtitle, [*strips], files, side=sheet.side, folder=folder_of(sheet.target))
        place(sheet.target, lambda stream: stream.write(page), overwrite=sheet.overwrite)
        return
    from glimpsecli.pictures.sheet import sheet_page

    columns = max(map(len, files))
    for number, target in enumerate(targets, 1):
        title = sheet.title if len(targets) == 1 else f"{sheet.title}, page {number} of {len(targets)}"
        page_strips = [*islice(strips, sheet.rows)]
        figure = sheet_page(title, subtitle, page_strips, side=sheet.side, columns=columns, font=sheet.font)
        images.write(opened(target), figure, format=format_of(target), overwrite=sheet.overwrite)


def subtitle_of(contents: Contents) -> str:
    """Give the numbers of files and rows in words."""
    kinds = len(contents.rows.keys() - {""})
    return f"{_many(contents.total, contents.noun)}, {_many(kinds, contents.kind)}"


def notes_of(row: Row, noun: str) -> list[str]:
    """Give the words about a row: number of files, their sizes, and their splits."""
    notes = [_many(row.count, noun)]
    if row.least is not None and row.largest is not None:
        least, largest = (f"{width}×{height}" for width, height in (row.least, row.largest))
        notes.append(least if least == largest else f"{least} to {largest}")
    if row.splits:
        notes.append(", ".join(f"{name} {count:,}" for name, count in sorted(row.splits.items())))
    return notes


def name_of_row(name: str, kind: str, *, alone: bool) -> str:
    """Give the name of a row as it is written; `alone` says whether there is no other."""
    if name:
        return name
    return "all" if alone else "top folder" if kind == "folder" else f"no {kind}"


def _strips(
    sheet: Sheet, contents: Contents, files: Sequence[Sequence[Shown]], done: Callable[[GlimpseError | None], object]
) -> Iterator[Strip]:
    """Generate the rows with their images, which are read on all processors."""
    colours = label_colours(contents.rows)
    largest = max(row.count for row in contents.rows.values())
    side = _FINE * sheet.side if sheet.is_html else sheet.side
    read = partial(_cell, side=side, own=sheet.is_html, max_pixels=sheet.max_pixels)
    cells = in_order(read, [file for some in files for file in some], processors())
    for (name, row), some in zip(contents.rows.items(), files, strict=True):
        found: list[Figure | str] = []
        notes = notes_of(row, contents.noun)
        sizes = set[tuple[int, int]]()
        for cell, size, error in islice(cells, len(some)):
            found.append(cell)
            done(error)
            if size is not None:
                sizes.add(size)
        if row.least is None and sizes:  # no manifest knows them: those of the images that are shown
            least, most = (by(sizes, key=lambda size: size[0] * size[1]) for by in (min, max))
            texts = [f"{width}×{height}" for width, height in (least, most)]
            notes.insert(1, texts[0] if texts[0] == texts[1] else " to ".join(texts))
        red, green, blue = np.rint(255 * np.array(colours.get(name, _GREY))).astype(int).tolist()
        title = name_of_row(name, contents.kind, alone=len(contents.rows) == 1)
        yield Strip(title, notes, row.count / largest, (red, green, blue), found)


def _cell(
    file: Shown, *, side: int, own: bool, max_pixels: int
) -> tuple[Figure | str, tuple[int, int] | None, GlimpseError | None]:
    """Give an image that fits a cell, and the size of the whole; or the reason why there is none, and its error.

    Smaller ones are enlarged, to squares for each pixel where that is twice or more; unless each keeps its `own` size.
    """
    try:
        pixels = images.read(file.path, max_pixels=max_pixels).pixels
    except GlimpseError as error:
        return _reason(error), None, error
    height, width = pixels.shape[:2]
    factor = side // max(height, width)
    if factor == 0 or (factor == 1 and not own):
        pixels = fitted(pixels, side, side)
    elif not own:
        pixels = magnify(pixels, factor)
    return np.ascontiguousarray(as_rgb(pixels)), (width, height), None


def _reason(error: GlimpseError) -> str:
    """Give an error in a word."""
    return next((word for words, word in _REASONS.items() if words in error.message), "damaged")


def _many(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'s'[: count != 1]}"
