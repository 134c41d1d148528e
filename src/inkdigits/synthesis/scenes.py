"""Pictures in which nothing is written: walls, wood, cloth and things, in uneven light.

What finds strokes on a page should find none here, however much a joint or an edge looks like one.
"""

import math
from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from inkdigits.synthesis import papers
from inkdigits.synthesis.papers import Picture

_Grey = NDArray[np.float32]


def synthetic_scene(rng: np.random.Generator, height_px: int, width_px: int) -> NDArray[np.uint8]:
    """Take a picture of something that nobody wrote on.

    Args:
        rng: source of randomness; the same state gives the same picture.
        height_px: of the picture.
        width_px: of the picture.

    Returns:
        (height_px, width_px, 3) uint8 RGB.
    """
    kind = _KINDS[int(rng.integers(len(_KINDS)))]
    grey = kind(rng, height_px, width_px)
    if rng.random() < 0.4:
        grey += np.float32(rng.uniform(0.3, 1.0)) * _things(rng, height_px, width_px)
    grey -= grey.min()
    grey /= max(float(grey.max()), 1e-6)
    low, high = np.sort(rng.uniform(0.05, 0.95, 2)).tolist()
    colour = rng.uniform(0.75, 1.0, 3).astype(np.float32)
    picture: Picture = (low + (high - low) * grey)[..., None] * colour
    view = papers.viewpoint(rng, height_px, width_px)
    picture = papers.look(picture.astype(np.float32), view, rng)
    papers.light(picture, rng, shadow=bool(rng.random() < 0.5))
    return papers.photograph(picture, max(height_px, width_px) / 8, rng)


def _bricks(rng: np.random.Generator, height_px: int, width_px: int) -> _Grey:
    """Bricks or tiles, each of its own shade, with joints between them."""
    high = math.exp(rng.uniform(math.log(8), math.log(80)))
    wide = high * rng.uniform(1.0, 4.0)
    joint_px = max(1, round(high * rng.uniform(0.04, 0.2)))
    shift = wide / 2 if rng.random() < 0.6 else 0.0
    grey = np.full((height_px, width_px), rng.uniform(0.0, 1.0), np.float32)
    contrast = rng.uniform(0.0, 0.3)
    middle = rng.uniform(0.0, 1.0)
    for row in range(int(height_px / high) + 2):
        for column in range(int(width_px / wide) + 2):
            x, y = (column - 0.5) * wide + (row % 2) * shift, (row - 0.5) * high
            corner = max(0, round(x) + joint_px), max(0, round(y) + joint_px)
            end = round(x + wide), round(y + high)
            shade = float(middle + contrast * rng.standard_normal())
            grey[corner[1] : max(0, end[1]), corner[0] : max(0, end[0])] = shade
    return _turned(grey + 0.05 * _noise(rng, height_px, width_px, 1, 1), rng)


def _wood(rng: np.random.Generator, height_px: int, width_px: int) -> _Grey:
    """Grain that runs along, with gaps between boards."""
    grain = _noise(rng, height_px, width_px, int(rng.integers(1, 4)), int(rng.integers(20, 120)))
    boards = np.zeros((height_px, width_px), np.float32)
    step = rng.uniform(0.1, 0.5) * height_px + 10
    if rng.random() < 0.6:
        for y in np.arange(rng.uniform(0, step), height_px, step).tolist():
            boards[round(y) : round(y) + max(1, round(step * rng.uniform(0.01, 0.05)))] = 1
    return _turned(grain - np.float32(rng.uniform(1, 3)) * boards, rng)


def _cloth(rng: np.random.Generator, height_px: int, width_px: int) -> _Grey:
    """Threads, or stripes, that cross."""
    y, x = np.mgrid[0:height_px, 0:width_px].astype(np.float32)
    period = np.exp(rng.uniform(math.log(4), math.log(60), 2))
    angle = rng.uniform(0, math.pi)
    along, across = (
        x * math.cos(angle) + y * math.sin(angle),
        y * math.cos(angle) - x * math.sin(angle),
    )
    sharp = rng.uniform(1, 6)
    waves = np.tanh(sharp * np.sin(2 * math.pi * along / period[0]))
    if rng.random() < 0.6:
        waves = waves + np.tanh(sharp * np.sin(2 * math.pi * across / period[1]))
    return np.asarray(waves + 0.3 * _noise(rng, height_px, width_px, 2, 2), np.float32)


def _ground(rng: np.random.Generator, height_px: int, width_px: int) -> _Grey:
    """Gravel, plaster or leaves: blots of every size."""
    scales = np.exp(rng.uniform(0, math.log(max(height_px, width_px) / 4), 3)).astype(int) + 1
    blots = sum(_noise(rng, height_px, width_px, int(s), int(s)) for s in scales)
    return np.asarray(np.tanh(rng.uniform(0.5, 4) * np.asarray(blots)), np.float32)


def _things(rng: np.random.Generator, height_px: int, width_px: int) -> _Grey:
    """Shapes with an edge and a shading, one over the other."""
    grey = np.zeros((height_px, width_px), np.float32)
    side = max(height_px, width_px)
    for _ in range(int(rng.integers(1, 10))):
        centre = (rng.random(2) * (width_px, height_px)).astype(int)
        size = np.exp(rng.uniform(math.log(0.1), math.log(0.7), 2)) * side
        shape = np.zeros((height_px, width_px), np.uint8)
        if rng.random() < 0.5:
            axes = (max(1, int(size[0] / 2)), max(1, int(size[1] / 2)))
            turn = rng.uniform(0, 180)
            cv2.ellipse(shape, centre.tolist(), axes, turn, 0, 360, 255, -1, cv2.LINE_AA)
        else:
            corners = centre + rng.normal(0, 0.4, (int(rng.integers(3, 7)), 2)) * size
            hull = cv2.convexHull(corners.astype(np.int32))
            cv2.fillConvexPoly(shape, hull, 255, cv2.LINE_AA)
        alpha = shape.astype(np.float32) / np.float32(255)
        y, x = np.mgrid[-0.5 : 0.5 : height_px * 1j, -0.5 : 0.5 : width_px * 1j]
        slope = rng.normal(0, 1, 2)
        shade = (rng.normal() + slope[0] * x + slope[1] * y).astype(np.float32)
        grey += alpha * (shade - grey)
    return grey


def _turned(grey: _Grey, rng: np.random.Generator) -> _Grey:
    """Its sides exchanged as often as not, stretched to the same size."""
    if rng.random() < 0.5:
        return grey
    height, width = grey.shape
    return np.asarray(cv2.resize(np.ascontiguousarray(grey.T), (width, height)), np.float32)


def _noise(
    rng: np.random.Generator, height_px: int, width_px: int, down_px: int, across_px: int
) -> _Grey:
    """Smooth noise whose blots are so high and so wide."""
    shape = (max(2, height_px // down_px + 2), max(2, width_px // across_px + 2))
    coarse = rng.standard_normal(shape).astype(np.float32)
    return np.asarray(
        cv2.resize(coarse, (width_px, height_px), interpolation=cv2.INTER_CUBIC), np.float32
    )


_KINDS: tuple[Callable[[np.random.Generator, int, int], _Grey], ...] = (
    _bricks,
    _wood,
    _cloth,
    _ground,
    _things,
)
