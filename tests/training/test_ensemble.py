"""An ensemble: a run like any other, made of runs; interrupted, resumed, joined and refused."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import sklearn.metrics
from scipy.special import log_softmax, softmax

from inkdigits.config import Config
from inkdigits.errors import ConfigError, MissingDataError, RunError
from inkdigits.reader import Reader
from inkdigits.training.ensemble import fit_ensemble, join
from inkdigits.training.examples import load_examples, validation_images
from inkdigits.training.finish import describe
from inkdigits.training.fit import fit
from inkdigits.training.run import Run

MadeWatch = Callable[..., Any]


def stop(_: keras.Model) -> None:
    raise KeyboardInterrupt


def members(run: Run) -> list[Run]:
    return [Run(folder) for folder in sorted(run.folder.glob("member-*"))]


def probabilities(run: Run, ink: np.ndarray) -> np.ndarray:
    return softmax(run.load_model().predict(ink, verbose=0)["logits"].astype(float), axis=1)


# What it holds


def test_it_holds_what_a_run_holds_and_its_members(pair):
    files = {"config.toml", "environment.json", "history.jsonl", "model.keras", "calibration.json"}
    assert {path.name for path in pair.folder.iterdir()} == files | {
        "curves.png",
        "member-0",
        "member-1",
    }
    assert pair.is_finished
    assert pair.config().train.members == 2
    for number, member in enumerate(members(pair)):
        assert member.is_finished
        assert member.config() == pair.config().replace(train={"members": 1, "seed": 3 + number})


def test_it_believes_what_its_members_believe_on_average(pair):
    ink, _ = validation_images(pair.config())
    apart = [probabilities(member, ink) for member in members(pair)]
    assert np.abs(apart[0] - apart[1]).max() > 0.01  # another seed is another network
    np.testing.assert_allclose(probabilities(pair, ink), np.mean(apart, axis=0), atol=1e-6)


def test_its_members_are_validated_on_the_same_images(pair):
    facts = [each.read_json("environment.json") for each in (pair, *members(pair))]
    assert len({each["validation_sha256"] for each in facts}) == 1
    assert len({each["split"] for each in facts}) == 1


def test_its_history_is_what_the_members_up_to_each_validate_like(pair):
    ink, labels = validation_images(pair.config())
    first, both = pair.history()
    assert [row["member"] for row in (first, both)] == [1, 2]
    assert [row["epoch"] for row in (first, both)] == [2, 2]
    alone = members(pair)[0].history()[-1]
    for name in ("val_loss", "val_accuracy", "loss", "accuracy"):
        assert first[name] == pytest.approx(alone[name], abs=1e-5)
    believed = probabilities(pair, ink)
    accuracy = sklearn.metrics.accuracy_score(labels, believed.argmax(axis=1))
    assert both["val_accuracy"] == pytest.approx(accuracy)
    smoothing = pair.config().train.label_smoothing
    target = np.eye(10)[labels] * (1 - smoothing) + smoothing / 10
    expected = -(target * log_softmax(np.log(believed), axis=1)).sum(axis=1).mean()
    assert both["val_loss"] == pytest.approx(expected, rel=1e-4)


def test_a_bundle_is_told_of_the_members(pair):
    training = describe(pair)["training"]
    assert training["config"] == pair.config().to_mapping()
    assert training["last_epoch"]["member"] == 2
    told = training["environment"]["members"]
    assert [each["run"] for each in told] == ["member-0", "member-1"]
    assert [each["differs"] for each in told] == [{}, {"train.seed": 4}]
    json.dumps(training)


def test_with_non_digits_it_rejects_and_says_how_many(quick_config: Config, folder: Path):
    config = quick_config.replace(train={"members": 2, "epochs": 1}, data={"nondigits": 60})
    run = fit_ensemble(config, folder)
    assert run.read_json("calibration.json")["rejects"] is True
    first, both = run.history()
    assert first["val_rejected"] == pytest.approx(members(run)[0].history()[-1]["val_rejected"])
    assert 0 <= both["val_rejected"] <= 1


# Going on


def test_an_interrupted_one_goes_on_and_leaves_finished_members_alone(
    pair, folder: Path, watch: MadeWatch
):
    with pytest.raises(KeyboardInterrupt):
        fit_ensemble(
            pair.config(),
            folder,
            callbacks=lambda number: [watch(epoch=2 if number == 1 else None, action=stop)],
        )
    run = Run.open(folder)
    assert [member.is_finished for member in members(run)] == [True, False]
    with pytest.raises(RunError, match=r"did not finish.*--resume"):
        describe(run)
    before = (folder / "member-0" / "model.keras").read_bytes()
    watching: dict[int, Any] = {}
    fit_ensemble(
        run.config(),
        folder,
        resume=True,
        callbacks=lambda number: [watching.setdefault(number, watch())],
    )
    assert {number: each.begun for number, each in watching.items()} == {1: [2]}
    assert (folder / "member-0" / "model.keras").read_bytes() == before
    for row, expected in zip(run.history(), pair.history(), strict=True):
        assert {**row, "seconds": 0} == pytest.approx({**expected, "seconds": 0}, abs=1e-4)


def test_it_goes_on_only_with_its_own_configuration(pair):
    other = pair.config().replace(train={"epochs": 9})
    with pytest.raises(RunError, match=r"another configuration.*config\.toml"):
        fit_ensemble(other, pair.folder, resume=True)


def test_a_finished_one_is_only_joined_again(pair, folder: Path):
    shutil.copytree(pair.folder, folder)
    (folder / "calibration.json").unlink()

    def none(number: int) -> list[keras.callbacks.Callback]:
        raise AssertionError(number)

    run = fit_ensemble(pair.config(), folder, resume=True, callbacks=none)
    assert run.history() == pair.history()
    assert run.read_json("calibration.json") == pair.read_json("calibration.json")


# Joining


@pytest.fixture(scope="module")
def other(quick_config: Config, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Another recipe, validated on the same images."""
    config = quick_config.replace(
        train={"model": "convnet", "epochs": 1, "batch_size": 16}, data={"synthetic": 20}
    )
    return fit(config, tmp_path_factory.mktemp("runs") / "other")


