"""``glimpse help``: a topic, or the help page of a command."""

from __future__ import annotations

import os
from typing import Any

import click
from click.shell_completion import CompletionItem

from glimpsecli.commands import options
from glimpsecli.commands.groups import near

EXAMPLES = options.examples("glimpse help", "glimpse help exit codes", "glimpse help extract")

FOLDER = os.path.join(os.path.dirname(__file__), "topics")
"""A Markdown file for each topic. Its first line is a heading, which `glimpse help` shows beside the name."""


def topics() -> dict[str, str]:
    """Give the heading of each topic by its name."""
    names = sorted(name.removesuffix(".md") for name in os.listdir(FOLDER))
    return {name: topic(name).partition("\n")[0].lstrip("# ") for name in names}


def topic(name: str) -> str:
    """Give the text of a topic."""
    with open(os.path.join(FOLDER, f"{name}.md"), encoding="utf-8") as stream:
        return stream.read()


def _complete(ctx: click.Context, option: click.Parameter, incomplete: str) -> list[CompletionItem]:
    root = ctx.find_root()
    found = root.command.shell_complete(root, incomplete)
    known = {item.value for item in found}
    names = (name for name in topics() if name.startswith(incomplete) and name not in known)
    return found + [CompletionItem(name) for name in names]


@click.command(cls=options.Command, epilog=EXAMPLES)
@click.argument("words", metavar="[TOPIC|COMMAND]", nargs=-1, shell_complete=_complete)
@options.manner_options
@click.pass_context
def help(ctx: click.Context, /, words: tuple[str, ...], **given: Any) -> None:  # noqa: A001
    """Show a topic, or the help page of COMMAND, which is that of `glimpse COMMAND --help`.

    Without a word: all commands and topics. `study` is both a command and a topic, and shows both. A terminal
    gets them in the pager that PAGER names.
    """
    shown = ctx.find_root()
    assert isinstance(shown.command, click.Group)
    known, commands = topics(), shown.command.list_commands(shown)
    asked, pages = "-".join(words), []
    if not words or words[0] in commands:
        for word in words:
            if not isinstance(shown.command, click.Group):
                raise click.UsageError(f"{shown.command_path} has no command {word!r}.", shown)
            command = shown.command.resolve_command(shown, [word])[1]
            if command is not None:
                shown = click.Context(command, info_name=word, parent=shown)
        pages.append(shown.get_help())
    elif asked not in known:
        choices = f"Topics are {', '.join(known)}; `glimpse -h` lists the commands."
        hint = near(asked, {*known, *commands}, choices)
        raise click.UsageError(f"No such command or topic {' '.join(words)!r}. {hint}")
    if asked in known:
        pages.append(topic(asked).rstrip())
    click.echo_via_pager("\n\n".join(pages), color=ctx.color)
