"""A run folder: what it refuses, and what becomes of damaged files."""

import errno
import json
import shutil
import subprocess
import zipfile
from importlib import metadata
from pathlib import Path

import keras
import pytest

from inkdigits.config import Config
from inkdigits.errors import RunError
from inkdigits.models import zoo
from inkdigits.training import run as run_module
from inkdigits.training.run import Run, environment, load_model

ROWS = [{"epoch": 1, "loss": 0.25, "val_loss": 0.5}, {"epoch": 2, "loss": 0.125, "val_loss": 0.75}]


@pytest.fixture
def run(folder: Path) -> Run:
    return Run.create(folder, Config().replace(train={"epochs": 7}))


@pytest.fixture(scope="module")
def model() -> keras.Model:
    return zoo.reading_model(zoo.build_network("mlp"))


def test_a_run_begins_with_its_configuration(run: Run):
    assert Run.open(run.folder) == run
    assert run.config() == Config().replace(train={"epochs": 7})
    assert run.history() == []
    assert [path.name for path in run.folder.iterdir()] == ["config.toml"]


def test_a_configuration_of_before_a_field_was_there_has_its_default(run: Run):
    newer = ("members", "teacher", "seed")
    lines = run.config_path.read_text().splitlines()
    older = [line for line in lines if not line.startswith(newer)]
    assert len(lines) - len(older) == 7
    run.write("config.toml", "\n".join(older))
    assert run.config() == Config().replace(train={"epochs": 7})


def test_a_folder_that_holds_a_run_is_not_taken(run: Run):
    with pytest.raises(RunError, match=r"already holds a run.*--resume.*--out"):
        Run.create(run.folder, Config())
    assert run.config().train.epochs == 7


def test_a_folder_that_holds_something_else_is_taken(folder: Path):
    folder.mkdir(parents=True)
    (folder / "notes.txt").write_text("mine")
    Run.create(folder, Config())
    assert (folder / "notes.txt").read_text() == "mine"


def test_a_folder_without_a_run_cannot_be_opened(tmp_path: Path):
    for path in (tmp_path, tmp_path / "nowhere", Path(__file__)):
        with pytest.raises(RunError, match=r"holds no run.*inkdigits train"):
            Run.open(path)


def test_a_file_where_the_folder_should_be_is_an_error(tmp_path: Path):
    (tmp_path / "file").write_text("mine")
    for path in (tmp_path / "file", tmp_path / "file" / "inside"):
        with pytest.raises(RunError, match=r"cannot be written: .*--out"):
            Run.create(path, Config())
    assert (tmp_path / "file").read_text() == "mine"


def test_an_impossible_name_is_an_error(tmp_path: Path):
    with pytest.raises(RunError, match="cannot be written: File name too long"):
        Run.create(tmp_path / ("x" * 300), Config())


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS, errno.ENOSPC])
def test_a_folder_that_cannot_be_written_is_an_error(
    run: Run, model: keras.Model, number: int, monkeypatch: pytest.MonkeyPatch
):
    def refuse(*_: object) -> None:
        raise OSError(number, "no such luck")

    monkeypatch.setattr(Path, "write_bytes", refuse)
    with pytest.raises(RunError, match="cannot be written: no such luck"):
        run.write_history(ROWS)
    monkeypatch.setattr(keras.Model, "save", refuse)
    with pytest.raises(RunError, match="cannot be written: no such luck"):
        run.save_model(model, run.model_path)
    assert [path.name for path in run.folder.iterdir()] == ["config.toml"]


def test_history_is_a_row_a_line(run: Run):
    run.write_history(ROWS)
    lines = (run.folder / "history.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == ROWS
    assert run.history() == ROWS
    run.write_history(ROWS[:1])
    assert run.history() == ROWS[:1]


@pytest.mark.parametrize("content", [b'{"epoch": 1', b"\xff\xfe", b"\n"])
def test_a_damaged_history_is_an_error(run: Run, content: bytes):
    (run.folder / "history.jsonl").write_bytes(content)
    with pytest.raises(RunError, match=r"history\.jsonl is damaged"):
        run.history()


@pytest.mark.parametrize("content", [None, "", "{", "[1]"])
def test_a_missing_or_damaged_document_is_an_error(run: Run, content: str | None):
    if content is not None:
        (run.folder / "calibration.json").write_text(content)
    with pytest.raises(RunError, match=r"calibration\.json is missing or broken.*--resume"):
        run.read_json("calibration.json")


def test_a_document_comes_back(run: Run):
    run.write_json("calibration.json", {"temperature": 0.75, "note": "é"})
    assert run.read_json("calibration.json") == {"temperature": 0.75, "note": "é"}
    assert "é" in (run.folder / "calibration.json").read_text(encoding="utf-8")


def test_a_model_comes_back(run: Run, model: keras.Model):
    run.save_model(model, run.model_path)
    ink = keras.random.uniform((2, 31, 40), seed=0)
    loaded = run.load_model()
    assert (loaded(ink)["logits"].numpy() == model(ink)["logits"].numpy()).all()


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def flipped(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF  # inside the weights
    path.write_bytes(content)


def without_weights(path: Path) -> None:
    whole = path.with_suffix(".whole")
    shutil.move(path, whole)
    with zipfile.ZipFile(whole) as old, zipfile.ZipFile(path, "w") as new:
        for name in old.namelist():
            if not name.endswith(".h5"):
                new.writestr(name, old.read(name))


def garbage(path: Path) -> None:
    path.write_bytes(b"garbage" * 99)


@pytest.mark.parametrize(
    "damage",
    [Path.unlink, truncated, flipped, without_weights, garbage],
    ids=lambda it: it.__name__,
)
def test_a_damaged_model_is_an_error(run: Run, model: keras.Model, damage: object):
    run.save_model(model, run.model_path)
    assert callable(damage)
    damage(run.model_path)
    with pytest.raises(RunError, match=r"model\.keras is missing or no model"):
        load_model(run.model_path)


def test_environment_says_what_it_ran_on():
    found = environment({"data": "abc"})
    assert found["data_sha256"] == {"data": "abc"}
    for name in ("inkdigits", "keras", "numpy"):
        assert found[name] == metadata.version(name)
    assert found["backend"].startswith(keras.backend.backend() + " ")
    assert found["backend"].split()[1][0].isdigit()
    assert found["processor"]
    assert found["cores"] >= 1
    assert found["devices"][0].startswith(("cpu", "gpu"))
    json.dumps(found)


def test_the_git_revision_is_that_of_our_own_checkout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def git(*arguments: str) -> str:
        identity = ("-c", "user.name=x", "-c", "user.email=x", "-c", "commit.gpgsign=false")
        command = ["git", "-C", str(tmp_path), *identity, *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    source = tmp_path / "run.py"
    monkeypatch.setattr(run_module, "__file__", str(source))
    assert environment({})["git_revision"] is None  # installed, no checkout around it
    git("init")
    git("commit", "--allow-empty", "-m", "somebody else's")
    source.touch()
    assert environment({})["git_revision"] is None  # installed inside somebody else's checkout
    git("add", ".")
    git("commit", "-m", "ours")
    assert environment({})["git_revision"] == git("rev-parse", "--short", "HEAD")
    source.write_text("changed")
    assert environment({})["git_revision"] == git("rev-parse", "--short", "HEAD") + "-dirty"
