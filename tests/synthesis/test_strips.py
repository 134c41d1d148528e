"""Strips that are put together, with what stands where."""

from itertools import islice, pairwise

import cv2
import numpy as np
import pytest

from inkdigits.synthesis.scribe import NO_DIGIT
from inkdigits.synthesis.strips import Strip, synthetic_strips


def some(seed: int, count: int = 60) -> list[Strip]:
    return list(islice(synthetic_strips(np.random.default_rng(seed)), count))


@pytest.fixture(scope="module")
def strips() -> list[Strip]:
    return some(0)


def test_ink_is_ink(strips):
    for strip in strips:
        assert strip.ink.dtype == np.float32
        assert strip.ink.min() >= 0
        assert 0.99 <= strip.ink.max() <= 1
        assert strip.ink.shape[0] < 4 * strip.digit_px


def test_marks_stand_from_left_to_right_where_ink_is(strips):
    for strip in strips:
        for mark in strip.marks:
            assert 0 <= mark.left < mark.right <= strip.ink.shape[1]
            assert strip.ink[:, int(mark.left) : int(mark.right)].max() > 0.2
        middles = [mark.left + mark.right for mark in strip.marks]
        # A digit may overlap the one before; it does not overtake it by far.
        assert all(b > a - strip.digit_px for a, b in pairwise(middles))


def test_every_digit_and_what_is_none_are_there():
    values = {mark.value for strip in some(1, 200) for mark in strip.marks}
    assert values == {*range(10), NO_DIGIT}


def test_most_digits_touch_a_neighbour(strips):
    """Fewer connected pieces than marks, though a 5 may have two."""
    num_pieces, num_marks = 0, 0
    for strip in strips:
        if all(mark.value != NO_DIGIT for mark in strip.marks):
            num_pieces += cv2.connectedComponents((strip.ink > 0.3).astype(np.uint8))[0] - 1
            num_marks += len(strip.marks)
    assert num_pieces < 0.9 * num_marks


def test_the_same_seed_writes_the_same():
    one, two = some(5, 10), some(5, 10)
    for a, b in zip(one, two, strict=True):
        np.testing.assert_array_equal(a.ink, b.ink)
        assert a.marks == b.marks


def test_one_figure_in_some_hands_is_higher_than_another():
    """People write small 0s and long 7s; in a strip they stand as high as they are."""
    alone = [strip for strip in some(6, 600) if len(strip.marks) == 1]
    digits = [strip for strip in alone if strip.marks[0].value != NO_DIGIT]
    heights = np.array([strip.ink.shape[0] / strip.digit_px for strip in digits])
    assert np.median(heights) == pytest.approx(1, abs=0.15)
    low, high = np.quantile(heights, (0.1, 0.9))
    assert 1.3 < high / low < 2  # of hands whose figures are all alike, 1.2


def test_high_figures_reach_below_the_line():
    """About half as far as above it; low ones float. So do old-style figures."""
    higher, lower = [], []  # of two neighbours, the first against the second, in digit heights
    for strip in some(7, 900):
        if len(strip.marks) != 2 or NO_DIGIT in {mark.value for mark in strip.marks}:
            continue
        first, second = strip.marks
        if first.right > second.left:  # whose ink is whose cannot be told
            continue
        rows = [
            np.flatnonzero(strip.ink[:, int(mark.left) : int(mark.right)].max(axis=1) > 0.4)
            for mark in strip.marks
        ]
        if all(len(each) for each in rows):
            tops, feet = np.array([(each[0], each[-1]) for each in rows]).T / strip.digit_px
            higher.append((feet - tops)[0] - (feet - tops)[1])
            lower.append(feet[0] - feet[1])
    assert len(higher) > 50
    assert 0.15 < np.polyfit(higher, lower, 1)[0] < 0.5
