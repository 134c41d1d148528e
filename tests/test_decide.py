"""The dial picks its row, and each digit gets the status that its probabilities earn."""

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from inkdigits.decide import DEFAULT_MAX_ERROR, Rule, decide, with_none
from inkdigits.errors import BundleError, ConfigError
from inkdigits.reading import Alternative, Box, Digit, Status

PLACE = Box(3, 4, 10, 20)
OK, REVIEW, REJECT = Status.OK, Status.REVIEW, Status.REJECT
# Not in order, as nobody promised one.
DIAL = [
    {"max_error": 0.005, "threshold": 0.8},
    {"max_error": 0.02, "threshold": 0.5},
    {"max_error": 0.001, "threshold": 0.99},
]


def manifest(**calibration: Any) -> dict[str, Any]:
    return {
        "name": "mine",
        "classes": "0123456789",
        "calibration": {"temperature": 1.5, "dial": DIAL, **calibration},
    }


def rule(threshold: float = 0.9, temperature: float = 1.0, classes: str = "0123456789") -> Rule:
    return Rule(temperature, threshold, classes)


def logits_of(*probabilities: float) -> np.ndarray:
    """Logits whose softmax is what is given, for one digit."""
    return np.log(np.array([probabilities], np.float64)).astype(np.float32)


def judged(logits: np.ndarray, by: Rule, *, is_blank: bool = False) -> Digit:
    (digit,) = decide(logits, np.zeros(1, np.float32), [PLACE], np.array([is_blank]), by)
    return digit


class TestDial:
    @pytest.mark.parametrize(
        ("max_error", "threshold"),
        [
            (0.999, 0.5),
            (0.02, 0.5),
            (0.019, 0.8),
            (0.005, 0.8),
            (0.00499, 0.99),
            (0.002, 0.99),
            (0.001, 0.99),
        ],
    )
    def test_the_laxest_row_that_keeps_the_promise_is_taken(self, max_error, threshold):
        assert Rule.of(manifest(), max_error) == Rule(1.5, threshold, "0123456789")

    def test_the_same_after_a_journey_through_json(self):
        through = json.loads(json.dumps(manifest()))
        assert Rule.of(through, 0.005) == Rule.of(manifest(), 0.005)

    @pytest.mark.parametrize(
        "max_error", [0.00099, 0.0, -0.5, 1.0, 2.0, math.inf, -math.inf, "0.01", None]
    )
    def test_what_cannot_be_promised_is_refused(self, max_error):
        with pytest.raises(ConfigError, match="from 0.001 up to below 1.*0.001, 0.005, 0.02") as e:
            Rule.of(manifest(), max_error)
        assert f"max_error is {max_error!r}" in str(e.value)

    def test_no_number_is_refused(self):
        with pytest.raises(ConfigError, match="max_error is nan"):
            Rule.of(manifest(), math.nan)

    def test_the_default_is_a_row_of_every_dial_that_we_fit(self):
        from inkdigits.evaluation.calibration import MAX_ERRORS

        assert DEFAULT_MAX_ERROR in MAX_ERRORS

    @pytest.mark.parametrize(
        "calibration",
        [
            {"dial": []},
            {"dial": None},
            {"dial": 3},
            {"dial": "rows"},
            {"dial": [{}]},
            {"dial": [[0.01, 0.9]]},
            {"dial": [{"max_error": "little", "threshold": 0.9}]},
            {"dial": [{"max_error": 0.01, "threshold": None}]},
            {"temperature": None},
            {"temperature": "warm"},
            {"temperature": 0},
            {"temperature": -1.0},
            {"temperature": math.nan},
            {"temperature": math.inf},
        ],
        ids=str,
    )
    def test_a_broken_calibration_is_the_bundles_fault(self, calibration):
        with pytest.raises(BundleError, match="calibration of the bundle 'mine'.*Export it again"):
            Rule.of(manifest(**calibration), 0.01)

    @pytest.mark.parametrize("broken", [{}, {"calibration": None}, {"calibration": {}}])
    def test_so_is_none_at_all(self, broken):
        with pytest.raises(BundleError, match="Export it again"):
            Rule.of({"name": "mine", "classes": "0123456789"} | broken, 0.01)


