"""`inkdigits data`: fetch a data set, and say where it is."""

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from inkdigits.cli.common import DataDir, extra
from inkdigits.errors import MissingDataError

app = typer.Typer(help="Fetch and check the data sets.", no_args_is_help=True)


class DataSet(StrEnum):
    """What can be fetched."""

    MNIST = "mnist"


@app.command()
def fetch(
    name: Annotated[DataSet, typer.Argument(help="The data set.")],
    to: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where to put it; else the cache.")
    ] = None,
) -> None:
    """Download a data set from its mirrors, and verify every byte."""
    from inkdigits.data.mnist import fetch_mnist

    with extra("train", "Downloading"):
        import pooch  # noqa: F401

    folder = fetch_mnist(to, progress=_progress if sys.stderr.isatty() else None)
    print(f"{name} is in {folder}, verified.")


@app.command()
def info(data_dir: DataDir = None) -> None:
    """Say where each file of MNIST was found, and whether it is whole."""
    from inkdigits.data.mnist import describe

    if data_dir is not None and not data_dir.is_dir():
        raise MissingDataError(f"There is no folder {data_dir}. Name one with --data-dir.")
    reports = describe(data_dir)
    for file in reports:
        state = "verified" if file.intact else "NOT USABLE"
        print(f"{file.name:<28}{state:<12}{file.path or '-'}")
        if file.advice:
            print(f"  {file.advice}")
    if not all(file.intact for file in reports):
        raise typer.Exit(1)


def _progress(name: str, done: int, total: int | None) -> None:
    of = f" of {total / 1e6:.1f}" if total else ""
    end = "\n" if done == total else ""
    print(f"\r{name}: {done / 1e6:.1f}{of} MB", end=end, file=sys.stderr, flush=True)
