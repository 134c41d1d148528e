"""Augmentation: only in training, only what was asked for, and no further than that."""

import math
from pathlib import Path

import cv2
import keras
import numpy as np
import pytest
from numpy.typing import NDArray

from inkdigits.config import AugmentConfig
from inkdigits.models.augment import (
    Erase,
    FewPixels,
    Gaps,
    PenWidth,
    Strays,
    Warp,
    augmentation,
    glyph_augmentation,
)
from inkdigits.synthesis.strokes import synthetic_digits

Images = NDArray[np.float32]
FAR = {
    "rotation_deg": 45.0,
    "shear": 1.0,
    "scale": 0.7,
    "aspect": 0.7,
    "elastic_px": 5.0,
    "pen_width": 1.0,
    "gaps": 1.0,
    "strays": 1.0,
    "few_pixels": 1.0,
    "erase": 0.5,
}
OFF = dict.fromkeys(FAR, 0.0)
# The switches with a layer to themselves, and the name that they have there.
OWN_LAYER = {
    "pen_width": "amount",
    "gaps": "share",
    "strays": "share",
    "few_pixels": "share",
    "erase": "share",
}
WARP = {name: limit for name, limit in FAR.items() if name not in OWN_LAYER}
LAYERS = ["warp", *OWN_LAYER]
MANY = 300


@pytest.fixture(scope="module")
def digits() -> Images:
    return synthetic_digits(20, seed=5)[0].astype(np.float32) / 255


def bars(height: int, width: int, size_px: int = 61) -> Images:
    """Many times the same upright or lying bar in the middle, with soft edges."""
    image = np.zeros((size_px, size_px), np.float32)
    top, left = (size_px - height) // 2, (size_px - width) // 2
    image[top : top + height, left : left + width] = 1
    return np.repeat(cv2.GaussianBlur(image, (3, 3), 0)[None], MANY, axis=0)


def changed(layer: keras.layers.Layer, images: Images) -> Images:
    return np.asarray(layer(images, training=True))


def moments(images: Images) -> list[dict[str, float]]:
    return [cv2.moments(image.astype(np.float64)) for image in images]


def angles_deg(images: Images) -> NDArray[np.float64]:
    """Of the long axis, against the x axis; the y axis points down."""
    return np.array(
        [
            math.degrees(math.atan2(2 * each["mu11"], each["mu20"] - each["mu02"])) / 2
            for each in moments(images)
        ]
    )


def assert_even(values: NDArray[np.float64], limit: float, slack: float) -> None:
    """Drawn evenly from [-limit, limit]: bounds, middle and spread."""
    assert np.abs(values).max() <= limit + slack
    assert np.abs(values).max() > 0.9 * limit
    assert abs(values.mean()) < 0.15 * limit
    assert values.std() == pytest.approx(limit / math.sqrt(3), rel=0.12)


def layers_of(**switches: float) -> list[keras.layers.Layer]:
    config = AugmentConfig(**(OFF | switches))
    return [*augmentation(config, seed=0), *glyph_augmentation(config, seed=0)]


def test_what_is_switched_off_is_not_there():
    assert layers_of() == []
    assert set(OFF) == set(FAR) == set(vars(AugmentConfig()))


@pytest.mark.parametrize("switch", OFF)
def test_each_switch_alone_turns_on_itself_alone(switch: str):
    (layer,) = layers_of(**{switch: 0.3})
    own = dict.fromkeys(WARP, 0.0) | {switch: 0.3}
    if switch in OWN_LAYER:
        own = {OWN_LAYER[switch]: 0.3}
    assert layer.name == (switch if switch in OWN_LAYER else "warp")
    assert layer.get_config().items() >= own.items()


def test_all_of_it_is_five_layers_with_seeds_of_their_own():
    layers = layers_of(**FAR)
    assert [layer.name for layer in layers] == LAYERS
    assert len({layer.seed for layer in layers}) == len(LAYERS)


@pytest.mark.parametrize("index", range(len(LAYERS)), ids=LAYERS)
def test_nothing_changes_outside_training(digits: Images, index: int):
    layer = layers_of(**FAR)[index]
    np.testing.assert_array_equal(layer(digits), digits)
    np.testing.assert_array_equal(layer(digits, training=False), digits)
    assert changed(layer, digits).sum() != digits.sum()


