"""What will be done, decided and checked before the first file is written."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from glimpsecli import backends
from glimpsecli.annotations.boxes import Box
from glimpsecli.errors import InvalidInputError
from glimpsecli.images.formats import FORMATS, Format, check, format_named, format_of
from glimpsecli.jobs.naming import DEFAULT_NAME, check_template, output_name
from glimpsecli.jobs.requests import BoxRequest, Request, Shaping, ThetaRequest
from glimpsecli.sampling import Taps

if TYPE_CHECKING:
    from glimpsecli.images.colours import Colour

STREAM = "-"
"""As a source: standard input. As an output: standard output."""

BLUR = 0.5
LONGEST_NAME = 255
_NOMINAL = (1000, 1000)  # an image to try the options on before any is opened


class How(NamedTuple):
    """How every image is looked at."""

    shaping: Shaping = Shaping()
    sampler: str | None = None
    blur: float | None = None
    border: str | None = None
    fill: Colour | None = None
    backend: str = "auto"
    threads: int | None = None
    frame: int = 0

    @property
    def sigma(self) -> float:
        """Sigma of the Gaussians in strides."""
        return BLUR if self.blur is None else self.blur

    @property
    def chosen_sampler(self) -> str:
        """The sampler asked for; else bilinear where no size is, so that a crop is a crop; else Gaussian."""
        crop = self.shaping.size.is_open and self.shaping.retina == 1
        return self.sampler or ("bilinear" if crop else "gaussian")


class Output(NamedTuple):
    """Where the glimpses go and how they are stored."""

    target: str
    name: str | None = None
    format: str | None = None
    depth: str | None = None
    quality: int | None = None
    compress: int | None = None
    overwrite: bool = False


class Item(NamedTuple):
    """One image, the places to look in it, and the file of each glimpse."""

    source: str
    requests: tuple[Request, ...]
    targets: tuple[str, ...]


class Plan(NamedTuple):
    """Everything that will be done. `container` is the one file for all glimpses, where there is one."""

    items: tuple[Item, ...]
    how: How
    output: Output
    format: Format
    container: str | None


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
    _check_sources(sources)
    _try_out(requests, how)
    wanted = _by_image(sources, requests or [BoxRequest()])
    many = sum(map(len, wanted)) * how.shaping.retina
    file_format = _format(output)
    _check_idle(how, requests, output, file_format)
    if _is_folder(output.target):
        items = _named(sources, wanted, how.shaping, output, file_format)
        container = None
    else:
        _check_single(output, file_format, many)
        container = output.target if file_format.container else None
        items = [
            Item(source, tuple(chosen), (output.target,) * (len(chosen) * how.shaping.retina))
            for source, chosen in zip(sources, wanted, strict=True)
        ]
    try:
        os.getcwd()
    except OSError as error:
        raise InvalidInputError(f"the current folder is gone: {error.strerror}", "change to another") from None
    plan = Plan(tuple(item for item in items if item.requests), how, output, file_format, container)
    _check_outputs(plan, [*sources, *tables])
    return plan


def _check_sources(sources: Sequence[str]) -> None:
    if list(sources).count(STREAM) > 1:
        raise InvalidInputError("standard input is named twice", "it can be read once")
    for source in sources:
        if source == STREAM:
            continue
        try:
            mode = os.stat(source).st_mode
        except OSError as error:
            raise InvalidInputError(f"{source or repr(source)}: {error.strerror or error}", "check the path") from None
        if stat.S_ISDIR(mode):
            raise InvalidInputError(f"{source} is a folder", "name the images in it, as in photos/*.jpg")


def _try_out(requests: Sequence[Request], how: How) -> None:
    """Find what no image could mend: contradicting options, a rotated window for filterbanks, a size over the limit."""
    if how.backend != "auto":
        backends.load(how.backend)
    if how.backend == "numpy" and how.threads is not None:
        raise InvalidInputError(f"--threads {how.threads} with --backend numpy", "it is for the cpu backend")
    for request in requests or [BoxRequest()]:
        for sight in request.sights(_NOMINAL, how.shaping):
            # A size that follows from the window is known when the image is; one that was asked for is checked here.
            size = (1, 1) if how.shaping.size.is_open else sight.size
            Taps.make(sight.place, size, _NOMINAL, how.chosen_sampler, how.sigma, how.border)


def _check_idle(how: How, requests: Sequence[Request], output: Output, file_format: Format) -> None:
    """Refuse options that would do nothing, which nobody can have meant."""
    if how.blur is not None and requests and not any(isinstance(one, BoxRequest | ThetaRequest) for one in requests):
        raise InvalidInputError(f"--blur {how.blur:g} with Gaussians that have a sigma", "leave one of the two out")
    if how.blur is not None and how.chosen_sampler != "gaussian":
        raise InvalidInputError(f"--blur {how.blur:g} with the {how.chosen_sampler} sampler", "it is for gaussian")
    if output.quality is not None and file_format.name not in ("jpg", "webp"):
        raise InvalidInputError(f"--quality {output.quality} with {file_format.title}", "it is for JPEG and WebP")
    if output.compress is not None and file_format.name not in ("png", "tiff"):
        raise InvalidInputError(f"--compress {output.compress} with {file_format.title}", "it is for PNG and TIFF")
    if how.border == "constant" and how.fill is None:
        raise InvalidInputError("--border constant needs a colour", "give --fill, for example --fill white")
    if how.fill is not None and how.border != "constant" and file_format.alpha:
        raise InvalidInputError(
            f"--fill {how.fill.text} has nothing to fill",
            f"it is for --border constant and for formats without alpha, and {file_format.title} holds alpha",
        )


def _by_image(sources: Sequence[str], requests: Sequence[Request]) -> list[list[Request]]:
    """Give each source its requests, in their order."""
    wanted: list[list[Request]] = [[] for _ in sources]
    for request in requests:
        box = request.box if isinstance(request, BoxRequest) else None
        owners = _owners(box, sources) if box and box.image is not None else range(len(sources))
        for owner in owners:
            wanted[owner].append(request)
    return wanted


def _owners(box: Box, sources: Sequence[str]) -> list[int]:
    """Find the sources that a table means by an image's name: its path, else its file name, else its stem."""
    name = box.image or ""
    for key in (os.path.normpath, os.path.basename, _stem):
        found = [index for index, source in enumerate(sources) if key(source) == key(name)]
        if found:
            break
    if len(found) != 1:
        problem = "is not among the images" if not found else f"fits {len(found)} of the images"
        raise InvalidInputError(f"the table's image {name!r} {problem}", "name it as on the command line")
    return found


