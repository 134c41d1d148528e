"""All addresses together: the door that every request passes, and the routes behind it."""

import asyncio
import functools
import hmac
import signal
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from types import FrameType
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI, Request
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.routing import BaseRoute

from inkdigits.errors import (
    InkdigitsError,
    RequestError,
    UnauthorizedError,
    UnknownAddressError,
    WrongMethodError,
)
from inkdigits.service import openapi, page, v1
from inkdigits.service.core import Call, GoneError, Service, refusal
from inkdigits.service.metrics import log
from inkdigits.service.settings import Settings

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

Handler = Callable[[Call], Awaitable[Response]]

_CALL = "inkdigits.call"
_NO_ROUTE = "(none)"
_PAGE = "(page)"
_GONE_STATUS = 499  # nobody is there to see it; logs and figures do
_OPEN = ("/v2/health/live", "/v2/health/ready")  # to those who know no token
# Asked for most often, and thousands of times a second: these do not take the way through FastAPI.
_AT_ONCE: dict[tuple[str, str], Handler] = {("POST", "/v1/digits"): v1.digits}


def create_app(settings: Settings) -> "ASGIApp":
    """The service as an ASGI application.

    Raises:
        BundleError: the bundle cannot be used.
        ConfigError: the bundle cannot promise ``max_error``.
    """
    service = Service(settings)
    app: ASGIApp = Door(_routes(service), service)
    if settings.cors_origins:
        app = CORSMiddleware(
            app,
            allow_origins=settings.cors_origins,
            allow_methods=["GET", "POST"],
            allow_headers=["*"],
            expose_headers=[
                "X-Request-ID",
                "X-Inkdigits-Status",
                "Retry-After",
                "Inference-Header-Content-Length",
            ],
        )
    return app


def from_environment() -> "ASGIApp":
    """The same, as uvicorn's worker processes make it."""
    return create_app(Settings.from_environment())


class Door:
    """What every request passes: its id, the token, the page, and afterwards figures and logs."""

    def __init__(self, routes: "ASGIApp", service: Service) -> None:
        self._routes = routes
        self._service = service
        self._log = service.request_log
        self._token = service.settings.token.encode()
        self._files = page.files(service.bundle) if service.settings.has_page else {}

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Answer one request, whatever happens."""
        if scope["type"] != "http":
            await self._routes(scope, receive, send)
            return
        started = time.perf_counter()
        call = Call(scope, receive, self._service)
        status = 500

        async def send_on(message: "Message") -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] += (
                    (b"x-request-id", call.id),
                    (b"x-content-type-options", b"nosniff"),
                )
            await send(message)

        try:
            route = await self._answer(call, send_on)
        except GoneError:
            route, status = _route_of(call), _GONE_STATUS
        finally:
            call.release()
        self._tell(call, route, status, time.perf_counter() - started)

    async def _answer(self, call: Call, send: "Send") -> str:
        """Answer, and say by which route."""
        scope = call.scope
        method, path = scope["method"], scope["path"]
        response: Response | None = None
        try:
            file = self._files.get(path) if method in ("GET", "HEAD") else None
            if file is not None:
                route, response = _PAGE, file.answer(call)
            else:
                self._check_token(call)
                route = path
                if handler := _AT_ONCE.get((method, path)):
                    response = await handler(call)
        except InkdigitsError as error:
            route, response = _route_of(call), refusal(error, call)
        except GoneError:
            raise
        except Exception:  # noqa: BLE001 - it goes into the log, and the next request is another
            route, response = _route_of(call), _failure(call)
        if response is not None:
            await response(scope, call.receive, send)
            return route
        scope[_CALL] = call
        try:
            await self._routes(scope, call.receive, send)
        except GoneError:
            raise
        except Exception:  # noqa: BLE001 - it was answered and logged; the next request is another
            pass
        return _route_of(call)

    def _check_token(self, call: Call) -> None:
        if not self._token or call.scope["path"] in _OPEN:
            return
        scheme, _, token = call.fields.get(b"authorization", b"").partition(b" ")
        shown = token.strip()
        is_right = shown and hmac.compare_digest(shown, self._token.strip())
        if scheme.lower() != b"bearer" or not is_right:
            came = "Another token" if token else "No token"
            raise UnauthorizedError(
                f"{came} came. Send the one that the operator gave you in the header "
                "Authorization: Bearer …"
            )

    def _tell(self, call: Call, route: str, status: int, seconds: float) -> None:
        scope = call.scope
        method = scope["method"] if route != _NO_ROUTE else "*"
        self._service.metrics.told(route, method, status, seconds)
        if status >= 500 or self._service.settings.logs_requests:
            self._log.add(
                request_id=call.id.decode(),
                method=scope["method"],
                path=scope["path"],
                status=status,
                ms=round(seconds * 1000, 3),
                digits=call.num_digits,
            )


def _route_of(call: Call) -> str:
    """The address as it stands in the table of routes, of which there are few."""
    route = call.scope.get("route")
    path = call.scope["path"]
    if isinstance(route, BaseRoute):
        return str(getattr(route, "path", _NO_ROUTE))
    return path if (call.scope["method"], path) in _AT_ONCE else _NO_ROUTE


def _failure(call: Call) -> Response:
    """The answer to what should not happen, which goes into the log with its traceback."""
    log.exception("failure", extra={"fields": {"request_id": call.id.decode()}})
    error = InkdigitsError(
        "Something went wrong in the service. Its log says what, under this request's id."
    )
    return refusal(error, call)


class _Route(APIRoute):
    """A route that hands on the request as it came; FastAPI only finds it and describes it."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        async def handle(request: Request) -> Response:
            response: Response = await self.endpoint(_call_of(request))
            return response

        return handle


