"""The parts of networks that learn where to look, as modules of torch over the functions of :mod:`glimpsecli.torch`.

A window is a row (cx, cy, width, height, angle): image plane, pixels, degrees. Windows are (N, 5), one for each image,
or (N, T, 5), T for each. Images are (N, C, H, W).
"""

from glimpsecli.torch.modules.classifier import AttentionClassifier
from glimpsecli.torch.modules.draw import DRAW, DRAWState, DRAWStep, draw_params
from glimpsecli.torch.modules.files import Saved, load, save
from glimpsecli.torch.modules.glimpses import AffineGlimpse, GaussianGlimpse, HardGlimpse, Retina
from glimpsecli.torch.modules.heads import WindowHead
from glimpsecli.torch.modules.policy import LocationPolicy, reinforce_loss
from glimpsecli.torch.modules.recurrent import RAM, RAMResult, ram_loss

__all__ = [
    "DRAW",
    "RAM",
    "AffineGlimpse",
    "AttentionClassifier",
    "DRAWState",
    "DRAWStep",
    "GaussianGlimpse",
    "HardGlimpse",
    "LocationPolicy",
    "RAMResult",
    "Retina",
    "Saved",
    "WindowHead",
    "draw_params",
    "load",
    "ram_loss",
    "reinforce_loss",
    "save",
]
