"""Teeth of a comb: short upright lines on a printed rule, as between the places of a form.

They stand on the rule, hang from it or cross it, as the marks of a scale do, one like the other and
evenly spaced. 1s that somebody wrote on a rule are seldom so, four of five of them hardly ever.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from inkdigits.imaging.ink import Ink
from inkdigits.imaging.straight import FAINT, Rule

_SLENDER, _FILLED = 2.2, 0.7  # times as high as wide; a share of the box is ink: it leans little
_SHORTEST_PX = 6
_SLACK_PX = 2.0  # so far beyond the rule's edge a tooth may end
_JOINED = 0.5  # ... where all between is so dark, by the tooth's middle
_LONGEST = 0.25  # of its rule: what is longer is no tooth of it
_FEWEST, _SHARE = 4, 0.8  # teeth, and of what is so upright on a rule
_ALIKE, _EVEN = 0.12, 0.07  # of a tooth's height, and of what is between two of them
_MOSTLY = 0.6  # of the places between the first and the last have one
_STARTS = 12  # bars from which a comb is looked for; one in five, at most, is none of it

Numbers = NDArray[np.float64]


def tooth_mask(ink: Ink, cleaned: Ink, rules: list[Rule]) -> NDArray[np.bool_]:
    """Where there are teeth on rules along the rows.

    Args:
        ink: (h, w) float32 in [0, 1]; 1 is ink.
        cleaned: (h, w) float32, the same without the rules.
        rules: these.

    Returns:
        (h, w), with the soft edges of the teeth, and what is left of the rule at their feet.
    """
    mask = np.zeros(ink.shape, bool)
    left, top, right, bottom = _bars(cleaned) if rules else np.zeros((4, 0))
    middle = (left + right) / 2
    for rule in rules:
        level = np.polyval(rule.curve, np.clip(middle, rule.start, rule.end))
        reach = _SLACK_PX + rule.width_px
        is_on = (middle > rule.start - reach) & (middle < rule.end + reach)
        is_on &= (top - reach < level) & (bottom + reach > level)
        is_on &= bottom - top < _LONGEST * rule.length
        own = np.flatnonzero(is_on)
        if len(own) < _FEWEST:
            continue
        bounds = np.stack([middle, top, bottom, level], axis=1)[own]
        own = own[[_is_joined(ink, *of) for of in bounds.tolist()]]
        ends = np.stack([top - level, bottom - level], axis=1)[own]
        ends[np.abs(ends) < reach] = 0  # on the rule, whatever is left of it
        deep = _SLACK_PX + rule.width_px / 2
        for tooth in own[_comb(middle[own], ends)].tolist():
            y = max(0, round(min(top[tooth] - 1, level[tooth] - deep)))
            end_y = max(0, round(max(bottom[tooth] + 1, level[tooth] + deep)))
            mask[y:end_y, max(0, round(left[tooth]) - 1) : round(right[tooth]) + 1] = True
    return mask


def _bars(ink: Ink) -> Numbers:
    """(4, n) left, top, right and bottom of what is upright, thin and straight."""
    _, _, stats, _ = cv2.connectedComponentsWithStats((ink > FAINT).astype(np.uint8))
    left, top, width, height, area = stats[1:].T.astype(np.float64)
    is_bar = (height >= _SLENDER * width) & (area >= _FILLED * width * height)
    is_bar &= height >= _SHORTEST_PX
    return np.stack([left, top, left + width, top + height])[:, is_bar]


def _is_joined(ink: Ink, x: float, top: float, bottom: float, level: float) -> bool:
    """Whether ink leads from a bar to its rule: a 1 in a box may be as near, and stands free."""
    columns = slice(max(0, int(x) - 1), int(x) + 2)
    start, end = (bottom, level) if level > bottom else (level, top)
    gap = ink[max(0, round(start)) : max(0, round(end)), columns].max(axis=1)
    return bool((gap > _JOINED * ink[round((top + bottom) / 2), columns].max()).all())


def _comb(middle: Numbers, ends: Numbers) -> NDArray[np.int64]:
    """Those of some bars that are alike and evenly spaced, if these are nearly all.

    Args:
        middle: (n,) along the rule, in pixels.
        ends: (n, 2) top and bottom, below the rule.

    Returns:
        Their indices; none if they are fewer than four, or than four fifths.
    """
    fewest = max(_FEWEST, _SHARE * len(middle))
    starts = np.unique(np.linspace(0, len(middle) - 1, _STARTS).astype(int))
    for start in starts[: len(middle)].tolist():
        top, bottom = ends[start]
        off = np.abs(ends - ends[start]).max(axis=1)
        alike = np.flatnonzero(off <= max(_SLACK_PX, _ALIKE * (bottom - top)))
        away = middle[alike] - middle[start]
        for apart in np.sort(np.abs(away[away != 0]))[:_FEWEST].tolist():  # others may be between
            places = np.rint(away / apart)
            is_even = np.abs(away - places * apart) <= _EVEN * apart
            num_places = np.ptp(places[is_even]) + 1
            filled = len(np.unique(places[is_even]))
            if filled >= max(_FEWEST, _MOSTLY * num_places) and is_even.sum() >= fewest:
                return np.asarray(alike[is_even])
    return np.zeros(0, np.int64)
