"""Runs whose weights are averaged: one network, of runs that started from the same."""

from pathlib import Path

import numpy as np
import pytest
import sklearn.metrics

from inkdigits.config import Config
from inkdigits.errors import RunError
from inkdigits.training.ensemble import join
from inkdigits.training.examples import validation_images
from inkdigits.training.fit import fit
from inkdigits.training.run import Run


@pytest.fixture(scope="module")
def first(quick_config: Config, tmp_path_factory: pytest.TempPathFactory) -> Run:
    config = quick_config.replace(train={"model": "convnet", "learning_rate": 0.003, "epochs": 12})
    return fit(config, tmp_path_factory.mktemp("runs") / "first")


@pytest.fixture(scope="module")
def second(first: Run, tmp_path_factory: pytest.TempPathFactory) -> Run:
    train = {"start": str(first.folder), "seed": 8, "epochs": 2}
    config = first.config().replace(train=train, data={"synthetic": 20})
    return fit(config, tmp_path_factory.mktemp("runs") / "second")


def weights(run: Run) -> list[np.ndarray]:
    return [np.asarray(weight, np.float64) for weight in run.load_model().get_weights()]


def test_every_weight_and_running_mean_is_the_mean(first: Run, second: Run, folder: Path):
    run = join([first.folder, second.folder], folder, average_weights=True)
    apart = weights(first), weights(second)
    assert max(np.abs(one - other).max() for one, other in zip(*apart, strict=True)) > 1e-3
    for mean, one, other in zip(weights(run), *apart, strict=True):
        np.testing.assert_allclose(mean, (one + other) / 2, rtol=1e-5, atol=1e-7)
    for before, after in zip(apart, (weights(first), weights(second)), strict=True):
        for one, other in zip(before, after, strict=True):
            np.testing.assert_array_equal(one, other)


def test_it_is_a_run_of_one_network_and_says_what_of(first: Run, second: Run, folder: Path):
    run = join([first.folder, second.folder], folder, average_weights=True)
    config = run.config()
    assert run.is_finished
    assert config == first.config().replace(data={"synthetic": 20})
    told = run.read_json("environment.json")
    assert told["averaged"] == "weights"
    assert [each["run"] for each in told["members"]] == ["first", "second"]
    assert told["members"][1]["start"]["path"] == str(first.folder)
    ink, labels = validation_images(config)
    logits = run.load_model().predict(ink, verbose=0)["logits"]
    alone, both = run.history()
    assert alone["val_accuracy"] == pytest.approx(first.history()[-1]["val_accuracy"])
    assert alone["val_loss"] == pytest.approx(first.history()[-1]["val_loss"], abs=1e-5)
    accuracy = sklearn.metrics.accuracy_score(labels, logits.argmax(axis=1))
    assert both["val_accuracy"] == pytest.approx(accuracy)


def test_networks_that_know_nothing_of_each_other_are_refused(
    first: Run, tmp_path: Path, folder: Path
):
    stranger = fit(first.config().replace(train={"seed": 77, "epochs": 1}), tmp_path / "stranger")
    with pytest.raises(RunError, match=r"did not start from the same.*train\.start"):
        join([first.folder, stranger.folder], folder, average_weights=True)
    assert not folder.exists()
    assert join([first.folder, stranger.folder], folder).is_finished  # what they believe has one


def test_the_mean_of_grandchildren_and_of_means_has_the_same_root(
    first: Run, second: Run, tmp_path: Path, folder: Path
):
    mean = join([first.folder, second.folder], tmp_path / "mean", average_weights=True)
    train = {"start": str(mean.folder), "epochs": 1, "seed": 4}
    third = fit(second.config().replace(train=train), tmp_path / "third")
    run = join([first.folder, second.folder, third.folder], folder, average_weights=True)
    for mean_of, *of in zip(weights(run), *map(weights, (first, second, third)), strict=True):
        np.testing.assert_allclose(mean_of, np.mean(of, axis=0), rtol=1e-5, atol=1e-7)


def test_a_mean_is_not_gone_on_with(first: Run, second: Run, folder: Path):
    run = join([first.folder, second.folder], folder, average_weights=True)
    before = run.model_path.read_bytes()
    with pytest.raises(RunError, match=r"was joined of others"):
        fit(run.config(), folder, resume=True)
    assert run.model_path.read_bytes() == before
    assert len(run.history()) == 2


def test_other_networks_are_refused(quick_config: Config, first: Run, tmp_path: Path, folder: Path):
    other = fit(quick_config.replace(train={"epochs": 1}), tmp_path / "other")
    with pytest.raises(RunError, match=r"other has the network 'mlp', but .*first has 'convnet'"):
        join([first.folder, other.folder], folder, average_weights=True)
    assert not folder.exists()
