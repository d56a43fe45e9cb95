"""``glimpse bench``: time the samplers, beside other libraries."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from glimpsecli import names
from glimpsecli.commands import bench_requests, options, values
from glimpsecli.commands.bench_values import ExcessValue, SecondsValue, StridesValue
from glimpsecli.commands.report import complain, say
from glimpsecli.commands.running import end
from glimpsecli.errors import ExitCode, GlimpseError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from glimpsecli.bench.cases import Recipe
    from glimpsecli.bench.measuring import Measured, Parameters
    from glimpsecli.bench.results import Results

EXAMPLES = options.examples(
    "glimpse bench --list",
    "glimpse bench --case 5 --runs 3 --min-time 0.01",
    "glimpse bench --case digits --sampler bilinear --rotated --backend cpu --runs 3 --min-time 0.01 "
    "--export-json times.json",
    "glimpse bench --image sample_images/rocket.jpg --box 25%,25%,50%,50% --size 64 --runs 3 --min-time 0.01 "
    "--export-markdown times.md",
    "glimpse bench --stride 1,4,16 --size 32 --backend cpu --runs 3 --min-time 0.01 --export-png sweep.png",
    "glimpse bench --gradients --case 5 --count 20 --backend cpu --runs 3 --min-time 0.01",
    "glimpse bench --stages sample_images/chelsea.png --size 64 --runs 3 --min-time 0.01",
)

what, who, clock, reports = (
    options.section(title) for title in ("What is timed", "Who is timed", "How it is timed", "Reports")
)


@click.command(
    cls=options.Command,
    epilog=EXAMPLES,
    common="--case --list --image --box --size --stride --backend --peers --runs --min-time --export-json --baseline",
)
@what("--case", "names", multiple=True, metavar="NAME,...", help="Cases, by number or word. Default: all of --list.")
@what("--list", "show_list", is_flag=True, help="Print the cases, or those of --case.")
@what("--image", metavar="FILE", type=values.RegularPath(), help="Your own image instead.")
@what("--box", type=values.BoxValue(), help="The window in it. Default: the whole image.")
@what("--size", type=values.SizeValue(), help="Size of the glimpses; N alone is the longer side. Default: 64.")
@what(
    "--count", type=click.IntRange(1), metavar="N",
    help="Number of windows, of the box's extent at random places; or of images, in cases 2, 3 and 5.",
)  # fmt: skip
@what(
    "--stride", "strides", type=StridesValue(),
    help="Sweep the pixels from tap to tap: windows of --size times each stride about the middle.",
)  # fmt: skip
@what(
    "--stages",
    metavar="IMAGE",
    type=values.RegularPath(),
    help="Split an extract: read, decode, sample, encode, write.",
)
@who(
    "--sampler", "samplers", type=values.WordsValue("gaussian", "bilinear", "hard"), help="Default: gaussian,bilinear."
)
@who(
    "--rotated",
    is_flag=True,
    help="Turned windows too; without --gradients gaussian as well, its ellipses.",
)
@who(
    "--gradients", is_flag=True,
    help="Glimpses and their gradients (vjp) instead: with respect to where, and to image and where.",
)  # fmt: skip
@who("--backend", "backends", type=values.WordsValue(*names.BACKENDS), help="Ours. Default: numpy,cpu.")
@who("--peers", is_flag=True, help="Time NumPy, SciPy, Pillow, OpenCV, torch and pyvips, too, as installed.")
@clock("--runs", type=click.IntRange(1, 100_000), default=10, show_default=True, metavar="N", help="Number of rounds.")
@clock(
    "--min-time", type=SecondsValue(), default=1.0, show_default=True, help="Least time of each contender.",
)  # fmt: skip
@clock("--threads", type=click.IntRange(1), default=1, show_default=True, metavar="N", help="Threads of each library.")
@clock("--seed", type=click.IntRange(0), default=0, show_default=True, metavar="N", help="Seed of images and orders.")
@reports("--export-json", metavar="FILE", type=click.Path(), help="Every sample, machine, versions, parameters.")
@reports("--export-csv", metavar="FILE", type=click.Path(), help="A row for each contender.")
@reports("--export-markdown", metavar="FILE", type=click.Path(), help="The tables.")
@reports("--export-png", metavar="FILE", type=click.Path(), help="A chart: a dot for each, or lines for --stride.")
@reports("--overwrite", is_flag=True, help="Replace files that exist.")
@reports("--baseline", metavar="FILE", type=values.RegularPath(), help="Compare with an older --export-json.")
@reports("--fail-above", type=ExcessValue(), help="Exit with 1 if a median is slower than the baseline's by this.")
@options.manner_options
def bench(show_list: bool, stages: str | None, **given: Any) -> None:
    """Time the samplers and backends, and with --peers the libraries that people use instead.

    Whole calls are timed. Each result is held against the float64 definition first, and the error stands beside the
    time; ours may be off by 2e-6 of full scale, and in gradients by 1e-5 of the largest. An error in brackets is of
    another filter, or of derivatives that jump: the difference of the result from ours. Every case has a process of its
    own with a fixed number of threads. Its contenders take turns in random order. The first call, which compiles
    kernels or loads them, is reported by itself. The ratio is to our cpu backend, round by round; in brackets its
    quartiles.
    """
    given["names"] = [name.strip() for names in given["names"] for name in names.split(",")]
    if show_list:
        _list(given["names"])
    elif stages is not None:
        from glimpsecli.commands.bench_stages import time_stages

        time_stages(stages, given, _status)
    else:
        _bench(given)


def _list(names: Sequence[str]) -> None:
    from glimpsecli.bench.cases import CASES, case_named

    for number in dict.fromkeys(map(case_named, names)) or CASES:
        kind = CASES[number]
        click.echo(f"{number}  {kind.word:6}  {kind.title.format(count=kind.many)}")


def _bench(given: dict[str, Any]) -> None:
    import datetime

    from glimpsecli import __version__, backends
    from glimpsecli.bench import exporters, machine, report
    from glimpsecli.bench.results import Results

    if given["fail_above"] is not None and given["baseline"] is None:
        raise click.UsageError("--fail-above belongs to --baseline FILE.")
    parameters = bench_requests.parameters(given)
    recipes, notes = bench_requests.recipes(given)
    targets = bench_requests.targets(given, [path for path in (given["image"], given["baseline"]) if path is not None])
    old = None
    if given["baseline"] is not None:
        limited = given["fail_above"] is not None
        old = bench_requests.older(given["baseline"], recipes, parameters, limited=limited)
    if "cuda" in parameters.backends:
        backends.load("cuda")
    average = machine.load()
    began = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
    results = Results(machine.describe(), {"glimpse": __version__}, parameters, average, began)
    notes += [machine.load_warning(average) or ""]
    missing: dict[str, str] = {}
    _say_all(notes, given)
    for recipe in recipes:
        measured = _measured(recipe, parameters, given)
        first = all(one.failed is not None for one in results.cases)
        versions = results.versions | measured.versions
        results = results._replace(cases=(*results.cases, measured), versions=versions)
        if first and measured.failed is None:
            click.echo("\n".join(report.heading(results)))
        click.echo("\n" + "\n".join(report.table_of(measured)))
        for name, reason in measured.missing.items():
            missing.setdefault(name, reason)
        _say_all(report.remarks(measured), given)
        for entry in measured.entries:
            if entry.wrong is not None:
                complain(f"{entry.contender}, {entry.view}, case {recipe.name}: {entry.wrong}; it was not timed")
    sweep = report.sweep_lines(results)
    if sweep:
        click.echo("\n" + "\n".join(sweep))
    _say_all([f"without {name}: {reason}" for name, reason in missing.items()], given)
    lost = exporters.export(results, targets, overwrite=given["overwrite"])
    for error in lost:
        complain(error)
    slower = _compare(old, results, given) if old is not None else False
    failed = lost or slower or results.wrong or any(measured.failed for measured in results.cases)
    end(ExitCode.FAILED if failed else ExitCode.DONE)


def _measured(recipe: Recipe, parameters: Parameters, given: dict[str, Any]) -> Measured:
    """Measure a case; a failure is printed and kept, so that the other cases are not lost."""
    from glimpsecli.bench import isolated
    from glimpsecli.bench.measuring import Measured

    try:
        with _status(given) as progress:
            return isolated.measure_isolated(recipe, parameters, lambda text: progress(f"{recipe.name}: {text}"))
    except GlimpseError as error:
        complain(f"case {recipe.name}: {error}")
        return Measured(recipe, None, (), {}, {}, str(error))


def _compare(old: Results, new: Results, given: dict[str, Any]) -> bool:
    """Print the changes since the baseline; return whether one is too slow, or nothing could be compared."""
    from glimpsecli.bench import baseline, report

    limit = given["fail_above"]
    _say_all(baseline.differences(old, new), given)
    found = baseline.changes(old, new)
    if not found:
        complain(f"nothing that this run timed is in {given['baseline']} too")
        return True
    click.echo(f"\nagainst {given['baseline']}")
    click.echo("\n".join(report.change_lines(found, limit)))
    slower = [change for change in found if limit is not None and change.fails(limit)]
    for change in slower:
        complain(
            f"{change.contender}, {change.view}, case {change.case} takes {change.relative:.0%} longer than in "
            f"{given['baseline']}; {limit:.0%} is allowed"
        )
    return bool(slower)


def _say_all(notes: Sequence[str], given: dict[str, Any]) -> None:
    for note in notes:
        if note and not given["quiet"]:
            say(note)


@contextmanager
def _status(given: dict[str, Any]) -> Iterator[Callable[[str], None]]:
    """Give a callback that shows the current step: in a passing line of a terminal, or with -v in lines that stay."""
    terminal = sys.stderr is not None and sys.stderr.isatty() and not given["quiet"]

    def progress(text: str) -> None:
        if given["verbose"]:
            say(text)
        elif terminal:
            click.echo(f"\r\x1b[K{text}"[:120], err=True, nl=False)

    try:
        yield progress
    finally:
        if terminal and not given["verbose"]:
            click.echo("\r\x1b[K", err=True, nl=False)
