from dataclasses import replace

import cv2
import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier

from inkdigits.synthesis import draw_digit, synthetic_digits
from inkdigits.synthesis.skeletons import SKELETONS, Skeleton
from inkdigits.synthesis.strokes import (
    Hand,
    ink_box,
    paint_strokes,
    sample_hand,
    write_digit,
    write_skeleton,
)

EVERY_SKELETON = [
    pytest.param(digit, skeleton, id=f"{digit}-{skeleton.name}")
    for digit, skeletons in enumerate(SKELETONS)
    for skeleton in skeletons
]


@pytest.fixture(scope="module")
def digits() -> tuple[np.ndarray, np.ndarray]:
    return synthetic_digits(2000, seed=7)


def steady_hand(**changes: float) -> Hand:
    """A hand that writes a skeleton just as it stands, with a thin pen."""
    still = Hand(
        habits=(0.5,) * 10,
        pen_width=0.05,
        slant=0.0,
        aspect=1.0,
        rounding=0.0,
        looseness=0.0,
        tremor=0.0,
        pressure=0.0,
        contrast=0.0,
        taper=0.0,
    )
    return replace(still, **changes)


class TestSyntheticDigits:
    def test_same_seed_same_digits(self) -> None:
        first, again = synthetic_digits(50, seed=3), synthetic_digits(50, seed=3)
        assert np.array_equal(first[0], again[0])
        assert np.array_equal(first[1], again[1])

    def test_other_seed_other_digits(self) -> None:
        assert not np.array_equal(synthetic_digits(50, seed=3)[0], synthetic_digits(50, seed=4)[0])

    def test_a_longer_set_begins_with_the_shorter(self) -> None:
        long_images, long_labels = synthetic_digits(47, seed=3)
        images, labels = synthetic_digits(13, seed=3)
        assert np.array_equal(images, long_images[:13])
        assert np.array_equal(labels, long_labels[:13])

    @pytest.mark.parametrize("size_px", [8, 28, 200])
    def test_shape_type_and_range(self, size_px: int) -> None:
        images, labels = synthetic_digits(20, seed=1, size_px=size_px)
        assert images.shape == (20, size_px, size_px)
        assert images.dtype == np.uint8
        assert labels.shape == (20,)
        assert labels.dtype == np.int64
        assert images.max(axis=(1, 2)).min() > 60
        assert np.median(images) == 0

    @pytest.mark.parametrize("count", [0, 1, 25, 100])
    def test_classes_are_balanced(self, count: int) -> None:
        images, labels = synthetic_digits(count, seed=1)
        of_each = np.bincount(labels, minlength=10)
        assert len(images) == len(labels) == count
        assert of_each.max() - of_each.min() <= 1

    def test_classes_are_shuffled(self) -> None:
        labels = synthetic_digits(100, seed=1)[1].reshape(10, 10)
        assert len({tuple(ten) for ten in labels.tolist()}) == 10

    def test_placed_as_mnist_places_its_digits(self, digits: tuple[np.ndarray, np.ndarray]) -> None:
        images = digits[0].astype(np.float64)
        middle = np.arange(28) - 13.5
        mass = images.sum(axis=(1, 2))
        offset_x = (images * middle).sum(axis=(1, 2)) / mass
        offset_y = (images * middle[:, None]).sum(axis=(1, 2)) / mass
        assert np.abs([offset_x.mean(), offset_y.mean()]).max() < 0.25
        assert np.abs([offset_x, offset_y]).max() < 3.5
        rows, columns = (images > 64).any(axis=2).sum(axis=1), (images > 64).any(axis=1).sum(axis=1)
        longer = np.maximum(rows, columns)
        assert abs(longer.mean() - 20) < 0.5
        assert longer.min() >= 16
        assert longer.max() <= 23

    def test_classes_can_be_told_apart(self, digits: tuple[np.ndarray, np.ndarray]) -> None:
        def features(images: np.ndarray) -> np.ndarray:
            soft = np.stack([cv2.GaussianBlur(image, (0, 0), 1.0) for image in images])
            return soft.reshape(len(images), -1).astype(np.float32) / 255

        images, labels = synthetic_digits(500, seed=8)
        model = KNeighborsClassifier(3).fit(features(digits[0]), digits[1])
        assert model.score(features(images), labels) > 0.9

    def test_no_two_ones_are_the_same(self, digits: tuple[np.ndarray, np.ndarray]) -> None:
        images, labels = digits
        ones = images[labels == 1]
        assert len(np.unique(ones, axis=0)) == len(ones)

    def test_refuses_nonsense(self) -> None:
        with pytest.raises(ValueError, match="count is -1"):
            synthetic_digits(-1, seed=0)
        with pytest.raises(ValueError, match="size_px is 0"):
            synthetic_digits(1, seed=0, size_px=0)


