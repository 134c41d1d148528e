"""What the neighbours of a mark say of it: among letters, an o is no 0.

Letters look like digits often enough (o, l, s), whatever a network thinks of each by itself. So
each word of a page is taken to be of letters or of digits, seldom of both, and what is known of all
its marks, of its line and of its page tells which: a hidden Markov model of two states.

Source: Rabiner 1989, "A tutorial on hidden Markov models", the forward and backward procedure.
"""

import statistics
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from inkdigits.clusters import Mark
from inkdigits.reading import Box

# How much more often a mark looks like that among letters than among digits, as we counted it in
# the writing of a dozen people: no digit, one of those that letters look like, and any other.
_NONE, _OTHER = 13.0, 0.05
_ALIKE = {"0": 0.6, "1": 0.6, "5": 0.4}  # o, l, s
_NONE_OR_TOUCHING = 5.0  # no digit, where it may yet be several
_UNKNOWN = 1.0
_SURELY_NONE = 0.5  # of probability: from here on, it looks like no digit
_SMALL = 0.5  # in heights: what is lower and no digit may be a comma or a dash; it tells nothing

_CHANGES = 0.05  # how probably a letter follows a digit within a word, or a digit a letter
_LINE_PRIOR, _PAGE_PRIOR = 4.0, 4.0  # so many marks more, which are as on the page; as usual
_USUAL = 0.05  # share of letters on a page of which nothing is known
_ROUNDS = 4
_SPACE = 0.35  # between words, in heights


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
    words = [words_of([mark.box for mark in line]) for line in lines]
    odds = [_odds(line, classes, _NONE_OR_TOUCHING if may_touch else _NONE) for line in lines]
    of_line = np.full(len(lines), _USUAL)  # share of letters
    found = [np.zeros(len(line)) for line in lines]
    for _ in range(_ROUNDS):
        for marks, parts, of, share in zip(found, words, odds, of_line, strict=True):
            for word in parts:
                marks[word] = _of_word(of[word], share)
        num = np.array([len(line) for line in found])
        letters = np.array([line.sum() for line in found])
        of_page = (letters.sum() + _PAGE_PRIOR * _USUAL) / (num.sum() + _PAGE_PRIOR)
        of_line = (letters + _LINE_PRIOR * of_page) / (num + _LINE_PRIOR)
    return found


def words_of(boxes: Sequence[Box]) -> list[list[int]]:
    """Which marks of a line stand together, from left to right."""
    space = _SPACE * statistics.median([box.height for box in boxes] or [0])
    words: list[list[int]] = []
    right = -np.inf
    for index in sorted(range(len(boxes)), key=lambda index: boxes[index].x):
        if boxes[index].x - right > space:
            words.append([])
        words[-1].append(index)
        right = max(right, boxes[index].right)
    return words


def _odds(line: Sequence[Mark], classes: str, of_none: float) -> NDArray[np.float64]:
    """(n,) how much more probable each mark is of letters than of digits, by itself."""
    odds = np.zeros(len(line))
    height = statistics.median([mark.box.height for mark in line] or [0])
    for index, mark in enumerate(line):
        none = float(mark.probabilities[-1])
        alike = _ALIKE.get(classes[mark.probabilities[:-1].argmax()], _OTHER)
        odds[index] = alike + (of_none - alike) * min(none / _SURELY_NONE, 1)
        is_small = none > _SURELY_NONE and mark.box.height < _SMALL * height
        if is_small or (mark.is_doubted and odds[index] < _UNKNOWN):
            odds[index] = _UNKNOWN
    return odds


def _of_word(odds: NDArray[np.float64], share: float) -> NDArray[np.float64]:
    """(n,) how probably each mark of a word is a letter, where such a share of a line are."""
    changes = np.array([[1 - _CHANGES, _CHANGES], [_CHANGES, 1 - _CHANGES]])
    seen = np.column_stack([np.ones(len(odds)), odds])
    before = np.zeros((len(odds), 2))
    state = np.array([1 - share, share])
    for index, here in enumerate(seen):
        state = state * here
        state /= state.sum()
        before[index] = state
        state = state @ changes
    after, letters = np.ones(2), np.zeros(len(odds))
    for index in range(len(odds) - 1, -1, -1):
        both = before[index] * after
        letters[index] = both[1] / both.sum()
        after = changes @ (seen[index] * after)
        after /= after.sum()
    return letters
