"""Printed lines removed from the ink: ruling, squares, tables and boxes, at any slight tilt.

A rule is long, thin and straight. It is followed through the strokes that cross it, and taken
away only where nothing crosses, so that no digit is cut. Short edges, as of a box for one
digit, count as rules when both of their ends meet others.
"""

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from inkdigits.imaging.ink import Ink
from inkdigits.imaging.marks import find_marks, groups, is_frame, typical_height_px
from inkdigits.imaging.ranks import median
from inkdigits.imaging.straight import FAINT, THIN, Rule, Truths, straight
from inkdigits.imaging.teeth import tooth_mask

_WEAK = 0.1  # what is fainter is never made darker
_MOSTLY_LIGHTER = 0.8  # of the marks' area is lighter than what counts as full
_LONG = 3.0  # in typical mark heights: no stroke is so long and so straight
_VERY_LONG, _FILLED = 6.0, 0.9  # a shorter one is ink nearly all along; bars in a row are not
_NEARLY = 0.7  # of the shortest of them: what is longer is one of them, and no odd one
_HALF = 0.5  # of the page's side: long, before it is known how large digits are
_SLACK_PX = 2.0  # so far, and by their widths, ink may lead on from the end of one to another
_MAX_CONTINUED = 200  # bounds time on texture
_OFFS_PX = 0, -1, 1, -2, 2  # from where it is looked for, a rule may go on
_NUM_SAMPLES = 20  # of how dark a rule is
_JOINED = 0.35  # of that is dark enough to lead on
_MIN_GRID = 7  # so many edges that meet each other are a grid, whatever is inside
_MIN_PARALLEL = 3
_DARKER = 1.6  # a stroke over a rule is so much darker

Values = NDArray[np.float64]
_BOUNDS = ("start", "end", "at", "width_px")


def without_rules(ink: Ink) -> Ink:
    """Take away ruling, grids, the edges of tables and of boxes; as ``rules_apart``."""
    return rules_apart(ink)[0]


def rules_apart(ink: Ink) -> tuple[Ink, Truths]:
    """Take away ruling, grids, the edges of tables and of boxes, and the teeth of combs.

    Args:
        ink: (h, w) float32 in [0, 1]; 1 is ink. Not modified.

    Returns:
        (h, w) float32: the marks that are left, as dark as ink can be; the ink itself if there is
        no rule at all. And (h, w), where there were teeth, which look like 1s.
    """
    across = straight(ink)
    down = straight(np.ascontiguousarray(ink.T))
    if across or down:
        across, down = _real(ink, across, down)
    if not across and not down:
        return ink, np.zeros(ink.shape, bool)
    cleaned = ink.copy()
    _erase(cleaned, across)
    _erase(cleaned.T, down)
    teeth = tooth_mask(ink, cleaned, across)
    cleaned[teeth] = 0
    return _stretched(cleaned), teeth


def _stretched(ink: Ink) -> Ink:
    """Make the marks as dark as ink can be: what was printed may have been far darker."""
    labels, marks, _ = find_marks(ink, weak=_WEAK, strong=_WEAK)
    marks = marks.where(~is_frame(marks))
    if not len(marks.label):
        return ink
    darkest = np.zeros(int(labels.max()) + 1, np.float32)
    is_mark = labels > 0
    np.maximum.at(darkest, labels[is_mark], cv2.blur(ink, (3, 3))[is_mark])
    darkest = darkest[marks.label]
    order = np.argsort(darkest)
    area = np.cumsum(marks.area[order])
    full = darkest[order][np.searchsorted(area, _MOSTLY_LIGHTER * area[-1])]
    return np.asarray(np.minimum(ink / np.float32(max(full, _WEAK)), 1), np.float32)


def _real(ink: Ink, across: list[Rule], down: list[Rule]) -> tuple[list[Rule], list[Rule]]:
    """The rules among everything straight: what is long, and what closes a box or a grid."""
    meetings = _Meetings.of(across, down, ink)
    lengths = [np.array([rule.length for rule in rules]) for rules in (across, down)]
    sides = ink.shape[::-1]
    sure = [length >= _HALF * side for length, side in zip(lengths, sides, strict=True)]
    kept = meetings.closed(*sure)
    rough = ink.copy()  # without anything that could be a rule, to see how large the digits are
    _erase(rough, _chosen(across, kept[0]))
    _erase(rough.T, _chosen(down, kept[1]))
    height_px = _height_px(ink, rough)
    if height_px:
        sure = [
            (length > _VERY_LONG * height_px)
            | ((length > _LONG * height_px) & _are_filled(of_ink, rules))
            for length, of_ink, rules in zip(lengths, (ink, ink.T), (across, down), strict=True)
        ]
    else:  # nothing stands alone: an upright line may be a 1, and one across the bar of a 7
        is_grid = [is_sure.sum() >= _MIN_PARALLEL for is_sure in sure]
        sure[0] &= is_grid[0] | (lengths[0] > ink.shape[0])
        sure[1] &= all(is_grid)
    kept = meetings.closed(*sure)
    # Where long rules run the same way, the odd short one that ends on others is a digit's stroke.
    kept = [
        is_sure | (is_kept & (length > _NEARLY * length[is_sure].min()))
        if is_sure.sum() >= _MIN_PARALLEL and (is_kept & ~is_sure).sum() < _MIN_GRID
        else is_kept
        for length, is_sure, is_kept in zip(lengths, sure, kept, strict=True)
    ]
    kept = meetings.without_digits((sure[0], sure[1]), (kept[0], kept[1]), rough)
    across, down = _chosen(across, kept[0]), _chosen(down, kept[1])
    across = across + _continued(across, down, ink)
    return across, down + _continued(down, across, ink.T)