class TestDrawDigit:
    @pytest.mark.parametrize("size_px", [8, 28, 200])
    def test_shape_type_and_range(self, size_px: int) -> None:
        ink = draw_digit(5, np.random.default_rng(0), size_px)
        assert ink.shape == (size_px, size_px)
        assert ink.dtype == np.float32
        assert ink.min() == 0
        assert 0.5 < ink.max() <= 1

    @pytest.mark.parametrize("digit", range(10))
    def test_the_same_at_every_size(self, digit: int) -> None:
        small = draw_digit(digit, np.random.default_rng(digit), 28)
        large = draw_digit(digit, np.random.default_rng(digit), 112)
        averaged = large.reshape(28, 4, 28, 4).mean(axis=(1, 3))
        assert np.abs(small - averaged).mean() < 0.01
        assert abs(small.sum() / averaged.sum() - 1) < 0.05

    @pytest.mark.parametrize("digit", [-1, 10])
    def test_refuses_what_is_not_a_digit(self, digit: int) -> None:
        with pytest.raises(ValueError, match=f"digit is {digit}"):
            draw_digit(digit, np.random.default_rng(0))

    @pytest.mark.parametrize("size_px", [-28, 0, 3, 5000])
    def test_refuses_a_bad_size(self, size_px: int) -> None:
        with pytest.raises(ValueError, match=f"size_px is {size_px}"):
            draw_digit(1, np.random.default_rng(0), size_px)


class TestSkeletons:
    def test_ten_classes_with_several_ways_each(self) -> None:
        assert len(SKELETONS) == 10
        for skeletons in SKELETONS:
            assert len(skeletons) >= 5
            assert len({skeleton.name for skeleton in skeletons}) == len(skeletons)

    @pytest.mark.parametrize(("digit", "skeleton"), EVERY_SKELETON)
    def test_every_skeleton_draws_a_few_marks_inside_the_square(
        self, digit: int, skeleton: Skeleton
    ) -> None:
        rng = np.random.default_rng(digit)
        for _ in range(3):
            strokes = write_skeleton(skeleton, rng, sample_hand(rng))
            left, top, width, height = ink_box(strokes)
            scale = 80 / max(width, height)
            centred = [
                s * scale + [50 - (left + width / 2) * scale, 50 - (top + height / 2) * scale, 0]
                for s in strokes
            ]
            ink = paint_strokes(centred, 100, 100)
            assert ink.sum() > 100
            rim = np.concatenate(
                [ink[:8].ravel(), ink[-8:].ravel(), ink[:, :8].ravel(), ink[:, -8:].ravel()]
            )
            assert rim.max() == 0
            marks = cv2.connectedComponents((ink > 0.5).astype(np.uint8))[0] - 1
            assert 1 <= marks <= len(skeleton.strokes) + 1

    @pytest.mark.parametrize(("digit", "skeleton"), EVERY_SKELETON)
    def test_the_curve_runs_through_its_points(self, digit: int, skeleton: Skeleton) -> None:
        curve = skeleton.sharp @ skeleton.control
        gaps = np.linalg.norm(curve[:, None] - skeleton.control, axis=-1).min(axis=0)
        assert gaps.max() < 1e-9

    @pytest.mark.parametrize(
        "skeleton", [s for s in SKELETONS[1] if s.name.startswith("european")], ids=lambda s: s.name
    )
    def test_the_serif_of_a_1_is_steeper_than_the_bar_of_a_7(self, skeleton: Skeleton) -> None:
        def slope(start: np.ndarray, end: np.ndarray) -> float:
            return abs(start[1] - end[1]) / abs(start[0] - end[0])

        serif = skeleton.strokes[0]
        bars = [
            s.strokes[0] for s in SKELETONS[7] if s.name in ("plain", "bar", "rising", "curved")
        ]
        assert slope(serif[0], serif[-3]) > 1
        assert max(slope(bar[0], bar[2]) for bar in bars) < 0.35


