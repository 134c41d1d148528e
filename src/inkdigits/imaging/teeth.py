"""Teeth of a comb: short upright lines on a printed rule, as between the places of a form.

They stand on the rule, hang from it or cross it, as the marks of a scale do, one like the other and
evenly spaced. Nobody writes four 1s so upright, so alike and so evenly.
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
_FEWEST = 4
_ALIKE, _EVEN = 0.12, 0.07  # of a tooth's height, and of what is between two of them
_MOSTLY = 0.6  # of the places between the first and the last have one
_MOST = 200  # on one rule; bounds time on texture

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
    if not rules:
        return mask
    _, _, stats, _ = cv2.connectedComponentsWithStats((cleaned > FAINT).astype(np.uint8))
    left, top, width, height, area = stats.T.astype(np.float64)
    is_bar = (height >= _SLENDER * width) & (area >= _FILLED * width * height)
    is_bar[0] = False
    bars = np.flatnonzero(is_bar & (height >= _SHORTEST_PX))
    left, top, width, height = left[bars], top[bars], width[bars], height[bars]
    middle, bottom = left + width / 2, top + height
    for rule in rules:
        level = np.polyval(rule.curve, np.clip(middle, rule.start, rule.end))
        reach = _SLACK_PX + rule.width_px
        is_on = (middle > rule.start - reach) & (middle < rule.end + reach)
        is_on &= (top - reach < level) & (bottom + reach > level)
        is_on &= height < _LONGEST * rule.length
        own = np.flatnonzero(is_on)[:_MOST]
        bounds = np.stack([middle, top, bottom, level], axis=1)[own]
        own = own[[_is_joined(ink, *of) for of in bounds.tolist()]]
        ends = np.stack([top - level, bottom - level], axis=1)
        ends[np.abs(ends) < reach] = 0  # on the rule, whatever is left of it
        for tooth in own[_comb(middle[own], ends[own])].tolist():
            x, at, deep = round(left[tooth]), level[tooth], _SLACK_PX + rule.width_px / 2
            y = max(0, round(min(top[tooth] - 1, at - deep)))
            end_y, end_x = round(max(bottom[tooth] + 1, at + deep)), x + round(width[tooth]) + 1
            mask[y:end_y, max(0, x - 1) : end_x] = True
    return mask


def _is_joined(ink: Ink, x: float, top: float, bottom: float, level: float) -> bool:
    """Whether ink leads from a bar to its rule: a 1 in a box may be as near, and stands free."""
    column = max(0, int(x) - 1)
    along = ink[:, column : column + 3].max(axis=1)
    gap = (
        along[round(bottom) : round(level)] if level > bottom else along[round(level) : round(top)]
    )
    return bool((gap > _JOINED * along[round((top + bottom) / 2)]).all())


def _comb(middle: Numbers, ends: Numbers) -> NDArray[np.int64]:
    """The most of some bars that are alike and evenly spaced.

    Args:
        middle: (n,) along the rule, in pixels.
        ends: (n, 2) top and bottom, below the rule.

    Returns:
        Their indices, none if they are fewer than four.
    """
    most = np.zeros(0, np.int64)
    for start, (top, bottom) in zip(middle.tolist(), ends.tolist(), strict=True):
        off = np.abs(ends - (top, bottom)).max(axis=1)
        alike = np.flatnonzero(off <= max(_SLACK_PX, _ALIKE * (bottom - top)))
        away = middle[alike] - start
        for apart in np.sort(away[away > 0])[:_FEWEST].tolist():  # some others may stand between
            places = np.rint(away / apart)
            is_even = (np.abs(away - places * apart) <= _EVEN * apart) & (places >= 0)
            num = int(places[is_even].max()) + 1
            chosen = alike[is_even]
            is_full = len(np.unique(places[is_even])) >= max(_FEWEST, _MOSTLY * num)
            if is_full and len(chosen) > len(most):
                most = chosen
    return most
