"""The canonicaliser against NumPy and OpenCV, and what it must not be moved by."""

import math
from pathlib import Path

import cv2
import keras
import numpy as np
import pytest
from numpy.typing import NDArray

from inkdigits.models.canonical import BOX_SIZE_PX, GLYPH_SIZE_PX, Canonical
from inkdigits.synthesis.strokes import synthetic_digits

Image = NDArray[np.float32]


@pytest.fixture(scope="module")
def layer() -> Canonical:
    return Canonical()


@pytest.fixture(scope="module")
def digits() -> Image:
    """(30, 120, 120), each pixel ink or paper, so that the bounding box is beyond doubt."""
    images, _ = synthetic_digits(30, seed=3, size_px=120)
    return (images > 127).astype(np.float32)


def run(layer: Canonical, ink: Image) -> Image:
    return np.asarray(layer(ink))


def crop(ink: Image) -> Image:
    """The bounding box of what is darker than a fifth of the darkest."""
    rows, columns = np.nonzero(ink > ink.max() / 5)
    return ink[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]


def place(small: Image, centre_y: float, centre_x: float) -> Image:
    """Put a 40×40 square, its box in the middle, into 28×28 by the box's centre of mass."""
    y, x = offset(centre_y), offset(centre_x)
    glyph = np.zeros((70, 70), np.float32)  # may reach over the edge
    glyph[10 + y : 50 + y, 10 + x : 50 + x] = small
    glyph = glyph[20:48, 20:48]
    return glyph / glyph.max()


def offset(centre: float) -> int:
    """Nearest to the middle of pixel 14; between two, to the one before."""
    return math.ceil(14.5 - centre - 0.5 - 1e-4)


def centre_of_mass(ink: Image) -> tuple[float, float]:
    moments = cv2.moments(ink.astype(np.float64))
    return moments["m01"] / moments["m00"] + 0.5, moments["m10"] / moments["m00"] + 0.5


def shrunk_by_opencv(ink: Image) -> Image:
    """The reference: crop, make square, average over areas, and centre."""
    box = crop(ink)
    side = max(box.shape)
    square = np.zeros((side, side), np.float32)
    square[: box.shape[0], : box.shape[1]] = box
    small = cv2.resize(square, (BOX_SIZE_PX, BOX_SIZE_PX), interpolation=cv2.INTER_AREA)
    y, x = centre_of_mass(box)
    return place(np.pad(small, 10), y * BOX_SIZE_PX / side, x * BOX_SIZE_PX / side)


