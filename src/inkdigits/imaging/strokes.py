"""What was written on a page, as a network finds it: no rulings, no shadows, no paper.

``ink.page_ink`` says how much of the paper's light is missing at each pixel. Whether a pen took it
away is a question of shapes, which a network has seen more of than any rule of ours knows. A bundle
without one goes by the rules.

Source: Ronneberger, Fischer and Brox 2015, "U-Net", the kind of network.
"""

import math
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from inkdigits.imaging.ink import Ink, full_contrast
from inkdigits.imaging.marks import EMPTY, find_marks, is_frame, stroke_px, typical_height_px
from inkdigits.imaging.rings import ring_mask, without_rings
from inkdigits.imaging.rules import rules_apart, without_rules

PALEST, DARKEST = -0.1, 1.0  # of what a network sees: 0 is the paper, 1 the darkest strokes on it
STEP_PX = 32  # sides are multiples of that: the network halves a page five times

_THICK_PX, _FITTING_PX = 9.0, 6.0  # strokes that are wider than the one are seen at the other
_SMALLEST_ZOOM = 0.1  # what is wider still is no stroke
_LARGE_AREA_PX = 1_500_000  # a page is made no larger, unless its strokes would be finer than
_FINE_PX, _FINEST_PX = 4.0, 2.0  # ... the one when it is read, the other when the network sees it
_SOFT_PX, _SHARP_PX = 3.5, 2.5  # edges that are softer than the one are seen as sharp as the other
_THIN_PX, _WIDEST_PX = 3.0, 6.0  # of strokes on a page that is seen larger: usual, and widest
_SMALL_PX, _NEARER = 420, 2.2  # ... which is no larger, and so much enlarged
_LIKELY = 0.2  # what is less sure than that is no stroke
_POSSIBLE = 0.05  # ... but in a mark no lower than those of which it is sure, such as a long 1
_LOWEST = 0.75  # is no lower, in heights of a typical one
_NARROW = 0.25  # a bar is no wider than so much of its height
_NEAR = 1.0  # it stands beside another mark that is no further away, in heights of that one
_LEVEL = 0.2  # ... and whose ends, or whose height, differ by less than that, in the same
_PAPER = 0.03  # paper lacks no more of the light than that
_EVEN = 0.01  # ... and even paper no more than that,
_MOST_EVEN = 0.95  # on so much of it
_SURE = 0.5  # what rules of ours take for a printed line or a table is none, if it is so sure
_GHOST, _MOST_INK = 0.22, 0.9  # as dark, at most, as so much of what was written is: shows through
_CROWD = 1000  # so many marks as high are no page of digits: how many they are must be seen
_FAINT = 0.12  # of ink: what hangs together by more than that is one mark
_STRONG = 0.5  # ... and by more than that, it is no edge
_AROUND_PX = 7  # wide and high: the square about a pixel of a stroke that holds its soft edge
_LARGE = 2.2  # a mark is larger than a digit, in heights of a typical one

Network = Callable[[Ink], NDArray[np.float32]]


def by_rules(missing: Ink, ink: Ink, is_outside: NDArray[np.bool_]) -> Ink:
    """Leave all that stands out, but printed lines and rings round digits: without a network.

    Args:
        missing: not looked at; see ``find_strokes``.
        ink: (h, w) float32 in [0, 1], what of the paper stands out.
        is_outside: not looked at.

    Returns:
        (h, w) float32 in [0, 1]; 1 is a stroke.
    """
    return without_rules(without_rings(ink))


def normalised(missing: Ink, is_outside: NDArray[np.bool_]) -> Ink | None:
    """What a network sees of a picture: the page, and what lies beside it.

    Args:
        missing: (h, w) float32, the share of the light around that each pixel lacks.
        is_outside: (h, w), what seems to lie beside the paper, which may be darker than a stroke.

    Returns:
        (h, w) float32 from -0.1 to 1, where 1 is as dark as most of what stands out from the
        paper; None where nothing does.
    """
    full = full_contrast(np.where(is_outside, np.float32(0), missing))
    if not full:
        return None
    return np.asarray(np.clip(missing / np.float32(full), PALEST, DARKEST), np.float32)


def fitting(seen: Ink, ink: Ink, strokes: Ink | None = None) -> Ink:
    """A page from as far away as the network likes: smaller, where its strokes are wide.

    So is a page out of focus, which is the sharper for it, and a large page, whose strokes are
    mostly both; a small page of thin strokes is seen larger.

    Args:
        seen: (h, w) float32, as ``normalised`` gives it.
        ink: (h, w) float32 in [0, 1], what stands out.
        strokes: the same without frames, where that is known.
    """
    strokes = _without_frames(ink) if strokes is None else strokes
    wide_px, soft_px = stroke_px(strokes), _edge_px(strokes)
    height, width = seen.shape
    finest_px = _FINEST_PX if height * width > _LARGE_AREA_PX else _FINE_PX
    zoom = _zoom_of_large(seen.shape, wide_px, finest_px)
    if wide_px > _THICK_PX:
        zoom = min(zoom, max(_FITTING_PX / wide_px, _SMALLEST_ZOOM))
    if soft_px > _SOFT_PX and wide_px > finest_px:
        zoom = min(zoom, max(_SHARP_PX / soft_px, finest_px / wide_px))
    if zoom == 1:
        if max(height, width) > _SMALL_PX or wide_px > _THIN_PX or _is_broad(ink):
            return seen
        zoom = _NEARER
    size = max(1, round(width * zoom)), max(1, round(height * zoom))
    return _resized(seen, size)


