"""``glimpse batch``: the same windows, or annotated ones, of many images."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from contextlib import closing
from itertools import pairwise
from typing import Any, ClassVar

import click

from glimpsecli.commands import batch_values, lowering, options, values
from glimpsecli.commands.batch_estimate import show_estimate
from glimpsecli.commands.batch_options import cluster_options, filters_options, folders_options, places_options
from glimpsecli.commands.batch_requests import annotations_of, cluster_of, limits_of, split_of, taken_of
from glimpsecli.commands.batch_running import run_batch, run_shards, show_batch
from glimpsecli.commands.report import say

EXAMPLES = options.examples(
    "glimpse batch sample_images -o squares --at 50%,50% --extent 50%x50% --size 64x64",
    "glimpse batch sample_images --ext jpg -o tiles --tiles 3x2 --size 96 --format jpg",
    "glimpse batch sample_images -o random --random 4 --random-size 10%-40% --seed 7 --size 32 -j 2",
    "glimpse batch sample_images -o squares --at 50%,50% --extent 50%x50% --size 64x64 --resume",
)


LATER = (
    "clamp", "cut_out", "excluded", "group_by", "layout", "max_per_class", "max_size", "min_area", "min_score",
    "objects", "only", "size_of", "skip_crowd", "skip_difficult", "skip_missing", "skip_truncated", "split",
)  # fmt: skip
"""Options that earlier versions did not have: where they are not given run.json does not hold them, so that a run of
these can be resumed; lines that hold more now, and shards, are made again."""
REMOTE = 16
"""Images that are worked on at once where they come from a store, so that processors do not wait for the network; on a
cluster by each thread of a worker."""


class BatchCommand(options.Command):
    """The command; some options have a value of their own, and the word after them is not that value."""

    alone: ClassVar = {"--resume": "--resume=full", "--estimate": "--estimate=all"}
    values: ClassVar = {"--resume": re.compile("full|quick"), "--estimate": re.compile("all|[0-9][0-9_.,e+]*")}

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Give the options that stand alone their values; a value of theirs that follows as a word is no source."""
        end = args.index("--") if "--" in args else len(args)
        for option, word in pairwise(args[:end]):
            if option in self.values and self.values[option].fullmatch(word) and not os.path.lexists(word):
                raise click.UsageError(f"{option} {word}: a value goes after an equals sign; write {option}={word}")
        return super().parse_args(ctx, [*(self.alone.get(one, one) for one in args[:end]), *args[end:]])


