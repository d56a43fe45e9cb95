"""``glimpse samples``: the photos of the examples, into a folder of one's own."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click

from glimpsecli.commands import options
from glimpsecli.commands.report import say
from glimpsecli.errors import InvalidInputError, UnavailableError

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

EXAMPLES = options.examples("glimpse samples", "glimpse samples elsewhere/photos --overwrite")

FOLDER = "sample_images"


@click.command(cls=options.Command, epilog=EXAMPLES, common="--overwrite")
@click.argument("folder", metavar="[FOLDER]", type=click.Path(), default=FOLDER, callback=options.check_folder)
@options.out("--overwrite", is_flag=True, help="Replace files that have another content.")
@options.manner_options
def samples(folder: str, overwrite: bool, **given: Any) -> None:
    """Copy the photos and arrays that the examples use into FOLDER, by default ./sample_images.

    Files that are there already, with the same content, stay. CREDITS, beside them, names the authors and licences.
    """
    from glimpsecli.storage.atomic import place_together

    contents = {os.path.join(folder, path.name): path.read_bytes() for path in _shipped()}
    missing = {path: content for path, content in contents.items() if not _holds(path, content)}
    if missing:
        try:
            os.makedirs(folder, exist_ok=True)
        except OSError as error:
            raise InvalidInputError(f"{folder} cannot be made: {error.strerror}", "choose another folder") from error
    place_together(missing, overwrite=overwrite)
    if given["quiet"]:
        return
    for path in missing if given["verbose"] else ():
        say(f"{path} written")
    kept = len(contents) - len(missing)
    say(f"{len(missing)} file{'s'[: len(missing) != 1]} written to {folder}{f', {kept} there already' if kept else ''}")


def _shipped() -> list[Traversable]:
    """Give the sample files, which a wheel holds in the package, and a clone beside it."""
    import importlib.resources
    from pathlib import Path

    package = importlib.resources.files("glimpsecli")
    beside: Traversable = Path(str(package)).parent / FOLDER
    for place in (package / FOLDER, beside):
        if (place / "CREDITS").is_file():
            return sorted((path for path in place.iterdir() if path.is_file()), key=lambda path: path.name)
    raise UnavailableError("this installation holds no sample photos", "install it again, from a clone or a wheel")


def _holds(path: str, content: bytes) -> bool:
    """Return whether a file has this content."""
    try:
        with open(path, "rb") as stream:
            return stream.read(len(content) + 1) == content
    except OSError:
        return False
