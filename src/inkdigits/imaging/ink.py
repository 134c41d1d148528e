"""Ink from pixels: the paper and its shadows removed, the strokes kept as they are, soft.

``ink`` is float32 in [0, 1]; 1 is a stroke and 0 is paper, whatever the picture's polarity.
"""

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from inkdigits.errors import BadArrayError
from inkdigits.imaging.paper import (
    WITHIN,
    Pixels,
    ground_of_clean,
    panels,
    surroundings,
    without_strokes,
)
from inkdigits.imaging.polarity import by_border, by_what_is_thin, dark_on_light
from inkdigits.imaging.ranks import median, quantile, spread

Ink = NDArray[np.float32]
Find = Callable[[Ink, Ink, NDArray[np.bool_]], Ink]

PAGE_AREA_PX = 3_000_000  # 2000 × 1500: strokes of a photographed page are a few pixels wide
_DIGIT_AREA_PX = 512 * 512
_LONGEST_PX = 65_536  # of a side: bounds time on strips of few rows
THUMBNAIL_PX = 40  # of the longer side: so few pixels of paper have no shadow
_POLARITY_AREA_PX = 300 * 300
_PAPER_AREA_PX = 400 * 400
STROKES_AREA_PX = 800 * 800
_STRONG = 0.6  # of full ink: strokes are darker than this, and most shadows lighter
_SHADOW = 0.15  # of full ink: what is wide and darker than this is a shadow
_FEW = 0.05  # of the strokes' area is wider than strokes are
_NARROWEST_PX, _WIDER = 5, 2.5  # in small: no stroke is taken for narrower; shadows are times wider
_DARKEST_PAPER = np.float32(24)  # in darker places, noise would pass for ink
_SAMPLE_PX = 250_000  # enough for the statistics of a page
_CLEAN = 1 / 255  # a smaller deviation is that of no camera
_GRAIN_PX, _COLOUR_PX = 0.6, 1.5  # deviations of the blur that takes off grain, but no stroke
_NOISE_MARGIN = 4.0  # standard deviations of noise that is the same everywhere
_PAPER_MARGIN, _LOCAL_MARGIN = 2.5, 2.75  # of a place's own: what is paper there; what is ink
_CLEAR_MARGIN = 3.5  # ... what is so clearly ink that beside it, there is the soft edge of a stroke
_PLACES, _MIN_PLACE_PX = 25, 15  # a place is such a part of the longer side
_PRIOR = 0.02  # of a place is taken to be like the rest of the page
_BLACK, _MUCH_INK = 0.5, 0.35  # of the light missing; where from such a share: cut out close
_MIN_CONTRAST = 0.06  # of the whole range; below it, nothing was written
_FULL_CONTRAST = 0.9  # from here on, ink needs no stretching


def page_ink(page: Pixels, find: Find | None = None) -> Ink:
    """Leave only the strokes of a page.

    Args:
        page: (H, W) or (H, W, 3) uint8 of any polarity and light. Not modified.
        find: tells strokes from everything else, given the share of the light around that each
            pixel lacks, what of the paper stands out by that, (h, w) float32 both, and what seems
            to lie beside the paper, (h, w) bool; see ``strokes``. What it finds may be smaller.
            None: whatever stands out is a stroke.

    Returns:
        (h, w) float32 in [0, 1]; a page of more than 3 megapixels comes out smaller, and so does
        one of which ``find`` gives less.
    """
    page = shrunk(page, PAGE_AREA_PX)
    dark = dark_on_light(page, shrunk(page, _POLARITY_AREA_PX), by_what_is_thin)
    small = shrunk(dark, _PAPER_AREA_PX)
    ground = without_strokes(grey(small))
    ink = _paper_ink(dark, _scaled(surroundings(ground), dark.shape) > 0, find)
    if dark.shape[:2] != ink.shape:
        dark = np.asarray(cv2.resize(dark, ink.shape[::-1], interpolation=cv2.INTER_AREA), np.uint8)
    grounds = [] if small.ndim == 2 else [without_strokes(small[..., i]) for i in range(3)]
    for panel in panels([ground, *grounds]):
        whole = _scaled(panel, ink.shape)
        x, y, width, height = cv2.boundingRect((whole > 0).astype(np.uint8))
        place = np.s_[y : y + height, x : x + width]
        own, is_outside = dark[place], whole[place] != WITHIN
        if is_outside.all():  # it is as thin as a stroke
            continue
        alone, within = own.copy(), own[~is_outside]
        alone[is_outside] = [round(median(of)) for of in within.reshape(len(within), -1).T]
        seen = shrunk(alone, _POLARITY_AREA_PX)
        own = dark_on_light(own, seen, by_what_is_thin)  # a label, or a sheet on light wood
        written = cv2.resize(_paper_ink(own, is_outside, find), (width, height))
        written[is_outside] = 0
        if written.any():  # else it is a stroke
            ink[place][whole[place] > 0] = 0
            ink[place] += written
    return ink


