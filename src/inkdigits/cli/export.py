"""`inkdigits export`: a trained network in the form that something else needs."""

import tempfile
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from inkdigits.bundle import Bundle
from inkdigits.cli.common import DataDir, extra
from inkdigits.errors import ExportError

if TYPE_CHECKING:
    from inkdigits.training.run import Run


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
            metavar="RUN|FILE",
            help="A finished run of the line reader, or a .digits file that has one, which goes "
            "into the bundle: it reads digits that touch.",
        ),
    ] = None,
    data_dir: DataDir = None,
) -> None:
    """Export a trained network.

    It is loaded again and compared with Keras on up to 1,000 validation images of the run; one
    that disagrees is not written. The line reader of a .digits file goes over as it is.
    """
    from inkdigits.export import check_name
    from inkdigits.export import export as export_model

    try:
        check_name(to.value, out)
    except ExportError as error:
        raise typer.BadParameter(str(error)) from error
    if lines and to is not Target.BUNDLE:
        raise typer.BadParameter(f"--lines goes into a bundle, and --to is {to.value}.")
    source = _line_reader(lines) if lines else None  # before anything is done
    if source and run.is_file():
        if name:
            raise typer.BadParameter(f"{run} keeps its name; --name is for a run.")
        _add_lines(Bundle.open(run), source, out)
        return
    with extra("train", "Exporting"):
        from inkdigits.training.examples import validation_images
        from inkdigits.training.finish import describe
        from inkdigits.training.run import Run
    opened = Run.open(run)
    facts = describe(opened)
    ink, labels = validation_images(opened.config(), data_dir)
    with tempfile.TemporaryDirectory() as scratch:
        # With a line reader to come, the file is not touched before both are there.
        written = Path(scratch) / "part.digits" if source else out
        parity = export_model(
            opened.load_model(),
            to.value,
            written,
            ink=ink,
            labels=labels,
            facts={"name": name or run.resolve().name, **facts},
        )
        print(f"{out}: {parity}")
        if source:
            _add_lines(Bundle.open(written), source, out)


def _line_reader(path: Path) -> "Bundle | Run":
    """A bundle that has one, or a finished run of one."""
    if path.is_file() or path.suffix == ".digits":
        bundle = Bundle.open(path)
        if not bundle.has_lines:
            raise typer.BadParameter(f"--lines {path} has no line reader.")
        return bundle
    with extra("train", "Exporting"):
        from inkdigits.training.lines import describe_lines
        from inkdigits.training.run import Run
    run = Run.open(path)
    describe_lines(run)
    return run


def _add_lines(bundle: Bundle, source: "Bundle | Run", out: Path) -> None:
    from inkdigits.export import add_lines, carry_lines

    if isinstance(source, Bundle):
        carry_lines(bundle, source, out)
        print(f"{out}: with the line reader of {source.path}, as it is")
        return
    from inkdigits.training.lines import describe_lines, held_strips

    difference = add_lines(
        bundle,
        source.load_model(),
        out,
        strips=held_strips(source),
        facts=describe_lines(source),
    )
    print(f"{out}: the line reader's largest difference of a probability is {difference:.1e}")
