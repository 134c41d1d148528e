import cv2
import numpy as np
import pytest

from inkdigits.synthesis import photos
from inkdigits.synthesis.page import SyntheticPage, synthetic_page
from inkdigits.synthesis.photos import photographed


def drawn(seed: int) -> SyntheticPage:
    return synthetic_page(
        np.random.default_rng(seed), layout="lines", digit_px=30, photo=False, shadow=False
    )


def photo(seed: int) -> SyntheticPage:
    return photographed(drawn(seed), np.random.default_rng([seed, 1]))


def test_same_state_same_photograph() -> None:
    for seed in range(3):
        np.testing.assert_array_equal(photo(seed).picture, photo(seed).picture)


@pytest.mark.parametrize("seed", range(12))
def test_what_a_page_says_and_where_stays_known(seed: int) -> None:
    page, before = photo(seed), drawn(seed)
    height, width = page.picture.shape[:2]
    assert page.picture.dtype == np.uint8
    assert page.lines == before.lines
    assert page.owners.shape == page.ink.shape == (height, width)
    numbers = [box for row in page.boxes for box in row]
    assert len(numbers) == sum(map(len, page.lines))
    for number, box in enumerate(numbers, start=1):
        rows, columns = np.nonzero(page.owners == number)
        is_inside = (rows >= box.y - 2) & (rows < box.bottom + 2)
        is_inside &= (columns >= box.x - 2) & (columns < box.right + 2)
        assert len(rows) > 20
        assert is_inside.mean() > 0.97


def test_strokes_stand_out_from_the_paper_beside_them() -> None:
    """Whatever the light is, in nearly all of the pictures."""
    apart = []
    for seed in range(20):
        page = photo(seed)
        grey = page.picture.mean(axis=2)
        stroke = page.ink > 0.9
        near = cv2.dilate((page.ink > 0.1).astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
        beside = near & (page.ink == 0)
        apart.append(abs(grey[stroke].mean() - grey[beside].mean()) / grey[beside].std())
    assert np.mean(np.array(apart) > 0.5) > 0.8


def test_most_sheets_lie_on_a_table() -> None:
    larger = [photo(seed).picture.size > 1.05 * drawn(seed).picture.size for seed in range(30)]
    assert 0.5 < np.mean(larger) < 0.9


def test_light_is_uneven(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(photos, "_ON_TABLE", 0.0)  # the light, and not the table

    def unevenness(page: SyntheticPage) -> float:
        paper = cv2.resize(cv2.medianBlur(page.picture, 41), (8, 8)).mean(axis=2)
        return float(paper.min() / paper.max())

    seeds = range(16)
    assert np.median([unevenness(photo(seed)) for seed in seeds]) < 0.7
    assert np.median([unevenness(drawn(seed)) for seed in seeds]) > 0.8
