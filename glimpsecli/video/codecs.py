"""The encoders of films: what each holds, and its options."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from glimpsecli.errors import InvalidInputError, UnavailableError, extra


@dataclass(frozen=True)
class Encoder:
    """An encoder of FFmpeg.

    Attributes
    ----------
    title : str
        Its name in messages.
    lossy : str
        The pixel format by default; empty where it has only exact ones.
    lossy_alpha : str
        The pixel format of frames with alpha; empty where it has none.
    whole_colour : str
        The pixel format that takes odd sizes, where `lossy` does not; empty where it has none.
    exact : dict of (str, str)
        The pixel format that keeps each layout of arrays exactly.
    options, lossless_options : dict of (str, str)
        Its options, and those that make it lossless.
    crf : float or None
        Its constant rate factor by default; None where it has none.
    largest_crf : int
    any_size : bool
        Whether it takes odd sizes in pixel formats that halve the colours.
    reorders : bool
        Whether it puts frames out of their order, which AVI cannot hold.
    alpha_in : tuple of str
        The formats in which its alpha survives; empty for all.
    environment : dict of (str, str)
        Variables that it reads: some write to standard error otherwise.
    tag : str
        Its tag in MP4 and QuickTime, where FFmpeg's own is not understood everywhere.
    """

    title: str
    lossy: str = ""
    lossy_alpha: str = ""
    whole_colour: str = ""
    exact: dict[str, str] = field(default_factory=dict)
    options: dict[str, str] = field(default_factory=dict)
    lossless_options: dict[str, str] = field(default_factory=dict)
    crf: float | None = None
    largest_crf: int = 51
    any_size: bool = False
    reorders: bool = False
    alpha_in: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)
    tag: str = ""


ENCODERS = {
    "libx264": Encoder(
        "H.264", "yuv420p", whole_colour="yuv444p", crf=18, reorders=True,
        options={"rc-lookahead": "20"},  # frames: half of its own, which saves 65 MB at 1280 x 720
    ),
    "libx265": Encoder(
        "H.265", "yuv420p", whole_colour="yuv444p", crf=20, reorders=True, tag="hvc1",
        options={"x265-params": "log-level=none"},  # it would write to standard error
    ),
    "libvpx-vp9": Encoder(
        "VP9", "yuv420p", "yuva420p", crf=20, largest_crf=63, any_size=True, alpha_in=("webm", "mkv"),
        exact={"gray": "gbrp", "rgb24": "gbrp"}, lossless_options={"lossless": "1"},
        options={"b": "0", "deadline": "good", "cpu-used": "4", "row-mt": "1"},
    ),
    "libsvtav1": Encoder(
        "AV1", "yuv420p", crf=24, largest_crf=63, options={"preset": "8"}, environment={"SVT_LOG": "-1"}
    ),
    "prores_ks": Encoder("ProRes", "yuv422p10le", "yuva444p10le", "yuv444p10le"),
    "ffv1": Encoder(
        "FFV1", options={"g": "1", "slicecrc": "1"},
        exact={
            "gray": "gray", "rgb24": "bgr0", "rgba": "bgra",
            "gray16le": "gray16le", "rgb48le": "gbrp16le", "rgba64le": "gbrap16le",
        },
    ),
    "png": Encoder(
        "PNG",
        exact={
            "gray": "gray", "rgb24": "rgb24", "rgba": "rgba",
            "gray16le": "gray16be", "rgb48le": "rgb48be", "rgba64le": "rgba64be",
        },
    ),
    "rawvideo": Encoder("raw video", exact={"gray": "bgr24", "rgb24": "bgr24"}),
}  # fmt: skip

NAMES = {
    "h264": "libx264", "h265": "libx265", "hevc": "libx265", "vp9": "libvpx-vp9", "av1": "libsvtav1",
    "prores": "prores_ks", "raw": "rawvideo",
}  # fmt: skip
"""Common names of codecs, and the encoder that each stands for."""


def load_av(user: str) -> Any:
    """Import PyAV, or say that it is missing.

    Parameters
    ----------
    user : str
        The thing that needs it, for the message.

    Raises
    ------
    UnavailableError
        It is not installed.
    """
    try:
        import av
    except ImportError as error:
        raise UnavailableError(f"{user} needs PyAV, which is not installed ({error})", extra("video")) from error
    return av


def encoders_found() -> dict[str, str]:
    """Return the encoders of films that this installation has: name and title of each."""
    av = load_av("a list of encoders")
    return {name: encoder.title for name, encoder in ENCODERS.items() if _has(av, name)}


def find_encoder(name: str) -> tuple[str, Encoder, Any]:
    """Find an encoder.

    Parameters
    ----------
    name : str
        FFmpeg's, or one of `NAMES`.

    Returns
    -------
    name : str
        FFmpeg's.
    encoder : Encoder
    codec : av.codec.Codec

    Raises
    ------
    InvalidInputError
        There is no encoder of that name, or it is none of pictures.
    UnavailableError
        The FFmpeg of this installation lacks it.
    """
    av = load_av("a film")
    name = NAMES.get(name.lower(), name)
    there = f"use {', '.join(encoders_found())}"
    if not _has(av, name):
        if name in ENCODERS:
            raise UnavailableError(f"the FFmpeg of PyAV {av.__version__} has no encoder {name}", there)
        raise InvalidInputError(f"there is no encoder {name!r}", there)
    codec = av.codec.Codec(name, "w")
    if codec.type != "video":
        raise InvalidInputError(f"{name} is an encoder of {codec.type}, not of pictures", there)
    formats = [one.name for one in codec.video_formats or ()]
    first = "yuv420p" if "yuv420p" in formats else formats[0] if formats else "rgb24"
    return name, ENCODERS.get(name) or Encoder(name, first), codec


def _has(av: Any, name: str) -> bool:
    try:
        av.codec.Codec(name, "w")
    except ValueError:
        return False
    return True
