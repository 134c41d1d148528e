"""Rows whose digits touch: a mark that reaches over two of them or more, cut where they meet.

Its neighbours show it: some stand beside its upper part, others beside its lower one, and end
and begin there. It is cut through little ink, as digits of one row are, but for good: no reading
decides about it.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from inkdigits.imaging.ink import Ink
from inkdigits.imaging.marks import Labels, Marks, typical_height_px
from inkdigits.imaging.ranks import median
from inkdigits.imaging.split import Seam, pieces, seams

# Sizes are shares of the height of a typical neighbour.
_TALL = 1.5  # a mark of two rows is higher
_BESIDE = 1.5  # of the mark's own height: neighbours are nearer, sideways
_LOWEST, _HIGHEST = 0.15, 0.8  # of the mark's own height are its neighbours
_LOW, _HIGH = 0.6, 1.35  # of a typical one are those that rows are told by
_UPRIGHT = 0.8  # as high as wide; the parts of a broken digit are mostly flat
_MIN_NEIGHBOURS = 3
_MAX_GAP, _MAX_OVERLAP = 0.6, 0.35  # between rows whose digits touch
_LEVEL = 0.45  # a mark of two rows ends where they do, within this
_NEAR = 0.4  # so far from the middle between two rows, a cut may be
_SPACING = 0.12
_MAX_CUT_STROKES = 3.5  # a cut goes through no more ink, in widths of a stroke
_SHIFT = 0.5  # what a pixel costs by which a cut is off the middle, in pixels of ink
_MAX_SEAMS = 20
_CUT_HEIGHT_PX, _MAX_ZOOM = 72, 6.0  # marks are cut at this size
_MAX_ROUNDS, _MAX_CUTS = 4, 300  # bound time


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
    num_cuts = 0
    for _ in range(_MAX_ROUNDS):  # what was cut is a neighbour in the next
        is_cut = np.zeros(len(marks.label), bool)
        parts = []
        for index in range(len(marks.label)):
            place = _between_rows(marks, index) if num_cuts < _MAX_CUTS else None
            seam = _seam(ink, labels, marks.where(np.array([index])), place, stroke_px)
            if seam is None:
                continue
            if not num_cuts:
                labels = labels.copy()
            num_cuts += 1
            is_cut[index] = True
            parts += _parts(labels, marks.where(np.array([index])), *seam)
        if not parts:
            break
        columns = zip(marks.where(~is_cut), *parts, strict=True)
        marks = Marks(*(np.concatenate(column) for column in columns))
    return labels, marks


def _between_rows(marks: Marks, index: int) -> tuple[float, float] | None:
    """Where rows meet within a mark, and how high their digits are; None if it is of one row."""
    left, top, right, bottom = (int(column[index]) for column in marks[:4])
    height = bottom - top
    is_near = (marks.left < right + _BESIDE * height) & (marks.right > left - _BESIDE * height)
    is_near &= (marks.bottom > top) & (marks.top < bottom)
    is_near &= (marks.height > _LOWEST * height) & (marks.height < _HIGHEST * height)
    is_near &= marks.height > _UPRIGHT * marks.width
    if is_near.sum() < _MIN_NEIGHBOURS:
        return None
    near = marks.where(is_near)
    scale_px = typical_height_px(near)
    if height < _TALL * scale_px:
        return None
    near = near.where((near.height > _LOW * scale_px) & (near.height < _HIGH * scale_px))
    middle = (near.top + near.bottom) / 2
    num_rows = max(2, round(height / scale_px))
    for at in np.linspace(top, bottom, num_rows + 1)[1:-1].tolist():
        upper = near.where((middle < at) & (near.bottom > at - scale_px))
        lower = near.where((middle >= at) & (near.top < at + scale_px))
        fewer, more = sorted((len(upper.label), len(lower.label)))
        if not fewer or fewer + more < _MIN_NEIGHBOURS:
            continue
        end, start = median(upper.bottom), median(lower.top)
        if not -_MAX_OVERLAP * scale_px < start - end < _MAX_GAP * scale_px:
            continue
        beyond_px = max(abs(median(upper.top) - top), abs(median(lower.bottom) - bottom))
        if num_rows > 2 or beyond_px < _LEVEL * scale_px:
            return (end + start) / 2, scale_px
    return None


def _seam(
    ink: Ink, labels: Labels, mark: Marks, place: tuple[float, float] | None, stroke_px: float
) -> tuple[Seam, float] | None:
    """The best way through a mark from side to side, near a place, and the zoom it was found at."""
    if place is None:
        return None
    box, (y, scale_px) = mark.box(), place
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
    off_px = [abs(median(seam.x) / zoom - (y - box.y)) for seam in found]
    costs = [seam.cut_px + _SHIFT * off for seam, off in zip(found, off_px, strict=True)]
    near = [index for index, off in enumerate(off_px) if off < _NEAR * scale_px]
    return (found[min(near, key=costs.__getitem__)], zoom) if near else None


def _parts(labels: Labels, mark: Marks, seam: Seam, zoom: float) -> list[Marks]:
    """The marks above and below a seam; their pixels in ``labels`` get new numbers."""
    box, first = mark.box(), int(labels.max()) + 1
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
