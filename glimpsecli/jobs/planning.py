"""The making of plans: a run is decided and checked before its first file is written."""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from glimpsecli import backends
from glimpsecli.errors import InvalidInputError
from glimpsecli.images.formats import Format
from glimpsecli.images.streams import check_stream, refuse_shared
from glimpsecli.jobs.filming import as_film
from glimpsecli.jobs.formats import chosen_format, is_folder
from glimpsecli.jobs.frames import is_listed
from glimpsecli.jobs.groups import Source
from glimpsecli.jobs.naming import Label
from glimpsecli.jobs.outputs import check_outputs, labels_of, name_files, targets_of
from glimpsecli.jobs.owners import Requests
from glimpsecli.jobs.plan import STREAM, How, Item, Output, Plan
from glimpsecli.jobs.requests import BoxRequest, DrawRequest, GaussianRequest, Request
from glimpsecli.sampling import Taps
from glimpsecli.storage import is_stored, name_of, path_of, shown, storage_of
from glimpsecli.storage.refusals import DeniedError

if TYPE_CHECKING:
    from glimpsecli.annotations.annotated import Annotated
    from glimpsecli.errors import GlimpseError
    from glimpsecli.jobs.clips import Clips
    from glimpsecli.jobs.groups import Key
    from glimpsecli.jobs.plan import MakeProducts

_NOMINAL = (1000, 1000)  # size of an image to try the options on before any is opened


def make_plan(
    sources: Sequence[Source],
    requests: Sequence[Request],
    how: How,
    output: Output,
    tables: Sequence[str] = (),
    *,
    clips: Clips | None = None,
    failures: Mapping[Key, GlimpseError] | None = None,
    problems: Sequence[str] = (),
) -> Plan:
    """Plan the glimpses of some images.

    Parameters
    ----------
    sources : sequence of Source
        Files, or ``-`` for standard input, or frames; see :func:`named_sources` and :func:`.frames.frames_of`.
    requests : sequence of Request
        Where to look in each image; a box that names its image goes to that one only. No request: the whole image.
    how : How
    output : Output
        The target is a file, a folder (an existing one, or a name that ends in a slash), or ``-``.
    tables : sequence of str
        Other files that were read, and must not be written over.
    clips : Clips, optional
        The videos of the sources that are frames.
    failures : mapping, optional
        The errors of sources that are known to fail, by their keys.
    problems : sequence of str
        Problems of the sources, a line each.

    Raises
    ------
    InvalidInputError
        Something is wrong that can be known before any work: options, sources, outputs that exist or collide.
    """
    try_out(requests, how)
    wanted = [*map(Requests(sources, requests or [BoxRequest()], clips=clips, failed=failures or {}), sources)]
    file_format = chosen_format(output, sources)
    check_idle(how, requests, output, file_format)
    labels = [labels_of(asked, how.shaping.retina) for asked in wanted]
    names = name_files(sources, labels, output, file_format)
    container = output.target if file_format.container else None
    check_folder_is_there()
    known = failures or {}
    items = [
        Item(source.path, tuple(asked), names, failure=known.get(source.key), at=source.at)
        for source, asked, names in zip(sources, wanted, names, strict=True)
        if asked
    ]
    targets = targets_of(items) if container is None else [(items[0].source, container)]
    inputs = inputs_of(sources, clips)
    check_apart(sources, output)
    check_outputs(targets, [*inputs, *tables], overwrite=output.overwrite)
    plan = Plan(tuple(items), how, output, file_format, container, problems=tuple(problems), clips=clips)
    return as_film(plan) if file_format.film else plan


