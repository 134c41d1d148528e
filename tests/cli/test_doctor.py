"""`inkdigits doctor`: nothing that is wrong makes it fall over, and each thing has its advice."""

import importlib.util
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from inkdigits import bundle
from inkdigits.cli import doctor
from inkdigits.data import mnist


@pytest.fixture(autouse=True)
def _quick(monkeypatch, tmp_path) -> Iterator[None]:
    """No Keras in a process of its own, which takes seconds, and no data but what a test puts."""
    monkeypatch.setenv(mnist.PLACE_VARIABLE, str(tmp_path / "data"))
    monkeypatch.setattr(mnist, "cache_dir", lambda: tmp_path / "cache")
    keras = SimpleNamespace(returncode=0, stdout="tensorflow 3.0, accelerators: none\n", stderr="")
    monkeypatch.setattr(doctor.subprocess, "run", lambda *_, **__: keras)
    return


def rows(out: str) -> dict[str, tuple[str, str]]:
    """What each finding is marked with, and all that it says."""
    found: dict[str, tuple[str, str]] = {}
    name = ""
    for line in out.splitlines():
        if not line.startswith(" "):
            mark, name, *_ = line.split()
            found[name] = (mark, found.get(name, ("", ""))[1])
        found[name] = (found[name][0], found[name][1] + line + "\n")
    return found


def without(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """Make modules look as if they were not installed."""
    original = importlib.util.find_spec

    def find_spec(name: str, *rest: Any) -> Any:
        return None if name in names else original(name, *rest)

    monkeypatch.setattr(importlib.util, "find_spec", find_spec)


def test_what_works_is_ok(inkdigits):
    done = inkdigits("doctor")
    assert (done.code, done.err) == (0, "")
    found = rows(done.out)
    assert {name: mark for name, (mark, _) in found.items()} | {"[notebook]": "?"} == {
        "inkdigits": "ok",
        "reading": "ok",
        "[formats]": "ok",
        "[train]": "ok",
        "[notebook]": "?",
        "[serve]": "ok",
        "data": "-",
        "bundle": "ok",
        "keras": "ok",
    }
    assert metadata.version("inkdigits") in found["inkdigits"][1]
    assert f"onnxruntime {metadata.version('onnxruntime')}" in found["reading"][1]
    assert "hashes right; read a stroke as '1' in " in found["bundle"][1]
    assert "tensorflow 3.0" in found["keras"][1]


def test_data_that_is_not_there_is_told_how_to_get(inkdigits):
    found = rows(inkdigits("doctor").out)
    assert found["data"][0] == "-"
    assert found["data"][1].count("inkdigits data fetch mnist") == 2  # MNIST, and its writers
    assert "t10k-images-idx3-ubyte" in found["data"][1]


def test_data_that_is_damaged_is_wrong(inkdigits, tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "t10k-labels-idx1-ubyte").write_bytes(b"nothing of the kind")
    done = inkdigits("doctor")
    assert done.code == 1
    assert "WRONG data        damaged: t10k-labels-idx1-ubyte\n" in done.out


def test_data_that_is_whole_is_ok(inkdigits, mnist_dir):
    done = inkdigits("doctor", "--data-dir", mnist_dir)
    assert done.code == 0
    assert "ok    data        MNIST found and verified in " in done.out


def test_a_missing_extra_is_no_fault_but_has_its_line(inkdigits, monkeypatch):
    without(monkeypatch, "keras", "tf2onnx", "jupytext")
    done = inkdigits("doctor")
    assert done.code == 0
    found = rows(done.out)
    for name, extra in (("[train]", "train"), ("[notebook]", "notebook"), ("keras", "train")):
        assert found[name][0] == "-"
        assert f"pip install 'inkdigits[{extra}]'" in found[name][1]
    assert "What needs keras, tf2onnx needs" in found["[train]"][1]


def test_a_backend_that_does_not_start_is_wrong(inkdigits, monkeypatch):
    failed = SimpleNamespace(returncode=1, stdout="", stderr="Traceback\nImportError: no libcuda\n")
    monkeypatch.setattr(doctor.subprocess, "run", lambda *_, **__: failed)
    done = inkdigits("doctor")
    assert done.code == 1
    mark, said = rows(done.out)["keras"]
    assert mark == "WRONG"
    assert "does not start: ImportError: no libcuda" in said
    assert "pip install --upgrade" in said


def test_a_missing_part_of_the_core_is_wrong(inkdigits, monkeypatch):
    original = metadata.version

    def version(name: str) -> str:
        if name == "opencv-python-headless":
            raise metadata.PackageNotFoundError(name)
        return original(name)

    monkeypatch.setattr(metadata, "version", version)
    done = inkdigits("doctor")
    assert done.code == 1
    mark, said = rows(done.out)["reading"]
    assert mark == "WRONG"
    assert "pip install opencv-python-headless" in said


def test_a_damaged_bundle_is_wrong(inkdigits, monkeypatch, tmp_path):
    damaged = tmp_path / "shipped.digits"
    damaged.write_bytes(bundle.shipped_path().read_bytes()[:-1000])
    monkeypatch.setattr(bundle, "shipped_path", lambda: damaged)
    done = inkdigits("doctor")
    assert done.code == 1
    mark, said = rows(done.out)["bundle"]
    assert mark == "WRONG"
    assert "truncated" in said
    assert "Get the file again" in said


def test_a_bundle_that_reads_nonsense_is_wrong(inkdigits, monkeypatch):
    fixture = Path(__file__).parents[1] / "fixtures" / "format-1.digits"  # its weights are made up
    monkeypatch.setattr(bundle, "shipped_path", lambda: fixture)
    monkeypatch.setattr("inkdigits.reader.DEFAULT_MAX_ERROR", 0.01)
    done = inkdigits("doctor")
    assert done.code == 1
    assert "It should be '1'" in rows(done.out)["bundle"][1]
