"""The plan of pictures that are made of whole images: masks, overlays, comparisons."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from glimpsecli.errors import InvalidInputError
from glimpsecli.jobs.outputs import (
    check_folder_output,
    check_outputs,
    check_single,
    chosen_format,
    is_folder,
    target_names,
    targets_of,
)
from glimpsecli.jobs.plan import How, Item, Output, Plan
from glimpsecli.jobs.planning import by_image, check_folder_is_there, check_idle, check_sources, try_out
from glimpsecli.jobs.requests import BoxRequest, Request
from glimpsecli.jobs.sources import Source

if TYPE_CHECKING:
    from glimpsecli.errors import GlimpseError
    from glimpsecli.jobs.plan import Looking


def make_picture_plan(
    sources: Sequence[Source],
    requests: Sequence[Request],
    how: How,
    output: Output,
    looking: Looking,
    *,
    noun: str,
    labels: Sequence[Sequence[str]] | None = None,
    figure: bool = False,
    inputs: Sequence[str] = (),
    problems: Sequence[str] = (),
    failures: Mapping[str, GlimpseError] | None = None,
) -> Plan:
    """Plan pictures of some images.

    Parameters
    ----------
    sources : sequence of Source
        Files, or ``-`` for standard input; see :func:`named_sources`.
    requests : sequence of Request
        Where to look in each image; none: the whole image.
    how : How
    output : Output
        The target is a file, a folder, ``-``, or nothing, where nothing is to be written.
    looking : callable
        What makes the pictures of an image.
    noun : str
        What a picture is called.
    labels : sequence of sequence of str, optional
        For each source a label for each of its pictures; one picture each by default.
    figure : bool
        Whether the pictures are figures: 8 bit, without alpha.
    inputs : sequence of str
        Other files that are read, and must not be written over.
    problems : sequence of str
        What went wrong with the sources.
    failures : mapping of str to GlimpseError, optional
        By path, why nothing can be made of a source.

    Raises
    ------
    InvalidInputError
        Something is wrong that can be known before any work.
    """
    paths = [source.path for source in sources]
    twice = next((path for path, count in Counter(paths).items() if count > 1), None)
    if twice is not None:
        raise InvalidInputError(f"{twice} is given twice", "give each image once")
    try_out(requests, how)
    wanted = by_image(paths, requests or [BoxRequest()])
    named = [[(label, 1) for label in one] for one in labels or [[""]] * len(sources)]
    file_format = chosen_format(output)
    if output.target and file_format.container:
        raise InvalidInputError(f"a {file_format.title} holds glimpses, not a {noun}", "use .npy, .png or .tiff")
    if figure and output.depth not in (None, "8"):
        raise InvalidInputError(f"--depth {output.depth} with a figure, which has 8 bit", "leave it out")
    check_idle(how, requests, output, file_format._replace(alpha=file_format.alpha and not figure))
    if not output.target:
        targets: list[tuple[str, ...]] = [() for _ in sources]
    elif is_folder(output.target):
        single = all(len(one) == 1 for one in named)
        output = output._replace(name=output.name or ("{stem}" if single else None))
        check_folder_output(output, file_format)
        targets = [
            target_names(source.path, one, output, file_format, os.path.dirname(source.relative))
            for source, one in zip(sources, named, strict=True)
        ]
    else:
        check_single(output, file_format, sum(map(len, named)), noun)
        targets = [(output.target,)]
    check_folder_is_there()
    known = failures or {}
    items = [
        Item(path, tuple(asked), names, failure=known.get(path))
        for path, asked, names in zip(paths, wanted, targets, strict=True)
        if asked
    ]
    check_outputs(targets_of(items), [*paths, *inputs], overwrite=output.overwrite, noun=noun)
    return Plan(tuple(items), how, output, file_format, problems=tuple(problems), looking=looking, noun=noun)


def named_sources(paths: Sequence[str]) -> list[Source]:
    """Give the sources of images that are named one by one; one that is not there, or is a folder, is refused."""
    check_sources(paths)
    return [Source(path, os.path.basename(path)) for path in paths]
