"""A sampler that is prepared once and called often."""

from __future__ import annotations

import functools
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

import numpy as np

from glimpsecli.errors import InvalidInputError
from glimpsecli.sampling.checks import checked_image, checked_shape
from glimpsecli.sampling.devices import device_out, device_sampling, is_on_device
from glimpsecli.sampling.dispatch import prepare
from glimpsecli.sampling.options import Sampling
from glimpsecli.sampling.precision import is_read
from glimpsecli.sampling.reading import read_taps
from glimpsecli.sampling.taps import Taps
from glimpsecli.window import places_of

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from glimpsecli.arrays import Glimpses, Images
    from glimpsecli.backends.protocol import ImageShape, Read
    from glimpsecli.sampling.gradients import Gradients
    from glimpsecli.window import Size, Where

_FLOAT32 = np.dtype(np.float32)


class Sampler:
    """One or several windows over images of one shape, prepared to be looked through again and again.

    It gives the same bits as :func:`~glimpsecli.extract`, which prepares one for each call. Several threads may call it
    at once.

    Parameters
    ----------
    where : Window, Affine, Projective, GaussianParams, a sequence of one of them, or array_like
        As in :func:`~glimpsecli.extract`.
    size : (int, int)
        Height and width of the glimpses in pixels.
    image_shape : (H, W) or (H, W, C)
        Shape of the images.
    sampling : Sampling, optional
        How to look: Gaussian attention by default. In a loop name the cpu backend: ``auto`` takes NumPy for a small
        window, since one call would not repay the start of Numba.
    alpha : bool
        Whether the last channel of the images is straight alpha.

    Raises
    ------
    InvalidInputError, UnavailableError
        As :func:`~glimpsecli.extract`; what concerns channels, pixels or the backend at the first call.

    Examples
    --------
    Follow a bright spot that moves: look, find it in the glimpse, and move the window there.

    >>> import numpy as np
    >>> from glimpsecli import Sampler, Sampling, Window
    >>> frames = np.zeros((3, 40, 60), np.uint8)
    >>> for t, frame in enumerate(frames):
    ...     frame[20 + 2 * t, 30 + 3 * t] = 255
    >>> window = Window(30, 20, 16, 16)
    >>> look = Sampler(window, (16, 16), frames[0].shape, Sampling(sampler="bilinear", backend="cpu"))
    >>> for frame in frames:
    ...     row, column = np.unravel_index(look(frame).argmax(), (16, 16))
    ...     window = Window(window.cx + column - 7.5, window.cy + row - 7.5, 16, 16)
    ...     look = look.moved(window)
    ...     print(window.cx, window.cy)
    30.5 20.5
    33.5 22.5
    36.5 24.5
    """

    def __init__(
        self,
        where: Where,
        size: Size,
        image_shape: tuple[int, ...],
        sampling: Sampling | None = None,
        *,
        alpha: bool = False,
    ) -> None:
        sampling = Sampling() if sampling is None else sampling
        if not isinstance(sampling, Sampling):
            raise InvalidInputError(f"sampling is {sampling!r}", 'give a record, such as Sampling(sampler="bilinear")')
        self._image_shape, self._sampling, self._alpha = checked_shape(image_shape), sampling, alpha
        height, width, *channels = self._image_shape
        self._places = places_of(where)
        self._taps = taps = Taps.make(self._places, size, (height, width), self._sampling)
        self._images: ImageShape = (1, height, width, channels[0] if channels else 1)
        self._glimpses = (taps.windows, *taps.size, self._images[3])
        self._result = (*(() if self._places.single else (taps.windows,)), *taps.size, *channels)
        self._read: Read | None = None
        self._dtype: np.dtype[Any] | None = None  # of the images that can be read without another check

    def __call__(self, image: ArrayLike) -> Glimpses:
        """Look at an image.

        Parameters
        ----------
        image : array_like, of the shape that was prepared for
            Otherwise as in :func:`~glimpsecli.extract`.

        Returns
        -------
        float32
            As :func:`~glimpsecli.extract`.
        """
        if type(image) is np.ndarray and image.shape == self._image_shape and self._reads(image.dtype):
            out = np.empty(self._glimpses, _FLOAT32)
            self._read(image.reshape(self._images), out)  # type: ignore[misc]  # made before the dtype is known
            return out.reshape(self._result)
        sampling, pixels = device_sampling(image, self._sampling, self._alpha), self._checked(image)
        out = device_out(None, self._glimpses) if is_on_device(pixels) else np.empty(self._glimpses, np.float32)
        read_taps(pixels.reshape(self._images), self._taps, out, sampling, self._alpha)
        return out.reshape(self._result)

    def __reduce__(self) -> tuple[Any, ...]:
        """Make a copy from what this sampler was made of."""
        make = functools.partial(Sampler, alpha=self._alpha)
        return make, (self._places, self._taps.size, self._image_shape, self._sampling)

    def vjp(self, image: ArrayLike, cotangent: ArrayLike, by: Collection[str] = ("image", "where")) -> Gradients:
        """Pull the gradient of a loss with respect to the glimpses back, as :func:`~glimpsecli.vjp`.

        Parameters
        ----------
        image : array_like, of the shape that was prepared for
        cotangent : array_like, of the shape of the result
        by : {"image", "where"}, one or both

        Returns
        -------
        Gradients
        """
        from glimpsecli.sampling.gradients import pull_back  # glimpses are seen sooner without it

        if self._alpha:
            raise InvalidInputError("gradients with alpha", "weight the colours by it first")
        sampling = device_sampling(image, self._sampling, alpha=False)
        return pull_back(self._checked(image), self._places, self._taps, cotangent, sampling, by)

    def moved(self, where: Where) -> Sampler:
        """Give the sampler of other windows over the same images."""
        return Sampler(where, self._taps.size, self._image_shape, self._sampling, alpha=self._alpha)

    def _reads(self, dtype: np.dtype[Any]) -> bool:
        """Return whether arrays of this dtype are read as they are, and prepare for that."""
        if dtype is self._dtype:
            return True
        if self._alpha or not is_read(dtype):
            return False
        if self._read is None:
            colours = self._sampling.colours(self._taps.windows, self._images[3])
            self._read = prepare(self._taps, self._images, colours, self._sampling)
        self._dtype = dtype
        return True

    def _checked(self, image: ArrayLike) -> Images:
        pixels = checked_image(image)
        if pixels.shape != self._image_shape:
            raise InvalidInputError(
                f"an image of shape {tuple(pixels.shape)}, and the sampler is for {self._image_shape}",
                "prepare a Sampler for each shape",
            )
        return pixels
