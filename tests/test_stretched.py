"""Digits that were stretched until they filled a square, as some collections keep them."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from inkdigits.decide import Rule, at_any_width, from_probabilities, probabilities
from inkdigits.imaging.stretched import are_stretched, narrowed
from inkdigits.reader import Reader
from inkdigits.reading import Status
from inkdigits.synthesis.strokes import synthetic_digits

RULE = Rule(1.3, 0.9, "0123456789", rejects=True)


@pytest.fixture(scope="module")
def reader() -> Reader:
    return Reader()


def filled(image: np.ndarray, width: int, height: int) -> np.ndarray:
    """The box of a digit, stretched to a bitmap of this size."""
    large = cv2.resize(image, None, fx=4, fy=4, interpolation=cv2.INTER_CUBIC)
    x, y, w, h = cv2.boundingRect((large > 60).astype(np.uint8))
    box = large[y : y + h, x : x + w]
    small = cv2.resize(box, (width, height), interpolation=cv2.INTER_AREA)
    return np.where(small > 100, 255, 0).astype(np.uint8)


@pytest.fixture(scope="module")
def bitmaps() -> tuple[np.ndarray, np.ndarray]:
    """(600, 16, 16) uint8, and (600,) their classes."""
    images, labels = synthetic_digits(600, 41)
    return np.stack([filled(image, 16, 16) for image in images]), labels


class TestReading:
    def test_nineteen_of_twenty_are_right(self, reader, bitmaps):
        images, labels = bitmaps
        read = reader.read_digits(images)
        right = np.array([digit.value == str(of) for digit, of in zip(read, labels, strict=True)])
        assert right.mean() > 0.96  # without: 0.93

    def test_so_are_four_of_five_ones(self, reader):
        images, labels = synthetic_digits(6000, 42)
        ones = np.stack([filled(image, 16, 16) for image in images[labels == 1]])
        right = [digit.value == "1" for digit in reader.read_digits(ones)]
        assert len(right) == 600
        assert np.mean(right) > 0.8  # without: 0.37

    def test_what_is_ok_is_right(self, reader, bitmaps):
        images, labels = bitmaps
        pairs = zip(reader.read_digits(images), labels, strict=True)
        ok = [digit.value == str(of) for digit, of in pairs if digit.status is Status.OK]
        assert len(ok) > 0.85 * len(labels)
        assert ok.count(False) <= 4  # without: 12

    def test_by_itself_in_a_list_or_in_an_array(self, reader, bitmaps):
        images = bitmaps[0][:40]
        in_array = reader.read_digits(images)
        in_list = reader.read_digits(list(images))
        alone = [reader.read(image, single=True).digits[0] for image in images]
        for digits in zip(in_array, in_list, alone, strict=True):
            assert len({(digit.value, digit.status) for digit in digits}) == 1
            np.testing.assert_allclose(
                [digit.confidence for digit in digits], digits[0].confidence, atol=1e-5
            )

    def test_beside_others_which_are_read_as_ever(self, reader, bitmaps):
        images = bitmaps[0][:20]
        padded = [np.pad(image, 4) for image in images]
        expected = reader.read_digits(padded)
        mixed = reader.read_digits(
            [each for pair in zip(images, padded, strict=True) for each in pair]
        )
        assert mixed[1::2] == expected
        pairs = zip(mixed[::2], expected, strict=True)
        assert any(abs(one.confidence - other.confidence) > 0.1 for one, other in pairs)

    def test_the_glyph_that_is_shown_is_what_was_read(self, reader, bitmaps):
        """The narrower one, where the whole is no 1."""
        images, labels = bitmaps
        shown = []
        for image in images[labels == 1][:20]:
            look, whole = (reader.look(of, single=True) for of in (image, np.pad(image, 5)))
            if look.page.text == "1" != whole.page.text:
                widths = [(of.glyphs[0].max(axis=0) > 0.5).sum() for of in (look, whole)]
                shown.append(widths[0] < 0.9 * widths[1])
        assert len(shown) > 5
        assert all(shown)


class TestWhatIsStretched:
    def test_a_square_reached_on_all_sides(self):
        ink = np.zeros((1, 32, 32), np.float32)
        ink[0, 1:-1, 15] = ink[0, 15, 1:-1] = 1  # a part in 16 may be missing
        assert are_stretched(ink).tolist() == [True]
        assert are_stretched(list(ink)).tolist() == [True]
        assert are_stretched(ink[:, :, :-2]).tolist() == [False]  # no square
        ink[0, 15, 28:] = 0
        assert are_stretched(ink).tolist() == [False]

    def test_no_image_of_mnist_is(self):
        images, _ = synthetic_digits(50, 1)
        assert not are_stretched((images / 255).astype(np.float32)).any()

    def test_no_picture_at_all(self):
        assert are_stretched([]).shape == (0,)
        assert are_stretched(np.zeros((0, 28, 28), np.float32)).shape == (0,)

    @pytest.mark.parametrize(("width", "expected"), [(0.5, 8), (0.01, 1), (1, 16)])
    def test_narrowing_keeps_height_and_darkness(self, width, expected):
        ink = np.random.default_rng(0).random((16, 16)).astype(np.float32)
        narrow = narrowed(ink, width)
        assert narrow.shape == (16, expected)
        assert narrow.mean() == pytest.approx(ink.mean(), abs=1e-5)


def row(**shares: float) -> np.ndarray:
    """(11,) probabilities, of digits and that it is none; what is left goes to the others."""
    given = {int(name[1:]): share for name, share in shares.items()}
    of = np.full(11, (1 - sum(given.values())) / (11 - len(given)), np.float32)
    of[list(given)] = list(given.values())
    return of


def together(*rows: np.ndarray) -> np.ndarray:
    return at_any_width(np.stack(rows)[:, None].astype(np.float32))[0][0]


class TestAtAnyWidth:
    def test_the_surest_digit_at_any_width_is_it(self):
        wide, narrow = row(d10=0.98), row(d1=0.99)
        of = together(wide, narrow, row(d10=0.95))
        assert of.argmax() == 1
        assert of[1] == pytest.approx((0.99 + 0.005) / 2, abs=0.01)  # one width says so: for review

    def test_two_that_agree_are_sure(self):
        assert together(row(d1=0.99), row(d10=0.98), row(d1=0.97))[1] > 0.97

    def test_another_digit_at_any_width_speaks_against_it(self):
        agree, other = [row(d1=0.99), row(d1=0.98)], row(d7=0.6, d10=0.4)
        of = together(*agree, other)
        assert of.argmax() == 1
        assert of[1] == pytest.approx(0.985 - 0.3, abs=0.01)
        assert of[7] == pytest.approx(0.3, abs=0.01)

    def test_none_at_any_width_stays_none(self):
        assert together(row(d10=0.9), row(d10=0.8, d3=0.1), row(d10=0.99))[10] > 0.5

    def test_which_is_surest(self):
        rows = np.stack([row(d1=0.5), row(d1=0.9), row(d3=0.7)])[:, None]
        assert at_any_width(rows)[1].tolist() == [1]

    @given(arrays.arrays(np.float32, (3, 5, 11), elements=st.floats(0.015625, 1, width=32)))
    def test_probabilities_stay_so(self, weights):
        judged = weights / weights.sum(axis=2, keepdims=True)
        of, surest = at_any_width(judged)
        assert (of >= 0).all()
        np.testing.assert_allclose(of.sum(axis=1), 1, rtol=1e-5)
        assert ((surest >= 0) & (surest < 3)).all()
        np.testing.assert_array_equal(
            at_any_width(judged[[0, 0]])[0][:, :-1].argmax(1), judged[0][:, :-1].argmax(1)
        )


def test_logits_of_probabilities_give_them_back():
    weights = np.random.default_rng(3).random((20, 11)).astype(np.float32)
    weights[0, 4] = 0
    judged = weights / weights.sum(axis=1, keepdims=True)
    logits, novelty = from_probabilities(judged, RULE)
    assert logits.shape == (20, 10)
    np.testing.assert_allclose(probabilities(logits, novelty, RULE), judged, atol=1e-6)
