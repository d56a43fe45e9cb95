"""Make sample_images/postcard.webp and its truth: ``python tests/make_clip.py``.

A postcard of a cat slides over a table and turns, while the camera comes nearer. All of it is made of two photos by the
samplers of this package: the camera is a window of the photo of the table, and the card is pasted through a window.
"""

from __future__ import annotations

import csv
import math
from pathlib import Path

import numpy as np

import glimpsecli as glimpse
from glimpsecli import images
from glimpsecli.video.film import FilmOptions

FOLDER = Path(__file__).parent.parent / "sample_images"
FRAMES, RATE = 60, 15
SIZE = (180, 240)
CAMERA = ((300.0, 200.0, 528.0), (318.0, 210.0, 430.0))
"""Centre and width of the camera's window on the photo of the table, in pixels, at the first and the last frame."""
CARD = 100.0, 75.0
"""Width and height of the card on the photo of the table, in pixels."""
BORDER = 6
SHADOW = 0.45
QUALITY = 48


def postcard() -> np.ndarray:
    """Print the face of the cat on paper: (150, 200, 4) uint8, with alpha."""
    photo = images.read(FOLDER / "chelsea.png").pixels
    face = glimpse.extract(photo, glimpse.Window.from_box(84, 20, 300, 225), (150 - 2 * BORDER, 200 - 2 * BORDER))
    card = np.full((150, 200, 4), 255, np.uint8)
    card[..., :3] = (250, 247, 240)
    card[BORDER:-BORDER, BORDER:-BORDER, :3] = np.round(face)
    return card


def shadow() -> np.ndarray:
    """Give a soft dark patch, a little larger than the card: (180, 240, 4) uint8."""
    y, x = (np.abs(np.linspace(-1.2, 1.2, n)) for n in (180, 240))
    inside = np.minimum(np.clip((1.1 - y) / 0.2, 0, 1)[:, None], np.clip((1.1 - x) / 0.2, 0, 1)[None])
    patch = np.zeros((180, 240, 4), np.uint8)
    patch[..., 3] = np.round(255 * SHADOW * inside * inside * (3 - 2 * inside))
    return patch


def place(u: float) -> tuple[float, float, float, float]:
    """Give centre, scale and angle of the card on the photo of the table, at `u` from 0 to 1."""
    x = 104 + 356 * (u + 0.035 * math.sin(2 * math.pi * u))
    y = 316 - 60 * math.sin(1.5 * math.pi * u) - 60 * u
    return x, y, 1 + 0.16 * math.sin(math.pi * u), 14 * math.sin(2 * math.pi * u + 0.4)


def frames() -> tuple[list[np.ndarray], list[dict[str, float]]]:
    """Give the frames, (180, 240, 3) uint8, and the truth of each: the card's window in the frame."""
    table, card, dark = images.read(FOLDER / "coffee.png").pixels, postcard(), shadow()
    pictures, truth = [], []
    for k in range(FRAMES):
        u = k / (FRAMES - 1)
        ease = u * u * (3 - 2 * u)
        width = CAMERA[0][2] * (CAMERA[1][2] / CAMERA[0][2]) ** ease
        q = (width - CAMERA[0][2]) / (CAMERA[1][2] - CAMERA[0][2])
        cx, cy = (a + q * (b - a) for a, b in zip(CAMERA[0][:2], CAMERA[1][:2], strict=True))
        zoom = SIZE[1] / width
        seen = glimpse.extract(table, glimpse.Window(cx, cy, width, width * SIZE[0] / SIZE[1]), SIZE)
        picture = np.round(seen).astype(np.uint8)
        x, y, scale, angle = place(u)
        window = glimpse.Window(
            (x - cx) * zoom + SIZE[1] / 2,
            (y - cy) * zoom + SIZE[0] / 2,
            CARD[0] * scale * zoom,
            CARD[1] * scale * zoom,
            angle,
        )
        below = glimpse.Window(
            window.cx + 4 * zoom, window.cy + 5 * zoom, 1.2 * window.width, 1.2 * window.height, window.angle
        )
        for patch, where in ((dark, below), (card, window)):
            picture = np.round(glimpse.paste(picture, patch, where, glimpse_alpha=True)).astype(np.uint8)
        pictures.append(picture)
        truth.append(
            {"frame": k, "time": round(k / RATE, 6), "id": "card"}
            | {name: round(getattr(window, name), 3) for name in ("cx", "cy", "width", "height", "angle")}
        )
    return pictures, truth


def main() -> None:
    """Write the clip and its truth."""
    pictures, truth = frames()
    options = FilmOptions(quality=QUALITY)
    glimpse.write_film(FOLDER / "postcard.webp", pictures, rate=RATE, overwrite=True, options=options)
    with open(FOLDER / "postcard.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(truth[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(truth)


if __name__ == "__main__":
    main()
