"""The engine of plans: it reads each image, makes and writes its products, and gives the outcome."""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, BinaryIO

import numpy as np

from glimpsecli import images
from glimpsecli.errors import DiskFullError, FileProblemError, FrameProblemError, GlimpseError, InvalidInputError
from glimpsecli.jobs.container import gathered
from glimpsecli.jobs.decoding import Origin, decode, upright_size_of
from glimpsecli.jobs.glimpses import look_at
from glimpsecli.jobs.outputs import make_folder, opened
from glimpsecli.jobs.plan import STREAM, Item, Plan
from glimpsecli.jobs.pool import Budget, in_order
from glimpsecli.jobs.products import NOTHING, Done, Product, View
from glimpsecli.jobs.records import planned
from glimpsecli.jobs.requests import Placement
from glimpsecli.storage import is_address, path_of, place, storage_of
from glimpsecli.window import Size


def run(
    plan: Plan, items: Iterable[Item] | None = None, *, workers: int = 1, stop: threading.Event | None = None,
    is_done: Callable[[Item], bool] | None = None,
) -> Iterator[Done]:  # fmt: skip
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
    is_done : callable, optional
        Asked of each item that an earlier run has left lines of; those that are done are not made again.

    Yields
    ------
    Done
        The outcome of each image, and last that of the one file for all of them, where there is one; see
        :func:`glimpsecli.jobs.container.gathered`.
    """
    budget = Budget() if workers > 1 else None
    todo = plan.items if items is None else items

    def work(item: Item) -> Done:
        if _stands(item, is_done):
            return Done(item.label, at=item.at, skipped=True, lines=item.lines, shard=item.shard)
        return _work(item, plan, budget)._replace(shard=item.shard)

    outcomes = in_order(work, todo, workers, stop)
    try:
        yield from outcomes if plan.container is None else gathered(outcomes, plan, plan.container, stop)
    finally:
        outcomes.close()  # and so wait for the threads that read clips
        if plan.clips is not None:
            plan.clips.close()


def preview(
    plan: Plan, items: Iterable[Item], is_done: Callable[[Item], bool] | None = None
) -> Iterator[dict[str, Any] | Done]:
    """Preview items of a plan from the headers of the images: give the records, without a backend, and failures.

    Parameters
    ----------
    plan, items, is_done
        As for :func:`run`; there is nothing to preview of an item that is done.
    """
    for item in items:
        if _stands(item, is_done):
            continue
        if item.failure is not None:
            yield Done(item.label, failure=item.failure)
            continue
        try:
            with origin_of(item, plan) as origin, _named(item):
                image_size = upright_size_of(origin, plan.how)
                placements = placements_of(item, plan, image_size)
            plan.dropped.update(placement.dropped for placement in placements if placement.dropped is not None)
            if plan.make_products is not None:
                yield from ({"source": item.name, "file": target} for target in item.targets)
                continue
            for row in planned(item, placements, image_size, plan.how):
                if plan.sharding is not None:
                    row["file"] = (
                        f"{plan.sharding.path(item.shard or 0)}/{row['file'].removeprefix(plan.output.target)}"
                    )
                yield row
        except GlimpseError as error:
            yield Done(item.label, failure=error)


def _stands(item: Item, is_done: Callable[[Item], bool] | None) -> bool:
    """Return whether an earlier run has made an item."""
    return item.stands or bool(is_done is not None and item.lines and item.failure is None and is_done(item))


def _work(item: Item, plan: Plan, budget: Budget | None) -> Done:
    """Read an image, make all its products, and only then write them."""
    if item.failure is not None:
        return Done(item.label, failure=item.failure)
    written: list[Product] = []
    try:
        with ExitStack() as held:
            origin = held.enter_context(origin_of(item, plan))
            if budget is not None:
                held.enter_context(budget.hold(_memory(origin, plan)))
            if item.targets or plan.make_products is None:
                whole = plan.make_products is not None
                view, placements = decode(origin, lambda size: placements_of(item, plan, size), plan.how, whole=whole)
            else:  # numbers only, which need no pixels
                image_size = upright_size_of(origin, plan.how)
                view = View(images.Picture(np.empty((*image_size, 0), np.uint8)), image_size)
                placements = placements_of(item, plan, image_size)
            with _named(item):
                products = (plan.make_products or look_at)(view, item, placements, plan)
        known = frame_of(item)
        if plan.root is not None:
            known = {**identity_of(item, origin, plan), "of": len(products)}
        for product in products:
            product.record["file"] = target = item.targets[product.record["index"]] if item.targets else None
            product.record.update(known)
            if plan.container is None:
                if target is not None:
                    product = _write(product, target, plan, known=bool(item.lines))
                product = product._replace(pixels=NOTHING)  # they are not needed any more
            written.append(product)
        dropped = tuple(placement.dropped for placement in placements if placement.dropped is not None)
        return Done(item.label, tuple(written), dropped=dropped, at=item.at)
    except DiskFullError:
        raise
    except GlimpseError as error:
        return Done(item.label, tuple(written), error, at=item.at)
    except MemoryError:
        lack = FileProblemError(f"{item.name}: not enough memory", "ask for smaller glimpses")
        return Done(item.label, tuple(written), lack, at=item.at)


def frame_of(item: Item) -> dict[str, Any]:
    """Give the fields that the record of a video's frame has besides."""
    return {} if item.at is None else {"frame": item.at.number, "time": float(item.at.time)}


