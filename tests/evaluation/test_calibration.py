import math
from typing import Any

import numpy as np
import pytest
import scipy.special
import scipy.stats
from sklearn.metrics import log_loss

from inkdigits.errors import BadArrayError, ConfigError
from inkdigits.evaluation.calibration import (
    DialSetting,
    clopper_pearson_interval,
    clopper_pearson_upper,
    fit_dial,
    fit_temperature,
    softmax,
)


def test_softmax_agrees_with_scipy() -> None:
    logits = np.random.default_rng(0).normal(0, 5, (50, 10)).astype(np.float32)
    found = softmax(logits, 2.5)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, scipy.special.softmax(logits / 2.5, axis=1), rtol=1e-5)


def test_softmax_of_the_largest_logits_and_of_none() -> None:
    assert softmax([[3e38, -3e38, 0]]).tolist() == [[1, 0, 0]]
    assert softmax(np.zeros((0, 10), np.float32)).shape == (0, 10)


@pytest.mark.parametrize("temperature", [0, -1, math.nan, math.inf])
def test_a_temperature_is_above_0(temperature: float) -> None:
    with pytest.raises(ConfigError, match="temperature"):
        softmax([[1, 2]], temperature)


@pytest.mark.parametrize("true_temperature", [0.4, 1.0, 3.0])
def test_the_temperature_that_made_the_labels_is_found(true_temperature: float) -> None:
    random = np.random.default_rng(1)
    calibrated = random.normal(0, 2, (30_000, 10))
    labels = (calibrated + random.gumbel(size=calibrated.shape)).argmax(axis=1)
    found = fit_temperature((calibrated * true_temperature).astype(np.float32), labels)
    assert found == pytest.approx(true_temperature, rel=0.03)


def test_no_temperature_has_a_lower_loss() -> None:
    random = np.random.default_rng(2)
    labels = random.integers(0, 10, 400)
    logits = random.normal(0, 3, (400, 10)) + 4 * np.eye(10)[labels]
    # Two digits more of each, one of them wrong, as Platt counts; scikit-learn weighs them.
    weights = np.full((400, 10), 1 / 9)
    weights[np.arange(400), labels] = 401

    def loss(temperature: float) -> float:
        probabilities = scipy.special.softmax(logits / temperature, axis=1)
        return float(
            log_loss(
                np.tile(np.arange(10), 400),
                np.repeat(probabilities, 10, axis=0),
                sample_weight=weights.ravel(),
                labels=range(10),
            )
        )

    best = fit_temperature(logits, labels)
    assert loss(best) <= min(loss(other) for other in np.geomspace(0.1, 10, 200)) + 1e-12


@pytest.mark.parametrize("count", [1, 8, 98])
def test_of_few_digits_all_read_rightly_no_more_is_believed_than_they_show(count: int) -> None:
    logits, labels = np.tile([[9.0, 0.0], [0.0, 9.0]], (count, 1)), np.tile([0, 1], count)
    sure = scipy.special.softmax(logits[0] / fit_temperature(logits, labels))[0]
    assert sure == pytest.approx((2 * count + 1) / (2 * count + 2))


def test_temperature_where_the_data_sets_no_limit() -> None:
    assert fit_temperature([[9.0, 0.0], [0.0, 9.0]], [1, 0]) == pytest.approx(20)
    assert fit_temperature([[1.0, 1.0], [2.0, 2.0]], [0, 1]) == 1.0


@pytest.mark.parametrize(
    ("logits", "labels"),
    [([[1, math.inf]], [0]), ([[1, 2]], [2]), ([[1, 2]], [0, 1]), ([1, 2], [0])],
)
def test_temperature_of_nonsense_is_an_error(logits: Any, labels: Any) -> None:
    with pytest.raises(BadArrayError):
        fit_temperature(logits, labels)


@pytest.mark.parametrize("confidence", [0.5, 0.95, 0.999])
@pytest.mark.parametrize(
    ("errors", "count"), [(0, 1), (0, 2995), (1, 12), (37, 6000), (700, 1000), (9999, 10_000)]
)
def test_the_bound_agrees_with_scipy(errors: int, count: int, confidence: float) -> None:
    expected = scipy.stats.beta.ppf(confidence, errors + 1, count - errors)
    assert clopper_pearson_upper(errors, count, confidence) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(("errors", "count"), [(0, 50), (6, 9676), (42, 9945), (50, 50)])
def test_the_interval_agrees_with_scipy(errors: int, count: int) -> None:
    expected = scipy.stats.binomtest(errors, count).proportion_ci(method="exact")
    assert clopper_pearson_interval(errors, count) == pytest.approx(tuple(expected), rel=1e-6)


def test_the_bound_when_all_are_wrong() -> None:
    assert clopper_pearson_upper(5, 5) == 1.0


@pytest.mark.parametrize("numbers", [(1, 0, 0.95), (3, 2, 0.95), (-1, 2, 0.95), (1, 2, 0.0)])
def test_no_bound_of_nonsense(numbers: tuple[int, int, float]) -> None:
    with pytest.raises(ConfigError, match="0 <= errors <= count"):
        clopper_pearson_upper(*numbers)


