"""Many pictures of one digit each: their ink."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inkdigits.errors import BadArrayError, InputError
from inkdigits.imaging.decode import Source, decode
from inkdigits.imaging.ink import THUMBNAIL_PX, digit_ink, digits_ink, grey
from inkdigits.reading import Box


def inks_of(
    images: NDArray[Any] | Iterable[Source],
) -> tuple[NDArray[np.float32] | Sequence[NDArray[np.float32]], list[Box]]:
    """Leave only the strokes of pictures that hold one digit each.

    Args:
        images: (n, H, W) or (n, H, W, 1 or 3), uint8, bool, other whole numbers, or floats in
            [0, 1] or [0, 255]; or any number of pictures of any sizes, as ``decode`` takes them.

    Returns:
        (n, H, W) float32 in [0, 1], or n of (h, w) of several sizes; and of each picture the box
        that is the whole of it.

    Raises:
        BadArrayError: an array of another shape, dtype or range.
        InputError: a picture cannot be read at all.
    """
    if isinstance(images, np.ndarray) and images.ndim in (3, 4) and len(images):
        pixels = _pixels(images)
        height, width = pixels.shape[1:3]
        if max(height, width) <= THUMBNAIL_PX:  # all at once
            return digits_ink(_grey(pixels)), [Box(0, 0, width, height)] * len(pixels)
        images = list(pixels)
    inks, boxes = [], []
    for number, image in enumerate(_many(images)):
        try:
            picture = decode(image)  # once more the same, if it was decoded
        except InputError as error:
            raise type(error)(f"Of picture {number}, from 0: {error}") from error
        inks.append(digit_ink(picture))
        boxes.append(Box(0, 0, picture.shape[1], picture.shape[0]))
    return inks, boxes


def _many(images: Any) -> Iterable[Source]:
    """The same, if it is many pictures and not one."""
    came = f"One {type(images).__name__}"
    if isinstance(images, np.ndarray):
        if images.ndim and not len(images):
            return ()
        came = f"An array of shape {images.shape}"
    elif isinstance(images, Iterable) and not isinstance(
        images, str | bytes | bytearray | memoryview
    ):
        return images
    raise BadArrayError(
        f"{came} came, but read_digits takes many pictures: an array (n, H, W) or "
        "(n, H, W, 1 or 3), or a list of pictures. One picture goes into a list, "
        "or into read(…, single=True)."
    )


def _pixels(images: NDArray[Any]) -> NDArray[np.uint8]:
    """An array of pictures of one size → (n, H, W) or (n, H, W, 3) uint8."""
    if images.ndim == 4 and images.shape[3] not in (1, 3):
        hint = " Put the channels last: np.moveaxis(images, 1, -1)." if images.shape[1] < 4 else ""
        raise BadArrayError(
            f"An array of shape {images.shape} came. Expected (n, H, W) or (n, H, W, 1 or 3).{hint}"
        )
    pixels = images
    if images.dtype != np.uint8 or images.ndim != 3 or not images.size:
        # One picture below another makes one tall picture, which decode knows how to check.
        n, height, width = images.shape[:3]
        tall = decode(images.reshape(n * height, *images.shape[2:]), max_pixels=images.size + 1)
        pixels = tall.reshape(n, height, width, *tall.shape[2:])
    is_dim = pixels.max(axis=tuple(range(1, pixels.ndim))) <= 1
    if is_dim.any():  # of whole numbers, a mask among others that are none
        white = 255 if images.dtype.kind != "f" and images.max() <= 255 else 0
        pixels = np.where(is_dim.reshape(-1, *[1] * (pixels.ndim - 1)), pixels * white, pixels)
    return pixels.astype(np.uint8, copy=False)


def _grey(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(n, H, W) or (n, H, W, 3) → (n, H, W)."""
    if pixels.ndim == 3:
        return pixels
    n, height, width, _ = pixels.shape
    return grey(pixels.reshape(n * height, width, 3)).reshape(n, height, width)
