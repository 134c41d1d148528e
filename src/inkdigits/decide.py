"""From logits to a status: what may be trusted, what a person should look at, what is no digit."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inkdigits.errors import BundleError, ConfigError
from inkdigits.evaluation.calibration import softmax
from inkdigits.reading import Box, Digit, Status

DEFAULT_MAX_ERROR = 0.002
# Ink that no pair of classes explains to this probability is no digit that we know.
_MIN_PAIR = 0.5
_MOST_AGAINST = np.float32(0.99)  # of what a digit is surer than another, by which it stays so
_LEAST = 1e-9  # of probability, where there is none


@dataclass(frozen=True)
class Rule:
    """How a bundle's logits are judged.

    Attributes:
        temperature: divides the logits.
        threshold: confidence from which on a digit is ok; above 1 nothing is.
        classes: one character a class.
        rejects: the network was taught what is no digit, so its novelty counts.
    """

    temperature: float
    threshold: float
    classes: str
    rejects: bool = False

    @classmethod
    def of(cls, manifest: Mapping[str, Any], max_error: float) -> "Rule":
        """Take the rule from a bundle's manifest, with the dial turned to ``max_error``.

        The dial's table holds a few settings; the laxest one that is at least as strict as
        what was asked for is taken.

        Raises:
            ConfigError: stricter than every setting of the table, or not between 0 and 1.
            BundleError: the manifest's calibration is not one.
        """
        try:
            calibration = manifest["calibration"]
            temperature = float(calibration["temperature"])
            dial = {float(row["max_error"]): float(row["threshold"]) for row in calibration["dial"]}
            strictest = min(dial)
            if not 0 < temperature < math.inf:
                raise ValueError(f"the temperature is {temperature}")
        except (KeyError, TypeError, ValueError) as error:
            raise BundleError(
                f"The calibration of the bundle {manifest.get('name')!r} cannot be used ({error}). "
                "Export it again from its run."
            ) from error
        is_number = isinstance(max_error, Real)  # Python does not hold anybody to annotations
        if not is_number or not strictest <= max_error < 1:
            raise ConfigError(
                f"max_error is {max_error!r}, but the dial of this bundle goes from {strictest:g} "
                f"up to below 1; its settings: {', '.join(f'{error:g}' for error in sorted(dial))}."
            )
        setting = max(error for error in dial if error <= max_error)
        rejects = bool(calibration.get("rejects"))
        return cls(temperature, dial[setting], str(manifest["classes"]), rejects)


def with_none(logits: NDArray[np.float32], novelty: NDArray[np.float32]) -> NDArray[np.float32]:
    """Put the logit of "no digit" behind those of the digits: (n, classes) → (n, classes + 1)."""
    peak = logits.max(axis=1)
    together = peak + np.log(np.exp(logits - peak[:, None]).sum(axis=1))  # logsumexp, (n,)
    return np.column_stack((logits, novelty + together))


def probabilities(
    logits: NDArray[np.float32], novelty: NDArray[np.float32], rule: Rule
) -> NDArray[np.float32]:
    """Calibrated probabilities of each class, and that this is no digit.

    Args:
        logits: (n, classes) float32.
        novelty: (n,) float32 log-odds of "no digit"; it counts only where the rule says so.
        rule: temperature, and whether novelty counts.

    Returns:
        (n, classes + 1) float32, the last column 0 where novelty does not count.
    """
    if rule.rejects:
        return softmax(with_none(logits, novelty), rule.temperature)
    of_digits = softmax(logits, rule.temperature)
    return np.column_stack((of_digits, np.zeros(len(of_digits), np.float32)))


def from_probabilities(
    judged: NDArray[np.float32], rule: Rule
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The logits (n, classes) and novelty (n,) of (n, classes + 1) ``probabilities``."""
    scaled = np.log(np.maximum(judged, _LEAST)) * np.float32(rule.temperature)
    logits = scaled[:, :-1]
    return logits, scaled[:, -1] - with_none(logits, np.zeros(len(logits), np.float32))[:, -1]


