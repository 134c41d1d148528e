"""Digits from ink: connected strokes, put together to digits, and digits to lines.

Everything is measured against one scale, the height of a typical mark of this page, so that
digits of 8 and of 800 pixels are found alike. All coordinates are pixels of the ink.
"""

from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from inkdigits.imaging.ink import Ink
from inkdigits.reading import Box

_WEAK, _STRONG = 0.25, 0.4  # a mark is what is above weak, and is above strong somewhere
_MIN_MARK_PX = 4  # smaller in area is noise on any page
_MAX_MARKS = 3_000  # of a page with more, the largest are looked at; bounds time and memory

# Sizes below are shares of the page's typical mark height.
_SPECK = 0.22  # smaller in both directions is no stroke of a digit
_PART = 0.6  # less high is perhaps part of a digit
_BAR = 0.3  # less high is perhaps the bar of a 5
_SMALLEST_DIGIT = 0.35  # less high is no digit by itself
_LARGEST_DIGIT = 3.0
_NEAR = 0.25  # strokes of one digit are at most this far apart, downwards
_BESIDE = 0.12  # ... and sideways
_MAX_JOINED = 1.7  # strokes that make up something higher are of two digits
_WIDEST_DIGIT = 3.0  # in its own heights
_SAME_LINE = 0.5  # the middles of a line's neighbours differ by less, in their heights


class Segment(NamedTuple):
    """The ink of what is probably one digit.

    Attributes:
        box: where it stands, in pixels of the ink.
        ink: (h, w) float32 in [0, 1], of the box's size; other strokes in the box are erased.
    """

    box: Box
    ink: Ink


class _Marks(NamedTuple):
    """Connected strokes, one row each: left, top, right, bottom, number of pixels, label."""

    left: NDArray[np.int64]
    top: NDArray[np.int64]
    right: NDArray[np.int64]
    bottom: NDArray[np.int64]
    area: NDArray[np.int64]
    label: NDArray[np.int64]

    @property
    def height(self) -> NDArray[np.int64]:
        return self.bottom - self.top

    @property
    def width(self) -> NDArray[np.int64]:
        return self.right - self.left

    def where(self, chosen: NDArray[Any]) -> "_Marks":
        return _Marks(*(column[chosen] for column in self))


def find_lines(ink: Ink) -> list[list[Segment]]:
    """Find the digits of a page.

    At most 3,000 marks are looked at, the largest, so that foliage or a page of print ends soon.

    Args:
        ink: (h, w) float32 in [0, 1]; 1 is ink. Not modified.

    Returns:
        The lines from top to bottom, each of at least one digit, left to right.
    """
    labels, marks = _marks(ink)
    if not len(marks.label):
        return []
    scale_px = _scale_px(marks)
    marks = _strokes(marks, scale_px)
    groups = [marks.where(members) for members in _joined(marks, scale_px)]
    digits = [group for group in groups if _is_digit_sized(_box(group), scale_px)]
    boxes = [_box(group) for group in digits]
    return [
        [_segment(ink, labels, digits[index], boxes[index]) for index in line]
        for line in _lines(boxes)
    ]


