"""What a batch leaves beside its glimpses: what each one is, what failed, and how it was made.

``metadata.jsonl``
    A line for each glimpse, in the order of the plan. ``file_name`` is relative to the folder, so that Hugging Face's
    imagefolder loads the folder as it is.
``failures.jsonl``
    A line for each image that failed, and for each problem of the annotations.
``run.json``
    The parameters, versions and backend.

A part of a batch has its number in these names, and they join by concatenation in the order of the names. No file
holds a time, so that the same run gives the same bytes.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import platform
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import IO, TYPE_CHECKING, Any

from glimpsecli import __version__
from glimpsecli.backends.describe import processor
from glimpsecli.errors import FileProblemError, InvalidInputError
from glimpsecli.images.atomic import explained, place, temporary_of
from glimpsecli.jobs.engine import Done
from glimpsecli.jobs.products import Product

if TYPE_CHECKING:
    from glimpsecli.jobs.plan import Item, Plan

PACKAGES = ("numpy", "numba", "numba-cuda", "pillow", "tifffile", "pyvips")


class Manifest:
    """The manifest of a run, or of a part of one.

    Parameters
    ----------
    folder : str
        The output folder.
    part : (int, int)
        Which part of how many.
    """

    def __init__(self, folder: str, part: tuple[int, int] = (1, 1)) -> None:
        self.folder = folder
        digits = max(5, len(str(part[1])))
        self._suffix = "" if part[1] == 1 else f"-{part[0]:0{digits}d}-of-{part[1]:0{digits}d}"
        self._metadata: IO[str] | None = None
        self._failures: IO[str] | None = None

    def path(self, name: str) -> str:
        """Give the path of ``metadata.jsonl``, ``failures.jsonl`` or ``run.json``."""
        stem, suffix = os.path.splitext(name)
        return os.path.join(self.folder, f"{stem}{self._suffix}{suffix}")

    def begin(self, plan: Plan, parameters: Mapping[str, Any], *, resume: bool, overwrite: bool) -> list[Item]:
        """Open the manifest and give the items that are still to be done.

        Raises
        ------
        InvalidInputError
            The folder holds a run already, and it is neither resumed nor overwritten; or the one to be resumed had
            other parameters.
        """
        run = _description(plan, parameters)
        told = self.path("run.json")
        for path in (told, self.path("metadata.jsonl"), self.path("failures.jsonl")):
            if os.path.islink(path) or (os.path.lexists(path) and not os.path.isfile(path)):
                raise InvalidInputError(f"{path} is no regular file", "remove it, or choose another output folder")
            if os.path.abspath(path) in map(os.path.abspath, parameters.get("inputs", ())):
                raise InvalidInputError(f"{path} is an input", "choose another output folder")
        items = list(plan.items)
        lines: list[str] = []
        if os.path.lexists(told):
            if resume:
                _compare(read_run(told), run, told)
                lines = self._done_lines(items)
            elif not overwrite:
                raise InvalidInputError(f"{self.folder} holds a run already", "give --resume or --overwrite")
        elif not overwrite and os.path.lexists(self.path("metadata.jsonl")):
            raise InvalidInputError(f"{self.path('metadata.jsonl')} exists", "give --overwrite to replace it")
        with _explained(self.folder):
            os.makedirs(self.folder, exist_ok=True)
        if resume:
            self._sweep(items)
        finished = {json.loads(line)["source"] for line in lines}
        _write_text(told, json.dumps(run, indent=1, sort_keys=True) + "\n")
        _write_text(self.path("metadata.jsonl"), "".join(lines))
        with _explained(self.folder):
            if os.path.lexists(self.path("failures.jsonl")):
                os.unlink(self.path("failures.jsonl"))
            self._metadata = open(self.path("metadata.jsonl"), "a", encoding="ascii")  # noqa: SIM115 - open for the run
        for problem in plan.problems:
            self._fail({"source": None, "error": problem})
        return [item for item in items if item.source not in finished]

    def add(self, done: Done) -> None:
        """Tell of an image, in the order of the plan."""
        assert self._metadata is not None
        with _explained(self.path("metadata.jsonl")):
            self._metadata.writelines(line_of(glimpse, self.folder) for glimpse in done.products if not done.failure)
            self._metadata.flush()
        if done.failure is not None:
            self._fail({"source": done.source, "error": str(done.failure)})

    def finish(self, plan: Plan, *, resumed: bool) -> None:
        """Close the manifest; lines that a resumed run added late go where the plan has them."""
        for file in (self._metadata, self._failures):
            if file is not None:
                with suppress(OSError):  # every line was flushed, or its failure told
                    file.close()
        if resumed and self._metadata is not None:
            order = {item.source: number for number, item in enumerate(plan.items)}
            with open(self.path("metadata.jsonl"), encoding="ascii") as file:
                lines = file.readlines()
            ordered = sorted(lines, key=lambda line: order[json.loads(line)["source"]])
            if ordered != lines:
                _write_text(self.path("metadata.jsonl"), "".join(ordered))

    def _sweep(self, items: Iterable[Item]) -> None:
        """Remove the temporary files that this run left when it was killed, and no others: parts may be running."""
        targets = [self.path(name) for name in ("metadata.jsonl", "run.json")]
        folders: dict[str, set[str]] = {}
        for target in (*targets, *(target for item in items for target in item.targets)):
            folder, name = os.path.split(target)
            folders.setdefault(folder, set()).add(name)
        for folder, names in folders.items():
            for entry in os.listdir(folder) if os.path.isdir(folder) else ():
                if temporary_of(entry, names):
                    os.unlink(os.path.join(folder, entry))

    def _fail(self, row: Mapping[str, Any]) -> None:
        path = self.path("failures.jsonl")
        with _explained(path):
            if self._failures is None:
                self._failures = open(path, "a", encoding="ascii")  # noqa: SIM115 - open for the run
            self._failures.write(json.dumps(row) + "\n")
            self._failures.flush()

    def _done_lines(self, items: Iterable[Item]) -> list[str]:
        """Give the lines of images of which all glimpses are told of and there, in the order of the plan."""
        told: dict[str, list[str]] = {}
        for line, row in read_metadata(self.path("metadata.jsonl")):
            if os.path.isfile(os.path.join(self.folder, row["file_name"])):
                told.setdefault(row["source"], []).append(line)
        lines: list[str] = []
        for item in items:
            mine = told.get(item.source, [])
            first = json.loads(mine[0]) if mine else {}
            if mine and len(mine) == first["of"] and _bytes_of(item.source) == first["source_bytes"]:
                lines += mine
        return lines


def file_hashes(paths: Iterable[str]) -> dict[str, str]:
    """Give the hash of each of some files; a folder has that of the names and the contents in it."""
    hashes = {}
    for path in paths:
        digest = hashlib.sha256()
        inside = [os.path.join(root, name) for root, _, names in os.walk(path) for name in names]
        for file in sorted(inside) if os.path.isdir(path) else [path]:
            with suppress(OSError), open(file, "rb") as stream:
                digest.update(os.fsencode(os.path.relpath(file, path)) + b"\0" + stream.read())
        hashes[path] = digest.hexdigest()
    return hashes


def line_of(glimpse: Product, folder: str) -> str:
    """Write a glimpse's line of ``metadata.jsonl``."""
    row = dict(glimpse.record)
    file_name = os.path.relpath(row.pop("file"), folder).replace(os.sep, "/")
    return json.dumps({"file_name": file_name, **row}) + "\n"


