"""Measuring in a process of its own, whose number of threads is fixed before any library starts.

OpenBLAS, MKL, OpenMP and Numba read how many threads they may use from the environment, when they are loaded. The
process of the command line has loaded NumPy by then, so each case is handed to a fresh process with the right
environment. There are more merits: first calls are first calls, what one case allocates or heats does not weigh on the
next, and a contender that crashes takes one case with it. The processes talk in lines of JSON.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, TextIO

from glimpsecli import errors
from glimpsecli.bench.cases import Recipe
from glimpsecli.bench.jsonable import from_jsonable, to_jsonable
from glimpsecli.bench.machine import THREADS
from glimpsecli.bench.measuring import Measured, Parameters, measure
from glimpsecli.bench.stages import Job, split
from glimpsecli.errors import FileProblemError, GlimpseError

Progress = Callable[[str], None]

# It finds the same modules as this process, though -c puts the current folder first: only sys, which is built in, is
# imported before the path is set. On Ctrl-C this process ends it.
_PROGRAM = """
import sys
sys.path[:] = {path!r}
import signal
signal.signal(signal.SIGINT, signal.SIG_IGN)
from glimpsecli.bench.isolated import main
main()
"""


def measure_isolated(recipe: Recipe, parameters: Parameters, progress: Progress) -> Measured:
    """Run :func:`~glimpsecli.bench.measuring.measure` in a process of its own."""
    asked = {"do": "measure", "recipe": to_jsonable(recipe), "parameters": to_jsonable(parameters)}
    return from_jsonable(Measured, call(asked, parameters.threads, progress))


def split_isolated(job: Job, progress: Progress) -> Any:
    """Run :func:`~glimpsecli.bench.stages.split` in a process of its own.

    The folder in which it writes is made and removed here: that process may be killed.
    """
    with tempfile.TemporaryDirectory(prefix="glimpse-bench-") as folder:
        return call({"do": "stages", "job": to_jsonable(job), "folder": folder}, job.threads, progress)


def call(asked: Mapping[str, Any], threads: int, progress: Progress) -> Any:
    """Start a process, hand it a request, and give its answer.

    Raises
    ------
    GlimpseError
        The error of that process; FileProblemError where it died, or printed anything else.
    """
    environment = os.environ | dict.fromkeys(THREADS, str(threads)) | {"OMP_DYNAMIC": "FALSE", "MKL_DYNAMIC": "FALSE"}
    command = [sys.executable, "-c", _PROGRAM.format(path=sys.path)]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, encoding="utf-8", errors="replace"
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write(json.dumps(asked))
        process.stdin.close()
        for line in process.stdout:
            message = _message(line)
            if "doing" in message:
                progress(message["doing"])
            elif "failure" in message:
                kind, text, hint = message["failure"]
                raise getattr(errors, kind)(text, hint)
            else:
                return message["answer"]
        process.wait()  # it ended without an answer
    except BrokenPipeError:
        process.wait()  # or before it had read what was asked
    finally:
        process.stdout.close()
        process.kill()  # on Ctrl-C too
        process.wait()
    raise FileProblemError(
        f"the process that measured died with code {process.returncode}", "try fewer contenders, or a smaller case"
    )


def _message(line: str) -> dict[str, Any]:
    """Read a line of the output of the process."""
    with suppress(ValueError):
        message = json.loads(line)
        if isinstance(message, dict) and message.keys() & {"doing", "failure", "answer"}:
            return message
    said = line.strip()
    raise FileProblemError(
        f"the process that measured said {said[:60] + '...' * (len(said) > 60)!r}, which is not its own",
        "look for what prints when Python starts, such as a sitecustomize.py",
    )


def answer(asked: Mapping[str, Any], stream: TextIO) -> None:
    """Answer a request in lines of JSON: the steps as they begin, and then the answer or the failure."""

    def send(**message: Any) -> None:
        stream.write(json.dumps(message) + "\n")
        stream.flush()

    def progress(text: str) -> None:
        send(doing=text)

    try:
        if asked["do"] == "measure":
            recipe, parameters = from_jsonable(Recipe, asked["recipe"]), from_jsonable(Parameters, asked["parameters"])
            send(answer=to_jsonable(measure(recipe, parameters, progress=progress)))
        else:
            send(answer=split(from_jsonable(Job, asked["job"]), asked["folder"], progress))
    except GlimpseError as error:
        send(failure=[type(error).__name__, error.message, error.hint])
    except MemoryError:
        send(failure=["FileProblemError", "not enough memory", "try fewer contenders, or a smaller case"])


def main() -> None:
    """Answer one request; whatever a library prints goes to standard error."""
    asked = json.loads(sys.stdin.read())
    try:
        with os.fdopen(os.dup(1), "w", encoding="utf-8") as stream:
            os.dup2(2, 1)
            answer(asked, stream)
    except BrokenPipeError:  # the process that asked is gone
        sys.exit(1)
