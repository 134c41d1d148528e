"""What the digits of a page are worth beside each other, whatever each is by itself.

Among letters, nothing is a digit; a 1 between others may be a slash, and a 0 the ring of a %.
"""

import math
import statistics
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from inkdigits.reading import Box, Digit, Status
from inkdigits.signs import date_slashes

SURE = 0.9
"""The confidence from which a digit counts as sure where the dial, which may be set, has no say."""

# What is a letter so probably is no digit: to lose a digit costs more than to review a letter.
_LETTER = 0.8
# What is a letter so probably is not ok, unless its line is a number.
_MAYBE = 0.05
# So many digits or more, all of them sure, are a number.
_NUMBER = 3
# A 0 is a ring if its one side is so much of the other.
_ROUND = 0.92
# A 0 or a 1 may be a sign if it is lower or higher than so much of the median; small 0s are common.
_USUAL = {"0": (0.5, 1.8), "1": (0.65, 1.8)}
# A 1 may be a slash if it reaches so far above and below the digits on both sides, in heights of
# these, and stands so near to them.
_BEYOND = 0.08
_NEAR = 1.0
# Two 1s that make a date of their word may be slashes if each is so wide, in its own heights.
_LEANING = 0.3
# A 0 may be an o if it is so near, in its heights, to what is no digit and so many times as high.
_BESIDE = 0.5
_HIGHER = 1.15
# What lies above or below a digit may be a piece of it if it is so near and reaches so far into it,
# in heights of it, lies so much over it, in the narrower of both, and is so high and wide, in its.
_ABOVE, _INTO, _OVER = 0.4, 0.25, 0.5
_LEAST, _WIDEST = 0.2, 1.6
# ... unless it is a letter: so near, in heights of the digit, is the next.
_ROW = 1.0
# It may be any photograph if so many marks are no digits, and so many for each that may be one.
_NONE = 4
_PER_DIGIT = 2


def in_company(
    lines: Sequence[Sequence[Digit]],
    letters: Sequence[NDArray[np.float64]],
    *,
    usual: Sequence[Sequence[Digit]] | None = None,
    is_crowded: bool = False,
    are_digits: bool = False,
) -> list[list[Digit]]:
    """Judge digits by what stands beside them.

    What is almost certainly a letter or a sign is no digit, and what may well be one is for review,
    but for a line of three digits or more, all of them sure. For review is as well

    - a 1 that may be a slash: it reaches beyond its neighbours, or leans and makes a date of them;
    - a 0 that is lower than what stands before it and is no digit, as in No. 12;
    - a digit above or below which lies what is none, and may be a piece of it;
    - a 0 or 1 far lower or higher than most, as the rings of a % are, or the one of a cup;
    - a 1 or a round 0 where nothing else is sure on the page: bars are in fences, rulings and
      bricks, and rings in bullets, cells and wheels.

    On a crowded page, no line is a number for being sure, and nothing is for review: there, what is
    not sure is no digit. Nor is it where nothing is sure and most marks are no digits, as in the
    photograph of a cat. What is sure there does not depend on the dial: a stricter one has more
    digits reviewed, but none of them left out.

    Args:
        lines: the digits of a page, each judged by itself.
        letters: of each line, (n,) from 0 to 1, how probably each is a letter, or a sign.
        usual: the same digits, judged as sure from ``SURE`` on; None where ``lines`` are so judged.
        is_crowded: the page holds far more marks than a page of digits.
        are_digits: somebody says that these are digits, so no 1 is doubted.

    Returns:
        The same, some with a worse status.
    """
    seen = _beside(lines, letters, is_crowded, are_digits)
    told = seen if usual is None else _beside(usual, letters, is_crowded, are_digits)
    is_photograph = not are_digits and _is_nothing_sure(told) and _are_most_none(told)
    if not (is_crowded or is_photograph):
        return seen
    return [
        [
            replace(digit, status=Status.REJECT) if other.status is Status.REVIEW else digit
            for digit, other in zip(*pair, strict=True)
        ]
        for pair in zip(seen, told, strict=True)
    ]


def _beside(
    lines: Sequence[Sequence[Digit]],
    letters: Sequence[NDArray[np.float64]],
    is_crowded: bool,
    are_digits: bool,
) -> list[list[Digit]]:
    """Reject letters, and doubt what may be a letter, a sign or anything."""
    seen = [
        _among(line, of_line, not is_crowded and _is_number(line))
        for line, of_line in zip(lines, letters, strict=True)
    ]
    if are_digits:
        return seen
    seen = _doubt_broken(seen)
    seen = _doubt_signs([_doubt_os(_doubt_dates(_doubt_slashes(line))) for line in seen])
    if any(_is_sure(digit) and not _is_bar_or_ring(digit) for line in seen for digit in line):
        return seen
    return [
        [replace(digit, status=Status.REVIEW) if _is_sure(digit) else digit for digit in line]
        for line in seen
    ]


def _is_sure(digit: Digit) -> bool:
    return digit.status is Status.OK


def _is_nothing_sure(lines: list[list[Digit]]) -> bool:
    return not any(_is_sure(digit) for line in lines for digit in line)


def _are_most_none(lines: list[list[Digit]]) -> bool:
    statuses = [digit.status for line in lines for digit in line]
    num_none = statuses.count(Status.REJECT)
    return num_none >= max(_NONE, _PER_DIGIT * (len(statuses) - num_none))


