"""The base of the places that are a matrix."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from glimpsecli.errors import InvalidInputError
from glimpsecli.window.checks import check_finite, numbers

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True, eq=False, init=False, repr=False)
class Matrix:
    """A read-only float64 matrix from output index to source index; it equals another of its kind and numbers."""

    matrix: NDArray[np.float64]
    _NAME: ClassVar[str]
    _SHAPE: ClassVar[tuple[int, int]]

    def __init__(self, matrix: ArrayLike) -> None:
        array = numbers(matrix, f"the {self._NAME} matrix")
        if array.shape != self._SHAPE:
            kind, (rows, columns) = type(self).__name__, self._SHAPE
            raise InvalidInputError(f"{kind} takes a {rows}x{columns} matrix, not an array of shape {array.shape}")
        check_finite(array, f"the {self._NAME} matrix")
        array = self._normalised(array) + 0.0  # -0.0 becomes 0.0, so that equal matrices print and hash alike
        array.flags.writeable = False
        object.__setattr__(self, "matrix", array)

    @staticmethod
    def _normalised(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
        """Give the matrix that stands for all matrices with the same effect."""
        return matrix

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.array(self.matrix, dtype=dtype) if copy or dtype else self.matrix

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and np.array_equal(self.matrix, other.matrix)

    def __hash__(self) -> int:
        return hash(self.matrix.tobytes())

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.matrix,)  # a copy is as read-only as the original

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.matrix.tolist()})"
