"""`inkdigits doctor`: what is here, what works, and what to do about the rest."""

import importlib.util
import platform
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import NamedTuple

import typer

from inkdigits.cli.common import DataDir
from inkdigits.errors import InkdigitsError, MissingExtraError

_CORE = ("numpy", "opencv-python-headless", "onnxruntime", "pillow", "typer")
_EXTRAS = {
    "formats": ("pillow_heif", "pypdfium2"),
    "train": (
        "keras", "tensorflow", "onnx", "tf2onnx", "ai_edge_litert", "matplotlib", "pooch", "rich",
    ),
    "notebook": ("jupytext", "nbclient", "ipykernel"),
    "serve": ("fastapi", "httptools", "prometheus_client", "python_multipart", "uvicorn"),
}  # fmt: skip
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
    from importlib import metadata  # here, because every cold read imports this file

    yield _Finding(
        "inkdigits", f"{metadata.version('inkdigits')}, Python {platform.python_version()}"
    )
    yield _core()
    yield from _extras()
    yield from _data(data_dir)
    yield _bundle()
    yield _keras()


def _core() -> _Finding:
    from importlib import metadata

    versions, missing = [], []
    for name in _CORE:
        try:
            versions.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            missing.append(name)
    if not missing:
        return _Finding("reading", ", ".join(versions))
    advice = f"Install it with: pip install {' '.join(missing)}"
    return _Finding("reading", f"{', '.join(missing)} not installed", advice, is_wrong=True)


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
    by_advice: dict[tuple[bool, str], list[str]] = {}
    for file in broken:
        by_advice.setdefault((file.path is not None, file.advice), []).append(file.name)
    for (found, advice), names in by_advice.items():
        says = f"{'damaged' if found else 'not here'}: {', '.join(names)}"
        yield _Finding("data", says, advice, is_wrong=found)


def _bundle() -> _Finding:
    try:
        import numpy as np

        from inkdigits.reader import Reader

        picture = np.full((120, 90), 255, np.uint8)
        picture[20:100, 42:48] = 0  # a stroke
        reader = Reader()
        reader.read(picture, single=True)
        started = time.perf_counter()
        page = reader.read(picture, single=True)
        elapsed_ms = (time.perf_counter() - started) * 1000
    except InkdigitsError as error:
        return _Finding("bundle", "cannot read", str(error), is_wrong=True)
    except ImportError as error:  # such as a system library that OpenCV misses
        advice = f"{error}. Install inkdigits again, with what it needs: pip install inkdigits"
        return _Finding("bundle", "cannot read", advice, is_wrong=True)
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