def read_metadata(path: str) -> list[tuple[str, dict[str, Any]]]:
    """Read the whole lines of a ``metadata.jsonl``, each with what it says; a torn last line is dropped."""
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            lines = [line for line in file if line.endswith("\n")]
    except FileNotFoundError:
        return []
    rows = []
    for number, line in enumerate(lines, 1):
        try:
            row = json.loads(line)
            rows.append((line, {"file_name": row["file_name"], "source": row["source"], **row}))
        except (ValueError, KeyError, TypeError):
            raise FileProblemError(f"{path}, line {number} is damaged", "start the run anew with --overwrite") from None
    return rows


def read_run(path: str) -> dict[str, Any]:
    """Read a ``run.json``."""
    try:
        with open(path, encoding="utf-8") as file:
            run = json.load(file)
        return dict(run)
    except (OSError, ValueError, TypeError) as error:
        raise InvalidInputError(f"{path} cannot be read: {error}", "name the output folder of a batch") from None


def _description(plan: Plan, parameters: Mapping[str, Any]) -> dict[str, Any]:
    how, output = plan.how, plan.output
    return {
        "glimpse": __version__,
        "python": platform.python_version(),
        "processor": processor(),
        "folder": os.getcwd(),
        "packages": {name: _version(name) for name in PACKAGES},
        "parameters": dict(parameters),
        "how": {
            "sampler": how.chosen_sampler,
            "blur": how.blur,
            "border": how.border,
            "fill": how.fill.text if how.fill is not None else None,
            "backend": how.backend,
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


def _bytes_of(path: str) -> int | None:
    try:
        return os.stat(path).st_size
    except OSError:
        return None


@contextmanager
def _explained(path: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise explained(path, error) from None


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _compare(before: Mapping[str, Any], now: Mapping[str, Any], path: str) -> None:
    """Refuse to go on with a run under other parameters or versions."""
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


def _write_text(path: str, text: str) -> None:
    place(path, lambda stream: stream.write(text.encode("ascii")), overwrite=True)
