"""Train a recipe with several seeds, score each once on the test images, and keep the record.

    python benchmarks/record.py NAME --config configs/NAME.toml --seeds 0 1 2 [--sets FOLDER]
    python benchmarks/record.py NAME --run runs/a runs/b

A record is a folder ``benchmarks/records/<date>-<name>/``: ``README.md`` with the figures and how
to get them again, ``config.toml``, ``environment.json``, ``figures.json``, ``wrong.jsonl`` (which
test images each seed misread, and as what, for ``compare.py``) and one raw log a seed.
The networks are kept after the last epoch, whatever the test images say. An interrupted record
goes on where it stopped: what was trained is not trained again, and what was scored is not scored
again. ``--run`` takes runs that were trained elsewhere, such as ensembles that were joined.

Beside the test images: the same without those whose label is disputed (``data/disputed.py``);
``load_digits`` of scikit-learn and the .npz files of digits in ``--sets`` (keys x and y), which no
network was trained on; and 2,000 of the test images spoiled by each family of
``evaluation/corruption.py``, the mean of its three severities.
"""

import argparse
import hashlib
import json
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from book import record_folder, spread
from numpy.typing import NDArray

from inkdigits.bundle import Bundle
from inkdigits.cli.common import extra
from inkdigits.config import Config
from inkdigits.data import load
from inkdigits.decide import decide
from inkdigits.evaluation.calibration import softmax
from inkdigits.evaluation.corruption import robustness
from inkdigits.evaluation.metrics import measure
from inkdigits.files import write_text
from inkdigits.reader import Reader

with extra("train", "Training"):
    from rich.console import Console

    from inkdigits.export import export
    from inkdigits.models.zoo import multiply_adds
    from inkdigits.training.ensemble import fit_ensemble
    from inkdigits.training.examples import validation_images
    from inkdigits.training.finish import describe
    from inkdigits.training.fit import fit
    from inkdigits.training.progress import TrainingProgress
    from inkdigits.training.run import Run, network_of

NUM_SPOILED = 2_000
Sets = Mapping[str, tuple[NDArray[Any], NDArray[np.int64]]]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("name")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--config", type=Path)
    source.add_argument("--run", type=Path, nargs="+", help="finished runs, in place of training")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--sets", type=Path, help="a folder of .npz files with x and y")
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--runs", type=Path, default=Path("runs/records"))
    parser.add_argument("--bundle", type=Path, help="also write the first seed's bundle here")
    arguments = parser.parse_args()
    if arguments.run:
        runs = [Run.open(folder) for folder in arguments.run]
    else:
        runs = [train(arguments, seed) for seed in arguments.seeds]
    sets = others(arguments.sets)
    scores = [scored(run, arguments, sets) for run in runs]
    if arguments.bundle:
        shutil.copyfile(bundle_path(runs[0], arguments.name), arguments.bundle)
    print(write_record(arguments, runs, scores))


def train(arguments: argparse.Namespace, seed: int) -> Run:
    folder = arguments.runs / arguments.name / f"seed-{seed}"
    config = Config.load(arguments.config, [f"train.seed={seed}"])
    resume = (folder / "config.toml").exists()
    if resume and Run.open(folder).config() != config:
        raise SystemExit(f"{folder} holds a run of another configuration; move it away first.")
    if resume and Run.open(folder).is_finished:
        return Run.open(folder)
    options: dict[str, Any] = {"data_dir": arguments.data_dir, "resume": resume}
    if config.train.members > 1:
        return fit_ensemble(config, folder, callbacks=lambda _: [progress()], **options)
    return fit(config, folder, callbacks=[progress()], **options)


def progress() -> TrainingProgress:
    return TrainingProgress(Console(stderr=True, soft_wrap=True))


def scored(run: Run, arguments: argparse.Namespace, sets: Sets) -> dict[str, Any]:
    """The figures of one run; from its folder, where it has been scored on the same sets before."""
    path, key = run.folder / "score.json", hashlib.sha256(run.model_path.read_bytes()).hexdigest()
    known = {"model_sha256": key, "sets": sorted(sets)}
    before = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    if {name: before.get(name) for name in known} == known:
        return dict(before["score"])
    model = run.load_model()
    ink, labels = validation_images(run.config(), arguments.data_dir)
    bundle = bundle_path(run, arguments.name)
    facts = {"name": f"inkdigits-{arguments.name}", **describe(run)}
    print(export(model, "bundle", bundle, ink=ink, labels=labels, facts=facts), flush=True)
    network = network_of(model, run.model_path)
    figures = {
        "seed": run.config().train.seed,
        "parameters": network.count_params(),
        "multiply_adds": multiply_adds(network),
        **score(bundle, arguments.data_dir, sets),
    }
    run.write_json("score.json", known | {"score": figures})
    return figures