def _continued(rules: list[Rule], others: list[Rule], ink: Ink) -> list[Rule]:
    """Go on where rules along the rows end, from one other rule to the next, if ink does.

    So the walls of a row of boxes follow from those of the row above, and the rest of a rule whose
    end a stroke or noise hides from where it is plain.

    Args:
        rules: along the rows.
        others: along the columns.
        ink: (h, w).

    Returns:
        What they lack, each piece from one other rule to the next; at most 200.
    """
    found: list[Rule] = []
    if not others:
        return found
    lines = np.array([_line(other) for other in others])  # (other, 2)
    spans = np.array([[other.start, other.end, other.width_px] for other in others])
    middles, halves = spans[:, :2].mean(axis=1), (spans[:, 1] - spans[:, 0]) / 2
    known, waiting = list(rules), list(rules)
    while waiting and len(found) < _MAX_CONTINUED:
        rule = waiting.pop()
        slope, offset = _line(rule)
        x = (lines[:, 0] * offset + lines[:, 1]) / (1 - lines[:, 0] * slope)
        slack = _SLACK_PX + (rule.width_px + spans[:, 2]) / 2
        x = np.sort(x[np.abs(slope * x + offset - middles) < slack + halves])
        gap = np.maximum(x[:-1] - rule.end, rule.start - x[1:])
        is_next = (gap >= -_SLACK_PX) & (gap < rule.length)
        is_next &= x[1:] - x[:-1] >= THIN * rule.width_px
        for index in np.flatnonzero(is_next).tolist():
            left, right = x[index : index + 2].tolist()
            places = np.arange(round(left), round(right), dtype=np.float64)
            for off in _OFFS_PX:
                piece = Rule(left, right, np.array([slope, offset + off]), rule.width_px)
                if (_darkest(ink, piece, places) > FAINT).mean() > _FILLED:
                    if not _is_known(piece, known):
                        for pieces in (found, known, waiting):
                            pieces.append(piece)
                    break
    return found


def _line(rule: Rule) -> tuple[float, float]:
    """The straight line through both ends: slope and offset."""
    slope = (rule.at(rule.end) - rule.at(rule.start)) / rule.length
    return slope, rule.at(rule.start) - slope * rule.start


def _is_known(piece: Rule, rules: list[Rule]) -> bool:
    """Whether there is a rule already in the middle of a piece."""
    middle = (piece.start + piece.end) / 2
    return any(
        rule.start <= middle < rule.end and abs(rule.at(middle) - piece.at(middle)) <= 2 * _SLACK_PX
        for rule in rules
    )


def _height_px(ink: Ink, rough: Ink) -> float:
    """Of a typical mark; 0 if there are none but those that were cut off from rules."""
    labels, marks, _ = find_marks(rough)
    erased = cv2.dilate((ink - rough > FAINT).astype(np.uint8), np.ones((7, 7), np.uint8))
    is_whole = ~np.isin(marks.label, np.unique(labels[erased > 0]))
    return typical_height_px(marks) if is_whole.any() else 0.0


def _chosen(rules: list[Rule], chosen: Truths) -> list[Rule]:
    return [rule for rule, is_chosen in zip(rules, chosen.tolist(), strict=True) if is_chosen]


