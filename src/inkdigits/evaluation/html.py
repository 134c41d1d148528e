"""The page that reports stand on: one HTML file that opens anywhere and fetches nothing."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from importlib.resources import files
from string import Template
from typing import NamedTuple


class Figure(NamedTuple):
    """One figure, for people."""

    name: str
    value: str
    note: str  # what it was taken from, or means


def page(
    *,
    title: str,
    lead: str,
    figures: Iterable[Figure],
    body: str,
    facts: Mapping[str, str],
    style: str = "",
) -> str:
    """Lay out a report, for light and for dark screens.

    Args:
        title: heading, plain text.
        lead: one sentence below it, plain text.
        figures: those that matter most.
        body: HTML.
        facts: what made these figures; plain text.
        style: CSS besides that of every report.
    """
    return template("page.html").substitute(
        title=escape(title),
        lead=escape(lead),
        figures="\n".join(
            f'<div><dt>{escape(name)}</dt><dd class="value">{escape(value)}</dd>'
            f'<dd class="note">{escape(note)}</dd></div>'
            for name, value, note in figures
        ),
        body=body,
        facts=_facts(facts),
        style=style,
    )


def template(name: str) -> Template:
    """A file beside this one."""
    return Template(files("inkdigits.evaluation").joinpath(name).read_text(encoding="utf-8"))


def row(name: str, cells: Sequence[str]) -> str:
    """A row of a table, plain text."""
    rest = "".join(f"<td>{escape(cell)}</td>" for cell in cells)
    return f'<tr><th scope="row">{escape(name)}</th>{rest}</tr>'


def _facts(facts: Mapping[str, str]) -> str:
    if not facts:
        return ""
    rows = "\n".join(row(name, [value]) for name, value in facts.items())
    return f'<h2>How this came about</h2>\n<table class="facts"><tbody>\n{rows}\n</tbody></table>'
