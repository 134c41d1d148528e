"""`inkdigits serve`: the page and the service."""

import os
import re
from pathlib import Path
from typing import Annotated

import typer

from inkdigits.decide import DEFAULT_MAX_ERROR
from inkdigits.errors import MissingExtraError


def serve(
    host: Annotated[
        str, typer.Option(help="Where to listen; 0.0.0.0 is everywhere.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Where to listen.", min=1, max=65_535)] = 8000,
    workers: Annotated[int, typer.Option(help="Processes that serve.", min=1)] = 1,
    bundle: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A .digits file; else the one that ships.")
    ] = None,
    max_error: Annotated[
        float, typer.Option(help="Largest share of errors wanted among the digits that are ok.")
    ] = DEFAULT_MAX_ERROR,
    page: Annotated[
        bool | None,
        typer.Option(
            "--page/--no-page",
            help="Serve the page, and the model that it runs in the browser: on by default, "
            "off with a token in INKDIGITS_TOKEN, which the page cannot show.",
        ),
    ] = None,
    cors_origins: Annotated[
        list[str] | None,
        typer.Option(
            "--cors-origin",
            metavar="URL",
            help="A web page's origin that may call, such as https://example.edu; may be repeated.",
        ),
    ] = None,
    limits: Annotated[
        list[str] | None,
        typer.Option(
            "--limit",
            metavar="NAME=VALUE",
            help="Such as images=64; may be repeated. There are: body_bytes, pixels, images, "
            "threads, waiting_pages, waiting_digits, batch, held_bytes, receive_s, deadline_s, "
            "drain_s.",
        ),
    ] = None,
    log_requests: Annotated[
        bool, typer.Option(help="Log each request, not only those with status 500 or more.")
    ] = True,
) -> None:
    """Serve the page, where a person draws and sees the answer, and the HTTP service.

    INKDIGITS_TOKEN in the environment makes it ask callers for that token. Logs go to standard
    error, a line of JSON each; pictures are never kept nor logged.
    """
    from inkdigits.service.settings import TOKEN_VARIABLE, LimitsConfig, Settings

    for origin in cors_origins or ():
        if not re.fullmatch(r"\*|https?://[^/\s]+/?", origin):
            raise typer.BadParameter(
                f"--cors-origin is {origin!r}, but must be an origin as browsers send it, such as "
                "https://example.edu, or * for any."
            )
    token = os.environ.get(TOKEN_VARIABLE, "")
    settings = Settings(
        bundle=None if bundle is None else str(bundle.resolve()),
        max_error=max_error,
        limits=LimitsConfig.of(limits or []),
        token=token,
        cors_origins=tuple(origin.rstrip("/") for origin in cors_origins or ()),
        has_page=not token if page is None else page,
        logs_requests=log_requests,
    )
    try:
        from inkdigits.service.page import FOLDER
        from inkdigits.service.server import check, run
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] == "inkdigits":
            raise
        raise MissingExtraError("Serving", "serve") from error
    check(settings, host=host, port=port)
    print(
        f"inkdigits at http://{f'[{host}]' if ':' in host else host}:{port}/ (Ctrl-C stops it)",
        flush=True,
    )
    if settings.has_page and not (FOLDER / "index.html").is_file():
        print(
            "The page is not built: with Node installed, run `make web`. The API works.", flush=True
        )
    run(settings, host=host, port=port, workers=workers)
