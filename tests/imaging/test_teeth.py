"""The teeth of combs and scales vanish; 1s that somebody wrote on a rule stay."""

from collections.abc import Callable, Sequence

import cv2
import numpy as np
import pytest

from inkdigits.imaging.rules import rules_apart
from inkdigits.imaging.strokes import find_strokes

Write = Callable[..., np.ndarray]

EVENLY = tuple(range(60, 621, 70))


def bars(
    shape: tuple[int, int],
    places: Sequence[float],
    *,
    ends: tuple[float, float] = (-26, 0),
    tilt: float = 0.0,
    lean: float = 0.0,
    pen_px: int = 3,
) -> np.ndarray:
    """Upright bars that go from so far below (above: negative) the middle row to so far."""
    ink = np.zeros(shape, np.float32)
    for x in places:
        top, bottom = (shape[0] / 2 + tilt * x + end for end in ends)
        high = lean * (bottom - top)
        cv2.line(ink, (round(x + high), round(top)), (round(x), round(bottom)), 1.0, pen_px)
    return cv2.GaussianBlur(ink, (0, 0), 0.6)


def rule(shape: tuple[int, int], tilt: float = 0.0) -> np.ndarray:
    ink = np.zeros(shape, np.float32)
    middle = shape[0] / 2
    cv2.line(ink, (10, round(middle)), (shape[1] - 10, round(middle + tilt * shape[1])), 1.0, 2)
    return cv2.GaussianBlur(ink, (0, 0), 0.6)


@pytest.mark.parametrize("ends", [(-26, 0), (0, 20), (-12, 12)])  # stand, hang, cross
@pytest.mark.parametrize("tilt", [0.0, 0.01, -0.02])
@pytest.mark.parametrize("places", [EVENLY, EVENLY[:4], EVENLY[:2] + EVENLY[3:6]])
def test_teeth_on_a_rule_vanish(
    ends: tuple[float, float], tilt: float, places: Sequence[float]
) -> None:
    shape = 160, 680
    comb = bars(shape, places, ends=ends, tilt=tilt)
    left, teeth = rules_apart(np.maximum(comb, rule(shape, tilt)))
    assert left[cv2.dilate(comb, np.ones((9, 9), np.uint8)) > 0.1].max() < 0.4
    off = cv2.dilate(rule(shape, tilt), np.ones((13, 13), np.uint8)) < 0.1  # away from the rule
    assert teeth[(comb > 0.5) & off].all()
    assert not teeth[(comb == 0) & off].any()


def test_digits_between_teeth_stay(write: Write) -> None:
    written = write(["2471 5 80"], height_px=40, pen_px=4, gap=0.9)
    height, width = written.shape
    places = [22 + 61 * k for k in range(10)]  # between the digits, 61 px from one to the next
    near = cv2.dilate(written, np.ones((9, 9), np.uint8)) > 0.1
    places = [x for x in places if not near[:, round(x) - 2 : round(x) + 3].any()]
    assert len(places) >= 6
    shape = 2 * (height - 14), width  # the rule is right below the digits
    page = np.zeros(shape, np.float32)
    page[: written.shape[0]] = written[: shape[0]]
    left, teeth = rules_apart(np.maximum.reduce([page, rule(shape), bars(shape, places)]))
    assert not teeth[page > 0.3].any()
    assert (left[page > 0.6] > 0.4).mean() > 0.97
    assert (left > 0.4)[:, [round(x) for x in places]].sum() == 0


@pytest.mark.parametrize(
    ("places", "lean"),
    [
        ((60, 130, 200), 0.0),  # three may be a number
        ((60, 118, 201, 262, 348), 0.0),  # nobody writes evenly
        (EVENLY, 0.15),
        (EVENLY, 0.3),
    ],
)
def test_ones_on_a_rule_stay(places: Sequence[float], lean: float) -> None:
    shape = 160, 680
    left, teeth = rules_apart(np.maximum(bars(shape, places, lean=lean), rule(shape)))
    assert not teeth.any()
    ones = bars(shape, places, lean=lean)[: 160 // 2 - 3]
    assert (left[: 160 // 2 - 3][ones > 0.6] > 0.4).all()


def test_even_bars_that_stand_free_of_their_rule_stay() -> None:
    shape = 160, 680
    ones = bars(shape, EVENLY, ends=(-34, -6))
    left, teeth = rules_apart(np.maximum(ones, rule(shape)))
    assert not teeth.any()
    assert (left[ones > 0.6] > 0.4).all()


@pytest.mark.parametrize("seed", range(5))
def test_ones_as_evenly_as_people_write_stay(seed: int) -> None:
    rng = np.random.default_rng(seed)
    shape = 160, 900
    row = [
        bars(shape, [60 + 40 * k + rng.normal(0, 3.2)], ends=(-32 * rng.normal(1, 0.05), 0))
        for k in range(20)
    ]
    _, teeth = rules_apart(np.maximum.reduce([*row, rule(shape)]))
    assert not teeth.any()


def test_a_long_scale_vanishes_whole() -> None:
    shape = 160, 3000
    comb = bars(shape, range(60, 2901, 14), ends=(-20, 0))
    left, _ = rules_apart(np.maximum(comb, rule(shape)))
    assert left[:, 50:2950].max() < 0.4


def test_bars_far_from_each_other_stay() -> None:
    shape = 160, 1000
    places = [60, 130, 550, 900]  # four of thirteen places
    _, teeth = rules_apart(np.maximum(bars(shape, places), rule(shape)))
    assert not teeth.any()


def test_what_is_long_beside_its_rule_stays() -> None:
    shape = 400, 300
    number = bars(shape, [60, 72, 200, 212], ends=(-190, -166))  # of digits that are far smaller
    high = bars(shape, range(40, 261, 44), ends=(-90, 0))
    _, teeth = rules_apart(np.maximum.reduce([high, number, rule(shape)]))
    assert not teeth.any()
    low = bars(shape, range(40, 261, 44), ends=(-30, 0))
    _, teeth = rules_apart(np.maximum.reduce([low, number, rule(shape)]))
    assert teeth.any()


def test_bold_ones_stay() -> None:
    shape = 160, 680
    bold = bars(shape, EVENLY, ends=(-20, 0), pen_px=17)
    _, teeth = rules_apart(np.maximum(bold, rule(shape)))
    assert not teeth.any()


def test_ones_of_different_heights_stay() -> None:
    shape = 160, 680
    uneven = [bars(shape, [x], ends=(-26 - 8 * (k % 2), 0)) for k, x in enumerate(EVENLY)]
    _, teeth = rules_apart(np.maximum.reduce([*uneven, rule(shape)]))
    assert not teeth.any()


def test_even_bars_without_a_rule_stay() -> None:
    ink = bars((160, 680), EVENLY)
    left, teeth = rules_apart(ink)
    assert not teeth.any()
    np.testing.assert_array_equal(left, ink)


def test_teeth_are_left_out_whatever_the_network_says() -> None:
    shape = 160, 680
    ink = np.maximum(bars(shape, EVENLY), rule(shape))
    number = bars(shape, [330, 344], ends=(-70, -40))
    ink = np.maximum(ink, number)
    says_all = lambda seen: np.full(seen.shape, 9, np.float32)  # noqa: E731
    left = find_strokes(says_all, ink, ink, np.zeros(shape, bool))
    assert left[number > 0.6].min() > 0.4
    assert left[54:78, EVENLY].max() < 0.1
