"""Real pages as other cameras, scanners and tools would have shown them.

    python benchmarks/changed_pages.py LABELS.json [--rapidocr-python PATH] [--record]

Labelled pages are few, and a page that is read rightly once may be so by luck: each is read again,
smaller, larger, turned, out of focus, in worse light, as a bad scan. What is written there stays
the same. LABELS.json and the peer are those of pages.py; all that the peer reads counts as ok. A
page may have 13 megapixels, so that three times the size can still be opened.
"""

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from book import write_record
from numpy.typing import NDArray
from pages import LOG, interval, rapidocr, say

from inkdigits.cli.pages import read_lines
from inkdigits.evaluation.pages import PageMetrics, load_labels, measure_page, total
from inkdigits.imaging.decode import decode
from inkdigits.imaging.draw import save_png
from inkdigits.reader import Reader
from inkdigits.synthesis.papers import as_jpeg

Pixels = NDArray[np.uint8]
Change = Callable[[Pixels], Pixels]


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
    pages = [in_colour(decode(page.path)) for page in labelled]
    reader = Reader(arguments.bundle)
    peer = rapidocr(arguments.rapidocr_python) if arguments.rapidocr_python else lambda paths: {}
    found: dict[str, dict[str, list[PageMetrics]]] = {}
    for name, change in CHANGES.items():
        with tempfile.TemporaryDirectory() as folder:
            paths = [Path(folder) / f"{number}.png" for number in range(len(pages))]
            for path, page in zip(paths, pages, strict=True):
                save_png(path, change(page))
            ours = [read_lines(reader.read(path)) for path in paths]
            readings = {reader.bundle.name: ours, **peer(paths)}
        for who, lines in readings.items():
            scores = [
                measure_page(page.lines, read) for page, read in zip(labelled, lines, strict=True)
            ]
            found.setdefault(who, {})[name] = scores
            say(row(who, name, total(scores)))
    figures: dict[str, Any] = {}
    for who, by_change in found.items():
        scores = [total(of) for of in zip(*by_change.values(), strict=True)]  # of each page
        low, high = interval(scores)
        say(f"{row(who, 'all of them', total(scores))}; 95 % interval {low:.1%} to {high:.1%}")
        figures[who] = {name: total(of).to_dict() for name, of in by_change.items()}
        figures[who]["all"] = total(scores).to_dict() | {"digit_error_rate_interval": [low, high]}
    if arguments.record:
        log = "\n".join(LOG)
        text = f"{__doc__.partition(chr(10))[0]}\n\n```text\n{log}\n```"
        print(write_record("changed-pages", text, figures, log + "\n"))


def row(who: str, name: str, of: PageMetrics) -> str:
    return (
        f"{who:<20}{name:<22}{of.digit_error_rate:6.1%} of {of.digits:,} digits wrong, "
        f"{of.lines_right:,} of {of.lines:,} lines right; ok {of.ok:,}, wrong among them "
        f"{of.ok_wrong}; nothing ok invented on {of.empty_right_ok} of {of.empty_pages}"
    )


def in_colour(picture: Pixels) -> Pixels:
    return picture if picture.ndim == 3 else np.repeat(picture[..., None], 3, axis=2)


# How a picture is changed: (H, W, 3) uint8 to the same ------------------------------------------


def resized(zoom: float) -> Change:
    way = cv2.INTER_AREA if zoom < 1 else cv2.INTER_CUBIC
    return lambda page: pixels(cv2.resize(page, None, fx=zoom, fy=zoom, interpolation=way))


def turned(degrees: float) -> Change:
    """On a canvas that holds all of it."""

    def change(page: Pixels) -> Pixels:
        height, width = page.shape[:2]
        matrix = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1)
        cos, sin = np.abs(matrix[0, :2])
        size = round(cos * width + sin * height), round(sin * width + cos * height)
        shift = (np.array(size) - (width, height)) / 2
        matrix = matrix + np.column_stack((np.zeros((2, 2)), shift))
        return _moved(np.vstack((matrix, (0, 0, 1))), page, size)

    return change


def tilted(page: Pixels) -> Pixels:
    """From a little to the side: corners move by up to 6 % of the shorter side each way."""
    height, width = page.shape[:2]
    by = min(height, width)
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    moves = np.array([[0.06, 0.04], [-0.03, 0], [0, 0], [0, -0.05]], np.float32)
    matrix = cv2.getPerspectiveTransform(corners, corners + by * moves)
    return _moved(matrix, page, (width, height))


def _moved(matrix: NDArray[Any], page: Pixels, size: tuple[int, int]) -> Pixels:
    mode = cv2.BORDER_REPLICATE
    return pixels(cv2.warpPerspective(page, matrix, size, flags=cv2.INTER_CUBIC, borderMode=mode))


def blurred(deviation_px: float) -> Change:
    return lambda page: pixels(cv2.GaussianBlur(page, (0, 0), deviation_px))


def shaken(page: Pixels) -> Pixels:
    return pixels(cv2.blur(page, (7, 1)))


def noisy(deviation: float) -> Change:
    return lambda page: pixels(page + np.random.default_rng(0).normal(0, deviation, page.shape))


def compressed(quality: int) -> Change:
    return lambda page: as_jpeg(page, quality)


