"""What the options of ``glimpse batch`` ask for: the annotations, where to look, and the cluster."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

import click

from glimpsecli.commands import lowering
from glimpsecli.commands.report import say

if TYPE_CHECKING:
    from glimpsecli.annotations.annotated import Annotations
    from glimpsecli.annotations.columns import Named
    from glimpsecli.annotations.filters import Filters
    from glimpsecli.jobs.cluster import Cluster
    from glimpsecli.jobs.groups import Source
    from glimpsecli.jobs.requests import Request
    from glimpsecli.jobs.shaping import Limits
    from glimpsecli.jobs.splitting import Split


def cluster_of(
    given: dict[str, Any], *, sharded: bool, idle: str | None
) -> tuple[str | None, AbstractContextManager[Cluster | None]]:
    """Take the options of a cluster; give its name, and the connection to it, which is made when it is entered.

    There is none where the option `idle` is given, for which no worker is needed.
    """
    scheduler, file, chunk = (given.pop(name) for name in ("scheduler", "scheduler_file", "chunk"))
    if scheduler is not None and file is not None:
        raise click.UsageError("--scheduler and --scheduler-file both name a cluster; use one of them.")
    if scheduler is None and file is None:
        lowering.refuse({"chunk": chunk}, ("chunk",), "belongs to --scheduler", unless=False)
        return None, nullcontext()
    if given["jobs"] is not None:
        raise click.UsageError(
            f"-j {given['jobs']} with --scheduler: leave -j out, for the workers of a cluster say how many they are."
        )
    if sharded and chunk is not None:
        raise click.UsageError("--chunk: a shard is what a worker is given at a time; use --per-shard.")
    from glimpsecli.jobs.connecting import address_in, address_of, cluster_at

    name, address = (file, address_in(file)) if scheduler is None else (scheduler, address_of(scheduler))
    note: Callable[[str], object] = (lambda line: None) if given["quiet"] else say
    if idle is not None:
        note(f"{idle} needs no worker: the scheduler {name} is not asked")
        return None, nullcontext()
    return name, cluster_at(address, name=name, chunk=chunk or None, note=note)


_FILTERS = (
    "labels", "excluded", "min_score", "max_per_class", "skip_crowd", "skip_truncated", "skip_difficult", "cut_out",
)  # fmt: skip


def annotations_of(given: dict[str, Any]) -> tuple[Annotations | None, Filters | None, float | None]:
    """Take the options of annotations; give them, the boxes that are wanted, and the share of objects to be listed."""
    path, names = given.pop("annotations"), ("annotations_format", "box_format", "box_unit")
    lowering.refuse(given, (*names, *_FILTERS, "objects"), "belongs to --annotations", unless=path is not None)
    file_format, box_format, unit = (given.pop(name) for name in names)
    asked = {name: given.pop(name) for name in _FILTERS}
    least_share = given.pop("objects")
    if path is None:
        return None, None, None
    from glimpsecli.annotations.filters import Filters
    from glimpsecli.annotations.reading import read_annotations

    outlined = asked.pop("cut_out")
    if outlined and given["fast_decode"]:
        raise click.UsageError("--cut-out with --fast-decode: outlines are those of the whole image; leave one out.")
    if outlined and least_share is not None:
        raise click.UsageError("--cut-out with --objects: what is cut off is not in a glimpse; leave one out.")
    found = read_annotations(
        path, file_format, box_format=box_format or "xywh", unit=unit or "pixels", outlines=outlined
    )
    if not given["quiet"]:
        many = len(found.images)
        say(f"{path}: {found.file_format}, boxes of {many} image{'s'[: many != 1]}")
        for note in found.notes:
            say(f"{path}: {note}")
    skipped = tuple(flag for flag in ("crowd", "truncated", "difficult") if asked.pop(f"skip_{flag}"))
    return found, Filters(**asked, skipped=skipped, seed=given["seed"] or 0, outlined=outlined), least_share


def limits_of(given: dict[str, Any]) -> Limits:
    """Take the options of the sizes of windows."""
    from glimpsecli.jobs.shaping import Limits

    names = ("min_size", "max_size", "min_area")
    limits = {name: value for name in names if (value := given.pop(name)) is not None}
    for name, value in limits.items():
        if not 0 <= value < float("inf"):
            raise click.UsageError(f"--{name.replace('_', '-')} {value:g} is not a number of pixels.")
    measured = {"size_of": given.pop("size_of")}
    lowering.refuse(measured, ("size_of",), "belongs to --min-size, --max-size and --min-area", unless=bool(limits))
    return Limits(**limits, of=measured["size_of"] or "box")


def split_of(given: dict[str, Any], table: str | None, *, sharded: bool) -> Split | None:
    """Take the options of splits; `table` is the file of annotations or windows, which may have columns for them."""
    split, group_by, only = (given.pop(name) for name in ("split", "group_by", "only"))
    lowering.refuse(
        {"group_by": group_by, "only": only}, ("group_by", "only"), "belongs to --split", unless=split is not None
    )
    if split is None:
        return None
    from glimpsecli.annotations.columns import read_column, read_lists
    from glimpsecli.errors import InvalidInputError
    from glimpsecli.jobs.layout import check_folder_name
    from glimpsecli.jobs.naming import safe
    from glimpsecli.jobs.splitting import Shares, Split, check_shares, folder_of_image

    def column(option: str, name: str) -> Named:
        if table in (None, "-"):
            raise click.UsageError(f"{option} {name} is a column of the file of --annotations or --windows; give one.")
        return read_column(str(table), name)

    by_chance = isinstance(split, dict) and all(isinstance(value, float) for value in split.values())
    if group_by is not None and not by_chance:
        raise click.UsageError(f"--group-by {group_by} is for shares, such as --split train=0.8,val=0.2.")
    group_of: Callable[[Source], str | None] | None = None
    if group_by == "folder":
        group_of = folder_of_image
    elif group_by is not None:
        of_column = column("--group-by", group_by)

        def group_of(source: Source) -> str | None:
            return of_column(source.relative)

    chosen: Shares | Named
    if by_chance:
        check_shares(split)
        chosen = Shares((*split,), (*split.values(),), given["seed"] or 0)
        names = chosen.names
    else:
        chosen = read_lists(split) if isinstance(split, dict) else column("--split", split)
        names = chosen.values
    for one in names:
        if safe(one) != one:
            raise InvalidInputError(f"the split {one!r} can be no folder", "rename it")
        check_folder_name(one, f"the split {one!r}")
    if only is not None and only not in names:
        raise click.UsageError(f"--only {only} is no split; there are {', '.join(names)}.")
    if sharded and only is None:
        raise click.UsageError("--split with shards: make them one split at a time, each with --only.")
    return Split(chosen, group_of, only)


def taken_of(
    given: dict[str, Any], *, annotated: bool, hashed: bool
) -> list[Request] | Callable[[Source], list[Request]]:
    """Take the options that say where to look; give the requests of all sources, or a function that gives each its.

    `annotated` images have boxes of their own; the seed has a use where images or boxes are `hashed`.
    """
    from glimpsecli.jobs.requests import BoxRequest, RandomRequest

    tiles, number, sides = given.pop("tiles"), given.pop("number"), given.pop("random_size")
    seed = given.pop("seed")
    requests = lowering.requests_of(given)
    used = [
        flag
        for flag, value in (
            ("--annotations", annotated), ("--tiles", tiles), ("--random", number), ("a window", requests),
        )
        if value
    ]  # fmt: skip
    if len(used) > 1:
        raise click.UsageError(f"{' and '.join(used)} both say where to look; use one of them.")
    own = {"random_size": sides, "seed": seed}
    lowering.refuse(own, ("random_size",), "belongs to --random", unless=number is not None)
    use = "belongs to --random, --split and --max-per-class"
    lowering.refuse(own, ("seed",), use, unless=number is not None or hashed)
    if number is not None:
        return lambda source: [RandomRequest(number, seed, _random_key(source), *sides)]
    return (_tiles(*tiles) if tiles else requests) or [BoxRequest()]


def _random_key(source: Source) -> str:
    return source.relative if source.at is None else f"{source.relative}#{source.at.number}"


def _tiles(columns: int, rows: int) -> list[Request]:
    from glimpsecli.annotations.boxes import Box, Length
    from glimpsecli.jobs.requests import BoxRequest

    width, height = Length(100 / columns, percent=True), Length(100 / rows, percent=True)
    return [
        BoxRequest(Box(Length(100 * x / columns, percent=True), Length(100 * y / rows, percent=True), width, height))
        for y in range(rows)
        for x in range(columns)
    ]
