"""Write what Python reads, for the page in the browser to read the same: web/golden/.

python scripts/write_golden.py            digits and drawings that inkdigits draws itself
python scripts/write_golden.py --mnist 200 --out DIR     with MNIST's test digits; never committed

Drawings and glyphs are pictures, so that people can look at them; golden.json says what is in them.
`tests/test_golden.py` and `web/tests/golden.test.ts` read both.
"""

import argparse
import dataclasses
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from inkdigits import Reader
from inkdigits.bundle import Bundle
from inkdigits.data.mnist import load_mnist
from inkdigits.files import write_bytes
from inkdigits.reading import Digit
from inkdigits.synthesis.nondigits import synthetic_nondigits
from inkdigits.synthesis.strokes import (
    ink_box,
    paint_strokes,
    sample_hand,
    synthetic_digits,
    write_digit,
)

HERE = Path(__file__).parent.parent / "web" / "golden"
NUM_DIGITS = 200
COLUMNS = 20
WIDTH, HEIGHT = 640, 360  # of a drawing
Pixels = NDArray[np.uint8]

# What is written, one seed each; digits' height in px, pen as a share of it, and the gap.
DRAWINGS: dict[str, tuple[str, int, float, float]] = {
    "seven": ("7", 220, 0.08, 0.3),
    "four": ("4", 200, 0.10, 0.3),
    "five": ("5", 180, 0.06, 0.3),
    "zero-small": ("0", 60, 0.12, 0.3),
    "row": ("40719", 92, 0.10, 0.35),
    "close": ("2358", 130, 0.11, 0.06),
    "touching": ("307", 140, 0.10, -0.06),
    "thin": ("1692", 120, 0.04, 0.3),
    "bold": ("860", 150, 0.17, 0.3),
    "two-lines": ("3141\n5926", 90, 0.10, 0.35),
    "ten": ("0123456789", 52, 0.11, 0.25),
    "blank": ("", 100, 0.1, 0.3),
    "one": ("1", 200, 0.1, 0.3),
}


def draw(
    text: str, height_px: int, pen: float, gap: float, seed: int, pitch: float = 1.5
) -> Pixels:
    """Somebody's digits, black on white; rows stand ``pitch`` heights of a digit apart."""
    rng = np.random.default_rng(seed)
    hand = dataclasses.replace(sample_hand(rng), pen_width=pen, slant=rng.uniform(0, 0.2))
    strokes, rows = [], text.split("\n")
    top = (HEIGHT - len(rows) * height_px * pitch) / 2
    for number, row in enumerate(rows):
        left, base = WIDTH * 0.06, top + (number * pitch + pitch - 0.3) * height_px
        for character in row:
            written = write_digit(int(character), rng, hand)
            x, y, width, height = ink_box(written)
            scale = height_px / max(height, 0.6)
            strokes += [
                (stroke - (x, y + height, 0)) * scale + (left, base, 0) for stroke in written
            ]
            left += width * scale + gap * height_px
    return inverted(paint_strokes(strokes, HEIGHT, WIDTH))


def scribble(seed: int) -> Pixels:
    """What is no digit, large."""
    ink = synthetic_nondigits(8, seed, 200)[seed % 8] / np.float32(255)
    canvas = np.zeros((HEIGHT, WIDTH), np.float32)
    canvas[80:280, 220:420] = ink
    return inverted(canvas)


def among_words() -> Pixels:
    """Words in print, and the numbers that somebody wrote beside them and below."""
    canvas = draw("\n407", 90, 0.1, 0.35, seed=40)
    canvas[80:170, 330:630] = draw("358", 60, 0.1, 0.3, seed=41)[135:225, 20:320]
    for row, words in enumerate(("human answer", "number")):
        place = 20, 60 + 90 * row
        cv2.putText(canvas, words, place, cv2.FONT_HERSHEY_SIMPLEX, 1.6, 0, 4, cv2.LINE_AA)
    return canvas


def touching_rows() -> Pixels:
    """Rows so near that digits of one touch those of the next."""
    return draw("40719\n26835\n19406", 92, 0.1, 0.35, seed=42, pitch=1.02)


def with_commas() -> Pixels:
    """Amounts: a comma behind the first digit of each row."""
    canvas = draw("407\n2358", 80, 0.1, 0.45, seed=43, pitch=1.9)
    boxes = cv2.connectedComponentsWithStats((canvas < 128).astype(np.uint8))[2][1:, :4]
    for row in (boxes[boxes[:, 1] < HEIGHT / 2 - 20], boxes[boxes[:, 1] >= HEIGHT / 2 - 20]):
        x, y, width, height = row[row[:, 0].argmin()].tolist()
        start, end = (x + width + 14, y + height - 6), (x + width + 8, y + height + 16)
        cv2.line(canvas, start, end, 0, 8, cv2.LINE_AA)
    return canvas


