"""Pages that lie on a side or upside down: told by which way up their marks look like digits."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from inkdigits.reading import Box, Digit, Line, Page, Status

Read = Callable[[list[NDArray[np.float32]]], NDArray[np.float32]]

_FEWEST = 4  # fewer marks may look like other digits by chance: 6 and 9, 2 and Z
_SAMPLE = 100  # so many marks are enough to tell
_FLOOR = 1e-3  # a mark that is surely no digit counts no more than that
# Mean logarithms of how probable each mark's likeliest digit is. Upright pages are above the first;
# which way up no digits are does not matter, and they are below the second.
_UPRIGHT, _DIGITS = -0.15, -2.5
_NEARLY = 0.5  # on its side, much of a page looks as likely the other way round
# A page that was turned must be so likely, sure of so much, and so much likelier than as it was, in
# all of its marks together.
_LIKELY, _SURE, _MOSTLY = -0.5, 0.9, 0.6
_LIKELIER = 2.5


def quarter_turns(digits: Sequence[Digit], glyphs: NDArray[np.float32], read: Read) -> list[int]:
    """How a page may have to be turned, as by ``numpy.rot90``; only reading it so can tell.

    Args:
        digits: what was read of it as it is.
        glyphs: (n, 28, 28) float32, what was seen of each.
        read: pictures of one digit each → (n, classes) probabilities.

    Returns:
        1 to 3, the likeliest first; mostly none.
    """
    if len(digits) < _FEWEST or _likeness_of(digits) > _UPRIGHT:
        return []
    some = glyphs[:: math.ceil(len(glyphs) / _SAMPLE)]
    likeness = [_likeness(read([np.rot90(glyph, turns) for glyph in some])) for turns in range(4)]
    least = max(_DIGITS, likeness[0], max(likeness) - _NEARLY)
    return [turns for turns in np.argsort(likeness)[::-1].tolist() if likeness[turns] > least]


def is_likelier(turned: Sequence[Digit], digits: Sequence[Digit]) -> bool:
    """Whether a page was rightly turned.

    Args:
        turned: what was read of it then.
        digits: what was read of it as it is.
    """
    sure = [of.confidence >= _SURE and of.status is not Status.REJECT for of in turned]
    if sum(sure) < max(_FEWEST, _MOSTLY * len(turned)):
        return False
    new, old = _likeness_of(turned), _likeness_of(digits)
    return new > _LIKELY and len(turned) * (new - old) > _LIKELIER


def turned_back(page: Page, turns: int, shape: tuple[int, ...]) -> Page:
    """What was read of a picture that was turned, with the boxes where they were before.

    Args:
        page: what was read.
        turns: 0 to 3, as by ``numpy.rot90``.
        shape: (H, W, …) of the turned picture.
    """
    lines = [
        Line(tuple(replace(digit, box=_back(digit.box, turns, shape)) for digit in line.digits))
        for line in page.lines
    ]
    return replace(page, lines=tuple(lines), turned_deg=-90 * turns % 360)


def _back(box: Box, turns: int, shape: tuple[int, ...]) -> Box:
    height, width = shape[:2]
    for _ in range(turns):
        box = Box(height - box.bottom, box.x, box.height, box.width)
        height, width = width, height
    return box


def _likeness_of(digits: Sequence[Digit]) -> float:
    return _likeness(np.array([digit.probabilities for digit in digits]))


def _likeness(judged: NDArray[np.floating]) -> float:
    """How much marks look like digits: (n, classes) probabilities → the mean logarithm."""
    return float(np.log(judged.max(axis=1) + _FLOOR).mean())
