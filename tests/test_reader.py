"""Reading with the bundle that ships: whatever form a picture comes in, the same is read."""

import contextlib
import itertools
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from inkdigits.bundle import Bundle, shipped_path
from inkdigits.errors import BadArrayError, BundleError, ConfigError, InputError
from inkdigits.reader import Reader
from inkdigits.reading import Box, Digit, Page, Status
from inkdigits.synthesis.strokes import draw_digit, synthetic_digits

CLOSE = 1e-5  # of a probability


@pytest.fixture(scope="module")
def reader() -> Reader:
    return Reader()


@pytest.fixture(scope="module")
def digits() -> tuple[np.ndarray, np.ndarray]:
    """(400, 28, 28) uint8, light on dark as MNIST is, and (400,) their classes."""
    return synthetic_digits(400, 11)


def written(*rows: str, height_px: int = 60, seed: int = 3) -> tuple[np.ndarray, list[list[Box]]]:
    """A page, dark on light, with the box of the ink of each digit."""
    rng = np.random.default_rng(seed)
    step = height_px + height_px // 2
    page = np.full((2 * step * len(rows), step * (max(map(len, rows)) + 1)), 255, np.uint8)
    boxes: list[list[Box]] = []
    for number, row in enumerate(rows):
        boxes.append([])
        for position, value in enumerate(row):
            top, left = 2 * step * number + step // 2, step * position + step // 2
            ink = np.round(255 * draw_digit(int(value), rng, height_px)).astype(np.uint8)
            page[top : top + height_px, left : left + height_px] -= ink
            boxes[-1].append(moved(ink_box(ink), left, top))
    return page, boxes


def ink_box(ink: np.ndarray) -> Box:
    rows, columns = np.flatnonzero((ink > 127).any(1)), np.flatnonzero((ink > 127).any(0))
    return Box(
        int(columns[0]),
        int(rows[0]),
        int(columns[-1] - columns[0] + 1),
        int(rows[-1] - rows[0] + 1),
    )


def moved(box: Box, x: int, y: int) -> Box:
    return box._replace(x=box.x + x, y=box.y + y)


def assert_near(box: Box, expected: Box, tolerance_px: int) -> None:
    edges = (box.x, box.y, box.right, box.bottom)
    assert edges == pytest.approx(
        (expected.x, expected.y, expected.right, expected.bottom), abs=tolerance_px
    )


def assert_same(read: list[Digit], expected: list[Digit]) -> None:
    assert [digit.value for digit in read] == [digit.value for digit in expected]
    ours = np.array([digit.probabilities for digit in read])
    np.testing.assert_allclose(ours, [digit.probabilities for digit in expected], atol=CLOSE)


def share_right(read: list[Digit], labels: np.ndarray) -> float:
    pairs = zip(read, labels, strict=True)
    return float(np.mean([digit.value == str(label) for digit, label in pairs]))


