"""The plan that makes the glimpses of a batch again, from its manifest."""

from __future__ import annotations

import os
from fractions import Fraction
from typing import Any

from glimpsecli.errors import GlimpseError, InvalidInputError
from glimpsecli.images.colours import Colour
from glimpsecli.images.formats import format_named
from glimpsecli.jobs.at import At
from glimpsecli.jobs.clips import Clips
from glimpsecli.jobs.finished import Runs, manifests_of, runs_of
from glimpsecli.jobs.lines import checksum, key_of, read_metadata
from glimpsecli.jobs.outputs import check_outputs, targets_of
from glimpsecli.jobs.plan import How, Item, Output, Plan
from glimpsecli.jobs.requests import Placement, PlaceRequest
from glimpsecli.jobs.shaping import Shaping
from glimpsecli.storage import is_address
from glimpsecli.window import Affine, GaussianParams, Projective

_HINT = "put the old files back, or mend them with `glimpse batch` and --resume"


def make_replay_plan(folder: str, target: str, *, overwrite: bool) -> Plan:
    """Plan to make the glimpses of the batch in `folder` again, into `target`.

    Files in `folder` itself are replaced; files in another target only with `overwrite`.

    Raises
    ------
    InvalidInputError
        The folder holds no finished batch; its manifest is damaged, has lost lines or names a file outside; or an
        output exists or is an input.
    """
    runs = runs_of(folder)
    if any("shards" in run["parameters"] for run in runs.values()):
        raise InvalidInputError(f"{folder} holds shards, which replay does not read", "run batch with --resume")
    if any(run["parameters"].get("cut_out") for run in runs.values()):
        raise InvalidInputError(
            f"{folder} holds objects that were cut out, whose outlines are not in the manifest",
            "run batch with --resume",
        )
    files = manifests_of(folder, runs)
    rows = {path: read_metadata(path) for path in files}
    again = os.path.realpath(folder) == os.path.realpath(target)
    run = next(iter(runs.values()))
    try:
        how, output = _how(run["how"]), Output(target, overwrite=overwrite or again, **run["output"])
        items = _items([row for mine in rows.values() for row in mine], target, str(run["folder"]))
        file_format = format_named(run["output"]["format"])
    except GlimpseError as error:
        raise InvalidInputError(f"{folder} has a damaged manifest: {error.message}", _HINT) from None
    for path, mine in rows.items():
        _check_complete(mine, path, files[path])
    sources = list(dict.fromkeys(item.source for item in items))
    check_outputs(targets_of(items), sources, overwrite=output.overwrite, root=target)
    clips = Clips(max_pixels=how.max_pixels)
    return Plan(tuple(items), how, output, file_format, root=target, clips=clips)


def _check_complete(rows: list[dict[str, Any]], path: str, runs: Runs) -> None:
    """Refuse lines that are fewer, more or others than the runs have written."""
    for (source, _), mine in _by_item(rows).items():
        if len(mine) != mine[0]["of"]:
            raise InvalidInputError(f"{path} has {len(mine)} of the {mine[0]['of']} lines of {source}", _HINT)
    if not any("lines" in run for run in runs.values()) and not any("file_hash" in row for row in rows):
        return  # an earlier version wrote neither counts nor hashes
    if any(run.get("lines") is None or run.get("checksum") is None for run in runs.values()):
        raise InvalidInputError(f"{path} is of a batch that was not finished", "finish it with --resume")
    expected = sum(run["lines"] for run in runs.values())
    if len(rows) != expected:
        raise InvalidInputError(f"{path} has {len(rows)} lines of the {expected} that the batch wrote", _HINT)
    start = 0
    for name, run in runs.items():
        stop = start + run["lines"]
        if checksum(run, rows[start:stop]) != run["checksum"]:
            raise InvalidInputError(f"{path} or {name} was changed since the batch wrote it", _HINT)
        start = stop


def _how(options: dict[str, Any]) -> How:
    return How.of(Shaping(), options | {"fill": options["fill"] and Colour.parse(options["fill"]), "threads": 1})


def _by_item(rows: list[dict[str, Any]]) -> dict[tuple[str, int | None], list[dict[str, Any]]]:
    by_item: dict[tuple[str, int | None], list[dict[str, Any]]] = {}
    for row in rows:
        by_item.setdefault(key_of(row), []).append(row)
    return by_item


def _items(rows: list[dict[str, Any]], target: str, base: str) -> list[Item]:
    """Gather the rows by image; a source that is not found here is expected below `base`, where the batch was run."""
    items = []
    for (source, frame), mine in _by_item(rows).items():
        names = [os.path.normpath(row["file_name"]) for row in mine]
        for name in names:
            if os.path.isabs(name) or name.split(os.sep)[0] == "..":
                raise InvalidInputError(f"the manifest names the file {name}, outside its folder", "run batch anew")
        requests = tuple(PlaceRequest(placement_of(row)) for row in mine)
        targets = tuple(os.path.join(target, name) for name in names)
        source = source if is_address(source) or os.path.exists(source) else os.path.join(base, source)
        # The duration is for films, and a batch makes none.
        at = None if frame is None else At(frame, Fraction(mine[0]["time"]), Fraction(0), frame)
        items.append(Item(source, requests, targets, digest=mine[0]["source_hash"], at=at))
    return items


def placement_of(row: dict[str, Any]) -> Placement:
    """Give the placement that a line of a manifest tells of, to the last digit."""
    gaussian = row["gaussian"]
    matrix = row["matrix"]
    place = GaussianParams(**gaussian) if gaussian is not None else (Affine if len(matrix) == 2 else Projective)(matrix)
    return Placement(place, (row["size"]["height"], row["size"]["width"]), row["label"], row["scale"])
