"""Labelled images: MNIST, digits that we draw ourselves, and people's own, in one form."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from inkdigits.errors import BadArrayError, MissingDataError

CLASSES = 10

Part = Literal["train", "test"]


@dataclass(frozen=True, kw_only=True)
class LabelledImages:
    """Images of single digits, each with its class.

    Attributes:
        name: where they come from: ``"mnist-train"``, or the folder's name.
        images: (n, height, width) uint8; 255 is full ink, 0 is paper.
        labels: (n,) int64, 0 to 9.
        writers: (n,) int64, who wrote each image; None when that is not known.
        disputed: (n,) bool, whether most people would give another label; None when nobody looked.
        hashes: SHA-256, in hexadecimal, of the decompressed bytes of each source.

    Raises:
        BadArrayError: an array of another shape, dtype or range, or of another length.
    """

    name: str
    images: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int64]
    writers: npt.NDArray[np.int64] | None
    disputed: npt.NDArray[np.bool_] | None = None
    hashes: Mapping[str, str]

    def __post_init__(self) -> None:
        self._check("images", self.images, np.uint8, "(n, height, width)", 3)
        self._check("labels", self.labels, np.int64, "(n,)", 1)
        if self.writers is not None:
            self._check("writers", self.writers, np.int64, "(n,)", 1)
        if self.disputed is not None:
            self._check("disputed", self.disputed, np.bool_, "(n,)", 1)
        outside = self.labels[(self.labels < 0) | (self.labels >= CLASSES)]
        if outside.size:
            raise BadArrayError(
                f"The labels of {self.name} hold {outside[0]}, but must be whole numbers "
                f"from 0 to {CLASSES - 1}."
            )

    def _check(
        self, field: str, array: npt.NDArray[Any], dtype: type, shape: str, ndim: int
    ) -> None:
        if array.dtype != dtype or array.ndim != ndim:
            raise BadArrayError(
                f"The {field} of {self.name} are {array.dtype} {array.shape}, "
                f"but must be {np.dtype(dtype)} {shape}."
            )
        if len(array) != len(self.images):
            raise BadArrayError(
                f"The {field} of {self.name} are {len(array)}, but there are "
                f"{len(self.images)} images: give one for each."
            )

    def __len__(self) -> int:
        return len(self.images)

    def take(self, indices: npt.ArrayLike) -> "LabelledImages":
        """Some of the images, in the order given; a copy.

        Args:
            indices: (m,) whole numbers, or (n,) bool.
        """
        chosen = np.asarray(indices)
        if chosen.size == 0:
            chosen = chosen.astype(np.int64)  # NumPy takes [] for floats
        return LabelledImages(
            name=self.name,
            images=self.images[chosen],
            labels=self.labels[chosen],
            writers=None if self.writers is None else self.writers[chosen],
            disputed=None if self.disputed is None else self.disputed[chosen],
            hashes=self.hashes,
        )


def load(
    source: str,
    split: Part,
    *,
    data_dir: Path | None = None,
    count: int = 10_000,
    seed: int = 0,
) -> LabelledImages:
    """Load labelled images by the name of their source.

    Args:
        source: ``"mnist"``, ``"synthetic"``, a folder with sub-folders 0 to 9, or an ``.npz``
            file with ``x`` and ``y``. A folder or file that holds no test images of its own
            gives all of its images for either split.
        split: ``"train"`` or ``"test"``.
        data_dir: the first place to look for MNIST in.
        count: how many digits to draw; of ``"synthetic"`` only.
        seed: of the drawing; of ``"synthetic"`` only. Train and test never draw the same.

    Raises:
        MissingDataError: there is no such source, or its files are not there.
        CorruptDataError: a file is damaged, or is not what it should be.
        DataError: classes without images, or labels that do not fit the images.
    """
    if source == "mnist":
        from inkdigits.data.mnist import load_mnist

        return load_mnist(split, data_dir)
    if source == "synthetic":
        return _synthetic(split, count, seed)

    from inkdigits.data.folder import load_folder, load_npz

    path = Path(source).expanduser()
    if path.is_dir():
        return load_folder(path, split)
    if path.is_file():
        return load_npz(path, split)
    raise MissingDataError(
        f"The data source {source!r} is not there. Give mnist, synthetic, a folder with "
        "sub-folders 0 to 9, or an .npz file with x and y."
    )


def _synthetic(split: Part, count: int, seed: int) -> LabelledImages:
    from inkdigits.synthesis.strokes import synthetic_digits

    # Even seeds draw training digits and odd ones test digits, so that no two seeds ever share.
    images, labels = synthetic_digits(count, 2 * seed + (split == "test"))
    digest = hashlib.sha256(images.tobytes() + labels.tobytes()).hexdigest()
    return LabelledImages(
        name=f"synthetic-{split}",
        images=images,
        labels=labels,
        writers=None,
        hashes={f"synthetic-{split}": digest},
    )
