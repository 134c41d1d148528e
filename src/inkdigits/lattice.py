"""Where one digit ends and the next begins, settled by the network's own probabilities.

A line comes as atoms, more pieces than it has digits. Every run of atoms that could be a digit was
read; the runs that together explain the whole line most probably are kept.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from inkdigits.imaging.segment import Candidate, LineAtoms
from inkdigits.imaging.split import best_path

# In nats: how much more probable another way must be to make up for it.
_PER_DIGIT = 0.05  # a digit more
_PER_CUT_STROKE = 0.5  # a cut, for each stroke's width of ink that it goes through
_NO_DIGIT = 2.5  # a run that is no digit
_SKIP = 6.0  # an atom that is left out; less for a speck
_LEAST = 1e-6  # probabilities below this are all alike


def choose(
    lines: Sequence[LineAtoms],
    candidates: Sequence[Sequence[Candidate]],
    judged: NDArray[np.float32],
) -> list[list[int]]:
    """Choose the digits of each line.

    Args:
        lines: as ``find_atoms`` gives them.
        candidates: of each line, the runs of its atoms that were read.
        judged: (n, classes + 1) float32 probabilities of all candidates of all lines, in order,
            of which the last is "no digit".

    Returns:
        For each line, indices into its candidates, left to right.
    """
    of_digit = -np.log(np.maximum(judged[:, :-1].max(axis=1, initial=0), _LEAST)) + _PER_DIGIT
    of_none = -np.log(np.maximum(judged[:, -1], _LEAST)) + _NO_DIGIT
    chosen, start = [], 0
    for line, runs in zip(lines, candidates, strict=True):
        first = np.array([run.first for run in runs], np.int64)
        last = np.array([run.last for run in runs], np.int64)
        # By width, so that one wide run does not cost less than the two that it is made of.
        width = np.array([run.segment.box.width for run in runs]) / line.height_px
        cut = np.concatenate([[0.0], line.cut_strokes, [0.0]]) * _PER_CUT_STROKE / 2
        cuts = cut[first] + cut[last + 1]
        rows = slice(start, start + len(runs))
        as_digit = (of_digit[rows] + cuts) * (0.3 + 0.7 * width)
        costs = np.minimum(as_digit, of_none[rows] + cuts)
        area = np.array([box.width * box.height for box in line.boxes]) / line.height_px**2
        skip_costs = _SKIP * np.minimum(1.0, 0.1 + 4 * area)
        spans = list(zip(first.tolist(), last.tolist(), strict=True))
        chosen.append(best_path(len(line.boxes), spans, costs, skip_costs))
        start += len(runs)
    return chosen
