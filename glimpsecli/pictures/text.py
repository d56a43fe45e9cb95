"""Words as arrays. The only module that draws with Pillow; the font is Source Sans Pro unless one is named."""

from __future__ import annotations

import functools
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from glimpsecli.errors import InvalidInputError

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.ImageFont import FreeTypeFont

    Font = str | Path | None

INK = (34, 34, 34)
FAINT = (106, 106, 106)

MIDDLE = 0.654
"""Ems from the top of a line of text to the middle of its digits."""

_FONTS = Path(__file__).with_name("fonts")
_SIDES = {"left": 0.0, "centre": 0.5, "right": 1.0}
_NO_CHARACTER = "\uffff"  # Unicode promises that this will never be one, so fonts draw their "missing" box


def render(text: str, size: int, *, font: Font = None, bold: bool = False) -> NDArray[np.float32]:
    """Draw one line of text.

    Parameters
    ----------
    text : str
        Line breaks and other control characters count as spaces.
    size : int
        The size of the em, in pixels.
    font : path, optional
        A TTF or OTF file.
    bold : bool
        Semibold; a font of your own has one weight only.

    Returns
    -------
    (height, width) float32
        How much of each pixel the letters cover, 0 to 1. The width is tight; the height and the base line are the same
        for every text of a font and size, so that lines placed at one height stand on one line.

    Raises
    ------
    InvalidInputError
        If the font cannot be read.
    """
    from PIL import Image, ImageDraw

    letters, line = _load(font, size, bold), _in_line(text)
    left, _, right, _ = letters.getbbox(line)
    image = Image.new("L", (max(1, int(np.ceil(right - left))), line_height(size, font=font, bold=bold)))
    ImageDraw.Draw(image).text((-left, 0), line, fill=255, font=letters)
    return np.asarray(image, np.float32) / np.float32(255)


def line_height(size: int, *, font: Font = None, bold: bool = False) -> int:
    """Give the height of a line in pixels."""
    return sum(_load(font, size, bold).getmetrics())


def width_of(text: str, size: int, *, font: Font = None, bold: bool = False) -> int:
    """Give the width in pixels that `render` will need."""
    left, _, right, _ = _load(font, size, bold).getbbox(_in_line(text))
    return max(1, int(np.ceil(right - left)))


def cut(text: str, size: int, width: float, *, font: Font = None, bold: bool = False) -> str:
    """Cut a text that is wider than `width` pixels, and end it with an ellipsis, after one character at least."""
    if width_of(text, size, font=font, bold=bold) <= width:
        return text
    line = _in_line(text)
    few, many = 1, len(line)
    while few < many - 1:
        middle = (few + many) // 2
        if width_of(f"{line[:middle].rstrip()}…", size, font=font, bold=bold) <= width:
            few = middle
        else:
            many = middle
    return f"{line[:few].rstrip()}…"


def wrap(text: str, size: int, width: int, *, font: Font = None, bold: bool = False) -> list[str]:
    """Break a text into lines of at most `width` pixels.

    Lines break at spaces; a word that is too wide by itself breaks where it must, after one character at least.
    """

    def fits(line: str) -> bool:
        return width_of(line, size, font=font, bold=bold) <= width

    lines = [""]
    for word in _in_line(text).split():
        joined = f"{lines[-1]} {word}".lstrip()
        if fits(joined):
            lines[-1] = joined
            continue
        if lines[-1]:
            lines.append("")
        for character in word:
            if lines[-1] and not fits(lines[-1] + character):
                lines.append("")
            lines[-1] += character
    return lines


def write(
    picture: NDArray[np.uint8],
    text: str,
    x: int,
    y: int,
    *,
    size: int,
    colour: tuple[int, int, int] = INK,
    align: str = "left",
    font: Font = None,
    bold: bool = False,
) -> None:
    """Write one line into an RGB figure, in place; parts outside are cut off.

    Parameters
    ----------
    picture : (H, W, 3) uint8
    text : str
    x, y : int
        The left end, middle or right end of the line, as `align` has it, and the top of the line.
    size : int
        The size of the em, in pixels.
    colour : (r, g, b)
        0 to 255.
    align : {"left", "centre", "right"}
    font, bold
        As in `render`.
    """
    cover = render(text, size, font=font, bold=bold)
    height, width = cover.shape
    left = x - round(_SIDES[align] * width)
    rows = slice(max(y, 0), max(min(y + height, picture.shape[0]), 0))
    columns = slice(max(left, 0), max(min(left + width, picture.shape[1]), 0))
    region = picture[rows, columns]
    if not region.size:
        return
    share = cover[rows.start - y : rows.stop - y, columns.start - left : columns.stop - left, None]
    region[...] = np.rint(region + share * (np.asarray(colour, np.float32) - region))


def missing_glyphs(text: str, font: Font = None) -> str:
    """Give the characters of a text, each once and in order, that a font can only draw as its "missing" box."""
    from PIL import ImageFont

    letters = _load(font, 48, False, ImageFont.Layout.BASIC)

    def drawn(character: str) -> tuple[bytes, float]:
        return bytes(letters.getmask(character)), letters.getlength(character)

    box = drawn(_NO_CHARACTER)
    # Spaces and joiners (Zs, Cf, Cc) leave no mark in any font.
    marks = [c for c in dict.fromkeys(_in_line(text)) if unicodedata.category(c) not in ("Zs", "Zl", "Zp", "Cf", "Cc")]
    return "".join(c for c in marks if drawn(c) == box)


def _in_line(text: str) -> str:
    """Make a text one line, its accents composed."""
    composed = unicodedata.normalize("NFC", text)
    return "".join(" " if unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") else c for c in composed)


@functools.lru_cache(maxsize=64)
def _load(font: Font, size: int, bold: bool, layout: Any = None) -> FreeTypeFont:
    from PIL import ImageFont

    path = font or _FONTS / f"SourceSansPro-{'Semibold' if bold else 'Regular'}.otf"
    try:
        with open(path, "rb") as file:
            return ImageFont.truetype(file, size, layout_engine=layout)
    except OSError as error:
        raise InvalidInputError(f"{path}: {error.strerror or error}", "give a TTF or OTF font") from None
