"""Make confidence mean what it says, and turn it into a promise about errors."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from inkdigits.errors import BadArrayError, ConfigError
from inkdigits.evaluation.metrics import checked_labels, checked_rows

MAX_ERRORS = (0.02, 0.01, 0.005, 0.002, 0.001)
ANSWERS_NOTHING = 2.0  # a threshold that no confidence reaches

_TEMPERATURE_LIMIT = 20.0  # and its inverse
_RISK_OF_A_BROKEN_PROMISE = 0.05
_NUM_THRESHOLDS = 1000  # so that a step is at most a tenth of a percent of the digits


@dataclass(frozen=True)
class DialSetting:
    """One row of the dial's table.

    Attributes:
        max_error: the largest share of errors among the answered digits.
        threshold: a digit is answered when its confidence is at least this; above 1 when
            the calibration digits cannot support the promise, and nothing is answered.
        share_answered: of the calibration digits, those that are rejected included.
        num_calibration: how many digits the promise rests on.
    """

    max_error: float
    threshold: float
    share_answered: float
    num_calibration: int


def softmax(logits: ArrayLike, temperature: float = 1.0) -> NDArray[np.float32]:
    """Turn logits into probabilities, without overflow.

    Args:
        logits: (digits, classes) finite numbers; may hold no digits.
        temperature: above 1 makes the probabilities less sure, below 1 surer.

    Returns:
        (digits, classes) float32, computed in float64.

    Raises:
        BadArrayError: logits of another shape, or not finite.
        ConfigError: a temperature that is not above 0.
    """
    if not 0 < temperature < math.inf:
        raise ConfigError(f"The temperature is {temperature}, but must be above 0, such as 1.")
    if np.ndim(logits) == 2 and len(np.asarray(logits)) == 0:
        return np.zeros(np.shape(logits), np.float32)
    logits = checked_rows(logits, "logits")
    powers = np.exp((logits - logits.max(axis=1, keepdims=True)) / temperature)
    probabilities: NDArray[np.float32] = (powers / powers.sum(axis=1, keepdims=True)).astype(
        np.float32
    )
    return probabilities


def fit_temperature(logits: ArrayLike, labels: ArrayLike) -> float:
    """Find the temperature at which the probabilities fit the labels best.

    Few digits, all of them read rightly, would let the temperature fall without end and every
    probability rise to 1, on no more evidence than they are. So as Platt does, the true class of
    one of n digits is wanted with the probability (n + 1) / (n + 2), as if two digits more had been
    seen, one of them read wrongly; the rest is shared by the other classes. Of thousands of digits
    that changes next to nothing.

    The negative log-likelihood is convex in the inverse temperature, so its slope has one
    zero, which bisection finds.

    Args:
        logits: (digits, classes) finite numbers, of digits that were not trained on.
        labels: (digits,) whole numbers, the true classes.

    Returns:
        the temperature, from 0.05 to 20; 1 where every temperature fits alike.

    Raises:
        BadArrayError: wrong shapes, nan, or labels that are no class.

    Source: Guo et al. 2017, "On calibration of modern neural networks", section 4.2; Platt 1999,
    "Probabilistic outputs for support vector machines", section 2.2.
    """
    rows = checked_rows(logits, "logits")
    labels = checked_labels(labels, *rows.shape)
    rows = rows - rows.max(axis=1, keepdims=True)
    count, num_classes = rows.shape
    truth = rows[np.arange(count), labels].sum()
    others = (rows.sum() - truth) / max(num_classes - 1, 1)
    wanted = (truth * (count + 1) + others) / (count + 2) / count

    high = math.log(_TEMPERATURE_LIMIT)
    low = -high
    while high - low > 1e-9:
        middle = (low + high) / 2
        powers = np.exp(rows * math.exp(-middle))
        expected = ((powers * rows).sum(axis=1) / powers.sum(axis=1)).mean()
        if expected == wanted:
            return math.exp(middle)
        low, high = (low, middle) if expected < wanted else (middle, high)
    return math.exp((low + high) / 2)


def clopper_pearson_upper(errors: int, count: int, confidence: float = 0.95) -> float:
    """The exact upper bound of an error rate, from the errors seen.

    Args:
        errors: how many were wrong.
        count: out of how many, at least 1.
        confidence: how often the true rate is at most the bound, in (0, 1); one-sided.

    Raises:
        ConfigError: numbers that are no count of errors, or no confidence.

    Source: Clopper & Pearson 1934, "The use of confidence or fiducial limits illustrated
    in the case of the binomial".
    """
    if not (0 <= errors <= count and count >= 1 and 0 < confidence < 1):
        raise ConfigError(
            f"No bound for {errors} errors of {count} at confidence {confidence}: expected "
            "0 <= errors <= count, at least 1, and a confidence between 0 and 1, such as 0.95."
        )
    if errors == count:
        return 1.0
    low, high = errors / count, 1.0
    while high - low > 1e-12 * high:
        middle = (low + high) / 2
        if _binomial_cdf(errors, count, middle) > 1 - confidence:
            low = middle
        else:
            high = middle
    return high


def clopper_pearson_interval(
    errors: int, count: int, confidence: float = 0.95
) -> tuple[float, float]:
    """The exact two-sided interval of an error rate; arguments as for the upper bound."""
    one_sided = (1 + confidence) / 2
    return (
        1 - clopper_pearson_upper(count - errors, count, one_sided),
        clopper_pearson_upper(errors, count, one_sided),
    )


def fit_dial(
    confidence: ArrayLike, correct: ArrayLike, max_errors: Sequence[float] = MAX_ERRORS
) -> list[DialSetting]:
    """Find, for each error that may be wanted, the threshold that answers most and keeps it.

    The promise of one setting: whoever calibrates like this gets, with a probability of at
    least 95 %, a threshold at which the share of errors among the answered digits is at most
    ``max_error``, for digits like those of the calibration. It is a finite-sample promise,
    from the exact binomial bound; it holds for each setting by itself.

    The thresholds to test are fixed before a label is seen: they let through a given number of
    calibration digits, from the fewest that could support the promise without an error up to
    all of them, in even steps. They are tested from strict to lax, each success handing the
    risk of a broken promise, 5 %, on to the next. Half of it starts at the strictest threshold
    and half in the middle, so that one mislabelled digit among the surest does not silence
    the dial. Above a threshold taken from the ranks, the digits are still a fair sample of all
    digits above it, so the binomial bound is exact. Handing the risk on assumes that a laxer
    threshold never has a smaller share of errors.

    Args:
        confidence: (digits,) in [0, 1], of digits that neither the network nor the
            temperature was fitted on, if the promise is to be strict.
        correct: (digits,) bool, whether each was read rightly.
        max_errors: the errors wanted, each in (0, 1).

    Returns:
        a setting for each of ``max_errors``, in their order.

    Raises:
        BadArrayError: arrays of other shapes, no digits, or a confidence outside [0, 1].
        ConfigError: an error wanted that is not between 0 and 1.

    Source: Angelopoulos et al. 2021, "Learn then test" (fixed-sequence testing with several
    starts); Wiens 2003 (handing the risk on); Geifman & El-Yaniv 2017 (bounded selective
    risk); Clopper & Pearson 1934.
    """
    # The precision of probabilities: a threshold is compared with them as it is found here.
    sureness = np.asarray(confidence).astype(np.float32)
    right = np.asarray(correct)
    if sureness.ndim != 1 or sureness.size == 0 or right.shape != sureness.shape:
        raise BadArrayError(
            f"confidence has shape {sureness.shape} and correct {right.shape}, "
            "but both must be (digits,), with at least one digit."
        )
    if right.dtype != np.bool_ or not ((sureness >= 0) & (sureness <= 1)).all():
        raise BadArrayError(
            f"correct is {right.dtype} and confidence goes from {sureness.min():g} to "
            f"{sureness.max():g}, but correct must be bool, and confidence lie in 0 to 1."
        )
    for max_error in max_errors:
        if not 0 < max_error < 1:
            raise ConfigError(
                f"max_error is {max_error}, but must be above 0 and below 1, such as 0.002."
            )
    order = np.argsort(-sureness, kind="stable")
    doubt, errors = -sureness[order], np.cumsum(~right[order])
    return [_setting(doubt, errors, max_error) for max_error in max_errors]


def _setting(
    doubt: NDArray[np.float32], errors: NDArray[np.int64], max_error: float
) -> DialSetting:
    """Test the thresholds for one error.

    Args:
        doubt: (digits,) the negative of the confidence, ascending.
        errors: (digits,) how many are wrong up to each digit.
        max_error: the error wanted.
    """
    count = len(doubt)
    half_risk = _RISK_OF_A_BROKEN_PROMISE / 2
    fewest = math.ceil(math.log(half_risk) / math.log1p(-max_error))
    if fewest > count:
        return DialSetting(max_error, ANSWERS_NOTHING, 0.0, count)
    ranks = np.unique(np.linspace(fewest, count, _NUM_THRESHOLDS).astype(int))

    threshold, num_answered, risk = ANSWERS_NOTHING, 0, 0.0
    for position, rank in enumerate(ranks):
        risk += half_risk * ((position == 0) + (position == len(ranks) // 2))
        if risk == 0:
            continue
        if rank < count:  # answer what is surer than the digit after the rank: see fit_dial
            answered = int(np.searchsorted(doubt, doubt[rank]))
            candidate = float(np.nextafter(-doubt[rank], np.float32(2)))
        else:
            answered, candidate = count, 0.0
        if answered and _binomial_cdf(int(errors[answered - 1]), answered, max_error) <= risk:
            num_answered, threshold = answered, candidate
        else:
            risk = 0.0
    return DialSetting(max_error, threshold, num_answered / count, count)


def _binomial_cdf(successes: int, count: int, probability: float) -> float:
    """P(X <= successes) of a binomial, summed in log space; 0 < probability < 1."""
    k = np.arange(1, successes + 1)
    log_choose = np.cumsum(np.log(count - k + 1) - np.log(k))
    rest = math.log1p(-probability)
    log_terms = log_choose + k * (math.log(probability) - rest)
    terms = np.concatenate(([0.0], log_terms)) + count * rest
    top = terms.max()
    return float(min(1.0, math.exp(top) * np.exp(terms - top).sum()))
