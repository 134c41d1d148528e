"""From logits to a status: what may be trusted, what a person should look at, what is no digit."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inkdigits.errors import BundleError, ConfigError
from inkdigits.evaluation.calibration import softmax
from inkdigits.reading import Box, Digit, Status

DEFAULT_MAX_ERROR = 0.002
# Ink that no pair of classes explains to this probability is no digit that we know.
_MIN_PAIR = 0.5


@dataclass(frozen=True)
class Rule:
    """How a bundle's logits are judged.

    Attributes:
        temperature: divides the logits.
        threshold: confidence from which on a digit is ok; above 1 nothing is.
        classes: one character a class.
    """

    temperature: float
    threshold: float
    classes: str

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
        if not strictest <= max_error < 1:
            raise ConfigError(
                f"max_error is {max_error}, but this bundle can promise errors from {strictest:g} "
                f"up to below 1; its settings: {', '.join(f'{error:g}' for error in sorted(dial))}."
            )
        setting = max(error for error in dial if error <= max_error)
        return cls(temperature, dial[setting], str(manifest["classes"]))


def decide(
    logits: NDArray[np.float32],
    boxes: Sequence[Box],
    is_blank: NDArray[np.bool_],
    rule: Rule,
) -> list[Digit]:
    """Judge each of n pieces of ink.

    Args:
        logits: (n, classes) float32.
        boxes: n boxes in pixels of the page.
        is_blank: (n,) true where there is no ink at all.
        rule: temperature, threshold and classes.

    Returns:
        n digits, in the same order.
    """
    probabilities = softmax(logits, rule.temperature)  # (n, classes)
    best = probabilities.argmax(axis=1).tolist()
    two_best = np.partition(probabilities, -2, axis=1)[:, -2:].sum(axis=1)
    is_digit = (two_best >= _MIN_PAIR).tolist()
    digits = []
    for row, index, box, blank, digit_like in zip(
        probabilities.tolist(), best, boxes, is_blank.tolist(), is_digit, strict=True
    ):
        confidence = row[index]
        if blank:
            digits.append(Digit("", 0.0, Status.BLANK, box, (), rule.classes))
            continue
        if not digit_like:
            status = Status.REJECT
        else:
            status = Status.OK if confidence >= rule.threshold else Status.REVIEW
        digits.append(Digit(rule.classes[index], confidence, status, box, tuple(row), rule.classes))
    return digits
