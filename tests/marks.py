"""Lines of marks, as the networks would have seen them."""

import numpy as np

from inkdigits.clusters import Mark
from inkdigits.reading import Box

CLASSES = "0123456789"


def line_of(*words: str) -> list[Mark]:
    """Words of marks 10 px wide and 20 px high, 2 px apart; 20 px are between words.

    A digit is surely that digit, an x surely none, and a ? is a 4 or none.
    """
    marks, x = [], 0
    for word in words:
        for mark in word:
            of = np.zeros(11, np.float32)
            if mark == "?":
                of[[4, 10]] = 0.5
            else:
                of[10 if mark == "x" else int(mark)] = 1
            marks.append(Mark(Box(x, 0, 10, 20), of, 1.0, np.zeros((28, 28), np.float32)))
            x += 12
        x += 18
    return marks
