"""Images that go on beyond their edges, for Gaussians with a border.

By default the weights of a Gaussian are normalised over the pixels of the image, and there is no border. With one the
image is continued by the rule of the border (:mod:`~glimpsecli.attention.borders`), and the weights are normalised over
the whole line of pixels on each axis, or over the whole plane for an ellipse::

    A[r, k] = a[r, k] / (sum of a[r, k] over all whole k + 1e-8)

So with a border of the colour c, black for ``zeros``, a tap reads ``m G + (1 - m) c``: m is the share of its weights
that lies in the image, and G its mean there.

Backends read the part of the continued image that the taps reach, up to `EXACT_CUT` sigmas: weights beyond are lost to
double precision. Places move along with it, and where it ends matters no more, so all backends, the ellipses and the
gradients are those of any image.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from glimpsecli import backends
from glimpsecli.attention.borders import resolve
from glimpsecli.errors import InvalidInputError
from glimpsecli.sampling.devices import is_on_device

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from glimpsecli.arrays import Glimpses
    from glimpsecli.sampling.taps import Taps
    from glimpsecli.window import Size

LARGEST_PART = 2**28
"""The most pixels of the continued image that are put together."""


class Part(NamedTuple):
    """The part of a continued image that some taps read.

    Attributes
    ----------
    top, bottom, left, right : int
        Pixels of the image, which may be negative or beyond its last; the ends are excluded.
    image_size : (int, int)
        Height and width of the image.
    border : {"zeros", "constant", "edge", "reflect"}
    """

    top: int
    bottom: int
    left: int
    right: int
    image_size: Size
    border: str

    @classmethod
    def of(cls, taps: Taps) -> Part | None:
        """Give the part that Gaussians with a border read; None where the image holds it, and for all others."""
        if taps.sampler != "gaussian" or taps.border == "none" or not taps.windows:
            return None
        (height, width), boxes = taps.image_size, taps.reach()
        (top, left), (bottom, right) = boxes[:, ::2].min(axis=0), boxes[:, 1::2].max(axis=0)
        if min(top, left) >= 0 and bottom <= height and right <= width:
            return None
        if not (bottom - top) * (right - left) <= LARGEST_PART:
            raise InvalidInputError(
                f"Gaussians with the border {taps.border!r} reach over {right - left:.0f}x{bottom - top:.0f} pixels",
                "look at a smaller window, leave the border out, or use the bilinear sampler",
            )
        return cls(int(top), int(bottom), int(left), int(right), taps.image_size, taps.border)

    @property
    def size(self) -> Size:
        """Height and width."""
        return self.bottom - self.top, self.right - self.left

    def taps(self, taps: Taps) -> Taps:
        """Give the same taps over the part, which has no border."""
        return taps.moved(self.top, self.left, self.size)._replace(border="none")

    def cut(self, images: Any, colours: Glimpses) -> Any:
        """Put the part together, (B, h, w, C), from (B, H, W, C) images and the (B or N, C) colours outside them."""
        if is_on_device(images):
            start = self.top, self.left
            return backends.load("cuda").put_together(images, start, self.size, self.border, colours[: len(images)])
        if self.border in ("edge", "reflect"):
            rows, columns = self._sources()
            return images.take(rows, axis=1).take(columns, axis=2)
        kind = np.result_type(images, colours) if self.border == "constant" else images.dtype
        part = np.zeros((len(images), *self.size, images.shape[3]), kind)
        if self.border == "constant":
            part[...] = colours[: len(images), None, None]
        inner, outer = self._overlap()
        part[inner] = images[outer]
        return part

    def give_back(self, by_part: Any, by_images: Any) -> None:
        """Add gradients with respect to the pixels of the part, (B, h, w, C), to those of the images' own pixels."""
        if is_on_device(by_images):
            backends.load("cuda").bring_back(by_part, (self.top, self.left), self.border, by_images)
            return
        if self.border not in ("edge", "reflect"):
            inner, outer = self._overlap()
            by_images[outer] += by_part[inner]
            return
        rows, columns = self._sources()
        first, last = int(rows.min()), int(rows.max()) + 1
        by_rows = np.zeros((len(by_part), last - first, *by_part.shape[2:]), by_part.dtype)
        _add_at(by_rows.swapaxes(0, 1), rows - first, by_part.swapaxes(0, 1))
        _add_at(by_images[:, first:last].swapaxes(0, 2), columns, by_rows.swapaxes(0, 2))

    def _sources(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Give the pixel of the image that stands in each row, and in each column."""
        rows, _ = resolve(np.arange(self.top, self.bottom), self.image_size[0], self.border)
        columns, _ = resolve(np.arange(self.left, self.right), self.image_size[1], self.border)
        return rows, columns

    def _overlap(self) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
        """Give the pixels of the image that lie in the part: where in the part, and where in the image."""
        inner, outer = [slice(None)], [slice(None)]
        for start, stop, extent in zip((self.top, self.left), (self.bottom, self.right), self.image_size, strict=True):
            first, last = max(start, 0), max(min(stop, extent), max(start, 0))
            inner.append(slice(first - start, last - start))
            outer.append(slice(first, last))
        return tuple(inner), tuple(outer)


def _add_at(target: NDArray[Any], pixels: NDArray[np.int64], values: NDArray[Any]) -> None:
    """Add values to the pixels of the first axis, as ``np.add.at`` does, in less than half of its time.

    `pixels` are runs of one pixel, or of pixels one after the other, forward or backward.
    """
    steps = np.diff(pixels)
    ends = np.flatnonzero(steps[1:] != steps[:-1]) + 2
    for run, added in zip(np.split(pixels, ends), np.split(values, ends), strict=True):
        if len(run) > 1 and run[0] == run[1]:
            target[run[0]] += added.sum(axis=0)
        else:
            target[run] += added
