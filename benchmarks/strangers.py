"""Digits that did not come out of MNIST's files, read by us and by Keras' own MNIST example.

    python benchmarks/strangers.py [--sets FOLDER] [--peer runs/peer.keras]

Pasted: MNIST's test digits, each at a random scale from 0.5 to 6 and a random place on a larger
canvas, half of them inverted. ``load_digits``: scikit-learn's 1,797 digits of Turkish writers,
8×8. ``--sets`` adds the .npz files of a folder (keys x and y). The peer is the convolutional
network of Keras' example "Simple MNIST convnet" (F. Chollet, 2015, 2020): the same layers and
settings, written afresh, trained here on 54,000 images for 15 epochs if its file is not there.
It is given every image the way its own example prepares them: resized to 28×28, divided by 255.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from book import write_record
from numpy.typing import NDArray

from inkdigits.data import load
from inkdigits.evaluation.metrics import wilson_interval
from inkdigits.reader import Reader

Images = list[NDArray[np.uint8]]


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
    readers: dict[str, Callable[[Images], list[str]]] = {
        reader.bundle.name: lambda images: [digit.value for digit in reader.read_digits(images)]
    }
    if arguments.peer:
        readers["Keras' MNIST example"] = peer(arguments.peer)
    figures: dict[str, dict[str, dict[str, int]]] = {}
    rows = []
    for set_name, (images, labels) in sets(arguments.sets).items():
        for name, read in readers.items():
            values = read(images)
            correct = sum(value == str(label) for value, label in zip(values, labels, strict=True))
            figures.setdefault(set_name, {})[name] = {"correct": correct, "count": len(images)}
            low, high = wilson_interval(correct, len(images))
            rows.append(
                f"{set_name:<16}{name:<24}{correct / len(images):7.2%}  "
                f"(95 % interval {low:.2%} to {high:.2%}, {correct} of {len(images)})"
            )
            print(rows[-1], flush=True)
    if arguments.record:
        log = "\n".join(rows)
        text = f"{__doc__.partition('Pasted:')[0].partition(chr(10))[0]}\n\n```text\n{log}\n```"
        print(write_record("strangers", text, figures, log + "\n"))


def sets(folder: Path | None) -> dict[str, tuple[Images, NDArray[np.int64]]]:
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
        if {"x", "y"} <= set(content) and content["y"].min() >= 0:  # -1 is what is no digit
            found[path.stem] = (list(content["x"]), content["y"].astype(np.int64))
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


def peer(path: Path) -> Callable[[Images], list[str]]:
    import keras

    if not path.exists():
        train_peer(path)
    model = keras.saving.load_model(path)

    def read(images: Images) -> list[str]:
        small = [cv2.resize(image, (28, 28), interpolation=cv2.INTER_AREA) for image in images]
        batch = np.stack(small).astype(np.float32)[..., None] / 255
        return [str(label) for label in model.predict(batch, batch_size=500, verbose=0).argmax(1)]

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