class _Meetings(NamedTuple):
    """Where rules along the rows meet those along the columns: (across, down) bool each."""

    across: list[Rule]
    down: list[Rule]
    anywhere: Truths
    across_start: Truths
    across_end: Truths
    down_start: Truths
    down_end: Truths

    @classmethod
    def of(cls, across: list[Rule], down: list[Rule], ink: Ink) -> "_Meetings":
        shape = len(across), len(down)
        x0, x1, y_mid, wide = (_column(across, each) for each in _BOUNDS)
        y0, y1, x_mid, thick = (_column(down, each).T for each in _BOUNDS)
        x, y = np.broadcast_to(x_mid, shape), np.broadcast_to(y_mid, shape)
        for _ in range(2):  # tilted lines: where one is, where the other is
            x_next = _at(down, y.T).T
            y = _at(across, x)
            x = x_next
        slack = _SLACK_PX + (wide + thick) / 2
        is_in_x = (x > x0 - slack) & (x < x1 + slack)
        is_in_y = (y > y0 - slack) & (y < y1 + slack)
        meets = is_in_x & is_in_y
        meets &= _are_joined(ink, across, x, meets & ((x < x0) | (x > x1)))
        meets &= _are_joined(ink.T, down, y.T, (meets & ((y < y0) | (y > y1))).T).T
        slack_x, slack_y = slack + 0.1 * (x1 - x0), slack + 0.1 * (y1 - y0)
        return cls(
            across,
            down,
            meets,
            meets & (np.abs(x - x0) < slack_x),
            meets & (np.abs(x - x1) < slack_x),
            meets & (np.abs(y - y0) < slack_y),
            meets & (np.abs(y - y1) < slack_y),
        )

    def closed(self, sure_across: Truths, sure_down: Truths) -> list[Truths]:
        """What is sure, and whatever has both of its ends on others that are kept."""
        across, down = np.ones(len(self.across), bool), np.ones(len(self.down), bool)
        while True:
            start = self.across_start[:, down].any(axis=1)
            end = self.across_end[:, down].any(axis=1)
            next_across = sure_across | (across & start & end)
            start = self.down_start[next_across].any(axis=0)
            end = self.down_end[next_across].any(axis=0)
            next_down = sure_down | (down & start & end)
            if (next_across == across).all() and (next_down == down).all():
                return [across, down]
            across, down = next_across, next_down

    def without_digits(
        self, are_sure: tuple[Truths, Truths], are_kept: tuple[Truths, Truths], rough: Ink
    ) -> list[Truths]:
        """Give back what is closed but could be a digit: an angular 0 has nothing inside."""
        across, down = are_kept
        num_across = len(across)
        size = num_across + len(down)
        belongs = np.zeros((size, size), bool)
        belongs[:num_across, num_across:] = self.anywhere & across[:, None] & down
        belongs |= belongs.T
        sure, kept = np.concatenate(are_sure), np.concatenate(are_kept)
        for members in groups(belongs):
            if not kept[members[0]] or sure[members].any() or len(members) >= _MIN_GRID:
                continue
            rows = [self.across[index] for index in members if index < num_across]
            columns = [self.down[index - num_across] for index in members if index >= num_across]
            is_box = bool(rows and columns)  # the others' partners may have been given back
            kept[members] = is_box and _holds_ink(rows, columns, rough)
        return [kept[:num_across], kept[num_across:]]


def _are_joined(ink: Ink, rules: list[Rule], x: Values, is_short: Truths) -> Truths:
    """Whether ink leads from rules to those that they end short of: a 1 stands free in its box.

    Args:
        ink: (h, w).
        rules: those that are followed, along the rows.
        x: (rule, other) where each would meet each other one.
        is_short: (rule, other) true where it ends before that.

    Returns:
        (rule, other), true where it does not end short.
    """
    are_joined = np.ones(is_short.shape, bool)
    for index in np.flatnonzero(is_short.any(axis=1)).tolist():
        rule = rules[index]
        own = np.linspace(rule.start, rule.end - 1, _NUM_SAMPLES)
        least = _JOINED * median(_darkest(ink, rule, own))
        for other in np.flatnonzero(is_short[index]).tolist():
            to = round(x[index, other])
            gap = np.arange(to, rule.start) if to < rule.start else np.arange(rule.end, to)
            are_joined[index, other] = (_darkest(ink, rule, gap) >= least).all()
    return are_joined


def _are_filled(ink: Ink, rules: list[Rule]) -> Truths:
    """Whether rules along the rows are ink nearly all along."""
    are_filled = np.zeros(len(rules), bool)
    for index, rule in enumerate(rules):
        x = np.arange(round(rule.start), round(rule.end), dtype=np.float64)
        are_filled[index] = (_darkest(ink, rule, x) > FAINT).mean() > _FILLED
    return are_filled


def _darkest(ink: Ink, rule: Rule, x: Values) -> Ink:
    """The darkest of three pixels across a rule at each of x."""
    rows = np.rint(np.polyval(rule.curve, x)).astype(np.int64) + np.array([[-1], [0], [1]])
    columns = np.clip(x.astype(np.int64), 0, ink.shape[1] - 1)
    return np.asarray(_rows(ink, rows, columns).max(axis=0), np.float32)


