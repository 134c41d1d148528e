"""The notebook runs, and the one that is committed is the run of what stands beside it."""

import base64
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

nbformat = pytest.importorskip("nbformat", reason="pip install 'inkdigits[notebook]'")
pytest.importorskip("nbclient", reason="pip install 'inkdigits[notebook]'")
jupytext = pytest.importorskip("jupytext", reason="pip install 'inkdigits[notebook]'")

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "notebooks" / "mnist.py"
COMMITTED = ROOT / "notebooks" / "mnist.ipynb"
REMAKE = "make it again: python scripts/write_notebook.py"
LARGEST_BYTES = 1_500_000


def code_cells(notebook: Any) -> list[Any]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def outputs_of(notebook: Any) -> Iterator[tuple[str, str]]:
    """Kind and text of each output, pictures left out."""
    for cell in code_cells(notebook):
        for output in cell.outputs:
            yield output.get("name", output.output_type), output.get("text", "")
            for kind, content in output.get("data", {}).items():
                if not kind.startswith("image/"):
                    yield kind, content


def assert_clean(notebook: Any) -> None:
    """Executed from top to bottom, and fit for others to read."""
    cells = code_cells(notebook)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    for kind, text in outputs_of(notebook):
        assert kind not in ("stderr", "error"), text
        assert "WARNING" not in text, text
        for path in (str(ROOT), str(Path.home()), "/tmp/", "C:\\"):
            assert path not in text, text


@pytest.fixture(scope="module")
def committed() -> Any:
    return nbformat.read(COMMITTED, as_version=4)


def test_committed_notebook_holds_the_cells_of_its_source(committed: Any) -> None:
    source = jupytext.read(SOURCE)
    cells = [(cell.cell_type, cell.source) for cell in committed.cells]
    assert cells == [(cell.cell_type, cell.source) for cell in source.cells], REMAKE


def test_committed_notebook_is_executed_and_clean(committed: Any) -> None:
    nbformat.validate(committed)
    assert_clean(committed)
    assert COMMITTED.stat().st_size <= LARGEST_BYTES


def test_committed_notebook_is_the_full_run(committed: Any) -> None:
    text = "\n".join(text for _, text in outputs_of(committed))
    assert "of 10,000 right" in text, f"not the whole test set of MNIST; {REMAKE}"
    assert "none of whom is among" in text, f"not validated by writer; {REMAKE}"


def test_committed_notebook_shows_its_pictures(committed: Any) -> None:
    pictures = [
        base64.b64decode(content)
        for cell in code_cells(committed)
        for output in cell.outputs
        for kind, content in output.get("data", {}).items()
        if kind in ("image/png", "image/jpeg")
    ]
    assert len(pictures) >= 15
    assert all(len(picture) > 1_000 for picture in pictures)


def test_notebook_runs_in_quick_mode(tmp_path: Path) -> None:
    made = tmp_path / "quick.ipynb"
    done = subprocess.run(
        [sys.executable, ROOT / "scripts" / "write_notebook.py", "--quick", "--out", made],
        env={**os.environ, "INKDIGITS_DATA_DIR": str(tmp_path)},  # it needs no data
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert_clean(nbformat.read(made, as_version=4))
