"""Several networks, or several looks of one: what comes out is the mean of what each believes.

Or, of networks that started from the same one, that of their weights: a single network.
"""

import math
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import layers, ops
from numpy.typing import NDArray

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


def averaged(networks: Sequence[keras.Model]) -> keras.Model:
    """Make one network of several that were trained on from the same one: a model soup.

    Source: Wortsman et al. 2022, "Model soups: averaging weights of multiple fine-tuned models
    improves accuracy without increasing inference time".

    Args:
        networks: at least one, of the same layers. They are left as they are.

    Returns:
        A network like each, whose weights, running means and variances are their means.
    """
    soup = keras.models.clone_model(networks[0])
    apart = zip(*(network.get_weights() for network in networks), strict=True)
    soup.set_weights([np.mean(weights, axis=0) for weights in apart])
    return soup


def seen_at_angles(network: keras.Model, angle_deg: float) -> keras.Model:
    """Let a network look at each glyph three times: turned one way, as it is, turned the other.

    Args:
        network: from glyphs (n, 28, 28) to logits. Its weights are shared, not copied.
        angle_deg: how far it is turned, in degrees; 0 gives the network itself.

    Returns:
        A model from glyphs (n, 28, 28) to logits, whose softmax is the mean of the three looks'.
    """
    if not angle_deg:
        return network
    glyph = keras.Input((GLYPH_SIZE_PX, GLYPH_SIZE_PX), name="glyph")
    angles_deg = [-angle_deg, 0.0, angle_deg]
    logits = network(Turned(angles_deg, name="turned")(glyph))  # (3 n, classes), one angle first
    apart = ops.reshape(logits, (len(angles_deg), -1, logits.shape[-1]))
    belief = MeanBelief(name="logits")(ops.unstack(apart, len(angles_deg)))
    return keras.Model(glyph, belief, name="seen_at_angles")


@keras.saving.register_keras_serializable(package="inkdigits")
class Turned(layers.Layer):
    """Turn glyphs about their middle, clockwise as they are seen; bilinear, paper from outside.

    Input: (n, 28, 28) float32. Output: (angles · n, 28, 28), all at the first angle first.
    """

    def __init__(self, angles_deg: Sequence[float], **options: Any) -> None:
        super().__init__(**options)
        self.angles_deg = list(angles_deg)
        self._sources = [_sources(math.radians(angle)) if angle else None for angle in angles_deg]

    def call(self, glyph: Any) -> Any:
        """(n, 28, 28) → (angles · n, 28, 28)."""
        side = GLYPH_SIZE_PX
        # Pixel by pixel, each of all glyphs at once: then the memory that is copied lies together.
        pixels = ops.transpose(ops.reshape(glyph, (-1, side * side)))  # (784, n)
        seen = [
            pixels if sources is None else _mixed(pixels, *sources) for sources in self._sources
        ]
        return ops.reshape(ops.transpose(ops.concatenate(seen, axis=1)), (-1, side, side))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """(any, 28, 28)."""
        return (None, *input_shape[1:])

    def get_config(self) -> dict[str, Any]:
        """What it takes to build the layer again."""
        return {**super().get_config(), "angles_deg": self.angles_deg}


def _mixed(pixels: Any, places: NDArray[np.int32], shares: NDArray[np.float32]) -> Any:
    """(784, n) → (784, n): each is made of the four at its places (4, 784), in these shares."""
    near = ops.take(pixels, ops.convert_to_tensor(places), axis=0)  # (4, 784, n)
    return ops.sum(near * ops.convert_to_tensor(shares[:, :, None]), axis=0)


def _sources(angle: float) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Which four pixels each pixel of a turned glyph is made of, and their shares: (4, 784)."""
    middle = (GLYPH_SIZE_PX - 1) / 2
    y, x = np.mgrid[:GLYPH_SIZE_PX, :GLYPH_SIZE_PX].reshape(2, -1) - middle
    at = np.stack(
        [math.cos(angle) * y - math.sin(angle) * x, math.cos(angle) * x + math.sin(angle) * y]
    )
    at += middle  # (2, 784): where in the glyph a pixel comes from
    corner = np.floor(at)
    part = at - corner
    places, shares = [], []
    for step in np.array([(0, 0), (0, 1), (1, 0), (1, 1)])[:, :, None]:
        place = corner + step  # (2, 784)
        is_inside = ((place >= 0) & (place < GLYPH_SIZE_PX)).all(axis=0)
        row, column = place.clip(0, GLYPH_SIZE_PX - 1).astype(np.int32)
        places.append(row * GLYPH_SIZE_PX + column)
        shares.append(np.where(step, part, 1 - part).prod(axis=0) * is_inside)
    return np.array(places, np.int32), np.array(shares, np.float32)


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
