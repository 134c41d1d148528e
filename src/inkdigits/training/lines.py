"""Fit the line reader as a configuration says, into a run folder.

The run folder is that of any training, and resumes as any does; beside it lie the strips, which
take minutes to make.
"""

import math
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import keras
import numpy as np
from numpy.typing import NDArray

from inkdigits import data
from inkdigits.config import AugmentConfig, Config
from inkdigits.data.splits import split_validation
from inkdigits.errors import ConfigError, RunError
from inkdigits.imaging.strips import FRAME_PX, MAX_WIDTH_PX, STRIP_HEIGHT_PX, WIDTH_STEP_PX
from inkdigits.models import LINE_READER
from inkdigits.models.lines import (
    MAX_MARKS,
    NOBODY,
    StringLoss,
    build_line_reader,
    frame_accuracy,
)
from inkdigits.strings import BLANK, greedy, log_probability, log_softmax
from inkdigits.synthesis.scribe import NO_DIGIT
from inkdigits.training.examples import as_ink, load_source
from inkdigits.training.finish import made_of, save_curves
from inkdigits.training.fit import continued
from inkdigits.training.loop import check_alone, train_epochs
from inkdigits.training.run import Run, environment
from inkdigits.training.strips import Strips, make_strips

_MAX_TRAIN_PX = 80  # longer strips teach nothing else, and take most of the time
_POOL = 16  # batches that are sorted by width together
_CORE, _SIDE = 0.15, 0.35  # shares of a digit's width that must say it, and that may


def fit_lines(
    config: Config,
    folder: Path,
    *,
    data_dir: Path | None = None,
    resume: bool = False,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    say: Callable[[str], None] = lambda text: None,
) -> Run:
    """Train the line reader.

    Args:
        config: what to do; when resuming it must be the one that the run was started with.
        folder: the run folder, made if it is not there.
        data_dir: where the data sets lie; see ``inkdigits.data.mnist``.
        resume: go on with the run in ``folder`` after its last whole epoch.
        callbacks: of Keras, for progress.
        say: is told how far the strips are, which take minutes.

    Returns:
        The finished run.

    Raises:
        ConfigError, DataError, RunError: before the first epoch, wherever that is possible.
    """
    train = config.train
    if not config.data.strips:
        raise ConfigError(
            "data.strips is 0, but the line reader learns from strips; try data.strips=100000."
        )
    check_alone(train, "line reader")
    run = continued(folder, config) if resume else Run.unused(folder)
    whole = load_source(config.data, data_dir)
    run = run if resume else Run.create(folder, config)
    whole_set, others, note = _strips(config, whole, run, say)
    train_strips = _short(whole_set)
    run.write_json(
        "environment.json",
        environment(whole.hashes)
        | {"seed": train.seed, "split": note, "num_train": len(train_strips.pixels)},
    )
    batches = StripBatches(train_strips, train.batch_size, train.seed, config.augment)
    held = StripBatches(others, train.batch_size, train.seed)
    train_epochs(
        run,
        train,
        build_line_reader,
        StringLoss(),
        frame_accuracy,
        batches,
        lambda model: _judged(model, held),
        callbacks,
        resume=resume,
    )
    _finish(run, held, note)
    return run


def describe_lines(run: Run) -> dict[str, Any]:
    """What a bundle should say of the line reader in it, as ``finish.describe`` says of a network.

    Raises:
        RunError: the run did not finish, or is not of a line reader.
    """
    config = run.config()
    if config.train.model != LINE_READER:
        raise RunError(
            f"{run.folder} is a run of {config.train.model}, but one of the line reader was "
            "expected: inkdigits train --config configs/lines.toml --out FOLDER"
        )
    return {"calibration": run.read_json("calibration.json"), **made_of(run)}


def held_strips(run: Run, count: int = 100) -> list[NDArray[np.float32]]:
    """Some of the strips that a run was validated on, (32, W) float32 each."""
    strips = _loaded(run.folder / "strips-validation.npz")
    return [as_ink(strip) for strip in strips.pixels[:count]]


