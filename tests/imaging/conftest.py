"""Pages with a known layout: strokes of our own, on papers of every kind."""

from collections.abc import Callable, Sequence

import cv2
import numpy as np
import pytest

# Each digit as strokes in a box of 10 by 16; the 4 and the 5 take two.
STROKES: dict[str, list[list[tuple[float, float]]]] = {
    "0": [[(5, 0), (1, 3), (0, 9), (2, 15), (6, 16), (9, 12), (10, 6), (8, 1), (5, 0)]],
    "1": [[(4, 3), (6, 0), (6, 16)]],
    "2": [[(0, 3), (4, 0), (9, 3), (7, 9), (0, 16), (10, 16)]],
    "3": [[(0, 1), (8, 1), (4, 7), (9, 11), (5, 16), (0, 14)]],
    "4": [[(5, 0), (0, 10), (10, 10)], [(7, 5), (7, 16)]],
    "5": [[(2, 1), (1, 7), (7, 7), (9, 12), (5, 16), (0, 15)], [(3, 0), (10, 0)]],
    "6": [[(8, 0), (2, 6), (0, 12), (4, 16), (9, 13), (7, 9), (1, 11)]],
    "7": [[(0, 1), (10, 0), (4, 16)]],
    "8": [[(5, 8), (1, 4), (5, 0), (9, 4), (5, 8), (0, 12), (5, 16), (10, 12), (5, 8)]],
    "9": [[(9, 4), (4, 8), (0, 4), (5, 0), (9, 4), (7, 16)]],
}

Write = Callable[..., np.ndarray]


def written(
    lines: Sequence[str],
    *,
    height_px: int = 32,
    pen_px: float = 3,
    tilt: float = 0.0,
    gap: float = 0.45,
    pitch: float = 2.0,
    seed: int = 0,
) -> np.ndarray:
    """Write lines of digits, ``pitch`` heights apart; a space leaves out one.

    Returns ink (h, w) float32 in [0, 1].
    """
    rng = np.random.default_rng(seed)
    unit = height_px / 16
    advance = 10 * unit + gap * height_px
    width = int(advance * (max(map(len, lines)) + 1.5) + height_px)
    rise = abs(tilt) * width
    height = int(len(lines) * pitch * height_px + height_px + rise)
    ink = np.zeros((height, width), np.uint8)
    for row, line in enumerate(lines):
        for column, value in enumerate(line.replace(" ", "\0")):
            x = height_px + column * advance + rng.uniform(-0.05, 0.05) * height_px
            y = height_px * (0.75 + pitch * row) + tilt * x + (rise if tilt < 0 else 0)
            y += rng.uniform(-0.1, 0.1) * height_px
            slant, size = rng.uniform(-0.1, 0.25), rng.uniform(0.85, 1.1) * unit
            for stroke in STROKES.get(value, []):
                points = np.array(stroke) @ [[1, 0], [-slant, 1]] * size + [x, y]
                cv2.polylines(
                    ink,
                    [np.rint(points * 16).astype(np.int32)],
                    isClosed=False,
                    color=255,
                    thickness=max(1, round(pen_px)),
                    lineType=cv2.LINE_AA,
                    shift=4,
                )
    return (ink / 255).astype(np.float32)


@pytest.fixture
def write() -> Write:
    """The function that writes lines of digits."""
    return written