def grown_by_numpy(ink: Image) -> Image:
    """The reference: linear between the middles of pixels, paper around."""
    box = crop(ink)
    side = max(box.shape)
    # In pixels of the image; what lies beyond the box fades out within half a pixel.
    at = (np.arange(-BOX_SIZE_PX // 2, BOX_SIZE_PX * 3 // 2) + 0.5) * side / BOX_SIZE_PX - 0.5
    for _ in range(2):
        known = np.arange(-1, len(box) + 1)
        box = np.stack([np.interp(at, known, np.pad(line, 1)) for line in box.T])
    y, x = centre_of_mass(crop(ink))
    return place(box, y * BOX_SIZE_PX / side, x * BOX_SIZE_PX / side)


def blobs(height: int, width: int, count: int = 20) -> Image:
    """Random 0 and 1 whose bounding box is exactly (height, width), in a frame of 7 px."""
    generator = np.random.default_rng([height, width])
    images = (generator.random((count, height, width)) < 0.4).astype(np.float32)
    images[:, 0, 0] = images[:, -1, -1] = 1
    return np.pad(images, ((0, 0), (7, 7), (7, 7)))


@pytest.mark.parametrize("shape", [(20, 20), (40, 20), (60, 33), (20, 80), (200, 170), (27, 26)])
def test_shrinking_is_averaging_over_areas(layer: Canonical, shape: tuple[int, int]):
    images = blobs(*shape)
    expected = np.stack([shrunk_by_opencv(image) for image in images])
    np.testing.assert_allclose(run(layer, images), expected, atol=2e-5)


@pytest.mark.parametrize("shape", [(19, 11), (10, 10), (5, 12), (2, 1), (1, 2)])
def test_growing_is_linear_interpolation(layer: Canonical, shape: tuple[int, int]):
    images = blobs(*shape)
    expected = np.stack([grown_by_numpy(image) for image in images])
    np.testing.assert_allclose(run(layer, images), expected, atol=2e-5)


def test_digits_of_any_size_agree_with_opencv(layer: Canonical, digits: Image):
    for image, glyph in zip(digits, run(layer, digits), strict=True):
        assert np.abs(glyph - shrunk_by_opencv(image)).max() < 1e-4


def test_grey_digits_agree_with_opencv_nearly(layer: Canonical):
    # Where strokes fade, what is fainter than a fifth lies outside the reference's box.
    images = synthetic_digits(30, seed=4, size_px=90)[0].astype(np.float32) / 255
    expected = np.stack([shrunk_by_opencv(image) for image in images])
    assert np.abs(run(layer, images) - expected).mean() < 0.005


@pytest.mark.parametrize("shift", [(0, 40), (31, 7), (55, 55)])
def test_a_shift_by_whole_pixels_changes_nothing(
    layer: Canonical, digits: Image, shift: tuple[int, int]
):
    framed = np.pad(digits, ((0, 0), (0, 55), (0, 55)))
    shifted = np.roll(framed, shift, axis=(1, 2))
    np.testing.assert_allclose(run(layer, shifted), run(layer, digits), atol=1e-4)


@pytest.mark.parametrize("factor", [2, 3])
def test_pixels_repeated_change_nothing(layer: Canonical, digits: Image, factor: int):
    larger = digits.repeat(factor, axis=1).repeat(factor, axis=2)
    np.testing.assert_allclose(run(layer, larger), run(layer, digits), atol=1e-4)


@pytest.mark.parametrize("darkness", [1 / 255, 0.3, 255.0])
def test_only_the_proportion_of_the_ink_counts(layer: Canonical, digits: Image, darkness: float):
    faded = digits * np.float32(darkness)
    np.testing.assert_allclose(run(layer, faded), run(layer, digits), atol=1e-4)


def test_symmetric_ink_is_centred(layer: Canonical):
    # 20 px have no middle pixel: their centre of mass lies between two.
    rings = np.zeros((30, 150, 150), np.float32)
    for index, ring in enumerate(rings):
        cv2.circle(ring, (75, 75), 30 + index, 0.9, 7)
    rings = np.maximum(rings, rings[:, ::-1, ::-1])
    for index, glyph in enumerate(run(layer, np.pad(rings, ((0, 0), (0, 999), (77, 31))))):
        np.testing.assert_allclose(glyph, glyph[::-1, ::-1], atol=1e-4, err_msg=f"ring {index}")
        assert np.flatnonzero(glyph.max(axis=1) > 0.2).tolist() == list(range(4, 24))


@pytest.mark.parametrize(("faint", "side"), [(0.22, 44), (0.18, 40)])
def test_what_is_fainter_than_a_fifth_is_outside_the_box(layer: Canonical, faint: float, side: int):
    images = blobs(40, 40)
    images[:, 3, 20] = faint  # four pixels above the box
    for glyph in run(layer, images):
        rows = np.flatnonzero(glyph.max(axis=1) > 0.2)
        assert rows[-1] - rows[0] + 1 == pytest.approx(40 / side * BOX_SIZE_PX, abs=1.01)
    if faint > 0.2:
        expected = np.stack([shrunk_by_opencv(image) for image in images])
        np.testing.assert_allclose(run(layer, images), expected, atol=2e-5)


def test_faint_specks_do_not_stretch_the_box(layer: Canonical, digits: Image):
    soiled = digits.copy()
    soiled[:, 0, 0] = soiled[:, -1, -1] = 0.15
    assert np.abs(run(layer, soiled) - run(layer, digits)).max() < 0.1


def test_an_empty_image_stays_empty(layer: Canonical, digits: Image):
    glyphs = run(layer, np.stack([np.zeros_like(digits[0]), digits[0]]))
    assert not glyphs[0].any()
    np.testing.assert_allclose(glyphs[1], run(layer, digits[:1])[0], atol=1e-6)


@pytest.mark.parametrize("at", [(0, 0), (4, 9), (8, 16)])
def test_one_pixel_becomes_the_middle(layer: Canonical, at: tuple[int, int]):
    ink = np.zeros((1, 9, 17), np.float32)
    ink[0, at[0], at[1]] = 0.5
    glyph = run(layer, ink)[0]
    assert glyph.max() == 1
    # A 20 px wide tent, whose tip is between two pixels.
    assert centre_of_mass(glyph) == pytest.approx((14, 14), abs=1e-3)


@pytest.mark.parametrize("shape", [(1, 1), (1, 50), (50, 1), (1, 2000), (2, 3), (2500, 1800)])
@pytest.mark.parametrize("fill", [0, 1])
def test_any_shape_is_finite(layer: Canonical, shape: tuple[int, int], fill: int):
    glyph = run(layer, np.full((1, *shape), fill, np.float32))
    assert glyph.shape == (1, GLYPH_SIZE_PX, GLYPH_SIZE_PX)
    assert glyph.dtype == np.float32
    assert np.isfinite(glyph).all()
    assert glyph.max() == pytest.approx(fill)
    assert glyph.min() >= 0


def test_a_very_large_image_agrees_with_opencv(layer: Canonical):
    ink = np.zeros((3000, 2600), np.uint8)
    cv2.putText(ink, "5", (400, 2600), cv2.FONT_HERSHEY_SIMPLEX, 100, 1, 200)
    glyph = run(layer, ink[None])[0]
    np.testing.assert_allclose(glyph, shrunk_by_opencv(ink.astype(np.float32)), atol=2e-3)


@pytest.mark.parametrize("dtype", [np.uint8, np.float16, np.float64])
def test_other_number_types_are_taken(layer: Canonical, digits: Image, dtype: type):
    glyphs = run(layer, digits.astype(dtype))
    assert glyphs.dtype == np.float32
    np.testing.assert_allclose(glyphs, run(layer, digits), atol=1e-5)


def test_the_input_is_not_modified(layer: Canonical, digits: Image):
    before = digits.copy()
    run(layer, digits)
    np.testing.assert_array_equal(digits, before)


def test_one_model_takes_every_size_and_is_saved(digits: Image, tmp_path: Path):
    ink = keras.Input((None, None))
    model = keras.Model(ink, Canonical(name="canonical")(ink))
    assert model.output.shape == (None, 28, 28)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    for images in (digits[:3], digits[:5, 5:, :110], np.pad(digits[:2], ((0, 0), (0, 9), (3, 0)))):
        glyphs = model.predict_on_batch(images)
        np.testing.assert_array_equal(loaded.predict_on_batch(images), glyphs)
        np.testing.assert_allclose(glyphs, run(Canonical(), images), atol=1e-5)


@pytest.mark.mnist
def test_mnist_is_canonical_already(layer: Canonical, mnist_dir: Path):
    from inkdigits.data.mnist import load_mnist

    images = load_mnist("test", mnist_dir).images.astype(np.float32) / 255
    assert len(images) == 10_000
    glyphs = np.concatenate([run(layer, part) for part in np.split(images, 10)])
    assert np.abs(glyphs - images).mean() <= 0.02
