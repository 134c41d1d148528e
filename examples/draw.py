"""Draw the example pictures: python examples/draw.py

Nobody's handwriting is published here, so inkdigits writes the examples itself: made-up people,
each with a pen, on paper under a lamp.
"""

import dataclasses
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from inkdigits.files import write_bytes
from inkdigits.synthesis.strokes import ink_box, paint_strokes, sample_hand, write_digit

HERE = Path(__file__).parent
WHITE, YELLOW, BOARD = (250, 248, 244), (238, 226, 160), (44, 58, 52)
BLUE, PENCIL, CHALK, BLACK = (28, 48, 140), (96, 94, 98), (226, 228, 220), (24, 22, 26)


def write_lines(
    lines: list[str], rng: np.random.Generator, size: tuple[int, int], height_px: int, pen: float
) -> NDArray[np.float32]:
    """One person's lines of digits: (H, W) float32, 1 is ink."""
    height, width = size
    hand = dataclasses.replace(sample_hand(rng), pen_width=pen, slant=rng.uniform(0, 0.25))
    strokes = []
    top = (height - len(lines) * height_px * 1.7) / 2 + height_px * 0.35
    for number, line in enumerate(lines):
        left = width * 0.12 + rng.uniform(-0.3, 0.3) * height_px
        base = top + (number * 1.7 + 1) * height_px
        for character in line:
            if character != " ":
                written = write_digit(int(character), rng, hand)
                x, y, digit_width, digit_height = ink_box(written)
                scale = height_px * rng.uniform(0.92, 1.05) / max(digit_height, 0.6)
                drop = base + rng.uniform(-0.05, 0.05) * height_px
                for stroke in written:
                    moved = (stroke - (x, y + digit_height, 0)) * scale
                    strokes.append(moved + np.array((left, drop, 0)))
                left += digit_width * scale
            left += height_px * rng.uniform(0.28, 0.42)
    return paint_strokes(strokes, height, width)


def on_paper(
    ink: NDArray[np.float32],
    rng: np.random.Generator,
    paper: tuple[int, int, int],
    pen: tuple[int, int, int],
    shadow: float,
) -> NDArray[np.uint8]:
    """Ink on paper under a lamp at one corner: (H, W, 3) RGB uint8."""
    height, width = ink.shape
    grain = cv2.GaussianBlur(rng.normal(0, 1, (height, width)).astype(np.float32), (0, 0), 1.2)
    cover = (ink * (0.9 + 0.08 * grain))[..., None]
    light = 1 - shadow * np.add.outer(np.linspace(0, 0.5, height), np.linspace(0, 0.5, width))
    colour = np.array(paper) * (1 - cover) + np.array(pen) * cover
    picture = colour * light[..., None] + 4 * grain[..., None]
    return np.clip(picture, 0, 255).round().astype(np.uint8)


def save(path: Path, picture: NDArray[np.uint8]) -> None:
    """As a camera would: JPEG."""
    bgr = np.ascontiguousarray(picture[..., ::-1])
    write_bytes(path, cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, 88])[1].tobytes())


def main() -> None:
    """Draw them all."""
    rng = np.random.default_rng(2026)
    number = write_lines(["40713058"], rng, (320, 1000), 120, 0.075)
    save(HERE / "student-number.jpg", on_paper(number, rng, WHITE, BLUE, 0.35))
    sums = write_lines(["17 204", "935", "8602 41"], rng, (560, 800), 84, 0.06)
    save(HERE / "sums.jpg", on_paper(sums, rng, YELLOW, PENCIL, 0.55))
    board = write_lines(["3141592"], rng, (300, 900), 130, 0.11)
    save(HERE / "blackboard.jpg", on_paper(board, rng, BOARD, CHALK, 0.4))
    seven = write_lines(["7"], rng, (220, 180), 130, 0.09)
    save(HERE / "seven.jpg", on_paper(seven, rng, WHITE, BLACK, 0.1))
    knot = np.cumsum(rng.normal(0, 22, (40, 2)), axis=0)
    knot = (knot - knot.min(axis=0)) / np.ptp(knot, axis=0).max() * 160 + 70
    scribble = np.column_stack((cv2.blur(knot, (1, 3)), np.full(len(knot), 6.0)))
    ink = paint_strokes([scribble], 300, 300)
    save(HERE / "scribble.jpg", on_paper(ink, rng, WHITE, BLACK, 0.2))


if __name__ == "__main__":
    main()
