"""Pages whose layout is known come apart into their digits, in reading order."""

import time
from collections.abc import Callable

import cv2
import numpy as np
import pytest

from inkdigits.imaging.ink import page_ink
from inkdigits.imaging.segment import find_atoms, find_lines
from inkdigits.reading import Box
from inkdigits.synthesis.scribe import trimmed

Write = Callable[..., np.ndarray]
TEXT = ["4071", "235", "98645013"]


def counts(ink: np.ndarray) -> list[int]:
    return [len(line) for line in find_lines(ink)]


@pytest.mark.parametrize("seed", range(8))
def test_lines_and_digits(write: Write, seed: int) -> None:
    lines = find_lines(write(TEXT, seed=seed))
    assert [len(line) for line in lines] == [4, 3, 8]
    for line in lines:
        middles = [segment.box.x + segment.box.width / 2 for segment in line]
        assert middles == sorted(middles)
    assert [line[0].box.y for line in lines] == sorted(line[0].box.y for line in lines)


@pytest.mark.parametrize("height_px", [10, 20, 80, 300])
def test_digits_of_any_size(write: Write, height_px: int) -> None:
    assert counts(write(["4071", "25"], height_px=height_px, pen_px=height_px / 12)) == [4, 2]


@pytest.mark.parametrize("tilt", [-0.12, -0.05, 0.05, 0.12])
def test_lines_that_are_tilted(write: Write, tilt: float) -> None:
    assert counts(write(["4071235986", "2358640719"], tilt=tilt)) == [10, 10]


def test_a_gap_within_a_line(write: Write) -> None:
    assert counts(write(["407   123", "55     58"])) == [6, 4]


def test_crops_hold_one_digits_own_ink(write: Write) -> None:
    ink = write(["4711"], gap=0.05, seed=3)
    (line,) = find_lines(ink)
    assert len(line) == 4
    whole = np.zeros_like(ink)
    for segment in line:
        box = segment.box
        assert isinstance(box, Box)
        assert segment.ink.shape == (box.height, box.width)
        assert segment.ink.dtype == np.float32
        assert segment.ink.max() == 1
        assert all(type(side) is int for side in box)
        whole[box.y : box.bottom, box.x : box.right] += segment.ink
    np.testing.assert_allclose(whole, ink, atol=0.13)  # each stroke in one crop, and only once


