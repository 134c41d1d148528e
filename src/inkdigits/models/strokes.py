"""The stroke finder: of each pixel of a page, whether somebody wrote there.

A small U-Net. What a line is, a ruling or a 1, shows only from afar, and where it ends only from
near, so the page is looked at in six sizes, and each answer is made of all of them.
"""

from typing import Any

import keras
from keras import layers, ops

_FILTERS = 12, 24, 40, 64, 64  # at a half, a quarter … of the page's size
_KNEE = 0.1  # a pencil's stroke is as clear as a pen's to one of the two ways the page is seen


def build_stroke_finder() -> keras.Model:
    """Build the network with fresh weights.

    Returns:
        A model from pages (n, H, W) float32, as ``imaging.strokes.normalised`` gives them, sides
        multiples of 32, to logits (n, H, W).

    Source: Ronneberger, Fischer and Brox 2015, "U-Net".
    """
    page = keras.Input((None, None), name="page")
    plain = ops.expand_dims(page, -1)  # (n, H, W, 1)
    dark = ops.maximum(plain, 0.0)
    x = ops.concatenate([plain, dark / (dark + _KNEE)], axis=-1)
    x = _convolution(x, _FILTERS[0], 4, strides=2)
    x = _convolution(x, _FILTERS[0])
    passed = []
    for filters in _FILTERS[1:]:
        passed.append(x)
        x = _convolution(x, filters, strides=2)
        x = _convolution(x, filters)
    for skip in reversed(passed):
        filters = max(skip.shape[-1], 16)
        x = layers.UpSampling2D(2)(_convolution(x, filters, 1))
        x = _convolution(ops.concatenate([x, skip], axis=-1), filters)
    x = layers.Conv2DTranspose(8, 4, strides=2, padding="same", use_bias=False)(x)
    x = _activated(x)
    x = layers.Conv2D(1, 3, padding="same")(ops.concatenate([x, plain], axis=-1))
    return keras.Model(page, ops.squeeze(x, axis=-1), name="strokes")


def _convolution(x: Any, filters: int, size: int = 3, *, strides: int = 1) -> Any:
    return _activated(
        layers.Conv2D(filters, size, strides=strides, padding="same", use_bias=False)(x)
    )


def _activated(x: Any) -> Any:
    return layers.ReLU()(layers.BatchNormalization(momentum=0.95)(x))


@keras.saving.register_keras_serializable(package="inkdigits")
def ink_loss(y_true: Any, y_pred: Any) -> Any:
    """How improbable the ink is, nats a pixel: (n, H, W) of 0 to 1, and logits → (n,)."""
    lost = ops.maximum(y_pred, 0) - y_pred * y_true + ops.softplus(-ops.abs(y_pred))
    return ops.mean(lost, axis=(1, 2))


@keras.saving.register_keras_serializable(package="inkdigits")
def overlap(y_true: Any, y_pred: Any) -> Any:
    """Pixels that are ink by both, as a share of those that are by either: one of the batch."""
    is_ink, is_found = y_true > 0.5, y_pred > 0
    both = ops.sum(ops.cast(ops.logical_and(is_ink, is_found), "float32"))
    either = ops.sum(ops.cast(ops.logical_or(is_ink, is_found), "float32"))
    return ops.broadcast_to(both / ops.maximum(either, 1.0), ops.shape(y_true)[:1])
