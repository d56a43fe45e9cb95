"""The plan that makes the glimpses of a batch again, from its manifest."""

from __future__ import annotations

import os
import re
from typing import Any

from glimpsecli.errors import InvalidInputError
from glimpsecli.images.colours import Colour
from glimpsecli.images.formats import format_named
from glimpsecli.jobs.manifest import read_metadata, read_run
from glimpsecli.jobs.outputs import Output, check_outputs
from glimpsecli.jobs.plan import How, Item, Plan
from glimpsecli.jobs.requests import PlaceRequest, Sight
from glimpsecli.window import Affine, GaussianParams, Projective


def make_replay_plan(folder: str, target: str, *, overwrite: bool) -> Plan:
    """Plan to make the glimpses of the batch in `folder` again, into `target`.

    Files in `folder` itself are made anew; those in another target only with `overwrite`.

    Raises
    ------
    InvalidInputError
        The folder holds no batch, its manifest names a file outside, or an output exists or is an input.
    """
    runs = sorted(name for name in _names(folder) if re.fullmatch(r"run(-\d+-of-\d+)?\.json", name))
    if not runs:
        raise InvalidInputError(f"{folder} holds no run.json", "name the output folder of a batch")
    run = read_run(os.path.join(folder, runs[0]))
    whole = os.path.join(folder, "metadata.jsonl")  # of one run, or of parts that were joined
    parts = [os.path.join(folder, f"metadata{name[3:-5]}.jsonl") for name in runs]
    rows = [row for path in ([whole] if os.path.exists(whole) else parts) for _, row in read_metadata(path)]
    again = os.path.realpath(folder) == os.path.realpath(target)
    try:
        how, output = _how(run["how"]), Output(target, overwrite=overwrite or again, **run["output"])
        items = _items(rows, target, str(run["folder"]))
        file_format = format_named(run["output"]["format"])
    except (KeyError, TypeError, AttributeError) as error:
        raise InvalidInputError(f"{folder} has a damaged manifest: {error!r}", "run batch anew") from None
    plan = Plan(tuple(items), how, output, file_format, root=target)
    check_outputs(plan, [item.source for item in items if os.path.exists(item.source)])
    return plan


def _names(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError as error:
        raise InvalidInputError(f"{folder}: {error.strerror}", "name the output folder of a batch") from None


def _how(told: dict[str, Any]) -> How:
    fill = told["fill"]
    return How(**told | {"fill": Colour.parse(fill) if fill is not None else None, "threads": 1})


def _items(rows: list[dict[str, Any]], target: str, base: str) -> list[Item]:
    """Gather the rows by source; one that is not where we are is looked for where the batch was run."""
    by_source: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        by_source.setdefault(row["source"], []).append(row)
    items = []
    for source, mine in by_source.items():
        names = [os.path.normpath(row["file_name"]) for row in mine]
        for name in names:
            if os.path.isabs(name) or name.split(os.sep)[0] == "..":
                raise InvalidInputError(f"the manifest names the file {name}, outside its folder", "run batch anew")
        requests = tuple(PlaceRequest(_sight(row)) for row in mine)
        targets = tuple(os.path.join(target, name) for name in names)
        source = source if os.path.exists(source) else os.path.join(base, source)
        items.append(Item(source, requests, targets, digest=mine[0]["source_hash"]))
    return items


def _sight(row: dict[str, Any]) -> Sight:
    gaussian = row["gaussian"]
    matrix = row["matrix"]
    place = GaussianParams(**gaussian) if gaussian is not None else (Affine if len(matrix) == 2 else Projective)(matrix)
    return Sight(place, (row["size"]["height"], row["size"]["width"]), row["label"], row["scale"])
