"""Marks: the connected strokes of a page, as one table, and what can be told from their boxes."""

from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from inkdigits.imaging.ink import Ink
from inkdigits.imaging.ranks import median
from inkdigits.reading import Box

Labels = NDArray[np.int32]

MAX_MARKS = 3_000  # of a page with more, the largest are looked at; bounds time and memory
EMPTY = 0.05  # of its box is ink in a frame, a grid or a drawing, and more of it in a digit
_WEAK, _STRONG = 0.25, 0.4
_MIN_MARK_PX = 4  # smaller in area is noise on any page
_LOW, _BROAD = 0.2, 0.4  # of a height: what is lower, and not so broad, is a tick or a crumb
_ALIKE, _SMALLEST, _SEVERAL = 1.6, 0.08, 3  # times as high; a share of a height; so many marks
_FILLED = 0.65  # a dot is more of its box
_RIM_CONTACT = 0.4  # of a mark's length on the page's border: it is the border, unless, as the foot
# of a 2 that is cut off, it is no longer there than the mark is deep, and most of it is paper


class Marks(NamedTuple):
    """Connected strokes, one row each: left, top, right, bottom, number of pixels, label."""

    left: NDArray[np.int64]
    top: NDArray[np.int64]
    right: NDArray[np.int64]
    bottom: NDArray[np.int64]
    area: NDArray[np.int64]
    label: NDArray[np.int64]

    @property
    def height(self) -> NDArray[np.int64]:
        """Of each, in pixels."""
        return self.bottom - self.top

    @property
    def width(self) -> NDArray[np.int64]:
        """Of each, in pixels."""
        return self.right - self.left

    def where(self, chosen: NDArray[Any]) -> "Marks":
        """Some of the rows: by index, or by truth."""
        return Marks(*(column[chosen] for column in self))

    def box(self) -> Box:
        """Around all of them; there is at least one."""
        x, y = int(self.left.min()), int(self.top.min())
        return Box(x, y, int(self.right.max()) - x, int(self.bottom.max()) - y)


def find_marks(ink: Ink, weak: float = _WEAK, strong: float = _STRONG) -> tuple[Labels, Marks, int]:
    """Find the connected strokes that are dark enough somewhere, and are not the page's rim.

    Args:
        ink: (h, w) float32 in [0, 1]; 1 is ink. Not modified.
        weak: a mark is what hangs together above this,
        strong: and is above this somewhere.

    Returns:
        (h, w) int32 that gives each pixel's mark, the marks, at most 3,000, the largest; and
        how many there were before.
    """
    num_labels, found, table, _ = cv2.connectedComponentsWithStats(
        (ink > weak).astype(np.uint8), connectivity=8, ltype=cv2.CV_32S
    )
    labels, stats = np.asarray(found, np.int32), np.asarray(table, np.int64)
    is_strong = np.bincount(labels[ink > strong], minlength=num_labels) > 0
    border = np.concatenate([labels[0], labels[-1], labels[1:-1, 0], labels[1:-1, -1]])
    contact_px = np.bincount(border, minlength=num_labels)
    width, height = stats[:, cv2.CC_STAT_WIDTH], stats[:, cv2.CC_STAT_HEIGHT]
    area = stats[:, cv2.CC_STAT_AREA]
    is_rim = contact_px > _RIM_CONTACT * np.maximum(width, height)
    is_rim &= (contact_px > np.minimum(width, height)) | (area > _FILLED * width * height)
    chosen = np.flatnonzero(is_strong & ~is_rim & (area >= _MIN_MARK_PX))
    chosen = chosen[chosen > 0]  # label 0 is the paper
    num_found = len(chosen)
    if num_found > MAX_MARKS:
        chosen = np.sort(chosen[np.argsort(area[chosen])[-MAX_MARKS:]])
    left, top = stats[chosen, cv2.CC_STAT_LEFT], stats[chosen, cv2.CC_STAT_TOP]
    marks = Marks(
        left,
        top,
        left + width[chosen],
        top + height[chosen],
        area[chosen],
        chosen,
    )
    return labels, marks, num_found


