"""The contracts on imports do catch what they are there to catch."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LINT_IMPORTS = Path(sys.executable).with_name("lint-imports")


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the rooms and of the contracts, to break."""
    folder = tmp_path_factory.mktemp("house")
    shutil.copy(ROOT / "pyproject.toml", folder)
    shutil.copytree(
        ROOT / "src/inkdigits", folder / "inkdigits", ignore=shutil.ignore_patterns("__pycache__")
    )
    return folder


def _contracts_broken(house: Path) -> int:
    """How many contracts are broken; lint-imports finds the copy first, as it is started there."""
    done = subprocess.run(
        [LINT_IMPORTS, "--no-logo", "--no-cache"],
        cwd=house,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Contracts:" in done.stdout, done.stdout + done.stderr
    return sum(line.endswith(" BROKEN") for line in done.stdout.splitlines())


@pytest.mark.parametrize(
    ("room", "line"),
    [
        ("errors.py", "from inkdigits import reading"),
        ("reading.py", "from inkdigits import config"),
        ("imaging/ink.py", "from inkdigits.evaluation import metrics"),
        ("decide.py", "def late():\n    from inkdigits import reader"),
        ("bundle.py", "import keras"),
        ("reader.py", "from matplotlib import pyplot"),
        ("models/zoo.py", "import tensorflow as tf"),
        ("a_room_on_no_floor.py", ""),
    ],
)
def test_a_wrong_import_breaks_one(house, room, line):
    path = house / "inkdigits" / room
    before = path.read_text(encoding="utf-8") if path.exists() else None
    path.write_text(f"{before or ''}\n{line}\n", encoding="utf-8")
    try:
        assert _contracts_broken(house) >= 1
    finally:
        if before is None:
            path.unlink()
        else:
            path.write_text(before, encoding="utf-8")


def test_nothing_is_broken_as_it_stands(house):
    assert _contracts_broken(house) == 0
