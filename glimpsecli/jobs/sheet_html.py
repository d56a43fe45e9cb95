"""A contact sheet as one HTML file: small images within it, and links to the files beside it."""

from __future__ import annotations

import base64
import io
import os
from collections.abc import Iterator, Sequence
from html import escape
from typing import TYPE_CHECKING
from urllib.parse import quote

from glimpsecli import images
from glimpsecli.storage import is_address, is_stored

if TYPE_CHECKING:
    from glimpsecli.arrays import Figure
    from glimpsecli.jobs.sheet_rows import Shown
    from glimpsecli.pictures.sheet import Strip

_SHARP = 48
"""Pixels of the longer side up to which an image keeps each of its pixels, and is shown as squares."""

_QUALITY = 88  # of JPEG

_STYLE = """
:root { color-scheme: light dark; --paper: #fff; --ink: #222; --faint: #6a6a6a; --ground: #f4f4f4; --lost: #dedede }
@media (prefers-color-scheme: dark) {
  :root { --paper: #1b1b1d; --ink: #eee; --faint: #a5a5a8; --ground: #29292c; --lost: #3a3a3e }
}
* { box-sizing: border-box }
body { margin: 0 auto; padding: 2rem clamp(1rem, 3vw, 3rem); max-width: 110rem; background: var(--paper);
  color: var(--ink); font: 15px/1.4 "Source Sans 3", "Source Sans Pro", system-ui, sans-serif }
h1 { margin: 0; font-size: 1.8rem; line-height: 1.2; overflow-wrap: anywhere }
p { margin: 0; color: var(--faint); font-variant-numeric: tabular-nums }
section { display: grid; grid-template-columns: minmax(9rem, 14rem) 1fr; gap: 1.25rem; padding: 1rem 0;
  border-top: 1px solid var(--ground) }
header { margin-bottom: 1.5rem }
h2 { margin: 0; font-size: 1.05rem; font-weight: 600; overflow-wrap: anywhere }
.bar { height: 4px; margin: .4rem 0; border-radius: 2px; background: var(--ground); overflow: hidden }
.bar i { display: block; height: 100%; min-width: 2px }
.cells { display: flex; flex-wrap: wrap; gap: 5px; align-content: start }
.cells > * { width: SIDEpx; height: SIDEpx; background: var(--ground); border-radius: 3px; overflow: hidden }
.cells > a:hover, .cells > a:focus-visible { outline: 2px solid var(--ink); outline-offset: 1px }
.cells img { display: block; width: 100%; height: 100%; object-fit: contain }
.cells .sharp { image-rendering: pixelated }
.cells .lost { display: grid; place-content: center; padding: 4px; background: var(--lost); color: var(--faint);
  font-size: 12px; text-align: center }
@media (max-width: 40rem) { section { grid-template-columns: 1fr; gap: .5rem } }
@media print { body { max-width: none; padding: 0 } section { break-inside: avoid } }
"""


def page_of(
    title: str, subtitle: str, strips: Sequence[Strip], files: Sequence[Sequence[Shown]], *, side: int, folder: str
) -> bytes:
    """Write the page.

    Parameters
    ----------
    title, subtitle : str
    strips : sequence of Strip
    files : sequence of sequence of Shown
        The file of each cell of each strip.
    side : int
        Height and width of the cells, in CSS pixels.
    folder : str
        The folder of the page, from which links lead.
    """
    return "".join(_lines(title, subtitle, strips, files, side, folder)).encode("utf-8", "replace")


def _lines(
    title: str, subtitle: str, strips: Sequence[Strip], files: Sequence[Sequence[Shown]], side: int, folder: str
) -> Iterator[str]:
    yield '<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
    yield f"<title>{escape(title)}</title>\n<style>{_STYLE.replace('SIDE', str(side))}</style>\n"
    yield f"<header><h1><bdi>{escape(title)}</bdi></h1><p>{escape(subtitle)}</p></header>\n<main>\n"
    for strip, shown in zip(strips, files, strict=True):
        colour = "#{:02x}{:02x}{:02x}".format(*strip.colour)
        yield f"<section><div><h2><bdi>{escape(strip.name)}</bdi></h2>"
        yield f'<div class="bar"><i style="width:{100 * strip.share:.4g}%;background:{colour}"></i></div>'
        yield "".join(f"<p>{escape(note)}</p>" for note in strip.notes)
        yield '</div><div class="cells">\n'
        for cell, file in zip(strip.cells, shown, strict=True):
            yield f"{_cell(cell, file, folder)}\n"
        yield "</div></section>\n"
    yield "</main>\n</html>\n"


def _cell(cell: Figure | str, file: Shown, folder: str) -> str:
    name = escape(_text(file.name))
    if isinstance(cell, str):
        return f'<span class="lost" title="{name}">{escape(cell)}</span>'
    sharp = ' class="sharp"' if _is_sharp(cell) else ""
    picture = f'<img src="{_embedded(cell)}" alt="{name}"{sharp} loading="lazy">'
    if is_stored(file.path) or is_address(folder):
        return f'<span title="{name}">{picture}</span>'
    return f'<a href="{_link(file.path, folder)}" title="{name}">{picture}</a>'


def _embedded(cell: Figure) -> str:
    stream = io.BytesIO()
    sharp = _is_sharp(cell)
    images.write(stream, cell, format="png" if sharp else "jpg", quality=None if sharp else _QUALITY)
    return f"data:image/{'png' if sharp else 'jpeg'};base64,{base64.b64encode(stream.getvalue()).decode()}"


def _is_sharp(cell: Figure) -> bool:
    return bool(max(cell.shape[0], cell.shape[1]) <= _SHARP)


def _link(path: str, folder: str) -> str:
    """Give the link to a file, relative to the page, so that both may be moved together."""
    relative = os.path.relpath(path, folder or os.curdir).replace(os.sep, "/")
    return quote(os.fsencode(f"./{relative}"))


def _text(name: str) -> str:
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
