"""From logits to a status: what may be trusted, what a person should look at, what is no digit."""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inkdigits.errors import BundleError, ConfigError
from inkdigits.evaluation.calibration import softmax
from inkdigits.reading import Box, Digit, Status

DEFAULT_MAX_ERROR = 0.002
# Ink that no pair of classes explains to this probability is no digit that we know.
_MIN_PAIR = 0.5
_DOUBTFUL_LINE, _DOUBTFUL_PAGE = 1 / 3, 1 / 2  # shares of rejected marks
_LETTERS = 1 / 2  # ... of a word or a line of letters
_WORD, _LINE = 3, 5  # fewer marks do not tell whether they are letters, or a number
_SPACE = 0.35  # between words, in heights


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
        if not strictest <= max_error < 1:
            raise ConfigError(
                f"max_error is {max_error}, but this bundle can promise errors from {strictest:g} "
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
    two_best = np.partition(of_digits, -2, axis=1)[:, -2:].sum(axis=1)
    is_rejected = of_none > 0.5 if rule.rejects else two_best < _MIN_PAIR
    is_sure = of_digits.max(axis=1, initial=0).astype(np.float64) >= rule.threshold
    if is_doubted is not None:
        is_sure &= ~is_doubted
    digits = []
    for row, index, box, blank, rejected, sure in zip(
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
        status = Status.REJECT if rejected else Status.OK if sure else Status.REVIEW
        digits.append(Digit(rule.classes[index], confidence, status, box, tuple(row), rule.classes))
    return digits


def in_company(
    lines: Sequence[Sequence[Digit]], *, is_crowded: bool = False, are_digits: bool = False
) -> list[list[Digit]]:
    """Doubt the digits that stand among what is no digit.

    Between letters, a stroke is rather an l than a 1, whatever it looks like by itself. So a word
    of three marks of which more than half were rejected holds no digit; nor does any word with a
    rejected mark on a line of letters, which is one of five marks or more with half of them
    rejected, unless more of the word is sure than rejected, as of 12%. Elsewhere on a line a third
    of whose marks were rejected, or on a page half of whose marks were, nothing is ok but numbers:
    words and lines of three digits or more, all of them sure. A 1 is only a bar, as fences, rulings
    and bricks are; so where nothing but 1s is sure on a page, they are for review as well. On a
    crowded page, nothing is for review: there, what is not ok is no digit.

    Args:
        lines: the digits of a page, each judged by itself.
        is_crowded: the page holds far more marks than a page of digits.
        are_digits: somebody says that these are digits, so none is rejected for its company, and a
            1 is not doubted.

    Returns:
        The same, some with a worse status.
    """
    every = [digit for line in lines for digit in line]
    are_bars = not are_digits and all(
        digit.value == "1" for digit in every if digit.status is Status.OK
    )
    is_page_doubtful = _share_rejected(every) >= _DOUBTFUL_PAGE
    company = []
    for line in lines:
        of_line = _share_rejected(line)
        is_doubtful = is_page_doubtful or of_line >= _DOUBTFUL_LINE
        is_of_letters = len(line) >= _LINE and of_line >= _LETTERS
        beside = list(line)
        for word in _words(line):
            digits = [line[index] for index in word]
            is_number = not is_crowded and (_is_number(digits) or _is_number(line))
            worse = (
                {Status.OK: Status.REVIEW} if are_bars or (is_doubtful and not is_number) else {}
            )
            if is_crowded:
                worse = dict.fromkeys((Status.REVIEW, *worse), Status.REJECT)
            if not are_digits and _is_of_letters(digits, is_of_letters):
                worse = dict.fromkeys((Status.OK, Status.REVIEW), Status.REJECT)
            for index, digit in zip(word, digits, strict=True):
                beside[index] = replace(digit, status=worse.get(digit.status, digit.status))
        company.append(beside)
    return company


def _is_number(digits: Sequence[Digit]) -> bool:
    return len(digits) >= _WORD and all(digit.status is Status.OK for digit in digits)


def _is_of_letters(word: Sequence[Digit], is_line_of_letters: bool) -> bool:
    if len(word) >= _WORD and _share_rejected(word) > _LETTERS:
        return True
    num_sure = sum(digit.status is Status.OK for digit in word)
    num_rejected = sum(digit.status is Status.REJECT for digit in word)
    return is_line_of_letters and num_rejected > 0 and num_sure <= num_rejected


def _words(line: Sequence[Digit]) -> list[list[int]]:
    """Which digits of a line stand together, from left to right."""
    space = _SPACE * statistics.median([digit.box.height for digit in line] or [0])
    words: list[list[int]] = []
    right = -math.inf
    for index in sorted(range(len(line)), key=lambda index: line[index].box.x):
        if line[index].box.x - right > space:
            words.append([])
        words[-1].append(index)
        right = max(right, line[index].box.right)
    return words


def _share_rejected(digits: Sequence[Digit]) -> float:
    rejected = sum(digit.status is Status.REJECT for digit in digits)
    return rejected / len(digits) if digits else 0.0
