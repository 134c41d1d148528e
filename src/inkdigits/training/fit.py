"""Fit a network as a configuration says, into a run folder.

The history on disk is the state: early stopping and resuming read it, and each epoch's order
and augmentation follow from (seed, epoch). So a run that was interrupted goes on as if it
never had been.
"""

import math
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
from numpy.typing import NDArray

from inkdigits import data
from inkdigits.config import Config, DataConfig, TrainConfig
from inkdigits.data.splits import split_validation
from inkdigits.decide import with_none
from inkdigits.errors import ConfigError, RunError
from inkdigits.evaluation.calibration import fit_dial, fit_temperature, softmax
from inkdigits.files import written_whole
from inkdigits.models import zoo
from inkdigits.synthesis.nondigits import cut_and_joined, synthetic_nondigits, turned
from inkdigits.synthesis.strokes import synthetic_digits
from inkdigits.training.crops import page_crops
from inkdigits.training.run import Run, environment, load_model
from inkdigits.training.tensorboard import EventLog

_STEPS_PER_EXECUTION = 16
_DRAWN_SHARE, _TURNED_SHARE = 0.6, 0.15  # of the non-digits; the others are cut and joined


def fit(
    config: Config,
    folder: Path,
    *,
    data_dir: Path | None = None,
    resume: bool = False,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> Run:
    """Train one network.

    Args:
        config: what to do; when resuming it must be the one that the run was started with.
        folder: the run folder, made if it is not there.
        data_dir: where the data sets lie; see ``inkdigits.data.mnist``.
        resume: go on with the run in ``folder`` after its last whole epoch.
        callbacks: of Keras, for progress.

    Returns:
        The finished run.

    Raises:
        ConfigError, DataError, RunError: before the first epoch, wherever that is possible.
    """
    zoo.build_network(config.train.model)  # an unknown name is an error before data is read
    examples = _examples(config, data_dir)
    run = _continued(folder, config) if resume else Run.create(folder, config)
    run.write_json(
        "environment.json",
        environment(examples.hashes)
        | {
            "seed": config.train.seed,
            "split": examples.note,
            "num_train": examples.train.num_images,
        },
    )
    keras.utils.set_random_seed(config.train.seed)
    if resume and run.checkpoint_path.exists():
        model = load_model(run.checkpoint_path)
    else:
        model = _start(config, run, num_steps=len(examples.train) * config.train.epochs)
    first_epoch = int(model.optimizer.iterations) // len(examples.train)
    run.write_history(run.history()[:first_epoch])
    if first_epoch < config.train.epochs and not _is_over(config.train, run):
        log = [EventLog(folder / "tensorboard")] if config.train.tensorboard else []
        model.fit(
            examples.train,
            initial_epoch=first_epoch,
            epochs=config.train.epochs,
            shuffle=False,  # Keras would, by what the process drew before; _Batches does
            callbacks=[_Epochs(run, config.train, examples), *log, *callbacks],
            verbose=0,
        )
    _finish(run, examples)
    return run


def validation_images(
    config: Config, data_dir: Path | None = None
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """The images that a run with this configuration is validated on.

    Returns:
        ink (n, H, W) float32 and labels (n,).
    """
    trained_on_only = {"synthetic": 0, "nondigits": 0, "crops": 0}
    shown = config.replace(data=trained_on_only)
    examples = _examples(shown, data_dir)
    return examples.validation_images, examples.validation_labels


def describe(run: Run) -> dict[str, Any]:
    """What a bundle should say of the run that it comes from.

    Returns:
        ``calibration``, ``training`` and ``attribution``, plain data.

    Raises:
        RunError: the run did not finish.
    """
    config = run.config()
    calibration = run.read_json("calibration.json")  # written last: it says the run did finish
    training = {
        "config": config.to_mapping(),
        "environment": run.read_json("environment.json"),
        "last_epoch": run.history()[-1],
    }
    drawn = "Digits drawn by inkdigits.synthesis"
    attribution = {
        "mnist": [
            "MNIST, Y. LeCun and C. Cortes, CC BY-SA 3.0",
            "QMNIST's table of writers, Facebook, BSD licence",
        ],
        "synthetic": [drawn],
    }.get(config.data.source, [f"Images of the person who trained it: {config.data.source}"])
    if config.data.synthetic and drawn not in attribution:
        attribution.append(drawn)
    return {
        "calibration": calibration,
        "training": training,
        "attribution": attribution,
    }


class _Examples:
    """Training batches, validation arrays, and where both come from."""

    def __init__(self, config: Config, whole: data.LabelledImages) -> None:
        split = split_validation(whole, config.data.validation_share, config.train.seed)
        source = whole.take(split.train)
        held = whole.take(split.validation)
        self.note = split.note
        added = list(_added(config.data, source, held, config.train.seed))
        self.note += "".join(f" {len(part.images)} {part.name} were added." for part in added)
        images = np.concatenate([source.images, *(part.images for part in added)])
        labels = np.concatenate([source.labels, *(part.labels for part in added)])
        nondigits = [part.held_nondigits for part in added if part.held_nondigits is not None]
        self.validation_nondigits = as_ink(np.concatenate(nondigits)) if nondigits else None
        self.train = _Batches(images, labels, config.train.batch_size, config.train.seed)
        self.validation_images = as_ink(whole.images[split.validation])  # (n, H, W) float32
        self.validation_labels = whole.labels[split.validation]  # (n,)
        self.hashes = whole.hashes


class _Added(NamedTuple):
    """Images that are learned from beside the source's, and non-digits to validate with."""

    name: str
    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    held_nondigits: NDArray[np.uint8] | None


def _added(
    config: DataConfig, source: data.LabelledImages, held: data.LabelledImages, seed: int
) -> Iterator[_Added]:
    """What the configuration asks for; each kind drawn anew for validation, of its own writers."""
    size_px = source.images.shape[1]
    own, other = 2 * seed, 2 * seed + 1  # even seeds to train, odd ones to validate
    digits = source.images, source.labels
    if config.synthetic:
        drawn = synthetic_digits(config.synthetic, seed=seed, size_px=size_px)
        yield _Added("synthetic digits", *drawn, None)
        digits = np.concatenate([digits[0], drawn[0]]), np.concatenate([digits[1], drawn[1]])
    if config.nondigits:
        none = _nondigits(*digits, config.nondigits, own)
        labels = np.full(len(none), zoo.NUM_CLASSES)
        held_none = _nondigits(held.images, held.labels, len(held) // 2, other)
        yield _Added("non-digits", none, labels, held_none)
    if config.crops:
        cut, shown = page_crops(source.images, source.labels, config.crops, own, size_px)
        held_cut, held_shown = page_crops(held.images, held.labels, len(held) // 2, other, size_px)
        yield _Added("crops of pages", cut, shown, held_cut[held_shown == zoo.NUM_CLASSES])


class _Batches(keras.utils.PyDataset):
    """Batches of (ink, label) in an order that follows from seed and epoch."""

    def __init__(self, images: Any, labels: Any, batch_size: int, seed: int) -> None:
        super().__init__()
        self._images, self._labels = images, labels
        self.num_images = len(images)
        self._batch_size, self._seed = batch_size, seed
        self.set_epoch(0)

    def set_epoch(self, epoch: int) -> None:
        """Shuffle anew; asked for again at the start of each epoch."""
        self._order = np.random.default_rng([self._seed, epoch]).permutation(len(self._images))

    def __len__(self) -> int:
        return -(-len(self._images) // self._batch_size)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        chosen = self._order[index * self._batch_size : (index + 1) * self._batch_size]
        return as_ink(self._images[chosen]), self._labels[chosen]


class _Epochs(keras.callbacks.Callback):
    """What happens around each epoch: order, validation, history, checkpoint, early stop."""

    def __init__(self, run: Run, config: TrainConfig, examples: _Examples) -> None:
        super().__init__()
        self._run, self._config, self._examples = run, config, examples

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        self._started = time.perf_counter()
        self._examples.train.set_epoch(epoch)
        _reseed(self.model, self._config.seed, epoch)

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        logs = {} if logs is None else logs  # changed in place: later callbacks see it too
        examples, history = self._examples, self._run.history()
        with _averaged_weights(self.model):
            loss, accuracy = self.model.evaluate(
                examples.validation_images, examples.validation_labels, batch_size=512, verbose=0
            )
            if not math.isfinite(loss):
                raise RunError(
                    f"The validation loss of epoch {epoch + 1} is {loss}: the training diverged. "
                    "Start again with a train.learning_rate below "
                    f"{self._config.learning_rate:g}."
                )
            logs |= {"val_loss": loss, "val_accuracy": accuracy}
            nondigits = examples.validation_nondigits
            if nondigits is not None:
                none = np.full(len(nondigits), zoo.NUM_CLASSES)
                logs["val_rejected"] = self.model.evaluate(
                    nondigits, none, batch_size=512, verbose=0
                )[1]
            is_best = all(loss < row["val_loss"] for row in history)
            if self._config.keep == "last" or is_best:
                network = self.model.get_layer(self._config.model)
                self._run.save_model(zoo.reading_model(network), self._run.model_path)
        logs["learning_rate"] = float(self.model.optimizer.learning_rate)
        logs["seconds"] = round(time.perf_counter() - self._started, 2)
        self._run.write_history([*history, {"epoch": epoch + 1, **logs}])
        self._run.save_model(self.model, self._run.checkpoint_path)  # last: it counts the epochs
        self.model.stop_training = _is_over(self._config, self._run)


def as_ink(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(n, H, W) uint8, 255 is ink → float32 in [0, 1]."""
    return images.astype(np.float32) / np.float32(255)


def _nondigits(
    images: NDArray[np.uint8], labels: NDArray[np.int64], count: int, seed: int
) -> NDArray[np.uint8]:
    """Drawn ones, and some turned, cut and joined from the given digits: (count, H, W) uint8."""
    num_drawn, num_turned = round(_DRAWN_SHARE * count), round(_TURNED_SHARE * count)
    drawn = synthetic_nondigits(num_drawn, seed, images.shape[1])
    others = turned(images, labels, num_turned, seed)
    cut = cut_and_joined(images, labels, count - num_drawn - num_turned, seed)
    return np.concatenate([drawn, others, cut])


def _continued(folder: Path, config: Config) -> Run:
    run = Run.open(folder)
    if run.config() != config:
        raise RunError(
            f"The run in {folder} was started with another configuration. Go on with the one in "
            "its config.toml, or start a new run in another folder."
        )
    return run


def _examples(config: Config, data_dir: Path | None) -> _Examples:
    drawn = {"count": config.data.limit} if config.data.limit else {}  # no more than are used
    whole = data.load(
        config.data.source, "train", data_dir=data_dir, seed=config.train.seed, **drawn
    )
    if config.data.limit:
        count = min(config.data.limit, len(whole))
        whole = whole.take(np.linspace(0, len(whole) - 1, count).astype(np.int64))
    missing = sorted(set(range(zoo.NUM_CLASSES)) - set(whole.labels.tolist()))
    if missing:
        raise ConfigError(
            f"data.source {config.data.source!r} has no image of {', '.join(map(str, missing))}, "
            "but each digit from 0 to 9 needs some."
        )
    return _Examples(config, whole)


def _start(config: Config, run: Run, num_steps: int) -> keras.Model:
    """A fresh training model, saved at once: that finds a full disk before the first epoch."""
    train = config.train
    network = zoo.build_network(train.model, rejects=config.data.has_nondigits)
    model = zoo.training_model(network, config.augment, train.seed)
    model.compile(
        optimizer=_optimizer(train, num_steps),
        loss=_Loss(label_smoothing=train.label_smoothing),
        metrics=["accuracy"],
        steps_per_execution=_STEPS_PER_EXECUTION,
        jit_compile="auto" if keras.backend.backend() != "tensorflow" else False,
    )
    run.save_model(model, run.checkpoint_path)
    return model


def _optimizer(train: TrainConfig, num_steps: int) -> keras.optimizers.Optimizer:
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


@keras.saving.register_keras_serializable(package="inkdigits")
class _Loss(keras.losses.Loss):
    """Cross-entropy of logits with whole-number labels, smoothed."""

    def __init__(self, label_smoothing: float = 0.0, **options: Any) -> None:
        super().__init__(**options)
        self.label_smoothing = label_smoothing

    def call(self, y_true: Any, y_pred: Any) -> Any:
        classes = y_pred.shape[-1]
        target = keras.ops.one_hot(keras.ops.cast(y_true, "int32"), classes)
        target = target * (1 - self.label_smoothing) + self.label_smoothing / classes
        return keras.ops.categorical_crossentropy(target, y_pred, from_logits=True)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "label_smoothing": self.label_smoothing}


def _is_over(train: TrainConfig, run: Run) -> bool:
    """Whether the validation loss has not fallen for ``patience`` epochs."""
    losses = [row["val_loss"] for row in run.history()]
    return bool(train.patience and losses) and (
        len(losses) - 1 - losses.index(min(losses)) >= train.patience
    )


def _reseed(model: keras.Model, seed: int, epoch: int) -> None:
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
    last = [keras.ops.convert_to_numpy(weight) for weight in model.trainable_variables]
    model.optimizer.finalize_variable_values(model.trainable_variables)
    try:
        yield
    finally:
        for weight, value in zip(model.trainable_variables, last, strict=True):
            weight.assign(value)


def _finish(run: Run, examples: _Examples) -> None:
    """Calibrate what was kept, and draw the curves."""
    model, labels = run.load_model(), examples.validation_labels
    logits, novelty = _read(model, examples.validation_images)
    nondigits = examples.validation_nondigits
    if nondigits is not None:
        # Temperature over eleven classes, of which the last is no digit.
        none_logits, none_novelty = _read(model, nondigits)
        outputs = np.concatenate([with_none(logits, novelty), with_none(none_logits, none_novelty)])
        none = np.full(len(none_logits), zoo.NUM_CLASSES)
        temperature = fit_temperature(outputs, np.concatenate([labels, none]))
        probabilities = softmax(with_none(logits, novelty), temperature)[:, : zoo.NUM_CLASSES]
    else:
        temperature = fit_temperature(logits, labels)
        probabilities = softmax(logits, temperature)
    dial = fit_dial(probabilities.max(axis=1), probabilities.argmax(axis=1) == labels)
    run.write_json(
        "calibration.json",
        {
            "temperature": temperature,
            "rejects": nondigits is not None,
            "dial": [vars(setting) for setting in dial],
            "fitted_on": f"{len(labels)} validation images. {examples.note}",
        },
    )
    save_curves(run)


def _read(
    model: keras.Model, ink: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    outputs = model.predict(ink, batch_size=512, verbose=0)
    return outputs["logits"], outputs["novelty"]


def save_curves(run: Run) -> None:
    """Draw ``curves.png``: loss and accuracy over the epochs."""
    from matplotlib.figure import Figure

    rows = run.history()
    epochs = [row["epoch"] for row in rows]
    figure = Figure(figsize=(9, 3.4), layout="constrained")
    for axes, name in zip(figure.subplots(1, 2), ("loss", "accuracy"), strict=True):
        axes.plot(epochs, [row[name] for row in rows], label="training, augmented")
        axes.plot(epochs, [row[f"val_{name}"] for row in rows], label="validation")
        axes.set(xlabel="epoch", ylabel=name)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False)
    try:
        with written_whole(run.folder / "curves.png") as part:
            figure.savefig(part, dpi=120)
    except OSError as error:
        raise RunError(f"The curves of {run.folder} cannot be written: {error}.") from error
