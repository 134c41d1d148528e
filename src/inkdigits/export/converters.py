"""How a network leaves Keras in each format, how it is run then, and what may go wrong."""

import io
import logging
import os
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from inkdigits.decide import with_none
from inkdigits.errors import ExportError, MissingExtraError

if TYPE_CHECKING:
    import keras

_CONVOLUTIONS, _DENSE = {"CONV_2D", "DEPTHWISE_CONV_2D"}, {"FULLY_CONNECTED"}

Ink = NDArray[np.float32]
Runner = Callable[
    [Ink], NDArray[np.float32]
]  # (n, H, W) → (n, classes + 1) logits, "no digit" last


def joined(outputs: Mapping[str, Any]) -> NDArray[np.float32]:
    """Logits (n, classes + 1) of a network's outputs, "no digit" last."""
    return with_none(np.asarray(outputs["logits"]), np.asarray(outputs["novelty"]))


def predict(model: "keras.Model") -> Runner:
    """Runner a model as it is, in Keras."""
    return lambda ink: joined(model.predict(ink, batch_size=250, verbose=0))


def to_keras(model: "keras.Model", part: Path) -> Runner:
    """Write a .keras file; give what runs it, as each of the others does."""
    model.save(part)
    import keras

    return predict(keras.saving.load_model(part))


def write_graph(model: "keras.Model", part: Path, axes: Sequence[str]) -> None:
    """Write an ONNX model whose free axes have names, which Keras does not give them."""
    import onnx

    model.export(part, format="onnx", verbose=False)
    proto = onnx.load(part)
    for value in (*proto.graph.input, *proto.graph.output):
        for axis, name in zip(value.type.tensor_type.shape.dim, axes, strict=False):
            if not axis.dim_value:
                axis.dim_param = name
    onnx.checker.check_model(proto)
    onnx.save(proto, part)


def to_onnx(model: "keras.Model", part: Path) -> Runner:
    """Write an ONNX model of free height and width, for ONNX Runtime."""
    import onnxruntime

    write_graph(model, part, ("n", "height", "width"))
    session = onnxruntime.InferenceSession(part, providers=["CPUExecutionProvider"])
    names = ["logits", "novelty"]
    return lambda ink: with_none(*session.run(names, {"ink": ink}))


def to_saved_model(model: "keras.Model", part: Path) -> Runner:
    """Write the folder of a TensorFlow SavedModel."""
    import tensorflow as tf

    model.export(part, format="tf_saved_model", verbose=False)
    loaded = tf.saved_model.load(str(part))
    return lambda ink: joined(loaded.serve(tf.constant(ink)))


def to_litert(model: "keras.Model", part: Path) -> Runner:
    """Write a .tflite file in float32, for LiteRT."""
    import tensorflow as tf

    builtins = {"supported_ops": [tf.lite.OpsSet.TFLITE_BUILTINS]}  # what every runtime has
    model.export(part, format="litert", verbose=False, target_spec=builtins)
    return _litert_run(part.read_bytes())


def to_litert_int8(model: "keras.Model", part: Path, representative: Ink) -> Runner:
    """Write a .tflite file, convolutions, or else dense layers, in int8, by given images' ranges.

    The canonicaliser stays in float32: its positions need more than 256 steps. So does the dense
    layer behind convolutions: close logits need more, too.
    """
    import tensorflow as tf

    with tempfile.TemporaryDirectory() as folder:
        model.export(folder, format="tf_saved_model", verbose=False)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        operations = _operations(converter.convert())
        quantised = _CONVOLUTIONS & operations or _DENSE
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: (
            {"ink": image[None]} for image in representative
        )
        debugger = tf.lite.experimental.QuantizationDebugger(
            converter=converter,
            debug_dataset=converter.representative_dataset,
            debug_options=tf.lite.experimental.QuantizationDebugOptions(
                denylisted_ops=sorted(operations - quantised)
            ),
        )
        content: bytes = debugger.get_nondebug_quantized_model()
    part.write_bytes(content)
    return _litert_run(content)


def _operations(content: bytes) -> set[str]:
    from ai_edge_litert.interpreter import Interpreter

    details = Interpreter(model_content=content)._get_ops_details()
    return {operation["op_name"] for operation in details} - {"DELEGATE"}


def _litert_run(content: bytes) -> Runner:
    from ai_edge_litert.interpreter import Interpreter

    runner = Interpreter(model_content=content).get_signature_runner()
    return lambda ink: joined(runner(ink=ink))


@contextmanager
def converting(what: str, target: str, path: Path) -> Iterator[None]:
    """Say what went wrong: the file cannot be written, something is missing, or what it was.

    Raises:
        ExportError, MissingExtraError: in place of whatever was raised.
    """
    try:
        yield
    except OSError as error:
        raise ExportError(f"{path} cannot be written: {error.strerror or error}.") from error
    except ImportError as error:
        doing = f"Exporting the {what} to {target} ({error.name})"
        raise MissingExtraError(doing, "train") from error
    except ExportError:
        raise
    except Exception as error:  # a converter may raise anything
        said = str(error).rstrip(". ")
        raise ExportError(
            f"The {what} could not be converted to {target}: {type(error).__name__}: {said}. "
            "Try other versions of keras and its exporters: inkdigits doctor"
        ) from error


@contextmanager
def quiet() -> Iterator[None]:
    """Keep the converters' chatter off the terminal; their errors still come."""
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with (
            warnings.catch_warnings(),
            redirect_stdout(io.StringIO()),
            redirect_stderr(io.StringIO()),
            _silent_descriptors(),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(level)


@contextmanager
def _silent_descriptors() -> Iterator[None]:
    """Point file descriptors 1 and 2 to nowhere: TensorFlow's C++ writes past Python."""
    saved = [os.dup(1), os.dup(2)]
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
        yield
    finally:
        for target, copy in zip((1, 2), saved, strict=True):
            os.dup2(copy, target)
            os.close(copy)
        os.close(nowhere)
