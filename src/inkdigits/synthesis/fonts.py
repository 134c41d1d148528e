"""Characters of handwriting fonts: digits as many hands write them, and letters that are none.

A type designer's hand is one more writer, with letters to go with the digits; MNIST has no letters,
and the ones that ``letters`` writes are of few hands. The fonts are not part of inkdigits.
"""

import glob
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import ImageFont

from inkdigits.errors import DataError
from inkdigits.synthesis.figures import frame, typeface, typeset, varied
from inkdigits.synthesis.scribe import NO_DIGIT

# Left out are the letters that a careful reader takes for a digit: l for a 1, O for a 0, S for a 5.
# D, G, J and b stay in, unlike in ``letters``: a font's own digits are beside them, so that a
# network can learn what parts a D from a 0, a b and a G from a 6.
_LETTERS = "ACDEFGHJKLMNPRTUVWXYabcdefhijkmnprtuvwx"
_ANY_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_SYMBOLS = "&@#$%?=+*<>!"
_DIGITS = "0123456789"
_SHARE_OF_DIGITS, _SHARE_OF_WORDS, _SHARE_OF_SYMBOLS = 0.3, 0.1, 0.08


def open_fonts(pattern: str) -> list[str]:
    """Find the fonts that a pattern names, and see that each has what is drawn of it.

    Args:
        pattern: as ``glob`` takes it, with ``**`` for folders in folders.

    Returns:
        Paths of TrueType, OpenType or WOFF files, sorted.

    Raises:
        DataError: nothing matches, a file is no font, or a font lacks a digit or a letter.
    """
    found = glob.glob(pattern, recursive=True)  # noqa: PTH207 - Path.glob takes no absolute pattern
    paths = sorted(path for path in found if Path(path).is_file())
    if not paths:
        raise DataError(
            f"No file matches data.fonts, {pattern!r}. Give a pattern such as 'fonts/*.ttf'."
        )
    for path in paths:
        try:
            font = typeface(path)
        except OSError as error:
            raise DataError(f"{path} is no font that can be read: {error}.") from error
        missing = [text for text in _DIGITS + _LETTERS if not _has(font, text)]
        if missing:
            raise DataError(
                f"The font {path} lacks {' '.join(missing)}; leave it out of data.fonts."
            )
    return paths


def font_characters(
    fonts: Sequence[str], count: int, seed: int, size_px: int = 28
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Draw characters of fonts, in turn slanted, stretched and turned a little.

    Args:
        fonts: paths, as ``open_fonts`` gives them; at least one.
        count: how many; three in ten are digits, the others letters, a few symbols and words.
            A longer set begins with the shorter one of the same seed.
        seed: the same seed draws the same ones of the same fonts.
        size_px: side of a square in pixels.

    Returns:
        Images (count, size_px, size_px) uint8, 255 is ink, placed as MNIST places its digits, and
        labels (count,) int64, 0 to 9, or 10 for what is no digit.
    """
    rng = np.random.default_rng(seed)
    images = np.empty((count, size_px, size_px), np.uint8)
    labels = np.full(count, NO_DIGIT, np.int64)
    for index in range(count):
        font = typeface(fonts[int(rng.integers(len(fonts)))])
        kind = rng.random()
        if kind < _SHARE_OF_DIGITS:
            labels[index] = rng.integers(10)
            text = _DIGITS[labels[index]]
        elif kind < _SHARE_OF_DIGITS + _SHARE_OF_WORDS:
            text = "".join(rng.choice(list(_ANY_LETTERS), int(rng.integers(2, 5))))
        elif kind < _SHARE_OF_DIGITS + _SHARE_OF_WORDS + _SHARE_OF_SYMBOLS:
            text = str(rng.choice([symbol for symbol in _SYMBOLS if _has(font, symbol)] or ["X"]))
        else:
            text = str(rng.choice(list(_LETTERS)))
        ink = frame(varied(typeset(text, font), *rng.random(4).tolist()), rng, size_px)
        images[index] = np.rint(ink * 255)
    return images, labels


def _has(font: ImageFont.FreeTypeFont, text: str) -> bool:
    """Whether it draws that, and not nothing or the box of what a font lacks."""
    drawn = _pixels(font, text)
    return bool(drawn) and any(drawn) and drawn != _pixels(font, "\uffff")


def _pixels(font: ImageFont.FreeTypeFont, text: str) -> bytes:
    return bytes(font.getmask(text))
