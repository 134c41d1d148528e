"""`inkdigits read`: pictures in, digits out."""

import csv
import io
import json
import sys
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from inkdigits.cli.common import check_folder, say
from inkdigits.decide import DEFAULT_MAX_ERROR
from inkdigits.errors import InkdigitsError, InputError
from inkdigits.reading import CSV_COLUMNS, UNSURE_MARK, Alternative, Digit, Page, Status

if TYPE_CHECKING:
    from inkdigits.reader import Look, Reader

_STDIN = Path("-")


class Format(StrEnum):
    """How a reading is printed."""

    TEXT = "text"
    JSON = "json"
    JSONL = "jsonl"
    CSV = "csv"


class MinStatus(StrEnum):
    """The worst status that is still printed as a digit."""

    OK = "ok"
    REVIEW = "review"


def read(
    pictures: Annotated[
        list[Path], typer.Argument(help="Pictures, or folders of pictures; - is standard input.")
    ],
    single: Annotated[bool, typer.Option("--single", help="Each picture is one digit.")] = False,
    line: Annotated[
        bool, typer.Option("--line", help="Each picture is one line of digits.")
    ] = False,
    format: Annotated[
        Format,
        typer.Option(
            help="text; json, a list for several pictures; jsonl, a line each; csv, a row a digit, "
            "or one for a page that has none."
        ),
    ] = Format.TEXT,
    show: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Save each page with boxes and values, its ink, and what the network saw.",
        ),
    ] = None,
    bundle: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A .digits file; else the one that ships.")
    ] = None,
    max_error: Annotated[
        float, typer.Option(help="Largest share of errors wanted among the digits that are ok.")
    ] = DEFAULT_MAX_ERROR,
    min_status: Annotated[
        MinStatus,
        typer.Option(
            help="In text: print ? for a digit that is less sure; what is none is left out."
        ),
    ] = MinStatus.REVIEW,
) -> None:
    """Read the digits in pictures.

    What is sure goes to standard output; what a person should look at is said on standard error.
    """
    if single and line:
        raise typer.BadParameter(
            "A picture is one digit or one line; leave out --single or --line."
        )
    from inkdigits.evaluation.calibration import ANSWERS_NOTHING
    from inkdigits.reader import Reader

    reader = Reader(bundle, max_error=max_error)
    if reader.rule.threshold >= ANSWERS_NOTHING:
        promise = f"{reader.bundle.name} cannot promise so few errors as {max_error:g}"
        print(f"no digit is ok: {promise} (inkdigits dial)", file=sys.stderr)
    if show is not None:
        if show.resolve() in [given.resolve() for given in pictures if given != _STDIN]:
            raise typer.BadParameter(
                f"The pictures of --show would be read as others the next time, for {show} is "
                "read. Give another folder."
            )
        check_folder(show, "--show")
    if format is Format.CSV:
        _print_csv_header()
    failed = False
    documents: list[dict[str, Any]] = []
    show_names: set[str] = set()
    is_one = False
    try:
        for path, name, look in _looks(reader, pictures, single=single, line=line):
            try:
                if isinstance(look, InputError):
                    raise look
                # No folder, and no page of several.
                is_one = [name] == [str(given) for given in pictures]
                if format is Format.JSON:
                    documents.append(look.page.to_dict())
                else:
                    _print_page(look.page, format, Status(min_status.value), many=not is_one)
                if show is not None:
                    stem = path.stem if path != _STDIN else "stdin"
                    page = name[len(str(path)) :].replace("#", "-")
                    _save(look, show, _unused(stem + page, show_names))
            except InkdigitsError as error:  # of this one; the others are still read
                say(error)
                failed = True
    except KeyboardInterrupt:
        if documents:  # what was read until then is not lost
            _print_json(documents[0] if is_one else documents)
        raise
    if format is Format.JSON and (documents or not failed):
        _print_json(documents[0] if is_one else documents)
    if failed:
        raise typer.Exit(1)


def _looks(
    reader: "Reader", pictures: list[Path], *, single: bool, line: bool
) -> "Iterator[tuple[Path, str, Look | InputError]]":
    """Each page of each picture of each folder: its file, its name, and the look at it."""
    from inkdigits.imaging.folders import image_files, left_out

    for given in pictures:
        try:
            if others := left_out(given):
                names = ", ".join(file.name for file in others[:3])
                more = f" and {len(others) - 3} more" if len(others) > 3 else ""
                print(f"{given}: left out {names}{more}; {_why_left_out(others)}", file=sys.stderr)
            for path in [given] if given == _STDIN else image_files(given):
                try:
                    source = sys.stdin.buffer.read() if path == _STDIN else path
                    pages = reader.look_pages(source, single=single, line=line, name=str(path))
                    for name, look in pages:
                        yield path, name, look
                except InputError as error:
                    yield path, str(path), error
        except InputError as error:
            yield given, str(given), error


