"""Images of one's own to learn from: a folder with a subfolder for each class."""

from __future__ import annotations

import dataclasses
import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from glimpsecli.errors import InvalidInputError
from glimpsecli.images import FORMATS, read, upright_size
from glimpsecli.networks.letterbox import letterbox
from glimpsecli.networks.scenes import FACES, Batch

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

LEAST = 20
"""Images that a class needs."""

HELD_OUT = 0.2
"""Share of the images of each class that is held out for testing."""

SMALLEST, LARGEST = 16, 256
"""Bounds of the canvas, in pixels of a side."""

MOST_SHRUNK = 8
"""Largest factor by which an image may be shrunk onto the canvas; beyond it little is left of an object."""

MOST_BYTES = 1 << 30
"""Largest memory that all images may take on their canvases."""

_HINT = "give a folder with a subfolder of images for each class"
_SUFFIXES = {f".{suffix}" for kind in FORMATS.values() if not kind.container for suffix in kind.suffixes} - {".npy"}


class _Part(NamedTuple):
    """Images of one side of the split, (N, S, S) or (N, S, S, 3) uint8, and their labels, (N,) int64."""

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]


@dataclasses.dataclass(frozen=True)
class FolderImages:
    """The images of a folder in the middle of square canvases, in an endless sequence.

    Each epoch holds each image once, in an order that depends on the seed and the epoch alone; so image i depends on
    the seed and on i, not on the batch in which it is drawn.

    Attributes
    ----------
    canvas : int
        Height and width of an image in pixels.
    channels : int
        1, grey, or 3, RGB.
    classes : tuple of str
        Names of the subfolders, sorted; a label is an index into them.
    faces : {"train", "held-out"}
        Whether images come from those to learn from, or from those held out.
    """

    canvas: int
    channels: int
    classes: tuple[str, ...]
    faces: str
    _parts: dict[str, _Part] = dataclasses.field(repr=False, compare=False)

    def __len__(self) -> int:
        """Give the number of different images."""
        return len(self._parts[self.faces].labels)

    def fingerprint(self) -> str:
        """Give a hash of all images and labels, by which a training that goes on knows them again."""
        hasher = hashlib.sha256()
        for part in self._parts.values():
            hasher.update(part.images.tobytes())
            hasher.update(part.labels.tobytes())
        return hasher.hexdigest()

    def held_out(self) -> dict[str, FolderImages]:
        """Give the images that a model does not learn from, under the name `images`."""
        return {"images": dataclasses.replace(self, faces="held-out")}

    def batch(self, seed: int, first: int, count: int) -> Batch:
        """Give images `first` to `first + count - 1` of a seed; their windows are not known, so NaN."""
        if seed < 0 or first < 0 or count < 0:
            raise InvalidInputError(f"seed {seed}, first {first}, count {count}", "give numbers from 0")
        part, size = self._parts[self.faces], len(self)
        epochs = range(first // size, (first + count - 1) // size + 1) if count else ()
        orders = [np.random.default_rng([seed, epoch]).permutation(size) for epoch in epochs]
        chosen = np.concatenate([np.empty(0, np.int64), *orders])[first % size :][:count]
        return Batch(part.images[chosen], part.labels[chosen], np.full((count, 5), np.nan))


def read_folder(
    path: str | os.PathLike[str],
    canvas: int = 40,
    *,
    colour: bool = False,
    progress: Callable[[int, int], object] | None = None,
) -> FolderImages:
    """Read the images of a folder with a subfolder for each class.

    Files in folders below a class belong to it. Names that begin with a dot are skipped, and so are files whose suffix
    is no image's. A fifth of each class, those with the smallest hashes of their path in the folder, is held out.

    Parameters
    ----------
    path : path
    canvas : int
        Height and width of the square onto which each image is fitted, in pixels.
    colour : bool
        Whether to keep colours; grey otherwise.
    progress : callable, optional
        Called with the number of images read and that of all.

    Returns
    -------
    FolderImages

    Raises
    ------
    InvalidInputError
        There are fewer than two classes, too few images in one, an image that is too large for the canvas, or too many
        images for the memory.
    FileProblemError
        An image cannot be read.
    """
    if not SMALLEST <= canvas <= LARGEST:
        raise InvalidInputError(f"a canvas of {canvas} pixels", f"give {SMALLEST} to {LARGEST} for images of a folder")
    root = Path(path)
    found = {name: _images(root, name) for name in _classes(root)}
    for name, paths in found.items():
        if len(paths) < LEAST:
            raise InvalidInputError(
                f"class {name!r} of {root} has {len(paths)} images", f"give each class {LEAST} or more"
            )
    total, channels = sum(map(len, found.values())), 3 if colour else 1
    if total * canvas**2 * channels > MOST_BYTES:
        raise InvalidInputError(
            f"{total} images of {canvas}x{canvas} pixels take {total * canvas**2 * channels / 1e9:.1f} GB; "
            f"the limit is {MOST_BYTES / 1e9:.1f} GB",
            "take a smaller canvas, grey, or fewer images",
        )
    for relative in (one for paths in found.values() for one in paths):
        height, width = upright_size(root / relative)
        if max(height, width) > MOST_SHRUNK * canvas:
            raise InvalidInputError(
                f"{root / relative} has {width}x{height} pixels, more than {MOST_SHRUNK} times the canvas of {canvas}",
                f"shrink it to {MOST_SHRUNK * canvas} a side, cut out the objects, or take a larger canvas",
            )
    parts: dict[str, tuple[list[NDArray[np.uint8]], list[int]]] = {name: ([], []) for name in FACES}
    done = 0
    for label, paths in enumerate(found.values()):
        held = set(sorted(paths, key=_hash)[: round(HELD_OUT * len(paths))])
        for relative in paths:
            images, labels = parts["held-out" if relative in held else "train"]
            file = root / relative
            images.append(letterbox(read(file), canvas, colour=colour, label=str(file)).image)
            labels.append(label)
            done += 1
            if progress is not None:
                progress(done, total)
    stacked = {name: _Part(np.stack(images), np.array(labels)) for name, (images, labels) in parts.items()}
    return FolderImages(canvas, channels, tuple(found), "train", stacked)


def _classes(root: Path) -> list[str]:
    try:
        names = sorted(entry.name for entry in os.scandir(root) if entry.is_dir() and not entry.name.startswith("."))
    except OSError as error:
        raise InvalidInputError(f"{root}: {error.strerror or error}", _HINT) from None
    if len(names) < 2:
        raise InvalidInputError(f"{root} has {len(names) or 'no'} subfolder{'s' * (len(names) != 1)}", _HINT)
    return names


def _images(root: Path, name: str) -> list[str]:
    """Give the paths of the images of a class, from the root and with slashes, sorted."""
    files = (
        Path(folder, file).relative_to(root)
        for folder, folders, files in os.walk(root / name)
        for file in files
        if Path(file).suffix.lower() in _SUFFIXES
    )
    return sorted(file.as_posix() for file in files if not any(part.startswith(".") for part in file.parts))


def _hash(relative: str) -> bytes:
    return hashlib.sha256(relative.encode("utf-8", "surrogateescape")).digest()
