"""Training: what a run holds, that it resumes as if it had never stopped, and what it refuses."""

import errno
import hashlib
import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import sklearn.metrics
from PIL import Image

from inkdigits.config import Config
from inkdigits.decide import Rule, decide
from inkdigits.errors import ConfigError, DataError, MissingDataError, MissingExtraError, RunError
from inkdigits.evaluation.calibration import softmax
from inkdigits.models.ensemble import Turned
from inkdigits.reading import CLASSES, Box, Status
from inkdigits.synthesis.strokes import synthetic_digits
from inkdigits.training import fit as fit_module
from inkdigits.training.ensemble import join
from inkdigits.training.examples import load_examples, shuffled, validation_images
from inkdigits.training.finish import describe, finish
from inkdigits.training.fit import fit
from inkdigits.training.run import Run, load_model, network_of
from inkdigits.training.tensorboard import EventLog

MadeWatch = Callable[..., Any]

FILES = {
    "config.toml",
    "environment.json",
    "history.jsonl",
    "checkpoint.keras",
    "model.keras",
    "calibration.json",
    "curves.png",
    "tensorboard",
}
FIGURES = {"epoch", "loss", "accuracy", "val_loss", "val_accuracy", "learning_rate", "seconds"}


def stop(_: keras.Model) -> None:
    raise KeyboardInterrupt


def figures(run: Run) -> list[dict[str, float]]:
    """The history without what a clock says."""
    return [{**row, "seconds": 0.0} for row in run.history()]


def network_weights(model: keras.Model) -> list[np.ndarray]:
    return [np.asarray(weight) for weight in model.get_layer("mlp").weights]


def assert_answered_are_ok(run: Run) -> None:
    """Of the validation images, the shares that the dial tells have the status ok."""
    calibration = run.read_json("calibration.json")
    ink, _ = validation_images(run.config())
    outputs = run.load_model().predict(ink, batch_size=512, verbose=0)
    boxes, is_blank = [Box(0, 0, 28, 28)] * len(ink), np.zeros(len(ink), bool)
    for row in calibration["dial"]:
        rule = Rule(calibration["temperature"], row["threshold"], CLASSES, calibration["rejects"])
        digits = decide(outputs["logits"], outputs["novelty"], boxes, is_blank, rule)
        share_ok = np.mean([digit.status is Status.OK for digit in digits])
        assert row["share_answered"] == pytest.approx(share_ok, abs=1e-9)


# What a run holds


def test_a_run_holds_all_that_it_should(trained):
    assert {path.name for path in trained.run.folder.iterdir()} == FILES
    assert trained.run.config() == trained.config


def test_history_has_a_whole_row_for_each_epoch(trained):
    rows = trained.run.history()
    assert [row["epoch"] for row in rows] == [1, 2, 3]
    assert all(set(row) == FIGURES for row in rows)
    assert all(np.isfinite(list(row.values())).all() for row in rows)
    assert rows[-1]["val_loss"] < rows[0]["val_loss"]
    assert rows[-1]["val_accuracy"] > 0.5
    assert rows[0]["learning_rate"] == pytest.approx(0.003 * 0.8, rel=0.1)  # down the cosine
    assert rows[-1]["learning_rate"] == pytest.approx(0, abs=1e-8)
    assert all(row["seconds"] > 0 for row in rows)


def test_environment_names_seed_and_data(trained):
    environment = trained.run.read_json("environment.json")
    images, labels = synthetic_digits(200, 2 * trained.config.data.seed)
    digest = hashlib.sha256(images.tobytes() + labels.tobytes()).hexdigest()
    assert environment["data_sha256"] == {"synthetic-train": digest}
    assert environment["seed"] == trained.config.train.seed
    assert environment["keras"] == keras.__version__
    assert "10 synthetic digits were added" in environment["split"]
    assert environment["num_train"] + len(validation_images(trained.config)[0]) == 210


def test_calibration_rests_on_the_validation_images(trained):
    calibration = trained.run.read_json("calibration.json")
    num_validation = len(validation_images(trained.config)[0])
    assert calibration["temperature"] > 0
    assert calibration["fitted_on"].startswith(f"{num_validation} validation images.")
    assert calibration["dial"][0]["num_calibration"] <= num_validation


