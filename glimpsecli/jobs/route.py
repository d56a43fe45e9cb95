"""The way of a window over the frames of a video, or over a photo that becomes a film."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from glimpsecli.annotations.keyframes import Keyframe, Quad, easings_of, places_of
from glimpsecli.errors import InvalidInputError
from glimpsecli.jobs.at import At
from glimpsecli.jobs.frames import at_frames
from glimpsecli.motion.camera import kept_inside, smoothed, steadied
from glimpsecli.motion.path import Path
from glimpsecli.video.selection import ROUNDING

if TYPE_CHECKING:
    from glimpsecli.annotations.boxes import Box
    from glimpsecli.annotations.tracks import Track
    from glimpsecli.arrays import Floats
    from glimpsecli.video.clip import Clip
    from glimpsecli.window import Size

DURATION = Fraction(5)
"""Seconds of the film of a photo between two windows."""
MOST = 250_000
"""Frames of the longest film that is made of a photo: a mistyped time must not fill the memory."""


class Keys(NamedTuple):
    """Keyframes, and the way between them.

    Attributes
    ----------
    keyframes : tuple of Keyframe
        Sorted. Two without a time are the first and the last frame.
    easing, zoom : str
        See :class:`glimpsecli.motion.path.Path`.
    turns : bool
    """

    keyframes: tuple[Keyframe, ...]
    easing: str = "smooth"
    zoom: str = "log"
    turns: bool = False

    @classmethod
    def between(cls, start: Box, end: Box, easing: str, zoom: str, turns: bool) -> Keys:
        """Go from one window at the first frame to another at the last."""
        return cls((Keyframe("--from", start), Keyframe("--to", end)), easing, zoom, turns)

    @property
    def timed(self) -> bool:
        """Whether the keyframes have times or frames."""
        first = self.keyframes[0]
        return first.time is not None or first.frame is not None


class Follow(NamedTuple):
    """A track that is followed; gaps of up to `max_gap` seconds are filled, and with `hold` each row stays."""

    track: Track
    max_gap: Fraction = Fraction(1)
    hold: bool = False


class Camera(NamedTuple):
    """The changes of the windows.

    Attributes
    ----------
    context : float
        Factor of the extents.
    aspect : float, optional
        Width over height: keyframes are cropped to it, boxes of a track grown.
    smooth : float
        Standard deviation of the filter in time, in seconds.
    deadzone : float
        Share of the window within which a track may tremble.
    inside : bool
        Whether windows are kept inside the image.
    one_aspect : bool
        Whether all windows have the aspect of the first one, where `aspect` is None.
    """

    context: float = 1.0
    aspect: float | None = None
    smooth: float = 0.0
    deadzone: float = 0.0
    inside: bool = False
    one_aspect: bool = False


class Pace(NamedTuple):
    """The times of a film.

    Attributes
    ----------
    rate : Fraction
        Frames per second of the film of a photo.
    duration : Fraction, optional
        Seconds of the film of a photo.
    speed : Fraction
        Seconds of the source in a second of the film.
    chosen : sequence of int, optional
        The frames of a video; all by default.
    """

    rate: Fraction
    duration: Fraction | None = None
    speed: Fraction = Fraction(1)
    chosen: Sequence[int] | None = None


class Route(NamedTuple):
    """A place for each frame of a film.

    Attributes
    ----------
    frames : tuple of At
    places : (N, 5) or (N, 4, 2) float64
        Windows, or the corners of quadrilaterals.
    cuts : tuple of int
        Indices of the frames at which the window jumps.
    """

    frames: tuple[At, ...]
    places: Floats
    cuts: tuple[int, ...] = ()


def lay_route(way: Keys | Follow, clip: Clip, camera: Camera, pace: Pace) -> Route:
    """Find the window of each frame.

    A video keeps the times of its frames, and of a track only the frames between its first row and its last are shown.
    A photo is shown from the first row of a track, or from time 0 of keyframes, to the last.

    Raises
    ------
    InvalidInputError
        A keyframe or a row names a frame that is not there, a gap of a track is too long, no frame is left, or the
        film would be too long.
    """
    places, times, easings = _waypoints(way, clip, camera, pace)
    if len(clip) == 1:
        frames, at = _frames_of_photo(way, times, pace)
    else:
        frames, at = _frames_of_video(way, times, clip, pace)
    if isinstance(way, Keys) and not way.timed:
        times = [at[0], at[-1]] if len(at) > 1 else [at[0]]
    path = Path(
        [float(time) for time in times],
        places[: len(times)],
        easings[: len(times) - 1],
        way.zoom if isinstance(way, Keys) else "log",
        isinstance(way, Keys) and way.turns,
    )
    when = np.array([float(time) for time in at])
    found = path(when)
    cuts = tuple(cut for cut in np.unique(np.searchsorted(when, path.cuts)).tolist() if 0 < cut < len(when))
    if found.ndim == 2:
        found = _filtered(when, found, camera, clip.size, cuts)
    return Route(frames, found, () if isinstance(way, Follow) else cuts)


def _waypoints(way: Keys | Follow, clip: Clip, camera: Camera, pace: Pace) -> tuple[Floats, list[Fraction], list[str]]:
    """Give the places of keyframes or rows, shaped, their times in seconds of the source, and the easings between."""
    if isinstance(way, Keys):
        places, easings = places_of(way.keyframes, clip.size), easings_of(way.keyframes, way.easing)
        if not way.timed:
            times = [Fraction(0), Fraction(1)]
        else:
            times = [
                _time_of(one.frame or 0, clip, pace, one.where) if one.time is None else _snapped(one.time, clip)
                for one in way.keyframes
            ]
        if isinstance(way.keyframes[0].place, Quad):
            return places, times, easings
        return _shaped(places, camera, grow=False), times, easings
    track = way.track
    # A photo has no frames of its own, so a row's time says more than its number.
    if track.times is not None and (track.frames is None or len(clip) == 1):
        times = [_snapped(time, clip) for time in track.times]
    else:
        times = [_time_of(frame, clip, pace, track.name) for frame in track.frames or ()]
    if not way.hold:
        track.check_gaps(times, way.max_gap)
    places = _shaped(track.windows(clip.size), camera, grow=True)
    return places, times, ["hold" if way.hold else "linear"] * (len(times) - 1)


def _time_of(frame: int, clip: Clip, pace: Pace, where: str) -> Fraction:
    if len(clip) == 1:
        return frame / pace.rate
    if frame >= len(clip):
        raise InvalidInputError(
            f"{where}: frame {frame}, and {clip.label} has {len(clip)} frames", f"the last is {len(clip) - 1}"
        )
    return clip.times[frame]


def _snapped(time: Fraction, clip: Clip) -> Fraction:
    """Give the time of the frame that a rounded time means, or the time itself where it means none."""
    if len(clip) == 1:
        return time
    k = bisect_left(clip.times, time)
    nearest = min(clip.times[max(k - 1, 0) : k + 1], key=lambda one: abs(one - time))
    return nearest if abs(nearest - time) <= ROUNDING else time


def _shaped(windows: Floats, camera: Camera, *, grow: bool) -> Floats:
    """Give windows their context and aspect."""
    windows = windows.copy()
    windows[:, 2:4] *= camera.context
    width, height = windows[:, 2].copy(), windows[:, 3].copy()
    aspect = width[0] / height[0] if camera.aspect is None and camera.one_aspect else camera.aspect
    if aspect is not None:
        better = np.maximum if grow else np.minimum
        windows[:, 2] = better(width, height * aspect)
        windows[:, 3] = better(height, width / aspect)
    return windows


def _filtered(times: Floats, windows: Floats, camera: Camera, image_size: Size, cuts: Sequence[int]) -> Floats:
    windows = steadied(times, windows, camera.deadzone, camera.deadzone / 2, cuts)
    windows = smoothed(times, windows, camera.smooth, cuts)
    return kept_inside(windows, image_size, cuts) if camera.inside else windows


def _last_stay(times: Sequence[Fraction], pace: Pace, *, hold: bool) -> Fraction:
    """Give the seconds that the last row stays: of held rows the median of their stays, else a frame."""
    stays = sorted(b - a for a, b in pairwise(times))
    return stays[len(stays) // 2] if hold and stays else 1 / pace.rate


def _frames_of_photo(
    way: Keys | Follow, times: Sequence[Fraction], pace: Pace
) -> tuple[tuple[At, ...], list[Fraction]]:
    """Give the frames of the film of a photo, and the time of each on the clock of the keyframes or rows."""
    start = times[0] if isinstance(way, Follow) else Fraction(0)
    if pace.duration is not None:
        length = pace.duration
    elif isinstance(way, Keys) and not way.timed:
        length = DURATION
    else:
        stay = _last_stay(times, pace, hold=isinstance(way, Follow) and way.hold)
        length = (times[-1] - start) / pace.speed + stay
    many = round(length * pace.rate)
    if not 1 <= many <= MOST:
        raise InvalidInputError(
            f"a film of {float(length):g} s at {float(pace.rate):g} frames a second has {many} frames",
            f"it may have 1 to {MOST}",
        )
    step = 1 / pace.rate
    frames = tuple(At(0, k * step, step, k) for k in range(many))
    return frames, [start + k * step * pace.speed for k in range(many)]


def _frames_of_video(
    way: Keys | Follow, times: Sequence[Fraction], clip: Clip, pace: Pace
) -> tuple[tuple[At, ...], list[Fraction]]:
    """Give the frames of a video that are shown, and their times in it."""
    chosen = list(range(len(clip)) if pace.chosen is None else pace.chosen)
    if isinstance(way, Follow):
        end = times[-1] + (_last_stay(times, pace, hold=True) if way.hold else 0)
        chosen = [k for k in chosen if times[0] <= clip.times[k] <= end]
        if not chosen:
            raise InvalidInputError(
                f"{way.track.name} lies from {float(times[0]):g} to {float(times[-1]):g} s, where no frame is chosen",
                f"{clip.label} lasts {float(clip.end):g} s",
            )
    frames = at_frames(clip, chosen)
    return tuple(frames), [one.time for one in frames]
