"""Our own addresses: pages, single digits, and what reads them."""

import asyncio
import csv
import io
import time
from collections.abc import Iterator, Sequence
from typing import Any

from starlette.responses import PlainTextResponse, Response

from inkdigits.errors import InputError, RequestTooLargeError
from inkdigits.imaging.decode import decode, decode_pages
from inkdigits.reader import Reader
from inkdigits.reading import CSV_COLUMNS, Digit, Page
from inkdigits.service.batching import Picture, is_small, late
from inkdigits.service.core import JSON, Call, answer, elapsed_ms
from inkdigits.service.decoding import (
    Pixels,
    arrays,
    content_kind,
    is_small_png,
    of_picture,
    uploads,
    within,
)
from inkdigits.service.settings import LimitsConfig

MODES = ("page", "line", "single")
FORMATS = ("json", "text", "csv")
_PAGE_BREAK = "\f"
_AT_ONCE_BYTES = 16_384  # a body up to here is taken apart faster than a thread is asked


async def read(call: Call) -> Response:
    """Read a picture: one page, or the pages of a TIFF or PDF."""
    call.check_parameters("mode", "format", "max_error")
    mode = call.parameter("mode", MODES[0], MODES)
    form = call.parameter("format", FORMATS[0], FORMATS)
    reader = call.reader
    body = await call.content()
    service = call.service
    stop_at = time.monotonic() + service.limits.deadline_s
    pages = await service.workers.run(
        read_pages, reader, body, call.field(b"content-type"), mode, service.limits, stop_at
    )
    digits = [digit for page in pages for digit in page.digits]
    service.metrics.count(digits)
    call.num_digits = len(digits)
    if form == "text":
        text = _PAGE_BREAK.join(page.text for page in pages)
        return PlainTextResponse(text, headers=_in_short(pages))
    if form == "csv":
        return Response(as_csv(pages), media_type="text/csv", headers=_in_short(pages))
    documents = [page.to_dict() for page in pages]
    return answer(documents[0] if len(documents) == 1 else documents)


def read_pages(
    reader: Reader,
    body: bytes,
    content_type: str,
    mode: str,
    limits: LimitsConfig,
    stop_at: float,
) -> list[Page]:
    """What ``Reader.read_pages`` gives, within the limits of a service."""
    upload = uploads(body, content_type, 1)[0]
    pages: list[Page] = []
    for number, pixels in decode_pages(upload.content, max_pixels=limits.pixels):
        if len(pages) == limits.images:
            raise RequestTooLargeError(
                f"The file has more pages than the limit of {limits.images}. Send it in parts."
            )
        if time.monotonic() > stop_at:
            raise late(limits.deadline_s)
        name = f"{upload.name}#{number}" if number else upload.name
        if isinstance(pixels, InputError):
            pages.append(Page(name, (), reader.bundle.name, note=str(pixels)))
        else:
            is_single, is_line = mode == "single", mode == "line"
            pages.append(reader.read(pixels, single=is_single, line=is_line, name=name))
    return pages


def _in_short(pages: Sequence[Page]) -> dict[str, str]:
    """What text alone does not say: the status of each page, ``reject`` where it is damaged."""
    return {"X-Inkdigits-Status": ", ".join(page.status for page in pages)}


def as_csv(pages: Sequence[Page]) -> str:
    """A row a digit, or one for a page without any, as `inkdigits read --format csv` prints.

    A damaged page of a file has a row, too: there, the command line says so on standard error.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)
    for page in pages:
        writer.writerows(page.to_rows())
    return text.getvalue()


async def digits(call: Call) -> Response:
    """Read pictures of one digit each, together with those of other callers."""
    call.check_parameters("max_error")
    reader = call.reader
    body = await call.content()
    started = time.perf_counter()
    service = call.service
    waiting: list[asyncio.Future[Digit]] = []
    try:
        pictures = await _pictures(call, body)
        call.hold(sum(picture.nbytes for picture in pictures if not isinstance(picture, bytes)))
        for picture in pictures:
            batcher = service.small_digits if is_small(picture) else service.large_digits
            waiting.append(batcher.submit(reader, picture))
        found = []
        for number, future in enumerate(waiting, 1):
            with of_picture(number, len(waiting)):
                found.append(await future)
    finally:
        for future in waiting:
            future.cancel()  # which does nothing to those that are done
    service.metrics.count(found)
    call.num_digits = len(found)
    return answer(
        {
            "digits": [digit.to_dict() for digit in found],
            "model": service.bundle.name,
            "elapsed_ms": elapsed_ms(started),
        }
    )


async def _pictures(call: Call, body: bytes) -> Sequence[Picture]:
    """The pictures of a request, taken apart here where that is soon done, else in a thread."""
    content_type, limits = call.field(b"content-type"), call.service.limits
    is_little = len(body) <= _AT_ONCE_BYTES
    if content_kind(content_type) == JSON:
        if is_little:
            return arrays(body, limits.digits, limits.pixels)
        return await call.service.workers.run(arrays, body, limits.digits, limits.pixels)
    if is_little:
        found = uploads(body, content_type, limits.digits)
        if all(is_small_png(upload.content) for upload in found):
            return [upload.content for upload in found]
    return await call.service.workers.run(_decoded, body, content_type, limits)


def _decoded(body: bytes, content_type: str, limits: LimitsConfig) -> list[Pixels]:
    found = uploads(body, content_type, limits.digits)

    def decoded() -> Iterator[Pixels]:
        for number, upload in enumerate(found, 1):
            with of_picture(number, len(found)):
                yield decode(upload.content, max_pixels=limits.pixels)

    return within(limits.pixels, decoded())


async def model(call: Call) -> Response:
    """What reads, what it promises, and what it was made of."""
    manifest = call.service.bundle.manifest
    calibration: dict[str, Any] = manifest["calibration"]
    reader = call.service.default_reader
    return answer(
        {
            "name": call.service.bundle.name,
            "classes": reader.bundle.classes,
            "max_error": call.service.settings.max_error,
            "threshold": reader.rule.threshold,
            "dial": calibration["dial"],
            "rejects": reader.rule.rejects,
            "num_bytes": call.service.bundle.num_bytes,
            "sha256": manifest["members"]["model.onnx"],
            "lines_sha256": manifest["members"].get("lines.onnx"),
            "strokes_sha256": manifest["members"].get("strokes.onnx"),
            "licence": manifest.get("licence", ""),
            "attribution": manifest.get("attribution", []),
        }
    )


async def metrics(call: Call) -> Response:
    """The figures that Prometheus scrapes."""
    call.service.tell_waiting()
    figures = call.service.metrics
    return Response(figures.exposed(), media_type=figures.content_type)