def at_any_width(judged: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Judge digits whose width is not known, by how each looks at several.

    1. The value is the digit with the highest probability at any width.
    2. Its probability, and all others, are the mean of the two widths at which it is highest.
    3. Half of the highest probability of another digit, at any width, goes over to that one; but
       never so much that it becomes the value, if it was not by the second step.

    Args:
        judged: (k, n, classes + 1) float32 probabilities at k widths; the last is "no digit".

    Returns:
        (n, classes + 1) float32 probabilities, and (n,) at which of the widths the most probable
        digit is surest.
    """
    each = np.arange(judged.shape[1])
    of_digits = judged[..., :-1]
    value = of_digits.max(axis=0).argmax(axis=1)  # (n,)
    two = np.argsort(-of_digits[:, each, value], axis=0, kind="stable")[:2]  # (2, n)
    together = judged[two, each].mean(axis=0)
    others = of_digits.max(axis=0)
    others[each, value] = 0
    other = others.argmax(axis=1)
    more = together[each, value] - together[each, other]
    against = np.minimum(others[each, other], _MOST_AGAINST * more.clip(0)) / 2
    together[each, value] -= against
    together[each, other] += against
    best = together[:, :-1].argmax(axis=1)
    return together, of_digits[:, each, best].argmax(axis=0)


def rejected(judged: NDArray[np.float32], rule: Rule) -> NDArray[np.bool_]:
    """Which of n pieces of ink are no digit: (n, classes + 1) probabilities → (n,) bool."""
    if rule.rejects:
        return np.asarray(judged[:, -1] > 0.5)
    two_best = np.partition(judged[:, :-1], -2, axis=1)[:, -2:].sum(axis=1)
    return np.asarray(two_best < _MIN_PAIR)


def decide(
    logits: NDArray[np.float32],
    novelty: NDArray[np.float32],
    boxes: Sequence[Box],
    is_blank: NDArray[np.bool_],
    rule: Rule,
) -> list[Digit]:
    """Judge each of n pieces of ink; as ``judge``, from what the graph says of them."""
    return judge(probabilities(logits, novelty, rule), boxes, is_blank, rule)


def judge(
    judged: NDArray[np.float32],
    boxes: Sequence[Box],
    is_blank: NDArray[np.bool_],
    rule: Rule,
    certainty: NDArray[np.float64] | None = None,
    is_doubted: NDArray[np.bool_] | None = None,
) -> list[Digit]:
    """Judge each of n pieces of ink.

    Args:
        judged: (n, classes + 1) float32 probabilities, the last of which is "no digit".
        boxes: n boxes in pixels of the page.
        is_blank: (n,) true where there is no ink at all.
        rule: temperature, threshold and classes.
        certainty: (n,) from 0 to 1, how sure it is that each piece is one digit and not a part of
            one, or two; None where there is no doubt. It lowers the confidence.
        is_doubted: (n,) true for what is never ok, however high its confidence; None for nothing.

    Returns:
        n digits, in the same order.
    """
    of_digits, of_none = judged[:, :-1], judged[:, -1]
    if certainty is not None:
        of_digits = of_digits * certainty[:, None].astype(np.float32)
    best = of_digits.argmax(axis=1)
    is_rejected = rejected(np.column_stack((of_digits, of_none)), rule)
    is_sure = of_digits.max(axis=1, initial=0).astype(np.float64) >= rule.threshold
    if is_doubted is not None:
        is_sure &= ~is_doubted
    digits = []
    for row, index, box, blank, is_none, sure in zip(
        of_digits.tolist(),
        best.tolist(),
        boxes,
        is_blank.tolist(),
        is_rejected.tolist(),
        is_sure.tolist(),
        strict=True,
    ):
        if blank:
            digits.append(Digit("", 0.0, Status.BLANK, box, (), rule.classes))
            continue
        confidence = row[index]
        status = Status.REJECT if is_none else Status.OK if sure else Status.REVIEW
        digits.append(Digit(rule.classes[index], confidence, status, box, tuple(row), rule.classes))
    return digits
