"""The second look at what stands close together, with a line reader that says what we want."""

import numpy as np
import pytest

from inkdigits.clusters import Mark, read_again
from inkdigits.imaging.atoms import LineAtoms
from inkdigits.lattice import choose
from inkdigits.reading import Box
from inkdigits.strings import log_softmax

NONE = 10


def line() -> LineAtoms:
    """Two pieces of 14×20 px that touch, then one that stands apart."""
    boxes = (Box(0, 0, 14, 20), Box(14, 0, 14, 20), Box(60, 0, 14, 20))
    ink, labels = np.zeros((20, 80), np.float32), np.zeros((20, 80), np.int32)
    for index, box in enumerate(boxes):
        place = np.s_[box.y : box.bottom, box.x + 4 : box.x + 8]
        ink[place], labels[place] = 1.0, index + 1
    return LineAtoms(boxes, np.array([1.0, 0.0]), 20.0, ink, labels, 1, (1, 1, 2))


def seen_as(*classes: tuple[int, float]) -> np.ndarray:
    """Probabilities of the pieces in order; the rest goes to "no digit", or to 8."""
    judged = np.zeros((len(classes), 11), np.float32)
    for row, (of, probability) in zip(judged, classes, strict=True):
        row[of] = probability
        row[8 if of == NONE else NONE] += 1 - probability
    return judged


