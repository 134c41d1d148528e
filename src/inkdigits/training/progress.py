"""Progress of a training in a terminal: loss, accuracy and the time that is left."""

import keras
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)


class TrainingProgress(keras.callbacks.Callback):
    """A bar over all steps that are left, and one printed row an epoch.

    Args:
        console: where to.
        title: what is trained, such as ``"member 2 of 5"``; stands before every epoch.
    """

    def __init__(self, console: Console, title: str = "") -> None:
        super().__init__()
        self._console = console
        self._title = f"{title}, " if title else ""
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("loss {task.fields[loss]:.4f}  accuracy {task.fields[accuracy]:.4f}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=console,
            transient=True,
        )

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        """Show the bar."""
        total = self.params["steps"] * self.params["epochs"]
        self._task = self._bar.add_task("training", total=total, loss=0.0, accuracy=0.0)
        self._bar.start()

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Move to the epoch; a resumed run starts further on."""
        self._first_step = epoch * self.params["steps"]
        description = f"{self._title}epoch {epoch + 1}"
        self._bar.update(self._task, completed=self._first_step, description=description)

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Move the bar."""
        logs = logs or {}
        self._bar.update(
            self._task,
            completed=self._first_step + batch + 1,
            loss=logs.get("loss", 0.0),
            accuracy=logs.get("accuracy", 0.0),
        )

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Print the epoch's row."""
        logs = logs or {}
        self._console.print(
            f"{self._title}epoch {epoch + 1:3d}/{self.params['epochs']}  "
            f"loss {logs['loss']:.4f}  accuracy {logs['accuracy']:.4f}  "
            f"validation loss {logs['val_loss']:.4f}  "
            f"validation accuracy {logs['val_accuracy']:.4f}  {logs['seconds']:.0f} s",
            highlight=False,
        )

    def on_train_end(self, logs: dict[str, float] | None = None) -> None:
        """Take the bar away."""
        self.close()

    def close(self) -> None:
        """Take the bar away, also after an interruption."""
        self._bar.stop()
