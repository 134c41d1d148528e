"""Pages that lie on a side or upside down are read as they were written; no other is turned."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from inkdigits import Reader
from inkdigits.imaging.decode import decode
from inkdigits.reading import Box, Digit, Line, Page, Status
from inkdigits.turned import turned_back

EXAMPLES = Path(__file__).parent.parent / "examples"


@pytest.fixture(scope="module")
def reader() -> Reader:
    return Reader()


def around(box: Box, turns: int, shape: tuple[int, ...]) -> Box:
    """Where a box comes to lie when its picture is turned: by turning one."""
    mask = np.zeros(shape[:2], np.uint8)
    mask[box.y : box.bottom, box.x : box.right] = 1
    return Box(*cv2.boundingRect(np.ascontiguousarray(np.rot90(mask, turns))))


@pytest.mark.parametrize("turns", [1, 2, 3])
@pytest.mark.parametrize("name", ["sums", "student-number", "blackboard"])
def test_a_page_is_read_whatever_side_is_up(reader: Reader, name: str, turns: int) -> None:
    picture = decode(EXAMPLES / f"{name}.jpg")
    upright = reader.read(picture)
    look = reader.look(np.ascontiguousarray(np.rot90(picture, turns)))
    assert upright.turned_deg == 0
    assert look.page.turned_deg == 90 * turns  # clockwise; rot90 goes the other way round
    assert look.page.text == upright.text
    assert look.picture.shape[:2] == np.rot90(picture, turns).shape[:2]
    assert look.ink.shape == look.picture.shape[:2]
    for digit, before in zip(look.page.digits, upright.digits, strict=True):
        expected = around(before.box, turns, picture.shape)
        assert np.abs(np.subtract(digit.box, expected)).max() <= 4
        x, y, width, height = digit.box
        assert look.ink[y : y + height, x : x + width].max() > 0.5


def test_a_line_is_turned_too(reader: Reader) -> None:
    picture = decode(EXAMPLES / "student-number.jpg")
    page = reader.read(np.ascontiguousarray(np.rot90(picture, 2)), line=True)
    assert (page.text, page.turned_deg) == ("40713058", 180)


def test_one_digit_is_what_it_is(reader: Reader) -> None:
    turned = np.ascontiguousarray(np.rot90(decode(EXAMPLES / "seven.jpg"), 2))
    assert reader.read(turned, single=True).turned_deg == 0
    assert reader.read(turned).turned_deg == 0


@pytest.mark.parametrize("turns", range(4))
def test_a_page_of_words_stays_as_it_is(reader: Reader, turns: int) -> None:
    page = np.full((420, 1000), 245, np.uint8)
    for row, text in enumerate(["The quick brown fox", "jumps over a lazy dog", "and reads on"]):
        place = 30, 80 + 130 * row
        cv2.putText(page, text, place, cv2.FONT_HERSHEY_SIMPLEX, 2.0, 20, 4, cv2.LINE_AA)
    read = reader.read(np.ascontiguousarray(np.rot90(page, turns)))
    assert read.turned_deg == 0
    assert not any(digit.status == "ok" for digit in read.digits)


@pytest.mark.parametrize("turns", range(4))
def test_a_box_comes_back(turns: int) -> None:
    shape, box = (70, 40), Box(5, 11, 8, 20)
    lain = np.rot90(np.zeros(shape), turns).shape
    digit = Digit("4", 1.0, Status.OK, around(box, turns, shape))
    page = turned_back(Page("photo.jpg", (Line((digit,)),), "convnet"), turns, lain)
    assert page.digits == (replace(digit, box=box),)
    assert page.turned_deg == (0, 270, 180, 90)[turns]
