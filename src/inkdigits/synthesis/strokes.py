"""Digits that we draw ourselves: strokes of a pen, varied as people vary, painted at any size.

Three steps, each of use alone: a ``Hand`` is how one person writes; ``write_digit`` gives the
strokes of one digit in that hand; ``paint_strokes`` makes ink of strokes. A stroke is an (n, 3)
array of x, y and pen width, all in one unit, y downwards: multiply it to scale it,
add ``(dx, dy, 0)`` to move it.
"""

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

import cv2
import numpy as np
from numpy.typing import NDArray

from inkdigits.synthesis.skeletons import SKELETONS, Array, Skeleton

Stroke = NDArray[np.float64]
"""(n, 3) float64: x, y and width of the pen, in one unit, y downwards."""

_INK_SHARE = 20 / 28  # longer side of the ink against the side of the square, as in MNIST
_MIN_SIZE_PX, _MAX_SIZE_PX = 4, 2048
_SHIFT = 4  # fractional bits of the coordinates that OpenCV draws with

_CUMULATIVE_WEIGHTS = tuple(
    tuple(accumulate(skeleton.weight for skeleton in skeletons)) for skeletons in SKELETONS
)


@dataclass(frozen=True, kw_only=True)
class Hand:
    """How one person writes: what stays the same from digit to digit.

    Lengths are shares of a digit's height.
    """

    habits: tuple[float, ...]  # ten in [0, 1): which skeleton of each class
    pen_width: float
    slant: float  # share of the height that the top leans to the right
    aspect: float  # factor on the natural width
    rounding: float  # 0 corners as drawn, 1 rounded off
    looseness: float  # size of what differs from digit to digit, 1 is usual
    tremor: float
    pressure: float  # swing of the pen's width along a stroke
    contrast: float  # upstrokes and cross strokes thinner than downstrokes, 0 to 1
    taper: float  # how far the pen lifts at the ends of a stroke, 0 to 1


def sample_hand(rng: np.random.Generator) -> Hand:
    """Draw one person's way of writing.

    Args:
        rng: source of randomness; a page in one hand uses one.

    Returns:
        A ``Hand``; ``dataclasses.replace`` gives it another pen.
    """
    bold, lean, wide, tremor, pressure = rng.standard_normal(5).tolist()
    *habits, rounding, looseness, contrast, taper = rng.random(14).tolist()
    return Hand(
        habits=tuple(habits),
        pen_width=_between(0.035, 0.125 * math.exp(0.38 * bold), 0.23),
        slant=_between(-0.4, 0.13 + 0.24 * lean, 0.75),
        aspect=_between(0.6, math.exp(0.19 * wide), 1.5),
        rounding=rounding,
        looseness=0.5 + 1.2 * looseness,
        tremor=0.0025 * max(0.0, tremor),
        pressure=0.1 * abs(pressure),
        contrast=0.5 * contrast**3,
        taper=0.7 * taper**2,
    )


def write_digit(digit: int, rng: np.random.Generator, hand: Hand | None = None) -> list[Stroke]:
    """Write one digit, as strokes.

    Args:
        digit: 0 to 9.
        rng: source of randomness; what differs from digit to digit.
        hand: who writes; a new person if None.

    Returns:
        Strokes in the order they are written. The digit stands about in the unit square,
        its height about 1.

    Raises:
        ValueError: digit is not 0 to 9.
    """
    if not 0 <= digit <= 9:
        raise ValueError(f"digit is {digit}; give a whole number from 0 to 9")
    if hand is None:
        hand = sample_hand(rng)
    return write_skeleton(_chosen(digit, hand), rng, hand)


def write_skeleton(skeleton: Skeleton, rng: np.random.Generator, hand: Hand) -> list[Stroke]:
    """Write one given skeleton in one hand.

    Args:
        skeleton: a way of writing a digit, as one of ``SKELETONS``.
        rng: source of randomness; what differs from digit to digit.
        hand: who writes.

    Returns:
        Strokes as ``write_digit`` gives them.
    """
    loose = hand.looseness
    control = skeleton.control + 0.015 * loose * _noise(rng, *skeleton.control.shape)
    if len(skeleton.strokes) > 1:
        control += 0.026 * loose * _noise(rng, len(skeleton.strokes), 2)[skeleton.owner]
    # Strokes begin and end a little early or late.
    first, last = skeleton.first, skeleton.last
    reach = np.maximum(0.03 + 0.09 * loose * _noise(rng, 2, len(first), 1), -0.1)
    control[first] += reach[0] * (control[first] - control[first + 1])
    control[last] += reach[1] * (control[last] - control[last - 1])

    basis = skeleton.sharp + hand.rounding * skeleton.give * (skeleton.soft - skeleton.sharp)
    points = _bend(basis @ control, rng, hand, skeleton.give)
    if hand.tremor:
        noise = rng.normal(0.0, hand.tremor, (len(points) + 2, 2))
        points += noise[2:] + noise[1:-1] + noise[:-2]
    widths = _pen_widths(skeleton, points, rng, hand)

    written = np.column_stack((points, widths))
    strokes = [written[a:b] for a, b in zip((0, *skeleton.splits), skeleton.splits, strict=False)]
    return _skip(strokes, rng) if rng.random() < 0.03 else strokes


