"""The container of a film: its pictures, and its sound beside them."""

from __future__ import annotations

import io
import os
import signal
import threading
import weakref
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, BinaryIO

from glimpsecli.errors import FileProblemError, InvalidInputError
from glimpsecli.video.choosing import BT709, Choice
from glimpsecli.video.codecs import load_av
from glimpsecli.video.sound import SoundCopy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from fractions import Fraction

    from glimpsecli.video.film import FilmOptions
    from glimpsecli.video.formats import FilmFormat
    from glimpsecli.window import Size

BUFFER = 1 << 18
"""Bytes that are handed to the file at once."""

# The index comes first, so that a browser can begin before it has all; durations are not rounded to milliseconds.
_MOV = {"movflags": "faststart", "movie_timescale": "90000"}
_CONTAINER_OPTIONS = {
    "mp4": _MOV,
    "mov": _MOV,
    "mkv": {"allow_raw_vfw": "1"},  # raw video
}

_REORDERED = 60  # most seconds between the decoding of a frame and its time
_listening = threading.Lock()  # the level of FFmpeg's log is the whole process's


class Output:
    """An open container.

    Parameters
    ----------
    stream : binary stream
        Seekable, to be read and written; it stays open.
    kind : FilmFormat
    options : FilmOptions
    """

    def __init__(self, stream: BinaryIO, kind: FilmFormat, options: FilmOptions) -> None:
        self._av = load_av(f"a film in {kind.title}")
        self._stream, self._file = stream, _own(stream)
        self._kind, self._rate = kind, options.rate
        reader = self._reader = _Reader(self._file)
        written = self._written = _Borrowed(self._file)
        self._container: Any = self._av.open(
            written, "w", format=kind.muxer, buffer_size=BUFFER, io_open=lambda *_: reader,
            container_options=_CONTAINER_OPTIONS.get(kind.name, {}),
        )  # fmt: skip
        # It outlives this object, whatever the order in which Python frees a cycle of garbage.
        self._give_up = weakref.finalize(self, _close, self._container, self._file, self._file is not stream)
        self._sound = None if options.sound is None else SoundCopy(options.sound, self._container, kind)
        self._durations: dict[int, int] = {}
        self._decoded: int | None = None

    def start(self, choice: Choice, size: Size, tick: Fraction) -> None:
        """Open the encoder.

        Parameters
        ----------
        choice : Choice
        size : (int, int)
            Height and width of the frames.
        tick : Fraction
            Seconds of a tick of their times.

        Raises
        ------
        InvalidInputError
            The format cannot hold the codec, or the encoder refuses the size.
        """
        self._choice, self._tick = choice, tick
        for name, value in choice.encoder.environment.items():
            os.environ.setdefault(name, value)
        try:
            self._video = self._container.add_stream(choice.name, rate=self._rate, options=choice.options)
        except ValueError as error:
            raise InvalidInputError(
                f"{self._kind.title} cannot hold {choice.encoder.title}", "choose another `--codec`"
            ) from error
        self._video.height, self._video.width = size
        self._video.pix_fmt = choice.pix_fmt
        context = self._video.codec_context
        context.time_base = self._video.time_base = tick
        context.color_range = choice.range
        if choice.is_yuv:
            context.colorspace = context.color_primaries = context.color_trc = BT709
        if choice.encoder.tag and self._kind.name in ("mp4", "mov"):
            context.codec_tag = choice.encoder.tag
        with _listening, self._av.logging.Capture(local=False) as lines:
            level = self._av.logging.get_level()
            self._av.logging.set_level(self._av.logging.ERROR)
            try:
                context.open()
            except self._av.error.FFmpegError as error:
                reason = "; ".join(line.strip().rstrip(".") for _, source, line in lines if source == choice.name)
                raise InvalidInputError(
                    f"{choice.name} refuses frames of {size[1]} x {size[0]} in {choice.pix_fmt}: "
                    f"{reason or error.strerror}",
                    "choose another size or another `--codec`",
                ) from error
            finally:
                self._av.logging.set_level(level)
        if self._sound is not None:
            self._sound.start()

    def encode(self, frame: Any, ticks: int, until: int) -> None:
        """Encode a frame, and copy the sound that belongs to it.

        Parameters
        ----------
        frame : av.VideoFrame
            In the pixel format of the choice.
        ticks, until : int
            Its time, and that at which it ends.
        """
        frame.pts, frame.time_base = ticks, self._tick
        self._durations[ticks] = until - ticks
        try:
            with _interrupts_wait():
                self._mux(frame)
                if self._sound is not None:
                    self._sound.copy(until * self._tick)
        except self._av.error.FFmpegError as error:
            raise self._refused(error) from error
        self._check_written()

    def finish(self) -> None:
        """Write the end of the file."""
        try:
            with _interrupts_wait():
                self._mux(None)
                if self._sound is not None:
                    self._sound.close()
                self._container.close()
        except self._av.error.FFmpegError as error:
            raise self._refused(error) from error
        self._check_written()
        self._file.flush()
        self._give_up()
        self._stream.seek(0, io.SEEK_END)

    def close(self) -> None:
        """Give up a film that is not finished."""
        if self._sound is not None:
            self._sound.close()
        self._give_up()

    def _check_written(self) -> None:
        """Raise the first exception that FFmpeg met in the file."""
        for problem in (self._written.problem, self._reader.problem):
            if problem is not None:
                raise problem

    def _mux(self, frame: Any) -> None:
        for packet in self._video.encode(frame):
            packet.duration = self._durations.pop(packet.pts, 0)  # encoders forget it
            # x265 gives the packets of films of a few frames any time of decoding at all.
            earliest = packet.pts - round(_REORDERED / self._tick) if self._decoded is None else self._decoded + 1
            if packet.dts is None or not earliest <= packet.dts <= packet.pts:
                packet.dts = packet.pts if self._decoded is None else earliest
            self._decoded = packet.dts
            self._container.mux_one(packet)

    def _refused(self, error: Any) -> FileProblemError:
        name = f"{self._choice.name} in {self._kind.title}"
        return FileProblemError(f"the film breaks off: {name}: {error.strerror or error}", "try another `--codec`")