def _zoom_of_large(shape: tuple[int, ...], wide_px: float, finest_px: float) -> float:
    """How much smaller a large page may be, its strokes still being so wide; 1 or less."""
    height, width = shape
    return min(max(math.sqrt(_LARGE_AREA_PX / (height * width)), finest_px / wide_px), 1.0)


def find_strokes(network: Network, missing: Ink, ink: Ink, is_outside: NDArray[np.bool_]) -> Ink:
    """Leave only what was written.

    A mark no larger than a digit is kept as it is where the network found a stroke in it, or, if
    it is no lower than others, a hint of one, and else left out whole. But on perfectly even paper,
    as of a screenshot, a bar beside what was written, and as high, is a ruler-straight 1. What is
    larger, such as a table with all that touches it, is kept where there is a stroke, but for
    printed lines. Rings round digits, what shows through from the back, and on the paper the teeth
    of combs, are left out whatever the network says.

    Args:
        network: what is seen (H, W) float32, sides multiples of 32 → logits (H, W) of its being
            written.
        missing: (h, w) float32, the share of the light around that each pixel lacks.
        ink: (h, w) float32 in [0, 1], what of the paper stands out by that.
        is_outside: (h, w), what seems to lie beside the paper: paper in a hard shadow does too.

    Returns:
        (h, w) float32 in [0, 1]; 1 is a stroke. What is too faint to stand out is as dark as the
        network is sure of it. A large page comes out smaller, unless its strokes are fine.
    """
    seen = normalised(missing, is_outside)
    if seen is None:
        return np.zeros(ink.shape, np.float32)
    strokes = _without_frames(ink)
    likely = _likely(seen, ink, strokes, network)
    zoom = _zoom_of_large(ink.shape, stroke_px(strokes), _FINE_PX)
    if zoom < 1:
        size = round(ink.shape[1] * zoom), round(ink.shape[0] * zoom)
        seen, likely, ink = (_resized(of, size) for of in (seen, likely, ink))
        is_outside = _resized(is_outside.astype(np.float32), size) > 0
    least = np.where(is_outside, _SURE, _LIKELY)
    found = np.where(likely < least, np.float32(0), likely)
    is_ring = ring_mask(ink)
    unringed = np.where(is_ring, np.float32(0), ink)
    unruled, is_tooth = rules_apart(unringed)
    is_rule = is_ring | is_tooth | (unringed - unruled > _FAINT) & (found < _SURE)
    found[is_rule] = 0
    _, sure, _ = find_marks(found)
    typical_px = typical_height_px(sure) if len(sure.label) else np.inf
    _, labels, stats, _ = cv2.connectedComponentsWithStats((ink > _FAINT).astype(np.uint8))
    sides = stats[:, [cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT]].max(axis=1)
    is_stroke = found > 0
    near = _widened(is_stroke)
    is_large = sides > _LARGE * typical_px
    is_alike = (stats[:, cv2.CC_STAT_HEIGHT] > _LOWEST * typical_px) & ~is_large
    is_written = np.bincount(labels[is_stroke], minlength=len(sides)) > 0
    is_written |= is_alike & (np.bincount(labels[likely > _POSSIBLE], minlength=len(sides)) > 0)
    least_px = _LOWEST * typical_px if len(sure.label) else 0
    if np.count_nonzero(stats[:, cv2.CC_STAT_HEIGHT] > least_px) > _CROWD:
        is_written[:] = True
    elif _is_even(missing):  # elsewhere it may be a piece of a box's wall
        is_bar = stats[:, cv2.CC_STAT_WIDTH] < _NARROW * stats[:, cv2.CC_STAT_HEIGHT]
        is_open = is_bar & is_alike & ~is_written
        is_written |= _beside_written(np.asarray(stats), is_written & ~is_large, is_open)
    is_kept = (labels > 0) & np.where(is_large[labels], near, is_written[labels])
    is_kept |= (labels == 0) & (near | _widened(is_kept))  # the soft edges of all these
    is_kept &= ~is_rule
    written = np.asarray(np.maximum(found, np.where(is_kept, ink, 0)), np.float32)
    return without_rings(_without_ghosts(written, seen))  # of a ring on squared paper, it shows now


def _is_even(missing: Ink) -> bool:
    """Whether the paper has one shade, as no photographed one has."""
    off = np.abs(missing)
    return bool(np.count_nonzero(off < _EVEN) > _MOST_EVEN * np.count_nonzero(off < _PAPER))


