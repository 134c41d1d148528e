"""What is done with a network once it is trained: calibrate it, draw its curves, describe it."""

from dataclasses import asdict, replace
from typing import Any

from inkdigits.decide import Rule, probabilities, rejected, with_none
from inkdigits.errors import RunError
from inkdigits.evaluation.calibration import (
    ANSWERS_NOTHING,
    MAX_ERRORS,
    DialSetting,
    fit_dial,
    fit_temperature,
)
from inkdigits.files import written_whole
from inkdigits.models import PARTS
from inkdigits.models.zoo import NUM_CLASSES
from inkdigits.reading import CLASSES
from inkdigits.training.examples import Examples
from inkdigits.training.run import Run


def finish(run: Run, examples: Examples) -> None:
    """Calibrate what was kept on the validation images, and draw the curves.

    Raises:
        RunError: there is no model yet, or the folder cannot be written.
    """
    rejects = examples.validation_nondigits is not None
    ink, shown = examples.calibration()
    labels = shown[shown < NUM_CLASSES]
    outputs = run.load_model().predict(ink, batch_size=512, verbose=0)
    logits = outputs["logits"]
    if rejects:
        # Temperature over eleven classes, of which the last is no digit.
        logits = with_none(logits, outputs["novelty"])
    temperature = fit_temperature(logits, shown)
    rule = Rule(temperature, 0.0, CLASSES, rejects)
    of_digits = slice(len(labels))
    judged = probabilities(outputs["logits"][of_digits], outputs["novelty"][of_digits], rule)
    # What is rejected is not answered, at any threshold; it follows from no label.
    is_digit = ~rejected(judged, rule)
    digits = judged[is_digit, :NUM_CLASSES]
    settings = [DialSetting(error, ANSWERS_NOTHING, 0.0, 0) for error in MAX_ERRORS]
    if is_digit.any():
        settings = fit_dial(digits.max(axis=1), digits.argmax(axis=1) == labels[is_digit])
    share = float(is_digit.mean())
    dial = [replace(each, share_answered=each.share_answered * share) for each in settings]
    num_disputed = int(examples.validation_disputed.sum())
    left_out = f", without {num_disputed} whose label is disputed" if num_disputed else ""
    save_curves(run)
    run.write_json(
        "calibration.json",
        {
            "temperature": temperature,
            "rejects": rejects,
            "dial": [asdict(setting) for setting in dial],
            "fitted_on": f"{len(labels)} validation images{left_out}. {examples.note}",
        },
    )


def describe(run: Run) -> dict[str, Any]:
    """What a bundle should say of the run that it comes from.

    Returns:
        ``calibration``, ``training`` and ``attribution``, plain data.

    Raises:
        RunError: the run did not finish, or is of the line reader or the stroke finder.
    """
    config = run.config()
    part = config.train.model
    if part in PARTS:
        raise RunError(
            f"{run.folder} is a run of the {PARTS[part]}, which reads no single digits. Put it "
            f"into a bundle beside a network that does: inkdigits export RUN --{part} {run.folder} "
            "--to bundle --out FILE.digits"
        )
    return {"calibration": run.read_json("calibration.json"), **made_of(run)}


def made_of(run: Run) -> dict[str, Any]:
    """How the model of a run came about: ``training`` and ``attribution``, plain data.

    Raises:
        RunError: the run did not finish.
    """
    config = run.config()
    run.read_json("calibration.json")  # written last: it says the run did finish
    environment = run.read_json("environment.json")
    training = {
        "config": config.to_mapping(),
        "environment": environment,
        "last_epoch": run.history()[-1],
    }
    drawn = "Digits drawn by inkdigits.synthesis"
    attribution = {
        "mnist": [
            "MNIST, Y. LeCun and C. Cortes, CC BY-SA 3.0",
            "QMNIST's table of writers, Facebook, BSD licence",
        ],
        "synthetic": [drawn],
    }.get(config.data.source, [f"Images of the person who trained it: {config.data.source}"])
    with_drawn = (config.data.synthetic, config.data.crops, config.data.strips, config.data.patches)
    if any(with_drawn) and drawn not in attribution:
        attribution.append(drawn)
    if config.data.characters:
        attribution.append(f"Characters of fonts: {config.data.fonts}")
    for each in (environment, *environment.get("members", ())):  # whose weights it started from
        before = each.get("start", {}).get("attribution", [])
        attribution += [line for line in before if line not in attribution]
    return {"training": training, "attribution": attribution}


def save_curves(run: Run) -> None:
    """Draw ``curves.png``: loss and accuracy over the epochs, or over the members that joined."""
    from matplotlib.figure import Figure

    rows = run.history()
    over = "member" if rows and "member" in rows[0] else "epoch"
    figure = Figure(figsize=(9, 3.4), layout="constrained")
    for axes, name in zip(figure.subplots(1, 2), ("loss", "accuracy"), strict=True):
        steps = [row[over] for row in rows]
        axes.plot(steps, [row[name] for row in rows], label="training, augmented")
        axes.plot(steps, [row[f"val_{name}"] for row in rows], label="validation")
        axes.set(xlabel=over, ylabel=name)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False)
    try:
        with written_whole(run.folder / "curves.png") as part:
            figure.savefig(part, dpi=120)
    except OSError as error:
        raise RunError(f"The curves of {run.folder} cannot be written: {error}.") from error
