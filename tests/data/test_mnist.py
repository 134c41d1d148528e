import gzip
import hashlib
import re
import struct
import sys
from pathlib import Path

import numpy as np
import pytest

from inkdigits.data import download, load, mnist
from inkdigits.data.mnist import data_places, describe, fetch_mnist, load_mnist
from inkdigits.errors import (
    CorruptDataError,
    DownloadError,
    MissingDataError,
    MissingExtraError,
)

IMAGES = "train-images-idx3-ubyte"
LABELS = "train-labels-idx1-ubyte"
TABLE = "qmnist-train-labels.tsv"


# The full MNIST, against figures published elsewhere and plain NumPy.


@pytest.mark.mnist
@pytest.mark.parametrize(
    ("split", "counts", "first"),
    [
        (
            "train",
            [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949],
            [5, 0, 4, 1, 9, 2, 1, 3, 1, 4],
        ),
        (
            "test",
            [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009],
            [7, 2, 1, 0, 4, 1, 4, 9, 5, 9],
        ),
    ],
)
def test_full_mnist_has_the_known_classes(full_mnist, split, counts, first):
    data = load("mnist", split, data_dir=full_mnist)
    assert np.bincount(data.labels).tolist() == counts
    assert data.labels[:10].tolist() == first
    assert data.images.shape == (sum(counts), 28, 28)
    assert data.images.dtype == np.uint8
    assert data.name == f"mnist-{split}"


@pytest.mark.mnist
def test_full_mnist_has_the_pixels_that_plain_numpy_reads(full_mnist):
    path = full_mnist / f"{IMAGES}.gz"
    raw = (
        gzip.decompress(path.read_bytes()) if path.exists() else (full_mnist / IMAGES).read_bytes()
    )
    data = load_mnist("train", full_mnist)
    assert np.array_equal(data.images.ravel(), np.frombuffer(raw, np.uint8)[16:])
    # The mean and deviation that every tutorial normalises MNIST with.
    assert data.images.mean() / 255 == pytest.approx(0.1307, abs=5e-5)
    assert data.images.std() / 255 == pytest.approx(0.3081, abs=5e-5)
    assert data.hashes[IMAGES] == hashlib.sha256(raw).hexdigest()


@pytest.mark.mnist
def test_writers_table_is_in_the_order_of_mnist(full_mnist):
    data = load_mnist("train", full_mnist)
    if data.writers is None:
        pytest.skip(f"needs {TABLE}.gz beside MNIST: run `inkdigits data fetch mnist`")
    with gzip.open(full_mnist / f"{TABLE}.gz", "rt") as table:
        rows = [[int(cell) for cell in row.split()] for row in table]
    assert [row[0] for row in rows] == data.labels.tolist()
    assert [row[2] for row in rows] == data.writers.tolist()
    assert len(set(data.writers.tolist())) == 539
    assert load_mnist("test", full_mnist).writers is None


# Where the files are looked for.


