"""`inkdigits evaluate`: how well a run or a bundle reads labelled images."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from inkdigits.cli.common import DataDir, check_folder, extra
from inkdigits.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray


def evaluate(
    what: Annotated[
        Path, typer.Argument(metavar="RUN|BUNDLE", help="A run folder, or a .digits file.")
    ],
    data: Annotated[
        str,
        typer.Option(
            metavar="SOURCE",
            help="mnist, synthetic, a folder with sub-folders 0 to 9, or an .npz file.",
        ),
    ] = "mnist",
    report: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write report.html, its PNGs and metrics.json."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print every figure as JSON.")] = False,
    data_dir: DataDir = None,
) -> None:
    """Score every test image: accuracy, loss, calibration, confusion, worst errors."""
    from inkdigits.data import load
    from inkdigits.evaluation.metrics import measure

    if report is not None:
        with extra("train", "Drawing a report"):
            import matplotlib  # noqa: F401
        check_folder(report, "--report")
    network = _network(what)
    images = load(data, "test", data_dir=data_dir)
    probabilities = network(images.images)
    metrics = measure(probabilities, images.labels)
    if metrics.count != len(images):
        raise DataError(f"{metrics.count} of {len(images)} images were scored; expected all.")
    if report is not None:
        from inkdigits.evaluation.report import write_report

        write_report(
            report,
            title=f"{what.name} on {images.name}",
            metrics=metrics,
            probabilities=probabilities,
            labels=images.labels,
            images=images.images,
            facts={"read by": str(what), "images": f"{images.name}, {len(images):,}"},
        )
    if as_json:
        print(json.dumps(metrics.to_dict(), indent=2))
        return
    low, high = metrics.accuracy_interval
    print(f"{images.name}: {metrics.correct} of {metrics.count} right")
    print(f"accuracy {metrics.accuracy:.2%} (95 % interval {low:.2%} to {high:.2%})")
    print(
        f"loss {metrics.loss:.4f}, Brier {metrics.brier:.4f}, calibration error {metrics.ece:.4f}"
    )
    if report is not None:
        print(f"Report: {report / 'report.html'}")


def _network(what: Path) -> "Callable[[NDArray[np.uint8]], NDArray[np.float32]]":
    """(n, H, W) → (n, 10) probabilities, by Keras for a run and by ONNX Runtime for a bundle."""
    from inkdigits.evaluation.calibration import softmax

    if not what.is_dir():
        from inkdigits.reader import Reader

        reader = Reader(what)
        return lambda images: softmax(reader.outputs(images)[0].logits, reader.rule.temperature)
    with extra("train", "Evaluating a run"):
        from inkdigits.training.fit import as_ink
        from inkdigits.training.run import Run
    run = Run.open(what)
    temperature = run.read_json("calibration.json")["temperature"]
    model = run.load_model()
    return lambda images: softmax(
        model.predict(as_ink(images), batch_size=500, verbose=0)["logits"], temperature
    )
