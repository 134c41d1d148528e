"""A stretch of a line, brought to one height."""

import numpy as np
import pytest

from inkdigits.imaging.strips import (
    DIGIT_HEIGHT_PX,
    MARGIN_PX,
    STRIP_HEIGHT_PX,
    as_strip,
    stacked,
)


def rows_and_columns(strip: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return np.flatnonzero(strip.any(axis=1)), np.flatnonzero(strip.any(axis=0))


@pytest.mark.parametrize("digit_px", [8, 22, 57, 300])
def test_a_digit_of_any_size_becomes_as_high(digit_px):
    strip, scale = as_strip(np.ones((digit_px, 3 * digit_px), np.float32), digit_px)
    rows, columns = rows_and_columns(strip)
    assert len(rows) == DIGIT_HEIGHT_PX
    assert len(columns) == 3 * DIGIT_HEIGHT_PX
    assert rows[0] == (STRIP_HEIGHT_PX - DIGIT_HEIGHT_PX) // 2
    assert columns[0] == MARGIN_PX
    assert strip.shape == (STRIP_HEIGHT_PX, 3 * DIGIT_HEIGHT_PX + 2 * MARGIN_PX)
    assert scale == pytest.approx(DIGIT_HEIGHT_PX / digit_px)


def test_what_is_higher_than_a_digit_still_fits():
    strip, _ = as_strip(np.ones((80, 20), np.float32), digit_px=20)
    rows, columns = rows_and_columns(strip)
    assert len(rows) == STRIP_HEIGHT_PX - 2
    assert len(columns) == round(20 * 30 / 80)


@pytest.mark.parametrize("shape", [(1, 1), (1, 400), (400, 1)])
def test_a_line_of_one_pixel_is_a_strip_too(shape):
    strip, _ = as_strip(np.ones(shape, np.float32), digit_px=20)
    assert strip.shape[0] == STRIP_HEIGHT_PX
    assert 0 < strip.max() <= 1


def test_strips_are_stacked_with_paper_on_the_right():
    one, two = np.ones((32, 10), np.float32), np.ones((32, 25), np.float32)
    stack = stacked([one, two])
    assert stack.shape == (2, 32, 25)
    assert stack[0, :, 10:].max() == 0
    assert stack[1].min() == 1
