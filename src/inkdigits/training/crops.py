"""What the reader cuts out of pages, with what it is: pages whose truth is known, taken apart.

A network that judges every run of pieces of a line should have seen such runs: digits with the
edges that a cut leaves them, with what a removed ruling took away, faint, blurred, of few pixels;
and, as no digit, halves and pairs of them, and what light and paper left behind.
"""

from collections.abc import Iterator
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from inkdigits.imaging.atoms import LineAtoms, Segment
from inkdigits.imaging.ink import Find, page_ink
from inkdigits.imaging.segment import find_atoms
from inkdigits.imaging.strokes import by_rules
from inkdigits.synthesis.page import synthetic_page
from inkdigits.synthesis.scribe import NO_DIGIT

_SMALLEST_PX, _LARGEST_PX = 9.0, 72.0  # of the digits; larger ones are seen no better
_UNEVEN = 0.5  # of the pages, where any are to be
_NEAR_PX = 12.0  # smaller ones are written at this size, and seen from farther away
# Shares of ink. How much of a digit a candidate has, and how much of the candidate is that digit's,
# the smaller of both, is how well it matches.
_FAIR, _GOOD = 0.78, 0.92  # a digit's best match is fair; all that are good are learned from
_WHOLE, _MIXED = 0.85, 0.7  # nearly all of a digit, with too much of another
_MUCH, _PART = 0.45, 0.5  # two digits of which there is so much are a pair; less is a part
_STRANGE, _CLEAN = 0.3, 0.6  # so little is anyone's; where so much is, the rest is specks
_LEFT = 0.2  # a digit of which less came through as ink is not known for it any more
_NARROW = 0.3  # what is no wider than that, for its length, could be a 1
_STROKE = 0.45  # of full ink
_IMAGE_PX, _INK_SHARE = 28, 20 / 28  # as MNIST has them