@pytest.mark.parametrize("sub_folder", ["", "mnist"])
@pytest.mark.parametrize("compress", [True, False])
def test_files_are_found_in_the_folder_and_in_its_mnist(tiny_mnist, tmp_path, sub_folder, compress):
    tiny_mnist.write(tmp_path / sub_folder, compress)
    data = load_mnist("train", tmp_path)
    assert np.array_equal(data.images, tiny_mnist.images)
    assert np.array_equal(data.labels, tiny_mnist.labels)
    assert data.writers.tolist() == [row // 4 for row in range(20)]
    assert set(data.hashes) == {IMAGES, LABELS, TABLE}


def test_places_are_the_option_then_the_variable_then_the_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("INKDIGITS_DATA_DIR", str(tmp_path / "variable"))
    assert data_places(tmp_path / "option") == [
        tmp_path / "option",
        tmp_path / "variable",
        tmp_path / "cache",
    ]
    assert data_places() == [tmp_path / "variable", tmp_path / "cache"]


def test_a_place_without_the_files_is_passed_over(tiny_mnist, tmp_path, monkeypatch):
    tiny_mnist.write(tmp_path / "cache" / "mnist")
    monkeypatch.setenv("INKDIGITS_DATA_DIR", str(tmp_path / "not there"))
    assert len(load_mnist("test", tmp_path / "empty")) == 10


def test_without_the_table_no_writers_are_given(tiny_mnist, tmp_path):
    tiny_mnist.write(tmp_path)
    (tmp_path / f"{TABLE}.gz").unlink()
    data = load_mnist("train", tmp_path)
    assert data.writers is None
    assert set(data.hashes) == {IMAGES, LABELS}


def test_nothing_anywhere_says_where_it_looked_and_what_to_do(tmp_path):
    with pytest.raises(MissingDataError) as caught:
        load_mnist("train", tmp_path / "mine")
    message = str(caught.value)
    for part in (
        "train-images-idx3-ubyte.gz",
        str(tmp_path / "mine"),
        str(tmp_path / "cache"),
        "inkdigits data fetch mnist",
        "--data-dir",
        "INKDIGITS_DATA_DIR",
    ):
        assert part in message


@pytest.mark.parametrize(
    ("platform", "variable", "expected"),
    [
        ("linux", "XDG_CACHE_HOME", "base/inkdigits"),
        ("linux", None, "home/.cache/inkdigits"),
        ("darwin", None, "home/Library/Caches/inkdigits"),
        ("win32", "LOCALAPPDATA", "base/inkdigits"),
        ("win32", None, "home/AppData/Local/inkdigits"),
    ],
)
def test_cache_follows_the_system(monkeypatch, tmp_path, platform, variable, expected):
    monkeypatch.undo()  # of what stands in for it
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "home")
    for name in ("XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    if variable:
        monkeypatch.setenv(variable, str(tmp_path / "base"))
    assert mnist.cache_dir() == tmp_path / expected


# Files that are wrong. Each is built by hand from the bytes of a right one.


def _flipped(content: bytes, at: int) -> bytes:
    return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]


WRONG = {
    "empty": (lambda whole: b"", "begins with nothing"),
    "web page": (lambda whole: b"<!doctype html>", "begins with 3c21646f"),
    "magic": (lambda whole: struct.pack(">I", 2049) + whole[4:], "magic number .* is 00000803"),
    "count": (
        lambda whole: struct.pack(">IIII", 2051, 19, 28, 28) + whole[16:],
        r"array of \(19, 28, 28\), but .* is \(20, 28, 28\)",
    ),
    "only a magic": (lambda whole: whole[:4], "holds 4 bytes"),
    "truncated": (lambda whole: whole[:-1], "holds 15695 bytes .* has 15696"),
    "too long": (lambda whole: whole + bytes(9), "holds more than 15696 bytes"),
    "one bit": (lambda whole: _flipped(whole, 5000), "has the SHA-256"),
}


@pytest.mark.parametrize("compress", [True, False], ids=["gzip", "plain"])
@pytest.mark.parametrize(("spoil", "message"), WRONG.values(), ids=WRONG)
def test_wrong_file_is_named_with_what_is_wrong(tiny_mnist, tmp_path, spoil, message, compress):
    tiny_mnist.write(tmp_path, compress)
    content = spoil(tiny_mnist.contents[IMAGES])
    path = tmp_path / (f"{IMAGES}.gz" if compress else IMAGES)
    path.write_bytes(gzip.compress(content) if compress else content)
    with pytest.raises(CorruptDataError, match=message) as caught:
        load_mnist("train", tmp_path)
    assert str(path) in str(caught.value)
    assert "Delete it" in str(caught.value)
    assert path.exists()  # reading never deletes what is somebody's own


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda packed: packed[: len(packed) // 2], "cut off"),
        (lambda packed: packed[:5], "cut off"),
        (lambda packed: packed[:-8] + bytes(8), "damaged: .*CRC"),
        (lambda packed: packed[:20] + bytes(200) + packed[220:], "damaged"),
        (lambda packed: packed[:2] + b"\xff" + packed[3:], "damaged"),
    ],
    ids=["half", "head only", "checksum", "zeros inside", "method"],
)
def test_corrupt_gzip_is_named(tiny_mnist, tmp_path, spoil, message):
    tiny_mnist.write(tmp_path)
    path = tmp_path / f"{IMAGES}.gz"
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(CorruptDataError, match=message) as caught:
        load_mnist("train", tmp_path)
    assert str(path) in str(caught.value)


