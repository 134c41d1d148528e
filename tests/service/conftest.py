"""A live service on a free port of this machine, set up as a test wants it."""

import io
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import httpx
import numpy as np
import pytest
import uvicorn
from numpy.typing import NDArray
from PIL import Image

from inkdigits.reader import Reader
from inkdigits.service.app import create_app
from inkdigits.service.server import Protocol
from inkdigits.service.settings import LimitsConfig, Settings
from inkdigits.synthesis.strokes import draw_digit

Pixels = NDArray[np.uint8]
Serve = Callable[..., httpx.Client]


@contextmanager
def running(settings: Settings) -> Iterator[httpx.Client]:
    """The service in a thread of this process, and a client that knows where."""
    config = uvicorn.Config(
        create_app(settings), port=0, http=Protocol, ws="none", lifespan="on", log_config=None
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
            yield client
    finally:
        server.should_exit = True
        thread.join(60)


@pytest.fixture(scope="session")
def client() -> Iterator[httpx.Client]:
    """A service as it is without any option, for tests that leave it as it is."""
    with running(Settings(logs_requests=False)) as found:
        yield found


@pytest.fixture
def serve() -> Iterator[Serve]:
    """A service of one's own: ``serve(limits={"images": 2}, token="x")``."""
    with ExitStack() as stack:

        def start(limits: dict[str, Any] | None = None, **options: Any) -> httpx.Client:
            settings = Settings(
                limits=LimitsConfig(**(limits or {})), **{"logs_requests": False, **options}
            )
            return stack.enter_context(running(settings))

        yield start


@pytest.fixture(scope="session")
def reader() -> Reader:
    """What the service's answers are compared with."""
    return Reader()


@pytest.fixture(scope="session")
def digits() -> list[Pixels]:
    """Drawn digits, 28 × 28, white on black: the first is a 0, the eleventh again."""
    rng = np.random.default_rng(5)
    drawn = [draw_digit(number % 10, rng, 28) for number in range(40)]
    return [np.round(255 * ink).astype(np.uint8) for ink in drawn]


@pytest.fixture(scope="session")
def page() -> Pixels:
    """Two rows of drawn digits, black on white."""
    rng = np.random.default_rng(3)
    sheet = np.full((300, 420), 255, np.uint8)
    for row, values in enumerate(("4071", "23")):
        for column, value in enumerate(values):
            ink = np.round(255 * draw_digit(int(value), rng, 60)).astype(np.uint8)
            top, left = 50 + 120 * row, 40 + 90 * column
            sheet[top : top + 60, left : left + 60] -= ink
    return sheet


@pytest.fixture(scope="session")
def encoded() -> Callable[..., bytes]:
    """Pixels as a file, PNG if nothing else is said."""

    def encode(pixels: Pixels, kind: str = "PNG", **options: Any) -> bytes:
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, kind, **options)
        return file.getvalue()

    return encode
