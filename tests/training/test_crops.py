from itertools import islice

import numpy as np
import pytest
from sklearn.svm import SVC

from inkdigits.synthesis import synthetic_digits
from inkdigits.synthesis.page import SyntheticPage, synthetic_page
from inkdigits.synthesis.scribe import NO_DIGIT
from inkdigits.training import crops as training_crops
from inkdigits.training.crops import page_crops, taken_apart


@pytest.fixture(scope="module")
def digits() -> tuple[np.ndarray, np.ndarray]:
    return synthetic_digits(600, seed=3)


@pytest.fixture(scope="module")
def crops(digits: tuple[np.ndarray, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    return page_crops(*digits, 900, seed=5)


class TestPageCrops:
    def test_about_as_many_digits_as_nondigits_of_every_class(
        self, crops: tuple[np.ndarray, np.ndarray]
    ) -> None:
        images, shown = crops
        assert images.shape == (900, 28, 28)
        assert images.dtype == np.uint8
        of_each = np.bincount(shown, minlength=11)
        assert len(of_each) == 11
        assert of_each[:NO_DIGIT].min() > 10
        assert 0.3 < of_each[NO_DIGIT] / 900 < 0.7

    def test_longer_side_as_in_mnist(self, crops: tuple[np.ndarray, np.ndarray]) -> None:
        for image in crops[0]:
            rows, columns = np.nonzero(image > 25)
            assert max(np.ptp(rows), np.ptp(columns)) + 1 <= 20

    def test_labels_are_what_another_classifier_says(
        self, crops: tuple[np.ndarray, np.ndarray], digits: tuple[np.ndarray, np.ndarray]
    ) -> None:
        """A support vector machine that only ever saw clean digits agrees on most of them."""
        images, labels = synthetic_digits(3000, seed=11)
        machine = SVC(C=10).fit(images.reshape(len(images), -1) / 255, labels)
        cut, shown = crops
        is_digit = shown != NO_DIGIT
        read = machine.predict(cut[is_digit].reshape(is_digit.sum(), -1) / 255)
        assert np.mean(read == shown[is_digit]) > 0.7

    def test_same_seed_same_crops_and_a_longer_set_begins_with_the_shorter(
        self, digits: tuple[np.ndarray, np.ndarray]
    ) -> None:
        images, shown = page_crops(*digits, 30, seed=2)
        longer, more = page_crops(*digits, 70, seed=2)
        assert np.array_equal(longer[:30], images)
        assert np.array_equal(more[:30], shown)
        assert not np.array_equal(page_crops(*digits, 30, seed=3)[0], images)

    def test_images_of_another_size(self, digits: tuple[np.ndarray, np.ndarray]) -> None:
        images, labels = digits
        cut, _ = page_crops(images[:, ::2, ::2], labels, 20, seed=2, size_px=14)
        assert cut.shape == (20, 14, 14)
        assert (cut.max(axis=(1, 2)) > 25).all()


@pytest.mark.parametrize(("most", "share"), [(0.0, 0.0), (0.3, 0.5)])
def test_half_of_the_pages_are_uneven_where_any_are(
    most: float, share: float, digits: tuple[np.ndarray, np.ndarray], monkeypatch
) -> None:
    seen = []

    def drawn(rng: np.random.Generator, *, uneven: float, **options: object) -> SyntheticPage:
        seen.append(uneven)
        return synthetic_page(rng, uneven=uneven, **options)

    monkeypatch.setattr(training_crops, "synthetic_page", drawn)
    pages = taken_apart(*digits, np.random.default_rng(1), uneven=most)
    for _ in islice(pages, 30):
        pass
    assert np.mean(np.array(seen) > 0) == pytest.approx(share, abs=0.2)
    assert max(seen) <= most
