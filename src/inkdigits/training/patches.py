"""What a stroke finder learns from: pieces of pages, and all that was written there.

Pages of every kind that is drawn, some of them on tables and in hard light, as the light that is
missing from the paper, which is what the reader shows, and from as far away as it does. Of some,
the digits have few pixels; of others, a part is seen; and some are no pages at all.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from inkdigits.imaging.ink import page_ink
from inkdigits.imaging.strokes import DARKEST, PALEST, fitting, normalised
from inkdigits.synthesis.page import SyntheticPage, synthetic_page
from inkdigits.synthesis.photos import photographed
from inkdigits.synthesis.scenes import synthetic_scene
from inkdigits.training.chunks import in_chunks

PATCH_PX = 160

_SMALLEST_PX, _NEAR_PX, _LARGEST_PX = 8.0, 14.0, 110.0  # of digits
_SCENES = 0.08  # share of the pictures in which nothing is written
_HARD_LIGHT = 0.25  # share of the pages that lie on tables, or in hard light
_CUT_OFF, _MOST_CUT = 0.3, 0.3  # share of the pages whose edges are not seen; so much of a side
_MOST = 8  # patches of one page
_ON_INK = 0.75  # of the patches lie around something written
_CHUNK = 400  # patches of one seed, made by one process

_Pixels = NDArray[np.uint8]


class Patches(NamedTuple):
    """Pieces of pages, (n, 160, 160) uint8 each.

    Attributes:
        light: how much of the paper's light is missing, as ``as_missing`` reads it.
        ink: everything that was written, 255 is ink.
    """

    light: _Pixels
    ink: _Pixels

    @classmethod
    def load(cls, path: Path) -> "Patches":
        """Read what was saved by ``numpy.savez``.

        Raises:
            OSError, ValueError, KeyError, BadZipFile: the file is missing or damaged.
        """
        with path.open("rb") as file, np.load(file) as kept:  # NumPy leaves a broken one open
            return cls(kept["light"], kept["ink"])


def as_missing(light: _Pixels, strength: NDArray[np.float32] | float = 1.0) -> NDArray[np.float32]:
    """Pixels of patches as the network sees them, float32, so many times as dark."""
    missing = light / np.float32(255) * np.float32(DARKEST - PALEST) + np.float32(PALEST)
    return np.asarray(np.clip(missing * strength, PALEST, DARKEST), np.float32)


def make_patches(
    images: _Pixels,
    labels: NDArray[np.integer],
    count: int,
    seed: int,
    say: Callable[[str], None] = lambda text: None,
) -> Patches:
    """Make patches on all cores.

    Args:
        images: (n, 28, 28) uint8 of every digit, 255 is ink, that pages are written with.
        labels: (n,) 0 to 9.
        count: how many.
        seed: the same seed makes the same ones of the same images, however many cores there are.
        say: is told how far it has come.
    """
    jobs = [(min(_CHUNK, count - start), [seed, start]) for start in range(0, count, _CHUNK)]
    whole = Patches(*(np.zeros((count, PATCH_PX, PATCH_PX), np.uint8) for _ in range(2)))
    done = 0
    for part in in_chunks(_chunk, (images, labels), jobs):
        whole.light[done : done + len(part.light)] = part.light
        whole.ink[done : done + len(part.ink)] = part.ink
        done += len(part.light)
        say(f"{done:,} of {count:,} patches are made")
    return whole


def _chunk(images: _Pixels, labels: NDArray[np.integer], job: tuple[int, list[int]]) -> Patches:
    count, seed = job
    found = list(islice(_endless((images, labels), seed), count))
    return Patches(np.stack([light for light, _ in found]), np.stack([ink for _, ink in found]))


def _endless(
    digits: tuple[_Pixels, NDArray[np.integer]], seed: list[int]
) -> Iterator[tuple[_Pixels, _Pixels]]:
    rng = np.random.default_rng(seed)
    while True:
        if rng.random() < _SCENES:
            height, width = rng.integers(150, 500, 2).tolist()
            picture = synthetic_scene(rng, height, width)
            ink = np.zeros((height, width), np.float32)
        else:
            page = _page(rng, digits)
            picture, ink = _cropped(page, rng)
        missing = _missing(picture)
        if missing is not None:
            yield from _cut_out(missing, _fitted(ink, missing.shape), rng)


def _page(rng: np.random.Generator, digits: tuple[_Pixels, NDArray[np.integer]]) -> SyntheticPage:
    digit_px = float(np.exp(rng.uniform(np.log(_SMALLEST_PX), np.log(_LARGEST_PX))))
    chances = rng.random(7)
    is_in_hard_light = rng.random() < _HARD_LIGHT
    page = synthetic_page(
        rng,
        digits=digits,
        layout=rng.choice(["lines", "boxes", "table"], p=[0.45, 0.27, 0.28]),
        digit_px=max(digit_px, _NEAR_PX),
        touching=0.3 if chances[0] < 0.5 else None,
        pitch=float(rng.uniform(1.1, 1.5)) if chances[1] < 0.3 else None,
        ruling=bool(chances[2] < 0.6),
        photo=bool(chances[3] < 0.85) and not is_in_hard_light,
        shadow=False if is_in_hard_light else None,
        strange=0.4 if chances[4] < 0.25 else 0.0,
        uneven=float(rng.uniform(0, 0.25)) if chances[5] < 0.5 else 0.0,
        filled=float(rng.random()) if chances[6] < 0.4 else None,
        varied=bool(rng.random() < 0.65),
    )
    if is_in_hard_light:
        page = photographed(page, rng)
    if digit_px >= _NEAR_PX:
        return page
    height, width = page.ink.shape
    scale = digit_px / _NEAR_PX
    size = round(width * scale), round(height * scale)
    picture = cv2.resize(page.picture, size, interpolation=cv2.INTER_AREA)
    return replace(page, picture=np.asarray(picture, np.uint8))


def _cropped(page: SyntheticPage, rng: np.random.Generator) -> tuple[_Pixels, NDArray[np.float32]]:
    """Its picture and ink, of some pages a part: the edge goes through boxes and strokes."""
    shape = page.picture.shape[:2]
    ink = _fitted(page.ink, shape)
    if rng.random() >= _CUT_OFF:
        return page.picture, ink
    start, end = (rng.uniform(0, _MOST_CUT, 2) * shape for _ in range(2))
    rows, columns = (
        slice(round(low), side - round(high))
        for low, high, side in zip(start, end, shape, strict=True)
    )
    return np.ascontiguousarray(page.picture[rows, columns]), ink[rows, columns]


def _missing(picture: _Pixels) -> NDArray[np.float32] | None:
    """What stands out from the paper of a picture; None where nothing does."""
    seen: list[NDArray[np.float32] | None] = []

    def look(
        missing: NDArray[np.float32], ink: NDArray[np.float32], is_outside: NDArray[np.bool_]
    ) -> NDArray[np.float32]:
        full = normalised(missing, is_outside)
        seen.append(None if full is None else fitting(full, ink))
        return ink

    page_ink(picture, look)
    return seen[0]  # of the page; others are of panels on it


def _fitted(ink: NDArray[np.float32], shape: tuple[int, ...]) -> NDArray[np.float32]:
    if ink.shape == shape:
        return ink
    return np.asarray(cv2.resize(ink, shape[1::-1], interpolation=cv2.INTER_AREA), np.float32)


def _cut_out(
    missing: NDArray[np.float32], ink: NDArray[np.float32], rng: np.random.Generator
) -> Iterator[tuple[_Pixels, _Pixels]]:
    below, right = (max(0, PATCH_PX - side) for side in ink.shape)
    seen = cv2.copyMakeBorder(missing, 0, below, 0, right, cv2.BORDER_REPLICATE)
    ink = np.pad(ink, ((0, below), (0, right)))
    light = np.rint((seen - PALEST) / (DARKEST - PALEST) * 255).astype(np.uint8)
    written = np.rint(ink * 255).astype(np.uint8)
    height, width = ink.shape
    rows, columns = np.nonzero(ink > 0.3)
    for _ in range(int(np.clip(ink.size / PATCH_PX**2, 1, _MOST))):
        middle = rng.integers((height, width))
        if len(rows) and rng.random() < _ON_INK:
            place = rng.integers(len(rows))
            middle = np.array([rows[place], columns[place]]) + rng.integers(-60, 61, 2)
        top, left = np.clip(
            middle - PATCH_PX // 2, 0, (height - PATCH_PX, width - PATCH_PX)
        ).tolist()
        cut = np.s_[top : top + PATCH_PX, left : left + PATCH_PX]
        yield light[cut], written[cut]
