"""Digits from ink: connected strokes, put together to digits, and digits to lines.

Everything is measured against one scale, the height of a typical mark, so that digits of 8 and
of 800 pixels are found alike. All coordinates are pixels of the ink.

``find_lines`` decides by geometry alone. ``find_atoms`` only proposes: it takes a line apart
into more pieces than it has digits, and gives every run of pieces that could be one.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from inkdigits.imaging.ink import Ink
from inkdigits.imaging.layout import one_line, reading_order
from inkdigits.imaging.marks import (
    MAX_MARKS,
    Labels,
    Marks,
    find_marks,
    groups,
    is_frame,
    typical_height_px,
)
from inkdigits.imaging.ranks import median
from inkdigits.imaging.rules import without_rules
from inkdigits.imaging.split import pieces, seams
from inkdigits.reading import Box

# Sizes below are shares of the typical mark height.
_SPECK = 0.22  # smaller in both directions is no stroke of a digit
_PART = 0.6  # less high is perhaps part of a digit
_BAR = 0.3  # less high is perhaps the bar of a 5
_SMALLEST_DIGIT = 0.35  # less high is no digit by itself
_LARGEST_DIGIT = 6.0  # beside the small print of a form, people write large
_LONG = 3.0  # what is longer than that, and flat, is a line
_NEAR = 0.25  # strokes of one digit are at most this far apart, downwards
_BESIDE = 0.12  # ... and sideways
_MAX_JOINED = 1.7  # strokes that make up something higher are of two digits
_WIDEST_DIGIT, _WIDEST_WORD = 3.0, 30.0  # in its own heights; a word is digits that touch
_STRAY = 0.35  # a small mark this near to a digit may be part of it

# Runs of atoms.
_MAX_RUN = 6  # pieces of one digit
_MAX_RUN_WIDTH = 1.5
_MAX_RUN_GAP = 0.35
_MIN_CUT_HEIGHT = 0.55  # what a cut leaves is higher, or no digit
_CUT_SPACING = 0.12
_CLOSE = 0.06  # digits that are nearer than this may be one stroke, or overlap
_UNCUT_WIDTH, _CUT_WIDTH = 0.3, 0.14  # beyond the one, at most one cut for each of the other
_MAX_CUTS = 40
_MAX_CUT_STROKES = 4.5  # cuts through more ink, in stroke widths, are not tried
_CUT_HEIGHT_PX, _MAX_CUT_ZOOM = 72, 6.0  # marks are cut at this size

_MAX_CROP_PX = 160  # a larger crop is stored smaller; networks look at 20 to 28


class Segment(NamedTuple):
    """The ink of what is probably one digit.

    Attributes:
        box: where it stands, in pixels of the ink.
        ink: (h, w) float32 in [0, 1]; other strokes in the box are erased. Of the box's size,
            or smaller if a side of that is above 160.
    """

    box: Box
    ink: Ink


class Candidate(NamedTuple):
    """A run of atoms that could be one digit.

    Attributes:
        first: its first atom.
        last: its last atom, included.
        segment: the ink of all of them.
    """

    first: int
    last: int
    segment: Segment


@dataclass(frozen=True)
class LineAtoms:
    """The pieces of one line from left to right; each digit is a run of them.

    Attributes:
        boxes: of each of n atoms, in pixels of the ink.
        cut_strokes: (n - 1,) how much ink the cut between an atom and the next goes through, in
            widths of a stroke; 0 where they do not touch.
        height_px: of a typical digit of this line.
    """

    boxes: tuple[Box, ...]
    cut_strokes: NDArray[np.float64]
    height_px: float
    _ink: Ink
    _labels: Labels
    _first_label: int
    _whole: tuple[int, ...]  # of each atom, the mark that it is a piece of

    @property
    def box(self) -> Box:
        """Around the line."""
        return Box.around(self.boxes)

    def segment(self, first: int, last: int, max_px: int = _MAX_CROP_PX) -> Segment:
        """Cut out the atoms from ``first`` to ``last``, both included, as one digit.

        Its ink is stored smaller if a side is above ``max_px``.
        """
        box = Box.around(self.boxes[first : last + 1])
        first_label, last_label = self._first_label + first, self._first_label + last
        return _segment(self._ink, self._labels, box, first_label, last_label, max_px)

    def clusters(self) -> list[tuple[int, int]]:
        """First and last atom of each stretch in which nothing stands clearly apart."""
        found: list[tuple[int, int]] = []
        reach = -np.inf
        for index, box in enumerate(self.boxes):
            if found and box.x - reach < _CLOSE * self.height_px:
                found[-1] = found[-1][0], index
            else:
                found.append((index, index))
            reach = max(reach, box.right)
        return found

    def candidates(self) -> list[Candidate]:
        """Every run of atoms that could be a digit, by size and by the gaps within."""
        return [Candidate(first, last, self.segment(first, last)) for first, last in self.runs()]

    def runs(self) -> list[tuple[int, int]]:
        """First and last atom of each candidate."""
        found = []
        for first in range(len(self.boxes)):
            for last in range(first, min(first + _MAX_RUN, len(self.boxes))):
                box = Box.around(self.boxes[first : last + 1])
                is_one_mark = len(set(self._whole[first : last + 1])) == 1
                if last > first:
                    gap = self.boxes[last].x - Box.around(self.boxes[first:last]).right
                    if gap > _MAX_RUN_GAP * self.height_px:
                        break
                    if box.width > _MAX_RUN_WIDTH * self.height_px and not is_one_mark:
                        continue
                is_cut = any(self.cut_strokes[max(0, first - 1) : first] > 0) or any(
                    self.cut_strokes[last : last + 1] > 0
                )
                lowest = _MIN_CUT_HEIGHT if is_cut else _SMALLEST_DIGIT
                if _is_digit_sized(box, self.height_px) and box.height >= lowest * self.height_px:
                    found.append((first, last))
        return found


class Finding(NamedTuple):
    """What was found on a page.

    Attributes:
        lines: in reading order, each of at least one atom.
        slope: how far lines fall per pixel to the right.
        note: why something was left out; empty if nothing was.
        ink: (h, w) float32, the page's ink without the lines that were printed on it.
    """

    lines: list[LineAtoms]
    slope: float
    note: str
    ink: Ink


def find_lines(ink: Ink, *, is_one_line: bool = False) -> list[list[Segment]]:
    """Find the digits of a page by geometry alone.

    At most 3,000 marks are looked at, the largest, so that foliage or a page of print ends soon.

    Args:
        ink: (h, w) float32 in [0, 1]; 1 is ink. Not modified.
        is_one_line: the page holds one line, whatever it looks like.

    Returns:
        The lines from top to bottom, each of at least one digit, left to right.
    """
    ink = without_rules(ink)
    labels, marks, _ = find_marks(ink)
    digits, _ = _digits(marks, _WIDEST_DIGIT)
    boxes = [digit.box() for digit in digits]
    lines = one_line(boxes) if is_one_line else reading_order(boxes)[0]
    number = np.zeros(int(labels.max()) + 1, np.int32)
    for index, digit in enumerate(digits):
        number[digit.label] = index + 1
    labels = number[labels]
    return [
        [_segment(ink, labels, boxes[index], index + 1, index + 1) for index in line]
        for line in lines
    ]


def find_atoms(ink: Ink, *, is_one_line: bool = False) -> Finding:
    """Find the lines of a page, each taken apart into pieces of digits.

    Args:
        ink: (h, w) float32 in [0, 1]; 1 is ink. Not modified.
        is_one_line: the page holds one line, whatever it looks like.

    Returns:
        The lines, the page's tilt, and a note if there was too much to look at.
    """
    ink = without_rules(ink)
    labels, marks, num_marks = find_marks(ink)
    digits, rest = _digits(marks, _WIDEST_WORD)
    boxes = [digit.box() for digit in digits]
    lines, slope = (one_line(boxes), 0.0) if is_one_line else reading_order(boxes)
    members = _with_strays([_together([digits[index] for index in line]) for line in lines], rest)
    stroke_px = _stroke_px(ink)
    first_label = int(labels.max()) + 1
    found = []
    for line in members:
        atoms = _atoms(ink, labels, line, stroke_px, first_label, is_cut=num_marks <= MAX_MARKS)
        first_label += len(atoms.boxes)
        found.append(atoms)
    note = ""
    if num_marks > MAX_MARKS:
        note = f"too many marks: {num_marks:,}, of which the {MAX_MARKS:,} largest were looked at"
    return Finding(found, slope, note, ink)


def _digits(marks: Marks, widest: float) -> tuple[list[Marks], Marks]:
    """The strokes of each digit, as geometry has it; and the marks that are in none."""
    if not len(marks.label):
        return [], marks
    scale_px = typical_height_px(marks)
    marks = _strokes(marks, scale_px)
    found = [marks.where(members) for members in _joined(marks, scale_px)]
    digits = [group for group in found if _is_digit_sized(group.box(), scale_px, widest)]
    used = [digit.label for digit in digits]
    rest = marks.where(~np.isin(marks.label, np.concatenate(used))) if used else marks
    return digits, rest


def _strokes(marks: Marks, scale_px: float) -> Marks:
    """Leave out specks, frames, and what is far too large to be part of a digit."""
    largest = np.maximum(marks.height, marks.width)
    is_large = marks.height > _LARGEST_DIGIT * scale_px
    is_long = (marks.width > _LONG * scale_px) & (marks.height < 0.3 * scale_px)
    return marks.where((largest >= _SPECK * scale_px) & ~is_large & ~is_long & ~is_frame(marks))


def _joined(marks: Marks, scale_px: float) -> list[NDArray[np.int64]]:
    """Indices of the strokes that belong together, a group each."""
    if len(marks.label) == 0:
        return []
    # Every pair of thousands: halves of the memory matter.
    x0, y0, x1, y1 = (column.astype(np.float32) for column in marks[:4])
    width, height = x1 - x0, y1 - y0
    across = np.minimum(x1[:, None], x1) - np.maximum(x0[:, None], x0)  # a gap where negative
    down = np.minimum(y1[:, None], y1) - np.maximum(y0[:, None], y0)
    narrower, lower = np.minimum(width[:, None], width), np.minimum(height[:, None], height)
    joined_height = np.maximum(y1[:, None], y1) - np.minimum(y0[:, None], y0)
    has_part = lower < _PART * scale_px
    is_above = (across >= 0.4 * narrower) & (down >= -_NEAR * scale_px) & has_part
    is_beside = (across >= -_BESIDE * scale_px) & (down >= 0.5 * lower) & (lower < _BAR * scale_px)
    smaller_box = np.minimum((width * height)[:, None], width * height)
    is_within = (across > 0) & (down > 0) & (across * down >= 0.5 * smaller_box)
    belongs = (is_above | is_beside | is_within) & (joined_height <= _MAX_JOINED * scale_px)
    is_tall = height >= _PART * scale_px
    return [
        part
        for members in groups(belongs)
        for part in _by_row(marks, members, belongs, is_tall, _MAX_JOINED * scale_px)
    ]


def _by_row(
    marks: Marks,
    members: NDArray[np.int64],
    belongs: NDArray[np.bool_],
    is_tall: NDArray[np.bool_],
    most_px: float,
) -> list[NDArray[np.int64]]:
    """Part what specks have chained together across rows, as what is left of a table's lines does.

    Each small mark goes to the tall one that it is nearest to, downwards.
    """
    top, bottom = marks.top[members], marks.bottom[members]
    tall = members[is_tall[members]]
    if bottom.max() - top.min() <= most_px or len(tall) < 2:
        return [members]
    rows = [tall[part] for part in groups(belongs[np.ix_(tall, tall)])]
    upper = np.array([marks.top[row].min() for row in rows])
    lower = np.array([marks.bottom[row].max() for row in rows])
    small = members[~is_tall[members]]
    gap = np.maximum(marks.top[small][:, None] - lower, upper - marks.bottom[small][:, None])
    nearest = gap.argmin(axis=1)
    return [np.concatenate([row, small[nearest == index]]) for index, row in enumerate(rows)]


def _is_digit_sized(box: Box, scale_px: float, widest: float = _WIDEST_DIGIT) -> bool:
    return (
        _SMALLEST_DIGIT * scale_px <= box.height <= _LARGEST_DIGIT * scale_px
        and box.width <= widest * box.height
    )


def _with_strays(lines: list[Marks], rest: Marks) -> list[Marks]:
    """The marks of each line, and those beside them that no digit has; each on one line only."""
    if not lines or not len(rest.label):
        return lines
    distance = np.empty((len(lines), len(rest.label)))  # in reaches of the line
    for row, marks in enumerate(lines):
        left = np.maximum(rest.left[:, None], marks.left)
        right = np.minimum(rest.right[:, None], marks.right)
        top = np.maximum(rest.top[:, None], marks.top)
        bottom = np.minimum(rest.bottom[:, None], marks.bottom)
        apart = np.maximum(left - right, 2 * (top - bottom)).min(axis=1)
        distance[row] = apart / (_STRAY * typical_height_px(marks))
    nearest = np.where(distance.min(axis=0) < 1, distance.argmin(axis=0), -1)
    return [_together([marks, rest.where(nearest == row)]) for row, marks in enumerate(lines)]


def _together(parts: list[Marks]) -> Marks:
    return Marks(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


def _stroke_px(ink: Ink) -> float:
    """The typical width of a stroke."""
    depth = cv2.distanceTransform((ink > 0.5).astype(np.uint8), cv2.DIST_L2, 3)
    ridge = depth[(depth > 0) & (depth >= cv2.dilate(depth, np.ones((3, 3), np.uint8)))]
    return max(1.0, 2 * median(ridge) - 1) if len(ridge) else 1.0


class _Atom(NamedTuple):
    middle: float
    box: Box
    cut_strokes: float  # from the atom before, of the same mark
    mark: int
    own: NDArray[np.bool_] | None  # within the box; None is all of the mark


def _atoms(
    ink: Ink, labels: Labels, marks: Marks, stroke_px: float, first: int, *, is_cut: bool
) -> LineAtoms:
    """Cut a line's marks, and write the number of each piece into ``labels``.

    A crowded page is no page of digits, and its marks are not cut, which would take long.
    """
    scale_px = typical_height_px(marks)
    atoms = [
        atom
        for row in range(len(marks.label))
        for atom in _cut(
            ink, labels, marks.where(np.array([row])), scale_px, stroke_px, _MAX_CUTS * is_cut
        )
    ]
    atoms.sort(key=lambda atom: atom.middle)
    for index, atom in enumerate(atoms):
        box = atom.box
        place = labels[box.y : box.bottom, box.x : box.right]
        place[place == atom.mark if atom.own is None else atom.own] = first + index
    cut_strokes = [
        after.cut_strokes if before.mark == after.mark else 0.0 for before, after in pairwise(atoms)
    ]
    return LineAtoms(
        tuple(atom.box for atom in atoms),
        np.array(cut_strokes, np.float64),
        scale_px,
        ink,
        labels,
        first,
        tuple(atom.mark for atom in atoms),
    )


def _cut(
    ink: Ink, labels: Labels, mark: Marks, scale_px: float, stroke_px: float, max_cuts: int
) -> list[_Atom]:
    box, label = mark.box(), int(mark.label[0])
    whole = _Atom(box.x + box.width / 2, box, 0.0, label, None)
    max_seams = min(max_cuts, int((box.width / scale_px - _UNCUT_WIDTH) / _CUT_WIDTH))
    if max_seams < 1:
        return [whole]
    own = labels[box.y : box.bottom, box.x : box.right] == label
    crop = np.where(own, ink[box.y : box.bottom, box.x : box.right], 0)
    zoom = min(_MAX_CUT_ZOOM, _CUT_HEIGHT_PX / scale_px)
    size = max(2, round(box.width * zoom)), max(2, round(box.height * zoom))
    way = cv2.INTER_AREA if zoom < 1 else cv2.INTER_LINEAR
    resized = np.asarray(cv2.resize(crop, size, interpolation=way), np.float32)
    cuts = seams(
        resized,
        spacing_px=_CUT_SPACING * scale_px * zoom,
        max_cut_px=_MAX_CUT_STROKES * max(stroke_px * zoom, 1),
        max_seams=max_seams,
    )
    number = pieces((box.height, box.width), cuts, zoom)
    atoms = []
    for index in range(len(cuts) + 1):
        piece = own & (number == index)
        rows, columns = np.flatnonzero(piece.any(axis=1)), np.flatnonzero(piece.any(axis=0))
        if not len(rows):
            continue
        top, left = int(rows[0]), int(columns[0])
        bottom, right = int(rows[-1]) + 1, int(columns[-1]) + 1
        cut_strokes = cuts[index - 1].cut_px / max(stroke_px * zoom, 1) if index else 0.0
        place = Box(box.x + left, box.y + top, right - left, bottom - top)
        atoms.append(
            _Atom(
                place.x + place.width / 2, place, cut_strokes, label, piece[top:bottom, left:right]
            )
        )
    return atoms


def _segment(
    ink: Ink, labels: Labels, box: Box, first: int, last: int, max_px: int = _MAX_CROP_PX
) -> Segment:
    """Cut out a digit with its soft edges, without its neighbours, at full strength."""
    top, left = max(0, box.y - 1), max(0, box.x - 1)
    bottom, right = min(ink.shape[0], box.bottom + 1), min(ink.shape[1], box.right + 1)
    crop_labels = labels[top:bottom, left:right]
    own = (crop_labels >= first) & (crop_labels <= last)
    edge = cv2.dilate(own.view(np.uint8), np.ones((3, 3), np.uint8)).astype(bool)
    crop = np.where(own | (edge & (crop_labels == 0)), ink[top:bottom, left:right], 0)
    strokes = np.sort(crop[own])
    strength = strokes[int(0.9 * len(strokes))]
    full = np.minimum(crop / strength, 1).astype(np.float32)
    zoom = max_px / max(full.shape)
    if zoom < 1:
        size = max(1, round(full.shape[1] * zoom)), max(1, round(full.shape[0] * zoom))
        full = cv2.resize(full, size, interpolation=cv2.INTER_AREA)
    return Segment(Box(left, top, right - left, bottom - top), np.asarray(full, np.float32))
