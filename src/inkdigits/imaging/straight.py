"""What is thin and straight in the ink, put together from its pieces: rules, and some strokes."""

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from inkdigits.imaging.ink import Ink
from inkdigits.imaging.paper import Pixels
from inkdigits.imaging.ranks import median, quantile

FAINT = 0.12  # from here on a pixel may belong to a rule
_WIDEST_SHARE, _WIDEST_PX = 1 / 150, 7  # a rule is narrower than the sum: of the page, and px
_SHORTEST_PX = 6  # a shorter piece says nothing of where its rule goes
THIN = 5  # a rule is so many times as long as it is wide
_MIN_RUN_PX, _MAX_RUN_PX = 9, 25  # pieces of a rule that are straight along the grid
_MAX_PIECES = 500  # the longest; bounds time on texture
_MAX_SLOPE = 0.15
_BENDS_PX, _BEND = 200, 0.004  # a longer rule may bend, by this share of its length
_MOSTLY = 0.6  # of a piece is the rule itself
_GAP = 0.3  # of the shorter piece's length: a gap in a rule is smaller
_INKED = 0.95  # of a wider gap is a stroke that crosses
_OVERLAP_PX = 3
_MAX_OPTIONS = 3

Truths = NDArray[np.bool_]


class Rule(NamedTuple):
    """A straight line, nearly along the rows; all in pixels.

    Attributes:
        start: its first column.
        end: one past its last column.
        curve: coefficients of the polynomial that gives the row of a column, highest power first.
        width_px: across it.
    """

    start: float
    end: float
    curve: NDArray[np.float64]
    width_px: float

    @property
    def length(self) -> float:
        """How far it goes along the rows."""
        return self.end - self.start

    def at(self, x: float) -> float:
        """The row at a column."""
        row = 0.0
        for coefficient in self.curve.tolist():  # of one point, polyval takes ten times as long
            row = row * x + coefficient
        return row


def straight(ink: Ink) -> list[Rule]:
    """Find everything thin and straight along the rows, short pieces included.

    Args:
        ink: (h, w) float32 in [0, 1]; 1 is ink. For what runs down the columns, transposed.

    Returns:
        In no order; each is at least five times as long as it is wide.
    """
    is_ink = (ink > FAINT).astype(np.uint8)
    run_px = int(np.clip(max(ink.shape) / 50, _MIN_RUN_PX, _MAX_RUN_PX))
    thick = cv2.dilate(is_ink, np.ones((3, 1), np.uint8))  # a tilted rule is a staircase
    thick = cv2.morphologyEx(thick, cv2.MORPH_OPEN, np.ones((1, run_px), np.uint8))
    runs = cv2.bitwise_and(thick, is_ink)
    # Strokes that cross would tie neighbouring rules together.
    widest_px = min(int(max(ink.shape) * _WIDEST_SHARE) + _WIDEST_PX, 2 * ink.shape[0] + 1)
    runs[cv2.morphologyEx(is_ink, cv2.MORPH_OPEN, np.ones((widest_px, 1), np.uint8)) > 0] = 0
    _, labels, stats, _ = cv2.connectedComponentsWithStats(runs, connectivity=8)
    left, top, width, height = stats[:, :4].T.astype(np.int64)
    chosen = np.flatnonzero((width >= _SHORTEST_PX) & (height <= width))
    chosen = chosen[chosen > 0]
    chosen = chosen[np.argsort(-width[chosen], kind="stable")[:_MAX_PIECES]]
    pieces = []
    for index in chosen.tolist():
        place = (
            slice(top[index], top[index] + height[index]),
            slice(left[index], left[index] + width[index]),
        )
        piece = _fitted(labels[place] == index, int(left[index]), int(top[index]))
        if piece is not None:
            pieces.append(piece)
    return [rule for rule in _chained(pieces, is_ink) if rule.length >= THIN * rule.width_px]


