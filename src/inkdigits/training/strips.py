"""What a line reader learns from: strips of ink, and what stands where in them.

Some are put together (``synthesis.strips``), the others are what the reader itself finds close
together on synthetic pages, whose truth is known to the pixel.
"""

import io
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from inkdigits.bundle import Bundle
from inkdigits.imaging.atoms import LineAtoms
from inkdigits.imaging.strips import MARGIN_PX, MAX_WIDTH_PX, as_strip
from inkdigits.imaging.strokes import find_strokes
from inkdigits.synthesis.scribe import NO_DIGIT
from inkdigits.synthesis.strips import Span, Strip, synthetic_strips
from inkdigits.training.chunks import in_chunks
from inkdigits.training.crops import TakenApart, taken_apart

# Shares of a digit's ink: so much of it, and it is there; less than the other, and it is not.
_THERE, _ABSENT = 0.7, 0.2
_STRANGE = 0.8  # where so much of the ink is nobody's, there is no digit
_CLEAN = 0.75  # where less than this is the digits', what they say may be argued about
_STROKE = 0.45
_WORDS = 0.25  # of the lines begin with one
_MOST_UNEVEN = 0.3  # deviation of the logarithm of the figures' heights
_SINGLE, _NONE = 0.15, 0.3  # shares of the digits that stand alone, and of non-digits, to keep


def composed_strips(
    images: NDArray[np.uint8], labels: NDArray[np.integer], count: int, seed: int | Sequence[int]
) -> list[Strip]:
    """Strips put together of the given digits, of drawn ones, and of what is no digit."""
    return list(islice(synthetic_strips(np.random.default_rng(seed), (images, labels)), count))


def page_strips(
    images: NDArray[np.uint8], labels: NDArray[np.integer], count: int, seed: int | Sequence[int]
) -> list[Strip]:
    """Strips that the reader finds on synthetic pages, written with the given digits or drawn.

    What is written there is told by the stroke finder that ships.
    """
    return list(islice(_found(images, labels, seed), count))


def _found(
    images: NDArray[np.uint8], labels: NDArray[np.integer], seed: int | Sequence[int]
) -> Iterator[Strip]:
    rng = np.random.default_rng(seed)
    find = partial(find_strokes, Bundle.open().run_page)
    for page in taken_apart(images, labels, rng, find=find, strange=_WORDS, uneven=_MOST_UNEVEN):
        size = np.zeros(len(page.values))
        size += np.bincount(page.owners.ravel(), page.ink.ravel(), minlength=len(page.values))
        for line in page.lines:
            for first, last in line.clusters():
                strip = _labelled(line, first, last, page, size)
                if strip is None:
                    continue
                shown = [mark.value for mark in strip.marks]
                keep = _NONE if shown == [NO_DIGIT] else _SINGLE if len(shown) == 1 else 1.0
                if rng.random() < keep:
                    yield strip


def _labelled(
    line: LineAtoms,
    first: int,
    last: int,
    page: TakenApart,
    size: NDArray[np.float64],
) -> Strip | None:
    """The strip of a cluster with its truth; None where that may be argued about."""
    owners, values = page.owners, page.values
    segment = line.segment(first, last)
    box = segment.box
    place = np.s_[box.y : box.bottom, box.x : box.right]
    zoom = segment.ink.shape[1] / box.width
    if zoom < 1:  # stored smaller: its pixels are not those of the page
        return None
    own = segment.ink > 0
    weights = np.where(own, page.ink[place], 0)
    held = np.bincount(owners[place].ravel(), weights=weights.ravel(), minlength=len(values))
    share = np.divide(held, size, out=np.zeros(len(held)), where=size > 0)
    if held[0] > _STRANGE * held.sum() and share[1:].max(initial=0) < _ABSENT:
        if as_strip(segment.ink, line.height_px).ink.shape[1] > MAX_WIDTH_PX:
            return None
        return Strip(segment.ink, (Span(NO_DIGIT, 0, box.width),), line.height_px)
    if ((share[1:] > _ABSENT) & (share[1:] < _THERE)).any():
        return None
    marks = []
    for owner in np.flatnonzero(share[1:] >= _THERE) + 1:
        is_stroke = own & (owners[place] == owner) & (segment.ink > _STROKE)
        columns = np.flatnonzero(is_stroke.any(axis=0))
        if not len(columns):
            return None
        marks.append(Span(int(values[owner]), float(columns[0]), float(columns[-1] + 1)))
    if not marks or held[1:].sum() < _CLEAN * held.sum():
        return None
    marks.sort(key=lambda mark: mark.left + mark.right)
    return Strip(segment.ink, tuple(marks), line.height_px)


