"""A stretch of a line, brought to one height."""

import numpy as np
import pytest

from inkdigits.imaging.strips import (
    DIGIT_HEIGHT_PX,
    MARGIN_PX,
    STRIP_HEIGHT_PX,
    WIDTH_STEP_PX,
    as_strip,
)


def rows_and_columns(strip: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return np.flatnonzero(strip.any(axis=1)), np.flatnonzero(strip.any(axis=0))


@pytest.mark.parametrize("digit_px", [8, 22, 57, 300])
def test_a_digit_of_any_size_becomes_as_high(digit_px):
    strip = as_strip(np.ones((digit_px, 3 * digit_px), np.float32), digit_px)
    rows, columns = rows_and_columns(strip.ink)
    assert len(rows) == DIGIT_HEIGHT_PX
    assert len(columns) == 3 * DIGIT_HEIGHT_PX
    assert rows[0] == (STRIP_HEIGHT_PX - DIGIT_HEIGHT_PX) // 2
    assert columns[0] == MARGIN_PX
    assert strip.ink.shape[0] == STRIP_HEIGHT_PX
    assert strip.ink.shape[1] % WIDTH_STEP_PX == 0
    assert 0 <= strip.ink.shape[1] - (len(columns) + 2 * MARGIN_PX) < WIDTH_STEP_PX
    assert (strip.top, strip.num_rows, strip.num_columns) == (rows[0], len(rows), len(columns))


def test_what_is_higher_than_a_digit_still_fits():
    strip = as_strip(np.ones((80, 20), np.float32), digit_px=20)
    rows, columns = rows_and_columns(strip.ink)
    assert len(rows) == STRIP_HEIGHT_PX - 2
    assert len(columns) == round(20 * 30 / 80)


@pytest.mark.parametrize("shape", [(1, 1), (1, 400), (400, 1)])
def test_a_line_of_one_pixel_is_a_strip_too(shape):
    strip = as_strip(np.ones(shape, np.float32), digit_px=20).ink
    assert strip.shape[0] == STRIP_HEIGHT_PX
    assert 0 < strip.max() <= 1