def test_runs_of_different_recipes_are_joined(pair, other: Run, folder: Path):
    first = members(pair)[0]
    run = join([first.folder, other.folder], folder)
    ink, _ = validation_images(run.config())
    apart = [probabilities(member, ink) for member in (first, other)]
    np.testing.assert_allclose(probabilities(run, ink), np.mean(apart, axis=0), atol=1e-6)
    config = run.config()
    assert (config.train.model, config.train.members) == ("mlp+convnet", 2)
    assert config.data.synthetic == 20  # so that the attribution names them
    told = run.read_json("environment.json")["members"]
    assert [each["run"] for each in told] == ["member-0", "other"]
    assert told[1]["differs"] == {
        "train.model": "convnet",
        "train.epochs": 1,
        "train.batch_size": 16,
    }
    trained_on = first.read_json("environment.json")
    assert all(told[0][key] == trained_on[key] for key in ("backend", "devices"))
    assert describe(run)["calibration"]["dial"]
    with pytest.raises(ConfigError, match=r"'mlp\+convnet', but must be one of"):
        fit_ensemble(config, folder, resume=True)


def test_examples_that_are_at_hand_are_not_loaded_again(
    pair, other: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
):
    examples = load_examples(pair.config().data, None)
    monkeypatch.delattr("inkdigits.training.ensemble.load_examples")
    run = join([members(pair)[0].folder, other.folder], folder, examples=examples)
    assert run.read_json("environment.json")["split"] == examples.note


def test_an_ensemble_may_be_a_member(pair, other: Run, folder: Path):
    run = join([pair.folder, other.folder], folder)
    ink, _ = validation_images(run.config())
    expected = (probabilities(pair, ink) + probabilities(other, ink)) / 2
    np.testing.assert_allclose(probabilities(run, ink), expected, atol=1e-6)


# What is refused


def test_one_member_is_no_ensemble(quick_config: Config, folder: Path):
    with pytest.raises(ConfigError, match=r"train\.members is 1.*at least 2"):
        fit_ensemble(quick_config, folder)
    with pytest.raises(ConfigError, match=r"train\.members is 2, but this trains one network"):
        fit(quick_config.replace(train={"members": 2}), folder)
    assert not folder.exists()


@pytest.mark.parametrize(
    ("changes", "error", "match"),
    [
        ({"train": {"model": "resnet9"}}, ConfigError, "'resnet9'"),
        ({"train": {"teacher": "nobody"}}, ConfigError, r"train\.teacher is 'nobody'"),
        ({"data": {"source": "nowhere"}}, MissingDataError, "nowhere"),
        ({"train": {"seed": 2**31 - 1}}, ConfigError, r"train\.seed"),
    ],
)
def test_what_is_wrong_leaves_no_folder(
    quick_config: Config, folder: Path, changes: Any, error: type[Exception], match: str
):
    config = quick_config.replace(train={"members": 2}).replace(**changes)
    with pytest.raises(error, match=match):
        fit_ensemble(config, folder)
    assert not folder.exists()


