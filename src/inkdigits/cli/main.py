"""The command line: `inkdigits VERB …`."""

import contextlib
import io
import os
import sys
from typing import Annotated

import typer

from inkdigits.cli import data, dial, doctor, evaluate, export, join, models, read, serve, train
from inkdigits.cli.common import say
from inkdigits.errors import InkdigitsError, outcome

app = typer.Typer(
    name="inkdigits",
    help="Read handwritten digits, and say so when not sure.",
    epilog="Exit codes: 0, every input was processed, whatever its status; "
    "1, some input could not be processed; 2, wrong usage; 130, it was interrupted.",
    context_settings={"help_option_names": ["-h", "--help"]},
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.command("read")(read.read)
app.command("train")(train.train)
app.command("join")(join.join)
app.command("evaluate")(evaluate.evaluate)
app.command("dial")(dial.dial)
app.command("export")(export.export)
app.add_typer(data.app, name="data")
app.command("serve")(serve.serve)
app.command("models")(models.models)
app.command("doctor")(doctor.doctor)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib import metadata

        print(f"inkdigits {metadata.version('inkdigits')}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the command line; every error of ours becomes one line and an exit code."""
    _check_streams()
    if "" in sys.argv[1:]:  # would pass for the folder that one is in
        say(InkdigitsError("One of the arguments is empty. Is a variable of the shell not set?"))
        sys.exit(2)
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A file's name may be no text, or more than the terminal's encoding can say.
        encoding = sys.stdout.encoding if sys.stdout.isatty() else "utf-8"
        sys.stdout.reconfigure(encoding=encoding, errors="backslashreplace")
    try:
        try:
            app()
        finally:
            print(end="", flush=True)  # so that a closed pipe or a full disk is met here
    except InkdigitsError as error:
        say(error)
        sys.exit(outcome(error).exit_code)
    except OSError as error:
        _give_up_output()
        if not isinstance(error, BrokenPipeError):  # else the reader has seen enough
            say(InkdigitsError(f"{error}. Is the disk full, or a folder not yours?"))
        sys.exit(1)


def _check_streams() -> None:
    """Streams that were closed before Python began are None: read nothing, and tell nobody."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes this one, the lowest that is free
    sys.stdin = sys.stdin or io.TextIOWrapper(io.BytesIO())
    sys.stderr = sys.stderr or io.StringIO()


def _give_up_output() -> None:
    """Let Python's own last flush go nowhere, where it cannot fail again, as its manual advises."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
