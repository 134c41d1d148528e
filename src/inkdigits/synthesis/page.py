"""Pages of handwritten digits that look photographed, and of which we know what they say.

A test bed for segmentation: lines and tables in one hand, digits apart or touching, on paper with
or without rulings, in good and in bad light.
"""

import math
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from inkdigits.reading import Box
from inkdigits.synthesis import papers, rulings
from inkdigits.synthesis.rulings import Segment
from inkdigits.synthesis.scribe import INKED, NO_DIGIT, Placed, Scribe, x_beside

Ink = NDArray[np.float32]
Pixels = NDArray[np.uint8]
Layout = Literal["lines", "boxes", "table"]

_MIN_DIGIT_PX, _MAX_DIGIT_PX = 12, 150
_MIN_PITCH, _MAX_PITCH = 1.0, 2.4
_MAX_UNEVEN = 0.5  # deviation of the logarithm of heights
_OPEN, _VARIED_TURN_DEG = 0.3, 15.0  # of varied pages: share whose cells lack edges; most
_MAX_SIDE_PX = 1800  # fewer digits stand on a page where they are large
_FAINT = 0.1  # what is fainter is nobody's stroke
_STRANGE = {  # what words are made of beside digits, and how often
    "printed_letters": 0.35,
    "small_letters": 0.25,
    "capitals": 0.15,
    "printed_others": 0.05,
    "other_letters": 0.05,
    "symbols": 0.05,
    "invented": 0.04,
    "scribbles": 0.03,
    "crossed_out": 0.03,
}


@dataclass(frozen=True)
class SyntheticPage:
    """A page and its truth.

    Attributes:
        picture: (H, W, 3) uint8 RGB.
        lines: what it says, top to bottom, one string of digits each.
        boxes: where each digit of each line stands, in pixels of the picture.
        owners: (H, W) int32, of each pixel the digit whose stroke it is: 0 none, 1 the first in
            reading order.
        ink: (H, W) float32 in [0, 1], everything that was written on it, at full strength.
    """

    picture: Pixels
    lines: tuple[str, ...]
    boxes: tuple[tuple[Box, ...], ...]
    owners: NDArray[np.int32]
    ink: Ink


