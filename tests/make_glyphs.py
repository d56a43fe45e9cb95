"""Make glimpsecli/networks/glyphs.npz, digits of many faces: ``python tests/make_glyphs.py FOLDER``.

FOLDER holds the fonts of Debian's packages that :data:`FACES` names. In an empty folder,
``apt-get download PACKAGE...``, then ``dpkg-deb -x FILE.deb FOLDER`` for each. All are under the SIL Open Font License
1.1, as the copyright files of these packages say; glimpsecli/networks/CREDITS names their authors.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont

TARGET = Path(__file__).parent.parent / "glimpsecli" / "networks" / "glyphs.npz"
SIDE, INK = 56, 50
"""Pixels of the side of a picture, and of the longer side of the digit in its middle."""
FINE = 8
"""Pixels of the drawing in a row of one pixel of a picture."""
STEP = 17
"""Grey values from one level to the next: 16 levels pack in half the space, and scenes never show them enlarged."""


class Face(NamedTuple):
    """A face: the Debian package it comes in, its file there, its kind, and whether it is kept from training."""

    package: str
    file: str
    kind: str
    held_out: bool = False


FACES = (
    Face("fonts-lato", "Lato-BlackItalic.ttf", "sans"),
    Face("fonts-crosextra-carlito", "Carlito-Italic.ttf", "sans"),
    Face("fonts-cantarell", "Cantarell-ExtraBold.otf", "sans"),
    Face("fonts-quicksand", "Quicksand-Bold.ttf", "sans"),
    Face("fonts-play", "Play-Regular.otf", "sans"),
    Face("fonts-sil-andika", "Andika-Regular.ttf", "sans"),
    Face("fonts-bebas-neue", "BebasNeue-Regular.otf", "sans"),
    Face("fonts-noto-core", "NotoSans-Regular.ttf", "sans"),
    Face("fonts-linuxlibertine", "LinLibertine_RI.otf", "serif"),
    Face("fonts-sil-gentium", "Gentium-R.ttf", "serif"),
    Face("fonts-noto-core", "NotoSerif-BoldItalic.ttf", "serif"),
    Face("fonts-arapey", "Arapey-Regular.otf", "serif"),
    Face("fonts-fantasque-sans", "FantasqueSansMono-Bold.ttf", "mono"),
    Face("fonts-anonymous-pro", "Anonymous Pro B.ttf", "mono"),
    Face("fonts-courier-prime", "Courier Prime Bold.otf", "slab"),
    Face("fonts-comic-neue", "ComicNeue-Bold.otf", "hand"),
    Face("fonts-dancingscript", "DancingScript-Bold.otf", "hand"),
    Face("fonts-klee", "KleeOne-SemiBold.ttf", "hand"),
    Face("fonts-cabin", "Cabin-Bold.otf", "sans", held_out=True),
    Face("fonts-crosextra-caladea", "Caladea-Bold.ttf", "serif", held_out=True),
    Face("fonts-firacode", "FiraCode-Medium.ttf", "mono", held_out=True),
    Face("fonts-kaushanscript", "KaushanScript-Regular.otf", "hand", held_out=True),
)


def draw(path: Path, digit: int) -> np.ndarray:
    """Draw a digit in the middle of a black picture: (SIDE, SIDE) uint8."""
    left, top, right, bottom = ImageFont.truetype(path, 1000).getbbox(str(digit), anchor="ls")
    font = ImageFont.truetype(path, 1000 * INK * FINE / max(right - left, bottom - top))
    left, top, right, bottom = font.getbbox(str(digit), anchor="ls")
    picture = Image.new("L", (SIDE * FINE, SIDE * FINE))
    origin = (SIDE * FINE - left - right) / 2, (SIDE * FINE - top - bottom) / 2
    ImageDraw.Draw(picture).text(origin, str(digit), fill=255, font=font, anchor="ls")
    cells = np.asarray(picture, np.float64).reshape(SIDE, FINE, SIDE, FINE).mean(axis=(1, 3))
    return (np.rint(cells / STEP) * STEP).astype(np.uint8)


def main() -> None:
    """Draw all digits of all faces into the file."""
    found = {path.name: path for path in sorted(Path(sys.argv[1]).rglob("*.?t?"))}
    missing = sorted({face.package for face in FACES if face.file not in found})
    if missing:
        sys.exit(f"{sys.argv[1]} lacks {' '.join(missing)}")
    images = np.stack([[draw(found[face.file], digit) for digit in range(10)] for face in FACES])
    np.savez_compressed(
        TARGET,
        images=images,
        faces=np.array([Path(face.file).stem.replace(" ", "") for face in FACES]),
        kinds=np.array([face.kind for face in FACES]),
        held_out=np.array([face.held_out for face in FACES]),
    )
    print(f"{TARGET}: {TARGET.stat().st_size} bytes")


if __name__ == "__main__":
    main()
