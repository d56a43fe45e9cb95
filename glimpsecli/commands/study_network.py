"""``glimpse study network``: train networks with each sampler, and compare where they learn to look."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click

from glimpsecli.commands import options
from glimpsecli.commands.report import complain, progress, say
from glimpsecli.commands.study_values import how, out, output_option, what
from glimpsecli.errors import ExitCode

if TYPE_CHECKING:
    from glimpsecli.study.network_plan import Design

EXAMPLES = options.examples(
    "glimpse study network --quick -o networks",
    "glimpse study network --quick -o networks --resume",
)


@click.command(
    cls=options.Command,
    epilog=EXAMPLES,
    common="--quick --all --rates -j --seed -o --resume --overwrite",
    short_help="Which sampler learns where to look?",
)
@what("--quick", is_flag=True, help="Five samplers, one seed and fewer steps, within two minutes; it decides nothing.")
@what("--all", "everything", is_flag=True, help="Six other conditions, too: an hour more.")
@what(
    "--rates", is_flag=True,
    help="Choose the rate of each sampler on seeds 0 to 3, and print it; the study has its own, chosen so.",
)  # fmt: skip
@how("-j", "--jobs", type=click.IntRange(1), metavar="N", help="Processes. Default: the processors.")
@how(
    "--seed", type=click.IntRange(10, 1_000_000), metavar="N",
    help="The first seed, from 10; those below have chosen the rates. Default: 100.",
)  # fmt: skip
@output_option("study-network")
@out("--resume", is_flag=True, help="Go on with a run that was interrupted.")
@out("--overwrite", is_flag=True, help="Begin anew, and replace files that exist.")
@options.manner_options
def network(**given: Any) -> None:
    """Train networks that say where to look, and compare the samplers through which they learn it.

    Each network learns from the classes of digits in cluttered scenes, and is judged by the places that it finds. Hard
    attention learns by the score function, the spatial transformer on the image and on the image blurred as Gaussians
    would, Gaussian attention at one width and from wide to narrow. Beside them are a fixed window, an oracle
    window on the digit, and a network that sees the whole image. The full run has eight seeds and takes half an hour on
    two processors; --all adds more steps, other windows, three glimpses and another classifier. It needs torch:
    pip install 'glimpsecli[learn]'.
    """
    from glimpsecli.jobs.outputs import check_files, make_folder
    from glimpsecli.jobs.pool import processors
    from glimpsecli.networks.needs import check_installed
    from glimpsecli.study import network_report, network_running

    folder, resume, overwrite = given["output"], given["resume"], given["overwrite"]
    if resume and overwrite:
        raise click.UsageError("--resume and --overwrite: go on, or start anew.")
    design = _design(given)
    check_installed("`glimpse study network`")
    path = os.path.join(folder, network_report.RUNS)
    if os.path.lexists(path) and not (resume or overwrite):
        raise click.UsageError(f"{path} exists; give --resume to go on with it, --overwrite, or another folder.")
    replace = overwrite or os.path.lexists(path)
    names = network_report.RATES_FILES if design.tried else network_report.network_files(design)
    make_folder(path)
    check_files({name: os.path.join(folder, name) for name in names}, [], overwrite=replace)
    jobs = given["jobs"] or processors()

    def announce(count: int, seconds: float) -> None:
        say(f"{count} networks in {jobs} process{'es' * (jobs > 1)}: about {_duration(seconds)}")

    try:
        with progress("network", quiet=given["quiet"], verbose=given["verbose"]) as update:
            results = network_running.run(
                design, path, jobs=jobs, resume=resume, overwrite=overwrite, progress=update,
                announce=None if given["quick"] or given["quiet"] else announce,
            )  # fmt: skip
    except KeyboardInterrupt:
        complain(f"interrupted; what is done is in {path}, and --resume goes on")
        raise click.exceptions.Exit(ExitCode.INTERRUPTED) from None
    export = network_report.export_rates if design.tried else network_report.export_network
    written, said = export(results, design, folder, overwrite=replace)
    click.echo("\n".join(said))
    if not given["quiet"]:
        say(f"{', '.join(written)} written to {folder}")


def _design(given: dict[str, Any]) -> Design:
    """Give the experiment that is asked for."""
    from glimpsecli.study.network_design import CONDITIONS, SEED
    from glimpsecli.study.network_plan import CHOICE, QUICK, Design

    chosen = [name for name in ("quick", "everything", "rates") if given[name]]
    if len(chosen) > 1:
        raise click.UsageError("--quick, --all and --rates: give one of them.")
    if given["rates"]:
        if given["seed"] is not None:
            raise click.UsageError("--rates has seeds of its own, 0 to 3: leave --seed out.")
        return Design(**CHOICE)
    design = Design(seed=SEED if given["seed"] is None else given["seed"])
    if given["everything"]:
        design = design._replace(conditions=tuple(CONDITIONS))
    return design._replace(**QUICK) if given["quick"] else design


def _duration(seconds: float) -> str:
    """Write a time in minutes, or in hours and minutes."""
    minutes = max(1, round(seconds / 60))
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60} min"
