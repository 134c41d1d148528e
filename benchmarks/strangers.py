"""Digits that did not come out of MNIST's files, read by us and by Keras' own MNIST example.

    python benchmarks/strangers.py [--sets FOLDER] [--peer runs/peer.keras] [--record]

A digit is right where its most likely class is, whatever its status; how many are rejected, and so
would not be printed, is told beside it.

Pasted: MNIST's test digits, each at a random scale from 0.5 to 6 and a random place on a larger
canvas, half of them inverted. ``load_digits``: scikit-learn's 1,797 digits of Turkish writers,
8×8. ``--sets`` adds the .npz files of a folder (keys x and y); where every y is -1, nothing is a
digit, and it is counted what is taken for one: with the status ok, or with a confidence of 90 %
by the peer, which has no status. The dial: at each setting, the share of MNIST's test digits that
is ok, and the share of errors among those with its exact (Clopper-Pearson) 95 % interval; a
setting holds unless the whole interval lies above the error wanted.

The peer is the convolutional network of Keras' example "Simple MNIST convnet" (F. Chollet, 2015,
2020): the same layers and settings, written afresh, trained here on 54,000 images for 15 epochs if
its file is not there. It is given every image the way its own example prepares them: resized to
28×28, divided by 255.
"""

import argparse
import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from book import write_record
from numpy.typing import NDArray

from inkdigits.data import load
from inkdigits.decide import DEFAULT_MAX_ERROR
from inkdigits.evaluation.calibration import clopper_pearson_interval, softmax
from inkdigits.evaluation.metrics import measure, wilson_interval
from inkdigits.reader import Reader

Images = list[NDArray[np.uint8]]
DIAL = (0.01, 0.005, 0.002)
PEER_IS_SURE = 0.9
LOG: list[str] = []


class Answers(NamedTuple):
    """What a reader says of n images: their classes, and whether it is sure."""

    values: NDArray[np.int64]  # -1 where it sees nothing
    is_sure: NDArray[np.bool_]
    is_rejected: NDArray[np.bool_]  # and so would not be printed, whatever the value


Read = Callable[[Images], Answers]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--sets", type=Path)
    parser.add_argument("--peer", type=Path)
    parser.add_argument("--bundle", type=Path)
    parser.add_argument("--record", action="store_true", help="write benchmarks/records/…")
    arguments = parser.parse_args()
    reader = Reader(arguments.bundle)
    readers: dict[str, Read] = {reader.bundle.name: lambda images: answers(reader, images)}
    if arguments.peer:
        readers["Keras' MNIST example"] = peer(arguments.peer)
    figures: dict[str, Any] = {}
    for set_name, (images, labels) in sets(arguments.sets).items():
        count, is_digits = len(images), bool((labels >= 0).all())
        for name, read in readers.items():
            said = read(images)
            part = int((said.values == labels).sum() if is_digits else said.is_sure.sum())
            key, what = ("correct", "right") if is_digits else ("taken", "taken for a digit")
            num_rejected = int(said.is_rejected.sum())
            figures.setdefault(set_name, {})[name] = {
                key: part,
                "count": count,
                "rejected": num_rejected,
            }
            low, high = wilson_interval(part, count)
            say(
                f"{set_name:<18}{name:<24}{part / count:7.2%}  {what} "
                f"(95 % interval {low:.2%} to {high:.2%}, {part} of {count}; rejected: "
                f"{num_rejected})"
            )
    figures["calibration"], figures["dial"] = calibration(reader), dial(reader)
    if arguments.record:
        log = "\n".join(LOG)
        text = f"{__doc__.partition(chr(10))[0]}\n\n```text\n{log}\n```"
        read_by = {"bundle": reader.bundle.name, **dataclasses.asdict(reader.rule)}
        print(write_record("strangers", text, figures, log + "\n", {"read_by": read_by}))


def answers(reader: Reader, images: Images | NDArray[np.uint8]) -> Answers:
    digits = reader.read_digits(images)
    values = [int(digit.value or -1) for digit in digits]
    statuses = np.array([digit.status for digit in digits])
    return Answers(np.array(values), statuses == "ok", statuses == "reject")


