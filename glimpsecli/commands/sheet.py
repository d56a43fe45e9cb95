"""``glimpse sheet``: a contact sheet of a data set."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from glimpsecli.commands import lowering, options, values
from glimpsecli.commands.report import complain, say
from glimpsecli.commands.running import end, progress
from glimpsecli.errors import ExitCode

if TYPE_CHECKING:
    from glimpsecli.errors import GlimpseError

EXAMPLES = options.examples(
    "glimpse sheet sample_images --exclude 'gallery/*' -o photos.png",
    "glimpse batch sample_images --exclude 'gallery/*' -o random --random 9 --random-size 10%-40% --size 48",
    "glimpse sheet random -o random.html",
)

COMPLAINTS = 5
"""Images that could not be read whose errors are printed; the others are counted."""


@click.command(cls=options.Command, epilog=EXAMPLES, common="-o --each --by --seed --panel --overwrite --json")
@click.argument("sources", nargs=-1, required=True, metavar="OUT|IMAGE...", type=options.IMAGE_PATH)
@options.search_options
@options.which(
    "--each", type=click.IntRange(1, 1000), default=12, show_default=True, metavar="N", help="The most of a row."
)
@options.which(
    "--by", "kind", type=click.Choice(("label", "split", "folder")),
    help="What a row is. Default: the first of these that there is.",
)  # fmt: skip
@options.which(
    "--seed", type=click.IntRange(0), default=0, show_default=True, metavar="S", help="Another one shows others."
)
@options.max_pixels_option
@options.out("-o", "--output", "target", required=True, metavar="FILE", help="A .png, .jpg, .webp or .html.")
@options.out(
    "--panel", "side", type=click.IntRange(16, 1024), default=96, show_default=True, metavar="PIXELS",
    help="Height and width of a cell.",
)  # fmt: skip
@options.out(
    "--rows", type=click.IntRange(1), default=24, show_default=True, metavar="N",
    help="Rows of a picture; with more rows sheet-1.png, sheet-2.png and so on are written. An HTML file has all.",
)  # fmt: skip
@options.out(
    "--font", metavar="FILE", type=values.RegularPath(),
    help="A TTF or OTF for the words of a picture. Default: Source Sans Pro.",
)  # fmt: skip
@options.out("--overwrite", is_flag=True, help="Replace files that exist. An input is never replaced.")
@options.out("--json", "as_json", is_flag=True, help="Print a line of JSON for each row: its count, sizes and files.")
@options.manner_options
def sheet(sources: tuple[str, ...], target: str, **given: Any) -> None:
    """Draw a contact sheet: some images of each label, with the number of all.

    OUT is the folder of a batch, with files or shards, of which the manifest is read, and no image but those that are
    shown. Of other folders and files a row is a folder. Images are chosen by the hash of their name and --seed. One
    that cannot be read is a grey cell with the reason. The bars are numbers relative to the largest row, in the colour
    that `glimpse overlay` gives the label. An HTML file holds its small images, and each is a link to its file.
    """
    from glimpsecli.commands.planning import planning
    from glimpsecli.jobs.sheet import Sheet, check_target, pages_of, write_pages
    from glimpsecli.jobs.sheet_rows import gather
    from glimpsecli.storage import shown

    quiet, as_json = given.pop("quiet"), given.pop("as_json")
    check_target(target)
    search, kind = lowering.search_of(given), given.pop("kind")
    traceback = given.pop("traceback")
    given.pop("verbose")
    planned = planning(quiet=quiet)
    contents = gather(sources, each=given["each"], seed=given["seed"], kind=kind, target=target, **search)
    title = ", ".join(shown(path).rstrip("/") or path for path in sources)
    made = Sheet(target, title, **given)
    targets = pages_of(made, contents)
    if not made.is_html and not quiet:
        from glimpsecli.commands.overlay_requests import say_missing

        say_missing("".join(contents.rows), made.font)
    planned()
    count = sum(len(row.shown) for row in contents.rows.values())
    outcomes: list[GlimpseError | None] = []
    with progress(lambda: count, quiet=quiet) as tick:

        def done(error: GlimpseError | None) -> None:
            outcomes.append(error)
            tick()

        write_pages(made, contents, targets, done)
    errors = [error for error in outcomes if error is not None]
    for problem in contents.problems:
        complain(problem)
    for error in errors[:COMPLAINTS]:
        complain(error, show=error if traceback else None)
    if len(errors) > COMPLAINTS:
        complain(f"{len(errors) - COMPLAINTS} more could not be read")
    if as_json:
        _show_rows(contents)
    if not quiet and not as_json:
        lost = f", {len(errors)} of them grey" if errors else ""
        many = f"{len(targets)} pages, {targets[0]} to {targets[-1]}" if len(targets) > 1 else target
        rows = f"{len(contents.rows)} row{'s'[: len(contents.rows) != 1]}"
        say(f"{count} of {contents.total} {contents.noun}s in {rows}{lost}, written to {many}")
    end(ExitCode.FAILED if errors or contents.problems else ExitCode.DONE)


def _show_rows(contents: Any) -> None:
    from glimpsecli.commands.report import show_json

    for name, row in contents.rows.items():
        sizes = {
            key: None if size is None else {"width": size[0], "height": size[1]}
            for key, size in (("least", row.least), ("largest", row.largest))
        }
        shown = [file.path for file in row.shown]
        show_json(
            {contents.kind: name or None, "count": row.count, **sizes, "splits": dict(row.splits), "shown": shown}
        )
