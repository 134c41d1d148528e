"""Each export read by the runtime that it is for, and none written that disagrees with Keras."""

import hashlib
import json
import logging
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
import pytest
from numpy.typing import NDArray

from inkdigits import export as export_module
from inkdigits.errors import ExportError, InkdigitsError, MissingExtraError
from inkdigits.evaluation.calibration import softmax
from inkdigits.export import FORMATS, SUFFIXES, converters, export
from inkdigits.models import zoo
from inkdigits.models.canonical import Canonical
from inkdigits.models.ensemble import ensemble, seen_at_angles
from inkdigits.synthesis.strokes import synthetic_digits

Ink = NDArray[np.float32]
CONVOLVED = ("onnx", "litert-int8")  # tested with convolutions; the others with the mlp
FACTS: dict[str, Any] = {
    "name": "tiny",
    "calibration": {"temperature": 1.25, "dial": []},
    "training": {"config": {}},
    "attribution": ["Digits drawn by inkdigits.synthesis"],
}


class Made(NamedTuple):
    model: keras.Model
    ink: Ink
    labels: NDArray[np.int64]

    def export(self, target: str, path: Path, **changes: Any) -> export_module.Parity:
        options = {"ink": self.ink, "labels": self.labels, "facts": FACTS} | changes
        return export(self.model, target, path, **options)


def made(name: str) -> Made:
    """A network and what it learnt by heart, so that no answer is near to a tie."""
    keras.utils.set_random_seed(0)
    images, labels = synthetic_digits(300, seed=8)
    ink = images.astype(np.float32) / 255
    network = zoo.build_network(name)
    network.compile(
        optimizer=keras.optimizers.Adam(3e-3),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    network.fit(np.asarray(Canonical()(ink)), labels, epochs=12, batch_size=10, verbose=0)
    return Made(zoo.reading_model(network), ink[:100], labels[:100])


@pytest.fixture(scope="module")
def mlp() -> Made:
    return made("mlp")


@pytest.fixture(scope="module")
def convnet() -> Made:
    return made("convnet")


def read_onnx(path: Path | bytes) -> Callable[[Ink], Ink]:
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (given,) = session.get_inputs()
    assert (given.name, given.shape, given.type) == (
        "ink",
        ["n", "height", "width"],
        "tensor(float)",
    )
    assert {output.name for output in session.get_outputs()} == {"glyph", "logits", "novelty"}
    return lambda ink: session.run(["logits"], {"ink": ink})[0]


def read_bundle(path: Path) -> Callable[[Ink], Ink]:
    with zipfile.ZipFile(path) as archive:
        assert archive.namelist() == ["manifest.json", "model.onnx"]
        graph = archive.read("model.onnx")
        manifest = json.loads(archive.read("manifest.json"))
    assert manifest.items() >= FACTS.items()
    assert manifest["classes"] == "0123456789"
    assert manifest["members"] == {"model.onnx": hashlib.sha256(graph).hexdigest()}
    return read_onnx(graph)


def read_saved_model(path: Path) -> Callable[[Ink], Ink]:
    import tensorflow as tf

    loaded = tf.saved_model.load(str(path))
    serve = loaded.signatures["serving_default"]
    return lambda ink: serve(ink=tf.constant(ink))["logits"].numpy()


def read_litert(path: Path) -> Callable[[Ink], Ink]:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=str(path))
    (given,) = interpreter.get_input_details()
    assert given["shape_signature"].tolist() == [-1, -1, -1]
    assert given["dtype"] is np.float32

    def run(ink: Ink) -> Ink:
        interpreter.resize_tensor_input(given["index"], ink.shape)
        interpreter.allocate_tensors()
        interpreter.set_tensor(given["index"], ink)
        interpreter.invoke()
        outputs = [
            interpreter.get_tensor(each["index"]) for each in interpreter.get_output_details()
        ]
        (logits,) = [output for output in outputs if output.ndim == 2]
        return logits.copy()

    return run


