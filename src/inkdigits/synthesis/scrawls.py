"""Marks of a pen that are no digit: letters, words, scribbles, struck and ringed digits, lines.

Each public function gives the strokes of one, in a hand of its own, in a unit of about a digit's
height; ``write_digit`` is their counterpart.
"""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from inkdigits.synthesis.letters import alphabets
from inkdigits.synthesis.strokes import (
    Hand,
    Stroke,
    ink_box,
    sample_hand,
    write_digit,
    write_skeleton,
)

Points = NDArray[np.float64]


def _pen(points: Points, hand: Hand, widest: float = 1.0) -> Stroke:
    return np.column_stack((points, np.full(len(points), min(hand.pen_width, widest))))


def _smooth(points: Points, rounds: int = 3) -> Points:
    """Cut corners, a few times over; the ends stay: (n, 2) to (m, 2)."""
    for _ in range(rounds):
        before, after = points[:-1], points[1:]
        cut = np.stack((0.75 * before + 0.25 * after, 0.25 * before + 0.75 * after), axis=1)
        points = np.concatenate((points[:1], cut.reshape(-1, 2), points[-1:]))
    return points


def _ring(rng: np.random.Generator, overlap: float = 0.3) -> Points:
    """A circle of radius 1 about the origin, as a hand draws it."""
    start = rng.uniform(0, 2 * math.pi)
    angle = start + np.linspace(0, 2 * math.pi + overlap * rng.random(), 40)
    wave = rng.normal(0.0, 0.06, 4)
    radius = (
        1 + wave[0] * np.cos(angle) + wave[1] * np.sin(2 * angle) + wave[2] * (angle - start) / 6
    )
    return np.asarray(radius[:, None] * np.column_stack((np.cos(angle), np.sin(angle))))


def letter(alphabet: str) -> Callable[[np.random.Generator], list[Stroke]]:
    """Choose one of ``alphabets()``; what comes back writes a letter of it."""

    def write(rng: np.random.Generator) -> list[Stroke]:
        skeletons = alphabets()[alphabet]
        skeleton = skeletons[int(rng.integers(len(skeletons)))]
        return write_skeleton(skeleton, rng, sample_hand(rng))

    return write


def word(rng: np.random.Generator) -> list[Stroke]:
    """Write two to five letters side by side."""
    hand = sample_hand(rng)
    skeletons = alphabets()["capitals" if rng.random() < 0.4 else "small_letters"]
    strokes: list[Stroke] = []
    at = 0.0
    for _ in range(int(rng.integers(2, 6))):
        letter = write_skeleton(skeletons[int(rng.integers(len(skeletons)))], rng, hand)
        left, _, width, _ = ink_box(letter)
        strokes += [stroke + np.array([at - left, 0.0, 0.0]) for stroke in letter]
        at += width + rng.uniform(-0.02, 0.25)
    return strokes


def invented(rng: np.random.Generator) -> list[Stroke]:
    """Write a letter of no script: five or six strokes between points of a loose grid.

    Fewer strokes than that too often make a digit.
    """
    hand = sample_hand(rng)
    grid = np.stack(np.meshgrid((0.0, 0.5, 1.0), (0.0, 0.5, 1.0)), axis=-1).reshape(9, 2)
    grid = (grid + rng.normal(0.0, 0.05, grid.shape)) * (rng.uniform(0.7, 1.2), 1.0)
    lines = []
    for _ in range(int(rng.integers(5, 7))):
        a, b, c, _ = grid[rng.permutation(9)[:4]]
        kind = rng.random()
        if kind < 0.5:
            lines.append(np.stack((a, b)))
        elif kind < 0.8:
            lines.append(_smooth(np.stack((a, b, c))))
        else:
            lines.append(a + rng.uniform(0.12, 0.25) * _ring(rng))
    if rng.random() < 0.3:
        lines.append(rng.random(2) + np.array([[0.0, 0.0], [0.02, 0.02]]))
    return [_pen(line, hand, widest=0.09) for line in lines]


