"""The options of ``glimpse study``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from glimpsecli.commands import options
from glimpsecli.commands.values import Value, numbers_of
from glimpsecli.errors import InvalidInputError

FARTHEST = 2
"""The largest distance of a start from the true place, in windows."""

what, how, out = (options.section(title) for title in ("What is tried", "How", "Output"))


def output_option(default: str) -> Callable[[Any], Any]:
    """Give the option for the folder of the reports."""
    return out(
        "-o", "--output", metavar="FOLDER", type=click.Path(), default=default, show_default=True,
        callback=options.check_folder, help="Where the reports go.",
    )  # fmt: skip


class OffsetsValue(Value):
    """Distances of starts."""

    form = "D,..."

    def parse(self, text: str) -> Any:
        """Give numbers from 0 to 2, each once, in order."""
        hint = "write offsets such as 0.1,0.2,0.5"
        offsets = numbers_of(text, "offsets", hint)
        if not 0 <= offsets[0] <= offsets[-1] <= FARTHEST:
            raise InvalidInputError(f"{text!r} has an offset that is not from 0 to {FARTHEST}", hint)
        return tuple(abs(offset) for offset in offsets)  # -0 is 0


class KindsValue(Value):
    """Kinds of sequences."""

    form = "KIND,..."

    def parse(self, text: str) -> Any:
        """Give the kinds, each once, in the order of the list."""
        from glimpsecli.study.sequences import KINDS

        given = [kind.strip().lower() for kind in text.split(",")]
        for kind in given:
            if kind not in KINDS:
                raise InvalidInputError(f"{kind!r} is no kind of sequence", f"take some of {', '.join(KINDS)}")
        return tuple(kind for kind in KINDS if kind in given)