def test_a_faint_digit_comes_out_at_full_strength(write: Write) -> None:
    ink = write(["4071"])
    ink[:, ink.shape[1] // 2 :] *= 0.5
    (line,) = find_lines(ink)
    assert [round(float(segment.ink.max()), 3) for segment in line] == [1, 1, 1, 1]


def test_strokes_of_one_digit_are_joined() -> None:
    ink = np.zeros((80, 300), np.float32)
    for x in (20, 80, 140):  # an angle and a bar that do not touch: a 4
        cv2.polylines(ink, [np.array([(x + 8, 20), (x, 45), (x + 24, 45)])], False, 1, 3)
        cv2.line(ink, (x + 18, 28), (x + 18, 39), 1, 3)
        cv2.line(ink, (x + 18, 51), (x + 18, 62), 1, 3)
    five = [(222, 26), (220, 38), (234, 38), (238, 52), (226, 60), (216, 58)]
    cv2.polylines(ink, [np.array(five)], False, 1, 3)
    cv2.line(ink, (225, 18), (242, 18), 1, 3)  # its bar, above and to the right
    assert counts(ink) == [4]


def test_specks_between_rows_do_not_chain_them() -> None:
    """As what is left of a table's lines: three bars of one column, a speck in each gap."""
    ink = np.zeros((130, 120), np.float32)
    for left in (20, 60, 100):
        for top in (10, 51, 92):
            ink[top : top + 30, left : left + 5] = 1
    for top in (42, 83):
        ink[top : top + 8, 99:106] = 1
    lines = find_lines(ink)
    assert [len(line) for line in lines] == [3, 3, 3]
    assert all(30 <= segment.box.height <= 42 for line in lines for segment in line)


def test_specks_dashes_and_rules_are_no_digits(write: Write) -> None:
    ink = write(["4071", "2359"], height_px=40)
    rng = np.random.default_rng(0)
    for _ in range(60):
        y, x = rng.integers(0, ink.shape[0] - 2), rng.integers(0, ink.shape[1] - 2)
        ink[y : y + 2, x : x + 2] = np.maximum(ink[y : y + 2, x : x + 2], 0.9)
    ink[89:91, 8:-8] = 1  # a rule between the lines
    assert counts(ink) == [4, 4]


@pytest.mark.parametrize("seed", range(4))
def test_commas_are_no_digits(write: Write, seed: int) -> None:
    ink = write(["4071", "98645"], gap=0.6, seed=seed)
    for line in find_lines(ink):
        box = line[1].box
        start, end = (box.right + 8, box.bottom - 3), (box.right + 5, box.bottom + 6)
        cv2.line(ink, start, end, 1.0, 3)
    assert counts(ink) == [4, 5]
    assert len(find_atoms(ink).lines) == 2


def test_a_pen_that_lies_on_the_page_does_not_hide_its_digits(write: Write) -> None:
    ink = write(["407", "19"], height_px=40, pen_px=4)
    ink = cv2.copyMakeBorder(ink, 100, 150, 20, 250, cv2.BORDER_CONSTANT, value=0)
    height, width = ink.shape
    cv2.line(ink, (width - 20, 20), (width - 200, height - 20), 1.0, 14, cv2.LINE_AA)
    lines = find_lines(ink)
    assert [len(line) for line in lines if line[0].box.height < 60] == [3, 2]


def test_ticks_beside_a_large_digit_do_not_set_the_scale(write: Write) -> None:
    digit = trimmed(write(["7"], height_px=230, pen_px=14))
    ink = np.pad(digit, ((30, 90), (60, 60)))
    for x in range(40, 40 + 5 * 40, 40):
        cv2.line(ink, (x, ink.shape[0] - 50), (x + 4, ink.shape[0] - 24), 1.0, 4, cv2.LINE_AA)
    assert max(segment.box.height for line in find_lines(ink) for segment in line) > 200


def test_a_drawing_beside_digits_does_not_set_the_scale(write: Write) -> None:
    """As that of a resistor beside its ohms: it is three times as high as they are."""
    digits = trimmed(write(["753"], height_px=40, pen_px=5, gap=0.3))
    ink = np.zeros((170, digits.shape[1] + 90), np.float32)
    ink[60 : 60 + digits.shape[0], 80 : 80 + digits.shape[1]] = digits
    points = [(40 + 20 * (-1) ** k, 10 + 15 * k) for k in range(11)]
    cv2.polylines(ink, [np.array(points, np.int32)], False, 1.0, 5, cv2.LINE_AA)
    (line,) = find_lines(ink)
    assert [segment.box.x >= 80 for segment in line] == [False, True, True, True]
    assert find_atoms(ink).lines[0].height_px == pytest.approx(44, abs=4)


def test_dots_beside_a_digit_do_not_set_the_scale(write: Write) -> None:
    digit = trimmed(write(["4"], height_px=120, pen_px=10))
    ink = np.zeros((160, 300), np.float32)
    ink[20 : 20 + digit.shape[0], 20 : 20 + digit.shape[1]] = digit
    for x in (170, 220, 270):
        cv2.circle(ink, (x, 120), 16, 1.0, -1, cv2.LINE_AA)
    assert find_atoms(ink).lines[0].height_px > 100


def test_frames_around_digits_are_no_digits(write: Write) -> None:
    ink = write(["4071"], height_px=40)
    height, width = ink.shape
    cv2.rectangle(ink, (6, 6), (width - 7, height - 7), 1, 2)
    assert counts(ink) == [4]


def test_rims_are_no_digits(write: Write) -> None:
    ink = write(["4071"], height_px=40)
    ink[:, :4] = 1
    ink[-3:, 20:90] = 1
    assert counts(ink) == [4]


def test_digits_whose_feet_or_heads_are_cut_off_are_no_rims(write: Write) -> None:
    cut = np.flatnonzero(write(["2222"], height_px=60, pen_px=4).any(axis=1))[-1]
    assert counts(write(["2222"], height_px=60, pen_px=4)[:cut]) == [4]
    head = np.flatnonzero(write(["5755"], height_px=60, pen_px=4).any(axis=1))[0]
    assert counts(write(["5755"], height_px=60, pen_px=4)[head + 1 :]) == [4]


def test_a_thumb_at_the_border_is_a_rim_however_deep() -> None:
    ink = np.zeros((60, 60), np.float32)
    ink[:20, 20:40] = 1
    assert find_lines(ink) == []


@pytest.mark.parametrize("shape", [(1, 1), (1, 500), (3, 3), (40, 40)])
@pytest.mark.parametrize("level", [0.0, 0.2, 1.0])
def test_pages_without_marks(shape: tuple, level: float) -> None:
    assert find_lines(np.full(shape, level, np.float32)) == []


def test_a_single_digit_is_a_line(write: Write) -> None:
    for value in "0123456789":
        assert counts(write([value], height_px=60, pen_px=6)) == [1]


@pytest.mark.parametrize("share", [0.02, 0.1, 0.5])
def test_thousands_of_specks_end_soon(share: float) -> None:
    noise = np.random.default_rng(0).random((1000, 1500)) < share
    began = time.process_time()
    num_segments = sum(counts(noise.astype(np.float32)))
    assert time.process_time() - began < 10  # measured: 1; a bound against accidents
    assert num_segments <= 3_000


def test_thousands_of_digit_like_marks_end_soon() -> None:
    ink = np.zeros((1200, 1600), np.float32)
    for x in range(0, 1600, 8):
        ink[np.arange(1200) % 12 < 8, x : x + 3] = 1
    began = time.process_time()
    assert sum(counts(ink)) <= 3_000
    assert time.process_time() - began < 10


def test_random_ink_gives_crops_within_the_page() -> None:
    rng = np.random.default_rng(0)
    for _ in range(60):
        height, width = rng.integers(1, 90, 2)
        ink = rng.random((height, width)).astype(np.float32)
        ink = cv2.GaussianBlur(ink, (0, 0), rng.uniform(0.5, 4))
        ink = np.clip((ink - ink.mean()) * 8, 0, 1)
        for line in find_lines(ink):
            assert line
            for box, crop in line:
                assert min(box.x, box.y) >= 0
                assert box.right <= width
                assert box.bottom <= height
                assert np.isfinite(crop).all()


@pytest.mark.parametrize("seed", range(6))
def test_photographed_pages(write: Write, seed: int) -> None:
    rng = np.random.default_rng(seed)
    truth = cv2.GaussianBlur(
        write(TEXT, height_px=int(rng.integers(24, 60)), seed=seed), (0, 0), 0.7
    )
    y, x = np.mgrid[: truth.shape[0], : truth.shape[1]]
    light = 215 - 90 * (x * rng.uniform(-1, 1) / x.max() + y * rng.uniform(0, 1) / y.max()) / 2
    colour = np.array([1, rng.uniform(0.85, 1), rng.uniform(0.6, 1)])
    pen = rng.uniform(0.1, 0.6)
    page = light[..., None] * colour * (1 - (1 - pen) * truth[..., None])
    page += rng.normal(0, 5, page.shape)
    page = np.clip(page if seed % 2 else 255 - page, 0, 255).astype(np.uint8)
    _, jpeg = cv2.imencode(".jpg", page, [cv2.IMWRITE_JPEG_QUALITY, 70])
    assert counts(page_ink(cv2.imdecode(jpeg, cv2.IMREAD_COLOR))) == [4, 3, 8]
