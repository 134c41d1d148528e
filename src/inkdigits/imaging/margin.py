"""Paper put about a picture whose strokes reach its border, and the way back to the picture."""

import cv2
import numpy as np
from numpy.typing import NDArray

from inkdigits.imaging.ink import STROKES_AREA_PX, Ink, grey, shrunk
from inkdigits.imaging.paper import Pixels, ground_of_clean
from inkdigits.imaging.ranks import median
from inkdigits.reading import Box

_MARGIN_PX, _NEAR_PX = 4, 3  # of paper that is put about a page; so near is at the border
_SEEN = 40  # of 255: what differs from paper by so much is a stroke
_RIM = 0.8  # of the shorter side: what lies along a side for so much is no digit


def with_margin(page: Pixels) -> tuple[Pixels, int]:
    """Put paper about a clean picture whose strokes reach its border, as where a form was cut up.

    Else what touches the border passes for a table beside the paper. In a picture that is not
    clean it may be one, and in a shadow there is no one shade to put about it.

    Args:
        page: (H, W) or (H, W, 3) uint8. Not modified.

    Returns:
        The page, as it is or larger, and the width of what was put about it, in pixels.
    """
    margin = _MARGIN_PX + max(page.shape[:2]) // 250
    pixels = page.reshape(*page.shape[:2], -1)
    along = np.swapaxes(pixels, 0, 1)
    sides = [side for of in (pixels, along) for side in (of[:_NEAR_PX], of[-_NEAR_PX:])]
    border = np.concatenate([side.reshape(-1, pixels.shape[2]) for side in sides])
    paper = [round(median(of)) for of in border.T]
    longest_px = max(
        _longest_run(np.abs(side - np.array(paper, np.int16)).max(axis=(0, 2)) > _SEEN)
        for side in sides
    )
    # Nothing is there, or the rim of a window or a scan, or a table.
    if not 0 < longest_px <= _RIM * min(page.shape[:2]):
        return page, 0
    framed = np.asarray(
        cv2.copyMakeBorder(page, margin, margin, margin, margin, cv2.BORDER_CONSTANT, value=paper),
        np.uint8,
    )
    if ground_of_clean(grey(shrunk(framed, STROKES_AREA_PX))) is None:
        return page, 0
    return framed, margin


def on_page(box: Box, ink: Ink, framed: Pixels, margin: int) -> Box:
    """From pixels of the ink to pixels of the page, which may be larger, and without its margin."""
    across = framed.shape[1] / ink.shape[1]
    down = framed.shape[0] / ink.shape[0]
    width, height = framed.shape[1] - 2 * margin, framed.shape[0] - 2 * margin
    left, right = (min(max(round(at * across) - margin, 0), width) for at in (box.x, box.right))
    top, bottom = (min(max(round(at * down) - margin, 0), height) for at in (box.y, box.bottom))
    return Box(
        min(left, width - 1), min(top, height - 1), max(right - left, 1), max(bottom - top, 1)
    )


def within(ink: Ink, framed: Pixels, margin: int) -> Ink:
    """The ink without the margin that was put about its page."""
    across = round(margin * ink.shape[1] / framed.shape[1])
    down = round(margin * ink.shape[0] / framed.shape[0])
    return ink[down : ink.shape[0] - down, across : ink.shape[1] - across]


def _longest_run(truths: NDArray[np.bool_]) -> int:
    """How many in a row are true, at most."""
    changes = np.flatnonzero(np.diff(truths, prepend=False, append=False))
    return int((changes[1::2] - changes[::2]).max(initial=0))
