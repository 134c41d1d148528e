"""A network that is trained on, instead of one with fresh weights: of a finished run, or a bundle.

For another writer's digits, or for more epochs of a recipe: the learning rate rises and falls
anew, as in Loshchilov and Hutter 2017, "SGDR: Stochastic gradient descent with warm restarts".
What it learned before is kept better where its weights keep a share in the new ones: Wortsman et
al. 2022, "Robust fine-tuning of zero-shot models".
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from inkdigits.bundle import Bundle, path_of
from inkdigits.config import Config
from inkdigits.errors import BundleError, ConfigError, RunError
from inkdigits.models import zoo
from inkdigits.models.graph import put_weights_of
from inkdigits.training.examples import Examples
from inkdigits.training.finish import made_of
from inkdigits.training.run import Run, network_of


@dataclass(frozen=True)
class Start:
    """One that was opened.

    Attributes:
        path: the run folder, the ``.digits`` file or ``shipped``, as the configuration names it.
        sha256: of its model, or of the file, in hexadecimal.
        network: from glyphs to logits, with the weights that were kept.
        root_sha256: of the model at which this one's first training began, or itself.
        learned_from: source and ``validation_sha256`` of it and of all that it started from.
        attribution: whose images its weights come from.
        has_fixed_statistics: its running means and variances are not those of its own activations,
            but means of several networks', or folded into its weights, or were so where it began.
    """

    path: str
    sha256: str
    network: keras.Model
    root_sha256: str
    learned_from: list[dict[str, str]]
    attribution: list[str]
    has_fixed_statistics: bool

    @classmethod
    def open(cls, config: Config) -> "Start":
        """Open what ``train.start`` names.

        Args:
            config: of the run that starts there.

        Raises:
            ConfigError: another network was trained.
            RunError: there is no such run, or it is unfinished or damaged.
            BundleError: there is no such bundle, or its network is none that can be built anew.
        """
        path = config.train.start
        is_bundle = path_of(path).suffix == ".digits"
        start = cls._of_bundle(path) if is_bundle else cls._of_run(path)
        network, rejects = start.network, config.data.has_nondigits
        wanted = zoo.build_network(config.train.model, rejects=rejects)
        if kind_of(network) != kind_of(wanted):
            raise ConfigError(
                f"train.start is {path!r}, which has the network {network.name} with "
                f"{network.output.shape[-1]} outputs, but {wanted.name} with "
                f"{wanted.output.shape[-1]} is to be trained, of the layers that it has today; one "
                "with non-digits or crops has 11 outputs. Name a run of one network that looks "
                "once (view_angle_deg 0), or set train.model and data alike."
            )
        return start

    @classmethod
    def _of_run(cls, path: str) -> "Start":
        try:
            run = Run.open(Path(path))
            made = made_of(run)
            network = network_of(run.load_model(), run.model_path)
        except RunError as error:
            raise RunError(f"train.start is {path!r}, of no use: {error}") from error
        environment = run.read_json("environment.json")
        return cls(
            path,
            hashlib.sha256(run.model_path.read_bytes()).hexdigest(),
            network,
            root_sha256(run),
            _learned_from(environment, run.config().data.source),
            made["attribution"],
            environment.get("averaged") == "weights"
            or run.config().train.start_share > 0
            or bool(environment.get("start", {}).get("has_fixed_statistics")),
        )

    @classmethod
    def _of_bundle(cls, path: str) -> "Start":
        file = path_of(path)
        bundle = Bundle.open(file)
        rejects = bundle.manifest["calibration"].get("rejects")
        try:
            made, attribution = bundle.manifest["training"], bundle.manifest["attribution"]
            learned_from = _learned_from(made["environment"], made["config"]["data"]["source"])
            network = zoo.build_network(made["config"]["train"]["model"], rejects=bool(rejects))
            put_weights_of(bundle.graph, network)
            if not _reads_alike(network, bundle):
                raise ValueError("it reads otherwise")
        except (ConfigError, KeyError, TypeError, ValueError) as error:
            raise BundleError(
                f"train.start is {path!r}, whose network cannot be built anew from its graph "
                f"({error}). Name the run that it was exported from."
            ) from error
        sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
        return cls(path, sha256, network, sha256, learned_from, attribution, True)

    def put_into(self, network: keras.Model) -> None:
        """Give a network of the same layers these weights.

        With running means and variances that are not those of its own activations a network reads
        well, and would be torn apart by those of a batch, so batch normalisation is left as it is.
        """
        network.set_weights(self.network.get_weights())
        if self.has_fixed_statistics:
            for layer in network.layers:
                if isinstance(layer, keras.layers.BatchNormalization):
                    layer.trainable = False

    def check(self, config: Config, examples: Examples) -> None:
        """See that what is validated on is nothing that it learned from.

        Raises:
            RunError: it learned from the same source, split otherwise.
        """
        validated = examples.facts()["validation_sha256"]
        for before in self.learned_from:
            is_same = _place(before["source"]) == _place(config.data.source)
            if is_same and before["validation_sha256"] != validated:
                raise RunError(
                    f"train.start is {self.path!r}, which learned from {config.data.source} with "
                    "other images kept for validation, so it may know those that this run would be "
                    "validated on. Set data.limit, data.validation_share and data.seed as they "
                    "were, and leave the images as they were."
                )

    def facts(self) -> dict[str, Any]:
        """What a run should record of it, plain data."""
        return {
            "path": self.path,
            "sha256": self.sha256,
            "root_sha256": self.root_sha256,
            "learned_from": self.learned_from,
            "attribution": self.attribution,
            "has_fixed_statistics": self.has_fixed_statistics,
        }


def _reads_alike(network: keras.Model, bundle: Bundle) -> bool:
    """Whether a network gives the outputs of a bundle's graph, but for rounding."""
    ink = np.random.default_rng(0).random((8, 40, 36), np.float32) ** 4  # mostly paper
    told, found = bundle.run(ink), zoo.reading_model(network).predict_on_batch(ink)
    return all(
        np.allclose(getattr(told, name), found[name], rtol=1e-3, atol=1e-3)
        for name in ("logits", "novelty")
    )


def root_sha256(run: Run) -> str:
    """Of the model that a run, or the first of those whose weights it is the mean of, began with.

    Weights that went out from the same model can be averaged; of one with fresh weights, its own.
    """
    environment = run.read_json("environment.json")
    if environment.get("averaged") == "weights":
        return str(environment["root_sha256"])
    start = environment.get("start", {})
    own = hashlib.sha256(run.model_path.read_bytes()).hexdigest()
    return str(start.get("root_sha256", start.get("sha256", own)))


def _learned_from(environment: Mapping[str, Any], source: str) -> list[dict[str, str]]:
    """What a run, its members, and all that they started from were trained and validated on."""
    validated = environment.get("validation_sha256", "")
    found = [{"source": source, "validation_sha256": validated}]
    for each in (environment, *environment.get("members", ())):
        found += each.get("start", {}).get("learned_from", [])
    return [of for number, of in enumerate(found) if of not in found[:number]]


def kind_of(network: keras.Model) -> tuple[str, list[tuple[int, ...]]]:
    """What networks have in common whose weights fit each other: name, and shapes of weights."""
    return network.name, [tuple(weight.shape) for weight in network.weights]


def _place(source: str) -> Path:
    """One for each source, however a path is spelled; the name of a data set is no path."""
    return Path(source).expanduser().resolve()
