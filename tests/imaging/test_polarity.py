"""Which of two brightnesses is ink: strokes are, dark or light, whatever else is in the picture."""

from collections.abc import Callable
from itertools import permutations

import cv2
import numpy as np
import pytest
from pictures import mean_difference, on_paper, photographed

from inkdigits.imaging.ink import digit_ink, page_ink
from inkdigits.imaging.paper import WITHIN, panels
from inkdigits.synthesis import synthetic_digits
from inkdigits.synthesis.scribe import trimmed

Write = Callable[..., np.ndarray]
BOTH = pytest.mark.parametrize("make_ink", [page_ink, digit_ink])


@BOTH
@pytest.mark.parametrize("is_colour", [False, True])
def test_polarity_does_not_matter(make_ink: Callable, write: Write, is_colour: bool) -> None:
    page = on_paper(write(["8"], height_px=60, pen_px=4), 230)
    page = np.dstack([page] * 3) if is_colour else page
    dark_on_light, light_on_dark = make_ink(page), make_ink(255 - page)
    assert dark_on_light.max() == 1
    np.testing.assert_allclose(dark_on_light, light_on_dark, atol=1e-6)


COLOURS = {
    "white": (255, 255, 255),
    "black": (0, 0, 0),
    "red": (230, 30, 30),
    "yellow": (250, 230, 40),
    "blue": (30, 60, 220),
    "green": (30, 160, 60),
    "orange": (250, 140, 20),
    "purple": (120, 40, 160),
    "grey": (128, 128, 128),
    "dark": (40, 40, 40),
}


@BOTH
@pytest.mark.parametrize(("pen", "paper"), list(permutations(COLOURS, 2)))
def test_any_colour_shows_on_any_other(
    make_ink: Callable, write: Write, pen: str, paper: str
) -> None:
    """Blue on yellow is darker in red and green, and lighter in blue; green on red, no darker."""
    truth = write(["4"], height_px=60, pen_px=5)
    colours = np.array([COLOURS[paper], COLOURS[pen]], float)
    page = colours[0] * (1 - truth[..., None]) + colours[1] * truth[..., None]
    noisy = page + np.random.default_rng(0).normal(0, 3, page.shape)
    ink = make_ink(noisy.clip(0, 255).round().astype(np.uint8))
    assert mean_difference(ink, truth) < 0.12


def test_glare_is_no_ink_where_a_pen_is_hardly_seen_in_one_channel(write: Write) -> None:
    """A red pen on a grey board is as light as the board in red, and so is no shade of glare."""
    truth = write(["4071", "2358"], height_px=50, pen_px=6)
    height, width = truth.shape
    y, x = np.mgrid[:height, :width]
    lamp = 110 * np.exp(-(((x - width / 3) / 60) ** 2) - ((y - height / 2) / 45) ** 2)
    board = np.array([170.0, 172, 174]) * (1 - 0.2 * y[..., None] / height)
    pen = np.array([168.0, 70, 60])
    page = board * (1 - truth[..., None]) + pen * truth[..., None] + lamp[..., None]
    noisy = page + np.random.default_rng(0).normal(0, 2, page.shape)
    ink = page_ink(noisy.clip(0, 255).round().astype(np.uint8))
    far = cv2.dilate(truth, np.ones((15, 15), np.uint8)) < 0.05
    assert (ink[far] > 0.2).mean() < 0.01
    assert mean_difference(ink, truth) < 0.2


def test_polarity_does_not_depend_on_a_rim(write: Write) -> None:
    truth = write(["4071", "23"])
    for ground, pen, rim in ((230, 0.2, 0), (25, 8, 255)):
        page = on_paper(truth, ground, pen)
        page[:, :12] = page[:10] = page[-7:] = rim
        middle = (slice(25, -25), slice(25, -25))
        assert mean_difference(page_ink(page)[middle], truth[middle]) < 0.15


@pytest.mark.parametrize("is_light", [False, True])
def test_a_shadow_does_not_settle_polarity(write: Write, is_light: bool) -> None:
    truth = write(["4071", "2358", "9060"], height_px=26, pen_px=2)
    height, width = truth.shape
    y, x = np.mgrid[:height, :width]
    shadow = 1 / (1 + np.exp((x - width * 0.45 + 20 * np.sin(y / 30)) / 4))
    page = on_paper(truth, 200 * (1 - 0.55 * shadow), pen=0.6)
    ink = page_ink(255 - page if is_light else page)
    assert ink[truth > 0.9].mean() > 0.6


