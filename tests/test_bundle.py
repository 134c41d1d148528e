"""A bundle opens as it was written, or not at all with a word on what to do."""

import hashlib
import json
import os
import re
import struct
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from inkdigits import bundle as bundle_module
from inkdigits.bundle import FORMAT_VERSION, Bundle, shipped_path, write_bundle
from inkdigits.errors import BundleError
from inkdigits.reader import Reader

FORMAT_1 = Path(__file__).parent / "fixtures" / "format-1.digits"
CALIBRATION = {"temperature": 1.0, "dial": [{"max_error": 0.01, "threshold": 0.9}]}


def manifest_of(path: Path = FORMAT_1) -> dict[str, Any]:
    with zipfile.ZipFile(path) as archive:
        return dict(json.loads(archive.read("manifest.json")))


def graph_of(path: Path = FORMAT_1) -> bytes:
    with zipfile.ZipFile(path) as archive:
        return archive.read("model.onnx")


def sealed(path: Path, manifest: Any, graph: bytes) -> Path:
    """A bundle whose seal and hashes are right, whatever is in it."""
    if isinstance(manifest, dict) and isinstance(manifest.get("members"), dict):
        manifest["members"]["model.onnx"] = hashlib.sha256(graph).hexdigest()
    text = json.dumps(manifest).encode()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("manifest.json", text)
        archive.writestr("model.onnx", graph)
        archive.comment = b"sha256 " + hashlib.sha256(text).hexdigest().encode()
    return path


def refusal(path: Path) -> str:
    """The message with which a file is refused; it names the file."""
    with pytest.raises(BundleError) as caught:
        Bundle.open(path)
    assert str(path) in str(caught.value)
    return str(caught.value)


class TestFormat1:
    """The fixture was made by fixtures/make_format_1.py, and must open in every later version."""

    def test_reads_what_it_read_when_it_was_made(self):
        ink = np.zeros((1, 28, 28), np.float32)
        ink[0, 4:24, 12:16] = 1  # a 1
        glyph, logits, _ = Bundle.open(FORMAT_1).run(ink)
        recorded = [0.0, 3.85, -1.05, 2.8, -2.1, 1.75, -3.15, 0.7, 4.55, -0.35]
        np.testing.assert_allclose(logits, [recorded], atol=1e-5)
        np.testing.assert_array_equal(glyph, ink)

    def test_agrees_with_the_same_sums_in_numpy(self):
        ink = np.random.default_rng(5).random((6, 28, 28), np.float32)
        row, column = np.indices((49, 10))
        matrix = ((row * (column + 1)) % 7 - 3) / 4
        fields = ink.reshape(6, 7, 4, 7, 4).mean(axis=(2, 4)).reshape(6, 49)
        glyph, logits, _ = Bundle.open(str(FORMAT_1)).run(ink)
        np.testing.assert_allclose(logits, fields @ matrix + np.arange(10) / 10, atol=1e-5)
        assert glyph.shape == (6, 28, 28)
        assert logits.shape == (6, 10)
        assert glyph.dtype == logits.dtype == np.float32

    def test_says_what_it_is(self):
        opened = Bundle.open(FORMAT_1)
        assert opened.name == "format-1"
        assert opened.classes == "0123456789"
        assert opened.num_bytes == len(graph_of())
        assert opened.path == FORMAT_1
        assert opened.manifest["calibration"]["temperature"] == 0.5

    def test_serves_a_reader(self):
        picture = np.full((60, 40), 255, np.uint8)
        picture[10:50, 18:24] = 0
        page = Reader(FORMAT_1, max_error=0.01).read(picture, single=True)
        assert page.model == "format-1"
        assert len(page.digits) == 1

    def test_is_small(self):
        assert FORMAT_1.stat().st_size < 40_000


class TestShipped:
    def test_opens_by_default(self):
        assert Bundle.open().path == shipped_path()

    def test_reads_digits(self):
        opened = Bundle.open()
        assert opened.classes == "0123456789"
        glyph, logits, _ = opened.run(np.zeros((3, 40, 17), np.float32))
        assert glyph.shape == (3, 28, 28)
        assert logits.shape == (3, 10)
        assert np.isfinite(logits).all()

    def test_the_network_fits_into_what_was_promised(self):
        assert Bundle.open().num_bytes <= 1_500_000

    def test_the_three_networks_are_a_small_download(self):
        assert shipped_path().stat().st_size <= 3_200_000


