"""The writing of a shard, its tar and then its receipt, by whoever has made its glimpses."""

from __future__ import annotations

import hashlib
import json
import posixpath
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from glimpsecli.errors import FileProblemError, InvalidInputError
from glimpsecli.jobs.lines import line_of
from glimpsecli.jobs.sharding import Receipt
from glimpsecli.jobs.syncing import sync_files
from glimpsecli.storage import is_address, path_of, shown, storage_of
from glimpsecli.storage.tars import Tar

if TYPE_CHECKING:
    from glimpsecli.jobs.plan import Item, Plan
    from glimpsecli.jobs.products import Done
    from glimpsecli.jobs.sharding import Sharding

LARGE = 1_000_000_000
"""Bytes of a shard above which the user is warned: it is held in memory while it is made."""

_LOSSLESS = ("png", "tiff", "npy")


def write_shard(sharding: Sharding, number: int, group: Sequence[Done], plan: str, *, overwrite: bool) -> Receipt:
    """Write the tar of a shard, and then its receipt.

    Parameters
    ----------
    sharding : Sharding
    number : int
    group : sequence of Done
        Outcomes of its images, whose products have their bytes.
    plan : str
        What :func:`digest_of` gives.
    overwrite : bool
        Whether another file is replaced; the same one, of a worker that was lost after it had written, never stands in
        the way.

    Raises
    ------
    GlimpseError
        The disk or the store refuses.
    """
    tar, lines, failed = Tar(), list[str](), 0
    for done in group:
        failed += done.failure is not None
        for product in done.products if done.failure is None else ():
            assert product.content is not None
            line = line_of(product.record, sharding.folder)
            name = json.loads(line)["file_name"]
            tar.add(name, product.content)
            tar.add(f"{posixpath.splitext(name)[0]}.json", line.encode("ascii"))
            lines.append(line)
    content = tar.finish()
    checksum, of_lines = (hashlib.sha256(one).hexdigest() for one in (content, "".join(lines).encode()))
    receipt = Receipt(number, len(lines), failed, len(content), checksum, of_lines, plan)
    _put(sharding.path(number), content, overwrite=overwrite)
    last = json.dumps(receipt._asdict()) + "\n"
    _put(sharding.receipt(number), "".join([*lines, last]).encode("ascii"), overwrite=overwrite)
    return receipt


def _put(path: str, content: bytes, *, overwrite: bool) -> None:
    """Write a file, unless it is there, and wait until it is on the disk."""
    storage = storage_of(path)
    try:
        storage.put(path_of(path), content, overwrite=overwrite)
    except InvalidInputError as error:
        if storage.read(path_of(path)) != content:
            raise FileProblemError(
                f"{shown(path)} has come meanwhile", "move it away, and go on with --resume"
            ) from error
    if not is_address(path):
        sync_files([path])


def digest_of(items: Sequence[Item], plan: Plan) -> str:
    """Give a hash of the items of a shard, and of how they are made."""
    folder, output = plan.output.target, plan.output._replace(target="", overwrite=False, resumed=False)
    digest = hashlib.sha256(repr((plan.how, plan.format.name, output)).encode())
    for item in items:
        names = [target.removeprefix(folder) for target in item.targets]
        digest.update(repr((*item.key, item.requests, names)).encode())
    return digest.hexdigest()


def bound_of(items: Iterable[Item], plan: Plan) -> int | None:
    """Give the bytes that the glimpses of a shard have before any compression, at 8 bits and three channels.

    None where the size of glimpses is not given, or the format has losses and files are far smaller.
    """
    size = plan.how.shaping.size
    if size.is_open or plan.format.name not in _LOSSLESS:
        return None
    pixels = (size.height or size.longer or 0) * (size.width or size.longer or 0)
    return 3 * pixels * sum(len(item.targets) for item in items)