class TestManyDigits:
    def test_are_read_right(self, reader, digits):
        images, labels = digits
        assert share_right(reader.read_digits(images), labels) > 0.95

    def test_dark_on_light_is_the_same(self, reader, digits):
        images, _ = digits
        assert_same(reader.read_digits(255 - images), reader.read_digits(images))

    def test_dark_on_light_in_a_list_is_the_same(self, reader, digits):
        images = list(digits[0][:40])
        inverted = [255 - image for image in images]
        assert_same(reader.read_digits(inverted), reader.read_digits(images))

    def test_dark_and_light_may_be_mixed(self, reader, digits):
        images = digits[0].copy()
        images[::2] = 255 - images[::2]
        assert_same(reader.read_digits(images), reader.read_digits(digits[0]))

    @pytest.mark.parametrize("size", [1, 3, 255, 256, 257])
    def test_a_batch_is_the_same_as_each_by_itself(self, reader, digits, size):
        images = digits[0][:size]
        alone = [reader.read_digits(image[None])[0] for image in images[-5:]]
        assert_same(reader.read_digits(images)[-5:], alone)

    def test_a_batch_of_large_pictures_is_too(self, reader):
        rng = np.random.default_rng(1)
        images = [
            np.round(255 * draw_digit(value, rng, 400)).astype(np.uint8)
            for value in (3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8, 9, 7, 9, 3, 2, 3, 8, 4, 6, 2, 6, 4, 3)
        ]  # more pixels than one call of the graph takes
        alone = [reader.read_digits(image[None])[0] for image in images]
        assert_same(reader.read_digits(np.stack(images)), alone)
        mixed = [np.pad(image, ((0, 9 * index), (0, 0))) for index, image in enumerate(images)]
        alone = [reader.read_digits([picture])[0] for picture in mixed]
        assert_same(reader.read_digits(mixed), alone)
        assert_same(reader.read_digits(mixed[::-1]), alone[::-1])

    @pytest.mark.parametrize("size_px", [48, 160])
    @pytest.mark.parametrize("is_colour", [False, True])
    def test_an_array_of_photographs_is_read_as_a_list_of_them(self, reader, size_px, is_colour):
        """Their light is uneven, or their ink no darker than the paper, but of another colour."""
        rng = np.random.default_rng(2)
        y, x = np.mgrid[:size_px, :size_px] / size_px
        pictures = []
        for value in range(10):
            ink = draw_digit(value, rng, size_px)[..., None]
            paper = np.stack([200 + 0 * x, 60 + 0 * x, 60 + 0 * x], axis=2)
            pen = np.array([20, 160, 60])
            if not is_colour:
                paper, pen = (230 - 150 * x * y - 40 * y)[..., None], np.array([30])
            picture = paper + (np.minimum(pen, paper) if not is_colour else pen) * ink - paper * ink
            pictures.append(np.rint(picture).astype(np.uint8))
        assert_same(reader.read_digits(np.stack(pictures)), reader.read_digits(pictures))
        read = reader.read_digits(np.stack(pictures))
        assert sum(digit.value == str(value) for value, digit in enumerate(read)) >= 9

    @pytest.mark.parametrize(
        ("form", "convert"),
        [
            ("floats to 1", lambda images: images / 255),
            ("float32 to 1", lambda images: (images / 255).astype(np.float32)),
            ("floats to 255", lambda images: images.astype(np.float64)),
            ("16 bit", lambda images: images.astype(np.uint16) * 257),
            ("int64", lambda images: images.astype(np.int64)),
            ("one channel", lambda images: images[..., None]),
            ("RGB", lambda images: np.repeat(images[..., None], 3, axis=3)),
            ("RGB floats", lambda images: np.repeat(images[..., None], 3, axis=3) / 255),
            ("not contiguous", np.asfortranarray),
            ("read-only", lambda images: np.frombuffer(images.tobytes(), np.uint8)),
        ],
    )
    def test_any_form_of_the_pixels_is_the_same(self, reader, digits, form, convert):
        images = digits[0][:50]
        given = convert(images)
        if form == "read-only":
            given = given.reshape(images.shape)
        before = given.copy()
        assert_same(reader.read_digits(given), reader.read_digits(images))
        np.testing.assert_array_equal(given, before)

    def test_truth_is_black_and_white(self, reader, digits):
        is_light = digits[0][:50] > 127
        expected = reader.read_digits(np.where(is_light, 255, 0).astype(np.uint8))
        assert_same(reader.read_digits(is_light), expected)
        assert_same(reader.read_digits(is_light.astype(np.uint8)), expected)  # 0 and 1
        assert_same(reader.read_digits(is_light.astype(np.int64)), expected)

    @pytest.mark.parametrize("size_px", [28, 64])  # up to 40 px, all are read at once
    def test_a_mask_is_the_same_alone_and_beside_others(self, reader, size_px):
        rng = np.random.default_rng(4)
        photo, mask = (
            np.round(255 * draw_digit(of, rng, size_px)).astype(np.uint8) for of in (7, 4)
        )
        mask = (mask > 127).astype(np.uint8)
        expected = reader.read_digits([255 * mask])
        assert expected[0].value == "4"
        for together in (mask[None], np.stack([photo, mask]), [photo, mask]):
            assert_same(reader.read_digits(together)[-1:], expected)
        assert reader.read(mask, single=True).text == "4"

    @pytest.mark.parametrize("size_px", [28, 64])
    def test_what_is_too_faint_is_no_mask(self, reader, size_px):
        faint = np.zeros((2, size_px, size_px), np.float32)
        faint[:, 6:-6, size_px // 2] = [[1.0], [0.003]]
        assert [digit.status for digit in reader.read_digits(faint)][1] is Status.BLANK
        deep = np.rint(faint * 65_535).astype(np.uint16)
        assert [digit.status for digit in reader.read_digits(deep)][1] is Status.BLANK

    def test_sizes_in_one_list_may_differ(self, reader):
        rng = np.random.default_rng(2)
        values = [7, 0, 4, 2, 9, 1, 8, 3, 6, 5]
        sizes = [28, 300, 40, 25, 90, 600, 33, 28, 64, 150]
        pictures = []
        for value, size in zip(values, sizes, strict=True):
            ink = np.round(255 * draw_digit(value, rng, size)).astype(np.uint8)
            wide = np.pad(ink, ((3, 9), (size // 2, 5)))
            pictures.append(wide if value % 2 else 255 - wide)
        read = reader.read_digits(pictures)
        assert_same(read, [reader.read_digits([picture])[0] for picture in pictures])
        assert share_right(read, np.array(values)) >= 0.9
        boxes = [Box(0, 0, picture.shape[1], picture.shape[0]) for picture in pictures]
        assert [digit.box for digit in read] == boxes

    def test_a_list_may_hold_files_bytes_and_pillow_images(self, reader, digits, tmp_path):
        image = digits[0][0]
        path = tmp_path / "digit.png"
        Image.fromarray(image).save(path)
        forms: list[Any] = [image, path, str(path), path.read_bytes(), Image.fromarray(image)]
        read = reader.read_digits(iter(forms))
        assert_same(read, [read[0]] * 5)

    def test_agree_with_one_picture_read_as_single(self, reader, digits):
        images = list(digits[0][:20])
        alone = [reader.read(image, single=True).digits[0] for image in images]
        assert_same(reader.read_digits(images), alone)

    def test_channels_come_last(self, reader):
        with pytest.raises(BadArrayError, match=r"\(5, 3, 28, 28\).*np\.moveaxis\(images, 1, -1\)"):
            reader.read_digits(np.zeros((5, 3, 28, 28), np.uint8))

    def test_what_cannot_be_read_is_told_by_its_number(self, reader, digits):
        broken = np.full((28, 28), np.nan)
        with pytest.raises(BadArrayError, match=r"^Of picture 2, from 0: The array holds"):
            reader.read_digits([*digits[0][:2], broken])

    @pytest.mark.parametrize(
        "nothing",
        [[], (), iter([]), np.zeros((0, 28, 28), np.uint8), np.zeros((0, 28, 28, 1)), np.zeros(0)],
        ids=["list", "tuple", "iterator", "array", "array of channels", "flat array"],
    )
    def test_none_are_none(self, reader, nothing):
        assert reader.read_digits(nothing) == []

    def test_logits_are_those_of_the_probabilities(self, reader, digits):
        images = digits[0][:30]
        (_, logits, novelty), boxes, is_blank = reader.outputs(images)
        assert logits.shape == (30, 10)
        assert logits.dtype == np.float32
        assert boxes == [Box(0, 0, 28, 28)] * 30
        assert not is_blank.any()
        together = np.log(np.exp(logits.astype(np.float64)).sum(axis=1))
        none = (novelty + together)[:, None]  # the logit of "no digit"
        powers = np.exp(np.hstack([logits, none]) / reader.rule.temperature)
        expected = (powers / powers.sum(axis=1, keepdims=True))[:, :10]
        ours = [digit.probabilities for digit in reader.read_digits(images)]
        np.testing.assert_allclose(ours, expected, atol=CLOSE)


class TestBlank:
    @pytest.mark.parametrize("brightness", [0, 1, 128, 254, 255])
    @pytest.mark.parametrize("shape", [(1, 1), (28, 28), (1, 90), (300, 200), (50, 60, 3)])
    def test_a_constant_picture_is_blank_and_no_error(self, reader, brightness, shape):
        picture = np.full(shape, brightness, np.uint8)
        for page in (reader.read(picture), reader.read(picture, single=True)):
            assert page.status is Status.BLANK
            assert page.text == ""
        (digit,) = reader.read_digits([picture])
        assert (digit.value, digit.status) == ("", Status.BLANK)
        assert digit.box == Box(0, 0, shape[1], shape[0])

    def test_among_others_only_it_is_blank(self, reader, digits):
        images = digits[0][:5].copy()
        images[1], images[3] = 0, 255
        read = reader.read_digits(images)
        assert [digit.status is Status.BLANK for digit in read] == [False, True, False, True, False]
        assert_same(read[::2], reader.read_digits(images[::2]))
        in_a_list = reader.read_digits(list(images))
        assert [digit.value == "" for digit in in_a_list] == [False, True, False, True, False]


class TestRefusals:
    @pytest.mark.parametrize(
        ("given", "message"),
        [
            (np.zeros((28, 28), np.uint8), r"shape \(28, 28\).*many pictures.*\(n, H, W\).*a list"),
            (np.zeros(5, np.uint8), r"shape \(5,\).*many pictures"),
            (np.array(3, np.uint8), r"shape \(\).*many pictures"),
            (np.zeros((2, 2, 2, 2, 2), np.uint8), r"shape \(2, 2, 2, 2, 2\).*many pictures"),
            (np.zeros((2, 9, 9, 2), np.uint8), r"shape \(2, 9, 9, 2\).*\(n, H, W, 1 or 3\)"),
            ("digit.png", r"One str .*many pictures.*read\(…, single=True\)"),
            (Path("digit.png"), r"One \w*Path .*many pictures"),
            (b"\x89PNG", r"One bytes .*many pictures"),
            (Image.new("L", (28, 28)), r"One Image .*many pictures"),
            (None, r"One NoneType .*many pictures"),
            (7, r"One int .*many pictures"),
            ([7], r"of type int, which is no picture"),
            (np.zeros((2, 0, 28), np.uint8), r"no pixel"),
            (np.full((2, 9, 9), np.nan), r"NaN"),
            (np.full((2, 9, 9), -0.5), r"-0.5"),
            (np.full((2, 9, 9), 300.0), r"300"),
            (np.full((2, 9, 9), 70_000), r"70000|7e\+04"),
            (np.full((2, 9, 9), "ink"), r"dtype"),
            (np.zeros((2, 9, 9), complex), r"dtype complex128"),
        ],
    )
    def test_what_is_not_many_pictures(self, reader, given, message):
        with pytest.raises(BadArrayError, match=message):
            reader.read_digits(given)

    def test_a_missing_file_in_a_list_is_named(self, reader):
        with pytest.raises(InputError, match=r"nowhere\.png"):
            reader.read_digits([np.zeros((9, 9), np.uint8), "nowhere.png"])

    def test_a_promise_that_no_bundle_keeps(self):
        with pytest.raises(ConfigError, match="max_error is 1e-09"):
            Reader(max_error=1e-9)

    def test_a_bundle_that_is_not_there(self, tmp_path):
        with pytest.raises(BundleError, match="No such file"):
            Reader(tmp_path / "mine.digits")

    def test_an_opened_bundle_and_a_path_are_as_good(self, digits):
        images = digits[0][:3]
        expected = Reader().read_digits(images)
        assert Reader(Bundle.open()).read_digits(images) == expected
        assert Reader(shipped_path()).read_digits(images) == expected
        assert Reader(str(shipped_path())).read_digits(images) == expected


class TestDial:
    def test_a_stricter_promise_never_makes_more_digits_ok(self, digits):
        opened = Bundle.open()
        dial = opened.manifest["calibration"]["dial"]
        statuses = []
        for row in sorted(dial, key=lambda row: -row["max_error"]):
            read = Reader(opened, max_error=row["max_error"]).read_digits(digits[0])
            assert all(
                (digit.confidence >= row["threshold"]) == (digit.status is Status.OK)
                for digit in read
                if digit.status is not Status.REJECT
            )
            statuses.append(np.array([digit.status is Status.OK for digit in read]))
        for laxer, stricter in itertools.pairwise(statuses):
            assert not (stricter & ~laxer).any()
        assert statuses[0].any()


class TestPage:
    def test_lines_are_read_in_order_and_leading_zeros_live(self, reader):
        picture, _ = written("0071", "203", "00")
        page = reader.read(picture)
        assert page.text == "0071\n203\n00"
        assert page.to_dict()["lines"][0]["text"] == "0071"
        assert json.loads(page.to_json())["text"] == "0071\n203\n00"

    def test_light_on_dark_is_the_same(self, reader):
        picture, _ = written("407", "13")
        page, inverted = reader.read(picture), reader.read(255 - picture)
        assert inverted.text == page.text == "407\n13"
        assert [digit.box for digit in inverted.digits] == [digit.box for digit in page.digits]

    def test_colour_and_file_formats_make_no_difference(self, reader, tmp_path):
        picture, _ = written("407", "13")
        expected = reader.read(picture)
        path = tmp_path / "page.png"
        Image.fromarray(picture).save(path)
        blue_on_white = np.dstack([picture, picture, np.full_like(picture, 255)])
        for source in (path, str(path), path.read_bytes(), Image.open(path), blue_on_white):
            page = reader.read(source)
            assert page.text == expected.text
            assert [digit.box for digit in page.digits] == [d.box for d in expected.digits]

    def test_boxes_are_where_the_ink_is(self, reader):
        picture, boxes = written("4071", "23", height_px=70)
        page = reader.read(picture)
        assert page.text == "4071\n23"
        for line, expected in zip(page.lines, boxes, strict=True):
            for digit, box in zip(line.digits, expected, strict=True):
                assert_near(digit.box, box, tolerance_px=3)
            assert_near(line.box, Box.around(expected), tolerance_px=3)

    @pytest.mark.parametrize("margin", [0, 1, 3])
    @pytest.mark.parametrize("is_light", [False, True])
    def test_a_line_that_is_cut_out_close(self, reader, margin, is_light):
        """As tools leave it that cut up forms: strokes touch the border of the picture."""
        page, _ = written("407163", height_px=50)
        box = ink_box(255 - page)
        rows = slice(box.y - margin, box.bottom + margin)
        close = page[rows, box.x - margin : box.right + margin]
        look = reader.look(255 - close if is_light else close)
        assert look.page.text == "407163"
        assert look.ink.shape == close.shape
        for digit in look.page.digits:
            assert 0 <= digit.box.x < digit.box.right <= close.shape[1]
            assert 0 <= digit.box.y < digit.box.bottom <= close.shape[0]
            inside = look.ink[digit.box.y : digit.box.bottom, digit.box.x : digit.box.right]
            assert inside.max() > 0.9

    def test_what_a_photograph_cuts_off_is_for_review(self, reader):
        page, boxes = written("2726", height_px=60, seed=5)
        cut = min(box.bottom for box in boxes[0]) - 2  # so that all lack their feet
        light = np.linspace(1, 0.7, page.shape[1])  # no margin is put about a shadow
        noise = np.random.default_rng(0).normal(0, 3, (cut, page.shape[1]))
        photograph = np.clip((page[:cut] * 0.6 + 70) * light + noise, 0, 255).astype(np.uint8)
        [line] = reader.read(photograph).lines
        for box in boxes[0]:  # none vanishes, even if half a 6 is anything
            assert any(box.x < digit.box.right and digit.box.x < box.right for digit in line.digits)
        assert Status.OK not in {digit.status for digit in line.digits}

    def test_slivers_of_a_table_beside_clean_paper_are_no_digits(self, reader):
        page, _ = written("5075", height_px=80)
        height, width = page.shape
        page = np.hstack([page, np.full((height, 2 * width), 255, np.uint8)])
        turn = cv2.getRotationMatrix2D((1.5 * width, height / 2), 3, 1)
        turned = cv2.warpAffine(page, turn, page.shape[::-1], borderValue=70)
        assert reader.read(turned).text == "5075"

    def test_the_rim_of_a_window_stays_at_the_border(self, reader):
        page, _ = written("56", height_px=150)
        drawn = cv2.dilate(255 - page, np.ones((15, 15), np.uint8))
        drawn[:2] = 255
        assert reader.read(drawn).text == "56"

    @pytest.mark.parametrize("height_px", [60, 200, 300])
    def test_a_thin_frame_does_not_make_large_digits_small(self, reader, height_px):
        page, _ = written("52", height_px=height_px)
        page = page.copy()
        cv2.rectangle(page, (4, 4), (page.shape[1] - 5, page.shape[0] - 5), 0, 2)
        assert reader.read(page).text == "52"

    def test_what_was_rubbed_out_is_never_sure(self, reader):
        fresh, _ = written("4072", "9358", seed=5)
        rubbed, _ = written("61", seed=7)
        page = np.full((fresh.shape[0] + 150, fresh.shape[1]), 240, np.uint8)
        page[: fresh.shape[0]] -= (255 - fresh) // 5 * 4
        height, width = rubbed.shape
        page[-height:, :width] -= (255 - rubbed) // 5
        noisy = page + np.random.default_rng(0).normal(0, 2, page.shape)
        read = reader.read(np.clip(noisy, 0, 255).astype(np.uint8))
        certain = [digit.value for digit in read.digits if digit.status is Status.OK]
        assert "".join(certain) == "40729358"

    def test_a_drawn_curve_does_not_make_the_numbers_at_its_axes_small(self, reader):
        numbers, _ = written("10", "20", "30", "40", height_px=40)
        page = np.full((numbers.shape[0] + 40, 760), 255, np.uint8)
        page[: numbers.shape[0], : numbers.shape[1]] = numbers
        right, bottom = 730, page.shape[0] - 20
        cv2.line(page, (150, 10), (150, bottom), 0, 3)
        cv2.line(page, (150, bottom), (right, bottom), 0, 3)
        x = np.arange(150, right)
        curve = np.column_stack([x, bottom - (x - 150.0) ** 2 / (right - 150) ** 2 * bottom * 0.95])
        cv2.polylines(page, [np.rint(curve).astype(np.int32)], False, 0, 4, cv2.LINE_AA)
        assert reader.read(page).text.split("\n")[:4] == ["10", "20", "30", "40"]

    def test_large_digits_beside_a_notice_in_small_print(self, reader):
        number, _ = written("4072", height_px=120)
        page = np.full((number.shape[0] + 330, 1100), 255, np.uint8)
        page[: number.shape[0], : number.shape[1]] = number
        for row in range(16):
            place = 20, number.shape[0] + 18 + 19 * row
            text = "the small print of a notice that hangs beside it on a board, whatever it says"
            cv2.putText(page, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.5, 0, 1, cv2.LINE_AA)
        certain = [of.value for of in reader.read(page).digits if of.status is Status.OK]
        assert "".join(certain) == "4072"

    @pytest.mark.parametrize("size", [0.6, 1.0, 1.4])
    @pytest.mark.parametrize("font", [cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_COMPLEX])
    def test_print_is_no_digits_and_a_number_among_it_is(self, reader, font, size):
        print_of = [
            "The quick brown fox jumps over a lazy dog while",
            "the judge reads every answer and writes remarks",
            "beside them. Please hand in your paper before",
        ]
        picture = np.full((round(240 * size) + 110, round(1040 * size)), 245, np.uint8)
        number, _ = written("4072", height_px=60)
        height, width = number.shape[:2]
        picture[-height:, :width] = number
        for row, text in enumerate(print_of):
            place = round(15 * size), round((50 + 60 * row) * size)
            cv2.putText(picture, text, place, font, size, 20, max(1, round(2 * size)), cv2.LINE_AA)
        page = reader.read(picture)
        certain = [digit.value for digit in page.digits if digit.status is Status.OK]
        assert "".join(certain) == "4072"
        assert page.text.endswith("4072")
        letters = sum(map(str.isalpha, "".join(print_of)))
        assert len(page.text.replace("\n", "")) <= 4 + 0.05 * letters

    def test_boxes_are_in_pixels_of_the_page_however_large(self, reader):
        """12 megapixels are read at a quarter of that; the boxes must not tell."""
        rng = np.random.default_rng(8)
        picture = np.full((3000, 4000), 240, np.uint8)
        places = {"2": (300, 250), "3": (700, 260), "0": (1100, 245), "7": (3600, 2600)}
        expected = []
        for value, (left, top) in places.items():
            ink = np.round(235 * draw_digit(int(value), rng, 260)).astype(np.uint8)
            picture[top : top + 260, left : left + 260] -= ink
            expected.append(moved(ink_box(ink), left, top))
        look = reader.look(picture)
        assert look.ink.size < picture.size / 2, "the page was not scaled: make it larger"
        assert look.page.text == "230\n7"
        for digit, box in zip(look.page.digits, expected, strict=True):
            assert_near(digit.box, box, tolerance_px=8)

    def test_the_box_of_a_single_digit_is_that_of_its_ink(self, reader):
        ink = np.round(255 * draw_digit(5, np.random.default_rng(4), 900)).astype(np.uint8)
        picture = np.pad(255 - ink, ((100, 0), (0, 500)), constant_values=255)
        page = reader.read(picture, single=True)
        assert page.text == "5"
        assert_near(page.digits[0].box, moved(ink_box(ink), 0, 100), tolerance_px=8)

    def test_a_single_digit_of_two_parts_stays_one(self, reader):
        picture = np.full((100, 80), 255, np.uint8)
        picture[10:45, 35:42] = 0
        picture[55:90, 35:42] = 0  # a 1 whose pen skipped
        assert len(reader.read(picture, single=True).digits) == 1

    def test_the_document_has_the_published_keys(self, reader):
        document = json.loads(reader.read(written("40", "7")[0], name="marks/é.png").to_json())
        assert list(document) == [
            *("source", "text", "status", "note", "turned_deg", "lines", "model", "elapsed_ms")
        ]
        assert document["source"] == "marks/é.png"
        assert document["model"] == Bundle.open().name
        assert document["elapsed_ms"] > 0
        assert document["status"] in [str(status) for status in Status]
        for line in document["lines"]:
            assert list(line) == ["text", "box", "digits"]
            for digit in line["digits"]:
                assert list(digit) == ["value", "status", "confidence", "box", "alternatives"]
                assert re.fullmatch("[0-9]", digit["value"])
                assert 0 <= digit["confidence"] <= 1
                assert [type(side) for side in digit["box"]] == [int] * 4
                for other in digit["alternatives"]:
                    assert list(other) == ["value", "confidence"]
                    assert other["value"] != digit["value"]

    def test_a_page_is_named_after_its_source(self, reader, tmp_path):
        path = tmp_path / "page.png"
        Image.fromarray(written("4")[0]).save(path)
        assert reader.read(path).source == str(path)
        assert reader.read(str(path)).source == str(path)
        assert reader.read(path, name="mine").source == "mine"
        assert reader.read(path.read_bytes()).source == "<bytes>"
        assert reader.read(np.zeros((9, 9), np.uint8)).source == "<ndarray>"

    @pytest.mark.parametrize("single", [False, True])
    def test_a_look_keeps_what_explains_the_reading(self, reader, single):
        picture, _ = written("407")
        look = reader.look(picture, single=single)
        np.testing.assert_array_equal(look.picture, picture)
        assert look.glyphs.shape == (len(look.page.digits), 28, 28)
        assert look.glyphs.min() >= 0
        assert look.glyphs.max() <= 1.001
        assert (look.glyphs.sum(axis=(1, 2)) > 5).all()
        assert look.ink.ndim == 2

    def test_without_a_stroke_finder_rules_take_away_what_was_printed(self):
        picture, _ = written("4071", "2359")
        height, width = picture.shape
        for at in range(15, max(height, width), 60):  # squared paper
            cv2.line(picture, (0, at), (width, at), 100, 2)
            cv2.line(picture, (at, 0), (at, height), 100, 2)
        whole = Bundle.open()
        plain = Bundle(whole.manifest, whole.graph, lines=whole.lines)
        assert not plain.has_strokes
        assert Reader(plain).read(picture).text == "4071\n2359"

    def test_a_ring_on_squared_paper_is_no_0(self, reader):
        """The squares tie it to everything else, until they are taken away."""
        page = np.full((700, 1000, 3), 235.0)
        for at in range(40, 1000, 70):
            cv2.line(page, (0, at), (1000, at + 8), (200, 150, 120), 2)
            cv2.line(page, (at, 0), (at - 8, 700), (200, 150, 120), 2)
        rng = np.random.default_rng(8)
        digits = [(value, 100 + 90 * place, 80, 110) for place, value in enumerate((4, 0, 7, 1, 9))]
        for value, x, y, side_px in (*digits, (5, 665, 445, 70)):
            place = page[y : y + side_px, x : x + side_px]
            place -= np.minimum(200 * draw_digit(value, rng, side_px)[..., None], place)
        cv2.circle(page, (700, 480), 60, (30, 30, 30), 4)
        picture = page.round().astype(np.uint8)
        assert reader.read(picture).text == "40719\n5"

    def test_what_was_given_is_not_changed(self, reader):
        picture, _ = written("407")
        before = picture.copy()
        reader.read(picture)
        reader.read(picture, single=True)
        np.testing.assert_array_equal(picture, before)


class TestPages:
    @pytest.fixture
    def scan(self, tmp_path) -> Path:
        path = tmp_path / "scan.tif"
        first, *others = [Image.fromarray(written(row)[0]) for row in ("407", "13", "2")]
        first.save(path, save_all=True, append_images=others, compression="tiff_lzw")
        return path

    def test_each_page_of_a_tiff_is_a_page(self, reader, scan):
        pages = list(reader.read_pages(scan))
        assert [page.text for page in pages] == ["407", "13", "2"]
        assert [page.source for page in pages] == [f"{scan}#{number}" for number in (1, 2, 3)]
        assert reader.read(scan) == replace(pages[0], source=str(scan))

    def test_a_damaged_one_says_so_and_loses_no_other(self, reader, scan):
        content = bytearray(scan.read_bytes())
        with Image.open(scan) as image:
            image.seek(1)
            start = image.tag_v2[273][0]
        content[start : start + 30] = bytes(30)
        first, second, third = reader.read_pages(bytes(content), name="scan")
        assert (first.text, third.text) == ("407", "2")
        assert (second.source, second.text, second.status) == ("scan#2", "", Status.REJECT)
        assert "truncated or damaged" in second.note

    def test_any_other_picture_is_one(self, reader):
        picture, _ = written("407")
        (page,) = reader.read_pages(picture, name="mine")
        assert page == reader.read(picture, name="mine")
        with pytest.raises(InputError):
            list(reader.read_pages(b"no picture"))


class TestCrowds:
    def test_thousands_of_marks_are_not_read_and_it_is_said_why(self, reader):
        rng = np.random.default_rng(0)
        picture = np.full((1200, 1400), 255, np.uint8)
        for top in range(10, 1180, 20):
            for left in range(10, 1380, 20):
                ends = rng.integers(0, 14, (3, 2)) + np.array([left, top])
                cv2.polylines(picture, [ends.astype(np.int32)], isClosed=False, color=0)
        page = reader.read(picture)
        assert page.status is Status.REJECT
        assert "too many marks" in page.note
        assert len(page.text) < 40  # of some 4,000


class TestOneLine:
    @staticmethod
    def stairs() -> np.ndarray:
        """4, 0 and 7, each a whole digit lower than the one before."""
        rng = np.random.default_rng(3)
        page = np.full((330, 330), 255, np.uint8)
        for step, value in enumerate((4, 0, 7)):
            ink = np.round(255 * draw_digit(value, rng, 80)).astype(np.uint8)
            page[20 + 95 * step : 100 + 95 * step, 20 + 95 * step : 100 + 95 * step] -= ink
        return page

    def test_a_page_has_a_line_for_each_step(self, reader):
        assert reader.read(self.stairs()).text == "4\n0\n7"

    def test_a_line_is_read_from_left_to_right_however_uneven(self, reader):
        assert reader.read(self.stairs(), line=True).text == "407"

    def test_geometry_alone_does_so_too(self, reader, monkeypatch):
        monkeypatch.setattr(reader, "rule", replace(reader.rule, rejects=False))
        assert reader.read(self.stairs(), line=True).text == "407"


class TestAnything:
    """Nothing that has pixels makes it crash, and no box leaves the page."""

    @given(
        picture=st.one_of(
            arrays.arrays(np.uint8, st.tuples(st.integers(1, 40), st.integers(1, 40))),
            arrays.arrays(np.uint8, st.tuples(st.integers(1, 12), st.integers(1, 12), st.just(3))),
        ),
        single=st.booleans(),
        zoom=st.sampled_from([1, 1, 3, 8]),
    )
    @settings(max_examples=120)
    def test_is_a_page(self, reader, picture, single, zoom):
        picture = cv2.resize(picture, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_NEAREST)
        height, width = picture.shape[:2]
        page = reader.read(picture, single=single)
        assert isinstance(page, Page)
        assert json.loads(page.to_json())["text"] == page.text
        for line in page.lines:
            assert line.digits
            for digit in line.digits:
                assert digit.value in "0123456789"
                assert digit.status is not Status.BLANK
                assert min(digit.probabilities) >= 0
                assert sum(digit.probabilities) <= 1 + 1e-4  # the rest: it is no digit
                assert digit.box.x >= 0
                assert digit.box.y >= 0
                assert digit.box.width >= 1
                assert digit.box.height >= 1
                assert digit.box.right <= width
                assert digit.box.bottom <= height

    @given(
        array=arrays.arrays(
            st.one_of(arrays.scalar_dtypes(), arrays.unicode_string_dtypes()),
            arrays.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=9),
        ),
        single=st.booleans(),
    )
    @settings(max_examples=150)
    def test_any_array_is_a_page_or_refused(self, reader, array, single):
        """Of any dtype, shape and value: NaN, negative, complex, dates, text."""
        for read in (
            lambda: [reader.read(array, single=single)],
            lambda: reader.read_digits(array),
        ):
            with contextlib.suppress(InputError):
                assert all(isinstance(one, Page | Digit) for one in read())

    @given(
        content=st.one_of(
            st.binary(max_size=200),
            st.tuples(
                st.sampled_from(
                    [b"II*\0", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF89a", b"BM"]
                ),
                st.binary(max_size=200),
            ).map(b"".join),
        )
    )
    @settings(max_examples=100)
    def test_any_bytes_are_pages_or_refused(self, reader, content):
        with contextlib.suppress(InputError):
            assert all(isinstance(page, Page) for page in reader.read_pages(content))

    @given(
        images=arrays.arrays(
            np.uint8, st.tuples(st.integers(1, 4), st.integers(1, 30), st.integers(1, 30))
        )
    )
    @settings(max_examples=60)
    def test_is_many_digits(self, reader, images):
        read = reader.read_digits(images)
        assert len(read) == len(images)
        constant = images.reshape(len(images), -1)
        for digit, pixels in zip(read, constant, strict=True):
            if pixels.min() == pixels.max():
                assert digit.status is Status.BLANK
            assert (digit.value == "") == (digit.status is Status.BLANK)


def test_a_picture_is_one_digit_or_one_line(reader):
    picture, _ = written("4")
    with pytest.raises(ConfigError, match="one digit or one line"):
        reader.read(picture, single=True, line=True)