def _chosen(digit: int, hand: Hand) -> Skeleton:
    cumulative = _CUMULATIVE_WEIGHTS[digit]
    return SKELETONS[digit][bisect_right(cumulative, hand.habits[digit] * cumulative[-1])]


def _bend(points: Array, rng: np.random.Generator, hand: Hand, give: float) -> Array:
    """Warp the square smoothly, then lean, stretch and turn it: (n, 2) to (n, 2)."""
    loose = hand.looseness
    middle, waist, bow, sag, wider, slant, turn = (loose * _noise(rng, 7)).tolist()
    x, y = points[:, 0] - 0.5, points[:, 1] - 0.5
    room = 0.25 - y * y  # 0 at top and bottom: what is added there moves parts, not the whole
    new_y = y + 0.24 * middle * room + 0.12 * sag * (0.25 - x * x)
    new_x = x * (1 + 0.25 * waist * y) + 0.14 * bow * room

    # Two slow waves each way.
    phase = rng.uniform(0.0, 2 * math.pi, 4)
    waves = np.sin(np.stack((4 * y, 6 * y, 4 * x, 6 * x)) + phase[:, None])
    gain = 0.023 * loose * _noise(rng, 4)
    new_x += gain[0] * waves[0] + gain[1] * waves[1]
    new_y += gain[2] * waves[2] + gain[3] * waves[3]

    new_x *= hand.aspect**give * math.exp(0.07 * wider)
    new_x -= (hand.slant * give + 0.05 * slant) * new_y
    angle = 0.045 * turn
    cos, sin = math.cos(angle), math.sin(angle)
    return np.column_stack((cos * new_x - sin * new_y + 0.5, sin * new_x + cos * new_y + 0.5))


def _pen_widths(skeleton: Skeleton, points: Array, rng: np.random.Generator, hand: Hand) -> Array:
    phase = rng.uniform(0.0, 2 * math.pi)
    lift_start, lift_end = (rng.random(2) * hand.taper).tolist()
    widths: Array = 1 + hand.pressure * np.sin(4 * skeleton.from_start + phase)
    widths *= 1 - lift_start * np.exp(-skeleton.from_start / 0.12)
    widths *= 1 - lift_end * np.exp(-skeleton.to_end / 0.18)
    if hand.contrast > 0.05:
        step = np.diff(points, axis=0, append=points[-1:])
        down = step[:, 1] / (np.hypot(step[:, 0], step[:, 1]) + 1e-9)
        smooth = np.convolve(np.maximum(down, 0.0), np.full(5, 0.2), "same")
        widths *= 1 - hand.contrast * (1 - smooth)
    return min(hand.pen_width, skeleton.widest_pen) * np.maximum(widths, 0.3)


def _noise(rng: np.random.Generator, *shape: int) -> Array:
    """Draw from a normal distribution without its tails: nobody's hand slips by four deviations."""
    noise = rng.standard_normal(shape)
    return noise.clip(-2.0, 2.0, out=noise)


def _skip(strokes: list[Stroke], rng: np.random.Generator) -> list[Stroke]:
    """Leave a small gap somewhere, as a pen does that runs dry."""
    k = int(rng.integers(len(strokes)))
    stroke = strokes[k]
    at = int(rng.uniform(0.2, 0.8) * len(stroke))
    before, after = stroke[: at - 1], stroke[at + 2 :]
    return [*strokes[:k], *(s for s in (before, after) if len(s) >= 2), *strokes[k + 1 :]]


def ink_box(strokes: Sequence[Stroke]) -> tuple[float, float, float, float]:
    """Find the box around the ink of some strokes.

    Args:
        strokes: at least one.

    Returns:
        Left, top, width, height, in the strokes' unit.
    """
    points = np.concatenate(strokes)
    half = points[:, 2:] / 2
    left, top = (points[:, :2] - half).min(axis=0).tolist()
    right, bottom = (points[:, :2] + half).max(axis=0).tolist()
    return left, top, right - left, bottom - top


