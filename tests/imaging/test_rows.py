"""Digits of two rows that touch are parted; what belongs together is not."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from inkdigits.imaging import rows
from inkdigits.imaging.marks import find_marks
from inkdigits.imaging.rows import without_touching_rows
from inkdigits.imaging.segment import find_atoms, find_lines

Write = Callable[..., np.ndarray]


def with_tails(write: Write, height_px: int, tilt: float = 0.0, seed: int = 0) -> np.ndarray:
    """Two rows of seven digits; some of the upper ones reach down into those below."""
    ink = write(
        ["4791497", "8063280"],
        height_px=height_px, pen_px=height_px / 12, pitch=1.4, tilt=tilt, seed=seed,
    )  # fmt: skip
    for box, _ in find_lines(ink)[0][1::2]:  # of a 7, a 1 and a 9
        lowest = box.bottom - 4
        x = box.x + int(np.median(np.flatnonzero(ink[lowest, box.x : box.right])))
        end = x, lowest + round(0.6 * height_px)
        cv2.line(ink, (x, lowest), end, 1.0, max(1, height_px // 12))
    return ink


def parted(ink: np.ndarray, stroke_px: float) -> tuple[list[int], list[int]]:
    """Heights of the marks before anything is parted, and after, but for specks."""
    labels, marks, _ = find_marks(ink)
    after = without_touching_rows(ink, labels, marks, stroke_px)[1]
    before_px, after_px = (
        sorted(found.height[found.area > 20].tolist()) for found in (marks, after)
    )
    return before_px, after_px


@pytest.mark.parametrize("tilt", [0.0, 0.04, -0.04])
@pytest.mark.parametrize("height_px", [20, 32, 90])
@pytest.mark.parametrize("seed", range(4))
def test_a_tail_in_the_row_below_is_parted_from_it(
    write: Write, height_px: int, tilt: float, seed: int
) -> None:
    before, after = parted(with_tails(write, height_px, tilt, seed), height_px / 12)
    assert before[-1] > 1.9 * height_px
    assert len(after) == 14
    assert after[-1] < 1.75 * height_px
    assert after[0] > 0.75 * height_px


def stacked() -> np.ndarray:
    """Two 0s of 32 px, one above the other, that touch; so much paper above and below them."""
    ink = np.zeros((128, 60), np.float32)
    for middle in ((36, 47), (24, 78)):
        cv2.ellipse(ink, middle, (11, 15), 0, 0, 360, 1.0, 2, cv2.LINE_AA)
    return cv2.line(ink, (33, 61), (27, 64), 1.0, 2, cv2.LINE_AA)


@pytest.mark.parametrize("row", [0, 1])
def test_a_tall_digit_beside_one_row_stays_whole(write: Write, row: int) -> None:
    """Some people write one 1 or 7 in three twice as high as the rest."""
    beside = write(["4087"], height_px=32, pen_px=3)
    rows, columns = (np.flatnonzero(beside.any(axis=axis)) for axis in (1, 0))
    beside = beside[rows[0] : rows[-1] + 1, columns[0] - 4 : columns[-1] + 4]
    above = 32 * (1 + row)
    beside = np.pad(beside, ((above, 128 - above - len(beside)), (0, 0)))
    before, after = parted(np.hstack([stacked(), beside]), 3.0)
    assert before == after
    assert before[-1] > 1.9 * 32


def test_neighbours_that_lean_over_two_digits_are_not_within_them() -> None:
    """What is mostly empty about two marks is a frame, but only if it is wholly about them."""
    ink = np.pad(stacked(), ((0, 0), (40, 40)))
    for x, y in ((53, 46), (85, 79), (28, 46), (110, 79)):  # 1s; the middles of two within the box
        cv2.line(ink, (x + 9, y - 13), (x - 9, y + 13), 1.0, 2, cv2.LINE_AA)
    marks = find_marks(ink)[1]
    (pair,) = np.flatnonzero(marks.height > 1.8 * 32)
    middle = (marks.left + marks.right) / 2
    assert ((middle > marks.left[pair]) & (middle < marks.right[pair])).sum() == 3  # and itself
    before, after = parted(ink, 2.0)
    assert len(after) == len(before) + 1
    assert after[-1] < 1.3 * 32


@pytest.mark.parametrize("seed", range(4))
def test_both_ways_to_find_lines_part_them(write: Write, seed: int) -> None:
    ink = with_tails(write, 32, seed=seed)
    assert [len(line) for line in find_lines(ink)] == [7, 7]
    assert [line.box.height < 1.75 * 32 for line in find_atoms(ink).lines] == [True, True]


def test_what_was_found_is_not_changed(write: Write) -> None:
    ink = with_tails(write, 32)
    labels, marks, _ = find_marks(ink)
    before = labels.copy()
    new_labels, new_marks = without_touching_rows(ink, labels, marks, 3.0)
    assert len(new_marks.label) > len(marks.label)
    np.testing.assert_array_equal(labels, before)
    for left, top, right, bottom, area, label in zip(*new_marks, strict=True):
        y, x = np.nonzero(new_labels == label)
        assert (x.min(), y.min()) == (left, top)
        assert (x.max() + 1, y.max() + 1, len(x)) == (right, bottom, area)


@pytest.mark.parametrize("pitch", [1.4, 1.6, 1.9])
@pytest.mark.parametrize("large_px", [50, 70])
@pytest.mark.parametrize("value", list("0123456789"))
def test_a_large_digit_beside_two_lines_stays_whole(
    write: Write, value: str, large_px: int, pitch: float
) -> None:
    """As an answer beside the small print of a form."""
    lines = write(["40712", "98625"], height_px=20, pen_px=2, pitch=pitch)
    large = write([value], height_px=large_px, pen_px=5)
    height = max(len(lines), len(large))
    ink = np.hstack([np.pad(part, ((0, height - len(part)), (0, 0))) for part in (lines, large)])
    before, after = parted(ink, 2.0)
    assert before == after
    assert before[-1] > 0.8 * large_px


@pytest.mark.parametrize("value", list("0235689"))
def test_a_digit_among_broken_ones_stays_whole(write: Write, value: str) -> None:
    """Pale ink leaves the upper and the lower part of a digit, which are no rows."""
    height_px = 40
    ink = write(["33" + value + "35"], height_px=height_px, pen_px=3)
    advance = round((10 / 16 + 0.45) * height_px)
    broken = ink.copy()
    broken[round(1.12 * height_px) : round(1.24 * height_px)] = 0
    start = height_px + 2 * advance - height_px // 6
    broken[:, start : start + advance] = ink[:, start : start + advance]
    before, after = parted(broken, 3.0)
    assert before == after
    assert before[-1] > 0.8 * height_px


def test_a_box_around_two_rows_is_not_cut(write: Write) -> None:
    ink = write(["407", "986"], height_px=32, pen_px=3, pitch=1.4)
    y, x = np.nonzero(ink > 0.3)
    corners = (x.min() - 8, y.min() - 6), (x.max() + 8, y.max() + 6)
    cv2.rectangle(ink, *(tuple(map(int, corner)) for corner in corners), 1.0, 2)
    before, after = parted(ink, 3.0)
    assert before == after
    assert before[-1] > 2 * 32


def test_many_marks_that_cannot_be_cut_end_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Thick bars beside rows of short ones, which show where the bars would have to be cut."""
    page = np.zeros((900, 1600), np.float32)
    for column in range(50):
        for top in range(10, 840, 60):
            for upper, lower in [(0, 50)] if column % 2 else [(0, 22), (28, 50)]:
                corners = (30 * column, top + upper), (30 * column + 13, top + lower)
                cv2.rectangle(page, *corners, 1.0, -1)
    labels, marks, _ = find_marks(page)
    calls = []
    monkeypatch.setattr(rows, "seams", lambda *_, **__: calls.append(1) or [])
    assert len(without_touching_rows(page, labels, marks, 2.0)[1].label) == len(marks.label)
    assert 250 < len(calls) <= 300
