"""A second look at digits that touch: a stretch of a line read at once, without cutting it apart.

Where the lattice is not sure of what stands close together, the line reader is asked. What it
says is weighed against what the cuts say, string against string: strokes that overlap cannot be
parted by any cut, and where they can be, a cut digit is seen better than one in a crowd.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from inkdigits.imaging.ink import Ink
from inkdigits.imaging.segment import LineAtoms
from inkdigits.imaging.strips import MARGIN_PX, MAX_WIDTH_PX, as_strip
from inkdigits.lattice import Choice
from inkdigits.reading import Box
from inkdigits.strings import Labels, likely, log_probability, where

FRAME_PX = 2  # of the strip, from one of the line reader's frames to the next
_GLYPH_PX = 28
_NUM_STRINGS = 8
_SMALLEST = 0.4  # of a digit's height: what is lower, and was left out, stays so
_MOST_COST = 12.0  # nats: more than this, the cuts cannot speak against a string


@dataclass(frozen=True)
class Mark:
    """A piece of ink, and what it probably is.

    Attributes:
        box: in pixels of the ink.
        probabilities: (classes + 1,) float32, the last of which is "no digit".
        certainty: from 0 to 1, how sure it is that this is one piece.
        glyph: (28, 28) float32, what was looked at.
    """

    box: Box
    probabilities: NDArray[np.float32]
    certainty: float
    glyph: NDArray[np.float32]

    def is_sure(self, threshold: float) -> bool:
        """Whether it is one certain digit."""
        return bool(self.probabilities[:-1].max() * self.certainty >= threshold)


def read_again(
    line: LineAtoms,
    choice: Choice,
    marks: Sequence[Mark],
    read: Callable[[Ink], NDArray[np.float64]],
    threshold: float,
) -> list[Mark]:
    """Ask the line reader where the cuts leave doubt.

    Args:
        line: the atoms.
        choice: the runs that were chosen of them.
        marks: one for each of these runs.
        read: strip (32, W) → (frames, classes + 2) log-probabilities.
        threshold: the probability of a digit that is sure.

    Returns:
        The marks of the line, left to right; those that nobody doubts are the same.
    """
    spans = [choice.lattice.spans[run] for run in choice.runs]
    result: list[Mark] = []
    for first, last in _stretches(line, spans):
        inside = [index for index, span in enumerate(spans) if first <= span[0] <= last]
        before = [marks[index] for index in inside]
        box = Box.around(line.boxes[first : last + 1])
        is_speck = not before and box.height < _SMALLEST * line.height_px
        if is_speck or (before and all(mark.is_sure(threshold) for mark in before)):
            result += before
        else:
            result += _judged(line, choice, before, first, last, read)
    return result


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
    segment = line.segment(first, last)
    zoom = segment.ink.shape[1] / segment.box.width
    strip, scale = as_strip(segment.ink, line.height_px * zoom)
    if strip.shape[1] > MAX_WIDTH_PX:
        return before
    spoken = read(strip)
    num_classes = spoken.shape[1] - 2
    known = _labels(before, num_classes)
    strings = list(dict.fromkeys([known, *likely(spoken, _NUM_STRINGS)]))
    scores = np.array(
        [
            log_probability(spoken, string)
            - min(_cost(choice, string, num_classes, first, last), _MOST_COST)
            for string in strings
        ]
    )
    shares = np.exp(scores - np.logaddexp.reduce(scores))
    best = int(scores.argmax())
    if strings[best] == known:
        return before
    if not strings[best]:
        return []
    return _placed(strings, shares, best, spoken, segment.box, strip, scale * zoom)


def _labels(marks: Sequence[Mark], num_classes: int) -> Labels:
    labels: list[int] = []
    for mark in marks:
        is_none = mark.probabilities[-1] > 0.5
        label = num_classes + 1 if is_none else int(mark.probabilities[:-1].argmax()) + 1
        if not (is_none and labels[-1:] == [label]):
            labels.append(label)
    return tuple(labels)


def _cost(choice: Choice, string: Labels, num_classes: int, first: int, last: int) -> float:
    classes = [None if label > num_classes else label - 1 for label in string]
    return choice.lattice.cost_of(classes, first, last)


def _placed(
    strings: list[Labels],
    shares: NDArray[np.float64],
    best: int,
    spoken: NDArray[np.float64],
    box: Box,
    strip: Ink,
    scale: float,
) -> list[Mark]:
    """The marks of the best string; a rival of the same length speaks for other digits."""
    string = strings[best]
    num_classes = spoken.shape[1] - 2
    middle = [(frame + 0.5) * FRAME_PX for frame in where(spoken, string)]  # px of the strip
    edges = [0.0, *((left + right) / 2 for left, right in pairwise(middle)), float(strip.shape[1])]
    marks = []
    for index, (left, right) in enumerate(pairwise(edges)):
        of = np.zeros(num_classes + 1, np.float32)
        for other, share in zip(strings, shares.tolist(), strict=True):
            if len(other) == len(string):
                of[other[index] - 1] += share
        marks.append(
            Mark(_box(box, strip, left, right, scale), of, 1.0, _glyph(strip, middle[index]))
        )
    return marks


def _box(box: Box, strip: Ink, left: float, right: float, scale: float) -> Box:
    """Around the ink between two columns of the strip, in pixels of the ink."""
    start, end = int(left), max(int(np.ceil(right)), int(left) + 1)
    part = strip[:, start:end] > 0.3
    rows, columns = np.flatnonzero(part.any(axis=1)), np.flatnonzero(part.any(axis=0))
    if not len(rows):
        rows, columns = np.array([0, len(strip) - 1]), np.array([0, end - start - 1])
    top = (len(strip) - round(box.height * scale)) // 2
    x0 = (start + columns[0] - MARGIN_PX) / scale
    x1 = (start + columns[-1] + 1 - MARGIN_PX) / scale
    y0, y1 = (rows[0] - top) / scale, (rows[-1] + 1 - top) / scale
    x0, x1 = (float(np.clip(x, 0, box.width)) for x in (x0, x1))
    y0, y1 = (float(np.clip(y, 0, box.height)) for y in (y0, y1))
    return Box(
        box.x + round(x0),
        box.y + round(y0),
        max(1, round(x1) - round(x0)),
        max(1, round(y1) - round(y0)),
    )


def _glyph(strip: Ink, middle: float) -> NDArray[np.float32]:
    """The square around a digit, as it was looked at: 32 px of the strip as 28."""
    height = len(strip)
    padded = np.pad(strip, ((0, 0), (height, height)))
    start = round(middle + height / 2)
    square = padded[:, start : start + height]
    size = (_GLYPH_PX, _GLYPH_PX)
    return np.asarray(cv2.resize(square, size, interpolation=cv2.INTER_AREA), np.float32)
