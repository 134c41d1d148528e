"""Boxes come out in the order in which a person would read them."""

import numpy as np
import pytest

from inkdigits.imaging.layout import one_line, reading_order, separators
from inkdigits.reading import Box


def row(x: float, y: float, num_boxes: int, *, step: float = 30, slope: float = 0.0) -> list[Box]:
    return [
        Box(round(x + step * i), round(y + slope * (x + step * i)), 18, 26)
        for i in range(num_boxes)
    ]


def counts(rows: list[list[Box]]) -> list[list[int]]:
    """For each line found, the rows that its boxes come from, each once, in order."""
    boxes = [(box, number) for number, boxes in enumerate(rows) for box in boxes]
    order = np.random.default_rng(0).permutation(len(boxes))
    shuffled = [boxes[index] for index in order]
    lines = reading_order([box for box, _ in shuffled])
    return [list(dict.fromkeys(shuffled[index][1] for index in line)) for line in lines]


@pytest.mark.parametrize("slope", [-0.1, 0.0, 0.1])
def test_rows_from_top_to_bottom(slope: float) -> None:
    rows = [row(120, 120 + 60 * number, 9, slope=slope) for number in range(5)]
    assert counts(rows) == [[0], [1], [2], [3], [4]]


def test_hands_whose_figures_stand_high_and_low() -> None:
    """As in old figures: 6 and 8 reach up, 3, 5, 7 and 9 down, and 0, 1 and 2 are low."""
    placed = [  # middle, left to right and top to bottom, and height of each figure
        "67,122,62 109,94,66 139,108,37 167,109,36 196,123,64",
        "70,250,35 100,249,36 128,263,64 164,234,65 194,249,36 263,263,64",
        "70,403,64 100,390,35 136,402,61",
        "74,529,36 113,542,61 157,530,35 204,514,66 233,529,36 266,542,62 296,528,37",
    ]
    rows = [
        [
            Box(x - 18, y - height // 2, 36, height)
            for x, y, height in (map(int, figure.split(",")) for figure in row.split())
        ]
        for row in placed
    ]
    assert counts(rows) == [[0], [1], [2], [3]]


def test_groups_in_a_row_are_one_line() -> None:
    rows = [row(x, y, 5) for y in (20, 90, 160, 230) for x in (20, 280)]
    assert counts(rows) == [[0, 1], [2, 3], [4, 5], [6, 7]]


def test_columns_that_are_not_level_are_read_one_after_another() -> None:
    left = [row(20, 20 + 60 * number, 5) for number in range(5)]
    right = [row(280, 47 + 67 * number, 5) for number in range(4)]
    assert counts(left + right) == [[number] for number in range(9)]


def test_columns_far_apart_are_read_one_after_another() -> None:
    left = [row(20, 20 + 60 * number, 5) for number in range(4)]
    right = [row(600, 20 + 60 * number, 5) for number in range(4)]
    assert counts(left + right) == [[number] for number in range(8)]


def test_two_lines_are_no_columns() -> None:
    rows = [row(x, y, 4) for y in (20, 90) for x in (20, 600)]
    assert counts(rows) == [[0, 1], [2, 3]]


def test_nothing_and_one() -> None:
    assert reading_order([]) == []
    assert reading_order([Box(1, 2, 3, 4)]) == [[0]]
    assert one_line([]) == []


def test_one_line_goes_from_left_to_right() -> None:
    assert one_line([Box(50, 0, 9, 9), Box(0, 80, 9, 9), Box(20, 3, 9, 9)]) == [[1, 2, 0]]


DIGITS = [Box(0, 0, 20, 40), Box(50, 2, 20, 40)]  # a space of 30 pixels between


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        (Box(24, 34, 6, 16), True),  # 1,2
        (Box(72, 36, 8, 14), True),  # behind the last digit
        (Box(24, 8, 6, 16), False),  # neither at the foot nor at the head
        (Box(24, 20, 6, 16), False),  # above the line
        (Box(24, 34, 6, 30), False),  # as high as a digit may be
        (Box(24, 54, 6, 16), False),  # of the line below
        (Box(-20, 34, 6, 16), False),  # no digit before it
        (Box(30, -4, 6, 16), True),  # 1'2
        (Box(44, -4, 5, 16), False),  # the flag of a 1
        (Box(76, -4, 6, 16), False),  # a small figure, as in 10¹
    ],
)
def test_commas_and_apostrophes(box: Box, expected: bool) -> None:
    assert separators([*DIGITS, box]) == [False, False, expected]
    assert separators([box, *DIGITS]) == [expected, False, False]


def test_small_figures_beside_large_ones_are_no_commas() -> None:
    small = [Box(24, 34, 8, 16), Box(36, 34, 8, 16)]
    assert separators([*DIGITS, *small]) == [False] * 4
    two_commas = [Box(24, 34, 6, 16), Box(72, 36, 6, 16)]
    assert separators([*DIGITS, *two_commas]) == [False, False, True, True]
    assert separators([]) == []
