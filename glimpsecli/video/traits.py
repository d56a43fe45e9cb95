"""The properties of a video that its first frame shows: which way is up, its colours, its depth."""

from __future__ import annotations

import struct
from fractions import Fraction
from typing import TYPE_CHECKING, Any, NamedTuple

from glimpsecli.errors import FileProblemError
from glimpsecli.images import orientation as turning

if TYPE_CHECKING:
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

    from glimpsecli.window import Size

_HDR = {16: "PQ", 18: "HLG"}  # transfer characteristics, as numbers of ITU-T H.273
_WIDE = 9  # colour primaries of BT.2020
_UNREAD_MATRICES = {14: "ICtCp", 15: "IPT"}

# EXIF orientation of the signs of a display matrix's a, b, c, d, where x' = ax + cy and y' = bx + dy.
_ORIENTATIONS = {
    (1, 0, 0, 1): 1,
    (-1, 0, 0, 1): 2,
    (-1, 0, 0, -1): 3,
    (1, 0, 0, -1): 4,
    (0, 1, 1, 0): 5,
    (0, 1, -1, 0): 6,
    (0, -1, -1, 0): 7,
    (0, -1, 1, 0): 8,
}
_ONE = 1 << 16  # of the fixed-point numbers of a display matrix


class Traits(NamedTuple):
    """The properties of a video.

    Attributes
    ----------
    stored : (int, int)
        Height and width of the frames as they are stored.
    orientation : int
        As in EXIF, 1 to 8.
    layout : str
        FFmpeg's name of the pixel format to convert frames to.
    alpha : bool
        Whether it has alpha.
    notes : tuple of str
        Facts that the user should know.
    """

    stored: Size
    orientation: int
    layout: str
    alpha: bool
    notes: tuple[str, ...]

    @property
    def size(self) -> Size:
        """Height and width, upright."""
        return turning.upright_shape(*self.stored, self.orientation)


def traits_of(frame: VideoFrame, stream: VideoStream, label: str, *, alpha: bool) -> Traits:
    """Find the properties of a video.

    Parameters
    ----------
    frame : VideoFrame
        The first one.
    stream : VideoStream
    label : str
        The name of the video in messages.
    alpha : bool
        Whether the file says that it has alpha.

    Raises
    ------
    FileProblemError
        The colours would be misread.
    """
    context = stream.codec_context  # it knows the colours since the first frame was decoded
    transfer = _HDR.get(context.color_trc)
    if transfer is not None:
        raise FileProblemError(
            f"{label} is HDR video ({transfer}), which would be misread as sRGB",
            "tone-map it to SDR first",
        )
    matrix = _UNREAD_MATRICES.get(frame.colorspace)
    if matrix is not None:
        raise FileProblemError(
            f"{label} has {matrix} colours, which would be misread",
            "convert it to SDR first",
        )
    orientation, notes = _turn(frame)
    ratio = stream.sample_aspect_ratio or Fraction(1)
    if ratio > 0 and ratio != 1:
        shown = f"{round(frame.width * ratio)} x {frame.height}"
        notes.append(
            f"its pixels are not square ({ratio.numerator}:{ratio.denominator}): frames of {frame.width} x "
            f"{frame.height} pixels are shown as {shown} by players, and are left as they are stored"
        )
    if frame.interlaced_frame:
        notes.append("it is interlaced: each frame holds two moments, line by line")
    if context.color_primaries == _WIDE:
        notes.append("its colours are those of BT.2020, and are not converted to sRGB")
    components = frame.format.components
    deep = any(component.bits > 8 for component in components)
    alpha = alpha or any(component.is_alpha for component in components) or frame.format.name == "pal8"
    grey = not alpha and frame.format.name.startswith(("gray", "mono"))
    layouts = ("gray16le", "rgba64le", "rgb48le") if deep else ("gray", "rgba", "rgb24")
    layout = layouts[0] if grey else layouts[1] if alpha else layouts[2]
    return Traits((frame.height, frame.width), orientation, layout, alpha, tuple(notes))


def _turn(frame: Any) -> tuple[int, list[str]]:
    """Find the EXIF orientation that a frame's display matrix means, and a note where it means none."""
    matrix = frame.side_data.get("DISPLAYMATRIX")
    if matrix is None:
        return 1, []
    a, b, _, c, d = struct.unpack_from("=5i", bytes(matrix))
    turn = _ORIENTATIONS.get((round(a / _ONE), round(b / _ONE), round(c / _ONE), round(d / _ONE)))
    exact = all(abs(part) < _ONE // 100 or abs(abs(part) - _ONE) < _ONE // 100 for part in (a, b, c, d))
    if turn is None or not exact:
        return 1, ["players turn or stretch it by a matrix that is no quarter turn: frames are left as they are stored"]
    return turn, []
