"""Connected regions of a mask, by its runs: many cells of a row are one run, and runs that touch are one region."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Runs(NamedTuple):
    """The runs of a mask, row by row from left to right, (R,) int64 each.

    Attributes
    ----------
    row, start, end : array
        The cells ``start`` to ``end - 1`` of a row.
    label : array
        The region, from 0.
    """

    row: NDArray[Any]
    start: NDArray[Any]
    end: NDArray[Any]
    label: NDArray[Any]


def label_runs(mask: NDArray[np.bool_]) -> Runs:
    """Find the runs of a mask (h, w), and join those that touch, corners included (8 neighbours)."""
    h, w = mask.shape
    padded = np.zeros((h, w + 2), np.int8)
    padded[:, 1:-1] = mask
    steps = np.diff(padded, axis=1)
    row, start = np.nonzero(steps == 1)
    end = np.nonzero(steps == -1)[1]
    # The runs of the row below that touch run i are those from below[i] to beyond[i]: numbers that grow with row and
    # column make one sorted list of all runs.
    stride = w + 2
    below = np.searchsorted(row * stride + end, (row + 1) * stride + start, "left")
    beyond = np.searchsorted(row * stride + start, (row + 1) * stride + end, "right")
    touching = np.maximum(beyond - below, 0)
    upper = np.repeat(np.arange(len(row)), touching)
    lower = np.arange(len(upper)) + np.repeat(below - (np.cumsum(touching) - touching), touching)
    return Runs(row, start, end, _joined(len(row), upper, lower))


def _joined(count: int, one: NDArray[Any], other: NDArray[Any]) -> NDArray[Any]:
    """Give each of `count` nodes the number of its part of the graph whose edges run from `one` to `other`.

    Union-find over all edges at once: every root points to the smallest root that an edge leads to, then paths are
    halved until all nodes point to their root.
    """
    parent = np.arange(count)
    while True:
        roots, others = parent[one], parent[other]
        differ = roots != others
        if not differ.any():
            return np.unique(parent, return_inverse=True)[1]
        one, other, roots, others = one[differ], other[differ], roots[differ], others[differ]
        np.minimum.at(parent, np.maximum(roots, others), np.minimum(roots, others))
        while True:
            above = parent[parent]
            if np.array_equal(above, parent):
                break
            parent = above
