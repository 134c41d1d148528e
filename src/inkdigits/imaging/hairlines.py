"""Digits drawn large in lines of a pixel or two, as with a mouse: the lines made as broad as a pen.

Such a digit is nearly empty, as a frame is, and a line so fine is lost where a page is made
smaller.
"""

import cv2
import numpy as np

from inkdigits.imaging.ink import grey
from inkdigits.imaging.marks import MAX_MARKS, find_marks, stroke_px, typical_height_px
from inkdigits.imaging.paper import Pixels
from inkdigits.imaging.ranks import median

_EVEN, _FEW = 3, 0.04  # of 255; of a clean picture's pixels differ more from the paper
_SEEN = 60  # of 255: what differs from the paper by so much is a line
_FINE = 45  # a hairline goes so many times into the height of what is drawn with it
_PEN = 30  # ... and a pen's stroke so many times
_MOST = 0.5  # of the marks are so high; in print with a few frames, fewer are
_SAMPLE_PX = 500  # so many pixels along a side tell whether the paper has one shade
_LARGEST_PX = 16_000_000  # of a drawing on any screen; what is larger is a scan
_CRUMB_PX = 8  # what is lower does not count


def without_hairlines(page: Pixels) -> Pixels:
    """Broaden the lines of a picture whose marks are drawn in hairlines, on paper of one shade.

    Args:
        page: (H, W) or (H, W, 3) uint8. Not modified.

    Returns:
        The page as it is, or with broader lines.
    """
    if page.shape[0] * page.shape[1] > _LARGEST_PX:
        return page
    light = grey(page)
    some = light[:: light.shape[0] // _SAMPLE_PX + 1, :: light.shape[1] // _SAMPLE_PX + 1]
    ground = round(median(some))
    if np.mean(np.abs(some.astype(np.int16) - ground) > _EVEN) > _FEW:
        return page
    off = light.astype(np.int16) - ground
    is_line = np.abs(off) > _SEEN
    ink = is_line.astype(np.float32)
    _, marks, num_marks = find_marks(ink)
    marks = marks.where(marks.height >= _CRUMB_PX)
    if num_marks > MAX_MARKS or not len(marks.label):
        return page
    wide_px, height_px = stroke_px(ink), typical_height_px(marks)
    if height_px < _FINE * wide_px or np.mean(marks.height > _FINE * wide_px) < _MOST:
        return page
    side_px = round(height_px / _PEN)
    pen = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side_px, side_px))
    is_dark = off[is_line].mean() < 0
    return np.asarray(cv2.erode(page, pen) if is_dark else cv2.dilate(page, pen), np.uint8)