def bundle_path(run: Run, name: str) -> Path:
    return run.folder / f"inkdigits-{name}.digits"


def others(folder: Path | None) -> Sets:
    """Digits that are not MNIST's, zero-shot; what holds images without digits is left out."""
    from sklearn.datasets import load_digits

    turkish = load_digits()  # 1,797 digits, 8×8, 43 writers
    found = {"load_digits": ((turkish.images / 16).astype(np.float32), turkish.target)}
    for path in sorted(folder.glob("*.npz")) if folder else []:
        content = np.load(path)
        labels = content["y"].astype(np.int64) if "y" in content else np.array([-1])
        if labels.min() >= 0:
            found[path.stem] = (content["x"], labels)
    return found


def score(bundle: Path, data_dir: Path | None, sets: Sets) -> dict[str, Any]:
    """Score the bundle as it will be used, by ONNX Runtime, on every image."""
    reader = Reader(bundle)
    mnist = load("mnist", "test", data_dir=data_dir)
    figures: dict[str, Any] = {"bytes": Bundle.open(bundle).num_bytes}
    for name, (images, labels) in ({"mnist_test": (mnist.images, mnist.labels)} | sets).items():
        outputs, boxes, is_blank = reader.outputs(images)
        metrics = measure(softmax(outputs.logits, reader.rule.temperature), labels).to_dict()
        digits = decide(outputs.logits, outputs.novelty, boxes, is_blank, reader.rule)
        answered = [digit.status == "ok" for digit in digits]
        wrong = [digit.value != str(label) for digit, label in zip(digits, labels, strict=True)]
        figures[name] = {
            key: metrics[key] for key in ("count", "correct", "accuracy", "loss", "brier", "ece")
        } | {
            "share_answered": float(np.mean(answered)),
            "error_answered": float(np.mean(np.array(wrong)[answered])) if any(answered) else 0.0,
        }
    values = read(reader, mnist.images)
    misread = np.flatnonzero(values != mnist.labels)
    agreed = ~mnist.disputed
    count, correct = int(agreed.sum()), int((values == mnist.labels)[agreed].sum())
    figures["undisputed"] = {"count": count, "correct": correct, "accuracy": correct / count}
    figures["spoiled"] = spoiled(reader, mnist.images, mnist.labels)
    figures["wrong"] = {str(index): int(values[index]) for index in misread}
    return figures


def read(reader: Reader, images: NDArray[np.uint8]) -> NDArray[np.int64]:
    """The most probable digit of each image, whatever its status."""
    return reader.outputs(images)[0].logits.argmax(axis=1)


def spoiled(reader: Reader, images: NDArray[np.uint8], labels: NDArray[np.int64]) -> dict[str, Any]:
    """Accuracy on each family of corruptions, the mean of its severities."""
    chosen = np.linspace(0, len(images) - 1, NUM_SPOILED).astype(int)
    rows = robustness(
        images[chosen],
        labels[chosen],
        lambda changed: (read(reader, changed), np.zeros(len(changed), bool)),
        config=reader.bundle.manifest.get("training", {}).get("config", {}),
    )
    shares: dict[str, list[float]] = {}
    for row in rows:
        shares.setdefault(row.family, []).append(row.correct / row.count)
    return {
        "count": NUM_SPOILED,
        "mean": float(np.mean(list(shares.values()))),
        "families": {family: float(np.mean(values)) for family, values in shares.items()},
        "trained_on": sorted({row.family for row in rows if row.is_trained_on}),
    }


