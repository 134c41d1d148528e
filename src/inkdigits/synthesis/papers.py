"""Paper, pens, light and camera: how ink comes to be a photograph.

A picture is (H, W, 3) float32 RGB, 1 is white. Sizes are measured in the height of the digits
that stand on it, so that a page looks the same at every resolution.
"""

import math
from dataclasses import dataclass
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from inkdigits.reading import Box

Picture = NDArray[np.float32]
Ink = NDArray[np.float32]
Matrix = NDArray[np.float64]
TURN_DEG = 5.0  # no page is turned further, unless it is asked for

_Kind = TypeVar("_Kind", np.int32, np.float32)


@dataclass(frozen=True, kw_only=True)
class Pen:
    """What was written with.

    Attributes:
        colour: RGB in [0, 1].
        opacity: of a full stroke, 0 to 1.
        grain: how much of the stroke the paper's grain leaves out, 0 to 1.
        width: of the stroke, as a share of a digit's height.
    """

    colour: tuple[float, float, float]
    opacity: float
    grain: float
    width: float


@dataclass(frozen=True, kw_only=True)
class Paper:
    """What was written on.

    Attributes:
        colour: RGB in [0, 1].
        grain: deviation of its fine texture.
        mottle: deviation of its coarse texture.
        fibres: how many dark fibres in a square of ten digits' heights.
        is_board: whether it is dark, and written on with chalk.
    """

    colour: tuple[float, float, float]
    grain: float
    mottle: float
    fibres: int = 0
    is_board: bool = False


_PAPERS = (
    Paper(colour=(0.97, 0.97, 0.96), grain=0.004, mottle=0.003),
    Paper(colour=(0.93, 0.94, 0.96), grain=0.008, mottle=0.004),
    Paper(colour=(0.82, 0.82, 0.80), grain=0.012, mottle=0.006),
    Paper(colour=(0.98, 0.94, 0.66), grain=0.008, mottle=0.004),
    Paper(colour=(0.96, 0.91, 0.80), grain=0.010, mottle=0.006),
    Paper(colour=(0.84, 0.80, 0.72), grain=0.020, mottle=0.009, fibres=40),
    Paper(colour=(0.76, 0.63, 0.47), grain=0.020, mottle=0.009, fibres=20),
)
_BOARDS = (
    Paper(colour=(0.14, 0.24, 0.19), grain=0.012, mottle=0.015, is_board=True),
    Paper(colour=(0.13, 0.13, 0.14), grain=0.012, mottle=0.015, is_board=True),
)
_INKS = (
    (0.08, 0.10, 0.35), (0.10, 0.16, 0.55), (0.07, 0.07, 0.08), (0.10, 0.10, 0.13),
    (0.65, 0.10, 0.13), (0.08, 0.38, 0.20),
)  # fmt: skip


def sample_materials(rng: np.random.Generator) -> tuple[Paper, Pen]:
    """Draw a paper, and a pen that writes on it."""
    kind, light, strength, bold = rng.random(4).tolist()
    if kind < 0.1:
        grey = 0.75 + 0.2 * light
        chalk = Pen(
            colour=(grey, grey, 0.95 * grey),
            opacity=0.7 + 0.3 * strength,
            grain=0.35,
            width=0.09 + 0.06 * bold,
        )
        return _BOARDS[int(rng.integers(len(_BOARDS)))], chalk
    paper = _PAPERS[int(rng.integers(len(_PAPERS)))]
    colour = _INKS[int(rng.integers(len(_INKS)))]
    if kind < 0.4:  # pencil
        grey = 0.2 + 0.15 * light
        return paper, Pen(
            colour=(grey, grey, grey + 0.02),
            opacity=0.45 + 0.45 * strength,
            grain=0.3,
            width=0.05 + 0.05 * bold,
        )
    if kind < 0.85:  # ballpoint or fountain pen
        return paper, Pen(
            colour=colour, opacity=0.75 + 0.2 * strength, grain=0.08, width=0.045 + 0.055 * bold
        )
    return paper, Pen(colour=colour, opacity=0.95, grain=0.0, width=0.11 + 0.07 * bold)  # felt


