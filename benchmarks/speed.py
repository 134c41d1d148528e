"""How much of the time is ours: a read against the bare libraries that it stands on.

    python benchmarks/speed.py --run runs/mine

Cold: whole processes, one picture each. Warm: 10,000 digits in one process. The peers run in
turn with ours, on the same machine, picture and graph, and the median of each is compared.
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

import numpy as np
from book import write_record

from inkdigits.bundle import Bundle
from inkdigits.data import load
from inkdigits.files import write_bytes
from inkdigits.reader import Reader

PICTURE = Path(__file__).parents[1] / "examples" / "seven.jpg"

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
