"""The pictures of objects that were followed: glimpses of them, and frames with their windows, in files and films."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np

from glimpsecli import images
from glimpsecli.errors import InvalidInputError
from glimpsecli.images import convert, depth_of
from glimpsecli.jobs.container import placing_anywhere
from glimpsecli.jobs.outputs import make_folder, opened
from glimpsecli.jobs.plan import How
from glimpsecli.jobs.storing import flat
from glimpsecli.names import FOUND
from glimpsecli.pictures.label import Mark, draw_marks
from glimpsecli.pictures.pair import pair
from glimpsecli.pictures.scale import as_rgb
from glimpsecli.pictures.tracked import COLOURS, DASHES, GREEN
from glimpsecli.pictures.trail import trail
from glimpsecli.sampling import Sampling, extract
from glimpsecli.window import corners

if TYPE_CHECKING:
    from glimpsecli.arrays import Array, Figure
    from glimpsecli.images import Format, Picture
    from glimpsecli.jobs.at import At
    from glimpsecli.jobs.plan import Output
    from glimpsecli.jobs.tracking import Seen, Step
    from glimpsecli.video.film import FilmOptions
    from glimpsecli.window import Size, Window

    Pictures: TypeAlias = Callable[[Picture, Sequence[Seen]], Iterator[tuple[str | None, Picture]]]


class Look(NamedTuple):
    """The way in which objects are looked at.

    Attributes
    ----------
    sampling : Sampling
    sizes : mapping of str to (int, int)
        Height and width of the glimpses of each object.
    context : float
        Factor of the windows.
    depth : str, optional
        Of the glimpses; by default that of the frame.
    """

    sampling: Sampling
    sizes: Mapping[str, Size]
    context: float = 1.0
    depth: str | None = None

    def glimpse(self, picture: Picture, name: str, window: Window) -> Array:
        """Give the glimpse of an object."""
        seen = extract(
            picture.pixels, window.scaled(self.context), self.sizes[name], sampler=self.sampling.sampler,
            blur=self.sampling.blur, alpha=picture.alpha,
        )  # fmt: skip
        own = depth_of(picture.pixels)
        return convert(seen, own, self.depth or own).pixels

    def pictures(self, picture: Picture, seen: Sequence[Seen]) -> Iterator[tuple[str | None, Picture]]:
        """Give the glimpses of a frame, each with the name of its object."""
        for name, tracked in seen:
            yield name, picture._replace(pixels=self.glimpse(picture, name, tracked.window))


class Drawing:
    """Draws objects on frames, each with the way that it has come.

    Parameters
    ----------
    names : sequence of str
        Of the objects; where there are several, each is labelled.
    longest : int
        The most places of a trail, those where an object was found.
    beside : Look, optional
        Makes the glimpse that stands beside the frame.
    even : bool
        Whether a picture of an odd height or width loses its last row or column.
    """

    def __init__(self, names: Sequence[str], longest: int, *, beside: Look | None = None, even: bool = False) -> None:
        self._trails: dict[str, deque[tuple[float, float]]] = {name: deque(maxlen=longest) for name in names}
        self._beside, self._even = beside, even

    def pictures(self, picture: Picture, seen: Sequence[Seen]) -> Iterator[tuple[str | None, Picture]]:
        """Give the frame, drawn."""
        yield None, images.Picture(self(picture, seen))

    def __call__(self, picture: Picture, seen: Sequence[Seen]) -> Figure:
        """Draw a frame."""
        photo = as_rgb(picture.pixels)
        figure = photo.copy()
        for name, tracked in seen:
            way = self._trails[name]
            if tracked.state == FOUND:
                way.append((tracked.window.cx, tracked.window.cy))
            else:
                way.clear()  # a line to where it is found again would be no way of the object
            trail(figure, [*way], colour=GREEN)
        marks = [
            Mark(
                corners(tracked.window.to_affine((1, 1)), (1, 1)),
                COLOURS[tracked.state],
                name if len(self._trails) > 1 else "",
                dash=DASHES[tracked.state],
            )
            for name, tracked in seen
        ]
        draw_marks(figure, marks)
        if self._beside is not None:
            figure = pair(figure, self._panel(picture, seen, self._beside))
        if self._even:
            return np.ascontiguousarray(figure[: len(figure) // 2 * 2 or 1, : figure.shape[1] // 2 * 2 or 1])
        return figure

    def _panel(self, picture: Picture, seen: Sequence[Seen], look: Look) -> Figure:
        """Give the glimpse of the one object on a panel of the height of the frame; white where there is none."""
        (size,) = look.sizes.values()
        panel = np.full((picture.pixels.shape[0], size[1], 3), 255, np.uint8)
        for name, tracked in seen:
            top = (len(panel) - size[0]) // 2
            panel[top : top + size[0]] = as_rgb(look.glimpse(picture, name, tracked.window))
        return panel


class PictureFiles:
    """A folder of pictures, written as they come.

    Parameters
    ----------
    target : str
    pictures : callable
        Makes the pictures of a frame, each with the name of its object, or None where it shows all: `Look.pictures`
        or `Drawing.pictures`.
    output : Output
        How they are encoded.
    file_format : Format
    files : mapping of (str or None, int) to str
        The file of each of them, by the name and the number of the frame.
    shows_all : bool
    """

    draws = True

    def __init__(
        self, target: str, pictures: Pictures, output: Output, file_format: Format,
        files: Mapping[tuple[str | None, int], str], *, shows_all: bool,
    ) -> None:  # fmt: skip
        self.target, self.shows_all = target, shows_all
        self._pictures, self._output, self._format, self._files = pictures, output, file_format, files
        self._written = False

    def add(self, step: Step, seen: Sequence[Seen]) -> None:
        """Write the pictures of a frame."""
        assert step.picture is not None
        picture = step.picture if self._format.alpha else flat(step.picture, How())
        for name, (pixels, alpha, icc) in self._pictures(picture, seen):
            path = self._files[name, step.at.number]
            make_folder(path)
            images.write(
                path, pixels, format=self._format, alpha=alpha, icc=icc, quality=self._output.quality,
                compress=self._output.compress, overwrite=self._output.overwrite,
            )  # fmt: skip
            self._written = True

    def finish(self, *, whole: bool) -> bool:
        """Return whether there is any: each was written when it came."""
        return self._written

    def drop(self) -> None:
        """Do nothing: files that are there are right."""


class GlimpseArrays:
    """A ``.npz`` of all glimpses, written at the end.

    ``glimpses`` is (N, h, w, C) where all are of one size, otherwise there is a ``glimpse_0000`` for each; ``windows``
    is (N, 5); ``ids``, ``frames``, ``times``, ``states`` and ``zncc`` are (N,).
    """

    draws, shows_all = True, False

    def __init__(self, target: str, look: Look, *, overwrite: bool) -> None:
        self.target, self._look, self._overwrite = target, look, overwrite
        self._glimpses: list[Array] = []
        self._rows: list[tuple[str, int, float, str, float, tuple[float, ...]]] = []

    def add(self, step: Step, seen: Sequence[Seen]) -> None:
        """Keep the glimpses of a frame."""
        assert step.picture is not None
        for name, tracked in seen:
            self._glimpses.append(self._look.glimpse(step.picture, name, tracked.window))
            row = step.at.number, float(step.at.time), tracked.state, tracked.zncc, tracked.window.row
            self._rows.append((name, *row))

    def finish(self, *, whole: bool) -> bool:
        """Write the file, of all frames or not at all; return whether it is there."""
        if not whole or not self._rows:
            return False
        if len({glimpse.shape for glimpse in self._glimpses}) == 1:
            arrays = {"glimpses": np.stack(self._glimpses)}
        else:
            arrays = {f"glimpse_{index:04d}": glimpse for index, glimpse in enumerate(self._glimpses)}
        names = "ids", "frames", "times", "states", "zncc", "windows"
        arrays |= {name: np.array(values) for name, values in zip(names, zip(*self._rows, strict=True), strict=True)}
        make_folder(self.target)
        images.write_npz(opened(self.target), arrays, overwrite=self._overwrite)
        return True

    def drop(self) -> None:
        """Forget the glimpses."""
        self._glimpses, self._rows = [], []


class DrawnFilm:
    """A film of the frames with the windows drawn on them.

    Parameters
    ----------
    target : str
        A path, or ``-``.
    drawing : Drawing
    name : str
        The format of the film.
    options : FilmOptions
    overwrite : bool
    """

    draws, shows_all = True, True

    def __init__(self, target: str, drawing: Drawing, name: str, options: FilmOptions, *, overwrite: bool) -> None:
        self.target, self._drawing, self._name, self._options = target, drawing, name, options
        self._overwrite = overwrite
        self._film: Generator[None, tuple[Figure, At] | None] | None = None

    def add(self, step: Step, seen: Sequence[Seen]) -> None:
        """Append a frame."""
        assert step.picture is not None
        if self._film is None:
            self._film = self._filmed(step.at.time)
            next(self._film)
        self._film.send((self._drawing(step.picture, seen), step.at))

    def finish(self, *, whole: bool) -> bool:
        """Finish the film, unless it was stopped; return whether it is there."""
        if self._film is None or not whole:
            self.drop()
            return False
        next(self._film, None)
        return True

    def drop(self) -> None:
        """Leave no film."""
        if self._film is not None:
            self._film.close()

    def _filmed(self, start: Fraction) -> Generator[None, tuple[Figure, At] | None]:
        """Take frames until None comes, and put the film in place; closed before that, leave none."""
        from glimpsecli.video.films import open_film

        make_folder(self.target)
        with (
            placing_anywhere(self.target, overwrite=self._overwrite) as stream,
            closing(open_film(stream, self._name, self._options)) as film,
        ):
            end = Fraction(0)
            while (sent := (yield)) is not None:
                figure, at = sent
                film.add(figure, at.time - start)
                end = at.time + at.duration - start
            film.finish(end)


def panel_size(window: Window, image_size: Size) -> Size:
    """Give the size of a window's glimpse beside a frame: as high as it, but not wider."""
    height, width = image_size
    factor = min(height / window.height, width / window.width)
    return max(1, round(window.height * factor)), max(1, round(window.width * factor))


def check_one(names: Sequence[str]) -> None:
    """Refuse to show the glimpses of several objects beside a frame."""
    if len(names) > 1:
        raise InvalidInputError(f"--inset with {len(names)} objects", "choose one with --id")
