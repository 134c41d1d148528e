"""`inkdigits export`: a trained network in the form that something else needs."""

import tempfile
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from inkdigits.bundle import Bundle, path_of
from inkdigits.cli.common import DataDir, check_folder, extra
from inkdigits.errors import ExportError
from inkdigits.models import PARTS

if TYPE_CHECKING:
    from inkdigits.export import Part
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
        Path,
        typer.Argument(
            help="A finished run folder; with --lines or --strokes also a .digits file."
        ),
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
            help="A finished run of the line reader, or a .digits file that has one, such as "
            "shipped, which goes into the bundle: it reads digits that touch.",
        ),
    ] = None,
    strokes: Annotated[
        Path | None,
        typer.Option(
            metavar="RUN|FILE",
            help="A finished run of the stroke finder, or a .digits file that has one, such as "
            "shipped, which goes into the bundle: it finds what was written on a page.",
        ),
    ] = None,
    data_dir: DataDir = None,
) -> None:
    """Export a trained network.

    It is loaded again and compared with Keras on up to 1,000 validation images of the run; one
    that disagrees is not written. What is taken over from a .digits file goes over as it is.
    """
    from inkdigits.export import check_name
    from inkdigits.export import export as export_model

    try:
        check_name(to.value, out)
    except ExportError as error:
        raise typer.BadParameter(str(error)) from error
    given: dict[Part, Path | None] = {"lines": lines, "strokes": strokes}
    wanted = {kind: path for kind, path in given.items() if path}
    if wanted and to is not Target.BUNDLE:
        options = " and ".join(f"--{kind}" for kind in wanted)
        raise typer.BadParameter(f"{options} goes into a bundle, and --to is {to.value}.")
    # Before anything is done.
    sources = {kind: _source(kind, path) for kind, path in wanted.items()}
    if sources and run.is_file():
        if name:
            raise typer.BadParameter(f"{run} keeps its name; --name is for a run.")
        _add_parts(Bundle.open(run), sources, out)
        return
    if run.is_file():
        raise typer.BadParameter(f"{run} is a file; one is taken with --lines or --strokes only.")
    if out.is_dir() and to is not Target.SAVED_MODEL:
        raise typer.BadParameter(f"--out {out} is a folder, but a file is to be written.")
    check_folder(out.parent, "--out")
    with extra("train", "Exporting"):
        from inkdigits.training.examples import validation_images
        from inkdigits.training.finish import describe
        from inkdigits.training.run import Run
    opened = Run.open(run)
    facts = describe(opened)
    ink, labels = validation_images(opened.config(), data_dir)
    with tempfile.TemporaryDirectory() as scratch:
        # With parts to come, the file is not touched before all are there.
        written = Path(scratch) / "part.digits" if sources else out
        parity = export_model(
            opened.load_model(),
            to.value,
            written,
            ink=ink,
            labels=labels,
            facts={"name": name or run.resolve().name, **facts},
        )
        if sources:
            _add_parts(Bundle.open(written), sources, out)
        print(f"{out}: {parity}")


def _source(kind: "Part", path: Path) -> "Bundle | Run":
    """A bundle that has a part, or a finished run of one."""
    path = path_of(path)
    if path.is_file() or path.suffix == ".digits":
        bundle = Bundle.open(path)
        if not (bundle.has_lines if kind == "lines" else bundle.has_strokes):
            raise typer.BadParameter(f"--{kind} {path} has no {PARTS[kind]}.")
        return bundle
    with extra("train", "Exporting"):
        from inkdigits.training.lines import describe_lines
        from inkdigits.training.run import Run
        from inkdigits.training.strokes import describe_strokes
    run = Run.open(path)
    _ = describe_lines(run) if kind == "lines" else describe_strokes(run)
    return run


def _add_parts(bundle: Bundle, sources: "dict[Part, Bundle | Run]", out: Path) -> None:
    """Add one after another; the file is written when all are in."""
    with tempfile.TemporaryDirectory() as scratch:
        done = []
        for number, (kind, source) in enumerate(sources.items(), start=1):
            path = out if number == len(sources) else Path(scratch) / f"{kind}.digits"
            done.append(_add(bundle, kind, source, path))
            bundle = Bundle.open(path)
    for line in done:
        print(f"{out}: {line}")


def _add(bundle: Bundle, kind: "Part", source: "Bundle | Run", path: Path) -> str:
    from inkdigits.export import add_part, carry_part

    if isinstance(source, Bundle):
        carry_part(bundle, kind, source, path)
        return f"with the {PARTS[kind]} of {source.path}, as it is"
    from inkdigits.training.lines import describe_lines, held_strips
    from inkdigits.training.strokes import describe_strokes, held_patches

    is_lines = kind == "lines"
    difference = add_part(
        bundle,
        kind,
        source.load_model(),
        path,
        examples=held_strips(source) if is_lines else held_patches(source),
        facts=describe_lines(source) if is_lines else describe_strokes(source),
    )
    return f"the {PARTS[kind]}'s largest difference of a probability is {difference:.1e}"
