"""The images of an earlier run that are done: their lines and files are as the plan makes them."""

from __future__ import annotations

import json
import os
from functools import partial
from typing import TYPE_CHECKING, Any

from glimpsecli.errors import GlimpseError, InvalidInputError
from glimpsecli.jobs.decoding import decoded_as, upright_size_of
from glimpsecli.jobs.engine import content_hash, frame_of, identity_of, origin_of, placements_of
from glimpsecli.jobs.lines import key_of, line_of, read_lines
from glimpsecli.jobs.pool import in_order
from glimpsecli.jobs.records import planned

if TYPE_CHECKING:
    from glimpsecli.jobs.plan import Item, Plan

    Key = tuple[str, int | None]


def done_lines(plan: Plan, path: str, *, quick: bool, workers: int = 1, whole: bool = True) -> dict[Key, list[str]]:
    """Give the lines of the images that need not be made again, by the keys of their items, in the order of the plan.

    Parameters
    ----------
    plan : Plan
    path : str
        The ``metadata.jsonl`` of the earlier run.
    quick : bool
        Whether sources and glimpses are compared with the lines by their size alone, without opening them; otherwise
        the hash of their content must be the same, too.
    workers : int
        Images that are checked at once.
    whole : bool
        Whether the plan is that of all images, not of a part of them.

    Raises
    ------
    InvalidInputError
        The earlier run left a glimpse of an image that is not in the plan.
    """
    found: dict[Key, list[str]] = {}
    targets = {os.path.normpath(target) for item in plan.items for target in item.targets}
    for line, row in read_lines(path) if os.path.lexists(path) else ():
        if row is None:
            continue
        found.setdefault(key_of(row), []).append(line)
        file = os.path.normpath(os.path.join(plan.output.target, row["file_name"]))
        if whole and file not in targets and os.path.isfile(file):
            raise InvalidInputError(
                f"{file} was made of {row['source']}, which is not among the images any more",
                "put the image back, or remove the glimpse",
            )
    known = [(item, found[item.key]) for item in plan.items if item.key in found]
    check = partial(_is_done, plan=plan, quick=quick)
    return {item.key: lines for (item, lines), done in zip(known, in_order(check, known, workers), strict=True) if done}


def size_of(path: str) -> int | None:
    """Give the size of a regular file in bytes; None where there is none."""
    try:
        return os.stat(path).st_size if os.path.isfile(path) else None
    except OSError:
        return None


def _is_done(known: tuple[Item, list[str]], plan: Plan, *, quick: bool) -> bool:
    """Return whether the lines of an image are those that the plan would write for the files on disk."""
    item, lines = known
    rows = [json.loads(line) for line in lines]
    try:
        records = _from_lines(item, rows[0], plan) if quick else _from_files(item, plan)
        return len(records) == len(rows) and all(
            (file := _file_of(record["file"], row, quick=quick)) is not None
            and line == line_of(record | file, plan.output.target)
            for line, row, record in zip(lines, rows, records, strict=True)
        )
    except (GlimpseError, OSError):  # the image is worked on again, and its failure is recorded then
        return False


def _from_files(item: Item, plan: Plan) -> list[dict[str, Any]]:
    """Give the records of an image as it is now."""
    with origin_of(item, plan) as origin:
        image_size = upright_size_of(origin, plan.how)
        placements = placements_of(item, plan, image_size)
        decoded = decoded_as(origin, placements, image_size, plan.how)
        records = planned(item, placements, image_size, plan.how, backend=plan.how.sampling.backend, decoded=decoded)
        known = {**identity_of(item, origin, plan), "of": len(records)}
    return [record | known for record in records]


def _from_lines(item: Item, row: dict[str, Any], plan: Plan) -> list[dict[str, Any]]:
    """Give the records of an image from its first line; none where the size of the image in bytes has changed."""
    if size_of(item.source) != row["source_bytes"]:
        return []
    image_size = row["image_size"]["height"], row["image_size"]["width"]
    placements = placements_of(item, plan, image_size)
    records = planned(item, placements, image_size, plan.how, backend=plan.how.sampling.backend, decoded=row["decoded"])
    known = {
        "source_hash": row["source_hash"],
        "source_bytes": row["source_bytes"],
        **frame_of(item),
        "of": len(records),
    }
    return [record | known for record in records]


def _file_of(path: str, row: dict[str, Any], *, quick: bool) -> dict[str, Any] | None:
    """Give the hash and the size of a glimpse's file; None where the size is not that of its line."""
    size = size_of(path)
    if size is None or size != row.get("file_bytes"):
        return None
    if quick:
        return {"file_hash": row.get("file_hash"), "file_bytes": size}
    with open(path, "rb") as file:
        content = file.read()
    return {"file_hash": content_hash(content), "file_bytes": len(content)}
