"""Rings that somebody drew round digits: an answer, or the number of a question.

A ring goes once round the middle of its box at much the same distance, if the box is made a
square, and holds strokes that do not touch it, or is far higher than digits are. So it is told
from a 0, which holds nothing, or a stroke through it, and from a 6, an 8 or a 9, which come nearer
to their middle.
"""

import math
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from inkdigits.imaging.ink import Ink
from inkdigits.imaging.marks import Labels, Marks, find_marks, stroke_px, typical_height_px

_NUM_RAYS = 180  # from the middle of a ring
_NEIGHBOURS = 11  # of a ray, in whose middle it is expected to end
_AT_FIRST = 0.7, 1.45  # of half its box: between these the rays of a ring end,
_AT_LAST = 0.9, 1.1  # ... and between these, where it is an ellipse and not a box
_OFF = 0.1  # ... and so far at most from where their neighbours do
_GONE_ROUND = 0.8  # of the rays
_EMPTY = 0.4  # of its box is ink, at most, in a ring and what touches it
_LOWEST, _HIGHEST = 0.25, 0.9  # of a ring's height: that of what it holds
_HIGHER, _TOUCHING = 1.35, 0.45  # times as high as digits; of its height, what touches it
_BAR = 0.35  # of its length: what is thinner, and alone in a ring, is the stroke through a 0
_SHORT = 0.7  # ... or a 1, if the ring is higher than digits, and it is less of its height,
_UPRIGHT = 0.5  # ... and no wider in its own
_REST = 0.15  # of its height: what is less, and beside its way, is its own wobble
_PEN = 1.3  # a ring is so many times as wide as its pen, on either side
_CROWD, _MOST = 1000, 50  # on a page of more marks, nobody drew rings; so many are looked at


def without_rings(ink: Ink) -> Ink:
    """Take away rings round digits, but nothing of what lies in them.

    Args:
        ink: (h, w) float32 in [0, 1]; 1 is ink. Not modified.

    Returns:
        (h, w) float32; the ink itself if there is no ring.
    """
    mask = ring_mask(ink)
    return np.where(mask, np.float32(0), ink) if mask.any() else ink


def ring_mask(ink: Ink) -> NDArray[np.bool_]:
    """Where there are rings round digits: (h, w) float32 in [0, 1] → (h, w)."""
    mask = np.zeros(ink.shape, bool)
    labels, marks, num_marks = find_marks(ink)
    if not 1 < num_marks <= _CROWD:
        return mask
    typical_px = typical_height_px(marks)
    is_empty = marks.area < _EMPTY * marks.width * marks.height
    is_high = marks.height > typical_px / 2
    candidates = np.flatnonzero(is_empty & is_high)
    highest = candidates[np.argsort(-marks.height[candidates], kind="stable")][:_MOST]
    for index in highest.tolist():
        held = marks.where(_within(marks, index))
        is_higher = bool(marks.height[index] > _HIGHER * typical_px)
        if len(held.label) or is_higher:
            _add_ring(mask, labels, marks.where(np.array([index])), held, is_higher=is_higher)
    return mask


def _within(marks: Marks, index: int) -> NDArray[np.bool_]:
    """(n,) which marks one holds that may be digits."""
    share = marks.height / marks.height[index]
    middle_x, middle_y = (marks.left + marks.right) / 2, (marks.top + marks.bottom) / 2
    half_width, half_height = marks.width[index] / 2, marks.height[index] / 2
    away_x = (middle_x - marks.left[index] - half_width) / half_width
    away_y = (middle_y - marks.top[index] - half_height) / half_height
    is_inside = away_x**2 + away_y**2 < 1
    is_fit = (share > _LOWEST) & (share < _HIGHEST)
    return np.asarray(is_inside & is_fit & (marks.width < marks.width[index]), bool)


