import contextlib
import gzip
import hashlib
import os
import struct
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from inkdigits.data import mnist


class Served(NamedTuple):
    url: str  # of the server; a mirror is one of its folders, named after what it does wrong
    log: list[str]  # the path of each request


class TinyMnist(NamedTuple):
    contents: dict[str, bytes]  # decompressed, by name
    images: np.ndarray  # (20, 28, 28) uint8, of the training part
    labels: np.ndarray  # (20,) uint8

    def write(self, folder: Path, compress: bool = True) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in self.contents.items():
            if compress:
                (folder / f"{name}.gz").write_bytes(gzip.compress(content))
            else:
                (folder / name).write_bytes(content)


@pytest.fixture(autouse=True)
def nowhere_else(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, request: pytest.FixtureRequest):
    """Only tests of the full MNIST see the data of whoever runs them, and none sees a proxy."""
    for variable in list(os.environ):
        if variable.lower().endswith("_proxy"):
            monkeypatch.delenv(variable)
    if request.node.get_closest_marker("mnist"):
        return
    monkeypatch.delenv("INKDIGITS_DATA_DIR", raising=False)
    monkeypatch.setattr(mnist, "cache_dir", lambda: tmp_path / "cache")


@pytest.fixture(scope="session")
def full_mnist() -> Path:
    """The folder of the full MNIST's files."""
    found = [report.path for report in mnist.describe()]
    if None in found[:4]:
        pytest.skip(
            "needs MNIST: set INKDIGITS_DATA_DIR to its folder, or run `inkdigits data fetch mnist`"
        )
    return found[0].parent


@pytest.fixture
def tiny_mnist(monkeypatch: pytest.MonkeyPatch) -> TinyMnist:
    """20 training and 10 test images, built with struct, in the place of the real MNIST."""
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (30, 28, 28), dtype=np.uint8)
    labels = np.tile(np.arange(10, dtype=np.uint8), 3)
    contents = {}
    files = {}
    for split, prefix, part in (("train", "train", slice(20)), ("test", "t10k", slice(20, 30))):
        count = len(labels[part])
        contents[f"{prefix}-images-idx3-ubyte"] = (
            struct.pack(">IIII", 2051, count, 28, 28) + images[part].tobytes()
        )
        contents[f"{prefix}-labels-idx1-ubyte"] = (
            struct.pack(">II", 2049, count) + labels[part].tobytes()
        )
        files[split] = tuple(
            mnist.SourceFile(name, len(content), hashlib.sha256(content).hexdigest(), shape)
            for (name, content), shape in zip(
                list(contents.items())[-2:], [(count, 28, 28), (count,)], strict=True
            )
        )
    table = "".join(f"{labels[row]}\t0\t{row // 4}\t0\t0\t0\t0\t0\n" for row in range(20)).encode()
    contents["qmnist-train-labels.tsv"] = table
    digest = hashlib.sha256(table).hexdigest()
    monkeypatch.setattr(mnist, "FILES", files)
    monkeypatch.setattr(
        mnist, "WRITERS", mnist.SourceFile("qmnist-train-labels.tsv", len(table), digest)
    )
    return TinyMnist(contents, images[:20], labels[:20])


@pytest.fixture
def served(tiny_mnist: TinyMnist) -> Iterator[Served]:
    """A server on this machine, with a folder for each behaviour that it knows."""
    log: list[str] = []
    closing = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            log.append(self.path)
            _, behaviour, name = self.path.split("/", 2)
            behaviour, _, exception = behaviour.partition("-without-")
            whole = tiny_mnist.contents.get(name.removesuffix(".gz"))
            known = ("good", "plain", "garbage", "cut", "slow", "silent", "endless")
            if behaviour not in known or whole is None or (exception and exception in name):
                self.send_error(404)
                return
            content = whole if behaviour == "plain" else gzip.compress(whole)
            if behaviour == "garbage":
                content = b"<!doctype html><title>Sign in to this network</title>"
            self.send_response(200)
            if behaviour != "endless":
                self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            with contextlib.suppress(OSError):  # the client had enough
                self.send(behaviour, content)

        def send(self, behaviour: str, content: bytes) -> None:
            if behaviour == "cut":
                self.wfile.write(content[: len(content) // 2])
            elif behaviour == "silent":
                self.wfile.write(content[:10])
                closing.wait(5)
            elif behaviour == "slow":
                for start in range(0, len(content), 256):
                    if closing.is_set():
                        return
                    self.wfile.write(content[start : start + 256])
                    time.sleep(0.02)
            elif behaviour == "endless":
                while not closing.is_set():
                    self.wfile.write(bytes(10_000))
            else:
                self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield Served(f"http://127.0.0.1:{server.server_port}", log)
    closing.set()
    server.shutdown()
    server.server_close()
    thread.join()