def test_a_warp_by_nothing_is_a_larger_frame(digits: Images):
    framed = np.pad(digits, ((0, 0), (7, 7), (7, 7)))
    np.testing.assert_allclose(changed(Warp(seed=0), digits), framed, atol=1e-6)


@pytest.mark.parametrize("shape", [(1, 1), (3, 50), (41, 28), (30, 61)])
def test_a_warp_takes_any_height_and_width(shape: tuple[int, int]):
    images = np.ones((2, *shape), np.float32)
    grown = tuple(length + length // 4 * 2 for length in shape)
    frame = [(0, 0), *((length // 4, length // 4) for length in shape)]
    np.testing.assert_allclose(changed(Warp(seed=0), images), np.pad(images, frame), atol=1e-6)
    assert changed(Warp(**WARP, seed=0), images).shape == (2, *grown)


def test_rotation():
    angles = angles_deg(changed(Warp(rotation_deg=30, seed=1), bars(7, 41)))
    assert_even(angles, 30, slack=0.3)


def test_shear_slants_sideways_and_keeps_the_height():
    images = bars(33, 5)
    slanted = changed(Warp(shear=0.4, seed=2), images)
    slopes = np.array([each["mu11"] / each["mu02"] for each in moments(slanted)])
    assert_even(slopes, 0.4, slack=0.01)
    rows = np.pad(images.sum(axis=2), ((0, 0), (15, 15)))
    np.testing.assert_allclose(slanted.sum(axis=2), rows, atol=1e-3)


def test_scale_is_a_factor_in_both_directions():
    images = bars(21, 13)
    ink = changed(Warp(scale=0.5, seed=3), images).sum(axis=(1, 2)) / images.sum(axis=(1, 2))
    assert_even(np.log(ink) / 2, math.log(1.5), slack=0.02)


def test_aspect_stretches_one_way_and_squeezes_the_other():
    images = bars(21, 21)
    stretched = changed(Warp(aspect=0.5, seed=4), images)
    spread = [math.sqrt(each["mu20"] / each["mu02"]) for each in moments(stretched)]
    assert_even(np.log(spread), math.log(1.5), slack=0.02)
    np.testing.assert_allclose(stretched.sum(axis=(1, 2)), images.sum(axis=(1, 2)), rtol=0.02)


def test_elastic_displacement_is_smooth_and_about_what_it_says():
    dots = np.zeros((MANY, 61, 61), np.float32)
    dots[:, 27:34, 27:34] = 1
    bent = moments(changed(Warp(elastic_px=2, seed=5), dots))
    at = np.array([[each["m01"] / each["m00"], each["m10"] / each["m00"]] for each in bent])
    moved = at - (30 + 15)  # in the larger frame
    # Between knots, a cubic B-spline in two dimensions has 0.46 to 0.5 of a knot's deviation.
    np.testing.assert_allclose(moved.std(axis=0), 2 * 0.48, rtol=0.2)
    assert np.abs(moved.mean(axis=0)).max() < 0.2
    assert abs(np.corrcoef(moved.T)[0, 1]) < 0.2
    ink = np.array([each["m00"] for each in bent]) / 49
    assert np.abs(ink - 1).mean() < 0.15  # it moves ink more than it makes or takes any


def test_pen_width_goes_from_erosion_to_dilation(digits: Images):
    images = np.tile(digits, (20, 1, 1))
    square = np.ones((3, 3), np.uint8)
    thickest = np.stack([cv2.dilate(image, square) for image in images])
    thinnest = np.stack([cv2.erode(image, square) for image in images])
    penned = changed(PenWidth(amount=0.8, seed=6), images)
    ink, more, less = (
        each.sum(axis=(1, 2), dtype=np.float64) for each in (images, thickest, thinnest)
    )
    change = penned.sum(axis=(1, 2), dtype=np.float64) - ink
    amount = np.where(change > 0, change / (more - ink), change / (ink - less))
    assert_even(amount, 0.8, slack=1e-3)
    target = np.where((amount > 0)[:, None, None], thickest, thinnest)
    mixed = images + np.abs(amount)[:, None, None] * (target - images)
    np.testing.assert_allclose(penned, mixed, atol=1e-4)


def test_gaps_break_strokes_where_there_is_ink_and_nothing_else():
    images = bars(41, 5)
    broken = changed(Gaps(share=0.5, seed=10), images)
    is_broken = (broken != images).any(axis=(1, 2))
    assert is_broken.mean() == pytest.approx(0.5, abs=0.1)
    assert (broken <= images + 1e-6).all()  # they add nothing
    lost = 1 - broken[is_broken].sum(axis=(1, 2)) / images[0].sum()
    assert lost.min() > 0.02  # each cut is about a place with ink
    assert lost.max() < 3 * 0.25  # three cuts, were they all to lie along the bar
    assert lost.mean() < 0.3
    middle = images[0] > 0.5
    pieces = [
        cv2.connectedComponents(((image > 0.25) & middle).astype(np.uint8), connectivity=4)[0] - 1
        for image in broken[is_broken]
    ]
    assert min(pieces) >= 1
    assert 2 <= np.mean(pieces) <= 4
    places = (images - broken)[is_broken].sum(axis=(0, 2))[15:46]  # along the bar
    np.testing.assert_allclose(places, places.mean(), rtol=0.35)


def test_strays_are_pale_lines_through_the_ink_and_bows_at_its_ends():
    images = bars(41, 21)  # rows 10 to 50, columns 20 to 40
    strayed = changed(Strays(share=0.6, seed=13), images)
    added = strayed - images
    is_strayed = (added > 0.05).any(axis=(1, 2))
    assert is_strayed.mean() == pytest.approx(0.6, abs=0.1)
    assert (added >= 0).all()  # nothing of the digit is taken away
    assert strayed.max() <= 1 + 1e-6
    beside = [(image[:, :20], image[:, 41:]) for image in added[is_strayed]]
    sides = np.array([[side.max() > 0.05 for side in pair] for pair in beside])
    is_line = sides.all(axis=1)
    assert is_line.mean() == pytest.approx(0.5, abs=0.1)
    assert sides.any(axis=1).all()  # a bow is at one end
    lines, bows = added[is_strayed][is_line], added[is_strayed][~is_line]
    assert lines.max() <= 0.75
    heights = (lines.max(axis=2) > 0.05).sum(axis=1)
    assert heights.max() <= 41 / 12 + 2 + 40 * np.tan(np.radians(3))  # level, soft at the edges
    rows = np.argwhere(lines.max(axis=2) > 0.05)[:, 1]
    assert 10 - 4 <= rows.min() < 15  # a line has a width and a slope
    assert 50 < rows.max() <= 51 + 41 / 10 + 4  # below the digit's foot too
    assert bows.max() > 0.95
    columns = np.argwhere(bows.max(axis=1) > 0.05)[:, 1]
    assert columns.min() >= 20 - 41 / 5 - 2  # a bow is cut off there: the soft edge is ink too
    assert columns.max() <= 40 + 41 / 5 + 2
    assert not (bows.max(axis=1) > 0.05)[:, 27:34].any()  # never deeper than an eighth of 41


def test_few_pixels_averages_and_leaves_a_bitmap_of_one_in_two():
    images = np.repeat(
        synthetic_digits(1, seed=5, size_px=60)[0].astype(np.float32) / 255, MANY, axis=0
    )
    coarse = changed(FewPixels(share=0.7, seed=11), images)
    is_coarse = (coarse != images).any(axis=(1, 2))
    assert is_coarse.mean() == pytest.approx(0.7, abs=0.08)
    coarse = coarse[is_coarse]
    assert ((coarse >= 0) & (coarse <= 1 + 1e-5)).all()
    ink = coarse.sum(axis=(1, 2)) / images[0].sum()
    is_grey = np.abs(ink - 1) < 0.01  # an average keeps the ink, a threshold hardly ever
    assert is_grey.mean() == pytest.approx(0.5, abs=0.1)
    assert (coarse[~is_grey].max(axis=(1, 2)) > 0.99).all()
    # Cells of the same side as the reference's, at any phase: no detail is left that it has not.
    longer = 8.0  # pixels at the least, so that cells are a digit's eighth at the most
    side = round(max(np.ptp(np.argwhere(images[0] > 0.2), axis=0) + 1) / longer)
    coarsest = cv2.resize(
        cv2.resize(images[0], (60 // side, 60 // side), interpolation=cv2.INTER_AREA), (60, 60)
    )
    assert (
        np.abs(coarse[is_grey] - images[0]).mean(axis=(1, 2)).max()
        < 1.5 * np.abs(coarsest - images[0]).mean()
    )


def test_few_pixels_of_a_small_image_are_those_it_has():
    small = np.zeros((MANY, 10, 8), np.float32)
    small[:, 2:7, 3:5] = 0.6
    same = changed(FewPixels(share=1.0, seed=12), small)
    # Cells are no smaller than a pixel, and so keep it or share it with its neighbours.
    assert (
        np.abs(same.sum(axis=(1, 2)) - small.sum(axis=(1, 2)))[same.max(axis=(1, 2)) < 0.61].max()
        < 1e-3
    )
    assert same[:, :, :2].max() == same[:, :, 6:].max() == 0


def test_erasing_takes_one_rectangle_anywhere_of_up_to_its_size():
    images = np.ones((MANY * 10, 30, 20), np.float32)
    erased = changed(Erase(share=0.4, seed=8), images) == 0
    rows, columns = erased.any(axis=2), erased.any(axis=1)
    np.testing.assert_array_equal(erased, rows[:, :, None] & columns[:, None, :])
    for stripes, length in ((rows, 30), (columns, 20)):
        sides = stripes.sum(axis=1)
        assert sides.max() == 0.4 * length
        assert (np.abs(np.diff(stripes, axis=1)).sum(axis=1) <= 2).all()  # in one piece
        whole = sides[~stripes[:, 0] & ~stripes[:, -1] & (sides > 0)]
        assert whole.mean() == pytest.approx(0.4 * length / 2, rel=0.15)
        middle = stripes[:, length // 4 : -(length // 4)].mean(axis=0)
        np.testing.assert_allclose(middle, middle.mean(), rtol=0.25)  # no place more than another
    expected = erased.mean(axis=(1, 2))
    assert expected.mean() == pytest.approx(
        0.04, rel=0.2
    )  # a quarter of 0.4², less what sticks out
    assert expected.max() <= 0.4**2 + 1e-6


def test_erasing_leaves_the_rest_as_it_is(digits: Images):
    erased = changed(Erase(share=0.5, seed=9), digits)
    assert ((erased == digits) | (erased == 0)).all()
    assert erased.sum() < digits.sum()


@pytest.mark.parametrize("seed", range(3))
def test_ink_stays_between_0_and_1(digits: Images, seed: int):
    for layer in augmentation(AugmentConfig(**FAR), seed):
        digits = changed(layer, digits)
        assert np.isfinite(digits).all()
        assert digits.min() >= 0
        assert digits.max() <= 1 + 1e-6
        assert digits.max(axis=(1, 2)).min() > 0.1


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        (Warp, WARP),
        (PenWidth, {"amount": 1.0}),
        (Gaps, {"share": 1.0}),
        (FewPixels, {"share": 1.0}),
        (Erase, {"share": 0.5}),
    ],
)
def test_draws_follow_from_the_seed(
    digits: Images, kind: type[keras.layers.Layer], settings: dict[str, float]
):
    first, same, other = (kind(**settings, seed=seed) for seed in (7, 7, 8))
    drawn = changed(first, digits)
    np.testing.assert_array_equal(changed(same, digits), drawn)
    assert (changed(other, digits) != drawn).any()
    again = changed(first, digits)
    assert (again != drawn).any()
    state = keras.ops.copy(same.seed_generator.state)
    np.testing.assert_array_equal(changed(same, digits), again)
    same.seed_generator.state.assign(state)
    np.testing.assert_array_equal(changed(same, digits), again)


def test_each_image_is_changed_in_its_own_way(digits: Images):
    same = np.repeat(digits[:1], 8, axis=0)
    for layer in layers_of(**FAR):
        drawn = changed(layer, same)
        assert len(np.unique(drawn.reshape(8, -1), axis=0)) >= 7  # erasing may miss the ink


def test_a_saved_model_draws_from_the_same_seed(digits: Images, tmp_path: Path):
    ink = keras.Input((None, None))
    x = ink
    for layer in layers_of(**FAR):
        x = layer(x)
    model = keras.Model(ink, x)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert [each.get_config() for each in loaded.layers[1:]] == [
        each.get_config() for each in model.layers[1:]
    ]
    np.testing.assert_array_equal(loaded(digits, training=True), model(digits, training=True))
    np.testing.assert_array_equal(loaded(digits), digits)
