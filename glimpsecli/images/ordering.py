"""The order in which a person lists files: img2 before img10."""

from __future__ import annotations

import re
from itertools import cycle


def natural_key(relative: str) -> list[tuple[bool, int, str]]:
    """Give a key that sorts img2 before img10, and by the exact text where the numbers are equal."""
    parts = re.split(r"([0-9]+)", relative)
    keys = [(odd, int(part) if odd else 0, part) for odd, part in zip(cycle((False, True)), parts)]
    return [*keys, (False, 0, relative)]
