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
    (line,) = find_lines(with_ring)
    assert len(line) == len(text)


@pytest.mark.parametrize("text", ["4729", "358"])
def test_digits_that_touch_their_ring_lose_no_more_than_its_width(write: Write, text: str) -> None:
    ink = page(write, text)
    with_ring, ring = ringed(ink, round_px=6)
    assert cv2.connectedComponents((with_ring > 0.4).astype(np.uint8))[0] - 1 < len(text) + 1
    found = without_rings(with_ring)
    assert (found[(ink > 0.6) & (ring < 0.05)] > 0.3).mean() > 0.9
    (line,) = find_lines(with_ring)
    assert len(line) == len(text)


@pytest.mark.parametrize("text", ["0", "6", "8", "9", "0680", "00", "8006", "5"])
@pytest.mark.parametrize("writer", range(6))
def test_digits_are_no_rings(write: Write, text: str, writer: int) -> None:
    ink = page(write, text)
    shift = np.float32([[1, 0.05 * (writer - 2.5), 0], [0, 1, 0]])
    ink = cv2.warpAffine(ink, shift, ink.shape[::-1])
    assert not ring_mask(ink).any()
    assert without_rings(ink) is ink


def test_a_zero_with_a_stroke_through_it_stays_one_mark(write: Write) -> None:
    ink = page(write, "0")
    rows, columns = np.nonzero(ink > 0.5)
    ends = (int(columns.min()), int(rows.max())), (int(columns.max()), int(rows.min()))
    cv2.line(ink, *ends, 1.0, 4, cv2.LINE_AA)
    assert not ring_mask(ink).any()


def test_on_an_empty_page_there_is_none() -> None:
    blank = np.zeros((40, 50), np.float32)
    assert without_rings(blank) is blank
    assert ring_mask(blank).shape == (40, 50)