def _paper_ink(dark: Pixels, is_outside: NDArray[np.bool_], find: Find | None) -> Ink:
    """The ink of a paper whose strokes are darker than it is, but for what lies beside it."""
    height, width = dark.shape[:2]
    small = shrunk(dark, STROKES_AREA_PX)
    widest_px = min(height, width) // 2
    if not ground_of_clean(grey(small)):  # what is broader may be a shadow
        widest_px = round(min(max(height, width) / 8, widest_px))
    scale = width / small.shape[1]
    limit_px = round(widest_px / scale)
    outside = _scaled(is_outside.astype(np.uint8), small.shape) > 0
    rough = _ink_of_strokes(small, outside, limit_px)
    # What is strong without colour is no highlighter; unless nothing is, as of a yellow pen.
    strong = rough if small.ndim == 2 else _ink_of_strokes(grey(small), outside, limit_px)
    narrower_px = _widest_px(strong if strong.any() else rough, rough, limit_px)
    if narrower_px == limit_px and scale == 1 and find is None:
        return rough
    return _ink_of_strokes(dark, is_outside, min(round(narrower_px * scale), widest_px), find)


def _ink_of_strokes(
    dark: Pixels, is_outside: NDArray[np.bool_], widest_px: int, find: Find | None = None
) -> Ink:
    """The ink of a paper on which what is wider than ``widest_px`` is a shadow."""
    height, width = dark.shape[:2]
    absorbed = _absorbed(dark, _paper(dark, widest_px))
    is_noisy = spread(_sample(absorbed)) > _CLEAN
    ink = _blurred(absorbed, _GRAIN_PX) if is_noisy else absorbed.copy()
    ink[is_outside] = 0
    ink = _above_noise(ink, max(_MIN_PLACE_PX, max(height, width) // _PLACES))
    ink[is_outside] = 0
    ink = _stretched(ink)
    return ink if find is None else find(absorbed, ink, is_outside)


def _widest_px(strong: Ink, ink: Ink, limit_px: int) -> int:
    """How wide a dark place is, at most, that can be a stroke.

    Where something dark is left that is wider than the strokes, it is the shadow of a finger or a
    pen, or a highlighter's, and whatever is a little wider than the strokes is a shadow.

    Args:
        strong: (h, w), in which strokes are told by how dark they are.
        ink: (h, w), with shadows that are narrower than the limit.
        limit_px: what is wider is known to be a shadow.

    Returns:
        The limit where there is no such shadow; else less than it.
    """
    strokes = (strong > _STRONG).astype(np.uint8)
    few = _FEW * cv2.countNonZero(strokes)
    side_px = _NARROWEST_PX
    while (wider_px := round(side_px * _WIDER)) < limit_px:
        if cv2.countNonZero(_opened(strokes, side_px)) <= few:
            return wider_px if _opened(ink, wider_px).max() > _SHADOW else limit_px
        side_px = round(side_px * 1.3)
    return limit_px


def _opened(values: NDArray[Any], side_px: int) -> NDArray[Any]:
    """Without what is dark and narrower than a square."""
    square = np.ones((side_px, side_px), np.uint8)
    return np.asarray(cv2.morphologyEx(values, cv2.MORPH_OPEN, square))


def digit_ink(picture: Pixels) -> Ink:
    """Leave only the strokes of a picture that holds one digit, however large in it.

    Args:
        picture: (H, W) or (H, W, 3) uint8 of any polarity and light. Not modified.

    Returns:
        (h, w) float32 in [0, 1]; a picture of more than 512 × 512 pixels comes out smaller.
    """
    picture = shrunk(picture, _DIGIT_AREA_PX)
    light = grey(picture)
    if max(light.shape) <= THUMBNAIL_PX:
        alone: Ink = digits_ink(light[None])[0]
        return alone
    dark = dark_on_light(picture, picture, by_border)
    height, width = light.shape  # one digit may fill its picture
    return _dark_ink(dark, round(min(max(height, width) * 0.6, min(height, width) * 1.5)))


def digits_ink(images: Pixels) -> Ink:
    """Leave only the strokes of many small pictures, each of one digit on even ground.

    Polarity is settled by each image's own border. Ink of full contrast on an even ground is
    only divided by 255, so that MNIST's images stay exactly what they are.

    Args:
        images: (n, H, W) uint8. Not modified.

    Returns:
        (n, H, W) float32 in [0, 1].

    Raises:
        BadArrayError: not three axes, or not uint8.
    """
    if images.ndim != 3 or images.dtype != np.uint8:
        raise BadArrayError(
            f"A batch of shape {images.shape} and dtype {images.dtype} came. "
            "Expected (n, H, W) uint8."
        )
    n, height, width = images.shape
    if images.size == 0:
        return np.zeros(images.shape, np.float32)
    border = np.concatenate(
        [images[:, 0], images[:, -1], images[:, 1:-1, 0], images[:, 1:-1, -1]], axis=1
    )
    middle = border.shape[1] // 2
    ground = np.partition(border, middle, axis=1)[:, middle].astype(np.int64)  # (n,)
    flat = images.reshape(n, height * width)
    below, above = ground - flat.min(axis=1), flat.max(axis=1) - ground
    is_dark_on_light = below > above
    ground = np.where(is_dark_on_light, 255 - ground, ground)
    span = np.maximum(below, above).astype(np.float32)
    span[span < 255 * _MIN_CONTRAST] = np.inf
    is_full = np.isfinite(span) & (span >= 255 * _FULL_CONTRAST)
    full = np.where(is_full, 255 - ground, span)
    light = flat ^ np.where(is_dark_on_light, 255, 0).astype(np.uint8)[:, None]
    paper = ground.astype(np.uint8)[:, None]
    light = np.maximum(light, paper, out=light)
    light -= paper
    ink = np.divide(light, full.astype(np.float32)[:, None], dtype=np.float32)
    return np.asarray(ink.reshape(images.shape), np.float32)


def shrunk(picture: Pixels, area_px: int) -> Pixels:
    """A picture, made smaller where it has more pixels than that, or a side that is too long."""
    height, width = picture.shape[:2]
    scale = min((area_px / (height * width)) ** 0.5, _LONGEST_PX / max(height, width))
    if scale >= 1:
        return picture
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)


def grey(picture: Pixels) -> Pixels:
    """How light each pixel is: (H, W) or (H, W, 3) uint8 → (H, W) uint8."""
    if picture.ndim == 2:
        return picture
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.uint8)


