"""The pictures that a path stands for."""

from pathlib import Path

import pytest

from inkdigits.errors import MissingInputError
from inkdigits.imaging.folders import image_files


def test_a_folder_is_listed_as_people_count(tmp_path: Path) -> None:
    names = ["1.png", "page1.png", "page02.png", "page2.png", "page10.png", "page10a2.png", "x.png"]
    for name in reversed(names):
        (tmp_path / name).touch()
    assert [path.name for path in image_files(tmp_path)] == names


def test_folders(tmp_path: Path) -> None:
    for name in ("b.png", "a.JPG", "c.txt", ".hidden.png"):
        (tmp_path / name).touch()
    (tmp_path / "folder.png").mkdir()
    assert [path.name for path in image_files(tmp_path)] == ["a.JPG", "b.png"]
    assert image_files(tmp_path / "c.txt") == [tmp_path / "c.txt"]
    with pytest.raises(MissingInputError, match="holds no image"):
        image_files(tmp_path / "folder.png")
    with pytest.raises(MissingInputError, match="There is no"):
        image_files(tmp_path / "nowhere")
