"""The comparison of networks, as data: measures with their margins, samplers, conditions, rates and contrasts.

All of it is fixed before the first comparison is run.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple


class Measure(NamedTuple):
    """A figure by which samplers are compared.

    Attributes
    ----------
    name : str
        Its field in the figures of a check, if it has one.
    words : str
    better, worse : str
        Words for a difference that is one.
    margin : float
        Difference below which it is small.
    sign : int
        1 where more is better, -1 where less is.
    """

    name: str
    words: str
    better: str
    worse: str
    margin: float
    sign: int = 1


FOUND = Measure("found", "share found", "places better", "places worse", 0.05)
"""The main measure, with the next: where it looks. A share, so that one seed that is lost does not decide alone."""

ERROR = Measure("error", "median place error", "smaller", "larger", 0.03, -1)
"""Distances are in longer sides of the digit."""

ACCURACY = Measure("accuracy", "accuracy", "is right more often", "is right less often", 0.03)
"""Beside them: a classifier that tolerates offsets, or sees all, is right without looking at the right place."""

PACE = Measure("pace", "share found on the way", "finds sooner", "finds later", 0.05)
"""The mean of the share found over all checks of a training: the area under its curve. Ends may be alike."""

FIGURES = (FOUND, ERROR, ACCURACY)
"""Measures of a trained network."""

MEASURES = (*FIGURES, PACE)

FLOOR, CEILING, WHOLE = "fixed window", "oracle", "whole image"
BILINEAR, BLURRED, GAUSSIAN = "bilinear", "bilinear, blurred", "gaussian"
HARD, ANNEALED = "hard", "gaussian annealed"

SAMPLERS: dict[str, dict[str, Any]] = {
    FLOOR: {"sampler": "fixed"},
    CEILING: {"sampler": "oracle"},
    WHOLE: {"sampler": "whole"},
    HARD: {"sampler": "hard"},
    BILINEAR: {"sampler": "bilinear"},
    BLURRED: {"sampler": "blurred"},
    GAUSSIAN: {"sampler": "gaussian"},
    ANNEALED: {"sampler": "gaussian", "annealing": 2.0},
}
"""What is special in the specification of each sampler; the first three are references."""

LEARNT = (HARD, BILINEAR, BLURRED, GAUSSIAN, ANNEALED)
"""Samplers whose windows a network places."""

VARIED = (BILINEAR, BLURRED, GAUSSIAN)
"""Samplers that are tried in the conditions beside the main one."""

TRIED = (3.0, 1.0, 0.3, 0.1)
"""Rates of the network that says where, over that of the rest, of which one is chosen for each sampler."""

ALIKE = 0.01
"""Difference of the share found below which rates are equally good: then the smallest is taken."""

SPARE = 10
"""Seeds 0 to 9 are for choosing rates, and for that alone."""

SEED = 100
"""The first seed of the comparison."""

FEWEST = 4
"""Least number of seeds for an interval."""

COURSE: dict[str, Any] = {"batch": 64, "rate": 2e-3, "draws": 4}
"""What the schedules of all networks have in common."""

SHOWN = 12
"""Scenes on which the windows of a finished run are kept, to be drawn."""


class Condition(NamedTuple):
    """A condition under which samplers are compared.

    Attributes
    ----------
    name : str
    words : str
        What is other than in the main one.
    specification, scenes : mapping
        Changes of those.
    longer : float
        Steps, over those of the main condition.
    schedule : mapping
        Other changes of the schedule.
    references : tuple of str
        References that are other here than in the condition `like`.
    like : str
        The condition whose references hold here, too.
    """

    name: str
    words: str
    specification: Mapping[str, Any] = {}
    scenes: Mapping[str, Any] = {}
    longer: float = 1.0
    schedule: Mapping[str, Any] = {}
    references: tuple[str, ...] = ()
    like: str = ""


MAIN, SEVERAL = "main", "three glimpses"

CONDITIONS = {
    one.name: one
    for one in (
        Condition(MAIN, "one glimpse, its size known, at first in the middle", references=(FLOOR, CEILING)),
        Condition("longer", "3.2 times the steps", longer=3.2, references=(FLOOR, CEILING), like=MAIN),
        Condition(
            "free scale", "the size of the window learnt, too", {"scale_free": True}, references=(CEILING,), like=MAIN
        ),
        Condition(
            "wide start",
            "the size learnt, from a window on the whole image",
            {"scale_free": True, "start": "wide"},
            like="free scale",
        ),
        Condition(
            SEVERAL,
            "at the whole image, and through two windows, by a recurrent network that sees nothing else",
            {"glimpses": 3},
            schedule={"rate": 1e-3},
            like=MAIN,
        ),
        Condition(
            "other classifier",
            "with max-pooling in place of strides",
            {"classifier": "pooled"},
            references=(FLOOR, CEILING),
            like=MAIN,
        ),
        Condition(
            "turned windows",
            "digits turned by up to 60 degrees, the angle of the window learnt, too; the oracle's is upright",
            {"angle_free": True},
            scenes={"rotation": 60.0},
            references=(FLOOR, CEILING),
        ),
    )
}
"""The conditions of the study; the first is the main one, and has all samplers."""

RATES = {
    MAIN: {HARD: 0.3, BILINEAR: 0.3, BLURRED: 0.3, GAUSSIAN: 1.0, ANNEALED: 0.3},
    SEVERAL: {BILINEAR: 0.3, BLURRED: 0.3, GAUSSIAN: 0.3},
}
"""The rates of the comparison: in the main condition, which the others share, and for the recurrent network, in which
one layer alone says where. Of those of :data:`TRIED`, ``glimpse study network --rates`` chose these on seeds 0 to 3.
"""


class Contrast(NamedTuple):
    """Two samplers that are compared, and the measure of the verdict."""

    question: str
    first: str
    second: str
    measure: Measure = FOUND


CONTRASTS = (
    Contrast("Gaussian attention, and the spatial transformer, each as it is", GAUSSIAN, BILINEAR),
    Contrast("Gaussian attention, and the spatial transformer on an image that is blurred alike", GAUSSIAN, BLURRED),
    Contrast("The spatial transformer on a blurred image, and on a sharp one", BLURRED, BILINEAR),
    Contrast("The spatial transformer by its gradient, and hard attention by the score function", BILINEAR, HARD),
    Contrast("Gaussian attention by its gradient, and hard attention by the score function", GAUSSIAN, HARD),
    Contrast("Gaussians that are wide first and narrow later, and narrow ones throughout", ANNEALED, GAUSSIAN),
    Contrast("Gaussian attention, and a network that sees the whole image", GAUSSIAN, WHOLE, ACCURACY),
)
"""The comparisons, paired over seeds: initial weights and images of a seed are the same for both."""
