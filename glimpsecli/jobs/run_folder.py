"""The folder of a run: the record of its parameters, its failures, and the lock by which no other run writes there.

``run.json``
    The parameters, versions and backend; and, once the run is finished, the number of lines and a checksum of them.
``failures.jsonl``
    A line for each image that failed, and for each problem of the annotations.

A part of a batch has its number in these names. No file holds a time, so that the same run gives the same bytes.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping
from contextlib import ExitStack, suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from glimpsecli.errors import InvalidInputError
from glimpsecli.jobs.description import check_same, description
from glimpsecli.jobs.lines import read_run
from glimpsecli.jobs.locking import locked
from glimpsecli.storage import is_address, joined, path_of, shown, storage_of
from glimpsecli.storage.atomic import is_temporary

if TYPE_CHECKING:
    from typing_extensions import Self

    from glimpsecli.jobs.plan import Plan
    from glimpsecli.jobs.products import Done


EXPORTED = ".exported"
"""The file with the checksum of the lines that an export was made of."""


class RunFolder:
    """The folder of a run, or of a part of one; as a context it holds the lock on its files.

    Parameters
    ----------
    folder : str
        The output folder, or the address of one.
    part : (int, int)
        The number of the part, and of all parts.

    Attributes
    ----------
    outdated : bool
        Whether an export in the folder is of other glimpses than those of this run, which has ended.
    """

    record = "metadata.jsonl"
    """The file whose presence says that a folder holds the glimpses of a batch."""

    def __init__(self, folder: str, part: tuple[int, int] = (1, 1)) -> None:
        self.folder, self._storage = folder, storage_of(folder)
        digits = max(5, len(str(part[1])))
        self._suffix = "" if part[1] == 1 else f"-{part[0]:0{digits}d}-of-{part[1]:0{digits}d}"
        self._held = ExitStack()
        self.outdated = False
        self._run: dict[str, Any] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        self._held.close()

    def path(self, name: str) -> str:
        """Give the path of ``metadata.jsonl``, ``failures.jsonl`` or ``run.json``."""
        stem, suffix = os.path.splitext(name)
        return joined(self.folder, f"{stem}{self._suffix}{suffix}")

    def has_lines(self, name: str) -> bool:
        """Return whether a log of lines is there, whole or in parts."""
        if not is_address(self.folder):
            return self.holds(name)
        return next(self._storage.log(path_of(self.path(name))), None) is not None

    def holds(self, name: str) -> bool:
        """Return whether one of these files is there."""
        return self._storage.stat(path_of(self.path(name))) is not None

    def check(
        self, plan: Plan, parameters: Mapping[str, Any], *, resume: str | None, overwrite: bool
    ) -> dict[str, Any]:
        """Give the content of ``run.json``, and write nothing.

        Parameters
        ----------
        plan : Plan
        parameters : mapping
            Parameters of the command line, for ``run.json``.
        resume : str or None
            ``full`` or ``quick``: whether an earlier run is resumed.
        overwrite : bool
            Whether an earlier run is replaced.

        Raises
        ------
        InvalidInputError
            The folder holds a run already, and it is neither resumed nor overwritten; or the run to be resumed had
            other parameters or is damaged.
        """
        run, run_path = description(plan, parameters), self.path("run.json")
        for name in ("run.json", self.record, "failures.jsonl"):
            self._check_file(self.path(name), parameters)
        self._refuse_others()
        if self.holds("run.json"):
            if resume:
                check_same(read_run(run_path), run, shown(run_path))
            elif not overwrite:
                raise InvalidInputError(
                    f"{shown(self.folder)} holds a run already",
                    "give --resume or --overwrite, or choose another folder",
                )
        elif not overwrite and self.has_lines(self.record):
            raise InvalidInputError(f"{shown(self.path(self.record))} exists", "give --overwrite to replace it")
        return run

    def _refuse_others(self) -> None:
        """Refuse a folder with a batch that has another number of parts."""
        if is_address(self.folder) or not os.path.isdir(self.folder):
            return
        number = self._suffix.rpartition("-")[2]
        for name in os.listdir(self.folder):
            found = re.fullmatch(r"run(?:-[0-9]+-of-([0-9]+))?\.json", name)
            if found is not None and (found[1] or "") != number:
                raise InvalidInputError(
                    f"{self.folder} holds {name} of a batch with {'other' if found[1] else 'no'} parts",
                    "choose another folder, or remove that batch",
                )

    def sweep_all(self) -> None:
        """Remove the temporary files below the folder, after a run whose workers were lost; other parts may go on."""
        if is_address(self.folder) or self._suffix:
            return
        for folder, _, names in os.walk(self.folder):
            for name in filter(is_temporary, names):
                with suppress(OSError):
                    os.unlink(os.path.join(folder, name))

    def _begin(
        self, plan: Plan, parameters: Mapping[str, Any], *, resume: str | None, overwrite: bool, dry_run: bool
    ) -> bool:
        """Check the folder; return whether a run is resumed, whose lock is taken then, unless nothing is written."""
        self._asked = partial(self.check, plan, parameters, resume=resume, overwrite=overwrite)
        self._asked()
        if not resume or not self.holds("run.json"):
            return False
        if not dry_run:
            self._lock()
        return True

    def _open(self, plan: Plan) -> None:
        """Write the record of the run and the problems of its plan; a run that began meanwhile is noticed."""
        self._run = self._asked()
        self._write_run()
        self._storage.discard(path_of(self.path("failures.jsonl")))
        self._fail({"source": None, "error": problem} for problem in plan.problems)

    def _lock(self) -> None:
        if not is_address(self.folder):  # a store has no locks: its log takes no second writer
            self._held.enter_context(locked(self.path(".run.lock")))

    def _write_run(self) -> None:
        text = json.dumps(self._run, indent=1, sort_keys=True) + "\n"
        self._storage.put(path_of(self.path("run.json")), text.encode("ascii"), overwrite=True)

    def _complete(self, lines: int, checksum: str) -> None:
        """Complete ``run.json``, once all is done."""
        self._storage.join(path_of(self.path("failures.jsonl")))
        exported = os.path.join(self.folder, EXPORTED)
        if not is_address(self.folder) and os.path.isfile(exported):
            with open(exported, encoding="ascii", errors="replace") as file:
                self.outdated = file.read().strip() != checksum
        self._run |= {"lines": lines, "checksum": checksum}
        self._write_run()

    def _fail(self, rows: Iterable[Mapping[str, Any]]) -> None:
        self._storage.append(path_of(self.path("failures.jsonl")), [json.dumps(row) for row in rows])

    def _note_failures(self, group: Iterable[Done]) -> None:
        self._fail({"source": done.source, "error": str(done.failure)} for done in group if done.failure is not None)

    @staticmethod
    def _check_file(path: str, parameters: Mapping[str, Any]) -> None:
        """Refuse a file of this name that is none, or that is read."""
        if is_address(path):
            return
        if os.path.islink(path) or (os.path.lexists(path) and not os.path.isfile(path)):
            raise InvalidInputError(f"{path} is no regular file", "remove it, or choose another output folder")
        if os.path.abspath(path) in map(os.path.abspath, parameters.get("inputs", ())):
            raise InvalidInputError(f"{path} is an input", "choose another output folder")