def _beside_written(
    stats: NDArray[Any], is_written: NDArray[np.bool_], is_open: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Which open marks stand in a row or a column with one that was written, and are as high.

    So do those beside these.

    Args:
        stats: (n, 5) whole numbers, as OpenCV gives of its components.
        is_written: (n,) what was written for sure.
        is_open: (n,) what is asked about.
    """
    left, top, width, height = stats[:, :4].T
    right, bottom = left + width, top + height
    found, new = np.zeros(len(stats), bool), np.flatnonzero(is_written)
    while new.size:
        of, others = np.flatnonzero(is_open & ~found)[:, None], new[None]
        high = height[others]
        across = np.maximum(left[others] - right[of], left[of] - right[others])
        down = np.maximum(top[others] - bottom[of], top[of] - bottom[others])
        ends = np.maximum(np.abs(top[others] - top[of]), np.abs(bottom[others] - bottom[of]))
        is_level, is_as_high = (off < _LEVEL * high for off in (ends, np.abs(high - height[of])))
        in_row = is_level & (across < _NEAR * high)
        in_column = is_as_high & (across < 0) & (down < _NEAR * high)
        new = of[(in_row | in_column).any(axis=1), 0]
        found[new] = True
    return found


def _without_ghosts(written: Ink, seen: Ink) -> Ink:
    """Leave out what shows through from the back: far paler than most that was written."""
    num, labels = cv2.connectedComponents((written > _FAINT).astype(np.uint8))
    is_stroke = written > _STRONG / 2
    area = np.bincount(labels[is_stroke], minlength=num)
    darkness = np.bincount(labels[is_stroke], seen[is_stroke], num) / np.maximum(area, 1)
    order = np.argsort(darkness)
    reached = np.cumsum(area[order])
    darkest = darkness[order[np.searchsorted(reached, _MOST_INK * reached[-1])]]
    is_ghost = (area > 0) & (darkness < _GHOST * darkest)
    return np.where(is_ghost[labels], np.float32(0), written)


def _widened(truths: NDArray[np.bool_]) -> NDArray[np.bool_]:
    return np.asarray(cv2.dilate(truths.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0)


def _likely(seen: Ink, ink: Ink, strokes: Ink, network: Network) -> Ink:
    """How probably each pixel was written, (h, w)."""
    height, width = seen.shape
    seen = fitting(seen, ink, strokes)
    rows, columns = seen.shape
    padding = (0, -rows % STEP_PX, 0, -columns % STEP_PX)
    padded = cv2.copyMakeBorder(seen, *padding, cv2.BORDER_REPLICATE)
    likely = sigmoid(network(np.asarray(padded, np.float32))[:rows, :columns])
    return likely if likely.shape == ink.shape else _resized(likely, (width, height))


def _without_frames(ink: Ink) -> Ink:
    """Without what goes round others, or nearly empty places: it is no stroke of anybody's.

    What is left is as dark as ink can be: the frames may have been far darker.
    """
    labels, marks, _ = find_marks(ink)
    is_odd = (marks.area < EMPTY * marks.width * marks.height) | is_frame(marks, least=1)
    if not is_odd.any() or is_odd.all():
        return ink
    is_kept, is_gone = (np.zeros(int(labels.max()) + 1, bool) for _ in range(2))
    is_kept[marks.label[~is_odd]] = is_gone[marks.label[is_odd]] = True
    square = np.ones((_AROUND_PX, _AROUND_PX), np.uint8)
    is_near = cv2.dilate(is_kept[labels].astype(np.uint8), square) > 0
    left = np.where(is_near & ~is_gone[labels], ink, np.float32(0))
    full = full_contrast(left)
    return np.asarray(np.minimum(left / np.float32(full), 1), np.float32) if full else ink


def _edge_px(ink: Ink) -> float:
    """How wide the soft edge of a stroke is: what is neither ink nor paper, by the outline."""
    strokes = (ink > _STRONG).astype(np.uint8)
    inner = cv2.erode(strokes, np.ones((3, 3), np.uint8), borderType=cv2.BORDER_REPLICATE)
    outline = cv2.countNonZero(strokes) - cv2.countNonZero(inner)
    between = np.count_nonzero((ink > _STRONG / 2) & (ink < 1 - _STRONG / 2))
    return between / max(outline, 1)


def _is_broad(ink: Ink) -> bool:
    """Whether something is so broad that it would be no stroke if it were seen larger."""
    square = np.ones((round(_WIDEST_PX), round(_WIDEST_PX)), np.uint8)
    strokes = (ink > _STRONG).astype(np.uint8)
    return bool(cv2.erode(strokes, square, borderType=cv2.BORDER_CONSTANT, borderValue=0).any())


def _resized(picture: Ink, size: tuple[int, int]) -> Ink:
    is_smaller = size[0] < picture.shape[1]
    way = cv2.INTER_AREA if is_smaller else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(picture, size, interpolation=way), np.float32)


def sigmoid(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Logits of any size → probabilities."""
    return np.asarray(0.5 + 0.5 * np.tanh(logits / 2), np.float32)
