"""What every test can rely on: no network, fixed seeds, and MNIST where it is at hand."""

import ipaddress
import os
import random
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

# Before anything imports Keras or Matplotlib.
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("MPLBACKEND", "Agg")

import hypothesis
import numpy as np
import pytest

DATA_VARIABLE = "INKDIGITS_DATA_DIR"
MNIST_FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)

# A loaded machine is slow at times; that is no failure. In CI the same examples come each time.
hypothesis.settings.register_profile("developer", deadline=None)
hypothesis.settings.register_profile("ci", deadline=None, derandomize=True, database=None)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "developer")


class NetworkError(RuntimeError):
    """A test reached for the network. Not an OSError, so that no code under test swallows it."""


def _is_here(host: Any) -> bool:
    if host in ("", "localhost", None):
        return True
    try:
        return ipaddress.ip_address(str(host).partition("%")[0]).is_loopback
    except ValueError:
        return False


def _guard_socket(name: str) -> None:
    original: Callable[..., Any] = getattr(socket.socket, name)

    def guarded(self: socket.socket, *args: Any) -> Any:
        internet = self.family in (socket.AF_INET, socket.AF_INET6)
        address = args[-1] if args else None
        if internet and isinstance(address, tuple) and not _is_here(address[0]):
            raise NetworkError(f"The network is off in tests, but one reached for {address}.")
        return original(self, *args)

    setattr(socket.socket, name, guarded)


def _guard_names() -> None:
    original = socket.getaddrinfo

    def guarded(host: Any, *args: Any, **options: Any) -> Any:
        if not _is_here(host.decode() if isinstance(host, bytes) else host):
            raise NetworkError(f"The network is off in tests, but one looked up {host!r}.")
        return original(host, *args, **options)

    socket.getaddrinfo = guarded


def pytest_configure() -> None:
    """Take the network away before the first test module is imported."""
    for name in ("connect", "connect_ex", "sendto"):
        _guard_socket(name)
    _guard_names()


@pytest.fixture(autouse=True)
def _seeded() -> None:
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002 - for libraries that draw from the global generator
    if keras := sys.modules.get("keras"):
        keras.utils.set_random_seed(0)


def _holds_mnist(folder: Path) -> bool:
    return all(
        any((folder / (name + ending)).is_file() for ending in ("", ".gz")) for name in MNIST_FILES
    )


@pytest.fixture(scope="session")
def mnist_dir() -> Path:
    """The folder in which the four files of the full MNIST lie."""
    named = os.environ.get(DATA_VARIABLE)
    if not named:
        pytest.skip(f"needs the full MNIST: set {DATA_VARIABLE} to the folder that holds it")
    for folder in (Path(named), Path(named) / "mnist"):
        if _holds_mnist(folder):
            return folder.resolve()
    pytest.skip(f"{DATA_VARIABLE} is {named}, but the four files of MNIST are not there")