class TestWriting:
    def write(self, path: Path, **changes: Any) -> Path:
        facts: dict[str, Any] = {
            "name": "mine",
            "graph": graph_of(),
            "classes": "0123456789",
            "calibration": CALIBRATION,
            "training": {"epochs": 3},
            "attribution": ["MNIST – Zoë"],
        }
        write_bundle(path, **(facts | changes))
        return path

    def test_what_was_written_is_what_opens(self, tmp_path):
        opened = Bundle.open(self.write(tmp_path / "mine.digits"))
        assert opened.name == "mine"
        assert opened.manifest["format_version"] == FORMAT_VERSION
        assert opened.manifest["calibration"] == CALIBRATION
        assert opened.manifest["training"] == {"epochs": 3}
        assert opened.manifest["attribution"] == ["MNIST – Zoë"]
        assert opened.manifest["licence"] == "Apache-2.0"
        ink = np.ones((2, 28, 28), np.float32)
        np.testing.assert_array_equal(opened.run(ink).logits, Bundle.open(FORMAT_1).run(ink).logits)

    def test_the_same_content_is_the_same_file(self, tmp_path, monkeypatch):
        first = self.write(tmp_path / "first.digits").read_bytes()
        monkeypatch.setattr("time.time", lambda: 2e9)
        monkeypatch.setattr("time.localtime", lambda *_: (2033, 5, 18, 3, 33, 20, 2, 138, 0))
        second = self.write(tmp_path / "second.digits").read_bytes()
        assert first == second
        assert first != self.write(tmp_path / "third.digits", name="other").read_bytes()

    def test_is_an_ordinary_zip_with_nothing_that_runs(self, tmp_path):
        path = self.write(tmp_path / "mine.digits")
        with zipfile.ZipFile(path) as archive:
            assert archive.namelist() == ["manifest.json", "model.onnx"]
            assert archive.testzip() is None
        assert manifest_of(path)["members"] == {
            "model.onnx": hashlib.sha256(graph_of()).hexdigest()
        }

    def test_the_folder_is_made(self, tmp_path):
        assert self.write(tmp_path / "a" / "b" / "mine.digits").exists()

    def test_what_cannot_be_written_leaves_nothing(self, tmp_path):
        (tmp_path / "file").write_text("in the way")
        with pytest.raises(OSError, match="file"):
            self.write(tmp_path / "file" / "mine.digits")
        assert [path.name for path in tmp_path.iterdir()] == ["file"]

    def test_an_older_file_is_replaced_whole(self, tmp_path):
        path = self.write(tmp_path / "mine.digits")
        self.write(path, name="newer")
        assert Bundle.open(path).name == "newer"
        assert [one.name for one in tmp_path.iterdir()] == ["mine.digits"]


