"""Photographs as people take them: a sheet on a table of any kind, in hard light.

``synthetic_page`` knows paper that fills the picture. Here it lies on wood, on cloth or on a
plain table, lighter or darker than itself, under shadows with edges, a lamp or a flash.
"""

import math
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from inkdigits.reading import Box
from inkdigits.synthesis import papers
from inkdigits.synthesis.page import SyntheticPage
from inkdigits.synthesis.scenes import synthetic_scene

_ON_TABLE = 0.7  # of the sheets; the others fill the picture
_WIDEST_MARGIN, _NO_MARGIN = 0.5, 0.05  # of table, as a share of the sheet's side; less is none
_SHADOW_PX = 6  # so far aside falls a sheet's shadow
_TURN_DEG, _ASIDE = 4.0, 0.012  # deviations: of the turn; of each corner, as a share of the side


def photographed(page: SyntheticPage, rng: np.random.Generator) -> SyntheticPage:
    """Lay a page on a table, and take a picture of it in hard light.

    Args:
        page: as ``synthetic_page`` draws it with ``photo=False, shadow=False``.
        rng: source of randomness.

    Returns:
        The page in the picture.
    """
    if rng.random() < _ON_TABLE:
        page = _on_table(page, rng)
    picture = page.picture.astype(np.float32) / np.float32(255)
    picture *= _hard_light(rng, *picture.shape[:2])[..., None]
    if rng.random() < 0.25:  # haze, or a weak camera
        picture = picture * np.float32(0.5) + np.float32(0.25 + rng.uniform(-0.1, 0.2))
    picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.3, 1.3)))
    noise = rng.standard_normal(picture.shape, np.float32) * np.float32(rng.uniform(0, 0.03))
    pixels = np.clip((picture + noise) * 255 + 0.5, 0, 255).astype(np.uint8)
    return replace(page, picture=papers.as_jpeg(pixels, int(rng.integers(40, 95))))


def _on_table(page: SyntheticPage, rng: np.random.Generator) -> SyntheticPage:
    height, width = page.picture.shape[:2]
    shares = rng.uniform(-_NO_MARGIN, _WIDEST_MARGIN, 4).clip(0)
    top, bottom = np.rint(shares[:2] * height).astype(int).tolist()
    left, right = np.rint(shares[2:] * width).astype(int).tolist()
    around = ((top, bottom), (left, right))
    owners, ink = np.pad(page.owners, around), np.pad(page.ink, around)
    sheet = np.pad(np.ones((height, width), np.float32), around)
    picture = np.pad(page.picture, (*around, (0, 0)), mode="edge")

    corners = np.array([[0, 0], [1, 0], [1, 1], [0, 1]]) * (width, height) + (left, top)
    angle = math.radians(rng.normal(0.0, _TURN_DEG))
    turn = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
    seen = (corners - corners.mean(axis=0)) @ turn * 0.93 + corners.mean(axis=0)
    seen += rng.normal(0.0, _ASIDE, (4, 2)) * (width, height)
    view = np.asarray(
        cv2.getPerspectiveTransform(corners.astype(np.float32), seen.astype(np.float32)), np.float64
    )
    is_sheet = papers.seen(sheet, view)[..., None]
    table = _desk(rng, *sheet.shape)
    if rng.random() < 0.5:  # the sheet's own shadow
        aside = np.zeros_like(sheet)
        aside[_SHADOW_PX:, _SHADOW_PX:] = is_sheet[:-_SHADOW_PX, :-_SHADOW_PX, 0]
        shadow = cv2.GaussianBlur(aside, (0, 0), 8)
        table *= 1 - np.float32(0.4) * shadow[..., None]
    size = sheet.shape[::-1]
    laid = cv2.warpPerspective(picture, view, size, borderMode=cv2.BORDER_REPLICATE) / 255.0
    whole = np.clip((table * (1 - is_sheet) + laid * is_sheet) * 255, 0, 255).astype(np.uint8)
    return SyntheticPage(
        whole,
        page.lines,
        tuple(
            tuple(papers.seen_box(np.add(_corners(box), (left, top)), view) for box in row)
            for row in page.boxes
        ),
        papers.seen(owners, view),
        papers.seen(ink, view),
    )


