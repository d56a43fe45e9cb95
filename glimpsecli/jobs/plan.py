"""The records of a plan: images, places to look, options and outputs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from glimpsecli.jobs.layout import Layout
from glimpsecli.jobs.requests import Request
from glimpsecli.jobs.shaping import Shaping
from glimpsecli.names import MAX_PIXELS
from glimpsecli.sampling import Sampling
from glimpsecli.storage import shown
from glimpsecli.video.film import FilmOptions

if TYPE_CHECKING:
    from glimpsecli.annotations.annotated import Annotated
    from glimpsecli.errors import GlimpseError
    from glimpsecli.images.colours import Colour
    from glimpsecli.images.formats import Format
    from glimpsecli.jobs.at import At
    from glimpsecli.jobs.clips import Clips
    from glimpsecli.jobs.objects import Objects
    from glimpsecli.jobs.products import Product, View
    from glimpsecli.jobs.requests import Placement
    from glimpsecli.jobs.sharding import Sharding

    MakeProducts = Callable[[View, "Item", Sequence[Placement], "Plan"], list[Product]]

STREAM = "-"
"""As a source: standard input. As an output: standard output."""


class How(NamedTuple):
    """The options of reading and sampling, the same for every image.

    Attributes
    ----------
    shaping : Shaping
    sampling : Sampling
        Its fill is black where the border is constant; see :func:`glimpsecli.jobs.storing.sampling_of`.
    blur : float, optional
        The blur that was asked for, if any.
    fill : Colour, optional
        Colour of the constant border, and under alpha in files that hold none.
    frame : int
    fast_decode : bool
    max_pixels : int
    """

    shaping: Shaping = Shaping()
    sampling: Sampling = Sampling()
    blur: float | None = None
    fill: Colour | None = None
    frame: int = 0
    fast_decode: bool = False
    max_pixels: int = MAX_PIXELS

    @classmethod
    def of(cls, shaping: Shaping, options: Mapping[str, Any]) -> How:
        """Read options by their names; one that is missing or None was not asked for.

        The default sampler is bilinear where neither size nor retina is asked for, for an exact crop, else Gaussian.
        """
        asked = {name: value for name, value in options.items() if value is not None}
        own = {name: asked.pop(name) for name in ("fill", "frame", "fast_decode", "max_pixels") if name in asked}
        crop = shaping.size.is_open and shaping.retina == 1
        constant = {"fill": 0} if asked.get("border") == "constant" else {}
        sampling = Sampling(**{"sampler": "bilinear" if crop else "gaussian"} | constant | asked)
        return cls(shaping, sampling, asked.get("blur"), **own)


class Output(NamedTuple):
    """The destination and the encoding of the glimpses.

    `audio` is ``copy``, ``none``, or None where nobody asked. In a run that is `resumed` a file is replaced if the
    manifest has a line of it, and stays if it is as it would be written.
    """

    target: str
    name: str | None = None
    format: str | None = None
    depth: str | None = None
    quality: int | None = None
    compress: int | None = None
    overwrite: bool = False
    resumed: bool = False
    film: FilmOptions = FilmOptions()
    audio: str | None = None
    layout: Layout = Layout()


class Item(NamedTuple):
    """One image, or one frame of a video, the places to look in it, and the file of each glimpse.

    Attributes
    ----------
    source : str
        A path, an address, or ``-``.
    requests : tuple of Request
    targets : tuple of str
    annotated : Annotated, optional
        The annotations that the requests come from; they may claim a size for the image.
    digest : str, optional
        The hash that the source must have.
    failure : GlimpseError, optional
        The reason why the image fails, where that is known before the work.
    at : At, optional
        The frame of the video that the source is.
    lines : tuple of str
        The lines that an earlier run wrote of it; they stand if its files do.
    shard : int, optional
        The number of its shard.
    stands : bool
        Whether an earlier run has made its shard.
    fields : tuple of (str, str)
        Fields that its lines in a manifest have besides.
    objects : Objects, optional
        The annotated objects in it, of which each line lists those in its window.
    """

    source: str
    requests: tuple[Request, ...]
    targets: tuple[str, ...]
    annotated: Annotated | None = None
    digest: str | None = None
    failure: GlimpseError | None = None
    at: At | None = None
    lines: tuple[str, ...] = ()
    shard: int | None = None
    stands: bool = False
    fields: tuple[tuple[str, str], ...] = ()
    objects: Objects | None = None

    @property
    def key(self) -> tuple[str, int | None]:
        """The source and the number of its frame, by which a manifest knows an item."""
        return self.label, None if self.at is None else self.at.number

    @property
    def label(self) -> str:
        """The source as messages and files may hold it: an address without its query."""
        return shown(self.source)

    @property
    def name(self) -> str:
        """Name in messages."""
        return self.label if self.at is None else f"{self.label}, frame {self.at.number}"


class Plan(NamedTuple):
    """All that a run will do.

    Attributes
    ----------
    items : tuple of Item
    how : How
    output : Output
    format : Format
    container : str or None
        The one file for all glimpses, where there is one.
    root : str or None
        Output folder of a batch, outside of which nothing is written; its sources are hashed.
    problems : tuple of str
        Problems of the sources and annotations, a line each.
    make_products : callable, optional
        Makes the products of an image from the whole of it; by default glimpses are made.
    noun : str
        Name of a product in messages.
    left_out : Counter of str
        Counts of the files in folders that were not taken as images, by suffix; of a batch, as far as it has come.
    dropped : Counter of str
        Counts of the boxes and windows of a batch that get no glimpse, by the reason, as far as it has come.
    splits : Counter of str
        Numbers of the images of a batch in each split, as far as it has come.
    notes : tuple of str
        Facts that the user should know before the run, a line each.
    clips : Clips, optional
        The videos whose frames are items; the run closes them.
    film : FilmOptions, optional
        How the one file is encoded, where it is a film.
    sharding : Sharding, optional
        How glimpses are shared out among shards, where they are; the targets of items are members of these.
    """

    items: tuple[Item, ...]
    how: How
    output: Output
    format: Format
    container: str | None = None
    root: str | None = None
    problems: tuple[str, ...] = ()
    make_products: MakeProducts | None = None
    noun: str = "glimpse"
    left_out: Counter[str] = Counter()  # noqa: RUF012 - those of batches alone are counted in
    dropped: Counter[str] = Counter()  # noqa: RUF012
    splits: Counter[str] = Counter()  # noqa: RUF012
    notes: tuple[str, ...] = ()
    clips: Clips | None = None
    film: FilmOptions | None = None
    sharding: Sharding | None = None