def _dark_ink(picture: Pixels, widest_stroke_px: int) -> Ink:
    """The ink of a picture whose strokes are darker than its paper."""
    absorbed = _absorbed(picture, _paper(picture, widest_stroke_px))
    if absorbed.min() >= _BLACK:
        return np.zeros(absorbed.shape, np.float32)
    sample = _of_paper(absorbed)
    return _stretched(absorbed - np.float32(median(sample) + _NOISE_MARGIN * spread(sample)))


def _paper(picture: Pixels, widest_stroke_px: int) -> Pixels:
    """The picture without anything dark that is narrower than ``widest_stroke_px``, in small.

    The border is continued outwards, so that a rim, or a table beside the paper, counts as paper.
    """
    small = cv2.medianBlur(shrunk(picture, _PAPER_AREA_PX), 3)
    size = max(3, round(widest_stroke_px * small.shape[1] / picture.shape[1]) | 1)
    padded = cv2.copyMakeBorder(small, size, size, size, size, cv2.BORDER_REPLICATE)
    closed = cv2.morphologyEx(padded, cv2.MORPH_CLOSE, np.ones((size, size), np.uint8))
    softness = size // 4 | 1
    soft = cv2.blur(closed, (softness, softness))
    return np.asarray(soft[size:-size, size:-size], np.uint8)


