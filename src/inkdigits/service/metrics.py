"""What an operator sees: figures for Prometheus, and a line of JSON for all that happens."""

import asyncio
import datetime
import json
import logging
import os
import sys
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    exposition,
)
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from inkdigits.reading import Digit, Status

MULTIPROCESS_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"  # prometheus-client's own
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_FLUSH_S, _FLUSH_LINES = 0.25, 64
_DIGITS = (1, 2, 4, 8, 16, 32, 64, 128)

log = logging.getLogger("inkdigits.service")


class Metrics:
    """The figures of one worker; with several workers, each tells those of all."""

    content_type = exposition.CONTENT_TYPE_LATEST

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        if MULTIPROCESS_VARIABLE not in os.environ:
            ProcessCollector(registry=registry)
        self.requests = Counter(
            "inkdigits_requests",
            "Requests answered.",
            ("route", "method", "status"),
            registry=registry,
        )
        self.seconds = Histogram(
            "inkdigits_request_seconds",
            "Time from a request's first line to its answer.",
            ("route",),
            buckets=_SECONDS,
            registry=registry,
        )
        self.digits = Counter("inkdigits_digits", "Digits read.", ("status",), registry=registry)
        self.waiting = Gauge(
            "inkdigits_waiting",
            "What waits for its turn.",
            ("queue",),
            multiprocess_mode="livesum",
            registry=registry,
        )
        self._children: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
        self._by_status = {status: self.digits.labels(status.value) for status in Status}
        self.batch = Histogram(
            "inkdigits_batch_digits",
            "Single digits read together.",
            buckets=_DIGITS,
            registry=registry,
        )

    def told(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count a request."""
        key = (route, method, status)
        if key not in self._children:
            counter = self.requests.labels(route, method, str(status))
            self._children[key] = (counter, self.seconds.labels(route))
        counter, histogram = self._children[key]
        counter.inc()
        histogram.observe(seconds)

    def count(self, digits: Iterable[Digit]) -> None:
        """Count digits that were read, by status."""
        for digit in digits:
            self._by_status[digit.status].inc()

    def close(self) -> None:
        """Take what this worker has waiting out of the figures of all."""
        if MULTIPROCESS_VARIABLE in os.environ:
            mark_process_dead(os.getpid())  # type: ignore[no-untyped-call]

    def exposed(self) -> bytes:
        """The text that Prometheus scrapes."""
        registry = self._registry
        if MULTIPROCESS_VARIABLE in os.environ:
            registry = CollectorRegistry()
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return exposition.generate_latest(registry)


class JsonFormatter(logging.Formatter):
    """A log record as one line of JSON; what is given as ``extra={"fields": …}`` stands in it."""

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        when = datetime.datetime.fromtimestamp(record.created, datetime.UTC)
        line: dict[str, Any] = {
            "time": when.isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


class RequestLog:
    """A line for each request; many lines are written at once, so that the disk holds up nobody."""

    def __init__(self) -> None:
        self._lines: list[str] = []

    def add(self, *, status: int, **fields: Any) -> None:
        """Write a line, a moment later."""
        when = datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")
        level = "error" if status >= 500 else "info"
        line = {"time": when, "level": level, "event": "request", "status": status, **fields}
        self._lines.append(json.dumps(line) + "\n")
        if len(self._lines) == 1:
            asyncio.get_running_loop().call_later(_FLUSH_S, self.flush)
        elif len(self._lines) >= _FLUSH_LINES:
            self.flush()

    def flush(self) -> None:
        """Write what there is."""
        text = "".join(self._lines)
        self._lines.clear()
        with suppress(OSError, ValueError):  # nobody reads the log any more
            sys.stderr.write(text)
            sys.stderr.flush()


LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": "inkdigits.service.metrics.JsonFormatter"}},
    "handlers": {
        "stderr": {
            "class": "logging.StreamHandler",
            "formatter": "json",
            "stream": "ext://sys.stderr",
        }
    },
    "loggers": {
        name: {"handlers": ["stderr"], "level": "INFO", "propagate": False}
        for name in ("inkdigits", "uvicorn")
    },
}