def read(judged: np.ndarray, *labels: int, nats: float = 30.0, letter: float = 0.0):
    """Read the line again; the line reader says the labels, so many nats before anything else."""
    asked = []
    whole = line()
    runs = [run for run in whole.candidates() if run.first == run.last]
    (choice,) = choose([whole], [runs], judged)
    marks = [
        Mark(runs[run].segment.box, judged[run], 1.0, np.zeros((28, 28), np.float32))
        for run in choice.runs
    ]

    def reader(strip: np.ndarray) -> np.ndarray:
        asked.append(strip)
        num_frames = -(-strip.shape[1] // 2)
        logits = np.zeros((num_frames, 12))
        logits[:, 0] = nats
        for frame, label in zip(np.linspace(3, num_frames - 4, len(labels)), labels, strict=True):
            logits[round(frame), 0], logits[round(frame), label] = 0.0, nats
        return log_softmax(logits)

    letters = np.full(len(marks), letter)
    return read_again(whole, choice, marks, letters, reader), marks, asked


def values(marks: list[Mark]) -> list[int]:
    return [int(mark.probabilities.argmax()) for mark in marks]


def test_about_a_clear_digit_that_stands_apart_nobody_is_asked():
    found, marks, asked = read(seen_as((2, 0.6), (6, 0.999), (7, 0.999)), 3 + 1, 6 + 1)
    assert len(asked) == 1  # about the two that touch
    assert values(found) == [3, 6, 7]
    assert found[2] == marks[2]


@pytest.mark.parametrize(("letter", "is_asked"), [(0.85, True), (0.95, False)])
def test_about_what_is_probably_letters_nobody_is_asked(letter, is_asked):
    """Out of which a reader that knows only digits would make digits."""
    found, marks, asked = read(seen_as((2, 0.6), (6, 0.6), (7, 0.6)), 3 + 1, letter=letter)
    assert bool(asked) == is_asked
    assert (found == marks) != is_asked


@pytest.mark.parametrize(("letter", "is_struck_out"), [(0.05, True), (0.0, False)])
def test_in_what_is_surely_a_number_no_digit_is_struck_out(letter, is_struck_out):
    judged = seen_as((2, 0.6), (6, 0.6), (7, 0.999))
    found, _, _ = read(judged, NONE + 1, letter=letter)
    assert values(found) == ([NONE, 7] if is_struck_out else [2, 6, 7])
    assert found[0].is_doubted


def test_two_witnesses_are_surer_than_one():
    found, marks, _ = read(seen_as((2, 0.7), (6, 0.9), (7, 0.999)), 2 + 1, 6 + 1)
    assert values(found) == values(marks) == [2, 6, 7]
    assert [bool(mark.probabilities.max() > 0.99) for mark in found] == [True] * 3
    assert not any(mark.is_doubted for mark in found)
    assert all(mark.probabilities.sum() == pytest.approx(1, abs=1e-3) for mark in found)


def test_what_only_the_line_reader_sees_is_doubted():
    found, _, _ = read(seen_as((2, 0.6), (6, 0.7), (7, 0.999)), 3 + 1, 5 + 1)
    assert [mark.is_doubted for mark in found] == [True, True, False]


def test_what_rivals_of_other_lengths_hold_is_doubt_about_the_cut_and_no_missing_digit():
    found, _, _ = read(seen_as((2, 0.6), (6, 0.6), (7, 0.999)), 3 + 1, nats=8.0)
    assert values(found) == [3, 7]
    assert found[0].probabilities.sum() == pytest.approx(1, abs=1e-3)
    assert found[0].certainty < 0.8  # two digits are the other way to read it


@pytest.mark.parametrize(("nats", "read_as"), [(9.0, [2, 6, 7]), (16.0, [9, 6, 7])])
def test_clear_digits_are_doubted_by_another_opinion_and_changed_by_a_strong_one(nats, read_as):
    clear = seen_as((2, 0.999), (6, 0.999), (7, 0.999))
    found, _, _ = read(clear, 9 + 1, 6 + 1, nats=nats)
    assert values(found) == read_as
    assert [mark.is_doubted for mark in found] == [True, True, False]


def test_a_digit_that_clear_cuts_left_out_is_put_in():
    """A 1 that touches an 8, say: whoever cuts it off can still see the 8, and nothing else."""
    found, _, _ = read(seen_as((8, 0.999), (8, 0.999), (7, 0.999)), 8 + 1, 1 + 1, 8 + 1)
    assert values(found) == [8, 1, 8, 7]


@pytest.mark.parametrize("probability", [0.989, 0.93])
def test_cuts_outweigh_a_weak_opinion_that_makes_them_doubted(probability):
    judged = seen_as((2, probability), (6, probability), (7, 0.999))
    found, marks, asked = read(judged, 3 + 1, 6 + 1, nats=2.0)
    assert len(asked) == 1
    assert values(found) == values(marks)
    assert [mark.is_doubted for mark in found] == [True, True, False]


def test_clear_digits_may_turn_out_to_be_none_but_not_in_what_is_surely_a_number():
    judged = seen_as((2, 0.98), (6, 0.98), (7, 0.999))
    found, _, _ = read(judged, NONE + 1, nats=30.0, letter=0.05)
    assert values(found) == [NONE, 7]
    found, marks, _ = read(judged, NONE + 1, nats=30.0, letter=0.0)
    assert values(found) == values(marks)
    assert [mark.is_doubted for mark in found] == [True, True, False]


def test_what_was_left_out_is_asked_about_too():
    """Two pieces that the lattice would rather leave out than take for anything."""
    judged = np.zeros((3, 11), np.float32)
    judged[:2] = 1e-7
    judged[2, 7] = 1.0
    found, marks, asked = read(judged, 4 + 1)
    assert values(marks) == [7]
    assert len(asked) == 1
    assert values(found) == [4, 7]


def test_what_was_left_out_and_is_no_digit_stays_out():
    judged = np.zeros((3, 11), np.float32)
    judged[:2] = 1e-7
    judged[2, 7] = 1.0
    found, marks, asked = read(judged, 11)
    assert values(marks) == [7]
    assert len(asked) == 1
    assert values(found) == [7]


def test_that_there_is_nothing_may_be_the_answer():
    found, _, _ = read(seen_as((NONE, 0.6), (NONE, 0.6), (7, 0.999)), nats=30.0)
    assert values(found)[-1] == 7
    assert all(mark.probabilities.shape == (11,) for mark in found)


def test_a_digit_more_may_be_found():
    found, _, _ = read(seen_as((NONE, 0.6), (NONE, 0.6), (7, 0.999)), 1 + 1, 4 + 1, 5 + 1)
    assert values(found) == [1, 4, 5, 7]


def test_boxes_lie_where_the_ink_lies():
    found, _, _ = read(seen_as((2, 0.6), (6, 0.7), (7, 0.999)), 3 + 1, 5 + 1)
    left, right = found[0].box, found[1].box
    assert abs(left.x - 4) <= 1
    assert abs(left.right - 8) <= 1
    assert abs(right.x - 18) <= 1
    assert (left.y, left.bottom) == (0, 20)


def test_what_a_rival_string_says_is_shown_too():
    found, _, _ = read(seen_as((2, 0.6), (6, 0.7), (7, 0.999)), 3 + 1, 6 + 1)
    of = found[0].probabilities
    assert of.argmax() == 3
    assert of[2] > 0
    assert of.sum() == pytest.approx(1, abs=0.2)
