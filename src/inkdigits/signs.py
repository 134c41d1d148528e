"""Which marks of a page may be parentheses or slashes: 1s that bow, lean, or reach too far.

A network that looks at one mark alone cannot tell; the glyphs beside it, and the dates that two
slashes would make of a word, can.
"""

import math
import statistics
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from inkdigits.clusters import Mark
from inkdigits.reading import Box

# A parenthesis bows so far, in its heights; nine 1s in ten are straighter by a third.
_BOW = 0.09
# What is fainter in a glyph is the edge of a stroke.
_INK = 0.3

# How far digits lean to the right, per pixel upwards: the mean of each in MNIST's training images.
_LEANS = {
    "0": 0.22, "1": 0.23, "2": 0.14, "3": 0.03, "4": 0.05,
    "5": 0.13, "6": 0.03, "7": 0.11, "8": 0.18, "9": -0.02,
}  # fmt: skip
# A slash leans so far, and so much further than the page's digits tell of its 1s. Of 100 1s beside
# five other digits of the same hand in MNIST, five do the latter.
_SLANTED = 0.4
_MORE = 0.27
# So many digits tell how a hand slants.
_NUM_OTHERS = 2
# A slash is so near to the digits that it parts, in its heights.
_NEAR = 1.0
# A long slash reaches so far beyond the digits beside it, in their heights; so it may be as steep
# as this, if it leans so much further than the page's own 1s.
_TALL = 0.12
_STEEPEST = 0.3
# Two that make a date of their word need lean no more than this, if they are so much higher than
# the digits beside them, in heights of these.
_UPRIGHT, _HIGHER = 0.1, 0.18
_UNLIKE = 0.2
# Several slashes of a page lean more than this, and so far apart from its 1s. Of 100 1s of a hand
# in MNIST, 8 to a page, four do so; of those between digits fewer.
_LEANING = 0.25
_APART = 0.15
# A word ends at a space wider than this, in heights.
_WORD = 1.0
# The highest numbers of a date, and how many digits its year has.
_DAYS, _MONTHS, _YEAR = 31, 12, (2, 4)


def as_signs(lines: Sequence[Sequence[Mark]], classes: str) -> list[NDArray[np.float64]]:
    """Which marks of a page may be parentheses or slashes, whatever a network thinks of them.

    Args:
        lines: marks.
        classes: one character a class.

    Returns:
        Of each line, (n,) 0.5 for each mark that may be one, and 1 for what surely is. Else 0.
    """
    slashes = as_slashes(lines, classes)
    enclosing = [np.array(in_parentheses(line, classes), np.float64) for line in lines]
    return [np.maximum(*of) for of in zip(slashes, (0.5 * row for row in enclosing), strict=True)]


def in_parentheses(line: Sequence[Mark], classes: str) -> list[bool]:
    """Which marks of a line may be a pair of parentheses: 1s that bow away from what they enclose.

    Args:
        line: marks.
        classes: one character a class.

    Returns:
        For each mark, whether it may be one of the pair.
    """
    order = sorted(range(len(line)), key=lambda index: line[index].box.x)
    is_one = [classes[mark.probabilities[:-1].argmax()] == "1" for mark in line]
    bows = [_bow(mark.glyph) if one else 0.0 for mark, one in zip(line, is_one, strict=True)]
    may_be = [False] * len(line)
    opened: int | None = None
    for place, index in enumerate(order):
        if bows[index] > _BOW:
            opened = place
        elif bows[index] < -_BOW and opened is not None and place > opened + 1:
            may_be[order[opened]] = may_be[index] = True
            opened = None
    return may_be


def as_slashes(lines: Sequence[Sequence[Mark]], classes: str) -> list[NDArray[np.float64]]:
    """Which marks of a page may be slashes, and which surely are: 1s between digits that lean.

    One that leans far more than the digits of the page do may be a slash, and so may each of two or
    more, between digits all, that lean apart from two other 1s or more, as in 7/10 and 9/10. It is
    one if it reaches beyond both ends of the digits beside it as well, and then need not lean more
    than a fast hand's 1s, where the page has other 1s to show that they stand otherwise, or two
    make a date of their word, as 12/4/2026. So are two that do, and lean far more or are far
    higher than the digits beside them, if one of them reaches beyond an end.

    Args:
        lines: marks.
        classes: one character a class.

    Returns:
        Of each line, (n,) 0.5 for each mark that may be one, and 1 for what surely is. Else 0.
    """
    rows = [_from_left(line, classes) for line in lines]
    marks = [mark for row in rows for mark in row]
    others = [mark.lean - _LEANS.get(mark.value, 0.0) for mark in marks if mark.value != "1"]
    found = [np.zeros(len(line)) for line in lines]
    if len(others) < _NUM_OTHERS:
        return found
    may_be = max(_SLANTED, statistics.median(others) + _LEANS["1"] + _MORE)
    ones = [mark.lean for mark in marks if mark.value == "1" and not mark.is_long]
    surely = statistics.median(ones) + _UNLIKE if ones else may_be
    apart = _leaning_apart(marks)
    for of, row in zip(found, rows, strict=True):
        for mark in row:
            if mark.is_between and (mark.lean > may_be or mark.lean >= apart):
                of[mark.number] = 0.5
            if mark.lean > surely and mark.is_long:
                of[mark.number] = 1.0
        leaning = [bool(of[mark.number] > 0) or mark.is_long or mark.is_tall for mark in row]
        boxes = [mark.box for mark in row]
        places = date_slashes([mark.value for mark in row], boxes, leaning)
        for pair in zip(places[::2], places[1::2], strict=True):
            if any(max(row[place].beyond) > _TALL for place in pair):
                of[[row[place].number for place in pair]] = 1.0
    return found


