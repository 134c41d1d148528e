"""Several runs as one: train the members one after the other, and join what they learned.

Joined is what they believe, or, where they started from the same network, their weights.

The result is a run folder like any other, so it is evaluated, exported and read like any other.
"""

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from inkdigits.config import ADDED_IMAGES, Config
from inkdigits.errors import ConfigError, RunError
from inkdigits.models.canonical import Canonical
from inkdigits.models.ensemble import averaged, ensemble
from inkdigits.models.zoo import reading_model
from inkdigits.training.examples import Examples, load_examples
from inkdigits.training.finish import finish
from inkdigits.training.fit import check, continued, facts_of, fit
from inkdigits.training.run import Run, environment, network_of
from inkdigits.training.start import kind_of, root_sha256

_SHARED = ("source", "limit", "validation_share", "seed")  # of [data]: they settle who validates
# Of a member, which may have been trained elsewhere than it is joined.
_MADE = (
    "python",
    "keras",
    "backend",
    "processor",
    "cores",
    "devices",
    "git_revision",
    "teacher",
    "start",
)
_TINY = 1e-30


def fit_ensemble(
    config: Config,
    folder: Path,
    *,
    data_dir: Path | None = None,
    resume: bool = False,
    callbacks: Callable[[int], Sequence[keras.callbacks.Callback]] = lambda number: (),
) -> Run:
    """Train ``train.members`` networks of seeds that follow one another, and join them.

    Args:
        config: of all members; the first one has its ``train.seed``.
        folder: the run folder; the members are runs in ``member-0`` and so on inside it.
        data_dir: where the data sets lie; see ``inkdigits.data.mnist``.
        resume: go on with the ensemble in ``folder``; finished members are left as they are.
        callbacks: makes those of the member with that number, from 0.

    Returns:
        The finished run.

    Raises:
        ConfigError, DataError, RunError: before the first epoch, wherever that is possible.
    """
    first = config.train.seed
    recipes = [
        config.replace(train={"members": 1, "seed": first + number})
        for number in range(config.train.members)
    ]
    if len(recipes) < 2:
        raise ConfigError("train.members is 1, but an ensemble has at least 2 members.")
    teacher, start = check(config)
    run = Run.open(folder) if resume else Run.unused(folder)
    if resume and run.config() != config:
        raise RunError(
            f"The ensemble in {folder} was started with another configuration. Go on with the "
            "one in its config.toml, or start a new one in another folder."
        )
    examples = load_examples(config.data, data_dir)
    if start:
        start.check(config, examples)
    if not resume:
        Run.create(folder, config)
    members = []
    for number, recipe in enumerate(recipes):
        member = Run(folder / f"member-{number}")
        if resume and member.is_finished:
            continued(member.folder, recipe, facts_of(teacher, start))
        else:
            fit(
                recipe,
                member.folder,
                resume=resume and member.config_path.exists(),
                callbacks=callbacks(number),
                examples=examples,
            )
        members.append(member)
    _join(run, config, members, examples)
    return run


def join(
    folders: Sequence[Path],
    folder: Path,
    *,
    average_weights: bool = False,
    data_dir: Path | None = None,
    examples: Examples | None = None,
) -> Run:
    """Join finished runs, of whatever networks and recipes, into one.

    Args:
        folders: at least two finished runs, validated on the same images.
        folder: the run folder to make.
        average_weights: make one network, no larger than each, of runs that were trained on from
            the same one (``train.start``); else what the members believe is averaged.
        data_dir: where the data sets lie; see ``inkdigits.data.mnist``.
        examples: what ``load_examples`` made of the joined run's ``data`` before, to save its
            time: that of the members, where it is the same for all.

    Returns:
        The joined run. Its configuration is that of the first member, with what was added to
        the training of any; ``environment.json`` says how each differs from it.

    Raises:
        ConfigError: fewer than two runs, or the same one twice.
        RunError: one is not finished, was validated on other images, or has other outputs; or
            their weights, which are to be averaged, did not start from the same ones.
    """
    if len({each.resolve() for each in folders}) < max(len(folders), 2):
        raise ConfigError(
            f"{len(folders)} runs were named, but an ensemble needs at least two, each once."
        )
    run = Run.unused(folder)
    members = [Run.open(each) for each in folders]
    config = _common(members, average_weights)
    networks = _networks(members)  # what cannot be joined is an error before data is read
    if average_weights:
        _check_alike(members, networks)
    examples = load_examples(config.data, data_dir) if examples is None else examples
    _join(run, config, members, examples, average_weights)
    run.write("config.toml", config.to_toml())  # last: a join that failed may be tried again
    return run


