"""Names for kinds of arrays, and for colours, for annotations: nothing imports this at run time."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]
Images: TypeAlias = NDArray[Any]
"""One or several images, uint8, uint16 or float32."""

Image: TypeAlias = NDArray[np.float32]
Glimpses: TypeAlias = NDArray[np.float32]
Floats: TypeAlias = NDArray[np.float64]
Reals: TypeAlias = NDArray[np.floating[Any]]
"""Real numbers in the precision in which they came."""

Figure: TypeAlias = NDArray[np.uint8]
"""(H, W, 3) RGB."""

Colour: TypeAlias = tuple[int, int, int]
"""Red, green and blue, 0 to 255."""
