"""`inkdigits evaluate --pages`: how well whole pages are read."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from inkdigits.cli.common import check_folder, say
from inkdigits.errors import InputError
from inkdigits.reading import Page, Status

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from inkdigits.evaluation.failures import Failure
    from inkdigits.evaluation.pages import LabelledPage, PageMetrics, ReadLines
    from inkdigits.reader import Look, Reader

_LARGEST_SIDE_PX = 1200  # of a picture in the sheet


def evaluate_pages(
    make_reader: "Callable[[], Reader]", labels: Path, report: Path | None, *, as_json: bool
) -> None:
    """Read and score every page of a labels file; exit code 1 where one cannot be opened."""
    from inkdigits.evaluation.failures import write_failures
    from inkdigits.evaluation.pages import load_labels, measure_page, total

    pages = load_labels(labels)
    if report is not None:
        check_folder(report, "--report")
    reader = make_reader()
    scores: list[PageMetrics] = []
    rows: list[dict[str, Any]] = []
    failures: list[Failure] = []
    for labelled in pages:
        look, remark = None, ""
        try:
            look = reader.look(labelled.path, name=labelled.file)
        except InputError as error:
            say(error)
            remark = str(error)
        score = measure_page(labelled.lines, read_lines(look.page) if look else None)
        scores.append(score)
        rows.append(
            {
                "file": labelled.file,
                "true": list(labelled.lines),
                "read": _rows(look.page, Status.REVIEW) if look else None,
                **score.to_dict(),
            }
        )
        if report is not None and not score.is_right:
            failures.append(_failure(labelled, score, look, remark))
    metrics = total(scores)
    if report is not None:
        write_failures(
            report,
            title=f"{reader.bundle.name} on {labels.name}",
            metrics=metrics,
            failures=failures,
            facts={
                "read by": reader.bundle.name,
                "labels": str(labels),
                "threshold": f"{reader.rule.threshold:.4f}",
            },
        )
    if as_json:
        document = {"model": reader.bundle.name, "metrics": metrics.to_dict(), "pages": rows}
        print(json.dumps(document, indent=2, ensure_ascii=False))
    else:
        _print(metrics)
        if report is not None:
            print(f"Sheet of failures: {report / 'pages.html'}")
    if metrics.unreadable:
        raise typer.Exit(1)


def read_lines(page: Page) -> "ReadLines":
    """A reading in the form that is scored."""
    return [[(digit.value, digit.status) for digit in line.digits] for line in page.lines]


def _print(metrics: "PageMetrics") -> None:
    from inkdigits.evaluation.pages import figures

    print(f"{metrics.pages} pages with digits, {metrics.empty_pages} without")
    for name, share, note in figures(metrics):
        print(f"{name:<20}{share:>8}  ({note})")
    if metrics.unreadable:
        print(f"{metrics.unreadable} of them could not be opened: their digits count as missed")


def _rows(page: Page, worst: Status) -> list[str]:
    return page.text_at_least(worst).splitlines()


def _failure(
    labelled: "LabelledPage", score: "PageMetrics", look: "Look | None", remark: str
) -> "Failure":
    from inkdigits.evaluation.failures import Failure
    from inkdigits.imaging.draw import draw_page

    if look is None:
        return Failure(file=labelled.file, metrics=score, true=labelled.lines, remark=remark)
    return Failure(
        file=labelled.file,
        metrics=score,
        true=labelled.lines,
        read=_rows(look.page, Status.REVIEW),
        sure=_rows(look.page, Status.OK),
        page=_jpeg(draw_page(look.picture, look.page)),
        glyphs=_wrong_glyphs(labelled, look),
    )


def _wrong_glyphs(labelled: "LabelledPage", look: "Look") -> bytes | None:
    """What the network saw of each digit that is wrong, invented or rejected."""
    from inkdigits.evaluation.pages import stands_for
    from inkdigits.imaging.draw import draw_glyphs

    truths = iter(stands_for(labelled.lines, read_lines(look.page)))
    wrong, captions = [], []
    for index, digit in enumerate(look.page.digits):
        is_read = digit.status in (Status.OK, Status.REVIEW)
        truth = next(truths) if is_read else None
        if truth == digit.value:
            continue
        wrong.append(index)
        was = f"is {truth}" if truth else "invented" if is_read else "rejected"
        captions.append(f"{digit.value} {digit.confidence:.0%} {was}")
    statuses = [look.page.digits[index].status for index in wrong]
    return _jpeg(draw_glyphs(look.glyphs[wrong], captions, statuses)) if wrong else None


def _jpeg(picture: "NDArray[np.uint8]") -> bytes:
    import cv2

    factor = min(1.0, _LARGEST_SIDE_PX / max(picture.shape[:2]))
    small = cv2.resize(picture, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    _, content = cv2.imencode(".jpg", cv2.cvtColor(small, cv2.COLOR_RGB2BGR))
    return content.tobytes()
