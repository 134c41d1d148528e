"""What all addresses share: the bundle, who works, the request at hand, and how a refusal looks."""

import asyncio
import functools
import json
import os
import random
import re
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar, cast

from starlette.requests import Request
from starlette.responses import Response

from inkdigits.bundle import Bundle
from inkdigits.errors import (
    BusyError,
    InkdigitsError,
    RequestError,
    RequestTooLargeError,
    SlowSenderError,
    UnauthorizedError,
    WrongTypeError,
    outcome,
)
from inkdigits.reader import Reader
from inkdigits.service.batching import Batcher, late
from inkdigits.service.metrics import Metrics, RequestLog
from inkdigits.service.settings import Settings

if TYPE_CHECKING:
    from starlette.types import Receive, Scope

T = TypeVar("T")

_REQUEST_ID = re.compile(rb"[\w.:/+=-]{1,128}")
_RETRY_AFTER_S = 1
_LARGE_BATCH = 4  # pictures with a shadow to remove take milliseconds each
JSON = "application/json"
PROBLEM = "application/problem+json"


class GoneError(Exception):
    """The caller hung up before the request was whole."""


_NETWORK_THREADS = 4  # a batch of digits gains little from more


class ServiceBundle(Bundle):
    """A bundle whose network takes a few cores at most: others answer other callers."""

    num_threads = min(_NETWORK_THREADS, os.cpu_count() or 1)

    @property
    def manifest_json(self) -> bytes:
        """All that is known of it, for the page."""
        return json.dumps(self.manifest, ensure_ascii=False, indent=2).encode()


class Workers:
    """Threads for what takes long, with a queue that has an end."""

    def __init__(self, threads: int, max_waiting: int, deadline_s: float) -> None:
        self._threads = threads
        self._max_waiting = max_waiting
        self._deadline_s = deadline_s
        self._num_inside = 0
        self._pool = ThreadPoolExecutor(threads, "pages")

    @property
    def num_waiting(self) -> int:
        """How many wait for a thread."""
        return max(0, self._num_inside - self._threads)

    async def run(self, work: Callable[..., T], *arguments: Any) -> T:
        """Do work in a thread.

        Raises:
            BusyError: too many wait already.
            DeadlineError: it was not done in time. What has not begun will not begin.
        """
        if self.num_waiting >= self._max_waiting:
            raise BusyError(
                f"{self.num_waiting} requests wait already, and at most {self._max_waiting} may. "
                "Try again in a moment."
            )
        loop = asyncio.get_running_loop()
        self._num_inside += 1
        future = self._pool.submit(work, *arguments)
        future.add_done_callback(lambda _: self._leave_from(loop))
        try:
            async with asyncio.timeout(self._deadline_s):
                return await asyncio.wrap_future(future)
        except TimeoutError:
            raise late(self._deadline_s) from None

    def close(self) -> None:
        """Finish what has begun, and let go what has not."""
        self._pool.shutdown(cancel_futures=True)

    def _leave_from(self, loop: asyncio.AbstractEventLoop) -> None:
        with suppress(RuntimeError):  # the loop may be closed
            loop.call_soon_threadsafe(self._leave)

    def _leave(self) -> None:
        self._num_inside -= 1


class Service:
    """One worker's share of everything.

    Raises:
        BundleError: the bundle cannot be used.
        ConfigError: the bundle cannot promise ``max_error``.
    """

    def __init__(self, settings: Settings) -> None:
        limits = settings.limits
        self.settings = settings
        self.limits = limits
        self.bundle = cast(ServiceBundle, ServiceBundle.open(settings.bundle))
        self.reader = functools.lru_cache(maxsize=64)(self._reader)
        self.default_reader = self.reader(settings.max_error)
        self.metrics = Metrics()
        self.request_log = RequestLog()
        self.small_digits, self.large_digits = (
            Batcher(
                max_batch=most,
                max_waiting=limits.waiting_digits,
                deadline_s=limits.deadline_s,
                observe=self._batch_starts,
            )
            for most in (limits.batch, min(limits.batch, _LARGE_BATCH))
        )
        threads = limits.threads or os.cpu_count() or 1
        self.workers = Workers(threads, limits.waiting_pages, limits.deadline_s)
        self.is_ready = True
        self.held_bytes = 0
        _ = self.bundle.session  # so that the first caller does not wait for it
        if self.bundle.has_lines:
            _ = self.bundle.lines_session
        if self.bundle.has_strokes:
            _ = self.bundle.strokes_session

    def tell_waiting(self) -> None:
        """Bring the figures of what waits up to date."""
        digits = self.small_digits.num_waiting + self.large_digits.num_waiting
        self.metrics.waiting.labels("digits").set(digits)
        self.metrics.waiting.labels("pages").set(self.workers.num_waiting)

    def _batch_starts(self, num_digits: int) -> None:
        self.metrics.batch.observe(num_digits)
        self.tell_waiting()

    def _reader(self, max_error: float) -> Reader:
        return Reader(self.bundle, max_error=max_error)

    def close(self) -> None:
        """Finish what was begun."""
        self.small_digits.close()
        self.large_digits.close()
        self.workers.close()
        self.request_log.flush()
        self.metrics.close()


