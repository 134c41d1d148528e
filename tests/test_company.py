"""Among letters, what looks like a digit is a letter; a number keeps to itself."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from inkdigits.clusters import Mark
from inkdigits.company import among_letters, as_slashes, in_parentheses
from inkdigits.reading import Box

CLASSES = "0123456789"


def line_of(*words: str) -> list[Mark]:
    """Words of marks 10 px wide and 20 px high, 2 px apart; 20 px are between words.

    A digit is surely that digit, an x surely none, and a ? is a 4 or none.
    """
    marks, x = [], 0
    for word in words:
        for mark in word:
            of = np.zeros(11, np.float32)
            if mark == "?":
                of[[4, 10]] = 0.5
            else:
                of[10 if mark == "x" else int(mark)] = 1
            marks.append(Mark(Box(x, 0, 10, 20), of, 1.0, np.zeros((28, 28), np.float32)))
            x += 12
        x += 18
    return marks


def letters(*lines: tuple[str, ...]) -> list[np.ndarray]:
    return among_letters([line_of(*words) for words in lines], CLASSES)


def test_a_page_of_digits_has_no_letters():
    for found in letters(("40719", "23"), ("1",), ("10", "01", "5")):
        assert (found <= 0.05).all()


def test_in_a_word_of_letters_nothing_is_a_digit():
    (found,) = letters(("x0xx1", "xx5xx"))
    assert (found > 0.9).all()


@pytest.mark.parametrize(("number", "most"), [("27", 0.05), ("943", 0.05), ("7", 0.8)])
def test_a_number_on_a_line_of_letters_may_be_one(number, most):
    (found,) = letters(("xxxxx", number, "xxx"))
    assert (found[5:-3] < most).all()


def test_letters_look_like_some_digits_more_often_than_like_others():
    """A lone 7 on a page of text, and a lone 1."""
    text = [("xxxxxx", "xxx")] * 5
    (seven,), (one,) = letters(*text, ("7",))[-1], letters(*text, ("1",))[-1]
    assert seven < 0.3 < 0.7 < one


@pytest.mark.parametrize(
    "line",
    [
        *[("10x",), ("5x",), ("x1",), ("1x",), ("3x4",), ("1", "x", "1", "x", "2"), ("1x1x2",)],
        *[("12", "x", "34"), ("27x94", "x", "43"), ("xxx", "5"), ("5", "xx"), ("xxxx", "10")],
    ],
)
def test_beside_a_sign_or_a_word_no_digit_is_lost(line):
    """As in 10%, 5€, +1, 1), 3/4, 1 + 1 = 2, 12 + 34, 27.94 € 43, EUR 5, 5 kg and Page 10."""
    (found,) = letters(line)
    is_digit = np.array([mark != "x" for mark in "".join(line)])
    assert (found[is_digit] < 0.8).all()  # from there on it is rejected


@pytest.mark.parametrize("none", [0.05, 0.1, 0.2, 0.5])
@pytest.mark.parametrize("count", [1, 2, 6])
def test_a_line_of_doubtful_digits_does_not_prove_itself(none, count):
    line = [
        replace(mark, probabilities=np.eye(11, dtype=np.float32)[[4, 10]].T @ [1 - none, none])
        for mark in line_of("4" * count)
    ]
    assert (among_letters([line], CLASSES)[0] < 0.8).all()


def test_a_small_mark_that_is_none_tells_nothing():
    """A comma between numbers; the same as large as they are is a letter, or a sign."""
    line = line_of("407", "x", "23")
    comma = replace(line[3], box=line[3].box._replace(y=14, height=6))
    small, large = among_letters([[*line[:3], comma, *line[4:]], line], CLASSES)
    assert (small < large).all()


def test_what_was_doubted_speaks_neither_way():
    """Nor for digits: the line reader makes them of what is none."""
    line = line_of("xxx", "x44x")
    doubted = [replace(mark, is_doubted=index in (4, 5)) for index, mark in enumerate(line)]
    before, after = among_letters([line], CLASSES)[0], among_letters([doubted], CLASSES)[0]
    assert (before[4:6] < 0.5).all()
    assert (after[4:6] > 0.9).all()


def test_what_may_be_digits_that_touch_speaks_less_for_letters():
    line = line_of("x", "4x")
    touching = among_letters([line], CLASSES, may_touch=True)[0]
    assert (touching < among_letters([line], CLASSES)[0]).all()


def test_the_page_tells_of_a_line_that_says_little():
    of_text = letters(*[("xxxxxx", "xxx")] * 5, ("0",))[-1]
    of_digits = letters(*[("407192", "234")] * 5, ("0",))[-1]
    assert of_digits[0] < 0.05 < 0.3 < of_text[0]


def test_a_line_is_weighed_as_by_trying_every_way():
    """The forward and backward procedure against all 2^n ways to part a line."""
    line = line_of("x1?0", "7x")
    odds = [13.0, 0.6, 2.0, 0.6, 0.05, 13.0]
    anew = [
        1.0,
        0.1,
        0.1,
        0.1,
        0.6,
        0.1,
    ]  # 2 px of 20 are as little as counts, 20 px more than does
    (found,) = among_letters([line], CLASSES)
    expected, total = np.zeros(len(line)), 0.0
    for states in product((0, 1), repeat=len(line)):
        weight = 1.0
        for state, before, of, is_open in zip(states, (0, *states), odds, anew, strict=False):
            usual = 0.05 if state else 0.95
            weight *= is_open * usual + (1 - is_open) * (state == before)
            weight *= of if state else 1
        expected += weight * np.array(states)
        total += weight
    np.testing.assert_allclose(found, expected / total, rtol=1e-9)


def test_a_line_of_letters_is_told_by_the_others_too():
    text, line = [("xxxx", "xx")] * 3, ("xx1", "0")
    (by_itself,), among = letters(line), letters(*text, line)[-1]
    assert (among > by_itself).all()


def test_the_order_in_which_marks_come_is_kept():
    line = line_of("x0x", "7")
    there, back = among_letters([line], CLASSES)[0], among_letters([line[::-1]], CLASSES)[0]
    np.testing.assert_allclose(there, back[::-1])


def test_an_empty_page_and_an_empty_line():
    assert among_letters([], CLASSES) == []
    (found,) = among_letters([[]], CLASSES)
    assert found.shape == (0,)


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
    def page(lean_of_ones: float | None) -> list[list[Mark]]:
        line = [leaning(mark, 0.1) for mark in line_of("68127")]
        line[2] = leaning(taller(line[2], 3, 3), 0.4)
        if lean_of_ones is None:
            return [line]
        return [line, [leaning(mark, lean_of_ones) for mark in line_of("1")]]

    # Where there is no other 1, it may be the way of a hand; and if they lean like it, it is.
    found = [as_slashes(page(lean), CLASSES)[0][2] for lean in (None, 0.1, 0.3)]
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