def _holds_ink(rows: list[Rule], columns: list[Rule], rough: Ink) -> bool:
    """Whether there is a stroke inside of a box, by the ink without its edges."""
    left, right = min(rule.start for rule in rows), max(rule.end for rule in rows)
    top, bottom = min(rule.start for rule in columns), max(rule.end for rule in columns)
    edge = 0.15
    x = [round(left + share * (right - left)) for share in (edge, 1 - edge)]
    y = [round(top + share * (bottom - top)) for share in (edge, 1 - edge)]
    inside = rough[slice(*y), slice(*x)] > 0.4
    return bool(inside.any() and inside.any(axis=1).sum() > 0.25 * (bottom - top))


def _column(rules: list[Rule], kind: str) -> Values:
    """(n, 1): the start, end, middle or width of each."""
    if kind == "at":
        values = [rule.at((rule.start + rule.end) / 2) for rule in rules]
    else:
        values = [float(getattr(rule, kind)) for rule in rules]
    return np.array(values, np.float64).reshape(-1, 1)


def _at(rules: list[Rule], x: Values) -> Values:
    """(rule, point): each rule at its own points, within its length."""
    return np.array(
        [
            np.polyval(rule.curve, np.clip(points, rule.start, rule.end))
            for rule, points in zip(rules, x, strict=True)
        ]
    ).reshape(x.shape)


def _erase(ink: Ink, rules: list[Rule]) -> None:
    """Set rules to 0, but for the strokes over and across them; ``ink`` is changed."""
    for rule in rules:
        _erase_one(ink, rule)


def _erase_one(ink: Ink, rule: Rule) -> None:
    height, width = ink.shape
    columns = np.arange(max(0, int(rule.start) - 2), min(width, int(rule.end) + 3))
    along = np.clip(columns, rule.start, rule.end - 1)
    middle = np.rint(np.polyval(rule.curve, along)).astype(np.int64)
    reach = int(np.ceil(rule.width_px / 2 + 1.5))
    near = np.arange(-reach, reach + 1)[:, None]
    light = _rows(ink, middle + near, columns)  # (2 reach + 1, columns)
    darkest = light.max(axis=0)
    level = median(darkest)
    is_there = darkest > max(FAINT, 0.3 * level)
    if not is_there.any():
        return
    centre = middle + (light - 0.01 * np.abs(near)).argmax(axis=0) - reach

    # The ink that hangs together with it, upwards and downwards, in each column.
    far = int(np.ceil(2 * rule.width_px + 6))
    steps = np.arange(far + 1)[:, None]
    faint = max(FAINT, 0.35 * level)
    top = centre - _reach(_rows(ink, centre - steps, columns) > faint)
    bottom = centre + _reach(_rows(ink, centre + steps, columns) > faint)

    # Where it is no thicker than usual, the rule is alone, and shows where it is elsewhere.
    usual = float(median((bottom - top)[is_there]))
    is_alone = is_there & (bottom - top <= usual + max(1.0, 0.2 * usual))
    own_top, own_bottom = (
        np.interp(columns, columns[is_alone], y[is_alone]) for y in (top, bottom)
    )
    is_above, is_below = top < own_top - 1, bottom > own_bottom + 1
    is_both = ~is_alone & is_above & is_below
    span = np.ones(2 * int(np.ceil(usual)) + 5, np.uint8)
    is_slanted = _widened(is_above & ~is_alone, span) & _widened(is_below & ~is_alone, span)
    is_slanted &= ~_widened(is_both, span)
    is_rule = is_there & ~is_both & ~is_slanted

    row = centre + np.arange(-far, far + 1)[:, None]
    margin = np.where(is_alone, 1, 0)  # its soft edge
    taken = is_rule & (row >= np.rint(own_top) - margin) & (row <= np.rint(own_bottom) + margin)
    taken &= (row >= 0) & (row < height)
    taken &= _rows(ink, row, columns) < max(_DARKER * level, level + 0.2)
    where_row, where_column = np.nonzero(taken)
    ink[row[where_row, where_column], columns[where_column]] = 0


def _rows(ink: Ink, rows: NDArray[np.int64], columns: NDArray[np.int64]) -> Ink:
    """The ink at (rows, columns), 0 outside of the page."""
    height = ink.shape[0]
    values = ink[np.clip(rows, 0, height - 1), columns]
    return np.where((rows >= 0) & (rows < height), values, np.float32(0))


def _reach(is_ink: Truths) -> NDArray[np.int64]:
    """How many steps from the first row on are ink without a break."""
    return np.asarray(np.maximum(np.logical_and.accumulate(is_ink).sum(axis=0) - 1, 0), np.int64)


def _widened(truths: Truths, span: NDArray[np.uint8]) -> Truths:
    return np.asarray(cv2.dilate(truths.astype(np.uint8)[None], span[None])[0], bool)