def _among(line: Sequence[Digit], letters: NDArray[np.float64], is_number: bool) -> list[Digit]:
    beside = []
    for digit, letter in zip(line, letters.tolist(), strict=True):
        if letter > _LETTER and digit.status is not Status.BLANK:
            digit = replace(digit, status=Status.REJECT)
        elif letter > _MAYBE and digit.status is Status.OK and not is_number:
            digit = replace(digit, status=Status.REVIEW)
        beside.append(digit)
    return beside


def _is_number(line: Sequence[Digit]) -> bool:
    return len(line) >= _NUMBER and all(_is_sure(digit) for digit in line)


def _doubt_slashes(line: list[Digit]) -> list[Digit]:
    beside = list(line)
    kept = _from_left(line)
    for before, index, after in zip(kept, kept[1:], kept[2:], strict=False):
        digit, others = line[index], (line[before].box, line[after].box)
        is_sure_one = digit.value == "1" and digit.status is Status.OK
        if is_sure_one and all(_reaches_beyond(digit.box, other) for other in others):
            beside[index] = replace(digit, status=Status.REVIEW)
    return beside


def _doubt_os(line: list[Digit]) -> list[Digit]:
    """Doubt a 0 behind what is higher and no digit, as in No. 12."""
    beside = list(line)
    order = sorted(range(len(line)), key=lambda index: line[index].box.x)
    for before, index in pairwise(order):
        digit, other = line[index], line[before]
        is_near = digit.box.x - other.box.right < _BESIDE * digit.box.height
        is_higher = other.box.height > _HIGHER * digit.box.height
        is_sure_zero = digit.value == "0" and digit.status is Status.OK
        is_letter = other.status is Status.REJECT and other.value != "1"  # that may be a slash
        if is_sure_zero and is_near and is_higher and is_letter:
            beside[index] = replace(digit, status=Status.REVIEW)
    return beside


def _doubt_dates(line: list[Digit]) -> list[Digit]:
    """Doubt two leaning 1s that make a date of a word, such as 12/4/2026 or 3/11/26."""
    beside = list(line)
    kept = _from_left(line)
    values = [line[index].value for index in kept]
    boxes = [line[index].box for index in kept]
    for place in date_slashes(values, boxes, [_leans(box) for box in boxes]):
        digit = line[kept[place]]
        if digit.status is Status.OK:
            beside[kept[place]] = replace(digit, status=Status.REVIEW)
    return beside


def _doubt_broken(lines: list[list[Digit]]) -> list[list[Digit]]:
    """Doubt digits that may be broken: right above or below them lies one mark that is no digit."""
    boxes = [of.box for line in lines for of in line if of.status is Status.REJECT]
    if not boxes:
        return lines
    rejected = np.array(boxes).T  # of any line: a piece may make up one of its own
    return [
        [
            replace(digit, status=Status.REVIEW)
            if digit.status is Status.OK and _is_broken(digit.box, rejected)
            else digit
            for digit in line
        ]
        for line in lines
    ]


def _is_broken(of: Box, rejected: NDArray[np.int64]) -> bool:
    """Whether a piece of a digit may be among what was rejected, (4, n): a box each.

    It is no larger than what the digit may lack, and does not stand in a row with others that are
    not at the digit, as letters of a word do.
    """
    x, y, width, height = rejected
    right, bottom = x + width, y + height
    gap = np.maximum(y - of.bottom, of.y - bottom)
    overlap = np.minimum(right, of.right) - np.maximum(x, of.x)
    is_piece = (gap > -_INTO * of.height) & (gap < _ABOVE * of.height)
    is_piece &= overlap > _OVER * np.minimum(width, of.width)
    is_piece &= (height > _LEAST * of.height) & (width < _WIDEST * of.width)
    is_apart = (right <= of.x - of.width // 2) | (x >= of.right + of.width // 2)
    for index in np.flatnonzero(is_piece).tolist():
        is_level = np.minimum(bottom, bottom[index]) > np.maximum(y, y[index])
        is_near = np.maximum(x - right[index], x[index] - right) < _ROW * of.height
        if not (is_apart & is_level & is_near).any():
            return True
    return False


def _doubt_signs(lines: list[list[Digit]]) -> list[list[Digit]]:
    """Doubt 0s and 1s that are far lower or higher than most of what is sure on the page."""
    heights = [digit.box.height for line in lines for digit in line if digit.status is Status.OK]
    usual = statistics.median(heights or [0])

    def is_odd(digit: Digit) -> bool:
        low, high = _USUAL.get(digit.value, (0.0, math.inf))
        return digit.status is Status.OK and not low * usual <= digit.box.height <= high * usual

    return [
        [replace(digit, status=Status.REVIEW) if is_odd(digit) else digit for digit in line]
        for line in lines
    ]


def _is_bar_or_ring(digit: Digit) -> bool:
    narrower, wider = sorted((digit.box.width, digit.box.height))
    return digit.value == "1" or (digit.value == "0" and narrower > _ROUND * wider)


def _from_left(line: Sequence[Digit]) -> list[int]:
    """Which of a line were not rejected, from left to right."""
    kept = [index for index in range(len(line)) if line[index].status is not Status.REJECT]
    return sorted(kept, key=lambda index: line[index].box.x)


def _leans(box: Box) -> bool:
    return box.width >= _LEANING * box.height


def _reaches_beyond(box: Box, other: Box) -> bool:
    most = _BEYOND * other.height
    space = max(box.x - other.right, other.x - box.right)
    is_near = space < _NEAR * other.height
    return is_near and other.y - box.y > most and box.bottom - other.bottom > most