def _leaning_apart(marks: Sequence["_Leaning"]) -> float:
    """The least lean of the page's 1s that may be slashes since they lean apart from its others."""
    ones = sorted((mark.lean, mark.is_between) for mark in marks if mark.value == "1")
    for at in range(2, len(ones) - 1):
        lean = ones[at][0]
        is_apart = lean > _LEANING and lean - ones[at - 1][0] > _APART
        if is_apart and all(is_between for _, is_between in ones[at:]):
            return lean
    return math.inf


def date_slashes(values: Sequence[str], boxes: Sequence[Box], leans: Sequence[bool]) -> list[int]:
    """Where the slashes of dates would stand in a line.

    Args:
        values: a digit each, from left to right.
        boxes: of the same.
        leans: which of them lean as a slash does.

    Returns:
        Places in the line, two a date.
    """
    words: list[list[int]] = []
    for place, box in enumerate(boxes):
        near = boxes[place - 1] if place else None
        if near is None or box.x - near.right > _WORD * max(box.height, near.height):
            words.append([])
        words[-1].append(place)
    return [
        word[at]
        for word in words
        for at in _in_date([values[k] for k in word], [leans[k] for k in word])
    ]


def _in_date(values: Sequence[str], leans: Sequence[bool]) -> tuple[int, ...]:
    """Where the slashes of a date would stand; nowhere if the word is none."""
    word = "".join(values)
    for first, second in ((1, 3), (1, 4), (2, 4), (2, 5)):
        parts = word[:first], word[first + 1 : second]
        if (
            len(word) - second - 1 in _YEAR
            and all(word[at] == "1" and leans[at] for at in (first, second))
            and all(part.isdecimal() and 1 <= int(part) <= _DAYS for part in parts)
            and min(map(int, parts)) <= _MONTHS
        ):
            return first, second
    return ()


class _Leaning(NamedTuple):
    """A mark that is some digit, in its line.

    Attributes:
        number: of it among the line's marks.
        value: the digit that it most looks like.
        box: of it.
        lean: how far it goes to the right, per pixel upwards.
        is_between: it is a 1, and near digits on both sides.
        beyond: how far it reaches, above and below, beyond both of these, in their heights; 0 of
            what is not between digits.
    """

    number: int
    value: str
    box: Box
    lean: float
    is_between: bool
    beyond: tuple[float, float]

    @property
    def is_tall(self) -> bool:
        """Whether it leans at all, and is as high as a slash."""
        above, below = self.beyond
        return self.lean > _UPRIGHT and min(above, below) >= 0 and above + below > _HIGHER

    @property
    def is_long(self) -> bool:
        """Whether it leans as most slashes do, and reaches beyond at both ends."""
        return self.lean > _STEEPEST and min(self.beyond) > _TALL


def _from_left(line: Sequence[Mark], classes: str) -> list[_Leaning]:
    """What of a line is not known for no digit, from left to right."""
    kept = [index for index in range(len(line)) if not line[index].is_none]
    kept.sort(key=lambda index: line[index].box.x)
    row = []
    for place, index in enumerate(kept):
        mark, box = line[index], line[index].box
        value = classes[mark.probabilities[:-1].argmax()]
        beside = [line[at].box for at in (*kept[max(0, place - 1) : place], *kept[place + 1 :][:1])]
        space = max((max(box.x - of.right, of.x - box.right) for of in beside), default=0)
        is_between = value == "1" and len(beside) == 2 and space < _NEAR * box.height
        beyond = (
            (
                min((of.y - box.y) / of.height for of in beside),
                min((box.bottom - of.bottom) / of.height for of in beside),
            )
            if is_between
            else (0.0, 0.0)
        )
        row.append(_Leaning(index, value, box, _lean(mark.glyph), is_between, beyond))
    return row


def _lean(glyph: NDArray[np.float32]) -> float:
    """How far a glyph's strokes go to the right, per pixel upwards; 0 of a flat one."""
    rows, middle = _middles(glyph)
    if len(rows) < 3:
        return 0.0
    up = rows.mean() - rows
    return float(up @ middle / (up @ up))


def _bow(glyph: NDArray[np.float32]) -> float:
    """How far a stroke's ends lie to the right of a parabola's middle, in heights; 0 if broken."""
    rows, middle = _middles(glyph)
    if len(rows) < 3 or len(rows) != rows[-1] + 1 - rows[0]:
        return 0.0
    square = np.linspace(-1.0, 1.0, len(rows)) ** 2
    square -= square.mean()
    return float(square @ middle / (square @ square) / len(rows))


def _middles(glyph: NDArray[np.float32]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The rows of a glyph that have ink, (n,), and the middle of the ink in each."""
    ink = np.where(glyph > _INK, glyph, 0).astype(np.float64)
    weight = ink.sum(axis=1)
    rows = np.flatnonzero(weight)
    return rows, ink[rows] @ np.arange(ink.shape[1]) / weight[rows]
