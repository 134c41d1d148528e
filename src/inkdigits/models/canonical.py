"""The canonicaliser: any digit, anywhere, at any size, becomes the same 28×28 glyph.

It is a Keras layer inside the model, so that training, ONNX, LiteRT and the browser all run
the same one. It needs nothing but reductions and two matrix products:
the bounding box and the centre of mass give a row kernel ``Wy`` and a column kernel ``Wx``,
and the glyph is ``Wy @ ink @ Wx.T``.
"""

from typing import Any

import keras
from keras import ops

GLYPH_SIZE_PX = 28
BOX_SIZE_PX = 20
# Centre of mass in pixel edges: MNIST puts it nearest to the middle of pixel 14, which is 14.5.
# A hair less, so that ink as symmetric as a printed 0 goes to the same pixel on every runtime.
_CENTRE_PX = 14.4999
# Fainter than this share of the darkest pixel does not stretch the bounding box.
_EDGE = 0.2
_TINY = 1e-6


@keras.saving.register_keras_serializable(package="inkdigits")
class Canonical(keras.layers.Layer):
    """Fit each image's ink into the square that the networks were trained on.

    The longer side of the bounding box becomes 20 px (averaged over the area of a pixel when
    shrinking, interpolated when growing), the centre of mass moves to the middle of a 28×28
    square in whole pixels of the glyph, and the darkest pixel becomes 1. An empty image
    stays empty.

    Input: (n, H, W) float32 in [0, 1], 1 is ink; H and W may differ from call to call.
    Output: (n, 28, 28) float32 in [0, 1].

    Source: LeCun et al. 1998, section III-A (20 px box, centre of mass).
    """

    def call(self, ink: Any) -> Any:
        """Canonicalise a batch: (n, H, W) → (n, 28, 28)."""
        ink = ops.cast(ink, "float32")
        row_peak, column_peak = ops.max(ink, axis=2), ops.max(ink, axis=1)  # (n, H), (n, W)
        edge = ops.maximum(_EDGE * ops.max(row_peak, axis=1, keepdims=True), _TINY)  # (n, 1)
        top, bottom = ink_extent(row_peak > edge)  # (n, 1) each, in pixel edges
        left, right = ink_extent(column_peak > edge)
        side = ops.maximum(ops.maximum(bottom - top, right - left), 1.0)  # (n, 1)
        step = side / BOX_SIZE_PX  # pixels of the image in one pixel of the glyph
        rows = _kernel(ops.sum(ink, axis=2), top, step)  # (n, 28, H)
        columns = _kernel(ops.sum(ink, axis=1), left, step)  # (n, 28, W)
        glyph = ops.matmul(ops.matmul(rows, ink), ops.transpose(columns, (0, 2, 1)))
        return glyph / ops.maximum(ops.max(glyph, axis=(1, 2), keepdims=True), _TINY)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """(n, 28, 28)."""
        return (input_shape[0], GLYPH_SIZE_PX, GLYPH_SIZE_PX)


def _positions(profile: Any) -> Any:
    """0, 1, 2… along the last axis; a running sum, because the length is not known beforehand."""
    return ops.cumsum(ops.ones_like(profile), axis=-1) - 1.0


def ink_extent(is_inked: Any) -> tuple[Any, Any]:
    """(n, length) bool → the first and last edge of what is inked, (n, 1) float32 each."""
    inked = ops.cast(is_inked, "float32")
    position = _positions(inked)
    far = 1e6  # where nothing is inked, first > last, and the caller's `side` falls back to 1
    first = ops.min(position + far * (1.0 - inked), axis=1, keepdims=True)
    last = ops.max((position + 1.0) * inked, axis=1, keepdims=True)
    return ops.minimum(first, last), last


def _kernel(mass: Any, start: Any, step: Any) -> Any:
    """The share of each image pixel in each glyph pixel, along one axis.

    Args:
        mass: (n, length) ink summed over the other axis.
        start: (n, 1) first edge of the bounding box.
        step: (n, 1) image pixels in one glyph pixel.

    Returns:
        (n, 28, length) float32; a row sums to 1 where its window lies inside the image.
    """
    position = _positions(mass)  # (n, length)
    total = ops.maximum(ops.sum(mass, axis=1, keepdims=True), _TINY)
    centre = ops.sum(mass * (position + 0.5), axis=1, keepdims=True) / total
    offset = ops.round(_CENTRE_PX - (centre - start) / step)  # (n, 1) glyph pixel of `start`
    glyph_pixel = ops.reshape(ops.arange(GLYPH_SIZE_PX, dtype="float32"), (1, GLYPH_SIZE_PX, 1))
    start, offset, step = (ops.expand_dims(value, 2) for value in (start, offset, step))
    middle = start + (glyph_pixel + 0.5 - offset) * step  # (n, 28, 1)
    width = ops.maximum(step, 1.0)  # never narrower than a pixel: this interpolates
    low, high = middle - width / 2, middle + width / 2  # (n, 28, 1)
    pixel = ops.expand_dims(position, 1)  # (n, 1, length)
    overlap = ops.minimum(pixel + 1.0, high) - ops.maximum(pixel, low)
    return ops.maximum(overlap, 0.0) / width
