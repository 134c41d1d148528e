"""The pictures of a report, each drawn for light and for dark pages. Needs matplotlib."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, to_rgb
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, PercentFormatter

from inkdigits.evaluation.metrics import Floats, Ints, Reliability, wilson_interval

_DPI = 144
_SHEET_COLUMNS = 8


@dataclass(frozen=True)
class Theme:
    """Colours that stay apart for colour-blind eyes, after Okabe and Ito."""

    ground: str
    panel: str
    text: str
    muted: str
    rule: str
    right: str
    wrong: str


LIGHT = Theme("#ffffff", "#f3f4f6", "#1b1f24", "#626a75", "#d5d9de", "#0072b2", "#d55e00")
DARK = Theme("#15181c", "#22262c", "#e9ebee", "#9aa2ad", "#3a4048", "#56b4e9", "#f08a3c")


class Misread(NamedTuple):
    """One digit that was read wrongly."""

    ink: Floats  # (H, W) in [0, 1]
    true: int
    read: int
    confidence: float


def confusion(counts: Ints, theme: Theme) -> bytes:
    """Draw what was read as what, so that single errors are seen beside thousands of hits.

    Args:
        counts: (classes, classes); a row is the true class, a column the one read.
        theme: the colours.

    Returns:
        a PNG.
    """
    size = len(counts)
    figure, axes = _canvas(theme, 7.2, 7.2)
    wrong = counts * (1 - np.eye(size, dtype=np.int64))
    # The square root keeps one error visible beside many; a few errors in all stay pale.
    strength = np.sqrt(wrong / max(wrong.max(), 9))
    ground, hue = np.array(to_rgb(theme.ground)), np.array(to_rgb(theme.wrong))
    strength = np.where(wrong > 0, 0.15 + 0.85 * strength, 0)[..., None]
    colours = ground * (1 - strength) + hue * strength  # (true, read, RGB)
    right = np.array(to_rgb(theme.right))
    colours[np.diag_indices(size)] = 0.8 * ground + 0.2 * right
    axes.imshow(colours)
    for row, column in np.argwhere(counts > 0):
        is_light = colours[row, column] ** 2.2 @ (0.2126, 0.7152, 0.0722) > 0.2
        axes.text(
            column,
            row,
            f"{counts[row, column]:,}",
            ha="center",
            va="center",
            fontsize=10 if row == column else 11,
            fontweight="normal" if row == column else "bold",
            color="#1b1f24" if is_light else "#ffffff",
        )
    axes.set_xticks(range(size))
    axes.set_yticks(range(size))
    axes.set_xticks(np.arange(0.5, size - 1), minor=True)
    axes.set_yticks(np.arange(0.5, size - 1), minor=True)
    axes.grid(visible=False, which="major")
    axes.grid(which="minor", color=theme.rule, linewidth=0.7)
    axes.tick_params(which="both", length=0, top=False, labeltop=True, labelbottom=False)
    axes.tick_params(which="major", labelsize=12, labelcolor=theme.text)
    axes.xaxis.set_label_position("top")
    axes.set_xlabel("read as", labelpad=8)
    axes.set_ylabel("true digit", labelpad=8)
    return _png(figure)


def reliability(bins: Reliability, theme: Theme) -> bytes:
    """Draw accuracy against confidence, with 95 % intervals, over the number of digits.

    Args:
        bins: as ``metrics.reliability`` gives them.
        theme: the colours.

    Returns:
        a PNG.
    """
    figure = Figure(figsize=(7.2, 6.2), dpi=_DPI, facecolor=theme.ground, layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(4, 1))
    for axes in (above, below):
        _dress(axes, theme)
    above.plot([0, 1], [0, 1], color=theme.muted, linewidth=1.2, linestyle=(0, (5, 4)))
    words = {"color": theme.muted, "fontsize": 11}
    above.text(0.03, 0.96, "not sure enough", va="top", **words)
    above.text(0.98, 0.04, "too sure", ha="right", **words)
    used = bins.num_digits > 0
    confidence, accuracy, num_digits = (values[used] for values in bins)
    ends = np.array(
        [wilson_interval(round(a * n), int(n)) for a, n in zip(accuracy, num_digits, strict=True)]
    )
    above.vlines(confidence, ends[:, 0], ends[:, 1], color=theme.right, linewidth=2, alpha=0.45)
    above.plot(confidence, accuracy, "o", color=theme.right, markersize=7, clip_on=False)
    above.set(xlim=(0, 1.015), ylim=(0, 1.03), ylabel="read rightly")
    above.yaxis.set_major_formatter(PercentFormatter(1, 0))
    width = 1 / len(bins.num_digits)
    starts = np.arange(len(bins.num_digits)) * width
    below.bar(starts, bins.num_digits, 0.9 * width, align="edge", color=theme.right, alpha=0.75)
    below.set_yscale("log")
    below.set_ylim(0.7, 2 * float(bins.num_digits.max()))
    below.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    below.yaxis.set_minor_formatter(FuncFormatter(lambda value, _: ""))
    below.set(xlabel="confidence", ylabel="digits")
    below.xaxis.set_major_formatter(PercentFormatter(1, 0))
    return _png(figure)


def risk_coverage(
    coverage: Floats, risk: Floats, marks: Sequence[tuple[float, float]], theme: Theme
) -> bytes:
    """Draw the errors among the answered digits against the share answered.

    Args:
        coverage: (digits,) share answered, ascending.
        risk: (digits,) share of errors among those.
        marks: pairs of an error and the share that can be answered at it.
        theme: the colours.

    Returns:
        a PNG.
    """
    figure, axes = _canvas(theme, 7.2, 4.6)
    axes.fill_between(coverage, risk, color=theme.wrong, alpha=0.13, linewidth=0)
    axes.plot(coverage, risk, color=theme.wrong, linewidth=2, solid_joinstyle="round")
    axes.plot(coverage[-1:], risk[-1:], "o", color=theme.wrong, markersize=7, clip_on=False)
    for error, share in marks:
        axes.plot(share, error, "o", color=theme.text, markersize=6, clip_on=False, zorder=3)
    settled = risk[coverage >= 0.1]  # the first few digits say little, and much of it by chance
    axes.set(xlim=(0, 1), ylim=(0, min(max(1.2 * float(settled.max()), 0.001), 1.05)))
    axes.set(xlabel="share answered, the surest digits first", ylabel="errors among the answered")
    axes.xaxis.set_major_formatter(PercentFormatter(1, 0))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value * 100:.3g}%"))
    lines = [f"{share:.1%} answered at {error:.1%} errors" for error, share in marks]
    lines.append(f"all answered at {risk[-1]:.2%} errors")
    axes.text(
        0.03,
        0.95,
        "\n".join(lines),
        transform=axes.transAxes,
        va="top",
        linespacing=1.6,
        color=theme.text,
        fontsize=11,
        bbox={"facecolor": theme.ground, "linewidth": 0, "pad": 4},
    )
    return _png(figure)


def worst(errors: Sequence[Misread], theme: Theme) -> bytes:
    """Draw a sheet of digits that were read wrongly.

    Args:
        errors: in the order in which they are to be seen; may be empty.
        theme: the colours.

    Returns:
        a PNG.
    """
    if not errors:
        figure, axes = _canvas(theme, 7.2, 1.6)
        axes.set_axis_off()
        axes.text(
            0.5, 0.5, "Every digit was read rightly.", ha="center", color=theme.text, fontsize=15
        )
        return _png(figure)
    num_rows = -(-len(errors) // _SHEET_COLUMNS)
    figure, axes = _canvas(theme, 9.6, 1.66 * num_rows)
    axes.set(xlim=(0, _SHEET_COLUMNS), ylim=(1.4 * num_rows - 0.06, 0), aspect="equal")
    axes.set_axis_off()
    colours = LinearSegmentedColormap.from_list("ink", [theme.panel, theme.text])
    for place, error in enumerate(errors):
        top, left = 1.4 * (place // _SHEET_COLUMNS), place % _SHEET_COLUMNS
        side = max(error.ink.shape)
        paper = np.zeros((side, side))
        y, x = ((side - length) // 2 for length in error.ink.shape)
        paper[y : y + error.ink.shape[0], x : x + error.ink.shape[1]] = error.ink
        extent = (left + 0.05, left + 0.95, top + 0.9, top)
        axes.imshow(paper, colours, vmin=0, vmax=1, extent=extent, interpolation="nearest")
        middle = left + 0.5
        caption = f"{error.true} read as {error.read}"
        axes.text(middle, top + 1.03, caption, ha="center", va="center", color=theme.text)
        sureness = f"{error.confidence:.1%} sure"
        axes.text(
            middle, top + 1.19, sureness, ha="center", va="center", color=theme.muted, fontsize=9
        )
    axes.set(xlim=(0, _SHEET_COLUMNS), ylim=(1.4 * num_rows - 0.06, 0))  # imshow moved them
    return _png(figure)


def _canvas(theme: Theme, width: float, height: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(width, height), dpi=_DPI, facecolor=theme.ground, layout="constrained")
    axes = figure.subplots()
    _dress(axes, theme)
    return figure, axes


def _dress(axes: Axes, theme: Theme) -> None:
    axes.set_facecolor(theme.ground)
    for side, spine in axes.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(theme.rule)
    axes.tick_params(which="both", colors=theme.muted, labelsize=10, length=0, pad=6)
    axes.xaxis.label.set(color=theme.text, fontsize=12)
    axes.yaxis.label.set(color=theme.text, fontsize=12)
    axes.grid(color=theme.rule, linewidth=0.6)
    axes.set_axisbelow(True)


def _png(figure: Figure) -> bytes:
    stream = io.BytesIO()
    # No creation time or version inside: the same figures give the same bytes.
    figure.savefig(stream, format="png", facecolor="auto", metadata={"Software": None})
    return stream.getvalue()
