"""Pixels from whatever was given: a path, bytes, an array or a Pillow image.

Pillow is imported only where it is needed, because a cold start pays for it.
"""

import io
import itertools
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
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
from inkdigits.imaging import pdf
from inkdigits.imaging.arrays import Pixels, check_size, from_array, on_white, scaled
from inkdigits.imaging.folders import exists

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageFile import ImageFile

MAX_PIXELS = 120_000_000
_TIFF_STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_TIFF_KIND, _TIFF_COPY_OR_MASK = 254, 0b101  # NewSubfileType: a smaller copy, a mask
_NAMELESS = "The picture"
_FORMATS = ("PNG", "JPEG", "BMP", "TIFF", "WEBP", "GIF")
_ALL_FORMATS = (*_FORMATS, "AVIF", "HEIC", "PDF")
_HEIF_BRANDS = (b"hei", b"hevc", b"hevx", b"mif1", b"msf1", b"avif")
_AVIF_BRAND = b"avif"
_START_BYTES = 40  # hold the brands

Source: TypeAlias = "str | Path | bytes | NDArray[Any] | Image"


def decode(source: Source, *, max_pixels: int = MAX_PIXELS) -> Pixels:
    """Turn a picture into 8-bit grey or RGB pixels, the way up that it was taken.

    PNG, JPEG, BMP, TIFF, WebP, GIF and AVIF are read, and with the extra 'formats' HEIC and PDF:
    the first frame or page of each. EXIF orientation is applied, and transparency is laid on white.
    An array holds brightness: any whole numbers from 0 to 255 or 0 to 65,535, floats in [0, 1] or
    [0, 255], or truth. Pixels of 0 and 1 alone, in an array or a file, are a mask: 1 is white.

    Args:
        source: a path, the bytes of a file, an array (H, W), (H, W, 1), (H, W, 3) RGB or
            (H, W, 4) RGBA, or a Pillow image. Not modified.
        max_pixels: more than this many are refused, before any of them is decoded; the page of a
            PDF is drawn smaller.

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
        return from_array(source, max_pixels)
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

    TIFF and PDF have pages, of which a TIFF's smaller copies and masks are left out; of anything
    else there is one, the same as ``decode`` gives. Of many pages, one that is damaged does not
    lose the others; those behind a break in the file cannot be found.

    Args:
        source: as ``decode`` takes it.
        max_pixels: of each page.

    Yields:
        the pages in order, of sizes that may differ.

    Raises:
        InputError: the same as ``decode``, when there is no more than this one page.
    """
    source = _without_pipe(source)
    name = _name(source)
    with _paged(source) as file:
        if file is None:
            yield PageOfFile(0, decode(source, max_pixels=max_pixels))
        elif pdf.is_pdf(_start(file)):
            for number, page in pdf.pdf_pages(_content(file, name), name, max_pixels):
                yield PageOfFile(number, page)
        else:
            yield from _tiff_pages(file, name, max_pixels)


def _tiff_pages(file: BinaryIO, name: str, max_pixels: int) -> Iterator[PageOfFile]:
    with _opened(file, name, max_pixels) as image:
        is_alone = not getattr(image, "is_animated", False)
        for number in itertools.count(1):
            page_name = name if is_alone else f"{name}, page {number},"
            try:
                with _refusals(page_name, max_pixels):
                    if not _has_page(image, number):
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


def _has_page(image: "ImageFile", number: int) -> bool:
    """Go to a page, counted from 1, if it is there."""
    try:
        image.seek(number - 1)
    except EOFError:
        return False
    return True


def _name(source: Source) -> str:
    return str(source) if isinstance(source, str | Path) else _NAMELESS


def _without_pipe(source: Source) -> Source:
    """What comes out of a pipe, which can be read only once; anything else as it is."""
    with suppress(OSError, ValueError):  # decode says what is wrong with it
        if isinstance(source, str | Path) and Path(source).is_fifo():
            return Path(source).read_bytes()
    return source


@contextmanager
def _paged(source: Source) -> Iterator[BinaryIO | None]:
    """The opened file of a TIFF or a PDF; None if the source is neither, or cannot be read."""
    with ExitStack() as stack:
        file: BinaryIO | None = None
        with suppress(OSError, ValueError):  # decode says what is wrong with it
            if isinstance(source, bytes | bytearray | memoryview):
                file = io.BytesIO(source)
            elif isinstance(source, str | Path):
                file = stack.enter_context(Path(source).open("rb"))
            if file is not None:
                start = _start(file)
                file = file if start.startswith(_TIFF_STARTS) or pdf.is_pdf(start) else None
        yield file


def _start(file: BinaryIO) -> bytes:
    """How a file begins; it stands at its beginning then."""
    file.seek(0)
    start = file.read(_START_BYTES)
    file.seek(0)
    return start


def _content(file: BinaryIO, name: str) -> bytes:
    try:
        return file.read()
    except OSError as error:
        reason = error.strerror or error
        raise UnreadableImageError(f"{name} cannot be read: {reason}.") from error


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
    if pdf.is_pdf(_start(file)):
        with closing(pdf.pdf_pages(_content(file, name), name, max_pixels)) as pages:
            _, page = next(pages)
        if isinstance(page, InputError):
            raise page
        return page
    with _opened(file, name, max_pixels) as image, _refusals(name, max_pixels):
        return _from_pillow(image, name, max_pixels)


@contextmanager
def _opened(file: BinaryIO, name: str, max_pixels: int) -> "Iterator[ImageFile]":
    start = _start(file)
    if not start:
        raise UnreadableImageError(f"{name} is empty (0 bytes). Was it copied completely?")
    formats: tuple[str, ...] = _FORMATS
    if start[4:8] == b"ftyp" and any(brand in start[8:] for brand in _HEIF_BRANDS):
        formats = ("AVIF",) if _AVIF_BRAND in start[8:] else _heif(name)
    with _refusals(name, max_pixels):
        from PIL import Image

        image = Image.open(file, formats=formats)
    with image:
        yield image


def _heif(name: str) -> tuple[str, ...]:
    """The name of the format in Pillow, which a plugin of its own reads."""
    try:
        import pillow_heif
    except ImportError as error:
        raise UnreadableImageError(
            f"{name} is HEIC, an iPhone's own format, which the extra 'formats' can read: "
            "pip install 'inkdigits[formats]'. Or save it as JPEG."
        ) from error
    pillow_heif.register_heif_opener(thumbnails=False)
    return ("HEIF",)


@contextmanager
def _refusals(name: str, max_pixels: int) -> Iterator[None]:
    """Let a decoder warn of nothing in Python, and raise nothing but errors of ours."""
    from PIL import Image, UnidentifiedImageError

    with _QUIET:
        try:
            yield
        except UnidentifiedImageError as error:
            raise UnreadableImageError(
                f"{name} is not an image that can be read. Expected: {', '.join(_ALL_FORMATS)}."
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
    check_size(width, height, name, max_pixels)
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
        return scaled(array.astype(np.int64) if is_16_bit else array)
    if image.has_transparency_data:
        is_grey = image.mode in ("1", "L", "LA", "La")
        return on_white(np.asarray(image.convert("RGBA")), is_grey=is_grey)
    if image.mode in ("L", "RGB"):  # as it is: a copy of a large scan takes hundreds of megabytes
        return scaled(np.asarray(image))
    if image.mode == "1":
        return np.asarray(image.convert("L"))
    if image.mode == "LAB":  # Pillow has no way from it to RGB without a colour profile
        return np.asarray(image.getchannel("L"))
    return np.asarray(image.convert("RGB"))


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
