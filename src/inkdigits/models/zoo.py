"""The networks by name, and the models that are made of one.

A network takes glyphs (n, 28, 28) and gives logits (n, 10), or (n, 11) where the last one says
"no digit"; it knows nothing of augmentation or of where a digit lies. ``training_model`` and
``reading_model`` put the rest around it.
"""

import math
from collections.abc import Callable, Iterable
from typing import Any

import keras
from keras import layers, ops

from inkdigits.config import AugmentConfig
from inkdigits.errors import ConfigError
from inkdigits.models.augment import augmentation, glyph_augmentation
from inkdigits.models.canonical import GLYPH_SIZE_PX, Canonical
from inkdigits.models.ensemble import Turned

NUM_CLASSES = 10


def mlp(glyph: Any, num_outputs: int) -> Any:
    """The classic one: 784 inputs, 128 hidden ReLU units, 10 outputs."""
    x = layers.Flatten()(glyph)  # (n, 784)
    x = layers.Dense(128, activation="relu")(x)  # (n, 128)
    return layers.Dense(num_outputs, name="logits")(x)


def lenet5(glyph: Any, num_outputs: int) -> Any:
    """The first convolutional one: LeNet-5, with every map connected (LeCun et al. 1998)."""
    x = layers.ZeroPadding2D(2)(_as_map(glyph))  # (n, 32, 32, 1)
    x = layers.Conv2D(6, 5, activation="tanh")(x)  # (n, 28, 28, 6)
    x = layers.AveragePooling2D(2)(x)
    x = layers.Conv2D(16, 5, activation="tanh")(x)  # (n, 10, 10, 16)
    x = layers.AveragePooling2D(2)(x)
    x = layers.Flatten()(x)  # (n, 400)
    x = layers.Dense(120, activation="tanh")(x)
    x = layers.Dense(84, activation="tanh")(x)
    return layers.Dense(num_outputs, name="logits")(x)


def convnet(glyph: Any, num_outputs: int) -> Any:
    """Four convolutions, batch normalisation, strides instead of pooling."""
    x = _convolution(_as_map(glyph), 24, size=5, strides=2)  # (n, 14, 14, 24)
    x = _convolution(x, 48, size=3)  # (n, 14, 14, 48)
    x = _convolution(x, 64, size=3, strides=2)  # (n, 7, 7, 64)
    x = _convolution(x, 80, size=3)  # (n, 7, 7, 80)
    x = layers.Flatten()(x)  # (n, 3920): where a stroke lies is half of what a digit is
    x = layers.Dropout(0.3)(x)
    return layers.Dense(num_outputs, name="logits")(x)


def residual(glyph: Any, num_outputs: int) -> Any:
    """Three residual blocks: each learns what to add to its input (He et al. 2016)."""
    x = _convolution(_as_map(glyph), 32, size=5, strides=2)  # (n, 14, 14, 32)
    return _residual(x, num_outputs, blocks=(1, 2))


def deep_residual(glyph: Any, num_outputs: int) -> Any:
    """Five residual blocks, behind a convolution that skips no pixel."""
    x = _convolution(_as_map(glyph), 12, size=3)  # (n, 28, 28, 12)
    x = _convolution(x, 32, size=3, strides=2)  # (n, 14, 14, 32)
    return _residual(x, num_outputs, blocks=(2, 3))


def wide_residual(glyph: Any, num_outputs: int) -> Any:
    """``deep_residual`` with twice the channels in its blocks (Zagoruyko and Komodakis 2016)."""
    x = _convolution(_as_map(glyph), 32, size=3)  # (n, 28, 28, 32)
    x = _convolution(x, 64, size=3, strides=2)  # (n, 14, 14, 64)
    return _residual(x, num_outputs, blocks=(2, 3))


def plain3(glyph: Any, num_outputs: int) -> Any:
    """Ten 3×3 convolutions without padding, a quarter as wide as the paper's (An et al. 2020)."""
    return _plain(glyph, num_outputs, size=3, filters=range(8, 48, 4))  # to (n, 8, 8, 44)


def plain5(glyph: Any, num_outputs: int) -> Any:
    """Five 5×5 convolutions without padding, a quarter as wide as the paper's (An et al. 2020)."""
    return _plain(glyph, num_outputs, size=5, filters=range(8, 48, 8))  # to (n, 8, 8, 40)