@pytest.mark.parametrize("is_light", [False, True])
@pytest.mark.parametrize(
    ("paper", "table", "pen"),
    [(200, 40, 60), (200, 110, 150), (150, 230, 60), (120, 40, 70), (90, 200, 40)],
)
@pytest.mark.parametrize("pen_px", [2, 6])
def test_a_sheet_on_a_table_does_not_settle_polarity(
    write: Write, paper: int, table: int, pen: int, pen_px: int, is_light: bool
) -> None:
    truth = np.pad(write(["4071", "2358"], height_px=40, pen_px=pen_px), 20)
    page = np.pad(paper - (paper - pen) * truth, 150, constant_values=table)[..., None]
    truth = np.pad(truth, 150)
    picture = photographed(np.repeat(page, 3, axis=2), 0, noise=3)
    ink = page_ink(255 - picture if is_light else picture)
    assert ink[truth > 0.9].mean() > 0.5
    sheet = np.pad(np.ones([side - 340 for side in truth.shape]), 170)
    far = (sheet > 0) & (cv2.dilate(truth, np.ones((9, 9), np.uint8)) == 0)
    assert (ink[far] > 0.25).mean() < 0.005


@pytest.mark.parametrize("is_light", [False, True])
@pytest.mark.parametrize("bold", [0.1, 0.2, 0.3])
@pytest.mark.parametrize("height_px", [40, 150])
def test_holes_and_corners_of_bold_strokes_do_not_settle_polarity(
    write: Write, height_px: int, bold: float, is_light: bool
) -> None:
    for seed in range(4):
        truth = write(["406", "98"], height_px=height_px, pen_px=bold * height_px, seed=seed)
        page = on_paper(truth, 255, pen=0)
        ink = page_ink(255 - page if is_light else page)
        assert mean_difference(ink, truth) < 0.03


@pytest.mark.parametrize("is_light", [False, True])
@pytest.mark.parametrize("bold", [0.2, 0.25])
@pytest.mark.parametrize("gap", [0.05, 0.1])
def test_gaps_between_bold_strokes_do_not_settle_polarity(
    write: Write, gap: float, bold: float, is_light: bool
) -> None:
    """Between bold digits, and in a narrow margin, paper is thinner than the strokes."""
    for seed in range(4):
        digits = trimmed(write(["32758"], height_px=40, pen_px=bold * 40, gap=gap, seed=seed))
        truth = np.pad(digits, 4)
        page = on_paper(truth, 255, pen=0)
        ink = page_ink(255 - page if is_light else page)
        assert mean_difference(ink, truth) < 0.05


@pytest.mark.parametrize("is_light", [False, True])
@pytest.mark.parametrize("bold", [0.2, 0.25, 0.3, 0.35])
def test_one_bold_digit_cut_out_close_is_no_shadow(
    write: Write, bold: float, is_light: bool
) -> None:
    """A third of the picture is ink, or more than half: what is paper is no longer the median."""
    for value in "0123456789":
        digit = trimmed(write([value], height_px=100, pen_px=100 * bold))
        truth = np.pad(digit, 6)
        page = on_paper(truth, 255, pen=0)
        ink = digit_ink(255 - page if is_light else page)
        assert mean_difference(ink, truth) < 0.05


@pytest.mark.parametrize("is_light", [False, True])
def test_a_clean_sheet_on_a_table_is_not_taken_for_bold_strokes(
    write: Write, is_light: bool
) -> None:
    truth = np.pad(write(["407", "163"], height_px=40, pen_px=4), 12)
    page = on_paper(truth, 255, pen=0)
    page[:12], page[-12:], page[:, :12], page[:, -12:] = 0, 0, 0, 0
    ink = page_ink(255 - page if is_light else page)
    assert mean_difference(ink, truth) < 0.03


