"""Every block of README.md is run, and prints what it says it prints."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import urllib.request
from dataclasses import asdict
from pathlib import Path

import pytest

from inkdigits.reader import Reader

ROOT = Path(__file__).parents[1]
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", (ROOT / "README.md").read_text("utf-8"), re.M | re.S)


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that looks like the checkout to a reader of the README, and may be written to."""
    folder = tmp_path_factory.mktemp("checkout")
    shutil.copytree(ROOT / "examples", folder / "examples")
    return folder


def run(command: str, folder: Path) -> str:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def serve(command: str, folder: Path) -> None:
    """Start the service on a free port, ask whether it is ready, and stop it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    words = [sys.executable, "-m", *command.partition("#")[0].split(), "--port", str(port)]
    with subprocess.Popen(words, cwd=folder, stderr=subprocess.PIPE, text=True) as process:
        try:
            for line in process.stderr or ():
                if str(port) in line:
                    break
            answer = urllib.request.urlopen(f"http://127.0.0.1:{port}/v2/health/ready", timeout=60)
            with answer:
                assert answer.status == 200
        finally:
            process.terminate()
    assert process.returncode in (0, -signal.SIGTERM)  # as a process that was asked to end


def of_kind(kind: str) -> list[str]:
    return [text for name, text in BLOCKS if name == kind]


def test_every_block_is_of_a_kind_that_is_run() -> None:
    assert {kind for kind, _ in BLOCKS} == {"sh", "console", "python"}


@pytest.mark.parametrize("block", of_kind("console"))
def test_console_blocks_print_what_they_show(block: str, checkout: Path) -> None:
    for part in block.split("$ ")[1:]:
        command, _, shown = part.partition("\n")
        printed = run(command, checkout)
        if shown:
            assert printed == shown, command


@pytest.mark.parametrize("block", of_kind("python"))
def test_python_blocks_run(block: str, checkout: Path) -> None:
    script = checkout / "block.py"
    script.write_text(block, encoding="utf-8")
    assert run("python block.py", checkout).startswith("1 ")  # the first digit of sums.jpg


def test_shell_blocks_run(checkout: Path) -> None:
    for block in of_kind("sh"):
        for command in block.splitlines():
            if command.startswith("make "):  # what these do is what runs this test
                run(f"make --dry-run {command.removeprefix('make ')}", ROOT)
            elif command.startswith("inkdigits serve"):
                serve(command, checkout)
            else:
                run(command, checkout)
    assert (checkout / "runs/first/report/report.html").exists()
    assert (checkout / "first.digits").exists()


def test_the_figures_of_strangers_are_those_of_what_ships():
    """Another calibration answers more or less, and errs more or less; measure it again then."""
    record = max((ROOT / "benchmarks/records").glob("*-strangers"))
    measured = json.loads((record / "environment.json").read_text("utf-8"))["read_by"]
    reader = Reader()
    assert measured == {"bundle": reader.bundle.name, **asdict(reader.rule)}
