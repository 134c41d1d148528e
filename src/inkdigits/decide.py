"""From logits to a status: what may be trusted, what a person should look at, what is no digit."""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inkdigits.errors import BundleError, ConfigError
from inkdigits.evaluation.calibration import softmax
from inkdigits.reading import Box, Digit, Status

DEFAULT_MAX_ERROR = 0.002
# Ink that no pair of classes explains to this probability is no digit that we know.
_MIN_PAIR = 0.5
# What is so probably a letter is none either: to lose a digit costs more than to review a letter.
_LETTER, _MAYBE = 0.8, 0.05  # ... and what may be a letter is not ok, but for a line of digits
_NUMBER = 3  # ... of so many or more, all of them sure
_ROUND = 0.92  # a 0 is a ring if it is so nearly as wide as high
# Beyond so much of the height of most, a 0 or a 1 may be a sign; but small 0s are common.
_USUAL = {"0": (0.5, 1.8), "1": (0.65, 1.8)}
# A 1 that reaches so far above and below the digits on both sides, so near, may be a slash.
_BEYOND, _NEAR = 0.08, 1.0  # in their heights
_BESIDE, _HIGHER = 0.5, 1.15  # a 0 so near to what is higher and no digit may be an o
# ... and so may be two 1s that lean, where they make a date of a word.
_LEANING = 0.3  # how wide it is, in its own heights
_DAYS, _MONTHS, _YEAR = 31, 12, (2, 4)  # the highest numbers; digits of a year


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
                f"max_error is {max_error}, but the dial of this bundle goes from {strictest:g} "
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


def in_company(
    lines: Sequence[Sequence[Digit]],
    letters: Sequence[NDArray[np.float64]],
    *,
    is_crowded: bool = False,
    are_digits: bool = False,
) -> list[list[Digit]]:
    """Judge digits by what stands beside them.

    What is almost certainly a letter or a sign is no digit, and what may well be one is for review,
    but for a line of three digits or more, all of them sure. For review is as well

    - a 1 that may be a slash: it reaches beyond its neighbours, or leans and makes a date of them;
    - a 0 that is lower than what stands before it and is no digit, as in No. 12;
    - a 0 or 1 far lower or higher than most, as the rings of a % are, or the one of a cup;
    - a 1 or a round 0 where nothing else is sure on the page: bars are in fences, rulings and
      bricks, and rings in bullets, cells and wheels.

    On a crowded page, no line is a number for being sure, and nothing is for review: there, what is
    not ok is no digit.

    Args:
        lines: the digits of a page, each judged by itself.
        letters: of each line, (n,) from 0 to 1, how probably each is a letter, or a sign.
        is_crowded: the page holds far more marks than a page of digits.
        are_digits: somebody says that these are digits, so no 1 is doubted.

    Returns:
        The same, some with a worse status.
    """
    seen = [
        _among(line, of_line, not is_crowded and _is_number(line))
        for line, of_line in zip(lines, letters, strict=True)
    ]
    if not are_digits:
        seen = [_without_os(_without_dates(_without_slashes(line))) for line in seen]
        seen = _without_signs(seen)
    sure = [digit for line in seen for digit in line if digit.status is Status.OK]
    worse: dict[Status, Status] = {}
    if not are_digits and all(_is_bar_or_ring(digit) for digit in sure):
        worse = {Status.OK: Status.REVIEW}
    if is_crowded:
        worse = dict.fromkeys((Status.REVIEW, *worse), Status.REJECT)
    return [
        [replace(digit, status=worse.get(digit.status, digit.status)) for digit in line]
        for line in seen
    ]


def _without_signs(lines: list[list[Digit]]) -> list[list[Digit]]:
    """Doubt 0s and 1s that are far lower or higher than most of what is sure on the page."""
    heights = [digit.box.height for line in lines for digit in line if digit.status is Status.OK]
    usual = statistics.median(heights or [0])

    def is_odd(digit: Digit) -> bool:
        low, high = _USUAL.get(digit.value, (0.0, math.inf))
        return digit.status is Status.OK and not low * usual <= digit.box.height <= high * usual

    return [
        [replace(digit, status=Status.REVIEW) if is_odd(digit) else digit for digit in line]
        for line in lines
    ]


def _is_bar_or_ring(digit: Digit) -> bool:
    narrower, wider = sorted((digit.box.width, digit.box.height))
    return digit.value == "1" or (digit.value == "0" and narrower > _ROUND * wider)


