"""`inkdigits train`: a configuration in, a run folder out."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from inkdigits.cli.common import DataDir, extra
from inkdigits.errors import ConfigError

INTERRUPTED = 130  # what shells give a program that Ctrl-C ended


def train(
    out: Annotated[Path, typer.Option(metavar="DIR", help="The run folder to make.")],
    model: Annotated[
        str | None, typer.Option(help="Short for --set train.model=NAME; see `inkdigits models`.")
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(
            metavar="SOURCE",
            help="Short for --set data.source=…: mnist, synthetic, a folder with sub-folders "
            "0 to 9, or an .npz file with x and y.",
        ),
    ] = None,
    config: Annotated[Path | None, typer.Option(metavar="FILE", help="A TOML file.")] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Such as train.epochs=5; may be repeated."),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the run in DIR after its last whole epoch.")
    ] = False,
    data_dir: DataDir = None,
) -> None:
    """Train a network.

    Ctrl-C stops; --resume goes on.
    """
    if resume and (model or data or config or settings):
        raise ConfigError(
            "--resume goes on with the configuration in the run folder, "
            "so --model, --data, --config and --set cannot change it. Leave them out."
        )
    from inkdigits.config import Config
    from inkdigits.models import NAMES

    wanted = Config.load(config, settings or [])
    if model is not None:
        wanted = wanted.replace(train={"model": model})
    if data is not None:
        wanted = wanted.replace(data={"source": data})
    if wanted.train.model not in NAMES:
        raise ConfigError(
            f"train.model is {wanted.train.model!r}, but must be one of: {', '.join(NAMES)}."
        )
    with extra("train", "Training"):
        from rich.console import Console

        from inkdigits.training.fit import fit
        from inkdigits.training.progress import TrainingProgress
        from inkdigits.training.run import Run
    if resume:
        wanted = Run.open(out).config()
    progress = TrainingProgress(Console(stderr=True, soft_wrap=True))
    try:
        run = fit(wanted, out, data_dir=data_dir, resume=resume, callbacks=[progress])
    except KeyboardInterrupt:
        progress.close()
        print(f"Stopped. Go on with: inkdigits train --out {out} --resume", file=sys.stderr)
        raise typer.Exit(INTERRUPTED) from None
    last = run.history()[-1]
    print(
        f"{out}: {wanted.train.model}, {last['epoch']:.0f} epochs, "
        f"validation accuracy {last['val_accuracy']:.4f}"
    )
    print(f"Next: inkdigits evaluate {out} --report {out / 'report'}")