def test_disputed_images_are_left_out_of_calibration(trained, tmp_path: Path):
    shutil.copytree(trained.run.folder, tmp_path / "run")
    run, examples = Run(tmp_path / "run"), load_examples(trained.config.data, None)
    read = run.load_model().predict(examples.validation_images, batch_size=512, verbose=0)
    wrong = read["logits"].argmax(axis=1) != examples.validation_labels
    assert wrong.any()
    finish(run, replace(examples, validation_disputed=wrong))
    calibration = run.read_json("calibration.json")
    left = int((~wrong).sum())
    assert f"{left} validation images, without {wrong.sum()} whose" in calibration["fitted_on"]
    assert calibration["dial"][0]["num_calibration"] <= left
    assert calibration["temperature"] < trained.run.read_json("calibration.json")["temperature"]


def test_what_the_dial_says_is_answered_is_what_is_ok(trained):
    assert_answered_are_ok(trained.run)


def test_the_kept_model_reads_any_size(trained):
    model = trained.run.load_model()
    ink, labels = validation_images(trained.config)
    framed = np.pad(ink, ((0, 0), (5, 30), (11, 2)))
    found, moved = (model.predict_on_batch(images) for images in (ink, framed))
    assert found["glyph"].shape == (len(ink), 28, 28)
    np.testing.assert_allclose(found["logits"], moved["logits"], atol=1e-3)
    accuracy = sklearn.metrics.accuracy_score(labels, found["logits"].argmax(axis=1))
    assert accuracy == pytest.approx(trained.run.history()[-1]["val_accuracy"], abs=1e-6)


def test_what_is_kept_may_look_three_times(trained, folder: Path, watch: MadeWatch):
    config = trained.config.replace(train={"view_angle_deg": 8.0, "tensorboard": False})
    with pytest.raises(KeyboardInterrupt):
        fit(config, folder, callbacks=[watch(3, stop)])
    run = fit(config, folder, resume=True)
    ink, _ = validation_images(config)
    once, thrice = (of.load_model().predict_on_batch(ink) for of in (trained.run, run))
    # The training is the same; each glyph is then read at three angles.
    network = network_of(trained.run.load_model(), trained.run.model_path)
    seen = np.asarray(Turned([-8.0, 0.0, 8.0])(once["glyph"])).reshape(3, *once["glyph"].shape)
    beliefs = [softmax(np.asarray(network(glyphs)).astype(np.float64)) for glyphs in seen]
    found = softmax(thrice["logits"].astype(np.float64))
    np.testing.assert_allclose(found, np.mean(beliefs, axis=0), atol=1e-4)
    assert np.abs(found - softmax(once["logits"].astype(np.float64))).max() > 0.01
    pair = join([trained.run.folder, folder], folder.parent / "pair")
    both = softmax(pair.load_model().predict_on_batch(ink)["logits"].astype(np.float64))
    np.testing.assert_allclose(both, (found + softmax(once["logits"])) / 2, atol=1e-4)


def test_curves_are_a_picture(trained):
    with Image.open(trained.run.folder / "curves.png") as picture:
        picture.load()
        assert picture.format == "PNG"
        assert picture.width > 800
        assert len(picture.convert("RGB").getcolors(10**6)) > 100


def test_tensorboard_log_holds_the_history(trained):
    tf = pytest.importorskip("tensorflow", reason="pip install 'inkdigits[train]'")
    (path,) = (trained.run.folder / "tensorboard").iterdir()
    assert "tfevents" in path.name
    events = [
        tf.compat.v1.Event.FromString(record.numpy())
        for record in tf.data.TFRecordDataset(str(path))
    ]
    assert events[0].file_version == "brain.Event:2"
    logged = [
        {"epoch": event.step} | {value.tag: value.simple_value for value in event.summary.value}
        for event in events[1:]
    ]
    assert len(logged) == 3
    for row, expected in zip(logged, trained.run.history(), strict=True):
        assert row == pytest.approx(expected)


def test_progress_prints_a_row_for_each_epoch(trained):
    rows = [line for line in trained.printed.splitlines() if "validation loss" in line]
    assert len(rows) == 3
    for row, epoch in zip(rows, trained.run.history(), strict=True):
        assert f"epoch {epoch['epoch']:3.0f}/3" in row
        assert f"validation loss {epoch['val_loss']:.4f}" in row
        assert f"validation accuracy {epoch['val_accuracy']:.4f}" in row


