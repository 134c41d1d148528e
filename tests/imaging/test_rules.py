"""Printed lines vanish; what was written over them stays."""

import time
from collections.abc import Callable

import cv2
import numpy as np
import pytest

from inkdigits.imaging.rules import without_rules
from inkdigits.imaging.segment import find_atoms, find_lines

Write = Callable[..., np.ndarray]


def ruling(
    shape: tuple[int, int],
    *,
    every_px: float,
    slope: float = 0.0,
    width_px: int = 1,
    level: float = 0.8,
    is_squared: bool = False,
) -> np.ndarray:
    """Rules across the page, and down it, that fall by ``slope`` pixels per pixel."""
    height, width = shape
    rules = np.zeros(shape, np.float32)
    for y in np.arange(-abs(slope) * width + every_px / 2, height * 1.2, every_px):
        cv2.line(rules, (0, round(y)), (width, round(y + slope * width)), level, width_px)
    if is_squared:
        for x in np.arange(-abs(slope) * height + every_px / 2, width * 1.2, every_px):
            cv2.line(rules, (round(x), 0), (round(x - slope * height), height), level, width_px)
    return cv2.GaussianBlur(rules, (0, 0), 0.6)


def shares(cleaned: np.ndarray, written: np.ndarray, rules: np.ndarray) -> tuple[float, float]:
    """Of the strokes, what is still there; of the rules beside them, what is left."""
    beside = (rules > 0.3) & (cv2.dilate(written, np.ones((7, 7), np.uint8)) < 0.05)
    return (
        float((cleaned > 0.3)[written > 0.6].mean()),
        float((cleaned > 0.3)[beside].mean()),
    )


@pytest.mark.parametrize("slope", [0.0, 0.01, -0.03, 0.07])
@pytest.mark.parametrize("is_squared", [False, True])
@pytest.mark.parametrize("level", [0.4, 0.9])
def test_ruling_vanishes_and_strokes_stay(
    write: Write, slope: float, is_squared: bool, level: float
) -> None:
    written = write(["4071235", "9862503", "1180645"], height_px=48, pen_px=5)
    rules = ruling(
        written.shape, every_px=37, slope=slope, width_px=2, level=level, is_squared=is_squared
    )
    kept, left = shares(without_rules(np.maximum(written, rules)), written, rules)
    assert kept > 0.92
    assert left < 0.06


@pytest.mark.parametrize("seed", range(3))
def test_digits_on_ruled_paper_are_found(write: Write, seed: int) -> None:
    written = write(["4071235", "9862503"], height_px=40, pen_px=4, seed=seed)
    ink = np.maximum(written, ruling(written.shape, every_px=40, slope=0.01))
    assert [len(line) for line in find_lines(without_rules(ink))] == [7, 7]


