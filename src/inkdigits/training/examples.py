"""What a network learns from and is validated on: images, what is drawn to go with them, order.

All of it follows from ``data`` in the configuration, so runs that share that section, and the
members of an ensemble, have the same validation images; only the order is a matter of
``train.seed``.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from inkdigits import data
from inkdigits.config import ADDED_IMAGES, Config, DataConfig
from inkdigits.data.splits import split_validation
from inkdigits.errors import ConfigError
from inkdigits.models.zoo import NUM_CLASSES
from inkdigits.synthesis.fonts import font_characters, open_fonts
from inkdigits.synthesis.nondigits import cut_and_joined, synthetic_nondigits, turned
from inkdigits.synthesis.strokes import synthetic_digits
from inkdigits.training.crops import page_crops

_DRAWN_SHARE, _TURNED_SHARE = 0.6, 0.15  # of the non-digits; the others are cut and joined
_ONE_FONT_IN = 10  # is kept for validation


@dataclass(frozen=True, eq=False)  # arrays have no one answer to ==
class Examples:
    """Images to train and to validate with, and where both come from.

    Attributes:
        images: (n, H, W) uint8, 255 is ink, to train with.
        labels: (n,) int64, 0 to 9, or 10 for what is no digit.
        validation_images: (m, H, W) float32 in [0, 1], 1 is ink, of other writers.
        validation_labels: (m,) int64, 0 to 9.
        validation_disputed: (m,) bool, whether most people would give another label.
        validation_nondigits: (k, H, W) float32 that show no digit, or None.
        hashes: SHA-256 of each source of the data.
        note: for people, on how the images were split and what was added.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    validation_images: NDArray[np.float32]
    validation_labels: NDArray[np.int64]
    validation_disputed: NDArray[np.bool_]
    validation_nondigits: NDArray[np.float32] | None
    hashes: Mapping[str, str]
    note: str

    def validation(self) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """All that is validated on: ink and labels, the non-digits last, of which it is 10."""
        if self.validation_nondigits is None:
            return self.validation_images, self.validation_labels
        none = np.full(len(self.validation_nondigits), NUM_CLASSES)
        return (
            np.concatenate([self.validation_images, self.validation_nondigits]),
            np.concatenate([self.validation_labels, none]),
        )

    def calibration(self) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """All that is validated on, as above, but for the digits whose label is disputed."""
        ink, shown = self.validation()
        left_out = np.flatnonzero(self.validation_disputed)
        return np.delete(ink, left_out, axis=0), np.delete(shown, left_out)

    def facts(self) -> dict[str, Any]:
        """What a run should record of them, plain data."""
        return {
            "split": self.note,
            "num_train": len(self.images),
            "validation_sha256": hashlib.sha256(self.validation_images.tobytes()).hexdigest(),
        }


def load_examples(config: DataConfig, data_dir: Path | None) -> Examples:
    """Load, split and draw what a configuration asks for; raises as ``load_source``."""
    whole = load_source(config, data_dir)
    split = split_validation(whole, config.validation_share, config.seed)
    source, held = whole.take(split.train), whole.take(split.validation)
    added = list(_added(config, source, held))
    nondigits = [part.held_nondigits for part in added if part.held_nondigits is not None]
    return Examples(
        images=np.concatenate([source.images, *(part.images for part in added)]),
        labels=np.concatenate([source.labels, *(part.labels for part in added)]),
        validation_images=as_ink(held.images),
        validation_labels=held.labels,
        validation_disputed=np.zeros(len(held), bool) if held.disputed is None else held.disputed,
        validation_nondigits=as_ink(np.concatenate(nondigits)) if nondigits else None,
        hashes=whole.hashes,
        note=split.note + "".join(f" {len(part.images)} {part.name} were added." for part in added),
    )


