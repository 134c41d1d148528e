"""A network that reads already, and what it says to one that learns.

It is asked once of each image whose label it knows, as it is, before the training, which costs
nothing an epoch; or in each step of the very glyph that the student sees, which teaches more and
costs a forward pass.

Sources: Hinton et al. 2015, "Distilling the Knowledge in a Neural Network"; Beyer et al. 2022,
"Knowledge distillation: A good teacher is patient and consistent" (both see the same glyph).
"""

import hashlib
import io
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from inkdigits.bundle import Bundle, path_of
from inkdigits.decide import with_none
from inkdigits.errors import ConfigError
from inkdigits.models.zoo import NUM_CLASSES
from inkdigits.reading import CLASSES
from inkdigits.training.examples import as_ink
from inkdigits.training.run import Run, load_model, network_of

_NEVER = -1e9  # the logit of a class that the teacher does not know
_BATCH_SIZE = 500


@dataclass(frozen=True)
class Teacher:
    """One that was opened.

    Attributes:
        path: the file, or the run folder, as the configuration names it; or ``shipped``.
        sha256: of the file with its weights, in hexadecimal.
        num_outputs: 10, or 11 where it knows what is no digit.
        network: from glyphs to logits, to be asked in each step; None for a bundle.
        read: ink (n, H, W) → logits (n, 10) and novelty (n,).
    """

    path: str
    sha256: str
    num_outputs: int
    network: keras.Model | None
    read: Callable[[NDArray[np.float32]], tuple[NDArray[np.float32], NDArray[np.float32]]]

    @classmethod
    def open(cls, path: str) -> "Teacher":
        """Open a run folder, a ``.keras`` file, a ``.digits`` bundle, or ``shipped``.

        Raises:
            ConfigError: there is nothing of these, or it reads other classes.
            RunError: the run did not finish, or its model is damaged.
            BundleError: the bundle is damaged, or too new.
        """
        file = path_of(path)
        if file.is_dir():
            run = Run.open(file)
            run.read_json("calibration.json")  # written last: it says that the run did finish
            file = run.model_path
        if not file.is_file() or file.suffix not in (".keras", ".digits"):
            raise ConfigError(
                f"train.teacher is {path!r}, but must be a finished run folder, a .keras file of "
                "a run, or a .digits bundle."
            )
        opened = _of_bundle if file.suffix == ".digits" else _of_keras
        return cls(path, hashlib.sha256(file.read_bytes()).hexdigest(), *opened(file))

    def facts(self) -> dict[str, str]:
        """What a run should record of it, plain data."""
        return {"path": self.path, "sha256": self.sha256}

    def opinions(
        self, run: Run, images: NDArray[np.uint8], labels: NDArray[np.int64]
    ) -> NDArray[np.float32]:
        """Ask of the images; the answers are kept in the run folder, and taken from there.

        Args:
            run: the student's.
            images: (n, H, W) uint8, 255 is ink.
            labels: (n,); of an image whose label it does not know it is not asked.

        Returns:
            Logits (n, num_outputs), 0 where it was not asked.

        Raises:
            RunError: the run folder cannot be written.
        """
        is_asked = labels < self.num_outputs
        logits = np.zeros((len(images), self.num_outputs), np.float32)
        logits[is_asked] = self._asked(run, images[is_asked])
        return logits

    def _asked(self, run: Run, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """What the run folder holds of these images, else what it says now."""
        of = hashlib.sha256(self.sha256.encode() + images.tobytes()).hexdigest()
        try:
            with np.load(run.teacher_path) as kept:
                if str(kept["of"]) == of:
                    return np.asarray(kept["logits"], np.float32)
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            pass  # there are none yet, or none that can be read: ask again
        parts = [images[at : at + _BATCH_SIZE] for at in range(0, len(images), _BATCH_SIZE)]
        read = [with_none(*self.read(as_ink(part)))[:, : self.num_outputs] for part in parts]
        logits = np.concatenate(read).astype(np.float32)
        buffer = io.BytesIO()
        np.savez(buffer, of=np.array(of), logits=logits)
        run.write(run.teacher_path.name, buffer.getvalue())
        return logits


def targets(
    labels: NDArray[np.int64], opinions: NDArray[np.float32], num_outputs: int
) -> NDArray[np.float32]:
    """Put a teacher's logits behind the labels, as ``Loss`` expects them.

    Args:
        labels: (n,).
        opinions: (n, of the teacher) logits.
        num_outputs: of the student.

    Returns:
        (n, 1 + num_outputs).
    """
    logits = ops.convert_to_numpy(_fitted(opinions, num_outputs))
    return np.column_stack([labels, logits]).astype(np.float32)


def taught(network: keras.Model, teacher: keras.Model) -> keras.Model:
    """Put a teacher beside a network: glyphs (n, 28, 28) → logits of both (n, 2, classes)."""
    glyph = keras.Input(network.input.shape[1:], name="glyph")
    both = Beside(teacher, name="beside")([glyph, network(glyph)])
    return keras.Model(glyph, both, name="taught")


@keras.saving.register_keras_serializable(package="inkdigits")
class Beside(keras.layers.Layer):
    """Put what a teacher, which does not learn, says of the glyphs behind the student's logits.

    Input: glyphs (n, 28, 28) and the student's logits (n, classes). Output: (n, 2, classes).
    """

    def __init__(self, teacher: keras.Model, **options: Any) -> None:
        super().__init__(**options)
        self.teacher = teacher
        self.teacher.trainable = False

    def call(self, inputs: list[Any]) -> Any:
        """[(n, 28, 28), (n, classes)] → (n, 2, classes)."""
        glyph, logits = inputs
        opinion = _fitted(self.teacher(glyph, training=False), logits.shape[-1])
        return ops.stack([logits, ops.stop_gradient(opinion)], axis=1)

    def get_config(self) -> dict[str, Any]:
        """What ``from_config`` needs."""
        teacher = keras.saving.serialize_keras_object(self.teacher)
        return {**super().get_config(), "teacher": teacher}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Beside":
        """The layer that ``get_config`` described, with fresh weights."""
        teacher = keras.saving.deserialize_keras_object(config["teacher"])
        return cls(**{**config, "teacher": teacher})


def _fitted(opinion: Any, num_outputs: int) -> Any:
    """(n, 10 or 11) → (n, num_outputs): what the student does not know is left out."""
    opinion = opinion[:, :num_outputs]
    missing = num_outputs - opinion.shape[1]
    return ops.pad(opinion, ((0, 0), (0, missing)), constant_values=_NEVER) if missing else opinion


def _of_keras(file: Path) -> tuple[Any, ...]:
    model = load_model(file)
    network = network_of(model, file)

    def read(ink: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        outputs = model.predict_on_batch(ink)
        return outputs["logits"], outputs["novelty"]

    return network.output.shape[-1], network, read


def _of_bundle(file: Path) -> tuple[Any, ...]:
    bundle = Bundle.open(file)
    if bundle.classes != CLASSES:
        raise ConfigError(
            f"The teacher {file} reads the classes {bundle.classes!r}, but must read {CLASSES!r}."
        )

    def read(ink: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        found = bundle.run(ink)
        return found.logits, found.novelty

    rejects = bool(bundle.manifest["calibration"].get("rejects"))
    return NUM_CLASSES + rejects, None, read
