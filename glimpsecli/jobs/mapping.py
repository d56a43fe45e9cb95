"""The maps of each image: found, read and measured before any picture is drawn."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from glimpsecli import images
from glimpsecli.annotations.names import Index
from glimpsecli.annotations.text import read_text
from glimpsecli.errors import GlimpseError, InvalidInputError
from glimpsecli.images.streams import is_stream
from glimpsecli.maps import Arranged, Limits, Preprocess, Range, arrange, check_finite, read_array
from glimpsecli.maps.reading import SUFFIXES
from glimpsecli.maps.tokens import Seen

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from glimpsecli.jobs.clips import Clips
    from glimpsecli.jobs.groups import Key, Source
    from glimpsecli.jobs.plan import How
    from glimpsecli.window import Size

KEPT = 1 << 28
"""Bytes of map files that are kept in memory; further files are read twice."""


class Reading(NamedTuple):
    """The options of reading map files, with the names of `arrange`, and the preprocessing of the images."""

    key: str | None = None
    layout: str | None = None
    prefix_tokens: int | None = None
    grid: Size | None = None
    query: int | str | None = None
    head: int | str | None = None
    layer: int | str | None = None
    preprocess: Preprocess = Preprocess()
    skip_nan: bool = False
    range: Range = Range("shared")


class Share(NamedTuple):
    """The maps of a file that belong to an image: all of them, or one."""

    path: str
    number: int | None = None


class Map(NamedTuple):
    """A map of an image: a grid of numbers, its label, its file, and the arrangement of the file."""

    values: NDArray[Any]
    label: str
    path: str
    arranged: Arranged


class Atlas:
    """The maps of a run.

    Parameters
    ----------
    sources : sequence of Source
    files : sequence of str
        Map files, one for each image or one for all; or a folder, whose files are matched with the images by their
        paths without suffix.
    reading : Reading
    how : How
        How the images are read: which frame, and how large they may be.
    clips : Clips, optional
        The videos of the sources that are frames.

    Attributes
    ----------
    labels : list of tuple of str
        For each source the labels of its maps.
    notes : list of str
        How the files were read, a line for each way.
    failures : dict of str to GlimpseError
        The error of each source whose map cannot be read: a bad map in a folder fails alone.

    Raises
    ------
    GlimpseError
        A file cannot be read or does not fit its layout, there are more maps than images, an image or a map has no
        partner, or a map holds NaN. A bad file in a folder fails when its image is worked on.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        files: Sequence[str],
        reading: Reading,
        how: How,
        clips: Clips | None = None,
    ) -> None:
        self.reading = reading
        self.limits = Limits(reading.range)
        self._how, self._clips = how, clips
        folder = any(os.path.isdir(path) for path in files)
        self._arrays: dict[str, NDArray[Any]] = {}
        self._left = KEPT
        self._shares = dict(zip([source.key for source in sources], self._matched(sources, files), strict=True))
        self.labels: list[tuple[str, ...]] = []
        self.failures: dict[Key, GlimpseError] = {}
        ways: dict[str, list[str]] = {}
        for source in sources:
            try:
                maps = self.maps_of(source.key, self._size_of(source))
            except GlimpseError as error:
                if len(sources) == 1 or not folder:
                    raise
                self.failures[source.key] = error  # a bad map in a folder fails alone
                self.labels.append(("",))
                continue
            self.labels.append(tuple(one.label for one in maps))
            for one in maps:
                self.limits.feed(one.values)
                paths = ways.setdefault(one.arranged.reading, [])
                if one.path not in paths:
                    paths.append(one.path)
        self.notes = [
            f"{paths[0]}{f' and {len(paths) - 1} more' if len(paths) > 1 else ''}: {note}"
            for note, paths in ways.items()
        ]

    @property
    def files(self) -> list[str]:
        """All map files, once each."""
        return list(dict.fromkeys(share.path for shares in self._shares.values() for share in shares))

    def maps_of(self, key: tuple[str, int | None], image_size: Size | None) -> list[Map]:
        """Give the maps of an image, by the key of its item; its (height, width) is None where it is not known."""
        shares, found = self._shares[key], []
        for path, only in shares:
            arranged = self._arranged(path, image_size)
            stem = os.path.splitext(os.path.basename(path))[0]
            for number, values in enumerate(arranged.maps):
                if only in (None, number):
                    label = arranged.labels[number] if only is None else ""
                    label = " ".join(part for part in (stem if len(shares) > 1 else "", label) if part)
                    checked = check_finite(values, path, self.reading.skip_nan)
                    found.append(Map(checked, label, path, arranged))
        return found

    def _arranged(self, path: str, image_size: Size | None) -> Arranged:
        reading, seen = self.reading, None
        if image_size is not None:
            steps, patch = reading.preprocess
            seen = Seen(reading.preprocess.input_size(image_size), bool(steps or patch), patch)
        return arrange(
            self._array(path),
            path,
            layout=reading.layout,
            prefix_tokens=reading.prefix_tokens,
            grid=reading.grid,
            query=reading.query,
            head=reading.head,
            layer=reading.layer,
            seen=seen,
        )

    def _array(self, path: str) -> NDArray[Any]:
        if path in self._arrays:
            return self._arrays[path]
        array = read_array(path, self.reading.key)
        if array.nbytes <= self._left or is_stream(path):  # a stream can be read once
            self._left -= array.nbytes
            self._arrays[path] = array
        return array

    def _size_of(self, source: Source) -> Size | None:
        path = source.path
        if source.at is not None and self._clips is not None:
            return self._clips.of(path).size
        if path == "-" or is_stream(path):  # it is read later; any size will do where a step sets one
            sizes = {self.reading.preprocess.input_size(size) for size in ((1000, 1000), (500, 3000))}
            return (1000, 1000) if self.reading.preprocess.steps and len(sizes) == 1 else None
        try:
            return images.upright_size(path, frame=self._how.frame, max_pixels=self._how.max_pixels)
        except GlimpseError:
            return None  # its failure is reported when the image is read

    def _matched(self, sources: Sequence[Source], files: Sequence[str]) -> list[tuple[Share, ...]]:
        folders = [path for path in files if os.path.isdir(path)]
        if folders:
            if len(files) > 1:
                raise InvalidInputError(
                    f"{folders[0]} is a folder, among {len(files)} maps", "give one folder, or files"
                )
            return _by_stem(sources, folders[0])
        if len(sources) == 1:
            return [tuple(Share(path) for path in files)]
        if len(files) == len(sources):
            return [(Share(path),) for path in files]
        if len(files) > 1:
            more = "more" if len(files) > len(sources) else "fewer"
            raise InvalidInputError(
                f"{len(files)} maps for {len(sources)} images: there are {more} maps than images",
                "give one for each image, one for all, or a folder of each",
            )
        arranged = self._arranged(files[0], self._size_of(sources[0]))
        if len(arranged.maps) == 1:
            return [(Share(files[0]),)] * len(sources)
        if arranged.layout in ("thw", "tn") and len(arranged.maps) == len(sources):
            return [(Share(files[0], index),) for index in range(len(sources))]
        raise InvalidInputError(
            f"{files[0]} holds {len(arranged.maps)} maps ({arranged.layout}) for {len(sources)} images",
            "give a map for each image, one for all, or one image at a time",
        )


