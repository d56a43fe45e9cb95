"""One file for many glimpses: a ``.npz``, or a film."""

from __future__ import annotations

import re
import shutil
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from glimpsecli import images
from glimpsecli.errors import GlimpseError
from glimpsecli.jobs.filming import even_sided
from glimpsecli.jobs.outputs import make_folder, opened
from glimpsecli.jobs.plan import STREAM
from glimpsecli.jobs.products import NOTHING, Done, Product
from glimpsecli.jobs.records import window_row
from glimpsecli.storage import is_address, path_of, storage_of
from glimpsecli.storage.atomic import placing

if TYPE_CHECKING:
    from glimpsecli.images.picture import Array
    from glimpsecli.jobs.plan import Plan
    from glimpsecli.video.film import FilmOptions


def gathered(outcomes: Iterator[Done], plan: Plan, target: str, stop: threading.Event | None = None) -> Iterator[Done]:
    """Gather the products of a run in one file.

    A ``.npz`` holds the glimpses of all images or none. A film holds the frames up to one that is missing, since what
    comes before it is good. Neither is written where the run was stopped.

    Yields
    ------
    Done
        The outcome of each image, without products, and last that of the file.
    """
    stop = stop or threading.Event()
    return (
        _in_npz(outcomes, plan, target, stop)
        if plan.film is None
        else _in_film(outcomes, plan, target, plan.film, stop)
    )


def _in_npz(outcomes: Iterator[Done], plan: Plan, target: str, stop: threading.Event) -> Iterator[Done]:
    kept: list[Product] = []
    failed = False
    for done in outcomes:
        failed = failed or done.failure is not None
        kept += done.products
        yield done._replace(products=())
    if failed or stop.is_set():
        return
    try:
        make_folder(target)
        images.write_npz(opened(target), arrays_of(kept), overwrite=plan.output.overwrite)
        yield Done(target, tuple(kept))
    except GlimpseError as error:
        yield Done(target, failure=error)


_CLIPPED = re.compile(r"^[0-9]+ of [0-9]+ values")  # a note that is alike in all frames but for its numbers


class _AbandonedError(Exception):
    """No film is to be written."""


def _in_film(
    outcomes: Iterator[Done], plan: Plan, target: str, options: FilmOptions, stop: threading.Event
) -> Iterator[Done]:
    from glimpsecli.video.films import FILMS, open_film

    # Of glimpses each pixel counts; of drawn pictures the picture.
    drawn, muxed = plan.make_products is not None, FILMS[plan.format.name].muxer is not None
    evens = drawn and muxed and not options.lossless and options.pix_fmt is None
    frames, start, end, size, notes = 0, Fraction(0), Fraction(0), (0, 0), Counter[str]()
    try:
        make_folder(target)
        with placing_anywhere(target, overwrite=plan.output.overwrite) as stream:
            film = open_film(stream, plan.format.name, options)
            try:
                for done in outcomes:
                    for product in done.products:
                        assert done.at is not None
                        start = start if frames else done.at.time
                        pixels = even_sided(product.pixels) if evens else product.pixels
                        film.add(pixels, (done.at.time - start) / options.speed, alpha=product.alpha)
                        end, frames = (done.at.time + done.at.duration - start) / options.speed, frames + 1
                        size = pixels.shape[1], pixels.shape[0]
                        notes.update(_CLIPPED.sub("values", note) for note in product.notes)
                    yield done._replace(products=())
                    if done.failure is not None:
                        break
                if not frames or stop.is_set():
                    raise _AbandonedError
                film.finish(end)
            except BaseException:
                film.close()
                raise
    except _AbandonedError:
        return
    except GlimpseError as error:
        yield Done(target, failure=error)
        return
    record = {"file": target, "frames": frames, "width": size[0], "height": size[1], "duration": float(end)}
    shown = tuple(f"{many} frame{'s'[: many != 1]}: {note}" for note, many in notes.items())
    yield Done(target, (Product(NOTHING, False, None, record, shown),))


@contextmanager
def placing_anywhere(target: str, *, overwrite: bool) -> Iterator[BinaryIO]:
    """Give a seekable stream that becomes the target, or standard output, once the block has ended."""
    if target != STREAM and not is_address(target):
        with placing(target, overwrite=overwrite) as stream:
            yield stream
        return
    with tempfile.TemporaryFile() as spool:
        yield spool
        spool.seek(0)
        if is_address(target):
            storage_of(target).put(path_of(target), spool.read(), overwrite=overwrite)
            return
        shutil.copyfileobj(spool, sys.stdout.buffer)
        sys.stdout.buffer.flush()


def arrays_of(kept: Sequence[Product]) -> dict[str, Array]:
    """Lay glimpses out for one ``.npz``.

    ``glimpses`` is (N, h, w, C) where all are of one shape and type, otherwise there is a ``glimpse_0000`` for each;
    ``windows`` is (N, 5) with NaN where no window has the taps, as for projective ones; ``matrices`` is (N, 2, 3), or
    (N, 3, 3) of projective windows, whose corners then are ``quads`` (N, 4, 2); ``sources`` and ``labels`` are (N,). Of
    frames of videos there are ``frames`` (N,), their numbers, and ``times`` (N,), seconds.
    """
    pixels = [seen.pixels for seen in kept]
    if len({(array.shape, array.dtype) for array in pixels}) == 1:
        arrays: dict[str, Array] = {"glimpses": np.stack(pixels)}
    else:
        arrays = {f"glimpse_{index:04d}": array for index, array in enumerate(pixels)}
    records: list[dict[str, Any]] = [seen.record for seen in kept]
    if all(one["quad"] for one in records):
        arrays["quads"] = np.array([one["quad"] for one in records])
    if all("frame" in one for one in records):
        arrays |= {f"{name}s": np.array([one[name] for one in records]) for name in ("frame", "time")}
    return arrays | {
        "windows": np.stack([window_row(one) for one in records]),
        "matrices": np.array([one["matrix"] for one in records]),
        "sources": np.array([one["source"] for one in records]),
        "labels": np.array([one["label"] or "" for one in records]),
    }
