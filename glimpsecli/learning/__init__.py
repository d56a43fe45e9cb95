"""Searches along the gradients of the samplers, arrays in and arrays out: :func:`fit` finds the window of a glimpse."""

from glimpsecli.learning.fitting import Fit, fit

__all__ = ["Fit", "fit"]
