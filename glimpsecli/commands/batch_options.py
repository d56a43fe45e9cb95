"""The options of ``glimpse batch`` alone."""

from __future__ import annotations

import click

from glimpsecli import names
from glimpsecli.commands import batch_values, values
from glimpsecli.commands.options import joined, out, where

places_options = joined(
    where("--tiles", type=values.TilesValue(), help="Cut each image into C columns and R rows."),
    where("--random", "number", type=click.IntRange(1), metavar="N", help="N square windows at random places."),
    where(
        "--random-size", type=values.RangeValue(),
        help="Their side, in pixels or percent of the shorter side of the image. Default: 10%-50%.",
    ),
    where(
        "--seed", type=click.IntRange(0), metavar="S", help="Seed of --random, --split and --max-per-class. Default: 0."
    ),
)  # fmt: skip
"""Windows that hang on no annotation."""

filters_options = joined(
    where(
        "--exclude-label", "excluded", multiple=True, metavar="NAME,...", help="No boxes with this one; as for --label."
    ),
    where("--skip-crowd", is_flag=True, help="No boxes around many objects: COCO's iscrowd."),
    where("--skip-truncated", is_flag=True, help="No objects that the image cuts off, as VOC marks them."),
    where("--skip-difficult", is_flag=True, help="No objects that VOC calls difficult."),
    where(
        "--max-per-class", type=click.IntRange(1), metavar="N",
        help="At most N boxes of each label, chosen by hashes of their images' names and --seed.",
    ),
    where("--min-size", type=float, metavar="PIXELS", help="Drop windows whose shorter side is below this."),
    where("--max-size", type=float, metavar="PIXELS", help="Drop windows whose longer side is above this."),
    where("--min-area", type=float, metavar="PIXELS", help="Drop windows with less area than this."),
    where(
        "--size-of", type=click.Choice(("box", "window")),
        help="What these measure: the box as given, or the window after --context and --square. Default: box.",
    ),
    where(
        "--cut-out", is_flag=True,
        help="Make all transparent but the object, by its polygon or mask; boxes without one are dropped. In formats "
        "without alpha, --fill lies below.",
    ),
)  # fmt: skip
"""Which boxes and windows get a glimpse."""

folders_options = joined(
    out(
        "--layout", type=click.Choice(names.FOLDERINGS),
        help="Folders in OUT: those of the images, none, or one for a label, as ImageFolder reads it. Default: mirror.",
    ),
    out(
        "--split", type=batch_values.SplitValue(),
        help="Folders train, val and the like above those, each source image in one: by chance, with shares that add "
        "up to 1; as lists or COCO files say; or a column of the table.",
    ),
    out("--group-by", metavar="folder|COLUMN", help="Images that stay together where they are split by chance."),
    out("--only", metavar="SPLIT", help="Only the images of this split: shards are made one split at a time."),
    out(
        "--objects", type=click.FloatRange(0, 1), metavar="SHARE",
        help="List in each line the annotated objects of which at least this share lies in the window, in its pixels.",
    ),
)  # fmt: skip
"""Where glimpses lie, and what their lines say besides."""

cluster_options = joined(
    out(
        "--scheduler", metavar="tcp://HOST:8786|local:N",
        help="Work on a Dask cluster, of which this is the scheduler; or on N workers of this machine.",
    ),
    out(
        "--scheduler-file", metavar="FILE", type=values.RegularPath(), help="Its address, as the scheduler wrote it."
    ),
    out(
        "--chunk", metavar="auto|N", type=batch_values.ChunkValue(),
        help="Images that a worker is given at a time. Default: auto, about 10 seconds of work.",
    ),
)  # fmt: skip
"""Who works."""