# --- sets of strips ------------------------------------------------------------------------------

_CHUNK = 1_000  # strips of one seed, made by one process
_PAGE_SHARE = 0.3  # of the strips; the others are put together


class Strips(NamedTuple):
    """Strips of any widths, and what stands in them.

    Attributes:
        pixels: n times (32, w) uint8, 255 is ink.
        marks: n times (k, 3) float32: value (0 to 9, or 10), and the left and right end in pixels.
    """

    pixels: list[NDArray[np.uint8]]
    marks: list[NDArray[np.float32]]

    def to_bytes(self) -> bytes:
        """All of them as the content of an .npz file."""
        buffer = io.BytesIO()
        np.savez(
            buffer,
            widths=[strip.shape[1] for strip in self.pixels],
            pixels=np.concatenate(self.pixels, axis=1),
            counts=[len(marks) for marks in self.marks],
            marks=np.concatenate(self.marks),
        )
        return buffer.getvalue()

    @classmethod
    def load(cls, path: Path) -> "Strips":
        """Read what ``to_bytes`` made.

        Raises:
            OSError, ValueError, KeyError, BadZipFile: the file is missing or damaged.
        """
        with np.load(path) as kept:
            pixels = np.split(kept["pixels"], np.cumsum(kept["widths"])[:-1], axis=1)
            marks = np.split(kept["marks"], np.cumsum(kept["counts"])[:-1])
        return cls(pixels, marks)


def make_strips(
    images: NDArray[np.uint8],
    labels: NDArray[np.integer],
    count: int,
    seed: int,
    say: Callable[[str], None] = lambda text: None,
) -> Strips:
    """Make strips on all cores, three in ten of them cut out of pages.

    Args:
        images: (n, 28, 28) uint8 of every digit, 255 is ink.
        labels: (n,) 0 to 9.
        count: how many.
        seed: the same seed makes the same ones of the same images and the same stroke finder,
            however many cores there are.
        say: is told how far it has come.
    """
    num_page = round(_PAGE_SHARE * count)
    jobs = [
        (make, min(_CHUNK, total - start), [seed, number, start])
        for number, (make, total) in enumerate(
            [(page_strips, num_page), (composed_strips, count - num_page)]
        )
        for start in range(0, total, _CHUNK)
    ]
    whole = Strips([], [])
    for part in in_chunks(_chunk, (images, labels), jobs):
        whole.pixels.extend(part.pixels)
        whole.marks.extend(part.marks)
        say(f"{len(whole.pixels):,} of {count:,} strips are made")
    return whole


def _chunk(
    images: NDArray[np.uint8],
    labels: NDArray[np.integer],
    job: tuple[Callable[..., list[Strip]], int, Sequence[int]],
) -> Strips:
    make, count, seed = job
    whole = Strips([], [])
    for strip in make(images, labels, count, seed):
        fitted = as_strip(strip.ink, strip.digit_px)
        whole.pixels.append(np.rint(fitted.ink * 255).astype(np.uint8))
        marks = np.array(strip.marks, np.float32)  # (k, 3)
        marks[:, 1:] = marks[:, 1:] * fitted.num_columns / strip.ink.shape[1] + MARGIN_PX
        whole.marks.append(marks)
    return whole
