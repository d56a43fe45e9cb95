"""The frames of videos as sources: each with its number and its time."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator, Sequence
from glob import has_magic
from typing import TYPE_CHECKING, NamedTuple

from glimpsecli.errors import GlimpseError
from glimpsecli.images.streams import is_stream
from glimpsecli.images.suffixes import IMAGES, VIDEOS
from glimpsecli.jobs.at import At
from glimpsecli.jobs.owners import frame_of, names_frames, names_times
from glimpsecli.jobs.requests import BoxRequest
from glimpsecli.storage import is_address, name_of

if TYPE_CHECKING:
    from glimpsecli.images import Picture
    from glimpsecli.jobs.clips import Clips
    from glimpsecli.jobs.groups import Key, Source
    from glimpsecli.jobs.requests import Request
    from glimpsecli.video.clip import Clip
    from glimpsecli.video.selection import Selection


class FrameChoice(NamedTuple):
    """The choice of frames, the same for all videos of a run.

    Attributes
    ----------
    clips : Clips
        Opens the videos.
    frame : int
        The one frame that is taken of a video by default, as of an animation; the first one with a note.
    selection : Selection, optional
        The frames that are chosen; all sources are then videos, a photo one of a single frame.
    every : bool
        Whether all frames are chosen where nothing else is.
    whole : bool
        Whether they are, too, where boxes name some.
    option : str
        The option of the command that chooses frames, for notes.
    """

    clips: Clips
    frame: int = 0
    selection: Selection | None = None
    every: bool = False
    whole: bool = False
    option: str = "--frames"

    def of(self, source: Source, requests: Sequence[Request] = ()) -> list[Source]:
        """Give the frames of a video, a source for each; another source stays as it is.

        Parameters
        ----------
        source : Source
        requests : sequence of Request
            The frames that their boxes name are chosen where there is no selection.

        Raises
        ------
        GlimpseError
            The video cannot be read, or has no such frame.
        """
        asked = self.selection is not None or self.every or names_frames(requests)
        if not asked and not names_times(requests) and not is_footage(source.path):
            return [source]
        clips, frame = self.clips, self.frame
        clip = clips.of(source.path)
        if not asked and len(clip) == 1:  # a photo, for which a time means nothing
            return [source]
        boxes = [request.box for request in requests if isinstance(request, BoxRequest)]
        named = {place for place in (frame_of(box, clip) for box in boxes) if place is not None}
        if self.selection is not None:
            chosen: Collection[int] = self.selection.indices(clip)
            if list(chosen) != sorted(chosen):
                clips.notes.append(f"{clip.label}: its frames are taken in the order of time")
        elif named and not self.whole:
            chosen = named
        elif self.every and not frame:
            chosen = range(len(clip))
        else:
            chosen = [frame]
            if frame == 0 and len(clip) > 1:
                clips.notes.append(
                    f"{clip.label} has {len(clip)} frames: the first is taken; choose with {self.option}"
                )
        frames = at_frames(clip, chosen)
        clips.report_end(clip, frames[-1].index)
        return [source._replace(at=at) for at in frames]


def frames_of(
    sources: Sequence[Source], choice: FrameChoice, wanted: Callable[[Source], Sequence[Request]]
) -> tuple[list[Source], dict[Key, GlimpseError]]:
    """Give each video its frames.

    Parameters
    ----------
    sources : sequence of Source
    choice : FrameChoice
    wanted : callable
        Gives the requests of a source.

    Returns
    -------
    sources : list of Source
    failures : dict
        The error of each source that cannot be read or has no such frame, by its key; it stays as it is.
    """
    found: list[Source] = []
    failures: dict[Key, GlimpseError] = {}
    for source in sources:
        try:
            found += choice.of(source, wanted(source))
        except GlimpseError as error:
            failures[source.key] = error
            found.append(source)
    return found, failures


def at_frames(clip: Clip, chosen: Collection[int]) -> list[At]:
    """Give the frames of a clip by their numbers, in the order of time."""
    indices = sorted({*chosen})
    if indices[-1] >= len(clip):
        clip.frame(indices[-1])  # says that there is none
    ends = [*(clip.times[index] for index in indices[1:]), clip.end]
    if indices[-1] + 1 < len(clip):  # the last one lasts as long as the one before it
        last = clip.times[indices[-1]]
        ends[-1] = min(clip.end, last + (last - clip.times[indices[-2]] if len(indices) > 1 else 1 / clip.rate))
    return [
        At(index, clip.times[index], end - clip.times[index], index) for index, end in zip(indices, ends, strict=True)
    ]


def forward_through(clip: Clip, frames: Sequence[At]) -> Iterator[tuple[At, Picture]]:
    """Read frames, in the order of time."""
    return ((at, clip.frame(at.index).picture) for at in frames)


def backward_through(clip: Clip, frames: Sequence[At]) -> Iterator[tuple[At, Picture]]:
    """Read frames, which are given in the order of time, from the last to the first."""
    pictures = (frame.picture for frame in clip.backward([at.index for at in frames]))
    return zip(reversed(frames), pictures, strict=True)


def is_listed(path: str) -> bool:
    """Return whether a path can stand for frames that lie in a folder: the folder itself, or a pattern."""
    return os.path.isdir(path) or (has_magic(path) and not is_address(path) and not os.path.lexists(path))


def is_footage(path: str) -> bool:
    """Return whether a path is a video, or stands for frames that lie in a folder."""
    if path == "-" or is_stream(path):  # it can be read once
        return False
    if is_listed(path):
        return True
    suffix = os.path.splitext(name_of(path))[1][1:].lower()
    if suffix in IMAGES or is_address(path):  # a batch has many, and opening each takes time
        return suffix in VIDEOS
    from glimpsecli.video.opening import is_video

    return is_video(path)
