"""The colours and the lines of objects that are followed, by their verdicts."""

from __future__ import annotations

from glimpsecli.names import DOUBTFUL, FOUND, LOST

GREEN, AMBER, RED = (0.2, 0.85, 0.2), (1.0, 0.7, 0.0), (1.0, 0.25, 0.2)
COLOURS = {FOUND: GREEN, DOUBTFUL: AMBER, LOST: RED}
DASHES = {FOUND: None, DOUBTFUL: 5.0, LOST: 2.0}
"""Lengths of dashes, in weights of the line, so that the states differ without colour too."""
