"""Pictures that show at one look what was read, and what the network saw."""

import contextlib
import os
import threading
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from inkdigits.errors import InkdigitsError
from inkdigits.imaging.ranks import median
from inkdigits.reading import UNSURE_MARK, Box, Digit, Page, Status

Pixels = NDArray[np.uint8]
Colour = tuple[int, int, int]

# Okabe and Ito's palette: told apart with any colour vision. Source: Okabe & Ito 2008.
COLOURS: dict[Status, Colour] = {
    Status.OK: (0, 114, 178),
    Status.REVIEW: (230, 159, 0),
    Status.REJECT: (204, 121, 167),
    Status.BLANK: (128, 128, 128),
}
_MARKS = {Status.OK: "", Status.REVIEW: UNSURE_MARK, Status.REJECT: "x", Status.BLANK: ""}
_WHITE, _BLACK = (255, 255, 255), (0, 0, 0)
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_FONT_HEIGHT_PX = 21.0  # of a capital at scale 1
_MIN_LABEL_PX, _MAX_LABEL_PX = 10.0, 80.0
_SMALLEST_SIDE_PX = 400  # a smaller picture is enlarged by a whole number first
_GLYPH_ZOOM = 4
_CELL_MARGIN_PX = 8
_CAPTION_PX = 22
_MAX_COLUMNS = 10


def draw_page(picture: Pixels, page: Page) -> Pixels:
    """Draw the box and the value of each digit on its picture.

    The colour tells the status, and so does a ``?`` (review) or ``x`` (reject) after the value.

    Args:
        picture: (H, W) or (H, W, 3) RGB uint8: the page as it was given. Not modified.
        page: what was read from it.

    Returns:
        (H * k, W * k, 3) RGB uint8; k is 1 unless the picture is very small.
    """
    zoom = max(1, -(-_SMALLEST_SIDE_PX // max(picture.shape[:2])))
    canvas = picture if picture.ndim == 3 else cv2.cvtColor(picture, cv2.COLOR_GRAY2RGB)
    canvas = cv2.resize(canvas, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_NEAREST)
    canvas = np.array(canvas, np.uint8, order="C")  # drawn into, so never the caller's own
    digits = [(digit, _zoomed(digit.box, zoom)) for digit in page.digits]
    if not digits:
        return canvas
    typical_px = median(np.array([box.height for _, box in digits]))
    label_px = float(np.clip(0.35 * typical_px, _MIN_LABEL_PX, _MAX_LABEL_PX))
    line_px = max(1, round(label_px / 10))
    for digit, box in digits:
        corners = (box.x - 1, box.y - 1), (box.right, box.bottom)
        cv2.rectangle(canvas, *corners, _WHITE, line_px + 2)
        cv2.rectangle(canvas, *corners, COLOURS[digit.status], line_px)
    for digit, box in digits:
        _draw_label(canvas, digit, box, label_px)
    return canvas


def draw_ink(ink: NDArray[np.float32]) -> Pixels:
    """Show ink as strokes, black on white.

    Args:
        ink: (h, w) float32 in [0, 1]; 1 is ink.

    Returns:
        (h, w) uint8.
    """
    return np.rint(255 * (1 - np.clip(np.nan_to_num(ink), 0, 1))).astype(np.uint8)


def draw_glyphs(
    glyphs: NDArray[np.float32], captions: Sequence[str], statuses: Sequence[Status]
) -> Pixels:
    """Lay out what the network saw, enlarged, each with its caption below.

    Args:
        glyphs: (n, h, w) float32 in [0, 1]; 1 is ink.
        captions: one each; what the font lacks is shown as ``?``.
        statuses: one each, for the colour of its frame.

    Returns:
        (H, W, 3) RGB uint8; an empty sheet for no glyphs.
    """
    num_glyphs = len(glyphs)
    columns = max(1, min(_MAX_COLUMNS, num_glyphs))
    rows = max(1, -(-num_glyphs // columns))
    glyph_height, glyph_width = (side * _GLYPH_ZOOM for side in glyphs.shape[1:])
    widest = max((_text_width(caption, 0.5) for caption in captions), default=0)
    cell_width = max(glyph_width, widest) + _CELL_MARGIN_PX
    cell_height = glyph_height + _CAPTION_PX + _CELL_MARGIN_PX
    sheet = np.full((rows * cell_height, columns * cell_width, 3), 255, np.uint8)
    for index, (glyph, caption, status) in enumerate(zip(glyphs, captions, statuses, strict=True)):
        top, left = index // columns * cell_height, index % columns * cell_width
        large = draw_ink(glyph).repeat(_GLYPH_ZOOM, axis=0).repeat(_GLYPH_ZOOM, axis=1)
        x, y = left + _CELL_MARGIN_PX // 2, top + _CELL_MARGIN_PX // 2
        sheet[y : y + glyph_height, x : x + glyph_width] = large[..., None]
        frame = (x - 2, y - 2), (x + glyph_width + 1, y + glyph_height + 1)
        cv2.rectangle(sheet, *frame, COLOURS[status], 2)
        foot = (x, y + glyph_height + _CAPTION_PX - 6)
        cv2.putText(sheet, _plain(caption), foot, _FONT, 0.5, _BLACK, 1, cv2.LINE_AA)
    return sheet


def save_png(path: str | Path, picture: Pixels) -> None:
    """Write a picture as PNG, whole or not at all.

    Args:
        path: where to; a file that is there is replaced, its folder must exist.
        picture: (H, W) or (H, W, 3) RGB uint8.

    Raises:
        InkdigitsError: the place cannot be written to.
    """
    path = Path(path)
    bgr = picture if picture.ndim == 2 else cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
    is_encoded, png = cv2.imencode(".png", bgr)
    if not is_encoded:
        raise InkdigitsError(
            f"{path} cannot be written: PNG holds no picture of {picture.shape[1]:,} × "
            f"{picture.shape[0]:,} pixels. Scale it down."
        )
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}")
    try:
        temporary.write_bytes(png.tobytes())
        temporary.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        reason = error.strerror or error
        raise InkdigitsError(
            f"{path} cannot be written: {reason}. Choose a folder that exists and is yours."
        ) from error


def _zoomed(box: Box, zoom: int) -> Box:
    return Box(*(side * zoom for side in box))


def _draw_label(canvas: Pixels, digit: Digit, box: Box, label_px: float) -> None:
    """Write the value on a plate of the status' colour, above the box or where there is room."""
    text = digit.value + _MARKS[digit.status]
    if not text:
        return
    scale = label_px / _FONT_HEIGHT_PX
    thickness = max(1, round(label_px / 10))
    margin = max(2, round(label_px / 6))
    width = _text_width(text, scale, thickness) + 2 * margin
    height = round(label_px) + 2 * margin
    top = box.y - height if box.y >= height else box.bottom
    x = max(0, min(box.x, canvas.shape[1] - width))
    y = max(0, min(top, canvas.shape[0] - height))
    colour = COLOURS[digit.status]
    cv2.rectangle(canvas, (x, y), (x + width - 1, y + height - 1), colour, cv2.FILLED)
    foot = (x + margin, y + height - margin)
    ink = _WHITE if sum(colour) < 300 else _BLACK
    cv2.putText(canvas, _plain(text), foot, _FONT, scale, ink, thickness, cv2.LINE_AA)


def _text_width(text: str, scale: float, thickness: int = 1) -> int:
    (width, _), _ = cv2.getTextSize(_plain(text), _FONT, scale, thickness)
    return int(width)


def _plain(text: str) -> str:
    """The text in ASCII, which is all that the font has."""
    return text.encode("ascii", "replace").decode()