class TestDamage:
    def test_no_byte_can_be_changed_unnoticed(self, tmp_path):
        """A changed byte is refused, or is one that means nothing, such as a date in the zip."""
        good = FORMAT_1.read_bytes()
        members = {"model.onnx": graph_of(), "lines.onnx": None, "strokes.onnx": None}
        expected = manifest_of(), members
        num_refused = 0
        for position in range(len(good)):
            for flipped in (0x01, 0x80, 0xFF):
                damaged = bytearray(good)
                damaged[position] ^= flipped
                try:
                    opened = bundle_module._unpacked(bytes(damaged), "the file")
                except BundleError:
                    num_refused += 1
                else:
                    assert opened == expected, f"byte {position}"
        assert num_refused > 2 * len(good)

    def test_no_truncated_file_opens(self):
        good = FORMAT_1.read_bytes()
        for length in range(len(good)):
            with pytest.raises(BundleError, match="the file.*(Get the file again|truncated)"):
                bundle_module._unpacked(good[:length], "the file")

    @pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.999])
    def test_a_truncated_shipped_one_is_refused(self, tmp_path, share):
        content = shipped_path().read_bytes()
        path = tmp_path / "cut.digits"
        path.write_bytes(content[: int(share * len(content))])
        assert "Get the file again, or export it again" in refusal(path)

    @pytest.mark.parametrize(
        "content",
        [b"", b"PK", b"no zip at all" * 100, bytes(1000), b"\x89PNG\r\n\x1a\n" + bytes(50)],
        ids=["empty", "two bytes", "text", "zeros", "picture"],
    )
    def test_what_is_no_zip_is_refused(self, tmp_path, content):
        path = tmp_path / "not.digits"
        path.write_bytes(content)
        message = refusal(path)
        assert "expected a zip of manifest.json and model.onnx" in message
        assert "export it again" in message

    @pytest.mark.parametrize(
        "members",
        [{}, {"model.onnx": b"x"}, {"manifest.json": b"{}"}, {"a/manifest.json": b"", "x": b""}],
        ids=["none", "no manifest", "no graph", "others"],
    )
    def test_a_zip_of_something_else_is_refused(self, tmp_path, members):
        path = tmp_path / "other.digits"
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in members.items():
                archive.writestr(name, content)
        assert "expected a zip of manifest.json and model.onnx" in refusal(path)

    @pytest.mark.parametrize(
        "text", [b"", b"{", b"[]", b"3", b"null", b'"text"', b"\xff\xfe", b"[" * 100_000]
    )
    def test_a_manifest_that_is_none_is_refused(self, tmp_path, text):
        path = tmp_path / "broken.digits"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("manifest.json", text)
            archive.writestr("model.onnx", graph_of())
            archive.comment = b"sha256 " + hashlib.sha256(text).hexdigest().encode()
        assert "is no bundle" in refusal(path)

    def test_another_graph_is_refused(self, tmp_path):
        path = tmp_path / "swapped.digits"
        with zipfile.ZipFile(FORMAT_1) as old, zipfile.ZipFile(path, "w") as new:
            new.writestr("manifest.json", old.read("manifest.json"))
            new.writestr("model.onnx", old.read("model.onnx") + b"\0")
            new.comment = old.comment
        message = refusal(path)
        assert "model.onnx" in message
        assert "SHA-256" in message

    def test_another_manifest_is_refused(self, tmp_path):
        path = tmp_path / "relabelled.digits"
        manifest = manifest_of()
        manifest["calibration"]["dial"][0]["threshold"] = 0.1
        with zipfile.ZipFile(FORMAT_1) as old, zipfile.ZipFile(path, "w") as new:
            new.writestr("manifest.json", json.dumps(manifest))
            new.writestr("model.onnx", old.read("model.onnx"))
            new.comment = old.comment
        assert "not the one it was sealed with" in refusal(path)

    def test_a_claim_of_gigabytes_is_refused_before_anything_is_unpacked(
        self, tmp_path, monkeypatch
    ):
        content = bytearray(FORMAT_1.read_bytes())
        entry = content.index(b"PK\x01\x02", content.index(b"PK\x01\x02") + 1)  # of model.onnx
        struct.pack_into("<I", content, entry + 24, 3 * 2**30)  # its size when unpacked
        path = tmp_path / "bomb.digits"
        path.write_bytes(content)
        unpacked = []
        original = zipfile.ZipFile.read

        def read(archive: zipfile.ZipFile, name: str) -> bytes:
            unpacked.append(name)
            return original(archive, name)

        monkeypatch.setattr(zipfile.ZipFile, "read", read)
        assert f"model.onnx claims {3 * 2**30} bytes" in refusal(path)
        assert unpacked == ["manifest.json"]


