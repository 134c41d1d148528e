"""Digits from ink: connected strokes, put together to digits, and digits to lines.

Everything is measured against one scale, the height of a typical mark, so that digits of 8 and
of 800 pixels are found alike. All coordinates are pixels of the ink.

``find_lines`` decides by geometry alone. ``find_atoms`` only proposes: it takes a line apart
into more pieces than it has digits, and gives every run of pieces that could be one.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from inkdigits.imaging.atoms import (
    LARGEST_DIGIT,
    WIDEST_DIGIT,
    LineAtoms,
    Segment,
    cut_out,
    cut_up,
    is_digit_sized,
)
from inkdigits.imaging.ink import Ink
from inkdigits.imaging.layout import one_line, reading_order, separators
from inkdigits.imaging.marks import (
    MAX_MARKS,
    Labels,
    Marks,
    find_marks,
    groups,
    is_frame,
    stroke_px,
    typical_height_px,
)
from inkdigits.imaging.rows import without_touching_rows

# Sizes below are shares of the typical mark height.
_SPECK = 0.22  # smaller in both directions is no stroke of a digit
_PART = 0.6  # less high is perhaps part of a digit
_BAR = 0.3  # less high is perhaps the bar of a 5
_LONG = 3.0  # what is longer than that, and flat, is a line
_NEAR = 0.25  # strokes of one digit are at most this far apart, downwards
_BESIDE = 0.12  # ... and sideways
_MAX_JOINED = 1.7  # strokes that make up something higher are of two digits
_WIDEST_WORD = 30.0  # in its own heights; a word is digits that touch
_STRAY = 0.35  # a small mark this near to a digit may be part of it


class Finding(NamedTuple):
    """What was found on a page.

    Attributes:
        lines: in reading order, each of at least one atom.
        note: why something was left out; empty if nothing was.
    """

    lines: list[LineAtoms]
    note: str


def find_lines(ink: Ink, *, is_one_line: bool = False) -> list[list[Segment]]:
    """Find the digits of a page by geometry alone.

    At most 3,000 marks are looked at, the largest, so that foliage or a page of print ends soon.

    Args:
        ink: (h, w) float32 in [0, 1]; 1 is ink, of which nothing is printed. Not modified.
        is_one_line: the page holds one line, whatever it looks like.

    Returns:
        The lines from top to bottom, each of at least one digit, left to right.
    """
    labels, marks, _ = _marks(ink, stroke_px(ink), is_one_line)
    digits, _ = _digits(marks, WIDEST_DIGIT)
    boxes = [digit.box() for digit in digits]
    lines = one_line(boxes) if is_one_line else reading_order(boxes)
    number = np.zeros(int(labels.max()) + 1, np.int32)
    for index, digit in enumerate(digits):
        number[digit.label] = index + 1
    labels = number[labels]
    return [
        [cut_out(ink, labels, boxes[index], index + 1, index + 1) for index in line]
        for line in lines
    ]


def find_atoms(ink: Ink, *, is_one_line: bool = False) -> Finding:
    """Find the lines of a page, each taken apart into pieces of digits.

    Args:
        ink: (h, w) float32 in [0, 1]; 1 is ink, of which nothing is printed. Not modified.
        is_one_line: the page holds one line, whatever it looks like.

    Returns:
        The lines, and a note if there was too much to look at.
    """
    wide_px = stroke_px(ink)
    labels, marks, num_marks = _marks(ink, wide_px, is_one_line)
    digits, rest = _digits(marks, _WIDEST_WORD)
    boxes = [digit.box() for digit in digits]
    lines = one_line(boxes) if is_one_line else reading_order(boxes)
    members = _with_strays([_together([digits[index] for index in line]) for line in lines], rest)
    first_label = int(labels.max()) + 1
    found = []
    for line in members:
        atoms = cut_up(ink, labels, line, wide_px, first_label, is_cut=num_marks <= MAX_MARKS)
        first_label += len(atoms.boxes)
        found.append(atoms)
    note = ""
    if num_marks > MAX_MARKS:
        note = f"too many marks: {num_marks:,}, of which the {MAX_MARKS:,} largest were looked at"
    return Finding(found, note)


def _marks(ink: Ink, wide_px: float, is_one_line: bool) -> tuple[Labels, Marks, int]:
    """As ``find_marks``, those of several rows parted: not on a crowded page, nor in one line."""
    labels, marks, num_marks = find_marks(ink)
    if not is_one_line and num_marks <= MAX_MARKS:
        labels, marks = without_touching_rows(ink, labels, marks, wide_px)
    return labels, marks, num_marks


def _digits(marks: Marks, widest: float) -> tuple[list[Marks], Marks]:
    """The strokes of each digit, as geometry has it; and the marks that are in none.

    Commas and apostrophes are in neither.
    """
    if not len(marks.label):
        return [], marks
    scale_px = typical_height_px(marks)
    marks = _strokes(marks, scale_px)
    found = [marks.where(members) for members in _joined(marks, scale_px)]
    digits = [group for group in found if is_digit_sized(group.box(), scale_px, widest)]
    used = [digit.label for digit in digits]
    rest = marks.where(~np.isin(marks.label, np.concatenate(used))) if used else marks
    signs = separators([digit.box() for digit in digits])
    return [digit for digit, is_sign in zip(digits, signs, strict=True) if not is_sign], rest


def _strokes(marks: Marks, scale_px: float) -> Marks:
    """Leave out specks, frames, and what is far too large to be part of a digit."""
    largest = np.maximum(marks.height, marks.width)
    is_large = marks.height > LARGEST_DIGIT * scale_px
    is_long = (marks.width > _LONG * scale_px) & (marks.height < 0.3 * scale_px)
    return marks.where((largest >= _SPECK * scale_px) & ~is_large & ~is_long & ~is_frame(marks))


def _joined(marks: Marks, scale_px: float) -> list[NDArray[np.int64]]:
    """Indices of the strokes that belong together, a group each."""
    if len(marks.label) == 0:
        return []
    # Every pair of thousands: halves of the memory matter.
    x0, y0, x1, y1 = (column.astype(np.float32) for column in marks[:4])
    width, height = x1 - x0, y1 - y0
    across = np.minimum(x1[:, None], x1) - np.maximum(x0[:, None], x0)  # a gap where negative
    down = np.minimum(y1[:, None], y1) - np.maximum(y0[:, None], y0)
    narrower, lower = np.minimum(width[:, None], width), np.minimum(height[:, None], height)
    joined_height = np.maximum(y1[:, None], y1) - np.minimum(y0[:, None], y0)
    has_part = lower < _PART * scale_px
    is_above = (across >= 0.4 * narrower) & (down >= -_NEAR * scale_px) & has_part
    is_beside = (across >= -_BESIDE * scale_px) & (down >= 0.5 * lower) & (lower < _BAR * scale_px)
    smaller_box = np.minimum((width * height)[:, None], width * height)
    is_within = (across > 0) & (down > 0) & (across * down >= 0.5 * smaller_box)
    belongs = (is_above | is_beside | is_within) & (joined_height <= _MAX_JOINED * scale_px)
    is_tall = height >= _PART * scale_px
    return [
        part
        for members in groups(belongs)
        for part in _by_row(marks, members, belongs, is_tall, _MAX_JOINED * scale_px)
    ]


def _by_row(
    marks: Marks,
    members: NDArray[np.int64],
    belongs: NDArray[np.bool_],
    is_tall: NDArray[np.bool_],
    most_px: float,
) -> list[NDArray[np.int64]]:
    """Part what specks have chained together across rows, as what is left of a table's lines does.

    Each small mark goes to the tall one that it is nearest to, downwards.
    """
    top, bottom = marks.top[members], marks.bottom[members]
    tall = members[is_tall[members]]
    if bottom.max() - top.min() <= most_px or len(tall) < 2:
        return [members]
    rows = [tall[part] for part in groups(belongs[np.ix_(tall, tall)])]
    upper = np.array([marks.top[row].min() for row in rows])
    lower = np.array([marks.bottom[row].max() for row in rows])
    small = members[~is_tall[members]]
    gap = np.maximum(marks.top[small][:, None] - lower, upper - marks.bottom[small][:, None])
    nearest = gap.argmin(axis=1)
    return [np.concatenate([row, small[nearest == index]]) for index, row in enumerate(rows)]


def _with_strays(lines: list[Marks], rest: Marks) -> list[Marks]:
    """The marks of each line, and those beside them that no digit has; each on one line only."""
    if not lines or not len(rest.label):
        return lines
    distance = np.empty((len(lines), len(rest.label)))  # in reaches of the line
    for row, marks in enumerate(lines):
        left = np.maximum(rest.left[:, None], marks.left)
        right = np.minimum(rest.right[:, None], marks.right)
        top = np.maximum(rest.top[:, None], marks.top)
        bottom = np.minimum(rest.bottom[:, None], marks.bottom)
        apart = np.maximum(left - right, 2 * (top - bottom)).min(axis=1)
        distance[row] = apart / (_STRAY * typical_height_px(marks))
    nearest = np.where(distance.min(axis=0) < 1, distance.argmin(axis=0), -1)
    return [_together([marks, rest.where(nearest == row)]) for row, marks in enumerate(lines)]


def _together(parts: list[Marks]) -> Marks:
    return Marks(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))
