"""What the gradients of the samplers are good for: :func:`fit` finds the window that a glimpse was taken through."""

from glimpsecli.learning.fitting import Fit, fit

__all__ = ["Fit", "fit"]
