"""What every training does around its epochs, and the weights and rates that it does it with."""

import math
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from inkdigits.config import TrainConfig
from inkdigits.errors import RunError
from inkdigits.training.run import Run


class Epochs(keras.callbacks.Callback, ABC):
    """Around each epoch: random numbers, validation, the network kept, history, checkpoint."""

    def __init__(self, run: Run, train: TrainConfig) -> None:
        super().__init__()
        self._run, self._train = run, train

    @abstractmethod
    def judge(self) -> dict[str, float]:
        """``val_loss``, ``val_accuracy`` and any more, of the model with the weights to keep."""

    @abstractmethod
    def network(self) -> keras.Model:
        """The network that reads, with the weights to keep: without loss and optimiser."""

    def further_weights(self) -> AbstractContextManager[None]:
        """What else is done to the averaged weights before they are judged and kept."""
        return nullcontext()

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Draw what follows from seed and epoch, whatever was drawn before."""
        self._started = time.perf_counter()
        reseed(self.model, self._train.seed, epoch)

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Judge, then write network, history and checkpoint, in an order that may be cut short.

        Raises:
            RunError: the training diverged.
        """
        logs = {} if logs is None else logs  # changed in place: later callbacks see it too
        history = self._run.history()
        with _averaged_weights(self.model), self.further_weights():
            judged = self.judge()
            if not math.isfinite(judged["val_loss"]):
                raise RunError(
                    f"The validation loss of epoch {epoch + 1} is {judged['val_loss']}: the "
                    "training diverged. Start again with a train.learning_rate below "
                    f"{self._train.learning_rate:g}."
                )
            logs |= judged
            is_best = all(judged["val_loss"] < row["val_loss"] for row in history)
            if self._train.keep == "last" or is_best:
                self._run.save_model(self.network(), self._run.model_path)
        logs["learning_rate"] = float(self.model.optimizer.learning_rate)
        logs["seconds"] = round(time.perf_counter() - self._started, 2)
        self._run.write_history([*history, {"epoch": epoch + 1, **logs}])
        self._run.save_model(self.model, self._run.checkpoint_path)  # last: it counts the epochs
        self.model.stop_training = is_over(self._train, self._run.history())


def is_over(train: TrainConfig, history: Sequence[Mapping[str, Any]]) -> bool:
    """Whether the validation loss has not fallen for ``patience`` epochs."""
    losses = [row["val_loss"] for row in history]
    return bool(train.patience and losses) and (
        len(losses) - 1 - losses.index(min(losses)) >= train.patience
    )


def optimizer(train: TrainConfig, num_steps: int) -> keras.optimizers.Optimizer:
    """Adam or AdamW; the rate rises linearly, then falls along a cosine to 0."""
    num_warmup = int(train.warmup * num_steps)
    rate = keras.optimizers.schedules.CosineDecay(
        train.learning_rate / 100 if num_warmup else train.learning_rate,
        decay_steps=max(num_steps - num_warmup, 1),
        warmup_target=train.learning_rate if num_warmup else None,
        warmup_steps=num_warmup,
    )
    options: dict[str, Any] = {"learning_rate": rate}
    if train.weight_average:
        # The average looks back over at most a tenth of the training, however short that is.
        momentum = min(train.weight_average, max(1 - 10 / num_steps, 0.0))
        options |= {"use_ema": True, "ema_momentum": momentum}
    if train.optimizer == "adamw":
        return keras.optimizers.AdamW(weight_decay=train.weight_decay, **options)
    return keras.optimizers.Adam(**options)


def reseed(model: keras.Model, seed: int, epoch: int) -> None:
    """Let every random layer draw what follows from seed and epoch, and nothing else."""
    for number, layer in enumerate(model._flatten_layers()):
        generator = getattr(layer, "seed_generator", None)
        if generator is not None:
            # Mixed, because a generator counts up: neighbouring states would share their draws.
            mixed = np.random.SeedSequence([seed, epoch, number]).generate_state(2)
            generator.state.assign(mixed)


@contextmanager
def _averaged_weights(model: keras.Model) -> Iterator[None]:
    """Put the optimiser's averaged weights in, and the last ones back."""
    if not model.optimizer.use_ema:
        yield
        return
    last = values_of(model)
    model.optimizer.finalize_variable_values(model.trainable_variables)
    # Copies: JAX would evaluate in the optimiser's own memory, and then let it go.
    put_back(model, values_of(model))
    try:
        yield
    finally:
        put_back(model, last)


def values_of(model: keras.Model) -> list[NDArray[np.float32]]:
    """Copies of the weights that are trained."""
    return [keras.ops.convert_to_numpy(weight) for weight in model.trainable_variables]


def put_back(model: keras.Model, values: list[NDArray[np.float32]]) -> None:
    """Put back what ``values_of`` took."""
    for weight, value in zip(model.trainable_variables, values, strict=True):
        weight.assign(value)
