"""Where one digit ends and the next begins, settled by the network's own probabilities.

A line comes as atoms, more pieces than it has digits. Every run of atoms that could be a digit was
read; the runs that together explain the whole line most probably are kept.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from inkdigits.imaging.atoms import Candidate, LineAtoms
from inkdigits.imaging.split import best_path, run_shares

# In nats: how much more probable another way must be to make up for it.
_PER_DIGIT = 0.05  # a digit more
_PER_CUT_STROKE = 0.8  # a cut, for each stroke's width of ink that it goes through
_NO_DIGIT = 4.0  # a run that is no digit, and again for each digit's width of it; less among such
_SKIP = 4.0  # an atom that is left out; less for a speck
_LEAST = 1e-6  # probabilities below this are all alike

_DIGIT_WIDTH = 0.7  # in heights
_SHARPNESS = 2.0  # the neighbours of a cut tell of each other, so their sum says too little
_ALIKE = 0.6  # runs that share so much of their boxes are the same digit
_WIDEST, _LOWEST = 1.1, 0.4  # in heights, of a piece that may be one letter, and no speck
_PRIOR = 8.0  # so many pieces more speak of a line, as its page has them; of a page, all digits


@dataclass(frozen=True)
class Lattice:
    """What each way to explain the atoms of a line costs, in nats.

    Attributes:
        spans: (first, last) atom of each of n runs, both included.
        as_digit: (n, classes) for a run that is this digit.
        as_none: (n,) for a run that is no digit.
        skip: (atoms,) for an atom that is left out.
    """

    spans: list[tuple[int, int]]
    as_digit: NDArray[np.float64]
    as_none: NDArray[np.float64]
    skip: NDArray[np.float64]

    @classmethod
    def of(
        cls,
        line: LineAtoms,
        runs: Sequence[Candidate],
        judged: NDArray[np.float32],
        no_digit: float,
    ) -> "Lattice":
        """Weigh the runs of one line.

        Args:
            line: as ``find_atoms`` gives it.
            runs: of its atoms, as they were read.
            judged: (n, classes + 1) float32 probabilities, of which the last is "no digit".
            no_digit: cost of a run that is none, and again for each digit's width of it.
        """
        spans = [(run.first, run.last) for run in runs]
        first, last = np.array(spans, np.int64).reshape(-1, 2).T
        improbable = -np.log(np.maximum(judged, _LEAST)).astype(np.float64)
        # By width, so that one wide run does not cost less than the two that it is made of.
        width = np.array([run.segment.box.width for run in runs]) / line.height_px
        cut = np.concatenate([[0.0], line.cut_strokes, [0.0]])
        cuts = (cut[first] + cut[last + 1]) * _PER_CUT_STROKE / 2
        of_digit = improbable[:, :-1] + _PER_DIGIT + cuts[:, None]
        area = np.array([box.width * box.height for box in line.boxes]) / line.height_px**2
        return cls(
            spans,
            of_digit * (0.3 + 0.7 * width)[:, None],
            improbable[:, -1] + no_digit * np.maximum(1, width / _DIGIT_WIDTH) + cuts,
            _SKIP * np.minimum(1.0, 0.1 + 4 * area),
        )

    def costs(self) -> NDArray[np.float64]:
        """(n,) of each run, as whatever it most probably is."""
        return np.asarray(np.minimum(self.as_digit.min(axis=1, initial=np.inf), self.as_none))

    def cost_of(self, string: Sequence[int | None], first: int, last: int) -> float:
        """The least cost of explaining the atoms from ``first`` to ``last`` by a string.

        Args:
            string: classes from left to right; None is what is no digit, however many runs of it.
            first: atom of the line.
            last: atom of the line, included.

        Returns:
            Nats; infinite if there is no such way.
        """
        best = np.full((last - first + 2, len(string) + 1), np.inf)  # atoms and labels explained
        best[0, 0] = 0.0
        runs = [
            (index, start - first, end - first + 1)
            for index, (start, end) in enumerate(self.spans)
            if first <= start and end <= last
        ]
        runs.sort(key=lambda run: run[2])
        price = (
            np.stack(
                [self.as_none if label is None else self.as_digit[:, label] for label in string],
                axis=1,
            )
            if string
            else np.zeros((len(self.spans), 0))
        )  # (n, labels)
        is_none = np.array([label is None for label in string], bool)
        at = 0
        for end in range(1, len(best)):
            best[end] = best[end - 1] + self.skip[first + end - 1]
            while at < len(runs) and runs[at][2] == end:
                index, start, _ = runs[at]
                new = best[start, :-1] + price[index]
                again = np.where(is_none, best[start, 1:] + self.as_none[index], np.inf)
                best[end, 1:] = np.minimum(best[end, 1:], np.minimum(new, again))
                at += 1
        return float(best[-1, -1])


class Choice(NamedTuple):
    """The digits of one line.

    Attributes:
        runs: which of the line's candidates they are, left to right.
        certainty: (digits,) from 0 to 1: how sure it is that the ink is cut rightly there; 1 for
            what is not cut.
        lattice: what they were chosen from.
    """

    runs: list[int]
    certainty: NDArray[np.float64]
    lattice: Lattice


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
    chosen, start = [], 0
    none_shares = _none_shares(lines, candidates, judged).tolist()
    for line, runs, none_share in zip(lines, candidates, none_shares, strict=True):
        rows = judged[start : start + len(runs)]
        lattice = Lattice.of(line, runs, rows, -math.log(max(none_share, math.exp(-_NO_DIGIT))))
        costs, num_atoms = lattice.costs(), len(line.boxes)
        path = best_path(num_atoms, lattice.spans, costs, lattice.skip)
        shares = run_shares(num_atoms, lattice.spans, _SHARPNESS * costs, _SHARPNESS * lattice.skip)
        value = rows[:, :-1].argmax(axis=1)
        first, last = np.array(lattice.spans, np.int64).reshape(-1, 2).T
        is_same = value[path][:, None] == value
        area = np.array([box.width * box.height for box in line.boxes]) / line.height_px**2
        certainty = ((is_same & _overlap(first, last, area, path)) @ shares).clip(0, 1)
        cut = np.concatenate([[0.0], line.cut_strokes, [0.0]])
        is_cut = (cut[first] > 0) | (cut[last + 1] > 0)
        chosen.append(Choice(path, np.where(is_cut[path], certainty, 1.0), lattice))
        start += len(runs)
    return chosen


def _none_shares(
    lines: Sequence[LineAtoms],
    candidates: Sequence[Sequence[Candidate]],
    judged: NDArray[np.float32],
) -> NDArray[np.float64]:
    """(lines,) how common it is that something is no digit.

    The pieces that nobody cut say so. Few of them are no digit where digits stand, which are pairs
    that touch, and most where letters do; there, an n is not to be two strokes that look like 1s.
    """
    counts, start = np.zeros((len(lines), 2)), 0  # pieces of each line that are none; all of them
    for count, line, runs in zip(counts, lines, candidates, strict=True):
        first, last = np.array([(run.first, run.last) for run in runs], np.int64).reshape(-1, 2).T
        size = np.array([run.segment.box[2:] for run in runs]).reshape(-1, 2) / line.height_px
        is_free = np.concatenate([[0.0], line.cut_strokes, [0.0]]) == 0  # nothing is cut there
        free_before = np.concatenate([[0], np.cumsum(is_free)])
        is_piece = is_free[first] & (free_before[last + 1] - free_before[first] == 1)
        is_piece &= is_free[last + 1] & (size[:, 0] <= _WIDEST) & (size[:, 1] >= _LOWEST)
        is_none = is_piece & (judged[start : start + len(runs), -1] > 0.5)
        count[:] = is_none.sum(), is_piece.sum()
        start += len(runs)
    none, pieces = counts.T
    of_page = none.sum() / (pieces.sum() + _PRIOR)
    return np.asarray((none + _PRIOR * of_page) / (pieces + _PRIOR), np.float64)


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
