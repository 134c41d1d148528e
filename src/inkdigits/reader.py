"""From a picture to what is written in it: imaging → bundle → decide → Page."""

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inkdigits.bundle import Bundle, GraphOutput
from inkdigits.clusters import Mark, read_again
from inkdigits.company import SURE, in_company
from inkdigits.decide import (
    DEFAULT_MAX_ERROR,
    Rule,
    at_any_width,
    decide,
    from_probabilities,
    judge,
    probabilities,
)
from inkdigits.errors import ConfigError, InputError
from inkdigits.imaging.arrays import Pixels
from inkdigits.imaging.atoms import LineAtoms, Segment
from inkdigits.imaging.contrast import are_pale
from inkdigits.imaging.decode import Source, decode, decode_pages
from inkdigits.imaging.grain import is_grainy, without_grain
from inkdigits.imaging.hairlines import without_hairlines
from inkdigits.imaging.ink import Ink, digit_ink, page_ink
from inkdigits.imaging.margin import on_page, with_margin, within
from inkdigits.imaging.marks import is_cut_off
from inkdigits.imaging.segment import find_atoms, find_lines
from inkdigits.imaging.singles import inks_of
from inkdigits.imaging.stacks import stacks
from inkdigits.imaging.stretched import WIDTHS, are_stretched, narrowed
from inkdigits.imaging.stripes import without_stripes
from inkdigits.imaging.strokes import by_rules, find_strokes
from inkdigits.lattice import choose
from inkdigits.letters import among_letters
from inkdigits.reading import Box, Digit, Line, Page
from inkdigits.signs import as_signs
from inkdigits.strings import log_softmax
from inkdigits.turned import is_likelier, quarter_turns, turned_back

_MOST_READ_TWICE = 600  # marks of a page


@dataclass(frozen=True)
class Look:
    """A reading with the pictures that explain it.

    Attributes:
        page: what was read.
        picture: (H, W) or (H, W, 3) uint8, as decoded.
        ink: (h, w) float32, what was taken for strokes.
        glyphs: (n, 28, 28) float32, what the network saw of each digit, in reading order.
    """

    page: Page
    picture: Pixels
    ink: Ink
    glyphs: Ink


