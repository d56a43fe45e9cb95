"""``glimpse help``: the help page of a command."""

from __future__ import annotations

from typing import Any

import click
from click.shell_completion import CompletionItem

from glimpsecli.commands import options

EXAMPLES = options.examples("glimpse help", "glimpse help extract", "glimpse help study training")


def _complete(ctx: click.Context, option: click.Parameter, incomplete: str) -> list[CompletionItem]:
    return ctx.find_root().command.shell_complete(ctx.find_root(), incomplete)


@click.command(cls=options.Command, epilog=EXAMPLES)
@click.argument("words", metavar="[COMMAND]", nargs=-1, shell_complete=_complete)
@options.manner_options
@click.pass_context
def help(ctx: click.Context, /, words: tuple[str, ...], **given: Any) -> None:  # noqa: A001
    """Print the help page of COMMAND, which is that of `glimpse COMMAND --help`."""
    shown = ctx.find_root()
    for word in words:
        if not isinstance(shown.command, click.Group):
            raise click.UsageError(f"{shown.command_path} has no command {word!r}.", shown)
        command = shown.command.resolve_command(shown, [word])[1]
        if command is not None:
            shown = click.Context(command, info_name=word, parent=shown)
    click.echo(shown.get_help(), color=ctx.color)
