"""A finished run whose network is trained on, instead of one with fresh weights.

For another writer's digits, or for more epochs of a recipe: the learning rate rises and falls
anew, as in Loshchilov and Hutter 2017, "SGDR: Stochastic gradient descent with warm restarts".
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import keras

from inkdigits.config import Config
from inkdigits.errors import ConfigError
from inkdigits.training.run import Run, network_of

_SPLIT = ("limit", "validation_share", "seed")  # what decides who is validated on


@dataclass(frozen=True)
class Start:
    """One that was opened.

    Attributes:
        path: the run folder, as the configuration names it.
        sha256: of its model, in hexadecimal.
        network: from glyphs to logits, with the weights that were kept.
    """

    path: str
    sha256: str
    network: keras.Model

    @classmethod
    def open(cls, config: Config, num_outputs: int) -> "Start":
        """Open the run that ``train.start`` names.

        Args:
            config: of the run that starts there.
            num_outputs: of its network, 10 or 11.

        Raises:
            ConfigError: the run trained another network, or learned from what is validated on.
            RunError: there is no such run, or it is unfinished or damaged.
        """
        run = Run.open(Path(config.train.start))
        run.read_json("calibration.json")  # written last: it says that the run did finish
        before = run.config()
        network = network_of(run.load_model(), run.model_path)
        found, wanted = (network.name, network.output.shape[-1]), (config.train.model, num_outputs)
        if found != wanted:
            raise ConfigError(
                f"train.start is {config.train.start!r}, which has the network {found[0]} with "
                f"{found[1]} outputs, but {wanted[0]} with {wanted[1]} is to be trained; one with "
                "non-digits or crops has 11. Name a run of one network that looks once "
                "(view_angle_deg 0), or set train.model and data alike."
            )
        for name in _SPLIT if _is_same(before.data.source, config.data.source) else ():
            expected, value = getattr(before.data, name), getattr(config.data, name)
            if value != expected:
                raise ConfigError(
                    f"data.{name} is {value}, but {expected} in {config.train.start}: its network "
                    "may have learned from images that this run would be validated on. Set "
                    f"data.{name}={expected}."
                )
        return cls(
            config.train.start,
            hashlib.sha256(run.model_path.read_bytes()).hexdigest(),
            network,
        )

    def facts(self) -> dict[str, str]:
        """What a run should record of it, plain data."""
        return {"path": self.path, "sha256": self.sha256}


def _is_same(source: str, other: str) -> bool:
    """Whether two sources are one, however a path is spelled; the name of a data set is none."""
    return Path(source).resolve() == Path(other).resolve()
