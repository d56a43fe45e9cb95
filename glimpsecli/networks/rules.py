"""The rules by which models are checked. Needs no torch."""

SEED = 1 << 40
"""Seed of the images of all checks, beyond those of trainings: figures of two models are of the same images."""

FOUND = 0.25
"""Largest distance of a window's centre from that of a digit that is found, in longer sides of the digit."""

SPREAD = 1.0
"""Standard deviation of the centres of windows, in pixels, below which they count as one place."""

AWAY = 0.1
"""Distance of that place from the middle, in canvases, beyond which it is not the start."""

FEW = 0.1
"""Share of digits found below which windows that are all in one place are lost; where it is not known where things are,
the accuracy beyond that of the commonest class."""
