"""The page, as Vite built it into ``page/``, and the model that it runs in the browser."""

import hashlib
import html
import re
from pathlib import Path
from typing import NamedTuple

from starlette.responses import FileResponse, Response

from inkdigits.service.core import Call, ServiceBundle

FOLDER = Path(__file__).parent / "page"
_ENCODINGS = {"br": ".br", "gzip": ".gz"}  # the better one first
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".ico": "image/x-icon",
    ".jpg": "image/jpeg",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".mjs": "text/javascript; charset=utf-8",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".wasm": "application/wasm",
    ".webmanifest": "application/manifest+json",
    ".webp": "image/webp",
    ".woff2": "font/woff2",
}
_HASHED = re.compile(r"/assets/.+[-.][\w-]{8,}\.\w+$")
_FOREVER = "public, max-age=31536000, immutable"
_ASK_AGAIN = "public, no-cache"  # may be kept, and is asked for again by its ETag
_POLICY = (
    "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self' blob:; "
    "img-src 'self' blob: data:; connect-src 'self'; object-src 'none'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
_SAFE = {
    "content-security-policy": _POLICY,
    "cross-origin-embedder-policy": "require-corp",  # with the next: threads in WebAssembly
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(self), microphone=(), geolocation=()",
    "referrer-policy": "no-referrer",
}
_NOT_BUILT = """<!doctype html>
<html lang="en">
<title>inkdigits</title>
<h1>inkdigits is serving</h1>
<p>The page has not been built in this checkout. With Node installed, type <code>make web</code>
and start <code>inkdigits serve</code> again. A released wheel contains it.</p>
<p>The API works: <a href="/openapi.json">/openapi.json</a> describes it,
<a href="/v1/model">/v1/model</a> says what reads ({model}).</p>
</html>
"""


class File(NamedTuple):
    """What lies at one address.

    Attributes:
        content: a file, or its bytes.
        media_type: of it.
        etag: from the SHA-256 of the content, in quotes.
        cache: the Cache-Control.
        encoded: compressed siblings, by encoding.
    """

    content: Path | bytes
    media_type: str
    etag: str
    cache: str
    encoded: dict[str, Path]

    def answer(self, call: Call) -> Response:
        """The content, compressed if the caller takes it so; or that it has not changed."""
        accepted = _accepted(call.field(b"accept-encoding"))
        encoding = next((name for name in self.encoded if name in accepted), "")
        etag = f'{self.etag[:-1]}-{encoding}"' if encoding else self.etag
        headers = {**_SAFE, "cache-control": self.cache, "etag": etag}
        if self.encoded:
            headers["vary"] = "Accept-Encoding"
        if etag in call.field(b"if-none-match"):
            return Response(status_code=304, headers=headers)
        if encoding:
            headers["content-encoding"] = encoding
        if isinstance(self.content, bytes):
            return Response(self.content, headers=headers, media_type=self.media_type)
        path = self.encoded.get(encoding, self.content)
        return FileResponse(path, headers=headers, media_type=self.media_type)


def files(bundle: ServiceBundle, folder: Path = FOLDER) -> dict[str, File]:
    """All addresses of the page and of the model, with what lies there."""
    found = {f"/{path.relative_to(folder).as_posix()}": path for path in folder.rglob("*.*")}
    compressed = tuple(_ENCODINGS.values())
    table = {
        address: _of_folder(address, path)
        for address, path in found.items()
        if path.is_file() and path.suffix not in compressed
    }
    if "/index.html" in table:
        table["/"] = table["/index.html"]
    else:
        text = _NOT_BUILT.format(model=html.escape(bundle.name))
        table["/"] = _of_bytes(text.encode(), _TYPES[".html"])
    table["/model/model.onnx"] = _of_bytes(bundle.graph, "application/octet-stream")
    table.pop("/model/lines.onnx", None)  # in the folder it may be of another bundle
    if bundle.lines is not None:
        table["/model/lines.onnx"] = _of_bytes(bundle.lines, "application/octet-stream")
    table["/model/manifest.json"] = _of_bytes(bundle.manifest_json, _TYPES[".json"])
    return table


def _of_folder(address: str, path: Path) -> File:
    encoded = {
        encoding: sibling
        for encoding, suffix in _ENCODINGS.items()
        if (sibling := path.with_name(path.name + suffix)).is_file()
    }
    cache = _FOREVER if _HASHED.search(address) else _ASK_AGAIN
    media_type = _TYPES.get(path.suffix, "application/octet-stream")
    return File(path, media_type, _etag(path.read_bytes()), cache, encoded)


def _of_bytes(content: bytes, media_type: str) -> File:
    return File(content, media_type, _etag(content), _ASK_AGAIN, {})


def _etag(content: bytes) -> str:
    return f'"{hashlib.sha256(content).hexdigest()}"'


def _accepted(header: str) -> set[str]:
    """The encodings that an Accept-Encoding takes."""
    accepted = set()
    for item in header.lower().split(","):
        name, _, quality = item.partition(";")
        if quality.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000"):
            accepted.add(name.strip())
    return accepted
