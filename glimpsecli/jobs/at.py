"""The frame of a video that is a source of its own."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True)
class At:
    """The frame of a video that is a source of its own.

    Attributes
    ----------
    index : int
        Its number in the video, from 0.
    time : Fraction
        Seconds from the first frame; in a film that is made of a photo, from the start of the film.
    duration : Fraction
        Seconds until the next frame that was chosen.
    number : int
        The number by which files and records name it: `index`, or in a film of a photo that of the film's frame.
    """

    index: int
    time: Fraction
    duration: Fraction
    number: int
