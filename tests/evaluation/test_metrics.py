import json
import math
from typing import Any

import numpy as np
import pytest
from sklearn import metrics as reference

from inkdigits.errors import BadArrayError, ConfigError
from inkdigits.evaluation.metrics import (
    measure,
    reliability,
    risk_coverage,
    wilson_interval,
)

ABSENT, NEVER_READ = 3, 7


@pytest.fixture(scope="module")
def scored() -> tuple[Any, Any]:
    """Plausible probabilities; no digit is a 3, and none is read as a 7."""
    random = np.random.default_rng(5)
    labels = random.choice([label for label in range(10) if label != ABSENT], 700)
    logits = random.normal(0, 1.5, (700, 10)) + 3 * np.eye(10)[labels]
    logits[:, NEVER_READ] -= 20
    powers = np.exp(logits)
    return powers / powers.sum(axis=1, keepdims=True), labels


def test_scores_agree_with_scikit_learn(scored: tuple[Any, Any]) -> None:
    probabilities, labels = scored
    read = probabilities.argmax(axis=1)
    found = measure(probabilities, labels)
    assert found.count == 700
    assert found.accuracy == pytest.approx(reference.accuracy_score(labels, read))
    assert found.correct == reference.accuracy_score(labels, read, normalize=False)
    assert found.loss == pytest.approx(
        reference.log_loss(labels, probabilities, labels=range(10)), rel=1e-9
    )
    one_against_rest = [
        reference.brier_score_loss(labels == label, probabilities[:, label])
        for label in range(10)
        if label != ABSENT
    ]
    absent = (probabilities[:, ABSENT] ** 2).mean()
    assert found.brier == pytest.approx(sum(one_against_rest) + absent, rel=1e-9)
    assert np.array_equal(
        found.confusion, reference.confusion_matrix(labels, read, labels=range(10))
    )


def test_classes_agree_with_scikit_learn(scored: tuple[Any, Any]) -> None:
    probabilities, labels = scored
    read = probabilities.argmax(axis=1)
    expected = reference.precision_recall_fscore_support(
        labels, read, labels=range(10), zero_division=np.nan
    )
    rows = measure(probabilities, labels).per_class
    for name, column in zip(("precision", "recall", "f1", "support"), expected, strict=True):
        assert [row[name] for row in rows] == pytest.approx(list(column), nan_ok=True)
    assert [row["class"] for row in rows] == list(range(10))
    assert math.isnan(rows[ABSENT]["recall"])
    assert math.isnan(rows[NEVER_READ]["precision"])


def test_calibration_error_by_hand() -> None:
    # Two digits at 0.9 of which one is right, one at 0.6 that is right: the gaps are
    # |0.9 - 0.5| and |0.6 - 1|, weighted 2/3 and 1/3.
    probabilities = [[0.9, 0.1], [0.1, 0.9], [0.6, 0.4]]
    assert measure(probabilities, [0, 0, 0]).ece == pytest.approx(0.4)


def test_calibration_error_agrees_with_a_plain_loop(scored: tuple[Any, Any]) -> None:
    probabilities, labels = scored
    expected = 0.0
    for position in range(15):
        inside = [
            (row.max(), row.argmax() == label)
            for row, label in zip(probabilities, labels, strict=True)
            if position / 15 < row.max() <= (position + 1) / 15
        ]
        if inside:
            gap = sum(sure for sure, _ in inside) - sum(right for _, right in inside)
            expected += abs(gap) / len(labels)
    assert measure(probabilities, labels).ece == pytest.approx(expected)


def test_a_bin_holds_its_upper_end() -> None:
    bins = reliability([[0.5, 0.5], [0.25, 0.75], [0.0, 1.0]], [0, 0, 1], num_bins=4)
    assert bins.num_digits.tolist() == [0, 1, 1, 1]
    assert bins.confidence.tolist() == pytest.approx([math.nan, 0.5, 0.75, 1.0], nan_ok=True)
    assert bins.accuracy.tolist() == pytest.approx([math.nan, 1.0, 0.0, 1.0], nan_ok=True)


