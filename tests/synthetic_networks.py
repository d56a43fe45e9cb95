"""Lines of runs of networks that nobody trained, and a design that is over in seconds."""

import numpy as np

from glimpsecli.networks.glyphs import Glyphs, Split, atlas
from glimpsecli.networks.scenes import Scenes
from glimpsecli.study.network_design import CEILING, FLOOR, GAUSSIAN, SHOWN
from glimpsecli.study.network_plan import Design
from glimpsecli.study.network_running import evaluations


def three_digits():
    def of(one):
        keep = one.labels < 3
        return Glyphs.of(one.levels[0][keep], one.labels[keep])

    return Split(of(atlas().train), of(atlas().held_out), ("0", "1", "2"))


def small(**changes):
    """Give a design of 24x24 pixels, three classes and a few steps."""
    scenes = Scenes(24, (9.0, 12.0), 2, 4, glyphs=three_digits())
    design = Design(
        samplers=(FLOOR, CEILING, GAUSSIAN), seeds=2, other_seeds=1, steps=4, checks=2, checked=50, scenes=scenes,
        specification={"size": 8, "extent": 14.0},
    )  # fmt: skip
    return design._replace(**changes)


def line_of(design, task, *, found=0.5, error=0.2, accuracy=0.6, lost=False, seconds=1.0):
    """Give the line of a run with these figures in the end."""
    schedule = design.schedule_of(task)
    steps = [*range(0, schedule.steps, schedule.every), schedule.steps]
    curve = [
        {
            "step": step, "loss": 1.0, "accuracy": accuracy if step else 0.1, "error": error if step else 0.8,
            "found": found if step else 0.05, "window": [12.0, 12.0, 14.0, 14.0, 0.0], "spread": 0.1 if lost else 4.0,
            "lost": lost and step > 0, "accuracies": [accuracy], "errors": [error],
        }
        for step in steps
    ]  # fmt: skip
    figures = {"accuracy": accuracy - 0.1, "found": found, "error": error, "loss": 1.0, "spread": 4.0}
    return {
        **task._asdict(), "specification": design.specification_of(task).as_dict(), "schedule": schedule.as_dict(),
        "evaluations": evaluations(design, task, steps[-1]), "seconds": seconds, "curve": curve,
        "windows": np.tile([12.0, 12.0, 14.0, 14.0, 0.0], (SHOWN, 1)).tolist(), "held_out": {"faces": figures},
    }  # fmt: skip
