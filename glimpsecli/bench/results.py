"""The results of a run: they can be written to JSON, read again and compared."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from glimpsecli.bench.jsonable import from_jsonable, to_jsonable
from glimpsecli.bench.measuring import Entry, Measured, Parameters
from glimpsecli.errors import InvalidInputError

FORMAT = "glimpse bench 1"


class Results(NamedTuple):
    """The results of a run.

    Attributes
    ----------
    machine : dict
        See :func:`glimpsecli.bench.machine.describe`.
    versions : dict
        Of glimpse and of the packages that took part.
    parameters : Parameters
    load : float or None
        The load average before the run.
    began : str
        The time at which the run began, UTC, ISO 8601.
    cases : tuple of Measured
    """

    machine: dict[str, Any]
    versions: dict[str, str]
    parameters: Parameters
    load: float | None
    began: str
    cases: tuple[Measured, ...] = ()

    def to_json(self) -> str:
        """Give everything as JSON, every sample too."""
        content = to_jsonable(self) | {"format": FORMAT, "cases": [_with_summary(measured) for measured in self.cases]}
        return json.dumps(content, indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str, label: str) -> Results:
        """Read what `to_json` wrote.

        Raises
        ------
        InvalidInputError
            The text is of another format, or damaged.
        """
        hint = "give a file that --export-json wrote"
        try:
            data = json.loads(text)
        except (ValueError, RecursionError):
            raise InvalidInputError(f"{label} is no JSON", hint) from None
        if not isinstance(data, dict) or data.get("format") != FORMAT:
            raise InvalidInputError(f"{label} is not of the format {FORMAT!r}", hint)
        try:
            results = from_jsonable(cls, data)
        except InvalidInputError as error:
            raise InvalidInputError(f"{label} is damaged: {error.message}", hint) from None
        for measured, entry in results.entries():
            if entry.samples is not None and not entry.samples.sound:
                whose = f"{entry.contender}, {entry.view}, case {measured.recipe.name}"
                raise InvalidInputError(f"{label} is damaged: {whose} has no samples, or some without a time", hint)
        return results

    def entries(self) -> Iterator[tuple[Measured, Entry]]:
        """Give each contender of each view of each case."""
        for measured in self.cases:
            for entry in measured.entries:
                yield measured, entry

    @property
    def wrong(self) -> list[tuple[Measured, Entry]]:
        """The entries whose results were refused."""
        return [(measured, entry) for measured, entry in self.entries() if entry.wrong is not None]


def _with_summary(measured: Measured) -> dict[str, Any]:
    data: dict[str, Any] = to_jsonable(measured)
    for row, entry in zip(data["entries"], measured.entries, strict=True):
        seconds, ratio = entry.seconds, measured.ratio(entry)
        row["summary"] = {"seconds": seconds and seconds._asdict(), "ratio": ratio and ratio._asdict()}
    return data
