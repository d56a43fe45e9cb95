"""The making of batches: many images, mirrored into a folder."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from glimpsecli.errors import FileProblemError, GlimpseError, InvalidInputError
from glimpsecli.images.suffixes import IMAGES
from glimpsecli.jobs.batch import Batch
from glimpsecli.jobs.decoding import Origin, upright_size_of
from glimpsecli.jobs.formats import chosen_format
from glimpsecli.jobs.groups import Key, Source
from glimpsecli.jobs.objects import Objects
from glimpsecli.jobs.outputs import check_folder_output
from glimpsecli.jobs.owners import Requests, names_frames, names_times
from glimpsecli.jobs.plan import How, Output, Plan
from glimpsecli.jobs.planning import check_idle, try_out
from glimpsecli.jobs.requests import BoxRequest, Request
from glimpsecli.jobs.splitting import Split

if TYPE_CHECKING:
    from glimpsecli.annotations.annotated import Annotated, Annotations
    from glimpsecli.annotations.boxes import Box
    from glimpsecli.annotations.filters import Filters
    from glimpsecli.jobs.frames import FrameChoice
    from glimpsecli.jobs.sharding import Sharding
    from glimpsecli.jobs.sources import Sources
    from glimpsecli.window import Size


def make_batch(
    sources: Sources,
    taken: Sequence[Request] | Callable[[Source], Sequence[Request]],
    how: How,
    output: Output,
    choice: FrameChoice,
    *,
    annotations: Annotations | None = None,
    filters: Filters | None = None,
    part: tuple[int, int] = (1, 1),
    inputs: Sequence[str] = (),
    sharding: Sharding | None = None,
    split_of: Split | None = None,
    least_share: float | None = None,
    note: Callable[[str], object] = lambda line: None,
) -> Batch:
    """Plan the glimpses of many images.

    Parameters
    ----------
    sources : Sources
    taken : sequence of Request, or callable
        Where to look in each image; boxes may name theirs. Or a function that gives the requests of a source.
    how : How
    output : Output
        Its target is the output folder.
    choice : FrameChoice
        Frames of the sources that are videos.
    annotations : Annotations, optional
        Boxes in place of `taken`.
    filters : Filters, optional
        The boxes that are wanted of them, by default all.
    part : (int, int)
        Number of the part, and of all parts, which are contiguous and of equal length.
    inputs : sequence of str
        Other files that were read, and must not be written over.
    sharding : Sharding, optional
        The shards that glimpses go into, in place of files in the folder.
    split_of : Split, optional
        Gives the split of a source, None for one that is not made.
    least_share : float, optional
        The least share of an annotated object that makes a line list it; by default none are listed. Objects are those
        that `filters` want, be there a glimpse of them or not.
    note : callable
        Gets each fact about a video that the user should know, when the video is opened.

    Raises
    ------
    InvalidInputError
        Something is wrong that can be known before any image is planned.
    """
    file_format = chosen_format(output)
    check_folder_output(output, file_format)
    if filters is not None and filters.outlined and not file_format.alpha and how.fill is None:
        raise InvalidInputError(
            f"--cut-out makes glimpses transparent, which {file_format.title} cannot be",
            "choose a colour for what is cut off, for example --fill white, or another format",
        )
    if filters is not None and filters.outlined and file_format.alpha and how.sampling.border == "constant":
        raise InvalidInputError(
            "--cut-out with --border constant, whose colour would be seen beyond the image", "leave --border out"
        )
    problems: list[str] = []
    matched: dict[str, Annotated] = {}
    dropped: Counter[str] = Counter()
    objects: dict[str, Objects] = {}
    boxes: Sequence[Request] = () if callable(taken) else taken
    asked: Requests | None = None
    tried = [*dict.fromkeys(boxes)]
    annotated_requests: list[Request] = []
    requests_of: Callable[[Source], Sequence[Request]]
    if annotations is not None:
        from glimpsecli.annotations.filters import Filters, filtered
        from glimpsecli.annotations.matching import match_all

        whole = (source.path for source in sources)
        matched, strangers = match_all(annotations, (source.relative for source in sources), whole)
        if split_of is not None:  # boxes of images in no split count for no class
            for source in sources:
                if split_of.of(source) is None:
                    matched.pop(source.relative, None)
        seen, filters = matched, filters or Filters()
        every, fits = annotations.images.values(), _Fits(sources, how)
        matched = filtered(matched, every, filters, fits, dropped)
        if least_share is not None:
            seen = filtered(seen, every, filters._replace(max_per_class=None), fits, Counter())
            objects = {path: Objects(image.boxes, least_share) for path, image in seen.items()}
        problems += annotations.problems
        if sources.skip_missing:
            dropped.update("of missing images" for one in strangers for _ in one.boxes)
        else:
            problems += [f"{one.where}: no image {one.image!r} is among the sources" for one in strangers]
        tried, boxes = [], ()
        annotated_requests = [one for image in matched.values() for one in _requests(image)]

        def requests_of(source: Source) -> list[Request]:
            return _requests(matched.get(source.relative))

    elif callable(taken):
        requests_of, tried = taken, list(taken(next(iter(sources))))
    else:
        asked = Requests(sources, boxes, clips=choice.clips, failed=sources.failures, relative=True)
        requests_of = asked
    try_out(tried, how)
    check_idle(how, tried, output, file_format)
    output.layout.check_labels(request.label for request in [*tried, *annotated_requests])
    if part[0] > 1:  # the first part tells of the annotations of all
        problems, dropped = [], Counter()
    plan = Plan(
        (), how, output, file_format, root=output.target, problems=tuple(problems), clips=choice.clips,
        left_out=Counter(), dropped=dropped, splits=Counter(), sharding=sharding,
    )  # fmt: skip
    by_suffix = choice.selection is None and not names_frames(boxes) and not names_times(boxes)
    frames_of = _Frames(choice, asked, sources, note, by_suffix=by_suffix)
    return Batch(plan, sources, requests_of, frames_of, matched, inputs, part, split_of, objects)


class _Frames:
    """The frames of videos among the sources.

    A video that cannot be read, or is damaged, is a failure of the sources from then on.

    Parameters
    ----------
    choice : FrameChoice
    asked : Requests, optional
        Boxes, which may name frames.
    sources : Sources
    note : callable
        Gets each fact about a video that the user should know.
    by_suffix : bool
        Whether a file with the suffix of an image is one, and need not be opened: no frames are chosen.
    """

    def __init__(
        self, choice: FrameChoice, asked: Requests | None, sources: Sources, note: Callable[[str], object],
        *, by_suffix: bool,
    ) -> None:  # fmt: skip
        self._choice, self._asked, self._failures, self._note = choice, asked, sources.failures, note
        self._by_suffix = by_suffix
        self._noted = set[str]()
        self._damaged = set[Key]()  # videos of which a part can be read

    def __call__(self, source: Source) -> Iterator[Source]:
        failed = source.key in self._failures and source.key not in self._damaged
        if failed or (self._by_suffix and source.path.rpartition(".")[2].lower() in IMAGES):
            yield source
            return
        clips = self._choice.clips
        try:
            found = self._choice.of(source, self._asked.of_image(source) if self._asked is not None else ())
        except GlimpseError as error:
            self._failures[source.key] = error
            found = [source]
        for line in (line for line in clips.notes if line not in self._noted):
            self._noted.add(line)
            self._note(line)
        clips.notes.clear()
        if clips.problems:  # of the video itself, beside its frames
            self._failures[source.key] = FileProblemError("; ".join(clips.problems))
            self._damaged.add(source.key)
            clips.problems.clear()
            yield source
        yield from found


def _requests(annotated: Annotated | None) -> list[Request]:
    return [BoxRequest(box) for box in (annotated.boxes if annotated is not None else ())]


class _Fits:
    """Tells whether a box gets a glimpse, as far as its extent says.

    Parameters
    ----------
    sources : Sources
        Their headers are read for boxes in percent of an image whose annotations claim no size.
    how : How
    """

    def __init__(self, sources: Sources, how: How) -> None:
        self._sources, self._how = sources, how
        self._paths: dict[str, str] | None = None
        self._sizes: dict[str, Size | None] = {}

    def __call__(self, relative: str, annotated: Annotated, box: Box) -> bool:
        """Return whether the box of an image gets one."""
        size = annotated.size or (self._size_of(relative) if box.width.percent else (1, 1))
        shaping = self._how.shaping._replace(clamp=False)  # the place does not matter
        placements = BoxRequest(box).placements(size, shaping) if size is not None else []
        return any(placement.dropped is None for placement in placements)

    def _size_of(self, relative: str) -> Size | None:
        """Give the size of an image, from its header; None where it is damaged, and will fail."""
        if self._paths is None:
            self._paths = {source.relative: source.path for source in self._sources}
        if relative not in self._sizes:
            try:
                self._sizes[relative] = upright_size_of(Origin.of(self._paths[relative]), self._how)
            except GlimpseError:
                self._sizes[relative] = None
        return self._sizes[relative]


def check_part(text: str) -> tuple[int, int]:
    """Read a part, ``I/N``, or ``slurm``: that of the task of a Slurm array, as its environment tells."""
    if text == "slurm":
        return _slurm_part(os.environ)
    numbers = re.fullmatch("([0-9]{1,9})/([0-9]{1,9})", text)
    if numbers is None or not 1 <= int(numbers[1]) <= int(numbers[2]):
        raise InvalidInputError(f"{text!r} is not a part", "write I/N, such as 2/8, from 1/8 to 8/8; or slurm")
    return int(numbers[1]), int(numbers[2])


def _slurm_part(environment: Mapping[str, str]) -> tuple[int, int]:
    """Give the part of a task: arrays may begin anywhere, and have steps."""
    names = [f"SLURM_ARRAY_TASK_{name}" for name in ("ID", "MIN", "MAX", "STEP")]
    given = {name: environment.get(name) for name in names}
    given["SLURM_ARRAY_TASK_STEP"] = given["SLURM_ARRAY_TASK_STEP"] or "1"
    for name, value in given.items():
        if value is None or re.fullmatch("[0-9]{1,9}", value) is None:
            what = "is not set" if value is None else f"is {value!r}"
            raise InvalidInputError(f"--part slurm: {name} {what}", "run it as a task of `sbatch --array`, or give I/N")
    number, least, most, step = (int(value or 0) for value in given.values())
    part, parts = (number - least) // max(step, 1) + 1, (most - least) // max(step, 1) + 1
    tasks = environment.get("SLURM_ARRAY_TASK_COUNT", str(parts))
    if tasks != str(parts):
        raise InvalidInputError(
            f"--part slurm: the array has {tasks} of {parts} tasks, and so not all parts",
            "give I/N to run some of them again, such as $SLURM_ARRAY_TASK_ID/200",
        )
    if not step or (number - least) % step or not 1 <= part <= parts:
        raise InvalidInputError(
            f"--part slurm: task {number} is not one of {least}-{most}:{step}", "check the environment, or give I/N"
        )
    return part, parts
