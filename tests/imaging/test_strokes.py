"""What a network that finds strokes is shown, and what is made of its answer."""

import itertools
from collections.abc import Callable

import cv2
import numpy as np
import pytest

from inkdigits.imaging.ink import page_ink
from inkdigits.imaging.strokes import (
    DARKEST,
    PALEST,
    STEP_PX,
    find_strokes,
    fitting,
    normalised,
)
from inkdigits.synthesis.scribe import trimmed

Write = Callable[..., np.ndarray]


def whatever_is_dark(seen: np.ndarray) -> np.ndarray:
    """A network that takes everything dark for a stroke."""
    return np.where(seen > 0.5, 9.0, -9.0).astype(np.float32)


def paper_alone(missing: np.ndarray) -> np.ndarray:
    return np.zeros(missing.shape, bool)


def found_by(
    missing: np.ndarray, ink: np.ndarray, network: Callable[[np.ndarray], np.ndarray]
) -> np.ndarray:
    """The strokes of a picture that is nothing but paper."""
    return find_strokes(network, missing, ink, paper_alone(missing))


def nothing(seen: np.ndarray) -> np.ndarray:
    return np.full(seen.shape, -9.0, np.float32)


class TestNormalised:
    @pytest.mark.parametrize("strength", [0.1, 0.4, 0.9])
    def test_pencil_and_pen_look_alike(self, write: Write, strength: float) -> None:
        ink = write(["4"], height_px=60, pen_px=5)
        seen = normalised(ink * np.float32(strength), paper_alone(ink))
        assert seen is not None
        np.testing.assert_allclose(seen, normalised(ink, paper_alone(ink)), atol=0.02)

    def test_within_its_limits(self) -> None:
        missing = np.random.default_rng(0).normal(0, 2, (50, 60)).astype(np.float32)
        seen = normalised(missing, paper_alone(missing))
        assert seen is not None
        assert seen.dtype == np.float32
        assert seen.min() == np.float32(PALEST)
        assert seen.max() == np.float32(DARKEST)

    def test_what_lies_beside_the_paper_does_not_make_the_strokes_pale(self, write: Write) -> None:
        ink = write(["4"], height_px=60, pen_px=5) * np.float32(0.2)
        beside = np.zeros(ink.shape, bool)
        beside[:10] = True
        seen = normalised(np.where(beside, np.float32(0.9), ink), beside)
        assert seen is not None
        np.testing.assert_allclose(seen[20:], normalised(ink, paper_alone(ink))[20:], atol=0.02)
        assert (seen[:10] == 1).all()

    def test_paper_alone_is_nothing(self) -> None:
        missing = np.full((40, 40), 0.01, np.float32)
        assert normalised(missing, paper_alone(missing)) is None


