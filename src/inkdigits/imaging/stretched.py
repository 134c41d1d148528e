"""Digits that were stretched until they filled a square, as some collections keep them.

How wide such a digit was, nobody can tell: a 1 may be as wide as it is high. So it is read at
several widths.
"""

from collections.abc import Iterable

import cv2
import numpy as np
from numpy.typing import NDArray

WIDTHS = (0.8, 0.6, 0.45)  # beside the whole: few digits are narrower, but for 1s
_INK = 0.2
_NEAR = 16  # a side is reached within such a part of its length


def are_stretched(inks: NDArray[np.float32] | Iterable[NDArray[np.float32]]) -> NDArray[np.bool_]:
    """Whether the ink of each picture of one digit fills a square to all four sides.

    Args:
        inks: (n, H, W) float32 in [0, 1], or n of (h, w).

    Returns:
        (n,) bool. A digit that is nearly square by itself passes for a stretched one.
    """
    if not isinstance(inks, np.ndarray):
        return np.array([bool(are_stretched(ink[None])[0]) for ink in inks], bool)
    n, height, width = inks.shape
    if height != width:
        return np.zeros(n, bool)
    near = 1 + height // _NEAR
    sides = (inks[:, :near], inks[:, -near:], inks[:, :, :near], inks[:, :, -near:])
    reached = [(side > _INK).any(axis=(1, 2)) for side in sides]
    return np.asarray(np.all(reached, axis=0), bool)


def narrowed(ink: NDArray[np.float32], width: float) -> NDArray[np.float32]:
    """The same at a share of its width: (h, w) float32 → (h, narrower) float32."""
    size = (max(1, round(ink.shape[1] * width)), ink.shape[0])
    return np.asarray(cv2.resize(ink, size, interpolation=cv2.INTER_AREA), np.float32)
