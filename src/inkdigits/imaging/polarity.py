"""Whether strokes are lighter or darker than what they are on, in each channel of a picture.

Blue ink on a yellow note is darker than the paper in red and green, and lighter in blue.
"""

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from inkdigits.imaging.paper import Pixels, extremes, ground_of_clean
from inkdigits.imaging.ranks import median, spread

_WIDTHS_PX = 3, 5, 9, 15, 27, 49  # of 300 or so: of what is thin
_LEAST_CONTRAST, _DOUBT = 2, 0.02  # of 255: what is seen; what is little, on the whole picture
_DOUBT_SHARE = 0.4  # of the most at any width: less is the corners and holes of wide strokes
_NOISE_MARGIN = 4.0  # standard deviations of noise
_NARROW_PX = 15  # of 300 or so: what is no wider is thin
_GREY_COUNTS = 3.0  # times as much as a channel
_CLEAR = 0.1  # of the most in any channel; in others, strokes are hardly seen


def dark_on_light(
    picture: Pixels, seen: Pixels, lightness: Callable[[Pixels], NDArray[np.float64]]
) -> Pixels:
    """Invert each channel in which the strokes are lighter than what they are on.

    Args:
        picture: (H, W) or (H, W, 3) uint8. Not modified.
        seen: the picture, or the same in small.
        lightness: of planes (h, w, n) uint8: how much lighter the strokes are in each; below 0,
            darker.

    Returns:
        As the picture. A channel that shows little of the strokes goes with the whole.
    """
    if picture.ndim == 2:
        return 255 - picture if lightness(seen[..., None])[0] > 0 else picture
    grey = np.asarray(cv2.cvtColor(seen, cv2.COLOR_RGB2GRAY), np.uint8)
    whole, *each = lightness(np.dstack((grey, seen))).tolist()
    most = max(each, key=abs)
    usual = whole if _GREY_COUNTS * abs(whole) >= abs(most) else most
    decisive = [own if abs(own) >= _CLEAR * abs(most) else usual for own in each]
    is_light = np.greater(decisive, 0)
    return picture ^ np.where(is_light, np.uint8(255), np.uint8(0)) if is_light.any() else picture


def by_border(planes: Pixels) -> NDArray[np.float64]:
    """How much lighter one digit is than the border of its picture, (h, w, n) uint8 → (n,)."""
    grounds = [
        median(np.concatenate([plane[0], plane[-1], plane[:, 0], plane[:, -1]]))
        for plane in np.moveaxis(planes, 2, 0)
    ]
    darker, lighter = grounds - planes.min(axis=(0, 1)), planes.max(axis=(0, 1)) - grounds
    return np.asarray(np.where(lighter >= darker, lighter, -darker), np.float64)


def by_what_is_thin(planes: Pixels) -> NDArray[np.float64]:
    """How much lighter the strokes of a page are than what they are on.

    Strokes are thinner than the paper between them. So of all widths below which things stand out
    as lighter or as darker, narrow ones count for more, and those at which it is mostly one of
    both: a sheet on a dark table is light, too, and has far more contrast, but is wide. What is
    little beside the most at any width counts for less: bold strokes have narrow holes. All planes
    are measured at the width that is best for most of them. In a clean picture, what surrounds
    everything is no stroke: between bold ones, paper is thinner than they are.

    Args:
        planes: (h, w, n) uint8, some 300 pixels wide.

    Returns:
        (n,)
    """
    votes = np.array([_votes(np.ascontiguousarray(plane)) for plane in np.moveaxis(planes, 2, 0)])
    lighter, darker = np.moveaxis(votes, 2, 0)  # (n, widths)
    doubt = _DOUBT + _DOUBT_SHARE * (lighter + darker).max(axis=1, keepdims=True)
    clarity = np.abs(lighter - darker) / (lighter + darker + doubt) / np.power(_WIDTHS_PX, 1.5)
    best = clarity.sum(axis=0).argmax()
    found = lighter[:, best] - darker[:, best]
    grounds = [
        _is_ground(plane, is_light=value > 0)
        for plane, value in zip(np.moveaxis(planes, 2, 0), found.tolist(), strict=True)
    ]
    return np.asarray(np.where(grounds, -found, found), np.float64)


def _is_ground(plane: Pixels, *, is_light: bool) -> bool:
    """Whether what seems to be strokes is the ground of a clean picture (h, w) uint8.

    It is if it surrounds everything, and what is thin of it lies outside, between bold strokes. On
    a sheet that lies on a table, what is thin lies within.
    """
    if ground_of_clean(plane) is not is_light:
        return False
    # With a margin, all that reaches the border hangs together, and is wide there.
    alike = ((plane > sum(extremes(plane)) / 2) == is_light).astype(np.uint8)
    padded = np.pad(alike, _NARROW_PX, constant_values=1)
    wide = cv2.morphologyEx(padded, cv2.MORPH_OPEN, np.ones((_NARROW_PX, _NARROW_PX), np.uint8))
    _, labels = cv2.connectedComponents(padded, connectivity=4)
    is_outside = labels[padded > wide] == labels[0, 0]
    return bool(is_outside.sum() > (~is_outside).sum())


def _votes(plane: Pixels) -> NDArray[np.float64]:
    """How much stands out as lighter, and as darker, at each width: (h, w) uint8 → (widths, 2)."""
    small = cv2.medianBlur(plane, 3)
    found = []
    for width in _WIDTHS_PX:
        square = np.ones((width, width), np.uint8)
        lighter = cv2.subtract(small, cv2.morphologyEx(small, cv2.MORPH_OPEN, square))
        darker = cv2.subtract(cv2.morphologyEx(small, cv2.MORPH_CLOSE, square), small)
        found.append((lighter, darker))
    # What is usual at narrow widths is noise.
    noise = np.float32(max(_usual(values) for both in found[:2] for values in both))
    noise = np.maximum(noise, _LEAST_CONTRAST)
    return np.array([[np.maximum(v - noise, 0).mean() for v in both] for both in found])


def _usual(found: NDArray[Any]) -> float:
    """What most of a picture does not exceed by chance."""
    return float(median(found)) + _NOISE_MARGIN * spread(found.astype(np.float32))