def page_crops(
    images: NDArray[np.uint8], labels: NDArray[np.integer], count: int, seed: int, size_px: int = 28
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Cut crops out of synthetic pages as the reader does, about as many digits as non-digits.

    Args:
        images: (n, side, side) uint8 of every digit, 255 is ink, that pages are written with.
        labels: (n,) 0 to 9.
        count: how many crops. A longer set begins with the shorter one of the same seed.
        seed: the same seed makes the same ones of the same images.
        size_px: side of a crop in pixels.

    Returns:
        Crops (count, size_px, size_px) uint8, 255 is ink, and what they show (count,): 0 to 9, or
        10 for what is no digit.
    """
    if images.shape[1:] != (_IMAGE_PX, _IMAGE_PX):
        images = np.stack([cv2.resize(image, (_IMAGE_PX, _IMAGE_PX)) for image in images])
    crops = np.zeros((count, size_px, size_px), np.uint8)
    shown = np.zeros(count, np.int64)
    for index, (ink, label) in zip(range(count), _endless(images, labels, seed), strict=False):
        crops[index], shown[index] = _framed(ink, size_px), label
    return crops, shown


def _endless(
    images: NDArray[np.uint8], labels: NDArray[np.integer], seed: int
) -> Iterator[tuple[NDArray[np.float32], int]]:
    rng = np.random.default_rng(seed)
    for page in taken_apart(images, labels, rng):
        yield from _labelled(page, rng)


class TakenApart(NamedTuple):
    """A page, as the reader takes it apart, and what is true of it.

    Attributes:
        ink: (h, w) float32, what was found to be written.
        lines: the atoms.
        owners: (h, w) int32, whose stroke a pixel is, counted from 1; 0 for nobody's.
        values: (owners + 1,) which digit each of them is.
    """

    ink: NDArray[np.float32]
    lines: list[LineAtoms]
    owners: NDArray[np.int32]
    values: NDArray[np.int64]


def taken_apart(
    images: NDArray[np.uint8],
    labels: NDArray[np.integer],
    rng: np.random.Generator,
    *,
    find: Find = by_rules,
    strange: float = 0.0,
    uneven: float = 0.0,
) -> Iterator[TakenApart]:
    """Take synthetic pages apart without end, as the reader does.

    Args:
        images: (n, 28, 28) uint8 of every digit, 255 is ink, that pages are written with.
        labels: (n,) 0 to 9.
        rng: source of randomness.
        find: tells strokes from everything else, as ``page_ink`` takes it.
        strange: share of the lines that begin with a word, as ``synthetic_page`` takes it.
        uneven: half of the pages are written with up to so much of it, as ``synthetic_page``
            takes it.

    Yields:
        A page, and what is true of it.
    """
    while True:
        digit_px = float(np.exp(rng.uniform(np.log(_SMALLEST_PX), np.log(_LARGEST_PX))))
        page = synthetic_page(
            rng,
            digits=(images, labels),
            digit_px=max(digit_px, _NEAR_PX),
            touching=rng.choice([0.0, 0.3, 0.6]),
            strange=strange,
            # Of none, nothing is drawn: the crops of a seed stay what they were.
            uneven=float(rng.uniform(0, uneven)) if uneven and rng.random() < _UNEVEN else 0.0,
        )
        picture, owners = page.picture, page.owners.astype(np.float32)
        if digit_px < _NEAR_PX:
            scale = digit_px / _NEAR_PX
            size = round(picture.shape[1] * scale), round(picture.shape[0] * scale)
            picture = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
        ink = page_ink(picture, find)
        height, width = ink.shape
        near = cv2.resize(owners, (width, height), interpolation=cv2.INTER_NEAREST)
        edges = cv2.dilate(near, np.ones((3, 3), np.uint8))
        owned = np.where(near > 0, near, edges).astype(np.int32)
        values = np.array([0, *(int(value) for line in page.lines for value in line)])
        yield TakenApart(ink, find_atoms(ink).lines, owned, values)


def _labelled(
    page: TakenApart, rng: np.random.Generator
) -> Iterator[tuple[NDArray[np.float32], int]]:
    """The digits among all candidates of a page, and as many of what is none."""
    ink, lines, owners, values = page
    whole = np.zeros(len(values))
    whole += np.bincount(owners.ravel(), weights=ink.ravel(), minlength=len(values))
    whole[whole <= _LEFT * np.bincount(owners.ravel(), minlength=len(values))] = np.inf
    digits: dict[int, list[tuple[float, Segment]]] = {}
    others: list[Segment] = []
    for line in lines:
        for candidate in line.candidates():
            owner, match = _match(candidate.segment, ink, owners, whole)
            if owner:
                digits.setdefault(owner, []).append((match, candidate.segment))
            elif match < 0:
                others.append(candidate.segment)
    kept = []
    for owner, found in digits.items():
        best = max(match for match, _ in found)
        kept += [
            (segment, int(values[owner])) for match, segment in found if match >= min(best, _GOOD)
        ]
    chosen = rng.permutation(len(others))[: max(len(kept), 4)].tolist()
    kept += [(others[index], NO_DIGIT) for index in chosen]
    for index in rng.permutation(len(kept)).tolist():
        yield kept[index][0].ink, kept[index][1]


def _match(
    segment: Segment,
    ink: NDArray[np.float32],
    owners: NDArray[np.int32],
    whole: NDArray[np.float64],
) -> tuple[int, float]:
    """Whose strokes a candidate holds.

    Returns:
        Which digit it is and how well it matches, to 1; 0 and -1 if it is none; 0 and 0 where that
        may be argued about.
    """
    box = segment.box
    place = np.s_[box.y : box.bottom, box.x : box.right]
    own = cv2.resize(segment.ink, (box.width, box.height), interpolation=cv2.INTER_NEAREST) > 0
    held = np.bincount(owners[place][own], weights=ink[place][own], minlength=len(whole))
    of_digits = held[1:].sum()
    points = np.argwhere(own & (ink[place] > _STROKE)).astype(np.int32)
    sides = cv2.minAreaRect(points)[1] if len(points) else (0, 0)
    is_line = min(sides) <= _NARROW * max(sides)
    if of_digits < _STRANGE * held.sum():
        return 0, 0 if is_line else -1
    share = held[1:] / whole[1:]
    most = int(share.argmax())
    purity = held[most + 1] / of_digits
    match = min(float(share[most]), float(purity))
    if (share >= _MUCH).sum() >= 2 or (share[most] > _WHOLE and purity < _MIXED):
        return 0, -1
    if match >= _FAIR and of_digits >= _CLEAN * held.sum():
        return most + 1, match
    is_part = share[most] < _PART and purity > _WHOLE and not is_line
    return 0, -1 if is_part else 0


def _framed(ink: NDArray[np.float32], size_px: int) -> NDArray[np.uint8]:
    """Ink of any size → (size_px, size_px) with a margin about its longer side."""
    scale = _INK_SHARE * size_px / max(ink.shape)
    height, width = (max(1, round(side * scale)) for side in ink.shape)
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    small = cv2.resize(ink, (width, height), interpolation=way)
    framed = np.zeros((size_px, size_px), np.uint8)
    top, left = (size_px - height) // 2, (size_px - width) // 2
    framed[top : top + height, left : left + width] = np.rint(np.clip(small, 0, 1) * 255)
    return framed
