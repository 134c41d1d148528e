"""A second look at digits that touch: a stretch of a line read at once, without cutting it apart.

The line reader is asked about what stands close together, and about what the lattice is not sure
of. What it says is weighed against what the cuts say, string against string: strokes that overlap
cannot be parted by any cut, and where they can be, a cut digit is seen better than one in a crowd.
Two witnesses who say the same are surer than one; where they differ, a person should look.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from inkdigits.imaging.atoms import LineAtoms
from inkdigits.imaging.ink import Ink
from inkdigits.imaging.strips import FRAME_PX, MARGIN_PX, MAX_WIDTH_PX, Strip, as_strip
from inkdigits.lattice import Choice
from inkdigits.reading import Box
from inkdigits.strings import Labels, likely, log_probability, where

_GLYPH_PX = 28
_NUM_STRINGS = 8
_STROKE = 0.3  # what is fainter does not count for a box
_SMALLEST = 0.4  # of a digit's height: what is lower, and was left out, stays so
_LETTERS = 0.9  # a stretch is so probably of letters: the line reader knows only digits
_NUMBER = 0.0005  # ... or so improbably: it is a number
_CLEAR = 0.95  # whatever the dial says: it must not change what is read
_AGREED = 0.99  # the share of a string that both say, from which on it confirms the digits
_UNHEARD = -2.0  # nats: a string that is less probable to the line reader is doubted
_MOST_COST = 12.0  # nats: more than this, the cuts cannot speak against a string


@dataclass(frozen=True)
class Mark:
    """A piece of ink, and what it probably is.

    Attributes:
        box: in pixels of the ink.
        probabilities: (classes + 1,) float32, the last of which is "no digit".
        certainty: from 0 to 1, how sure it is that this is one piece.
        glyph: (28, 28) float32, what was looked at.
        is_doubted: the line reader sees something else than the cuts, so it is never sure.
    """

    box: Box
    probabilities: NDArray[np.float32]
    certainty: float
    glyph: NDArray[np.float32]
    is_doubted: bool = False

    @property
    def is_none(self) -> bool:
        """Whether it is probably no digit."""
        return bool(self.probabilities[-1] > 0.5)

    @property
    def is_clear(self) -> bool:
        """Whether it is so surely one digit that nobody else has to be asked."""
        return bool(self.probabilities[:-1].max() * self.certainty >= _CLEAR)


def read_again(
    line: LineAtoms,
    choice: Choice,
    marks: Sequence[Mark],
    letters: NDArray[np.float64],
    read: Callable[[Ink], NDArray[np.float64]],
) -> list[Mark]:
    """Ask the line reader about what stands close together, and where the cuts leave doubt.

    Not about what stands among letters, out of which it would make digits; and in what is surely a
    number it strikes out none.

    Args:
        line: the atoms.
        choice: the runs that were chosen of them.
        marks: one for each of these runs.
        letters: (marks,) from 0 to 1, how probably each is a letter.
        read: strip (32, W) → (frames, classes + 2) log-probabilities.

    Returns:
        The marks of the line, left to right. Digits that both see may be surer than before, and
        what they differ in is doubted.
    """
    spans = [choice.lattice.spans[run] for run in choice.runs]
    result: list[Mark] = []
    for first, last in _stretches(line, spans):
        inside = [index for index, span in enumerate(spans) if first <= span[0] <= last]
        before = [marks[index] for index in inside]
        box = Box.around(line.boxes[first : last + 1])
        is_speck = not before and box.height < _SMALLEST * line.height_px
        is_clear = first == last and bool(before) and before[0].is_clear
        is_among_letters = bool(inside) and letters[inside].mean() > _LETTERS
        if is_speck or is_clear or is_among_letters:
            result += before
        else:
            after = _judged(line, choice, before, first, last, read)
            is_number = bool(inside) and letters[inside].mean() < _NUMBER
            if is_number and _num_none(after) > _num_none(before):
                after = _doubted(before)
            result += after
    return result


def _doubted(marks: Sequence[Mark]) -> list[Mark]:
    return [replace(mark, is_doubted=True) for mark in marks]


def _num_none(marks: Sequence[Mark]) -> int:
    return sum(mark.is_none for mark in marks)


def _stretches(line: LineAtoms, spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """First and last atom of what stands close together, no digit being cut by its ends."""
    found: list[tuple[int, int]] = []
    for first, last in sorted([*line.clusters(), *spans]):
        if found and first <= found[-1][1]:
            found[-1] = found[-1][0], max(last, found[-1][1])
        else:
            found.append((first, last))
    return found


def _judged(
    line: LineAtoms,
    choice: Choice,
    before: list[Mark],
    first: int,
    last: int,
    read: Callable[[Ink], NDArray[np.float64]],
) -> list[Mark]:
    segment = line.segment(first, last, MAX_WIDTH_PX)
    zoom = segment.ink.shape[1] / segment.box.width
    strip = as_strip(segment.ink, line.height_px * zoom)
    if strip.ink.shape[1] > MAX_WIDTH_PX:
        return before
    spoken = read(strip.ink)
    num_classes = spoken.shape[1] - 2
    known = _labels(before, num_classes)
    strings = list(dict.fromkeys([known, *likely(spoken, _NUM_STRINGS)]))
    said = np.array([log_probability(spoken, string) for string in strings])
    scores = said - _against(strings, num_classes, choice, first, last)
    shares = np.exp(scores - np.logaddexp.reduce(scores))
    best = int(scores.argmax())
    if strings[best] == known:
        if said[best] < _UNHEARD:
            return _doubted(before)
        share = float(shares[best])
        return [_confirmed(mark, share) for mark in before] if share >= _AGREED else before
    if not strings[best]:
        return _doubted(before)
    if not before and min(strings[best]) > num_classes:
        return []  # what was left out is no digit: nobody has to be told
    return _placed(strings, shares, best, spoken, segment.box, strip)


def _against(
    strings: Sequence[Labels], num_classes: int, choice: Choice, first: int, last: int
) -> NDArray[np.float64]:
    """(strings,) nats: what the cuts say against each, compared with the one that suits them best.

    A label that is no class stands for what is no digit.
    """
    costs = []
    for string in strings:
        classes = [None if label > num_classes else label - 1 for label in string]
        costs.append(choice.lattice.cost_of(classes, first, last))
    return np.minimum(np.array(costs) - min(costs), _MOST_COST)


def _confirmed(mark: Mark, share: float) -> Mark:
    """A digit that the line reader sees too is as sure as their string, if it was not surer."""
    index = int(mark.probabilities.argmax())
    own = float(mark.probabilities[index])
    if index == len(mark.probabilities) - 1 or own * mark.certainty >= share:
        return mark
    rest = (1 - share) / max(1 - own, 1e-6)
    probabilities = (mark.probabilities * rest).astype(np.float32)
    probabilities[index] = share
    return replace(mark, probabilities=probabilities, certainty=1.0)


def _labels(marks: Sequence[Mark], num_classes: int) -> Labels:
    labels: list[int] = []
    for mark in marks:
        label = num_classes + 1 if mark.is_none else int(mark.probabilities[:-1].argmax()) + 1
        if not (mark.is_none and labels[-1:] == [label]):
            labels.append(label)
    return tuple(labels)


def _placed(
    strings: list[Labels],
    shares: NDArray[np.float64],
    best: int,
    spoken: NDArray[np.float64],
    box: Box,
    strip: Strip,
) -> list[Mark]:
    """The marks of the best string; a rival of the same length speaks for other digits."""
    string = strings[best]
    num_classes = spoken.shape[1] - 2
    middle = [(frame + 0.5) * FRAME_PX for frame in where(spoken, string)]  # px of the strip
    edges = [
        0.0,
        *((left + right) / 2 for left, right in pairwise(middle)),
        float(strip.ink.shape[1]),
    ]
    marks = []
    for index, (left, right) in enumerate(pairwise(edges)):
        of = np.zeros(num_classes + 1, np.float32)
        for other, share in zip(strings, shares.tolist(), strict=True):
            if len(other) == len(string):
                of[other[index] - 1] += share
        place, glyph = _box(box, strip, left, right), _glyph(strip.ink, middle[index])
        total = of.sum()  # the rest is of strings of other lengths
        marks.append(Mark(place, of / total, float(total), glyph, is_doubted=True))
    return marks


def _box(box: Box, strip: Strip, left: float, right: float) -> Box:
    """Around the ink between two columns of the strip, in pixels of the page's ink."""
    start, end = int(left), max(int(np.ceil(right)), int(left) + 1)
    part = strip.ink[:, start:end] > _STROKE
    rows, columns = np.flatnonzero(part.any(axis=1)), np.flatnonzero(part.any(axis=0))
    if not len(rows):
        rows, columns = np.array([0, len(part) - 1]), np.array([0, part.shape[1] - 1])
    x = (start + columns[[0, -1]] + [0, 1] - MARGIN_PX) * box.width / strip.num_columns
    y = (rows[[0, -1]] + [0, 1] - strip.top) * box.height / strip.num_rows
    x0, x1 = np.rint(x.clip(0, box.width)).astype(int).tolist()
    y0, y1 = np.rint(y.clip(0, box.height)).astype(int).tolist()
    return Box(box.x + x0, box.y + y0, max(1, x1 - x0), max(1, y1 - y0))


def _glyph(strip: Ink, middle: float) -> NDArray[np.float32]:
    """The square around a digit, as it was looked at: 32 px of the strip as 28."""
    height = len(strip)
    padded = np.pad(strip, ((0, 0), (height, height)))
    start = round(middle + height / 2)
    square = padded[:, start : start + height]
    size = (_GLYPH_PX, _GLYPH_PX)
    return np.asarray(cv2.resize(square, size, interpolation=cv2.INTER_AREA), np.float32)
