"""``glimpse replay``: the glimpses of a batch again, from its manifest."""

from __future__ import annotations

import os
from typing import Any

import click

from glimpsecli.commands import options
from glimpsecli.commands.running import carry_out

EXAMPLES = options.examples(
    "glimpse batch sample_images -o squares --at 50%,50% --extent 50%x50% --size 64x64",
    "glimpse replay squares -o again",
)


@click.command(cls=options.Command, epilog=EXAMPLES, common="-o --overwrite -j")
@click.argument("folder", metavar="OUT", type=click.Path())
@options.out("-o", "--output", "target", metavar="FOLDER", help="Where the glimpses go. Default: back into OUT.")
@options.out("--overwrite", is_flag=True, help="Replace files in another FOLDER. A source is never replaced.")
@options.jobs_option
@options.manner_options
def replay(folder: str, target: str | None, overwrite: bool, **given: Any) -> None:
    """Make the glimpses of a batch in OUT again, byte for byte.

    The same bytes need the same versions and processor; run.json names those of the batch. Sources are known by their
    hash: one that has changed since is an error, and its glimpses stay as they are.
    """
    from glimpsecli.jobs.replaying import make_replay_plan

    carry_out(make_replay_plan(folder, os.path.join(target or folder, ""), overwrite=overwrite), given)
