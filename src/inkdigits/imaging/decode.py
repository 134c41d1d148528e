"""Pixels from whatever was given: a path, bytes, an array or a Pillow image.

Pillow is imported only where it is needed, because a cold start pays for it.
"""

import io
import itertools
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from inkdigits.errors import (
    BadArrayError,
    ImageTooLargeError,
    InputError,
    MissingInputError,
    UnreadableImageError,
)
from inkdigits.imaging.folders import exists

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageFile import ImageFile

MAX_PIXELS = 120_000_000
# What people have in place of a picture, by how it begins, and what they can do about it.
_OTHERS = {
    b"%PDF": "It is a PDF: save its pages as PNG first, as `pdftoppm -r 200 -png` does",
    b"ftyphe": "It is HEIC, an iPhone's own format: save it as JPEG first",
    b"ftypmif": "It is HEIF: save it as JPEG first",
    b"ftypavif": "It is AVIF: save it as PNG first",
}
_WHITE = 1.001  # of floats up to 1, but for rounding
_MOST_ALIKE = 16  # of 255: what differs by less cannot be seen on its paper
_TIFF_STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_TIFF_KIND, _TIFF_COPY_OR_MASK = 254, 0b101  # NewSubfileType: a smaller copy, a mask
_NAMELESS = "The picture"
_FORMATS = ("PNG", "JPEG", "BMP", "TIFF", "WEBP", "GIF")

Pixels: TypeAlias = NDArray[np.uint8]
Source: TypeAlias = "str | Path | bytes | NDArray[Any] | Image"


def decode(source: Source, *, max_pixels: int = MAX_PIXELS) -> Pixels:
    """Turn a picture into 8-bit grey or RGB pixels, the way up that it was taken.

    PNG, JPEG, BMP, TIFF, WebP and GIF are read, the first frame or page of each; EXIF orientation
    is applied and transparency is laid on white. An array holds brightness: any whole numbers
    from 0 to 255 or 0 to 65,535, floats in [0, 1] or [0, 255], or truth. Pixels of 0 and 1 alone,
    in an array or a file, are a mask: 1 is white.

    Args:
        source: a path, the bytes of a file, an array (H, W), (H, W, 1), (H, W, 3) RGB or
            (H, W, 4) RGBA, or a Pillow image. Not modified.
        max_pixels: more than this many are refused, before any of them is decoded.

    Returns:
        (H, W) or (H, W, 3) RGB uint8.

    Raises:
        MissingInputError: no such file, or it is a folder.
        UnreadableImageError: empty, truncated, or not an image.
        ImageTooLargeError: more than ``max_pixels``.
        BadArrayError: an array of the wrong shape, dtype or range.
    """
    source = _without_pipe(source)
    if isinstance(source, np.ndarray):
        return _from_array(source, max_pixels)
    if isinstance(source, bytes | bytearray | memoryview):
        return _from_file(io.BytesIO(source), _NAMELESS, max_pixels)
    if isinstance(source, str | Path):
        return _from_path(Path(source), max_pixels)
    pillow = sys.modules.get("PIL.Image")  # who gives a Pillow image has imported it
    if pillow is not None and isinstance(source, pillow.Image):
        with _refusals(_NAMELESS, max_pixels):  # it may be loaded only now
            return _from_pillow(source, _NAMELESS, max_pixels)
    raise BadArrayError(
        f"What came is of type {type(source).__name__}, which is no picture. "
        "Give a path, bytes, a NumPy array or a Pillow image."
    )


class PageOfFile(NamedTuple):
    """One page of a file.

    Attributes:
        number: from 1; 0 where the file holds no other.
        pixels: (H, W) or (H, W, 3) RGB uint8; or why this page cannot be read.
    """

    number: int
    pixels: Pixels | InputError


