"""The table of addresses, and what the OpenAPI document says of each."""

from collections.abc import Awaitable, Callable
from importlib import metadata
from typing import Any, NamedTuple

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema
from starlette.responses import Response

from inkdigits.errors import (
    BadArrayError,
    BusyError,
    ConfigError,
    DeadlineError,
    ImageTooLargeError,
    InkdigitsError,
    RequestError,
    RequestTooLargeError,
    SlowSenderError,
    UnauthorizedError,
    UnknownAddressError,
    UnreadableImageError,
    WrongTypeError,
    outcome,
)
from inkdigits.reading import CSV_COLUMNS
from inkdigits.service import schemas, v1, v2
from inkdigits.service.core import JSON, PROBLEM, Call, Service, problem

_BINARY = "application/octet-stream"
_DIGIT = {
    "value": "4",
    "status": "review",
    "confidence": 0.871203,
    "box": [12, 8, 21, 30],
    "alternatives": [{"value": "9", "confidence": 0.128114}],
}
_PAGE = {
    "source": "note.jpg",
    "text": "4",
    "status": "review",
    "note": "",
    "turned_deg": 0,
    "lines": [{"text": "4", "box": [12, 8, 21, 30], "digits": [_DIGIT]}],
    "model": "inkdigits-shipped",
    "elapsed_ms": 41.7,
}
_FEW_PIXELS = [[255, 255, 255], [255, 0, 255], [255, 0, 255], [255, 255, 255]]
_MESSAGES: dict[type[InkdigitsError], str] = {
    BadArrayError: "The array holds -1 to 300. Expected 0 to 255, 0 to 1 as floats.",
    BusyError: "16 requests wait already, and at most 16 may. Try again in a moment.",
    ConfigError: "max_error is 0.0001, but the dial of this bundle goes from 0.001 up.",
    DeadlineError: "The answer was not there in 30 s. Send a smaller picture.",
    ImageTooLargeError: "The picture has 9,000 × 9,000 pixels, more than the limit. Scale it down.",
    RequestError: "mode is 'word', but must be one of: page, line, single.",
    RequestTooLargeError: "The body has 40,000,000 bytes or more, and the limit is 33,554,432.",
    SlowSenderError: "1,024 bytes came in 20 s, and not yet all. Send the request faster.",
    UnauthorizedError: "No token came. Send it in the header Authorization: Bearer …",
    UnknownAddressError: "There is no model 'x' here. There is one: 'inkdigits-shipped'.",
    UnreadableImageError: "The picture is truncated or damaged. Copy or save it again.",
    WrongTypeError: "A body of type text/plain came. Expected a picture as it is, or a form.",
}
_ANY = (UnauthorizedError,)
_BODY = (
    *_ANY, BusyError, DeadlineError, RequestError, RequestTooLargeError, SlowSenderError,
    WrongTypeError,
)  # fmt: skip
_PICTURE = (*_BODY, ConfigError, ImageTooLargeError, UnreadableImageError)

INFO: dict[str, Any] = {
    "title": "inkdigits",
    "version": metadata.version("inkdigits"),
    "summary": "Reads handwritten digits, and says so when it is not sure.",
    "description": "Pictures are read and forgotten: none is kept, and none stands in a log. "
    "Every answer carries `X-Request-ID`, which a request may bring itself.",
    "license_info": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
}

_REFERENCE = "#/components/schemas/{model}"


class Row(NamedTuple):
    """An address, who answers there, and how it is described."""

    path: str
    method: str
    handler: Callable[[Call], Awaitable[Response]]
    described: dict[str, Any]


def routes(service: Service) -> list[Row]:
    """All addresses but those of the page."""
    needs_token = bool(service.settings.token)
    rows = [*_v1(), *_v2(service)]
    for row in rows:
        row.described.setdefault("response_class", Response)
        if needs_token and not row.path.startswith("/v2/health"):
            row.described["openapi_extra"] = {
                **row.described.get("openapi_extra", {}),
                "security": [{"bearer": []}],
            }
    return rows