def paint_strokes(strokes: Sequence[Stroke], height_px: int, width_px: int) -> NDArray[np.float32]:
    """Paint strokes with a round pen, anti-aliased.

    A stroke's width is right to a quarter of a pixel up to 300 pixels, to half a pixel beyond.

    Args:
        strokes: in pixels of the picture, (0, 0) its top left corner. What lies outside is cut off.
        height_px: of the picture, at least 1.
        width_px: of the picture, at least 1.

    Returns:
        (height_px, width_px) float32 in [0, 1], 1 is ink.

    Raises:
        ValueError: a side is below 1.
    """
    if min(height_px, width_px) < 1:
        raise ValueError(f"the picture is {width_px}×{height_px} pixels; give sides of at least 1")
    # Painted several times larger, then averaged: a small picture more so, a large one less.
    longer_px = max(height_px, width_px)
    fine = max(2, math.ceil(196 / longer_px), min(6, 1200 // longer_px))
    canvas = np.zeros((height_px * fine, width_px * fine), np.uint8)
    for stroke in strokes:
        # OpenCV counts from the middle of a pixel, and draws an even thickness one wider.
        points = np.rint((stroke[:, :2] * fine - 0.5) * (1 << _SHIFT)).astype(np.int32)
        widths = np.maximum(2 * np.rint((stroke[:, 2] * fine - 1) / 2), 1).astype(np.int32)
        turns = np.flatnonzero(widths[1:] != widths[:-1]) + 1
        for a, b in zip((0, *turns.tolist()), (*turns.tolist(), len(stroke)), strict=True):
            cv2.polylines(
                canvas, [points[a : b + 1]], False, 255, int(widths[a]), cv2.LINE_8, _SHIFT
            )
    small = cv2.resize(canvas, (width_px, height_px), interpolation=cv2.INTER_AREA)
    return small.astype(np.float32) / np.float32(255)


def draw_digit(digit: int, rng: np.random.Generator, size_px: int = 28) -> NDArray[np.float32]:
    """Draw one digit as a new person would write it, placed in a square as MNIST places it.

    Args:
        digit: 0 to 9.
        rng: source of randomness. The same state draws the same digit at every size.
        size_px: side of the square in pixels, 4 to 2048.

    Returns:
        (size_px, size_px) float32 in [0, 1], 1 is ink. The longer side of the ink is about 20/28 of
        the square, its centre of mass is near the middle.

    Raises:
        ValueError: digit is not 0 to 9, or size_px is out of range.
    """
    _check_size(size_px)
    strokes = write_digit(digit, rng)
    return paint_strokes(_placed(strokes, rng, size_px), size_px, size_px)


def _placed(strokes: list[Stroke], rng: np.random.Generator, size_px: int) -> list[Stroke]:
    left, top, width, height = ink_box(strokes)
    scale = size_px * _INK_SHARE * rng.uniform(0.95, 1.04) / max(width, height)
    jitter_x, jitter_y = (rng.normal(0.0, size_px / 90, 2)).tolist()
    mean_x, mean_y = _centre_of_mass(strokes)

    def shift(low: float, length: float, mean: float, jitter: float) -> float:
        # The ink stays inside the square, even where its mass sits far to one side.
        return _between(
            -low * scale, size_px / 2 - mean * scale + jitter, size_px - (low + length) * scale
        )

    move = np.array(
        [shift(left, width, mean_x, jitter_x), shift(top, height, mean_y, jitter_y), 0.0]
    )
    return [stroke * scale + move for stroke in strokes]


def _centre_of_mass(strokes: Sequence[Stroke]) -> tuple[float, float]:
    mass = sum_x = sum_y = 0.0
    for stroke in strokes:
        step = stroke[1:, :2] - stroke[:-1, :2]
        weights = np.hypot(step[:, 0], step[:, 1]) * stroke[1:, 2]
        x, y, _ = (weights @ (stroke[1:] + stroke[:-1]) / 2).tolist()
        mass, sum_x, sum_y = mass + float(weights.sum()), sum_x + x, sum_y + y
    return sum_x / mass, sum_y / mass


def synthetic_digits(
    count: int, seed: int, size_px: int = 28
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Make a labelled data set of drawn digits, each by another person.

    Args:
        count: how many digits. A longer set begins with the shorter one of the same seed.
        seed: the same seed gives the same digits.
        size_px: side of a square in pixels, 4 to 2048.

    Returns:
        Images (count, size_px, size_px) uint8, 255 is ink, and labels (count,) int64. Classes are
        shuffled and balanced: in every ten digits each class comes once.

    Raises:
        ValueError: count is negative, or size_px is out of range.
    """
    _check_size(size_px)
    if count < 0:
        raise ValueError(f"count is {count}; give 0 or more digits to draw")
    label_rng, ink_rng = np.random.default_rng(seed).spawn(2)
    tens = [label_rng.permutation(10) for _ in range(math.ceil(count / 10))]
    labels = np.concatenate([np.empty(0, np.int64), *tens])[:count]
    images = np.empty((count, size_px, size_px), np.uint8)
    for image, label in zip(images, labels.tolist(), strict=True):
        image[:] = np.rint(draw_digit(label, ink_rng, size_px) * 255)
    return images, labels


def _check_size(size_px: int) -> None:
    if not _MIN_SIZE_PX <= size_px <= _MAX_SIZE_PX:
        raise ValueError(
            f"size_px is {size_px}; give a side of {_MIN_SIZE_PX} to {_MAX_SIZE_PX} pixels"
        )


def _between(low: float, value: float, high: float) -> float:
    return min(max(low, value), high)
