"""The shadow of a blind, which falls in stripes on the whole of a picture: lit up.

Its stripes are no wider than a bold stroke may be, and would pass for ink.
"""

import cv2
import numpy as np

from inkdigits.imaging.ink import PAGE_AREA_PX, grey, shrunk
from inkdigits.imaging.paper import Pixels
from inkdigits.imaging.ranks import median

_AREA_PX, _SAMPLE_PX = 300 * 300, 500  # in small; so many pixels along a side are looked at
_STROKE_PX = 7  # in small: what is narrower is no stripe
_FEWEST = 2  # stripes of light, and as many of shadow
_LONG = 4.0  # times as long as wide
_MOST = 0.7  # of the picture is such stripes
_DARKEST = 0.3  # of the light: a shadow leaves more
_WINDOW = 0.6  # of a stripe's width: of what is so wide, strokes are the lesser part
_LIT = 75  # percent of the paper is darker than it is in the light


def without_stripes(page: Pixels) -> Pixels:
    """Light up the stripes of shadow on a page, if there are any.

    Args:
        page: (H, W) or (H, W, 3) uint8. Not modified.

    Returns:
        The page as it is, or under even light; one of more than 3 megapixels is smaller then.
    """
    step = max(1, min(page.shape[:2]) // _SAMPLE_PX)
    small = np.ascontiguousarray(shrunk(page[::step, ::step], _AREA_PX))
    light = np.asarray(cv2.medianBlur(grey(small), 3), np.uint8)
    _, is_light = cv2.threshold(light, 0, 1, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    stripes = [_stripes(np.asarray(mask, np.uint8)) for mask in (is_light, 1 - is_light)]
    if min(len(widths) for widths, _ in stripes) < _FEWEST:
        return page
    if sum(area_px for _, area_px in stripes) < _MOST * light.size:
        return page
    if median(light[is_light == 0]) < _DARKEST * median(light[is_light > 0]):
        return page
    narrow_px = min(median(np.array(widths)) for widths, _ in stripes)
    paper = np.maximum(cv2.medianBlur(small, round(_WINDOW * narrow_px) | 1), 1)
    gain = (np.percentile(paper, _LIT, axis=(0, 1)) / paper).astype(np.float32)
    page = shrunk(page, PAGE_AREA_PX)
    return np.asarray(cv2.multiply(page, cv2.resize(gain, page.shape[1::-1]), dtype=cv2.CV_8U))


def _stripes(mask: Pixels) -> tuple[list[float], int]:
    """The widths of what is long and comes in from the border, of (H, W) 0 or 1, and its area."""
    wide = cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((_STROKE_PX, _STROKE_PX), np.uint8))
    _, labels, stats, _ = cv2.connectedComponentsWithStats(wide, connectivity=4)
    border = np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])
    widths, area_px = [], 0
    for label in set(border.tolist()) - {0}:
        points = cv2.findNonZero((labels == label).astype(np.uint8))
        width_px, length_px = sorted(side + 1 for side in cv2.minAreaRect(points)[1])
        if width_px >= _STROKE_PX and length_px >= _LONG * width_px:
            widths.append(width_px)
            area_px += int(stats[label, cv2.CC_STAT_AREA])
    return widths, area_px
