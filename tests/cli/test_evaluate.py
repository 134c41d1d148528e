"""`inkdigits evaluate` of a bundle: figures that agree with reading the images ourselves."""

import json
import re

import numpy as np
import pytest

from inkdigits import data
from inkdigits.bundle import shipped_path
from inkdigits.reader import Reader
from inkdigits.reading import Status
from inkdigits.synthesis.strokes import synthetic_digits


@pytest.fixture
def drawn(monkeypatch):
    """As ``--data synthetic``, but few of them."""
    original = data._synthetic
    monkeypatch.setattr(data, "_synthetic", lambda split, count, seed: original(split, 300, seed))
    return original("test", 300, 0)


@pytest.fixture
def npz(tmp_path):
    images, labels = synthetic_digits(60, 5)
    path = tmp_path / "mine.npz"
    np.savez(path, x=images, y=labels)
    return path


def test_json_agrees_with_reading_each_image(inkdigits, drawn):
    done = inkdigits("evaluate", shipped_path(), "--data", "synthetic", "--json")
    assert (done.code, done.err) == (0, "")
    figures = json.loads(done.out)
    read = Reader().read_digits(drawn.images)
    num_right = sum(
        digit.value == str(label) for digit, label in zip(read, drawn.labels, strict=True)
    )
    assert figures["count"] == 300
    assert figures["correct"] == num_right
    assert figures["accuracy"] == num_right / 300
    of_the_truth = [
        digit.probabilities[label] / sum(digit.probabilities)  # given that it is a digit
        for digit, label in zip(read, drawn.labels, strict=True)
    ]
    assert figures["loss"] == pytest.approx(-np.mean(np.log(of_the_truth)), rel=1e-3)
    assert figures["accuracy"] > 0.95
    num_rejected = sum(digit.status is Status.REJECT for digit in read)
    assert figures["rejected"] == num_rejected


def test_rejected_digits_are_told(inkdigits, tmp_path):
    """Two 8s side by side are no digit, whatever the label says."""
    images, labels = synthetic_digits(30, 5)
    images[0] = np.hstack([images[8][:, ::2], images[8][:, ::2]])
    np.savez(tmp_path / "mine.npz", x=images, y=labels)
    done = inkdigits("evaluate", shipped_path(), "--data", tmp_path / "mine.npz")
    num_rejected = sum(digit.status is Status.REJECT for digit in Reader().read_digits(images))
    assert num_rejected > 0
    assert f"{num_rejected} rejected as no digits" in done.out


def test_text_gives_the_same_figures(inkdigits, npz):
    figures = json.loads(inkdigits("evaluate", shipped_path(), "--data", npz, "--json").out)
    done = inkdigits("evaluate", shipped_path(), "--data", npz)
    assert done.code == 0
    assert f"{figures['correct']} of 60 right" in done.out
    low, high = figures["accuracy_interval"]
    assert f"accuracy {figures['accuracy']:.2%}" in done.out
    assert f"{low:.2%} to {high:.2%}" in done.out
    assert re.search(r"calibration error \d\.\d{4}", done.out)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["nowhere.digits"], 1, "nowhere.digits cannot be opened: No such file"),
        (["mine.npz"], 1, "mine.npz is no bundle"),
        (["mine.digits", "--report", "mine.npz"], 1, "mine.npz cannot be written"),
        (["mine.digits", "--data", "nowhere"], 1, "'nowhere' is not there"),
        (["mine.digits", "--data", "mine.digits"], 1, "mine.digits"),
        (["--data", "nowhere"], 1, "'nowhere' is not there"),  # the bundle that ships is
        (["mine.digits", "mine.digits"], 2, "unexpected extra argument"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(inkdigits, npz, tmp_path, arguments, code, said):
    (tmp_path / "mine.digits").write_bytes(shipped_path().read_bytes())
    done = inkdigits("evaluate", *arguments)
    assert (done.code, done.out) == (code, "")
    assert said.replace("|", " ") in done.err.replace("|", " ")
    assert code == 2 or done.err.count("\n") == 1


def test_a_wrong_bundle_is_said_before_the_data_is_read(inkdigits, monkeypatch):
    monkeypatch.setattr(data, "load", None)  # reading data would fail
    assert "cannot be opened" in inkdigits("evaluate", "nowhere.digits").err
