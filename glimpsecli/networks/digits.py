"""Digits of one's own, MNIST for instance, from a file with Keras' keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from glimpsecli.errors import InvalidInputError
from glimpsecli.maps import read_array
from glimpsecli.networks.glyphs import INKED, Glyphs, Split

if TYPE_CHECKING:
    import os

    from numpy.typing import NDArray

LARGEST = 128
"""The longest side of a digit's picture, in pixels."""

MOST_CLASSES = 1000

_LAYOUT = "give an .npz with x_train, x_test, (N, h, w), and y_train, y_test, (N,), as Keras' mnist.npz has them"
_STEP = 4  # sides are padded to a multiple of it, so that they can be halved twice


def read_digits(path: str | os.PathLike[str]) -> Split:
    """Read digits, or other white pictures on black, to put into scenes.

    Parameters
    ----------
    path : path
        An ``.npz`` file with ``x_train`` and ``x_test``, (N, h, w) or (N, h, w, 1), 0 to 255 or 0 to 1, and ``y_train``
        and ``y_test``, (N,) whole numbers from 0. Nothing in it is unpickled.

    Returns
    -------
    Split
        Those of ``x_train`` to learn from, those of ``x_test`` held out.

    Raises
    ------
    InvalidInputError
        The file does not exist, lacks an array, or one has another shape or other values.
    FileProblemError
        The file is damaged.
    """
    parts = {}
    for part in ("train", "test"):
        images = _pictures(_read(path, f"x_{part}"), f"{path}, x_{part}")
        labels = _labels(_read(path, f"y_{part}"), len(images), f"{path}, y_{part}")
        parts[part] = images, labels
    (train, train_labels), (test, test_labels) = parts["train"], parts["test"]
    if train.shape[1:] != test.shape[1:]:
        raise InvalidInputError(f"{path}: x_train and x_test have pictures of different sizes", _LAYOUT)
    known = np.unique(train_labels)
    if len(known) < 2:
        raise InvalidInputError(f"{path}: all of y_train is {known[0]}", "give digits of two classes or more")
    foreign = np.setdiff1d(test_labels, known)
    if len(foreign):
        raise InvalidInputError(f"{path}: y_test has {foreign[0]}, which y_train lacks", "use the same classes in both")
    classes = tuple(map(str, range(int(known[-1]) + 1)))
    return Split(Glyphs.of(train, train_labels), Glyphs.of(test, test_labels), classes)


def _read(path: str | os.PathLike[str], key: str) -> NDArray[Any]:
    try:
        return read_array(path, key)
    except InvalidInputError as error:
        raise InvalidInputError(error.message, _LAYOUT) from None


def _pictures(values: NDArray[Any], label: str) -> NDArray[np.uint8]:
    """Check pictures and pad them with black to squares: (N, side, side)."""
    if values.ndim == 4 and values.shape[3] == 1:
        values = values[..., 0]
    if values.ndim != 3:
        raise InvalidInputError(f"{label} has the shape {values.shape}", _LAYOUT)
    count, height, width = values.shape
    if max(height, width) > LARGEST:
        raise InvalidInputError(f"{label} has pictures of {width}x{height} pixels", f"give at most {LARGEST} a side")
    least, most = values.min(), values.max()
    if not (least >= 0 and most <= 255):  # NaN as well
        raise InvalidInputError(f"{label} has values from {least:g} to {most:g}", "give 0 to 255, or 0 to 1")
    if most <= 1:
        values = values * 255
    grey = np.rint(values, out=values).astype(np.uint8)
    if np.median(grey[:, [0, -1]]) >= INKED:
        raise InvalidInputError(f"{label} is dark on white", "give white on black: 255 - x")
    blank = np.flatnonzero(grey.max(axis=(1, 2)) < INKED)
    if len(blank):
        raise InvalidInputError(
            f"{label}: picture {blank[0]} has no value of {INKED} or more, so no digit", "leave such pictures out"
        )
    side = -(-max(height, width) // _STEP) * _STEP
    square = np.zeros((count, side, side), np.uint8)
    top, left = (side - height) // 2, (side - width) // 2
    square[:, top : top + height, left : left + width] = grey
    return square


def _labels(values: NDArray[Any], count: int, label: str) -> NDArray[np.int64]:
    if values.shape != (count,):
        raise InvalidInputError(f"{label} has the shape {values.shape} for {count} pictures", _LAYOUT)
    with np.errstate(invalid="ignore"):  # a NaN becomes a number, which differs from it
        labels = values.astype(np.int64)
    if not np.array_equal(labels, values) or labels.min() < 0 or labels.max() >= MOST_CLASSES:
        raise InvalidInputError(
            f"{label} has other values than whole numbers from 0 to {MOST_CLASSES - 1}", "number the classes from 0"
        )
    return labels
