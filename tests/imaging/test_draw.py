"""The pictures that explain a reading show it where it stands."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from inkdigits.errors import InkdigitsError
from inkdigits.imaging.decode import decode
from inkdigits.imaging.draw import COLOURS, draw_glyphs, draw_ink, draw_page, save_png
from inkdigits.reading import Box, Digit, Line, Page, Status

BOX = Box(100, 150, 60, 90)


def page_of(*digits: Digit) -> Page:
    return Page("page.png", (Line(digits),) if digits else (), "model")


def digit(value: str = "7", status: Status = Status.OK, box: Box = BOX) -> Digit:
    return Digit(value, 0.9, status, box)


def has_colour(picture: np.ndarray, colour: tuple[int, int, int]) -> bool:
    return bool((picture == np.array(colour)).all(axis=2).any())


@pytest.mark.parametrize("level", [0, 128, 255])
@pytest.mark.parametrize("shape", [(600, 500), (600, 500, 3)])
@pytest.mark.parametrize("status", list(Status))
def test_the_box_has_the_colour_of_the_status(level: int, shape: tuple, status: Status) -> None:
    picture = np.full(shape, level, np.uint8)
    drawn = draw_page(picture, page_of(digit(status=status)))
    assert drawn.shape == (600, 500, 3)
    assert drawn.dtype == np.uint8
    assert (picture == level).all()
    changed = (drawn != level).any(axis=2)
    rows, columns = np.flatnonzero(changed.any(1)), np.flatnonzero(changed.any(0))
    assert abs(columns[0] - 100) <= 4
    assert abs(rows[-1] - 240) <= 4
    assert tuple(drawn[200, 99]) == COLOURS[status]
    assert (drawn[165:225, 110:150] == level).all()  # the digit itself stays as it was


def test_the_value_and_the_mark_are_written() -> None:
    picture = np.full((600, 500, 3), 255, np.uint8)
    plain = draw_page(picture, page_of(digit("1")))
    other = draw_page(picture, page_of(digit("8")))
    unsure = draw_page(picture, page_of(digit("1", Status.REVIEW)))
    assert (plain != other).any()
    plate = [(drawn[:149] != 255).any(axis=2).sum() for drawn in (plain, unsure)]
    assert plate[1] > plate[0]  # "1?" is wider than "1"


def test_statuses_are_told_apart_without_colour() -> None:
    grey = [0.299 * red + 0.587 * green + 0.114 * blue for red, green, blue in COLOURS.values()]
    assert len(set(COLOURS.values())) == len(Status)
    assert abs(grey[0] - grey[1]) > 50  # ok and review, in grey


@pytest.mark.parametrize("shape", [(1, 1), (28, 28), (8, 200, 3), (3000, 20)])
def test_any_size_of_picture(shape: tuple) -> None:
    height, width = shape[:2]
    boxes = [Box(0, 0, width, height), Box(width - 1, height - 1, 1, 1), Box(0, 0, 1, 1)]
    drawn = draw_page(np.zeros(shape, np.uint8), page_of(*(digit(box=box) for box in boxes)))
    zoom = drawn.shape[0] // height
    assert drawn.shape == (height * zoom, width * zoom, 3)
    assert max(drawn.shape) >= 400
    assert has_colour(drawn, COLOURS[Status.OK])


def test_a_page_without_digits_is_its_picture() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (500, 400, 3), np.uint8)
    drawn = draw_page(picture, page_of())
    np.testing.assert_array_equal(drawn, picture)
    assert not np.shares_memory(drawn, picture)


def test_glyphs_are_shown_enlarged() -> None:
    glyphs = np.random.default_rng(0).random((13, 28, 28)).astype(np.float32)
    sheet = draw_glyphs(glyphs, [f"{index} 99.9 %" for index in range(13)], [Status.OK] * 13)
    assert sheet.dtype == np.uint8
    top, left = 4, 4
    shown = sheet[top : top + 112 : 4, left : left + 112 : 4, 0]
    np.testing.assert_array_equal(shown, np.rint(255 * (1 - glyphs[0])).astype(np.uint8))
    assert sheet.shape[1] > 10 * 112


def test_glyphs_are_framed_in_the_colour_of_their_status() -> None:
    for status, colour in COLOURS.items():
        sheet = draw_glyphs(np.zeros((1, 28, 28), np.float32), ["7"], [status])
        assert has_colour(sheet, colour)


def test_ink_is_shown_black_on_white() -> None:
    ink = np.array([[0, 0.5, 1], [np.nan, -1, 2]], np.float32)
    assert draw_ink(ink).tolist() == [[255, 128, 0], [255, 255, 0]]


def test_glyphs_of_any_number_and_caption() -> None:
    for num in (0, 1, 10, 11):
        glyphs = np.zeros((num, 28, 28), np.float32)
        sheet = draw_glyphs(glyphs, ["größe → ½"] * num, [Status.OK] * num)
        assert sheet.ndim == 3
    with pytest.raises(ValueError, match="zip"):
        draw_glyphs(np.zeros((2, 28, 28), np.float32), ["one"], [Status.OK])


@pytest.mark.parametrize("shape", [(9, 7), (9, 7, 3)])
def test_what_is_saved_is_what_was_drawn(tmp_path: Path, shape: tuple) -> None:
    picture = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    path = tmp_path / "größe.png"
    for _ in range(2):
        save_png(path, picture)
        np.testing.assert_array_equal(decode(path), picture)
        np.testing.assert_array_equal(
            np.asarray(Image.open(io.BytesIO(path.read_bytes()))), picture
        )
    assert list(tmp_path.iterdir()) == [path]


def test_a_save_that_fails_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "page.png"
    save_png(path, np.zeros((5, 5), np.uint8))
    before = path.read_bytes()

    def full(self: Path, data: bytes) -> int:
        self.touch()
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(InkdigitsError, match=r"page\.png cannot be written: No space left"):
        save_png(path, np.ones((5, 5), np.uint8))
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    picture = np.zeros((5, 5), np.uint8)
    with pytest.raises(InkdigitsError, match="Choose a folder"):
        save_png(tmp_path / "none" / "page.png", picture)


def test_a_picture_that_is_too_wide_for_png(tmp_path: Path) -> None:
    with pytest.raises(InkdigitsError, match="1,100,000 × 3 pixels"):
        save_png(tmp_path / "page.png", np.zeros((3, 1_100_000), np.uint8))
    assert not list(tmp_path.iterdir())
