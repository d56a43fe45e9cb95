"""Where the time of a real ``glimpse extract`` goes: read, decode, sample, encode, write."""

from __future__ import annotations

import io
import os
import tempfile
import time
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any, NamedTuple

from glimpsecli import images
from glimpsecli.annotations.boxes import WHOLE, Box, Length
from glimpsecli.bench import timing
from glimpsecli.images.atomic import place
from glimpsecli.jobs.decoding import Origin, decode
from glimpsecli.jobs.glimpses import look_at
from glimpsecli.jobs.outputs import Output
from glimpsecli.jobs.plan import How, Plan, make_plan
from glimpsecli.jobs.requests import BoxRequest, Shaping, SizeRequest

STAGES = ("read", "decode", "sample", "encode", "write")


class Job(NamedTuple):
    """An extract whose stages are timed.

    Attributes
    ----------
    source : str
        The image.
    box : Box
    size : SizeRequest
    sampler : str or None
        As in ``glimpse extract``: Gaussian where there is a size.
    backend : str
    format : str
        Of the file that is written, in a temporary folder.
    runs, min_time, threads
        As for the contenders; `min_time` is for all stages together.
    """

    source: str
    box: Box = WHOLE
    size: SizeRequest = SizeRequest()
    sampler: str | None = None
    backend: str = "auto"
    format: str = "png"
    runs: int = 10
    min_time: float = 1.0
    threads: int = 1

    @classmethod
    def from_plain(cls, data: Mapping[str, Any]) -> Job:
        """Take back what JSON made of a job."""
        x, y, width, height, *rest = data["box"]
        box = Box(Length(*x), Length(*y), Length(*width), Length(*height), *rest)
        return cls(**{**data, "box": box, "size": SizeRequest(*data["size"])})

    @property
    def how(self) -> How:
        """How it looks."""
        threads = self.threads if self.backend in ("auto", "cpu") else None
        return How(Shaping(self.size), self.sampler, backend=self.backend, threads=threads)

    def plan(self, folder: str) -> Plan:
        """Plan it as the command does; this finds what is wrong with it."""
        target = os.path.join(folder, f"glimpse.{self.format}")
        return make_plan([self.source], [BoxRequest(self.box)], self.how, Output(target))


def split(
    job: Job, tell: Callable[[str], None] = lambda text: None, clock: timing.Clock = time.perf_counter
) -> dict[str, Any]:
    """Time the stages of a job, each run through all of them, by the functions that ``extract`` calls.

    Returns
    -------
    dict
        ``stages``: for each of :data:`STAGES` its samples in seconds. ``first``: the seconds of the first run's stages,
        in which kernels are compiled or loaded; it is not among the samples. ``decoded``: how much of the image was.
    """
    with tempfile.TemporaryDirectory(prefix="glimpse-bench-") as folder:
        plan = job.plan(folder)
        tell("first run")
        first, decoded = _once(plan, clock)
        samples: dict[str, list[float]] = {name: [] for name in STAGES}
        spent, done = 0.0, 0
        while done < job.runs or spent < job.min_time:
            seconds, _ = _once(plan, clock)
            for name in STAGES:
                samples[name].append(seconds[name])
            spent += sum(seconds.values())
            done += 1
            tell(f"run {done}")
    return {"stages": samples, "first": first, "decoded": decoded}


def _once(plan: Plan, clock: timing.Clock) -> tuple[dict[str, float], str]:
    """Run through all stages and give the seconds of each, and what was decoded."""
    item = plan.items[0]
    times = [clock()]
    with images.opened(item.source) as (stream, _):
        content = stream.read()
    times.append(clock())
    origin = Origin(item.source, content)
    view, sights = decode(origin, lambda size: item.requests[0].sights(size, plan.how.shaping), plan.how)
    times.append(clock())
    product = look_at(view, item, sights, plan)[0]
    times.append(clock())
    encoded = io.BytesIO()
    images.write(encoded, product.pixels, format=plan.format, alpha=product.alpha, icc=product.icc)
    times.append(clock())
    place(item.targets[0], lambda stream: stream.write(encoded.getbuffer()), overwrite=True)
    times.append(clock())
    seconds = [end - begin for begin, end in pairwise(times)]
    return dict(zip(STAGES, seconds, strict=True)), view.decoded
