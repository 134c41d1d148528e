"""Ask whether one recorded recipe reads MNIST's test images better than another.

    python benchmarks/compare.py NAME NAME

Each NAME is that of a record, of which the newest is taken, or its folder in records/. Nothing is
read again: both records say which images each seed misread. Each seed of the one is compared with
the seed of the other in the same place, by McNemar's exact test; then all these seeds together,
where an image counts once, for the recipe of which more seeds misread it. A p-value says how often
two equally good recipes would differ by as much or more on 10,000 such images. Where one record has
more seeds, those left over are not compared.
"""

import argparse
import json
from pathlib import Path
from typing import NamedTuple

from book import RECORDS

from inkdigits.evaluation.compare import Paired, mcnemar, mcnemar_of_runs

SURE = 0.05


class Record(NamedTuple):
    """Which test images each seed misread."""

    name: str
    seeds: list[int]
    wrong: list[list[int]]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("names", nargs=2, metavar="NAME")
    one, other = (load(name) for name in parser.parse_args().names)
    width = max(len(one.name), len(other.name), 20)
    for record in (one, other):
        errors = ", ".join(str(len(wrong)) for wrong in record.wrong)
        print(f"{record.name:<{width}} misread, by seed: {errors}")
    for number, (ours, theirs) in enumerate(zip(one.wrong, other.wrong, strict=False)):
        seeds = f"seed {one.seeds[number]} and {other.seeds[number]}"
        print(f"{seeds:<{width}} {said(one.name, other.name, mcnemar(ours, theirs))}")
    num_pairs = min(len(one.wrong), len(other.wrong))
    pooled = mcnemar_of_runs(one.wrong[:num_pairs], other.wrong[:num_pairs])
    together = f"{num_pairs} seeds, by image"
    print(f"{together:<{width}} {said(one.name, other.name, pooled)}")
    verdict = "cannot be told apart by these images"
    if pooled.p_value < SURE:
        better = other if pooled.only_a > pooled.only_b else one
        verdict = f"differ: {better.name} is the better one"
    print(f"\n{one.name} and {other.name} {verdict} (p = {pooled.p_value:.2g}).")


def load(name: str) -> Record:
    found = sorted(RECORDS.glob(f"????-??-??-{name}/wrong.jsonl"))
    path = found[-1] if found else RECORDS / Path(name).name / "wrong.jsonl"
    if not path.exists():
        raise SystemExit(
            f"There is no record {name!r} that says what was misread. "
            f"Make one: python benchmarks/record.py {name} --config configs/{name}.toml"
        )
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    wrong = [[int(index) for index in row["wrong"]] for row in rows]
    return Record(name, [row["seed"] for row in rows], wrong)


def said(one: str, other: str, test: Paired) -> str:
    return f"only {one} {test.only_a}, only {other} {test.only_b}, p = {test.p_value:.2g}"


if __name__ == "__main__":
    main()
