"""A video file that is being decoded: frames one after another, from its start or from where a seek has led."""

from __future__ import annotations

from array import array
from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING, Any, BinaryIO

import av
from av import CodecContext, Packet, VideoStream
from av.error import FFmpegError
from av.stream import Disposition

from glimpsecli.errors import FileProblemError, InvalidInputError, UnavailableError
from glimpsecli.images.picture import check_size
from glimpsecli.video.damage import Decoded, Failure, Marked, judged
from glimpsecli.video.indexing import FAILURES, Index, reason_of

if TYPE_CHECKING:
    from av.container import InputContainer

_FORMATS = {
    "MP4": "mov",
    "Matroska": "matroska",
    "FLV": "flv",
    "Ogg": "ogg",
    "ASF": "asf",
    "Y4M": "yuv4mpegpipe",
    "MPEG program stream": "mpeg",
    "MPEG transport stream": "mpegts",
    "IVF": "ivf",
    "MXF": "mxf",
    "NUT": "nut",
    "AVI": "avi",
}
_WITH_ALPHA = {"vp8": "libvpx", "vp9": "libvpx-vp9"}  # decoders that read alpha, which FFmpeg's own drop
_PADDING = 1 << 20  # pixels that decoders may add to a frame
_BUFFER = 1 << 18  # bytes read at a time


class Decoding:
    """A video file that is being decoded.

    Parameters
    ----------
    file : BinaryIO
        Seekable.
    kind : str
        As `images.video_kinds.video_kind` tells it.
    label : str
        The name of the file in messages.
    max_pixels : int
        Larger frames are refused before they are decoded.

    Attributes
    ----------
    container, stream
        PyAV's, after `open`.
    index : Index
        Tells the marks of frames, and which depend on which; empty until it is known.
    threaded : bool
        Whether several frames are decoded at once. It is quicker, and loses good frames beside a damaged one.
    alpha : bool
        Whether the file says that it has alpha beside its frames.
    ahead : generator of Decoded
        The frames from here on.
    at : int or None
        The mark of the last frame that was given.
    faults : int
        Packets that could not be decoded.
    lost : bool
        Whether frames were lost because several were decoded at once.
    ended : str or None
        The reason why the file could not be read any further.
    """

    container: InputContainer
    stream: VideoStream
    alpha: bool

    def __init__(self, file: BinaryIO, kind: str, label: str, max_pixels: int) -> None:
        self._file, self._kind, self._label, self._max_pixels = file, kind, label, max_pixels
        self._decoder: Any = None
        self._open = False
        self.index = Index(array("q"), array("q"))
        self.threaded = True
        self._begin()

    def open(self) -> None:
        """Open the file, anew if it is open, and start to decode it.

        Raises
        ------
        FileProblemError
            It cannot be read, or holds no video.
        UnavailableError
            FFmpeg has no decoder for it.
        """
        self.close()
        try:
            self._file.seek(0)
            self.container = av.open(self._file, "r", format=_FORMATS[self._kind], buffer_size=_BUFFER)
        except FAILURES as error:
            raise FileProblemError(
                f"{self._label} could not be read as {self._kind}: {reason_of(error)}",
                "it may be truncated or damaged: get a whole copy",
            ) from error
        self._open = True
        stream = self.container.streams.best("video")
        if not isinstance(stream, VideoStream) or stream.disposition & Disposition.attached_pic:
            raise FileProblemError(f"{self._label} holds no video{self._others(stream)}", "give a video")
        self._decoder = stream.codec_context
        if self._decoder is None:
            raise UnavailableError(f"{self._label} holds video that FFmpeg cannot decode here", "convert it first")
        self.stream = stream
        check_size(self._label, max(1, stream.width), max(1, stream.height), self._max_pixels)
        tagged = {key.lower(): value for key, value in stream.metadata.items()}
        self.alpha = tagged.get("alpha_mode") == "1" and self._decoder.name in _WITH_ALPHA
        if self.alpha:
            self._decoder = CodecContext.create(_WITH_ALPHA[self._decoder.name], "r")
        most = min(2 * self._max_pixels + _PADDING, 2**31 - 1)
        self._decoder.options = {"max_pixels": str(most)}  # a later frame may be larger than the file says
        self._decoder.thread_type = "AUTO" if self.threaded else "SLICE"
        self._begin()

    def close(self) -> None:
        """Close what `open` opened; the file stays open."""
        if self._open:
            self._open = False
            self.ahead.close()
            self.container.close()

    def seek(self, mark: int) -> bool:
        """Start to decode near a time before a mark, and return whether the file can be sought there."""
        if not self._open:
            raise InvalidInputError(f"{self._label} is closed", "read its frames first")
        try:
            self.container.seek(mark, stream=self.stream)
        except FAILURES:  # some formats cannot be sought to a time before zero
            return False
        self._decoder.flush_buffers()
        self._begin()
        return True

    def _begin(self) -> None:
        self.at: int | None = None
        self.faults = 0
        self.lost = False
        self.ended: str | None = None
        self.ahead = self._frames()

    def _frames(self) -> Generator[Decoded]:
        for one in judged(self._events(), self.index):
            self.at = one.mark
            yield one

    def _events(self) -> Iterator[Marked | Failure]:
        """Give the frames, and the packets that could not be decoded."""
        if not self._open:
            return
        packets: Iterator[Packet[Any] | None] = self.container.demux(self.stream)
        counted, number = self.index.counted, 0
        while True:
            try:
                packet = next(packets, None)  # the last one is empty, and makes the decoder give what it still holds
            except FAILURES as error:
                self.ended = reason_of(error)
                packets, packet = iter(()), None
            try:
                for frame in self._decoder.decode(packet):
                    mark = number if counted else frame.pts
                    number += 1
                    if mark is not None:
                        yield Marked(mark, frame)
            except EOFError:  # it held nothing more
                pass
            except FFmpegError as error:
                self.lost = self.threaded
                if self.lost:
                    return
                self.faults += 1
                yield Failure(packet.pts if packet is not None and not counted else None, reason_of(error))
            if packet is None:
                return

    def _others(self, chosen: object) -> str:
        """Name what a file without video holds."""
        names = {"audio": "sound", "video": "pictures"}
        kinds = {names.get(one.type, one.type) for one in self.container.streams if one is not chosen}
        return f": only {', '.join(sorted(kinds))}" if kinds else ""
