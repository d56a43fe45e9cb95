"""The making of plans: a run is decided and checked before its first file is written."""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from glimpsecli import backends
from glimpsecli.annotations.names import Index
from glimpsecli.annotations.text import listed
from glimpsecli.errors import InvalidInputError
from glimpsecli.images.formats import Format
from glimpsecli.images.streams import check_stream, refuse_shared
from glimpsecli.jobs.outputs import check_outputs, chosen_format, is_folder, labels_of, name_files, targets_of
from glimpsecli.jobs.plan import STREAM, How, Item, Output, Plan
from glimpsecli.jobs.requests import BoxRequest, DrawRequest, GaussianRequest, Request
from glimpsecli.jobs.sources import Source
from glimpsecli.sampling import Taps

if TYPE_CHECKING:
    from glimpsecli.errors import GlimpseError
    from glimpsecli.jobs.plan import MakeProducts

_NOMINAL = (1000, 1000)  # size of an image to try the options on before any is opened


def make_plan(
    sources: Sequence[str], requests: Sequence[Request], how: How, output: Output, tables: Sequence[str] = ()
) -> Plan:
    """Plan the glimpses of some images.

    Parameters
    ----------
    sources : sequence of str
        Paths, or ``-`` for standard input.
    requests : sequence of Request
        Where to look in each image; a box that names its image goes to that one only. No request: the whole image.
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
    found = named_sources(sources)
    try_out(requests, how)
    wanted = by_image(sources, requests or [BoxRequest()])
    file_format = chosen_format(output)
    check_idle(how, requests, output, file_format)
    labels = [labels_of(asked, how.shaping.retina) for asked in wanted]
    names = name_files(found, labels, output, file_format)
    container = output.target if file_format.container else None
    check_folder_is_there()
    items = [
        Item(source, tuple(asked), names) for source, asked, names in zip(sources, wanted, names, strict=True) if asked
    ]
    targets = targets_of(items) if container is None else [(items[0].source, container)]
    check_outputs(targets, [*sources, *tables], overwrite=output.overwrite)
    return Plan(tuple(items), how, output, file_format, container)


def make_picture_plan(
    sources: Sequence[Source],
    requests: Sequence[Request],
    how: How,
    output: Output,
    make_products: MakeProducts,
    *,
    noun: str,
    labels: Sequence[Sequence[str]] | None = None,
    figure: bool = False,
    inputs: Sequence[str] = (),
    problems: Sequence[str] = (),
    failures: Mapping[str, GlimpseError] | None = None,
) -> Plan:
    """Plan pictures of some images.

    Parameters
    ----------
    sources : sequence of Source
        Files, or ``-`` for standard input; see :func:`named_sources`.
    requests : sequence of Request
        Where to look in each image; no request: the whole image.
    how : How
    output : Output
        The target is a file, a folder, ``-``, or empty, where nothing is to be written.
    make_products : callable
        Makes the pictures of an image.
    noun : str
        Name of a picture in messages.
    labels : sequence of sequence of str, optional
        For each source a label for each of its pictures; one picture each by default.
    figure : bool
        Whether the pictures are figures: 8 bit, without alpha.
    inputs : sequence of str
        Other files that are read, and must not be written over.
    problems : sequence of str
        Problems of the sources, a line each.
    failures : mapping of str to GlimpseError, optional
        The errors of sources that are known to fail, by path.

    Raises
    ------
    InvalidInputError
        Something is wrong that can be known before any work.
    """
    paths = [source.path for source in sources]
    twice = next((path for path, count in Counter(paths).items() if count > 1), None)
    if twice is not None:
        raise InvalidInputError(f"{twice} is given twice", "give each image once")
    try_out(requests, how)
    wanted = by_image(paths, requests or [BoxRequest()])
    named = [[(label, 1) for label in one] for one in labels or [[""]] * len(sources)]
    file_format = chosen_format(output)
    if output.target and file_format.container:
        raise InvalidInputError(f"a {file_format.title} holds glimpses, not a {noun}", "use .npy, .png or .tiff")
    if figure and output.depth not in (None, "8"):
        raise InvalidInputError(f"--depth {output.depth} with a figure, which has 8 bit", "leave it out")
    check_idle(how, requests, output, file_format._replace(alpha=file_format.alpha and not figure))
    if is_folder(output.target) and all(len(one) == 1 for one in named):
        output = output._replace(name=output.name or "{stem}")
    targets = name_files(sources, named, output, file_format, noun)
    check_folder_is_there()
    known = failures or {}
    items = [
        Item(path, tuple(asked), names, failure=known.get(path))
        for path, asked, names in zip(paths, wanted, targets, strict=True)
        if asked
    ]
    check_outputs(targets_of(items), [*paths, *inputs], overwrite=output.overwrite, noun=noun)
    return Plan(
        tuple(items), how, output, file_format, problems=tuple(problems), make_products=make_products, noun=noun
    )


def check_folder_is_there() -> None:
    """Refuse to work in a folder that was removed."""
    try:
        os.getcwd()
    except OSError as error:
        raise InvalidInputError(f"the current folder is gone: {error.strerror}", "change to another") from None


def named_sources(paths: Sequence[str]) -> list[Source]:
    """Give the sources of images that are named one by one; one that is not there, or is a folder, is refused."""
    check_sources(paths)
    return [Source(path, os.path.basename(path)) for path in paths]


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
    """Refuse requests that fail for every image: contradictions, too large a size."""
    sampling = how.sampling
    if sampling.backend != "auto":
        backends.load(sampling.backend)
    if sampling.backend == "numpy" and sampling.threads is not None:
        raise InvalidInputError(f"--threads {sampling.threads} with --backend numpy", "it is for the cpu backend")
    for request in requests or [BoxRequest()]:
        for placement in request.placements(_NOMINAL, how.shaping):
            # A size that follows from the window is known when the image is; one that was asked for is checked here.
            size = (1, 1) if how.shaping.size.is_open else placement.size
            Taps.make(placement.place, size, _NOMINAL, sampling)


def check_idle(how: How, requests: Sequence[Request], output: Output, file_format: Format) -> None:
    """Refuse options that would have no effect."""
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
