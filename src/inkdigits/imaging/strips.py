"""A stretch of a line as the line reader sees it: always of the same height, as long as it is.

Digits that cannot be parted by a cut, because they overlap, are read together, and so nothing has
to be parted.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from inkdigits.imaging.ink import Ink

STRIP_HEIGHT_PX = 32
DIGIT_HEIGHT_PX = 22  # of a typical digit in a strip
MARGIN_PX = 4  # of paper at either side
MAX_WIDTH_PX = 384  # longer ones are no run of digits that touch


def as_strip(ink: Ink, digit_px: float) -> tuple[Ink, float]:
    """Fit ink into a strip: a typical digit becomes 22 px high, or less where that is too high.

    Args:
        ink: (h, w) float32 in [0, 1], without a margin.
        digit_px: height of a typical digit in pixels of the ink.

    Returns:
        (32, w') float32, the ink in the middle of its height, with a margin of 4 px at either
        side; and how many pixels of the strip one of the ink makes.
    """
    scale = min(DIGIT_HEIGHT_PX / digit_px, (STRIP_HEIGHT_PX - 2) / ink.shape[0])
    height = min(max(1, round(ink.shape[0] * scale)), STRIP_HEIGHT_PX)
    width = max(1, round(ink.shape[1] * scale))
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    strip = np.zeros((STRIP_HEIGHT_PX, width + 2 * MARGIN_PX), np.float32)
    top = (STRIP_HEIGHT_PX - height) // 2
    small = cv2.resize(ink, (width, height), interpolation=way)
    strip[top : top + height, MARGIN_PX : MARGIN_PX + width] = small
    return strip, width / ink.shape[1]


def stacked(strips: list[Ink]) -> NDArray[np.float32]:
    """Strips of different widths → (n, 32, widest), with paper on the right."""
    widest = max(strip.shape[1] for strip in strips)
    stack = np.zeros((len(strips), STRIP_HEIGHT_PX, widest), np.float32)
    for row, strip in zip(stack, strips, strict=True):
        row[:, : strip.shape[1]] = strip
    return stack
