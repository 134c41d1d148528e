"""Ink from pixels: the paper and its shadows removed, the strokes kept as they are, soft.

``ink`` is float32 in [0, 1]; 1 is a stroke and 0 is paper, whatever the picture's polarity.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from inkdigits.errors import BadArrayError
from inkdigits.imaging.ranks import median, quantile

Ink = NDArray[np.float32]
Pixels = NDArray[np.uint8]

_PAGE_AREA_PX = 3_000_000  # 2000 × 1500: strokes of a photographed page are a few pixels wide
_DIGIT_AREA_PX = 512 * 512
_THUMBNAIL_PX = 40
_POLARITY_AREA_PX = 300 * 300
_REACHES_PX, _MAX_REACH_PX = (6, 25), 100  # OpenCV's median takes no larger windows
_ENOUGH = 0.1  # of what stands out at any width
_PAPER_AREA_PX = 400 * 400
_DARKEST_PAPER = np.float32(24)  # in darker places, noise would pass for ink
_SAMPLE_PX = 250_000  # enough for the statistics of a page
_NOISE_MARGIN = 4.0  # standard deviations of the paper's noise
_MOSTLY_INK = 0.5  # of the light missing from half of the picture: a bold digit, cut out close
_DARK_RIM, _RIM_CONTACT = 0.25, 0.25  # what is so dark along so much of one side of the picture
_MUCH_RESIDUE = 0.04
_TABLE = 0.35  # of the paper's light: darker ground is no paper
_MIN_CONTRAST = 0.06  # of the whole range; below it, nothing was written
_FULL_CONTRAST = 0.9  # from here on, ink needs no stretching


def page_ink(page: Pixels) -> Ink:
    """Leave only the strokes of a page.

    Args:
        page: (H, W) or (H, W, 3) uint8 of any polarity and light. Not modified.

    Returns:
        (h, w) float32 in [0, 1]; a page of more than 3 megapixels comes out smaller.
    """
    page = _shrunk(page, _PAGE_AREA_PX)
    dark = 255 - page if _is_light_on_dark(page) else page
    height, width = page.shape[:2]  # a stroke of a page is narrower than these shares of it
    widest_px = round(min(max(height, width) / 8, min(height, width) / 2))
    paper = _paper(dark, widest_px)
    absorbed = _absorbed(dark, paper)
    absorbed[_rim((absorbed > _DARK_RIM) | _is_table(paper, absorbed.shape))] = 0
    return _stretched(_without_residue(absorbed, 2 * widest_px))


def digit_ink(picture: Pixels) -> Ink:
    """Leave only the strokes of a picture that holds one digit, however large in it.

    Args:
        picture: (H, W) or (H, W, 3) uint8 of any polarity and light. Not modified.

    Returns:
        (h, w) float32 in [0, 1]; a picture of more than 512 × 512 pixels comes out smaller.
    """
    picture = _shrunk(picture, _DIGIT_AREA_PX)
    grey = _grey(picture)
    if max(grey.shape) <= _THUMBNAIL_PX:  # a few pixels of paper have no shadow to remove
        alone: Ink = digits_ink(grey[None])[0]
        return alone
    border = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    ground = median(border)
    is_dark_on_light = ground - float(grey.min()) > float(grey.max()) - ground
    dark = picture if is_dark_on_light else 255 - picture
    height, width = grey.shape  # one digit may fill its picture
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


def _shrunk(picture: Pixels, area_px: int) -> Pixels:
    height, width = picture.shape[:2]
    scale = (area_px / (height * width)) ** 0.5
    if scale >= 1:
        return picture
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)


def _grey(picture: Pixels) -> Pixels:
    if picture.ndim == 2:
        return picture
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.uint8)


def _is_light_on_dark(page: Pixels) -> bool:
    """Whether what stands out from its surroundings is mostly lighter than they are.

    Strokes stand out clearly from surroundings a little wider than they are, a shadow or a rim
    only from wide ones; so the width at which the picture is least in doubt decides.
    """
    small = _grey(_shrunk(page, _POLARITY_AREA_PX))
    widest = min(max(1, max(small.shape) // 4), _MAX_REACH_PX)
    votes = []
    for reach in sorted({min(reach, widest) for reach in (*_REACHES_PX, widest)}):
        padded = cv2.copyMakeBorder(small, reach, reach, reach, reach, cv2.BORDER_REFLECT)
        surroundings = cv2.medianBlur(padded, 2 * reach + 1)[reach:-reach, reach:-reach]
        above = small.astype(np.float32) - surroundings
        noise = _NOISE_MARGIN * _spread(above)
        lighter = float(np.maximum(above - noise, 0).sum())
        darker = float(np.maximum(-above - noise, 0).sum())
        votes.append((lighter, darker))
    most = max(lighter + darker for lighter, darker in votes)
    clear = [vote for vote in votes if sum(vote) >= _ENOUGH * most > 0]
    if not clear:
        return False
    lighter, darker = max(clear, key=lambda vote: abs(vote[0] - vote[1]) / sum(vote))
    return lighter > darker


def _dark_ink(picture: Pixels, widest_stroke_px: int) -> Ink:
    """The ink of a picture whose strokes are darker than its paper."""
    return _stretched(_absorbed(picture, _paper(picture, widest_stroke_px)))


def _paper(picture: Pixels, widest_stroke_px: int) -> Pixels:
    """The picture without anything dark that is narrower than ``widest_stroke_px``, in small.

    The border is continued outwards, so that a rim, or a table beside the paper, counts as paper.
    """
    small = cv2.medianBlur(_shrunk(picture, _PAPER_AREA_PX), 3)
    size = max(3, round(widest_stroke_px * small.shape[1] / picture.shape[1]) | 1)
    padded = cv2.copyMakeBorder(small, size, size, size, size, cv2.BORDER_REPLICATE)
    closed = cv2.morphologyEx(padded, cv2.MORPH_CLOSE, np.ones((size, size), np.uint8))
    softness = size // 4 | 1
    soft = cv2.blur(closed, (softness, softness))
    return np.asarray(soft[size:-size, size:-size], np.uint8)


def _absorbed(picture: Pixels, paper: Pixels) -> Ink:
    """The share of the paper's light that each pixel lacks, in the channel that lacks most."""
    height, width = picture.shape[:2]
    share = np.zeros((height, width), np.float32)
    for channel, light in zip(_channels(picture), _channels(paper), strict=True):
        whole = cv2.resize(light.astype(np.float32), (width, height))  # linear
        missing = cv2.subtract(whole, channel, dtype=cv2.CV_32F)
        cv2.divide(missing, np.maximum(whole, _DARKEST_PAPER), missing)
        np.maximum(share, missing, out=share)
    return share


