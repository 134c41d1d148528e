"""The line reader: a strip of ink, however long, read at once, with nothing cut apart.

A fully convolutional network slides over the strip and says, every two pixels, what stands there:
nothing, one of the ten digits, or something that is no digit.
"""

from typing import Any

import keras
from keras import layers, ops

from inkdigits.imaging.strips import FRAME_PX, STRIP_HEIGHT_PX
from inkdigits.models.zoo import NUM_CLASSES
from inkdigits.strings import BLANK

NUM_LABELS = NUM_CLASSES + 2
MAX_MARKS = 20  # in one strip to learn from
_FRAMES_A_LABEL = 8.0  # about as many as a digit takes
NOBODY = -1  # a frame that may say what it likes; the end of a string


def build_line_reader() -> keras.Model:
    """Build the network with fresh weights.

    Returns:
        A model from strips (n, 32, W) float32, 1 is ink, to logits (n, W / 2, 12): blank, 0 to 9,
        no digit.

    Source: Graves et al. 2006, "Connectionist temporal classification"; the convolutions are
    residual blocks (He et al. 2016) that halve the height and keep the length.
    """
    strip = keras.Input((STRIP_HEIGHT_PX, None), name="strip")
    x = ops.expand_dims(strip, -1)  # (n, 32, W, 1)
    x = _convolution(x, 24, (5, 5), strides=(2, FRAME_PX))  # (n, 16, frames, 24)
    x = _convolution(x, 40, (3, 3), strides=(2, 1))  # (n, 8, frames, 40)
    x = _residual(x, (3, 3))
    x = _convolution(x, 64, (3, 3), strides=(2, 1))  # (n, 4, frames, 64)
    x = _residual(x, (3, 3))
    x = layers.ZeroPadding2D((0, 1))(x)
    x = _convolution(x, 96, (4, 3), padding="valid")  # (n, 1, frames, 96)
    x = _residual(x, (1, 5))
    x = layers.Dropout(0.1)(x)
    x = layers.Conv2D(NUM_LABELS, 1)(x)
    logits = ops.squeeze(x, axis=1)  # (n, frames, labels)
    return keras.Model(strip, logits, name="lines")


@keras.saving.register_keras_serializable(package="inkdigits")
class StringLoss(keras.losses.Loss):
    """How improbable the string is, and how wrong the frames are whose label is known.

    The string alone would do; that the frames are told too is what makes it learn soon.

    Args:
        frame_weight: share of the frames in the loss, which count eightfold: a frame's loss is
            of one label, and a string's of all frames that a label takes.
        options: of ``keras.losses.Loss``.
    """

    def __init__(self, frame_weight: float = 0.5, **options: Any) -> None:
        super().__init__(**options)
        self.frame_weight = frame_weight

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """(n, frames + MAX_MARKS) and (n, frames, labels) → (n,)."""
        frames, string = parted(y_true)
        length = ops.sum(ops.cast(string != NOBODY, "int32"), axis=1)
        num_frames = ops.full_like(length, ops.shape(y_pred)[1])
        loss = ops.ctc_loss(ops.maximum(string, 0), y_pred, length, num_frames, mask_index=BLANK)
        # A longer string is no more important.
        loss = loss / ops.cast(ops.maximum(length, 1), loss.dtype)
        known = ops.cast(frames != NOBODY, "float32")
        wrong = ops.sparse_categorical_crossentropy(
            ops.maximum(frames, 0), y_pred, from_logits=True
        )
        of_frames = ops.sum(known * wrong, axis=1) / ops.maximum(ops.sum(known, axis=1), 1.0)
        return (1 - self.frame_weight) * loss + self.frame_weight * _FRAMES_A_LABEL * of_frames

    def get_config(self) -> dict[str, Any]:
        """What ``from_config`` needs."""
        return {**super().get_config(), "frame_weight": self.frame_weight}


@keras.saving.register_keras_serializable(package="inkdigits")
def frame_accuracy(y_true: Any, y_pred: Any) -> Any:
    """The share of the frames whose label is known that say it, (n,)."""
    frames, _ = parted(y_true)
    is_right = ops.equal(ops.argmax(y_pred, axis=-1), ops.cast(frames, "int64"))
    known = ops.cast(frames != NOBODY, "float32")
    return ops.sum(known * ops.cast(is_right, "float32"), axis=1) / ops.maximum(
        ops.sum(known, axis=1), 1.0
    )


def parted(target: Any) -> tuple[Any, Any]:
    """Targets (n, frames + MAX_MARKS) → labels of the frames, and the string, int32."""
    target = ops.cast(target, "int32")
    return target[:, :-MAX_MARKS], target[:, -MAX_MARKS:]


def _convolution(
    x: Any,
    filters: int,
    size: tuple[int, int],
    *,
    strides: tuple[int, int] = (1, 1),
    padding: str = "same",
) -> Any:
    x = layers.Conv2D(filters, size, strides=strides, padding=padding, use_bias=False)(x)
    return layers.ReLU()(layers.BatchNormalization(momentum=0.97)(x))


def _residual(x: Any, size: tuple[int, int]) -> Any:
    filters = x.shape[-1]
    change = _convolution(x, filters, size)
    change = layers.Conv2D(filters, size, padding="same", use_bias=False)(change)
    change = layers.BatchNormalization(momentum=0.97)(change)
    return layers.ReLU()(layers.Add()([x, change]))