def lay_paper(paper: Paper, height_px: int, width_px: int, rng: np.random.Generator) -> Picture:
    """Make an empty sheet: (height_px, width_px, 3)."""
    coarse = sum(_smooth_noise(rng, height_px, width_px, cells) for cells in (6, 25, 90))
    fine = rng.standard_normal((height_px, width_px), np.float32) * np.float32(paper.grain)
    texture = coarse * np.float32(paper.mottle) + cv2.GaussianBlur(fine, (0, 0), 0.7)
    if paper.fibres:
        canvas = np.zeros((height_px, width_px), np.uint8)
        for _ in range(paper.fibres):
            start = rng.random(2) * (width_px, height_px)
            end = start + rng.normal(0, max(height_px, width_px) / 150, 2)
            points = np.rint([start, end]).astype(int).tolist()
            cv2.line(canvas, points[0], points[1], int(rng.integers(30, 140)), 1, cv2.LINE_AA)
        texture = texture - canvas * np.float32(0.25 / 255)
    return np.asarray((1 + texture)[..., None] * np.array(paper.colour, np.float32), np.float32)


def draw(picture: Picture, ink: Ink, pen: Pen, rng: np.random.Generator) -> None:
    """Put ink onto a picture, in place: (H, W) of 0 to 1."""
    share = ink * np.float32(pen.opacity)
    if pen.grain:
        grain = rng.standard_normal(ink.shape, np.float32)
        grain = cv2.GaussianBlur(grain, (0, 0), 1.0) * np.float32(1.8 * pen.grain)
        share *= np.clip(1 - np.abs(grain), 0, 1)
    for channel, value in enumerate(pen.colour):
        picture[..., channel] += share * (np.float32(value) - picture[..., channel])


