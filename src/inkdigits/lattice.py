"""Where one digit ends and the next begins, settled by the network's own probabilities.

A line comes as atoms, more pieces than it has digits. Every run of atoms that could be a digit was
read; the runs that together explain the whole line most probably are kept.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from inkdigits.imaging.segment import Candidate, LineAtoms
from inkdigits.imaging.split import best_path, run_shares

# In nats: how much more probable another way must be to make up for it.
_PER_DIGIT = 0.05  # a digit more
_PER_CUT_STROKE = 0.8  # a cut, for each stroke's width of ink that it goes through
_NO_DIGIT = 4.0  # a run that is no digit, and again for each digit's width of it
_SKIP = 4.0  # an atom that is left out; less for a speck
_LEAST = 1e-6  # probabilities below this are all alike

_DIGIT_WIDTH = 0.7  # in heights
_SHARPNESS = 2.0  # the neighbours of a cut tell of each other, so their sum says too little
_ALIKE = 0.6  # runs that share so much of their boxes are the same digit


class Choice(NamedTuple):
    """The digits of one line.

    Attributes:
        runs: which of the line's candidates they are, left to right.
        certainty: (digits,) from 0 to 1: how sure it is that the ink is cut rightly there; 1 for
            what is not cut.
    """

    runs: list[int]
    certainty: NDArray[np.float64]


def choose(
    lines: Sequence[LineAtoms],
    candidates: Sequence[Sequence[Candidate]],
    judged: NDArray[np.float32],
) -> list[Choice]:
    """Choose the digits of each line.

    Args:
        lines: as ``find_atoms`` gives them.
        candidates: of each line, the runs of its atoms that were read.
        judged: (n, classes + 1) float32 probabilities of all candidates of all lines, in order,
            of which the last is "no digit".

    Returns:
        What was chosen on each line.
    """
    value = judged[:, :-1].argmax(axis=1)
    of_digit = -np.log(np.maximum(judged[:, :-1].max(axis=1, initial=0), _LEAST)) + _PER_DIGIT
    of_none = -np.log(np.maximum(judged[:, -1], _LEAST))
    chosen, start = [], 0
    for line, runs in zip(lines, candidates, strict=True):
        first = np.array([run.first for run in runs], np.int64)
        last = np.array([run.last for run in runs], np.int64)
        rows = slice(start, start + len(runs))
        # By width, so that one wide run does not cost less than the two that it is made of.
        width = np.array([run.segment.box.width for run in runs]) / line.height_px
        cut = np.concatenate([[0.0], line.cut_strokes, [0.0]])
        cuts = (cut[first] + cut[last + 1]) * _PER_CUT_STROKE / 2
        as_digit = (of_digit[rows] + cuts) * (0.3 + 0.7 * width)
        as_none = of_none[rows] + _NO_DIGIT * np.maximum(1, width / _DIGIT_WIDTH) + cuts
        costs = np.minimum(as_digit, as_none)
        area = np.array([box.width * box.height for box in line.boxes]) / line.height_px**2
        skip_costs = _SKIP * np.minimum(1.0, 0.1 + 4 * area)
        spans = list(zip(first.tolist(), last.tolist(), strict=True))
        path = best_path(len(line.boxes), spans, costs, skip_costs)
        shares = run_shares(len(line.boxes), spans, _SHARPNESS * costs, _SHARPNESS * skip_costs)
        is_same = value[rows][path][:, None] == value[rows]
        certainty = ((is_same & _overlap(first, last, area, path)) @ shares).clip(0, 1)
        is_cut = (cut[first] > 0) | (cut[last + 1] > 0)
        chosen.append(Choice(path, np.where(is_cut[path], certainty, 1.0)))
        start += len(runs)
    return chosen


def _overlap(
    first: NDArray[np.int64], last: NDArray[np.int64], area: NDArray[np.float64], path: list[int]
) -> NDArray[np.bool_]:
    """Whether each run of a path (rows) is nearly the same atoms as each of all runs."""
    until = np.concatenate([[0.0], np.cumsum(area)])
    size = until[last + 1] - until[first]
    start = np.maximum(first[path][:, None], first)
    end = np.maximum(np.minimum(last[path][:, None], last) + 1, start)
    both = until[end] - until[start]
    return np.asarray(both >= _ALIKE * (size[path][:, None] + size - both))
