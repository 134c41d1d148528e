"""The dial picks its row, and each digit gets the status that its probabilities earn."""

import json
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from inkdigits.decide import DEFAULT_MAX_ERROR, Rule, decide, in_company, with_none
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

    @pytest.mark.parametrize("max_error", [0.00099, 0.0, -0.5, 1.0, 2.0, math.inf, -math.inf])
    def test_what_cannot_be_promised_is_refused(self, max_error):
        with pytest.raises(ConfigError, match="from 0.001 up to below 1.*0.001, 0.005, 0.02") as e:
            Rule.of(manifest(), max_error)
        assert f"max_error is {max_error}" in str(e.value)

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


class TestCompany:
    @staticmethod
    def line(*statuses: Status, value: str = "4") -> list[Digit]:
        return [
            Digit(value, 0.99, status, Box(12 * index, 0, 10, 20))
            for index, status in enumerate(statuses)
        ]

    @staticmethod
    def read(lines: list[list[Digit]], letter: float = 0.0, **given: bool) -> list[list[Digit]]:
        return in_company(lines, [np.full(len(line), letter) for line in lines], **given)

    def test_what_is_written_stays_as_it_is(self):
        lines = [self.line(OK, REVIEW, OK, REJECT), self.line(REJECT, REJECT)]
        assert self.read(lines) == lines

    def test_what_is_probably_a_letter_is_no_digit_and_what_may_be_one_not_sure(self):
        line = self.line(OK, OK, OK, REVIEW, REVIEW, REJECT)
        letters = np.array([0.01, 0.2, 0.95, 0.2, 0.95, 0.01])
        assert in_company([line], [letters]) == [
            self.line(OK, REVIEW, REJECT, REVIEW, REJECT, REJECT)
        ]

    def test_a_line_of_sure_digits_is_a_number_wherever_it_stands(self):
        number, other = self.line(OK, OK, OK), self.line(OK, OK, REVIEW)
        assert self.read([number, self.line(OK, OK)], 0.2) == [number, self.line(REVIEW, REVIEW)]
        assert self.read([other], 0.2) == [self.line(REVIEW, REVIEW, REVIEW)]
        assert self.read([number], 0.9) == [self.line(REJECT, REJECT, REJECT)]

    def test_on_a_crowded_page_only_what_is_sure_is_a_digit(self):
        lines = [self.line(OK, OK, REVIEW), self.line(OK, REJECT)]
        assert self.read(lines, is_crowded=True) == [
            self.line(OK, OK, REJECT),
            self.line(OK, REJECT),
        ]
        foliage = self.line(OK, OK, OK)
        assert self.read([foliage], 0.2, is_crowded=True) == [self.line(REJECT, REJECT, REJECT)]
        fence = self.line(OK, REVIEW, value="1")
        assert self.read([fence], is_crowded=True) == [self.line(REJECT, REJECT, value="1")]

    def test_bars_alone_are_no_sure_ones_unless_somebody_says_so(self):
        bars, mark = self.line(OK, OK, value="1"), self.line(REJECT)[0]
        doubted = self.line(REVIEW, REVIEW, value="1")
        assert self.read([bars, bars, [*bars, *bars, mark]])[0] == doubted
        assert self.read([bars], are_digits=True) == [bars]
        another = self.line(OK)
        assert self.read([bars, another]) == [bars, another]

    def test_nor_are_rings_alone_sure_zeros(self):
        def zero(width: int, status: Status) -> list[Digit]:
            return [Digit("0", 0.99, status, Box(40, 0, width, 40))]

        bar = self.line(OK, value="1")
        for ring in (38, 42):
            assert self.read([zero(ring, OK)]) == [zero(ring, REVIEW)]
            assert self.read([zero(ring, OK), bar])[0] == zero(ring, REVIEW)
            assert self.read([zero(ring, OK)], are_digits=True) == [zero(ring, OK)]
            assert self.read([zero(ring, OK), self.line(OK)])[0] == zero(ring, OK)
        assert self.read([zero(28, OK), bar]) == [zero(28, OK), bar]  # an oval is written

    @pytest.mark.parametrize(
        ("value", "height", "expected"),
        [
            *[("0", 9, REVIEW), ("1", 12, REVIEW), ("0", 11, OK), ("1", 14, OK), ("7", 9, OK)],
            *[("0", 37, REVIEW), ("1", 37, REVIEW), ("0", 35, OK), ("7", 37, OK)],
        ],
    )
    def test_a_0_or_1_of_another_size_than_others_may_be_a_sign(self, value, height, expected):
        """As the rings of a %, or of a cup, or the ticks of a form; on whatever line it stands."""
        small = Digit(value, 0.99, OK, Box(40, 0, height - 2, height))
        line = self.line(OK, OK)
        for lines in ([[*line, small]], [line, [small]]):
            assert self.read(lines)[-1][-1] == replace(small, status=expected)
        assert self.read([line, [small]], are_digits=True) == [line, [small]]

    @pytest.mark.parametrize(
        ("value", "height", "status", "space", "expected"),
        [
            ("0", 30, REJECT, 2, REVIEW),
            ("0", 20, REJECT, 2, OK),  # as high as it
            ("0", 30, REVIEW, 2, OK),  # a digit
            ("0", 30, REJECT, 12, OK),  # far away
            ("6", 30, REJECT, 2, OK),
        ],
    )
    def test_a_0_behind_a_capital_may_be_an_o(self, value, height, status, space, expected):
        capital = Digit("0", 0.1, status, Box(0, 20 - height, 20, height))
        small = Digit(value, 0.99, OK, Box(20 + space, 0, 14, 20))
        others = [
            replace(digit, box=Box(60 + x, 0, 10, 20)) for x, digit in enumerate(self.line(OK, OK))
        ]
        (found,) = self.read([[capital, small, *others]])
        assert found[1] == replace(small, status=expected)

    @pytest.mark.parametrize(
        ("top", "bottom", "expected"),
        [(-4, 24, REVIEW), (-4, 20, OK), (0, 24, OK), (1, 19, OK)],
    )
    def test_a_1_that_reaches_beyond_its_neighbours_may_be_a_slash(self, top, bottom, expected):
        """As in 12/34, not as in 12134, nor as in 12|134 with a long foot or head."""
        line = self.line(OK, OK, OK, OK, OK)
        line[2] = replace(line[2], value="1", box=Box(26, top, 6, bottom - top))
        (found,) = self.read([line])
        assert [digit.status for digit in found] == [OK, OK, expected, OK, OK]
        assert self.read([line], are_digits=True) == [line]
        assert self.read([line[::-1]])[0] == found[::-1]

    def test_a_long_1_at_the_end_or_far_from_others_is_no_slash(self):
        long = Digit("1", 0.99, OK, Box(60, -4, 6, 28))
        for line in ([*self.line(OK, OK), long], [*self.line(OK), long, self.line(*[OK] * 12)[11]]):
            assert self.read([line]) == [line]

    @pytest.mark.parametrize(
        ("values", "expected"),
        [
            ("121412026", {2, 4}),  # 12/4/2026
            ("1210412024", {2, 5}),
            ("311126", {1, 3}),
            ("3011112", {2, 4}),  # 30/1/12, but not 30 1/1 12
            ("4012026", set()),  # no second slash
            ("451412026", set()),  # a 45th
            ("131141261", set()),  # a 13th and a 14th, and then three digits
            ("1411326", set()),
        ],
    )
    def test_leaning_1s_that_make_a_date_may_be_slashes(self, values, expected):
        line = [
            Digit(value, 0.99, OK, Box(14 * place, 0, 10, 20)) for place, value in enumerate(values)
        ]
        (found,) = self.read([line])
        assert {at for at, digit in enumerate(found) if digit.status is REVIEW} == expected
        assert self.read([line], are_digits=True) == [line]
        upright = [replace(digit, box=digit.box._replace(width=5)) for digit in line]
        assert self.read([upright]) == [upright]
        apart = [
            replace(digit, box=digit.box._replace(x=digit.box.x + 40 * (place > 1)))
            for place, digit in enumerate(line)
        ]
        assert self.read([apart]) == [apart]

    def test_a_date_stands_among_other_words(self):
        words = [
            Digit(value, 0.99, OK, Box(14 * place + 40 * (place > 3), 0, 10, 20))
            for place, value in enumerate("4071311126")
        ]
        (found,) = self.read([words])
        assert [at for at, digit in enumerate(found) if digit.status is REVIEW] == [5, 7]

    def test_an_empty_page_stays_empty(self):
        assert self.read([]) == []
