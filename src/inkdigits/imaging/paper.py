"""Where the paper is: what lies beside it, and the dark panels on it.

All pictures here are small: a few hundred pixels wide, where a panel is wider than a stroke.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from inkdigits.imaging.ranks import median, quantile

Pixels = NDArray[np.uint8]

WITHIN = 2  # inside of a panel
_EXTREMES = 0.02, 0.98  # what is darker, or lighter, is a few pixels
_EVEN = 0.1  # of the contrast: what is so near to a shade has it
_MOST, _MOST_OF_EACH = 0.85, 0.75  # of a clean picture; of what is light in it, and dark
_SURROUNDED = 0.9  # of its border
_TABLES = (0.35, 0.5, 0.65)  # of the paper's light: what is darker may be a table beside it
_TABLE_PX, _EDGE_PX = 7, 5  # in small: what is narrower is a stroke; how wide an edge may be
_SHARP = 1.4  # times lighter on one side of the paper's edge: of a shadow's it is less
_SOFT_AREA_PX = 40  # in small, where an edge is two pixels wide: so much is a shadow's
_MUCH_OF_SIDE, _MOSTLY = 0.25, 0.6  # along the border: of its side, or of the table's length
_NOTE = 0.4  # of the picture's shorter side: a note is no smaller
_MIN_PANEL_PX, _FILLED = 24, 0.9  # in small: a panel holds a line; how much it is a rectangle


def extremes(picture: Pixels) -> tuple[float, float]:
    """How dark and how light a picture is, but for a few pixels."""
    return quantile(picture, _EXTREMES[0]), quantile(picture, _EXTREMES[1])


def ground_of_clean(picture: Pixels) -> bool | None:
    """Whether the ground of a clean picture (h, w) is light; None if it is not clean.

    A clean picture has two even shades, and hardly anything else: no shadow. Its ground is what its
    whole border is.
    """
    dark, light = extremes(picture)
    margin, middle = _EVEN * (light - dark), (dark + light) / 2
    is_light = picture > middle
    shades = [shade.astype(np.float32) for shade in (picture[is_light], picture[~is_light])]
    is_near = [np.abs(shade - median(shade)) <= margin for shade in shades if shade.size]
    is_even = all(near.mean() > _MOST_OF_EACH for near in is_near)
    border = np.concatenate([picture[0], picture[-1], picture[:, 0], picture[:, -1]])
    ground = median(border)
    is_surrounded = (np.abs(border - np.float32(ground)) <= margin).mean() > _SURROUNDED
    if not is_even or np.concatenate(is_near).mean() <= _MOST or not is_surrounded:
        return None
    return ground > middle


def without_strokes(picture: Pixels) -> Pixels:
    """Take what is dark and thin away: (H, W) uint8 → (H, W) uint8, the ground."""
    soft = cv2.medianBlur(picture, 3)
    margin = _TABLE_PX  # the border is continued outwards, so that a narrow rim is no stroke
    padded = cv2.copyMakeBorder(soft, margin, margin, margin, margin, cv2.BORDER_REPLICATE)
    closed = cv2.morphologyEx(padded, cv2.MORPH_CLOSE, np.ones((margin, margin), np.uint8))
    return np.asarray(closed[margin:-margin, margin:-margin], np.uint8)


def panels(grounds: list[Pixels]) -> list[Pixels]:
    """Find dark rectangles on the paper: labels, sticky notes, or the bands behind titles.

    Args:
        grounds: (H, W) uint8, as ``without_strokes`` gives them: of the whole, and of each
            channel, because a yellow note is dark in blue alone. So is the band of a highlighter,
            whose edge goes through digits; only what is large in a channel is a note.

    Returns:
        For each, (H, W) uint8: 1 at its edge, ``WITHIN`` inside, 0 elsewhere.
    """
    near = np.ones((_EDGE_PX, _EDGE_PX), np.uint8)
    found = np.zeros_like(grounds[0])
    found_panels = []
    height, width = grounds[0].shape
    for index, ground in enumerate(grounds):
        light = quantile(ground, 0.8)
        least_px = _MIN_PANEL_PX if index == 0 else max(_NOTE * min(height, width), _MIN_PANEL_PX)
        rectangles = [_rectangles(ground < share * light, least_px) for share in _TABLES]
        for corners in [corners for found_here in rectangles for corners in found_here]:
            panel = np.zeros_like(ground)
            cv2.fillConvexPoly(panel, corners, 1)
            if not (panel & found).any():
                found |= panel
                edge, within = cv2.dilate(panel, near), cv2.erode(panel, near)
                found_panels.append(np.asarray(np.where(within > 0, WITHIN, edge), np.uint8))
    return found_panels


def _rectangles(is_dark: NDArray[np.bool_], least_px: float) -> list[NDArray[np.int32]]:
    """The corners of each dark rectangle (4, 2) that is no smaller, nor at the border."""
    height, width = is_dark.shape
    found = []
    dark = is_dark.astype(np.uint8)
    for outline in cv2.findContours(dark, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0]:
        x, y, wide, high = cv2.boundingRect(outline)
        if min(x, y, width - x - wide, height - y - high) == 0 or min(wide, high) < least_px:
            continue
        corners = cv2.boxPoints(cv2.minAreaRect(outline))
        if cv2.contourArea(outline) >= _FILLED * cv2.contourArea(corners):
            found.append(np.rint(corners).astype(np.int32))
    return found


def surroundings(ground: Pixels) -> Pixels:
    """Find what lies beside the paper: a table, a scanner's lid.

    It is darker than the paper, comes in from the picture's border, and ends sharply, as few
    shadows do.

    Args:
        ground: (H, W) uint8, as ``without_strokes`` gives it.

    Returns:
        (H, W) uint8, 1 where it lies.
    """
    near = np.ones((_EDGE_PX, _EDGE_PX), np.uint8)
    is_sharp = cv2.dilate(ground, near) > _SHARP * cv2.erode(ground, near)
    light = quantile(ground, 0.8)
    outside = np.zeros_like(ground)
    for share in _TABLES:
        is_dark = (ground < share * light).astype(np.uint8)
        labels, stats = cv2.connectedComponentsWithStats(is_dark, connectivity=4)[1:3]
        known = cv2.dilate(outside, near)  # what is darker still, and where that ends
        for label in _along_border(np.asarray(labels, np.int32), np.asarray(stats, np.int32)):
            own = (labels == label).astype(np.uint8)
            edge = cv2.subtract(cv2.dilate(own, near), cv2.max(own, known)) > 0
            if edge.any() and is_sharp[edge].mean() > _MOSTLY:
                outside |= own & ~_shaded_paper(own, is_sharp, ground)
    return np.asarray(cv2.dilate(outside, near), np.uint8)


def _shaded_paper(own: Pixels, is_sharp: NDArray[np.bool_], ground: Pixels) -> Pixels:
    """What of the surroundings is paper in a shadow that reaches them.

    Some of its edge is soft, where the light begins; and across the rest of it is what is darker
    still, for it lies in the same shadow.

    Args:
        own: (H, W) uint8, 1 where the surroundings may be.
        is_sharp: (H, W), the edges of things.
        ground: (H, W) uint8.

    Returns:
        (H, W) uint8, 1 where it is.
    """
    near = np.ones((_EDGE_PX, _EDGE_PX), np.uint8)
    shaded = np.zeros_like(own)
    inner = own & ~is_sharp
    num_parts, parts, stats, _ = cv2.connectedComponentsWithStats(inner, connectivity=4)
    for index in range(1, num_parts):
        if stats[index, cv2.CC_STAT_AREA] < _MIN_PANEL_PX**2:
            continue
        part = (parts == index).astype(np.uint8)
        grown = np.asarray(cv2.dilate(part, near), np.uint8)
        soft = (grown > own) & ~is_sharp
        beside = np.asarray(cv2.dilate(grown, near, iterations=2), np.uint8) & own & ~grown & ~inner
        if soft.sum() < _SOFT_AREA_PX or not beside.any():
            continue
        if median(ground[part > 0]) > _SHARP * median(ground[beside > 0]):
            shaded |= grown
    return shaded


def _along_border(labels: NDArray[np.int32], stats: NDArray[np.int32]) -> list[int]:
    """The labels that lie along a side of the picture: for much of it, or of their own length."""
    length = stats[:, [cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT]].max(axis=1)
    is_along = np.zeros(len(stats), bool)
    for side in (labels[0], labels[-1], labels[:, 0], labels[:, -1]):
        contact = np.bincount(side, minlength=len(stats))
        is_along |= contact > np.minimum(_MUCH_OF_SIDE * len(side), _MOSTLY * length)
    return [index for index in np.flatnonzero(is_along).tolist() if index > 0]
