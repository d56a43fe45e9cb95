"""The requests of ``glimpse bench``, checked before any work."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from glimpsecli.errors import FileProblemError, InvalidInputError

if TYPE_CHECKING:
    from glimpsecli.arrays import Array
    from glimpsecli.bench.cases import Recipe
    from glimpsecli.bench.measuring import Parameters
    from glimpsecli.bench.results import Results

EXPORTS = ("json", "csv", "markdown", "png")


def parameters(given: dict[str, Any]) -> Parameters:
    """Give the parameters of the timing."""
    from glimpsecli.bench.contenders.base import GRADIENTS
    from glimpsecli.bench.measuring import Parameters

    check_threads(given["threads"])
    samplers = given["samplers"] or ("gaussian", "bilinear")
    views = (*samplers, "rotated") if given["rotated"] else samplers
    if given["rotated"] and "gaussian" in samplers and not given["gradients"]:
        views = (*views, "ellipses")
    if given["gradients"]:
        if "hard" in views:
            raise click.UsageError("--gradients with --sampler hard, which moves in jumps; leave hard out.")
        views = tuple(name for view in views for name in GRADIENTS[view])
    names = ("peers", "runs", "min_time", "threads", "seed")
    return Parameters(
        views,
        given["backends"] or ("numpy", "cpu"),
        **{name: given[name] for name in names},
    )


def recipes(given: dict[str, Any]) -> tuple[list[Recipe], list[str]]:
    """Give the recipes of the cases to time, and notes on cases that are left out."""
    from glimpsecli.bench import cases
    from glimpsecli.jobs.shaping import SizeRequest
    from glimpsecli.window import share_outside

    image, strides, count, seed = given["image"], given["strides"], given["count"], given["seed"]
    if given["names"] and (image is not None or strides):
        raise click.UsageError(f"--case with {'--stride' if image is None else '--image'}; time one or the other.")
    if given["box"] and image is None:
        raise click.UsageError("--box belongs to --image FILE.")
    if given["size"] and image is None and not strides:
        raise click.UsageError("--size belongs to --image FILE and --stride; the cases have sizes of their own.")
    if image is None and not strides:
        numbers = [cases.case_named(name) for name in given["names"]] or list(cases.CASES)
        return [cases.builtin(number, seed, count) for number in dict.fromkeys(numbers)], []
    size = given["size"] or SizeRequest(longer=cases.SWEPT[0])
    image_size = window = None
    if image is not None:
        from numpy import isfinite

        from glimpsecli.annotations.boxes import WHOLE

        pixels = check_image(image)
        if not isfinite(pixels).all():
            raise InvalidInputError(
                f"{image} holds NaN or infinities, so no result can be checked", "replace them with finite numbers"
            )
        image_size = pixels.shape[0], pixels.shape[1]
        window = (given["box"] or WHOLE).to_window(image_size)
    if not strides and image_size is not None and window is not None:
        shape = size.for_extent(window.width, window.height)
        outside = count is None and share_outside(window.to_affine(shape), shape, image_size) == 1
        recipe = cases.own(image, image_size, window, shape, count=count, seed=seed)
        return [recipe], ["its window lies outside the image"] * outside
    return cases.sweep(
        strides, size.for_extent(1, 1), image_size=image_size, window=window, source=image, count=count, seed=seed
    )


def check_image(path: str) -> Array:
    """Read an image before any work, and give its pixels; one that cannot be read is an invalid input."""
    from glimpsecli.images import read
    from glimpsecli.jobs.planning import check_sources

    if path == "-":
        raise InvalidInputError(
            "- is standard input, which can be read once, and the image is read often", "name a file"
        )
    if os.path.isdir(path):
        raise InvalidInputError(f"{path} is a folder", "name an image in it")
    check_sources([path])
    try:
        return read(path).pixels
    except FileProblemError as error:
        raise InvalidInputError(error.message, error.hint) from None


def check_threads(threads: int) -> None:
    """Refuse more threads than can run at once: they would only take turns."""
    from glimpsecli.jobs.pool import processors

    if threads > processors():
        raise click.UsageError(f"--threads {threads} on {processors()} processors; give at most {processors()}.")


def targets(given: dict[str, Any], inputs: Sequence[str]) -> dict[str, str]:
    """Give the files to export to, which are checked to be writable."""
    from glimpsecli.bench import exporters

    files = {kind: given[f"export_{kind}"] for kind in EXPORTS if given[f"export_{kind}"] is not None}
    if given["overwrite"] and not files:
        raise click.UsageError("--overwrite belongs to --export-json, -csv, -markdown and -png.")
    exporters.check(files, inputs, overwrite=given["overwrite"])
    return files


def older(path: str, recipes: Sequence[Recipe], parameters: Parameters, *, limited: bool) -> Results:
    """Read a baseline; refuse one with nothing to compare, and, if `limited`, too few rounds for a limit."""
    from glimpsecli.bench.baseline import check_comparable
    from glimpsecli.bench.contenders import chosen
    from glimpsecli.bench.results import Results
    from glimpsecli.bench.timing import FEWEST

    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            text = file.read()
    except OSError as error:
        raise InvalidInputError(f"{path or repr(path)}: {error.strerror or error}", "check the path") from None
    old = Results.from_json(text, path)
    contenders = chosen(parameters.backends, peers=parameters.peers)
    wanted = [(view, one.name) for one in contenders for view in parameters.views if view in one.views]
    check_comparable(old, recipes, wanted, path)
    for whose, runs in (("this run", parameters.runs), (path, old.parameters.runs)):
        if limited and runs < FEWEST:
            raise InvalidInputError(
                f"--fail-above with {runs} round{'s'[: runs > 1]} in {whose}, too few to tell a change from chance",
                f"time with --runs {FEWEST} or more",
            )
    return old
