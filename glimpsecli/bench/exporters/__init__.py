"""Results on disk: one exporter a file. Each takes :class:`~glimpsecli.bench.results.Results` and gives bytes."""

from __future__ import annotations

import importlib
import os
from collections.abc import Mapping, Sequence

from glimpsecli.bench.results import Results
from glimpsecli.errors import GlimpseError, InvalidInputError
from glimpsecli.jobs.outputs import check_files
from glimpsecli.storage.atomic import place

EXPORTERS = {
    "json": "glimpsecli.bench.exporters.json_file",
    "csv": "glimpsecli.bench.exporters.csv_file",
    "markdown": "glimpsecli.bench.exporters.markdown_file",
    "png": "glimpsecli.bench.exporters.png_file",
}
SUFFIXES = {"json": (".json",), "csv": (".csv",), "markdown": (".md", ".markdown"), "png": (".png",)}
"""Suffixes of the files of each exporter, the usual first."""


def check(targets: Mapping[str, str], inputs: Sequence[str], *, overwrite: bool) -> None:
    """Refuse, before anything is timed, a file that could not be written afterwards.

    Parameters
    ----------
    targets : mapping of exporter to path
    inputs : sequence of str
        Files that are read, and never replaced.
    overwrite : bool
        Whether files may be replaced.
    """
    for kind, path in targets.items():
        if path in ("", "-"):
            reason = "standard output, where the tables go" if path else "no name"
            raise InvalidInputError(f"--export-{kind} {path or repr(path)} is {reason}", "name a file")
    check_files({f"--export-{kind}": path for kind, path in targets.items()}, inputs, overwrite=overwrite)
    for kind, path in targets.items():
        suffix = os.path.splitext(path)[1].lower()
        if suffix in SUFFIXES[kind] or (os.path.exists(path) and not os.path.isfile(path)):
            continue  # a device may be called as it likes
        other = next((one for one, suffixes in SUFFIXES.items() if suffix in suffixes), None)
        hint = f"use --export-{other}, or a name in {SUFFIXES[kind][0]}" if other else f"end it in {SUFFIXES[kind][0]}"
        raise InvalidInputError(f"--export-{kind} {path} has {f'the suffix {suffix}' if suffix else 'no suffix'}", hint)


def export(results: Results, targets: Mapping[str, str], *, overwrite: bool) -> list[GlimpseError]:
    """Write results, each file whole or not at all, and give the failures: one lost file is not the run."""
    failures = []
    for kind, path in targets.items():
        try:
            write(path, importlib.import_module(EXPORTERS[kind]).encode(results), overwrite=overwrite)
        except GlimpseError as error:
            failures.append(error)
    return failures


def write(path: str, content: bytes, *, overwrite: bool) -> None:
    """Write a file whole or not at all."""
    place(path, lambda stream: stream.write(content), overwrite=overwrite)