def make_picture_plan(
    sources: Sequence[Source],
    requests: Sequence[Request] | Callable[[Source], Sequence[Request]],
    how: How,
    output: Output,
    make_products: MakeProducts,
    *,
    noun: str,
    labels: Sequence[Sequence[str]] | None = None,
    figure: bool = False,
    inputs: Sequence[str] = (),
    clips: Clips | None = None,
    problems: Sequence[str] = (),
    failures: Mapping[Key, GlimpseError] | None = None,
    annotated: Mapping[str, Annotated] | None = None,
) -> Plan:
    """Plan pictures of some images.

    Parameters
    ----------
    sources : sequence of Source
        Files, or ``-`` for standard input; see :func:`named_sources`.
    requests : sequence of Request, or callable
        Where to look in each image; no request: the whole image. Or a function that gives the requests of a source, of
        which those without one get no picture.
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
    clips : Clips, optional
        The videos of the sources that are frames.
    problems : sequence of str
        Problems of the sources, a line each.
    failures : mapping, optional
        The errors of sources that are known to fail, by their keys.
    annotated : mapping, optional
        The annotations that the requests come from, by the paths of images.

    Raises
    ------
    InvalidInputError
        Something is wrong that can be known before any work.
    """
    twice = next((source.path for source, count in Counter(sources).items() if count > 1), None)
    if twice is not None:
        raise InvalidInputError(f"{twice} is given twice", "give each image once")
    known = failures or {}
    tried: Sequence[Request] = ()
    if callable(requests):
        wanted = [requests(source) if source.key not in known else [BoxRequest()] for source in sources]
    else:
        tried = requests
        wanted = [*map(Requests(sources, requests or [BoxRequest()], clips=clips, failed=known), sources)]
    try_out(tried, how)
    named = [[Label(label) for label in one] for one in labels or [[""]] * len(sources)]
    file_format = chosen_format(output, sources)
    if output.target and file_format.container and not file_format.film:
        raise InvalidInputError(f"a {file_format.title} holds glimpses, not a {noun}", "use .npy, .png or .tiff")
    if figure and output.depth not in (None, "8"):
        raise InvalidInputError(f"--depth {output.depth} with a figure, which has 8 bit", "leave it out")
    check_idle(how, tried, output, file_format._replace(alpha=file_format.alpha and not figure))
    if is_folder(output.target) and all(len(one) == 1 for one in named):
        framed = any(source.at is not None for source in sources)
        output = output._replace(name=output.name or ("{stem}_{frame:06d}" if framed else "{stem}"))
    targets = name_files(sources, named, output, file_format, noun)
    check_folder_is_there()
    claims = annotated or {}
    items = [
        Item(source.path, tuple(asked), names, claims.get(source.path), failure=known.get(source.key), at=source.at)
        for source, asked, names in zip(sources, wanted, targets, strict=True)
        if asked or source.at is not None  # the frames of a film are all there, with windows or without
    ]
    container = output.target if file_format.container and output.target else None
    written = targets_of(items) if container is None else [(items[0].source, container)]
    check_apart(sources, output)
    check_outputs(written, [*inputs_of(sources, clips), *inputs], overwrite=output.overwrite, noun=noun)
    plan = Plan(
        tuple(items), how, output, file_format, container, problems=tuple(problems), make_products=make_products,
        noun=noun, clips=clips,
    )  # fmt: skip
    return as_film(plan) if container is not None else plan


def check_folder_is_there() -> None:
    """Refuse to work in a folder that was removed."""
    try:
        os.getcwd()
    except OSError as error:
        raise InvalidInputError(f"the current folder is gone: {error.strerror}", "change to another") from None


def inputs_of(sources: Sequence[Source], clips: Clips | None) -> list[str]:
    """Give the files that the sources are read from, once each."""
    return [*dict.fromkeys(source.path for source in sources), *(clips.files if clips is not None else ())]


def check_apart(sources: Sequence[Source], output: Output) -> None:
    """Refuse to write into a folder whose files are the frames of a source."""
    if not is_folder(output.target):
        return
    real = os.path.realpath(output.target)
    for path in dict.fromkeys(source.path for source in sources):
        if os.path.isdir(path) and os.path.realpath(path) == real:
            raise InvalidInputError(f"{path} is the output folder itself", "choose another output folder")


def named_sources(paths: Sequence[str], *, folders: bool = False) -> list[Source]:
    """Give the sources of images that are named one by one.

    One that is not there is refused, and so are a folder and a pattern, unless they stand for frames.
    """
    check_sources([path for path in paths if not (folders and is_listed(path))])
    return [Source(path, name_of(path)) for path in paths]


def check_sources(sources: Sequence[str]) -> None:
    """Refuse sources that are not there, are folders or devices, or are one stream twice."""
    if list(sources).count(STREAM) > 1:
        raise InvalidInputError("standard input is named twice", "it can be read once")
    for source in sources:
        if source == STREAM:
            continue
        if is_stored(source):
            with suppress(DeniedError):  # it fails alone
                if storage_of(source).stat(path_of(source)) is None:
                    raise InvalidInputError(f"{shown(source)} does not exist", "check the address")
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
    if not file_format.film:
        _refuse_film_options(output, file_format)
    if how.sampling.border == "constant" and how.fill is None:
        raise InvalidInputError("--border constant needs a colour", "give --fill, for example --fill white")
    if how.fill is not None and how.sampling.border != "constant" and file_format.alpha:
        raise InvalidInputError(
            f"--fill {how.fill.text} has nothing to fill",
            f"it is for --border constant and for formats without alpha, and {file_format.title} holds alpha",
        )


def _refuse_film_options(output: Output, file_format: Format) -> None:
    """Refuse the options of films for other files."""
    film = output.film
    crf = None if film.crf is None else f"{film.crf:g}"
    flags = {"--codec": film.codec, "--crf": crf, "--pix-fmt": film.pix_fmt, "--audio": output.audio}
    given = [f"{flag} {value}" for flag, value in flags.items() if value is not None]
    given += ["--lossless"] if film.lossless else []
    if given:
        raise InvalidInputError(f"{given[0]} with {file_format.title}", "it is for films")
