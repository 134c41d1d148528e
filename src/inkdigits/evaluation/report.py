"""Show how a model did: one page that opens anywhere, its pictures, and the figures as JSON."""

import base64
import json
import math
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from inkdigits.errors import BadArrayError, MissingExtraError, RunError
from inkdigits.evaluation.corruption import Robustness
from inkdigits.evaluation.html import Figure, page, row, template
from inkdigits.evaluation.metrics import (
    Floats,
    Ints,
    Metrics,
    checked_probabilities,
    reliability,
    risk_coverage,
)
from inkdigits.files import written_whole

if TYPE_CHECKING:
    from inkdigits.evaluation.charts import Misread, Theme

FILES = (
    "report.html",
    "metrics.json",
    "confusion.png",
    "reliability.png",
    "risk_coverage.png",
    "worst.png",
)
_MOST_ERRORS_SHOWN = 40
_MARKED_ERRORS = (0.01, 0.005, 0.002, 0.001)


def write_report(
    folder: Path,
    *,
    title: str,
    metrics: Metrics,
    probabilities: ArrayLike,
    labels: ArrayLike,
    images: ArrayLike,
    facts: Mapping[str, str],
    robustness: Sequence[Robustness] = (),
    num_rejected: int | None = None,
) -> Path:
    """Write ``report.html``, its four pictures as PNG, and ``metrics.json`` into a folder.

    The page holds its pictures, for light and for dark screens, and fetches nothing. The files
    of an earlier report are replaced, all of them once all are written; others are left alone.

    Args:
        folder: where to write; it is made where it is missing.
        title: heading of the page, plain text.
        metrics: what ``measure`` gave for these probabilities and labels.
        probabilities: (digits, classes) floats.
        labels: (digits,) whole numbers.
        images: (digits, H, W) ink, uint8 with 255 or floats with 1 as full ink.
        facts: what made these figures, such as the model and the data; plain text.
        robustness: how spoiled digits were read, if that was tried.
        num_rejected: how many of the digits are taken for none, if that is known.

    Returns:
        the path of ``report.html``.

    Raises:
        BadArrayError: arrays that are wrong, or that do not belong together.
        MissingExtraError: matplotlib is not installed.
        RunError: the folder is a file, or cannot be written.
    """
    rows, truth = checked_probabilities(probabilities, labels)
    ink = _checked_ink(images, metrics, len(rows))
    _check_folder(folder)
    try:
        from inkdigits.evaluation import charts
    except ImportError as error:
        raise MissingExtraError("An evaluation report", "train") from error

    bins = reliability(rows, truth)
    coverage, risk = risk_coverage(rows, truth)
    marks = _marks(coverage, risk)
    misread = _misread(rows, truth, ink)
    draw: dict[str, Callable[[Theme], bytes]] = {
        "confusion": lambda theme: charts.confusion(metrics.confusion, theme),
        "reliability": lambda theme: charts.reliability(bins, theme),
        "risk_coverage": lambda theme: charts.risk_coverage(coverage, risk, marks, theme),
        "worst": lambda theme: charts.worst(misread, theme),
    }
    light = {name: make(charts.LIGHT) for name, make in draw.items()}
    dark = {name: make(charts.DARK) for name, make in draw.items()}

    alternatives = _alternatives(metrics, misread)
    pictures = {name: _picture(light[name], dark[name], alternatives[name]) for name in draw}
    html = _page(title, metrics, len(misread), facts, pictures, robustness)
    plain = metrics.to_dict()
    if num_rejected is not None:
        plain["rejected"] = num_rejected
    if robustness:
        plain["corruptions"] = [row.to_dict() for row in robustness]
    contents = {
        "report.html": html.encode(),
        "metrics.json": (json.dumps(plain, indent=2) + "\n").encode(),
        **{f"{name}.png": png for name, png in light.items()},
    }
    try:
        with ExitStack() as stack:
            for name, content in contents.items():
                stack.enter_context(written_whole(folder / name)).write_bytes(content)
    except OSError as error:
        raise _unwritable(folder, error) from error
    return folder / "report.html"


def _checked_ink(images: ArrayLike, metrics: Metrics, count: int) -> NDArray[Any]:
    ink = np.asarray(images)
    if ink.ndim != 3 or 0 in ink.shape or not (ink.dtype == np.uint8 or ink.dtype.kind == "f"):
        raise BadArrayError(
            f"The images are {ink.dtype} of shape {ink.shape}, but must be uint8 or floats of "
            "shape (digits, height, width), where 255 or 1 is ink."
        )
    if not len(ink) == metrics.count == count:
        raise BadArrayError(
            f"There are {len(ink)} images, {count} rows of probabilities, and metrics of "
            f"{metrics.count} digits, but all three must belong to the same digits."
        )
    return ink


def _check_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
        for name in FILES:
            if (folder / name).is_dir():
                raise IsADirectoryError(f"{name} is a folder there")
    except OSError as error:
        raise _unwritable(folder, error) from error


def _unwritable(folder: Path, error: OSError) -> RunError:
    return RunError(
        f"The report cannot be written to {folder} ({error.strerror or error}). "
        "Give a folder that can be written, or a new one, with --report."
    )


def _marks(coverage: Floats, risk: Floats) -> list[tuple[float, float]]:
    """The share that can be answered at each marked error, where all cannot, and some can."""
    return [
        (error, float(coverage[risk <= error].max()))
        for error in _MARKED_ERRORS
        if error < risk[-1] and (risk <= error).any()
    ]