def _absorbed(picture: Pixels, paper: Pixels) -> Ink:
    """The share of the paper's light that each pixel lacks, in the channel that lacks most.

    One channel is noisier than all together, so it counts by what it lacks beyond its noise.
    """
    share = _missing(grey(picture), grey(paper))
    if picture.ndim == 2:
        return share
    most = np.zeros(share.shape, np.float32)
    for channel in range(3):
        more = _missing(picture[..., channel], paper[..., channel])
        more -= share
        noise = spread(_sample(more))
        if noise > _CLEAN:
            more = _blurred(more, _COLOUR_PX)
            noise = spread(_sample(more))
        more -= np.float32(_PAPER_MARGIN * noise)
        np.maximum(most, more, out=most)
    share += most
    return share


def _missing(light: Pixels, paper: Pixels) -> Ink:
    height, width = light.shape
    whole = cv2.resize(paper.astype(np.float32), (width, height))  # linear
    missing = cv2.subtract(whole, light, dtype=cv2.CV_32F)
    cv2.divide(missing, np.maximum(whole, _DARKEST_PAPER), missing)
    return np.asarray(missing, np.float32)


def _above_noise(absorbed: Ink, place_px: int) -> Ink:
    """Take away what is left of the paper: its level, and so many deviations of its noise.

    Both are those of the pixels around that are no strokes, nor the soft edge of one: in a small
    picture much is beside a stroke. Paper is mottled, shadows have edges, and the dark is noisier
    than the light, so neither is the same all over a page.
    """
    near = np.ones((3, 3), np.uint8)
    width, height = absorbed.shape[::-1]
    size = (min(place_px, 2 * width) | 1, min(place_px, 2 * height) | 1)  # a strip has no more
    sample = _of_paper(absorbed)
    usual, usual_noise = median(sample), spread(sample)
    level = np.full(absorbed.shape, usual, np.float32)
    noise = np.full(absorbed.shape, usual_noise, np.float32)
    for _ in range(2):
        is_paper = absorbed < level + _PAPER_MARGIN * noise + _CLEAN
        is_clear = absorbed > level + _CLEAR_MARGIN * noise + _CLEAN
        is_paper &= cv2.dilate(is_clear.astype(np.uint8), near) == 0
        off = np.where(is_paper, absorbed - np.float32(usual), np.float32(0))
        share = cv2.blur(is_paper.astype(np.float32), size) + np.float32(_PRIOR)
        mean = cv2.blur(off, size) / share
        square = (cv2.blur(off * off, size) + np.float32(_PRIOR * usual_noise**2)) / share
        level = mean + np.float32(usual)
        noise = np.sqrt(np.maximum(square - mean * mean, 0))
    return np.asarray(absorbed - level - np.float32(_LOCAL_MARGIN) * noise, np.float32)


def full_contrast(written: Ink) -> float:
    """How dark the strokes are, of what is 0 where the paper is; 0 if there are none."""
    peak = float(cv2.blur(written, (3, 3)).max())  # a dead pixel is no stroke
    return quantile(written[written > peak / 2], 0.9) if peak >= _MIN_CONTRAST else 0.0


def _stretched(written: Ink) -> Ink:
    """Take paper to 0 and strokes to 1, linearly; all to 0 if there are none."""
    full = full_contrast(written)
    if not full:
        return np.zeros(written.shape, np.float32)
    return np.asarray(np.clip(written / np.float32(full), 0, 1), np.float32)


def _scaled(mask: Pixels, shape: tuple[int, ...]) -> Pixels:
    return np.asarray(cv2.resize(mask, shape[1::-1], interpolation=cv2.INTER_NEAREST), np.uint8)


def _blurred(values: Ink, deviation_px: float) -> Ink:
    return np.asarray(cv2.GaussianBlur(values, (0, 0), deviation_px), np.float32)


def _of_paper(absorbed: Ink) -> Ink:
    """Enough of a page for the statistics of its paper: all, unless bold strokes cover much."""
    sample = _sample(absorbed)
    paper = sample[sample < _BLACK]
    return paper if 0 < paper.size < (1 - _MUCH_INK) * sample.size else sample


def _sample(values: Ink) -> Ink:
    """Enough of a page for its statistics."""
    step = 1 if values.size < _SAMPLE_PX else int((values.size / _SAMPLE_PX) ** 0.5) + 1
    return values[::step, ::step]
