"""``glimpse export``: the annotations of a finished batch in the formats of those who train with it."""

from __future__ import annotations

import os

import click

from glimpsecli.commands import options
from glimpsecli.commands.report import say

EXAMPLES = options.examples(
    "glimpse batch sample_images -o squares --random 4 --size 32 --split train=0.8,test=0.2",
    "glimpse export squares --to huggingface",
)


@click.command(cls=options.Command, epilog=EXAMPLES, common="--to --overwrite")
@click.argument("folder", metavar="OUT", type=click.Path())
@options.out(
    "--to", "kinds", type=click.Choice(("coco", "yolo", "huggingface")), multiple=True, required=True,
    help="May be given several times.",
)  # fmt: skip
@options.out("--overwrite", is_flag=True, help="Replace files that an export has written.")
@options.manner_options
def export(folder: str, kinds: tuple[str, ...], *, overwrite: bool, quiet: bool, **_: object) -> None:
    """Write what else is read beside the glimpses of a finished batch in OUT.

    coco: annotations.json, or one for each split, with the glimpses as images and the objects in them. yolo: a text
    beside each glimpse, and data.yaml. Both want the lines of batch --objects. huggingface: a card, README.md, by which
    datasets.load_dataset(OUT) gives labels as ClassLabel; also for shards.
    """
    from glimpsecli.jobs.export_coco import export_coco
    from glimpsecli.jobs.export_hf import export_hf
    from glimpsecli.jobs.export_yolo import export_yolo
    from glimpsecli.jobs.exporting import write_text
    from glimpsecli.jobs.finished import Finished
    from glimpsecli.jobs.run_folder import EXPORTED

    finished = Finished.of(folder)
    checks = {"coco": export_coco, "yolo": export_yolo, "huggingface": export_hf}
    for paths, write in [checks[kind](finished, overwrite=overwrite) for kind in dict.fromkeys(kinds)]:
        left_out = write()
        write_text(os.path.join(folder, EXPORTED), [f"{finished.checksum}\n"], overwrite=True)
        if not quiet:
            say(f"{', '.join(paths)} written")
            if left_out:
                say(f"left out: {', '.join(f'{count} {reason}' for reason, count in left_out.items())}")