def typical_height_px(marks: Marks) -> float:
    """The height of a typical mark, each counted by its height; frames and grids not at all.

    One that is far higher than several others, which are alike and no dots, and alone in that, is
    a drawing beside them, or the pen that lies on the page.
    """
    inner = marks.where(~is_frame(marks) & (marks.area >= EMPTY * marks.width * marks.height))
    marks = inner if len(inner.label) else marks
    typical = _weighted_median(marks.height)
    is_lower = (marks.height >= _SMALLEST * typical) & (marks.height <= typical / _ALIKE)
    is_lower &= marks.area < _FILLED * marks.width * marks.height
    is_alike = (marks.height > typical / _ALIKE) & (marks.height < typical * _ALIKE)
    if is_alike.sum() > 1 or not is_lower.any():
        return typical
    lower = marks.where(is_lower)
    others = _weighted_median(lower.height)
    is_one = (lower.height > others / _ALIKE) & (lower.height < others * _ALIKE)
    if others < _LOW * typical:
        is_one &= lower.width > _BROAD * lower.height
    return others if is_one.sum() >= _SEVERAL else typical


def _weighted_median(heights: NDArray[np.int64]) -> float:
    ordered = np.sort(heights)
    weight = np.cumsum(ordered)
    return float(ordered[np.searchsorted(weight, weight[-1] / 2)])


def is_frame(marks: Marks, least: int = 2) -> NDArray[np.bool_]:
    """Whether a mark surrounds at least so many others, and is mostly empty.

    They lie wholly in its box: beside two digits that touch, one above the other, others do not.
    """
    is_inside = (
        (marks.left >= marks.left[:, None])
        & (marks.right <= marks.right[:, None])
        & (marks.top >= marks.top[:, None])
        & (marks.bottom <= marks.bottom[:, None])
        & (marks.height > marks.height[:, None] / 8)
    )  # (frame, other); a mark is inside itself
    is_empty = marks.area < 0.3 * marks.width * marks.height
    return np.asarray(is_empty & (is_inside.sum(axis=1) > least))


def is_cut_off(box: Box, ink: Ink) -> bool:
    """Whether the strokes in a box reach the page's border, behind which they may go on."""
    part = ink[box.y : box.bottom, box.x : box.right] > _WEAK
    height, width = ink.shape
    return bool(
        (box.y == 0 and part[0].any())
        or (box.bottom == height and part[-1].any())
        or (box.x == 0 and part[:, 0].any())
        or (box.right == width and part[:, -1].any())
    )


def stroke_px(ink: Ink) -> float:
    """The typical width of a stroke, in pixels; at least 1."""
    depth = cv2.distanceTransform((ink > 0.5).astype(np.uint8), cv2.DIST_L2, 3)
    ridge = depth[(depth > 0) & (depth >= cv2.dilate(depth, np.ones((3, 3), np.uint8)))]
    return max(1.0, 2 * median(ridge) - 1) if len(ridge) else 1.0


def groups(belongs: NDArray[np.bool_]) -> list[NDArray[np.int64]]:
    """The connected parts of a symmetric relation, the indices of each."""
    parent = list(range(len(belongs)))

    def root(index: int) -> int:
        while parent[index] != index:
            parent[index] = parent[parent[index]]
            index = parent[index]
        return index

    for first, second in np.argwhere(np.triu(belongs, 1)).tolist():
        parent[root(first)] = root(second)
    roots = np.array([root(index) for index in range(len(belongs))])
    order = np.argsort(roots, kind="stable")
    ends = np.flatnonzero(np.diff(roots[order], append=-1))
    return [np.asarray(part, np.int64) for part in np.split(order, ends + 1) if len(part)]
