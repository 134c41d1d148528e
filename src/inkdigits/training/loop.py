"""Epochs over batches that are made as they are asked for; of what reads no single digits."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import keras

from inkdigits.config import TrainConfig
from inkdigits.errors import ConfigError
from inkdigits.training.epochs import Epochs, optimizer
from inkdigits.training.run import Run, load_model

Judge = Callable[[keras.Model], dict[str, float]]


class Batches(Protocol):
    """Batches whose order, and change, follow from the epoch."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> tuple[Any, Any]: ...

    def set_epoch(self, epoch: int) -> None:
        """Shuffle anew; asked for again at the start of each epoch."""


def check_alone(train: TrainConfig, what: str) -> None:
    """See that nothing is asked for that only single digits know.

    Args:
        train: what to do.
        what: is trained, for people.

    Raises:
        ConfigError: there is a teacher or a start, or anything else of no use.
    """
    if train.teacher or train.start or train.start_share or train.members > 1:
        raise ConfigError(
            f"train.teacher is {train.teacher!r}, train.start {train.start!r}, train.start_share "
            f"{train.start_share:g} and train.members {train.members}, but the {what} learns "
            "alone, and afresh; leave them out."
        )
    if train.view_angle_deg:
        raise ConfigError(
            f"train.view_angle_deg is {train.view_angle_deg:g}, but the {what} looks once; "
            "leave it out."
        )
    if train.keep != "last" or train.patience or train.tensorboard:
        raise ConfigError(
            f"train.keep is {train.keep!r}, train.patience {train.patience} and train.tensorboard "
            f"{train.tensorboard}, but the {what} keeps its last weights, never stops early "
            "and writes no such log; leave them out."
        )


def train_epochs(
    run: Run,
    train: TrainConfig,
    build: Callable[[], keras.Model],
    loss: Any,
    metric: Any,
    batches: Batches,
    judge: Judge,
    callbacks: Sequence[keras.callbacks.Callback],
    *,
    resume: bool,
) -> None:
    """Train a network, or go on with it after its last whole epoch; ``check_alone`` comes first.

    Args:
        run: where everything is kept.
        train: how.
        build: makes the network with fresh weights.
        loss: of Keras.
        metric: of Keras, called ``accuracy`` in the history.
        batches: what to learn from.
        judge: ``val_loss`` and ``val_accuracy`` of the network with its averaged weights.
        callbacks: of Keras, for progress.
        resume: there may be a checkpoint.
    """
    keras.utils.set_random_seed(train.seed)
    if resume and run.checkpoint_path.exists():
        model = load_model(run.checkpoint_path)
    else:
        model = build()
        model.compile(
            optimizer=optimizer(train, len(batches) * train.epochs),
            loss=loss,
            metrics=[keras.metrics.MeanMetricWrapper(metric, name="accuracy")],
            jit_compile="auto" if keras.backend.backend() != "tensorflow" else False,
        )
        model.optimizer.build(model.trainable_variables)
        run.save_model(model, run.checkpoint_path)
    first_epoch = int(model.optimizer.iterations) // len(batches)
    run.write_history(run.history()[:first_epoch])
    if first_epoch < train.epochs:
        epochs = _Epochs(run, train, batches, judge)
        _fit(model, batches, range(first_epoch, train.epochs), [epochs, *callbacks])


def _fit(
    model: keras.Model,
    batches: Batches,
    epochs: range,
    callbacks: Sequence[keras.callbacks.Callback],
) -> None:
    """What ``model.fit`` does, but with a graph for each width of the batches.

    One for all widths, as ``fit`` would trace it, takes twice as long for a step.
    """
    steps = len(batches)
    all_of_them = keras.callbacks.CallbackList(
        list(callbacks), model=model, epochs=epochs.stop, steps=steps, verbose=0
    )
    all_of_them.on_train_begin()
    for epoch in epochs:
        all_of_them.on_epoch_begin(epoch)
        total, logs = dict[str, float](), dict[str, float]()
        for index in range(steps):
            for name, value in model.train_on_batch(*batches[index], return_dict=True).items():
                total[name] = total.get(name, 0.0) + float(value)
            logs = {name: value / (index + 1) for name, value in total.items()}
            all_of_them.on_train_batch_end(index, logs)
        all_of_them.on_epoch_end(epoch, logs)
    all_of_them.on_train_end()


class _Epochs(Epochs):
    """The epochs of what reads no single digits: their batches are shuffled anew."""

    def __init__(self, run: Run, train: TrainConfig, batches: Batches, judge: Judge) -> None:
        super().__init__(run, train)
        self._batches, self._judge = batches, judge

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        super().on_epoch_begin(epoch, logs)
        self._batches.set_epoch(epoch)

    def judge(self) -> dict[str, float]:
        return self._judge(self.model)

    def network(self) -> keras.Model:
        return keras.Model(self.model.input, self.model.output, name=self.model.name)
