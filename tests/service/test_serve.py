"""`inkdigits serve`, as far as it comes without serving."""

import dataclasses
import inspect
import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from inkdigits.bundle import Bundle, write_bundle
from inkdigits.cli.serve import serve
from inkdigits.errors import ConfigError
from inkdigits.service.settings import LimitsConfig, Settings


def _serve(*options, code="", env=None):
    script = f"{code}\nfrom inkdigits.cli.main import main\nmain()"
    return subprocess.run(
        [sys.executable, "-c", script, "serve", *options],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env=env,
    )


def test_without_the_extra_it_says_what_to_install():
    done = _serve(code="import sys; sys.modules['uvicorn'] = None")
    assert done.returncode == 2
    assert done.stderr.endswith("Install it with: pip install 'inkdigits[serve]'\n")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--max-error", "1e-9"], "the dial of this bundle goes from 0.001"),
        (["--limit", "imags=2"], "Did you mean limits.images?"),
        (["--limit", "images"], "write it like images=64"),
        (["--limit", "images=0"], "limits.images is 0, but must be at least 1"),
        (["--bundle", "nothing.digits"], "nothing.digits cannot be opened"),
        (["--cors-origin", "example.edu"], "https://example.edu, or *"),
        (["--cors-origin", "https://example.edu/page"], "https://example.edu, or *"),
        (["--host", "256.0.0.1"], "Nobody can listen at 256.0.0.1"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_starts(options, words):
    done = _serve(*options)
    assert done.returncode in (1, 2)
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_a_graph_that_cannot_run_is_refused_before_anything_starts(tmp_path):
    shipped = Bundle.open()
    path = tmp_path / "broken.digits"
    write_bundle(
        path,
        name="broken",
        graph=b"no graph",
        classes=shipped.classes,
        calibration=shipped.manifest["calibration"],
        training={},
        attribution=[],
    )
    done = _serve("--bundle", str(path), "--workers", "2")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1


def test_a_port_that_is_taken():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = _serve("--port", str(taken.getsockname()[1]))
    assert done.returncode == 2
    assert "Name others with --host or --port" in done.stderr


def test_without_the_page_it_says_what_to_run():
    code = (
        "import pathlib, inkdigits.service.page as page, inkdigits.service.server as server\n"
        "page.FOLDER, server.run = pathlib.Path('nowhere'), lambda *_, **__: None"
    )
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = str(probe.getsockname()[1])
    assert "make web" in _serve("--port", port, code=code).stdout
    assert "make web" not in _serve("--port", port, "--no-page", code=code).stdout


def test_settings_survive_the_way_to_a_worker():
    settings = Settings(
        bundle="x.digits",
        max_error=0.01,
        limits=LimitsConfig(images=3),
        token="secret",
        cors_origins=("https://example.edu",),
        has_page=False,
    )
    left = settings.to_json()
    assert "secret" not in left
    environment = {"INKDIGITS_SERVICE": left, "INKDIGITS_TOKEN": "secret"}
    assert Settings.from_environment(environment) == settings
    assert Settings.from_environment({}) == Settings()
    with pytest.raises(ConfigError, match="images"):
        Settings.from_environment({"INKDIGITS_SERVICE": json.dumps({"limits": {"images": 0}})})


def test_every_limit_stands_in_the_help_and_in_the_documentation():
    pages = Path(__file__).parents[2] / "docs" / "service.md"
    text = pages.read_text(encoding="utf-8")
    described = inspect.signature(serve).parameters["limits"].annotation.__metadata__[0].help
    listed = described.partition("There are: ")[2].rstrip(".").split(", ")
    fields = dataclasses.fields(LimitsConfig)
    assert listed == [field.name for field in fields]
    for field in fields:
        row = f"| `{field.name}` | {field.metadata['help']} | {field.default:,} |"
        assert row in text, row