class TestWriteDigit:
    def test_one_hand_keeps_to_one_way(self) -> None:
        rng = np.random.default_rng(0)
        hand = replace(sample_hand(rng), looseness=0.0, tremor=0.0, taper=0.0, pressure=0.0)
        first, second = write_digit(2, rng, hand), write_digit(2, rng, hand)
        assert [stroke.shape for stroke in first] == [stroke.shape for stroke in second]

    def test_a_steady_hand_writes_a_stick_of_height_1(self) -> None:
        stick = next(skeleton for skeleton in SKELETONS[1] if skeleton.name == "stick")
        strokes = write_skeleton(stick, np.random.default_rng(0), steady_hand())
        _, _, width, height = ink_box(strokes)
        assert width == pytest.approx(0.05, abs=1e-6)
        assert height == pytest.approx(1.05, abs=0.03)  # strokes overshoot by 2 %

    def test_slant_leans_the_top_to_the_right(self) -> None:
        stick = next(skeleton for skeleton in SKELETONS[1] if skeleton.name == "stick")
        (stroke,) = write_skeleton(stick, np.random.default_rng(0), steady_hand(slant=0.5))
        top, bottom = stroke[0], stroke[-1]
        assert (top[0] - bottom[0]) / (bottom[1] - top[1]) == pytest.approx(0.5, abs=1e-6)

    def test_hands_differ_as_people_do(self) -> None:
        rng = np.random.default_rng(0)
        hands = [sample_hand(rng) for _ in range(500)]
        widths = [hand.pen_width for hand in hands]
        assert min(widths) < 0.06
        assert max(widths) > 0.19
        assert 0.05 < np.mean([hand.slant for hand in hands]) < 0.25


class TestPaintStrokes:
    @pytest.mark.parametrize("width", [1.0, 2.5, 6.0, 20.0])
    def test_a_line_has_the_area_of_its_capsule(self, width: float) -> None:
        line = np.array([[20.3, 30.1, width], [70.2, 55.4, width]])
        length = np.linalg.norm(line[1, :2] - line[0, :2])
        ink = paint_strokes([line], 90, 100)
        assert ink.shape == (90, 100)
        off = ink.sum() - (length * width + np.pi * width**2 / 4)
        assert abs(off) / length < 0.27  # a quarter of a pixel

    def test_a_line_lies_where_it_was_put(self) -> None:
        ink = paint_strokes([np.array([[10.0, 4.0, 2.0], [10.0, 16.0, 2.0]])], 20, 20)
        mass = ink.sum()
        assert (ink.sum(axis=0) @ (np.arange(20) + 0.5)) / mass == pytest.approx(10.0, abs=0.1)
        assert (ink.sum(axis=1) @ (np.arange(20) + 0.5)) / mass == pytest.approx(10.0, abs=0.1)

    def test_what_lies_outside_is_cut_off(self) -> None:
        ink = paint_strokes([np.array([[-50.0, -50.0, 3.0], [-20.0, -90.0, 3.0]])], 20, 30)
        assert ink.shape == (20, 30)
        assert ink.max() == 0

    def test_refuses_a_picture_without_pixels(self) -> None:
        with pytest.raises(ValueError, match="20×0 pixels"):
            paint_strokes([], 0, 20)
