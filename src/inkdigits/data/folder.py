"""People's own digits: a folder of pictures by class, or an ``.npz`` file with ``x`` and ``y``."""

import hashlib
import io
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from inkdigits.data import CLASSES, LabelledImages, Part
from inkdigits.errors import CorruptDataError, DataError, InputError, MissingDataError
from inkdigits.imaging.decode import decode
from inkdigits.imaging.folders import IMAGE_SUFFIXES
from inkdigits.imaging.ink import digit_ink, digits_ink

CANVAS_PX = 56  # side of the square that pictures of many sizes are fitted into
_DIGIT_PX = 40  # longer side of the ink in it
_KEPT_PX = 64  # images of at most this side are stacked as they are
_FAINTEST_INK = 0.2  # what is fainter, such as noise in a shadow, does not widen the box
_BATCH = 256

Pixels = npt.NDArray[np.uint8]


def load_folder(path: Path, split: Part = "train") -> LabelledImages:
    """Load pictures from sub-folders named after their class, ``0`` to ``9``.

    Each picture holds one digit, of any size and polarity; its ink is cut out and fitted into
    a square. Where the folder has sub-folders ``train`` and ``test``, the classes are
    looked for in the one that is asked for; otherwise all pictures are given for either.
    Hidden files, and files that do not end as pictures do, are passed over.

    Args:
        path: the folder.
        split: ``"train"`` needs all ten classes; ``"test"`` may have fewer.

    Returns:
        (n, 56, 56) images, the longer side of the ink 40 px, in the order of the file names.
        One hash stands for all files and their names.

    Raises:
        MissingDataError: no folder, no class in it, or no sub-folder for the split.
        CorruptDataError: a file that is no picture, or that holds no ink.
        DataError: a class without pictures, or a sub-folder that is no class.
    """
    root = _root(path, split)
    labels: list[int] = []
    images: list[Pixels] = []
    digest = hashlib.sha256()
    for label, files in _files_by_class(root, split).items():
        for file in files:
            content = _bytes(file)
            digest.update(f"{file.relative_to(root).as_posix()}\n{len(content)}\n".encode())
            digest.update(content)
            images.append(_picture(file, content))
            labels.append(label)
    name = path.name if root == path else f"{path.name}-{split}"
    return LabelledImages(
        name=name,
        images=np.stack(images),  # (n, 56, 56)
        labels=np.array(labels, np.int64),  # (n,)
        writers=None,
        hashes={name: digest.hexdigest()},
    )


def load_npz(path: Path, split: Part = "train") -> LabelledImages:
    """Load an ``.npz`` file of images ``x``, classes ``y`` and, if it has them, ``writers``.

    Args:
        path: the file. ``x`` is (n, H, W), (n, H, W, 1), or (n, side × side) with each image's
            rows behind one another; numbers from 0 to the largest in it, or bool; each image
            of any polarity. ``y`` is (n,) whole numbers 0 to 9, and ``writers`` (n,) whole numbers.
        split: ``"train"`` needs all ten classes; ``"test"`` may have fewer.

    Returns:
        Images of the shape that they have, if that is at most 64 pixels a side; larger ones
        are cut out and fitted into (n, 56, 56).

    Raises:
        MissingDataError: no such file.
        CorruptDataError: not an ``.npz`` file, damaged, without ``x`` or ``y``, or one of them
            has the wrong shape, dtype or range; an image without ink.
        DataError: a class without images.
    """
    content = _bytes(path)
    arrays = _arrays(path, content)
    labels = _whole_numbers(path, "y", arrays["y"])
    if labels.min() < 0 or labels.max() >= CLASSES:
        raise CorruptDataError(
            f"y of {path} holds {labels.min()} to {labels.max()}, but classes are "
            f"0 to {CLASSES - 1}. Leave out all others."
        )
    absent = sorted(set(range(CLASSES)) - set(labels.tolist()))
    if absent and split == "train":
        raise DataError(
            f"y of {path} has no image of {_listed(absent)}. Add some: a network is trained on all "
            f"{CLASSES} classes."
        )
    images = _inked(path, _as_bytes(path, _stacked(path, arrays["x"])))
    writers = arrays.get("writers")
    return LabelledImages(
        name=path.stem,
        images=images,  # (n, H, W)
        labels=labels,  # (n,)
        writers=None if writers is None else _whole_numbers(path, "writers", writers),
        hashes={path.name: hashlib.sha256(content).hexdigest()},
    )


