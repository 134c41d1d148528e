"""Strokes of grains, as dry chalk leaves them: read as if they were whole."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from inkdigits import Reader
from inkdigits.imaging.grain import is_grainy

Write = Callable[..., np.ndarray]
TEXT = ["4071", "2358"]


def chalked(write: Write, seed: int, share: float) -> np.ndarray:
    """Chalk on a board that keeps this share of each stroke: (H, W) uint8."""
    rng = np.random.default_rng(seed)
    ink = write(TEXT, height_px=90, pen_px=9, seed=seed)
    rough = cv2.GaussianBlur(rng.random(ink.shape).astype(np.float32), (0, 0), 1.0)
    grains = ink * (rough > np.quantile(rough, 1 - share))
    return np.clip(50 + 180 * grains + rng.normal(0, 3, ink.shape), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("seed", range(4))
def test_dry_chalk_is_read(write: Write, seed: int) -> None:
    assert Reader().read(chalked(write, seed, 0.5)).text == "4071\n2358"


@pytest.mark.parametrize("height_px", [10, 32, 200])
def test_whole_strokes_have_no_grain(write: Write, height_px: int) -> None:
    many = ["40712358"] * 10
    assert not is_grainy(write(many, height_px=height_px, pen_px=max(1.2, height_px / 12)))


def test_letters_are_no_grains_of_their_words() -> None:
    page = np.zeros((900, 1200), np.uint8)
    for row in range(12):
        text = "several words of print on a page"
        cv2.putText(page, text, (20, 60 + 65 * row), cv2.FONT_HERSHEY_SIMPLEX, 1.2, 255, 2)
    assert not is_grainy(page.astype(np.float32) / 255)


def test_nothing_and_noise_have_no_grain() -> None:
    assert not is_grainy(np.zeros((40, 40), np.float32))
    noise = (np.random.default_rng(0).random((300, 300)) > 0.98).astype(np.float32)
    assert not is_grainy(noise)


def test_small_digits_in_noise_are_no_grains(write: Write) -> None:
    """Half-closed eyes would see them run together."""
    ink = write(["40712358"] * 12, height_px=9, pen_px=1, gap=0.0, pitch=1.25)
    noise = np.random.default_rng(1).random(ink.shape) > 0.97
    assert not is_grainy(np.maximum(ink, 0.6 * noise).astype(np.float32))
