"""What stands between digits and is none: read on whole pages."""

import cv2
import numpy as np
import pytest

from inkdigits.reader import Reader
from inkdigits.reading import Status
from inkdigits.synthesis.strokes import synthetic_digits


@pytest.fixture(scope="module")
def reader() -> Reader:
    return Reader()


def page(text: str, *, beyond: float = 0.25, seed: int = 1) -> np.ndarray:
    """Digits 40 px high, and slashes that reach beyond them by a share of that; 255 is paper."""
    images, labels = synthetic_digits(400, seed=seed)
    rng = np.random.default_rng(seed)
    ink, x = np.zeros((140, 60 * len(text)), np.uint8), 40
    for mark in text:
        if mark == "/":
            top, bottom = round(50 - beyond * 40), round(90 + beyond * 40)
            cv2.line(ink, (x + 14, top), (x - 8, bottom), 255, 4, cv2.LINE_AA)
            x += 22
            continue
        digit = images[rng.choice(np.flatnonzero(labels == int(mark)))]
        left, upper, width, height = cv2.boundingRect((digit > 50).astype(np.uint8))
        digit = digit[upper : upper + height, left : left + width]
        wide = max(6, round(width * 40 / height))
        ink[50:90, x : x + wide] = cv2.resize(digit, (wide, 40), interpolation=cv2.INTER_CUBIC)
        x += wide + 12
    return np.asarray(255 - 0.85 * ink, np.uint8)


@pytest.mark.parametrize("seed", range(1, 5))
def test_the_slashes_of_a_date_are_left_out(reader: Reader, seed: int) -> None:
    (line,) = reader.read(page("24/08/2026", seed=seed)).lines
    assert line.text == "24082026"
    slashes = [digit for digit in line.digits if digit.status is Status.REJECT]
    assert len(slashes) == 2
    zero = next(digit for digit in line.digits if digit.value == "0")
    assert zero.status is Status.OK  # it stands behind a slash, not behind the N of No.


def test_the_slash_of_a_case_number_is_left_out(reader: Reader) -> None:
    assert reader.read(page("68/194")).text == "68194"


def test_a_slash_as_high_as_its_digits_is_no_sure_digit(reader: Reader) -> None:
    (line,) = reader.read(page("68/24", beyond=0.0)).lines
    slash = sorted(line.digits, key=lambda digit: digit.box.x)[2]
    assert slash.status is not Status.OK
