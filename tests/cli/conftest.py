"""The command line as a function: arguments in, exit code and output out."""

import io
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from PIL import Image

from inkdigits.synthesis.strokes import draw_digit


class Done(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def message(self) -> str:
        """What stands on standard error, without the frames and breaks of a usage error."""
        words = "".join(" " if char in "│╭╮╰╯─" else char for char in self.err).split()
        return " ".join(words)


Command = Callable[..., Done]


@pytest.fixture
def inkdigits(monkeypatch, capsys, tmp_path) -> Command:
    """Run a command in this process, in an empty folder, with whatever it is given to read."""
    from inkdigits.cli.main import main

    monkeypatch.chdir(tmp_path)

    def run(*arguments: Any, stdin: bytes = b"") -> Done:
        monkeypatch.setattr(sys, "argv", ["inkdigits", *map(str, arguments)])
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        return Done(int(ended.value.code or 0), *capsys.readouterr())

    return run


@pytest.fixture
def process(tmp_path) -> Command:
    """Run a shell command in a process of its own; ``inkdigits`` in it is ours."""
    ours = f'inkdigits() {{ {sys.executable!r} -m inkdigits "$@"; }}\n'

    def run(script: str, **environment: str) -> Done:
        done = subprocess.run(
            ["bash", "-c", "set -o pipefail\n" + ours + script],
            capture_output=True,
            cwd=tmp_path,
            env=os.environ | environment,
            check=False,
        )
        return Done(done.returncode, done.stdout.decode(), done.stderr.decode())

    return run


@pytest.fixture
def write(tmp_path) -> Callable[..., Path]:
    """Draw a page with rows of digits into a file of the empty folder."""

    def draw(name: str, *rows: str, size_px: int = 60) -> Path:
        rng = np.random.default_rng(3)
        step = size_px + size_px // 2
        widest = max(map(len, rows), default=0)
        page = np.full((2 * step * max(len(rows), 1), step * (widest + 1)), 255, np.uint8)
        for number, row in enumerate(rows):
            for position, value in enumerate(row):
                top, left = 2 * step * number + step // 2, step * position + step // 2
                ink = np.round(255 * draw_digit(int(value), rng, size_px)).astype(np.uint8)
                page[top : top + size_px, left : left + size_px] -= ink
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(page).save(path, "PNG")
        return path

    return draw
