"""A log that TensorBoard shows, written without TensorBoard, which is a large package."""

import os
import time
from pathlib import Path

import keras

from inkdigits.errors import MissingExtraError, RunError


class EventLog(keras.callbacks.Callback):
    """Write each epoch's figures as an event file: a record a figure.

    Args:
        folder: where the event files lie; a resumed training adds one.

    Raises:
        MissingExtraError: TensorFlow, which writes the records, is not installed.
        RunError: the folder cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__()
        try:
            import tensorflow as tf
        except ImportError as error:
            raise MissingExtraError("A TensorBoard log", "train") from error
        self._tf = tf
        name = f"events.out.tfevents.{time.time_ns()}.{os.getpid()}"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file = tf.io.TFRecordWriter(str(folder / name))
            self._write(file_version="brain.Event:2")
        except (OSError, tf.errors.OpError) as error:
            raise RunError(f"The TensorBoard log {folder} cannot be written: {error}") from error

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Write the epoch's figures."""
        value = self._tf.compat.v1.Summary.Value
        figures = [value(tag=tag, simple_value=figure) for tag, figure in (logs or {}).items()]
        self._write(step=epoch + 1, summary=self._tf.compat.v1.Summary(value=figures))

    def on_train_end(self, logs: dict[str, float] | None = None) -> None:
        """Close the file."""
        self._file.close()

    def _write(self, **content: object) -> None:
        event = self._tf.compat.v1.Event(wall_time=time.time(), **content)
        self._file.write(event.SerializeToString())
        self._file.flush()
