import cv2
import numpy as np
import pytest
from sklearn.svm import SVC

from inkdigits.synthesis import figures, synthetic_digits
from inkdigits.synthesis.letters import LATIN_LOOKALIKES, alphabets
from inkdigits.synthesis.nondigits import (
    KINDS,
    cut_and_joined,
    labelled_nondigits,
    synthetic_nondigits,
    turned,
)
from inkdigits.synthesis.strokes import ink_box, paint_strokes, sample_hand, write_skeleton


@pytest.fixture(scope="module")
def nondigits() -> tuple[np.ndarray, np.ndarray]:
    return labelled_nondigits(1440, seed=7)


@pytest.fixture(scope="module")
def digits() -> tuple[np.ndarray, np.ndarray]:
    return synthetic_digits(1000, seed=7)


class TestSyntheticNondigits:
    def test_same_seed_same_pictures(self) -> None:
        assert np.array_equal(synthetic_nondigits(40, seed=3), synthetic_nondigits(40, seed=3))

    def test_other_seed_other_pictures(self) -> None:
        assert not np.array_equal(synthetic_nondigits(40, seed=3), synthetic_nondigits(40, seed=4))

    def test_a_longer_set_begins_with_the_shorter(self) -> None:
        images, kinds = labelled_nondigits(13, seed=3)
        longer, more_kinds = labelled_nondigits(31, seed=3)
        assert np.array_equal(images, longer[:13])
        assert np.array_equal(kinds, more_kinds[:13])

    @pytest.mark.parametrize("size_px", [4, 8, 28, 112])
    def test_shape_type_and_ink(self, size_px: int) -> None:
        images = synthetic_nondigits(2 * len(KINDS), seed=1, size_px=size_px)
        assert images.shape == (2 * len(KINDS), size_px, size_px)
        assert images.dtype == np.uint8
        assert images.max(axis=(1, 2)).min() > (30 if size_px >= 8 else 5)

    @pytest.mark.parametrize("count", [0, 1, 40, 100])
    def test_kinds_are_balanced(self, count: int) -> None:
        images, kinds = labelled_nondigits(count, seed=1, size_px=8)
        of_each = np.bincount(kinds, minlength=len(KINDS))
        assert len(images) == len(kinds) == count
        assert of_each.max() - of_each.min() <= 1

    def test_no_two_are_the_same(self, nondigits: tuple[np.ndarray, np.ndarray]) -> None:
        assert len(np.unique(nondigits[0], axis=0)) == len(nondigits[0])

    def test_they_can_be_told_from_digits(
        self, nondigits: tuple[np.ndarray, np.ndarray], digits: tuple[np.ndarray, np.ndarray]
    ) -> None:
        def features(images: np.ndarray) -> np.ndarray:
            small = [cv2.resize(cv2.GaussianBlur(image, (0, 0), 1), (14, 14)) for image in images]
            return np.stack(small).reshape(len(images), -1) / 255.0

        x = np.concatenate([features(digits[0]), features(nondigits[0])])
        y = np.repeat([0, 1], [len(digits[0]), len(nondigits[0])])
        order = np.random.default_rng(0).permutation(len(x))
        train, test = order[: len(x) * 3 // 4], order[len(x) * 3 // 4 :]
        model = SVC(C=10).fit(x[train], y[train])
        assert model.score(x[test], y[test]) > 0.85

    def test_refuses_nonsense(self) -> None:
        with pytest.raises(ValueError, match="count is -1"):
            synthetic_nondigits(-1, seed=0)
        with pytest.raises(ValueError, match="size_px is 3"):
            synthetic_nondigits(1, seed=0, size_px=3)


class TestKinds:
    @pytest.mark.parametrize("kind", KINDS)
    def test_placed_as_digits_are(self, kind: str) -> None:
        rng = np.random.default_rng(0)
        longer = []
        for _ in range(10):
            ink = KINDS[kind](rng, 112)
            assert ink.shape == (112, 112)
            assert ink.dtype == np.float32
            assert ink.min() == 0
            assert 0.1 < ink.max() <= 1
            longer.append(max(cv2.boundingRect((ink > 0.1).astype(np.uint8))[2:]))
        assert abs(np.mean(longer) - 80) < 4

    @pytest.mark.parametrize("kind", KINDS)
    def test_about_the_same_at_every_size(self, kind: str) -> None:
        far = []
        for seed in range(5):
            small = KINDS[kind](np.random.default_rng(seed), 32)
            large = KINDS[kind](np.random.default_rng(seed), 128)
            far.append(np.abs(small - large.reshape(32, 4, 32, 4).mean(axis=(1, 3))).mean())
        assert np.median(far) < 0.05

    def test_print_needs_no_font_files(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(figures, "_fonts", lambda: ())
        for kind in ("printed_letters", "printed_others", "printed_words"):
            assert KINDS[kind](np.random.default_rng(0), 28).max() > 0.3


class TestLetters:
    def test_no_lookalike_is_written_or_printed(self) -> None:
        written = {s.name for name in ("capitals", "small_letters") for s in alphabets()[name]}
        assert written.isdisjoint(LATIN_LOOKALIKES)
        assert written | set(LATIN_LOOKALIKES) == set(
            "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
        )
        printed = set(figures._PRINTED_LETTERS + figures._PRINTED_OTHERS)
        assert printed.isdisjoint(
            LATIN_LOOKALIKES | set("0123456789()/|\\'\",^}]¬∂∫§$θδβγσΛЛЗЭЧБЬЮОо")
        )

    @pytest.mark.parametrize("alphabet", ["capitals", "small_letters", "other_letters", "symbols"])
    def test_every_letter_can_be_written(self, alphabet: str) -> None:
        rng = np.random.default_rng(0)
        for skeleton in alphabets()[alphabet]:
            strokes = write_skeleton(skeleton, rng, sample_hand(rng))
            left, top, width, height = ink_box(strokes)
            assert max(width, height) > 0.7, skeleton
            move = np.array([10 - 60 * left, 10 - 60 * top, 0])
            scaled = [stroke * 60 + move for stroke in strokes]
            ink = paint_strokes(scaled, int(60 * height) + 20, int(60 * width) + 20)
            assert ink.sum() > 60, skeleton

    def test_the_dot_of_an_i_stands_apart(self) -> None:
        dotted = [s for s in alphabets()["small_letters"] if s.name in "ij"]
        rng = np.random.default_rng(0)
        for skeleton in dotted * 20:
            points = np.concatenate(write_skeleton(skeleton, rng, sample_hand(rng)))
            gap = np.diff(np.sort(points[:, 1])).max() - points[:, 2].max()
            assert gap > 0.03


class TestCutAndJoined:
    def test_same_seed_same_pictures(self, digits: tuple[np.ndarray, np.ndarray]) -> None:
        before = digits[0].copy()
        first, again = cut_and_joined(*digits, 50, seed=1), cut_and_joined(*digits, 50, seed=1)
        assert np.array_equal(first, again)
        assert np.array_equal(first[:20], cut_and_joined(*digits, 20, seed=1))
        assert not np.array_equal(first, cut_and_joined(*digits, 50, seed=2))
        assert np.array_equal(digits[0], before)

    @pytest.mark.parametrize("size_px", [8, 28, 112])
    def test_shape_type_and_placing(self, size_px: int) -> None:
        images, labels = synthetic_digits(50, seed=0, size_px=size_px)
        made = cut_and_joined(images, labels, 30, seed=0)
        assert made.shape == (30, size_px, size_px)
        assert made.dtype == np.uint8
        boxes = np.array([cv2.boundingRect((image > 25).astype(np.uint8)) for image in made])
        longer = boxes[:, 2:].max(axis=1)
        assert abs(longer.mean() / size_px - 20 / 28) < 0.1

    def test_two_ones_stay_two(self) -> None:
        images, labels = synthetic_digits(400, seed=0, size_px=56)
        ones = images[labels == 1]
        made = cut_and_joined(ones, np.ones(len(ones), np.int64), 60, seed=0)
        widths = [cv2.boundingRect((image > 25).astype(np.uint8))[2] for image in made]
        assert np.median(widths) > 15  # a single 1 is about 8 wide
        for image in made:
            assert cv2.connectedComponents((image > 100).astype(np.uint8))[0] - 1 >= 2

    def test_most_are_two_digits_wide_or_high(self, digits: tuple[np.ndarray, np.ndarray]) -> None:
        made = cut_and_joined(*digits, 300, seed=0)
        boxes = np.array([cv2.boundingRect((image > 60).astype(np.uint8)) for image in made])
        aspect = boxes[:, 2] / boxes[:, 3]
        single = np.array([cv2.boundingRect((i > 60).astype(np.uint8)) for i in digits[0]])
        assert np.quantile(single[:, 2] / single[:, 3], 0.9) < np.median(aspect)

    def test_refuses_nonsense(self, digits: tuple[np.ndarray, np.ndarray]) -> None:
        images, labels = digits
        with pytest.raises(ValueError, match="count is -1"):
            cut_and_joined(images, labels, -1, seed=0)
        with pytest.raises(ValueError, match="give one for each"):
            cut_and_joined(images, labels[:5], 1, seed=0)
        with pytest.raises(ValueError, match=r"shape \(0, 28, 28\)"):
            cut_and_joined(images[:0], labels[:0], 1, seed=0)
        with pytest.raises(ValueError, match="hardly any ink"):
            cut_and_joined(np.zeros((3, 28, 28), np.uint8), labels[:3], 1, seed=0)


class TestTurned:
    def test_each_is_a_digit_mirrored_or_turned(
        self, digits: tuple[np.ndarray, np.ndarray]
    ) -> None:
        images, labels = digits
        given = {image.tobytes(): label for image, label in zip(images, labels, strict=True)}
        seen = set()
        for image in turned(images, labels, 200, seed=1):
            ways = [np.rot90(image, turn) for turn in (1, 2, 3)]
            ways += [np.fliplr(image), np.flipud(image)]
            came_from = {given.get(np.ascontiguousarray(way).tobytes()) for way in ways} - {None}
            assert came_from
            assert not came_from & {0, 1, 8}  # they would stay what they are
            seen |= came_from
        assert seen == {2, 3, 4, 5, 6, 7, 9}

    def test_same_seed_same_pictures(self, digits: tuple[np.ndarray, np.ndarray]) -> None:
        assert np.array_equal(turned(*digits, 40, seed=3), turned(*digits, 40, seed=3))
        assert not np.array_equal(turned(*digits, 40, seed=3), turned(*digits, 40, seed=4))

    def test_digits_missing(self, digits: tuple[np.ndarray, np.ndarray]) -> None:
        images, labels = digits
        zeros = labels == 0
        with pytest.raises(ValueError, match="every class"):
            turned(images[zeros], labels[zeros], 5, seed=1)