def _add_ring(
    mask: NDArray[np.bool_], labels: Labels, mark: Marks, held: Marks, *, is_higher: bool
) -> None:
    """Add a mark's pixels to a mask, if it is a ring, but for what lies in it and touches it."""
    box = mark.box()
    place = np.s_[box.y : box.bottom, box.x : box.right]
    own = (labels[place] == mark.label[0]).astype(np.uint8)
    at = np.argwhere(own)  # (n, 2) y and x
    points = at[:, ::-1].astype(np.float32) + np.float32(0.5)
    frame = (box.width / 2, box.height / 2), (box.width, box.height), 0.0
    share, ends, _ = _rays(points, frame, _AT_FIRST)
    if share < _GONE_ROUND:
        return
    share, _, beyond_px = _rays(points, cv2.fitEllipse(ends), _AT_LAST)
    if share < _GONE_ROUND:
        return
    rest = np.zeros_like(own)
    far_px = _PEN * stroke_px(np.pad(own, 1).astype(np.float32))
    rest[tuple(at[np.abs(beyond_px) > far_px].T)] = 1
    _, parts, stats, _ = cv2.connectedComponentsWithStats(rest)
    sides = stats[:, [cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT]].max(axis=1)
    is_touching = sides > _REST * box.height
    is_touching[0] = False
    is_digit = is_touching & (stats[:, cv2.CC_STAT_HEIGHT] > _TOUCHING * box.height)
    pieces = [parts == part for part in np.flatnonzero(is_digit).tolist()]
    pieces += [labels[place] == label for label in held.label.tolist()]
    is_one = (
        is_higher
        and len(held.label) == 1
        and held.height[0] < _SHORT * box.height
        and held.width[0] < _UPRIGHT * held.height[0]
    )
    if len(pieces) > 1 or (pieces and (is_one or not _is_bar(pieces[0]))):
        kept = is_touching[parts].astype(np.uint8)
        is_near = cv2.dilate(own - kept, np.ones((3, 3), np.uint8)) > kept
        mask[place] |= is_near & ((own > 0) | (labels[place] == 0))


def _is_bar(piece: NDArray[np.bool_]) -> bool:
    """Whether a piece (h, w) is long and thin, as the stroke through a 0 is."""
    shorter, longer = sorted(cv2.minAreaRect(np.argwhere(piece).astype(np.float32))[1])
    return shorter < _BAR * longer


def _rays(
    points: NDArray[np.float32],
    ellipse: tuple[Any, Any, float],
    limits: tuple[float, float],
) -> tuple[float, NDArray[np.float32], NDArray[np.float32]]:
    """Follow rays from the middle of an ellipse to the outermost points.

    Args:
        points: (n, 2) x and y, in pixels.
        ellipse: its middle, its sides, and how far it is turned, in degrees, as OpenCV has it.
        limits: where rays end, between a nearest and a farthest place; 1 is on the ellipse.

    Returns:
        The share of the rays that end there, and about where their neighbours do; the points
        where these end, (k, 2); and how many pixels each point lies beyond the ends, (n,).
    """
    nearest, farthest = limits
    middle, sides, angle_deg = ellipse
    half = np.array(sides, np.float32) / 2
    cos, sin = math.cos(math.radians(angle_deg)), math.sin(math.radians(angle_deg))
    turned = np.array([[cos, -sin], [sin, cos]], np.float32)
    u, v = ((points - np.array(middle, np.float32)) @ turned / half).T
    distance = np.maximum(np.hypot(u, v), np.float32(1e-6))
    turn = np.arctan2(v, u) / (2 * np.pi) % 1
    ray = np.minimum((turn * _NUM_RAYS).astype(np.int64), _NUM_RAYS - 1)
    last = np.full(_NUM_RAYS, -1)
    outwards = np.argsort(distance, kind="stable")
    last[ray[outwards]] = outwards  # of several on a ray, the farthest is written last
    ends = np.where(last >= 0, distance[last], np.float32(0))
    wrapped = np.concatenate([ends[-(_NEIGHBOURS // 2) :], ends, ends[: _NEIGHBOURS // 2]])
    windows = np.lib.stride_tricks.sliding_window_view(wrapped, _NEIGHBOURS)
    usual = np.partition(windows, _NEIGHBOURS // 2, axis=1)[:, _NEIGHBOURS // 2]  # the medians
    goes_round = (np.abs(ends - usual) < _OFF) & (usual > nearest) & (usual < farthest)
    per_px = np.maximum(np.hypot(u / half[0], v / half[1]) / distance, np.float32(1e-6))
    return float(goes_round.mean()), points[last[goes_round]], (distance - usual[ray]) / per_px