def fitted(ink: npt.NDArray[np.float32]) -> Pixels:
    """Cut out the ink and fit it into the middle of a square.

    Args:
        ink: (h, w) float32 in [0, 1]; 1 is ink. Not modified.

    Returns:
        (56, 56) uint8, 255 is ink; the longer side of the ink is 40 px. All 0 without ink.
    """
    canvas = np.zeros((CANVAS_PX, CANVAS_PX), np.uint8)
    rows, columns = (np.flatnonzero((ink > _FAINTEST_INK).any(axis=axis)) for axis in (1, 0))
    if not rows.size:
        return canvas
    crop = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    longer = max(crop.shape)
    height, width = (max(1, round(side * _DIGIT_PX / longer)) for side in crop.shape)
    way = cv2.INTER_AREA if longer > _DIGIT_PX else cv2.INTER_LINEAR
    scaled = cv2.resize(crop, (width, height), interpolation=way)
    top, left = (CANVAS_PX - height) // 2, (CANVAS_PX - width) // 2
    canvas[top : top + height, left : left + width] = np.rint(scaled * 255)
    return canvas


def _root(path: Path, split: Part) -> Path:
    if not path.is_dir():
        raise MissingDataError(f"There is no folder {path}. Give one with sub-folders 0 to 9.")
    if not (path / "train").is_dir() and not (path / "test").is_dir():
        return path
    if not (path / split).is_dir():
        raise MissingDataError(
            f"{path} has no sub-folder {split!r}, but the other one of train and test. "
            f"Make {path / split}, or name the folder that holds 0 to 9 itself."
        )
    return path / split


def _files_by_class(root: Path, split: Part) -> dict[int, list[Path]]:
    """The pictures of each class, every class checked before the first picture is opened."""
    known = {str(label): label for label in range(CLASSES)}
    found = sorted(
        entry.name for entry in root.iterdir() if entry.is_dir() and entry.name[0] not in "._"
    )
    strange = [name for name in found if name not in known]
    present = {known[name]: root / name for name in found if name in known}
    if not present:
        raise MissingDataError(
            f"{root} has no sub-folder named after a class. Sort the pictures into 0 to 9 in it."
        )
    if strange:
        raise DataError(
            f"{root} has sub-folders that are no class: {_listed(strange)}. Move them away, or "
            "begin their names with a dot."
        )
    absent = sorted(set(range(CLASSES)) - set(present))
    if absent and split == "train":
        raise DataError(
            f"{root} has {len(present)} of {CLASSES} classes; there is no sub-folder "
            f"{_listed(absent)}. Add it with pictures in it: a network is trained on all classes."
        )
    files = {label: _pictures(folder) for label, folder in present.items()}
    empty = [present[label] for label, pictures in files.items() if not pictures]
    if empty:
        raise DataError(
            f"There is no picture in {_listed(empty)}. Put some in; known are "
            f"{' '.join(sorted(IMAGE_SUFFIXES))}."
        )
    return files


def _pictures(folder: Path) -> list[Path]:
    return sorted(
        file
        for file in folder.rglob("*")
        if file.suffix.lower() in IMAGE_SUFFIXES
        and not file.name.startswith(".")
        and file.is_file()
    )


def _picture(file: Path, content: bytes) -> Pixels:
    try:
        image = fitted(digit_ink(decode(content)))
    except InputError as error:
        raise CorruptDataError(f"{file} cannot be used: {error} Mend it or take it out.") from error
    if not image.any():
        raise CorruptDataError(f"{file} holds no ink. Take it out, or scan it with more contrast.")
    return image


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise MissingDataError(f"{path} cannot be read: {error.strerror or error}.") from error


