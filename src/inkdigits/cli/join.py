"""`inkdigits join`: several finished runs in, one run out that reads as they do together."""

from pathlib import Path
from typing import Annotated

import typer

from inkdigits.cli.common import DataDir, extra


def join(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN RUN…", help="Finished run folders.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="The run folder to make.")],
    average_weights: Annotated[
        bool,
        typer.Option(
            "--average-weights",
            help="Average their weights: one network, of runs that started from the same.",
        ),
    ] = False,
    data_dir: DataDir = None,
) -> None:
    """Join trained networks of any kind into one.

    What they believe is averaged, or their weights. They must have been validated on the same
    images, so that the one that comes out can be calibrated on them.
    """
    with extra("train", "Joining runs"):
        from inkdigits.training.ensemble import join as join_runs
    run = join_runs(runs, out, average_weights=average_weights, data_dir=data_dir)
    for row, folder in zip(run.history(), runs, strict=True):
        print(f"with {folder}: validation accuracy {row['val_accuracy']:.4f}")
    print(f"Next: inkdigits evaluate {out} --report {out / 'report'}")
