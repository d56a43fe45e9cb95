"""The kernels of images that a border continues: a part is put together, and its gradients are brought back."""

from __future__ import annotations

from glimpsecli.backends.cpu.kernels.neighbours import EDGE, REFLECT
from glimpsecli.backends.cuda.device import cuda
from glimpsecli.backends.cuda.kernels.forward import resolve


@cuda.jit
def put_together(images, top, left, border, colours, part):
    """Fill a part (B, h, w, C) of continued images (B, H, W, C), a thread for each pixel.

    Its first pixel is the pixel (`top`, `left`) of theirs, which may be negative; `colours`, (B, C), stand where a
    constant border does.
    """
    tall, wide = part.shape[1], part.shape[2]
    for pixel in range(cuda.grid(1), part.shape[0] * tall * wide, cuda.gridsize(1)):
        n, i, j = pixel // (tall * wide), pixel // wide % tall, pixel % wide
        row, column = resolve(top + i, images.shape[1], border), resolve(left + j, images.shape[2], border)
        for c in range(part.shape[3]):
            if row < 0 or column < 0:
                part[n, i, j, c] = colours[n, c]
            else:
                part[n, i, j, c] = images[n, row, column, c]


@cuda.jit(device=True)
def places_of(pixel, extent, border, start, stop, fold):
    """Give the places from `start` to `stop` at which a pixel of an axis stands, as a range: first, end, step.

    The mirror images of ``reflect`` are of two kinds, `fold` 0 and 1; other borders have none of the second.
    """
    if border == REFLECT:
        phase = -1 - pixel if fold == 1 else pixel
        return start + (phase - start) % (2 * extent), stop, 2 * extent
    if fold == 1:
        return start, start, 1
    first = start if border == EDGE and pixel == 0 else max(pixel, start)
    return first, stop if border == EDGE and pixel == extent - 1 else min(pixel + 1, stop), 1


@cuda.jit
def add_places(by_part, start, border, by_pixels):
    """Add gradients with respect to the places of a part of one axis, (A, n, V), to those of the pixels, (A, N, V).

    A thread adds up all that a value gets, so that the order is the same each time.
    """
    extent, values = by_pixels.shape[1], by_pixels.shape[2]
    stop = start + by_part.shape[1]
    for index in range(cuda.grid(1), by_pixels.shape[0] * extent * values, cuda.gridsize(1)):
        a, pixel, v = index // (extent * values), index // values % extent, index % values
        total = 0.0
        for fold in range(2):
            first, end, step = places_of(pixel, extent, border, start, stop, fold)
            for place in range(first, end, step):
                total += by_part[a, place - start, v]
        by_pixels[a, pixel, v] += total