def sheet(outline: list[tuple[int, int]], digits: np.ndarray) -> np.ndarray:
    """(300, 400) uint8: a white sheet with digits on a dark table, of any outline."""
    page = np.full((300, 400), 40, np.uint8)
    cv2.fillPoly(page, [np.array(outline, np.int32)], 235)
    place = page[110 : 110 + digits.shape[0], 120 : 120 + digits.shape[1]]
    np.minimum(place, np.rint(235 * (1 - digits)).astype(np.uint8), out=place)
    return page


@pytest.mark.parametrize("is_light", [False, True])
@pytest.mark.parametrize("noise", [0, 4])
@pytest.mark.parametrize(
    "outline",
    [
        [(110, 60), (290, 60), (380, 240), (20, 240)],  # seen from aside
        [(60, 30), (340, 30), (340, 170), (240, 170), (240, 280), (60, 280)],
        cv2.ellipse2Poly((200, 150), (160, 100), 20, 0, 360, 5).tolist(),
        [(105, 95), (300, 90), (305, 190), (100, 185)],  # a small one
    ],
    ids=["trapezoid", "L", "ellipse", "small"],
)
def test_a_sheet_of_any_outline_is_not_taken_for_bold_strokes(
    write: Write, outline: list[tuple[int, int]], noise: float, is_light: bool
) -> None:
    digits = trimmed(write(["468"], height_px=50, pen_px=5, gap=0.3))
    page = sheet(outline, digits)
    noisy = page + np.random.default_rng(0).normal(0, noise, page.shape)
    page = np.clip(np.rint(noisy), 0, 255).astype(np.uint8)
    ink = page_ink(255 - page if is_light else page)
    found = ink[110 : 110 + digits.shape[0], 120 : 120 + digits.shape[1]]
    assert mean_difference(found, digits) < 0.05


@pytest.mark.parametrize("is_light", [False, True])
def test_one_digit_alone_settles_polarity_however_bold(is_light: bool) -> None:
    for image in synthetic_digits(400, seed=3)[0]:  # five of them have holes that nearly win
        truth = cv2.resize(image, (280, 280), interpolation=cv2.INTER_CUBIC)
        ink = page_ink(truth if is_light else 255 - truth)
        assert ink[truth > 200].mean() > 0.5
        assert ink[truth < 10].mean() < 0.02


@pytest.mark.parametrize("turn_deg", [0.0, 3.0])
@pytest.mark.parametrize("paper", [(235, 232, 225), (40, 70, 55)])
def test_each_panel_has_its_own_polarity(write: Write, paper: tuple, turn_deg: float) -> None:
    """A dark band with light digits on a light page; a light label with dark ones on a board."""
    body = write(["4071", "2358"], height_px=40, pen_px=4)
    title = write(["90718"], height_px=40, pen_px=4)[:90]
    truth = np.zeros((460, 640), np.float32)
    page = np.tile(np.array(paper, np.float64), (460, 640, 1))
    page[40:140, 80:600] = 255 - page[40:140, 80:600]
    for part, top in ((title, 45), (body, 180)):
        place = np.s_[top : top + part.shape[0], 110 : 110 + part.shape[1]]
        truth[place] = part
        page[place] += (255 - 2 * page[place]) * part[..., None]
    turn = cv2.getRotationMatrix2D((320, 230), turn_deg, 1)
    truth = cv2.warpAffine(truth, turn, (640, 460))
    page = cv2.warpAffine(page, turn, (640, 460), borderMode=cv2.BORDER_REPLICATE)
    ink = page_ink(photographed(page, 0))
    assert ink[truth > 0.9].mean() > 0.85
    far = cv2.dilate(truth, np.ones((7, 7), np.uint8)) == 0
    assert (ink[far] > 0.25).mean() < 0.005


def test_what_is_dark_in_one_channel_is_a_panel_too() -> None:
    """A yellow note on a grey desk is as light as it, but in blue."""
    desk, blue = (np.full((200, 300), 205, np.uint8) for _ in range(2))
    blue[50:150, 80:220] = 110
    assert panels([desk, desk, desk]) == []
    (note,) = panels([desk, desk, blue, blue])
    rows, columns = np.nonzero(note == WITHIN)
    assert (rows.min(), columns.min()) == pytest.approx((50, 80), abs=4)
    assert (rows.max(), columns.max()) == pytest.approx((149, 219), abs=4)