class TestManifest:
    @pytest.mark.parametrize("version", [2, 99, "1", 1.5, None, [1]])
    def test_a_format_that_is_not_known_asks_for_an_upgrade(self, tmp_path, version):
        newer = manifest_of() | {"format_version": version}
        message = refusal(sealed(tmp_path / "newer.digits", newer, graph_of()))
        assert f"format {version}" in message
        assert "pip install --upgrade inkdigits" in message

    def test_a_newer_one_may_lack_what_we_know(self, tmp_path):
        path = sealed(tmp_path / "newer.digits", {"format_version": 2}, b"")
        assert "pip install --upgrade inkdigits" in refusal(path)

    @pytest.mark.parametrize("key", ["name", "classes", "calibration", "members"])
    @pytest.mark.parametrize("value", ["missing", None, 3])
    def test_what_is_missing_or_nonsense_is_named(self, tmp_path, key, value):
        manifest = manifest_of()
        if value == "missing":
            del manifest[key]
        else:
            manifest[key] = value
        path = sealed(tmp_path / "lacking.digits", manifest, graph_of())
        assert f"lacks {key}." in refusal(path)

    def test_all_that_is_missing_is_named_at_once(self, tmp_path):
        path = sealed(tmp_path / "lacking.digits", {"format_version": 1}, graph_of())
        assert "lacks name, classes, calibration, members" in refusal(path)

    def test_more_than_we_know_does_no_harm(self, tmp_path):
        path = sealed(tmp_path / "more.digits", manifest_of() | {"novelty": {}}, graph_of())
        assert Bundle.open(path).manifest["novelty"] == {}


class TestPath:
    def test_a_missing_file(self, tmp_path):
        message = refusal(tmp_path / "nowhere.digits")
        assert "No such file" in message
        assert "inkdigits export RUN --to bundle" in message

    def test_a_folder(self, tmp_path):
        assert "directory" in refusal(tmp_path)

    @pytest.mark.skipif(
        not hasattr(os, "geteuid") or os.geteuid() == 0,
        reason="needs a user who is not root: run the tests as one",
    )
    def test_a_file_of_somebody_else(self, tmp_path):
        path = tmp_path / "closed.digits"
        path.write_bytes(FORMAT_1.read_bytes())
        path.chmod(0)
        assert "Permission denied" in refusal(path)


class TestGraph:
    """The hashes are right, and still the graph is not one that reads digits."""

    @pytest.mark.parametrize("graph", [b"", b"no graph", graph_of()[:-20]])
    def test_one_that_onnx_runtime_refuses(self, tmp_path, graph):
        opened = Bundle.open(sealed(tmp_path / "bad.digits", manifest_of(), graph))
        with pytest.raises(BundleError, match="cannot run the graph.*--upgrade onnxruntime"):
            opened.run(np.zeros((1, 28, 28), np.float32))

    @pytest.mark.parametrize("name", ["ink", "glyph", "logits"])
    def test_one_with_other_names(self, tmp_path, name):
        other = name[::-1]  # of the same length, so that the bytes still are a graph
        graph = graph_of().replace(name.encode(), other.encode())
        opened = Bundle.open(sealed(tmp_path / "other.digits", manifest_of(), graph))
        with pytest.raises(BundleError, match=f"{other}.*Expected ink.*export it again"):
            opened.run(np.zeros((1, 28, 28), np.float32))

    def test_one_of_more_classes_than_the_manifest_names(self, tmp_path):
        manifest = manifest_of() | {"classes": "01234"}
        opened = Bundle.open(sealed(tmp_path / "five.digits", manifest, graph_of()))
        with pytest.raises(BundleError, match="logits of 5 classes"):
            opened.run(np.zeros((1, 28, 28), np.float32))

    def test_a_reader_says_so_too(self, tmp_path):
        path = sealed(tmp_path / "bad.digits", manifest_of(), b"no graph")
        reader = Reader(path, max_error=0.01)
        picture = np.full((60, 40), 255, np.uint8)
        picture[10:50, 18:24] = 0
        with pytest.raises(BundleError, match="cannot run the graph of 'format-1'"):
            reader.read(picture)


def test_opens_where_nothing_of_training_is_installed():
    script = f"""
import sys
for name in ("keras", "matplotlib", "onnx", "pooch", "rich", "sklearn", "tensorflow", "tf2onnx"):
    sys.modules[name] = None  # an import of it fails
import numpy as np
from inkdigits.bundle import Bundle
for path in (None, {str(FORMAT_1)!r}):
    print(Bundle.open(path).run(np.ones((2, 30, 30), np.float32)).logits.shape)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert re.findall(r"\(2, 10\)", done.stdout) == ["(2, 10)"] * 2