def decode_pages(source: Source, *, max_pixels: int = MAX_PIXELS) -> Iterator[PageOfFile]:
    """Turn a picture of one or more pages into pixels, one page at a time.

    Only TIFF has pages, of which smaller copies and masks are left out; of anything else there
    is one, the same as ``decode`` gives. Of many pages, one that is damaged does not lose the
    others; those behind a break in the file cannot be found.

    Args:
        source: as ``decode`` takes it.
        max_pixels: of each page.

    Yields:
        the pages in order, of sizes that may differ.

    Raises:
        InputError: the same as ``decode``, when there is no more than this one page.
    """
    source = _without_pipe(source)
    with _tiff(source) as file:
        if file is None:
            yield PageOfFile(0, decode(source, max_pixels=max_pixels))
            return
        name = str(source) if isinstance(source, str | Path) else _NAMELESS
        with _opened(file, name, max_pixels) as image:
            is_alone = not getattr(image, "is_animated", False)
            for number in itertools.count(1):
                page_name = name if is_alone else f"{name}, page {number},"
                try:
                    with _refusals(page_name, max_pixels):
                        try:
                            image.seek(number - 1)
                        except EOFError:
                            return
                        kind = getattr(image, "tag_v2", {}).get(_TIFF_KIND, 0)
                        if number > 1 and kind & _TIFF_COPY_OR_MASK:
                            continue
                        pixels = _from_pillow(image, page_name, max_pixels)
                except InputError as error:
                    if is_alone:
                        raise
                    yield PageOfFile(number, error)
                    if image.tell() != number - 1:  # the way to the next page is lost
                        return
                else:
                    yield PageOfFile(0 if is_alone else number, pixels)


def _without_pipe(source: Source) -> Source:
    """What comes out of a pipe, which can be read only once; anything else as it is."""
    with suppress(OSError, ValueError):  # decode says what is wrong with it
        if isinstance(source, str | Path) and Path(source).is_fifo():
            return Path(source).read_bytes()
    return source


@contextmanager
def _tiff(source: Source) -> Iterator[BinaryIO | None]:
    """The opened file of a TIFF; None if the source is none, or cannot be read."""
    with ExitStack() as stack:
        file: BinaryIO | None = None
        with suppress(OSError, ValueError):  # decode says what is wrong with it
            if isinstance(source, bytes | bytearray | memoryview):
                file = io.BytesIO(source)
            elif isinstance(source, str | Path):
                file = stack.enter_context(Path(source).open("rb"))
            if file is not None:
                file = file if file.read(4) in _TIFF_STARTS else None
        if file is not None:
            file.seek(0)
        yield file


def _from_path(path: Path, max_pixels: int) -> Pixels:
    if not exists(path):
        raise MissingInputError(f"There is no file {path}. Check the name and the folder.")
    if path.is_dir():
        raise MissingInputError(f"{path.resolve()} is a folder, not a picture. Name a file in it.")
    try:
        with path.open("rb") as file:
            return _from_file(file, str(path), max_pixels)
    except OSError as error:
        reason = error.strerror or error
        raise UnreadableImageError(f"{path} cannot be opened: {reason}.") from error


def _from_file(file: BinaryIO, name: str, max_pixels: int) -> Pixels:
    with _opened(file, name, max_pixels) as image, _refusals(name, max_pixels):
        return _from_pillow(image, name, max_pixels)


@contextmanager
def _opened(file: BinaryIO, name: str, max_pixels: int) -> "Iterator[ImageFile]":
    if not file.read(1):
        raise UnreadableImageError(f"{name} is empty (0 bytes). Was it copied completely?")
    file.seek(0)
    start = file.read(16)
    for other, advice in _OTHERS.items():
        if other in (start[: len(other)], start[4 : 4 + len(other)]):
            raise UnreadableImageError(f"{name} is not an image that can be read. {advice}.")
    file.seek(0)
    with _refusals(name, max_pixels):
        from PIL import Image

        image = Image.open(file, formats=_FORMATS)
    with image:
        yield image


@contextmanager
def _refusals(name: str, max_pixels: int) -> Iterator[None]:
    """Let a decoder warn of nothing in Python, and raise nothing but errors of ours."""
    from PIL import Image, UnidentifiedImageError

    with _QUIET:
        try:
            yield
        except UnidentifiedImageError as error:
            raise UnreadableImageError(
                f"{name} is not an image that can be read. Expected: {', '.join(_FORMATS)}."
            ) from error
        except Image.DecompressionBombError as error:
            raise ImageTooLargeError(
                f"{name} claims far more pixels than the limit of {max_pixels:,}. Scale it down."
            ) from error
        except MemoryError as error:
            raise ImageTooLargeError(f"{name} does not fit into memory. Scale it down.") from error
        except InputError:
            raise
        except Exception as error:  # a decoder fed with garbage raises whatever it likes
            raise UnreadableImageError(
                f"{name} is truncated or damaged ({str(error).rstrip('.')}). Copy or save it again."
            ) from error


