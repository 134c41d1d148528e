"""Make notebooks/mnist.ipynb: the cells of notebooks/mnist.py, executed, and their outputs tidied.

python scripts/write_notebook.py                      the full run on MNIST, some minutes
python scripts/write_notebook.py --quick --out FILE   a short one on drawn digits, as in CI
"""

import argparse
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

SOURCE = Path(__file__).parents[1] / "notebooks" / "mnist.py"
TIMEOUT_S = 900
# TensorFlow's C++ writes these to stderr whatever it is told.
CHATTER = re.compile(
    r"^(WARNING: All log messages before absl"
    r"|[IWE]\d{4} [\d:.]+ +\d+ "
    r"|\d{4}-\d\d-\d\d .*: [IWE] ).*\n?",
    re.MULTILINE,
)


def notebook_of(source: Path) -> Any:
    """The notebook that a percent script describes, not executed, the same each time."""
    import jupytext  # type: ignore[import-untyped]

    notebook = jupytext.read(source)
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number:02}"
        cell.metadata = {}
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    return notebook


def execute(notebook: Any, *, quick: bool) -> None:
    """Run every cell in a kernel of its own, in a folder of its own."""
    from nbclient import NotebookClient

    with tempfile.TemporaryDirectory() as folder, _environment(quick, Path(folder)):
        NotebookClient(
            notebook,
            timeout=TIMEOUT_S,
            startup_timeout=TIMEOUT_S,
            kernel_name="python3",
            record_timing=False,
            resources={"metadata": {"path": folder}},
            extra_arguments=["--log-level=ERROR"],  # it warns that its sockets are not encrypted
        ).execute()


def tidy(notebook: Any) -> None:
    """Leave out what TensorFlow logs; refuse warnings, and paths of this machine."""
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        for output in cell.outputs:
            if output.output_type == "stream" and output.name == "stderr":
                output.text = CHATTER.sub("", output.text)
        cell.outputs = [output for output in cell.outputs if output.get("text") != ""]
        for output in cell.outputs:
            if output.get("name") == "stderr" or "WARNING" in output.get("text", ""):
                raise SystemExit(f"A cell warns:\n{cell.source}\n---\n{output.text}")
            for path in machine_paths():
                if path in str({**output.get("data", {}), "image/png": "", "": output.get("text")}):
                    raise SystemExit(f"The output of a cell holds {path}:\n{cell.source}")


def machine_paths() -> set[str]:
    """The folders whose names have no place in a notebook that others read."""
    named = os.environ.get("INKDIGITS_DATA_DIR", "")
    paths = {str(SOURCE.parents[1]), str(Path.home()), tempfile.gettempdir(), named}
    return {path for path in paths if len(path) > 1}


@contextmanager
def _environment(quick: bool, folder: Path) -> Iterator[None]:
    """Settle what the kernel inherits; Jupyter's own files stay out of the user's home."""
    before = dict(os.environ)
    os.environ |= {
        "INKDIGITS_NOTEBOOK": "quick" if quick else "full",
        "IPYTHONDIR": str(folder / ".ipython"),
        "JUPYTER_RUNTIME_DIR": str(folder / ".jupyter"),
        "JUPYTER_CONFIG_DIR": str(folder / ".jupyter"),
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
    }
    os.environ.pop("MPLBACKEND", None)  # figures go into the notebook
    try:
        yield
    finally:
        os.environ.clear()
        os.environ |= before


def main() -> int:
    """Write the notebook, whole or not at all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--quick", action="store_true", help="drawn digits and two epochs")
    parser.add_argument("--out", type=Path, default=SOURCE.with_suffix(".ipynb"))
    options = parser.parse_args()
    import nbformat

    notebook = notebook_of(SOURCE)
    execute(notebook, quick=options.quick)
    tidy(notebook)
    text = str(nbformat.writes(notebook, version=4))  # type: ignore[no-untyped-call]
    options.out.write_text(text if text.endswith("\n") else text + "\n", encoding="utf-8")
    print(f"{options.out.name}: {len(text) / 2**20:.2f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