def calibration(reader: Reader) -> dict[str, float]:
    """How honest the probabilities of the digits are on MNIST's test images."""
    mnist = load("mnist", "test")
    logits = reader.outputs(mnist.images)[0].logits
    metrics = measure(softmax(logits, reader.rule.temperature), mnist.labels)
    figures = {name: getattr(metrics, name) for name in ("loss", "brier", "ece", "aurc")}
    say(
        f"\nMNIST test: NLL {metrics.loss:.4f}, Brier {metrics.brier:.4f}, ECE {metrics.ece:.4f}, "
        f"AURC {metrics.aurc:.6f}\n"
    )
    return figures


def dial(reader: Reader) -> list[dict[str, Any]]:
    """What each setting answers of MNIST's test images, and whether it keeps its word."""
    mnist = load("mnist", "test")
    figures = []
    say(f"{'error wanted':<18}{'answered':>10}{'wrong among them':>20}{'95 % interval':>20}")
    for max_error in DIAL:
        said = answers(Reader(reader.bundle, max_error=max_error), mnist.images)
        count = int(said.is_sure.sum())
        errors = int((said.is_sure & (said.values != mnist.labels)).sum())
        low, high = clopper_pearson_interval(errors, count) if count else (0.0, 1.0)
        figures.append(
            {
                "max_error": max_error,
                "count": len(mnist.labels),
                "answered": count,
                "errors": errors,
                "interval": [low, high],
                "holds": low <= max_error,
            }
        )
        wanted = f"{max_error:.1%}{' (default)' if max_error == DEFAULT_MAX_ERROR else ''}"
        share = f"{errors / count:.2%} ({errors})" if count else "–"
        say(
            f"{wanted:<18}{count / len(mnist.labels):>10.2%}{share:>20}"
            f"{f'{low:.2%} to {high:.2%}':>20}  {'holds' if low <= max_error else 'broken'}"
        )
    return figures


def say(row: str) -> None:
    LOG.append(row)
    print(row, flush=True)


def sets(folder: Path | None) -> dict[str, tuple[Images, NDArray[np.int64]]]:
    """Pictures and their digits, of which -1 is none."""
    from sklearn.datasets import load_digits

    mnist = load("mnist", "test")
    turkish = load_digits()
    found = {
        "MNIST test": (list(mnist.images), mnist.labels),
        "pasted": (pasted(mnist.images, seed=0), mnist.labels),
        "load_digits": (list((turkish.images * 255 / 16).astype(np.uint8)), turkish.target),
    }
    for path in sorted(folder.glob("*.npz")) if folder else []:
        content = np.load(path)
        labels = content["y"].astype(np.int64)
        if labels.min() >= 0 or labels.max() < 0:  # a mixture has no figure
            found[path.stem] = (list(content["x"]), labels)
    return found


def pasted(images: NDArray[np.uint8], seed: int) -> Images:
    rng = np.random.default_rng(seed)
    canvases = []
    for number, image in enumerate(images):
        side = max(4, round(28 * float(np.exp(rng.uniform(np.log(0.5), np.log(6.0))))))
        method = cv2.INTER_AREA if side < 28 else cv2.INTER_LINEAR
        digit = cv2.resize(image, (side, side), interpolation=method)
        height, width = (round(side * rng.uniform(1.0, 2.0)) for _ in range(2))
        canvas = np.zeros((height, width), np.uint8)
        top, left = rng.integers(0, height - side + 1), rng.integers(0, width - side + 1)
        canvas[top : top + side, left : left + side] = digit
        canvases.append(255 - canvas if number % 2 else canvas)
    return canvases


def peer(path: Path) -> Read:
    import keras

    if not path.exists():
        train_peer(path)
    model = keras.saving.load_model(path)

    def read(images: Images) -> Answers:
        small = [cv2.resize(image, (28, 28), interpolation=cv2.INTER_AREA) for image in images]
        batch = np.stack(small).astype(np.float32)[..., None] / 255
        shares = model.predict(batch, batch_size=500, verbose=0)
        is_sure = shares.max(axis=1) >= PEER_IS_SURE
        return Answers(shares.argmax(axis=1), is_sure, np.zeros(len(shares), np.bool_))

    return read


def train_peer(path: Path) -> None:
    import keras
    from keras import layers

    keras.utils.set_random_seed(0)
    mnist = load("mnist", "train")
    model = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(64, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dropout(0.5),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    images = mnist.images[..., None].astype(np.float32) / 255
    model.fit(images, mnist.labels, batch_size=128, epochs=15, validation_split=0.1, verbose=2)
    path.parent.mkdir(parents=True, exist_ok=True)
    model.save(path)


if __name__ == "__main__":
    main()
