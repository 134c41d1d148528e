"""Take a network out of Keras, and write it only if it still says the same.

Every export is loaded again by the runtime that will use it, and compared with Keras on
labelled images, as they are and in a larger frame (height and width stay free).
"""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from inkdigits.bundle import Bundle, write_bundle
from inkdigits.errors import BundleError, ExportError
from inkdigits.evaluation.calibration import softmax
from inkdigits.export import converters
from inkdigits.files import written_whole
from inkdigits.imaging.strips import STRIP_HEIGHT_PX
from inkdigits.imaging.strokes import STEP_PX, sigmoid
from inkdigits.models import PARTS
from inkdigits.reading import CLASSES

if TYPE_CHECKING:
    import keras

FORMATS = ("bundle", "keras", "onnx", "saved-model", "litert", "litert-int8")
SUFFIXES = {
    "bundle": ".digits",
    "keras": ".keras",
    "onnx": ".onnx",
    "litert": ".tflite",
    "litert-int8": ".tflite",
}
NUM_COMPARED = 1000
_MAX_DIFFERENCE = 1e-4  # of any probability
_MAX_INT8_DROP = 0.001  # of the accuracy
_NUM_REPRESENTATIVE = 200  # images that the ranges of int8 are taken from

Part = Literal["lines", "strokes"]
_AXES: dict[Part, tuple[str, ...]] = {
    "lines": ("n", "frames", "width"),
    "strokes": ("n", "height", "width"),
}


class Parity(NamedTuple):
    """How an export compares with the Keras model that it was made from."""

    num_images: int
    max_difference: float  # of any probability
    share_same_class: float
    accuracy: float
    keras_accuracy: float

    def __str__(self) -> str:
        return (
            f"{self.num_images} images: largest difference of a probability "
            f"{self.max_difference:.1e}, same class on {self.share_same_class:.2%}, accuracy "
            f"{self.accuracy:.2%} (Keras {self.keras_accuracy:.2%})"
        )


def export(
    model: "keras.Model",
    target: str,
    path: Path,
    *,
    ink: converters.Ink,
    labels: NDArray[np.int64],
    facts: Mapping[str, Any],
) -> Parity:
    """Export a model, and write the file only if it agrees with Keras.

    Args:
        model: ink (n, H, W) → ``{"glyph", "logits", "novelty"}``, as a run keeps it.
        target: one of ``FORMATS``.
        path: the file, or the folder of a SavedModel; an earlier export is replaced.
        ink: (n, H, W) float32 of images that were not trained on; the first 1,000 are compared,
            and the ranges of int8 are taken from the last 200.
        labels: (n,) their classes.
        facts: for a bundle: ``name``, ``calibration``, ``training`` and ``attribution``.

    Returns:
        The comparison, which was good enough.

    Raises:
        ExportError: a name that does not fit, or a folder of something else; the conversion
            failed, or disagrees with Keras. Nothing is written.
        MissingExtraError: what the conversion needs is not installed.
    """
    check_name(target, path)
    if path.is_dir() and not (target == "saved-model" and _may_be_replaced(path)):
        raise ExportError(
            f"{path} is a folder of something else, and is left as it is. Give another name."
        )
    model(ink[:1])  # Keras exports only a model that was called
    writers: dict[str, Callable[[Path], converters.Runner]] = {
        "bundle": lambda part: _bundle(model, part, facts),
        "keras": lambda part: converters.to_keras(model, part),
        "onnx": lambda part: converters.to_onnx(model, part),
        "saved-model": lambda part: converters.to_saved_model(model, part),
        "litert": lambda part: converters.to_litert(model, part),
        "litert-int8": lambda part: converters.to_litert_int8(
            model, part, ink[-_NUM_REPRESENTATIVE:]
        ),
    }
    with converters.converting("model", target, path), written_whole(path) as part:
        with converters.quiet():
            run = writers[target](part)
            parity = _compare(model, run, ink[:NUM_COMPARED], labels[:NUM_COMPARED])
        _require(parity, target)
    return parity


def add_part(
    bundle: Bundle,
    kind: Part,
    model: "keras.Model",
    path: Path,
    *,
    examples: Sequence[NDArray[np.float32]],
    facts: Mapping[str, Any],
) -> float:
    """Write a bundle with one more part in it, if ONNX Runtime agrees with Keras on that.

    Args:
        bundle: what reads single digits; another part of the same kind is replaced.
        kind: ``lines`` or ``strokes``.
        model: strips (n, 32, W) → logits (n, frames, classes + 2), or pages (n, H, W) → logits
            (n, H, W), as a run keeps it.
        path: the new ``.digits`` file; it may be the one that the bundle was opened from.
        examples: strips or pages, to compare on.
        facts: ``training`` and ``attribution`` of the part; of a line reader, ``calibration`` too.

    Returns:
        The largest difference of a probability.

    Raises:
        ExportError: the conversion failed or disagrees, or the file cannot be written.
    """
    check_name("bundle", path)
    what = PARTS[kind]
    with converters.converting(what, "bundle", path):
        model(examples[0][None])  # Keras exports only a model that was called
        with tempfile.TemporaryDirectory() as folder, converters.quiet():
            graph = Path(folder) / f"{kind}.onnx"
            converters.write_graph(model, graph, _AXES[kind])
            content = graph.read_bytes()
    candidate = Bundle(bundle.manifest, bundle.graph, None, **{kind: content})
    run = candidate.run_strip if kind == "lines" else candidate.run_page
    certain = softmax if kind == "lines" else sigmoid
    difference = max(
        float(np.abs(certain(run(example)) - certain(_of_keras(model, example))).max())
        for example in examples
    )
    if not difference <= _MAX_DIFFERENCE:
        raise ExportError(
            f"The {what} disagrees with Keras by {difference:.1e}, and at most "
            f"{_MAX_DIFFERENCE:g} was expected. Try other versions of keras: inkdigits doctor"
        )
    _write_with(bundle, kind, content, facts, path)
    return difference


