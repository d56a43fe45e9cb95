"""The outputs of objects that were followed: tables, glimpses, films, several at once."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from glimpsecli.errors import GlimpseError, InvalidInputError
from glimpsecli.images import Format, check, depth_of
from glimpsecli.images.formats import FORMATS, format_named
from glimpsecli.jobs import tracked_rows
from glimpsecli.jobs.filming import film_options, rate_of
from glimpsecli.jobs.naming import Label, check_template, names_object, output_name
from glimpsecli.jobs.outputs import check_outputs
from glimpsecli.jobs.plan import STREAM, How, Output
from glimpsecli.jobs.storing import flat
from glimpsecli.jobs.tracked_kinds import FOLDER, Showing, check_options, kind_of
from glimpsecli.jobs.tracked_pictures import (
    Drawing,
    DrawnFilm,
    GlimpseArrays,
    Look,
    PictureFiles,
    check_one,
    panel_size,
)
from glimpsecli.storage.atomic import explained
from glimpsecli.video.films import check_film
from glimpsecli.video.formats import FILMS

if TYPE_CHECKING:
    from glimpsecli.images import Picture
    from glimpsecli.jobs.at import At
    from glimpsecli.jobs.starts import Start
    from glimpsecli.jobs.tracking import Seen, Step
    from glimpsecli.video.clip import Clip


class Sink(Protocol):
    """An output in the making.

    Attributes
    ----------
    target : str
    draws : bool
        Whether it needs the pixels of frames.
    shows_all : bool
        Whether it takes objects that are not found even where tables and glimpses leave them out.
    """

    target: str
    draws: bool
    shows_all: bool

    def add(self, step: Step, seen: Sequence[Seen]) -> None:
        """Take the next frame, and those of its objects that are wanted."""

    def finish(self, *, whole: bool) -> bool:
        """Write it, `whole` or up to where the run was stopped; return whether it is there."""

    def drop(self) -> None:
        """Leave nothing."""


class Outputs:
    """All outputs of a run; a context that leaves no half of one.

    Parameters
    ----------
    sinks : sequence of Sink
    only_found : bool
        Whether objects that are not found are left out of tables and glimpses.

    Attributes
    ----------
    targets : list of str
        All files and folders.
    failures : list of GlimpseError
        The reasons why outputs are missing.
    """

    def __init__(self, sinks: Sequence[Sink], *, only_found: bool) -> None:
        self._sinks, self._only_found = [*sinks], only_found
        self.targets = [sink.target for sink in sinks if sink.target != STREAM]
        self.failures: list[GlimpseError] = []

    def __enter__(self) -> Outputs:
        return self

    def __exit__(self, *_: object) -> None:
        for sink in self._sinks:
            sink.drop()

    @property
    def draw(self) -> bool:
        """Whether one of them needs the pixels of frames."""
        return any(sink.draws for sink in self._sinks)

    @property
    def open(self) -> bool:
        """Whether there is any left."""
        return bool(self._sinks)

    def add(self, step: Step) -> None:
        """Give the next frame to all; one that fails is dropped, and the others go on."""
        found = tuple(tracked_rows.only_found(step.seen)) if self._only_found else step.seen
        for sink in [*self._sinks]:
            if sink.draws and step.picture is None:
                continue
            try:
                sink.add(step, step.seen if sink.shows_all else found)
            except BrokenPipeError:
                self._sinks.remove(sink)  # the reader has had enough
            except (GlimpseError, OSError) as error:
                self._fail(sink, error)

    def finish(self, *, whole: bool) -> list[str]:
        """Write all; give the names of the files that are there."""
        written = []
        for sink in [*self._sinks]:
            try:
                if sink.finish(whole=whole) and sink.target != STREAM:
                    written.append(sink.target)
            except BrokenPipeError:
                sink.drop()
            except (GlimpseError, OSError) as error:
                self._fail(sink, error)
        self._sinks = []
        return written

    def _fail(self, sink: Sink, error: GlimpseError | OSError) -> None:
        self.failures.append(explained(sink.target, error) if isinstance(error, OSError) else error)
        self._sinks.remove(sink)
        sink.drop()


def make_sinks(
    targets: Sequence[str],
    output: Output,
    source: str,
    clip: Clip,
    frames: Sequence[At],
    starts: Sequence[Start],
    showing: Showing,
    *,
    inputs: Sequence[str] = (),
    turned: bool = False,
    sound: bool = True,
) -> tuple[list[Sink], list[str]]:
    """Make the outputs; all that can be known to be wrong is refused here.

    Parameters
    ----------
    targets : sequence of str
        Files, folders, and ``-`` once.
    output : Output
        How files are encoded; its target is passed over.
    source : str
        The path of the clip.
    clip : Clip
    frames : sequence of At
        All that may be shown, in the order of time.
    starts : sequence of Start
    showing : Showing
    inputs : sequence of str
        Files that are read, and never replaced.
    turned : bool
        Whether windows have angles.
    sound : bool
        Whether films keep the sound by default: they may end before it.

    Returns
    -------
    sinks : list of Sink
    notes : list of str
        Facts that the user should know.
    """
    if not sound and output.audio is None:
        output = output._replace(audio="none")
    making = _Making(output, source, clip, frames, starts, showing, turned)
    kinds = [kind_of(target, output.format) for target in targets]
    check_options(kinds, output, showing)
    sinks = [making.sink(target, kind) for target, kind in zip(targets, kinds, strict=True)]
    files = [(source, path) for path in making.files]
    check_outputs(files, [source, *inputs], overwrite=output.overwrite, noun="output")
    return sinks, making.notes


class _Making:
    """The making of outputs; parameters as of :func:`make_sinks`."""

    def __init__(
        self, output: Output, source: str, clip: Clip, frames: Sequence[At], starts: Sequence[Start], showing: Showing,
        turned: bool,
    ) -> None:  # fmt: skip
        self.output, self.source, self.clip, self.frames = output, source, clip, frames
        self.starts, self.showing, self.turned = starts, showing, turned
        self.names = [start.name for start in starts]
        self.files: list[str] = []
        self.notes: list[str] = []

    def sink(self, target: str, kind: str) -> Sink:
        """Make an output of a kind."""
        if kind in tracked_rows.TABLES:
            tracked_rows.check_names(kind, self.names, turned=self.turned)
            self.files.append(target)
            return tracked_rows.Table(target, kind, overwrite=self.output.overwrite)
        if kind == "npz":
            self.files.append(target)
            return GlimpseArrays(target, self._look(), overwrite=self.output.overwrite)
        if kind == FOLDER:
            return self._folder(target)
        self.files.append(target)
        options, notes = film_options(
            self.output, kind, rate_of(self.clip, self.frames), self.source, self.clip, self.frames[0].time,
            self.frames[-1].time + self.frames[-1].duration,
        )  # fmt: skip
        self.notes += notes
        even = FILMS[kind].muxer is not None and not options.lossless
        check_film(kind, options)
        return DrawnFilm(target, self._drawing(even=even), kind, options, overwrite=self.output.overwrite)

    def _folder(self, target: str) -> Sink:
        """Make a folder of glimpses, or of frames."""
        file_format = format_named(self.output.format if self.output.format in FORMATS else "png")
        overlay = self.showing.overlay
        template = self.output.name or ("{stem}_{frame:06d}" if overlay else "{id}_{frame:06d}")
        check_template(template)
        if overlay and len(self.names) > 1 and names_object(template):
            raise InvalidInputError(
                f"the name {template!r} for frames that show {len(self.names)} objects", "use {stem}"
            )
        picture = self.clip.frame(self.frames[0].index).picture
        self._check_fits(file_format, picture, drawn=overlay)
        pictures = self._drawing(even=False).pictures if overlay else self._look().pictures
        files = {
            (name, at.number): self._file(target, template, file_format, name, at)
            for name in ([None] if overlay else self.names)
            for at in self.frames
        }
        self.files += files.values()
        return PictureFiles(target, pictures, self.output, file_format, files, shows_all=overlay)

    def _file(self, target: str, template: str, file_format: Format, name: str | None, at: At) -> str:
        path = "stdin" if self.source == STREAM else self.source
        name = self.names[0] if len(self.names) == 1 else name
        number = 0 if name is None else self.names.index(name)
        return os.path.join(
            target,
            output_name(template, file_format.name, source=path, index=number, label=Label(name), frame=at.number),
        )

    def _check_fits(self, file_format: Format, picture: Picture, *, drawn: bool) -> None:
        picture = picture if file_format.alpha else flat(picture, How())
        depth = "8" if drawn else self.output.depth or depth_of(picture.pixels)
        channels, alpha = (3, False) if drawn else (picture.pixels.shape[2], picture.alpha)
        check(file_format, depth=depth, channels=channels, alpha=alpha)

    def _look(self) -> Look:
        context = self.showing.context
        sizes = {
            start.name: self.showing.size.for_extent(start.window.width * context, start.window.height * context)
            for start in self.starts
        }
        return Look(self.showing.sampling, sizes, context, self.output.depth)

    def _drawing(self, *, even: bool) -> Drawing:
        beside = None
        if self.showing.inset:
            check_one(self.names)
            sizes = {self.names[0]: panel_size(self.starts[0].window, self.clip.size)}
            beside = Look(self.showing.sampling, sizes, self.showing.context, "8")
        return Drawing(self.names, self.showing.trail, beside=beside, even=even)
