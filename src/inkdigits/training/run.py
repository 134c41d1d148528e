"""A run folder: everything that one training was made of, and everything that it made.

| file | what |
|---|---|
| ``config.toml`` | the resolved configuration |
| ``environment.json`` | versions, hardware, data hashes, git revision |
| ``history.jsonl`` | one row an epoch |
| ``checkpoint.keras`` | the training model with its optimiser, after the last whole epoch |
| ``teacher.npz`` | what the teacher said of the images, where there is one that was asked once |
| ``member-0`` … | the runs that an ensemble was trained of |
| ``strips.npz`` … | what a line reader learns from, and is validated on |
| ``patches.npz`` … | what a stroke finder learns from, and is validated on |
| ``model.keras`` | what is kept: ink → glyph, logits, novelty; or only logits of a bundle's part |
| ``calibration.json`` | temperature and dial, fitted on the validation images |
| ``curves.png`` | loss and accuracy over the epochs |
"""

import json
import os
import platform
import subprocess
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import keras

from inkdigits.config import Config
from inkdigits.errors import RunError
from inkdigits.files import write_bytes, written_whole

_LAST = "calibration.json"


@dataclass(frozen=True)
class Run:
    """One run folder on disk."""

    folder: Path

    @classmethod
    def create(cls, folder: Path, config: Config) -> "Run":
        """Start a new run.

        Raises:
            RunError: the folder already holds a run, is a file, or cannot be written.
        """
        run = cls.unused(folder)
        run.write("config.toml", config.to_toml())
        return run

    @classmethod
    def unused(cls, folder: Path) -> "Run":
        """A folder that a run may go into; nothing is written yet.

        Raises:
            RunError: it already holds a run, or cannot be read.
        """
        run = cls(folder)
        try:
            is_taken = run.config_path.exists()
        except OSError as error:
            raise _unwritable(folder, error) from error
        if is_taken:
            raise RunError(
                f"{folder} already holds a run. Go on with it by --resume, "
                "or give another folder with --out."
            )
        return run

    @classmethod
    def open(cls, folder: Path) -> "Run":
        """Find a run that was started before.

        Raises:
            RunError: the folder holds no run.
        """
        run = cls(folder)
        if not run.config_path.is_file():
            raise RunError(
                f"{folder} holds no run: there is no config.toml in it. "
                "Start one with: inkdigits train --out FOLDER"
            )
        return run

    @property
    def config_path(self) -> Path:
        """The resolved configuration."""
        return self.folder / "config.toml"

    @property
    def checkpoint_path(self) -> Path:
        """The training model after the last whole epoch."""
        return self.folder / "checkpoint.keras"

    @property
    def model_path(self) -> Path:
        """The model that is kept."""
        return self.folder / "model.keras"

    @property
    def teacher_path(self) -> Path:
        """What a teacher said of the training images."""
        return self.folder / "teacher.npz"

    @property
    def is_finished(self) -> bool:
        """Whether the last file of a run is there."""
        return (self.folder / _LAST).is_file()

    def config(self) -> Config:
        """Read the resolved configuration."""
        return Config.load(self.config_path)

    def history(self) -> list[dict[str, float]]:
        """One row for each whole epoch so far.

        Raises:
            RunError: the file was damaged.
        """
        path = self.folder / "history.jsonl"
        if not path.exists():
            return []
        try:
            return [json.loads(row) for row in path.read_text(encoding="utf-8").splitlines()]
        except (OSError, ValueError) as error:
            raise RunError(
                f"{path} is damaged ({error}), but must hold one JSON document a line. "
                "Mend that line, or train again with another --out."
            ) from error

    def write_history(self, rows: list[dict[str, float]]) -> None:
        """Replace the history."""
        self.write("history.jsonl", "".join(json.dumps(row) + "\n" for row in rows))

    def write_json(self, name: str, content: Mapping[str, Any]) -> None:
        """Write one JSON document into the folder."""
        self.write(name, json.dumps(content, indent=2, ensure_ascii=False) + "\n")

    def read_json(self, name: str) -> dict[str, Any]:
        """Read one JSON document of the folder.

        Raises:
            RunError: it is missing or broken, as in a run that did not finish.
        """
        path = self.folder / name
        try:
            return dict(json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError) as error:
            raise RunError(
                f"{path} is missing or broken, so the run did not finish. "
                f"Finish it with: inkdigits train --out {self.folder} --resume"
            ) from error

    def write(self, name: str, content: str | bytes) -> None:
        """Write one file of the folder, whole or not at all.

        Raises:
            RunError: the folder cannot be written, or the disk is full.
        """
        try:
            write_bytes(
                self.folder / name, content.encode() if isinstance(content, str) else content
            )
        except OSError as error:
            raise _unwritable(self.folder, error) from error

    def save_model(self, model: keras.Model, path: Path) -> None:
        """Save a Keras model, whole or not at all.

        Raises:
            RunError: the folder cannot be written, or the disk is full.
        """
        try:
            with written_whole(path) as part:
                model.save(part)
        except OSError as error:
            raise _unwritable(self.folder, error) from error

    def load_model(self) -> keras.Model:
        """Load the model that was kept: ink (n, H, W) → ``{"glyph", "logits"}``.

        Raises:
            RunError: there is none yet.
        """
        return load_model(self.model_path)


