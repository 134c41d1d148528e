"""Touching digits: where a mark may be cut, and which of all the ways to cut a line is best.

Nothing here decides what a digit is. Cuts are only proposed, more than are needed; every piece,
and every run of neighbouring pieces, is then read, and ``best_path`` chooses by the costs.
"""

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from inkdigits.imaging.ink import Ink

_EMPTY = 0.04  # what a pixel of paper costs a seam, so that it prefers to be short
_LOOP = 0.15  # ... and more if a loop of ink encloses it
_STROKE = 0.4
_SIDEWAYS = 0.06  # what a step aside costs
_RIDGE = 0.06  # between two cuts there is more ink than on them, by so many pixels
_RIM = 0.75  # of the spacing: the narrowest piece at either side


class Seam(NamedTuple):
    """A way from a mark's top to its bottom that cuts little ink.

    Attributes:
        x: (h,) float64, the column of the cut in each row, in pixels of the mark.
        cut_px: how much ink lies on it.
    """

    x: NDArray[np.float64]
    cut_px: float


def seams(ink: Ink, *, spacing_px: float, max_cut_px: float, max_seams: int) -> list[Seam]:
    """Propose cuts through one mark, from top to bottom, straight or slanted.

    Each is a local minimum among the ways through the mark: a pixel costs its ink, and in
    every row the way may step aside by one pixel.

    Args:
        ink: (h, w) float32 in [0, 1] of the mark alone.
        spacing_px: cuts are at least this far apart, and from either side, in the middle row.
        max_cut_px: cuts through more ink than this are not proposed.
        max_seams: at most so many, those through the least ink.

    Returns:
        The seams from left to right. They may share a way, but never cross.

    Source: Avidan & Shamir 2007, "Seam carving", the dynamic programme.
    """
    height, width = ink.shape
    if height < 2 or width < 3 or max_seams < 1:
        return []
    price = ink.astype(np.float64) + _EMPTY + _LOOP * _enclosed(ink)
    down, from_above = _cheapest(price)  # (h, w) each
    up, from_below = _cheapest(price[::-1])
    middle = height // 2
    # Both halves count the middle row.
    through = down[middle] + up[height - 1 - middle] - price[middle]
    found: list[Seam] = []
    reach = max(1, int(_RIM * spacing_px))
    for column in np.argsort(through, kind="stable").tolist():
        if not reach <= column < width - reach:
            continue
        if any(_is_same(through, column, int(seam.x[middle]), spacing_px) for seam in found):
            continue
        x = _way(column, middle, from_above, from_below)
        cut_px = float(ink[np.arange(height), x].sum())
        if cut_px > max_cut_px:
            continue
        found.append(Seam(x.astype(np.float64), cut_px))
        if len(found) == max_seams:
            break
    return sorted(found, key=lambda seam: float(seam.x[middle]))


def _is_same(through: NDArray[np.float64], one: int, other: int, spacing_px: float) -> bool:
    """Whether two cuts are close, or go through the same gap."""
    between = through[min(one, other) : max(one, other) + 1]
    return abs(one - other) < spacing_px or float(between.max()) < through[one] + _RIDGE


def _enclosed(ink: Ink) -> NDArray[np.bool_]:
    """The paper inside of loops: to cut a loop open is rarely right."""
    paper = np.pad((ink < _STROKE).astype(np.uint8), 1, constant_values=1)
    _, labels = cv2.connectedComponents(paper, connectivity=4)
    return np.asarray((paper > 0) & (labels != labels[0, 0]))[1:-1, 1:-1]