def test_the_kept_weights_are_the_average_and_training_goes_on_from_the_last(trained):
    kept = network_weights(trained.run.load_model())
    checkpoint = load_model(trained.run.checkpoint_path)
    averages = [
        np.asarray(variable)
        for variable in checkpoint.optimizer.variables
        if variable.path.endswith("_average")
    ]
    assert len(averages) == len(kept) == 4
    matched = [any(np.array_equal(weight, other) for other in averages) for weight in kept]
    assert all(matched)
    assert all((a != b).any() for a, b in zip(kept, network_weights(checkpoint), strict=True))


def test_a_bundle_is_told_where_the_run_comes_from(trained):
    facts = describe(trained.run)
    assert set(facts) == {"calibration", "training", "attribution"}
    assert facts["training"]["config"] == trained.config.to_mapping()
    assert facts["training"]["last_epoch"] == trained.run.history()[-1]
    assert facts["attribution"] == ["Digits drawn by inkdigits.synthesis"]
    json.dumps(facts)


@pytest.mark.parametrize(
    ("source", "added", "expected"),
    [
        ("mnist", {}, ["MNIST", "QMNIST"]),
        ("mnist", {"synthetic": 5}, ["MNIST", "QMNIST", "inkdigits.synthesis"]),
        ("mine.npz", {"synthetic": 5}, ["mine.npz", "inkdigits.synthesis"]),
        ("mine.npz", {"crops": 5}, ["mine.npz", "inkdigits.synthesis"]),
        ("mine.npz", {"characters": 5, "fonts": "my/*.ttf"}, ["mine.npz", r"fonts: my/*.ttf"]),
    ],
)
def test_attribution_names_every_source(
    trained, folder: Path, source: str, added: dict[str, Any], expected: list[str]
):
    shutil.copytree(trained.run.folder, folder)
    config = trained.config.replace(data={"source": source, "synthetic": 0} | added)
    Run(folder).write("config.toml", config.to_toml())
    attribution = describe(Run(folder))["attribution"]
    assert len(attribution) == len(expected)
    assert all(part in line for part, line in zip(expected, attribution, strict=True))


# Going on


def test_an_interrupted_run_goes_on_as_if_it_never_had_been(
    trained, folder: Path, watch: MadeWatch, monkeypatch: pytest.MonkeyPatch
):
    run = Run.create(folder, trained.config)  # killed before it wrote anything else
    with pytest.raises(RunError, match=r"did not finish.*--resume"):
        describe(run)
    with pytest.raises(KeyboardInterrupt):
        fit(trained.config, folder, resume=True, callbacks=[watch(epoch=2, action=stop)])
    assert figures(run) == figures(trained.run)[:1]
    assert not (folder / "calibration.json").exists()
    with pytest.raises(RunError, match=r"did not finish.*--resume"):
        describe(run)

    # As if it had been killed between the history and the checkpoint of epoch 2, and while writing.
    run.write_history([*run.history(), {**run.history()[0], "epoch": 2, "val_loss": -1.0}])
    (folder / ".part-1-checkpoint.keras").write_bytes(b"half")
    keras.utils.set_random_seed(99)
    np.random.default_rng().random()
    watching = watch()
    orders = {}  # by epoch, from 0

    def noted(*arguments: Any) -> Any:
        ink, labels = shuffled(*arguments)
        orders[arguments[-1]] = ink.tobytes()
        return ink, labels

    monkeypatch.setattr(fit_module, "shuffled", noted)
    fit(trained.config, folder, resume=True, callbacks=[watching])
    assert watching.begun == [2, 3]
    assert orders[1] != orders[2]  # each epoch in an order of its own
    found, expected = figures(run), figures(trained.run)
    assert len(found) == 3
    for row, other in zip(found, expected, strict=True):
        assert row == pytest.approx(other, abs=1e-4)
    assert {path.name for path in folder.iterdir()} - {".part-1-checkpoint.keras"} == FILES
    assert run.read_json("calibration.json")["temperature"] == pytest.approx(
        trained.run.read_json("calibration.json")["temperature"], rel=1e-3
    )
    for mine, theirs in zip(
        network_weights(run.load_model()), network_weights(trained.run.load_model()), strict=True
    ):
        np.testing.assert_allclose(mine, theirs, atol=1e-4)
    assert len(list((folder / "tensorboard").iterdir())) == 2


