"""One case from beginning to end: build, check, time. It runs in a process of its own: see ``isolated``."""

from __future__ import annotations

import importlib.metadata
import math
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from glimpsecli.bench import cases, checking, gradients, timing
from glimpsecli.bench.contenders import Contender, Scene, chosen
from glimpsecli.bench.contenders.base import VIEWS

PATIENCE = 5.0
"""Seconds of a first call after which a contender is not called again."""

Progress = Callable[[str], None]


class Parameters(NamedTuple):
    """The parameters of the timing."""

    views: tuple[str, ...]
    backends: tuple[str, ...]
    peers: bool
    runs: int
    min_time: float
    threads: int
    seed: int


class Entry(NamedTuple):
    """The record of one contender in one view of one case.

    Attributes
    ----------
    view, contender : str
    filter : str or None
        The filter of the contender, where it is not the same mathematics.
    outside : str
        Work that was done before the clock ran.
    error : float or None
        Largest error relative to full scale, of gradients to the largest derivative; of another filter, how much it
        differs. None: there is no result.
    checked : str
        The part of the case that was checked, in words.
    first : float or None
        Seconds of the first call, in which kernels are compiled. None: there was none.
    samples : Samples or None
        None where it was not timed.
    wrong : str or None
        Why its result is refused.
    skipped : str or None
        Why it was not timed, though it is not wrong.
    compiles : bool
        Whether something is compiled in the first call.
    jumps : bool
        Whether its gradients jump, so that their error has no limit.
    """

    view: str
    contender: str
    filter: str | None
    outside: str
    error: float | None = None
    checked: str = ""
    first: float | None = None
    samples: timing.Samples | None = None
    wrong: str | None = None
    skipped: str | None = None
    compiles: bool = False
    jumps: bool = False

    @property
    def differs(self) -> bool:
        """Whether its error may be a difference that is no mistake."""
        return self.filter is not None or self.jumps

    @property
    def computes(self) -> str:
        """Its filter, in words."""
        return self.filter or ("the same, with derivatives that jump" if self.jumps else "the same")

    @property
    def seconds(self) -> timing.Quartiles | None:
        """The median and the quartiles of a call."""
        return None if self.samples is None else timing.quartiles(self.samples.all)


class Measured(NamedTuple):
    """A case and its results.

    Attributes
    ----------
    recipe : Recipe
    reference : str or None
        The reference of the ratios: a contender.
    entries : tuple of Entry
    missing : dict
        Contenders that could not take part, and why.
    versions : dict
        Of our own packages and of theirs.
    failed : str or None
        Why there are no entries: the process that measured died, or could not build the case.
    """

    recipe: cases.Recipe
    reference: str | None
    entries: tuple[Entry, ...]
    missing: dict[str, str]
    versions: dict[str, str]
    failed: str | None = None

    def ratio(self, entry: Entry, view: str | None = None) -> timing.Quartiles | None:
        """Give how many times as long as the reference an entry takes, in its own view or another."""
        base = self.find(view or entry.view, self.reference)
        if base is None or base.samples is None or entry.samples is None:
            return None
        return timing.ratio(entry.samples, base.samples)

    def find(self, view: str, contender: str | None) -> Entry | None:
        """Give the entry of a contender in a view."""
        return next((one for one in self.entries if (one.view, one.contender) == (view, contender)), None)


