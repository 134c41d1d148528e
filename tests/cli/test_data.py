"""`inkdigits data`: where the files are, and whether they are whole."""

import pytest

from inkdigits.data import mnist
from inkdigits.errors import DownloadError

FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)


@pytest.fixture(autouse=True)
def _nowhere(monkeypatch, tmp_path):
    monkeypatch.delenv(mnist.PLACE_VARIABLE, raising=False)
    monkeypatch.setattr(mnist, "cache_dir", lambda: tmp_path / "cache")


class TestInfo:
    def test_of_what_is_not_there(self, inkdigits):
        done = inkdigits("data", "info")
        assert (done.code, done.err) == (1, "")
        for name in FILES:
            assert f"{name:<28}NOT USABLE  -\n" in done.out
        assert "inkdigits data fetch mnist" in done.out
        assert "--data-dir or INKDIGITS_DATA_DIR" in done.out

    def test_of_a_folder_that_is_not_there(self, inkdigits, monkeypatch):
        done = inkdigits("data", "info", "--data-dir", "nosuch")
        assert (done.code, done.out) == (1, "")
        assert "There is no folder nosuch" in done.err
        monkeypatch.setenv(mnist.PLACE_VARIABLE, "~nobody-of-this-name/data")
        done = inkdigits("data", "info")
        assert (done.code, done.out) == (1, "")
        assert "Give the whole path in INKDIGITS_DATA_DIR" in done.err

    def test_of_what_is_damaged(self, inkdigits, tmp_path):
        path = tmp_path / "t10k-labels-idx1-ubyte"
        path.write_bytes(b"nothing of the kind")
        done = inkdigits("data", "info", "--data-dir", tmp_path)
        assert done.code == 1
        assert f"t10k-labels-idx1-ubyte      NOT USABLE  {path}\n" in done.out

    def test_of_what_is_whole(self, inkdigits, mnist_dir):
        done = inkdigits("data", "info", "--data-dir", mnist_dir)
        assert (done.code, done.err) == (0, "")
        for name in FILES:
            (row,) = (row for row in done.out.splitlines() if row.startswith(name))
            assert "verified" in row
            assert str(mnist_dir) in row
        assert "NOT USABLE" not in done.out


class TestFetch:
    def test_says_where_it_is(self, inkdigits, monkeypatch, tmp_path):
        asked = []

        def fetch(to, progress):
            asked.append((to, progress))
            return tmp_path / "there"

        monkeypatch.setattr(mnist, "fetch_mnist", fetch)
        done = inkdigits("data", "fetch", "mnist", "--to", "here")
        assert (done.code, done.out) == (0, f"mnist is in {tmp_path / 'there'}, verified.\n")
        ((to, progress),) = asked
        assert str(to) == "here"
        assert progress is None  # nobody watches

    def test_that_fails_is_one_line(self, inkdigits, monkeypatch):
        def fetch(*_, **__):
            raise DownloadError("No mirror answered. Try again later.")

        monkeypatch.setattr(mnist, "fetch_mnist", fetch)
        done = inkdigits("data", "fetch", "mnist")
        assert done == (1, "", "inkdigits: No mirror answered. Try again later.\n")
