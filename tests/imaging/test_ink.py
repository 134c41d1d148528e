"""Ink is what was written, whatever the paper, the light, the pen and the polarity."""

import os
import time
from collections.abc import Callable

import cv2
import numpy as np
import pytest
from pictures import mean_difference, on_paper, photographed

from inkdigits.errors import BadArrayError
from inkdigits.imaging.ink import digit_ink, digits_ink, page_ink
from inkdigits.imaging.segment import find_lines
from inkdigits.imaging.strokes import by_rules
from inkdigits.synthesis.scribe import trimmed

Write = Callable[..., np.ndarray]
BOTH = pytest.mark.parametrize("make_ink", [page_ink, digit_ink])


@BOTH
@pytest.mark.parametrize("level", [0, 1, 127, 254, 255])
@pytest.mark.parametrize("shape", [(1, 1), (1, 50), (2, 2), (28, 28), (200, 300, 3)])
def test_constant_pictures_hold_no_ink(make_ink: Callable, level: int, shape: tuple) -> None:
    ink = make_ink(np.full(shape, level, np.uint8))
    assert ink.shape == shape[:2]
    assert ink.dtype == np.float32
    assert not ink.any()


@BOTH
@pytest.mark.parametrize("level", [5, 128, 250])
def test_noise_is_no_ink(make_ink: Callable, level: int) -> None:
    noise = np.random.default_rng(0).normal(level, 2, (300, 400))
    assert not make_ink(np.clip(np.rint(noise), 0, 255).astype(np.uint8)).any()


@BOTH
def test_noise_of_a_real_sensor_leaves_next_to_nothing(make_ink: Callable) -> None:
    noise = np.random.default_rng(0).normal(170, 12, (300, 400, 3)).clip(0, 255).astype(np.uint8)
    assert (make_ink(noise) > 0.25).mean() < 0.01


@BOTH
@pytest.mark.parametrize("paper", [255, 200, 120])
def test_even_paper_gives_back_what_was_written(
    make_ink: Callable, write: Write, paper: int
) -> None:
    truth = write(["4"], height_px=60, pen_px=5)
    assert mean_difference(make_ink(on_paper(truth, paper)), truth) < 0.02


def test_shadow_and_gradient_vanish(write: Write) -> None:
    truth = write(["40719", "23586"], height_px=40)
    height, width = truth.shape
    y, x = np.mgrid[:height, :width]
    shadow = 1 / (1 + np.exp((x + y - width / 2) / 15))
    for light in (
        120 + 130 * x / width,
        240 - 110 * shadow,
        230 - 120 * np.hypot(x / width - 0.5, y / height - 0.5),
    ):
        ink = page_ink(on_paper(truth, light))
        assert mean_difference(ink, truth) < 0.08
        assert (ink[truth == 0] > 0.25).mean() < 0.005


@pytest.mark.parametrize(
    ("pen", "paper"),
    [
        ((30, 40, 160), (250, 250, 245)),  # blue ballpoint
        ((200, 30, 30), (250, 250, 245)),  # red
        ((240, 120, 170), (250, 250, 245)),  # pink felt-tip
        ((30, 40, 160), (240, 220, 130)),  # blue on yellow
        ((235, 220, 60), (40, 60, 50)),  # yellow chalk
    ],
)
def test_pens_of_any_colour(write: Write, pen: tuple, paper: tuple) -> None:
    truth = write(["4071"], height_px=40)
    page = np.array(paper) * (1 - truth[..., None]) + np.array(pen) * truth[..., None]
    # A pen lighter than its paper in one channel (blue on yellow) leaves a faint halo.
    assert mean_difference(page_ink(np.rint(page).astype(np.uint8)), truth) < 0.12


def test_faint_pencil_on_rough_paper_stays(write: Write) -> None:
    truth = write(["4071", "23"], height_px=40)
    noise = np.random.default_rng(0).normal(0, 4, truth.shape)
    page = np.clip(on_paper(truth, 205, pen=0.7) + noise, 0, 255).astype(np.uint8)
    ink = page_ink(page)
    assert ink[truth > 0.9].mean() > 0.7
    assert (ink[truth == 0] > 0.25).mean() < 0.005


