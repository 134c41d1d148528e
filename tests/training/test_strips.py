"""What a line reader learns from."""

from pathlib import Path

import numpy as np
import pytest

from inkdigits.imaging.strips import STRIP_HEIGHT_PX
from inkdigits.synthesis import synthetic_digits
from inkdigits.synthesis.scribe import NO_DIGIT
from inkdigits.training.strips import Strips, composed_strips, make_strips, page_strips


@pytest.fixture(scope="module")
def digits() -> tuple[np.ndarray, np.ndarray]:
    return synthetic_digits(400, seed=3)


@pytest.fixture(scope="module")
def strips(digits) -> Strips:
    return make_strips(*digits, 60, seed=4)


def test_strips_of_pages_hold_the_digits_that_stand_in_them(digits):
    """A digit is about 0.6 of its height wide, and those of a strip hardly overlap."""
    found = page_strips(*digits, 60, seed=1)
    several = [strip for strip in found if len(strip.marks) > 1]
    assert len(several) > 15
    for strip in found:
        width = strip.ink.shape[1]
        assert len(strip.marks) == 1 or width > 0.2 * strip.digit_px * len(strip.marks)
        for mark in strip.marks:
            assert 0 <= mark.left < mark.right <= width
            assert strip.ink[:, int(mark.left) : int(mark.right)].max() > 0.4


def test_a_longer_set_begins_with_the_shorter(digits):
    for make in (page_strips, composed_strips):
        short, long = make(*digits, 3, seed=2), make(*digits, 6, seed=2)
        for one, other in zip(short, long, strict=False):
            np.testing.assert_array_equal(one.ink, other.ink)
            assert one.marks == other.marks


def test_a_set_is_as_many_strips_of_one_height(strips):
    assert len(strips.pixels) == len(strips.marks) == 60
    for pixels, marks in zip(strips.pixels, strips.marks, strict=True):
        assert pixels.dtype == np.uint8
        assert pixels.shape[0] == STRIP_HEIGHT_PX
        assert pixels.max() > 200
        assert set(marks[:, 0].astype(int)) <= {*range(10), NO_DIGIT}
        assert (marks[:, 1] < marks[:, 2]).all()
        assert marks[:, 1:].min() >= 0
        assert marks[:, 1:].max() <= pixels.shape[1]


def test_both_kinds_are_in_a_set(digits, strips):
    """The first ones are cut out of pages, the last ones put together."""
    by_pages = page_strips(*digits, 1, seed=[4, 0, 0])[0]
    assert len(strips.marks[0]) == len(by_pages.marks)
    put_together = composed_strips(*digits, 42, seed=[4, 1, 0])[-1]
    assert len(strips.marks[-1]) == len(put_together.marks)


def test_what_was_saved_is_loaded(strips, tmp_path: Path):
    (tmp_path / "strips.npz").write_bytes(strips.to_bytes())
    again = Strips.load(tmp_path / "strips.npz")
    for one, other in zip(strips, again, strict=True):
        for a, b in zip(one, other, strict=True):
            np.testing.assert_array_equal(a, b)
