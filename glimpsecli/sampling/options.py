"""How to look: the record that every sampler takes."""

from __future__ import annotations

import functools
import operator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from glimpsecli.errors import InvalidInputError
from glimpsecli.names import BACKENDS, BLUR, BORDERS, SAMPLERS
from glimpsecli.window.checks import check_unmasked, checked_blur

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """How to look, whatever the image and the window.

    Parameters
    ----------
    sampler : {"gaussian", "bilinear", "hard"}
        DRAW's filterbanks (elliptical Gaussians where a window turns, shears or is projective), the spatial
        transformer's interpolation, or the pixel that each tap falls in.
    blur : float
        Sigma of the Gaussians in strides (in pixels where the stride is below one), for places without their own.
    border : {"zeros", "constant", "edge", "reflect"}, optional
        The surroundings of the image, zeros by default. The Gaussian sampler has none by default: its weights are
        normalised over the image; with one they are normalised over the image as the border continues it (see
        :mod:`glimpsecli.sampling.continued`).
    fill : array_like, scalar or (C,), optional
        Colour of the ``constant`` border, in the scale of the image.
    backend : {"auto", "numpy", "cpu", "cuda"}
        ``auto`` takes NumPy for a small job and Numba for any other; the two differ by rounding, so name one where the
        same bytes are wanted again.
    threads : int, optional
        The most threads that the cpu backend may use, all processors by default. The result does not depend on it.
        The numpy backend leaves threads to NumPy's linear algebra, which this does not limit.

    Raises
    ------
    InvalidInputError
        A value cannot mean anything, or two contradict each other.
    """

    sampler: str = "gaussian"
    blur: float = BLUR
    border: str | None = None
    fill: ArrayLike | None = None
    backend: str = "auto"
    threads: int | None = None

    def __post_init__(self) -> None:
        if self.sampler not in SAMPLERS:
            raise InvalidInputError(f"unknown sampler {self.sampler!r}", f"choose from {', '.join(SAMPLERS)}")
        if self.border is not None and self.border not in BORDERS:
            raise InvalidInputError(f"unknown border {self.border!r}", f"choose from {', '.join(BORDERS)}")
        if self.backend != "auto" and self.backend not in BACKENDS:
            raise InvalidInputError(f"unknown backend {self.backend!r}", f"choose from auto, {', '.join(BACKENDS)}")
        if type(self.blur) is not float or self.blur != BLUR:
            object.__setattr__(self, "blur", checked_blur(self.blur))
        if self.fill is not None:
            object.__setattr__(self, "fill", _checked_fill(self.fill, self.border))
        elif self.border == "constant":
            raise InvalidInputError("the constant border needs a colour", "give fill")
        if self.threads is not None:
            object.__setattr__(self, "threads", _checked_threads(self.threads))

    def colour(self, channels: int, dtype: type[np.floating[Any]] = np.float32) -> NDArray[Any]:
        """Give the colour that stands outside the image, (C,), read-only: black but for a fill.

        Raises
        ------
        InvalidInputError
            The fill has another number of channels.
        """
        return _colour(self.fill, channels, dtype)  # type: ignore[arg-type]  # a number, a tuple of them or None by now

    def colours(self, images: int, channels: int) -> NDArray[np.float32]:
        """Give :meth:`colour` for each of several images, (N, C)."""
        colour = self.colour(channels)
        return colour[None] if images == 1 else np.broadcast_to(colour, (images, channels))


def sampling_of(
    sampler: str, blur: float, border: str | None, fill: ArrayLike | None, backend: str, threads: int | None
) -> Sampling:
    """Give the :class:`Sampling` of these values; one that was made before is used again."""
    # Other objects, such as tensors, may change, and cannot be keys.
    simple = fill is None and type(blur) is float and type(sampler) is type(backend) is str
    if simple and (border is None or type(border) is str) and (threads is None or type(threads) is int):
        return _without_fill(sampler, blur, border, backend, threads)
    return Sampling(sampler=sampler, blur=blur, border=border, fill=fill, backend=backend, threads=threads)


@functools.lru_cache
def _without_fill(sampler: str, blur: float, border: str | None, backend: str, threads: int | None) -> Sampling:
    return Sampling(sampler=sampler, blur=blur, border=border, backend=backend, threads=threads)


@functools.lru_cache
def _colour(fill: float | tuple[float, ...] | None, channels: int, dtype: type[np.floating[Any]]) -> NDArray[Any]:
    if isinstance(fill, tuple) and len(fill) not in (1, channels):
        raise InvalidInputError(f"fill {fill} is no colour for {channels} channels", "give one number, or one each")
    colour = np.full(channels, 0.0 if fill is None else fill, dtype)
    colour.flags.writeable = False
    return colour


def _checked_fill(fill: ArrayLike, border: str | None) -> float | tuple[float, ...]:
    """Give a fill colour as one number, or as one for each channel."""
    if border != "constant":
        raise InvalidInputError(
            f"fill {fill!r} with the border {border or 'zeros'}", "only the constant border has a colour"
        )
    check_unmasked(fill, "fill")
    try:
        colour = np.asarray(fill, dtype=np.float64)
    except (TypeError, ValueError, OverflowError, RuntimeError):
        raise InvalidInputError(f"fill {fill!r} is no colour", "give one number, or one for each channel") from None
    if colour.ndim > 1 or colour.size == 0 or not np.all(np.abs(colour) <= np.finfo(np.float32).max):
        raise InvalidInputError(f"fill {fill!r} is no colour", "give one number, or one for each channel")
    return tuple(colour.tolist()) if colour.ndim else float(colour)


def _checked_threads(threads: int) -> int:
    """Give the number of threads as Python's own int."""
    try:
        count = 0 if isinstance(threads, (bool, np.bool_)) else operator.index(threads)
    except TypeError:
        count = 0
    if count < 1:
        raise InvalidInputError(f"threads is {threads!r}", "give a whole number from 1")
    return count