class Call(Request):
    """A request, with the service that it came to, and what is to be told of it afterwards."""

    def __init__(self, scope: "Scope", receive: "Receive", service: Service) -> None:
        super().__init__(scope, receive)
        self.service = service
        self.fields = dict(scope["headers"])  # of a name that came twice, the last
        given = self.fields.get(b"x-request-id", b"")
        is_good = _REQUEST_ID.fullmatch(given)
        self.id = given if is_good else b"%016x" % random.getrandbits(64)
        self.is_open_inference = scope["path"].startswith("/v2")
        self.held_bytes = 0
        self.num_digits = 0

    def field(self, name: bytes) -> str:
        """A header, or an empty text."""
        return str(self.fields.get(name, b""), "latin-1")

    def check_parameters(self, *known: str) -> None:
        """Refuse a query that asks for something else, such as ``max_eror``.

        Raises:
            RequestError: it does.
        """
        for name in self.query_params if self.scope["query_string"] else ():
            if name not in known:
                raise RequestError(
                    f"There is no parameter {name!r} in the query. Known: {', '.join(known)}."
                )

    def parameter(self, name: str, default: str, choices: tuple[str, ...] = ()) -> str:
        """One of the query.

        Raises:
            RequestError: it is none of the choices.
        """
        value = self.query_params.get(name, default) if self.scope["query_string"] else default
        if choices and value not in choices:
            raise RequestError(f"{name} is {value!r}, but must be one of: {', '.join(choices)}.")
        return str(value)

    @property
    def reader(self) -> Reader:
        """The reader with the dial where this request wants it.

        Raises:
            RequestError: max_error is no number.
            ConfigError: the bundle cannot promise it.
        """
        text = self.parameter("max_error", "")
        if not text:
            return self.service.default_reader
        try:
            return self.service.reader(float(text))
        except ValueError:
            raise RequestError(
                f"max_error is {text!r}, but must be a number, such as 0.01."
            ) from None

    async def content(self) -> bytes:
        """The whole body, within the limits.

        Raises:
            RequestTooLargeError: more bytes than the limit.
            SlowSenderError: it did not arrive in time.
            BusyError: too much is being received at this time.
            WrongTypeError: it is compressed.
            GoneError: the caller hung up.
        """
        limits = self.service.limits
        if self.field(b"content-encoding") not in ("", "identity"):
            raise WrongTypeError("The body is compressed. Send it as it is: pictures are already.")
        declared = self.field(b"content-length")
        if declared.isdecimal():
            self._check_size(int(declared))
        chunks: list[bytes] = []
        try:
            async with asyncio.timeout(limits.receive_s):
                is_whole = False
                while not is_whole:
                    message = await self.receive()
                    if message["type"] == "http.disconnect":
                        raise GoneError
                    chunk = message.get("body", b"")
                    self.hold(len(chunk))
                    self._check_size(self.held_bytes)
                    chunks.append(chunk)
                    is_whole = not message.get("more_body", False)
        except TimeoutError:
            raise SlowSenderError(
                f"{self.held_bytes:,} bytes came in {limits.receive_s:g} s, and not yet all. "
                "Send the request faster, or a smaller one."
            ) from None
        return b"".join(chunks) if len(chunks) > 1 else chunks[0]

    def release(self) -> None:
        """Give back what was held."""
        self.service.held_bytes -= self.held_bytes
        self.held_bytes = 0

    def hold(self, num_bytes: int) -> None:
        """Count what this request keeps in memory until it is answered.

        Raises:
            RequestTooLargeError: this one alone holds more than all may.
            BusyError: all requests together hold too much.
        """
        self.held_bytes += num_bytes
        self.service.held_bytes += num_bytes
        most = self.service.limits.held_bytes
        if self.held_bytes > most:
            raise RequestTooLargeError(
                f"The request takes {self.held_bytes:,} bytes or more, and the limit of all "
                f"together is {most:,}. Send a smaller picture, or fewer."
            )
        if self.service.held_bytes > most:
            raise BusyError(
                f"All requests together hold {most:,} bytes, which is the limit. "
                "Try again in a moment."
            )

    def _check_size(self, num_bytes: int) -> None:
        most = self.service.limits.body_bytes
        if num_bytes > most:
            raise RequestTooLargeError(
                f"The body has {num_bytes:,} bytes or more, and the limit is {most:,}. "
                "Send a smaller picture, or fewer."
            )


def answer(document: Any, media_type: str = JSON, status: int = 200) -> Response:
    """A document as JSON."""
    return Response(json.dumps(document), status, media_type=media_type)


def problem(error: InkdigitsError, request_id: str) -> dict[str, Any]:
    """An error as the document of RFC 9457, from the one table of errors."""
    means = outcome(error)
    name = re.sub(r"(?<!^)(?=[A-Z])", "-", type(error).__name__.removesuffix("Error")).lower()
    return {
        "type": f"urn:inkdigits:problem:{name}",
        "title": means.title,
        "status": means.http_status,
        "detail": str(error),
        "request_id": request_id,
    }


def refusal(error: InkdigitsError, call: Call) -> Response:
    """An error as the answer to a request, in the form that its caller understands."""
    document = problem(error, call.id.decode())
    if call.is_open_inference:
        status = 400 if document["status"] == 422 else document["status"]
        response = answer({"error": document["detail"]}, status=status)
    else:
        response = answer(document, PROBLEM, document["status"])
    if isinstance(error, BusyError):
        response.headers["retry-after"] = str(_RETRY_AFTER_S)
    if isinstance(error, UnauthorizedError):
        response.headers["www-authenticate"] = "Bearer"
    if isinstance(error, SlowSenderError):
        response.headers["connection"] = "close"
    return response


def elapsed_ms(started: float) -> float:
    """Milliseconds since a ``time.perf_counter()``."""
    return round((time.perf_counter() - started) * 1000, 3)
