"""The definitions, in clear float64 NumPy: every backend must equal them.

Everything here is in index coordinates: the centre of pixel ``k`` is ``k``. Images are (H, W) or (H, W, C).

* :mod:`~glimpsecli.attention.hard`: a crop.
* :mod:`~glimpsecli.attention.score`: how a crop's place is learnt, the score function.
* :mod:`~glimpsecli.attention.soft`: a mask times the image.
* :mod:`~glimpsecli.attention.gaussian`: DRAW's filterbanks, read and write.
* :mod:`~glimpsecli.attention.elliptical`: Gaussian attention through windows that turn, shear or are projective, by the
  ellipses of :mod:`~glimpsecli.attention.ellipses`.
* :mod:`~glimpsecli.attention.spatial`: the spatial transformer's grid and sampler.
* :mod:`~glimpsecli.attention.masks`: how much each pixel counts in a glimpse.
* :mod:`~glimpsecli.attention.pasting`: a glimpse back onto its image.
"""
