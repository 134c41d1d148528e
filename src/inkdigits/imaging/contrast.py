"""How much strokes stand out from their paper: the ink alone does not tell, for it is stretched."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from inkdigits.imaging.ink import Ink
from inkdigits.imaging.paper import Pixels
from inkdigits.imaging.ranks import median
from inkdigits.reading import Box

_STROKE = 0.5  # of the darkest ink in a box: what is less is a soft edge
_MARGIN = 0.2  # of a box's height: so far about it the paper is looked at
_PALE = 0.45  # of the usual contrast
_DARKEST = 24  # of 255: in darker places, noise would pass for contrast


def are_pale(boxes: Sequence[Box], is_clear: Sequence[bool], ink: Ink, page: Pixels) -> list[bool]:
    """Which marks are so much paler than digits that they may be no writing.

    So are a stain, and what was rubbed out or shows through from the back.

    Args:
        boxes: in pixels of the ink, a mark in each.
        is_clear: which of them are digits for sure.
        ink: (h, w) float32 in [0, 1]; 1 is a stroke.
        page: (H, W) or (H, W, 3) uint8, of which the ink is.

    Returns:
        For each; none where nothing is clear.
    """
    if not any(is_clear):
        return [False] * len(boxes)
    seen = cv2.resize(page, ink.shape[::-1], interpolation=cv2.INTER_AREA)
    seen = seen.reshape(*ink.shape, -1)
    found = np.array([_contrast(box, ink, seen) for box in boxes])
    return [bool(of) for of in found < _PALE * median(found[list(is_clear)])]


def _contrast(box: Box, ink: Ink, seen: NDArray[np.generic]) -> float:
    """The share of the light that strokes take away or add, in the channel where it is most."""
    margin = round(_MARGIN * box.height) + 1
    place = np.s_[
        max(box.y - margin, 0) : box.bottom + margin, max(box.x - margin, 0) : box.right + margin
    ]
    within = ink[box.y : box.bottom, box.x : box.right]
    strokes = seen[box.y : box.bottom, box.x : box.right][within > _STROKE * within.max()]
    paper = seen[place][ink[place] == 0]
    if not (strokes.size and paper.size):
        return 1.0
    light, dark = (np.array([median(channel) for channel in of.T]) for of in (paper, strokes))
    return float((np.abs(light - dark) / np.maximum(np.maximum(light, dark), _DARKEST)).max())
