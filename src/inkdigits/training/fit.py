"""Fit one network as a configuration says, into a run folder.

The history on disk is the state: early stopping and resuming read it, and each epoch's order
and augmentation follow from (seed, epoch). So a run that was interrupted goes on as if it
never had been.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import keras
import numpy as np

from inkdigits.config import Config, TrainConfig
from inkdigits.errors import ConfigError, RunError
from inkdigits.models import zoo
from inkdigits.models.canonical import Canonical
from inkdigits.models.ensemble import seen_at_angles
from inkdigits.training.epochs import Epochs, is_over, optimizer, put_back, values_of
from inkdigits.training.examples import Examples, load_examples, shuffled
from inkdigits.training.finish import finish
from inkdigits.training.losses import Loss, accuracy
from inkdigits.training.run import Run, environment, load_model
from inkdigits.training.start import Start
from inkdigits.training.teacher import Teacher, targets, taught
from inkdigits.training.tensorboard import EventLog

_STEPS_PER_EXECUTION = 1 if keras.backend.backend() == "torch" else 16  # there, Keras knows 1 only


def fit(
    config: Config,
    folder: Path,
    *,
    data_dir: Path | None = None,
    resume: bool = False,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    examples: Examples | None = None,
) -> Run:
    """Train one network.

    Args:
        config: what to do; when resuming it must be the one that the run was started with.
        folder: the run folder, made if it is not there.
        data_dir: where the data sets lie; see ``inkdigits.data.mnist``.
        resume: go on with the run in ``folder`` after its last whole epoch.
        callbacks: of Keras, for progress.
        examples: what ``load_examples`` made of ``config.data`` before, to save its time.

    Returns:
        The finished run.

    Raises:
        ConfigError, DataError, RunError: before the first epoch, wherever that is possible.
    """
    train = config.train
    if train.members > 1:
        raise ConfigError(
            f"train.members is {train.members}, but this trains one network; set it to 1, or use "
            "inkdigits.training.ensemble.fit_ensemble."
        )
    teacher, start = check(config)  # what is wrong is an error before data is read
    learns_from = facts_of(teacher, start)
    run = continued(folder, config, learns_from) if resume else Run.unused(folder)
    examples = load_examples(config.data, data_dir) if examples is None else examples
    if start:
        start.check(config, examples)
    run = run if resume else Run.create(folder, config)
    run.write_json(
        "environment.json",
        environment(examples.hashes) | {"seed": train.seed} | examples.facts() | learns_from,
    )
    learned: Any = examples.labels
    if teacher and train.teacher_sees == "clean":
        opinions = teacher.opinions(run, examples.images, examples.labels)
        learned = targets(examples.labels, opinions, _num_outputs(config))
    steps = -(-len(examples.images) // train.batch_size)
    keras.utils.set_random_seed(train.seed)
    if resume and run.checkpoint_path.exists():
        model = load_model(run.checkpoint_path)
    else:
        model = _start(config, run, teacher, start, num_steps=steps * train.epochs)
    first_epoch = int(model.optimizer.iterations) // steps
    run.write_history(run.history()[:first_epoch])
    if first_epoch < train.epochs and not is_over(train, run.history()):
        log = [EventLog(folder / "tensorboard")] if train.tensorboard else []
        _train(
            model,
            lambda epoch: shuffled(examples.images, learned, train.seed, epoch),
            range(first_epoch, train.epochs),
            train.batch_size,
            keras.callbacks.CallbackList(
                [_Epochs(run, train, examples, start), *log, *callbacks],
                model=model,
                epochs=train.epochs,
                steps=steps,
                verbose=0,
            ),
        )
    finish(run, examples)
    return run


def check(config: Config) -> tuple[Teacher | None, Start | None]:
    """See whether the network that is named can be built, and open what it learns from.

    Returns:
        The teacher and the start; None for what there is not.

    Raises:
        ConfigError: there is no such network or teacher, or the teacher cannot be asked so, or
            the start is of another network, or there is none to keep a share of.
        RunError, BundleError: the teacher or the start is unfinished or damaged.
    """
    train = config.train
    zoo.build_network(train.model)
    if train.start_share and not train.start:
        raise ConfigError(
            f"train.start_share is {train.start_share:g}, but there is no start to keep a share "
            "of; name one in train.start, or leave the share out."
        )
    teacher = Teacher.open(train.teacher) if train.teacher else None
    if teacher and teacher.network is None and train.teacher_sees == "augmented":
        raise ConfigError(
            f"The bundle {train.teacher} cannot be asked in each step, for it is no Keras model. "
            "Give the run that it was made of, or set train.teacher_sees to clean."
        )
    return teacher, Start.open(config) if train.start else None


def facts_of(teacher: Teacher | None, start: Start | None) -> dict[str, dict[str, Any]]:
    """What a run should record of what it learns from, plain data; nothing of what there is not."""
    both = {"teacher": teacher, "start": start}
    return {name: of.facts() for name, of in both.items() if of}


def _train(
    model: keras.Model,
    data: Callable[[int], tuple[Any, Any]],
    epochs: range,
    batch_size: int,
    callbacks: keras.callbacks.CallbackList,
) -> None:
    """Fit a model to whole arrays, other ones in each epoch.

    Not to a ``PyDataset``: for one, TensorFlow tells the C library to give memory back at once and
    to ask for it again, which costs a processor more time than the training does.
    """
    logs: dict[str, float] = {}
    callbacks.on_train_begin()
    for epoch in epochs:
        history = model.fit(
            *data(epoch),
            batch_size=batch_size,
            initial_epoch=epoch,
            epochs=epoch + 1,
            shuffle=False,  # Keras would, by what the process drew before
            callbacks=[_OfOneEpoch(callbacks)],
            verbose=0,
        )
        logs = {name: values[-1] for name, values in history.history.items()}
        if model.stop_training:
            break
    callbacks.on_train_end(logs)


class _OfOneEpoch(keras.callbacks.Callback):
    """Tells others of an epoch, but not that it was all that ``fit`` was asked for.

    At its end, ``fit`` puts the averaged weights in; the next epoch goes on with the last ones.
    """

    def __init__(self, others: keras.callbacks.CallbackList) -> None:
        super().__init__()
        self._others = others
        self.on_epoch_begin = others.on_epoch_begin
        self.on_train_batch_begin = others.on_train_batch_begin
        self.on_train_batch_end = others.on_train_batch_end

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        self._others.on_epoch_end(epoch, logs)
        self._weights = values_of(self.model)

    def on_train_end(self, logs: dict[str, float] | None = None) -> None:
        put_back(self.model, self._weights)


class _Epochs(Epochs):
    """The epochs of a network that reads single digits."""

    def __init__(
        self, run: Run, train: TrainConfig, examples: Examples, start: Start | None
    ) -> None:
        super().__init__(run, train)
        self._examples = examples
        self._start_weights = start.network.get_weights() if start and train.start_share else None

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        self._student = _student(self.model, self._train)

    def judge(self) -> dict[str, float]:
        examples = self._examples
        loss, share_right = self._student.evaluate(
            examples.validation_images, examples.validation_labels, batch_size=512, verbose=0
        )
        judged = {"val_loss": loss, "val_accuracy": share_right}
        nondigits = examples.validation_nondigits
        if nondigits is not None:
            none = np.full(len(nondigits), zoo.NUM_CLASSES)
            judged["val_rejected"] = self._student.evaluate(
                nondigits, none, batch_size=512, verbose=0
            )[1]
        return judged

    def network(self) -> keras.Model:
        network = _network(self.model, self._train)
        return zoo.reading_model(seen_at_angles(network, self._train.view_angle_deg))

    @contextmanager
    def further_weights(self) -> Iterator[None]:
        """Mix the weights with those that the start had, and put them back."""
        if self._start_weights is None:
            yield
            return
        network, share = _network(self.model, self._train), self._train.start_share
        trained = network.get_weights()
        network.set_weights(
            [
                share * before + (1 - share) * after
                for before, after in zip(self._start_weights, trained, strict=True)
            ]
        )
        try:
            yield
        finally:
            network.set_weights(trained)


def continued(
    folder: Path, config: Config, learns_from: Mapping[str, Mapping[str, Any]] | None = None
) -> Run:
    """Open a run to go on with it.

    Args:
        folder: of the run.
        config: what it should have been started with.
        learns_from: path and sha256 of its teacher and its start, by these names.

    Raises:
        RunError: there is none, or it was started with another configuration, teacher or start,
            or it was joined of others.
    """
    run = Run.open(folder)
    if run.config() != config:
        raise RunError(
            f"The run in {folder} was started with another configuration. Go on with the one in "
            "its config.toml, or start a new run in another folder."
        )
    is_told = (folder / "environment.json").exists()  # else it was interrupted before
    told = run.read_json("environment.json") if is_told else {}
    if "members" in told:
        raise RunError(
            f"The run in {folder} was joined of others, so there is nothing to go on with. "
            "Join them again into another folder."
        )
    for name, facts in (learns_from or {}).items():
        before = told.get(name, {}).get("sha256")
        if is_told and before != facts["sha256"]:
            raise RunError(
                f"The run in {folder} was started with another {name}: the SHA-256 of "
                f"{facts['path']} was {before}, and is {facts['sha256']}. Put the former one back, "
                "or start a new run in another folder."
            )
    return run


def _num_outputs(config: Config) -> int:
    return zoo.NUM_CLASSES + config.data.has_nondigits


def _start(
    config: Config, run: Run, teacher: Teacher | None, start: Start | None, num_steps: int
) -> keras.Model:
    """A fresh training model, saved at once: that finds a full disk before the first epoch."""
    train = config.train
    network = zoo.build_network(train.model, rejects=config.data.has_nondigits)
    if start:
        start.put_into(network)
    loss = Loss(train.label_smoothing)
    if teacher:
        loss = Loss(train.label_smoothing, train.teacher_weight, train.teacher_temperature)
        if train.teacher_sees == "augmented":
            network = taught(network, teacher.network)
    model = zoo.training_model(network, config.augment, train.seed)
    _compile(model, loss, optimizer(train, num_steps), _STEPS_PER_EXECUTION)
    model.optimizer.build(model.trainable_variables)  # else the checkpoint lacks its variables
    run.save_model(model, run.checkpoint_path)
    return model


def _network(model: keras.Model, train: TrainConfig) -> keras.Model:
    """The network inside a training model, or inside that one's part with the teacher."""
    part = model.layers[-1]
    return part if part.name == train.model else part.get_layer(train.model)


def _student(model: keras.Model, train: TrainConfig) -> keras.Model:
    """The model without its teacher, to be evaluated: the same weights."""
    network = _network(model, train)
    if network is model.layers[-1]:
        return model
    ink = keras.Input((None, None), name="ink")
    student = keras.Model(ink, network(Canonical()(ink)))
    _compile(student, Loss(train.label_smoothing))
    return student


def _compile(
    model: keras.Model,
    loss: Loss,
    optimizer: keras.optimizers.Optimizer | str = "sgd",
    steps_per_execution: int = 1,
) -> None:
    model.compile(
        optimizer=optimizer,
        loss=loss,
        metrics=[accuracy],
        steps_per_execution=steps_per_execution,
        jit_compile="auto" if keras.backend.backend() != "tensorflow" else False,
    )