def _fitted(own: Truths, left: int, top: int) -> Rule | None:
    """The line through most pixels of one piece, which strokes may touch; None if there is none."""
    thickness = own.sum(axis=0)
    columns = np.flatnonzero(thickness)
    thickness = thickness[columns]
    width_px = quantile(thickness, 0.3)
    is_thin = thickness <= 1.5 * width_px + 1
    rows = np.arange(own.shape[0], dtype=np.float64)
    x, y = columns[is_thin] + left, ((rows @ own)[columns] / thickness)[is_thin] + top
    slope, x_mid, y_mid = 0.0, median(x), median(y)
    if len(x) > 2:
        points = np.stack([x - x_mid, y - y_mid], axis=1).astype(np.float32)
        right, down, x_off, y_off = cv2.fitLine(points, cv2.DIST_HUBER, 0, 0.01, 0.01).ravel()
        slope = float(down / right) if right else np.inf
        x_mid, y_mid = x_mid + float(x_off), y_mid + float(y_off)
    if abs(slope) > _MAX_SLOPE:
        return None
    off = np.abs(y_mid + slope * (x - x_mid) - y)
    is_on = off <= 1 + width_px / 2 + _BEND * own.shape[1]
    if is_on.sum() < max(3, _MOSTLY * len(columns)):
        return None
    x, y = x[is_on], y[is_on]
    curve = np.polyfit(x, y, 3 if x[-1] - x[0] > _BENDS_PX else 1)
    return Rule(float(x[0]), float(x[-1]) + 1, curve, width_px)


def _chained(pieces: list[Rule], is_ink: Pixels) -> list[Rule]:
    """Put pieces together that continue each other, with ink all the way between them."""
    chains: list[Rule] = []
    ends = np.zeros((len(pieces), 5))  # of each chain: x, y, slope, width, length
    for piece in sorted(pieces, key=lambda piece: piece.start):
        x, y, slope, width_px, length = ends[: len(chains)].T
        gap_px = piece.start - x
        off_px = np.abs(y + slope * gap_px - piece.at(piece.start))
        fits = (gap_px > -_OVERLAP_PX) & (off_px <= 1.5 + (width_px + piece.width_px) / 4)
        is_near = gap_px < 3 + _GAP * np.minimum(length, piece.length)
        options = np.flatnonzero(fits)
        place = len(chains)
        for index in options[np.argsort(off_px[options] + gap_px[options])][:_MAX_OPTIONS].tolist():
            if is_near[index] or _is_inked(is_ink, chains[index], piece):
                place = index
                break
        if place == len(chains):
            chains.append(piece)
        else:
            chains[place] = _together(chains[place], piece)
        chain = chains[place]
        back = max(chain.start, chain.end - 60)
        rise = (chain.at(chain.end) - chain.at(back)) / max(chain.end - back, 1)
        ends[place] = chain.end, chain.at(chain.end), rise, chain.width_px, chain.length
    return chains


def _is_inked(is_ink: Pixels, chain: Rule, piece: Rule) -> bool:
    """Whether ink goes on from a chain's end to a piece's start."""
    x = np.arange(int(chain.end), int(piece.start) + 1)
    y = np.linspace(chain.at(chain.end), piece.at(piece.start), len(x))
    rows = np.clip(np.rint(y).astype(np.int64) + np.array([[-1], [0], [1]]), 0, len(is_ink) - 1)
    return float(is_ink[rows, np.minimum(x, is_ink.shape[1] - 1)].any(axis=0).mean()) > _INKED


def _together(one: Rule, other: Rule) -> Rule:
    x = [np.linspace(rule.start, rule.end, 50) for rule in (one, other)]
    y = [np.polyval(rule.curve, points) for rule, points in zip((one, other), x, strict=True)]
    weights = [np.full(50, rule.length) for rule in (one, other)]
    length = other.end - one.start
    curve = np.polyfit(
        np.concatenate(x),
        np.concatenate(y),
        3 if length > _BENDS_PX else 1,
        w=np.concatenate(weights),
    )
    return Rule(one.start, max(one.end, other.end), curve, max(one.width_px, other.width_px))
