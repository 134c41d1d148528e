"""What is measured on labelled digits: how many are right, and how honest the confidence is."""

import math
from dataclasses import dataclass, fields
from statistics import NormalDist
from typing import Any, NamedTuple, TypedDict

import numpy as np
from numpy.typing import ArrayLike, NDArray

from inkdigits.errors import BadArrayError, ConfigError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

NUM_BINS = 15
_SUM_TOLERANCE = 1e-3  # float16 probabilities of ten classes still pass
_SMALLEST = float(np.finfo(np.float32).tiny)

ClassMetrics = TypedDict(
    "ClassMetrics",
    {"class": int, "precision": float, "recall": float, "f1": float, "support": int},
)


class Reliability(NamedTuple):
    """Confidence against accuracy, a value for each bin; nan where a bin is empty."""

    confidence: Floats  # mean of the bin
    accuracy: Floats
    num_digits: Ints


@dataclass(frozen=True, kw_only=True, eq=False)
class Metrics:
    """Everything that ``inkdigits evaluate --json`` prints.

    Attributes:
        count: how many digits were scored.
        correct: how many of them were read rightly.
        accuracy: their share.
        accuracy_interval: 95 % Wilson interval of the accuracy, low and high.
        loss: mean negative log-likelihood of the true class, natural logarithm. A probability
            counts as at least 1.2e-38, so that one hopeless digit does not make it infinite.
        brier: mean squared distance between the probabilities and the truth, summed over the
            classes: 0 is perfect, 2 the worst.
        ece: expected calibration error over 15 equal-width bins of top-1 confidence.
        aurc: area under the risk-coverage curve; lower is better, 0 is perfect.
        per_class: precision, recall, f1 and support of each class; nan where undefined, as
            the recall of a class that no digit has.
        confusion: (classes, classes) counts; a row is the true class, a column the one read.
    """

    count: int
    correct: int
    accuracy: float
    accuracy_interval: tuple[float, float]
    loss: float
    brier: float
    ece: float
    aurc: float
    per_class: list[ClassMetrics]
    confusion: Ints

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON, in which what is undefined is None."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        values["accuracy_interval"] = list(self.accuracy_interval)
        values["per_class"] = [
            {name: None if math.isnan(value) else value for name, value in row.items()}  # type: ignore[arg-type]
            for row in self.per_class
        ]
        values["confusion"] = self.confusion.tolist()
        return values


def measure(probabilities: ArrayLike, labels: ArrayLike) -> Metrics:
    """Score every digit of a labelled set.

    Args:
        probabilities: (digits, classes) floats, each row summing to 1 within 0.001.
        labels: (digits,) whole numbers, the true classes.

    Raises:
        BadArrayError: wrong shapes, no digits, nan, rows that are no probabilities, or
            labels that are no class.

    Source: Guo et al. 2017 for the calibration error, Brier 1950, Geifman & El-Yaniv 2017
    for the risk-coverage curve, Wilson 1927 for the interval.
    """
    probabilities, labels = checked_probabilities(probabilities, labels)
    count, num_classes = probabilities.shape
    confusion = np.zeros((num_classes, num_classes), np.int64)  # (true, read)
    np.add.at(confusion, (labels, probabilities.argmax(axis=1)), 1)
    correct = int(confusion.trace())

    truth = np.eye(num_classes)[labels]  # (digits, classes)
    bins = _reliability(probabilities, labels, NUM_BINS)
    gaps = np.abs(bins.confidence - bins.accuracy)[bins.num_digits > 0]
    return Metrics(
        count=count,
        correct=correct,
        accuracy=correct / count,
        accuracy_interval=wilson_interval(correct, count),
        loss=float(-np.log(np.maximum(probabilities[truth == 1], _SMALLEST)).mean()),
        brier=float(((probabilities - truth) ** 2).sum(axis=1).mean()),
        ece=float(gaps @ bins.num_digits[bins.num_digits > 0] / count),
        aurc=float(_risk_coverage(probabilities, labels)[1].mean()),
        per_class=_per_class(confusion),
        confusion=confusion,
    )


def wilson_interval(correct: int, count: int, confidence: float = 0.95) -> tuple[float, float]:
    """The interval that holds a share, from how often it came true.

    Args:
        correct: how often it came true.
        count: out of how many, at least 1.
        confidence: how often such intervals hold the true share, in (0, 1).

    Raises:
        ConfigError: numbers of which no share can be made.

    Source: Wilson 1927, "Probable inference, the law of succession, and statistical inference".
    """
    if not (0 <= correct <= count and count >= 1 and 0 < confidence < 1):
        raise ConfigError(
            f"No interval for {correct} of {count} at confidence {confidence}: expected "
            "0 <= correct <= count, at least 1, and a confidence between 0 and 1, such as 0.95."
        )
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    share = correct / count
    centre = share + z * z / (2 * count)
    spread = z * math.sqrt(share * (1 - share) / count + (z / (2 * count)) ** 2)
    scale = 1 + z * z / count
    low, high = (centre - spread) / scale, (centre + spread) / scale
    # At either end the exact value is 0 or 1, which rounding may overstep.
    return (0.0 if correct == 0 else low, 1.0 if correct == count else high)