def _cheapest(price: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """The cost of the cheapest way from the first row to each pixel, and where it came from."""
    height, width = price.shape
    total = np.empty((height, width))
    step = np.zeros((height, width), np.int64)  # -1, 0 or 1 to the pixel in the row before
    total[0] = price[0]
    choices = np.empty((3, width))
    for row in range(1, height):
        before = total[row - 1]
        choices[0] = before
        choices[1, 0] = choices[2, -1] = np.inf
        choices[1, 1:] = before[:-1] + _SIDEWAYS
        choices[2, :-1] = before[1:] + _SIDEWAYS
        best = choices.argmin(axis=0)
        total[row] = price[row] + choices[best, np.arange(width)]
        step[row] = np.array([0, -1, 1])[best]
    return total, step


def _way(
    column: int, middle: int, from_above: NDArray[np.int64], from_below: NDArray[np.int64]
) -> NDArray[np.int64]:
    height = len(from_above)
    x = np.empty(height, np.int64)
    x[middle] = column
    for row in range(middle, 0, -1):
        x[row - 1] = x[row] + from_above[row, x[row]]
    for row in range(middle, height - 1):
        x[row + 1] = x[row] + from_below[height - 1 - row, x[row]]
    return x


def pieces(shape: tuple[int, int], cuts: Sequence[Seam], zoom: float = 1.0) -> NDArray[np.int32]:
    """Number the pieces between cuts.

    Args:
        shape: (h, w) of the mark.
        cuts: from left to right, found on the mark when it was ``zoom`` times as large.
        zoom: size of the picture that was cut, relative to ``shape``.

    Returns:
        (h, w) int32: 0 left of the first cut, 1 left of the second, and so on.
    """
    height, width = shape
    number = np.zeros(shape, np.int32)
    columns = np.arange(width) + 0.5
    for cut in cuts:
        rows = (np.arange(height) + 0.5) * zoom - 0.5
        x = (np.interp(rows, np.arange(len(cut.x)), cut.x) + 0.5) / zoom
        number += columns > x[:, None]
    return number


def best_path(
    num_atoms: int,
    runs: Sequence[tuple[int, int]],
    costs: Sequence[float] | NDArray[np.floating],
    skip_costs: Sequence[float] | NDArray[np.floating],
) -> list[int]:
    """Choose the runs that together explain all atoms at the least cost.

    Each atom lies in exactly one of the chosen runs, or is left out at its own cost.

    Args:
        num_atoms: of the line.
        runs: (first, last) atom of each candidate, both included.
        costs: of each candidate; infinity if it must not be chosen.
        skip_costs: of each atom, for leaving it out.

    Returns:
        Indices into ``runs``, from left to right; of equal ways, the one with fewer runs.
    """
    ending: list[list[int]] = [[] for _ in range(num_atoms)]
    for index, (_, last) in enumerate(runs):
        ending[last].append(index)
    best: list[tuple[float, int]] = [(0.0, 0)]  # (cost, number of runs) of the first k atoms
    came: list[int | None] = []  # the run that ends there; None leaves the atom out
    for atom in range(num_atoms):
        cost, count = best[atom]
        choice, chosen = (cost + float(skip_costs[atom]), count), None
        for index in ending[atom]:
            cost, count = best[runs[index][0]]
            option = (cost + float(costs[index]), count + 1)
            if option < choice:
                choice, chosen = option, index
        best.append(choice)
        came.append(chosen)
    path: list[int] = []
    end = num_atoms
    while end > 0:
        run = came[end - 1]
        if run is None:
            end -= 1
        else:
            path.append(run)
            end = runs[run][0]
    return path[::-1]


def run_shares(
    num_atoms: int,
    runs: Sequence[tuple[int, int]],
    costs: Sequence[float] | NDArray[np.floating],
    skip_costs: Sequence[float] | NDArray[np.floating],
) -> NDArray[np.float64]:
    """How much of all ways to explain the atoms goes through each run.

    A way is as probable as its costs say, which are taken for negative logarithms; so this is
    the probability that a run is right, given that one of the ways is.

    Args:
        num_atoms: of the line.
        runs: (first, last) atom of each candidate, both included.
        costs: of each candidate, in nats.
        skip_costs: of each atom, for leaving it out.

    Returns:
        (runs,) from 0 to 1.

    Source: Rabiner 1989, the forward and backward procedure, over segments.
    """
    spans = np.array(runs, np.int64).reshape(-1, 2)
    first, after = spans[:, 0], spans[:, 1] + 1
    forth = np.full(num_atoms + 1, -np.inf)
    back = np.full(num_atoms + 1, -np.inf)
    forth[0] = back[num_atoms] = 0.0
    weights, skips = -np.asarray(costs, np.float64), -np.asarray(skip_costs, np.float64)
    for atom in range(num_atoms):
        here = after == atom + 1
        ways = np.append(forth[first[here]] + weights[here], forth[atom] + skips[atom])
        forth[atom + 1] = np.logaddexp.reduce(ways)
    for atom in range(num_atoms - 1, -1, -1):
        here = first == atom
        ways = np.append(back[after[here]] + weights[here], back[atom + 1] + skips[atom])
        back[atom] = np.logaddexp.reduce(ways)
    return np.asarray(np.exp(forth[first] + weights + back[after] - forth[num_atoms]), np.float64)