def test_soft_edges_stay_soft(write: Write) -> None:
    truth = cv2.GaussianBlur(write(["3"], height_px=80, pen_px=12), (0, 0), 2)
    truth /= truth.max()
    ink = page_ink(on_paper(truth, 255, pen=0))
    edge = (truth > 0.15) & (truth < 0.85)
    assert np.corrcoef(ink[edge], truth[edge])[0, 1] > 0.99
    assert mean_difference(ink, truth) < 0.03


def test_a_digit_that_fills_its_picture(write: Write) -> None:
    truth = write(["0"], height_px=40, pen_px=9)
    rows, columns = np.flatnonzero(truth.any(1)), np.flatnonzero(truth.any(0))
    truth = truth[rows[0] - 1 : rows[-1] + 2, columns[0] - 1 : columns[-1] + 2]
    for picture in (on_paper(truth, 255, 0), 255 - on_paper(truth, 255, 0)):
        assert mean_difference(digit_ink(picture), truth) < 0.05


def test_large_pictures_come_out_smaller_and_soon(write: Write) -> None:
    truth = cv2.resize(write(["4071", "2358"], height_px=100, pen_px=8), (4000, 3000))
    page = np.dstack([on_paper(truth, 220)] * 3)
    began = time.process_time()
    ink = page_ink(page)
    assert time.process_time() - began < 4  # a bound against accidents, not a benchmark
    assert ink.shape == (1500, 2000)
    small = cv2.resize(truth, (2000, 1500), interpolation=cv2.INTER_AREA)
    assert mean_difference(ink, small) < 0.05
    assert digit_ink(page).size <= 512 * 512 + 1000
    banner = np.full((20, 20_000), 255, np.uint8)
    assert page_ink(banner).shape == banner.shape
    rng = np.random.default_rng(0)
    strip = rng.integers(0, 256, (1, 1_000_000)).astype(np.uint8)  # longer than a window may be
    assert page_ink(strip).shape[0] == 1


def test_nothing_that_is_given_is_changed(write: Write) -> None:
    page = on_paper(write(["7"]), 240)
    before = page.copy()
    page_ink(page), digit_ink(page), digits_ink(page[None])
    np.testing.assert_array_equal(page, before)


def light_on_black(num_images: int) -> np.ndarray:
    """Images like MNIST's: full contrast, even black ground."""
    rng = np.random.default_rng(0)
    images = np.zeros((num_images, 28, 28), np.uint8)
    images[:, 4:24, 4:24] = rng.integers(0, 255, (num_images, 20, 20))
    images[:, 14, 14] = 255
    return images


def test_batch_of_clean_images_is_exactly_the_images() -> None:
    images = light_on_black(50)
    expected = images.astype(np.float32) / np.float32(255)
    for given in (images, 255 - images, np.asfortranarray(images)):
        ink = digits_ink(given)
        assert ink.dtype == np.float32
        np.testing.assert_array_equal(ink, expected)
    mixed = np.where(np.arange(50)[:, None, None] % 2 == 0, images, 255 - images)
    np.testing.assert_array_equal(digits_ink(mixed), expected)


def test_batch_stretches_grey_images() -> None:
    images = (60 + light_on_black(5).astype(np.float64) * 0.4).astype(np.uint8)
    ink = digits_ink(images)
    assert ink.min() == 0
    assert (ink.max(axis=(1, 2)) == 1).all()
    np.testing.assert_allclose(digits_ink(255 - images), ink, atol=1e-6)


@pytest.mark.parametrize("level", [0, 90, 255])
def test_batch_of_constant_images_is_empty(level: int) -> None:
    images = np.full((4, 28, 28), level, np.uint8)
    images[1, 3, 3] ^= 3
    assert not digits_ink(images).any()


@pytest.mark.parametrize("shape", [(0, 28, 28), (3, 0, 5), (2, 1, 1), (1, 1, 9), (2, 2, 2)])
def test_batch_of_any_size(shape: tuple) -> None:
    assert digits_ink(np.zeros(shape, np.uint8)).shape == shape


