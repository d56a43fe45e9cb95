"""The values of the options that ``glimpse batch`` alone has."""

from __future__ import annotations

import re
from typing import Any

from glimpsecli.commands.values import Value
from glimpsecli.errors import InvalidInputError


class CountValue(Value):
    """A number of images, or all that there are."""

    form = "all|N"

    def parse(self, text: str) -> Any:
        """Give the number; 0 for all: they are counted."""
        number = re.fullmatch(r"([1-9][0-9_]{0,15})(?:e([0-9]|1[0-2]))?", text)
        if text != "all" and number is None:
            hint = "write --estimate=20000 or --estimate=1e8, or --estimate alone for all images"
            raise InvalidInputError(f"{text!r} is no number of images", hint)
        return 0 if number is None else int(number[1].replace("_", "")) * 10 ** int(number[2] or 0)


class ChunkValue(Value):
    """The number of images in a chunk."""

    form = "auto|N"

    def parse(self, text: str) -> Any:
        """Give the number; 0 for one that is chosen by the time that images take."""
        if text != "auto" and re.fullmatch("[1-9][0-9]{0,5}", text) is None:
            raise InvalidInputError(f"{text!r} is no number of images", "write 256, or auto")
        return 0 if text == "auto" else int(text)


def _share(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


class SplitValue(Value):
    """Splits: with their shares, or the files that list their images; or the column that names them."""

    form = "NAME=SHARE,...|NAME=LIST,...|COLUMN"

    def parse(self, text: str) -> Any:
        """Give a dict of shares or of paths, or the name of the column."""
        from glimpsecli.jobs.naming import safe

        if "=" not in text:
            if not text.strip():
                raise InvalidInputError("--split '' names nothing", "write train=0.8,val=0.2")
            return text.strip()
        pairs = [(name.strip(), value.strip()) for name, _, value in (one.partition("=") for one in text.split(","))]
        for name, value in pairs:
            if not name or not value or safe(name) != name:
                raise InvalidInputError(f"{text!r} has {name or value!r}, which is no split", f"write {self.form}")
        splits: dict[str, Any] = dict(pairs)
        if len(splits) < len(pairs):
            raise InvalidInputError(f"{text!r} names a split twice", "name each once")
        shares = [_share(value) for _, value in pairs]
        if None not in shares:
            return {name: share for (name, _), share in zip(pairs, shares, strict=True)}
        mixed = next((value for (_, value), share in zip(pairs, shares, strict=True) if share is not None), None)
        if mixed is not None or any(re.fullmatch(r"[\d.]+[%/][\d.]*", value) for _, value in pairs):
            raise InvalidInputError(f"{text!r} has shares that are no numbers", "write train=0.8,val=0.2")
        return splits
