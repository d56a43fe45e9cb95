"""Times as people write them: seconds, or hours, minutes and seconds."""

from __future__ import annotations

import re
from fractions import Fraction

from glimpsecli.errors import InvalidInputError

_SECONDS = re.compile(r"-?(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)", re.ASCII)
_CLOCK = re.compile(r"(-?)(?:([0-9]+):)?([0-5]?[0-9]):([0-5][0-9](?:\.[0-9]+)?)", re.ASCII)


def parse_time(text: str, label: str) -> Fraction:
    """Read a time: seconds such as ``1.5``, or ``MM:SS``, or ``HH:MM:SS.mmm``; a minus may come before it.

    Parameters
    ----------
    text : str
        The time.
    label : str
        The option or the column that holds it, for messages.

    Returns
    -------
    Fraction
        Seconds, exactly as written.

    Raises
    ------
    InvalidInputError
        The text is no time.
    """
    word = text.strip()
    if _SECONDS.fullmatch(word):
        return Fraction(word)
    clock = _CLOCK.fullmatch(word)
    if clock is None:
        raise InvalidInputError(
            f"{label} holds {text!r}, which is no time", "write seconds, MM:SS or HH:MM:SS, such as 1.5 or 00:01:02.5"
        )
    sign, hours, minutes, seconds = clock.groups()
    total = 3600 * int(hours or 0) + 60 * int(minutes) + Fraction(seconds)
    return -total if sign else total