def _close(container: Any, file: BinaryIO, own: bool) -> None:
    """Close a container, finished or not, and the file where it is our own."""
    with suppress(Exception), _interrupts_wait():  # the disk may be full
        container.close()
    if own:
        with suppress(OSError):
            file.close()


def _own(stream: BinaryIO) -> BinaryIO:
    """Open a stream once more where it is a file.

    FFmpeg writes the end of a film that is given up, too, when the caller has closed the stream: PyAV would print it.
    """
    stream.flush()
    try:
        number = os.dup(stream.fileno())
    except OSError:  # it is in memory
        return stream
    return open(number, "r+b", BUFFER)


@contextmanager
def _interrupts_wait() -> Iterator[None]:
    """Let Ctrl-C wait until FFmpeg, which would lose it, has returned; only the main thread gets it."""
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(before):
        yield
        return
    caught: list[tuple[int, Any]] = []
    signal.signal(signal.SIGINT, lambda number, frame: caught.append((number, frame)))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        if caught:
            before(*caught[0])


class _Position:
    """A position in a stream, as FFmpeg uses it.

    An exception of a method would get lost in FFmpeg, or be printed by PyAV. It is kept, and from then on nothing is
    read or written any more.

    Attributes
    ----------
    problem : BaseException or None
        The first exception of a method.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.problem: BaseException | None = None

    def _tried(self, method: Callable[..., Any], *arguments: Any, otherwise: Any) -> Any:
        if self.problem is None:
            try:
                return method(*arguments)
            except BaseException as error:
                self.problem = error
        return otherwise


class _Borrowed(_Position):
    """The stream itself, without `close`, which FFmpeg would call."""

    def write(self, content: bytes) -> int:
        """Write to the stream."""
        written: int = self._tried(self._stream.write, content, otherwise=len(content))
        return written

    def read(self, size: int) -> bytes:
        """Read from the stream."""
        content: bytes = self._tried(self._stream.read, size, otherwise=b"")
        return content

    def seek(self, offset: int, whence: int = 0) -> int:
        """Move in the stream."""
        at: int = self._tried(self._stream.seek, offset, whence, otherwise=offset)
        return at

    def tell(self) -> int:
        """Return the position."""
        at: int = self._tried(self._stream.tell, otherwise=0)
        return at


class _Reader(_Position):
    """A second position in the stream: FFmpeg reads the film while it moves it to put the index first."""

    def __init__(self, stream: BinaryIO) -> None:
        super().__init__(stream)
        self._at = 0

    def read(self, size: int) -> bytes:
        """Read from this position, and put the stream back where it was."""
        content: bytes = self._tried(self._read, size, otherwise=b"")
        return content

    def seek(self, offset: int, whence: int = 0) -> int:
        """Move this position, from the start or from where it is."""
        self._at = offset + (self._at if whence == 1 else 0)
        return self._at

    def tell(self) -> int:
        """Return this position."""
        return self._at

    def _read(self, size: int) -> bytes:
        there = self._stream.tell()
        self._stream.seek(self._at)
        content = self._stream.read(size)
        self._at += len(content)
        self._stream.seek(there)
        return content
