"""The choice of the encoder and the pixel format that suit the frames of a film."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any, NamedTuple

from glimpsecli.errors import InvalidInputError
from glimpsecli.video.codecs import Encoder, find_encoder, load_av

if TYPE_CHECKING:
    from glimpsecli.video.film import FilmOptions
    from glimpsecli.video.formats import FilmFormat

LIMITED, FULL = 1, 2
"""FFmpeg's numbers of colour ranges."""

BT709 = 1
"""FFmpeg's number of BT.709 as a matrix, as primaries and as a transfer."""

LAYOUTS = {
    ("uint8", 1): "gray",
    ("uint8", 3): "rgb24",
    ("uint8", 4): "rgba",
    ("uint16", 1): "gray16le",
    ("uint16", 3): "rgb48le",
    ("uint16", 4): "rgba64le",
}
"""FFmpeg's names of the layouts of arrays, by type and channels."""

_WITH_ALPHA = "use .webm, .webp, .png, .mov, or .mkv with `--lossless`; or lay it over a colour with `--fill`"


class Choice(NamedTuple):
    """An encoder as it is used for a film.

    Attributes
    ----------
    name : str
        FFmpeg's name of the encoder.
    encoder : Encoder
    pix_fmt : str
    options : dict of (str, str)
    """

    name: str
    encoder: Encoder
    pix_fmt: str
    options: dict[str, str]

    @property
    def is_yuv(self) -> bool:
        """Whether colours are stored as luma and chroma."""
        return not _format(self.pix_fmt).is_rgb and not self.is_grey

    @property
    def is_grey(self) -> bool:
        """Whether no colours are stored."""
        return _is_grey(self.pix_fmt)

    @property
    def is_deep(self) -> bool:
        """Whether it stores more than 8 bits."""
        return _bits(self.pix_fmt) > 8

    @property
    def range(self) -> int:
        """FFmpeg's number of the range of the values."""
        return LIMITED if self.is_yuv and not self.pix_fmt.startswith("yuvj") else FULL

    def check_size(self, height: int, width: int) -> None:
        """Refuse odd sizes where the pixel format halves the colours and the encoder halves no odd ones."""
        chosen = _format(self.pix_fmt)
        across, down = chosen.chroma_width(16) < 16, chosen.chroma_height(16) < 16
        if self.encoder.any_size or not ((across and width % 2) or (down and height % 2)):
            return
        other = self.encoder.whole_colour
        even = f"{width + width % 2 * across}x{height + height % 2 * down}"
        raise InvalidInputError(
            f"{self.encoder.title} in {self.pix_fmt} takes even sides, and these frames are {width} x {height}",
            f"use `--size {even}`" + (f", or `--pix-fmt {other}`, which plays in fewer places" if other else ""),
        )

    def conversion(self) -> dict[str, Any]:
        """Give the arguments of PyAV's `reformat`, which turns arrays into the pixel format."""
        from av.video.reformatter import Interpolation

        given: dict[str, Any] = {"format": self.pix_fmt}
        if self.is_yuv:
            how = Interpolation.BICUBIC
            for flag in ("ACCURATE_RND", "FULL_CHR_H_INP"):
                how |= getattr(Interpolation, flag, how)  # PyAV has them since 18
            given |= {"interpolation": how, "dst_colorspace": BT709}
            given |= {"src_color_range": FULL, "dst_color_range": self.range}
        return given


def choose(kind: FilmFormat, options: FilmOptions, *, dtype: str, channels: int, alpha: bool) -> Choice:
    """Choose the encoder and its pixel format.

    Parameters
    ----------
    kind : FilmFormat
    options : FilmOptions
    dtype : str
        Of the frames: ``"uint8"`` or ``"uint16"``; others are refused.
    channels : int
        Alpha included.
    alpha : bool
        Whether the last channel is alpha.

    Raises
    ------
    InvalidInputError
        The format or the encoder cannot hold the frames, or an option is out of range.
    UnavailableError
        The FFmpeg of this installation lacks the encoder.
    """
    colours = channels - alpha
    if colours not in (1, 3):
        raise InvalidInputError(f"{kind.title} cannot hold {channels} channels", "frames are grey or RGB")
    if dtype not in ("uint8", "uint16"):
        raise InvalidInputError(f"{kind.title} cannot hold {dtype}", "use `--depth 8`, or .npz")
    name, encoder, codec, given = usable(kind, options, alpha=alpha)
    layout = LAYOUTS[dtype, 4 if alpha else colours]
    if options.pix_fmt is not None:
        able = [one.name for one in codec.video_formats or ()] or list(encoder.exact.values())
        _check_pix_fmt(options.pix_fmt, encoder, able, colours)
    if options.lossless:
        pix_fmt = _exact(kind, encoder, layout, options.pix_fmt)
    else:
        by_default = encoder.lossy_alpha if alpha else encoder.lossy
        pix_fmt = options.pix_fmt or by_default or encoder.exact.get(layout, "")
        _check_kept(encoder, pix_fmt, alpha=alpha, deep=dtype == "uint16")
    return Choice(name, encoder, pix_fmt, given)