def _by_stem(sources: Sequence[Source], folder: str) -> list[tuple[Share, ...]]:
    """Match images with maps by their paths below their folders, without suffixes."""
    paths, stems = [], []
    for root, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            stem, suffix = os.path.splitext(os.path.relpath(os.path.join(root, name), folder))
            if suffix.lower() in SUFFIXES and not name.startswith("."):
                paths.append(os.path.join(root, name))
                stems.append(stem)
    if not paths:
        raise InvalidInputError(f"{folder} holds no map", f"it was searched for {', '.join(sorted(SUFFIXES))}")
    index, partners = Index(stems), []
    for source in sources:
        _, found = index.best(source.relative, same_folders=True)
        if len(found) > 1:
            both = " and ".join(paths[n] for n in found)
            raise InvalidInputError(f"{both} are both maps for {source.path}", "remove one")
        partners.append(found)
    lonely = [source.path for source, found in zip(sources, partners, strict=True) if not found]
    used = {n for found in partners for n in found}
    unused = [path for n, path in enumerate(paths) if n not in used]
    for strangers, what, which in ((lonely, "map", folder), (unused, "image", "the images")):
        if strangers:
            rest = f" (and {len(strangers) - 1} more)" if len(strangers) > 1 else ""
            hint = "name each map as its image, but for the suffix"
            raise InvalidInputError(f"{strangers[0]}{rest} has no {what} of its name among {which}", hint)
    return [(Share(paths[n]),) for found in partners for n in found]


def read_captions(path: str, atlas: Atlas) -> tuple[str, ...]:
    """Read a line for each map of an image.

    Raises
    ------
    InvalidInputError
        The file is no text, or has another number of lines than an image has maps.
    """
    lines = read_text(path, "give a text file with a line for each map").splitlines()
    while lines and not lines[-1].strip():
        lines.pop()
    for labels in atlas.labels:
        if len(labels) != len(lines):
            maps = f"{len(labels)} map{'s'[: len(labels) != 1]}"
            raise InvalidInputError(f"{path} has {len(lines)} lines for {maps}", "give a line for each")
    return tuple(lines)
