"""`inkdigits dial`: the table that the bundle carries, and what it means."""

import json

import pytest

from inkdigits.bundle import Bundle, write_bundle


@pytest.fixture
def with_dial(tmp_path):
    """Write a bundle whose graph is never run."""

    def write(*rows, **calibration):
        path = tmp_path / "mine.digits"
        keys = ("max_error", "threshold", "share_answered", "num_calibration")
        dial = [dict(zip(keys, row, strict=True)) for row in rows]
        write_bundle(
            path,
            name="mine",
            graph=b"",
            classes="0123456789",
            calibration={"temperature": 1.0, "dial": dial} | calibration,
            training={},
            attribution=[],
        )
        return path

    return write


def test_each_setting_has_a_row(inkdigits, with_dial):
    path = with_dial((0.002, 2.0, 0.0, 900), (0.01, 0.75, 0.9712, 900), fitted_on="900 of mine.")
    done = inkdigits("dial", "--bundle", path)
    assert (done.code, done.err) == (0, "")
    title, _, header, lax, strict, *rest = done.out.splitlines()
    assert title == "mine"
    assert header.split() == ["error", "wanted", "threshold", "answered", "rests", "on"]
    assert lax.split() == ["1%", "0.7500", "97.1%", "900", "digits"]
    assert strict.split()[:2] == ["0.2%", "(default)"]
    assert "cannot be promised" in strict
    text = " ".join(rest)
    assert "one-sided 95 % Clopper-Pearson bound, fixed-sequence testing" in text
    assert text.endswith("900 of mine.")


def test_the_default_is_the_setting_that_reading_takes(inkdigits, with_dial):
    path = with_dial((0.0015, 0.9, 0.9, 50), (0.003, 0.8, 0.95, 50))
    assert "0.15% (default)" in inkdigits("dial", "--bundle", path).out
    path = with_dial((0.01, 0.9, 0.9, 50))
    assert "default" not in inkdigits("dial", "--bundle", path).out


def test_of_the_bundle_that_ships(inkdigits):
    done = inkdigits("dial")
    assert done.code == 0
    for setting in Bundle.open().manifest["calibration"]["dial"]:
        assert f"{100 * setting['max_error']:g}%" in done.out


@pytest.mark.parametrize(
    "dial",
    [
        None,
        [{"max_error": 0.1}],
        [3],
        {},
        [{"max_error": 0.1, "threshold": "0.9", "share_answered": 0.9, "num_calibration": 9}],
    ],
)
def test_a_bundle_without_one(inkdigits, with_dial, dial):
    done = inkdigits("dial", "--bundle", with_dial(dial=json.loads(json.dumps(dial))))
    assert (done.code, done.out) == (1, "")
    assert "holds no dial that can be shown" in done.err
    assert done.err.count("\n") == 1


def test_a_bundle_that_is_none(inkdigits):
    done = inkdigits("dial", "--bundle", "nowhere.digits")
    assert (done.code, done.out) == (1, "")
    assert "nowhere.digits cannot be opened" in done.err
