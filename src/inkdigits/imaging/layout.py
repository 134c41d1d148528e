"""Where boxes stand on a page: its separators, how its lines tilt, its columns, reading order."""

import numpy as np
from numpy.typing import NDArray

from inkdigits.imaging.ranks import median
from inkdigits.reading import Box

_SAME_LINE = 0.5  # the middles of a line's neighbours differ by less, in their heights
_MAX_SLOPE = 0.6

# Columns: a strip without ink that is wide, in typical heights, beside enough lines. Where the
# lines on both sides stand level, they are one table or one row of groups, unless it is very wide.
_COLUMN_GAP, _LEVEL_COLUMN_GAP = 2.5, 6.0
_MIN_COLUMN_LINES = 3
_LEVEL = 0.35
_MOSTLY_LEVEL = 0.7

# Commas and apostrophes, in heights of the digits beside them.
_LOWER = 0.55  # no separator is as high, or as wide
_BESIDE, _OVERLAP = 0.6, 0.15  # so far it stands from a digit, and so far it may reach under it
_AT_FOOT, _BELOW, _UNDER = 0.6, 0.05, 0.25  # from where a comma starts; beyond where it ends; ...
_OVER, _AT_HEAD = 0.35, 0.5  # an apostrophe starts so far above at most, and ends above this
_APART = 0.08  # an apostrophe is no flag of a 1, which is nearer
_LIKE, _WITH = 1.6, 0.6  # in its own heights: what is no smaller or larger, and no farther

Values = NDArray[np.float64]


def reading_order(boxes: list[Box]) -> list[list[int]]:
    """Put boxes into lines.

    Columns are read one after another, each from top to bottom.

    Args:
        boxes: one for each digit, or what may be one.

    Returns:
        Indices of the boxes: the lines in reading order, each from left to right.
    """
    if not boxes:
        return []
    x, y, width, height = np.array(boxes, np.float64).T  # (n,) each
    middle_x, middle_y = x + width / 2, y + height / 2
    slope = _slope(middle_x, middle_y, height)
    level = middle_y - slope * middle_x
    lines: list[list[int]] = []
    for column in _columns(x, x + width, level, height):
        found = _lines(level[column], middle_x[column], height[column])
        lines += [[int(column[index]) for index in line] for line in found]
    return lines


def separators(boxes: list[Box]) -> list[bool]:
    """Which boxes are commas, or apostrophes between digits, as in 1,250 and 1'250.

    A comma is far lower than the digit before it, starts at its foot and hangs below it. An
    apostrophe is as far lower than the digits on both sides, and stays at their heads. Nothing of
    their own size stands beside them, as it does in small figures beside large ones.

    Args:
        boxes: one for each digit, or what may be one.
    """
    if not boxes:
        return []
    x, y, width, height = np.array(boxes, np.float64).T  # (n,) each
    right, bottom, middle = x + width, y + height, y + height / 2
    found = np.zeros(len(boxes), bool)
    for index in np.flatnonzero(np.maximum(height, width) < _LOWER * height.max()).tolist():
        is_digit = max(height[index], width[index]) < _LOWER * height
        after, before = (x[index] - right) / height, (x - right[index]) / height
        is_before = is_digit & (after > -_OVERLAP) & (after < _BESIDE) & (x < x[index])
        start, end = (y[index] - y) / height, (bottom[index] - bottom) / height
        is_comma = is_before & (start > _AT_FOOT) & (start < 1 + _UNDER) & (end > _BELOW)
        is_at_head = is_digit & (start > -_OVER) & (bottom[index] - y < _AT_HEAD * height)
        is_apostrophe = (is_at_head & is_before & (after > _APART)).any() and (
            is_at_head & (before > _APART) & (before < _BESIDE)
        ).any()
        if not (is_comma.any() or is_apostrophe):
            continue
        is_like = (height < _LIKE * height[index]) & (height[index] < _LIKE * height)
        is_like &= np.abs(middle - middle[index]) < height[index]
        is_like &= np.maximum(x - right[index], x[index] - right) < _WITH * height[index]
        found[index] = is_like.sum() == 1  # itself
    return [bool(of) for of in found]


def one_line(boxes: list[Box]) -> list[list[int]]:
    """All boxes as one line, from left to right."""
    order = sorted(range(len(boxes)), key=lambda index: 2 * boxes[index].x + boxes[index].width)
    return [order] if order else []


def _lines(level: Values, middle_x: Values, height: Values) -> list[list[int]]:
    lines: list[list[int]] = []
    tail_level, tail_height = np.zeros(len(level)), np.zeros(len(level))  # of each line's end
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


def _slope(x: Values, y: Values, height: Values) -> float:
    """How far lines fall per pixel to the right: the median of each digit's nearest neighbour.

    It is 0 if more digits stand level so: some figures of a hand may stand higher than others.
    """
    across, down = x - x[:, None], y - y[:, None]  # (digit, other)
    is_beside = (across > 0) & (across < 4 * height[:, None])
    is_neighbour = is_beside & (np.abs(down) < _MAX_SLOPE * height[:, None])
    nearest = np.where(is_neighbour, across, np.inf).argmin(axis=1)
    has_one = is_neighbour.any(axis=1)
    if has_one.sum() < 3:
        return 0.0
    rows = np.flatnonzero(has_one)
    slope = median(down[rows, nearest[rows]] / across[rows, nearest[rows]])
    within = _LEVEL * height[:, None]
    num_level = [
        np.count_nonzero(is_beside & (np.abs(down - of * across) < within)) for of in (slope, 0.0)
    ]
    return slope if num_level[0] >= num_level[1] else 0.0


def _columns(left: Values, right: Values, level: Values, height: Values) -> list[NDArray[np.int64]]:
    """Indices of the boxes of each column, from left to right."""
    everything = np.arange(len(left))
    typical = median(height)
    order = np.argsort(left, kind="stable")
    reach = np.maximum.accumulate(right[order])
    gap = left[order][1:] - reach[:-1]
    cuts = np.flatnonzero(gap > _COLUMN_GAP * typical)
    if len(cuts) == 0:
        return [everything]
    columns = np.split(order, cuts + 1)
    kept = [columns[0]]
    for column, width in zip(columns[1:], gap[cuts].tolist(), strict=True):
        is_wide = width > _LEVEL_COLUMN_GAP * typical
        if _are_columns(level, height, kept[-1], column, is_wide=is_wide):
            kept.append(column)
        else:
            kept[-1] = np.concatenate([kept[-1], column])
    return [np.sort(column) for column in kept]


def _are_columns(
    level: Values,
    height: Values,
    one: NDArray[np.int64],
    other: NDArray[np.int64],
    *,
    is_wide: bool,
) -> bool:
    levels = [_distinct(level[side], height[side]) for side in (one, other)]
    if min(map(len, levels)) < _MIN_COLUMN_LINES:
        return False
    fewer, more = sorted(levels, key=len)
    distance = np.abs(fewer[:, None] - more).min(axis=1)
    is_level = float(np.mean(distance < _LEVEL * median(height))) >= _MOSTLY_LEVEL
    return is_wide or not is_level


def _distinct(level: Values, height: Values) -> Values:
    """The levels of the lines that these boxes make up, roughly."""
    ordered = np.sort(level)
    starts = np.flatnonzero(np.diff(ordered, prepend=-np.inf) > _SAME_LINE * median(height))
    return np.array([part.mean() for part in np.split(ordered, starts[1:])])
