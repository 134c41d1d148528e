"""Writing so that a half-written file never stands where a whole one is expected."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Give a temporary path beside ``path``, which takes its place only if all goes well.

    What is written there may be a file or a folder; on an error or an interruption it is
    deleted, and whatever stood at ``path`` before is untouched. Its name ends like that of
    ``path``, for writers that go by the ending.

    Raises:
        OSError: the folder cannot be made or written, or the disk is full.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".part-{os.getpid()}-{path.name}")
    _delete(part)  # of a process that was killed and had the same number
    try:
        yield part
        _move(part, path)
    finally:
        _delete(part)


def write_bytes(path: Path, content: bytes) -> None:
    """Write a whole file or nothing; same errors as ``written_whole``."""
    with written_whole(path) as part:
        part.write_bytes(content)


def write_text(path: Path, content: str) -> None:
    """Write a whole UTF-8 text file or nothing; same errors as ``written_whole``."""
    write_bytes(path, content.encode("utf-8"))


def _move(part: Path, path: Path) -> None:
    if not (part.is_dir() and path.is_dir()):
        part.replace(path)
        return
    # A folder cannot be replaced in one step: the old one stands aside until the new one is there.
    old = path.with_name(f".old-{os.getpid()}-{path.name}")
    _delete(old)
    path.replace(old)
    try:
        part.replace(path)
    except BaseException:
        old.replace(path)
        raise
    _delete(old)


def _delete(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