class TestFindStrokes:
    @pytest.mark.parametrize("shape", [(1, 1), (5, 70), (32, 64), (33, 100), (101, 31)])
    def test_the_network_sees_whole_steps_and_the_page_gets_its_own_size(
        self, shape: tuple[int, int]
    ) -> None:
        sides = []

        def network(seen: np.ndarray) -> np.ndarray:
            sides.append(seen.shape)
            return whatever_is_dark(seen)

        missing = np.zeros(shape, np.float32)
        missing[: min(shape[0] // 2 + 1, 6), : shape[1] // 2 + 1] = 0.5
        ink = found_by(missing, missing, network)
        assert ink.shape == shape
        assert ink.dtype == np.float32
        assert len(sides) == 1
        assert all(side % STEP_PX == 0 for side in sides[0])
        assert ink[0, 0] == pytest.approx(1, abs=0.01)
        assert not ink[8:].any()

    def test_thick_strokes_are_seen_from_afar_and_come_back_where_they_were(
        self, write: Write
    ) -> None:
        ink = write(["3"], height_px=350, pen_px=35)
        seen_px = []

        def network(seen: np.ndarray) -> np.ndarray:
            seen_px.append(seen.size)
            return whatever_is_dark(seen)

        found = found_by(ink, ink, network)
        assert seen_px[0] < ink.size / 10
        assert ((found > 0.5) == (ink > 0.5)).mean() > 0.98

    def test_out_of_focus_it_is_seen_from_afar_and_comes_back_where_it_was(
        self, write: Write
    ) -> None:
        ink = write(["3"], height_px=100, pen_px=8)
        shapes = []

        def network(seen: np.ndarray) -> np.ndarray:
            shapes.append(seen.shape)
            return whatever_is_dark(seen)

        for sigma_px in (1, 4):
            soft = cv2.GaussianBlur(ink, (0, 0), sigma_px)
            soft /= soft.max()
            found = found_by(soft, soft, network)
            assert ((found > 0.5) == (soft > 0.5)).mean() > 0.97
        sharp, soft = (max(shape) for shape in shapes)
        assert sharp == -(-max(ink.shape) // STEP_PX) * STEP_PX
        assert soft < 0.8 * sharp

    @pytest.mark.parametrize(("pen_px", "sides"), [(8, (1248, 1248)), (1, (2016, 2016))])
    def test_a_large_page_is_seen_smaller_unless_its_strokes_are_fine(
        self, write: Write, pen_px: int, sides: tuple[int, int]
    ) -> None:
        ink = np.zeros((2_000, 2_000), np.float32)
        digit = write(["3"], height_px=90, pen_px=pen_px)
        ink[500 : 500 + digit.shape[0], 900 : 900 + digit.shape[1]] = digit
        shapes = []

        def network(seen: np.ndarray) -> np.ndarray:
            shapes.append(seen.shape)
            return whatever_is_dark(seen)

        found = found_by(ink, ink, network)
        assert shapes == [sides]
        assert 0 <= sides[0] - found.shape[0] < STEP_PX  # and so it is read
        ink = cv2.resize(ink, found.shape[::-1], interpolation=cv2.INTER_AREA)
        assert (found > 0.5)[ink > 0.5].mean() > 0.95
        assert (found > 0.5).sum() < 1.1 * (ink > 0.5).sum()

    def test_out_of_focus_a_large_page_is_seen_from_further_away(self, write: Write) -> None:
        digit = write(["3"], height_px=200, pen_px=8)
        ink = np.zeros((1_600, 2_000), np.float32)
        ink[500 : 500 + digit.shape[0], 900 : 900 + digit.shape[1]] = digit
        soft = cv2.GaussianBlur(ink, (0, 0), 5)
        soft /= soft.max()
        sharp, blurred = (fitting(of, of) for of in (ink, soft))
        assert 0.9 * 1_500_000 < sharp.size < 1.1 * 1_500_000
        assert blurred.size < 0.6 * sharp.size

    def test_a_small_page_of_thin_strokes_is_seen_larger_and_comes_back_where_it_was(
        self, write: Write
    ) -> None:
        digit = trimmed(write(["3"], height_px=30, pen_px=2))
        sides = []

        def network(seen: np.ndarray) -> np.ndarray:
            sides.append(max(seen.shape))
            return whatever_is_dark(seen)

        for side_px in (200, 600):
            ink = np.zeros((90, side_px), np.float32)
            ink[30 : 30 + digit.shape[0], 90 : 90 + digit.shape[1]] = digit
            found = found_by(ink, ink, network)
            assert found.shape == ink.shape
            assert ((found > 0.5) == (ink > 0.5)).mean() > 0.99
        assert sides == [448, 608]

    def test_a_thin_frame_about_broad_strokes_does_not_hide_how_broad_they_are(
        self, write: Write
    ) -> None:
        ink = np.zeros((700, 700), np.float32)
        digit = trimmed(write(["3"], height_px=300, pen_px=30))
        ink[200 : 200 + digit.shape[0], 200 : 200 + digit.shape[1]] = digit
        alone = fitting(ink, ink).shape
        cv2.rectangle(ink, (20, 20), (680, 680), 1.0, 2)
        assert fitting(ink, ink).shape == alone
        assert alone[0] < 350

    @pytest.mark.parametrize(
        ("pen_px", "wall_px", "pen", "wall"), [(20, 3, 1, 0.7), (6, 14, 0.5, 1)]
    )
    def test_the_boxes_of_a_form_do_not_tell_how_wide_strokes_are(
        self, write: Write, pen_px: int, wall_px: int, pen: float, wall: float
    ) -> None:
        """Bold digits in pale thin boxes, and pale thin digits in bold ones."""
        digits = [trimmed(write([value], height_px=150, pen_px=pen_px)) for value in "473"]
        alone = np.zeros((700, 1_000), np.float32)
        walls = np.zeros_like(alone)
        for index, digit in enumerate(digits):
            left = 60 + 280 * index
            alone[250 : 250 + digit.shape[0], left + 70 : left + 70 + digit.shape[1]] = digit
            cv2.rectangle(walls, (left, 200), (left + 280, 460), wall, wall_px)
        both = np.maximum(pen * alone, walls).astype(np.float32)
        seen, expected = fitting(both, both).shape[0], fitting(alone, alone).shape[0]
        assert seen == pytest.approx(expected, rel=0.15)
        assert (expected < 0.5 * 700) == (pen_px == 20)

    def test_a_bold_digit_beside_small_print_is_not_seen_larger(self, write: Write) -> None:
        """Enlarged, its strokes would be broader than any that a network knows."""
        print_, bold = (
            trimmed(write(["3"], height_px=px, pen_px=pen)) for px, pen in ((20, 2), (100, 12))
        )
        ink = np.zeros((200, 200), np.float32)
        for index in range(6):
            left = 10 + 30 * index
            ink[160 : 160 + print_.shape[0], left : left + print_.shape[1]] = print_
        sides = []

        def network(seen: np.ndarray) -> np.ndarray:
            sides.append(max(seen.shape))
            return whatever_is_dark(seen)

        found_by(ink, ink, network)
        ink[20 : 20 + bold.shape[0], 50 : 50 + bold.shape[1]] = bold
        found_by(ink, ink, network)
        assert sides == [448, 224]

    def test_any_logits_are_probabilities(self) -> None:
        missing, empty = np.zeros((32, 32), np.float32), np.zeros((32, 32), np.float32)
        missing[8:12] = 0.5
        for logit, share in ((-1e4, 0), (0, 0.5), (1e4, 1)):
            found = found_by(missing, empty, lambda seen, logit=logit: np.full_like(seen, logit))
            assert found == pytest.approx(share)

    def test_on_empty_paper_nobody_is_asked(self) -> None:
        def network(seen: np.ndarray) -> np.ndarray:
            raise AssertionError("there is nothing to see")

        empty = np.zeros((50, 50), np.float32)
        assert not found_by(empty, empty, network).any()

    def test_of_what_is_larger_than_a_digit_only_what_was_written_stays(self, write: Write) -> None:
        digit = trimmed(write(["5"], height_px=50, pen_px=4))
        ink = np.zeros((160, 450), np.float32)
        ink[40 : 40 + digit.shape[0], 30 : 30 + digit.shape[1]] = digit
        ink[20:24] = ink[120:124] = 0.8  # rulings, and one that crosses
        ink[20:124, 28:31] = 0.8
        truth = np.zeros(ink.shape, np.float32)
        truth[40:110, 31:90] = ink[40:110, 31:90]
        found = found_by(ink, ink, lambda seen: _logits(truth, seen.shape))
        away = cv2.dilate((truth > 0.2).astype(np.uint8), np.ones((5, 5), np.uint8)) == 0
        assert not found[away].any()
        assert np.abs(found - truth)[~away].mean() < 0.05

    def test_a_small_mark_is_kept_whole_or_not_at_all(self, write: Write) -> None:
        digit = trimmed(write(["5"], height_px=50, pen_px=4))
        ink = np.zeros((160, 450), np.float32)
        ink[40 : 40 + digit.shape[0], 30 : 30 + digit.shape[1]] = digit
        ink[40:90, 200:205] = 0.9  # a 1, of which it sees little
        truth = ink.copy()
        truth[50:, 200:205] = 0
        ink[40:90, 250:255] = 1  # a pale 1, of which it has a hint
        ink[25:75, 300:305] = 1  # a wall, of which it is hardly sure
        ink[60:90, 350:355] = 1  # a tick, which is lower than digits
        ink[40:140, 400:405] = 1  # a long 1, of which it has a hint
        ink[5:155, 440:445] = 1  # a line, which is longer than that
        said = _logits(truth, (160, 480))
        said[40:90, 250:255] = -2.2  # 0.1
        said[25:75, 300:305] = -3.5  # 0.03
        said[60:90, 350:355] = -1.7  # 0.15
        said[40:60, 400:405] = said[5:25, 440:445] = -2.2
        found = found_by(ink, ink, lambda seen: said)
        assert (found[40:90, 200:205] >= 0.9).all()
        assert (found[40:90, 250:255] == 1).all()
        assert (found[40:140, 400:405] == 1).all()
        assert not found[:, 290:395].any()
        assert not found[:, 410:].any()

    @pytest.mark.parametrize(
        ("place", "is_kept"),
        [
            (np.s_[40:90, 92:95], True),  # a straight 1 beside a 5
            (np.s_[46:98, 92:95], True),
            (np.s_[54:104, 92:95], False),  # a wall, which stands lower
            (np.s_[30:100, 92:95], False),  # ... or is higher
            (np.s_[40:90, 160:163], False),  # far away it is no part of the number
            (np.s_[100:150, 58:61], True),  # a straight 1 below a 5
            (np.s_[100:150, 98:101], False),
            (np.s_[145:195, 58:61], False),
        ],
    )
    def test_a_bar_beside_a_digit_and_as_high_was_written_too_on_even_paper(
        self, write: Write, place: tuple[slice, slice], is_kept: bool
    ) -> None:
        digit = trimmed(write(["5"], height_px=50, pen_px=4))
        height, width = digit.shape
        truth = np.zeros((224, 256), np.float32)
        truth[40 : 40 + height, 40 : 40 + width] = digit
        ink = truth.copy()
        ink[place] = 1
        found = found_by(ink, ink, lambda seen: _logits(truth, seen.shape))
        assert found[place].all() if is_kept else not found[place].any()
        grain = np.random.default_rng(0).normal(0, 0.02, ink.shape).astype(np.float32)
        photo = found_by(ink + grain, ink, lambda seen: _logits(truth, seen.shape))
        assert not photo[place].any()

    @pytest.mark.parametrize(("logit", "is_kept"), [(-0.8, False), (3.0, True)])
    def test_a_ruling_between_strokes_is_none_unless_it_is_surely_written(
        self, write: Write, logit: float, is_kept: bool
    ) -> None:
        ink = np.zeros((160, 640), np.float32)
        digit = trimmed(write(["1"], height_px=50, pen_px=4))
        places = [60 + 100 * column for column in range(6)]
        for x in places:
            ink[40 : 40 + digit.shape[0], x : x + digit.shape[1]] = digit
        truth = ink.copy()
        ink[64:66] = np.maximum(ink[64:66], 0.7)  # a ruling through all of them
        said = _logits(truth, ink.shape)
        beside = [np.s_[64:66, x - 6 : x - 1] for x in places]
        for place in beside:
            said[place] = logit
        found = found_by(ink, ink, lambda seen: said)
        assert all((found[place] > 0.2).all() == is_kept for place in beside)
        assert all((found[place] > 0.2).any() == is_kept for place in beside)
        assert (found[truth > 0.5] > 0.5).mean() > 0.98

    def test_what_is_too_faint_to_stand_out_is_there_if_it_was_written(self) -> None:
        truth, ink = np.zeros((200, 200), np.float32), np.zeros((200, 200), np.float32)
        cv2.line(truth, (40, 40), (160, 150), 1, 3)
        ink[20:30, 20:180] = 1
        missing = np.maximum(0.07 * truth, ink)
        found = found_by(missing, ink, lambda seen: _logits(truth, seen.shape))
        assert (found[truth > 0] > 0.9).all()

    @pytest.mark.parametrize(("paleness", "is_kept"), [(0.12, False), (0.18, False), (0.35, True)])
    def test_what_shows_through_from_the_back_is_left_out(
        self, write: Write, paleness: float, is_kept: bool
    ) -> None:
        """Whatever the network says of it; pencil beside a pen is darker than that."""
        front, back = (write(["47"], height_px=40, pen_px=4) for _ in range(2))
        pale = back[:, ::-1] * np.float32(paleness)
        ink = np.vstack([front, pale])
        found = found_by(ink, ink, lambda seen: np.where(seen > 0.05, 9.0, -9.0))
        assert (found[: len(front)][front > 0.6] > 0.5).all()
        assert (found[len(front) :].max() > 0.5) == is_kept
        alone = found_by(pale, pale, lambda seen: np.where(seen > 0.05, 9.0, -9.0))
        assert alone.max() > 0.5

    def test_a_ring_round_digits_is_left_out_whatever_is_said(self, write: Write) -> None:
        ink = write(["47"], height_px=40, pen_px=4)
        ink = cv2.copyMakeBorder(ink, 20, 20, 40, 40, cv2.BORDER_CONSTANT, value=0)
        height, width = ink.shape
        ring = np.zeros_like(ink)
        middle, half = (width // 2, height // 2), (width // 2 - 8, height // 2 - 24)
        cv2.ellipse(ring, middle, half, 0, 0, 360, 1.0, 4, cv2.LINE_AA)
        both = np.maximum(ink, ring)
        found = found_by(both, both, whatever_is_dark)
        assert (found[ink > 0.6] > 0.5).mean() > 0.95
        assert (found[(ring > 0.3) & (ink < 0.05)] > 0.3).mean() < 0.02

    @pytest.mark.parametrize(("logit", "is_found"), [(-0.5, False), (2.0, True)])
    def test_beside_the_paper_it_must_be_sure(
        self, write: Write, logit: float, is_found: bool
    ) -> None:
        """A table has no writing on it, so where that surely is, it is paper in a shadow."""
        digit = write(["4"], height_px=60, pen_px=5)
        missing = np.hstack([digit, digit])
        is_outside = np.arange(missing.shape[1]) >= digit.shape[1]
        is_outside = np.broadcast_to(is_outside, missing.shape)
        ink = np.where(is_outside, np.float32(0), missing)

        def network(seen: np.ndarray) -> np.ndarray:
            return np.where(seen > 0.5, logit, -9.0).astype(np.float32)

        found = find_strokes(network, missing, ink, is_outside)
        on_paper, beside = np.hsplit(found, 2)
        assert (on_paper[digit > 0.6] > 0.5).all()
        assert (beside[digit > 0.6] > 0.5).all() if is_found else not beside.any()

    @pytest.mark.parametrize(("high_px", "are_kept"), [(3, False), (26, True)])
    def test_specks_are_left_out_however_many_but_a_crowd_of_marks_is_seen(
        self, write: Write, high_px: int, are_kept: bool
    ) -> None:
        """A sheet on gravel is read; a page of print must show how much stands on it."""
        digit = trimmed(write(["4"], height_px=30, pen_px=3))
        ink = np.zeros((1_120, 1_120), np.float32)
        for row, column in itertools.product(range(10, 1_080, 32), range(10, 1_110, 32)):
            ink[row : row + high_px, column : column + 3] = 1.0
        box = np.s_[500 : 500 + digit.shape[0], 600 : 600 + digit.shape[1]]
        written = np.zeros_like(ink)
        written[box] = digit
        ink[box] = digit

        def network(seen: np.ndarray) -> np.ndarray:
            return np.where(written > 0.5, 9.0, -9.0).astype(np.float32)

        found = found_by(ink, ink, network)
        assert (found[box][digit > 0.6] > 0.5).all()
        others = (found > 0.5) & (written == 0)
        assert others.any() == are_kept

    def test_where_it_finds_nothing_there_is_nothing(self, write: Write) -> None:
        ink = write(["4"], height_px=60, pen_px=5)
        assert not found_by(ink, ink, nothing).any()


class TestPageInk:
    def test_it_is_told_what_lies_beside_the_paper_and_has_the_last_word(self) -> None:
        """Also on a picture without noise."""
        page = np.full((300, 400), 230, np.uint8)
        page[:, :80] = 50
        page[100:200, 20:24] = 20  # a crack in the table
        page[140:160, 250:256] = 30
        told = []

        def find(missing: np.ndarray, ink: np.ndarray, is_outside: np.ndarray) -> np.ndarray:
            told.append((missing, ink, is_outside))
            return np.ones_like(ink)

        assert page_ink(page, find).all()
        ((missing, ink, is_outside),) = told
        assert is_outside[150, 22]
        assert missing[150, 22] > 0.3
        assert not ink[is_outside].any()

    def test_what_it_finds_may_be_smaller_on_the_page_and_on_a_panel(self) -> None:
        page = np.full((600, 800), 230, np.uint8)
        page[100:300, 100:400] = 120  # a label
        page[180:220, 240:246] = 30
        page[400:440, 600:606] = 30

        def smaller(missing: np.ndarray, ink: np.ndarray, is_outside: np.ndarray) -> np.ndarray:
            return cv2.resize(ink, None, fx=0.7, fy=0.7, interpolation=cv2.INTER_AREA)

        found = page_ink(page, smaller)
        assert found.shape == (420, 560)
        whole = cv2.resize(found, (800, 600)) > 0.5
        assert whole[182:218, 242:244].all()
        assert whole[402:438, 602:604].all()
        assert whole.sum() < 1.3 * 2 * 40 * 6

    @pytest.mark.parametrize("turn_deg", [0, 25])
    def test_beside_a_panel_nothing_is_found_whatever_is_said(self, turn_deg: float) -> None:
        """What stands in the corners of a label's box belongs to the page."""
        page = np.full((600, 800), 230, np.uint8)
        corners = cv2.boxPoints(((400, 300), (300, 160), turn_deg))
        cv2.fillConvexPoly(page, np.rint(corners).astype(np.int32), 40)
        page[220:240, 240:246] = page[360:380, 560:566] = 30  # beside it, near its corners
        alone = page_ink(page)
        said = []

        def all_of_panels(
            missing: np.ndarray, ink: np.ndarray, is_outside: np.ndarray
        ) -> np.ndarray:
            said.append(ink if not said else np.ones_like(ink))  # the page comes first
            return said[-1]

        found = page_ink(page, all_of_panels)
        assert len(said) == 2
        assert found.max() <= 1
        assert found[300, 400] == 1
        for place in (np.s_[215:245, 235:250], np.s_[355:385, 555:570]):
            np.testing.assert_array_equal(found[place], alone[place])

    def test_it_is_told_what_is_missing_and_what_stands_out(self, write: Write) -> None:
        digit = write(["3"], height_px=60, pen_px=5)
        page = np.rint(200 * (1 - 0.5 * digit)).astype(np.uint8)
        told = []

        def find(missing: np.ndarray, ink: np.ndarray, is_outside: np.ndarray) -> np.ndarray:
            assert not is_outside.any()
            told.append((missing, ink))
            return ink

        np.testing.assert_array_equal(page_ink(page, find), page_ink(page))
        ((missing, ink),) = told
        assert missing[digit == 1] == pytest.approx(0.5, abs=0.05)
        assert ink[digit == 1] == pytest.approx(1, abs=0.05)


def _logits(truth: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """What a network would say that knows the truth, of a page padded to a shape."""
    padded = np.pad(truth, [(0, more - own) for own, more in zip(truth.shape, shape, strict=True)])
    return np.where(padded > 0.5, 9.0, -9.0).astype(np.float32)