@pytest.mark.parametrize("width_px", [1, 2, 4])
def test_each_filled_cell_of_a_grid_is_a_digit(write: Write, width_px: int) -> None:
    written = write(["4 0 7", "  2 9", "8    "], height_px=40, pen_px=4, gap=0.45)
    height, width = written.shape
    ink = written.copy()
    for x in range(29, width, 43):
        cv2.line(ink, (x, 6), (x, height - 8), 1, width_px)
    for y in (12, 92, 172, 252):
        cv2.line(ink, (29, y), (29 + 43 * ((width - 30) // 43), y), 1, width_px)
    cleaned = without_rules(ink)
    assert len(find_atoms(cleaned).lines) == 3
    found = [len(line) for line in find_lines(cleaned)]
    assert found == [3, 2, 1]


def test_empty_boxes_hold_nothing() -> None:
    ink = np.zeros((80, 640), np.float32)
    for column in range(8):
        cv2.rectangle(ink, (20 + 70 * column, 15), (90 + 70 * column, 65), 1, 2)
    cleaned = without_rules(ink)
    assert find_lines(cleaned) == []
    assert find_atoms(cleaned).lines == []


def test_a_digit_that_touches_its_box_is_found(write: Write) -> None:
    written = write(["5"], height_px=60, pen_px=5)
    rows, columns = (np.flatnonzero(written.any(axis=axis)) for axis in (1, 0))
    ink = np.pad(written, 60)
    left, right = int(columns[0]) + 60 - 12, int(columns[-1]) + 60 + 12
    top, bottom = int(rows[0]) + 60 - 12, int(rows[-1]) + 60 - 1
    cv2.rectangle(ink, (left, top), (right, bottom), 1, 2)
    kept, left_over = shares(without_rules(ink), np.pad(written, 60), np.zeros_like(ink) + 1)
    assert kept > 0.9
    assert left_over < 0.01
    assert [len(line) for line in find_lines(without_rules(ink))] == [1]


@pytest.mark.parametrize("text", ["1", "111", "7", "4171", "0"])
@pytest.mark.parametrize("pen_px", [2, 6, 20])
def test_strokes_of_digits_are_no_rules(write: Write, text: str, pen_px: int) -> None:
    ink = write([text], height_px=200, pen_px=pen_px)
    rows, columns = (np.flatnonzero(ink.any(axis=axis)) for axis in (1, 0))
    close = ink[rows[0] - 3 : rows[-1] + 4, columns[0] - 3 : columns[-1] + 4]
    for picture in (ink, np.ascontiguousarray(close)):
        np.testing.assert_array_equal(without_rules(picture), picture)


@pytest.mark.parametrize("height_px", [14, 20])
def test_bars_of_neighbouring_digits_are_no_rule(write: Write, height_px: int) -> None:
    """In a small picture, the gaps between them are as short as those of a worn rule."""
    ink = write(["77757", "77577"], height_px=height_px, pen_px=1, gap=0.25)
    np.testing.assert_array_equal(without_rules(ink), ink)


def test_rules_over_a_stain_vanish(write: Write) -> None:
    written = write(["4071235", "9862503", "1180645"], height_px=48, pen_px=5)
    rules = ruling(written.shape, every_px=60, width_px=2, level=0.9, is_squared=True)
    stain = np.zeros_like(written)
    cv2.circle(stain, (written.shape[1] // 2, 150), 40, 0.3, -1)  # a third as dark as the rules
    cleaned = without_rules(np.maximum(np.maximum(written, rules), stain))
    beside = (stain > 0) & (rules > 0.6) & (cv2.dilate(written, np.ones((7, 7))) < 0.05)
    assert beside.sum() > 100
    assert (cleaned[beside] > 0.4).mean() < 0.1


def test_an_angular_zero_is_no_box() -> None:
    ink = np.zeros((120, 300), np.float32)
    for x in (30, 120, 210):
        cv2.rectangle(ink, (x, 20), (x + 50, 100), 1, 4)
    np.testing.assert_array_equal(without_rules(ink), ink)


def test_what_is_given_is_not_changed(write: Write) -> None:
    written = write(["407"], height_px=40)
    ink = np.maximum(written, ruling(written.shape, every_px=30))
    before = ink.copy()
    assert (without_rules(ink) != before).any()
    np.testing.assert_array_equal(ink, before)


@pytest.mark.parametrize("shape", [(1, 1), (1, 400), (400, 1), (3, 9), (20, 2000)])
@pytest.mark.parametrize("level", [0.0, 0.5, 1.0])
def test_tiny_and_long_pages(shape: tuple[int, int], level: float) -> None:
    cleaned = without_rules(np.full(shape, level, np.float32))
    assert cleaned.shape == shape
    assert np.isfinite(cleaned).all()


def test_texture_ends_soon() -> None:
    rng = np.random.default_rng(0)
    texture = cv2.GaussianBlur(rng.random((1000, 1400)).astype(np.float32), (0, 0), 4, sigmaY=0.6)
    texture = np.clip((texture - texture.mean()) * 12, 0, 1)
    began = time.process_time()
    cleaned = without_rules(texture)
    assert time.process_time() - began < 8  # measured: 1; a bound against accidents
    assert cleaned.shape == texture.shape


@pytest.mark.parametrize("height_px", [20, 40])
def test_pencil_in_rows_of_printed_boxes_comes_out_dark(write: Write, height_px: int) -> None:
    """The boxes are four times as dark; each row of them stands alone."""
    pencil = 0.25 * write(["40713", "23586", "90146"], height_px=height_px, pen_px=height_px / 12)
    advance, boxes = round((10 / 16 + 0.45) * height_px), np.zeros_like(pencil)
    left = height_px - round(0.25 * height_px)
    for row in range(3):
        top = round(height_px * (0.5 + 2 * row))
        for column in range(5):
            start = left + column * advance
            corner = (start + advance, top + round(1.65 * height_px))
            cv2.rectangle(boxes, (start, top), corner, 1.0, 1)
    boxes = cv2.GaussianBlur(boxes, (0, 0), 0.5)
    boxes /= boxes.max()
    cleaned = without_rules(np.maximum(pencil, boxes))
    inside = cv2.dilate(boxes, np.ones((3, 3), np.uint8)) < 0.1
    assert cleaned[inside & (pencil > 0.2)].mean() > 0.55  # it was 0.25
    beside = cv2.dilate(pencil, np.ones((7, 7), np.uint8)) < 0.05
    assert (cleaned[beside & (boxes > 0.5)] > 0.4).mean() < 0.1  # specks where edges cross


@pytest.mark.parametrize("clear_px", [2, 3])
@pytest.mark.parametrize("side_px", [14, 20, 30])
def test_a_1_that_nearly_fills_its_box_stays(side_px: int, clear_px: int) -> None:
    boxes, ones = np.zeros((2, 3 * side_px, 12 * side_px), np.float32)
    for column in range(8):
        left = side_px + column * side_px
        cv2.rectangle(boxes, (left, side_px), (left + side_px, 2 * side_px), 0.8, 1)
        middle = left + side_px // 2
        ends = (middle, side_px + clear_px + 1), (middle, 2 * side_px - clear_px - 1)
        cv2.line(ones, *ends, 0.9, 2)
    kept, left_over = shares(without_rules(np.maximum(boxes, ones)), ones, boxes)
    assert kept > 0.9
    assert left_over < 0.02


@pytest.mark.parametrize("share", [0.8, 0.86])
def test_no_wall_of_a_small_table_is_taken_for_a_stroke(write: Write, share: float) -> None:
    """The digits nearly touch the walls, some of which are longer than half of the page."""
    side_px, rows, columns = 32, 3, 8
    table = np.zeros(((rows + 2) * side_px, (columns + 2) * side_px), np.float32)
    digits = np.zeros_like(table)
    for row in range(rows + 1):
        y = (row + 1) * side_px
        cv2.line(table, (side_px, y), ((columns + 1) * side_px, y), 0.8, 1)
    for column in range(columns + 1):
        x = (column + 1) * side_px
        ends = (x, side_px - column % 2), (x, (rows + 1) * side_px - column % 3)
        cv2.line(table, *ends, 0.8, 1)
    for cell in range(rows * columns):
        one = write([str(cell % 10)], height_px=round(share * side_px), pen_px=1.5, seed=cell)
        left, top, width, height = cv2.boundingRect((one > 0.3).astype(np.uint8))
        x = (cell % columns + 1) * side_px + max(2, (side_px - width) // 2)
        y = (cell // columns + 1) * side_px + (side_px - height) // 2 + 1
        digits[y : y + height, x : x + width] = one[top : top + height, left : left + width]
    table = cv2.GaussianBlur(table, (0, 0), 0.5)
    kept, left_over = shares(without_rules(np.maximum(table, digits)), digits, table)
    assert kept > 0.95
    assert left_over < 0.008  # one wall more would be 0.012


@pytest.mark.parametrize("slope", [0.0, 0.02])
@pytest.mark.parametrize("bar", [((-8, 4), (8, 4)), ((-8, 3), (6, 6))])
def test_a_wall_goes_on_under_the_bar_of_a_digit(
    slope: float, bar: tuple[tuple[int, int], tuple[int, int]]
) -> None:
    """As under that of a 5 in the next box, so that the wall's upper end is not plain."""
    side_px, gap_px, rows = 24, 9, 5
    boxes, bars = np.zeros((2, (rows + 1) * (side_px + gap_px), 10 * side_px), np.float32)

    def turned(x: int, y: int) -> tuple[int, int]:
        return round(x - slope * y), round(y + slope * x)

    for row in range(rows):
        top = gap_px + row * (side_px + gap_px)
        for left in range(side_px, 9 * side_px, side_px):
            corners = [
                turned(left + x * side_px, top + y * side_px)
                for x, y in ((0, 0), (1, 0), (1, 1), (0, 1))
            ]
            cv2.polylines(boxes, [np.array(corners)], True, 0.8, 1)
        cv2.line(bars, *(turned(side_px * (2 + row) + x, top + y) for x, y in bar), 1.0, 3)
    boxes = cv2.GaussianBlur(boxes, (0, 0), 0.5)
    kept, left_over = shares(without_rules(np.maximum(boxes, bars)), bars, boxes)
    assert kept > 0.95
    assert left_over < 0.005  # walls of five boxes were left: 0.025