def plain7(glyph: Any, num_outputs: int) -> Any:
    """Four 7×7 convolutions without padding, a quarter as wide as the paper's (An et al. 2020)."""
    return _plain(glyph, num_outputs, size=7, filters=range(12, 60, 12))  # to (n, 4, 4, 48)


def wide_plain3(glyph: Any, num_outputs: int) -> Any:
    """``plain3`` as wide as the paper's."""
    return _plain(glyph, num_outputs, size=3, filters=range(32, 192, 16))  # to (n, 8, 8, 176)


def wide_plain5(glyph: Any, num_outputs: int) -> Any:
    """``plain5`` as wide as the paper's."""
    return _plain(glyph, num_outputs, size=5, filters=range(32, 192, 32))  # to (n, 8, 8, 160)


def wide_plain7(glyph: Any, num_outputs: int) -> Any:
    """``plain7`` as wide as the paper's."""
    return _plain(glyph, num_outputs, size=7, filters=range(48, 240, 48))  # to (n, 4, 4, 192)


def tiny(glyph: Any, num_outputs: int) -> Any:
    """Under 10,000 parameters: five narrow convolutions, then one weight a place and channel."""
    x = _convolution(_as_map(glyph), 8, size=3)  # (n, 28, 28, 8)
    x = _convolution(x, 12, size=3)
    x = layers.MaxPooling2D(2)(x)  # (n, 14, 14, 12)
    x = _convolution(x, 16, size=3)
    x = _convolution(x, 16, size=3)
    x = layers.MaxPooling2D(2)(x)  # (n, 7, 7, 16)
    x = _convolution(x, 16, size=3)
    x = layers.DepthwiseConv2D(x.shape[1])(x)  # (n, 1, 1, 16): an average that knows where
    return layers.Dense(num_outputs, name="logits")(layers.Flatten()(x))


def micro(glyph: Any, num_outputs: int) -> Any:
    """Under 1,000 parameters: four narrow convolutions, then a 2×2 grid, which knows where.

    Averages and a smooth activation (SiLU) instead of maxima and ReLU: so few channels have to
    tell more than whether something is there.
    """
    x = _smooth(_as_map(glyph), 4, size=3)  # (n, 28, 28, 4)
    x = layers.AveragePooling2D(2)(x)  # (n, 14, 14, 4)
    x = _smooth(x, 4, size=3)
    x = _smooth(x, 5, size=3)
    x = layers.AveragePooling2D(2)(x)  # (n, 7, 7, 5)
    x = _smooth(x, 6, size=3, padding="valid")  # (n, 5, 5, 6)
    x = layers.AveragePooling2D(2)(x)  # (n, 2, 2, 6)
    return layers.Dense(num_outputs, name="logits")(layers.Flatten()(x))


NETWORKS: dict[str, Callable[[Any, int], Any]] = {
    make.__name__: make
    for make in (
        mlp,
        lenet5,
        convnet,
        residual,
        deep_residual,
        wide_residual,
        plain3,
        plain5,
        plain7,
        wide_plain3,
        wide_plain5,
        wide_plain7,
        tiny,
        micro,
    )
}


def build_network(name: str, *, rejects: bool = False) -> keras.Model:
    """Build a network with fresh weights.

    Args:
        name: one of ``NETWORKS``.
        rejects: give it one more output, for what is no digit.

    Returns:
        A model from glyphs (n, 28, 28) float32 to logits (n, 10) or (n, 11), named ``name``.

    Raises:
        ConfigError: no network has that name.
    """
    if name not in NETWORKS:
        raise ConfigError(f"train.model is {name!r}, but must be one of: {', '.join(NETWORKS)}.")
    glyph = keras.Input((GLYPH_SIZE_PX, GLYPH_SIZE_PX), name="glyph")
    return keras.Model(glyph, NETWORKS[name](glyph, NUM_CLASSES + rejects), name=name)


def training_model(network: keras.Model, augment: AugmentConfig, seed: int) -> keras.Model:
    """Ink (n, H, W) float32 → the canonicaliser, between augmentations → the network's logits."""
    ink = keras.Input((None, None), name="ink")
    x = ink
    for layer in (
        *augmentation(augment, seed),
        Canonical(name="canonical"),
        *glyph_augmentation(augment, seed),
    ):
        x = layer(x)
    return keras.Model(ink, network(x), name="training")