class StripBatches:
    """Batches of (strips, targets), of like widths, in an order that follows from seed and epoch.

    Args:
        strips: what to learn from.
        batch_size: strips a step; the last batch may be smaller.
        seed: of order and augmentation.
        augment: how far each strip is changed; None leaves them as they are.
    """

    def __init__(
        self, strips: Strips, batch_size: int, seed: int, augment: AugmentConfig | None = None
    ) -> None:
        self.strips, self._batch_size = strips, batch_size
        self._seed, self._augment = seed, augment
        self._widths = np.array([strip.shape[1] for strip in strips.pixels])
        self.set_epoch(0)

    def set_epoch(self, epoch: int) -> None:
        """Shuffle anew; asked for again at the start of each epoch."""
        self._epoch = epoch
        rng = np.random.default_rng([self._seed, epoch])
        order = rng.permutation(len(self._widths))
        pool = _POOL * self._batch_size
        parts = [order[start : start + pool] for start in range(0, len(order), pool)]
        order = np.concatenate([part[np.argsort(self._widths[part])] for part in parts])
        batches = [
            order[start : start + self._batch_size]
            for start in range(0, len(order), self._batch_size)
        ]
        # Not from narrow to wide again and again.
        self.batches = [batches[index] for index in rng.permutation(len(batches))]

    def __len__(self) -> int:
        return len(self.batches)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        chosen = self.batches[index]
        rng = np.random.default_rng([self._seed, self._epoch, index])
        pixels, marks = [], []
        for number in chosen.tolist():
            strip, found = self.strips.pixels[number], self.strips.marks[number]
            if self._augment is not None:
                strip, found = _changed(strip, found, self._augment, rng)
            pixels.append(strip)
            marks.append(found)
        widest = max(strip.shape[1] for strip in pixels)
        width = -(-widest // WIDTH_STEP_PX) * WIDTH_STEP_PX
        stack = np.zeros((len(chosen), STRIP_HEIGHT_PX, width), np.float32)
        targets = np.full((len(chosen), width // FRAME_PX + MAX_MARKS), NOBODY, np.int32)
        for row, (strip, found) in enumerate(zip(pixels, marks, strict=True)):
            stack[row, :, : strip.shape[1]] = as_ink(strip)
            targets[row, :-MAX_MARKS] = frame_labels(found, width // FRAME_PX)
            string = string_of(found)[:MAX_MARKS]
            targets[row, len(targets[row]) - MAX_MARKS :][: len(string)] = string
        return stack, targets


def string_of(marks: NDArray[np.float32]) -> list[int]:
    """The labels from left to right; what is no digit, however long, is one."""
    return [int(mark[0]) + 1 for mark in _merged(marks)]


def frame_labels(marks: NDArray[np.float32], num_frames: int) -> NDArray[np.int32]:
    """What each frame should say: a label in the middle of a mark, blank between, else nobody's.

    Args:
        marks: (k, 3) value, left and right end in pixels.
        num_frames: of the strip.

    Returns:
        (num_frames,) labels; ``NOBODY`` where either would do.
    """
    labels = np.full(num_frames, BLANK, np.int32)
    middle = FRAME_PX * (np.arange(num_frames) + 0.5)
    nearest = np.full(num_frames, np.inf)
    for value, left, right in _merged(marks).tolist():
        distance = np.abs(middle - (left + right) / 2)
        core = max(_CORE * (right - left), 0.75 * FRAME_PX)
        labels[(distance < max(_SIDE * (right - left), core + FRAME_PX)) & (labels == BLANK)] = (
            NOBODY
        )
        is_core = (distance < core) & (distance < nearest)
        labels[is_core], nearest[is_core] = int(value) + 1, distance[is_core]
    return labels


def _merged(marks: NDArray[np.float32]) -> NDArray[np.float32]:
    """From left to right, non-digits beside each other as one mark."""
    merged: list[NDArray[np.float32]] = []
    for mark in marks[np.argsort(marks[:, 1] + marks[:, 2])]:
        if merged and merged[-1][0] == mark[0] == NO_DIGIT:
            merged[-1] = np.array([mark[0], merged[-1][1], max(mark[2], merged[-1][2])], np.float32)
        else:
            merged.append(mark)
    return np.array(merged, np.float32)


def _changed(
    strip: NDArray[np.uint8],
    marks: NDArray[np.float32],
    augment: AugmentConfig,
    rng: np.random.Generator,
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Turn, slant, stretch and move a strip by one resampling; thicken or thin its strokes."""
    angle = math.radians(augment.rotation_deg) * rng.uniform(-1, 1)
    slant = augment.shear * rng.uniform(-1, 1)
    size = math.exp(math.log1p(augment.scale) * rng.uniform(-1, 0.5))
    stretch = math.exp(math.log1p(augment.aspect) * rng.uniform(-1, 1) / 2)
    height, width = strip.shape
    # A long strip turns less: it must stay within its height.
    angle *= min(1.0, 2.0 * height / width)
    cos, sin = math.cos(angle), math.sin(angle)
    matrix = np.array([[cos, slant - sin], [sin, cos]]) * [[size * stretch], [size / stretch]]
    new_width = min(math.ceil(width * matrix[0, 0] + abs(slant) * height), MAX_WIDTH_PX)
    centre, target = np.array([width / 2, height / 2]), np.array([new_width / 2, height / 2])
    offset = target - matrix @ centre + [0, rng.uniform(-1.5, 1.5)]
    changed = cv2.warpAffine(
        strip, np.column_stack([matrix, offset]), (new_width, height), flags=cv2.INTER_LINEAR
    )
    moved = marks.copy()
    moved[:, 1:] = marks[:, 1:] * matrix[0, 0] + matrix[0, 1] * height / 2 + offset[0]
    amount = augment.pen_width * rng.uniform(-1, 1)
    change = cv2.dilate if amount > 0 else cv2.erode
    other = change(changed, np.ones((3, 3), np.uint8))
    return np.asarray(cv2.addWeighted(changed, 1 - abs(amount), other, abs(amount), 0)), moved


def _judged(model: keras.Model, held: StripBatches) -> dict[str, float]:
    outputs = _outputs(model, held)
    truths = [string_of(marks) for marks in held.strips.marks]
    right = [greedy(logits) == tuple(truth) for logits, truth in zip(outputs, truths, strict=True)]
    return {"val_loss": mean_loss(outputs, truths), "val_accuracy": float(np.mean(right))}


def _strips(
    config: Config, whole: data.LabelledImages, run: Run, say: Callable[[str], None]
) -> tuple[Strips, Strips, str]:
    """Make the strips, or take those that lie in the run folder; those of other writers last."""
    split = split_validation(whole, config.data.validation_share, config.data.seed)
    count, seed = config.data.strips, config.data.seed
    made = []
    for name, chosen, number, own_seed in (
        ("strips.npz", split.train, count, 2 * seed),
        ("strips-validation.npz", split.validation, max(count // 50, 50), 2 * seed + 1),
    ):
        path = run.folder / name
        if not path.exists():
            part = whole.take(chosen)
            strips = make_strips(part.images, part.labels, number, own_seed, say)
            run.write(name, strips.to_bytes())
        made.append(_loaded(path))
    return made[0], made[1], split.note


def _loaded(path: Path) -> Strips:
    try:
        return Strips.load(path)
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise RunError(
            f"{path} is missing or damaged ({error}). Delete it, and go on with: "
            f"inkdigits train --out {path.parent} --resume"
        ) from error


def _short(strips: Strips) -> Strips:
    kept = [index for index, strip in enumerate(strips.pixels) if strip.shape[1] <= _MAX_TRAIN_PX]
    if not kept:
        raise ConfigError(
            f"Of {len(strips.pixels)} strips none is at most {_MAX_TRAIN_PX} px wide. Set "
            "data.strips to a larger number, such as 100000."
        )
    return Strips([strips.pixels[k] for k in kept], [strips.marks[k] for k in kept])


def _outputs(model: keras.Model, held: StripBatches) -> list[NDArray[np.float32]]:
    """The logits of each strip, in the order of the strips, without the frames beyond its end."""
    found: list[NDArray[np.float32]] = [np.zeros((0, 0), np.float32)] * len(held.strips.pixels)
    for index, chosen in enumerate(held.batches):
        outputs = keras.ops.convert_to_numpy(model(held[index][0], training=False))
        for row, number in zip(outputs, chosen.tolist(), strict=True):
            found[number] = row[: -(-held.strips.pixels[number].shape[1] // FRAME_PX)]
    return found


def mean_loss(
    outputs: list[NDArray[np.float32]], truths: list[list[int]], temperature: float = 1.0
) -> float:
    """Nats a label; nan if a number among the logits is none."""
    if any(np.isnan(logits).any() for logits in outputs):
        return math.nan
    lost = [
        -log_probability(log_softmax(logits, temperature), truth)
        for logits, truth in zip(outputs, truths, strict=True)
    ]
    possible = [loss for loss in lost if loss < math.inf]  # what is longer than its frames is lost
    return float(np.sum(possible) / sum(map(len, truths)))


def _finish(run: Run, held: StripBatches, note: str) -> None:
    """Fit the temperature on the strips of the validation writers, and draw the curves."""
    outputs = _outputs(run.load_model(), held)
    truths = [string_of(marks) for marks in held.strips.marks]
    choices = np.exp(np.linspace(math.log(0.5), math.log(3), 12)).tolist()
    losses = [mean_loss(outputs, truths, temperature) for temperature in choices]
    save_curves(run)
    run.write_json(
        "calibration.json",
        {
            "temperature": choices[int(np.argmin(losses))],
            "fitted_on": f"{len(truths)} strips of validation writers. {note}",
        },
    )
