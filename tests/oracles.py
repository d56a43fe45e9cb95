"""Slow and obvious: one loop for each sampler, written from the formulas and sharing no code with the package."""

import math

import numpy as np


def pixel_beyond(index, extent, border):
    """Which pixel stands in for an index of one axis; None where the fill colour does."""
    if 0 <= index < extent:
        return index
    if border in ("zeros", "constant"):
        return None
    if border == "edge":
        return 0 if index < 0 else extent - 1
    while not 0 <= index < extent:  # fold at the outer edges, -1/2 and extent - 1/2
        index = -1 - index if index < 0 else 2 * extent - 1 - index
    return index


def read_pixel(image, row, column, border, fill):
    row = pixel_beyond(row, image.shape[0], border)
    column = pixel_beyond(column, image.shape[1], border)
    if row is None or column is None:
        return np.asarray(fill, dtype=float) if border == "constant" else np.zeros(image.shape[2])
    return image[row, column].astype(float)


def hard(image, matrix, size, border="zeros", fill=0.0):
    out = np.zeros((*size, image.shape[2]))
    for i in range(size[0]):
        for j in range(size[1]):
            x = (matrix[0][0] * j + matrix[0][1] * i) + matrix[0][2]
            y = (matrix[1][0] * j + matrix[1][1] * i) + matrix[1][2]
            out[i, j] = read_pixel(image, math.floor(y + 0.5), math.floor(x + 0.5), border, fill)
    return out


def bilinear(image, matrix, size, border="zeros", fill=0.0):
    out = np.zeros((*size, image.shape[2]))
    for i in range(size[0]):
        for j in range(size[1]):
            x = (matrix[0][0] * j + matrix[0][1] * i) + matrix[0][2]
            y = (matrix[1][0] * j + matrix[1][1] * i) + matrix[1][2]
            x0, y0 = math.floor(x), math.floor(y)
            for row, wy in ((y0, 1 - (y - y0)), (y0 + 1, y - y0)):
                for column, wx in ((x0, 1 - (x - x0)), (x0 + 1, x - x0)):
                    if wy * wx > 0:
                        out[i, j] += wy * wx * read_pixel(image, row, column, border, fill)
    return out


def gaussian(image, params, size):
    u_y, s_y, d_y, u_x, s_x, d_x, gain = params
    rows = [normalised_gaussian(u_y + i * d_y, s_y, image.shape[0]) for i in range(size[0])]
    columns = [normalised_gaussian(u_x + j * d_x, s_x, image.shape[1]) for j in range(size[1])]
    out = np.zeros((*size, image.shape[2]))
    for i in range(size[0]):
        for j in range(size[1]):
            for y in range(image.shape[0]):
                for x in range(image.shape[1]):
                    out[i, j] += gain * rows[i][y] * columns[j][x] * image[y, x].astype(float)
    return out


def normalised_gaussian(centre, sigma, pixels):
    weights = [math.exp(-0.5 * ((k - centre) / sigma) * ((k - centre) / sigma)) for k in range(pixels)]
    total = sum(weights) + 1e-8
    return [weight / total for weight in weights]
