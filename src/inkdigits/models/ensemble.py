"""Several networks as one: what comes out is the mean of what each of them believes."""

import math
from collections.abc import Sequence
from typing import Any

import keras
from keras import layers, ops

from inkdigits.models.canonical import GLYPH_SIZE_PX


def ensemble(networks: Sequence[keras.Model]) -> keras.Model:
    """Join networks into one that takes and gives what each of them does.

    Args:
        networks: at least one, each from glyphs (n, 28, 28) to the same number of logits.
            Their weights are shared, not copied.

    Returns:
        A model from glyphs (n, 28, 28) to logits, whose softmax is the mean of the networks'.
    """
    glyph = keras.Input((GLYPH_SIZE_PX, GLYPH_SIZE_PX), name="glyph")
    # Two layers of a model may not have the same name, and two networks often do.
    members = [
        keras.Model(network.input, network.output, name=f"member_{number}")
        for number, network in enumerate(networks)
    ]
    logits = MeanBelief(name="logits")([member(glyph) for member in members])
    return keras.Model(glyph, logits, name="ensemble")


@keras.saving.register_keras_serializable(package="inkdigits")
class MeanBelief(layers.Layer):
    """Logits whose softmax is the mean of the members' softmax.

    That settles them up to a number for each digit, which is the mean of the members' log-sums:
    so the energy of the ensemble is that of its members, and ``Novelty`` means what it did.

    Input: a list of (n, classes) float32. Output: (n, classes).
    """

    def call(self, members: list[Any]) -> Any:
        """[(n, classes), …] → (n, classes)."""
        logits = ops.stack(members, axis=1)  # (n, members, classes)
        energy = ops.logsumexp(logits, axis=2, keepdims=True)  # (n, members, 1)
        sums = ops.logsumexp(logits - energy, axis=1)  # (n, classes) of probabilities
        return sums - math.log(len(members)) + ops.mean(energy, axis=1)

    def compute_output_shape(self, input_shape: list[tuple[int | None, ...]]) -> Any:
        """That of the first member."""
        return input_shape[0]