def load_source(config: DataConfig, data_dir: Path | None) -> data.LabelledImages:
    """Load the images of the source, as many as the configuration allows.

    Raises:
        ConfigError: the source has no image of some digit.
        DataError: the source is missing or damaged, or has too few images.
    """
    drawn = {"count": config.limit} if config.limit else {}  # no more than are used
    whole = data.load(config.source, "train", data_dir=data_dir, seed=config.seed, **drawn)
    if config.limit:
        count = min(config.limit, len(whole))
        whole = whole.take(np.linspace(0, len(whole) - 1, count).astype(np.int64))
    missing = sorted(set(range(NUM_CLASSES)) - set(whole.labels.tolist()))
    if missing:
        raise ConfigError(
            f"data.source {config.source!r} has no image of {', '.join(map(str, missing))}, "
            "but each digit from 0 to 9 needs some."
        )
    return whole


def validation_images(
    config: Config, data_dir: Path | None = None
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """The images that a run with this configuration is validated on.

    Returns:
        ink (n, H, W) float32 and labels (n,).
    """
    trained_on_only = dict.fromkeys(ADDED_IMAGES, 0)
    examples = load_examples(config.replace(data=trained_on_only).data, data_dir)
    return examples.validation_images, examples.validation_labels


def as_ink(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(n, H, W) uint8, 255 is ink → float32 in [0, 1]."""
    return np.divide(images, np.float32(255), dtype=np.float32)


def shuffled(
    images: NDArray[np.uint8], targets: NDArray[Any], seed: int, epoch: int
) -> tuple[NDArray[np.float32], NDArray[Any]]:
    """Put the images of an epoch in an order that follows from seed and epoch.

    Args:
        images: (n, H, W) uint8, 255 is ink.
        targets: (n, …), what is to be learned of each.
        seed: of the order.
        epoch: from 0.

    Returns:
        ink (n, H, W) float32 in [0, 1], and the targets (n, …).
    """
    order = np.random.default_rng([seed, epoch]).permutation(len(images))
    return as_ink(images[order]), targets[order]


class _Added(NamedTuple):
    """Images that are learned from beside the source's, and non-digits to validate with."""

    name: str
    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    held_nondigits: NDArray[np.uint8] | None


def _added(
    config: DataConfig, source: data.LabelledImages, held: data.LabelledImages
) -> Iterator[_Added]:
    """What the configuration asks for; each kind drawn anew for validation, of its own writers."""
    size_px = source.images.shape[1]
    own, other = 2 * config.seed, 2 * config.seed + 1  # even seeds to train, odd ones to validate
    digits = source.images, source.labels
    fonts = open_fonts(config.fonts) if config.characters else []  # first: that takes no time
    if config.synthetic:
        drawn = synthetic_digits(config.synthetic, seed=config.seed, size_px=size_px)
        yield _Added("synthetic digits", *drawn, None)
        digits = np.concatenate([digits[0], drawn[0]]), np.concatenate([digits[1], drawn[1]])
    if config.nondigits:
        none = _nondigits(*digits, config.nondigits, own)
        labels = np.full(len(none), NUM_CLASSES)
        held_none = _nondigits(held.images, held.labels, len(held) // 2, other)
        yield _Added("non-digits", none, labels, held_none)
    if config.crops:
        cut, shown = page_crops(source.images, source.labels, config.crops, own, size_px)
        held_cut, held_shown = page_crops(held.images, held.labels, len(held) // 2, other, size_px)
        yield _Added("crops of pages", cut, shown, held_cut[held_shown == NUM_CLASSES])
    if fonts:
        held_fonts = fonts[::_ONE_FONT_IN]
        others = [font for font in fonts if font not in held_fonts] or fonts  # one is for both
        typed, shown = font_characters(others, config.characters, own, size_px)
        held_typed, held_shown = font_characters(held_fonts, len(held) // 2, other, size_px)
        yield _Added("characters of fonts", typed, shown, held_typed[held_shown == NUM_CLASSES])


def _nondigits(
    images: NDArray[np.uint8], labels: NDArray[np.int64], count: int, seed: int
) -> NDArray[np.uint8]:
    """Drawn ones, and some turned, cut and joined from the given digits: (count, H, W) uint8."""
    num_drawn, num_turned = round(_DRAWN_SHARE * count), round(_TURNED_SHARE * count)
    drawn = synthetic_nondigits(num_drawn, seed, images.shape[1])
    others = turned(images, labels, num_turned, seed)
    cut = cut_and_joined(images, labels, count - num_drawn - num_turned, seed)
    return np.concatenate([drawn, others, cut])
