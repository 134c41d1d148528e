"""Rows whose digits touch: a mark that reaches over two of them or more, cut where they meet.

Its neighbours show it: some stand beside its upper part, others beside its lower one, and end
and begin there. It is cut through little ink, as digits of one row are, but for good: no reading
decides about it.
"""

from collections.abc import Iterator
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from inkdigits.imaging.ink import Ink
from inkdigits.imaging.marks import Labels, Marks, is_frame, typical_height_px
from inkdigits.imaging.ranks import median
from inkdigits.imaging.split import Seam, pieces, seams

# Sizes are shares of the height of a typical neighbour.
_TALL = 1.5  # a mark of two rows is higher
_WIDEST = 6.0  # a wider mark is a word, or no digits at all
_BESIDE = 1.5  # of the mark's own height: neighbours are nearer, sideways
_LOWEST, _HIGHEST = 0.15, 0.8  # of the mark's own height are its neighbours
_LOW, _HIGH = 0.6, 1.35  # of a typical one are those that rows are told by
_UPRIGHT = 0.8  # as high as wide; the parts of a broken digit are mostly flat
_MIN_NEIGHBOURS = 3
_MAX_GAP, _MAX_OVERLAP = 0.6, 0.35  # between rows whose digits touch
_LEVEL = 0.45  # a mark of several rows begins and ends where they do, within this
_NEAR = 0.4  # so far from the middle between two rows, a cut may be
_SPACING = 0.12  # cuts that are tried are so far apart
_MAX_CUT_STROKES = 3.5  # a cut goes through no more ink, in widths of a stroke
_SHIFT = 0.25  # what it costs a cut to be a pixel off the middle, in pixels of ink
_MAX_SEAMS = 20
_CUT_HEIGHT_PX, _MAX_ZOOM = 72, 6.0  # marks are cut at this size
_MAX_ROUNDS, _MAX_TRIES = 4, 300  # bound time


class _Place(NamedTuple):
    """Where two rows meet within a mark, and how high their digits are; pixels of the page."""

    y: float
    scale_px: float


def without_touching_rows(
    ink: Ink, labels: Labels, marks: Marks, stroke_px: float
) -> tuple[Labels, Marks]:
    """Part the marks that reach over rows of digits.

    Args:
        ink: (h, w) float32, of the page.
        labels: (h, w) int32, the mark of each pixel. Not modified.
        marks: of the page.
        stroke_px: typical width of a stroke.

    Returns:
        Labels and marks, in which each part of such a mark is one of its own.
    """
    labels = labels.copy()
    next_label, num_tries = int(labels.max(initial=0)) + 1, 0
    for _ in range(_MAX_ROUNDS):  # what was cut is a neighbour in the next
        is_cut = np.zeros(len(marks.label), bool)
        parts: list[Marks] = []
        for index, place in _meetings(marks):
            if is_cut[index] or num_tries == _MAX_TRIES:
                continue
            num_tries += 1
            mark = marks.where(np.array([index]))
            seam, zoom = _seam(ink, labels, mark, place, stroke_px)
            if seam is not None:
                is_cut[index] = True
                parts += _parts(labels, mark, seam, zoom, next_label)
                next_label += 2
        if not parts:
            break
        columns = zip(marks.where(~is_cut), *parts, strict=True)
        marks = Marks(*(np.concatenate(column) for column in columns))
    return labels, marks


def _meetings(marks: Marks) -> Iterator[tuple[int, _Place]]:
    """Each mark of several rows, by index, and where they meet, from the top."""
    heights, widths = marks.height, marks.width
    is_upright = heights > _UPRIGHT * widths
    middles = (marks.top + marks.bottom) / 2
    for index in np.flatnonzero(~is_frame(marks)).tolist():
        left, top, right, bottom = (int(column[index]) for column in marks[:4])
        height = bottom - top
        is_near = is_upright & (heights > _LOWEST * height) & (heights < _HIGHEST * height)
        is_near &= (marks.bottom > top) & (marks.top < bottom)
        is_near &= (marks.left < right + _BESIDE * height) & (marks.right > left - _BESIDE * height)
        if is_near.sum() < _MIN_NEIGHBOURS or height < _TALL * heights[is_near].min():
            continue
        scale_px = typical_height_px(marks.where(is_near))
        if height < _TALL * scale_px or right - left > _WIDEST * scale_px:
            continue
        is_near &= (heights > _LOW * scale_px) & (heights < _HIGH * scale_px)
        num_rows = max(2, round(height / scale_px))
        for row in range(1, num_rows):
            at = row * (height / num_rows) + top
            upper = marks.where(is_near & (middles < at) & (marks.bottom > at - scale_px))
            lower = marks.where(is_near & (middles >= at) & (marks.top < at + scale_px))
            fewer, more = sorted((len(upper.label), len(lower.label)))
            if not fewer or fewer + more < _MIN_NEIGHBOURS:
                continue
            end, start = median(upper.bottom), median(lower.top)
            begins_level = abs(median(upper.top) - top) < _LEVEL * scale_px
            ends_level = abs(median(lower.bottom) - bottom) < _LEVEL * scale_px
            if (
                -_MAX_OVERLAP * scale_px < start - end < _MAX_GAP * scale_px
                and (row > 1 or begins_level)
                and (row < num_rows - 1 or ends_level)
            ):
                yield index, _Place((end + start) / 2, scale_px)


def _seam(
    ink: Ink, labels: Labels, mark: Marks, place: _Place, stroke_px: float
) -> tuple[Seam | None, float]:
    """The best way through a mark from side to side, near a place, and the zoom it is found at."""
    box, scale_px = mark.box(), place.scale_px
    own = labels[box.y : box.bottom, box.x : box.right] == mark.label[0]
    crop = np.where(own, ink[box.y : box.bottom, box.x : box.right], 0).T
    zoom = min(_MAX_ZOOM, _CUT_HEIGHT_PX / scale_px)
    size = max(2, round(box.height * zoom)), max(2, round(box.width * zoom))
    way = cv2.INTER_AREA if zoom < 1 else cv2.INTER_LINEAR
    found = seams(
        np.asarray(cv2.resize(crop, size, interpolation=way), np.float32),
        spacing_px=_SPACING * scale_px * zoom,
        max_cut_px=_MAX_CUT_STROKES * max(stroke_px * zoom, 1),
        max_seams=_MAX_SEAMS,
    )
    best, least = None, np.inf
    for seam in found:
        off_px = abs(median(seam.x) - (place.y - box.y) * zoom)
        cost = seam.cut_px + _SHIFT * off_px
        if off_px < _NEAR * scale_px * zoom and cost < least:
            best, least = seam, cost
    return best, zoom


def _parts(labels: Labels, mark: Marks, seam: Seam, zoom: float, first: int) -> list[Marks]:
    """The marks above and below a seam; their pixels get the labels from ``first`` on."""
    box = mark.box()
    place = labels[box.y : box.bottom, box.x : box.right]
    number = pieces((box.width, box.height), [seam], zoom).T
    own = place == mark.label[0]
    return [
        _mark(place, own & (number == index), first + index, box.x, box.y)
        for index in range(2)
        if (own & (number == index)).any()
    ]


def _mark(place: Labels, own: NDArray[np.bool_], label: int, left: int, top: int) -> Marks:
    place[own] = label
    x, y = np.flatnonzero(own.any(axis=0)), np.flatnonzero(own.any(axis=1))
    values = left + x[0], top + y[0], left + x[-1] + 1, top + y[-1] + 1, own.sum(), label
    return Marks(*(np.array([value], np.int64) for value in values))
