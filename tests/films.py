"""Small videos for tests: the number of each frame is spelled into its pixels, and lossy codecs do not blur it away."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np

HEIGHT, WIDTH = 48, 64
_BITS = 8


def numbered(number, height=HEIGHT, width=WIDTH, channels=3):
    """Draw a frame: its number as white and black blocks over a gradient that moves."""
    across = np.arange(width)[None, :, None] + 3 * number
    frame = np.broadcast_to(40 + (across * 3) % 120, (height, width, channels)).astype(np.uint8)
    for bit in range(_BITS):
        left, right = bit * width // _BITS, (bit + 1) * width // _BITS
        frame[: height // 2, left:right] = 235 if number >> bit & 1 else 20
    return frame


def number_in(pixels):
    """Read the number of a frame from its pixels."""
    height, width = pixels.shape[:2]
    middles = [(2 * bit + 1) * width // (2 * _BITS) for bit in range(_BITS)]
    light = pixels[height // 4, middles, 0] / np.iinfo(pixels.dtype).max > 0.5
    return sum(1 << bit for bit in range(_BITS) if light[bit])


def make(
    path, frames, codec="libx264", *, pix_fmt="yuv420p", layout=None, times=None, rate=25, container=None, tagged=(),
    sar=None, sound=False, **options
):  # fmt: skip
    """Encode a video.

    Parameters
    ----------
    path : Path
    frames : sequence of arrays, or of `av.VideoFrame`
    codec, pix_fmt, layout : str
        The encoder, its pixel format, and FFmpeg's name of the layout of the arrays.
    times : sequence of int, optional
        In units of 1/1000 s.
    rate : int or Fraction
    container : str, optional
        FFmpeg's name of the format.
    tagged : mapping
        Attributes of the encoder, such as its colours.
    sar : Fraction, optional
        The ratio of the sides of a pixel.
    sound : bool
        Whether to add a stream of it.
    **options
        Of the encoder.
    """
    with av.open(str(path), "w", format=container) as output:
        stream = output.add_stream(codec, rate=rate, options={key: str(value) for key, value in options.items()})
        first = frames[0]
        stream.height, stream.width = (first.height, first.width) if hasattr(first, "height") else first.shape[:2]
        stream.pix_fmt = pix_fmt
        context = stream.codec_context
        if times is not None:
            context.time_base = stream.time_base = Fraction(1, 1000)
        if sar is not None:
            context.sample_aspect_ratio = sar
        for name, value in dict(tagged).items():
            setattr(context, name, value)
        voice = output.add_stream("pcm_s16le", rate=8000) if sound else None
        for index, array in enumerate(frames):
            frame = array
            if isinstance(array, np.ndarray):
                kinds = {1: "gray", 3: "rgb24", 4: "rgba"}
                frame = av.VideoFrame.from_ndarray(
                    array[..., 0] if array.shape[2] == 1 else array, layout or kinds[array.shape[2]]
                )
            for name, value in dict(tagged).items():
                if hasattr(frame, name):  # older versions of PyAV tag only the stream
                    setattr(frame, name, value)
            frame.pts = index if times is None else times[index]
            if times is not None:
                frame.time_base = Fraction(1, 1000)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
        if voice is not None:
            samples = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.int16), format="s16", layout="mono")
            samples.sample_rate, samples.pts = 8000, 0
            output.mux(voice.encode(samples))
            output.mux(voice.encode(None))
    return path


def remuxed(source, path, shift=0, container=None, **options):
    """Copy the packets of a video into another file, with their times moved by units of the stream's time base."""
    target = str(path) if isinstance(path, Path) else path
    with av.open(str(source)) as given, av.open(target, "w", format=container, options=options) as output:
        stream = output.add_stream_from_template(given.streams.video[0])
        for packet in given.demux(given.streams.video[0]):
            if packet.size == 0:
                continue
            packet.pts, packet.dts, packet.stream = packet.pts + shift, packet.dts + shift, stream
            output.mux(packet)
    return path