def write_record(
    arguments: argparse.Namespace, runs: Sequence[Run], scores: Sequence[dict[str, Any]]
) -> Path:
    environments = [run.read_json("environment.json") for run in runs]
    history = [run.history() for run in runs]
    minutes = [sum(row.get("seconds", 0) for row in rows) / 60 for rows in history]
    figures = [{key: value for key, value in figure.items() if key != "wrong"} for figure in scores]
    seeds = [figure["seed"] for figure in scores]
    summary = {
        "name": arguments.name,
        "seeds": seeds,
        "epochs": num_epochs(history[0], environments[0]),
        "minutes": minutes,
        "devices": sorted(set().union(*map(machines, environments))),
        "figures": figures,
    }
    with tempfile.TemporaryDirectory() as scratch:
        part = Path(scratch) / "record"
        part.mkdir()
        shutil.copyfile(runs[0].config_path, part / "config.toml")
        shutil.copyfile(runs[0].folder / "environment.json", part / "environment.json")
        for number, (seed, run) in enumerate(zip(seeds, runs, strict=True)):
            log = part / f"seed-{seed}.jsonl"
            if log.exists():  # of two joined runs whose first members have the same seed
                log = part / f"run-{number}.jsonl"
            shutil.copyfile(run.folder / "history.jsonl", log)
        write_text(part / "figures.json", json.dumps(summary, indent=2) + "\n")
        rows = [{"seed": figure["seed"], "wrong": figure["wrong"]} for figure in scores]
        write_text(part / "wrong.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
        write_text(part / "README.md", text(arguments, summary, environments, history))
        folder = record_folder(arguments.name)
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(part, folder)
    return folder


def text(
    arguments: argparse.Namespace,
    summary: Mapping[str, Any],
    environments: Sequence[Mapping[str, Any]],
    history: Sequence[Sequence[Any]],
) -> str:
    figures = summary["figures"]
    names = [name for name, of in figures[0].items() if is_zero_shot(name, of)]
    columns = ("MNIST test", "undisputed", "loss", "answered", "wrong among them", *names)
    header = ("seed", *columns, "spoiled", "epochs", "minutes")
    rows = [
        (
            figure["seed"],
            f"{figure['mnist_test']['accuracy']:.2%}",
            f"{figure['undisputed']['accuracy']:.2%}",
            f"{figure['mnist_test']['loss']:.4f}",
            f"{figure['mnist_test']['share_answered']:.2%}",
            f"{figure['mnist_test']['error_answered']:.3%}",
            *(f"{figure[name]['accuracy']:.2%}" for name in names),
            f"{figure['spoiled']['mean']:.2%}",
            num_epochs(logged, of),
            f"{spent:.1f}",
        )
        for figure, logged, of, spent in zip(
            figures, history, environments, summary["minutes"], strict=True
        )
    ]
    known = figures[0]["spoiled"]["trained_on"]
    families = [
        f"| {family} | {'yes' if family in known else 'no'} "
        f"| {spread([figure['spoiled']['families'][family] for figure in figures])} |"
        for family in figures[0]["spoiled"]["families"]
    ]
    means = {
        "MNIST test": [figure["mnist_test"]["accuracy"] for figure in figures],
        "Without the 15 disputed labels": [figure["undisputed"]["accuracy"] for figure in figures],
        **{name: [figure[name]["accuracy"] for figure in figures] for name in names},
        "Spoiled": [figure["spoiled"]["mean"] for figure in figures],
    }
    again = f"python benchmarks/record.py {arguments.name} --config configs/{arguments.name}.toml "
    if arguments.config:
        again = again.replace(f"{arguments.name}.toml", arguments.config.name)
    again += f"--seeds {' '.join(map(str, summary['seeds']))}"
    if arguments.run:
        again = f"python benchmarks/record.py {arguments.name} --run RUN…"
    again += " --sets FOLDER" if arguments.sets else ""
    return f"""# {arguments.name}

Trained on {environments[0]["num_train"]:,} images. {environments[0]["split"]}
The weights after the last epoch are kept; the test images were scored once, by ONNX Runtime.

| {" | ".join(header)} |
|{"---|" * len(header)}
{chr(10).join(f"| {' | '.join(map(str, row))} |" for row in rows)}

{chr(10).join(f"- {name}: {spread(values)}." for name, values in means.items())}

{figures[0]["parameters"]:,} parameters, {figures[0]["multiply_adds"]:,} multiply-adds, graph
{figures[0]["bytes"] / 1e6:.2f} MB.
"Undisputed" leaves out the 15 test images of `src/inkdigits/data/disputed.py`. "Answered" are the
digits with status ok at the default of the dial. {", ".join(names)}: read zero-shot.
"Spoiled" are {figures[0]["spoiled"]["count"]:,} test images, evenly spaced, corrupted by each of
our families at three severities each:

| family | trained on | read rightly |
|---|---|---|
{chr(10).join(families)}

Trained on {"; ".join(summary["devices"])}.
Minutes are wall time; other work may have run on the machine at the same time.

Again: `{again}`
"""


def num_epochs(history: Sequence[Mapping[str, float]], environment: Mapping[str, Any]) -> int:
    """Of all trainings whose weights were averaged; else a row each, of epochs or of members."""
    if environment.get("averaged") == "weights":
        return round(sum(row["epoch"] for row in history))
    return len(history)


def is_zero_shot(name: str, figure: Any) -> bool:
    return name != "mnist_test" and isinstance(figure, dict) and "ece" in figure


def machines(environment: Mapping[str, Any]) -> set[str]:
    """Where and with what a run was trained; each of its members, if it was joined."""
    members = environment.get("members", ())
    told = [member for member in members if "python" in member]  # older joins do not say
    return {
        f"{where['processor']}, {where['cores']} cores ({', '.join(where['devices'])}), Python "
        f"{where['python']}, Keras {where['keras']} on {where['backend']}"
        for where in told or [environment]
    }


if __name__ == "__main__":
    main()
