"""What is not a digit: letters, symbols, scribbles, print, textures, and digits badly cut.

A network learns from these to say "no digit" instead of inventing one. One rule holds for all:
what a careful reader could take for a digit is left out, by the tables and rules that draw it.
Nothing here imitates the families of the corruption benchmark MNIST-C, so that it stays a fair
measure: no blur, noise or fog is laid over a digit.
"""

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType

import cv2
import numpy as np
from numpy.typing import NDArray

from inkdigits.synthesis import figures, scrawls
from inkdigits.synthesis.strokes import Stroke, ink_box, paint_strokes

Ink = NDArray[np.float32]
Pixels = NDArray[np.uint8]
Drawer = Callable[[np.random.Generator, int], Ink]

_MIN_SIZE_PX, _MAX_SIZE_PX = 4, 2048


def _written(write: Callable[[np.random.Generator], list[Stroke]]) -> Drawer:
    """A drawer of what a pen writes, placed as MNIST places its digits."""

    def draw(rng: np.random.Generator, size_px: int) -> Ink:
        strokes = write(rng)
        left, top, width, height = ink_box(strokes)
        scale = size_px * figures.INK_SHARE * rng.uniform(0.95, 1.04) / max(width, height)
        shift_x, shift_y = rng.normal(0.0, size_px / 60, 2).tolist()
        move = (
            size_px / 2 - (left + width / 2) * scale + shift_x,
            size_px / 2 - (top + height / 2) * scale + shift_y,
            0.0,
        )
        return paint_strokes([stroke * scale + move for stroke in strokes], size_px, size_px)

    return draw


KINDS: Mapping[str, Drawer] = MappingProxyType(
    {
        "capitals": _written(scrawls.letter("capitals")),
        "small_letters": _written(scrawls.letter("small_letters")),
        "other_letters": _written(scrawls.letter("other_letters")),
        "symbols": _written(scrawls.letter("symbols")),
        "words": _written(scrawls.word),
        "invented": _written(scrawls.invented),
        "scribbles": _written(scrawls.scribble),
        "crossed_out": _written(scrawls.crossed_out),
        "ringed": _written(scrawls.ringed),
        "marks": _written(scrawls.marks),
        "corners": _written(scrawls.corner),
        "printed_letters": figures.printed_letter,
        "printed_others": figures.printed_other,
        "printed_words": figures.printed_word,
        "textures": figures.texture,
        "blobs": figures.blob,
        "shapes": figures.shape,
        "silhouettes": figures.silhouette,
    }
)
"""How each kind is drawn: ``(rng, size_px)`` to (size_px, size_px) float32, 1 is ink."""


def synthetic_nondigits(count: int, seed: int, size_px: int = 28) -> NDArray[np.uint8]:
    """Make a set of what is not a digit, a balanced mix of every kind in ``KINDS``.

    Args:
        count: how many. A longer set begins with the shorter one of the same seed.
        seed: the same seed gives the same pictures.
        size_px: side of a square in pixels, 4 to 2048.

    Returns:
        (count, size_px, size_px) uint8, 255 is ink, placed as ``synthetic_digits`` places digits.

    Raises:
        ValueError: count is negative, or size_px is out of range.
    """
    return labelled_nondigits(count, seed, size_px)[0]


