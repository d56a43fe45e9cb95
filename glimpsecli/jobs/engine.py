"""The engine of plans: it reads each image, makes and writes its products, and gives the outcome."""

from __future__ import annotations

import io
import os
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from glimpsecli import images
from glimpsecli.errors import ExitCode, FileProblemError, GlimpseError
from glimpsecli.images.atomic import place
from glimpsecli.jobs.decoding import Origin, decode, upright_size_of
from glimpsecli.jobs.glimpses import look_at
from glimpsecli.jobs.outputs import make_folder
from glimpsecli.jobs.plan import STREAM, Item, Plan
from glimpsecli.jobs.pool import Budget, in_order
from glimpsecli.jobs.products import Product, View
from glimpsecli.jobs.records import planned
from glimpsecli.jobs.requests import Placement
from glimpsecli.window import Size

_NOTHING = np.empty((0, 0, 0), np.uint8)


class Done(NamedTuple):
    """The outcome of an image, or of the one file for all glimpses.

    Attributes
    ----------
    source : str
    products : tuple of Product
        Products that were written.
    failure : GlimpseError or None
        The reason why there are no more.
    too_small : int
        Number of windows that were dropped.
    """

    source: str
    products: tuple[Product, ...] = ()
    failure: GlimpseError | None = None
    too_small: int = 0


def run(
    plan: Plan, items: Iterable[Item] | None = None, *, workers: int = 1, stop: threading.Event | None = None
) -> Iterator[Done]:
    """Run a plan in its order; the failure of an image does not stop the others.

    Parameters
    ----------
    plan : Plan
    items : iterable of Item, optional
        Items of the plan to work on; all by default.
    workers : int
        Images that are worked on at once.
    stop : threading.Event, optional
        Once it is set no image is begun.

    Yields
    ------
    Done
        The outcome of each image. The one file for all glimpses is written after the images, unless one failed or the
        run was stopped; its outcome comes last.
    """
    budget = Budget() if workers > 1 else None
    kept: list[Product] = []
    failed = False
    for done in in_order(lambda item: _work(item, plan, budget), plan.items if items is None else items, workers, stop):
        if plan.container is None:
            yield done
            continue
        failed = failed or done.failure is not None
        kept += done.products
        yield done._replace(products=())
    stopped = stop is not None and stop.is_set()
    if plan.container is not None and not failed and not stopped:
        yield _write_container(kept, plan, plan.container)


def preview(plan: Plan) -> Iterator[dict[str, Any] | Done]:
    """Preview a plan from the headers of the images: give the records, without a backend, and the failures."""
    for item in plan.items:
        if item.failure is not None:
            yield Done(item.source, failure=item.failure)
            continue
        try:
            origin = origin_of(item, plan)
            image_size = upright_size_of(origin, plan.how)
            with _named(item):
                placements = placements_of(item, plan, image_size)
                if plan.make_products is not None:
                    yield from ({"source": item.source, "file": target} for target in item.targets)
                    continue
                yield from planned(item, placements, image_size, plan.how)
        except GlimpseError as error:
            yield Done(item.source, failure=error)


def exit_code(failures: Sequence[Done], plan: Plan) -> ExitCode:
    """Give the exit code of a run: that of the failures where all images failed alike, else 1 for any failure."""
    codes = {done.failure.exit_code for done in failures if done.failure is not None}
    if not codes and not plan.problems:
        return ExitCode.DONE
    alike = len(codes) == 1 and not plan.problems and len(failures) >= len(plan.items)
    return codes.pop() if alike else ExitCode.FAILED


def _work(item: Item, plan: Plan, budget: Budget | None) -> Done:
    """Read an image, make all its products, and only then write them."""
    if item.failure is not None:
        return Done(item.source, failure=item.failure)
    written: list[Product] = []
    try:
        origin = origin_of(item, plan)
        with budget.hold(_memory(origin, plan)) if budget is not None else nullcontext():
            if item.targets or plan.make_products is None:
                whole = plan.make_products is not None
                view, placements = decode(origin, lambda size: placements_of(item, plan, size), plan.how, whole=whole)
            else:  # numbers only, which need no pixels
                image_size = upright_size_of(origin, plan.how)
                view = View(images.Picture(np.empty((*image_size, 0), np.uint8)), image_size)
                placements = placements_of(item, plan, image_size)
            with _named(item):
                products = (plan.make_products or look_at)(view, item, placements, plan)
        known: dict[str, str | int] = {}
        if plan.root is not None and origin.content is not None:
            known = {"source_hash": content_hash(origin.content), "source_bytes": len(origin.content)}
            known["of"] = len(products)
        for product in products:
            product.record["file"] = target = item.targets[product.record["index"]] if item.targets else None
            product.record.update(known)
            if plan.container is None:
                if target is not None:
                    product.record.update(_write(product, target, plan))
                product = product._replace(pixels=_NOTHING)  # they are not needed any more
            written.append(product)
        return Done(item.source, tuple(written), too_small=sum(placement.too_small for placement in placements))
    except GlimpseError as error:
        return Done(item.source, tuple(written), error)
    except MemoryError:
        lack = FileProblemError(f"{item.source}: not enough memory", "ask for smaller glimpses")
        return Done(item.source, tuple(written), lack)