def error_rate(confidence: Any) -> Any:
    """Half of the least sure digits are wrong, and 1 in 2,000 of the surest."""
    return 0.0005 + 0.5 * np.exp(-confidence / 0.08)


def digits(random: np.random.Generator, count: int) -> tuple[Any, Any]:
    confidence = random.random(count).astype(np.float32)
    return confidence, random.random(count) >= error_rate(confidence)


def true_error(setting: DialSetting) -> float:
    """The error among new answered digits, integrated; confidence is uniform."""
    answered = np.linspace(setting.threshold, 1, 2001)
    return float(np.trapezoid(error_rate(answered), answered) / (1 - setting.threshold))


@pytest.mark.parametrize("max_error", [0.02, 0.01])
def test_the_promise_holds_in_95_of_100_calibrations(max_error: float) -> None:
    random = np.random.default_rng(7)
    settings = [fit_dial(*digits(random, 1500), (max_error,))[0] for _ in range(300)]
    answering = [setting for setting in settings if setting.share_answered > 0]
    assert len(answering) >= 285  # a dial that never answers would keep any promise
    num_broken = sum(true_error(setting) > max_error for setting in answering)
    # One in 20 may be broken. If as many were, more than 22 of 300 would be seen 3 times in 100.
    assert num_broken <= 22


def test_a_threshold_picked_at_will_would_break_the_promise() -> None:
    """The simulation above can fail: the laxest threshold that looks right is often not."""
    random = np.random.default_rng(7)
    num_broken = 0
    for _ in range(100):
        confidence, correct = digits(random, 1500)
        order = np.argsort(-confidence)
        rates = np.cumsum(~correct[order]) / np.arange(1, 1501)
        threshold = float(confidence[order][np.flatnonzero(rates <= 0.01).max()])
        num_broken += true_error(DialSetting(0.01, threshold, 0, 0)) > 0.01
    assert num_broken > 20


def test_the_dial_answers_nearly_all_that_it_may() -> None:
    settings = fit_dial(*digits(np.random.default_rng(3), 20_000))
    assert [setting.max_error for setting in settings] == [0.02, 0.01, 0.005, 0.002, 0.001]
    # Where the true error is exactly the one wanted, by bisection on the integral.
    for setting in settings[:4]:
        low, high = 0.0, 0.99
        for _ in range(40):
            middle = (low + high) / 2
            too_many = true_error(DialSetting(0, middle, 0, 0)) > setting.max_error
            low, high = (middle, high) if too_many else (low, middle)
        assert 1 - low - 0.1 < setting.share_answered < 1 - low
    shares = [setting.share_answered for setting in settings]
    assert shares == sorted(shares, reverse=True)


def test_the_share_is_that_of_the_digits_at_the_threshold() -> None:
    random = np.random.default_rng(4)
    confidence = np.round(random.random(4000), 2).astype(np.float32)  # many are equal
    for setting in fit_dial(confidence, random.random(4000) >= error_rate(confidence)):
        assert setting.share_answered == (confidence >= setting.threshold).mean()
        assert setting.num_calibration == 4000


def test_too_few_digits_promise_nothing() -> None:
    # Without an error in n digits the bound at 97.5 % is 1 - 0.025 ** (1 / n): 368 for 0.01.
    sure = np.linspace(0.5, 1, 368)
    assert fit_dial(sure[:367], np.ones(367, bool), (0.01,)) == [DialSetting(0.01, 2.0, 0.0, 367)]
    assert fit_dial(sure, np.ones(368, bool), (0.01,)) == [DialSetting(0.01, 0.0, 1.0, 368)]


def test_what_is_never_right_is_never_answered() -> None:
    settings = fit_dial(np.linspace(0, 1, 9000), np.zeros(9000, bool))
    assert all(setting.threshold > 1 and setting.share_answered == 0 for setting in settings)


def test_one_sure_mistake_does_not_silence_the_dial() -> None:
    correct = np.ones(6000, bool)
    correct[0] = False
    (setting,) = fit_dial(np.linspace(1, 0.5, 6000), correct, (0.002,))
    assert setting.share_answered == 1


@pytest.mark.parametrize(
    ("confidence", "correct"),
    [
        ([], []),
        ([0.5], [True, False]),
        ([[0.5]], [[True]]),
        ([0.5], [1]),
        ([1.5], [True]),
        ([math.nan], [True]),
    ],
)
def test_a_dial_of_nonsense_is_an_error(confidence: Any, correct: Any) -> None:
    with pytest.raises(BadArrayError, match=r"digits|bool"):
        fit_dial(confidence, correct)


@pytest.mark.parametrize("max_error", [0, 1, -0.1, math.nan])
def test_an_error_wanted_lies_between_0_and_1(max_error: float) -> None:
    with pytest.raises(ConfigError, match="max_error"):
        fit_dial([0.5], [True], (max_error,))
