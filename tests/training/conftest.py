import dataclasses
from pathlib import Path
from typing import NamedTuple

import keras
import pytest
from rich.console import Console

from inkdigits.config import AugmentConfig, Config
from inkdigits.training.ensemble import fit_ensemble
from inkdigits.training.fit import fit
from inkdigits.training.progress import TrainingProgress
from inkdigits.training.run import Run

EPOCHS = 3


class Trained(NamedTuple):
    config: Config
    run: Run
    printed: str  # by the progress bar


class Watch(keras.callbacks.Callback):
    """Counts the epochs that begin, and does something at the start of one of them."""

    def __init__(self, epoch: int | None = None, action: object = None) -> None:
        super().__init__()
        self.begun: list[int] = []
        self._epoch, self._action = epoch, action

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        self.begun.append(epoch + 1)
        self._now = epoch + 1 == self._epoch

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        if self._now and callable(self._action):
            self._action(self.model)


@pytest.fixture(scope="session")
def small_config() -> Config:
    """Two hundred digits that we draw, three epochs of 45 steps."""
    return Config().replace(
        data={"source": "synthetic", "limit": 200, "synthetic": 10, "seed": 5},
        train={
            "model": "mlp",
            "epochs": EPOCHS,
            "batch_size": 4,
            "learning_rate": 0.003,
            "tensorboard": True,
            "seed": 20_240_131,
        },
    )


@pytest.fixture(scope="session")
def trained(small_config: Config, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """One whole run; nobody may change it."""
    with (tmp_path_factory.mktemp("printed") / "out.txt").open("w+") as file:
        progress = TrainingProgress(Console(file=file, width=200))
        folder = tmp_path_factory.mktemp("runs") / "whole"
        run = fit(small_config, folder, callbacks=[progress])
        file.seek(0)
        return Trained(small_config, run, file.read())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where a run may go; not there yet."""
    return tmp_path / "runs" / "mine"


@pytest.fixture
def watch() -> type[Watch]:
    return Watch


@pytest.fixture(scope="session")
def quick_config() -> Config:
    """A hundred and twenty digits that we draw, two epochs of 14 steps, no augmentation."""
    return Config().replace(
        data={"source": "synthetic", "limit": 120},
        train={"model": "mlp", "epochs": 2, "batch_size": 8, "seed": 3},
        augment={field.name: 0.0 for field in dataclasses.fields(AugmentConfig)},
    )


@pytest.fixture(scope="session")
def pair(quick_config: Config, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """An ensemble of two; nobody may change it."""
    config = quick_config.replace(train={"members": 2})
    return fit_ensemble(config, tmp_path_factory.mktemp("runs") / "pair")