def content_hash(content: bytes | memoryview) -> str:
    """Give the hash by which a file is recognised."""
    import hashlib

    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def origin_of(item: Item, plan: Plan) -> Origin:
    """Find an image; standard input and the images of a batch are read at once; a changed file is refused."""
    if item.source == STREAM or plan.root is None:
        return Origin.of(item.source)
    if os.path.exists(item.source) and not os.path.isfile(item.source):  # a FIFO would be waited for, perhaps for ever
        raise FileProblemError(f"{item.source} is no regular file", "leave it out with --exclude")
    with images.opened(item.source) as (stream, label):
        content = stream.read()
    if item.digest is not None and content_hash(content) != item.digest:
        raise FileProblemError(f"{label} has changed since", "put the old file back, or run batch anew")
    return Origin(item.source, content)


def _memory(origin: Origin, plan: Plan) -> int:
    """Estimate the bytes that an image will take at the peak of its decoding, or of drawing on it."""
    from glimpsecli.images.memory import memory_of

    how = plan.how
    height, width, decoding = memory_of(origin.open(), frame=how.frame, max_pixels=how.max_pixels, name=origin.name)
    # The photo, its float32 layer, the picture, and the memory to store it: 24 bytes for a pixel of 8 bit.
    working = decoding if plan.make_products is None else max(24 * height * width, 2 * decoding)
    return working + len(origin.content or b"")


def placements_of(item: Item, plan: Plan, image_size: Size) -> list[Placement]:
    """Tie the requests of an item to its image, whose size must be the one that its annotations claim."""
    if item.annotated is not None:
        from glimpsecli.annotations.matching import check_size

        check_size(item.annotated, image_size)
    return [placement for request in item.requests for placement in request.placements(image_size, plan.how.shaping)]


@contextmanager
def _named(item: Item) -> Iterator[None]:
    """Name the image in the errors of the block."""
    try:
        yield
    except GlimpseError as error:
        raise type(error)(f"{item.source}: {error.message}", error.hint) from error


def _write(product: Product, target: str, plan: Plan) -> dict[str, str | int]:
    """Write a product; of a batch, encode it in memory first, and give the hash and the size of the file."""
    if plan.root is None:
        make_folder(target)
        _encode(product, _opened(target), plan)
        return {}
    check_inside(target, plan.root)
    make_folder(target)
    stream = io.BytesIO()
    _encode(product, stream, plan)
    content = stream.getbuffer()
    place(target, lambda file: file.write(content), overwrite=plan.output.overwrite)
    return {"file_hash": content_hash(content), "file_bytes": len(content)}


def _encode(product: Product, target: str | BinaryIO, plan: Plan) -> None:
    images.write(
        target,
        product.pixels,
        format=plan.format,
        alpha=product.alpha,
        icc=product.icc,
        quality=plan.output.quality,
        compress=plan.output.compress,
        overwrite=plan.output.overwrite,
    )


def _write_container(kept: Sequence[Product], plan: Plan, target: str) -> Done:
    from glimpsecli.jobs.container import arrays_of

    try:
        make_folder(target)
        images.write_npz(_opened(target), arrays_of(kept), overwrite=plan.output.overwrite)
        return Done(target, tuple(kept))
    except GlimpseError as error:
        return Done(target, failure=error)


def _opened(target: str) -> str | BinaryIO:
    return sys.stdout.buffer if target == STREAM else target


def check_inside(target: str, root: str) -> None:
    """Refuse to follow a symbolic link out of the output folder."""
    real, inside = os.path.realpath(target), os.path.realpath(root)
    if os.path.commonpath([real, inside]) != inside:
        raise FileProblemError(f"{target} leads out of {root}, to {real}", "remove the symbolic link")