def synthetic_page(
    rng: np.random.Generator,
    *,
    digits: tuple[Pixels, NDArray[np.integer]] | None = None,
    layout: Layout | None = None,
    digit_px: float | None = None,
    touching: float | None = None,
    pitch: float | None = None,
    ruling: bool | None = None,
    shadow: bool | None = None,
    photo: bool = True,
    strange: float = 0.0,
    uneven: float = 0.0,
    filled: float | None = None,
    varied: bool = False,
) -> SyntheticPage:
    """Write a page in one hand, and take a photograph of it.

    What is None is left to chance.

    Args:
        rng: source of randomness; the same state gives the same page.
        digits: images (n, 28, 28) uint8 of every class, 255 is ink, and labels (n,), as of
            MNIST's training set. Half of the pages are put together of these.
        layout: lines, rows of boxes for a digit each, or a table.
        digit_px: height of the digits in pixels, 12 to 150.
        touching: share of the neighbours within a line that touch, 0 to 1.
        pitch: from one line to the next, in heights of a digit, 1 to 2.4, in the layout lines;
            below about 1.3, digits touch those of the next line.
        ruling: whether the paper is lined or squared. Boxes and tables have their own lines.
        shadow: whether a shadow falls on the page; not without ``photo``, unless it is asked for.
        photo: whether it is seen by a camera; else ink on paper as it is, straight and evenly lit.
        strange: share of the lines that begin with a word, most of these with nothing else, and of
            the cells that hold something else than a digit, 0 to 1.
        uneven: how much higher one figure is written than another, as the deviation of the
            logarithm of their heights, 0 to 0.5: some people write small 0s and long 7s. In the
            layout lines, what is higher may also reach below the others.
        filled: share of the cells of boxes and tables that something stands in, 0 to 1, at least
            one of a page; all boxes, and four in five cells of a table, if None.
        varied: rules are of many kinds: dashed, dotted, thick, double, darker than the pen; cells
            may lack edges, and a photographed page may be turned by up to 15 degrees.

    Returns:
        The page; at least one line of at least one digit, unless something strange came instead.

    Raises:
        ValueError: digit_px, touching, pitch, strange, uneven or filled is out of range, or a class
            of digits is missing.
    """
    _check(digit_px, touching, pitch, strange, uneven, filled)
    chances = rng.random(4).tolist()
    if digit_px is None:
        low, high = math.log(_MIN_DIGIT_PX), math.log(_MAX_DIGIT_PX)
        digit_px = math.exp(low + (high - low) * chances[0])
    if layout is None:
        layout = "lines" if chances[1] < 0.7 else "boxes" if chances[1] < 0.85 else "table"
    if ruling is None:
        ruling = chances[2] < 0.5
    if shadow is None:
        shadow = photo and chances[3] < 0.5

    paper, pen = papers.sample_materials(rng)
    scribe = Scribe(rng, pen.width, digit_px, digits, uneven)
    frame: list[Segment] = []
    if layout == "lines":
        rows = _lines(rng, scribe, digit_px, touching, pitch, strange)
    else:
        is_table = layout == "table"
        if filled is None:
            filled = 0.8 if is_table else 1.0
        rows, frame = _cells(
            rng, scribe, digit_px, is_table=is_table, filled=filled, strange=strange
        )
        if varied and rng.random() < _OPEN:
            frame = rulings.opened(frame, rng)
    rows, frame, height, width = _with_margins(rows, frame, digit_px, rng)
    ink, owners = _written(rows, height, width)

    picture = papers.lay_paper(paper, height, width, rng)
    if photo and rng.random() < 0.15 and not paper.is_board:
        papers.show_through(picture, ink, rng)
    _rule(picture, frame, rng, digit_px, paper, ruling=ruling, varied=varied)
    papers.draw(picture, ink, pen, rng)

    turn_deg = _VARIED_TURN_DEG if varied else papers.TURN_DEG
    view = papers.viewpoint(rng, height, width, turn_deg) if photo else np.eye(3)
    if photo:
        owners, ink = papers.seen(owners, view), papers.seen(ink, view)
        picture = papers.look(picture, view, rng)
    if photo or shadow:
        papers.light(picture, rng, shadow=shadow)
    pixels = (
        papers.photograph(picture, digit_px, rng)
        if photo
        else np.clip(picture * 255 + 0.5, 0, 255).astype(np.uint8)
    )
    said = [[mark for mark in row if mark.value != NO_DIGIT] for row in rows]
    lines = tuple("".join(str(digit.value) for digit in row) for row in said if row)
    boxes = tuple(tuple(_seen_box(digit, view) for digit in row) for row in said if row)
    return SyntheticPage(pixels, lines, boxes, owners, ink)


def _check(
    digit_px: float | None,
    touching: float | None,
    pitch: float | None,
    strange: float,
    uneven: float,
    filled: float | None,
) -> None:
    if digit_px is not None and not _MIN_DIGIT_PX <= digit_px <= _MAX_DIGIT_PX:
        raise ValueError(f"digit_px is {digit_px}; give {_MIN_DIGIT_PX} to {_MAX_DIGIT_PX}")
    if pitch is not None and not _MIN_PITCH <= pitch <= _MAX_PITCH:
        raise ValueError(f"pitch is {pitch}; give {_MIN_PITCH} to {_MAX_PITCH}")
    if not 0 <= uneven <= _MAX_UNEVEN:
        raise ValueError(f"uneven is {uneven}; give 0 to {_MAX_UNEVEN}")
    for name, share in (("touching", touching), ("strange", strange), ("filled", filled)):
        if share is not None and not 0 <= share <= 1:
            raise ValueError(f"{name} is {share}; give a share of 0 to 1")


