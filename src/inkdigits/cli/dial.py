"""`inkdigits dial`: what a bundle promises, and what it answers for that."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from inkdigits.decide import DEFAULT_MAX_ERROR

if TYPE_CHECKING:
    from inkdigits.evaluation.calibration import DialSetting

_GUARANTEE = """\
A digit is ok when its confidence reaches the threshold, and on a page nothing beside it speaks
against it, as letters do for a lone 0; the others are left to a person. Each
threshold was taken from the calibration digits so that, with a probability of at least 95 %, the
share of errors among the digits that are ok is at most the error wanted, for digits like those
of the calibration (one-sided 95 % Clopper-Pearson bound, fixed-sequence testing)."""


def dial(
    bundle: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A .digits file; else the one that ships.")
    ] = None,
) -> None:
    """Show the settings of --max-error: the threshold of each, and the share answered."""
    from inkdigits.bundle import Bundle
    from inkdigits.errors import BundleError
    from inkdigits.evaluation.calibration import DialSetting

    opened = Bundle.open(bundle)
    try:
        calibration = opened.manifest["calibration"]
        settings = [DialSetting(**row) for row in calibration["dial"]]
        settings.sort(key=lambda setting: -setting.max_error)
        if not settings:
            raise ValueError("it has no setting")
        default = next((row for row in settings if row.max_error <= DEFAULT_MAX_ERROR), None)
        rows = [_row(row, is_default=row is default) for row in settings]
    except (KeyError, TypeError, ValueError) as error:
        raise BundleError(
            f"The bundle {opened.name!r} holds no dial that can be shown ({error}). "
            "Export it again from its run."
        ) from error
    print(f"{opened.name}\n")
    print(f"{'error wanted':<18}{'threshold':>10}{'answered':>10}{'rests on':>16}")
    print("\n".join(rows))
    print(f"\n{_GUARANTEE}")
    if fitted_on := calibration.get("fitted_on"):
        print(f"The calibration digits: {fitted_on}")


def _row(setting: "DialSetting", *, is_default: bool) -> str:
    wanted = f"{100 * setting.max_error:g}%{' (default)' if is_default else ''}"
    answered = f"{setting.threshold:>10.4f}{setting.share_answered:>10.1%}"
    if setting.threshold > 1:
        answered = f"{'cannot be promised':>20}"
    return f"{wanted:<18}{answered}{setting.num_calibration:>9,} digits"
