"""Pieces of digits: marks cut where two digits may touch, and what each run of pieces looks like.

Sizes are shares of the height of a typical mark of the line; coordinates are pixels of the ink.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from inkdigits.imaging.ink import Ink
from inkdigits.imaging.marks import Labels, Marks, typical_height_px
from inkdigits.imaging.split import pieces, seams
from inkdigits.reading import Box

LARGEST_DIGIT = 8.0  # beside the small print of a form, people write large
WIDEST_DIGIT = 3.0  # in its own heights
_SMALLEST_DIGIT = 0.28  # less high is no digit by itself

_MAX_RUN = 6  # pieces of one digit
_MAX_RUN_WIDTH = 1.5
_MAX_RUN_GAP = 0.35
_MIN_CUT_HEIGHT = 0.35  # what a cut leaves is higher, or no digit
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
        return cut_out(self._ink, self._labels, box, first_label, last_label, max_px)

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
                if is_digit_sized(box, self.height_px) and box.height >= lowest * self.height_px:
                    found.append((first, last))
        return found


def is_digit_sized(box: Box, scale_px: float, widest: float = WIDEST_DIGIT) -> bool:
    """Whether a box is as high as a digit, and no wider than that, in its own heights."""
    return (
        _SMALLEST_DIGIT * scale_px <= box.height <= LARGEST_DIGIT * scale_px
        and box.width <= widest * box.height
    )


class _Atom(NamedTuple):
    middle: float
    box: Box
    cut_strokes: float  # from the atom before, of the same mark
    mark: int
    own: NDArray[np.bool_] | None  # within the box; None is all of the mark


def cut_up(
    ink: Ink, labels: Labels, marks: Marks, stroke_px: float, first: int, *, is_cut: bool
) -> LineAtoms:
    """Cut the marks of a line where digits may touch.

    Args:
        ink: (h, w) float32, of the page.
        labels: (h, w) int32, the mark of each pixel. **Changed**: a pixel of this line gets the
            number of its piece.
        marks: of the line.
        stroke_px: typical width of a stroke.
        first: number of the first piece.
        is_cut: false takes each mark for one piece. A crowded page is no page of digits, and
            cutting it would take long.

    Returns:
        The pieces, in order.
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


def cut_out(
    ink: Ink,
    labels: Labels,
    box: Box,
    first_label: int,
    last_label: int,
    max_px: int = _MAX_CROP_PX,
) -> Segment:
    """Cut out a digit with its soft edges, without its neighbours, at full strength.

    Args:
        ink: (h, w) float32, of the page.
        labels: (h, w) int32, whose each pixel is.
        box: around the digit.
        first_label: of its strokes or pieces,
        last_label: and the last of them, included.
        max_px: its ink is stored smaller if a side is above that.
    """
    top, left = max(0, box.y - 1), max(0, box.x - 1)
    bottom, right = min(ink.shape[0], box.bottom + 1), min(ink.shape[1], box.right + 1)
    crop_labels = labels[top:bottom, left:right]
    own = (crop_labels >= first_label) & (crop_labels <= last_label)
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