def carry_part(bundle: Bundle, kind: Part, source: Bundle, path: Path) -> None:
    """Write a bundle with the line reader or the stroke finder of another one, as it is.

    Args:
        bundle: what reads single digits; another part of the same kind is replaced.
        kind: ``lines`` or ``strokes``.
        source: a bundle that has one.
        path: the new ``.digits`` file; it may be the one that either was opened from.

    Raises:
        BundleError: ``source`` has none, or none that can be used.
        ExportError: it reads other classes, or the file cannot be written.
    """
    check_name("bundle", path)
    if kind == "lines":
        source.run_strip(np.zeros((STRIP_HEIGHT_PX, 2 * STRIP_HEIGHT_PX), np.float32))
        _ = source.lines_temperature
        if source.classes != bundle.classes:
            raise ExportError(
                f"{source.path} reads {source.classes!r}, but {bundle.path} reads "
                f"{bundle.classes!r}. Name a line reader of the same classes."
            )
    else:
        source.run_page(np.zeros((STEP_PX, STEP_PX), np.float32))
    graph = source.lines if kind == "lines" else source.strokes
    # Whose images it learned from is not told apart in a bundle: better a name too many.
    facts = source.manifest[kind] | {"attribution": source.manifest.get("attribution", [])}
    _write_with(bundle, kind, graph or b"", facts, path)


def _write_with(
    bundle: Bundle, kind: Part, graph: bytes, facts: Mapping[str, Any], path: Path
) -> None:
    manifest, own = bundle.manifest, dict(facts)
    attribution = [*manifest.get("attribution", []), *own.pop("attribution", [])]
    parts: dict[str, Any] = {
        name: (content, manifest[name])
        for name, content in (("lines", bundle.lines), ("strokes", bundle.strokes))
        if content is not None
    }
    parts[kind] = graph, own
    try:
        write_bundle(
            path,
            name=bundle.name,
            graph=bundle.graph,
            classes=bundle.classes,
            calibration=manifest["calibration"],
            training=manifest.get("training", {}),
            attribution=list(dict.fromkeys(attribution)),
            licence=manifest.get("licence", ""),
            **parts,
        )
    except OSError as error:
        raise ExportError(f"{path} cannot be written: {error.strerror or error}.") from error


def _of_keras(model: "keras.Model", example: NDArray[np.float32]) -> NDArray[np.float32]:
    import keras

    return np.asarray(keras.ops.convert_to_numpy(model(example[None], training=False))[0])


def check_name(target: str, path: Path) -> None:
    """See whether a file may be called so; needs no Keras.

    Raises:
        ExportError: no such format, or a name that does not fit it.
    """
    suffix = SUFFIXES.get(target, "")
    if target not in FORMATS:
        raise ExportError(f"There is no format {target!r}; choose one of {', '.join(FORMATS)}.")
    if path.suffix != suffix:
        raise ExportError(
            f"The name {path.name} does not fit the format {target}; "
            + (
                f"it must end in {suffix}."
                if suffix
                else "a SavedModel is a folder, without ending."
            )
        )


def _may_be_replaced(folder: Path) -> bool:
    return (folder / "saved_model.pb").is_file() or not any(folder.iterdir())


def _compare(
    model: "keras.Model", run: converters.Runner, ink: converters.Ink, labels: NDArray[np.int64]
) -> Parity:
    framed = np.pad(ink, ((0, 0), (3, 9), (2, 30)))
    ours = np.concatenate([run(ink), run(framed)])
    kerass = np.concatenate([converters.predict(model)(ink), converters.predict(model)(framed)])
    twice = np.concatenate([labels, labels])
    return Parity(
        num_images=len(ink),
        max_difference=float(np.abs(softmax(ours) - softmax(kerass)).max()),
        share_same_class=float((_digit(ours) == _digit(kerass)).mean()),
        accuracy=float((_digit(ours) == twice).mean()),
        keras_accuracy=float((_digit(kerass) == twice).mean()),
    )


def _digit(outputs: NDArray[np.float32]) -> NDArray[np.int64]:
    return outputs[:, :-1].argmax(axis=1)


def _require(parity: Parity, target: str) -> None:
    if target == "litert-int8":
        good = parity.keras_accuracy - parity.accuracy <= _MAX_INT8_DROP + 1e-9  # a sum of floats
        limit = f"an accuracy at most {_MAX_INT8_DROP:.1%} lower"
    else:
        good = parity.max_difference <= _MAX_DIFFERENCE and parity.share_same_class == 1
        limit = f"the same class on all, and probabilities within {_MAX_DIFFERENCE:.0e}"
    if not good:
        raise ExportError(
            f"The export to {target} disagrees with Keras and was not written. {parity}; "
            f"expected {limit}. Try other versions of keras and its exporters: inkdigits doctor"
        )


def _bundle(model: "keras.Model", part: Path, facts: Mapping[str, Any]) -> converters.Runner:
    with tempfile.TemporaryDirectory() as folder:
        graph = Path(folder) / "model.onnx"
        converters.to_onnx(model, graph)
        write_bundle(part, graph=graph.read_bytes(), classes=CLASSES, **facts)
    try:
        bundle = Bundle.open(part)
    except BundleError as error:
        raise ExportError(f"The bundle that was made cannot be opened: {error}") from error
    return lambda ink: converters.joined(bundle.run(ink)._asdict())
