"""`inkdigits train`: a configuration in, a run folder out."""

import sys
from pathlib import Path
from typing import Annotated, Any

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
    teacher: Annotated[
        str | None,
        typer.Option(
            metavar="RUN|FILE",
            help="Short for --set train.teacher=…: a finished run, .keras or .digits file, or the "
            "word shipped, whose probabilities are learned too, where it agrees with the label.",
        ),
    ] = None,
    ensemble: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=2,
            help="Short for --set train.members=N: train N networks, of seeds that follow one "
            "another, and join them into one.",
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
    """Train a network, or several that read as one.

    Ctrl-C stops; --resume goes on.
    """
    short: dict[str, dict[str, Any]] = {
        "train": {"model": model, "teacher": teacher, "members": ensemble},
        "data": {"source": data},
    }
    given = {
        section: {name: value for name, value in values.items() if value is not None}
        for section, values in short.items()
    }
    if resume and (any(given.values()) or config or settings):
        raise ConfigError(
            "--resume goes on with the configuration in the run folder, so --model, --data, "
            "--teacher, --ensemble, --config and --set cannot change it. Leave them out."
        )
    from inkdigits.config import Config
    from inkdigits.models import LINE_READER, NAMES, PARTS

    wanted = Config.load(config, settings or []).replace(**given)
    known = (*NAMES, *PARTS)
    if wanted.train.model not in known:
        raise ConfigError(
            f"train.model is {wanted.train.model!r}, but must be one of: {', '.join(known)}."
        )
    with extra("train", "Training"):
        from rich.console import Console

        from inkdigits.training.ensemble import fit_ensemble
        from inkdigits.training.fit import fit
        from inkdigits.training.lines import fit_lines
        from inkdigits.training.progress import TrainingProgress
        from inkdigits.training.run import Run
        from inkdigits.training.strokes import fit_strokes
    if resume:
        wanted = Run.open(out).config()
    members = wanted.train.members
    console, shown = Console(stderr=True, soft_wrap=True), []

    def progress(number: int) -> list[TrainingProgress]:
        title = f"member {number + 1} of {members}" if members > 1 else ""
        shown.append(TrainingProgress(console, title))
        return shown[-1:]

    try:
        if wanted.train.model in PARTS:
            fit_part = fit_lines if wanted.train.model == LINE_READER else fit_strokes
            run = fit_part(
                wanted,
                out,
                data_dir=data_dir,
                resume=resume,
                callbacks=progress(0),
                say=lambda text: console.print(text, highlight=False),
            )
        elif members > 1:
            run = fit_ensemble(wanted, out, data_dir=data_dir, resume=resume, callbacks=progress)
        else:
            run = fit(wanted, out, data_dir=data_dir, resume=resume, callbacks=progress(0))
    except KeyboardInterrupt:
        for bar in shown:
            bar.close()
        print(f"Stopped. Go on with: inkdigits train --out {out} --resume", file=sys.stderr)
        raise typer.Exit(INTERRUPTED) from None
    last = run.history()[-1]
    print(
        f"{out}: {f'{members} × ' if members > 1 else ''}{wanted.train.model}, "
        f"{last['epoch']:.0f} epochs, validation accuracy {last['val_accuracy']:.4f}"
    )
    if wanted.train.model in PARTS:
        part = wanted.train.model
        print(f"Next: inkdigits export RUN --{part} {out} --to bundle --out FILE.digits")
    else:
        print(f"Next: inkdigits evaluate {out} --report {out / 'report'}")
