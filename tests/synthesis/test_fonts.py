from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier

from inkdigits.errors import DataError
from inkdigits.synthesis.fonts import font_characters, open_fonts

FOLDER = Path(mpl.get_data_path()) / "fonts" / "ttf"
FONTS = str(FOLDER / "DejaVuSansMono*.ttf")


@pytest.fixture(scope="module")
def characters() -> tuple[np.ndarray, np.ndarray]:
    return font_characters(open_fonts(FONTS), 1500, seed=4)


class TestOpenFonts:
    def test_all_that_match_sorted(self) -> None:
        fonts = open_fonts(FONTS)
        assert fonts == sorted(fonts)
        assert str(FOLDER / "DejaVuSansMono-Bold.ttf") in fonts

    def test_in_folders_in_folders(self) -> None:
        assert str(FOLDER / "DejaVuSans.ttf") in open_fonts(f"{FOLDER.parent}/**/DejaVuSans.ttf")

    @pytest.mark.parametrize("pattern", ["", "nosuch/*.ttf"])
    def test_nothing_matches(self, pattern: str) -> None:
        with pytest.raises(DataError, match=r"No file matches data\.fonts.*fonts/\*\.ttf"):
            open_fonts(pattern)

    def test_a_file_that_is_no_font(self, tmp_path: Path) -> None:
        (tmp_path / "a.ttf").write_text("no font")
        with pytest.raises(DataError, match=r"a\.ttf is no font that can be read"):
            open_fonts(str(tmp_path / "*.ttf"))

    def test_a_font_without_letters(self) -> None:
        with pytest.raises(DataError, match=r"STIXSizOneSymReg\.ttf lacks 0 1 2 .* leave it out"):
            open_fonts(str(FOLDER / "STIXSizOneSymReg.ttf"))


class TestFontCharacters:
    def test_shape_type_and_ink(self, characters: tuple[np.ndarray, np.ndarray]) -> None:
        images, labels = characters
        assert images.shape == (1500, 28, 28)
        assert images.dtype == np.uint8
        assert labels.dtype == np.int64
        assert images.max(axis=(1, 2)).min() > 60

    def test_three_in_ten_are_digits(self, characters: tuple[np.ndarray, np.ndarray]) -> None:
        labels = characters[1]
        assert set(labels) == set(range(11))
        assert 0.25 < (labels < 10).mean() < 0.35

    def test_the_same_seed_draws_the_same_and_a_longer_set_begins_with_the_shorter(self) -> None:
        fonts = open_fonts(FONTS)
        images, labels = font_characters(fonts, 20, seed=2)
        longer, more = font_characters(fonts, 50, seed=2)
        np.testing.assert_array_equal(longer[:20], images)
        np.testing.assert_array_equal(more[:20], labels)
        assert not np.array_equal(font_characters(fonts, 20, seed=3)[0], images)

    def test_a_digit_shows_what_its_label_says(
        self, characters: tuple[np.ndarray, np.ndarray]
    ) -> None:
        images, labels = characters
        is_digit = labels < 10
        pixels, shown = images[is_digit].reshape(-1, 784) / 255, labels[is_digit]
        nearest = KNeighborsClassifier(3).fit(pixels[::2], shown[::2])
        assert nearest.score(pixels[1::2], shown[1::2]) > 0.9