def _arrays(path: Path, content: bytes) -> Mapping[str, npt.NDArray[Any]]:
    try:
        if not zipfile.is_zipfile(io.BytesIO(content)):
            raise CorruptDataError(
                f"{path} is not a whole .npz file. Write it with numpy.savez(path, x=images, "
                "y=labels), or copy it again."
            )
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            arrays = {key: archive[key] for key in ("x", "y", "writers") if key in archive}
            has = list(archive)
    except (ValueError, OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise CorruptDataError(
            f"{path} is damaged, or holds Python objects instead of numbers: {error}."
        ) from error
    for key in ("x", "y"):
        if key not in arrays:
            raise CorruptDataError(
                f"{path} has no {key}; it has {_listed(has) or 'nothing'}. Write it with "
                "numpy.savez(path, x=images, y=labels)."
            )
    for key, array in arrays.items():
        if array.ndim == 0 or array.size == 0:
            raise CorruptDataError(f"{key} of {path} is empty: its shape is {array.shape}.")
        if len(array) != len(arrays["x"]):
            raise CorruptDataError(
                f"{path} has {len(arrays['x'])} images x, but {len(array)} {key}. Give one each."
            )
    return arrays


def _whole_numbers(path: Path, key: str, array: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    is_number = array.dtype.kind in "iuf" and bool(np.isfinite(array).all())
    if array.ndim != 1 or not is_number or (array != np.trunc(array)).any():
        raise CorruptDataError(
            f"{key} of {path} is {array.dtype} {array.shape}, but must be whole numbers (n,)."
        )
    return array.astype(np.int64)


def _stacked(path: Path, x: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """(n, H, W) of any of the layouts that ``x`` may have."""
    if x.ndim == 4 and x.shape[-1] == 1:
        return x[..., 0]
    if x.ndim == 2:
        side = round(x.shape[1] ** 0.5)
        if side * side == x.shape[1]:
            return x.reshape(len(x), side, side)
    if x.ndim == 3:
        return x
    raise CorruptDataError(
        f"x of {path} has the shape {x.shape}, but must be (n, H, W), (n, H, W, 1), or "
        "(n, side × side), such as (n, 784)."
    )


def _as_bytes(path: Path, x: npt.NDArray[Any]) -> Pixels:
    """The same pictures with the largest value of all taken to 255, whatever it was."""
    if x.dtype.kind not in "buif":
        raise CorruptDataError(f"x of {path} is {x.dtype}, but must be uint8, float or bool.")
    low, high = float(x.min()), float(x.max())
    if not (low >= 0 and np.isfinite(high)):  # `not >=` also refuses nan
        raise CorruptDataError(
            f"x of {path} holds {low:g} to {high:g}, but brightness must be finite and at least 0."
        )
    if x.dtype == np.uint8 and high == 255:
        return x
    pixels = np.empty(x.shape, np.uint8)
    for start in range(0, len(x), _BATCH):
        batch = x[start : start + _BATCH].astype(np.float64)
        pixels[start : start + _BATCH] = np.rint(batch * (255 / (high or 1)))
    return pixels


def _inked(path: Path, pixels: Pixels) -> Pixels:
    """Ink is 255 in each; cut out and fitted if they are large."""
    is_large = max(pixels.shape[1:]) > _KEPT_PX
    shape = (CANVAS_PX, CANVAS_PX) if is_large else pixels.shape[1:]
    images = np.empty((len(pixels), *shape), np.uint8)
    for start in range(0, len(pixels), _BATCH):
        ink = digits_ink(pixels[start : start + _BATCH])
        images[start : start + _BATCH] = (
            [fitted(one) for one in ink] if is_large else np.rint(ink * 255)
        )
    blank = np.flatnonzero(~images.any(axis=(1, 2)))
    if blank.size:
        raise CorruptDataError(
            f"x of {path} holds {blank.size} images without ink, at {_listed(blank.tolist())}. "
            "Leave them out."
        )
    return images


def _listed(items: list[Any]) -> str:
    return ", ".join(map(str, items[:5])) + (" …" if len(items) > 5 else "")