def read_keras(path: Path) -> Callable[[Ink], Ink]:
    return lambda ink: np.asarray(keras.saving.load_model(path)(ink)["logits"])


READERS = {
    "bundle": read_bundle,
    "keras": read_keras,
    "onnx": read_onnx,
    "saved-model": read_saved_model,
    "litert": read_litert,
    "litert-int8": read_litert,
}
assert set(READERS) == set(FORMATS)


def path_of(target: str, folder: Path) -> Path:
    return folder / f"digits{SUFFIXES.get(target, '')}"


def assert_exported(made: Made, target: str, folder: Path) -> None:
    path = path_of(target, folder)
    parity = made.export(target, path)
    assert list(folder.iterdir()) == [path]
    assert parity.num_images == 100
    run = READERS[target](path)
    for images in (made.ink, np.pad(made.ink, ((0, 0), (21, 8), (0, 55)))[:40]):
        expected = softmax(np.asarray(made.model(images)["logits"]))
        found = softmax(run(np.ascontiguousarray(images)))
        if target == "litert-int8":
            assert 0 < np.abs(found - expected).max() < 0.5
            assert np.abs(found - expected).mean() < 0.01
        else:
            np.testing.assert_allclose(found, expected, atol=1e-4)
            np.testing.assert_array_equal(found.argmax(axis=1), expected.argmax(axis=1))
    logits = np.asarray(made.model(made.ink)["logits"])
    framed = np.asarray(made.model(np.pad(made.ink, ((0, 0), (3, 9), (2, 30))))["logits"])
    right = np.concatenate([logits, framed]).argmax(axis=1) == np.tile(made.labels, 2)
    assert parity.keras_accuracy == pytest.approx(right.mean())
    assert parity.keras_accuracy > 0.9
    assert parity.keras_accuracy - parity.accuracy <= 0.001
    assert (parity.max_difference > 1e-4) == (target == "litert-int8")
    if target.startswith("litert"):
        bytes_a_weight = path.stat().st_size / made.model.count_params()
        assert (1 < bytes_a_weight < 3) if target == "litert-int8" else (bytes_a_weight > 4)


@pytest.mark.parametrize("target", [each for each in FORMATS if each not in CONVOLVED])
def test_each_format_says_what_keras_says(mlp: Made, target: str, tmp_path: Path):
    assert_exported(mlp, target, tmp_path)


@pytest.mark.parametrize("target", CONVOLVED)
def test_convolutions_too(convnet: Made, target: str, tmp_path: Path):
    assert_exported(convnet, target, tmp_path)


@pytest.mark.parametrize("target", ["bundle", "litert"])
def test_an_ensemble_too(mlp: Made, target: str, tmp_path: Path):
    first = mlp.model.get_layer("mlp")
    second = made("mlp").model.get_layer("mlp")
    generator = np.random.default_rng(0)
    for weight in second.weights:  # the same training gave the same weights: change all of them
        weight.assign(weight + generator.normal(0, 0.05, weight.shape))
    both = Made(zoo.reading_model(ensemble([first, second])), mlp.ink, mlp.labels)
    apart = [
        softmax(np.asarray(zoo.reading_model(each)(mlp.ink)["logits"])) for each in (first, second)
    ]
    assert np.abs(apart[0] - apart[1]).max() > 0.01
    together = softmax(np.asarray(both.model(mlp.ink)["logits"]))
    np.testing.assert_allclose(together, np.mean(apart, axis=0), atol=1e-6)
    assert_exported(both, target, tmp_path)


@pytest.mark.parametrize("target", ["bundle", "litert"])
def test_what_looks_three_times_too(mlp: Made, target: str, tmp_path: Path):
    model = zoo.reading_model(seen_at_angles(mlp.model.get_layer("mlp"), 8.0))
    once, thrice = (softmax(np.asarray(of(mlp.ink)["logits"])) for of in (mlp.model, model))
    assert np.abs(once - thrice).max() > 0.01
    assert_exported(mlp._replace(model=model), target, tmp_path)


