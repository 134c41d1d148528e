"""The record book: where a benchmark leaves its figures."""

import datetime
import json
import math
import platform
import shutil
import statistics
import sys
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from inkdigits.files import write_text, written_whole

RECORDS = Path(__file__).parent / "records"


def record_folder(name: str) -> Path:
    """``records/<date>-<name>``, for today."""
    return RECORDS / f"{datetime.datetime.now(tz=datetime.UTC).date().isoformat()}-{name}"


def write_record(
    name: str,
    text: str,
    figures: Mapping[str, Any],
    log: str,
    more_environment: Mapping[str, Any] | None = None,
) -> Path:
    """Write a record that is no single recipe's: text, figures, environment, raw log."""
    again = " ".join(["python", f"benchmarks/{Path(sys.argv[0]).name}", *_public(sys.argv[1:])])
    environment = {
        "python": platform.python_version(),
        "platform": platform.platform(),
        **{
            package: metadata.version(package)
            for package in ("inkdigits", "numpy", "onnxruntime", "opencv-python-headless")
        },
        **(more_environment or {}),
    }
    with written_whole(record_folder(name)) as part:
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir()
        write_text(part / "README.md", f"# {name}\n\n{text}\n\nAgain: `{again}`\n")
        write_text(part / "figures.json", json.dumps(figures, indent=2) + "\n")
        write_text(part / "environment.json", json.dumps(environment, indent=2) + "\n")
        write_text(part / "log.txt", log)
    return record_folder(name)


def spread(values: Sequence[float]) -> str:
    """Mean, standard deviation and 95 % interval of shares, over seeds."""
    mean, n = statistics.mean(values), len(values)
    if n == 1:
        return f"{mean:.2%} (n = 1 seed, so no spread)"
    from scipy.stats import t  # comes with scikit-learn

    deviation = statistics.stdev(values)
    half = t.ppf(0.975, n - 1) * deviation / math.sqrt(n)
    return f"{mean:.3%} ± {deviation:.3%} (n = {n} seeds, 95 % interval ± {half:.3%})"


def _public(arguments: list[str]) -> list[str]:
    """The arguments, with folders of this machine made nameless."""
    return ["FOLDER" if Path(argument).is_absolute() else argument for argument in arguments]