@pytest.mark.parametrize(
    "batch",
    [np.zeros((28, 28), np.uint8), np.zeros((2, 28, 28)), np.zeros((2, 28, 28, 3), np.uint8)],
)
def test_what_is_no_batch(batch: np.ndarray) -> None:
    with pytest.raises(BadArrayError, match="Expected"):
        digits_ink(batch)


def test_batch_is_fast() -> None:
    images = light_on_black(5_000)
    digits_ink(images)
    began = time.process_time()
    digits_ink(images)
    assert (time.process_time() - began) / len(images) < 100e-6  # measured: 3; a bound


@BOTH
def test_random_pictures_stay_within_bounds(make_ink: Callable) -> None:
    rng = np.random.default_rng(int(os.environ.get("SEED", "0")))
    for _ in range(60):
        shape = tuple(rng.integers(1, 60, 2)) + ((3,) if rng.random() < 0.5 else ())
        ink = make_ink(rng.integers(0, rng.integers(1, 257), shape).astype(np.uint8))
        assert ink.shape == shape[:2]
        assert np.isfinite(ink).all()
        assert ink.min() >= 0
        assert ink.max() <= 1


def test_a_table_beside_the_paper_does_not_fade_the_strokes(write: Write) -> None:
    truth = np.pad(write(["4071", "2358"], height_px=36), 30)
    page = on_paper(truth, 190, pen=0.6).astype(np.float64)
    page[:, :14] = page[:, -9:] = page[:11] = page[-16:] = 25
    page += np.random.default_rng(0).normal(0, 3, page.shape)
    ink = page_ink(np.clip(page, 0, 255).astype(np.uint8))
    assert ink[truth > 0.9].mean() > 0.7
    inside = ink[25:-25, 25:-25]
    assert (inside[truth[25:-25, 25:-25] == 0] > 0.25).mean() < 0.005


def in_colour(ink: np.ndarray, paper: tuple, pen: tuple) -> np.ndarray:
    """Lay ink of a colour on paper of another: (H, W, 3) of 0 to 255."""
    return np.array(paper) * (1 - ink[..., None]) + np.array(pen) * ink[..., None]


def mottled(shape: tuple, seed: int) -> np.ndarray:
    """Light and dark patches of 15 pixels, 1 on average: (H, W, 1)."""
    patches = np.random.default_rng(seed).normal(1, 0.02, (shape[0] // 15 + 2, shape[1] // 15 + 2))
    return cv2.resize(patches, shape[::-1], interpolation=cv2.INTER_CUBIC)[..., None]


@pytest.mark.parametrize("seed", range(4))
def test_small_faint_pencil_on_brown_paper_stays_whole(write: Write, seed: int) -> None:
    truth = write(["407235", "896047"], height_px=16, pen_px=1, seed=seed)
    page = in_colour(0.45 * truth, (184, 150, 112), (70, 70, 75)) * mottled(truth.shape, seed)
    ink = page_ink(photographed(page, seed))
    assert (ink[truth > 0.8] > 0.25).mean() > 0.9
    far = cv2.dilate(truth, np.ones((7, 7), np.uint8)) == 0
    assert (ink[far] > 0.25).mean() < 0.002


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("height_px", "least"), [(14, 0.18), (18, 0.52), (24, 0.52)])
def test_small_pencil_in_dark_boxes_is_no_noise(
    write: Write, seed: int, height_px: int, least: float
) -> None:
    """Much of so small a picture lies beside a stroke, whose soft edge is no noise of the paper."""
    truth = write(
        ["40713", "23586", "90146"], height_px=height_px, pen_px=height_px / 12, seed=seed
    )
    boxes, left = np.zeros_like(truth), height_px // 2
    for row in range(3):
        top = round(height_px * (0.5 + 2 * row))
        corner = (truth.shape[1] - left, top + round(1.65 * height_px))
        cv2.rectangle(boxes, (left, top), corner, 1.0, 1)
    both = np.maximum(0.3 * truth, 0.75 * boxes)
    page = in_colour(both, (150, 165, 175), (40, 40, 45)) * mottled(truth.shape, seed)
    ink = page_ink(photographed(page, seed))
    assert ink[truth > 0.8].mean() > least  # it was at most 0.15 at 14 px, 0.45 at 18


@pytest.mark.parametrize("seed", range(4))
def test_blank_rough_paper_stays_blank(seed: int) -> None:
    shape = (300, 420)
    page = np.array((184, 150, 112)) * mottled(shape, seed)
    ink = page_ink(photographed(page, seed))
    assert (ink > 0.25).mean() < 0.001


@pytest.mark.parametrize("table", [(45, 30, 25), (95, 75, 60)])
@pytest.mark.parametrize("turn_deg", [0.0, 1.5, -4.0])
def test_the_edge_of_the_paper_is_no_ink(write: Write, table: tuple, turn_deg: float) -> None:
    truth = np.pad(write(["4071", "2358"], height_px=90, pen_px=8), 80)
    height, width = truth.shape
    page = in_colour(truth, (225, 220, 205), (60, 60, 90))
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), turn_deg, 0.94)
    seen = cv2.warpAffine(page, turn, (width, height), borderValue=table)
    ink = page_ink(photographed(seen, 0))
    near = cv2.dilate(cv2.warpAffine(truth, turn, (width, height)), np.ones((9, 9), np.uint8)) > 0
    assert (ink[~near] > 0.25).sum() < 20
    assert ink[cv2.warpAffine(truth, turn, (width, height)) > 0.9].mean() > 0.8