def labelled_nondigits(
    count: int, seed: int, size_px: int = 28
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Make the set of ``synthetic_nondigits``, and say of which kind each picture is.

    Args:
        count: how many.
        seed: the same seed gives the same pictures.
        size_px: side of a square in pixels, 4 to 2048.

    Returns:
        Images (count, size_px, size_px) uint8, 255 is ink, and kinds (count,) int64, which count
        the names in ``KINDS``. In every ``len(KINDS)`` pictures each kind comes once.

    Raises:
        ValueError: count is negative, or size_px is out of range.
    """
    if not _MIN_SIZE_PX <= size_px <= _MAX_SIZE_PX:
        raise ValueError(
            f"size_px is {size_px}; give a side of {_MIN_SIZE_PX} to {_MAX_SIZE_PX} pixels"
        )
    if count < 0:
        raise ValueError(f"count is {count}; give 0 or more pictures to draw")
    kind_rng, ink_rng = np.random.default_rng(seed).spawn(2)
    rounds = [kind_rng.permutation(len(KINDS)) for _ in range(math.ceil(count / len(KINDS)))]
    kinds = np.concatenate([np.empty(0, np.int64), *rounds])[:count]
    drawers = tuple(KINDS.values())
    images = np.empty((count, size_px, size_px), np.uint8)
    for image, kind in zip(images, kinds.tolist(), strict=True):
        image[:] = np.rint(drawers[kind](ink_rng, size_px) * 255)
    return images, kinds


# Digits badly cut -------------------------------------------------------------------------------

# Most halves are a digit again, or can be: half an 8 is a 0 or a 3, the stem of a 4, 7 or 9 is a 1,
# half a 0 cut upright a bent 1, the left half of a 4 a 6, that of a 3 a 5. What is left:
_TOP_STRIPS, _BOTTOM_STRIPS = (0, 2, 3, 5, 8, 9), (0, 2, 3, 5, 6, 8)
_HALF_AFTER = (0, 4, 6, 8, 9)  # their left half is more than specks
_HALF_BEFORE = (0, 2, 3, 8)  # ... the right one; a stem before a 3 makes an 8 of it
_STACKED = (2, 3, 4, 5, 7)  # two loops above one another are an 8
_TRIES = 60


def cut_and_joined(
    images: Pixels, labels: NDArray[np.integer], count: int, seed: int
) -> NDArray[np.uint8]:
    """Cut digits and join them as a bad segmentation would.

    Half of them are two or three digits side by side, apart, touching or overlapping; the others
    are a digit and a half, halves of a 0, strips, and two digits above one another. What could be
    read as a digit again, as most halves could, is left out.

    Args:
        images: (n, side, side) uint8, 255 is ink, a single digit each; at least one. Not modified.
        labels: (n,) 0 to 9, what they show.
        count: how many to make. A longer set begins with the shorter one of the same seed.
        seed: the same seed makes the same ones of the same images.

    Returns:
        (count, side, side) uint8, 255 is ink, placed as MNIST places its digits.

    Raises:
        ValueError: there are no images, they are not square, labels do not match, or count is
            negative.
    """
    if images.ndim != 3 or len(images) == 0 or images.shape[1] != images.shape[2]:
        raise ValueError(f"images have shape {images.shape}; give (n, side, side), n at least 1")
    if len(labels) != len(images):
        raise ValueError(f"{len(labels)} labels came for {len(images)} images; give one for each")
    if count < 0:
        raise ValueError(f"count is {count}; give 0 or more to make")
    rng = np.random.default_rng(seed)
    side = images.shape[1]
    made = np.empty((count, side, side), np.uint8)
    for image in made:
        image[:] = np.rint(figures.frame(_bad_cut(images, labels, rng), rng, side) * 255)
    return made


# Ways to turn a digit, and the digits that are none any more. A 2 in a mirror is an S, and so a 5;
# 0, 1 and 8 stay what they are, and a 6 upside down is a 9.
_TURNS: tuple[tuple[Callable[[Pixels], Pixels], tuple[int, ...]], ...] = (
    (np.fliplr, (3, 4, 6, 7, 9)),
    (np.flipud, (4, 6, 7, 9)),
    (np.rot90, (2, 3, 4, 5, 6, 9)),
    (lambda image: np.rot90(image, 3), (2, 3, 4, 5, 6, 9)),
    (lambda image: np.rot90(image, 2), (3, 4, 7)),
)


def turned(images: Pixels, labels: NDArray[np.integer], count: int, seed: int) -> NDArray[np.uint8]:
    """Mirror digits, or turn them on their side or their head, where that makes no digit of them.

    Args:
        images: (n, side, side) uint8, 255 is ink, a single digit each. Not modified.
        labels: (n,) 0 to 9, what they show.
        count: how many to make. A longer set begins with the shorter one of the same seed.
        seed: the same seed makes the same ones of the same images.

    Returns:
        (count, side, side) uint8, 255 is ink.

    Raises:
        ValueError: of the digits that turn into none there is no image.
    """
    rng = np.random.default_rng(seed)
    pools = [np.flatnonzero(np.isin(labels, digits)) for _, digits in _TURNS]
    if not all(len(pool) for pool in pools):
        raise ValueError("there is no image of a 3, 4 or 7; give digits of every class")
    made = np.empty((count, *images.shape[1:]), np.uint8)
    for image in made:
        way = int(rng.integers(len(_TURNS)))
        image[:] = _TURNS[way][0](images[rng.choice(pools[way])])
    return made


def _bad_cut(images: Pixels, labels: NDArray[np.integer], rng: np.random.Generator) -> Pixels:
    ways = (_row, _row, _row, _row, _row, _one_and_a_half, _one_and_a_half, _half, _strip, _stack)
    way = ways[int(rng.integers(len(ways)))]
    for attempt in range(_TRIES):
        if attempt > _TRIES // 2:
            way = _row  # makes something of any digits
        chosen = rng.integers(len(images), size=3)
        if all(images[k].max() > 50 for k in chosen):
            digits = [_trimmed(images[k]) for k in chosen]
            made = way(digits, labels[chosen].tolist(), rng)
            if made is not None:
                return made
    raise ValueError("images have hardly any ink; give digits with 255 for ink and 0 for paper")


def _row(digits: list[Pixels], labels: list[int], rng: np.random.Generator) -> Pixels:
    """Two digits, or three."""
    count = 3 if rng.random() < 0.15 else 2
    row = digits[0]
    for k in range(1, count):
        row = _beside(row, digits[k], _gap(labels[k - 1 : k + 1], rng), rng)
    return row


def _one_and_a_half(
    digits: list[Pixels], labels: list[int], rng: np.random.Generator
) -> Pixels | None:
    """A digit and about half of its neighbour, before or after it."""
    whole, other = digits[:2]
    columns = round(other.shape[1] * rng.uniform(0.45, 0.65))
    is_after = rng.random() < 0.5
    if labels[0] == 1 or labels[1] not in (_HALF_AFTER if is_after else _HALF_BEFORE):
        return None
    piece = _trimmed(other[:, :columns] if is_after else other[:, -columns:])
    # A few specks beside a digit leave it what it is.
    if piece.sum() < 0.4 * other.sum() or piece.shape[0] < 0.75 * other.shape[0]:
        return None
    gap = rng.uniform(-0.02, 0.2)
    return _beside(whole, piece, gap, rng) if is_after else _beside(piece, whole, gap, rng)


def _half(digits: list[Pixels], labels: list[int], rng: np.random.Generator) -> Pixels | None:
    """The upper or lower half of a 0."""
    if labels[0] != 0:
        return None
    rows = round(rng.uniform(0.42, 0.55) * digits[0].shape[0])
    return _if_wide(digits[0][:rows] if rng.random() < 0.5 else digits[0][-rows:], 0.6)


def _strip(digits: list[Pixels], labels: list[int], rng: np.random.Generator) -> Pixels | None:
    """The uppermost or lowest quarter of a round digit: a flat arc."""
    rows = max(2, round(rng.uniform(0.12, 0.25) * digits[0].shape[0]))
    is_top = rng.random() < 0.5
    if labels[0] not in (_TOP_STRIPS if is_top else _BOTTOM_STRIPS):
        return None
    return _if_wide(digits[0][:rows] if is_top else digits[0][-rows:], 1.3)


def _stack(digits: list[Pixels], labels: list[int], rng: np.random.Generator) -> Pixels | None:
    """Two digits of neighbouring lines."""
    if not set(labels[:2]) <= set(_STACKED):
        return None
    upper, lower = (np.ascontiguousarray(digit.T) for digit in digits[:2])
    return np.ascontiguousarray(_beside(upper, lower, rng.uniform(-0.05, 0.2), rng).T)


def _gap(labels: list[int], rng: np.random.Generator) -> float:
    """Between two digits, in heights. A 1 that touches could complete the other: it keeps away."""
    return rng.uniform(0.14, 0.35) if 1 in labels else rng.uniform(-0.14, 0.2)


def _beside(left: Pixels, right: Pixels, gap: float, rng: np.random.Generator) -> Pixels:
    tallest = max(left.shape[0], right.shape[0])
    at = max(1, left.shape[1] + round(gap * tallest))
    drop = round(rng.normal(0.0, 0.06) * tallest)
    top_left, top_right = max(0, -drop), max(0, drop)
    both = np.zeros(
        (
            max(top_left + left.shape[0], top_right + right.shape[0]),
            max(left.shape[1], at + right.shape[1]),
        ),
        np.uint8,
    )
    both[top_left : top_left + left.shape[0], : left.shape[1]] = left
    place = both[top_right : top_right + right.shape[0], at : at + right.shape[1]]
    np.maximum(place, right, out=place)
    return both


def _if_wide(piece: Pixels, share: float) -> Pixels | None:
    """The piece, where it has ink and is no narrower than that share of its height, as a 1 is."""
    if piece.size == 0 or piece.max() <= 50:
        return None
    trimmed = _trimmed(piece)
    return trimmed if trimmed.shape[1] >= share * trimmed.shape[0] else None


def _trimmed(image: Pixels) -> Pixels:
    left, top, width, height = cv2.boundingRect((image > 50).astype(np.uint8))
    return image[top : top + height, left : left + width] if width else image
