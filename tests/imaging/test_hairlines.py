"""Large digits in lines of a pixel: as easy to read as those of a pen."""

from collections.abc import Callable

import numpy as np
import pytest

from inkdigits import Reader
from inkdigits.imaging.hairlines import without_hairlines

Write = Callable[..., np.ndarray]
TEXT = ["4071", "2358"]


def page(write: Write, height_px: int, pen_px: float) -> np.ndarray:
    return np.asarray(255 - 255 * write(TEXT, height_px=height_px, pen_px=pen_px), np.uint8)


@pytest.mark.parametrize("pen_px", [1, 2])
@pytest.mark.parametrize("is_dark_on_light", [True, False])
def test_large_digits_in_hairlines_are_read(
    write: Write, pen_px: float, is_dark_on_light: bool
) -> None:
    picture = page(write, 320, pen_px)
    assert Reader().read(picture if is_dark_on_light else 255 - picture).text == "4071\n2358"


def test_what_is_no_hairline_stays_as_it_is(write: Write) -> None:
    for height_px, pen_px in ((32, 1), (64, 3), (320, 12)):
        picture = page(write, height_px, pen_px)
        assert without_hairlines(picture) is picture
    rng = np.random.default_rng(0)
    photo = np.asarray(page(write, 320, 1) * 0.8 + rng.normal(20, 4, (1, 1)), np.uint8)
    photo = np.clip(photo + rng.normal(0, 6, photo.shape), 0, 255).astype(np.uint8)
    assert without_hairlines(photo) is photo
    assert without_hairlines(np.full((5, 5, 3), 255, np.uint8)).shape == (5, 5, 3)


def test_frames_about_small_digits_are_no_hairlines(write: Write) -> None:
    picture = page(write, 40, 3)
    large = np.full((900, 900), 255, np.uint8)
    large[200 : 200 + picture.shape[0], 200 : 200 + picture.shape[1]] = picture
    for side in (60, 850):
        large[[side, 900 - side], 60:850] = large[60:850, [side, 900 - side]] = 0
    assert without_hairlines(large) is large
