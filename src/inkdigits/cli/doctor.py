"""`inkdigits doctor`: what is here, what works, and what to do about the rest."""

import importlib.util
import platform
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib import metadata
from typing import NamedTuple

import typer

from inkdigits.cli.common import DataDir
from inkdigits.errors import InkdigitsError, MissingExtraError

_CORE = ("numpy", "opencv-python-headless", "onnxruntime", "pillow", "typer")
_EXTRAS = {
    "train": ("keras", "tensorflow", "onnx", "tf2onnx", "ai_edge_litert", "matplotlib", "pooch"),
    "notebook": ("jupytext", "nbclient", "ipykernel"),
}
# In a process of its own: TensorFlow takes seconds to import, and may write to the terminal.
_ASK_KERAS = """
import keras
print(keras.backend.backend(), keras.__version__, end=", ")
try:
    import tensorflow as tf
    print("accelerators:", [d.name for d in tf.config.list_physical_devices("GPU")] or "none")
except ImportError:
    print("accelerators unknown")
"""


class _Finding(NamedTuple):
    what: str
    says: str
    advice: str = ""  # what to do; empty where nothing is wrong
    is_wrong: bool = False  # reading does not work without it


def doctor(data_dir: DataDir = None) -> None:
    """Check the installation: versions, extras, data, bundle, Keras, and one timed read.

    The exit code is 1 when something is broken; what is only not installed does not count.
    """
    is_wrong = False
    for finding in _findings(data_dir):
        mark = "WRONG" if finding.is_wrong else ("-" if finding.advice else "ok")
        print(f"{mark:<6}{finding.what:<12}{finding.says}")
        if finding.advice:
            print(f"{'':<18}{finding.advice}")
        is_wrong |= finding.is_wrong
    if is_wrong:
        raise typer.Exit(1)


def _findings(data_dir: DataDir) -> Iterator[_Finding]:
    yield _Finding(
        "inkdigits", f"{metadata.version('inkdigits')}, Python {platform.python_version()}"
    )
    versions = (f"{name} {metadata.version(name)}" for name in _CORE)
    yield _Finding("reading", ", ".join(versions))
    yield from _extras()
    yield from _data(data_dir)
    yield _bundle()
    yield _keras()


def _extras() -> Iterator[_Finding]:
    for extra, modules in _EXTRAS.items():
        missing = [name for name in modules if importlib.util.find_spec(name) is None]
        if missing:
            advice = str(MissingExtraError(f"What needs {', '.join(missing)}", extra))
            yield _Finding(f"[{extra}]", "not installed", advice)
        else:
            yield _Finding(f"[{extra}]", "installed")


def _data(data_dir: DataDir) -> Iterator[_Finding]:
    from inkdigits.data.mnist import describe

    reports = describe(data_dir)
    broken = [file for file in reports if not file.intact]
    if not broken:
        yield _Finding("data", f"MNIST found and verified in {reports[0].path.parent}")  # type: ignore[union-attr]
    for file in broken:
        found = file.path is not None
        says = f"{file.name} {'is damaged' if found else 'is not here'}"
        yield _Finding("data", says, file.advice, is_wrong=found)


def _bundle() -> _Finding:
    import numpy as np

    from inkdigits.reader import Reader

    picture = np.full((120, 90), 255, np.uint8)
    picture[20:100, 42:48] = 0  # a stroke
    try:
        reader = Reader()
        reader.read(picture, single=True)
        started = time.perf_counter()
        page = reader.read(picture, single=True)
        elapsed_ms = (time.perf_counter() - started) * 1000
    except InkdigitsError as error:
        return _Finding("bundle", "cannot read", str(error), is_wrong=True)
    says = (
        f"{reader.bundle.name}, hashes right; read a stroke as {page.text!r} in {elapsed_ms:.1f} ms"
    )
    if page.text != "1":
        return _Finding("bundle", says, "It should be '1': install inkdigits again.", is_wrong=True)
    return _Finding("bundle", says)


def _keras() -> _Finding:
    if importlib.util.find_spec("keras") is None:
        return _Finding("keras", "not installed", str(MissingExtraError("Training", "train")))
    done = subprocess.run(
        [sys.executable, "-c", _ASK_KERAS], capture_output=True, text=True, check=False
    )
    if done.returncode:
        reason = done.stderr.strip().splitlines()[-1:] or ["no reason given"]
        advice = "Install its backend again: pip install --upgrade 'inkdigits[train]'"
        return _Finding("keras", f"does not start: {reason[0]}", advice, is_wrong=True)
    return _Finding("keras", f"backend {done.stdout.strip()}")