def from_one_side(page: Pixels) -> Pixels:
    """Lit from the upper left: a quarter of the light at the other corner."""
    height, width = page.shape[:2]
    light = np.linspace(1, 0.35, width) * np.linspace(1, 0.7, height)[:, None]
    return pixels(page * light[..., None])


def shaded(page: Pixels) -> Pixels:
    """A hard shadow across the page."""
    height, width = page.shape[:2]
    light = np.ones((height, width), np.float32)
    corners = np.array([[0.3, 0], [0.75, 0], [0.5, 1], [0.1, 1]]) * (width, height)
    cv2.fillPoly(light, [corners.astype(np.int32)], 0.5)
    return pixels(page * cv2.GaussianBlur(light, (0, 0), max(height, width) / 120)[..., None])


def gamma(power: float) -> Change:
    return lambda page: pixels(255 * (page / 255) ** power)


def pale(page: Pixels) -> Pixels:
    return pixels(255 - 0.35 * (255.0 - page))


def negative(page: Pixels) -> Pixels:
    return pixels(255 - page)


def grey(page: Pixels) -> Pixels:
    return in_colour(pixels(cv2.cvtColor(page, cv2.COLOR_RGB2GRAY)))


def one_bit(page: Pixels) -> Pixels:
    """As a fax has it: black where darker than the paper around."""
    light = grey(page)[..., 0]
    around = max(15, min(light.shape) // 12 | 1)
    kind = cv2.ADAPTIVE_THRESH_MEAN_C, cv2.THRESH_BINARY
    return in_colour(pixels(cv2.adaptiveThreshold(light, 255, *kind, around, 12)))


def squared(page: Pixels) -> Pixels:
    """On squared paper: pale blue lines, a pixel wide."""
    step = max(14, min(page.shape[:2]) // 22)
    ruled = page.copy()
    for lines in (np.s_[::step], np.s_[:, ::step]):
        ruled[lines] = np.minimum(ruled[lines], pixels(0.82 * ruled[lines] + (5, 12, 20)))
    return ruled


def with_dark_rim(page: Pixels) -> Pixels:
    """Above it and on its left, as a scanner's lid leaves it."""
    px = max(6, page.shape[1] // 40)
    return pixels(cv2.copyMakeBorder(page, px, 0, px, 0, cv2.BORDER_CONSTANT, value=(20, 20, 20)))


def on_a_screen(page: Pixels) -> Pixels:
    """Photographed from a screen, whose pixels beat with the camera's."""
    y, x = np.mgrid[: page.shape[0], : page.shape[1]]
    beat = 1 + 0.06 * np.sin(1.9 * x + 0.2 * y) + 0.06 * np.sin(2.1 * y - 0.1 * x)
    return pixels(page * beat[..., None])


def on_a_table(page: Pixels) -> Pixels:
    """On a brown table with grain, turned by two degrees."""
    margin = round(0.2 * max(page.shape[:2]))
    height, width = (side + 2 * margin for side in page.shape[:2])
    noise = np.random.default_rng(0).normal(size=(height, width))
    grain = cv2.GaussianBlur(noise, (0, 0), sigmaX=40, sigmaY=1.2)
    table = pixels(np.array([130, 90, 60]) + 14 * (grain / grain.std())[..., None])
    table[margin:-margin, margin:-margin] = page
    return turned(2)(table)


def one_after_another(*changes: Change) -> Change:
    def change(page: Pixels) -> Pixels:
        for each in changes:
            page = each(page)
        return page

    return change


def pixels(values: Any) -> Pixels:
    return np.asarray(np.clip(np.rint(values), 0, 255), np.uint8)


CHANGES: dict[str, Change] = {
    "as it is": lambda page: page,
    "half the size": resized(0.5),
    "0.7 times the size": resized(0.7),
    "1.5 times the size": resized(1.5),
    "three times the size": resized(3),
    "turned by 1 degree": turned(1),
    "turned by 3 degrees": turned(3),
    "turned by -3 degrees": turned(-3),
    "turned by 6 degrees": turned(6),
    "turned by -6 degrees": turned(-6),
    "turned by 90 degrees": turned(90),
    "turned by -90 degrees": turned(-90),
    "upside down": turned(180),
    "tilted": tilted,
    "blurred by 1.5 px": blurred(1.5),
    "blurred by 3 px": blurred(3),
    "shaken": shaken,
    "some noise": noisy(12),
    "much noise": noisy(30),
    "JPEG, quality 25": compressed(25),
    "JPEG, quality 10": compressed(10),
    "lit from one side": from_one_side,
    "in a shadow": shaded,
    "brighter": gamma(0.5),
    "darker": gamma(2),
    "pale": pale,
    "negative": negative,
    "grey": grey,
    "one bit": one_bit,
    "on squared paper": squared,
    "with a dark rim": with_dark_rim,
    "on a screen": on_a_screen,
    "on a table": on_a_table,
    "by a bad camera": one_after_another(
        tilted, turned(-2), from_one_side, noisy(6), compressed(40)
    ),
    "by a large camera": one_after_another(
        tilted, shaded, resized(2.2), blurred(2), noisy(5), compressed(70)
    ),
}


if __name__ == "__main__":
    main()
