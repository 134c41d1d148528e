"""The sheet of pages that were not read exactly: one HTML file that opens anywhere."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from inkdigits.errors import RunError
from inkdigits.evaluation.html import page
from inkdigits.evaluation.pages import PageMetrics, figures
from inkdigits.files import write_text

FILE = "pages.html"


@dataclass(frozen=True, kw_only=True)
class Failure:
    """One page that was not read exactly.

    Attributes:
        file: its name.
        metrics: its counts.
        true: the true lines.
        read: the lines of the text.
        sure: the same, with ``?`` for what is not ``ok``.
        remark: why it could not be opened, or empty.
        page: JPEG of the page with its boxes, or None.
        glyphs: JPEG of the digits that were read wrongly or rejected, or None.
    """

    file: str
    metrics: PageMetrics
    true: Sequence[str]
    read: Sequence[str] = ()
    sure: Sequence[str] = ()
    remark: str = ""
    page: bytes | None = None
    glyphs: bytes | None = None


def write_failures(
    folder: Path,
    *,
    title: str,
    metrics: PageMetrics,
    failures: Sequence[Failure],
    facts: Mapping[str, str],
) -> Path:
    """Write ``pages.html`` into a folder; it holds its pictures and fetches nothing.

    Args:
        folder: where to write; it is made where it is missing.
        title: heading of the sheet, plain text.
        metrics: the counts over all pages.
        failures: in the order in which they are shown.
        facts: what made these figures; plain text.

    Returns:
        the path of ``pages.html``.

    Raises:
        RunError: the folder cannot be written.
    """
    text = page(
        title=title,
        lead=f"{len(failures):,} of {metrics.pages + metrics.empty_pages:,} pages "
        "were not read exactly.",
        figures=[figure._replace(name=figure.name.capitalize()) for figure in figures(metrics)],
        body="\n".join([*map(_failure, failures), _LEGEND]),
        facts=facts,
        style=_STYLE,
    )
    try:
        write_text(folder / FILE, text)
    except OSError as error:
        raise RunError(
            f"The sheet cannot be written to {folder} ({error.strerror or error}). "
            "Give a folder that can be written, or a new one, with --report."
        ) from error
    return folder / FILE


def _failure(failure: Failure) -> str:
    counts = failure.metrics
    edits = f"{counts.edits:,} edits on {counts.digits:,} digits; "
    lines = f"{counts.lines_right:,} of {counts.lines:,} lines right."
    says = edits + lines if counts.pages else f"{counts.invented:,} digits invented."
    columns = {"true": failure.true, "read": failure.read, "sure": failure.sure}
    return "\n".join(
        [
            f"<h2>{escape(failure.file)}</h2>",
            f"<p>{escape(failure.remark or says)}</p>",
            _picture(failure.page, f"The page {failure.file} with a box around each digit."),
            '<div class="lines">',
            *(
                f"<figure><figcaption>{name}</figcaption><pre>{escape(chr(10).join(rows)) or '–'}"
                "</pre></figure>"
                for name, rows in columns.items()
            ),
            "</div>",
            _picture(failure.glyphs, "What the network saw of each digit it read wrongly."),
        ]
    )


def _picture(jpeg: bytes | None, alternative: str) -> str:
    if jpeg is None:
        return ""
    content = base64.b64encode(jpeg).decode("ascii")
    return f'<img src="data:image/jpeg;base64,{content}" alt="{escape(alternative)}">'


_STYLE = """\
img { width: auto; max-width: 100%; margin: 1rem 0; }
.lines { display: flex; flex-wrap: wrap; gap: 1rem; }
.lines figure { margin: 0; padding: 0.6rem 0.9rem; border-radius: 0.6rem;
  background: var(--panel); }
.lines figcaption { color: var(--muted); font-size: 0.85rem; }
.lines pre { margin: 0; font: 1.05rem/1.5 ui-monospace, monospace; }
h2 { overflow-wrap: anywhere; }
.legend { margin-top: 3.5rem; }
"""

_LEGEND = """\
<p class="legend">The digit error rate is the edit distance between the digits of a page and those
read, for each true digit. In the pictures blue is ok, orange with ? is left to a person, and purple
with x was rejected. Under “sure”, ? stands for a digit that is not ok.</p>
"""
