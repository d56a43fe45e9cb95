"""The ``glimpse`` group: a lazy table of commands, and the one place that turns errors into exit codes."""

from __future__ import annotations

import gc
import importlib
import math
import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import click

from glimpsecli import __version__
from glimpsecli.commands.console import explain, prepare, reader_may_leave
from glimpsecli.commands.groups import Group
from glimpsecli.commands.report import complain, forget_output
from glimpsecli.errors import ExitCode, GlimpseError

COMMANDS = {
    "extract": ("glimpsecli.commands.extract", "Look at images through windows and write what is seen."),
    "batch": ("glimpsecli.commands.batch", "Look at folders of images and write a data set."),
    "replay": ("glimpsecli.commands.replay", "Make the glimpses of a batch again, byte for byte."),
    "export": ("glimpsecli.commands.export", "Write COCO, YOLO or Hugging Face annotations of a batch."),
    "mask": ("glimpsecli.commands.mask", "Show how much each pixel counts in a glimpse."),
    "overlay": ("glimpsecli.commands.overlay", "Lay windows, or the attention maps of a model, over images."),
    "sheet": ("glimpsecli.commands.sheet", "Draw a contact sheet of a data set: some images of each label."),
    "path": ("glimpsecli.commands.path", "Move a window over a photo or a video, and film what it sees."),
    "track": ("glimpsecli.commands.track", "Follow objects through a video, with a verdict for each frame."),
    "paste": ("glimpsecli.commands.paste", "Put glimpses back onto an image."),
    "compare": ("glimpsecli.commands.compare", "Draw a window through hard, Gaussian and spatial attention."),
    "fit": ("glimpsecli.commands.fit", "Find the window of an image that a glimpse was taken through."),
    "gradient": ("glimpsecli.commands.gradient", "Draw the loss around a window and its gradient, by sampler."),
    "learn": ("glimpsecli.commands.learn", "Train a network that learns where to look."),
    "look": ("glimpsecli.commands.look", "Show a trained network images, and see where it looks."),
    "bench": ("glimpsecli.commands.bench", "Time the samplers and backends, beside other libraries."),
    "study": ("glimpsecli.commands.study", "Put the article's claims to the test."),
    "samples": ("glimpsecli.commands.samples", "Copy the photos of the examples into a folder."),
    "info": ("glimpsecli.commands.info", "Print versions, backends, caches and formats."),
    "help": ("glimpsecli.commands.help", "Show a topic, or the help page of a command."),
}
"""Name of each command, the module that holds it, and its line in the help."""

HELP = """Look at a part of an image the way visual-attention models do.

Hard attention is a crop, soft attention a mask, Gaussian attention DRAW's filterbanks, and the spatial transformer a
grid with bilinear interpolation. `glimpse COMMAND -h` shows the common options of a command, `glimpse COMMAND --help`
all of them.
"""

EPILOG = """\b
Completion, for the shell's start-up file:
  eval "$(_GLIMPSE_COMPLETE=bash_source glimpse)"     bash
  eval "$(_GLIMPSE_COMPLETE=zsh_source glimpse)"      zsh
  _GLIMPSE_COMPLETE=fish_source glimpse | source      fish

\b
Examples (`glimpse samples` brings the photos):
  glimpse extract sample_images/chelsea.png --box 120,40,200,140 -o cat.png
"""


class LazyGroup(Group):
    """A group that imports a command when it is run, so that help and completion are quick."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name the commands."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = getattr(importlib.import_module(COMMANDS[cmd_name][0]), cmd_name)
        return command

    def make_context(self, *arguments: Any, **keywords: Any) -> click.Context:
        """Read the command line, which may print the help."""
        with reader_may_leave():
            return super().make_context(*arguments, **keywords)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; Ctrl-C is reported here, for click would print an empty line first, terminal or not."""
        try:
            with reader_may_leave():
                return super().invoke(ctx)
        except KeyboardInterrupt:
            if sys.stderr is not None and sys.stderr.isatty():
                click.echo(err=True)  # behind the ^C
            complain("interrupted")
            raise click.exceptions.Exit(ExitCode.INTERRUPTED) from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands from the table, without importing them, and the topics of `glimpse help`."""
        from glimpsecli.commands.help import topics

        self._list_commands(formatter)
        with formatter.section("Topics, for `glimpse help TOPIC`"):
            formatter.write_dl([*topics().items()])

    def format_common(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands, and name the topics."""
        from glimpsecli.commands.help import topics

        self._list_commands(formatter)
        formatter.write_paragraph()
        formatter.write_text(f"Topics, for `glimpse help TOPIC`: {', '.join(topics())}.")

    @staticmethod
    def _list_commands(formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


@click.group(
    cls=LazyGroup,
    help=HELP,
    epilog=EPILOG,
    context_settings={"max_content_width": 100},
)
@click.version_option(__version__, message="glimpse %(version)s")
def glimpse() -> None:
    """Stand for the group; its help is in HELP."""


def main() -> None:
    """Run the command line and end the process with its exit code."""
    # Imports make many objects and no garbage: the search for it would take a tenth of a short run.
    gc.set_threshold(100_000)
    for name in ("SIGTERM", "SIGHUP"):  # as an exception it removes half-written files
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:  # nohup ignores hang-ups
            signal.signal(number, _stop)
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _interrupter())
    sys.unraisablehook = send_again
    prepare()
    code = run(sys.argv[1:])
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # nothing is left to be interrupted
    gc.freeze()  # the interpreter searches for garbage as it ends, a tenth of a short run
    sys.exit(code)


def run(arguments: list[str]) -> int:
    """Run the command line and return its exit code."""
    try:
        code = glimpse.main(arguments, prog_name="glimpse", standalone_mode=False)
        if sys.stdout is not None:
            sys.stdout.flush()
        return int(code or ExitCode.DONE)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.ctx.get_help() if error.ctx else error.format_message(), err=True)
        return ExitCode.USAGE
    except click.ClickException as error:
        complain(error.format_message())
        return error.exit_code
    except GlimpseError as error:
        complain(error, show=error if "--traceback" in arguments else None)
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        complain("interrupted")
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        forget_output()  # the reader has had enough
        return ExitCode.DONE
    except OSError as error:
        text, code = explain(error)
        complain(text, show=error if "--traceback" in arguments else None)
        return code


def _interrupter() -> Callable[[int, object], None]:
    """Give a handler of Ctrl-C that ignores repeats within a second, which would break off the clean-up."""
    last = -math.inf

    def interrupt(number: int, frame: object) -> None:
        nonlocal last
        if time.monotonic() - last > 1:
            last = time.monotonic()
            raise KeyboardInterrupt

    return interrupt


def send_again(lost: sys.UnraisableHookArgs) -> None:
    """Send a signal again whose exception was lost in a callback, such as the compiler's, that can raise nothing."""
    if isinstance(lost.exc_value, (KeyboardInterrupt, SystemExit)) and hasattr(signal, "pthread_kill"):
        code = getattr(lost.exc_value, "code", None)
        number = code - 128 if isinstance(code, int) else signal.SIGINT
        main_thread = threading.main_thread().ident
        timer = threading.Timer(1.1, signal.pthread_kill, [main_thread, number])  # a repeat within 1 s is ignored
        timer.daemon = True
        timer.start()
    else:
        sys.__unraisablehook__(lost)


def _stop(number: int, frame: object) -> None:
    raise SystemExit(128 + number)
