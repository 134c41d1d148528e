"""What the neighbours of a mark say of it: among letters, an o is no 0.

Letters look like digits often enough (o, l, s), whatever a network thinks of each by itself. But
they stand in words, and digits in numbers. So a line is taken to go on as it is, in letters or in
digits, and the sooner to change the wider a space is; and what all its marks and the other lines
look like tells which: a hidden Markov model of two states.

Source: Rabiner 1989, "A tutorial on hidden Markov models", the forward and backward procedure.
"""

import statistics
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from inkdigits.clusters import Mark
from inkdigits.decide import date_slashes
from inkdigits.reading import Box

# How much more often a mark looks like that among letters than among digits: no digit, one of those
# that letters look like, and any other. Counted in 1,500 letters, of eight people and of print,
# and 5,000 drawn digits; but that one digit in twenty looks like none is assumed: drawn ones do so
# less often, and signs stand among real ones.
_NONE, _OTHER = 13.0, 0.05
_ALIKE = {"0": 0.6, "1": 0.6, "5": 0.4}  # o, l, s
_NONE_OR_TOUCHING = 5.0  # no digit, where it may yet be several
_UNSURE, _UNKNOWN = 2.0, 1.0
_SURELY_NONE = 0.5  # of probability: from here on, it looks like no digit
_SMALL = 0.5  # in heights: what is lower and no digit may be a comma or a dash; it tells nothing

_LEAST, _MOST = 0.1, 0.6  # how probably it is open what follows: by the space between, in heights
_PRIOR = 8.0  # so many marks more are as usual
_USUAL = 0.05  # share of letters on a page of which nothing is known
_ROUNDS = 4

_BOW = 0.09  # of a parenthesis, in its heights; nine 1s in ten are straighter by a third
_INK = 0.3  # of a glyph: what is fainter is the edge of a stroke

# How far digits lean to the right, per pixel upwards: the mean of each in MNIST's training images.
# Of 100 1s beside five other digits of the same hand there, five lean so much more than these.
_LEANS = {
    "0": 0.22, "1": 0.23, "2": 0.14, "3": 0.03, "4": 0.05,
    "5": 0.13, "6": 0.03, "7": 0.11, "8": 0.18, "9": -0.02,
}  # fmt: skip
_SLANTED, _MORE = 0.4, 0.27  # of a slash; ... than the digits of the page do
_NUM_OTHERS, _NEAR = 2, 1.0  # digits that tell how a hand slants; so near, in a slash's heights
_TALL = 0.12  # in the heights of the digits beside it: so far a slash reaches beyond an end of both
_STEEPEST, _UNLIKE = 0.3, 0.2  # of one that does so at both ends; ... than the page's own 1s lean


def among_letters(
    lines: Sequence[Sequence[Mark]], classes: str, *, may_touch: bool = False
) -> list[NDArray[np.float64]]:
    """How probably each mark of a page is a letter, by what all others look like as well.

    Args:
        lines: marks.
        classes: one character a class.
        may_touch: what looks like no digit may be several that touch: nobody has read it again.

    Returns:
        Of each line, (n,) from 0 to 1.
    """
    order = [np.argsort([mark.box.x for mark in line], kind="stable") for line in lines]
    rows = [[line[mark] for mark in of] for line, of in zip(lines, order, strict=True)]
    odds = [_odds(row, classes, _NONE_OR_TOUCHING if may_touch else _NONE) for row in rows]
    anew = [_anew(row) for row in rows]
    num = np.array([len(row) for row in rows])
    share = np.full(len(rows), _USUAL)  # of letters, on the other lines: no line proves itself
    for _ in range(_ROUNDS):
        found = [_smoothed(*of) for of in zip(odds, anew, share.tolist(), strict=True)]
        letters = np.array([row.sum() for row in found])
        of_others, others = letters.sum() - letters, num.sum() - num
        share = (of_others + _PRIOR * _USUAL) / (others + _PRIOR)
    return [row[np.argsort(of)] for row, of in zip(found, order, strict=True)]


def _odds(line: Sequence[Mark], classes: str, of_none: float) -> NDArray[np.float64]:
    """(n,) how much more probable each mark is of letters than of digits, by itself."""
    odds = np.zeros(len(line))
    height = statistics.median([mark.box.height for mark in line] or [0])
    for index, mark in enumerate(line):
        none = float(mark.probabilities[-1])
        alike = _ALIKE.get(classes[mark.probabilities[:-1].argmax()], _OTHER)
        if none > _SURELY_NONE:
            odds[index] = _UNKNOWN if mark.box.height < _SMALL * height else of_none
            continue
        odds[index] = alike + (_UNSURE - alike) * none / _SURELY_NONE
        if mark.is_doubted:
            odds[index] = max(odds[index], _UNKNOWN)
    return odds


def _anew(row: Sequence[Mark]) -> NDArray[np.float64]:
    """(n,) how probably it is open what each mark is, whatever stands before it."""
    height = statistics.median([mark.box.height for mark in row] or [1])
    right, spaces = -np.inf, []
    for mark in row:
        spaces.append((mark.box.x - right) / height)
        right = max(right, mark.box.right)
    return np.clip(spaces, _LEAST, _MOST)


def _smoothed(
    odds: NDArray[np.float64], anew: NDArray[np.float64], share: float
) -> NDArray[np.float64]:
    """(n,) how probably each mark of a line is a letter, where such a share of them are."""
    usual = np.array([1 - share, share])
    seen = np.column_stack([np.ones(len(odds)), odds])
    before, state = np.zeros((len(odds), 2)), usual  # of the first, it is wholly open
    for index, (here, is_open) in enumerate(zip(seen, anew, strict=True)):
        state = ((1 - is_open) * state + is_open * usual) * here
        state /= state.sum()
        before[index] = state
    after, letters = np.ones(2), np.zeros(len(odds))
    for index in range(len(odds) - 1, -1, -1):
        both = before[index] * after
        letters[index] = both[1] / both.sum()
        after = after * seen[index]
        after = (1 - anew[index]) * after + anew[index] * (usual @ after)
        after /= after.sum()
    return letters


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

    One that leans far more than the digits of the page do may be a slash. It is one if it reaches
    beyond both ends of the digits beside it as well, and then need not lean more than a fast hand's
    1s, where the page has other 1s to show that they stand otherwise, or two make a date of their
    word, as 12/4/2026. So are two that do, and lean far more, if one of them reaches beyond an end.

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
    for of, row in zip(found, rows, strict=True):
        for mark in row:
            if mark.lean > may_be and mark.is_between:
                of[mark.number] = 0.5
            if mark.lean > surely and mark.is_long:
                of[mark.number] = 1.0
        leaning = [bool(of[mark.number] > 0) or mark.is_long for mark in row]
        boxes = [mark.box for mark in row]
        places = date_slashes([mark.value for mark in row], boxes, leaning)
        for pair in zip(places[::2], places[1::2], strict=True):
            if any(max(row[place].beyond) > _TALL for place in pair):
                of[[row[place].number for place in pair]] = 1.0
    return found


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
    def is_long(self) -> bool:
        """Whether it leans at all, and reaches beyond at both ends, as most slashes do."""
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
