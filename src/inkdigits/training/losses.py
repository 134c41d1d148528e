"""What a training makes small, with a teacher or without, and the accuracy beside it.

What a teacher says of an image stands behind the image's label, or behind the student's logits:

| | target | prediction |
|---|---|---|
| no teacher | label (n,) | logits (n, classes) |
| one that saw the image as it is | label, then its logits (n, 1 + classes) | logits (n, classes) |
| one that sees what the student sees | label (n,) | both ones' logits (n, 2, classes) |
"""

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="inkdigits", name="_Loss")  # as checkpoints say
class Loss(keras.losses.Loss):
    """Cross-entropy of logits with smoothed labels, and with a teacher's probabilities.

    A teacher is heard only of images that it reads as their label says, among the classes that the
    student knows; of others the label counts alone. So one that never saw what is no digit, or how
    other countries write, is not heard where it is wrong about it.

    Args:
        label_smoothing: probability spread over all classes.
        teacher_weight: share of the teacher where it is heard; the labels have the rest.
        teacher_temperature: divides the logits of both before they are compared, by the
            divergence of the probabilities. That counts by its square, so that the pull of the
            teacher does not depend on it.
        options: of ``keras.losses.Loss``.

    Source: Hinton et al. 2015, "Distilling the Knowledge in a Neural Network", section 2; Meng et
    al. 2019, "Conditional teacher-student learning" (when the teacher is heard).
    """

    def __init__(
        self,
        label_smoothing: float = 0.0,
        teacher_weight: float = 0.0,
        teacher_temperature: float = 1.0,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.label_smoothing = label_smoothing
        self.teacher_weight = teacher_weight
        self.teacher_temperature = teacher_temperature

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """The loss of each image, (n,)."""
        labels, logits, opinion = _parted(y_true, y_pred)
        classes = logits.shape[-1]
        target = ops.one_hot(labels, classes)
        target = target * (1 - self.label_smoothing) + self.label_smoothing / classes
        hard = ops.categorical_crossentropy(target, logits, from_logits=True)
        if opinion is None:
            return hard
        teacher, student = (part / self.teacher_temperature for part in (opinion, logits))
        taught = ops.softmax(teacher)
        soft = ops.categorical_crossentropy(taught, student, from_logits=True)
        soft = soft - ops.categorical_crossentropy(taught, teacher, from_logits=True)
        soft = soft * self.teacher_temperature**2
        agrees = ops.equal(ops.cast(ops.argmax(opinion, axis=-1), "int32"), labels)
        weight = ops.where(agrees, self.teacher_weight, 0.0)
        return (1 - weight) * hard + weight * soft

    def get_config(self) -> dict[str, Any]:
        """What ``from_config`` needs."""
        own = {
            "label_smoothing": self.label_smoothing,
            "teacher_weight": self.teacher_weight,
            "teacher_temperature": self.teacher_temperature,
        }
        return {**super().get_config(), **own}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Loss":
        """The loss that ``get_config`` described, which once counted the teacher's outputs too."""
        return cls(**{name: value for name, value in config.items() if name != "teacher_classes"})


@keras.saving.register_keras_serializable(package="inkdigits")
def accuracy(y_true: Any, y_pred: Any) -> Any:
    """1 for each image that the student reads as its label, (n,)."""
    labels, logits, _ = _parted(y_true, y_pred)
    return ops.cast(ops.equal(ops.argmax(logits, axis=-1), labels), "float32")


def _parted(y_true: Any, y_pred: Any) -> tuple[Any, Any, Any]:
    """Labels (n,), the student's logits (n, classes) and the teacher's, or None."""
    opinion = None
    if len(y_pred.shape) == 3:
        y_pred, opinion = y_pred[:, 0], y_pred[:, 1]
    elif len(y_true.shape) == 2:
        y_true, opinion = y_true[:, 0], y_true[:, 1:]
    return ops.cast(y_true, "int32"), y_pred, opinion
