import io
import json
import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from scipy.stats import binomtest

from inkdigits.errors import BadArrayError, MissingExtraError, RunError
from inkdigits.evaluation.corruption import SEVERITIES, Robustness
from inkdigits.evaluation.metrics import measure
from inkdigits.evaluation.report import FILES, write_report

PNGS = [name for name in FILES if name.endswith(".png")]
VOID = {"meta", "img", "source", "br"}


class Outline(HTMLParser):
    """The elements of a page; fails where one is not closed."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(page)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.found if name == tag]


def some_digits(count: int, num_wrong: int) -> dict[str, Any]:
    random = np.random.default_rng(count)
    labels = random.integers(0, 10, count)
    probabilities = np.full((count, 10), 0.02)
    probabilities[np.arange(count), labels] = 0.82
    wrong = random.permutation(count)[:num_wrong]
    probabilities[wrong] = np.roll(probabilities[wrong], 1, axis=1)
    return {
        "title": "A <b>test</b> & more",
        "metrics": measure(probabilities, labels),
        "probabilities": probabilities,
        "labels": labels,
        "images": random.integers(0, 256, (count, 9, 6)).astype(np.uint8),
        "facts": {"Model": "mlp <1>", "Seed": "0"},
    }


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("written") / "new" / "report"
    content = some_digits(300, 45)
    assert write_report(folder, **content) == folder / "report.html"
    return folder, content


def test_all_files_are_there_and_nothing_else(written: tuple[Path, Any]) -> None:
    folder, _ = written
    assert sorted(path.name for path in folder.iterdir()) == sorted(FILES)
    for name in PNGS:
        with Image.open(folder / name) as picture:
            assert picture.width > 900
            assert len(picture.convert("RGB").getcolors(1 << 20) or ()) > 10  # more than a ground


def test_the_json_is_that_of_the_metrics(written: tuple[Path, Any]) -> None:
    folder, content = written
    plain = json.loads((folder / "metrics.json").read_text())
    assert plain == content["metrics"].to_dict()


def test_spoiled_digits_have_a_table_that_says_what_was_trained_on(tmp_path: Path) -> None:
    counts = {"count": 100, "correct": 90, "ok": 80, "ok_wrong": 2}
    rows = [
        Robustness(family=family, severity=severity, is_trained_on=family == "JPEG", **counts)
        for family in ("JPEG", "gaps")
        for severity in SEVERITIES
    ]
    write_report(tmp_path, **some_digits(30, 3), robustness=rows)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    Outline(page)
    right, ok, wrong = (" · ".join([share] * 3) for share in ("90.00%", "80.00%", "2.50%"))
    for family, answer in (("JPEG", "yes"), ("gaps", "no")):
        cells = "".join(f"<td>{cell}</td>" for cell in (answer, right, ok, wrong))
        assert f'<th scope="row">{family}</th>{cells}' in page
    plain = json.loads((tmp_path / "metrics.json").read_text())
    assert plain["corruptions"] == [row.to_dict() for row in rows]


def test_the_page_fetches_nothing_and_runs_nothing(written: tuple[Path, Any]) -> None:
    page = (written[0] / "report.html").read_text(encoding="utf-8")
    assert "http://" not in page
    assert "https://" not in page
    assert "$" not in page  # no place of the template is left
    outline = Outline(page)
    assert not [tag for tag, _ in outline.found if tag in {"script", "link", "iframe", "object"}]
    references = [
        attributes[name]
        for _, attributes in outline.found
        for name in ("src", "href", "srcset")
        if name in attributes
    ]
    assert len(references) == 8
    assert all((reference or "").startswith("data:image/png;base64,") for reference in references)


def test_the_page_serves_light_dark_and_blind_readers(written: tuple[Path, Any]) -> None:
    page = (written[0] / "report.html").read_text(encoding="utf-8")
    outline = Outline(page)
    assert {source["media"] for source in outline.all("source")} == {"(prefers-color-scheme: dark)"}
    assert page.count("@media (prefers-color-scheme: dark)") == 1
    descriptions = [image["alt"] or "" for image in outline.all("img")]
    assert len(descriptions) == 4
    assert all(len(description) > 40 for description in descriptions)
    assert outline.all("html") == [{"lang": "en"}]


def test_the_page_says_the_figures(written: tuple[Path, Any]) -> None:
    page = (written[0] / "report.html").read_text(encoding="utf-8")
    assert "85.00%" in page
    interval = binomtest(255, 300).proportion_ci(method="wilson")
    assert f"{interval.low:.2%} to {interval.high:.2%}" in page
    assert "255 of 300 digits" in page
    assert "The 40 of 45 errors" in page


def test_what_was_given_is_text_and_not_markup(written: tuple[Path, Any]) -> None:
    page = (written[0] / "report.html").read_text(encoding="utf-8")
    assert "<b>test" not in page
    assert page.count("A &lt;b&gt;test&lt;/b&gt; &amp; more") == 2  # title and heading
    assert "mlp &lt;1&gt;" in page


def test_the_worst_come_first_by_loss(written: tuple[Path, Any]) -> None:
    _, content = written
    from inkdigits.evaluation.report import _misread

    probabilities = content["probabilities"].copy()
    labels, images = content["labels"], content["images"]
    chosen = int(np.flatnonzero(probabilities.argmax(axis=1) != labels)[-1])
    probabilities[chosen] = np.eye(10)[(labels[chosen] + 5) % 10]
    first, *rest = _misread(probabilities, labels, images)
    assert (first.true, first.read) == (labels[chosen], (labels[chosen] + 5) % 10)
    assert first.confidence == 1.0
    np.testing.assert_allclose(first.ink, images[chosen] / 255)
    assert len(rest) == 39


def test_one_digit_read_rightly_and_an_earlier_report(tmp_path: Path) -> None:
    for name in FILES:
        (tmp_path / name).write_text("earlier")
    (tmp_path / "notes.txt").write_text("mine")
    content = some_digits(1, 0)
    page = write_report(tmp_path, **{**content, "facts": {}}).read_text(encoding="utf-8")
    assert "Nothing was taken for anything else." in page
    assert "How this came about" not in page
    assert (tmp_path / "notes.txt").read_text() == "mine"
    assert len(list(tmp_path.iterdir())) == len(FILES) + 1
    for name in PNGS:
        Image.open(io.BytesIO((tmp_path / name).read_bytes())).load()


def test_one_digit_read_wrongly_as_float_ink(tmp_path: Path) -> None:
    content = some_digits(1, 1)
    content["images"] = np.zeros((1, 40, 20), np.float32)
    page = write_report(tmp_path, **content).read_text(encoding="utf-8")
    assert re.search(r"Most often: \d read as \d \(1\)\.", page)


def test_a_write_that_fails_leaves_the_earlier_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in FILES:
        (tmp_path / name).write_text("earlier")
    real = Path.write_bytes

    def full_disk(path: Path, content: bytes) -> int:
        if path.name.endswith("worst.png"):
            raise OSError(28, "No space left on device")
        return real(path, content)

    monkeypatch.setattr(Path, "write_bytes", full_disk)
    with pytest.raises(RunError, match="No space left"):
        write_report(tmp_path, **some_digits(1, 0))
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == dict.fromkeys(
        FILES, "earlier"
    )


@pytest.fixture
def nothing_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    from inkdigits.evaluation import charts

    for name in ("confusion", "reliability", "risk_coverage", "worst"):
        monkeypatch.setattr(charts, name, lambda *_: pytest.fail("drawn before the check"))


@pytest.mark.usefixtures("nothing_is_drawn")
def test_a_folder_that_is_a_file_is_refused_first(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("mine")
    for folder in (file, file / "inside"):
        with pytest.raises(RunError, match="--report"):
            write_report(folder, **some_digits(1, 0))
    assert file.read_text() == "mine"


@pytest.mark.usefixtures("nothing_is_drawn")
def test_a_folder_that_cannot_be_written_is_refused_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(**_: Any) -> Any:
        raise PermissionError(13, "Permission denied")

    # Instead of chmod, which does not stop the superuser that containers run as.
    monkeypatch.setattr("tempfile.TemporaryFile", denied)
    with pytest.raises(RunError, match=r"Permission denied.*--report"):
        write_report(tmp_path, **some_digits(1, 0))


@pytest.mark.usefixtures("nothing_is_drawn")
def test_a_folder_in_the_place_of_a_file_is_refused_first(tmp_path: Path) -> None:
    (tmp_path / "worst.png").mkdir()
    with pytest.raises(RunError, match=r"worst\.png is a folder"):
        write_report(tmp_path, **some_digits(1, 0))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"images": np.zeros((2, 9, 6), np.uint8)}, "belong to the same"),
        ({"images": np.zeros((3, 9, 6, 1), np.uint8)}, "shape"),
        ({"images": np.zeros((3, 9, 6), np.int64)}, "uint8"),
        ({"metrics": measure([[1.0, 0.0]], [0])}, "belong to the same"),
    ],
)
def test_what_does_not_belong_together_is_refused(
    tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    with pytest.raises(BadArrayError, match=message):
        write_report(tmp_path / "report", **{**some_digits(3, 1), **change})
    assert not (tmp_path / "report").exists()


def test_without_matplotlib_the_install_line_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    monkeypatch.delitem(sys.modules, "inkdigits.evaluation.charts", raising=False)
    monkeypatch.delattr("inkdigits.evaluation.charts", raising=False)
    with pytest.raises(MissingExtraError, match=r"pip install 'inkdigits\[train\]'"):
        write_report(tmp_path, **some_digits(1, 0))
