"""The requests of each source: boxes that name an image, a frame or a time go to it alone."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from typing import TYPE_CHECKING

from glimpsecli.annotations.names import Index, candidates
from glimpsecli.annotations.text import listed
from glimpsecli.errors import InvalidInputError
from glimpsecli.jobs.requests import BoxRequest

if TYPE_CHECKING:
    from glimpsecli.annotations.boxes import Box
    from glimpsecli.jobs.clips import Clips
    from glimpsecli.jobs.groups import Key, Source
    from glimpsecli.jobs.requests import Request
    from glimpsecli.video.clip import Clip


class Owners:
    """The requests of each image: those that name it, and those that name none.

    Parameters
    ----------
    names : iterable of str
        The names of all images; they are gone through only where a request names one.
    requests : sequence of Request

    Raises
    ------
    InvalidInputError
        A box names an image that is not among them, or several that fit equally well.
    """

    def __init__(self, names: Iterable[str], requests: Sequence[Request]) -> None:
        self._everyone: list[tuple[int, Request]] = []
        self._named: dict[str, list[tuple[int, Request]]] = {}
        asked = dict.fromkeys(name for name in map(_image_of, requests) if name is not None)
        owners: dict[str, str] = {}
        index = Index(dict.fromkeys(candidates(names, asked))) if asked else None
        for number, request in enumerate(requests):
            name = _image_of(request)
            if name is None or index is None:
                self._everyone.append((number, request))
            else:
                if name not in owners:
                    owners[name] = _owner(name, index)
                self._named.setdefault(owners[name], []).append((number, request))

    def __call__(self, name: str) -> list[Request]:
        """Give the requests of an image, in their order."""
        mine = [*self._everyone, *self._named.get(name, ())]
        return [request for _, request in sorted(mine, key=lambda one: one[0])]


class Requests:
    """The requests of each source: boxes that name an image, a frame or a time go to it alone.

    Parameters
    ----------
    sources : iterable of Source
        Those that boxes may name.
    requests : sequence of Request
    clips : Clips, optional
        The videos of the sources that are frames.
    failed : container of (str, int or None)
        Keys of sources that are known to fail, whatever is asked of them.
    relative : bool
        Whether a box names its image by the path below the source folder, and not by the path.
    """

    def __init__(
        self, sources: Iterable[Source], requests: Sequence[Request], *, clips: Clips | None = None,
        failed: Container[Key] = (), relative: bool = False,
    ) -> None:  # fmt: skip
        self._relative, self._clips, self._failed = relative, clips, failed
        self._owners = Owners(map(self._name, sources), requests)
        self._of_last: tuple[str, list[Request], dict[int, list[Request]]] | None = None

    def of_image(self, source: Source) -> list[Request]:
        """Give all requests of an image or a video, in their order."""
        return self._owners(self._name(source))

    def __call__(self, source: Source) -> list[Request]:
        """Give the requests of an image or a frame, in their order.

        Raises
        ------
        InvalidInputError
            A box names a frame of a photo, or a time or frame that is not there.
        """
        if source.key in self._failed:
            return [BoxRequest()]
        if source.at is None or self._clips is None:
            asked = self.of_image(source)
            if names_frames(asked):
                raise InvalidInputError(
                    f"the table names frames, and {source.path} is no video", "leave the column frame out"
                )
            return asked
        if self._of_last is None or self._of_last[0] != source.path:
            self._of_last = (source.path, *self._by_frame(source, self._clips.of(source.path)))
        _, always, at_frame = self._of_last
        return always + at_frame.get(source.at.index, [])

    def _by_frame(self, source: Source, clip: Clip) -> tuple[list[Request], dict[int, list[Request]]]:
        always: list[Request] = []
        at_frame: dict[int, list[Request]] = {}
        for request in self.of_image(source):
            frame = frame_of(request.box, clip) if isinstance(request, BoxRequest) else None
            (always if frame is None else at_frame.setdefault(frame, [])).append(request)
        return always, at_frame

    def _name(self, source: Source) -> str:
        return source.relative if self._relative else source.path


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


def _image_of(request: Request) -> str | None:
    return request.box.image if isinstance(request, BoxRequest) else None


def _owner(name: str, index: Index) -> str:
    """Find the source that a table means by an image's name."""
    found = [index.names[number] for number in index.best(name)[1]]
    if len(found) != 1:
        problem = f"fits {listed(found)}" if found else "is not among the images"
        raise InvalidInputError(f"the table's image {name!r} {problem}", "name it as on the command line")
    return found[0]
