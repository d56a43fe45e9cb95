"""Sampling: images and windows become glimpses, by :func:`extract` and :func:`extract_batch`."""

from glimpsecli.sampling.dispatch import choose_backend
from glimpsecli.sampling.glimpses import extract, extract_batch
from glimpsecli.sampling.options import Sampling
from glimpsecli.sampling.precision import FULL_SCALE
from glimpsecli.sampling.sampler import Sampler
from glimpsecli.sampling.taps import LARGEST_GLIMPSE, Taps

__all__ = [
    "FULL_SCALE",
    "LARGEST_GLIMPSE",
    "Sampler",
    "Sampling",
    "Taps",
    "choose_backend",
    "extract",
    "extract_batch",
]
