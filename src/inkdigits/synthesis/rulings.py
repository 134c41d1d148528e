"""Lines that were printed on a page before anybody wrote there: rulings, squares, boxes, tables."""

import math
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from inkdigits.synthesis import papers

Segment = tuple[float, float, float, float]  # a line: x, y, x, y, in pixels of the page


def of_paper(
    rng: np.random.Generator, height_px: int, width_px: int, digit_px: float
) -> list[Segment]:
    """Lined paper, sometimes with a margin, or squared paper."""
    is_squared = rng.random() < 0.4
    step = digit_px * (rng.uniform(0.5, 1.1) if is_squared else rng.uniform(1.0, 2.2))
    across = np.arange(rng.uniform(0, step), height_px, step).tolist()
    rules = [(0.0, y, float(width_px), y) for y in across]
    if is_squared:
        down = np.arange(rng.uniform(0, step), width_px, step).tolist()
        rules += [(x, 0.0, x, float(height_px)) for x in down]
    elif rng.random() < 0.4:
        x = rng.uniform(0.2, 0.6) * digit_px
        rules.append((x, 0.0, x, float(height_px)))
    return rules


def of_cells(columns: int, top: float, wide: float, high: float) -> list[Segment]:
    """The edges of a row of cells, the left one at 0: its upper and its lower edge, then its walls.

    Args:
        columns: how many cells.
        top: of the row, in pixels.
        wide: of a cell.
        high: of a cell.
    """
    levels = top, top + high
    walls = (column * wide for column in range(columns + 1))
    return [(0.0, level, columns * wide, level) for level in levels] + [
        (x, levels[0], x, levels[1]) for x in walls
    ]


def opened(cells: Sequence[Segment], rng: np.random.Generator) -> list[Segment]:
    """Cells of which not all edges are printed: combs, underlines, rows or columns alone.

    Args:
        cells: the edges of one or more rows of at least two cells, as ``of_cells`` gives them.
        rng: source of randomness.
    """
    floors = [edge for edge in cells if edge[1] == edge[3]]
    walls = [edge for edge in cells if edge[0] == edge[2]]
    kind = rng.integers(4)
    if kind == 0:  # a comb: short walls that stand on a floor
        share = rng.uniform(0.15, 0.6)
        return floors[1::2] + [(a, d - share * (d - b), c, d) for a, b, c, d in walls]
    if kind == 1:  # a line to write each digit on
        high, wide = walls[0][3] - walls[0][1], walls[1][0] - walls[0][0]
        gap = rng.uniform(0.1, 0.3) * wide
        feet = [(a, b) for a, b, *_ in walls if a > 0]
        return [(x - wide + gap, y + high, x - gap, y + high) for x, y in feet]
    return floors if kind == 2 else walls


def print_plainly(
    picture: papers.Picture,
    rules: Sequence[Segment],
    rng: np.random.Generator,
    digit_px: float,
    *,
    colour: tuple[float, float, float],
    opacity: float,
) -> None:
    """Print straight, thin lines on a picture, in place; ``digit_px`` is a digit's height."""
    mask = np.zeros(picture.shape[:2], np.uint8)
    thickness = max(1, round(rng.uniform(0.012, 0.035) * digit_px))
    for x0, y0, x1, y1 in rules:
        cv2.line(mask, (round(x0), round(y0)), (round(x1), round(y1)), 255, thickness, cv2.LINE_AA)
    _print(picture, mask, rng, colour, opacity)


def print_variously(
    picture: papers.Picture,
    rules: Sequence[Segment],
    rng: np.random.Generator,
    digit_px: float,
    *,
    colour: tuple[float, float, float],
    opacity: float,
) -> None:
    """Print lines of one kind on a picture, in place: thin or thick, whole, dashed or dotted."""
    mask = np.zeros(picture.shape[:2], np.uint8)
    usual = math.exp(rng.uniform(math.log(0.01), math.log(0.12))) * digit_px
    thick = usual * rng.uniform(1.5, 3.0)
    every = int(rng.integers(2, 7)) if rng.random() < 0.3 else 0  # which of them are thicker
    dash, gap = _dashes(rng, digit_px) if rng.random() < 0.25 else (0.0, 0.0)
    apart = rng.uniform(2, 4) * usual + 2 if rng.random() < 0.1 else 0.0  # double lines
    bend = rng.normal(0.0, 0.004) if rng.random() < 0.3 else 0.0
    for index, (x0, y0, x1, y1) in enumerate(rules):
        is_thick = every and index % every == 0
        thickness = max(1, round((thick if is_thick else usual) * rng.uniform(0.9, 1.1)))
        start, end = np.array([x0, y0]), np.array([x1, y1])
        length = float(np.hypot(*(end - start)))
        if length < 1:
            continue
        along = (end - start) / length
        across = np.array([-along[1], along[0]])
        place = np.arange(0.0, length, dash + gap) if dash else np.array([0.0])
        for off in (0.0, apart) if apart else (0.0,):
            for at in place.tolist():
                until = min(at + dash, length) if dash else length
                share = np.linspace(at, until, 2 if dash else 12) / length
                bulge = 4 * bend * length * share * (1 - share)
                points = start + np.outer(share * length, along) + np.outer(bulge + off, across)
                points = np.rint(points * 16).astype(np.int32)
                cv2.polylines(mask, [points], False, 255, thickness, cv2.LINE_AA, 4)
    if rng.random() < 0.5:
        shade = rng.uniform(0.0, 0.6)
        colour = (shade, shade, shade)
    _print(picture, mask, rng, colour, opacity)


def _dashes(rng: np.random.Generator, digit_px: float) -> tuple[float, float]:
    """How long dashes are, and the gaps between them: no dash is as long as a 1 is high."""
    if rng.random() < 0.7:
        dash = rng.uniform(0.02, 0.35) * digit_px + 1
        return dash, rng.uniform(0.3, 2.0) * dash + 1
    return rng.uniform(1.6, 4.0) * digit_px, rng.uniform(0.05, 0.4) * digit_px + 1


def _print(
    picture: papers.Picture,
    mask: NDArray[np.uint8],
    rng: np.random.Generator,
    colour: tuple[float, float, float],
    opacity: float,
) -> None:
    pen = papers.Pen(colour=colour, opacity=opacity, grain=0.0, width=0.0)
    papers.draw(picture, mask.astype(np.float32) / np.float32(255), pen, rng)
