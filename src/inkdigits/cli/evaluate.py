"""`inkdigits evaluate`: how well a run or a bundle reads labelled images."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from inkdigits.cli.common import DataDir, check_folder, extra
from inkdigits.errors import DataError
from inkdigits.reading import CLASSES

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from inkdigits.data import LabelledImages
    from inkdigits.evaluation.corruption import Robustness
    from inkdigits.reader import Reader

_SHIPPED = Path("shipped")
_NUM_CORRUPTED = 1000  # each is read once for every family and severity


def evaluate(
    what: Annotated[
        Path,
        typer.Argument(
            metavar="RUN|BUNDLE",
            help="A run folder, a .digits file, or the word shipped for the one that ships.",
        ),
    ] = _SHIPPED,
    data: Annotated[
        str | None,
        typer.Option(
            metavar="SOURCE",
            help="mnist (the default), synthetic, a folder with sub-folders 0 to 9, of which the "
            "ones in its sub-folder test are taken if it has one, or an .npz file.",
        ),
    ] = None,
    pages: Annotated[
        Path | None,
        typer.Option(
            metavar="LABELS",
            help="Score whole pages instead: a JSON list of file and lines, beside the pictures.",
        ),
    ] = None,
    corruptions: Annotated[
        bool,
        typer.Option("--corruptions", help="Also read up to 1,000 of the images spoiled."),
    ] = False,
    report: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Write report.html, its PNGs and metrics.json; of pages, those that failed.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print every figure as JSON.")] = False,
    data_dir: DataDir = None,
) -> None:
    """Score every test image: accuracy, loss, calibration, confusion, worst errors."""
    if pages is not None:
        from inkdigits.cli.pages import evaluate_pages

        asked = {"--corruptions": corruptions, "--data": data, "--data-dir": data_dir}
        if given := [name for name, value in asked.items() if value]:
            raise typer.BadParameter(
                f"{' and '.join(given)} is of single digits; leave it out with --pages."
            )
        evaluate_pages(lambda: _reader(what), pages, report, as_json=as_json)
        return
    from inkdigits.data import load
    from inkdigits.decide import probabilities, rejected
    from inkdigits.evaluation.calibration import softmax
    from inkdigits.evaluation.metrics import measure

    if report is not None:
        with extra("train", "Drawing a report"):
            import matplotlib  # noqa: F401
        check_folder(report, "--report")
    reader = _reader(what)
    images = load(data or "mnist", "test", data_dir=data_dir)
    outputs = reader.outputs(images.images)[0]
    judged = probabilities(outputs.logits, outputs.novelty, reader.rule)
    num_rejected = int(rejected(judged, reader.rule).sum())
    of_digits = softmax(outputs.logits, reader.rule.temperature)
    metrics = measure(of_digits, images.labels)
    if metrics.count != len(images):
        raise DataError(f"{metrics.count} of {len(images)} images were scored; expected all.")
    spoiled = _robustness(reader, images) if corruptions else []
    if report is not None:
        from inkdigits.evaluation.report import write_report

        write_report(
            report,
            title=f"{what.resolve().name} on {images.name}",
            metrics=metrics,
            probabilities=of_digits,
            labels=images.labels,
            images=images.images,
            facts={
                "read by": str(what),
                "images": f"{images.name}, {len(images):,}",
                "rejected": f"{num_rejected:,}, whose most likely digit counts all the same",
            },
            robustness=spoiled,
            num_rejected=num_rejected,
        )
    if as_json:
        rows = {"corruptions": [row.to_dict() for row in spoiled]} if corruptions else {}
        print(json.dumps(metrics.to_dict() | {"rejected": num_rejected} | rows, indent=2))
        return
    low, high = metrics.accuracy_interval
    print(f"{images.name}: {metrics.correct} of {metrics.count} right")
    print(f"accuracy {metrics.accuracy:.2%} (95 % interval {low:.2%} to {high:.2%})")
    if num_rejected:
        print(f"{num_rejected} rejected as no digits; their most likely digit counts all the same")
    print(
        f"loss {metrics.loss:.4f}, Brier {metrics.brier:.4f}, calibration error {metrics.ece:.4f}"
    )
    if spoiled:
        _print_robustness(spoiled)
    if report is not None:
        print(f"Report: {report / 'report.html'}")


def _reader(what: Path) -> "Reader":
    """Reads with a bundle as ever, and with a run as the bundle that it would become."""
    from inkdigits.bundle import Bundle, GraphOutput, path_of
    from inkdigits.reader import Reader

    if not what.is_dir():
        return Reader(path_of(what))
    with extra("train", "Evaluating a run"):
        import keras

        from inkdigits.training.finish import describe
        from inkdigits.training.run import Run
    run = Run.open(what)
    facts = describe(run)
    model = run.load_model()

    class _OfKeras(Bundle):
        def run(self, ink: "NDArray[np.float32]") -> GraphOutput:
            outputs = model(ink, training=False)
            return GraphOutput(
                *(keras.ops.convert_to_numpy(outputs[name]) for name in GraphOutput._fields)
            )

    return Reader(_OfKeras({"name": what.resolve().name, "classes": CLASSES, **facts}, b""))


def _robustness(reader: "Reader", images: "LabelledImages") -> "list[Robustness]":
    import numpy as np

    from inkdigits.evaluation.corruption import robustness

    def read(pictures: "NDArray[np.uint8]") -> "tuple[NDArray[np.int64], NDArray[np.bool_]]":
        digits = reader.read_digits(pictures)
        values = np.array([int(digit.value or -1) for digit in digits], np.int64)
        return values, np.array([digit.status == "ok" for digit in digits], np.bool_)

    training = reader.bundle.manifest.get("training", {})
    chosen = images.take(
        np.linspace(0, len(images) - 1, min(len(images), _NUM_CORRUPTED)).astype(int)
    )
    return robustness(chosen.images, chosen.labels, read, config=training.get("config", {}))


def _print_robustness(rows: "list[Robustness]") -> None:
    """A row for each family; in each cell its severities, mild to hard."""
    print(f"\n{rows[0].count} of the images spoiled, mildly, middling and hard; * was trained on")
    print(f"{'':<14}{'right':^24}{'status ok':^24}{'wrong among ok':^24}")
    by_family: dict[str, list[Robustness]] = {}
    for row in rows:
        by_family.setdefault(row.family, []).append(row)
    for family, of in by_family.items():
        cells = [
            *(f"{row.correct / row.count:8.1%}" for row in of),
            *(f"{row.ok / row.count:8.1%}" for row in of),
            *(f"{row.ok_wrong / row.ok:8.2%}" if row.ok else f"{'–':>8}" for row in of),
        ]
        print(f"{family + ' *' * of[0].is_trained_on:<14}{''.join(cells)}")
