"""What several verbs need: extras that may be missing, and their chatter."""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from inkdigits.errors import InkdigitsError, MissingExtraError

DataDir = Annotated[
    Path | None,
    typer.Option(
        "--data-dir", help="Folder with the data sets; else INKDIGITS_DATA_DIR, else the cache."
    ),
]


@contextmanager
def extra(name: str, what: str) -> Iterator[None]:
    """Turn a missing module into the line that installs it, and import TensorFlow quietly."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    sys.stderr.flush()
    saved, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)  # TensorFlow's C++ greets on descriptor 2, past Python
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] == "inkdigits":
            raise
        raise MissingExtraError(what, name) from error
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(nowhere)


def check_folder(folder: Path, option: str) -> None:
    """Make the folder that an option names, and try whether it can be written.

    Raises:
        InkdigitsError: it cannot.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise InkdigitsError(
            f"The folder {folder} cannot be written: {error.strerror or error}. "
            f"Give another one with {option}."
        ) from error


def say(error: InkdigitsError, about: object = "") -> None:
    """Print an error for a person, on standard error."""
    print(f"inkdigits: {about}{': ' if about else ''}{error}", file=sys.stderr)
