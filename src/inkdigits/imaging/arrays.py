"""Brightness as people have it in arrays, of any dtype and range, as 8-bit pixels."""

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from inkdigits.errors import BadArrayError, ImageTooLargeError, UnreadableImageError

_WHITE = 1.001  # of floats up to 1, but for rounding
_MOST_ALIKE = 16  # of 255: what differs by less cannot be seen on its paper

Pixels: TypeAlias = NDArray[np.uint8]


def from_array(array: NDArray[Any], max_pixels: int) -> Pixels:
    """The picture that an array holds, as ``decode`` describes it: (H, W) or (H, W, 3) uint8."""
    shape = array.shape
    if array.ndim not in (2, 3) or (array.ndim == 3 and shape[2] not in (1, 3, 4)):
        raise BadArrayError(
            f"An array of shape {shape} is no picture. "
            "Expected (H, W), (H, W, 3) RGB or (H, W, 4) RGBA; many digits are for read_digits, "
            "and pages come one by one."
        )
    if 0 in shape:
        raise BadArrayError(f"An array of shape {shape} holds no pixel.")
    check_size(shape[1], shape[0], "The array", max_pixels)
    pixels = scaled(array)
    if pixels.ndim == 3 and shape[2] == 1:
        pixels = pixels[..., 0]
    if pixels.ndim == 3 and shape[2] == 4:
        pixels = on_white(pixels, is_grey=False)
    return np.ascontiguousarray(pixels)


def scaled(array: NDArray[Any]) -> Pixels:
    """Brightness of any dtype as 0 to 255, or as 0 alone: what comes out is the same, scaled again.

    Whole numbers that are 0 and 1 alone are truth: a mask.
    """
    if array.dtype == np.uint8 and array.max(initial=0) > 1:
        return array
    if array.dtype.kind not in "biuf":
        raise BadArrayError(
            f"An array of dtype {array.dtype} is no picture. Expected uint8, uint16, bool or float."
        )
    low, high = array.min(), array.max()
    if not (np.isfinite(low) and np.isfinite(high)):
        raise BadArrayError("The array holds NaN or infinity. Expected 0 to 1, or 0 to 255.")
    is_float = array.dtype.kind == "f"
    if low < 0 or high > (255 if is_float else 65_535):
        raise BadArrayError(
            f"The array holds {low:g} to {high:g}. "
            "Expected 0 to 255, 0 to 1 as floats, or 0 to 65,535 as whole numbers."
        )
    if is_float and _WHITE < high < 2:
        raise BadArrayError(
            f"The array holds {low:g} to {high:g}. Expected 0 to 1, or 0 to 255: clip it to 0 to 1."
        )
    if is_float:
        factor = 255.0 if high <= _WHITE else 1.0
        pixels = np.rint(array.astype(np.float32) * np.float32(factor)).astype(np.uint8)
    elif high <= 255:
        pixels = array.astype(np.uint8) * np.uint8(255 if high <= 1 else 1)
    else:
        pixels = ((array.astype(np.uint32) + 128) // 257).astype(np.uint8)
    return pixels if pixels.max() > 1 else np.zeros_like(pixels)  # nothing can be seen


def on_white(rgba: Pixels, *, is_grey: bool) -> Pixels:
    """Lay RGBA on white, or on black if nothing can be seen on white."""
    colour, alpha = rgba[..., :3], rgba[..., 3:].astype(np.uint32)
    if is_grey:
        colour, alpha = colour[..., 0], alpha[..., 0]
    seen = colour * alpha
    paper = 255 * (255 - alpha)
    on_white = seen + paper
    if on_white.size and alpha.min() < alpha.max():
        contrasts = [int(laid.max()) - int(laid.min()) for laid in (on_white, seen)]
        if contrasts[0] < 255 * _MOST_ALIKE and contrasts[1] >= contrasts[0]:
            on_white = seen
    return ((on_white + 127) // 255).astype(np.uint8)


def check_size(width: int, height: int, name: str, max_pixels: int) -> None:
    """Refuse a picture that is too large, or has no pixel."""
    if width * height > max_pixels:
        raise ImageTooLargeError(
            f"{name} has {width:,} × {height:,} pixels, more than the limit of {max_pixels:,}. "
            "Scale it down."
        )
    if width * height == 0:
        raise UnreadableImageError(f"{name} has {width} × {height} pixels: nothing to read.")
