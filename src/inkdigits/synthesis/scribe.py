"""One hand that writes digits, and other things, and sets them beside each other."""

import math
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from inkdigits.synthesis.figures import INK_SHARE
from inkdigits.synthesis.nondigits import KINDS
from inkdigits.synthesis.strokes import ink_box, paint_strokes, sample_hand, write_digit

Ink = NDArray[np.float32]
Pixels = NDArray[np.uint8]

NO_DIGIT = 10
INKED = 0.35  # what is fainter does not count for a digit's box

_ODDEST = 0.6  # logarithm of a height: no figure is half as high, or twice
_CANDIDATES = 6  # images that a digit is chosen from


@dataclass(frozen=True)
class Placed:
    """The ink of one mark, and where its top left corner is, in pixels of the unframed page.

    Attributes:
        value: 0 to 9, or 10 for what is no digit.
        ink: (h, w) float32, without a margin.
        x, y: of the corner.
    """

    value: int
    ink: Ink
    x: int
    y: int


class Scribe:
    """Writes digits in one hand, or takes them from images."""

    def __init__(
        self,
        rng: np.random.Generator,
        pen_width: float,
        digit_px: float,
        digits: tuple[Pixels, NDArray[np.integer]] | None,
        uneven: float = 0.0,
    ) -> None:
        self._rng, self._digit_px = rng, digit_px
        self._hand = replace(sample_hand(rng), pen_width=pen_width, looseness=0.8)
        self._images: Pixels | None = None
        self._pools: list[NDArray[np.intp]] = []
        self._heights = np.ones(10)  # of each figure, in heights of a typical digit
        self._drop = 0.0  # share of what one is higher than a typical digit
        if uneven > 0:
            self._heights = np.exp(rng.normal(0.0, uneven, 10).clip(-_ODDEST, _ODDEST))
            self._drop = float(rng.uniform(0.0, 0.6))
        if digits is None:
            return
        images, labels = digits
        self._pools = [np.flatnonzero(labels == value) for value in range(10)]
        if missing := [value for value, pool in enumerate(self._pools) if not len(pool)]:
            raise ValueError(f"digits have no image of {missing}; give some of every class")
        if rng.random() < 0.5:
            self._images = images

    def write(self, value: int) -> Ink:
        """The ink of one digit, without a margin: (h, w)."""
        size_px = self._digit_px * self._rng.uniform(0.92, 1.08) * float(self._heights[value])
        if self._images is not None:
            # Of several people's digits, the one whose pen is most like this page's.
            choice = self._images[self._rng.choice(self._pools[value], _CANDIDATES)]
            off = [abs(_pen_width(image) - self._hand.pen_width) for image in choice]
            return _enlarged(choice[int(np.argmin(off))], size_px)
        strokes = write_digit(value, self._rng, self._hand)
        left, top, width, height = ink_box(strokes)
        move = np.array([1 - left * size_px, 1 - top * size_px, 0.0])
        ink = paint_strokes(
            [stroke * size_px + move for stroke in strokes],
            math.ceil(height * size_px) + 2,
            math.ceil(width * size_px) + 2,
        )
        return trimmed(ink)

    def drop_px(self, ink: Ink) -> float:
        """How far it reaches below the line: what is higher than a typical digit; low 0s float."""
        return self._drop * (len(ink) - self._digit_px)

    def scrawl(self, kind: str) -> Ink:
        """The ink of something that is no digit, of a kind of ``KINDS``, without a margin."""
        size_px = self._digit_px * self._rng.uniform(0.6, 1.1)
        return trimmed(KINDS[kind](self._rng, round(size_px / INK_SHARE)))


def _pen_width(image: Pixels) -> float:
    """About the width of the strokes, as a share of the box of 20 px: twice area by outline."""
    is_ink = (image > 110).astype(np.uint8)
    inner = cv2.erode(is_ink, np.ones((3, 3), np.uint8))
    area = int(is_ink.sum())
    return 2 * area / max(1, area - int(inner.sum())) / 20


def _enlarged(image: Pixels, size_px: float) -> Ink:
    """An image of 28 × 28, its box of 20 px scaled to the given size, with clear edges."""
    scale = size_px / 20
    side = max(4, round(28 * scale))
    mode = cv2.INTER_CUBIC if scale > 1 else cv2.INTER_AREA
    ink = cv2.resize(image.astype(np.float32) / np.float32(255), (side, side), interpolation=mode)
    if scale > 1.5:  # a stroke's edge is as wide as a pixel was
        ink = cv2.GaussianBlur(ink, (0, 0), scale / 3)
        ink = (ink - 0.42) * np.float32(min(1.5 * scale, 12)) + 0.5
    return trimmed(np.clip(ink, 0, 1).astype(np.float32))


def trimmed(ink: Ink) -> Ink:
    """The ink without a margin; at least 1×1."""
    left, top, width, height = cv2.boundingRect((ink > 0.05).astype(np.uint8))
    return ink[top : top + max(1, height), left : left + max(1, width)]


def x_beside(row: list[Placed], ink: Ink, y: int, gap: float, digit_px: float) -> int:
    """Where ink must stand for its strokes to be that far from those before it, in heights."""
    x = row[-1].x
    near = 0 if gap < 0 else max(1, round(0.08 * digit_px))  # rows that count as level
    for before in row[-2:]:
        top, bottom = max(before.y, y), min(before.y + len(before.ink), y + len(ink))
        if bottom <= top:
            continue
        reach = before.x + before.ink.shape[1] - _edge(before.ink[:, ::-1], near)
        start = _edge(ink, near)
        overlap = reach[top - before.y : bottom - before.y] - start[top - y : bottom - y]
        x = max(x, math.ceil(overlap.max() + gap * digit_px))
    return x


def _edge(ink: Ink, near: int) -> NDArray[np.float64]:
    """The first inked column of each row, or of a row near it; far away where there is none."""
    is_ink = ink > INKED
    first = np.where(is_ink.any(axis=1), is_ink.argmax(axis=1), 10_000).astype(np.float32)
    if near:
        kernel = np.ones((2 * near + 1, 1), np.uint8)
        return np.asarray(cv2.erode(first[:, None], kernel)[:, 0], np.float64)
    return first.astype(np.float64)
