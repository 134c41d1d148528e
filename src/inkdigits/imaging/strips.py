"""A stretch of a line as the line reader sees it: always of the same height, as long as it is.

Digits that cannot be parted by a cut, because they overlap, are read together, and so nothing has
to be parted.
"""

from typing import NamedTuple

import cv2
import numpy as np

from inkdigits.imaging.ink import Ink

STRIP_HEIGHT_PX = 32
DIGIT_HEIGHT_PX = 22  # of a typical digit in a strip
MARGIN_PX = 4  # of paper on the left, and at least so much on the right
WIDTH_STEP_PX = 16  # a strip is as many of these wide
MAX_WIDTH_PX = 384  # longer ones are no run of digits that touch
FRAME_PX = 2  # from one frame of the line reader to the next


class Strip(NamedTuple):
    """Ink, fitted into a strip.

    Attributes:
        ink: (32, W) float32 in [0, 1].
        top: the row that the ink begins in.
        num_rows: how many rows it has here.
        num_columns: how many columns it has here; the first comes after the margin.
    """

    ink: Ink
    top: int
    num_rows: int
    num_columns: int


def as_strip(ink: Ink, digit_px: float) -> Strip:
    """Fit ink into a strip: a typical digit becomes 22 px high, or less where that is too high.

    Args:
        ink: (h, w) float32 in [0, 1], without a margin.
        digit_px: height of a typical digit in pixels of the ink.

    Returns:
        The strip, with the ink in the middle of its height, 4 px from the left.
    """
    scale = min(DIGIT_HEIGHT_PX / digit_px, (STRIP_HEIGHT_PX - 2) / ink.shape[0])
    height = min(max(1, round(ink.shape[0] * scale)), STRIP_HEIGHT_PX)
    width = max(1, round(ink.shape[1] * scale))
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    steps = -(-(width + 2 * MARGIN_PX) // WIDTH_STEP_PX)
    strip = np.zeros((STRIP_HEIGHT_PX, steps * WIDTH_STEP_PX), np.float32)
    top = (STRIP_HEIGHT_PX - height) // 2
    small = cv2.resize(ink, (width, height), interpolation=way)
    strip[top : top + height, MARGIN_PX : MARGIN_PX + width] = small
    return Strip(strip, top, height, width)