def reading_model(network: keras.Model) -> keras.Model:
    """The model that is saved and exported.

    Ink (n, H, W) → ``glyph`` (n, 28, 28), ``logits`` (n, 10) and ``novelty`` (n,).
    """
    ink = keras.Input((None, None), name="ink")
    glyph = Canonical(name="canonical")(ink)
    outputs = Novelty(name="novelty")(network(glyph))
    return keras.Model(ink, {"glyph": glyph, **outputs}, name="reading")


@keras.saving.register_keras_serializable(package="inkdigits")
class Novelty(layers.Layer):
    """Part a network's outputs into the digits' logits and how little this is a digit at all.

    ``novelty`` is the log-odds of "no digit" against all digits together. For a network without
    an output of its own for that, this one counts as 0, which leaves the energy score.

    Input: (n, 10) or (n, 11) float32. Output: ``logits`` (n, 10) and ``novelty`` (n,).

    Source: Liu et al. 2020, "Energy-based out-of-distribution detection" (the energy score).
    """

    def call(self, outputs: Any) -> dict[str, Any]:
        """(n, 10 or 11) → logits (n, 10), novelty (n,)."""
        logits = outputs[:, :NUM_CLASSES]
        novelty = -ops.logsumexp(logits, axis=1)  # (n,)
        if outputs.shape[1] > NUM_CLASSES:
            novelty = novelty + ops.sum(outputs[:, NUM_CLASSES:], axis=1)
        return {"logits": logits, "novelty": novelty}


def multiply_adds(network: keras.Model) -> int:
    """Multiplications with a weight that one glyph costs, in convolutions and dense layers."""
    total, num_looks = 0, 1
    for layer in network.layers:
        if isinstance(layer, keras.Model):
            total += multiply_adds(layer)
        elif isinstance(layer, layers.Conv2D | layers.DepthwiseConv2D):
            total += math.prod(layer.kernel.shape) * math.prod(layer.output.shape[1:3])
        elif isinstance(layer, layers.Dense):
            total += math.prod(layer.kernel.shape)
        elif isinstance(layer, Turned):
            num_looks *= len(layer.angles_deg)
    return total * num_looks


def _as_map(glyph: Any) -> Any:
    return layers.Reshape((GLYPH_SIZE_PX, GLYPH_SIZE_PX, 1))(glyph)


def _convolution(
    x: Any, filters: int, *, size: int, strides: int = 1, padding: str = "same"
) -> Any:
    return layers.ReLU()(_normalised(x, filters, size=size, strides=strides, padding=padding))


def _normalised(x: Any, filters: int, *, size: int, strides: int = 1, padding: str = "same") -> Any:
    x = layers.Conv2D(filters, size, strides=strides, padding=padding, use_bias=False)(x)
    return layers.BatchNormalization(momentum=0.97)(x)


def _smooth(x: Any, filters: int, *, size: int, padding: str = "same") -> Any:
    x = layers.Conv2D(filters, size, padding=padding, use_bias=False)(x)
    x = layers.BatchNormalization(momentum=0.97, scale=False)(x)
    return layers.Activation("silu")(x)


def _residual(x: Any, num_outputs: int, *, blocks: tuple[int, int]) -> Any:
    """Residual blocks: so many, then so many at half the size and twice the width."""
    for _ in range(blocks[0]):
        x = _residual_block(x)
    x = _convolution(x, 2 * x.shape[-1], size=3, strides=2)  # (n, 7, 7, twice as many)
    for _ in range(blocks[1]):
        x = _residual_block(x)
    x = layers.Flatten()(x)
    x = layers.Dropout(0.3)(x)
    return layers.Dense(num_outputs, name="logits")(x)


def _residual_block(x: Any) -> Any:
    change = _convolution(x, x.shape[-1], size=3)
    change = _normalised(change, x.shape[-1], size=3)
    return layers.ReLU()(layers.Add()([x, change]))


def _plain(glyph: Any, num_outputs: int, *, size: int, filters: Iterable[int]) -> Any:
    x = _as_map(glyph)
    for number in filters:
        x = _convolution(x, number, size=size, padding="valid")
    return layers.Dense(num_outputs, name="logits")(layers.Flatten()(x))
