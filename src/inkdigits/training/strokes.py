"""Fit the stroke finder as a configuration says, into a run folder.

The run folder is that of any training, and resumes as any does; beside it lie the patches, which
take minutes to make.
"""

import io
import zipfile
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from inkdigits import data
from inkdigits.config import Config
from inkdigits.data.splits import split_validation
from inkdigits.errors import ConfigError, RunError
from inkdigits.imaging.strokes import STEP_PX
from inkdigits.models import STROKE_FINDER
from inkdigits.models.strokes import build_stroke_finder, ink_loss, overlap
from inkdigits.training.examples import as_ink, load_source
from inkdigits.training.finish import made_of, save_curves
from inkdigits.training.fit import continued
from inkdigits.training.loop import check_alone, train_epochs
from inkdigits.training.patches import PATCH_PX, Patches, as_missing, make_patches
from inkdigits.training.run import Run, environment

_STRENGTH = 0.35  # deviation of the logarithm of how dark everything is


def fit_strokes(
    config: Config,
    folder: Path,
    *,
    data_dir: Path | None = None,
    resume: bool = False,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    say: Callable[[str], None] = lambda text: None,
) -> Run:
    """Train the stroke finder.

    Args:
        config: what to do; when resuming it must be the one that the run was started with.
        folder: the run folder, made if it is not there.
        data_dir: where the data sets lie; see ``inkdigits.data.mnist``.
        resume: go on with the run in ``folder`` after its last whole epoch.
        callbacks: of Keras, for progress.
        say: is told how far the patches are, which take minutes.

    Returns:
        The finished run.

    Raises:
        ConfigError, DataError, RunError: before the first epoch, wherever that is possible.
    """
    train = config.train
    if not config.data.patches:
        raise ConfigError(
            "data.patches is 0, but the stroke finder learns from patches of pages; "
            "try data.patches=24000."
        )
    check_alone(train, "stroke finder")
    run = continued(folder, config) if resume else Run.unused(folder)
    whole = load_source(config.data, data_dir)
    run = run if resume else Run.create(folder, config)
    patches, others, note = _patches(config, whole, run, say)
    run.write_json(
        "environment.json",
        environment(whole.hashes)
        | {"seed": train.seed, "split": note, "num_train": len(patches.light)},
    )
    train_epochs(
        run,
        train,
        build_stroke_finder,
        ink_loss,
        overlap,
        PatchBatches(patches, train.batch_size, train.seed),
        lambda model: _judged(model, others),
        callbacks,
        resume=resume,
    )
    save_curves(run)
    run.write_json(
        "calibration.json",
        {"validated_on": f"{len(others.light)} patches of validation writers. {note}"},
    )
    return run


def describe_strokes(run: Run) -> dict[str, Any]:
    """What a bundle should say of the stroke finder in it.

    Raises:
        RunError: the run did not finish, or is not of a stroke finder.
    """
    config = run.config()
    if config.train.model != STROKE_FINDER:
        raise RunError(
            f"{run.folder} is a run of {config.train.model}, but one of the stroke finder was "
            "expected: inkdigits train --config configs/strokes.toml --out FOLDER"
        )
    return made_of(run)


def held_patches(run: Run, count: int = 20) -> list[NDArray[np.float32]]:
    """Some of the patches that a run was validated on, as the network sees them; of any shapes."""
    patches = [as_missing(light) for light in _loaded(run.folder / _HELD).light[:count]]
    shapes = [(PATCH_PX, PATCH_PX), (STEP_PX, PATCH_PX), (PATCH_PX, 2 * STEP_PX)]
    return [
        patch[: shapes[number % 3][0], : shapes[number % 3][1]]
        for number, patch in enumerate(patches)
    ]


class PatchBatches:
    """Batches of (patches, ink), mirrored and turned, lighter and darker.

    Args:
        patches: what to learn from.
        batch_size: patches a step; what is left over waits for another epoch.
        seed: of order and augmentation.
    """

    def __init__(self, patches: Patches, batch_size: int, seed: int) -> None:
        self._patches, self._seed = patches, seed
        self._batch_size = min(batch_size, len(patches.light))
        self.set_epoch(0)

    def set_epoch(self, epoch: int) -> None:
        """Shuffle anew; asked for again at the start of each epoch."""
        self._epoch = epoch
        self._order = np.random.default_rng([self._seed, epoch]).permutation(
            len(self._patches.light)
        )

    def __len__(self) -> int:
        return len(self._order) // self._batch_size

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        chosen = np.sort(self._order[index * self._batch_size :][: self._batch_size])
        rng = np.random.default_rng([self._seed, self._epoch, index])
        light, ink = self._patches.light[chosen], self._patches.ink[chosen]
        is_mirrored, is_upside_down, is_turned = rng.random(3) < 0.5
        if is_mirrored:
            light, ink = light[:, :, ::-1], ink[:, :, ::-1]
        if is_upside_down:
            light, ink = light[:, ::-1], ink[:, ::-1]
        if is_turned:
            light, ink = light.transpose(0, 2, 1), ink.transpose(0, 2, 1)
        strength = np.exp(rng.normal(0, _STRENGTH, (len(light), 1, 1))).astype(np.float32)
        return as_missing(light, strength), as_ink(ink)


def _judged(model: keras.Model, held: Patches, batch_size: int = 32) -> dict[str, float]:
    losses, both, either = [], 0, 0
    for start in range(0, len(held.light), batch_size):
        light, ink = (part[start : start + batch_size] for part in held)
        logits = model(as_missing(light), training=False)
        losses += keras.ops.convert_to_numpy(ink_loss(as_ink(ink), logits)).tolist()
        is_ink, is_found = ink > 127, keras.ops.convert_to_numpy(logits) > 0
        both += int((is_ink & is_found).sum())
        either += int((is_ink | is_found).sum())
    return {"val_loss": float(np.mean(losses)), "val_accuracy": both / max(either, 1)}


_LEARNED, _HELD = "patches.npz", "patches-validation.npz"


def _patches(
    config: Config, whole: data.LabelledImages, run: Run, say: Callable[[str], None]
) -> tuple[Patches, Patches, str]:
    """Make the patches, or take those that lie in the run folder; those of other writers last."""
    split = split_validation(whole, config.data.validation_share, config.data.seed)
    count, seed = config.data.patches, config.data.seed
    made = []
    for name, chosen, number, own_seed in (
        (_LEARNED, split.train, count, 2 * seed),
        (_HELD, split.validation, max(count // 50, 8), 2 * seed + 1),
    ):
        path = run.folder / name
        if path.exists():
            made.append(_loaded(path))
            continue
        part = whole.take(chosen)
        made.append(make_patches(part.images, part.labels, number, own_seed, say))
        buffer = io.BytesIO()
        np.savez_compressed(buffer, light=made[-1].light, ink=made[-1].ink)
        run.write(name, buffer.getvalue())
    return made[0], made[1], split.note


def _loaded(path: Path) -> Patches:
    try:
        return Patches.load(path)
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise RunError(
            f"{path} is missing or damaged ({error}). Delete it, and go on with: "
            f"inkdigits train --out {path.parent} --resume"
        ) from error
