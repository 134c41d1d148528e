"""Train a recipe with several seeds, score each once on the test images, and keep the record.

    python benchmarks/record.py NAME --config configs/NAME.toml --seeds 0 1 2

A record is a folder ``benchmarks/records/<date>-<name>/``: ``README.md`` with the figures and how
to get them again, ``config.toml``, ``environment.json``, ``figures.json`` and one raw log a seed.
The networks are kept after the last epoch, whatever the test images say. An interrupted record
goes on where it stopped.
"""

import argparse
import json
import math
import shutil
import statistics
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from book import record_folder

from inkdigits.bundle import Bundle
from inkdigits.cli.common import extra
from inkdigits.config import Config
from inkdigits.data import load
from inkdigits.evaluation.calibration import softmax
from inkdigits.evaluation.metrics import measure
from inkdigits.files import write_text
from inkdigits.reader import Reader

with extra("train", "Training"):
    from rich.console import Console

    from inkdigits.export import export
    from inkdigits.training.fit import describe, fit, validation_images
    from inkdigits.training.progress import TrainingProgress
    from inkdigits.training.run import Run

# Student's t, two-sided 95 %, for n - 1 degrees of freedom.
T_95 = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 6: 2.447, 7: 2.365, 8: 2.306, 9: 2.262}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("name")
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--runs", type=Path, default=Path("runs/records"))
    parser.add_argument("--bundle", type=Path, help="also write the first seed's bundle here")
    arguments = parser.parse_args()
    bundles = []
    for seed in arguments.seeds:
        run = train(arguments, seed)
        bundles.append(to_bundle(run, arguments.data_dir, f"inkdigits-{arguments.name}"))
    figures = [score(bundle, arguments.data_dir) for bundle in bundles]
    folder = write_record(arguments, figures)
    if arguments.bundle:
        shutil.copyfile(bundles[0], arguments.bundle)
    print(folder)


def train(arguments: argparse.Namespace, seed: int) -> Run:
    folder = arguments.runs / arguments.name / f"seed-{seed}"
    config = Config.load(arguments.config, [f"train.seed={seed}"])
    resume = (folder / "config.toml").exists()
    if resume and Run.open(folder).config() != config:
        raise SystemExit(f"{folder} holds a run of another configuration; move it away first.")
    progress = TrainingProgress(Console(stderr=True, soft_wrap=True))
    return fit(config, folder, data_dir=arguments.data_dir, resume=resume, callbacks=[progress])


def to_bundle(run: Run, data_dir: Path | None, name: str) -> Path:
    ink, labels = validation_images(run.config(), data_dir)
    path = run.folder / f"{name}.digits"
    facts = {"name": name, **describe(run)}
    print(export(run.load_model(), "bundle", path, ink=ink, labels=labels, facts=facts))
    return path


def score(bundle: Path, data_dir: Path | None) -> dict[str, Any]:
    """Score the bundle as it will be used, by ONNX Runtime, on every image."""
    from sklearn.datasets import load_digits

    reader = Reader(bundle)
    mnist = load("mnist", "test", data_dir=data_dir)
    turkish = load_digits()  # 1,797 digits, 8×8, 43 writers, zero-shot
    sets = {
        "mnist_test": (mnist.images, mnist.labels),
        "load_digits": ((turkish.images / 16).astype(np.float32), turkish.target),
    }
    figures: dict[str, Any] = {"bytes": Bundle.open(bundle).num_bytes}
    for name, (images, labels) in sets.items():
        probabilities = softmax(reader.outputs(images)[0].logits, reader.rule.temperature)
        metrics = measure(probabilities, labels).to_dict()
        figures[name] = {
            key: metrics[key] for key in ("count", "correct", "accuracy", "loss", "brier", "ece")
        }
        digits = reader.read_digits(images)
        answered = [digit.status == "ok" for digit in digits]
        wrong = [digit.value != str(label) for digit, label in zip(digits, labels, strict=True)]
        figures[name] |= {
            "share_answered": float(np.mean(answered)),
            "error_answered": float(np.mean(np.array(wrong)[answered])) if any(answered) else 0.0,
        }
    return figures


def write_record(arguments: argparse.Namespace, figures: list[dict[str, Any]]) -> Path:
    runs = [arguments.runs / arguments.name / f"seed-{seed}" for seed in arguments.seeds]
    environment = json.loads((runs[0] / "environment.json").read_text())
    history = [Run.open(run).history() for run in runs]
    minutes = [sum(row["seconds"] for row in rows) / 60 for rows in history]
    accuracy = [figure["mnist_test"]["accuracy"] for figure in figures]
    with tempfile.TemporaryDirectory() as scratch:
        part = Path(scratch) / "record"
        part.mkdir()
        shutil.copyfile(runs[0] / "config.toml", part / "config.toml")
        shutil.copyfile(runs[0] / "environment.json", part / "environment.json")
        for seed, run in zip(arguments.seeds, runs, strict=True):
            shutil.copyfile(run / "history.jsonl", part / f"seed-{seed}.jsonl")
        summary = {
            "name": arguments.name,
            "seeds": arguments.seeds,
            "epochs": len(history[0]),
            "minutes": minutes,
            "figures": figures,
        }
        write_text(part / "figures.json", json.dumps(summary, indent=2) + "\n")
        rows = [
            _row(seed, figure, len(epochs), spent)
            for seed, figure, epochs, spent in zip(
                arguments.seeds, figures, history, minutes, strict=True
            )
        ]
        text = f"""# {arguments.name}

Trained on {environment["num_train"]:,} images. {environment["split"]}
The weights after the last epoch are kept; the test images were scored once, by ONNX Runtime.

| seed | MNIST test | loss | answered | wrong among them | load_digits | epochs | minutes |
|---|---|---|---|---|---|---|---|
{chr(10).join(rows)}

MNIST test: {spread(accuracy)}. Graph: {figures[0]["bytes"] / 1e6:.2f} MB.
load_digits (scikit-learn) is read zero-shot. "Answered" are the digits with status ok at the
default of the dial.

{environment["processor"]}, {environment["cores"]} cores, Python {environment["python"]}, \
Keras {environment["keras"]} on {environment["backend"]}.
Other work ran on the machine at the same time.

Again: `python benchmarks/record.py {arguments.name} --config configs/{arguments.config.name} \
--seeds {" ".join(map(str, arguments.seeds))}`
"""
        write_text(part / "README.md", text)
        folder = record_folder(arguments.name)
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(part, folder)
    return folder


def _row(seed: int, figure: dict[str, Any], epochs: int, minutes: float) -> str:
    mnist, turkish = figure["mnist_test"], figure["load_digits"]
    cells = (
        seed,
        f"{mnist['accuracy']:.2%}",
        f"{mnist['loss']:.4f}",
        f"{mnist['share_answered']:.2%}",
        f"{mnist['error_answered']:.3%}",
        f"{turkish['accuracy']:.2%}",
        epochs,
        f"{minutes:.1f}",
    )
    return f"| {' | '.join(map(str, cells))} |"


def spread(values: list[float]) -> str:
    """Mean, standard deviation and 95 % interval over seeds."""
    mean, n = statistics.mean(values), len(values)
    if n == 1:
        return f"{mean:.2%} (n = 1 seed, so no spread)"
    deviation = statistics.stdev(values)
    half = T_95[n - 1] * deviation / math.sqrt(n)
    return f"{mean:.3%} ± {deviation:.3%} (n = {n} seeds, 95 % interval ± {half:.3%})"


if __name__ == "__main__":
    main()
