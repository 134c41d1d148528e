"""Digits that touch, overlap, or stand close together, with what is no digit among them.

Ink as the reader finds it, in one stretch, without the page around: what a line reader learns from.
"""

import math
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from inkdigits.synthesis.nondigits import KINDS
from inkdigits.synthesis.scribe import NO_DIGIT, Placed, Scribe, trimmed, x_beside

Ink = NDArray[np.float32]
Pixels = NDArray[np.uint8]

_SMALLEST_PX, _LARGEST_PX = 11.0, 40.0  # of the digits, before the strip is brought to its height
_COUNTS = (0.14, 0.38, 0.26, 0.13, 0.06, 0.03)  # shares of strips of one, two … marks
_UNEVEN, _MOST_UNEVEN = 0.6, 0.35  # of the hands; deviation of the logarithm of heights
_LINKED, _LINKED_LETTERS = 0.08, 0.6  # shares of neighbours between which the pen stays down
_OTHERS = (
    "capitals", "small_letters", "other_letters", "symbols", "words", "invented", "scribbles",
    "crossed_out", "marks", "printed_letters", "printed_words",
)  # fmt: skip
_RUNNING = ("small_letters",)  # of a word written by hand


class Span(NamedTuple):
    """What stands in a strip, and from where to where, in its pixels."""

    value: int  # 0 to 9, or 10 for what is no digit
    left: float
    right: float


class Strip(NamedTuple):
    """Ink without a margin, and what it says from left to right."""

    ink: Ink  # (h, w) float32
    marks: tuple[Span, ...]
    digit_px: float  # height of a typical digit


def synthetic_strips(
    rng: np.random.Generator, digits: tuple[Pixels, NDArray[np.integer]] | None = None
) -> Iterator[Strip]:
    """Write strips without end, each in another hand.

    Args:
        rng: source of randomness.
        digits: images (n, 28, 28) uint8 of every class, 255 is ink, and labels (n,), of which
            half of the strips are put together.
    """
    while True:
        digit_px = math.exp(rng.uniform(math.log(_SMALLEST_PX), math.log(_LARGEST_PX)))
        uneven = rng.uniform(0, _MOST_UNEVEN) if rng.random() < _UNEVEN else 0.0
        scribe = Scribe(rng, rng.uniform(0.045, 0.17), digit_px, digits, uneven)
        # Most strips are of digits alone; where there are others, there are often several.
        share_other = 0.0 if rng.random() < 0.7 else rng.choice([0.2, 0.5, 1.0, 1.0])
        is_word = share_other == 1 and rng.random() < 0.5
        others = _RUNNING if is_word else _OTHERS
        touching = rng.choice([0.5, 0.9])
        row: list[Placed] = []
        for _ in range(1 + int(rng.choice(len(_COUNTS), p=_COUNTS))):
            value = NO_DIGIT if rng.random() < share_other else int(rng.integers(10))
            ink = _other(rng, digit_px, others) if value == NO_DIGIT else scribe.write(value)
            foot = rng.normal(0.0, 0.06) * digit_px + scribe.drop_px(ink)
            y = round(foot) - ink.shape[0]
            if row:
                gap = (
                    rng.uniform(-0.18, 0.01) if rng.random() < touching else rng.uniform(0.02, 0.1)
                )
                row.append(Placed(value, ink, x_beside(row, ink, y, gap, digit_px), y))
            else:
                row.append(Placed(value, ink, 0, y))
        left, top = min(mark.x for mark in row), min(mark.y for mark in row)
        row = [replace(mark, x=mark.x - left, y=mark.y - top) for mark in row]
        right = max(mark.x + mark.ink.shape[1] for mark in row)
        bottom = max(mark.y + mark.ink.shape[0] for mark in row)
        ink = np.zeros((bottom, right), np.float32)
        for mark in row:
            place = np.s_[mark.y : mark.y + len(mark.ink), mark.x : mark.x + mark.ink.shape[1]]
            np.maximum(ink[place], mark.ink, out=ink[place])
        _link(ink, row, rng, digit_px, _LINKED_LETTERS if is_word else _LINKED)
        spoiled = _spoiled(ink, rng, digit_px)
        strokes = spoiled[spoiled > 0.2]
        if len(strokes) < 4:
            continue
        full = np.minimum(spoiled / np.quantile(strokes, 0.9), 1).astype(np.float32)
        marks = tuple(Span(mark.value, mark.x, mark.x + mark.ink.shape[1]) for mark in row)
        yield Strip(full, marks, digit_px)


def _other(rng: np.random.Generator, digit_px: float, kinds: tuple[str, ...]) -> Ink:
    kind = KINDS[kinds[int(rng.integers(len(kinds)))]]
    return trimmed(kind(rng, max(8, round(digit_px * rng.uniform(0.9, 1.6)))))


def _link(
    ink: Ink, row: list[Placed], rng: np.random.Generator, digit_px: float, share: float
) -> None:
    """Now and then the pen stays on the paper from one digit to the next, in place."""
    for before, after in pairwise(row):
        if rng.random() > share:
            continue
        thickness = max(1, round(rng.uniform(0.04, 0.1) * digit_px))
        start = before.x + 0.8 * before.ink.shape[1], before.y + len(before.ink) * rng.random()
        end = after.x + 0.2 * after.ink.shape[1], after.y + len(after.ink) * rng.random()
        line = np.zeros(ink.shape, np.uint8)
        a, b = ((round(x), round(y)) for x, y in (start, end))
        cv2.line(line, a, b, 255, thickness, cv2.LINE_AA)
        np.maximum(ink, line.astype(np.float32) * np.float32(rng.uniform(0.6, 1) / 255), out=ink)


def _spoiled(ink: Ink, rng: np.random.Generator, digit_px: float) -> Ink:
    """What paper, light and the removal of ruled lines do to ink."""
    height, width = ink.shape
    if rng.random() < 0.25:  # a ruled line took something away, or left something behind
        row, thickness = int(rng.integers(height)), max(1, round(rng.uniform(0.02, 0.06) * height))
        if rng.random() < 0.5:
            ink[row : row + thickness] *= np.float32(rng.uniform(0, 0.6))
        else:
            is_left = (rng.random((1, width)) < rng.uniform(0.2, 1.0)).astype(np.float32)
            remains = cv2.blur(is_left, (5, 1)) * np.float32(rng.uniform(0.3, 0.8))
            ink[row : row + thickness] = np.maximum(ink[row : row + thickness], remains)
    if rng.random() < 0.3:  # the paper's grain
        noise = rng.standard_normal(ink.shape).astype(np.float32)
        grain = cv2.GaussianBlur(noise, (0, 0), 1.0) * np.float32(rng.uniform(0.3, 1.2))
        ink = ink * np.clip(1 - np.abs(grain), 0, 1)
    if rng.random() < 0.4:
        blur_px = rng.uniform(0.3, max(0.35, 0.05 * digit_px))
        ink = np.asarray(cv2.GaussianBlur(ink, (0, 0), blur_px), np.float32)
    if rng.random() < 0.3:  # faint ink loses its edges, bold ink gains some
        ink = np.clip(ink * rng.uniform(1, 2) - rng.uniform(0, 0.5), 0, 1)
    return np.asarray(ink, np.float32)