def test_a_folder_that_holds_a_run_is_refused(pair, other: Run):
    before = pair.history()
    with pytest.raises(RunError, match="already holds a run"):
        fit_ensemble(pair.config(), pair.folder)
    with pytest.raises(RunError, match="already holds a run"):
        join([other.folder, pair.folder], pair.folder)
    assert pair.history() == before


def changed(run: Run, folder: Path, **sections: Any) -> Path:
    """A copy whose configuration says something else."""
    shutil.copytree(run.folder, folder)
    Run(folder).write("config.toml", run.config().replace(**sections).to_toml())
    return folder


@pytest.mark.parametrize(
    ("name", "value"),
    [("seed", 1), ("validation_share", 0.2), ("limit", 130), ("source", "mine.npz")],
)
def test_members_that_were_validated_on_other_images_are_refused(
    other: Run, tmp_path: Path, folder: Path, name: str, value: object
):
    stranger = changed(other, tmp_path / "stranger", data={name: value})
    with pytest.raises(RunError, match=rf"stranger has data\.{name} = .*same images"):
        join([other.folder, stranger], folder)
    assert not folder.exists()


def test_fonts_are_those_of_the_members_that_learned_from_them(
    pair, other: Run, tmp_path: Path, folder: Path
):
    examples = load_examples(pair.config().data, None)
    typed = [
        changed(other, tmp_path / name, data={"characters": 9, "fonts": f"{name}/*.ttf"})
        for name in ("mine", "yours")
    ]
    data = join([other.folder, typed[0]], folder, examples=examples).config().data
    assert (data.characters, data.fonts) == (9, "mine/*.ttf")
    with pytest.raises(RunError, match=r"other fonts, mine/\*\.ttf and yours/\*\.ttf"):
        join(typed, tmp_path / "both", examples=examples)


def test_data_that_is_not_what_it_was_is_refused(other: Run, tmp_path: Path, folder: Path):
    shutil.copytree(other.folder, tmp_path / "stranger")
    facts = other.read_json("environment.json") | {"validation_sha256": "0" * 64}
    Run(tmp_path / "stranger").write_json("environment.json", facts)
    with pytest.raises(RunError, match=r"stranger was validated on other images"):
        join([other.folder, tmp_path / "stranger"], folder)
    assert not folder.exists()


def test_members_of_other_outputs_are_refused(
    quick_config: Config, other: Run, tmp_path: Path, folder: Path
):
    config = quick_config.replace(train={"epochs": 1}, data={"nondigits": 20})
    rejecting = fit(config, tmp_path / "rejecting")
    with pytest.raises(RunError, match=r"rejecting has 11 outputs, but .*other has 10"):
        join([other.folder, rejecting.folder], folder)
    assert not folder.exists()


def test_members_that_are_missing_unfinished_or_alone_are_refused(
    other: Run, tmp_path: Path, folder: Path
):
    with pytest.raises(RunError, match="holds no run"):
        join([other.folder, tmp_path / "nowhere"], folder)
    shutil.copytree(other.folder, tmp_path / "half")
    (tmp_path / "half" / "calibration.json").unlink()
    with pytest.raises(RunError, match=r"half.*did not finish"):
        join([other.folder, tmp_path / "half"], folder)
    for runs in ([other.folder], [], [other.folder, other.folder / ".." / "other"]):
        with pytest.raises(ConfigError, match="at least two, each once"):
            join(runs, folder)
    assert not folder.exists()


def test_the_reader_reads_with_its_bundle(pair, tmp_path: Path):
    from inkdigits.export import export

    ink, labels = validation_images(pair.config())
    path = tmp_path / "pair.digits"
    facts = {"name": "pair", **describe(pair)}
    export(pair.load_model(), "bundle", path, ink=ink, labels=labels, facts=facts)
    reader = Reader(path)
    expected = np.mean([probabilities(member, ink) for member in members(pair)], axis=0)
    logits = reader.outputs((ink * 255).round().astype(np.uint8))[0].logits
    np.testing.assert_allclose(softmax(logits.astype(float), axis=1), expected, atol=1e-4)
    assert len(reader.read_digits((ink * 255).round().astype(np.uint8))) == len(ink)
