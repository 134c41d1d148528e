"""Among letters, what looks like a digit is a letter; a number keeps to itself."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from marks import CLASSES, line_of

from inkdigits.letters import among_letters


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


@pytest.mark.parametrize("line", [("3",), ("xx", "3", "x1x"), ("xx3x", "x")])
def test_print_tells_nothing_of_a_digit_far_larger(line):
    """As the points that a teacher gives, alone or in a line with print."""
    (text, of_text), score = [line_of("xxxx", "xx"), line_of("xx0x", "x")], line_of(*line)
    index = [mark.probabilities[3] for mark in score].index(1)
    large = [*score]
    large[index] = replace(score[index], box=score[index].box._replace(y=-30, height=70))
    as_print, larger = (among_letters([text, row, of_text], CLASSES) for row in (score, large))
    assert larger[1][index] < 0.05 < as_print[1][index]
    np.testing.assert_allclose(larger[2], as_print[2], atol=0.2)  # print is told by print


def test_a_hyphen_does_not_part_a_word():
    """What is so low tells nothing, and so not that another hand begins."""
    word = line_of("xxxx0xx")
    hyphen = replace(word[3], box=word[3].box._replace(y=8, height=5))
    (whole,), (parted,) = (
        among_letters([of], CLASSES) for of in (word, [*word[:3], hyphen, *word[4:]])
    )
    assert parted[4] > 0.9 * whole[4] > 0.8


def test_what_is_larger_and_no_digit_tells_of_the_smaller():
    """As in a photograph, where marks of any size are no digits."""
    marks = [[replace(m, box=m.box._replace(height=60)) for m in line_of("xx", "x")]] * 5
    assert among_letters([*marks, line_of("0")], CLASSES)[-1] > 0.3


def test_an_empty_page_and_an_empty_line():
    assert among_letters([], CLASSES) == []
    (found,) = among_letters([[]], CLASSES)
    assert found.shape == (0,)
