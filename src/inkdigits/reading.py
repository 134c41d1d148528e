"""What a reading is: a page of lines of digits, each with how sure we are of it."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

CLASSES = "0123456789"
CSV_COLUMNS = (
    "source", "line", "position", "value", "status", "confidence", "x", "y", "width", "height"
)  # fmt: skip
UNSURE_MARK = "?"


class Status(StrEnum):
    """What may be done with a digit or a page, best first."""

    OK = "ok"  # within the error that was asked for
    REVIEW = "review"  # digit-like, but a person should look
    REJECT = "reject"  # ink that is not a digit; left out of the text
    BLANK = "blank"  # no ink at all


_WORST_LAST = {Status.OK: 0, Status.REVIEW: 1, Status.REJECT: 2, Status.BLANK: 3}


class Box(NamedTuple):
    """A rectangle in whole pixels, from its top left corner."""

    x: int
    y: int
    width: int
    height: int

    @property
    def right(self) -> int:
        """The first column right of the box."""
        return self.x + self.width

    @property
    def bottom(self) -> int:
        """The first row below the box."""
        return self.y + self.height

    @classmethod
    def around(cls, boxes: Sequence["Box"]) -> "Box":
        """The smallest box that holds all of the given ones, of which there is at least one."""
        x, y = min(box.x for box in boxes), min(box.y for box in boxes)
        return cls(x, y, max(box.right for box in boxes) - x, max(box.bottom for box in boxes) - y)


class Alternative(NamedTuple):
    """Another digit that the ink could be."""

    value: str
    confidence: float


@dataclass(frozen=True, slots=True)
class Digit:
    """One digit as it was read.

    Attributes:
        value: the most likely class, ``"0"`` to ``"9"``; ``""`` where there is no ink.
        confidence: its calibrated probability, in [0, 1].
        status: what may be done with it.
        box: where it stands, in pixels of the page as given.
        probabilities: of every class, calibrated, in the order of ``classes``; what they lack
            to 1 is the probability that this is no digit, or not one digit as it was cut out.
        classes: the names of the classes.
    """

    value: str
    confidence: float
    status: Status
    box: Box
    probabilities: tuple[float, ...] = ()
    classes: str = CLASSES

    @property
    def alternatives(self) -> list[Alternative]:
        """The other classes with a probability of at least 0.001, most likely first, at most 3."""
        others = (
            Alternative(value, probability)
            for value, probability in zip(self.classes, self.probabilities, strict=False)
            if value != self.value and probability >= 0.001
        )
        return sorted(others, key=lambda other: -other.confidence)[:3]

    def to_dict(self) -> dict[str, Any]:
        """Plain data, as in the JSON of a page."""
        return {
            "value": self.value,
            "status": str(self.status),
            "confidence": round(self.confidence, 6),
            "box": list(self.box),
            "alternatives": [
                {"value": other.value, "confidence": round(other.confidence, 6)}
                for other in self.alternatives
            ],
        }


@dataclass(frozen=True, slots=True)
class Line:
    """Digits that stand beside one another, left to right; never empty."""

    digits: tuple[Digit, ...]

    @property
    def text(self) -> str:
        """The values of the digits, without what was rejected."""
        return self.text_at_least(Status.REVIEW)

    def text_at_least(self, worst: Status) -> str:
        """The values, with ``?`` in the place of each digit whose status is worse than ``worst``.

        What was rejected is no digit, and has no place in the text at all.
        """
        return "".join(
            digit.value if _WORST_LAST[digit.status] <= _WORST_LAST[worst] else UNSURE_MARK
            for digit in self.digits
            if digit.status in (Status.OK, Status.REVIEW)
        )

    @property
    def box(self) -> Box:
        """The smallest box around all digits, in pixels of the page as given."""
        return Box.around([digit.box for digit in self.digits])

    def to_dict(self) -> dict[str, Any]:
        """Plain data, as in the JSON of a page."""
        return {
            "text": self.text,
            "box": list(self.box),
            "digits": [digit.to_dict() for digit in self.digits],
        }


@dataclass(frozen=True, slots=True)
class Page:
    """Everything that was read from one picture, top to bottom.

    Attributes:
        source: the path or name of the picture.
        lines: the lines of digits, in reading order; empty when there is nothing to read.
        model: name of the bundle that read it.
        elapsed_ms: time from the picture's bytes to this reading, in milliseconds.
        note: why part of the page was not looked at, such as too many marks; empty if all was.
        turned_deg: 0, 90, 180 or 270: by how much the picture was turned clockwise to be read. Its
            boxes are nevertheless those of the picture as given.
    """

    source: str
    lines: tuple[Line, ...]
    model: str
    elapsed_ms: float = field(default=0.0, compare=False)
    note: str = ""
    turned_deg: int = 0

    @property
    def digits(self) -> tuple[Digit, ...]:
        """All digits of all lines, in reading order."""
        return tuple(digit for line in self.lines for digit in line.digits)

    @property
    def text(self) -> str:
        """One row of text a line; lines of which everything was rejected are left out."""
        return self.text_at_least(Status.REVIEW)

    def text_at_least(self, worst: Status) -> str:
        """As ``text``, with ``?`` in the place of each digit whose status is worse."""
        rows = (line.text_at_least(worst) for line in self.lines)
        return "\n".join(row for row in rows if row)

    @property
    def status(self) -> Status:
        """The worst of its digits; ``blank`` without any, ``reject`` where there is a note."""
        if self.note:
            return Status.REJECT
        statuses = [digit.status for digit in self.digits]
        return max(statuses, key=_WORST_LAST.__getitem__, default=Status.BLANK)

    def to_dict(self) -> dict[str, Any]:
        """Plain data: the JSON document that the command line prints."""
        return {
            "source": self.source,
            "text": self.text,
            "status": str(self.status),
            "note": self.note,
            "turned_deg": self.turned_deg,
            "lines": [line.to_dict() for line in self.lines],
            "model": self.model,
            "elapsed_ms": round(self.elapsed_ms, 3),
        }

    def to_rows(self) -> Iterator[tuple[Any, ...]]:
        """A row a digit, with the ``CSV_COLUMNS``; lines and positions are counted from 1.

        A page without digits has one row, with its source and its status alone.
        """
        if not self.digits:
            yield (self.source, "", "", "", self.status, *("",) * 5)
        for number, line in enumerate(self.lines, 1):
            for position, digit in enumerate(line.digits, 1):
                confidence = round(digit.confidence, 6)
                place = (self.source, number, position)
                yield (*place, digit.value, digit.status, confidence, *digit.box)

    def to_json(self, *, indent: int | None = None) -> str:
        """The same as one JSON document, ending without a newline."""
        return json.dumps(self.to_dict(), ensure_ascii=False, indent=indent)
