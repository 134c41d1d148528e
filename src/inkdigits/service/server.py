"""Uvicorn, set up so that a slow sender holds nothing but its own connection."""

import asyncio
import math
import os
import socket
import tempfile
from contextlib import ExitStack
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from inkdigits.errors import ConfigError
from inkdigits.reader import Reader
from inkdigits.service.metrics import LOGGING, MULTIPROCESS_VARIABLE
from inkdigits.service.settings import SETTINGS_VARIABLE, Settings

_KEEP_ALIVE_S = 75
_SPARE_S = 5
_HEAD_BYTES = 65_536
_TOO_LONG = (
    f"The head of the request has more than {_HEAD_BYTES:,} bytes. Send fewer or shorter headers."
)


class Protocol(HttpToolsProtocol):
    """HTTP/1.1 that hangs up on whoever takes too long, or too much, over the head of a request."""

    _too_slow: asyncio.TimerHandle | None = None
    _is_in_head = True
    _head_bytes = 0

    def connection_made(self, transport: Any) -> None:
        """Wait for the first request, but not forever."""
        super().connection_made(transport)
        self._await_head()

    def data_received(self, data: bytes) -> None:
        """Take what came, as long as somebody watches the time and the size."""
        self._head_bytes += len(data)
        super().data_received(data)
        if self.transport.is_closing():
            return
        is_answered = getattr(self.cycle, "response_complete", True)  # there may be none yet
        if self._is_in_head and self._head_bytes > _HEAD_BYTES:
            self._refuse_head(is_answered=is_answered)
        elif is_answered and self._too_slow is None:  # a refused body, or what is no request:
            self._await_head()  # uvicorn has just stopped its own clock

    def on_message_begin(self) -> None:
        """Wait for the rest of a request's head, but not forever."""
        super().on_message_begin()
        self._is_in_head, self._head_bytes = True, 0
        self._await_head()

    def on_headers_complete(self) -> None:
        """From here on the application watches the time."""
        self._is_in_head = False
        self._stop_waiting()
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is waited for any more."""
        self._stop_waiting()
        super().connection_lost(exc)

    def _await_head(self) -> None:
        self._stop_waiting()
        self._too_slow = self.loop.call_later(self.app_state["receive_s"], self._hang_up)

    def _stop_waiting(self) -> None:
        if self._too_slow is not None:
            self._too_slow.cancel()
            self._too_slow = None

    def _refuse_head(self, *, is_answered: bool) -> None:
        if is_answered:  # else this would fall into the answer to the request before
            self.transport.write(
                b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\n"
                b"content-type: text/plain; charset=utf-8\r\n"
                b"content-length: %d\r\n\r\n%s" % (len(_TOO_LONG), _TOO_LONG.encode())
            )
        self._hang_up()

    def _hang_up(self) -> None:
        if not self.transport.is_closing():
            self.transport.close()


def check(settings: Settings, *, host: str, port: int) -> None:
    """See to it before anything starts that it can.

    Raises:
        BundleError: the bundle, or a graph of it, cannot be used.
        ConfigError: the bundle cannot promise ``max_error``, or nobody can listen there.
    """
    bundle = Reader(settings.bundle, max_error=settings.max_error).bundle
    _ = bundle.session
    _ = bundle.lines_session if bundle.has_lines else None
    _ = bundle.strokes_session if bundle.has_strokes else None
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        socket.create_server((host, port), family=family).close()
    except (OSError, OverflowError) as error:
        raise ConfigError(
            f"Nobody can listen at {host}, port {port}: {error}. Name others with --host or --port."
        ) from error


def run(settings: Settings, *, host: str, port: int, workers: int) -> None:
    """Serve until told to stop.

    Args:
        settings: of the service.
        host: to listen at.
        port: to listen at.
        workers: processes, each with the whole service in it.
    """
    os.environ[SETTINGS_VARIABLE] = settings.to_json()
    with ExitStack() as stack:
        if workers > 1:  # the figures of all lie in files that each of them can read
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="inkdigits-metrics-"))
            os.environ[MULTIPROCESS_VARIABLE] = folder
        uvicorn.run(
            "inkdigits.service.app:from_environment",
            factory=True,
            host=host,
            port=port,
            workers=workers,
            http=Protocol,
            ws="none",
            lifespan="on",
            log_config=LOGGING,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=_KEEP_ALIVE_S,
            timeout_graceful_shutdown=math.ceil(settings.limits.deadline_s) + _SPARE_S,
        )
