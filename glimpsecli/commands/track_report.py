"""The words with which ``glimpse track`` ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from glimpsecli.commands.report import complain, say, show_json
from glimpsecli.names import STATES

if TYPE_CHECKING:
    from glimpsecli.jobs.tally import Tally


def report(tallies: dict[str, Tally], frames: int, written: list[str], given: dict[str, Any]) -> None:
    """Print the scores, and a line about the run."""
    from glimpsecli.jobs.tally import scores_record

    for name, tally in tallies.items() if given["truth"] is not None else ():
        record = scores_record(name, tally)
        if given["as_json"]:
            show_json(record)
        else:
            click.echo(_scores_line(record))
    if given["quiet"] or (given["as_json"] and not written):
        return
    counts = {state: sum(tally.counts[state] for tally in tallies.values()) for state in STATES}
    states = ", ".join(f"{count} {state}" for state, count in counts.items() if count)
    many = "" if len(tallies) == 1 else f", {len(tallies)} objects"
    where = f"; written: {', '.join(written)}" if written else ""
    say(f"{frames} frame{'s'[: frames != 1]}{many}: {states}{where}")


def _scores_line(record: dict[str, Any]) -> str:
    if not record["frames"]:
        return f"{record['id']}: no frame has a true window"
    lost = "" if record["lost_at"] is None else f", lost at frame {record['lost_at']}"
    return (
        f"{record['id']}: IoU {record['iou']:.3f}, AUC {record['auc']:.3f}, P20 {record['p20']:.3f}{lost}; "
        f"doubtful or lost in {record['wrong_warned']} of {record['wrong']} wrong frames and in "
        f"{record['right_warned']} of {record['right']} right ones"
    )


def complain_of_lost(tallies: dict[str, Tally]) -> bool:
    """Name the objects that are lost at the end, or at the beginning, and return whether there are any."""
    lost = False
    for name, tally in tallies.items():
        for since, end, way in (
            (tally.lost_since, tally.last, "on"),
            (tally.lost_until, tally.first, "back"),
        ):
            if since is not None:
                complain(f"{name} is lost from frame {since} {way}, and was not found again up to frame {end}")
                lost = True
    return lost