def _marks(ink: Ink) -> tuple[NDArray[np.int32], _Marks]:
    """Connected strokes that are dark enough somewhere, and do not belong to the page's rim."""
    num_labels, found, table, _ = cv2.connectedComponentsWithStats(
        (ink > _WEAK).astype(np.uint8), connectivity=8, ltype=cv2.CV_32S
    )
    labels, stats = np.asarray(found, np.int32), np.asarray(table, np.int64)
    is_strong = np.bincount(labels[ink > _STRONG], minlength=num_labels) > 0
    border = np.concatenate([labels[0], labels[-1], labels[1:-1, 0], labels[1:-1, -1]])
    contact_px = np.bincount(border, minlength=num_labels)
    extent_px = np.maximum(stats[:, cv2.CC_STAT_WIDTH], stats[:, cv2.CC_STAT_HEIGHT])
    is_rim = contact_px > 0.4 * extent_px
    area = stats[:, cv2.CC_STAT_AREA]
    chosen = np.flatnonzero(is_strong & ~is_rim & (area >= _MIN_MARK_PX))
    chosen = chosen[chosen > 0]  # label 0 is the paper
    if len(chosen) > _MAX_MARKS:
        chosen = np.sort(chosen[np.argsort(area[chosen])[-_MAX_MARKS:]])
    left, top = stats[chosen, cv2.CC_STAT_LEFT], stats[chosen, cv2.CC_STAT_TOP]
    return labels, _Marks(
        left,
        top,
        left + stats[chosen, cv2.CC_STAT_WIDTH],
        top + stats[chosen, cv2.CC_STAT_HEIGHT],
        area[chosen],
        chosen,
    )


def _scale_px(marks: _Marks) -> float:
    """The typical height of a mark, each counted by its height, frames not at all."""
    heights = marks.where(~_is_frame(marks)).height
    heights = np.sort(heights if len(heights) else marks.height)
    weight = np.cumsum(heights)
    return float(heights[np.searchsorted(weight, weight[-1] / 2)])


def _is_frame(marks: _Marks) -> NDArray[np.bool_]:
    """Whether a mark surrounds at least two others, and is mostly empty."""
    middle_x, middle_y = (marks.left + marks.right) / 2, (marks.top + marks.bottom) / 2
    is_inside = (
        (middle_x > marks.left[:, None])
        & (middle_x < marks.right[:, None])
        & (middle_y > marks.top[:, None])
        & (middle_y < marks.bottom[:, None])
        & (marks.height > marks.height[:, None] / 8)
    )  # (frame, other); a mark is inside itself
    is_empty = marks.area < 0.3 * marks.width * marks.height
    return np.asarray(is_empty & (is_inside.sum(axis=1) > 2))


def _strokes(marks: _Marks, scale_px: float) -> _Marks:
    """Leave out specks, frames, and what is far too large to be part of a digit."""
    largest = np.maximum(marks.height, marks.width)
    is_large = marks.height > _LARGEST_DIGIT * scale_px
    is_long = (marks.width > _LARGEST_DIGIT * scale_px) & (marks.height < 0.3 * scale_px)
    return marks.where((largest >= _SPECK * scale_px) & ~is_large & ~is_long & ~_is_frame(marks))


def _joined(marks: _Marks, scale_px: float) -> list[NDArray[np.int64]]:
    """Indices of the strokes that belong together, a group each."""
    num_marks = len(marks.label)
    if num_marks == 0:
        return []
    left = np.maximum(marks.left[:, None], marks.left)
    right = np.minimum(marks.right[:, None], marks.right)
    top = np.maximum(marks.top[:, None], marks.top)
    bottom = np.minimum(marks.bottom[:, None], marks.bottom)
    across, down = right - left, bottom - top  # of the overlap; a gap where negative
    narrower = np.minimum(marks.width[:, None], marks.width)
    lower = np.minimum(marks.height[:, None], marks.height)
    joined_height = np.maximum(marks.bottom[:, None], marks.bottom) - np.minimum(
        marks.top[:, None], marks.top
    )
    has_part = lower < _PART * scale_px
    is_above = (across >= 0.4 * narrower) & (down >= -_NEAR * scale_px) & has_part
    is_beside = (across >= -_BESIDE * scale_px) & (down >= 0.5 * lower) & (lower < _BAR * scale_px)
    smaller_box = np.minimum((marks.width * marks.height)[:, None], marks.width * marks.height)
    is_within = (across > 0) & (down > 0) & (across * down >= 0.5 * smaller_box)
    belongs = (is_above | is_beside | is_within) & (joined_height <= _MAX_JOINED * scale_px)
    return _groups(belongs)