def test_corrupt_table_is_an_error_and_not_a_split_that_leaks(tiny_mnist, tmp_path):
    tiny_mnist.write(tmp_path)
    (tmp_path / f"{TABLE}.gz").write_bytes(gzip.compress(b"1\t2\t3\n"))
    with pytest.raises(CorruptDataError, match=TABLE):
        load_mnist("train", tmp_path)


def test_unreadable_file_says_why(tiny_mnist, tmp_path, monkeypatch):
    tiny_mnist.write(tmp_path)

    def refuse(self: Path) -> bytes:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(MissingDataError, match=r"cannot be read: Permission denied"):
        load_mnist("train", tmp_path)


def test_describe_tells_whole_from_missing_and_broken(tiny_mnist, tmp_path):
    tiny_mnist.write(tmp_path)
    (tmp_path / f"{TABLE}.gz").unlink()
    (tmp_path / f"{LABELS}.gz").write_bytes(b"garbage")
    reports = {report.name: report for report in describe(tmp_path)}
    assert len(reports) == 5
    whole = reports[IMAGES]
    assert (whole.intact, whole.advice) == (True, "")
    assert whole.path == tmp_path / f"{IMAGES}.gz"
    assert whole.size_bytes == whole.path.stat().st_size
    broken = reports[LABELS]
    assert (broken.intact, broken.path) == (False, tmp_path / f"{LABELS}.gz")
    assert "Delete it" in broken.advice
    assert broken.size_bytes == 7
    missing = reports[TABLE]
    assert (missing.intact, missing.path, missing.size_bytes) == (False, None, None)
    assert "inkdigits data fetch mnist" in missing.advice


# Fetching, from a server on this machine.


def _fetch(folder: Path, served, *behaviours: str, **options) -> Path:
    options = {"timeout_s": 2.0, "rounds": 1} | options
    return fetch_mnist(folder, [f"{served.url}/{name}/" for name in behaviours], **options)


@pytest.mark.parametrize("behaviour", ["good", "plain"])
def test_fetched_files_load(served, tiny_mnist, tmp_path, behaviour):
    seen: dict[str, list[tuple[int, int]]] = {}
    folder = _fetch(
        tmp_path / "new" / "folder",
        served,
        behaviour,
        progress=lambda name, done, total: seen.setdefault(name, []).append((done, total)),
    )
    assert np.array_equal(load_mnist("train", folder).images, tiny_mnist.images)
    assert load_mnist("train", folder).writers is not None
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        f"{name}.gz" for name in tiny_mnist.contents
    )
    assert set(seen) == {f"{name}.gz" for name in tiny_mnist.contents}
    for steps in seen.values():
        assert steps == sorted(steps)
        assert steps[-1][0] == steps[-1][1]


def test_what_is_there_is_not_fetched_again(served, tiny_mnist, tmp_path):
    tiny_mnist.write(tmp_path)
    (tmp_path / f"{LABELS}.gz").unlink()
    _fetch(tmp_path, served, "good")
    assert served.log == [f"/good/{LABELS}.gz"]


def test_into_the_cache_by_default_and_on_request_of_load(served, tmp_path, monkeypatch):
    monkeypatch.setattr(mnist.fetch_mnist, "__defaults__", (None, [f"{served.url}/good/"]))
    assert len(load_mnist("test", download=True)) == 10
    assert (tmp_path / "cache" / "mnist" / f"{IMAGES}.gz").is_file()


BAD_MIRRORS = {
    "missing": "404",
    "garbage": "magic number",
    "cut": "cut off",
    "slow": "too slow",
    "silent": "nothing for 0.1 s|no answer within 0.1 s",
    "endless": "sends more than",
}


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(download, "_CHUNK_BYTES", 256)
    monkeypatch.setattr(download, "_SLOWEST_BYTES_PER_S", 1_000_000)
    monkeypatch.setattr(download, "_PAUSE_S", 0.0)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(("behaviour", "reason"), BAD_MIRRORS.items(), ids=BAD_MIRRORS)