def measure(
    recipe: cases.Recipe,
    parameters: Parameters,
    *,
    contenders: Sequence[Contender] | None = None,
    clock: timing.Clock = time.perf_counter,
    progress: Progress = lambda text: None,
) -> Measured:
    """Check and time the contenders of a case.

    The result of each contender is checked against the float64 definition before it is timed; a wrong one is not timed.

    Parameters
    ----------
    recipe : Recipe
    parameters : Parameters
    contenders : sequence of Contender, optional
        Instead of those that the parameters name.
    clock : callable
        Gives seconds.
    progress : callable
        Called with a few words on each step.
    """
    progress("making images")
    scene = Scene(cases.build(recipe), parameters.threads)
    wanted = chosen(parameters.backends, peers=parameters.peers) if contenders is None else contenders
    wanted = [one for one in wanted if not set(one.views).isdisjoint(parameters.views)]
    missing = {one.name: reason for one in wanted if (reason := one.available()) is not None}
    present = [one for one in wanted if one.name not in missing]
    entries: dict[tuple[str, str], Entry] = {}
    runs: dict[tuple[str, str], timing.Run] = {}
    for view in parameters.views:
        able = [type(one)() for one in present if view in one.views]
        expected = None
        for contender in able:
            entry = Entry(view, contender.name, contender.filter, contender.outside, compiles=contender.compiles)
            if VIEWS[view].by:
                entry = entry._replace(jumps=math.isinf(contender.gradient_tolerance))
            reason = contender.obstacle(scene)
            if reason is not None:
                entries[view, contender.name] = entry._replace(skipped=reason)
                continue
            if expected is None:
                progress(f"computing the definition of {view}")
                expected = (
                    gradients.truth(scene, view, recipe.seed)
                    if VIEWS[view].by
                    else checking.truth(scene, view, recipe.seed, filters=any(one.filter for one in able))
                )
            progress(f"checking {contender.name}, {view}")
            entry = _checked(entry._replace(checked=expected.checked), contender, scene, expected, clock)
            entries[view, contender.name] = entry
            if entry.wrong is None and entry.skipped is None:
                runs[view, contender.name] = contender.run
    found = timing.time_all(
        runs, rounds=parameters.runs, min_time=parameters.min_time, seed=parameters.seed, clock=clock,
        progress=lambda done: progress(f"round {done} of {parameters.runs}"),
    )  # fmt: skip
    done = tuple(entry._replace(samples=found.get(key)) for key, entry in entries.items())
    versions = {name: importlib.metadata.version(name) for name in ("numpy", "numba")}
    versions |= {one.package: version for one in present if one.package and (version := one.version()) is not None}
    return Measured(recipe, _reference(done), done, missing, versions)


def _checked(
    entry: Entry,
    contender: Contender,
    scene: Scene,
    expected: checking.Truth | gradients.Slopes,
    clock: timing.Clock,
) -> Entry:
    """Call a contender for the first time and check the result against the definition."""
    try:
        contender.prepare(scene, entry.view)
        begin = clock()
        result = contender.run()
        first = clock() - begin
        error, wrong = _off(contender, scene, expected, result)
    except Exception as failure:  # whatever a library raises is no reason to lose the others
        return entry._replace(wrong=f"it failed with {type(failure).__name__}: {' '.join(str(failure).split())}")
    entry = entry._replace(error=error, first=first, wrong=wrong)
    if wrong is not None:
        return entry
    if first > PATIENCE and not contender.compiles:
        return entry._replace(skipped=f"one call took {first:.1f} s, more than {PATIENCE:g}")
    return entry


def _off(
    contender: Contender, scene: Scene, expected: checking.Truth | gradients.Slopes, result: Any
) -> tuple[float | None, str | None]:
    """Give the error of a result, and why it is refused."""
    if isinstance(expected, gradients.Slopes):
        error = gradients.error(contender.gradients(result), expected, contender)
        allowed, whole = contender.gradient_tolerance, "the largest derivative"
    else:
        glimpses = contender.glimpses(result)
        error = checking.error(glimpses, expected, contender)
        allowed, whole = contender.allowed(scene), "full scale"
        if error is not None and contender.filter is not None:
            strayed, allowed = checking.distance(glimpses, expected), expected.slack
            wrong = f"it is off by {strayed:.1e} of full scale on average, {allowed:.1e} is allowed another filter"
            return error, wrong if strayed > allowed else None
    if error is None:
        return None, "its result has another shape, or values that are no numbers"
    return error, f"it is off by {error:.1e} of {whole}, {allowed:.0e} is allowed" if error > allowed else None


def _reference(entries: Sequence[Entry]) -> str | None:
    """Choose the reference of the ratios: our cpu backend, or else the first contender."""
    names = [entry.contender for entry in entries if entry.samples is not None]
    return "glimpse cpu" if "glimpse cpu" in names else names[0] if names else None
