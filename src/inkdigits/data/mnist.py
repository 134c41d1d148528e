"""MNIST: found or fetched, verified by SHA-256, and parsed.

Source: LeCun, Cortes and Burges, the MNIST database of handwritten digits; the writers of the
training images are from QMNIST (Yadav and Bottou 2019, "Cold Case: The Lost MNIST Digits").
"""

import gzip
import hashlib
import io
import logging
import math
import os
import struct
import sys
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from inkdigits.data import LabelledImages, Part
from inkdigits.data.disputed import DISPUTED
from inkdigits.data.download import Progress, download
from inkdigits.errors import CorruptDataError, DataError, DownloadError, MissingDataError

PLACE_VARIABLE = "INKDIGITS_DATA_DIR"

MIRRORS = (  # tried in this order; the last one holds the table of writers only
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://raw.githubusercontent.com/facebookresearch/qmnist/master/",
)

_GET_IT = (
    f"Run: inkdigits data fetch mnist (needs a network), or name a folder that holds the files "
    f"with --data-dir or {PLACE_VARIABLE}."
)
_GZIP_MAGIC = b"\x1f\x8b"

_log = logging.getLogger(__name__)


class SourceFile(NamedTuple):
    """One file of the data set, as it is when decompressed."""

    name: str
    size_bytes: int
    sha256: str
    shape: tuple[int, ...] = ()  # of the uint8 array that an IDX file holds; () is not an IDX file

    @property
    def header(self) -> bytes:
        """The first bytes of an IDX file: the magic number, then each dimension, big-endian."""
        ndim = len(self.shape)
        return struct.pack(f">HBB{ndim}I", 0, 8, ndim, *self.shape) if ndim else b""


def _idx(name: str, shape: tuple[int, ...], sha256: str) -> SourceFile:
    return SourceFile(name, 4 + 4 * len(shape) + math.prod(shape), sha256, shape)