def load_model(path: Path) -> keras.Model:
    """Load a ``.keras`` file of a run, with the optimiser where it has one.

    Raises:
        RunError: there is no such file, or it is not a model of ours.
    """
    from inkdigits.models import (  # noqa: F401, registers the layers
        augment,
        canonical,
        ensemble,
        lines,
        strokes,
        zoo,
    )

    try:
        return keras.saving.load_model(path)
    except (OSError, ValueError, TypeError, KeyError, zipfile.BadZipFile) as error:
        raise RunError(
            f"{path} is missing or no model that can be loaded ({error}). "
            f"Train one with: inkdigits train --out {path.parent}"
        ) from error


def network_of(model: keras.Model, path: Path) -> keras.Model:
    """The network inside a model that reads: glyphs (n, 28, 28) → logits (n, 10) or (n, 11).

    Args:
        model: as ``load_model`` gives it.
        path: where it comes from, for the message.

    Raises:
        RunError: it is another kind of model, such as a checkpoint.
    """
    networks = [layer for layer in model.layers if isinstance(layer, keras.Model)]
    if model.name != "reading" or len(networks) != 1:
        raise RunError(
            f"{path} holds the model {model.name!r}, but one that reads was expected: "
            "the model.keras of a run, or what this wrote: inkdigits export RUN --to keras"
        )
    return networks[0]


def environment(data_hashes: Mapping[str, str]) -> dict[str, Any]:
    """Describe where a run happens: versions, hardware, data, git revision."""
    backend = keras.backend.backend()
    return {
        "inkdigits": metadata.version("inkdigits"),
        "python": platform.python_version(),
        "keras": keras.__version__,
        "backend": f"{backend} {_version(backend)}",
        "numpy": metadata.version("numpy"),
        "platform": platform.platform(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "devices": _devices(),
        "git_revision": _git_revision(),
        "data_sha256": dict(data_hashes),
    }


def _devices() -> list[str]:
    try:
        return list(keras.distribution.list_devices())
    except AttributeError:  # Keras asks no PyTorch for them
        return []


def _version(backend: str) -> str:
    for name in (backend, f"{backend}-cpu"):
        try:
            return metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return "unknown"


def _processor() -> str:
    try:
        rows = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = (row.partition(":")[2].strip() for row in rows if row.startswith("model name"))
    return next(names, platform.machine())


def _git_revision() -> str | None:
    """The revision of the checkout that inkdigits runs from; None when it is installed."""
    here = Path(__file__)
    try:
        # An installation may lie inside somebody else's checkout, which does not track it.
        _git(here.parent, "ls-files", "--error-unmatch", here.name)
        return _git(here.parent, "describe", "--always", "--dirty")
    except (OSError, subprocess.SubprocessError):
        return None


def _git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    return done.stdout.strip()


def _unwritable(folder: Path, error: OSError) -> RunError:
    return RunError(
        f"The run folder {folder} cannot be written: {error.strerror or error}. "
        "Free some space, or give another folder with --out."
    )
