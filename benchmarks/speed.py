"""How much of the time is ours: a read against the bare libraries that it stands on.

    python benchmarks/speed.py --run runs/mine

Cold: whole processes, one picture each. Warm: 10,000 digits in one process. Photographs: drawn
pages of 12 megapixels on one thread, each seen for the first time in the first of its rounds; the
peer is what every reader of pages begins with. The peers run in turn with ours, on the same
machine, picture and graph, and the median of each is compared.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from book import write_record

from inkdigits.bundle import Bundle
from inkdigits.data import load
from inkdigits.files import write_bytes
from inkdigits.reader import Reader
from inkdigits.synthesis.page import synthetic_page

PICTURE = Path(__file__).parents[1] / "examples" / "seven.jpg"

PHOTO_PX, SHRUNK_PX = 12_000_000, 3_000_000
NUM_PHOTOS, NUM_DIGITS = 4, 50  # pages; each holds more digits than that

LOG: list[str] = []
RATIOS: dict[str, dict[str, float]] = {}

BARE = """
import sys, numpy as np, cv2, onnxruntime
session = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
grey = cv2.imread(sys.argv[2], cv2.IMREAD_GRAYSCALE)
ink = (255 - grey).astype(np.float32)[None] / 255
print(session.run(["logits"], {"ink": ink})[0].argmax())
"""
WITH_TENSORFLOW = """
import os, sys
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import cv2, keras, numpy as np
from inkdigits.models import zoo
model = keras.saving.load_model(sys.argv[1])
grey = cv2.imread(sys.argv[2], cv2.IMREAD_GRAYSCALE)
ink = (255 - grey).astype(np.float32)[None] / 255
print(model.predict(ink, verbose=0)["logits"].argmax())
"""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--run", type=Path, help="a run folder, to compare with loading its .keras")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--data", default="mnist", help="mnist or synthetic")
    parser.add_argument("--record", action="store_true", help="write benchmarks/records/…")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        graph = Path(folder) / "model.onnx"
        write_bytes(graph, Bundle.open().graph)
        cold(graph, arguments.run, arguments.rounds)
        warm(graph, arguments.data)
    photographs(arguments.data)
    if arguments.record:
        log = "\n".join(LOG)
        text = f"{__doc__.partition(chr(10))[0]}\n\n```text\n{log}\n```"
        print(write_record("speed", text, RATIOS, log + "\n"))


def cold(graph: Path, run: Path | None, rounds: int) -> None:
    python = sys.executable
    inkdigits = str(Path(python).with_name("inkdigits"))
    commands = {
        "inkdigits read --single": [inkdigits, "read", "--single", str(PICTURE)],
        "bare NumPy, OpenCV, ONNX Runtime": [python, "-c", BARE, str(graph), str(PICTURE)],
    }
    times: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(rounds):
        for name, command in commands.items():
            times[name].append(process_s(command))
    report("one cold read, whole process", times)
    if run is not None:
        command = [python, "-c", WITH_TENSORFLOW, str(run / "model.keras"), str(PICTURE)]
        tensorflow = {
            "inkdigits read --single": times["inkdigits read --single"],
            "TensorFlow, the .keras file": [process_s(command) for _ in range(3)],
        }
        report("the same, against TensorFlow", tensorflow)


def process_s(command: list[str]) -> float:
    started = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, env=os.environ)
    return time.perf_counter() - started


def warm(graph: Path, source: str) -> None:
    import onnxruntime

    images = load(source, "test").images
    ink = images.astype(np.float32) / 255
    reader = Reader()
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    batch = 256

    def bare() -> None:
        for start in range(0, len(ink), batch):
            session.run(["glyph", "logits"], {"ink": ink[start : start + batch]})

    runs: dict[str, Callable[[], object]] = {
        "inkdigits read_digits": lambda: reader.read_digits(images),
        "ONNX Runtime alone, same graph and batch": bare,
    }
    times: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(8):
        for name, call in runs.items():
            started = time.perf_counter()
            call()
            times[name].append(time.perf_counter() - started)
    times = {name: values[1:] for name, values in times.items()}  # the first round warms up
    report(f"{len(images):,} digits", times, len(images))


def photographs(source: str) -> None:
    cv2.setNumThreads(1)
    bundle = Bundle.open()
    bundle.num_threads = 1
    reader = Reader(bundle)
    reader.read(PICTURE)
    digits = load(source, "train")
    rng, found = np.random.default_rng(0), 0
    while found < NUM_PHOTOS:
        page = synthetic_page(
            rng,
            digits=(digits.images[:6000], digits.labels[:6000]),
            touching=0.3,
            ruling=True,
            shadow=True,
            digit_px=90,
        )
        num_digits = sum(map(len, page.lines))
        if num_digits <= NUM_DIGITS:
            continue
        found += 1
        height, width = page.picture.shape[:2]
        zoom = (PHOTO_PX / (height * width)) ** 0.5
        size = round(width * zoom), round(height * zoom)
        photo = cv2.resize(page.picture, size, interpolation=cv2.INTER_CUBIC)
        jpeg = cv2.imencode(".jpg", photo)[1].tobytes()
        times: dict[str, list[float]] = {"inkdigits read": [], "OpenCV: open, shrink, marks": []}
        for _ in range(4):
            for values, call in zip(times.values(), (reader.read, marks_alone), strict=True):
                started = time.perf_counter()
                call(jpeg)
                values.append(time.perf_counter() - started)
        first = times["inkdigits read"][0]
        report(f"photograph {found}, {num_digits} digits, one thread", times)
        say(f"  at first sight {first:.3f} s, {size[0]} x {size[1]} px")


def marks_alone(jpeg: bytes) -> int:
    """Count the marks of a page as simply as can be."""
    grey = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_GRAYSCALE)
    zoom = (SHRUNK_PX / grey.size) ** 0.5
    small = cv2.resize(grey, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_AREA)
    dark = cv2.adaptiveThreshold(
        small, 255, cv2.ADAPTIVE_THRESH_GAUSSIAN_C, cv2.THRESH_BINARY_INV, 51, 15
    )
    return int(cv2.connectedComponentsWithStats(dark)[0])


def report(what: str, times: dict[str, list[float]], count: int | None = None) -> None:
    """Print the medians and our ratio to the peer, which comes second."""
    say(what)
    for name, values in times.items():
        middle, low, high = statistics.median(values), min(values), max(values)
        rate = f", {count / middle:,.0f} a second" if count else ""
        say(f"  {middle:.3f} s ({low:.3f} to {high:.3f}, n = {len(values)}{rate})  {name}")
    ours, peer = (statistics.median(values) for values in times.values())
    RATIOS[what] = {"ours_s": ours, "peer_s": peer, "ratio": ours / peer}
    say(f"  ratio of the times {ours / peer:.2f}")


def say(row: str) -> None:
    LOG.append(row)
    print(row, flush=True)


if __name__ == "__main__":
    main()
