"""Change one thing of a recipe at a time, and see what the validation writers say.

    python benchmarks/ablation.py [--config configs/tiny.toml] [--seeds 0 1] [--record]

Each variant is trained with each seed, on a share of the training images for a few epochs, so that
all of it takes minutes on two cores; then all validation images are read by what was kept. The test
images are not touched. The loss is taken after the temperature was fitted, so that a variant whose
probabilities are only too timid does not lose by it. The last row trains nothing: each image is
read by the base three times, turned a little to either side, and the probabilities are averaged.
An interrupted ablation goes on where it stopped.
"""

import argparse
import dataclasses
import json
import math
import shutil
import statistics
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from book import write_record
from numpy.typing import NDArray

from inkdigits.cli.common import extra
from inkdigits.config import Config
from inkdigits.evaluation.calibration import fit_temperature, softmax
from inkdigits.evaluation.metrics import measure

with extra("train", "Training"):
    from inkdigits.training.examples import Examples, load_examples
    from inkdigits.training.fit import fit
    from inkdigits.training.run import Run

AFFINE = ("rotation_deg", "shear", "scale", "aspect")
CHANGES = (*AFFINE, "elastic_px", "pen_width")
ANGLES_DEG = (-7.0, 0.0, 7.0)
LOG: list[str] = []


def variants(base: Config) -> dict[str, dict[str, dict[str, Any]]]:
    """What each variant is called, and what it changes of the base."""
    train, augment = base.train, base.augment
    half = {name: getattr(augment, name) / 2 for name in CHANGES}
    return {
        "the base": {},
        "no rotation, shear, scale, stretch": {"augment": dict.fromkeys(AFFINE, 0.0)},
        "no elastic displacement": {"augment": {"elastic_px": 0.0}},
        "no change of pen width": {"augment": {"pen_width": 0.0}},
        "all augmentation halved": {"augment": half},
        "no augmentation": {"augment": dict.fromkeys((*CHANGES, "erase"), 0.0)},
        "erasing, up to 0.4 of a side": {"augment": {"erase": 0.4}},
        "no average of weights": {"train": {"weight_average": 0.0}},
        "no label smoothing": {"train": {"label_smoothing": 0.0}},
        "a third of the learning rate": {"train": {"learning_rate": train.learning_rate / 3}},
        "twice the batch": {"train": {"batch_size": train.batch_size * 2}},
        "half the epochs": {"train": {"epochs": max(train.epochs // 2, 1)}},
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--config", type=Path, default=Path("configs/tiny.toml"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--share", type=float, default=0.25, help="of the training images")
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--runs", type=Path, default=Path("runs/ablation"))
    parser.add_argument("--record", action="store_true", help="write benchmarks/records/…")
    arguments = parser.parse_args()
    base = Config.load(arguments.config, [f"train.epochs={arguments.epochs}"])
    examples = load_examples(base.data, arguments.data_dir)
    step = max(round(1 / arguments.share), 1)
    examples = dataclasses.replace(
        examples, images=examples.images[::step], labels=examples.labels[::step]
    )
    folders = arguments.runs / f"every-{step}"
    rows: list[dict[str, Any]] = []
    for what, changes in variants(base).items():
        scores = []
        for seed in arguments.seeds:
            config = base.replace(**changes).replace(train={"seed": seed})
            run = trained(config, folder_of(folders, what, seed), examples)
            scores.append(score(run, examples, angles_deg=(0.0,)))
        rows.append(row_of(what, changes, scores))
    runs = [Run(folder_of(folders, "the base", seed)) for seed in arguments.seeds]
    scores = [score(run, examples, ANGLES_DEG) for run in runs]
    rows.append(row_of("the base, read at three angles", {}, scores))
    if arguments.record:
        record(base, rows, arguments.seeds, examples, folders)


def folder_of(runs: Path, what: str, seed: int) -> Path:
    return runs / what.replace(" ", "-") / f"seed-{seed}"


def trained(config: Config, folder: Path, examples: Examples) -> Run:
    """Train one variant, or find it trained."""
    run = Run(folder)
    is_begun = run.config_path.exists()
    if is_begun and run.config() != config:
        shutil.rmtree(folder)
        is_begun = False
    if not run.is_finished:
        fit(config, folder, examples=examples, resume=is_begun)
    return run


def score(run: Run, examples: Examples, angles_deg: tuple[float, ...]) -> tuple[float, float]:
    """Accuracy and loss on the validation images, of the mean over the angles."""
    model = run.load_model()
    beliefs = [
        softmax(
            model.predict(turned(examples.validation_images, angle), batch_size=512, verbose=0)[
                "logits"
            ]
        )
        for angle in angles_deg
    ]
    logits = np.log(np.maximum(np.mean(beliefs, axis=0), 1e-12))
    labels = examples.validation_labels
    metrics = measure(softmax(logits, fit_temperature(logits, labels)), labels)
    return metrics.accuracy, metrics.loss


def turned(images: NDArray[np.float32], angle_deg: float) -> NDArray[np.float32]:
    """Each image (n, side, side), turned about its middle, with room for its corners."""
    if not angle_deg:
        return images
    side = images.shape[1]
    wide = side + side // 4 * 2
    turn = cv2.getRotationMatrix2D(((side - 1) / 2, (side - 1) / 2), angle_deg, 1)
    turn[:, 2] += side // 4
    return np.stack([cv2.warpAffine(image, turn, (wide, wide)) for image in images])


def row_of(what: str, changes: dict[str, Any], scores: list[tuple[float, float]]) -> dict[str, Any]:
    accuracy, loss = (list(values) for values in zip(*scores, strict=True))
    row = {"what": what, "changes": changes, "accuracy": accuracy, "loss": loss}
    say(line(row))
    return row


def line(row: dict[str, Any]) -> str:
    accuracy = ", ".join(f"{value:.2%}" for value in row["accuracy"])
    loss = ", ".join(f"{value:.4f}" for value in row["loss"])
    return f"{row['what']:<36}accuracy {accuracy}   loss {loss}"


def say(text: str) -> None:
    LOG.append(text)
    print(text, flush=True)


def record(
    base: Config, rows: list[dict[str, Any]], seeds: list[int], examples: Examples, runs: Path
) -> None:
    count, n = len(examples.validation_labels), len(seeds)
    right = statistics.mean(rows[0]["accuracy"])
    chance = math.sqrt(right * (1 - right) / count)
    text = (
        f"`{base.train.model}`, {base.train.epochs} epochs over {len(examples.images):,} training "
        f"images, {n} seeds; mean ± standard deviation on the {count:,} images of the validation "
        f"writers. Of another {count:,} images, each accuracy would differ by about "
        f"{100 * chance:.2f} points by chance alone; the variants read the same ones, and so "
        "differ from each other by less. What a short training of a small network gains or loses, "
        "a long one of a large network may not: there, augmentation is worth more."
    )
    table = "\n".join(line(row) for row in rows)
    figures = {"text": text, "seeds": seeds, "config": base.to_mapping(), "variants": rows}
    log = "\n".join(LOG)
    for row in rows[:-1]:
        for seed in seeds:
            run = Run(folder_of(runs, row["what"], seed))
            log += f"\n\n{row['what']}, seed {seed}\n"
            log += "\n".join(json.dumps(epoch) for epoch in run.history())
    environment = Run(folder_of(runs, "the base", seeds[0])).read_json("environment.json")
    whole = f"{text}\n\n```text\n{table}\n```"
    print(write_record("ablation", whole, figures, log + "\n", environment))


if __name__ == "__main__":
    main()
