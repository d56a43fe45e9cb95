"""The options of a tracker, and what it says of a frame."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from glimpsecli.errors import InvalidInputError
from glimpsecli.names import BLUR, DIFFERENTIABLE, FOUND, MOTIONS, SIDES
from glimpsecli.sampling import Sampling

if TYPE_CHECKING:
    from glimpsecli.window import Window

FREEDOMS = ("position", "scale", "angle")


class Tracked(NamedTuple):
    """An object in a frame.

    Attributes
    ----------
    window : Window
        As it was measured; as it was predicted, where it was not.
    state : {"found", "doubtful", "lost"}
    reason : str
        Why it is not found, in a few words.
    zncc : float
        Of the window's glimpse and the template, under the taps that show the object.
    second : float
        ZNCC of the best other place, which may be one that was refused; NaN where there is none.
    spread : (float, float)
        Standard deviations of the centre in x and y, pixels; NaN where it was not measured.
    """

    window: Window
    state: str
    reason: str
    zncc: float
    second: float
    spread: tuple[float, float]

    @classmethod
    def given(cls, window: Window) -> Tracked:
        """Give the object in the frame of its start."""
        return cls(window, FOUND, "the box that was given", 1.0, math.nan, (0.0, 0.0))


@dataclass(frozen=True)
class Tracking:
    """How to follow an object.

    Parameters
    ----------
    free : set of {"position", "scale", "angle"}
        What of the window may change; position always may.
    side : int
        Taps along the window's longer side.
    context : float
        The part that is looked at, in windows: more than 1 takes the surroundings as well.
    update : float
        Share of a frame's glimpse in the template, 0 to 1: 0 keeps the look of the start.
    motion : {"velocity", "near", "none"}
        Whether the object is expected where its velocity leads, near its last place, or anywhere.
    search : float
        Radius of the search, in square roots of the window's area; it grows while the object is not found.
    verdict : bool
        Whether a window that does not look like the object coasts and learns nothing. Without it all is found.
    redetect : bool
        Whether the whole frame is searched for an object that has been lost for some time.
    sampler : {"gaussian", "bilinear"}
        With a turned window Gaussians are ellipses, which take 30 times as long.
    blur : float
        As in :class:`~glimpsecli.Sampling`.
    threads : int

    Raises
    ------
    InvalidInputError
        A value cannot mean anything.
    """

    free: frozenset[str] = frozenset({"position", "scale"})
    side: int = 32
    context: float = 1.0
    update: float = 0.1
    motion: str = "velocity"
    search: float = 0.7
    verdict: bool = True
    redetect: bool = True
    sampler: str = "gaussian"
    blur: float = BLUR
    threads: int = 1

    def __post_init__(self) -> None:
        unknown = set(self.free) - set(FREEDOMS)
        if unknown:
            raise InvalidInputError(f"free {sorted(unknown)[0]!r}", f"choose from {', '.join(FREEDOMS)}")
        object.__setattr__(self, "free", frozenset(self.free) | {"position"})
        if self.motion not in MOTIONS:
            raise InvalidInputError(f"unknown motion {self.motion!r}", f"choose from {', '.join(MOTIONS)}")
        if self.sampler not in DIFFERENTIABLE:
            raise InvalidInputError(
                f"the sampler {self.sampler!r} cannot be followed", f"choose from {', '.join(DIFFERENTIABLE)}"
            )
        if not isinstance(self.side, int) or not SIDES[0] <= self.side <= SIDES[1]:
            raise InvalidInputError(f"side is {self.side}", f"give a number of taps from {SIDES[0]} to {SIDES[1]}")
        if not 0.25 <= self.context <= 8:
            raise InvalidInputError(f"context is {self.context}", "give a number of windows from 0.25 to 8")
        if not 0 <= self.update <= 1:
            raise InvalidInputError(f"update is {self.update}", "give a share from 0 to 1")
        if not 0 < self.search <= 100:
            raise InvalidInputError(f"search is {self.search}", "give a positive radius in windows, to 100")
        self.sampling  # noqa: B018  # it checks the rest

    @property
    def sampling(self) -> Sampling:
        """How to look."""
        return Sampling(sampler=self.sampler, blur=self.blur, backend="cpu", threads=self.threads)