def _without_residue(absorbed: Ink, window_px: int) -> Ink:
    """Take away what shadows and the edge of a table left, where it would pass for noise.

    It is wide, and strokes are not; but wide strokes would suffer, so clean pages stay as they are.
    """
    small = _shrunk((np.clip(absorbed, 0, 1) * 255).astype(np.uint8), _PAPER_AREA_PX)
    if _spread(small.astype(np.float32)) < 255 * _MUCH_RESIDUE:
        return absorbed
    size = max(3, round(window_px * small.shape[1] / absorbed.shape[1]) | 1)
    residue = cv2.medianBlur(small, min(size, 2 * _MAX_REACH_PX + 1)).astype(np.float32) / 255
    height, width = absorbed.shape
    absorbed -= cv2.resize(residue, (width, height))
    return absorbed


def _channels(picture: Pixels) -> list[Pixels]:
    return [picture] if picture.ndim == 2 else [picture[..., index] for index in range(3)]


def _stretched(absorbed: Ink) -> Ink:
    """Take paper and its noise to 0 and strokes to 1, linearly; all to 0 if there are none."""
    step = 1 if absorbed.size < _SAMPLE_PX else int((absorbed.size / _SAMPLE_PX) ** 0.5) + 1
    sample = absorbed[::step, ::step]
    paper = sample[sample < _MOSTLY_INK]
    if paper.size == 0:
        return np.zeros(absorbed.shape, np.float32)
    if median(sample) > _MOSTLY_INK:
        sample = paper
    floor = median(sample) + _NOISE_MARGIN * _spread(sample)
    peak = float(cv2.blur(absorbed, (3, 3)).max())  # a dead pixel is no stroke
    if peak - floor < _MIN_CONTRAST:
        return np.zeros(absorbed.shape, np.float32)
    full = quantile(absorbed[absorbed > (floor + peak) / 2], 0.9)
    ink = (absorbed - floor) / np.float32(full - floor)
    return np.clip(ink, 0, 1, out=ink)


def _is_table(paper: Pixels, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Where the ground is darker than any shadow on this paper."""
    light = _grey(paper)
    is_dark = (light < _TABLE * median(light)).astype(np.uint8)
    whole = cv2.resize(is_dark, shape[::-1], interpolation=cv2.INTER_NEAREST)
    return np.asarray(whole, bool)


def _rim(is_dark: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """What lies along the picture's border: a table beside the paper, a scanner's lid."""
    num_labels, labels = cv2.connectedComponents(is_dark.astype(np.uint8), connectivity=4)
    height, width = is_dark.shape
    sides = (labels[0], labels[-1], labels[:, 0], labels[:, -1])
    is_rim = np.zeros(num_labels, bool)
    for side, length in zip(sides, (width, width, height, height), strict=True):
        is_rim |= np.bincount(side, minlength=num_labels) > _RIM_CONTACT * length
    is_rim[0] = False
    return np.asarray(is_rim[labels] if is_rim.any() else np.zeros_like(is_dark), bool)


def _spread(values: Ink) -> float:
    """A standard deviation that strokes and other outliers do not change."""
    return 1.4826 * float(median(np.abs(values - median(values))))
