"""The run of the comparison of networks: trainings in processes of one thread each, and a file of those that ended."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import as_completed
from typing import TYPE_CHECKING, Any

from glimpsecli.networks.schedule import Schedule
from glimpsecli.storage.atomic import place
from glimpsecli.study.network_design import SHOWN
from glimpsecli.study.network_plan import Design, Task, fingerprint
from glimpsecli.study.results_file import ResultsFile, as_line, is_number
from glimpsecli.study.running import Progress, Result, processes

if TYPE_CHECKING:
    from concurrent.futures import ProcessPoolExecutor

FORMAT = "glimpse study network 1"

_HINT = "give fewer with -j, and --resume to go on"
_SHARES = ("accuracy", "found")
_NUMBERS = (*_SHARES, "loss", "error", "spread")


def run(
    design: Design, path: str, *, jobs: int, resume: bool = False, overwrite: bool = False,
    announce: Callable[[int, float], object] | None = None, progress: Progress = lambda done, count: None,
) -> list[Result]:  # fmt: skip
    """Train all networks of a design, or the rest of them.

    Parameters
    ----------
    design : Design
    path : str
        The file to which each run is added when it is done. In the end its lines are in the order of the design,
        whatever the number of processes, and differ between two runs in their seconds alone.
    jobs : int
        Processes, at most.
    resume, overwrite : bool
        Go on with the file, which must be of the same design; or replace it. Without either there must be none.
    announce : callable, optional
        Gets the number of runs to come and an estimate of their seconds, by a few steps of each kind.
    progress : callable
        Called with the number of runs that are done, and of all.

    Returns
    -------
    list of dict
        The lines of the file.

    Raises
    ------
    GlimpseError
        The file exists or is damaged, see :class:`~glimpsecli.study.results_file.ResultsFile`; or a process was ended
        from outside.
    """
    tasks = design.tasks
    head = {"format": FORMAT, "fingerprint": fingerprint(design), "design": design.as_dict()}
    with ResultsFile(
        path, head, _task_of, lambda line: _check(line, design), resume=resume, overwrite=overwrite
    ) as file:
        left = [task for task in tasks if task not in file.known]
        if left:
            with processes(min(jobs, len(left)), _HINT) as pool:
                if announce is not None:
                    announce(len(left), estimate(pool, design, left, min(jobs, len(left))))
                progress(len(file.known), len(tasks))
                for future in as_completed([pool.submit(work, design, task) for task in left]):
                    file.add(future.result())
                    progress(len(file.known), len(tasks))
        order = [*file.known]
        found = [file.known[task] for task in tasks]
    if order != tasks:
        content = b"".join(map(as_line, [head, *found]))
        place(path, lambda stream: stream.write(content), overwrite=True)
    return found


def work(design: Design, task: Task) -> Result:
    """Train the network of a task, and give the line of its run."""
    from glimpsecli.networks.trial import run_trial

    specification, schedule = design.specification_of(task), design.schedule_of(task)
    source = design.scenes_of(task)
    found = run_trial(specification, source, schedule, task.seed, SHOWN)
    return {
        **task._asdict(),
        "specification": specification.as_dict(),
        "schedule": schedule.as_dict(),
        "evaluations": evaluations(design, task, found.checks[-1].step),
        "seconds": found.seconds,
        "curve": [one.as_dict() for one in found.checks],
        "windows": found.windows.tolist(),
        "held_out": {name: {key: getattr(one, key) for key in _NUMBERS} for name, one in found.held_out.items()},
    }


def evaluations(design: Design, task: Task, steps: int) -> int:
    """Count the glimpses of a training: of each image, those of each look, and of each place that is drawn."""
    specification, schedule = design.specification_of(task), design.schedule_of(task)
    drawn = schedule.draws if specification.sampler == "hard" else 1
    return steps * schedule.batch * specification.glimpses * drawn


def estimate(pool: ProcessPoolExecutor, design: Design, tasks: Sequence[Task], jobs: int) -> float:
    """Estimate the seconds that tasks take in some processes, from a few steps of each kind of network."""
    kinds = {(task.sampler, task.condition): task for task in tasks}
    futures = {kind: pool.submit(expected_seconds, design, task) for kind, task in kinds.items()}
    return sum(futures[task.sampler, task.condition].result() for task in tasks) / jobs


def expected_seconds(design: Design, task: Task) -> float:
    """Estimate the seconds of one task."""
    from glimpsecli.networks.trial import seconds_of

    return seconds_of(design.specification_of(task), design.scenes_of(task), design.schedule_of(task))


def _task_of(line: Result) -> Task:
    return Task(*(line[name] for name in Task._fields))


def _check(line: Any, design: Design) -> None:
    """Refuse a line that :func:`work` would not give for a task of the design, with a ValueError."""
    if not isinstance(line, dict):
        raise ValueError("it is no object")
    if not {*Task._fields} <= line.keys() or _task_of(line) not in design.tasks:
        raise ValueError("its run is not of this experiment")
    task = _task_of(line)
    for name, mine in (("specification", design.specification_of(task)), ("schedule", design.schedule_of(task))):
        if line.get(name) != mine.as_dict():
            raise ValueError(f"its {name} is not that of this experiment")
    _check_curve(line.get("curve"), design.schedule_of(task))
    if line.get("evaluations") != evaluations(design, task, line["curve"][-1]["step"]):
        raise ValueError("its evaluations are not those of its steps")
    if not is_number(line.get("seconds"), float) or line["seconds"] < 0:
        raise ValueError("seconds is no time")
    rows = line.get("windows")
    if not isinstance(rows, list) or len(rows) != SHOWN or not all(_are_numbers(row, 5) for row in rows):
        raise ValueError(f"windows is not {SHOWN} windows")
    others = line.get("held_out")
    if not isinstance(others, dict) or not all(_are_figures(one) for one in others.values()):
        raise ValueError("held_out is not figures")


def _check_curve(curve: Any, schedule: Schedule) -> None:
    """Refuse figures that are not those of checks from the start to the end, or to where windows were lost."""
    if not isinstance(curve, list) or not curve or not all(_are_figures(one) for one in curve):
        raise ValueError("its curve is not figures")
    steps = [0, *range(schedule.every, schedule.steps, schedule.every), *[schedule.steps] * (schedule.steps > 0)]
    if [one.get("step") for one in curve] != steps[: len(curve)]:
        raise ValueError("its checks are not those of this experiment")
    if not all(isinstance(one.get("lost"), bool) and _are_numbers(one.get("window"), 5) for one in curve):
        raise ValueError("its checks lack their windows")
    if len(curve) < len(steps) and not curve[-1]["lost"]:
        raise ValueError("its curve has no end")


def _are_figures(one: Any) -> bool:
    return (
        isinstance(one, dict)
        and all(is_number(one.get(name), float) for name in _NUMBERS)
        and all(0 <= one[name] <= 1 for name in _SHARES)
    )


def _are_numbers(values: Any, count: int) -> bool:
    return isinstance(values, list) and len(values) == count and all(is_number(one, float) for one in values)