@pytest.fixture
def says(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Let every export of Keras and int8 write a little, and say what a function makes of Keras."""

    def stand_in(change: Callable[[Ink], Ink] = lambda ink: ink, **options: Any) -> None:
        before = options.get("before", lambda ink: ink)

        def write(model: keras.Model, part: Path, *_: object) -> Callable[[Ink], Ink]:
            part.write_bytes(b"new")
            run = converters.predict(model)
            return lambda ink: change(run(before(ink)))

        monkeypatch.setattr(converters, "to_keras", write)
        monkeypatch.setattr(converters, "to_litert_int8", write)

    return stand_in


@pytest.mark.parametrize("target", ["keras", "litert-int8"])
@pytest.mark.parametrize("is_old", [False, True], ids=["new", "replacing"])
def test_an_export_that_disagrees_is_not_written(
    mlp: Made, target: str, is_old: bool, tmp_path: Path, says: Callable[..., None]
):
    path = path_of(target, tmp_path)
    if is_old:
        path.write_bytes(b"earlier")
    says(lambda logits: np.roll(logits, 1, axis=1))
    with pytest.raises(
        ExportError, match=rf"{target} disagrees with Keras.*was not written.*100 i"
    ):
        mlp.export(target, path)
    assert [left.name for left in tmp_path.iterdir()] == ([path.name] if is_old else [])
    if is_old:
        assert path.read_bytes() == b"earlier"
    says()
    assert mlp.export(target, path).max_difference == 0
    assert path.read_bytes() == b"new"


@pytest.mark.parametrize("factor", [1.002, np.nan])
def test_a_small_slip_is_noticed(
    mlp: Made, factor: float, tmp_path: Path, says: Callable[..., None]
):
    says(lambda logits: logits * np.float32(factor))
    with pytest.raises(ExportError):
        mlp.export("keras", tmp_path / "digits.keras")
    assert list(tmp_path.iterdir()) == []


def test_a_slip_in_a_larger_frame_alone_is_noticed(
    mlp: Made, tmp_path: Path, says: Callable[..., None]
):
    says(before=lambda ink: ink[:, :28, :28])
    with pytest.raises(ExportError, match="disagrees"):
        mlp.export("keras", tmp_path / "digits.keras")


@pytest.mark.parametrize(("num_images", "is_good"), [(500, False), (1000, True)])
def test_int8_may_lose_a_thousandth(
    mlp: Made, num_images: int, is_good: bool, tmp_path: Path, says: Callable[..., None]
):
    ink, labels = (
        np.repeat(mlp.ink, num_images // 100, axis=0),
        mlp.labels.repeat(num_images // 100),
    )
    made = Made(mlp.model, ink, labels)
    right = np.flatnonzero(converters.predict(made.model)(made.ink).argmax(1) == made.labels)

    def worse(logits: Ink) -> Ink:
        logits = logits.copy()
        logits[right[0]] *= -1
        return logits

    says(worse)
    if is_good:
        parity = made.export("litert-int8", tmp_path / "digits.tflite")
        assert parity.keras_accuracy - parity.accuracy == pytest.approx(0.001)
    else:
        with pytest.raises(ExportError, match=r"an accuracy at most 0\.1% lower"):
            made.export("litert-int8", tmp_path / "digits.tflite")


@pytest.mark.parametrize(
    ("error", "expected", "match"),
    [
        (RuntimeError("no such kernel"), ExportError, "converted to keras: RuntimeError: no such"),
        (OSError(28, "No space left on device"), ExportError, "cannot be written: No space left"),
        (ModuleNotFoundError("no", name="tf2onnx"), MissingExtraError, r"tf2onnx.*\[train\]"),
        (KeyboardInterrupt(), KeyboardInterrupt, None),
    ],
    ids=lambda it: type(it).__name__ if isinstance(it, BaseException) else "",
)
def test_a_conversion_that_fails_leaves_what_was_there(
    mlp: Made,
    error: BaseException,
    expected: type[BaseException],
    match: str | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    path = tmp_path / "digits.keras"
    path.write_bytes(b"earlier")

    def fail(model: keras.Model, part: Path) -> None:
        part.write_bytes(b"half")
        raise error

    monkeypatch.setattr(converters, "to_keras", fail)
    with pytest.raises(expected, match=match):
        mlp.export("keras", path)
    assert [left.name for left in tmp_path.iterdir()] == ["digits.keras"]
    assert path.read_bytes() == b"earlier"


def test_an_earlier_saved_model_is_replaced(
    mlp: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def write(model: keras.Model, part: Path) -> Callable[[Ink], Ink]:
        part.mkdir()
        (part / "saved_model.pb").write_bytes(b"new")
        return converters.predict(model)

    monkeypatch.setattr(converters, "to_saved_model", write)
    path = tmp_path / "digits"
    path.mkdir()  # an empty folder may be used
    mlp.export("saved-model", path)
    (path / "saved_model.pb").write_bytes(b"earlier")
    (path / "leftover").touch()
    mlp.export("saved-model", path)
    assert [left.name for left in path.iterdir()] == ["saved_model.pb"]
    assert (path / "saved_model.pb").read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_of_something_else_is_left_as_it_is(mlp: Made, tmp_path: Path):
    (tmp_path / "photos.onnx").mkdir()
    (tmp_path / "precious.txt").write_text("mine")
    for target, path in (("saved-model", tmp_path), ("onnx", tmp_path / "photos.onnx")):
        with pytest.raises(ExportError, match="a folder of something else"):
            mlp.export(target, path)
    assert {path.name for path in tmp_path.iterdir()} == {"photos.onnx", "precious.txt"}


def test_a_folder_that_cannot_be_made_is_an_error(mlp: Made, tmp_path: Path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(ExportError, match="cannot be written"):
        mlp.export("keras", tmp_path / "file" / "digits.keras")
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize(
    ("target", "name", "match"),
    [
        (
            "onnx",
            "digits.keras",
            r"digits\.keras does not fit the format onnx; it must end in .onnx",
        ),
        ("bundle", "digits", r"must end in \.digits"),
        ("saved-model", "digits.pb", "a SavedModel is a folder, without ending"),
        ("torch", "digits.pt", "no format 'torch'; choose one of bundle, keras, onnx"),
    ],
)
def test_a_name_that_does_not_fit_is_refused(
    mlp: Made, target: str, name: str, match: str, tmp_path: Path
):
    with pytest.raises(ExportError, match=match):
        mlp.export(target, tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_no_more_images_are_compared_than_it_says(
    mlp: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, says: Callable[..., None]
):
    assert export_module.NUM_COMPARED == 1000
    monkeypatch.setattr(export_module, "NUM_COMPARED", 30)
    says()
    parity = mlp.export("keras", tmp_path / "digits.keras")
    assert parity.num_images == 30
    assert "30 images" in str(parity)
    assert "same class on 100.00%" in str(parity)


def test_converters_are_silent_and_what_was_set_comes_back(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    with converters.quiet():
        print("chatter")  # noqa: T201
        logging.getLogger("converter").warning("chatter")
        warnings.warn("chatter", stacklevel=1)
    assert capfd.readouterr() == ("", "")
    print("said")  # noqa: T201
    logging.getLogger("converter").warning("said")
    assert capfd.readouterr().out == "said\n"
    assert logging.root.manager.disable == logging.NOTSET
    with pytest.raises(InkdigitsError), converters.quiet():
        raise InkdigitsError
    assert logging.root.manager.disable == logging.NOTSET