def identity_of(item: Item, origin: Origin, plan: Plan) -> dict[str, Any]:
    """Give the fields by which a manifest recognises the source of an item: the hash and size of its file."""
    if item.at is not None and plan.clips is not None:
        digest, size = plan.clips.digest(item.source)
        return {"source_hash": digest, "source_bytes": size, **frame_of(item), **dict(item.fields)}
    content = origin.content or b""
    return {"source_hash": content_hash(content), "source_bytes": len(content), **dict(item.fields)}


def content_hash(content: bytes | memoryview) -> str:
    """Give the hash by which a file is recognised."""
    import hashlib

    return f"sha256:{hashlib.sha256(content).hexdigest()}"


@contextmanager
def origin_of(item: Item, plan: Plan) -> Iterator[Origin]:
    """Find an image; standard input and the images of a batch are read at once; a changed file is refused."""
    if item.at is not None and plan.clips is not None:
        if item.digest is not None and plan.clips.digest(item.source)[0] != item.digest:
            raise FrameProblemError(f"{item.source} has changed since", "put the old file back, or run batch anew")
        with plan.clips.held(item.source) as clip:
            yield Origin(clip.label, clip=clip, frame=item.at.index)
    else:
        yield _image_origin(item, plan)


def _image_origin(item: Item, plan: Plan) -> Origin:
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
    if origin.clip is not None:
        return 24 * origin.clip.size[0] * origin.clip.size[1]
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
        raise type(error)(f"{item.name}: {error.message}", error.hint) from error


def _write(product: Product, target: str, plan: Plan, *, known: bool) -> Product:
    """Write a product; of a batch, encode it in memory first, and note the hash and the size of the file.

    A member of a shard keeps its bytes, which go into the shard when all of them are there. In a run that is resumed a
    file is replaced if its image is `known`, as one that has lines; a killed run leaves files without lines, which
    are as they would be written.
    """
    if plan.root is None:
        make_folder(target)
        _encode(product, opened(target), plan)
        return product
    stream = io.BytesIO()
    _encode(product, stream, plan)
    content = stream.getbuffer()
    product.record.update({"file_hash": content_hash(content), "file_bytes": len(content)})
    if plan.sharding is not None:
        return product._replace(content=content.tobytes())
    check_inside(target, plan.root)
    make_folder(target)
    overwrite = plan.output.overwrite or (plan.output.resumed and known)
    try:
        place(target, lambda file: file.write(content), overwrite=overwrite)
    except InvalidInputError:
        if not plan.output.resumed or storage_of(target).read(path_of(target)) != content:
            raise
    return product


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


def check_inside(target: str, root: str) -> None:
    """Refuse to follow a symbolic link out of the output folder."""
    if is_address(root):
        return
    real, inside = os.path.realpath(target), os.path.realpath(root)
    if os.path.commonpath([real, inside]) != inside:
        raise FileProblemError(f"{target} leads out of {root}, to {real}", "remove the symbolic link")
