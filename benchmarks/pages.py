"""Whole pages with handwritten digits, read by us, by Tesseract and by RapidOCR.

    python benchmarks/pages.py LABELS.json [--rapidocr-python PATH] [--record]

LABELS.json is a list of {"file": "page.jpg", "lines": ["4071", "23"]}, beside the pictures; a page
without digits has no lines. Every reader gets the same upright pixels, and the same code scores
what it read. Tesseract is told that a page is a block of digits (--psm 6 and a whitelist). Of what
RapidOCR (PaddleOCR's models) reads, the digits are kept, in rows from left to right. Both say
nothing of how sure they are that ours could be compared with, so that all they read is ok.
RapidOCR is no dependency of ours and lives in an environment of its own:

    python -m venv rapidocr && rapidocr/bin/pip install rapidocr onnxruntime
    python benchmarks/pages.py LABELS.json --rapidocr-python rapidocr/bin/python
"""

import argparse
import json
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from book import write_record

from inkdigits.cli.pages import read_lines
from inkdigits.evaluation.pages import PageMetrics, ReadLines, load_labels, measure_page, total
from inkdigits.imaging.decode import decode
from inkdigits.imaging.draw import save_png
from inkdigits.reader import Reader

COLUMNS = (
    "reader",
    "digit error rate",
    "95 % interval",
    "lines right",
    "pages right",
    "nothing invented",
    "nothing with status ok invented",
)
LOG: list[str] = []

RAPIDOCR = """
import json, logging, sys
from importlib.metadata import version
from rapidocr import RapidOCR
logging.disable(logging.WARNING)
engine = RapidOCR()
pages = []
for path in sys.argv[1:]:
    found = engine(path)
    texts = [] if found.boxes is None else zip(found.boxes.tolist(), found.txts)
    pages.append([[box, text] for box, text in texts])
print(json.dumps({"version": version("rapidocr"), "pages": pages}))
"""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("labels", type=Path)
    parser.add_argument("--bundle", type=Path)
    parser.add_argument("--rapidocr-python", type=Path, metavar="PATH")
    parser.add_argument("--record", action="store_true", help="write benchmarks/records/…")
    arguments = parser.parse_args()
    labelled = load_labels(arguments.labels)
    if not any(page.lines for page in labelled):
        raise SystemExit(
            f"{arguments.labels} has no page with digits, and so no digit error rate. For pictures "
            f"without any: inkdigits evaluate --pages {arguments.labels}"
        )
    reader = Reader(arguments.bundle)
    with tempfile.TemporaryDirectory() as folder:
        pictures = [Path(folder) / f"{number}.png" for number in range(len(labelled))]
        for picture, page in zip(pictures, labelled, strict=True):
            save_png(picture, decode(page.path))
        readings: dict[str, Sequence[ReadLines]] = {
            reader.bundle.name: [read_lines(reader.read(path)) for path in pictures]
        }
        for read in (tesseract, rapidocr(arguments.rapidocr_python)):
            readings |= read(pictures)
    truth = [page.lines for page in labelled]
    figures = {name: score(truth, pages) for name, pages in readings.items()}
    table(figures)
    if arguments.record:
        text = f"{__doc__.partition(chr(10))[0]}\n\n" + "\n".join(LOG)
        print(write_record("pages", text, figures, "\n".join(LOG) + "\n"))


def tesseract(pictures: list[Path]) -> dict[str, Sequence[ReadLines]]:
    if not shutil.which("tesseract"):
        say("Tesseract is left out: it is not installed. On Debian: apt install tesseract-ocr")
        return {}
    version = _output(["tesseract", "--version"]).split()[1]
    options = ["stdout", "--psm", "6", "-c", "tessedit_char_whitelist=0123456789"]
    texts = [_output(["tesseract", str(picture), *options]) for picture in pictures]
    return {f"Tesseract {version}": [_all_ok(text.splitlines()) for text in texts]}


def rapidocr(python: Path | None) -> Callable[[list[Path]], dict[str, Sequence[ReadLines]]]:
    def read(pictures: list[Path]) -> dict[str, Sequence[ReadLines]]:
        if python is None:
            say("RapidOCR is left out: give the Python that has it with --rapidocr-python.")
            return {}
        said = json.loads(_output([str(python), "-c", RAPIDOCR, *map(str, pictures)]))
        pages = [_all_ok(rows(found)) for found in said["pages"]]
        return {f"RapidOCR {said['version']}": pages}

    return read


def rows(found: list[tuple[list[tuple[float, float]], str]]) -> list[str]:
    """The texts that stand beside one another, as one row each, from top to bottom.

    A text joins the row above it when its middle lies within the height of the row's first text.
    """
    boxes = []
    for corners, text in found:
        across, down = np.array(corners).T
        boxes.append((down.mean(), down.max() - down.min(), across.min(), text))
    rows: list[list[Any]] = []
    for box in sorted(boxes):
        if rows and box[0] - rows[-1][0][0] < rows[-1][0][1] / 2:
            rows[-1].append(box)
        else:
            rows.append([box])
    return ["".join(box[3] for box in sorted(row, key=lambda box: box[2])) for row in rows]


def _all_ok(lines: list[str]) -> ReadLines:
    return [[(value, "ok") for value in re.sub(r"[^0-9]", "", line)] for line in lines]


def _output(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{command[0]} failed:\n{done.stderr}")
    return done.stdout


def score(truth: list[tuple[str, ...]], readings: Sequence[ReadLines]) -> dict[str, Any]:
    pages = [measure_page(lines, read) for lines, read in zip(truth, readings, strict=True)]
    return total(pages).to_dict() | {"digit_error_rate_interval": interval(pages)}


def interval(pages: list[PageMetrics], num_draws: int = 2000) -> list[float]:
    """The 95 % bootstrap interval of the digit error rate, over pages."""
    counts = np.array([(page.edits, page.digits) for page in pages if page.pages])
    rng = np.random.default_rng(0)
    edits, digits = counts[rng.integers(len(counts), size=(num_draws, len(counts)))].sum(1).T
    return [float(end) for end in np.quantile(edits / digits, (0.025, 0.975))]


def table(figures: dict[str, dict[str, Any]]) -> None:
    first = next(iter(figures.values()))
    say(
        f"{first['pages']} pages with {first['digits']} digits in {first['lines']} lines, and "
        f"{first['empty_pages']} pages without digits. The intervals are bootstrapped over pages.\n"
    )
    say(f"| {' | '.join(COLUMNS)} |")
    say(f"|---{'|---:' * (len(COLUMNS) - 1)}|")
    for name, of in figures.items():
        low, high = of["digit_error_rate_interval"]
        cells = (
            name,
            f"{of['digit_error_rate']:.1%}",
            f"{low:.1%} to {high:.1%}",
            f"{of['lines_right']} of {of['lines']}",
            f"{of['pages_right']} of {of['pages']}",
            f"{of['empty_right']} of {of['empty_pages']}",
            f"{of['empty_right_ok']} of {of['empty_pages']}",
        )
        say(f"| {' | '.join(cells)} |")


def say(row: str) -> None:
    LOG.append(row)
    print(row, flush=True)


if __name__ == "__main__":
    main()