def _scribble_points(rng: np.random.Generator) -> Points:
    """Back and forth, in loops, or in a tangle, about the unit square."""
    kind = rng.random()
    if kind < 0.4:  # back and forth
        turns = int(rng.integers(6, 14))
        side = np.arange(turns) % 2 + rng.normal(0.0, 0.12, turns)
        along = np.linspace(0, 1, turns) + rng.normal(0.0, 0.03, turns)
        points = _smooth(np.column_stack((along, side)), int(rng.integers(0, 4)))
    elif kind < 0.7:  # loops that move on
        loops = rng.uniform(3.5, 8)
        t = np.linspace(0, 2 * math.pi * loops, int(20 * loops))
        drift, radius = t / t[-1], rng.uniform(0.15, 0.5)
        points = np.column_stack((drift + radius * np.cos(t), 0.5 + 0.5 * np.sin(t)))
        points += 0.05 * np.sin(t[:, None] * rng.uniform(0.2, 0.7, 2) + rng.uniform(0, 6, 2))
    else:
        points = _smooth(rng.random((int(rng.integers(12, 20)), 2)))
    angle = rng.uniform(0, 2 * math.pi)
    turn = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
    return np.asarray((points - 0.5) @ turn * (1.0, rng.uniform(0.6, 1.0)) + 0.5)


def scribble(rng: np.random.Generator) -> list[Stroke]:
    """Scrawl back and forth, in loops or in a tangle."""
    hand = sample_hand(rng)
    count = 1 + (rng.random() < 0.2)
    return [_pen(_scribble_points(rng), hand, widest=0.1) for _ in range(count)]


def _narrow_digit(digits: str, rng: np.random.Generator) -> tuple[list[Stroke], Hand]:
    """One of some digits, with a pen that leaves room for what is drawn about it."""
    hand = sample_hand(rng)
    thinner = (1, 1, min(1.0, 0.12 / hand.pen_width))
    digit = int(digits[int(rng.integers(len(digits)))])
    return [stroke * thinner for stroke in write_digit(digit, rng, hand)], hand


def crossed_out(rng: np.random.Generator) -> list[Stroke]:
    """Write a digit that somebody struck out; a crossed 7 and a slashed 0 stay what they are."""
    kind = rng.random()
    # One line through 0, 1, 4 or 7 may belong to it; two lines that cross do not. Nor may a line
    # run along a stroke of the digit, or bars cross a stem.
    rises = rng.random() < 0.4
    digits = "0123456789"
    if kind < 0.3:
        digits = "358" if rises else "235689"
    elif 0.65 <= kind < 0.8:
        digits = "02345689"
    strokes, hand = _narrow_digit(digits, rng)
    left, top, width, height = ink_box(strokes)
    middle, reach = np.array([left + width / 2, top + height / 2]), np.array([width, height]) / 2
    if kind < 0.65:
        signs = [(1, 1), (1, -1)] if kind >= 0.3 else [(1, -1) if rises else (1, 1)]
        over = rng.uniform(1.15, 1.5)
        ends = [np.array([[-1, -1], [1, 1]]) * sign * reach * over for sign in signs]
        ends = [end * (max(1.0, 0.35 / reach[0]), 1.0) for end in ends]  # across a 1 as well
    elif kind < 0.8:  # two or three bars
        levels = np.linspace(-0.5, 0.5, int(rng.integers(2, 4)))
        half = max(reach[0], 0.3) * rng.uniform(1.25, 1.6)
        ends = [np.array([[-half, y * height / 2], [half, (y - 0.2) * height / 2]]) for y in levels]
    else:
        ends = [(_scribble_points(rng) - 0.5) * np.maximum(reach, 0.3) * rng.uniform(2.0, 2.5)]
    strikes = [middle + end + rng.normal(0.0, 0.03, end.shape) * (len(end) == 2) for end in ends]
    return strokes + [_pen(strike, hand, widest=0.12) for strike in strikes]