def _corners(box: Box) -> NDArray[np.float64]:
    x, y = np.array([box.x, box.right]), np.array([box.y, box.bottom])
    return np.column_stack([np.tile(x, 2), np.repeat(y, 2)]).astype(np.float64)


def _desk(rng: np.random.Generator, height_px: int, width_px: int) -> papers.Picture:
    """Plain, of wood, or any scene in which nothing is written: (H, W, 3)."""
    kind = rng.random()
    if kind < 0.35:
        return synthetic_scene(rng, height_px, width_px).astype(np.float32) / np.float32(255)
    colour = rng.uniform(0.1, 0.95) * np.array([1, rng.uniform(0.75, 1.05), rng.uniform(0.5, 1.1)])
    table = np.full((height_px, width_px, 3), colour, np.float32)
    if kind < 0.65:
        coarse = rng.standard_normal((max(2, height_px // 3), 6)).astype(np.float32)
        grain = cv2.resize(coarse, (width_px, height_px), interpolation=cv2.INTER_CUBIC)
        table *= 1 + np.float32(0.12) * grain[..., None]
    return table


def _hard_light(rng: np.random.Generator, height_px: int, width_px: int) -> papers.Picture:
    """How light each place is, (H, W): from one side, with shadows of things, or with a flash."""
    y, x = np.mgrid[-0.5 : 0.5 : height_px * 1j, -0.5 : 0.5 : width_px * 1j].astype(np.float32)
    light = np.ones((height_px, width_px), np.float32)
    if rng.random() < 0.6:
        angle = rng.uniform(0, 2 * math.pi)
        across = np.clip(0.5 + x * math.cos(angle) + y * math.sin(angle), 0, 1)
        light *= 1 - np.float32(rng.uniform(0.2, 0.75)) * across
    side = max(height_px, width_px)
    for _ in range(int(rng.integers(0, 3))):
        shadow = _shadow(rng, x, y)
        soft = cv2.GaussianBlur(shadow, (0, 0), rng.uniform(0.003, 0.03) * side)
        light *= 1 - np.float32(rng.uniform(0.2, 0.65) / 255) * soft
    if rng.random() < 0.2:
        at = rng.uniform(-0.4, 0.4, 2)
        near = np.exp(-((x - at[0]) ** 2 + (y - at[1]) ** 2) / rng.uniform(0.01, 0.08))
        light += np.float32(rng.uniform(0.2, 0.8)) * near
    return light * np.float32(rng.uniform(0.5, 1.1))


def _shadow(rng: np.random.Generator, x: papers.Picture, y: papers.Picture) -> NDArray[np.uint8]:
    """The outline of one: a straight edge, a blot, or bars such as fingers and window frames."""
    height, width = x.shape
    side, mask = max(height, width), np.zeros((height, width), np.uint8)
    kind = rng.random()
    if kind < 0.4:
        angle = rng.uniform(0, 2 * math.pi)
        beyond = x * math.cos(angle) + y * math.sin(angle) > rng.uniform(-0.3, 0.3)
        return np.asarray(beyond.astype(np.uint8) * 255, np.uint8)
    if kind < 0.75:
        angles = np.linspace(0, 2 * math.pi, 7)[:-1]
        reach = side * rng.uniform(0.1, 0.5, 6)
        outline = rng.random(2) * (width, height) + reach[:, None] * np.column_stack(
            [np.cos(angles), np.sin(angles)]
        )
        cv2.fillPoly(mask, [outline.astype(np.int32)], 255)
        return mask
    for _ in range(int(rng.integers(2, 5))):
        start, end = (rng.random((2, 2)) * (width, height)).astype(int).tolist()
        cv2.line(mask, start, end, 255, max(2, int(rng.uniform(0.02, 0.12) * side)))
    return mask
