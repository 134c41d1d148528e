"""The lock: up to date with pyproject.toml, whole, and free of addresses. Needs no network."""

import re
import tomllib
from pathlib import Path
from typing import NamedTuple

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[1]
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = PYPROJECT["project"]

ENTRY = re.compile(
    r"^(?P<name>[\w.-]+)==(?P<version>\S+)(?: ; (?P<marker>[^\\\n]+?))?"
    r"(?P<hashes>(?: \\\n    --hash=sha256:[0-9a-f]{64})+)\n",
    re.MULTILINE,
)


class Pin(NamedTuple):
    """One locked version; a package has several where they depend on the platform or Python."""

    name: str
    version: str
    marker: str


def _pins(path: Path) -> set[Pin]:
    text = path.read_text(encoding="utf-8")
    rest = "".join(
        line for line in ENTRY.sub("", text).splitlines() if line and not line.startswith("#")
    )
    assert rest == "", "a line that is no version with its hashes"
    return {
        Pin(canonicalize_name(entry["name"]), entry["version"], entry["marker"] or "")
        for entry in ENTRY.finditer(text)
    }


def _wanted(*extras: str) -> list[Requirement]:
    groups = [PROJECT["dependencies"], PYPROJECT["dependency-groups"]["build"]]
    groups += [PROJECT["optional-dependencies"][extra] for extra in extras]
    every = [Requirement(text) for group in groups for text in group]
    return [one for one in every if one.name != PROJECT["name"]]


ALL_EXTRAS = tuple(PROJECT["optional-dependencies"])
WANTED = [("run.txt", one) for one in _wanted()] + [
    ("dev.txt", one) for one in _wanted(*ALL_EXTRAS)
]


@pytest.mark.parametrize(("lock", "wanted"), WANTED, ids=lambda value: str(value)[:40])
def test_every_dependency_is_locked_at_a_version_that_it_allows(lock, wanted):
    name = canonicalize_name(wanted.name)
    found = [pin for pin in _pins(ROOT / "requirements" / lock) if pin.name == name]
    assert found, f"{name} is not in requirements/{lock}: run make lock"
    for pin in found:
        assert Version(pin.version) in wanted.specifier, f"{pin} is too old or new: run make lock"
        assert not wanted.marker or pin.marker, f"{pin} has lost its marker: run make lock"


def test_what_reads_has_the_same_versions_in_both():
    run, dev = (_pins(ROOT / "requirements" / name) for name in ("run.txt", "dev.txt"))
    versions = {pin[:2] for pin in dev}
    assert {pin[:2] for pin in run} <= versions


def test_reading_locks_no_network_library():
    names = {pin.name for pin in _pins(ROOT / "requirements" / "run.txt")}
    assert names.isdisjoint({"keras", "tensorflow", "tensorflow-cpu", "matplotlib", "fastapi"})


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: path.name)
def test_no_address_stands_in_a_lock(path):
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"://|www\.|\.(?:org|com|net|io)\b|index-url|find-links", text)


def test_what_builds_the_package_is_locked_too():
    required = {Requirement(text).name for text in PYPROJECT["build-system"]["requires"]}
    assert required <= {pin.name for pin in _pins(ROOT / "requirements" / "run.txt")}