def reliability(
    probabilities: ArrayLike, labels: ArrayLike, num_bins: int = NUM_BINS
) -> Reliability:
    """Group the digits by top-1 confidence, and compare it with how often they are right.

    Args:
        probabilities: (digits, classes), as for ``measure``.
        labels: (digits,), as for ``measure``.
        num_bins: bins of equal width over [0, 1]; each holds its upper end, not its lower.

    Raises:
        BadArrayError: as for ``measure``.
        ConfigError: fewer than one bin.

    Source: Guo et al. 2017, "On calibration of modern neural networks", section 2.
    """
    if num_bins < 1:
        raise ConfigError(f"num_bins is {num_bins}, but must be at least 1, such as {NUM_BINS}.")
    return _reliability(*checked_probabilities(probabilities, labels), num_bins)


def risk_coverage(probabilities: ArrayLike, labels: ArrayLike) -> tuple[Floats, Floats]:
    """The share of errors among the answered digits, when the k most confident are answered.

    Digits of equal confidence count as if their errors were spread evenly among them, so that
    the curve does not depend on the order in which the digits come.

    Args:
        probabilities: (digits, classes), as for ``measure``.
        labels: (digits,), as for ``measure``.

    Returns:
        coverage, the share answered, and risk, the share of errors among those; both (digits,),
        for k = 1 to all. The mean of the risk is the AURC.

    Raises:
        BadArrayError: as for ``measure``.

    Source: Geifman & El-Yaniv 2017, "Selective classification for deep neural networks".
    """
    return _risk_coverage(*checked_probabilities(probabilities, labels))


def checked_labels(labels: ArrayLike, count: int, num_classes: int) -> Ints:
    """The labels as int64, or a BadArrayError that says what is wrong with them."""
    labels = np.asarray(labels)
    if labels.shape != (count,) or labels.dtype.kind not in "iu":
        raise BadArrayError(
            f"The labels are {labels.dtype} of shape {labels.shape}, "
            f"but must be whole numbers of shape ({count},), one for each digit."
        )
    if labels.min() < 0 or labels.max() >= num_classes:
        raise BadArrayError(
            f"The labels go from {labels.min()} to {labels.max()}, but must lie in "
            f"0 to {num_classes - 1}, a column for each: leave the other digits out."
        )
    return labels.astype(np.int64)


def checked_rows(values: ArrayLike, name: str) -> Floats:
    """(digits, classes) as finite float64, or a BadArrayError that says what is wrong."""
    values = np.asarray(values)
    if values.ndim != 2 or 0 in values.shape or values.dtype.kind not in "fiu":
        raise BadArrayError(
            f"The {name} are {values.dtype} of shape {values.shape}, but must be numbers of "
            "shape (digits, classes), at least one of each."
        )
    values = values.astype(np.float64)
    if not np.isfinite(values).all():
        raise BadArrayError(f"The {name} hold nan or infinity, but must be finite numbers.")
    return values


def checked_probabilities(probabilities: ArrayLike, labels: ArrayLike) -> tuple[Floats, Ints]:
    """Both as float64 and int64, or a BadArrayError that says what is wrong with them."""
    rows = checked_rows(probabilities, "probabilities")
    sums = rows.sum(axis=1)
    if rows.min() < 0 or np.abs(sums - 1).max() > _SUM_TOLERANCE:
        raise BadArrayError(
            f"The probabilities go from {rows.min():g} to {rows.max():g} and their rows sum to "
            f"{sums.min():g} to {sums.max():g}, but must be at least 0 and each row sum to 1: "
            "apply softmax to logits first."
        )
    return rows, checked_labels(labels, *rows.shape)


def _per_class(confusion: Ints) -> list[ClassMetrics]:
    right, true, read = confusion.diagonal(), confusion.sum(axis=1), confusion.sum(axis=0)

    def ratio(part: int, whole: int) -> float:
        return part / whole if whole else math.nan

    return [
        {
            "class": label,
            "precision": ratio(int(right[label]), int(read[label])),
            "recall": ratio(int(right[label]), int(true[label])),
            "f1": ratio(2 * int(right[label]), int(true[label] + read[label])),
            "support": int(true[label]),
        }
        for label in range(len(confusion))
    ]


def _reliability(probabilities: Floats, labels: Ints, num_bins: int) -> Reliability:
    confidence = probabilities.max(axis=1).clip(0, 1)
    right = probabilities.argmax(axis=1) == labels
    edges = np.linspace(0, 1, num_bins + 1)
    index = np.searchsorted(edges[1:-1], confidence, side="left")  # (digits,), 0 to num_bins - 1
    count = np.bincount(index, minlength=num_bins)
    whole = np.where(count > 0, count, np.nan)
    return Reliability(
        confidence=np.bincount(index, confidence, num_bins) / whole,
        accuracy=np.bincount(index, right, num_bins) / whole,
        num_digits=count.astype(np.int64),
    )


def _risk_coverage(probabilities: Floats, labels: Ints) -> tuple[Floats, Floats]:
    wrong = probabilities.argmax(axis=1) != labels
    # Groups of equal confidence, the most confident first.
    _, group, size = np.unique(-probabilities.max(axis=1), return_inverse=True, return_counts=True)
    errors = np.repeat(np.bincount(group, wrong) / size, size)  # (digits,), expected
    answered = np.arange(1, len(labels) + 1)
    return answered / len(labels), np.cumsum(errors) / answered