class Reader:
    """Reads handwritten digits with one bundle.

    Args:
        bundle: a ``.digits`` file or an opened bundle; None is the one that ships.
        max_error: the largest share of errors that is wanted among the digits with status
            ``ok``, as measured on people whose writing the network had not seen.

    Raises:
        BundleError: the bundle cannot be used.
        ConfigError: ``max_error`` is beyond what the bundle can promise.
    """

    def __init__(
        self,
        bundle: str | Path | Bundle | None = None,
        *,
        max_error: float = DEFAULT_MAX_ERROR,
    ) -> None:
        self.bundle = bundle if isinstance(bundle, Bundle) else Bundle.open(bundle)
        self.rule = Rule.of(self.bundle.manifest, max_error)
        if self.bundle.has_lines:
            self._lines_temperature = self.bundle.lines_temperature  # wrong ones are found now

    def read(
        self, source: Source, *, single: bool = False, line: bool = False, name: str | None = None
    ) -> Page:
        """Read one picture; a page that lies on its side or upside down is turned.

        Args:
            source: a path, the bytes of a file, an array (H, W) or (H, W, 3), or a Pillow image.
                Of a TIFF or PDF of many pages, the first is read.
            single: the picture is one digit, so nothing is looked for.
            line: the picture is one line of digits, however uneven.
            name: what to call the picture in the reading; by default its path.

        Returns:
            The page; its status is ``blank`` when there is no ink, and ``reject``, with a note,
            when it holds far more marks than a page of digits.

        Raises:
            InputError: the picture cannot be read at all.
            ConfigError: it is said to be one digit and one line.
        """
        return self.look(source, single=single, line=line, name=name).page

    def read_pages(
        self, source: Source, *, single: bool = False, line: bool = False, name: str | None = None
    ) -> Iterator[Page]:
        """Read each page of a file, one at a time; same arguments as ``read``.

        Yields:
            The pages in order. Those of a TIFF or PDF that has several are called ``scan.tif#1``
            and so on; one that is damaged has the status ``reject`` and a note that says so.

        Raises:
            InputError: the file cannot be read at all.
        """
        for page, look in self.look_pages(source, single=single, line=line, name=name):
            if isinstance(look, Look):
                yield look.page
            else:
                yield Page(page, (), self.bundle.name, note=str(look))

    def look(
        self, source: Source, *, single: bool = False, line: bool = False, name: str | None = None
    ) -> Look:
        """Read one picture and keep what explains the reading; same arguments as ``read``."""
        _check(single=single, line=line)
        started = time.perf_counter()
        picture = decode(source)
        return self._look(picture, single, line, name or _name(source), started)

    def look_pages(
        self, source: Source, *, single: bool = False, line: bool = False, name: str | None = None
    ) -> Iterator[tuple[str, Look | InputError]]:
        """Read each page of a file as ``look`` does, one at a time; same arguments.

        Yields:
            The name of each page, and the look at it, or why this page cannot be read.

        Raises:
            InputError: the file cannot be read at all.
        """
        _check(single=single, line=line)
        name = name or _name(source)
        started = time.perf_counter()
        for number, picture in decode_pages(source):
            page = f"{name}#{number}" if number else name
            if isinstance(picture, InputError):
                yield page, picture
            else:
                yield page, self._look(picture, single, line, page, started)
            started = time.perf_counter()

    def _look(self, picture: Pixels, single: bool, line: bool, name: str, started: float) -> Look:
        """Look at a picture as it is, and turned where that may be likelier."""
        look = self._look_as_it_is(picture, single, line, name, started)
        if single or look.page.note or not self.rule.rejects:
            return look
        for turns in quarter_turns(look.page.digits, look.glyphs, self._judged):
            around = np.ascontiguousarray(np.rot90(picture, turns))
            other = self._look_as_it_is(around, single, line, name, started)
            if is_likelier(other.page.digits, look.page.digits):
                page = turned_back(other.page, turns, around.shape)
                return Look(page, picture, np.rot90(other.ink, -turns), other.glyphs)
            look = replace(look, page=replace(look.page, elapsed_ms=other.page.elapsed_ms))
        return look

    def _look_as_it_is(
        self, picture: Pixels, single: bool, line: bool, name: str, started: float
    ) -> Look:
        framed, margin = (picture, 0) if single else with_margin(picture)
        ink, lines, note = self._found(framed, single, line)
        letters, is_doubted = self._doubts(lines, ink, framed, single, line)
        marks = [mark for row in lines for mark in row]
        judged = np.array([mark.probabilities for mark in marks], np.float32)
        boxes = [on_page(mark.box, ink, framed, margin) for mark in marks]

        def by(rule: Rule) -> list[list[Digit]]:
            digits = iter(
                judge(
                    judged.reshape(len(marks), len(self.bundle.classes) + 1),
                    boxes,
                    np.zeros(len(marks), bool),
                    rule,
                    np.array([mark.certainty for mark in marks]),
                    np.array(is_doubted, bool),
                )
            )
            return [[next(digits) for _ in row] for row in lines]

        rows = in_company(
            by(self.rule),
            letters,
            usual=by(replace(self.rule, threshold=SURE)),
            is_crowded=bool(note),
            are_digits=single or line,
        )
        elapsed_ms = (time.perf_counter() - started) * 1000
        page = Page(
            name, tuple(Line(tuple(row)) for row in rows), self.bundle.name, elapsed_ms, note
        )
        glyphs = np.array([mark.glyph for mark in marks], np.float32).reshape(-1, 28, 28)
        return Look(page, picture, within(ink, framed, margin), glyphs)

    def _found(
        self, picture: Pixels, single: bool, line: bool
    ) -> tuple[Ink, list[list[Mark]], str]:
        """The ink of a picture, the marks of each line of it, and why it is not read, if so."""
        if single:
            ink = digit_ink(picture)
            found = [Segment(_ink_box(ink), ink)] if ink.any() else []
            marks = self._marks(found, self._read_alone([segment.ink for segment in found]))
            return ink, [marks] if marks else [], ""
        ink = self._page_ink(picture)
        if not self.rule.rejects:
            return ink, self._as_they_are(find_lines(ink, is_one_line=line)), ""
        lines, note = find_atoms(ink, is_one_line=line)
        return ink, self._chosen(lines, is_crowded=bool(note), are_digits=line), note

    def _doubts(
        self, lines: list[list[Mark]], ink: Ink, picture: Pixels, single: bool, line: bool
    ) -> tuple[list[NDArray[np.float64]], list[bool]]:
        """How probably each mark of each line is a letter or a sign, and which are never sure."""
        letters = self._letters(lines, are_digits=single or line)
        marks = [mark for row in lines for mark in row]
        is_doubted = [
            mark.is_doubted or (not single and is_cut_off(mark.box, ink)) for mark in marks
        ]
        if single or line:
            return letters, is_doubted
        boxes = [mark.box for mark in marks]
        is_pale = are_pale(boxes, [mark.is_clear for mark in marks], ink, picture)
        signs = as_signs(lines, self.bundle.classes)
        letters = [np.maximum(row, of == 1) for row, of in zip(letters, signs, strict=True)]
        may_be = [of > 0 for row in signs for of in row.tolist()]
        return letters, [any(of) for of in zip(is_doubted, is_pale, may_be, strict=True)]

    def _page_ink(self, picture: Pixels) -> Ink:
        has_finder = self.bundle.has_strokes
        find = partial(find_strokes, self.bundle.run_page) if has_finder else by_rules
        lit = without_stripes(picture)
        ink = page_ink(without_hairlines(lit), find)
        return page_ink(without_grain(lit, ink), find) if is_grainy(ink) else ink

    def _as_they_are(self, found: Sequence[Sequence[Segment]]) -> list[list[Mark]]:
        """Read segments of which each is a digit, if it is anything."""
        segments = [segment for row in found for segment in row]
        marks = iter(self._marks(segments, self._run([segment.ink for segment in segments])))
        return [[next(marks) for _ in row] for row in found]

    def _marks(self, segments: Sequence[Segment], output: GraphOutput) -> list[Mark]:
        """What was read of segments, each by itself."""
        judged = probabilities(output.logits, output.novelty, self.rule)
        return [
            Mark(segment.box, of, 1.0, glyph)
            for segment, of, glyph in zip(segments, judged, output.glyph, strict=True)
        ]

    def _judged(self, crops: Sequence[Ink]) -> Ink:
        """How probably crops are each digit: (n, classes)."""
        output = self._run(crops)
        return probabilities(output.logits, output.novelty, self.rule)[:, :-1]

    def _chosen(
        self, lines: list[LineAtoms], *, is_crowded: bool, are_digits: bool
    ) -> list[list[Mark]]:
        """Let the networks themselves say where each digit ends; lines without one are left out.

        On a page with more marks than anybody writes digits, none is read twice. Where somebody
        says that these are digits, they are not among letters.
        """
        runs = [line.candidates() for line in lines]
        segments = [run.segment for row in runs for run in row]
        marks = self._marks(segments, self._run([segment.ink for segment in segments]))
        judged = np.array([mark.probabilities for mark in marks], np.float32)
        choices = choose(lines, runs, judged.reshape(len(marks), len(self.bundle.classes) + 1))
        rows, start = [], 0
        for row, choice in zip(runs, choices, strict=True):
            certainty = choice.certainty.tolist()
            rows.append(
                [
                    replace(marks[start + index], certainty=of)
                    for index, of in zip(choice.runs, certainty, strict=True)
                ]
            )
            start += len(row)
        if self.bundle.has_lines and not is_crowded and sum(map(len, rows)) <= _MOST_READ_TWICE:
            letters = self._letters(rows, are_digits=are_digits, may_touch=True)
            rows = [
                read_again(*of_line, self._spoken)
                for of_line in zip(lines, choices, rows, letters, strict=True)
            ]
        return [row for row in rows if row]

    def _letters(
        self, rows: list[list[Mark]], *, are_digits: bool, may_touch: bool = False
    ) -> list[NDArray[np.float64]]:
        """How probably each mark of each line is a letter."""
        if are_digits:
            return [np.zeros(len(row)) for row in rows]
        return among_letters(rows, self.bundle.classes, may_touch=may_touch)

    def _spoken(self, strip: Ink) -> NDArray[np.float64]:
        """What the line reader says of a strip: (frames, labels) log-probabilities."""
        return log_softmax(self.bundle.run_strip(strip), self._lines_temperature)

    def read_digits(self, images: NDArray[Any] | Iterable[Source]) -> list[Digit]:
        """Read many pictures of one digit each.

        Args:
            images: (n, H, W) or (n, H, W, 1 or 3), uint8, bool, other whole numbers, or floats
                in [0, 1] or [0, 255]; or any number of pictures of any sizes, as ``read`` takes
                them. Each may be dark on light or light on dark; pixels of 0 and 1 alone are a
                mask, whose 1 is white.

        Returns:
            One digit for each picture, in order; its box is the whole picture, and its status
            is ``blank`` where there is no ink.

        Raises:
            BadArrayError: an array of another shape, dtype or range.
            InputError: a picture cannot be read at all.
        """
        output, boxes, is_blank = self.outputs(images)
        return decide(output.logits, output.novelty, boxes, is_blank, self.rule)

    def outputs(
        self, images: NDArray[Any] | Iterable[Source]
    ) -> tuple[GraphOutput, list[Box], NDArray[np.bool_]]:
        """What the network says of each picture, before any judgement; as ``read_digits``.

        Of a digit that fills a square picture, which may have been stretched so, it is what the
        network says at several widths, put together: logits that this reader's rule makes these
        probabilities of.

        Returns:
            What the graph says of n digits, n boxes, and (n,) bool: there is no ink.
        """
        inks, boxes = inks_of(images)
        if isinstance(inks, np.ndarray):
            is_blank = np.asarray(~inks.any(axis=(1, 2)))
        else:
            is_blank = np.array([not ink.any() for ink in inks], bool)
        return self._read_alone(inks), boxes, is_blank

    def _read_alone(self, inks: Ink | Sequence[Ink]) -> GraphOutput:
        """What the graph says of pictures of one digit, which may have been stretched."""
        output = self._run(inks)
        stretched = np.flatnonzero(are_stretched(inks))
        if stretched.size:
            of = [inks[index] for index in stretched.tolist()]
            looks = [GraphOutput(*(part[stretched] for part in output))]
            looks += [self._run([narrowed(ink, width) for ink in of]) for width in WIDTHS]
            judged = [probabilities(look.logits, look.novelty, self.rule) for look in looks]
            together, surest = at_any_width(np.stack(judged))
            output.logits[stretched], novelty = from_probabilities(together, self.rule)
            if self.rule.rejects:
                output.novelty[stretched] = novelty
            glyphs = np.stack([look.glyph for look in looks])
            output.glyph[stretched] = glyphs[surest, np.arange(len(of))]
        return output

    def _run(self, crops: Ink | Sequence[Ink]) -> GraphOutput:
        """What the graph says of crops of any sizes, in their order."""
        whole = GraphOutput(
            np.zeros((len(crops), 28, 28), np.float32),
            np.zeros((len(crops), len(self.bundle.classes)), np.float32),
            np.zeros(len(crops), np.float32),
        )
        for chosen, batch in stacks(crops):
            for part, values in zip(whole, self.bundle.run(batch), strict=True):
                part[chosen] = values
        return whole


def _ink_box(ink: Ink) -> Box:
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    top, left = int(rows[0]), int(columns[0])
    return Box(left, top, int(columns[-1]) + 1 - left, int(rows[-1]) + 1 - top)


def _check(*, single: bool, line: bool) -> None:
    if single and line:
        raise ConfigError("A picture is one digit or one line; leave out single or line.")


def _name(source: Source) -> str:
    return str(source) if isinstance(source, str | Path) else f"<{type(source).__name__}>"
