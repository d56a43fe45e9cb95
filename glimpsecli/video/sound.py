"""The sound of a video, copied into a film packet by packet, bit for bit."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from fractions import Fraction
from itertools import islice
from typing import TYPE_CHECKING, Any

from glimpsecli.errors import FileProblemError, InvalidInputError
from glimpsecli.video.codecs import load_av

if TYPE_CHECKING:
    from glimpsecli.video.film import Sound
    from glimpsecli.video.formats import FilmFormat

PRIMING = Fraction(1, 10)
"""Seconds of sound before the first frame that are kept where a film begins with it: decoders start up on them."""


def sound_problem(path: str, kind: FilmFormat) -> str | None:
    """Return the reason why a container cannot hold the sound of a video; None where it can."""
    av = load_av("sound")
    with _opened(path) as source:
        if not source.streams.audio:
            return f"{path} has no sound"
        stream = source.streams.audio[0]
        name = "unknown" if stream.codec_context is None else stream.codec_context.codec.canonical_name
        try:
            with av.open(io.BytesIO(), "w", format=kind.muxer) as container:
                copy = container.add_stream_from_template(stream)
                container.start_encoding()
                for packet in islice((one for one in source.demux(stream) if one.size), 1):
                    packet.stream = copy
                    container.mux_one(packet)  # some containers refuse sound at their end
        except (av.error.FFmpegError, ValueError):
            return f"{kind.title} cannot hold the sound of {path}, which is {name}"
    return None


class SoundCopy:
    """The sound of a part of a video on its way into a container.

    The first stream of sound is copied. Packets are whole: the first one begins in the part that the film shows, the
    last one may end after it. They keep their times, so that sound and pictures stay together.

    Parameters
    ----------
    sound : Sound
    container : av.container.OutputContainer
    kind : FilmFormat

    Raises
    ------
    InvalidInputError
        The video has no sound, or the format cannot hold it.
    FileProblemError
        The video cannot be read.
    """

    def __init__(self, sound: Sound, container: Any, kind: FilmFormat) -> None:
        self._sound, self._container = sound, container
        if problem := sound_problem(sound.path, kind):
            raise InvalidInputError(problem, "use .mkv, or `--audio none`")
        self._files = ExitStack()
        self._source = self._files.enter_context(_opened(sound.path))
        self._stream = self._source.streams.audio[0]
        self._next: Any = None

    def start(self) -> None:
        """Add the stream to the container, before anything is written to it."""
        self._copy = self._container.add_stream_from_template(self._stream)
        self._packets = self._shown()
        self._next = next(self._packets, None)

    def copy(self, until: Fraction) -> None:
        """Copy the packets that begin before a time of the film, in seconds."""
        while self._next is not None and self._next.pts * self._next.time_base < until:
            packet = self._next
            self._next = next(self._packets, None)
            packet.stream = self._copy
            self._container.mux_one(packet)

    def close(self) -> None:
        """Close the video."""
        self._files.close()

    def _shown(self) -> Iterator[Any]:
        """Give the packets of the part, their times counted from the start of the film."""
        av = load_av("sound")
        start, end = self._sound.start, self._sound.end
        from_ = -PRIMING if start == 0 else Fraction(0)
        try:
            for packet in self._source.demux(self._stream):
                if packet.pts is None or not packet.size:
                    continue
                shift = round((self._sound.origin + start) / packet.time_base)
                packet.pts -= shift
                if packet.dts is not None:
                    packet.dts -= shift
                time = packet.pts * packet.time_base
                if time >= end - start:
                    return
                if time >= from_:
                    yield packet
        except av.error.FFmpegError:
            return  # the video breaks off, which its reader reports: the sound goes as far


@contextmanager
def _opened(path: str) -> Iterator[Any]:
    av = load_av("sound")
    try:  # as a file, for FFmpeg takes some names for addresses
        file = open(path, "rb")  # noqa: SIM115 - closed below; only the opening is guarded here
    except OSError as error:
        raise FileProblemError(f"the sound of {path} cannot be read: {error.strerror or error}") from error
    with file:
        try:
            container = av.open(file)
        except (av.error.FFmpegError, OSError) as error:
            raise FileProblemError(f"the sound of {path} cannot be read: {error.strerror or error}") from error
        with container:
            yield container
