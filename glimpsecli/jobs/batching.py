"""The plan of a batch: many images, mirrored into a folder."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from glimpsecli.errors import InvalidInputError
from glimpsecli.jobs.formats import chosen_format
from glimpsecli.jobs.outputs import check_folder_output, check_outputs, labels_of, name_files, targets_of
from glimpsecli.jobs.plan import How, Item, Output, Plan
from glimpsecli.jobs.planning import check_idle, try_out
from glimpsecli.jobs.requests import BoxRequest, RandomRequest, Request
from glimpsecli.jobs.sources import Source

if TYPE_CHECKING:
    from glimpsecli.annotations.annotated import Annotated, Annotations
    from glimpsecli.annotations.labels import Choice
    from glimpsecli.errors import GlimpseError
    from glimpsecli.jobs.clips import Clips


def make_batch_plan(
    sources: Sequence[Source],
    requests: Sequence[Sequence[Request]],
    how: How,
    output: Output,
    *,
    annotations: Annotations | None = None,
    labels: Sequence[str] = (),
    part: tuple[int, int] = (1, 1),
    inputs: Sequence[str] = (),
    replace: bool = False,
    problems: Sequence[str] = (),
    clips: Clips | None = None,
    failures: Mapping[str, GlimpseError] | None = None,
) -> Plan:
    """Plan the glimpses of many images.

    Parameters
    ----------
    sources : sequence of Source
        In the order in which they are worked on and shown.
    requests : sequence of sequence of Request
        Where to look in each source.
    how : How
    output : Output
        Its target is the output folder.
    annotations : Annotations, optional
        Boxes in place of `requests`.
    labels : sequence of str
        Labels of the boxes to keep, none for all; see :func:`glimpsecli.annotations.labels.choose`.
    part : (int, int)
        Number of the part, and of all parts, which are contiguous and of equal length.
    inputs : sequence of str
        Other files that were read, and must not be written over.
    replace : bool
        Whether files of an earlier run may be replaced.
    problems : sequence of str
        Problems of the sources, a line each.
    clips : Clips, optional
        The videos of the sources that are frames.
    failures : mapping of str to GlimpseError, optional
        The errors of sources that are known to fail, by path.

    Raises
    ------
    InvalidInputError
        Something is wrong that can be known before any work.
    """
    file_format = chosen_format(output)
    check_folder_output(output, file_format)
    found = list(problems)
    matched: dict[str, Annotated] = {}
    choice: Choice | None = None
    if annotations is not None:
        from glimpsecli.annotations.labels import choose
        from glimpsecli.annotations.matching import match_all

        choice = choose(annotations.images.values(), labels) if labels else None
        matched, strangers = match_all(annotations, [source.relative for source in sources])
        found += annotations.problems
        found += [f"{one.where}: no image {one.image!r} is among the sources" for one in strangers]
        requests = [_requests(matched.get(source.relative), choice) for source in sources]
    names = name_files(sources, [labels_of(asked, how.shaping.retina) for asked in requests], output, file_format)
    known = failures or {}
    items = [
        Item(
            source.path,
            tuple(asked),
            targets,
            matched.get(source.relative),
            failure=known.get(source.path),
            at=source.at,
        )
        for source, asked, targets in zip(sources, requests, names, strict=True)
    ]
    asked_for = dict.fromkeys(request for item in items for request in item.requests)
    one_for_all = annotations is not None or any(isinstance(request, RandomRequest) for request in asked_for)
    tried = list(asked_for)
    try_out(tried[:1] if one_for_all else tried, how)
    check_idle(how, [request for item in items for request in item.requests], output, file_format)
    output = output._replace(overwrite=output.overwrite or replace)
    read, root = [*dict.fromkeys(source.path for source in sources), *inputs], output.target
    number, parts = part
    if parts > 1:  # names of different parts may not collide either
        check_outputs(targets_of(items), read, overwrite=True, root=root)
    start, stop = (len(items) * k // parts for k in (number - 1, number))
    mine = tuple(item for item in items[start:stop] if item.requests)
    check_outputs(targets_of(mine), read, overwrite=output.overwrite, root=root)
    return Plan(mine, how, output, file_format, root=root, problems=tuple(found) if number == 1 else (), clips=clips)


def _requests(annotated: Annotated | None, choice: Choice | None) -> list[Request]:
    boxes = annotated.boxes if annotated is not None else ()
    return [BoxRequest(box) for box in boxes if choice is None or choice.takes(box)]


def check_part(text: str) -> tuple[int, int]:
    """Read a part, ``I/N``."""
    numbers = re.fullmatch("([0-9]{1,9})/([0-9]{1,9})", text)
    if numbers is None or not 1 <= int(numbers[1]) <= int(numbers[2]):
        raise InvalidInputError(f"{text!r} is not a part", "write I/N, such as 2/8, from 1/8 to 8/8")
    return int(numbers[1]), int(numbers[2])
