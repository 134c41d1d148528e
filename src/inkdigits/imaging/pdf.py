"""The pages of a PDF, as scanners and phones save them, as pixels.

PDFium draws them, through pypdfium2, which the extra 'formats' brings.
"""

import math
import threading
from collections.abc import Generator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inkdigits.errors import InputError, UnreadableImageError

_START, _BEFORE = b"%PDF", b"\xef\xbb\xbf\r\n\t \0"  # what some programs put before it

_DPI, _POINTS = 200, 72  # to an inch
# A3 at so many. Phones save pages of any size, whose points may be the pixels of a photograph.
_MAX_PIXELS = 8_000_000
_ONE_AT_A_TIME = threading.RLock()  # PDFium may be called by one thread alone


def is_pdf(start: bytes) -> bool:
    """Whether a file that begins so is a PDF."""
    return start.lstrip(_BEFORE).startswith(_START)


def pdf_pages(
    content: bytes, name: str, max_pixels: int
) -> Generator[tuple[int, NDArray[np.uint8] | InputError]]:
    """Draw the pages of a PDF, with all that was written on them, one at a time.

    Args:
        content: of the file.
        name: of the file, for errors.
        max_pixels: of each page; with more, it is drawn smaller.

    Yields:
        its number from 1, or 0 where it is the only one, and the page, (H, W, 3) RGB uint8 of 200
        pixels to an inch or fewer; or why it cannot be drawn.

    Raises:
        UnreadableImageError: it is damaged or locked, its only page cannot be drawn, or pypdfium2
            is not installed.
    """
    try:
        import pypdfium2
    except ImportError as error:
        raise UnreadableImageError(
            f"{name} is a PDF, which the extra 'formats' can read: "
            "pip install 'inkdigits[formats]'. Or save its pages as PNG."
        ) from error
    with _ONE_AT_A_TIME:
        try:
            document = pypdfium2.PdfDocument(content)
        except pypdfium2.PdfiumError as error:
            if error.err_code == pypdfium2.raw.FPDF_ERR_PASSWORD:
                says = "is locked with a password. Save it without one."
            else:
                says = "is a PDF that is truncated or damaged. Copy or save it again."
            raise UnreadableImageError(f"{name} {says}") from error
        document.init_forms()  # what was filled in is drawn, too
        num_pages = len(document)  # one at least, or it would not open
    try:
        for number in range(1, num_pages + 1):
            try:
                with _ONE_AT_A_TIME:
                    pixels = _drawn(document, number - 1, min(max_pixels, _MAX_PIXELS))
            except (pypdfium2.PdfiumError, ValueError, MemoryError) as error:
                damaged = UnreadableImageError(
                    f"{name}, page {number}, cannot be drawn ({error}). Save it again."
                )
                if num_pages == 1:
                    raise damaged from error
                yield number, damaged
            else:
                yield number if num_pages > 1 else 0, pixels
    finally:
        with _ONE_AT_A_TIME:
            document.close()


def _drawn(document: Any, index: int, max_pixels: int) -> NDArray[np.uint8]:
    page = document[index]
    width, height = page.get_size()  # in points, the way up that it is shown
    scale = min(_DPI / _POINTS, math.sqrt(max_pixels / (width * height)))
    # PDFium rounds up, so that a page may have a pixel's width and miles of height.
    if math.ceil(width * scale) * math.ceil(height * scale) > 2 * max_pixels:
        raise ValueError(f"it is {width:g} × {height:g} points large")
    pixels = np.array(page.render(scale=scale, rev_byteorder=True).to_numpy(), np.uint8)
    page.close()
    return pixels