def sheet_on_table(drawing: Pixels, table: int) -> Pixels:
    """What was drawn, grey on a sheet that fills a part of the picture."""
    laid = cv2.resize(drawing, (WIDTH * 3 // 4, HEIGHT * 3 // 4), interpolation=cv2.INTER_AREA)
    top, left = (HEIGHT - laid.shape[0]) // 2, (WIDTH - laid.shape[1]) // 2
    canvas = np.full((HEIGHT, WIDTH), table, np.uint8)
    canvas[top : top + laid.shape[0], left : left + laid.shape[1]] = 60 + laid // 2
    return canvas


def inverted(ink: NDArray[np.float32]) -> Pixels:
    return np.rint(255 * (1 - ink)).astype(np.uint8)


def sheet(glyphs: NDArray[np.floating[Any]] | Pixels) -> Pixels:
    """(n, 28, 28) → 20 in a row."""
    values = glyphs if glyphs.dtype == np.uint8 else np.rint(glyphs * 255).astype(np.uint8)
    rows = max(1, -(-len(values) // COLUMNS))
    padded = np.zeros((rows * COLUMNS, 28, 28), np.uint8)
    padded[: len(values)] = values
    cells = padded.reshape(rows, COLUMNS, 28, 28).swapaxes(1, 2)
    return np.ascontiguousarray(cells.reshape(rows * 28, COLUMNS * 28))


def facts(digit: Digit) -> dict[str, Any]:
    return {
        "value": digit.value,
        "status": str(digit.status),
        "confidence": round(digit.confidence, 4),
        "box": list(digit.box),
    }


def save(path: Path, picture: Pixels) -> None:
    _, png = cv2.imencode(".png", picture, [cv2.IMWRITE_PNG_COMPRESSION, 9])
    write_bytes(path, png.tobytes())


def read_by_the_page(bundle: Bundle) -> dict[str, str]:
    """The SHA-256 of each graph that the page in the browser runs."""
    members: dict[str, str] = bundle.manifest["members"]
    return {name: sha256 for name, sha256 in members.items() if name != "strokes.onnx"}


def read(reader: Reader, drawing: Pixels) -> tuple[dict[str, Any], NDArray[np.float32]]:
    look = reader.look(drawing)
    lines = [[facts(digit) for digit in line.digits] for line in look.page.lines]
    return {"text": look.page.text, "status": str(look.page.status), "lines": lines}, look.glyphs


def main() -> None:
    parser = argparse.ArgumentParser(description="Write what Python reads, for the page's tests.")
    parser.add_argument("--out", type=Path, default=HERE)
    parser.add_argument("--mnist", type=int, default=0, help="so many of MNIST's test digits")
    arguments = parser.parse_args()
    out: Path = arguments.out
    out.mkdir(parents=True, exist_ok=True)
    shipped = Bundle.open()
    # Whoever draws prints no rulings: the page in the browser has no stroke finder.
    reader = Reader(Bundle(shipped.manifest, shipped.graph, lines=shipped.lines))

    if arguments.mnist:
        data = load_mnist("test")
        images, labels = data.images[: arguments.mnist], data.labels[: arguments.mnist]
    else:
        images, labels = synthetic_digits(NUM_DIGITS, seed=0)
    digits = reader.read_digits(images)
    save(out / "digits.png", sheet(images))
    save(out / "digits-glyphs.png", sheet(reader.outputs(images)[0].glyph))

    drawings = {name: draw(*what, seed) for seed, (name, what) in enumerate(DRAWINGS.items())}
    drawings |= {f"scribble-{seed}": scribble(seed) for seed in (1, 2)}
    drawings |= {
        "among-words": among_words(),
        "touching-rows": touching_rows(),
        "commas": with_commas(),
    }
    photos = {
        "chalk": 255 - drawings["row"],
        "dark-table": sheet_on_table(drawings["row"], table=40),
        "light-table": sheet_on_table(drawings["two-lines"], table=230),
        "chalk-on-light-wall": 255 - sheet_on_table(drawings["ten"], table=40),
    }
    pages = []
    for name, drawing in drawings.items():
        page, glyphs = read(reader, drawing)
        pages.append({"name": name, **page})
        save(out / f"{name}.png", drawing)
        save(out / f"{name}-glyphs.png", sheet(glyphs))
    seen = [{"name": name, **read(reader, photo)[0]} for name, photo in photos.items()]
    document = {
        "members": read_by_the_page(reader.bundle),
        "digits": [
            {**facts(digit), "label": int(label)}
            for digit, label in zip(digits, labels, strict=True)
        ],
        "pages": pages,
        "photos": seen,
    }
    for name, photo in photos.items():
        save(out / f"{name}.png", photo)
    write_bytes(out / "golden.json", json.dumps(document, indent=1).encode() + b"\n")
    read_right = sum(digit.value == str(label) for digit, label in zip(digits, labels, strict=True))
    print(f"{out}: {len(digits)} digits ({read_right} read right), {len(pages)} drawings")
    for page in pages + seen:
        print(f"  {page['name']}: {page['text']!r} {page['status']}")


if __name__ == "__main__":
    main()