def test_what_lies_in_a_shadow_is_not_beside_the_paper(write: Write) -> None:
    truth = write(["4071", "2358"], height_px=60, pen_px=5)
    x = np.arange(truth.shape[1]) - truth.shape[1] / 2
    shadow = 1 - 0.6 / (1 + np.exp(x / 8))  # of a straight edge, from the left border on
    page = in_colour(truth, (225, 220, 205), (60, 60, 90)) * shadow[None, :, None]
    ink = page_ink(photographed(page, 0, noise=3))
    dark = (slice(None), slice(0, truth.shape[1] // 2 - 40))
    assert ink[dark][truth[dark] > 0.9].mean() > 0.6


@pytest.mark.parametrize("table", [(45, 30, 25), (110, 80, 70)])
@pytest.mark.parametrize("soft_px", [6, 12])
@pytest.mark.parametrize("is_right", [False, True])
def test_a_shadow_that_reaches_the_table_is_not_beside_the_paper(
    write: Write, table: tuple, soft_px: int, is_right: bool
) -> None:
    truth = np.pad(write(["407135", "235869"], height_px=60, pen_px=5), 60)
    height, width = truth.shape
    page = in_colour(truth, (225, 220, 205), (60, 60, 90))
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), 2, 0.9)
    seen = cv2.warpAffine(page, turn, (width, height), borderValue=table)
    truth = cv2.warpAffine(truth, turn, (width, height))
    x = (np.arange(width) - width / 2) * (1 if is_right else -1)
    shadow = 1 - 0.5 / (1 + np.exp(-x / soft_px))  # over paper and table alike
    ink = page_ink(photographed(seen * shadow[None, :, None], 0, noise=3))
    is_dark = np.broadcast_to(x > 5 * soft_px, truth.shape)
    assert ink[is_dark & (truth > 0.9)].mean() > 0.6
    far = cv2.dilate(truth, np.ones((9, 9), np.uint8)) == 0
    assert (ink[far] > 0.25).mean() < 0.002


