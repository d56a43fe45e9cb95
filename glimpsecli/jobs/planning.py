"""What will be done, decided and checked before the first file is written."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence

from glimpsecli import backends
from glimpsecli.annotations.names import Index
from glimpsecli.annotations.text import listed
from glimpsecli.errors import InvalidInputError
from glimpsecli.images.formats import Format
from glimpsecli.images.streams import check_stream, refuse_shared
from glimpsecli.jobs.outputs import (
    check_folder_output,
    check_outputs,
    check_single,
    chosen_format,
    is_folder,
    labels_of,
    target_names,
    targets_of,
)
from glimpsecli.jobs.plan import STREAM, How, Item, Output, Plan
from glimpsecli.jobs.requests import BoxRequest, DrawRequest, GaussianRequest, Request
from glimpsecli.sampling import Taps

_NOMINAL = (1000, 1000)  # an image to try the options on before any is opened


def make_plan(
    sources: Sequence[str], requests: Sequence[Request], how: How, output: Output, tables: Sequence[str] = ()
) -> Plan:
    """Plan the glimpses of some images.

    Parameters
    ----------
    sources : sequence of str
        Paths, or ``-`` for standard input.
    requests : sequence of Request
        Where to look in each image; a box that names its image goes to that one only. None: the whole image.
    how : How
    output : Output
        The target is a file, a folder (an existing one, or a name that ends in a slash), or ``-``.
    tables : sequence of str
        Other files that were read, and must not be written over.

    Raises
    ------
    InvalidInputError
        Something is wrong that can be known before any work: options, sources, outputs that exist or collide.
    """
    check_sources(sources)
    try_out(requests, how)
    wanted = by_image(sources, requests or [BoxRequest()])
    file_format = chosen_format(output)
    check_idle(how, requests, output, file_format)
    retina = how.shaping.retina
    container = None
    if is_folder(output.target):
        check_folder_output(output, file_format)
        names = [
            target_names(source, labels_of(asked, retina), output, file_format)
            for source, asked in zip(sources, wanted, strict=True)
        ]
    else:
        counts = [sum(request.windows for request in asked) * retina for asked in wanted]
        check_single(output, file_format, sum(counts))
        container = output.target if file_format.container else None
        names = [(output.target,) * count for count in counts]
    check_folder_is_there()
    items = [
        Item(source, tuple(asked), names) for source, asked, names in zip(sources, wanted, names, strict=True) if asked
    ]
    targets = targets_of(items) if container is None else [(items[0].source, container)]
    check_outputs(targets, [*sources, *tables], overwrite=output.overwrite)
    return Plan(tuple(items), how, output, file_format, container)


def check_folder_is_there() -> None:
    """Refuse to work in a folder that was removed."""
    try:
        os.getcwd()
    except OSError as error:
        raise InvalidInputError(f"the current folder is gone: {error.strerror}", "change to another") from None


def check_sources(sources: Sequence[str]) -> None:
    """Refuse sources that are not there, are folders or devices, or are one stream twice."""
    if list(sources).count(STREAM) > 1:
        raise InvalidInputError("standard input is named twice", "it can be read once")
    for source in sources:
        if source == STREAM:
            continue
        try:
            mode = os.stat(source).st_mode
        except PermissionError:
            continue  # it fails alone
        except OSError as error:
            raise InvalidInputError(f"{source or repr(source)}: {error.strerror or error}", "check the path") from None
        if stat.S_ISDIR(mode):
            raise InvalidInputError(f"{source} is a folder", "glimpse batch takes folders")
        if not stat.S_ISREG(mode):
            check_stream(source, source)
    refuse_shared(sources)


def try_out(requests: Sequence[Request], how: How) -> None:
    """Find what no image could mend: contradicting options, a rotated window for filterbanks, a size over the limit."""
    sampling = how.sampling
    if sampling.backend != "auto":
        backends.load(sampling.backend)
    if sampling.backend == "numpy" and sampling.threads is not None:
        raise InvalidInputError(f"--threads {sampling.threads} with --backend numpy", "it is for the cpu backend")
    for request in requests or [BoxRequest()]:
        for sight in request.sights(_NOMINAL, how.shaping):
            # A size that follows from the window is known when the image is; one that was asked for is checked here.
            size = (1, 1) if how.shaping.size.is_open else sight.size
            Taps.make(sight.place, size, _NOMINAL, sampling)


def check_idle(how: How, requests: Sequence[Request], output: Output, file_format: Format) -> None:
    """Refuse options that would do nothing, which nobody can have meant."""
    if how.blur is not None and requests and all(isinstance(one, GaussianRequest | DrawRequest) for one in requests):
        raise InvalidInputError(f"--blur {how.blur:g} with Gaussians that have a sigma", "leave one of the two out")
    if how.blur is not None and how.sampling.sampler != "gaussian":
        raise InvalidInputError(f"--blur {how.blur:g} with the {how.sampling.sampler} sampler", "it is for gaussian")
    if output.quality is not None and file_format.name not in ("jpg", "webp"):
        raise InvalidInputError(f"--quality {output.quality} with {file_format.title}", "it is for JPEG and WebP")
    if output.compress is not None and file_format.name not in ("png", "tiff"):
        raise InvalidInputError(f"--compress {output.compress} with {file_format.title}", "it is for PNG and TIFF")
    if how.sampling.border == "constant" and how.fill is None:
        raise InvalidInputError("--border constant needs a colour", "give --fill, for example --fill white")
    if how.fill is not None and how.sampling.border != "constant" and file_format.alpha:
        raise InvalidInputError(
            f"--fill {how.fill.text} has nothing to fill",
            f"it is for --border constant and for formats without alpha, and {file_format.title} holds alpha",
        )


def by_image(sources: Sequence[str], requests: Sequence[Request]) -> list[list[Request]]:
    """Give each source its requests, in their order."""
    wanted: list[list[Request]] = [[] for _ in sources]
    index: Index | None = None
    owners: dict[str, list[int]] = {}
    everyone = list(range(len(sources)))
    for request in requests:
        name = request.box.image if isinstance(request, BoxRequest) else None
        if name is not None and name not in owners:
            index = index or Index(sources)
            owners[name] = [_owner(name, index, sources)]
        for owner in everyone if name is None else owners[name]:
            wanted[owner].append(request)
    return wanted


def _owner(name: str, index: Index, sources: Sequence[str]) -> int:
    """Find the source that a table means by an image's name."""
    found = index.best(name)[1]
    if len(found) != 1:
        problem = f"fits {listed([sources[n] for n in found])}" if found else "is not among the images"
        raise InvalidInputError(f"the table's image {name!r} {problem}", "name it as on the command line")
    return found[0]
