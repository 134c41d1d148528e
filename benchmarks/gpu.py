"""Train what takes a GPU: the wide networks, and a small one that wide ones teach.

    python benchmarks/gpu.py draw
    KERAS_BACKEND=jax python benchmarks/gpu.py train --at-once 4
    python benchmarks/record.py taught --config configs/taught.toml --seeds 0 1 2
    inkdigits join runs/records/{deep_residual,wide_residual}/seed-{0,1,2} \\
        runs/records/wide_plain{3,5,7}/seed-0 --out runs/records/large
    python benchmarks/record.py large --run runs/records/large

``draw`` loads and draws what the recipes learn from, once, into ``runs/examples``; that needs a
processor and the data sets. ``train`` needs those files only, so they can be carried to a machine
with a GPU that has neither TensorFlow nor the internet. Its stages follow one another:

1. networks that learn from MNIST alone, more seeds of them than the next stage needs;
2. two wide ones that learn from everything, taught by one of each kind, joined as ``four``, where
   that is right; they are joined as ``teachers``;
3. a small one, taught by ``teachers`` of the very glyphs that it sees.

The runs lie where ``record.py`` looks for them. What is finished is not trained again, and what
was interrupted goes on; what was trained by another recipe is refused. On a processor all of it
runs just so, and takes days.
"""

import argparse
import dataclasses
import hashlib
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from inkdigits.cli.common import extra
from inkdigits.config import Config, DataConfig
from inkdigits.files import written_whole

# Before JAX is imported: else the first process takes three quarters of the GPU's memory.
os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
with extra("train", "Training"):
    from rich.console import Console

    from inkdigits.training.ensemble import join
    from inkdigits.training.examples import Examples, load_examples
    from inkdigits.training.fit import fit
    from inkdigits.training.progress import TrainingProgress
    from inkdigits.training.run import Run

EXAMPLES, RUNS = Path("runs/examples"), Path("runs/records")
WIDE = ("wide_residual", "wide_plain3", "wide_plain5", "wide_plain7")
STAGES: list[tuple[dict[str, int], str, list[tuple[str, int]]]] = [
    # Recipes and their seeds; and what is joined of which of them.
    (
        {"deep_residual": 3, "wide_residual": 3, **dict.fromkeys(WIDE[1:], 1)},
        "four",
        [(recipe, 0) for recipe in WIDE],
    ),
    ({"teacher": 2}, "teachers", [("teacher", 0), ("teacher", 1)]),
    ({"taught": 3}, "", []),
]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("draw", help="load and draw the examples")
    train = commands.add_parser("train", help="all stages")
    train.add_argument("--at-once", type=int, default=1, help="how many processes")
    one = commands.add_parser("one", help="one seed of one recipe")
    one.add_argument("recipe")
    one.add_argument("seed", type=int)
    arguments = parser.parse_args()
    if arguments.command == "draw":
        draw()
    elif arguments.command == "one":
        train_one(arguments.recipe, arguments.seed)
    else:
        for recipes, joined, members in STAGES:
            runs = [(recipe, seed) for recipe, count in recipes.items() for seed in range(count)]
            train_all(runs, arguments.at_once)
            if joined:
                join_all(RUNS / joined, members)


def join_all(folder: Path, members: list[tuple[str, int]]) -> None:
    runs = [Run.open(run_folder(*member)) for member in members]
    if not (folder / "config.toml").exists():
        data = config(*members[0]).data
        join([run.folder for run in runs], folder, examples=opened(data))
    told = Run.open(folder).read_json("environment.json")["members"]
    hashes = [hashlib.sha256(run.model_path.read_bytes()).hexdigest() for run in runs]
    if [member["model_sha256"] for member in told] != hashes:
        raise SystemExit(f"{folder} was joined of other runs than these now; move it away first.")


def train_all(members: list[tuple[str, int]], at_once: int) -> None:
    waiting = [member for member in members if not is_finished(*member)]
    calls = [[sys.executable, __file__, "one", recipe, str(seed)] for recipe, seed in waiting]
    with ThreadPoolExecutor(at_once) as pool:
        if any(pool.map(subprocess.call, calls)):
            raise SystemExit("A training failed, see above; what was finished is kept.")


def train_one(recipe: str, seed: int) -> None:
    what, folder = config(recipe, seed), run_folder(recipe, seed)
    fit(
        what,
        folder,
        resume=(folder / "config.toml").exists(),
        examples=opened(what.data),
        callbacks=[TrainingProgress(Console(stderr=True, soft_wrap=True))],
    )


def config(recipe: str, seed: int) -> Config:
    return Config.load(Path("configs") / f"{recipe}.toml", [f"train.seed={seed}"])


def run_folder(recipe: str, seed: int) -> Path:
    return RUNS / recipe / f"seed-{seed}"


def is_finished(recipe: str, seed: int) -> bool:
    folder = run_folder(recipe, seed)
    if not (folder / "config.toml").exists():
        return False
    run = Run.open(folder)
    if run.config() != config(recipe, seed):
        raise SystemExit(f"{folder} holds a run of another configuration; move it away first.")
    return run.is_finished


def draw() -> None:
    for recipe in ("wide_residual", "taught"):  # all others learn from what one of these does
        data = config(recipe, 0).data
        if examples_path(data).exists():
            continue
        examples = load_examples(data, None)
        given = {name: value for name, value in vars(examples).items() if value is not None}
        given["hashes"] = json.dumps(examples.hashes)
        with written_whole(examples_path(data)) as part:
            np.savez_compressed(part, **given)
        print(examples_path(data))


def opened(data: DataConfig) -> Examples:
    with np.load(examples_path(data)) as file:
        values = {field.name: file.get(field.name) for field in dataclasses.fields(Examples)}
    return Examples(
        **{**values, "hashes": json.loads(str(values["hashes"])), "note": str(values["note"])}
    )


def examples_path(data: DataConfig) -> Path:
    holds = [field.name for field in dataclasses.fields(Examples)]  # what an older file may lack
    key = hashlib.sha256(json.dumps([dataclasses.asdict(data), holds]).encode()).hexdigest()[:12]
    return EXAMPLES / f"{key}.npz"


if __name__ == "__main__":
    main()