def _with_margins(
    rows: list[list[Placed]], frame: list[Segment], digit_px: float, rng: np.random.Generator
) -> tuple[list[list[Placed]], list[Segment], int, int]:
    """Marks and lines as they lie on a page with margins; its height and its width in pixels."""
    margin = np.rint(rng.uniform(0.5, 2.0, 4) * digit_px + 6).astype(int).tolist()
    left, top, right, bottom = margin
    placed = [mark for row in rows for mark in row]
    xs = [mark.x for mark in placed] + [int(min(a, c)) for a, _, c, _ in frame]
    ys = [mark.y for mark in placed] + [int(min(b, d)) for _, b, _, d in frame]
    ends_x = [mark.x + mark.ink.shape[1] for mark in placed] + [
        math.ceil(c) for _, _, c, _ in frame
    ]
    ends_y = [mark.y + mark.ink.shape[0] for mark in placed] + [math.ceil(d) for *_, d in frame]
    dx, dy = left - min(xs), top - min(ys)
    rows = [[replace(mark, x=mark.x + dx, y=mark.y + dy) for mark in row] for row in rows]
    frame = [(a + dx, b + dy, c + dx, d + dy) for a, b, c, d in frame]
    return rows, frame, max(ends_y) + dy + bottom, max(ends_x) + dx + right


def _written(rows: list[list[Placed]], height: int, width: int) -> tuple[Ink, NDArray[np.int32]]:
    """The ink of all marks, and of each pixel the digit whose stroke it is."""
    ink, owners = np.zeros((height, width), np.float32), np.zeros((height, width), np.int32)
    number = 0
    for mark in (mark for row in rows for mark in row):
        place = np.s_[mark.y : mark.y + mark.ink.shape[0], mark.x : mark.x + mark.ink.shape[1]]
        number += mark.value != NO_DIGIT
        owner = 0 if mark.value == NO_DIGIT else number
        owners[place][mark.ink > np.maximum(ink[place], _FAINT)] = owner
        np.maximum(ink[place], mark.ink, out=ink[place])
    return ink, owners


def _rule(
    picture: Ink,
    frame: list[Segment],
    rng: np.random.Generator,
    digit_px: float,
    paper: papers.Paper,
    *,
    ruling: bool,
    varied: bool,
) -> None:
    """Print the frame of the cells onto the paper; else its ruling, if it has one."""
    grey = rng.uniform(0.5, 0.8) if paper.is_board else rng.uniform(0.1, 0.5)
    tint = (0.45, 0.6, 0.85) if rng.random() < 0.7 else (0.75, 0.55, 0.6)
    strong, weak = rng.uniform(0.4, 0.9), rng.uniform(0.2, 0.55)
    rule = rulings.print_variously if varied else rulings.print_plainly
    if frame:
        rule(picture, frame, rng, digit_px, colour=(grey, grey, grey), opacity=strong)
    elif ruling and not paper.is_board:
        height, width = picture.shape[:2]
        ruled = rulings.of_paper(rng, height, width, digit_px)
        rule(picture, ruled, rng, digit_px, colour=tint, opacity=weak)


