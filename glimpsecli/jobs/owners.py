"""The requests of each source: boxes that name an image, a frame or a time go to it alone."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from glimpsecli.annotations.names import Index
from glimpsecli.annotations.text import listed
from glimpsecli.errors import InvalidInputError
from glimpsecli.jobs.requests import BoxRequest

if TYPE_CHECKING:
    from glimpsecli.annotations.boxes import Box
    from glimpsecli.jobs.clips import Clips
    from glimpsecli.jobs.requests import Request
    from glimpsecli.jobs.sources import Source
    from glimpsecli.video.clip import Clip


def by_source(
    sources: Sequence[Source],
    requests: Sequence[Request],
    *,
    clips: Clips | None = None,
    failed: Collection[str] = (),
    relative: bool = False,
) -> list[list[Request]]:
    """Give each source its requests, in their order.

    Parameters
    ----------
    sources : sequence of Source
    requests : sequence of Request
    clips : Clips, optional
        The videos of the sources that are frames.
    failed : collection of str
        Paths of sources that are known to fail, whatever is asked of them.
    relative : bool
        Whether a box names its image by the path below the source folder, and not by the path.

    Raises
    ------
    InvalidInputError
        A box names an image that is not among the sources, a frame of a photo, or a time or frame that is not there.
    """
    paths = {source.path: source.relative if relative else source.path for source in sources}
    wanted = dict(zip(paths, by_image(list(paths.values()), requests), strict=True))
    videos = {source.path for source in sources if source.at is not None}
    always: dict[str, list[Request]] = {}
    at_frame: dict[tuple[str, int], list[Request]] = {}
    for path, asked in wanted.items():
        always[path] = []
        clip = clips.of(path) if clips is not None and path in videos else None
        for request in asked:
            frame = None if clip is None or not isinstance(request, BoxRequest) else frame_of(request.box, clip)
            (always[path] if frame is None else at_frame.setdefault((path, frame), [])).append(request)
        if path in failed:
            always[path] = [BoxRequest()]
        elif clip is None and names_frames(asked):
            raise InvalidInputError(f"the table names frames, and {path} is no video", "leave the column frame out")
    return [
        always[source.path] + (at_frame.get((source.path, source.at.index), []) if source.at is not None else [])
        for source in sources
    ]


def names_frames(requests: Sequence[Request]) -> bool:
    """Return whether a box names a frame."""
    return any(isinstance(request, BoxRequest) and request.box.frame is not None for request in requests)


def names_times(requests: Sequence[Request]) -> bool:
    """Return whether a box has a time, which means something in a video alone."""
    return any(isinstance(request, BoxRequest) and request.box.time is not None for request in requests)


def frame_of(box: Box, clip: Clip) -> int | None:
    """Give the number of the frame that a box belongs to, by its own frame or time; None where it names none.

    Raises
    ------
    InvalidInputError
        The clip has no such frame, or shows nothing at that time.
    """
    from glimpsecli.video.clock import parse_time
    from glimpsecli.video.selection import Selection

    if box.frame is not None:
        return Selection(numbers=(box.frame,)).indices(clip)[0]
    if box.time is not None:
        return Selection(times=(parse_time(box.time, "the column time"),)).indices(clip)[0]
    return None


def by_image(sources: Sequence[str], requests: Sequence[Request]) -> list[list[Request]]:
    """Give each source its requests, in their order."""
    wanted: list[list[Request]] = [[] for _ in sources]
    index: Index | None = None
    owners: dict[str, list[int]] = {}
    everyone = list(range(len(sources)))
    for request in requests:
        name = request.box.image if isinstance(request, BoxRequest) else None
        if name is not None and name not in owners:
            index = index or Index(sources)
            owners[name] = [_owner(name, index, sources)]
        for owner in everyone if name is None else owners[name]:
            wanted[owner].append(request)
    return wanted


def _owner(name: str, index: Index, sources: Sequence[str]) -> int:
    """Find the source that a table means by an image's name."""
    found = index.best(name)[1]
    if len(found) != 1:
        problem = f"fits {listed([sources[n] for n in found])}" if found else "is not among the images"
        raise InvalidInputError(f"the table's image {name!r} {problem}", "name it as on the command line")
    return found[0]
