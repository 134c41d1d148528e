"""How probably each mark of a page is a letter: among letters, an o is no 0.

Letters look like digits often enough (o, l, s), whatever a network thinks of each by itself. But
they stand in words, and digits in numbers. So a line is taken to go on as it is, in letters or in
digits, and the sooner to change the wider a space is; and what all its marks and the other lines
look like tells which: a hidden Markov model of two states.

Source: Rabiner 1989, "A tutorial on hidden Markov models", the forward and backward procedure.
"""

import statistics
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from inkdigits.clusters import Mark

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
_FAR, _OTHER_HAND = 3.0, 0.9  # ... and so, where one is so many times as high
_PRIOR = 8.0  # so many marks more are as usual
_ANOTHER_SIZE = 1.8  # what is so many times lower tells nothing of a mark
_USUAL = 0.05  # share of letters on a page of which nothing is known
_ROUNDS = 4


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
    heights = [np.array([mark.box.height for mark in row], np.float64) for row in rows]
    share = [np.full(len(row), _USUAL) for row in rows]
    for _ in range(_ROUNDS):
        found = [_smoothed(*of) for of in zip(odds, anew, share, strict=True)]
        share = _shares(found, heights)
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
    typical = statistics.median([mark.box.height for mark in row] or [1])
    right, before, anew = -np.inf, typical, []
    for mark in row:
        height, space = mark.box.height, (mark.box.x - right) / typical
        is_small = height < _SMALL * typical
        low, high = sorted((before, height))
        is_other = high > _FAR * low and not is_small
        anew.append(_OTHER_HAND if is_other else min(max(space, _LEAST), _MOST))
        right, before = max(right, mark.box.right), before if is_small else height
    return np.array(anew)


def _shares(
    found: list[NDArray[np.float64]], heights: list[NDArray[np.float64]]
) -> list[NDArray[np.float64]]:
    """(n,) of each line: how many are letters, on the other lines, of what is not far lower.

    No line proves itself, and print tells nothing of a large digit beside it.
    """
    of_page = _counts(np.concatenate([*heights, []]), np.concatenate([*found, []]))
    of_lines = [_counts(*of) for of in zip(heights, found, strict=True)]
    letters, num = (of_page - np.concatenate([*of_lines, np.zeros((0, 2))])).T
    share = (letters + _PRIOR * _USUAL) / (num + _PRIOR)
    return np.split(share, np.cumsum([len(row) for row in found], dtype=np.int64))[:-1]


def _counts(heights: NDArray[np.float64], letters: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n, 2) of what is not far lower than each mark: how many are letters, of how many."""
    order = np.argsort(heights, kind="stable")
    first = np.searchsorted(heights[order], heights / _ANOTHER_SIZE)
    from_here = np.append(np.cumsum(letters[order][::-1])[::-1], 0.0)
    return np.column_stack([from_here[first], len(heights) - first])


def _smoothed(
    odds: NDArray[np.float64], anew: NDArray[np.float64], share: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(n,) how probably each mark of a line is a letter, where such a share of its like are."""
    usual = np.column_stack([1 - share, share])
    seen = np.column_stack([np.ones(len(odds)), odds])
    before, state = np.zeros((len(odds), 2)), np.zeros(2)  # so of the first, it is wholly open
    for index, (here, is_open) in enumerate(zip(seen, anew, strict=True)):
        state = ((1 - is_open) * state + is_open * usual[index]) * here
        state /= state.sum()
        before[index] = state
    after, letters = np.ones(2), np.zeros(len(odds))
    for index in range(len(odds) - 1, -1, -1):
        both = before[index] * after
        letters[index] = both[1] / both.sum()
        after = after * seen[index]
        after = (1 - anew[index]) * after + anew[index] * (usual[index] @ after)
        after /= after.sum()
    return letters
