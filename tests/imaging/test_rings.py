"""A ring round digits vanishes; digits, however round, stay."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from inkdigits.imaging.rings import ring_mask, without_rings
from inkdigits.imaging.segment import find_lines

Write = Callable[..., np.ndarray]


def ringed(
    ink: np.ndarray, *, round_px: int, tilt_deg: float = 0.0, ends_deg: float = 360.0, pen_px=5
) -> tuple[np.ndarray, np.ndarray]:
    """A ring so far around everything written, drawn on its own: ink with it, and the ring."""
    rows, columns = np.nonzero(ink > 0.5)
    middle = round(columns.mean()), round((rows.min() + rows.max()) / 2)
    half = (np.ptp(columns) // 2 + round_px, np.ptp(rows) // 2 + round_px)
    ring = np.zeros_like(ink)
    cv2.ellipse(ring, middle, half, tilt_deg, 15, 15 + ends_deg, 1.0, pen_px, cv2.LINE_AA)
    return np.maximum(ink, ring), ring


def page(write: Write, text: str, **options: object) -> np.ndarray:
    ink = write([text], height_px=60, pen_px=5, **options)
    return np.asarray(cv2.copyMakeBorder(ink, 60, 60, 80, 80, cv2.BORDER_CONSTANT, value=0))


@pytest.mark.parametrize("text", ["7", "23", "4729"])
@pytest.mark.parametrize(
    "drawn",
    [
        {"round_px": 24},
        {"round_px": 30, "tilt_deg": 6.0},
        {"round_px": 30, "ends_deg": 325.0},  # it does not close
        {"round_px": 26, "ends_deg": 420.0, "tilt_deg": -4.0},
    ],
)
def test_a_ring_vanishes_and_what_it_holds_stays(write: Write, text: str, drawn: dict) -> None:
    ink = page(write, text)
    with_ring, ring = ringed(ink, **drawn)
    found = without_rings(with_ring)
    beside = (ring > 0.3) & (cv2.dilate(ink, np.ones((5, 5), np.uint8)) < 0.05)
    assert (found[beside] > 0.3).mean() < 0.02
    assert (found[(ink > 0.6) & (ring < 0.05)] > 0.3).mean() > 0.99
    (line,) = find_lines(found)
    assert len(line) == len(text)


@pytest.mark.parametrize("text", ["4729", "358"])
def test_digits_that_touch_their_ring_lose_no_more_than_its_width(write: Write, text: str) -> None:
    ink = page(write, text)
    with_ring, ring = ringed(ink, round_px=6)
    assert cv2.connectedComponents((with_ring > 0.4).astype(np.uint8))[0] - 1 < len(text) + 1
    found = without_rings(with_ring)
    assert (found[(ink > 0.6) & (ring < 0.05)] > 0.3).mean() > 0.9
    (line,) = find_lines(found)
    assert len(line) == len(text)


def beside_small_ones(write: Write, large: np.ndarray) -> np.ndarray:
    """A drawing, and a row of digits 40 px high below it."""
    small = write(["4715"], height_px=40, pen_px=4)
    width = max(large.shape[1], small.shape[1])
    rows = [np.pad(part, ((20, 20), (0, width - part.shape[1]))) for part in (large, small)]
    return np.vstack(rows)


@pytest.mark.parametrize("text", ["0", "6", "8", "9", "00", "806", "5"])
@pytest.mark.parametrize("size", [1.0, 1.6, 3.0])
@pytest.mark.parametrize("slant", [-0.1, 0.0, 0.1])
def test_digits_are_no_rings_however_high(
    write: Write, text: str, size: float, slant: float
) -> None:
    large = write([text], height_px=round(40 * size), pen_px=5)
    shift = np.array([[1, slant, 0], [0, 1, 0]], np.float32)
    ink = beside_small_ones(write, cv2.warpAffine(large, shift, large.shape[::-1]))
    assert not ring_mask(ink).any()
    assert without_rings(ink) is ink


@pytest.mark.parametrize("size", [1.0, 1.6, 3.0])
@pytest.mark.parametrize("reach", [0.7, 0.35])
def test_a_zero_with_a_stroke_in_it_is_no_ring(write: Write, size: float, reach: float) -> None:
    """Whether the stroke goes through it, or touches it nowhere."""
    zero = np.zeros((round(60 * size), round(50 * size)), np.float32)
    middle = np.array([zero.shape[1] // 2, zero.shape[0] // 2])
    half = np.array([round(16 * size), round(22 * size)])
    cv2.ellipse(zero, middle.tolist(), half.tolist(), 0, 0, 360, 1.0, 4, cv2.LINE_AA)
    far = (reach * half * (1, -1)).astype(int)
    cv2.line(zero, (middle - far).tolist(), (middle + far).tolist(), 1.0, 4, cv2.LINE_AA)
    assert not ring_mask(beside_small_ones(write, zero)).any()


def test_the_number_of_a_question_may_be_a_1(write: Write) -> None:
    ink = page(write, "4729")
    one = page(write, "1")
    with_ring, ring = ringed(one, round_px=26)
    gap = np.zeros((max(len(ink), len(one)), 40), np.float32)
    shown = np.hstack([with_ring[: len(ink)], gap, ink])
    found = without_rings(shown)
    assert sum(map(len, find_lines(found))) == 5
    assert found[:, : one.shape[1]][ring > 0.3].mean() < 0.05


def test_hatching_is_no_ring() -> None:
    hatched = np.zeros((1500, 2000), np.float32)
    for x in range(-1500, 2000, 12):
        cv2.line(hatched, (x, 0), (x + 1500, 1500), 1.0, 3, cv2.LINE_AA)
    assert not ring_mask(hatched).any()


def test_on_an_empty_page_there_is_none() -> None:
    blank = np.zeros((40, 50), np.float32)
    assert without_rings(blank) is blank
    assert ring_mask(blank).shape == (40, 50)
