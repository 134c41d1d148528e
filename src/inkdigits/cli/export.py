"""`inkdigits export`: a trained network in the form that something else needs."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from inkdigits.cli.common import DataDir, extra
from inkdigits.errors import ExportError


class Target(StrEnum):
    """The forms that a network can be exported to."""

    BUNDLE = "bundle"
    KERAS = "keras"
    ONNX = "onnx"
    SAVED_MODEL = "saved-model"
    LITERT = "litert"
    LITERT_INT8 = "litert-int8"


def export(
    run: Annotated[
        Path, typer.Argument(help="A finished run folder; with --lines also a .digits file.")
    ],
    to: Annotated[Target, typer.Option(help="The form.")],
    out: Annotated[Path, typer.Option(metavar="FILE", help="The file, or folder of a SavedModel.")],
    name: Annotated[
        str | None,
        typer.Option(help="What a bundle is called in its readings; else the run's name."),
    ] = None,
    lines: Annotated[
        Path | None,
        typer.Option(
            metavar="RUN",
            help="A finished run of the line reader, which goes into the bundle: it reads digits "
            "that touch.",
        ),
    ] = None,
    data_dir: DataDir = None,
) -> None:
    """Export a trained network.

    It is loaded again and compared with Keras on up to 1,000 validation images of the run; one
    that disagrees is not written.
    """
    from inkdigits.export import check_name
    from inkdigits.export import export as export_model

    try:
        check_name(to.value, out)
    except ExportError as error:
        raise typer.BadParameter(str(error)) from error
    if lines and to is not Target.BUNDLE:
        raise typer.BadParameter(f"--lines goes into a bundle, and --to is {to.value}.")
    with extra("train", "Exporting"):
        from inkdigits.training.examples import validation_images
        from inkdigits.training.finish import describe
        from inkdigits.training.run import Run
    if lines:
        from inkdigits.training.lines import describe_lines

        describe_lines(Run.open(lines))  # what is wrong with it is an error before anything is done
        if run.is_file():
            if name:
                raise typer.BadParameter(f"{run} keeps its name; --name is for a run.")
            _add_lines(run, lines, out)
            return
    opened = Run.open(run)
    facts = describe(opened)
    ink, labels = validation_images(opened.config(), data_dir)
    parity = export_model(
        opened.load_model(),
        to.value,
        out,
        ink=ink,
        labels=labels,
        facts={"name": name or run.resolve().name, **facts},
    )
    print(f"{out}: {parity}")
    if lines:
        _add_lines(out, lines, out)


def _add_lines(bundle: Path, lines: Path, out: Path) -> None:
    from inkdigits.bundle import Bundle
    from inkdigits.export import add_lines
    from inkdigits.training.lines import describe_lines, held_strips
    from inkdigits.training.run import Run

    run = Run.open(lines)
    facts = describe_lines(run)
    difference = add_lines(
        Bundle.open(bundle), run.load_model(), out, strips=held_strips(run), facts=facts
    )
    print(f"{out}: the line reader's largest difference of a probability is {difference:.1e}")