def _why_left_out(others: list[Path]) -> str:
    reasons = ["sub-folders are not read"] if any(file.is_dir() for file in others) else []
    if not all(file.is_dir() for file in others):
        reasons.append("PDF and HEIC need: pip install 'inkdigits[formats]'")
    return ", ".join(reasons)


def _print_page(page: Page, format: Format, worst: Status, *, many: bool) -> None:
    """Print what was read, and where people read it, what to look at."""
    if format is Format.JSONL:
        print(page.to_json(), flush=True)
        return
    if format is Format.CSV:
        _print_csv(page)
    else:
        _print_text(page, worst, many=many)
    if page.turned_deg:
        print(f"{page.source}: turned by {page.turned_deg}° to be read", file=sys.stderr)
    if page.status is not Status.OK:
        print(f"{page.source}: {_remark(page)}", file=sys.stderr)


def _print_text(page: Page, worst: Status, *, many: bool) -> None:
    prefix = f"{page.source}: " if many else ""
    for row in page.text_at_least(worst).split("\n") if page.text else []:
        print(f"{prefix}{row}", flush=True)


def _remark(page: Page) -> str:
    count = len(page.digits)
    not_sure = sum(digit.status is Status.REVIEW for digit in page.digits)
    rejected = sum(digit.status is Status.REJECT for digit in page.digits)
    if page.status is Status.BLANK:
        return "blank: nothing that could be a digit"
    parts = [
        f"not sure of {not_sure} of {count - rejected} digits{_where(page)}" if not_sure else "",
        f"{rejected} of {count} marks are no digits" if rejected else "",
        page.note,
    ]
    return f"{page.status}: {', '.join(part for part in parts if part)}"


def _where(page: Page) -> str:
    """The first three lines with digits that are not sure, as ``: 4?7, ?2 and 5 more``."""
    rows = [line.text_at_least(Status.OK) for line in page.lines]
    unsure = [row for row in rows if UNSURE_MARK in row]
    if unsure == [UNSURE_MARK]:  # the page's only digit
        return ""
    more = f" and {len(unsure) - 3} more" if len(unsure) > 3 else ""
    return f": {', '.join(unsure[:3])}{more}"


def _print_json(document: Any) -> None:
    print(json.dumps(document, indent=2, ensure_ascii=False), flush=True)


def _print_csv_header() -> None:
    print(",".join(CSV_COLUMNS))


def _print_csv(page: Page) -> None:
    rows = io.StringIO()
    csv.writer(rows, lineterminator="\n").writerows(page.to_rows())
    print(rows.getvalue(), end="", flush=True)


def _save(look: "Look", folder: Path, name: str) -> None:
    from inkdigits.imaging.draw import draw_glyphs, draw_ink, draw_page, save_png

    save_png(folder / f"{name}-page.png", draw_page(look.picture, look.page))
    save_png(folder / f"{name}-ink.png", draw_ink(look.ink))
    if digits := look.page.digits:
        captions, statuses = [_caption(digit) for digit in digits], [d.status for d in digits]
        save_png(folder / f"{name}-glyphs.png", draw_glyphs(look.glyphs, captions, statuses))


def _caption(digit: Digit) -> str:
    """What it was taken for, and where that is not sure, what else it could be."""
    none = Alternative("no digit", 1 - sum(digit.probabilities))
    best = Alternative(digit.value, digit.confidence)
    if digit.status is Status.OK:
        guesses = [best]
    elif digit.status is Status.REJECT and none.confidence > 0.5:
        guesses = [none]
    elif digit.status is Status.REJECT:  # for what stands beside it
        return f"no digit, though {best.value} {best.confidence:.0%}"
    else:
        guesses = [best, max([none, *digit.alternatives], key=lambda other: other.confidence)]
    return " or ".join(f"{value} {confidence:.0%}" for value, confidence in guesses)


def _unused(name: str, taken: set[str]) -> str:
    """The name, with a number behind it where an earlier picture has it."""
    number, result = 1, name
    while result in taken:
        number += 1
        result = f"{name}-{number}"
    taken.add(result)
    return result
