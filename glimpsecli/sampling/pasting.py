"""Pasting: glimpses go back onto an image, each where its window says."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from glimpsecli import backends
from glimpsecli.attention import gaussian, pasting
from glimpsecli.backends.protocol import Interpolation
from glimpsecli.errors import InvalidInputError
from glimpsecli.names import BLENDS, BLUR
from glimpsecli.sampling.checks import checked_image, on_host
from glimpsecli.sampling.devices import is_on_device
from glimpsecli.sampling.dispatch import choose_backend
from glimpsecli.sampling.masks import unbounded_peak, written
from glimpsecli.sampling.options import Sampling
from glimpsecli.sampling.precision import READ_TYPES, full_scale, to_float32
from glimpsecli.sampling.taps import Taps
from glimpsecli.window import Affine, Projective, corners
from glimpsecli.window.checks import number

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from glimpsecli.window import Size, Where

    Canvas = NDArray[np.float32]


POINTS = 2**19
"""The most pixels of an image at once whose points are found, but for a row that has more."""


def paste(
    image: ArrayLike,
    glimpse: ArrayLike,
    where: Where,
    *,
    sampler: str = "gaussian",
    blend: str = "over",
    blur: float = BLUR,
    gain: float = 1.0,
    alpha: bool = False,
    glimpse_alpha: bool = False,
) -> NDArray[np.float32]:
    """Put a glimpse back onto an image, through one or several windows.

    Parameters
    ----------
    image : array_like, (H, W) or (H, W, C)
        Of the types that :func:`~glimpsecli.extract` takes. It is not changed.
    glimpse : array_like, (h, w) or (h, w, C)
        As many axes as the image; with one more in front, (N, h, w) or (N, h, w, C), one for each window. Any real
        numbers, in the scale of the image: what :func:`~glimpsecli.extract` gives. One channel of colour may go onto
        several, as grey.
    where : as in :func:`~glimpsecli.extract`
        Where the glimpse goes. Several are pasted in order, the last on top.
    sampler : {"gaussian", "bilinear", "hard"}
        ``bilinear`` and ``hard`` invert the spatial transformer's grid: each pixel whose centre lies in the window
        shows the point of the glimpse that falls on it, interpolated, or the cell of that point. Where a window has
        fewer pixels than the glimpse, some pixels of the glimpse are skipped.
        ``gaussian`` is DRAW's write ``A_y^T w A_x / gain``, the transpose of the read and not its inverse: each pixel
        of the glimpse is spread over its Gaussian, an ellipse where the window turns or shears. It needs no area: with
        a stride of 0 all pixels go onto one spot.
    blend : {"over", "add"}
        ``over`` lays the glimpse over the image: opaque inside the window, or as its alpha says. With ``gaussian`` the
        write is divided by the write of ones, so that brightness is kept, and the attention mask (as
        :func:`~glimpsecli.mask` gives it) is its opacity.
        ``add`` adds the write, or the pixels inside the window, to the colours of the image; its alpha stays.
    blur : float
        Sigma of the Gaussians in strides (in pixels where the stride is below one), for a `where` without its own.
    gain : float
        Factor of the glimpse for ``add``; a negative one takes the glimpse away.
    alpha, glimpse_alpha : bool
        Whether the last channel of the image, and of the glimpse, is straight alpha.

    Returns
    -------
    (H, W) or (H, W, C) float32, in the scale of the image
        Nothing is clipped. Pixels outside the windows are as they were.

    Raises
    ------
    InvalidInputError
        An argument cannot mean anything; the message says which.

    Examples
    --------
    >>> import numpy as np
    >>> from glimpsecli import Window, paste
    >>> image = np.zeros((3, 4), np.uint8)
    >>> paste(image, [[5, 6], [9, 10]], Window.from_box(1, 1, 2, 2), sampler="bilinear")
    array([[ 0.,  0.,  0.,  0.],
           [ 0.,  5.,  6.,  0.],
           [ 0.,  9., 10.,  0.]], dtype=float32)
    """
    if is_on_device(image) or is_on_device(glimpse):
        raise InvalidInputError("pasting with an array on the device", "copy it to the host")
    pixels, values = checked_image(image), on_host(glimpse, "a glimpse")
    if values.ndim not in (pixels.ndim, pixels.ndim + 1) or 0 in values.shape[values.ndim - pixels.ndim :]:
        shapes = "(h, w) or (N, h, w)" if pixels.ndim == 2 else "(h, w, C) or (N, h, w, C)"
        raise InvalidInputError(f"a glimpse of shape {values.shape} for an image of {pixels.shape}", f"give {shapes}")
    values = values if values.ndim > pixels.ndim else values[None]
    canvas = to_float32(pixels, "the image").reshape(*pixels.shape[:2], -1)
    paste_onto(
        canvas,
        values if pixels.ndim == 3 else values[..., None],
        where,
        Sampling(sampler=sampler, blur=blur),
        blend=blend,
        gain=gain,
        alpha=alpha,
        glimpse_alpha=glimpse_alpha,
        scale=full_scale(pixels.dtype) if alpha or glimpse_alpha else 1.0,
    )
    return canvas.reshape(pixels.shape)


def paste_onto(
    canvas: Canvas,
    glimpses: NDArray[Any],
    where: Where,
    sampling: Sampling,
    *,
    blend: str,
    gain: float,
    alpha: bool,
    glimpse_alpha: bool,
    scale: float,
) -> list[bool]:
    """Paste (1 or N, h, w, C) glimpses onto an (H, W, C) canvas, which is changed; `scale` is its white.

    The other arguments are as in :func:`paste`. Returns for each window whether it reaches any pixel.
    """
    if blend not in BLENDS:
        raise InvalidInputError(f"unknown blend {blend!r}", f"choose from {', '.join(BLENDS)}")
    gain = number(gain, "the gain")
    if not np.isfinite(gain) or (gain != 1 and blend != "add"):
        raise InvalidInputError(f"a gain of {gain:g} with the blend {blend}", "give a finite number, and only with add")
    layers = _layers(glimpses, canvas.shape[2], alpha=alpha, glimpse_alpha=glimpse_alpha, scale=scale)
    size = (layers.shape[1], layers.shape[2])
    taps = Taps.make(where, size, canvas.shape[:2], sampling)
    if len(layers) not in (1, taps.windows):
        raise InvalidInputError(f"{len(layers)} glimpses for {taps.windows} windows", "give one for each, or one")
    boxes = taps.boxes() if taps.sampler == "gaussian" else np.array([_box(one, taps) for one in taps.places])
    reached = [False] * taps.windows
    for n, (top, bottom, left, right) in enumerate(boxes.tolist()):
        one = taps.one(n)
        glimpse, box = layers[n if len(layers) > 1 else 0], canvas[top:bottom, left:right]
        for rows, layer, inside in _layer_rows(glimpse, one, box.shape[:2], top, left, blend, repeats=taps.windows):
            part = box[rows]
            reached[n] |= inside
            if blend == "over":
                part[...] = pasting.over(part, layer, alpha=alpha, scale=scale)
            else:
                part[..., : layer.shape[2] - 1] += gain * layer[..., :-1]
    return reached


def _layers(glimpses: NDArray[Any], channels: int, *, alpha: bool, glimpse_alpha: bool, scale: float) -> Canvas:
    """Give (N, h, w, colours + 1) float32: colours times opacity, and opacity, 0 to 1."""
    for name, has_alpha, count in (("the image", alpha, channels), ("the glimpse", glimpse_alpha, glimpses.shape[3])):
        if has_alpha and count not in (2, 4):
            raise InvalidInputError(
                f"{name} has alpha and {count} channels", "grey and alpha are 2, red, green, blue and alpha 4"
            )
    if glimpses.dtype.kind not in "biuf":
        raise InvalidInputError(f"a glimpse of {glimpses.dtype}", "give real numbers, in the scale of the image")
    if not np.all(np.isfinite(glimpses)):
        raise InvalidInputError("the glimpse holds a NaN or an infinity", "give finite numbers")
    if glimpses.dtype.type not in READ_TYPES:
        glimpses = to_float32(glimpses, "the glimpse")
    colours, given = channels - alpha, glimpses.shape[3] - glimpse_alpha
    if given not in (1, colours):
        raise InvalidInputError(
            f"a glimpse of {_counted(given)} on an image of {_counted(colours)}", "give as many as the image has, or 1"
        )
    layers = np.ones((*glimpses.shape[:3], colours + 1), np.float32)
    layers[..., :-1] = glimpses[..., :given]
    if glimpse_alpha:
        opacity = glimpses[..., -1:] / scale
        if not np.all((opacity >= 0) & (opacity <= 1)):
            raise InvalidInputError(
                f"the glimpse's alpha runs from {glimpses[..., -1].min():g} to {glimpses[..., -1].max():g}",
                f"in the scale of the image it is within 0 to {scale:g}",
            )
        layers[..., -1:] = opacity
        layers[..., :-1] *= layers[..., -1:]
    return layers


def _layer_rows(
    glimpse: Canvas, one: Taps, box: Size, top: int, left: int, blend: str, repeats: int
) -> Iterator[tuple[slice, Any, bool]]:
    """Generate the layer of one window over a part of the image that begins at (top, left), some rows at a time.

    Yields the rows of the part, their layer, (rows, W, colours + 1), and whether the window reaches any of them.
    """
    height, width = box
    deep = max(1, POINTS // max(1, width))
    if one.elliptical:
        peak = unbounded_peak(one) if blend == "over" else None
        spread = written(one.moved(top, left, box), np.dstack([glimpse, np.ones(one.size, np.float32)]))
        peak = peak or float(spread[..., -1].max())
        for start in range(0, height, deep):
            rows = slice(start, min(start + deep, height))
            total, ones = spread[rows, :, :-1], spread[rows, :, -1]
            yield rows, pasting.mean_layer(total, ones, ones / peak) if blend == "over" else total, True
        return
    if one.sampler == "gaussian":
        params = one.moved(top, left, (height, width)).places[0].tolist()
        pasting.checked_gain(params[6])
        write = pasting.gaussian_layer_rows if blend == "over" else gaussian.write_rows
        for rows, layer in write(glimpse, params, (height, width), deep):
            yield rows, layer, True
        return
    backward = pasting.inverse_matrix(one.places[0])
    interpolation = Interpolation(1, "edge", np.zeros((1, glimpse.shape[2]), np.float32))
    for start in range(0, height, deep):
        rows = slice(start, min(start + deep, height))
        extent = (rows.stop - start, width)
        points, inside = pasting.inverse_grid(one.places[0], one.size, extent, top + start, left)
        if one.sampler == "hard":
            column, row = np.floor(points + 0.5).astype(np.intp).transpose(2, 0, 1)
            yield rows, glimpse[row, column] * inside[..., None], bool(inside.any())
            continue
        backend = backends.load(choose_backend(one._replace(size=box), glimpse.shape[2], repeats)[0])
        from_part = backward @ [[1, 0, left], [0, 1, top + start], [0, 0, 1]]
        seen = np.empty((1, *extent, glimpse.shape[2]), np.float32)
        with np.errstate(all="ignore"):  # on the horizon of the window and beyond it, points mean nothing
            read = backend.prepare_bilinear(from_part[None], extent, (1, *glimpse.shape), interpolation, None)
            read(glimpse[None], seen)
        yield rows, np.where(inside[..., None], seen[0], 0), bool(inside.any())


def _box(matrix: NDArray[np.float64], taps: Taps) -> tuple[int, int, int, int]:
    """Give the part (top, bottom, left, right) of the image that holds a window, empty where it lies outside."""
    pasting.check_area(matrix, taps.size)
    points = corners(Affine(matrix) if len(matrix) == 2 else Projective(matrix), taps.size)
    height, width = taps.image_size
    low, high = np.floor(points.min(axis=0)), np.ceil(points.max(axis=0))
    (left, right), (top, bottom) = (
        np.clip([low[axis], high[axis]], 0, extent).astype(int).tolist() for axis, extent in ((0, width), (1, height))
    )
    return (top, bottom, left, right) if right > left else (top, top, left, left)


def _counted(colours: int) -> str:
    return f"{colours} colour channel{'s'[: colours != 1]}"
