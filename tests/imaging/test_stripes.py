"""The shadow of a blind: digits under its stripes are read, and nothing else is a stripe."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from inkdigits import Reader
from inkdigits.imaging.stripes import without_stripes

Write = Callable[..., np.ndarray]
TEXT = ["4071", "2358", "9640"]


def under_blinds(light: np.ndarray, period_px: float, tilt: float, darkest: float) -> np.ndarray:
    """A picture (H, W) as the sun shines on it through a blind, (H, W, 3) uint8."""
    y, x = np.mgrid[: light.shape[0], : light.shape[1]]
    wave = np.sin((y * np.cos(tilt) + x * np.sin(tilt)) * 2 * np.pi / period_px + 1)
    sun = darkest + (1 - darkest) / (1 + np.exp(-10 * wave))
    noise = np.random.default_rng(0).normal(0, 3, light.shape)
    lit = np.clip(light * sun + noise, 0, 255).astype(np.uint8)
    return cv2.GaussianBlur(np.dstack([lit] * 3), (0, 0), 0.8)


@pytest.mark.parametrize("darkest", [0.45, 0.6])
@pytest.mark.parametrize("tilt", [-0.4, 0.0, 1.4])
@pytest.mark.parametrize("period_px", [90, 140])
def test_digits_under_blinds_are_read(
    write: Write, period_px: float, tilt: float, darkest: float
) -> None:
    ink = np.pad(write(TEXT, height_px=60, pen_px=6, seed=1), ((120, 360), (60, 300)))
    shown = under_blinds(235 - 190 * ink, period_px, tilt, darkest)
    assert Reader().read(shown).text.split("\n") == TEXT


def test_chalk_under_blinds_is_read(write: Write) -> None:
    ink = np.pad(write(TEXT, height_px=60, pen_px=6, seed=1), ((120, 360), (60, 300)))
    shown = under_blinds(90 + 150 * ink, 110, 0.3, 0.5)
    assert Reader().read(shown).text.split("\n") == TEXT


@pytest.mark.parametrize("height_px", [12, 60, 200])
def test_strokes_are_no_stripes(write: Write, height_px: int) -> None:
    for text in ("1111", "47110"):
        ink = write([text] * 3, height_px=height_px, pen_px=height_px / 9)
        box = cv2.boundingRect((ink > 0.5).astype(np.uint8))
        close = ink[box[1] : box[1] + box[3], box[0] : box[0] + box[2]]
        for drawn in (ink, close, close[: height_px - 2]):
            page = (255 - 225 * drawn).astype(np.uint8)
            assert without_stripes(page) is page


@pytest.mark.parametrize("shape", [(1, 1), (3, 2), (20, 4000), (40, 40, 3)])
def test_what_is_even_or_tiny_has_no_stripes(shape: tuple[int, ...]) -> None:
    page = np.full(shape, 200, np.uint8)
    assert without_stripes(page) is page