def test_bad_mirror_is_left_for_the_next(served, tmp_path, behaviour, reason, caplog):
    folder = _fetch(tmp_path, served, behaviour, "good", timeout_s=0.1)
    assert len(load_mnist("train", folder)) == 20
    assert re.search(f"/{behaviour}/{IMAGES}.gz .*({reason})", caplog.text)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(("behaviour", "reason"), BAD_MIRRORS.items(), ids=BAD_MIRRORS)
def test_bad_mirrors_alone_are_an_error_and_leave_nothing(served, tmp_path, behaviour, reason):
    with pytest.raises(DownloadError, match=reason) as caught:
        _fetch(tmp_path, served, behaviour, "missing", timeout_s=0.1, rounds=2)
    message = str(caught.value)
    assert f"{served.url}/{behaviour}/{IMAGES}.gz" in message
    assert f"{served.url}/missing/{IMAGES}.gz refuses: 404" in message
    assert "--data-dir" in message
    assert list(tmp_path.iterdir()) == []
    assert [path.split("/")[1] for path in served.log] == [behaviour, "missing"] * 2


def test_no_network_is_an_error_that_says_so(tmp_path):
    with pytest.raises(DownloadError, match=r"cannot be reached") as caught:
        fetch_mnist(tmp_path, ["http://127.0.0.1:1/"], timeout_s=1, rounds=1)
    assert "network" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_bad_file_in_the_cache_is_replaced(served, tiny_mnist, tmp_path):
    tiny_mnist.write(tmp_path)
    (tmp_path / f"{IMAGES}.gz").write_bytes(b"half a file")
    _fetch(tmp_path, served, "good")
    assert np.array_equal(load_mnist("train", tmp_path).images, tiny_mnist.images)
    assert served.log == [f"/good/{IMAGES}.gz"]


def test_bad_file_in_the_cache_does_not_outlive_a_failed_fetch(served, tiny_mnist, tmp_path):
    tiny_mnist.write(tmp_path)
    (tmp_path / f"{IMAGES}.gz").write_bytes(b"half a file")
    with pytest.raises(DownloadError):
        _fetch(tmp_path, served, "missing")
    assert not (tmp_path / f"{IMAGES}.gz").exists()
    with pytest.raises(MissingDataError):
        load_mnist("train", tmp_path)


def test_bad_file_that_cannot_be_deleted_is_named(served, tiny_mnist, tmp_path, monkeypatch):
    def refuse(self: Path) -> None:
        raise PermissionError(13, "Permission denied", str(self))

    tiny_mnist.write(tmp_path)
    path = tmp_path / f"{IMAGES}.gz"
    path.write_bytes(b"half a file")
    monkeypatch.setattr(Path, "unlink", refuse)
    with pytest.raises(DownloadError, match="damaged, and cannot be deleted: Permission denied"):
        _fetch(tmp_path, served, "good")
    assert served.log == []


def test_without_the_table_of_writers_mnist_is_still_fetched(served, tmp_path, caplog):
    folder = _fetch(tmp_path, served, "good-without-qmnist")
    assert load_mnist("train", folder).writers is None
    assert "not who wrote it" in caplog.text


def test_folder_that_cannot_be_made_is_found_out_before_the_download(served, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DownloadError, match="cannot be written: Not a directory"):
        _fetch(tmp_path / "file" / "mnist", served, "good")
    assert served.log == []


def test_folder_without_permission_is_found_out_before_the_download(served, tmp_path, monkeypatch):
    def refuse(self: Path, mode: str) -> None:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(DownloadError, match="cannot be written: Permission denied"):
        _fetch(tmp_path, served, "good")
    assert served.log == []


def test_full_disk_leaves_nothing(served, tmp_path, monkeypatch):
    def full(self: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(DownloadError, match="No space left on device"):
        _fetch(tmp_path, served, "good")
    assert list(tmp_path.iterdir()) == []


def test_missing_downloader_gives_the_install_line(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pooch", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'inkdigits\[train\]'"):
        fetch_mnist(tmp_path, rounds=1)
    assert list(tmp_path.iterdir()) == []
