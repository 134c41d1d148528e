"""Crops of many sizes, in stacks that a network takes at once."""

from collections.abc import Iterator, Sequence

import numpy as np

from inkdigits.imaging.ink import Ink

_BATCH = 256  # crops
_BATCH_PX = 4_000_000  # pixels of all crops in a stack


def stacks(crops: Ink | Sequence[Ink]) -> Iterator[tuple[slice | list[int], Ink]]:
    """Stack crops of like size: blank margins do not change a glyph, but cost time.

    Args:
        crops: (n, h, w) float32, or n of any sizes (h, w).

    Yields:
        Which crops these are, and (m, h, w) float32, the smaller ones with blank margins.
    """
    if isinstance(crops, np.ndarray):
        step = max(1, min(_BATCH, _BATCH_PX // max(crops[0].size, 1))) if len(crops) else 1
        for start in range(0, len(crops), step):
            yield slice(start, start + step), crops[start : start + step]
        return
    by_size = sorted(range(len(crops)), key=lambda index: max(crops[index].shape))
    while by_size:
        side = max(crops[by_size[-1]].shape)  # the largest first
        room = max(1, min(_BATCH, _BATCH_PX // side**2))
        chosen = [index for index in by_size[-room:] if max(crops[index].shape) * 2 > side]
        del by_size[-len(chosen) :]
        height = max(crops[index].shape[0] for index in chosen)
        width = max(crops[index].shape[1] for index in chosen)
        stack = np.zeros((len(chosen), height, width), np.float32)
        for row, index in enumerate(chosen):
            crop = crops[index]
            stack[row, : crop.shape[0], : crop.shape[1]] = crop
        yield chosen, stack
