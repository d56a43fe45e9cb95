"""``glimpse info``: the versions, backends, caches, formats and films of this installation."""

from __future__ import annotations

import json
import platform
import time
from pathlib import Path
from typing import Any

import click

from glimpsecli import __version__
from glimpsecli.commands import options
from glimpsecli.commands.report import progress, say
from glimpsecli.errors import FileProblemError, InvalidInputError, extra

PACKAGES = (
    "click", "numpy", "numba", "llvmlite", "numba-cuda", "pillow", "imageio", "tifffile", "tqdm", "pyvips", "av",
    "obstore",
)  # fmt: skip
KERNELS = "*.nbc"

EXAMPLES = options.examples("glimpse info", "glimpse info --json", "glimpse info --warm")


@click.command(cls=options.Command, epilog=EXAMPLES, common="--json --warm --clear-cache")
@options.out("--json", "as_json", is_flag=True, help="Print one line of JSON.")
@options.out("--warm", is_flag=True, help="Compile all kernels now, so that no later call waits for it.")
@options.out("--clear-cache", is_flag=True, help="Remove the compiled kernels; they are compiled again when needed.")
@options.manner_options
def info(as_json: bool, warm: bool, clear_cache: bool, **given: Any) -> None:
    """Print versions, backends (and why one is missing), caches, formats and films."""
    if warm and clear_cache:
        raise click.UsageError("--warm with --clear-cache; give one after the other.")
    if warm:
        _warm(as_json=as_json, **given)
        return
    if clear_cache:
        _clear(as_json=as_json, quiet=given["quiet"])
        return
    from glimpsecli.backends.describe import describe
    from glimpsecli.images import FORMATS
    from glimpsecli.jobs.description import version_of
    from glimpsecli.video import describe as films

    packages = {name: version_of(name) for name in PACKAGES}
    found: dict[str, Any] = {
        "glimpse": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": packages,
        "backends": describe(),
        "formats": {name: _format(kind, vips=packages["pyvips"] is not None) for name, kind in FORMATS.items()},
        "films": films.describe(),
    }
    if as_json:
        click.echo(json.dumps(found))
        return
    click.echo(f"glimpse {found['glimpse']}, Python {found['python']}, {found['platform']}")
    _section("packages", {name: version or "not installed" for name, version in found["packages"].items()})
    _section("backends", {name: _backend_line(facts) for name, facts in found["backends"].items()})
    cpu = found["backends"]["cpu"]
    if cpu["available"]:
        state = "can be written" if cpu["cache_writable"] else "cannot be written: kernels are compiled in each process"
        click.echo(f"\nkernel cache\n  {cpu['cache_folder'] or 'none'} ({state})")
    _section("formats", {name: ", ".join(facts["depths"]) + facts["note"] for name, facts in found["formats"].items()})
    _section("films", {name: _film_line(facts) for name, facts in found["films"]["formats"].items()})
    if gpl := found["films"]["gpl"]:
        click.echo(f"  This PyAV holds {' and '.join(gpl)}, under the GPL: mind it when you pass PyAV on.")


def _warm(*, as_json: bool, quiet: bool, verbose: bool, **_: Any) -> None:
    from glimpsecli import backends
    from glimpsecli.backends.cpu.jit_cache import ForgivingCache
    from glimpsecli.backends.describe import cpu
    from glimpsecli.sampling.warming import warm

    backends.load("cpu")
    facts = cpu()
    if not facts["cache_writable"]:
        place = facts["cache_folder"]
        problem = f"{place} cannot be written" if place else "there is no cache folder here"
        raise InvalidInputError(f"{problem}, so kernels cannot be kept", "set NUMBA_CACHE_DIR to a folder of yours")
    folder, began = Path(facts["cache_folder"]), time.perf_counter()
    before = set(folder.glob(KERNELS))
    with progress("step", quiet=quiet, verbose=verbose) as callback:
        warm(callback)
    kernels, seconds = set(folder.glob(KERNELS)), time.perf_counter() - began
    if lost := ForgivingCache.failures:
        many = f"{len(lost)} kernel{'s'[: len(lost) != 1]}"
        raise FileProblemError(
            f"{many} could not be kept in {folder}: {lost[0]}", "make space, or set NUMBA_CACHE_DIR to another folder"
        )
    compiled, there = len(kernels - before), len(kernels & before)
    size = sum(path.stat().st_size for path in kernels)
    if as_json:
        click.echo(json.dumps({"cache": str(folder), "compiled": compiled, "there": there, "bytes": size}))
    elif not quiet:
        say(
            f"{compiled} kernel{'s'[: compiled != 1]} compiled in {seconds:.0f} s, {there} there before; "
            f"{folder} holds {size / 1e6:.1f} MB"
        )


def _clear(*, as_json: bool, quiet: bool) -> None:
    from glimpsecli.backends.cpu import jit_folder

    folder = jit_folder.base_folder()
    files, size = jit_folder.clear()
    if as_json:
        click.echo(json.dumps({"cache": folder and str(folder), "files": files, "bytes": size}))
    elif not quiet and files:
        say(f"{files} compiled kernel{'s'[: files > 1]} removed from {folder}, {size / 1e6:.1f} MB")
    elif not quiet:
        say(f"{folder} holds no compiled kernels" if folder else "there is no cache folder here")


def _format(kind: Any, *, vips: bool) -> dict[str, Any]:
    note = "" if kind.alpha else ", no alpha"
    if kind.name == "png":
        note = ", 16 bit colour " + ("with pyvips" if vips else f"needs pyvips: {extra('vips')}")
    return {"depths": list(kind.depths), "alpha": kind.alpha, "note": note}


def _film_line(facts: dict[str, Any]) -> str:
    if not facts["available"]:
        return str(facts["reason"])
    return ", ".join(f"{title} ({name})" for name, title in facts["encoders"].items()) or "available"


def _backend_line(facts: dict[str, Any]) -> str:
    if not facts["available"]:
        return f"missing: {facts['reason']}"
    if "threads" in facts:
        return f"available, {facts['threads']} threads"
    if "device" in facts:
        capability = f", compute capability {facts['compute_capability']}" if facts["compute_capability"] else ""
        memory = f", {facts['memory'] / 2**30:.3g} GiB" if facts["memory"] else ""
        return f"available, {facts['device']}{capability}{memory}"
    return "available"


def _section(title: str, rows: dict[str, str]) -> None:
    width = max(map(len, rows))
    click.echo(f"\n{title}")
    for name, text in rows.items():
        click.echo(f"  {name:{width}}  {text}")
