"""Groups of commands, which answer a misspelt name with the nearest."""

from __future__ import annotations

import click


class Group(click.Group):
    """A group whose answer to an unknown command is those of nearly its name."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find a command, or refuse in one line."""
        names = self.list_commands(ctx)
        if args[0] in names or ctx.resilient_parsing:
            return super().resolve_command(ctx, args)
        import difflib

        near = " or ".join(difflib.get_close_matches(args[0], names))
        advice = f"Did you mean {near}?" if near else f"`{ctx.command_path} -h` lists them."
        raise click.UsageError(f"No such command {args[0]!r}. {advice}", ctx)
