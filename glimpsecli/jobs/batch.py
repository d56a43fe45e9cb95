"""A batch: images that are planned while they come, with checks of the outputs of each folder."""

from __future__ import annotations

import os
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING

from glimpsecli.errors import InvalidInputError
from glimpsecli.jobs.groups import Group, Source, changed, in_order
from glimpsecli.jobs.outputs import Outputs, input_among, labels_of, target_names
from glimpsecli.jobs.plan import Item, Plan
from glimpsecli.jobs.requests import BoxRequest, Request
from glimpsecli.jobs.spool import HELD, Hashes
from glimpsecli.storage.atomic import temporary_of

if TYPE_CHECKING:
    from glimpsecli.annotations.annotated import Annotated
    from glimpsecli.jobs.resuming import Earlier
    from glimpsecli.jobs.sources import Sources

AHEAD = 10_000
"""Images that are planned ahead: of a batch with no more, all outputs are checked before the first is written."""


class Batch:
    """A batch: its plan, whose items come one by one.

    Parameters
    ----------
    plan : Plan
        Without its items.
    sources : Sources
    requests_of : callable
        Gives the requests of a source.
    frames_of : callable
        Gives the frames of a source that is a video, and any other source as it is.
    annotated : mapping of str to Annotated
        The annotations of images, by their relative paths.
    inputs : sequence of str
        Other files that are read, and must not be written over.
    part : (int, int)
        Number of the part, and of all parts, which are contiguous and of equal length.

    Attributes
    ----------
    plan : Plan
    part : (int, int)
    """

    def __init__(
        self, plan: Plan, sources: Sources, requests_of: Callable[[Source], Sequence[Request]],
        frames_of: Callable[[Source], Iterable[Source]], annotated: dict[str, Annotated], inputs: Sequence[str],
        part: tuple[int, int],
    ) -> None:  # fmt: skip
        self.plan, self.part, self._sources = plan, part, sources
        self._requests_of, self._frames_of, self._annotated = requests_of, frames_of, annotated
        is_input = input_among(inputs)
        assert plan.root is not None
        self._outputs = Outputs(
            lambda path: is_input(path) or sources.finds(os.path.realpath(path)),
            overwrite=plan.output.overwrite,
            root=plan.root,
        )
        self._planned = 0
        self._counted = 0
        self._complete = self._counting = False
        self._stop = threading.Event()
        self._made: tuple[str, Hashes] | None = None  # the targets of one folder

    @property
    def total(self) -> int:
        """Number of images, or frames, as far as it is known; it grows while folders are searched."""
        return self._planned if self._complete else max(self._planned, self._counted)

    def items(self, earlier: Earlier | None = None) -> Iterator[Item]:
        """Plan the items, in their order; `AHEAD` of them before the first is given.

        Parameters
        ----------
        earlier : Earlier, optional
            The lines of an earlier run, which is resumed.

        Raises
        ------
        InvalidInputError
            Outputs of a folder collide, exist, are inputs or could not be written; or an image is given twice.
        """
        coming: deque[Item] = deque()
        for group, source in self._chosen():
            if not group.checked:
                self._check(group, resumed=earlier is not None)
                group.checked = True
            item = self.item_of(source)
            if not item.requests:
                continue
            for target in item.targets:
                self._outputs.check(target)
            self._planned += 1
            coming.append(item if earlier is None else item._replace(lines=earlier.lines_of(source)))
            if len(coming) > AHEAD:
                self._count()
                yield coming.popleft()
        if earlier is not None:
            earlier.end()
        self._complete = True
        self._stop.set()
        yield from coming

    def item_of(self, source: Source) -> Item:
        """Plan the item of a source."""
        failure = self._sources.failures.get(source.key)
        if failure is not None:
            return Item(source.path, (BoxRequest(),), (), failure=failure, at=source.at)
        asked = self._requests_of(source)
        annotated = self._annotated.get(source.relative)
        return Item(source.path, tuple(asked), self._names(source, asked), annotated, at=source.at)

    def makes(self, target: str, folder: str) -> bool:
        """Return whether a file is the target of an image of a relative folder."""
        if self._made is None or self._made[0] != folder:
            targets = Hashes()
            for _, made in _Pairs(self, self._sources.group(folder)):
                targets.add(os.path.normpath(made))
            self._made = folder, targets
        return os.path.normpath(target) in self._made[1]

    def close(self) -> None:
        """Stop counting."""
        self._stop.set()

    def _chosen(self) -> Iterator[tuple[Group, Source]]:
        """Generate the sources of this part."""
        number, parts = self.part
        if parts == 1:
            yield from self._all(self.plan.left_out)
            return
        count = sum(1 for _ in self._all(self.plan.left_out if number == 1 else None))
        start, stop = (count * k // parts for k in (number - 1, number))
        yield from islice(self._all(None), start, stop)

    def _all(self, left_out: Counter[str] | None) -> Iterator[tuple[Group, Source]]:
        return in_order(changed(self._sources.groups(left_out), self._frames_of))

    def _names(self, source: Source, asked: Sequence[Request]) -> tuple[str, ...]:
        plan = self.plan
        return target_names(source, labels_of(asked, plan.how.shaping.retina), plan.output, plan.format)

    def _check(self, group: Group, *, resumed: bool) -> None:
        """Refuse collisions in a folder; of a run that is resumed, remove the temporary files that it left there."""
        assert self.plan.root is not None
        folder = os.path.join(self.plan.root, group.folder)
        top, real = os.path.realpath(self.plan.root), os.path.realpath(folder)
        inside = os.path.commonpath([real, top]) == top  # what is written outside fails for itself
        if inside and real != os.path.normpath(os.path.join(top, group.folder)):  # two folders could be one
            raise InvalidInputError(f"{folder} leads through a link to {real}", "remove the link")
        pairs = _Pairs(self, group)
        self._outputs.refuse_collisions([*pairs] if len(group.sources) < HELD else pairs)
        if resumed:
            for where in dict.fromkeys(os.path.dirname(target) for _, target in pairs):
                _sweep(where, (os.path.basename(target) for _, target in pairs))

    def _count(self) -> None:
        """Count the images in the background, once."""
        if self._counting:
            return
        self._counting = True

        def count() -> None:
            for found in self._sources.count(self._stop):
                self._counted = found

        threading.Thread(target=count, name="glimpse-count", daemon=True).start()


class _Pairs:
    """The source and the file of each product of a group, which can be gone through again."""

    def __init__(self, batch: Batch, group: Group) -> None:
        self._batch, self._group = batch, group

    def __iter__(self) -> Iterator[tuple[str, str]]:
        for source in self._group.sources:
            for target in self._batch.item_of(source).targets:
                yield source.path, target


def _sweep(folder: str, names: Iterable[str]) -> None:
    """Remove the temporary files of some targets from a folder, and no others: other parts may be running."""
    try:
        with os.scandir(folder) as entries:
            left = [entry.path for entry in entries if entry.name.startswith(".")]
    except OSError:  # it is not there yet
        return
    known = set(names) if left else set()
    for path in left:
        if temporary_of(os.path.basename(path), known):
            os.unlink(path)