def show_through(picture: Picture, ink: Ink, rng: np.random.Generator) -> None:
    """Let the other side of the sheet shine through, in place."""
    other = cv2.GaussianBlur(ink[:, ::-1], (0, 0), 1.5)
    shift = int(rng.integers(0, max(1, ink.shape[0] // 3)))
    picture *= (1 - np.float32(rng.uniform(0.03, 0.09)) * np.roll(other, shift, axis=0))[..., None]


def light(picture: Picture, rng: np.random.Generator, *, shadow: bool) -> None:
    """Light a picture unevenly, in place; with the shadow of a hand or an edge if asked for."""
    height, width = picture.shape[:2]
    # Light changes slowly: it is worked out in small.
    rows, columns = max(2, height // 8), max(2, width // 8)
    y, x = np.mgrid[0 : 1 : rows * 1j, 0 : 1 : columns * 1j].astype(np.float32) - 0.5
    angle = rng.uniform(0, 2 * math.pi)
    across = x * math.cos(angle) + y * math.sin(angle)
    amount = rng.uniform(0.05, 0.45) if shadow else rng.uniform(0.0, 0.12)
    level = 1 - amount * (0.5 + across)
    if rng.random() < 0.4:
        level = level * (1 - rng.uniform(0.1, 0.45) * (x * x + y * y) * 2)
    if shadow and rng.random() < 0.7:
        level = level * (1 - rng.uniform(0.15, 0.45) * _shade(rng, rows, columns))
    if rng.random() < 0.15:  # a flash
        at = rng.uniform(-0.3, 0.3, 2)
        level = level + rng.uniform(0.1, 0.3) * np.exp(
            -((x - at[0]) ** 2 + (y - at[1]) ** 2) / 0.05
        )
    warmth = np.array([1.0, rng.uniform(0.93, 1.0), rng.uniform(0.82, 1.03)], np.float32)
    level = cv2.resize(level.astype(np.float32), (width, height))
    picture *= level[..., None] * warmth * np.float32(rng.uniform(0.75, 1.0))


def _shade(rng: np.random.Generator, rows: int, columns: int) -> Ink:
    """A soft shadow that comes in from a side: of a hand with fingers, or a straight edge."""
    mask = np.zeros((rows, columns), np.uint8)
    side = max(rows, columns)
    reach = rng.uniform(0.3, 0.6) * side
    corner = np.array([rng.choice((0, columns)), rng.choice((0, rows))], np.float64)
    towards = math.atan2(rows / 2 - corner[1], columns / 2 - corner[0])
    if rng.random() < 0.5:
        for bend in rng.uniform(-0.5, 0.5, int(rng.integers(2, 5))):
            turn = towards + bend
            tip = corner + reach * rng.uniform(0.8, 1.3) * np.array(
                [math.cos(turn), math.sin(turn)]
            )
            ends = np.rint([corner, tip]).astype(int).tolist()
            cv2.line(mask, ends[0], ends[1], 255, max(1, round(0.12 * side)))
    else:
        along = np.array([-math.sin(towards), math.cos(towards)]) * 2 * side
        into = np.array([math.cos(towards), math.sin(towards)])
        edge = corner + reach * into
        far = corner - side * into
        quad = np.rint([edge - along, edge + along, far + along, far - along]).astype(np.int32)
        cv2.fillPoly(mask, [quad], 255)
    soft = cv2.GaussianBlur(mask, (0, 0), rng.uniform(0.01, 0.05) * side)
    return soft.astype(np.float32) / np.float32(255)


def viewpoint(
    rng: np.random.Generator, height_px: int, width_px: int, most_deg: float = TURN_DEG
) -> Matrix:
    """Turn a page by so many degrees at most and look at it slightly from the side.

    Returns:
        A (3, 3) homography.
    """
    corners = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float64) * (width_px, height_px)
    middle = np.array([width_px, height_px]) / 2
    angle = math.radians(min(max(-most_deg, rng.normal(0.0, 0.32 * most_deg)), most_deg))
    turn = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
    shrink = 1 / (abs(math.cos(angle)) + abs(math.sin(angle)))  # little leaves the picture
    seen = (corners - middle) @ turn * shrink + middle
    seen += (middle - corners) * rng.uniform(0.0, 0.05, (4, 2))
    return np.asarray(
        cv2.getPerspectiveTransform(corners.astype(np.float32), seen.astype(np.float32)), np.float64
    )


def look(picture: Picture, view: Matrix, rng: np.random.Generator) -> Picture:
    """See a page from a viewpoint; beyond its edges lies more of it, or a table."""
    height, width = picture.shape[:2]
    if rng.random() < 0.75:
        seen = cv2.warpPerspective(
            picture, view, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        return np.asarray(seen, np.float32)
    table = rng.uniform(0.15, 0.5) * np.array([1.0, rng.uniform(0.6, 1.0), rng.uniform(0.4, 1.0)])
    seen = cv2.warpPerspective(
        picture, view, (width, height), flags=cv2.INTER_LINEAR, borderValue=tuple(table.tolist())
    )
    return np.asarray(seen, np.float32)


def seen(layer: NDArray[_Kind], view: Matrix) -> NDArray[_Kind]:
    """Where a layer of a page lies from a viewpoint; nothing beyond its edges.

    Args:
        layer: (H, W); whole numbers stay what they are, others are interpolated.
        view: as ``viewpoint`` gives it.
    """
    height, width = layer.shape
    is_whole = np.issubdtype(layer.dtype, np.integer)
    moved = cv2.warpPerspective(
        layer.astype(np.float32),
        view,
        (width, height),
        flags=cv2.INTER_NEAREST if is_whole else cv2.INTER_LINEAR,
    )
    return moved.astype(layer.dtype)


def seen_box(points: Matrix, view: Matrix, margin_px: float = 0.0) -> Box:
    """The box around points (n, 2) of a page, x and y in pixels, as they are seen."""
    seen = cv2.perspectiveTransform(points[None], view)[0]
    left, top = np.floor(seen.min(axis=0) - margin_px).astype(int).tolist()
    right, bottom = np.ceil(seen.max(axis=0) + margin_px).astype(int).tolist()
    return Box(left, top, right - left, bottom - top)


def photograph(picture: Picture, digit_px: float, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Take a picture with a small camera: a little out of focus, noisy, kept as JPEG."""
    blur_px = rng.uniform(0.0, min(0.03 * digit_px, 2.0))
    if blur_px > 0.3:
        picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), blur_px), np.float32)
    noise = rng.standard_normal(picture.shape, np.float32)
    noise *= np.float32(rng.uniform(0.0, 0.02))
    noise += picture
    pixels = np.clip(noise * 255 + 0.5, 0, 255).astype(np.uint8)
    return as_jpeg(pixels, int(rng.integers(55, 96)))


def as_jpeg(pixels: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    """What is left of a picture (H, W, 3) RGB that was kept as JPEG, at a quality of 1 to 100."""
    _, kept = cv2.imencode(".jpg", pixels[..., ::-1], (cv2.IMWRITE_JPEG_QUALITY, quality))
    opened = cv2.imdecode(kept, cv2.IMREAD_COLOR)
    return np.ascontiguousarray(np.asarray(opened, np.uint8)[..., ::-1])


def _smooth_noise(rng: np.random.Generator, height_px: int, width_px: int, cells: int) -> Ink:
    step = max(height_px, width_px) / cells
    shape = (int(height_px / step) + 2, int(width_px / step) + 2)
    grid = rng.standard_normal(shape).astype(np.float32)
    return np.asarray(cv2.resize(grid, (width_px, height_px), interpolation=cv2.INTER_CUBIC))