def _common(members: Sequence[Run], average_weights: bool) -> Config:
    configs = [member.config() for member in members]
    for member, config in zip(members, configs, strict=True):
        for name in _SHARED:
            expected, found = (getattr(each.data, name) for each in (configs[0], config))
            if found != expected:
                raise RunError(
                    f"{member.folder} has data.{name} = {found!r}, but {members[0].folder} has "
                    f"{expected!r}: members must be validated on the same images. Train one of "
                    "them again."
                )
    added: dict[str, Any] = {
        name: max(getattr(config.data, name) for config in configs) for name in ADDED_IMAGES
    }
    fonts = sorted({config.data.fonts for config in configs if config.data.characters})
    if len(fonts) > 1:
        raise RunError(
            f"The members learned from characters of other fonts, {' and '.join(fonts)}, but are "
            "validated on the same ones. Train one of them again."
        )
    added["fonts"] = fonts[0] if fonts else ""
    if average_weights:
        return configs[0].replace(data=added)
    names = "+".join(config.train.model for config in configs)  # no recipe: it cannot be trained
    return configs[0].replace(train={"model": names, "members": len(members)}, data=added)


def _networks(members: Sequence[Run]) -> list[keras.Model]:
    networks: list[keras.Model] = []
    for member in members:
        member.read_json("calibration.json")  # written last: it says that the run did finish
        networks.append(network_of(member.load_model(), member.model_path))
        expected, found = (int(each.output.shape[-1]) for each in (networks[0], networks[-1]))
        if found != expected:
            raise RunError(
                f"{member.folder} has {found} outputs, but {members[0].folder} has {expected}: "
                "only one of them was taught what is no digit. Join runs that all were, or none."
            )
    return networks


def _check_alike(members: Sequence[Run], networks: Sequence[keras.Model]) -> None:
    """See that weights have a mean: each a counterpart in the others, and one place they are from.

    The mean of networks that know nothing of each other reads nothing.
    """
    kinds = [
        (*kind_of(network), member.config().train.view_angle_deg)
        for network, member in zip(networks, members, strict=True)
    ]
    roots = [root_sha256(member) for member in members]
    for member, kind, root in zip(members, kinds, roots, strict=True):
        if kind != kinds[0]:
            raise RunError(
                f"{member.folder} has the network {kind[0]!r}, but {members[0].folder} has "
                f"{kinds[0][0]!r}, or one of other layers or angles: only weights of one network "
                "can be averaged. Name runs of one, or join what they believe."
            )
        if root != roots[0]:
            raise RunError(
                f"{member.folder} and {members[0].folder} did not start from the same network, so "
                "the mean of their weights would read nothing. Train one on from the other by "
                "train.start, or join what they believe."
            )


