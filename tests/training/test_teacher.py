"""A teacher: who may be one, what is learned from it, and that a run remembers who it was."""

import dataclasses
import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from scipy.special import log_softmax

from inkdigits.config import Config
from inkdigits.errors import ConfigError, InkdigitsError, RunError
from inkdigits.export import export
from inkdigits.models import zoo
from inkdigits.synthesis.strokes import synthetic_digits
from inkdigits.training.examples import as_ink, load_examples, validation_images
from inkdigits.training.finish import describe
from inkdigits.training.fit import fit
from inkdigits.training.run import Run, load_model
from inkdigits.training.teacher import Teacher, targets, taught

MadeWatch = Callable[..., Any]


def stop(_: keras.Model) -> None:
    raise KeyboardInterrupt


def weights(run: Run) -> list[np.ndarray]:
    return [np.asarray(weight) for weight in run.load_model().weights]


@pytest.fixture(scope="module")
def bundle(pair: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bundles") / "pair.digits"
    ink, labels = validation_images(pair.config())
    facts = {"name": "pair", **describe(pair)}
    export(pair.load_model(), "bundle", path, ink=ink, labels=labels, facts=facts)
    return path


@pytest.fixture(scope="module")
def learner(quick_config: Config, pair: Run) -> Config:
    return quick_config.replace(
        train={"teacher": str(pair.folder), "teacher_weight": 0.9, "teacher_temperature": 1.0}
    )


@pytest.fixture(scope="module")
def learned(learner: Config, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """One that was taught by what its teacher said of the images as they are."""
    return fit(learner, tmp_path_factory.mktemp("runs") / "learned")


# What a teacher says


def test_a_run_a_file_and_a_bundle_say_the_same(pair, bundle: Path, folder: Path):
    images, labels = synthetic_digits(7, seed=1)
    expected = pair.load_model().predict(as_ink(images), verbose=0)["logits"]
    for path in (pair.folder, pair.model_path, bundle):
        teacher = Teacher.open(str(path))
        assert teacher.num_outputs == 10
        assert len(teacher.sha256) == 64
        assert teacher.facts() == {"path": str(path), "sha256": teacher.sha256}
        found = teacher.opinions(Run(folder / path.name), images, labels)
        np.testing.assert_allclose(found, expected, atol=1e-4)
    assert Teacher.open(str(pair.folder)).sha256 == Teacher.open(str(pair.model_path)).sha256


def test_it_is_asked_once_of_the_same_images(pair, folder: Path):
    teacher = Teacher.open(str(pair.folder))
    asked: list[int] = []

    def read(ink: np.ndarray) -> Any:
        asked.append(len(ink))
        return teacher.read(ink)

    counting = Teacher("it", teacher.sha256, 10, None, read)
    images, labels = synthetic_digits(9, seed=1)
    first = counting.opinions(Run(folder), images, labels)
    np.testing.assert_array_equal(counting.opinions(Run(folder), images, labels), first)
    assert asked == [9]
    counting.opinions(Run(folder), images[:4], labels[:4])  # others
    Run(folder).teacher_path.write_bytes(b"half")
    np.testing.assert_allclose(counting.opinions(Run(folder), images, labels), first, atol=1e-5)
    assert asked == [9, 4, 9]


def test_it_is_not_asked_of_what_it_does_not_know(pair, folder: Path):
    images, labels = synthetic_digits(5, seed=1)
    labels[[0, 3]] = 10  # no digit, says the label
    teacher = Teacher.open(str(pair.folder))
    asked: list[int] = []

    def read(ink: np.ndarray) -> Any:
        asked.append(len(ink))
        return teacher.read(ink)

    found = Teacher("it", teacher.sha256, 10, None, read).opinions(Run(folder), images, labels)
    assert asked == [3]
    np.testing.assert_array_equal(found[[0, 3]], np.zeros((2, 10)))
    assert (found[[1, 2, 4]] != 0).all()


@pytest.mark.parametrize(("known", "num_outputs"), [(10, 10), (11, 11), (11, 10), (10, 11)])
def test_targets_are_the_labels_and_what_both_know(known: int, num_outputs: int):
    logits = np.random.default_rng(0).normal(size=(4, known)).astype(np.float32)
    labels = np.array([3, 0, 9, 10])
    found = targets(labels, logits, num_outputs)
    assert found.shape == (4, 1 + num_outputs)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found[:, 0], labels)
    np.testing.assert_array_equal(found[:, 1:11], logits[:, :10])
    if num_outputs == 11:
        unknown = np.full(4, -1e9, np.float32) if known == 10 else logits[:, 10]
        np.testing.assert_array_equal(found[:, 11], unknown)


def test_one_that_sees_what_the_student_sees_stands_beside_it():
    student, teacher = zoo.build_network("convnet", rejects=True), zoo.build_network("convnet")
    glyphs = np.random.default_rng(0).random((3, 28, 28), np.float32)
    both = taught(student, teacher)
    found = np.asarray(both(glyphs, training=False))
    np.testing.assert_allclose(found[:, 0], student(glyphs), atol=1e-5)
    np.testing.assert_allclose(found[:, 1, :10], teacher(glyphs), atol=1e-5)
    np.testing.assert_array_equal(found[:, 1, 10], np.float32(-1e9))
    # In training, too, it is as sure as ever: neither dropout nor the batch's own statistics.
    np.testing.assert_allclose(both(glyphs, training=True)[:, 1, :10], teacher(glyphs), atol=1e-5)
    assert len(both.trainable_variables) == len(student.trainable_variables) > 0


# What is learned from it


def test_a_student_comes_near_to_its_teacher(
    quick_config: Config, pair, learner: Config, tmp_path: Path
):
    """All labels are what the teacher says, so that it is heard of every image."""
    examples = load_examples(quick_config.data, None)
    ink = as_ink(examples.images)
    taught_by = log_softmax(pair.load_model().predict(ink, verbose=0)["logits"], axis=1)
    examples = dataclasses.replace(examples, labels=taught_by.argmax(axis=1))

    def divergence(config: Config, name: str) -> float:
        run = fit(config, tmp_path / name, examples=examples)
        found = log_softmax(run.load_model().predict(ink, verbose=0)["logits"], axis=1)
        return float((np.exp(taught_by) * (taught_by - found)).sum(axis=1).mean())

    assert divergence(learner, "student") < 0.9 * divergence(quick_config, "alone")


def test_the_run_says_who_taught(learner: Config, pair, learned: Run):
    told = learned.read_json("environment.json")["teacher"]
    assert told == Teacher.open(str(pair.folder)).facts()
    assert learned.config() == learner
    assert learned.history()[-1]["val_accuracy"] > 0.3
    assert learned.teacher_path.is_file()
    assert describe(learned)["training"]["environment"]["teacher"] == told


def test_a_weight_of_0_is_no_teacher(quick_config: Config, learner: Config, tmp_path: Path):
    without = fit(quick_config, tmp_path / "without")
    ignored = fit(learner.replace(train={"teacher_weight": 0.0}), tmp_path / "ignored")
    for mine, theirs in zip(weights(without), weights(ignored), strict=True):
        np.testing.assert_allclose(mine, theirs, atol=1e-5)


@pytest.mark.parametrize("sees", ["clean", "augmented"])
def test_an_interrupted_student_goes_on(
    learner: Config, learned: Run, tmp_path: Path, folder: Path, watch: MadeWatch, sees: str
):
    config = learner.replace(train={"teacher_sees": sees})
    whole = learned if sees == "clean" else fit(config, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        fit(config, folder, callbacks=[watch(epoch=2, action=stop)])
    run = fit(config, folder, resume=True)
    for row, expected in zip(run.history(), whole.history(), strict=True):
        assert {**row, "seconds": 0} == pytest.approx({**expected, "seconds": 0}, abs=1e-4)
    for mine, theirs in zip(weights(run), weights(whole), strict=True):
        np.testing.assert_allclose(mine, theirs, atol=1e-4)


def test_without_augmentation_both_ways_of_teaching_are_the_same(
    learner: Config, learned: Run, pair, folder: Path
):
    run = fit(learner.replace(train={"teacher_sees": "augmented"}), folder)
    assert not run.teacher_path.exists()
    for mine, theirs in zip(weights(run), weights(learned), strict=True):
        np.testing.assert_allclose(mine, theirs, atol=1e-3)
    for row, expected in zip(run.history(), learned.history(), strict=True):
        for name in ("loss", "val_loss", "accuracy", "val_accuracy"):
            assert row[name] == pytest.approx(expected[name], abs=1e-3)
    # The teacher learned nothing, and is no part of what is kept.
    assert run.load_model().count_params() == learned.load_model().count_params()
    beside = load_model(run.checkpoint_path).get_layer("taught").get_layer("beside").teacher
    inside = pair.load_model().get_layer("ensemble")
    for mine, theirs in zip(beside.weights, inside.weights, strict=True):
        np.testing.assert_array_equal(np.asarray(mine), np.asarray(theirs))


def test_non_digits_are_learned_from_their_labels_where_the_teacher_knows_none(
    learner: Config, folder: Path
):
    config = learner.replace(
        data={"nondigits": 200, "limit": 200}, train={"teacher_weight": 1.0, "epochs": 4}
    )
    rows = fit(config, folder).history()
    assert rows[-1]["val_rejected"] > 0.5


# Who it was, and who may not be one


def test_a_run_goes_on_only_with_the_teacher_that_it_had(
    learner: Config, pair, tmp_path: Path, folder: Path, watch: MadeWatch
):
    path = tmp_path / "teacher.keras"
    shutil.copyfile(pair.model_path, path)
    config = learner.replace(train={"teacher": str(path)})
    with pytest.raises(KeyboardInterrupt):
        fit(config, folder, callbacks=[watch(epoch=2, action=stop)])
    shutil.copyfile(pair.folder / "member-0" / "model.keras", path)
    with pytest.raises(RunError, match=r"another teacher: the SHA-256 of .*Put the former one"):
        fit(config, folder, resume=True)
    assert len(Run(folder).history()) == 1
    path.unlink()
    with pytest.raises(ConfigError, match=r"train\.teacher is "):
        fit(config, folder, resume=True)


def unfinished(pair: Run, folder: Path) -> Path:
    shutil.copytree(pair.folder, folder / "half")
    (folder / "half" / "calibration.json").unlink()
    return folder / "half"


def empty(pair: Run, folder: Path) -> Path:
    (folder / "empty").mkdir()
    return folder / "empty"


def text(pair: Run, folder: Path) -> Path:
    (folder / "teacher.txt").write_text("me")
    return folder / "teacher.txt"


def checkpoint(pair: Run, folder: Path) -> Path:
    return pair.folder / "member-0" / "checkpoint.keras"


def damaged(pair: Run, folder: Path) -> Path:
    (folder / "teacher.keras").write_bytes(b"half")
    return folder / "teacher.keras"


def damaged_bundle(pair: Run, folder: Path) -> Path:
    (folder / "teacher.digits").write_bytes(b"half")
    return folder / "teacher.digits"


def missing(pair: Run, folder: Path) -> Path:
    return folder / "nobody"


@pytest.mark.parametrize(
    ("make", "kind", "match"),
    [
        (missing, "ConfigError", "nobody', but must be a finished run folder"),
        (text, "ConfigError", r"teacher\.txt', but must be"),
        (empty, "RunError", "holds no run"),
        (unfinished, "RunError", "did not finish"),
        (checkpoint, "RunError", "'training', but one that reads was expected"),
        (damaged, "RunError", "no model that can be loaded"),
        (damaged_bundle, "BundleError", "no bundle, or a truncated"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_is_no_teacher_is_refused_before_data_is_read(
    learner: Config, pair, tmp_path: Path, folder: Path, make: Any, kind: str, match: str
):
    teacher = make(pair, tmp_path)
    config = learner.replace(train={"teacher": str(teacher)}, data={"source": "nowhere"})
    with pytest.raises(InkdigitsError, match=match) as caught:
        fit(config, folder)
    assert type(caught.value).__name__ == kind
    assert not folder.exists()


def test_a_bundle_cannot_be_asked_in_each_step(learner: Config, bundle: Path, folder: Path):
    config = learner.replace(train={"teacher": str(bundle), "teacher_sees": "augmented"})
    with pytest.raises(ConfigError, match=r"cannot be asked in each step.*teacher_sees to clean"):
        fit(config.replace(data={"source": "nowhere"}), folder)
    assert not folder.exists()


def test_a_bundle_of_other_classes_is_refused(learner: Config, bundle: Path, tmp_path: Path):
    from inkdigits.bundle import write_bundle

    with zipfile.ZipFile(bundle) as archive:
        graph, manifest = archive.read("model.onnx"), json.loads(archive.read("manifest.json"))
    facts = {name: manifest[name] for name in ("name", "calibration", "training", "attribution")}
    write_bundle(tmp_path / "letters.digits", graph=graph, classes="ABCDEFGHIJ", **facts)
    config = learner.replace(train={"teacher": str(tmp_path / "letters.digits")})
    with pytest.raises(ConfigError, match="reads the classes 'ABCDEFGHIJ', but must read"):
        fit(config.replace(data={"source": "nowhere"}), tmp_path / "run")