def _from_pillow(image: "Image", name: str, max_pixels: int) -> Pixels:
    width, height = image.size
    _check_size(width, height, name, max_pixels)
    image.load()
    try:
        pixels = _brightness(image)
    except BadArrayError as error:
        raise UnreadableImageError(f"{name} holds no brightness: {error}") from error
    return np.ascontiguousarray(_upright(pixels, _orientation(image)))


def _brightness(image: "Image") -> Pixels:
    """The pixels of any of Pillow's modes, transparency laid on white."""
    if image.mode[0] in "IF":  # 16 and 32 bit
        array = np.asarray(image)
        is_16_bit = image.mode.startswith("I")
        return _scaled(array.astype(np.int64) if is_16_bit else array)
    if image.has_transparency_data:
        is_grey = image.mode in ("1", "L", "LA", "La")
        return _on_white(np.asarray(image.convert("RGBA")), is_grey=is_grey)
    if image.mode in ("L", "RGB"):  # as it is: a copy of a large scan takes hundreds of megabytes
        return _scaled(np.asarray(image))
    if image.mode == "1":
        return np.asarray(image.convert("L"))
    if image.mode == "LAB":  # Pillow has no way from it to RGB without a colour profile
        return np.asarray(image.getchannel("L"))
    return np.asarray(image.convert("RGB"))


def _on_white(rgba: Pixels, *, is_grey: bool) -> Pixels:
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


def _orientation(image: "Image") -> int:
    try:
        return int(image.getexif().get(0x0112, 1))
    except Exception:  # noqa: BLE001 - damaged EXIF is no reason to refuse good pixels
        return 1


def _upright(pixels: Pixels, orientation: int) -> Pixels:
    """Undo one of EXIF's eight orientations."""
    if orientation in (5, 6, 7, 8):
        pixels = pixels.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return pixels


def _from_array(array: NDArray[Any], max_pixels: int) -> Pixels:
    shape = array.shape
    if array.ndim not in (2, 3) or (array.ndim == 3 and shape[2] not in (1, 3, 4)):
        raise BadArrayError(
            f"An array of shape {shape} is no picture. "
            "Expected (H, W), (H, W, 3) RGB or (H, W, 4) RGBA; many digits are for read_digits, "
            "and pages come one by one."
        )
    if 0 in shape:
        raise BadArrayError(f"An array of shape {shape} holds no pixel.")
    _check_size(shape[1], shape[0], "The array", max_pixels)
    pixels = _scaled(array)
    if pixels.ndim == 3 and shape[2] == 1:
        pixels = pixels[..., 0]
    if pixels.ndim == 3 and shape[2] == 4:
        pixels = _on_white(pixels, is_grey=False)
    return np.ascontiguousarray(pixels)


def _scaled(array: NDArray[Any]) -> Pixels:
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


def _check_size(width: int, height: int, name: str, max_pixels: int) -> None:
    if width * height > max_pixels:
        raise ImageTooLargeError(
            f"{name} has {width:,} × {height:,} pixels, more than the limit of {max_pixels:,}. "
            "Scale it down."
        )
    if width * height == 0:
        raise UnreadableImageError(f"{name} has {width} × {height} pixels: nothing to read.")


class _Quiet:
    """Silence warnings while any thread decodes; ``catch_warnings`` alone is not thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._num_inside = 0

    def __enter__(self) -> None:
        with self._lock:
            if self._num_inside == 0:
                self._caught = warnings.catch_warnings()
                self._caught.__enter__()
                warnings.simplefilter("ignore")
            self._num_inside += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._num_inside -= 1
            if self._num_inside == 0:
                self._caught.__exit__(None, None, None)


_QUIET = _Quiet()