def test_one_interrupted_in_its_first_epoch_begins_again(trained, folder: Path, watch: MadeWatch):
    with pytest.raises(KeyboardInterrupt):
        fit(trained.config, folder, callbacks=[watch(epoch=1, action=stop)])
    with pytest.raises(KeyboardInterrupt):
        fit(trained.config, folder, resume=True, callbacks=[watch(epoch=2, action=stop)])
    (row,), first = figures(Run(folder)), figures(trained.run)[0]
    assert row == pytest.approx(first, abs=1e-4)


def test_a_finished_run_is_only_finished_again(trained, folder: Path, watch: MadeWatch):
    shutil.copytree(trained.run.folder, folder)
    (folder / "calibration.json").unlink()
    (folder / "curves.png").unlink()
    watching = watch()
    run = fit(trained.config, folder, resume=True, callbacks=[watching])
    assert watching.begun == []
    assert run.history() == trained.run.history()
    assert run.read_json("calibration.json") == trained.run.read_json("calibration.json")
    assert (folder / "curves.png").exists()


def test_a_run_goes_on_only_with_its_own_configuration(trained, watch: MadeWatch):
    other = trained.config.replace(train={"epochs": 9})
    watching = watch()
    with pytest.raises(RunError, match=r"another configuration.*config\.toml"):
        fit(other, trained.run.folder, resume=True, callbacks=[watching])
    assert watching.begun == []


def test_a_damaged_checkpoint_is_an_error(trained, folder: Path):
    shutil.copytree(trained.run.folder, folder)
    (folder / "checkpoint.keras").write_bytes(b"half")
    with pytest.raises(RunError, match=r"checkpoint\.keras is missing or no model"):
        fit(trained.config, folder, resume=True)
    assert Run(folder).history() == trained.run.history()


# What is kept, and when it stops


def test_it_stops_when_the_loss_no_longer_falls_and_keeps_the_best(folder: Path, watch: MadeWatch):
    def spoil(model: keras.Model) -> None:
        for weight in model.trainable_weights:
            weight.assign(-10 * weight)

    config = Config().replace(
        data={"source": "synthetic", "limit": 100},
        train={
            "model": "mlp",
            "epochs": 9,
            "batch_size": 16,
            "patience": 2,
            "keep": "best",
            "weight_average": 0.0,
            "label_smoothing": 0.0,
            "optimizer": "adam",
            "learning_rate": 1e-3,
            "warmup": 0.0,
        },
    )
    run = fit(config, folder, callbacks=[watch(epoch=3, action=spoil)])
    losses = [row["val_loss"] for row in run.history()]
    assert losses[0] > losses[1] < min(losses[2:])
    assert len(losses) == 4  # two epochs after the best of nine

    ink, labels = validation_images(config)
    logits = run.load_model().predict_on_batch(ink)["logits"]
    loss = sklearn.metrics.log_loss(labels, softmax(logits).astype(float), labels=range(10))
    assert loss == pytest.approx(losses[1], abs=1e-4)

    watching = watch()
    fit(config, folder, resume=True, callbacks=[watching])
    assert watching.begun == []  # early is over, also after a resume


def test_a_training_that_diverges_says_so_and_leaves_the_epochs_before(
    trained, folder: Path, watch: MadeWatch
):
    def diverge(model: keras.Model) -> None:
        for weight in model.trainable_weights:
            weight.assign(np.nan * weight)

    config = trained.config.replace(
        train={"seed": 1, "weight_average": 0.0, "tensorboard": False, "keep": "last"}
    )
    with pytest.raises(RunError, match=r"epoch 2 is nan.*diverged.*train\.learning_rate below"):
        fit(config, folder, callbacks=[watch(epoch=2, action=diverge)])
    run = Run.open(folder)
    (row,) = run.history()
    # Another seed is another training.
    assert row["val_loss"] != pytest.approx(trained.run.history()[0]["val_loss"], abs=1e-4)
    # Without an average, the last weights are kept.
    kept, last = (load_model(path) for path in (run.model_path, run.checkpoint_path))
    for mine, theirs in zip(network_weights(kept), network_weights(last), strict=True):
        assert np.isfinite(mine).all()
        np.testing.assert_array_equal(mine, theirs)
    assert not (folder / "tensorboard").exists()


