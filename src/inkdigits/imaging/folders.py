"""The pictures that a path stands for: itself, or those of a folder, in the order of people."""

import re
from importlib.util import find_spec
from pathlib import Path

from inkdigits.errors import MissingInputError

IMAGE_SUFFIXES = frozenset(
    {
        *(".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".bmp", ".dib"),
        *(".tif", ".tiff", ".webp", ".gif", ".avif"),
    }
)
# What needs a module of the extra 'formats'.
_MORE_SUFFIXES = {".pdf": "pypdfium2", ".heic": "pillow_heif", ".heif": "pillow_heif"}


def left_out(path: str | Path) -> list[Path]:
    """List what of a folder may hold pages, but is not read: sub-folders, and what needs an extra.

    That is PDF and HEIC, without the extra 'formats'.
    """
    path = Path(path)
    if not exists(path) or not path.is_dir():  # a file, or standard input
        return []
    unreadable = _MORE_SUFFIXES.keys() - _suffixes()
    return sorted(
        file
        for file in _listed(path)
        if not file.name.startswith(".") and (file.suffix.lower() in unreadable or file.is_dir())
    )


def image_files(path: str | Path) -> list[Path]:
    """List the pictures that a path stands for: itself, or those right inside the folder.

    Args:
        path: a file of any name, or a folder, whose hidden files and sub-folders are left out.

    Returns:
        At least one path, sorted by name as people count: ``page2`` before ``page10``.

    Raises:
        MissingInputError: nothing is there, or a folder without images.
    """
    path = Path(path)
    if not exists(path):
        raise MissingInputError(f"There is no {path}. Check the name and the folder.")
    if not path.is_dir():
        return [path]
    suffixes = _suffixes()
    found = [
        file
        for file in _listed(path)
        if file.suffix.lower() in suffixes and not file.name.startswith(".") and file.is_file()
    ]
    if not found:
        known = " ".join(sorted(suffixes))
        raise MissingInputError(f"The folder {path} holds no image. Looked for: {known}.")
    return sorted(found, key=_as_counted)


def _suffixes() -> frozenset[str]:
    """Of all that can be read here."""
    more = {suffix for suffix, module in _MORE_SUFFIXES.items() if find_spec(module)}
    return IMAGE_SUFFIXES | more


def _as_counted(file: Path) -> tuple[list[str | int], str]:
    """What sorts names by the numbers in them; they are at every second place."""
    parts = re.split(r"(\d+)", file.name)
    return [int(part) if at % 2 else part for at, part in enumerate(parts)], file.name


def _listed(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError as error:
        raise MissingInputError(f"The folder {folder} cannot be listed: {error}.") from error


def exists(path: Path) -> bool:
    """Whether anything has that name; no name is an error."""
    try:
        return path.exists()
    except (OSError, ValueError):  # a name too long, or with a null character
        return False