def _groups(belongs: NDArray[np.bool_]) -> list[NDArray[np.int64]]:
    """The connected parts of a symmetric relation."""
    parent = list(range(len(belongs)))

    def root(index: int) -> int:
        while parent[index] != index:
            parent[index] = parent[parent[index]]
            index = parent[index]
        return index

    for first, second in np.argwhere(np.triu(belongs, 1)).tolist():
        parent[root(first)] = root(second)
    roots = np.array([root(index) for index in range(len(belongs))])
    return [np.flatnonzero(roots == each) for each in np.unique(roots)]


def _box(marks: _Marks) -> Box:
    x, y = int(marks.left.min()), int(marks.top.min())
    return Box(x, y, int(marks.right.max()) - x, int(marks.bottom.max()) - y)


def _is_digit_sized(box: Box, scale_px: float) -> bool:
    return (
        _SMALLEST_DIGIT * scale_px <= box.height <= _LARGEST_DIGIT * scale_px
        and box.width <= _WIDEST_DIGIT * box.height
    )


def _lines(boxes: list[Box]) -> list[list[int]]:
    """Indices of the boxes in reading order."""
    if not boxes:
        return []
    x, y, width, height = np.array(boxes, np.float64).T  # (digits,) each
    middle_x, middle_y = x + width / 2, y + height / 2
    level = middle_y - _slope(middle_x, middle_y, height) * middle_x
    lines: list[list[int]] = []
    tail_level, tail_height = np.zeros(len(boxes)), np.zeros(len(boxes))  # of each line's end
    for index in np.argsort(middle_x, kind="stable").tolist():
        higher = np.maximum(height[index], tail_height[: len(lines)])
        distance = np.abs(level[index] - tail_level[: len(lines)]) / higher
        line = int(distance.argmin()) if lines else 0
        if lines and distance[line] < _SAME_LINE:
            lines[line].append(index)
            tail_level[line] += (level[index] - tail_level[line]) / 2
            tail_height[line] += (height[index] - tail_height[line]) / 2
        else:
            tail_level[len(lines)], tail_height[len(lines)] = level[index], height[index]
            lines.append([index])
    return sorted(lines, key=lambda line: float(np.mean(level[line])))


def _slope(x: NDArray[np.float64], y: NDArray[np.float64], height: NDArray[np.float64]) -> float:
    """How far lines fall per pixel to the right: the median of each digit's nearest neighbour."""
    across, down = x - x[:, None], y - y[:, None]  # (digit, other)
    is_neighbour = (across > 0) & (np.abs(down) < 0.6 * height[:, None])
    is_neighbour &= across < 4 * height[:, None]
    nearest = np.where(is_neighbour, across, np.inf).argmin(axis=1)
    has_one = is_neighbour.any(axis=1)
    if has_one.sum() < 3:
        return 0.0
    rows = np.flatnonzero(has_one)
    return float(np.median(down[rows, nearest[rows]] / across[rows, nearest[rows]]))


def _segment(ink: Ink, labels: NDArray[np.int32], marks: _Marks, box: Box) -> Segment:
    """Cut out a digit with its soft edges, without its neighbours, at full strength."""
    top, left = max(0, box.y - 1), max(0, box.x - 1)
    bottom, right = min(ink.shape[0], box.bottom + 1), min(ink.shape[1], box.right + 1)
    crop_labels = labels[top:bottom, left:right]
    own = np.isin(crop_labels, marks.label)
    edge = cv2.dilate(own.view(np.uint8), np.ones((3, 3), np.uint8)).astype(bool)
    crop = np.where(own | (edge & (crop_labels == 0)), ink[top:bottom, left:right], 0)
    strokes = np.sort(crop[own])
    strength = strokes[int(0.9 * len(strokes))]
    full = np.minimum(crop / strength, 1).astype(np.float32)
    return Segment(Box(left, top, right - left, bottom - top), full)