def _join(
    run: Run,
    config: Config,
    members: Sequence[Run],
    examples: Examples,
    average_weights: bool = False,
) -> None:
    """Write all of a run but its configuration."""
    facts = examples.facts()
    for member in members:
        before = member.read_json("environment.json").get("validation_sha256")
        if before not in (None, facts["validation_sha256"]):
            raise RunError(
                f"{member.folder} was validated on other images than data.source "
                f"{config.data.source!r} has now. Put the former data back, or train it again."
            )
    networks = _networks(members)
    ink, shown = examples.validation()
    if average_weights:
        means = [averaged(networks[: number + 1]) for number in range(len(networks))]
        joined, beliefs = means[-1], _of_networks(means, ink)
    else:
        joined = ensemble(networks)
        beliefs = _of_ensembles(joined, ink)
    num_digits = len(examples.validation_labels)
    run.save_model(reading_model(joined), run.model_path)
    run.write_history(_history(members, beliefs, shown, num_digits, config.train.label_smoothing))
    told = {"averaged": "beliefs"}
    if average_weights:
        told = {"averaged": "weights", "root_sha256": root_sha256(members[0])}
    run.write_json(
        "environment.json",
        environment(examples.hashes)
        | {"seed": config.train.seed}
        | facts
        | {"members": [_facts(member, config) for member in members]}
        | told,
    )
    finish(run, examples)


def _facts(member: Run, config: Config) -> dict[str, Any]:
    """What the joined run should record of a member."""
    common = config.to_mapping()
    own = {
        f"{section}.{name}": value
        for section, values in member.config().to_mapping().items()
        for name, value in values.items()
        if value != common[section][name] and name != "members"
    }
    made = member.read_json("environment.json")
    kept = {name: made[name] for name in _MADE if name in made}
    return {
        "run": member.folder.resolve().name,
        "differs": own,
        "model_sha256": hashlib.sha256(member.model_path.read_bytes()).hexdigest(),
        "val_accuracy": member.history()[-1]["val_accuracy"],
    } | kept


def _of_ensembles(joined: keras.Model, ink: NDArray[np.float32]) -> NDArray[np.float64]:
    """What the first member, the first two, and so on believe: (members, n, outputs)."""
    entry = keras.Input((None, None))
    apart = keras.Model(joined.input, joined.get_layer("logits").input)(Canonical()(entry))
    model = keras.Model(entry, ops.softmax(ops.stack(apart, axis=1)))
    beliefs = model.predict(ink, batch_size=512, verbose=0)  # (n, members, outputs)
    numbers = np.arange(1, beliefs.shape[1] + 1)[:, None, None]
    return np.asarray(np.cumsum(beliefs, axis=1, dtype=np.float64).swapaxes(0, 1) / numbers)


def _of_networks(networks: Sequence[keras.Model], ink: NDArray[np.float32]) -> NDArray[np.float64]:
    """What each believes: (networks, n, outputs)."""
    entry = keras.Input((None, None))
    models = [keras.Model(entry, ops.softmax(each(Canonical()(entry)))) for each in networks]
    return np.array([model.predict(ink, batch_size=512, verbose=0) for model in models], np.float64)


def _history(
    members: Sequence[Run],
    beliefs: NDArray[np.float64],
    shown: NDArray[np.int64],
    num_digits: int,
    smoothing: float,
) -> list[dict[str, float]]:
    """A row a member: what it learned, and how the members up to it validate together."""
    rows: list[dict[str, float]] = []
    for member, probabilities in zip(members, beliefs, strict=True):
        epochs = member.history()
        right = probabilities.argmax(axis=1) == shown
        logs = np.log(np.maximum(probabilities[:num_digits], _TINY))
        of_label = logs[np.arange(num_digits), shown[:num_digits]]
        row = {
            "epoch": epochs[-1]["epoch"],
            "member": len(rows) + 1,
            "loss": epochs[-1]["loss"],
            "accuracy": epochs[-1]["accuracy"],
            "val_loss": -float(np.mean((1 - smoothing) * of_label + smoothing * logs.mean(1))),
            "val_accuracy": float(right[:num_digits].mean()),
            "seconds": round(sum(epoch["seconds"] for epoch in epochs), 2),
        }
        if len(shown) > num_digits:
            row["val_rejected"] = float(right[num_digits:].mean())
        rows.append(row)
    return rows