def _misread(rows: Floats, truth: Ints, ink: NDArray[Any]) -> "list[Misread]":
    from inkdigits.evaluation.charts import Misread

    read = rows.argmax(axis=1)
    wrong = np.flatnonzero(read != truth)
    worst_first = wrong[np.argsort(rows[wrong, truth[wrong]], kind="stable")]
    full = 255.0 if ink.dtype == np.uint8 else 1.0
    return [
        Misread(ink[i] / full, int(truth[i]), int(read[i]), float(rows[i].max()))
        for i in worst_first[:_MOST_ERRORS_SHOWN]
    ]


def _alternatives(metrics: Metrics, misread: "list[Misread]") -> dict[str, str]:
    """What each picture says, for those who cannot see it."""
    low, high = metrics.accuracy_interval
    shown = "; ".join(f"{error.true} read as {error.read}" for error in misread)
    return {
        "confusion": f"Confusion matrix of {metrics.count:,} digits, a row for each true digit. "
        + _confusions(metrics),
        "reliability": "Accuracy against confidence in 15 bins, with a histogram of the digits. "
        f"The expected calibration error is {metrics.ece:.4f}.",
        "risk_coverage": "Share of errors among the answered digits against the share answered. "
        f"When all are answered, {1 - metrics.accuracy:.2%} are wrong "
        f"(between {1 - high:.2%} and {1 - low:.2%}).",
        "worst": f"Pictures of misread digits: {shown}." if shown else "No digit was misread.",
    }


def _confusions(metrics: Metrics) -> str:
    wrong = metrics.confusion - np.diag(metrics.confusion.diagonal())
    order = np.argsort(-wrong, axis=None, kind="stable")[:5]
    pairs = [
        f"{true} read as {read} ({wrong[true, read]})"
        for true, read in zip(*np.unravel_index(order, wrong.shape), strict=True)
        if wrong[true, read]
    ]
    return f"Most often: {', '.join(pairs)}." if pairs else "Nothing was taken for anything else."


def _picture(light: bytes, dark: bytes, alternative: str) -> str:
    size = f'width="{_side(light, 16)}" height="{_side(light, 20)}"'
    return (
        f'<picture><source media="(prefers-color-scheme: dark)" srcset="{_data_uri(dark)}">'
        f'<img src="{_data_uri(light)}" {size} alt="{escape(alternative)}"></picture>'
    )


def _side(png: bytes, offset: int) -> int:
    return int.from_bytes(png[offset : offset + 4], "big")


def _data_uri(png: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(png).decode("ascii")


def _page(
    title: str,
    metrics: Metrics,
    num_shown: int,
    facts: Mapping[str, str],
    pictures: Mapping[str, str],
    robustness: Sequence[Robustness],
) -> str:
    num_wrong = metrics.count - metrics.correct
    low, high = metrics.accuracy_interval
    figures = [
        Figure("Accuracy", f"{metrics.accuracy:.2%}", f"95% interval {low:.2%} to {high:.2%}"),
        Figure("Errors", f"{num_wrong:,}", f"of {metrics.count:,} digits"),
        Figure("Loss", f"{metrics.loss:.4f}", "mean negative log-likelihood; 0 is perfect"),
        Figure("Brier score", f"{metrics.brier:.4f}", "squared error of the probabilities; 0 to 2"),
        Figure("Calibration error", f"{metrics.ece:.4f}", "ECE: confidence and accuracy, 15 bins"),
        Figure("Risk-coverage area", f"{metrics.aurc:.5f}", "AURC: do errors come last? 0 is best"),
    ]
    shown = (
        f"The {num_shown} of {num_wrong:,} errors" if num_shown < num_wrong else "All errors"
    ) + ", those first whose true digit was held least likely."
    body = template("report.html").substitute(
        pictures,
        confusions=_confusions(metrics),
        worst_note=shown if num_wrong else "There are none.",
        robustness=_robustness(robustness),
        classes="\n".join(
            row(
                str(of["class"]),
                [f"{of['support']:,}", *(_percent(of[name]) for name in _OF_A_CLASS)],
            )
            for of in metrics.per_class
        ),
    )
    return page(
        title=title,
        lead=f"{metrics.correct:,} of {metrics.count:,} digits read rightly.",
        figures=figures,
        body=body,
        facts=facts,
    )


_OF_A_CLASS: tuple[Literal["precision", "recall", "f1"], ...] = ("precision", "recall", "f1")


def _robustness(rows: Sequence[Robustness]) -> str:
    """A row for each family; in each cell its severities, mild to hard."""
    if not rows:
        return ""
    families: dict[str, list[Robustness]] = {}
    for of in rows:
        families.setdefault(of.family, []).append(of)
    cells = (
        row(
            family,
            [
                "yes" if of[0].is_trained_on else "no",
                " · ".join(_percent(one.correct / one.count) for one in of),
                " · ".join(_percent(one.ok / one.count) for one in of),
                " · ".join(_percent(one.ok_wrong / one.ok if one.ok else math.nan) for one in of),
            ],
        )
        for family, of in families.items()
    )
    return template("robustness.html").substitute(count=f"{rows[0].count:,}", rows="\n".join(cells))


def _percent(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.2%}"