def usable(kind: FilmFormat, options: FilmOptions, *, alpha: bool = False) -> tuple[str, Encoder, Any, dict[str, str]]:
    """Choose the encoder, whatever the frames are.

    Returns
    -------
    name : str
        FFmpeg's name of it.
    encoder : Encoder
    codec : av.codec.Codec
    options : dict of (str, str)
        The options that it gets.

    Raises
    ------
    InvalidInputError, UnavailableError
        As for :func:`choose`.
    """
    wanted = options.codec or (kind.lossless if options.lossless else (alpha and kind.alpha) or kind.codec)
    if wanted is None:
        raise InvalidInputError(f"no film in {kind.title} is lossless", "use .mkv")
    name, encoder, codec = find_encoder(wanted)
    _check_held(kind, encoder, codec)
    if alpha and encoder.alpha_in and kind.name not in encoder.alpha_in:
        raise InvalidInputError(f"{encoder.title} in {kind.title} cannot hold alpha", _WITH_ALPHA)
    return name, encoder, codec, _options(kind, encoder, options)


def _check_held(kind: FilmFormat, encoder: Encoder, codec: Any) -> None:
    with load_av("a film").open(io.BytesIO(), "w", format=kind.muxer) as container:
        if codec.canonical_name not in container.supported_codecs:
            raise InvalidInputError(f"{kind.title} cannot hold {encoder.title}", "choose another `--codec`, or .mkv")


def _options(kind: FilmFormat, encoder: Encoder, options: FilmOptions) -> dict[str, str]:
    given = dict(encoder.options)
    crf = options.crf
    if crf is not None and options.lossless:
        raise InvalidInputError(f"`--crf {crf:g}` with `--lossless`", "give one of them")
    if crf is not None and encoder.crf is None:
        raise InvalidInputError(f"{encoder.title} has no `--crf`, and {crf:g} was given", "leave it out")
    if crf is not None and not 0 <= crf <= encoder.largest_crf:
        raise InvalidInputError(f"crf {crf:g} is out of range", f"use 0 to {encoder.largest_crf} for {encoder.title}")
    if options.lossless:
        given |= encoder.lossless_options
    elif encoder.crf is not None:
        given["crf"] = f"{encoder.crf if crf is None else crf:g}"
    if kind.name == "avi" and encoder.reorders:
        given["bf"] = "0"
    return given


def _exact(kind: FilmFormat, encoder: Encoder, layout: str, asked: str | None) -> str:
    """Give the pixel format that keeps a layout of arrays exactly."""
    exact = encoder.exact.get(layout)
    if exact is None:
        raise InvalidInputError(f"{encoder.title} in {kind.title} cannot hold {layout} without loss", "use .mkv")
    if asked not in (None, exact):
        raise InvalidInputError(f"`--pix-fmt {asked}` with `--lossless`, which takes {exact}", "give one of them")
    return exact


def _check_pix_fmt(name: str, encoder: Encoder, able: list[str], colours: int) -> None:
    av = load_av("a film")
    try:
        av.VideoFormat(name)
    except ValueError as error:
        raise InvalidInputError(f"there is no pixel format {name!r}", f"use {', '.join(able) or 'rgb24'}") from error
    if able and name not in able:
        raise InvalidInputError(f"{encoder.title} has no pixel format {name}", f"use {', '.join(dict.fromkeys(able))}")
    if _format(name).has_palette or _bits(name) < 8:
        raise InvalidInputError(f"{name} has fewer colours than the frames", "use another pixel format")
    if colours > 1 and _is_grey(name):
        raise InvalidInputError(f"{name} is grey, and the frames have colours", "use another pixel format")


def _check_kept(encoder: Encoder, pix_fmt: str, *, alpha: bool, deep: bool) -> None:
    """Refuse a pixel format that would lose alpha or depth without a word."""
    if alpha and (not pix_fmt or not any(part.is_alpha for part in _format(pix_fmt).components)):
        raise InvalidInputError(f"{encoder.title}{pix_fmt and f' in {pix_fmt}'} cannot hold alpha", _WITH_ALPHA)
    if not pix_fmt:
        raise InvalidInputError(f"{encoder.title} cannot hold these frames", "use `--depth 8`, or .mkv `--lossless`")
    if deep and _bits(pix_fmt) <= 8:
        raise InvalidInputError(
            f"{encoder.title} in {pix_fmt} cannot hold 16 bit",
            "use `--depth 8`, `--lossless` into .mkv, or `--pix-fmt yuv420p10le` for 10 of them",
        )


def _format(name: str) -> Any:
    return load_av("a film").VideoFormat(name, 16, 16)


def _is_grey(name: str) -> bool:
    return sum(not part.is_alpha for part in _format(name).components) == 1


def _bits(name: str) -> int:
    """Give the bits of a channel."""
    return max(int(part.bits) for part in _format(name).components)