def ringed(rng: np.random.Generator) -> list[Stroke]:
    """Write a digit within a circle or a box. A 0 within a circle could be a bold 0."""
    strokes, hand = _narrow_digit("123456789", rng)
    left, top, width, height = ink_box(strokes)
    middle, side = np.array([left + width / 2, top + height / 2]), max(width, height)
    if rng.random() < 0.6:
        line = _ring(rng) * side * rng.uniform(0.75, 0.95) * (rng.uniform(0.85, 1.2), 1.0)
    else:
        square = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1], [-1, -1]], np.float64)
        square += rng.normal(0.0, 0.05, square.shape)
        line = square * side * rng.uniform(0.65, 0.85) * (rng.uniform(0.8, 1.3), 1.0)
    return [*strokes, _pen(line + middle, hand, widest=0.09)]


def marks(rng: np.random.Generator) -> list[Stroke]:
    """Write dots and dashes; no steep dash, which is a 1, and no two side by side, which are 11."""
    hand = sample_hand(rng)
    kind = rng.random()
    if kind < 0.35:  # dashes, one above the other
        count = int(rng.integers(1, 4))
        tilt = rng.uniform(-0.35, 0.35)
        starts = np.column_stack((rng.normal(0.0, 0.05, count), 0.35 * np.arange(count)))
        ends = starts + np.column_stack((rng.uniform(0.8, 1.1, count), np.full(count, tilt)))
        return [_pen(np.stack(pair), hand) for pair in zip(starts, ends, strict=True)]
    if kind < 0.55:  # dots in a row
        count = int(rng.integers(2, 6))
        places = np.column_stack((np.arange(count) * 0.5, rng.normal(0.0, 0.06, count)))
    elif kind < 0.9:  # dots anywhere
        places = rng.permutation(9)[: int(rng.integers(2, 7)), None] // (1, 3) % 3 * 0.5
        places = places + rng.normal(0.0, 0.06, places.shape)
    else:
        places = np.zeros((1, 2))
    dots = [np.stack((place, place + rng.normal(0.0, 0.03, 2))) for place in places]
    return [_pen(dot, hand) + np.array([0.0, 0.0, 0.06]) for dot in dots]


# Lines from (x, y) to (x, y) in a square of 2 × 2. A corner at the top right alone is a 7, a stem
# with a foot is a 1, a corner at the bottom right a J, and two upright lines are 11.
_CORNERS = (
    "00-02 00-20", "00-02 02-22", "00-20 10-12", "00-02 01-21", "20-22 01-21", "10-12 01-21",
    "00-20 00-02 02-22", "00-02 00-20 20-22", "00-02 02-22 20-22", "00-20 01-21",
    "00-20 01-21 02-22", "00-02 20-22 01-21", "10-12 01-21 02-22", "00-02 10-12 01-21",
    "00-02 10-12 20-22 01-21", "00-20 01-21 00-02", "00-02 00-20 10-12 01-21",
    "00-02 10-12 20-22 00-20 01-21 02-22", "00-20 02-22",
)  # fmt: skip


def corner(rng: np.random.Generator) -> list[Stroke]:
    """Draw corners and crossings of boxes and ruled lines."""
    hand = sample_hand(rng)
    written = _CORNERS[int(rng.integers(len(_CORNERS)))]
    stretch = np.exp(rng.normal(0.0, 0.25, 2))
    tilt = rng.normal(0.0, 0.07)
    strokes = []
    for line in written.split():
        ends = np.array([[int(line[0]), int(line[1])], [int(line[3]), int(line[4])]], np.float64)
        along = ends[1] - ends[0]
        ends[0] -= along * rng.uniform(-0.05, 0.2) * (rng.random() < 0.5)
        ends[1] += along * rng.uniform(-0.05, 0.2) * (rng.random() < 0.5)
        ends = ends * stretch
        ends = ends + tilt * ends[:, ::-1] * (1, -1)
        strokes.append(_pen(ends, hand))
    return strokes
