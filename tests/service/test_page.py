"""The page and the model: right types, right caching, nothing from elsewhere."""

import gzip
import hashlib
import json

import numpy as np
import onnx
import pytest
from onnx import helper

from inkdigits.bundle import write_bundle
from inkdigits.service import page

POLICY = {
    "default-src 'self'",
    "script-src 'self' 'wasm-unsafe-eval'",
    "worker-src 'self' blob:",
    "img-src 'self' blob: data:",
    "connect-src 'self'",
    "object-src 'none'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """What Vite would have built."""
    files = {
        "index.html": b"<!doctype html>hello",
        "sw.js": b"self",
        "manifest.webmanifest": b"{}",
        "assets/app-B1x_9-zQ.js": b"let a = 1;" * 50,
        "assets/ort-wasm-DEADBEEF.wasm": b"\0asm",
        "assets/ort-DEADBEEF.mjs": b"export {}",
        "graph.onnx": b"onnx",
    }
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    script = tmp_path / "assets" / "app-B1x_9-zQ.js"
    script.with_name(script.name + ".br").write_bytes(b"brotli")
    script.with_name(script.name + ".gz").write_bytes(gzip.compress(script.read_bytes()))
    monkeypatch.setattr(page, "FOLDER", tmp_path)
    monkeypatch.setattr(page.files, "__defaults__", (tmp_path,))
    return tmp_path


def test_the_page_may_fetch_nothing_from_elsewhere(serve, folder):
    answer = serve().get("/")
    assert answer.text == "<!doctype html>hello"
    assert set(answer.headers["content-security-policy"].split("; ")) == POLICY
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cross-origin-opener-policy"] == "same-origin"
    assert answer.headers["cross-origin-embedder-policy"] == "require-corp"


@pytest.mark.parametrize(
    ("path", "kind", "is_kept"),
    [
        ("/", "text/html; charset=utf-8", False),
        ("/sw.js", "text/javascript; charset=utf-8", False),
        ("/manifest.webmanifest", "application/manifest+json", False),
        ("/assets/app-B1x_9-zQ.js", "text/javascript; charset=utf-8", True),
        ("/assets/ort-wasm-DEADBEEF.wasm", "application/wasm", True),
        ("/assets/ort-DEADBEEF.mjs", "text/javascript; charset=utf-8", True),
        ("/graph.onnx", "application/octet-stream", False),
    ],
)
def test_types_and_caching(serve, folder, path, kind, is_kept):
    client = serve()
    plain = {"accept-encoding": "identity"}
    answer = client.get(path, headers=plain)
    assert answer.headers["content-type"] == kind
    cache = "public, max-age=31536000, immutable" if is_kept else "public, no-cache"
    assert answer.headers["cache-control"] == cache
    again = client.get(path, headers={**plain, "if-none-match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    head = client.head(path, headers=plain)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == answer.headers["content-length"]


def test_compressed_files_go_to_those_who_take_them(serve, folder):
    client, path = serve(), "/assets/app-B1x_9-zQ.js"
    with client.stream("GET", path, headers={"accept-encoding": "gzip, br"}) as answer:
        assert answer.headers["content-encoding"] == "br"
        assert b"".join(answer.iter_raw()) == b"brotli"
    zipped = client.get(path, headers={"accept-encoding": "gzip, br;q=0"})
    plain = client.get(path, headers={"accept-encoding": "identity"})
    assert zipped.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert zipped.content == plain.content == b"let a = 1;" * 50
    assert zipped.headers["vary"] == plain.headers["vary"] == "Accept-Encoding"
    assert zipped.headers["etag"] != plain.headers["etag"]
    assert client.get(f"{path}.br").status_code == 404


def test_nothing_outside_the_folder_is_served(serve, folder):
    (folder.parent / "secret.txt").write_text("secret")
    client = serve()
    for path in ("/../secret.txt", "/%2e%2e/secret.txt", "/assets/..%2f..%2fsecret.txt"):
        assert client.get(path).status_code == 404


def test_where_it_was_not_built_it_says_how(serve, folder):
    (folder / "index.html").unlink()
    client = serve()
    answer = client.get("/")
    assert answer.status_code == 200
    assert "make web" in answer.text
    assert set(answer.headers["content-security-policy"].split("; ")) == POLICY
    assert client.get("/v1/model").status_code == 200


def test_the_model_is_the_one_that_reads(client, reader):
    answer = client.get("/model/model.onnx")
    wanted = reader.bundle.manifest["members"]["model.onnx"]
    assert hashlib.sha256(answer.content).hexdigest() == wanted
    assert answer.headers["etag"] == f'"{wanted}"'
    assert answer.headers["cache-control"] == "public, no-cache"
    again = client.get("/model/model.onnx", headers={"if-none-match": f'"{wanted}"'})
    assert again.status_code == 304
    manifest = client.get("/model/manifest.json")
    assert json.loads(manifest.content) == reader.bundle.manifest
    assert manifest.headers["content-type"] == "application/json"


@pytest.fixture
def bundle_with(reader, tmp_path):
    """A way to write what ships with another line reader, or with none."""

    def write(lines: bytes | None):
        manifest, path = reader.bundle.manifest, tmp_path / "other.digits"
        keys = ("name", "classes", "calibration", "training", "attribution")
        write_bundle(
            path,
            graph=reader.bundle.graph,
            lines=(lines, {"calibration": {"temperature": 1.0}}) if lines else None,
            **{key: manifest[key] for key in keys},
        )
        return path

    return write


def line_reader() -> bytes:
    """One that knows nothing: strips (n, 32, W) → logits (n, W, 12), all of them 0."""
    given = helper.make_tensor_value_info("strip", onnx.TensorProto.FLOAT, ["n", 32, "width"])
    logits = helper.make_tensor_value_info("logits", onnx.TensorProto.FLOAT, ["n", "frames", 12])
    weights = onnx.numpy_helper.from_array(np.zeros((32, 12), np.float32), "weights")
    nodes = [
        helper.make_node("Transpose", ["strip"], ["columns"], perm=[0, 2, 1]),
        helper.make_node("MatMul", ["columns", "weights"], ["logits"]),
    ]
    graph = helper.make_graph(nodes, "lines", [given], [logits], [weights])
    opset = [helper.make_opsetid("", 17)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=8)
    return model.SerializeToString()


def test_the_line_reader_is_served_beside_the_model(serve, folder, bundle_with):
    lines = line_reader()
    client = serve(bundle=bundle_with(lines))
    answer = client.get("/model/lines.onnx")
    wanted = json.loads(client.get("/model/manifest.json").content)["members"]["lines.onnx"]
    assert answer.content == lines
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["etag"] == f'"{wanted}"'
    assert answer.headers["cache-control"] == "public, no-cache"
    again = client.get("/model/lines.onnx", headers={"if-none-match": f'"{wanted}"'})
    assert again.status_code == 304


def test_where_the_bundle_has_no_line_reader_that_of_another_is_not_served(
    serve, folder, bundle_with
):
    (folder / "model").mkdir()
    (folder / "model" / "lines.onnx").write_bytes(b"of the bundle that the page was built with")
    client = serve(bundle=bundle_with(None))
    answer = client.get("/model/lines.onnx")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == 404
    assert "lines.onnx" not in json.loads(client.get("/model/manifest.json").content)["members"]


def test_the_page_can_be_left_out(serve, folder):
    client = serve(has_page=False)
    assert client.get("/").status_code == client.get("/model/model.onnx").status_code == 404
    assert client.get("/v1/model").status_code == 200
