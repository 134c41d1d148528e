"""The command line as a whole: its help, its version, its exit codes and its page in docs/."""

import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
from typer.main import get_command

from inkdigits.cli import main as main_module
from inkdigits.errors import OUTCOMES, InkdigitsError, MissingExtraError

ROOT = Path(__file__).parents[2]
VERBS = tuple(vars(get_command(main_module.app))["commands"])


def test_help_names_every_verb_and_the_exit_codes(inkdigits):
    done = inkdigits("--help")
    assert (done.code, done.err) == (0, "")
    assert {"read", "train", "evaluate", "export", "models", "doctor", "data"} <= set(VERBS)
    for verb in VERBS:
        assert f" {verb} " in done.out
    assert "Exit codes" in done.out


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help(inkdigits, verb):
    done = inkdigits(verb, "--help")
    assert (done.code, done.err) == (0, "")
    assert f"inkdigits {verb}" in done.out


def test_version(inkdigits):
    expected = f"inkdigits {metadata.version('inkdigits')}\n"
    assert inkdigits("--version") == (0, expected, "")


@pytest.mark.parametrize("arguments", [[], ["data"]])
def test_no_verb_shows_the_help_and_is_wrong_usage(inkdigits, arguments):
    done = inkdigits(*arguments)
    assert done.code == 2
    assert "Usage" in done.out + done.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["reed"], "reed"),
        (["--verbose"], "--verbose"),
        (["seven.png"], "seven.png"),
        (["data", "get"], "get"),
        (["data", "fetch", "cifar"], "cifar"),
        (["models", "mlp"], "mlp"),
        (["read", ""], "One of the arguments is empty"),
    ],
)
def test_wrong_usage_ends_with_2_and_names_it(inkdigits, arguments, said):
    done = inkdigits(*arguments)
    assert (done.code, done.out) == (2, "")
    assert said in done.message


@pytest.mark.parametrize("kind", OUTCOMES, ids=lambda kind: kind.__name__)
def test_every_error_becomes_a_line_and_its_exit_code(monkeypatch, capsys, kind):
    error = MissingExtraError("This", "train") if kind is MissingExtraError else kind("So it is.")

    def app() -> None:
        raise error

    monkeypatch.setattr(main_module, "app", app)
    with pytest.raises(SystemExit) as ended:
        main_module.main()
    assert ended.value.code == OUTCOMES[kind].exit_code
    assert capsys.readouterr() == ("", f"inkdigits: {error}\n")


def test_a_slip_of_ours_is_not_hidden(monkeypatch):
    def app() -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(main_module, "app", app)
    with pytest.raises(ZeroDivisionError):
        main_module.main()
    assert not issubclass(ZeroDivisionError, InkdigitsError)


def test_the_page_in_docs_is_what_help_prints_whatever_the_terminal(monkeypatch):
    terminal = {"COLUMNS": "20", "FORCE_COLOR": "1", "GITHUB_ACTIONS": "true"}
    for name, value in terminal.items():
        monkeypatch.setenv(name, value)
    script = "import runpy, sys; sys.stdout.write(runpy.run_path(sys.argv[1])['command_line']())"
    done = subprocess.run(
        [sys.executable, "-X", "utf8", "-c", script, str(ROOT / "scripts" / "write_docs.py")],
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    page = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    assert done.stdout == page, "docs/cli.md is out of date: run make docs"
    assert "\x1b" not in page
    for verb in VERBS:
        assert f"\n## inkdigits {verb}\n" in page