@pytest.mark.parametrize("pen_px", [4, 8])
@pytest.mark.parametrize("width_px", [50, 70])
def test_the_shadow_of_a_finger_is_no_ink(write: Write, pen_px: int, width_px: int) -> None:
    """Too narrow to be told from a broad pen by the size of the page alone."""
    truth = write(["40713", "23586", "90146"], height_px=80, pen_px=pen_px)
    finger = np.zeros_like(truth)
    ends = (truth.shape[1] // 5, 0), (truth.shape[1] // 2, truth.shape[0] * 2 // 3)
    cv2.line(finger, *ends, 1.0, width_px)
    finger = cv2.GaussianBlur(finger, (0, 0), 4)
    ink = page_ink(on_paper(truth, 230 * (1 - 0.4 * finger)))
    assert mean_difference(ink, truth) < 0.06
    beside = cv2.dilate(truth, np.ones((9, 9), np.uint8)) == 0
    assert np.quantile(ink[beside & (finger > 0.05)], 0.95) < 0.1


def tinted(shape: tuple[int, int], colour: tuple, band: np.ndarray) -> np.ndarray:
    """White paper (H, W, 3) that lets through what a colour does, where the band is 1."""
    share = np.array(colour) / 255
    return np.full((*shape, 3), 245.0) * (1 - band[..., None] * (1 - share))


@pytest.mark.parametrize("colour", [(255, 250, 90), (255, 180, 80), (165, 242, 153)])
def test_a_highlighter_hides_nothing(write: Write, colour: tuple) -> None:
    truth = write(["4071", "2358"], height_px=50, pen_px=5)
    truth = cv2.copyMakeBorder(truth, 60, 60, 60, 160, cv2.BORDER_CONSTANT, value=0)
    band = np.zeros_like(truth)
    for y in (82, 104):
        cv2.line(band, (40, y), (truth.shape[1] - 90, y + 4), 1.0, 28, cv2.LINE_AA)
    page = tinted(truth.shape, colour, band) * (1 - 0.85 * truth[..., None])
    ink = page_ink(photographed(page, 0, noise=2))
    assert (ink[truth > 0.9] > 0.5).mean() > 0.95
    within = cv2.erode(band, np.ones((25, 25), np.uint8)) > 0.9
    far = cv2.dilate(truth, np.ones((9, 9), np.uint8)) < 0.02
    assert (ink[within & far] > 0.25).mean() < 0.02


def test_yellow_notes_on_a_desk_are_paper(write: Write) -> None:
    truth, page = np.zeros((680, 680), np.float32), np.full((680, 680, 3), 206.0)
    digit = trimmed(write(["4"], height_px=60, pen_px=5))
    for top, left in np.ndindex(4, 4):
        place = np.s_[40 + 160 * top : 160 + 160 * top, 40 + 160 * left : 160 + 160 * left]
        page[place] = (250, 235, 110)
        truth[place][20 : 20 + digit.shape[0], 20 : 20 + digit.shape[1]] = digit
    page *= 1 - 0.85 * truth[..., None]
    ink = page_ink(photographed(page, 0, noise=1))
    assert (ink[truth > 0.9] > 0.5).mean() > 0.95
    far = cv2.dilate(truth, np.ones((9, 9), np.uint8)) < 0.02
    assert (ink[far] > 0.25).mean() < 0.02


@pytest.mark.parametrize("pen_px", [12, 24])
def test_a_marker_of_a_light_colour_is_ink(write: Write, pen_px: int) -> None:
    """A yellow one is next to nothing in grey."""
    truth = write(["4071"], height_px=120, pen_px=pen_px)
    page = tinted(truth.shape, (255, 250, 90), truth)
    ink = page_ink(photographed(page, 0, noise=2))
    assert (ink[truth > 0.9] > 0.5).mean() > 0.95


@pytest.mark.parametrize("colour", [(255, 250, 90), (165, 242, 153), (255, 170, 190)])
def test_a_band_with_straight_edges_cuts_no_digit(write: Write, colour: tuple) -> None:
    truth = write(["40712"], height_px=80, pen_px=6)
    truth = cv2.copyMakeBorder(truth, 60, 60, 60, 60, cv2.BORDER_CONSTANT, value=0)
    foot = int(np.flatnonzero((truth > 0.5).any(axis=1))[-1])
    band = np.zeros_like(truth)
    band[foot - 40 : foot + 20, 40:-40] = 1
    page = tinted(truth.shape, colour, band) * (1 - 0.85 * truth[..., None])
    (line,) = find_lines(page_ink(photographed(page, 0, noise=1), by_rules))
    assert len(line) == 5