def _is_number(line: Sequence[Digit]) -> bool:
    return len(line) >= _NUMBER and all(digit.status is Status.OK for digit in line)


def _among(line: Sequence[Digit], letters: NDArray[np.float64], is_number: bool) -> list[Digit]:
    beside = []
    for digit, letter in zip(line, letters.tolist(), strict=True):
        if letter > _LETTER and digit.status is not Status.BLANK:
            digit = replace(digit, status=Status.REJECT)
        elif letter > _MAYBE and digit.status is Status.OK and not is_number:
            digit = replace(digit, status=Status.REVIEW)
        beside.append(digit)
    return beside


def _from_left(line: Sequence[Digit]) -> list[int]:
    """Which of a line were not rejected, from left to right."""
    kept = [index for index in range(len(line)) if line[index].status is not Status.REJECT]
    return sorted(kept, key=lambda index: line[index].box.x)


def _without_slashes(line: list[Digit]) -> list[Digit]:
    beside = list(line)
    kept = _from_left(line)
    for before, index, after in zip(kept, kept[1:], kept[2:], strict=False):
        digit, others = line[index], (line[before].box, line[after].box)
        is_sure_one = digit.value == "1" and digit.status is Status.OK
        if is_sure_one and all(_reaches_beyond(digit.box, other) for other in others):
            beside[index] = replace(digit, status=Status.REVIEW)
    return beside


def _without_os(line: list[Digit]) -> list[Digit]:
    """Doubt a 0 behind what is higher and no digit, as in No. 12."""
    beside = list(line)
    order = sorted(range(len(line)), key=lambda index: line[index].box.x)
    for before, index in pairwise(order):
        digit, other = line[index], line[before]
        is_near = digit.box.x - other.box.right < _BESIDE * digit.box.height
        is_higher = other.box.height > _HIGHER * digit.box.height
        is_sure_zero = digit.value == "0" and digit.status is Status.OK
        is_letter = other.status is Status.REJECT and other.value != "1"  # that may be a slash
        if is_sure_zero and is_near and is_higher and is_letter:
            beside[index] = replace(digit, status=Status.REVIEW)
    return beside


def _without_dates(line: list[Digit]) -> list[Digit]:
    """Doubt two leaning 1s that make a date of a word, such as 12/4/2026 or 3/11/26."""
    beside = list(line)
    kept = _from_left(line)
    values = [line[index].value for index in kept]
    boxes = [line[index].box for index in kept]
    for place in date_slashes(values, boxes, [_leans(box) for box in boxes]):
        digit = line[kept[place]]
        if digit.status is Status.OK:
            beside[kept[place]] = replace(digit, status=Status.REVIEW)
    return beside


def date_slashes(values: Sequence[str], boxes: Sequence[Box], leans: Sequence[bool]) -> list[int]:
    """Where the slashes of dates would stand in a line.

    Args:
        values: a digit each, from left to right.
        boxes: of the same.
        leans: which of them lean as a slash does.

    Returns:
        Places in the line, two a date.
    """
    words: list[list[int]] = []
    for place, box in enumerate(boxes):
        near = boxes[place - 1] if place else None
        if near is None or box.x - near.right > _NEAR * max(box.height, near.height):
            words.append([])
        words[-1].append(place)
    return [
        word[at]
        for word in words
        for at in _in_date([values[k] for k in word], [leans[k] for k in word])
    ]


def _in_date(values: Sequence[str], leans: Sequence[bool]) -> tuple[int, ...]:
    """Where the slashes of a date would stand; nowhere if the word is none."""
    word = "".join(values)
    for first, second in ((1, 3), (1, 4), (2, 4), (2, 5)):
        parts = word[:first], word[first + 1 : second]
        if (
            len(word) - second - 1 in _YEAR
            and all(word[at] == "1" and leans[at] for at in (first, second))
            and all(part.isdecimal() and 1 <= int(part) <= _DAYS for part in parts)
            and min(map(int, parts)) <= _MONTHS
        ):
            return first, second
    return ()


def _leans(box: Box) -> bool:
    return box.width >= _LEANING * box.height


def _reaches_beyond(box: Box, other: Box) -> bool:
    most = _BEYOND * other.height
    space = max(box.x - other.right, other.x - box.right)
    is_near = space < _NEAR * other.height
    return is_near and other.y - box.y > most and box.bottom - other.bottom > most