FILES = {
    "train": (
        _idx(
            "train-images-idx3-ubyte",
            (60_000, 28, 28),
            "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        ),
        _idx(
            "train-labels-idx1-ubyte",
            (60_000,),
            "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        ),
    ),
    "test": (
        _idx(
            "t10k-images-idx3-ubyte",
            (10_000, 28, 28),
            "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        ),
        _idx(
            "t10k-labels-idx1-ubyte",
            (10_000,),
            "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        ),
    ),
}

# One row a training image, no header: class, NIST series, writer, and five more columns.
WRITERS = SourceFile(
    "qmnist-train-labels.tsv",
    1_477_471,
    "d12becc9bddd68fc45d52ddaa7868aa49dc4c7080d65b51ce6cf12ecdfbabd5c",
)


def cache_dir() -> Path:
    """The folder in which inkdigits keeps what it downloads, by the custom of the system."""
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "inkdigits"


def data_places(data_dir: Path | None = None) -> list[Path]:
    """The folders that are looked in for data, first one first.

    Args:
        data_dir: goes before all others; it may be the folder of the files, or have them in a
            sub-folder ``mnist``, as all others may.

    Raises:
        MissingDataError: one is in a home that is not known.
    """
    named = [data_dir, os.environ.get(PLACE_VARIABLE)]
    try:
        return [Path(place).expanduser() for place in named if place] + [cache_dir()]
    except RuntimeError as error:
        raise MissingDataError(
            f"No place to look for data in: {error} Give the whole path in {PLACE_VARIABLE}, and "
            "set HOME."
        ) from error


def load_mnist(split: Part, data_dir: Path | None = None, download: bool = False) -> LabelledImages:
    """Load MNIST's 60,000 training or 10,000 test images, every byte of them verified.

    Args:
        split: ``"train"`` or ``"test"``.
        data_dir: the first place to look in.
        download: fetch into the cache what is at none of the places.

    Returns:
        (n, 28, 28) images; the writers are given with the training images where QMNIST's
        table is at one of the places too.

    Raises:
        MissingDataError: a file is at none of the places looked in.
        CorruptDataError: a file is truncated, or has the wrong magic number, count or hash.
        DownloadError: as of ``fetch_mnist``.
    """
    try:
        return _load(split, data_dir)
    except (MissingDataError, CorruptDataError):
        if not download:
            raise
    fetch_mnist()
    return _load(split, data_dir)


def _load(split: Part, data_dir: Path | None) -> LabelledImages:
    images, labels = (
        np.frombuffer(_read(file, data_dir), np.uint8, offset=len(file.header)).reshape(file.shape)
        for file in FILES[split]
    )
    hashes = {file.name: file.sha256 for file in FILES[split]}
    writers = None
    if split == "train" and _find(WRITERS, data_dir):
        table = _read(WRITERS, data_dir)
        writers = np.loadtxt(io.BytesIO(table), dtype=np.int64, usecols=2)
        hashes[WRITERS.name] = WRITERS.sha256
    return LabelledImages(
        name=f"mnist-{split}",
        images=images,  # (n, 28, 28)
        labels=labels.astype(np.int64),  # (n,)
        writers=writers,  # (n,) or None
        disputed=np.isin(np.arange(len(labels)), DISPUTED[split]),  # (n,)
        hashes=hashes,
    )


def fetch_mnist(
    destination: Path | None = None,
    mirrors: Sequence[str] = MIRRORS,
    *,
    timeout_s: float = 30.0,
    rounds: int = 2,
    progress: Progress | None = None,
) -> Path:
    """Download what is missing of MNIST and of QMNIST's table, and verify every byte.

    A file that is there and right is not fetched again, a wrong one is deleted. The table of
    writers is not MNIST's own: where it cannot be had, that is logged as a warning.

    Args:
        destination: the folder that the files go into; None is ``mnist`` in the cache.
        mirrors: URLs of folders that hold the files, gzipped.
        timeout_s: longest wait for a mirror before the next one is tried.
        rounds: how often all mirrors are tried.
        progress: called with a file's name, the bytes that came, and those expected.

    Returns:
        The folder that holds the files.

    Raises:
        DownloadError: no mirror gave a file, or the folder cannot be written to.
        MissingExtraError: the downloader is not installed.
    """
    folder = cache_dir() / "mnist" if destination is None else Path(destination)
    for file in _all_files():
        if _is_there(folder, file):
            continue
        try:
            download(
                f"{file.name}.gz",
                folder / f"{file.name}.gz",
                mirrors,
                verify=lambda content, file=file: _verified(content, file),  # type: ignore[misc]
                largest_bytes=file.size_bytes + 1024,  # gzip never makes it longer than that
                timeout_s=timeout_s,
                rounds=rounds,
                progress=progress,
            )
        except DownloadError as error:
            if file != WRITERS:
                raise
            _log.warning("MNIST is there, but not who wrote it: %s", error)
    return folder


def _is_there(folder: Path, file: SourceFile) -> bool:
    for path in _candidates(folder, file):
        if not _is_file(path):
            continue
        try:
            _read_at(path, file)
        except CorruptDataError as error:
            _log.warning("%s", error)
            try:
                path.unlink()
            except OSError as refusal:
                raise DownloadError(
                    f"{path} is damaged, and cannot be deleted: {refusal.strerror}. Delete it "
                    "yourself, or choose another folder."
                ) from error
        else:
            return True
    return False


class FileReport(NamedTuple):
    """Where one file of MNIST stands, and what to do if it does not."""

    name: str
    path: Path | None  # None: at none of the places
    size_bytes: int | None  # on disk
    intact: bool  # whether it is there and its SHA-256 is right
    advice: str  # "" when there is nothing to do


def describe(data_dir: Path | None = None) -> list[FileReport]:
    """Report on the four files of MNIST and on QMNIST's table, each read and verified."""
    return [_report(file, data_dir) for file in _all_files()]


def _report(file: SourceFile, data_dir: Path | None) -> FileReport:
    path = _find(file, data_dir)
    if path is None:
        without = "" if file != WRITERS else "Without it, validation cannot be by writer. "
        return FileReport(file.name, None, None, False, without + _GET_IT)
    size_bytes = path.stat().st_size
    try:
        _read_at(path, file)
    except DataError as error:
        return FileReport(file.name, path, size_bytes, False, str(error))
    return FileReport(file.name, path, size_bytes, True, "")


def _all_files() -> tuple[SourceFile, ...]:
    return (*FILES["train"], *FILES["test"], WRITERS)


def _find(file: SourceFile, data_dir: Path | None) -> Path | None:
    for place in data_places(data_dir):
        for path in _candidates(place / "mnist", file) + _candidates(place, file):
            if _is_file(path):
                return path
    return None


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a folder that may not be entered
        return False


def _candidates(folder: Path, file: SourceFile) -> list[Path]:
    return [folder / f"{file.name}.gz", folder / file.name]


def _read(file: SourceFile, data_dir: Path | None) -> bytes:
    path = _find(file, data_dir)
    if path is None:
        places = ", ".join(str(place) for place in data_places(data_dir))
        raise MissingDataError(
            f"MNIST's {file.name}.gz is at none of the places looked in: {places}. {_GET_IT}"
        )
    return _read_at(path, file)


def _read_at(path: Path, file: SourceFile) -> bytes:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise MissingDataError(
            f"{path} cannot be read: {error.strerror}. Give yourself the right to read it. "
            f"{_GET_IT}"
        ) from error
    try:
        return _verified(content, file)
    except CorruptDataError as error:
        raise CorruptDataError(f"{path} {error}. Delete it. {_GET_IT}") from error


def _verified(content: bytes, file: SourceFile) -> bytes:
    """Decompress one file, if it is compressed, and compare it with what it has to be."""
    plain = content
    if content.startswith(_GZIP_MAGIC):
        try:
            with gzip.open(io.BytesIO(content)) as stream:
                plain = stream.read(file.size_bytes + 1)  # one more: enough to see it is too long
        except EOFError as error:
            raise CorruptDataError(
                f"is cut off: its gzip ends after {len(content)} bytes"
            ) from error
        except (OSError, zlib.error) as error:
            raise CorruptDataError(f"is damaged: its gzip gives {error}") from error
    header = file.header
    if plain[:4] != header[:4] and header:
        raise CorruptDataError(
            f"begins with {plain[:4].hex() or 'nothing'}, but the magic number of {file.name} "
            f"is {header[:4].hex()}"
        )
    if len(plain) >= len(header) and not plain.startswith(header):
        found = struct.unpack_from(f">{len(file.shape)}I", plain, 4)
        raise CorruptDataError(f"holds an array of {found}, but {file.name} is {file.shape}")
    if len(plain) != file.size_bytes:
        found_bytes = f"more than {file.size_bytes}" if len(plain) > file.size_bytes else len(plain)
        raise CorruptDataError(
            f"holds {found_bytes} bytes decompressed, but {file.name} has {file.size_bytes}"
        )
    digest = hashlib.sha256(plain).hexdigest()
    if digest != file.sha256:
        raise CorruptDataError(f"has the SHA-256 {digest}, but {file.name} has {file.sha256}")
    return plain
