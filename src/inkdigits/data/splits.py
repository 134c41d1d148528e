"""Which training images are kept aside to validate on: those of other writers, where known."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from inkdigits.data import LabelledImages
from inkdigits.errors import ConfigError, DataError

Indices = npt.NDArray[np.int64]


class Split(NamedTuple):
    """The two sides, as ascending indices into the images; each image is on exactly one."""

    train: Indices  # (images kept for training,)
    validation: Indices  # (images kept for validation,)
    by_writer: bool  # whether no writer stands on both sides
    note: str  # one sentence for people on how the images were split


def split_validation(data: LabelledImages, share: float, seed: int) -> Split:
    """Keep a share of the writers, or else of each class, for validation.

    The images of one writer look alike: a network validated on writers that it was trained
    on looks better than it is. Where the writers are not known, the images are drawn at
    random within each class, and the note says so.

    Args:
        data: at least two images.
        share: of the writers (or of each class's images) to keep for validation,
            between 0 and 1, both excluded.
        seed: of the draw; the same seed gives the same split.

    Raises:
        ConfigError: the share is not between 0 and 1.
        DataError: too few images to have some on either side.
    """
    if not 0 < share < 1:
        raise ConfigError(
            f"The share of validation is {share}, but must be between 0 and 1, such as 0.1."
        )
    generator = np.random.default_rng(seed)
    writers = np.unique([] if data.writers is None else data.writers)
    if data.writers is not None and len(writers) >= 2:
        held = generator.permutation(writers)[: _held(len(writers), share)]
        kept = np.isin(data.writers, held)
        note = (
            f"Validated on the {kept.sum()} images of {len(held)} writers, none of whom is among "
            f"the {len(writers) - len(held)} trained on (seed {seed})."
        )
        return _split(kept, True, note)

    kept = np.zeros(len(data), dtype=bool)
    for label in np.unique(data.labels):
        members = generator.permutation(np.flatnonzero(data.labels == label))
        kept[members[: _held(len(members), share)]] = True
    if not kept.any():
        raise DataError(
            f"{data.name} has no class with two images or more, so that none can be kept for "
            "validation: give more images."
        )
    why = "the writers are not known" if data.writers is None else "there is one writer only"
    note = (
        f"Validated on {kept.sum()} images drawn at random within each class (seed {seed}), as "
        f"{why}: the same hands may be on both sides, and the validation figures flatter."
    )
    if data.name.startswith("mnist"):
        note += " The table of MNIST's writers comes with: inkdigits data fetch mnist"
    return _split(kept, False, note)


def _held(available: int, share: float) -> int:
    """How many of those available to keep: at least one, and never all."""
    return min(max(round(share * available), 1), available - 1)


def _split(kept: npt.NDArray[np.bool_], by_writer: bool, note: str) -> Split:
    return Split(np.flatnonzero(~kept), np.flatnonzero(kept), by_writer, note)