def test_risk_coverage_by_hand() -> None:
    # Surest first: right, wrong, right, wrong.
    probabilities = [[0.6, 0.4], [0.99, 0.01], [0.3, 0.7], [0.2, 0.8]]
    coverage, risk = risk_coverage(probabilities, [1, 0, 1, 0])
    assert coverage.tolist() == [0.25, 0.5, 0.75, 1.0]
    assert risk.tolist() == pytest.approx([0, 1 / 2, 1 / 3, 1 / 2])
    assert measure(probabilities, [1, 0, 1, 0]).aurc == pytest.approx((1 / 2 + 1 / 3 + 1 / 2) / 4)


def test_risk_coverage_is_the_mean_over_all_orders_of_equals() -> None:
    probabilities = np.array([[0.8, 0.2]] * 3 + [[0.6, 0.4]])
    labels = np.array([0, 1, 0, 0])
    _, risk = risk_coverage(probabilities, labels)
    assert risk.tolist() == pytest.approx([1 / 3, 1 / 3, 1 / 3, 1 / 4])
    _, shuffled = risk_coverage(probabilities[[1, 3, 0, 2]], labels[[1, 3, 0, 2]])
    assert shuffled.tolist() == risk.tolist()


def test_wilson_interval_is_the_published_one() -> None:
    # Newcombe 1998, "Two-sided confidence intervals for the single proportion", table I.
    assert wilson_interval(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson_interval(15, 148) == pytest.approx((0.0624, 0.1605), abs=5e-5)
    assert wilson_interval(0, 20) == pytest.approx((0.0, 0.1611), abs=5e-5)
    assert wilson_interval(1, 29) == pytest.approx((0.0061, 0.1718), abs=5e-5)


def test_wilson_interval_stays_within_0_and_1() -> None:
    for count in (1, 7, 10_000):
        assert wilson_interval(0, count)[0] == 0.0
        assert wilson_interval(count, count)[1] == 1.0
        assert 0 < wilson_interval(count, count)[0] < 1


@pytest.mark.parametrize("numbers", [(1, 0, 0.95), (3, 2, 0.95), (-1, 2, 0.95), (1, 2, 1.0)])
def test_no_interval_of_nonsense(numbers: tuple[int, int, float]) -> None:
    with pytest.raises(ConfigError, match="0 <= correct <= count"):
        wilson_interval(*numbers)


def test_one_hopeless_digit_leaves_the_loss_finite() -> None:
    assert measure([[1.0, 0.0]], [1]).loss == pytest.approx(126 * math.log(2))


def test_plain_data_round_trips_as_strict_json(scored: tuple[Any, Any]) -> None:
    plain = measure(*scored).to_dict()
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain
    assert list(plain) == [
        "count", "correct", "accuracy", "accuracy_interval", "loss", "brier", "ece", "aurc",
        "per_class", "confusion",
    ]  # fmt: skip
    assert plain["per_class"][ABSENT]["recall"] is None
    assert plain["per_class"][ABSENT]["support"] == 0


def test_float32_probabilities_and_small_labels_are_taken(scored: tuple[Any, Any]) -> None:
    probabilities, labels = scored
    single = measure(probabilities.astype(np.float32), labels.astype(np.uint8))
    assert single.loss == pytest.approx(measure(probabilities, labels).loss, rel=1e-5)


EVEN = np.full((3, 10), 0.1)


@pytest.mark.parametrize(
    ("probabilities", "labels", "message"),
    [
        (EVEN[0], [1], "shape"),
        (np.zeros((0, 10)), np.zeros(0, int), "shape"),
        (EVEN.astype(str), [1, 2, 3], "numbers"),
        (np.where(np.eye(3, 10) > 0, np.nan, EVEN), [1, 2, 3], "finite"),
        (EVEN * 2, [1, 2, 3], "softmax"),
        (np.hstack([EVEN + 0.2, EVEN - 0.3])[:, 5:15], [1, 2, 3], "softmax"),
        (EVEN, [1, 2], "one for each digit"),
        (EVEN, [1.0, 2.0, 3.0], "whole numbers"),
        (EVEN, [1, 2, 10], "0 to 9"),
        (EVEN, [-1, 2, 3], "0 to 9"),
    ],
)
def test_what_cannot_be_scored_says_why(probabilities: Any, labels: Any, message: str) -> None:
    for score in (measure, reliability, risk_coverage):
        with pytest.raises(BadArrayError, match=message):
            score(probabilities, labels)


def test_no_bins_is_an_error() -> None:
    with pytest.raises(ConfigError, match="num_bins"):
        reliability(EVEN, [1, 2, 3], num_bins=0)