def complete(document: dict[str, Any], service: Service) -> None:
    """Add what the routes refer to by themselves: schemas of bodies and problems, and the token."""
    named = (schemas.Arrays, schemas.InferRequest, schemas.Page, schemas.Problem)
    _, found = models_json_schema(
        [(model, "validation") for model in named], ref_template=_REFERENCE
    )
    document["components"]["schemas"].update(found["$defs"])
    if service.settings.token:
        document["components"]["securitySchemes"] = {"bearer": {"type": "http", "scheme": "bearer"}}


def _v1() -> list[Row]:
    max_error = _query(
        "max_error",
        {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
        "Largest share of errors wanted among the digits that are ok; /v1/model shows the dial.",
    )
    mode = _query(
        "mode",
        {"type": "string", "enum": list(v1.MODES), "default": v1.MODES[0]},
        "Whether the picture is a page, one line, or one digit.",
    )
    form = _query(
        "format",
        {"type": "string", "enum": list(v1.FORMATS), "default": v1.FORMATS[0]},
        "JSON; the text alone, pages parted by a form feed; or CSV, a row a digit, or one for a "
        "page that has none.",
    )
    picture = {"schema": {"type": "string", "format": "binary"}}
    raw = {"image/*": picture, "application/pdf": picture, _BINARY: picture}
    page = _schema(schemas.Page)
    read = {
        JSON: {
            "schema": {"oneOf": [page, {"type": "array", "items": page}]},
            "examples": {
                "page": {"summary": "a picture", "value": _PAGE},
                "pages": {
                    "summary": "a TIFF of several pages",
                    "value": [{**_PAGE, "source": f"note.tif#{number}"} for number in (1, 2)],
                },
            },
        },
        "text/plain": {"schema": {"type": "string"}, "example": "4071\n23"},
        "text/csv": {
            "schema": {"type": "string"},
            "example": f"{','.join(CSV_COLUMNS)}\nnote.jpg,1,1,4,review,0.871203,12,8,21,30\n",
        },
    }
    digits = {"digits": [_DIGIT], "model": "inkdigits-shipped", "elapsed_ms": 1.9}
    return [
        Row(
            "/v1/digits",
            "POST",
            v1.digits,
            {
                "summary": "Read pictures of one digit each",
                "description": "A picture as it is, a form with files, or arrays in JSON. Any "
                "size, dark on light or light on dark.",
                "responses": {
                    **_answers(schemas.Digits, digits),
                    **_problems(*_PICTURE, BadArrayError),
                },
                "openapi_extra": {
                    "parameters": [max_error],
                    "requestBody": _body(
                        {
                            JSON: {
                                "schema": _schema(schemas.Arrays),
                                "example": {"images": [_FEW_PIXELS]},
                            },
                            "multipart/form-data": {"schema": _form("files", is_many=True)},
                            **raw,
                        }
                    ),
                },
            },
        ),
        Row(
            "/v1/read",
            "POST",
            v1.read,
            {
                "summary": "Read a picture",
                "description": "A photographed or scanned page, a line, or a digit: PNG, JPEG, "
                "BMP, TIFF, WebP or GIF, as it is or as the file of a form. Of a TIFF of several "
                "pages, the answer is a list.",
                "responses": {
                    200: {"description": "What was read.", "content": read},
                    **_problems(*_PICTURE),
                },
                "openapi_extra": {
                    "parameters": [mode, max_error, form],
                    "requestBody": _body(
                        {"multipart/form-data": {"schema": _form("file", is_many=False)}, **raw}
                    ),
                },
            },
        ),
        Row(
            "/v1/model",
            "GET",
            v1.model,
            {
                "summary": "What reads",
                "description": "Name, dial, licence and hash of the bundle.",
                "responses": {
                    **_answers(
                        schemas.Model,
                        {
                            "name": "inkdigits-shipped",
                            "classes": "0123456789",
                            "max_error": 0.002,
                            "threshold": 0.9537,
                            "dial": [
                                {
                                    "max_error": 0.002,
                                    "threshold": 0.9537,
                                    "share_answered": 0.9718,
                                    "num_calibration": 6069,
                                }
                            ],
                            "rejects": True,
                            "num_bytes": 535965,
                            "sha256": "0" * 64,
                            "lines_sha256": "0" * 64,
                            "strokes_sha256": "0" * 64,
                            "licence": "Apache-2.0",
                            "attribution": ["MNIST (Y. LeCun, C. Cortes; CC BY-SA 3.0)"],
                        },
                    ),
                    **_problems(*_ANY),
                },
            },
        ),
        Row(
            "/metrics",
            "GET",
            v1.metrics,
            {
                "summary": "Figures for Prometheus",
                "description": "Requests, latency, what waits, digits by status.",
                "responses": {
                    200: {
                        "description": "in Prometheus' text format",
                        "content": {
                            "text/plain": {
                                "schema": {"type": "string"},
                                "example": 'inkdigits_digits_total{status="ok"} 4071.0\n',
                            }
                        },
                    },
                    **_problems(*_ANY),
                },
            },
        ),
    ]


def _v2(service: Service) -> list[Row]:
    name = service.bundle.name
    classes = len(service.bundle.classes)
    found = {
        "name": "inkdigits",
        "version": metadata.version("inkdigits"),
        "extensions": ["binary_tensor_data"],
    }
    described = {
        "name": name,
        "versions": [v2.VERSION],
        "platform": "onnx_onnxv1",
        "inputs": [{"name": "ink", "datatype": "FP32", "shape": [-1, -1, -1]}],
        "outputs": v2.tensors(classes),
    }
    asked = {
        "id": "42",
        "inputs": [
            {
                "name": "ink",
                "shape": [1, 4, 3],
                "datatype": "FP32",
                "data": [0, 0, 0, 0, 1, 0, 0, 1, 0, 0, 0, 0],
            }
        ],
        "outputs": [{"name": "value"}],
    }
    answered = {
        "model_name": name,
        "model_version": v2.VERSION,
        "id": "42",
        "outputs": [{"name": "value", "shape": [1], "datatype": "BYTES", "data": ["1"]}],
    }
    infer = {
        JSON: {"example": answered},
        _BINARY: {"schema": {"type": "string", "format": "binary"}},
    }
    not_ready: dict[int | str, Any] = {503: {"description": "Not ready", "model": schemas.Live}}
    rows = [
        _get("/v2/health/live", v2.live, "Server live", _answers(schemas.Live, {"live": True})),
        _get(
            "/v2/health/ready",
            v2.ready,
            "Server ready",
            {**_answers(schemas.Live, {"live": True}), **not_ready},
        ),
    ]
    rows += [
        _get(
            path,
            v2.server,
            "Server metadata",
            {**_answers(schemas.Server, found), **_v2_errors(*_ANY)},
        )
        for path in ("/v2", "/v2/")
    ]
    for base in ("/v2/models/{name}", "/v2/models/{name}/versions/{version}"):
        examples = {"name": name, "version": v2.VERSION}
        parameters = [
            {
                "name": part,
                "in": "path",
                "required": True,
                "schema": {"type": "string"},
                "example": example,
            }
            for part, example in examples.items()
            if f"{{{part}}}" in base
        ]
        unknown = _v2_errors(*_ANY, UnknownAddressError)
        rows += [
            _get(
                base,
                v2.model,
                "Model metadata",
                {**_answers(schemas.ModelMetadata, described), **unknown},
                parameters,
            ),
            _get(
                f"{base}/ready",
                v2.model_ready,
                "Model ready",
                {
                    **_answers(schemas.ModelReady, {"name": name, "ready": True}),
                    **unknown,
                    503: {"description": "Not ready", "model": schemas.ModelReady},
                },
                parameters,
            ),
            Row(
                f"{base}/infer",
                "POST",
                v2.infer,
                {
                    "summary": "Inference",
                    "description": "Of (n, height, width) ink: what the graph says, and value, "
                    "confidence and status of each digit. With `Inference-Header-Content-Length`, "
                    "tensors come as bytes behind the JSON.",
                    "responses": {
                        **_answers(schemas.InferResponse, answered, content=infer),
                        **_v2_errors(*_BODY, UnknownAddressError),
                    },
                    "openapi_extra": {
                        "parameters": [
                            *parameters,
                            {
                                "name": "Inference-Header-Content-Length",
                                "in": "header",
                                "required": False,
                                "schema": {"type": "integer", "minimum": 0},
                                "description": "Bytes of JSON, where tensors follow it.",
                            },
                        ],
                        "requestBody": _body(
                            {
                                JSON: {
                                    "schema": _schema(schemas.InferRequest),
                                    "example": asked,
                                },
                            }
                        ),
                    },
                },
            ),
        ]
    return rows


def _get(
    path: str,
    handler: Callable[[Call], Awaitable[Response]],
    summary: str,
    responses: dict[int | str, Any],
    parameters: list[dict[str, Any]] | None = None,
) -> Row:
    extra = {"parameters": parameters} if parameters else {}
    text = (handler.__doc__ or "").strip()
    described = {"summary": summary, "description": text, "responses": responses}
    return Row(path, "GET", handler, {**described, "openapi_extra": extra})


def _answers(
    model: type[BaseModel], example: Any, *, content: dict[str, Any] | None = None
) -> dict[int | str, Any]:
    shown = content or {JSON: {"example": example}}
    return {200: {"description": (model.__doc__ or "").strip(), "model": model, "content": shown}}


def _problems(*kinds: type[InkdigitsError]) -> dict[int | str, Any]:
    """The refusals, by status: several errors may share one."""
    responses: dict[int | str, Any] = {}
    for kind in kinds:
        error = kind(_MESSAGES[kind])
        means = outcome(error)
        response = responses.setdefault(
            means.http_status,
            {
                "description": means.title,
                "content": {
                    PROBLEM: {
                        "schema": _schema(schemas.Problem),
                        "examples": {},
                    }
                },
            },
        )
        if means.title not in response["description"]:
            response["description"] += f"; {means.title}"
        response["content"][PROBLEM]["examples"][kind.__name__] = {
            "summary": means.title,
            "value": problem(error, "3f0c9a51b2d47e68"),
        }
        if kind is BusyError:
            response["headers"] = {
                "Retry-After": {"description": "seconds", "schema": {"type": "integer"}}
            }
    return responses


def _v2_errors(*kinds: type[InkdigitsError]) -> dict[int | str, Any]:
    responses: dict[int | str, Any] = {}
    for kind in kinds:
        means = outcome(kind(_MESSAGES[kind]))
        status = 400 if means.http_status == 422 else means.http_status
        responses[status] = {
            "description": means.title,
            "model": schemas.InferError,
            "content": {JSON: {"example": {"error": _MESSAGES[kind]}}},
        }
    return responses


def _schema(model: type[BaseModel]) -> dict[str, Any]:
    return {"$ref": _REFERENCE.format(model=model.__name__)}


def _query(name: str, schema: dict[str, Any], description: str) -> dict[str, Any]:
    return {
        "name": name,
        "in": "query",
        "required": False,
        "schema": schema,
        "description": description,
    }


def _body(content: dict[str, Any]) -> dict[str, Any]:
    return {"required": True, "content": content}


def _form(name: str, *, is_many: bool) -> dict[str, Any]:
    file = {"type": "string", "format": "binary"}
    field = {"type": "array", "items": file, "minItems": 1} if is_many else file
    return {"type": "object", "properties": {name: field}, "required": [name]}