# What is refused before the first epoch


@pytest.fixture
def refused(watch: MadeWatch) -> Callable[..., None]:
    def refuse(error: type[Exception], match: str, config: Config, folder: Path) -> None:
        watching = watch()
        with pytest.raises(error, match=match):
            fit(config, folder, callbacks=[watching])
        assert watching.begun == []

    return refuse


def test_a_folder_that_holds_a_run_is_refused(trained, refused):
    before = trained.run.history()
    refused(RunError, "already holds a run", trained.config, trained.run.folder)
    assert trained.run.history() == before


def test_resuming_nothing_is_refused(small_config: Config, folder: Path):
    with pytest.raises(RunError, match="holds no run"):
        fit(small_config, folder, resume=True)
    assert not folder.exists()


def test_a_file_in_place_of_the_folder_is_refused(small_config: Config, tmp_path: Path, refused):
    (tmp_path / "file").write_text("mine")
    refused(RunError, "cannot be written", small_config, tmp_path / "file")
    assert (tmp_path / "file").read_text() == "mine"


def test_a_full_disk_is_refused(
    small_config: Config, folder: Path, refused, monkeypatch: pytest.MonkeyPatch
):
    def full(self: keras.Model, path: Path, **_: object) -> None:
        path.write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(keras.Model, "save", full)
    refused(RunError, "No space left on device.*Free some space", small_config, folder)
    assert {path.name for path in folder.iterdir()} <= {
        "config.toml",
        "environment.json",
        "history.jsonl",
    }


def test_a_tensorboard_log_that_cannot_be_written_is_refused(
    small_config: Config, folder: Path, refused
):
    folder.mkdir(parents=True)
    (folder / "tensorboard").write_text("in the way")
    refused(RunError, "TensorBoard log .* cannot be written", small_config, folder)


def test_a_tensorboard_log_without_tensorflow_is_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    with pytest.raises(MissingExtraError, match=r"inkdigits\[train\]"):
        EventLog(folder)


def test_an_unknown_network_is_refused_before_data_is_read(folder: Path, refused):
    config = Config().replace(train={"model": "resnet"}, data={"source": "nowhere"})
    refused(ConfigError, r"train\.model", config, folder)
    assert not folder.exists()


def test_data_that_is_not_there_is_refused(small_config: Config, folder: Path, refused):
    config = small_config.replace(data={"source": "nowhere"})
    refused(MissingDataError, "nowhere", config, folder)
    assert not folder.exists()


def test_nine_classes_are_refused(small_config: Config, tmp_path: Path, folder: Path, refused):
    images, labels = synthetic_digits(60, seed=0)
    np.savez(tmp_path / "nine.npz", x=images[labels != 7], y=labels[labels != 7])
    config = small_config.replace(data={"source": str(tmp_path / "nine.npz")})
    refused((ConfigError, DataError), "7", config, folder)
    assert not folder.exists()


def test_a_limit_that_leaves_out_a_class_is_refused(small_config: Config, folder: Path, refused):
    config = small_config.replace(data={"limit": 5})
    refused(ConfigError, "no image of .*each digit from 0 to 9 needs some", config, folder)
    assert not folder.exists()


def test_non_digits_are_learned_and_calibrated(tmp_path: Path):
    config = Config.load(
        None,
        [
            "train.model=mlp",
            "train.epochs=3",
            "data.source=synthetic",
            "data.limit=1500",
            "data.nondigits=1200",
        ],
    )
    run = fit(config, tmp_path / "run")
    assert json.loads((run.folder / "environment.json").read_text())["num_train"] > 2400
    rejected = [row["val_rejected"] for row in run.history()]
    assert rejected[-1] > 0.5  # of non-digits that were not trained on
    assert run.read_json("calibration.json")["rejects"] is True
    assert_answered_are_ok(run)
    outputs = run.load_model().predict(np.zeros((2, 28, 28), np.float32), verbose=0)
    assert {name: value.shape for name, value in outputs.items()} == {
        "glyph": (2, 28, 28),
        "logits": (2, 10),
        "novelty": (2,),
    }
