"""The times of the stages of a real ``glimpse extract``: read, decode, sample, encode, write."""

from __future__ import annotations

import importlib.metadata
import io
import os
import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any, NamedTuple

from glimpsecli import images
from glimpsecli.annotations.boxes import WHOLE, Box
from glimpsecli.bench import timing
from glimpsecli.errors import GlimpseError
from glimpsecli.jobs.decoding import Origin, decode
from glimpsecli.jobs.glimpses import look_at
from glimpsecli.jobs.plan import How, Output, Plan
from glimpsecli.jobs.planning import make_plan, named_sources
from glimpsecli.jobs.requests import BoxRequest
from glimpsecli.jobs.shaping import Shaping, SizeRequest
from glimpsecli.jobs.storing import check_fits
from glimpsecli.storage.atomic import place

FORMAT = "glimpse bench stages 2"
STAGES = ("read", "decode", "sample", "encode", "write")


class Job(NamedTuple):
    """An extract whose stages are timed.

    Attributes
    ----------
    source : str
        The image.
    box : Box
    size : SizeRequest
    options : dict, optional
        Of ``glimpse extract``: the sampler and the backend that were asked for.
    runs, min_time, threads
        As for the contenders; `min_time` is for all stages together.
    """

    source: str
    box: Box = WHOLE
    size: SizeRequest = SizeRequest()
    options: dict[str, Any] | None = None
    runs: int = 10
    min_time: float = 1.0
    threads: int = 1

    @property
    def how(self) -> How:
        """The options of the extract, with its sampling."""
        options = dict(self.options or {})
        if options.get("backend", "cpu") == "cpu":
            options["threads"] = self.threads
        return How.of(Shaping(self.size), options)

    def plan(self, folder: str) -> Plan:
        """Plan the extract as the command does; a wrong one is refused."""
        target = os.path.join(folder, "glimpse")
        return make_plan(named_sources([self.source]), [BoxRequest(self.box)], self.how, Output(target, format="png"))


def split(
    job: Job, folder: str, progress: Callable[[str], None] = lambda text: None, clock: timing.Clock = time.perf_counter
) -> dict[str, Any]:
    """Time the stages of a job, each run through all of them, by the functions that ``extract`` calls.

    Parameters
    ----------
    job : Job
    folder : str
        Where the glimpse is written, again and again: as PNG, or as .npy where PNG cannot hold it.
    progress : callable
        Called with a few words on each step.
    clock : callable
        Gives seconds.

    Returns
    -------
    dict
        ``stages``: for each of :data:`STAGES` its samples in seconds. ``first``: the seconds of the first run's stages,
        in which kernels are compiled or loaded; it is not among the samples. ``glimpse``: its record in a
        manifest. ``written``: the format of its file. ``versions``: of the packages that did the work.
    """
    plan = job.plan(folder)
    progress("first run")
    first, record, written = _once(plan, clock)
    samples: dict[str, list[float]] = {name: [] for name in STAGES}
    spent, done = 0.0, 0
    while done < job.runs or spent < job.min_time:
        seconds, *_ = _once(plan, clock)
        for name in STAGES:
            samples[name].append(seconds[name])
        spent += sum(seconds.values())
        done += 1
        progress(f"run {done}")
    versions = {name: importlib.metadata.version(name) for name in ("numpy", "numba", "pillow")}
    return {"stages": samples, "first": first, "glimpse": record, "written": written, "versions": versions}


def _once(plan: Plan, clock: timing.Clock) -> tuple[dict[str, float], dict[str, Any], str]:
    """Run through all stages and give the seconds of each, the record of the glimpse, and the format it got."""
    item = plan.items[0]
    times = [clock()]
    with images.opened(item.source) as (stream, _):
        content = stream.read()
    times.append(clock())
    origin = Origin(item.source, content)
    view, placements = decode(origin, lambda size: item.requests[0].placements(size, plan.how.shaping), plan.how)
    times.append(clock())
    plan = _fitting(plan, view.picture)
    product = look_at(view, item, placements, plan)[0]
    times.append(clock())
    encoded = io.BytesIO()
    images.write(encoded, product.pixels, format=plan.format, alpha=product.alpha, icc=product.icc)
    times.append(clock())
    place(item.targets[0], lambda stream: stream.write(encoded.getbuffer()), overwrite=True)
    times.append(clock())
    seconds = [end - begin for begin, end in pairwise(times)]
    return dict(zip(STAGES, seconds, strict=True)), product.record, plan.format.name


def _fitting(plan: Plan, picture: images.Picture) -> Plan:
    """Give the plan a format that holds the picture's glimpses."""
    try:
        check_fits(picture, plan)
    except GlimpseError:  # float, 16 bit without pyvips, channels that are no colours
        return plan._replace(format=images.FORMATS["npy"])
    return plan
