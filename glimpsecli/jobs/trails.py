"""Trails: the places at which a window, or the windows of an object, were before a frame."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from glimpsecli.jobs.requests import BoxRequest

if TYPE_CHECKING:
    from glimpsecli.annotations.boxes import Box
    from glimpsecli.arrays import Floats
    from glimpsecli.jobs.requests import Request
    from glimpsecli.jobs.route import Route
    from glimpsecli.window import Size


class TableTrails:
    """The windows of a table that name frames, by their label.

    Parameters
    ----------
    requests : sequence of Request
        Those that name no frame are passed over.

    Attributes
    ----------
    labels : list of (str or None)
        In the order of their first rows.
    """

    def __init__(self, requests: Sequence[Request]) -> None:
        self._boxes: dict[str | None, list[tuple[int, Box]]] = {}
        for request in requests:
            if isinstance(request, BoxRequest) and request.box.frame is not None:
                self._boxes.setdefault(request.label, []).append((request.box.frame, request.box))
        for boxes in self._boxes.values():
            boxes.sort(key=lambda pair: pair[0])
        self.labels = list(self._boxes)

    def points(self, label: str | None, frame: int, length: int, image_size: Size) -> list[tuple[float, float]]:
        """Give the centres (x, y) of a label's windows, from `length` frames before a frame up to it."""
        boxes = self._boxes.get(label, [])
        first, last = (bisect_right(boxes, at, key=lambda pair: pair[0]) for at in (frame - length - 1, frame))
        windows = [box.to_window(image_size) for _, box in boxes[first:last]]
        return [(window.cx, window.cy) for window in windows]


class RouteTrails:
    """The places that a window has left behind it, for each frame of a route.

    Parameters
    ----------
    route : Route
    longest : int
        The most places of a trail; a place where the window rests counts once. A trail ends at a cut.
    """

    def __init__(self, route: Route, longest: int) -> None:
        moved = np.any(np.diff(route.places.reshape(len(route.frames), -1), axis=0) != 0, axis=1)
        moved[[cut - 1 for cut in route.cuts]] = True
        self._visit = np.concatenate([[0], np.cumsum(moved)])  # the number of each frame's place
        first = np.concatenate([[0], np.flatnonzero(moved) + 1])
        self._starts = self._visit[[0, *route.cuts]]
        places = route.places[first]
        self._centres = places.mean(axis=1) if places.ndim == 3 else places[:, :2]
        self._index = {at.number: k for k, at in enumerate(route.frames)}
        self._longest = longest

    def behind(self, number: int) -> Floats:
        """Give the (K, 2) centres up to a frame, by its number, the oldest first."""
        now = self._visit[self._index[number]]
        begin = max(now - self._longest + 1, self._starts[np.searchsorted(self._starts, now, "right") - 1])
        found: Floats = self._centres[begin : now + 1]
        return found
