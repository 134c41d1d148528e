"""What stands between digits and is none: slashes and parentheses, marks alone and on pages."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from marks import CLASSES, line_of

from inkdigits.clusters import Mark
from inkdigits.reader import Reader
from inkdigits.reading import Box, Status
from inkdigits.signs import as_signs, as_slashes, in_parentheses
from inkdigits.synthesis.strokes import synthetic_digits


@pytest.fixture(scope="module")
def reader() -> Reader:
    return Reader()


def page(text: str, *, beyond: float = 0.25, seed: int = 1) -> np.ndarray:
    """Digits 40 px high, and slashes that reach beyond them by a share of that; 255 is paper."""
    images, labels = synthetic_digits(400, seed=seed)
    rng = np.random.default_rng(seed)
    ink, x = np.zeros((140, 60 * len(text)), np.uint8), 40
    for mark in text:
        if mark == "/":
            top, bottom = round(50 - beyond * 40), round(90 + beyond * 40)
            cv2.line(ink, (x + 14, top), (x - 8, bottom), 255, 4, cv2.LINE_AA)
            x += 22
            continue
        digit = images[rng.choice(np.flatnonzero(labels == int(mark)))]
        left, upper, width, height = cv2.boundingRect((digit > 50).astype(np.uint8))
        digit = digit[upper : upper + height, left : left + width]
        wide = max(6, round(width * 40 / height))
        ink[50:90, x : x + wide] = cv2.resize(digit, (wide, 40), interpolation=cv2.INTER_CUBIC)
        x += wide + 12
    return np.asarray(255 - 0.85 * ink, np.uint8)


@pytest.mark.parametrize("seed", range(1, 5))
def test_the_slashes_of_a_date_are_left_out(reader: Reader, seed: int) -> None:
    (line,) = reader.read(page("24/08/2026", seed=seed)).lines
    assert line.text == "24082026"
    slashes = [digit for digit in line.digits if digit.status is Status.REJECT]
    assert len(slashes) == 2
    zero = next(digit for digit in line.digits if digit.value == "0")
    assert zero.status is Status.OK  # it stands behind a slash, not behind the N of No.


def test_the_slash_of_a_case_number_is_left_out(reader: Reader) -> None:
    assert reader.read(page("68/194")).text == "68194"


def test_a_slash_as_high_as_its_digits_is_no_sure_digit(reader: Reader) -> None:
    (line,) = reader.read(page("68/24", beyond=0.0)).lines
    slash = sorted(line.digits, key=lambda digit: digit.box.x)[2]
    assert slash.status is not Status.OK


def bowed(mark: Mark, bow: float) -> Mark:
    """A bar of 20 rows whose ends lie so far to the right of its middle, in its heights."""
    glyph = np.zeros((28, 28), np.float32)
    for row in range(20):
        middle = 14 + bow * 20 * (((row - 9.5) / 9.5) ** 2 - 0.5)
        columns = np.arange(28)
        glyph[4 + row] = np.clip(1.5 - np.abs(columns - middle), 0, 1)
    return replace(mark, glyph=glyph)


@pytest.mark.parametrize(
    ("text", "bows", "expected"),
    [
        ("14071", {0: 0.15, 4: -0.15}, {0, 4}),
        ("14071", {0: 0.05, 4: -0.05}, set()),  # nearly straight
        ("14071", {0: -0.15, 4: 0.15}, set()),  # they bow towards it
        ("14071", {0: 0.15}, set()),
        ("24072", {0: 0.15, 4: -0.15}, set()),  # no 1s
        ("11", {0: 0.15, 1: -0.15}, set()),  # nothing in between
        ("4171121", {1: 0.2, 3: -0.2, 4: 0.2, 6: -0.2}, {1, 3, 4, 6}),
    ],
)
def test_1s_that_enclose_others_may_be_parentheses(text, bows, expected):
    line = [bowed(mark, bows.get(at, 0.0)) for at, mark in enumerate(line_of(text))]
    assert {at for at, may in enumerate(in_parentheses(line, CLASSES)) if may} == expected
    found = in_parentheses(line[::-1], CLASSES)
    assert {at for at, may in enumerate(found[::-1]) if may} == expected


def test_what_is_broken_is_no_parenthesis():
    line = [bowed(mark, bow) for mark, bow in zip(line_of("171"), (0.2, 0.0, -0.2), strict=True)]
    line[0].glyph[12] = 0
    assert in_parentheses(line, CLASSES) == [False] * 3
    assert in_parentheses([], CLASSES) == []


def leaning(mark: Mark, lean: float) -> Mark:
    """A bar of 20 rows that goes so far to the right, per row upwards."""
    columns, rows = np.arange(28), np.arange(28)[:, None]
    glyph = np.clip(1.5 - np.abs(columns - 14 + lean * (rows - 13.5)), 0, 1)
    glyph[(rows[:, 0] < 4) | (rows[:, 0] >= 24)] = 0
    return replace(mark, glyph=glyph.astype(np.float32))


@pytest.mark.parametrize(
    ("text", "leans", "expected"),
    [
        ("7110", {1: 0.6}, {1}),  # 7/10
        ("7110", {1: 0.3}, set()),  # nobody's slash is so upright
        ("7110", {0: 0.5, 1: 0.6, 2: 0.6, 3: 0.5}, set()),  # all of it is slanted
        ("3147528", {1: 0.55, 4: 0.6}, {1}),  # no 5, whatever it leans
        ("1314", {0: 0.7}, set()),  # a slash stands between
        ("413", {1: -0.6}, set()),
        ("311", {1: 0.7}, set()),  # one digit tells nothing of a hand
        ("x1x44", {1: 0.7}, set()),
    ],
)
def test_a_1_that_leans_more_than_the_digits_around_may_be_a_slash(text, leans, expected):
    line = [leaning(mark, leans.get(at, 0.1)) for at, mark in enumerate(line_of(text))]
    (found,) = as_slashes([line], CLASSES)
    assert set(np.flatnonzero(found == 0.5)) == set(np.flatnonzero(found)) == expected
    np.testing.assert_array_equal(as_slashes([line[::-1]], CLASSES)[0], found[::-1])


@pytest.mark.parametrize(
    ("texts", "leans", "expected"),
    [
        (["7110", "9110"], {1: 0.34}, {1}),  # 7/10 and 9/10
        (["7110", "9110"], {1: 0.2}, set()),  # a hand's 1s differ by so much
        (["7110", "910"], {1: 0.34}, set()),  # two lean, but one 1 alone is no hand's way
        (["7110", "2347"], {1: 0.34}, set()),  # two 1s, which may be two ways to write them
        (["7110", "911"], {1: 0.34, 2: 0.34}, set()),  # nobody ends a number with a slash
    ],
)
def test_1s_that_lean_apart_from_the_pages_others_may_be_slashes(texts, leans, expected):
    lines = [
        [leaning(mark, leans.get(at, 0.1)) for at, mark in enumerate(line_of(text))]
        for text in texts
    ]
    for found in as_slashes(lines, CLASSES):
        assert set(np.flatnonzero(found == 0.5)) == set(np.flatnonzero(found)) == expected


@pytest.mark.parametrize(
    ("lean", "above", "below", "expected"),
    [
        (0.35, 3, 3, 1.0),  # upright for a slash, but far beyond 68 and 19
        (0.25, 3, 3, 0.0),  # no more than a 1 may lean
        (0.35, 3, 2, 0.0),
        (0.35, 2, 3, 0.0),
        (0.7, 3, 3, 1.0),
        (0.7, 3, 2, 0.5),
    ],
)
def test_a_1_that_leans_and_reaches_beyond_both_neighbours_is_a_slash(lean, above, below, expected):
    line = [leaning(mark, 0.1) for mark in line_of("68119")]
    line[2] = leaning(taller(line[2], above, below), lean)
    (found,) = as_slashes([line], CLASSES)
    assert found.tolist() == [0, 0, expected, 0, 0]


def test_the_1s_of_a_page_tell_what_a_slash_is():
    def marks_of(lean_of_ones: float | None) -> list[list[Mark]]:
        line = [leaning(mark, 0.1) for mark in line_of("68127")]
        line[2] = leaning(taller(line[2], 3, 3), 0.4)
        if lean_of_ones is None:
            return [line]
        return [line, [leaning(mark, lean_of_ones) for mark in line_of("1")]]

    # Where there is no other 1, it may be the way of a hand; and if they lean like it, it is.
    found = [as_slashes(marks_of(lean), CLASSES)[0][2] for lean in (None, 0.1, 0.3)]
    assert found == [0, 1, 0]


def taller(mark: Mark, above: int, below: int) -> Mark:
    x, y, width, height = mark.box
    return replace(mark, box=Box(x, y - above, width, height + above + below))


@pytest.mark.parametrize(
    ("text", "slanted", "above", "expected"),
    [
        ("121412026", (2, 4), 3, {2: 1, 4: 1}),  # 12/4/2026
        ("311126", (1, 3), 3, {1: 1, 3: 1}),  # 3/1/26
        ("311126", (1, 3), 2, {1: 0.5, 3: 0.5}),  # may be a number of a slanted hand
        ("121412026", (2,), 3, {2: 0.5}),
        ("401412026", (2, 4), 3, {2: 0.5, 4: 0.5}),  # no month has 40 days
    ],
)
def test_two_1s_that_lean_and_make_a_date_are_slashes(text, slanted, above, expected):
    line = [leaning(mark, 0.6 if at in slanted else 0.1) for at, mark in enumerate(line_of(text))]
    line[slanted[0]] = taller(line[slanted[0]], above, 0)
    (found,) = as_slashes([line], CLASSES)
    assert {int(at): found[at] for at in np.flatnonzero(found)} == expected


@pytest.mark.parametrize(
    ("text", "lean", "expected"),
    [
        ("121412026", 0.2, {2: 1, 4: 1}),  # 12/4/2026, by a hand that writes upright
        ("121412026", 0.05, {}),  # nobody's slash is so upright
        ("401412026", 0.2, {}),  # no month has 40 days
    ],
)
def test_tall_1s_that_make_a_date_are_slashes_though_they_hardly_lean(text, lean, expected):
    line = [leaning(mark, 0.1) for mark in line_of(text)]
    for at in (2, 4):
        line[at] = leaning(taller(line[at], 3, 3), lean)
    (found,) = as_slashes([line], CLASSES)
    assert {int(at): found[at] for at in np.flatnonzero(found)} == expected


def test_no_slash_is_far_from_what_it_parts():
    line = [leaning(mark, 0.1) for mark in line_of("47", "1", "28")]
    line[2] = leaning(replace(line[2], box=Box(60, 0, 10, 8)), 0.7)
    assert not as_slashes([line], CLASSES)[0].any()
    assert [len(row) for row in as_slashes([[], []], CLASSES)] == [0, 0]


def test_the_digits_of_other_lines_tell_how_a_hand_slants():
    lines = [[leaning(mark, 0.7) for mark in line_of("313")], line_of("474")]
    slanted = [leaning(mark, 0.6) for mark in lines[1]]
    assert as_slashes(lines, CLASSES)[0].tolist() == [0, 0.5, 0]
    assert not as_slashes([lines[0], slanted], CLASSES)[0].any()


def test_what_may_be_a_sign_and_what_surely_is():
    """Parentheses about digits, and between these a slash."""
    line = [leaning(mark, 0.1) for mark in line_of("1681271", "1")]
    line[0], line[6] = bowed(line[0], 0.15), bowed(line[6], -0.15)
    line[3] = leaning(taller(line[3], 3, 3), 0.6)
    (found,) = as_signs([line], CLASSES)
    assert found.tolist() == [0.5, 0, 0, 1, 0, 0, 0.5, 0]
