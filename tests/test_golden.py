"""What the page's tests take for Python's answers still are Python's answers."""

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from inkdigits import Reader
from inkdigits.bundle import Bundle

GOLDEN = Path(__file__).parent.parent / "web" / "golden"
ADVICE = "write them again: python scripts/write_golden.py"
COLUMNS = 20


@pytest.fixture(scope="module")
def reader() -> Reader:
    """As the page in the browser reads, which has no stroke finder."""
    shipped = Bundle.open()
    return Reader(Bundle(shipped.manifest, shipped.graph, lines=shipped.lines))


@pytest.fixture(scope="module")
def golden() -> dict[str, Any]:
    document: dict[str, Any] = json.loads((GOLDEN / "golden.json").read_text())
    return document


def picture(name: str) -> NDArray[np.uint8]:
    image = cv2.imread(str(GOLDEN / name), cv2.IMREAD_GRAYSCALE)
    assert image is not None, name
    return np.asarray(image, np.uint8)


def cells(name: str, count: int) -> NDArray[np.uint8]:
    sheet = picture(name)
    rows = sheet.shape[0] // 28
    return sheet.reshape(rows, 28, COLUMNS, 28).swapaxes(1, 2).reshape(-1, 28, 28)[:count]


def assert_glyphs(glyphs: NDArray[np.float32], name: str) -> None:
    apart = np.abs(glyphs * 255 - cells(name, len(glyphs))).max(initial=0)
    assert apart < 1.5, ADVICE


def test_they_are_of_the_bundle_that_ships(reader: Reader, golden: dict[str, Any]) -> None:
    members = dict(reader.bundle.manifest["members"])
    del members["strokes.onnx"]  # which the page does without
    assert members == golden["members"], ADVICE


def test_single_digits(reader: Reader, golden: dict[str, Any]) -> None:
    expected = golden["digits"]
    images = cells("digits.png", len(expected))
    digits = reader.read_digits(images)
    assert len(digits) == 200
    told = [(digit["value"], digit["status"]) for digit in expected]
    assert [(digit.value, str(digit.status)) for digit in digits] == told, ADVICE
    assert_glyphs(reader.outputs(images)[0].glyph, "digits-glyphs.png")


def test_drawings(reader: Reader, golden: dict[str, Any]) -> None:
    for page in golden["pages"]:
        look = reader.look(picture(f"{page['name']}.png"))
        found = [
            [(digit.value, str(digit.status), list(digit.box)) for digit in line.digits]
            for line in look.page.lines
        ]
        told = [
            [(digit["value"], digit["status"], digit["box"]) for digit in line]
            for line in page["lines"]
        ]
        assert (look.page.text, str(look.page.status)) == (page["text"], page["status"]), ADVICE
        assert found == told, ADVICE
        assert_glyphs(look.glyphs, f"{page['name']}-glyphs.png")


def test_photographs(reader: Reader, golden: dict[str, Any]) -> None:
    assert len(golden["photos"]) == 4
    for photo in golden["photos"]:
        page = reader.read(picture(f"{photo['name']}.png"))
        assert (page.text, str(page.status)) == (photo["text"], photo["status"]), ADVICE
