"""The plan that makes the glimpses of a batch again, from its manifest."""

from __future__ import annotations

import glob
import os
from typing import Any

from glimpsecli.errors import InvalidInputError
from glimpsecli.images.colours import Colour
from glimpsecli.images.formats import format_named
from glimpsecli.jobs.manifest import read_metadata, read_run
from glimpsecli.jobs.outputs import Output
from glimpsecli.jobs.plan import How, Item, Plan
from glimpsecli.jobs.requests import PlaceRequest, Sight
from glimpsecli.window import Affine, GaussianParams


def make_replay_plan(folder: str, target: str) -> Plan:
    """Plan to make the glimpses of the batch in `folder` again, into `target`.

    Raises
    ------
    InvalidInputError
        The folder holds no batch, or its manifest names a file outside.
    """
    runs = sorted(glob.glob(os.path.join(glob.escape(folder), "run*.json")))
    if not runs:
        raise InvalidInputError(f"{folder} holds no run.json", "name the output folder of a batch")
    run = read_run(runs[0])
    told = [path.replace("run", "metadata", 1).removesuffix("json") + "jsonl" for path in map(os.path.basename, runs)]
    rows = [row for name in told for _, row in read_metadata(os.path.join(folder, name))]
    try:
        how, output = _how(run["how"]), Output(target, overwrite=True, **run["output"])
        items = _items(rows, target)
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidInputError(f"{folder} has a damaged manifest: {error!r}", "run batch anew") from None
    return Plan(tuple(items), how, output, format_named(run["output"]["format"]), root=target)


def _how(told: dict[str, Any]) -> How:
    fill = told["fill"]
    return How(**told | {"fill": Colour.parse(fill) if fill is not None else None, "threads": 1})


def _items(rows: list[dict[str, Any]], target: str) -> list[Item]:
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
        items.append(Item(source, requests, targets, digest=mine[0]["source_hash"]))
    return items


def _sight(row: dict[str, Any]) -> Sight:
    gaussian = row["gaussian"]
    place = GaussianParams(**gaussian) if gaussian is not None else Affine(row["matrix"])
    return Sight(place, (row["size"]["height"], row["size"]["width"]), row["label"], row["scale"])
