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

from inkdigits.bundle import Bundle
from inkdigits.decide import Rule
from inkdigits.errors import ConfigError
from inkdigits.service.metrics import LOGGING, MULTIPROCESS_VARIABLE
from inkdigits.service.settings import SETTINGS_VARIABLE, Settings

_KEEP_ALIVE_S = 75
_SPARE_S = 5


class Protocol(HttpToolsProtocol):
    """HTTP/1.1 that hangs up on whoever takes too long over the head of a request."""

    _too_slow: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Wait for the first request, but not forever."""
        super().connection_made(transport)
        self._await_head()

    def on_message_begin(self) -> None:
        """Wait for the rest of a request's head, but not forever."""
        super().on_message_begin()
        self._await_head()

    def on_headers_complete(self) -> None:
        """From here on the application watches the time."""
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

    def _hang_up(self) -> None:
        if not self.transport.is_closing():
            self.transport.close()


def check(settings: Settings, *, host: str, port: int) -> None:
    """See to it before anything starts that it can.

    Raises:
        BundleError: the bundle cannot be used.
        ConfigError: the bundle cannot promise ``max_error``, or nobody can listen there.
    """
    Rule.of(Bundle.open(settings.bundle).manifest, settings.max_error)
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
