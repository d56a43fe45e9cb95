"""Runs a plan: for each image read, look, write, tell."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from glimpsecli import images
from glimpsecli.errors import ExitCode, FileProblemError, GlimpseError, InvalidInputError
from glimpsecli.images.picture import Array
from glimpsecli.jobs.glimpses import Glimpse, look_at
from glimpsecli.jobs.plan import STREAM, Item, Plan
from glimpsecli.jobs.records import record, window_row
from glimpsecli.jobs.requests import Sight
from glimpsecli.window import Size


class Failure(NamedTuple):
    """An image, or the one file for all glimpses, that failed."""

    source: str
    error: GlimpseError


def run(plan: Plan) -> Iterator[Glimpse | Failure]:
    """Do what a plan says, in its order; one image's failure does not stop the others.

    A glimpse is given out when it is written. One file for all of them is written at the end, if nothing failed.
    """
    kept: list[Glimpse] = []
    failed = False
    for item in plan.items:
        try:
            for seen, target in zip(_seen(item, plan), item.targets, strict=True):
                seen.record["file"] = target
                if plan.container is None:
                    _write(seen, target, plan)
                    yield seen
                else:
                    kept.append(seen)
        except GlimpseError as error:
            failed = True
            yield Failure(item.source, error)
        except MemoryError:
            failed = True
            lack = FileProblemError(f"{item.source}: not enough memory", "ask for smaller glimpses")
            yield Failure(item.source, lack)
    if plan.container is None or failed:
        return
    try:
        _make_folder(plan.container)
        images.write_npz(_opened(plan.container), _arrays(kept), overwrite=plan.output.overwrite)
        yield from kept
    except GlimpseError as error:
        yield Failure(plan.container, error)


def preview(plan: Plan) -> Iterator[dict[str, Any] | Failure]:
    """Tell what a plan would do, from the headers of the images: the records without a backend."""
    for item in plan.items:
        try:
            source, name = _source(item)
            image_size = images.upright_size(source, frame=plan.how.frame, name=name)
            with _named(item):
                sights = _sights(item, plan, image_size)
                rows = [
                    record(item.source, index, sight, image_size, sampler=plan.how.chosen_sampler, blur=plan.how.sigma)
                    for index, sight in enumerate(sights)
                ]
            for row, target in zip(rows, item.targets, strict=True):
                yield row | {"file": target}
        except GlimpseError as error:
            yield Failure(item.source, error)


def exit_code(failures: Sequence[Failure], plan: Plan) -> ExitCode:
    """Give the exit code of a run: that of the failures where all images failed alike, or else a plain failure."""
    if not failures:
        return ExitCode.DONE
    codes = {failure.error.exit_code for failure in failures}
    return codes.pop() if len(codes) == 1 and len(failures) >= len(plan.items) else ExitCode.FAILED


def _seen(item: Item, plan: Plan) -> list[Glimpse]:
    """Read an image and look at it, before anything is written."""
    source, name = _source(item)
    picture = images.read(source, frame=plan.how.frame, name=name)
    with _named(item):
        return look_at(picture, item.source, _sights(item, plan, picture.pixels.shape[:2]), plan)


def _source(item: Item) -> tuple[str | BinaryIO, str | None]:
    """Give what to read, and what messages call it."""
    if item.source != STREAM:
        return item.source, None
    if sys.stdin is None:
        raise InvalidInputError("standard input is closed", "name a file")
    return sys.stdin.buffer, "standard input"


def _sights(item: Item, plan: Plan, image_size: Size) -> list[Sight]:
    return [sight for request in item.requests for sight in request.sights(image_size, plan.how.shaping)]


@contextmanager
def _named(item: Item) -> Iterator[None]:
    """Name the image in whatever goes wrong with it."""
    try:
        yield
    except GlimpseError as error:
        raise type(error)(f"{item.source}: {error.message}", error.hint) from error


def _write(seen: Glimpse, target: str, plan: Plan) -> None:
    _make_folder(target)
    images.write(
        _opened(target),
        seen.pixels,
        format=plan.format,
        alpha=seen.alpha,
        icc=seen.icc,
        quality=plan.output.quality,
        compress=plan.output.compress,
        overwrite=plan.output.overwrite,
    )


def _opened(target: str) -> str | BinaryIO:
    return sys.stdout.buffer if target == STREAM else target


def _make_folder(target: str) -> None:
    try:
        os.makedirs(os.path.dirname(target) or ".", exist_ok=True)
    except OSError as error:
        raise FileProblemError(
            f"{target}: its folder cannot be made: {error.strerror or error}", "choose another place"
        ) from None


def _arrays(kept: Sequence[Glimpse]) -> dict[str, Array]:
    """Lay glimpses out for one ``.npz``.

    ``glimpses`` is (N, h, w, C) where all are of one shape and type, otherwise there is a ``glimpse_0000`` for each;
    ``windows`` is (N, 5) with NaN where no window has the taps, ``matrices`` (N, 2, 3), ``sources`` and ``labels``
    (N,).
    """
    pixels = [seen.pixels for seen in kept]
    if len({(array.shape, array.dtype) for array in pixels}) == 1:
        arrays: dict[str, Array] = {"glimpses": np.stack(pixels)}
    else:
        arrays = {f"glimpse_{index:04d}": array for index, array in enumerate(pixels)}
    told = [seen.record for seen in kept]
    return arrays | {
        "windows": np.stack([window_row(one) for one in told]),
        "matrices": np.array([one["matrix"] for one in told]),
        "sources": np.array([one["source"] for one in told]),
        "labels": np.array([one["label"] or "" for one in told]),
    }
