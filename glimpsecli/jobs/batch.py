"""A batch: images that are planned while they come, with checks of the outputs of each folder."""

from __future__ import annotations

import os
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import chain, groupby, islice
from typing import TYPE_CHECKING

from glimpsecli.errors import InvalidInputError
from glimpsecli.jobs.groups import Group, Source, changed, in_order
from glimpsecli.jobs.outputs import DISTINCT, Outputs, input_among, labels_of, refuse_collisions, target_names
from glimpsecli.jobs.plan import Item, Plan
from glimpsecli.jobs.requests import BoxRequest, Request
from glimpsecli.jobs.sharding import DOTTED, member_of
from glimpsecli.jobs.splitting import Split
from glimpsecli.jobs.spool import HELD, Hashes
from glimpsecli.storage import is_address
from glimpsecli.storage.atomic import is_temporary, temporary_of

if TYPE_CHECKING:
    from glimpsecli.annotations.annotated import Annotated
    from glimpsecli.jobs.objects import Objects
    from glimpsecli.jobs.resuming import Earlier
    from glimpsecli.jobs.shards import Shards
    from glimpsecli.jobs.sources import Sources

AHEAD = 10_000
"""Images that are planned ahead, or ten times as many glimpses: of a batch with no more, all outputs are checked before
the first is written."""
OTHERS = "(others)"
"""What images are counted as that are in no split that is made."""
MOST = 1000
"""Folders whose temporary files are remembered."""


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
    split_of : Split, optional
        Gives the split of a source, None for one that is not made.
    objects : mapping of str to Objects, optional
        The objects of images, by their relative paths, where lines list them.

    Attributes
    ----------
    plan : Plan
    part : (int, int)
    """

    def __init__(
        self, plan: Plan, sources: Sources, requests_of: Callable[[Source], Sequence[Request]],
        frames_of: Callable[[Source], Iterable[Source]], annotated: dict[str, Annotated], inputs: Sequence[str],
        part: tuple[int, int], split_of: Split | None = None, objects: Mapping[str, Objects] | None = None,
    ) -> None:  # fmt: skip
        self.plan, self.part, self._sources = plan, part, sources
        self._requests_of, self._frames_of, self._annotated = requests_of, frames_of, annotated
        self._split_of, self._objects = split_of, objects or {}
        is_input = input_among(inputs)
        assert plan.root is not None
        self._outputs = Outputs(
            lambda path: is_input(path) or sources.finds(os.path.realpath(path)),
            overwrite=plan.output.overwrite or plan.output.resumed,
            root=plan.root,
        )
        self._per_shard = 1 if plan.sharding is None else plan.sharding.per_shard
        self._start = self._seen = 0
        self._planned, self._counted = 0, len(annotated)
        self._complete, self._counting = False, bool(annotated)
        self._stop = threading.Event()
        self._made: tuple[str, Hashes] | None = None  # the targets of one folder
        self._left: dict[str, list[str]] = {}  # temporary files in the folders of a run that is resumed

    @property
    def total(self) -> int:
        """Number of images, or frames, as far as it is known; it grows while folders are searched."""
        return self._planned if self._complete else max(self._planned, self._counted)

    def items(self, earlier: Earlier | None = None, *, sweep: bool = True) -> Iterator[Item]:
        """Plan the items, in their order; `AHEAD` of them before the first is given.

        Parameters
        ----------
        earlier : Earlier, optional
            The lines of an earlier run, which is resumed.
        sweep : bool
            Whether temporary files that it left are removed.

        Raises
        ------
        InvalidInputError
            Outputs of a folder collide, exist, are inputs or could not be written; or an image is given twice.
        """
        return self._ahead(self._checked(earlier, sweep=sweep))

    def shards(self, shards: Shards) -> Iterator[Item]:
        """Plan the items, shard by shard; see :meth:`items`."""
        groups = groupby(self._checked(), key=lambda item: item.shard)
        made = (shards.planned(number or 0, [*mine], self.plan) for number, mine in groups)
        return self._ahead(chain.from_iterable(made))

    def item_of(self, source: Source) -> Item:
        """Plan the item of a source."""
        failure = self._sources.failures.get(source.key)
        if failure is not None:
            return Item(source.path, (BoxRequest(),), (), failure=failure, at=source.at)
        split = "" if self._split_of is None else self._split_of(source)
        asked = () if split is None else self._requests_of(source)
        annotated = self._annotated.get(source.relative)
        fields: tuple[tuple[str, str], ...] = ()
        if split or not self.plan.output.layout.mirrors:  # the name of a file does not tell the folder of its image
            fields = (("relative", source.relative), *([("split", split)] if split else []))
        targets = self._names(source, asked, split or "")
        return Item(
            source.path, tuple(asked), targets, annotated, at=source.at, fields=fields,
            objects=self._objects.get(source.relative),
        )  # fmt: skip

    def count(self) -> int:
        """Count all images, after those that are planned ahead."""
        if not (self._complete or self._annotated or self.part != (1, 1)):
            for found in self._sources.count(self._stop):
                self._counted = found
            if self._split_of is not None and self._seen:  # as many of the others are of no split that is made
                self._counted = round(self._counted * self._planned / self._seen)
        return self.total

    def makes(self, target: str, folder: str) -> bool:
        """Return whether a file is the target of an image of a relative folder, or where these do not tell, of any."""
        mirrors = self.plan.output.layout.mirrors
        if self._made is None or (mirrors and self._made[0] != folder):
            targets = Hashes()
            groups = changed([self._sources.group(folder)], self._frames_of)
            for pairs in (self._pairs(group) for group in groups) if mirrors else [self._pairs()]:
                for _, made in pairs:
                    targets.add(os.path.normpath(made))
            self._made = folder, targets
        return os.path.normpath(target) in self._made[1]

    def close(self) -> None:
        """Stop counting."""
        self._stop.set()

    @property
    def shard_numbers(self) -> range:
        """The numbers of all shards, once all items were given."""
        each = self._per_shard
        return range(self._start // each, -(-(self._start + self._seen) // each))

    def _ahead(self, items: Iterator[Item]) -> Iterator[Item]:
        """Plan `AHEAD` items before the first is given."""
        coming: deque[Item] = deque()
        glimpses = 0
        for item in items:
            self._planned += 1
            coming.append(item)
            glimpses += len(item.targets)
            while len(coming) > AHEAD or (glimpses > 10 * AHEAD and len(coming) > 1):
                self._count()
                glimpses -= len(coming[0].targets)
                yield coming.popleft()
        self._complete = True
        self._stop.set()
        yield from coming

    def _checked(self, earlier: Earlier | None = None, *, sweep: bool = True) -> Iterator[Item]:
        """Generate the items whose outputs were checked."""
        mirrors = self.plan.output.layout.mirrors
        if not mirrors:
            self._check(self._pairs())
        for group, source in self._chosen():
            self._seen += 1
            if mirrors and not group.checked:
                self._check(self._pairs(group), group.folder)
                group.checked = True
            item = self.item_of(source)
            if not item.requests:
                if self._split_of is not None and self._split_of(source) is None:
                    self.plan.splits[OTHERS] += 1
                continue
            self.plan.splits.update(value for name, value in item.fields if name == "split")
            if self.plan.sharding is not None:
                yield item._replace(shard=(self._start + self._seen - 1) // self._per_shard)
                continue
            for target in item.targets:
                self._outputs.check(target)
                if earlier is not None and sweep and not is_address(target):
                    self._sweep(target)
            yield item if earlier is None else item._replace(lines=earlier.lines_of(source))
        if earlier is not None:
            earlier.end()

    def _chosen(self) -> Iterator[tuple[Group, Source]]:
        """Generate the sources of this part; parts are cut between shards."""
        number, parts = self.part
        if parts == 1:
            yield from self._all(self.plan.left_out)
            return
        count = sum(1 for _ in self._all(self.plan.left_out if number == 1 else None))
        each = self._per_shard
        shards = -(-count // each)
        self._start, stop = (shards * k // parts * each for k in (number - 1, number))
        self._counted, self._counting = min(stop, count) - self._start, True
        yield from islice(self._all(None), self._start, stop)

    def _all(self, left_out: Counter[str] | None) -> Iterator[tuple[Group, Source]]:
        return in_order(changed(self._sources.groups(left_out), self._frames_of))

    def _pairs(self, group: Group | None = None) -> _Pairs:
        """Give the sources and targets of a group, or of all images of all parts."""
        if group is None:
            return _Pairs(self, lambda: (source for _, source in self._all(None)))
        return _Pairs(self, lambda: iter(group.sources))

    def _names(self, source: Source, asked: Sequence[Request], split: str) -> tuple[str, ...]:
        plan = self.plan
        names = target_names(source, labels_of(asked, plan.how.shaping.retina), plan.output, plan.format, split)
        return names if plan.sharding is None else tuple(map(member_of, names))

    def _check(self, pairs: _Pairs, folder: str | None = None) -> None:
        """Refuse collisions among some targets: those of a relative folder, or all."""
        root = self.plan.root
        assert root is not None
        some = [*islice(pairs, HELD)]
        known = some if len(some) < HELD else pairs
        if self.plan.sharding is not None:
            refuse_collisions(known, lambda target: target, hint=f"{DOTTED}; rename an image, or {DISTINCT}")
            return
        if not is_address(root):
            if folder is None or self._split_of is not None:
                written = {os.path.relpath(os.path.dirname(target), root) for _, target in known}
            else:
                written = {folder}
            for one in written:
                _refuse_link(root, one)
        self._outputs.refuse_collisions(known)

    def _sweep(self, target: str) -> None:
        """Remove the temporary files of a target that a killed run left, and no others: other parts may be running."""
        folder, name = os.path.split(target)
        if folder not in self._left:
            if len(self._left) > MOST:
                self._left.clear()
            self._left[folder] = _temporaries(folder)
        for left in self._left[folder]:
            if temporary_of(left, (name,)):
                with suppress(OSError):
                    os.unlink(os.path.join(folder, left))

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
    """The source and the file of each product of some sources, which can be gone through again."""

    def __init__(self, batch: Batch, sources: Callable[[], Iterator[Source]]) -> None:
        self._batch, self._sources = batch, sources

    def __iter__(self) -> Iterator[tuple[str, str]]:
        for source in self._sources():
            for target in self._batch.item_of(source).targets:
                yield source.path, target


def _refuse_link(root: str, relative: str) -> None:
    """Refuse an output folder that is a link to another one of the run: glimpses of the two could share a file."""
    folder, top = os.path.join(root, relative), os.path.realpath(root)
    real = os.path.realpath(folder)
    inside = os.path.commonpath([real, top]) == top  # what is written outside fails for itself
    if inside and real != os.path.normpath(os.path.join(top, relative)):
        raise InvalidInputError(f"{folder} leads through a link to {real}", "remove the link")


def _temporaries(folder: str) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            return [entry.name for entry in entries if is_temporary(entry.name)]
    except OSError:  # it is not there yet
        return []
