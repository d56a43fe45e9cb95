"""The short help page, on one screen: usage, a sentence, the common options, some examples."""

from __future__ import annotations

from typing import Any

import click

EXAMPLES = 3
"""Examples on a short page, at most: the first of the long one."""


class ShortHelp(click.Command):
    """A command with two help pages: ``-h`` shows the common options, ``--help`` all of them.

    Parameters
    ----------
    *arguments, **keywords : object
        For click.
    common : str
        Names of the options on the short page, with spaces between them.
    """

    def __init__(self, *arguments: Any, common: str = "", **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self.common = set(common.split())
        self.params.append(
            click.Option(
                ["-h"], is_flag=True, is_eager=True, expose_value=False, callback=_show,
                help="Show the common options and exit.",
            )
        )  # fmt: skip

    def short_page(self, ctx: click.Context) -> str:
        """Give the page of ``-h``."""
        formatter = ctx.make_formatter()
        self.format_usage(ctx, formatter)
        formatter.write_paragraph()
        with formatter.indentation():
            formatter.write_text((self.help or "").partition("\n\n")[0])
        self.format_common(ctx, formatter)
        examples = (self.epilog or "").rpartition("\b\n")[2].splitlines()[: EXAMPLES + 1]
        formatter.write("\n" + "".join(f"{line}\n" for line in examples))
        formatter.write(f"\n`{ctx.command_path} --help` lists all options.\n")
        return formatter.getvalue().rstrip("\n")

    def format_common(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the common options."""
        rows = [row for one in self.params if self.common & {*one.opts} and (row := one.get_help_record(ctx))]
        if rows:
            with formatter.section("Common options"):
                formatter.write_dl(rows)


def _show(ctx: click.Context, option: click.Parameter, is_asked: bool) -> None:
    if is_asked and isinstance(ctx.command, ShortHelp):
        click.echo(ctx.command.short_page(ctx), color=ctx.color)
        ctx.exit()