def _call_of(request: Request) -> Call:
    call: Call = request.scope[_CALL]
    return call


def _routes(service: Service) -> FastAPI:
    app = FastAPI(
        **openapi.INFO,
        lifespan=functools.partial(_lifespan, service),
        docs_url=None,  # they would come from other people's servers
        redoc_url=None,
        redirect_slashes=False,
    )
    app.router.route_class = _Route
    for path, method, handler, described in openapi.routes(service):
        app.add_api_route(path, handler, methods=[method], **described)
        if method == "GET":  # what HEAD asks, and the server leaves the body out
            app.add_api_route(path, handler, methods=["HEAD"], include_in_schema=False)
    openapi.complete(app.openapi(), service)  # which is kept, and takes a while
    app.add_exception_handler(InkdigitsError, _refuse)
    app.add_exception_handler(HTTPException, _refuse_http)
    app.add_exception_handler(GoneError, _let_go)
    app.add_exception_handler(Exception, _fail)
    return app


@asynccontextmanager
async def _lifespan(service: Service, _: FastAPI) -> AsyncIterator[dict[str, float]]:
    _drain_before_stop(service)
    yield {"receive_s": service.limits.receive_s}
    service.is_ready = False
    await asyncio.to_thread(service.close)


def _drain_before_stop(service: Service) -> None:
    """On SIGTERM, be not ready first, so that no more is sent; then let the server stop."""
    if threading.current_thread() is not threading.main_thread():
        return
    stop = signal.getsignal(signal.SIGTERM)
    loop = asyncio.get_running_loop()

    if not callable(stop):
        return

    def drain(number: int, frame: FrameType | None) -> None:
        service.is_ready = False
        seconds = service.limits.drain_s
        log.info("draining", extra={"fields": {"seconds": seconds}})
        loop.call_soon_threadsafe(lambda: loop.call_later(seconds, stop, number, frame))

    signal.signal(signal.SIGTERM, drain)


async def _refuse(request: Request, error: Exception) -> Response:
    known = error if isinstance(error, InkdigitsError) else RequestError(str(error))
    return refusal(known, _call_of(request))


async def _refuse_http(request: Request, error: Exception) -> Response:
    """What Starlette itself refuses: an address or a method that is not there."""
    path, method = request.scope["path"], request.scope["method"]
    if isinstance(error, HTTPException) and error.status_code == 405:
        allowed = (error.headers or {}).get("Allow", "")
        response = await _refuse(
            request, WrongMethodError(f"{method} does not work at {path}. Use: {allowed}.")
        )
        response.headers["allow"] = allowed
        return response
    message = f"There is nothing at {path}. All addresses stand in /openapi.json."
    return await _refuse(request, UnknownAddressError(message))


async def _let_go(_: Request, __: Exception) -> Response:
    """Nobody is there to be answered; the status is for the log and the figures."""
    return Response(status_code=_GONE_STATUS)


async def _fail(request: Request, _: Exception) -> Response:
    return _failure(_call_of(request))