class TestStatus:
    def test_a_confident_digit_is_ok(self):
        digit = judged(logits_of(0.95, *[0.05 / 9] * 9), rule(0.9))
        assert (digit.value, digit.status, digit.box) == ("0", Status.OK, PLACE)
        assert digit.confidence == pytest.approx(0.95, abs=1e-6)

    def test_a_doubtful_one_is_for_review(self):
        digit = judged(logits_of(0.1, 0.85, *[0.05 / 8] * 8), rule(0.9))
        assert (digit.value, digit.status) == ("1", Status.REVIEW)

    @pytest.mark.parametrize(
        ("threshold", "status"),
        [(0.5, Status.OK), (math.nextafter(0.5, 1), Status.REVIEW), (0.4999, Status.OK)],
    )
    def test_the_threshold_itself_is_ok(self, threshold, status):
        digit = judged(np.zeros((1, 2), np.float32), rule(threshold, classes="ab"))
        assert (digit.value, digit.confidence, digit.status) == ("a", 0.5, status)

    def test_a_threshold_above_one_lets_nothing_through(self):
        logits = np.zeros((1, 10), np.float32)
        logits[0, 7] = 1000
        digit = judged(logits, rule(2.0))
        assert (digit.value, digit.confidence, digit.status) == ("7", 1.0, Status.REVIEW)

    @pytest.mark.parametrize(
        ("num_alike", "status"),
        [
            (2, Status.REVIEW),  # two of 1/2 each: one of a pair
            (4, Status.REVIEW),  # the best two hold 1/2, which is just enough
            (5, Status.REJECT),  # the best two hold 2/5
            (10, Status.REJECT),
        ],
    )
    def test_ink_that_no_two_classes_explain_is_no_digit(self, num_alike, status):
        logits = np.full((1, 10), -np.float32(200))
        logits[0, :num_alike] = 0
        assert judged(logits, rule(0.9)).status is status

    def test_no_digit_is_rejected_even_by_a_lax_dial(self):
        digit = judged(np.zeros((1, 10), np.float32), rule(0.05))
        assert digit.status is Status.REJECT
        assert digit.confidence == pytest.approx(0.1)

    def test_where_there_is_no_ink_nothing_is_read(self):
        logits = np.zeros((1, 10), np.float32)
        logits[0, 1] = 1000  # whatever the network thinks of it
        assert judged(logits, rule(), is_blank=True) == Digit("", 0.0, Status.BLANK, PLACE)

    def test_the_temperature_divides_the_logits(self):
        logits = logits_of(0.64, 0.36)
        cool, warm = rule(classes="ab"), rule(temperature=2.0, classes="ab")
        assert judged(logits, cool).confidence == pytest.approx(0.64, abs=1e-6)
        # Roots of the odds: 0.8 to 0.6.
        assert judged(logits, warm).confidence == pytest.approx(0.8 / 1.4, abs=1e-6)

    def test_huge_logits_do_not_overflow(self):
        digit = judged(np.array([[3e38, -3e38, 0]], np.float32), rule(classes="abc"))
        assert (digit.value, digit.confidence, digit.status) == ("a", 1.0, Status.OK)


class TestMany:
    def test_each_keeps_its_place(self):
        logits = np.full((4, 3), -50, np.float32)
        logits[[0, 1, 3], [2, 0, 1]] = 0
        boxes = [Box(index, 0, 5, 5) for index in range(4)]
        is_blank = np.array([False, False, True, False])
        digits = decide(logits, np.zeros(4, np.float32), boxes, is_blank, rule(classes="xyz"))
        assert [digit.value for digit in digits] == ["z", "x", "", "y"]
        assert [digit.box for digit in digits] == boxes
        assert [str(digit.status) for digit in digits] == ["ok", "ok", "blank", "ok"]

    def test_none_is_none(self):
        none = np.zeros((0, 10), np.float32)
        assert decide(none, none[:, 0], [], np.zeros(0, bool), rule()) == []

    def test_alternatives_carry_the_names_of_their_classes(self):
        digit = judged(logits_of(0.2, 0.7, 0.1), rule(classes="xyz"))
        assert [other.value for other in digit.alternatives] == ["x", "z"]
        assert digit.alternatives[0] == Alternative("x", pytest.approx(0.2, abs=1e-6))

    @given(
        logits=arrays.arrays(
            np.float32, (5, 10), elements=st.floats(-40, 40, width=32, allow_subnormal=False)
        ),
        threshold=st.floats(0, 2.5),
        temperature=st.floats(0.1, 20),
    )
    def test_the_promise_holds_for_any_logits(self, logits, threshold, temperature):
        by = rule(threshold, temperature=temperature)
        digits = decide(logits, np.zeros(5, np.float32), [PLACE] * 5, np.zeros(5, bool), by)
        for digit, row in zip(digits, logits.astype(np.float64), strict=True):
            expected = np.exp(row / temperature) / np.exp(row / temperature).sum()
            assert digit.probabilities == pytest.approx(expected.tolist(), abs=1e-6)
            assert digit.confidence == max(digit.probabilities)
            assert digit.probabilities["0123456789".index(digit.value)] == digit.confidence
            if digit.status is Status.OK:
                assert digit.confidence >= threshold
            elif digit.status is Status.REVIEW:
                assert digit.confidence < threshold
            else:
                assert digit.status is Status.REJECT
                assert digit.confidence < 0.5


class TestNovelty:
    RULE = Rule(1.0, 0.9, "0123456789", rejects=True)

    def judged(self, novelty: float) -> Digit:
        logits = logits_of(0.96, *[0.04 / 9] * 9)
        (digit,) = decide(
            logits, np.array([novelty], np.float32), [PLACE], np.zeros(1, bool), self.RULE
        )
        return digit

    @pytest.mark.parametrize(
        ("novelty", "status"),
        [(-30, Status.OK), (-2, Status.REVIEW), (-0.1, Status.REVIEW), (0.1, Status.REJECT)],
    )
    def test_novelty_is_the_log_odds_of_no_digit(self, novelty, status):
        digit = self.judged(novelty)
        expected = 0.96 / (1 + np.exp(novelty))
        assert digit.confidence == pytest.approx(expected, abs=1e-5)
        assert (digit.value, digit.status) == ("0", status)

    def test_it_counts_only_where_the_network_was_taught(self):
        untaught = Rule(1.0, 0.9, "0123456789")
        logits = logits_of(0.96, *[0.04 / 9] * 9)
        (digit,) = decide(logits, np.full(1, 50, np.float32), [PLACE], np.zeros(1, bool), untaught)
        assert digit.status is Status.OK

    def test_with_none_puts_its_logit_last(self):
        logits = np.array([[3.0, -1.0, 1000.0]], np.float32)
        whole = with_none(logits, np.array([2.0], np.float32))
        np.testing.assert_allclose(whole, [[3.0, -1.0, 1000.0, 1002.0]], rtol=1e-6)
