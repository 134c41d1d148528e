"""Whole files or none: also when the writer fails, is interrupted, or is killed."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from inkdigits import files
from inkdigits.files import write_bytes, write_text, written_whole

BREAKS = [ValueError("wrong"), OSError(28, "No space left on device"), KeyboardInterrupt()]


def make_folder(path: Path, content: str) -> None:
    (path / "inner").mkdir(parents=True)
    (path / "inner" / "file").write_text(content)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "new" / "deep"


def test_a_new_file_is_there_only_when_the_writer_is_done(folder: Path):
    path = folder / "model.keras"
    with written_whole(path) as part:
        assert part.parent == path.parent  # the same disk, so that one step moves it
        assert part.suffix == path.suffix
        assert part != path
        part.write_bytes(b"whole")
        assert not path.exists()
    assert path.read_bytes() == b"whole"
    assert list(folder.iterdir()) == [path]


def test_a_file_is_replaced(folder: Path):
    path = folder / "numbers.txt"
    write_text(path, "1½")
    assert path.read_bytes() == b"1\xc2\xbd"
    write_bytes(path, b"2")
    assert path.read_bytes() == b"2"
    assert list(folder.iterdir()) == [path]


def test_a_folder_is_replaced(folder: Path):
    path = folder / "saved"
    make_folder(path, "old")
    (path / "leftover").touch()
    with written_whole(path) as part:
        make_folder(part, "new")
        assert (path / "inner" / "file").read_text() == "old"
    assert (path / "inner" / "file").read_text() == "new"
    assert not (path / "leftover").exists()
    assert list(folder.iterdir()) == [path]


@pytest.mark.parametrize("error", BREAKS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("is_folder", [False, True], ids=["file", "folder"])
@pytest.mark.parametrize("is_old", [False, True], ids=["new", "replacing"])
def test_a_writer_that_breaks_off_leaves_things_as_they_were(
    folder: Path, error: BaseException, is_folder: bool, is_old: bool
):
    path = folder / "thing"
    make = make_folder if is_folder else lambda path, content: path.write_text(content)
    folder.mkdir(parents=True)
    if is_old:
        make(path, "old")
    with pytest.raises(type(error)), written_whole(path) as part:  # noqa: PT012 - breaks inside
        make(part, "half")
        raise error
    assert list(folder.iterdir()) == ([path] if is_old else [])
    if is_old:
        assert (path / "inner" / "file" if is_folder else path).read_text() == "old"


def test_an_interruption_while_a_folder_is_replaced_keeps_the_old_one(
    folder: Path, monkeypatch: pytest.MonkeyPatch
):
    path = folder / "saved"
    make_folder(path, "old")
    replace = Path.replace

    def interrupted(self: Path, target: Path) -> Path:
        if ".part-" in self.name:
            raise KeyboardInterrupt
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt), written_whole(path) as part:
        make_folder(part, "new")
    assert (path / "inner" / "file").read_text() == "old"
    assert list(folder.iterdir()) == [path]


def test_a_writer_that_writes_nothing_is_an_error(folder: Path):
    path = folder / "thing"
    write_text(path, "old")
    with pytest.raises(FileNotFoundError), written_whole(path):
        pass
    assert path.read_text() == "old"


@pytest.mark.parametrize("is_folder", [False, True], ids=["file", "folder"])
def test_a_file_and_a_folder_do_not_replace_each_other(folder: Path, is_folder: bool):
    path = folder / "thing"
    if is_folder:
        make_folder(path, "old")
    else:
        write_text(path, "old")
    make = make_folder if not is_folder else lambda path, content: path.write_text(content)
    with pytest.raises(OSError, match="directory"), written_whole(path) as part:
        make(part, "new")
    assert (path / "inner" / "file" if is_folder else path).read_text() == "old"
    assert list(folder.iterdir()) == [path]


def test_a_file_where_the_folder_should_be_is_an_error(tmp_path: Path):
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        write_text(tmp_path / "file" / "thing", "new")


def test_a_killed_writer_leaves_nothing_that_is_taken_for_whole(folder: Path):
    path = folder / "thing"
    write_text(path, "old")
    program = (
        "import os, pathlib, signal, sys\n"
        "from inkdigits.files import written_whole\n"
        "with written_whole(pathlib.Path(sys.argv[1])) as part:\n"
        "    part.write_text('half')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", program, str(path)], timeout=60, check=False)
    assert done.returncode == -signal.SIGKILL
    assert path.read_text() == "old"
    assert [left.name for left in folder.glob("*") if not left.name.startswith(".")] == ["thing"]
    assert len(list(folder.iterdir())) == 2  # the half is there, under a name that nobody reads


@pytest.mark.parametrize("is_folder", [False, True], ids=["file", "folder"])
def test_what_a_killed_process_of_the_same_number_left_is_cleared_away(
    folder: Path, is_folder: bool
):
    # In a container, every process may be number 1.
    stale = folder / f".part-{os.getpid()}-thing"
    make_folder(stale, "stale") if is_folder else write_text(stale, "stale")
    with written_whole(folder / "thing") as part:
        assert not part.exists()
        part.write_text("new")
    assert list(folder.iterdir()) == [folder / "thing"]


def test_files_imports_nothing_that_is_slow():
    assert set(vars(files)) & {"keras", "numpy"} == set()
