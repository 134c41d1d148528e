"""`inkdigits evaluate --pages` and `--corruptions`: figures, the sheet of failures, exit codes."""

import base64
import io
import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from inkdigits.bundle import shipped_path
from inkdigits.cli.pages import read_lines
from inkdigits.evaluation.corruption import FAMILIES, SEVERITIES
from inkdigits.evaluation.pages import measure_page, total
from inkdigits.reader import Reader
from inkdigits.synthesis.strokes import synthetic_digits

VOID = {"meta", "img", "link", "br"}


class Outline(HTMLParser):
    """Fails where an element is not closed."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.images: list[dict[str, str | None]] = []
        self.feed(page)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        if tag == "img":
            self.images.append(dict(attrs))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.fixture
def labels(write, tmp_path):
    """Two pages that are read, one of them labelled wrongly, an empty one and a damaged one."""
    write("right.png", "01", "47")
    write("w<r>ong.png", "017")
    Image.new("L", (200, 90), 250).save(tmp_path / "empty.png")
    (tmp_path / "damaged.png").write_bytes(b"\x89PNG")
    entries = {
        "right.png": ["01", "47"],
        "w<r>ong.png": ["097"],
        "empty.png": [],
        "damaged.png": ["88"],
    }
    path = tmp_path / "labels.json"
    path.write_text(json.dumps([{"file": file, "lines": of} for file, of in entries.items()]))
    return path


def scored(labels, reader):
    pages = []
    for row in json.loads(labels.read_text()):
        picture = labels.parent / row["file"]
        read = None if picture.name == "damaged.png" else read_lines(reader.read(picture))
        pages.append(measure_page(row["lines"], read))
    return total(pages)


@pytest.mark.parametrize("what", ["shipped", shipped_path()])
def test_json_agrees_with_reading_the_pages(inkdigits, labels, what):
    done = inkdigits("evaluate", what, "--pages", labels, "--json")
    assert done.code == 1  # one page cannot be opened, the others are still scored
    assert "damaged.png" in done.err
    document = json.loads(done.out)
    metrics = scored(labels, Reader())
    assert document["metrics"] == metrics.to_dict()
    assert (metrics.pages, metrics.empty_pages, metrics.unreadable) == (3, 1, 1)
    assert metrics.digits == 9
    assert [page["file"] for page in document["pages"]][-1] == "damaged.png"
    assert document["pages"][-1]["read"] is None
    assert document["pages"][0]["true"] == ["01", "47"]
    assert document["model"] == Reader().bundle.name


def test_text_gives_the_same_figures(inkdigits, labels):
    done = inkdigits("evaluate", "shipped", "--pages", labels)
    metrics = scored(labels, Reader())
    assert done.out.startswith("3 pages with digits, 1 without\n")
    assert re.search(rf"digit error rate +{metrics.digit_error_rate:.2%}", done.out)
    assert "1 of 1 pages without digits" in done.out
    assert "1 of them could not be opened" in done.out


def test_a_page_that_can_be_opened_is_no_error(inkdigits, write, tmp_path):
    write("a.png", "0")
    (tmp_path / "labels.json").write_text('[{"file": "a.png", "lines": ["5"]}]')
    done = inkdigits("evaluate", "shipped", "--pages", "labels.json")
    assert (done.code, done.err) == (0, "")


def test_the_sheet_shows_what_failed_and_nothing_else(inkdigits, labels, tmp_path):
    done = inkdigits("evaluate", "shipped", "--pages", labels, "--report", "sheet")
    assert "sheet/pages.html" in done.out.replace("\\", "/")
    assert [path.name for path in (tmp_path / "sheet").iterdir()] == ["pages.html"]
    page = (tmp_path / "sheet" / "pages.html").read_text(encoding="utf-8")
    outline = Outline(page)
    assert "w&lt;r&gt;ong.png</h2>" in page
    assert "damaged.png</h2>" in page
    assert "right.png</h2>" not in page
    assert "empty.png</h2>" not in page
    assert "097" in page
    assert not re.search(r"https?:|src=.(?!data:)|href|url\(|@import", page)
    assert len(outline.images) == 2  # the page, and the glyph of the digit that is no 9
    for image in outline.images:
        kind, _, content = (image["src"] or "").partition(",")
        assert kind == "data:image/jpeg;base64"
        with Image.open(io.BytesIO(base64.b64decode(content))) as picture:
            assert picture.width > 20
        assert image["alt"]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["shipped", "--pages", "nowhere.json"], 1, "nowhere.json cannot be opened"),
        (["nowhere.digits", "--pages", "labels.json"], 1, "nowhere.digits cannot be opened"),
        (["shipped", "--pages", "damaged.png"], 1, "are not JSON"),
        (["shipped", "--pages", "labels.json", "--report", "right.png"], 1, "cannot be written"),
        (["shipped", "--pages", "labels.json", "--corruptions"], 2, "--corruptions is of single"),
        (["--pages", "labels.json", "--data-dir", "nowhere"], 2, "--data-dir is of single digits"),
    ],
)
def test_what_cannot_be_is_said(inkdigits, labels, arguments, code, said):
    done = inkdigits("evaluate", *arguments)
    assert (done.code, done.out) == (code, "")
    assert said in done.message


def test_a_bundle_needs_no_keras(labels, process):
    ask = "import sys; from inkdigits.cli.main import app; "
    run = f"app(['evaluate', 'shipped', '--pages', {str(labels)!r}], standalone_mode=False); "
    done = process(
        f'{__import__("sys").executable} -c "{ask}{run}'
        "assert not {'keras', 'tensorflow', 'matplotlib'} & set(sys.modules)\""
    )
    assert "digit error rate" in done.out
    assert done.code == 0, done.err


def test_corruptions(inkdigits, tmp_path):
    images, pictured = synthetic_digits(30, 5)
    np.savez(tmp_path / "mine.npz", x=images, y=pictured)
    arguments = ("evaluate", "shipped", "--data", "mine.npz", "--corruptions")
    rows = json.loads(inkdigits(*arguments, "--json").out)["corruptions"]
    assert len(rows) == len(FAMILIES) * len(SEVERITIES)
    assert all(
        0 <= row["ok_wrong"] <= row["ok"] <= row["count"] == 30 and row["correct"] <= 30
        for row in rows
    )
    printed = inkdigits(*arguments)
    assert printed.code == 0
    table = printed.out.splitlines()[-len(FAMILIES) :]
    for line, of in zip(table, zip(*[iter(rows)] * len(SEVERITIES), strict=True), strict=True):
        assert line.startswith(of[0]["family"])
        assert (" * " in line) == of[0]["is_trained_on"]
        shares = [f"{row['correct'] / 30:.1%}" for row in of]
        assert re.findall(r"[\d.]+%", line)[:3] == shares


@pytest.mark.slow
def test_a_run_reads_pages_as_the_bundle_that_it_would_become(inkdigits, labels, tmp_path):
    from inkdigits.config import Config
    from inkdigits.models.zoo import build_network, reading_model
    from inkdigits.training.run import Run

    run = Run.create(tmp_path / "run", Config())
    run.save_model(reading_model(build_network("mlp")), run.model_path)  # knows nothing
    row = {"max_error": 0.002, "threshold": 0.0, "share_answered": 1.0, "num_calibration": 9}
    run.write_history([{"epoch": 1}])
    run.write_json("environment.json", {})
    run.write_json("calibration.json", {"temperature": 1e-3, "dial": [row]})
    done = inkdigits("evaluate", "run", "--pages", labels, "--json")
    assert done.code == 1
    document = json.loads(done.out)
    assert document["model"] == "run"
    assert document["metrics"]["digits"] == 9
    assert document["metrics"]["answered"] > 0
