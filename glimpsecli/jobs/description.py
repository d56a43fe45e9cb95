"""The content of ``run.json``: the parameters, versions and backend of a run."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import platform
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from glimpsecli import __version__
from glimpsecli.backends.describe import processor
from glimpsecli.errors import GlimpseError, InvalidInputError
from glimpsecli.storage import is_address, path_of, shown, storage_of

if TYPE_CHECKING:
    from glimpsecli.jobs.plan import Plan

PACKAGES = ("numpy", "numba", "numba-cuda", "pillow", "tifffile", "pyvips")


def description(plan: Plan, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Describe a run that is not finished yet."""
    how, output = plan.how, plan.output
    packages = versions()
    glimpse = packages.pop("glimpse")
    return {
        "lines": None,
        "checksum": None,
        "glimpse": glimpse,
        "python": platform.python_version(),
        "processor": processor(),
        "folder": os.getcwd(),
        "packages": packages,
        "parameters": dict(parameters),
        "how": {
            "sampler": how.sampling.sampler,
            "blur": how.blur,
            "border": how.sampling.border,
            "fill": how.fill.text if how.fill is not None else None,
            "backend": how.sampling.backend,
            "frame": how.frame,
            "fast_decode": how.fast_decode,
            "max_pixels": how.max_pixels,
        },
        "output": {
            "format": plan.format.name,
            "depth": output.depth,
            "quality": output.quality,
            "compress": output.compress,
        },
    }


def check_same(before: Mapping[str, Any], now: Mapping[str, Any], path: str) -> None:
    """Refuse to go on with a run under other parameters or versions."""
    earlier = before["parameters"].get("inputs")
    for name, digest in now["parameters"]["inputs"].items() if isinstance(earlier, dict) else ():
        if earlier.get(name, digest) != digest:
            raise InvalidInputError(
                f"{name} has changed since {path} was written", "put the old file back, or start anew with --overwrite"
            )
    for group in ("parameters", "packages"):
        old, new = before.get(group, {}), json.loads(json.dumps(now[group]))
        for name in sorted(old.keys() | new.keys()):
            if old.get(name) != new.get(name):
                raise InvalidInputError(
                    f"{path} was made with {name} {old.get(name)!r} and not {new.get(name)!r}",
                    "resume with the same, or start anew with --overwrite",
                )
    if before.get("glimpse") != now["glimpse"]:
        raise InvalidInputError(f"{path} was made by glimpse {before.get('glimpse')}", "start anew with --overwrite")


def file_hashes(paths: Iterable[str], output: str) -> dict[str, str]:
    """Give the hash of each file; a folder has that of the annotations in it, but for those in the output folder."""
    hashes = {}
    for path in paths:
        digest = hashlib.sha256()
        for file in sorted(_annotations_in(path, os.path.realpath(output))) if os.path.isdir(path) else [path]:
            with suppress(GlimpseError):
                content = storage_of(file).read(path_of(file))
                name = "." if is_address(path) else os.path.relpath(file, path)
                digest.update(os.fsencode(name) + b"\0" + content)
        hashes[shown(path)] = digest.hexdigest()
    return hashes


def _annotations_in(folder: str, output: str) -> Iterator[str]:
    from glimpsecli.annotations.reading import IN_FOLDERS

    for root, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if os.path.realpath(os.path.join(root, name)) != output]
        files = (os.path.join(root, name) for name in names if name.lower().endswith(IN_FOLDERS))
        yield from filter(os.path.isfile, files)  # a FIFO would be waited for


def versions() -> dict[str, str | None]:
    """Give the versions of glimpse and of the packages that the bytes of glimpses depend on."""
    return {"glimpse": __version__} | {name: version_of(name) for name in PACKAGES}


def version_of(name: str) -> str | None:
    """Give the version of an installed package, None where it is missing."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