def _format(output: Output) -> Format:
    asked = format_named(output.format) if output.format else None
    if output.target == STREAM or _is_folder(output.target) or _is_special(output.target):
        if asked is None and output.target == STREAM:
            raise InvalidInputError("standard output has no suffix to tell its format", "give --format")
        found = asked or (format_of(output.target) if _is_special(output.target) else format_named("png"))
    else:
        known = format_of(output.target) if asked is None or _has_known_suffix(output.target) else asked
        found = asked or known
        if found != known:
            raise InvalidInputError(
                f"{output.target} is not a name for --format {output.format}", "leave out one of the two"
            )
    if output.depth is not None:
        check(found, depth=output.depth, channels=1, alpha=False)
    return found


def _check_single(output: Output, file_format: Format, many: int) -> None:
    place = "standard output" if output.target == STREAM else output.target
    if output.name is not None:
        raise InvalidInputError(f"--name {output.name!r} with {place}", "names are for a folder: -o FOLDER/")
    if many != 1 and not file_format.container:
        raise InvalidInputError(
            f"{many} glimpses do not fit into one {file_format.title} file, {place}",
            "give a folder, -o FOLDER/, or a file that ends in .npz",
        )


def _named(
    sources: Sequence[str],
    wanted: Sequence[Sequence[Request]],
    shaping: Shaping,
    output: Output,
    file_format: Format,
) -> list[Item]:
    """Name the files in the output folder."""
    if file_format.container:
        raise InvalidInputError(f"--format npz with the folder {output.target}", "name the one file: -o FILE.npz")
    template = output.name or DEFAULT_NAME
    check_template(template)
    items = []
    for source, requests in zip(sources, wanted, strict=True):
        names: list[str] = []
        for request in requests:
            label = request.box.label if isinstance(request, BoxRequest) else None
            names += [
                output_name(
                    template,
                    file_format.name,
                    source="stdin" if source == STREAM else source,
                    index=len(names) + step,
                    label=label,
                    scale=2**step,
                )
                for step in range(shaping.retina)
            ]
        items.append(Item(source, tuple(requests), tuple(os.path.join(output.target, name) for name in names)))
    return items


def _check_outputs(plan: Plan, sources: Sequence[str]) -> None:
    """Refuse outputs that collide, exist, or are inputs."""
    if plan.output.target == STREAM:
        return
    inputs = {_identity(source): source for source in sources if source != STREAM}
    taken: dict[str, str] = {}
    for item in plan.items:
        for target in dict.fromkeys(item.targets) if plan.container else item.targets:
            real = os.path.realpath(target)
            same = inputs.get(_identity(target)) if os.path.exists(target) and not _is_special(target) else None
            if same is not None:
                raise InvalidInputError(f"{target} is the input {same}", "choose another output")
            if os.path.isdir(target):
                raise InvalidInputError(f"{target} is a folder", "choose another name")
            if len(os.fsencode(os.path.basename(target))) > LONGEST_NAME:
                raise InvalidInputError(f"{os.path.basename(target)} is too long for a file name", "shorten --name")
            if real in taken and plan.container is None:
                raise InvalidInputError(
                    f"{target} would hold glimpses of both {taken[real]} and {item.source}"
                    if taken[real] != item.source
                    else f"{target} would hold two glimpses of {item.source}",
                    "tell them apart with {stem}, {ext}, {index}, {label} or {scale} in --name",
                )
            taken[real] = item.source
            _check_folder(target)
            if not plan.output.overwrite and os.path.lexists(target) and not _is_special(target):
                raise InvalidInputError(f"{target} exists", "give --overwrite to replace it")


def _identity(path: str) -> tuple[int, int]:
    """Tell files apart, whatever names and links lead to them."""
    status = os.stat(path)
    return status.st_dev, status.st_ino


def _check_folder(target: str) -> None:
    """Refuse a target whose folder can neither be written to nor be made."""
    folder = os.path.dirname(os.path.abspath(target))
    while not os.path.lexists(folder):
        folder = os.path.dirname(folder)
    if not os.path.isdir(folder):
        raise InvalidInputError(f"{target} cannot be written: {folder} is not a folder", "choose another output")


def _has_known_suffix(path: str) -> bool:
    suffix = os.path.splitext(path)[1][1:].lower()
    return any(suffix in file_format.suffixes for file_format in FORMATS.values())


def _stem(path: str) -> str:
    return os.path.splitext(os.path.basename(path))[0]


def _is_folder(target: str) -> bool:
    return target != STREAM and (target.endswith(os.sep) or os.path.isdir(target))


def _is_special(target: str) -> bool:
    """Tell a FIFO or a device, which is written to and not replaced."""
    try:
        mode = os.stat(target).st_mode
    except OSError:
        return False
    return not stat.S_ISREG(mode) and not stat.S_ISDIR(mode)
