"""Anything that shows frames to a clip: a video, an animation, an image, a folder of frames, standard input."""

from __future__ import annotations

import glob
import os
import shutil
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from fractions import Fraction
from typing import BinaryIO

from glimpsecli.errors import FileProblemError, InvalidInputError
from glimpsecli.images.animated import Animation, is_animated
from glimpsecli.images.ordering import natural_key
from glimpsecli.images.reading import explained, image_kind, read, upright_size
from glimpsecli.images.sources import opened
from glimpsecli.images.streams import is_stream, standard_input
from glimpsecli.images.suffixes import IN_FOLDERS
from glimpsecli.images.video_kinds import HEAD, video_kind
from glimpsecli.names import MAX_PIXELS
from glimpsecli.storage import is_address, shown
from glimpsecli.video.clip import Clip
from glimpsecli.video.codecs import load_av
from glimpsecli.video.stills import RATE, AnimationClip, ImagesClip

_SUFFIXES = tuple(f".{suffix}" for suffix in IN_FOLDERS)


def open_clip(
    source: str, *, rate: Fraction | None = None, max_pixels: int = MAX_PIXELS, name: str | None = None
) -> Clip:
    """Open frames for reading; the content decides the kind of a file, never its name.

    Parameters
    ----------
    source : str
        A path or an address. A video; an animated GIF, WebP, APNG or AVIF; an image, which is a clip of one frame; a
        folder of images, or a pattern that fits them, in natural order; ``-`` for standard input, copied to a temporary
        file first.
    rate : Fraction, optional
        Frames per second of images, 25 by default; videos and animations have times of their own.
    max_pixels : int
        Larger frames are refused before they are decoded.
    name : str, optional
        The name of the source in messages.

    Returns
    -------
    Clip

    Raises
    ------
    InvalidInputError
        The source does not exist, or the folder or the pattern holds no image.
    FileProblemError
        The source shows no frames, or it cannot be decoded without loss.
    UnavailableError
        It is a video, and the package that reads them is not installed.
    """
    rate = rate or RATE
    label = name or ("standard input" if source == "-" else shown(source))
    if source != "-" and not is_address(source):
        if os.path.isdir(source):
            inside = glob.glob(os.path.join(glob.escape(source), "*"))
            paths = [path for path in inside if path.lower().endswith(_SUFFIXES)]
            return _open_images(paths, label, rate, max_pixels, f"it was searched for {', '.join(_SUFFIXES)}")
        if glob.has_magic(source) and not os.path.lexists(source):
            return _open_images(glob.glob(source, recursive=True), label, rate, max_pixels, "check the pattern")
    with ExitStack() as files:
        stream = _spooled(files) if source == "-" else files.enter_context(opened(source, name))[0]
        head = stream.read(HEAD)
        image = image_kind(head)
        video = video_kind(head) if image is None else None
        if video is not None:
            load_av(label)
            from glimpsecli.video.streams import StreamClip

            path = None if source == "-" or is_stream(source) or is_address(source) else source
            clip = StreamClip(stream, video, label, max_pixels, path=path)
            clip.files = files.pop_all()
            return clip
        if image is None:
            what = "is neither a video nor an image that glimpse reads" if head else "is empty"
            raise FileProblemError(f"{label} {what}", "give MP4, Matroska, WebM, AVI, MPEG or an image")
        with explained(label, image):
            animated = is_animated(stream, image, label, max_pixels)
        if animated:
            stream.seek(0)
            upright_size(stream, max_pixels=max_pixels, name=label)  # for what it refuses
            return AnimationClip(Animation(stream, image, label, max_pixels), files.pop_all(), label)
        stream.seek(0)
        return ImagesClip([source], label, rate, max_pixels, read(stream, max_pixels=max_pixels, name=label))


def is_video(path: str) -> bool:
    """Return whether a regular file is a video by its first bytes; animations of images are none."""
    if is_stream(path):
        return False  # it could not be read again
    try:
        with open(path, "rb") as stream:
            head = stream.read(HEAD)
    except (OSError, ValueError):
        return False
    return image_kind(head) is None and video_kind(head) is not None


def _open_images(paths: Sequence[str], label: str, rate: Fraction, max_pixels: int, hint: str) -> Clip:
    found = sorted((path for path in paths if os.path.isfile(path)), key=natural_key)
    if not found:
        raise InvalidInputError(f"{label} holds no image", hint)
    return ImagesClip(found, label, rate, max_pixels, read(found[0], max_pixels=max_pixels))


def _spooled(stack: ExitStack) -> BinaryIO:
    """Copy standard input to a temporary file without a name: an MP4 is read from its end."""
    try:
        stream = stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 - the stack closes it
        shutil.copyfileobj(standard_input(), stream, 1 << 20)
        stream.seek(0)
    except OSError as error:
        reason = error.strerror or str(error)
        raise FileProblemError(
            f"standard input could not be copied to {tempfile.gettempdir()}: {reason}", "set TMPDIR to another folder"
        ) from error
    return stream