@click.command(
    cls=BatchCommand,
    epilog=EXAMPLES,
    common="--box --at --extent --tiles --annotations --label --size --sampler -o --resume --dry-run -j",
)
@click.argument("sources", nargs=-1, metavar="SOURCE...", type=options.IMAGE_PATH)
@options.which("--from-file", "lists", multiple=True, metavar="LIST|-", help="A file with a path on each line.")
@options.search_options
@options.which(
    "--skip-missing", is_flag=True,
    help="Leave out, and count, images that are named and not there, instead of an error or a failure.",
)  # fmt: skip
@options.frames_options
@options.which(
    "--part",
    metavar="I/N|slurm",
    help="Only the I-th of N parts, or that of a Slurm array's task; manifests join with cat.",
)
@options.where_options
@places_options
@options.annotation_options
@filters_options
@options.how_options
@options.out(
    "-o", "--output", "target", required=True, metavar="OUT",
    help="The output folder; or shards, tar files for WebDataset: out-{shard:05d}.tar",
)  # fmt: skip
@options.out(
    "--per-shard", type=click.IntRange(1), metavar="N",
    help="Images of a shard, whether they have glimpses or not. Default: 1000.",
)  # fmt: skip
@folders_options
@options.name_option
@options.encoding_options
@options.out(
    "--resume", type=click.Choice(("full", "quick")), metavar="[=quick]",
    help="Go on with a run that was interrupted; make again the glimpses that failed, are missing or were changed. All "
    "files are read for it; quick compares lines and sizes only.",
)  # fmt: skip
@options.dry_run_option
@options.out(
    "--estimate", type=batch_values.CountValue(), metavar="[=N]",
    help="Write nothing; make 32 of the images in memory, and print what all, or N, would take: --estimate=1e8.",
)  # fmt: skip
@options.out(
    "-j", "--jobs", type=click.IntRange(1), metavar="N",
    help="Images worked on at once. Default: the processors; with addresses at least 16.",
)  # fmt: skip
@options.out("--json", "as_json", is_flag=True, help="Print a line of JSON for each glimpse.")
@cluster_options
@options.manner_options
def batch(sources: tuple[str, ...], target: str, name: str | None, **given: Any) -> None:
    """Look at the images of SOURCEs (folders, files, patterns) through windows, and write a data set.

    The folders of the images are mirrored in OUT. Beside the glimpses OUT gets metadata.jsonl, a line for each glimpse;
    failures.jsonl, a line for each image that failed; and run.json, the parameters and versions. The same run gives the
    same bytes, whatever -j. Windows are given as for `glimpse extract`, or come from annotations; none means the whole
    image. A shard holds each glimpse with its line as .json, and a file beside it the lines of all of them: its
    receipt, without which it is made again.
    """
    from glimpsecli.commands.planning import planning
    from glimpsecli.images.streams import is_stream, refuse_shared
    from glimpsecli.jobs.batching import check_part, make_batch
    from glimpsecli.jobs.description import file_hashes
    from glimpsecli.jobs.layout import Layout
    from glimpsecli.jobs.manifest import Manifest
    from glimpsecli.jobs.pool import processors
    from glimpsecli.jobs.sharding import SUFFIX, Sharding
    from glimpsecli.jobs.shards import Shards
    from glimpsecli.jobs.sources import Sources
    from glimpsecli.jobs.walking import real_path
    from glimpsecli.storage import folder_of, is_address, name_of, shown
    from glimpsecli.storage.addresses import WEB, parse

    planned = planning(quiet=given["quiet"])
    if given["number"] is not None:  # as run.json keeps them
        given["seed"] = given["seed"] or 0
        given["random_size"] = given["random_size"] or values.RangeValue().parse("10%-50%")
    images = given.pop("estimate")
    if images is not None and (given["resume"] or given["dry_run"]):
        raise click.UsageError("--estimate is of a whole batch, and writes nothing; leave --resume and --dry-run out.")
    parameters = _recorded({**given, "name": name, "sources": sources})
    resume, overwrite = given["resume"], given["overwrite"]
    part = check_part(given.pop("part") or "1/1")
    sharding, per_shard = None, given.pop("per_shard")
    if target.endswith(SUFFIX):
        sharding = Sharding.of(target, per_shard)
        parameters |= {"shards": name_of(target), "per_shard": sharding.per_shard}
        target = sharding.folder
    elif "{shard" in name_of(target):
        raise click.UsageError(f"-o {shown(target)}: shards are tar files; end the name in .tar")
    elif per_shard is not None:
        raise click.UsageError(f"--per-shard {per_shard} is for shards: -o out-{{shard:05d}}.tar")
    idle = "--estimate" if images is not None else "--dry-run" if given["dry_run"] else None
    scheduler, cluster = cluster_of(given, sharded=sharding is not None, idle=idle)
    lists = given.pop("lists")
    if not sources and not lists:
        raise click.UsageError("Missing argument 'SOURCE...'.")
    if resume and overwrite:
        raise click.UsageError("--resume and --overwrite: go on, or start anew.")
    if is_address(target) and parse(target).scheme in WEB:
        raise click.UsageError(f"-o {shown(target)} is read-only; write to a folder or to a bucket.")
    if target == "-":
        raise click.UsageError("-o -: a batch writes a folder, not to standard output.")
    if given["threads"] is not None:
        raise click.UsageError("--threads: a batch works on several images at once; use -j.")
    limits = limits_of(given)
    if given["table"] == "-" and "-" in lists:
        raise click.UsageError("--from-file and --windows both want standard input.")
    refuse_shared([*lists, *([given["table"]] if given["table"] is not None else [])])
    listed = [
        path for path in (given["split"] if isinstance(given["split"], dict) else {}).values() if type(path) is str
    ]
    files = [
        path
        for path in (given["table"], given["annotations"], *lists, *listed)
        if path not in (None, "-") and not is_stream(path)
    ]
    if given["annotations"] is not None and os.path.realpath(given["annotations"]) == os.path.realpath(target):
        raise click.UsageError(f"{target} holds the annotations; choose another output folder.")
    parameters["inputs"] = file_hashes(files, target)
    described = given["annotations"] or given["table"]
    hashed = isinstance(given["split"], dict) or given["max_per_class"] is not None
    annotations, filters, least_share = annotations_of(given)
    kept_out = target if sharding is None else os.devnull  # tar files are no images
    asks = lowering.asks_for_frames(given)
    found = Sources(
        sources,
        lists=lists,
        output=kept_out,
        videos=asks,
        skip_missing=given.pop("skip_missing"),
        **lowering.search_of(given),
    )
    for tar in found.tars:
        of_shard = sharding is not None and sharding.number_of(name_of(tar)) is not None
        if of_shard and real_path(folder_of(tar) or os.curdir) == real_path(target):
            raise click.UsageError(f"{shown(tar)} lies where shards are written; choose another name or folder.")
    splits = split_of(given, described, sharded=sharding is not None)
    taken = taken_of(given, annotated=annotations is not None, hashed=hashed)
    if given["backend"] == "auto":
        given["backend"] = "cpu"  # not chosen by the size of the job, so that the bytes are the same again
    given["threads"] = None if given["backend"] == "numpy" else 1
    how = lowering.how_of(given)
    how = how._replace(shaping=how.shaping._replace(limits=limits))
    output = lowering.output_of(os.path.join(target, ""), name, given)
    output = output._replace(layout=Layout(given.pop("layout") or "mirror"))
    if given["jobs"] is None and any(map(is_address, (*sources, *lists, target))):
        given["jobs"] = max(REMOTE, processors()) if scheduler is None else REMOTE
    note: Callable[[str], object] = (lambda line: None) if given["quiet"] else say
    record = Manifest(target, part) if sharding is None else Shards(sharding, part, note)
    resumed = bool(resume) and record.holds("run.json")
    made = make_batch(
        found, taken, how, output._replace(resumed=resumed or images is not None), lowering.frame_choice_of(given, how),
        annotations=annotations, filters=filters, part=part, inputs=[path for path in files if os.path.isfile(path)],
        sharding=sharding, split_of=splits, least_share=least_share, note=note,
    )  # fmt: skip
    given["overwrite"] = overwrite
    if images is not None:
        with closing(made):
            show_estimate(made, found, images or None, given, planned)
        return
    if given["dry_run"]:
        show_batch(made, record, parameters, given, planned)
        return
    if scheduler is not None:
        planned.doing = f"connecting to {scheduler}"
    with cluster as workers:
        planned.doing = "planning"
        if isinstance(record, Shards):
            run_shards(made, record, parameters, given, planned, workers)
        else:
            run_batch(made, record, parameters, given, planned, workers)


def _recorded(given: dict[str, Any]) -> dict[str, Any]:
    """Give the parameters that the bytes depend on, as JSON holds them."""
    idle = {
        "as_json", "chunk", "dry_run", "jobs", "max_pixels", "overwrite", "part", "quiet", "resume", "scheduler",
        "scheduler_file", "threads", "traceback", "verbose",
    }  # fmt: skip
    idle |= {name for name in LATER if given[name] in (None, False, ())}
    named: dict[str, Any] = {name: value for name, value in given.items() if name not in idle}
    text = json.dumps(named, default=lambda value: getattr(value, "text", str(value)))
    return {name: _unsigned(value) for name, value in json.loads(text).items()}


def _unsigned(value: Any) -> Any:
    """Give a value without the queries of addresses, which may hold signatures."""
    from glimpsecli.storage import shown

    if isinstance(value, list):
        return [_unsigned(one) for one in value]
    return shown(value) if isinstance(value, str) else value
