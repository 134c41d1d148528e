"""The public face: small, lazy, and free of everything that reading does not need."""

import json
import subprocess
import sys
from importlib import metadata, resources
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw

import inkdigits

ROOT = Path(__file__).parents[1]
FACE = {
    "Alternative",
    "Box",
    "Digit",
    "Line",
    "Page",
    "Reader",
    "Status",
    "__version__",
    "errors",
    "read",
}
# What reading must never wait for, and what may be missing where only reading is wanted.
NEVER = (
    "fastapi", "jax", "keras", "matplotlib", "onnx", "pandas", "pooch", "scipy", "sklearn",
    "tensorflow", "tf2onnx", "torch",
)  # fmt: skip


@pytest.fixture(scope="module")
def picture(tmp_path_factory) -> Path:
    page = Image.new("L", (60, 70), 255)
    ImageDraw.Draw(page).line([(16, 12), (44, 12), (28, 58)], fill=0, width=5)  # a 7
    path = tmp_path_factory.mktemp("pictures") / "seven.png"
    page.save(path)
    return path


def python(script: str, *argv: str) -> dict[str, Any]:
    """What a script leaves in ``result``, in a Python of its own, with the modules it loaded."""
    script = (
        f"import sys\nresult = {{}}\n{script}\n"
        "import json\n"
        "result['modules'] = sorted({name.partition('.')[0] for name in sys.modules})\n"
        "print(json.dumps(result), file=sys.__stdout__)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *argv], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    *output, last = done.stdout.splitlines()
    return dict(json.loads(last)) | {"out": output, "err": done.stderr}


COMMAND = """
from inkdigits.cli.main import main
sys.argv[0] = "inkdigits"
try:
    main()
except SystemExit as error:
    result["code"] = error.code
"""


class TestFace:
    def test_is_exactly_this(self):
        assert set(inkdigits.__all__) == FACE
        assert dir(inkdigits) == sorted(FACE)
        assert len(inkdigits.__all__) == len(FACE)

    @pytest.mark.parametrize("name", sorted(FACE))
    def test_every_name_is_there(self, name):
        assert getattr(inkdigits, name) is not None

    def test_everything_can_be_imported_at_once(self):
        done = python(
            "before = set(globals())\nfrom inkdigits import *\nresult['names'] = "
            "sorted(set(globals()) - before - {'before'})"
        )
        assert set(done["names"]) == FACE

    def test_names_are_those_of_their_rooms(self):
        from inkdigits import reader, reading

        assert inkdigits.Reader is reader.Reader
        assert inkdigits.Page is reading.Page

    def test_the_version_is_that_of_the_distribution(self):
        assert inkdigits.__version__ == metadata.version("inkdigits")

    def test_a_slip_is_an_ordinary_error(self):
        with pytest.raises(AttributeError, match="'inkdigits' has no attribute 'Raeder'"):
            _ = inkdigits.Raeder

    def test_types_are_published(self):
        assert (resources.files("inkdigits") / "py.typed").is_file()


class TestRead:
    def test_reads_with_the_bundle_that_ships(self, picture):
        page = inkdigits.read(picture)
        assert page.text == "7"
        assert page.source == str(picture)
        assert inkdigits.read(picture, single=True).text == "7"

    def test_opens_the_bundle_once(self, picture, monkeypatch):
        from inkdigits.bundle import Bundle

        inkdigits.read(picture)
        monkeypatch.setattr(Bundle, "open", None)  # a second opening would fail
        assert inkdigits.read(picture).text == "7"


class TestLaziness:
    def test_the_import_brings_nothing(self):
        modules = python("import inkdigits\ninkdigits.Page, inkdigits.__version__")["modules"]
        assert not {*NEVER, "cv2", "numpy", "onnxruntime", "PIL", "rich", "typer"} & set(modules)

    def test_so_does_the_help(self):
        done = python(COMMAND, "--help")
        assert done["code"] == 0
        assert any("read" in row for row in done["out"])
        assert not {*NEVER, "cv2", "onnxruntime", "PIL"} & set(done["modules"])

    @pytest.mark.parametrize("options", [(), ("--single",), ("--format", "json")], ids=str)
    def test_reading_a_file_brings_what_it_needs_and_no_more(self, picture, options):
        done = python(COMMAND, "read", str(picture), *options)
        assert (done["code"], done["err"]) == (0, "")
        assert any('"text": "7"' in row or row == "7" for row in done["out"])
        assert not {*NEVER, "rich"} & set(done["modules"])
        assert {"cv2", "numpy", "onnxruntime"} <= set(done["modules"])

    def test_reading_arrays_does_not_even_bring_pillow(self):
        done = python(
            "import numpy as np\n"
            "from inkdigits import Reader\n"
            "pixels = np.full((60, 40), 255, np.uint8)\n"
            "pixels[10:50, 18:23] = 0\n"
            "reader = Reader()\n"
            "result['text'] = reader.read(pixels).text + reader.read_digits([pixels])[0].value\n"
        )
        assert done["text"] == "11"
        assert not {*NEVER, "PIL", "rich", "typer"} & set(done["modules"])

    def test_reading_works_where_nothing_else_is_installed(self, picture):
        absent = "".join(f"sys.modules[{name!r}] = None\n" for name in (*NEVER, "rich"))
        done = python(absent + COMMAND, "read", str(picture))
        assert (done["code"], done["out"]) == (0, ["7"])


def test_what_is_missing_is_told_with_the_line_that_installs_it(tmp_path):
    """Each verb that needs an extra, where that extra is not installed."""
    (tmp_path / "run").mkdir()
    bundle = str(Path(inkdigits.__file__).parent / "shipped.digits")
    report = ["--report", str(tmp_path / "report")]
    commands = [
        ["models"],
        ["train", "--out", str(tmp_path / "new"), "--data", "synthetic"],
        ["export", str(tmp_path / "run"), "--to", "onnx", "--out", str(tmp_path / "x.onnx")],
        ["evaluate", str(tmp_path / "run"), "--data", "synthetic"],
        ["evaluate", bundle, "--data", "synthetic", *report],
        ["data", "fetch", "mnist", "--to", str(tmp_path)],
    ]
    done = python(
        "import contextlib, io\n"
        "for name in ('keras', 'tensorflow', 'matplotlib', 'onnx', 'pooch', 'rich'):\n"
        "    sys.modules[name] = None\n"
        "import json\n"
        "from inkdigits.cli.main import main\n"
        "result['done'] = []\n"
        "for arguments in json.loads(sys.argv[1]):\n"
        "    sys.argv = ['inkdigits', *arguments]\n"
        "    with contextlib.redirect_stderr(io.StringIO()) as err:\n"
        "        try:\n"
        "            main()\n"
        "        except SystemExit as error:\n"
        "            result['done'].append([error.code, err.getvalue()])\n",
        json.dumps(commands),
    )
    assert len(done["done"]) == len(commands)
    for arguments, (code, message) in zip(commands, done["done"], strict=True):
        assert code == 2, (arguments, message)
        assert message.count("\n") == 1, (arguments, message)
        assert message.endswith("Install it with: pip install 'inkdigits[train]'\n"), arguments
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run"]  # nothing was begun
