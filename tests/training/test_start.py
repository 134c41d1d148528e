"""A run that starts from another's network: what it takes over, records, and refuses."""

import hashlib
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from inkdigits.config import Config
from inkdigits.errors import InkdigitsError
from inkdigits.training.fit import fit
from inkdigits.training.run import Run

_HARDLY = {"epochs": 1, "learning_rate": 1e-8, "weight_decay": 0.0, "seed": 9}


@pytest.fixture(scope="module")
def before(quick_config: Config, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return fit(quick_config, tmp_path_factory.mktemp("runs") / "before")


def learned(run: Run) -> list[np.ndarray]:
    return [np.asarray(weight) for weight in run.load_model().trainable_weights]


def test_it_goes_on_from_the_weights_that_were_kept(quick_config: Config, before, folder: Path):
    config = quick_config.replace(train={**_HARDLY, "start": str(before.folder)})
    after, fresh = fit(config, folder), fit(quick_config.replace(train=_HARDLY), folder / "fresh")
    for kept, moved in zip(learned(before), learned(after), strict=True):
        np.testing.assert_allclose(moved, kept, atol=1e-5)
    assert any(
        np.abs(kept - other).max() > 0.01
        for kept, other in zip(learned(before), learned(fresh), strict=True)
    )
    assert after.history()[0]["val_loss"] < 0.8 * fresh.history()[0]["val_loss"]
    told = after.read_json("environment.json")["start"]
    assert told["path"] == str(before.folder)
    assert told["sha256"] == hashlib.sha256(before.model_path.read_bytes()).hexdigest()


def unfinished(before: Run, folder: Path) -> Path:
    shutil.copytree(before.folder, folder / "half")
    (folder / "half" / "calibration.json").unlink()
    return folder / "half"


def missing(before: Run, folder: Path) -> Path:
    return folder / "nobody"


def itself(before: Run, folder: Path) -> Path:
    return before.folder


@pytest.mark.parametrize(
    ("make", "change", "kind", "match"),
    [
        (missing, {}, "RunError", "holds no run"),
        (unfinished, {}, "RunError", "did not finish"),
        (itself, {"train": {"model": "convnet"}}, "ConfigError", "has the network mlp with 10"),
        (itself, {"data": {"nondigits": 100}}, "ConfigError", "but mlp with 11 is to be trained"),
        (itself, {"data": {"seed": 1}}, "ConfigError", r"learned from images.*Set data\.seed=0"),
        (itself, {"data": {"validation_share": 0.2}}, "ConfigError", r"data\.validation_share"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_is_no_start_is_refused_before_data_is_read(
    quick_config: Config, before, tmp_path: Path, folder: Path, make: Any, change, kind, match: str
):
    config = quick_config.replace(train={"start": str(make(before, tmp_path))}).replace(**change)
    with pytest.raises(InkdigitsError, match=match) as caught:
        fit(config, folder)
    assert type(caught.value).__name__ == kind
    assert not folder.exists()


def test_another_source_may_be_split_anyhow(quick_config: Config, before, tmp_path: Path, folder):
    images = np.random.default_rng(1).integers(0, 256, (60, 28, 28), np.uint8)
    np.savez(tmp_path / "own.npz", x=images, y=np.arange(60) % 10)
    own = {"source": str(tmp_path / "own.npz"), "limit": 0, "seed": 4}
    config = quick_config.replace(data=own, train={**_HARDLY, "start": str(before.folder)})
    assert fit(config, folder).is_finished


def test_one_folder_is_one_source_however_it_is_spelled(
    quick_config: Config, tmp_path: Path, folder: Path
):
    images = np.random.default_rng(1).integers(0, 256, (60, 28, 28), np.uint8)
    np.savez(tmp_path / "own.npz", x=images, y=np.arange(60) % 10)
    own = quick_config.replace(data={"source": str(tmp_path / "own.npz"), "limit": 0})
    first = fit(own, tmp_path / "first")
    spelled = str(tmp_path / "first" / ".." / "own.npz")
    again = own.replace(train={"start": str(first.folder)}, data={"source": spelled, "seed": 4})
    with pytest.raises(InkdigitsError, match=r"data\.seed is 4"):
        fit(again, folder)


def test_it_goes_on_only_with_the_start_that_it_had(
    quick_config: Config, before, tmp_path: Path, folder: Path
):
    shutil.copytree(before.folder, tmp_path / "first")
    config = quick_config.replace(train={**_HARDLY, "start": str(tmp_path / "first")})
    run = fit(config, folder)
    model = run.load_model()
    model.set_weights([weight + 1 for weight in model.get_weights()])
    run.save_model(model, tmp_path / "first" / "model.keras")
    with pytest.raises(InkdigitsError, match=r"another start: .*Put the former one back"):
        fit(config, folder, resume=True)
