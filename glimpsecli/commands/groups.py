"""Groups of commands, which answer a misspelt name with the nearest."""

from __future__ import annotations

from collections.abc import Iterable

import click

from glimpsecli.commands.short_help import ShortHelp


def near(word: str, names: Iterable[str], otherwise: str) -> str:
    """Give the advice for a misspelt name: the nearest of the names, or a sentence where none is near."""
    import difflib

    found = " or ".join(difflib.get_close_matches(word, names))
    return f"Did you mean {found}?" if found else otherwise


class Group(ShortHelp, click.Group):
    """A group whose short page lists its commands, and whose answer to an unknown command is the nearest name."""

    def format_common(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands."""
        self.format_commands(ctx, formatter)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find a command, or refuse in one line."""
        names = self.list_commands(ctx)
        if args[0] in names or ctx.resilient_parsing:
            return super().resolve_command(ctx, args)
        advice = near(args[0], names, f"`{ctx.command_path} -h` lists them.")
        raise click.UsageError(f"No such command {args[0]!r}. {advice}", ctx)
