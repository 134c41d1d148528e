"""How well whole pages are read: what is measured on pictures whose lines of digits are known.

Pure counting: no picture is opened here, and nothing is read. What was read comes as lines of
``(value, status)``, so that any reader can be scored by the same code.
"""

import json
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from inkdigits.errors import CorruptDataError, MissingDataError
from inkdigits.evaluation.html import Figure
from inkdigits.reading import Status

ReadDigit = tuple[str, str]  # value and status
ReadLines = Sequence[Sequence[ReadDigit]]

_LINE = re.compile(r"[0-9 ]*[0-9][0-9 ]*")
_IN_TEXT = (Status.OK, Status.REVIEW)  # what was rejected is no digit
_FORM = 'Expected a list of {"file": "page.jpg", "lines": ["4071", "23"]}.'


class LabelledPage(NamedTuple):
    """A picture and what is written in it."""

    file: str  # as the labels name it, relative to their folder
    path: Path
    lines: tuple[str, ...]  # digits alone, in reading order; empty where there are none


@dataclass(frozen=True, kw_only=True)
class PageMetrics:
    """Counts over pages, and the shares that follow from them; one page is the smallest case.

    The text of a page is its digits of status ``ok`` or ``review``, line after line; what was
    rejected is not in it. Lines and pages of which nothing is left count as not read.

    Attributes:
        pages: pages that hold at least one digit.
        pages_right: of these, with the same lines in the same order, nothing missing or added.
        lines: true lines.
        lines_right: true lines that stand among the read ones, digit for digit and in order
            (the longest common subsequence of lines): a line too many spoils no other one.
        digits: true digits.
        edits: digits put in, left out or changed: the Levenshtein distance between the digits
            of the true page and those of the text, summed over the pages that hold digits. Line
            breaks are no symbols in it: what they are worth is in ``lines_right``.
        answered: true digits that a digit with status ``ok`` was read for, right or wrong.
        ok: digits read with status ``ok`` on pages that hold digits.
        ok_wrong: of these, those that are another digit than the true one, or none at all.
        empty_pages: pages that hold no digit.
        empty_right: of these, without a digit in their text.
        empty_right_ok: of these, without a digit of status ``ok``.
        invented: digits in the text of pages that hold none.
        invented_ok: of these, with status ``ok``.
        unreadable: pages that could not be opened: all digits missed, and never right.
    """

    pages: int = 0
    pages_right: int = 0
    lines: int = 0
    lines_right: int = 0
    digits: int = 0
    edits: int = 0
    answered: int = 0
    ok: int = 0
    ok_wrong: int = 0
    empty_pages: int = 0
    empty_right: int = 0
    empty_right_ok: int = 0
    invented: int = 0
    invented_ok: int = 0
    unreadable: int = 0

    @property
    def digit_error_rate(self) -> float:
        """Edits a true digit; may exceed 1. Like every share, nan where there is nothing."""
        return _share(self.edits, self.digits)

    @property
    def coverage(self) -> float:
        """Share of the true digits that were answered with status ``ok``."""
        return _share(self.answered, self.digits)

    @property
    def error_when_ok(self) -> float:
        """Share of the digits with status ``ok`` that are wrong, on pages that hold digits."""
        return _share(self.ok_wrong, self.ok)

    @property
    def is_right(self) -> bool:
        """Every page was read exactly, and on pages without digits nothing was read."""
        return (self.pages, self.empty_pages) == (self.pages_right, self.empty_right)

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON: every count, and the shares; what is undefined is None."""
        shares = {
            "digit_error_rate": self.digit_error_rate,
            "share_of_lines_right": _share(self.lines_right, self.lines),
            "share_of_pages_right": _share(self.pages_right, self.pages),
            "coverage": self.coverage,
            "error_when_ok": self.error_when_ok,
        }
        return {
            **asdict(self),
            **{name: None if math.isnan(value) else value for name, value in shares.items()},
        }


def figures(metrics: PageMetrics) -> list[Figure]:
    """What is shown of the counts: each share with what it was taken from."""
    m = metrics
    rows = [
        ("digit error rate", m.edits, m.digits, "{:,} edits, {:,} true digits"),
        ("lines right", m.lines_right, m.lines, "{:,} of {:,} lines"),
        ("pages right", m.pages_right, m.pages, "{:,} of {:,} pages with digits"),
        ("answered", m.answered, m.digits, "status ok for {:,} of {:,} true digits"),
        ("wrong among ok", m.ok_wrong, m.ok, "{:,} of {:,} digits with status ok"),
        (
            "nothing invented",
            m.empty_right,
            m.empty_pages,
            f"{{:,}} of {{:,}} pages without digits; {m.invented:,} digits invented",
        ),
        (
            "nothing ok invented",
            m.empty_right_ok,
            m.empty_pages,
            f"{{:,}} of {{:,}} pages without digits; {m.invented_ok:,} with status ok",
        ),
    ]
    return [
        Figure(name, f"{part / whole:.2%}" if whole else "–", note.format(part, whole))
        for name, part, whole, note in rows
    ]


def measure_page(true_lines: Sequence[str], read_lines: ReadLines | None) -> PageMetrics:
    """Score one page.

    Args:
        true_lines: digits, in reading order; none where the page holds no digit.
        read_lines: in reading order, each digit with its status; None when the page could not
            be opened.
    """
    lines = [_text_digits(line) for line in read_lines or ()]
    rows = ["".join(value for value, _ in line) for line in lines if line]
    read = [digit for line in lines for digit in line]
    is_ok = [status == Status.OK for _, status in read]
    is_open = read_lines is not None
    if not true_lines:
        return PageMetrics(
            empty_pages=1,
            empty_right=int(is_open and not read),
            empty_right_ok=int(is_open and not any(is_ok)),
            invented=len(read),
            invented_ok=sum(is_ok),
            unreadable=int(not is_open),
        )
    truths = stands_for(true_lines, lines)
    num_digits, num_aligned = sum(map(len, true_lines)), len(read) - truths.count(None)
    is_right = [truth == value for truth, (value, _) in zip(truths, read, strict=True)]
    return PageMetrics(
        pages=1,
        pages_right=int(rows == list(true_lines)),
        lines=len(true_lines),
        lines_right=_num_common(true_lines, rows),
        digits=num_digits,
        edits=num_digits + len(read) - num_aligned - sum(is_right),
        answered=sum(ok and truth is not None for ok, truth in zip(is_ok, truths, strict=True)),
        ok=sum(is_ok),
        ok_wrong=sum(ok and not right for ok, right in zip(is_ok, is_right, strict=True)),
        unreadable=int(not is_open),
    )


def stands_for(true_lines: Sequence[str], read_lines: ReadLines) -> list[str | None]:
    """Tell which true digit each read one stands for.

    The digits of the two texts are aligned with as few edits as possible, and among such
    alignments with as many equal digits as possible.

    Args:
        true_lines: as for ``measure_page``.
        read_lines: as for ``measure_page``.

    Returns:
        for each digit of the text (``ok`` or ``review``), in order, the true digit, or None
        where there is none.

    Source: Levenshtein 1966 for the distance; Wagner & Fischer 1974 for the alignment.
    """
    truth = "".join(true_lines)
    read = "".join(value for line in read_lines for value, _ in _text_digits(line))
    truths: list[str | None] = [None] * len(read)
    for i, j in _aligned(truth, read):
        truths[j] = truth[i]
    return truths


def total(pages: Iterable[PageMetrics]) -> PageMetrics:
    """Add up the counts of many pages."""
    rows = list(pages)
    return PageMetrics(
        **{
            field.name: sum(getattr(row, field.name) for row in rows)
            for field in fields(PageMetrics)
        }
    )


def load_labels(path: Path) -> list[LabelledPage]:
    """Read the labels of a folder of pages.

    Args:
        path: a JSON file that holds a list of ``{"file": …, "lines": […]}``. A file is relative
            to the folder of the labels. A line is its digits, in which spaces do not count; a page
            without digits has no lines. Other keys are passed over.

    Returns:
        at least one page, in the order of the file. Whether the pictures exist is not looked at.

    Raises:
        MissingDataError: there is no such file.
        CorruptDataError: it is no such list, or a line holds something other than digits.
    """
    try:
        rows = json.loads(path.read_bytes())
    except OSError as error:
        raise MissingDataError(
            f"The labels {path} cannot be opened: {error.strerror or error}. {_FORM}"
        ) from error
    except (ValueError, RecursionError) as error:  # a text that is no UTF-8 is a ValueError too
        raise CorruptDataError(f"The labels {path} are not JSON ({error}). {_FORM}") from error
    if not isinstance(rows, list) or not rows:
        came = "an empty list" if rows == [] else f"a {type(rows).__name__}"
        raise CorruptDataError(f"The labels {path} hold {came}. {_FORM}")
    return [_labelled(path, number, row) for number, row in enumerate(rows)]


def _labelled(labels: Path, number: int, row: Any) -> LabelledPage:
    where = f"Entry {number} of {labels}"
    if not isinstance(row, dict) or not {"file", "lines"} <= row.keys():
        lacks = [key for key in ("file", "lines") if not isinstance(row, dict) or key not in row]
        raise CorruptDataError(f"{where} lacks {' and '.join(lacks)}. {_FORM}")
    file, lines = row["file"], row["lines"]
    if not isinstance(file, str) or not file or "\0" in file:
        raise CorruptDataError(f"{where} has the file {file!r}, which is no name. {_FORM}")
    if not isinstance(lines, list):
        raise CorruptDataError(f"{where}, {file}, has lines {lines!r}, which is no list. {_FORM}")
    for line in lines:
        if not isinstance(line, str) or not _LINE.fullmatch(line):
            raise CorruptDataError(
                f"{where}, {file}, has the line {line!r}, but a line holds digits and spaces, and "
                "at least one digit; a page without digits has no lines."
            )
    return LabelledPage(file, labels.parent / file, tuple(line.replace(" ", "") for line in lines))


def _text_digits(line: Iterable[ReadDigit]) -> list[ReadDigit]:
    return [(symbol, status) for value, status in line if status in _IN_TEXT for symbol in value]


def _aligned(truth: str, read: str) -> list[tuple[int, int]]:
    """Positions (in truth, in read) that stand for each other, equal or not, in order."""
    true_codes, read_codes = (np.array([*text], np.str_) for text in (truth, read))
    edit = len(truth) + len(read) + 1  # more than all equal digits together
    columns = np.arange(len(read) + 1) * edit
    # cost[i, j]: of the first i and j digits, edits × edit − equal digits, at its smallest.
    cost = np.empty((len(truth) + 1, len(read) + 1), np.int64)
    cost[0] = columns
    for i, code in enumerate(true_codes, 1):
        change = np.where(read_codes == code, -1, edit)
        row = np.concatenate(
            ([i * edit], np.minimum(cost[i - 1, :-1] + change, cost[i - 1, 1:] + edit))
        )
        cost[i] = np.minimum.accumulate(row - columns) + columns  # or put in a digit
    pairs = []
    i, j = len(truth), len(read)
    while i and j:
        same_or_changed = -1 if truth[i - 1] == read[j - 1] else edit
        if cost[i, j] == cost[i - 1, j - 1] + same_or_changed:
            i, j = i - 1, j - 1
            pairs.append((i, j))
        elif cost[i, j] == cost[i - 1, j] + edit:
            i -= 1
        else:
            j -= 1
    return pairs[::-1]


def _num_common(true_lines: Sequence[str], read_lines: Sequence[str]) -> int:
    """The length of the longest common subsequence."""
    best = [0] * (len(read_lines) + 1)
    for line in true_lines:
        diagonal = 0
        for j, other in enumerate(read_lines, 1):
            diagonal, best[j] = (
                best[j],
                diagonal + 1 if line == other else max(best[j], best[j - 1]),
            )
    return best[-1]


def _share(part: int, whole: int) -> float:
    return part / whole if whole else math.nan
