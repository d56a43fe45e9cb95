"""The way from images and windows to glimpses: one door, :func:`extract` and :func:`extract_batch`."""

from glimpsecli.sampling.dispatch import choose_backend
from glimpsecli.sampling.glimpses import extract, extract_batch
from glimpsecli.sampling.precision import FULL_SCALE
from glimpsecli.sampling.taps import LARGEST_GLIMPSE, SAMPLERS, Taps

__all__ = ["FULL_SCALE", "LARGEST_GLIMPSE", "SAMPLERS", "Taps", "choose_backend", "extract", "extract_batch"]