def _lines(
    rng: np.random.Generator,
    scribe: Scribe,
    digit_px: float,
    touching: float | None,
    pitch: float | None,
    strange: float,
) -> list[list[Placed]]:
    """One to eight lines of one to twelve marks, each a little uneven and tilted."""
    room = _MAX_SIDE_PX / digit_px
    most_lines, most_digits = min(8, int(room / _MAX_PITCH)), min(12, int(room / 1.3))
    usual_pitch, tilt = rng.uniform(1.5, _MAX_PITCH), rng.normal(0.0, 0.012)
    pitch_px = digit_px * (usual_pitch if pitch is None else pitch)
    usual_gap = rng.uniform(0.08, 0.5)
    if touching is None:
        touching = rng.uniform(0.05, 0.5) if rng.random() < 0.5 else 0.0
    indent = rng.uniform(0.0, 1.5) if rng.random() < 0.5 else 0.0
    rows = []
    for k in range(int(rng.integers(1, most_lines + 1))):
        row: list[Placed] = []
        start, slope = indent * rng.random() * digit_px, tilt + rng.normal(0.0, 0.006)
        num_digits = int(rng.integers(1, most_digits + 1))
        num_strange, kind = 0, ""
        if strange > 0 and rng.random() < strange:
            num_strange = num_digits if rng.random() < 0.5 else int(rng.integers(num_digits)) + 1
            kind = _strange_kind(rng)
        for number in range(num_digits):
            is_strange = number < num_strange
            value = NO_DIGIT if is_strange else int(rng.integers(10))
            ink = scribe.scrawl(kind) if is_strange else scribe.write(value)
            x = round(start)
            foot = (
                k * pitch_px + slope * (row[-1].x if row else x) + rng.normal(0.0, 0.04) * digit_px
            )
            foot += scribe.drop_px(ink)
            y = round(foot) - ink.shape[0]
            if row:
                touches = rng.random() < touching
                gap = usual_gap * rng.uniform(0.6, 1.4) + (rng.random() < 0.06) * rng.uniform(
                    0.5, 1
                )
                ends_word = value != row[-1].value == NO_DIGIT
                gap += 0.4 * ends_word
                touches &= not ends_word
                x = x_beside(
                    row, ink, y, -0.02 if touches else max(gap, 0.06, 2 / digit_px), digit_px
                )
            row.append(Placed(value, ink, x, y))
        rows.append(row)
    return rows


def _strange_kind(rng: np.random.Generator) -> str:
    return str(rng.choice(list(_STRANGE), p=list(_STRANGE.values())))


def _cells(
    rng: np.random.Generator,
    scribe: Scribe,
    digit_px: float,
    *,
    is_table: bool,
    filled: float,
    strange: float,
) -> tuple[list[list[Placed]], list[Segment]]:
    """Rows of boxes apart, or a table some of whose cells are empty; and the lines of it."""
    wide, high = (rng.uniform(1.35, 1.9, 2) * digit_px).tolist()
    pitch = high if is_table else high * rng.uniform(1.2, 1.8)
    columns = int(rng.integers(2, max(3, min(12, int(_MAX_SIDE_PX / wide)) + 1)))
    num_rows = int(rng.integers(1, max(2, min(7, int(_MAX_SIDE_PX / pitch)) + 1)))
    rows: list[list[Placed]] = []
    frame: list[Segment] = []
    for k in range(num_rows):
        top = k * pitch
        row: list[Placed] = []
        for column in range(columns):
            is_last_chance = k == num_rows - 1 and column == columns - 1 and not rows and not row
            if rng.random() >= filled and not is_last_chance:
                continue
            is_strange = strange > 0 and rng.random() < strange
            value = NO_DIGIT if is_strange else int(rng.integers(10))
            ink = scribe.scrawl(_strange_kind(rng)) if is_strange else scribe.write(value)
            stray_x, stray_y = (rng.normal(0.0, 0.05, 2) * digit_px).tolist()
            x = column * wide + (wide - ink.shape[1]) / 2 + stray_x
            y = top + (high - ink.shape[0]) / 2 + stray_y
            row.append(Placed(value, ink, round(x), round(y)))
        if row:
            rows.append(row)
        frame += rulings.of_cells(columns, top, wide, high)
    return rows, frame


def _seen_box(digit: Placed, view: papers.Matrix) -> Box:
    """The box around a digit's ink as the camera sees it."""
    rows, columns = np.nonzero(digit.ink > INKED)
    points = np.column_stack((columns + digit.x, rows + digit.y)).astype(np.float64) + 0.5
    return papers.seen_box(points, view, margin_px=0.5)  # from the middles of pixels to their ends
