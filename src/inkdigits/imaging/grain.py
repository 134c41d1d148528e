"""Strokes that are grains, as of dry chalk on a board: seen with half-closed eyes, they close.

Each grain would be a mark of its own, and a digit dozens of them.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from inkdigits.imaging.ink import Ink
from inkdigits.imaging.paper import Pixels

_CLOSING_PX, _BLUR_PX = 1.5, 2.5  # deviations: of a blur that closes grains, and of the one read by
_INK, _BLURRED = 0.4, 0.35  # from which share of the darkest on something is a mark
_FEWEST, _TIMES = 60, 3.0  # so many marks, and so many times fewer when they are closed
_LOW = 0.5  # grains are lower than this share of what they make up; letters of a word are not
_MOST = 0.8  # of what they make up is lower than that: some grains are left alone
_FILLED = 0.5  # of what they make up is grains; where thin strokes run together it is paper


def is_grainy(ink: Ink) -> bool:
    """Whether most marks of a page are grains of larger ones.

    Args:
        ink: (h, w) float32 in [0, 1]; 1 is ink.
    """
    grains = _heights(ink > _INK)
    if len(grains) < _FEWEST:
        return False
    closed = cv2.GaussianBlur(ink, (0, 0), _CLOSING_PX)
    is_closed = closed > _BLURRED * np.quantile(closed[closed > closed.max() / 2], 0.5)
    whole = _heights(is_closed)
    return bool(
        len(grains) > _TIMES * len(whole)
        and np.median(grains) < _LOW * np.quantile(whole, _MOST)
        and (ink > _INK)[is_closed].mean() > _FILLED
    )


def without_grain(page: Pixels, ink: Ink) -> Pixels:
    """A page as half-closed eyes see it.

    Args:
        page: (H, W) or (H, W, 3) uint8. Not modified.
        ink: (h, w), its own, which may be smaller; grains are so large in it.

    Returns:
        As the page, blurred.
    """
    blur_px = _BLUR_PX * page.shape[1] / ink.shape[1]
    return np.asarray(cv2.GaussianBlur(page, (0, 0), blur_px), np.uint8)


def _heights(mask: NDArray[np.bool_]) -> NDArray[np.int32]:
    stats = cv2.connectedComponentsWithStats(mask.astype(np.uint8))[2]
    return np.asarray(stats[1:, cv2.CC_STAT_HEIGHT], np.int32)
